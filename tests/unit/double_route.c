/* Routing: the choice, the sorted lists, gathering, combining, the balancing loss.
 * SPDX-License-Identifier: MIT */
#include "gradient.h"

#include "nn/route.h"

/* Three sequences, one of them empty. */
static const int64_t starts[] = {0, 7, 7, 12};
static const struct pl_rows rows = {3, starts};
enum { TOKENS = 12, MEMORIES = 4, TOP = 2, WIDTH = 5 };

static void open_tape(struct gradient *gradient)
{
    CHECK(pl_blas_open(&gradient->context) == PL_OK);
    gradient->tape.context = &gradient->context;
    gradient->tape.recording = false;
}

/* Each memory's tokens through a map of its own, combined: gradients of all that takes part. */
static struct pl_variable *build_mixture(struct gradient *gradient, const void *user)
{
    const bool *with_base = user;
    struct pl_tape *tape = &gradient->tape;
    struct pl_variable *w = LEAF("w");
    struct pl_route route;
    if (pl_op_route(tape, LEAF("logits"), &rows, TOP, &route))
        return NULL;
    struct pl_variable *x = pl_op_gather(tape, &route, LEAF("x"));
    struct pl_variable *o = pl_tape_matrix(tape, true, TOKENS * TOP, WIDTH);
    for (int m = 0; m < MEMORIES; m++) {
        int64_t first = route.rows.starts[m * rows.count];
        int64_t count = route.rows.starts[(m + 1) * rows.count] - first;
        struct pl_variable *part = pl_tape_new(tape, 1, sizeof *part);
        *part = (struct pl_variable){2,
                                     {WIDTH, WIDTH},
                                     WIDTH * WIDTH,
                                     w->value + m * WIDTH * WIDTH,
                                     w->gradient ? w->gradient + m * WIDTH * WIDTH : NULL,
                                     NULL};
        CHECK(count > 0 || m == 2);
        if (pl_op_linear_rows(tape, x, part, first, count, o))
            return NULL;
    }
    return gradient_sum(gradient, pl_op_combine(tape, &route, o, *with_base ? LEAF("base") : NULL));
}

/* Logits that leave memory 2 without a token, and no near ties that a step would turn. */
static void make_logits(struct gradient *gradient)
{
    struct pl_variable *logits = gradient_leaf(gradient, "logits", 2, TOKENS, MEMORIES);
    for (int t = 0; t < TOKENS; t++)
        for (int m = 0; m < MEMORIES; m++)
            logits->value[t * MEMORIES + m] = m == 2 ? -3 : sin(3 * t + 2 * m);
}

static void gradients(void)
{
    for (int with_base = 0; with_base < 2; with_base++) {
        struct gradient gradient = {0};
        bool base = with_base;
        make_logits(&gradient);
        gradient_leaf(&gradient, "x", 2, TOKENS, WIDTH);
        gradient_leaf(&gradient, "w", 3, MEMORIES, WIDTH, WIDTH);
        if (base)
            gradient_leaf(&gradient, "base", 2, TOKENS, WIDTH);
        gradient_check(&gradient, build_mixture, &base);
        gradient_release(&gradient);
    }
}

static struct pl_variable *build_balance(struct gradient *gradient, const void *user)
{
    const bool *by_layer = user;
    struct pl_route *routes = pl_tape_new(&gradient->tape, 2, sizeof *routes);
    if (!routes || pl_op_route(&gradient->tape, LEAF("logits"), &rows, TOP, &routes[0]) ||
        pl_op_route(&gradient->tape, LEAF("more"), &rows, TOP, &routes[1]))
        return NULL;
    return pl_op_balance(&gradient->tape, routes, 2, *by_layer, 0.3);
}

static void balance_gradients(void)
{
    for (int i = 0; i < 2; i++) {
        struct gradient gradient = {0};
        bool by_layer = i;
        make_logits(&gradient);
        gradient_leaf(&gradient, "more", 2, TOKENS, MEMORIES);
        gradient_check(&gradient, build_balance, &by_layer);
        gradient_release(&gradient);
    }
}

/* Largest first, ties to the lower memory; lists in time order; places found again. */
static void choice(void)
{
    enum { M = 4 };
    double values[TOKENS * M] = {0};
    struct gradient gradient = {0};
    struct pl_variable logits = {2, {TOKENS, M}, TOKENS * M, values, NULL, NULL};
    struct pl_route route;
    open_tape(&gradient);
    values[0 * M + 3] = 1;                       /* 3, then 0 of the tied */
    values[1 * M + 2] = values[1 * M + 1] = 2;   /* 1, 2 */
    values[2 * M + 0] = values[2 * M + 1] = -50; /* 2, 3 */
    CHECK(pl_op_route(&gradient.tape, &logits, &rows, TOP, &route) == PL_OK);
    static const int expected[3][TOP] = {{3, 0}, {1, 2}, {2, 3}};
    for (int i = 0; i < 3 * TOP; i++)
        CHECK(route.chosen[i] == expected[i / TOP][i % TOP]);
    CHECK_NEAR(route.weights->value[0], exp(1.0) / (exp(1.0) + 1), 1e-15);
    CHECK_NEAR(route.weights->value[2], 0.5, 1e-15);
    const int64_t *own = route.rows.starts;
    int64_t token_of[TOKENS * TOP];
    CHECK(route.rows.count == M * rows.count && own[0] == 0);
    CHECK(own[route.rows.count] == TOKENS * TOP);
    for (int i = 0; i < TOKENS * TOP; i++)
        token_of[i] = -1;
    for (int i = 0; i < TOKENS * TOP; i++)
        token_of[route.place[i]] = i / TOP;
    for (int64_t i = 0; i < route.rows.count; i++)
        for (int64_t r = own[i], s = i % rows.count; r < own[i + 1]; r++) {
            const int32_t *chosen = route.chosen + token_of[r] * TOP;
            CHECK(chosen[0] == i / rows.count || chosen[1] == i / rows.count);
            CHECK(token_of[r] >= starts[s] && token_of[r] < starts[s + 1]);
            CHECK(r == own[i] || token_of[r] > token_of[r - 1]);
        }
    values[5 * M + 1] = NAN;
    CHECK(pl_op_route(&gradient.tape, &logits, &rows, TOP, &route) == PL_NUMERIC);
    CHECK_TEXT(gradient.context.message, "router: the logits of token 5 are not finite");
    gradient_release(&gradient);
}

/* Every choice of every token: all memories, and of one memory the weight is 1. */
static void extremes(void)
{
    struct gradient gradient = {0};
    struct pl_route route;
    open_tape(&gradient);
    struct pl_variable *many = gradient_leaf(&gradient, "many", 2, TOKENS, 7);
    struct pl_variable *one = gradient_leaf(&gradient, "one", 2, TOKENS, 1);
    CHECK(pl_op_route(&gradient.tape, many, &rows, 7, &route) == PL_OK);
    for (int m = 0; m < 7; m++)
        CHECK(route.rows.starts[(m + 1) * rows.count] == (m + 1) * TOKENS);
    for (int t = 0; t < TOKENS; t++)
        for (int j = 1; j < 7; j++)
            CHECK(route.weights->value[t * 7 + j] <= route.weights->value[t * 7 + j - 1]);
    CHECK(pl_op_route(&gradient.tape, one, &rows, 1, &route) == PL_OK);
    for (int t = 0; t < TOKENS; t++)
        CHECK(route.weights->value[t] == 1);
    gradient_release(&gradient);
}

/* The loss is the number of choices where all probabilities are equal, whoever is chosen. */
static void balance_at_uniform(void)
{
    double values[TOKENS * MEMORIES] = {0};
    struct gradient gradient = {0};
    struct pl_variable logits = {2, {TOKENS, MEMORIES}, TOKENS * MEMORIES, values, NULL, NULL};
    struct pl_route routes[3];
    open_tape(&gradient);
    for (int64_t top = 1; top <= MEMORIES; top++)
        for (int by_layer = 0; by_layer < 2; by_layer++) {
            for (int l = 0; l < 3; l++)
                CHECK(pl_op_route(&gradient.tape, &logits, &rows, top, &routes[l]) == PL_OK);
            struct pl_variable *loss = pl_op_balance(&gradient.tape, routes, 3, by_layer, 0.01);
            CHECK(loss && fabs(loss->value[0] - 0.01 * (double)top) < 1e-15);
        }
    gradient_release(&gradient);
}

/* What is counted is what was chosen, whatever the logits: here the least likely memory. */
static void balance_counts_choices(void)
{
    double values[TOKENS * MEMORIES];
    struct gradient gradient = {0};
    struct pl_variable logits = {2, {TOKENS, MEMORIES}, TOKENS * MEMORIES, values, NULL, NULL};
    struct pl_route route;
    open_tape(&gradient);
    for (int i = 0; i < TOKENS * MEMORIES; i++)
        values[i] = i % MEMORIES == 0 ? log(4) : 0;
    CHECK(pl_op_route(&gradient.tape, &logits, &rows, 1, &route) == PL_OK);
    struct pl_variable *loss = pl_op_balance(&gradient.tape, &route, 1, false, 1);
    CHECK_NEAR(loss->value[0], MEMORIES * 4.0 / 7, 1e-14);
    for (int t = 0; t < TOKENS; t++)
        route.chosen[t] = 3;
    loss = pl_op_balance(&gradient.tape, &route, 1, false, 1);
    CHECK_NEAR(loss->value[0], MEMORIES * 1.0 / 7, 1e-14);
    gradient_release(&gradient);
}

/* The loss of many blocks and its gradient, from so many threads. */
static void run_balance(int threads, struct pl_variable *logits, double *loss)
{
    struct gradient gradient = {.context.threads = threads};
    struct pl_rows one = {1, (const int64_t[]){0, logits->dims[0]}};
    struct pl_route route;
    open_tape(&gradient);
    gradient.tape.recording = true;
    memset(logits->gradient, 0, (size_t)logits->count * sizeof *logits->gradient);
    CHECK(pl_op_route(&gradient.tape, logits, &one, TOP, &route) == PL_OK);
    struct pl_variable *out = pl_op_balance(&gradient.tape, &route, 1, false, 1);
    CHECK(out && pl_tape_backward(&gradient.tape, out, 1) == PL_OK);
    *loss = out->value[0];
    gradient_release(&gradient);
}

static void balance_is_the_same_for_any_threads(void)
{
    enum { MANY = 2000, WIDE = 100, COUNT = MANY * WIDE };
    static double values[COUNT], gradients[COUNT], expected[COUNT];
    struct pl_variable logits = {2, {MANY, WIDE}, COUNT, values, gradients, NULL};
    double alone, together;
    for (int i = 0; i < COUNT; i++)
        values[i] = sin(i) * 3;
    run_balance(1, &logits, &alone);
    memcpy(expected, gradients, sizeof expected);
    run_balance(3, &logits, &together);
    CHECK(alone == together);
    CHECK(memcmp(expected, gradients, sizeof expected) == 0);
}

int main(void)
{
    RUN(gradients);
    RUN(balance_gradients);
    RUN(choice);
    RUN(extremes);
    RUN(balance_at_uniform);
    RUN(balance_counts_choices);
    RUN(balance_is_the_same_for_any_threads);
    FINISH();
}
