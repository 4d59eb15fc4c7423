/* Inflating gzip data piece by piece.
 * SPDX-License-Identifier: MIT */
#include "formats/gunzip.h"

#include <limits.h>

bool pl_gunzip_sniff(const uint8_t *bytes, size_t size)
{
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

static enum pl_status fail(struct pl_context *context, const struct pl_gunzip *gunzip, int code)
{
    if (code == Z_MEM_ERROR) {
        return pl_fail(context, PL_SYSTEM, "out of memory");
    }
    return pl_fail(context, PL_BAD_DATA, "damaged compressed data (%s)",
                   gunzip->stream.msg ? gunzip->stream.msg : "no reason known");
}

/* Starts the next member, or finds that only padding is left. */
static enum pl_status start_member(struct pl_context *context, struct pl_gunzip *gunzip,
                                   const uint8_t *in)
{
    if (gunzip->open && (gunzip->bare || *in == 0)) {
        gunzip->padding = true;
        return PL_OK;
    }
    enum { GZIP_ONLY = 16, MAGIC = 0x1f };
    if (gunzip->open && *in != MAGIC) {
        return pl_fail(context, PL_BAD_DATA, "junk behind the compressed data");
    }
    int code = gunzip->open ? inflateReset(&gunzip->stream)
                            : inflateInit2(&gunzip->stream,
                                           gunzip->bare ? -MAX_WBITS : MAX_WBITS + GZIP_ONLY);
    if (code != Z_OK) {
        return fail(context, gunzip, code);
    }
    gunzip->open = true;
    gunzip->member = true;
    return PL_OK;
}

/* Returns false when zlib neither took nor gave a byte: it waits for more input. */
static bool inflate_some(struct pl_context *context, struct pl_gunzip *gunzip, const uint8_t **in,
                         size_t *in_left, uint8_t **out, size_t *out_left, enum pl_status *status)
{
    z_stream *stream = &gunzip->stream;
    uInt in_now = *in_left < UINT_MAX ? (uInt)*in_left : UINT_MAX;
    uInt out_now = *out_left < UINT_MAX ? (uInt)*out_left : UINT_MAX;
    stream->next_in = (Bytef *)(uintptr_t)*in; /* zlib does not write to its input */
    stream->avail_in = in_now;
    stream->next_out = *out;
    stream->avail_out = out_now;
    int code = inflate(stream, Z_NO_FLUSH);
    uInt taken = in_now - stream->avail_in, given = out_now - stream->avail_out;
    *in += taken;
    *in_left -= taken;
    *out += given;
    *out_left -= given;
    if (code == Z_STREAM_END) {
        gunzip->member = false;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
        *status = fail(context, gunzip, code);
    }
    return taken > 0 || given > 0;
}

enum pl_status pl_gunzip_step(struct pl_context *context, struct pl_gunzip *gunzip,
                              const uint8_t *in, size_t *in_size, uint8_t *out, size_t *out_size)
{
    size_t in_left = *in_size, out_left = *out_size;
    enum pl_status status = PL_OK;
    bool moved = true;
    while (!status && moved && out_left > 0 && (in_left > 0 || gunzip->member)) {
        if (gunzip->member) {
            moved = inflate_some(context, gunzip, &in, &in_left, &out, &out_left, &status);
        } else if (!gunzip->padding) {
            status = start_member(context, gunzip, in);
        } else if (*in == 0) {
            in++;
            in_left--;
        } else {
            status = pl_fail(context, PL_BAD_DATA, "junk behind the compressed data");
        }
    }
    *in_size -= in_left;
    *out_size -= out_left;
    return status;
}

void pl_gunzip_release(struct pl_gunzip *gunzip)
{
    if (gunzip->open) {
        inflateEnd(&gunzip->stream);
    }
    *gunzip = (struct pl_gunzip){0};
}
