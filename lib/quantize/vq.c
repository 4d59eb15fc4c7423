/* Codebooks: their parameters, and the layers around them.
 * SPDX-License-Identifier: MIT */
#include "quantize/vq.h"

#include "autograd/ops.h"

enum { LATENT = 32 }; /* numbers of z with an encoder, when not given */

static enum pl_status check_options(struct pl_context *context, struct pl_vq_options *options,
                                    int64_t size)
{
    bool encoder = options->encoder != PL_VQ_NONE;
    if (options->dim == 0)
        options->dim = encoder ? LATENT : size;
    if (!encoder && options->dim != size)
        return pl_fail(
            context, PL_USAGE,
            "--dim %lld: the vectors have %lld numbers, and only an encoder changes that "
            "(--encoder mlp)",
            (long long)options->dim, (long long)size);
    if (encoder && options->method == PL_VQ_KMEANS)
        return pl_fail(context, PL_USAGE, "--method kmeans trains no encoder");
    if (options->both && options->method != PL_VQ_SIMVQ)
        return pl_fail(context, PL_USAGE, "--both goes with --method simvq only");
    if (options->gradient == PL_VQ_ROTATION && !encoder)
        return pl_fail(context, PL_USAGE, "--gradient rotation needs an --encoder to go to");
    return PL_OK;
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

/* Two linear maps with a ReLU between them. */
static bool add_layers(struct pl_context *context, struct pl_vq *vq, const char *name, int64_t in,
                       int64_t out, struct pl_variable *layers[4])
{
    const int64_t widths[] = {in, vq->options.hidden, out};
    for (int i = 0; i < 2; i++) {
        layers[2 * i] =
            pl_parameter_add(context, &vq->parameters, PL_INIT_ZERO,
                             PL_DIMS(widths[i + 1], widths[i]), "%s.%d.weight", name, i);
        layers[2 * i + 1] = pl_parameter_add(context, &vq->parameters, PL_INIT_ZERO,
                                             PL_DIMS(widths[i + 1]), "%s.%d.bias", name, i);
        if (!layers[2 * i] || !layers[2 * i + 1])
            return false;
    }
    return true;
}

enum pl_status pl_vq_init(struct pl_context *context, struct pl_vq *vq,
                          const struct pl_vq_options *options, const struct pl_cut *cut,
                          int64_t size)
{
    *vq = (struct pl_vq){.options = *options, .cut = *cut, .size = size};
    if (check_options(context, &vq->options, size))
        return context->status;
    int64_t codes = options->codes, dim = vq->options.dim, elements;
    if (!pl_mul_int64(codes, dim, &elements) ||
        !pl_mul_int64(elements, options->levels * (int64_t)sizeof(pl_real), &elements))
        return pl_fail(context, PL_SYSTEM, "out of memory: too many codes");
    bool made = (vq->codebook = add_stacked(context, vq, "codebook", codes, dim));
    if (made && options->method == PL_VQ_SIMVQ)
        made = (vq->basis = add_stacked(context, vq, "basis", codes, dim)) &&
               (vq->map = add_stacked(context, vq, "map.weight", dim, dim)) &&
               (vq->bias = add_stacked(context, vq, "map.bias", dim, 0));
    if (made && options->encoder == PL_VQ_MLP)
        made = add_layers(context, vq, "encoder", size, dim, vq->encoder) &&
               add_layers(context, vq, "decoder", dim, size, vq->decoder);
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

static struct pl_variable *apply(struct pl_tape *tape, struct pl_variable *const layers[4],
                                 struct pl_variable *x)
{
    if (!layers[0])
        return x;
    struct pl_variable *hidden =
        pl_op_activate(tape, pl_op_linear(tape, x, layers[0], layers[1]), PL_RELU, 1);
    return pl_op_linear(tape, hidden, layers[2], layers[3]);
}

struct pl_variable *pl_vq_encode(struct pl_tape *tape, const struct pl_vq *vq,
                                 struct pl_variable *vectors)
{
    return apply(tape, vq->encoder, vectors);
}

struct pl_variable *pl_vq_decode(struct pl_tape *tape, const struct pl_vq *vq,
                                 struct pl_variable *z)
{
    return apply(tape, vq->decoder, z);
}
