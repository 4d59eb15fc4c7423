/* Moments and differences against values known by other means.
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "tensor/compare.h"
#include "tensor/statistics.h"

static struct pl_summary summary_of(const void *elements, enum pl_dtype dtype, int64_t count,
                                    int64_t piece)
{
    struct pl_context context = {0};
    static struct pl_statistics statistics;
    pl_statistics_start(&statistics, dtype);
    for (int64_t i = 0; i < count; i += piece) {
        int64_t part = count - i < piece ? count - i : piece;
        const char *from = (const char *)elements + (size_t)i * pl_dtype_size(dtype);
        CHECK(pl_statistics_add(&context, &statistics, from, part) == PL_OK);
    }
    pl_statistics_finish(&statistics);
    return statistics.summary;
}

static void a_large_mean_does_not_hide_the_deviation(void)
{
    enum { N = 100000 };
    static double x[N];
    for (int i = 0; i < N; i++)
        x[i] = 1e9 + i % 2; /* mean 1e9 + 0.5, deviation 0.5 */
    struct pl_summary summary = summary_of(x, PL_F64, N, 777);
    CHECK(summary.count == N && pl_summary_finite(&summary) == N);
    CHECK_NEAR(pl_summary_mean(&summary), 1e9 + 0.5, 1e-15);
    CHECK_NEAR(pl_summary_deviation(&summary), 0.5, 1e-12);
    struct pl_summary other = summary_of(x, PL_F64, N, N);
    CHECK(memcmp(&summary.mean, &other.mean, sizeof other.mean) == 0);
    CHECK(summary.square == other.square && summary.sum == other.sum);
}

static void one_at_a_time_gives_the_same(void)
{
    enum { N = 30000 };
    static float x[N];
    for (int i = 0; i < N; i++)
        x[i] = (float)((i * 7919) % 10007) / 3.0f - 1000.0f;
    struct pl_context context = {0};
    struct pl_summary all = summary_of(x, PL_F32, N, 4096), third = pl_summary_init(PL_F32);
    CHECK(pl_summary_add(&context, &third, x, N, 1) == PL_OK);
    CHECK_NEAR(pl_summary_mean(&third), pl_summary_mean(&all), 1e-14);
    CHECK_NEAR(pl_summary_deviation(&third), pl_summary_deviation(&all), 1e-13);
    /* every third element */
    third = pl_summary_init(PL_F32);
    double sum = 0;
    for (int i = 1; i < N; i += 3)
        sum += (double)x[i];
    CHECK(pl_summary_add(&context, &third, x + 1, N / 3, 3) == PL_OK);
    CHECK_NEAR(pl_summary_mean(&third), sum / (N / 3), 1e-12);
}

static void what_is_not_finite_is_counted_apart(void)
{
    float x[] = {1, NAN, INFINITY, -INFINITY, 0, -0.0f, 3};
    struct pl_summary summary = summary_of(x, PL_F32, 7, 3);
    CHECK(summary.nans == 1 && summary.infinities == 2 && summary.zeros == 2);
    CHECK(pl_summary_finite(&summary) == 4 && pl_summary_mean(&summary) == 1);
    CHECK(summary.low_value == 0 && summary.high_value == 3);
    char text[32];
    pl_element_text(text, summary.high, PL_F32, 0);
    CHECK_TEXT(text, "3");
    summary = summary_of(x + 1, PL_F32, 3, 3);
    CHECK(pl_summary_finite(&summary) == 0 && isnan(pl_summary_deviation(&summary)));
}

static void extremes_of_wide_integers_are_exact(void)
{
    int64_t x[] = {INT64_C(9007199254740993), INT64_C(9007199254740992), INT64_C(9007199254740995),
                   INT64_C(9007199254740996)};
    char text[32];
    for (int64_t piece = 1; piece < 5; piece++) {
        struct pl_summary summary = summary_of(x, PL_I64, 4, piece);
        pl_element_text(text, summary.low, PL_I64, 0);
        CHECK_TEXT(text, "9007199254740992");
        pl_element_text(text, summary.high, PL_I64, 0);
        CHECK_TEXT(text, "9007199254740996");
        CHECK(pl_summary_mean(&summary) == 9007199254740994.0);
        CHECK_NEAR(pl_summary_deviation(&summary), sqrt(2.5), 1e-15); /* of -1, -2, 1, 2 */
    }
    uint64_t y[] = {UINT64_MAX - 1, UINT64_MAX, UINT64_MAX - 2};
    struct pl_summary summary = summary_of(y, PL_U64, 3, 2);
    pl_element_text(text, summary.high, PL_U64, 0);
    CHECK_TEXT(text, "18446744073709551615");
}

static void differences_of_floats(void)
{
    float a[] = {1, 2, NAN, -0.0f, INFINITY, 4}, b[] = {1, 2.5f, NAN, 0.0f, INFINITY, 4.0000005f};
    struct pl_difference difference = {0};
    pl_compare(&difference, a, b, PL_F32, 6);
    CHECK(difference.count == 6 && difference.unequal == 2 && difference.outside == 2);
    CHECK(difference.absolute == 0.5 && difference.absolute_at == 1);
    CHECK_NEAR(difference.relative, 0.2, 1e-15);
    CHECK(difference.ulp == 2097152 && difference.ulp_at == 1); /* half of [2, 4): 2^23 / 4 */
    difference = (struct pl_difference){.rtol = 0.1, .atol = 0.25};
    pl_compare(&difference, a, b, PL_F32, 6); /* 0.25 + 0.1 * 2.5 = 0.5 */
    CHECK(difference.unequal == 2 && difference.outside == 0);
    /* One tiny step on either side of zero, then NaN and infinity against numbers */
    float c[] = {1e-45f, NAN, INFINITY}, d[] = {-1e-45f, 1, 1e38f};
    difference = (struct pl_difference){.rtol = 1e9};
    pl_compare(&difference, c, d, PL_F32, 1);
    CHECK(difference.ulp == 2 && difference.outside == 0);
    pl_compare(&difference, c + 1, d + 1, PL_F32, 2);
    CHECK(difference.count == 3 && difference.outside == 2 && difference.absolute_at == 2);
    CHECK(difference.nans == 1 && difference.nan_at == 1 && isinf(difference.absolute));
    difference = (struct pl_difference){.rtol = 1, .atol = 1};
    pl_compare(&difference, d + 2, c + 2, PL_F32, 1);
    CHECK(difference.outside == 1);
    uint16_t e = 0x3c00, f = 0x3c01; /* 1 and the next f16 */
    difference = (struct pl_difference){0};
    pl_compare(&difference, &e, &f, PL_F16, 1);
    CHECK(difference.ulp == 1 && difference.absolute == 0x1p-10);
}

static void differences_of_integers_are_exact(void)
{
    int64_t a[] = {INT64_MAX, INT64_MIN, 5}, b[] = {INT64_MAX - 1, INT64_MAX, 5};
    struct pl_difference difference = {0};
    pl_compare(&difference, a, b, PL_I64, 1);
    CHECK(difference.unequal == 1 && difference.ulp == 1 && difference.absolute == 1);
    pl_compare(&difference, a + 1, b + 1, PL_I64, 2);
    CHECK(difference.unequal == 2 && difference.ulp == UINT64_MAX && difference.ulp_at == 1);
    uint64_t c = UINT64_MAX, d = UINT64_MAX - 1;
    difference = (struct pl_difference){0};
    pl_compare(&difference, &c, &d, PL_U64, 1);
    CHECK(difference.ulp == 1);
    uint8_t e[] = {255, 0}, f[] = {0, 0};
    difference = (struct pl_difference){0};
    pl_compare(&difference, e, f, PL_U8, 2);
    CHECK(difference.ulp == 255 && difference.unequal == 1 && isinf(difference.relative));
}

int main(void)
{
    RUN(a_large_mean_does_not_hide_the_deviation);
    RUN(one_at_a_time_gives_the_same);
    RUN(what_is_not_finite_is_counted_apart);
    RUN(extremes_of_wide_integers_are_exact);
    RUN(differences_of_floats);
    RUN(differences_of_integers_are_exact);
    FINISH();
}
