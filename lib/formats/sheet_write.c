/* Rows of a sheet as delimited text.
 * SPDX-License-Identifier: MIT
 *
 * Rows are formatted in blocks, in parallel, and written in order. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/parallel.h"
#include "formats/sheet.h"

enum {
    BLOCK_CELLS = 1 << 14, /* cells of a block of rows */
    BLOCKS = 64,           /* formatted before they are written */
    CELL_MOST = 400        /* bytes of a number with 17 digits behind the point */
};

static bool needs_quotes(const struct pl_sheet *sheet, const char *text, size_t size)
{
    if (size == 0 || memchr(" \t#", text[0], 3) || memchr(" \t", text[size - 1], 2)) {
        return true;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] == sheet->delimiter || memchr("\"\r\n", text[i], 3)) {
            return true;
        }
    }
    return false;
}

static enum pl_status put_text(struct pl_context *context, const struct pl_sheet *sheet,
                               const char *text, size_t size, struct pl_buffer *out)
{
    if (!needs_quotes(sheet, text, size)) {
        return pl_buffer_append(context, out, text, size);
    }
    enum pl_status status = pl_buffer_append(context, out, "\"", 1);
    while (!status && size > 0) {
        const char *quote = memchr(text, '"', size);
        size_t part = quote ? (size_t)(quote - text) + 1 : size;
        status = pl_buffer_append(context, out, text, part);
        if (!status && quote) {
            status = pl_buffer_append(context, out, "\"", 1);
        }
        text += part;
        size -= part;
    }
    return status ? status : pl_buffer_append(context, out, "\"", 1);
}

/* Fixed digits behind the point, whatever byte the locale has for the point. */
static size_t format_fixed(char out[CELL_MOST], double value, int digits)
{
    int length = snprintf(out, CELL_MOST, "%.*f", digits, value);
    if (digits > 0 && length > digits) {
        char *whole_end = out + strspn(out, "-0123456789");
        memmove(whole_end + 1, out + length - digits, (size_t)digits + 1);
        *whole_end = '.';
        length = (int)(whole_end - out) + 1 + digits;
    }
    return (size_t)length;
}

static enum pl_status put_number(struct pl_context *context, const struct pl_sheet *sheet,
                                 const struct pl_sheet_tensor *tensor, int64_t index,
                                 struct pl_buffer *out)
{
    enum pl_status status = pl_buffer_reserve(context, out, CELL_MOST);
    if (status) {
        return status;
    }
    char *end = out->data + out->size;
    if (pl_dtype_is_float(tensor->dtype)) {
        double value = pl_element(tensor->rows, tensor->dtype, index);
        if (isnan(value)) {
            return pl_buffer_text(context, out,
                                  sheet->export->missing ? sheet->export->missing : "");
        }
        if (sheet->export->precision >= 0 && !isinf(value)) {
            out->size += format_fixed(end, value, (int)sheet->export->precision);
            return PL_OK;
        }
    }
    out->size += pl_element_text(end, tensor->rows, tensor->dtype, index);
    return PL_OK;
}

static enum pl_status put_word(struct pl_context *context, const struct pl_sheet *sheet,
                               const struct pl_sheet_column *column, int64_t row,
                               struct pl_buffer *out)
{
    const struct pl_sheet_tensor *codes = &sheet->tensors[column->tensor];
    const struct pl_sheet_tensor *levels = &sheet->tensors[column->levels];
    int32_t code;
    memcpy(&code, codes->rows + (size_t)row * sizeof code, sizeof code);
    if (code == -1) {
        return pl_buffer_text(context, out, sheet->export->missing ? sheet->export->missing : "");
    }
    if (code < 0 || code >= column->words.count) {
        return pl_fail(context, PL_BAD_DATA, "%s: tensor '%s', row %lld: code %d of %lld words",
                       sheet->source, codes->name, (long long)(sheet->printed + row), code,
                       (long long)column->words.count);
    }
    const char *word = levels->rows + column->words.starts[code];
    size_t most = (size_t)levels->count - column->words.starts[code];
    return put_text(context, sheet, word, strnlen(word, most), out);
}

static enum pl_status put_time(struct pl_context *context, const struct pl_sheet *sheet,
                               const struct pl_sheet_column *column, int64_t row,
                               struct pl_buffer *out)
{
    char text[PL_TIME_WRITTEN_SIZE];
    int64_t time;
    memcpy(&time, sheet->tensors[column->tensor].rows + (size_t)row * sizeof time, sizeof time);
    size_t size = pl_time_pattern_write(column->pattern, time, sheet->zone_minutes, text);
    return put_text(context, sheet, text, size, out);
}

static enum pl_status put_row(struct pl_context *context, const struct pl_sheet *sheet, int64_t row,
                              struct pl_buffer *out)
{
    enum pl_status status = PL_OK;
    size_t start = out->size;
    for (size_t i = 0; i < sheet->column_count && !status; i++) {
        const struct pl_sheet_column *column = &sheet->columns[i];
        const struct pl_sheet_tensor *tensor = &sheet->tensors[column->tensor];
        if (i > 0) {
            status = pl_buffer_append(context, out, &sheet->delimiter, 1);
        }
        if (status) {
            break;
        }
        switch (column->kind) {
        case PL_SHEET_NUMBER:
            status = put_number(context, sheet, tensor, row * tensor->width + column->element, out);
            break;
        case PL_SHEET_TIME:
            status = put_time(context, sheet, column, row, out);
            break;
        case PL_SHEET_TEXT:
            status = put_word(context, sheet, column, row, out);
            break;
        }
    }
    if (!status &&
        out->size - start + 1 == sheet->column_count) { /* a reader drops empty records */
        status = pl_buffer_reserve(context, out, 2);
        if (!status) {
            memmove(out->data + start + 2, out->data + start, out->size - start);
            memcpy(out->data + start, "\"\"", 2);
            out->size += 2;
        }
    }
    return status ? status : pl_buffer_append(context, out, "\n", 1);
}

struct job {
    const struct pl_sheet *sheet;
    int64_t first, count, block_rows; /* rows */
    struct pl_buffer blocks[BLOCKS];
};

static enum pl_status format_block(struct pl_context *context, void *data, int64_t item)
{
    struct job *job = data;
    int64_t row = job->first + item * job->block_rows, end = row + job->block_rows;
    end = end < job->first + job->count ? end : job->first + job->count;
    enum pl_status status = PL_OK;
    job->blocks[item].size = 0;
    for (; row < end && !status; row++) {
        status = put_row(context, job->sheet, row, &job->blocks[item]);
    }
    return status;
}

enum pl_status pl_sheet_write_rows(struct pl_context *context, struct pl_sheet *sheet,
                                   int64_t count)
{
    struct job *job = pl_new(context, 1, sizeof *job);
    if (!job) {
        return context->status;
    }
    job->sheet = sheet;
    job->block_rows = BLOCK_CELLS / (int64_t)sheet->column_count + 1;
    enum pl_status status = PL_OK;
    while (job->first < count && !status) {
        int64_t most = BLOCKS * job->block_rows;
        job->count = count - job->first < most ? count - job->first : most;
        int64_t blocks = (job->count + job->block_rows - 1) / job->block_rows;
        status = pl_parallel(context, blocks, format_block, job);
        for (int64_t i = 0; i < blocks && !status; i++) {
            status = pl_sink_write(context, sheet->sink, job->blocks[i].data, job->blocks[i].size);
        }
        job->first += job->count;
    }
    for (int i = 0; i < BLOCKS; i++) {
        pl_buffer_release(&job->blocks[i]);
    }
    free(job);
    sheet->printed += count;
    return status;
}

enum pl_status pl_sheet_write_header(struct pl_context *context, struct pl_sheet *sheet)
{
    struct pl_buffer line = {0};
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < sheet->column_count && !status; i++) {
        const char *name = sheet->columns[i].name;
        if (i > 0) {
            status = pl_buffer_append(context, &line, &sheet->delimiter, 1);
        }
        if (!status) {
            status = put_text(context, sheet, name, strlen(name), &line);
        }
    }
    if (!status) {
        status = pl_buffer_append(context, &line, "\n", 1);
    }
    bool first = sheet->header.size == 0;
    bool same = !first && !status && strcmp(line.data, sheet->header.data) == 0;
    if (!status && first) {
        status = pl_sink_write(context, sheet->sink, line.data, line.size);
        sheet->header = line;
        return status;
    }
    if (!status && !same) {
        status = pl_fail(context, PL_BAD_DATA, "%s: a segment has other columns than the first",
                         sheet->source);
    }
    pl_buffer_release(&line);
    return status;
}
