/* Codebooks: their parameters, and the layers around them.
 * SPDX-License-Identifier: MIT */
#include "quantize/vq.h"

#include "autograd/ops.h"

enum { STEPS = 1000, PASSES = 25 };

static enum pl_status check_options(struct pl_context *context, const struct pl_vq *vq)
{
    const struct pl_vq_options *options = &vq->options;
    bool encoder = vq->layers.kind != PL_VQ_NONE;
    if (encoder && options->method == PL_VQ_KMEANS)
        return pl_fail(context, PL_USAGE, "--method kmeans trains no encoder");
    if (options->both && options->method != PL_VQ_SIMVQ)
        return pl_fail(context, PL_USAGE, "--both goes with --method simvq only");
    if (options->gradient == PL_VQ_ROTATION && !encoder)
        return pl_fail(context, PL_USAGE, "--gradient rotation needs an --encoder to go to");
    if (encoder && options->init == PL_VQ_DATA)
        return pl_fail(context, PL_USAGE,
                       "--init data: what an --encoder makes of the data is not known before");
    return PL_OK;
}

int64_t pl_vq_steps(const struct pl_vq_options *options)
{
    return options->steps ? options->steps : options->method == PL_VQ_KMEANS ? PASSES : STEPS;
}

/* A parameter with an axis of levels in front when there are several; a last dimension of 0 is
 * left out. */
static struct pl_variable *add_stacked(struct pl_context *context, struct pl_vq *vq,
                                       const char *name, int64_t rows, int64_t columns)
{
    bool one = vq->options.levels == 1;
    const int64_t dims[] = {vq->options.levels, rows, columns, 0};
    return pl_parameter_add(context, &vq->parameters, PL_INIT_ZERO, dims + one, "%s", name);
}

/* The parameters of the codes. */
static bool add_codes(struct pl_context *context, struct pl_vq *vq)
{
    int64_t codes = vq->options.codes, dim = vq->options.dim;
    if (!(vq->codebook = add_stacked(context, vq, "codebook", codes, dim)))
        return false;
    return vq->options.method != PL_VQ_SIMVQ ||
           ((vq->basis = add_stacked(context, vq, "basis", codes, dim)) &&
            (vq->map = add_stacked(context, vq, "map.weight", dim, dim)) &&
            (vq->bias = add_stacked(context, vq, "map.bias", dim, 0)));
}

static bool add_layers(struct pl_context *context, struct pl_vq *vq)
{
    struct pl_parameters *parameters = &vq->parameters;
    return vq->layers.kind == PL_VQ_NONE ||
           ((vq->mean =
                 pl_parameter_add(context, parameters, PL_INIT_ZERO, PL_DIMS(vq->size), "mean")) &&
            (vq->scale =
                 pl_parameter_add(context, parameters, PL_INIT_ZERO, PL_DIMS(1), "scale")) &&
            pl_vq_layers_declare(context, &vq->layers, parameters) == PL_OK);
}

enum pl_status pl_vq_init(struct pl_context *context, struct pl_vq *vq,
                          const struct pl_vq_options *options, const struct pl_cut *cut,
                          int64_t size)
{
    *vq = (struct pl_vq){.options = *options, .cut = *cut, .size = size};
    if (pl_vq_layers_plan(context, &vq->layers, options->encoder, cut->height,
                          cut->width ? cut->width : 1, size, options->dim) ||
        check_options(context, vq))
        return context->status;
    vq->options.dim = vq->layers.dim;
    int64_t elements;
    if (!pl_mul_int64(options->codes, vq->layers.dim, &elements) ||
        !pl_mul_int64(elements, options->levels * (int64_t)sizeof(pl_real), &elements))
        return pl_fail(context, PL_SYSTEM, "out of memory: too many codes");
    bool made = add_codes(context, vq) && add_layers(context, vq);
    if (!made)
        pl_vq_release(vq);
    return made ? PL_OK : context->status;
}

void pl_vq_release(struct pl_vq *vq)
{
    pl_parameters_release(&vq->parameters);
}

struct pl_variable pl_vq_level(const struct pl_vq *vq, const struct pl_variable *stacked,
                               int64_t level)
{
    struct pl_variable one = *stacked;
    if (vq->options.levels == 1)
        return one;
    one.rank--;
    memmove(one.dims, one.dims + 1, (size_t)one.rank * sizeof *one.dims);
    one.count /= vq->options.levels;
    one.value += level * one.count;
    one.gradient = one.gradient ? one.gradient + level * one.count : NULL;
    return one;
}

enum pl_status pl_vq_settle(struct pl_context *context, struct pl_vq *vq)
{
    struct pl_tape tape = {.context = context};
    enum pl_status status = pl_blas_open(context);
    for (int64_t level = 0; level < vq->options.levels && vq->basis && status == PL_OK; level++) {
        struct pl_variable codebook = pl_vq_level(vq, vq->codebook, level);
        struct pl_variable basis = pl_vq_level(vq, vq->basis, level);
        struct pl_variable map = pl_vq_level(vq, vq->map, level);
        struct pl_variable bias = pl_vq_level(vq, vq->bias, level);
        struct pl_variable *made = pl_op_linear(&tape, &basis, &map, &bias);
        if (made)
            memcpy(codebook.value, made->value, (size_t)made->count * sizeof *made->value);
        status = made ? PL_OK : context->status;
        pl_tape_reset(&tape);
    }
    pl_tape_release(&tape);
    return status;
}

int64_t pl_vq_places(const struct pl_vq *vq)
{
    return vq->layers.down * vq->layers.across;
}

struct pl_variable *pl_vq_encode(struct pl_tape *tape, const struct pl_vq *vq,
                                 struct pl_variable *vectors)
{
    if (!vectors || !vq->mean)
        return vectors;
    struct pl_variable *x = pl_tape_matrix(tape, false, pl_variable_rows(vectors), vq->size);
    for (int64_t i = 0; x && i < x->count; i++)
        x->value[i] = (vectors->value[i] - vq->mean->value[i % vq->size]) / vq->scale->value[0];
    return pl_vq_layers_encode(tape, &vq->layers, x);
}

struct pl_variable *pl_vq_decode(struct pl_tape *tape, const struct pl_vq *vq,
                                 struct pl_variable *z)
{
    struct pl_variable *out = pl_vq_layers_decode(tape, &vq->layers, z);
    for (int64_t i = 0; out && vq->mean && i < out->count; i++)
        out->value[i] = out->value[i] * vq->scale->value[0] + vq->mean->value[i % vq->size];
    return out;
}
