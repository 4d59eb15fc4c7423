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

/* The last rows of a wide series: twice the forecast, at least 48, so that a picture has a past. */
static enum pl_status write_past(struct pl_context *context, const struct pl_forecast *forecast,
                                 const struct pl_panel *panel, struct pl_writer *writer)
{
    int64_t rows = panel->series[0].rows, targets = panel->target_count;
    int64_t count = forecast->steps > 24 ? 2 * forecast->steps : 48;
    count = count < rows ? count : rows;
    double *values = pl_new(context, (size_t)(count * targets), sizeof *values);
    int64_t *time = pl_new(context, (size_t)count, sizeof *time);
    enum pl_status status = values && time ? PL_OK : context->status;
    for (int64_t i = 0; status == PL_OK && i < count; i++) {
        time[i] = pl_panel_stamp(panel, 0, rows - count + i);
        for (int64_t c = 0; c < targets; c++)
            values[i * targets + c] = pl_panel_column(panel, 0, c)[rows - count + i];
    }
    struct pl_tensor tensor = pl_tensor_view(PL_F64, 2, (int64_t[]){count, targets}, values);
    if (status == PL_OK)
        status = pl_writer_tensor(context, writer, "history.values", &tensor, PL_CODEC_RAW);
    tensor = pl_tensor_view(PL_I64, 1, &count, time);
    if (status == PL_OK && panel->stamped)
        status = pl_writer_tensor(context, writer, "history.time", &tensor, PL_CODEC_RAW);
    free(values);
    free(time);
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
    if (status == PL_OK && !panel->long_format)
        status = write_past(context, forecast, panel, writer);
    return status;
}
