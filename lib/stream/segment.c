/* The rules that the records of one segment keep together.
 * SPDX-License-Identifier: MIT */
#include "stream/segment.h"

#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"

enum { NAMES_LEAST = 64, NAMES_KEPT = 4096 };

uint64_t pl_stored_size(uint64_t bytes)
{
    return (bytes + PL_FOOTER_SIZE + PL_BLOCK - 1) / PL_BLOCK * PL_BLOCK;
}

/* FNV-1a, its bits mixed once more so that the low ones will do as an index. */
static size_t hash(const char *name)
{
    uint64_t value = UINT64_C(0xcbf29ce484222325);
    for (; *name; name++)
        value = (value ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    value ^= value >> 32;
    value *= UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(value ^ value >> 29);
}

/* The slot that holds the name or would take it. */
static const char **find_slot(const char **slots, size_t capacity, const char *name)
{
    size_t at = hash(name) & (capacity - 1);
    while (slots[at] && strcmp(slots[at], name) != 0)
        at = (at + 1) & (capacity - 1);
    return &slots[at];
}

static enum pl_status grow_names(struct pl_context *context, struct pl_names *names)
{
    size_t capacity = names->capacity ? 2 * names->capacity : NAMES_LEAST;
    const char **slots = pl_new(context, capacity, sizeof *slots);
    if (!slots)
        return context->status;
    for (size_t i = 0; i < names->capacity; i++)
        if (names->slots[i])
            *find_slot(slots, capacity, names->slots[i]) = names->slots[i];
    free(names->slots);
    names->slots = slots;
    names->capacity = capacity;
    return PL_OK;
}

static enum pl_status add_name(struct pl_context *context, struct pl_names *names, const char *name)
{
    if (names->count >= names->capacity / 2) {
        enum pl_status status = grow_names(context, names);
        if (status)
            return status;
    }
    const char **slot = find_slot(names->slots, names->capacity, name);
    if (*slot)
        return pl_fail(context, PL_BAD_DATA, "a second tensor of this name in one segment");
    *slot = pl_arena_text(context, &names->arena, name, strlen(name));
    names->count++;
    return *slot ? PL_OK : context->status;
}

/* The payload has the size that the shape needs, or, compressed, could inflate to it: deflate
 * packs at best 1032 bytes into one.  A header cannot claim memory that its bytes do not back. */
static enum pl_status check_size(struct pl_context *context, const struct pl_header *header)
{
    uint64_t need, most = UINT64_MAX;
    if (!pl_shape_bytes(header->dtype, header->rank, header->dims, &need))
        return pl_fail(context, PL_BAD_DATA, "its shape is too large");
    if (header->codec == PL_CODEC_RAW) {
        if (header->bytes != need)
            return pl_fail(context, PL_BAD_DATA, "its shape needs %llu bytes, it has %llu",
                           (unsigned long long)need, (unsigned long long)header->bytes);
        return PL_OK;
    }
    if (header->bytes < (UINT64_MAX - 64) / 1032)
        most = 1032 * header->bytes + 64;
    if (need > most)
        return pl_fail(context, PL_BAD_DATA,
                       "its shape needs %llu bytes, more than its %llu compressed ones can hold",
                       (unsigned long long)need, (unsigned long long)header->bytes);
    return PL_OK;
}

struct pl_open_tensor *pl_segment_find(struct pl_segment *segment, const char *name)
{
    for (int i = 0; i < segment->open_count; i++)
        if (strcmp(segment->open[i].name, name) == 0)
            return &segment->open[i];
    return NULL;
}

static enum pl_status open_tensor(struct pl_context *context, struct pl_segment *segment,
                                  const struct pl_header *header)
{
    if (segment->open_count == PL_OPEN_MAX)
        return pl_fail(context, PL_BAD_DATA, "more than %d chunked tensors are open", PL_OPEN_MAX);
    struct pl_open_tensor open = {.dtype = header->dtype, .rank = header->rank};
    memcpy(open.name, header->name, sizeof open.name);
    memcpy(open.dims, header->dims, sizeof open.dims);
    if (open.dims[0] < 0)
        open.dims[0] = 1; /* a row must have a size, whatever their number */
    uint64_t bytes;
    if (!pl_shape_bytes(open.dtype, open.rank, open.dims, &bytes))
        return pl_fail(context, PL_BAD_DATA, "its shape is too large");
    open.dims[0] = header->dims[0];
    segment->open[segment->open_count++] = open;
    return PL_OK;
}

static enum pl_status check_tensor(struct pl_context *context, struct pl_segment *segment,
                                   const struct pl_header *header)
{
    enum pl_status status = header->chunked ? PL_OK : check_size(context, header);
    if (status == PL_OK)
        status = add_name(context, &segment->names, header->name);
    if (status == PL_OK && header->chunked)
        status = open_tensor(context, segment, header);
    return status;
}

static enum pl_status check_chunk(struct pl_context *context, struct pl_segment *segment,
                                  struct pl_header *header)
{
    struct pl_open_tensor *open = pl_segment_find(segment, header->name);
    if (!open)
        return pl_fail(context, PL_BAD_DATA, "no chunked tensor of this name is open");
    if (header->seq != open->chunks)
        return pl_fail(context, PL_BAD_DATA, "chunk number is %lld, expected %lld",
                       (long long)header->seq, (long long)open->chunks);
    header->dtype = open->dtype;
    header->rank = open->rank;
    memcpy(header->dims, open->dims, sizeof header->dims);
    header->dims[0] = header->rows;
    enum pl_status status = check_size(context, header);
    if (status)
        return status;
    int64_t rows;
    if (!pl_add_int64(open->rows, header->rows, &rows) ||
        (open->dims[0] >= 0 && rows > open->dims[0]))
        return pl_fail(context, PL_BAD_DATA, "more rows than the tensor's header said");
    open->rows = rows;
    open->chunks++;
    return PL_OK;
}

static enum pl_status check_close(struct pl_context *context, struct pl_segment *segment,
                                  const struct pl_header *header)
{
    struct pl_open_tensor *open = pl_segment_find(segment, header->name);
    if (!open)
        return pl_fail(context, PL_BAD_DATA, "no chunked tensor of this name is open");
    if (header->chunks != open->chunks || header->rows != open->rows)
        return pl_fail(context, PL_BAD_DATA,
                       "says chunks: %lld, rows: %lld, but there were %lld and %lld",
                       (long long)header->chunks, (long long)header->rows, (long long)open->chunks,
                       (long long)open->rows);
    if (open->dims[0] >= 0 && open->rows != open->dims[0])
        return pl_fail(context, PL_BAD_DATA, "the tensor's header said %lld rows, there were %lld",
                       (long long)open->dims[0], (long long)open->rows);
    *open = segment->open[--segment->open_count];
    return PL_OK;
}

static enum pl_status check_end(struct pl_context *context, const struct pl_segment *segment,
                                const struct pl_header *header)
{
    if (segment->open_count > 0)
        return pl_fail(context, PL_BAD_DATA, "chunked tensor '%s' was not closed",
                       segment->open[0].name);
    if (header->end_records != segment->records || header->end_size != segment->size)
        return pl_fail(
            context, PL_BAD_DATA, "says end: %llu, size: %llu, but there were %llu and %llu",
            (unsigned long long)header->end_records, (unsigned long long)header->end_size,
            (unsigned long long)segment->records, (unsigned long long)segment->size);
    if (header->end_sum != segment->sum)
        return pl_fail(context, PL_BAD_DATA,
                       "sum of the segment does not match (stored x%08x, computed x%08x): records "
                       "were changed or swapped",
                       header->end_sum, segment->sum);
    return PL_OK;
}

static void add_crc(struct pl_segment *segment, uint32_t crc)
{
    char digits[8];
    pl_hex_write(digits, crc);
    segment->sum = pl_crc32(segment->sum, digits, sizeof digits);
}

enum pl_status pl_segment_header(struct pl_context *context, struct pl_segment *segment,
                                 struct pl_header *header, size_t header_size)
{
    enum pl_status status = PL_OK;
    switch (header->kind) {
    case PL_RECORD_TENSOR:
        status = check_tensor(context, segment, header);
        break;
    case PL_RECORD_CHUNK:
        status = check_chunk(context, segment, header);
        break;
    case PL_RECORD_CLOSE:
        status = check_close(context, segment, header);
        break;
    case PL_RECORD_END:
        return segment->partial ? PL_OK : check_end(context, segment, header);
    case PL_RECORD_META:
    case PL_RECORD_ERROR:
    case PL_RECORD_PRIVATE:
        break;
    }
    if (status)
        return status;
    segment->records++;
    segment->size += header_size;
    add_crc(segment, header->crc);
    return PL_OK;
}

void pl_segment_payload(struct pl_segment *segment, uint64_t bytes, uint32_t crc)
{
    segment->size += pl_stored_size(bytes);
    add_crc(segment, crc);
}

void pl_segment_reset(struct pl_segment *segment)
{
    segment->records = segment->size = 0;
    segment->sum = 0;
    segment->open_count = 0;
    segment->partial = false;
    segment->names.count = 0;
    pl_arena_reset(&segment->names.arena);
    if (segment->names.capacity > NAMES_KEPT) { /* many small segments may follow a large one */
        free(segment->names.slots);
        segment->names.slots = NULL;
        segment->names.capacity = 0;
    } else if (segment->names.capacity > 0) {
        memset(segment->names.slots, 0, segment->names.capacity * sizeof *segment->names.slots);
    }
}

void pl_segment_release(struct pl_segment *segment)
{
    pl_arena_release(&segment->names.arena);
    free(segment->names.slots);
    memset(segment, 0, sizeof *segment);
}
