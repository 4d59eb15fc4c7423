/* What a back-test says: as a document, and as a table made from it.
 * SPDX-License-Identifier: MIT */
#include "models/backtest.h"

#include <math.h>
#include <stdio.h>

static void add_horizons(struct pl_context *context, struct pl_meta *report,
                         const struct pl_metrics *metrics)
{
    struct pl_meta_node *list = pl_meta_add_list(context, report, report->root, "horizons");
    for (int64_t h = 0; h < metrics->horizon; h++) {
        struct pl_meta_node *entry = pl_meta_add_map(context, report, list, NULL);
        pl_meta_add_int(context, report, entry, "horizon", h + 1);
        pl_metrics_report(context, report, entry, metrics, h, h + 1);
    }
}

static void add_columns(struct pl_context *context, struct pl_meta *report,
                        const struct pl_backtest *backtest, const struct pl_panel *panel)
{
    struct pl_meta_node *list = pl_meta_add_list(context, report, report->root, "columns");
    for (int64_t track = 0; track < backtest->track_count; track++) {
        const struct pl_metrics *metrics = &backtest->tracks[track];
        struct pl_meta_node *entry = pl_meta_add_map(context, report, list, NULL);
        if (panel->long_format)
            pl_meta_add_text(context, report, entry, "id",
                             panel->series[panel->tracks[track].series].name);
        pl_meta_add_text(context, report, entry, "column",
                         panel->columns[panel->tracks[track].target]);
        pl_meta_add_int(context, report, entry, "windows", metrics->windows);
        pl_metrics_report(context, report, entry, metrics, 0, metrics->horizon);
    }
}

enum pl_status pl_backtest_report(struct pl_context *context, const struct pl_backtest *backtest,
                                  const struct pl_forecaster *forecaster,
                                  const struct pl_panel *panel,
                                  const struct pl_backtest_options *options, bool per_horizon,
                                  bool per_column, struct pl_meta *report)
{
    static const char *const methods[] = {"gaussian", "conformal", "adaptive"};
    int64_t horizon = forecaster->horizon;
    struct pl_meta_node *root = pl_meta_add_map(context, report, NULL, NULL);
    pl_meta_add_text(context, report, root, "model", forecaster->type->name);
    pl_meta_add_int(context, report, root, "lookback", forecaster->lookback);
    pl_meta_add_int(context, report, root, "horizon", horizon);
    if (options->folds > 0) {
        pl_meta_add_int(context, report, root, "folds", backtest->folds);
        pl_meta_add_bool(context, report, root, "refit", options->refit);
    }
    pl_meta_add_int(context, report, root, "series", panel->series_count);
    pl_meta_add_int(context, report, root, "columns_scored", panel->target_count);
    pl_meta_add_int(context, report, root, "windows", backtest->windows);
    if (backtest->season > 0)
        pl_meta_add_int(context, report, root, "season", backtest->season);
    if (options->bands.level_count > 0)
        pl_meta_add_text(context, report, root, "interval_method", methods[options->bands.method]);
    pl_metrics_report(context, report, root, &backtest->totals[0], 0, horizon);
    struct pl_meta_node *baselines = pl_meta_add_map(context, report, root, "baselines");
    for (int i = 1; i < backtest->contender_count; i++) {
        struct pl_meta_node *entry =
            pl_meta_add_map(context, report, baselines, backtest->names[i]);
        struct pl_metrics points = backtest->totals[i];
        points.level_count = 0; /* baselines have no intervals */
        pl_metrics_report(context, report, entry, &points, 0, horizon);
    }
    if (per_horizon)
        add_horizons(context, report, &backtest->totals[0]);
    if (per_column)
        add_columns(context, report, backtest, panel);
    return pl_meta_ok(report, context) ? PL_OK : context->status;
}

static const char *const figures[] = {"mse", "mae", "raw_mae", "raw_rmse", "smape", "mase"};
enum { FIGURES = sizeof figures / sizeof figures[0] };

static enum pl_status add_row(struct pl_context *context, struct pl_buffer *out, const char *name,
                              const struct pl_meta_node *node)
{
    enum pl_status status = pl_buffer_printf(context, out, "%-20s", name);
    for (int i = 0; status == PL_OK && i < FIGURES; i++) {
        double value = (double)NAN;
        status = pl_meta_real(context, node, figures[i], &value);
        if (status != PL_OK)
            break;
        status = isnan(value) ? pl_buffer_printf(context, out, " %10s", "-")
                              : pl_buffer_printf(context, out, " %10.4g", value);
    }
    return status == PL_OK ? pl_buffer_text(context, out, "\n") : status;
}

static enum pl_status add_heading(struct pl_context *context, struct pl_buffer *out,
                                  const char *what)
{
    enum pl_status status = pl_buffer_printf(context, out, "%-20s", what);
    for (int i = 0; status == PL_OK && i < FIGURES; i++)
        status = pl_buffer_printf(context, out, " %10s", figures[i]);
    return status == PL_OK ? pl_buffer_text(context, out, "\n") : status;
}

static enum pl_status add_intervals(struct pl_context *context, struct pl_buffer *out,
                                    const struct pl_meta_node *report)
{
    const struct pl_meta_node *list = pl_meta_find(report, "intervals");
    const char *method = "";
    double crps = (double)NAN;
    enum pl_status status = pl_meta_text(context, report, "interval_method", &method);
    if (status == PL_OK)
        status = pl_meta_real(context, report, "crps", &crps);
    if (status == PL_OK && !isnan(crps))
        status = pl_buffer_printf(context, out, "crps %.4g\n", crps);
    for (const struct pl_meta_node *entry = list ? list->child : NULL; status == PL_OK && entry;
         entry = entry->next) {
        double level = 0, coverage = 0, width = (double)NAN;
        status = pl_meta_real(context, entry, "level", &level);
        if (status == PL_OK)
            status = pl_meta_real(context, entry, "coverage", &coverage);
        if (status == PL_OK)
            status = pl_meta_real(context, entry, "width", &width);
        if (status == PL_OK)
            status = pl_buffer_printf(context, out,
                                      "%g %% interval (%s): covers %.1f %%, mean width %.4g\n",
                                      level, method, coverage * 100, width);
    }
    return status;
}

/* The rows of `horizons` or `columns`. */
static enum pl_status add_list(struct pl_context *context, struct pl_buffer *out,
                               const struct pl_meta_node *list, const char *what)
{
    enum pl_status status = pl_buffer_text(context, out, "\n");
    if (status == PL_OK)
        status = add_heading(context, out, what);
    for (const struct pl_meta_node *entry = list->child; status == PL_OK && entry;
         entry = entry->next) {
        const char *id = NULL, *name = "";
        char label[128];
        status = pl_meta_text(context, entry, what, &name);
        if (status == PL_OK)
            status = pl_meta_text(context, entry, "id", &id);
        snprintf(label, sizeof label, "%s%s%s", id ? id : "", id ? " " : "", name);
        if (status == PL_OK)
            status = add_row(context, out, label, entry);
    }
    return status;
}

enum pl_status pl_backtest_table(struct pl_context *context, const struct pl_meta_node *report,
                                 struct pl_buffer *out)
{
    const struct pl_meta_node *baselines = pl_meta_find(report, "baselines");
    const struct pl_meta_node *horizons = pl_meta_find(report, "horizons");
    const struct pl_meta_node *columns = pl_meta_find(report, "columns");
    const char *model = "";
    int64_t windows = 0, horizon = 0;
    enum pl_status status = pl_meta_text(context, report, "model", &model);
    if (status == PL_OK)
        status = pl_meta_int(context, report, "windows", &windows);
    if (status == PL_OK)
        status = pl_meta_int(context, report, "horizon", &horizon);
    if (status == PL_OK)
        status = pl_buffer_printf(context, out, "%lld windows, %lld steps ahead\n",
                                  (long long)windows, (long long)horizon);
    if (status == PL_OK)
        status = add_heading(context, out, "model");
    if (status == PL_OK)
        status = add_row(context, out, model, report);
    for (const struct pl_meta_node *entry = baselines ? baselines->child : NULL;
         status == PL_OK && entry; entry = entry->next)
        status = add_row(context, out, entry->key, entry);
    if (status == PL_OK)
        status = add_intervals(context, out, report);
    if (status == PL_OK && horizons)
        status = add_list(context, out, horizons, "horizon");
    if (status == PL_OK && columns)
        status = add_list(context, out, columns, "column");
    return status;
}
