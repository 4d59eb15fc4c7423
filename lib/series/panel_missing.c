/* Missing cells of a panel: refused, left as gaps, or filled; and the pieces between gaps.
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "series/panel_parts.h"

/* Rows in which a column should be known: behind the last target row only future columns are. */
static int64_t known_rows(const struct pl_panel *panel, int64_t series, int64_t column)
{
    const struct pl_panel_series *s = &panel->series[series];
    bool future = column >= panel->target_count + panel->past_count;
    return s->rows + (future ? s->future_rows : 0);
}

/* Missing cells of a column; *infinite is the first infinity's row, or -1.  Nearly all columns are
 * clean, so the first pass only asks whether anything is not finite: x - x is 0 unless it is. */
static int64_t count_missing(const double *values, int64_t count, int64_t *first, int64_t *infinite)
{
    int64_t odd = 0, missing = 0;
    *infinite = -1;
    for (int64_t i = 0; i < count; i++)
        odd += !(values[i] - values[i] == 0);
    for (int64_t i = 0; i < count && odd > 0; i++) {
        if (isnan(values[i]) && missing++ == 0)
            *first = i;
        if (isinf(values[i]) && *infinite < 0)
            *infinite = i;
    }
    return missing;
}

/* Straight lines over the holes; the nearest value before the first and after the last. */
static void fill_linear(double *values, int64_t count)
{
    int64_t last = -1; /* row of the last known value */
    for (int64_t i = 0; i < count; i++) {
        if (isnan(values[i]))
            continue;
        double from = last < 0 ? values[i] : values[last];
        double slope = (values[i] - from) / (double)(i - last);
        for (int64_t j = last + 1; j < i; j++)
            values[j] = from + slope * (double)(j - last);
        last = i;
    }
    for (int64_t i = last + 1; i < count && last >= 0; i++)
        values[i] = values[last];
}

/* The mean of the nearest known values a whole number of seasons before and after; what has
 * neither is left to fill_linear.  before: scratch of count values. */
static void fill_seasonal(double *values, int64_t count, int64_t season, double *before)
{
    for (int64_t i = 0; i < count; i++)
        before[i] = isnan(values[i]) && i >= season ? before[i - season] : values[i];
    for (int64_t i = count - 1; i >= 0; i--)
        if (isnan(values[i]) && i + season < count)
            values[i] = values[i + season];
    for (int64_t i = 0; i < count; i++)
        if (isnan(values[i]))
            values[i] = before[i];
        else if (!isnan(before[i]))
            values[i] = 0.5 * values[i] + 0.5 * before[i];
}

static enum pl_status fill_column(struct pl_context *context, struct pl_panel *panel,
                                  const struct pl_panel_options *options, int64_t series,
                                  int64_t column)
{
    double *values = pl_panel_column(panel, series, column);
    int64_t count = known_rows(panel, series, column), known = 0;
    for (int64_t i = 0; i < count; i++)
        known += !isnan(values[i]);
    if (known == 0)
        return pl_fail(context, PL_BAD_DATA, "%s%s%scolumn '%s' has no value at all",
                       panel->long_format ? "series '" : "", panel->series[series].name,
                       panel->long_format ? "', " : "", panel->columns[column]);
    int64_t season = options->season > 0 ? options->season : pl_step_season(&panel->step);
    if (options->missing == PL_MISSING_SEASONAL && season > 0) {
        double *before = pl_new(context, (size_t)count, sizeof *before);
        if (!before)
            return context->status;
        fill_seasonal(values, count, season, before);
        free(before);
    }
    fill_linear(values, count);
    return PL_OK;
}

enum pl_status pl_panel_settle_missing(struct pl_context *context, struct pl_panel *panel,
                                       const struct pl_panel_options *options)
{
    char place[PL_PLACE_SIZE];
    int64_t first_series = -1, first_row = 0, first_column = 0;
    for (int64_t s = 0; s < panel->series_count; s++) {
        for (int64_t c = 0; c < panel->column_count; c++) {
            int64_t row = 0, infinite, rows = known_rows(panel, s, c);
            int64_t missing = count_missing(pl_panel_column(panel, s, c), rows, &row, &infinite);
            if (infinite >= 0) {
                pl_panel_place(panel, s, infinite, place);
                return pl_fail(context, PL_BAD_DATA, "%s, column '%s': infinite value", place,
                               panel->columns[c]);
            }
            if (missing > 0 && (first_series < 0 || (s == first_series && row < first_row))) {
                first_series = s;
                first_row = row;
                first_column = c;
            }
            panel->missing += missing;
            bool fill =
                options->missing == PL_MISSING_LINEAR || options->missing == PL_MISSING_SEASONAL;
            if (fill && missing > 0 && fill_column(context, panel, options, s, c))
                return context->status;
        }
    }
    if (panel->missing == 0 || options->missing != PL_MISSING_ERROR)
        return PL_OK;
    pl_panel_place(panel, first_series, first_row, place);
    return pl_fail(context, PL_BAD_DATA,
                   "%" PRId64 " missing value%s, the first in %s, column '%s'; give --missing gap, "
                   "linear or seasonal",
                   panel->missing, panel->missing == 1 ? "" : "s", place,
                   panel->columns[first_column]);
}

/* ---- Pieces ------------------------------------------------------------------------------ */

struct cutting {
    const struct pl_panel *panel;
    const struct pl_track *track;
    bool stamps; /* uneven stamps cut */
};

/* Whether a row of the track has all that a window needs. */
static bool row_known(const struct cutting *cutting, int64_t row)
{
    const struct pl_panel *panel = cutting->panel;
    int64_t s = cutting->track->series;
    if (isnan(pl_panel_column(panel, s, cutting->track->target)[row]))
        return false;
    for (int64_t c = panel->target_count; c < panel->column_count; c++)
        if (isnan(pl_panel_column(panel, s, c)[row]))
            return false;
    return true;
}

static bool row_follows(const struct cutting *cutting, int64_t row)
{
    const int64_t *stamps = cutting->panel->series[cutting->track->series].stamps;
    return !cutting->stamps || !stamps ||
           pl_step_follows(&cutting->panel->step, stamps[row - 1], stamps[row]);
}

/* Walks the rows; out NULL counts only. */
static int64_t find_pieces(const struct cutting *cutting, int64_t rows, struct pl_range *out)
{
    int64_t count = 0, begin = -1;
    for (int64_t row = 0; row < rows; row++) {
        bool known = row_known(cutting, row);
        bool ends = begin >= 0 && (!known || !row_follows(cutting, row));
        if (ends) {
            if (out)
                out[count] = (struct pl_range){begin, row};
            count++;
            begin = -1;
        }
        if (known && begin < 0)
            begin = row;
    }
    if (begin >= 0) {
        if (out)
            out[count] = (struct pl_range){begin, rows};
        count++;
    }
    return count;
}

enum pl_status pl_panel_cut(struct pl_context *context, struct pl_panel *panel,
                            const struct pl_panel_options *options)
{
    if (!pl_mul_int64(panel->series_count, panel->target_count, &panel->track_count))
        return pl_fail(context, PL_SYSTEM, "too many series");
    panel->tracks =
        pl_arena_new(context, &panel->arena, (size_t)panel->track_count, sizeof *panel->tracks);
    if (!panel->tracks)
        return context->status;
    bool gaps = options->missing == PL_MISSING_GAP && panel->missing + panel->absent > 0;
    for (int64_t t = 0; t < panel->track_count; t++) {
        struct pl_track *track = &panel->tracks[t];
        track->series = t / panel->target_count;
        track->target = t % panel->target_count;
        struct cutting cutting = {panel, track, options->missing == PL_MISSING_GAP};
        int64_t rows = panel->series[track->series].rows;
        int64_t count = gaps ? find_pieces(&cutting, rows, NULL) : rows > 0;
        struct pl_range *pieces =
            pl_arena_new(context, &panel->arena, (size_t)count, sizeof *pieces);
        if (!pieces)
            return context->status;
        if (gaps)
            find_pieces(&cutting, rows, pieces);
        else if (rows > 0)
            pieces[0] = (struct pl_range){0, rows};
        track->pieces = pieces;
        track->piece_count = count;
    }
    return PL_OK;
}
