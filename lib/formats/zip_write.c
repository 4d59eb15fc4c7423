/* Writing zip archives in one pass.
 * SPDX-License-Identifier: MIT
 *
 * Sizes and CRC stand in each member's header, in the zip64 extra field where 32 bits are too few,
 * so that readers of streams need no data descriptors.  The time of every member is 1980-01-01, the
 * format's zero: equal runs give equal bytes. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "base/crc32.h"
#include "formats/zip.h"

enum {
    VERSION = 20,   /* deflate */
    VERSION64 = 45, /* zip64 */
    UTF8_NAME = 1 << 11,
    STORED = 0,
    DEFLATED = 8,
    FIRST_DAY = 0x21, /* 1980-01-01 */
    PIECE = 1 << 18
};

/* Appends little-endian fields; the first failure sticks. */
struct fields {
    struct pl_context *context;
    struct pl_buffer *out;
    enum pl_status status;
};

static void put(struct fields *fields, uint64_t value, int size)
{
    uint8_t bytes[8];
    for (int i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
    if (!fields->status) {
        fields->status = pl_buffer_append(fields->context, fields->out, bytes, (size_t)size);
    }
}

static void put_bytes(struct fields *fields, const void *bytes, size_t size)
{
    if (!fields->status) {
        fields->status = pl_buffer_append(fields->context, fields->out, bytes, size);
    }
}

struct member {
    const char *name;
    uint64_t size, stored, offset;
    uint32_t sum;
    bool deflated;
};

static uint64_t narrow(uint64_t value)
{
    return value < UINT32_MAX ? value : UINT32_MAX;
}

/* What a member's header and its directory entry have in common. */
static void put_common(struct fields *fields, const struct member *member, int extra)
{
    bool wide = member->size >= UINT32_MAX || member->stored >= UINT32_MAX;
    put(fields, wide || extra ? VERSION64 : VERSION, 2);
    put(fields, UTF8_NAME, 2);
    put(fields, member->deflated ? DEFLATED : STORED, 2);
    put(fields, 0, 2);
    put(fields, FIRST_DAY, 2);
    put(fields, member->sum, 4);
    put(fields, wide ? UINT32_MAX : member->stored, 4);
    put(fields, wide ? UINT32_MAX : member->size, 4);
    put(fields, strlen(member->name), 2);
    put(fields, (uint64_t)extra, 2);
}

static enum pl_status put_header(struct pl_context *context, const struct member *member,
                                 struct pl_buffer *out)
{
    struct fields fields = {context, out, PL_OK};
    bool wide = member->size >= UINT32_MAX || member->stored >= UINT32_MAX;
    put_bytes(&fields, "PK\x03\x04", 4);
    put_common(&fields, member, wide ? 20 : 0);
    put_bytes(&fields, member->name, strlen(member->name));
    if (wide) {
        put(&fields, 1, 2);
        put(&fields, 16, 2);
        put(&fields, member->size, 8);
        put(&fields, member->stored, 8);
    }
    return fields.status;
}

static enum pl_status put_entry(struct pl_context *context, const struct member *member,
                                struct pl_buffer *out)
{
    struct fields fields = {context, out, PL_OK};
    bool wide = member->size >= UINT32_MAX || member->stored >= UINT32_MAX;
    bool far = member->offset >= UINT32_MAX;
    int extra = (wide ? 16 : 0) + (far ? 8 : 0);
    put_bytes(&fields, "PK\x01\x02", 4);
    put(&fields, VERSION64, 2);
    put_common(&fields, member, extra ? extra + 4 : 0);
    put(&fields, 0, 2 + 2 + 2); /* comment, disk, internal attributes */
    put(&fields, 0, 4);         /* external attributes */
    put(&fields, narrow(member->offset), 4);
    put_bytes(&fields, member->name, strlen(member->name));
    if (extra) {
        put(&fields, 1, 2);
        put(&fields, (uint64_t)extra, 2);
    }
    if (wide) {
        put(&fields, member->size, 8);
        put(&fields, member->stored, 8);
    }
    if (far) {
        put(&fields, member->offset, 8);
    }
    return fields.status;
}

/* Deflates one part into fd; the last part ends the data. */
static enum pl_status deflate_part(struct pl_context *context, z_stream *stream, const void *bytes,
                                   size_t size, bool last, int fd, uint64_t *stored)
{
    uint8_t out[PIECE / 4];
    const uint8_t *at = bytes;
    enum pl_status status = PL_OK;
    do {
        uInt piece = size < PIECE ? (uInt)size : PIECE;
        stream->next_in = (Bytef *)(uintptr_t)at; /* zlib does not write to its input */
        stream->avail_in = piece;
        at += piece;
        size -= piece;
        do {
            stream->next_out = out;
            stream->avail_out = sizeof out;
            deflate(stream, last && size == 0 ? Z_FINISH : Z_NO_FLUSH);
            size_t made = sizeof out - stream->avail_out;
            *stored += made;
            status = pl_file_temporary_write(context, fd, out, made);
        } while (!status && stream->avail_out == 0);
    } while (!status && size > 0);
    return status;
}

/* Deflates both parts into a temporary file. */
static enum pl_status deflate_parts(struct pl_context *context, const void *head, size_t head_size,
                                    const void *body, size_t body_size, int fd, uint64_t *stored)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return pl_fail(context, PL_SYSTEM, "out of memory");
    }
    *stored = 0;
    enum pl_status status = deflate_part(context, &stream, head, head_size, false, fd, stored);
    if (!status) {
        status = deflate_part(context, &stream, body, body_size, true, fd, stored);
    }
    deflateEnd(&stream);
    return status;
}

/* Copies the temporary file's bytes to the archive. */
static enum pl_status copy_back(struct pl_context *context, struct pl_sink *sink, int fd,
                                uint64_t size)
{
    void *map = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        return pl_fail_errno(context, "cannot map a temporary file");
    }
    enum pl_status status = pl_sink_write(context, sink, map, (size_t)size);
    munmap(map, (size_t)size);
    return status;
}

/* Writes a member's header, and notes its directory entry. */
static enum pl_status announce(struct pl_context *context, struct pl_zip_writer *zip,
                               const struct member *member)
{
    struct pl_buffer header = {0};
    enum pl_status status = put_header(context, member, &header);
    if (!status) {
        status = put_entry(context, member, &zip->directory);
    }
    if (!status) {
        status = pl_sink_write(context, zip->sink, header.data, header.size);
    }
    pl_buffer_release(&header);
    zip->count++;
    return status;
}

enum pl_status pl_zip_add(struct pl_context *context, struct pl_zip_writer *zip, const char *name,
                          const void *head, size_t head_size, const void *body, size_t body_size,
                          bool deflate)
{
    struct member member = {.name = name, .offset = zip->sink->written, .deflated = deflate};
    member.size = member.stored = (uint64_t)head_size + body_size;
    member.sum = pl_crc32(pl_crc32(0, head, head_size), body, body_size);
    int fd = -1;
    enum pl_status status = PL_OK;
    if (deflate) {
        status = pl_file_temporary(context, &fd);
    }
    if (!status && deflate) {
        status = deflate_parts(context, head, head_size, body, body_size, fd, &member.stored);
    }
    if (!status) {
        status = announce(context, zip, &member);
    }
    if (!status && deflate) {
        status = copy_back(context, zip->sink, fd, member.stored);
    } else if (!status) {
        status = pl_sink_write(context, zip->sink, head, head_size);
        if (!status) {
            status = pl_sink_write(context, zip->sink, body, body_size);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return status;
}

enum pl_status pl_zip_finish(struct pl_context *context, struct pl_zip_writer *zip)
{
    struct pl_buffer end = {0};
    struct fields fields = {context, &end, PL_OK};
    uint64_t offset = zip->sink->written, size = zip->directory.size, count = zip->count;
    if (offset >= UINT32_MAX || size >= UINT32_MAX || count >= UINT16_MAX) {
        put_bytes(&fields, "PK\x06\x06", 4);
        put(&fields, 44, 8); /* bytes that follow in this record */
        put(&fields, VERSION64, 2);
        put(&fields, VERSION64, 2);
        put(&fields, 0, 8); /* disks */
        put(&fields, count, 8);
        put(&fields, count, 8);
        put(&fields, size, 8);
        put(&fields, offset, 8);
        put_bytes(&fields, "PK\x06\x07", 4);
        put(&fields, 0, 4);
        put(&fields, offset + size, 8);
        put(&fields, 1, 4); /* disks */
    }
    uint64_t short_count = count < UINT16_MAX ? count : UINT16_MAX;
    put_bytes(&fields, "PK\x05\x06", 4);
    put(&fields, 0, 4); /* disks */
    put(&fields, short_count, 2);
    put(&fields, short_count, 2);
    put(&fields, narrow(size), 4);
    put(&fields, narrow(offset), 4);
    put(&fields, 0, 2); /* comment */
    enum pl_status status = fields.status;
    if (!status) {
        status = pl_sink_write(context, zip->sink, zip->directory.data, zip->directory.size);
    }
    if (!status) {
        status = pl_sink_write(context, zip->sink, end.data, end.size);
    }
    pl_buffer_release(&end);
    pl_buffer_release(&zip->directory);
    return status;
}
