/* Which axes of which tensors may be reordered together.
 * SPDX-License-Identifier: MIT
 *
 * The hidden units of a layer may stand in any order as long as everything that touches them
 * follows: rows of the weight that makes them, their bias and norm, columns of the weight that
 * reads them.  Such a set of axes is a group; a specification says for each axis of each tensor
 * which group it belongs to, or that it is fixed.
 *
 *     tensors:
 *       layer0.weight: [P_0, ~]
 *       layer0.bias: [P_0]
 *       layer1.weight: [~, P_0]
 *     buffers: [norm0.running_mean]
 *     heads:
 *       - {q: Q, k: K, v: V, o: O, n_head: 12, n_kv_head: 4, rotary: true}
 *
 * `P_0*16` is an axis on which each unit has 16 places next to each other: the columns of a dense
 * layer that reads a flattened map of 4 x 4 places.  Buffers follow their units but have no say in
 * which order is chosen; running statistics of a norm are buffers by their names already.  heads
 * ties the groups of one attention layer together, the rows of q, k and v and the columns of o:
 * whole heads are exchanged, those that share keys and values together, and channels inside a head;
 * with rotary positions channels of q and k stay, since each pair turns with its own speed.  Two
 * more groups may be tied to them: `head`, with one unit for each head of keys and values, for what
 * a layer has one number a head of; and `value`, with one unit for each channel of a head's values,
 * for a norm that all heads share, which then have one order of these channels.
 *
 * (Ainsworth, Hayase, Srinivasa: Git Re-Basin, ICLR 2023, arXiv 2209.04836, appendix.) */
#ifndef PL_WEIGHTS_PERMUTATION_SPEC_H
#define PL_WEIGHTS_PERMUTATION_SPEC_H

#include "base/memory.h"
#include "base/meta.h"
#include "stream/bundle.h"

struct pl_spec_axis {
    int64_t group; /* -1: fixed */
    int64_t width; /* places of a unit */
};

struct pl_spec_tensor {
    const char *name;
    int rank;
    struct pl_spec_axis axes[PL_MAX_RANK];
    bool buffer;
};

struct pl_spec_group {
    const char *name;
    int64_t size;  /* units; 0 until pl_spec_lint */
    int64_t heads; /* index of the attention layer it belongs to; -1: none */
};

/* The groups of an attention layer. */
enum pl_heads_group {
    PL_HEADS_Q,
    PL_HEADS_K,
    PL_HEADS_V,
    PL_HEADS_O,
    PL_HEADS_NEEDED, /* those above; those below may be missing */
    PL_HEADS_HEAD = PL_HEADS_NEEDED,
    PL_HEADS_VALUE,
    PL_HEADS_GROUPS
};

struct pl_spec_heads {
    int64_t groups[PL_HEADS_GROUPS]; /* -1: there is none */
    int64_t heads, kv_heads;
    bool rotary;
};

struct pl_permutation_spec {
    struct pl_arena arena;
    struct pl_spec_tensor *tensors; /* in the order they were added */
    size_t tensor_count, tensor_room;
    struct pl_spec_group *groups; /* in the order of first appearance */
    size_t group_count, group_room;
    struct pl_spec_heads *heads;
    size_t heads_count, heads_room;
};

void pl_spec_release(struct pl_permutation_spec *spec);

/* Adds a tensor; axes are separated by blanks: "P_1 P_0*16 ~ ~".  PL_BAD_DATA for a name that is
 * there already or an axis that cannot be read. */
enum pl_status pl_spec_add(struct pl_context *context, struct pl_permutation_spec *spec,
                           const char *axes, const char *format, ...) PL_PRINTF(4, 5) PL_MUST_CHECK;

/* Ties groups, which must be there, to an attention layer; names of those it has none of are NULL.
 */
enum pl_status pl_spec_add_heads(struct pl_context *context, struct pl_permutation_spec *spec,
                                 const char *const groups[PL_HEADS_GROUPS], int64_t heads,
                                 int64_t kv_heads, bool rotary) PL_MUST_CHECK;

/* From YAML as above, and to it (into an empty document). */
enum pl_status pl_spec_read(struct pl_context *context, struct pl_permutation_spec *spec,
                            const struct pl_meta_node *document) PL_MUST_CHECK;
enum pl_status pl_spec_write(struct pl_context *context, const struct pl_permutation_spec *spec,
                             struct pl_meta *meta) PL_MUST_CHECK;

/* Checks the specification against the models and sets the sizes of its groups: every tensor of it
 * is a weight of every model, with one rank and shape; a group has one size everywhere and is on at
 * most one axis of a tensor, and so is an attention layer; heads divide their groups; every weight
 * of floating point in a model is in the specification (unlisted: some may be missing).
 * PL_BAD_DATA lists all that is wrong. */
enum pl_status pl_spec_lint(struct pl_context *context, struct pl_permutation_spec *spec,
                            const struct pl_bundle *const *models, size_t count,
                            bool unlisted) PL_MUST_CHECK;

/* -1 when there is none. */
int64_t pl_spec_find_group(const struct pl_permutation_spec *spec, const char *name);
int64_t pl_spec_find_tensor(const struct pl_permutation_spec *spec, const char *name);

/* The specification of a model by the names of its tensors and its model document: the dense and
 * convolution nets of the registry, its language models, and Llama's names; see derive_spec.c.
 * heads: query heads of an attention layer, 0: as the model says.  PL_BAD_DATA when the names are
 * of no kind that is known. */
enum pl_status pl_spec_derive(struct pl_context *context, struct pl_permutation_spec *spec,
                              const struct pl_bundle *model, int64_t heads) PL_MUST_CHECK;

#endif
