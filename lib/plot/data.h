/* A series as a plain table: its values, times, and the names of columns and of series.
 * SPDX-License-Identifier: MIT */
#ifndef PL_PLOT_DATA_H
#define PL_PLOT_DATA_H

#include "stream/bundle.h"

/* One table of a bundle: `values` and what belongs to it, or the same under "history.". */
struct pl_plot_data {
    double *values; /* rows x columns */
    int64_t rows, columns;
    const int64_t *time; /* NULL: row numbers */
    const int32_t *id;   /* NULL: one series */
    const char **names;  /* of the columns; NULL for a history, which has the forecast's channels */
    const char **levels; /* of id */
    int64_t level_count;
};

/* Fills the table from a bundle; prefix is "" or "history.".  table->values stays NULL when the
 * bundle has no such table.  Values and names are copied into the arena; time and id are views. */
enum pl_status pl_plot_read(struct pl_context *context, struct pl_arena *arena,
                            const struct pl_bundle *bundle, const char *prefix,
                            struct pl_plot_data *table) PL_MUST_CHECK;

/* The number of the column or of the series so named, or -1. */
int64_t pl_plot_column(const struct pl_plot_data *table, const char *name);
int64_t pl_plot_level(const struct pl_plot_data *table, const char *name);

/* Which rows of a table: those of one id (-1: all), up to and including a time, and of these the
 * last so many (0: all). */
struct pl_plot_rows {
    int64_t id;
    int64_t last;
    double end; /* INFINITY: no end */
};

/* One column of those rows as points in the arena; x is seconds since 1970, or the number of the
 * row in its series. */
enum pl_status pl_plot_points(struct pl_context *context, struct pl_arena *arena,
                              const struct pl_plot_data *table, int64_t column,
                              const struct pl_plot_rows *rows, int64_t *count, double **x,
                              double **y) PL_MUST_CHECK;

#endif
