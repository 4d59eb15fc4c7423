/* What a group of units gains from each place: the products of weight matching.
 * SPDX-License-Identifier: MIT
 *
 * They are nearly all of the work: 2 n^2 m operations for a tensor of n units with m weights each.
 * They are taken in panels of a few hundred columns, gathered from either model and widened to
 * double, so that no reordered copy of a tensor is made and sums do not lose what float has.
 * Panels are gathered and multiplied in blocks of units of fixed size, which makes the result
 * independent of the number of threads. */
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "tensor/blas.h"
#include "weights/gather.h"
#include "weights/match.h"

enum {
    PANEL = 512, /* columns gathered at a time */
    UNITS = 128  /* of a block */
};

/* One axis of one tensor, in one of the two models. */
struct side {
    const struct pl_tensor *tensor;
    int64_t *outer, *inner; /* offsets of what is before and behind the axis */
    int64_t columns[PANEL]; /* offsets of the columns of the panel */
    double *panel;          /* [units, columns], or [columns, units] if units are adjacent */
};

struct product {
    struct side a, b;
    int64_t units, stride; /* of the axis; stride: elements from unit to unit */
    int64_t outer_count, inner_count;
    int64_t width;  /* columns in the panel */
    double *scores; /* [units, units] */
};

#define GATHER(type, value)                                                 \
    do {                                                                    \
        const type *elements = data;                                        \
        if (stride == 1)                                                    \
            for (int64_t c = 0; c < width; c++)                             \
                for (int64_t u = from; u < to; u++) {                       \
                    const type element = elements[columns[c] + u];          \
                    panel[c * units + u] = value;                           \
                }                                                           \
        else                                                                \
            for (int64_t u = from; u < to; u++)                             \
                for (int64_t c = 0; c < width; c++) {                       \
                    const type element = elements[columns[c] + u * stride]; \
                    panel[u * width + c] = value;                           \
                }                                                           \
    } while (0)

/* Units from..to-1 of the panel, as doubles. */
static void gather_units(const struct product *product, const struct side *side, int64_t from,
                         int64_t to)
{
    const void *data = side->tensor->data;
    const int64_t *columns = side->columns, width = product->width, stride = product->stride;
    const int64_t units = product->units;
    double *panel = side->panel;
    switch (side->tensor->dtype) {
    case PL_F64:
        GATHER(double, element);
        break;
    case PL_F32:
        GATHER(float, (double)element);
        break;
    case PL_F16:
        GATHER(uint16_t, (double)pl_f16_to_f32(element));
        break;
    default:
        GATHER(uint16_t, (double)pl_bf16_to_f32(element));
        break;
    }
}

static enum pl_status gather_block(struct pl_context *context, void *job, int64_t item)
{
    const struct product *product = job;
    int64_t from = item * UNITS, to = from + UNITS;
    (void)context;
    to = to < product->units ? to : product->units;
    gather_units(product, &product->a, from, to);
    gather_units(product, &product->b, from, to);
    return PL_OK;
}

/* scores += A B' for some of A's units. */
static enum pl_status multiply_block(struct pl_context *context, void *job, int64_t item)
{
    const struct product *product = job;
    const int64_t n = product->units, width = product->width, from = item * UNITS;
    const int64_t rows = n - from < UNITS ? n - from : UNITS;
    (void)context;
    if (product->stride == 1)
        pl_dgemm(true, false, rows, n, width, 1, product->a.panel + from, n, product->b.panel, n, 1,
                 product->scores + from * n, n);
    else
        pl_dgemm(false, true, rows, n, width, 1, product->a.panel + from * width, width,
                 product->b.panel, width, 1, product->scores + from * n, n);
    return PL_OK;
}

static enum pl_status add_panels(struct pl_context *context, struct product *product)
{
    const int64_t blocks = (product->units + UNITS - 1) / UNITS;
    const int64_t count = product->outer_count * product->inner_count;
    enum pl_status status = PL_OK;
    for (int64_t from = 0; from < count && !status; from += PANEL) {
        product->width = count - from < PANEL ? count - from : PANEL;
        for (int64_t c = 0; c < product->width; c++) {
            int64_t o = (from + c) / product->inner_count, i = (from + c) % product->inner_count;
            product->a.columns[c] = product->a.outer[o] + product->a.inner[i];
            product->b.columns[c] = product->b.outer[o] + product->b.inner[i];
        }
        status = pl_parallel(context, blocks, gather_block, product);
        if (!status)
            status = pl_parallel(context, blocks, multiply_block, product);
    }
    return status;
}

/* Offsets around an axis.  A unit of several places takes them with it: they are columns. */
static enum pl_status find_columns(struct pl_context *context, struct pl_arena *arena,
                                   const struct pl_spec_tensor *place, int axis,
                                   int64_t *const *permutations, struct product *product,
                                   struct side *side)
{
    const int64_t width = place->axes[axis].width, group = place->axes[axis].group;
    const int64_t *dims = side->tensor->dims;
    int64_t *behind, count;
    if (pl_gather_offsets(context, arena, place, dims, 0, axis, permutations, group, &side->outer,
                          &product->outer_count) ||
        pl_gather_offsets(context, arena, place, dims, axis + 1, place->rank, permutations, group,
                          &behind, &count))
        return context->status;
    product->units = dims[axis] / width;
    product->stride = width * count;
    product->inner_count = width * count;
    side->inner = pl_arena_new(context, arena, (size_t)product->inner_count, sizeof *side->inner);
    for (int64_t i = 0; side->inner && i < product->inner_count; i++)
        side->inner[i] = i / (count ? count : 1) * count + behind[i % (count ? count : 1)];
    return side->inner ? PL_OK : context->status;
}

static enum pl_status add_axis(struct pl_context *context, const struct pl_matching *matching,
                               int64_t *const *permutations, size_t tensor, int axis,
                               struct product *product)
{
    struct pl_arena arena = {0};
    const struct pl_spec_tensor *place = &matching->spec->tensors[tensor];
    product->a.tensor = matching->a[tensor];
    product->b.tensor = matching->b[tensor];
    enum pl_status status = find_columns(context, &arena, place, axis, NULL, product, &product->a);
    if (!status)
        status = find_columns(context, &arena, place, axis, permutations, product, &product->b);
    if (!status)
        status = add_panels(context, product);
    pl_arena_release(&arena);
    return status;
}

enum pl_status pl_match_scores(struct pl_context *context, const struct pl_matching *matching,
                               int64_t *const *permutations, int64_t group, double *scores)
{
    const struct pl_permutation_spec *spec = matching->spec;
    const size_t n = (size_t)spec->groups[group].size;
    double *panels = pl_new(context, 2 * n * PANEL, sizeof *panels);
    struct product *product = pl_new(context, 1, sizeof *product);
    enum pl_status status = panels && product ? pl_blas_open(context) : PL_SYSTEM;
    memset(scores, 0, n * n * sizeof *scores);
    for (size_t t = 0; t < spec->tensor_count && !status; t++)
        for (int k = 0; k < spec->tensors[t].rank && !status; k++) {
            if (spec->tensors[t].axes[k].group != group || !pl_match_includes(matching, t))
                continue;
            product->scores = scores;
            product->a.panel = panels;
            product->b.panel = panels + n * PANEL;
            status = add_axis(context, matching, permutations, t, k, product);
        }
    free(panels);
    free(product);
    return status;
}
