/* Writing a tensor stream in one pass.
 * SPDX-License-Identifier: MIT
 *
 * Small writes gather in a buffer of 1 MiB, the size that the pipe is widened to; large ones go
 * straight to the descriptor in steps short enough that the CRC finds the bytes still in cache when
 * they are written.  Every header passes the same checks as in the reader (segment.h), so a
 * caller's mistake fails here and not in the tool behind.
 *
 * Compressed tensors of more than 1 MiB become chunks of about that size.  A batch of chunks is
 * deflated on all threads and written in order; where chunks begin depends on the shape alone, so
 * the bytes are the same for any number of threads. */
#include "stream/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/crc32.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "stream/codec.h"
#include "stream/segment.h"

enum {
    BUFFER_SIZE = 1 << 20,
    DIRECT = 1 << 18,     /* writes of at least this size bypass the buffer */
    STEP = 1 << 18,       /* bytes between CRC and write */
    CHUNK_SIZE = 1 << 20, /* raw bytes of a compressed chunk */
    BATCH = 32            /* chunks deflated before any is written */
};

struct pl_writer {
    struct pl_output output; /* unused (fd -1) when the descriptor is the caller's */
    int fd;
    char *name; /* for messages */
    struct pl_segment segment;
    bool between; /* nothing was written since the last end record */
    bool empty;   /* nothing was written at all */
    bool in_payload;
    bool broken;             /* a write failed: nothing more can go out */
    uint64_t promised, left; /* bytes of the payload under way */
    uint32_t crc;
    uint8_t *buffer;
    size_t buffered;
};

static struct pl_writer *new_writer(struct pl_context *context, const char *name)
{
    struct pl_writer *writer = pl_new(context, 1, sizeof *writer);
    if (!writer)
        return NULL;
    writer->output.fd = writer->fd = -1;
    writer->between = writer->empty = true;
    writer->name = pl_copy_text(context, name);
    writer->buffer = pl_resize(context, NULL, BUFFER_SIZE, 1);
    if (writer->name && writer->buffer)
        return writer;
    free(writer->name);
    free(writer->buffer);
    free(writer);
    return NULL;
}

static void free_writer(struct pl_writer *writer)
{
    pl_segment_release(&writer->segment);
    free(writer->name);
    free(writer->buffer);
    free(writer);
}

struct pl_writer *pl_writer_open(struct pl_context *context, const char *path)
{
    bool standard = !path || strcmp(path, "-") == 0;
    struct pl_writer *writer = new_writer(context, standard ? "standard output" : path);
    if (!writer)
        return NULL;
    if (pl_output_open(context, &writer->output, path)) {
        free_writer(writer);
        return NULL;
    }
    writer->fd = writer->output.fd;
    fcntl(writer->fd, F_SETPIPE_SZ, BUFFER_SIZE); /* only speed: anything but a pipe refuses */
    return writer;
}

struct pl_writer *pl_writer_open_fd(struct pl_context *context, int fd, const char *name)
{
    struct pl_writer *writer = new_writer(context, name);
    if (writer)
        writer->fd = fd;
    return writer;
}

static enum pl_status write_out(struct pl_context *context, struct pl_writer *writer,
                                const void *bytes, size_t size)
{
    if (writer->broken)
        return pl_fail(context, PL_SYSTEM, "%s: writing failed before", writer->name);
    enum pl_status status = pl_write_full(context, writer->fd, bytes, size);
    writer->broken = status != PL_OK;
    if (status && strcmp(writer->name, "standard output") == 0)
        return pl_fail_errno(context, "cannot write standard output");
    return status ? pl_fail_errno(context, "cannot write '%s'", writer->name) : PL_OK;
}

enum pl_status pl_writer_flush(struct pl_context *context, struct pl_writer *writer)
{
    size_t size = writer->buffered;
    writer->buffered = 0;
    return size > 0 ? write_out(context, writer, writer->buffer, size) : PL_OK;
}

static enum pl_status put(struct pl_context *context, struct pl_writer *writer, const void *bytes,
                          size_t size)
{
    if (size > BUFFER_SIZE - writer->buffered || size >= DIRECT) {
        enum pl_status status = pl_writer_flush(context, writer);
        if (status)
            return status;
    }
    if (size >= DIRECT)
        return write_out(context, writer, bytes, size);
    if (size > 0)
        memcpy(writer->buffer + writer->buffered, bytes, size);
    writer->buffered += size;
    return PL_OK;
}

/* Every record begins here: its header is checked and goes out. */
static enum pl_status begin_record(struct pl_context *context, struct pl_writer *writer,
                                   struct pl_header *header, const char *text, size_t size)
{
    if (writer->in_payload)
        return pl_fail(context, PL_SYSTEM, "%s: a record was begun inside a payload", writer->name);
    if (writer->between)
        pl_segment_reset(&writer->segment);
    enum pl_status status = pl_segment_header(context, &writer->segment, header, size);
    if (status)
        return header->name[0] ? pl_fail_at(context, "%s: '%s'", writer->name, header->name)
                               : pl_fail_at(context, "%s", writer->name);
    writer->between = header->kind == PL_RECORD_END || header->kind == PL_RECORD_ERROR;
    writer->empty = false;
    writer->in_payload = header->payload;
    writer->promised = writer->left = header->bytes;
    writer->crc = 0;
    return put(context, writer, text, size);
}

static enum pl_status begin_canonical(struct pl_context *context, struct pl_writer *writer,
                                      struct pl_header *header)
{
    char text[PL_HEADER_MAX];
    size_t size;
    enum pl_status status = pl_header_write(context, header, text, &size);
    if (status)
        return pl_fail_at(context, "%s", writer->name);
    return begin_record(context, writer, header, text, size);
}

static enum pl_status put_payload(struct pl_context *context, struct pl_writer *writer,
                                  const void *bytes, size_t size)
{
    if (size > writer->left)
        return pl_fail(context, PL_SYSTEM, "%s: more bytes than the header told", writer->name);
    enum pl_status status = PL_OK;
    for (const uint8_t *at = bytes; size > 0 && status == PL_OK;) {
        size_t step = size < STEP ? size : STEP;
        writer->crc = pl_crc32(writer->crc, at, step);
        status = put(context, writer, at, step);
        at += step;
        size -= step;
        writer->left -= step;
    }
    return status;
}

/* Pad and footer, with the given CRC of the payload. */
static enum pl_status end_payload(struct pl_context *context, struct pl_writer *writer,
                                  uint32_t crc)
{
    if (writer->left > 0)
        return pl_fail(context, PL_SYSTEM, "%s: %llu bytes of a payload are missing", writer->name,
                       (unsigned long long)writer->left);
    char tail[PL_BLOCK + PL_FOOTER_SIZE] = {0};
    size_t size = (size_t)(pl_stored_size(writer->promised) - writer->promised);
    char *footer = tail + size - PL_FOOTER_SIZE;
    memcpy(footer, PL_FOOTER, 7);
    pl_hex_write(footer + 7, crc);
    footer[15] = '\n';
    writer->in_payload = false;
    pl_segment_payload(&writer->segment, writer->promised, crc);
    return put(context, writer, tail, size);
}

enum pl_status pl_writer_stored(struct pl_context *context, struct pl_writer *writer,
                                struct pl_header *header, const char *text, size_t text_size,
                                const void *bytes)
{
    enum pl_status status = text ? begin_record(context, writer, header, text, text_size)
                                 : begin_canonical(context, writer, header);
    if (status || !header->payload)
        return status;
    status = put_payload(context, writer, bytes, (size_t)header->bytes);
    return status ? status : end_payload(context, writer, writer->crc);
}

/* A record whose payload is at hand. */
static enum pl_status put_record(struct pl_context *context, struct pl_writer *writer,
                                 struct pl_header *header, const void *bytes, size_t size)
{
    header->payload = true;
    header->bytes = size;
    return pl_writer_stored(context, writer, header, NULL, 0, bytes);
}

static enum pl_status set_name(struct pl_context *context, const struct pl_writer *writer,
                               struct pl_header *header, const char *name)
{
    size_t size = strlen(name);
    if (size > PL_NAME_MAX)
        return pl_fail(context, PL_BAD_DATA, "%s: name '%.40s...' is longer than %d bytes",
                       writer->name, name, PL_NAME_MAX);
    memcpy(header->name, name, size + 1);
    return PL_OK;
}

/* A tensor's header without its codec and bytes. */
static enum pl_status describe(struct pl_context *context, const struct pl_writer *writer,
                               struct pl_header *header, const char *name, enum pl_dtype dtype,
                               int rank, const int64_t *dims)
{
    *header = (struct pl_header){.kind = PL_RECORD_TENSOR, .dtype = dtype, .rank = rank};
    for (int i = 0; i < rank; i++)
        header->dims[i] = dims[i];
    return set_name(context, writer, header, name);
}

/* Packs and writes: a raw payload goes out as it is. */
static enum pl_status put_elements(struct pl_context *context, struct pl_writer *writer,
                                   struct pl_header *header, enum pl_dtype dtype, const void *bytes,
                                   size_t size)
{
    if (header->codec == PL_CODEC_RAW)
        return put_record(context, writer, header, bytes, size);
    uint8_t *packed;
    size_t packed_size;
    enum pl_status status = pl_codec_pack(context, header->codec, pl_dtype_size(dtype), bytes, size,
                                          &packed, &packed_size);
    if (status == PL_OK)
        status = put_record(context, writer, header, packed, packed_size);
    free(packed);
    return status;
}

/* Chunks of one tensor being deflated. */
struct batch {
    enum pl_codec codec;
    size_t item;
    const uint8_t *bytes; /* of the first chunk */
    size_t size;          /* from there to the tensor's end */
    size_t chunk_size;    /* raw bytes of all chunks but the last */
    uint8_t *packed[BATCH];
    size_t packed_size[BATCH];
};

static size_t batch_chunk(const struct batch *batch, int64_t i)
{
    size_t left = batch->size - (size_t)i * batch->chunk_size;
    return left < batch->chunk_size ? left : batch->chunk_size;
}

static enum pl_status pack_one(struct pl_context *context, void *job, int64_t i)
{
    struct batch *batch = job;
    return pl_codec_pack(context, batch->codec, batch->item,
                         batch->bytes + (size_t)i * batch->chunk_size, batch_chunk(batch, i),
                         &batch->packed[i], &batch->packed_size[i]);
}

/* Deflates the next chunks, at most BATCH, and writes them. */
static enum pl_status put_batch(struct pl_context *context, struct pl_writer *writer,
                                const char *name, struct batch *batch, size_t row_size)
{
    int64_t count = (int64_t)((batch->size - 1) / batch->chunk_size + 1);
    count = count < BATCH ? count : BATCH;
    memset(batch->packed, 0, sizeof batch->packed);
    enum pl_status status = pl_parallel(context, count, pack_one, batch);
    for (int64_t i = 0; i < count; i++) {
        struct pl_header header = {.kind = PL_RECORD_CHUNK, .codec = batch->codec};
        size_t size = batch_chunk(batch, 0);
        header.rows = (int64_t)(size / row_size);
        if (status == PL_OK)
            status = set_name(context, writer, &header, name);
        if (status == PL_OK) {
            header.seq = pl_segment_find(&writer->segment, name)->chunks;
            status = put_record(context, writer, &header, batch->packed[i], batch->packed_size[i]);
        }
        free(batch->packed[i]);
        batch->bytes += size;
        batch->size -= size;
    }
    return status;
}

static enum pl_status put_in_chunks(struct pl_context *context, struct pl_writer *writer,
                                    const char *name, const struct pl_tensor *tensor,
                                    enum pl_codec codec)
{
    enum pl_status status =
        pl_writer_open_chunked(context, writer, name, tensor->dtype, tensor->rank, tensor->dims);
    if (status == PL_OK)
        status = pl_writer_rows(context, writer, name, tensor->data, tensor->dims[0], codec);
    return status ? status : pl_writer_close_chunked(context, writer, name);
}

enum pl_status pl_writer_tensor(struct pl_context *context, struct pl_writer *writer,
                                const char *name, const struct pl_tensor *tensor,
                                enum pl_codec codec)
{
    size_t bytes = pl_tensor_bytes(tensor);
    if (codec != PL_CODEC_RAW && bytes > CHUNK_SIZE && tensor->rank > 0)
        return put_in_chunks(context, writer, name, tensor, codec);
    struct pl_header header;
    enum pl_status status =
        describe(context, writer, &header, name, tensor->dtype, tensor->rank, tensor->dims);
    header.codec = codec;
    return status ? status
                  : put_elements(context, writer, &header, tensor->dtype, tensor->data, bytes);
}

enum pl_status pl_writer_begin(struct pl_context *context, struct pl_writer *writer,
                               const char *name, enum pl_dtype dtype, int rank, const int64_t *dims)
{
    struct pl_header header;
    enum pl_status status = describe(context, writer, &header, name, dtype, rank, dims);
    if (status)
        return status;
    header.payload = true;
    if (!pl_shape_bytes(dtype, rank, dims, &header.bytes))
        return pl_fail(context, PL_BAD_DATA, "%s: '%s': its shape is too large", writer->name,
                       name);
    return begin_canonical(context, writer, &header);
}

enum pl_status pl_writer_bytes(struct pl_context *context, struct pl_writer *writer,
                               const void *bytes, size_t size)
{
    return put_payload(context, writer, bytes, size);
}

enum pl_status pl_writer_finish(struct pl_context *context, struct pl_writer *writer)
{
    return end_payload(context, writer, writer->crc);
}

enum pl_status pl_writer_open_chunked(struct pl_context *context, struct pl_writer *writer,
                                      const char *name, enum pl_dtype dtype, int rank,
                                      const int64_t *dims)
{
    struct pl_header header;
    enum pl_status status = describe(context, writer, &header, name, dtype, rank, dims);
    header.chunked = true;
    return status ? status : begin_canonical(context, writer, &header);
}

/* NULL, with the failure recorded, when there is none. */
static struct pl_open_tensor *find_open(struct pl_context *context, struct pl_writer *writer,
                                        const char *name)
{
    struct pl_open_tensor *open = writer->between ? NULL : pl_segment_find(&writer->segment, name);
    if (!open)
        pl_fail(context, PL_SYSTEM, "%s: no chunked tensor '%s' is open", writer->name, name);
    return open;
}

enum pl_status pl_writer_chunk(struct pl_context *context, struct pl_writer *writer,
                               const char *name, const void *rows, int64_t count,
                               enum pl_codec codec)
{
    struct pl_open_tensor *open = find_open(context, writer, name);
    if (!open)
        return context->status;
    struct pl_header header = {
        .kind = PL_RECORD_CHUNK, .codec = codec, .seq = open->chunks, .rows = count};
    int64_t dims[PL_MAX_RANK];
    uint64_t bytes;
    memcpy(header.name, open->name, sizeof header.name);
    memcpy(dims, open->dims, sizeof dims);
    dims[0] = count;
    if (!pl_shape_bytes(open->dtype, open->rank, dims, &bytes))
        return pl_fail(context, PL_BAD_DATA, "%s: '%s': too many rows in a chunk", writer->name,
                       name);
    return put_elements(context, writer, &header, open->dtype, rows, (size_t)bytes);
}

enum pl_status pl_writer_rows(struct pl_context *context, struct pl_writer *writer,
                              const char *name, const void *rows, int64_t count,
                              enum pl_codec codec)
{
    struct pl_open_tensor *open = find_open(context, writer, name);
    if (!open)
        return context->status;
    int64_t dims[PL_MAX_RANK];
    uint64_t bytes;
    memcpy(dims, open->dims, sizeof dims);
    dims[0] = count;
    if (!pl_shape_bytes(open->dtype, open->rank, dims, &bytes))
        return pl_fail(context, PL_BAD_DATA, "%s: '%s': too many rows", writer->name, name);
    if (bytes == 0)
        return pl_writer_chunk(context, writer, name, rows, count, codec);
    size_t row_size = (size_t)(bytes / (uint64_t)count);
    enum pl_status status = PL_OK;
    struct batch batch = {.codec = codec,
                          .item = pl_dtype_size(open->dtype),
                          .bytes = rows,
                          .size = (size_t)bytes,
                          .chunk_size = row_size};
    if (row_size < CHUNK_SIZE)
        batch.chunk_size = CHUNK_SIZE / row_size * row_size;
    while (status == PL_OK && batch.size > 0) {
        if (codec != PL_CODEC_RAW) {
            status = put_batch(context, writer, name, &batch, row_size);
            continue;
        }
        size_t size = batch_chunk(&batch, 0);
        status =
            pl_writer_chunk(context, writer, name, batch.bytes, (int64_t)(size / row_size), codec);
        batch.bytes += size;
        batch.size -= size;
    }
    return status;
}

enum pl_status pl_writer_close_chunked(struct pl_context *context, struct pl_writer *writer,
                                       const char *name)
{
    struct pl_open_tensor *open = find_open(context, writer, name);
    if (!open)
        return context->status;
    struct pl_header header = {.kind = PL_RECORD_CLOSE, .chunks = open->chunks, .rows = open->rows};
    memcpy(header.name, open->name, sizeof header.name);
    return begin_canonical(context, writer, &header);
}

enum pl_status pl_writer_meta(struct pl_context *context, struct pl_writer *writer,
                              const char *name, const struct pl_meta_node *document)
{
    if (strcmp(name, "stream") == 0 && !writer->between)
        return pl_fail(context, PL_BAD_DATA, "%s: document 'stream' must be the first record",
                       writer->name);
    struct pl_header header = {.kind = PL_RECORD_META};
    struct pl_buffer text = {0};
    enum pl_status status = set_name(context, writer, &header, name);
    if (status == PL_OK)
        status = pl_meta_write(context, document, &text);
    if (status == PL_OK && text.size > PL_META_MAX)
        status = pl_fail(context, PL_BAD_DATA, "%s: document '%s' is longer than 1 MiB",
                         writer->name, name);
    if (status == PL_OK)
        status = put_record(context, writer, &header, text.data, text.size);
    pl_buffer_release(&text);
    return status;
}

enum pl_status pl_writer_kind(struct pl_context *context, struct pl_writer *writer,
                              const char *kind)
{
    struct pl_meta meta = {0};
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    pl_meta_add_text(context, &meta, root, "kind", kind);
    enum pl_status status = pl_meta_ok(&meta, context)
                                ? pl_writer_meta(context, writer, "stream", meta.root)
                                : context->status;
    pl_meta_release(&meta);
    return status;
}

/* Writes the header of the reader's record, under another name if there is one. */
static enum pl_status copy_header(struct pl_context *context, struct pl_writer *writer,
                                  const struct pl_record *record, const char *rename)
{
    struct pl_header header = record->header;
    if (!rename || !header.name[0])
        return begin_record(context, writer, &header, record->text, record->header_size);
    char text[PL_HEADER_MAX];
    size_t size;
    enum pl_status status =
        pl_header_rename(context, record->text, record->header_size, rename, text, &size);
    if (status == PL_OK)
        status = pl_header_parse(context, text, size, &header);
    if (status)
        return pl_fail_at(context, "%s", writer->name);
    return begin_record(context, writer, &header, text, size);
}

enum pl_status pl_writer_copy(struct pl_context *context, struct pl_writer *writer,
                              struct pl_reader *reader, const char *rename)
{
    const struct pl_record *record = pl_reader_record(reader);
    if (record->header.kind == PL_RECORD_END)
        return pl_writer_end(context, writer);
    enum pl_status status = copy_header(context, writer, record, rename);
    size_t size = record->header.payload;
    while (status == PL_OK && size > 0) {
        const void *bytes;
        status = pl_reader_piece(context, reader, &bytes, &size);
        if (status == PL_OK && size > 0) {
            status = put(context, writer, bytes, size);
            writer->left -= size;
        }
    }
    if (status == PL_OK && record->header.payload)
        status = end_payload(context, writer, pl_reader_crc(reader));
    return status;
}

enum pl_status pl_writer_end(struct pl_context *context, struct pl_writer *writer)
{
    if (writer->between)
        pl_segment_reset(&writer->segment);
    struct pl_header header = {.kind = PL_RECORD_END,
                               .end_records = writer->segment.records,
                               .end_size = writer->segment.size,
                               .end_sum = writer->segment.sum};
    return begin_canonical(context, writer, &header);
}

enum pl_status pl_writer_commit(struct pl_context *context, struct pl_writer *writer)
{
    enum pl_status status = pl_writer_flush(context, writer);
    if (status == PL_OK && (writer->empty || !writer->between))
        status = pl_fail(context, PL_SYSTEM, "%s: the stream was not ended", writer->name);
    if (status == PL_OK)
        status = pl_output_commit(context, &writer->output);
    else
        pl_output_abort(&writer->output);
    free_writer(writer);
    return status;
}

/* The record that tells the next tool why there is no more: the one that came from before, or one
 * of our own. */
static enum pl_status put_failure(struct pl_context *context, struct pl_writer *writer,
                                  const struct pl_context *cause, const char *tool)
{
    if (cause->upstream_size > 0)
        return put(context, writer, cause->upstream, cause->upstream_size);
    struct pl_header header = {.kind = PL_RECORD_ERROR, .status = cause->status};
    enum pl_status status = set_name(context, writer, &header, tool);
    return status ? status
                  : put_record(context, writer, &header, cause->message, strlen(cause->message));
}

/* Flushes to a reader that may have gone. Its SIGPIPE must not end the process before the failure
 * has been told. */
static void flush_quietly(struct pl_context *context, struct pl_writer *writer)
{
    const struct timespec at_once = {0};
    sigset_t broken_pipe, before;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
    if (pl_writer_flush(context, writer) != PL_OK && errno == EPIPE)
        sigtimedwait(&broken_pipe, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

enum pl_status pl_writer_try(struct pl_context *context, const char *path)
{
    struct pl_writer *writer = path ? pl_writer_open(context, path) : NULL;
    if (path && !writer)
        return context->status;
    pl_writer_abort(context, writer, NULL);
    return PL_OK;
}

void pl_writer_abort(struct pl_context *context, struct pl_writer *writer, const char *tool)
{
    if (!writer)
        return;
    struct pl_context own = {0}; /* the caller's failure stays what is told */
    bool can_tell = tool && !writer->broken && !writer->in_payload && !writer->output.temporary;
    if (can_tell && context->status && put_failure(&own, writer, context, tool) == PL_OK)
        flush_quietly(&own, writer); /* who does not read us will not miss it */
    pl_output_abort(&writer->output);
    free_writer(writer);
}
