/* Pictures and sounds: what the readers of their files have in common.
 * SPDX-License-Identifier: MIT
 *
 * Inner header. */
#ifndef PL_FORMATS_MEDIA_H
#define PL_FORMATS_MEDIA_H

#include "formats/elements.h"
#include "formats/sink.h"

/* A picture: [height, width, channels] of u8, or of u16 where a sample has more than 8 bits; either
 * spans its whole range.  Channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. */
struct pl_picture {
    int64_t dims[3];
    enum pl_dtype dtype;
    uint8_t *pixels; /* row by row, samples in the machine's order; NULL: only described */
};

/* Reads the picture that the rest of the bytes hold; without `pixels` only its dims and dtype.
 * PL_INCOMPLETE when it is cut short.  Memory is taken only for what the bytes can hold. */
typedef enum pl_status pl_picture_reader(struct pl_context *context, struct pl_bytes *bytes,
                                         bool pixels, struct pl_picture *picture);
pl_picture_reader pl_png_read, pl_pnm_read;
void pl_picture_release(struct pl_picture *picture);

/* Writes the picture's pixels. */
typedef enum pl_status pl_picture_writer(struct pl_context *context, const char *name,
                                         const struct pl_picture *picture, struct pl_sink *sink);
pl_picture_writer pl_png_write, pl_pnm_write;

/* Sound as a WAV file describes it. */
struct pl_sound {
    int64_t rate; /* samples a second */
    int64_t channels;
    int64_t samples;     /* of each channel */
    int64_t sample_size; /* bytes of one as stored */
    bool floats;
};

/* Takes everything before the samples off the input. */
enum pl_status pl_wav_take_header(struct pl_context *context, struct pl_bytes *bytes,
                                  struct pl_sound *sound) PL_MUST_CHECK;

/* Writes the samples that lie ahead as the tensor [samples, channels]: i16 for samples of up to 16
 * bits, else f32 with full scale at 1. */
enum pl_status pl_wav_copy(struct pl_context *context, struct pl_bytes *bytes,
                           const struct pl_sound *sound, const char *name,
                           struct pl_writer *writer) PL_MUST_CHECK;

#endif
