/* Philox against published vectors, and what is made of its bits.
 * SPDX-License-Identifier: MIT */
#include "base/rng.h"
#include "check.h"

/* The known answers of the Random123 distribution for philox4x32-10, the two words we hand out. */
static void known_answers(void)
{
    struct pl_rng zeros = {{0, 0}, {0, 0}};
    CHECK(pl_rng_bits(&zeros, 0) == 0xe169c58d6627e8d5);
    struct pl_rng ones = {{0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}};
    CHECK(pl_rng_bits(&ones, 0xffffffffffffffff) == 0x41c83b0e408f276d);
    struct pl_rng pi = {{0xa4093822, 0x299f31d0}, {0x13198a2e, 0x03707344}};
    CHECK(pl_rng_bits(&pi, 0x85a308d3243f6a88) == 0x94fdccebd16cfe09);
}

static void streams_differ(void)
{
    struct pl_rng a = pl_rng_init(1, "weight"), b = pl_rng_init(1, "bias"),
                  c = pl_rng_init(2, "weight"), d = pl_rng_init((uint64_t)1 << 32, "weight");
    CHECK(pl_rng_bits(&a, 0) != pl_rng_bits(&b, 0));
    CHECK(pl_rng_bits(&a, 0) != pl_rng_bits(&c, 0));
    CHECK(pl_rng_bits(&a, 0) != pl_rng_bits(&d, 0));
    CHECK(pl_rng_bits(&a, 0) != pl_rng_bits(&a, 1));
    CHECK(pl_rng_bits(&a, 7) == pl_rng_bits(&a, 7));
}

static void moments(void)
{
    enum { COUNT = 200000 };
    struct pl_rng rng = pl_rng_init(5, "moments");
    double uniform = 0, uniform_squares = 0, normal = 0, squares = 0, fourths = 0, least = 1,
           most = 0;
    for (int i = 0; i < COUNT; i++) {
        double u = pl_rng_uniform(&rng, (uint64_t)i), z = pl_rng_normal(&rng, (uint64_t)i);
        uniform += u;
        uniform_squares += u * u;
        least = fmin(least, u);
        most = fmax(most, u);
        normal += z;
        squares += z * z;
        fourths += z * z * z * z;
    }
    CHECK(least >= 0 && most < 1);
    CHECK_NEAR(uniform / COUNT, 0.5, 0.005);
    CHECK_NEAR(uniform_squares / COUNT, 1.0 / 3, 0.005);
    CHECK_NEAR(normal / COUNT, 0, 0.01);
    CHECK_NEAR(squares / COUNT, 1, 0.02);
    CHECK_NEAR(fourths / COUNT, 3, 0.04);
}

static void below(void)
{
    struct pl_rng rng = pl_rng_init(9, "below");
    int counts[7] = {0}, high = 0;
    uint64_t limit = ((uint64_t)1 << 63) + 1; /* nearly every second draw is refused */
    for (uint64_t i = 0; i < 70000; i++) {
        uint64_t value = pl_rng_below(&rng, i, 7);
        CHECK(value < 7);
        counts[value % 7]++;
        value = pl_rng_below(&rng, i, limit);
        CHECK(value < limit);
        high += value >= limit / 2;
    }
    for (int i = 0; i < 7; i++) {
        CHECK_NEAR(counts[i], 10000, 0.05);
    }
    CHECK_NEAR(high, 35000, 0.02);
    CHECK(pl_rng_below(&rng, 0, 1) == 0 && pl_rng_below(&rng, 0, 0) == 0);
}

static void shuffles(void)
{
    enum { COUNT = 5, ROUNDS = 24000 };
    int places[COUNT][COUNT] = {{0}};
    int64_t order[COUNT];
    for (int round = 0; round < ROUNDS; round++) {
        struct pl_rng rng = pl_rng_init((uint64_t)round, "shuffle");
        int seen = 0;
        pl_rng_shuffle(&rng, order, COUNT);
        for (int i = 0; i < COUNT; i++) {
            seen |= 1 << order[i];
            places[i][order[i]]++;
        }
        CHECK(seen == (1 << COUNT) - 1);
    }
    for (int i = 0; i < COUNT * COUNT; i++) {
        CHECK_NEAR(places[i / COUNT][i % COUNT], ROUNDS / COUNT, 0.06);
    }
    pl_rng_shuffle(&(struct pl_rng){{1, 2}, {3, 4}}, order, 0);
}

int main(void)
{
    RUN(known_answers);
    RUN(streams_differ);
    RUN(moments);
    RUN(below);
    RUN(shuffles);
    FINISH();
}
