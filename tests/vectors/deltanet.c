/* The delta rule against its reference: the operation at any chunk size and the inside of its first
 * chunk, layers, models.
 * SPDX-License-Identifier: MIT */
#include "delta.h"

#include <stdlib.h>
#include <string.h>

#include "autograd/ops.h"
#include "layer.h"
#include "nn/delta_chunk.h"

/* The first chunk of a head: T = L^-1 diag(beta), W = T K, U = T V, and the state behind it. */
struct first_chunk {
    struct pl_delta_chunk chunk;
    int64_t rows;
    pl_real *right; /* a right-hand side, spoiled */
};

/* out = T right, for right [rows, width] with rows that far apart */
static void solve(struct first_chunk *first, const pl_real *right, int64_t width, int64_t stride,
                  pl_real *out)
{
    for (int64_t i = 0; i < first->rows; i++)
        memcpy(first->right + i * width, right + i * stride, (size_t)width * sizeof *out);
    pl_delta_solve(first->rows, width, first->chunk.product, first->chunk.beta, first->right, out);
}

static void check_head(struct vectors *vectors, const struct pl_delta *delta,
                       const struct pl_delta_head *in, pl_real *outs[4], pl_real *state)
{
    int64_t rows = delta->chunk, key = delta->key_dim, value = delta->value_dim;
    struct first_chunk first = {.rows = rows};
    pl_real *memory =
        vectors_new(vectors, pl_delta_chunk_size(delta, rows, false) + rows * (rows + key + value),
                    sizeof *memory);
    pl_real *identity = vectors_new(vectors, rows * rows, sizeof *identity);
    for (int64_t i = 0; i < rows; i++)
        identity[i * rows + i] = 1;
    pl_delta_chunk_place(&first.chunk, delta, false, rows, false, memory);
    first.right = memory + pl_delta_chunk_size(delta, rows, false);
    pl_delta_chunk_load(&first.chunk, in, rows);
    solve(&first, identity, rows, rows, outs[0]);
    solve(&first, in->k, key, delta->heads * key, outs[1]);
    solve(&first, in->v, value, delta->value_heads * value, outs[2]);
    memcpy(outs[3], state, (size_t)(key * value) * sizeof *state);
    pl_delta_chunk_forward(&first.chunk, in, outs[3]);
}

static void check_first_chunk(struct vectors *vectors, const char *file)
{
    static const char *const names[] = {"chunk0_T", "chunk0_W", "chunk0_U", "chunk0_S"};
    vectors_select(vectors, file);
    struct pl_tape tape = {.context = &vectors->context};
    const struct pl_variable *q = layer_variable(vectors, "q"), *beta;
    struct pl_variable *k = layer_variable(vectors, "k"), *v = layer_variable(vectors, "v");
    struct pl_variable *entry = layer_variable(vectors, "h0");
    beta = layer_variable(vectors, "beta");
    const char *size = vectors_option(vectors, "C");
    if (!q || !k || !v || !beta || !entry || !size)
        return;
    int64_t rows = strtoll(size, NULL, 10), batch = q->dims[0], length = q->dims[1];
    struct pl_delta delta = {q->dims[2], v->dims[2], q->dims[3], v->dims[3], 1, rows};
    int64_t value_width = delta.value_heads * delta.value_dim;
    int64_t key_width = delta.heads * delta.key_dim, state = delta.key_dim * delta.value_dim;
    const int64_t sizes[] = {rows * rows, rows * delta.key_dim, rows * delta.value_dim, state};
    pl_real *all[4], *out = vectors_new(vectors, batch * length * value_width, sizeof *out);
    for (int i = 0; i < 4; i++)
        all[i] = vectors_new(vectors, batch * delta.heads * sizes[i], sizeof *all[i]);
    k = pl_op_unit(&tape, k, delta.key_dim);
    for (int64_t b = 0; k && b < batch; b++)
        for (int64_t h = 0; h < delta.heads; h++) {
            int64_t item = b * delta.heads + h, first = b * length;
            struct pl_delta_head in = {.q = q->value + first * key_width + h * delta.key_dim,
                                       .k = k->value + first * key_width + h * delta.key_dim,
                                       .v = v->value + first * value_width + h * delta.value_dim,
                                       .beta = beta->value + first * delta.heads + h,
                                       .o = out + first * value_width + h * delta.value_dim};
            pl_real *outs[4];
            for (int i = 0; i < 4; i++)
                outs[i] = all[i] + item * sizes[i];
            check_head(vectors, &delta, &in, outs, entry->value + item * state);
        }
    for (int i = 0; i < 4; i++)
        vectors_compare_real(vectors, all[i], batch * delta.heads * sizes[i], VECTORS_OUTPUT, "%s",
                             names[i]);
    pl_tape_release(&tape);
}

void check_deltanet(struct vectors *vectors)
{
    static const struct layer_name names[] = {
        {"conv_size", "conv"},       {"use_gate", "out-gate"}, {"allow_neg_eigval", "neg-eigval"},
        {"qk_activation", "qk-act"}, {"qk_norm", "qk-norm"},   {NULL, NULL}};
    static const char *const operations[] = {"op.safetensors", "op_neg.safetensors"};
    for (int i = 0; i < 2; i++) {
        check_delta(vectors, operations[i]);
        check_first_chunk(vectors, operations[i]);
    }
    check_layer(vectors, "layer.safetensors", "deltanet", names);
    check_layer(vectors, "layer_gate_elu_sum.safetensors", "deltanet", names);
    check_lm_named(vectors, "deltanet", names);
}
