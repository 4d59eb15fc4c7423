/* The tensors of a segment, gathered so that all are known before the first is written.
 * SPDX-License-Identifier: MIT */
#include "formats/collect.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "stream/pattern.h"

enum { ALIGNMENT = 64, WINDOW = 8 << 20 };

static bool is_asked_for(const struct pl_export *export, const char *name)
{
    for (size_t i = 0; i < export->names.count; i++) {
        if (strcmp(export->names.items[i], name) == 0) {
            return true;
        }
    }
    return export->names.count == 0;
}

struct pl_collected *pl_collection_find(const struct pl_collection *collection, const char *name)
{
    for (size_t i = 0; i < collection->count; i++) {
        if (strcmp(collection->items[i].name, name) == 0) {
            return &collection->items[i];
        }
    }
    return NULL;
}

/* Where a document of that name is kept; NULL: nobody wants it. */
static struct pl_meta *place_of(struct pl_collection *collection, const char *name)
{
    for (int i = 0; collection->wanted && collection->wanted[i]; i++) {
        if (strcmp(collection->wanted[i], name) == 0) {
            return &collection->documents[i];
        }
    }
    return NULL;
}

static struct pl_collected *add(struct pl_context *context, struct pl_collection *collection,
                                const struct pl_header *header)
{
    if (collection->count == collection->room) {
        size_t room = collection->room ? collection->room * 2 : 16;
        struct pl_collected *items = pl_resize(context, collection->items, room, sizeof *items);
        if (!items) {
            return NULL;
        }
        collection->items = items;
        collection->room = room;
    }
    struct pl_collected *item = &collection->items[collection->count];
    *item = (struct pl_collected){.dtype = header->dtype, .rank = header->rank, .fd = -1};
    memcpy(item->dims, header->dims, sizeof item->dims);
    item->name = pl_copy_text(context, header->name);
    collection->count += item->name != NULL;
    return item->name ? item : NULL;
}

/* Appends the current record's elements to fd; *size grows by their bytes. */
static enum pl_status spool_elements(struct pl_context *context, struct pl_reader *reader,
                                     enum pl_dtype dtype, int fd, uint64_t *size)
{
    for (;;) {
        const void *elements;
        int64_t count;
        enum pl_status status = pl_reader_elements(context, reader, &elements, &count);
        if (status || count == 0) {
            return status;
        }
        size_t bytes = (size_t)count * pl_dtype_size(dtype);
        status = pl_file_temporary_write(context, fd, elements, bytes);
        if (status) {
            return status;
        }
        *size += bytes;
    }
}

/* A solid tensor goes into the common file, aligned. */
static enum pl_status spool_solid(struct pl_context *context, struct pl_collection *collection,
                                  struct pl_reader *reader, struct pl_collected *item)
{
    static const char zeros[ALIGNMENT];
    enum pl_status status = PL_OK;
    if (collection->fd < 0) {
        status = pl_file_temporary(context, &collection->fd);
    }
    size_t padding = (size_t)(-collection->size % ALIGNMENT);
    if (!status) {
        status = pl_file_temporary_write(context, collection->fd, zeros, padding);
        collection->size += padding;
    }
    item->offset = collection->size;
    item->spooled = true;
    if (!status) {
        status = spool_elements(context, reader, item->dtype, collection->fd, &collection->size);
    }
    item->bytes = collection->size - item->offset;
    return status;
}

static enum pl_status take_tensor(struct pl_context *context, struct pl_collection *collection,
                                  struct pl_reader *reader, const struct pl_header *header)
{
    struct pl_collected *item = add(context, collection, header);
    if (!item) {
        return context->status;
    }
    if (header->chunked) {
        item->open = true;
        item->dims[0] = 0;
        return pl_file_temporary(context, &item->fd);
    }
    if (!pl_reader_is_mapped(reader) || header->codec != PL_CODEC_RAW) {
        return spool_solid(context, collection, reader, item);
    }
    struct pl_tensor view;
    enum pl_status status = pl_reader_tensor(context, reader, &view);
    if (!status) {
        item->data = view.data;
        item->bytes = pl_tensor_bytes(&view);
        pl_collected_give_back(item); /* checked; they are read again when they are written */
    }
    return status;
}

/* Maps a file that is complete. */
static enum pl_status map_file(struct pl_context *context, int fd, uint64_t size, void **map)
{
    *map = size ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (*map == MAP_FAILED) {
        *map = NULL;
        return pl_fail_errno(context, "cannot map a temporary file");
    }
    return PL_OK;
}

static enum pl_status take_close(struct pl_context *context, struct pl_collected *item)
{
    enum pl_status status = map_file(context, item->fd, item->bytes, &item->map);
    close(item->fd);
    item->fd = -1;
    item->open = false;
    item->data = item->map;
    return status;
}

static enum pl_status take_record(struct pl_context *context, struct pl_collection *collection,
                                  struct pl_reader *reader, const struct pl_header *header,
                                  const struct pl_export *export)
{
    struct pl_collected *item;
    struct pl_meta *document;
    switch (header->kind) {
    case PL_RECORD_TENSOR:
        return is_asked_for(export, header->name) ? take_tensor(context, collection, reader, header)
                                                  : PL_OK;
    case PL_RECORD_CHUNK:
        item = pl_collection_find(collection, header->name);
        if (!item) {
            return PL_OK;
        }
        item->dims[0] += header->rows;
        return spool_elements(context, reader, item->dtype, item->fd, &item->bytes);
    case PL_RECORD_CLOSE:
        item = pl_collection_find(collection, header->name);
        return item ? take_close(context, item) : PL_OK;
    case PL_RECORD_META:
        document = place_of(collection, header->name);
        if (!document) {
            return PL_OK;
        }
        pl_meta_release(document);
        return pl_reader_meta(context, reader, document);
    default:
        return PL_OK;
    }
}

/* After the end: every name that was asked for must be there. */
static enum pl_status check_names(struct pl_context *context,
                                  const struct pl_collection *collection,
                                  const struct pl_export *export, const char *source)
{
    for (size_t i = 0; i < export->names.count; i++) {
        if (!pl_collection_find(collection, export->names.items[i])) {
            return pl_fail(context, PL_BAD_DATA, "%s: no tensor '%s' (ts-info lists them)", source,
                           export->names.items[i]);
        }
    }
    return PL_OK;
}

static enum pl_status settle(struct pl_context *context, struct pl_collection *collection)
{
    enum pl_status status = map_file(context, collection->fd, collection->size, &collection->map);
    for (size_t i = 0; i < collection->count && !status; i++) {
        struct pl_collected *item = &collection->items[i];
        if (item->spooled && item->bytes > 0) {
            item->data = (const char *)collection->map + item->offset;
        }
    }
    return status;
}

enum pl_status pl_collect(struct pl_context *context, struct pl_collection *collection,
                          struct pl_reader *reader, const struct pl_export *export,
                          const char *const *documents)
{
    *collection = (struct pl_collection){.fd = -1, .wanted = documents};
    const struct pl_record *record;
    bool ended = false;
    enum pl_status status;
    while (!(status = pl_reader_next(context, reader, &record)) && record) {
        if (ended) {
            status = pl_fail(context, PL_BAD_DATA,
                             "%s: holds more than one segment (ts-select --segment picks one)",
                             pl_reader_name(reader));
            break;
        }
        ended = record->header.kind == PL_RECORD_END;
        status = take_record(context, collection, reader, &record->header, export);
        if (status) {
            break;
        }
    }
    if (!status) {
        status = check_names(context, collection, export, pl_reader_name(reader));
    }
    if (!status) {
        status = settle(context, collection);
    }
    if (status) {
        pl_collection_release(collection);
    }
    return status;
}

enum pl_status pl_collection_one(struct pl_context *context, const struct pl_collection *collection,
                                 const char *source, const char *format)
{
    struct pl_name_list list = {0};
    enum pl_status status = PL_OK;
    if (collection->count == 1) {
        return PL_OK;
    }
    if (collection->count == 0) {
        return pl_fail(context, PL_BAD_DATA, "%s: no tensors", source);
    }
    for (size_t i = 0; i < collection->count && !status; i++) {
        status = pl_name_list_add(context, &list, collection->items[i].name);
    }
    if (!status) {
        status =
            pl_fail(context, PL_BAD_DATA, "%s: %s holds one tensor, and here are %s (%s)", source,
                    format, pl_name_list_text(context, &list),
                    strcmp(format, "NPY") == 0 ? "-n picks one, NPZ holds all" : "-n picks one");
    }
    pl_name_list_release(&list);
    return status;
}

/* All elements lie in mapped files, the input's own or temporary ones. */
static void give_back(const char *data, size_t size)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t from = ((uintptr_t)data + page - 1) / page * page;
    const uintptr_t to = ((uintptr_t)data + size) / page * page;
    if (data && from < to) {
        madvise((void *)from, to - from, MADV_DONTNEED); /* advice: no harm where it is refused */
    }
}

void pl_collected_give_back(const struct pl_collected *item)
{
    give_back(item->data, (size_t)item->bytes);
}

enum pl_status pl_collected_write(struct pl_context *context, const struct pl_collected *item,
                                  struct pl_sink *sink)
{
    const char *data = item->data;
    enum pl_status status = PL_OK;
    for (size_t left = (size_t)item->bytes, piece; left > 0 && !status; left -= piece) {
        piece = left < WINDOW ? left : WINDOW;
        status = pl_sink_write(context, sink, data, piece);
        give_back(data, piece);
        data += piece;
    }
    return status;
}

void pl_collection_release(struct pl_collection *collection)
{
    for (size_t i = 0; i < collection->count; i++) {
        struct pl_collected *item = &collection->items[i];
        free(item->name);
        if (item->map) {
            munmap(item->map, (size_t)item->bytes);
        }
        if (item->fd >= 0) {
            close(item->fd);
        }
    }
    free(collection->items);
    if (collection->map) {
        munmap(collection->map, (size_t)collection->size);
    }
    if (collection->fd >= 0) {
        close(collection->fd);
    }
    for (int i = 0; i < PL_COLLECT_DOCUMENTS; i++) {
        pl_meta_release(&collection->documents[i]);
    }
    *collection = (struct pl_collection){.fd = -1};
}
