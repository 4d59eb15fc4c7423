/* What can be saved of a damaged stream.
 * SPDX-License-Identifier: MIT
 *
 * A first pass finds the good records: at every place where the magic stands, header and payload
 * are tried; a good record is hopped over as a whole, so that streams stored inside payloads are
 * not taken for records.  A second pass writes them, and knows by looking ahead whether a chunked
 * tensor of known length is still complete. */
#include "stream/recover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "base/memory.h"
#include "base/text.h"
#include "stream/segment.h"

/* A good record: its place in the input. */
struct found {
    size_t offset, header_size, size;
};

/* A chunked tensor of the input, between opening and close. */
struct open {
    struct pl_header header;    /* of its opening */
    char name[PL_NAME_MAX + 1]; /* of the part under way in the output */
    int64_t next;               /* chunk expected */
    int part;
    int64_t chunks; /* of this part so far */
};

struct salvage {
    struct pl_context *context;
    const char *name;
    const uint8_t *bytes;
    size_t size;
    struct found *found;
    size_t count, capacity;
    struct pl_writer *writer;
    struct pl_recovery *recovery;
    struct open open[PL_OPEN_MAX];
    int open_count;
    uint64_t seen;   /* good records of the input's segment so far */
    bool ended;      /* the output has an end record */
    bool in_segment; /* something was written since the last end record */
};

/* The record at offset, if it is a good one: all CRCs hold. */
static bool try_record(const struct salvage *salvage, size_t offset, struct pl_header *header,
                       struct found *found)
{
    struct pl_context unused = {0};
    const char *text = (const char *)salvage->bytes + offset;
    size_t left = salvage->size - offset, header_size = PL_BLOCK;
    while (header_size <= left && header_size <= PL_HEADER_MAX && text[header_size - 1] != '\n')
        header_size += PL_BLOCK;
    if (header_size > left || header_size > PL_HEADER_MAX ||
        pl_header_parse(&unused, text, header_size, header) != PL_OK)
        return false;
    *found = (struct found){offset, header_size, header_size};
    if (!header->payload)
        return true;
    left -= header_size;
    uint64_t stored = pl_stored_size(header->bytes);
    if (stored > left)
        return false;
    found->size += (size_t)stored;
    const char *payload = text + header_size, *footer = payload + stored - PL_FOOTER_SIZE;
    uint32_t crc;
    return memcmp(footer, PL_FOOTER, 7) == 0 && pl_hex_parse(footer + 7, &crc) &&
           footer[15] == '\n' && crc == pl_crc32(0, payload, (size_t)header->bytes);
}

static enum pl_status add_found(struct salvage *salvage, const struct found *found)
{
    if (salvage->count == salvage->capacity) {
        size_t capacity = salvage->capacity ? 2 * salvage->capacity : 256;
        struct found *larger =
            pl_resize(salvage->context, salvage->found, capacity, sizeof *larger);
        if (!larger)
            return salvage->context->status;
        salvage->found = larger;
        salvage->capacity = capacity;
    }
    salvage->found[salvage->count++] = *found;
    return PL_OK;
}

static void tell_lost_bytes(struct salvage *salvage, size_t from, size_t to)
{
    if (to == from)
        return;
    salvage->recovery->lost_bytes += to - from;
    pl_warn(salvage->context, "%s: %zu bytes at byte %zu are no good record", salvage->name,
            to - from, from);
}

/* First pass. */
static enum pl_status find_records(struct salvage *salvage)
{
    size_t at = 0, good = 0; /* good: where the last good record ended */
    while (at < salvage->size) {
        const uint8_t *magic =
            memmem(salvage->bytes + at, salvage->size - at, PL_MAGIC, PL_MAGIC_SIZE);
        if (!magic)
            break;
        struct pl_header header;
        struct found found;
        at = (size_t)(magic - salvage->bytes);
        if (!try_record(salvage, at, &header, &found)) {
            at++;
            continue;
        }
        tell_lost_bytes(salvage, good, at);
        enum pl_status status = add_found(salvage, &found);
        if (status)
            return status;
        at = good = at + found.size;
    }
    if (salvage->count == 0)
        return pl_fail(salvage->context, PL_BAD_DATA, "%s: no good record of a tensor stream",
                       salvage->name);
    tell_lost_bytes(salvage, good, salvage->size);
    return PL_OK;
}

static struct open *find_open(struct salvage *salvage, const char *name)
{
    for (int i = 0; i < salvage->open_count; i++)
        if (strcmp(salvage->open[i].header.name, name) == 0)
            return &salvage->open[i];
    return NULL;
}

/* Writes a good record, under its own header or a new one. */
static enum pl_status put(struct salvage *salvage, const struct found *found,
                          struct pl_header *header, bool renew)
{
    const char *text = (const char *)salvage->bytes + found->offset;
    enum pl_status status =
        pl_writer_stored(salvage->context, salvage->writer, header, renew ? NULL : text,
                         found->header_size, text + found->header_size);
    if (status == PL_OK) {
        salvage->recovery->kept++;
        salvage->in_segment = true;
    }
    return status;
}

static enum pl_status close_part(struct salvage *salvage, struct open *open)
{
    enum pl_status status = pl_writer_close_chunked(salvage->context, salvage->writer, open->name);
    salvage->recovery->kept += status == PL_OK;
    return status;
}

/* Ends the output's segment; what is open is closed before. */
static enum pl_status end_segment(struct salvage *salvage)
{
    enum pl_status status = PL_OK;
    for (int i = 0; i < salvage->open_count && status == PL_OK; i++) {
        struct open *open = &salvage->open[i];
        pl_warn(salvage->context, "%s: '%s' is not closed: rows at its end may be lost",
                salvage->name, open->header.name);
        salvage->recovery->whole = false;
        status = close_part(salvage, open);
    }
    salvage->open_count = 0;
    salvage->seen = 0;
    salvage->in_segment = false;
    salvage->ended = true;
    return status ? status : pl_writer_end(salvage->context, salvage->writer);
}

/* Ends a segment whose own end record was lost. */
static enum pl_status break_segment(struct salvage *salvage)
{
    pl_warn(salvage->context, "%s: a segment has no end record: records at its end may be lost",
            salvage->name);
    salvage->recovery->whole = false;
    enum pl_status status = end_segment(salvage);
    salvage->seen = 1; /* the record that showed it is the first of the next segment */
    return status;
}

/* A good record that cannot be placed. */
static enum pl_status lose(struct salvage *salvage, const struct found *found, const char *why)
{
    salvage->recovery->lost++;
    pl_warn(salvage->context, "%s: record at byte %zu is left out: %s", salvage->name,
            found->offset, why);
    return PL_OK;
}

/* Writes a record that opens something new.  If a name is taken, an end record was lost. */
static enum pl_status put_new(struct salvage *salvage, const struct found *found,
                              struct pl_header *header, bool renew, bool *placed)
{
    enum pl_status status = put(salvage, found, header, renew);
    if (status == PL_BAD_DATA && salvage->in_segment) {
        status = break_segment(salvage);
        if (status == PL_OK)
            status = put(salvage, found, header, renew);
    }
    *placed = status == PL_OK;
    return status == PL_BAD_DATA ? lose(salvage, found, salvage->context->message) : status;
}

static void parse_again(const struct salvage *salvage, const struct found *found,
                        struct pl_header *header)
{
    struct pl_context unused = {0};
    const char *text = (const char *)salvage->bytes + found->offset;
    enum pl_status status = pl_header_parse(&unused, text, found->header_size, header);
    (void)status; /* it was good before */
}

/* Whether all chunks of the tensor opened by record `at` follow. */
static bool is_complete(const struct salvage *salvage, size_t at, const struct pl_header *opening)
{
    int64_t rows = 0, next = 0;
    while (++at < salvage->count) {
        struct pl_header header;
        parse_again(salvage, &salvage->found[at], &header);
        bool over = header.kind == PL_RECORD_END || header.kind == PL_RECORD_ERROR;
        if (over || strcmp(header.name, opening->name) != 0) {
            if (over)
                break;
            continue;
        }
        if (header.kind != PL_RECORD_CHUNK || header.seq != next++ ||
            !pl_add_int64(rows, header.rows, &rows))
            break;
    }
    return rows == opening->dims[0];
}

static enum pl_status save_tensor(struct salvage *salvage, size_t at, struct pl_header *header)
{
    const struct found *found = &salvage->found[at];
    bool placed, known = header->chunked && header->dims[0] >= 0;
    bool renew = known && !is_complete(salvage, at, header);
    struct open open = {.header = *header, .part = 1};
    memcpy(open.name, header->name, sizeof open.name);
    if (renew)
        header->dims[0] = -1;
    enum pl_status status = put_new(salvage, found, header, renew, &placed);
    if (status == PL_OK && placed && header->chunked)
        salvage->open[salvage->open_count++] = open;
    return status;
}

/* Closes the part before a gap and opens the one behind it. */
static enum pl_status next_part(struct salvage *salvage, struct open *open)
{
    struct pl_header opening = open->header;
    const char *name = opening.name;
    size_t most = PL_NAME_MAX - sizeof ".part2147483647", size = strlen(name);
    size = pl_utf8_valid(name, size < most ? size : most);
    enum pl_status status = close_part(salvage, open);
    if (status)
        return status;
    snprintf(open->name, sizeof open->name, "%.*s.part%d", (int)size, name, ++open->part);
    memcpy(opening.name, open->name, sizeof opening.name);
    opening.dims[0] = -1;
    open->chunks = 0;
    status = pl_writer_stored(salvage->context, salvage->writer, &opening, NULL, 0, NULL);
    salvage->recovery->kept += status == PL_OK;
    return status;
}

static enum pl_status save_chunk(struct salvage *salvage, const struct found *found,
                                 struct pl_header *header)
{
    struct open *open = find_open(salvage, header->name);
    if (!open)
        return lose(salvage, found, "the record that opens its tensor is lost");
    if (header->seq < open->next)
        return lose(salvage, found, "a chunk that came before");
    enum pl_status status = PL_OK;
    if (header->seq > open->next) {
        pl_warn(salvage->context, "%s: '%s': chunks %lld to %lld are lost", salvage->name,
                header->name, (long long)open->next, (long long)header->seq - 1);
        salvage->recovery->whole = false;
        status = next_part(salvage, open);
    }
    bool renew = open->part > 1;
    int64_t next = header->seq + 1;
    if (renew) {
        memcpy(header->name, open->name, sizeof header->name);
        header->seq = open->chunks;
    }
    if (status == PL_OK)
        status = put(salvage, found, header, renew);
    if (status == PL_OK) { /* else there is a gap here too */
        open->next = next;
        open->chunks++;
    }
    return status == PL_BAD_DATA ? lose(salvage, found, salvage->context->message) : status;
}

static enum pl_status save_close(struct salvage *salvage, const struct found *found,
                                 struct pl_header *header)
{
    struct open *open = find_open(salvage, header->name);
    if (!open)
        return lose(salvage, found, "the record that opens its tensor is lost");
    if (header->chunks > open->next) {
        pl_warn(salvage->context, "%s: '%s': chunks %lld to %lld are lost", salvage->name,
                header->name, (long long)open->next, (long long)header->chunks - 1);
        salvage->recovery->whole = false;
    }
    enum pl_status status = close_part(salvage, open);
    *open = salvage->open[--salvage->open_count];
    return status;
}

static enum pl_status save_end(struct salvage *salvage, const struct pl_header *header)
{
    if (header->end_records != salvage->seen) {
        pl_warn(salvage->context, "%s: a segment had %llu records, %llu are good", salvage->name,
                (unsigned long long)header->end_records, (unsigned long long)salvage->seen);
        salvage->recovery->whole = false;
    }
    return end_segment(salvage);
}

static enum pl_status save_error(struct salvage *salvage, const struct found *found,
                                 const struct pl_header *header)
{
    const char *message = (const char *)salvage->bytes + found->offset + found->header_size;
    int shown = header->bytes < PL_MESSAGE_SIZE ? (int)header->bytes : PL_MESSAGE_SIZE;
    pl_warn(salvage->context, "%s: %s had failed and said: %.*s", salvage->name, header->name,
            shown, message);
    salvage->recovery->whole = false;
    return end_segment(salvage);
}

static enum pl_status save_document(struct salvage *salvage, const struct found *found,
                                    struct pl_header *header)
{
    bool first = header->kind == PL_RECORD_META && strcmp(header->name, "stream") == 0;
    enum pl_status status = first && salvage->in_segment ? break_segment(salvage) : PL_OK;
    return status ? status : put(salvage, found, header, false);
}

static enum pl_status save_record(struct salvage *salvage, size_t at)
{
    const struct found *found = &salvage->found[at];
    struct pl_header header;
    parse_again(salvage, found, &header);
    if (header.kind == PL_RECORD_END)
        return save_end(salvage, &header);
    salvage->seen++;
    switch (header.kind) {
    case PL_RECORD_TENSOR:
        return save_tensor(salvage, at, &header);
    case PL_RECORD_CHUNK:
        return save_chunk(salvage, found, &header);
    case PL_RECORD_CLOSE:
        return save_close(salvage, found, &header);
    case PL_RECORD_ERROR:
        return save_error(salvage, found, &header);
    case PL_RECORD_META:
    case PL_RECORD_PRIVATE:
    case PL_RECORD_END:
        break;
    }
    return save_document(salvage, found, &header);
}

enum pl_status pl_recover(struct pl_context *context, const char *name, const void *bytes,
                          size_t size, struct pl_writer *writer, struct pl_recovery *recovery)
{
    struct salvage *salvage = pl_new(context, 1, sizeof *salvage);
    if (!salvage)
        return context->status;
    *recovery = (struct pl_recovery){.whole = true};
    salvage->context = context;
    salvage->name = name;
    salvage->bytes = bytes;
    salvage->size = size;
    salvage->writer = writer;
    salvage->recovery = recovery;
    enum pl_status status = find_records(salvage);
    for (size_t i = 0; i < salvage->count && status == PL_OK; i++)
        status = save_record(salvage, i);
    if (status == PL_OK && (salvage->in_segment || !salvage->ended))
        status = break_segment(salvage);
    recovery->whole = recovery->whole && recovery->lost == 0 && recovery->lost_bytes == 0;
    free(salvage->found);
    free(salvage);
    return status;
}
