/* Closed-form fits against their defining property, on windows that are really built.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "base/rng.h"
#include "models/linear.h"

enum { L = 24, H = 53, ROWS = 600, N = ROWS - L - H + 1, PAST = 1, FUTURE = 2, P = L * (1 + PAST) };

static struct pl_context context;
static double data[1 + PAST + FUTURE][ROWS];
static const double *const past[PAST] = {data[1]};
static const double *const future[FUTURE] = {data[2], data[3]};
static const struct pl_piece piece = {ROWS, data[0], past, future};
static const enum pl_linear_kind kinds[] = {PL_LINEAR, PL_NLINEAR, PL_MEAN};

static void make_data(void)
{
    struct pl_rng rng = pl_rng_init(2, "linear");

    for (int t = 0; t < ROWS; t++) {
        double noise[3];

        for (int c = 0; c < 3; c++)
            noise[c] = pl_rng_normal(&rng, (uint64_t)(3 * t + c));
        data[1][t] = 0.8 * (t > 0 ? data[1][t - 1] : 0) + noise[1];
        data[2][t] = sin(t / 4.1);
        data[3][t] = t % 7 == 0;
        data[0][t] = 0.6 * (t > 0 ? data[0][t - 1] : 0) + (t > 2 ? 0.3 * data[1][t - 3] : 0) +
                     0.7 * data[3][t] + 0.5 * data[2][t] + 0.4 * noise[0] + 2;
    }
}

static struct pl_gram gram_of(const struct pl_piece *from, int64_t more_past, int64_t ahead)
{
    struct pl_gram gram;

    if (pl_gram_init(&context, &gram, L, H, more_past, ahead) != PL_OK ||
        pl_gram_add(&context, &gram, from) != PL_OK)
        abort();
    return gram;
}

static double reference(enum pl_linear_kind kind, int t)
{
    double sum = 0;

    for (int i = 0; i < L; i++)
        sum += data[0][t + i] / L;
    return kind == PL_LINEAR ? 0 : kind == PL_NLINEAR ? data[0][t + L - 1] : sum;
}

static double forecasts[N * H];

static double residual(int t, int h)
{
    return data[0][t + L + h] - forecasts[t * H + h];
}

/* Least squares: residuals sum to zero, alone and times every regressor. */
static void residuals_are_orthogonal(void)
{
    for (int which = 0; which < 3; which++) {
        enum pl_linear_kind kind = kinds[which];
        struct pl_gram gram = gram_of(&piece, PAST, FUTURE);
        struct pl_linear linear;
        double used;

        CHECK(pl_linear_solve(&context, &gram, kind, 0, &linear, &used) == PL_OK);
        CHECK(used == 1e-10);
        CHECK(pl_linear_forecast(&context, &linear, &piece, 0, N, forecasts) == PL_OK);
        for (int h = 0; h < H; h += 13) {
            double one = 0, lag[P] = {0}, ahead[FUTURE] = {0};

            for (int t = 0; t < N; t++) {
                double r = residual(t, h) / N, rho = reference(kind, t);

                one += r;
                for (int i = 0; i < P; i++)
                    lag[i] += r * (i < L ? data[0][t + i] - rho : data[1][t + i - L]);
                for (int c = 0; c < FUTURE; c++)
                    ahead[c] += r * future[c][t + L + h];
            }
            CHECK_NEAR(one, 0, 1e-12);
            for (int i = 0; i < P; i++)
                CHECK_NEAR(lag[i], 0, 1e-8);
            for (int c = 0; c < FUTURE; c++)
                CHECK_NEAR(ahead[c], 0, 1e-8);
        }
        pl_linear_release(&linear);
        pl_gram_release(&gram);
    }
}

/* The quadratic form is the mean squared error over windows, on other windows too. */
static void score_is_the_error(void)
{
    struct pl_piece head = {300, data[0], past, future};
    struct pl_gram train = gram_of(&head, PAST, FUTURE), all = gram_of(&piece, PAST, FUTURE);
    struct pl_linear linear;
    double mse[H];

    CHECK(pl_linear_solve(&context, &train, PL_NLINEAR, 0.01, &linear, NULL) == PL_OK);
    CHECK(pl_linear_score(&context, &all, &linear, mse) == PL_OK);
    CHECK(pl_linear_forecast(&context, &linear, &piece, 0, N, forecasts) == PL_OK);
    for (int h = 0; h < H; h++) {
        double sum = 0;

        for (int t = 0; t < N; t++)
            sum += residual(t, h) * residual(t, h) / N;
        CHECK_NEAR(mse[h], sum, 1e-12);
    }
    pl_linear_release(&linear);
    pl_gram_release(&train);
    pl_gram_release(&all);
}

static void ridge_shrinks(void)
{
    struct pl_gram gram = gram_of(&piece, 0, 0);
    double before = INFINITY;

    for (int i = 0; i < PL_RIDGES; i++) {
        struct pl_linear linear;
        double norm = 0;

        CHECK(pl_linear_solve(&context, &gram, PL_LINEAR, pl_ridges[i], &linear, NULL) == PL_OK);
        for (int j = 0; j < L; j++)
            norm += linear.weight[j] * linear.weight[j];
        CHECK(norm < before);
        before = norm;
        pl_linear_release(&linear);
    }
    pl_gram_release(&gram);
}

/* Two lags, one step: the ridge is relative to the mean diagonal of the centred Gram matrix. */
static void ridge_by_hand(void)
{
    struct pl_gram gram;
    struct pl_linear linear;
    struct pl_piece short_piece = {50, data[0], NULL, NULL};
    const double ridge = 0.5;

    CHECK(pl_gram_init(&context, &gram, 2, 1, 0, 0) == PL_OK);
    CHECK(pl_gram_add(&context, &gram, &short_piece) == PL_OK);
    CHECK(pl_linear_solve(&context, &gram, PL_LINEAR, ridge, &linear, NULL) == PL_OK);
    double n = gram.count, a = gram.xx[0] - gram.x[0] * gram.x[0] / n,
           b = gram.xx[1] - gram.x[0] * gram.x[1] / n, d = gram.xx[3] - gram.x[1] * gram.x[1] / n,
           u = gram.xy[0] - gram.x[0] * gram.y[0] / n, v = gram.xy[1] - gram.x[1] * gram.y[0] / n;
    double penalty = ridge * (a + d) / 2;
    double determinant = (a + penalty) * (d + penalty) - b * b;
    CHECK_NEAR(linear.weight[0], ((d + penalty) * u - b * v) / determinant, 1e-12);
    CHECK_NEAR(linear.weight[1], ((a + penalty) * v - b * u) / determinant, 1e-12);
    CHECK_NEAR(linear.bias[0],
               (gram.y[0] - linear.weight[0] * gram.x[0] - linear.weight[1] * gram.x[1]) / n,
               1e-12);
    pl_linear_release(&linear);
    pl_gram_release(&gram);
}

static void path_picks_the_least(void)
{
    struct pl_piece head = {120, data[0], past, future};
    struct pl_gram train = gram_of(&head, PAST, FUTURE), all = gram_of(&piece, PAST, FUTURE);
    struct pl_linear best_map, again;
    double errors[PL_RIDGES];
    int best;

    CHECK(pl_linear_path(&context, &train, PL_MEAN, pl_ridges, PL_RIDGES, &all, errors, &best,
                         &best_map) == PL_OK);
    CHECK(best > 0);
    for (int i = 0; i < PL_RIDGES; i++)
        CHECK(errors[best] <= errors[i]);
    CHECK(pl_linear_solve(&context, &train, PL_MEAN, pl_ridges[best], &again, NULL) == PL_OK);
    CHECK(memcmp(again.weight, best_map.weight, H * P * sizeof(double)) == 0);
    CHECK(memcmp(again.bias, best_map.bias, H * sizeof(double)) == 0);
    pl_linear_release(&again);
    pl_linear_release(&best_map);
    pl_gram_release(&train);
    pl_gram_release(&all);
}

/* Adding a constant to the target adds it to the forecasts of nlinear and mean. */
static void level_is_followed(void)
{
    static double shifted[ROWS], moved[H];
    const double level = 1e3;
    struct pl_piece up = {ROWS, shifted, past, future};

    for (int t = 0; t < ROWS; t++)
        shifted[t] = data[0][t] + level;
    for (int which = 1; which < 3; which++) {
        struct pl_gram gram = gram_of(&piece, PAST, FUTURE), other = gram_of(&up, PAST, FUTURE);
        struct pl_linear linear, raised;

        CHECK(pl_linear_solve(&context, &gram, kinds[which], 1e-3, &linear, NULL) == PL_OK);
        CHECK(pl_linear_forecast(&context, &linear, &piece, 7, 1, forecasts) == PL_OK);
        CHECK(pl_linear_forecast(&context, &linear, &up, 7, 1, moved) == PL_OK);
        for (int h = 0; h < H; h++)
            CHECK_NEAR(moved[h], forecasts[h] + level, 1e-12);
        /* and a fit on the shifted data is the same fit */
        CHECK(pl_linear_solve(&context, &other, kinds[which], 1e-3, &raised, NULL) == PL_OK);
        CHECK(pl_linear_forecast(&context, &raised, &up, 7, 1, moved) == PL_OK);
        for (int h = 0; h < H; h++)
            CHECK_NEAR(moved[h], forecasts[h] + level, 1e-9);
        pl_linear_release(&linear);
        pl_linear_release(&raised);
        pl_gram_release(&gram);
        pl_gram_release(&other);
    }
}

static void constant_series(void)
{
    static double flat[ROWS];
    struct pl_piece constant = {ROWS, flat, NULL, NULL};

    for (int level = 0; level < 2; level++)
        for (int which = 0; which < 3; which++) {
            struct pl_linear linear;
            double out[H];

            for (int t = 0; t < ROWS; t++)
                flat[t] = 0.1 * level;
            struct pl_gram gram = gram_of(&constant, 0, 0);
            CHECK(pl_linear_solve(&context, &gram, kinds[which], 0, &linear, NULL) == PL_OK);
            CHECK(pl_linear_forecast(&context, &linear, &constant, 0, 1, out) == PL_OK);
            for (int h = 0; h < H; h++)
                CHECK(fabs(out[h] - 0.1 * level) < 1e-15);
            pl_linear_release(&linear);
            pl_gram_release(&gram);
        }
}

/* Future columns that say the same twice, that are constant, that the lags know already. */
static void collinear_future(void)
{
    static double ones[ROWS], season[ROWS];
    const double *const ahead[] = {data[2], data[2], ones, season};
    struct pl_piece many = {ROWS, season, NULL, ahead};
    struct pl_linear linear;
    double used;

    for (int t = 0; t < ROWS; t++) {
        ones[t] = 1;
        season[t] = sin(t / 4.1) + 0.25 * cos(t / 2.05);
    }
    for (int which = 0; which < 3; which++) {
        struct pl_gram gram = gram_of(&many, 0, 4);
        CHECK(pl_linear_solve(&context, &gram, kinds[which], 0, &linear, &used) == PL_OK);
        CHECK(pl_linear_forecast(&context, &linear, &many, 0, N, forecasts) == PL_OK);
        for (int h = 0; h < H; h++)
            for (int t = 0; t < N; t += 50)
                CHECK_NEAR(forecasts[t * H + h], season[t + L + h], 1e-4);
        pl_linear_release(&linear);
        pl_gram_release(&gram);
    }
}

static void threads_change_no_bit(void)
{
    struct pl_gram gram = gram_of(&piece, PAST, FUTURE);
    static double out[2][N * H];
    struct pl_linear linear[2];

    for (int i = 0; i < 2; i++) {
        context.threads = 1 + 3 * i;
        CHECK(pl_linear_solve(&context, &gram, PL_NLINEAR, 0, &linear[i], NULL) == PL_OK);
        CHECK(pl_linear_forecast(&context, &linear[i], &piece, 0, N, out[i]) == PL_OK);
    }
    context.threads = 0;
    CHECK(memcmp(out[0], out[1], sizeof out[0]) == 0);
    pl_linear_release(&linear[0]);
    pl_linear_release(&linear[1]);
    pl_gram_release(&gram);
}

/* The average with repeated ends, and <M x, w> = <x, M' w> for windows long and short. */
static void averages(void)
{
    enum { WIDTH = 25, LONGEST = 60 };
    float x[LONGEST], w[LONGEST], average[LONGEST], adjoint[LONGEST];

    for (int rows = 1; rows <= LONGEST; rows++) {
        double left = 0, right = 0;

        for (int i = 0; i < rows; i++) {
            x[i] = (float)data[0][i];
            w[i] = (float)data[1][i];
        }
        pl_moving_average(rows, WIDTH, x, average);
        pl_moving_average_adjoint(rows, WIDTH, w, adjoint);
        for (int i = 0; i < rows; i++) {
            double sum = 0;

            for (int o = i - 12; o <= i + 12; o++)
                sum += (double)x[o < 0 ? 0 : o < rows ? o : rows - 1] / WIDTH;
            CHECK_NEAR((double)average[i], sum, 1e-6);
            left += (double)average[i] * (double)w[i];
            right += (double)x[i] * (double)adjoint[i];
        }
        CHECK_NEAR(left, right, 1e-5);
    }
}

static void refusals(void)
{
    struct pl_piece small = {L + H - 1, data[0], NULL, NULL};
    struct pl_gram gram = gram_of(&small, 0, 0), full = gram_of(&piece, 0, 0);
    struct pl_linear linear;
    double out[3 * H];

    CHECK(pl_linear_solve(&context, &gram, PL_NLINEAR, 0, &linear, NULL) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "there is no window of 24 + 53 rows to fit");
    CHECK(pl_linear_solve(&context, &full, PL_NLINEAR, 0, &linear, NULL) == PL_OK);
    CHECK(pl_linear_score(&context, &gram, &linear, out) == PL_BAD_DATA);
    CHECK(pl_linear_forecast(&context, &linear, &piece, ROWS - L, 1, out) == PL_OK);
    CHECK(pl_linear_forecast(&context, &linear, &piece, ROWS - L - 1, 3, out) == PL_BAD_DATA);
    CHECK(pl_linear_forecast(&context, &linear, &piece, -1, 1, out) == PL_BAD_DATA);
    pl_linear_release(&linear);
    full.xx[3] = full.xx[3 * L] = NAN;
    CHECK(pl_linear_solve(&context, &full, PL_NLINEAR, 0, &linear, NULL) == PL_NUMERIC);
    pl_gram_release(&gram);
    pl_gram_release(&full);
}

int main(void)
{
    make_data();
    RUN(residuals_are_orthogonal);
    RUN(score_is_the_error);
    RUN(ridge_shrinks);
    RUN(ridge_by_hand);
    RUN(path_picks_the_least);
    RUN(level_is_followed);
    RUN(constant_series);
    RUN(collinear_future);
    RUN(threads_change_no_bit);
    RUN(averages);
    RUN(refusals);
    FINISH();
}
