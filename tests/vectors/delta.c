/* Vectors of the delta rule's operation.
 * SPDX-License-Identifier: MIT */
#include "delta.h"

#include "autograd/ops.h"
#include "layer.h"
#include "nn/delta.h"
#include "tensor/blas.h"

struct operation {
    struct pl_delta delta;
    int64_t batch, length;
    struct pl_variable *q, *k, *v, *beta, *g, *entry;
};

static bool run_forward(struct vectors *vectors, struct operation *op, struct pl_tape *tape,
                        struct pl_variable **o, struct pl_variable **final)
{
    struct pl_rows rows;
    if (!vectors_ok(vectors, pl_rows_even(tape, op->batch, op->length, &rows)))
        return false;
    *o = pl_op_delta(tape, &op->delta, &rows, pl_op_unit(tape, op->q, op->delta.key_dim),
                     pl_op_unit(tape, op->k, op->delta.key_dim), op->v, op->beta, op->g, op->entry,
                     final);
    return *o || vectors_ok(vectors, vectors->context.status);
}

static void run_operation(struct vectors *vectors, struct operation *op, int64_t chunk)
{
    struct pl_tape tape = {.context = &vectors->context, .recording = true};
    struct pl_variable *o, *final;
    const struct {
        const char *name;
        struct pl_variable *variable;
    } inputs[] = {{"dq", op->q},       {"dk", op->k}, {"dv", op->v},
                  {"dbeta", op->beta}, {"dg", op->g}, {"dh0", op->entry}};
    op->delta.chunk = chunk;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        if (inputs[i].variable)
            layer_clear(inputs[i].variable);
    if (run_forward(vectors, op, &tape, &o, &final)) {
        vectors_compare_real(vectors, o->value, o->count, VECTORS_OUTPUT, "o");
        vectors_compare_real(vectors, final->value, final->count, VECTORS_OUTPUT, "ht");
        layer_copy(vectors, o->gradient, o->count, "do");
        layer_copy(vectors, final->gradient, final->count, "dht");
        if (vectors_ok(vectors, layer_backward(&tape)))
            for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
                if (inputs[i].variable)
                    vectors_compare_real(vectors, inputs[i].variable->gradient,
                                         inputs[i].variable->count, VECTORS_GRADIENT, "%s",
                                         inputs[i].name);
    }
    pl_tape_release(&tape);
}

void check_delta(struct vectors *vectors, const char *file)
{
    vectors_select(vectors, file);
    int64_t length = vectors_dim(vectors, "q", 1);
    struct operation op = {
        .delta = {.heads = vectors_dim(vectors, "q", 2),
                  .value_heads = vectors_dim(vectors, "v", 2),
                  .key_dim = vectors_dim(vectors, "q", 3),
                  .value_dim = vectors_dim(vectors, "v", 3),
                  .steps = length > 0 ? vectors_dim(vectors, "k", 1) / length : 1},
        .batch = vectors_dim(vectors, "q", 0),
        .length = length,
        .q = layer_variable(vectors, "q"),
        .k = layer_variable(vectors, "k"),
        .v = layer_variable(vectors, "v"),
        .beta = layer_variable(vectors, "beta"),
        .g = vectors_dim(vectors, "g", 0) > 0 ? layer_variable(vectors, "g") : NULL,
        .entry = layer_variable(vectors, "h0"),
    };
    const int64_t chunks[] = {1, 5, 16, 64, length, length + 7};
    if (!op.q || !op.k || !op.v || !op.beta || !op.entry ||
        !vectors_ok(vectors, pl_blas_open(&vectors->context)))
        return;
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
        run_operation(vectors, &op, chunks[i]);
}
