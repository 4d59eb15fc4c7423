/* config.json: what a checkpoint folder says of its model, and how it calls the parameters.
 * SPDX-License-Identifier: MIT
 *
 * A key that is absent or null has the default that the reference software gives it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "formats/hf.h"

const char *const pl_hf_documents[] = {"tokenizer_config.json", "special_tokens_map.json",
                                       "generation_config.json", NULL};

enum { SIZE_MOST = 1 << 24 };

/* ---- Reading ----------------------------------------------------------------------------- */

static enum pl_status read_size(struct pl_context *context, const struct pl_meta_node *config,
                                const char *key, int64_t *value)
{
    enum pl_status status = pl_meta_int(context, config, key, value);
    if (!status && (*value < 0 || *value > SIZE_MOST)) {
        return pl_fail(context, PL_BAD_DATA, "%s: %lld is no size", key, (long long)*value);
    }
    return status;
}

/* The sizes that a model must have. */
static enum pl_status read_sizes(struct pl_context *context, const struct pl_meta_node *config,
                                 const char *const keys[5], struct pl_checkpoint *model)
{
    int64_t *const values[] = {&model->dim, &model->layers, &model->heads, &model->vocabulary,
                               &model->sequence};
    enum pl_status status = PL_OK;
    for (int i = 0; i < 5 && !status; i++) {
        status = read_size(context, config, keys[i], values[i]);
        if (!status && i < 4 && *values[i] == 0) {
            status = pl_fail(context, PL_BAD_DATA, "there is no %s", keys[i]);
        }
    }
    return status;
}

/* Refuses another value of a key than the one that is computed here. */
static enum pl_status expect_text(struct pl_context *context, const struct pl_meta_node *config,
                                  const char *key, const char *const values[])
{
    const char *text = NULL;
    enum pl_status status = pl_meta_text(context, config, key, &text);
    for (int i = 0; !status && text && values[i]; i++) {
        if (strcmp(values[i], text) == 0) {
            return PL_OK;
        }
    }
    return status || !text ? status
                           : pl_fail(context, PL_BAD_DATA, "%s '%s' is not supported", key, text);
}

static enum pl_status expect_flag(struct pl_context *context, const struct pl_meta_node *config,
                                  const char *key, bool value)
{
    bool flag = value;
    enum pl_status status = pl_meta_bool(context, config, key, &flag);
    return status || flag == value ? status
                                   : pl_fail(context, PL_BAD_DATA, "%s %s is not supported", key,
                                             flag ? "true" : "false");
}

/* rope_scaling, or rope_parameters in newer files. */
static enum pl_status read_scaling(struct pl_context *context, const struct pl_meta_node *map,
                                   struct pl_checkpoint *model)
{
    static const char *const kinds[] = {"linear", "dynamic", "llama3", "yarn", NULL};
    const char *kind = "default";
    enum pl_status status = pl_meta_text(context, map, "type", &kind);
    if (!status) {
        status = pl_meta_text(context, map, "rope_type", &kind);
    }
    if (status || strcmp(kind, "default") == 0) {
        return status;
    }
    for (int i = 0; kinds[i]; i++) {
        if (strcmp(kind, kinds[i]) == 0) {
            model->rope_scaling = kinds[i];
        }
    }
    if (strcmp(model->rope_scaling, "none") == 0) {
        return pl_fail(context, PL_BAD_DATA, "rope_scaling of kind '%s' is not supported", kind);
    }
    const bool llama3 = strcmp(kind, "llama3") == 0, yarn = strcmp(kind, "yarn") == 0;
    model->rope_original = llama3 ? 8192 : model->sequence;
    model->rope_high = yarn ? 32 : 4;
    const struct {
        const char *key;
        double *value;
        bool read;
    } reals[] = {{"factor", &model->rope_factor, true},
                 {"low_freq_factor", &model->rope_low, llama3},
                 {"high_freq_factor", &model->rope_high, llama3},
                 {"beta_slow", &model->rope_low, yarn},
                 {"beta_fast", &model->rope_high, yarn},
                 {"attention_factor", &model->rope_amplitude, yarn}};
    for (size_t i = 0; i < sizeof reals / sizeof *reals && !status; i++) {
        if (reals[i].read) {
            status = pl_meta_real(context, map, reals[i].key, reals[i].value);
        }
    }
    return status
               ? status
               : read_size(context, map, "original_max_position_embeddings", &model->rope_original);
}

static enum pl_status read_rope(struct pl_context *context, const struct pl_meta_node *config,
                                struct pl_checkpoint *model)
{
    const struct pl_meta_node *newer = pl_meta_find(config, "rope_parameters");
    const struct pl_meta_node *older = pl_meta_find(config, "rope_scaling");
    enum pl_status status = pl_meta_real(context, config, "rope_theta", &model->rope_base);
    if (!status && newer && newer->kind == PL_META_MAP) {
        status = pl_meta_real(context, newer, "rope_theta", &model->rope_base);
        return status ? status : read_scaling(context, newer, model);
    }
    if (status || !older || older->kind == PL_META_NULL) {
        return status;
    }
    return older->kind == PL_META_MAP
               ? read_scaling(context, older, model)
               : pl_fail(context, PL_BAD_DATA, "rope_scaling: not an object");
}

/* A window is one for all layers, or none. */
static enum pl_status read_window(struct pl_context *context, const struct pl_meta_node *config,
                                  bool used, struct pl_checkpoint *model)
{
    const struct pl_meta_node *types = pl_meta_find(config, "layer_types");
    int64_t window = 0, full_layers = 0;
    size_t sliding = 0, count = 0;
    enum pl_status status = pl_meta_bool(context, config, "use_sliding_window", &used);
    if (!status) {
        status = pl_meta_int(context, config, "sliding_window", &window);
    }
    if (!status) {
        status = pl_meta_int(context, config, "max_window_layers", &full_layers);
    }
    if (status || !used || window <= 0) {
        return status;
    }
    for (const struct pl_meta_node *node = types ? types->child : NULL; node; node = node->next) {
        sliding += node->kind == PL_META_SCALAR && strcmp(node->text, "sliding_attention") == 0;
        count++;
    }
    const bool mixed =
        count ? sliding > 0 && sliding < count : full_layers > 0 && full_layers < model->layers;
    const bool none = count ? sliding == 0 : full_layers >= model->layers;
    if (mixed) {
        return pl_fail(context, PL_BAD_DATA,
                       "some layers with a sliding window and some without are not supported");
    }
    model->window = none ? 0 : window;
    return PL_OK;
}

static enum pl_status read_llama(struct pl_context *context, const struct pl_meta_node *config,
                                 const char *family, struct pl_checkpoint *model)
{
    static const char *const keys[] = {"hidden_size", "num_hidden_layers", "num_attention_heads",
                                       "vocab_size", "max_position_embeddings"};
    static const char *const activations[] = {"silu", "swish", NULL};
    const bool mistral = strcmp(family, "mistral") == 0, qwen = strncmp(family, "qwen", 4) == 0;
    enum pl_status status = read_sizes(context, config, keys, model);
    if (status) {
        return status;
    }
    model->kv_heads = model->heads;
    model->head_dim = model->dim / model->heads;
    model->qk_norm = strcmp(family, "qwen3") == 0;
    if (read_size(context, config, "num_key_value_heads", &model->kv_heads) ||
        read_size(context, config, "head_dim", &model->head_dim) ||
        read_size(context, config, "intermediate_size", &model->mlp) ||
        pl_meta_real(context, config, "rms_norm_eps", &model->norm_eps) ||
        pl_meta_bool(context, config, "tie_word_embeddings", &model->tie) ||
        expect_text(context, config, "hidden_act", activations) ||
        expect_flag(context, config, "mlp_bias", false) || read_rope(context, config, model)) {
        return context->status;
    }
    if (model->mlp == 0) {
        return pl_fail(context, PL_BAD_DATA, "there is no intermediate_size");
    }
    return mistral || qwen ? read_window(context, config, mistral, model) : PL_OK;
}

static enum pl_status read_gpt2(struct pl_context *context, const struct pl_meta_node *config,
                                struct pl_checkpoint *model)
{
    static const char *const keys[] = {"n_embd", "n_layer", "n_head", "vocab_size", "n_positions"};
    static const char *const activations[] = {"gelu_new", "gelu_pytorch_tanh", NULL};
    enum pl_status status = read_sizes(context, config, keys, model);
    if (status) {
        return status;
    }
    model->norm_eps = 1e-5;
    model->tie = true;
    model->kv_heads = model->heads;
    model->head_dim = model->dim / model->heads;
    model->mlp = 4 * model->dim;
    if (model->sequence == 0 && read_size(context, config, "n_ctx", &model->sequence)) {
        return context->status;
    }
    model->positions = model->sequence ? model->sequence : 1024;
    if (read_size(context, config, "n_inner", &model->mlp) ||
        pl_meta_real(context, config, "layer_norm_epsilon", &model->norm_eps) ||
        expect_text(context, config, "activation_function", activations) ||
        expect_flag(context, config, "scale_attn_weights", true) ||
        expect_flag(context, config, "scale_attn_by_inverse_layer_idx", false) ||
        expect_flag(context, config, "add_cross_attention", false)) {
        return context->status;
    }
    return PL_OK;
}

enum pl_status pl_hf_config_read(struct pl_context *context, const struct pl_meta_node *config,
                                 struct pl_checkpoint *model)
{
    static const char *const llamas[] = {"llama", "mistral", "qwen2", "qwen3", NULL};
    const char *family = NULL;
    pl_checkpoint_init(model);
    enum pl_status status = pl_meta_text(context, config, "model_type", &family);
    if (status) {
        return status;
    }
    if (!family) {
        return pl_fail(context, PL_BAD_DATA, "there is no model_type");
    }
    if (strcmp(family, "gpt2") == 0) {
        status = read_gpt2(context, config, model);
    } else {
        int i = 0;
        while (llamas[i] && strcmp(family, llamas[i]) != 0) {
            i++;
        }
        status = llamas[i] ? read_llama(context, config, family, model)
                           : pl_fail(context, PL_BAD_DATA,
                                     "model_type '%s' is not supported (%s are; -f safetensors "
                                     "reads the bare tensors)",
                                     family, PL_HF_FAMILIES);
    }
    if (status) {
        return status;
    }
    if (model->head_dim < 1 || model->kv_heads < 1 || model->heads % model->kv_heads) {
        return pl_fail(context, PL_BAD_DATA,
                       "%lld heads of width %lld, %lld of keys and values, do not go together",
                       (long long)model->heads, (long long)model->head_dim,
                       (long long)model->kv_heads);
    }
    return PL_OK;
}

/* ---- Writing ----------------------------------------------------------------------------- */

/* Keys that the model itself decides; all others of an earlier config.json stay. */
static const char *const decided[] = {"architectures",
                                      "model_type",
                                      "hidden_size",
                                      "num_hidden_layers",
                                      "num_attention_heads",
                                      "num_key_value_heads",
                                      "head_dim",
                                      "intermediate_size",
                                      "hidden_act",
                                      "rms_norm_eps",
                                      "vocab_size",
                                      "max_position_embeddings",
                                      "rope_theta",
                                      "rope_scaling",
                                      "rope_parameters",
                                      "attention_bias",
                                      "mlp_bias",
                                      "tie_word_embeddings",
                                      "sliding_window",
                                      "use_sliding_window",
                                      "max_window_layers",
                                      "layer_types",
                                      "n_embd",
                                      "n_layer",
                                      "n_head",
                                      "n_inner",
                                      "n_positions",
                                      "n_ctx",
                                      "activation_function",
                                      "layer_norm_epsilon"};

static bool is_decided(const char *key)
{
    for (size_t i = 0; i < sizeof decided / sizeof *decided; i++) {
        if (strcmp(decided[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static const struct family {
    const char *type, *architecture;
} families[] = {{"llama", "LlamaForCausalLM"},
                {"mistral", "MistralForCausalLM"},
                {"qwen2", "Qwen2ForCausalLM"},
                {"qwen3", "Qwen3ForCausalLM"},
                {"gpt2", "GPT2LMHeadModel"}};

/* The plainest family that has what the model has. */
static const struct family *family_of(const struct pl_checkpoint *model)
{
    if (model->positions > 0) {
        return &families[4];
    }
    if (model->qk_norm) {
        return &families[3];
    }
    if (model->qkv_bias && !model->out_bias) {
        return &families[2];
    }
    return &families[model->window > 0 && !model->out_bias ? 1 : 0];
}

/* With a point even where there is no fraction: the reference takes 8 for no float. */
static void add_float(struct pl_context *context, struct pl_meta *out, struct pl_meta_node *map,
                      const char *key, double value)
{
    char text[48];
    if (value == floor(value) && fabs(value) < 1e15) {
        int size = snprintf(text, sizeof text, "%.0f.0", value);
        pl_meta_add_scalar(context, out, map, key, text, (size_t)size, false);
    } else {
        pl_meta_add_real(context, out, map, key, value);
    }
}

static void write_scaling(struct pl_context *context, const struct pl_checkpoint *model,
                          struct pl_meta *out, struct pl_meta_node *root)
{
    const char *kind = model->rope_scaling;
    if (strcmp(kind, "none") == 0) {
        return;
    }
    const bool llama3 = strcmp(kind, "llama3") == 0, yarn = strcmp(kind, "yarn") == 0;
    struct pl_meta_node *map = pl_meta_add_map(context, out, root, "rope_scaling");
    pl_meta_add_text(context, out, map, "rope_type", kind);
    add_float(context, out, map, "factor", model->rope_factor);
    if (llama3 || yarn) {
        add_float(context, out, map, llama3 ? "low_freq_factor" : "beta_slow", model->rope_low);
        add_float(context, out, map, llama3 ? "high_freq_factor" : "beta_fast", model->rope_high);
    }
    if (yarn && model->rope_amplitude > 0) {
        add_float(context, out, map, "attention_factor", model->rope_amplitude);
    }
    if (strcmp(kind, "linear") != 0) {
        pl_meta_add_int(context, out, map, "original_max_position_embeddings",
                        model->rope_original);
    }
}

static void write_llama(struct pl_context *context, const struct pl_checkpoint *model,
                        struct pl_meta *out, struct pl_meta_node *root)
{
    const struct {
        const char *key;
        int64_t value;
    } sizes[] = {{"hidden_size", model->dim},
                 {"num_hidden_layers", model->layers},
                 {"num_attention_heads", model->heads},
                 {"num_key_value_heads", model->kv_heads},
                 {"head_dim", model->head_dim},
                 {"intermediate_size", model->mlp},
                 {"vocab_size", model->vocabulary},
                 {"max_position_embeddings", model->sequence ? model->sequence : 2048}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        pl_meta_add_int(context, out, root, sizes[i].key, sizes[i].value);
    }
    pl_meta_add_text(context, out, root, "hidden_act", "silu");
    pl_meta_add_real(context, out, root, "rms_norm_eps", model->norm_eps);
    add_float(context, out, root, "rope_theta", model->rope_base);
    write_scaling(context, model, out, root);
    pl_meta_add_bool(context, out, root, "attention_bias", model->out_bias);
    pl_meta_add_bool(context, out, root, "tie_word_embeddings", model->tie);
    if (model->window > 0) {
        pl_meta_add_int(context, out, root, "sliding_window", model->window);
        if (strncmp(family_of(model)->type, "qwen", 4) == 0) {
            pl_meta_add_bool(context, out, root, "use_sliding_window", true);
            pl_meta_add_int(context, out, root, "max_window_layers", 0);
        }
    }
}

static void write_gpt2(struct pl_context *context, const struct pl_checkpoint *model,
                       struct pl_meta *out, struct pl_meta_node *root)
{
    pl_meta_add_int(context, out, root, "n_embd", model->dim);
    pl_meta_add_int(context, out, root, "n_layer", model->layers);
    pl_meta_add_int(context, out, root, "n_head", model->heads);
    pl_meta_add_int(context, out, root, "n_inner", model->mlp);
    pl_meta_add_int(context, out, root, "n_positions", model->positions);
    pl_meta_add_int(context, out, root, "vocab_size", model->vocabulary);
    pl_meta_add_text(context, out, root, "activation_function", "gelu_new");
    pl_meta_add_real(context, out, root, "layer_norm_epsilon", model->norm_eps);
    pl_meta_add_bool(context, out, root, "tie_word_embeddings", model->tie);
}

enum pl_status pl_hf_config_write(struct pl_context *context, const struct pl_checkpoint *model,
                                  const struct pl_meta_node *config, struct pl_meta *out)
{
    const struct family *family = family_of(model);
    struct pl_meta_node *root = pl_meta_add_map(context, out, NULL, NULL);
    struct pl_meta_node *list = pl_meta_add_list(context, out, root, "architectures");
    pl_meta_add_text(context, out, list, NULL, family->architecture);
    pl_meta_add_text(context, out, root, "model_type", family->type);
    if (model->positions > 0) {
        write_gpt2(context, model, out, root);
    } else {
        write_llama(context, model, out, root);
    }
    for (const struct pl_meta_node *node = config ? config->child : NULL; node; node = node->next) {
        if (node->key && !is_decided(node->key)) {
            pl_meta_add_copy(context, out, root, NULL, node);
        }
    }
    return pl_meta_ok(out, context) ? PL_OK : context->status;
}

/* ---- Names ------------------------------------------------------------------------------- */

struct name {
    const char *llama, *gpt2; /* behind "layers.N." and "h.N." where it is one of each layer */
    bool columns;             /* in GPT-2 */
};

static const struct name names[PL_PARTS] = {
    [PL_PART_EMBEDDINGS] = {"embed_tokens.weight", "wte.weight", false},
    [PL_PART_POSITIONS] = {"", "wpe.weight", false},
    [PL_PART_MIX_NORM] = {"input_layernorm.weight", "ln_1.weight", false},
    [PL_PART_MIX_NORM_BIAS] = {"", "ln_1.bias", false},
    [PL_PART_Q] = {"self_attn.q_proj.weight", "attn.c_attn.weight", true},
    [PL_PART_K] = {"self_attn.k_proj.weight", "attn.c_attn.weight", true},
    [PL_PART_V] = {"self_attn.v_proj.weight", "attn.c_attn.weight", true},
    [PL_PART_OUT] = {"self_attn.o_proj.weight", "attn.c_proj.weight", true},
    [PL_PART_Q_BIAS] = {"self_attn.q_proj.bias", "attn.c_attn.bias", false},
    [PL_PART_K_BIAS] = {"self_attn.k_proj.bias", "attn.c_attn.bias", false},
    [PL_PART_V_BIAS] = {"self_attn.v_proj.bias", "attn.c_attn.bias", false},
    [PL_PART_OUT_BIAS] = {"self_attn.o_proj.bias", "attn.c_proj.bias", false},
    [PL_PART_Q_NORM] = {"self_attn.q_norm.weight", "", false},
    [PL_PART_K_NORM] = {"self_attn.k_norm.weight", "", false},
    [PL_PART_MLP_NORM] = {"post_attention_layernorm.weight", "ln_2.weight", false},
    [PL_PART_MLP_NORM_BIAS] = {"", "ln_2.bias", false},
    [PL_PART_GATE] = {"mlp.gate_proj.weight", "", false},
    [PL_PART_UP] = {"mlp.up_proj.weight", "mlp.c_fc.weight", true},
    [PL_PART_UP_BIAS] = {"", "mlp.c_fc.bias", false},
    [PL_PART_DOWN] = {"mlp.down_proj.weight", "mlp.c_proj.weight", true},
    [PL_PART_DOWN_BIAS] = {"", "mlp.c_proj.bias", false},
    [PL_PART_NORM] = {"norm.weight", "ln_f.weight", false},
    [PL_PART_NORM_BIAS] = {"", "ln_f.bias", false},
    [PL_PART_HEAD] = {"lm_head.weight", "lm_head.weight", false},
};

static int side_by_side(enum pl_checkpoint_part part)
{
    switch (part) {
    case PL_PART_Q:
    case PL_PART_Q_BIAS:
        return 0;
    case PL_PART_K:
    case PL_PART_K_BIAS:
        return 1;
    case PL_PART_V:
    case PL_PART_V_BIAS:
        return 2;
    default:
        return -1;
    }
}

void pl_hf_place(const struct pl_checkpoint *model, const struct pl_checkpoint_tensor *tensor,
                 struct pl_hf_place *place)
{
    const struct name *name = &names[tensor->part];
    const bool gpt2 = model->positions > 0;
    const int part = gpt2 ? side_by_side(tensor->part) : -1;
    *place = (struct pl_hf_place){.columns = gpt2 && name->columns, .of = 1};
    if (part >= 0) {
        place->part = part;
        place->of = 3;
    }
    const char *own = gpt2 ? name->gpt2 : name->llama;
    if (tensor->part >= PL_PART_MIX_NORM && tensor->part <= PL_PART_DOWN_BIAS) {
        snprintf(place->name, sizeof place->name, "%s.%lld.%s", gpt2 ? "h" : "layers",
                 (long long)tensor->layer, own);
    } else {
        snprintf(place->name, sizeof place->name, "%s", own);
    }
}
