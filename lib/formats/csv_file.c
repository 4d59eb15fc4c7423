/* A whole table, mapped or in memory, to solid tensors, in parallel.
 * SPDX-License-Identifier: MIT
 *
 * The text is cut into blocks that fit a cache at starts of records; each block is parsed on its
 * own, by as many threads as there are, and what comes out is joined in order.  Blocks do not
 * depend on the number of threads, nor does the result: codes of text columns are given in order of
 * first appearance when blocks are joined.  Peak memory is the tensors' size; nothing is written
 * before everything is parsed, so that a bad cell in the last line leaves no half of a stream
 * behind.
 *
 * The text of a file is addressed by its mapping, but each block is read into memory that is used
 * again and again: that costs less than having pages mapped in to look at them but once. */
#include "formats/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/crc32.h"
#include "base/parallel.h"

enum { BLOCK = 1 << 18, RECORD = 1 << 14 /* a record is seldom longer */ };

struct block {
    const char *text, *end;
    int64_t most; /* rows it can hold */
    struct pl_csv_rows rows;
    uint32_t sum; /* CRC-32 of the text */
};

struct table {
    struct pl_csv_plan plan;
    struct block *blocks;
    int64_t count;  /* of blocks */
    double *values; /* of all blocks, each in its own part */
    int64_t *time;
    int32_t *codes;
    int64_t rows, replaced;
    bool mapped;                /* the text is a file's mapping */
    const struct pl_file *file; /* which, if it can be read; else NULL */
};

/* Shows a stretch of the text, a copy of it where there is a file to read.  The caller frees the
 * copy. */
static enum pl_status show(struct pl_context *context, const struct table *table, const char *text,
                           size_t size, const char **shown, char **copy)
{
    *shown = text;
    *copy = NULL;
    if (!table->file) {
        return PL_OK;
    }
    *shown = *copy = pl_resize(context, NULL, size, 1);
    if (!*copy) {
        return context->status;
    }
    uint64_t offset = (uint64_t)(text - (const char *)table->file->map);
    enum pl_status status = PL_OK;
    for (size_t done = 0, got; done < size && !status; done += got) {
        status =
            pl_read_at(context, table->file->fd, *copy + done, size - done, offset + done, &got);
        if (!status && got == 0) {
            status = pl_fail(context, PL_SYSTEM, "the file became shorter while it was read");
        }
    }
    return status ? pl_fail_at(context, "%s", table->file->name) : PL_OK;
}

/* Text need not stay in memory between the passes: a file's pages come back when needed. */
static void give_back(const struct table *table, const struct block *block)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)block->text + page - 1) / page * page;
    uintptr_t to = (uintptr_t)block->end / page * page;
    if (table->mapped && from < to) {
        madvise((void *)from, to - from, MADV_DONTNEED);
    }
}

/* Finds the end of a block whose start is known, and how many rows it can hold. */
static enum pl_status cut_block(struct pl_context *context, const struct table *table,
                                struct block *block, const char *end)
{
    const struct pl_csv_plan *plan = &table->plan;
    const char *shown, *cut = NULL, *at = block->text;
    char *copy;
    size_t left = (size_t)(end - at), size = left < BLOCK + RECORD ? left : BLOCK + RECORD;
    if (show(context, table, at, size, &shown, &copy)) {
        free(copy);
        return context->status;
    }
    if (left > BLOCK) {
        cut = pl_csv_cut(&plan->dialect, shown, shown + BLOCK, shown + size);
        block->end = cut ? at + (cut - shown) : pl_csv_cut(&plan->dialect, at, at + BLOCK, end);
    }
    block->end = block->end ? block->end : end;
    block->most = cut || left <= BLOCK ? pl_csv_rows_most(plan, shown, shown + (block->end - at))
                                       : pl_csv_rows_most(plan, at, block->end);
    free(copy);
    return PL_OK;
}

static enum pl_status cut_blocks(struct pl_context *context, struct table *table, const char *end)
{
    const char *at = table->plan.body;
    table->blocks = pl_new(context, (size_t)(end - at) / BLOCK + 1, sizeof *table->blocks);
    if (!table->blocks) {
        return context->status;
    }
    while (at < end) {
        struct block *block = &table->blocks[table->count++];
        block->text = at;
        if (cut_block(context, table, block, end)) {
            return context->status;
        }
        at = block->end;
        give_back(table, block);
    }
    return PL_OK;
}

/* Gives each block its part of the arrays. */
static enum pl_status make_room(struct pl_context *context, struct table *table)
{
    const struct pl_csv_plan *plan = &table->plan;
    int64_t most = 0;
    for (int64_t i = 0; i < table->count; i++) {
        most += table->blocks[i].most;
    }
    size_t values, codes;
    if (!pl_mul_size((size_t)most, (size_t)plan->value_count, &values) ||
        !pl_mul_size((size_t)most, (size_t)plan->text_count, &codes)) {
        return pl_fail(context, PL_SYSTEM, "out of memory");
    }
    table->values = pl_new(context, values, sizeof *table->values);
    table->time = pl_new(context, plan->time >= 0 ? (size_t)most : 0, sizeof *table->time);
    table->codes = pl_new(context, codes, sizeof *table->codes);
    if (!table->values || !table->time || !table->codes) {
        return context->status;
    }
    int64_t row = 0;
    for (int64_t i = 0; i < table->count; i++) {
        table->blocks[i].rows.values = table->values + row * plan->value_count;
        table->blocks[i].rows.time = plan->time >= 0 ? table->time + row : NULL;
        table->blocks[i].rows.codes = table->codes + row * plan->text_count;
        row += table->blocks[i].most;
    }
    return PL_OK;
}

static enum pl_status parse_block(struct pl_context *context, void *job, int64_t item)
{
    struct table *table = job;
    struct block *block = &table->blocks[item];
    size_t size = (size_t)(block->end - block->text);
    const char *shown;
    char *copy;
    enum pl_status status = show(context, table, block->text, size, &shown, &copy);
    if (!status) {
        status = pl_csv_parse(context, &table->plan, shown, shown + size, &block->rows);
        block->sum = pl_crc32(0, shown, size);
    }
    if (block->rows.fault) {
        block->rows.fault = block->text + (block->rows.fault - shown);
    }
    free(copy);
    give_back(table, block);
    return status;
}

/* The failure reported is that of the first block that failed. */
static enum pl_status place(struct pl_context *context, const struct table *table, const char *name,
                            const char *text)
{
    for (int64_t i = 0; i < table->count; i++) {
        if (table->blocks[i].rows.fault) {
            return pl_csv_place(context, name, text, 1, &table->blocks[i].rows);
        }
    }
    return context->status;
}

static enum pl_status write_time(struct pl_context *context, const struct table *table,
                                 struct pl_writer *writer)
{
    enum pl_status status = pl_writer_begin(context, writer, "time", PL_I64, 1, &table->rows);
    for (int64_t i = 0; i < table->count && !status; i++) {
        const struct pl_csv_rows *rows = &table->blocks[i].rows;
        status =
            pl_writer_bytes(context, writer, rows->time, (size_t)rows->count * sizeof *rows->time);
    }
    return status ? status : pl_writer_finish(context, writer);
}

static enum pl_status write_levels(struct pl_context *context, const char *name,
                                   const struct pl_levels *levels, struct pl_writer *writer)
{
    char tensor_name[PL_NAME_MAX + 1];
    size_t size;
    const char *words = pl_levels_tail(levels, 0, &size);
    int64_t dim = (int64_t)size;
    struct pl_tensor tensor = pl_tensor_view(PL_U8, 1, &dim, (void *)(uintptr_t)words);
    snprintf(tensor_name, sizeof tensor_name, "%s.levels", name);
    return pl_writer_tensor(context, writer, tensor_name, &tensor, PL_CODEC_RAW);
}

static enum pl_status write_text(struct pl_context *context, const struct table *table,
                                 int64_t text, struct pl_writer *writer)
{
    const char *name = table->plan.texts[text].tensor;
    struct pl_levels levels = {0};
    int32_t *codes = pl_resize(context, NULL, (size_t)table->rows + 1, sizeof *codes);
    enum pl_status status = codes ? PL_OK : context->status;
    int64_t row = 0;
    for (int64_t i = 0; i < table->count && !status; i++) {
        const struct pl_csv_rows *rows = &table->blocks[i].rows;
        status = pl_csv_translate(context, &table->plan, rows, text, &levels, codes + row);
        row += rows->count;
    }
    if (!status) {
        struct pl_tensor tensor = pl_tensor_view(PL_I32, 1, &table->rows, codes);
        status = pl_writer_tensor(context, writer, name, &tensor, PL_CODEC_RAW);
    }
    if (!status) {
        status = write_levels(context, name, &levels, writer);
    }
    pl_levels_release(&levels);
    free(codes);
    return status;
}

static enum pl_status write_values(struct pl_context *context, const struct table *table,
                                   enum pl_dtype dtype, struct pl_writer *writer)
{
    int64_t dims[] = {table->rows, table->plan.value_count};
    enum pl_status status = pl_writer_begin(context, writer, "values", dtype, 2, dims);
    for (int64_t i = 0; i < table->count && !status; i++) {
        const struct pl_csv_rows *rows = &table->blocks[i].rows;
        int64_t own[] = {rows->count, table->plan.value_count};
        struct pl_tensor tensor = pl_tensor_view(PL_F64, 2, own, rows->values), other = tensor;
        if (dtype != PL_F64) {
            status = pl_tensor_convert(context, &tensor, dtype, &other);
        }
        if (!status) {
            status = pl_writer_bytes(context, writer, other.data, pl_tensor_bytes(&other));
        }
        if (dtype != PL_F64) {
            pl_tensor_release(&other);
        }
    }
    return status ? status : pl_writer_finish(context, writer);
}

static enum pl_status write_table(struct pl_context *context, struct table *table,
                                  enum pl_dtype dtype, struct pl_writer *writer)
{
    enum pl_status status = pl_csv_write_head(context, &table->plan, writer);
    if (!status && table->plan.time >= 0) {
        status = write_time(context, table, writer);
    }
    for (int64_t i = 0; i < table->plan.text_count && !status; i++) {
        status = write_text(context, table, i, writer);
    }
    return status ? status : write_values(context, table, dtype, writer);
}

static enum pl_status parse_table(struct pl_context *context, struct table *table, const char *name,
                                  const char *text, const char *end)
{
    enum pl_status status = cut_blocks(context, table, end);
    if (!status) {
        status = make_room(context, table);
    }
    if (!status) {
        status = pl_parallel(context, table->count, parse_block, table);
        if (status) {
            return place(context, table, name, text);
        }
    }
    for (int64_t i = 0; i < table->count; i++) {
        table->rows += table->blocks[i].rows.count;
        table->replaced += table->blocks[i].rows.replaced;
    }
    if (!status && table->rows == 0) {
        return pl_fail(context, PL_BAD_DATA, "%s: no data rows", name);
    }
    return status;
}

/* The input's CRC-32, joined from what the blocks' parsers computed while they had the text at
 * hand; what lies around the blocks is added. */
static uint32_t join_sums(const struct table *table, const char *text, const char *end)
{
    const char *at = table->plan.body;
    uint32_t sum = pl_crc32(0, text, (size_t)(at - text));
    for (int64_t i = 0; i < table->count; i++) {
        const struct block *block = &table->blocks[i];
        sum = (uint32_t)crc32_combine(sum, block->sum, (z_off_t)(block->end - block->text));
        at = block->end;
    }
    return pl_crc32(sum, at, (size_t)(end - at));
}

enum pl_status pl_csv_import_file(struct pl_context *context, const struct pl_import *import,
                                  struct pl_bytes *bytes, struct pl_writer *writer)
{
    bool plain = bytes->file.map && !bytes->compressed;
    struct table table = {.mapped = bytes->spooled || plain,
                          .file = plain && !bytes->spooled ? &bytes->file : NULL};
    const uint8_t *data;
    size_t size;
    enum pl_dtype dtype;
    enum pl_status status = pl_csv_dtype(context, import, &dtype);
    if (!status) {
        status = pl_bytes_rest(context, bytes, &data, &size);
    }
    if (status) {
        return status;
    }
    const char *text = (const char *)data, *end = text + size;
    status = pl_csv_plan_init(context, &table.plan, import, bytes->name, text, size);
    if (status) {
        return status;
    }
    int64_t dropped;
    end = pl_csv_trim(&table.plan.dialect, table.plan.body, end, &dropped);
    status = parse_table(context, &table, bytes->name, text, end);
    if (!status) {
        pl_csv_note(context, &table.plan, bytes->name, dropped, table.replaced);
        pl_bytes_set_sum(bytes, join_sums(&table, text, text + size));
        status = write_table(context, &table, dtype, writer);
    }
    for (int64_t i = 0; i < table.count; i++) {
        pl_csv_rows_release(&table.plan, &table.blocks[i].rows);
    }
    free(table.blocks);
    free(table.values);
    free(table.time);
    free(table.codes);
    pl_csv_plan_release(&table.plan);
    return status;
}
