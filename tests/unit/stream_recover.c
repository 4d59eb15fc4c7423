/* What can be saved of a damaged stream.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include <sys/mman.h>
#include <unistd.h>

#include "samples.h"
#include "stream/recover.h"

static struct sample sample;
static char said[4096]; /* the warnings, a line each */

static void collect(void *user, const char *message)
{
    (void)user;
    size_t size = strlen(said);
    snprintf(said + size, sizeof said - size, "%s\n", message);
}

/* Recovers bytes; compares what was said, and the mappings of the records that came out, one a
 * line.  What comes out must be a good stream. */
static void check_recovery(const char *bytes, size_t size, const char *warnings,
                           const char *records)
{
    struct pl_context context = {.warn = collect};
    struct pl_recovery recovery;
    const struct pl_record *record;
    char found[8192] = "";
    int fd = memfd_create("recovered", 0);
    struct pl_writer *writer = pl_writer_open_fd(&context, fd, "recovered");
    said[0] = '\0';
    CHECK(pl_recover(&context, "s", bytes, size, writer, &recovery) == PL_OK);
    CHECK(pl_writer_commit(&context, writer) == PL_OK);
    CHECK_TEXT(said, warnings);
    CHECK(recovery.whole == (*warnings == '\0'));
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    context = (struct pl_context){0};
    struct pl_reader *reader =
        pl_reader_open_fd(&context, fd, "recovered", NULL, 0, PL_READER_VERIFY);
    while (pl_reader_next(&context, reader, &record) == PL_OK && record) {
        size_t length = record->header_size, at = strlen(found);
        while (record->text[length - 1] != '}')
            length--;
        bool end = record->header.kind == PL_RECORD_END;
        snprintf(found + at, sizeof found - at, "%.*s\n", end ? 5 : (int)length - 16,
                 end ? "{end}" : record->text + 16);
    }
    CHECK_TEXT(context.message, "");
    CHECK_TEXT(found, records);
    pl_reader_close(reader);
}

#define OPEN     "{tensor: c, dtype: u8, shape: [~, 2]}\n"
#define CHUNK(n) "{chunk: c, seq: " #n ", rows: 2, codec: raw, bytes: 4}\n"

/* A record a line; those with bytes get four. */
static void make(const char *lines)
{
    sample.size = sample.begin = 0;
    sample.records = 0;
    sample.sum = 0;
    while (*lines) {
        char mapping[256];
        size_t size = strcspn(lines, "\n");
        snprintf(mapping, sizeof mapping, "%.*s", (int)size, lines);
        if (strcmp(mapping, "{end}") == 0)
            sample_end(&sample);
        else
            sample_record(&sample, mapping, strstr(mapping, "bytes: 4") ? "abcd" : NULL, 4);
        lines += size + 1;
    }
}

/* Offset of the record with this text. */
static size_t offset(const char *text)
{
    const char *found = memmem(sample.bytes, sample.size, text, strlen(text));
    return (size_t)(found - sample.bytes) - 16;
}

static const char *const whole = "{meta: m, bytes: 4}\n" OPEN CHUNK(0) CHUNK(1) CHUNK(2)
    CHUNK(3) "{close: c, chunks: 4, rows: 8}\n{x_note: 1, bytes: 4}\n{end}\n";

static void a_whole_stream(void)
{
    make(whole);
    check_recovery(sample.bytes, sample.size, "", whole);
}

static void rows_behind_a_gap(void)
{
    make(whole);
    sample.bytes[offset("{chunk: c, seq: 1") + 20] ^= 1;
    check_recovery(sample.bytes, sample.size,
                   "s: 192 bytes at byte 384 are no good record\n"
                   "s: 'c': chunks 1 to 1 are lost\n"
                   "s: a segment had 8 records, 7 are good\n",
                   "{meta: m, bytes: 4}\n" OPEN CHUNK(
                       0) "{close: c, chunks: 1, rows: 2}\n"
                          "{tensor: c.part2, dtype: u8, shape: [~, 2]}\n"
                          "{chunk: c.part2, seq: 0, rows: 2, codec: raw, bytes: 4}\n"
                          "{chunk: c.part2, seq: 1, rows: 2, codec: raw, bytes: 4}\n"
                          "{close: c.part2, chunks: 2, rows: 4}\n{x_note: 1, bytes: 4}\n{end}\n");
    sample.bytes[offset("{chunk: c, seq: 0") + 130] ^= 1; /* a payload; then chunk 3 goes too */
    sample.bytes[offset("{chunk: c, seq: 3") + 130] ^= 1;
    check_recovery(sample.bytes, sample.size,
                   "s: 384 bytes at byte 192 are no good record\n"
                   "s: 192 bytes at byte 768 are no good record\n"
                   "s: 'c': chunks 0 to 1 are lost\n"
                   "s: 'c': chunks 3 to 3 are lost\n"
                   "s: a segment had 8 records, 5 are good\n",
                   "{meta: m, bytes: 4}\n" OPEN "{close: c, chunks: 0, rows: 0}\n"
                   "{tensor: c.part2, dtype: u8, shape: [~, 2]}\n"
                   "{chunk: c.part2, seq: 0, rows: 2, codec: raw, bytes: 4}\n"
                   "{close: c.part2, chunks: 1, rows: 2}\n{x_note: 1, bytes: 4}\n{end}\n");
}

/* A length told in front that can no longer be kept is not told any more. */
static void known_lengths(void)
{
    const char *const known = "{tensor: c, dtype: u8, shape: [4, 2], x_k: v}\n" CHUNK(0)
        CHUNK(1) "{close: c, chunks: 2, rows: 4}\n{end}\n";
    make(known);
    check_recovery(sample.bytes, sample.size, "", known);
    sample.bytes[offset("{chunk: c, seq: 1") + 20] ^= 1;
    check_recovery(sample.bytes, sample.size,
                   "s: 192 bytes at byte 320 are no good record\n"
                   "s: 'c': chunks 1 to 1 are lost\n"
                   "s: a segment had 4 records, 3 are good\n",
                   OPEN CHUNK(0) "{close: c, chunks: 1, rows: 2}\n{end}\n");
}

static void lost_openings_and_closes(void)
{
    make(whole);
    sample.bytes[offset("{tensor: c") + 20] ^= 1;
    check_recovery(sample.bytes, sample.size,
                   "s: 64 bytes at byte 128 are no good record\n"
                   "s: record at byte 192 is left out: the record that opens its tensor is lost\n"
                   "s: record at byte 384 is left out: the record that opens its tensor is lost\n"
                   "s: record at byte 576 is left out: the record that opens its tensor is lost\n"
                   "s: record at byte 768 is left out: the record that opens its tensor is lost\n"
                   "s: record at byte 960 is left out: the record that opens its tensor is lost\n"
                   "s: a segment had 8 records, 7 are good\n",
                   "{meta: m, bytes: 4}\n{x_note: 1, bytes: 4}\n{end}\n");
    make(whole);
    sample.bytes[offset("{close: c") + 20] ^= 1;
    check_recovery(sample.bytes, sample.size,
                   "s: 64 bytes at byte 960 are no good record\n"
                   "s: a segment had 8 records, 7 are good\n"
                   "s: 'c' is not closed: rows at its end may be lost\n",
                   "{meta: m, bytes: 4}\n" OPEN CHUNK(0) CHUNK(1) CHUNK(2)
                       CHUNK(3) "{x_note: 1, bytes: 4}\n{close: c, chunks: 4, rows: 8}\n{end}\n");
}

static void cut_off(void)
{
    make(whole);
    check_recovery(sample.bytes, offset("{chunk: c, seq: 2") + 150,
                   "s: 150 bytes at byte 576 are no good record\n"
                   "s: a segment has no end record: records at its end may be lost\n"
                   "s: 'c' is not closed: rows at its end may be lost\n",
                   "{meta: m, bytes: 4}\n" OPEN CHUNK(0)
                       CHUNK(1) "{close: c, chunks: 2, rows: 4}\n{end}\n");
}

static void segments_grown_together(void)
{
    const char *const two = "{meta: stream, bytes: 4}\n{tensor: w, dtype: u8, shape: [4], codec: "
                            "raw, bytes: 4}\n{end}\n{meta: stream, bytes: 4}\n{tensor: w, dtype: "
                            "u8, shape: [4], codec: raw, bytes: 4}\n{end}\n";
    make(two);
    sample.bytes[offset("{end: ") + 20] ^= 1;
    check_recovery(sample.bytes, sample.size,
                   "s: 64 bytes at byte 320 are no good record\n"
                   "s: a segment has no end record: records at its end may be lost\n",
                   two);
    make("{x_a: 1}\n{tensor: w, dtype: u8, shape: [4], codec: raw, bytes: 4}\n{end}\n"
         "{tensor: w, dtype: u8, shape: [4], codec: raw, bytes: 4}\n{end}\n");
    memmove(sample.bytes + 256, sample.bytes + 320, sample.size -= 64); /* the first end */
    check_recovery(sample.bytes, sample.size,
                   "s: a segment has no end record: records at its end may be lost\n",
                   "{x_a: 1}\n{tensor: w, dtype: u8, shape: [4], codec: raw, bytes: 4}\n{end}\n"
                   "{tensor: w, dtype: u8, shape: [4], codec: raw, bytes: 4}\n{end}\n");
}

static void failed_writers(void)
{
    make("{x_a: 1}\n{error: ts-try, status: 3, bytes: 4}\n");
    check_recovery(sample.bytes, sample.size, "s: ts-try had failed and said: abcd\n",
                   "{x_a: 1}\n{end}\n");
}

/* Rubbish around records, and a stream inside a payload, which is not a record of this one. */
static void rubbish(void)
{
    char bytes[8192] = "rubbish --- !plumbline1 {", inner[64];
    sample_empty(inner);
    sample.size = sample.begin = 0;
    sample.records = 0;
    sample.sum = 0;
    sample_record(&sample, "{tensor: w, dtype: u8, shape: [64], codec: raw, bytes: 64}", inner, 64);
    sample_end(&sample);
    memcpy(bytes + 29, sample.bytes, sample.size);
    memcpy(bytes + 29 + sample.size, "\n\n", 2);
    check_recovery(bytes, 29 + sample.size + 2,
                   "s: 29 bytes at byte 0 are no good record\n"
                   "s: 2 bytes at byte 349 are no good record\n",
                   "{tensor: w, dtype: u8, shape: [64], codec: raw, bytes: 64}\n{end}\n");
    struct pl_context context = {0};
    struct pl_recovery recovery;
    struct pl_writer *writer = pl_writer_open_fd(&context, -1, "none");
    CHECK(pl_recover(&context, "s", bytes, 29, writer, &recovery) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "s: no good record of a tensor stream");
    pl_writer_abort(&context, writer, NULL);
}

int main(void)
{
    RUN(a_whole_stream);
    RUN(rows_behind_a_gap);
    RUN(known_lengths);
    RUN(lost_openings_and_closes);
    RUN(cut_off);
    RUN(segments_grown_together);
    RUN(failed_writers);
    RUN(rubbish);
    FINISH();
}
