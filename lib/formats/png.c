/* PNG pictures, by way of libpng.
 * SPDX-License-Identifier: MIT
 *
 * libpng leaves by longjmp when something is wrong.  All its calls are in functions that are run by
 * `guarded`, own nothing, and keep what must survive in struct codec. */
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/media.h"

enum { INFLATE_MOST = 1032 }; /* deflate cannot make more of a byte: RFC 1951 */

struct codec {
    png_structp png;
    png_infop info;
    struct pl_context *context;
    struct pl_picture *picture;
    const uint8_t *at; /* reading: what lies ahead */
    size_t left;
    bool cut_short;
    struct pl_sink *sink; /* writing */
    enum pl_status status;
    char message[80];
};

static bool guarded(struct codec *codec, void (*step)(struct codec *codec))
{
    if (setjmp(png_jmpbuf(codec->png))) {
        return false;
    }
    step(codec);
    return true;
}

static void fail(png_structp png, png_const_charp message)
{
    struct codec *codec = png_get_error_ptr(png);
    snprintf(codec->message, sizeof codec->message, "%s", message);
    png_longjmp(png, 1);
}

/* libpng goes on after a warning, and so do we: it is about what is beside the picture. */
static void ignore(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void give_bytes(png_structp png, png_bytep out, size_t size)
{
    struct codec *codec = png_get_io_ptr(png);
    codec->cut_short = size > codec->left;
    if (codec->cut_short) {
        png_error(png, "cut short");
    }
    memcpy(out, codec->at, size);
    codec->at += size;
    codec->left -= size;
}

/* Palettes and samples of less than 8 bits are spread out, transparent colours become alpha. */
static void read_header(struct codec *codec)
{
    png_structp png = codec->png;
    png_infop info = codec->info;
    const uint16_t one = 1;
    png_read_info(png, info);
    png_set_expand(png);
    if (png_get_bit_depth(png, info) == 16 && *(const uint8_t *)&one == 1) {
        png_set_swap(png);
    }
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    struct pl_picture *picture = codec->picture;
    picture->dims[0] = png_get_image_height(png, info);
    picture->dims[1] = png_get_image_width(png, info);
    picture->dims[2] = png_get_channels(png, info);
    picture->dtype = png_get_bit_depth(png, info) == 16 ? PL_U16 : PL_U8;
}

/* Each pass over an interlaced picture fills in more of every row. */
static void read_pixels(struct codec *codec)
{
    size_t row = png_get_rowbytes(codec->png, codec->info);
    int passes = png_get_interlace_type(codec->png, codec->info) == PNG_INTERLACE_ADAM7
                     ? PNG_INTERLACE_ADAM7_PASSES
                     : 1;
    for (int pass = 0; pass < passes; pass++) {
        for (int64_t y = 0; y < codec->picture->dims[0]; y++) {
            png_read_row(codec->png, codec->picture->pixels + (size_t)y * row, NULL);
        }
    }
    png_read_end(codec->png, NULL);
}

static enum pl_status damaged(const struct codec *codec, const struct pl_bytes *bytes)
{
    return codec->cut_short ? pl_bytes_fail(codec->context, bytes, PL_INCOMPLETE,
                                            "the picture ends too early: truncated?")
                            : pl_bytes_fail(codec->context, bytes, PL_BAD_DATA,
                                            "no PNG picture, or damaged: %s", codec->message);
}

static enum pl_status read_picture(struct codec *codec, const struct pl_bytes *bytes, size_t size,
                                   bool pixels)
{
    struct pl_picture *picture = codec->picture;
    uint64_t total;
    if (!guarded(codec, read_header)) {
        return damaged(codec, bytes);
    }
    if (!pl_shape_bytes(picture->dtype, 3, picture->dims, &total) || total / INFLATE_MOST > size) {
        return pl_bytes_fail(codec->context, bytes, PL_BAD_DATA,
                             "%zu bytes cannot hold the %lld x %lld pixels they claim", size,
                             (long long)picture->dims[1], (long long)picture->dims[0]);
    }
    if (!pixels) {
        return PL_OK;
    }
    picture->pixels = pl_new(codec->context, (size_t)total, 1);
    if (!picture->pixels) {
        return codec->context->status;
    }
    return guarded(codec, read_pixels) ? PL_OK : damaged(codec, bytes);
}

enum pl_status pl_png_read(struct pl_context *context, struct pl_bytes *bytes, bool pixels,
                           struct pl_picture *picture)
{
    struct codec codec = {.context = context, .picture = picture};
    *picture = (struct pl_picture){0};
    enum pl_status status = pl_bytes_rest(context, bytes, &codec.at, &codec.left);
    if (status) {
        return status;
    }
    codec.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &codec, fail, ignore);
    codec.info = codec.png ? png_create_info_struct(codec.png) : NULL;
    if (codec.info) {
        png_set_read_fn(codec.png, &codec, give_bytes);
        status = read_picture(&codec, bytes, codec.left, pixels);
    } else {
        status = pl_fail(context, PL_SYSTEM, "cannot start libpng %s", PNG_LIBPNG_VER_STRING);
    }
    png_destroy_read_struct(&codec.png, &codec.info, NULL);
    if (status) {
        pl_picture_release(picture);
    }
    return status;
}

static void take_bytes(png_structp png, png_bytep bytes, size_t size)
{
    struct codec *codec = png_get_io_ptr(png);
    codec->status = pl_sink_write(codec->context, codec->sink, bytes, size);
    if (codec->status) {
        png_error(png, "output");
    }
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

static void write_picture(struct codec *codec)
{
    static const int types[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                PNG_COLOR_TYPE_RGB_ALPHA};
    const struct pl_picture *picture = codec->picture;
    const uint16_t one = 1;
    bool wide = picture->dtype == PL_U16;
    size_t row = (size_t)(picture->dims[1] * picture->dims[2]) * (wide ? 2 : 1);
    png_set_IHDR(codec->png, codec->info, (png_uint_32)picture->dims[1],
                 (png_uint_32)picture->dims[0], wide ? 16 : 8, types[picture->dims[2] - 1],
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(codec->png, codec->info);
    if (wide && *(const uint8_t *)&one == 1) {
        png_set_swap(codec->png);
    }
    for (int64_t y = 0; y < picture->dims[0]; y++) {
        png_write_row(codec->png, picture->pixels + (size_t)y * row);
    }
    png_write_end(codec->png, NULL);
}

enum pl_status pl_png_write(struct pl_context *context, const char *name,
                            const struct pl_picture *picture, struct pl_sink *sink)
{
    struct pl_picture copy = *picture;
    struct codec codec = {.context = context, .picture = &copy, .sink = sink};
    codec.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &codec, fail, ignore);
    codec.info = codec.png ? png_create_info_struct(codec.png) : NULL;
    if (!codec.info) {
        png_destroy_write_struct(&codec.png, NULL);
        return pl_fail(context, PL_SYSTEM, "cannot start libpng %s", PNG_LIBPNG_VER_STRING);
    }
    png_set_write_fn(codec.png, &codec, take_bytes, flush_nothing);
    if (!guarded(&codec, write_picture) && !codec.status) {
        codec.status =
            pl_fail(context, PL_BAD_DATA, "tensor '%s': no picture that PNG can hold: %s", name,
                    codec.message);
    }
    png_destroy_write_struct(&codec.png, &codec.info);
    return codec.status;
}
