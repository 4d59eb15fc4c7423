/* A model as a folder in the layout of Hugging Face: config.json, model.safetensors,
 * tokenizer.json and what documents came with the model.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "formats/collect.h"
#include "formats/exporters.h"
#include "formats/hf.h"

enum { SIDE_BY_SIDE = 3, BAND = 1 << 20 };

/* What comes with a model: its own document, then those that become files. */
enum { MODEL, CONFIG, TOKENIZER_CONFIG };
static const char *const documents[] = {"model",
                                        "config.json",
                                        "tokenizer_config.json",
                                        "special_tokens_map.json",
                                        "generation_config.json",
                                        NULL};

/* A tensor of the folder, and the parameters it is made of. */
struct piece {
    const struct pl_collected *sources[SIDE_BY_SIDE];
    int64_t of;   /* sources side by side */
    bool columns; /* [in, out] */
};

struct folder {
    const char *path;
    const char *source; /* of the model, for messages */
    struct pl_collection collection;
    struct pl_checkpoint model;
    struct pl_collection tensors; /* as they are in the folder; the names are in the arena */
    struct piece *pieces;
    struct pl_arena arena;
};

static enum pl_status fail(struct pl_context *context, const struct folder *folder,
                           const char *name, const char *what)
{
    return pl_fail(context, PL_BAD_DATA, "%s: parameter '%s' %s", folder->source, name, what);
}

/* ---- What goes where --------------------------------------------------------------------- */

static enum pl_status check_source(struct pl_context *context, const struct folder *folder,
                                   const struct pl_checkpoint_tensor *tensor,
                                   const struct pl_collected *source)
{
    if (!source) {
        return fail(context, folder, tensor->name, "is missing");
    }
    if (source->rank != tensor->rank ||
        memcmp(source->dims, tensor->dims, (size_t)tensor->rank * sizeof *tensor->dims) != 0) {
        return fail(context, folder, tensor->name, "has another shape than the model says");
    }
    return pl_dtype_is_float(source->dtype)
               ? PL_OK
               : fail(context, folder, tensor->name, "is not floating point");
}

static enum pl_status add_tensor(struct pl_context *context, struct folder *folder,
                                 const struct pl_checkpoint_tensor *tensor,
                                 const struct pl_hf_place *place, const struct pl_collected *source)
{
    static const char *const prefixes[] = {"model.", "transformer."};
    struct pl_collected *item = &folder->tensors.items[folder->tensors.count];
    const size_t size = strlen(place->name) + 16;
    const char *prefix = prefixes[folder->model.positions > 0];
    const int64_t rows = tensor->dims[0] * place->of;
    char *name = pl_arena_new(context, &folder->arena, size, 1);
    if (!name) {
        return context->status;
    }
    strcpy(name, tensor->part == PL_PART_HEAD ? "" : prefix);
    strcat(name, place->name);
    *item = (struct pl_collected){.name = name, .dtype = source->dtype, .rank = tensor->rank};
    item->dims[0] = place->columns ? tensor->dims[1] : rows;
    item->dims[1] = place->columns ? rows : tensor->dims[1];
    item->bytes = source->bytes * (uint64_t)place->of;
    folder->pieces[folder->tensors.count++] =
        (struct piece){.sources = {source}, .of = place->of, .columns = place->columns};
    return PL_OK;
}

/* q, k and v of GPT-2 follow each other, with nothing between, but biases behind weights. */
static enum pl_status add_part(struct pl_context *context, struct folder *folder,
                               const struct pl_checkpoint_tensor *tensor,
                               const struct pl_hf_place *place, const struct pl_collected *source)
{
    struct piece *piece = &folder->pieces[folder->tensors.count - 1];
    if (source->dtype != piece->sources[0]->dtype) {
        return fail(context, folder, tensor->name, "has another type than that of the queries");
    }
    piece->sources[place->part] = source;
    return PL_OK;
}

static enum pl_status plan_tensors(struct pl_context *context, struct folder *folder)
{
    struct pl_checkpoint_tensor tensor = {0};
    const size_t most = folder->collection.count;
    enum pl_status status = PL_OK;
    folder->tensors.items =
        pl_arena_new(context, &folder->arena, most, sizeof(struct pl_collected));
    folder->pieces = pl_arena_new(context, &folder->arena, most, sizeof *folder->pieces);
    if (!folder->tensors.items || !folder->pieces) {
        return context->status;
    }
    while (!status && pl_checkpoint_next(&folder->model, &tensor)) {
        struct pl_hf_place place;
        const struct pl_collected *source = pl_collection_find(&folder->collection, tensor.name);
        pl_hf_place(&folder->model, &tensor, &place);
        status = check_source(context, folder, &tensor, source);
        if (!status) {
            status = place.part == 0 ? add_tensor(context, folder, &tensor, &place, source)
                                     : add_part(context, folder, &tensor, &place, source);
        }
    }
    return status;
}

/* ---- Writing ----------------------------------------------------------------------------- */

static enum pl_status open_file(struct pl_context *context, const struct folder *folder,
                                const char *name, struct pl_sink *sink)
{
    struct pl_buffer path = {0};
    size_t size = strlen(folder->path);
    while (size > 1 && folder->path[size - 1] == '/') {
        size--;
    }
    enum pl_status status =
        pl_buffer_printf(context, &path, "%.*s/%s", (int)size, folder->path, name);
    if (!status) {
        status = pl_sink_open(context, sink, path.data);
    }
    pl_buffer_release(&path);
    return status;
}

static enum pl_status write_file(struct pl_context *context, const struct folder *folder,
                                 const char *name, const void *bytes, size_t size)
{
    struct pl_sink sink;
    enum pl_status status = open_file(context, folder, name, &sink);
    if (!status) {
        status = pl_sink_write(context, &sink, bytes, size);
        status = pl_sink_close(context, &sink, status);
    }
    return status;
}

static enum pl_status write_document(struct pl_context *context, const struct folder *folder,
                                     const char *name, const struct pl_meta_node *root)
{
    struct pl_buffer text = {0};
    enum pl_status status = pl_json_write(context, root, &text);
    if (!status) {
        status = pl_buffer_text(context, &text, "\n");
    }
    if (!status) {
        status = write_file(context, folder, name, text.data, text.size);
    }
    pl_buffer_release(&text);
    return status;
}

/* The sources' columns as rows, side by side: a band of rows at a time. */
static enum pl_status write_columns(struct pl_context *context, const struct pl_collected *item,
                                    const struct piece *piece, struct pl_sink *sink)
{
    const size_t size = pl_dtype_size(item->dtype), row = (size_t)item->dims[1] * size;
    const int64_t in = item->dims[0], out = item->dims[1] / piece->of;
    int64_t band = row < BAND ? (int64_t)(BAND / row) : 1;
    band = band < in ? band : in;
    char *gathered = pl_new(context, (size_t)band, row);
    enum pl_status status = gathered ? PL_OK : context->status;
    for (int64_t first = 0; first < in && !status; first += band) {
        const int64_t count = in - first < band ? in - first : band;
        for (int64_t o = 0; o < item->dims[1]; o++) {
            const char *from = piece->sources[o / out]->data;
            from += (size_t)(o % out * in + first) * size;
            for (int64_t i = 0; i < count; i++) {
                memcpy(gathered + (size_t)i * row + (size_t)o * size, from + (size_t)i * size,
                       size);
            }
        }
        status = pl_sink_write(context, sink, gathered, (size_t)count * row);
    }
    free(gathered);
    return status;
}

static enum pl_status write_tensor(struct pl_context *context, const struct pl_collected *item,
                                   const struct piece *piece, struct pl_sink *sink)
{
    enum pl_status status = PL_OK;
    if (piece->columns) {
        return write_columns(context, item, piece, sink);
    }
    for (int64_t i = 0; i < piece->of && !status; i++) {
        status = pl_collected_write(context, piece->sources[i], sink);
    }
    return status;
}

static enum pl_status write_weights(struct pl_context *context, struct folder *folder)
{
    struct pl_buffer header = {0};
    struct pl_sink sink;
    struct pl_meta *metadata = &folder->tensors.documents[0];
    struct pl_meta_node *root = pl_meta_add_map(context, metadata, NULL, NULL);
    pl_meta_add_text(context, metadata, root, "format", "pt"); /* asked for by the reference */
    enum pl_status status = pl_meta_ok(metadata, context) ? PL_OK : context->status;
    if (!status) {
        status = pl_safetensors_header(context, &folder->tensors, &header);
    }
    if (!status) {
        status = open_file(context, folder, "model.safetensors", &sink);
    }
    if (!status) {
        status = pl_sink_write(context, &sink, header.data, header.size);
        for (size_t i = 0; i < folder->tensors.count && !status; i++) {
            const struct piece *piece = &folder->pieces[i];
            status = write_tensor(context, &folder->tensors.items[i], piece, &sink);
            for (int64_t part = 0; part < piece->of; part++) {
                pl_collected_give_back(piece->sources[part]);
            }
        }
        status = pl_sink_close(context, &sink, status);
    }
    pl_buffer_release(&header);
    return status;
}

static const char *type_word(enum pl_dtype dtype)
{
    return dtype == PL_BF16  ? "bfloat16"
           : dtype == PL_F16 ? "float16"
           : dtype == PL_F64 ? "float64"
                             : "float32";
}

static enum pl_status write_config(struct pl_context *context, struct folder *folder)
{
    struct pl_meta out = {0};
    const struct pl_meta_node *config = folder->collection.documents[CONFIG].root;
    enum pl_status status = pl_hf_config_write(context, &folder->model, config, &out);
    if (!status && !pl_meta_find(out.root, "torch_dtype") && !pl_meta_find(out.root, "dtype")) {
        pl_meta_add_text(context, &out, out.root, "torch_dtype",
                         type_word(folder->tensors.items[0].dtype));
        status = pl_meta_ok(&out, context) ? PL_OK : context->status;
    }
    if (!status) {
        status = write_document(context, folder, "config.json", out.root);
    }
    pl_meta_release(&out);
    return status;
}

/* Without it the reference does not know what kind of tokenizer tokenizer.json is for. */
static enum pl_status write_tokenizer_config(struct pl_context *context,
                                             const struct folder *folder)
{
    static const char text[] = "{\"tokenizer_class\":\"PreTrainedTokenizerFast\"}\n";
    return write_file(context, folder, "tokenizer_config.json", text, sizeof text - 1);
}

static enum pl_status write_rest(struct pl_context *context, struct folder *folder)
{
    const struct pl_collected *tokenizer =
        pl_collection_find(&folder->collection, "tokenizer.json");
    enum pl_status status = PL_OK;
    if (tokenizer) {
        status = write_file(context, folder, "tokenizer.json", tokenizer->data,
                            (size_t)tokenizer->bytes);
        if (!status && !folder->collection.documents[TOKENIZER_CONFIG].root) {
            status = write_tokenizer_config(context, folder);
        }
    }
    for (int i = TOKENIZER_CONFIG; documents[i] && !status; i++) {
        const struct pl_meta_node *root = folder->collection.documents[i].root;
        status = root ? write_document(context, folder, documents[i], root) : PL_OK;
    }
    return status;
}

static enum pl_status make_folder(struct pl_context *context, const char *path)
{
    struct stat entry;
    if (mkdir(path, 0777) == 0 || (stat(path, &entry) == 0 && S_ISDIR(entry.st_mode))) {
        return PL_OK;
    }
    return pl_fail_errno(context, "cannot make the folder '%s'", path);
}

/* config.json comes last: a folder without it is none. */
static enum pl_status write_folder(struct pl_context *context, struct folder *folder)
{
    enum pl_status status = make_folder(context, folder->path);
    if (!status) {
        status = write_weights(context, folder);
    }
    if (!status) {
        status = write_rest(context, folder);
    }
    return status ? status : write_config(context, folder);
}

enum pl_status pl_hf_export(struct pl_context *context, struct pl_reader *reader,
                            const struct pl_export *export, const char *path)
{
    struct folder folder = {.path = path, .source = pl_reader_name(reader)};
    if (!path || strcmp(path, "-") == 0) {
        return pl_fail(context, PL_USAGE, "-f hf writes a folder: -o names it");
    }
    if (export->names.count > 0) {
        return pl_fail(context, PL_USAGE, "-f hf writes a whole model: --name picks none of it");
    }
    enum pl_status status = pl_collect(context, &folder.collection, reader, export, documents);
    if (status) {
        return status;
    }
    const struct pl_meta_node *model = folder.collection.documents[MODEL].root;
    if (!model) {
        status = pl_fail(context, PL_BAD_DATA, "%s: expected a model, found none", folder.source);
    } else if ((status = pl_checkpoint_read(context, &folder.model, model))) {
        pl_fail_at(context, "%s", folder.source);
    }
    if (!status) {
        status = plan_tensors(context, &folder);
    }
    if (!status) {
        status = write_folder(context, &folder);
    }
    pl_meta_release(&folder.tensors.documents[0]);
    pl_collection_release(&folder.collection);
    pl_arena_release(&folder.arena);
    return status;
}
