/* The short convolution: values against the formula, gradients, and the cache.
 * SPDX-License-Identifier: MIT */
#include "gradient.h"

#include "nn/conv.h"

struct test {
    const int64_t *starts;
    int sequences, channels, taps;
    bool silu;
};

static struct pl_variable *convolve(struct gradient *gradient, const void *user)
{
    const struct test *test = user;
    struct pl_rows rows = {test->sequences, test->starts};
    return gradient_sum(
        gradient, pl_op_short_conv(&gradient->tape, &rows, LEAF("x"), LEAF("w"), test->silu, NULL));
}

/* y_t[c] by the definition */
static double formula(const struct test *test, const pl_real *x, const pl_real *w, int64_t first,
                      int64_t t, int c)
{
    double sum = 0;
    for (int j = 0; j < test->taps; j++) {
        int64_t row = t - (test->taps - 1) + j;
        sum += row < first ? 0 : w[c * test->taps + j] * x[row * test->channels + c];
    }
    return test->silu ? sum / (1 + exp(-sum)) : sum;
}

static void check_values(struct gradient *gradient, const struct test *test)
{
    struct pl_rows rows = {test->sequences, test->starts};
    struct pl_variable *x = LEAF("x"), *w = LEAF("w");
    gradient->tape.recording = false;
    struct pl_variable *y = pl_op_short_conv(&gradient->tape, &rows, x, w, test->silu, NULL);
    CHECK(y != NULL);
    for (int i = 0; y && i < test->sequences; i++)
        for (int64_t t = test->starts[i]; t < test->starts[i + 1]; t++)
            for (int c = 0; c < test->channels; c++)
                CHECK_NEAR(y->value[t * test->channels + c],
                           formula(test, x->value, w->value, test->starts[i], t, c), 1e-14);
    pl_tape_reset(&gradient->tape);
}

static void check(struct test test)
{
    struct gradient gradient = {0};
    gradient_leaf(&gradient, "x", 2, (int)test.starts[test.sequences], test.channels);
    gradient_leaf(&gradient, "w", 3, test.channels, 1, test.taps);
    gradient_check(&gradient, convolve, &test);
    check_values(&gradient, &test);
    gradient_release(&gradient);
}

/* Empty sequences first, in the middle and last; sequences shorter than the width. */
static const int64_t uneven[] = {0, 0, 7, 9, 9, 10, 24, 24};
static const int64_t none[] = {0}, empty[] = {0, 0}, single[] = {0, 1},
                     long_ones[] = {0, 700, 1300};

static void shapes(void)
{
    static const int channels[] = {1, 5, 16, 37}, taps[] = {1, 2, 4, 9};
    for (int c = 0; c < 4; c++)
        for (int w = 0; w < 4; w++)
            check((struct test){uneven, 7, channels[c], taps[w], (c + w) & 1});
    check((struct test){uneven, 7, 3, 4, true});
    check((struct test){none, 0, 3, 4, true});
    check((struct test){empty, 1, 3, 4, true});
    check((struct test){single, 1, 3, 4, true});
    check((struct test){long_ones, 2, 40, 4, true}); /* several blocks */
}

/* A sequence in parts with a cache is the sequence as a whole. */
static void parts(void)
{
    enum { SEQUENCES = 2, LENGTH = 23, CHANNELS = 5, MOST_TAPS = 7 };
    static const int lengths[] = {1, 1, 2, 5, 0, 1, 9, 4};
    for (int taps = 1; taps <= MOST_TAPS; taps += 3) {
        struct gradient gradient = {0};
        struct pl_tape *tape = &gradient.tape;
        struct pl_variable *x = gradient_leaf(&gradient, "x", 3, SEQUENCES, LENGTH, CHANNELS);
        struct pl_variable *w = gradient_leaf(&gradient, "w", 3, CHANNELS, 1, taps);
        struct pl_variable *cache = gradient_leaf(&gradient, "cache", 3, SEQUENCES, CHANNELS, taps);
        struct pl_rows rows;
        tape->context = &gradient.context;
        memset(cache->value, 0, (size_t)cache->count * sizeof *cache->value);
        CHECK(pl_rows_even(tape, SEQUENCES, LENGTH, &rows) == PL_OK);
        struct pl_variable *whole = pl_op_short_conv(tape, &rows, x, w, true, NULL);
        int at = 0;
        for (size_t part = 0; whole && part < sizeof lengths / sizeof lengths[0]; part++) {
            int length = lengths[part];
            struct pl_variable *some = pl_tape_matrix(tape, false, SEQUENCES * length, CHANNELS);
            for (int s = 0; s < SEQUENCES; s++)
                memcpy(some->value + s * length * CHANNELS, x->value + (s * LENGTH + at) * CHANNELS,
                       (size_t)(length * CHANNELS) * sizeof *x->value);
            CHECK(pl_rows_even(tape, SEQUENCES, length, &rows) == PL_OK);
            struct pl_variable *y = pl_op_short_conv(tape, &rows, some, w, true, cache);
            for (int i = 0; y && i < SEQUENCES * length * CHANNELS; i++) {
                int s = i / (length * CHANNELS), rest = i % (length * CHANNELS);
                CHECK_NEAR(y->value[i], whole->value[(s * LENGTH + at) * CHANNELS + rest], 1e-14);
            }
            at += length;
        }
        CHECK(at == LENGTH);
        for (int i = 0; i < cache->count; i++) { /* the last inputs, newest last */
            int s = i / (CHANNELS * taps), c = i / taps % CHANNELS, j = i % taps;
            CHECK(cache->value[i] == x->value[(s * LENGTH + LENGTH - taps + j) * CHANNELS + c]);
        }
        tape->recording = true;
        CHECK(pl_op_short_conv(tape, &rows, x, w, true, cache) == NULL);
        CHECK_TEXT(gradient.context.message,
                   "a convolution that continues a sequence has no gradient");
        gradient_release(&gradient);
    }
}

int main(void)
{
    RUN(shapes);
    RUN(parts);
    FINISH();
}
