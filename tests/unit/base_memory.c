/* Contexts, allocation, arenas and buffers.
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <malloc.h>

#include "base/buffer.h"
#include "base/context.h"
#include "base/memory.h"
#include "check.h"

static char heard[PL_MESSAGE_SIZE];

static void hear(void *user, const char *message)
{
    (void)user;
    snprintf(heard, sizeof heard, "%s", message);
}

static void messages(void)
{
    struct pl_context context = {0};
    CHECK(pl_fail(&context, PL_BAD_DATA, "not a number: '%s'", "a\nb\x1b[31m") == PL_BAD_DATA);
    CHECK_TEXT(context.message, "not a number: 'a?b?[31m'");
    CHECK(pl_fail_at(&context, "x.csv:%d", 17) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "x.csv:17: not a number: 'a?b?[31m'");
    CHECK(pl_fail(&context, PL_NUMERIC, "again: %s", context.message) == PL_NUMERIC);
    CHECK_TEXT(context.message, "again: x.csv:17: not a number: 'a?b?[31m'");
    errno = ENOENT;
    CHECK(pl_fail_errno(&context, "cannot open '%s'", "x") == PL_SYSTEM);
    CHECK_TEXT(context.message, "cannot open 'x': No such file or directory");
    CHECK(context.status == PL_SYSTEM);
    pl_warn(&context, "unheard");
    context.warn = hear;
    pl_warn(&context, "column %d\t", 3);
    CHECK_TEXT(heard, "column 3?");
}

static void long_messages(void)
{
    struct pl_context context = {0};
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    pl_fail(&context, PL_USAGE, "%s", text);
    CHECK(strlen(context.message) == PL_MESSAGE_SIZE - 1);
    CHECK_TEXT(context.message + PL_MESSAGE_SIZE - 5, "x...");
    pl_fail_at(&context, "place");
    CHECK(strncmp(context.message, "place: xxx", 10) == 0);
    CHECK_TEXT(context.message + PL_MESSAGE_SIZE - 5, "x...");
}

static void sizes(void)
{
    size_t size;
    int64_t whole;
    CHECK(pl_mul_size(3, 4, &size) && size == 12);
    CHECK(!pl_mul_size(SIZE_MAX / 2 + 1, 2, &size) && pl_mul_size(SIZE_MAX, 1, &size));
    CHECK(pl_add_size(SIZE_MAX, 0, &size) && !pl_add_size(SIZE_MAX, 1, &size));
    CHECK(pl_mul_int64(INT64_MIN, 1, &whole) && !pl_mul_int64(INT64_MIN, -1, &whole));
    CHECK(pl_add_int64(INT64_MAX, INT64_MIN, &whole) && whole == -1);
    CHECK(!pl_add_int64(INT64_MAX, 1, &whole));
}

static bool is_zero(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i]) {
            return false;
        }
    }
    return true;
}

static void allocation(void)
{
    struct pl_context context = {0};
    static const size_t counts[] = {0, 1, 100, 4095, 4096, 100000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        unsigned char *block = pl_new(&context, counts[i], 3);
        CHECK(block && is_zero(block, 3 * counts[i]));
        CHECK(3 * counts[i] < 4096 || (uintptr_t)block % 64 == 0);
        free(block);
    }
    CHECK(pl_new(&context, SIZE_MAX, 2) == NULL && context.status == PL_SYSTEM);
    CHECK_TEXT(context.message, "out of memory: 18446744073709551615 items of 2 bytes");
    CHECK(pl_new(&context, SIZE_MAX / 2 + 1, 1) == NULL);
    CHECK(pl_new(&context, (size_t)1 << 61, 1) == NULL);
    CHECK_TEXT(context.message, "out of memory: 2305843009213693952 bytes");
    char *text = pl_copy_text(&context, "text");
    char *longer = pl_resize(&context, text, 100, 1);
    CHECK(longer && strcmp(longer, "text") == 0);
    CHECK(pl_resize(&context, longer, (size_t)1 << 61, 8) == NULL);
    CHECK(pl_resize(&context, longer, (size_t)1 << 60, 1) == NULL);
    CHECK_TEXT(longer, "text");
    free(longer);
    char *piece = pl_copy_bytes(&context, "piece", 2);
    CHECK_TEXT(piece, "pi");
    free(piece);
    CHECK(pl_copy_bytes(&context, "", SIZE_MAX) == NULL);
}

static void arenas(void)
{
    struct pl_context context = {0};
    struct pl_arena arena = {0};
    void *places[3][40];
    for (int step = 0; step < 3; step++) {
        for (size_t i = 0; i < 40; i++) {
            size_t size = i * i * i;
            unsigned char *place = pl_arena_new(&context, &arena, size, 1);
            CHECK(place && is_zero(place, size));
            CHECK((uintptr_t)place % (size >= 64 ? 64 : 16) == 0);
            memset(place, 0xaa, size);
            places[step][i] = place;
            if (i % 10 == 9) { /* the earlier ones are untouched */
                const unsigned char *earlier = places[step][i - 1];
                CHECK(earlier[0] == 0xaa && earlier[(i - 1) * (i - 1) * (i - 1) - 1] == 0xaa);
            }
        }
        CHECK(step == 0 || memcmp(places[step], places[0], sizeof places[0]) == 0);
        pl_arena_reset(&arena);
    }
    CHECK(pl_arena_new(&context, &arena, SIZE_MAX, 2) == NULL);
    CHECK(pl_arena_new(&context, &arena, (size_t)1 << 60, 1) == NULL);
    CHECK(pl_arena_text(&context, &arena, "", SIZE_MAX) == NULL);
    CHECK_TEXT(pl_arena_text(&context, &arena, "arena", 3), "are");
    pl_arena_release(&arena);
    pl_arena_release(&arena);
}

/* What is taken after going back stands where what was given up stood, in all blocks. */
static void rewinding(void)
{
    struct pl_context context = {0};
    struct pl_arena arena = {0};
    char *first[20], *again[20];
    for (size_t kept = 0; kept < 3; kept++) { /* nothing, some of a block, a block of its own */
        char *before = kept ? pl_arena_take(&context, &arena, kept * 5000, 1) : NULL;
        struct pl_arena_mark mark = pl_arena_mark(&arena);
        for (size_t i = 0; i < 20; i++)
            first[i] = pl_arena_take(&context, &arena, 1000, 1);
        if (before)
            before[kept * 5000 - 1] = 'k';
        pl_arena_rewind(&arena, mark);
        for (size_t i = 0; i < 20; i++) {
            again[i] = pl_arena_take(&context, &arena, 1000, 1);
            CHECK(again[i] && again[i] == first[i]);
            memset(again[i], 0, 1000);
        }
        CHECK(!before || before[kept * 5000 - 1] == 'k');
    }
    pl_arena_release(&arena);
}

static size_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* Steps whose sizes differ must not make the arena grow without end. */
static void arena_reuse(void)
{
    struct pl_context context = {0};
    struct pl_arena arena = {0};
    int failed = 0;
    size_t before = allocated();
    for (size_t step = 0; step < 1000; step++) {
        for (size_t i = 0; i < 8; i++) {
            failed += !pl_arena_new(&context, &arena, (step * 7 + i * 3) % 13 + 1, 100000);
        }
        pl_arena_reset(&arena);
    }
    CHECK(failed == 0 && allocated() - before < (size_t)32 << 20);
    pl_arena_release(&arena);
}

static void buffers(void)
{
    struct pl_context context = {0};
    struct pl_buffer buffer = {0};
    CHECK(!pl_buffer_append(&context, &buffer, NULL, 0) && buffer.size == 0);
    CHECK_TEXT(buffer.data, "");
    CHECK(!pl_buffer_text(&context, &buffer, "one "));
    CHECK(!pl_buffer_printf(&context, &buffer, "%d%s", 2, ""));
    CHECK_TEXT(buffer.data, "one 2");
    for (int i = 0; i < 5000; i++) {
        CHECK(!pl_buffer_printf(&context, &buffer, ",%06d", i));
    }
    CHECK(buffer.size == 35005 && buffer.data[35005] == '\0');
    CHECK_TEXT(buffer.data + 34991, ",004998,004999");
    CHECK(!pl_buffer_append(&context, &buffer, "a\0b", 3) && buffer.size == 35008);
    CHECK(pl_buffer_reserve(&context, &buffer, SIZE_MAX) == PL_SYSTEM);
    CHECK(pl_buffer_reserve(&context, &buffer, (size_t)1 << 60) == PL_SYSTEM);
    CHECK(buffer.size == 35008 && buffer.data[35007] == 'b');
    pl_buffer_release(&buffer);
    CHECK(buffer.data == NULL && buffer.size == 0);
}

int main(void)
{
    RUN(messages);
    RUN(long_messages);
    RUN(sizes);
    RUN(allocation);
    RUN(arenas);
    RUN(rewinding);
    RUN(arena_reuse);
    RUN(buffers);
    FINISH();
}
