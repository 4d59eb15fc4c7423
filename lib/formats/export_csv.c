/* A tensor stream as CSV.
 * SPDX-License-Identifier: MIT
 *
 * Rows of a series are spread over several tensors: numbers, times, ids, words.  Those of a live
 * series come in chunks, interleaved; a row is printed as soon as all tensors have it.  Everything
 * else is gathered until the segment ends: from a mapped file as views. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "formats/exporters.h"
#include "formats/sheet.h"
#include "stream/bundle.h"

static void release_tensor(struct pl_sheet_tensor *tensor)
{
    free(tensor->name);
    pl_tensor_release(&tensor->solid);
    pl_buffer_release(&tensor->gathered);
}

/* What a sheet holds of one segment; the header line stays, for the next. */
static void forget_segment(struct pl_sheet *sheet)
{
    for (size_t i = 0; i < sheet->tensor_count; i++) {
        release_tensor(&sheet->tensors[i]);
    }
    for (size_t i = 0; i < sheet->column_count; i++) {
        free(sheet->columns[i].name);
        free(sheet->columns[i].words.starts);
    }
    free(sheet->tensors);
    free(sheet->columns);
    pl_meta_release(&sheet->series);
    *sheet = (struct pl_sheet){.export = sheet->export,
                               .source = sheet->source,
                               .sink = sheet->sink,
                               .delimiter = sheet->delimiter,
                               .header = sheet->header};
}

static size_t row_bytes(const struct pl_sheet_tensor *tensor)
{
    return (size_t)tensor->width * pl_dtype_size(tensor->dtype);
}

static enum pl_status new_tensor(struct pl_context *context, struct pl_sheet *sheet,
                                 struct pl_reader *reader, const struct pl_header *header)
{
    if (sheet->tensor_count == sheet->tensor_room) {
        size_t room = sheet->tensor_room ? sheet->tensor_room * 2 : 16;
        struct pl_sheet_tensor *tensors = pl_resize(context, sheet->tensors, room, sizeof *tensors);
        if (!tensors) {
            return context->status;
        }
        sheet->tensors = tensors;
        sheet->tensor_room = room;
    }
    struct pl_sheet_tensor *tensor = &sheet->tensors[sheet->tensor_count];
    *tensor = (struct pl_sheet_tensor){.dtype = header->dtype, .rank = header->rank, .width = 1};
    tensor->name = pl_copy_text(context, header->name);
    if (!tensor->name) {
        return context->status;
    }
    sheet->tensor_count++;
    if (header->rank > 1 && !pl_shape_count(header->rank - 1, header->dims + 1, &tensor->width)) {
        return pl_fail(context, PL_BAD_DATA, "%s: tensor '%s' is too large", sheet->source,
                       tensor->name);
    }
    if (!sheet->is_series && !pl_sheet_wants(sheet, tensor->name)) {
        tensor->skipped = true;
        return PL_OK;
    }
    tensor->chunked = header->chunked;
    tensor->live = header->chunked && header->dims[0] < 0;
    if (header->chunked) {
        return PL_OK;
    }
    enum pl_status status = pl_reader_tensor(context, reader, &tensor->solid);
    if (!status) {
        tensor->rows = tensor->solid.data;
        tensor->count = header->rank > 0 ? header->dims[0] : 1;
    }
    return status;
}

static enum pl_status gather_chunk(struct pl_context *context, struct pl_sheet *sheet,
                                   struct pl_reader *reader, const struct pl_header *header)
{
    struct pl_tensor chunk;
    struct pl_sheet_tensor *tensor = &sheet->tensors[pl_sheet_find(sheet, header->name)];
    if (tensor->skipped) {
        return PL_OK;
    }
    enum pl_status status = pl_reader_tensor(context, reader, &chunk);
    if (status) {
        return status;
    }
    status = pl_buffer_append(context, &tensor->gathered, chunk.data, pl_tensor_bytes(&chunk));
    tensor->rows = tensor->gathered.data;
    tensor->count += header->rows;
    pl_tensor_release(&chunk);
    return status;
}

/* Finds the words in what has come of them. */
static enum pl_status parse_words(struct pl_context *context, struct pl_sheet *sheet,
                                  struct pl_sheet_column *column)
{
    const struct pl_sheet_tensor *levels = &sheet->tensors[column->levels];
    struct pl_sheet_words *words = &column->words;
    for (size_t at = words->parsed; at < (size_t)levels->count; at++) {
        if (at > 0 && levels->rows[at - 1] != '\0') {
            continue;
        }
        if (words->count == words->room) {
            int64_t room = words->room ? words->room * 2 : 16;
            size_t *starts = pl_resize(context, words->starts, (size_t)room, sizeof *starts);
            if (!starts) {
                return context->status;
            }
            words->starts = starts;
            words->room = room;
        }
        words->starts[words->count++] = at;
    }
    words->parsed = (size_t)levels->count;
    return PL_OK;
}

/* The rows that all tensors of the sheet have; *equal: and none has more. */
static int64_t rows_at_hand(const struct pl_sheet *sheet, bool *equal)
{
    int64_t least = INT64_MAX, most = 0;
    for (size_t i = 0; i < sheet->column_count; i++) {
        int64_t count = sheet->tensors[sheet->columns[i].tensor].count;
        least = count < least ? count : least;
        most = count > most ? count : most;
    }
    *equal = least == most;
    return sheet->column_count ? least : 0;
}

/* Forgets the rows that were printed. */
static void drop_rows(struct pl_sheet *sheet, int64_t count)
{
    for (size_t i = 0; i < sheet->column_count; i++) {
        struct pl_sheet_tensor *tensor = &sheet->tensors[sheet->columns[i].tensor];
        tensor->printed = true;
    }
    for (size_t i = 0; i < sheet->tensor_count; i++) {
        struct pl_sheet_tensor *tensor = &sheet->tensors[i];
        if (tensor->printed && tensor->chunked) {
            struct pl_buffer *gathered = &tensor->gathered;
            size_t size = (size_t)count * row_bytes(tensor);
            memmove(gathered->data, gathered->data + size, gathered->size - size);
            gathered->size -= size;
            tensor->count -= count;
        }
        tensor->printed = false;
    }
}

static enum pl_status print_rows(struct pl_context *context, struct pl_sheet *sheet, int64_t count)
{
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < sheet->column_count && !status; i++) {
        if (sheet->columns[i].kind == PL_SHEET_TEXT) {
            status = parse_words(context, sheet, &sheet->columns[i]);
        }
    }
    if (!status && count > 0) {
        status = pl_sheet_write_rows(context, sheet, count);
        drop_rows(sheet, count);
    }
    return status;
}

static enum pl_status begin(struct pl_context *context, struct pl_sheet *sheet)
{
    enum pl_status status = pl_sheet_begin(context, sheet);
    return status || !sheet->export->header ? status : pl_sheet_write_header(context, sheet);
}

/* Prints what can be printed of a live series. */
static enum pl_status print_live(struct pl_context *context, struct pl_sheet *sheet)
{
    size_t values = pl_sheet_find(sheet, "values");
    enum pl_status status = PL_OK;
    bool equal;
    if (!sheet->begun) {
        if (!sheet->is_series || values == sheet->tensor_count || !sheet->tensors[values].live) {
            return PL_OK;
        }
        status = begin(context, sheet);
    }
    if (!status) {
        status = print_rows(context, sheet, rows_at_hand(sheet, &equal));
    }
    return status ? status : pl_sink_flush(context, sheet->sink);
}

/* At the end of a segment all tensors must have come to the same number of rows. */
static enum pl_status print_rest(struct pl_context *context, struct pl_sheet *sheet)
{
    bool equal;
    enum pl_status status = sheet->begun ? PL_OK : begin(context, sheet);
    if (status) {
        return status;
    }
    int64_t count = rows_at_hand(sheet, &equal);
    for (size_t i = 1; i < sheet->column_count && !equal; i++) {
        const struct pl_sheet_tensor *first = &sheet->tensors[sheet->columns[0].tensor];
        const struct pl_sheet_tensor *other = &sheet->tensors[sheet->columns[i].tensor];
        if (other->count != first->count) {
            return pl_fail(context, PL_BAD_DATA,
                           "%s: tensors '%s' and '%s' have %lld and %lld rows (-n picks tensors)",
                           sheet->source, first->name, other->name,
                           (long long)(sheet->printed + first->count),
                           (long long)(sheet->printed + other->count));
        }
    }
    return print_rows(context, sheet, count);
}

static enum pl_status take_meta(struct pl_context *context, struct pl_sheet *sheet,
                                struct pl_reader *reader, const char *name)
{
    struct pl_meta meta = {0};
    if (strcmp(name, "series") == 0 && !sheet->begun) {
        pl_meta_release(&sheet->series); /* of several, the last one counts */
        return pl_reader_meta(context, reader, &sheet->series);
    }
    if (strcmp(name, "stream") != 0) {
        return PL_OK;
    }
    const char *kind = "tensors";
    enum pl_status status = pl_reader_meta(context, reader, &meta);
    if (!status && meta.root) {
        status = pl_meta_text(context, meta.root, "kind", &kind);
    }
    sheet->is_series = !status && pl_kind_is_series(kind);
    pl_meta_release(&meta);
    return status;
}

static enum pl_status take_record(struct pl_context *context, struct pl_sheet *sheet,
                                  struct pl_reader *reader, const struct pl_header *header)
{
    switch (header->kind) {
    case PL_RECORD_META:
        return take_meta(context, sheet, reader, header->name);
    case PL_RECORD_TENSOR:
        return new_tensor(context, sheet, reader, header);
    case PL_RECORD_CHUNK: {
        enum pl_status status = gather_chunk(context, sheet, reader, header);
        return status ? status : print_live(context, sheet);
    }
    case PL_RECORD_END:
        return print_rest(context, sheet);
    default:
        return PL_OK;
    }
}

static enum pl_status set_delimiter(struct pl_context *context, const struct pl_export *export,
                                    char *delimiter)
{
    const char *given = export->delimiter ? export->delimiter : ",";
    *delimiter = strcmp(given, "\\t") == 0 ? '\t' : given[0];
    bool single = given[0] && (given[1] == '\0' || *delimiter == '\t');
    return single && !strchr("\"\r\n+-.0123456789", given[0])
               ? PL_OK
               : pl_fail(context, PL_USAGE, "--delimiter '%s': one byte such as ; or \\t", given);
}

enum pl_status pl_csv_export(struct pl_context *context, struct pl_reader *reader,
                             const struct pl_export *export, struct pl_sink *sink)
{
    struct pl_sheet sheet = {.export = export, .source = pl_reader_name(reader), .sink = sink};
    const struct pl_record *record;
    enum pl_status status = set_delimiter(context, export, &sheet.delimiter);
    while (!status && !(status = pl_reader_next(context, reader, &record)) && record) {
        status = take_record(context, &sheet, reader, &record->header);
        if (record->header.kind == PL_RECORD_END) {
            forget_segment(&sheet);
        }
    }
    forget_segment(&sheet);
    pl_buffer_release(&sheet.header);
    return status;
}
