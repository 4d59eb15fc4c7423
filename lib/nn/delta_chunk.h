/* One chunk of one head of the delta rule, forward and back, and the recurrence token by token.
 * SPDX-License-Identifier: MIT
 *
 * What delta.c runs over sequences, heads and chunks; tests look inside.  A token has `steps` rows
 * of k, v and beta, and one of q, g and o. */
#ifndef PL_NN_DELTA_CHUNK_H
#define PL_NN_DELTA_CHUNK_H

#include "nn/delta.h"

/* Where the rows of a head begin, of values or of gradients (there NULL: not wanted).  Strides:
 * k and v a row, q and o a token: heads key_dim, value_heads value_dim; beta a row, g a token:
 * value_heads. */
struct pl_delta_head {
    pl_real *q, *k, *v, *beta, *g, *o;
};

/* Working memory for chunks of up to `room` tokens, and what is known of the one at hand. */
struct pl_delta_chunk {
    const struct pl_delta *delta;
    bool gated;
    int64_t tokens, rows; /* rows = tokens steps */
    pl_real *key_query;   /* [rows + tokens, key_dim]: all keys, then all queries times s */
    pl_real *beta;        /* [rows] */
    double *sum;          /* [tokens] b, the log decay since the chunk's entry */
    pl_real *since;       /* [tokens] exp(b_t) */
    pl_real *until;       /* [tokens] exp(b_last - b_t) */
    pl_real *decay;       /* [tokens, rows] exp(b_t - b_(token of row)), 0 for later tokens */
    pl_real *product;     /* [rows + tokens, rows] below the diagonal: decayed k k', s q k' */
    pl_real *residual;    /* [rows + tokens, value_dim] E = v - k S at each step, before beta */
    pl_real *written;     /* [rows, value_dim] U = beta E, what each step writes under its key */
    /* Going back: gradients. */
    pl_real *d_product;   /* [rows + tokens, rows] */
    pl_real *d_out;       /* [rows + tokens, value_dim] -F, then that of o */
    pl_real *d_written;   /* [rows, value_dim] Z, the gradient of U */
    pl_real *d_residual;  /* [rows, value_dim] F = beta Z, the gradient of E */
    pl_real *d_key_query; /* [rows + tokens, key_dim] */
    pl_real *columns;     /* [rows] */
    double *d_sum;        /* [tokens] */
};

/* Numbers of pl_real that the working memory takes, a multiple of 16. */
int64_t pl_delta_chunk_size(const struct pl_delta *delta, int64_t room, bool backward);
/* Lays it out in memory of that size, 64-byte aligned. */
void pl_delta_chunk_place(struct pl_delta_chunk *chunk, const struct pl_delta *delta, bool gated,
                          int64_t room, bool backward, pl_real *memory);

/* Takes in the next tokens: copies k, q, beta and g, and forms decay and product. */
void pl_delta_chunk_load(struct pl_delta_chunk *chunk, const struct pl_delta_head *in,
                         int64_t tokens);
/* Of the chunk loaded: gives in->o, and brings state [key_dim, value_dim] to the chunk's end. */
void pl_delta_chunk_forward(struct pl_delta_chunk *chunk, const struct pl_delta_head *in,
                            pl_real *state);
/* Of the chunk loaded, whose entry state this is: adds to the gradients of its inputs, and takes
 * d_state [key_dim, value_dim] from the gradient of the state at its end to that at its entry. */
void pl_delta_chunk_backward(struct pl_delta_chunk *chunk, const struct pl_delta_head *in,
                             const struct pl_delta_head *gradient, const pl_real *entry,
                             pl_real *d_state);

/* With B strictly below the diagonal of b [rows, rows], for each row in turn:
 * E_i -= sum_{j<i} B_ij U_j, U_i = beta_i E_i.  residual [rows, width] comes as the right-hand side
 * (v - k S_entry) and becomes E; written becomes U = (I + diag(beta) B)^-1 diag(beta) rhs. */
void pl_delta_solve(int64_t rows, int64_t width, const pl_real *b, const pl_real *beta,
                    pl_real *residual, pl_real *written);
/* From the last row to the first: Z_j -= sum_{i>j} B_ij F_i, F_j = beta_j Z_j. */
void pl_delta_solve_back(int64_t rows, int64_t width, const pl_real *b, const pl_real *beta,
                         pl_real *d_written, pl_real *d_residual);

/* The recurrence itself, token by token; scratch [value_dim]. */
void pl_delta_recur(const struct pl_delta *delta, const struct pl_delta_head *in, int64_t tokens,
                    pl_real *state, pl_real *scratch);

#endif
