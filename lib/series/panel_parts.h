/* Steps of loading a panel, private to the series layer.
 * SPDX-License-Identifier: MIT */
#ifndef PL_SERIES_PANEL_PARTS_H
#define PL_SERIES_PANEL_PARTS_H

#include "series/panel.h"

/* The input as it lies in the bundle. */
struct pl_panel_source {
    int64_t rows, columns;
    const double *values;   /* [rows, columns] */
    const int64_t *time;    /* [rows], NULL: none */
    const int32_t *id;      /* [rows], NULL: none */
    struct pl_names names;  /* [columns] */
    struct pl_names levels; /* of id */
    const int64_t *order;   /* the input's row of each row; NULL: series lie in it one by one */
    int64_t *wanted;        /* [panel columns] the input's column of each column in use */
    struct pl_tensor held;  /* values converted to f64, when they were something else */
};

/* panel_time.c: finds the common step, then settles the stamps of one series.  rows: how many it
 * has on its grid; place: the grid row of each input row, NULL where they are the same. */
enum pl_status pl_panel_find_step(struct pl_context *context, struct pl_panel *panel,
                                  const struct pl_panel_source *source,
                                  const struct pl_panel_options *options) PL_MUST_CHECK;
enum pl_status pl_panel_settle_stamps(struct pl_context *context, struct pl_panel *panel,
                                      const struct pl_panel_source *source,
                                      const struct pl_panel_options *options, int64_t series,
                                      int64_t *rows, int64_t **place) PL_MUST_CHECK;

/* panel_missing.c: refuses, counts or fills missing cells, then cuts tracks into pieces. */
enum pl_status pl_panel_settle_missing(struct pl_context *context, struct pl_panel *panel,
                                       const struct pl_panel_options *options) PL_MUST_CHECK;
enum pl_status pl_panel_cut(struct pl_context *context, struct pl_panel *panel,
                            const struct pl_panel_options *options) PL_MUST_CHECK;

#endif
