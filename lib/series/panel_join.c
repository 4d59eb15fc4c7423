/* Joining new rows to the last ones of before.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "series/panel_parts.h"

/* The stamps of a joined series, where they do not simply go on from its start. */
static enum pl_status join_stamps(struct pl_context *context, struct pl_panel *joined,
                                  const struct pl_panel *more, int64_t s, int64_t length,
                                  int64_t end, int64_t skip)
{
    struct pl_panel_series *series = &joined->series[s];
    int64_t first = pl_panel_stamp(more, s, skip);
    series->start = pl_step_from(&more->step, end, 1 - length);
    series->stamps = NULL;
    if (!more->series[s].stamps && pl_step_follows(&more->step, end, first))
        return PL_OK;
    int64_t *stamps = pl_arena_new(context, &joined->arena, (size_t)series->rows, sizeof *stamps);
    if (!stamps)
        return context->status;
    for (int64_t i = 0; i < length; i++)
        stamps[i] = pl_step_from(&more->step, end, i - length + 1);
    for (int64_t i = length; i < series->rows; i++)
        stamps[i] = pl_panel_stamp(more, s, skip + i - length);
    series->stamps = stamps;
    return PL_OK;
}

enum pl_status pl_panel_join(struct pl_context *context, struct pl_panel *joined,
                             const struct pl_panel *more, const double *before, int64_t length,
                             const int64_t *ends, const int64_t *skip)
{
    const struct pl_panel_options cut = {.missing = PL_MISSING_GAP};
    *joined = *more;
    joined->arena = (struct pl_arena){0};
    joined->rows = 0;
    joined->missing = 1; /* the rows before may have holes: look for pieces */
    joined->series =
        pl_arena_new(context, &joined->arena, (size_t)more->series_count, sizeof *joined->series);
    if (!joined->series)
        goto failed;
    for (int64_t s = 0; s < more->series_count; s++) {
        struct pl_panel_series *series = &joined->series[s];
        int64_t fresh = more->series[s].rows - skip[s];
        *series = more->series[s];
        series->rows = length + fresh;
        series->future_rows = 0;
        joined->rows += series->rows;
        series->values = pl_arena_new(context, &joined->arena,
                                      (size_t)(series->rows * more->column_count), sizeof(double));
        if (!series->values)
            goto failed;
        for (int64_t c = 0; c < more->column_count; c++) {
            double *out = series->values + c * series->rows;
            memcpy(out, before + (s * more->column_count + c) * length,
                   (size_t)length * sizeof *out);
            memcpy(out + length, pl_panel_column(more, s, c) + skip[s],
                   (size_t)fresh * sizeof *out);
        }
        if (more->stamped && fresh > 0 &&
            join_stamps(context, joined, more, s, length, ends[s], skip[s]))
            goto failed;
    }
    if (pl_panel_cut(context, joined, &cut))
        goto failed;
    return PL_OK;
failed:
    pl_arena_release(&joined->arena);
    *joined = (struct pl_panel){0};
    return context->status;
}
