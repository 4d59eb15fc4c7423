/* Inputs read as vectors, segment by segment.
 * SPDX-License-Identifier: MIT */
#include "quantize/source.h"

#include <stdlib.h>
#include <string.h>

enum pl_status pl_vector_source_open(struct pl_context *context, struct pl_vector_source *source,
                                     const char *path, const struct pl_import *import)
{
    *source = (struct pl_vector_source){0};
    source->store.input = pl_input_open(context, path, import, &source->source);
    return source->store.input ? PL_OK : context->status;
}

static void leave_segment(struct pl_vector_source *source)
{
    pl_meta_release(&source->history);
    pl_meta_release(&source->codes);
    free(source->kind);
    free(source->sheets);
    free(source->entries);
    source->kind = NULL;
    source->sheets = NULL;
    source->entries = NULL;
    source->count = 0;
    source->vectors = 0;
}

void pl_vector_source_close(struct pl_vector_source *source)
{
    leave_segment(source);
    pl_store_release(&source->store);
    pl_reader_close(source->store.input);
    *source = (struct pl_vector_source){0};
}

static enum pl_status read_kind(struct pl_context *context, struct pl_vector_source *source,
                                struct pl_reader *reader)
{
    struct pl_meta meta = {0};
    const char *kind = NULL;
    enum pl_status status = pl_reader_meta(context, reader, &meta);
    if (status == PL_OK)
        status = pl_meta_text(context, meta.root, "kind", &kind);
    if (status == PL_OK && kind) {
        free(source->kind);
        source->kind = pl_copy_text(context, kind);
        status = source->kind ? PL_OK : context->status;
    }
    pl_meta_release(&meta);
    return status;
}

static enum pl_status read_document(struct pl_context *context, struct pl_reader *reader,
                                    struct pl_meta *document)
{
    pl_meta_release(document);
    return pl_reader_meta(context, reader, document);
}

/* The kind and the other documents; of several documents of a name the last counts. */
static enum pl_status read_documents(struct pl_context *context, struct pl_vector_source *source)
{
    struct pl_reader *reader = source->store.reader;
    const struct pl_record *record = NULL;
    enum pl_status status = pl_reader_seek(context, reader, source->store.directory.begin);
    while (status == PL_OK) {
        status = pl_reader_next(context, reader, &record);
        if (status || !record || record->header.kind == PL_RECORD_END)
            break;
        if (record->header.kind != PL_RECORD_META)
            continue;
        if (strcmp(record->header.name, "stream") == 0)
            status = read_kind(context, source, reader);
        else if (strcmp(record->header.name, "history") == 0)
            status = read_document(context, reader, &source->history);
        else if (strcmp(record->header.name, "codes") == 0)
            status = read_document(context, reader, &source->codes);
    }
    if (status == PL_OK && !source->kind)
        source->kind = pl_copy_text(context, "tensors");
    return status || source->kind ? status : context->status;
}

enum pl_status pl_vector_source_next(struct pl_context *context, struct pl_vector_source *source,
                                     bool *found)
{
    leave_segment(source);
    enum pl_status status = pl_store_next(context, &source->store, found);
    return status || !*found ? status : read_documents(context, source);
}

static enum pl_status no_vectors(struct pl_context *context, const struct pl_vector_source *source,
                                 const struct pl_cut *cut)
{
    const struct pl_directory *directory = &source->store.directory;
    return pl_fail(
        context, PL_BAD_DATA, "%s: no vectors among %zu tensor%s, of which '%s' has rank %d (%s)",
        pl_reader_name(source->store.input), directory->count, directory->count == 1 ? "" : "s",
        directory->entries[0].name, directory->entries[0].rank,
        cut->height == 1 && cut->width == 0
            ? "rows are vectors: rank 2 at least; --frame cuts frames of a single row"
            : "patches and frames are cut from tensors of rows");
}

enum pl_status pl_vector_source_cut(struct pl_context *context, struct pl_vector_source *source,
                                    const struct pl_cut *cut)
{
    const struct pl_directory *directory = &source->store.directory;
    source->sheets = pl_new(context, directory->count, sizeof *source->sheets);
    source->entries = pl_new(context, directory->count, sizeof *source->entries);
    if (!source->sheets || !source->entries)
        return context->status;
    for (size_t i = 0; i < directory->count; i++) {
        const struct pl_directory_entry *entry = &directory->entries[i];
        struct pl_sheet *sheet = &source->sheets[source->count];
        if (!pl_cut_takes(cut, source->kind, entry->name, entry->rank))
            continue;
        if (pl_cut_plan(context, cut, source->kind, entry->name, entry->dtype, entry->rank,
                        entry->dims, sheet))
            return pl_fail_at(context, "%s", pl_reader_name(source->store.input));
        source->entries[source->count++] = entry;
        if (!pl_add_int64(source->vectors, sheet->vectors, &source->vectors))
            return pl_fail(context, PL_BAD_DATA, "too many vectors");
    }
    return source->count == 0 && directory->count > 0 ? no_vectors(context, source, cut) : PL_OK;
}

enum pl_status pl_vector_source_expect(struct pl_context *context,
                                       const struct pl_vector_source *source, int64_t size)
{
    for (size_t i = 0; i < source->count; i++) {
        const struct pl_sheet *sheet = &source->sheets[i];
        if (sheet->vectors == 0 || sheet->size == size)
            continue;
        if (sheet->patches)
            return pl_fail(context, PL_BAD_DATA,
                           "%s: tensor '%s': patches of %lldx%lld with %lld channels have %lld "
                           "numbers, and those of the codebook %lld",
                           pl_reader_name(source->store.input), sheet->name,
                           (long long)sheet->patch_height, (long long)sheet->patch_width,
                           (long long)sheet->channels, (long long)sheet->size, (long long)size);
        return pl_fail(context, PL_BAD_DATA,
                       "%s: tensor '%s': vectors of %lld numbers, and those of the codebook have "
                       "%lld",
                       pl_reader_name(source->store.input), sheet->name, (long long)sheet->size,
                       (long long)size);
    }
    return PL_OK;
}

/* Whether a record is copied: not what the result has of its own. */
static bool is_copied(const struct pl_header *header, pl_left_out_fn *left_out, const void *user)
{
    switch (header->kind) {
    case PL_RECORD_META:
        return strcmp(header->name, "stream") != 0 && strcmp(header->name, "history") != 0 &&
               strcmp(header->name, "codes") != 0;
    case PL_RECORD_TENSOR:
    case PL_RECORD_CHUNK:
    case PL_RECORD_CLOSE:
        return !left_out(user, header->name);
    default:
        return header->kind == PL_RECORD_PRIVATE;
    }
}

enum pl_status pl_vector_source_copy(struct pl_context *context, struct pl_vector_source *source,
                                     pl_left_out_fn *left_out, const void *user,
                                     struct pl_writer *writer)
{
    struct pl_reader *reader = source->store.reader;
    const struct pl_record *record = NULL;
    enum pl_status status = pl_reader_seek(context, reader, source->store.directory.begin);
    while (status == PL_OK) {
        status = pl_reader_next(context, reader, &record);
        if (status || !record || record->header.kind == PL_RECORD_END)
            break;
        if (is_copied(&record->header, left_out, user))
            status = pl_writer_copy(context, writer, reader, NULL);
    }
    return status;
}

uint32_t pl_vector_source_sum(const struct pl_vector_source *source)
{
    return source->source.format == PL_FORMAT_STREAM ? source->store.directory.sum
                                                     : source->source.sum;
}
