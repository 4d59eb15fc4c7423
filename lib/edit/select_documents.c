/* The documents of a selected segment, and the columns they speak of.
 * SPDX-License-Identifier: MIT
 *
 * Where columns are selected, documents are held back until the names of the columns are known,
 * since `stream` and `series` depend on them. */
#include <stdlib.h>
#include <string.h>

#include "edit/select_job.h"
#include "stream/bundle.h"

static enum pl_status write_document(struct pl_select_job *job, const char *name,
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
    if (status == PL_OK && !job->explanation)
        status = pl_writer_meta(job->context, job->writer, name, document);
    pl_meta_release(&rewritten);
    return status;
}

static enum pl_status hold(struct pl_select_job *job, const char *name, struct pl_meta *meta)
{
    struct pl_held *held =
        pl_resize(job->context, job->held, job->held_count + 1, sizeof *job->held);
    if (!held)
        return PL_SYSTEM;
    job->held = held;
    held[job->held_count] = (struct pl_held){.name = pl_copy_text(job->context, name)};
    if (!held[job->held_count].name)
        return PL_SYSTEM;
    held[job->held_count++].meta = *meta;
    *meta = (struct pl_meta){0};
    return PL_OK;
}

void pl_select_release_held(struct pl_select_job *job)
{
    for (size_t i = 0; i < job->held_count; i++) {
        free(job->held[i].name);
        pl_meta_release(&job->held[i].meta);
    }
    free(job->held);
    job->held = NULL;
    job->held_count = 0;
}

enum pl_status pl_select_document(struct pl_select_job *job, const char *name)
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
        job->scene.is_series = pl_kind_is_series(kind);
        by_columns = job->scene.is_series &&
                     (job->select->patterns.count > 0 || job->select->renames.count > 0);
        job->scene.by_columns = by_columns;
    }
    if (status == PL_OK && is_history) {
        pl_meta_release(&job->selected->history);
        job->selected->history = meta;
        return PL_OK;
    }
    if (status == PL_OK && !by_columns && !job->explanation)
        status = pl_writer_copy(job->context, job->writer, job->reader, NULL);
    else if (status == PL_OK && by_columns && !job->decided)
        status = hold(job, name, &meta);
    else if (status == PL_OK && by_columns)
        status = write_document(job, name, meta.root);
    pl_meta_release(&meta);
    return status;
}

static enum pl_status decide(struct pl_select_job *job, const struct pl_buffer *names)
{
    struct pl_columns *columns = &job->scene.columns;
    enum pl_status status =
        pl_columns_decide(job->context, columns, &job->select->patterns, names->data, names->size);
    job->decided = true;
    for (int64_t i = 0; i < columns->names.count && status == PL_OK; i++)
        status = pl_name_list_add(job->context, &job->there, columns->names.items[i]);
    for (size_t i = 0; i < job->held_count && status == PL_OK; i++)
        status = write_document(job, job->held[i].name, job->held[i].meta.root);
    pl_select_release_held(job);
    return status;
}

/* Decides from the record at hand, a solid `series.names`. */
static enum pl_status decide_here(struct pl_select_job *job)
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
static enum pl_status decide_ahead(struct pl_select_job *job, uint64_t back)
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
enum pl_status pl_select_find_columns(struct pl_select_job *job, const struct pl_record *record,
                                      bool *again)
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
        status = pl_select_spool(job, true, &found);
        back = job->ahead.begin;
    }
    return status == PL_OK ? decide_ahead(job, back) : status;
}
