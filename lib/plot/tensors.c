/* Curves and heat maps: pictures of tensors that are not a series.
 * SPDX-License-Identifier: MIT */
#include "plot/figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part of a curve's name that says what is measured: "train_loss" and "valid.loss" are both
 * "loss". */
static const char *measured(const char *name)
{
    static const char *const parts[] = {"train", "training", "valid", "validation",
                                        "val",   "test",     "eval"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t size = strlen(parts[i]);
        if (strncmp(name, parts[i], size) == 0 && name[size] && strchr("_./- ", name[size]) &&
            name[size + 1])
            return name + size + 1;
    }
    return name;
}

/* The chart of curves with this title, made when there is none. */
static enum pl_status curve_chart(struct pl_context *context, struct pl_figure *figure, int first,
                                  const char *title, struct pl_chart **chart)
{
    for (int i = first; i < figure->chart_count; i++) {
        *chart = &figure->charts[i];
        if (strcmp((*chart)->title, title) == 0 && (*chart)->line_count < PL_LINES_MAX)
            return PL_OK;
    }
    return pl_figure_chart(context, figure, title, chart);
}

/* What was measured now and then, as a validation loss, is a line from one time to the next. */
static int64_t close_gaps(int64_t count, double *x, double *y)
{
    int64_t kept = 0;
    for (int64_t k = 0; k < count; k++)
        if (!isnan(y[k])) {
            x[kept] = x[k];
            y[kept++] = y[k];
        }
    return kept;
}

enum pl_status pl_figure_curves(struct pl_context *context, struct pl_figure *figure,
                                struct pl_figure_choice *choice, const struct pl_curve *curves,
                                int64_t count, const double *x, int64_t x_count)
{
    struct pl_arena *arena = &figure->arena;
    int first = figure->chart_count;
    for (int64_t i = 0; i < count; i++) {
        struct pl_chart *chart;
        if (!pl_figure_wants(choice, curves[i].name, NULL, NULL))
            continue;
        enum pl_status status =
            curve_chart(context, figure, first, measured(curves[i].name), &chart);
        if (status != PL_OK)
            return status;
        if (!chart)
            continue;
        int64_t points = curves[i].count;
        double *own_x = pl_arena_new(context, arena, (size_t)points, sizeof *own_x);
        const char *label = pl_figure_text(context, figure, curves[i].name);
        if (!own_x || !label)
            return context->status;
        for (int64_t k = 0; k < points; k++)
            own_x[k] = x && x_count == points ? x[k] : (double)k;
        points = close_gaps(points, own_x, curves[i].y);
        status = pl_chart_line(context, chart, label, PL_LINE_CURVE, points, own_x, curves[i].y);
        if (status != PL_OK)
            return status;
        pl_chart_finish(chart);
    }
    return PL_OK;
}

/* Means of blocks, so that no side has more than PL_CELLS_MAX cells.  Values that are not finite
 * do not count; a block of nothing else is NaN. */
static enum pl_status reduce(struct pl_context *context, struct pl_arena *arena,
                             const struct pl_tensor *tensor, struct pl_cells *cells)
{
    cells->full_columns = tensor->dims[tensor->rank - 1];
    cells->full_rows = pl_tensor_count(tensor) / cells->full_columns;
    cells->rows = cells->full_rows < PL_CELLS_MAX ? cells->full_rows : PL_CELLS_MAX;
    cells->columns = cells->full_columns < PL_CELLS_MAX ? cells->full_columns : PL_CELLS_MAX;
    size_t count = (size_t)(cells->rows * cells->columns);
    cells->values = pl_arena_new(context, arena, count, sizeof(double));
    int64_t *counted = pl_arena_new(context, arena, count, sizeof *counted);
    if (!cells->values || !counted)
        return context->status;
    for (int64_t i = 0; i < cells->full_rows; i++) {
        int64_t row = (int64_t)((double)i * (double)cells->rows / (double)cells->full_rows);
        for (int64_t j = 0; j < cells->full_columns; j++) {
            int64_t column =
                (int64_t)((double)j * (double)cells->columns / (double)cells->full_columns);
            double value = pl_element(tensor->data, tensor->dtype, i * cells->full_columns + j);
            if (pl_plottable(value)) {
                cells->values[row * cells->columns + column] += value;
                counted[row * cells->columns + column]++;
            }
        }
    }
    for (size_t k = 0; k < count; k++)
        cells->values[k] = counted[k] ? cells->values[k] / (double)counted[k] : NAN;
    return PL_OK;
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The colours span all cells but the outermost hundredth at either end, so that a few large
 * values do not leave the others without any colour. */
static enum pl_status set_colours(struct pl_context *context, struct pl_arena *arena,
                                  struct pl_chart *chart)
{
    const struct pl_cells *cells = &chart->cells;
    int64_t count = 0, total = cells->rows * cells->columns;
    double *sorted = pl_arena_new(context, arena, (size_t)total, sizeof *sorted);
    if (!sorted)
        return context->status;
    for (int64_t k = 0; k < total; k++) {
        if (pl_plottable(cells->values[k]))
            sorted[count++] = cells->values[k];
    }
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    if (count > 1 && sorted[count / 100] < sorted[count - 1 - count / 100]) {
        chart->y_low = sorted[count / 100];
        chart->y_high = sorted[count - 1 - count / 100];
    }
    return PL_OK;
}

static enum pl_status add_matrix(struct pl_context *context, struct pl_figure *figure,
                                 const struct pl_bundle_tensor *item)
{
    char title[512], shape[128];
    struct pl_buffer text = {0};
    struct pl_chart *chart;
    enum pl_status status = pl_shape_text(context, &text, item->tensor.rank, item->tensor.dims);
    if (status == PL_OK)
        snprintf(shape, sizeof shape, "%s", text.data);
    pl_buffer_release(&text);
    if (status != PL_OK)
        return status;
    snprintf(title, sizeof title, "%s %s", item->name, shape);
    status = pl_figure_chart(context, figure, title, &chart);
    if (status != PL_OK || !chart)
        return status;
    status = reduce(context, &figure->arena, &item->tensor, &chart->cells);
    pl_chart_finish(chart);
    return status == PL_OK ? set_colours(context, &figure->arena, chart) : status;
}

/* Whether the name, or its last part, is `step`, `epoch` or `bits`: what curves are drawn over. */
static bool is_step(const char *name)
{
    const char *dot = strrchr(name, '.');
    const char *last = dot ? dot + 1 : name;
    return strcmp(last, "step") == 0 || strcmp(last, "epoch") == 0 || strcmp(last, "bits") == 0;
}

static enum pl_status copy_curve(struct pl_context *context, struct pl_arena *arena,
                                 const struct pl_bundle_tensor *item, struct pl_curve *curve)
{
    curve->name = item->name;
    curve->count = item->tensor.dims[0];
    curve->y = pl_arena_new(context, arena, (size_t)curve->count, sizeof(double));
    if (!curve->y)
        return context->status;
    for (int64_t i = 0; i < curve->count; i++)
        curve->y[i] = pl_element(item->tensor.data, item->tensor.dtype, i);
    return PL_OK;
}

/* Text in disguise, such as names and tokenizer files, is drawn only if it is asked for. */
static bool drawable(struct pl_figure_choice *choice, const struct pl_bundle_tensor *item)
{
    bool named = choice->names.including && pl_figure_wants(choice, item->name, NULL, NULL);
    return item->tensor.rank > (choice->matrix ? 1 : 0) && pl_tensor_count(&item->tensor) > 1 &&
           (item->tensor.dtype != PL_U8 || named);
}

enum pl_status pl_figure_tensors(struct pl_context *context, struct pl_figure *figure,
                                 struct pl_figure_choice *choice, const struct pl_bundle *bundle)
{
    struct pl_arena *arena = &figure->arena;
    struct pl_curve step = {0};
    struct pl_curve *curves = pl_arena_new(context, arena, bundle->tensor_count, sizeof *curves);
    if (!curves)
        return context->status;
    int64_t count = 0;
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < bundle->tensor_count && status == PL_OK; i++) {
        const struct pl_bundle_tensor *item = &bundle->tensors[i];
        if (!drawable(choice, item))
            continue;
        if (item->tensor.rank == 1 && is_step(item->name))
            status = copy_curve(context, arena, item, &step);
        else if (item->tensor.rank == 1)
            status = copy_curve(context, arena, item, &curves[count++]);
        else if (pl_figure_wants(choice, item->name, NULL, NULL))
            status = add_matrix(context, figure, item);
    }
    if (status == PL_OK)
        status = pl_figure_curves(context, figure, choice, curves, count, step.y, step.count);
    return status;
}
