/* Layers on the delta rule: what they have in common, and mixtures of memories.
 * SPDX-License-Identifier: MIT */
#include "gradient.h"

#include "models/lm.h"
#include "nn/delta.h"
#include "nn/route.h"

enum { DIM = 8, HEADS = 2, BATCH = 2, LENGTH = 11, TOKENS = BATCH * LENGTH };

/* A layer of a model, with parameters of its own. */
struct subject {
    struct pl_context context;
    struct pl_lm lm;
    struct pl_parameters parameters;
    void *layer;
    struct pl_tape tape;
};

static void subject_open(struct subject *subject, const char *type, const char *const *settings,
                         size_t count)
{
    const struct pl_model_type *model = pl_model_find(type);
    *subject = (struct subject){0};
    CHECK(pl_blas_open(&subject->context) == PL_OK);
    subject->tape.context = &subject->context;
    CHECK(pl_lm_init(&subject->context, &subject->lm, model, settings, count, 2) == PL_OK);
    subject->layer = model->mixer->declare(&subject->context, &subject->parameters,
                                           subject->lm.options, 0, "attn");
    if (!subject->layer || pl_parameters_start(&subject->context, &subject->parameters, 7, 0.5)) {
        printf("# %s\n", subject->context.message);
        abort();
    }
}
#define OPEN(subject, type, ...)                                                        \
    subject_open(subject, type, (const char *const[]){"dim=8", "heads=2", __VA_ARGS__}, \
                 2 + sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void subject_close(struct subject *subject)
{
    pl_tape_release(&subject->tape);
    pl_parameters_release(&subject->parameters);
    pl_lm_release(&subject->lm);
}

/* Values of one parameter from another's; both are there. */
static void copy_parameter(struct subject *to, const char *to_name, const struct subject *from,
                           const char *from_name)
{
    struct pl_parameter *a = pl_parameter_find(&to->parameters, to_name);
    struct pl_parameter *b = pl_parameter_find(&from->parameters, from_name);
    CHECK(a && b && a->variable.count == b->variable.count);
    if (a && b)
        memcpy(a->variable.value, b->variable.value,
               (size_t)a->variable.count * sizeof *a->variable.value);
}

static const double *input(void)
{
    static double x[TOKENS * DIM];
    struct pl_rng rng = pl_rng_init(5, "x");
    for (int i = 0; i < TOKENS * DIM; i++)
        x[i] = pl_rng_normal(&rng, (uint64_t)i);
    return x;
}

/* Columns from..from+count-1 of the input through the layer; [BATCH * count, DIM]. */
static const double *run_part(struct subject *subject, struct pl_state *state, int64_t from,
                              int64_t count)
{
    struct pl_pass pass = {.tape = &subject->tape, .lm = &subject->lm, .state = state};
    struct pl_variable *x = pl_tape_matrix(&subject->tape, false, BATCH * count, DIM);
    pass.routes = pl_tape_new(&subject->tape, 1, sizeof *pass.routes);
    CHECK(pl_rows_even(&subject->tape, BATCH, count, &pass.rows) == PL_OK);
    for (int64_t b = 0; b < BATCH; b++)
        memcpy(x->value + b * count * DIM, input() + (b * LENGTH + from) * DIM,
               (size_t)(count * DIM) * sizeof *x->value);
    struct pl_variable *y = subject->lm.type->mixer->forward(&pass, subject->layer, 0, x);
    if (!y) {
        printf("# %s\n", subject->context.message);
        abort();
    }
    if (state)
        state->position += count;
    return y->value;
}

static const double *run(struct subject *subject)
{
    return run_part(subject, NULL, 0, LENGTH);
}

static double difference(const double *a, const double *b, int64_t count)
{
    double worst = 0;
    for (int64_t i = 0; i < count; i++)
        if (!(fabs(a[i] - b[i]) <= worst)) /* NaN stays */
            worst = fabs(a[i] - b[i]);
    return worst;
}

/* ---- deltaproduct */

static void one_step_is_deltanet(void)
{
    struct subject product, net;
    OPEN(&product, "deltaproduct", "nh=1", "out-gate=no", "forget-gate=yes");
    OPEN(&net, "deltanet", "neg-eigval=yes", "gate=yes");
    CHECK(product.parameters.count == net.parameters.count);
    for (size_t i = 0; i < net.parameters.count; i++)
        copy_parameter(&product, net.parameters.items[i]->name, &net,
                       net.parameters.items[i]->name);
    CHECK(difference(run(&product), run(&net), TOKENS * DIM) == 0);
    subject_close(&product);
    subject_close(&net);
}

/* ---- mixtures of memories */

static void one_memory_is_deltanet(void)
{
    static const char *const names[][2] = {{"q_proj.weight", "q_proj.weight"},
                                           {"k_proj.0.weight", "k_proj.weight"},
                                           {"v_proj.0.weight", "v_proj.weight"},
                                           {"b_proj.0.weight", "b_proj.weight"},
                                           {"a_proj.0.weight", "a_proj.weight"},
                                           {"A_log", "A_log"},
                                           {"dt_bias", "dt_bias"},
                                           {"q_conv1d.weight", "q_conv1d.weight"},
                                           {"k_conv1d.weight", "k_conv1d.weight"},
                                           {"v_conv1d.weight", "v_conv1d.weight"},
                                           {"g_proj.weight", "g_proj.weight"},
                                           {"o_norm.weight", "o_norm.weight"},
                                           {"o_proj.weight", "o_proj.weight"}};
    struct subject mom, net;
    OPEN(&mom, "mom", "memories=1", "topk=1", "shared=no");
    OPEN(&net, "deltanet", "gate=yes", "out-gate=yes");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char to[64], from[64];
        snprintf(to, sizeof to, "attn.%s", names[i][0]);
        snprintf(from, sizeof from, "attn.%s", names[i][1]);
        copy_parameter(&mom, to, &net, from);
    }
    CHECK(difference(run(&mom), run(&net), TOKENS * DIM) < 1e-13);
    subject_close(&mom);
    subject_close(&net);
}

/* Memories in another order, and the router's rows with them: the same output. */
static void order_of_memories(void)
{
    static const char *const parts[] = {"k", "v", "b", "a"};
    static const int order[] = {2, 0, 3, 1};
    struct subject mom, other;
    OPEN(&mom, "mom", "memories=4");
    OPEN(&other, "mom", "memories=4");
    for (int m = 0; m < 4; m++) {
        for (int i = 0; i < 4; i++) {
            char to[64], from[64];
            snprintf(to, sizeof to, "attn.%s_proj.%d.weight", parts[i], m);
            snprintf(from, sizeof from, "attn.%s_proj.%d.weight", parts[i], order[m]);
            copy_parameter(&other, to, &mom, from);
        }
        memcpy(pl_parameter_find(&other.parameters, "attn.gate.weight")->variable.value + m * DIM,
               pl_parameter_find(&mom.parameters, "attn.gate.weight")->variable.value +
                   order[m] * DIM,
               DIM * sizeof(double));
    }
    CHECK(difference(run(&mom), run(&other), TOKENS * DIM) < 1e-14);
    subject_close(&mom);
    subject_close(&other);
}

static struct pl_variable *parameter(struct subject *subject, const char *part, int m)
{
    char name[64];
    snprintf(name, sizeof name, m < 0 ? "attn.%s" : "attn.%s.%d.weight", part, m);
    return &pl_parameter_find(&subject->parameters, name)->variable;
}

/* What memory m gives, over all tokens: those of others write nothing and nothing is forgotten. */
static struct pl_variable *dense_memory(struct subject *subject, const struct pl_route *route,
                                        const struct pl_rows *rows, struct pl_variable *x, int m)
{
    const struct pl_delta delta = {HEADS, HEADS, DIM / HEADS, DIM / HEADS, 1, 4};
    struct pl_tape *tape = &subject->tape;
    struct pl_variable *q = pl_op_linear(tape, x, parameter(subject, "q_proj.weight", -1), NULL);
    struct pl_variable *k = pl_op_linear(tape, x, parameter(subject, "k_proj", m), NULL);
    struct pl_variable *v = pl_op_linear(tape, x, parameter(subject, "v_proj", m), NULL);
    struct pl_variable *beta = pl_op_linear(tape, x, parameter(subject, "b_proj", m), NULL);
    struct pl_variable *g = pl_op_linear(tape, x, parameter(subject, "a_proj", m), NULL);
    q = pl_op_unit(tape, pl_op_activate(tape, q, PL_SILU, 1), delta.key_dim);
    k = pl_op_unit(tape, pl_op_activate(tape, k, PL_SILU, 1), delta.key_dim);
    v = pl_op_activate(tape, v, PL_SILU, 1);
    beta = pl_op_activate(tape, beta, PL_SIGMOID, 1);
    g = pl_op_decay(tape, g, parameter(subject, "A_log", -1), parameter(subject, "dt_bias", -1));
    for (int t = 0; t < TOKENS; t++) {
        bool here = false;
        for (int64_t j = 0; j < route->top; j++)
            here = here || route->chosen[t * route->top + j] == m;
        for (int h = 0; h < HEADS && !here; h++)
            beta->value[t * HEADS + h] = g->value[t * HEADS + h] = 0;
    }
    return pl_op_delta(tape, &delta, rows, q, k, v, beta, g, NULL, NULL);
}

static void masked_dense_form(void)
{
    enum { M = 3 };
    struct subject mom;
    struct pl_route route;
    struct pl_rows rows;
    OPEN(&mom, "mom", "memories=3", "topk=2", "shared=no", "conv=0");
    struct pl_tape *tape = &mom.tape;
    struct pl_variable *x = pl_tape_matrix(tape, false, TOKENS, DIM);
    memcpy(x->value, input(), TOKENS * DIM * sizeof *x->value);
    CHECK(pl_rows_even(tape, BATCH, LENGTH, &rows) == PL_OK);
    struct pl_variable *logits = pl_op_linear(tape, x, parameter(&mom, "gate.weight", -1), NULL);
    CHECK(pl_op_route(tape, logits, &rows, 2, &route) == PL_OK);
    struct pl_variable *o = pl_tape_matrix(tape, false, TOKENS, DIM);
    memset(o->value, 0, TOKENS * DIM * sizeof *o->value);
    for (int m = 0; m < M; m++) {
        struct pl_variable *all = dense_memory(&mom, &route, &rows, x, m);
        for (int i = 0; i < TOKENS * 2; i++)
            for (int c = 0; c < DIM && route.chosen[i] == m; c++)
                o->value[i / 2 * DIM + c] += route.weights->value[i] * all->value[i / 2 * DIM + c];
    }
    struct pl_variable *gate = pl_op_linear(tape, x, parameter(&mom, "g_proj.weight", -1), NULL);
    o = pl_op_gated_norm(tape, o, parameter(&mom, "o_norm.weight", -1), gate, 1e-6);
    struct pl_variable *y = pl_op_linear(tape, o, parameter(&mom, "o_proj.weight", -1), NULL);
    CHECK(difference(y->value, run(&mom), TOKENS * DIM) < 1e-13);
    subject_close(&mom);
}

/* ---- decoding */

/* In passes of any length with a state: as in one pass. */
static void check_decoding(struct subject *subject)
{
    const double *whole = run(subject);
    for (int64_t step = 1; step < LENGTH; step += 3) {
        struct pl_state state = {.batch = BATCH};
        for (int64_t t = 0; t < LENGTH; t += step) {
            int64_t count = LENGTH - t < step ? LENGTH - t : step;
            const double *y = run_part(subject, &state, t, count);
            for (int64_t b = 0; b < BATCH; b++)
                CHECK(difference(y + b * count * DIM, whole + (b * LENGTH + t) * DIM, count * DIM) <
                      1e-13);
        }
        pl_state_release(&state);
    }
    subject_close(subject);
}

static void decoding(void)
{
    struct subject subject;
    OPEN(&subject, "deltanet", "gate=yes", "qk-act=elu", "qk-norm=sum", "beta=no");
    check_decoding(&subject);
    OPEN(&subject, "deltanet", "expand-v=2", "expand-k=0.5", "qk-act=relu", "conv=2");
    check_decoding(&subject);
    OPEN(&subject, "deltaproduct", "nh=3", "head-dim=3", "v-heads=4", "conv=0");
    check_decoding(&subject);
    OPEN(&subject, "mom", "memories=5", "topk=2", "single-kv=yes");
    check_decoding(&subject);
    OPEN(&subject, "mom", "memories=3", "topk=3", "out-gate=no");
    check_decoding(&subject);
}

/* A token changes the items of its own memories and of the shared one, and no other bit. */
static void others_untouched(void)
{
    struct subject mom;
    struct pl_state state = {.batch = BATCH};
    OPEN(&mom, "mom", "memories=6", "topk=1");
    run_part(&mom, &state, 0, LENGTH - 1);
    CHECK(state.count == 2 * 4); /* S and three caches, of the memories and of the shared one */
    double **before = calloc(state.count, sizeof *before);
    for (size_t i = 0; i < state.count; i++) {
        size_t size = (size_t)state.items[i].variable.count * sizeof **before;
        before[i] = malloc(size);
        memcpy(before[i], state.items[i].variable.value, size);
    }
    run_part(&mom, &state, LENGTH - 1, 1);
    int changed = 0;
    for (size_t i = 0; i < state.count; i++) {
        const struct pl_variable *now = &state.items[i].variable;
        int64_t parts = now->dims[0], size = now->count / parts;
        CHECK(parts == BATCH || parts == 6 * BATCH);
        for (int64_t part = 0; part < parts; part++)
            changed += difference(before[i] + part * size, now->value + part * size, size) != 0;
        free(before[i]);
    }
    CHECK(changed == BATCH * 2 * 4);
    free(before);
    pl_state_release(&state);
    subject_close(&mom);
}

/* ---- configuration */

static void refuse(const char *type, const char *first, const char *second, const char *message)
{
    const char *settings[] = {first, second};
    struct pl_context context = {0};
    struct pl_lm lm;
    CHECK(pl_lm_init(&context, &lm, pl_model_find(type), settings, 2, 2) == PL_USAGE);
    CHECK_TEXT(context.message, message);
    pl_lm_release(&lm);
}

static void bad_options(void)
{
    refuse("deltanet", "dim=100", "heads=3", "--set heads=3: dim 100 is not divisible by heads 3");
    refuse("deltanet", "dim=10", "expand-k=0.25",
           "--set heads=4: dim 10 is not divisible by heads 4");
    refuse("deltanet", "dim=12", "expand-k=0.3",
           "--set expand-k=0.3: dim 12 times 0.3 must be a whole number");
    refuse("deltanet", "beta=no", "neg-eigval=yes",
           "--set neg-eigval=yes: it doubles beta: set beta=yes");
    refuse("deltaproduct", "heads=8", "v-heads=4", "--set v-heads=4: not a multiple of heads 8");
    refuse("deltaproduct", "head-dim=5", "expand-v=0.5",
           "--set expand-v=0.5: head-dim 5 times 0.5 must be a whole number");
    refuse("deltaproduct", "nh=0", "heads=2", "--set nh 0: must be between 1 and 64");
    refuse("mom", "topk=5", "memories=4", "--set topk=5: there are 4 memories");
}

int main(void)
{
    RUN(one_step_is_deltanet);
    RUN(one_memory_is_deltanet);
    RUN(order_of_memories);
    RUN(masked_dense_form);
    RUN(decoding);
    RUN(others_untouched);
    RUN(bad_options);
    FINISH();
}
