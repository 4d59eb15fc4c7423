/* NPZ: a zip archive of NPY files.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/importers.h"
#include "formats/npy.h"
#include "formats/zip.h"

/* The name that messages give a member: "file.npz: member". */
static void member_name(const struct pl_bytes *bytes, const struct pl_zip_member *member,
                        char out[PL_MESSAGE_SIZE])
{
    snprintf(out, PL_MESSAGE_SIZE, "%.700s: %.255s", bytes->name, member->name);
}

static bool ends_in(const char *name, const char *suffix)
{
    size_t size = strlen(name), suffix_size = strlen(suffix);
    return size > suffix_size && strcmp(name + size - suffix_size, suffix) == 0;
}

/* Takes the header of one member; array->name becomes the tensor's. */
static enum pl_status open_member(struct pl_context *context, const struct pl_zip_member *member,
                                  const char *name, struct pl_bytes *content,
                                  struct pl_array *array)
{
    *array = (struct pl_array){0};
    pl_zip_bytes(member, name, content);
    size_t size = strlen(member->name) - strlen(".npy");
    if (size > PL_NAME_MAX) {
        return pl_bytes_fail(context, content, PL_BAD_DATA, "its name is too long");
    }
    memcpy(array->name, member->name, size);
    return pl_npy_take_header(context, content, array);
}

/* Looks at every member before any is written: what is refused is refused as a whole. */
static enum pl_status check_members(struct pl_context *context, const struct pl_bytes *bytes,
                                    const struct pl_zip *zip)
{
    size_t arrays = 0;
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < zip->count && !status; i++) {
        const struct pl_zip_member *member = &zip->members[i];
        if (ends_in(member->name, ".pkl")) {
            return pl_bytes_fail(context, bytes, PL_BAD_DATA,
                                 "a PyTorch checkpoint (zip of a pickle), which can run code when "
                                 "read: refused; save the tensors as safetensors");
        }
        if (!ends_in(member->name, ".npy")) {
            pl_warn(context, "%s: left out '%s', which is no .npy", bytes->name, member->name);
            continue;
        }
        char name[PL_MESSAGE_SIZE];
        struct pl_bytes content;
        struct pl_array array;
        member_name(bytes, member, name);
        status = open_member(context, member, name, &content, &array);
        pl_bytes_close(&content);
        arrays++;
    }
    if (!status && arrays == 0) {
        status = pl_bytes_fail(context, bytes, PL_BAD_DATA, "a zip archive without arrays (.npy)");
    }
    return status;
}

static enum pl_status import_member(struct pl_context *context, const struct pl_bytes *bytes,
                                    const struct pl_zip_member *member, struct pl_writer *writer)
{
    char name[PL_MESSAGE_SIZE];
    struct pl_bytes content;
    struct pl_array array;
    member_name(bytes, member, name);
    enum pl_status status = open_member(context, member, name, &content, &array);
    if (!status) {
        status = pl_array_copy(context, &content, &array, writer);
    }
    if (!status) {
        status = pl_zip_verify(context, member, &content);
    }
    pl_bytes_close(&content);
    return status;
}

enum pl_status pl_npz_import(struct pl_context *context, const struct pl_import *import,
                             struct pl_bytes *bytes, struct pl_writer *writer)
{
    const uint8_t *data;
    size_t size;
    struct pl_zip zip;
    (void)import; /* nothing to say about an archive */
    enum pl_status status = pl_bytes_rest(context, bytes, &data, &size);
    if (!status) {
        status = pl_zip_open(context, &zip, bytes->name, data, size);
    }
    if (status) {
        return status;
    }
    status = check_members(context, bytes, &zip);
    for (size_t i = 0; i < zip.count && !status; i++) {
        if (ends_in(zip.members[i].name, ".npy")) {
            status = import_member(context, bytes, &zip.members[i], writer);
        }
    }
    pl_zip_release(&zip);
    return status;
}
