/* Activation matching: units that answer alike on the same data.
 * SPDX-License-Identifier: MIT
 *
 * What is compared are second moments over rows of data, so rows are added up in batches and the
 * activations themselves are never kept.  (Ainsworth, Hayase, Srinivasa: Git Re-Basin, ICLR 2023,
 * section 3.1; Jordan and others: REPAIR, ICLR 2023, for the correlation.) */
#include "weights/activations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/blas.h"

/* A variance below this share of the mean square is rounding: the unit does not vary. */
static const double least_variance = 1e-12;

enum pl_status pl_activation_init(struct pl_context *context, struct pl_activation_sums *sums,
                                  int64_t units)
{
    const size_t n = (size_t)units;
    *sums = (struct pl_activation_sums){.units = units};
    sums->a = pl_new(context, 4 * n + n * n, sizeof *sums->a);
    if (!sums->a)
        return context->status;
    sums->b = sums->a + n, sums->aa = sums->b + n, sums->bb = sums->aa + n;
    sums->ab = sums->bb + n;
    return PL_OK;
}

void pl_activation_release(struct pl_activation_sums *sums)
{
    free(sums->a);
    memset(sums, 0, sizeof *sums);
}

static void add_moments(const double *rows, int64_t count, int64_t units, double *sum,
                        double *squares)
{
    for (int64_t r = 0; r < count; r++)
        for (int64_t i = 0; i < units; i++) {
            sum[i] += rows[r * units + i];
            squares[i] += rows[r * units + i] * rows[r * units + i];
        }
}

void pl_activation_add(struct pl_activation_sums *sums, const double *a, const double *b,
                       int64_t rows)
{
    const int64_t n = sums->units;
    add_moments(a, rows, n, sums->a, sums->aa);
    add_moments(b, rows, n, sums->b, sums->bb);
    pl_dgemm(true, false, n, n, rows, 1, a, n, b, n, 1, sums->ab, n);
    sums->rows += rows;
}

static double variance(double sum, double squares, double rows)
{
    double centred = squares - sum * sum / rows;
    return centred > least_variance * squares ? centred / (rows - 1) : 0;
}

void pl_activation_scores(const struct pl_activation_sums *sums,
                          enum pl_activation_statistic statistic, double *scores)
{
    const int64_t n = sums->units;
    const double rows = (double)sums->rows;
    for (int64_t i = 0; i < n; i++) {
        const double of_a = variance(sums->a[i], sums->aa[i], rows);
        for (int64_t j = 0; j < n; j++) {
            const double product = sums->a[i] * sums->b[j] / rows;
            const double covariance = (sums->ab[i * n + j] - product) / (rows - 1);
            const double of_b = variance(sums->b[j], sums->bb[j], rows);
            if (statistic == PL_STATISTIC_INNER)
                scores[i * n + j] = covariance + product / rows;
            else
                scores[i * n + j] =
                    of_a > 0 && of_b > 0 ? covariance / (sqrt(of_a) * sqrt(of_b)) : 0;
        }
    }
}
