/* A mixture of memories as a language model's mixing (Du, Sun, Lan, Hu, Cheng: MoM: Linear Sequence
 * Modeling with Mixture-of-Memories, 2025, arXiv 2502.13685).
 * SPDX-License-Identifier: MIT
 *
 * A router sends each token to topk of several memories, each a gated delta rule over the tokens
 * that come to it as if there were no others: convolutions, too, run along those.  What the chosen
 * memories give is summed by the router's weights; a shared memory that sees all tokens is added.
 * Queries, filters and the constants of the decay belong to all memories, keys, values, beta and
 * decay to each (or, with single-kv, to all).  A memory that no token of a pass was sent to stays
 * as it is.  Names of parameters are those of the reference implementation, whose evaluation this
 * follows: no token is dropped, no convolution looks into another memory. */
#include "models/mixers.h"

#include <stdio.h>

#include "models/mixing.h"
#include "nn/route.h"

enum balance { CONCAT, LAYERWISE };

struct options {
    struct pl_lm_options lm;
    int64_t memories, topk;
    bool shared, single_kv, out_gate;
    int64_t head_dim; /* of keys; 0: dim / heads */
    double expand_v;  /* width of a head's values, by head_dim */
    int64_t conv;     /* width; 0: none */
    double half_life; /* of the decays at the start */
    double aux;       /* weight of the loss that balances the memories */
    int aux_mode;
};

const struct pl_option pl_mom_options[] = {
    PL_LM_OPTIONS(struct options, lm),
    PL_INT(struct options, memories, "memories", 0, "4", 1, 1024, "N", "memories of a layer", "8"),
    PL_INT(struct options, topk, "topk", 0, "2", 1, 1024, "N", "memories that a token is sent to",
           "1"),
    PL_FLAG(struct options, shared, "shared", 0, "yes", "add a memory that sees every token"),
    PL_FLAG(struct options, single_kv, "single-kv", 0, "no",
            "let all memories have the same keys, values, beta and decay"),
    PL_INT(struct options, head_dim, "head-dim", 0, "0", 0, 65536, "N",
           "width of a head's queries and keys; 0: dim / heads", "32"),
    PL_REAL(struct options, expand_v, "expand-v", 0, "1", 0, 64, "FACTOR",
            "width of a head's values, by its keys' width", "2"),
    PL_INT(struct options, conv, "conv", 0, "4", 0, 64, "WIDTH",
           "width of the short convolution of queries, keys and values; 0: none", "3"),
    PL_FADING_OPTION(struct options, half_life),
    PL_FLAG(struct options, out_gate, "out-gate", 0, "yes", "gate the output of each head"),
    PL_REAL(struct options, aux, "aux", 0, "0.01", 0, 1e6, "WEIGHT",
            "weight of the loss that keeps all memories in use", "0"),
    PL_CHOICE(struct options, aux_mode, "aux-mode", 0, "concat", "concat|layerwise", "NAME",
              "balance the memories over all layers together, or each layer's by itself"),
    PL_OPTIONS_END,
};

/* What a memory makes of a row, by a weight each. */
enum { KEY, VALUE, BETA, DECAY, PROJECTIONS };

struct memory {
    struct pl_variable *weights[PROJECTIONS];
};

struct layer {
    struct pl_variable *router, *q, *norm, *out;
    struct pl_fading fading;
    struct pl_filters filters;
    struct pl_variable *gate; /* NULL: the output is not gated */
    struct memory *memories;  /* NULL: all are as the shared one */
    struct memory shared;
};

/* ---- configuration */

static struct pl_delta shape(const struct options *options)
{
    int64_t width = options->head_dim ? options->head_dim : options->lm.dim / options->lm.heads;
    return (struct pl_delta){
        .heads = options->lm.heads,
        .value_heads = options->lm.heads,
        .key_dim = width,
        .value_dim = (int64_t)((double)width * options->expand_v),
        .steps = 1,
        .chunk = options->lm.chunk,
    };
}

static enum pl_status check(struct pl_context *context, const void *configuration)
{
    const struct options *options = configuration;
    if (options->topk > options->memories)
        return pl_fail(context, PL_USAGE, "--set topk=%lld: there are %lld memories",
                       (long long)options->topk, (long long)options->memories);
    if (pl_fading_check(context, true, "", options->half_life))
        return context->status;
    if (options->memories == 1 && options->aux > 0)
        pl_warn(context, "one memory: the loss that balances memories is constant; aux=0 drops it");
    return pl_mixing_check_head_dim(context, &options->lm, options->head_dim, options->expand_v);
}

/* ---- parameters */

#define ADD(init, name, ...) \
    pl_parameter_add(context, parameters, init, PL_DIMS(__VA_ARGS__), "%s." name, prefix)
#define WEIGHT(name, ...) ADD(PL_INIT_NORMAL, name, __VA_ARGS__)

/* The names are "k_proj.0.weight" of a memory, "shared_k.weight" of the shared one (index < 0). */
static bool declare_memory(struct pl_context *context, struct pl_parameters *parameters,
                           const struct options *options, const char *prefix, int64_t index,
                           struct memory *memory)
{
    const struct pl_delta delta = shape(options);
    static const char letters[PROJECTIONS] = {
        [KEY] = 'k', [VALUE] = 'v', [BETA] = 'b', [DECAY] = 'a'};
    const int64_t widths[PROJECTIONS] = {[KEY] = delta.heads * delta.key_dim,
                                         [VALUE] = delta.heads * delta.value_dim,
                                         [BETA] = delta.heads,
                                         [DECAY] = delta.heads};
    for (int i = 0; i < PROJECTIONS; i++) {
        char name[32];
        if (index < 0)
            snprintf(name, sizeof name, "shared_%c", letters[i]);
        else
            snprintf(name, sizeof name, "%c_proj.%lld", letters[i], (long long)index);
        memory->weights[i] =
            pl_parameter_add(context, parameters, PL_INIT_NORMAL,
                             PL_DIMS(widths[i], options->lm.dim), "%s.%s.weight", prefix, name);
        if (!memory->weights[i])
            return false;
    }
    return true;
}

static bool declare_memories(struct pl_context *context, struct pl_parameters *parameters,
                             const struct options *options, const char *prefix, struct layer *layer)
{
    bool ok = true;
    if (!options->single_kv) {
        layer->memories = pl_arena_new(context, &parameters->arena, (size_t)options->memories,
                                       sizeof *layer->memories);
        ok = layer->memories != NULL;
        for (int64_t m = 0; m < options->memories && ok; m++)
            ok = declare_memory(context, parameters, options, prefix, m, &layer->memories[m]);
    }
    if (ok && (options->single_kv || options->shared))
        ok = declare_memory(context, parameters, options, prefix, -1, &layer->shared);
    return ok;
}

static void *declare(struct pl_context *context, struct pl_parameters *parameters,
                     const void *configuration, int64_t index, const char *prefix)
{
    (void)index;
    const struct options *options = configuration;
    const struct pl_delta delta = shape(options);
    int64_t dim = options->lm.dim, heads = delta.heads;
    int64_t keys = heads * delta.key_dim, values = heads * delta.value_dim;
    struct layer *layer = pl_arena_new(context, &parameters->arena, 1, sizeof *layer);
    bool ok =
        layer && (layer->router = WEIGHT("gate.weight", options->memories, dim)) &&
        (layer->q = WEIGHT("q_proj.weight", keys, dim)) &&
        declare_memories(context, parameters, options, prefix, layer) &&
        pl_fading_declare(context, parameters, prefix, heads, options->half_life, &layer->fading) &&
        pl_filters_declare(context, parameters, prefix, options->conv, keys, keys, values,
                           &layer->filters);
    if (ok && options->out_gate)
        ok = (layer->gate = WEIGHT("g_proj.weight", values, dim));
    ok = ok && (layer->norm = ADD(PL_INIT_ONE, "o_norm.weight", delta.value_dim)) &&
         (layer->out = WEIGHT("o_proj.weight", dim, values));
    return ok ? layer : NULL;
}

/* ---- forward */

/* Rows before convolution: what they ask, and what they write and how. */
struct inputs {
    struct pl_variable *q, *projected[PROJECTIONS];
};

static struct inputs project(struct pl_tape *tape, const struct memory *memory,
                             struct pl_variable *x, struct pl_variable *q)
{
    struct inputs in = {.q = q};
    for (int i = 0; i < PROJECTIONS; i++)
        in.projected[i] = pl_op_linear(tape, x, memory->weights[i], NULL);
    return in;
}

/* One projection of rows that are routed, those of each memory through its own weight. */
static struct pl_variable *project_each(struct pl_tape *tape, const struct memory *memories,
                                        const struct pl_route *route, struct pl_variable *x,
                                        int projection)
{
    int64_t batch = route->rows.count / route->memories;
    int64_t width = pl_variable_rows(memories[0].weights[projection]);
    struct pl_variable *out = x ? pl_tape_matrix(tape, true, pl_variable_rows(x), width) : NULL;
    for (int64_t m = 0; out && m < route->memories; m++) {
        int64_t first = route->rows.starts[m * batch];
        int64_t count = route->rows.starts[(m + 1) * batch] - first;
        if (pl_op_linear_rows(tape, x, memories[m].weights[projection], first, count, out))
            return NULL;
    }
    return out;
}

/* The same of the rows that are routed.  all: of every token. */
static struct inputs route_inputs(struct pl_tape *tape, const struct layer *layer,
                                  const struct pl_route *route, struct pl_variable *x,
                                  const struct inputs *all)
{
    struct inputs in = {.q = pl_op_gather(tape, route, all->q)};
    x = layer->memories ? pl_op_gather(tape, route, x) : NULL;
    for (int i = 0; i < PROJECTIONS; i++)
        in.projected[i] = layer->memories ? project_each(tape, layer->memories, route, x, i)
                                          : pl_op_gather(tape, route, all->projected[i]);
    return in;
}

/* A gated delta rule over the rows. */
static struct pl_variable *remember(const struct pl_mixing *mixing, const struct layer *layer,
                                    struct inputs in)
{
    const struct pl_delta delta = shape(mixing->pass->lm->options);
    struct pl_tape *tape = mixing->pass->tape;
    struct pl_variable *q = pl_mixing_unit(mixing, in.q, layer->filters.q, delta.key_dim, "conv_q");
    struct pl_variable *k =
        pl_mixing_unit(mixing, in.projected[KEY], layer->filters.k, delta.key_dim, "conv_k");
    struct pl_variable *v =
        pl_mixing_conv(mixing, in.projected[VALUE], layer->filters.v, true, "conv_v");
    struct pl_variable *beta = pl_op_activate(tape, in.projected[BETA], PL_SIGMOID, 1);
    return pl_mixing_delta(mixing, &delta, q, k, v, beta, &layer->fading, in.projected[DECAY]);
}

static struct pl_variable *forward(struct pl_pass *pass, const void *parameters, int64_t index,
                                   struct pl_variable *x)
{
    const struct layer *layer = parameters;
    const struct options *options = pass->lm->options;
    struct pl_tape *tape = pass->tape;
    struct pl_mixing mixing = pl_mixing_of(pass, index), over_all = mixing;
    struct pl_variable *shared = NULL;
    struct pl_route *route = &pass->routes[index];
    struct pl_variable *logits = pl_op_linear(tape, x, layer->router, NULL);
    if (pl_op_route(tape, logits, &pass->rows, options->topk, route)) {
        pl_fail_at(tape->context, "layer %lld", (long long)index);
        return NULL;
    }
    for (int64_t i = 0; pass->routed && i < route->tokens * route->top; i++)
        pass->routed[index * route->memories + route->chosen[i]]++;
    struct inputs all = {.q = pl_op_linear(tape, x, layer->q, NULL)};
    if (layer->shared.weights[KEY])
        all = project(tape, &layer->shared, x, all.q);
    mixing.rows = route->rows;
    struct pl_variable *o = remember(&mixing, layer, route_inputs(tape, layer, route, x, &all));
    if (options->shared) {
        snprintf(over_all.prefix, sizeof over_all.prefix, "layer.%lld.shared", (long long)index);
        shared = remember(&over_all, layer, all);
        if (!shared)
            return NULL;
    }
    o = pl_op_combine(tape, route, o, shared);
    return pl_mixing_out(pass, x, o, layer->norm, layer->gate, layer->out);
}

/* The loss that balances the memories, where gradients are wanted. */
static enum pl_status finish(struct pl_pass *pass)
{
    const struct options *options = pass->lm->options;
    if (!pass->tape->recording || options->aux <= 0 || options->lm.layers == 0)
        return PL_OK;
    pass->auxiliary = pl_op_balance(pass->tape, pass->routes, options->lm.layers,
                                    options->aux_mode == LAYERWISE, options->aux);
    return pass->auxiliary ? PL_OK : pass->tape->context->status;
}

static int64_t memories(const void *configuration)
{
    return ((const struct options *)configuration)->memories;
}

const struct pl_mixer pl_mixer_mom = {
    .options_size = sizeof(struct options),
    .check = check,
    .declare = declare,
    .forward = forward,
    .finish = finish,
    .memories = memories,
};
