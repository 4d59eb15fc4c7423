/* The forecaster as an object: its sizes, its statistics, its maps, what it remembers.
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "models/forecaster_parts.h"

/* ---- Sizes and life ---------------------------------------------------------------------- */

int64_t pl_forecaster_columns(const struct pl_forecaster *forecaster)
{
    return forecaster->target_count + forecaster->past_count + forecaster->future_count;
}

int64_t pl_forecaster_tracks(const struct pl_forecaster *forecaster)
{
    return forecaster->series_count * forecaster->target_count;
}

int64_t pl_forecaster_channels(const struct pl_forecaster *forecaster)
{
    return forecaster->series_count * pl_forecaster_columns(forecaster);
}

int64_t pl_forecaster_regressors(const struct pl_forecaster *forecaster)
{
    return forecaster->future_count + pl_calendar_count(&forecaster->calendar);
}

int64_t pl_forecaster_window(const struct pl_forecaster *forecaster)
{
    return forecaster->lookback + forecaster->horizon;
}

void pl_grams_release(struct pl_gram *grams, int64_t count)
{
    for (int64_t i = 0; grams && i < count; i++)
        pl_gram_release(&grams[i]);
    free(grams);
}

void pl_forecaster_release(struct pl_forecaster *forecaster)
{
    for (int64_t i = 0; forecaster->maps && i < forecaster->map_count; i++)
        pl_linear_release(&forecaster->maps[i]);
    free(forecaster->maps);
    pl_grams_release(forecaster->stats, forecaster->stats_count);
    pl_calendar_release(&forecaster->calendar);
    pl_scaler_release(&forecaster->scaler);
    free(forecaster->ridges);
    free(forecaster->sigma);
    free(forecaster->grids);
    free(forecaster->unseen);
    free(forecaster->tail);
    free(forecaster->end);
    free(forecaster->rows);
    pl_arena_release(&forecaster->arena);
    *forecaster = (struct pl_forecaster){0};
}

/* ---- Statistics -------------------------------------------------------------------------- */

enum pl_status pl_forecaster_gram_init(struct pl_context *context,
                                       const struct pl_forecaster *forecaster, struct pl_gram *gram)
{
    return pl_gram_init(context, gram, forecaster->lookback, forecaster->horizon,
                        forecaster->past_count, pl_forecaster_regressors(forecaster));
}

static enum pl_status gather_track(struct pl_context *context,
                                   const struct pl_forecaster *forecaster,
                                   const struct pl_panel *panel, const struct pl_match *match,
                                   const struct pl_range *ranges, int64_t t, struct pl_gram *gram)
{
    const struct pl_track *track = &panel->tracks[t];
    for (int64_t p = 0; p < track->piece_count; p++) {
        struct pl_range range = pl_range_meet(track->pieces[p], ranges[track->series]);
        struct pl_stretch stretch;
        if (pl_range_windows(range, pl_forecaster_window(forecaster)) == 0)
            continue;
        if (pl_forecaster_stretch(context, forecaster, panel, match, t, range, &stretch))
            return context->status;
        enum pl_status status = pl_gram_add(context, gram, &stretch.piece);
        pl_stretch_release(&stretch);
        if (status)
            return status;
    }
    return PL_OK;
}

/* Tracks are cut into a fixed number of blocks, each with a Gram of its own, joined in order. */
#define BLOCKS 16

struct gathering {
    const struct pl_forecaster *forecaster;
    const struct pl_panel *panel;
    const struct pl_match *match;
    const struct pl_range *ranges;
    int64_t first, count, blocks;
    struct pl_gram grams[BLOCKS];
};

static enum pl_status gather_block(struct pl_context *context, void *job, int64_t block)
{
    struct gathering *g = job;
    int64_t begin = g->first + g->count * block / g->blocks;
    int64_t end = g->first + g->count * (block + 1) / g->blocks;
    for (int64_t t = begin; t < end; t++)
        if (gather_track(context, g->forecaster, g->panel, g->match, g->ranges, t,
                         &g->grams[block]))
            return context->status;
    return PL_OK;
}

enum pl_status pl_forecaster_gather_tracks(struct pl_context *context,
                                           const struct pl_forecaster *forecaster,
                                           const struct pl_panel *panel,
                                           const struct pl_match *match,
                                           const struct pl_range *ranges, int64_t first,
                                           int64_t last, struct pl_gram *gram)
{
    struct gathering g = {forecaster, panel, match, ranges, first, last - first, BLOCKS, {{0}}};
    enum pl_status status = PL_OK;
    if (g.count <= BLOCKS) { /* few: no Grams of their own, pl_gram_add itself runs in parallel */
        for (int64_t t = first; t < last && !status; t++)
            status = gather_track(context, forecaster, panel, match, ranges, t, gram);
        return status;
    }
    for (int64_t b = 0; b < g.blocks && !status; b++)
        status = pl_forecaster_gram_init(context, forecaster, &g.grams[b]);
    if (!status)
        status = pl_parallel(context, g.blocks, gather_block, &g);
    for (int64_t b = 0; b < g.blocks && !status; b++)
        status = pl_gram_merge(context, gram, &g.grams[b], 1);
    for (int64_t b = 0; b < g.blocks; b++)
        pl_gram_release(&g.grams[b]);
    return status;
}

struct gathering_maps {
    const struct pl_forecaster *forecaster;
    const struct pl_panel *panel;
    const struct pl_match *match;
    const struct pl_range *ranges;
    struct pl_gram *grams;
};

static enum pl_status gather_individual(struct pl_context *context, void *job, int64_t track)
{
    const struct gathering_maps *g = job;
    return gather_track(context, g->forecaster, g->panel, g->match, g->ranges, track,
                        &g->grams[g->match->track[track]]);
}

enum pl_status pl_forecaster_gather(struct pl_context *context,
                                    const struct pl_forecaster *forecaster,
                                    const struct pl_panel *panel, const struct pl_match *match,
                                    const struct pl_range *ranges, struct pl_gram *grams)
{
    if (!forecaster->individual)
        return pl_forecaster_gather_tracks(context, forecaster, panel, match, ranges, 0,
                                           panel->track_count, grams);
    struct gathering_maps g = {forecaster, panel, match, ranges, grams};
    return pl_parallel(context, panel->track_count, gather_individual, &g);
}

int64_t pl_forecaster_windows(const struct pl_forecaster *forecaster, const struct pl_panel *panel,
                              const struct pl_range *ranges)
{
    int64_t windows = 0;
    for (int64_t t = 0; t < panel->track_count; t++)
        windows += pl_track_windows(&panel->tracks[t], ranges[panel->tracks[t].series],
                                    pl_forecaster_window(forecaster));
    return windows;
}

/* ---- Maps -------------------------------------------------------------------------------- */

struct solving {
    const struct pl_forecaster *forecaster;
    const struct pl_gram *grams;
    struct pl_linear *maps;
};

static enum pl_status solve_map(struct pl_context *context, void *job, int64_t map)
{
    const struct solving *s = job;
    struct pl_linear fitted;
    if (pl_linear_solve(context, &s->grams[map], (enum pl_linear_kind)s->forecaster->type->variant,
                        s->forecaster->ridges[map], &fitted, NULL))
        return context->status;
    pl_linear_release(&s->maps[map]);
    s->maps[map] = fitted;
    return PL_OK;
}

enum pl_status pl_forecaster_solve(struct pl_context *context,
                                   const struct pl_forecaster *forecaster,
                                   const struct pl_gram *grams, struct pl_linear *maps)
{
    if (forecaster->type->family == PL_FAMILY_BASELINE)
        return PL_OK;
    struct solving solving = {forecaster, grams, maps};
    return pl_parallel(context, forecaster->map_count, solve_map, &solving);
}

enum pl_status pl_baseline_map(struct pl_context *context, enum pl_baseline baseline,
                               int64_t lookback, int64_t horizon, int64_t past, int64_t future,
                               int64_t season, struct pl_linear *linear)
{
    if (baseline == PL_SEASONAL_NAIVE && (season < 1 || season > lookback))
        return pl_fail(context, PL_BAD_DATA,
                       "a season of %" PRId64 " rows does not fit a lookback of %" PRId64, season,
                       lookback);
    if (pl_linear_init(context, linear, lookback, horizon, past, future))
        return context->status;
    int64_t regressors = lookback * (1 + past);
    for (int64_t h = 0; h < horizon; h++) {
        int64_t lag = baseline == PL_REPEAT ? lookback - 1 : lookback - season + h % season;
        linear->weight[h * regressors + lag] = 1;
    }
    return PL_OK;
}

/* ---- Errors it made ---------------------------------------------------------------------- */

double pl_forecaster_sigma(const struct pl_forecaster *forecaster, int64_t track, int64_t step)
{
    int64_t tracks = pl_forecaster_tracks(forecaster), horizon = forecaster->horizon;
    if (!forecaster->sigma)
        return 0;
    if (track >= 0 && forecaster->unseen[track] > 0)
        return forecaster->sigma[track * horizon + step];
    double squares = 0, windows = 0;
    for (int64_t t = 0; t < tracks; t++) {
        double sigma = forecaster->sigma[t * horizon + step];
        squares += forecaster->unseen[t] * sigma * sigma;
        windows += forecaster->unseen[t];
    }
    return windows > 0 ? sqrt(squares / windows) : 0;
}

int64_t pl_forecaster_grid(const struct pl_forecaster *forecaster, int64_t track, int64_t step,
                           float grid[PL_GRID])
{
    int64_t tracks = pl_forecaster_tracks(forecaster), horizon = forecaster->horizon;
    bool own = track >= 0 && forecaster->unseen[track] > 0;
    if (forecaster->grid_count > 1 && own) {
        memcpy(grid, forecaster->grids + (track * horizon + step) * PL_GRID,
               PL_GRID * sizeof *grid);
        return (int64_t)forecaster->unseen[track];
    }
    double windows = 0, sum[PL_GRID] = {0};
    for (int64_t t = 0; t < tracks; t++)
        windows += forecaster->unseen[t];
    for (int64_t t = 0; t < tracks && forecaster->grid_count > 1; t++)
        for (int q = 0; q < PL_GRID; q++)
            sum[q] += forecaster->unseen[t] *
                      (double)forecaster->grids[(t * horizon + step) * PL_GRID + q];
    double sigma = pl_forecaster_sigma(forecaster, track, step);
    for (int q = 0; q < PL_GRID; q++)
        grid[q] = forecaster->grid_count == 1
                      ? (float)(sigma * (double)forecaster->grids[step * PL_GRID + q])
                      : (float)(windows > 0 ? sum[q] / windows : 0);
    return (int64_t)windows;
}

/* ---- What it remembers of its data ------------------------------------------------------- */

/* The last rows of one channel before row `end`, back to the last gap in the stamps. */
static void copy_tail(const struct pl_panel *panel, int64_t series, int64_t column, int64_t end,
                      int64_t count, double *out)
{
    const double *values = pl_panel_column(panel, series, column);
    const int64_t *stamps = panel->series[series].stamps;
    for (int64_t i = 0; i < count; i++)
        out[i] = NAN;
    for (int64_t i = count - 1, row = end - 1; i >= 0 && row >= 0; i--, row--) {
        out[i] = values[row];
        if (stamps && row > 0 && !pl_step_follows(&panel->step, stamps[row - 1], stamps[row]))
            break;
    }
}

void pl_forecaster_remember_series(struct pl_forecaster *forecaster, int64_t series,
                                   const struct pl_panel *panel, int64_t from, int64_t end)
{
    int64_t length = pl_forecaster_window(forecaster) - 1, columns = panel->column_count;
    for (int64_t c = 0; c < columns; c++)
        copy_tail(panel, from, c, end, length, forecaster->tail + (series * columns + c) * length);
    forecaster->end[series] = pl_panel_stamp(panel, from, end - 1);
}

enum pl_status pl_forecaster_remember(struct pl_context *context, struct pl_forecaster *forecaster,
                                      const struct pl_panel *panel, const int64_t *ends)
{
    size_t cells, series = (size_t)panel->series_count;
    if (!pl_mul_size((size_t)(panel->series_count * panel->column_count),
                     (size_t)pl_forecaster_window(forecaster) - 1, &cells))
        return pl_fail(context, PL_SYSTEM, "out of memory: too many channels");
    forecaster->tail = pl_new(context, cells, sizeof(double));
    forecaster->end = pl_new(context, series, sizeof(int64_t));
    forecaster->rows = pl_new(context, series, sizeof(int64_t));
    if (!forecaster->tail || !forecaster->end || !forecaster->rows)
        return context->status;
    for (int64_t s = 0; s < panel->series_count; s++) {
        pl_forecaster_remember_series(forecaster, s, panel, s, ends[s]);
        forecaster->rows[s] = ends[s];
    }
    return PL_OK;
}
