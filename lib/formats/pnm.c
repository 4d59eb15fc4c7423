/* PGM and PPM pictures, as text (P2, P3) and as bytes (P5, P6).
 * SPDX-License-Identifier: MIT
 *
 *     P6  width  height  maxval  one blank  samples
 *
 * Numbers are separated by blanks, and a comment runs from # to the end of its line.  Samples take
 * one byte, or two with the higher first when maxval is above 255.
 * http://netpbm.sourceforge.net/doc/ppm.html */
#include <stdlib.h>
#include <string.h>

#include "formats/media.h"

enum { MAXVAL_MOST = 65535, BYTE_MOST = 255 };

/* The text as far as it is read. */
struct scan {
    const uint8_t *at, *end;
};

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Reads a number behind blanks and comments; -1 when there is none, or none up to `most`. */
static int64_t take_number(struct scan *scan, int64_t most)
{
    bool comment = false;
    while (scan->at < scan->end && (comment || is_blank(*scan->at) || *scan->at == '#')) {
        comment = (comment || *scan->at == '#') && *scan->at != '\n' && *scan->at != '\r';
        scan->at++;
    }
    int64_t number = -1;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9' && number <= most) {
        number = (number < 0 ? 0 : number * 10) + (*scan->at++ - '0');
    }
    return number <= most ? number : -1;
}

static bool take_header(struct scan *scan, struct pl_picture *picture, bool *text, int64_t *maxval)
{
    char kind = scan->end - scan->at > 2 && *scan->at == 'P' ? (char)scan->at[1] : '\0';
    *text = kind == '2' || kind == '3';
    if (!*text && kind != '5' && kind != '6') {
        return false;
    }
    scan->at += 2;
    picture->dims[2] = kind == '3' || kind == '6' ? 3 : 1;
    picture->dims[1] = take_number(scan, INT32_MAX);
    picture->dims[0] = take_number(scan, INT32_MAX);
    *maxval = take_number(scan, MAXVAL_MOST);
    picture->dtype = *maxval > BYTE_MOST ? PL_U16 : PL_U8;
    return picture->dims[0] > 0 && picture->dims[1] > 0 && *maxval > 0 && scan->at < scan->end &&
           is_blank(*scan->at++);
}

bool pl_pnm_sniff(const void *bytes, size_t size)
{
    struct scan scan = {bytes, (const uint8_t *)bytes + size}, ahead = scan;
    struct pl_picture picture;
    bool text;
    int64_t maxval;
    if (!take_header(&scan, &picture, &text, &maxval)) {
        return false;
    }
    ahead.at += 2;
    take_number(&ahead, INT32_MAX);
    return *ahead.at == ' ' || *ahead.at == '\t';
}

bool pl_pnm_may_follow(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    if (size == 0 || bytes[0] != 'P' || (size > 1 && !memchr("2356", bytes[1], 4)) ||
        pl_pnm_sniff(data, size)) {
        return false;
    }
    for (size_t i = 2; i < size && bytes[i] != '#'; i++) {
        if (!is_blank(bytes[i]) && (bytes[i] < '0' || bytes[i] > '9')) {
            return false;
        }
    }
    return true;
}

/* Bytes that are missing; 0: none. */
static uint64_t missing(const struct scan *scan, bool text, int64_t count, size_t sample)
{
    uint64_t least = (uint64_t)count * (text ? 1 : sample),
             there = (uint64_t)(scan->end - scan->at);
    return there < least ? least - there : 0;
}

/* Puts `value` of 0..maxval in its place, spread over the type's whole range. */
static void put_sample(struct pl_picture *picture, int64_t i, int64_t value, int64_t maxval)
{
    if (picture->dtype == PL_U16) {
        ((uint16_t *)(void *)picture->pixels)[i] =
            (uint16_t)((value * MAXVAL_MOST + maxval / 2) / maxval);
    } else {
        picture->pixels[i] = (uint8_t)((value * BYTE_MOST + maxval / 2) / maxval);
    }
}

static enum pl_status read_samples(struct pl_context *context, const struct pl_bytes *bytes,
                                   struct scan *scan, bool text, int64_t maxval, int64_t count,
                                   struct pl_picture *picture)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t value;
        if (text) {
            value = take_number(scan, maxval);
        } else if (maxval > BYTE_MOST) {
            value = scan->at[0] << 8 | scan->at[1];
            scan->at += 2;
        } else {
            value = *scan->at++;
        }
        if (value < 0 && scan->at == scan->end) {
            return pl_bytes_short(context, bytes, (uint64_t)(count - i));
        }
        if (value < 0 || value > maxval) {
            return pl_bytes_fail(context, bytes, PL_BAD_DATA,
                                 "sample %lld is no number from 0 to %lld, the picture's maxval",
                                 (long long)i, (long long)maxval);
        }
        put_sample(picture, i, value, maxval);
    }
    while (text && scan->at < scan->end && is_blank(*scan->at)) {
        scan->at++;
    }
    return scan->at == scan->end ? PL_OK
                                 : pl_bytes_fail(context, bytes, PL_BAD_DATA,
                                                 "junk, or one more picture, behind the first");
}

enum pl_status pl_pnm_read(struct pl_context *context, struct pl_bytes *bytes, bool pixels,
                           struct pl_picture *picture)
{
    const uint8_t *data;
    size_t size;
    bool text;
    int64_t maxval, count;
    *picture = (struct pl_picture){0};
    enum pl_status status = pl_bytes_rest(context, bytes, &data, &size);
    if (status) {
        return status;
    }
    struct scan scan = {data, data + size};
    if (!take_header(&scan, picture, &text, &maxval)) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA, "not a PGM or PPM picture");
    }
    size_t sample = pl_dtype_size(picture->dtype);
    uint64_t total;
    if (!pl_shape_count(3, picture->dims, &count) ||
        !pl_shape_bytes(picture->dtype, 3, picture->dims, &total)) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA, "the picture is too large");
    }
    if (missing(&scan, text, count, sample) > 0) {
        return pl_bytes_short(context, bytes, missing(&scan, text, count, sample));
    }
    if (!pixels) {
        return PL_OK;
    }
    picture->pixels = pl_new(context, (size_t)count, sample);
    status = picture->pixels ? read_samples(context, bytes, &scan, text, maxval, count, picture)
                             : context->status;
    if (status) {
        pl_picture_release(picture);
    }
    return status;
}

enum pl_status pl_pnm_write(struct pl_context *context, const char *name,
                            const struct pl_picture *picture, struct pl_sink *sink)
{
    struct pl_buffer header = {0};
    int64_t height = picture->dims[0], row = picture->dims[1] * picture->dims[2];
    bool wide = picture->dtype == PL_U16;
    if (picture->dims[2] == 2 || picture->dims[2] == 4) {
        return pl_fail(context, PL_BAD_DATA,
                       "tensor '%s': PPM has no transparency (PNG has; ts-select --slice cuts)",
                       name);
    }
    enum pl_status status = pl_buffer_printf(
        context, &header, "P%c\n%lld %lld\n%d\n", picture->dims[2] == 3 ? '6' : '5',
        (long long)picture->dims[1], (long long)height, wide ? MAXVAL_MOST : BYTE_MOST);
    if (!status) {
        status = pl_sink_write(context, sink, header.data, header.size);
    }
    pl_buffer_release(&header);
    if (!wide) {
        return status ? status
                      : pl_sink_write(context, sink, picture->pixels, (size_t)(height * row));
    }
    uint8_t *swapped = pl_new(context, (size_t)row, 2);
    for (int64_t y = 0; y < height && swapped && !status; y++) {
        pl_swap_elements(swapped, picture->pixels + y * row * 2, (size_t)row, 2);
        status = pl_sink_write(context, sink, swapped, (size_t)row * 2);
    }
    free(swapped);
    return swapped ? status : context->status;
}
