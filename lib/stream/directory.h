/* What a segment holds and where: its tensors by name, and the way back to each.
 * SPDX-License-Identifier: MIT
 *
 * A directory is filled record by record by whoever reads the segment, or by pl_directory_scan.
 * store.h reads the tensors in any order by it. */
#ifndef PL_STREAM_DIRECTORY_H
#define PL_STREAM_DIRECTORY_H

#include "stream/reader.h"

struct pl_directory_entry {
    const char *name;
    enum pl_dtype dtype;
    int rank;
    int64_t dims[PL_MAX_RANK]; /* of a chunked tensor: dims[0] is the rows that have come */
    bool chunked;
    enum pl_codec codec;
    bool mixed; /* chunks of several codecs: codec is the first's */
    int64_t chunks;
    uint64_t stored; /* bytes of its payloads as stored */
    uint64_t offset; /* of its tensor record in the input */
};

struct pl_directory {
    struct pl_directory_entry *entries; /* in the order of the stream */
    size_t count, capacity;
    size_t open[PL_OPEN_MAX]; /* entries whose chunks may still come */
    size_t open_count;
    size_t current;         /* the entry that the record added last belongs to; SIZE_MAX: none */
    uint64_t begin, end;    /* offsets of the segment's first record and of its end record */
    uint64_t records, size; /* of the segment, its end record not counted */
    uint32_t sum;
    size_t *order; /* of the entries by name, made at the first pl_directory_find */
    struct pl_arena arena;
};

/* Empties it for the next segment. */
void pl_directory_reset(struct pl_directory *directory);
void pl_directory_release(struct pl_directory *directory);

/* Takes note of a record just read. */
enum pl_status pl_directory_add(struct pl_context *context, struct pl_directory *directory,
                                const struct pl_record *record) PL_MUST_CHECK;

/* Reads the reader's next segment from record to record up to and including its end record.
 * *found = false at the end of the input. */
enum pl_status pl_directory_scan(struct pl_context *context, struct pl_directory *directory,
                                 struct pl_reader *reader, bool *found) PL_MUST_CHECK;

/* NULL when there is none. */
const struct pl_directory_entry *
pl_directory_find(struct pl_context *context, struct pl_directory *directory, const char *name);

/* Raw bytes of a tensor: elements times their size. */
uint64_t pl_directory_bytes(const struct pl_directory_entry *entry);

#endif
