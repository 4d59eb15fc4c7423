/* Smallest, largest, mean, deviation of any number of elements in one pass and constant memory.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TENSOR_STATISTICS_H
#define PL_TENSOR_STATISTICS_H

#include "tensor/dtype.h"

#define PL_STATISTICS_BLOCK 512

/* What is known after some elements.  NaN and infinities are counted and left out of the rest. */
struct pl_summary {
    enum pl_dtype dtype;
    int64_t count, nans, infinities, zeros;
    unsigned char low[8], high[8]; /* the smallest and largest finite element, as stored */
    /* Inner state: sums over the distances from the origin, which is 0, or for 64-bit integers the
     * first element, since these do not fit a double. */
    unsigned char origin[8];
    double mean, sum, sum_error, square, square_error;
    double low_value, high_value;
};

struct pl_summary pl_summary_init(enum pl_dtype dtype);

/* Takes `count` elements, `stride` elements apart, one after the other. */
enum pl_status pl_summary_add(struct pl_context *context, struct pl_summary *summary,
                              const void *elements, int64_t count, int64_t stride) PL_MUST_CHECK;

/* Elements that were neither NaN nor infinite; of them (NaN when there are none) the mean and the
 * standard deviation with divisor n. */
int64_t pl_summary_finite(const struct pl_summary *summary);
double pl_summary_mean(const struct pl_summary *summary);
double pl_summary_deviation(const struct pl_summary *summary);

/* The same for one long run, several times as fast: elements are gathered into blocks.  Blocks
 * are cut by the elements' number, so the result does not depend on the pieces they come in. */
struct pl_statistics {
    struct pl_summary summary; /* complete after pl_statistics_finish */
    double block[PL_STATISTICS_BLOCK];
    int fill;
};

void pl_statistics_start(struct pl_statistics *statistics, enum pl_dtype dtype);
enum pl_status pl_statistics_add(struct pl_context *context, struct pl_statistics *statistics,
                                 const void *elements, int64_t count) PL_MUST_CHECK;
void pl_statistics_finish(struct pl_statistics *statistics);

#endif
