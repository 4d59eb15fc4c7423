/* Zip archives, as far as NPZ files need them.
 * SPDX-License-Identifier: MIT */
#ifndef PL_FORMATS_ZIP_H
#define PL_FORMATS_ZIP_H

#include "formats/bytes.h"
#include "formats/sink.h"

struct pl_zip_member {
    char *name;            /* NUL-terminated; NULs inside are refused */
    const uint8_t *data;   /* as stored */
    uint64_t stored, size; /* bytes as stored, and inflated */
    uint32_t sum;          /* CRC-32 of the content */
    bool deflated;
};

struct pl_zip {
    struct pl_zip_member *members;
    size_t count;
};

/* Reads the directory of an archive in memory, which must outlive the zip: stored and deflated
 * members, zip64 included.  Everything that points anywhere is checked. PL_BAD_DATA for damage,
 * encryption and other methods of compression. */
enum pl_status pl_zip_open(struct pl_context *context, struct pl_zip *zip, const char *name,
                           const uint8_t *data, size_t size) PL_MUST_CHECK;
void pl_zip_release(struct pl_zip *zip);

/* A member's content. */
void pl_zip_bytes(const struct pl_zip_member *member, const char *name, struct pl_bytes *bytes);

/* After all of it was taken: PL_BAD_DATA unless size and CRC are what the directory says. */
enum pl_status pl_zip_verify(struct pl_context *context, const struct pl_zip_member *member,
                             struct pl_bytes *bytes) PL_MUST_CHECK;

/* Writing: members one after the other, then the directory. */
struct pl_zip_writer {
    struct pl_sink *sink;
    struct pl_buffer directory;
    uint64_t count;
};

/* A member of two parts; deflate compresses it. */
enum pl_status pl_zip_add(struct pl_context *context, struct pl_zip_writer *zip, const char *name,
                          const void *head, size_t head_size, const void *body, size_t body_size,
                          bool deflate) PL_MUST_CHECK;
enum pl_status pl_zip_finish(struct pl_context *context, struct pl_zip_writer *zip) PL_MUST_CHECK;

#endif
