/* Quantile grids of absolute errors.
 * SPDX-License-Identifier: MIT */
#include "series/quantile.h"

#include <math.h>
#include <string.h>

/* ---- Sorting ----------------------------------------------------------------------------- */

/* Least-significant-digit radix sort of non-negative floats, whose bits order as integers: three
 * passes of 11 bits, far cheaper than comparing when a fit sorts thousands of columns of errors.
 * Short arrays are sorted by insertion. */
enum { BITS = 11, BUCKETS = 1 << BITS, PASSES = 3, FEW = 64 };

static void insertion_sort(float *values, int64_t count)
{
    for (int64_t i = 1; i < count; i++) {
        float value = values[i];
        int64_t j = i;
        for (; j > 0 && values[j - 1] > value; j--)
            values[j] = values[j - 1];
        values[j] = value;
    }
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* One pass from `from` to `to` by digit `pass`. */
static void scatter(const float *from, float *to, int64_t count, int pass)
{
    int64_t place[BUCKETS] = {0}, sum = 0;
    int shift = pass * BITS;
    for (int64_t i = 0; i < count; i++)
        place[bits_of(from[i]) >> shift & (BUCKETS - 1)]++;
    for (int b = 0; b < BUCKETS; b++) {
        int64_t here = place[b];
        place[b] = sum;
        sum += here;
    }
    for (int64_t i = 0; i < count; i++)
        to[place[bits_of(from[i]) >> shift & (BUCKETS - 1)]++] = from[i];
}

static void sort(float *values, int64_t count, float *scratch)
{
    if (count <= FEW) {
        insertion_sort(values, count);
        return;
    }
    scatter(values, scratch, count, 0);
    scatter(scratch, values, count, 1);
    scatter(values, scratch, count, 2);
    memcpy(values, scratch, (size_t)count * sizeof *values);
}

/* ---- Grids ------------------------------------------------------------------------------- */

void pl_grid_of(float *values, int64_t count, float *scratch, float grid[PL_GRID])
{
    sort(values, count, scratch);
    for (int64_t q = 1; q <= PL_GRID; q++)
        grid[q - 1] = values[(q * count + PL_GRID - 1) / PL_GRID - 1];
}

void pl_grid_join(const float a[PL_GRID], double a_size, const float b[PL_GRID], double b_size,
                  float out[PL_GRID])
{
    float joined[PL_GRID];
    double step_a = a_size / PL_GRID, step_b = b_size / PL_GRID, below = 0;
    double all = a_size + b_size;
    int i = 0, j = 0, q = 0;
    /* Merge the two, each entry standing for its hundredth of its sample. */
    while (q < PL_GRID && (i < PL_GRID || j < PL_GRID)) {
        bool from_a = j == PL_GRID || (i < PL_GRID && a[i] <= b[j]);
        float value = from_a ? a[i++] : b[j++];
        below += from_a ? step_a : step_b;
        while (q < PL_GRID && below >= all * (q + 1) / PL_GRID - 1e-9 * all)
            joined[q++] = value;
    }
    for (; q < PL_GRID; q++)
        joined[q] = fmaxf(a[PL_GRID - 1], b[PL_GRID - 1]);
    memcpy(out, joined, sizeof joined);
}

double pl_grid_at(const float grid[PL_GRID], int64_t size, double level)
{
    double wanted = level * ((double)size + 1) / (double)size * PL_GRID; /* in entries from 1 */
    if (!(wanted < PL_GRID))
        return grid[PL_GRID - 1];
    if (wanted <= 1)
        return grid[0];
    int64_t lower = (int64_t)wanted;
    double part = wanted - (double)lower;
    return (1 - part) * grid[lower - 1] + part * grid[lower];
}
