/* Tensors as safetensors.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/json.h"
#include "formats/collect.h"
#include "formats/exporters.h"
#include "formats/safetensors.h"

enum { LENGTH = 8, ALIGNMENT = 8 };

/* "__metadata__": {...}: the format allows texts only. */
static enum pl_status put_metadata(struct pl_context *context, const struct pl_meta_node *root,
                                   struct pl_buffer *out)
{
    enum pl_status status = pl_buffer_text(context, out, "\"__metadata__\":{");
    bool first = true;
    for (const struct pl_meta_node *node = root->child; node && !status; node = node->next) {
        if (node->kind != PL_META_SCALAR) {
            continue;
        }
        status = first ? PL_OK : pl_buffer_text(context, out, ",");
        first = false;
        if (!status) {
            status = pl_json_string(context, node->key, strlen(node->key), out);
        }
        if (!status) {
            status = pl_buffer_text(context, out, ":");
        }
        if (!status) {
            status = pl_json_string(context, node->text, node->text_size, out);
        }
    }
    return status ? status : pl_buffer_text(context, out, "}");
}

static enum pl_status put_tensor(struct pl_context *context, const struct pl_collected *item,
                                 uint64_t offset, struct pl_buffer *out)
{
    enum pl_status status = pl_json_string(context, item->name, strlen(item->name), out);
    if (!status) {
        status = pl_buffer_printf(context, out, ":{\"dtype\":\"%s\",\"shape\":[",
                                  pl_safetensors_dtype(item->dtype));
    }
    for (int i = 0; i < item->rank && !status; i++) {
        status = pl_buffer_printf(context, out, "%s%lld", i ? "," : "", (long long)item->dims[i]);
    }
    return status ? status
                  : pl_buffer_printf(context, out, "],\"data_offsets\":[%llu,%llu]}",
                                     (unsigned long long)offset,
                                     (unsigned long long)(offset + item->bytes));
}

enum pl_status pl_safetensors_header(struct pl_context *context,
                                     const struct pl_collection *collection, struct pl_buffer *out)
{
    const struct pl_meta_node *metadata = collection->documents[0].root;
    enum pl_status status = pl_buffer_append(context, out, "\0\0\0\0\0\0\0\0{", LENGTH + 1);
    bool first = true;
    uint64_t offset = 0;
    if (!status && metadata && metadata->kind == PL_META_MAP) {
        status = put_metadata(context, metadata, out);
        first = false;
    }
    for (size_t i = 0; i < collection->count && !status; i++) {
        status = first ? PL_OK : pl_buffer_text(context, out, ",");
        first = false;
        if (!status) {
            status = put_tensor(context, &collection->items[i], offset, out);
        }
        offset += collection->items[i].bytes;
    }
    if (!status) {
        status = pl_buffer_text(context, out, "}");
    }
    while (!status && out->size % ALIGNMENT != 0) {
        status = pl_buffer_text(context, out, " ");
    }
    uint64_t length = out->size - LENGTH;
    for (int i = 0; i < LENGTH && !status; i++) {
        out->data[i] = (char)(length >> 8 * i & 0xff);
    }
    return status;
}

enum pl_status pl_safetensors_export(struct pl_context *context, struct pl_reader *reader,
                                     const struct pl_export *export, struct pl_sink *sink)
{
    static const char *const documents[] = {"safetensors", NULL};
    struct pl_collection collection;
    struct pl_buffer header = {0};
    enum pl_status status = pl_collect(context, &collection, reader, export, documents);
    if (status) {
        return status;
    }
    status = pl_safetensors_header(context, &collection, &header);
    if (!status) {
        status = pl_sink_write(context, sink, header.data, header.size);
    }
    for (size_t i = 0; i < collection.count && !status; i++) {
        status = pl_collected_write(context, &collection.items[i], sink);
    }
    pl_buffer_release(&header);
    pl_collection_release(&collection);
    return status;
}
