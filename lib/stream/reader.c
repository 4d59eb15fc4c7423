/* Reading a tensor stream record by record.
 * SPDX-License-Identifier: MIT
 *
 * Three parts do the work: an inlet brings the bytes, a segment knows the rules between records, a
 * payload knows the ways through one record's bytes.  Here they are put together.  Whoever leaves
 * a payload early has it finished for him by the next pl_reader_next: verified where the bytes go
 * by anyway, hopped over in a file unless somebody asked.
 *
 * Failures get their place (file, record, byte) on the way out of the public functions, once. */
#include "stream/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32.h"
#include "base/memory.h"
#include "stream/payload.h"
#include "stream/segment.h"

struct pl_reader {
    struct pl_inlet inlet;
    struct pl_segment segment;
    struct pl_payload payload;
    struct pl_record record;
    char text[PL_HEADER_MAX]; /* the header as stored */
    uint32_t sum;             /* of the last end record */
    bool verify;
    bool between;           /* nothing was read yet, or the last record was an end record */
    bool passed_over;       /* the record belongs to a tensor opened before a seek */
    enum pl_status failure; /* of the first failed call: no record can be trusted after it */
};

static struct pl_reader *new_reader(struct pl_context *context, int flags)
{
    struct pl_reader *reader = pl_new(context, 1, sizeof *reader);
    if (reader) {
        reader->verify = flags & PL_READER_VERIFY;
        reader->between = true;
        reader->payload.header = &reader->record.header;
    }
    return reader;
}

/* The reader if its inlet was opened, else NULL. */
static struct pl_reader *opened(struct pl_reader *reader, enum pl_status status)
{
    if (status) {
        free(reader);
        return NULL;
    }
    return reader;
}

struct pl_reader *pl_reader_open(struct pl_context *context, const char *path, int flags)
{
    struct pl_reader *reader = new_reader(context, flags);
    if (!reader)
        return NULL;
    return opened(reader,
                  pl_inlet_open(context, &reader->inlet, path, !(flags & PL_READER_NO_MMAP)));
}

struct pl_reader *pl_reader_open_fd(struct pl_context *context, int fd, const char *name,
                                    const void *before, size_t before_size, int flags)
{
    struct pl_reader *reader = new_reader(context, flags);
    if (!reader) {
        close(fd);
        return NULL;
    }
    return opened(reader, pl_inlet_open_fd(context, &reader->inlet, fd, name, before, before_size,
                                           !(flags & PL_READER_NO_MMAP)));
}

struct pl_reader *pl_reader_open_memory(struct pl_context *context, const void *bytes, size_t size,
                                        const char *name, int flags)
{
    struct pl_reader *reader = new_reader(context, flags);
    if (!reader)
        return NULL;
    return opened(reader, pl_inlet_open_memory(context, &reader->inlet, bytes, size, name));
}

void pl_reader_close(struct pl_reader *reader)
{
    if (!reader)
        return;
    pl_inlet_close(&reader->inlet);
    pl_segment_release(&reader->segment);
    pl_payload_release(&reader->payload);
    free(reader);
}

const char *pl_reader_name(const struct pl_reader *reader)
{
    return reader->inlet.file.name;
}

bool pl_reader_is_mapped(const struct pl_reader *reader)
{
    return reader->inlet.memory || reader->inlet.file.map;
}

bool pl_reader_may_wait(const struct pl_reader *reader)
{
    const struct pl_inlet *inlet = &reader->inlet;
    return !pl_inlet_is_random(inlet) && inlet->to - inlet->from < PL_BLOCK;
}

const struct pl_record *pl_reader_record(const struct pl_reader *reader)
{
    return &reader->record;
}

uint32_t pl_reader_crc(const struct pl_reader *reader)
{
    return reader->payload.crc;
}

void pl_reader_keep_views(struct pl_reader *reader)
{
    reader->inlet.keep = true;
}

uint32_t pl_reader_sum(const struct pl_reader *reader)
{
    return reader->sum;
}

static const char *kind_name(enum pl_record_kind kind)
{
    static const char *const names[] = {
        [PL_RECORD_TENSOR] = "tensor",  [PL_RECORD_CHUNK] = "chunk", [PL_RECORD_CLOSE] = "close",
        [PL_RECORD_META] = "meta",      [PL_RECORD_ERROR] = "error", [PL_RECORD_END] = "end",
        [PL_RECORD_PRIVATE] = "private"};
    return names[kind];
}

/* Puts file, record and byte in front of the message, and remembers that reading is over. */
static enum pl_status fail_here(struct pl_context *context, struct pl_reader *reader)
{
    const struct pl_record *record = &reader->record;
    const char *file = pl_reader_name(reader);
    char segment[40] = "";
    if (record->segment > 0)
        snprintf(segment, sizeof segment, "segment %llu, ",
                 (unsigned long long)record->segment + 1);
    unsigned long long number = record->index + 1, at = record->offset;
    reader->failure = context->status;
    if (reader->segment.partial) /* the numbers are not known */
        return pl_fail_at(context, "%s: record at byte %llu", file, at);
    if (record->header.name[0])
        return pl_fail_at(context, "%s: %srecord %llu (%s '%s') at byte %llu", file, segment,
                          number, kind_name(record->header.kind), record->header.name, at);
    return pl_fail_at(context, "%s: %srecord %llu at byte %llu", file, segment, number, at);
}

/* The end of the input, legal only behind an end record. */
static enum pl_status end_of_input(struct pl_context *context, struct pl_reader *reader)
{
    bool empty = reader->inlet.position == reader->inlet.start;
    if (reader->between && !empty)
        return PL_OK;
    reader->failure = PL_INCOMPLETE;
    return pl_fail(context, PL_INCOMPLETE, "%s: stream ended without an end record%s",
                   pl_reader_name(reader), empty ? " (empty input: did its writer fail?)" : "");
}

/* Copies the next header to reader->text: blocks of 64 bytes, up to one that ends in a newline. */
static enum pl_status take_header(struct pl_context *context, struct pl_reader *reader)
{
    struct pl_inlet *inlet = &reader->inlet;
    const uint8_t *bytes;
    size_t count, size = PL_BLOCK;
    for (;;) {
        enum pl_status status = pl_inlet_peek(context, inlet, size, PL_HEADER_MAX, &bytes, &count);
        if (status == PL_OK)
            status = pl_magic_check(context, (const char *)bytes, count);
        if (status)
            return status;
        if (count < size)
            return pl_fail(context, PL_INCOMPLETE, "stream ended inside a header");
        if (bytes[size - 1] == '\n')
            break;
        if (size == PL_HEADER_MAX)
            return pl_fail(context, PL_BAD_DATA, "header is longer than %d bytes", PL_HEADER_MAX);
        size += PL_BLOCK;
    }
    memcpy(reader->text, bytes, size);
    reader->record.text = reader->text;
    reader->record.header_size = size;
    pl_inlet_take(inlet, size);
    return PL_OK;
}

static enum pl_status enter_record(struct pl_context *context, struct pl_reader *reader)
{
    struct pl_record *record = &reader->record;
    struct pl_header *header = &record->header;
    enum pl_status status = pl_header_parse(context, reader->text, record->header_size, header);
    bool follows = header->kind == PL_RECORD_CHUNK || header->kind == PL_RECORD_CLOSE;
    reader->passed_over =
        reader->segment.partial && follows && !pl_segment_find(&reader->segment, header->name);
    if (status == PL_OK && !reader->passed_over)
        status = pl_segment_header(context, &reader->segment, header, record->header_size);
    if (status == PL_OK)
        status = pl_payload_open(context, &reader->payload, &reader->inlet, header);
    if (status == PL_OK && header->kind == PL_RECORD_END) {
        reader->between = true;
        reader->sum = header->end_sum;
    }
    return status;
}

/* Keeps the error record in the context, as it came, for the tools behind this one.  One with an
 * overlong message does not fit and is handed on by its message alone. */
static void keep_upstream(struct pl_context *context, const struct pl_reader *reader)
{
    const struct pl_record *record = &reader->record;
    size_t bytes = reader->payload.size;
    size_t size = record->header_size + (size_t)pl_stored_size(bytes);
    char *copy = context->upstream, *footer = copy + size - PL_FOOTER_SIZE;
    if (size > sizeof context->upstream)
        return;
    memset(copy, 0, size);
    memcpy(copy, record->text, record->header_size);
    memcpy(copy + record->header_size, reader->payload.loaded, bytes);
    memcpy(footer, PL_FOOTER, 7);
    pl_hex_write(footer + 7, reader->payload.crc);
    footer[15] = '\n';
    context->upstream_size = size;
}

/* The writer of this stream failed and says so. */
static enum pl_status fail_upstream(struct pl_context *context, struct pl_reader *reader)
{
    struct pl_payload *payload = &reader->payload;
    if (pl_payload_load(context, payload, &reader->inlet, false))
        return fail_here(context, reader);
    int shown = payload->size < PL_MESSAGE_SIZE ? (int)payload->size : PL_MESSAGE_SIZE;
    pl_fail(context, PL_INCOMPLETE, "upstream %s failed: %.*s", reader->record.header.name, shown,
            (const char *)payload->loaded);
    keep_upstream(context, reader);
    return reader->failure = PL_INCOMPLETE;
}

/* Leaves the current record; the next one, if any, has the place set here. */
static enum pl_status leave_record(struct pl_context *context, struct pl_reader *reader)
{
    struct pl_record *record = &reader->record;
    if (pl_payload_skip(context, &reader->payload, &reader->inlet, reader->verify))
        return fail_here(context, reader);
    if (record->header.payload)
        pl_segment_payload(&reader->segment, record->header.bytes, reader->payload.crc);
    record->header.payload = false;
    return PL_OK;
}

/* Whether an input that begins with these bytes is meant to be a stream, of whatever version. */
static bool looks_like_stream(const uint8_t *bytes, size_t count)
{
    static const size_t known = PL_MAGIC_SIZE - 2; /* up to the version's digit */
    return memcmp(bytes, PL_MAGIC, count < known ? count : known) == 0;
}

/* Takes the record at the position, which is not the input's end. */
static enum pl_status read_record(struct pl_context *context, struct pl_reader *reader)
{
    struct pl_record *next = &reader->record;
    if (reader->between && next->text) {
        next->segment++;
        pl_segment_reset(&reader->segment);
    }
    next->index = reader->segment.records;
    next->offset = reader->inlet.position;
    next->header = (struct pl_header){0};
    reader->between = false;
    enum pl_status status = take_header(context, reader);
    return status ? status : enter_record(context, reader);
}

enum pl_status pl_reader_next(struct pl_context *context, struct pl_reader *reader,
                              const struct pl_record **record)
{
    *record = NULL;
    if (reader->failure)
        return pl_fail(context, reader->failure, "%s: reading failed before",
                       pl_reader_name(reader));
    do {
        const uint8_t *bytes;
        size_t count = 0;
        enum pl_status status = leave_record(context, reader);
        if (status)
            return status;
        status = pl_inlet_peek(context, &reader->inlet, 1, PL_HEADER_MAX, &bytes, &count);
        if (status)
            return reader->failure = status;
        if (count == 0)
            return end_of_input(context, reader);
        bool first = reader->inlet.position == reader->inlet.start;
        if (first && !looks_like_stream(bytes, count))
            return reader->failure =
                       pl_fail(context, PL_BAD_DATA,
                               "%s: not a tensor stream (ts-import reads other formats)",
                               pl_reader_name(reader));
        if (read_record(context, reader))
            return fail_here(context, reader);
    } while (reader->passed_over);
    *record = &reader->record;
    bool failed = reader->record.header.kind == PL_RECORD_ERROR;
    return failed ? fail_upstream(context, reader) : PL_OK;
}

enum pl_status pl_reader_seek(struct pl_context *context, struct pl_reader *reader, uint64_t offset)
{
    if (!pl_inlet_seek(&reader->inlet, offset))
        return pl_fail(context, PL_SYSTEM, "%s: only a regular file can be read in any order",
                       pl_reader_name(reader));
    pl_segment_reset(&reader->segment);
    reader->segment.partial = true;
    reader->between = false;
    reader->record.header.payload = false;
    reader->payload.state = PL_PAYLOAD_OVER;
    return PL_OK;
}

enum pl_status pl_reader_piece(struct pl_context *context, struct pl_reader *reader,
                               const void **bytes, size_t *size)
{
    const uint8_t *piece = NULL;
    if (pl_payload_piece(context, &reader->payload, &reader->inlet, 1, &piece, size))
        return fail_here(context, reader);
    *bytes = piece;
    return PL_OK;
}

enum pl_status pl_reader_payload(struct pl_context *context, struct pl_reader *reader,
                                 const void **bytes, size_t *size)
{
    if (pl_payload_load(context, &reader->payload, &reader->inlet, true))
        return fail_here(context, reader);
    *bytes = reader->payload.size ? (const void *)reader->payload.loaded : "";
    *size = reader->payload.size;
    return PL_OK;
}

/* Bytes of the current record's elements, whose shape was checked when it was entered. */
static enum pl_status need_elements(struct pl_context *context, struct pl_reader *reader,
                                    uint64_t *need)
{
    const struct pl_header *header = &reader->record.header;
    bool solid = header->kind == PL_RECORD_TENSOR && !header->chunked;
    if (!solid && header->kind != PL_RECORD_CHUNK)
        return pl_fail(context, PL_BAD_DATA, "a record without elements");
    if (!pl_shape_bytes(header->dtype, header->rank, header->dims, need))
        return pl_fail(context, PL_BAD_DATA, "its shape is too large");
    return PL_OK;
}

enum pl_status pl_reader_tensor(struct pl_context *context, struct pl_reader *reader,
                                struct pl_tensor *tensor)
{
    const struct pl_header *header = &reader->record.header;
    uint8_t *data = NULL;
    uint64_t need;
    *tensor = pl_tensor_view(header->dtype, header->rank, header->dims, NULL);
    if (need_elements(context, reader, &need) ||
        pl_payload_elements(context, &reader->payload, &reader->inlet, need, &data,
                            &tensor->owned)) {
        tensor->owned = false;
        return fail_here(context, reader);
    }
    tensor->data = data;
    return PL_OK;
}

enum pl_status pl_reader_elements(struct pl_context *context, struct pl_reader *reader,
                                  const void **elements, int64_t *count)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    uint64_t need;
    *count = 0;
    if (need_elements(context, reader, &need) ||
        pl_payload_some_elements(context, &reader->payload, &reader->inlet, need, &bytes, &size))
        return fail_here(context, reader);
    *elements = bytes;
    *count = (int64_t)(size / pl_dtype_size(reader->record.header.dtype));
    return PL_OK;
}

enum pl_status pl_reader_meta(struct pl_context *context, struct pl_reader *reader,
                              struct pl_meta *meta)
{
    const struct pl_header *header = &reader->record.header;
    const struct pl_payload *payload = &reader->payload;
    enum pl_status status = header->kind == PL_RECORD_META
                                ? pl_payload_load(context, &reader->payload, &reader->inlet, false)
                                : pl_fail(context, PL_BAD_DATA, "not a document");
    if (status == PL_OK)
        status = pl_meta_parse(context, meta, header->name, (const char *)payload->loaded,
                               payload->size);
    return status ? fail_here(context, reader) : PL_OK;
}
