/* Checkpoints of PyTorch (.pt, .pth, pytorch_model.bin), as tensors under the keys that lead to
 * them.
 * SPDX-License-Identifier: MIT
 *
 * All three formats describe their tensors in a pickle (pickle.h) and keep the elements apart, in
 * storages that a tensor is a view of:
 *
 *     zip     NAME/data.pkl, and NAME/data/KEY for each storage (since 1.6)
 *     legacy  pickles of a magic number, the version, the system and the object, then one of the
 *             keys of the storages, then of each its count and elements
 *     tar     members pickle and storages: of each a pickle of (key, place, class), its count and
 *             elements (before 0.1.10) */
#include <stdlib.h>
#include <string.h>

#include "formats/elements.h"
#include "formats/importers.h"
#include "formats/pickle.h"
#include "formats/zip.h"

enum {
    DEPTH_MOST = 64,         /* containers inside each other */
    EXPANDED_MOST = 1 << 20, /* elements of a tensor that has more of them than its storage */
    GATHER = 1 << 16,        /* bytes of elements gathered at a time */
    TAR_BLOCK = 512
};

struct storage {
    const char *key;
    const uint8_t *data;                /* NULL: not opened yet */
    size_t size;                        /* bytes */
    const struct pl_zip_member *member; /* of a zip archive */
    struct pl_bytes bytes;
};

struct checkpoint {
    struct pl_context *context;
    struct pl_bytes *bytes;
    struct pl_arena arena;
    struct pl_pickle_value *root;
    struct storage *storages;
    size_t count, room;
    struct pl_zip zip;
    struct pl_writer *writer;
    const char *own_name; /* of a tensor that is all there is */
    size_t tensors, others, visits;
    char first_other[PL_NAME_MAX + 1];
};

static enum pl_status bad(const struct checkpoint *checkpoint, const char *what)
{
    return pl_bytes_fail(checkpoint->context, checkpoint->bytes, PL_BAD_DATA, "%s", what);
}

static struct storage *add_storage(struct checkpoint *checkpoint)
{
    if (checkpoint->count == checkpoint->room) {
        size_t room = checkpoint->room ? 2 * checkpoint->room : 64;
        struct storage *storages =
            pl_resize(checkpoint->context, checkpoint->storages, room, sizeof *storages);
        if (!storages) {
            return NULL;
        }
        checkpoint->storages = storages;
        checkpoint->room = room;
    }
    struct storage *storage = &checkpoint->storages[checkpoint->count++];
    *storage = (struct storage){.bytes = {.file = {.fd = -1}}};
    return storage;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct storage *)a)->key, ((const struct storage *)b)->key);
}

/* ---- The three formats ------------------------------------------------------------------- */

static bool ends_in(const char *name, const char *suffix)
{
    const size_t size = strlen(name), length = strlen(suffix);
    return size >= length && strcmp(name + size - length, suffix) == 0;
}

static enum pl_status read_member(struct checkpoint *checkpoint, const struct pl_zip_member *member)
{
    struct pl_bytes content;
    const uint8_t *data;
    size_t size, used;
    pl_zip_bytes(member, checkpoint->bytes->name, &content);
    enum pl_status status = pl_bytes_rest(checkpoint->context, &content, &data, &size);
    if (!status) {
        status = pl_pickle_read(checkpoint->context, &checkpoint->arena, checkpoint->bytes->name,
                                data, size, &used, &checkpoint->root);
    }
    pl_bytes_close(&content);
    return status;
}

static enum pl_status check_order(struct checkpoint *checkpoint, const struct pl_zip_member *member)
{
    bool little = member->deflated || member->size < 6 || memcmp(member->data, "little", 6) == 0;
    return little ? PL_OK : bad(checkpoint, "a checkpoint of a big-endian machine");
}

static enum pl_status open_zip(struct checkpoint *checkpoint, const uint8_t *data, size_t size)
{
    const struct pl_zip_member *pickle = NULL;
    enum pl_status status =
        pl_zip_open(checkpoint->context, &checkpoint->zip, checkpoint->bytes->name, data, size);
    for (size_t i = 0; i < checkpoint->zip.count && !status; i++) {
        const struct pl_zip_member *member = &checkpoint->zip.members[i];
        const char *folder = strstr(member->name, "/data/");
        if (ends_in(member->name, "/data.pkl")) {
            pickle = member;
        } else if (ends_in(member->name, "/byteorder")) {
            status = check_order(checkpoint, member);
        } else if (folder) {
            struct storage *storage = add_storage(checkpoint);
            if (!storage) {
                return checkpoint->context->status;
            }
            storage->key = folder + strlen("/data/");
            storage->member = member;
        }
    }
    if (!status && !pickle) {
        status = bad(checkpoint, "a zip archive without a data.pkl");
    }
    return status ? status : read_member(checkpoint, pickle);
}

/* Pickles one after the other. */
struct cursor {
    const uint8_t *at, *end;
};

static enum pl_status next_pickle(struct checkpoint *checkpoint, struct cursor *cursor,
                                  struct pl_pickle_value **value)
{
    size_t used;
    enum pl_status status =
        pl_pickle_read(checkpoint->context, &checkpoint->arena, checkpoint->bytes->name, cursor->at,
                       (size_t)(cursor->end - cursor->at), &used, value);
    cursor->at += status ? 0 : used;
    return status;
}

/* The count of a storage, then its elements. */
static enum pl_status next_storage(struct checkpoint *checkpoint, struct cursor *cursor,
                                   const char *key, enum pl_dtype dtype)
{
    uint64_t count = 0, left = (uint64_t)(cursor->end - cursor->at);
    if (left < 8) {
        return pl_bytes_short(checkpoint->context, checkpoint->bytes, 8 - left);
    }
    for (int i = 7; i >= 0; i--) {
        count = count << 8 | cursor->at[i];
    }
    left -= 8;
    cursor->at += 8;
    if (count > left / pl_dtype_size(dtype)) {
        return pl_bytes_fail(checkpoint->context, checkpoint->bytes, PL_INCOMPLETE,
                             "storage '%s' of %llu elements ends early: truncated?", key,
                             (unsigned long long)count);
    }
    struct storage *storage = add_storage(checkpoint);
    if (!storage) {
        return checkpoint->context->status;
    }
    storage->key = key;
    storage->data = cursor->at;
    storage->size = (size_t)count * pl_dtype_size(dtype);
    cursor->at += storage->size;
    return PL_OK;
}

/* Appends pointers to the storages of the tensors in a value.  Containers may hold each other:
 * after so many visits to values it stops. */
static enum pl_status collect_storages(struct checkpoint *checkpoint,
                                       const struct pl_pickle_value *value, int depth,
                                       size_t *visits, struct pl_buffer *storages)
{
    enum pl_status status = PL_OK;
    if (depth > DEPTH_MOST || *visits == 0) {
        return PL_OK;
    }
    --*visits;
    if (value->kind == PL_PICKLE_TENSOR) {
        return pl_buffer_append(checkpoint->context, storages, &value->of, sizeof value->of);
    }
    for (size_t i = 0; i < value->count && !status; i++) {
        status = collect_storages(checkpoint, value->items[i], depth + 1, visits, storages);
    }
    return status;
}

static int by_text(const void *a, const void *b)
{
    const struct pl_pickle_value *const *first = a, *const *second = b;
    return strcmp((*first)->text, (*second)->text);
}

/* The storages of those keys, one after the other; `described` are the object's, which know their
 * element types. */
static enum pl_status read_legacy_storages(struct checkpoint *checkpoint, struct cursor *cursor,
                                           const struct pl_pickle_value *keys,
                                           struct pl_buffer *described)
{
    const size_t each = sizeof(struct pl_pickle_value *), count = described->size / each;
    enum pl_status status = PL_OK;
    if (count > 0) {
        qsort(described->data, count, each, by_text);
    }
    for (size_t i = 0; i < keys->count && !status; i++) {
        const struct pl_pickle_value *key = keys->items[i];
        void *found =
            key->text && count > 0 ? bsearch(&key, described->data, count, each, by_text) : NULL;
        if (!found) {
            return bad(checkpoint, "a storage that no tensor is in");
        }
        const struct pl_pickle_value *storage = *(struct pl_pickle_value **)found;
        status = next_storage(checkpoint, cursor, key->text, storage->dtype);
    }
    return status;
}

static enum pl_status open_legacy(struct checkpoint *checkpoint, const uint8_t *data, size_t size)
{
    static const uint8_t magic[] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
    struct cursor cursor = {data, data + size};
    struct pl_pickle_value *value, *keys;
    enum pl_status status = next_pickle(checkpoint, &cursor, &value);
    if (!status && (value->kind != PL_PICKLE_LARGE || value->size != sizeof magic ||
                    memcmp(value->text, magic, sizeof magic) != 0)) {
        return bad(checkpoint, "a Python pickle, but not of PyTorch: its magic number is missing");
    }
    for (int i = 0; i < 2 && !status; i++) { /* the version, and what wrote it */
        status = next_pickle(checkpoint, &cursor, &value);
    }
    if (!status) {
        status = next_pickle(checkpoint, &cursor, &checkpoint->root);
    }
    if (!status) {
        status = next_pickle(checkpoint, &cursor, &keys);
    }
    struct pl_buffer described = {0};
    size_t visits = size;
    if (!status) {
        status = collect_storages(checkpoint, checkpoint->root, 0, &visits, &described);
    }
    if (!status) {
        status = read_legacy_storages(checkpoint, &cursor, keys, &described);
    }
    pl_buffer_release(&described);
    return status;
}

static enum pl_status read_tar_storages(struct checkpoint *checkpoint, struct cursor cursor)
{
    struct pl_pickle_value *count, *tuple;
    enum pl_status status = next_pickle(checkpoint, &cursor, &count);
    for (int64_t i = 0; !status && i < count->integer; i++) {
        enum pl_dtype dtype;
        status = next_pickle(checkpoint, &cursor, &tuple);
        if (status) {
            return status;
        }
        if (tuple->kind != PL_PICKLE_TUPLE || tuple->count < 3 ||
            tuple->items[0]->kind != PL_PICKLE_TEXT || !pl_pickle_dtype(tuple->items[2], &dtype)) {
            return bad(checkpoint, "a storage that is not described as one");
        }
        status = next_storage(checkpoint, &cursor, tuple->items[0]->text, dtype);
    }
    return status;
}

/* A tar archive's member: 512 bytes, in which the name stands first and the size in octal digits at
 * 124, then the content in whole blocks. */
static bool next_member(struct cursor *cursor, const char **name, struct cursor *content)
{
    uint64_t size = 0, left = (uint64_t)(cursor->end - cursor->at);
    if (left < TAR_BLOCK || *cursor->at == 0) {
        return false;
    }
    for (int i = 124; i < 135 && cursor->at[i] >= '0' && cursor->at[i] <= '7'; i++) {
        size = size << 3 | (uint64_t)(cursor->at[i] - '0');
    }
    if (size > left - TAR_BLOCK) {
        return false;
    }
    *name = (const char *)cursor->at;
    content->at = cursor->at + TAR_BLOCK;
    content->end = content->at + size;
    const uint64_t padded = (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    cursor->at = padded < left - TAR_BLOCK ? content->at + padded : cursor->end;
    return true;
}

static enum pl_status open_tar(struct checkpoint *checkpoint, const uint8_t *data, size_t size)
{
    struct cursor cursor = {data, data + size}, content, pickle = {0}, storages = {0};
    const char *name;
    while (next_member(&cursor, &name, &content)) {
        if (strncmp(name, "pickle", 100) == 0) {
            pickle = content;
        } else if (strncmp(name, "storages", 100) == 0) {
            storages = content;
        }
    }
    if (!pickle.at || !storages.at) {
        return bad(checkpoint, "a tar archive, but not of PyTorch (no pickle and storages in it): "
                               "unpack it");
    }
    enum pl_status status = next_pickle(checkpoint, &pickle, &checkpoint->root);
    return status ? status : read_tar_storages(checkpoint, storages);
}

static enum pl_status open_checkpoint(struct checkpoint *checkpoint)
{
    const uint8_t *data;
    size_t size;
    enum pl_status status = pl_bytes_rest(checkpoint->context, checkpoint->bytes, &data, &size);
    if (status) {
        return status;
    }
    if (size >= 2 && memcmp(data, "PK", 2) == 0) {
        status = open_zip(checkpoint, data, size);
    } else if (size > 262 && memcmp(data + 257, "ustar", 5) == 0) {
        status = open_tar(checkpoint, data, size);
    } else {
        status = open_legacy(checkpoint, data, size);
    }
    if (!status && checkpoint->count > 0) {
        qsort(checkpoint->storages, checkpoint->count, sizeof *checkpoint->storages, by_key);
    }
    return status;
}

static void close_checkpoint(struct checkpoint *checkpoint)
{
    for (size_t i = 0; i < checkpoint->count; i++) {
        pl_bytes_close(&checkpoint->storages[i].bytes);
    }
    free(checkpoint->storages);
    pl_zip_release(&checkpoint->zip);
    pl_arena_release(&checkpoint->arena);
}

/* ---- Tensors ----------------------------------------------------------------------------- */

/* The storage's bytes; of a zip archive they are checked when they are first looked at. */
static struct storage *open_storage(struct checkpoint *checkpoint, const char *key)
{
    const struct storage wanted = {.key = key};
    struct storage *storage =
        checkpoint->count == 0
            ? NULL
            : bsearch(&wanted, checkpoint->storages, checkpoint->count, sizeof wanted, by_key);
    if (!storage) {
        pl_bytes_fail(checkpoint->context, checkpoint->bytes, PL_BAD_DATA,
                      "there is no storage '%s'", key);
        return NULL;
    }
    if (storage->data) {
        return storage;
    }
    pl_zip_bytes(storage->member, checkpoint->bytes->name, &storage->bytes);
    if (pl_bytes_rest(checkpoint->context, &storage->bytes, &storage->data, &storage->size)) {
        return NULL;
    }
    pl_bytes_skip(&storage->bytes, storage->size);
    return pl_zip_verify(checkpoint->context, storage->member, &storage->bytes) ? NULL : storage;
}

/* Elements of the tensor, and whether all of them lie inside the storage. */
static bool fits(const struct pl_pickle_value *tensor, const struct storage *storage,
                 int64_t *count)
{
    const int64_t there = (int64_t)(storage->size / pl_dtype_size(tensor->dtype));
    int64_t last = tensor->integer;
    *count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        int64_t reach;
        if (!pl_mul_int64(*count, tensor->dims[i], count)) {
            return false;
        }
        if (tensor->dims[i] > 0 &&
            (!pl_mul_int64(tensor->dims[i] - 1, tensor->strides[i], &reach) ||
             !pl_add_int64(last, reach, &last))) {
            return false;
        }
    }
    return *count == 0 || (last < there && (*count <= there || *count <= EXPANDED_MOST));
}

static bool is_contiguous(const struct pl_pickle_value *tensor)
{
    int64_t expected = 1;
    for (int i = tensor->rank - 1; i >= 0; i--) {
        if (tensor->dims[i] != 1 && tensor->strides[i] != expected) {
            return false;
        }
        expected *= tensor->dims[i];
    }
    return true;
}

/* Elements in the order of their indices, from a view of any strides. */
static enum pl_status gather(struct checkpoint *checkpoint, const struct pl_pickle_value *tensor,
                             const uint8_t *first, int64_t count)
{
    const size_t size = pl_dtype_size(tensor->dtype);
    int64_t index[PL_MAX_RANK] = {0}, at = 0;
    uint8_t gathered[GATHER];
    size_t filled = 0;
    enum pl_status status = PL_OK;
    for (int64_t n = 0; n < count && !status; n++) {
        memcpy(gathered + filled, first + (size_t)at * size, size);
        filled += size;
        if (filled == GATHER || n + 1 == count) {
            status = pl_writer_bytes(checkpoint->context, checkpoint->writer, gathered, filled);
            filled = 0;
        }
        for (int d = tensor->rank - 1; d >= 0; d--) {
            if (++index[d] < tensor->dims[d]) {
                at += tensor->strides[d];
                break;
            }
            at -= tensor->strides[d] * (tensor->dims[d] - 1);
            index[d] = 0;
        }
    }
    return status;
}

static enum pl_status write_tensor(struct checkpoint *checkpoint,
                                   const struct pl_pickle_value *tensor, const char *name)
{
    struct pl_context *context = checkpoint->context;
    int64_t count;
    const struct storage *storage = open_storage(checkpoint, tensor->of->text);
    if (!storage) {
        return context->status;
    }
    if (!fits(tensor, storage, &count)) {
        return pl_bytes_fail(context, checkpoint->bytes, PL_BAD_DATA,
                             "tensor '%s' reaches beyond its storage of %zu bytes", name,
                             storage->size);
    }
    const size_t size = pl_dtype_size(tensor->dtype);
    const uint8_t *first = storage->data + (count > 0 ? (size_t)tensor->integer * size : 0);
    enum pl_status status = pl_writer_begin(context, checkpoint->writer, name, tensor->dtype,
                                            tensor->rank, tensor->dims);
    if (!status && count > 0) {
        status = is_contiguous(tensor)
                     ? pl_writer_bytes(context, checkpoint->writer, first, (size_t)count * size)
                     : gather(checkpoint, tensor, first, count);
    }
    pl_bytes_give_back(checkpoint->bytes, first, (size_t)count * size);
    checkpoint->tensors++;
    return status ? status : pl_writer_finish(context, checkpoint->writer);
}

static enum pl_status write_value(struct checkpoint *checkpoint,
                                  const struct pl_pickle_value *value, const char *name, int depth);

/* Puts a key behind the name of what it is in. */
static enum pl_status write_inside(struct checkpoint *checkpoint,
                                   const struct pl_pickle_value *value, const char *name,
                                   const struct pl_pickle_value *key, int64_t index, int depth)
{
    struct pl_buffer inner = {0};
    const char *dot = *name ? "." : "";
    enum pl_status status;
    if (key && key->kind == PL_PICKLE_TEXT) {
        status = pl_buffer_printf(checkpoint->context, &inner, "%s%s%s", name, dot, key->text);
    } else {
        status = pl_buffer_printf(checkpoint->context, &inner, "%s%s%lld", name, dot,
                                  (long long)(key ? key->integer : index));
    }
    if (!status && inner.size > PL_NAME_MAX) {
        status =
            pl_bytes_fail(checkpoint->context, checkpoint->bytes, PL_BAD_DATA,
                          "a tensor's name has %zu bytes (at most %d)", inner.size, PL_NAME_MAX);
    }
    if (!status) {
        status = write_value(checkpoint, value, inner.data, depth + 1);
    }
    pl_buffer_release(&inner);
    return status;
}

static enum pl_status write_value(struct checkpoint *checkpoint,
                                  const struct pl_pickle_value *value, const char *name, int depth)
{
    enum pl_status status = PL_OK;
    if (depth > DEPTH_MOST || checkpoint->visits-- == 0) {
        return bad(checkpoint, "its containers hold each other");
    }
    switch (value->kind) {
    case PL_PICKLE_TENSOR:
        return write_tensor(checkpoint, value, *name ? name : checkpoint->own_name);
    case PL_PICKLE_TUPLE:
    case PL_PICKLE_LIST:
        for (size_t i = 0; i < value->count && !status; i++) {
            status = write_inside(checkpoint, value->items[i], name, NULL, (int64_t)i, depth);
        }
        return status;
    case PL_PICKLE_DICT:
        for (size_t i = 0; i + 1 < value->count && !status; i += 2) {
            status = write_inside(checkpoint, value->items[i + 1], name, value->items[i], 0, depth);
        }
        return status;
    default:
        if (checkpoint->others++ == 0) {
            strncpy(checkpoint->first_other, name, PL_NAME_MAX);
        }
        return PL_OK;
    }
}

enum pl_status pl_pytorch_import(struct pl_context *context, const struct pl_import *import,
                                 struct pl_bytes *bytes, struct pl_writer *writer)
{
    struct checkpoint checkpoint = {.context = context, .bytes = bytes, .writer = writer};
    char name[PL_NAME_MAX + 1];
    pl_array_name(bytes, import->name, name);
    checkpoint.own_name = name;
    enum pl_status status = open_checkpoint(&checkpoint);
    checkpoint.visits = 16 * (bytes->size + 64);
    if (!status) {
        status = write_value(&checkpoint, checkpoint.root, "", 0);
    }
    if (!status && checkpoint.tensors == 0) {
        status = bad(&checkpoint, "a PyTorch file without tensors");
    }
    if (!status && checkpoint.others > 0) {
        pl_warn(context, "%s: left out %zu value%s that %s no tensor%s, such as '%s'", bytes->name,
                checkpoint.others, checkpoint.others == 1 ? "" : "s",
                checkpoint.others == 1 ? "is" : "are", checkpoint.others == 1 ? "" : "s",
                checkpoint.first_other);
    }
    pl_bytes_skip(bytes, bytes->size - bytes->taken);
    close_checkpoint(&checkpoint);
    return status;
}
