/* A forecaster trained by mini-batches: its windows laid out for linear_adam.h.
 * SPDX-License-Identifier: MIT
 *
 * A batch takes all target columns of its windows, as in the paper, so a window counts only where
 * no column has a gap.  Many series are laid end to end; no window crosses from one to the next. */
#include <math.h>
#include <stdlib.h>

#include "models/forecaster_train.h"

/* Scaled columns of series first <= s < last, and where windows start in them. */
struct layout {
    const struct trainer *trainer;
    int64_t first, last, rows;
    double *values; /* [targets, rows] */
    const double **columns;
    int64_t *starts[2]; /* training, validation */
    int64_t counts[2];
    int32_t *hits; /* [rows] columns whose window may start here */
};

static void release_layout(struct layout *layout)
{
    free(layout->values);
    free(layout->columns);
    free(layout->starts[0]);
    free(layout->starts[1]);
    free(layout->hits);
}

/* Starts of the windows of one series in one part. */
static void find_starts(struct layout *layout, int part, int64_t series, int64_t offset)
{
    const struct trainer *t = layout->trainer;
    const struct pl_panel *panel = t->panel;
    struct pl_range range = part == 0 ? t->train[series] : t->validation[series];
    int64_t rows = panel->series[series].rows, window = t->f->lookback + t->f->horizon;
    for (int64_t row = 0; row < rows; row++)
        layout->hits[row] = 0;
    for (int64_t target = 0; target < panel->target_count; target++) {
        const struct pl_track *track = &panel->tracks[series * panel->target_count + target];
        for (int64_t p = 0; p < track->piece_count; p++) {
            struct pl_range piece = pl_range_meet(track->pieces[p], range);
            for (int64_t row = piece.begin; row + window <= piece.end; row++)
                layout->hits[row]++;
        }
    }
    for (int64_t row = 0; row < rows; row++)
        if (layout->hits[row] == panel->target_count)
            layout->starts[part][layout->counts[part]++] = offset + row;
}

static enum pl_status lay_out(struct pl_context *context, struct layout *layout)
{
    const struct trainer *t = layout->trainer;
    const struct pl_panel *panel = t->panel;
    int64_t targets = panel->target_count, offset = 0;
    for (int64_t s = layout->first; s < layout->last; s++)
        layout->rows += panel->series[s].rows;
    size_t rows = (size_t)layout->rows, cells;
    if (!pl_mul_size(rows, (size_t)targets, &cells))
        return pl_fail(context, PL_SYSTEM, "out of memory: too many rows");
    layout->values = pl_new(context, cells, sizeof(double));
    layout->columns = pl_new(context, (size_t)targets, sizeof *layout->columns);
    layout->starts[0] = pl_new(context, rows, sizeof(int64_t));
    layout->starts[1] = pl_new(context, rows, sizeof(int64_t));
    layout->hits = pl_new(context, rows, sizeof(int32_t));
    if (!layout->values || !layout->columns || !layout->starts[0] || !layout->starts[1] ||
        !layout->hits)
        return context->status;
    for (int64_t target = 0; target < targets; target++)
        layout->columns[target] = layout->values + target * layout->rows;
    for (int64_t s = layout->first; s < layout->last; s++) {
        for (int64_t target = 0; target < targets; target++)
            pl_scaler_apply(&t->match.scaler, s * panel->column_count + target,
                            pl_panel_column(panel, s, target),
                            layout->values + target * layout->rows + offset, panel->series[s].rows);
        find_starts(layout, 0, s, offset);
        find_starts(layout, 1, s, offset);
        offset += panel->series[s].rows;
    }
    return PL_OK;
}

/* Trains the maps of series first <= s < last, from maps[0] on. */
static enum pl_status train_series(struct pl_context *context, struct trainer *t, int64_t first,
                                   int64_t last, int64_t map)
{
    const struct pl_forecaster *f = t->f;
    struct candidate *candidate = &t->candidates[0];
    struct layout layout = {.trainer = t, .first = first, .last = last};
    struct pl_adam_report report = {0};
    enum pl_status status = lay_out(context, &layout);
    if (!status && layout.counts[1] == 0)
        status = pl_fail(context, PL_BAD_DATA,
                         "%s: --solver adam stops by the error on validation rows, and none are "
                         "left; lower --lookback or --horizon, or give --split",
                         t->panel->source);
    if (!status) {
        struct pl_windows parts[2];
        for (int i = 0; i < 2; i++)
            parts[i] = (struct pl_windows){layout.columns, f->target_count, layout.rows,
                                           layout.starts[i], layout.counts[i]};
        status =
            pl_linear_adam(context, (enum pl_linear_kind)candidate->type->variant, f->lookback,
                           f->horizon, f->individual, &t->training->recipe, &parts[0], &parts[1],
                           t->training->epoch, t->training->user, &candidate->maps[map], &report);
    }
    if (!status) /* over all maps the sum is the error times windows */
        candidate->squares[map] =
            report.validation_mse * (double)(layout.counts[1] * f->target_count);
    release_layout(&layout);
    return status;
}

enum pl_status pl_train_adam(struct pl_context *context, struct trainer *trainer)
{
    const struct pl_forecaster *f = trainer->f;
    if (f->past_count > 0 || pl_forecaster_regressors(f) > 0)
        return pl_fail(context, PL_USAGE,
                       "--solver adam takes no regressors: leave out --past-columns, "
                       "--future-columns, --calendar and --season");
    if (!f->individual)
        return train_series(context, trainer, 0, f->series_count, 0);
    for (int64_t s = 0; s < f->series_count; s++)
        if (train_series(context, trainer, s, s + 1, s * f->target_count))
            return context->status;
    return PL_OK;
}
