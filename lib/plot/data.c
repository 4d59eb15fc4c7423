/* Reading the table of a series.
 * SPDX-License-Identifier: MIT */
#include "plot/data.h"

#include <stdio.h>
#include <string.h>

/* Splits NUL-separated text (the last NUL may be missing) into *count names. */
static enum pl_status split_names(struct pl_context *context, struct pl_arena *arena,
                                  const struct pl_tensor *text, const char ***names, int64_t *count)
{
    size_t size = pl_tensor_bytes(text);
    const char *copy = pl_arena_text(context, arena, text->data, size);
    if (!copy)
        return context->status;
    *count = 0;
    for (size_t at = 0; at < size; at += strlen(copy + at) + 1)
        ++*count;
    *names = pl_arena_new(context, arena, (size_t)*count, sizeof **names);
    if (!*names)
        return context->status;
    size_t at = 0;
    for (int64_t i = 0; i < *count; i++) {
        (*names)[i] = copy + at;
        at += strlen(copy + at) + 1;
    }
    return PL_OK;
}

/* The tensor `prefix`NAME, which must have this type and one element a row; NULL when absent. */
static enum pl_status row_tensor(struct pl_context *context, const struct pl_bundle *bundle,
                                 const char *prefix, const char *name, enum pl_dtype dtype,
                                 int64_t rows, const void **data)
{
    char full[64];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    const struct pl_tensor *tensor = pl_bundle_tensor(bundle, full);
    *data = NULL;
    if (!tensor)
        return PL_OK;
    enum pl_status status = pl_tensor_expect(context, tensor, full, dtype, 1, &rows);
    if (status == PL_OK)
        *data = tensor->data;
    return status;
}

/* Reads the names of the columns and of the ids. */
static enum pl_status table_names(struct pl_context *context, struct pl_arena *arena,
                                  const struct pl_bundle *bundle, struct pl_plot_data *table)
{
    const struct pl_tensor *names = pl_bundle_tensor(bundle, "series.names");
    const struct pl_tensor *levels = pl_bundle_tensor(bundle, "id.levels");
    int64_t count = 0;
    enum pl_status status = PL_OK;
    if (names)
        status = split_names(context, arena, names, &table->names, &count);
    if (status == PL_OK && names && count != table->columns)
        status = pl_fail(context, PL_BAD_DATA,
                         "'series.names' has %lld names for %lld columns of 'values'",
                         (long long)count, (long long)table->columns);
    if (status == PL_OK && levels)
        status = split_names(context, arena, levels, &table->levels, &table->level_count);
    return status;
}

enum pl_status pl_plot_read(struct pl_context *context, struct pl_arena *arena,
                            const struct pl_bundle *bundle, const char *prefix,
                            struct pl_plot_data *table)
{
    char name[64];
    memset(table, 0, sizeof *table);
    snprintf(name, sizeof name, "%svalues", prefix);
    const struct pl_tensor *values = pl_bundle_tensor(bundle, name);
    if (!values)
        return PL_OK;
    if (values->rank != 2)
        return pl_fail(context, PL_BAD_DATA, "'%s' has rank %d, a series has rank 2", name,
                       values->rank);
    table->rows = values->dims[0];
    table->columns = values->dims[1];
    int64_t count = pl_tensor_count(values);
    table->values = pl_arena_new(context, arena, (size_t)count, sizeof(double));
    if (!table->values)
        return context->status;
    for (int64_t i = 0; i < count; i++)
        table->values[i] = pl_element(values->data, values->dtype, i);
    const void *time, *id;
    enum pl_status status = row_tensor(context, bundle, prefix, "time", PL_I64, table->rows, &time);
    if (status == PL_OK)
        status = row_tensor(context, bundle, prefix, "id", PL_I32, table->rows, &id);
    if (status == PL_OK && prefix[0] == '\0')
        status = table_names(context, arena, bundle, table);
    if (status == PL_OK) {
        table->time = time;
        table->id = id;
    }
    return status;
}

int64_t pl_plot_column(const struct pl_plot_data *table, const char *name)
{
    for (int64_t c = 0; table->names && c < table->columns; c++) {
        if (strcmp(table->names[c], name) == 0)
            return c;
    }
    return -1;
}

int64_t pl_plot_level(const struct pl_plot_data *table, const char *name)
{
    for (int64_t k = 0; k < table->level_count; k++) {
        if (strcmp(table->levels[k], name) == 0)
            return k;
    }
    return -1;
}

/* Whether a row belongs to the series asked for. */
static bool row_wanted(const struct pl_plot_data *table, int64_t row, int64_t id)
{
    return !table->id || id < 0 || table->id[row] == id;
}

static double row_x(const struct pl_plot_data *table, int64_t row, int64_t number)
{
    return table->time ? (double)table->time[row] / 1e9 : (double)number;
}

enum pl_status pl_plot_points(struct pl_context *context, struct pl_arena *arena,
                              const struct pl_plot_data *table, int64_t column,
                              const struct pl_plot_rows *rows, int64_t *count, double **x,
                              double **y)
{
    int64_t total = 0;
    for (int64_t r = 0; r < table->rows; r++)
        total += row_wanted(table, r, rows->id);
    *x = pl_arena_new(context, arena, (size_t)total, sizeof **x);
    *y = *x ? pl_arena_new(context, arena, (size_t)total, sizeof **y) : NULL;
    if (!*y)
        return context->status;
    int64_t number = 0, kept = 0;
    for (int64_t r = 0; r < table->rows; r++) {
        if (!row_wanted(table, r, rows->id))
            continue;
        double at = row_x(table, r, number++);
        if (at > rows->end)
            continue;
        (*x)[kept] = at;
        (*y)[kept++] = table->values[r * table->columns + column];
    }
    int64_t skip = rows->last && kept > rows->last ? kept - rows->last : 0;
    *x += skip;
    *y += skip;
    *count = kept - skip;
    return PL_OK;
}
