/* Bytes of inputs: pipes in dribs and drabs, gzip in members, sniffing.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include <unistd.h>
#include <zlib.h>

#include "base/crc32.h"
#include "formats/importers.h"

/* gzip data of size bytes, appended to out. */
static void append_gzip(struct pl_buffer *out, const void *bytes, size_t size)
{
    struct pl_context context = {0};
    z_stream stream = {0};
    unsigned char packed[4096];
    deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)size;
    stream.next_out = packed;
    stream.avail_out = sizeof packed;
    CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    CHECK(pl_buffer_append(&context, out, packed, stream.total_out) == PL_OK);
    deflateEnd(&stream);
}

/* What inflating makes of data, step bytes in and room bytes out at a time. */
static bool inflates_to(const struct pl_buffer *data, size_t step, size_t room,
                        const char *expected)
{
    struct pl_context context = {0};
    struct pl_gunzip gunzip = {0};
    char out[256];
    size_t taken = 0, made = 0;
    for (int round = 0; round < 10000; round++) {
        size_t in_size = data->size - taken < step ? data->size - taken : step;
        size_t out_size = sizeof out - made < room ? sizeof out - made : room;
        if (pl_gunzip_step(&context, &gunzip, (const uint8_t *)data->data + taken, &in_size,
                           (uint8_t *)out + made, &out_size) != PL_OK)
            break;
        taken += in_size;
        made += out_size;
        if (taken == data->size && out_size == 0)
            break;
    }
    bool inside = gunzip.member;
    pl_gunzip_release(&gunzip);
    return !inside && made == strlen(expected) && memcmp(out, expected, made) == 0;
}

static void members(void)
{
    struct pl_buffer data = {0};
    struct pl_context context = {0};
    append_gzip(&data, "one,", 4);
    append_gzip(&data, "", 0);
    append_gzip(&data, "two", 3);
    for (size_t step = 1; step < 12; step += 3)
        for (size_t room = 1; room < 12; room += 3)
            CHECK(inflates_to(&data, step, room, "one,two"));
    CHECK(pl_buffer_append(&context, &data, "\0\0\0", 3) == PL_OK);
    CHECK(inflates_to(&data, 5, 5, "one,two")); /* padding */
    data.size -= 5;
    CHECK(!inflates_to(&data, 5, 5, "one,two")); /* cut inside the last member */
    pl_buffer_release(&data);
}

/* Bytes behind a pipe that is still open. */
static void live_pipe(void)
{
    struct pl_context context = {0};
    struct pl_bytes bytes = {.name = "pipe", .eager = true};
    int ends[2];
    const uint8_t *data;
    size_t size;
    uint32_t sum;
    CHECK(pipe(ends) == 0);
    bytes.file.fd = ends[0];
    CHECK(write(ends[1], "abc", 3) == 3);
    CHECK(pl_bytes_peek(&context, &bytes, 1, &data, &size) == PL_OK);
    CHECK(size == 3 && memcmp(data, "abc", 3) == 0); /* and did not wait for more */
    pl_bytes_skip(&bytes, 2);
    CHECK(write(ends[1], "defg", 4) == 4);
    CHECK(pl_bytes_take(&context, &bytes, 4, &data) == PL_OK);
    CHECK(memcmp(data, "cdef", 4) == 0);
    close(ends[1]);
    CHECK(pl_bytes_take(&context, &bytes, 3, &data) == PL_INCOMPLETE);
    CHECK_TEXT(context.message, "pipe: ends 2 bytes early: truncated?");
    CHECK(pl_bytes_expect_end(&context, &bytes) == PL_BAD_DATA);
    CHECK(pl_bytes_sum(&context, &bytes, &sum) == PL_OK);
    CHECK(sum == pl_crc32(0, "abcdefg", 7));
    pl_bytes_close(&bytes);
    close(ends[0]);
}

static void rest_of_a_pipe(void)
{
    struct pl_context context = {0};
    struct pl_bytes bytes = {.name = "pipe"};
    int ends[2];
    const uint8_t *data;
    size_t size;
    CHECK(pipe(ends) == 0);
    bytes.file.fd = ends[0];
    CHECK(write(ends[1], "abcdef", 6) == 6);
    close(ends[1]);
    CHECK(pl_bytes_take(&context, &bytes, 1, &data) == PL_OK);
    CHECK(pl_bytes_rest(&context, &bytes, &data, &size) == PL_OK);
    CHECK(size == 5 && memcmp(data, "bcdef", 5) == 0);
    pl_bytes_close(&bytes);
    close(ends[0]);
}

static void stored_gzip(void)
{
    struct pl_context context = {0};
    struct pl_buffer data = {0};
    struct pl_bytes bytes;
    const uint8_t *view;
    size_t size;
    uint32_t sum;
    append_gzip(&data, "hello", 5);
    pl_bytes_memory(&bytes, "gz", data.data, data.size);
    CHECK(pl_bytes_rest(&context, &bytes, &view, &size) == PL_OK);
    CHECK(size == 5 && memcmp(view, "hello", 5) == 0);
    CHECK(pl_bytes_sum(&context, &bytes, &sum) == PL_OK);
    CHECK(sum == pl_crc32(0, data.data, data.size)); /* of the file, not of its content */
    pl_bytes_close(&bytes);
    pl_buffer_release(&data);
}

static enum pl_format sniff(const char *bytes, size_t size)
{
    const char *refusal;
    return pl_format_sniff(bytes, size, &refusal);
}

static void sniffing(void)
{
    CHECK(sniff("--- !plumbline1 {", 17) == PL_FORMAT_STREAM);
    CHECK(sniff("--- !plumbline9 {", 17) == PL_FORMAT_STREAM);
    CHECK(sniff("\x93NUMPY\1\0", 8) == PL_FORMAT_NPY);
    CHECK(sniff("PK\3\4", 4) == PL_FORMAT_NPZ);
    CHECK(sniff("\x10\0\0\0\0\0\0\0{\"a\"", 12) == PL_FORMAT_SAFETENSORS);
    CHECK(sniff("{\0\0\0\0\0\0\0{", 9) == PL_FORMAT_SAFETENSORS); /* a header of 123 bytes */
    CHECK(sniff("\0\0\10\1\0\0\0\1", 8) == PL_FORMAT_IDX);
    CHECK(sniff("a,b\n", 4) == PL_FORMAT_CSV);
    CHECK(sniff("PAR1,PAR2\n1,2\n", 14) == PL_FORMAT_CSV); /* a column may be called so */
    CHECK(sniff("PAR1\1\2", 6) == PL_FORMAT_AUTO);
    CHECK(sniff("caf\xe9,x\n", 7) == PL_FORMAT_CSV);
    CHECK(sniff("", 0) == PL_FORMAT_AUTO);
    CHECK(pl_sniff_wants_more("--- !", 5));
    CHECK(!pl_sniff_wants_more("1,2\n3", 5)); /* live rows are not held up */
}

int main(void)
{
    RUN(members);
    RUN(live_pipe);
    RUN(rest_of_a_pipe);
    RUN(stored_gzip);
    RUN(sniffing);
    FINISH();
}
