/* The weights of a model on their way through a tool.
 * SPDX-License-Identifier: MIT */
#include "weights/weights.h"

#include <string.h>

/* The segment's tensors, and that nothing follows it. */
static enum pl_status read_segment(struct pl_context *context, struct pl_weights *weights)
{
    const struct pl_record *record;
    bool found;
    enum pl_status status = pl_store_next(context, &weights->store, &found);
    if (!status && !found)
        return pl_fail(context, PL_BAD_DATA, "%s: there is no segment", weights->path);
    if (!status)
        weights->begin = weights->store.directory.begin;
    if (!status)
        status = pl_reader_seek(context, weights->store.reader, weights->begin);
    if (!status)
        status = pl_bundle_read(context, &weights->bundle, weights->store.reader, &found);
    if (!status)
        status = pl_reader_next(context, weights->input, &record);
    if (status)
        return status;
    if (record)
        return pl_fail(context, PL_BAD_DATA, "%s: there is a second segment; expected one model",
                       weights->bundle.source);
    if (weights->bundle.tensor_count == 0)
        return pl_fail(context, PL_BAD_DATA, "%s: there are no tensors", weights->bundle.source);
    return PL_OK;
}

enum pl_status pl_weights_open(struct pl_context *context, struct pl_weights *weights,
                               const char *path)
{
    *weights = (struct pl_weights){.path = path};
    weights->input = pl_input_open(context, path, NULL, &weights->source);
    weights->store.input = weights->input;
    return weights->input ? read_segment(context, weights) : context->status;
}

void pl_weights_close(struct pl_weights *weights)
{
    pl_bundle_release(&weights->bundle);
    pl_store_release(&weights->store);
    pl_reader_close(weights->input);
    memset(weights, 0, sizeof *weights);
}

enum pl_status pl_weights_history(struct pl_context *context, const struct pl_weights *weights,
                                  struct pl_history *history)
{
    bool stream = weights->source.format == PL_FORMAT_STREAM;
    return pl_history_input(context, history, weights->path,
                            stream ? weights->bundle.sum : weights->source.sum,
                            pl_bundle_document(&weights->bundle, "history"));
}

/* The chunks and the close of an edited tensor go with it. */
static enum pl_status write_record(struct pl_context *context, struct pl_weights *weights,
                                   struct pl_writer *writer, const struct pl_header *header,
                                   pl_weights_edit *edit, void *user)
{
    bool edited = false;
    const bool tensor = header->kind == PL_RECORD_TENSOR;
    if (header->kind == PL_RECORD_META && strcmp(header->name, "history") == 0)
        return PL_OK;
    if (tensor || header->kind == PL_RECORD_CHUNK || header->kind == PL_RECORD_CLOSE) {
        const struct pl_tensor *elements = pl_bundle_tensor(&weights->bundle, header->name);
        enum pl_status status =
            edit(context, user, header->name, elements, tensor ? writer : NULL, &edited);
        if (status || edited)
            return status;
    }
    return pl_writer_copy(context, writer, weights->store.reader, NULL);
}

enum pl_status pl_weights_write(struct pl_context *context, struct pl_weights *weights,
                                struct pl_writer *writer, pl_weights_edit *edit, void *user)
{
    const struct pl_record *record;
    enum pl_status status = pl_reader_seek(context, weights->store.reader, weights->begin);
    while (!status) {
        status = pl_reader_next(context, weights->store.reader, &record);
        if (status || !record || record->header.kind == PL_RECORD_END)
            break;
        const struct pl_header header = record->header;
        status = write_record(context, weights, writer, &header, edit, user);
    }
    return status;
}
