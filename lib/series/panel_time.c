/* Time stamps of a panel: one common step, and what to do about rows that break it.
 * SPDX-License-Identifier: MIT
 *
 * Models see row numbers, not times, so a row that is absent, doubled or out of order shifts all
 * that follows and nothing downstream could notice.  Hence each series is held against the step
 * here: by default a break is an error that names it; `gap` cuts the series there; `linear` and
 * `seasonal` insert absent rows (to be filled like missing cells); and under an explicit split the
 * rows are the clock, as in the published protocols, and a warning says so. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "series/panel_parts.h"

#define DAY INT64_C(86400000000000)

static const int64_t *stamps_of(const struct pl_panel *panel, const struct pl_panel_source *source,
                                int64_t series, int64_t *count)
{
    struct pl_range rows = panel->series[series].source;
    *count = rows.end - rows.begin;
    return source->time + rows.begin;
}

/* As pl_panel_place, before the panel knows its stamps. */
static void place_text(const struct pl_panel *panel, int64_t series, const int64_t *stamps,
                       int64_t row, char out[PL_PLACE_SIZE])
{
    char stamp[PL_TIME_SIZE], id[PL_PLACE_SIZE / 2] = "";
    pl_time_format(stamp, stamps[row], stamps[row] % DAY == 0);
    if (panel->long_format)
        snprintf(id, sizeof id, "series '%.150s', ", panel->series[series].name);
    snprintf(out, PL_PLACE_SIZE, "%srow %" PRId64 " (%s)", id, row + 1, stamp);
}

enum pl_status pl_panel_find_step(struct pl_context *context, struct pl_panel *panel,
                                  const struct pl_panel_source *source,
                                  const struct pl_panel_options *options)
{
    int64_t longest = 0, most = 0, count;
    for (int64_t s = 0; s < panel->series_count; s++) {
        stamps_of(panel, source, s, &count);
        if (count > most) {
            longest = s;
            most = count;
        }
    }
    const int64_t *stamps = stamps_of(panel, source, longest, &count);
    if (pl_step_find(stamps, count, &panel->step) || count == 1)
        return PL_OK;
    char place[PL_PLACE_SIZE];
    place_text(panel, longest, stamps, 1, place);
    if (!options->rows_are_clock)
        return pl_fail(context, PL_BAD_DATA, "%s: the time stamps have no common step; %s", place,
                       stamps[1] == stamps[0] && !panel->long_format
                           ? "does --id name a column that tells series apart?"
                           : "are the rows sorted by time?");
    pl_warn(context, "%s: the time stamps have no common step; rows are taken as evenly spaced",
            panel->source);
    panel->stamped = false;
    return PL_OK;
}

/* Whether stamp i is start + i steps for all i. */
static bool on_grid(const struct pl_step *step, const int64_t *stamps, int64_t count)
{
    if (step->months == 0) {
        bool even = true;
        for (int64_t i = 1; i < count; i++)
            even &= stamps[i] - stamps[i - 1] == step->nanoseconds;
        return even;
    }
    for (int64_t i = 1; i < count; i++)
        if (pl_step_from(step, stamps[0], i) != stamps[i])
            return false;
    return true;
}

static enum pl_status uneven(struct pl_context *context, const struct pl_panel *panel,
                             int64_t series, const int64_t *stamps, int64_t row, const char *remedy)
{
    char place[PL_PLACE_SIZE], step[PL_STEP_TEXT_SIZE], distance[PL_STEP_TEXT_SIZE];
    place_text(panel, series, stamps, row, place);
    int64_t apart = stamps[row] - stamps[row - 1];
    if (apart <= 0) /* a table of several series looks so, too */
        return pl_fail(context, PL_BAD_DATA, "%s: the time stamp %s%s%s", place,
                       apart == 0 ? "of the row before again" : "goes back", remedy,
                       panel->long_format ? ""
                                          : ", --id COLUMN tells several series of a table apart");
    pl_step_text(step, &panel->step);
    pl_duration_text(distance, apart);
    return pl_fail(context, PL_BAD_DATA, "%s: %s after the row before, where the step is %s%s",
                   place, distance, step, remedy);
}

/* The grid row of every input row: absent rows leave holes. */
static enum pl_status place_rows(struct pl_context *context, struct pl_panel *panel, int64_t series,
                                 const int64_t *stamps, int64_t count, int64_t *rows,
                                 int64_t **place)
{
    int64_t *to = pl_arena_new(context, &panel->arena, (size_t)count, sizeof *to);
    if (!to)
        return context->status;
    for (int64_t i = 1; i < count; i++) {
        int64_t steps = 1;
        if (!pl_step_follows(&panel->step, stamps[i - 1], stamps[i]) &&
            (!pl_step_between(&panel->step, stamps[i - 1], stamps[i], &steps) || steps < 1))
            return uneven(context, panel, series, stamps, i, "; --missing gap splits there");
        if (steps - 1 > 10 * count + 1000 - to[i - 1])
            return uneven(context, panel, series, stamps, i,
                          ", too far to fill; --missing gap splits there");
        to[i] = to[i - 1] + steps;
    }
    *rows = to[count - 1] + 1;
    *place = to;
    panel->absent += *rows - count;
    return PL_OK;
}

/* Keeps every stamp; reports or counts the breaks. */
static enum pl_status keep_stamps(struct pl_context *context, struct pl_panel *panel,
                                  const struct pl_panel_options *options, int64_t series,
                                  const int64_t *stamps, int64_t count)
{
    int64_t *copy = pl_arena_new(context, &panel->arena, (size_t)count, sizeof *copy);
    if (!copy)
        return context->status;
    memcpy(copy, stamps, (size_t)count * sizeof *copy);
    panel->series[series].stamps = copy;
    bool cut = options->missing == PL_MISSING_GAP;
    int64_t breaks = 0;
    for (int64_t i = 1; i < count; i++) {
        if (pl_step_follows(&panel->step, stamps[i - 1], stamps[i]))
            continue;
        if (!cut && !options->rows_are_clock)
            return uneven(
                context, panel, series, stamps, i,
                stamps[i] > stamps[i - 1]
                    ? "; give --missing gap to split there, linear or seasonal to fill, or "
                      "--time none to go by rows"
                    : "; --missing gap splits there");
        if (breaks++ == 0 && !cut && panel->absent == 0) {
            char place[PL_PLACE_SIZE];
            place_text(panel, series, stamps, i, place);
            pl_warn(context, "%s: %s: the time stamps are uneven from here on; rows are the clock",
                    panel->source, place);
        }
    }
    panel->absent += breaks;
    return PL_OK;
}

enum pl_status pl_panel_settle_stamps(struct pl_context *context, struct pl_panel *panel,
                                      const struct pl_panel_source *source,
                                      const struct pl_panel_options *options, int64_t series,
                                      int64_t *rows, int64_t **place)
{
    *place = NULL;
    struct pl_range input = panel->series[series].source;
    *rows = input.end - input.begin;
    if (!panel->stamped)
        return PL_OK;
    int64_t count;
    const int64_t *stamps = stamps_of(panel, source, series, &count);
    panel->series[series].start = stamps[0];
    if (on_grid(&panel->step, stamps, count))
        return PL_OK;
    bool fill = options->missing == PL_MISSING_LINEAR || options->missing == PL_MISSING_SEASONAL;
    if (fill)
        return place_rows(context, panel, series, stamps, count, rows, place);
    return keep_stamps(context, panel, options, series, stamps, count);
}
