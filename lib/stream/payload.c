/* One record's payload on its way out of an inlet.
 * SPDX-License-Identifier: MIT
 *
 * Every way through a payload ends in finish(), which checks pad, footer and CRC, and nothing but
 * single pieces is handed out before that.  Memory is taken as bytes arrive: a header that claims
 * 2^60 bytes costs what its stream delivers, and no more. */
#include "stream/payload.h"

#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "base/memory.h"
#include "stream/codec.h"
#include "stream/segment.h"

enum { FIRST_CAPACITY = 16 << 20 /* most bytes taken for a payload before any came */ };

enum pl_status pl_payload_open(struct pl_context *context, struct pl_payload *payload,
                               const struct pl_inlet *inlet, const struct pl_header *header)
{
    payload->state = PL_PAYLOAD_OVER;
    payload->header = header;
    payload->left = header->bytes;
    payload->crc = 0;
    payload->loaded = NULL;
    payload->size = payload->handed = 0;
    if (!header->payload)
        return PL_OK;
    payload->state = PL_PAYLOAD_OPEN;
    uint64_t there = pl_inlet_left(inlet);
    if (there < pl_stored_size(header->bytes))
        return pl_fail(context, PL_INCOMPLETE,
                       "stream ended inside the payload (of %llu bytes, %llu are there)",
                       (unsigned long long)header->bytes,
                       (unsigned long long)(there < header->bytes ? there : header->bytes));
    return PL_OK;
}

void pl_payload_release(struct pl_payload *payload)
{
    free(payload->storage);
    memset(payload, 0, sizeof *payload);
}

/* Checks what stands behind the bytes: zeros up to the footer, the footer, and the CRC in it. */
static enum pl_status finish(struct pl_context *context, struct pl_payload *payload,
                             struct pl_inlet *inlet, bool verify)
{
    const uint8_t *tail;
    uint64_t bytes = payload->header->bytes;
    size_t size = (size_t)(pl_stored_size(bytes) - bytes), count;
    enum pl_status status = pl_inlet_peek(context, inlet, size, PL_HEADER_MAX, &tail, &count);
    if (status)
        return status;
    if (count < size)
        return pl_fail(context, PL_INCOMPLETE, "stream ended inside the payload's footer");
    const char *footer = (const char *)tail + size - PL_FOOTER_SIZE;
    for (const char *pad = (const char *)tail; pad < footer; pad++)
        if (*pad != 0)
            return pl_fail(context, PL_BAD_DATA, "bytes between payload and footer are not zero");
    uint32_t crc;
    if (memcmp(footer, PL_FOOTER, 7) != 0 || !pl_hex_parse(footer + 7, &crc) || footer[15] != '\n')
        return pl_fail(context, PL_BAD_DATA, "no footer behind the payload");
    if (verify && crc != payload->crc)
        return pl_fail(context, PL_BAD_DATA,
                       "payload CRC does not match (stored %08x, computed %08x)", crc,
                       payload->crc);
    payload->crc = crc;
    payload->state = PL_PAYLOAD_OVER;
    pl_inlet_take(inlet, size);
    return PL_OK;
}

/* A piece out of the inlet; none when the payload is over. */
static enum pl_status take_piece(struct pl_context *context, struct pl_payload *payload,
                                 struct pl_inlet *inlet, size_t item, const uint8_t **bytes,
                                 size_t *size)
{
    *size = 0;
    if (payload->left == 0)
        return finish(context, payload, inlet, true);
    size_t least = payload->left < item ? (size_t)payload->left : item, count;
    enum pl_status status = pl_inlet_peek(context, inlet, least, PL_FILE_PIECE, bytes, &count);
    if (status)
        return status;
    if (count < least)
        return pl_fail(context, PL_INCOMPLETE, "stream ended inside the payload");
    count = count < PL_PIECE ? count : PL_PIECE;
    count = count < payload->left ? count : (size_t)payload->left;
    count -= count % least;
    payload->crc = pl_crc32(payload->crc, *bytes, count);
    payload->left -= count;
    payload->state = PL_PAYLOAD_PART;
    pl_inlet_take(inlet, count);
    *size = count;
    return PL_OK;
}

static void hand_out(struct pl_payload *payload, const uint8_t **bytes, size_t *size)
{
    size_t left = payload->size - payload->handed;
    *bytes = payload->loaded + payload->handed;
    *size = left < PL_PIECE ? left : PL_PIECE;
    payload->handed += *size;
}

enum pl_status pl_payload_piece(struct pl_context *context, struct pl_payload *payload,
                                struct pl_inlet *inlet, size_t item, const uint8_t **bytes,
                                size_t *size)
{
    *size = 0;
    if (payload->state == PL_PAYLOAD_OPEN || payload->state == PL_PAYLOAD_PART)
        return take_piece(context, payload, inlet, item, bytes, size);
    if (payload->state == PL_PAYLOAD_LOADED)
        hand_out(payload, bytes, size);
    return PL_OK;
}

/* Reads all that is left into a block that doubles while bytes arrive. */
static enum pl_status read_all(struct pl_context *context, struct pl_payload *payload,
                               struct pl_inlet *inlet, uint8_t **block, size_t *capacity)
{
    if (payload->left > SIZE_MAX / 2)
        return pl_fail(context, PL_SYSTEM, "out of memory: %llu bytes",
                       (unsigned long long)payload->left);
    size_t size = (size_t)payload->left, filled = 0;
    payload->state = PL_PAYLOAD_PART;
    while (filled < size || !*block) {
        size_t room = filled < FIRST_CAPACITY / 2 ? FIRST_CAPACITY : 2 * filled;
        room = room < size ? room : size;
        if (room > *capacity || !*block) {
            uint8_t *larger = pl_resize(context, *block, room, 1);
            if (!larger)
                return context->status;
            *block = larger;
            *capacity = room;
        }
        while (filled < room) {
            size_t step = room - filled < PL_PIECE ? room - filled : PL_PIECE, got;
            enum pl_status status = pl_inlet_read(context, inlet, *block + filled, step, &got);
            if (status)
                return status;
            if (got < step)
                return pl_fail(context, PL_INCOMPLETE, "stream ended inside the payload");
            payload->crc = pl_crc32(payload->crc, *block + filled, got);
            filled += got;
        }
    }
    payload->left = 0;
    return finish(context, payload, inlet, true);
}

/* Verifies a payload where it lies. */
static enum pl_status verify_view(struct pl_context *context, struct pl_payload *payload,
                                  struct pl_inlet *inlet, const uint8_t *view)
{
    payload->crc = pl_crc32(0, view, (size_t)payload->left);
    pl_inlet_take(inlet, payload->left);
    payload->left = 0;
    return finish(context, payload, inlet, true);
}

static enum pl_status fail_taken(struct pl_context *context)
{
    return pl_fail(context, PL_SYSTEM, "its payload was taken before");
}

enum pl_status pl_payload_load(struct pl_context *context, struct pl_payload *payload,
                               struct pl_inlet *inlet, bool view)
{
    if (payload->state == PL_PAYLOAD_LOADED || !payload->header->payload)
        return PL_OK;
    if (payload->state != PL_PAYLOAD_OPEN)
        return fail_taken(context);
    const uint8_t *bytes = view ? pl_inlet_view(inlet) : NULL;
    enum pl_status status;
    if (bytes)
        status = verify_view(context, payload, inlet, bytes);
    else
        status = read_all(context, payload, inlet, &payload->storage, &payload->capacity);
    if (status)
        return status;
    payload->state = PL_PAYLOAD_LOADED;
    payload->loaded = bytes ? bytes : payload->storage;
    payload->size = (size_t)payload->header->bytes;
    return PL_OK;
}

static enum pl_status unpack(struct pl_context *context, struct pl_payload *payload,
                             struct pl_inlet *inlet, uint64_t need, uint8_t **out)
{
    const struct pl_header *header = payload->header;
    struct pl_unpacker unpacker;
    enum pl_status status =
        pl_unpack_start(context, &unpacker, header->codec, pl_dtype_size(header->dtype), need);
    size_t size = 1;
    payload->handed = 0;
    while (status == PL_OK && size > 0) {
        const uint8_t *piece = NULL;
        status = pl_payload_piece(context, payload, inlet, 1, &piece, &size);
        if (status == PL_OK && pl_unpack_piece(context, &unpacker, piece, size)) {
            /* Broken bytes seldom inflate.  That they are broken is the better thing to say. */
            struct pl_context skipped = {0};
            status = pl_payload_skip(&skipped, payload, inlet, true);
            status = status ? pl_fail(context, status, "%s", skipped.message) : context->status;
        }
    }
    if (status == PL_OK)
        status = pl_unpack_finish(context, &unpacker, out);
    pl_unpack_release(&unpacker);
    return status;
}

static bool is_aligned(const struct pl_payload *payload, const uint8_t *bytes)
{
    return (uintptr_t)bytes % pl_dtype_size(payload->header->dtype) == 0;
}

/* Raw elements as a view where that can be: where the payload lies for good, and aligned. */
static enum pl_status view_elements(struct pl_context *context, struct pl_payload *payload,
                                    struct pl_inlet *inlet, uint8_t **view)
{
    bool loaded = payload->state == PL_PAYLOAD_LOADED;
    const uint8_t *bytes = loaded ? payload->loaded : pl_inlet_view(inlet);
    *view = NULL;
    if (!bytes || bytes == payload->storage || !is_aligned(payload, bytes))
        return PL_OK;
    *view = (uint8_t *)(uintptr_t)bytes;
    return loaded ? PL_OK : verify_view(context, payload, inlet, bytes);
}

enum pl_status pl_payload_elements(struct pl_context *context, struct pl_payload *payload,
                                   struct pl_inlet *inlet, uint64_t need, uint8_t **elements,
                                   bool *owned)
{
    uint8_t *view = NULL, *own = NULL;
    size_t capacity = 0;
    enum pl_status status = PL_OK;
    if (payload->state != PL_PAYLOAD_OPEN && payload->state != PL_PAYLOAD_LOADED)
        return fail_taken(context);
    if (payload->header->codec != PL_CODEC_RAW)
        status = unpack(context, payload, inlet, need, &own);
    else
        status = view_elements(context, payload, inlet, &view);
    if (status == PL_OK && !view && !own && payload->state == PL_PAYLOAD_LOADED) {
        own = (uint8_t *)pl_copy_bytes(context, payload->loaded, payload->size);
        status = own ? PL_OK : context->status;
    } else if (status == PL_OK && !view && !own) {
        status = read_all(context, payload, inlet, &own, &capacity);
    }
    if (status) {
        free(own);
        return status;
    }
    *owned = !view;
    *elements = view ? view : own;
    return PL_OK;
}

/* Copies a piece that lies askew in the caller's memory to where its elements are aligned. */
static enum pl_status align_piece(struct pl_context *context, struct pl_payload *payload,
                                  const uint8_t **bytes, size_t size)
{
    if (is_aligned(payload, *bytes))
        return PL_OK;
    if (payload->capacity < size) {
        uint8_t *larger = pl_resize(context, payload->storage, PL_PIECE, 1);
        if (!larger)
            return context->status;
        payload->storage = larger;
        payload->capacity = PL_PIECE;
    }
    *bytes = memcpy(payload->storage, *bytes, size);
    return PL_OK;
}

enum pl_status pl_payload_some_elements(struct pl_context *context, struct pl_payload *payload,
                                        struct pl_inlet *inlet, uint64_t need,
                                        const uint8_t **bytes, size_t *size)
{
    const struct pl_header *header = payload->header;
    bool whole = payload->state == PL_PAYLOAD_OPEN || payload->state == PL_PAYLOAD_LOADED;
    if (header->codec != PL_CODEC_RAW && whole) {
        uint8_t *unpacked;
        enum pl_status status = unpack(context, payload, inlet, need, &unpacked);
        if (status)
            return status;
        free(payload->storage);
        payload->storage = unpacked;
        payload->loaded = unpacked;
        payload->size = payload->capacity = (size_t)need;
        payload->handed = 0;
        payload->state = PL_PAYLOAD_UNPACKED;
    }
    if (payload->state == PL_PAYLOAD_UNPACKED) {
        hand_out(payload, bytes, size);
        return PL_OK;
    }
    size_t item = pl_dtype_size(header->dtype);
    enum pl_status status = pl_payload_piece(context, payload, inlet, item, bytes, size);
    return status || *size == 0 ? status : align_piece(context, payload, bytes, *size);
}

enum pl_status pl_payload_skip(struct pl_context *context, struct pl_payload *payload,
                               struct pl_inlet *inlet, bool verify)
{
    enum pl_status status = PL_OK;
    if (payload->state == PL_PAYLOAD_OPEN && pl_inlet_is_random(inlet) && !verify) {
        pl_inlet_take(inlet, payload->left);
        return finish(context, payload, inlet, false);
    }
    while (status == PL_OK &&
           (payload->state == PL_PAYLOAD_OPEN || payload->state == PL_PAYLOAD_PART)) {
        const uint8_t *bytes;
        size_t size;
        status = take_piece(context, payload, inlet, 1, &bytes, &size);
    }
    payload->state = PL_PAYLOAD_OVER;
    return status;
}
