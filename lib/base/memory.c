/* Checked allocation, checked sizes, and arenas.
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    LINE = 64,                        /* bytes of a cache line: the alignment of anything large */
    SMALL = 4096,                     /* below this many bytes malloc's alignment will do */
    HUGE_PAGE = 1 << 21,              /* bytes of a huge page */
    MANY_PAGES = 1 << 15,             /* from this many bytes on, pages are asked for together */
    BLOCK_LEAST = 4096,               /* an arena's first block */
    BLOCK_DOUBLED = HUGE_PAGE - LINE, /* blocks double up to this size */
};

/* Memory that is not zeroed, aligned to a cache line; NULL when short.  Large blocks ask for huge
 * pages: touching them first then costs one fault instead of 512, which is most of the time that
 * filling fresh memory takes. */
static void *aligned_block(size_t bytes)
{
    bool huge = bytes >= HUGE_PAGE / 4 * 3; /* most of one will be used */
    void *block;
    if (posix_memalign(&block, huge ? HUGE_PAGE : LINE, bytes) != 0) {
        return NULL;
    }
    if (huge) {
        madvise(block, bytes, MADV_HUGEPAGE); /* advice: where it is refused, nothing is lost */
    }
    return block;
}

/* Has the pages of a block made at once, where the system can (Linux 5.14): one by one, on first
 * touch, each costs a fault. */
static void populate(void *block, size_t bytes)
{
#if defined(MADV_POPULATE_WRITE)
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (uintptr_t)block / page * page;
    madvise((void *)start, (uintptr_t)block + bytes - start, MADV_POPULATE_WRITE);
#else
    (void)block, (void)bytes;
#endif
}

bool pl_mul_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool pl_add_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

bool pl_mul_int64(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool pl_add_int64(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

/* count * size, at least 1; records the failure when there can be no such block. */
static bool block_bytes(struct pl_context *context, size_t count, size_t size, size_t *bytes)
{
    if (!pl_mul_size(count, size, bytes) || *bytes > (size_t)PTRDIFF_MAX - 2 * LINE) {
        pl_fail(context, PL_SYSTEM, "out of memory: %zu items of %zu bytes", count, size);
        return false;
    }
    *bytes = *bytes ? *bytes : 1;
    return true;
}

static void *out_of_memory(struct pl_context *context, size_t bytes)
{
    pl_fail(context, PL_SYSTEM, "out of memory: %zu bytes", bytes);
    return NULL;
}

enum pl_status pl_memory_check(struct pl_context *context, double bytes, const char *what)
{
    const double machine = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (bytes <= machine) {
        return PL_OK;
    }
    return pl_fail(context, PL_SYSTEM, "out of memory: %s takes %.1f GB, the machine has %.1f GB",
                   what, bytes * 1e-9, machine * 1e-9);
}

void *pl_new(struct pl_context *context, size_t count, size_t size)
{
    size_t bytes;
    if (!block_bytes(context, count, size, &bytes)) {
        return NULL;
    }
    void *block = bytes < SMALL ? calloc(1, bytes) : aligned_block(bytes);
    if (!block) {
        return out_of_memory(context, bytes);
    }
    if (bytes >= MANY_PAGES) {
        populate(block, bytes);
    }
    return bytes < SMALL ? block : memset(block, 0, bytes);
}

void *pl_resize(struct pl_context *context, void *block, size_t count, size_t size)
{
    size_t bytes;
    if (!block_bytes(context, count, size, &bytes)) {
        return NULL;
    }
    void *resized = realloc(block, bytes);
    return resized ? resized : out_of_memory(context, bytes);
}

char *pl_copy_bytes(struct pl_context *context, const void *bytes, size_t size)
{
    size_t with_nul;
    if (!pl_add_size(size, 1, &with_nul)) {
        return out_of_memory(context, size);
    }
    char *copy = pl_resize(context, NULL, with_nul, 1);
    if (copy) {
        if (size) {
            memcpy(copy, bytes, size);
        }
        copy[size] = '\0';
    }
    return copy;
}

char *pl_copy_text(struct pl_context *context, const char *text)
{
    return pl_copy_bytes(context, text, strlen(text));
}

/* A block is its own first cache line, then size bytes of which used are taken. */
struct pl_arena_block {
    struct pl_arena_block *next;
    size_t size, used;
};

/* The place for bytes in the block, or NULL when it does not fit. */
static void *take(struct pl_arena_block *block, size_t bytes)
{
    size_t alignment = bytes >= LINE ? LINE : 16;
    size_t start = (block->used + alignment - 1) & ~(alignment - 1);
    if (start > block->size || bytes > block->size - start) {
        return NULL;
    }
    block->used = start + bytes;
    return (char *)block + LINE + start;
}

/* Makes the next block that has room the current one.  Blocks kept by a reset are used again
 * first; the one taken moves up behind the current block, so that those passed over stay in play.
 * Equal steps hence find every block where they left it, without a search. */
static bool next_block(struct pl_context *context, struct pl_arena *arena, size_t bytes)
{
    struct pl_arena_block **link = arena->current ? &arena->current->next : &arena->first;
    struct pl_arena_block **found = link;
    while (*found && (*found)->size < bytes) {
        found = &(*found)->next;
    }
    struct pl_arena_block *block = *found;
    if (block) {
        *found = block->next;
    } else {
        size_t size = arena->current ? arena->current->size * 2 : BLOCK_LEAST;
        size = size > BLOCK_DOUBLED ? BLOCK_DOUBLED : size;
        size = (size > bytes ? size : bytes) + LINE - 1;
        size = size / LINE * LINE;
        block = aligned_block(LINE + size);
        if (!block) {
            out_of_memory(context, LINE + size);
            return false;
        }
        block->size = size;
        if (bytes >= MANY_PAGES) {
            populate(block, LINE + bytes);
        }
    }
    block->used = 0;
    block->next = *link;
    *link = block;
    arena->current = block;
    return true;
}

void *pl_arena_take(struct pl_context *context, struct pl_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (!block_bytes(context, count, size, &bytes)) {
        return NULL;
    }
    void *place = arena->current ? take(arena->current, bytes) : NULL;
    if (!place) {
        if (!next_block(context, arena, bytes)) {
            return NULL;
        }
        place = take(arena->current, bytes);
    }
    return place;
}

void *pl_arena_new(struct pl_context *context, struct pl_arena *arena, size_t count, size_t size)
{
    void *place = pl_arena_take(context, arena, count, size);
    return place ? memset(place, 0, count * size) : NULL;
}

char *pl_arena_text(struct pl_context *context, struct pl_arena *arena, const char *text,
                    size_t size)
{
    size_t with_nul;
    if (!pl_add_size(size, 1, &with_nul)) {
        return out_of_memory(context, size);
    }
    char *copy = pl_arena_new(context, arena, with_nul, 1);
    if (copy && size) {
        memcpy(copy, text, size);
    }
    return copy;
}

void pl_arena_reset(struct pl_arena *arena)
{
    arena->current = NULL;
}

struct pl_arena_mark pl_arena_mark(const struct pl_arena *arena)
{
    return (struct pl_arena_mark){arena->current, arena->current ? arena->current->used : 0};
}

void pl_arena_rewind(struct pl_arena *arena, struct pl_arena_mark mark)
{
    arena->current = mark.block;
    if (mark.block) {
        mark.block->used = mark.used;
    }
}

void pl_arena_release(struct pl_arena *arena)
{
    for (struct pl_arena_block *block = arena->first, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    *arena = (struct pl_arena){0};
}
