/* Several delta steps a token against their reference: the operation at any chunk size, layers,
 * models, and the group tasks.
 * SPDX-License-Identifier: MIT */
#include "delta.h"

#include <stdio.h>
#include <string.h>

#include "layer.h"
#include "text/group.h"

/* Elements, table, and running products: whole numbers, which are equal or not. */
static void check_group(struct vectors *vectors, const char *name)
{
    char array[40];
    struct pl_group group = {0};
    snprintf(array, sizeof array, "%s.x", name);
    int64_t rows = vectors_dim(vectors, array, 0), length = vectors_dim(vectors, array, 1);
    const double *x = vectors_doubles(vectors, rows * length, "%s", array);
    if (!x || !vectors_ok(vectors, pl_group_init(&vectors->context, &group, name)))
        return;
    int64_t count = group.count, squared = count * count;
    int64_t most = squared > rows * length ? squared : rows * length;
    double *got = vectors_new(vectors, most + count * group.points, sizeof *got);
    for (int64_t i = 0; i < count * group.points; i++)
        got[i] = group.elements[i];
    vectors_compare(vectors, got, count * group.points, 0, 0, "%s.elements", name);
    for (int64_t i = 0; i < squared; i++)
        got[i] = group.table[i];
    vectors_compare(vectors, got, squared, 0, 0, "%s.table", name);
    for (int64_t i = 0; i < rows * length; i++) {
        int64_t before = i % length ? (int64_t)got[i - 1] : 0;
        bool known = x[i] >= 0 && x[i] < (double)count;
        got[i] = known ? (double)pl_group_product(&group, before, (int64_t)x[i]) : -1;
        if (!known)
            vectors_fail(vectors, "%s: element %g of %lld", array, x[i], (long long)count);
    }
    vectors_compare(vectors, got, rows * length, 0, 0, "%s.y", name);
    pl_group_release(&group);
}

/* Every group that the file has products of. */
static void check_task(struct vectors *vectors)
{
    vectors_select(vectors, "task.safetensors");
    const struct pl_bundle *bundle = &vectors->file->bundle;
    for (size_t i = 0; i < bundle->tensor_count; i++) {
        const char *name = bundle->tensors[i].name, *dot = strchr(name, '.');
        char group[24];
        if (!dot || strcmp(dot, ".table") != 0)
            continue;
        snprintf(group, sizeof group, "%.*s", (int)(dot - name), name);
        check_group(vectors, group);
    }
}

void check_deltaproduct(struct vectors *vectors)
{
    static const struct layer_name names[] = {{"conv_size", "conv"},
                                              {"conv", "conv"},
                                              {"head_dim", "head-dim"},
                                              {"expand_v", "expand-v"},
                                              {"num_v_heads", "v-heads"},
                                              {"n_h", "nh"},
                                              {"allow_neg_eigval", "neg-eigval"},
                                              {"use_forget_gate", "forget-gate"},
                                              {"use_output_gate", "out-gate"},
                                              {NULL, NULL}};
    check_delta(vectors, "op.safetensors");
    check_delta(vectors, "op_nogate.safetensors");
    check_layer(vectors, "layer.safetensors", "deltaproduct", names);
    check_layer(vectors, "layer_plain.safetensors", "deltaproduct", names);
    check_lm_named(vectors, "deltaproduct", names);
    check_task(vectors);
}
