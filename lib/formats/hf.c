/* Checkpoint folders in the layout of Hugging Face's transformers.
 * SPDX-License-Identifier: MIT
 *
 * Everything is checked before anything is written: the shards against their index, the tensors
 * against config.json, all that does not fit in one list.  Then the parameters are copied one by
 * one from the mapped files, in the order of model streams. */
#include "formats/hf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/json.h"
#include "formats/importers.h"
#include "formats/safetensors.h"

enum {
    DOCUMENT_MOST = 1 << 20,
    TOKENIZER_MOST = 256 << 20,
    NAMED_MOST = 8, /* tensors that do not fit, named in a message */
};

/* A tensor of some shard. */
struct entry {
    const struct pl_safetensor *tensor;
    const struct pl_shard *shard;
    bool used;
};

struct folder {
    struct pl_bytes *config_bytes;
    char *path; /* with its last slash */
    struct pl_meta config;
    struct pl_checkpoint model;
    struct pl_shards shards;
    struct entry *entries; /* sorted by name */
    size_t count;
    const char *prefix; /* in front of all names but that of the head */
    struct pl_buffer faults;
    size_t fault_count;
};

bool pl_hf_is_folder(const char *path)
{
    struct stat entry;
    struct pl_buffer config = {0};
    struct pl_context quiet = {0};
    if (!path || stat(path, &entry) != 0 || !S_ISDIR(entry.st_mode)) {
        return false;
    }
    bool found = pl_buffer_printf(&quiet, &config, "%s/config.json", path) == PL_OK &&
                 access(config.data, F_OK) == 0;
    pl_buffer_release(&config);
    return found;
}

/* ---- Finding tensors --------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    return strcmp(left->tensor->name, right->tensor->name);
}

static struct entry *find(const struct folder *folder, const char *name)
{
    const struct pl_safetensor tensor = {.name = name};
    const struct entry key = {.tensor = &tensor};
    return folder->count == 0 ? NULL
                              : bsearch(&key, folder->entries, folder->count, sizeof key, by_name);
}

static struct entry *find_behind(const struct folder *folder, const char *prefix, const char *name)
{
    char whole[192];
    snprintf(whole, sizeof whole, "%s%s", prefix, name);
    return find(folder, whole);
}

/* The head stands outside of what the prefix is for. */
static struct entry *find_place(const struct folder *folder, const struct pl_hf_place *place,
                                enum pl_checkpoint_part part)
{
    static const char *const outer[] = {"", "base_model.model.", NULL};
    struct entry *entry = NULL;
    for (int i = 0; part == PL_PART_HEAD && outer[i] && !entry; i++) {
        entry = find_behind(folder, outer[i], place->name);
    }
    return entry ? entry : find_behind(folder, folder->prefix, place->name);
}

static void find_prefix(struct folder *folder)
{
    static const char *const prefixes[] = {"model.", "transformer.", "base_model.model.model.", "",
                                           NULL};
    struct pl_checkpoint_tensor first = {0};
    struct pl_hf_place place;
    pl_checkpoint_next(&folder->model, &first); /* the embeddings */
    pl_hf_place(&folder->model, &first, &place);
    int i = 0;
    while (prefixes[i + 1] && !find_behind(folder, prefixes[i], place.name)) {
        i++;
    }
    folder->prefix = prefixes[i];
}

static enum pl_status index_tensors(struct pl_context *context, struct folder *folder)
{
    size_t count = 0;
    for (int32_t i = 0; i < folder->shards.count; i++) {
        count += folder->shards.items[i].file.count;
    }
    folder->entries = pl_new(context, count, sizeof *folder->entries);
    if (!folder->entries) {
        return context->status;
    }
    for (int32_t i = 0; i < folder->shards.count; i++) {
        const struct pl_shard *shard = &folder->shards.items[i];
        for (size_t t = 0; t < shard->file.count; t++) {
            folder->entries[folder->count++] =
                (struct entry){&shard->file.tensors[t], shard, false};
        }
    }
    if (count > 0) {
        qsort(folder->entries, folder->count, sizeof *folder->entries, by_name);
    }
    find_prefix(folder);
    return PL_OK;
}

/* ---- Faults ------------------------------------------------------------------------------ */

static enum pl_status complain(struct pl_context *context, struct folder *folder,
                               const char *format, ...) PL_PRINTF(3, 4);

static enum pl_status complain(struct pl_context *context, struct folder *folder,
                               const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (folder->fault_count++ >= NAMED_MOST) {
        return PL_OK;
    }
    return pl_buffer_printf(context, &folder->faults, "%s%s", folder->faults.size ? "; " : "",
                            text);
}

static const char *file_of(const struct entry *entry)
{
    const char *path = entry->shard->bytes.name, *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static enum pl_status complain_missing(struct pl_context *context, struct folder *folder,
                                       const struct pl_checkpoint_tensor *tensor,
                                       const struct pl_hf_place *place)
{
    if (tensor->part == PL_PART_HEAD) {
        return complain(context, folder, "tensor '%s' is absent and tie_word_embeddings is false",
                        place->name);
    }
    return complain(context, folder, "tensor '%s%s' is missing", folder->prefix, place->name);
}

/* What config.json says about a side of a matrix, for messages. */
static void explain_rows(const struct pl_checkpoint *model, enum pl_checkpoint_part part,
                         char *text, size_t size)
{
    const bool keys =
        part == PL_PART_K || part == PL_PART_V || part == PL_PART_K_BIAS || part == PL_PART_V_BIAS;
    const bool queries = part == PL_PART_Q || part == PL_PART_OUT || part == PL_PART_Q_BIAS;
    *text = '\0';
    if (keys || queries) {
        snprintf(text, size, " (%lld heads of %lld)",
                 (long long)(keys ? model->kv_heads : model->heads), (long long)model->head_dim);
    }
}

static enum pl_status complain_shape(struct pl_context *context, struct folder *folder,
                                     const struct pl_checkpoint_tensor *tensor,
                                     const struct entry *entry, const int64_t *expected)
{
    struct pl_buffer have = {0}, want = {0};
    char why[96];
    explain_rows(&folder->model, tensor->part, why, sizeof why);
    enum pl_status status = pl_shape_text(context, &have, entry->tensor->rank, entry->tensor->dims);
    if (!status) {
        status = pl_shape_text(context, &want, tensor->rank, expected);
    }
    if (!status) {
        status = complain(context, folder, "%s: tensor '%s' is %s, config.json makes it %s%s",
                          file_of(entry), entry->tensor->name, have.data, want.data, why);
    }
    pl_buffer_release(&have);
    pl_buffer_release(&want);
    return status;
}

/* Buffers that some files carry and nobody needs. */
static bool is_idle(const struct folder *folder, const char *name)
{
    static const char *const endings[] = {"rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias"};
    const size_t size = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t length = strlen(endings[i]);
        if (size >= length && strcmp(name + size - length, endings[i]) == 0) {
            return true;
        }
    }
    return folder->model.tie && size >= 14 && strcmp(name + size - 14, "lm_head.weight") == 0;
}

/* The shape in the file. */
static void expected_dims(const struct pl_checkpoint_tensor *tensor,
                          const struct pl_hf_place *place, int64_t dims[2])
{
    const int64_t rows = tensor->dims[0] * place->of;
    dims[0] = place->columns ? tensor->dims[1] : rows;
    dims[1] = place->columns ? rows : tensor->dims[1];
}

static enum pl_status check_tensor(struct pl_context *context, struct folder *folder,
                                   const struct pl_checkpoint_tensor *tensor)
{
    struct pl_hf_place place;
    int64_t dims[2];
    pl_hf_place(&folder->model, tensor, &place);
    struct entry *entry = find_place(folder, &place, tensor->part);
    if (!entry) {
        return place.part > 0 ? PL_OK : complain_missing(context, folder, tensor, &place);
    }
    entry->used = true;
    expected_dims(tensor, &place, dims);
    if (entry->tensor->rank != tensor->rank ||
        memcmp(entry->tensor->dims, dims, (size_t)tensor->rank * sizeof *dims) != 0) {
        return place.part > 0 ? PL_OK : complain_shape(context, folder, tensor, entry, dims);
    }
    return pl_dtype_is_float(entry->tensor->dtype)
               ? PL_OK
               : complain(context, folder, "%s: tensor '%s' is %s, not floating point",
                          file_of(entry), entry->tensor->name, pl_dtype_name(entry->tensor->dtype));
}

/* Most config.json do not tell which biases there are. */
static void find_biases(struct folder *folder)
{
    const bool gpt2 = folder->model.positions > 0;
    folder->model.qkv_bias =
        gpt2 || find_behind(folder, folder->prefix, "layers.0.self_attn.q_proj.bias");
    folder->model.out_bias =
        gpt2 || find_behind(folder, folder->prefix, "layers.0.self_attn.o_proj.bias");
}

static enum pl_status check_tensors(struct pl_context *context, struct folder *folder)
{
    struct pl_checkpoint_tensor tensor = {0};
    enum pl_status status = PL_OK;
    find_biases(folder);
    while (!status && pl_checkpoint_next(&folder->model, &tensor)) {
        status = check_tensor(context, folder, &tensor);
    }
    for (size_t i = 0; i < folder->count && !status; i++) {
        const struct entry *entry = &folder->entries[i];
        if (!entry->used && !is_idle(folder, entry->tensor->name)) {
            status = complain(context, folder, "%s: tensor '%s' has no place in a %s model",
                              file_of(entry), entry->tensor->name,
                              folder->model.positions > 0 ? "gpt2" : "llama-like");
        }
    }
    if (status || folder->fault_count == 0) {
        return status;
    }
    char more[48] = "";
    if (folder->fault_count > NAMED_MOST) {
        snprintf(more, sizeof more, "; and %zu more", folder->fault_count - NAMED_MOST);
    }
    return pl_fail(context, PL_BAD_DATA, "%.*s: %s%s", (int)strlen(folder->path) - 1, folder->path,
                   folder->faults.data, more);
}

/* ---- Opening ----------------------------------------------------------------------------- */

static enum pl_status read_config(struct pl_context *context, struct folder *folder)
{
    const uint8_t *data;
    size_t size;
    struct pl_bytes *bytes = folder->config_bytes;
    const char *slash = strrchr(bytes->name, '/');
    enum pl_status status = pl_bytes_rest(context, bytes, &data, &size);
    if (!status && size > DOCUMENT_MOST) {
        status = pl_bytes_fail(context, bytes, PL_BAD_DATA, "%zu bytes of configuration", size);
    }
    if (!status) {
        status = pl_json_parse(context, &folder->config, bytes->name, (const char *)data, size);
    }
    if (status) {
        return status;
    }
    folder->path = slash ? pl_copy_bytes(context, bytes->name, (size_t)(slash - bytes->name + 1))
                         : pl_copy_text(context, "./");
    if (!folder->path) {
        return context->status;
    }
    pl_bytes_skip(bytes, size);
    if (!folder->config.root || folder->config.root->kind != PL_META_MAP) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA, "not an object");
    }
    status = pl_hf_config_read(context, folder->config.root, &folder->model);
    return status ? pl_fail_at(context, "%s", bytes->name) : PL_OK;
}

/* The path of a file of the folder, or NULL when it is not there (or there was a failure). */
static const char *path_in(struct pl_context *context, const struct folder *folder,
                           const char *name, struct pl_buffer *path)
{
    path->size = 0;
    if (pl_buffer_printf(context, path, "%s%s", folder->path, name)) {
        return NULL;
    }
    return access(path->data, F_OK) == 0 ? path->data : NULL;
}

static enum pl_status open_shards(struct pl_context *context, struct folder *folder)
{
    struct pl_buffer path = {0};
    enum pl_status status = PL_OK;
    if (path_in(context, folder, "model.safetensors.index.json", &path) ||
        path_in(context, folder, "model.safetensors", &path)) {
        status = pl_shards_open(context, path.data, &folder->shards);
    } else if (path_in(context, folder, "pytorch_model.bin", &path)) {
        status = pl_fail(context, PL_BAD_DATA,
                         "%s: only safetensors are read from a folder: ts-import %s | ts-export -f "
                         "safetensors -o %smodel.safetensors",
                         path.data, path.data, folder->path);
    } else {
        status = pl_fail(context, PL_BAD_DATA,
                         "%.*s: a folder without model.safetensors.index.json or model.safetensors",
                         (int)strlen(folder->path) - 1, folder->path);
    }
    pl_buffer_release(&path);
    return status;
}

static void close_folder(struct folder *folder)
{
    pl_shards_close(&folder->shards);
    pl_meta_release(&folder->config);
    pl_buffer_release(&folder->faults);
    free(folder->entries);
    free(folder->path);
}

/* ---- Copying ----------------------------------------------------------------------------- */

static enum pl_status copy_tensor(struct pl_context *context, struct folder *folder,
                                  const struct pl_checkpoint_tensor *tensor,
                                  struct pl_writer *writer)
{
    struct pl_hf_place place;
    pl_hf_place(&folder->model, tensor, &place);
    struct entry *entry = find_place(folder, &place, tensor->part);
    const struct pl_safetensor *source = entry->tensor;
    const size_t size = pl_dtype_size(source->dtype);
    const int64_t rows = tensor->dims[0], width = tensor->rank == 2 ? tensor->dims[1] : 1;
    struct pl_checkpoint_elements elements = {
        .data = entry->shard->data + source->begin,
        .dtype = source->dtype,
        .layout = place.columns ? PL_LAYOUT_COLUMNS : PL_LAYOUT_ROWS,
        .stride = rows * place.of,
    };
    elements.data += (size_t)(place.part * rows * (place.columns ? 1 : width)) * size;
    enum pl_status status = pl_checkpoint_copy(context, tensor, &elements, writer);
    pl_bytes_give_back(&entry->shard->bytes, entry->shard->data + source->begin,
                       (size_t)(source->end - source->begin));
    return status;
}

/* Files beside the weights that are documents travel as such. */
static enum pl_status copy_documents(struct pl_context *context, struct folder *folder,
                                     struct pl_writer *writer)
{
    struct pl_buffer path = {0};
    enum pl_status status = pl_writer_meta(context, writer, "config.json", folder->config.root);
    for (int i = 0; pl_hf_documents[i] && !status; i++) {
        char *text = NULL;
        size_t size;
        struct pl_meta document = {0};
        if (!path_in(context, folder, pl_hf_documents[i], &path)) {
            continue;
        }
        status = pl_file_load(context, path.data, DOCUMENT_MOST, &text, &size);
        if (!status) {
            status = pl_json_parse(context, &document, path.data, text, size);
        }
        if (!status && document.root) {
            status = pl_writer_meta(context, writer, pl_hf_documents[i], document.root);
        }
        pl_meta_release(&document);
        free(text);
    }
    pl_buffer_release(&path);
    return status;
}

static enum pl_status copy_tokenizer(struct pl_context *context, struct folder *folder,
                                     const struct pl_import *import, struct pl_writer *writer)
{
    struct pl_buffer path = {0};
    char *text = NULL;
    size_t size;
    enum pl_status status = PL_OK;
    struct pl_import own = *import;
    if (!import->tokenizer && path_in(context, folder, "tokenizer.json", &path)) {
        status = pl_file_load(context, path.data, TOKENIZER_MOST, &text, &size);
        own.tokenizer = text;
        own.tokenizer_size = size;
    } else if (!import->tokenizer && path_in(context, folder, "tokenizer.model", &path)) {
        pl_warn(context, "%s is left out: ts-import --tokenizer takes it in", path.data);
    }
    if (!status) {
        status = pl_import_tokenizer(context, &own, folder->path, folder->model.vocabulary, writer);
    }
    free(text);
    pl_buffer_release(&path);
    return status;
}

static enum pl_status copy_all(struct pl_context *context, struct folder *folder,
                               const struct pl_import *import, struct pl_writer *writer)
{
    struct pl_checkpoint_tensor tensor = {0};
    enum pl_status status = pl_checkpoint_write(context, &folder->model, writer);
    if (!status) {
        status = copy_documents(context, folder, writer);
    }
    if (!status) {
        status = copy_tokenizer(context, folder, import, writer);
    }
    while (!status && pl_checkpoint_next(&folder->model, &tensor)) {
        status = copy_tensor(context, folder, &tensor, writer);
    }
    return status;
}

enum pl_status pl_hf_import(struct pl_context *context, const struct pl_import *import,
                            struct pl_bytes *bytes, struct pl_writer *writer)
{
    struct folder folder = {.config_bytes = bytes};
    uint32_t sum;
    enum pl_status status = read_config(context, &folder);
    if (!status) {
        status = open_shards(context, &folder);
    }
    if (!status) {
        status = index_tensors(context, &folder);
    }
    if (!status) {
        status = check_tensors(context, &folder);
    }
    if (!status) {
        status = copy_all(context, &folder, import, writer);
    }
    if (!status) {
        status = pl_bytes_sum(context, bytes, &sum);
    }
    if (!status) {
        status = pl_shards_sum(context, &folder.shards, &sum);
    }
    if (!status) {
        pl_bytes_set_sum(bytes, sum);
    }
    close_folder(&folder);
    return status;
}
