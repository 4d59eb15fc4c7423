/* Taking in rows that continue the series.
 * SPDX-License-Identifier: MIT
 *
 * Statistics are sums over windows, so new windows are added and the system solved again, without
 * a look at the old rows.  Windows across the join begin in rows of before: the model carries the
 * last L + H - 1 of them.  The result is that of a fit to all rows with the scaler and the ridge
 * of the model; rescaling takes the scaler, too, to what all rows give, which needs statistics of
 * each channel, since every channel changes its units by another factor.
 *
 * Before it learns from the new windows, the model forecasts them.  It has not seen them, so these
 * errors are as honest as those on the validation part were, and both are pooled for the
 * intervals, weighted by their windows (the old ones discounted by --forget as all that is old). */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/text.h"
#include "models/forecaster_parts.h"

struct update {
    struct pl_forecaster *f;
    const struct pl_panel *more; /* the new rows */
    struct pl_panel joined;      /* with those stored in front */
    struct pl_match match;       /* of joined, and so of more: the same series and channels */
    struct pl_range *ranges;     /* [more series] all rows of joined */
    int64_t *skip, *ends;        /* [more series] */
    double *before;              /* [more channels, window - 1] */
    int64_t fresh;               /* new rows of all series */
    int64_t windows;             /* new windows */
};

static int64_t series_in_model(const struct update *u, int64_t s)
{
    return u->match.track[s * u->f->target_count] / u->f->target_count;
}

/* Rows of a series that the model has seen; *gap: the new ones do not follow at once. */
static enum pl_status find_seen(struct pl_context *context, struct update *u, int64_t s)
{
    const struct pl_panel_series *series = &u->more->series[s];
    int64_t end = u->ends[s], seen = 0, steps = 1;
    char last[PL_TIME_SIZE], place[PL_PLACE_SIZE];
    if (!u->f->stamped || series->rows == 0)
        return PL_OK;
    while (seen < series->rows && pl_panel_stamp(u->more, s, seen) <= end)
        seen++;
    u->skip[s] = seen;
    pl_time_format(last, end, u->f->dates_only);
    if (seen > 0)
        pl_warn(context, "%s: %s%s%s%" PRId64 " row%s up to %s %s seen before, skipped",
                u->more->source, u->more->long_format ? "series '" : "", series->name,
                u->more->long_format ? "': " : "", seen, seen == 1 ? "" : "s", last,
                seen == 1 ? "was" : "were");
    if (seen == series->rows)
        return PL_OK;
    int64_t first = pl_panel_stamp(u->more, s, seen);
    bool follows = pl_step_follows(&u->f->step, end, first);
    if (follows || u->f->missing == PL_MISSING_GAP)
        return PL_OK;
    pl_panel_place(u->more, s, seen, place);
    if (!pl_step_between(&u->f->step, end, first, &steps))
        return pl_fail(context, PL_BAD_DATA,
                       "%s: %s: not a whole number of steps after the model's last row, %s",
                       u->more->source, place, last);
    return pl_fail(context, PL_BAD_DATA,
                   "%s: %s: %" PRId64 " row%s absent after the model's last one, %s; --missing gap "
                   "goes on without them",
                   u->more->source, place, steps - 1, steps == 2 ? " is" : "s are", last);
}

/* Matches, skips what was seen, joins the rest to the stored rows. */
static enum pl_status prepare(struct pl_context *context, struct update *u)
{
    struct pl_forecaster *f = u->f;
    size_t series = (size_t)u->more->series_count, columns = (size_t)u->more->column_count;
    size_t length = (size_t)pl_forecaster_window(f) - 1;
    if (pl_forecaster_match(context, f, u->more, &u->match))
        return context->status;
    u->ranges = pl_new(context, series, sizeof *u->ranges);
    u->skip = pl_new(context, series, sizeof *u->skip);
    u->ends = pl_new(context, series, sizeof *u->ends);
    u->before = pl_new(context, series * columns * length, sizeof *u->before);
    if (!u->ranges || !u->skip || !u->ends || !u->before)
        return context->status;
    for (int64_t s = 0; s < u->more->series_count; s++) {
        if (u->match.track[s * f->target_count] < 0)
            return pl_fail(context, PL_BAD_DATA,
                           "%s: series '%s' is new to the model; train one on it and join the two "
                           "with lin-merge",
                           u->more->source, u->more->series[s].name);
        int64_t theirs = series_in_model(u, s);
        u->ends[s] = f->end[theirs];
        memcpy(u->before + (size_t)s * columns * length,
               f->tail + (size_t)theirs * columns * length, columns * length * sizeof(double));
        if (find_seen(context, u, s))
            return context->status;
        u->fresh += u->more->series[s].rows - u->skip[s];
    }
    if (u->fresh == 0)
        return pl_fail(context, PL_BAD_DATA, "%s: no rows that the model has not seen",
                       u->more->source);
    if (pl_panel_join(context, &u->joined, u->more, u->before, (int64_t)length, u->ends, u->skip))
        return context->status;
    for (int64_t s = 0; s < u->more->series_count; s++) {
        u->match.offset[s] = f->rows[series_in_model(u, s)] - (int64_t)length;
        u->ranges[s] = (struct pl_range){0, u->joined.series[s].rows};
    }
    u->windows = pl_forecaster_windows(f, &u->joined, u->ranges);
    return PL_OK;
}

/* ---- Errors on the new windows ----------------------------------------------------------- */

void pl_forecaster_pool_errors(struct pl_forecaster *f, int64_t track, double weight,
                               const struct pl_forecaster *from, int64_t from_track, double factor)
{
    double old = f->unseen[track] * weight, more = from->unseen[from_track];
    int64_t horizon = f->horizon;
    f->unseen[track] = old + more;
    if (more == 0)
        return;
    for (int64_t h = 0; h < horizon; h++) {
        double *sigma = &f->sigma[track * horizon + h];
        double theirs = from->sigma[from_track * horizon + h] * factor;
        *sigma = sqrt((old * *sigma * *sigma + more * theirs * theirs) / (old + more));
        if (f->grid_count == 1)
            continue;
        float *grid = f->grids + (track * horizon + h) * PL_GRID, scaled[PL_GRID];
        for (int q = 0; q < PL_GRID; q++)
            scaled[q] = (float)factor * from->grids[(from_track * horizon + h) * PL_GRID + q];
        pl_grid_join(grid, old, scaled, more, grid);
    }
}

static double total(const double *values, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

void pl_forecaster_pool_grids(struct pl_forecaster *f, double old, const struct pl_forecaster *from,
                              double more)
{
    for (int64_t h = 0; h < f->horizon && more > 0; h++)
        pl_grid_join(f->grids + h * PL_GRID, old, from->grids + h * PL_GRID, more,
                     f->grids + h * PL_GRID);
}

/* The model as it is forecasts the new windows; the errors are reported and pooled. */
static enum pl_status score_new(struct pl_context *context, struct update *u, double forget)
{
    struct pl_forecaster *f = u->f;
    struct pl_forecaster fresh = *f; /* borrows all but the errors */
    struct pl_predictor model = {.maps = f->maps};
    struct pl_contender *row = &f->contenders[0];
    int64_t tracks = pl_forecaster_tracks(f);
    fresh.sigma = fresh.unseen = NULL;
    fresh.grids = NULL;
    fresh.series_count = u->more->series_count;
    fresh.grid_count = f->sigma ? f->grid_count : 0;
    *row = (struct pl_contender){.type = f->type, .ridge = f->individual ? NAN : f->ridges[0]};
    f->contender_count = 1;
    if (u->windows == 0)
        return PL_OK;
    enum pl_status status = pl_forecaster_score(context, &fresh, &u->joined, &u->match, u->ranges,
                                                &model, f->sigma != NULL, &row->validation);
    if (!status && f->sigma) {
        double old = total(f->unseen, tracks) * forget;
        for (int64_t t = 0; t < u->joined.track_count; t++)
            pl_forecaster_pool_errors(f, u->match.track[t], forget, &fresh, t, 1);
        if (f->grid_count == 1)
            pl_forecaster_pool_grids(f, old, &fresh, total(fresh.unseen, u->joined.track_count));
    }
    free(fresh.sigma);
    free(fresh.unseen);
    free(fresh.grids);
    if (status)
        return status;
    return pl_forecaster_score_baselines(context, f, &u->joined, &u->match, u->ranges, NULL);
}

/* ---- Statistics -------------------------------------------------------------------------- */

static enum pl_status gather_channel(struct pl_context *context, void *job, int64_t track)
{
    const struct update *u = job;
    return pl_forecaster_gather_tracks(context, u->f, &u->joined, &u->match, u->ranges, track,
                                       track + 1, &u->f->stats[u->match.track[track]]);
}

static enum pl_status add_windows(struct pl_context *context, struct update *u, double forget)
{
    struct pl_forecaster *f = u->f;
    for (int64_t i = 0; i < f->stats_count && forget < 1; i++)
        pl_gram_discount(&f->stats[i], forget);
    if (f->stats_kind == PL_STATS_CHANNEL || f->individual)
        return pl_parallel(context, u->joined.track_count, gather_channel, u);
    return pl_forecaster_gather(context, f, &u->joined, &u->match, u->ranges, f->stats);
}

static struct pl_units units_between(const struct pl_scaler *old, const struct pl_scaler *new,
                                     int64_t old_channel, int64_t new_channel)
{
    double scale = new->scale[new_channel];
    return (struct pl_units){old->scale[old_channel] / scale,
                             (old->mean[old_channel] - new->mean[new_channel]) / scale};
}

enum pl_status pl_forecaster_rescale_track(struct pl_context *context,
                                           const struct pl_forecaster *f, struct pl_gram *gram,
                                           int64_t target, const struct pl_scaler *old,
                                           int64_t old_first, const struct pl_scaler *new,
                                           int64_t new_first)
{
    int64_t regressors = pl_forecaster_regressors(f);
    struct pl_units *units = pl_new(context, (size_t)(f->past_count + regressors), sizeof *units);
    if (!units)
        return context->status;
    struct pl_units *future = units + f->past_count;
    for (int64_t c = 0; c < f->past_count + f->future_count; c++)
        units[c] = units_between(old, new, old_first + f->target_count + c,
                                 new_first + f->target_count + c);
    for (int64_t c = f->future_count; c < regressors; c++)
        future[c] = (struct pl_units){1, 0}; /* calendar terms have no units */
    pl_gram_rescale(gram, units_between(old, new, old_first + target, new_first + target), units,
                    future);
    free(units);
    return PL_OK;
}

void pl_forecaster_rescale_errors(struct pl_forecaster *f, int64_t track, double factor)
{
    int64_t horizon = f->horizon;
    for (int64_t h = 0; f->sigma && h < horizon; h++)
        f->sigma[track * horizon + h] *= factor;
    for (int64_t i = 0; f->sigma && i < horizon * PL_GRID && f->grid_count > 1; i++)
        f->grids[track * horizon * PL_GRID + i] *= (float)factor;
}

/* The scaler takes in the new rows; statistics and errors follow. */
static enum pl_status rescale(struct pl_context *context, struct update *u, double forget)
{
    struct pl_forecaster *f = u->f;
    int64_t columns = u->more->column_count;
    struct pl_scaler fresh = {0}, old = {0};
    if (pl_scaler_init(context, &old, f->scaler.count))
        return context->status;
    for (int64_t i = 0; i < old.count; i++)
        pl_scaler_copy(&old, i, &f->scaler, i);
    struct pl_range *rows = u->ranges; /* of `more` for the moment */
    for (int64_t s = 0; s < u->more->series_count; s++)
        rows[s] = (struct pl_range){u->skip[s], u->more->series[s].rows};
    enum pl_status status = pl_scaler_fit(context, &fresh, u->more, rows, (enum pl_scale)f->scale);
    for (int64_t s = 0; s < u->more->series_count && !status; s++) {
        int64_t first = series_in_model(u, s) * columns;
        for (int64_t c = 0; c < columns; c++) {
            f->scaler.rows[first + c] = (int64_t)((double)f->scaler.rows[first + c] * forget);
            pl_scaler_add(&f->scaler, first + c, &fresh, s * columns + c);
        }
        for (int64_t t = 0; t < f->target_count && !status; t++) {
            int64_t track = first / columns * f->target_count + t;
            status = pl_forecaster_rescale_track(context, f, &f->stats[track], t, &old, first,
                                                 &f->scaler, first);
            pl_forecaster_rescale_errors(f, track,
                                         old.scale[first + t] / f->scaler.scale[first + t]);
        }
    }
    for (int64_t s = 0; s < u->more->series_count; s++)
        rows[s] = (struct pl_range){0, u->joined.series[s].rows};
    pl_scaler_release(&old);
    pl_scaler_release(&fresh);
    return status;
}

enum pl_status pl_forecaster_settle(struct pl_context *context, struct pl_forecaster *f)
{
    if (f->stats_kind != PL_STATS_CHANNEL || f->individual)
        return pl_forecaster_solve(context, f, f->stats, f->maps);
    struct pl_gram sum;
    if (pl_forecaster_gram_init(context, f, &sum))
        return context->status;
    enum pl_status status = PL_OK;
    for (int64_t i = 0; i < f->stats_count && !status; i++)
        status = pl_gram_merge(context, &sum, &f->stats[i], 1);
    if (!status)
        status = pl_forecaster_solve(context, f, &sum, f->maps);
    pl_gram_release(&sum);
    return status;
}

/* ---- The update -------------------------------------------------------------------------- */

static void remember_new(struct update *u)
{
    struct pl_forecaster *f = u->f;
    for (int64_t s = 0; s < u->more->series_count; s++) {
        int64_t theirs = series_in_model(u, s), fresh = u->more->series[s].rows - u->skip[s];
        if (fresh == 0)
            continue;
        pl_forecaster_remember_series(f, theirs, &u->joined, s, u->joined.series[s].rows);
        f->rows[theirs] += fresh;
    }
    f->training_windows += u->windows;
    f->split = (struct pl_split){0}; /* the test part, if there was one, has been learned from */
    f->split_given = false;
}

static enum pl_status update(struct pl_context *context, struct update *u, double forget,
                             bool again)
{
    struct pl_forecaster *f = u->f;
    if (f->type->family == PL_FAMILY_LINEAR && !f->stats)
        return pl_fail(context, PL_BAD_DATA,
                       "the model carries no statistics to update: it was trained with %s",
                       f->solver == PL_SOLVER_ADAM ? "--solver adam" : "--stats none");
    if (again && (!f->stats || (f->stats_kind != PL_STATS_CHANNEL && !f->individual)))
        return pl_fail(context, PL_BAD_DATA,
                       "--rescale needs statistics of each channel: train with --stats channel");
    if (f->stamped && !u->more->stamped) /* whether its rows are new, and go on, cannot be told */
        return pl_fail(context, PL_BAD_DATA,
                       "%s: expected time stamps that go on from those of the model, found none",
                       u->more->source);
    if (prepare(context, u) || score_new(context, u, forget))
        return context->status;
    if (f->stats && add_windows(context, u, forget))
        return context->status;
    if (again && f->scale == PL_SCALE_ZSCORE && rescale(context, u, forget))
        return context->status;
    remember_new(u);
    return f->stats ? pl_forecaster_settle(context, f) : PL_OK;
}

enum pl_status pl_forecaster_update(struct pl_context *context, struct pl_forecaster *forecaster,
                                    const struct pl_panel *more, double forget, bool rescale_too)
{
    /* A row or two have no step of their own; rows are counted if the model knows no stamps. */
    struct pl_panel rows = *more;
    rows.stamped = more->stamped && forecaster->stamped;
    if (!pl_step_known(&more->step))
        rows.step = forecaster->step;
    struct update u = {.f = forecaster, .more = &rows};
    enum pl_status status = update(context, &u, forget, rescale_too);
    pl_panel_release(&u.joined);
    pl_match_release(&u.match);
    free(u.ranges);
    free(u.skip);
    free(u.ends);
    free(u.before);
    return status;
}
