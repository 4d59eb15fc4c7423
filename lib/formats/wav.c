/* WAV sound: PCM and floats in a RIFF file.
 * SPDX-License-Identifier: MIT
 *
 *     RIFF  size  WAVE  then chunks:  name  size  bytes  (one byte more when the size is odd)
 *
 * The chunk `fmt ` says what the samples are, `data` holds them; others are passed over.  All
 * little-endian.  Samples of 8 bits are unsigned, others signed; those of a number of bits that is
 * no multiple of 8 stand at the upper end of their bytes.  Microsoft and IBM: Multimedia
 * Programming Interface and Data Specifications 1.0 (1991), and the WAVEFORMATEXTENSIBLE addition.
 */
#include <string.h>

#include "formats/importers.h"
#include "formats/media.h"

enum {
    RIFF_SIZE = 12,
    CHUNK_SIZE = 8,
    FORMAT_LEAST = 16,
    FORMAT_MOST = 4096,
    EXTENSIBLE_SIZE = 26, /* up to and with the first bytes of the sub-format */
    PCM = 1,
    FLOATS = 3,
    EXTENSIBLE = 0xfffe,
    PIECE = 1 << 14 /* samples converted at a time */
};

static uint32_t number(const uint8_t *bytes, int size)
{
    uint32_t value = 0;
    for (int i = size - 1; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static enum pl_status take_format(struct pl_context *context, struct pl_bytes *bytes, uint32_t size,
                                  struct pl_sound *sound)
{
    const uint8_t *data;
    if (size < FORMAT_LEAST || size > FORMAT_MOST) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA, "a format chunk of %u bytes", size);
    }
    enum pl_status status = pl_bytes_take(context, bytes, size + size % 2, &data);
    if (status) {
        return status;
    }
    uint32_t kind = number(data, 2), frame = number(data + 12, 2), bits = number(data + 14, 2);
    if (kind == EXTENSIBLE && size >= EXTENSIBLE_SIZE) {
        kind = number(data + 24, 2);
    }
    sound->channels = number(data + 2, 2);
    sound->rate = number(data + 4, 4);
    sound->sample_size = (bits + 7) / 8;
    sound->floats = kind == FLOATS;
    if (kind != PCM && kind != FLOATS) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA,
                             "sound in coding 0x%04x, which is not supported: only PCM and floats "
                             "are (sox in.wav -e signed out.wav)",
                             kind);
    }
    bool fits = sound->floats ? bits == 32 || bits == 64 : bits >= 1 && bits <= 32;
    if (!fits || sound->channels == 0 || sound->rate == 0 ||
        sound->channels * sound->sample_size != frame) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA,
                             "%lld channels of %u bits in frames of %u bytes at rate %lld are no "
                             "sound",
                             (long long)sound->channels, bits, frame, (long long)sound->rate);
    }
    return PL_OK;
}

/* Moves over a chunk, and over the byte behind one of odd size. */
static enum pl_status skip_chunk(struct pl_context *context, struct pl_bytes *bytes, uint64_t size)
{
    size += size % 2;
    while (size > 0) {
        const uint8_t *data;
        size_t there;
        enum pl_status status = pl_bytes_peek(context, bytes, 1, &data, &there);
        if (status || there == 0) {
            return status ? status : pl_bytes_short(context, bytes, size);
        }
        there = there < size ? there : (size_t)size;
        pl_bytes_skip(bytes, there);
        size -= there;
    }
    return PL_OK;
}

/* How many samples there are.  Writers into a pipe do not know the size and put the largest there
 * is: then the samples go on to the end. */
static enum pl_status count_samples(struct pl_context *context, struct pl_bytes *bytes,
                                    uint64_t size, struct pl_sound *sound)
{
    const uint8_t *data;
    size_t there = 0;
    int64_t frame = sound->channels * sound->sample_size;
    enum pl_status status = PL_OK;
    if (size == UINT32_MAX) {
        status = pl_bytes_rest(context, bytes, &data, &there);
        size = there;
    }
    if (!status && size % (uint64_t)frame != 0) {
        status =
            pl_bytes_fail(context, bytes, PL_BAD_DATA,
                          "%llu bytes of samples are no multiple of a frame's %lld: truncated?",
                          (unsigned long long)size, (long long)frame);
    }
    sound->samples = (int64_t)size / frame;
    return status;
}

enum pl_status pl_wav_take_header(struct pl_context *context, struct pl_bytes *bytes,
                                  struct pl_sound *sound)
{
    const uint8_t *data;
    *sound = (struct pl_sound){0};
    enum pl_status status = pl_bytes_take(context, bytes, RIFF_SIZE, &data);
    if (!status && (memcmp(data, "RIFF", 4) != 0 || memcmp(data + 8, "WAVE", 4) != 0)) {
        status = pl_bytes_fail(context, bytes, PL_BAD_DATA, "not a WAV file");
    }
    while (!status) {
        status = pl_bytes_take(context, bytes, CHUNK_SIZE, &data);
        if (status) {
            return status;
        }
        uint32_t size = number(data + 4, 4);
        bool samples = memcmp(data, "data", 4) == 0, format = memcmp(data, "fmt ", 4) == 0;
        if (samples && sound->channels > 0) {
            return count_samples(context, bytes, size, sound);
        }
        if (samples || (format && sound->channels > 0)) {
            return pl_bytes_fail(context, bytes, PL_BAD_DATA,
                                 samples ? "samples before their format" : "two format chunks");
        }
        status =
            format ? take_format(context, bytes, size, sound) : skip_chunk(context, bytes, size);
    }
    return status;
}

/* Samples of 8 and 16 bits. */
static void convert_narrow(const uint8_t *in, int64_t count, int64_t size, int16_t *out)
{
    for (int64_t i = 0; i < count; i++, in += size)
        out[i] = (int16_t)(size == 1 ? (in[0] - 128) * 256 : in[0] | in[1] << 8);
}

static void convert_wide(const uint8_t *in, int64_t count, const struct pl_sound *sound, float *out)
{
    for (int64_t i = 0; i < count; i++, in += sound->sample_size) {
        uint32_t low = number(in, sound->sample_size == 3 ? 3 : 4);
        if (!sound->floats) { /* to the upper end: the sign is where it belongs */
            int32_t value = (int32_t)(sound->sample_size == 3 ? low << 8 : low);
            out[i] = (float)value * 0x1p-31F;
        } else if (sound->sample_size == sizeof(float)) {
            memcpy(&out[i], &low, sizeof low);
        } else {
            uint64_t bits = (uint64_t)number(in + 4, 4) << 32 | low;
            double value;
            memcpy(&value, &bits, sizeof value);
            out[i] = (float)value;
        }
    }
}

enum pl_status pl_wav_copy(struct pl_context *context, struct pl_bytes *bytes,
                           const struct pl_sound *sound, const char *name, struct pl_writer *writer)
{
    bool narrow = sound->sample_size <= 2;
    int64_t left = sound->samples * sound->channels;
    union {
        int16_t narrow[PIECE];
        float wide[PIECE];
    } out;
    const uint8_t *data;
    size_t there, total = (size_t)(left * sound->sample_size);
    enum pl_status status = pl_bytes_peek(context, bytes, 0, &data, &there);
    if (!status && bytes->ended && there < total) { /* before anything is written */
        return pl_bytes_short(context, bytes, total - there);
    }
    status = pl_writer_begin(context, writer, name, narrow ? PL_I16 : PL_F32, 2,
                             (const int64_t[]){sound->samples, sound->channels});
    while (left > 0 && !status) {
        int64_t count = left < PIECE ? left : PIECE;
        size_t want = (size_t)(count * sound->sample_size);
        status = pl_bytes_peek(context, bytes, want, &data, &there);
        if (!status && there < want) {
            return pl_bytes_short(context, bytes, (uint64_t)(left * sound->sample_size) - there);
        }
        if (!status && narrow) {
            convert_narrow(data, count, sound->sample_size, out.narrow);
        } else if (!status) {
            convert_wide(data, count, sound, out.wide);
        }
        if (!status) {
            status = pl_writer_bytes(context, writer, &out,
                                     (size_t)count * (narrow ? sizeof(int16_t) : sizeof(float)));
            pl_bytes_skip(bytes, want);
            left -= count;
        }
    }
    return status ? status : pl_writer_finish(context, writer);
}
