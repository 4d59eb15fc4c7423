/* A forecaster read from a stream of kind `model`; forecaster_write.c tells what is in it.
 * SPDX-License-Identifier: MIT
 *
 * Reading trusts nothing: every shape follows from the documents and the names, and is compared
 * with the tensor before memory is taken for it. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/forecaster_parts.h"

/* No count is larger: sums of such stay far from where integers overflow. */
#define MOST_COUNTED 1000000000000000

/* ---- Reading the documents --------------------------------------------------------------- */

static enum pl_status read_word(struct pl_context *context, const struct pl_meta_node *root,
                                const char *key, const char *const *words, int count, int *out)
{
    const char *text = NULL;
    if (pl_meta_text(context, root, key, &text))
        return context->status;
    for (int i = 0; i < count; i++) {
        if (text && strcmp(text, words[i]) == 0) {
            *out = i;
            return PL_OK;
        }
    }
    return pl_fail(context, PL_BAD_DATA, "meta model: %s is '%s'", key, text ? text : "absent");
}

static enum pl_status read_size(struct pl_context *context, const struct pl_meta_node *root,
                                const char *key, int64_t low, int64_t high, int64_t *out)
{
    int64_t value = -1;
    if (pl_meta_int(context, root, key, &value))
        return context->status;
    if (value < low || value > high)
        return pl_fail(context, PL_BAD_DATA,
                       "meta model: %s is %" PRId64 ", not %" PRId64 " to %" PRId64, key, value,
                       low, high);
    *out = value;
    return PL_OK;
}

static enum pl_status read_part(struct pl_context *context, const struct pl_meta_node *node,
                                const char *key, struct pl_part_errors *errors)
{
    const struct pl_meta_node *part = pl_meta_find(node, key);
    if (!part)
        return PL_OK;
    errors->mae = NAN;
    if (pl_meta_int(context, part, "windows", &errors->windows) ||
        pl_meta_real(context, part, "mse", &errors->mse) ||
        pl_meta_real(context, part, "mae", &errors->mae))
        return context->status;
    return PL_OK;
}

static enum pl_status read_report(struct pl_context *context, struct pl_forecaster *f,
                                  const struct pl_meta_node *root)
{
    const struct pl_meta_node *list = pl_meta_find(root, "errors");
    for (const struct pl_meta_node *item = list ? list->child : NULL;
         item && f->contender_count < PL_CONTENDERS; item = item->next) {
        struct pl_contender *contender = &f->contenders[f->contender_count];
        const char *name = "";
        contender->ridge = NAN;
        if (pl_meta_text(context, item, "model", &name) ||
            pl_meta_real(context, item, "ridge", &contender->ridge) ||
            read_part(context, item, "validation", &contender->validation) ||
            read_part(context, item, "test", &contender->test))
            return context->status;
        contender->type = pl_model_find(name);
        f->contender_count += contender->type != NULL;
    }
    return PL_OK;
}

static enum pl_status read_type(struct pl_context *context, struct pl_forecaster *f,
                                const struct pl_meta_node *root)
{
    const char *type = "";
    if (pl_meta_text(context, root, "type", &type))
        return context->status;
    f->type = pl_model_find(type);
    if (!f->type)
        return pl_fail(context, PL_BAD_DATA, "meta model: unknown type '%s'", type);
    if (f->type->family != PL_FAMILY_LINEAR && f->type->family != PL_FAMILY_BASELINE)
        return pl_fail(context, PL_BAD_DATA, "expected a forecaster, found a %s of type '%s'",
                       f->type->family == PL_FAMILY_LANGUAGE ? "language model" : "classifier",
                       type);
    return PL_OK;
}

static enum pl_status read_model_document(struct pl_context *context, struct pl_forecaster *f,
                                          const struct pl_meta_node *root)
{
    const char *split = "none";
    const int64_t most = 10000000;
    if (pl_meta_text(context, root, "split", &split) ||
        pl_meta_bool(context, root, "individual", &f->individual) ||
        pl_meta_bool(context, root, "held_out", &f->split_given) ||
        read_size(context, root, "lookback", 1, most, &f->lookback) ||
        read_size(context, root, "horizon", 1, most, &f->horizon) ||
        read_size(context, root, "moving_average", 0, most, &f->moving_average) ||
        read_size(context, root, "season", 0, INT64_MAX, &f->season) ||
        read_size(context, root, "targets", 1, most, &f->target_count) ||
        read_size(context, root, "past", 0, most, &f->past_count) ||
        read_size(context, root, "future", 0, most, &f->future_count) ||
        read_size(context, root, "windows", 0, MOST_COUNTED, &f->training_windows) ||
        read_word(context, root, "solver", pl_solver_names, 2, &f->solver) ||
        read_word(context, root, "scale", pl_scale_names, 2, &f->scale) ||
        read_word(context, root, "missing", pl_missing_names, 4, &f->missing) ||
        read_word(context, root, "stats", pl_stats_names, 3, &f->stats_kind))
        return context->status;
    if (pl_split_parse(context, split, &f->split))
        return pl_fail(context, PL_BAD_DATA, "meta model: split is '%s'", split);
    if (pl_calendar_read(context, &f->calendar, pl_meta_find(root, "calendar")))
        return pl_fail_at(context, "meta model");
    return read_report(context, f, root);
}

static enum pl_status read_series_document(struct pl_context *context, struct pl_forecaster *f,
                                           const struct pl_meta_node *root)
{
    if (pl_meta_int(context, root, "nanoseconds", &f->step.nanoseconds) ||
        pl_meta_int(context, root, "months", &f->step.months) ||
        pl_meta_bool(context, root, "month_end", &f->step.month_end) ||
        pl_meta_bool(context, root, "long", &f->long_format) ||
        pl_meta_bool(context, root, "stamped", &f->stamped) ||
        pl_meta_bool(context, root, "dates", &f->dates_only))
        return context->status;
    if (f->step.nanoseconds < 0 || f->step.months < 0 || f->step.months > 12000 ||
        (f->step.nanoseconds > 0 && f->step.months > 0))
        return pl_fail(context, PL_BAD_DATA, "meta series: the step is neither a time nor months");
    return PL_OK;
}

/* ---- Reading the tensors ----------------------------------------------------------------- */

static enum pl_status read_names(struct pl_context *context, struct pl_forecaster *f,
                                 const struct pl_bundle *bundle, const char *name,
                                 const char ***out, int64_t *count)
{
    struct pl_names names;
    const struct pl_tensor *tensor = pl_bundle_tensor(bundle, name);
    if (!tensor)
        return pl_fail(context, PL_BAD_DATA, "the model has no tensor '%s'", name);
    if (pl_names_unpack(context, &f->arena, tensor, name, &names))
        return context->status;
    const char **items = pl_arena_new(context, &f->arena, (size_t)names.count, sizeof *items);
    for (int64_t i = 0; items && i < names.count; i++)
        items[i] = names.items[i];
    *out = items;
    *count = names.count;
    return items ? PL_OK : context->status;
}

/* The tensor of that name, its shape checked; dimensions of -1 are not there. */
static enum pl_status find_array(struct pl_context *context, const struct pl_bundle *bundle,
                                 const char *name, enum pl_dtype dtype, int64_t a, int64_t b,
                                 int64_t c, const struct pl_tensor **out)
{
    int64_t dims[3] = {a, b, c};
    *out = pl_bundle_tensor(bundle, name);
    if (!*out)
        return pl_fail(context, PL_BAD_DATA, "the model has no tensor '%s'", name);
    return pl_tensor_expect(context, *out, name, dtype, b < 0 ? 1 : c < 0 ? 2 : 3, dims);
}

/* What the elements of a tensor may be. */
enum domain { FINITE, FINITE_OR_MISSING, SIZE, STAMP };

static bool in_domain(enum domain domain, enum pl_dtype dtype, double value)
{
    switch (domain) {
    case FINITE_OR_MISSING:
        return !isinf(value);
    case SIZE:
        return isfinite(value) && value >= 0 && (pl_dtype_is_float(dtype) || value <= MOST_COUNTED);
    case STAMP:
        return value >= (double)PL_STAMP_FIRST && value <= (double)PL_STAMP_LAST;
    default:
        return isfinite(value);
    }
}

static enum pl_status check_array(struct pl_context *context, const char *name,
                                  const struct pl_tensor *tensor, enum domain domain)
{
    int64_t count = pl_tensor_count(tensor);
    for (int64_t i = 0; i < count; i++) {
        double value = pl_element(tensor->data, tensor->dtype, i);
        if (!in_domain(domain, tensor->dtype, value))
            return pl_fail(context, PL_BAD_DATA, "'%s' holds %g, which no model has there", name,
                           value);
    }
    return PL_OK;
}

/* A copy of it, its elements checked. */
static enum pl_status read_array(struct pl_context *context, const struct pl_bundle *bundle,
                                 const char *name, enum pl_dtype dtype, int64_t a, int64_t b,
                                 int64_t c, enum domain domain, void *out)
{
    const struct pl_tensor *tensor;
    if (find_array(context, bundle, name, dtype, a, b, c, &tensor) ||
        check_array(context, name, tensor, domain))
        return context->status;
    int64_t count = pl_tensor_count(tensor);
    void *copy = pl_new(context, (size_t)count, pl_dtype_size(dtype));
    if (!copy)
        return context->status;
    memcpy(copy, tensor->data, (size_t)count * pl_dtype_size(dtype));
    *(void **)out = copy;
    return PL_OK;
}

static enum pl_status read_maps(struct pl_context *context, struct pl_forecaster *f,
                                const struct pl_bundle *bundle)
{
    int64_t regressors = f->lookback * (1 + f->past_count), future = pl_forecaster_regressors(f);
    int64_t horizon = f->horizon;
    double *weight = NULL, *bias = NULL, *extra = NULL;
    enum pl_status status = read_array(context, bundle, "weight", PL_F64, f->map_count, horizon,
                                       regressors, FINITE, &weight);
    if (!status)
        status =
            read_array(context, bundle, "bias", PL_F64, f->map_count, horizon, -1, FINITE, &bias);
    if (!status && future > 0)
        status = read_array(context, bundle, "weight.future", PL_F64, f->map_count, horizon, future,
                            FINITE, &extra);
    if (!status)
        status =
            read_array(context, bundle, "ridge", PL_F64, f->map_count, -1, -1, SIZE, &f->ridges);
    if (!status) {
        f->maps = pl_new(context, (size_t)f->map_count, sizeof *f->maps);
        status = f->maps ? PL_OK : context->status;
    }
    for (int64_t m = 0; m < f->map_count && !status; m++) {
        struct pl_linear *map = &f->maps[m];
        status = pl_linear_init(context, map, f->lookback, horizon, f->past_count, future);
        if (status)
            break;
        memcpy(map->weight, weight + m * horizon * regressors,
               (size_t)(horizon * regressors) * sizeof(double));
        memcpy(map->bias, bias + m * horizon, (size_t)horizon * sizeof(double));
        if (future > 0)
            memcpy(map->future_weight, extra + m * horizon * future,
                   (size_t)(horizon * future) * sizeof(double));
    }
    free(weight);
    free(bias);
    free(extra);
    return status;
}

static enum pl_status read_scaler(struct pl_context *context, struct pl_forecaster *f,
                                  const struct pl_bundle *bundle)
{
    int64_t channels = pl_forecaster_channels(f);
    const struct pl_tensor *constant;
    f->scaler.count = channels;
    if (read_array(context, bundle, "scaler.mean", PL_F64, channels, -1, -1, FINITE,
                   &f->scaler.mean) ||
        read_array(context, bundle, "scaler.scale", PL_F64, channels, -1, -1, FINITE,
                   &f->scaler.scale) ||
        read_array(context, bundle, "scaler.rows", PL_I64, channels, -1, -1, SIZE,
                   &f->scaler.rows) ||
        find_array(context, bundle, "scaler.constant", PL_BOOL, channels, -1, -1, &constant))
        return context->status;
    f->scaler.constant = pl_new(context, (size_t)channels, sizeof(bool));
    if (!f->scaler.constant)
        return context->status;
    for (int64_t i = 0; i < channels; i++) {
        f->scaler.constant[i] = ((const uint8_t *)constant->data)[i] != 0;
        if (!(f->scaler.scale[i] > 0))
            return pl_fail(context, PL_BAD_DATA, "the scaler of channel %" PRId64 " is not one",
                           i + 1);
    }
    return PL_OK;
}

static enum pl_status read_errors(struct pl_context *context, struct pl_forecaster *f,
                                  const struct pl_bundle *bundle)
{
    int64_t tracks = pl_forecaster_tracks(f);
    const struct pl_tensor *grid = pl_bundle_tensor(bundle, "errors.grid");
    if (!grid && !pl_bundle_tensor(bundle, "errors.sigma"))
        return PL_OK;
    f->grid_count = grid && grid->rank > 0 && grid->dims[0] == 1 ? 1 : tracks;
    if (read_array(context, bundle, "errors.sigma", PL_F64, tracks, f->horizon, -1, SIZE,
                   &f->sigma) ||
        read_array(context, bundle, "errors.windows", PL_F64, tracks, -1, -1, SIZE, &f->unseen) ||
        read_array(context, bundle, "errors.grid", PL_F32, f->grid_count, f->horizon, PL_GRID, SIZE,
                   &f->grids))
        return context->status;
    return PL_OK;
}

static enum pl_status read_stats(struct pl_context *context, struct pl_forecaster *f,
                                 const struct pl_bundle *bundle)
{
    int64_t regressors = f->lookback * (1 + f->past_count);
    const struct pl_tensor *xx, *xy;
    if (f->stats_kind == PL_STATS_NONE)
        return PL_OK;
    int64_t count = f->stats_kind == PL_STATS_CHANNEL ? pl_forecaster_tracks(f) : f->map_count;
    if (find_array(context, bundle, "stats.xx", PL_F64, count, regressors, regressors, &xx) ||
        find_array(context, bundle, "stats.xy", PL_F64, count, regressors, f->horizon, &xy))
        return context->status;
    f->stats = pl_new(context, (size_t)count, sizeof *f->stats);
    if (!f->stats)
        return context->status;
    f->stats_count = count;
    for (int64_t s = 0; s < count; s++)
        if (pl_forecaster_gram_init(context, f, &f->stats[s]))
            return context->status;
    struct pl_gram_part parts[PL_GRAM_PARTS];
    int part_count = pl_gram_parts(&f->stats[0], parts);
    for (int p = 0; p < part_count; p++) {
        char name[32] = "stats.";
        strcat(name, parts[p].name);
        int64_t dims[PL_MAX_RANK] = {count};
        for (int i = 0; i < parts[p].tensor.rank; i++)
            dims[i + 1] = parts[p].tensor.dims[i];
        const struct pl_tensor *tensor = pl_bundle_tensor(bundle, name);
        if (!tensor)
            return pl_fail(context, PL_BAD_DATA, "the model has no tensor '%s'", name);
        if (pl_tensor_expect(context, tensor, name, PL_F64, parts[p].tensor.rank + 1, dims) ||
            check_array(context, name, tensor, strcmp(name, "stats.count") ? FINITE : SIZE))
            return context->status;
        size_t bytes = pl_tensor_bytes(&parts[p].tensor);
        for (int64_t s = 0; s < count; s++) {
            struct pl_gram_part of[PL_GRAM_PARTS];
            pl_gram_parts(&f->stats[s], of);
            memcpy(of[p].tensor.data, (const char *)tensor->data + (size_t)s * bytes, bytes);
        }
    }
    return PL_OK;
}

static enum pl_status read_all(struct pl_context *context, struct pl_forecaster *f,
                               const struct pl_bundle *bundle)
{
    const struct pl_meta_node *model = pl_bundle_document(bundle, "model");
    const struct pl_meta_node *series = pl_bundle_document(bundle, "series");
    if (strcmp(pl_bundle_kind(bundle), "model") != 0)
        return pl_fail(context, PL_BAD_DATA, "expected a model, found %s (make one with lin-train)",
                       pl_bundle_kind(bundle));
    if (model && read_type(context, f, model))
        return context->status;
    if (!model || !series)
        return pl_fail(context, PL_BAD_DATA, "the model has no document '%s'",
                       model ? "series" : "model");
    if (read_model_document(context, f, model) || read_series_document(context, f, series))
        return context->status;
    int64_t columns;
    if (read_names(context, f, bundle, "series.names", &f->columns, &columns))
        return context->status;
    if (columns != pl_forecaster_columns(f))
        return pl_fail(context, PL_BAD_DATA,
                       "'series.names' has %" PRId64 " names for %" PRId64 " columns", columns,
                       pl_forecaster_columns(f));
    static const char *only[] = {""};
    f->series = only;
    f->series_count = 1;
    if (f->long_format && read_names(context, f, bundle, "id.levels", &f->series, &f->series_count))
        return context->status;
    if (f->series_count < 1)
        return pl_fail(context, PL_BAD_DATA, "'id.levels' is empty");
    f->map_count = f->individual ? pl_forecaster_tracks(f) : 1;
    int64_t channels = pl_forecaster_channels(f);
    if (read_maps(context, f, bundle) || read_scaler(context, f, bundle) ||
        read_errors(context, f, bundle) ||
        read_array(context, bundle, "tail.values", PL_F64, channels, pl_forecaster_window(f) - 1,
                   -1, FINITE_OR_MISSING, &f->tail) ||
        read_array(context, bundle, "tail.time", PL_I64, f->series_count, -1, -1, STAMP, &f->end) ||
        read_array(context, bundle, "tail.rows", PL_I64, f->series_count, -1, -1, SIZE, &f->rows))
        return context->status;
    return read_stats(context, f, bundle);
}

enum pl_status pl_forecaster_read(struct pl_context *context, struct pl_forecaster *forecaster,
                                  const struct pl_bundle *bundle)
{
    *forecaster = (struct pl_forecaster){0};
    enum pl_status status = read_all(context, forecaster, bundle);
    if (!status)
        return PL_OK;
    pl_forecaster_release(forecaster);
    return pl_fail_at(context, "%s", bundle->source);
}
