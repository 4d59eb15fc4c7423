/* Sufficient statistics of windowed least squares, summed by recurrence along diagonals.
 * SPDX-License-Identifier: MIT
 *
 * For two columns a and b, cut into n windows of K rows, every sum of products that least squares
 * needs is an entry of
 *
 *     S[i, j] = sum over t < n of a[t + i] b[t + j],         0 <= i, j < K = lookback + horizon
 *
 * Building the windows and multiplying them costs O(n K^2) time and O(n K) memory.  But stepping
 * down a diagonal only drops the first product and takes in one more:
 *
 *     S[i+1, j+1] = S[i, j] - a[i] b[j] + a[n+i] b[n+j]
 *
 * so that one row of S, K dot products, gives the rest in O(1) an entry: O(n K + K^2), and no
 * window exists anywhere.  The regressors are the first `lookback` rows i of each lag column, the
 * targets and the future columns are rows j >= lookback of theirs, so one and the same walk gives
 * xx, xy and xz; which it is depends on the column b and on j.
 *
 * The work is cut into strips of DIAGONALS neighbouring diagonals j - i = d, d + 1, ...; a strip
 * keeps its running sums in registers or L1 and adds each row to the statistics.  Strips are
 * independent and of fixed size, so they may run on any number of threads.  Diagonals with j < i
 * are not walked: S_ab[i, j] = S_ba[j, i], so they are copied from the mirrored pair.
 *
 * The recurrence adds rounding errors of about sqrt(K) eps max|S| to an entry, well below what the
 * dot products have themselves; sums of n products are taken in runs of CHUNK to keep those small
 * too.  (Measured against long double: see tests/unit/gram.c.) */
#include "models/gram.h"

#include <string.h>

#include "base/parallel.h"
#include "base/simd.h"

enum {
    LANES = 8,                   /* doubles in a pl_double8 */
    VECTORS = 8,                 /* running sums of a strip, in registers */
    DIAGONALS = LANES * VECTORS, /* of a strip */
    CHUNK = 256                  /* products summed before joining the total */
};

/* Sums of products at neighbouring offsets: sums[w] = sum over t < n of a[t] b[t + w]. */
PL_CLONES static void whole_strip(int64_t n, const double *a, const double *b, double *sums)
{
    pl_double8 total[VECTORS] = {0};

    for (int64_t start = 0; start < n; start += CHUNK) {
        int64_t end = start + CHUNK < n ? start + CHUNK : n;
        pl_double8 run[VECTORS] = {0};

        for (int64_t t = start; t < end; t++)
            for (int v = 0; v < VECTORS; v++)
                run[v] += a[t] * ((const pl_double8 *)(b + t))[v];
        for (int v = 0; v < VECTORS; v++)
            total[v] += run[v];
    }
    memcpy(sums, total, sizeof total);
}

PL_CLONES static void one_vector(int64_t n, const double *a, const double *b, double *sums)
{
    pl_double8 total = {0};

    for (int64_t start = 0; start < n; start += CHUNK) {
        int64_t end = start + CHUNK < n ? start + CHUNK : n;
        pl_double8 run = {0};

        for (int64_t t = start; t < end; t++)
            run += a[t] * *(const pl_double8 *)(b + t);
        total += run;
    }
    memcpy(sums, &total, sizeof total);
}

PL_CLONES static double one_sum(int64_t n, const double *a, const double *b)
{
    double total = 0;

    for (int64_t start = 0; start < n; start += CHUNK) {
        int64_t t = start, end = start + CHUNK < n ? start + CHUNK : n;
        pl_double8 lanes = {0};

        for (; t + LANES <= end; t += LANES)
            lanes += *(const pl_double8 *)(a + t) * *(const pl_double8 *)(b + t);
        for (int lane = 0; t < end; t++, lane++)
            lanes[lane] += a[t] * b[t];
        for (int lane = 0; lane < LANES; lane++)
            total += lanes[lane];
    }
    return total;
}

/* The same for any width; nothing beyond b[n + width - 2] is read. */
static void strip_sums(int64_t n, const double *a, const double *b, int64_t width, double *sums)
{
    int64_t w = 0;

    if (width == DIAGONALS) {
        whole_strip(n, a, b, sums);
        return;
    }
    for (; w + LANES <= width; w += LANES)
        one_vector(n, a, b + w, sums + w);
    for (; w < width; w++)
        sums[w] = one_sum(n, a, b + w);
}

/* One strip's way down: where it starts, what it adds to. */
struct walk {
    int64_t n, lookback;
    int64_t diagonal, width; /* the strip's first diagonal and their number */
    int64_t limit;           /* j stays below: lookback, or lookback + horizon */
    const double *a, *b;
    double *lag;    /* row i, column j of the sums with b's lags, or NULL */
    int64_t stride; /* of its rows */
    double *ahead;  /* row i, column j - lookback of the sums with b's values ahead, or NULL */
    int64_t horizon;
};

PL_CLONES static void add_row(int64_t count, double *restrict out, const double *restrict sums)
{
    for (int64_t w = 0; w < count; w++)
        out[w] += sums[w];
}

/* sums[w] += in * entering[w] - out * leaving[w] */
PL_CLONES static void step_down(int64_t count, double *restrict sums, double in,
                                const double *restrict entering, double out,
                                const double *restrict leaving)
{
    for (int64_t w = 0; w < count; w++)
        sums[w] += in * entering[w] - out * leaving[w];
}

static void walk_strip(const struct walk *walk, double *sums)
{
    for (int64_t i = 0; i < walk->lookback; i++) {
        int64_t j = i + walk->diagonal;
        int64_t left = walk->limit - j;
        int64_t count = left < walk->width ? left : walk->width;
        int64_t lags = walk->lookback - j;

        if (count <= 0)
            return;
        lags = lags < 0 ? 0 : lags < count ? lags : count;
        if (walk->lag)
            add_row(lags, walk->lag + i * walk->stride + j, sums);
        if (walk->ahead)
            add_row(count - lags, walk->ahead + i * walk->horizon + j + lags - walk->lookback,
                    sums + lags);
        step_down(left <= count ? left - 1 : count, sums, walk->a[walk->n + i],
                  walk->b + walk->n + j, walk->a[i], walk->b + j);
    }
}

struct add_job {
    struct pl_gram *gram;
    const struct pl_piece *piece;
    int64_t n;      /* windows */
    int64_t strips; /* of a pair of columns, at most */
};

/* Columns are numbered: the target, the past columns, the future columns. */
static const double *piece_column(const struct add_job *job, int64_t index)
{
    int64_t past = job->gram->past;

    return index == 0      ? job->piece->target
           : index <= past ? job->piece->past[index - 1]
                           : job->piece->future[index - 1 - past];
}

static enum pl_status add_strip(struct pl_context *context, void *user, int64_t item)
{
    const struct add_job *job = user;
    struct pl_gram *gram = job->gram;
    int64_t regressors = pl_gram_regressors(gram), lookback = gram->lookback;
    int64_t pair = item / job->strips, columns = 1 + gram->past + gram->future;
    int64_t a = pair / columns, b = pair % columns;
    bool past = b > 0 && b <= gram->past;
    struct walk walk = {
        .n = job->n,
        .lookback = lookback,
        .diagonal = item % job->strips * DIAGONALS,
        .limit = past ? lookback : lookback + gram->horizon,
        .a = piece_column(job, a),
        .b = piece_column(job, b),
        .stride = regressors,
        .horizon = gram->horizon,
    };
    double sums[DIAGONALS];

    (void)context;
    walk.width = walk.limit - walk.diagonal < DIAGONALS ? walk.limit - walk.diagonal : DIAGONALS;
    if (walk.width <= 0)
        return PL_OK;
    if (b <= gram->past)
        walk.lag = gram->xx + a * lookback * regressors + b * lookback;
    else
        walk.ahead = gram->xz + ((b - 1 - gram->past) * regressors + a * lookback) * gram->horizon;
    if (b == 0)
        walk.ahead = gram->xy + a * lookback * gram->horizon;
    strip_sums(walk.n, walk.a, walk.b + walk.diagonal, walk.width, sums);
    walk_strip(&walk, sums);
    return PL_OK;
}

/* Below the diagonal of each block: S_ab[i, j] = S_ba[j, i]. */
static void mirror(struct pl_gram *gram)
{
    int64_t lookback = gram->lookback, regressors = pl_gram_regressors(gram);

    for (int64_t r = 0; r < regressors; r++)
        for (int64_t b = 0; b < regressors; b += lookback)
            for (int64_t j = 0; j < r % lookback; j++)
                gram->xx[r * regressors + b + j] = gram->xx[(b + j) * regressors + r];
}

/* out[h] += sum over t < n of a[t + h] b[t + h], by the same recurrence. */
static void slide_product(int64_t n, int64_t count, const double *a, const double *b, double *out)
{
    double sum = one_sum(n, a, b);

    for (int64_t h = 0; h < count; h++) {
        out[h] += sum;
        if (h + 1 < count)
            sum += a[n + h] * b[n + h] - a[h] * b[h];
    }
}

static void slide_sum(int64_t n, int64_t count, const double *a, double *out)
{
    double sum = 0;

    for (int64_t t = 0; t < n; t++)
        sum += a[t];
    for (int64_t h = 0; h < count; h++) {
        out[h] += sum;
        if (h + 1 < count)
            sum += a[n + h] - a[h];
    }
}

/* The sums of one factor, and of products at one and the same row. */
static void add_simple(const struct add_job *job)
{
    struct pl_gram *gram = job->gram;
    int64_t n = job->n, lookback = gram->lookback, horizon = gram->horizon, k = gram->future;
    const double *y = job->piece->target + lookback;

    for (int64_t c = 0; c <= gram->past; c++)
        slide_sum(n, lookback, piece_column(job, c), gram->x + c * lookback);
    slide_sum(n, horizon, y, gram->y);
    slide_product(n, horizon, y, y, gram->yy);
    for (int64_t c = 0; c < k; c++) {
        const double *z = job->piece->future[c] + lookback;

        slide_sum(n, horizon, z, gram->z + c * horizon);
        slide_product(n, horizon, z, y, gram->zy + c * horizon);
        for (int64_t d = 0; d <= c; d++) {
            double *zz = gram->zz + (c * k + d) * horizon;

            slide_product(n, horizon, z, job->piece->future[d] + lookback, zz);
            memmove(gram->zz + (d * k + c) * horizon, zz, (size_t)horizon * sizeof *zz);
        }
    }
}

enum pl_status pl_gram_add(struct pl_context *context, struct pl_gram *gram,
                           const struct pl_piece *piece)
{
    int64_t rows = gram->lookback + gram->horizon;
    struct add_job job = {
        .gram = gram,
        .piece = piece,
        .n = piece->rows - rows + 1,
        .strips = (rows + DIAGONALS - 1) / DIAGONALS,
    };
    int64_t pairs = (1 + gram->past) * (1 + gram->past + gram->future);
    enum pl_status status;

    if (job.n <= 0)
        return PL_OK;
    status = pl_parallel(context, pairs * job.strips, add_strip, &job);
    if (status != PL_OK)
        return status;
    mirror(gram);
    add_simple(&job);
    gram->count += (double)job.n;
    return PL_OK;
}
