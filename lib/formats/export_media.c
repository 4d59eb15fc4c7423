/* A picture as PNG or PPM, a sound as WAV.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "formats/collect.h"
#include "formats/exporters.h"
#include "formats/media.h"

/* Whether the tensor is a picture, by itself or as the only one of [1, height, width, channels]. */
static bool as_picture(const struct pl_collected *item, struct pl_picture *picture)
{
    int first = item->rank == 4 && item->dims[0] == 1;
    int rank = item->rank - first;
    *picture =
        (struct pl_picture){.dtype = item->dtype, .pixels = (uint8_t *)(uintptr_t)item->data};
    picture->dims[2] = 1;
    for (int i = 0; i < rank && i < 3; i++) {
        picture->dims[i] = item->dims[first + i];
    }
    return (rank == 2 || rank == 3) && (item->dtype == PL_U8 || item->dtype == PL_U16) &&
           picture->dims[0] > 0 && picture->dims[1] > 0 && picture->dims[0] <= INT32_MAX &&
           picture->dims[1] <= INT32_MAX && picture->dims[2] >= 1 && picture->dims[2] <= 4;
}

/* The tensor to draw: the only one, names of pictures aside. */
static enum pl_status find_picture(struct pl_context *context, struct pl_collection *collection,
                                   const char *source, const char *format,
                                   struct pl_collected **found)
{
    *found = NULL;
    for (size_t i = 0; i < collection->count && collection->count == 2 && !*found; i++) {
        bool names = strcmp(collection->items[1 - i].name, "images.names") == 0;
        *found = names ? &collection->items[i] : NULL;
    }
    enum pl_status status = *found ? PL_OK : pl_collection_one(context, collection, source, format);
    if (!status && !*found) {
        *found = &collection->items[0];
    }
    return status;
}

static enum pl_status refuse_picture(struct pl_context *context, const struct pl_collected *item,
                                     const char *format)
{
    struct pl_buffer shape = {0};
    enum pl_status status = pl_shape_text(context, &shape, item->rank, item->dims);
    if (!status && item->rank == 4 && item->dims[0] != 1) {
        status = pl_fail(context, PL_BAD_DATA,
                         "tensor '%s' holds %lld pictures, and %s one (ts-select --rows 0:1 takes "
                         "the first)",
                         item->name, (long long)item->dims[0], format);
    } else if (!status) {
        status = pl_fail(context, PL_BAD_DATA,
                         "tensor '%s', %s %s, is no picture: that is u8 or u16 [height, width, up "
                         "to 4 channels]",
                         item->name, pl_dtype_name(item->dtype), shape.data);
    }
    pl_buffer_release(&shape);
    return status;
}

static enum pl_status export_picture(struct pl_context *context, struct pl_reader *reader,
                                     const struct pl_export *export, const char *format,
                                     pl_picture_writer *write, struct pl_sink *sink)
{
    struct pl_collection collection;
    struct pl_collected *item;
    struct pl_picture picture;
    enum pl_status status = pl_collect(context, &collection, reader, export, NULL);
    if (status) {
        return status;
    }
    status = find_picture(context, &collection, pl_reader_name(reader), format, &item);
    if (!status) {
        status = as_picture(item, &picture) ? write(context, item->name, &picture, sink)
                                            : refuse_picture(context, item, format);
    }
    pl_collection_release(&collection);
    return status;
}

enum pl_status pl_png_export(struct pl_context *context, struct pl_reader *reader,
                             const struct pl_export *export, struct pl_sink *sink)
{
    return export_picture(context, reader, export, "PNG", pl_png_write, sink);
}

enum pl_status pl_pnm_export(struct pl_context *context, struct pl_reader *reader,
                             const struct pl_export *export, struct pl_sink *sink)
{
    return export_picture(context, reader, export, "PPM", pl_pnm_write, sink);
}

static void put_number(uint8_t **at, uint64_t value, int size)
{
    for (int i = 0; i < size; i++, value >>= 8) {
        *(*at)++ = (uint8_t)(value & 0xff);
    }
}

static void put_text(uint8_t **at, const char *text)
{
    memcpy(*at, text, 4);
    *at += 4;
}

enum { WAV_HEADER = 44 };

/* RIFF, WAVE, the format chunk, and the head of the data chunk: see wav.c. */
static void wav_header(uint8_t header[WAV_HEADER], bool floats, uint64_t rate, uint64_t channels,
                       uint64_t bytes)
{
    uint8_t *at = header;
    uint64_t frame = channels * (floats ? sizeof(float) : sizeof(int16_t));
    put_text(&at, "RIFF");
    put_number(&at, WAV_HEADER - 8 + bytes, 4);
    put_text(&at, "WAVE");
    put_text(&at, "fmt ");
    put_number(&at, 16, 4);
    put_number(&at, floats ? 3 : 1, 2);
    put_number(&at, channels, 2);
    put_number(&at, rate, 4);
    put_number(&at, rate * frame, 4);
    put_number(&at, frame, 2);
    put_number(&at, floats ? 32 : 16, 2);
    put_text(&at, "data");
    put_number(&at, bytes, 4);
}

/* The rate that was asked for, else that of `meta: audio`. */
static enum pl_status find_rate(struct pl_context *context, const struct pl_collection *collection,
                                const char *source, int64_t *rate)
{
    enum pl_status status = PL_OK;
    if (*rate == 0) {
        status = pl_meta_int(context, collection->documents[0].root, "rate", rate);
    }
    if (status) {
        return pl_fail_at(context, "%s: meta 'audio'", source);
    }
    return *rate > 0 && *rate <= UINT32_MAX
               ? PL_OK
               : pl_fail(context, PL_BAD_DATA, "%s: the stream tells no rate: --rate does", source);
}

static enum pl_status write_sound(struct pl_context *context, const struct pl_collected *item,
                                  int64_t rate, struct pl_sink *sink)
{
    uint8_t header[WAV_HEADER];
    int64_t channels = item->rank == 2 ? item->dims[1] : 1;
    bool shaped = item->rank == 1 || item->rank == 2;
    if (!shaped || (item->dtype != PL_I16 && item->dtype != PL_F32) || channels < 1 ||
        channels > UINT16_MAX / (int64_t)sizeof(float)) {
        return pl_fail(context, PL_BAD_DATA,
                       "tensor '%s', %s of rank %d, is no sound: that is i16 or f32 [samples, "
                       "channels]",
                       item->name, pl_dtype_name(item->dtype), item->rank);
    }
    if (item->bytes > UINT32_MAX - WAV_HEADER) {
        return pl_fail(context, PL_BAD_DATA, "tensor '%s': WAV holds no more than 4 GiB",
                       item->name);
    }
    wav_header(header, item->dtype == PL_F32, (uint64_t)rate, (uint64_t)channels, item->bytes);
    enum pl_status status = pl_sink_write(context, sink, header, sizeof header);
    return status ? status : pl_sink_write(context, sink, item->data, (size_t)item->bytes);
}

enum pl_status pl_wav_export(struct pl_context *context, struct pl_reader *reader,
                             const struct pl_export *export, struct pl_sink *sink)
{
    static const char *const documents[] = {"audio", NULL};
    struct pl_collection collection;
    int64_t rate = export->rate;
    enum pl_status status = pl_collect(context, &collection, reader, export, documents);
    if (status) {
        return status;
    }
    status = pl_collection_one(context, &collection, pl_reader_name(reader), "WAV");
    if (!status) {
        status = find_rate(context, &collection, pl_reader_name(reader), &rate);
    }
    if (!status) {
        status = write_sound(context, &collection.items[0], rate, sink);
    }
    pl_collection_release(&collection);
    return status;
}
