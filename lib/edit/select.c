/* Copying the selected part of a stream.
 * SPDX-License-Identifier: MIT
 *
 * Records come one by one; each is dropped, copied as stored, or decoded and transformed.  Three
 * questions cannot always be answered when they come up:
 *
 *     which columns does the series have?     needed at its first tensor, told by `series.names`
 *     how many rows will there be?            needed to count from the end, told at the close
 *     which tensor comes first in the order?  told by the end record
 *
 * In a mapped file the answer is looked up: the segment's headers are read first, then it is read
 * again from its start.  A pipe is spooled to become such a file, but only when one of the answers
 * is needed and has not come: a live series whose names come first flows through. */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "edit/select_job.h"

/* Reads the segment's headers from the reader's place, which is its start, and goes back there. */
static enum pl_status scan_ahead(struct pl_select_job *job, bool *found)
{
    enum pl_status status = pl_directory_scan(job->context, &job->ahead, job->reader, found);
    job->has_ahead = status == PL_OK && *found;
    return job->has_ahead ? pl_reader_seek(job->context, job->reader, job->ahead.begin) : status;
}

enum pl_status pl_select_spool(struct pl_select_job *job, bool current, bool *found)
{
    struct pl_reader *spooled;
    enum pl_status status = pl_spool_segment(job->context, job->input, current, &spooled);
    *found = status == PL_OK && spooled;
    if (!*found)
        return status;
    job->reader = spooled;
    return scan_ahead(job, found);
}

/* One record in the order of the stream. */
static enum pl_status take_record(struct pl_select_job *job, const struct pl_record *record)
{
    const struct pl_header *header = &record->header;
    enum pl_status status;
    switch (header->kind) {
    case PL_RECORD_META:
        status = pl_select_check_free(job, "");
        return status == PL_OK ? pl_select_document(job, header->name) : status;
    case PL_RECORD_PRIVATE:
        status = pl_select_check_free(job, "");
        if (status != PL_OK || job->explanation)
            return status;
        return pl_writer_copy(job->context, job->writer, job->reader, NULL);
    case PL_RECORD_TENSOR:
        return pl_select_tensor(job, header);
    case PL_RECORD_CHUNK:
    case PL_RECORD_CLOSE:
        return pl_select_part(job, header);
    default:
        return PL_OK;
    }
}

/* All records but, with tensors = false, those of tensors. */
static enum pl_status take_records(struct pl_select_job *job, bool tensors, bool *found)
{
    const struct pl_record *record;
    enum pl_status status;
    *found = false;
    while ((status = pl_reader_next(job->context, job->reader, &record)) == PL_OK && record) {
        enum pl_record_kind kind = record->header.kind;
        bool again = false;
        *found = true;
        if (job->scene.by_columns && !job->decided && kind != PL_RECORD_META)
            status = pl_select_find_columns(job, record, &again);
        if (status != PL_OK || (kind == PL_RECORD_END && !again))
            break;
        bool other = kind == PL_RECORD_META || kind == PL_RECORD_PRIVATE;
        if (!again && (tensors || other))
            status = take_record(job, record);
        if (status != PL_OK)
            break;
    }
    return status;
}

struct ranked {
    const struct pl_directory_entry *entry;
    size_t rank; /* of the pattern that matches it */
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct ranked *)a)->entry->name, ((const struct ranked *)b)->entry->name);
}

/* Equal ones stay in the order of the stream. */
static int compare_offsets(const struct ranked *a, const struct ranked *b)
{
    return (a->entry->offset > b->entry->offset) - (a->entry->offset < b->entry->offset);
}

static int compare_sizes(const void *a, const void *b)
{
    uint64_t left = pl_directory_bytes(((const struct ranked *)a)->entry);
    uint64_t right = pl_directory_bytes(((const struct ranked *)b)->entry);
    return left != right ? (left > right) - (left < right) : compare_offsets(a, b);
}

static int compare_ranks(const void *a, const void *b)
{
    size_t left = ((const struct ranked *)a)->rank, right = ((const struct ranked *)b)->rank;
    return left != right ? (left > right) - (left < right) : compare_offsets(a, b);
}

static size_t rank_of(const struct pl_patterns *list, const char *name)
{
    size_t rank = 0;
    while (rank < list->count && !pl_glob_match(list->items[rank].glob, name))
        rank++;
    return rank;
}

/* One tensor out of turn: from its record to its close. */
static enum pl_status take_entry(struct pl_select_job *job, const struct pl_directory_entry *entry)
{
    const struct pl_record *record;
    enum pl_status status = pl_reader_seek(job->context, job->reader, entry->offset);
    bool more = true;
    while (status == PL_OK && more) {
        status = pl_reader_next(job->context, job->reader, &record);
        if (status != PL_OK || !record || record->header.kind == PL_RECORD_END)
            break;
        const struct pl_header *header = &record->header;
        bool of_tensor = header->kind == PL_RECORD_TENSOR || header->kind == PL_RECORD_CHUNK ||
                         header->kind == PL_RECORD_CLOSE;
        if (!of_tensor || strcmp(header->name, entry->name) != 0)
            continue;
        more = entry->chunked && header->kind != PL_RECORD_CLOSE;
        status = take_record(job, record);
    }
    return status;
}

/* Documents and private records first, then the tensors in their order. */
static enum pl_status take_in_order(struct pl_select_job *job)
{
    static int (*const orders[])(const void *, const void *) = {
        [PL_ORDER_NAME] = compare_names,
        [PL_ORDER_SIZE] = compare_sizes,
        [PL_ORDER_LIST] = compare_ranks,
    };
    const struct pl_record *record;
    size_t count = job->ahead.count;
    bool found;
    struct ranked *ranked = pl_new(job->context, count, sizeof *ranked);
    if (!ranked)
        return PL_SYSTEM;
    for (size_t i = 0; i < count; i++) {
        ranked[i].entry = &job->ahead.entries[i];
        ranked[i].rank = rank_of(&job->select->order_list, ranked[i].entry->name);
    }
    qsort(ranked, count, sizeof *ranked, orders[job->select->order]);
    enum pl_status status = take_records(job, false, &found);
    for (size_t i = 0; i < count && status == PL_OK; i++)
        status = take_entry(job, ranked[i].entry);
    free(ranked);
    if (status == PL_OK) /* on to the next segment */
        status = pl_reader_seek(job->context, job->reader, job->ahead.end);
    return status == PL_OK ? pl_reader_next(job->context, job->reader, &record) : status;
}

static enum pl_status take_segment(struct pl_select_job *job, bool *found)
{
    bool ordered = job->select->order != PL_ORDER_STREAM;
    enum pl_status status = PL_OK;
    *found = true;
    if (pl_reader_is_mapped(job->input))
        status = scan_ahead(job, found);
    else if (ordered || pl_plan_counts_from_end(job->select))
        status = pl_select_spool(job, false, found);
    if (status != PL_OK || !*found)
        return status;
    status = ordered ? take_in_order(job) : take_records(job, true, found);
    if (status != PL_OK || !*found)
        return status;
    job->selected->sum = pl_reader_sum(job->input);
    return pl_plan_check_used(job->context, job->select,
                              pl_name_list_text(job->context, &job->there));
}

static enum pl_status run_job(struct pl_select_job *job, bool *found)
{
    pl_plan_reset(job->select);
    enum pl_status status = take_segment(job, found);
    for (size_t i = 0; i < job->plan_count; i++) {
        pl_transform_release(&job->plans[i]->transform);
        free(job->plans[i]);
    }
    pl_select_release_held(job);
    pl_columns_release(&job->scene.columns);
    pl_name_list_release(&job->there);
    pl_directory_release(&job->ahead);
    if (job->reader != job->input)
        pl_reader_close(job->reader);
    return status;
}

enum pl_status pl_select_segment(struct pl_context *context, struct pl_select *select,
                                 struct pl_reader *reader, struct pl_writer *writer,
                                 struct pl_selected *selected, bool *found)
{
    struct pl_select_job job = {.context = context,
                                .select = select,
                                .writer = writer,
                                .selected = selected,
                                .input = reader,
                                .reader = reader};
    *selected = (struct pl_selected){0};
    return run_job(&job, found);
}

enum pl_status pl_select_explain(struct pl_context *context, struct pl_select *select,
                                 struct pl_reader *reader, struct pl_buffer *out, bool *found)
{
    struct pl_selected selected = {0};
    struct pl_explanation explanation = {.table = {.align = "lllrl"}};
    struct pl_select_job job = {.context = context,
                                .select = select,
                                .selected = &selected,
                                .input = reader,
                                .reader = reader,
                                .explanation = &explanation};
    static const char *const heads[] = {"TENSOR", "DTYPE", "SHAPE", "SIZE", "HOW"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        pl_table_cell(context, &explanation.table, "%s", heads[i]);
    enum pl_status status = run_job(&job, found);
    if (status == PL_OK && *found)
        status = pl_table_write(context, &explanation.table, out);
    if (status == PL_OK && *found) {
        char bytes[PL_NUMBER_SIZE], memory[PL_NUMBER_SIZE];
        pl_format_bytes(bytes, explanation.bytes);
        pl_format_bytes(memory, explanation.memory);
        status = pl_buffer_printf(context, out, "%s of elements, %s of memory\n", bytes, memory);
    }
    pl_table_release(&explanation.table);
    pl_meta_release(&selected.history);
    return status;
}
