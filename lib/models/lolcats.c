/* A pretrained transformer whose softmax is imitated: a window of it, and learned features for what
 * is before (Zhang, Arora, Chalamala, Wu, Spector, Singhal, Ramesh, Re: LoLCATs: On Low-Rank
 * Linearizing of Large Language Models, ICLR 2025, arXiv 2410.10254).
 * SPDX-License-Identifier: MIT
 *
 * nn/hybrid.h has the attention.  Its features are Hedgehog's, of a map of each query head's
 * queries and one of its keys, which start as the identity; the window's weight starts at
 * sigmoid(-2.197) = 0.1.  Queries and keys have their positions before the maps.
 *
 * The state has 2 features (head_dim + 1) numbers a head, and the keys, values and features of the
 * rows in the window. */
#include "models/mixers.h"

#include <string.h>

#include "models/student.h"
#include "nn/hybrid.h"

struct options {
    struct pl_student_options student;
    int form;
    int64_t width; /* of a map; 0: head_dim */
    bool far;
    bool align_end;
};

const struct pl_option pl_lolcats_options[] = {
    PL_STUDENT_OPTIONS(struct options, student),
    PL_CHOICE(
        struct options, form, "form", 0, "tk", PL_HYBRID_FORMS, "FORM",
        "the window: tk: the row's block and the one before; sw: the last rows; linear: none"),
    PL_INT(struct options, student.window, "window", 0, "64", 1, 1e9, "ROWS",
           "rows of the softmax window, or of a block", "128"),
    PL_INT(struct options, width, "feature-dim", 0, "0", 0, 65536, "N",
           "width of a feature map, which gives twice as many features; 0: that of a head", "64"),
    PL_FLAG(struct options, far, "far", 0, "yes",
            "drop what is before the window: the baseline to beat"),
    PL_FLAG(struct options, align_end, "align-end", 0, "no",
            "form tk: blocks end with the text, as in the reference, not begin with it; not for "
            "decoding"),
    PL_STUDENT_LAYERS_OPTIONS(struct options, student),
    PL_OPTIONS_END,
};

struct layer {
    struct pl_softmax_layer softmax;
    struct pl_variable *q_map, *k_map, *factor; /* NULL: what is before the window is dropped */
};

static int64_t width_of(const struct options *options)
{
    return options->width ? options->width : pl_student_shape(&options->student).head_dim;
}

static enum pl_status check(struct pl_context *context, const void *configuration)
{
    const struct options *options = configuration;
    const int64_t head_dim = pl_student_shape(&options->student).head_dim;
    if (pl_student_check(context, &options->student))
        return context->status;
    if (width_of(options) > head_dim)
        return pl_fail(context, PL_USAGE,
                       "--set feature-dim=%lld: exceeds the width of a head, %lld",
                       (long long)options->width, (long long)head_dim);
    if (options->form == PL_HYBRID_LINEAR && !options->far)
        return pl_fail(context, PL_USAGE, "--set far=no: form linear has nothing else");
    return PL_OK;
}

static void *declare(struct pl_context *context, struct pl_parameters *parameters,
                     const void *configuration, int64_t index, const char *prefix)
{
    const struct options *options = configuration;
    const struct pl_attention shape = pl_student_shape(&options->student);
    const int64_t *dims = PL_DIMS(shape.heads, shape.head_dim, width_of(options));
    struct layer *layer =
        pl_student_declare(context, parameters, &options->student, prefix, sizeof *layer);
    if (!layer)
        return NULL;
    if (!options->far || pl_student_keeps(&options->student, index))
        return layer;
    layer->q_map = pl_parameter_add(context, parameters, PL_INIT_EYE, dims, "%s.q_map", prefix);
    if (layer->q_map)
        layer->k_map = pl_parameter_add(context, parameters, PL_INIT_EYE, dims, "%s.k_map", prefix);
    if (layer->k_map && options->form != PL_HYBRID_LINEAR)
        layer->factor = pl_parameter_add(context, parameters, PL_INIT_TENTH, PL_DIMS(shape.heads),
                                         "%s.window_factor", prefix);
    const bool whole = layer->k_map && (layer->factor || options->form == PL_HYBRID_LINEAR);
    return whole ? layer : NULL;
}

/* ---- With a state -------------------------------------------------------------------------- */

/* Rows that a state item keeps: those of the largest window. */
static int64_t room_of(const struct pl_hybrid *hybrid)
{
    return hybrid->form == PL_HYBRID_LINEAR ? 1 : 2 * hybrid->window;
}

/* The rows that an item [batch, room, width] keeps, in front of the new ones. */
static struct pl_variable *join(struct pl_tape *tape, const struct pl_variable *item, int64_t kept,
                                const struct pl_variable *x)
{
    const int64_t batch = item->dims[0], room = item->dims[1], width = item->dims[2];
    const int64_t rows = pl_variable_rows(x) / batch, total = kept + rows;
    struct pl_variable *all = pl_tape_matrix(tape, false, batch * total, width);
    for (int64_t i = 0; all && i < batch; i++) {
        memcpy(all->value + i * total * width, item->value + i * room * width,
               (size_t)(kept * width) * sizeof(pl_real));
        memcpy(all->value + (i * total + kept) * width, x->value + i * rows * width,
               (size_t)(rows * width) * sizeof(pl_real));
    }
    return all;
}

/* Keeps the rows from `first` on of each sequence. */
static void keep(const struct pl_variable *item, const struct pl_variable *all, int64_t first)
{
    const int64_t batch = item->dims[0], room = item->dims[1], width = item->dims[2];
    const int64_t total = pl_variable_rows(all) / batch;
    for (int64_t i = 0; i < batch; i++)
        memcpy(item->value + i * room * width, all->value + (i * total + first) * width,
               (size_t)((total - first) * width) * sizeof(pl_real));
}

struct parts {
    struct pl_variable *k, *v, *kf;
};

static struct pl_variable *carry(struct pl_pass *pass, const struct pl_hybrid *hybrid,
                                 int64_t index, struct pl_variable *q, struct pl_variable *qf,
                                 const struct parts *new, struct pl_variable *factor)
{
    struct pl_context *context = pass->tape->context;
    const struct pl_variable *parts[] = {new->k, new->v, new->kf};
    static const char *const names[] = {"keys", "values", "features"};
    struct pl_variable *items[3] = {NULL}, *all[3] = {NULL}, *state = NULL;
    const int64_t position = pass->state->position, rows = pass->rows.starts[1];
    const int64_t start =
        position > 0 ? pl_hybrid_first(hybrid, position - 1, position) : 0; /* absorbed so far */
    for (int i = 0; i < 3 && parts[i]; i++) {
        items[i] =
            pl_state_get(context, pass->state,
                         PL_DIMS(pass->rows.count, room_of(hybrid), pl_variable_width(parts[i])),
                         "layer.%lld.%s", (long long)index, names[i]);
        all[i] = items[i] ? join(pass->tape, items[i], position - start, parts[i]) : NULL;
        if (!all[i])
            return NULL;
    }
    if (qf) {
        state = pl_state_get(
            context, pass->state,
            PL_DIMS(pass->rows.count, hybrid->heads, hybrid->features, hybrid->value_dim + 1),
            "layer.%lld.S", (long long)index);
        if (!state)
            return NULL;
    }
    const struct pl_hybrid_cache cache = {state ? state->value : NULL, start, position - start};
    struct pl_variable *o = pl_op_hybrid(pass->tape, hybrid, &pass->rows, q, all[0], all[1], qf,
                                         all[2], factor, &cache);
    const int64_t end = position + rows;
    for (int i = 0; o && i < 3 && all[i] && rows > 0; i++)
        keep(items[i], all[i], pl_hybrid_first(hybrid, end - 1, end) - start);
    return o;
}

/* ---- A layer ------------------------------------------------------------------------------- */

static struct pl_hybrid shape_of(const struct pl_pass *pass, const struct options *options)
{
    const struct pl_attention shape = pl_student_shape(&options->student);
    return (struct pl_hybrid){
        .heads = shape.heads,
        .kv_heads = shape.kv_heads,
        .head_dim = shape.head_dim,
        .value_dim = shape.head_dim,
        .features = 2 * width_of(options),
        .form = options->form,
        .window = options->student.window,
        .align_end = options->align_end && !pass->state,
    };
}

static struct pl_variable *imitate(struct pl_pass *pass, const struct layer *layer, int64_t index,
                                   struct pl_softmax_heads heads)
{
    const struct options *options = pass->lm->options;
    const struct pl_hybrid hybrid = shape_of(pass, options);
    struct pl_variable *qf = NULL, *kf = NULL;
    if (!heads.q || !heads.k || !heads.v)
        return NULL;
    if (layer->q_map) {
        qf = pl_op_hedgehog(pass->tape, heads.q, layer->q_map);
        kf = pl_op_hedgehog(pass->tape, heads.k, layer->k_map);
        if (!qf || !kf)
            return NULL;
    }
    if (!pass->state)
        return pl_op_hybrid(pass->tape, &hybrid, &pass->rows, heads.q, heads.k, heads.v, qf, kf,
                            layer->factor, NULL);
    const struct parts parts = {heads.k, heads.v, kf};
    return carry(pass, &hybrid, index, heads.q, qf, &parts, layer->factor);
}

static struct pl_variable *forward(struct pl_pass *pass, const void *parameters, int64_t index,
                                   struct pl_variable *x)
{
    const struct layer *layer = parameters;
    const struct options *options = pass->lm->options;
    if (pl_student_keeps(&options->student, index))
        return pl_softmax_forward(pass, &options->student.softmax, &layer->softmax, index, x);
    struct pl_softmax_heads heads =
        pl_softmax_project(pass, &options->student.softmax, &layer->softmax, x);
    heads = pl_softmax_turn(pass, &options->student.softmax, heads);
    return pl_softmax_out(pass, &layer->softmax, imitate(pass, layer, index, heads));
}

/* ---- Attention transfer -------------------------------------------------------------------- */

static struct pl_variable *imitate_softmax(struct pl_pass *pass, const void *parameters,
                                           int64_t index, struct pl_variable *x,
                                           struct pl_variable **square)
{
    const struct layer *layer = parameters;
    const struct options *options = pass->lm->options;
    struct pl_softmax_heads heads =
        pl_softmax_project(pass, &options->student.softmax, &layer->softmax, x);
    heads = pl_softmax_turn(pass, &options->student.softmax, heads);
    struct pl_variable *o = pl_softmax_attend(pass, &options->student.softmax,
                                              options->student.softmax.window, index, heads);
    if (layer->q_map) {
        *square =
            o ? pl_op_mean_square(pass->tape, imitate(pass, layer, index, heads), o->value) : NULL;
        if (!*square)
            return NULL;
    }
    return pl_softmax_out(pass, &layer->softmax, o);
}

static bool is_map(const char *name)
{
    static const char *const endings[] = {".q_map", ".k_map", ".window_factor"};
    const size_t size = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t length = strlen(endings[i]);
        if (size > length && strcmp(name + size - length, endings[i]) == 0)
            return true;
    }
    return false;
}

const struct pl_mixer pl_mixer_lolcats = {
    .options_size = sizeof(struct options),
    .check = check,
    .declare = declare,
    .forward = forward,
    .positions = pl_student_positions,
    .imitate = imitate_softmax,
    .imitates = is_map,
};
