/* Forecasts from the last row on: see forecast.h.
 * SPDX-License-Identifier: MIT */
#include "models/forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "base/parallel.h"

struct job {
    struct pl_forecast *forecast;
    const struct pl_forecaster *forecaster;
    const struct pl_panel *panel;
    struct pl_match match;
    struct pl_adaptive *live; /* [tracks]; NULL: replay */
};

enum pl_status pl_forecast_names(struct pl_context *context, struct pl_arena *arena,
                                 const struct pl_forecaster *forecaster,
                                 const struct pl_bands *bands, const char ***names)
{
    int64_t width = 1 + 2 * bands->level_count, count = forecaster->target_count * width;
    *names = pl_arena_new(context, arena, (size_t)count, sizeof **names);
    if (!*names)
        return context->status;
    for (int64_t i = 0; i < count; i++) {
        const char *target = forecaster->columns[i / width];
        int64_t place = i % width - 1;
        struct pl_buffer text = {0};
        enum pl_status status = pl_buffer_text(context, &text, target);
        if (status == PL_OK && place >= 0) {
            char level[PL_NUMBER_SIZE];
            /* 0.8 * 100 is 80.00000000000001: percentages are kept to nine digits */
            double percent = round(bands->levels[place / 2] * 1e11) / 1e9;
            pl_format_double(level, percent);
            status = pl_buffer_printf(context, &text, ".%s-%s", place % 2 ? "hi" : "lo", level);
        }
        (*names)[i] = status == PL_OK ? pl_arena_text(context, arena, text.data, text.size) : NULL;
        pl_buffer_release(&text);
        if (!(*names)[i])
            return context->status;
    }
    return PL_OK;
}

/* The rows that a forecast needs must be there. */
static enum pl_status check_past(struct pl_context *context, const struct pl_forecaster *forecaster,
                                 const struct pl_panel *panel, int64_t track)
{
    const struct pl_track *the_track = &panel->tracks[track];
    int64_t rows = panel->series[the_track->series].rows, lookback = forecaster->lookback;
    char name[PL_PLACE_SIZE];
    pl_panel_track_name(panel, track, name);
    if (rows < lookback)
        return pl_fail(context, PL_BAD_DATA,
                       "%s has %lld row%s; the model's lookback of %lld needs at least as many",
                       name, (long long)rows, rows == 1 ? "" : "s", (long long)lookback);
    const struct pl_range *last =
        the_track->piece_count > 0 ? &the_track->pieces[the_track->piece_count - 1] : NULL;
    if (!last || last->end < rows || last->begin > rows - lookback)
        return pl_fail(context, PL_BAD_DATA,
                       "%s: a gap in the last %lld rows, which the forecast starts from "
                       "(--missing linear fills it)",
                       name, (long long)lookback);
    return PL_OK;
}

enum pl_status pl_forecast_leave_short(struct pl_context *context,
                                       const struct pl_forecaster *forecaster,
                                       struct pl_panel *panel)
{
    struct pl_context first = {0}; /* what the first of them lacks */
    int64_t kept = 0, targets = panel->target_count, before = panel->series_count;
    if (!panel->long_format)
        return PL_OK; /* pl_forecast_run refuses it */
    for (int64_t s = 0; s < before; s++) {
        struct pl_context lack = {0};
        for (int64_t t = 0; t < targets && lack.status == PL_OK; t++)
            (void)check_past(&lack, forecaster, panel, s * targets + t);
        if (lack.status != PL_OK && first.status == PL_OK)
            first = lack;
        if (lack.status != PL_OK)
            continue;
        panel->series[kept] = panel->series[s];
        for (int64_t t = 0; t < targets; t++) {
            panel->tracks[kept * targets + t] = panel->tracks[s * targets + t];
            panel->tracks[kept * targets + t].series = kept;
        }
        kept++;
    }
    if (kept == 0)
        return pl_fail(context, first.status, "%s", first.message);
    if (kept < before - 1)
        pl_warn(context, "%s; it is left out (and %lld more)", first.message,
                (long long)(before - kept - 1));
    else if (kept < before)
        pl_warn(context, "%s; it is left out", first.message);
    panel->series_count = kept;
    panel->track_count = kept * targets;
    return PL_OK;
}

static enum pl_status check_future(struct pl_context *context, const struct job *job,
                                   int64_t series)
{
    const struct pl_panel *panel = job->panel;
    const struct pl_panel_series *the_series = &panel->series[series];
    int64_t first = panel->target_count + panel->past_count, steps = job->forecast->steps;
    for (int64_t c = first; c < panel->column_count; c++) {
        const double *values = pl_panel_column(panel, series, c) + the_series->rows;
        int64_t known = 0;
        while (known < the_series->future_rows && known < steps && !isnan(values[known]))
            known++;
        if (known < steps)
            return pl_fail(context, PL_BAD_DATA,
                           "future column '%s' is known for %lld rows ahead, %lld are needed: add "
                           "rows with its values and empty targets",
                           panel->columns[c], (long long)known, (long long)steps);
    }
    return PL_OK;
}

static enum pl_status check(struct pl_context *context, const struct job *job)
{
    const struct pl_forecaster *forecaster = job->forecaster;
    enum pl_status status = pl_bands_check(context, &job->forecast->bands, forecaster);
    if (status == PL_OK && job->forecast->steps > forecaster->horizon && forecaster->past_count > 0)
        return pl_fail(context, PL_BAD_DATA,
                       "%lld steps go beyond the model's horizon of %lld, and nobody knows its "
                       "past columns that far: train with -H %lld",
                       (long long)job->forecast->steps, (long long)forecaster->horizon,
                       (long long)job->forecast->steps);
    for (int64_t t = 0; status == PL_OK && t < job->panel->track_count; t++)
        status = check_past(context, forecaster, job->panel, t);
    for (int64_t s = 0; status == PL_OK && s < job->panel->series_count; s++)
        status = check_future(context, job, s);
    return status;
}

/* Lets adaptive intervals see the rows before the origin; their state is then that of a forecaster
 * that has been running for a memory's length. */
static enum pl_status adapt(struct pl_context *context, const struct job *job, int64_t track,
                            double *half)
{
    const struct pl_forecaster *forecaster = job->forecaster;
    const struct pl_track *the_track = &job->panel->tracks[track];
    int64_t lookback = forecaster->lookback, horizon = forecaster->horizon;
    int64_t origin = job->panel->series[the_track->series].rows;
    int64_t begin = the_track->pieces[the_track->piece_count - 1].begin;
    int64_t start = origin - PL_ADAPTIVE_WINDOW - horizon;
    struct pl_adaptive adaptive = {0};
    struct pl_stretch stretch = {0};
    if (start < begin + lookback)
        start = begin + lookback;
    double *forecast = pl_new(context, (size_t)horizon, sizeof *forecast);
    enum pl_status status = forecast ? pl_bands_adaptive(context, &job->forecast->bands, forecaster,
                                                         job->match.track[track], &adaptive)
                                     : context->status;
    if (status == PL_OK)
        status =
            pl_forecaster_stretch(context, forecaster, job->panel, &job->match, track,
                                  (struct pl_range){start - lookback, origin + horizon}, &stretch);
    for (int64_t o = start; status == PL_OK && o <= origin; o++) {
        status =
            pl_linear_forecast(context, pl_forecaster_map(forecaster, NULL, &job->match, track),
                               &stretch.piece, o - start, 1, forecast);
        if (status == PL_OK)
            pl_adaptive_step(&adaptive, stretch.target[o - 1 - stretch.first], forecast, half);
    }
    pl_stretch_release(&stretch);
    pl_adaptive_release(&adaptive);
    free(forecast);
    return status;
}

/* Puts a forecast and its intervals into the track's columns, in the series' unit. */
static enum pl_status put(struct pl_context *context, const struct job *job, int64_t track,
                          const double *standard, const double *half)
{
    struct pl_forecast *forecast = job->forecast;
    const struct pl_track *the_track = &job->panel->tracks[track];
    int64_t horizon = job->forecaster->horizon, width = 1 + 2 * forecast->bands.level_count;
    int64_t channel = the_track->series * job->panel->column_count + the_track->target;
    double scale = job->match.scaler.scale[channel], mean = job->match.scaler.mean[channel];
    for (int64_t i = 0; i < forecast->steps; i++) {
        int64_t row = the_track->series * forecast->steps + i;
        double *out = forecast->values + row * forecast->column_count + the_track->target * width;
        double centre = standard[i] * scale + mean;
        if (!isfinite(centre)) {
            char name[PL_PLACE_SIZE];
            pl_panel_track_name(job->panel, track, name);
            return pl_fail(context, PL_NUMERIC, "%s: the forecast is not finite", name);
        }
        out[0] = centre;
        for (int level = 0; level < forecast->bands.level_count; level++) {
            double block = half[level * horizon + i % horizon];
            double whole = half[level * horizon + horizon - 1];
            double before = (double)(i / horizon);
            double distance = before > 0 ? sqrt(before * whole * whole + block * block) : block;
            out[1 + 2 * level] = centre - distance * scale;
            out[2 + 2 * level] = centre + distance * scale;
        }
    }
    return PL_OK;
}

static enum pl_status forecast_track(struct pl_context *context, void *data, int64_t track)
{
    const struct job *job = data;
    const struct pl_forecaster *forecaster = job->forecaster;
    const struct pl_bands *bands = &job->forecast->bands;
    int64_t lookback = forecaster->lookback, horizon = forecaster->horizon;
    int64_t origin = job->panel->series[job->panel->tracks[track].series].rows;
    int64_t blocks = (job->forecast->steps + horizon - 1) / horizon;
    struct pl_stretch stretch = {0};
    double *half = pl_new(context, (size_t)(horizon * (bands->level_count + 1)), sizeof *half);
    enum pl_status status = half ? PL_OK : context->status;
    if (status == PL_OK)
        status = pl_forecaster_stretch(
            context, forecaster, job->panel, &job->match, track,
            (struct pl_range){origin - lookback, origin + blocks * horizon}, &stretch);
    for (int64_t block = 0; status == PL_OK && block < blocks; block++)
        status = pl_linear_forecast(
            context, pl_forecaster_map(forecaster, NULL, &job->match, track), &stretch.piece,
            block * horizon, 1, stretch.target + lookback + block * horizon);
    if (status == PL_OK && bands->level_count > 0) {
        if (bands->method != PL_ADAPTIVE)
            pl_bands_fixed(bands, forecaster, job->match.track[track], half);
        else if (job->live)
            pl_adaptive_step(&job->live[track], stretch.target[lookback - 1],
                             stretch.target + lookback, half);
        else
            status = adapt(context, job, track, half);
    }
    if (status == PL_OK)
        status = put(context, job, track, stretch.target + lookback, half);
    pl_stretch_release(&stretch);
    free(half);
    return status;
}

static enum pl_status allocate(struct pl_context *context, struct pl_forecast *forecast,
                               const struct pl_panel *panel)
{
    int64_t rows, cells;
    if (!pl_mul_int64(forecast->series_count, forecast->steps, &rows) ||
        !pl_mul_int64(rows, forecast->column_count, &cells))
        return pl_fail(context, PL_USAGE, "-n %lld: too many steps", (long long)forecast->steps);
    forecast->values = pl_new(context, (size_t)cells, sizeof *forecast->values);
    if (!forecast->values)
        return context->status;
    if (!panel->stamped)
        return PL_OK;
    forecast->time = pl_new(context, (size_t)rows, sizeof *forecast->time);
    if (!forecast->time)
        return context->status;
    for (int64_t i = 0; i < rows; i++) {
        int64_t series = i / forecast->steps;
        forecast->time[i] =
            pl_panel_stamp(panel, series, panel->series[series].rows + i % forecast->steps);
    }
    return PL_OK;
}

enum pl_status pl_forecast_run(struct pl_context *context, struct pl_forecast *forecast,
                               const struct pl_forecaster *forecaster, const struct pl_panel *panel,
                               int64_t steps, const struct pl_bands *bands,
                               struct pl_adaptive *live)
{
    struct job job = {.forecast = forecast, .forecaster = forecaster, .panel = panel, .live = live};
    *forecast =
        (struct pl_forecast){.steps = steps, .series_count = panel->series_count, .bands = *bands};
    forecast->column_count = panel->target_count * (1 + 2 * bands->level_count);
    enum pl_status status = pl_forecaster_match(context, forecaster, panel, &job.match);
    if (status == PL_OK)
        status = check(context, &job);
    if (status == PL_OK)
        status = pl_forecast_names(context, &forecast->arena, forecaster, bands, &forecast->names);
    if (status == PL_OK)
        status = allocate(context, forecast, panel);
    if (status == PL_OK)
        status = pl_parallel(context, panel->track_count, forecast_track, &job);
    pl_match_release(&job.match);
    return status;
}

void pl_forecast_release(struct pl_forecast *forecast)
{
    free(forecast->values);
    free(forecast->time);
    pl_arena_release(&forecast->arena);
    memset(forecast, 0, sizeof *forecast);
}
