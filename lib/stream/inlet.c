/* Bytes of an input in order, whether mapped, in memory, or read from a pipe.
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
    AHEAD_LEAST = 4 << 10,             /* read of a file after a jump; then twice as many, up to */
    AHEAD_MOST = 256 << 10,            /* what stays in a second-level cache */
    GIVE_BACK = 8 << 20                /* resident bytes of a mapped file behind the position */
};

/* What an open file is to be: mapped, or read through a block. */
static enum pl_status start(struct pl_context *context, struct pl_inlet *inlet)
{
    struct pl_file *file = &inlet->file;
    inlet->map = file->map;
    inlet->start = inlet->position = inlet->resident = file->start;
    inlet->size = file->regular ? file->size : UINT64_MAX;
    inlet->ahead = file->regular ? AHEAD_LEAST : PL_PIECE;
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
    *inlet = (struct pl_inlet){.file = {.fd = -1}, .map = bytes, .size = size};
    inlet->file.name = pl_copy_text(context, name);
    return inlet->file.name ? PL_OK : context->status;
}

void pl_inlet_close(struct pl_inlet *inlet)
{
    free(inlet->block);
    pl_file_close(&inlet->file);
    *inlet = (struct pl_inlet){.file = {.fd = -1}};
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

static enum pl_status fill(struct pl_context *context, struct pl_inlet *inlet, size_t least)
{
    if (inlet->from == inlet->to || inlet->from + least > BLOCK_SIZE)
        make_room(inlet);
    while (inlet->to - inlet->from < least &&
           inlet->position + (inlet->to - inlet->from) < inlet->size) {
        size_t got;
        enum pl_status status = pl_read_some(context, inlet->file.fd, inlet->block + inlet->to,
                                             BLOCK_SIZE - inlet->to, &got);
        if (status)
            return pl_file_unreadable(context, &inlet->file);
        inlet->to += got;
        if (got == 0)
            inlet->size = inlet->position + (inlet->to - inlet->from);
    }
    return PL_OK;
}

enum pl_status pl_inlet_peek(struct pl_context *context, struct pl_inlet *inlet, size_t least,
                             const uint8_t **bytes, size_t *count)
{
    if (!inlet->block) {
        *bytes = inlet->map ? inlet->map + inlet->position : NULL;
        *count = (size_t)(inlet->size - inlet->position);
        return PL_OK;
    }
    if (inlet->to - inlet->from < least) {
        enum pl_status status = fill(context, inlet, least);
        if (status)
            return status;
    }
    *bytes = inlet->block + inlet->from;
    *count = inlet->to - inlet->from;
    return PL_OK;
}

/* Pages behind the position are dropped now and then: they are clean, and come back from the page
 * cache if somebody looks again.  What counts as our memory stays small however long the file. */
static void give_back(struct pl_inlet *inlet)
{
    if (!inlet->file.map)
        return;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t from = (inlet->resident + page - 1) / page * page;
    uint64_t to = inlet->position / page * page;
    if (from < to)
        madvise((void *)(uintptr_t)(inlet->map + from), (size_t)(to - from), MADV_DONTNEED);
    inlet->resident = inlet->position;
}

/* To a place in a regular file that the block does not hold. */
static void jump(struct pl_inlet *inlet, uint64_t position)
{
    inlet->position = position;
    inlet->from = inlet->to = (size_t)((position - inlet->start) % ALIGNMENT);
    if (inlet->block) {
        lseek(inlet->file.fd, (off_t)position, SEEK_SET);
        inlet->ahead = AHEAD_LEAST;
    }
}

void pl_inlet_take(struct pl_inlet *inlet, uint64_t size)
{
    if (inlet->position - inlet->resident >= GIVE_BACK)
        give_back(inlet);
    if (size > inlet->to - inlet->from) {
        jump(inlet, inlet->position + size);
        return;
    }
    inlet->position += size;
    inlet->from += (size_t)size;
}

const uint8_t *pl_inlet_in_place(const struct pl_inlet *inlet)
{
    return inlet->map ? inlet->map + inlet->position : NULL;
}

bool pl_inlet_seek(struct pl_inlet *inlet, uint64_t offset)
{
    if (!inlet->map || offset < inlet->start || offset > inlet->size)
        return false;
    give_back(inlet);
    jump(inlet, offset);
    inlet->resident = offset;
    return true;
}

enum pl_status pl_inlet_read(struct pl_context *context, struct pl_inlet *inlet, void *to,
                             size_t size, size_t *got)
{
    size_t held = inlet->to - inlet->from;
    if (held > size)
        held = size;
    memcpy(to, inlet->block + inlet->from, held);
    enum pl_status status =
        pl_read_full(context, inlet->file.fd, (uint8_t *)to + held, size - held, got);
    if (status)
        return pl_file_unreadable(context, &inlet->file);
    inlet->from += held;
    *got += held;
    inlet->position += *got;
    return PL_OK;
}

uint64_t pl_inlet_left(const struct pl_inlet *inlet)
{
    return inlet->size == UINT64_MAX ? UINT64_MAX : inlet->size - inlet->position;
}
