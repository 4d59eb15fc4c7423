/* Weight matching by coordinate ascent.
 * SPDX-License-Identifier: MIT
 *
 * J is a product of many permutations, and to find the best of all at once is as hard as a
 * quadratic assignment.  With all groups fixed but one, J is linear in that one: every tensor axis
 * that carries the group adds W_A W_B' to a matrix of scores, where the rows of W_A are A's units
 * and those of W_B are B's with all other axes in their present order.  The best permutation is
 * then a linear assignment.  Groups are visited in turn; J never falls, and when a whole sweep
 * gains nothing it is at an optimum for each group by itself.  A network with one hidden layer has
 * only one group, and its optimum is the best there is.
 *
 * The work is the products: 2 n^2 m operations for a tensor of n units with m weights each.  They
 * are taken in panels of a few hundred columns, gathered from either model and widened to double,
 * so that no reordered copy of a tensor is made and sums do not lose what float has.  Panels are
 * gathered and multiplied in blocks of units of fixed size, which makes the result independent of
 * the number of threads.  A group whose neighbours have not changed since it was solved is left
 * out.
 *
 * (Ainsworth, Hayase, Srinivasa: Git Re-Basin, ICLR 2023, arXiv 2209.04836, algorithm 1.) */
#include "weights/match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "linalg/assignment.h"
#include "tensor/blas.h"
#include "weights/gather.h"
#include "weights/permutation.h"

enum {
    PANEL = 512, /* columns gathered at a time */
    UNITS = 128  /* of a block */
};

/* A gain below this share of the score is rounding. */
static const double least_gain = 1e-12;

/* ---- Permutations and tensors ------------------------------------------------------------ */

enum pl_status pl_permutations_init(struct pl_context *context,
                                    struct pl_permutations *permutations,
                                    const struct pl_permutation_spec *spec)
{
    *permutations = (struct pl_permutations){.count = spec->group_count};
    permutations->items =
        pl_arena_new(context, &permutations->arena, spec->group_count, sizeof *permutations->items);
    for (size_t g = 0; permutations->items && g < spec->group_count; g++) {
        size_t size = (size_t)spec->groups[g].size;
        permutations->items[g] =
            pl_arena_new(context, &permutations->arena, size, sizeof **permutations->items);
        if (!permutations->items[g])
            return context->status;
        pl_permutation_identity(permutations->items[g], spec->groups[g].size);
    }
    return permutations->items ? PL_OK : context->status;
}

void pl_permutations_release(struct pl_permutations *permutations)
{
    pl_arena_release(&permutations->arena);
    *permutations = (struct pl_permutations){0};
}

void pl_permutations_copy(struct pl_permutations *to, const struct pl_permutations *from,
                          const struct pl_permutation_spec *spec)
{
    for (size_t g = 0; g < spec->group_count; g++)
        memcpy(to->items[g], from->items[g], (size_t)spec->groups[g].size * sizeof **to->items);
}

enum pl_status pl_match_tensors(struct pl_context *context, struct pl_arena *arena,
                                const struct pl_permutation_spec *spec,
                                const struct pl_bundle *model,
                                const struct pl_tensor *const **tensors)
{
    const struct pl_tensor **list = pl_arena_new(context, arena, spec->tensor_count, sizeof *list);
    if (!list)
        return context->status;
    for (size_t t = 0; t < spec->tensor_count; t++) {
        list[t] = pl_bundle_tensor(model, spec->tensors[t].name);
        const int64_t count = pl_tensor_count(list[t]);
        for (int64_t i = 0; i < count; i++) {
            double value = pl_element(list[t]->data, list[t]->dtype, i);
            if (!isfinite(value))
                return pl_fail(context, PL_BAD_DATA, "%s: '%s': element %lld is %g", model->source,
                               spec->tensors[t].name, (long long)i, value);
        }
    }
    *tensors = list;
    return PL_OK;
}

static bool takes_part(const struct pl_matching *matching, size_t tensor)
{
    return matching->buffers || !matching->spec->tensors[tensor].buffer;
}

/* ---- Scores of a group ------------------------------------------------------------------- */

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
            if (spec->tensors[t].axes[k].group != group || !takes_part(matching, t))
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

/* ---- Measures ---------------------------------------------------------------------------- */

struct measure {
    const struct pl_matching *matching;
    int64_t *const *permutations;
    struct pl_match_sums *sums; /* [tensors] */
};

static enum pl_status measure_tensor(struct pl_context *context, void *job, int64_t item)
{
    const struct measure *measure = job;
    const struct pl_spec_tensor *place = &measure->matching->spec->tensors[item];
    const struct pl_tensor *a = measure->matching->a[item], *b = measure->matching->b[item];
    struct pl_match_sums *sums = &measure->sums[item];
    struct pl_arena arena = {0};
    int64_t *outer, *inner, outer_count, inner_count;
    const int cut = place->rank > 0;
    if (!takes_part(measure->matching, (size_t)item))
        return PL_OK;
    if (pl_gather_offsets(context, &arena, place, b->dims, 0, cut, measure->permutations, -1,
                          &outer, &outer_count) ||
        pl_gather_offsets(context, &arena, place, b->dims, cut, place->rank, measure->permutations,
                          -1, &inner, &inner_count)) {
        pl_arena_release(&arena);
        return context->status;
    }
    for (int64_t o = 0; o < outer_count; o++) {
        struct pl_match_sums row = {0};
        for (int64_t i = 0; i < inner_count; i++) {
            double x = pl_element(a->data, a->dtype, o * inner_count + i);
            double y = pl_element(b->data, b->dtype, outer[o] + inner[i]);
            row.a += x * x;
            row.b += y * y;
            row.inner += x * y;
            row.distance += (x - y) * (x - y);
        }
        sums->a += row.a, sums->b += row.b;
        sums->inner += row.inner, sums->distance += row.distance;
    }
    pl_arena_release(&arena);
    return PL_OK;
}

enum pl_status pl_match_measure(struct pl_context *context, const struct pl_matching *matching,
                                int64_t *const *permutations, struct pl_match_sums *sums)
{
    const size_t count = matching->spec->tensor_count;
    struct measure measure = {matching, permutations, pl_new(context, count, sizeof *measure.sums)};
    if (!measure.sums)
        return context->status;
    enum pl_status status = pl_parallel(context, (int64_t)count, measure_tensor, &measure);
    *sums = (struct pl_match_sums){0};
    for (size_t t = 0; t < count; t++) {
        sums->a += measure.sums[t].a, sums->b += measure.sums[t].b;
        sums->inner += measure.sums[t].inner, sums->distance += measure.sums[t].distance;
    }
    free(measure.sums);
    return status;
}

/* ---- Sweeps ------------------------------------------------------------------------------ */

struct search {
    struct pl_matching *matching;
    struct pl_permutations *permutations;
    struct pl_arena arena;
    struct pl_match_part *parts;
    int64_t part_count;
    bool *stale;       /* [groups] a neighbour has changed since it was solved */
    double *scores[4]; /* of the groups of a part */
    int64_t *found[4];
};

static enum pl_status list_parts(struct pl_context *context, struct search *search)
{
    const struct pl_permutation_spec *spec = search->matching->spec;
    bool *listed = pl_arena_new(context, &search->arena, spec->heads_count, sizeof *listed);
    search->parts = pl_arena_new(context, &search->arena, spec->group_count, sizeof *search->parts);
    search->stale = pl_arena_new(context, &search->arena, spec->group_count, sizeof *search->stale);
    if (!listed || !search->parts || !search->stale)
        return context->status;
    for (size_t g = 0; g < spec->group_count; g++) {
        int64_t heads = spec->groups[g].heads;
        search->stale[g] = true;
        if (heads >= 0 && listed[heads])
            continue;
        if (heads >= 0)
            listed[heads] = true;
        search->parts[search->part_count++] = (struct pl_match_part){(int64_t)g, heads};
    }
    return PL_OK;
}

/* The groups of a part. */
static int part_groups(const struct search *search, const struct pl_match_part *part,
                       int64_t groups[4])
{
    groups[0] = part->group;
    if (part->heads < 0)
        return 1;
    const struct pl_spec_heads *heads = &search->matching->spec->heads[part->heads];
    memcpy(groups, (int64_t[]){heads->q, heads->k, heads->v, heads->o}, 4 * sizeof *groups);
    return 4;
}

/* Scratch for the largest group, and for attention the largest of each kind. */
static enum pl_status take_scratch(struct pl_context *context, struct search *search)
{
    const struct pl_permutation_spec *spec = search->matching->spec;
    size_t most[4] = {0};
    for (int64_t p = 0; p < search->part_count; p++) {
        int64_t groups[4];
        int count = part_groups(search, &search->parts[p], groups);
        for (int i = 0; i < count; i++) {
            size_t size = (size_t)spec->groups[groups[i]].size;
            most[i] = size > most[i] ? size : most[i];
        }
    }
    for (int i = 0; i < 4; i++) {
        size_t square;
        if (!pl_mul_size(most[i], most[i], &square))
            return pl_fail(context, PL_SYSTEM, "a group of %zu units is too large", most[i]);
        search->scores[i] = pl_arena_take(context, &search->arena, square, sizeof(double));
        search->found[i] = pl_arena_new(context, &search->arena, most[i], sizeof(int64_t));
        if (!search->scores[i] || !search->found[i])
            return context->status;
    }
    return PL_OK;
}

/* All groups that share a tensor with this one have to be solved again. */
static void mark_neighbours(struct search *search, int64_t group)
{
    const struct pl_permutation_spec *spec = search->matching->spec;
    for (size_t t = 0; t < spec->tensor_count; t++) {
        const struct pl_spec_tensor *tensor = &spec->tensors[t];
        bool has = false;
        for (int k = 0; k < tensor->rank; k++)
            has |= tensor->axes[k].group == group;
        for (int k = 0; k < tensor->rank && has; k++)
            if (tensor->axes[k].group >= 0 && tensor->axes[k].group != group)
                search->stale[tensor->axes[k].group] = true;
    }
}

static double value_of(const double *scores, const int64_t *permutation, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += scores[i * n + permutation[i]];
    return sum;
}

static enum pl_status solve_part(struct pl_context *context, struct search *search,
                                 const struct pl_match_part *part, int64_t sweep, bool *progress)
{
    struct pl_matching *matching = search->matching;
    const struct pl_permutation_spec *spec = matching->spec;
    int64_t groups[4], **items = search->permutations->items;
    int count = part_groups(search, part, groups);
    bool stale = false;
    double before = 0, after;
    for (int i = 0; i < count; i++)
        stale |= search->stale[groups[i]];
    if (!stale)
        return PL_OK;
    enum pl_status status = PL_OK;
    for (int i = 0; i < count && !status; i++) {
        search->stale[groups[i]] = false;
        status = pl_match_scores(context, matching, items, groups[i], search->scores[i]);
        before += status
                      ? 0
                      : value_of(search->scores[i], items[groups[i]], spec->groups[groups[i]].size);
    }
    if (!status)
        status = part->heads < 0 ? pl_assign(context, PL_ASSIGN_MOST, search->scores[0],
                                             spec->groups[part->group].size, search->found[0],
                                             &after, NULL, NULL)
                                 : pl_match_heads(context, spec, &spec->heads[part->heads],
                                                  search->scores, search->found, &after, NULL);
    if (status)
        return pl_fail_at(context, "group '%s'", spec->groups[part->group].name);
    if (part->heads < 0 && before == 0 && after == 0 && sweep == 0)
        pl_warn(context, "group '%s': no unit of one model is like any of the other; left as it is",
                spec->groups[part->group].name);
    double gain = after - before;
    if (gain > least_gain * fmax(1, fabs(before))) {
        *progress = true;
        matching->inner += gain;
        for (int i = 0; i < count; i++) {
            memcpy(items[groups[i]], search->found[i],
                   (size_t)spec->groups[groups[i]].size * sizeof **items);
            mark_neighbours(search, groups[i]);
        }
    }
    if (matching->step)
        matching->step(matching->user, sweep, spec->groups[part->group].name, gain,
                       matching->inner);
    return PL_OK;
}

static enum pl_status sweep_all(struct pl_context *context, struct search *search)
{
    struct pl_matching *matching = search->matching;
    int64_t *order =
        pl_arena_new(context, &search->arena, (size_t)search->part_count, sizeof *order);
    bool progress = true;
    enum pl_status status = order ? PL_OK : context->status;
    for (matching->sweeps = 0; progress && matching->sweeps < matching->most && !status;
         matching->sweeps++) {
        progress = false;
        pl_permutation_identity(order, search->part_count);
        if (matching->order)
            matching->order(matching->user, matching->sweeps, order, search->part_count);
        for (int64_t p = 0; p < search->part_count && !status; p++)
            status =
                solve_part(context, search, &search->parts[order[p]], matching->sweeps, &progress);
    }
    return status;
}

enum pl_status pl_match_weights(struct pl_context *context, struct pl_matching *matching,
                                struct pl_permutations *permutations)
{
    struct search search = {.matching = matching, .permutations = permutations};
    struct pl_match_sums sums;
    enum pl_status status = pl_match_measure(context, matching, permutations->items, &sums);
    matching->inner = status ? 0 : sums.inner;
    if (!status)
        status = list_parts(context, &search);
    if (!status)
        status = take_scratch(context, &search);
    if (!status)
        status = sweep_all(context, &search);
    pl_arena_release(&search.arena);
    return status;
}
