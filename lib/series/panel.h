/* A panel: one or many series in memory, ready for models.
 * SPDX-License-Identifier: MIT
 *
 * A stream of kind `series` holds rows in time order; models want each column as one contiguous
 * run of doubles.  The panel is that transposition, with every question about the data settled
 * once, on loading: which columns are targets, past or known-future regressors; which series a
 * row belongs to; whether the stamps are evenly spaced; what is missing and what becomes of it.
 *
 * Words: a *series* is a run of rows with one id (a wide file is one series).  A *column* is a
 * numeric column in use, ordered targets, past, future.  A *track* is one target column of one
 * series, what a model forecasts: track = series * targets + target.  A *channel* is one column
 * of one series: channel = series * columns + column. */
#ifndef PL_SERIES_PANEL_H
#define PL_SERIES_PANEL_H

#include "base/context.h"
#include "tensor/names.h"
#include "series/step.h"
#include "stream/bundle.h"

/* Rows begin <= row < end. */
struct pl_range {
    int64_t begin, end;
};

/* What to do about missing cells and absent rows. */
enum pl_missing {
    PL_MISSING_ERROR,   /* refuse; the message counts them and names the first */
    PL_MISSING_GAP,     /* leave them; the series falls into pieces and windows stay inside */
    PL_MISSING_LINEAR,  /* a straight line between the neighbours; the nearest value at the ends */
    PL_MISSING_SEASONAL /* the mean of the nearest known values of the same season, else linear */
};
#define PL_MISSING_CHOICES "error|gap|linear|seasonal"

struct pl_panel_options {
    struct pl_names targets; /* none: all numeric columns without another role */
    bool target_only;        /* without targets: the last such column alone */
    struct pl_names past;    /* regressors known up to the origin of a forecast */
    struct pl_names future;  /* regressors known ahead */
    enum pl_missing missing;
    int64_t season;      /* of PL_MISSING_SEASONAL, in steps; 0: pl_step_season, else linear */
    bool rows_are_clock; /* an explicit split was given: uneven stamps are a warning */
};

struct pl_panel_series {
    const char *name;       /* its id; "" for the one series of a wide file */
    int64_t rows;           /* rows with targets */
    int64_t future_rows;    /* rows behind them in which only future columns are known */
    int64_t start;          /* stamp of row 0 */
    const int64_t *stamps;  /* [rows + future_rows] where uneven; NULL: start + row * step */
    double *values;         /* [columns][rows + future_rows], NaN where missing */
    struct pl_range source; /* its rows, counted over all series */
};

/* One target of one series. */
struct pl_track {
    int64_t series, target;
    /* Maximal runs of rows without a gap in the target, the regressors or the stamps. */
    const struct pl_range *pieces;
    int64_t piece_count;
};

struct pl_panel {
    const char *source;  /* name of the input, for messages */
    struct pl_step step; /* of all series; zero: no stamps, rows are numbered */
    bool stamped;        /* rows have stamps */
    bool dates_only;     /* every stamp is at midnight: print dates */
    bool long_format;    /* rows carried ids */
    struct pl_panel_series *series;
    int64_t series_count;
    const char **columns;                                         /* names */
    int64_t target_count, past_count, future_count, column_count; /* column_count: their sum */
    struct pl_track *tracks;
    int64_t track_count; /* series_count * target_count */
    int64_t rows;        /* of all series together */
    int64_t missing;     /* cells found missing */
    int64_t absent;      /* rows found absent: filled, or gaps between pieces */
    struct pl_arena arena;
};

/* Builds a panel from a bundle of kind `series` (or any with a numeric `values` or one numeric
 * tensor of rank 1 or 2).  Copies what it keeps: the bundle may be released afterwards.  Text
 * columns are left out, with a warning that names them.  PL_BAD_DATA: unknown column (the columns
 * are listed), infinities, missing cells, uneven stamps, as the options rule. */
enum pl_status pl_panel_load(struct pl_context *context, struct pl_panel *panel,
                             const struct pl_bundle *bundle,
                             const struct pl_panel_options *options) PL_MUST_CHECK;
void pl_panel_release(struct pl_panel *panel);

/* Column `column` of a series: contiguous, rows + future_rows long. */
double *pl_panel_column(const struct pl_panel *panel, int64_t series, int64_t column);

/* A track's own column. */
const double *pl_panel_track(const struct pl_panel *panel, int64_t track);

/* Stamp of any row, also behind the last one; 0 where the panel has none. */
int64_t pl_panel_stamp(const struct pl_panel *panel, int64_t series, int64_t row);

/* How messages name a place: "row 25 (2010-01-02 00:00)", "series 'x', row 3".  Rows count from 1
 * in their series. */
#define PL_PLACE_SIZE 400
void pl_panel_place(const struct pl_panel *panel, int64_t series, int64_t row,
                    char out[PL_PLACE_SIZE]);

/* How messages name a track: "series 'x'" (long format, one target), "column 'load'", or both. */
void pl_panel_track_name(const struct pl_panel *panel, int64_t track, char out[PL_PLACE_SIZE]);

/* Season of the panel in steps: from its step, else the highest peak of the autocorrelation of
 * the longest track's differences; 0 when there is none. */
int64_t pl_panel_season(const struct pl_panel *panel);

/* A panel of the rows of `more` with `length` earlier rows in front of each series: before[channel
 * * length ..] are their values (NaN where there is none), ends[s] the stamp of the last of them;
 * skip[s] rows of `more` are left out.  Rows that do not follow on those before start a new
 * piece.  Known-future rows are not taken over.  `more` must outlive the panel. */
enum pl_status pl_panel_join(struct pl_context *context, struct pl_panel *joined,
                             const struct pl_panel *more, const double *before, int64_t length,
                             const int64_t *ends, const int64_t *skip) PL_MUST_CHECK;

#endif
