/* Reading zip archives from memory.
 * SPDX-License-Identifier: MIT
 *
 * APPNOTE.TXT of PKWARE, in short: the archive ends in an end record that points to a directory,
 * whose entries point to members, each behind a header of its own.  A zip64 archive has a locator
 * before the end record, which points to a larger end record; in directory entries, 32-bit fields
 * of all ones stand for 64-bit ones in the extra field. */
#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "base/memory.h"
#include "formats/zip.h"

enum {
    END = 22, /* sizes of the fixed parts */
    LOCATOR = 20,
    END64 = 56,
    ENTRY = 46,
    LOCAL = 30,
    COMMENT_MOST = 65535,
    MEMBERS_MOST = 1 << 20,
    STORED = 0,
    DEFLATED = 8,
    ENCRYPTED = 1, /* flag */
    EXTRA_ZIP64 = 1
};

struct archive {
    const char *name;
    const uint8_t *data;
    uint64_t size;
};

static uint64_t number(const uint8_t *bytes, int size)
{
    uint64_t value = 0;
    for (int i = size - 1; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static enum pl_status damaged(struct pl_context *context, const struct archive *archive,
                              const char *what)
{
    return pl_fail(context, PL_BAD_DATA, "%s: damaged zip archive: %s", archive->name, what);
}

/* True when count bytes lie at offset. */
static bool within(const struct archive *archive, uint64_t offset, uint64_t count)
{
    return offset <= archive->size && count <= archive->size - offset;
}

static bool has_magic(const struct archive *archive, uint64_t offset, const char magic[4])
{
    return within(archive, offset, 4) && memcmp(archive->data + offset, magic, 4) == 0;
}

/* Where the directory lies and how many entries it has. */
struct directory {
    uint64_t offset, size, count;
};

static bool find_end(const struct archive *archive, uint64_t *end)
{
    if (archive->size < END) {
        return false;
    }
    uint64_t last = archive->size - END;
    uint64_t first = last > COMMENT_MOST ? last - COMMENT_MOST : 0;
    for (uint64_t at = last + 1; at-- > first;) {
        if (has_magic(archive, at, "PK\x05\x06") &&
            number(archive->data + at + 20, 2) == archive->size - at - END) {
            *end = at;
            return true;
        }
    }
    return false;
}

static enum pl_status find_directory(struct pl_context *context, const struct archive *archive,
                                     struct directory *directory)
{
    uint64_t end;
    if (!find_end(archive, &end)) {
        return pl_fail(context, PL_INCOMPLETE, "%s: a zip archive without its end: truncated?",
                       archive->name);
    }
    const uint8_t *record = archive->data + end;
    directory->count = number(record + 10, 2);
    directory->size = number(record + 12, 4);
    directory->offset = number(record + 16, 4);
    if (end >= LOCATOR && has_magic(archive, end - LOCATOR, "PK\x06\x07")) {
        uint64_t end64 = number(archive->data + end - LOCATOR + 8, 8);
        if (!has_magic(archive, end64, "PK\x06\x06") || !within(archive, end64, END64)) {
            return damaged(context, archive, "no zip64 end record");
        }
        record = archive->data + end64;
        directory->count = number(record + 32, 8);
        directory->size = number(record + 40, 8);
        directory->offset = number(record + 48, 8);
    }
    if (!within(archive, directory->offset, directory->size) ||
        directory->count > directory->size / ENTRY || directory->count > MEMBERS_MOST) {
        return damaged(context, archive, "its directory lies outside");
    }
    return PL_OK;
}

/* Replaces fields of all ones by those of the zip64 extra field, which holds only these, in order.
 */
static bool widen(const uint8_t *extra, uint64_t extra_size, uint64_t *fields[], int count)
{
    bool narrow = true;
    for (int i = 0; i < count; i++) {
        narrow = narrow && *fields[i] != UINT32_MAX;
    }
    while (!narrow && extra_size >= 4) {
        uint64_t id = number(extra, 2), size = number(extra + 2, 2);
        if (size > extra_size - 4) {
            return false;
        }
        if (id == EXTRA_ZIP64) {
            const uint8_t *at = extra + 4;
            for (int i = 0; i < count; i++) {
                if (*fields[i] == UINT32_MAX) {
                    if (size < 8) {
                        return false;
                    }
                    *fields[i] = number(at, 8);
                    at += 8;
                    size -= 8;
                }
            }
            return true;
        }
        extra += 4 + size;
        extra_size -= 4 + size;
    }
    return narrow;
}

/* Finds a member's data behind its own header. */
static enum pl_status locate(struct pl_context *context, const struct archive *archive,
                             uint64_t offset, struct pl_zip_member *member)
{
    if (!has_magic(archive, offset, "PK\x03\x04") || !within(archive, offset, LOCAL)) {
        return damaged(context, archive, "a member's header is not where it should be");
    }
    const uint8_t *header = archive->data + offset;
    uint64_t data = offset + LOCAL + number(header + 26, 2) + number(header + 28, 2);
    if (!within(archive, data, member->stored)) {
        return damaged(context, archive, "a member reaches beyond the end");
    }
    member->data = archive->data + data;
    return PL_OK;
}

/* Reads the directory entry at *at, which moves on. */
static enum pl_status read_entry(struct pl_context *context, const struct archive *archive,
                                 uint64_t *at, uint64_t end, struct pl_zip_member *member)
{
    if (end - *at < ENTRY || !has_magic(archive, *at, "PK\x01\x02")) {
        return damaged(context, archive, "a directory entry is not where it should be");
    }
    const uint8_t *entry = archive->data + *at;
    uint64_t flags = number(entry + 8, 2), method = number(entry + 10, 2);
    uint64_t name_size = number(entry + 28, 2), extra_size = number(entry + 30, 2);
    uint64_t total = ENTRY + name_size + extra_size + number(entry + 32, 2);
    uint64_t offset = number(entry + 42, 4);
    member->sum = (uint32_t)number(entry + 16, 4);
    member->stored = number(entry + 20, 4);
    member->size = number(entry + 24, 4);
    member->deflated = method == DEFLATED;
    if (total > end - *at || memchr(entry + ENTRY, '\0', name_size)) {
        return damaged(context, archive, "a directory entry is cut short");
    }
    member->name = pl_copy_bytes(context, entry + ENTRY, name_size);
    if (!member->name) {
        return context->status;
    }
    uint64_t *fields[] = {&member->size, &member->stored, &offset};
    if (!widen(entry + ENTRY + name_size, extra_size, fields, 3)) {
        return damaged(context, archive, "a zip64 field is missing");
    }
    if (flags & ENCRYPTED || (method != STORED && method != DEFLATED)) {
        return pl_fail(context, PL_BAD_DATA, "%s: member '%s' is %s, which is not supported",
                       archive->name, member->name,
                       flags & ENCRYPTED ? "encrypted" : "compressed by an unusual method");
    }
    if (method == STORED && member->stored != member->size) {
        return damaged(context, archive, "a stored member has two sizes");
    }
    *at += total;
    return locate(context, archive, offset, member);
}

enum pl_status pl_zip_open(struct pl_context *context, struct pl_zip *zip, const char *name,
                           const uint8_t *data, size_t size)
{
    const struct archive archive = {name, data, size};
    struct directory directory = {0};
    *zip = (struct pl_zip){0};
    enum pl_status status = find_directory(context, &archive, &directory);
    if (status) {
        return status;
    }
    zip->members = pl_new(context, (size_t)directory.count, sizeof *zip->members);
    if (!zip->members) {
        return context->status;
    }
    uint64_t at = directory.offset, end = at + directory.size;
    while (zip->count < directory.count && !status) {
        status = read_entry(context, &archive, &at, end, &zip->members[zip->count++]);
    }
    if (status) {
        pl_zip_release(zip);
    }
    return status;
}

void pl_zip_release(struct pl_zip *zip)
{
    for (size_t i = 0; i < zip->count; i++) {
        free(zip->members[i].name);
    }
    free(zip->members);
    *zip = (struct pl_zip){0};
}

void pl_zip_bytes(const struct pl_zip_member *member, const char *name, struct pl_bytes *bytes)
{
    if (member->deflated) {
        pl_bytes_deflated(bytes, name, member->data, (size_t)member->stored);
    } else {
        pl_bytes_memory(bytes, name, member->data, (size_t)member->stored);
    }
}

enum pl_status pl_zip_verify(struct pl_context *context, const struct pl_zip_member *member,
                             struct pl_bytes *bytes)
{
    enum pl_status status = pl_bytes_expect_end(context, bytes);
    uint32_t sum =
        member->deflated ? bytes->content_sum : pl_crc32(0, member->data, (size_t)member->stored);
    if (!status && sum != member->sum) {
        status = pl_bytes_fail(context, bytes, PL_BAD_DATA, "its CRC-32 is wrong: damaged");
    }
    return status;
}
