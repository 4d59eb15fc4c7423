/* Routing tokens to a few of several memories (Du, Sun, Lan, Hu, Cheng: MoM: Linear Sequence
 * Modeling with Mixture-of-Memories, 2025, arXiv 2502.13685).
 * SPDX-License-Identifier: MIT
 *
 * A router gives each token one logit per memory; the `top` largest choose.  What a memory gets is
 * a sequence of its own for each sequence of the batch: the tokens routed to it, in time order.
 * The rows of all these sequences lie behind each other, memory after memory. */
#ifndef PL_NN_ROUTE_H
#define PL_NN_ROUTE_H

#include "nn/rows.h"

struct pl_route {
    struct pl_variable *logits; /* [tokens, memories] */
    int64_t tokens, memories, top;
    int32_t *chosen;     /* [tokens, top]: memories, largest logit first, ties to the lower */
    int64_t *place;      /* [tokens, top]: the token's row among all that are routed */
    struct pl_rows rows; /* of those, tokens * top: memory m has sequences m B to m B + B - 1 */
    struct pl_variable *weights; /* [tokens, top]: softmax over the chosen logits alone */
};

/* logits [N, memories], 1 <= top <= memories.  The choice is not differentiated, weights are.
 * All memory is the tape's.  PL_NUMERIC names the first token whose logits are not finite. */
enum pl_status pl_op_route(struct pl_tape *tape, struct pl_variable *logits,
                           const struct pl_rows *rows, int64_t top,
                           struct pl_route *route) PL_MUST_CHECK;

/* The rows that are routed: [tokens * top, width] from x [tokens, width]. */
struct pl_variable *pl_op_gather(struct pl_tape *tape, const struct pl_route *route,
                                 struct pl_variable *x);

/* base (NULL: zero) plus, for each token, its rows of o [tokens * top, width] by their weights. */
struct pl_variable *pl_op_combine(struct pl_tape *tape, const struct pl_route *route,
                                  struct pl_variable *o, struct pl_variable *base);

/* The loss that keeps memories in use: memories * sum over memories of f p, with f the share of
 * tokens that chose it (counted once for each of their choices, constant for the gradient) and p
 * the mean of its softmax; `top` where routing is uniform.  Over the routes of all layers, at least
 * one, which have the same tokens, memories and top, as if they were one, or (by_layer) the mean of
 * the layers' own; times scale.  routes [layers] must stay until the tape is reset.  Costs
 * O(layers tokens memories), over all threads. */
struct pl_variable *pl_op_balance(struct pl_tape *tape, const struct pl_route *routes,
                                  int64_t layers, bool by_layer, double scale);

#endif
