/* The layers before and behind the codes: see layers.h.
 * SPDX-License-Identifier: MIT */
#include "quantize/layers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "autograd/ops.h"
#include "base/number.h"
#include "base/rng.h"
#include "nn/image.h"

enum { LATENT = 32, WIDTH_MOST = 65536, KERNEL = 3 };

/* ---- The plan ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int count;
    int64_t widths[2]; /* when none are given */
} kinds[] = {[PL_VQ_NONE] = {"none", 0, {0}},
             [PL_VQ_MLP] = {"mlp", 1, {64}},
             [PL_VQ_CONV] = {"conv", 2, {32, 64}}};

static enum pl_status no_encoder(struct pl_context *context, const char *text)
{
    return pl_fail(context, PL_USAGE,
                   "--encoder: '%s' is none of none, mlp:WIDTH,... and conv:FILTERS,..., with up "
                   "to %d numbers from 1 to %d",
                   text, PL_VQ_LAYERS, WIDTH_MOST);
}

static enum pl_status read_widths(struct pl_context *context, struct pl_vq_layers *layers,
                                  const char *encoder, const char *list)
{
    for (layers->count = 0; list; layers->count++) {
        size_t size = strcspn(list, ",");
        if (layers->count == PL_VQ_LAYERS ||
            !pl_parse_int64(list, size, &layers->widths[layers->count]) ||
            layers->widths[layers->count] < 1 || layers->widths[layers->count] > WIDTH_MOST)
            return no_encoder(context, encoder);
        list = list[size] ? list + size + 1 : NULL;
    }
    return PL_OK;
}

static enum pl_status read_kind(struct pl_context *context, struct pl_vq_layers *layers,
                                const char *encoder)
{
    size_t size = strcspn(encoder, ":");
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        if (strlen(kinds[kind].name) != size || memcmp(kinds[kind].name, encoder, size) != 0)
            continue;
        layers->kind = (enum pl_vq_encoder)kind;
        layers->count = kinds[kind].count;
        memcpy(layers->widths, kinds[kind].widths, sizeof kinds[kind].widths);
        if (encoder[size] == '\0')
            return PL_OK;
        return kind == PL_VQ_NONE ? no_encoder(context, encoder)
                                  : read_widths(context, layers, encoder, encoder + size + 1);
    }
    return no_encoder(context, encoder);
}

/* What is left of a side that is halved so often; 0 when it cannot be. */
static int64_t halved(int64_t side, int times)
{
    return side == 1 ? 1 : side % (1 << times) == 0 ? side >> times : 0;
}

enum pl_status pl_vq_layers_plan(struct pl_context *context, struct pl_vq_layers *layers,
                                 const char *encoder, int64_t height, int64_t width, int64_t size,
                                 int64_t dim)
{
    *layers = (struct pl_vq_layers){.height = height, .width = width, .size = size};
    if (read_kind(context, layers, encoder))
        return context->status;
    bool none = layers->kind == PL_VQ_NONE;
    layers->channels = size / (height * width);
    layers->dim = dim ? dim : none ? size : LATENT;
    layers->down = layers->across = 1;
    if (none && layers->dim != size)
        return pl_fail(
            context, PL_USAGE,
            "--dim %lld: the vectors have %lld numbers, and only an encoder changes that "
            "(--encoder mlp)",
            (long long)dim, (long long)size);
    if (layers->kind != PL_VQ_CONV)
        return PL_OK;
    if (layers->channels * height * width != size)
        return pl_fail(context, PL_USAGE, "vectors of %lld numbers are no patches of %lld x %lld",
                       (long long)size, (long long)height, (long long)width);
    layers->down = halved(height, layers->count);
    layers->across = halved(width, layers->count);
    if (layers->down > 0 && layers->across > 0)
        return PL_OK;
    return pl_fail(context, PL_USAGE,
                   "--encoder %s halves vectors of %lld x %lld pixels %d times: give sides that "
                   "are multiples of %d (--patch, --frame)",
                   encoder, (long long)height, (long long)width, layers->count, 1 << layers->count);
}

/* ---- Parameters --------------------------------------------------------------------------- */

/* What comes out of the layers of one side, layer by layer: w[0], w[1] ...; the decoder's are those
 * of the encoder in reverse. */
static int64_t output(const struct pl_vq_layers *layers, bool decoder, int layer)
{
    int64_t end = layers->kind == PL_VQ_CONV ? layers->channels : layers->size;
    if (layer == layers->count)
        return decoder ? end : layers->dim;
    return layers->widths[decoder ? layers->count - 1 - layer : layer];
}

static int64_t input(const struct pl_vq_layers *layers, bool decoder, int layer)
{
    return layer > 0 ? output(layers, decoder, layer - 1) : output(layers, !decoder, layers->count);
}

static enum pl_status declare(struct pl_context *context, struct pl_vq_layers *layers,
                              struct pl_parameters *parameters, bool decoder)
{
    struct pl_variable **side = decoder ? layers->decoder : layers->encoder;
    const char *name = decoder ? "decoder" : "encoder";
    int64_t kernel = layers->kind == PL_VQ_CONV ? KERNEL : 0; /* 0 ends the shape */
    for (int i = 0; i <= layers->count; i++) {
        int64_t out = output(layers, decoder, i), in = input(layers, decoder, i);
        side[2 * i] = pl_parameter_add(context, parameters, PL_INIT_ZERO,
                                       PL_DIMS(out, in, kernel, kernel), "%s.%d.weight", name, i);
        side[2 * i + 1] = pl_parameter_add(context, parameters, PL_INIT_ZERO, PL_DIMS(out),
                                           "%s.%d.bias", name, i);
        if (!side[2 * i] || !side[2 * i + 1])
            return context->status;
    }
    return PL_OK;
}

enum pl_status pl_vq_layers_declare(struct pl_context *context, struct pl_vq_layers *layers,
                                    struct pl_parameters *parameters)
{
    if (layers->kind == PL_VQ_NONE || declare(context, layers, parameters, false))
        return layers->kind == PL_VQ_NONE ? PL_OK : context->status;
    return declare(context, layers, parameters, true);
}

void pl_vq_layers_start(const struct pl_vq_layers *layers, uint64_t seed)
{
    for (int i = 0; i < 4 * layers->count + 4 && layers->kind != PL_VQ_NONE; i++) {
        bool decoder = i > 2 * layers->count + 1;
        int at = decoder ? i - 2 * layers->count - 2 : i;
        struct pl_variable *const *side = decoder ? layers->decoder : layers->encoder;
        const struct pl_variable *weight = side[at / 2 * 2];
        double bound = 1 / sqrt((double)(weight->count / weight->dims[0]));
        char name[32];
        snprintf(name, sizeof name, "%s.%d", decoder ? "decoder" : "encoder", at);
        struct pl_rng rng = pl_rng_init(seed, name);
        for (int64_t k = 0; k < side[at]->count; k++)
            side[at]->value[k] = (pl_real)(bound * (2 * pl_rng_uniform(&rng, (uint64_t)k) - 1));
    }
}

/* ---- Both ways ---------------------------------------------------------------------------- */

static struct pl_variable *linear(struct pl_tape *tape, const struct pl_vq_layers *layers,
                                  struct pl_variable *const *side, struct pl_variable *x)
{
    for (int i = 0; i <= layers->count; i++) {
        x = pl_op_linear(tape, x, side[2 * i], side[2 * i + 1]);
        x = i < layers->count ? pl_op_activate(tape, x, PL_RELU, 1) : x;
    }
    return x;
}

/* The elements of x as pictures. */
static struct pl_variable *as_pictures(struct pl_tape *tape, const struct pl_variable *x,
                                       int64_t height, int64_t width, int64_t channels)
{
    struct pl_variable *view = pl_tape_view(tape, x, pl_variable_rows(x), channels);
    if (!view)
        return NULL;
    const int64_t dims[] = {x->count / (height * width * channels), height, width, channels};
    view->rank = 4;
    memcpy(view->dims, dims, sizeof dims);
    return view;
}

struct pl_variable *pl_vq_layers_encode(struct pl_tape *tape, const struct pl_vq_layers *layers,
                                        struct pl_variable *vectors)
{
    const int count = layers->count;
    if (!vectors || layers->kind == PL_VQ_NONE)
        return vectors;
    if (layers->kind == PL_VQ_MLP)
        return linear(tape, layers, layers->encoder, vectors);
    struct pl_variable *x =
        as_pictures(tape, vectors, layers->height, layers->width, layers->channels);
    for (int i = 0; i <= count; i++) {
        x = pl_op_conv2d(tape, x, layers->encoder[2 * i], layers->encoder[2 * i + 1],
                         i < count ? 2 : 1, KERNEL / 2);
        x = i < count ? pl_op_activate(tape, x, PL_RELU, 1) : x;
    }
    return x ? pl_tape_view(tape, x, pl_variable_rows(x), layers->dim) : NULL;
}

struct pl_variable *pl_vq_layers_decode(struct pl_tape *tape, const struct pl_vq_layers *layers,
                                        struct pl_variable *z)
{
    const int count = layers->count;
    if (!z || layers->kind == PL_VQ_NONE)
        return z;
    if (layers->kind == PL_VQ_MLP)
        return linear(tape, layers, layers->decoder, z);
    struct pl_variable *x = as_pictures(tape, z, layers->down, layers->across, layers->dim);
    for (int i = 0; i <= count; i++) {
        if (i > 0)
            x = pl_op_enlarge(tape, x, layers->height > 1 ? 2 : 1, layers->width > 1 ? 2 : 1);
        x = pl_op_conv2d(tape, x, layers->decoder[2 * i], layers->decoder[2 * i + 1], 1,
                         KERNEL / 2);
        x = i < count ? pl_op_activate(tape, x, PL_RELU, 1) : x;
    }
    return x ? pl_tape_view(tape, x, x->dims[0], layers->size) : NULL;
}

/* ---- Cost --------------------------------------------------------------------------------- */

void pl_vq_layers_cost(const struct pl_vq_layers *layers, double *work, double *numbers)
{
    *work = *numbers = 0;
    for (int i = 0; i <= layers->count && layers->kind != PL_VQ_NONE; i++)
        for (int decoder = 0; decoder < 2; decoder++) {
            bool conv = layers->kind == PL_VQ_CONV;
            /* halvings in front of what the layer gives */
            int halvings = decoder ? layers->count - i : i < layers->count ? i + 1 : i;
            double places =
                conv ? (double)(halved(layers->height, halvings) * halved(layers->width, halvings))
                     : 1;
            double out = places * (double)output(layers, decoder, i);
            *work += 2 * out * (double)input(layers, decoder, i) * (conv ? KERNEL * KERNEL : 1);
            *numbers += out * (i < layers->count ? 2 : 1); /* before and behind the ReLU */
            if (conv && decoder && i > 0)                  /* what was enlarged */
                *numbers += places * (double)input(layers, decoder, i);
        }
}
