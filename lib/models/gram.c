/* The algebra of statistics: they add up, are discounted, and change their units.
 * SPDX-License-Identifier: MIT */
#include "models/gram.h"

#include <stdlib.h>

#include "base/memory.h"

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
