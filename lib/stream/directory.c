/* What a segment holds and where.
 * SPDX-License-Identifier: MIT */
#include "stream/directory.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void pl_directory_reset(struct pl_directory *directory)
{
    free(directory->order);
    directory->order = NULL;
    directory->count = directory->open_count = 0;
    directory->begin = directory->end = directory->records = directory->size = 0;
    pl_arena_reset(&directory->arena);
}

void pl_directory_release(struct pl_directory *directory)
{
    free(directory->entries);
    free(directory->order);
    pl_arena_release(&directory->arena);
    *directory = (struct pl_directory){0};
}

static enum pl_status add_tensor(struct pl_context *context, struct pl_directory *directory,
                                 const struct pl_record *record)
{
    const struct pl_header *header = &record->header;
    if (directory->count == directory->capacity) {
        size_t capacity = directory->capacity ? 2 * directory->capacity : 16;
        struct pl_directory_entry *entries =
            pl_resize(context, directory->entries, capacity, sizeof *entries);
        if (!entries)
            return PL_SYSTEM;
        directory->entries = entries;
        directory->capacity = capacity;
    }
    const char *name =
        pl_arena_text(context, &directory->arena, header->name, strlen(header->name));
    if (!name)
        return PL_SYSTEM;
    struct pl_directory_entry *entry = &directory->entries[directory->count];
    *entry = (struct pl_directory_entry){.name = name,
                                         .dtype = header->dtype,
                                         .rank = header->rank,
                                         .chunked = header->chunked,
                                         .codec = header->codec,
                                         .stored = header->bytes,
                                         .offset = record->offset};
    memcpy(entry->dims, header->dims, sizeof entry->dims);
    if (entry->chunked) {
        if (directory->open_count == PL_OPEN_MAX)
            return pl_fail(context, PL_BAD_DATA, "more than %d tensors are open", PL_OPEN_MAX);
        directory->open[directory->open_count++] = directory->count;
        entry->dims[0] = 0;
        entry->codec = PL_CODEC_RAW;
    }
    directory->current = directory->count++;
    return PL_OK;
}

/* Position in `open` of the entry that a chunk or a close belongs to. */
static size_t find_open(const struct pl_directory *directory, const char *name)
{
    size_t i = directory->open_count;
    while (i > 0 && strcmp(directory->entries[directory->open[i - 1]].name, name) != 0)
        i--;
    return i;
}

enum pl_status pl_directory_add(struct pl_context *context, struct pl_directory *directory,
                                const struct pl_record *record)
{
    const struct pl_header *header = &record->header;
    directory->current = SIZE_MAX;
    if (record->index == 0)
        directory->begin = record->offset;
    if (header->kind == PL_RECORD_TENSOR)
        return add_tensor(context, directory, record);
    if (header->kind == PL_RECORD_END) {
        directory->end = record->offset;
        directory->records = header->end_records;
        directory->size = header->end_size;
        directory->sum = header->end_sum;
    }
    if (header->kind != PL_RECORD_CHUNK && header->kind != PL_RECORD_CLOSE)
        return PL_OK;
    size_t position = find_open(directory, header->name);
    if (position == 0) /* opened before the directory began */
        return PL_OK;
    directory->current = directory->open[position - 1];
    if (header->kind == PL_RECORD_CLOSE) {
        directory->open[position - 1] = directory->open[--directory->open_count];
        return PL_OK;
    }
    struct pl_directory_entry *entry = &directory->entries[directory->current];
    if (!pl_add_int64(entry->dims[0], header->rows, &entry->dims[0]))
        return pl_fail(context, PL_BAD_DATA, "'%s' has too many rows", entry->name);
    if (entry->chunks == 0)
        entry->codec = header->codec;
    entry->mixed |= header->codec != entry->codec;
    entry->chunks++;
    entry->stored += header->bytes;
    return PL_OK;
}

enum pl_status pl_directory_scan(struct pl_context *context, struct pl_directory *directory,
                                 struct pl_reader *reader, bool *found)
{
    const struct pl_record *record;
    enum pl_status status;
    pl_directory_reset(directory);
    *found = false;
    while ((status = pl_reader_next(context, reader, &record)) == PL_OK && record) {
        status = pl_directory_add(context, directory, record);
        if (status != PL_OK)
            break;
        *found = true;
        if (record->header.kind == PL_RECORD_END)
            break;
    }
    return status;
}

static int compare_names(const void *a, const void *b, void *user)
{
    const struct pl_directory_entry *entries = user;
    return strcmp(entries[*(const size_t *)a].name, entries[*(const size_t *)b].name);
}

const struct pl_directory_entry *pl_directory_find(struct pl_context *context,
                                                   struct pl_directory *directory, const char *name)
{
    if (!directory->order) {
        directory->order = pl_new(context, directory->count, sizeof *directory->order);
        if (!directory->order)
            return NULL;
        for (size_t i = 0; i < directory->count; i++)
            directory->order[i] = i;
        qsort_r(directory->order, directory->count, sizeof *directory->order, compare_names,
                directory->entries);
    }
    size_t low = 0, high = directory->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct pl_directory_entry *entry = &directory->entries[directory->order[middle]];
        int order = strcmp(entry->name, name);
        if (order == 0)
            return entry;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

uint64_t pl_directory_bytes(const struct pl_directory_entry *entry)
{
    uint64_t bytes = 0;
    return pl_shape_bytes(entry->dtype, entry->rank, entry->dims, &bytes) ? bytes : UINT64_MAX;
}
