/* Gated linear attention against its reference: the operation at any chunk size, layers, models.
 * SPDX-License-Identifier: MIT */
#include "vectors.h"

#include <string.h>

#include "nn/gla.h"
#include "real.h"

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
    real_clear(op->q), real_clear(op->k), real_clear(op->v), real_clear(op->g);
    real_clear(op->entry);
    if (!vectors_ok(vectors, pl_rows_even(&tape, op->batch, op->length, &rows)))
        return;
    struct pl_variable *o =
        pl_op_gla(&tape, &op->gla, &rows, op->q, op->k, op->v, op->g, op->entry, &final);
    if (!o) {
        vectors_fail(vectors, "%s", vectors->context.message);
        return;
    }
    real_compare(vectors, o->value, o->count, REAL_VALUES, "o");
    real_compare(vectors, final->value, final->count, REAL_VALUES, "ht");
    real_copy(vectors, o->gradient, o->count, "do");
    real_copy(vectors, final->gradient, final->count, "dht");
    if (vectors_ok(vectors, real_backward(&tape))) {
        real_compare(vectors, op->q->gradient, op->q->count, REAL_GRADIENTS, "dq");
        real_compare(vectors, op->k->gradient, op->k->count, REAL_GRADIENTS, "dk");
        real_compare(vectors, op->v->gradient, op->v->count, REAL_GRADIENTS, "dv");
        real_compare(vectors, op->g->gradient, op->g->count, REAL_GRADIENTS, "dgk");
        real_compare(vectors, op->entry->gradient, op->entry->count, REAL_GRADIENTS, "dh0");
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
        .q = real_variable(vectors, "q"),
        .k = real_variable(vectors, "k"),
        .v = real_variable(vectors, "v"),
        .g = real_variable(vectors, "gk"),
        .entry = real_variable(vectors, "h0"),
    };
    const int64_t chunks[] = {1, 16, 64, op.length, op.length + 7, 5};

    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++)
        run_operation(vectors, &op, chunks[i]);
}

void check_gla(struct vectors *vectors)
{
    check_operation(vectors, "op.safetensors");
    check_operation(vectors, "op_strong.safetensors");
}
