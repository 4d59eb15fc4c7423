/* Training by mini-batches: gradients, determinism, and where it stands against the closed form.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "base/rng.h"
#include "models/linear_adam.h"

enum { L = 32, H = 50, ROWS = 500, CHANNELS = 2, N = ROWS - L - H + 1, WIDTH = 7 };

static struct pl_context context;
static double data[CHANNELS][ROWS];
static const double *const columns[CHANNELS] = {data[0], data[1]};
static int64_t starts[N];
static const struct pl_windows training = {columns, CHANNELS, ROWS, starts, 300};
static const struct pl_windows validation = {columns, CHANNELS, ROWS, starts + 300, N - 300};
static const struct pl_windows nothing = {columns, CHANNELS, ROWS, starts, 0};
static const struct pl_recipe recipe = {4, 16, 0.005, 0.5, 3, WIDTH, 7};
static const enum pl_linear_kind kinds[] = {PL_LINEAR, PL_NLINEAR, PL_DLINEAR, PL_MEAN};

static void make_data(void)
{
    struct pl_rng rng = pl_rng_init(3, "adam");

    for (int c = 0; c < CHANNELS; c++)
        for (int t = 0; t < ROWS; t++)
            data[c][t] = sin(t / (3.0 + c)) + 0.3 * pl_rng_normal(&rng, (uint64_t)(c * ROWS + t));
    for (int i = 0; i < N; i++)
        starts[i] = i;
}

static struct pl_linear_net new_net(enum pl_linear_kind kind)
{
    struct pl_linear_net net;

    if (pl_linear_net_init(&context, &net, kind, L, H, WIDTH) != PL_OK)
        abort();
    for (int b = 0; b < net.branches; b++) {
        for (int i = 0; i < H * L; i++)
            net.weight[b][i] = (float)(0.1 * sin(i + 5 * b));
        for (int h = 0; h < H; h++)
            net.bias[b][h] = (float)(0.1 * cos(h + b));
    }
    return net;
}

enum { M = 6 };
static float x[M * L], y[M * H];

static void make_batch(void)
{
    for (int i = 0; i < M; i++) {
        for (int j = 0; j < L; j++)
            x[i * L + j] = (float)data[0][9 * i + j];
        for (int h = 0; h < H; h++)
            y[i * H + h] = (float)data[0][9 * i + L + h];
    }
}

/* The loss is quadratic, so a central difference is exact but for rounding. */
static void gradient_is_the_slope(void)
{
    const float step = 0.125F;

    make_batch();
    for (int k = 0; k < 4; k++) {
        struct pl_linear_net net = new_net(kinds[k]), gradient = new_net(kinds[k]),
                             unused = new_net(kinds[k]);
        double loss, up, down;

        CHECK(pl_linear_net_gradient(&context, &net, M, x, y, 0.5, &loss, &gradient) == PL_OK);
        for (int b = 0; b < net.branches; b++)
            for (int i = 0; i < H * L; i += 97) {
                float *weight = i % 2 ? net.weight[b] + i : net.bias[b] + i % H;
                float slope = i % 2 ? gradient.weight[b][i] : gradient.bias[b][i % H];
                float before = *weight;

                *weight = before + step;
                CHECK(pl_linear_net_gradient(&context, &net, M, x, y, 1, &up, &unused) == PL_OK);
                *weight = before - step;
                CHECK(pl_linear_net_gradient(&context, &net, M, x, y, 1, &down, &unused) == PL_OK);
                *weight = before;
                CHECK_NEAR((double)slope, 0.5 * (up - down) / (2 * (double)step), 1e-4);
            }
        pl_linear_net_release(&net);
        pl_linear_net_release(&gradient);
        pl_linear_net_release(&unused);
    }
}

static void fold_forecasts_the_same(void)
{
    make_batch();
    for (int k = 0; k < 4; k++) {
        struct pl_linear_net net = new_net(kinds[k]);
        struct pl_linear linear;
        float out[M * H];
        double folded[H], window[L];

        CHECK(pl_linear_net_forecast(&context, &net, M, x, out) == PL_OK);
        CHECK(pl_linear_net_fold(&context, &net, &linear) == PL_OK);
        for (int i = 0; i < M; i++) {
            struct pl_piece piece = {L, window, NULL, NULL};

            for (int j = 0; j < L; j++)
                window[j] = (double)x[i * L + j];
            CHECK(pl_linear_forecast(&context, &linear, &piece, 0, 1, folded) == PL_OK);
            for (int h = 0; h < H; h++)
                CHECK_NEAR((double)out[i * H + h], folded[h], 1e-5);
        }
        pl_linear_net_release(&net);
        pl_linear_release(&linear);
    }
}

/* Three steps by hand, in double. */
static void adam_step(void)
{
    float weight = 1, first = 0, second = 0;
    double w = 1, m = 0, v = 0;

    for (int t = 1; t <= 3; t++) {
        float gradient = 0.5F * weight - (float)t;
        double g = 0.5 * w - t;

        pl_adam_step(1, &weight, &gradient, &first, &second, 0.1, t);
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        w -= 0.1 * (m / (1 - pow(0.9, t))) / (sqrt(v / (1 - pow(0.999, t))) + 1e-8);
        CHECK_NEAR((double)weight, w, 1e-6);
    }
}

static struct pl_gram training_gram(void)
{
    struct pl_gram gram;

    if (pl_gram_init(&context, &gram, L, H, 0, 0) != PL_OK)
        abort();
    for (int c = 0; c < CHANNELS; c++) {
        struct pl_piece piece = {300 + L + H - 1, data[c], NULL, NULL};
        CHECK(pl_gram_add(&context, &gram, &piece) == PL_OK);
    }
    return gram;
}

static double mean_error(const struct pl_gram *gram, const struct pl_linear *linear)
{
    double mse[H], sum = 0;

    CHECK(pl_linear_score(&context, gram, linear, mse) == PL_OK);
    for (int h = 0; h < H; h++)
        sum += mse[h] / H;
    return sum;
}

static void closed_form_fits_better(void)
{
    struct pl_gram gram = training_gram();

    for (int k = 0; k < 4; k++) {
        struct pl_linear trained, solved, start;
        struct pl_adam_report report;

        CHECK(pl_linear_adam(&context, kinds[k], L, H, false, &recipe, &training, &validation, NULL,
                             NULL, &trained, &report) == PL_OK);
        CHECK(pl_linear_solve(&context, &gram, kinds[k], 0, &solved, NULL) == PL_OK);
        CHECK(pl_linear_init(&context, &start, L, H, 0, 0) == PL_OK);
        CHECK(report.epochs == 4 && report.best_epoch >= 1 && report.best_epoch <= 4);
        CHECK(mean_error(&gram, &solved) <= mean_error(&gram, &trained));
        CHECK(mean_error(&gram, &trained) < 0.5 * mean_error(&gram, &start));
        pl_linear_release(&trained);
        pl_linear_release(&solved);
        pl_linear_release(&start);
    }
    pl_gram_release(&gram);
}

static void threads_change_no_bit(void)
{
    struct pl_linear out[2][CHANNELS];
    struct pl_adam_report report[2];

    for (int individual = 0; individual < 2; individual++) {
        for (int i = 0; i < 2; i++) {
            context.threads = 1 + 3 * i;
            CHECK(pl_linear_adam(&context, PL_NLINEAR, L, H, individual, &recipe, &training,
                                 &validation, NULL, NULL, out[i], &report[i]) == PL_OK);
        }
        CHECK(report[0].validation_mse == report[1].validation_mse);
        for (int c = 0; c < (individual ? CHANNELS : 1); c++) {
            CHECK(memcmp(out[0][c].weight, out[1][c].weight, H * L * sizeof(double)) == 0);
            pl_linear_release(&out[0][c]);
            pl_linear_release(&out[1][c]);
        }
    }
    context.threads = 0;
}

/* The error that training reports is that of the map it gives back; the seed matters. */
static void report_is_true(void)
{
    struct pl_linear first, second;
    struct pl_adam_report report, other;
    struct pl_recipe seeded = recipe;
    double out[H], sum = 0;

    CHECK(pl_linear_adam(&context, PL_DLINEAR, L, H, false, &recipe, &training, &validation, NULL,
                         NULL, &first, &report) == PL_OK);
    for (int c = 0; c < CHANNELS; c++)
        for (int64_t i = 0; i < validation.count; i++) {
            struct pl_piece piece = {ROWS, data[c], NULL, NULL};

            CHECK(pl_linear_forecast(&context, &first, &piece, validation.starts[i], 1, out) ==
                  PL_OK);
            for (int h = 0; h < H; h++) {
                double error = out[h] - data[c][validation.starts[i] + L + h];
                sum += error * error / (double)(H * CHANNELS * validation.count);
            }
        }
    CHECK_NEAR(report.validation_mse, sum, 1e-5);
    seeded.seed++;
    CHECK(pl_linear_adam(&context, PL_DLINEAR, L, H, false, &seeded, &training, &validation, NULL,
                         NULL, &second, &other) == PL_OK);
    CHECK(memcmp(first.weight, second.weight, H * L * sizeof(double)) != 0);
    pl_linear_release(&first);
    pl_linear_release(&second);
}

static void count_epoch(void *user, int64_t epoch, double training_mse, double validation_mse)
{
    (void)training_mse;
    CHECK(++*(int64_t *)user == epoch);
    CHECK(isnan(validation_mse));
}

static void without_validation(void)
{
    struct pl_linear linear;
    struct pl_adam_report report;
    int64_t seen = 0;

    CHECK(pl_linear_adam(&context, PL_LINEAR, L, H, false, &recipe, &training, &nothing,
                         count_epoch, &seen, &linear, &report) == PL_OK);
    CHECK(seen == 4 && report.epochs == 4 && report.best_epoch == 4);
    pl_linear_release(&linear);
}

static void refusals(void)
{
    struct pl_linear linear;
    struct pl_adam_report report;
    struct pl_recipe bad = recipe;

    bad.moving_average = 24;
    CHECK(pl_linear_adam(&context, PL_DLINEAR, L, H, false, &bad, &training, &nothing, NULL, NULL,
                         &linear, &report) == PL_USAGE);
    CHECK_TEXT(context.message, "a moving average over 24 rows has no middle; take an odd number");
    bad = recipe;
    bad.batch = 301;
    CHECK(pl_linear_adam(&context, PL_LINEAR, L, H, false, &bad, &training, &nothing, NULL, NULL,
                         &linear, &report) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "300 training windows do not fill one batch of 301; lower --batch");
    bad = recipe;
    bad.rate = 1e30;
    CHECK(pl_linear_adam(&context, PL_LINEAR, L, H, false, &bad, &training, &nothing, NULL, NULL,
                         &linear, &report) == PL_NUMERIC);
}

int main(void)
{
    make_data();
    RUN(gradient_is_the_slope);
    RUN(fold_forecasts_the_same);
    RUN(adam_step);
    RUN(closed_form_fits_better);
    RUN(threads_change_no_bit);
    RUN(report_is_true);
    RUN(without_validation);
    RUN(refusals);
    FINISH();
}
