/* Assignments beside brute force, known optima, and the prices that prove them.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "base/memory.h"
#include "base/rng.h"
#include "linalg/assignment.h"

static struct pl_context context;

enum { MOST = 700 };
static double scores[MOST * MOST], row_price[MOST], column_price[MOST];
static int64_t columns[MOST];

static double best_by_trial(int64_t n, int64_t row, unsigned used)
{
    double best = row == n ? 0 : -INFINITY;
    for (int64_t j = 0; row < n && j < n; j++)
        if (!(used >> j & 1))
            best = fmax(best, scores[row * n + j] + best_by_trial(n, row + 1, used | 1U << j));
    return best;
}

static bool is_permutation(int64_t n)
{
    bool seen[MOST] = {false};
    for (int64_t i = 0; i < n; i++) {
        if (columns[i] < 0 || columns[i] >= n || seen[columns[i]])
            return false;
        seen[columns[i]] = true;
    }
    return true;
}

/* Solves, and checks the proof: prices bound every score and meet at the assignment. */
static double solve(enum pl_assignment_goal goal, int64_t n, double tolerance)
{
    double value, sign = goal == PL_ASSIGN_MOST ? -1 : 1, prices = 0, worst = 0;
    CHECK(pl_assign(&context, goal, scores, n, columns, &value, row_price, column_price) == PL_OK);
    CHECK(is_permutation(n));
    for (int64_t i = 0; i < n; i++) {
        prices += row_price[i] + column_price[i];
        for (int64_t j = 0; j < n; j++)
            worst = fmax(worst, sign * (row_price[i] + column_price[j] - scores[i * n + j]));
    }
    CHECK(worst <= tolerance);
    CHECK_NEAR(prices, value, tolerance * (double)n);
    return value;
}

static void fill_normal(int64_t n, uint64_t seed)
{
    struct pl_rng rng = pl_rng_init(seed, "scores");
    for (int64_t i = 0; i < n * n; i++)
        scores[i] = pl_rng_normal(&rng, (uint64_t)i);
}

static void small_by_trial(void)
{
    for (int64_t n = 1; n <= 8; n++)
        for (uint64_t seed = 0; seed < 40; seed++) {
            fill_normal(n, seed * 10 + (uint64_t)n);
            if (seed % 2) /* many ties */
                for (int64_t i = 0; i < n * n; i++)
                    scores[i] = floor(scores[i]);
            CHECK_NEAR(solve(PL_ASSIGN_MOST, n, 1e-12), best_by_trial(n, 0, 0), 1e-12);
            for (int64_t i = 0; i < n * n; i++)
                scores[i] = -scores[i];
            double least = solve(PL_ASSIGN_LEAST, n, 1e-12);
            for (int64_t i = 0; i < n * n; i++)
                scores[i] = -scores[i];
            CHECK_NEAR(-least, best_by_trial(n, 0, 0), 1e-12);
        }
}

/* A permutation with a bonus that nothing else can match. */
static void planted(void)
{
    static int64_t order[MOST];
    const int64_t sizes[] = {63, 64, 65, 200, MOST};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int64_t n = sizes[k], wrong = 0;
        struct pl_rng rng = pl_rng_init(k, "order");
        pl_rng_shuffle(&rng, order, n);
        fill_normal(n, k);
        for (int64_t i = 0; i < n; i++)
            scores[i * n + order[i]] += 20;
        solve(PL_ASSIGN_MOST, n, 1e-11);
        for (int64_t i = 0; i < n; i++)
            wrong += columns[i] != order[i];
        CHECK(wrong == 0);
    }
}

static void large_by_proof(void)
{
    fill_normal(MOST, 77);
    solve(PL_ASSIGN_MOST, MOST, 1e-10);
    solve(PL_ASSIGN_LEAST, MOST, 1e-10);
    for (int64_t i = 0; i < MOST * MOST; i++) /* (i+1)(j+1): every row wants the same column */
        scores[i] = (double)(i / MOST + 1) * (double)(i % MOST + 1);
    double value = solve(PL_ASSIGN_MOST, MOST, 1e-6);
    CHECK_NEAR(value, (double)MOST * (MOST + 1) * (2 * MOST + 1) / 6, 1e-12);
}

static void ties(void)
{
    memset(scores, 0, sizeof scores);
    CHECK(solve(PL_ASSIGN_MOST, MOST, 0) == 0);
    for (int64_t i = 0; i < MOST * MOST; i++) /* two blocks of equal scores */
        scores[i] = (i / MOST < MOST / 2) == (i % MOST < MOST / 2);
    CHECK(solve(PL_ASSIGN_MOST, MOST, 0) == MOST);
    CHECK(solve(PL_ASSIGN_LEAST, MOST, 0) == 0);
}

/* Offsets that hide the differences: equal up to the rounding of the scores themselves. */
static void ill_scaled(void)
{
    const int64_t n = 200;
    fill_normal(n, 5);
    for (int64_t i = 0; i < n * n; i++)
        scores[i] = 1e6 * (double)(i / n) + 1e-9 * scores[i];
    CHECK_NEAR(solve(PL_ASSIGN_MOST, n, 1e-7), 1e6 * (double)(n * (n - 1) / 2), 1e-12);
}

static void not_finite(void)
{
    fill_normal(9, 1);
    scores[9 * 4 + 7] = NAN;
    CHECK(pl_assign(&context, PL_ASSIGN_MOST, scores, 9, columns, NULL, NULL, NULL) == PL_NUMERIC);
    CHECK_TEXT(context.message, "score [4, 7] of an assignment is not finite");
    scores[9 * 4 + 7] = -INFINITY;
    CHECK(pl_assign(&context, PL_ASSIGN_LEAST, scores, 9, columns, NULL, NULL, NULL) == PL_NUMERIC);
    CHECK(pl_assign(&context, PL_ASSIGN_LEAST, scores, 0, columns, NULL, NULL, NULL) == PL_OK);
}

int main(void)
{
    RUN(small_by_trial);
    RUN(planted);
    RUN(large_by_proof);
    RUN(ties);
    RUN(ill_scaled);
    RUN(not_finite);
    FINISH();
}
