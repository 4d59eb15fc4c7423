/* How well a classifier of pictures does: see image_score.h.
 * SPDX-License-Identifier: MIT */
#include "models/image_score.h"

#include "autograd/ops.h"

enum { BATCH = 256 }; /* pictures that go through the net together */

struct pl_variable *pl_image_logits(struct pl_image_pass *pass, const struct pl_pictures *pictures,
                                    int64_t first, int64_t count)
{
    int64_t size = pictures->height * pictures->width * pictures->channels;
    return pl_image_forward(pass,
                            pl_image_input(pass, pictures, pictures->pixels + first * size, count));
}

/* The largest probability of a row, which is 1 / sum of e^(z - largest z). */
static double confidence_of(const pl_real *z, int64_t classes)
{
    double largest = -INFINITY, sum = 0;
    for (int64_t k = 0; k < classes; k++)
        largest = fmax(largest, (double)z[k]);
    for (int64_t k = 0; k < classes; k++)
        sum += exp((double)z[k] - largest);
    return 1 / sum;
}

enum pl_status pl_image_score_add(struct pl_tape *tape, struct pl_variable *logits,
                                  const int32_t *labels, struct pl_image_score *score)
{
    if (!logits)
        return tape->context->status;
    const int64_t rows = pl_variable_rows(logits), classes = pl_variable_width(logits);
    struct pl_head_score batch = {.row_right = pl_tape_take(tape, rows, 1)};
    if (!batch.row_right || !pl_op_class_loss(tape, logits, labels, &batch))
        return tape->context->status;
    score->count += rows;
    score->right += batch.right;
    score->nats += batch.nats;
    for (int64_t row = 0; row < rows; row++) {
        double confidence = confidence_of(logits->value + row * classes, classes);
        int bin = (int)ceil(confidence * PL_CALIBRATION_BINS) - 1;
        struct pl_calibration_bin *at = &score->bins[bin > 0 ? bin : 0];
        if (isnan(confidence)) /* a net with NaN is never right, and sure of nothing */
            continue;
        at->count++;
        at->right += batch.row_right[row];
        at->confidence += confidence;
    }
    return PL_OK;
}

enum pl_status pl_image_evaluate(struct pl_context *context, const struct pl_image_net *net,
                                 const struct pl_pictures *pictures, struct pl_image_score *score)
{
    struct pl_tape tape = {.context = context};
    struct pl_image_pass pass = {.tape = &tape, .net = net};
    enum pl_status status = pl_image_fits(context, net, pictures);
    *score = (struct pl_image_score){0};
    if (!status && !pictures->labels)
        status = pl_fail(context, PL_BAD_DATA, "%s: there are no labels", pictures->source);
    for (int64_t first = 0; first < pictures->count && !status; first += BATCH) {
        int64_t left = pictures->count - first, count = left < BATCH ? left : BATCH;
        status = pl_image_score_add(&tape, pl_image_logits(&pass, pictures, first, count),
                                    pictures->labels + first, score);
        pl_tape_reset(&tape);
    }
    pl_tape_release(&tape);
    return status;
}

double pl_image_calibration(const struct pl_image_score *score)
{
    double sum = 0;
    for (int i = 0; i < PL_CALIBRATION_BINS; i++)
        sum += fabs((double)score->bins[i].right - score->bins[i].confidence);
    return score->count ? sum / (double)score->count : 0;
}
