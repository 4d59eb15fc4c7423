/* A decoder-only transformer as checkpoints describe it.
 * SPDX-License-Identifier: MIT */
#include "formats/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/importers.h"

void pl_checkpoint_init(struct pl_checkpoint *model)
{
    *model = (struct pl_checkpoint){.norm_eps = 1e-6,
                                    .rope_base = 10000,
                                    .rope_scaling = "none",
                                    .rope_factor = 1,
                                    .rope_low = 1,
                                    .rope_high = 4};
}

/* ---- The model document ------------------------------------------------------------------ */

static void add_configuration(struct pl_context *context, const struct pl_checkpoint *model,
                              struct pl_meta *meta, struct pl_meta_node *node)
{
    const struct {
        const char *name;
        int64_t value;
    } sizes[] = {{"vocabulary", model->vocabulary},
                 {"dim", model->dim},
                 {"heads", model->heads},
                 {"layers", model->layers},
                 {"mlp", model->mlp},
                 {"kv-heads", model->kv_heads},
                 {"head-dim", model->head_dim},
                 {"positions", model->positions},
                 {"window", model->window},
                 {"rope-original", model->rope_original}};
    const struct {
        const char *name;
        double value;
    } reals[] = {{"norm-eps", model->norm_eps},       {"rope-base", model->rope_base},
                 {"rope-factor", model->rope_factor}, {"rope-low", model->rope_low},
                 {"rope-high", model->rope_high},     {"rope-amplitude", model->rope_amplitude}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        pl_meta_add_int(context, meta, node, sizes[i].name, sizes[i].value);
    }
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        pl_meta_add_real(context, meta, node, reals[i].name, reals[i].value);
    }
    pl_meta_add_bool(context, meta, node, "tie", model->tie);
    pl_meta_add_bool(context, meta, node, "qk-norm", model->qk_norm);
    pl_meta_add_text(context, meta, node, "bias",
                     model->out_bias   ? "attention"
                     : model->qkv_bias ? "qkv"
                                       : "none");
    pl_meta_add_text(context, meta, node, "rope-scaling", model->rope_scaling);
}

static int64_t count_parameters(const struct pl_checkpoint *model)
{
    struct pl_checkpoint_tensor tensor = {0};
    int64_t sum = 0;
    while (pl_checkpoint_next(model, &tensor)) {
        sum += tensor.dims[0] * (tensor.rank == 2 ? tensor.dims[1] : 1);
    }
    return sum;
}

enum pl_status pl_checkpoint_write(struct pl_context *context, const struct pl_checkpoint *model,
                                   struct pl_writer *writer)
{
    struct pl_meta meta = {0};
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    pl_meta_add_text(context, &meta, root, "type", "transformer");
    pl_meta_add_int(context, &meta, root, "parameters", count_parameters(model));
    pl_meta_add_int(context, &meta, root, "sequence", model->sequence);
    add_configuration(context, model, &meta,
                      pl_meta_add_map(context, &meta, root, "configuration"));
    enum pl_status status = pl_meta_ok(&meta, context) ? PL_OK : context->status;
    if (!status) {
        status = pl_writer_kind(context, writer, "model");
    }
    if (!status) {
        status = pl_writer_meta(context, writer, "model", meta.root);
    }
    pl_meta_release(&meta);
    return status;
}

static enum pl_status read_configuration(struct pl_context *context, struct pl_checkpoint *model,
                                         const struct pl_meta_node *node)
{
    const struct {
        const char *name;
        int64_t *value;
    } sizes[] = {{"vocabulary", &model->vocabulary},
                 {"dim", &model->dim},
                 {"heads", &model->heads},
                 {"layers", &model->layers},
                 {"mlp", &model->mlp},
                 {"kv-heads", &model->kv_heads},
                 {"head-dim", &model->head_dim},
                 {"positions", &model->positions},
                 {"window", &model->window},
                 {"rope-original", &model->rope_original}};
    const struct {
        const char *name;
        double *value;
    } reals[] = {{"norm-eps", &model->norm_eps},       {"rope-base", &model->rope_base},
                 {"rope-factor", &model->rope_factor}, {"rope-low", &model->rope_low},
                 {"rope-high", &model->rope_high},     {"rope-amplitude", &model->rope_amplitude}};
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && !status; i++) {
        status = pl_meta_int(context, node, sizes[i].name, sizes[i].value);
    }
    for (size_t i = 0; i < sizeof reals / sizeof *reals && !status; i++) {
        status = pl_meta_real(context, node, reals[i].name, reals[i].value);
    }
    const char *bias = "none";
    if (!status) {
        status = pl_meta_bool(context, node, "tie", &model->tie);
    }
    if (!status) {
        status = pl_meta_bool(context, node, "qk-norm", &model->qk_norm);
    }
    if (!status) {
        status = pl_meta_text(context, node, "bias", &bias);
    }
    if (!status) {
        status = pl_meta_text(context, node, "rope-scaling", &model->rope_scaling);
    }
    model->out_bias = !status && strcmp(bias, "attention") == 0;
    model->qkv_bias = model->out_bias || (!status && strcmp(bias, "qkv") == 0);
    return status;
}

static bool in_range(int64_t value, int64_t most)
{
    return value >= 1 && value <= most;
}

enum pl_status pl_checkpoint_read(struct pl_context *context, struct pl_checkpoint *model,
                                  const struct pl_meta_node *document)
{
    const char *type = "nothing";
    pl_checkpoint_init(model);
    enum pl_status status = pl_meta_text(context, document, "type", &type);
    if (!status && strcmp(type, "transformer") != 0) {
        return pl_fail(context, PL_BAD_DATA,
                       "a model of type %s: checkpoints of other software have no place for it",
                       type);
    }
    const struct pl_meta_node *configuration = pl_meta_find(document, "configuration");
    if (!status) {
        status = pl_meta_int(context, document, "sequence", &model->sequence);
    }
    if (!status && configuration) {
        status = read_configuration(context, model, configuration);
    }
    if (status) {
        return status;
    }
    model->kv_heads = model->kv_heads ? model->kv_heads : model->heads;
    if (!in_range(model->vocabulary, 1 << 24) || !in_range(model->dim, 1 << 20) ||
        !in_range(model->layers, 1 << 16) || !in_range(model->heads, model->dim) ||
        !in_range(model->kv_heads, model->heads) || !in_range(model->mlp, 1 << 24)) {
        return pl_fail(context, PL_BAD_DATA, "its sizes are not those of a transformer");
    }
    model->head_dim = model->head_dim ? model->head_dim : model->dim / model->heads;
    return PL_OK;
}

/* ---- Parameters -------------------------------------------------------------------------- */

enum size { NONE, VOCABULARY, DIM, POSITIONS, QUERIES, KEYS, HEAD, MLP };
enum when { ALWAYS, GPT2, LLAMA, QKV_BIAS, OUT_BIAS, QK_NORM, UNTIED };

static const struct part {
    const char *name; /* behind "layers.N." where it is one of each layer */
    enum size rows, columns;
    enum when when;
} parts[PL_PARTS] = {
    [PL_PART_EMBEDDINGS] = {"embeddings.weight", VOCABULARY, DIM, ALWAYS},
    [PL_PART_POSITIONS] = {"positions.weight", POSITIONS, DIM, GPT2},
    [PL_PART_MIX_NORM] = {"attn_norm.weight", DIM, NONE, ALWAYS},
    [PL_PART_MIX_NORM_BIAS] = {"attn_norm.bias", DIM, NONE, GPT2},
    [PL_PART_Q] = {"attn.q_proj.weight", QUERIES, DIM, ALWAYS},
    [PL_PART_K] = {"attn.k_proj.weight", KEYS, DIM, ALWAYS},
    [PL_PART_V] = {"attn.v_proj.weight", KEYS, DIM, ALWAYS},
    [PL_PART_OUT] = {"attn.o_proj.weight", DIM, QUERIES, ALWAYS},
    [PL_PART_Q_BIAS] = {"attn.q_proj.bias", QUERIES, NONE, QKV_BIAS},
    [PL_PART_K_BIAS] = {"attn.k_proj.bias", KEYS, NONE, QKV_BIAS},
    [PL_PART_V_BIAS] = {"attn.v_proj.bias", KEYS, NONE, QKV_BIAS},
    [PL_PART_OUT_BIAS] = {"attn.o_proj.bias", DIM, NONE, OUT_BIAS},
    [PL_PART_Q_NORM] = {"attn.q_norm.weight", HEAD, NONE, QK_NORM},
    [PL_PART_K_NORM] = {"attn.k_norm.weight", HEAD, NONE, QK_NORM},
    [PL_PART_MLP_NORM] = {"mlp_norm.weight", DIM, NONE, ALWAYS},
    [PL_PART_MLP_NORM_BIAS] = {"mlp_norm.bias", DIM, NONE, GPT2},
    [PL_PART_GATE] = {"mlp.gate_proj.weight", MLP, DIM, LLAMA},
    [PL_PART_UP] = {"mlp.up_proj.weight", MLP, DIM, ALWAYS},
    [PL_PART_UP_BIAS] = {"mlp.up_proj.bias", MLP, NONE, GPT2},
    [PL_PART_DOWN] = {"mlp.down_proj.weight", DIM, MLP, ALWAYS},
    [PL_PART_DOWN_BIAS] = {"mlp.down_proj.bias", DIM, NONE, GPT2},
    [PL_PART_NORM] = {"norm.weight", DIM, NONE, ALWAYS},
    [PL_PART_NORM_BIAS] = {"norm.bias", DIM, NONE, GPT2},
    [PL_PART_HEAD] = {"lm_head.weight", VOCABULARY, DIM, UNTIED},
};

static int64_t size_of(const struct pl_checkpoint *model, enum size size)
{
    switch (size) {
    case VOCABULARY:
        return model->vocabulary;
    case DIM:
        return model->dim;
    case POSITIONS:
        return model->positions;
    case QUERIES:
        return model->heads * model->head_dim;
    case KEYS:
        return model->kv_heads * model->head_dim;
    case HEAD:
        return model->head_dim;
    case MLP:
        return model->mlp;
    default:
        return 0;
    }
}

static bool is_there(const struct pl_checkpoint *model, enum when when)
{
    switch (when) {
    case GPT2:
        return model->positions > 0;
    case LLAMA:
        return model->positions == 0;
    case QKV_BIAS:
        return model->qkv_bias;
    case OUT_BIAS:
        return model->out_bias;
    case QK_NORM:
        return model->qk_norm;
    case UNTIED:
        return !model->tie;
    default:
        return true;
    }
}

static bool of_layer(int part)
{
    return part >= PL_PART_MIX_NORM && part <= PL_PART_DOWN_BIAS;
}

bool pl_checkpoint_next(const struct pl_checkpoint *model, struct pl_checkpoint_tensor *tensor)
{
    int part = (int)tensor->part;
    int64_t layer = tensor->layer;
    do {
        part++;
        if (part == PL_PART_DOWN_BIAS + 1 && layer + 1 < model->layers) {
            part = PL_PART_MIX_NORM;
            layer++;
        }
        if (part == PL_PARTS) {
            return false;
        }
    } while (!is_there(model, parts[part].when));
    const struct part *entry = &parts[part];
    *tensor = (struct pl_checkpoint_tensor){
        .part = (enum pl_checkpoint_part)part,
        .layer = of_layer(part) ? layer : 0,
        .rank = entry->columns == NONE ? 1 : 2,
        .dims = {size_of(model, entry->rows), size_of(model, entry->columns)},
    };
    if (of_layer(part)) {
        snprintf(tensor->name, sizeof tensor->name, "layers.%lld.%s", (long long)layer,
                 entry->name);
    } else {
        snprintf(tensor->name, sizeof tensor->name, "%s", entry->name);
    }
    return true;
}

/* ---- Elements ---------------------------------------------------------------------------- */

enum { BAND = 1 << 20 }; /* bytes gathered at a time */

/* [in, out] with a stride, written [out, in]: a band of rows at a time, so that of each row of the
 * source a run of elements is read. */
static enum pl_status copy_columns(struct pl_context *context,
                                   const struct pl_checkpoint_tensor *tensor,
                                   const struct pl_checkpoint_elements *elements,
                                   struct pl_writer *writer)
{
    const size_t size = pl_dtype_size(elements->dtype);
    const int64_t out = tensor->dims[0], in = tensor->dims[1];
    const size_t row = (size_t)in * size;
    int64_t band = row < BAND ? (int64_t)(BAND / row) : 1;
    band = band < out ? band : out;
    uint8_t *gathered = pl_new(context, (size_t)band, row);
    enum pl_status status = gathered ? PL_OK : context->status;
    for (int64_t first = 0; first < out && !status; first += band) {
        const int64_t count = out - first < band ? out - first : band;
        for (int64_t i = 0; i < in; i++) {
            const uint8_t *from = elements->data + (size_t)(i * elements->stride + first) * size;
            uint8_t *to = gathered + (size_t)i * size;
            for (int64_t o = 0; o < count; o++) {
                memcpy(to + (size_t)o * row, from + (size_t)o * size, size);
            }
        }
        status = pl_writer_bytes(context, writer, gathered, (size_t)count * row);
    }
    free(gathered);
    return status;
}

static enum pl_status copy_pairs(struct pl_context *context,
                                 const struct pl_checkpoint_tensor *tensor,
                                 const struct pl_checkpoint_elements *elements,
                                 struct pl_writer *writer)
{
    const size_t row = (size_t)tensor->dims[1] * pl_dtype_size(elements->dtype);
    const int64_t dim = elements->head_dim, half = dim / 2;
    enum pl_status status = PL_OK;
    for (int64_t i = 0; i < tensor->dims[0] && !status; i++) {
        const int64_t channel = i % dim;
        const int64_t from =
            i - channel + (channel < half ? 2 * channel : 2 * (channel - half) + 1);
        status = pl_writer_bytes(context, writer, elements->data + (size_t)from * row, row);
    }
    return status;
}

enum pl_status pl_checkpoint_copy(struct pl_context *context,
                                  const struct pl_checkpoint_tensor *tensor,
                                  const struct pl_checkpoint_elements *elements,
                                  struct pl_writer *writer)
{
    const size_t count = (size_t)(tensor->dims[0] * (tensor->rank == 2 ? tensor->dims[1] : 1));
    enum pl_status status =
        pl_writer_begin(context, writer, tensor->name, elements->dtype, tensor->rank, tensor->dims);
    if (status) {
        return status;
    }
    if (elements->layout == PL_LAYOUT_COLUMNS) {
        status = copy_columns(context, tensor, elements, writer);
    } else if (elements->layout == PL_LAYOUT_PAIRS) {
        status = copy_pairs(context, tensor, elements, writer);
    } else {
        status = pl_writer_bytes(context, writer, elements->data,
                                 count * pl_dtype_size(elements->dtype));
    }
    return status ? status : pl_writer_finish(context, writer);
}

/* ---- The tokenizer ----------------------------------------------------------------------- */

enum pl_status pl_import_tokenizer(struct pl_context *context, const struct pl_import *import,
                                   const char *name, int64_t vocabulary, struct pl_writer *writer)
{
    const int64_t size = (int64_t)import->tokenizer_size;
    if (!import->tokenizer) {
        return PL_OK;
    }
    if (import->tokenizer_vocabulary > vocabulary) {
        return pl_fail(context, PL_BAD_DATA,
                       "%s: the tokenizer has %lld tokens, the model %lld: it is another model's",
                       name, (long long)import->tokenizer_vocabulary, (long long)vocabulary);
    }
    struct pl_tensor bytes = pl_tensor_view(PL_U8, 1, &size, (void *)(uintptr_t)import->tokenizer);
    return pl_writer_tensor(context, writer, "tokenizer.json", &bytes, PL_CODEC_RAW);
}
