/* Operations on pictures: values against their definitions, gradients against differences.
 * SPDX-License-Identifier: MIT */
#include "gradient.h"

#include "nn/image.h"

/* ---- convolution */

struct conv {
    int count, height, width, channels, filters, tall, wide, stride, pad;
    bool bias;
};

static struct pl_variable *convolve(struct gradient *gradient, const struct conv *test)
{
    return pl_op_conv2d(&gradient->tape, LEAF("x"), LEAF("w"), test->bias ? LEAF("bias") : NULL,
                        test->stride, test->pad);
}

static struct pl_variable *conv_loss(struct gradient *gradient, const void *user)
{
    return gradient_sum(gradient, convolve(gradient, user));
}

/* Output pixel (n, i, j), filter o, by the definition. */
static double conv_formula(struct gradient *gradient, const struct conv *t, int n, int i, int j,
                           int o)
{
    const pl_real *x = LEAF("x")->value, *w = LEAF("w")->value;
    double sum = t->bias ? LEAF("bias")->value[o] : 0;
    for (int c = 0; c < t->channels; c++)
        for (int u = 0; u < t->tall; u++)
            for (int v = 0; v < t->wide; v++) {
                int row = i * t->stride - t->pad + u, column = j * t->stride - t->pad + v;
                if (row >= 0 && row < t->height && column >= 0 && column < t->width)
                    sum += w[((o * t->channels + c) * t->tall + u) * t->wide + v] *
                           x[((n * t->height + row) * t->width + column) * t->channels + c];
            }
    return sum;
}

static void conv_values(struct gradient *gradient, const struct conv *test)
{
    gradient->tape.recording = false;
    struct pl_variable *y = convolve(gradient, test);
    CHECK(y != NULL && y->rank == 4);
    int64_t at = 0;
    for (int n = 0; y && n < test->count; n++)
        for (int i = 0; i < y->dims[1]; i++)
            for (int j = 0; j < y->dims[2]; j++)
                for (int o = 0; o < test->filters; o++)
                    CHECK_NEAR(y->value[at++], conv_formula(gradient, test, n, i, j, o), 1e-13);
    CHECK(y && at == y->count);
    pl_tape_reset(&gradient->tape);
}

static void check_conv(struct conv test)
{
    struct gradient gradient = {0};
    gradient_leaf(&gradient, "x", 4, test.count, test.height, test.width, test.channels);
    gradient_leaf(&gradient, "w", 4, test.filters, test.channels, test.tall, test.wide);
    if (test.bias)
        gradient_leaf(&gradient, "bias", 1, test.filters);
    gradient_check(&gradient, conv_loss, &test);
    conv_values(&gradient, &test);
    gradient_release(&gradient);
}

static void convolutions(void)
{
    check_conv((struct conv){1, 1, 1, 1, 1, 1, 1, 1, 0, false});
    check_conv((struct conv){2, 5, 4, 3, 2, 3, 3, 1, 1, true});
    check_conv((struct conv){3, 9, 7, 1, 5, 5, 5, 2, 2, true});
    check_conv((struct conv){2, 8, 8, 4, 3, 1, 1, 2, 0, false}); /* the way past a block */
    check_conv((struct conv){1, 4, 6, 2, 3, 4, 6, 1, 0, true});  /* one window */
    check_conv((struct conv){1, 2, 2, 2, 2, 5, 3, 3, 4, true});  /* windows all outside */
    check_conv((struct conv){2, 6, 7, 2, 3, 2, 4, 3, 1, false}); /* last pixels left out */
    check_conv((struct conv){0, 6, 6, 2, 3, 3, 3, 1, 1, true});
    check_conv((struct conv){35, 12, 12, 8, 6, 3, 3, 1, 1, true}); /* several strips and parts */
}

static void windows(void)
{
    CHECK(pl_window_count(28, 5, 2, 2) == 14);
    CHECK(pl_window_count(7, 3, 2, 1) == 4);
    CHECK(pl_window_count(3, 3, 1, 0) == 1);
    CHECK(pl_window_count(2, 3, 1, 0) == 0);
    CHECK(pl_window_count(0, 3, 1, 1) == 0);
}

/* ---- pooling */

enum { MOST, MEAN, GLOBAL, FLATTEN };

struct pool {
    int count, height, width, channels, size, stride, pad, which;
};

static struct pl_variable *pool(struct gradient *gradient, const struct pool *test)
{
    struct pl_tape *tape = &gradient->tape;
    if (test->which == MOST)
        return pl_op_max_pool(tape, LEAF("x"), test->size, test->stride, test->pad);
    if (test->which == MEAN)
        return pl_op_mean_pool(tape, LEAF("x"), test->size, test->stride, test->pad);
    return test->which == GLOBAL ? pl_op_global_pool(tape, LEAF("x"))
                                 : pl_op_flatten(tape, LEAF("x"));
}

static struct pl_variable *pool_loss(struct gradient *gradient, const void *user)
{
    return gradient_sum(gradient, pool(gradient, user));
}

static double pool_formula(const struct pool *t, const pl_real *x, int n, int i, int j, int c)
{
    double most = -INFINITY, sum = 0, cells = 0;
    for (int row = i * t->stride - t->pad; row < i * t->stride - t->pad + t->size; row++)
        for (int col = j * t->stride - t->pad; col < j * t->stride - t->pad + t->size; col++)
            if (row >= 0 && row < t->height && col >= 0 && col < t->width) {
                double value = x[((n * t->height + row) * t->width + col) * t->channels + c];
                most = fmax(most, value);
                sum += value;
                cells++;
            }
    return t->which == MOST ? most : sum / cells;
}

static void pool_values(struct gradient *gradient, const struct pool *test)
{
    gradient->tape.recording = false;
    struct pl_variable *y = pool(gradient, test);
    CHECK(y && y->rank == 4);
    int64_t at = 0;
    for (int n = 0; y && n < test->count; n++)
        for (int i = 0; i < y->dims[1]; i++)
            for (int j = 0; j < y->dims[2]; j++)
                for (int c = 0; c < test->channels; c++)
                    CHECK_NEAR(y->value[at++], pool_formula(test, LEAF("x")->value, n, i, j, c),
                               1e-14);
    CHECK(y && at == y->count);
    pl_tape_reset(&gradient->tape);
}

static void check_pool(struct pool test)
{
    struct gradient gradient = {0};
    gradient_leaf(&gradient, "x", 4, test.count, test.height, test.width, test.channels);
    gradient_check(&gradient, pool_loss, &test);
    if (test.which <= MEAN)
        pool_values(&gradient, &test);
    gradient_release(&gradient);
}

static void pooling(void)
{
    for (int which = MOST; which <= MEAN; which++) {
        check_pool((struct pool){2, 4, 6, 3, 2, 2, 0, which});
        check_pool((struct pool){1, 7, 5, 1, 3, 2, 1, which}); /* windows overlap */
        check_pool((struct pool){3, 5, 5, 17, 2, 3, 1, which});
        check_pool((struct pool){2, 3, 3, 2, 1, 1, 0, which});
    }
    check_pool((struct pool){3, 4, 5, 7, 0, 0, 0, GLOBAL});
    check_pool((struct pool){3, 4, 5, 7, 0, 0, 0, FLATTEN});
    check_pool((struct pool){2, 1, 1, 7, 0, 0, 0, FLATTEN});
    check_pool((struct pool){2, 3, 3, 1, 0, 0, 0, FLATTEN});
}

static void pooled_values(void)
{
    struct gradient own = {0}, *gradient = &own;
    const struct pl_variable *x = gradient_leaf(gradient, "x", 4, 2, 3, 2, 5);
    gradient->tape.context = &gradient->context;
    struct pl_variable *mean = pl_op_global_pool(&gradient->tape, LEAF("x"));
    struct pl_variable *flat = pl_op_flatten(&gradient->tape, LEAF("x"));
    for (int n = 0; n < 2; n++)
        for (int c = 0; c < 5; c++) {
            double sum = 0;
            for (int pixel = 0; pixel < 6; pixel++) {
                double value = x->value[(n * 6 + pixel) * 5 + c];
                sum += value;
                CHECK(flat->value[(n * 5 + c) * 6 + pixel] == value);
            }
            CHECK_NEAR(mean->value[n * 5 + c], sum / 6, 1e-14);
        }
    x->value[7] = (pl_real)NAN; /* picture 0, pixel 1, channel 2 */
    struct pl_variable *most = pl_op_max_pool(&gradient->tape, LEAF("x"), 2, 1, 0);
    CHECK(isnan(most->value[2]) && !isnan(most->value[3]));
    pl_tape_release(&gradient->tape);
    gradient_release(gradient);
}

/* ---- enlarging */

struct enlarge {
    int count, height, width, channels, tall, wide;
};

static struct pl_variable *enlarge(struct gradient *gradient, const void *user)
{
    const struct enlarge *t = user;
    return gradient_sum(gradient, pl_op_enlarge(&gradient->tape, LEAF("x"), t->tall, t->wide));
}

static void check_enlarge(struct enlarge t)
{
    struct gradient own = {0}, *gradient = &own;
    const struct pl_variable *x =
        gradient_leaf(gradient, "x", 4, t.count, t.height, t.width, t.channels);
    gradient_check(gradient, enlarge, &t);
    gradient->tape.recording = false;
    struct pl_variable *y = pl_op_enlarge(&gradient->tape, LEAF("x"), t.tall, t.wide);
    CHECK(y && y->dims[1] == t.height * t.tall && y->dims[2] == t.width * t.wide);
    int64_t at = 0;
    for (int n = 0; y && n < t.count; n++)
        for (int i = 0; i < t.height * t.tall; i++)
            for (int j = 0; j < t.width * t.wide; j++)
                for (int c = 0; c < t.channels; c++)
                    CHECK(
                        y->value[at++] ==
                        x->value[((n * t.height + i / t.tall) * t.width + j / t.wide) * t.channels +
                                 c]);
    gradient_release(gradient);
}

static void enlarging(void)
{
    check_enlarge((struct enlarge){2, 3, 4, 5, 2, 2});
    check_enlarge((struct enlarge){1, 4, 1, 3, 2, 1}); /* sound: one pixel wide */
    check_enlarge((struct enlarge){3, 1, 2, 1, 1, 3});
    check_enlarge((struct enlarge){0, 2, 2, 2, 2, 2});
}

/* ---- batch norm */

struct norm {
    int rows, channels;
    double momentum;
};

/* The running averages stay what they were: differences need the same function each time. */
static struct pl_variable *norm(struct gradient *gradient, const void *user)
{
    const struct norm *test = user;
    static pl_real mean[64], variance[64];
    struct pl_variable running[] = {
        {.rank = 1, .dims = {test->channels}, .count = test->channels, .value = mean},
        {.rank = 1, .dims = {test->channels}, .count = test->channels, .value = variance}};
    struct pl_batch_norm given = {LEAF("weight"), LEAF("bias"), &running[0], &running[1], 1e-3};
    for (int c = 0; c < test->channels; c++) {
        mean[c] = 0.3 - 0.1 * c;
        variance[c] = 0.5 + 0.1 * c;
    }
    struct pl_variable *y = pl_op_batch_norm(&gradient->tape, LEAF("x"), &given, test->momentum);
    return gradient_sum(gradient, y);
}

static void check_norm(struct norm test)
{
    struct gradient gradient = {0};
    gradient_leaf(&gradient, "x", 2, test.rows, test.channels);
    gradient_leaf(&gradient, "weight", 1, test.channels);
    gradient_leaf(&gradient, "bias", 1, test.channels);
    gradient_check(&gradient, norm, &test);
    gradient_release(&gradient);
}

static void batch_norms(void)
{
    check_norm((struct norm){5, 3, 0.1});
    check_norm((struct norm){2, 1, 1});
    check_norm((struct norm){700, 37, 0.1}); /* several blocks */
    check_norm((struct norm){1, 4, 0});
    check_norm((struct norm){700, 37, 0});
    check_norm((struct norm){0, 4, 0});
}

static void batch_statistics(void)
{
    struct gradient own = {0}, *gradient = &own;
    struct pl_tape *tape = &gradient->tape;
    pl_real ones[] = {1, 1}, zeros[] = {0, 0}, mean[] = {4, -2}, variance[] = {9, 1};
    struct pl_variable weight = {.rank = 1, .dims = {2}, .count = 2, .value = ones},
                       bias = {.rank = 1, .dims = {2}, .count = 2, .value = zeros};
    struct pl_variable running = {.rank = 1, .dims = {2}, .count = 2, .value = mean},
                       spread = {.rank = 1, .dims = {2}, .count = 2, .value = variance};
    struct pl_batch_norm given = {&weight, &bias, &running, &spread, 0};
    pl_real values[] = {1e6 + 1, 5, 1e6 + 2, 5, 1e6 + 6, 5}; /* far from 0; all the same */
    struct pl_variable x = {.rank = 2, .dims = {3, 2}, .count = 6, .value = values};
    tape->context = &gradient->context;
    given.eps = 1e-9;
    struct pl_variable *y = pl_op_batch_norm(tape, &x, &given, 0.25);
    CHECK_NEAR(y->value[0], -2 / sqrt(14 / 3.0), 1e-9);
    CHECK_NEAR(y->value[4], 3 / sqrt(14 / 3.0), 1e-9);
    CHECK(y->value[1] == 0 && y->value[3] == 0);
    CHECK_NEAR(mean[0], 0.75 * 4 + 0.25 * (1e6 + 3), 1e-12);
    CHECK_NEAR(variance[0], 0.75 * 9 + 0.25 * 7, 1e-12);
    CHECK_NEAR(mean[1], 0.75 * -2 + 0.25 * 5, 1e-12);
    CHECK_NEAR(variance[1], 0.75, 1e-12);
    y = pl_op_batch_norm(tape, &x, &given, 0);
    CHECK_NEAR(y->value[1], (5 - mean[1]) / sqrt(variance[1] + 1e-9), 1e-12);
    x.dims[0] = 1;
    CHECK(!pl_op_batch_norm(tape, &x, &given, 0.1));
    CHECK(gradient->context.status == PL_BAD_DATA);
    pl_tape_release(tape);
}

/* ---- the loss of classes */

static const int32_t labels[] = {2, 0, 1, 1, 2, 0, 2};

static struct pl_variable *classes(struct gradient *gradient, const void *user)
{
    (void)user;
    return pl_op_class_loss(&gradient->tape, LEAF("z"), labels, NULL);
}

static void class_loss(void)
{
    for (int rows = 0; rows <= 7; rows += 7) {
        struct gradient own = {0}, *gradient = &own;
        const struct pl_variable *z = gradient_leaf(gradient, "z", 2, rows, 3);
        gradient_check(gradient, classes, NULL);
        double nats = 0;
        int64_t right = 0;
        for (int n = 0; n < rows; n++) {
            const double *row = z->value + 3 * n;
            nats += log(exp(row[0]) + exp(row[1]) + exp(row[2])) - row[labels[n]];
            right += row[labels[n]] == fmax(row[0], fmax(row[1], row[2]));
        }
        struct pl_head_score score = {0};
        gradient->tape.recording = false;
        struct pl_variable *loss = pl_op_class_loss(&gradient->tape, LEAF("z"), labels, &score);
        CHECK_NEAR(loss->value[0], rows ? nats / rows : 0, 1e-14);
        CHECK_NEAR(score.nats, nats, 1e-14);
        CHECK(score.right == right && score.scored == rows);
        gradient_release(gradient);
    }
}

int main(void)
{
    RUN(windows);
    RUN(convolutions);
    RUN(pooling);
    RUN(pooled_values);
    RUN(enlarging);
    RUN(batch_norms);
    RUN(batch_statistics);
    RUN(class_loss);
    FINISH();
}
