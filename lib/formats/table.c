/* A series as an aligned table: see table.h.
 * SPDX-License-Identifier: MIT */
#include "formats/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "tensor/names.h"

struct table {
    const struct pl_tensor *values, *time, *id;
    struct pl_names columns, ids; /* ids by code */
    bool dates_only;
    struct pl_arena arena;
};

bool pl_table_fits(const struct pl_bundle *bundle)
{
    const struct pl_tensor *values = pl_bundle_tensor(bundle, "values");
    return values && values->rank == 2 && pl_dtype_is_float(values->dtype);
}

/* The names in a tensor of the bundle; none when it is not there. */
static enum pl_status read_names(struct pl_context *context, struct pl_arena *arena,
                                 const struct pl_bundle *bundle, const char *name,
                                 struct pl_names *names)
{
    const struct pl_tensor *tensor = pl_bundle_tensor(bundle, name);
    return tensor ? pl_names_unpack(context, arena, tensor, name, names) : PL_OK;
}

static enum pl_status prepare(struct pl_context *context, const struct pl_bundle *bundle,
                              struct table *table)
{
    const struct pl_tensor *values = pl_bundle_tensor(bundle, "values");
    const struct pl_tensor *time = pl_bundle_tensor(bundle, "time");
    const struct pl_tensor *id = pl_bundle_tensor(bundle, "id");
    int64_t rows = values->dims[0];
    table->values = values;
    if (time && time->dtype == PL_I64 && time->rank == 1 && time->dims[0] == rows)
        table->time = time;
    if (id && id->dtype == PL_I32 && id->rank == 1 && id->dims[0] == rows)
        table->id = id;
    table->dates_only = true;
    for (int64_t i = 0; table->time && i < rows; i++)
        if (((const int64_t *)time->data)[i] % INT64_C(86400000000000) != 0)
            table->dates_only = false;
    enum pl_status status =
        read_names(context, &table->arena, bundle, "series.names", &table->columns);
    if (status == PL_OK)
        status = read_names(context, &table->arena, bundle, "id.levels", &table->ids);
    return status;
}

static const char *id_of(const struct table *table, int64_t row)
{
    int32_t code = ((const int32_t *)table->id->data)[row];
    return code >= 0 && code < table->ids.count ? table->ids.items[code] : "?";
}

static int id_width(const struct table *table)
{
    size_t width = 2;
    for (int64_t i = 0; i < table->ids.count; i++)
        width = strlen(table->ids.items[i]) > width ? strlen(table->ids.items[i]) : width;
    return width > 32 ? 32 : (int)width;
}

static int column_width(const struct table *table, int64_t column)
{
    size_t width = column < table->columns.count ? strlen(table->columns.items[column]) : 1;
    return width < 10 ? 10 : width > 32 ? 32 : (int)width;
}

static enum pl_status write_heading(struct pl_context *context, const struct table *table,
                                    struct pl_buffer *out)
{
    enum pl_status status = PL_OK;
    if (table->time)
        status = pl_buffer_printf(context, out, "%-*s", table->dates_only ? 10 : 19, "time");
    if (status == PL_OK && table->id)
        status = pl_buffer_printf(context, out, "%s%-*s", table->time ? "  " : "", id_width(table),
                                  "id");
    for (int64_t c = 0; status == PL_OK && c < table->values->dims[1]; c++)
        status = pl_buffer_printf(context, out, "  %*s", column_width(table, c),
                                  c < table->columns.count ? table->columns.items[c] : "");
    return status == PL_OK ? pl_buffer_text(context, out, "\n") : status;
}

static enum pl_status write_row(struct pl_context *context, const struct table *table, int64_t row,
                                struct pl_buffer *out)
{
    enum pl_status status = PL_OK;
    int64_t columns = table->values->dims[1];
    if (table->time) {
        char time[PL_TIME_SIZE];
        pl_time_format(time, ((const int64_t *)table->time->data)[row], table->dates_only);
        status = pl_buffer_printf(context, out, "%-*s", table->dates_only ? 10 : 19, time);
    }
    if (status == PL_OK && table->id)
        status = pl_buffer_printf(context, out, "%s%-*s", table->time ? "  " : "", id_width(table),
                                  id_of(table, row));
    for (int64_t c = 0; status == PL_OK && c < columns; c++) {
        double value = pl_element(table->values->data, table->values->dtype, row * columns + c);
        char text[32];
        snprintf(text, sizeof text, isnan(value) ? "-" : "%.6g", value);
        status = pl_buffer_printf(context, out, "  %*s", column_width(table, c), text);
    }
    return status == PL_OK ? pl_buffer_text(context, out, "\n") : status;
}

enum pl_status pl_table_series(struct pl_context *context, const struct pl_bundle *bundle,
                               int64_t most, struct pl_buffer *out)
{
    struct table table = {0};
    enum pl_status status = prepare(context, bundle, &table);
    if (status == PL_OK)
        status = write_heading(context, &table, out);
    int64_t rows = status == PL_OK ? table.values->dims[0] : 0, half = most / 2;
    for (int64_t row = 0; status == PL_OK && row < rows; row++) {
        if (rows > most && row == half) {
            status =
                pl_buffer_printf(context, out, "... %lld rows ...\n", (long long)(rows - 2 * half));
            row = rows - half - 1;
        } else {
            status = write_row(context, &table, row, out);
        }
    }
    pl_arena_release(&table.arena);
    return status;
}
