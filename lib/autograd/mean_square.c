/* The mean square of a difference.
 * SPDX-License-Identifier: MIT */
#include "autograd/kernels.h"
#include "autograd/ops.h"

struct mean_square {
    struct pl_variable *x, *loss;
    const pl_real *target;
};

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    const struct mean_square *job = saved;
    int64_t count = job->x->count;
    pl_real scale = (pl_real)(2 * (double)job->loss->gradient[0] / (double)count);
    (void)tape;
    for (int64_t i = 0; i < count; i++)
        job->x->gradient[i] += scale * (job->x->value[i] - job->target[i]);
    return PL_OK;
}

struct pl_variable *pl_op_mean_square(struct pl_tape *tape, struct pl_variable *x,
                                      const pl_real *target)
{
    if (!x)
        return NULL;
    struct mean_square job = {x, pl_tape_matrix(tape, x->gradient, 1, 1), target};
    double sum = 0;
    if (!job.loss)
        return NULL;
    for (int64_t i = 0; i < x->count; i++) {
        double difference = (double)x->value[i] - (double)target[i];
        sum += difference * difference;
    }
    job.loss->value[0] = (pl_real)(x->count > 0 ? sum / (double)x->count : 0);
    if (x->gradient && pl_tape_note(tape, backward, &job, sizeof job))
        return NULL;
    return job.loss;
}
