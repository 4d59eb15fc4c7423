/* Charts, their lines and the ranges of their axes.
 * SPDX-License-Identifier: MIT */
#include "plot/figure.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

/* More points than this are thinned out: no screen shows them. */
#define POINTS_MAX 4000

/* In seconds: what stands on either side of a lone time stamp. */
#define HALF_DAY 43200

const char *pl_figure_text(struct pl_context *context, struct pl_figure *figure, const char *text)
{
    size_t size = strlen(text), at = 0;
    char *copy = pl_arena_text(context, &figure->arena, text, size);
    while (copy && at < size) {
        size_t valid = pl_utf8_valid(copy + at, size - at);
        for (size_t end = at + valid; at < end; at++) {
            unsigned char byte = (unsigned char)copy[at];
            if (byte < ' ' || byte == 0x7f)
                copy[at] = '?';
            else if (byte == 0xc2 && (unsigned char)copy[at + 1] < 0xa0) /* C1 controls */
                copy[at] = copy[at + 1] = '?';
        }
        if (at < size)
            copy[at++] = '?';
    }
    return copy;
}

enum pl_status pl_figure_chart(struct pl_context *context, struct pl_figure *figure,
                               const char *title, struct pl_chart **chart)
{
    *chart = NULL;
    if (figure->chart_count == PL_CHARTS_MAX) {
        figure->omitted++;
        return PL_OK;
    }
    const char *copy = pl_figure_text(context, figure, title);
    if (!copy)
        return context->status;
    *chart = &figure->charts[figure->chart_count++];
    (*chart)->title = copy;
    return PL_OK;
}

/* Keeps the least and the greatest value of every bucket of points, in their order, so that a
 * spike of one point in a million is still seen.  A bucket without any value stays a gap.  Works in
 * place, since a bucket never holds fewer points than are kept of it. */
static int64_t thin_out(int64_t count, double *x, double *y)
{
    int64_t buckets = POINTS_MAX / 2, kept = 0;
    for (int64_t b = 0; b < buckets; b++) {
        int64_t first = count * b / buckets, end = count * (b + 1) / buckets;
        int64_t least = -1, greatest = -1;
        for (int64_t i = first; i < end; i++) {
            if (!pl_plottable(y[i]))
                continue;
            if (least < 0 || y[i] < y[least])
                least = i;
            if (greatest < 0 || y[i] > y[greatest])
                greatest = i;
        }
        int64_t early = least < greatest ? least : greatest;
        int64_t late = least < greatest ? greatest : least;
        if (early < 0)
            early = late = first;
        x[kept] = x[early];
        y[kept++] = y[early];
        if (late > early) {
            x[kept] = x[late];
            y[kept++] = y[late];
        }
    }
    return kept;
}

enum pl_status pl_chart_line(struct pl_context *context, struct pl_chart *chart, const char *label,
                             enum pl_line_role role, int64_t count, double *x, double *y)
{
    if (chart->line_count == PL_LINES_MAX)
        return pl_fail(context, PL_BAD_DATA, "chart '%s': more than %d lines", chart->title,
                       PL_LINES_MAX);
    if (count > POINTS_MAX)
        count = thin_out(count, x, y);
    chart->lines[chart->line_count++] =
        (struct pl_line){.label = label, .role = role, .count = count, .x = x, .y = y};
    return PL_OK;
}

static void widen(double value, double *low, double *high)
{
    if (pl_plottable(value)) {
        *low = fmin(*low, value);
        *high = fmax(*high, value);
    }
}

/* A range that something can be drawn in, even of nothing or of one value, which then has `around`
 * on either side; 0: a tenth of it. */
static void settle(double *low, double *high, double margin, double around)
{
    if (*low > *high) {
        *low = 0;
        *high = 1;
    }
    double pad = (*high - *low) * margin;
    if (*low == *high)
        pad = around > 0 ? around : *low == 0 ? 1 : fabs(*low) * 0.1;
    *low -= pad;
    *high += pad;
}

void pl_chart_finish(struct pl_chart *chart)
{
    chart->x_low = chart->y_low = INFINITY;
    chart->x_high = chart->y_high = -INFINITY;
    for (int i = 0; i < chart->line_count; i++) {
        for (int64_t k = 0; k < chart->lines[i].count; k++) {
            widen(chart->lines[i].x[k], &chart->x_low, &chart->x_high);
            widen(chart->lines[i].y[k], &chart->y_low, &chart->y_high);
        }
    }
    for (int i = 0; i < chart->band_count; i++) {
        for (int64_t k = 0; k < chart->bands[i].count; k++) {
            widen(chart->bands[i].low[k], &chart->y_low, &chart->y_high);
            widen(chart->bands[i].high[k], &chart->y_low, &chart->y_high);
        }
    }
    const struct pl_cells *cells = &chart->cells;
    if (cells->values) {
        for (int64_t k = 0; k < cells->rows * cells->columns; k++)
            widen(cells->values[k], &chart->y_low, &chart->y_high);
        chart->x_low = -0.5;
        chart->x_high = (double)cells->full_columns - 0.5;
    }
    settle(&chart->x_low, &chart->x_high, 0, chart->time ? HALF_DAY : 0);
    settle(&chart->y_low, &chart->y_high, cells->values ? 0 : 0.05, 0);
}

bool pl_figure_wants(struct pl_figure_choice *choice, const char *first, const char *second,
                     const char *third)
{
    const char *names[] = {first, second, third};
    bool kept = choice->names.including == 0;
    for (size_t i = 0; i < 3; i++) {
        if (names[i] && pl_patterns_drop(&choice->names, names[i]))
            return false;
        kept = kept || (names[i] && pl_patterns_keep(&choice->names, names[i]));
    }
    return kept;
}

/* Nothing came of a segment: because of the names asked for, or of what is in it. */
static enum pl_status fail_empty(struct pl_context *context, const struct pl_figure_choice *choice)
{
    const char *unused = pl_patterns_unused(&choice->names);
    if (unused)
        return pl_fail(context, PL_BAD_DATA, "nothing to draw is named '%s'", unused);
    if (choice->names.count)
        return pl_fail(context, PL_BAD_DATA, "nothing is left to draw");
    return pl_fail(context, PL_BAD_DATA,
                   "nothing to draw: no series, no curve and no matrix in it");
}

enum pl_status pl_figure_add(struct pl_context *context, struct pl_figure *figure,
                             struct pl_figure_choice *choice, const struct pl_bundle *bundle,
                             const struct pl_bundle *observed)
{
    int before = figure->chart_count;
    enum pl_status status;
    if (!choice->matrix && pl_bundle_tensor(bundle, "values") &&
        pl_bundle_tensor(bundle, "series.names"))
        status = pl_figure_series(context, figure, choice, bundle, observed);
    else
        status = pl_figure_tensors(context, figure, choice, bundle);
    if (status == PL_OK && figure->chart_count == before && figure->omitted == 0)
        status = fail_empty(context, choice);
    if (status != PL_OK)
        return pl_fail_at(context, "%s", bundle->source);
    return PL_OK;
}

void pl_figure_release(struct pl_figure *figure)
{
    pl_arena_release(&figure->arena);
    memset(figure, 0, sizeof *figure);
}
