/* Live forecasts from stream to stream.
 * SPDX-License-Identifier: MIT
 *
 * Values and stamps come as chunks of two tensors that need not be cut at the same rows: what has
 * come of one waits for the other.  A live writer interleaves them, so little waits. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "models/follow.h"
#include "tensor/names.h"

struct relay {
    struct pl_follow follow;
    bool open; /* follow is, and the head of the output is written */
    const struct pl_forecaster *forecaster;
    const struct pl_bands *bands;
    int64_t steps;
    struct pl_writer *writer;
    struct pl_arena arena; /* of names */
    struct pl_names columns;
    struct pl_meta like;         /* `meta: series` of the input */
    const char **names;          /* of the output's columns */
    struct pl_buffer rows, time; /* waiting: f64 and i64 */
};

static enum pl_status open_output(struct pl_context *context, struct relay *relay)
{
    const struct pl_forecaster *forecaster = relay->forecaster;
    int64_t columns = forecaster->target_count * (1 + 2 * relay->bands->level_count);
    int64_t dims[2] = {-1, columns};
    enum pl_status status =
        pl_follow_open(context, &relay->follow, forecaster, relay->bands, relay->steps,
                       relay->columns.items, relay->columns.count);
    relay->open = true;
    if (status == PL_OK)
        status = pl_forecast_names(context, &relay->arena, forecaster, relay->bands, &relay->names);
    if (status == PL_OK)
        status = pl_forecast_write_head(context, forecaster, relay->bands, relay->steps,
                                        relay->names, columns, relay->like.root, relay->writer);
    if (status == PL_OK)
        status = pl_writer_open_chunked(context, relay->writer, "values", PL_F64, 2, dims);
    if (status == PL_OK && forecaster->stamped)
        status = pl_writer_open_chunked(context, relay->writer, "time", PL_I64, 1, dims);
    return status == PL_OK ? pl_writer_flush(context, relay->writer) : status;
}

static enum pl_status emit(struct pl_context *context, struct relay *relay,
                           const struct pl_forecast *forecast)
{
    enum pl_status status = pl_writer_chunk(context, relay->writer, "values", forecast->values,
                                            forecast->steps, PL_CODEC_RAW);
    if (status == PL_OK && forecast->time)
        status = pl_writer_chunk(context, relay->writer, "time", forecast->time, forecast->steps,
                                 PL_CODEC_RAW);
    return status == PL_OK ? pl_writer_flush(context, relay->writer) : status;
}

/* Hands on the rows of which both values and stamp have come. */
static enum pl_status pump(struct pl_context *context, struct relay *relay)
{
    size_t row_bytes = (size_t)relay->columns.count * sizeof(double);
    size_t rows = relay->rows.size / row_bytes, stamps = relay->time.size / sizeof(int64_t);
    bool stamped = relay->forecaster->stamped;
    enum pl_status status = PL_OK;
    size_t count = stamped && stamps < rows ? stamps : rows;
    for (size_t i = 0; status == PL_OK && i < count; i++) {
        const double *values = (const double *)(const void *)(relay->rows.data + i * row_bytes);
        int64_t time = 0;
        struct pl_forecast forecast;
        bool ready;
        if (stamped)
            memcpy(&time, relay->time.data + i * sizeof time, sizeof time);
        status = pl_follow_row(context, &relay->follow, values, time, &forecast, &ready);
        if (ready) {
            status = emit(context, relay, &forecast);
            pl_forecast_release(&forecast);
        }
    }
    if (count > 0) {
        relay->rows.size -= count * row_bytes;
        memmove(relay->rows.data, relay->rows.data + count * row_bytes, relay->rows.size);
    }
    if (count > 0 && stamped) {
        relay->time.size -= count * sizeof(int64_t);
        memmove(relay->time.data, relay->time.data + count * sizeof(int64_t), relay->time.size);
    }
    return status;
}

static enum pl_status take_names(struct pl_context *context, struct relay *relay,
                                 struct pl_reader *reader)
{
    struct pl_tensor tensor = {0};
    enum pl_status status = pl_reader_tensor(context, reader, &tensor);
    if (status == PL_OK)
        status = pl_names_unpack(context, &relay->arena, &tensor, "series.names", &relay->columns);
    pl_tensor_release(&tensor);
    return status;
}

static enum pl_status take_values(struct pl_context *context, struct relay *relay,
                                  struct pl_reader *reader)
{
    struct pl_tensor tensor = {0}, values = {0};
    enum pl_status status = pl_reader_tensor(context, reader, &tensor);
    if (status == PL_OK)
        status = pl_tensor_convert(context, &tensor, PL_F64, &values);
    if (status == PL_OK && (values.rank != 2 || values.dims[1] != relay->columns.count))
        status = pl_fail(context, PL_BAD_DATA,
                         "%s: 'values' does not have the %lld columns that 'series.names' lists "
                         "before it",
                         pl_reader_name(reader), (long long)relay->columns.count);
    if (status == PL_OK && !relay->open)
        status = open_output(context, relay);
    if (status == PL_OK)
        status = pl_buffer_append(context, &relay->rows, values.data, pl_tensor_bytes(&values));
    pl_tensor_release(&tensor);
    pl_tensor_release(&values);
    return status;
}

static enum pl_status take_time(struct pl_context *context, struct relay *relay,
                                struct pl_reader *reader)
{
    struct pl_tensor tensor = {0};
    enum pl_status status = pl_reader_tensor(context, reader, &tensor);
    int64_t any = -1;
    if (status == PL_OK)
        status = pl_tensor_expect(context, &tensor, "time", PL_I64, 1, &any);
    if (status == PL_OK)
        status = pl_buffer_append(context, &relay->time, tensor.data, pl_tensor_bytes(&tensor));
    pl_tensor_release(&tensor);
    return status;
}

static enum pl_status take(struct pl_context *context, struct relay *relay,
                           struct pl_reader *reader, const struct pl_header *header)
{
    enum pl_status status = PL_OK;
    bool data =
        header->kind == PL_RECORD_CHUNK || (header->kind == PL_RECORD_TENSOR && !header->chunked);
    if (header->kind == PL_RECORD_META && strcmp(header->name, "series") == 0 && !relay->like.root)
        return pl_reader_meta(context, reader, &relay->like);
    if (!data)
        return PL_OK;
    if (strcmp(header->name, "series.names") == 0)
        return take_names(context, relay, reader);
    if (strcmp(header->name, "values") == 0)
        status = take_values(context, relay, reader);
    else if (strcmp(header->name, "time") == 0)
        status = take_time(context, relay, reader);
    return status == PL_OK && relay->open ? pump(context, relay) : status;
}

static enum pl_status close_output(struct pl_context *context, struct relay *relay,
                                   const char *name)
{
    if (!relay->open)
        return pl_fail(context, PL_BAD_DATA, "%s: holds no series", name);
    if (relay->rows.size > 0)
        return pl_fail(context, PL_BAD_DATA, "%s: rows without time stamps, which the model needs",
                       name);
    enum pl_status status = pl_writer_close_chunked(context, relay->writer, "values");
    if (status == PL_OK && relay->forecaster->stamped)
        status = pl_writer_close_chunked(context, relay->writer, "time");
    return status;
}

enum pl_status pl_follow_stream(struct pl_context *context, struct pl_reader *reader,
                                const struct pl_forecaster *forecaster,
                                const struct pl_bands *bands, int64_t steps,
                                struct pl_writer *writer)
{
    struct relay relay = {
        .forecaster = forecaster, .bands = bands, .steps = steps, .writer = writer};
    const struct pl_record *record;
    bool ended = false;
    enum pl_status status = pl_reader_next(context, reader, &record);
    while (status == PL_OK && record) {
        if (ended)
            status = pl_fail(context, PL_BAD_DATA, "%s: holds more than one series",
                             pl_reader_name(reader));
        else
            status = take(context, &relay, reader, &record->header);
        ended = ended || record->header.kind == PL_RECORD_END;
        if (status == PL_OK)
            status = pl_reader_next(context, reader, &record);
    }
    if (status == PL_OK)
        status = close_output(context, &relay, pl_reader_name(reader));
    pl_follow_close(&relay.follow);
    pl_buffer_release(&relay.rows);
    pl_buffer_release(&relay.time);
    pl_meta_release(&relay.like);
    pl_arena_release(&relay.arena);
    return status;
}
