/* The binary files of CIFAR-10: records of a label and a picture.
 * SPDX-License-Identifier: MIT
 *
 *     label (1 byte)  red (1024)  green (1024)  blue (1024), each row by row
 *
 * https://www.cs.toronto.edu/~kriz/cifar.html describes them.  Nothing in a file says what it is,
 * so it must be asked for. */
#include <stdlib.h>
#include <string.h>

#include "formats/importers.h"

enum { SIDE = 32, AREA = SIDE * SIDE, CHANNELS = 3, RECORD = 1 + CHANNELS * AREA };

static enum pl_status write_pictures(struct pl_context *context, const uint8_t *data, int64_t count,
                                     struct pl_writer *writer)
{
    const int64_t dims[] = {count, SIDE, SIDE, CHANNELS};
    uint8_t picture[CHANNELS * AREA];
    enum pl_status status = pl_writer_begin(context, writer, "images", PL_U8, 4, dims);
    for (int64_t n = 0; n < count && !status; n++) {
        const uint8_t *planes = data + n * RECORD + 1;
        for (int i = 0; i < AREA; i++)
            for (int c = 0; c < CHANNELS; c++)
                picture[i * CHANNELS + c] = planes[c * AREA + i];
        status = pl_writer_bytes(context, writer, picture, sizeof picture);
    }
    return status ? status : pl_writer_finish(context, writer);
}

static enum pl_status write_labels(struct pl_context *context, const uint8_t *data, int64_t count,
                                   struct pl_writer *writer)
{
    enum pl_status status = pl_writer_begin(context, writer, "labels", PL_U8, 1, &count);
    for (int64_t n = 0; n < count && !status; n++)
        status = pl_writer_bytes(context, writer, data + n * RECORD, 1);
    return status ? status : pl_writer_finish(context, writer);
}

enum pl_status pl_cifar_import(struct pl_context *context, const struct pl_import *import,
                               struct pl_bytes *bytes, struct pl_writer *writer)
{
    const uint8_t *data;
    size_t size;
    (void)import;
    if (pl_bytes_rest(context, bytes, &data, &size))
        return context->status;
    if (size % RECORD)
        return pl_bytes_short(context, bytes, RECORD - size % RECORD);
    const int64_t count = (int64_t)(size / RECORD);
    for (int64_t n = 0; n < count; n++)
        if (data[n * RECORD] > 9)
            return pl_bytes_fail(context, bytes, PL_BAD_DATA,
                                 "record %lld has label %d: not a file of CIFAR-10", (long long)n,
                                 data[n * RECORD]);
    if (pl_writer_kind(context, writer, "images") || write_pictures(context, data, count, writer))
        return context->status;
    return write_labels(context, data, count, writer);
}
