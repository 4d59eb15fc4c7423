/* Training a codebook.
 * SPDX-License-Identifier: MIT
 *
 * What is trained by steps, in a loop of train/loop.h: batches drawn at random with gradients or
 * moving averages (vq_descend.c), or Lloyd's passes over all vectors (vq_kmeans.c).
 *
 *     struct pl_vq_training training;
 *     status = pl_vq_training_open(context, &training, vq, vectors, count, checkpoint);
 *     pl_vq_training_plan(&training, &objective, &loop_options);
 *     ... the loop, whose loss is pl_vq_training_loss ...
 *     status = pl_vq_training_finish(context, &training, &result);
 *     pl_vq_training_close(&training); */
#ifndef PL_QUANTIZE_VQ_TRAIN_H
#define PL_QUANTIZE_VQ_TRAIN_H

#include "quantize/vq.h"
#include "train/loop.h"

/* Vectors brought to mean 0 and one deviation over all numbers, and the way back. */
struct pl_vq_data {
    pl_real *vectors; /* [count, size] */
    int64_t count, size;
    double *mean; /* [size] */
    double scale; /* what was divided by */
};

struct pl_vq_training {
    struct pl_vq *vq;
    struct pl_vq_data data;
    const struct pl_vq_way *way;
    void *state;   /* of the way */
    bool finished; /* the codebook is what it will be, in the units of the data */
};

/* A way to train.  Each function may rely on what is in the training. */
struct pl_vq_way {
    /* Takes its memory and says what is frozen.  checkpoint NULL: gives the parameters what they
     * start with; else they have their values, and what else it wrote is read. */
    enum pl_status (*open)(struct pl_context *context, struct pl_vq_training *training,
                           const struct pl_bundle *checkpoint);
    /* The loss of a step; what is not trained by gradients is changed here. */
    struct pl_variable *(*loss)(struct pl_vq_training *training, struct pl_tape *tape,
                                int64_t step);
    /* NULL, or the first step from this one on that changes anything. */
    int64_t (*next)(const struct pl_vq_training *training, int64_t step);
    /* Writes what a checkpoint needs beside parameters; NULL: nothing. */
    enum pl_status (*write)(struct pl_context *context, const struct pl_vq_training *training,
                            struct pl_writer *writer);
    void (*close)(struct pl_vq_training *training);
};
extern const struct pl_vq_way pl_vq_descent, pl_vq_lloyd;

/* Trains vq on vectors [count, size], which it changes; checkpoint NULL: from the start.  Warns of
 * what is likely a mistake: more codes than vectors, vectors that are all the same or far from the
 * codes in size.  To be closed even when it fails. */
enum pl_status pl_vq_training_open(struct pl_context *context, struct pl_vq_training *training,
                                   struct pl_vq *vq, pl_real *vectors, int64_t count,
                                   const struct pl_bundle *checkpoint) PL_MUST_CHECK;
void pl_vq_training_close(struct pl_vq_training *training);

/* Says what the loop needs to know: parameters, units and limits; steps, rates and optimiser. */
void pl_vq_training_plan(const struct pl_vq_training *training, struct pl_objective *objective,
                         struct pl_loop_options *options);
struct pl_variable *pl_vq_training_loss(struct pl_vq_training *training, struct pl_tape *tape,
                                        int64_t step) PL_MUST_CHECK;
int64_t pl_vq_training_next(const struct pl_vq_training *training, int64_t step);

/* The codebook, as pl_vq_write writes it; before it is finished with the document of the training
 * and all that a checkpoint needs beside the optimiser's records. */
enum pl_status pl_vq_training_write(struct pl_context *context,
                                    const struct pl_vq_training *training,
                                    const struct pl_meta_node *document,
                                    struct pl_writer *writer) PL_MUST_CHECK;

struct pl_vq_result {
    double usage, perplexity; /* over all vectors, means over levels */
    double mse;               /* of the decoded vectors */
};

/* After the last step: brings the codebook to the units of the data and tells how well it does.
 * Warns of codes that are hardly used. */
enum pl_status pl_vq_training_finish(struct pl_context *context, struct pl_vq_training *training,
                                     struct pl_vq_result *result) PL_MUST_CHECK;

#endif
