/* A table from a pipe to chunked tensors, rows as they come.
 * SPDX-License-Identifier: MIT
 *
 * Whatever complete records have come are parsed, written as one chunk of each tensor, and pushed
 * out; then we wait for more.  So chunks are single rows when the writer is slow and about a
 * mebibyte of text when it is fast.  Words of text columns travel as chunked u8 tensors too: a
 * chunk of new words goes out before the codes that mean them.  Empty records are held back until
 * something follows, since at the end they are dropped. */
#include "formats/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENT_SIZE = 1 << 20 }; /* an unfinished record longer than this is waited for in leaps */

struct live {
    const struct pl_import *import;
    struct pl_bytes *bytes;
    struct pl_writer *writer;
    enum pl_dtype dtype;
    struct pl_csv_plan plan;
    bool planned;
    bool crowded; /* more text columns than a stream may have open: the input is read whole */
    struct pl_levels *levels; /* [text_count] */
    double *values;           /* room for the rows of one chunk */
    int64_t *time;
    int32_t *codes;
    size_t room;
    int64_t line; /* of the next byte */
    int64_t rows, replaced;
};

static void levels_name(const struct live *live, int64_t text, char out[PL_NAME_MAX + 1])
{
    snprintf(out, PL_NAME_MAX + 1, "%s.levels", live->plan.texts[text].tensor);
}

static enum pl_status open_tensors(struct pl_context *context, struct live *live)
{
    int64_t dims[] = {-1, live->plan.value_count};
    struct pl_writer *writer = live->writer;
    enum pl_status status = pl_csv_write_head(context, &live->plan, writer);
    if (!status && live->plan.time >= 0) {
        status = pl_writer_open_chunked(context, writer, "time", PL_I64, 1, dims);
    }
    for (int64_t i = 0; i < live->plan.text_count && !status; i++) {
        char name[PL_NAME_MAX + 1];
        levels_name(live, i, name);
        status =
            pl_writer_open_chunked(context, writer, live->plan.texts[i].tensor, PL_I32, 1, dims);
        if (!status) {
            status = pl_writer_open_chunked(context, writer, name, PL_U8, 1, dims);
        }
    }
    return status ? status
                  : pl_writer_open_chunked(context, writer, "values", live->dtype, 2, dims);
}

static enum pl_status close_tensors(struct pl_context *context, struct live *live)
{
    struct pl_writer *writer = live->writer;
    enum pl_status status = PL_OK;
    if (live->plan.time >= 0) {
        status = pl_writer_close_chunked(context, writer, "time");
    }
    for (int64_t i = 0; i < live->plan.text_count && !status; i++) {
        char name[PL_NAME_MAX + 1];
        levels_name(live, i, name);
        status = pl_writer_close_chunked(context, writer, live->plan.texts[i].tensor);
        if (!status) {
            status = pl_writer_close_chunked(context, writer, name);
        }
    }
    return status ? status : pl_writer_close_chunked(context, writer, "values");
}

/* One chunk of a text column, and before it one of the words that are new in it. */
static enum pl_status write_text(struct pl_context *context, struct live *live,
                                 const struct pl_csv_rows *rows, int64_t text)
{
    struct pl_levels *levels = &live->levels[text];
    int32_t before = levels->count;
    int32_t *codes = pl_new(context, (size_t)rows->count, sizeof *codes);
    enum pl_status status =
        codes ? pl_csv_translate(context, &live->plan, rows, text, levels, codes) : context->status;
    size_t size = 0;
    const char *words = status ? "" : pl_levels_tail(levels, before, &size);
    if (!status && size > 0) {
        char name[PL_NAME_MAX + 1];
        levels_name(live, text, name);
        status = pl_writer_chunk(context, live->writer, name, words, (int64_t)size, PL_CODEC_RAW);
    }
    if (!status) {
        status = pl_writer_chunk(context, live->writer, live->plan.texts[text].tensor, codes,
                                 rows->count, PL_CODEC_RAW);
    }
    free(codes);
    return status;
}

static enum pl_status write_values(struct pl_context *context, struct live *live,
                                   const struct pl_csv_rows *rows)
{
    int64_t dims[] = {rows->count, live->plan.value_count};
    struct pl_tensor tensor = pl_tensor_view(PL_F64, 2, dims, rows->values), other = tensor;
    enum pl_status status = PL_OK;
    if (live->dtype != PL_F64) {
        status = pl_tensor_convert(context, &tensor, live->dtype, &other);
    }
    if (!status) {
        status =
            pl_writer_chunk(context, live->writer, "values", other.data, rows->count, PL_CODEC_RAW);
    }
    if (live->dtype != PL_F64) {
        pl_tensor_release(&other);
    }
    return status;
}

static enum pl_status write_rows(struct pl_context *context, struct live *live,
                                 const struct pl_csv_rows *rows)
{
    enum pl_status status = PL_OK;
    if (rows->count == 0) {
        return PL_OK;
    }
    if (live->plan.time >= 0) {
        status =
            pl_writer_chunk(context, live->writer, "time", rows->time, rows->count, PL_CODEC_RAW);
    }
    for (int64_t i = 0; i < live->plan.text_count && !status; i++) {
        status = write_text(context, live, rows, i);
    }
    if (!status) {
        status = write_values(context, live, rows);
    }
    live->rows += rows->count;
    live->replaced += rows->replaced;
    return status ? status : pl_writer_flush(context, live->writer);
}

/* Makes room for the rows that can be in at..end; room only grows. */
static enum pl_status make_room(struct pl_context *context, struct live *live, const char *at,
                                const char *end, struct pl_csv_rows *rows)
{
    size_t most = (size_t)pl_csv_rows_most(&live->plan, at, end), values, codes;
    if (most > live->room) {
        void *grown[3];
        if (!pl_mul_size(most, (size_t)live->plan.value_count, &values) ||
            !pl_mul_size(most, (size_t)live->plan.text_count, &codes)) {
            return pl_fail(context, PL_SYSTEM, "out of memory");
        }
        if (!(grown[0] = pl_resize(context, live->values, values + 1, sizeof *live->values))) {
            return context->status;
        }
        live->values = grown[0];
        if (!(grown[1] = pl_resize(context, live->time, most + 1, sizeof *live->time))) {
            return context->status;
        }
        live->time = grown[1];
        if (!(grown[2] = pl_resize(context, live->codes, codes + 1, sizeof *live->codes))) {
            return context->status;
        }
        live->codes = grown[2];
        live->room = most;
    }
    *rows = (struct pl_csv_rows){.values = live->values, .time = live->time, .codes = live->codes};
    return PL_OK;
}

/* Parses and writes the records in text..end, which the input's window holds, and moves on. */
static enum pl_status take_records(struct pl_context *context, struct live *live, const char *text,
                                   const char *end)
{
    struct pl_csv_rows rows = {0};
    const char *body = live->plan.body; /* behind the header, the first time */
    const char *at = !body ? text : body < end ? body : end;
    enum pl_status status = make_room(context, live, at, end, &rows);
    if (!status) {
        status = pl_csv_parse(context, &live->plan, at, end, &rows);
        status = status ? pl_csv_place(context, live->bytes->name, text, live->line, &rows)
                        : write_rows(context, live, &rows);
    }
    pl_csv_rows_release(&live->plan, &rows);
    live->line += pl_csv_lines(text, end);
    live->plan.body = NULL; /* it pointed into the window, which moves now */
    pl_bytes_skip(live->bytes, (size_t)(end - text));
    return status;
}

/* A plan needs a row of data.  Until a second record is there, only a first one without any word,
 * which is no header, can be that. */
static bool enough_to_plan(const struct live *live, const struct pl_csv_dialect *dialect,
                           const char *text, const char *end)
{
    const char *first = pl_csv_record(dialect, text, end, false);
    const char *second = first < end ? pl_csv_cut(dialect, first, first + 1, end) : NULL;
    if (!second || pl_csv_record(dialect, second, end, false) < end) {
        return second != NULL;
    }
    bool may_be_header = live->import->header == PL_HEADER_AUTO;
    for (const char *at = first; may_be_header && at < second; at++) {
        bool letter = (*at | 0x20) >= 'a' && (*at | 0x20) <= 'z';
        if (letter || *at == '"' || (unsigned char)*at >= 0x80) {
            return false;
        }
    }
    return live->import->header != PL_HEADER_YES;
}

static enum pl_status start(struct pl_context *context, struct live *live, const char *text,
                            const char *end)
{
    enum pl_status status = pl_csv_plan_init(context, &live->plan, live->import, live->bytes->name,
                                             text, (size_t)(end - text));
    if (status) {
        return status;
    }
    live->planned = true;
    live->crowded = 2 + 2 * live->plan.text_count > PL_OPEN_MAX;
    if (live->crowded) {
        return PL_OK;
    }
    live->levels = pl_new(context, (size_t)live->plan.text_count + 1, sizeof *live->levels);
    return live->levels ? open_tensors(context, live) : context->status;
}

/* The plan's dialect, or what it would be as far as the text at hand tells. */
static enum pl_status current_dialect(struct pl_context *context, const struct live *live,
                                      const char *text, const char *end,
                                      struct pl_csv_dialect *dialect)
{
    struct pl_arena arena = {0};
    enum pl_status status = PL_OK;
    if (live->planned) {
        *dialect = live->plan.dialect;
    } else {
        status = pl_csv_dialect_init(context, dialect, live->import, text, end, &arena);
        dialect->missing_count = 0;
    }
    pl_arena_release(&arena);
    return status;
}

/* Takes what complete records lie in the window; *least becomes how many bytes to wait for. */
static enum pl_status advance(struct pl_context *context, struct live *live, const char *text,
                              size_t size, size_t *least)
{
    struct pl_csv_dialect dialect;
    bool ended = live->bytes->ended;
    int64_t dropped;
    const char *end = text + size;
    *least = size + 1 + (size > PATIENT_SIZE ? size / 2 : 0);
    enum pl_status status = current_dialect(context, live, text, end, &dialect);
    if (status) {
        return status;
    }
    end = ended ? end : pl_csv_complete(&dialect, text, end);
    if (!live->planned) {
        if (!ended && !enough_to_plan(live, &dialect, text, end)) {
            return PL_OK;
        }
        status = start(context, live, text, end);
        if (status || live->crowded) {
            return status;
        }
    }
    end = pl_csv_trim(&live->plan.dialect, text, end, &dropped);
    if (end > text) {
        *least = (size_t)(text + size - end) + 1;
        status = take_records(context, live, text, end);
    }
    if (!status && ended) {
        pl_csv_note(context, &live->plan, live->bytes->name, dropped, live->replaced);
    }
    return status;
}

static enum pl_status follow(struct pl_context *context, struct live *live)
{
    size_t least = 1;
    enum pl_status status = PL_OK;
    while (!status && !live->crowded) {
        const uint8_t *data;
        size_t size;
        status = pl_bytes_peek(context, live->bytes, least, &data, &size);
        bool ended = live->bytes->ended;
        if (!status) {
            status = advance(context, live, (const char *)data, size, &least);
        }
        if (ended) {
            break;
        }
    }
    if (!status && live->crowded) {
        return pl_csv_import_file(context, live->import, live->bytes, live->writer);
    }
    if (!status && live->rows == 0) {
        status = pl_fail(context, PL_BAD_DATA, "%s: no data rows", live->bytes->name);
    }
    return status ? status : close_tensors(context, live);
}

enum pl_status pl_csv_import_live(struct pl_context *context, const struct pl_import *import,
                                  struct pl_bytes *bytes, struct pl_writer *writer)
{
    struct live live = {.import = import, .bytes = bytes, .writer = writer, .line = 1};
    enum pl_status status = pl_csv_dtype(context, import, &live.dtype);
    if (!status) {
        status = follow(context, &live);
    }
    for (int64_t i = 0; live.levels && i < live.plan.text_count; i++) {
        pl_levels_release(&live.levels[i]);
    }
    free(live.levels);
    free(live.values);
    free(live.time);
    free(live.codes);
    if (live.planned) {
        pl_csv_plan_release(&live.plan);
    }
    return status;
}
