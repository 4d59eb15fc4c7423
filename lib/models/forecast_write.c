/* Forecasts as a segment of a stream.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "models/forecast.h"
#include "tensor/names.h"

static enum pl_status write_names(struct pl_context *context, struct pl_writer *writer,
                                  const char *name, const char *const *texts, int64_t count)
{
    struct pl_tensor tensor = {0};
    enum pl_status status = pl_names_pack(context, &(struct pl_names){texts, count}, &tensor);
    if (status == PL_OK)
        status = pl_writer_tensor(context, writer, name, &tensor, PL_CODEC_RAW);
    pl_tensor_release(&tensor);
    return status;
}

static enum pl_status write_documents(struct pl_context *context,
                                      const struct pl_forecaster *forecaster,
                                      const struct pl_bands *bands, int64_t steps,
                                      const struct pl_meta_node *like, struct pl_writer *writer)
{
    static const char *const methods[] = {"gaussian", "conformal", "adaptive"};
    struct pl_meta series = {0}, forecast = {0};
    struct pl_meta_node *root = pl_meta_add_map(context, &series, NULL, NULL);
    if (pl_step_known(&forecaster->step)) {
        char step[PL_STEP_TEXT_SIZE];
        pl_step_text(step, &forecaster->step);
        pl_meta_add_text(context, &series, root, "step", step);
    }
    for (const struct pl_meta_node *node = like ? like->child : NULL; node; node = node->next)
        if (strcmp(node->key, "step") != 0 && strcmp(node->key, "text") != 0)
            pl_meta_add_copy(context, &series, root, node->key, node);
    root = pl_meta_add_map(context, &forecast, NULL, NULL);
    pl_meta_add_text(context, &forecast, root, "model", forecaster->type->name);
    pl_meta_add_int(context, &forecast, root, "lookback", forecaster->lookback);
    pl_meta_add_int(context, &forecast, root, "horizon", forecaster->horizon);
    pl_meta_add_int(context, &forecast, root, "steps", steps);
    if (bands->level_count > 0) {
        struct pl_meta_node *levels = pl_meta_add_list(context, &forecast, root, "levels");
        for (int i = 0; i < bands->level_count; i++)
            pl_meta_add_real(context, &forecast, levels, NULL, bands->levels[i] * 100);
        pl_meta_add_text(context, &forecast, root, "method", methods[bands->method]);
    }
    enum pl_status status = PL_OK;
    if (!pl_meta_ok(&series, context) || !pl_meta_ok(&forecast, context))
        status = context->status;
    if (status == PL_OK)
        status = pl_writer_meta(context, writer, "series", series.root);
    if (status == PL_OK)
        status = pl_writer_meta(context, writer, "forecast", forecast.root);
    pl_meta_release(&series);
    pl_meta_release(&forecast);
    return status;
}

enum pl_status pl_forecast_write_head(struct pl_context *context,
                                      const struct pl_forecaster *forecaster,
                                      const struct pl_bands *bands, int64_t steps,
                                      const char *const *names, int64_t name_count,
                                      const struct pl_meta_node *like, struct pl_writer *writer)
{
    enum pl_status status = pl_writer_kind(context, writer, "forecast");
    if (status == PL_OK)
        status = write_documents(context, forecaster, bands, steps, like, writer);
    if (status == PL_OK)
        status = write_names(context, writer, "series.names", names, name_count);
    return status;
}

static enum pl_status write_ids(struct pl_context *context, const struct pl_forecast *forecast,
                                const struct pl_panel *panel, struct pl_writer *writer)
{
    int64_t rows = forecast->series_count * forecast->steps;
    const char **names = pl_new(context, (size_t)forecast->series_count, sizeof *names);
    int32_t *codes = pl_new(context, (size_t)rows, sizeof *codes);
    enum pl_status status = names && codes ? PL_OK : context->status;
    if (status == PL_OK) {
        for (int64_t s = 0; s < forecast->series_count; s++)
            names[s] = panel->series[s].name;
        for (int64_t i = 0; i < rows; i++)
            codes[i] = (int32_t)(i / forecast->steps);
        struct pl_tensor tensor = pl_tensor_view(PL_I32, 1, &rows, codes);
        status = pl_writer_tensor(context, writer, "id", &tensor, PL_CODEC_RAW);
    }
    if (status == PL_OK)
        status = write_names(context, writer, "id.levels", names, forecast->series_count);
    free(names);
    free(codes);
    return status;
}

/* The last rows of every series, so that a picture has a past: at most `most` of each. */
struct past {
    int64_t most, rows;
    double *values; /* [rows, targets] */
    int64_t *time;  /* [rows] */
    int32_t *codes; /* [rows] the series */
};

/* The first of a series' rows that are kept. */
static int64_t past_begin(const struct past *past, const struct pl_panel_series *series)
{
    return series->rows > past->most ? series->rows - past->most : 0;
}

static enum pl_status gather_past(struct pl_context *context, const struct pl_panel *panel,
                                  struct past *past)
{
    int64_t targets = panel->target_count, to = 0;
    size_t cells;
    for (int64_t s = 0; s < panel->series_count; s++)
        past->rows += panel->series[s].rows - past_begin(past, &panel->series[s]);
    if (!pl_mul_size((size_t)past->rows, (size_t)targets, &cells))
        return pl_fail(context, PL_SYSTEM, "out of memory: the past of too many series");
    past->values = pl_new(context, cells, sizeof *past->values);
    past->time = pl_new(context, (size_t)past->rows, sizeof *past->time);
    past->codes = pl_new(context, (size_t)past->rows, sizeof *past->codes);
    if (!past->values || !past->time || !past->codes)
        return context->status;
    for (int64_t s = 0; s < panel->series_count; s++) {
        const struct pl_panel_series *series = &panel->series[s];
        for (int64_t row = past_begin(past, series); row < series->rows; row++, to++) {
            past->codes[to] = (int32_t)s;
            past->time[to] = pl_panel_stamp(panel, s, row);
            for (int64_t c = 0; c < targets; c++)
                past->values[to * targets + c] = pl_panel_column(panel, s, c)[row];
        }
    }
    return PL_OK;
}

static enum pl_status write_past(struct pl_context *context, const struct pl_forecast *forecast,
                                 const struct pl_panel *panel, struct pl_writer *writer)
{
    struct past past = {.most = forecast->steps > 24 ? 2 * forecast->steps : 48};
    enum pl_status status = gather_past(context, panel, &past);
    int64_t dims[2] = {past.rows, panel->target_count};
    struct pl_tensor values = pl_tensor_view(PL_F64, 2, dims, past.values);
    struct pl_tensor time = pl_tensor_view(PL_I64, 1, dims, past.time);
    struct pl_tensor codes = pl_tensor_view(PL_I32, 1, dims, past.codes);
    if (status == PL_OK)
        status = pl_writer_tensor(context, writer, "history.values", &values, PL_CODEC_RAW);
    if (status == PL_OK && panel->stamped)
        status = pl_writer_tensor(context, writer, "history.time", &time, PL_CODEC_RAW);
    if (status == PL_OK && panel->long_format)
        status = pl_writer_tensor(context, writer, "history.id", &codes, PL_CODEC_RAW);
    free(past.values);
    free(past.time);
    free(past.codes);
    return status;
}

enum pl_status pl_forecast_write(struct pl_context *context, const struct pl_forecast *forecast,
                                 const struct pl_forecaster *forecaster,
                                 const struct pl_panel *panel, const struct pl_meta_node *like,
                                 struct pl_writer *writer)
{
    int64_t shape[] = {forecast->series_count * forecast->steps, forecast->column_count};
    struct pl_tensor values = pl_tensor_view(PL_F64, 2, shape, forecast->values);
    struct pl_tensor time = pl_tensor_view(PL_I64, 1, shape, forecast->time);
    enum pl_status status =
        pl_forecast_write_head(context, forecaster, &forecast->bands, forecast->steps,
                               forecast->names, forecast->column_count, like, writer);
    if (status == PL_OK)
        status = pl_writer_tensor(context, writer, "values", &values, PL_CODEC_RAW);
    if (status == PL_OK && forecast->time)
        status = pl_writer_tensor(context, writer, "time", &time, PL_CODEC_RAW);
    if (status == PL_OK && panel->long_format)
        status = write_ids(context, forecast, panel, writer);
    if (status == PL_OK)
        status = write_past(context, forecast, panel, writer);
    return status;
}
