/* Segments whose tensors can be read in any order.
 * SPDX-License-Identifier: MIT */
#include "stream/store.h"

#include <string.h>
#include <unistd.h>

#include "stream/writer.h"

enum pl_status pl_elements_start(struct pl_context *context, struct pl_elements *elements,
                                 struct pl_reader *reader, const struct pl_directory_entry *entry)
{
    const struct pl_record *record;
    *elements = (struct pl_elements){.reader = reader, .entry = entry};
    elements->inside = !entry->chunked;
    enum pl_status status = pl_reader_seek(context, reader, entry->offset);
    if (status == PL_OK)
        status = pl_reader_next(context, reader, &record);
    return status;
}

enum pl_status pl_elements_next(struct pl_context *context, struct pl_elements *elements,
                                const void **data, int64_t *count)
{
    *count = 0;
    while (!elements->over) {
        if (elements->inside) {
            enum pl_status status = pl_reader_elements(context, elements->reader, data, count);
            if (status != PL_OK || *count > 0)
                return status;
            elements->inside = false;
            elements->over = !elements->entry->chunked;
            continue;
        }
        const struct pl_record *record;
        enum pl_status status = pl_reader_next(context, elements->reader, &record);
        if (status != PL_OK)
            return status;
        if (!record || record->header.kind == PL_RECORD_END)
            return pl_fail(context, PL_BAD_DATA, "'%s' is not closed", elements->entry->name);
        if (strcmp(record->header.name, elements->entry->name) != 0)
            continue;
        elements->inside = record->header.kind == PL_RECORD_CHUNK;
        elements->over = record->header.kind == PL_RECORD_CLOSE;
    }
    return PL_OK;
}

static enum pl_status copy_rest(struct pl_context *context, struct pl_reader *reader, bool current,
                                struct pl_writer *writer, bool *found)
{
    const struct pl_record *record;
    enum pl_status status = PL_OK;
    *found = current;
    if (current)
        status = pl_writer_copy(context, writer, reader, NULL);
    while (status == PL_OK) {
        status = pl_reader_next(context, reader, &record);
        if (status != PL_OK || !record)
            break;
        *found = true;
        if (record->header.kind == PL_RECORD_END)
            return pl_writer_end(context, writer);
        status = pl_writer_copy(context, writer, reader, NULL);
    }
    return status;
}

enum pl_status pl_spool_segment(struct pl_context *context, struct pl_reader *reader, bool current,
                                struct pl_reader **spooled)
{
    int fd;
    bool found;
    *spooled = NULL;
    enum pl_status status = pl_file_temporary(context, &fd);
    if (status != PL_OK)
        return status;
    struct pl_writer *writer = pl_writer_open_fd(context, fd, "a temporary file");
    if (!writer) {
        close(fd);
        return context->status;
    }
    status = copy_rest(context, reader, current, writer, &found);
    if (status == PL_OK && found)
        status = pl_writer_commit(context, writer);
    else
        pl_writer_abort(context, writer, NULL);
    if (status == PL_OK && found && lseek(fd, 0, SEEK_SET) < 0)
        status = pl_fail_errno(context, "cannot rewind a temporary file");
    if (status != PL_OK || !found) {
        close(fd);
        return status;
    }
    *spooled = pl_reader_open_fd(context, fd, pl_reader_name(reader), NULL, 0, 0);
    return *spooled ? PL_OK : context->status;
}

/* Back to the end of a mapped segment that was read in some order. */
static enum pl_status leave_segment(struct pl_context *context, struct pl_store *store)
{
    const struct pl_record *record;
    enum pl_status status = pl_reader_seek(context, store->input, store->directory.end);
    return status == PL_OK ? pl_reader_next(context, store->input, &record) : status;
}

enum pl_status pl_store_next(struct pl_context *context, struct pl_store *store, bool *found)
{
    enum pl_status status = PL_OK;
    *found = false;
    if (store->over)
        return PL_OK;
    if (pl_reader_is_mapped(store->input)) {
        if (store->reader)
            status = leave_segment(context, store);
        store->reader = store->input;
    } else {
        pl_reader_close(store->reader);
        status = pl_spool_segment(context, store->input, false, &store->reader);
    }
    if (status == PL_OK && store->reader)
        status = pl_directory_scan(context, &store->directory, store->reader, found);
    store->over = !*found;
    return status;
}

void pl_store_release(struct pl_store *store)
{
    if (store->reader != store->input)
        pl_reader_close(store->reader);
    pl_directory_release(&store->directory);
}
