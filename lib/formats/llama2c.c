/* The checkpoints of llama2.c, version 0: seven numbers, then all weights as f32.
 * SPDX-License-Identifier: MIT
 *
 *     dim  mlp  layers  heads  kv_heads  vocabulary  sequence      i32 each; a vocabulary below 0:
 *                                                                  the head is no embedding
 *     embeddings, then of all layers attn_norm, q, k, v, o, mlp_norm, gate, down, up, then norm,
 *     two tables of sequence * head_dim / 2 that nobody needs, the head
 *
 * There is no magic number: a file is one when the numbers go together (pl_llama2c_sniff), and its
 * size must be what they make it.  Rows of q and k are in pairs, as the first Llama had them. */
#include <string.h>

#include "formats/checkpoint.h"
#include "formats/importers.h"

enum { NUMBERS = 7, HEADER = NUMBERS * 4, BOS = 1, EOS = 2 };

static const enum pl_checkpoint_part order[] = {
    PL_PART_EMBEDDINGS, PL_PART_MIX_NORM, PL_PART_Q,        PL_PART_K,
    PL_PART_V,          PL_PART_OUT,      PL_PART_MLP_NORM, PL_PART_GATE,
    PL_PART_DOWN,       PL_PART_UP,       PL_PART_NORM,     PL_PART_START, /* the tables */
    PL_PART_HEAD};

static int32_t number_at(const uint8_t *bytes, int index)
{
    uint32_t value = 0;
    for (int i = 3; i >= 0; i--) {
        value = value << 8 | bytes[index * 4 + i];
    }
    return (int32_t)value;
}

static struct pl_checkpoint read_numbers(const uint8_t *bytes)
{
    struct pl_checkpoint model;
    pl_checkpoint_init(&model);
    model.dim = number_at(bytes, 0);
    model.mlp = number_at(bytes, 1);
    model.layers = number_at(bytes, 2);
    model.heads = number_at(bytes, 3);
    model.kv_heads = number_at(bytes, 4);
    model.vocabulary = number_at(bytes, 5);
    model.sequence = number_at(bytes, 6);
    model.tie = model.vocabulary > 0;
    model.vocabulary = model.tie ? model.vocabulary : -model.vocabulary;
    model.head_dim = model.heads > 0 ? model.dim / model.heads : 0;
    model.norm_eps = 1e-5;
    return model;
}

bool pl_llama2c_sniff(const uint8_t *bytes, size_t size)
{
    if (size < HEADER) {
        return false;
    }
    const struct pl_checkpoint d = read_numbers(bytes);
    return d.dim >= 2 && d.dim <= 1 << 16 && d.mlp >= 1 && d.mlp <= 1 << 20 && d.layers >= 1 &&
           d.layers <= 1024 && d.heads >= 1 && d.heads <= d.dim && d.dim % d.heads == 0 &&
           d.head_dim % 2 == 0 && d.kv_heads >= 1 && d.kv_heads <= d.heads &&
           d.heads % d.kv_heads == 0 && d.vocabulary >= 2 && d.vocabulary <= 1 << 24 &&
           d.sequence >= 1 && d.sequence <= 1 << 24;
}

/* Elements of a part, of all layers together. */
static int64_t part_size(const struct pl_checkpoint *model, enum pl_checkpoint_part part)
{
    struct pl_checkpoint_tensor tensor = {0};
    int64_t sum = 0;
    if (part == PL_PART_START) {
        return model->sequence * (model->head_dim / 2) * 2;
    }
    while (pl_checkpoint_next(model, &tensor)) {
        if (tensor.part == part) {
            sum += tensor.dims[0] * (tensor.rank == 2 ? tensor.dims[1] : 1);
        }
    }
    return sum;
}

/* Where each part begins, in elements behind the header, and where the file ends. */
struct places {
    int64_t begin[PL_PARTS], end;
};

static void find_places(const struct pl_checkpoint *model, struct places *places)
{
    *places = (struct places){0};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        places->begin[order[i]] = places->end;
        places->end += part_size(model, order[i]);
    }
}

static enum pl_status check_size(struct pl_context *context, const struct pl_bytes *bytes,
                                 const struct places *places, size_t size)
{
    const uint64_t promised = HEADER + (uint64_t)places->end * sizeof(float);
    if (size < promised) {
        return pl_bytes_fail(context, bytes, PL_INCOMPLETE,
                             "truncated: as a llama2.c checkpoint its header promises %llu bytes, "
                             "the file has %zu",
                             (unsigned long long)promised, size);
    }
    return size == promised
               ? PL_OK
               : pl_bytes_fail(context, bytes, PL_BAD_DATA,
                               "%llu bytes more than its header promises as a llama2.c checkpoint",
                               (unsigned long long)(size - promised));
}

/* What such files leave unsaid, for whoever writes the model as a folder. */
static enum pl_status write_config(struct pl_context *context, struct pl_writer *writer)
{
    struct pl_meta meta = {0};
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    pl_meta_add_int(context, &meta, root, "bos_token_id", BOS);
    pl_meta_add_int(context, &meta, root, "eos_token_id", EOS);
    enum pl_status status = pl_meta_ok(&meta, context)
                                ? pl_writer_meta(context, writer, "config.json", meta.root)
                                : context->status;
    pl_meta_release(&meta);
    return status;
}

static enum pl_status copy_tensors(struct pl_context *context, const struct pl_checkpoint *model,
                                   const struct places *places, struct pl_bytes *bytes,
                                   const uint8_t *data, struct pl_writer *writer)
{
    struct pl_checkpoint_tensor tensor = {0};
    enum pl_status status = PL_OK;
    while (!status && pl_checkpoint_next(model, &tensor)) {
        const int64_t count = tensor.dims[0] * (tensor.rank == 2 ? tensor.dims[1] : 1);
        const int64_t at = places->begin[tensor.part] + tensor.layer * count;
        const bool pairs = tensor.part == PL_PART_Q || tensor.part == PL_PART_K;
        const struct pl_checkpoint_elements elements = {
            .data = data + HEADER + (size_t)at * sizeof(float),
            .dtype = PL_F32,
            .layout = pairs ? PL_LAYOUT_PAIRS : PL_LAYOUT_ROWS,
            .head_dim = model->head_dim,
        };
        status = pl_checkpoint_copy(context, &tensor, &elements, writer);
        pl_bytes_give_back(bytes, elements.data, (size_t)count * sizeof(float));
    }
    return status;
}

enum pl_status pl_llama2c_import(struct pl_context *context, const struct pl_import *import,
                                 struct pl_bytes *bytes, struct pl_writer *writer)
{
    const uint8_t *data;
    size_t size;
    struct places places;
    enum pl_status status = pl_bytes_rest(context, bytes, &data, &size);
    if (status) {
        return status;
    }
    if (size >= 8 && memcmp(data, "24ka", 4) == 0) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA,
                             "a llama2.c checkpoint of version %d: only version 0 is read",
                             number_at(data, 1));
    }
    if (!pl_llama2c_sniff(data, size)) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA,
                             "not a llama2.c checkpoint: its first numbers do not go together");
    }
    const struct pl_checkpoint model = read_numbers(data);
    find_places(&model, &places);
    status = check_size(context, bytes, &places, size);
    if (!status) {
        status = pl_checkpoint_write(context, &model, writer);
    }
    if (!status) {
        status = write_config(context, writer);
    }
    if (!status) {
        status = pl_import_tokenizer(context, import, bytes->name, model.vocabulary, writer);
    }
    if (!status) {
        status = copy_tensors(context, &model, &places, bytes, data, writer);
    }
    pl_bytes_skip(bytes, size);
    return status;
}
