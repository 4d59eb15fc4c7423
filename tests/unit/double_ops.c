/* Every operation of autograd/ops.h: its value against a plain formula, its gradient against
 * differences, over shapes that are no multiple of anything.
 * SPDX-License-Identifier: MIT */
#include "gradient.h"

/* ---- pl_op_linear */

static struct pl_variable *linear(struct gradient *gradient, const void *user)
{
    const bool *bias = user;
    return gradient_sum(
        gradient, pl_op_linear(&gradient->tape, LEAF("x"), LEAF("w"), *bias ? LEAF("bias") : NULL));
}

static void check_linear(int rows, int in, int out, bool bias)
{
    struct gradient gradient = {0};
    gradient_leaf(&gradient, "x", 2, rows, in);
    gradient_leaf(&gradient, "w", 2, out, in);
    if (bias)
        gradient_leaf(&gradient, "bias", 1, out);
    gradient_check(&gradient, linear, &bias);
    gradient_release(&gradient);
}

static void linear_maps(void)
{
    static const int rows[] = {0, 1, 2, 3, 4, 5, 33}, widths[] = {1, 3, 16, 47};
    for (int r = 0; r < 7; r++)
        for (int w = 0; w < 4; w++)
            check_linear(rows[r], widths[w], widths[3 - w], w & 1);
    check_linear(600, 20, 70, true); /* several blocks */
    check_linear(2, 900, 700, true); /* few rows of much */
    check_linear(5, 517, 403, true);
}

/* ---- pl_op_embed */

static const int32_t ids[] = {3, 0, 3, 3, 6, 1, 0, 3, 2, 6, 5};

static struct pl_variable *embed(struct gradient *gradient, const void *user)
{
    const int *rows = user;
    return gradient_sum(gradient, pl_op_embed(&gradient->tape, ids, *rows, LEAF("table")));
}

static void embedding(void)
{
    static const int rows[] = {0, 1, 11}, widths[] = {1, 7, 64, 150};
    for (int r = 0; r < 3; r++)
        for (int w = 0; w < 4; w++) {
            struct gradient gradient = {0};
            gradient_leaf(&gradient, "table", 2, 7, widths[w]);
            gradient_check(&gradient, embed, &rows[r]);
            gradient_release(&gradient);
        }
}

/* ---- elementwise */

struct elementwise {
    int rows, width, which;
};

enum { ADD = PL_TANH + 1, SWIGLU, LOG_SIGMOID, LOG_SIGMOID_BOUND, DECAY, KINDS };

static struct pl_variable *elementwise(struct gradient *gradient, const void *user)
{
    const struct elementwise *test = user;
    struct pl_tape *tape = &gradient->tape;
    struct pl_variable *x = LEAF("x"), *y;
    if (test->which == ADD)
        y = pl_op_add(tape, x, LEAF("y"), -0.7);
    else if (test->which == SWIGLU)
        y = pl_op_swiglu(tape, x, LEAF("y"));
    else if (test->which == LOG_SIGMOID)
        y = pl_op_log_sigmoid(tape, x, 16, -INFINITY);
    else if (test->which == LOG_SIGMOID_BOUND)
        y = pl_op_log_sigmoid(tape, x, 2, -0.5);
    else if (test->which == DECAY)
        y = pl_op_decay(tape, x, LEAF("a_log"), LEAF("bias"));
    else
        y = pl_op_activate(tape, x, (enum pl_activation)test->which, 1.3);
    return gradient_sum(gradient, y);
}

static void elementwise_functions(void)
{
    static const int rows[] = {0, 1, 3, 211}, widths[] = {1, 5, 50, 83};
    for (int which = 0; which < KINDS; which++)
        for (int r = 0; r < 4; r++)
            for (int w = 0; w < 4; w++) {
                struct gradient gradient = {0};
                struct elementwise test = {rows[r], widths[w], which};
                gradient_leaf(&gradient, "x", 2, test.rows, test.width);
                if (which == ADD || which == SWIGLU)
                    gradient_leaf(&gradient, "y", 2, test.rows, test.width);
                if (which == DECAY) {
                    gradient_leaf(&gradient, "a_log", 1, test.width);
                    gradient_leaf(&gradient, "bias", 1, test.width);
                }
                gradient_check(&gradient, elementwise, &test);
                gradient_release(&gradient);
            }
}

/* ---- norms */

struct norm {
    int rows, groups, width, which;
};

enum { RMS, GATED, UNIT, SUM_TO_ONE, LAYER, NORMS };

static struct pl_variable *norm(struct gradient *gradient, const void *user)
{
    const struct norm *test = user;
    struct pl_tape *tape = &gradient->tape;
    struct pl_variable *y;
    if (test->which == RMS)
        y = pl_op_rms_norm(tape, LEAF("x"), LEAF("weight"), 1e-2);
    else if (test->which == GATED)
        y = pl_op_gated_norm(tape, LEAF("x"), LEAF("weight"), LEAF("gate"), 1e-2);
    else if (test->which == LAYER)
        y = pl_op_layer_norm(tape, LEAF("x"), LEAF("weight"), LEAF("bias"), 1e-2);
    else if (test->which == UNIT)
        y = pl_op_unit(tape, LEAF("x"), test->width);
    else
        y = pl_op_sum_to_one(tape, LEAF("x"), test->width);
    return gradient_sum(gradient, y);
}

static void check_norm(struct norm test)
{
    struct gradient gradient = {0};
    struct pl_variable *x = gradient_leaf(&gradient, "x", 2, test.rows, test.groups * test.width);
    if (test.which == RMS || test.which == GATED || test.which == LAYER)
        gradient_leaf(&gradient, "weight", 1, test.width);
    if (test.which == LAYER)
        gradient_leaf(&gradient, "bias", 1, test.width);
    if (test.which == GATED)
        gradient_leaf(&gradient, "gate", 2, test.rows, test.groups * test.width);
    for (int64_t i = 0; test.which == SUM_TO_ONE && i < x->count; i++)
        x->value[i] = fabs(x->value[i]) + 0.1;
    gradient_check(&gradient, norm, &test);
    gradient_release(&gradient);
}

static void norms(void)
{
    static const int rows[] = {0, 1, 5, 90}, groups[] = {1, 3}, widths[] = {2, 7, 16, 69};
    for (int which = 0; which < NORMS; which++)
        for (int r = 0; r < 4; r++)
            for (int g = 0; g < 2; g++)
                for (int w = 0; w < 4; w++)
                    check_norm((struct norm){rows[r], groups[g], widths[w], which});
    check_norm((struct norm){3, 2, 1, GATED});
}

static void sum_of_zero(void)
{
    struct gradient gradient = {0};
    struct pl_variable *x = gradient_leaf(&gradient, "x", 2, 3, 4);
    gradient.tape.context = &gradient.context;
    x->value[8] = -(x->value[9] = 1);
    x->value[10] = -(x->value[11] = 2);
    CHECK(pl_op_sum_to_one(&gradient.tape, x, 4) == NULL);
    CHECK(gradient.context.status == PL_NUMERIC);
    CHECK_TEXT(gradient.context.message,
               "group 2 of 4 channels has the sum 0 and cannot be brought to 1");
    gradient_release(&gradient);
}

/* ---- pl_op_head_loss */

struct head {
    int rows, width, vocabulary, every; /* every: one row in so many has a target; 0: none */
    int32_t *targets;
};

static struct pl_variable *head(struct gradient *gradient, const void *user)
{
    const struct head *test = user;
    struct pl_variable *loss =
        pl_op_head_loss(&gradient->tape, LEAF("x"), LEAF("w"), test->targets, NULL);
    return gradient_sum(gradient, loss);
}

static void check_head(struct head test)
{
    struct gradient gradient = {0};
    gradient.sample = test.rows * test.vocabulary > 100000 ? 5 : 0;
    test.targets = calloc((size_t)test.rows + 1, sizeof *test.targets);
    for (int i = 0; i < test.rows; i++)
        test.targets[i] =
            test.every && i % test.every == test.every - 1 ? i * 7 % test.vocabulary : -1;
    gradient_leaf(&gradient, "x", 2, test.rows, test.width);
    gradient_leaf(&gradient, "w", 2, test.vocabulary, test.width);
    gradient_check(&gradient, head, &test);
    gradient_release(&gradient);
    free(test.targets);
}

static void head_losses(void)
{
    check_head((struct head){0, 3, 5, 1, NULL});
    check_head((struct head){1, 1, 2, 1, NULL});
    check_head((struct head){9, 6, 31, 1, NULL});
    check_head((struct head){9, 6, 31, 0, NULL});
    check_head((struct head){40, 17, 300, 3, NULL});
    check_head((struct head){1100, 3, 5, 1, NULL});    /* several blocks of rows */
    check_head((struct head){140, 2, 17000, 1, NULL}); /* many words */
}

/* What the loss and the counts are, from the definition. */
static void head_scores(void)
{
    enum { ROWS = 13, WIDTH = 6, WORDS = 9 };
    struct gradient gradient = {0};
    struct pl_variable *x = gradient_leaf(&gradient, "x", 2, ROWS, WIDTH);
    struct pl_variable *w = gradient_leaf(&gradient, "w", 2, WORDS, WIDTH);
    int32_t targets[ROWS];
    uint8_t right[ROWS];
    struct pl_head_score score = {.row_right = right};
    double nats = 0;
    int64_t scored = 0, rights = 0;
    gradient.tape.context = &gradient.context;
    for (int i = 0; i < ROWS; i++)
        targets[i] = i % 4 == 3 ? -100 : i % WORDS;
    struct pl_variable *loss = pl_op_head_loss(&gradient.tape, x, w, targets, &score);
    for (int i = 0; i < ROWS; i++) {
        double logits[WORDS], sum = 0;
        int best = 0;
        for (int v = 0; v < WORDS; v++) {
            logits[v] = 0;
            for (int c = 0; c < WIDTH; c++)
                logits[v] += x->value[i * WIDTH + c] * w->value[v * WIDTH + c];
            sum += exp(logits[v]);
            best = logits[v] > logits[best] ? v : best;
        }
        bool scores = targets[i] >= 0;
        scored += scores;
        nats += scores ? log(sum) - logits[targets[i]] : 0;
        rights += scores && best == targets[i];
        CHECK(right[i] == (!scores || best == targets[i]));
    }
    CHECK(loss && score.scored == scored && score.right == rights);
    CHECK_NEAR(score.nats, nats, 1e-13);
    CHECK_NEAR(loss->value[0], nats / (double)scored, 1e-13);
    gradient_release(&gradient);
}

/* ---- the tape */

/* x is used three times, once through a view. */
static struct pl_variable *reuse(struct gradient *gradient, const void *user)
{
    struct pl_tape *tape = &gradient->tape;
    struct pl_variable *x = LEAF("x"), *h = pl_op_add(tape, x, x, 0.5);
    (void)user;
    h = pl_op_swiglu(tape, h, pl_tape_view(tape, x, 6, 4));
    h = pl_op_gated_norm(tape, h, LEAF("weight"), h, 1e-3);
    return pl_op_add(tape, gradient_sum(gradient, h), gradient_sum(gradient, x), 2);
}

static void second_use(void)
{
    struct gradient gradient = {0};
    gradient_leaf(&gradient, "x", 2, 3, 8);
    gradient_leaf(&gradient, "weight", 1, 4);
    gradient_check(&gradient, reuse, NULL);
    gradient_release(&gradient);
}

int main(void)
{
    RUN(linear_maps);
    RUN(embedding);
    RUN(elementwise_functions);
    RUN(norms);
    RUN(sum_of_zero);
    RUN(head_losses);
    RUN(head_scores);
    RUN(second_use);
    FINISH();
}
