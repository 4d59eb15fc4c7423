/* The mixture of memories against its reference: routing, the balancing loss, layers, models.
 * SPDX-License-Identifier: MIT */
#include "vectors.h"

#include <stdlib.h>

#include "autograd/ops.h"
#include "layer.h"
#include "nn/route.h"
#include "tensor/blas.h"

/* Numbers of the file are exact: memories, and how many tokens each has of a sequence. */
static void compare_choice(struct vectors *vectors, const struct pl_route *route, int64_t batch)
{
    int64_t pairs = route->tokens * route->top;
    const int64_t *starts = route->rows.starts;
    double *chosen = vectors_new(vectors, pairs, sizeof *chosen);
    double *counts = vectors_new(vectors, batch * route->memories, sizeof *counts);
    for (int64_t i = 0; i < pairs; i++)
        chosen[i] = route->chosen[i];
    for (int64_t b = 0; b < batch; b++)
        for (int64_t m = 0; m < route->memories; m++)
            counts[b * route->memories + m] =
                (double)(starts[m * batch + b + 1] - starts[m * batch + b]);
    vectors_compare(vectors, chosen, pairs, 0, 0, "topk_idx");
    vectors_compare(vectors, counts, batch * route->memories, 0, 0, "counts");
}

static void check_routing(struct vectors *vectors, const char *file)
{
    vectors_select(vectors, file);
    struct pl_tape tape = {.context = &vectors->context};
    struct pl_variable *x = layer_variable(vectors, "x");
    struct pl_variable *router = layer_variable(vectors, "w.gate.weight");
    const char *top = vectors_option(vectors, "topk");
    int64_t batch = vectors_dim(vectors, "x", 0), length = vectors_dim(vectors, "x", 1);
    struct pl_rows rows;
    struct pl_route route;
    if (!x || !router || !top || !vectors_ok(vectors, pl_blas_open(&vectors->context)) ||
        !vectors_ok(vectors, pl_rows_even(&tape, batch, length, &rows)))
        return;
    struct pl_variable *logits = pl_op_linear(&tape, x, router, NULL);
    if (vectors_ok(vectors, pl_op_route(&tape, logits, &rows, strtoll(top, NULL, 10), &route))) {
        vectors_compare_real(vectors, logits->value, logits->count, VECTORS_OUTPUT,
                             "router_logits");
        vectors_compare_real(vectors, route.weights->value, route.weights->count, VECTORS_OUTPUT,
                             "topk_w");
        compare_choice(vectors, &route, batch);
    }
    pl_tape_release(&tape);
}

enum { MOST_LAYERS = 64 };

/* The balancing loss and its gradient, over all layers or the mean of theirs. */
static void check_balance(struct vectors *vectors, int64_t top, bool by_layer, const char *value,
                          const char *gradient)
{
    struct pl_variable *all = layer_variable(vectors, "logits"), layers[MOST_LAYERS];
    struct pl_tape tape = {.context = &vectors->context, .recording = true};
    struct pl_route routes[MOST_LAYERS];
    struct pl_rows rows = {1, (const int64_t[]){0, all ? all->dims[1] : 0}};
    int64_t count = all ? all->dims[0] : 0, size = count > 0 ? all->count / count : 0;
    if (count < 1 || count > MOST_LAYERS)
        return;
    for (int64_t l = 0; l < count; l++) {
        layers[l] = (struct pl_variable){.rank = 2,
                                         .dims = {all->dims[1], all->dims[2]},
                                         .count = size,
                                         .value = all->value + l * size,
                                         .gradient = all->gradient + l * size};
        if (!vectors_ok(vectors, pl_op_route(&tape, &layers[l], &rows, top, &routes[l])))
            return;
    }
    struct pl_variable *loss = pl_op_balance(&tape, routes, count, by_layer, 1);
    if (loss && vectors_ok(vectors, pl_tape_backward(&tape, loss, 1))) {
        vectors_compare_real(vectors, loss->value, 1, VECTORS_OUTPUT, "%s", value);
        vectors_compare_real(vectors, all->gradient, all->count, VECTORS_GRADIENT, "%s", gradient);
    }
    for (int64_t l = 0; l < count && by_layer; l++) {
        loss = pl_op_balance(&tape, routes + l, 1, false, 1);
        all->value[l] = loss ? loss->value[0] : 0;
    }
    if (by_layer)
        vectors_compare_real(vectors, all->value, count, VECTORS_OUTPUT, "aux_per_layer");
    pl_tape_release(&tape);
}

void check_mom(struct vectors *vectors)
{
    static const struct layer_name names[] = {
        {"num_memories", "memories"},    {"topk", "topk"},         {"shared_mem", "shared"},
        {"single_kv_proj", "single-kv"}, {"head_dim", "head-dim"}, {"expand_v", "expand-v"},
        {"conv_size", "conv"},           {"aux_scale", "aux"},     {NULL, NULL}};
    check_routing(vectors, "layer.safetensors");
    check_routing(vectors, "layer_single.safetensors");
    check_layer(vectors, "layer.safetensors", "mom", names);
    check_layer(vectors, "layer_single.safetensors", "mom", names);
    vectors_select(vectors, "aux.safetensors");
    const char *top = vectors_option(vectors, "topk");
    check_balance(vectors, top ? strtoll(top, NULL, 10) : 1, false, "aux_concat", "daux_concat");
    check_balance(vectors, top ? strtoll(top, NULL, 10) : 1, true, "aux_layerwise_mean",
                  "daux_layerwise");
    check_lm_named(vectors, "mom", names);
}
