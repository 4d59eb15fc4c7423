/* Streams of codes: the tensors of codes, packed or not.
 * SPDX-License-Identifier: MIT */
#include "quantize/codes.h"

#include <stdio.h>
#include <string.h>

enum { PIECE = 1 << 20, BYTE = 8 };

static enum pl_dtype smallest_type(int64_t codes)
{
    return codes <= 1 << 8 ? PL_U8 : codes <= 1 << 16 ? PL_U16 : PL_U32;
}

/* Type and shape of the codes of a sheet; false when they are too many. */
static bool shape_of(const struct pl_codes *codes, const struct pl_sheet *sheet,
                     enum pl_dtype *dtype, int *rank, int64_t dims[2])
{
    int64_t count;
    *dtype = codes->bits ? PL_U8 : smallest_type(codes->codes);
    *rank = codes->bits == 0 && codes->levels > 1 ? 2 : 1;
    dims[1] = codes->levels;
    if (!pl_mul_int64(sheet->vectors, codes->places, &dims[0]) ||
        !pl_mul_int64(dims[0], codes->levels * (codes->bits ? codes->bits : 1), &count))
        return false;
    if (codes->bits)
        dims[0] = count / BYTE + (count % BYTE > 0);
    return true;
}

/* ---- Writing ------------------------------------------------------------------------------ */

enum pl_status pl_code_writer_open(struct pl_context *context, struct pl_code_writer *out,
                                   const struct pl_codes *codes, size_t sheet, enum pl_codec codec,
                                   struct pl_writer *writer)
{
    uint64_t total;
    *out = (struct pl_code_writer){
        .codes = codes, .writer = writer, .name = codes->records[sheet], .codec = codec};
    if (!shape_of(codes, &codes->sheets[sheet], &out->dtype, &out->rank, out->dims) ||
        !pl_shape_bytes(out->dtype, out->rank, out->dims, &total))
        return pl_fail(context, PL_BAD_DATA, "tensor '%s': too many vectors", out->name);
    out->whole = codec != PL_CODEC_RAW && total <= PIECE;
    if (out->whole)
        return PL_OK;
    return codec == PL_CODEC_RAW
               ? pl_writer_begin(context, writer, out->name, out->dtype, out->rank, out->dims)
               : pl_writer_open_chunked(context, writer, out->name, out->dtype, out->rank,
                                        out->dims);
}

/* Hands on the bytes that are ready. */
static enum pl_status flush(struct pl_context *context, struct pl_code_writer *out)
{
    size_t row = pl_dtype_size(out->dtype) * (out->rank == 2 ? (size_t)out->dims[1] : 1);
    enum pl_status status =
        out->codec == PL_CODEC_RAW
            ? pl_writer_bytes(context, out->writer, out->ready.data, out->ready.size)
            : pl_writer_rows(context, out->writer, out->name, out->ready.data,
                             (int64_t)(out->ready.size / row), out->codec);
    out->ready.size = 0;
    return status;
}

static void pack(struct pl_code_writer *out, uint32_t code, uint8_t **to)
{
    out->partial |= (uint64_t)code << out->partial_bits;
    out->partial_bits += out->codes->bits;
    for (; out->partial_bits >= BYTE; out->partial_bits -= BYTE, out->partial >>= BYTE)
        *(*to)++ = (uint8_t)(out->partial & 0xff);
}

static void store(const struct pl_code_writer *out, uint32_t code, uint8_t **to)
{
    for (size_t i = 0; i < pl_dtype_size(out->dtype); i++, code >>= BYTE)
        *(*to)++ = (uint8_t)(code & 0xff);
}

enum pl_status pl_code_writer_put(struct pl_context *context, struct pl_code_writer *out,
                                  const int32_t *codes, int64_t rows)
{
    int64_t numbers = rows * out->codes->levels;
    enum pl_status status =
        pl_buffer_reserve(context, &out->ready, (size_t)numbers * sizeof(uint32_t) + BYTE);
    if (status)
        return status;
    uint8_t *to = (uint8_t *)out->ready.data + out->ready.size;
    for (int64_t i = 0; i < numbers; i++)
        if (out->codes->bits)
            pack(out, (uint32_t)codes[i], &to);
        else
            store(out, (uint32_t)codes[i], &to);
    out->ready.size = (size_t)(to - (uint8_t *)out->ready.data);
    return out->ready.size >= PIECE && !out->whole ? flush(context, out) : PL_OK;
}

enum pl_status pl_code_writer_close(struct pl_context *context, struct pl_code_writer *out)
{
    enum pl_status status = PL_OK;
    if (out->partial_bits > 0) {
        const uint8_t last = (uint8_t)(out->partial & 0xff);
        status = pl_buffer_append(context, &out->ready, &last, 1);
    }
    if (status == PL_OK && out->whole) {
        struct pl_tensor all = pl_tensor_view(out->dtype, out->rank, out->dims, out->ready.data);
        return pl_writer_tensor(context, out->writer, out->name, &all, out->codec);
    }
    if (status == PL_OK && out->ready.size > 0)
        status = flush(context, out);
    if (status)
        return status;
    return out->codec == PL_CODEC_RAW ? pl_writer_finish(context, out->writer)
                                      : pl_writer_close_chunked(context, out->writer, out->name);
}

void pl_code_writer_release(struct pl_code_writer *out)
{
    pl_buffer_release(&out->ready);
}

/* ---- Reading ------------------------------------------------------------------------------ */

enum pl_status pl_code_reader_open(struct pl_context *context, struct pl_code_reader *in,
                                   const struct pl_codes *codes, size_t sheet,
                                   struct pl_reader *reader, struct pl_directory *directory)
{
    const char *name = codes->records[sheet];
    const struct pl_directory_entry *entry = pl_directory_find(context, directory, name);
    enum pl_dtype dtype;
    int rank;
    int64_t dims[2];
    *in = (struct pl_code_reader){.codes = codes, .sheet = sheet};
    if (!entry)
        return pl_fail(context, PL_BAD_DATA, "%s: the codes '%s' are missing",
                       pl_reader_name(reader), name);
    if (!shape_of(codes, &codes->sheets[sheet], &dtype, &rank, dims) || entry->dtype != dtype ||
        entry->rank != rank || memcmp(entry->dims, dims, (size_t)rank * sizeof *dims) != 0)
        return pl_fail(context, PL_BAD_DATA,
                       "%s: the codes '%s' are not of the type or number that meta 'codes' says",
                       pl_reader_name(reader), name);
    in->element_size = pl_dtype_size(dtype);
    return pl_elements_start(context, &in->elements, reader, entry);
}

/* The next stored element. */
static enum pl_status take(struct pl_context *context, struct pl_code_reader *in, uint32_t *out)
{
    if (in->ahead_count == 0) {
        const void *data = NULL;
        enum pl_status status = pl_elements_next(context, &in->elements, &data, &in->ahead_count);
        if (status == PL_OK && in->ahead_count == 0)
            status = pl_fail(context, PL_BAD_DATA, "the codes end early");
        if (status)
            return status;
        in->ahead = data;
    }
    *out = 0;
    for (size_t i = 0; i < in->element_size; i++)
        *out |= (uint32_t)in->ahead[i] << (BYTE * i);
    in->ahead += in->element_size;
    in->ahead_count--;
    return PL_OK;
}

static enum pl_status unpack(struct pl_context *context, struct pl_code_reader *in, uint32_t *code)
{
    int bits = in->codes->bits;
    while (in->partial_bits < bits) {
        uint32_t byte;
        if (take(context, in, &byte))
            return context->status;
        in->partial |= (uint64_t)byte << in->partial_bits;
        in->partial_bits += BYTE;
    }
    *code = (uint32_t)(in->partial & (((uint64_t)1 << bits) - 1));
    in->partial >>= bits;
    in->partial_bits -= bits;
    return PL_OK;
}

/* Code i of those that are read at once. */
static enum pl_status no_such_code(struct pl_context *context, const struct pl_code_reader *in,
                                   int64_t i, uint32_t code)
{
    int64_t levels = in->codes->levels, places = in->codes->places, row = in->done + i / levels;
    char place[32] = "";
    if (places > 1)
        snprintf(place, sizeof place, " at place %lld", (long long)(row % places));
    return pl_fail(context, PL_BAD_DATA,
                   "tensor '%s': the code of vector %lld%s in level %lld is %u, and the codebook "
                   "has %lld codes",
                   in->codes->records[in->sheet], (long long)(row / places), place,
                   (long long)(i % levels), code, (long long)in->codes->codes);
}

enum pl_status pl_code_reader_next(struct pl_context *context, struct pl_code_reader *in,
                                   int64_t most, int32_t *codes, int64_t *count)
{
    int64_t levels = in->codes->levels, places = in->codes->places;
    int64_t left = in->codes->sheets[in->sheet].vectors - in->done / places;
    *count = left < most ? left : most;
    for (int64_t i = 0; i < *count * places * levels; i++) {
        uint32_t code = 0;
        if (in->codes->bits ? unpack(context, in, &code) : take(context, in, &code))
            return context->status;
        if (code >= (uint64_t)in->codes->codes)
            return no_such_code(context, in, i, code);
        codes[i] = (int32_t)code;
    }
    in->done += *count * places;
    return PL_OK;
}
