/* The permutation specification of a model, from the names of its tensors.
 * SPDX-License-Identifier: MIT
 *
 *   chains     layer0, layer1, ...  or  conv0, conv1, ... then fc0, fc1, ...: what layer i gives is
 *              the group P_i, what the last one gives is fixed.  A norm behind a convolution
 *              follows it.  Where maps are flattened for fc0 each channel has several columns.
 *   residual   torchvision's names: one group for all that is added together, a new one where a
 *   nets       block has a convolution on its way past; one for each inside of a block.
 *   language   embedding, layers of token mixing and gated MLP, head, under the names of the
 *   models     registry or of Llama's checkpoints.  One group, `residual`, for everything that
 *              touches the residual stream; one for the inside of each MLP; attention by heads.
 *   gla,       by heads, too: channels of queries and keys meet in q'k, and what decays, filters or
 *   deltanet   activates them does so one by one.  All heads share one norm of values and so one
 *              order of these channels.  Other mixers' insides stay as they are. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "weights/permutation_spec.h"

enum { NAME_SIZE = PL_NAME_MAX + 1, LAYER_SIZE = 48 };

struct derivation {
    struct pl_context *context;
    struct pl_permutation_spec *spec;
    const struct pl_bundle *model;
    int64_t heads; /* 0: as the model says */
};

/* The tensor of that name; NULL when there is none. */
static const struct pl_tensor *find(const struct derivation *derivation, const char *format, ...)
    PL_PRINTF(2, 3);
static const struct pl_tensor *find(const struct derivation *derivation, const char *format, ...)
{
    char name[NAME_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    return pl_bundle_tensor(derivation->model, name);
}

/* Adds the tensor PREFIX.NAME if the model has it. */
static enum pl_status add(struct derivation *derivation, const char *axes, const char *prefix,
                          const char *name)
{
    const char *dot = *prefix ? "." : "";
    if (!find(derivation, "%s%s%s", prefix, dot, name))
        return PL_OK;
    return pl_spec_add(derivation->context, derivation->spec, axes, "%s%s%s", prefix, dot, name);
}

/* ---- Chains of layers -------------------------------------------------------------------- */

struct chain {
    int64_t layers; /* so far */
    int64_t units;  /* that the last one gives */
    char group[32]; /* of these; "~" before the first */
};

static enum pl_status add_norm(struct derivation *derivation, const char *kind, int64_t index,
                               const char *group)
{
    static const char *const parts[] = {"weight", "bias", "running_mean", "running_var"};
    char prefix[64];
    enum pl_status status = PL_OK;
    snprintf(prefix, sizeof prefix, "%s%lld", kind, (long long)index);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !status; i++)
        status = add(derivation, group, prefix, parts[i]);
    return status;
}

static enum pl_status add_layer(struct derivation *derivation, struct chain *chain,
                                const char *kind, int64_t index, bool last)
{
    const struct pl_tensor *weight = find(derivation, "%s%lld.weight", kind, (long long)index);
    char axes[160], in[64], out[32], prefix[64];
    int64_t width = chain->units > 0 && weight->rank > 1 ? weight->dims[1] / chain->units : 1;
    snprintf(out, sizeof out, last ? "~" : "P_%lld", (long long)chain->layers);
    if (width > 1)
        snprintf(in, sizeof in, "%s*%lld", chain->group, (long long)width);
    else
        snprintf(in, sizeof in, "%s", chain->group);
    snprintf(axes, sizeof axes, "%s %s%s", out, in, weight->rank == 4 ? " ~ ~" : "");
    snprintf(prefix, sizeof prefix, "%s%lld", kind, (long long)index);
    enum pl_status status = add(derivation, axes, prefix, "weight");
    if (!status)
        status = add(derivation, out, prefix, "bias");
    chain->layers++;
    chain->units = weight->dims[0];
    memcpy(chain->group, out, sizeof out);
    return status;
}

/* All layers KIND0, KIND1, ...; ends: the last of them is the model's last. */
static enum pl_status add_layers(struct derivation *derivation, struct chain *chain,
                                 const char *kind, bool ends)
{
    enum pl_status status = PL_OK;
    for (int64_t i = 0; !status; i++) {
        if (!find(derivation, "%s%lld.weight", kind, (long long)i))
            break;
        bool last = ends && !find(derivation, "%s%lld.weight", kind, (long long)i + 1);
        status = add_layer(derivation, chain, kind, i, last);
        if (!status && strcmp(kind, "conv") == 0)
            status = add_norm(derivation, "norm", i, chain->group);
    }
    return status;
}

/* ---- Residual nets ----------------------------------------------------------------------- */

/* A convolution PREFIX.CONV and the norm behind it. */
static enum pl_status add_unit(struct derivation *derivation, const char *prefix, const char *conv,
                               const char *norm, const char *out, const char *in)
{
    static const char *const parts[] = {"weight", "bias", "running_mean", "running_var"};
    char axes[160], name[64];
    snprintf(axes, sizeof axes, "%s %s ~ ~", out, in);
    snprintf(name, sizeof name, "%s.weight", conv);
    enum pl_status status = add(derivation, axes, prefix, name);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !status; i++) {
        snprintf(name, sizeof name, "%s.%s", norm, parts[i]);
        status = add(derivation, out, prefix, name);
    }
    return status;
}

/* One block; *stage counts the groups that are added together, one more where a block has a
 * convolution on its way past. */
static enum pl_status add_residual_block(struct derivation *derivation, const char *prefix,
                                         int *stage)
{
    char in[64], out[64], inner[64] = "", conv[16], norm[16];
    snprintf(in, sizeof in, "P_bg%d", *stage);
    if (find(derivation, "%s.downsample.0.weight", prefix))
        ++*stage;
    snprintf(out, sizeof out, "P_bg%d", *stage);
    const char *from = in;
    enum pl_status status = PL_OK;
    for (int i = 1; !status && find(derivation, "%s.conv%d.weight", prefix, i); i++) {
        const bool last = !find(derivation, "%s.conv%d.weight", prefix, i + 1);
        char next[64];
        snprintf(next, sizeof next, "P_%s_inner%d", prefix, i);
        snprintf(conv, sizeof conv, "conv%d", i);
        snprintf(norm, sizeof norm, "bn%d", i);
        status = add_unit(derivation, prefix, conv, norm, last ? out : next, from);
        memcpy(inner, next, sizeof inner);
        from = inner;
    }
    return status ? status : add_unit(derivation, prefix, "downsample.0", "downsample.1", out, in);
}

/* torchvision's names: conv1, bn1, layerG.B.convN, .bnN, .downsample.0 and .1, fc. */
static enum pl_status add_residual_net(struct derivation *derivation)
{
    int stage = 0;
    char axes[40], prefix[32];
    enum pl_status status = add_unit(derivation, "", "conv1", "bn1", "P_bg0", "~");
    for (int g = 1; !status && find(derivation, "layer%d.0.conv1.weight", g); g++)
        for (int b = 0; !status && find(derivation, "layer%d.%d.conv1.weight", g, b); b++) {
            snprintf(prefix, sizeof prefix, "layer%d.%d", g, b);
            status = add_residual_block(derivation, prefix, &stage);
        }
    snprintf(axes, sizeof axes, "~ P_bg%d", stage);
    if (!status)
        status = add(derivation, axes, "fc", "weight");
    return status ? status : add(derivation, "~", "fc", "bias");
}

/* ---- Language models --------------------------------------------------------------------- */

/* How the records of a language model are called. */
struct naming {
    const char *embeddings, *positions, *norm, *head, *layer, *mix_norm, *mix, *mlp_norm, *mlp;
};

static const struct naming namings[] = {
    {"embeddings", "positions", "norm", "lm_head", "layers.%lld", "attn_norm", "attn", "mlp_norm",
     "mlp"},
    {"model.embed_tokens", "", "model.norm", "lm_head", "model.layers.%lld", "input_layernorm",
     "self_attn", "post_attention_layernorm", "mlp"},
};

/* The configuration's number of heads, under the registry's name or that of a checkpoint. */
static enum pl_status count_heads(struct derivation *derivation)
{
    static const char *const places[][2] = {{"model", "configuration.heads"},
                                            {"config", "num_attention_heads"},
                                            {"model", "num_attention_heads"}};
    for (size_t i = 0; i < sizeof places / sizeof *places && !derivation->heads; i++) {
        const struct pl_meta_node *document = pl_bundle_document(derivation->model, places[i][0]);
        if (document &&
            pl_meta_int(derivation->context, document, places[i][1], &derivation->heads))
            return pl_fail_at(derivation->context, "meta %s", places[i][0]);
    }
    if (derivation->heads < 1)
        return pl_fail(derivation->context, PL_BAD_DATA,
                       "%s: shapes do not tell the number of attention heads; give --heads",
                       derivation->model->source);
    return PL_OK;
}

/* A norm of the residual stream; some have a bias. */
static enum pl_status add_stream_norm(struct derivation *derivation, const char *prefix,
                                      const char *name)
{
    char part[64];
    snprintf(part, sizeof part, "%s.weight", name);
    enum pl_status status = add(derivation, "residual", prefix, part);
    snprintf(part, sizeof part, "%s.bias", name);
    return status ? status : add(derivation, "residual", prefix, part);
}

/* The groups of one layer's heads, by name. */
struct head_names {
    char text[PL_HEADS_GROUPS][32];
};

static struct head_names name_heads(int64_t index)
{
    static const char *const ends[PL_HEADS_GROUPS] = {"q", "k", "v", "o", "head", "value"};
    struct head_names names;
    for (int g = 0; g < PL_HEADS_GROUPS; g++)
        snprintf(names.text[g], sizeof names.text[g], "layer_%lld_%s", (long long)index, ends[g]);
    return names;
}

/* q, k, v and o below PREFIX, weights and biases. */
static enum pl_status add_projections(struct derivation *derivation, const char *prefix,
                                      const struct head_names *names)
{
    char axes[160], name[32];
    enum pl_status status = PL_OK;
    for (int i = 0; i < PL_HEADS_NEEDED && !status; i++) {
        const char *group = names->text[i];
        const bool out = i == PL_HEADS_O;
        snprintf(axes, sizeof axes, out ? "residual %s" : "%s residual", group);
        snprintf(name, sizeof name, "%c_proj.weight", "qkvo"[i]);
        status = add(derivation, axes, prefix, name);
        snprintf(name, sizeof name, "%c_proj.bias", "qkvo"[i]);
        if (!status)
            status = add(derivation, out ? "residual" : group, prefix, name);
    }
    return status;
}

/* Ties the groups of a layer together: those that some tensor has. */
static enum pl_status tie_heads(struct derivation *derivation, const char *prefix,
                                const struct head_names *names, bool rotary)
{
    const struct pl_tensor *q = find(derivation, "%s.q_proj.weight", prefix);
    const struct pl_tensor *k = find(derivation, "%s.k_proj.weight", prefix);
    const char *groups[PL_HEADS_GROUPS];
    if (!q || !k || q->rank != 2 || k->rank != 2)
        return pl_fail(derivation->context, PL_BAD_DATA, "'%s' has no matrices q_proj and k_proj",
                       prefix);
    if (count_heads(derivation))
        return derivation->context->status;
    for (int g = 0; g < PL_HEADS_GROUPS; g++)
        groups[g] = g < PL_HEADS_NEEDED || pl_spec_find_group(derivation->spec, names->text[g]) >= 0
                        ? names->text[g]
                        : NULL;
    const int64_t width = q->dims[0] / derivation->heads;
    return pl_spec_add_heads(derivation->context, derivation->spec, groups, derivation->heads,
                             width > 0 ? k->dims[0] / width : 0, rotary);
}

/* Softmax attention.  Channels of queries and keys stay where they turn, or where all heads share
 * the norm before the product. */
static enum pl_status add_attention(struct derivation *derivation, const char *prefix,
                                    int64_t index, bool rotary)
{
    const struct head_names names = name_heads(index);
    const bool normed = find(derivation, "%s.q_norm.weight", prefix);
    enum pl_status status = add_projections(derivation, prefix, &names);
    if (!status)
        status = add(derivation, "~", prefix, "q_norm.weight");
    if (!status)
        status = add(derivation, "~", prefix, "k_norm.weight");
    return status ? status : tie_heads(derivation, prefix, &names, rotary || normed);
}

/* Linear attention with a state: gla and deltanet. */
static enum pl_status add_state_mixer(struct derivation *derivation, const char *prefix,
                                      int64_t index)
{
    const struct head_names names = name_heads(index);
    static const struct {
        const char *name;
        enum pl_heads_group group;
        const char *behind; /* further axes */
    } parts[] = {
        {"q_conv1d.weight", PL_HEADS_Q, " ~ ~"},
        {"k_conv1d.weight", PL_HEADS_K, " ~ ~"},
        {"v_conv1d.weight", PL_HEADS_V, " ~ ~"},
        {"g_proj.weight", PL_HEADS_O, " residual"},
        {"b_proj.weight", PL_HEADS_HEAD, " residual"},
        {"a_proj.weight", PL_HEADS_HEAD, " residual"},
        {"A_log", PL_HEADS_HEAD, ""},
        {"dt_bias", PL_HEADS_HEAD, ""},
        {"gk_proj.1.bias", PL_HEADS_K, ""},
        {"g_norm_swish_gate.weight", PL_HEADS_VALUE, ""},
        {"g_norm.weight", PL_HEADS_VALUE, ""},
        {"o_norm.weight", PL_HEADS_VALUE, ""},
    };
    char axes[160], low[32];
    enum pl_status status = add_projections(derivation, prefix, &names);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !status; i++) {
        snprintf(axes, sizeof axes, "%s%s", names.text[parts[i].group], parts[i].behind);
        status = add(derivation, axes, prefix, parts[i].name);
    }
    /* The narrow map to gla's decays is linear: its inside is a group of its own. */
    snprintf(low, sizeof low, "layer_%lld_gk", (long long)index);
    snprintf(axes, sizeof axes, "%s residual", low);
    if (!status)
        status = add(derivation, axes, prefix, "gk_proj.0.weight");
    snprintf(axes, sizeof axes, "%s %s", names.text[PL_HEADS_K], low);
    if (!status)
        status = add(derivation, axes, prefix, "gk_proj.1.weight");
    return status ? status : tie_heads(derivation, prefix, &names, false);
}

static bool ends_with(const char *name, const char *end)
{
    const size_t size = strlen(name), rest = strlen(end);
    return size >= rest && strcmp(name + size - rest, end) == 0;
}

/* The axes of a mixer's tensor that touch the residual stream of dim channels: o_proj adds to it,
 * with its bias and the outer half of an adapter; all other maps read it, an adapter's with its
 * inner half. */
static const char *mixer_axes(const char *name, const struct pl_tensor *tensor, int64_t dim)
{
    static const char *const fixed[] = {"~", "~", "~ ~", "~ ~ ~", "~ ~ ~ ~"};
    const bool out = strncmp(name, "o_proj.", 7) == 0, outer = ends_with(name, ".lora_b");
    if (out && tensor->rank == 1)
        return "residual";
    if (out && tensor->rank == 2)
        return ends_with(name, ".lora_a") ? "~ ~" : "residual ~";
    if (tensor->rank == 2 && tensor->dims[1] == dim && !outer)
        return "~ residual";
    return tensor->rank <= 4 ? fixed[tensor->rank] : "~ ~ ~ ~ ~";
}

/* Everything below PREFIX, whatever it is. */
static enum pl_status add_mixer(struct derivation *derivation, const char *prefix, int64_t dim)
{
    size_t size = strlen(prefix);
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < derivation->model->tensor_count && !status; i++) {
        const struct pl_bundle_tensor *tensor = &derivation->model->tensors[i];
        if (strncmp(tensor->name, prefix, size) != 0 || tensor->name[size] != '.')
            continue;
        const char *name = tensor->name + size + 1;
        status = add(derivation, mixer_axes(name, &tensor->tensor, dim), prefix, name);
    }
    return status;
}

static enum pl_status add_mlp(struct derivation *derivation, const char *prefix, int64_t index)
{
    char group[32], in[64], out[64];
    snprintf(group, sizeof group, "layer_%lld_mlp", (long long)index);
    snprintf(in, sizeof in, "%s residual", group);
    snprintf(out, sizeof out, "residual %s", group);
    const struct {
        const char *name, *axes;
    } parts[] = {{"gate_proj.weight", in},  {"gate_proj.bias", group},
                 {"up_proj.weight", in},    {"up_proj.bias", group},
                 {"down_proj.weight", out}, {"down_proj.bias", "residual"}};
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !status; i++)
        status = add(derivation, parts[i].axes, prefix, parts[i].name);
    return status;
}

/* The registry's own models say what mixes their tokens; a checkpoint by these names is a
 * transformer. */
static bool is_model(const struct derivation *derivation, const char *name)
{
    const struct pl_meta_node *type =
        pl_meta_find(pl_bundle_document(derivation->model, "model"), "type");
    const bool said = type && type->kind == PL_META_SCALAR;
    return strcmp(said ? type->text : "transformer", name) == 0;
}

static enum pl_status add_block(struct derivation *derivation, const struct naming *naming,
                                const char *layer, int64_t index, int64_t dim)
{
    char mix[LAYER_SIZE + 32], mlp[LAYER_SIZE + 32];
    const bool rotary = !find(derivation, "%s.weight", naming->positions);
    snprintf(mix, sizeof mix, "%s.%s", layer, naming->mix);
    snprintf(mlp, sizeof mlp, "%s.%s", layer, naming->mlp);
    enum pl_status status = add_stream_norm(derivation, layer, naming->mix_norm);
    if (!status && is_model(derivation, "transformer"))
        status = add_attention(derivation, mix, index, rotary);
    else if (!status && (is_model(derivation, "gla") || is_model(derivation, "deltanet")))
        status = add_state_mixer(derivation, mix, index);
    else if (!status)
        status = add_mixer(derivation, mix, dim);
    if (!status)
        status = add_stream_norm(derivation, layer, naming->mlp_norm);
    return status ? status : add_mlp(derivation, mlp, index);
}

static enum pl_status add_language_model(struct derivation *derivation, const struct naming *naming)
{
    const struct pl_tensor *table = find(derivation, "%s.weight", naming->embeddings);
    const int64_t dim = table->rank == 2 ? table->dims[1] : 0;
    enum pl_status status = add(derivation, "~ residual", naming->embeddings, "weight");
    if (!status)
        status = add(derivation, "~ residual", naming->positions, "weight");
    for (int64_t i = 0; !status; i++) {
        char layer[LAYER_SIZE];
        snprintf(layer, sizeof layer, naming->layer, (long long)i);
        if (!find(derivation, "%s.%s.up_proj.weight", layer, naming->mlp))
            break;
        status = add_block(derivation, naming, layer, i, dim);
    }
    if (!status)
        status = add_stream_norm(derivation, "", naming->norm);
    return status ? status : add(derivation, "~ residual", naming->head, "weight");
}

enum pl_status pl_spec_derive(struct pl_context *context, struct pl_permutation_spec *spec,
                              const struct pl_bundle *model, int64_t heads)
{
    struct derivation derivation = {context, spec, model, heads};
    struct chain chain = {.group = "~"};
    for (size_t i = 0; i < sizeof namings / sizeof *namings; i++)
        if (find(&derivation, "%s.weight", namings[i].embeddings))
            return add_language_model(&derivation, &namings[i]);
    if (find(&derivation, "layer0.weight"))
        return add_layers(&derivation, &chain, "layer", true);
    if (find(&derivation, "layer1.0.conv1.weight"))
        return add_residual_net(&derivation);
    if (find(&derivation, "conv0.weight")) {
        enum pl_status status = add_layers(&derivation, &chain, "conv", false);
        return status ? status : add_layers(&derivation, &chain, "fc", true);
    }
    return pl_fail(context, PL_BAD_DATA,
                   "%s: its tensors have no names that tell what may be reordered; describe it "
                   "with --spec",
                   model->source);
}
