/* The sample streams of tensor-stream(5), byte by byte.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TESTS_SAMPLES_H
#define PL_TESTS_SAMPLES_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

static const float sample_weights[6] = {1, -2, 0.5f, 3, 0, -0.25f};

/* A header of `size` bytes with the given CRC. */
static inline size_t sample_header(char *out, const char *mapping, size_t size, const char *crc)
{
    char line[4097];
    int width = (int)size - 26;
    snprintf(line, sizeof line, "--- !plumbline1 %-*s#%s\n", width, mapping, crc);
    memcpy(out, line, size);
    return size;
}

static inline size_t sample_payload(char *out, const void *bytes, size_t size, const char *crc)
{
    size_t stored = (size + 16 + 63) / 64 * 64;
    memset(out, 0, stored);
    memcpy(out, bytes, size);
    memcpy(out + stored - 16, "\n# end ", 7);
    memcpy(out + stored - 9, crc, 8);
    out[stored - 1] = '\n';
    return stored;
}

static inline size_t sample_solid(char *out)
{
    size_t at = sample_header(
        out, "{tensor: head.weight, dtype: f32, shape: [2, 3], codec: raw, bytes: 24}", 128,
        "20e49920");
    at += sample_payload(out + at, sample_weights, 24, "eca4a794");
    return at + sample_header(out + at, "{end: 1, size: 192, sum: x39582740}", 64, "a4e1e32b");
}

static inline size_t sample_empty(char *out)
{
    return sample_header(out, "{end: 0, size: 0, sum: x00000000}", 64, "85383c19");
}

static inline size_t sample_series(char *out)
{
    static const char history[] = "tool: lin-train\nversion: 0.1.0\nseed: 7\n";
    static const char *const crcs[2] = {"b6debb5d", "b0a16fa3"};
    static const char *const payload_crcs[2] = {"863f59c0", "726836e0"};
    size_t at = sample_header(out, "{meta: history, bytes: 39}", 64, "cb3a554d");
    at += sample_payload(out + at, history, 39, "b2dc3b47");
    at += sample_header(out + at, "{tensor: load, dtype: f32, shape: [~, 7]}", 128, "cd7e8aeb");
    for (int chunk = 0; chunk < 2; chunk++) {
        char mapping[64];
        float rows[14];
        snprintf(mapping, sizeof mapping, "{chunk: load, seq: %d, rows: 2, bytes: 56}", chunk);
        for (int i = 0; i < 14; i++)
            rows[i] = (float)(14 * chunk + i);
        at += sample_header(out + at, mapping, 128, crcs[chunk]);
        at += sample_payload(out + at, rows, 56, payload_crcs[chunk]);
    }
    at += sample_header(out + at, "{close: load, chunks: 2, rows: 4}", 64, "51d1a437");
    return at + sample_header(out + at, "{end: 5, size: 832, sum: x6f823d90}", 64, "a88e00c5");
}

/* Writing streams by hand, record by record, with counts and sums kept. */
struct sample {
    char bytes[1 << 16];
    size_t size;
    int records;
    unsigned long sum; /* of the segment */
    size_t begin;      /* of the segment */
};

static inline void sample_record(struct sample *sample, const char *mapping, const void *payload,
                                 size_t payload_size)
{
    char *at = sample->bytes + sample->size;
    size_t size = (strlen(mapping) + 16 + 11 + 63) / 64 * 64;
    char crc[9];
    snprintf(crc, sizeof crc, "%08lx", 0UL);
    sample_header(at, mapping, size, crc);
    snprintf(crc, sizeof crc, "%08lx", crc32(0, (const Bytef *)at, (uInt)size - 10));
    memcpy(at + size - 9, crc, 8);
    sample->sum = crc32(sample->sum, (const Bytef *)crc, 8);
    if (payload) {
        snprintf(crc, sizeof crc, "%08lx", crc32(0, payload, (uInt)payload_size));
        sample->sum = crc32(sample->sum, (const Bytef *)crc, 8);
        size += sample_payload(at + size, payload, payload_size, crc);
    }
    sample->size += size;
    sample->records++;
}

static inline void sample_end(struct sample *sample)
{
    char mapping[128];
    snprintf(mapping, sizeof mapping, "{end: %d, size: %zu, sum: x%08lx}", sample->records,
             sample->size - sample->begin, sample->sum);
    sample_record(sample, mapping, NULL, 0);
    sample->begin = sample->size;
    sample->records = 0;
    sample->sum = 0;
}

#endif
