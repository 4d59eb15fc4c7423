/* Operations on each element by itself.
 * SPDX-License-Identifier: MIT
 *
 * Their cost is memory traffic, so nothing but inputs is kept for the way back: slopes are
 * computed anew from them.  All conditionals are choices between two values, for loops to be
 * vectorised, and written such that NaN stays NaN. */
#include "autograd/ops.h"

#include "autograd/kernels.h"

struct elementwise {
    struct pl_variable *a, *b, *out;
    enum pl_activation activation;
    pl_real scale, least;
    /* forward or backward over elements begin to end - 1 */
    void (*kernel)(const struct elementwise *job, int64_t begin, int64_t end);
};

static enum pl_status run_block(struct pl_context *context, void *job, int64_t item)
{
    const struct elementwise *elementwise = job;
    struct pl_span span = pl_block_span(item, PL_BLOCK_ELEMENTS, elementwise->out->count);
    (void)context;
    elementwise->kernel(elementwise, span.begin, span.end);
    return PL_OK;
}

static enum pl_status run(struct pl_context *context, struct elementwise *job)
{
    return pl_parallel(context, pl_block_count(job->out->count, PL_BLOCK_ELEMENTS), run_block, job);
}

/* Runs the saved operation, whose kernel is the way back. */
static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    return run(tape->context, saved);
}

/* Makes the result, of a's shape, runs forward and notes the way back; b may be NULL. */
static struct pl_variable *apply(struct pl_tape *tape, struct elementwise *job,
                                 void (*back)(const struct elementwise *job, int64_t begin,
                                              int64_t end))
{
    bool wanted = job->a->gradient || (job->b && job->b->gradient);
    job->out = pl_tape_variable(tape, wanted, job->a->rank, job->a->dims);
    if (!job->out || run(tape->context, job))
        return NULL;
    job->kernel = back;
    if (job->out->gradient && pl_tape_note(tape, backward, job, sizeof *job))
        return NULL;
    return job->out;
}

/* ---- sums */

PL_CLONES static void add_forward(const struct elementwise *job, int64_t begin, int64_t end)
{
    const pl_real *restrict a = job->a->value, *restrict b = job->b->value, scale = job->scale;
    pl_real *restrict out = job->out->value;
    for (int64_t i = begin; i < end; i++)
        out[i] = a[i] + scale * b[i];
}

/* a and b may be the same variable. */
static void add_backward(const struct elementwise *job, int64_t begin, int64_t end)
{
    const pl_real *dy = job->out->gradient + begin;
    if (job->a->gradient)
        pl_real_add_scaled(end - begin, 1, dy, job->a->gradient + begin);
    if (job->b->gradient)
        pl_real_add_scaled(end - begin, job->scale, dy, job->b->gradient + begin);
}

struct pl_variable *pl_op_add(struct pl_tape *tape, struct pl_variable *a, struct pl_variable *b,
                              double scale)
{
    if (!a || !b)
        return NULL;
    struct elementwise job = {.a = a, .b = b, .scale = (pl_real)scale, .kernel = add_forward};
    return apply(tape, &job, add_backward);
}

/* ---- functions of one variable */

/* (1 + tanh(u)) / 2 = sigmoid(2 u), with u = sqrt(2 / pi) (x + 0.044715 x^3) */
#define GELU_SCALE ((pl_real)1.5957691216057308)
#define GELU_CUBE  ((pl_real)0.044715)

PL_KERNEL pl_real gelu_argument(pl_real x)
{
    return GELU_SCALE * (x + GELU_CUBE * x * x * x);
}

PL_CLONES static void activate_forward(const struct elementwise *job, int64_t begin, int64_t end)
{
    const pl_real *restrict x = job->a->value, scale = job->scale;
    pl_real *restrict y = job->out->value;
    switch (job->activation) {
    case PL_SILU:
        for (int64_t i = begin; i < end; i++)
            y[i] = scale * (x[i] * pl_real_sigmoid(x[i]));
        break;
    case PL_RELU:
        for (int64_t i = begin; i < end; i++)
            y[i] = scale * (x[i] < 0 ? 0 : x[i]);
        break;
    case PL_ELU_ONE:
        for (int64_t i = begin; i < end; i++) {
            pl_real below = pl_real_exp(x[i] > 0 ? 0 : x[i]);
            y[i] = scale * (x[i] > 0 ? x[i] + 1 : below);
        }
        break;
    case PL_SIGMOID:
        for (int64_t i = begin; i < end; i++)
            y[i] = scale * pl_real_sigmoid(x[i]);
        break;
    case PL_REST:
        for (int64_t i = begin; i < end; i++)
            y[i] = scale * (1 - pl_real_exp(x[i]));
        break;
    case PL_GELU:
        for (int64_t i = begin; i < end; i++)
            y[i] = scale * (x[i] * pl_real_sigmoid(gelu_argument(x[i])));
        break;
    case PL_TANH:
        for (int64_t i = begin; i < end; i++)
            y[i] = scale * (pl_real)tanh((double)x[i]);
        break;
    }
}

PL_CLONES static void activate_backward(const struct elementwise *job, int64_t begin, int64_t end)
{
    const pl_real *restrict x = job->a->value, *restrict dy = job->out->gradient;
    const pl_real scale = job->scale;
    pl_real *restrict dx = job->a->gradient;
    switch (job->activation) {
    case PL_SILU:
        for (int64_t i = begin; i < end; i++)
            dx[i] += scale * dy[i] * pl_real_silu_slope(x[i], pl_real_sigmoid(x[i]));
        break;
    case PL_RELU:
        for (int64_t i = begin; i < end; i++)
            dx[i] += x[i] > 0 ? scale * dy[i] : 0;
        break;
    case PL_ELU_ONE:
        for (int64_t i = begin; i < end; i++)
            dx[i] += scale * dy[i] * pl_real_exp(x[i] > 0 ? 0 : x[i]);
        break;
    case PL_SIGMOID:
        for (int64_t i = begin; i < end; i++) {
            pl_real sigmoid = pl_real_sigmoid(x[i]);
            dx[i] += scale * dy[i] * (sigmoid * (1 - sigmoid));
        }
        break;
    case PL_REST:
        for (int64_t i = begin; i < end; i++)
            dx[i] -= scale * dy[i] * pl_real_exp(x[i]);
        break;
    case PL_GELU:
        for (int64_t i = begin; i < end; i++) {
            pl_real sigmoid = pl_real_sigmoid(gelu_argument(x[i]));
            pl_real slope = GELU_SCALE * (1 + 3 * GELU_CUBE * x[i] * x[i]);
            dx[i] += scale * dy[i] * (sigmoid + x[i] * sigmoid * (1 - sigmoid) * slope);
        }
        break;
    case PL_TANH:
        for (int64_t i = begin; i < end; i++) {
            pl_real y = (pl_real)tanh((double)x[i]);
            dx[i] += scale * dy[i] * (1 - y * y);
        }
        break;
    }
}

struct pl_variable *pl_op_activate(struct pl_tape *tape, struct pl_variable *x,
                                   enum pl_activation activation, double scale)
{
    if (!x)
        return NULL;
    struct elementwise job = {
        .a = x, .activation = activation, .scale = (pl_real)scale, .kernel = activate_forward};
    return apply(tape, &job, activate_backward);
}

/* max(-softplus(-x) scale, least) */
PL_CLONES static void log_sigmoid_forward(const struct elementwise *job, int64_t begin, int64_t end)
{
    const pl_real *restrict x = job->a->value, scale = job->scale, least = job->least;
    pl_real *restrict y = job->out->value;
    for (int64_t i = begin; i < end; i++) {
        pl_real value = -pl_real_softplus(-x[i]) * scale;
        y[i] = value < least ? least : value;
    }
}

PL_CLONES static void log_sigmoid_backward(const struct elementwise *job, int64_t begin,
                                           int64_t end)
{
    const pl_real *restrict x = job->a->value, *restrict dy = job->out->gradient;
    const pl_real *restrict y = job->out->value;
    const pl_real scale = job->scale, least = job->least;
    pl_real *restrict dx = job->a->gradient;
    for (int64_t i = begin; i < end; i++) {
        pl_real slope = scale * pl_real_sigmoid(-x[i]);
        dx[i] += y[i] > least ? slope * dy[i] : 0;
    }
}

struct pl_variable *pl_op_log_sigmoid(struct pl_tape *tape, struct pl_variable *x,
                                      double normaliser, double least)
{
    if (!x)
        return NULL;
    struct elementwise job = {.a = x,
                              .scale = (pl_real)(1 / normaliser),
                              .least = (pl_real)least,
                              .kernel = log_sigmoid_forward};
    return apply(tape, &job, log_sigmoid_backward);
}

/* ---- the inside of SwiGLU */

PL_CLONES static void swiglu_forward(const struct elementwise *job, int64_t begin, int64_t end)
{
    const pl_real *restrict gate = job->a->value, *restrict up = job->b->value;
    pl_real *restrict y = job->out->value;
    for (int64_t i = begin; i < end; i++)
        y[i] = gate[i] * pl_real_sigmoid(gate[i]) * up[i];
}

PL_CLONES static void swiglu_both(const struct elementwise *job, int64_t begin, int64_t end)
{
    const pl_real *restrict gate = job->a->value, *restrict up = job->b->value;
    const pl_real *restrict dy = job->out->gradient;
    pl_real *restrict dgate = job->a->gradient, *restrict dup = job->b->gradient;
    for (int64_t i = begin; i < end; i++) {
        pl_real sigmoid = pl_real_sigmoid(gate[i]);
        dgate[i] += dy[i] * up[i] * pl_real_silu_slope(gate[i], sigmoid);
        dup[i] += dy[i] * (gate[i] * sigmoid);
    }
}

/* For what is one variable, or where one gradient is not wanted. */
PL_CLONES static void swiglu_apart(const struct elementwise *job, int64_t begin, int64_t end)
{
    const pl_real *gate = job->a->value, *up = job->b->value, *dy = job->out->gradient;
    pl_real *dgate = job->a->gradient, *dup = job->b->gradient;
    for (int64_t i = begin; dgate && i < end; i++)
        dgate[i] += dy[i] * up[i] * pl_real_silu_slope(gate[i], pl_real_sigmoid(gate[i]));
    for (int64_t i = begin; dup && i < end; i++)
        dup[i] += dy[i] * (gate[i] * pl_real_sigmoid(gate[i]));
}

struct pl_variable *pl_op_swiglu(struct pl_tape *tape, struct pl_variable *gate,
                                 struct pl_variable *up)
{
    if (!gate || !up)
        return NULL;
    struct elementwise job = {.a = gate, .b = up, .kernel = swiglu_forward};
    bool both = gate->gradient && up->gradient && gate->gradient != up->gradient;
    return apply(tape, &job, both ? swiglu_both : swiglu_apart);
}
