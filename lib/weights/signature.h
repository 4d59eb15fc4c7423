/* Robust weight signatures: what a model learned from corrupted data and not from clean.
 * SPDX-License-Identifier: MIT
 *
 * For each tensor of the selected layers: r = t - (<t, a> / <a, a>) a, with t = robust - start and
 * a = clean - start, the part of the robust model's change that is orthogonal to the clean one's.
 * r is quantised and kept; added to a clean model it makes that model robust.  (Cai, Zhang, Wang:
 * Robust Weight Signatures, ICML 2023, arXiv 2302.12480.) */
#ifndef PL_WEIGHTS_SIGNATURE_H
#define PL_WEIGHTS_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"

/* <t, a> and <a, a> of one tensor, from {0} on. */
struct pl_projection {
    double ta, ta_lost, aa, aa_lost;
};
void pl_projection_add(struct pl_projection *projection, const double *start, const double *clean,
                       const double *robust, int64_t count);
/* Whether the clean model changed the tensor; where it did not, r = t. */
bool pl_projection_exists(const struct pl_projection *projection);
/* r of some elements; it may be `robust`. */
void pl_projection_apply(const struct pl_projection *projection, const double *start,
                         const double *clean, const double *robust, int64_t count, double *r);

/* How values become codes 0..levels-1. */
enum pl_quantise {
    PL_QUANTISE_LINEAR, /* evenly between the least and the largest */
    PL_QUANTISE_TANH,   /* tanh(r) evenly */
    PL_QUANTISE_LOG     /* sign and log2|r|, levels/2 of these evenly; zeros have a code more */
};

#define PL_LEVELS_MOST 65536

/* The scale of one tensor. */
struct pl_quantiser {
    enum pl_quantise kind;
    int64_t levels;
    double least, most; /* of r, tanh(r) or log2|r| */
};

/* Without a range; then it is widened to hold values, and closed.  narrow: the range is rounded to
 * float, as it is stored. */
struct pl_quantiser pl_quantiser_open(enum pl_quantise kind, int64_t levels);
void pl_quantiser_widen(struct pl_quantiser *quantiser, const double *values, int64_t count);
void pl_quantiser_close(struct pl_quantiser *quantiser, bool narrow);
/* Codes need this many bits: 0 when there is only one value. */
int pl_quantiser_bits(const struct pl_quantiser *quantiser);
int64_t pl_quantiser_code(const struct pl_quantiser *quantiser, double value);
double pl_quantiser_value(const struct pl_quantiser *quantiser, int64_t code);

/* Codes packed one behind the other, lowest bits first.  bytes: (count * bits + 7) / 8 of them,
 * zero before the first code is put in. */
uint64_t pl_bits_size(int64_t count, int bits);
void pl_bits_put(uint8_t *bytes, int64_t index, int bits, int64_t code);
int64_t pl_bits_get(const uint8_t *bytes, int64_t index, int bits);

#endif
