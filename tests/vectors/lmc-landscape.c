/* The loss between two networks against its reference: scans, curvatures, layers, terms.
 * SPDX-License-Identifier: MIT
 *
 * In double alone: second differences of losses in float are noise. */
#include "vectors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "layer.h"
#include "tensor/blas.h"
#include "weights/landscape.h"

enum { NAME_SIZE = 64, MOST_LAYERS = 16 };

/* The network: dense layers, tanh behind all but the last, mean cross-entropy. */
struct net {
    struct vectors *vectors;
    int layers;
    int64_t in[MOST_LAYERS], out[MOST_LAYERS];
    int64_t first[MOST_LAYERS + 1]; /* parameters of a layer: weight, then bias */
    struct pl_variable *logits;     /* of the last evaluation; lives until the next */
    struct pl_tape tape;
};

static void read_shape(struct net *net)
{
    for (; net->layers < MOST_LAYERS; net->layers++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "A.layer%d.weight", net->layers);
        const int64_t out = vectors_dim(net->vectors, name, 0);
        const int64_t in = vectors_dim(net->vectors, name, 1);
        if (out == 0)
            break;
        net->in[net->layers] = in;
        net->out[net->layers] = out;
        net->first[net->layers + 1] = net->first[net->layers] + out * in + out;
    }
}

/* The parameters PREFIX.layerN.weight and .bias, flat. */
static pl_real *flat(struct net *net, const char *prefix)
{
    pl_real *theta = vectors_new(net->vectors, net->first[net->layers], sizeof *theta), *at = theta;
    for (int l = 0; l < net->layers; l++)
        for (int bias = 0; bias < 2; bias++) {
            const int64_t count = bias ? net->out[l] : net->out[l] * net->in[l];
            const double *values = vectors_doubles(net->vectors, count, "%s.layer%d.%s", prefix, l,
                                                   bias ? "bias" : "weight");
            for (int64_t i = 0; values && i < count; i++)
                at[i] = (pl_real)values[i];
            at += count;
        }
    return theta;
}

static struct pl_variable *parameter(struct net *net, int64_t rows, int64_t columns,
                                     const pl_real *value, pl_real *gradient)
{
    struct pl_variable *variable = vectors_new(net->vectors, 1, sizeof *variable);
    *variable = (struct pl_variable){.rank = columns ? 2 : 1,
                                     .dims = {rows, columns},
                                     .count = columns ? rows * columns : rows,
                                     .value = (pl_real *)(uintptr_t)value,
                                     .gradient = gradient};
    return variable;
}

static enum pl_status evaluate(struct pl_context *context, void *user, const pl_real *theta,
                               double *loss, double *right, pl_real *gradient)
{
    struct net *net = user;
    pl_tape_reset(&net->tape);
    net->tape.context = context;
    net->tape.recording = gradient != NULL;
    struct pl_variable *x = layer_variable(net->vectors, "x");
    for (int l = 0; l < net->layers; l++) {
        const int64_t weights = net->out[l] * net->in[l], at = net->first[l];
        if (l > 0)
            x = pl_op_activate(&net->tape, x, PL_TANH, 1);
        x = pl_op_linear(
            &net->tape, x,
            parameter(net, net->out[l], net->in[l], theta + at, gradient ? gradient + at : NULL),
            parameter(net, net->out[l], 0, theta + at + weights,
                      gradient ? gradient + at + weights : NULL));
    }
    if (!x)
        return context->status;
    const int64_t rows = pl_variable_rows(x);
    const double *labels = vectors_doubles(net->vectors, rows, "y");
    int32_t *targets = vectors_new(net->vectors, rows, sizeof *targets);
    for (int64_t i = 0; labels && i < rows; i++)
        targets[i] = (int32_t)labels[i];
    struct pl_head_score score = {0};
    struct pl_variable *mean = pl_op_class_loss(&net->tape, x, targets, &score);
    net->logits = x;
    *loss = score.nats / (double)rows;
    if (right)
        *right = (double)score.right / (double)rows;
    if (!mean)
        return context->status;
    return gradient ? pl_tape_backward(&net->tape, mean, 1) : PL_OK;
}

static void compare(struct net *net, const double *values, int64_t count, double relative,
                    const char *name)
{
    vectors_compare(net->vectors, values, count, 1e-11, relative, "%s", name);
}

/* The line from A to B or C; prefix: "" or "AC.". */
static void check_line(struct net *net, const struct pl_landscape *landscape, const char *prefix)
{
    struct vectors *vectors = net->vectors;
    struct pl_line line = {.count = vectors_dim(vectors, "lambdas", 0)};
    line.points = vectors_new(vectors, line.count, sizeof *line.points);
    double *columns = vectors_new(vectors, 3 * line.count, sizeof *columns);
    char name[NAME_SIZE];
    if (!vectors_ok(vectors, pl_landscape_scan(&vectors->context, landscape, &line)))
        return;
    for (int64_t i = 0; i < line.count; i++) {
        columns[i] = line.points[i].t;
        columns[line.count + i] = line.points[i].loss;
        columns[2 * line.count + i] = line.points[i].right;
    }
    snprintf(name, sizeof name, "%sloss", prefix);
    compare(net, columns + line.count, line.count, 1e-9, name);
    snprintf(name, sizeof name, "%sbarrier", prefix);
    compare(net, &line.barrier, 1, 1e-9, name);
    snprintf(name, sizeof name, "%sbarrier_argmax", prefix);
    compare(net, &line.barrier_at, 1, 1e-12, name);
    if (*prefix)
        return;
    compare(net, columns, line.count, 1e-12, "lambdas");
    compare(net, columns + 2 * line.count, line.count, 1e-12, "acc");
    compare(net, &line.middle, 1, 1e-9, "barrier_mid");
}

static void check_curvature(struct net *net, const struct pl_landscape *landscape,
                            const pl_real *delta, double eps)
{
    struct vectors *vectors = net->vectors;
    struct pl_prediction prediction;
    double slope, curvature;
    pl_real *product = vectors_new(vectors, landscape->count, sizeof *product);
    if (!vectors_ok(vectors,
                    pl_landscape_predict(&vectors->context, landscape, eps, &prediction)) ||
        !vectors_ok(vectors, pl_landscape_curvature(&vectors->context, landscape, 0, delta, eps,
                                                    &slope, &curvature, product)))
        return;
    compare(net, prediction.slope, 3, 1e-9, "g_dot_delta");
    compare(net, prediction.curvature, 3, 1e-6, "dHd");
    compare(net, &prediction.from_a, 1, 1e-6, "taylor_from_A_mid");
    compare(net, &prediction.from_b, 1, 1e-6, "taylor_from_B_mid");
    compare(net, &prediction.from_middle, 1, 1e-6, "taylor_mid_curv");
    vectors_compare_real(vectors, delta, landscape->count, VECTORS_OUTPUT, "delta");
    vectors_compare_real(vectors, product, landscape->count, VECTORS_TRAINED, "Hd_at_A");
}

static void check_layer_curve(struct net *net, const struct pl_landscape *landscape, int layer,
                              bool default_b)
{
    struct vectors *vectors = net->vectors;
    struct pl_line line = {.count = vectors_dim(vectors, "lambdas", 0)};
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "layer%d.loss_default%d", layer, default_b);
    line.count = vectors_dim(vectors, name, 0);
    line.points = vectors_new(vectors, line.count, sizeof *line.points);
    double *losses = vectors_new(vectors, line.count, sizeof *losses);
    if (line.count < 2 ||
        !vectors_ok(vectors, pl_landscape_layer(&vectors->context, landscape, net->first[layer],
                                                net->first[layer + 1] - net->first[layer],
                                                default_b, &line)))
        return;
    for (int64_t i = 0; i < line.count; i++)
        losses[i] = line.points[i].loss;
    compare(net, losses, line.count, 1e-9, name);
    snprintf(name, sizeof name, "layer%d.barrier_default%d", layer, default_b);
    compare(net, &line.barrier, 1, 1e-9, name);
}

static void check_layer_of(struct net *net, const struct pl_landscape *landscape,
                           const pl_real *delta, int layer, double eps)
{
    struct vectors *vectors = net->vectors;
    pl_real *own = vectors_new(vectors, landscape->count, sizeof *own);
    double slope, curvature, here, norm = 0;
    char name[NAME_SIZE];
    for (int64_t i = net->first[layer]; i < net->first[layer + 1]; i++) {
        own[i] = delta[i];
        norm += (double)delta[i] * (double)delta[i];
    }
    norm = sqrt(norm);
    if (!vectors_ok(vectors, pl_landscape_curvature(&vectors->context, landscape, 0, own, eps,
                                                    &slope, &curvature, NULL)))
        return;
    snprintf(name, sizeof name, "layer%d.dHd_at_A", layer);
    compare(net, &curvature, 1, 1e-6, name);
    if (vectors_ok(vectors, landscape->loss(&vectors->context, landscape->user, landscape->a, &here,
                                            NULL, NULL)) &&
        vectors_ok(vectors, pl_landscape_bend(&vectors->context, landscape, 0, own, here, 1e-4,
                                              NULL, &curvature)))
        compare(net, &curvature, 1, 1e-5, name);
    snprintf(name, sizeof name, "layer%d.delta_norm", layer);
    compare(net, &norm, 1, 1e-9, name);
    check_layer_curve(net, landscape, layer, false);
    check_layer_curve(net, landscape, layer, true);
}

/* The logits at theta, copied. */
static pl_real *logits_at(struct net *net, const pl_real *theta, int64_t *rows, int64_t *classes)
{
    double loss;
    if (!vectors_ok(net->vectors, evaluate(&net->vectors->context, net, theta, &loss, NULL, NULL)))
        return NULL;
    *rows = pl_variable_rows(net->logits);
    *classes = pl_variable_width(net->logits);
    pl_real *copy = vectors_new(net->vectors, *rows * *classes, sizeof *copy);
    memcpy(copy, net->logits->value, (size_t)(*rows * *classes) * sizeof *copy);
    return copy;
}

static void check_terms(struct net *net, const struct pl_landscape *landscape)
{
    struct vectors *vectors = net->vectors;
    int64_t rows = 0, classes = 0;
    pl_real *middle = vectors_new(vectors, landscape->count, sizeof *middle);
    for (int64_t i = 0; i < landscape->count; i++)
        middle[i] = (landscape->a[i] + landscape->b[i]) / 2;
    const pl_real *f_a = logits_at(net, landscape->a, &rows, &classes);
    const pl_real *f_b = logits_at(net, landscape->b, &rows, &classes);
    const pl_real *f = logits_at(net, middle, &rows, &classes);
    const double *labels = vectors_doubles(vectors, rows, "y");
    double *parts = vectors_new(vectors, 3 * rows, sizeof *parts), excess = 0;
    if (!f_a || !f_b || !f || !labels)
        return;
    for (int64_t i = 0; i < rows; i++) {
        const int64_t at = i * classes;
        const struct pl_excess_terms terms =
            pl_landscape_terms(f_a + at, f_b + at, f + at, classes, (int64_t)labels[i], 0.5);
        parts[i] = terms.curve, parts[rows + i] = terms.spread, parts[2 * rows + i] = terms.label;
        excess += (terms.curve - terms.spread - terms.label) / (double)rows;
    }
    compare(net, parts, rows, 1e-9, "lse_D");
    compare(net, parts + rows, rows, 1e-9, "lse_J");
    compare(net, parts + 2 * rows, rows, 1e-9, "E_y");
    compare(net, &excess, 1, 1e-9, "barrier_mid");
}

void check_lmc_landscape(struct vectors *vectors)
{
    struct net net = {.vectors = vectors};
    const double eps = 1e-3;
    if (!vectors_ok(vectors, pl_blas_open(&vectors->context)))
        return;
    read_shape(&net);
    const pl_real *base = flat(&net, "base"), *a = flat(&net, "A"), *b = flat(&net, "B");
    const int64_t count = net.first[net.layers];
    struct pl_landscape line = {.count = count, .a = a, .b = b, .loss = evaluate, .user = &net};
    struct pl_landscape apart = {
        .count = count, .a = a, .b = flat(&net, "C"), .loss = evaluate, .user = &net};
    pl_real *delta = vectors_new(vectors, line.count, sizeof *delta);
    for (int64_t i = 0; i < line.count; i++)
        delta[i] = b[i] - a[i];
    check_line(&net, &line, "");
    check_line(&net, &apart, "AC.");
    check_curvature(&net, &line, delta, eps);
    for (int l = 0; l < net.layers; l++)
        check_layer_of(&net, &line, delta, l, eps);
    check_terms(&net, &line);
    const struct pl_fork fork = pl_landscape_fork(base, a, b, line.count);
    compare(&net, &fork.angle, 1, 1e-9, "angle_rad");
    compare(&net, &fork.apart, 1, 1e-9, "dist_AB");
    compare(&net, &fork.a, 1, 1e-9, "dist_0A");
    compare(&net, &fork.b, 1, 1e-9, "dist_0B");
    pl_tape_release(&net.tape);
}
