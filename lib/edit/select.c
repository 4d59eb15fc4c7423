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
#include "edit/select.h"

#include <stdlib.h>
#include <string.h>

#include "edit/plan.h"
#include "stream/directory.h"

/* A document that waits for the columns to be known. */
struct held {
    char *name;
    struct pl_meta meta;
};

/* The work on one segment. */
struct job {
    struct pl_context *context;
    struct pl_select *select;
    struct pl_writer *writer;
    struct pl_selected *selected;
    struct pl_reader *input, *reader; /* the reader is the input, or its spooled segment */
    struct pl_directory ahead;        /* of the segment, where it was looked up */
    bool has_ahead;
    struct pl_scene scene;
    bool decided; /* the columns, where they count */
    struct held *held;
    size_t held_count;
    struct pl_plan *plans[PL_OPEN_MAX]; /* of the open chunked tensors */
    size_t plan_count;
    struct pl_name_list there; /* names seen, for messages */
};

/* ---- looking ahead */

/* Reads the segment's headers from the reader's place, which is its start, and goes back there. */
static enum pl_status scan_ahead(struct job *job, bool *found)
{
    enum pl_status status = pl_directory_scan(job->context, &job->ahead, job->reader, found);
    job->has_ahead = status == PL_OK && *found;
    return job->has_ahead ? pl_reader_seek(job->context, job->reader, job->ahead.begin) : status;
}

/* Turns what is left of a pipe's segment into a file, from the current record on or the next. */
static enum pl_status spool(struct job *job, bool current, bool *found)
{
    struct pl_reader *spooled;
    enum pl_status status = pl_spool_segment(job->context, job->input, current, &spooled);
    *found = status == PL_OK && spooled;
    if (!*found)
        return status;
    job->reader = spooled;
    return scan_ahead(job, found);
}

/* ---- documents */

static enum pl_status write_document(struct job *job, const char *name,
                                     const struct pl_meta_node *document)
{
    struct pl_select *select = job->select;
    const struct pl_columns *columns = &job->scene.columns;
    bool is_stream = strcmp(name, "stream") == 0, is_series = strcmp(name, "series") == 0;
    struct pl_meta rewritten = {0};
    /* Bare tensors are no series, unless what makes one is among them. */
    bool series = !columns->bare || (pl_patterns_keep(&select->patterns, "values") &&
                                     pl_patterns_keep(&select->patterns, "series.names"));
    if ((is_stream || is_series) && !series)
        return PL_OK;
    enum pl_status status = PL_OK;
    if (is_series && document && document->kind == PL_META_MAP && !columns->bare) {
        status = pl_columns_document(job->context, columns, &select->patterns, &select->renames,
                                     document, &rewritten);
        document = rewritten.root;
    }
    if (status == PL_OK)
        status = pl_writer_meta(job->context, job->writer, name, document);
    pl_meta_release(&rewritten);
    return status;
}

static enum pl_status hold(struct job *job, const char *name, struct pl_meta *meta)
{
    struct held *held = pl_resize(job->context, job->held, job->held_count + 1, sizeof *job->held);
    if (!held)
        return PL_SYSTEM;
    job->held = held;
    held[job->held_count] = (struct held){.name = pl_copy_text(job->context, name)};
    if (!held[job->held_count].name)
        return PL_SYSTEM;
    held[job->held_count++].meta = *meta;
    *meta = (struct pl_meta){0};
    return PL_OK;
}

static void release_held(struct job *job)
{
    for (size_t i = 0; i < job->held_count; i++) {
        free(job->held[i].name);
        pl_meta_release(&job->held[i].meta);
    }
    free(job->held);
    job->held = NULL;
    job->held_count = 0;
}

static enum pl_status take_document(struct job *job, const char *name)
{
    struct pl_meta meta = {0};
    const char *kind = "tensors";
    bool is_stream = strcmp(name, "stream") == 0, is_history = strcmp(name, "history") == 0;
    bool by_columns = job->scene.by_columns;
    enum pl_status status = PL_OK;
    if (is_stream || is_history || by_columns)
        status = pl_reader_meta(job->context, job->reader, &meta);
    if (status == PL_OK && is_stream) {
        status = pl_meta_text(job->context, meta.root, "kind", &kind);
        job->scene.is_series = strcmp(kind, "series") == 0;
        by_columns = job->scene.is_series &&
                     (job->select->patterns.count > 0 || job->select->renames.count > 0);
        job->scene.by_columns = by_columns;
    }
    if (status == PL_OK && is_history) {
        pl_meta_release(&job->selected->history);
        job->selected->history = meta;
        return PL_OK;
    }
    if (status == PL_OK && !by_columns)
        status = pl_writer_copy(job->context, job->writer, job->reader, NULL);
    else if (status == PL_OK && !job->decided)
        status = hold(job, name, &meta);
    else if (status == PL_OK)
        status = write_document(job, name, meta.root);
    pl_meta_release(&meta);
    return status;
}

/* ---- columns */

static enum pl_status decide(struct job *job, const struct pl_buffer *names)
{
    struct pl_columns *columns = &job->scene.columns;
    enum pl_status status =
        pl_columns_decide(job->context, columns, &job->select->patterns, names->data, names->size);
    job->decided = true;
    for (int64_t i = 0; i < columns->names.count && status == PL_OK; i++)
        status = pl_name_list_add(job->context, &job->there, columns->names.items[i]);
    for (size_t i = 0; i < job->held_count && status == PL_OK; i++)
        status = write_document(job, job->held[i].name, job->held[i].meta.root);
    release_held(job);
    return status;
}

/* Decides from the record at hand, a solid `series.names`. */
static enum pl_status decide_here(struct job *job)
{
    struct pl_buffer names = {0};
    const void *elements;
    int64_t count = 1;
    enum pl_status status = PL_OK;
    while (status == PL_OK && count > 0) {
        status = pl_reader_elements(job->context, job->reader, &elements, &count);
        if (status == PL_OK)
            status = pl_buffer_append(job->context, &names, elements, (size_t)count);
    }
    if (status == PL_OK)
        status = decide(job, &names);
    pl_buffer_release(&names);
    return status;
}

/* Decides from the `series.names` somewhere ahead, and comes back. */
static enum pl_status decide_ahead(struct job *job, uint64_t back)
{
    struct pl_buffer names = {0};
    struct pl_elements elements;
    const void *data;
    int64_t count = 1;
    const struct pl_directory_entry *entry =
        pl_directory_find(job->context, &job->ahead, "series.names");
    enum pl_status status = PL_OK;
    if (entry && entry->dtype == PL_U8)
        status = pl_elements_start(job->context, &elements, job->reader, entry);
    while (entry && entry->dtype == PL_U8 && status == PL_OK && count > 0) {
        status = pl_elements_next(job->context, &elements, &data, &count);
        if (status == PL_OK)
            status = pl_buffer_append(job->context, &names, data, (size_t)count);
    }
    if (status == PL_OK)
        status = decide(job, &names);
    if (status == PL_OK)
        status = pl_reader_seek(job->context, job->reader, back);
    pl_buffer_release(&names);
    return status;
}

/* The first record that is no document has come and the columns are not known.  *again: the reader
 * went to a place before it. */
static enum pl_status find_columns(struct job *job, const struct pl_record *record, bool *again)
{
    const struct pl_header *header = &record->header;
    bool is_names = header->kind == PL_RECORD_TENSOR && !header->chunked &&
                    header->dtype == PL_U8 && strcmp(header->name, "series.names") == 0;
    bool found;
    enum pl_status status = PL_OK;
    *again = false;
    if (!job->has_ahead && (is_names || header->kind == PL_RECORD_END))
        return is_names ? decide_here(job) : decide(job, &(struct pl_buffer){0});
    *again = true;
    uint64_t back = record->offset;
    if (!job->has_ahead) {
        status = spool(job, true, &found);
        back = job->ahead.begin;
    }
    return status == PL_OK ? decide_ahead(job, back) : status;
}

/* ---- tensors */

static enum pl_status write_names(struct job *job, const struct pl_plan *plan)
{
    struct pl_tensor tensor;
    enum pl_status status =
        pl_columns_names(job->context, &job->scene.columns, &job->select->renames, &tensor);
    if (status == PL_OK)
        status = pl_writer_tensor(job->context, job->writer, plan->transform.name, &tensor,
                                  job->select->recode ? job->select->codec : PL_CODEC_RAW);
    pl_tensor_release(&tensor);
    return status;
}

static enum pl_status push_elements(struct job *job, struct pl_transform *transform)
{
    const void *elements;
    int64_t count = 1;
    enum pl_status status = PL_OK;
    while (status == PL_OK && count > 0) {
        status = pl_reader_elements(job->context, job->reader, &elements, &count);
        if (status == PL_OK && count > 0)
            status = pl_transform_push(job->context, transform, job->writer, elements, count);
    }
    return status;
}

/* A half written solid tensor allows no other record. */
static enum pl_status check_free(struct job *job, const char *name)
{
    for (size_t i = 0; i < job->plan_count; i++) {
        const struct pl_plan *plan = job->plans[i];
        bool solid =
            plan->keep && !plan->copy && !plan->names && pl_transform_is_solid(&plan->transform);
        if (solid && strcmp(plan->name, name) != 0)
            return pl_fail(job->context, PL_BAD_DATA,
                           "'%s' cannot become one piece, since other records come between its "
                           "chunks; select it alone with -n",
                           plan->name);
    }
    return PL_OK;
}

/* Length of a tensor whose header does not tell it, where something is counted from its end. */
static int64_t rows_ahead(struct job *job, const struct pl_header *header)
{
    const struct pl_directory_entry *entry = NULL;
    if (job->has_ahead && pl_plan_counts_from_end(job->select))
        entry = pl_directory_find(job->context, &job->ahead, header->name);
    return entry && entry->rank > 0 ? entry->dims[0] : -1;
}

/* The record as stored; its header is only touched when the name changes. */
static enum pl_status copy_record(struct job *job, const struct pl_plan *plan)
{
    const char *name = plan->transform.name;
    bool same = strcmp(plan->name, name) == 0;
    return pl_writer_copy(job->context, job->writer, job->reader, same ? NULL : name);
}

static enum pl_status start_plan(struct job *job, struct pl_plan *plan)
{
    enum pl_status status = check_free(job, plan->name);
    if (status != PL_OK)
        return status;
    if (plan->names)
        return write_names(job, plan);
    if (plan->copy)
        return copy_record(job, plan);
    return pl_transform_start(job->context, &plan->transform, job->writer);
}

static enum pl_status take_tensor(struct job *job, const struct pl_header *header)
{
    struct pl_plan *plan = pl_new(job->context, 1, sizeof *plan);
    if (!plan)
        return PL_SYSTEM;
    bool chunked = header->chunked;
    enum pl_status status = pl_name_list_add(job->context, &job->there, header->name);
    if (status == PL_OK)
        status = pl_plan_tensor(job->context, job->select, &job->scene, header,
                                rows_ahead(job, header), plan);
    if (status == PL_OK && plan->keep)
        status = start_plan(job, plan);
    if (status == PL_OK && chunked) { /* the reader sees to it that no more than 64 are open */
        job->plans[job->plan_count++] = plan;
        return PL_OK;
    }
    if (status == PL_OK && plan->keep && !plan->copy && !plan->names) {
        status = push_elements(job, &plan->transform);
        if (status == PL_OK)
            status = pl_transform_finish(job->context, &plan->transform, job->writer);
    }
    pl_transform_release(&plan->transform);
    free(plan);
    return status;
}

/* A chunk, or with `closes` the close, of an open tensor. */
static enum pl_status take_part(struct job *job, const struct pl_header *header)
{
    struct pl_context *context = job->context;
    bool closes = header->kind == PL_RECORD_CLOSE;
    size_t i = 0;
    while (i < job->plan_count && strcmp(job->plans[i]->name, header->name) != 0)
        i++;
    if (i == job->plan_count)
        return PL_OK;
    struct pl_plan *plan = job->plans[i];
    struct pl_transform *transform = &plan->transform;
    enum pl_status status = PL_OK;
    if (plan->keep && !plan->names)
        status = check_free(job, header->name);
    if (status == PL_OK && plan->keep && plan->copy) {
        status = copy_record(job, plan);
    } else if (status == PL_OK && plan->keep && !plan->names) {
        pl_transform_chunk_begin(transform, header->codec);
        if (closes)
            status = pl_transform_finish(context, transform, job->writer);
        else
            status = push_elements(job, transform);
        if (status == PL_OK && !closes)
            status = pl_transform_chunk_end(context, transform, job->writer);
    }
    if (status == PL_OK && closes) {
        pl_transform_release(transform);
        free(plan);
        job->plans[i] = job->plans[--job->plan_count];
    }
    return status;
}

/* ---- the segment */

/* One record in the order of the stream. */
static enum pl_status take_record(struct job *job, const struct pl_record *record)
{
    const struct pl_header *header = &record->header;
    enum pl_status status;
    switch (header->kind) {
    case PL_RECORD_META:
        status = check_free(job, "");
        return status == PL_OK ? take_document(job, header->name) : status;
    case PL_RECORD_PRIVATE:
        status = check_free(job, "");
        return status == PL_OK ? pl_writer_copy(job->context, job->writer, job->reader, NULL)
                               : status;
    case PL_RECORD_TENSOR:
        return take_tensor(job, header);
    case PL_RECORD_CHUNK:
    case PL_RECORD_CLOSE:
        return take_part(job, header);
    default:
        return PL_OK;
    }
}

/* All records but, with tensors = false, those of tensors. */
static enum pl_status take_records(struct job *job, bool tensors, bool *found)
{
    const struct pl_record *record;
    enum pl_status status;
    *found = false;
    while ((status = pl_reader_next(job->context, job->reader, &record)) == PL_OK && record) {
        enum pl_record_kind kind = record->header.kind;
        bool again = false;
        *found = true;
        if (job->scene.by_columns && !job->decided && kind != PL_RECORD_META)
            status = find_columns(job, record, &again);
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
static enum pl_status take_entry(struct job *job, const struct pl_directory_entry *entry)
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
static enum pl_status take_in_order(struct job *job)
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

static enum pl_status take_segment(struct job *job, bool *found)
{
    bool ordered = job->select->order != PL_ORDER_STREAM;
    enum pl_status status = PL_OK;
    *found = true;
    if (pl_reader_is_mapped(job->input))
        status = scan_ahead(job, found);
    else if (ordered || pl_plan_counts_from_end(job->select))
        status = spool(job, false, found);
    if (status != PL_OK || !*found)
        return status;
    status = ordered ? take_in_order(job) : take_records(job, true, found);
    if (status != PL_OK || !*found)
        return status;
    job->selected->sum = pl_reader_sum(job->input);
    return pl_plan_check_used(job->context, job->select,
                              pl_name_list_text(job->context, &job->there));
}

enum pl_status pl_select_segment(struct pl_context *context, struct pl_select *select,
                                 struct pl_reader *reader, struct pl_writer *writer,
                                 struct pl_selected *selected, bool *found)
{
    struct job job = {.context = context,
                      .select = select,
                      .writer = writer,
                      .selected = selected,
                      .input = reader,
                      .reader = reader};
    *selected = (struct pl_selected){0};
    pl_plan_reset(select);
    enum pl_status status = take_segment(&job, found);
    for (size_t i = 0; i < job.plan_count; i++) {
        pl_transform_release(&job.plans[i]->transform);
        free(job.plans[i]);
    }
    release_held(&job);
    pl_columns_release(&job.scene.columns);
    pl_name_list_release(&job.there);
    pl_directory_release(&job.ahead);
    if (job.reader != job.input)
        pl_reader_close(job.reader);
    return status;
}
