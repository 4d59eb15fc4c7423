/* A pretrained transformer with gated linear attention beside a short window of softmax (Lan, Sun,
 * Hu, Du, Cheng: Liger: Linearizing Large Language Models to Gated Recurrent Structures, ICML 2025,
 * arXiv 2503.01496).
 * SPDX-License-Identifier: MIT
 *
 * All weights are the transformer's.  What a head forgets, it reads from its key k, which is so a
 * key and a gate; where its paper and its code differ, this is the code:
 *
 *     gla     S = diag(sigmoid(k)^(1/16)) S + softmax(k)' v      o = softmax(q) S
 *     hgrn2   S = diag(sigmoid(k)) S + (1 - sigmoid(k))' v       o = softmax(q) S
 *     gsa     with M slots, g = sigmoid(pooled k)^(1/16), s = 1 - g:
 *             A = A diag(g) + k' s    C = diag(g) C + s' v       o = softmax(q A) C
 *
 * without rotary positions, scale or normalisation; y = (1 - mix) window + mix o.  The window's
 * queries and keys have their positions.  In Llama the projections of queries and keys are those
 * behind their norms, where there are such (Qwen3).
 *
 * The state has head_dim^2 numbers a head, and window - 1 keys and values. */
#include "models/mixers.h"

#include <string.h>

#include "models/student.h"
#include "nn/gla.h"
#include "nn/slots.h"

enum gate { GLA, GSA, HGRN2 };

#define GATE_NORM 16 /* what the log of the gate is divided by in gla and gsa */

struct options {
    struct pl_student_options student;
    int gate;
    int64_t slots; /* of gsa; 0: head_dim */
    double mix;
    bool learn_mix;
};

const struct pl_option pl_liger_options[] = {
    PL_STUDENT_OPTIONS(struct options, student),
    PL_CHOICE(struct options, gate, "gate", 0, "gla", "gla|gsa|hgrn2", "KIND",
              "the recurrence that the gates belong to"),
    PL_INT(struct options, student.window, "window", 0, "64", 1, 1e9, "ROWS",
           "rows of the softmax window, the row itself among them", "128"),
    PL_INT(struct options, slots, "slots", 0, "0", 0, 65536, "N",
           "gate gsa: slots of a head; 0: the width of a head", "64"),
    PL_REAL(struct options, mix, "mix", 0, "0.5", 0, 1, "SHARE",
            "share of the recurrence in the output, the window has the rest; 0: window alone",
            "0.05"),
    PL_FLAG(struct options, learn_mix, "learn-mix", 0, "no",
            "the share is a number of each layer, trained from mix on"),
    PL_STUDENT_LAYERS_OPTIONS(struct options, student),
    PL_OPTIONS_END,
};

struct layer {
    struct pl_softmax_layer softmax;
    struct pl_variable *mix; /* what was learned beyond options->mix; NULL: it is not */
};

static int64_t slots_of(const struct options *options)
{
    return options->slots ? options->slots : pl_student_shape(&options->student).head_dim;
}

static enum pl_status check(struct pl_context *context, const void *configuration)
{
    const struct options *options = configuration;
    const int64_t head_dim = pl_student_shape(&options->student).head_dim;
    if (pl_student_check(context, &options->student))
        return context->status;
    if (options->gate == GSA && slots_of(options) > head_dim)
        return pl_fail(context, PL_USAGE,
                       "--set slots=%lld: slots are pooled from keys of width %lld, so at most "
                       "as many",
                       (long long)options->slots, (long long)head_dim);
    return PL_OK;
}

static void *declare(struct pl_context *context, struct pl_parameters *parameters,
                     const void *configuration, int64_t index, const char *prefix)
{
    const struct options *options = configuration;
    struct layer *layer =
        pl_student_declare(context, parameters, &options->student, prefix, sizeof *layer);
    if (!layer)
        return NULL;
    if (!options->learn_mix || pl_student_keeps(&options->student, index))
        return layer;
    layer->mix = pl_parameter_add(context, parameters, PL_INIT_ZERO, PL_DIMS(1), "%s.mix", prefix);
    return layer->mix ? layer : NULL;
}

/* ---- Recurrences --------------------------------------------------------------------------- */

/* What pl_op_gla gives, without its scale: sqrt(key_dim) undoes it (see blend). */
static struct pl_variable *recur(struct pl_pass *pass, const struct pl_gla *gla, int64_t index,
                                 struct pl_variable *q, struct pl_variable *k,
                                 struct pl_variable *v, struct pl_variable *g)
{
    if (!pass->state)
        return pl_op_gla(pass->tape, gla, &pass->rows, q, k, v, g, NULL, NULL);
    const int64_t *dims = PL_DIMS(pass->rows.count, gla->heads, gla->key_dim, gla->value_dim);
    struct pl_variable *state =
        pl_state_get(pass->tape->context, pass->state, dims, "layer.%lld.S", (long long)index);
    return state ? pl_op_gla_carry(pass->tape, gla, &pass->rows, q, k, v, g, state) : NULL;
}

/* The map from keys of all heads to the gates of their slots: output i is the mean of the inputs
 * floor(i d / m) to ceil((i + 1) d / m) - 1. */
static struct pl_variable *pool(struct pl_tape *tape, struct pl_variable *k, int64_t outputs)
{
    const int64_t inputs = pl_variable_width(k);
    if (outputs == inputs)
        return k;
    struct pl_variable *map = pl_tape_matrix(tape, false, outputs, inputs);
    if (!map)
        return NULL;
    memset(map->value, 0, (size_t)map->count * sizeof *map->value);
    for (int64_t i = 0; i < outputs; i++) {
        const int64_t begin = i * inputs / outputs;
        const int64_t end = ((i + 1) * inputs + outputs - 1) / outputs;
        for (int64_t j = begin; j < end; j++)
            map->value[i * inputs + j] = 1 / (pl_real)(end - begin);
    }
    return pl_op_linear(tape, k, map, NULL);
}

static struct pl_variable *slotted(struct pl_pass *pass, const struct options *options,
                                   int64_t index, const struct pl_softmax_heads *heads)
{
    const struct pl_attention shape = pl_student_shape(&options->student);
    const struct pl_slots slots = {shape.heads, shape.kv_heads, shape.head_dim, slots_of(options)};
    const struct pl_gla gla = {shape.heads, shape.kv_heads, slots.slots, shape.head_dim,
                               options->student.lm.chunk};
    struct pl_tape *tape = pass->tape;
    struct pl_variable *state = NULL;
    struct pl_variable *pooled = pool(tape, heads->k, slots.kv_heads * slots.slots);
    struct pl_variable *g = pl_op_log_sigmoid(tape, pooled, GATE_NORM, -INFINITY);
    struct pl_variable *s = pl_op_activate(tape, g, PL_REST, 1);
    if (pass->state) {
        state = pl_state_get(tape->context, pass->state,
                             PL_DIMS(pass->rows.count, slots.heads, slots.head_dim, slots.slots),
                             "layer.%lld.A", (long long)index);
        if (!state)
            return NULL;
    }
    struct pl_variable *u = pl_op_slots(tape, &slots, &pass->rows, heads->q, heads->k, s, g, state);
    return recur(pass, &gla, index, pl_op_softmax(tape, u, slots.slots), s, heads->v, g);
}

static struct pl_variable *gated(struct pl_pass *pass, const struct options *options, int64_t index,
                                 const struct pl_softmax_heads *heads)
{
    const struct pl_attention shape = pl_student_shape(&options->student);
    const struct pl_gla gla = {shape.heads, shape.kv_heads, shape.head_dim, shape.head_dim,
                               options->student.lm.chunk};
    const double norm = options->gate == GLA ? GATE_NORM : 1;
    struct pl_tape *tape = pass->tape;
    struct pl_variable *g = pl_op_log_sigmoid(tape, heads->k, norm, -INFINITY);
    struct pl_variable *k = options->gate == GLA ? pl_op_softmax(tape, heads->k, shape.head_dim)
                                                 : pl_op_activate(tape, g, PL_REST, 1);
    return recur(pass, &gla, index, pl_op_softmax(tape, heads->q, shape.head_dim), k, heads->v, g);
}

/* ---- A layer ------------------------------------------------------------------------------- */

/* The recurrence's share as a variable. */
static struct pl_variable *share_of(struct pl_tape *tape, const struct options *options,
                                    const struct layer *layer)
{
    struct pl_variable *share = pl_tape_matrix(tape, false, 1, 1);
    if (share)
        share->value[0] = (pl_real)options->mix;
    return share && layer->mix ? pl_op_add(tape, share, layer->mix, 1) : share;
}

static struct pl_variable *forward(struct pl_pass *pass, const void *parameters, int64_t index,
                                   struct pl_variable *x)
{
    const struct layer *layer = parameters;
    const struct options *options = pass->lm->options;
    struct pl_tape *tape = pass->tape;
    if (pl_student_keeps(&options->student, index))
        return pl_softmax_forward(pass, &options->student.softmax, &layer->softmax, index, x);
    const struct pl_softmax_heads heads =
        pl_softmax_project(pass, &options->student.softmax, &layer->softmax, x);
    const struct pl_softmax_heads turned = pl_softmax_turn(pass, &options->student.softmax, heads);
    struct pl_variable *o =
        pl_softmax_attend(pass, &options->student.softmax, options->student.window, index, turned);
    if (options->mix > 0 || layer->mix) {
        const int64_t key_dim =
            options->gate == GSA ? slots_of(options) : pl_student_shape(&options->student).head_dim;
        struct pl_variable *r = options->gate == GSA ? slotted(pass, options, index, &heads)
                                                     : gated(pass, options, index, &heads);
        o = pl_op_blend(tape, o, r, sqrt((double)key_dim), share_of(tape, options, layer));
    }
    return pl_softmax_out(pass, &layer->softmax, o);
}

const struct pl_mixer pl_mixer_liger = {
    .options_size = sizeof(struct options),
    .check = check,
    .declare = declare,
    .forward = forward,
    .positions = pl_student_positions,
};
