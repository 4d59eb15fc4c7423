/* The loss of a classifier.
 * SPDX-License-Identifier: MIT
 *
 * With p = softmax(z) the loss is -1/N sum ln p(label), and dz = (p - onehot(label)) / N.  Classes
 * are few, so p is kept for the way back. */
#include "autograd/ops.h"

#include "autograd/softmax.h"

struct classes {
    struct pl_variable *z, *loss;
    const int32_t *labels;
    int64_t rows, width, block;
    pl_real *p;     /* [rows, width] */
    double *nats;   /* [rows] */
    uint8_t *right; /* [rows] */
};

PL_CLONES static void score_rows(const struct classes *classes, struct pl_span span)
{
    const int64_t width = classes->width;
    for (int64_t row = span.begin; row < span.end; row++) {
        pl_real *restrict p = classes->p + row * width;
        memcpy(p, classes->z->value + row * width, (size_t)width * sizeof *p);
        double sum = pl_softmax_row(width, p, classes->labels[row], &classes->nats[row],
                                    &classes->right[row]);
        pl_real factor = (pl_real)(1 / sum);
        for (int64_t k = 0; k < width; k++)
            p[k] *= factor;
    }
}

static enum pl_status score_block(struct pl_context *context, void *job, int64_t item)
{
    const struct classes *classes = job;
    (void)context;
    score_rows(classes, pl_block_span(item, classes->block, classes->rows));
    return PL_OK;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    const struct classes *classes = saved;
    const int64_t width = classes->width;
    const pl_real scale = classes->loss->gradient[0] / (pl_real)classes->rows;
    (void)tape;
    for (int64_t row = 0; row < classes->rows; row++) {
        const pl_real *p = classes->p + row * width;
        pl_real *dz = classes->z->gradient + row * width;
        for (int64_t k = 0; k < width; k++)
            dz[k] += scale * (p[k] - (k == classes->labels[row] ? 1 : 0));
    }
    return PL_OK;
}

static void sum_up(const struct classes *classes, struct pl_head_score *score)
{
    score->scored = classes->rows;
    score->right = 0;
    score->nats = 0;
    for (int64_t row = 0; row < classes->rows; row++) {
        score->nats += classes->nats[row];
        score->right += classes->right[row];
    }
    if (score->row_right)
        memcpy(score->row_right, classes->right, (size_t)classes->rows);
}

struct pl_variable *pl_op_class_loss(struct pl_tape *tape, struct pl_variable *z,
                                     const int32_t *labels, struct pl_head_score *score)
{
    if (!z)
        return NULL;
    struct classes classes = {.z = z, .labels = labels};
    struct pl_head_score own = {0};
    classes.rows = pl_variable_rows(z);
    classes.width = pl_variable_width(z);
    classes.block = pl_block_rows(classes.width);
    classes.loss = pl_tape_matrix(tape, z->gradient != NULL, 1, 1);
    classes.p = pl_tape_take(tape, z->count, sizeof *classes.p);
    classes.nats = pl_tape_take(tape, classes.rows, sizeof *classes.nats);
    classes.right = pl_tape_take(tape, classes.rows, sizeof *classes.right);
    if (!classes.loss || !classes.p || !classes.nats || !classes.right)
        return NULL;
    if (pl_parallel(tape->context, pl_block_count(classes.rows, classes.block), score_block,
                    &classes))
        return NULL;
    score = score ? score : &own;
    sum_up(&classes, score);
    classes.loss->value[0] = classes.rows ? (pl_real)(score->nats / (double)classes.rows) : 0;
    if (classes.loss->gradient && classes.rows &&
        pl_tape_note(tape, backward, &classes, sizeof classes))
        return NULL;
    return classes.loss;
}
