/* Moments of a long run of elements in one pass.
 * SPDX-License-Identifier: MIT
 *
 * The textbook one-pass formula, E[x^2] - E[x]^2, loses all digits when the mean is large beside
 * the deviation, and a plain running sum of 1e9 elements drifts.  Here the run is cut into blocks
 * of 512.  Within a block two passes over data that sit in the first-level cache give the sum and
 * the squared distances from the block's own mean.  A block (n_b, mean_b, M_b) is then joined to
 * what came before (n, mean, M) by the pairwise update of Chan, Golub and LeVeque ("Updating
 * formulae and a pairwise algorithm for computing sample variances", COMPSTAT 1982):
 *
 *     d = mean_b - mean,   M := M + M_b + d^2 n n_b / (n + n_b),   n := n + n_b
 *
 * The sum behind the mean, and M, are carried with Neumaier's compensation, so two million blocks
 * add no error of their own.  With blocks of one element the update is Welford's; that form serves
 * the channels of a series, where a piece holds few elements of each.
 *
 * Extremes are kept as stored elements beside their value as a double, since an f32 should print
 * as an f32 and 64-bit integers do not fit a double: those are compared as integers. */
#include "tensor/statistics.h"

#include <math.h>
#include <string.h>

#define LANES 8

/* sum + error += value, keeping in error what the sum cannot hold (Neumaier 1974). */
static void add_compensated(double *sum, double *error, double value)
{
    double next = *sum + value;
    if (fabs(*sum) >= fabs(value))
        *error += (*sum - next) + value;
    else
        *error += (value - next) + *sum;
    *sum = next;
}

/* Joins a block of `count` finite elements with this sum and squared distances. */
static void join(struct pl_summary *summary, int64_t count, double sum, double square)
{
    double before = (double)pl_summary_finite(summary), added = (double)count;
    double distance = sum / added - summary->mean;
    add_compensated(&summary->sum, &summary->sum_error, sum);
    summary->mean = (summary->sum + summary->sum_error) / (before + added);
    add_compensated(&summary->square, &summary->square_error,
                    square + distance * distance * (before * added / (before + added)));
}

struct pl_summary pl_summary_init(enum pl_dtype dtype)
{
    return (struct pl_summary){.dtype = dtype, .low_value = INFINITY, .high_value = -INFINITY};
}

int64_t pl_summary_finite(const struct pl_summary *summary)
{
    return summary->count - summary->nans - summary->infinities;
}

double pl_summary_deviation(const struct pl_summary *summary)
{
    int64_t finite = pl_summary_finite(summary);
    if (finite == 0)
        return NAN;
    return sqrt(fmax(0, summary->square + summary->square_error) / (double)finite);
}

/* Is the stored 64-bit integer a < b? */
static bool integer_less(enum pl_dtype dtype, const void *a, const void *b)
{
    if (dtype == PL_U64) {
        uint64_t left, right;
        memcpy(&left, a, 8);
        memcpy(&right, b, 8);
        return left < right;
    }
    int64_t left, right;
    memcpy(&left, a, 8);
    memcpy(&right, b, 8);
    return left < right;
}

/* Keeps an element if it is the smallest or largest so far. */
static void note_extremes(struct pl_summary *summary, const void *element, double value)
{
    size_t size = pl_dtype_size(summary->dtype);
    bool lower = value<summary->low_value, higher = value> summary->high_value;
    if (summary->dtype == PL_I64 || summary->dtype == PL_U64) {
        lower = lower || (value <= summary->low_value &&
                          integer_less(summary->dtype, element, summary->low));
        higher = higher || (value >= summary->high_value &&
                            integer_less(summary->dtype, summary->high, element));
    }
    if (lower) {
        memcpy(summary->low, element, size);
        summary->low_value = value;
    }
    if (higher) {
        memcpy(summary->high, element, size);
        summary->high_value = value;
    }
}

enum pl_status pl_summary_add(struct pl_context *context, struct pl_summary *summary,
                              const void *elements, int64_t count, int64_t stride)
{
    const unsigned char *element = elements;
    size_t step = (size_t)stride * pl_dtype_size(summary->dtype);
    for (int64_t i = 0; i < count; i++, element += step) {
        double value;
        enum pl_status status = pl_convert(context, element, summary->dtype, &value, PL_F64, 1);
        if (status != PL_OK)
            return status;
        if (isfinite(value)) {
            note_extremes(summary, element, value);
            join(summary, 1, value, 0);
        }
        summary->count++;
        summary->nans += isnan(value) != 0;
        summary->infinities += isinf(value) != 0;
        summary->zeros += value == 0;
    }
    return PL_OK;
}

void pl_statistics_start(struct pl_statistics *statistics, enum pl_dtype dtype)
{
    statistics->summary = pl_summary_init(dtype);
    statistics->fill = 0;
}

/* Joins the gathered block and empties it. */
static void flush(struct pl_statistics *statistics)
{
    struct pl_summary *summary = &statistics->summary;
    double *x = statistics->block, sums[LANES] = {0}, squares[LANES] = {0};
    int size = statistics->fill, finite = 0, nans = 0, padded;
    for (int i = 0; i < size; i++)
        finite += fabs(x[i]) < INFINITY;
    if (finite < size) {
        finite = 0;
        for (int i = 0; i < size; i++) {
            nans += isnan(x[i]) != 0;
            if (isfinite(x[i]))
                x[finite++] = x[i];
        }
    }
    /* Whole lanes: zeros add nothing to the sum, the mean adds nothing to the distances. */
    for (padded = finite; padded % LANES != 0; padded++)
        x[padded] = 0;
    for (int i = 0; i < padded; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            sums[lane] += x[i + lane];
    for (int lane = 1; lane < LANES; lane++)
        sums[0] += sums[lane];
    double mean = finite ? sums[0] / finite : 0;
    for (int i = finite; i < padded; i++)
        x[i] = mean;
    for (int i = 0; i < padded; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            squares[lane] += (x[i + lane] - mean) * (x[i + lane] - mean);
    for (int lane = 1; lane < LANES; lane++)
        squares[0] += squares[lane];
    if (finite)
        join(summary, finite, sums[0], squares[0]);
    summary->count += size;
    summary->nans += nans;
    summary->infinities += size - finite - nans;
    statistics->fill = 0;
}

/* Zeros and extremes of a run whose values as doubles are x[0..count). */
static void scan(struct pl_summary *summary, const unsigned char *elements, const double *x,
                 int count)
{
    size_t size = pl_dtype_size(summary->dtype);
    bool wide = summary->dtype == PL_I64 || summary->dtype == PL_U64;
    double low = INFINITY, high = -INFINITY;
    int zeros = 0;
    for (int i = 0; i < count; i++) {
        bool finite = fabs(x[i]) < INFINITY;
        zeros += x[i] == 0;
        low = finite && x[i] < low ? x[i] : low;
        high = finite && x[i] > high ? x[i] : high;
    }
    summary->zeros += zeros;
    /* A new extreme is rare: only then is its element looked for. */
    if (wide ? low > summary->low_value && high < summary->high_value
             : low >= summary->low_value && high <= summary->high_value)
        return;
    for (int i = 0; i < count; i++)
        if (isfinite(x[i]))
            note_extremes(summary, elements + (size_t)i * size, x[i]);
}

enum pl_status pl_statistics_add(struct pl_context *context, struct pl_statistics *statistics,
                                 const void *elements, int64_t count)
{
    const unsigned char *from = elements;
    struct pl_summary *summary = &statistics->summary;
    size_t size = pl_dtype_size(summary->dtype);
    while (count > 0) {
        int room = PL_STATISTICS_BLOCK - statistics->fill;
        int part = count < room ? (int)count : room;
        double *to = statistics->block + statistics->fill;
        enum pl_status status = pl_convert(context, from, summary->dtype, to, PL_F64, part);
        if (status != PL_OK)
            return status;
        scan(summary, from, to, part);
        statistics->fill += part;
        if (statistics->fill == PL_STATISTICS_BLOCK)
            flush(statistics);
        from += (size_t)part * size;
        count -= part;
    }
    return PL_OK;
}

void pl_statistics_finish(struct pl_statistics *statistics)
{
    if (statistics->fill > 0)
        flush(statistics);
}
