/* SimVQ against its reference: values, gradients of both forms of the loss, optimiser steps, the
 * rotation, and the use of the codebook.
 * SPDX-License-Identifier: MIT */
#include "vectors.h"

#include <stdio.h>

#include "autograd/ops.h"
#include "layer.h"
#include "nn/quantize.h"
#include "quantize/usage.h"
#include "train/optimiser.h"

/* The arrays have channels before height and width; the library has rows of channels. */
struct layout {
    int64_t batch, channels, pixels;
};

static void to_rows(const struct layout *layout, const pl_real *in, pl_real *out)
{
    for (int64_t b = 0; b < layout->batch; b++)
        pl_real_transpose(layout->channels, layout->pixels,
                          in + b * layout->channels * layout->pixels, layout->pixels,
                          out + b * layout->channels * layout->pixels, layout->channels);
}

static void from_rows(const struct layout *layout, const pl_real *in, pl_real *out)
{
    for (int64_t b = 0; b < layout->batch; b++)
        pl_real_transpose(layout->pixels, layout->channels,
                          in + b * layout->channels * layout->pixels, layout->channels,
                          out + b * layout->channels * layout->pixels, layout->pixels);
}

static struct pl_variable rows_variable(struct vectors *vectors, int64_t rows, int64_t width)
{
    return (struct pl_variable){
        .rank = 2,
        .dims = {rows, width},
        .count = rows * width,
        .value = vectors_new(vectors, rows * width, sizeof(pl_real)),
        .gradient = vectors_new(vectors, rows * width, sizeof(pl_real)),
    };
}

struct case_ {
    struct layout layout;
    struct pl_variable *basis, *map, *bias, z;
    struct pl_nearest nearest;
};

static void compare_images(struct vectors *vectors, const struct case_ *c, const pl_real *rows,
                           enum vectors_kind kind, const char *name)
{
    pl_real *image = vectors_new(vectors, c->z.count, sizeof *image);
    from_rows(&c->layout, rows, image);
    vectors_compare_real(vectors, image, c->z.count, kind, "%s", name);
}

static void check_use(struct vectors *vectors, const int32_t *codes, int64_t rows, int64_t count)
{
    const double *expected = vectors_doubles(vectors, rows, "indices");
    int64_t *hits = vectors_new(vectors, count, sizeof *hits);
    double *counts = vectors_new(vectors, count, sizeof *counts);
    for (int64_t row = 0; row < rows; row++) {
        if (expected && (double)codes[row] != expected[row])
            vectors_fail(vectors, "indices[%lld] is %d", (long long)row, codes[row]);
        hits[codes[row]]++;
        counts[codes[row]]++;
    }
    struct pl_usage usage = pl_usage_of(hits, count);
    vectors_compare(vectors, counts, count, 0, 0, "counts");
    vectors_compare(vectors, &usage.share, 1, 1e-12, 0, "usage");
    vectors_compare(vectors, &usage.perplexity, 1, 1e-9, 0, "perplexity");
}

/* One form of the loss, with the gradient that arrives at z_q. */
static void check_form(struct vectors *vectors, struct case_ *c, bool legacy)
{
    const char *form = legacy ? "legacy" : "new";
    char name[32];
    struct pl_tape tape = {.context = &vectors->context, .recording = true};
    struct pl_quantize options = {.beta = 0.25, .legacy = legacy};
    struct pl_quantized quantized;
    int64_t rows = pl_variable_rows(&c->z);
    pl_real *upstream = vectors_new(vectors, c->z.count, sizeof *upstream);
    layer_clear(&c->z), layer_clear(c->map), layer_clear(c->bias);
    struct pl_variable *codebook = pl_op_linear(&tape, c->basis, c->map, c->bias);
    if (!vectors_ok(vectors,
                    pl_op_quantize(&tape, &options, &c->nearest, &c->z, codebook, &quantized)))
        return;
    struct pl_variable *out = pl_op_straight_through(&tape, &c->z, quantized.vectors);
    vectors_compare_real(vectors, codebook->value, codebook->count, VECTORS_OUTPUT,
                         "effective_codebook");
    compare_images(vectors, c, out->value, VECTORS_OUTPUT, "z_q");
    vectors_compare_real(vectors, quantized.loss->value, 1, VECTORS_OUTPUT, "%s.commit_loss", form);
    check_use(vectors, quantized.codes, rows, pl_variable_rows(codebook));
    layer_copy(vectors, upstream, c->z.count, "upstream");
    to_rows(&c->layout, upstream, out->gradient);
    if (vectors_ok(vectors, pl_tape_backward(&tape, quantized.loss, 1))) {
        snprintf(name, sizeof name, "%s.grad_z", form);
        compare_images(vectors, c, c->z.gradient, VECTORS_GRADIENT, name);
        vectors_compare_real(vectors, c->map->gradient, c->map->count, VECTORS_GRADIENT,
                             "%s.grad_W", form);
        vectors_compare_real(vectors, c->bias->gradient, c->bias->count, VECTORS_GRADIENT,
                             "%s.grad_b", form);
    }
    pl_tape_release(&tape);
}

static void check_forms(struct vectors *vectors)
{
    struct case_ c = {
        .layout = {vectors_dim(vectors, "z", 0), vectors_dim(vectors, "z", 1),
                   vectors_dim(vectors, "z", 2) * vectors_dim(vectors, "z", 3)},
        .basis = layer_variable(vectors, "codebook_frozen"),
        .map = layer_variable(vectors, "W"),
        .bias = layer_variable(vectors, "b"),
    };
    c.basis->gradient = NULL; /* frozen */
    c.z = rows_variable(vectors, c.layout.batch * c.layout.pixels, c.layout.channels);
    pl_real *image = vectors_new(vectors, c.z.count, sizeof *image);
    layer_copy(vectors, image, c.z.count, "z");
    to_rows(&c.layout, image, c.z.value);
    if (!vectors_ok(vectors, pl_nearest_init(&vectors->context, &c.nearest, c.basis->dims[0],
                                             c.basis->dims[1])))
        return;
    check_form(vectors, &c, false);
    check_form(vectors, &c, true);
    pl_nearest_release(&c.nearest);
}

/* The map and its bias as parameters to be trained. */
static struct pl_variable *parameter(struct vectors *vectors, struct pl_parameters *parameters,
                                     const int64_t *dims, const char *name, const char *array)
{
    struct pl_variable *variable =
        pl_parameter_add(&vectors->context, parameters, PL_INIT_ZERO, dims, "%s", name);
    if (variable && vectors_ok(vectors, pl_parameters_values(&vectors->context, parameters)))
        layer_copy(vectors, variable->value, variable->count, "%s", array);
    return variable;
}

static void check_adam(struct vectors *vectors)
{
    enum { STEPS = 3 };
    struct pl_variable *basis = layer_variable(vectors, "adam.C");
    int64_t width = basis->dims[1], batch = vectors_dim(vectors, "adam.z", 1);
    struct layout layout = {batch, width,
                            vectors_dim(vectors, "adam.z", 3) * vectors_dim(vectors, "adam.z", 4)};
    struct pl_variable z = rows_variable(vectors, batch * layout.pixels, width);
    pl_real *images = vectors_new(vectors, STEPS * z.count, sizeof *images);
    struct pl_parameters parameters = {0};
    struct pl_optimiser optimiser = {0};
    struct pl_nearest nearest;
    const struct pl_optimiser_options adam = {
        .kind = PL_ADAMW, .beta1 = 0.5, .beta2 = 0.9, .eps = 1e-8};
    struct pl_variable *map =
        parameter(vectors, &parameters, PL_DIMS(width, width), "map", "adam.W0");
    struct pl_variable *bias = parameter(vectors, &parameters, PL_DIMS(width), "bias", "adam.b0");
    struct pl_tape tape = {.context = &vectors->context, .recording = true};
    basis->gradient = NULL;
    z.gradient = NULL;
    layer_copy(vectors, images, STEPS * z.count, "adam.z");
    if (!vectors_ok(vectors,
                    pl_optimiser_init(&vectors->context, &optimiser, &parameters, &adam)) ||
        !vectors_ok(vectors, pl_nearest_init(&vectors->context, &nearest, basis->dims[0], width)))
        return;
    for (int step = 0; step < STEPS; step++) {
        struct pl_quantize options = {.beta = 0.25};
        struct pl_quantized quantized;
        to_rows(&layout, images + step * z.count, z.value);
        pl_parameters_clear(&parameters);
        struct pl_variable *codebook = pl_op_linear(&tape, basis, map, bias);
        if (!vectors_ok(vectors,
                        pl_op_quantize(&tape, &options, &nearest, &z, codebook, &quantized)))
            return;
        vectors_compare_real(vectors, quantized.loss->value, 1, VECTORS_TRAINED, "adam.loss%d",
                             step);
        if (!vectors_ok(vectors, pl_tape_backward(&tape, quantized.loss, 1)) ||
            !vectors_ok(vectors, pl_optimiser_step(&vectors->context, &optimiser, 1e-2, 1)))
            return;
        pl_tape_reset(&tape);
    }
    vectors_compare_real(vectors, map->value, map->count, VECTORS_TRAINED, "adam.W3");
    vectors_compare_real(vectors, bias->value, bias->count, VECTORS_TRAINED, "adam.b3");
    pl_nearest_release(&nearest);
    pl_optimiser_release(&optimiser);
    pl_parameters_release(&parameters);
    pl_tape_release(&tape);
}

static void check_rotation(struct vectors *vectors)
{
    struct pl_tape tape = {.context = &vectors->context, .recording = true};
    struct pl_variable *z = layer_variable(vectors, "rot_e");
    struct pl_variable *q = layer_variable(vectors, "rot_q");
    struct pl_variable *out = pl_op_rotate(&tape, z, q);
    if (!out) {
        vectors_fail(vectors, "%s", vectors->context.message);
        return;
    }
    vectors_compare_real(vectors, out->value, out->count, VECTORS_OUTPUT, "rot_out");
    layer_copy(vectors, out->gradient, out->count, "rot_g");
    if (vectors_ok(vectors, layer_backward(&tape)))
        vectors_compare_real(vectors, z->gradient, z->count, VECTORS_GRADIENT, "rot_grad_e");
    pl_tape_release(&tape);
}

void check_simvq(struct vectors *vectors)
{
    if (!vectors_ok(vectors, pl_blas_open(&vectors->context)))
        return;
    check_forms(vectors);
    check_adam(vectors);
    check_rotation(vectors);
}
