/* An output file in another format, written in large blocks.
 * SPDX-License-Identifier: MIT */
#include "formats/sink.h"

enum { PENDING_MOST = 1 << 20 };

enum pl_status pl_sink_open(struct pl_context *context, struct pl_sink *sink, const char *path)
{
    *sink = (struct pl_sink){0};
    return pl_output_open(context, &sink->output, path);
}

enum pl_status pl_sink_flush(struct pl_context *context, struct pl_sink *sink)
{
    enum pl_status status =
        pl_output_write(context, &sink->output, sink->pending.data, sink->pending.size);
    sink->pending.size = 0;
    return status;
}

enum pl_status pl_sink_write(struct pl_context *context, struct pl_sink *sink, const void *bytes,
                             size_t size)
{
    enum pl_status status = PL_OK;
    if (sink->pending.size + size > PENDING_MOST) {
        status = pl_sink_flush(context, sink);
    }
    if (!status && size > PENDING_MOST) {
        status = pl_output_write(context, &sink->output, bytes, size);
    } else if (!status) {
        status = pl_buffer_append(context, &sink->pending, bytes, size);
    }
    sink->written += size;
    return status;
}

enum pl_status pl_sink_close(struct pl_context *context, struct pl_sink *sink,
                             enum pl_status status)
{
    if (!status) {
        status = pl_sink_flush(context, sink);
    }
    if (!status) {
        status = pl_output_commit(context, &sink->output);
    }
    pl_output_abort(&sink->output);
    pl_buffer_release(&sink->pending);
    return status;
}
