/* The smaller and the larger of two numbers.
 * SPDX-License-Identifier: MIT */
#ifndef PL_BASE_ORDER_H
#define PL_BASE_ORDER_H

#include <stdint.h>

static inline int64_t pl_smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t pl_larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
