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
 * 64-bit integers (time stamps, keys) do not fit a double.  Their distances from the first of them
 * are taken as integers and summed instead.  Extremes are kept as stored, since an f32 should
 * print as an f32. */
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

/* Joins a block of finite elements with this sum and squared distances to `before` others. */
static void join(struct pl_summary *summary, int64_t before, int64_t count, double sum,
                 double square)
{
    double n = (double)before, added = (double)count, distance = sum / added - summary->mean;
    add_compensated(&summary->sum, &summary->sum_error, sum);
    summary->mean = (summary->sum + summary->sum_error) / (n + added);
    add_compensated(&summary->square, &summary->square_error,
                    square + distance * distance * (n * added / (n + added)));
}

struct pl_summary pl_summary_init(enum pl_dtype dtype)
{
    return (struct pl_summary){.dtype = dtype, .low_value = INFINITY, .high_value = -INFINITY};
}

int64_t pl_summary_finite(const struct pl_summary *summary)
{
    return summary->count - summary->nans - summary->infinities;
}

static bool is_wide(enum pl_dtype dtype)
{
    return dtype == PL_I64 || dtype == PL_U64;
}

double pl_summary_mean(const struct pl_summary *summary)
{
    if (pl_summary_finite(summary) == 0)
        return NAN;
    if (!is_wide(summary->dtype))
        return summary->mean;
    /* The whole part is added as an integer; it lies between the extremes, so it fits. */
    double whole = floor(summary->mean);
    uint64_t origin;
    memcpy(&origin, summary->origin, 8);
    origin = whole < 0 ? origin - (uint64_t)-whole : origin + (uint64_t)whole;
    return pl_element(&origin, summary->dtype, 0) + (summary->mean - whole);
}

double pl_summary_deviation(const struct pl_summary *summary)
{
    int64_t finite = pl_summary_finite(summary);
    if (finite == 0)
        return NAN;
    return sqrt(fmax(0, summary->square + summary->square_error) / (double)finite);
}

/* a - b of stored 64-bit integers: exact in sign, rounded once. */
static double wide_distance(enum pl_dtype dtype, const void *a, const void *b)
{
    uint64_t left, right;
    memcpy(&left, a, 8);
    memcpy(&right, b, 8);
    bool less = dtype == PL_U64 ? left < right : (int64_t)left < (int64_t)right;
    return less ? -(double)(right - left) : (double)(left - right);
}

/* Values of 64-bit integers as distances from the origin; their extremes and zeros. */
static void load_wide(struct pl_summary *summary, const unsigned char *elements, int64_t count,
                      bool first, double *x)
{
    static const unsigned char zero[8];
    for (int64_t i = 0; i < count; i++, elements += 8) {
        if (first) {
            memcpy(summary->origin, elements, 8);
            memcpy(summary->low, elements, 8);
            memcpy(summary->high, elements, 8);
            first = false;
        }
        x[i] = wide_distance(summary->dtype, elements, summary->origin);
        if (wide_distance(summary->dtype, elements, summary->low) < 0)
            memcpy(summary->low, elements, 8);
        if (wide_distance(summary->dtype, elements, summary->high) > 0)
            memcpy(summary->high, elements, 8);
        summary->zeros += memcmp(elements, zero, 8) == 0;
    }
}

/* Keeps a finite element if it is the smallest or largest so far. */
static void note_extremes(struct pl_summary *summary, const void *element, double value)
{
    size_t size = pl_dtype_size(summary->dtype);
    if (value < summary->low_value) {
        memcpy(summary->low, element, size);
        summary->low_value = value;
    }
    if (value > summary->high_value) {
        memcpy(summary->high, element, size);
        summary->high_value = value;
    }
}

/* Extremes and zeros of a run whose values are x[0..count). */
static void scan(struct pl_summary *summary, const unsigned char *elements, const double *x,
                 int count)
{
    size_t size = pl_dtype_size(summary->dtype);
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
    if (low >= summary->low_value && high <= summary->high_value)
        return;
    for (int i = 0; i < count; i++)
        if (isfinite(x[i]))
            note_extremes(summary, elements + (size_t)i * size, x[i]);
}

enum pl_status pl_summary_add(struct pl_context *context, struct pl_summary *summary,
                              const void *elements, int64_t count, int64_t stride)
{
    const unsigned char *element = elements;
    size_t step = (size_t)stride * pl_dtype_size(summary->dtype);
    for (int64_t i = 0; i < count; i++, element += step) {
        double value;
        if (is_wide(summary->dtype)) {
            load_wide(summary, element, 1, summary->count == 0, &value);
        } else {
            enum pl_status status = pl_convert(context, element, summary->dtype, &value, PL_F64, 1);
            if (status != PL_OK)
                return status;
            summary->zeros += value == 0;
            if (isfinite(value))
                note_extremes(summary, element, value);
        }
        if (isfinite(value))
            join(summary, pl_summary_finite(summary), 1, value, 0);
        summary->count++;
        summary->nans += isnan(value) != 0;
        summary->infinities += isinf(value) != 0;
    }
    return PL_OK;
}

void pl_statistics_start(struct pl_statistics *statistics, enum pl_dtype dtype)
{
    statistics->summary = pl_summary_init(dtype);
    statistics->fill = 0;
}

/* Takes what is not finite out of x[0..size); returns what is left. */
static int leave_finite(double *x, int size, int *nans)
{
    int finite = 0;
    *nans = 0;
    for (int i = 0; i < size; i++)
        finite += fabs(x[i]) < INFINITY;
    if (finite == size)
        return size;
    finite = 0;
    for (int i = 0; i < size; i++) {
        *nans += isnan(x[i]) != 0;
        if (isfinite(x[i]))
            x[finite++] = x[i];
    }
    return finite;
}

/* Joins the gathered block and empties it. */
static void flush(struct pl_statistics *statistics)
{
    struct pl_summary *summary = &statistics->summary;
    double *x = statistics->block, sums[LANES] = {0}, squares[LANES] = {0};
    int size = statistics->fill, nans, padded;
    int finite = leave_finite(x, size, &nans);
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
        join(summary, pl_summary_finite(summary), finite, sums[0], squares[0]);
    summary->count += size;
    summary->nans += nans;
    summary->infinities += size - finite - nans;
    statistics->fill = 0;
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
        if (is_wide(summary->dtype)) {
            load_wide(summary, from, part, summary->count + statistics->fill == 0, to);
        } else {
            enum pl_status status = pl_convert(context, from, summary->dtype, to, PL_F64, part);
            if (status != PL_OK)
                return status;
            scan(summary, from, to, part);
        }
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
