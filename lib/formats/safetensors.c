/* Safetensors: a JSON header that says where each tensor lies, then the tensors.
 * SPDX-License-Identifier: MIT
 *
 *     length of the header (u64)
 *     {"__metadata__": {...}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
 *     bytes
 *
 * The tensors must cover the bytes exactly, so once sorted by offset they can be read in one pass,
 * from a pipe too. */
#include "formats/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/number.h"
#include "formats/importers.h"

enum { LENGTH = 8, HEADER_MOST = 100000000 }; /* the limit of the format's own library */

static const char *const dtypes[PL_DTYPES] = {
    [PL_F16] = "F16", [PL_BF16] = "BF16", [PL_F32] = "F32",  [PL_F64] = "F64", [PL_I8] = "I8",
    [PL_I16] = "I16", [PL_I32] = "I32",   [PL_I64] = "I64",  [PL_U8] = "U8",   [PL_U16] = "U16",
    [PL_U32] = "U32", [PL_U64] = "U64",   [PL_BOOL] = "BOOL"};

const char *pl_safetensors_dtype(enum pl_dtype dtype)
{
    return dtypes[dtype];
}

static enum pl_status fail_tensor(struct pl_context *context, const struct pl_bytes *bytes,
                                  const char *name, const char *what)
{
    return pl_bytes_fail(context, bytes, PL_BAD_DATA, "tensor '%s': %s", name, what);
}

static enum pl_status read_dtype(struct pl_context *context, const struct pl_bytes *bytes,
                                 const struct pl_meta_node *entry, struct pl_safetensor *tensor)
{
    const struct pl_meta_node *node = pl_meta_find(entry, "dtype");
    if (!node || node->kind != PL_META_SCALAR) {
        return fail_tensor(context, bytes, tensor->name, "no dtype");
    }
    for (int i = 0; i < PL_DTYPES; i++) {
        if (strcmp(node->text, dtypes[i]) == 0) {
            tensor->dtype = (enum pl_dtype)i;
            return PL_OK;
        }
    }
    return pl_bytes_fail(context, bytes, PL_BAD_DATA, "tensor '%s': dtype '%s' is not supported",
                         tensor->name, node->text);
}

/* Reads a list of numbers >= 0; false unless there are at most `most`. */
static bool read_numbers(const struct pl_meta_node *list, size_t most, int64_t *out)
{
    if (!list || list->kind != PL_META_LIST || list->count > most) {
        return false;
    }
    for (const struct pl_meta_node *node = list->child; node; node = node->next, out++) {
        *out = -1;
        if (node->kind != PL_META_SCALAR || node->quoted ||
            !pl_parse_int64(node->text, node->text_size, out) || *out < 0) {
            return false;
        }
    }
    return true;
}

static enum pl_status read_tensor(struct pl_context *context, const struct pl_bytes *bytes,
                                  const struct pl_meta_node *entry, struct pl_safetensor *tensor)
{
    int64_t offsets[2];
    uint64_t size;
    tensor->name = entry->key;
    if (entry->kind != PL_META_MAP) {
        return fail_tensor(context, bytes, tensor->name, "its entry is no object");
    }
    enum pl_status status = read_dtype(context, bytes, entry, tensor);
    if (status) {
        return status;
    }
    const struct pl_meta_node *shape = pl_meta_find(entry, "shape");
    const struct pl_meta_node *place = pl_meta_find(entry, "data_offsets");
    if (!read_numbers(shape, PL_MAX_RANK, tensor->dims)) {
        return fail_tensor(context, bytes, tensor->name, "its shape is no list of up to 8 sizes");
    }
    tensor->rank = (int)shape->count;
    if (!read_numbers(place, 2, offsets) || place->count != 2 || offsets[0] > offsets[1]) {
        return fail_tensor(context, bytes, tensor->name, "its data_offsets are no range");
    }
    tensor->begin = (uint64_t)offsets[0];
    tensor->end = (uint64_t)offsets[1];
    if (!pl_shape_bytes(tensor->dtype, tensor->rank, tensor->dims, &size) ||
        size != tensor->end - tensor->begin) {
        return fail_tensor(context, bytes, tensor->name,
                           "its data_offsets do not fit its shape and dtype");
    }
    return PL_OK;
}

static int by_offset(const void *a, const void *b)
{
    const struct pl_safetensor *left = a, *right = b;
    if (left->begin != right->begin) {
        return left->begin < right->begin ? -1 : 1;
    }
    if (left->end != right->end) { /* empty tensors come before the one that begins there */
        return left->end < right->end ? -1 : 1;
    }
    return strcmp(left->name, right->name);
}

/* Names the first tensor that is not there whole. */
static enum pl_status fail_short(struct pl_context *context, const struct pl_safetensors *file,
                                 const struct pl_bytes *bytes, uint64_t there, uint64_t end)
{
    size_t i = 0;
    while (i + 1 < file->count && file->tensors[i].end <= there) {
        i++;
    }
    return pl_bytes_fail(
        context, bytes, PL_INCOMPLETE, "ends %llu byte%s early, in tensor '%s': truncated?",
        (unsigned long long)(end - there), end - there == 1 ? "" : "s", file->tensors[i].name);
}

/* Sorts the tensors by offset and checks that each begins where the one before ends. */
static enum pl_status check_cover(struct pl_context *context, const struct pl_safetensors *file,
                                  const struct pl_bytes *bytes)
{
    uint64_t end = 0;
    if (file->count > 0) {
        qsort(file->tensors, file->count, sizeof *file->tensors, by_offset);
    }
    for (size_t i = 0; i < file->count; i++) {
        const struct pl_safetensor *tensor = &file->tensors[i];
        if (tensor->begin != end) {
            return fail_tensor(context, bytes, tensor->name,
                               tensor->begin < end ? "it overlaps the tensor before"
                                                   : "there is a gap before it");
        }
        end = tensor->end;
    }
    uint64_t there = bytes->size - bytes->taken;
    if (bytes->ended && there < end) {
        return fail_short(context, file, bytes, there, end);
    }
    return bytes->ended && there > end
               ? pl_bytes_fail(context, bytes, PL_BAD_DATA, "junk behind the last tensor")
               : PL_OK;
}

static enum pl_status read_header(struct pl_context *context, struct pl_safetensors *file,
                                  const struct pl_bytes *bytes)
{
    const struct pl_meta_node *root = file->header.root;
    if (!root || root->kind != PL_META_MAP) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA, "its header is no object");
    }
    file->tensors = pl_new(context, root->count, sizeof *file->tensors);
    if (!file->tensors) {
        return context->status;
    }
    enum pl_status status = PL_OK;
    for (const struct pl_meta_node *node = root->child; node && !status; node = node->next) {
        if (strcmp(node->key, "__metadata__") == 0) {
            file->metadata = node;
        } else {
            status = read_tensor(context, bytes, node, &file->tensors[file->count++]);
        }
    }
    return status ? status : check_cover(context, file, bytes);
}

enum pl_status pl_safetensors_open(struct pl_context *context, struct pl_safetensors *file,
                                   struct pl_bytes *bytes)
{
    const uint8_t *data;
    *file = (struct pl_safetensors){0};
    enum pl_status status = pl_bytes_take(context, bytes, LENGTH, &data);
    if (status) {
        return status;
    }
    if (memcmp(data, "version ", LENGTH) == 0) {
        return pl_bytes_fail(
            context, bytes, PL_BAD_DATA,
            "this is a Git LFS pointer, not the weights: git lfs pull fetches them");
    }
    uint64_t length = 0;
    for (int i = LENGTH - 1; i >= 0; i--) {
        length = length << 8 | data[i];
    }
    if (length > HEADER_MOST) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA,
                             "a safetensors header of %llu bytes (at most %d)",
                             (unsigned long long)length, HEADER_MOST);
    }
    status = pl_bytes_take(context, bytes, (size_t)length, &data);
    if (!status) {
        status =
            pl_json_parse(context, &file->header, bytes->name, (const char *)data, (size_t)length);
    }
    if (!status) {
        status = read_header(context, file, bytes);
    }
    if (status) {
        pl_safetensors_release(file);
    }
    return status;
}

void pl_safetensors_release(struct pl_safetensors *file)
{
    free(file->tensors);
    pl_meta_release(&file->header);
    *file = (struct pl_safetensors){0};
}

static enum pl_status copy_tensor(struct pl_context *context, const struct pl_safetensor *tensor,
                                  struct pl_bytes *bytes, struct pl_writer *writer)
{
    struct pl_array array = {.dtype = tensor->dtype, .rank = tensor->rank};
    size_t size = strlen(tensor->name);
    if (size > PL_NAME_MAX) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA,
                             "a tensor's name has %zu bytes (at most %d)", size, PL_NAME_MAX);
    }
    memcpy(array.name, tensor->name, size + 1);
    memcpy(array.dims, tensor->dims, sizeof array.dims);
    return pl_array_copy(context, bytes, &array, writer);
}

enum pl_status pl_safetensors_copy(struct pl_context *context, const struct pl_safetensors *file,
                                   struct pl_bytes *bytes, bool metadata, struct pl_writer *writer)
{
    enum pl_status status = PL_OK;
    if (metadata && file->metadata) {
        status = pl_writer_meta(context, writer, "safetensors", file->metadata);
    }
    for (size_t i = 0; i < file->count && !status; i++) {
        status = copy_tensor(context, &file->tensors[i], bytes, writer);
    }
    return status;
}

enum pl_status pl_safetensors_import(struct pl_context *context, const struct pl_import *import,
                                     struct pl_bytes *bytes, struct pl_writer *writer)
{
    const uint8_t *data;
    size_t size;
    struct pl_safetensors file;
    (void)import; /* nothing to say: the header has it all */
    enum pl_status status = pl_bytes_peek(context, bytes, LENGTH + 1, &data, &size);
    if (status) {
        return status;
    }
    if (size > 0 && data[0] == '{' && (size <= LENGTH || data[LENGTH] != '{')) {
        return pl_shards_import(context, bytes, writer);
    }
    status = pl_safetensors_open(context, &file, bytes);
    if (status) {
        return status;
    }
    status = pl_safetensors_copy(context, &file, bytes, true, writer);
    pl_safetensors_release(&file);
    return status ? status : pl_bytes_expect_end(context, bytes);
}
