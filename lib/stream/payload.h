/* One record's payload on its way out of an inlet: in pieces, whole, or unpacked.
 * SPDX-License-Identifier: MIT */
#ifndef PL_STREAM_PAYLOAD_H
#define PL_STREAM_PAYLOAD_H

#include "stream/header.h"
#include "stream/inlet.h"

enum pl_payload_state {
    PL_PAYLOAD_OVER,    /* there is none, or it was taken and verified */
    PL_PAYLOAD_OPEN,    /* nothing was taken yet */
    PL_PAYLOAD_PART,    /* pieces were taken */
    PL_PAYLOAD_LOADED,  /* verified, held in `loaded` as stored */
    PL_PAYLOAD_UNPACKED /* verified, held in `loaded` unpacked */
};

struct pl_payload {
    enum pl_payload_state state;
    const struct pl_header *header;
    uint64_t left; /* stored bytes still in the inlet */
    uint32_t crc;  /* of the bytes so far; when over, as the footer has it */
    const uint8_t *loaded;
    size_t size, handed; /* of loaded; pieces up to here were handed out */
    uint8_t *storage;    /* holds `loaded` where that is no view */
    size_t capacity;
};

/* The payload behind a header that was just taken.  PL_INCOMPLETE when the input is known to be
 * too short for it. */
enum pl_status pl_payload_open(struct pl_context *context, struct pl_payload *payload,
                               const struct pl_inlet *inlet,
                               const struct pl_header *header) PL_MUST_CHECK;
void pl_payload_release(struct pl_payload *payload);

/* The next stored bytes, at most PL_PIECE and whole elements of `item` bytes; none when it is over
 * and was verified. */
enum pl_status pl_payload_piece(struct pl_context *context, struct pl_payload *payload,
                                struct pl_inlet *inlet, size_t item, const uint8_t **bytes,
                                size_t *size) PL_MUST_CHECK;

/* All stored bytes, verified: in payload->loaded, payload->size.  With view they stay there until
 * the inlet is closed if it is mapped, else until the next payload. */
enum pl_status pl_payload_load(struct pl_context *context, struct pl_payload *payload,
                               struct pl_inlet *inlet, bool view) PL_MUST_CHECK;

/* The elements (`need` bytes of them), unpacked and verified: a view of mapped bytes, or a block of
 * its own (*owned; free it).  Set only on success. */
enum pl_status pl_payload_elements(struct pl_context *context, struct pl_payload *payload,
                                   struct pl_inlet *inlet, uint64_t need, uint8_t **elements,
                                   bool *owned) PL_MUST_CHECK;

/* The next elements, at most PL_PIECE bytes; constant memory unless they are compressed. */
enum pl_status pl_payload_some_elements(struct pl_context *context, struct pl_payload *payload,
                                        struct pl_inlet *inlet, uint64_t need,
                                        const uint8_t **bytes, size_t *size) PL_MUST_CHECK;

/* Takes what is left: verified, unless one can jump over it, none was taken, and `verify` is false.
 */
enum pl_status pl_payload_skip(struct pl_context *context, struct pl_payload *payload,
                               struct pl_inlet *inlet, bool verify) PL_MUST_CHECK;

#endif
