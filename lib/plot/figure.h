/* What a picture shows, apart from how it is drawn.
 * SPDX-License-Identifier: MIT
 *
 * A figure is up to eight charts, each with lines and bands over a common x axis or with one
 * matrix.  It is built from the segments of a stream; gnuplot.h and terminal.h draw it.  All
 * memory is the figure's own, so that the inputs may be closed before it is drawn. */
#ifndef PL_PLOT_FIGURE_H
#define PL_PLOT_FIGURE_H

#include "stream/bundle.h"
#include "stream/pattern.h"

#define PL_CHARTS_MAX 8
#define PL_LINES_MAX  8
#define PL_BANDS_MAX  4

enum pl_line_role { PL_LINE_OBSERVED, PL_LINE_FORECAST, PL_LINE_CURVE };

/* Points in the order of x; a y that is not finite is a gap. */
struct pl_line {
    const char *label;
    enum pl_line_role role;
    int64_t count;
    double *x, *y;
};

struct pl_band {
    const char *label; /* "80 %" */
    int64_t count;
    double *x, *low, *high;
};

/* A matrix reduced to at most PL_CELLS_MAX cells a side: each cell is the mean of a block. */
#define PL_CELLS_MAX 512
struct pl_cells {
    double *values; /* rows x columns; NULL: the chart has no matrix */
    int64_t rows, columns;
    int64_t full_rows, full_columns;
};

struct pl_chart {
    const char *title;
    bool time; /* x is seconds since 1970 UTC; else a row number or a step */
    struct pl_line lines[PL_LINES_MAX];
    int line_count;
    struct pl_band bands[PL_BANDS_MAX]; /* widest first */
    int band_count;
    struct pl_cells cells;
    double x_low, x_high, y_low, y_high; /* of the axes; for a matrix y is the range of values */
};

struct pl_figure {
    struct pl_arena arena;
    const char *title; /* may be NULL */
    struct pl_chart charts[PL_CHARTS_MAX];
    int chart_count;
    int64_t omitted; /* charts that found no room */
};

struct pl_figure_choice {
    struct pl_patterns names; /* of channels, series or tensors */
    bool matrix;  /* a series is one matrix, rows down, instead of a line for each channel */
    int64_t last; /* rows of the past to show; 0: all, beside a forecast three times its length */
};

/* Whether the bundle is a forecast: by its kind, or by columns named like bands. */
bool pl_bundle_is_forecast(const struct pl_bundle *bundle);

/* Adds the charts that a segment is good for: a series one per channel, a forecast one per channel
 * with its bands and its past, other tensors as curves (rank 1, and columns beside a column `step`
 * or `epoch`) or as heat maps.  observed (may be NULL) is the series that a forecast continues; it
 * goes before the past that the forecast brings along.  PL_BAD_DATA when nothing can be drawn. */
enum pl_status pl_figure_add(struct pl_context *context, struct pl_figure *figure,
                             struct pl_figure_choice *choice, const struct pl_bundle *bundle,
                             const struct pl_bundle *observed) PL_MUST_CHECK;
void pl_figure_release(struct pl_figure *figure);

/* A value that can be placed on an axis: finite, and not so large that a range overflows. */
static inline bool pl_plottable(double value)
{
    return value >= -1e300 && value <= 1e300;
}

/* For the files that build figures.  Names come from data, and pictures go to terminals: a copy of
 * the text in which control characters and bytes that are not UTF-8 became '?'. */
const char *pl_figure_text(struct pl_context *context, struct pl_figure *figure,
                           const char *text) PL_MUST_CHECK;

/* Whether a chart that goes by these names (NULL: it has fewer) was asked for. */
bool pl_figure_wants(struct pl_figure_choice *choice, const char *first, const char *second,
                     const char *third);

/* *chart = NULL when there is no room for one more (the figure counts it). */
enum pl_status pl_figure_chart(struct pl_context *context, struct pl_figure *figure,
                               const char *title, struct pl_chart **chart) PL_MUST_CHECK;
/* Takes over x and y (from the arena), thinned out where there are more points than pixels. */
enum pl_status pl_chart_line(struct pl_context *context, struct pl_chart *chart, const char *label,
                             enum pl_line_role role, int64_t count, double *x,
                             double *y) PL_MUST_CHECK;
/* Sets the ranges of the axes from what the chart holds. */
void pl_chart_finish(struct pl_chart *chart);

enum pl_status pl_figure_series(struct pl_context *context, struct pl_figure *figure,
                                struct pl_figure_choice *choice, const struct pl_bundle *bundle,
                                const struct pl_bundle *observed) PL_MUST_CHECK;
/* Curves over one x; those whose names differ only in a leading "train", "valid", "test" and the
 * like share a chart.  x = NULL: the number of the point. */
struct pl_curve {
    const char *name;
    int64_t count;
    double *y;
};
enum pl_status pl_figure_curves(struct pl_context *context, struct pl_figure *figure,
                                struct pl_figure_choice *choice, const struct pl_curve *curves,
                                int64_t count, const double *x, int64_t x_count) PL_MUST_CHECK;
enum pl_status pl_figure_tensors(struct pl_context *context, struct pl_figure *figure,
                                 struct pl_figure_choice *choice,
                                 const struct pl_bundle *bundle) PL_MUST_CHECK;

#endif
