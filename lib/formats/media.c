/* Pictures and sounds as segments of their kinds.
 * SPDX-License-Identifier: MIT
 *
 * What a segment says first depends on all its files: whether the pictures are of one size, whether
 * the sounds have one rate.  So the files are described before they are read, and closed in
 * between unless they are pipes: there may be more of them than a process may have open. */
#include "formats/media.h"

#include <stdlib.h>
#include <string.h>

#include "formats/importers.h"

void pl_picture_release(struct pl_picture *picture)
{
    free(picture->pixels);
    picture->pixels = NULL;
}

/* Writes one picture as a tensor of its own, or, without a name, as part of one that was begun. */
static enum pl_status write_picture(struct pl_context *context, const struct pl_picture *picture,
                                    const char *name, struct pl_writer *writer)
{
    uint64_t size;
    enum pl_status status = PL_OK;
    if (!pl_shape_bytes(picture->dtype, 3, picture->dims, &size)) {
        return pl_fail(context, PL_BAD_DATA, "a picture that is too large");
    }
    if (name) {
        status = pl_writer_begin(context, writer, name, picture->dtype, 3, picture->dims);
    }
    if (!status) {
        status = pl_writer_bytes(context, writer, picture->pixels, (size_t)size);
    }
    return status || !name ? status : pl_writer_finish(context, writer);
}

static enum pl_status begin_pictures(struct pl_context *context, const struct pl_picture *first,
                                     int64_t count, struct pl_writer *writer)
{
    const int64_t dims[] = {count, first->dims[0], first->dims[1], first->dims[2]};
    return pl_writer_begin(context, writer, "images", first->dtype, 4, dims);
}

/* Names, a row a picture, so that rows are cut with those of `images`. */
static enum pl_status write_names(struct pl_context *context, struct pl_part *parts, size_t count,
                                  struct pl_writer *writer)
{
    struct pl_tensor tensor;
    int64_t dims[] = {(int64_t)count, 0};
    for (size_t i = 0; i < count; i++) {
        int64_t size = (int64_t)strlen(parts[i].name);
        dims[1] = size > dims[1] ? size : dims[1];
    }
    enum pl_status status = pl_tensor_init(context, &tensor, PL_U8, 2, dims);
    if (status) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        memcpy((char *)tensor.data + (int64_t)i * dims[1], parts[i].name, strlen(parts[i].name));
    }
    status = pl_writer_tensor(context, writer, "images.names", &tensor, PL_CODEC_RAW);
    pl_tensor_release(&tensor);
    return status;
}

static enum pl_status import_picture(struct pl_context *context, struct pl_bytes *bytes,
                                     pl_picture_reader *read, struct pl_writer *writer)
{
    struct pl_picture picture;
    enum pl_status status = read(context, bytes, true, &picture);
    if (status) {
        return status;
    }
    status = pl_writer_kind(context, writer, "images");
    if (!status) {
        status = begin_pictures(context, &picture, 1, writer);
    }
    if (!status) {
        status = write_picture(context, &picture, NULL, writer);
    }
    if (!status) {
        status = pl_writer_finish(context, writer);
    }
    pl_picture_release(&picture);
    return status;
}

enum pl_status pl_png_import(struct pl_context *context, const struct pl_import *import,
                             struct pl_bytes *bytes, struct pl_writer *writer)
{
    (void)import;
    return import_picture(context, bytes, pl_png_read, writer);
}

enum pl_status pl_pnm_import(struct pl_context *context, const struct pl_import *import,
                             struct pl_bytes *bytes, struct pl_writer *writer)
{
    (void)import;
    return import_picture(context, bytes, pl_pnm_read, writer);
}

/* The head of a segment of kind `audio`. */
static enum pl_status begin_sounds(struct pl_context *context, int64_t rate,
                                   struct pl_writer *writer)
{
    struct pl_meta meta = {0};
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    pl_meta_add_int(context, &meta, root, "rate", rate);
    enum pl_status status = pl_meta_ok(&meta, context) ? PL_OK : context->status;
    if (!status) {
        status = pl_writer_kind(context, writer, "audio");
    }
    if (!status) {
        status = pl_writer_meta(context, writer, "audio", meta.root);
    }
    pl_meta_release(&meta);
    return status;
}

enum pl_status pl_wav_import(struct pl_context *context, const struct pl_import *import,
                             struct pl_bytes *bytes, struct pl_writer *writer)
{
    struct pl_sound sound;
    enum pl_status status = pl_wav_take_header(context, bytes, &sound);
    if (!status) {
        status = begin_sounds(context, sound.rate, writer);
    }
    return status
               ? status
               : pl_wav_copy(context, bytes, &sound, import->name ? import->name : "audio", writer);
}

/* ---- Several files ------------------------------------------------------------------------ */

enum pl_medium pl_format_medium(enum pl_format format)
{
    switch (format) {
    case PL_FORMAT_PNG:
    case PL_FORMAT_PNM:
        return PL_MEDIUM_PICTURE;
    case PL_FORMAT_WAV:
        return PL_MEDIUM_SOUND;
    default:
        return PL_MEDIUM_NONE;
    }
}

enum pl_status pl_part_open(struct pl_context *context, struct pl_part *part,
                            const struct pl_import *import)
{
    if (!part->foreign) {
        part->foreign = pl_foreign_open(context, part->path, import);
    }
    return part->foreign ? PL_OK : context->status;
}

void pl_part_rest(struct pl_part *part)
{
    if (part->foreign && pl_foreign_bytes(part->foreign)->file.regular &&
        strcmp(part->path, "-") != 0) {
        pl_part_close(part);
    }
}

void pl_part_close(struct pl_part *part)
{
    pl_foreign_close(part->foreign);
    part->foreign = NULL;
}

static enum pl_status read_part(struct pl_context *context, const struct pl_part *part, bool pixels,
                                struct pl_picture *picture)
{
    pl_picture_reader *read =
        pl_foreign_format(part->foreign) == PL_FORMAT_PNG ? pl_png_read : pl_pnm_read;
    return read(context, pl_foreign_bytes(part->foreign), pixels, picture);
}

static enum pl_status end_part(struct pl_context *context, struct pl_part *part)
{
    part->source.format = pl_foreign_format(part->foreign);
    return pl_bytes_sum(context, pl_foreign_bytes(part->foreign), &part->source.sum);
}

static bool alike(const struct pl_picture *a, const struct pl_picture *b)
{
    return a->dtype == b->dtype && memcmp(a->dims, b->dims, sizeof a->dims) == 0;
}

/* The first picture's size, and whether all have it; takes note of the names. */
static enum pl_status describe_pictures(struct pl_context *context, struct pl_part *parts,
                                        size_t count, const struct pl_import *import,
                                        struct pl_picture *first, bool *equal)
{
    enum pl_status status = PL_OK;
    *equal = true;
    for (size_t i = 0; i < count && !status; i++) {
        struct pl_picture picture;
        status = pl_part_open(context, &parts[i], import);
        if (!status) {
            status = read_part(context, &parts[i], false, &picture);
        }
        if (!status) {
            *first = i == 0 ? picture : *first;
            *equal = *equal && alike(first, &picture);
            pl_array_name(pl_foreign_bytes(parts[i].foreign), NULL, parts[i].name);
        }
        pl_part_rest(&parts[i]);
    }
    return status;
}

/* Writes the picture of one file: its own tensor, or a part of `images` where all must be alike. */
static enum pl_status copy_picture(struct pl_context *context, struct pl_part *part,
                                   const struct pl_picture *expected, struct pl_writer *writer)
{
    struct pl_picture picture;
    enum pl_status status = read_part(context, part, true, &picture);
    if (status) {
        return status;
    }
    if (expected && !alike(&picture, expected)) {
        status = pl_fail(context, PL_SYSTEM, "%s: changed while it was read", part->path);
    } else {
        status = write_picture(context, &picture, expected ? NULL : part->name, writer);
    }
    pl_picture_release(&picture);
    return status ? status : end_part(context, part);
}

static enum pl_status import_pictures(struct pl_context *context, struct pl_part *parts,
                                      size_t count, const struct pl_import *import,
                                      struct pl_writer *writer)
{
    struct pl_picture first = {0};
    bool equal;
    enum pl_status status = describe_pictures(context, parts, count, import, &first, &equal);
    if (!status) {
        status = pl_writer_kind(context, writer, "images");
    }
    if (!status && equal) {
        status = begin_pictures(context, &first, (int64_t)count, writer);
    }
    for (size_t i = 0; i < count && !status; i++) {
        status = pl_part_open(context, &parts[i], import);
        if (!status) {
            status = copy_picture(context, &parts[i], equal ? &first : NULL, writer);
        }
        pl_part_rest(&parts[i]);
    }
    if (!status && equal) {
        status = pl_writer_finish(context, writer);
    }
    return status || !equal ? status : write_names(context, parts, count, writer);
}

static enum pl_status import_sound(struct pl_context *context, struct pl_part *part, bool first,
                                   int64_t *rate, struct pl_writer *writer)
{
    struct pl_sound sound;
    struct pl_bytes *bytes = pl_foreign_bytes(part->foreign);
    enum pl_status status = pl_wav_take_header(context, bytes, &sound);
    if (!status && first) {
        *rate = sound.rate;
        status = begin_sounds(context, *rate, writer);
    }
    if (!status && sound.rate != *rate) {
        status = pl_bytes_fail(context, bytes, PL_BAD_DATA,
                               "has %lld samples a second, the first sound has %lld (import it "
                               "apart, or sox resamples)",
                               (long long)sound.rate, (long long)*rate);
    }
    pl_array_name(bytes, NULL, part->name);
    if (!status) {
        status = pl_wav_copy(context, bytes, &sound, part->name, writer);
    }
    return status ? status : end_part(context, part);
}

enum pl_status pl_import_media(struct pl_context *context, struct pl_part *parts, size_t count,
                               const struct pl_import *import, struct pl_writer *writer)
{
    int64_t rate = 0;
    enum pl_status status = pl_part_open(context, &parts[0], import);
    if (status) {
        return status;
    }
    if (count == 1) {
        return pl_foreign_import(context, parts[0].foreign, writer, &parts[0].source);
    }
    if (pl_format_medium(pl_foreign_format(parts[0].foreign)) == PL_MEDIUM_PICTURE) {
        return import_pictures(context, parts, count, import, writer);
    }
    for (size_t i = 0; i < count && !status; i++) {
        status = pl_part_open(context, &parts[i], import);
        if (!status) {
            status = import_sound(context, &parts[i], i == 0, &rate, writer);
        }
        pl_part_rest(&parts[i]);
    }
    return status;
}
