/* A checkpoint in several safetensors files, by its index.
 * SPDX-License-Identifier: MIT
 *
 *     {"metadata": {...}, "weight_map": {"layer.0.weight": "model-00001-of-00002.safetensors",
 * ...}}
 *
 * Two passes: the first opens every shard and looks for every tensor, so that what is missing is
 * named before anything is written; the second copies. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/json.h"
#include "formats/levels.h"
#include "formats/safetensors.h"

enum { INDEX_MOST = 100000000 };

struct shards {
    struct pl_bytes *index;
    struct pl_meta document;
    const struct pl_meta_node *map; /* weight_map */
    struct pl_levels files;         /* names of the shards, in order of first appearance */
    uint32_t sum;                   /* CRC-32 of the index and all shards, in that order */
};

/* The shard's path: beside the index.  Its name may not lead elsewhere. */
static enum pl_status shard_path(struct pl_context *context, const struct shards *shards,
                                 const char *file, struct pl_buffer *path)
{
    const char *index = shards->index->name, *slash = strrchr(index, '/');
    path->size = 0;
    if (strchr(file, '/') || *file == '\0') {
        return pl_bytes_fail(context, shards->index, PL_BAD_DATA,
                             "'%s' is no name of a file beside the index", file);
    }
    return pl_buffer_printf(context, path, "%.*s%s", slash ? (int)(slash - index + 1) : 0, index,
                            file);
}

static enum pl_status read_index(struct pl_context *context, struct shards *shards)
{
    const uint8_t *data;
    size_t size;
    enum pl_status status = pl_bytes_rest(context, shards->index, &data, &size);
    if (!status && size > INDEX_MOST) {
        status = pl_bytes_fail(context, shards->index, PL_BAD_DATA, "an index of %zu bytes", size);
    }
    if (!status) {
        status = pl_json_parse(context, &shards->document, shards->index->name, (const char *)data,
                               size);
    }
    if (status) {
        return status;
    }
    const struct pl_meta_node *root = shards->document.root;
    shards->map = root ? pl_meta_find(root, "weight_map") : NULL;
    if (!shards->map || shards->map->kind != PL_META_MAP || shards->map->count == 0) {
        return pl_bytes_fail(context, shards->index, PL_BAD_DATA,
                             "no index of safetensors: it has no weight_map");
    }
    for (const struct pl_meta_node *node = shards->map->child; node && !status; node = node->next) {
        int32_t code;
        if (node->kind != PL_META_SCALAR) {
            return pl_bytes_fail(context, shards->index, PL_BAD_DATA,
                                 "tensor '%s': its file is no text", node->key);
        }
        status = pl_levels_code(context, &shards->files, node->text, strlen(node->text), &code);
    }
    return status;
}

static enum pl_status open_shard(struct pl_context *context, const struct shards *shards,
                                 int32_t code, struct pl_bytes *bytes, struct pl_safetensors *file)
{
    struct pl_buffer path = {0};
    enum pl_status status =
        shard_path(context, shards, pl_levels_word(&shards->files, code), &path);
    if (!status && (status = pl_bytes_open(context, bytes, path.data))) {
        pl_fail_at(context, "%s: shard %d of %d", shards->index->name, code + 1,
                   shards->files.count);
    }
    pl_buffer_release(&path);
    if (status) {
        return status;
    }
    status = pl_safetensors_open(context, file, bytes);
    if (status) {
        pl_bytes_close(bytes);
    }
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct pl_safetensor *)a)->name, ((const struct pl_safetensor *)b)->name);
}

/* True when tensors sorted by name have this one. */
static bool has_tensor(const struct pl_safetensors *file, const char *name)
{
    struct pl_safetensor key = {.name = name};
    return file->count > 0 &&
           bsearch(&key, file->tensors, file->count, sizeof key, by_name) != NULL;
}

/* Looks for the tensors that the index places in one shard. */
static enum pl_status check_shard(struct pl_context *context, struct shards *shards, int32_t code)
{
    const char *file_name = pl_levels_word(&shards->files, code);
    struct pl_bytes bytes;
    struct pl_safetensors file;
    enum pl_status status = open_shard(context, shards, code, &bytes, &file);
    if (status) {
        return status;
    }
    size_t placed = 0;
    if (file.count > 0) {
        qsort(file.tensors, file.count, sizeof *file.tensors, by_name);
    }
    for (const struct pl_meta_node *node = shards->map->child; node && !status; node = node->next) {
        if (strcmp(node->text, file_name) != 0) {
            continue;
        }
        placed++;
        if (!has_tensor(&file, node->key)) {
            status =
                pl_bytes_fail(context, shards->index, PL_BAD_DATA,
                              "tensor '%s' is missing in its shard '%s'", node->key, file_name);
        }
    }
    if (!status && placed < file.count) {
        status = pl_bytes_fail(context, shards->index, PL_BAD_DATA,
                               "shard '%s' has %zu tensors that the index does not name", file_name,
                               file.count - placed);
    }
    pl_safetensors_release(&file);
    pl_bytes_close(&bytes);
    return status;
}

static enum pl_status copy_shard(struct pl_context *context, struct shards *shards, int32_t code,
                                 struct pl_writer *writer)
{
    struct pl_bytes bytes;
    struct pl_safetensors file;
    uint32_t sum;
    enum pl_status status = open_shard(context, shards, code, &bytes, &file);
    if (status) {
        return status;
    }
    status = pl_safetensors_copy(context, &file, &bytes, code == 0, writer);
    if (!status) {
        status = pl_bytes_expect_end(context, &bytes);
    }
    if (!status) {
        status = pl_bytes_sum(context, &bytes, &sum);
    }
    if (!status) {
        shards->sum = (uint32_t)crc32_combine(shards->sum, sum, (z_off_t)bytes.file.size);
    }
    pl_safetensors_release(&file);
    pl_bytes_close(&bytes);
    return status;
}

enum pl_status pl_shards_import(struct pl_context *context, struct pl_bytes *index,
                                struct pl_writer *writer)
{
    struct shards shards = {.index = index};
    enum pl_status status = PL_OK;
    if (index->file.fd == 0) {
        return pl_bytes_fail(context, index, PL_BAD_DATA,
                             "an index of safetensors: give its path, beside which its shards lie");
    }
    status = read_index(context, &shards);
    for (int32_t i = 0; i < shards.files.count && !status; i++) {
        status = check_shard(context, &shards, i);
    }
    if (!status) {
        status = pl_bytes_sum(context, index, &shards.sum);
    }
    for (int32_t i = 0; i < shards.files.count && !status; i++) {
        status = copy_shard(context, &shards, i, writer);
    }
    if (!status) {
        pl_bytes_set_sum(index, shards.sum);
    }
    pl_levels_release(&shards.files);
    pl_meta_release(&shards.document);
    return status;
}
