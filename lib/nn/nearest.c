/* The nearest of many code vectors, exactly.
 * SPDX-License-Identifier: MIT
 *
 *     |z - q|^2 = |z|^2 - 2 (z.q - |q|^2 / 2)
 *
 * so the nearest code has the largest score z.q - |q|^2 / 2.  With a one behind every z and
 * -|q|^2 / 2 behind every q the scores of a block of rows are one matrix product; they are never
 * kept for more than a block of codes.  The mean of the codes is first taken from both, since the
 * score loses digits when vectors are long beside the gaps between codes.
 *
 * Scores in float are wrong by up to (width + 8) eps (|z| |q| + |q|^2), so the best score need not
 * be the nearest code, and which of two close ones wins would depend on the product's order of
 * summation.  Of every block of codes 32 maxima are kept, each over the codes that are 32 apart: a
 * loop without branches.  Codes in all groups whose maximum is within twice the error of the best
 * are then compared by their distance in double.  That is nearly always one group of 32, and adds a
 * few hundredths to the work.  Vectors so large that a score overflows are compared with all
 * codes. */
#include "nn/nearest.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/kernels.h"
#include "base/memory.h"

#ifdef PL_DOUBLE
#define EPSILON DBL_EPSILON
#define LEAST   DBL_MIN
#define MOST    DBL_MAX
#else
#define EPSILON FLT_EPSILON
#define LEAST   FLT_MIN
#define MOST    FLT_MAX
#endif

enum {
    ROWS = 256,  /* of a block */
    CODES = 512, /* of a block: its scores stay in the second-level cache */
    GROUPS = 32  /* of a block of codes */
};

static int64_t code_blocks(const struct pl_nearest *nearest)
{
    return (nearest->count + CODES - 1) / CODES;
}

enum pl_status pl_nearest_init(struct pl_context *context, struct pl_nearest *nearest,
                               int64_t count, int64_t width)
{
    size_t shifted;
    *nearest = (struct pl_nearest){.count = count, .width = width};
    nearest->threads = pl_parallel_threads(context);
    nearest->scratch_size =
        (size_t)ROWS * (size_t)(width + 1 + CODES + code_blocks(nearest) * GROUPS);
    if (!pl_mul_size((size_t)count, (size_t)(width + 1), &shifted))
        return pl_fail(context, PL_SYSTEM, "out of memory: too many codes");
    nearest->centre = pl_new(context, (size_t)width, sizeof(pl_real));
    nearest->shifted = pl_new(context, shifted, sizeof(pl_real));
    nearest->scratch =
        pl_new(context, nearest->scratch_size * (size_t)nearest->threads, sizeof(pl_real));
    if (nearest->centre && nearest->shifted && nearest->scratch)
        return PL_OK;
    pl_nearest_release(nearest);
    return context->status;
}

void pl_nearest_release(struct pl_nearest *nearest)
{
    free(nearest->centre);
    free(nearest->shifted);
    free(nearest->scratch);
    *nearest = (struct pl_nearest){0};
}

/* The mean of the codes, column by column in runs of rows. */
static void find_centre(struct pl_nearest *nearest)
{
    enum { COLUMNS = 64 };
    for (int64_t first = 0; first < nearest->width; first += COLUMNS) {
        double sums[COLUMNS] = {0};
        int64_t columns = nearest->width - first < COLUMNS ? nearest->width - first : COLUMNS;
        for (int64_t j = 0; j < nearest->count; j++)
            for (int64_t i = 0; i < columns; i++)
                sums[i] += (double)nearest->codes[j * nearest->width + first + i];
        for (int64_t i = 0; i < columns; i++)
            nearest->centre[first + i] = (pl_real)(sums[i] / (double)nearest->count);
    }
}

void pl_nearest_set(struct pl_nearest *nearest, const pl_real *codes)
{
    int64_t width = nearest->width;
    double largest = 0;
    nearest->codes = codes;
    find_centre(nearest);
    for (int64_t j = 0; j < nearest->count; j++) {
        pl_real *to = nearest->shifted + j * (width + 1);
        for (int64_t i = 0; i < width; i++)
            to[i] = codes[j * width + i] - nearest->centre[i];
        double square = pl_real_dot(width, to, to);
        to[width] = (pl_real)(-0.5 * square);
        largest = square > largest ? square : largest;
    }
    nearest->radius = sqrt(largest);
}

PL_KERNEL double square_distance(int64_t width, const pl_real *a, const pl_real *b)
{
    typedef pl_real real8
        __attribute__((vector_size(8 * sizeof(pl_real)), aligned(sizeof(pl_real)), may_alias));
    pl_double8 lanes = {0};
    int64_t i = 0;
    for (; i + 8 <= width; i += 8) {
        pl_double8 difference = __builtin_convertvector(*(const real8 *)(a + i), pl_double8) -
                                __builtin_convertvector(*(const real8 *)(b + i), pl_double8);
        lanes += difference * difference;
    }
    double sum = ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
                 ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
    for (; i < width; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sum;
}

double pl_square_distance(int64_t width, const pl_real *a, const pl_real *b)
{
    return square_distance(width, a, b);
}

struct job {
    const struct pl_nearest *nearest;
    const pl_real *vectors;
    int64_t rows;
    int32_t *found;
};

/* maxima[GROUPS] of a row of `count` scores: group g has scores g, g + GROUPS, ... */
PL_KERNEL void group_maxima(int64_t count, const pl_real *scores, pl_real *maxima)
{
    int64_t i = 0;
    for (int g = 0; g < GROUPS; g++)
        maxima[g] = -INFINITY;
    for (; i + GROUPS <= count; i += GROUPS)
        for (int g = 0; g < GROUPS; g++)
            maxima[g] = scores[i + g] > maxima[g] ? scores[i + g] : maxima[g];
    for (int g = 0; i < count; i++, g++)
        maxima[g] = scores[i] > maxima[g] ? scores[i] : maxima[g];
}

PL_CLONES static void all_maxima(int64_t rows, int64_t count, const pl_real *scores, int64_t stride,
                                 pl_real *maxima)
{
    for (int64_t row = 0; row < rows; row++)
        group_maxima(count, scores + row * CODES, maxima + row * stride);
}

/* The nearest among the codes of all groups that may hold it. */
PL_CLONES static int32_t settle(const struct pl_nearest *nearest, const pl_real *vector,
                                const pl_real *maxima, double error)
{
    int64_t groups = code_blocks(nearest) * GROUPS, width = nearest->width, at = 0;
    double best = -INFINITY, least = INFINITY;
    for (int64_t g = 0; g < groups; g++)
        best = (double)maxima[g] > best ? (double)maxima[g] : best;
    double bound = best - 2 * error;
    for (int64_t g = 0; g < groups; g++) {
        if ((double)maxima[g] < bound)
            continue;
        int64_t begin = g / GROUPS * CODES, end = begin + CODES;
        end = end < nearest->count ? end : nearest->count;
        for (int64_t j = begin + g % GROUPS; j < end; j += GROUPS) {
            double distance = square_distance(width, vector, nearest->codes + j * width);
            if (distance < least || (distance == least && j < at)) {
                least = distance;
                at = j;
            }
        }
    }
    return (int32_t)at;
}

/* Rows less the centre, with a one behind each. */
static void shift_rows(const struct pl_nearest *nearest, const pl_real *vectors, int64_t rows,
                       pl_real *shifted)
{
    int64_t width = nearest->width;
    for (int64_t row = 0; row < rows; row++, shifted += width + 1) {
        for (int64_t i = 0; i < width; i++)
            shifted[i] = vectors[row * width + i] - nearest->centre[i];
        shifted[width] = 1;
    }
}

/* What a score of this vector may be wrong by; infinite when it may overflow. */
static double score_error(const struct pl_nearest *nearest, const pl_real *shifted)
{
    int64_t width = nearest->width;
    double norm = sqrt(pl_real_dot(width, shifted, shifted)), radius = nearest->radius;
    double size = norm * radius + radius * radius;
    return size < MOST / 4 ? (double)(width + 8) * (EPSILON * size + LEAST) : INFINITY;
}

static enum pl_status find_block(struct pl_context *context, void *user, int64_t item)
{
    const struct job *job = user;
    const struct pl_nearest *nearest = job->nearest;
    int64_t wide = nearest->width + 1, groups = code_blocks(nearest) * GROUPS;
    struct pl_span span = pl_block_span(item, ROWS, job->rows);
    int64_t rows = span.end - span.begin;
    const pl_real *vectors = job->vectors + span.begin * nearest->width;
    pl_real *shifted = nearest->scratch + nearest->scratch_size * (size_t)context->slot;
    pl_real *scores = shifted + ROWS * wide, *maxima = scores + ROWS * CODES;
    shift_rows(nearest, vectors, rows, shifted);
    for (int64_t first = 0; first < nearest->count; first += CODES) {
        int64_t left = nearest->count - first, count = left < CODES ? left : CODES;
        pl_gemm(false, true, rows, count, wide, 1, shifted, wide, nearest->shifted + first * wide,
                wide, 0, scores, CODES);
        all_maxima(rows, count, scores, groups, maxima + first / CODES * GROUPS);
    }
    for (int64_t row = 0; row < rows; row++)
        job->found[span.begin + row] =
            settle(nearest, vectors + row * nearest->width, maxima + row * groups,
                   score_error(nearest, shifted + row * wide));
    return PL_OK;
}

enum pl_status pl_nearest_find(struct pl_context *context, const struct pl_nearest *nearest,
                               const pl_real *vectors, int64_t rows, int32_t *found)
{
    struct job job = {nearest, vectors, rows, found};
    int threads = context->threads;
    context->threads = nearest->threads; /* no more than there is scratch for */
    enum pl_status status = pl_parallel(context, pl_block_count(rows, ROWS), find_block, &job);
    context->threads = threads;
    return status;
}
