/* A forecaster written to a stream of kind `model`.
 * SPDX-License-Identifier: MIT
 *
 *     meta: model      type, sizes, options, errors: all that people want to read
 *     meta: series     step and form of the data
 *     series.names     u8, the columns: targets, past, future; id.levels: the series' ids
 *     weight           f64 [maps, H, L (1 + past)], bias [maps, H], weight.future [maps, H, k]
 *     ridge            f64 [maps]
 *     scaler.*         mean, scale f64, rows i64, constant bool, [series * columns]
 *     errors.*         sigma f64 [tracks, H], windows f64 [tracks], grid f32 [tracks or 1, H, 100]
 *     tail.*           values f64 [series * columns, L + H - 1], time and rows i64 [series]
 *     stats.*          the parts of pl_gram, each with a leading dimension of maps or tracks */
#include <math.h>
#include <string.h>

#include "models/forecaster_parts.h"

const char *const pl_solver_names[] = {"ols", "adam"};
const char *const pl_scale_names[] = {"zscore", "none"};
const char *const pl_missing_names[] = {"error", "gap", "linear", "seasonal"};
const char *const pl_stats_names[] = {"total", "channel", "none"};

static void add_errors(struct pl_context *context, struct pl_meta *meta,
                       struct pl_meta_node *parent, const char *key,
                       const struct pl_part_errors *errors)
{
    if (errors->windows == 0)
        return;
    struct pl_meta_node *node = pl_meta_add_map(context, meta, parent, key);
    pl_meta_add_int(context, meta, node, "windows", errors->windows);
    pl_meta_add_real(context, meta, node, "mse", errors->mse);
    if (!isnan(errors->mae))
        pl_meta_add_real(context, meta, node, "mae", errors->mae);
}

static void add_report(struct pl_context *context, const struct pl_forecaster *f,
                       struct pl_meta *meta, struct pl_meta_node *root)
{
    struct pl_meta_node *list = pl_meta_add_list(context, meta, root, "errors");
    for (int i = 0; i < f->contender_count; i++) {
        const struct pl_contender *contender = &f->contenders[i];
        struct pl_meta_node *node = pl_meta_add_map(context, meta, list, NULL);
        pl_meta_add_text(context, meta, node, "model", contender->type->name);
        if (!isnan(contender->ridge))
            pl_meta_add_real(context, meta, node, "ridge", contender->ridge);
        add_errors(context, meta, node, "validation", &contender->validation);
        add_errors(context, meta, node, "test", &contender->test);
    }
}

static enum pl_status write_model_document(struct pl_context *context,
                                           const struct pl_forecaster *f, struct pl_writer *writer)
{
    struct pl_meta meta = {0};
    char split[PL_SPLIT_TEXT_SIZE];
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    pl_split_text(split, &f->split);
    pl_meta_add_text(context, &meta, root, "type", f->type->name);
    pl_meta_add_int(context, &meta, root, "lookback", f->lookback);
    pl_meta_add_int(context, &meta, root, "horizon", f->horizon);
    pl_meta_add_bool(context, &meta, root, "individual", f->individual);
    pl_meta_add_text(context, &meta, root, "solver", pl_solver_names[f->solver]);
    pl_meta_add_int(context, &meta, root, "moving_average", f->moving_average);
    if (!f->individual)
        pl_meta_add_real(context, &meta, root, "ridge", f->ridges[0]);
    pl_meta_add_text(context, &meta, root, "scale", pl_scale_names[f->scale]);
    pl_meta_add_text(context, &meta, root, "missing", pl_missing_names[f->missing]);
    pl_meta_add_text(context, &meta, root, "stats", pl_stats_names[f->stats_kind]);
    pl_meta_add_int(context, &meta, root, "season", f->season);
    pl_meta_add_text(context, &meta, root, "split", split);
    pl_meta_add_bool(context, &meta, root, "held_out", f->split_given);
    pl_meta_add_int(context, &meta, root, "targets", f->target_count);
    pl_meta_add_int(context, &meta, root, "past", f->past_count);
    pl_meta_add_int(context, &meta, root, "future", f->future_count);
    if (pl_calendar_count(&f->calendar) > 0)
        pl_calendar_write(context, &f->calendar, &meta, root);
    pl_meta_add_int(context, &meta, root, "windows", f->training_windows);
    add_report(context, f, &meta, root);
    enum pl_status status = pl_meta_ok(&meta, context)
                                ? pl_writer_meta(context, writer, "model", meta.root)
                                : context->status;
    pl_meta_release(&meta);
    return status;
}

static enum pl_status write_series_document(struct pl_context *context,
                                            const struct pl_forecaster *f, struct pl_writer *writer)
{
    struct pl_meta meta = {0};
    char step[PL_STEP_TEXT_SIZE];
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    pl_step_text(step, &f->step);
    pl_meta_add_text(context, &meta, root, "step", step);
    pl_meta_add_int(context, &meta, root, "nanoseconds", f->step.nanoseconds);
    pl_meta_add_int(context, &meta, root, "months", f->step.months);
    pl_meta_add_bool(context, &meta, root, "month_end", f->step.month_end);
    pl_meta_add_bool(context, &meta, root, "long", f->long_format);
    pl_meta_add_bool(context, &meta, root, "stamped", f->stamped);
    pl_meta_add_bool(context, &meta, root, "dates", f->dates_only);
    enum pl_status status = pl_meta_ok(&meta, context)
                                ? pl_writer_meta(context, writer, "series", meta.root)
                                : context->status;
    pl_meta_release(&meta);
    return status;
}

static enum pl_status write_names(struct pl_context *context, struct pl_writer *writer,
                                  const char *name, const char *const *items, int64_t count)
{
    struct pl_tensor packed = {0};
    const struct pl_names names = {items, count};
    enum pl_status status = pl_names_pack(context, &names, &packed);
    if (!status)
        status = pl_writer_tensor(context, writer, name, &packed, PL_CODEC_RAW);
    pl_tensor_release(&packed);
    return status;
}

/* A tensor of up to three dimensions from memory; dimensions of -1 are not there. */
static enum pl_status write_array(struct pl_context *context, struct pl_writer *writer,
                                  const char *name, enum pl_dtype dtype, const void *data,
                                  int64_t a, int64_t b, int64_t c)
{
    int64_t dims[3] = {a, b, c};
    int rank = b < 0 ? 1 : c < 0 ? 2 : 3;
    struct pl_tensor view = pl_tensor_view(dtype, rank, dims, (void *)(uintptr_t)data);
    return pl_writer_tensor(context, writer, name, &view, PL_CODEC_RAW);
}

/* [maps, rows, columns] from one block of each map. */
static enum pl_status write_maps(struct pl_context *context, struct pl_writer *writer,
                                 const char *name, const struct pl_forecaster *f,
                                 double *const *(*part)(struct pl_linear *), int64_t columns)
{
    int64_t dims[3] = {f->map_count, f->horizon, columns};
    size_t bytes = (size_t)(f->horizon * (columns < 0 ? 1 : columns)) * sizeof(double);
    if (pl_writer_begin(context, writer, name, PL_F64, columns < 0 ? 2 : 3, dims))
        return context->status;
    for (int64_t m = 0; m < f->map_count; m++)
        if (pl_writer_bytes(context, writer, *part(&f->maps[m]), bytes))
            return context->status;
    return pl_writer_finish(context, writer);
}

static double *const *weight_of(struct pl_linear *map)
{
    return &map->weight;
}

static double *const *bias_of(struct pl_linear *map)
{
    return &map->bias;
}

static double *const *future_of(struct pl_linear *map)
{
    return &map->future_weight;
}

static enum pl_status write_stats(struct pl_context *context, struct pl_writer *writer,
                                  struct pl_forecaster *f)
{
    struct pl_gram_part parts[PL_GRAM_PARTS];
    int count = f->stats_count > 0 ? pl_gram_parts(&f->stats[0], parts) : 0;
    for (int p = 0; p < count; p++) {
        char name[32] = "stats.";
        int64_t dims[PL_MAX_RANK] = {f->stats_count};
        strcat(name, parts[p].name);
        for (int i = 0; i < parts[p].tensor.rank; i++)
            dims[i + 1] = parts[p].tensor.dims[i];
        if (pl_writer_begin(context, writer, name, PL_F64, parts[p].tensor.rank + 1, dims))
            return context->status;
        for (int64_t s = 0; s < f->stats_count; s++) {
            struct pl_gram_part of[PL_GRAM_PARTS];
            pl_gram_parts(&f->stats[s], of);
            if (pl_writer_bytes(context, writer, of[p].tensor.data, pl_tensor_bytes(&of[p].tensor)))
                return context->status;
        }
        if (pl_writer_finish(context, writer))
            return context->status;
    }
    return PL_OK;
}

static enum pl_status write_errors(struct pl_context *context, struct pl_writer *writer,
                                   const struct pl_forecaster *f)
{
    int64_t tracks = pl_forecaster_tracks(f);
    if (!f->sigma)
        return PL_OK;
    if (write_array(context, writer, "errors.sigma", PL_F64, f->sigma, tracks, f->horizon, -1) ||
        write_array(context, writer, "errors.windows", PL_F64, f->unseen, tracks, -1, -1))
        return context->status;
    return write_array(context, writer, "errors.grid", PL_F32, f->grids, f->grid_count, f->horizon,
                       PL_GRID);
}

enum pl_status pl_forecaster_write(struct pl_context *context, struct pl_forecaster *f,
                                   struct pl_writer *writer)
{
    int64_t channels = pl_forecaster_channels(f), series = f->series_count;
    int64_t future = pl_forecaster_regressors(f), regressors = f->lookback * (1 + f->past_count);
    if (pl_writer_kind(context, writer, "model") || write_model_document(context, f, writer) ||
        write_series_document(context, f, writer) ||
        write_names(context, writer, "series.names", f->columns, pl_forecaster_columns(f)) ||
        (f->long_format && write_names(context, writer, "id.levels", f->series, series)) ||
        write_maps(context, writer, "weight", f, weight_of, regressors) ||
        write_maps(context, writer, "bias", f, bias_of, -1) ||
        (future > 0 && write_maps(context, writer, "weight.future", f, future_of, future)) ||
        write_array(context, writer, "ridge", PL_F64, f->ridges, f->map_count, -1, -1) ||
        write_array(context, writer, "scaler.mean", PL_F64, f->scaler.mean, channels, -1, -1) ||
        write_array(context, writer, "scaler.scale", PL_F64, f->scaler.scale, channels, -1, -1) ||
        write_array(context, writer, "scaler.rows", PL_I64, f->scaler.rows, channels, -1, -1) ||
        write_array(context, writer, "scaler.constant", PL_BOOL, f->scaler.constant, channels, -1,
                    -1) ||
        write_errors(context, writer, f) ||
        write_array(context, writer, "tail.values", PL_F64, f->tail, channels,
                    pl_forecaster_window(f) - 1, -1) ||
        write_array(context, writer, "tail.time", PL_I64, f->end, series, -1, -1) ||
        write_array(context, writer, "tail.rows", PL_I64, f->rows, series, -1, -1))
        return context->status;
    return write_stats(context, writer, f);
}
