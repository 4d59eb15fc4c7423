/* Keys gathered in slots that forget, as gated slot attention has them (Zhang and others: Gated
 * Slot Attention for Efficient Linear-Time Sequence Modeling, NeurIPS 2024, arXiv 2409.07146).
 * SPDX-License-Identifier: MIT
 *
 * Per head, with the log decay g <= 0 of each slot:
 *   A_t = A_{t-1} diag(exp g_t) + k_t' s_t        p_t = q_t A_t */
#ifndef PL_NN_SLOTS_H
#define PL_NN_SLOTS_H

#include "nn/rows.h"

struct pl_slots {
    int64_t heads;    /* of q and p */
    int64_t kv_heads; /* of k, s and g: divides heads */
    int64_t head_dim, slots;
};

/* q [N, heads head_dim], k [N, kv_heads head_dim], s and g [N, kv_heads slots] -> p [N, heads
 * slots].  state: NULL, or [sequences, heads, head_dim, slots], which is gone on from and
 * overwritten; no gradient is wanted then. */
struct pl_variable *pl_op_slots(struct pl_tape *tape, const struct pl_slots *slots,
                                const struct pl_rows *rows, struct pl_variable *q,
                                struct pl_variable *k, struct pl_variable *s, struct pl_variable *g,
                                struct pl_variable *state);

#endif
