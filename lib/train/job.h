/* A training as lin-train and vq-train run it: what all families of models on the loop have in
 * common.
 * SPDX-License-Identifier: MIT
 *
 * Options become a loop, a checkpoint is found and checked against them, progress is shown, and
 * the model is written with where it comes from.  A family (language.c) brings the data, the
 * objective and how a model is written:
 *
 *     struct pl_job job = {.run = run, .command = command, .options = &command->train, ...};
 *     status = pl_job_open(&job, recipe);       (options; the checkpoint to resume, if any)
 *     ... the model and its data, with what job.resumed holds ...
 *     status = pl_job_run(&job);
 *     pl_job_close(&job); */
#ifndef PL_TRAIN_JOB_H
#define PL_TRAIN_JOB_H

#include "cli/tool.h"
#include "formats/input.h"
#include "stream/history.h"
#include "train/loop.h"
#include "train/recipe.h"

/* A model to go on with or to start with.  Its file is read once: it may be a pipe. */
struct pl_start {
    struct pl_source source;
    struct pl_bundle bundle;
};

/* The options of lin-train that are about steps; what is not given comes from a recipe. */
struct pl_train_options {
    int64_t steps, batch, accumulate;
    double rate, least, warmup, decay, clip, momentum;
    int schedule, optimiser; /* enum pl_schedule_kind, enum pl_optimiser_kind */
    int64_t validate_every;
    const char *valid;  /* data to validate on */
    double valid_share; /* of the data, at its end, held out to validate on */
    const char *log, *checkpoint, *checkpoint_every, *resume;
    struct pl_start start; /* what resume, or from of pictures, names */
};

/* Rows for a struct s whose member m is a struct pl_train_options. */
/* clang-format off */
#define PL_TRAIN_OPTIONS(s, m)                                                                     \
    PL_INT(s, m.steps, "steps", 0, NULL, 0, 1e12, "N",                                             \
           "updates of the weights; language models: 1000", "600"),                                \
    PL_INT(s, m.batch, "batch", 0, NULL, 1, 1e6, "N",                                              \
           "windows or samples that go through the model together; language models and adam: 32; "  \
           "classifiers: 100",                                                                     \
           "16"),                                                                                  \
    PL_INT(s, m.accumulate, "accumulate", 0, NULL, 1, 1e6, "N",                                    \
           "batches whose gradients are added up for one step; 1 when not given", "4"),            \
    PL_REAL(s, m.rate, "lr", 0, NULL, 0, 1e12, "RATE",                                             \
            "the highest learning rate; language models: 0.003; classifiers: 0.001; adam: 0.005, " \
            "in the first two epochs",                                                                              \
            "0.004"),                                                                              \
    PL_CHOICE(s, m.schedule, "schedule", 0, NULL, PL_SCHEDULES, "SHAPE",                           \
              "how the rate falls after the warm-up; language models: cosine; classifiers: constant"),                    \
    PL_REAL(s, m.warmup, "warmup", 0, NULL, 0, 1e12, "SHARE",                                      \
            "share of the steps in which the rate rises, from 1 on their number; language models: " \
            "0.05; classifiers: 0",                                                                \
            "0.1"),                                                                                \
    PL_REAL(s, m.least, "min-lr", 0, NULL, 0, 1, "SHARE",                                          \
            "share of the highest rate that is left at the end; language models: 0.1; classifiers: 0", "0"),       \
    PL_CHOICE(s, m.optimiser, "optimiser", 0, NULL, PL_OPTIMISERS, "OPTIMISER",                    \
              "language models and classifiers: adamw"),                                                           \
    PL_REAL(s, m.decay, "wd", 0, NULL, 0, 1e3, "DECAY",                                            \
            "weight decay of matrices and filters; norms, biases and what is one number a head " \
           "have none; language models: 0.01; " \
            "classifiers: 0",                                                                      \
            "0.1"),                                                                                \
    PL_REAL(s, m.momentum, "momentum", 0, NULL, 0, 1, "FACTOR",                                    \
            "with sgd; 0.9 when not given", "0"),                                                  \
    PL_REAL(s, m.clip, "clip", 0, NULL, 0, 1e12, "NORM",                                           \
            "gradients are scaled down to this norm; 0: never; language models: 1; classifiers: 0", "0.5"),        \
    PL_INT(s, m.validate_every, "eval-every", 0, NULL, 0, 1e12, "STEPS",                            \
           "measure the validation loss every so many steps; at the end alone when not given", "100"),         \
    PL_TEXT(s, m.valid, "valid", 0, NULL, "FILE",                                                  \
            "data to measure the validation loss on", "held-out.txt"),                             \
    PL_REAL(s, m.valid_share, "valid-share", 0, NULL, 0, 0.999, "SHARE",                           \
            "share of the data, at its end, to leave out and measure the validation loss on",      \
            "0.1"),                                                                                \
    PL_CHECKPOINT_OPTIONS(s, m)
/* Those that change nothing of the result. */
#define PL_CHECKPOINT_OPTIONS(s, m)                                                                \
    PL_TEXT(s, m.log, "log", 0, NULL, "FILE",                                                      \
            "write a CSV row a step: loss, validation loss if any, rate, norm of the gradient",          \
            "run.csv"),                                                                            \
    PL_TEXT(s, m.checkpoint, "checkpoint", 0, NULL, "FILE",                                        \
            "where the state of the training is saved: now and then, and on SIGTERM or SIGINT",    \
            "ck.plumb"),                                                                           \
    PL_TEXT(s, m.checkpoint_every, "checkpoint-every", 0, NULL, "TIME",                           \
            "time between checkpoints, in s, m or h; 10m when not given; 0: only when stopped", "30s"),                \
    PL_TEXT(s, m.resume, "resume", 0, NULL, "FILE",                                                \
            "go on from a checkpoint, to the same model as without the break", "ck.plumb")
/* clang-format on */

/* Items of a recipe that all families on the loop have in common, with their defaults. */
#define PL_TRAIN_RECIPE "accumulate=1", "momentum=0.9"

struct pl_job {
    /* Set by the caller. */
    struct pl_run *run;
    void *command;                    /* the struct of the tool's table */
    struct pl_train_options *options; /* in it */
    struct pl_objective objective;
    const char *reads; /* NULL, or a file that is read beside data and checkpoint */
    const char *unit;  /* of objective.units: "tokens" */
    int64_t data;      /* size of the data, and what tells them from others: */
    uint32_t data_sum; /* a resumed run must find the same */
    /* Writes the model's records; training is kept in its document. */
    enum pl_status (*write)(void *self, struct pl_context *context,
                            const struct pl_meta_node *training, struct pl_writer *writer);
    /* Adds what the model is made from; NULL: history was started with it. */
    enum pl_status (*inputs)(void *self, struct pl_context *context, struct pl_history *history);
    /* NULL, or called after the last step: what is to be done before the model is written. */
    enum pl_status (*finish)(void *self, struct pl_context *context);
    struct pl_history history; /* released by pl_job_close */
    /* Set by the functions. */
    const char *const *recipe;
    const struct pl_bundle *resumed; /* the checkpoint; NULL without --resume */
    struct pl_loop loop;
};

/* Sets the options that were not given: from the checkpoint, if --resume names one, or from the
 * recipe.  PL_USAGE lists the options that say otherwise than the checkpoint. */
enum pl_status pl_job_open(struct pl_job *job, const char *const *recipe) PL_MUST_CHECK;

/* Bytes of weights and, of those that are trained, gradients and the two means of AdamW. */
double pl_training_bytes(const struct pl_parameters *parameters);

/* Gives parameters the values they start with, once it is known that the machine has room to train
 * them.  With --explain they have none: sizes are known without. */
enum pl_status pl_job_parameters(const struct pl_job *job, struct pl_parameters *parameters,
                                 double deviation) PL_MUST_CHECK;

/* A loss above this one has diverged: twenty times that of guessing among so many choices. */
double pl_diverged_loss(int64_t choices);

/* Trains, then writes the model.  When it was stopped, the checkpoint is written, nothing else, and
 * the tool ends by the signal. */
enum pl_status pl_job_run(struct pl_job *job, struct pl_writer *writer) PL_MUST_CHECK;
void pl_job_close(struct pl_job *job);

#endif
