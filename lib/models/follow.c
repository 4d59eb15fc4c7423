/* Live forecasts: see follow.h.
 * SPDX-License-Identifier: MIT */
#include "models/follow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static enum pl_status find_columns(struct pl_context *context, struct pl_follow *follow,
                                   const char *const *names, int64_t count)
{
    const struct pl_forecaster *forecaster = follow->forecaster;
    int64_t columns = forecaster->target_count + forecaster->past_count;
    if (forecaster->long_format || forecaster->series_count != 1)
        return pl_fail(context, PL_BAD_DATA,
                       "the model is of %lld series; a live stream is one series",
                       (long long)forecaster->series_count);
    if (forecaster->future_count > 0)
        return pl_fail(context, PL_BAD_DATA,
                       "the model needs future column '%s', which a live stream does not carry",
                       forecaster->columns[columns]);
    if (!forecaster->stamped && forecaster->calendar.season_count > 0)
        return pl_fail(context, PL_BAD_DATA,
                       "the model's seasons count rows; following it needs time stamps");
    follow->source = pl_new(context, (size_t)columns, sizeof *follow->source);
    if (!follow->source)
        return context->status;
    for (int64_t c = 0; c < columns; c++) {
        int64_t i = 0;
        while (i < count && strcmp(names[i], forecaster->columns[c]) != 0)
            i++;
        if (i == count)
            return pl_fail(context, PL_BAD_DATA, "the input has no column '%s' of the model",
                           forecaster->columns[c]);
        follow->source[c] = i;
    }
    return PL_OK;
}

/* The panel's one series shows the window; its values slide, everything else stays. */
static enum pl_status make_panel(struct pl_context *context, struct pl_follow *follow)
{
    const struct pl_forecaster *forecaster = follow->forecaster;
    struct pl_panel *panel = &follow->panel;
    int64_t columns = forecaster->target_count + forecaster->past_count;
    follow->tracks = pl_new(context, (size_t)forecaster->target_count, sizeof *follow->tracks);
    follow->row = pl_new(context, (size_t)columns, sizeof *follow->row);
    follow->series.values =
        pl_new(context, (size_t)(columns * forecaster->lookback), sizeof(double));
    if (!follow->tracks || !follow->row || !follow->series.values)
        return context->status;
    follow->series.name = "";
    follow->series.rows = forecaster->lookback;
    follow->piece = (struct pl_range){0, forecaster->lookback};
    *panel = (struct pl_panel){.source = "live stream",
                               .step = forecaster->step,
                               .stamped = forecaster->stamped,
                               .dates_only = forecaster->dates_only,
                               .series = &follow->series,
                               .series_count = 1,
                               .columns = forecaster->columns,
                               .target_count = forecaster->target_count,
                               .past_count = forecaster->past_count,
                               .column_count = columns,
                               .tracks = follow->tracks,
                               .track_count = forecaster->target_count,
                               .rows = forecaster->lookback};
    for (int64_t c = 0; c < forecaster->target_count; c++)
        follow->tracks[c] =
            (struct pl_track){.target = c, .pieces = &follow->piece, .piece_count = 1};
    return PL_OK;
}

static enum pl_status make_adaptive(struct pl_context *context, struct pl_follow *follow)
{
    const struct pl_forecaster *forecaster = follow->forecaster;
    if (follow->bands.level_count == 0 || follow->bands.method != PL_ADAPTIVE)
        return PL_OK;
    follow->adaptive = pl_new(context, (size_t)forecaster->target_count, sizeof *follow->adaptive);
    enum pl_status status = follow->adaptive ? PL_OK : context->status;
    for (int64_t c = 0; status == PL_OK && c < forecaster->target_count; c++)
        status = pl_bands_adaptive(context, &follow->bands, forecaster, c, &follow->adaptive[c]);
    return status;
}

enum pl_status pl_follow_open(struct pl_context *context, struct pl_follow *follow,
                              const struct pl_forecaster *forecaster, const struct pl_bands *bands,
                              int64_t steps, const char *const *names, int64_t count)
{
    *follow = (struct pl_follow){.forecaster = forecaster, .bands = *bands, .steps = steps};
    enum pl_status status = pl_bands_check(context, bands, forecaster);
    if (status == PL_OK)
        status = find_columns(context, follow, names, count);
    if (status == PL_OK)
        status = make_panel(context, follow);
    return status == PL_OK ? make_adaptive(context, follow) : status;
}

void pl_follow_close(struct pl_follow *follow)
{
    for (int64_t c = 0; follow->adaptive && c < follow->forecaster->target_count; c++)
        pl_adaptive_release(&follow->adaptive[c]);
    free(follow->adaptive);
    free(follow->source);
    free(follow->row);
    free(follow->tracks);
    free(follow->series.values);
    memset(follow, 0, sizeof *follow);
}

/* Moves the window on by the row in follow->row. */
static void push(struct pl_follow *follow)
{
    int64_t lookback = follow->forecaster->lookback;
    for (int64_t c = 0; c < follow->panel.column_count; c++) {
        double *column = follow->series.values + c * lookback;
        memmove(column, column + 1, (size_t)(lookback - 1) * sizeof *column);
        column[lookback - 1] = follow->row[c];
    }
    if (follow->filled < lookback)
        follow->filled++;
}

static void carry_forward(struct pl_follow *follow, bool all)
{
    int64_t lookback = follow->forecaster->lookback;
    for (int64_t c = 0; c < follow->panel.column_count; c++)
        if (all || isnan(follow->row[c]))
            follow->row[c] = follow->series.values[c * lookback + lookback - 1];
}

/* A model's own last rows stand in front of a stream that continues them. */
static void take_tail(struct pl_follow *follow, int64_t time)
{
    const struct pl_forecaster *forecaster = follow->forecaster;
    int64_t size = forecaster->lookback + forecaster->horizon - 1;
    int64_t lookback = forecaster->lookback;
    if (!forecaster->stamped || !forecaster->tail ||
        pl_step_from(&forecaster->step, forecaster->end[0], 1) != time)
        return;
    for (int64_t i = size - lookback; i < size; i++) {
        bool whole = true;
        for (int64_t c = 0; c < follow->panel.column_count; c++) {
            follow->row[c] = forecaster->tail[c * size + i];
            whole = whole && !isnan(follow->row[c]);
        }
        if (whole)
            push(follow);
        else
            follow->filled = 0;
    }
    follow->last = forecaster->end[0];
}

/* Rows that should have come between the last one and this. */
static enum pl_status bridge(struct pl_context *context, struct pl_follow *follow, int64_t time)
{
    const struct pl_forecaster *forecaster = follow->forecaster;
    int64_t steps;
    bool whole = pl_step_between(&forecaster->step, follow->last, time, &steps);
    if (whole && steps == 1)
        return PL_OK;
    if (forecaster->missing == PL_MISSING_ERROR || !whole || steps < 1) {
        char now[PL_TIME_SIZE], before[PL_TIME_SIZE], step[PL_STEP_TEXT_SIZE];
        pl_time_format(now, time, forecaster->dates_only);
        pl_time_format(before, follow->last, forecaster->dates_only);
        pl_step_text(step, &forecaster->step);
        return pl_fail(context, PL_BAD_DATA, "row %lld: %s does not follow %s by %s",
                       (long long)follow->seen, now, before, step);
    }
    if (forecaster->missing == PL_MISSING_GAP || steps > forecaster->lookback) {
        follow->filled = 0;
        return PL_OK;
    }
    for (int64_t i = 1; i < steps && follow->filled > 0; i++) {
        carry_forward(follow, true);
        push(follow);
    }
    return PL_OK;
}

/* Fills follow->row; *usable is false for a row that starts the window over. */
static enum pl_status take_row(struct pl_context *context, struct pl_follow *follow,
                               const double *values, bool *usable)
{
    const struct pl_forecaster *forecaster = follow->forecaster;
    int64_t missing = -1;
    for (int64_t c = 0; c < follow->panel.column_count; c++) {
        follow->row[c] = values[follow->source[c]];
        if (isinf(follow->row[c]))
            return pl_fail(context, PL_BAD_DATA, "row %lld: column '%s' is infinite",
                           (long long)follow->seen, forecaster->columns[c]);
        if (isnan(follow->row[c]) && missing < 0)
            missing = c;
    }
    *usable = true;
    if (missing < 0)
        return PL_OK;
    if (forecaster->missing == PL_MISSING_ERROR)
        return pl_fail(context, PL_BAD_DATA,
                       "row %lld: column '%s' is missing (train with --missing linear to carry "
                       "the last value forward)",
                       (long long)follow->seen, forecaster->columns[missing]);
    *usable = forecaster->missing != PL_MISSING_GAP && follow->filled > 0;
    if (*usable)
        carry_forward(follow, false);
    else
        follow->filled = 0;
    return PL_OK;
}

enum pl_status pl_follow_row(struct pl_context *context, struct pl_follow *follow,
                             const double *values, int64_t time, struct pl_forecast *forecast,
                             bool *ready)
{
    const struct pl_forecaster *forecaster = follow->forecaster;
    enum pl_status status = PL_OK;
    bool usable;
    *ready = false;
    if (follow->seen == 0)
        take_tail(follow, time);
    follow->seen++;
    if (forecaster->stamped && (follow->seen > 1 || follow->filled > 0))
        status = bridge(context, follow, time);
    follow->last = time;
    if (status == PL_OK)
        status = take_row(context, follow, values, &usable);
    if (status != PL_OK || !usable)
        return status;
    push(follow);
    if (follow->filled < forecaster->lookback)
        return PL_OK;
    follow->series.start = pl_step_from(&forecaster->step, time, 1 - forecaster->lookback);
    status = pl_forecast_run(context, forecast, forecaster, &follow->panel, follow->steps,
                             &follow->bands, follow->adaptive);
    *ready = status == PL_OK;
    if (status != PL_OK)
        pl_forecast_release(forecast);
    return status;
}
