/* The rules that the records of one segment keep together.
 * SPDX-License-Identifier: MIT
 *
 * Reader and writer hand every header to the same checks: names of tensors are unique, payloads
 * have the size that shape and codec allow, chunks count up, closes and the end record tell the
 * right totals.  What the writer lets through is hence what the reader takes. */
#ifndef PL_STREAM_SEGMENT_H
#define PL_STREAM_SEGMENT_H

#include "base/memory.h"
#include "stream/header.h"

/* A chunked tensor between its opening and its close. */
struct pl_open_tensor {
    char name[PL_NAME_MAX + 1];
    enum pl_dtype dtype;
    int rank;
    int64_t dims[PL_MAX_RANK]; /* dims[0]: the total told at the start, or -1 */
    int64_t chunks, rows;      /* so far */
};

/* The names of a segment's tensors: open addressing over a power of two. */
struct pl_names {
    struct pl_arena arena;
    const char **slots;
    size_t capacity, count;
};

struct pl_segment {
    uint64_t records, size; /* so far, bytes with headers, pads and footers */
    uint32_t sum;           /* CRC-32 over the digits of all CRCs so far */
    struct pl_names names;
    struct pl_open_tensor open[PL_OPEN_MAX];
    int open_count;
    bool partial; /* begun in its middle: the end record's totals cannot be compared */
};

/* Checks the next header and enters it.  A chunk's header gets dtype, rank and dims of its open
 * tensor.  An end record is checked only: pl_segment_reset begins the next segment. */
enum pl_status pl_segment_header(struct pl_context *context, struct pl_segment *segment,
                                 struct pl_header *header, size_t header_size) PL_MUST_CHECK;

/* Enters the payload of the header before. */
void pl_segment_payload(struct pl_segment *segment, uint64_t bytes, uint32_t crc);

void pl_segment_reset(struct pl_segment *segment);
void pl_segment_release(struct pl_segment *segment);

/* The open tensor of this name, or NULL. */
struct pl_open_tensor *pl_segment_find(struct pl_segment *segment, const char *name);

/* Bytes that a payload takes in the stream, with pad and footer. */
uint64_t pl_stored_size(uint64_t bytes);

#endif
