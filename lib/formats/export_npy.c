/* Tensors as NPY and NPZ.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "formats/collect.h"
#include "formats/exporters.h"
#include "formats/npy.h"
#include "formats/zip.h"

static enum pl_status header_of(struct pl_context *context, const struct pl_collected *item,
                                struct pl_buffer *header)
{
    header->size = 0;
    return pl_npy_write_header(context, item->name, item->dtype, item->rank, item->dims, header);
}

enum pl_status pl_npy_export(struct pl_context *context, struct pl_reader *reader,
                             const struct pl_export *export, struct pl_sink *sink)
{
    struct pl_collection collection;
    struct pl_buffer header = {0};
    enum pl_status status = pl_collect(context, &collection, reader, export, NULL);
    if (status) {
        return status;
    }
    status = pl_collection_one(context, &collection, pl_reader_name(reader), "NPY");
    if (!status) {
        status = header_of(context, &collection.items[0], &header);
    }
    if (!status) {
        status = pl_sink_write(context, sink, header.data, header.size);
    }
    if (!status) {
        const struct pl_collected *item = &collection.items[0];
        status = pl_sink_write(context, sink, item->data, (size_t)item->bytes);
    }
    pl_buffer_release(&header);
    pl_collection_release(&collection);
    return status;
}

enum pl_status pl_npz_export(struct pl_context *context, struct pl_reader *reader,
                             const struct pl_export *export, struct pl_sink *sink)
{
    struct pl_collection collection;
    struct pl_buffer header = {0}, name = {0};
    struct pl_zip_writer zip = {.sink = sink};
    enum pl_status status = pl_collect(context, &collection, reader, export, NULL);
    if (status) {
        return status;
    }
    for (size_t i = 0; i < collection.count && !status; i++) { /* fail before the first byte */
        status = header_of(context, &collection.items[i], &header);
    }
    for (size_t i = 0; i < collection.count && !status; i++) {
        const struct pl_collected *item = &collection.items[i];
        name.size = 0;
        status = header_of(context, item, &header);
        if (!status) {
            status = pl_buffer_printf(context, &name, "%s.npy", item->name);
        }
        if (!status) {
            status = pl_zip_add(context, &zip, name.data, header.data, header.size, item->data,
                                (size_t)item->bytes, export->compress);
        }
    }
    if (!status) {
        status = pl_zip_finish(context, &zip);
    }
    pl_buffer_release(&zip.directory);
    pl_buffer_release(&header);
    pl_buffer_release(&name);
    pl_collection_release(&collection);
    return status;
}
