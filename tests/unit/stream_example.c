/* The exact bytes of the streams that tensor-stream(5) shows.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include <sys/mman.h>
#include <unistd.h>

#include "samples.h"
#include "stream/bundle.h"
#include "stream/reader.h"
#include "stream/writer.h"

/* What a writer put into an unlinked file. */
static size_t written(struct pl_context *context, struct pl_writer *writer, int fd, char *out,
                      size_t size)
{
    CHECK(pl_writer_commit(context, writer) == PL_OK);
    ssize_t got = pread(fd, out, size, 0);
    close(fd);
    return got < 0 ? 0 : (size_t)got;
}

static void solid_tensor_is_written(void)
{
    struct pl_context context = {0};
    char out[1024], expected[1024];
    int fd = memfd_create("solid", 0);
    struct pl_writer *writer = pl_writer_open_fd(&context, fd, "solid");
    struct pl_tensor tensor =
        pl_tensor_view(PL_F32, 2, (int64_t[]){2, 3}, (void *)(uintptr_t)sample_weights);
    CHECK(pl_writer_tensor(&context, writer, "head.weight", &tensor, PL_CODEC_RAW) == PL_OK);
    CHECK(pl_writer_end(&context, writer) == PL_OK);
    CHECK(sample_solid(expected) == 256);
    CHECK(written(&context, writer, fd, out, sizeof out) == 256);
    CHECK(memcmp(out, expected, 256) == 0);
}

static void empty_stream_is_written(void)
{
    struct pl_context context = {0};
    char out[1024], expected[1024];
    int fd = memfd_create("empty", 0);
    struct pl_writer *writer = pl_writer_open_fd(&context, fd, "empty");
    CHECK(pl_writer_end(&context, writer) == PL_OK);
    CHECK(sample_empty(expected) == 64);
    CHECK(written(&context, writer, fd, out, sizeof out) == 64);
    CHECK(memcmp(out, expected, 64) == 0);
}

/* The shown series has its history in front and chunks without codec, which readers take. */
static void live_series_is_read(void)
{
    struct pl_context context = {0};
    char series[1024];
    size_t size = sample_series(series);
    CHECK(size == 896);
    struct pl_reader *reader = pl_reader_open_memory(&context, series, size, "series", 0);
    const struct pl_record *record;
    struct pl_tensor tensor;
    struct pl_meta meta = {0};
    CHECK(pl_reader_next(&context, reader, &record) == PL_OK);
    CHECK(record->header.kind == PL_RECORD_META);
    CHECK(pl_reader_meta(&context, reader, &meta) == PL_OK);
    CHECK_TEXT(pl_meta_find(meta.root, "tool")->text, "lin-train");
    CHECK(pl_reader_next(&context, reader, &record) == PL_OK);
    CHECK(record->header.chunked && record->header.dims[0] == -1 && record->header.dims[1] == 7);
    for (int chunk = 0; chunk < 2; chunk++) {
        CHECK(pl_reader_next(&context, reader, &record) == PL_OK);
        CHECK(record->header.kind == PL_RECORD_CHUNK && record->header.rank == 2);
        CHECK(pl_reader_tensor(&context, reader, &tensor) == PL_OK);
        CHECK(tensor.dims[0] == 2 && tensor.dims[1] == 7);
        CHECK(((float *)tensor.data)[3] == 14.0f * (float)chunk + 3);
        pl_tensor_release(&tensor);
    }
    CHECK(pl_reader_next(&context, reader, &record) == PL_OK);
    CHECK(record->header.kind == PL_RECORD_CLOSE && record->header.rows == 4);
    CHECK(pl_reader_next(&context, reader, &record) == PL_OK);
    CHECK(record->header.kind == PL_RECORD_END && record->index == 5);
    CHECK(pl_reader_sum(reader) == 0x6f823d90);
    CHECK(pl_reader_next(&context, reader, &record) == PL_OK && !record);
    CHECK_TEXT(context.message, "");
    pl_reader_close(reader);
    pl_meta_release(&meta);
}

int main(void)
{
    RUN(solid_tensor_is_written);
    RUN(empty_stream_is_written);
    RUN(live_series_is_read);
    FINISH();
}
