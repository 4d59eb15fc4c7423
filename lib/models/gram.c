/* Sufficient statistics of windowed least squares, by recurrence along diagonals.
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

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "base/simd.h"

enum {
    LANES = 8,                   /* doubles in a pl_double8 */
    VECTORS = 8,                 /* running sums of a strip, in registers */
    DIAGONALS = LANES * VECTORS, /* of a strip */
    CHUNK = 256                  /* products summed before joining the total */
};

/* The sums, their places and their shapes: P, H and k as in gram.h. */
static const struct {
    const char *name;
    size_t offset;
    const char *shape;
} fields[] = {
    {"xx", offsetof(struct pl_gram, xx), "PP"},  {"xy", offsetof(struct pl_gram, xy), "PH"},
    {"yy", offsetof(struct pl_gram, yy), "H"},   {"x", offsetof(struct pl_gram, x), "P"},
    {"y", offsetof(struct pl_gram, y), "H"},     {"xz", offsetof(struct pl_gram, xz), "kPH"},
    {"zz", offsetof(struct pl_gram, zz), "kkH"}, {"zy", offsetof(struct pl_gram, zy), "kH"},
    {"z", offsetof(struct pl_gram, z), "kH"},
};

enum { FIELDS = sizeof fields / sizeof fields[0], FUTURE_FIELDS = 4 /* the last ones */ };

int64_t pl_gram_regressors(const struct pl_gram *gram)
{
    return gram->lookback * (1 + gram->past);
}

static double **field(const struct pl_gram *gram, int index)
{
    return (double **)((char *)gram + fields[index].offset);
}

static int field_count(const struct pl_gram *gram)
{
    return gram->future > 0 ? FIELDS : FIELDS - FUTURE_FIELDS;
}

/* The field as a view. */
static struct pl_tensor field_tensor(const struct pl_gram *gram, int index)
{
    int64_t dims[PL_MAX_RANK];
    int rank = 0;

    for (const char *letter = fields[index].shape; *letter; letter++)
        dims[rank++] = *letter == 'P'   ? pl_gram_regressors(gram)
                       : *letter == 'H' ? gram->horizon
                                        : gram->future;
    return pl_tensor_view(PL_F64, rank, dims, *field(gram, index));
}

int pl_gram_parts(struct pl_gram *gram, struct pl_gram_part parts[PL_GRAM_PARTS])
{
    int count = field_count(gram);

    for (int i = 0; i < count; i++)
        parts[i] = (struct pl_gram_part){fields[i].name, field_tensor(gram, i)};
    parts[count] = (struct pl_gram_part){"count", pl_tensor_view(PL_F64, 0, NULL, &gram->count)};
    return count + 1;
}

enum pl_status pl_gram_init(struct pl_context *context, struct pl_gram *gram, int64_t lookback,
                            int64_t horizon, int64_t past, int64_t future)
{
    enum pl_status status = PL_OK;
    int64_t columns, regressors, size;

    *gram = (struct pl_gram){.lookback = lookback, .horizon = horizon};
    if (lookback < 1 || horizon < 1 || past < 0 || future < 0)
        return pl_fail(context, PL_USAGE, "lookback and horizon must be at least 1");
    if (!pl_add_int64(past, 1, &columns) || !pl_mul_int64(lookback, columns, &regressors))
        return pl_fail(context, PL_USAGE, "too many regressors: lookback %lld, %lld columns",
                       (long long)lookback, (long long)past);
    gram->past = past;
    gram->future = future;
    for (int i = 0; i < field_count(gram) && status == PL_OK; i++) {
        struct pl_tensor tensor = field_tensor(gram, i);

        if (!pl_shape_count(tensor.rank, tensor.dims, &size))
            status = pl_fail(context, PL_USAGE, "too many regressors: %lld for %lld steps",
                             (long long)regressors, (long long)horizon);
        else if (!(*field(gram, i) = pl_new(context, (size_t)size, sizeof(double))))
            status = context->status;
    }
    if (status != PL_OK)
        pl_gram_release(gram);
    return status;
}

void pl_gram_release(struct pl_gram *gram)
{
    for (int i = 0; i < FIELDS; i++) {
        free(*field(gram, i));
        *field(gram, i) = NULL;
    }
}

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

static enum pl_status expect_equal(struct pl_context *context, const char *what, int64_t a,
                                   int64_t b)
{
    if (a == b)
        return PL_OK;
    return pl_fail(context, PL_BAD_DATA, "statistics differ in %s: %lld and %lld", what,
                   (long long)a, (long long)b);
}

enum pl_status pl_gram_merge(struct pl_context *context, struct pl_gram *gram,
                             const struct pl_gram *other, double factor)
{
    enum pl_status status = expect_equal(context, "lookback", gram->lookback, other->lookback);

    if (status == PL_OK)
        status = expect_equal(context, "horizon", gram->horizon, other->horizon);
    if (status == PL_OK)
        status = expect_equal(context, "past columns", gram->past, other->past);
    if (status == PL_OK)
        status = expect_equal(context, "future columns", gram->future, other->future);
    if (status != PL_OK)
        return status;
    for (int f = 0; f < field_count(gram); f++) {
        struct pl_tensor tensor = field_tensor(gram, f);
        const double *from = *field(other, f);
        double *to = tensor.data;

        for (int64_t i = 0, size = pl_tensor_count(&tensor); i < size; i++)
            to[i] += factor * from[i];
    }
    gram->count += factor * other->count;
    return PL_OK;
}

void pl_gram_discount(struct pl_gram *gram, double factor)
{
    for (int f = 0; f < field_count(gram); f++) {
        struct pl_tensor tensor = field_tensor(gram, f);
        double *to = tensor.data;

        for (int64_t i = 0, size = pl_tensor_count(&tensor); i < size; i++)
            to[i] *= factor;
    }
    gram->count *= factor;
}

/* sum of (s u + t)(s' v + t') from the sums of u v, u and v over n windows */
static double product_in(double uv, double u, double v, double n, struct pl_units a,
                         struct pl_units b)
{
    return a.scale * b.scale * uv + a.scale * b.shift * u + a.shift * b.scale * v +
           n * a.shift * b.shift;
}

static double sum_in(double u, double n, struct pl_units a)
{
    return a.scale * u + n * a.shift;
}

static void rescale_future(struct pl_gram *gram, struct pl_units target,
                           const struct pl_units *past, const struct pl_units *future)
{
    int64_t p = pl_gram_regressors(gram), horizon = gram->horizon, k = gram->future;
    double n = gram->count;

    for (int64_t c = 0; c < k; c++) {
        const double *z = gram->z + c * horizon;

        for (int64_t r = 0; r < p; r++) {
            struct pl_units lag = r < gram->lookback ? target : past[r / gram->lookback - 1];
            double *xz = gram->xz + (c * p + r) * horizon;

            for (int64_t h = 0; h < horizon; h++)
                xz[h] = product_in(xz[h], gram->x[r], z[h], n, lag, future[c]);
        }
        for (int64_t h = 0; h < horizon; h++) {
            double *zy = gram->zy + c * horizon + h;

            *zy = product_in(*zy, z[h], gram->y[h], n, future[c], target);
            for (int64_t d = 0; d < k; d++) {
                double *zz = gram->zz + (c * k + d) * horizon + h;
                *zz = product_in(*zz, z[h], gram->z[d * horizon + h], n, future[c], future[d]);
            }
        }
    }
    for (int64_t c = 0; c < k; c++)
        for (int64_t h = 0; h < horizon; h++)
            gram->z[c * horizon + h] = sum_in(gram->z[c * horizon + h], n, future[c]);
}

void pl_gram_rescale(struct pl_gram *gram, struct pl_units target, const struct pl_units *past,
                     const struct pl_units *future)
{
    int64_t p = pl_gram_regressors(gram), horizon = gram->horizon, lookback = gram->lookback;
    double n = gram->count;

    rescale_future(gram, target, past, future);
    for (int64_t r = 0; r < p; r++) {
        struct pl_units row = r < lookback ? target : past[r / lookback - 1];

        for (int64_t s = 0; s < p; s++) {
            struct pl_units column = s < lookback ? target : past[s / lookback - 1];
            double *xx = gram->xx + r * p + s;
            *xx = product_in(*xx, gram->x[r], gram->x[s], n, row, column);
        }
        for (int64_t h = 0; h < horizon; h++) {
            double *xy = gram->xy + r * horizon + h;
            *xy = product_in(*xy, gram->x[r], gram->y[h], n, row, target);
        }
    }
    for (int64_t h = 0; h < horizon; h++) {
        double y = gram->y[h];
        gram->yy[h] = product_in(gram->yy[h], y, y, n, target, target);
        gram->y[h] = sum_in(y, n, target);
    }
    for (int64_t r = 0; r < p; r++)
        gram->x[r] = sum_in(gram->x[r], n, r < lookback ? target : past[r / lookback - 1]);
}
