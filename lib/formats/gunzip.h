/* Inflating gzip data piece by piece.
 * SPDX-License-Identifier: MIT */
#ifndef PL_FORMATS_GUNZIP_H
#define PL_FORMATS_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "base/context.h"

/* A gzip file is a row of members, each inflated and checked against its CRC; zeros behind the
 * last one (tape padding) are let be. */
struct pl_gunzip {
    z_stream stream;
    bool bare;    /* deflate data without gzip's frame, as in zip archives: one member */
    bool open;    /* stream is initialised */
    bool member;  /* inside a member */
    bool padding; /* behind the last member */
};

bool pl_gunzip_sniff(const uint8_t *bytes, size_t size);

/* Inflates what it can of in[0..*in_size) into out[0..*out_size); both sizes become the bytes
 * used.  PL_BAD_DATA when the data are damaged. */
enum pl_status pl_gunzip_step(struct pl_context *context, struct pl_gunzip *gunzip,
                              const uint8_t *in, size_t *in_size, uint8_t *out,
                              size_t *out_size) PL_MUST_CHECK;

void pl_gunzip_release(struct pl_gunzip *gunzip);

#endif
