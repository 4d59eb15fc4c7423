/* The layers of a network in the order of its file.
 * SPDX-License-Identifier: MIT */
#ifndef PL_WEIGHTS_LAYERS_H
#define PL_WEIGHTS_LAYERS_H

#include "base/memory.h"
#include "stream/directory.h"

struct pl_layer_list {
    int64_t *layer; /* [tensors] the layer that a tensor belongs to, from 0; -1: none */
    int64_t convolutions, count; /* layers: the first are convolutions, then dense ones follow */
};

/* Numbers the layers: every tensor of rank 4 is a convolution, in order; then every tensor of rank
 * 2 is a dense layer.  All else under the same name up to the last dot (a bias) belongs to it.  In
 * a residual net the stem is the first layer and each block, with norms and shortcut, is one; see
 * layers.c.  In the arena. */
enum pl_status pl_layers_number(struct pl_context *context, struct pl_arena *arena,
                                const struct pl_directory_entry *tensors, size_t count,
                                struct pl_layer_list *layers) PL_MUST_CHECK;

/* Whether numbers in names rise with the order of the file: some writers sort names as text, and
 * put layer 10 before layer 2.  False, and the first two that do not, in `before` and `after`. */
bool pl_layers_in_order(const struct pl_directory_entry *tensors, size_t count, const char **before,
                        const char **after);

/* Compares names so that numbers in them count as numbers: as strcmp does. */
int pl_layers_compare(const char *a, const char *b);

#endif
