/* Joining models that were trained on shards of the data.
 * SPDX-License-Identifier: MIT
 *
 * Statistics of windows add up, whatever files the windows came from: series of the one model and
 * series of the other stand side by side, and a series in both goes on with the sum.  Windows
 * across the border of two shards are in neither; the result is that of training on pieces with a
 * gap between them.  Sums only make sense in the same units: a series in both models must have the
 * same scaler, or carry statistics of each channel, which are then taken to the scaler of all its
 * rows. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/forecaster_parts.h"

/* ---- The same configuration -------------------------------------------------------------- */

static enum pl_status differ(struct pl_context *context, const char *field, const char *a,
                             const char *b)
{
    return pl_fail(context, PL_BAD_DATA, "the models differ in %s: %s and %s", field, a, b);
}

static enum pl_status same_number(struct pl_context *context, const char *field, int64_t a,
                                  int64_t b)
{
    if (a == b)
        return PL_OK;
    return pl_fail(context, PL_BAD_DATA, "the models differ in %s: %" PRId64 " and %" PRId64, field,
                   a, b);
}

static enum pl_status same_configuration(struct pl_context *context, const struct pl_forecaster *a,
                                         const struct pl_forecaster *b)
{
    char step_a[PL_STEP_TEXT_SIZE], step_b[PL_STEP_TEXT_SIZE];
    if (a->type != b->type)
        return differ(context, "type", a->type->name, b->type->name);
    if (same_number(context, "lookback", a->lookback, b->lookback) ||
        same_number(context, "horizon", a->horizon, b->horizon) ||
        same_number(context, "targets", a->target_count, b->target_count) ||
        same_number(context, "past columns", a->past_count, b->past_count) ||
        same_number(context, "future columns", a->future_count, b->future_count))
        return context->status;
    for (int64_t c = 0; c < pl_forecaster_columns(a); c++)
        if (strcmp(a->columns[c], b->columns[c]) != 0)
            return differ(context, "columns", a->columns[c], b->columns[c]);
    if (a->individual != b->individual)
        return differ(context, "individual", a->individual ? "yes" : "no",
                      b->individual ? "yes" : "no");
    if (a->scale != b->scale)
        return differ(context, "scale", pl_scale_names[a->scale], pl_scale_names[b->scale]);
    if (a->stats_kind != b->stats_kind)
        return differ(context, "stats", pl_stats_names[a->stats_kind],
                      pl_stats_names[b->stats_kind]);
    if (a->long_format != b->long_format)
        return differ(context, "format", a->long_format ? "long" : "wide",
                      b->long_format ? "long" : "wide");
    if (a->stamped != b->stamped)
        return differ(context, "time stamps", a->stamped ? "with" : "without",
                      b->stamped ? "with" : "without");
    pl_step_text(step_a, &a->step);
    pl_step_text(step_b, &b->step);
    if (strcmp(step_a, step_b) != 0)
        return differ(context, "step", step_a, step_b);
    if (!pl_calendar_equal(&a->calendar, &b->calendar))
        return pl_fail(context, PL_BAD_DATA, "the models differ in their calendar terms");
    if (!a->stats || !b->stats)
        return pl_fail(context, PL_BAD_DATA, "the models carry no statistics to add (%s)",
                       a->type->family == PL_FAMILY_BASELINE ? "a baseline has none"
                       : a->solver == PL_SOLVER_ADAM ? "they were trained with --solver adam"
                                                     : "they were trained with --stats none");
    return PL_OK;
}

/* ---- The union --------------------------------------------------------------------------- */

/* Where each series of the union is in the two; -1: not there. */
struct merge {
    const struct pl_forecaster *a, *b;
    struct pl_forecaster *out; /* the union under construction */
    int64_t *in_a, *in_b;      /* [series] */
    bool by_track;             /* statistics belong to tracks */
};

static enum pl_status unite_series(struct pl_context *context, struct merge *merge)
{
    const struct pl_forecaster *a = merge->a, *b = merge->b;
    struct pl_forecaster *out = merge->out;
    struct pl_arena scratch = {0};
    struct pl_name_index index;
    const struct pl_names known = {a->series, a->series_count};
    size_t most = (size_t)(a->series_count + b->series_count);
    merge->in_a = pl_new(context, most, sizeof *merge->in_a);
    merge->in_b = pl_new(context, most, sizeof *merge->in_b);
    out->series = pl_arena_new(context, &out->arena, most, sizeof *out->series);
    if (!merge->in_a || !merge->in_b || !out->series ||
        pl_name_index_make(context, &scratch, &known, &index)) {
        pl_arena_release(&scratch);
        return context->status;
    }
    for (int64_t s = 0; s < a->series_count; s++) {
        out->series[s] = a->series[s];
        merge->in_a[s] = s;
        merge->in_b[s] = -1;
    }
    out->series_count = a->series_count;
    for (int64_t s = 0; s < b->series_count; s++) {
        int64_t at = pl_name_find(&index, b->series[s]);
        if (at < 0) {
            at = out->series_count++;
            merge->in_a[at] = -1;
            out->series[at] =
                pl_arena_text(context, &out->arena, b->series[s], strlen(b->series[s]));
        }
        merge->in_b[at] = s;
    }
    pl_arena_release(&scratch);
    for (int64_t s = 0; s < out->series_count; s++)
        if (!out->series[s])
            return context->status;
    return PL_OK;
}

/* The scaler of one channel of a series in both models. */
static enum pl_status unite_channel(struct pl_context *context, struct merge *merge, int64_t s,
                                    int64_t column)
{
    int64_t columns = pl_forecaster_columns(merge->a);
    const struct pl_scaler *a = &merge->a->scaler, *b = &merge->b->scaler;
    int64_t to = s * columns + column, in_a = merge->in_a[s] * columns + column;
    int64_t in_b = merge->in_b[s] * columns + column;
    struct pl_scaler *out = &merge->out->scaler;
    if (merge->in_a[s] < 0) {
        pl_scaler_copy(out, to, b, in_b);
        return PL_OK;
    }
    pl_scaler_copy(out, to, a, in_a);
    if (merge->in_b[s] < 0)
        return PL_OK;
    if (a->mean[in_a] == b->mean[in_b] && a->scale[in_a] == b->scale[in_b]) {
        out->rows[to] += b->rows[in_b];
        out->constant[to] = a->constant[in_a] && b->constant[in_b];
        return PL_OK;
    }
    if (merge->by_track) {
        pl_scaler_add(out, to, b, in_b);
        return PL_OK;
    }
    bool mean = a->mean[in_a] != b->mean[in_b];
    return pl_fail(context, PL_BAD_DATA,
                   "the models differ in the scaler of %s%s%scolumn '%s': %s %.6g and %.6g; train "
                   "them with --stats channel, or --scale none",
                   merge->a->long_format ? "series '" : "", merge->out->series[s],
                   merge->a->long_format ? "', " : "", merge->a->columns[column],
                   mean ? "mean" : "scale", mean ? a->mean[in_a] : a->scale[in_a],
                   mean ? b->mean[in_b] : b->scale[in_b]);
}

static double factor_of(const struct merge *merge, const struct pl_forecaster *from, int64_t in,
                        int64_t s, int64_t target)
{
    int64_t columns = pl_forecaster_columns(from);
    return from->scaler.scale[in * columns + target] /
           merge->out->scaler.scale[s * columns + target];
}

/* ---- Statistics -------------------------------------------------------------------------- */

/* Adds a track's statistics of one of the models, in the units of the union. */
static enum pl_status add_track(struct pl_context *context, struct merge *merge,
                                struct pl_forecaster *from, int64_t in, int64_t s, int64_t target)
{
    int64_t columns = pl_forecaster_columns(from);
    struct pl_gram *gram = &from->stats[in * from->target_count + target];
    if (pl_forecaster_rescale_track(context, from, gram, target, &from->scaler, in * columns,
                                    &merge->out->scaler, s * columns))
        return context->status;
    return pl_gram_merge(context, &merge->out->stats[s * from->target_count + target], gram, 1);
}

static enum pl_status unite_stats(struct pl_context *context, struct merge *merge,
                                  struct pl_forecaster *a, struct pl_forecaster *b)
{
    struct pl_forecaster *out = merge->out;
    out->stats_count = merge->by_track ? pl_forecaster_tracks(out) : 1;
    out->stats = pl_new(context, (size_t)out->stats_count, sizeof *out->stats);
    if (!out->stats)
        return context->status;
    for (int64_t i = 0; i < out->stats_count; i++)
        if (pl_forecaster_gram_init(context, out, &out->stats[i]))
            return context->status;
    if (!merge->by_track) {
        if (pl_gram_merge(context, &out->stats[0], &a->stats[0], 1))
            return context->status;
        return pl_gram_merge(context, &out->stats[0], &b->stats[0], 1);
    }
    for (int64_t s = 0; s < out->series_count; s++) {
        for (int64_t t = 0; t < out->target_count; t++) {
            if (merge->in_a[s] >= 0 && add_track(context, merge, a, merge->in_a[s], s, t))
                return context->status;
            if (merge->in_b[s] >= 0 && add_track(context, merge, b, merge->in_b[s], s, t))
                return context->status;
        }
    }
    return PL_OK;
}

/* ---- Errors ------------------------------------------------------------------------------ */

/* From a grid for each track to one of errors divided by sigma. */
static enum pl_status share_grids(struct pl_context *context, struct pl_forecaster *f)
{
    int64_t horizon = f->horizon;
    if (!f->grids || f->grid_count == 1)
        return PL_OK;
    float *shared = pl_new(context, (size_t)(horizon * PL_GRID), sizeof *shared);
    if (!shared)
        return context->status;
    for (int64_t h = 0; h < horizon; h++) {
        double windows = 0;
        for (int64_t t = 0; t < f->grid_count; t++) {
            float ratio[PL_GRID], *grid = f->grids + (t * horizon + h) * PL_GRID;
            double sigma = f->sigma[t * horizon + h];
            for (int q = 0; q < PL_GRID; q++)
                ratio[q] = sigma > 0 ? (float)((double)grid[q] / sigma) : 0;
            if (f->unseen[t] > 0)
                pl_grid_join(shared + h * PL_GRID, windows, ratio, f->unseen[t],
                             shared + h * PL_GRID);
            windows += f->unseen[t];
        }
    }
    free(f->grids);
    f->grids = shared;
    f->grid_count = 1;
    return PL_OK;
}

/* Adds the errors of one of the models, track by track; `before`: windows pooled so far. */
static void add_errors(struct merge *merge, const struct pl_forecaster *from, const int64_t *in,
                       double *before)
{
    struct pl_forecaster *out = merge->out;
    double windows = 0;
    if (!from->sigma)
        return;
    for (int64_t t = 0; t < pl_forecaster_tracks(from); t++)
        windows += from->unseen[t];
    if (out->grid_count == 1)
        pl_forecaster_pool_grids(out, *before, from, windows);
    for (int64_t s = 0; s < out->series_count; s++)
        for (int64_t t = 0; t < out->target_count && in[s] >= 0; t++)
            pl_forecaster_pool_errors(out, s * out->target_count + t, 1, from,
                                      in[s] * out->target_count + t,
                                      factor_of(merge, from, in[s], s, t));
    *before += windows;
}

static enum pl_status unite_errors(struct pl_context *context, struct merge *merge,
                                   struct pl_forecaster *a, struct pl_forecaster *b)
{
    struct pl_forecaster *out = merge->out;
    int64_t tracks = pl_forecaster_tracks(out);
    double windows = 0;
    if (!a->sigma && !b->sigma)
        return PL_OK;
    bool shared = (a->sigma && a->grid_count == 1) || (b->sigma && b->grid_count == 1);
    if (shared && (share_grids(context, a) || share_grids(context, b)))
        return context->status;
    out->grid_count = shared ? 1 : tracks;
    out->sigma = pl_new(context, (size_t)(tracks * out->horizon), sizeof *out->sigma);
    out->unseen = pl_new(context, (size_t)tracks, sizeof *out->unseen);
    out->grids =
        pl_new(context, (size_t)(out->grid_count * out->horizon * PL_GRID), sizeof *out->grids);
    if (!out->sigma || !out->unseen || !out->grids)
        return context->status;
    add_errors(merge, a, merge->in_a, &windows);
    add_errors(merge, b, merge->in_b, &windows);
    return PL_OK;
}

/* ---- Rows ---------------------------------------------------------------------------- */

/* Rows that were in both files would count twice. */
static void warn_of_overlap(struct pl_context *context, const struct merge *merge, int64_t s)
{
    const struct pl_forecaster *a = merge->a, *b = merge->b;
    int64_t in_a = merge->in_a[s], in_b = merge->in_b[s];
    if (in_a < 0 || in_b < 0 || !a->stamped || !pl_step_known(&a->step))
        return;
    if (pl_step_from(&a->step, a->end[in_a], 1 - a->rows[in_a]) <= b->end[in_b] &&
        pl_step_from(&b->step, b->end[in_b], 1 - b->rows[in_b]) <= a->end[in_a])
        pl_warn(context, "%s%s%srows that both models were trained on count twice",
                a->long_format ? "series '" : "", merge->out->series[s],
                a->long_format ? "': " : "");
}

static enum pl_status unite_tails(struct pl_context *context, struct merge *merge)
{
    struct pl_forecaster *out = merge->out;
    size_t block = (size_t)(pl_forecaster_columns(out) * (pl_forecaster_window(out) - 1));
    size_t series = (size_t)out->series_count;
    out->tail = pl_new(context, series * block, sizeof *out->tail);
    out->end = pl_new(context, series, sizeof *out->end);
    out->rows = pl_new(context, series, sizeof *out->rows);
    if (!out->tail || !out->end || !out->rows)
        return context->status;
    for (size_t s = 0; s < series; s++) {
        int64_t in_a = merge->in_a[s], in_b = merge->in_b[s];
        warn_of_overlap(context, merge, (int64_t)s);
        /* The later of the two; without stamps the second operand is. */
        bool first =
            in_b < 0 || (in_a >= 0 && out->stamped && merge->a->end[in_a] > merge->b->end[in_b]);
        const struct pl_forecaster *from = first ? merge->a : merge->b;
        size_t in = (size_t)(first ? in_a : in_b);
        memcpy(out->tail + s * block, from->tail + in * block, block * sizeof *out->tail);
        out->end[s] = from->end[in];
        out->rows[s] =
            (in_a >= 0 ? merge->a->rows[in_a] : 0) + (in_b >= 0 ? merge->b->rows[in_b] : 0);
    }
    return PL_OK;
}

/* ---- The merge --------------------------------------------------------------------------- */

static enum pl_status unite_maps(struct pl_context *context, struct merge *merge)
{
    struct pl_forecaster *out = merge->out;
    out->map_count = out->individual ? pl_forecaster_tracks(out) : 1;
    out->maps = pl_new(context, (size_t)out->map_count, sizeof *out->maps);
    out->ridges = pl_new(context, (size_t)out->map_count, sizeof *out->ridges);
    if (!out->maps || !out->ridges)
        return context->status;
    for (int64_t m = 0; m < out->map_count; m++) {
        int64_t s = m / out->target_count, t = m % out->target_count;
        bool first = !out->individual || merge->in_a[s] >= 0;
        const struct pl_forecaster *from = first ? merge->a : merge->b;
        int64_t in = first ? merge->in_a[s] : merge->in_b[s];
        out->ridges[m] = from->ridges[out->individual ? in * out->target_count + t : 0];
    }
    if (!out->individual && merge->a->ridges[0] != merge->b->ridges[0])
        pl_warn(context, "the models have ridge %g and %g; %g is used", merge->a->ridges[0],
                merge->b->ridges[0], merge->a->ridges[0]);
    return PL_OK;
}

static enum pl_status unite(struct pl_context *context, struct merge *merge,
                            struct pl_forecaster *a, struct pl_forecaster *b)
{
    struct pl_forecaster *out = merge->out;
    if (unite_series(context, merge) ||
        pl_scaler_init(context, &out->scaler, pl_forecaster_channels(out)))
        return context->status;
    for (int64_t s = 0; s < out->series_count; s++)
        for (int64_t c = 0; c < pl_forecaster_columns(out); c++)
            if (unite_channel(context, merge, s, c))
                return context->status;
    if (unite_maps(context, merge) || unite_errors(context, merge, a, b) ||
        unite_tails(context, merge))
        return context->status;
    return unite_stats(context, merge, a, b);
}

enum pl_status pl_forecaster_merge(struct pl_context *context, struct pl_forecaster *forecaster,
                                   struct pl_forecaster *other)
{
    if (same_configuration(context, forecaster, other))
        return context->status;
    /* What the union shares with the first operand is taken over; the rest is made anew. */
    struct pl_forecaster out = *forecaster;
    struct merge merge = {
        forecaster, other, &out,
        NULL,       NULL,  forecaster->individual || forecaster->stats_kind == PL_STATS_CHANNEL};
    out.scaler = (struct pl_scaler){0};
    out.maps = NULL;
    out.stats = NULL;
    out.ridges = out.sigma = out.unseen = out.tail = NULL;
    out.grids = NULL;
    out.end = out.rows = NULL;
    out.stats_count = out.grid_count = out.map_count = 0;
    out.contender_count = 0;
    out.training_windows += other->training_windows;
    out.split = (struct pl_split){0};
    out.split_given = false;
    enum pl_status status = unite(context, &merge, forecaster, other);
    free(merge.in_a);
    free(merge.in_b);
    /* The arena and the calendar are one and the same: they stay with the survivor. */
    struct pl_forecaster *loser = status ? &out : forecaster;
    struct pl_arena arena = out.arena;
    loser->arena = (struct pl_arena){0};
    loser->calendar = (struct pl_calendar_terms){0};
    pl_forecaster_release(loser);
    if (!status)
        *forecaster = out;
    forecaster->arena = arena;
    return status;
}
