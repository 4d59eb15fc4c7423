/* Bytes of an input in order, whether in a file, in memory, or from a pipe.
 * SPDX-License-Identifier: MIT */
#include "stream/inlet.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"

enum {
    ALIGNMENT = 64,
    BLOCK_SIZE = PL_PIECE + ALIGNMENT, /* room for a piece at any remainder of the position */
    GIVE_BACK = 8 << 20                /* bytes of a mapped file behind the last view */
};

static enum pl_status start(struct pl_context *context, struct pl_inlet *inlet)
{
    struct pl_file *file = &inlet->file;
    inlet->start = inlet->position = inlet->resident = file->start;
    inlet->size = file->regular ? file->size : UINT64_MAX;
    if (!file->regular)
        fcntl(file->fd, F_SETPIPE_SZ, PL_PIECE); /* only speed: anything but a pipe refuses */
    inlet->block = aligned_alloc(ALIGNMENT, BLOCK_SIZE);
    return inlet->block ? PL_OK : pl_fail(context, PL_SYSTEM, "out of memory");
}

enum pl_status pl_inlet_open(struct pl_context *context, struct pl_inlet *inlet, const char *path,
                             bool map)
{
    *inlet = (struct pl_inlet){.file = {.fd = -1}};
    enum pl_status status = pl_file_open(context, &inlet->file, path, map);
    if (status == PL_OK)
        status = start(context, inlet);
    if (status)
        pl_inlet_close(inlet);
    return status;
}

enum pl_status pl_inlet_open_fd(struct pl_context *context, struct pl_inlet *inlet, int fd,
                                const char *name, const void *before, size_t before_size, bool map)
{
    *inlet = (struct pl_inlet){.file = {.fd = -1}};
    bool wound_back = before_size > 0 && lseek(fd, -(off_t)before_size, SEEK_CUR) >= 0;
    enum pl_status status = pl_file_adopt(context, &inlet->file, fd, name, map);
    if (status == PL_OK)
        status = start(context, inlet);
    if (status == PL_OK && before_size > 0 && !wound_back) {
        if (before_size > PL_PIECE)
            status = pl_fail(context, PL_SYSTEM, "more than 1 MiB was read ahead");
        else
            memcpy(inlet->block, before, inlet->to = before_size);
    }
    if (status)
        pl_inlet_close(inlet);
    return status;
}

enum pl_status pl_inlet_open_memory(struct pl_context *context, struct pl_inlet *inlet,
                                    const void *bytes, size_t size, const char *name)
{
    *inlet = (struct pl_inlet){.file = {.fd = -1}, .memory = bytes, .size = size};
    if (!bytes)
        inlet->memory = (const uint8_t *)"";
    inlet->file.name = pl_copy_text(context, name);
    return inlet->file.name ? PL_OK : context->status;
}

void pl_inlet_close(struct pl_inlet *inlet)
{
    free(inlet->block);
    pl_file_close(&inlet->file);
    *inlet = (struct pl_inlet){.file = {.fd = -1}};
}

bool pl_inlet_is_random(const struct pl_inlet *inlet)
{
    return inlet->memory || inlet->file.regular;
}

/* What one read gives: from where we are in a file, whose own offset others may use; from a pipe.
 */
static enum pl_status read_some(struct pl_context *context, struct pl_inlet *inlet, uint64_t offset,
                                void *to, size_t size, size_t *got)
{
    enum pl_status status = inlet->file.regular
                                ? pl_read_at(context, inlet->file.fd, to, size, offset, got)
                                : pl_read_some(context, inlet->file.fd, to, size, got);
    if (status)
        return pl_file_unreadable(context, &inlet->file);
    if (*got == 0) /* sooner than thought, when somebody shortens the file */
        inlet->size = offset;
    return PL_OK;
}

/* Moves what is in the block to its start, where there is room behind it. */
static void make_room(struct pl_inlet *inlet)
{
    size_t remainder = (size_t)((inlet->position - inlet->start) % ALIGNMENT);
    size_t held = inlet->to - inlet->from;
    memmove(inlet->block + remainder, inlet->block + inlet->from, held);
    inlet->from = remainder;
    inlet->to = remainder + held;
}

static enum pl_status fill(struct pl_context *context, struct pl_inlet *inlet, size_t least,
                           size_t most)
{
    if (inlet->from == inlet->to || inlet->from + most > BLOCK_SIZE)
        make_room(inlet);
    for (;;) {
        size_t held = inlet->to - inlet->from, got;
        if (held >= least || inlet->position + held >= inlet->size)
            return PL_OK;
        size_t want = inlet->file.regular ? most - held : BLOCK_SIZE - inlet->to;
        enum pl_status status =
            read_some(context, inlet, inlet->position + held, inlet->block + inlet->to, want, &got);
        if (status)
            return status;
        inlet->to += got;
    }
}

enum pl_status pl_inlet_peek(struct pl_context *context, struct pl_inlet *inlet, size_t least,
                             size_t most, const uint8_t **bytes, size_t *count)
{
    if (inlet->memory) {
        *bytes = inlet->memory + inlet->position;
        *count = (size_t)(inlet->size - inlet->position);
        return PL_OK;
    }
    if (inlet->to - inlet->from < least) {
        enum pl_status status = fill(context, inlet, least, most);
        if (status)
            return status;
    }
    *bytes = inlet->block + inlet->from;
    *count = inlet->to - inlet->from;
    return PL_OK;
}

void pl_inlet_take(struct pl_inlet *inlet, uint64_t size)
{
    inlet->position += size;
    if (size <= inlet->to - inlet->from)
        inlet->from += (size_t)size;
    else
        inlet->from = inlet->to = 0; /* jumped out of the block */
}

bool pl_inlet_seek(struct pl_inlet *inlet, uint64_t offset)
{
    if (!pl_inlet_is_random(inlet) || offset < inlet->start || offset > inlet->size)
        return false;
    inlet->position = offset;
    inlet->from = inlet->to = 0;
    return true;
}

enum pl_status pl_inlet_read(struct pl_context *context, struct pl_inlet *inlet, void *to,
                             size_t size, size_t *got)
{
    const uint8_t *held =
        inlet->memory ? inlet->memory + inlet->position : inlet->block + inlet->from;
    uint64_t count_held = inlet->memory ? pl_inlet_left(inlet) : inlet->to - inlet->from;
    *got = count_held < size ? (size_t)count_held : size;
    memcpy(to, held, *got);
    pl_inlet_take(inlet, *got);
    while (*got < size && inlet->position < inlet->size) {
        size_t count;
        enum pl_status status =
            read_some(context, inlet, inlet->position, (uint8_t *)to + *got, size - *got, &count);
        if (status)
            return status;
        *got += count;
        inlet->position += count;
    }
    return PL_OK;
}

/* Drops the pages of a mapped file between the first and the last view. */
static void give_back(struct pl_inlet *inlet)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t from = (inlet->resident + page - 1) / page * page;
    uint64_t to = inlet->position / page * page;
    if (from < to)
        madvise((void *)(uintptr_t)(inlet->file.map + from), (size_t)(to - from), MADV_DONTNEED);
    inlet->resident = inlet->position;
}

const uint8_t *pl_inlet_view(struct pl_inlet *inlet)
{
    if (inlet->memory)
        return inlet->memory + inlet->position;
    if (!inlet->file.map)
        return NULL;
    if (inlet->position < inlet->resident) /* after a seek */
        inlet->resident = inlet->position;
    if (!inlet->keep && inlet->position - inlet->resident >= GIVE_BACK)
        give_back(inlet);
    return inlet->file.map + inlet->position;
}

uint64_t pl_inlet_left(const struct pl_inlet *inlet)
{
    return inlet->size == UINT64_MAX ? UINT64_MAX : inlet->size - inlet->position;
}
