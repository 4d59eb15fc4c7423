/* Standardisation.
 * SPDX-License-Identifier: MIT */
#include "series/scaler.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parallel.h"

enum pl_status pl_scaler_init(struct pl_context *context, struct pl_scaler *scaler, int64_t count)
{
    size_t n = (size_t)count;
    *scaler = (struct pl_scaler){.count = count};
    scaler->mean = pl_new(context, n, sizeof *scaler->mean);
    scaler->scale = pl_new(context, n, sizeof *scaler->scale);
    scaler->rows = pl_new(context, n, sizeof *scaler->rows);
    scaler->constant = pl_new(context, n, sizeof *scaler->constant);
    if (!scaler->mean || !scaler->scale || !scaler->rows || !scaler->constant) {
        pl_scaler_release(scaler);
        return context->status;
    }
    for (int64_t i = 0; i < count; i++)
        scaler->scale[i] = 1;
    return PL_OK;
}

void pl_scaler_release(struct pl_scaler *scaler)
{
    free(scaler->mean);
    free(scaler->scale);
    free(scaler->rows);
    free(scaler->constant);
    *scaler = (struct pl_scaler){0};
}

/* Mean, then the variance about it (two passes: no cancellation).  A spread that is rounding noise
 * of the mean counts as none. */
void pl_scaler_fit_channel(struct pl_scaler *scaler, int64_t channel, const double *x,
                           int64_t count, enum pl_scale scale)
{
    double sum = 0, squares = 0;
    int64_t known = 0;
    for (int64_t i = 0; i < count; i++) {
        bool is = !isnan(x[i]);
        sum += is ? x[i] : 0;
        known += is;
    }
    double mean = known > 0 ? sum / (double)known : 0;
    for (int64_t i = 0; i < count; i++) {
        double d = isnan(x[i]) ? 0 : x[i] - mean;
        squares += d * d;
    }
    double deviation = known > 0 ? sqrt(squares / (double)known) : 0;
    scaler->rows[channel] = known;
    scaler->constant[channel] = !(deviation > 1e-12 * fabs(mean));
    if (scale == PL_SCALE_NONE)
        return;
    scaler->mean[channel] = mean;
    scaler->scale[channel] = scaler->constant[channel] ? 1 : deviation;
}

struct fitting {
    struct pl_scaler *scaler;
    const struct pl_panel *panel;
    const struct pl_range *train;
    enum pl_scale scale;
};

static enum pl_status fit_series(struct pl_context *context, void *job, int64_t series)
{
    (void)context;
    const struct fitting *fitting = job;
    const struct pl_panel *panel = fitting->panel;
    struct pl_range rows = fitting->train[series];
    for (int64_t c = 0; c < panel->column_count; c++)
        pl_scaler_fit_channel(fitting->scaler, series * panel->column_count + c,
                              pl_panel_column(panel, series, c) + rows.begin, rows.end - rows.begin,
                              fitting->scale);
    return PL_OK;
}

enum pl_status pl_scaler_fit(struct pl_context *context, struct pl_scaler *scaler,
                             const struct pl_panel *panel, const struct pl_range *train,
                             enum pl_scale scale)
{
    struct fitting fitting = {scaler, panel, train, scale};
    if (pl_scaler_init(context, scaler, panel->series_count * panel->column_count) ||
        pl_parallel(context, panel->series_count, fit_series, &fitting)) {
        pl_scaler_release(scaler);
        return context->status;
    }
    for (int64_t i = 0; i < scaler->count; i++)
        if (!isfinite(scaler->mean[i]) || !isfinite(scaler->scale[i])) {
            pl_scaler_release(scaler);
            return pl_fail(context, PL_BAD_DATA,
                           "%s: column '%s': values too large to square; divide them first",
                           panel->source, panel->columns[i % panel->column_count]);
        }
    return PL_OK;
}

void pl_scaler_warn(struct pl_context *context, const struct pl_scaler *scaler,
                    const struct pl_panel *panel)
{
    int64_t count = 0, first = -1;
    for (int64_t i = 0; i < scaler->count; i++) {
        if (scaler->constant[i] && count++ == 0)
            first = i;
    }
    if (count == 0)
        return;
    const char *series = panel->series[first / panel->column_count].name;
    const char *column = panel->columns[first % panel->column_count];
    char place[PL_PLACE_SIZE], more[64] = "";
    if (panel->long_format)
        snprintf(place, sizeof place, "series '%.150s', column '%.150s'", series, column);
    else
        snprintf(place, sizeof place, "column '%.300s'", column);
    if (count > 1)
        snprintf(more, sizeof more, " (and %lld more)", (long long)count - 1);
    pl_warn(context, "%s: %s is constant in the training rows%s", panel->source, place, more);
}

void pl_scaler_apply(const struct pl_scaler *scaler, int64_t channel, const double *in, double *out,
                     int64_t count)
{
    double mean = scaler->mean[channel], scale = scaler->scale[channel];
    for (int64_t i = 0; i < count; i++)
        out[i] = (in[i] - mean) / scale;
}

void pl_scaler_undo(const struct pl_scaler *scaler, int64_t channel, const double *in, double *out,
                    int64_t count)
{
    double mean = scaler->mean[channel], scale = scaler->scale[channel];
    for (int64_t i = 0; i < count; i++)
        out[i] = in[i] * scale + mean;
}

void pl_scaler_copy(struct pl_scaler *scaler, int64_t channel, const struct pl_scaler *from,
                    int64_t from_channel)
{
    scaler->mean[channel] = from->mean[from_channel];
    scaler->scale[channel] = from->scale[from_channel];
    scaler->rows[channel] = from->rows[from_channel];
    scaler->constant[channel] = from->constant[from_channel];
}

void pl_scaler_add(struct pl_scaler *scaler, int64_t channel, const struct pl_scaler *more,
                   int64_t more_channel)
{
    double a = (double)scaler->rows[channel], b = (double)more->rows[more_channel];
    if (b == 0)
        return;
    double scale_a = scaler->constant[channel] ? 0 : scaler->scale[channel];
    double scale_b = more->constant[more_channel] ? 0 : more->scale[more_channel];
    double apart = more->mean[more_channel] - scaler->mean[channel];
    double squares =
        a * scale_a * scale_a + b * scale_b * scale_b + apart * apart * a * b / (a + b);
    double deviation = sqrt(squares / (a + b));
    scaler->mean[channel] += apart * b / (a + b);
    scaler->rows[channel] += more->rows[more_channel];
    scaler->constant[channel] = !(deviation > 1e-12 * fabs(scaler->mean[channel]));
    scaler->scale[channel] = scaler->constant[channel] ? 1 : deviation;
}
