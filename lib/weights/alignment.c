/* How far the leading singular vectors of two models' weights agree.
 * SPDX-License-Identifier: MIT
 *
 * The sum over pairs needs no loop over pairs: with C = U_A' U_B and D = V_A' V_B it is the sum of
 * C[i, j] D[i, j] over the kept corner. */
#include "weights/alignment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/svd.h"
#include "tensor/blas.h"
#include "weights/gather.h"

const struct pl_alignment pl_alignment_default = {.thresholds = {0, 0.3, 0.6}, .count = 3};

/* The decomposition of one weight. */
struct factors {
    int64_t rows, columns, k;
    double *u, *s, *vt;
};

static void release(struct factors *factors)
{
    free(factors->u);
    free(factors->s);
    free(factors->vt);
    memset(factors, 0, sizeof *factors);
}

/* vectors: with u and vt. */
static enum pl_status decompose(struct pl_context *context, const struct pl_spec_tensor *place,
                                const struct pl_tensor *tensor, int64_t *const *permutations,
                                bool vectors, struct factors *out)
{
    const int64_t count = pl_tensor_count(tensor);
    out->rows = tensor->dims[0];
    out->columns = out->rows ? count / out->rows : 0;
    out->k = out->rows < out->columns ? out->rows : out->columns;
    const size_t k = (size_t)out->k;
    void *ordered = pl_new(context, (size_t)count, pl_dtype_size(tensor->dtype));
    double *a = pl_new(context, (size_t)count, sizeof *a);
    out->s = pl_new(context, k, sizeof *out->s);
    enum pl_status status = ordered && a && out->s ? PL_OK : PL_SYSTEM;
    if (vectors && !status) {
        out->u = pl_new(context, (size_t)out->rows * k, sizeof *out->u);
        out->vt = pl_new(context, (size_t)out->columns * k, sizeof *out->vt);
        status = out->u && out->vt ? PL_OK : PL_SYSTEM;
    }
    if (!status)
        status = pl_gather_tensor(context, place, tensor, permutations, ordered);
    if (!status)
        status = pl_convert(context, ordered, tensor->dtype, a, PL_F64, count);
    if (!status)
        status = pl_svd(context, a, out->rows, out->columns, out->u, out->s, out->vt);
    free(ordered);
    free(a);
    return status;
}

static int64_t kept(const struct factors *factors, double threshold)
{
    int64_t count = 0;
    while (count < factors->k && factors->s[count] >= threshold * factors->s[0])
        count++;
    return count;
}

/* sums[t] and counts[t] of one pair of weights. */
static enum pl_status add_pair(struct pl_context *context, const struct pl_alignment *alignment,
                               const struct factors *a, const struct factors *b, double *sums,
                               double *counts)
{
    const int64_t k = a->k;
    double *c = pl_new(context, (size_t)(2 * k * k), sizeof *c);
    if (!c)
        return context->status;
    double *d = c + k * k;
    pl_dgemm(true, false, k, k, a->rows, 1, a->u, k, b->u, k, 0, c, k);
    pl_dgemm(false, true, k, k, a->columns, 1, a->vt, a->columns, b->vt, b->columns, 0, d, k);
    for (int t = 0; t < alignment->count; t++) {
        const int64_t of_a = kept(a, alignment->thresholds[t]);
        const int64_t of_b = kept(b, alignment->thresholds[t]);
        for (int64_t i = 0; i < of_a; i++)
            for (int64_t j = 0; j < of_b; j++)
                sums[t] += c[i * k + j] * d[i * k + j];
        counts[t] += (double)(of_a < of_b ? of_a : of_b);
    }
    free(c);
    return PL_OK;
}

/* How far the values are from those of B as it came. */
static enum pl_status check_values(struct pl_context *context, const struct pl_spec_tensor *place,
                                   const struct pl_tensor *tensor, const struct factors *ordered,
                                   double *worst)
{
    struct factors plain = {0};
    enum pl_status status = decompose(context, place, tensor, NULL, false, &plain);
    for (int64_t i = 0; i < plain.k && !status; i++)
        if (plain.s[0] > 0)
            *worst = fmax(*worst, fabs(plain.s[i] - ordered->s[i]) / plain.s[0]);
    release(&plain);
    return status;
}

enum pl_status pl_alignment_measure(struct pl_context *context, const struct pl_matching *matching,
                                    int64_t *const *permutations, bool check,
                                    struct pl_alignment *alignment)
{
    double sums[PL_ALIGNMENT_THRESHOLDS] = {0}, counts[PL_ALIGNMENT_THRESHOLDS] = {0};
    enum pl_status status = pl_blas_open(context);
    alignment->worst = 0;
    for (size_t t = 0; t < matching->spec->tensor_count && !status; t++) {
        const struct pl_spec_tensor *place = &matching->spec->tensors[t];
        struct factors a = {0}, b = {0};
        if (place->rank < 2)
            continue;
        status = decompose(context, place, matching->a[t], NULL, true, &a);
        if (!status)
            status = decompose(context, place, matching->b[t], permutations, true, &b);
        if (!status)
            status = add_pair(context, alignment, &a, &b, sums, counts);
        if (!status && check)
            status = check_values(context, place, matching->b[t], &b, &alignment->worst);
        if (status)
            pl_fail_at(context, "'%s'", place->name);
        release(&a);
        release(&b);
    }
    for (int t = 0; t < alignment->count; t++)
        alignment->r[t] = counts[t] > 0 ? sums[t] / counts[t] : 0;
    return status;
}
