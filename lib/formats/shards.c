/* Checkpoints in several safetensors files, by their index.
 * SPDX-License-Identifier: MIT
 *
 *     {"metadata": {...}, "weight_map": {"layer.0.weight": "model-00001-of-00002.safetensors",
 * ...}}
 *
 * Every shard is opened and every tensor looked for before anything is copied. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/json.h"
#include "formats/levels.h"
#include "formats/safetensors.h"

enum { INDEX_MOST = 100000000 };

/* An index under way: what it says, and the files it names in order of first appearance. */
struct index {
    struct pl_bytes *bytes;
    struct pl_meta document;
    const struct pl_meta_node *map; /* weight_map */
    struct pl_levels files;
};

/* The shard's path: beside the index.  Its name may not lead elsewhere. */
static enum pl_status shard_path(struct pl_context *context, const struct index *index,
                                 const char *file, struct pl_buffer *path)
{
    const char *name = index->bytes->name, *slash = strrchr(name, '/');
    path->size = 0;
    if (strchr(file, '/') || *file == '\0') {
        return pl_bytes_fail(context, index->bytes, PL_BAD_DATA,
                             "'%s' is no name of a file beside the index", file);
    }
    return pl_buffer_printf(context, path, "%.*s%s", slash ? (int)(slash - name + 1) : 0, name,
                            file);
}

static enum pl_status read_index(struct pl_context *context, struct index *index)
{
    const uint8_t *data;
    size_t size;
    enum pl_status status = pl_bytes_rest(context, index->bytes, &data, &size);
    if (!status && size > INDEX_MOST) {
        status = pl_bytes_fail(context, index->bytes, PL_BAD_DATA, "an index of %zu bytes", size);
    }
    if (!status) {
        status =
            pl_json_parse(context, &index->document, index->bytes->name, (const char *)data, size);
    }
    if (status) {
        return status;
    }
    const struct pl_meta_node *root = index->document.root;
    index->map = root ? pl_meta_find(root, "weight_map") : NULL;
    if (!index->map || index->map->kind != PL_META_MAP || index->map->count == 0) {
        return pl_bytes_fail(context, index->bytes, PL_BAD_DATA,
                             "no index of safetensors: it has no weight_map");
    }
    for (const struct pl_meta_node *node = index->map->child; node && !status; node = node->next) {
        int32_t code;
        if (node->kind != PL_META_SCALAR) {
            return pl_bytes_fail(context, index->bytes, PL_BAD_DATA,
                                 "tensor '%s': its file is no text", node->key);
        }
        status = pl_levels_code(context, &index->files, node->text, strlen(node->text), &code);
    }
    return status;
}

static void close_index(struct index *index)
{
    pl_levels_release(&index->files);
    pl_meta_release(&index->document);
}

/* Adds an open file to the shards. */
static enum pl_status read_shard(struct pl_context *context, struct pl_shards *shards,
                                 const char *path)
{
    size_t size;
    struct pl_shard *shard = &shards->items[shards->count];
    enum pl_status status = pl_bytes_open(context, &shard->bytes, path);
    if (status) {
        return status;
    }
    shards->count++;
    status = pl_safetensors_open(context, &shard->file, &shard->bytes);
    return status ? status : pl_bytes_rest(context, &shard->bytes, &shard->data, &size);
}

static enum pl_status open_named(struct pl_context *context, const struct index *index,
                                 int32_t code, struct pl_shards *shards)
{
    struct pl_buffer path = {0};
    const int32_t before = shards->count;
    enum pl_status status = shard_path(context, index, pl_levels_word(&index->files, code), &path);
    if (!status) {
        status = read_shard(context, shards, path.data);
        if (status && shards->count == before) {
            pl_fail_at(context, "%s: shard %d of %d", index->bytes->name, code + 1,
                       index->files.count);
        }
    }
    pl_buffer_release(&path);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct pl_safetensor *const *)a)->name,
                  (*(const struct pl_safetensor *const *)b)->name);
}

/* Pointers to the tensors of a file, sorted by name. */
static const struct pl_safetensor **sort_tensors(struct pl_context *context,
                                                 const struct pl_safetensors *file)
{
    const struct pl_safetensor **sorted = pl_new(context, file->count, sizeof *sorted);
    for (size_t i = 0; sorted && i < file->count; i++) {
        sorted[i] = &file->tensors[i];
    }
    if (sorted && file->count > 0) {
        qsort(sorted, file->count, sizeof *sorted, by_name);
    }
    return sorted;
}

static bool has_tensor(const struct pl_safetensor **sorted, size_t count, const char *name)
{
    const struct pl_safetensor tensor = {.name = name}, *key = &tensor;
    return count > 0 && bsearch(&key, sorted, count, sizeof key, by_name) != NULL;
}

/* Looks for the tensors that the index places in one shard. */
static enum pl_status check_shard(struct pl_context *context, const struct index *index,
                                  const struct pl_shard *shard, int32_t code)
{
    const char *file_name = pl_levels_word(&index->files, code);
    const struct pl_safetensor **sorted = sort_tensors(context, &shard->file);
    enum pl_status status = sorted ? PL_OK : context->status;
    size_t placed = 0;
    for (const struct pl_meta_node *node = index->map->child; node && !status; node = node->next) {
        if (strcmp(node->text, file_name) != 0) {
            continue;
        }
        placed++;
        if (!has_tensor(sorted, shard->file.count, node->key)) {
            status =
                pl_bytes_fail(context, index->bytes, PL_BAD_DATA,
                              "tensor '%s' is missing in its shard '%s'", node->key, file_name);
        }
    }
    if (!status && placed < shard->file.count) {
        status = pl_bytes_fail(context, index->bytes, PL_BAD_DATA,
                               "shard '%s' has %zu tensors that the index does not name", file_name,
                               shard->file.count - placed);
    }
    free(sorted);
    return status;
}

static enum pl_status open_index(struct pl_context *context, struct pl_bytes *bytes,
                                 struct pl_shards *shards)
{
    struct index index = {.bytes = bytes};
    enum pl_status status = read_index(context, &index);
    if (!status) {
        shards->items = pl_new(context, (size_t)index.files.count, sizeof *shards->items);
        status = shards->items ? PL_OK : context->status;
    }
    for (int32_t i = 0; i < index.files.count && !status; i++) {
        status = open_named(context, &index, i, shards);
        if (!status) {
            status = check_shard(context, &index, &shards->items[i], i);
        }
    }
    if (!status) {
        status = pl_bytes_sum(context, bytes, &shards->sum);
    }
    close_index(&index);
    return status;
}

enum pl_status pl_shards_open(struct pl_context *context, const char *path,
                              struct pl_shards *shards)
{
    *shards = (struct pl_shards){0};
    const size_t size = strlen(path);
    enum pl_status status;
    if (size > 5 && strcmp(path + size - 5, ".json") == 0) {
        struct pl_bytes bytes;
        status = pl_bytes_open(context, &bytes, path);
        if (!status) {
            status = open_index(context, &bytes, shards);
            pl_bytes_close(&bytes);
        }
    } else {
        shards->items = pl_new(context, 1, sizeof *shards->items);
        status = shards->items ? read_shard(context, shards, path) : context->status;
    }
    if (status) {
        pl_shards_close(shards);
    }
    return status;
}

void pl_shards_close(struct pl_shards *shards)
{
    for (int32_t i = 0; i < shards->count; i++) {
        pl_safetensors_release(&shards->items[i].file);
        pl_bytes_close(&shards->items[i].bytes);
    }
    free(shards->items);
    *shards = (struct pl_shards){0};
}

enum pl_status pl_shards_sum(struct pl_context *context, struct pl_shards *shards, uint32_t *sum)
{
    enum pl_status status = PL_OK;
    for (int32_t i = 0; i < shards->count && !status; i++) {
        struct pl_bytes *bytes = &shards->items[i].bytes;
        uint32_t own;
        status = pl_bytes_sum(context, bytes, &own);
        if (!status) {
            *sum = (uint32_t)crc32_combine(*sum, own, (z_off_t)bytes->file.size);
        }
    }
    return status;
}

enum pl_status pl_shards_import(struct pl_context *context, struct pl_bytes *index,
                                struct pl_writer *writer)
{
    struct pl_shards shards = {0};
    if (index->file.fd == 0) {
        return pl_bytes_fail(context, index, PL_BAD_DATA,
                             "an index of safetensors: give its path, beside which its shards lie");
    }
    enum pl_status status = open_index(context, index, &shards);
    for (int32_t i = 0; i < shards.count && !status; i++) {
        struct pl_shard *shard = &shards.items[i];
        status = pl_safetensors_copy(context, &shard->file, &shard->bytes, i == 0, writer);
        if (!status) {
            status = pl_bytes_expect_end(context, &shard->bytes);
        }
    }
    uint32_t sum = shards.sum;
    if (!status) {
        status = pl_shards_sum(context, &shards, &sum);
    }
    if (!status) {
        pl_bytes_set_sum(index, sum);
    }
    pl_shards_close(&shards);
    return status;
}
