/* The training loop: steps of an optimiser, watched, logged, saved and resumed.
 * SPDX-License-Identifier: MIT
 *
 *     struct pl_loop loop = {.context = context, .objective = &objective, .options = options};
 *     status = pl_loop_start(&loop);           (memory, optimiser)
 *     status = pl_loop_read(&loop, bundle);    (to resume: what pl_loop_write wrote)
 *     status = pl_loop_run(&loop);             (to the last step, or until it is stopped)
 *     pl_loop_release(&loop);
 *
 * What is trained is an objective: the loss of one micro-batch after the other.  A step adds the
 * gradients of `accumulate` micro-batches, each by its weight among them, so that it is the step of
 * one batch of them all; it clips their norm and lets the optimiser go on.  Micro-batches are
 * numbered through the whole run and a number alone, with the seed, decides what is in one; so a
 * run that is resumed from a checkpoint ends with the same bits as one that was not stopped, for
 * any number of threads.
 *
 * After the first step no memory is asked for, but to validate and to save.
 *
 * A loss that is not finite, or larger than what makes sense, ends the run with PL_NUMERIC and
 * leaves the last checkpoint alone.  Where only the gradient is not finite the step is skipped and
 * counted; PL_LOOP_SKIPS such steps in a row end the run too. */
#ifndef PL_TRAIN_LOOP_H
#define PL_TRAIN_LOOP_H

#include "autograd/parameters.h"
#include "stream/bundle.h"
#include "stream/writer.h"
#include "train/log.h"
#include "train/optimiser.h"
#include "train/schedule.h"

#define PL_LOOP_SKIPS 16

struct pl_loop;

struct pl_objective {
    void *self; /* handed to the functions */
    struct pl_parameters *parameters;
    int64_t units;    /* of a micro-batch: tokens, pictures; counted in log and progress */
    double most_loss; /* a loss above has diverged */
    /* The loss of a micro-batch: NULL with a failure.  Without a gradient nothing goes back. */
    struct pl_variable *(*loss)(void *self, struct pl_tape *tape, int64_t index);
    /* NULL: all micro-batches weigh the same.  Or how many parts the loss of one is a mean of, such
     * as tokens that have a target; below 0 with a failure.  The tape is for scratch. */
    int64_t (*weight)(void *self, struct pl_tape *tape, int64_t index);
    /* NULL, or the first step from this one on that changes anything: those before it are passed
     * over. */
    int64_t (*next)(void *self, int64_t step);
    /* NULL, or the mean loss of what is held out, on a tape that does not record. */
    enum pl_status (*validate)(void *self, struct pl_tape *tape, double *loss);
};

struct pl_loop_options {
    int64_t steps, accumulate;
    double clip; /* of the norm of a step's gradient; 0: none */
    struct pl_schedule schedule;
    struct pl_optimiser_options optimiser;
    int64_t validate_every;  /* steps; 0: after the last alone */
    const char *log;         /* NULL: none */
    const char *checkpoint;  /* NULL: none */
    double checkpoint_every; /* seconds; 0: only when stopped */
};

struct pl_loop {
    struct pl_context *context;
    const struct pl_objective *objective;
    struct pl_loop_options options;
    /* NULL, or asked after each step: true stops the run. */
    bool (*stop)(void);
    /* NULL, or called after each step. */
    void (*watch)(void *user, const struct pl_loop *loop);
    /* Where there is to be a checkpoint: writes it, a stream with the records of pl_loop_write. */
    enum pl_status (*save)(void *user, struct pl_loop *loop, const char *path);
    void *user; /* handed to watch and save */
    /* Where it stands. */
    int64_t step, skipped;    /* steps done; of these, those without an update */
    int64_t idle;             /* and those that were passed over */
    double loss, norm, rate;  /* of the last step; the loss is NaN before the first */
    double validation;        /* the last one; NaN: none yet */
    bool stopped;             /* the run ended because stop said so, its checkpoint is written */
    bool saved;               /* a checkpoint was written by this run */
    double started, saved_at; /* seconds */
    struct pl_optimiser optimiser;
    struct pl_tape tape;
    struct pl_train_log log;
};

enum pl_status pl_loop_start(struct pl_loop *loop) PL_MUST_CHECK;
enum pl_status pl_loop_run(struct pl_loop *loop) PL_MUST_CHECK;
void pl_loop_release(struct pl_loop *loop);

/* The optimiser's memory as records: optim.mean.NAME and optim.square.NAME of each parameter.  The
 * document of the step goes into `meta: model`, as `training`: step, skipped and, if any, idle. */
enum pl_status pl_loop_write(struct pl_loop *loop, struct pl_writer *writer) PL_MUST_CHECK;
void pl_loop_document(const struct pl_loop *loop, struct pl_meta *meta,
                      struct pl_meta_node *training);
/* PL_BAD_DATA for a model that is no checkpoint, or one of other parameters. */
enum pl_status pl_loop_read(struct pl_loop *loop, const struct pl_bundle *bundle) PL_MUST_CHECK;

#endif
