/* Compressed payloads: zlib, with or without a byte shuffle before it.
 * SPDX-License-Identifier: MIT
 *
 * Neighbouring numbers are alike in their high bytes and noise in their low ones.  The shuffle
 * writes all first bytes, then all second bytes, and so on: deflate then sees long runs of like
 * bytes and, beside them, noise that it soon gives up on.  Bytes of item k of n go from k * item +
 * byte to byte * n + k; a transposition, undone by its mirror image.
 *
 * Level 1 of deflate, in per cent of the size and MB/s on one core, beside level 6: trained f32
 * weights 86 at 49 (85 at 18), i32 codes 32 at 62 (30 at 22), u8 pictures 23 at 85 (21 at 39).  The
 * last points are not worth two to three times the wait. */
#include "stream/codec.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
    LEVEL = 1,                 /* of deflate */
    FIRST_CAPACITY = 16 << 20, /* most bytes taken before any have been inflated */
    STEP = 1 << 30             /* zlib counts in unsigned int */
};

static void shuffle(uint8_t *restrict to, const uint8_t *restrict from, size_t size, size_t item)
{
    size_t count = size / item;
    for (size_t byte = 0; byte < item; byte++)
        for (size_t k = 0; k < count; k++)
            to[byte * count + k] = from[k * item + byte];
}

static void unshuffle(uint8_t *restrict to, const uint8_t *restrict from, size_t size, size_t item)
{
    size_t count = size / item;
    for (size_t byte = 0; byte < item; byte++)
        for (size_t k = 0; k < count; k++)
            to[k * item + byte] = from[byte * count + k];
}

static enum pl_status fail_zlib(struct pl_context *context, int result)
{
    if (result == Z_MEM_ERROR)
        return pl_fail(context, PL_SYSTEM, "out of memory");
    return pl_fail(context, PL_BAD_DATA, "payload does not inflate: not the zlib data it claims");
}

enum pl_status pl_codec_pack(struct pl_context *context, enum pl_codec codec, size_t item,
                             const void *bytes, size_t size, uint8_t **packed, size_t *packed_size)
{
    uint8_t *shuffled = NULL;
    *packed = NULL;
    enum pl_status status = PL_OK;
    if (codec == PL_CODEC_SHUFFLE_ZLIB && item > 1) {
        shuffled = pl_resize(context, NULL, size, 1);
        if (!shuffled)
            return context->status;
        shuffle(shuffled, bytes, size, item);
        bytes = shuffled;
    }
    uLongf bound = compressBound(size);
    *packed = pl_resize(context, NULL, bound, 1);
    if (*packed) {
        int result = compress2(*packed, &bound, size ? bytes : *packed, size, LEVEL);
        if (result != Z_OK)
            status = fail_zlib(context, result);
        *packed_size = bound;
    } else {
        status = context->status;
    }
    free(shuffled);
    return status;
}

enum pl_status pl_unpack_start(struct pl_context *context, struct pl_unpacker *unpacker,
                               enum pl_codec codec, size_t item, uint64_t expected)
{
    memset(unpacker, 0, sizeof *unpacker);
    if (expected > SIZE_MAX / 2)
        return pl_fail(context, PL_SYSTEM, "out of memory: %llu bytes",
                       (unsigned long long)expected);
    unpacker->codec = codec;
    unpacker->item = item;
    unpacker->expected = (size_t)expected;
    unpacker->capacity = expected < FIRST_CAPACITY ? (size_t)expected : FIRST_CAPACITY;
    unpacker->bytes = pl_resize(context, NULL, unpacker->capacity, 1);
    if (!unpacker->bytes)
        return context->status;
    int result = inflateInit(&unpacker->zlib);
    if (result != Z_OK) {
        free(unpacker->bytes);
        memset(unpacker, 0, sizeof *unpacker);
        return fail_zlib(context, result);
    }
    return PL_OK;
}

static enum pl_status grow(struct pl_context *context, struct pl_unpacker *unpacker)
{
    if (unpacker->size < unpacker->capacity || unpacker->capacity == unpacker->expected)
        return PL_OK;
    size_t capacity =
        unpacker->capacity < unpacker->expected / 2 ? 2 * unpacker->capacity : unpacker->expected;
    uint8_t *bytes = pl_resize(context, unpacker->bytes, capacity, 1);
    if (!bytes)
        return context->status;
    unpacker->bytes = bytes;
    unpacker->capacity = capacity;
    return PL_OK;
}

/* One call of inflate.  When all expected bytes are there it gets one byte of room elsewhere, so
 * that it can read its own checksum and show whether there is more. */
static enum pl_status inflate_some(struct pl_context *context, struct pl_unpacker *unpacker)
{
    z_stream *zlib = &unpacker->zlib;
    uint8_t spare;
    size_t room = unpacker->capacity - unpacker->size;
    room = room < STEP ? room : STEP;
    zlib->next_out = room ? unpacker->bytes + unpacker->size : &spare;
    zlib->avail_out = room ? (uInt)room : 1;
    int result = inflate(zlib, Z_NO_FLUSH);
    if (room == 0 && zlib->avail_out == 0)
        return pl_fail(context, PL_BAD_DATA, "payload inflates to more than %zu bytes",
                       unpacker->expected);
    if (room)
        unpacker->size += room - zlib->avail_out;
    unpacker->ended = result == Z_STREAM_END;
    bool waiting = result == Z_BUF_ERROR && zlib->avail_in == 0;
    return result == Z_OK || unpacker->ended || waiting ? PL_OK : fail_zlib(context, result);
}

enum pl_status pl_unpack_piece(struct pl_context *context, struct pl_unpacker *unpacker,
                               const void *piece, size_t size)
{
    z_stream *zlib = &unpacker->zlib;
    zlib->next_in = (z_const Bytef *)(uintptr_t)piece;
    zlib->avail_in = (uInt)size;
    enum pl_status status = PL_OK;
    bool full = false; /* no room was left: inflate may hold more output */
    while (status == PL_OK && !unpacker->ended && (zlib->avail_in > 0 || full)) {
        status = grow(context, unpacker);
        if (status == PL_OK)
            status = inflate_some(context, unpacker);
        full = zlib->avail_out == 0;
    }
    if (status == PL_OK && zlib->avail_in > 0)
        status = pl_fail(context, PL_BAD_DATA, "payload goes on behind its zlib data");
    return status;
}

enum pl_status pl_unpack_finish(struct pl_context *context, struct pl_unpacker *unpacker,
                                uint8_t **bytes)
{
    if (!unpacker->ended)
        return pl_fail(context, PL_BAD_DATA, "payload's zlib data is cut off");
    if (unpacker->size != unpacker->expected)
        return pl_fail(context, PL_BAD_DATA, "payload inflates to %zu bytes, its shape needs %zu",
                       unpacker->size, unpacker->expected);
    if (unpacker->codec == PL_CODEC_SHUFFLE_ZLIB && unpacker->item > 1) {
        uint8_t *whole = pl_resize(context, NULL, unpacker->size, 1);
        if (!whole)
            return context->status;
        unshuffle(whole, unpacker->bytes, unpacker->size, unpacker->item);
        free(unpacker->bytes);
        unpacker->bytes = whole;
    }
    *bytes = unpacker->bytes;
    unpacker->bytes = NULL;
    pl_unpack_release(unpacker);
    return PL_OK;
}

void pl_unpack_release(struct pl_unpacker *unpacker)
{
    inflateEnd(&unpacker->zlib);
    free(unpacker->bytes);
    memset(unpacker, 0, sizeof *unpacker);
}
