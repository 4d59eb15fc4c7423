/* Vector quantisation with a codebook that is trained by gradients.
 * SPDX-License-Identifier: MIT */
#include "nn/quantize.h"

#include "autograd/kernels.h"

struct quantized {
    struct pl_variable *z, *codebook, *q, *loss;
    const int32_t *codes;
    double z_weight, code_weight; /* of the two halves of the loss */
};

/* Only codes that are used have a gradient, so rows are added up one by one, in their order. */
static enum pl_status quantize_back(struct pl_tape *tape, void *saved)
{
    const struct quantized *job = saved;
    int64_t width = pl_variable_width(job->z), rows = pl_variable_rows(job->z);
    double scale = 2 * (double)job->loss->gradient[0] / (double)(job->z->count);
    pl_real to_z = (pl_real)(scale * job->z_weight), to_code = (pl_real)(scale * job->code_weight);
    (void)tape;
    for (int64_t row = 0; row < rows; row++) {
        const pl_real *z = job->z->value + row * width, *q = job->q->value + row * width;
        if (job->z->gradient)
            for (int64_t i = 0; i < width; i++)
                job->z->gradient[row * width + i] += to_z * (z[i] - q[i]);
        if (job->codebook->gradient) {
            pl_real *code = job->codebook->gradient + job->codes[row] * width;
            for (int64_t i = 0; i < width; i++)
                code[i] += to_code * (q[i] - z[i]);
        }
    }
    return PL_OK;
}

/* Copies the code vectors and returns the mean square of q - z. */
static double gather(const struct pl_variable *z, const struct pl_variable *codebook,
                     const int32_t *codes, struct pl_variable *q)
{
    int64_t width = pl_variable_width(z), rows = pl_variable_rows(z);
    double sum = 0;
    for (int64_t row = 0; row < rows; row++) {
        const pl_real *code = codebook->value + codes[row] * width;
        memcpy(q->value + row * width, code, (size_t)width * sizeof *code);
        sum += pl_square_distance(width, z->value + row * width, code);
    }
    return z->count > 0 ? sum / (double)z->count : 0;
}

enum pl_status pl_op_quantize(struct pl_tape *tape, const struct pl_quantize *quantize,
                              struct pl_nearest *nearest, struct pl_variable *z,
                              struct pl_variable *codebook, struct pl_quantized *quantized)
{
    if (!z || !codebook)
        return tape->context->status;
    int64_t rows = pl_variable_rows(z), width = pl_variable_width(z);
    bool gradient = z->gradient || codebook->gradient;
    quantized->codes = pl_tape_take(tape, rows, sizeof *quantized->codes);
    quantized->vectors = pl_tape_matrix(tape, false, rows, width);
    quantized->loss = pl_tape_matrix(tape, gradient, 1, 1);
    if (!quantized->codes || !quantized->vectors || !quantized->loss)
        return tape->context->status;
    pl_nearest_set(nearest, codebook->value);
    if (pl_nearest_find(tape->context, nearest, z->value, rows, quantized->codes))
        return tape->context->status;
    double error = gather(z, codebook, quantized->codes, quantized->vectors);
    quantized->loss->value[0] = (pl_real)((1 + quantize->beta) * error);
    struct quantized job = {.z = z,
                            .codebook = codebook,
                            .q = quantized->vectors,
                            .loss = quantized->loss,
                            .codes = quantized->codes,
                            .z_weight = quantize->legacy ? 1 : quantize->beta,
                            .code_weight = quantize->legacy ? quantize->beta : 1};
    return gradient ? pl_tape_note(tape, quantize_back, &job, sizeof job) : PL_OK;
}

struct passed {
    struct pl_variable *z, *q, *out;
};

/* A variable with the value of q that goes back to z by `back`. */
static struct pl_variable *pass(struct pl_tape *tape, struct pl_variable *z, struct pl_variable *q,
                                pl_backward_fn *back)
{
    if (!z || !q)
        return NULL;
    struct passed job = {
        z, q, pl_tape_matrix(tape, z->gradient, pl_variable_rows(z), pl_variable_width(z))};
    if (!job.out)
        return NULL;
    memcpy(job.out->value, q->value, (size_t)q->count * sizeof *q->value);
    if (z->gradient && pl_tape_note(tape, back, &job, sizeof job))
        return NULL;
    return job.out;
}

static enum pl_status straight_back(struct pl_tape *tape, void *saved)
{
    const struct passed *job = saved;
    (void)tape;
    for (int64_t i = 0; i < job->z->count; i++)
        job->z->gradient[i] += job->out->gradient[i];
    return PL_OK;
}

struct pl_variable *pl_op_straight_through(struct pl_tape *tape, struct pl_variable *z,
                                           struct pl_variable *q)
{
    return pass(tape, z, q, straight_back);
}

/* One row of pl_op_rotate.  With u = e + h: |u|^2 = 2 + 2 e.h, g.w w = (g.u / |u|^2) u. */
static void rotate_row(int64_t width, const pl_real *z, const pl_real *q, const pl_real *g,
                       pl_real *out)
{
    double z_norm = sqrt(pl_real_dot(width, z, z)), q_norm = sqrt(pl_real_dot(width, q, q));
    double cosine = pl_real_dot(width, z, q) / (z_norm * q_norm), square = 2 + 2 * cosine;
    if (!(square > 1e-12)) { /* also for zero vectors: NaN */
        for (int64_t i = 0; i < width; i++)
            out[i] += g[i];
        return;
    }
    double scale = q_norm / z_norm, g_e = pl_real_dot(width, g, z) / z_norm;
    double g_h = pl_real_dot(width, g, q) / q_norm, g_u = 2 * (g_e + g_h) / square;
    for (int64_t i = 0; i < width; i++) {
        double e = (double)z[i] / z_norm, h = (double)q[i] / q_norm;
        out[i] += (pl_real)(scale * ((double)g[i] - g_u * (e + h) + 2 * g_h * e));
    }
}

static enum pl_status rotate_back(struct pl_tape *tape, void *saved)
{
    const struct passed *job = saved;
    int64_t width = pl_variable_width(job->z), rows = pl_variable_rows(job->z);
    (void)tape;
    for (int64_t row = 0; row < rows; row++)
        rotate_row(width, job->z->value + row * width, job->q->value + row * width,
                   job->out->gradient + row * width, job->z->gradient + row * width);
    return PL_OK;
}

struct pl_variable *pl_op_rotate(struct pl_tape *tape, struct pl_variable *z, struct pl_variable *q)
{
    return pass(tape, z, q, rotate_back);
}
