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

/* r of one tensor, in double; start, clean, robust and r have count elements.  Returns false, and r
 * = t, when clean equals start: there is nothing to project on. */
bool pl_signature_project(const double *start, const double *clean, const double *robust,
                          int64_t count, double *r);

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

/* Finds the range of the values.  narrow: rounds it to float, as it is stored, outwards for the
 * linear kind so that codes stay in range. */
struct pl_quantiser pl_quantiser_make(enum pl_quantise kind, int64_t levels, const double *values,
                                      int64_t count, bool narrow);
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
