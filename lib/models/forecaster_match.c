/* Data matched to a forecaster, and stretches of it in the forecaster's units.
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/forecaster_parts.h"

void pl_forecaster_panel_options(const struct pl_forecaster *forecaster,
                                 struct pl_panel_options *options)
{
    const char *const *names = forecaster->columns;
    int64_t past = forecaster->target_count, future = past + forecaster->past_count;
    *options = (struct pl_panel_options){
        .targets = {names, forecaster->target_count},
        .past = {names + past, forecaster->past_count},
        .future = {names + future, forecaster->future_count},
        .missing = (enum pl_missing)forecaster->missing,
        .season = forecaster->season,
        .rows_are_clock = forecaster->split_given,
    };
}

static bool steps_equal(const struct pl_step *a, const struct pl_step *b)
{
    return a->nanoseconds == b->nanoseconds && a->months == b->months;
}

static enum pl_status check_panel(struct pl_context *context,
                                  const struct pl_forecaster *forecaster,
                                  const struct pl_panel *panel)
{
    if (panel->target_count != forecaster->target_count ||
        panel->past_count != forecaster->past_count ||
        panel->future_count != forecaster->future_count)
        return pl_fail(context, PL_BAD_DATA, "%s: the columns are not the model's", panel->source);
    for (int64_t c = 0; c < panel->column_count; c++)
        if (strcmp(panel->columns[c], forecaster->columns[c]) != 0)
            return pl_fail(context, PL_BAD_DATA,
                           "%s: column %" PRId64 " is '%s', but '%s' in the model", panel->source,
                           c + 1, panel->columns[c], forecaster->columns[c]);
    if (forecaster->stamped && panel->stamped && pl_step_known(&panel->step) &&
        pl_step_known(&forecaster->step) && !steps_equal(&panel->step, &forecaster->step)) {
        char ours[PL_STEP_TEXT_SIZE], theirs[PL_STEP_TEXT_SIZE];
        pl_step_text(theirs, &forecaster->step);
        pl_step_text(ours, &panel->step);
        return pl_fail(context, PL_BAD_DATA, "%s: rows are %s apart, but %s in the model",
                       panel->source, ours, theirs);
    }
    if (forecaster->calendar.season_count > 0 && forecaster->stamped != panel->stamped)
        return pl_fail(context, PL_BAD_DATA,
                       "%s: the model's seasons count from %s, but the data has %s", panel->source,
                       forecaster->stamped ? "time stamps" : "the first row it was trained on",
                       panel->stamped ? "time stamps" : "none");
    return pl_calendar_check(context, &forecaster->calendar, panel);
}

/* The scaler of a series that the model has not seen: its own rows'. */
static enum pl_status scale_stranger(struct pl_context *context,
                                     const struct pl_forecaster *forecaster,
                                     const struct pl_panel *panel, int64_t series,
                                     struct pl_match *match)
{
    if (forecaster->individual)
        return pl_fail(context, PL_BAD_DATA,
                       "%s: series '%s' is unknown to the model, which has a map for each series",
                       panel->source, panel->series[series].name);
    for (int64_t c = 0; c < panel->column_count; c++)
        pl_scaler_fit_channel(&match->scaler, series * panel->column_count + c,
                              pl_panel_column(panel, series, c), panel->series[series].rows,
                              (enum pl_scale)forecaster->scale);
    return PL_OK;
}

static bool any_constant(const struct pl_scaler *scaler)
{
    for (int64_t i = 0; i < scaler->count; i++)
        if (scaler->constant[i])
            return true;
    return false;
}

enum pl_status pl_forecaster_match(struct pl_context *context,
                                   const struct pl_forecaster *forecaster,
                                   const struct pl_panel *panel, struct pl_match *match)
{
    struct pl_arena arena = {0};
    struct pl_name_index index;
    const struct pl_names known = {forecaster->series, forecaster->series_count};
    int64_t columns = panel->column_count;
    *match = (struct pl_match){.targets = panel->target_count, .columns = columns};
    if (check_panel(context, forecaster, panel) ||
        pl_name_index_make(context, &arena, &known, &index) ||
        pl_scaler_init(context, &match->scaler, panel->series_count * columns))
        goto failed;
    match->track = pl_new(context, (size_t)panel->track_count, sizeof *match->track);
    match->offset = pl_new(context, (size_t)panel->series_count, sizeof *match->offset);
    if (!match->track || !match->offset)
        goto failed;
    for (int64_t s = 0; s < panel->series_count; s++) {
        int64_t theirs = pl_name_find(&index, panel->series[s].name);
        for (int64_t t = 0; t < panel->target_count; t++)
            match->track[s * panel->target_count + t] =
                theirs < 0 ? -1 : theirs * panel->target_count + t;
        if (theirs < 0 && scale_stranger(context, forecaster, panel, s, match))
            goto failed;
        for (int64_t c = 0; c < columns && theirs >= 0; c++)
            pl_scaler_copy(&match->scaler, s * columns + c, &forecaster->scaler,
                           theirs * columns + c);
    }
    if (any_constant(&match->scaler) &&
        pl_baseline_map(context, PL_REPEAT, forecaster->lookback, forecaster->horizon,
                        forecaster->past_count, pl_forecaster_regressors(forecaster), 0,
                        &match->still))
        goto failed;
    pl_arena_release(&arena);
    return PL_OK;
failed:
    pl_arena_release(&arena);
    pl_match_release(match);
    return context->status;
}

void pl_match_release(struct pl_match *match)
{
    pl_scaler_release(&match->scaler);
    free(match->track);
    free(match->offset);
    pl_linear_release(&match->still);
    *match = (struct pl_match){0};
}

const struct pl_linear *pl_forecaster_map(const struct pl_forecaster *forecaster,
                                          const struct pl_linear *maps,
                                          const struct pl_match *match, int64_t track)
{
    int64_t channel = track / match->targets * match->columns + track % match->targets;
    if (match->scaler.constant[channel])
        return &match->still;
    return (maps ? maps : forecaster->maps) + (forecaster->individual ? match->track[track] : 0);
}

/* ---- Stretches --------------------------------------------------------------------------- */

/* Rows range of a column in the model's units; NaN where the panel has none. */
static void copy_column(const struct pl_panel *panel, const struct pl_match *match, int64_t series,
                        int64_t column, struct pl_range range, double *out)
{
    const struct pl_panel_series *s = &panel->series[series];
    bool future = column >= panel->target_count + panel->past_count;
    int64_t known = s->rows + (future ? s->future_rows : 0);
    int64_t end = range.end < known ? range.end : known;
    int64_t count = end > range.begin ? end - range.begin : 0;
    pl_scaler_apply(&match->scaler, series * panel->column_count + column,
                    pl_panel_column(panel, series, column) + range.begin, out, count);
    for (int64_t i = count; i < range.end - range.begin; i++)
        out[i] = NAN;
}

enum pl_status pl_forecaster_stretch(struct pl_context *context,
                                     const struct pl_forecaster *forecaster,
                                     const struct pl_panel *panel, const struct pl_match *match,
                                     int64_t track, struct pl_range range,
                                     struct pl_stretch *stretch)
{
    int64_t series = panel->tracks[track].series, rows = range.end - range.begin;
    int64_t calendar = pl_calendar_count(&forecaster->calendar);
    int64_t columns = panel->past_count + panel->future_count + calendar;
    size_t cells;
    *stretch = (struct pl_stretch){.first = range.begin};
    if (!pl_mul_size((size_t)rows, (size_t)columns + 1, &cells))
        return pl_fail(context, PL_SYSTEM, "out of memory: too many rows and regressors");
    stretch->values = pl_new(context, cells, sizeof *stretch->values);
    stretch->pointers = pl_new(context, (size_t)columns, sizeof *stretch->pointers);
    if (!stretch->values || !stretch->pointers) {
        pl_stretch_release(stretch);
        return context->status;
    }
    stretch->target = stretch->values;
    copy_column(panel, match, series, panel->tracks[track].target, range, stretch->target);
    double *out = stretch->values + rows;
    for (int64_t c = 0; c < columns; c++)
        stretch->pointers[c] = out + c * rows;
    for (int64_t c = panel->target_count; c < panel->column_count; c++, out += rows)
        copy_column(panel, match, series, c, range, out);
    if (calendar > 0)
        pl_calendar_fill(&forecaster->calendar, panel, series, range.begin, rows,
                         match->offset[series], out, rows);
    stretch->piece = (struct pl_piece){rows, stretch->target, stretch->pointers,
                                       stretch->pointers + panel->past_count};
    return PL_OK;
}

void pl_stretch_release(struct pl_stretch *stretch)
{
    free(stretch->values);
    free(stretch->pointers);
    *stretch = (struct pl_stretch){0};
}
