/* Compressed payloads: zlib, with or without a byte shuffle before it.
 * SPDX-License-Identifier: MIT */
#ifndef PL_STREAM_CODEC_H
#define PL_STREAM_CODEC_H

#include <zlib.h>

#include "stream/header.h"

/* Compresses size bytes of elements of item bytes into *packed (malloc'd), a codec other than raw.
 */
enum pl_status pl_codec_pack(struct pl_context *context, enum pl_codec codec, size_t item,
                             const void *bytes, size_t size, uint8_t **packed,
                             size_t *packed_size) PL_MUST_CHECK;

/* Unpacks a payload that comes in pieces to exactly `expected` bytes.  Memory grows with what was
 * inflated, not with what was claimed. */
struct pl_unpacker {
    z_stream zlib;
    enum pl_codec codec;
    size_t item;
    size_t expected;
    uint8_t *bytes;
    size_t size, capacity;
    bool ended;
};

enum pl_status pl_unpack_start(struct pl_context *context, struct pl_unpacker *unpacker,
                               enum pl_codec codec, size_t item, uint64_t expected) PL_MUST_CHECK;
enum pl_status pl_unpack_piece(struct pl_context *context, struct pl_unpacker *unpacker,
                               const void *piece, size_t size) PL_MUST_CHECK;
/* Hands the bytes over (free them), never NULL. */
enum pl_status pl_unpack_finish(struct pl_context *context, struct pl_unpacker *unpacker,
                                uint8_t **bytes) PL_MUST_CHECK;
void pl_unpack_release(struct pl_unpacker *unpacker); /* harmless when all zero */

#endif
