/* Gated linear attention against its reference: the operation at any chunk size, layers, models.
 * SPDX-License-Identifier: MIT */
#include "vectors.h"

#include "layer.h"
#include "nn/gla.h"

/* ---- the operation */

struct operation {
    struct pl_gla gla;
    int64_t batch, length;
    struct pl_variable *q, *k, *v, *g, *entry;
};

static void run_operation(struct vectors *vectors, struct operation *op, int64_t chunk)
{
    struct pl_tape tape = {.context = &vectors->context, .recording = true};
    struct pl_rows rows;
    struct pl_variable *final;

    op->gla.chunk = chunk;
    layer_clear(op->q), layer_clear(op->k), layer_clear(op->v), layer_clear(op->g);
    layer_clear(op->entry);
    if (!vectors_ok(vectors, pl_rows_even(&tape, op->batch, op->length, &rows)))
        return;
    struct pl_variable *o =
        pl_op_gla(&tape, &op->gla, &rows, op->q, op->k, op->v, op->g, op->entry, &final);
    if (!o) {
        vectors_fail(vectors, "%s", vectors->context.message);
        return;
    }
    vectors_compare_real(vectors, o->value, o->count, VECTORS_OUTPUT, "o");
    vectors_compare_real(vectors, final->value, final->count, VECTORS_OUTPUT, "ht");
    layer_copy(vectors, o->gradient, o->count, "do");
    layer_copy(vectors, final->gradient, final->count, "dht");
    if (vectors_ok(vectors, layer_backward(&tape))) {
        vectors_compare_real(vectors, op->q->gradient, op->q->count, VECTORS_GRADIENT, "dq");
        vectors_compare_real(vectors, op->k->gradient, op->k->count, VECTORS_GRADIENT, "dk");
        vectors_compare_real(vectors, op->v->gradient, op->v->count, VECTORS_GRADIENT, "dv");
        vectors_compare_real(vectors, op->g->gradient, op->g->count, VECTORS_GRADIENT, "dgk");
        vectors_compare_real(vectors, op->entry->gradient, op->entry->count, VECTORS_GRADIENT,
                             "dh0");
    }
    pl_tape_release(&tape);
}

static void check_operation(struct vectors *vectors, const char *file)
{
    vectors_select(vectors, file);
    struct operation op = {
        .gla = {.heads = vectors_dim(vectors, "q", 2),
                .kv_heads = vectors_dim(vectors, "k", 2),
                .key_dim = vectors_dim(vectors, "q", 3),
                .value_dim = vectors_dim(vectors, "v", 3)},
        .batch = vectors_dim(vectors, "q", 0),
        .length = vectors_dim(vectors, "q", 1),
        .q = layer_variable(vectors, "q"),
        .k = layer_variable(vectors, "k"),
        .v = layer_variable(vectors, "v"),
        .g = layer_variable(vectors, "gk"),
        .entry = layer_variable(vectors, "h0"),
    };
    const int64_t chunks[] = {1, 16, 64, op.length, op.length + 7, 5};

    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++)
        run_operation(vectors, &op, chunks[i]);
}

static const struct layer_name names[] = {{"expand_k", "expand-k"},
                                          {"expand_v", "expand-v"},
                                          {"num_kv_heads", "kv-heads"},
                                          {"conv_size", "conv"},
                                          {"gate_logit_normalizer", "gate-norm"},
                                          {"gate_low_rank_dim", "gate-rank"},
                                          {"clamp_min", "clamp-min"},
                                          {NULL, NULL}};

void check_gla(struct vectors *vectors)
{
    check_operation(vectors, "op.safetensors");
    check_operation(vectors, "op_strong.safetensors");
    check_layer(vectors, "layer.safetensors", "gla", names);
    check_layer(vectors, "layer_gqa_conv.safetensors", "gla", names);
    check_lm_named(vectors, "gla", names);
}
