/* Charts of a series and of a forecast.
 * SPDX-License-Identifier: MIT
 *
 * A forecast is a series whose columns come in families: `OT`, then for each level `OT.lo-80` and
 * `OT.hi-80`.  The families are found by their names alone, so that a forecast that went through
 * CSV is still drawn with its bands.  In long format one table holds many series, told apart by
 * the column `id`; each gets its own charts. */
#include "plot/figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot/data.h"

/* A channel and the columns of its bands. */
struct family {
    int64_t number; /* of the channel among the channels */
    int64_t channel;
    struct {
        int64_t low, high;
        const char *level; /* "80" */
    } bands[PL_BANDS_MAX];
    int band_count;
};

/* The text behind `base` and `side` in a column's name, or NULL when the name begins otherwise. */
static const char *bound_level(const char *name, const char *base, const char *side)
{
    size_t base_size = strlen(base), side_size = strlen(side);
    if (strncmp(name, base, base_size) != 0 || strncmp(name + base_size, side, side_size) != 0)
        return NULL;
    return name + base_size + side_size;
}

/* Reads the family whose channel is this column; returns the column after its last. */
static int64_t read_family(const struct pl_plot_data *table, int64_t channel, struct family *family)
{
    const char *base = table->names[channel];
    family->channel = channel;
    family->band_count = 0;
    int64_t c = channel + 1;
    for (; c + 1 < table->columns; c += 2) {
        const char *low = bound_level(table->names[c], base, ".lo-");
        const char *high = bound_level(table->names[c + 1], base, ".hi-");
        if (!low || !high || strcmp(low, high) != 0)
            break;
        if (family->band_count < PL_BANDS_MAX) {
            family->bands[family->band_count].low = c;
            family->bands[family->band_count].high = c + 1;
            family->bands[family->band_count++].level = low;
        }
    }
    return c;
}

/* A table being drawn, and where its past comes from. */
struct scene {
    struct pl_figure *figure;
    struct pl_figure_choice *choice;
    struct pl_plot_data table;
    bool forecast;
    struct pl_plot_data past; /* values NULL: none */
    bool past_is_series;      /* the observed series, with names and ids of its own */
};

/* The column of the past that holds this channel, or -1. */
static int64_t past_column(const struct scene *scene, const struct family *family)
{
    if (!scene->past.values)
        return -1;
    if (scene->past_is_series)
        return pl_plot_column(&scene->past, scene->table.names[family->channel]);
    return family->number < scene->past.columns ? family->number : -1;
}

/* Finds which rows of the past belong to this series of the forecast (-1: there is but one);
 * false when there are none. */
static bool past_series(const struct scene *scene, int64_t id, int64_t *past)
{
    *past = id;
    if (!scene->past.id)
        return id < 0;
    if (id < 0)
        return false;
    if (scene->past_is_series)
        *past = pl_plot_level(&scene->past, scene->table.levels[id]);
    return *past >= 0;
}

/* Draws the past of one channel and moves the start of the forecast to its last point, so that line
 * and bands grow out of what was observed. */
static enum pl_status add_past(struct pl_context *context, const struct scene *scene,
                               struct pl_chart *chart, const struct family *family, int64_t id,
                               const struct pl_line *forecast, double *join_x, double *join_y)
{
    struct pl_arena *arena = &scene->figure->arena;
    struct pl_plot_rows rows = {.last = scene->choice->last, .end = INFINITY};
    int64_t column = past_column(scene, family), count, seen = 0;
    double *x, *y;
    if (column < 0 || !past_series(scene, id, &rows.id) || forecast->count == 0)
        return PL_OK;
    if (scene->table.time && scene->past.time)
        rows.end = forecast->x[forecast->count - 1];
    enum pl_status status =
        pl_plot_points(context, arena, &scene->past, column, &rows, &count, &x, &y);
    if (status != PL_OK || count == 0)
        return status;
    if (!scene->past.time) { /* row numbers that end where the forecast's begin */
        for (int64_t i = 0; i < count; i++)
            x[i] = forecast->x[0] - (double)(count - i);
    }
    while (seen < count && x[seen] < forecast->x[0])
        seen++;
    int64_t skip = seen - 3 * forecast->count;
    if (scene->choice->last == 0 && skip > 0) {
        x += skip;
        y += skip;
        count -= skip;
        seen -= skip;
    }
    if (seen > 0 && pl_plottable(y[seen - 1])) {
        *join_x = x[seen - 1];
        *join_y = y[seen - 1];
    }
    return pl_chart_line(context, chart, "observed", PL_LINE_OBSERVED, count, x, y);
}

/* The points of one column of the forecast, with the joint in front of them. */
static enum pl_status joined_points(struct pl_context *context, const struct scene *scene,
                                    int64_t column, int64_t id, double join_x, double join_y,
                                    struct pl_line *line)
{
    struct pl_plot_rows rows = {.id = id, .end = INFINITY};
    double *x, *y;
    int64_t count;
    enum pl_status status = pl_plot_points(context, &scene->figure->arena, &scene->table, column,
                                           &rows, &count, &x, &y);
    if (status != PL_OK)
        return status;
    line->x = pl_arena_new(context, &scene->figure->arena, (size_t)count + 1, sizeof *x);
    line->y = pl_arena_new(context, &scene->figure->arena, (size_t)count + 1, sizeof *y);
    if (!line->x || !line->y)
        return context->status;
    line->count = 0;
    if (pl_plottable(join_y)) {
        line->x[0] = join_x;
        line->y[line->count++] = join_y;
    }
    memcpy(line->x + line->count, x, (size_t)count * sizeof *x);
    memcpy(line->y + line->count, y, (size_t)count * sizeof *y);
    line->count += count;
    return PL_OK;
}

/* Orders bands from the widest to the narrowest, as they must be painted. */
static int by_level(const void *a, const void *b)
{
    double left = atof(((const struct pl_band *)a)->label);
    double right = atof(((const struct pl_band *)b)->label);
    return (left < right) - (left > right);
}

static enum pl_status add_bands(struct pl_context *context, const struct scene *scene,
                                struct pl_chart *chart, const struct family *family, int64_t id,
                                double join_x, double join_y)
{
    enum pl_status status = PL_OK;
    for (int i = 0; i < family->band_count && status == PL_OK; i++) {
        struct pl_line low, high;
        char label[32];
        snprintf(label, sizeof label, "%.24s %%", family->bands[i].level);
        status = joined_points(context, scene, family->bands[i].low, id, join_x, join_y, &low);
        if (status == PL_OK)
            status =
                joined_points(context, scene, family->bands[i].high, id, join_x, join_y, &high);
        if (status != PL_OK)
            return status;
        const char *copy = pl_figure_text(context, scene->figure, label);
        if (!copy)
            return context->status;
        chart->bands[chart->band_count++] = (struct pl_band){
            .label = copy, .count = low.count, .x = low.x, .low = low.y, .high = high.y};
    }
    qsort(chart->bands, (size_t)chart->band_count, sizeof *chart->bands, by_level);
    return status;
}

/* "OT", "shop 7", or "shop 7: sales" where the series have several channels. */
static void chart_title(const struct scene *scene, const struct family *family, int64_t id,
                        char *out, size_t size)
{
    const char *channel = scene->table.names[family->channel];
    if (id < 0)
        snprintf(out, size, "%s", channel);
    else if (id < scene->table.level_count)
        snprintf(out, size, "%s: %s", scene->table.levels[id], channel);
    else
        snprintf(out, size, "%lld: %s", (long long)id, channel);
}

static bool wanted(const struct scene *scene, const struct family *family, int64_t id,
                   const char *title)
{
    bool named = id >= 0 && id < scene->table.level_count;
    return pl_figure_wants(scene->choice, title, scene->table.names[family->channel],
                           named ? scene->table.levels[id] : NULL);
}

static enum pl_status add_chart(struct pl_context *context, const struct scene *scene,
                                const struct family *family, int64_t id)
{
    char title[600];
    struct pl_chart *chart;
    double join_x = 0, join_y = NAN;
    struct pl_line line;
    chart_title(scene, family, id, title, sizeof title);
    if (!wanted(scene, family, id, title))
        return PL_OK;
    enum pl_status status = pl_figure_chart(context, scene->figure, title, &chart);
    if (status != PL_OK || !chart)
        return status;
    chart->time = scene->table.time != NULL;
    if (!scene->forecast) {
        struct pl_plot_rows rows = {.id = id, .last = scene->choice->last, .end = INFINITY};
        status = pl_plot_points(context, &scene->figure->arena, &scene->table, family->channel,
                                &rows, &line.count, &line.x, &line.y);
        if (status == PL_OK)
            status = pl_chart_line(context, chart, "observed", PL_LINE_OBSERVED, line.count, line.x,
                                   line.y);
        pl_chart_finish(chart);
        return status;
    }
    status = joined_points(context, scene, family->channel, id, 0, NAN, &line);
    if (status == PL_OK)
        status = add_past(context, scene, chart, family, id, &line, &join_x, &join_y);
    if (status == PL_OK)
        status = joined_points(context, scene, family->channel, id, join_x, join_y, &line);
    if (status == PL_OK)
        status =
            pl_chart_line(context, chart, "forecast", PL_LINE_FORECAST, line.count, line.x, line.y);
    if (status == PL_OK)
        status = add_bands(context, scene, chart, family, id, join_x, join_y);
    pl_chart_finish(chart);
    return status;
}

/* The column that is the x of curves, or -1. */
static int64_t step_column(const struct pl_plot_data *table)
{
    int64_t column = pl_plot_column(table, "step");
    return column >= 0 ? column : pl_plot_column(table, "epoch");
}

static enum pl_status add_curves(struct pl_context *context, const struct scene *scene,
                                 int64_t step)
{
    struct pl_arena *arena = &scene->figure->arena;
    struct pl_plot_rows rows = {.id = -1, .last = scene->choice->last, .end = INFINITY};
    double *x = NULL, *ignored;
    int64_t x_count = 0, count = 0;
    struct pl_curve *curves =
        pl_arena_new(context, arena, (size_t)scene->table.columns, sizeof *curves);
    enum pl_status status = curves ? PL_OK : context->status;
    if (status == PL_OK)
        status = pl_plot_points(context, arena, &scene->table, step, &rows, &x_count, &ignored, &x);
    for (int64_t c = 0; c < scene->table.columns && status == PL_OK; c++) {
        if (c == step)
            continue;
        struct pl_curve *curve = &curves[count++];
        curve->name = scene->table.names[c];
        status = pl_plot_points(context, arena, &scene->table, c, &rows, &curve->count, &ignored,
                                &curve->y);
    }
    if (status == PL_OK)
        status = pl_figure_curves(context, scene->figure, scene->choice, curves, count, x, x_count);
    return status;
}

/* One chart for each channel of each series; -1 stands for the only one. */
static enum pl_status add_families(struct pl_context *context, const struct scene *scene)
{
    int64_t first = scene->table.id ? 0 : -1;
    int64_t last = scene->table.id ? scene->table.level_count - 1 : -1;
    enum pl_status status = PL_OK;
    for (int64_t id = first; id <= last && status == PL_OK; id++) {
        struct family family = {0};
        for (int64_t c = 0; c < scene->table.columns && status == PL_OK; family.number++) {
            int64_t next = read_family(&scene->table, c, &family);
            status = add_chart(context, scene, &family, id);
            c = next;
        }
    }
    return status;
}

bool pl_bundle_is_forecast(const struct pl_bundle *bundle)
{
    const struct pl_tensor *names = pl_bundle_tensor(bundle, "series.names");
    return strcmp(pl_bundle_kind(bundle), "forecast") == 0 ||
           (names && memmem(names->data, pl_tensor_bytes(names), ".lo-", 4));
}

enum pl_status pl_figure_series(struct pl_context *context, struct pl_figure *figure,
                                struct pl_figure_choice *choice, const struct pl_bundle *bundle,
                                const struct pl_bundle *observed)
{
    struct scene scene = {.figure = figure, .choice = choice};
    struct pl_arena *arena = &figure->arena;
    enum pl_status status = pl_plot_read(context, arena, bundle, "", &scene.table);
    if (status == PL_OK && !observed)
        status = pl_plot_read(context, arena, bundle, "history.", &scene.past);
    if (status == PL_OK && observed) {
        status = pl_plot_read(context, arena, observed, "", &scene.past);
        scene.past_is_series = true;
        if (status == PL_OK && !scene.past.names)
            status = pl_fail(context, PL_BAD_DATA,
                             "%s: not a series, so it cannot be the past of a forecast",
                             observed->source);
    }
    if (status != PL_OK)
        return status;
    scene.forecast = pl_bundle_is_forecast(bundle);
    int64_t step = scene.forecast ? -1 : step_column(&scene.table);
    return step >= 0 ? add_curves(context, &scene, step) : add_families(context, &scene);
}
