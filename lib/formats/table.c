/* A series as an aligned table: see table.h.
 * SPDX-License-Identifier: MIT */
#include "formats/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "tensor/names.h"

enum { COLUMNS_MOST = 40, WIDTH_LEAST = 10, WIDTH_MOST = 32 };

/* A column of words: codes, and the words that they stand for. */
struct words {
    const char *name;
    const int32_t *codes; /* [rows] */
    struct pl_names levels;
    int width;
};

struct table {
    const struct pl_tensor *values, *time;
    struct pl_names columns;
    struct words id; /* codes NULL: none */
    struct words *texts;
    int64_t text_count;
    int64_t shown; /* columns of values that are */
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

static int fit_width(size_t size)
{
    return size < WIDTH_LEAST ? WIDTH_LEAST : size > WIDTH_MOST ? WIDTH_MOST : (int)size;
}

/* The codes `name` and their levels, if the bundle has them for these rows. */
static enum pl_status read_words(struct pl_context *context, struct pl_arena *arena,
                                 const struct pl_bundle *bundle, const char *name, int64_t rows,
                                 struct words *words)
{
    char levels[PL_NAME_MAX + 8];
    const struct pl_tensor *codes = pl_bundle_tensor(bundle, name);
    size_t width = strlen(name);
    snprintf(levels, sizeof levels, "%s.levels", name);
    if (!codes || codes->dtype != PL_I32 || codes->rank != 1 || codes->dims[0] != rows ||
        !pl_bundle_tensor(bundle, levels))
        return PL_OK;
    enum pl_status status = read_names(context, arena, bundle, levels, &words->levels);
    for (int64_t i = 0; i < words->levels.count; i++)
        width = strlen(words->levels.items[i]) > width ? strlen(words->levels.items[i]) : width;
    words->name = name;
    words->codes = codes->data;
    words->width = fit_width(width);
    return status;
}

static enum pl_status prepare(struct pl_context *context, const struct pl_bundle *bundle,
                              struct table *table)
{
    const struct pl_tensor *values = pl_bundle_tensor(bundle, "values");
    const struct pl_tensor *time = pl_bundle_tensor(bundle, "time");
    int64_t rows = values->dims[0];
    table->values = values;
    table->shown = values->dims[1] < COLUMNS_MOST ? values->dims[1] : COLUMNS_MOST;
    if (time && time->dtype == PL_I64 && time->rank == 1 && time->dims[0] == rows)
        table->time = time;
    table->dates_only = true;
    for (int64_t i = 0; table->time && i < rows; i++)
        if (((const int64_t *)time->data)[i] % INT64_C(86400000000000) != 0)
            table->dates_only = false;
    table->texts = pl_arena_new(context, &table->arena, bundle->tensor_count, sizeof *table->texts);
    enum pl_status status = table->texts ? PL_OK : context->status;
    if (status == PL_OK)
        status = read_names(context, &table->arena, bundle, "series.names", &table->columns);
    for (size_t i = 0; status == PL_OK && i < bundle->tensor_count; i++) {
        const char *name = bundle->tensors[i].name;
        struct words *words =
            strcmp(name, "id") == 0 ? &table->id : &table->texts[table->text_count];
        status = read_words(context, &table->arena, bundle, name, rows, words);
        table->text_count += words != &table->id && words->codes != NULL;
    }
    if (table->text_count > COLUMNS_MOST)
        table->text_count = COLUMNS_MOST;
    return status;
}

/* A cell, ranged left or right.  Names and words are the data's own: a control byte must not reach
 * the terminal. */
static enum pl_status put_cell(struct pl_context *context, struct pl_buffer *out, const char *text,
                               int width, bool left)
{
    size_t start = out->size;
    enum pl_status status = pl_buffer_printf(context, out, left ? "%-*s" : "  %*s", width, text);
    for (size_t i = start; status == PL_OK && i < out->size; i++)
        if ((unsigned char)out->data[i] < ' ' || out->data[i] == 127)
            out->data[i] = '?';
    return status;
}

static const char *column_name(const struct table *table, int64_t column)
{
    return column < table->columns.count ? table->columns.items[column] : "";
}

static enum pl_status write_heading(struct pl_context *context, const struct table *table,
                                    struct pl_buffer *out)
{
    enum pl_status status = PL_OK;
    int64_t hidden = table->values->dims[1] - table->shown;
    if (table->time)
        status = put_cell(context, out, "time", table->dates_only ? 10 : 19, true);
    if (status == PL_OK && table->id.codes && table->time)
        status = pl_buffer_text(context, out, "  ");
    if (status == PL_OK && table->id.codes)
        status = put_cell(context, out, "id", table->id.width, true);
    for (int64_t c = 0; status == PL_OK && c < table->shown; c++) {
        const char *name = column_name(table, c);
        status = put_cell(context, out, name, fit_width(strlen(name)), false);
    }
    for (int64_t i = 0; status == PL_OK && i < table->text_count; i++)
        status = put_cell(context, out, table->texts[i].name, table->texts[i].width, false);
    if (status == PL_OK && hidden > 0)
        status = pl_buffer_printf(context, out, "  (%lld more)", (long long)hidden);
    return status == PL_OK ? pl_buffer_text(context, out, "\n") : status;
}

static const char *word_of(const struct words *words, int64_t row)
{
    int32_t code = words->codes[row];
    return code >= 0 && code < words->levels.count ? words->levels.items[code] : "-";
}

static enum pl_status write_row(struct pl_context *context, const struct table *table, int64_t row,
                                struct pl_buffer *out)
{
    enum pl_status status = PL_OK;
    int64_t columns = table->values->dims[1];
    if (table->time) {
        char time[PL_TIME_SIZE];
        pl_time_format(time, ((const int64_t *)table->time->data)[row], table->dates_only);
        status = put_cell(context, out, time, table->dates_only ? 10 : 19, true);
    }
    if (status == PL_OK && table->id.codes && table->time)
        status = pl_buffer_text(context, out, "  ");
    if (status == PL_OK && table->id.codes)
        status = put_cell(context, out, word_of(&table->id, row), table->id.width, true);
    for (int64_t c = 0; status == PL_OK && c < table->shown; c++) {
        double value = pl_element(table->values->data, table->values->dtype, row * columns + c);
        char text[32];
        snprintf(text, sizeof text, isnan(value) ? "-" : "%.6g", value);
        status = put_cell(context, out, text, fit_width(strlen(column_name(table, c))), false);
    }
    for (int64_t i = 0; status == PL_OK && i < table->text_count; i++)
        status =
            put_cell(context, out, word_of(&table->texts[i], row), table->texts[i].width, false);
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
