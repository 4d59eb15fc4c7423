/* Delimited text as a series: what reading a file and reading a pipe share.
 * SPDX-License-Identifier: MIT */
#include "formats/csv.h"

#include "base/simd.h"
#include "formats/importers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

PL_CLONES int64_t pl_csv_lines(const char *text, const char *end)
{
    int64_t lines = text < end && end[-1] != '\n'; /* the last one may not end */
    for (; text < end; text++) {
        lines += *text == '\n';
    }
    return lines;
}

enum pl_status pl_csv_place(struct pl_context *context, const char *name, const char *text,
                            int64_t line, const struct pl_csv_rows *rows)
{
    if (!rows->fault) {
        return context->status;
    }
    for (const char *at = text; (at = memchr(at, '\n', (size_t)(rows->fault - at))) != NULL; at++) {
        line++;
    }
    return pl_fail_at(context, "%s:%lld", name, (long long)line);
}

void pl_csv_note(struct pl_context *context, const struct pl_csv_plan *plan, const char *name,
                 int64_t dropped, int64_t replaced)
{
    int64_t columns = 0;
    for (int64_t i = 0; i < plan->count; i++) {
        columns += plan->columns[i].kind == PL_CSV_EMPTY;
    }
    if (columns + dropped > 0) {
        pl_warn(context, "%s: dropped what is empty at the end: columns %lld, records %lld", name,
                (long long)columns, (long long)dropped);
    }
    if (plan->replaced + replaced > 0) {
        pl_warn(context,
                "%s: bytes that are not UTF-8 became U+FFFD, %lld times (iconv -f latin1 -t utf-8 "
                "may help)",
                name, (long long)(plan->replaced + replaced));
    }
}

enum pl_status pl_csv_dtype(struct pl_context *context, const struct pl_import *import,
                            enum pl_dtype *dtype)
{
    *dtype = PL_F64;
    if (import->dtype && strcmp(import->dtype, "f64") != 0) {
        *dtype = PL_F32;
        if (strcmp(import->dtype, "f32") != 0) {
            return pl_fail(context, PL_USAGE, "--dtype %s: a series has values f64 or f32",
                           import->dtype);
        }
    }
    return PL_OK;
}

enum pl_status pl_csv_translate(struct pl_context *context, const struct pl_csv_plan *plan,
                                const struct pl_csv_rows *rows, int64_t text,
                                struct pl_levels *levels, int32_t *codes)
{
    const struct pl_levels *own = &rows->levels[text];
    int32_t *translation = pl_new(context, (size_t)own->count + 1, sizeof *translation);
    enum pl_status status = translation ? PL_OK : context->status;
    translation = translation ? translation + 1 : NULL; /* code -1 stays -1 */
    for (int32_t code = 0; code < own->count && !status; code++) {
        const char *word = pl_levels_word(own, code);
        status = pl_levels_code(context, levels, word, strlen(word), &translation[code]);
    }
    if (!status) {
        translation[-1] = -1;
        for (int64_t row = 0; row < rows->count; row++) {
            codes[row] = translation[rows->codes[row * plan->text_count + text]];
        }
    }
    free(translation ? translation - 1 : NULL);
    return status;
}

static void describe_column(struct pl_context *context, struct pl_meta *meta,
                            struct pl_meta_node *node, const struct pl_csv_plan *plan,
                            int64_t column, const char *pattern)
{
    pl_meta_add_text(context, meta, node, "name", plan->columns[column].name);
    pl_meta_add_int(context, meta, node, "column", column + 1);
    if (pattern) {
        pl_meta_add_text(context, meta, node, "format", pattern);
    }
}

static void describe_time(struct pl_context *context, struct pl_meta *meta,
                          struct pl_meta_node *root, const struct pl_csv_plan *plan)
{
    struct pl_meta_node *time = pl_meta_add_map(context, meta, root, "time");
    describe_column(context, meta, time, plan, plan->time, plan->time_pattern);
    if (plan->clock >= 0) {
        struct pl_meta_node *clock = pl_meta_add_map(context, meta, root, "clock");
        describe_column(context, meta, clock, plan, plan->clock, plan->clock_pattern);
    }
    if (plan->zoned) {
        char zone[16];
        int minutes = abs(plan->zone_minutes);
        snprintf(zone, sizeof zone, "%c%02d:%02d", plan->zone_minutes < 0 ? '-' : '+',
                 minutes / 60 % 100, minutes % 60);
        pl_meta_add_text(context, meta, root, "time_zone", zone);
    }
    bool clock = plan->clock >= 0 || pl_time_pattern_has_clock(plan->time_pattern);
    pl_meta_add_bool(context, meta, root, "dates_only", !clock);
}

/* What writing the table again needs beside the tensors: where each column stood that is not one
 * of numbers, and the form of its times. */
static enum pl_status describe(struct pl_context *context, const struct pl_csv_plan *plan,
                               struct pl_meta *meta)
{
    struct pl_meta_node *root = pl_meta_add_map(context, meta, NULL, NULL), *list = NULL;
    if (plan->time >= 0) {
        describe_time(context, meta, root, plan);
    }
    for (int64_t i = 0; i < plan->text_count; i++) {
        const struct pl_csv_text_column *text = &plan->texts[i];
        if (text->column == plan->id) {
            struct pl_meta_node *id = pl_meta_add_map(context, meta, root, "id");
            describe_column(context, meta, id, plan, plan->id, NULL);
            continue;
        }
        list = list ? list : pl_meta_add_list(context, meta, root, "text");
        struct pl_meta_node *item = pl_meta_add_map(context, meta, list, NULL);
        describe_column(context, meta, item, plan, text->column, NULL);
        pl_meta_add_text(context, meta, item, "tensor", text->tensor);
    }
    return pl_meta_ok(meta, context) ? PL_OK : context->status;
}

static enum pl_status write_names(struct pl_context *context, const struct pl_csv_plan *plan,
                                  struct pl_writer *writer)
{
    struct pl_buffer names = {0};
    enum pl_status status = PL_OK;
    for (int64_t i = 0; i < plan->count && !status; i++) {
        if (plan->columns[i].kind == PL_CSV_NUMBER) {
            const char *name = plan->columns[i].name;
            status = pl_buffer_append(context, &names, name, strlen(name) + 1);
        }
    }
    if (!status) {
        int64_t size = names.size ? (int64_t)names.size - 1 : 0; /* NULs only between them */
        struct pl_tensor tensor = pl_tensor_view(PL_U8, 1, &size, names.data);
        status = pl_writer_tensor(context, writer, "series.names", &tensor, PL_CODEC_RAW);
    }
    pl_buffer_release(&names);
    return status;
}

enum pl_status pl_csv_write_head(struct pl_context *context, const struct pl_csv_plan *plan,
                                 struct pl_writer *writer)
{
    struct pl_meta meta = {.name = "series"};
    enum pl_status status = pl_writer_kind(context, writer, "series");
    if (!status) {
        status = describe(context, plan, &meta);
    }
    if (!status) {
        status = pl_writer_meta(context, writer, "series", meta.root);
    }
    pl_meta_release(&meta);
    return status ? status : write_names(context, plan, writer);
}

enum pl_status pl_csv_import(struct pl_context *context, const struct pl_import *import,
                             struct pl_bytes *bytes, struct pl_writer *writer)
{
    return bytes->regular ? pl_csv_import_file(context, import, bytes, writer)
                          : pl_csv_import_live(context, import, bytes, writer);
}
