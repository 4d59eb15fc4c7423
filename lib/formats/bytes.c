/* The bytes of an input in another format: mapped, or read piece by piece, gzip undone.
 * SPDX-License-Identifier: MIT */
#include "formats/bytes.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/crc32.h"

enum {
    PIPE_SIZE = 1 << 20, /* what a pipe on the input is widened to */
    READ_STEP = 1 << 16, /* room made for one read, at least */
    PEEK_MOST = 1 << 20, /* bytes gathered when nobody asked for more */
    SUM_STEP = 1 << 24   /* bytes summed before their pages are given back */
};

enum pl_status pl_bytes_fail(struct pl_context *context, const struct pl_bytes *bytes,
                             enum pl_status status, const char *format, ...)
{
    char message[PL_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return pl_fail(context, status, "%s: %s", bytes->name, message);
}

enum pl_status pl_bytes_short(struct pl_context *context, const struct pl_bytes *bytes,
                              uint64_t missing)
{
    return pl_bytes_fail(context, bytes, PL_INCOMPLETE, "ends %llu byte%s early: truncated?",
                         (unsigned long long)missing, missing == 1 ? "" : "s");
}

/* One read, appended to buffer; *got = 0 at the end. */
static enum pl_status read_some(struct pl_context *context, struct pl_bytes *bytes,
                                struct pl_buffer *buffer, size_t *got)
{
    enum pl_status status = pl_buffer_reserve(context, buffer, READ_STEP);
    if (status) {
        return status;
    }
    char *end = buffer->data + buffer->size;
    status = pl_read_some(context, bytes->file.fd, end, buffer->capacity - buffer->size - 1, got);
    if (status) {
        return pl_file_unreadable(context, &bytes->file);
    }
    bytes->sum = pl_crc32(bytes->sum, end, *got);
    buffer->size += *got;
    return PL_OK;
}

/* The compressed bytes at hand, read if there are none. */
static enum pl_status raw_ahead(struct pl_context *context, struct pl_bytes *bytes,
                                const uint8_t **raw, size_t *size)
{
    if (bytes->stored) {
        *raw = bytes->stored + bytes->raw_taken;
        *size = bytes->stored_size - bytes->raw_taken;
        return PL_OK;
    }
    if (bytes->raw_taken == bytes->raw.size) {
        size_t got;
        bytes->raw.size = bytes->raw_taken = 0;
        enum pl_status status = read_some(context, bytes, &bytes->raw, &got);
        if (status) {
            return status;
        }
    }
    *raw = (const uint8_t *)bytes->raw.data + bytes->raw_taken;
    *size = bytes->raw.size - bytes->raw_taken;
    return PL_OK;
}

static enum pl_status inflate_more(struct pl_context *context, struct pl_bytes *bytes)
{
    const uint8_t *raw;
    size_t raw_size;
    enum pl_status status = raw_ahead(context, bytes, &raw, &raw_size);
    if (!status) {
        status = pl_buffer_reserve(context, &bytes->window, READ_STEP);
    }
    if (status) {
        return status;
    }
    bool last = raw_size == 0;
    size_t room = bytes->window.capacity - bytes->window.size - 1;
    uint8_t *end = (uint8_t *)bytes->window.data + bytes->window.size;
    status = pl_gunzip_step(context, &bytes->gunzip, raw, &raw_size, end, &room);
    if (status) {
        return pl_fail_at(context, "%s", bytes->name);
    }
    bytes->raw_taken += raw_size;
    bytes->window.size += room;
    if (bytes->gunzip.bare) {
        bytes->content_sum = pl_crc32(bytes->content_sum, end, room);
    }
    if (last && room == 0) {
        if (bytes->gunzip.member) {
            return pl_bytes_fail(context, bytes, PL_INCOMPLETE,
                                 "the compressed data end too early: truncated?");
        }
        bytes->ended = true;
    }
    return PL_OK;
}

/* Adds to the window what one read brings. */
static enum pl_status fill(struct pl_context *context, struct pl_bytes *bytes)
{
    struct pl_buffer *window = &bytes->window;
    if (bytes->taken > 0) {
        memmove(window->data, window->data + bytes->taken, window->size - bytes->taken);
        window->size -= bytes->taken;
        bytes->taken = 0;
    }
    enum pl_status status;
    if (bytes->compressed) {
        status = inflate_more(context, bytes);
    } else {
        size_t got = 0;
        status = read_some(context, bytes, window, &got);
        bytes->ended = !status && got == 0;
    }
    bytes->data = (const uint8_t *)window->data;
    bytes->size = window->size;
    return status;
}

/* True when fill would not wait. */
static bool more_is_there(const struct pl_bytes *bytes)
{
    struct pollfd ready = {.fd = bytes->file.fd, .events = POLLIN};
    return bytes->stored || bytes->raw_taken < bytes->raw.size || poll(&ready, 1, 0) > 0;
}

enum pl_status pl_bytes_peek(struct pl_context *context, struct pl_bytes *bytes, size_t least,
                             const uint8_t **data, size_t *size)
{
    enum pl_status status = PL_OK;
    while (!status && !bytes->ended &&
           (bytes->size - bytes->taken < least ||
            (bytes->eager && bytes->size - bytes->taken < PEEK_MOST && more_is_there(bytes)))) {
        status = fill(context, bytes);
    }
    *size = bytes->size - bytes->taken;
    *data = *size ? bytes->data + bytes->taken : (const uint8_t *)"";
    return status;
}

void pl_bytes_give_back(const struct pl_bytes *bytes, const uint8_t *data, size_t size)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t from = ((uintptr_t)data + page - 1) / page * page;
    const uintptr_t to = ((uintptr_t)data + size) / page * page;
    if (bytes->file.map && bytes->stored && !bytes->compressed && from < to) {
        madvise((void *)from, to - from, MADV_DONTNEED); /* advice: no harm where it is refused */
    }
}

void pl_bytes_skip(struct pl_bytes *bytes, size_t size)
{
    bytes->taken += size;
}

enum pl_status pl_bytes_take(struct pl_context *context, struct pl_bytes *bytes, size_t size,
                             const uint8_t **data)
{
    size_t there;
    enum pl_status status = pl_bytes_peek(context, bytes, size, data, &there);
    if (!status && there < size) {
        status = pl_bytes_short(context, bytes, size - there);
    }
    if (!status) {
        pl_bytes_skip(bytes, size);
    }
    return status;
}

/* Moves everything ahead into a temporary file. */
static enum pl_status spool(struct pl_context *context, struct pl_bytes *bytes, int fd,
                            size_t *total)
{
    *total = 0;
    for (;;) {
        const uint8_t *data;
        size_t size;
        enum pl_status status = pl_bytes_peek(context, bytes, 1, &data, &size);
        if (!status && size == 0) {
            return PL_OK;
        }
        if (!status) {
            status = pl_file_temporary_write(context, fd, data, size);
        }
        if (status) {
            return status;
        }
        pl_bytes_skip(bytes, size);
        *total += size;
    }
}

static enum pl_status map_spool(struct pl_context *context, struct pl_bytes *bytes, int fd,
                                size_t size)
{
    void *map = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (map == MAP_FAILED) {
        return pl_fail_errno(context, "cannot map a temporary copy of '%s'", bytes->name);
    }
    bytes->spooled = map;
    bytes->spooled_size = size;
    bytes->data = map;
    bytes->size = size;
    bytes->taken = 0;
    return PL_OK;
}

enum pl_status pl_bytes_rest(struct pl_context *context, struct pl_bytes *bytes,
                             const uint8_t **data, size_t *size)
{
    enum pl_status status = pl_bytes_peek(context, bytes, 1, data, size);
    if (status || bytes->ended) {
        return status;
    }
    int fd;
    size_t total;
    status = pl_file_temporary(context, &fd);
    if (status) {
        return status;
    }
    status = spool(context, bytes, fd, &total);
    if (!status) {
        status = map_spool(context, bytes, fd, total);
    }
    close(fd);
    return status ? status : pl_bytes_peek(context, bytes, 0, data, size);
}

enum pl_status pl_bytes_expect_end(struct pl_context *context, struct pl_bytes *bytes)
{
    const uint8_t *data;
    size_t size;
    enum pl_status status = pl_bytes_peek(context, bytes, 1, &data, &size);
    if (!status && size > 0) {
        status = pl_bytes_fail(context, bytes, PL_BAD_DATA, "junk behind the data");
    }
    return status;
}

enum pl_status pl_bytes_sum(struct pl_context *context, struct pl_bytes *bytes, uint32_t *sum)
{
    if (bytes->stored && !bytes->summed) {
        bytes->sum = 0;
        for (size_t at = 0, size; at < bytes->stored_size; at += size) {
            size = bytes->stored_size - at < SUM_STEP ? bytes->stored_size - at : SUM_STEP;
            bytes->sum = pl_crc32(bytes->sum, bytes->stored + at, size);
            pl_bytes_give_back(bytes, bytes->stored + at, size);
        }
        bytes->summed = true;
    }
    const uint8_t *data;
    size_t size;
    enum pl_status status = PL_OK;
    while (!status && !bytes->stored && !bytes->ended) {
        status = pl_bytes_peek(context, bytes, 1, &data, &size);
        pl_bytes_skip(bytes, status ? 0 : size);
    }
    *sum = bytes->sum;
    return status;
}

void pl_bytes_set_sum(struct pl_bytes *bytes, uint32_t sum)
{
    if (bytes->stored && !bytes->compressed) {
        bytes->sum = sum;
        bytes->summed = true;
    }
}

/* Shows stored bytes as they are, or has them inflated on the way. */
static void show_stored(struct pl_bytes *bytes, const uint8_t *stored, size_t size)
{
    bytes->stored = stored;
    bytes->stored_size = size;
    bytes->regular = true;
    bytes->compressed = pl_gunzip_sniff(stored, size);
    if (!bytes->compressed) {
        bytes->data = stored;
        bytes->size = size;
        bytes->ended = true;
    }
}

/* Reads the first bytes of a pipe; when they are gzip's, they go where they are inflated from. */
static enum pl_status sniff_pipe(struct pl_context *context, struct pl_bytes *bytes)
{
    enum { MAGIC = 2 };
    const uint8_t *data;
    size_t size;
#ifdef F_SETPIPE_SZ
    fcntl(bytes->file.fd, F_SETPIPE_SZ, PIPE_SIZE); /* not a pipe, or not allowed: no harm */
#endif
    enum pl_status status = pl_bytes_peek(context, bytes, MAGIC, &data, &size);
    if (!status && pl_gunzip_sniff(data, size)) {
        bytes->compressed = true;
        bytes->raw = bytes->window;
        bytes->window = (struct pl_buffer){0};
        bytes->data = NULL;
        bytes->size = 0;
        bytes->ended = false;
    }
    return status;
}

enum pl_status pl_bytes_open(struct pl_context *context, struct pl_bytes *bytes, const char *path)
{
    *bytes = (struct pl_bytes){.file = {.fd = -1}};
    enum pl_status status = pl_file_open(context, &bytes->file, path, true);
    if (status) {
        return status;
    }
    const struct pl_file *file = &bytes->file;
    bytes->name = file->name;
    if (file->map) {
        show_stored(bytes, file->map + file->start, (size_t)(file->size - file->start));
    } else {
        status = sniff_pipe(context, bytes);
    }
    if (status) {
        pl_bytes_close(bytes);
    }
    return status;
}

void pl_bytes_memory(struct pl_bytes *bytes, const char *name, const void *stored, size_t size)
{
    *bytes = (struct pl_bytes){.name = name, .file = {.fd = -1}};
    show_stored(bytes, stored, size);
}

void pl_bytes_deflated(struct pl_bytes *bytes, const char *name, const void *stored, size_t size)
{
    *bytes = (struct pl_bytes){.name = name, .file = {.fd = -1}, .regular = true};
    bytes->stored = stored;
    bytes->stored_size = size;
    bytes->compressed = true;
    bytes->gunzip.bare = true;
}

void pl_bytes_close(struct pl_bytes *bytes)
{
    if (bytes->spooled) {
        munmap(bytes->spooled, bytes->spooled_size);
    }
    pl_gunzip_release(&bytes->gunzip);
    pl_buffer_release(&bytes->raw);
    pl_buffer_release(&bytes->window);
    if (bytes->file.name) {
        pl_file_close(&bytes->file);
    }
    *bytes = (struct pl_bytes){.file = {.fd = -1}};
}
