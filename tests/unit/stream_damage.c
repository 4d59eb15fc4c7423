/* No damage goes unnoticed: cuts, flipped bits, lost, doubled and swapped records.
 * SPDX-License-Identifier: MIT
 *
 * The streams are the two of tensor-stream(5) one behind the other, and one that holds a record of
 * every kind: solid, compressed and empty tensors, interleaved chunks, documents, private
 * records. */
#include "check.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "samples.h"
#include "stream/reader.h"
#include "stream/writer.h"

enum { BOUNDARIES_MOST = 64 };

static struct sample shown, varied;
/* Where records begin, the stream's end included; and which of these end a segment. */
static size_t bounds[BOUNDARIES_MOST];
static bool segment_ends[BOUNDARIES_MOST];
static int bound_count;

/* Reads everything, in the ways that check the most. */
static enum pl_status read_all(struct pl_context *context, struct pl_reader *reader)
{
    const struct pl_record *record;
    enum pl_status status = reader ? PL_OK : context->status;
    bool more = true;
    while (status == PL_OK && more) {
        status = pl_reader_next(context, reader, &record);
        more = record != NULL;
        bool packed = status == PL_OK && more && record->header.payload && record->header.codec;
        int64_t count = packed;
        while (status == PL_OK && count > 0) {
            const void *elements;
            status = pl_reader_elements(context, reader, &elements, &count);
        }
    }
    pl_reader_close(reader);
    return status;
}

static enum pl_status verify(const void *bytes, size_t size)
{
    struct pl_context context = {0};
    return read_all(&context,
                    pl_reader_open_memory(&context, bytes, size, "damaged", PL_READER_VERIFY));
}

/* The same by a pipe, whose buffer holds all of it. */
static enum pl_status verify_pipe(const void *bytes, size_t size)
{
    struct pl_context context = {0};
    int ends[2];
    if (pipe(ends) != 0 || write(ends[1], bytes, size) != (ssize_t)size)
        exit(2);
    close(ends[1]);
    return read_all(&context, pl_reader_open_fd(&context, ends[0], "pipe", NULL, 0, 0));
}

static void find_bounds(const struct sample *sample)
{
    struct pl_context context = {0};
    struct pl_reader *reader =
        pl_reader_open_memory(&context, sample->bytes, sample->size, "sample", 0);
    const struct pl_record *record;
    bound_count = 0;
    bool after_end = true;
    while (pl_reader_next(&context, reader, &record) == PL_OK && record) {
        segment_ends[bound_count] = after_end;
        bounds[bound_count++] = (size_t)record->offset;
        after_end = record->header.kind == PL_RECORD_END;
    }
    segment_ends[bound_count] = after_end;
    bounds[bound_count] = sample->size;
    CHECK_TEXT(context.message, "");
    pl_reader_close(reader);
}

static void make_shown(void)
{
    shown.size = sample_solid(shown.bytes);
    shown.size += sample_series(shown.bytes + shown.size);
}

static void put_writer_part(struct pl_writer *writer, struct pl_context *context)
{
    static const double numbers[40] = {1, 2, 3, 1e300, -0.5};
    struct pl_tensor square =
        pl_tensor_view(PL_F64, 2, (int64_t[]){5, 8}, (void *)(uintptr_t)numbers);
    struct pl_tensor none =
        pl_tensor_view(PL_F32, 2, (int64_t[]){0, 8}, (void *)(uintptr_t)numbers);
    struct pl_tensor scalar = pl_tensor_view(PL_I64, 0, NULL, (void *)(uintptr_t)numbers);
    CHECK(pl_writer_kind(context, writer, "series") == PL_OK);
    CHECK(pl_writer_tensor(context, writer, "raw", &square, PL_CODEC_RAW) == PL_OK);
    CHECK(pl_writer_tensor(context, writer, "packed", &square, PL_CODEC_ZLIB) == PL_OK);
    CHECK(pl_writer_tensor(context, writer, "true", &square, PL_CODEC_SHUFFLE_ZLIB) == PL_OK);
    CHECK(pl_writer_tensor(context, writer, "none", &none, PL_CODEC_RAW) == PL_OK);
    CHECK(pl_writer_tensor(context, writer, "nothing", &none, PL_CODEC_ZLIB) == PL_OK);
    CHECK(pl_writer_tensor(context, writer, "\xc3\xa9 \"quoted\"", &scalar, 0) == PL_OK);
    CHECK(pl_writer_open_chunked(context, writer, "a", PL_F64, 2, (int64_t[]){-1, 8}) == PL_OK);
    CHECK(pl_writer_open_chunked(context, writer, "b", PL_U8, 1, (int64_t[]){6}) == PL_OK);
    CHECK(pl_writer_chunk(context, writer, "a", numbers, 2, PL_CODEC_RAW) == PL_OK);
    CHECK(pl_writer_chunk(context, writer, "b", numbers, 6, PL_CODEC_ZLIB) == PL_OK);
    CHECK(pl_writer_chunk(context, writer, "a", numbers, 0, PL_CODEC_RAW) == PL_OK);
    CHECK(pl_writer_close_chunked(context, writer, "b") == PL_OK);
    CHECK(pl_writer_chunk(context, writer, "a", numbers, 1, PL_CODEC_SHUFFLE_ZLIB) == PL_OK);
    CHECK(pl_writer_close_chunked(context, writer, "a") == PL_OK);
}

/* The writer's records, copied into a sample between private ones. */
static void make_varied(void)
{
    struct pl_context context = {0};
    int fd = memfd_create("varied", 0);
    struct pl_writer *writer = pl_writer_open_fd(&context, fd, "varied");
    put_writer_part(writer, &context);
    CHECK(pl_writer_end(&context, writer) == PL_OK);
    CHECK(pl_writer_commit(&context, writer) == PL_OK);
    CHECK_TEXT(context.message, "");
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    struct pl_reader *reader = pl_reader_open_fd(&context, fd, "varied", NULL, 0, 0);
    const struct pl_record *record;
    while (pl_reader_next(&context, reader, &record) == PL_OK && record) {
        const void *bytes;
        size_t size;
        char mapping[4096];
        if (record->header.kind == PL_RECORD_END)
            break;
        size_t length = record->header_size;
        while (record->text[length - 1] != '}')
            length--;
        snprintf(mapping, sizeof mapping, "%.*s", (int)length - 16, record->text + 16);
        CHECK(pl_reader_payload(&context, reader, &bytes, &size) == PL_OK);
        sample_record(&varied, mapping, record->header.payload ? bytes : NULL, size);
    }
    pl_reader_close(reader);
    sample_record(&varied, "{x_note: \"any thing\", n: [1, ~], bytes: 5}", "hello", 5);
    sample_record(&varied, "{x_mark: ~}", NULL, 0);
    sample_record(&varied, "{meta: history, x_more: yes_please, bytes: 3}", "[]\n", 3);
    sample_end(&varied);
}

static void samples_are_good(void)
{
    CHECK(shown.size == 1152 && varied.size > 3000);
    CHECK(verify(shown.bytes, shown.size) == PL_OK);
    CHECK(verify_pipe(shown.bytes, shown.size) == PL_OK);
    CHECK(verify(varied.bytes, varied.size) == PL_OK);
    CHECK(verify_pipe(varied.bytes, varied.size) == PL_OK);
}

/* Every cut but those behind an end record makes an incomplete stream. */
static void check_cuts(const struct sample *sample)
{
    find_bounds(sample);
    int missed = 0, bound = 0;
    for (size_t cut = 0; cut < sample->size; cut++) {
        while (bounds[bound] < cut)
            bound++;
        enum pl_status expected =
            cut > 0 && bounds[bound] == cut && segment_ends[bound] ? PL_OK : PL_INCOMPLETE;
        missed += verify(sample->bytes, cut) != expected;
        missed += verify_pipe(sample->bytes, cut) != expected;
    }
    CHECK(missed == 0);
}

static void cuts(void)
{
    check_cuts(&shown);
    check_cuts(&varied);
}

static void check_flips(struct sample *sample)
{
    int missed = 0;
    for (size_t bit = 0; bit < 8 * sample->size; bit++) {
        sample->bytes[bit / 8] ^= (char)(1 << bit % 8);
        missed += verify(sample->bytes, sample->size) == PL_OK;
        if (bit % 7 == 0) /* system calls are slow: every byte, not every bit */
            missed += verify_pipe(sample->bytes, sample->size) == PL_OK;
        sample->bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    CHECK(missed == 0);
}

static void flips(void)
{
    check_flips(&shown);
    check_flips(&varied);
}

static size_t append(char *out, size_t at, const struct sample *sample, int record)
{
    size_t size = bounds[record + 1] - bounds[record];
    memcpy(out + at, sample->bytes + bounds[record], size);
    return at + size;
}

/* Record `from` goes, comes twice, or changes places with record `to`. */
static void check_records(const struct sample *sample)
{
    static char out[2 * sizeof sample->bytes];
    int missed = 0;
    find_bounds(sample);
    for (int from = 0; from < bound_count; from++) {
        for (int to = from; to < bound_count; to++) {
            size_t without = 0, doubled = 0;
            for (int i = 0; i < bound_count; i++) {
                int swapped = i == from ? to : i == to ? from : i;
                doubled = append(out, doubled, sample, swapped);
                if (to == from && i == from)
                    doubled = append(out, doubled, sample, swapped);
            }
            missed += verify(out, doubled) == PL_OK;
            for (int i = 0; i < bound_count && to == from; i++)
                if (i != from)
                    without = append(out, without, sample, i);
            missed += to == from && verify(out, without) == PL_OK;
        }
    }
    CHECK(missed == 0);
}

static void lost_doubled_and_swapped_records(void)
{
    check_records(&shown);
    check_records(&varied);
}

/* Bytes of this process at their most. */
static long peak(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss * 1024;
}

static enum pl_status read_claim(const char *mapping, size_t header_size, int how)
{
    struct pl_context context = {0};
    static struct sample claim;
    const struct pl_record *record;
    struct pl_tensor tensor;
    const void *bytes;
    size_t size;
    int64_t count;
    int ends[2];
    claim.size = 0;
    sample_record(&claim, mapping, NULL, 0);
    memset(claim.bytes + claim.size, 7, 1000);
    CHECK(claim.size == header_size && pipe(ends) == 0);
    CHECK(write(ends[1], claim.bytes, claim.size + 1000) == (ssize_t)claim.size + 1000);
    close(ends[1]);
    struct pl_reader *reader = pl_reader_open_fd(&context, ends[0], "claim", NULL, 0, 0);
    enum pl_status status = pl_reader_next(&context, reader, &record);
    if (status == PL_OK && how == 0)
        status = pl_reader_payload(&context, reader, &bytes, &size);
    if (status == PL_OK && how == 1)
        status = pl_reader_tensor(&context, reader, &tensor);
    while (status == PL_OK && how == 2)
        status = pl_reader_elements(&context, reader, &bytes, &count);
    if (status == PL_OK)
        status = pl_reader_next(&context, reader, &record);
    pl_reader_close(reader);
    return status;
}

/* A header costs what its stream delivers, whatever it claims. */
static void claims_cost_nothing(void)
{
    static const char *const mappings[] = {
        "{tensor: w, dtype: u8, shape: [10737418240], codec: raw, bytes: 10737418240}",
        "{tensor: w, dtype: u8, shape: [1152921504606846976], codec: raw, bytes: "
        "1152921504606846976}",
        "{tensor: w, dtype: u8, shape: [1152921504606846976], codec: zlib, bytes: "
        "1152921504606846976}",
        "{x_w: 1, bytes: 9223372036854775807}"};
    long before = peak();
    for (int i = 0; i < 4; i++)
        for (int how = 0; how < 4; how++)
            if (i < 3 || how == 0 || how == 3) {
                enum pl_status status = read_claim(mappings[i], i == 3 ? 64 : 128, how);
                CHECK(status == PL_INCOMPLETE || status == PL_BAD_DATA || status == PL_SYSTEM);
            }
    CHECK(peak() - before < 48 << 20);
}

int main(void)
{
    make_shown();
    make_varied();
    RUN(samples_are_good);
    RUN(cuts);
    RUN(flips);
    RUN(lost_doubled_and_swapped_records);
    RUN(claims_cost_nothing);
    FINISH();
}
