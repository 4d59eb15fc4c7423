/* The reader: all kinds of inputs alike, all ways to take a payload, all rules between records.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "samples.h"
#include "stream/bundle.h"
#include "stream/codec.h"
#include "stream/reader.h"

static struct sample sample;

static void begin(void)
{
    sample.size = sample.begin = 0;
    sample.records = 0;
    sample.sum = 0;
}

static int file_with(const void *bytes, size_t size)
{
    int fd = memfd_create("stream", 0);
    if (write(fd, bytes, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
        exit(2);
    return fd;
}

static int pipe_with(const void *bytes, size_t size)
{
    int ends[2];
    if (pipe(ends) != 0 || write(ends[1], bytes, size) != (ssize_t)size)
        exit(2);
    close(ends[1]);
    return ends[0];
}

/* A reader of the sample as a mapped file, an unmapped one, a pipe, memory, crooked memory. */
enum { INPUTS = 5 };
static struct pl_reader *open_sample(struct pl_context *context, int input, int flags)
{
    static char crooked[1 + sizeof sample.bytes];
    switch (input) {
    case 0:
        return pl_reader_open_fd(context, file_with(sample.bytes, sample.size), "s", NULL, 0,
                                 flags);
    case 1:
        return pl_reader_open_fd(context, file_with(sample.bytes, sample.size), "s", NULL, 0,
                                 flags | PL_READER_NO_MMAP);
    case 2:
        return pl_reader_open_fd(context, pipe_with(sample.bytes, sample.size), "s", NULL, 0,
                                 flags);
    case 3:
        return pl_reader_open_memory(context, sample.bytes, sample.size, "s", flags);
    default:
        memcpy(crooked + 1, sample.bytes, sample.size);
        return pl_reader_open_memory(context, crooked + 1, sample.size, "s", flags);
    }
}

static const struct pl_record *next(struct pl_context *context, struct pl_reader *reader)
{
    const struct pl_record *record;
    CHECK(pl_reader_next(context, reader, &record) == PL_OK);
    CHECK_TEXT(context->message, "");
    return record;
}

/* One tensor of ten f64 under each codec. */
static const double ten[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1e100};
static void make_ten(enum pl_codec codec)
{
    struct pl_context context = {0};
    uint8_t *packed = NULL;
    size_t size = sizeof ten;
    char mapping[128];
    if (codec)
        CHECK(pl_codec_pack(&context, codec, 8, ten, sizeof ten, &packed, &size) == PL_OK);
    snprintf(mapping, sizeof mapping,
             "{tensor: w, dtype: f64, shape: [2, 5], codec: %s, bytes: %zu}", pl_codec_name(codec),
             size);
    begin();
    sample_record(&sample, mapping, packed ? (const void *)packed : ten, size);
    sample_end(&sample);
    free(packed);
}

static void all_ways_to_take_elements(void)
{
    for (int codec = 0; codec < 3; codec++) {
        make_ten((enum pl_codec)codec);
        for (int input = 0; input < INPUTS; input++) {
            for (int way = 0; way < 4; way++) {
                struct pl_context context = {0};
                struct pl_reader *reader = open_sample(&context, input, 0);
                struct pl_tensor tensor;
                const void *bytes = NULL;
                size_t size;
                int64_t count = 1, seen = 0;
                next(&context, reader);
                if (way & 1)
                    CHECK(pl_reader_payload(&context, reader, &bytes, &size) == PL_OK);
                while (way >= 2 && count > 0) {
                    CHECK(pl_reader_elements(&context, reader, &bytes, &count) == PL_OK);
                    CHECK(count == 0 || ((uintptr_t)bytes % 8 == 0 &&
                                         memcmp(bytes, ten + seen, 8 * (size_t)count) == 0));
                    seen += count;
                }
                CHECK(way < 2 || seen == 10);
                if (way < 2) {
                    CHECK(pl_reader_tensor(&context, reader, &tensor) == PL_OK);
                    CHECK(tensor.rank == 2 && tensor.dims[1] == 5);
                    CHECK((uintptr_t)tensor.data % 8 == 0);
                    CHECK(memcmp(tensor.data, ten, sizeof ten) == 0);
                    pl_tensor_release(&tensor);
                }
                CHECK(next(&context, reader)->header.kind == PL_RECORD_END);
                CHECK(!next(&context, reader));
                pl_reader_close(reader);
            }
        }
    }
}

static void pieces_and_payload(void)
{
    make_ten(PL_CODEC_RAW);
    for (int input = 0; input < INPUTS; input++) {
        struct pl_context context = {0};
        struct pl_reader *reader = open_sample(&context, input, 0);
        const void *bytes;
        size_t size = 1, seen = 0;
        CHECK(pl_reader_is_mapped(reader) == (input == 0 || input >= 3));
        next(&context, reader);
        while (size > 0) {
            CHECK(pl_reader_piece(&context, reader, &bytes, &size) == PL_OK);
            CHECK(size == 0 || memcmp(bytes, (const char *)ten + seen, size) == 0);
            seen += size;
        }
        CHECK(seen == sizeof ten);
        CHECK(pl_reader_crc(reader) == crc32(0, (const Bytef *)ten, sizeof ten));
        /* taken is taken */
        CHECK(pl_reader_payload(&context, reader, &bytes, &size) == PL_SYSTEM);
        CHECK_TEXT(context.message,
                   "s: record 1 (tensor 'w') at byte 0: its payload was taken before");
        pl_reader_close(reader);
    }
}

static void inputs_that_begin_elsewhere(void)
{
    struct pl_context context = {0};
    struct pl_tensor tensor;
    make_ten(PL_CODEC_RAW);
    for (int map = 0; map < 2; map++) {
        int fd = memfd_create("offset", 0);
        CHECK(write(fd, "abc", 3) == 3);
        CHECK(write(fd, sample.bytes, sample.size) == (ssize_t)sample.size);
        CHECK(lseek(fd, 3, SEEK_SET) == 3); /* as a shell leaves standard input behind `read` */
        struct pl_reader *reader =
            pl_reader_open_fd(&context, fd, "s", NULL, 0, map ? 0 : PL_READER_NO_MMAP);
        CHECK(next(&context, reader)->offset == 3);
        CHECK(pl_reader_tensor(&context, reader, &tensor) == PL_OK);
        CHECK((uintptr_t)tensor.data % 8 == 0 && memcmp(tensor.data, ten, sizeof ten) == 0);
        pl_tensor_release(&tensor);
        pl_reader_close(reader);
    }
    for (size_t before = 1; before < sample.size; before += 50) { /* part was read to look at it */
        int fd = pipe_with(sample.bytes + before, sample.size - before);
        struct pl_reader *reader = pl_reader_open_fd(&context, fd, "s", sample.bytes, before, 0);
        next(&context, reader);
        CHECK(pl_reader_tensor(&context, reader, &tensor) == PL_OK);
        CHECK((uintptr_t)tensor.data % 8 == 0 && memcmp(tensor.data, ten, sizeof ten) == 0);
        pl_tensor_release(&tensor);
        pl_reader_close(reader);
    }
    int fd = file_with(sample.bytes, sample.size);
    char start[100];
    CHECK(read(fd, start, sizeof start) == sizeof start);
    struct pl_reader *reader = pl_reader_open_fd(&context, fd, "s", start, sizeof start, 0);
    CHECK(pl_reader_is_mapped(reader) && next(&context, reader)->offset == 0);
    pl_reader_close(reader);
}

/* A record is there as soon as its bytes are. */
static void live_streams(void)
{
    struct pl_context context = {0};
    int ends[2];
    struct pl_tensor tensor;
    make_ten(PL_CODEC_RAW);
    size_t first = 128 + 128;
    CHECK(pipe(ends) == 0);
    struct pl_reader *reader = pl_reader_open_fd(&context, ends[0], "s", NULL, 0, 0);
    CHECK(write(ends[1], sample.bytes, first) == (ssize_t)first);
    next(&context, reader); /* would block if it wanted more */
    CHECK(pl_reader_tensor(&context, reader, &tensor) == PL_OK);
    pl_tensor_release(&tensor);
    CHECK(write(ends[1], sample.bytes + first, 64) == 64);
    CHECK(next(&context, reader)->header.kind == PL_RECORD_END);
    close(ends[1]);
    CHECK(!next(&context, reader));
    pl_reader_close(reader);
}

static void unasked_payloads(void)
{
    make_ten(PL_CODEC_RAW);
    sample.bytes[130] ^= 1;
    for (int input = 0; input < INPUTS; input++) {
        for (int verify = 0; verify < 2; verify++) {
            struct pl_context context = {0};
            const struct pl_record *record;
            struct pl_reader *reader = open_sample(&context, input, verify ? PL_READER_VERIFY : 0);
            bool hops = input != 2 && !verify; /* all but the pipe */
            next(&context, reader);
            CHECK(pl_reader_next(&context, reader, &record) == (hops ? PL_OK : PL_BAD_DATA));
            CHECK(hops || strncmp(context.message,
                                  "s: record 1 (tensor 'w') at byte 0: payload CRC does not match "
                                  "(stored ",
                                  70) == 0);
            if (!hops) { /* no way on */
                CHECK(pl_reader_next(&context, reader, &record) == PL_BAD_DATA && !record);
                CHECK_TEXT(context.message, "s: reading failed before");
            }
            pl_reader_close(reader);
        }
    }
}

/* Reads the sample to its fault. */
static void refuse(enum pl_status expected, const char *message)
{
    for (int input = 0; input < INPUTS; input++) {
        struct pl_context context = {0};
        const struct pl_record *record;
        struct pl_reader *reader = open_sample(&context, input, 0);
        enum pl_status status = PL_OK;
        do {
            status = pl_reader_next(&context, reader, &record);
            int64_t count =
                status == PL_OK && record && record->header.payload && record->header.codec;
            while (status == PL_OK && count > 0) {
                const void *elements;
                status = pl_reader_elements(&context, reader, &elements, &count);
            }
        } while (status == PL_OK && record);
        CHECK(status == expected);
        CHECK_TEXT(context.message, message);
        pl_reader_close(reader);
    }
}

/* Records without payload; those with one get four bytes. */
static void make(int count, const char *const *mappings)
{
    begin();
    for (int i = 0; i < count; i++)
        sample_record(&sample, mappings[i], strstr(mappings[i], "bytes: 4") ? "abcd" : NULL, 4);
}

static void rules_of_chunks(void)
{
#define OPEN "{tensor: c, dtype: u8, shape: [~, 2]}"
    make(2, (const char *const[]){OPEN, "{chunk: d, seq: 0, rows: 2, bytes: 4}"});
    refuse(PL_BAD_DATA,
           "s: record 2 (chunk 'd') at byte 64: no chunked tensor of this name is open");
    make(2, (const char *const[]){OPEN, "{chunk: c, seq: 1, rows: 2, bytes: 4}"});
    refuse(PL_BAD_DATA, "s: record 2 (chunk 'c') at byte 64: chunk number is 1, expected 0");
    make(2, (const char *const[]){OPEN, "{chunk: c, seq: 0, rows: 1, bytes: 4}"});
    refuse(PL_BAD_DATA, "s: record 2 (chunk 'c') at byte 64: its shape needs 2 bytes, it has 4");
    make(2, (const char *const[]){OPEN, "{chunk: c, seq: 0, rows: 9223372036854775807, bytes: 4}"});
    refuse(PL_BAD_DATA, "s: record 2 (chunk 'c') at byte 64: its shape is too large");
    make(3, (const char *const[]){OPEN, "{chunk: c, seq: 0, rows: 2, bytes: 4}",
                                  "{close: c, chunks: 1, rows: 3}"});
    refuse(PL_BAD_DATA, "s: record 3 (close 'c') at byte 192: says chunks: 1, rows: 3, but there "
                        "were 1 and 2");
    make(2, (const char *const[]){"{tensor: c, dtype: u8, shape: [1, 2]}",
                                  "{chunk: c, seq: 0, rows: 2, bytes: 4}"});
    refuse(PL_BAD_DATA,
           "s: record 2 (chunk 'c') at byte 64: more rows than the tensor's header said");
    make(3, (const char *const[]){"{tensor: c, dtype: u8, shape: [3, 2]}",
                                  "{chunk: c, seq: 0, rows: 2, bytes: 4}",
                                  "{close: c, chunks: 1, rows: 2}"});
    refuse(PL_BAD_DATA,
           "s: record 3 (close 'c') at byte 192: the tensor's header said 3 rows, there were 2");
    make(1, (const char *const[]){OPEN});
    sample_end(&sample);
    refuse(PL_BAD_DATA, "s: record 2 at byte 64: chunked tensor 'c' was not closed");
    begin();
    for (int i = 0; i <= PL_OPEN_MAX; i++) {
        char mapping[64];
        snprintf(mapping, sizeof mapping, "{tensor: c%d, dtype: u8, shape: [~]}", i);
        sample_record(&sample, mapping, NULL, 0);
    }
    char message[128];
    snprintf(message, sizeof message,
             "s: record 65 (tensor 'c64') at byte %zu: more than 64 chunked tensors are open",
             sample.size - 64);
    refuse(PL_BAD_DATA, message);
#undef OPEN
}

static void rules_of_tensors(void)
{
#define W "{tensor: w, dtype: u8, shape: [4], bytes: 4}"
    make(2, (const char *const[]){W, W});
    refuse(PL_BAD_DATA,
           "s: record 2 (tensor 'w') at byte 192: a second tensor of this name in one segment");
    make(1, (const char *const[]){"{tensor: w, dtype: u16, shape: [4], bytes: 4}"});
    refuse(PL_BAD_DATA, "s: record 1 (tensor 'w') at byte 0: its shape needs 8 bytes, it has 4");
    make(1, (const char *const[]){"{tensor: w, dtype: u16, shape: [4294967296, 2147483648], "
                                  "bytes: 4}"});
    refuse(PL_BAD_DATA, "s: record 1 (tensor 'w') at byte 0: its shape is too large");
    make(1, (const char *const[]){"{tensor: w, dtype: u8, shape: [4193], codec: zlib, bytes: 4}"});
    refuse(PL_BAD_DATA, "s: record 1 (tensor 'w') at byte 0: its shape needs 4193 bytes, more than "
                        "its 4 compressed ones can hold");
    make(1, (const char *const[]){"{tensor: w, dtype: u8, shape: [4192], codec: zlib, bytes: 4}"});
    refuse(PL_BAD_DATA, "s: record 1 (tensor 'w') at byte 0: payload does not inflate: not the "
                        "zlib data it claims");
    begin(); /* names may come again in the next segment */
    sample_record(&sample, W, "abcd", 4);
    sample_end(&sample);
    sample_record(&sample, W, "abcd", 4);
    sample_end(&sample);
    refuse(PL_OK, "");
    sample_record(&sample, W, "abcd", 4);
    sample_record(&sample, W, "abcd", 4);
    refuse(PL_BAD_DATA, "s: segment 3, record 2 (tensor 'w') at byte 704: a second tensor of this "
                        "name in one segment");
#undef W
}

static void check_zlib(size_t told, const void *packed, size_t size, const char *message)
{
    char mapping[128], full[256] = "";
    snprintf(mapping, sizeof mapping,
             "{tensor: w, dtype: f64, shape: [%zu], codec: zlib, bytes: %zu}", told, size);
    begin();
    sample_record(&sample, mapping, packed, size);
    sample_end(&sample);
    if (*message)
        snprintf(full, sizeof full, "s: record 1 (tensor 'w') at byte 0: %s", message);
    refuse(*message ? PL_BAD_DATA : PL_OK, full);
}

static void sizes_of_compressed_payloads(void)
{
    struct pl_context context = {0};
    uint8_t *packed, more[256];
    size_t size;
    CHECK(pl_codec_pack(&context, PL_CODEC_ZLIB, 8, ten, sizeof ten, &packed, &size) == PL_OK);
    memcpy(more, packed, size);
    memset(more + size, 0, 20);
    check_zlib(10, packed, size, "");
    check_zlib(9, packed, size, "payload inflates to more than 72 bytes");
    check_zlib(11, packed, size, "payload inflates to 80 bytes, its shape needs 88");
    check_zlib(10, more, size + 1, "payload goes on behind its zlib data");
    check_zlib(10, packed, size - 1, "payload's zlib data is cut off");
    more[size - 1] ^= 1;
    check_zlib(10, more, size, "payload does not inflate: not the zlib data it claims");
    check_zlib(0, packed, size, "payload inflates to more than 0 bytes");
    free(packed);
}

/* Large and compressible: output grows step by step past its first 16 MiB. */
static void large_compressed_payload(void)
{
    struct pl_context context = {0};
    size_t bytes = 40 << 20, size;
    uint8_t *zeros = calloc(bytes, 1), *packed;
    CHECK(pl_codec_pack(&context, PL_CODEC_ZLIB, 1, zeros, bytes, &packed, &size) == PL_OK);
    CHECK(size < 1 << 18);
    static struct sample large; /* too large for a sample's buffer: written around the payload */
    char mapping[128];
    snprintf(mapping, sizeof mapping,
             "{tensor: w, dtype: u8, shape: [%zu], codec: zlib, bytes: %zu}", bytes, size);
    sample_record(&large, mapping, NULL, 0);
    size_t stored = (size + 16 + 63) / 64 * 64;
    char *stream = calloc(large.size + stored, 1), crc[9];
    snprintf(crc, sizeof crc, "%08lx", crc32(0, packed, (uInt)size));
    memcpy(stream, large.bytes, large.size);
    sample_payload(stream + large.size, packed, size, crc);
    struct pl_tensor tensor;
    struct pl_reader *reader = pl_reader_open_memory(&context, stream, large.size + stored, "s", 0);
    next(&context, reader);
    CHECK(pl_reader_tensor(&context, reader, &tensor) == PL_OK);
    CHECK(memcmp(tensor.data, zeros, bytes) == 0);
    pl_tensor_release(&tensor);
    pl_reader_close(reader);
    free(stream);
    free(zeros);
    free(packed);
}

static void ends(void)
{
    make(1, (const char *const[]){"{end: 1, size: 0, sum: x00000000}"});
    refuse(PL_BAD_DATA, "s: record 1 at byte 0: says end: 1, size: 0, but there were 0 and 0");
    make(1, (const char *const[]){"{end: 0, size: 0, sum: x00000001}"});
    refuse(PL_BAD_DATA,
           "s: record 1 at byte 0: sum of the segment does not match (stored x00000001, computed "
           "x00000000): records were changed or swapped");
    begin();
    refuse(PL_INCOMPLETE,
           "s: stream ended without an end record (empty input: did its writer fail?)");
    make(1, (const char *const[]){"{x_note: 1}"});
    refuse(PL_INCOMPLETE, "s: stream ended without an end record");
    sample.size = 40;
    refuse(PL_INCOMPLETE, "s: record 1 at byte 0: stream ended inside a header");
    sample.size = 3;
    refuse(PL_INCOMPLETE, "s: record 1 at byte 0: stream ended inside a header");
    memcpy(sample.bytes, "a,b\n1,2\n", sample.size = 8);
    refuse(PL_BAD_DATA, "s: not a tensor stream (ts-import reads other formats)");
    begin();
    sample_end(&sample);
    memcpy(sample.bytes + sample.size, "tail\n", 5);
    sample.size += 5;
    refuse(PL_BAD_DATA, "s: segment 2, record 1 at byte 64: not a record of a tensor stream");
}

static void failed_writers(void)
{
    begin();
    sample_record(&sample, "{error: lin-train, status: 6, bytes: 22}", "diverged\n%s at step 41",
                  22);
    refuse(PL_INCOMPLETE, "upstream lin-train failed: diverged?%s at step 41");
    struct pl_context context = {0};
    const struct pl_record *record;
    const void *bytes;
    size_t size;
    struct pl_reader *reader = open_sample(&context, 2, 0);
    CHECK(pl_reader_next(&context, reader, &record) == PL_INCOMPLETE);
    CHECK(record && record->header.kind == PL_RECORD_ERROR && record->header.status == 6);
    CHECK(pl_reader_payload(&context, reader, &bytes, &size) == PL_OK && size == 22);
    CHECK(context.upstream_size == sample.size);
    CHECK(memcmp(context.upstream, sample.bytes, sample.size) == 0);
    CHECK(pl_fail(&context, PL_SYSTEM, "something else") && context.upstream_size == 0);
    pl_reader_close(reader);
}

static void going_back(void)
{
    struct pl_context context = {0};
    const struct pl_record *record;
    make(7, (const char *const[]){"{tensor: a, dtype: u8, shape: [4], bytes: 4}",
                                  "{tensor: c, dtype: u8, shape: [~, 2]}",
                                  "{chunk: c, seq: 0, rows: 2, bytes: 4}",
                                  "{tensor: b, dtype: u8, shape: [4], bytes: 4}",
                                  "{chunk: c, seq: 1, rows: 2, bytes: 4}",
                                  "{close: c, chunks: 2, rows: 4}", "{meta: m, bytes: 4}"});
    sample_end(&sample);
    struct pl_reader *reader = open_sample(&context, 0, 0);
    size_t offset_b = 0, offset_c = 0;
    while ((record = next(&context, reader)) && record->header.kind != PL_RECORD_END) {
        if (strcmp(record->header.name, "b") == 0)
            offset_b = record->offset;
        if (record->header.chunked)
            offset_c = record->offset;
    }
    CHECK(pl_reader_seek(&context, reader, offset_b) == PL_OK);
    CHECK_TEXT(next(&context, reader)->header.name, "b");
    CHECK_TEXT(next(&context, reader)->header.name, "m"); /* c is passed over */
    CHECK(pl_reader_seek(&context, reader, offset_c) == PL_OK);
    CHECK(next(&context, reader)->header.chunked);
    CHECK(next(&context, reader)->header.seq == 0);
    CHECK_TEXT(next(&context, reader)->header.name, "b");
    CHECK(next(&context, reader)->header.seq == 1);
    CHECK(next(&context, reader)->header.kind == PL_RECORD_CLOSE);
    CHECK_TEXT(next(&context, reader)->header.name, "m");
    CHECK(next(&context, reader)->header.kind == PL_RECORD_END);
    CHECK(!next(&context, reader));
    CHECK(pl_reader_seek(&context, reader, sample.size + 1) == PL_SYSTEM);
    pl_reader_close(reader);
    context = (struct pl_context){0};
    reader = open_sample(&context, 2, 0);
    CHECK(pl_reader_seek(&context, reader, 0) == PL_SYSTEM);
    CHECK_TEXT(context.message, "s: only a regular file can be read in any order");
    pl_reader_close(reader);
}

static void bundles(void)
{
    for (int input = 0; input < INPUTS; input++) {
        struct pl_context context = {0};
        struct pl_bundle bundle;
        bool found;
        make(5, (const char *const[]){"{tensor: c, dtype: u8, shape: [~, 2]}",
                                      "{tensor: none, dtype: f32, shape: [~, 2]}",
                                      "{chunk: c, seq: 0, rows: 2, bytes: 4}",
                                      "{close: none, chunks: 0, rows: 0}",
                                      "{chunk: c, seq: 1, rows: 2, bytes: 4}"});
        sample_record(&sample, "{close: c, chunks: 2, rows: 4}", NULL, 0);
        sample_record(&sample, "{tensor: f, dtype: f64, shape: [10], bytes: 80}", ten, sizeof ten);
        sample_record(&sample, "{x_note: 1, bytes: 4}", "abcd", 4);
        sample_record(&sample, "{meta: stream, bytes: 12}", "kind: model\n", 12);
        sample_end(&sample);
        sample_end(&sample);
        struct pl_reader *reader = open_sample(&context, input, 0);
        CHECK(pl_bundle_read(&context, &bundle, reader, &found) == PL_OK && found);
        CHECK(bundle.tensor_count == 3 && bundle.document_count == 1);
        CHECK(pl_bundle_tensor(&bundle, "c")->dims[0] == 4);
        CHECK(memcmp(pl_bundle_tensor(&bundle, "c")->data, "abcdabcd", 8) == 0);
        CHECK(pl_bundle_tensor(&bundle, "none")->dims[0] == 0);
        CHECK(pl_bundle_tensor(&bundle, "none")->data != NULL);
        CHECK(((double *)pl_bundle_tensor(&bundle, "f")->data)[9] == 1e100);
        CHECK(pl_bundle_tensor(&bundle, "f")->owned == (input == 1 || input == 2 || input == 4));
        CHECK(!pl_bundle_tensor(&bundle, "x_note") && !pl_bundle_document(&bundle, "model"));
        CHECK_TEXT(pl_bundle_kind(&bundle), "model");
        CHECK_TEXT(bundle.source, "s");
        pl_bundle_release(&bundle);
        CHECK(pl_bundle_read(&context, &bundle, reader, &found) == PL_OK && found);
        CHECK_TEXT(pl_bundle_kind(&bundle), "tensors");
        pl_bundle_release(&bundle);
        CHECK(pl_bundle_read(&context, &bundle, reader, &found) == PL_OK && !found);
        pl_reader_close(reader);
        sample.size -= 64 * 3; /* both ends and the document's tail */
        reader = open_sample(&context, input, 0);
        CHECK(pl_bundle_read(&context, &bundle, reader, &found) == PL_INCOMPLETE && !found);
        pl_reader_close(reader);
    }
}

int main(void)
{
    RUN(all_ways_to_take_elements);
    RUN(pieces_and_payload);
    RUN(inputs_that_begin_elsewhere);
    RUN(live_streams);
    RUN(unasked_payloads);
    RUN(rules_of_chunks);
    RUN(rules_of_tensors);
    RUN(sizes_of_compressed_payloads);
    RUN(large_compressed_payload);
    RUN(ends);
    RUN(failed_writers);
    RUN(going_back);
    RUN(bundles);
    FINISH();
}
