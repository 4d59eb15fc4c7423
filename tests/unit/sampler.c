/* Drawing tokens: what stays, in which shares, and what it depends on.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "models/sampler.h"

enum { VOCABULARY = 7, DRAWS = 20000 };

/* Probabilities of 0.35, 0.25, 0.15, 0.1, 0.1, 0.05 and next to nothing, not in this order. */
static const double shares[VOCABULARY] = {0.1, 0.35, 0.05, 0.25, 1e-30, 0.15, 0.1};

static struct pl_context context;
static const bool *drawable; /* of the draws that follow */

/* Draws at many positions; counts of each token. */
static void draw(const struct pl_sampling *sampling, int counts[VOCABULARY])
{
    struct pl_sampler sampler;
    float logits[VOCABULARY];
    for (int i = 0; i < VOCABULARY; i++) {
        logits[i] = (float)log(shares[i]) + 40;
        counts[i] = 0;
    }
    CHECK(pl_sampler_init(&context, &sampler, sampling, VOCABULARY, drawable) == PL_OK);
    for (int64_t i = 0; i < DRAWS; i++)
        counts[pl_sampler_draw(&sampler, logits, i)]++;
    pl_sampler_release(&sampler);
}

/* They are drawn in proportion to expected[], which need not sum up to 1. */
static void check_draws(struct pl_sampling sampling, const double expected[VOCABULARY])
{
    int counts[VOCABULARY];
    double sum = 0;
    draw(&sampling, counts);
    for (int i = 0; i < VOCABULARY; i++)
        sum += expected[i];
    for (int i = 0; i < VOCABULARY; i++) {
        double share = expected[i] / sum;
        CHECK(share > 0 || counts[i] == 0);
        CHECK_NEAR((double)counts[i] / DRAWS, share, 5 * sqrt(share * (1 - share) / DRAWS));
    }
}

static void shares_of_all(void)
{
    double roots[VOCABULARY];
    for (int i = 0; i < VOCABULARY; i++)
        roots[i] = sqrt(shares[i]);
    check_draws((struct pl_sampling){1, 0, 1, 3}, shares);
    check_draws((struct pl_sampling){2, 0, 1, 3}, roots);
    check_draws((struct pl_sampling){1, VOCABULARY, 1, 3}, shares);
    check_draws((struct pl_sampling){1, 100, 1, 3}, shares);
}

static void the_largest(void)
{
    const double only[VOCABULARY] = {[1] = 1};
    check_draws((struct pl_sampling){0, 0, 1, 3}, only);
    check_draws((struct pl_sampling){1e-7, 0, 1, 3}, only);
    check_draws((struct pl_sampling){1e-300, 0, 1, 3}, only);
    check_draws((struct pl_sampling){1, 1, 1, 3}, only);
    check_draws((struct pl_sampling){1, 0, 0.3, 3}, only);
}

static void the_first_few(void)
{
    const double three[VOCABULARY] = {[1] = 0.35, [3] = 0.25, [5] = 0.15};
    const double four[VOCABULARY] = {[0] = 0.1, [1] = 0.35, [3] = 0.25, [5] = 0.15};
    const double two[VOCABULARY] = {[1] = 0.35, [3] = 0.25};
    check_draws((struct pl_sampling){1, 3, 1, 3}, three);
    check_draws((struct pl_sampling){1, 0, 0.7, 3}, three);
    check_draws((struct pl_sampling){1, 4, 1, 3}, four); /* of equal ones the lower id */
    check_draws((struct pl_sampling){1, 0, 0.8, 3}, four);
    check_draws((struct pl_sampling){1, 3, 0.75, 3}, two); /* 0.6 of 0.75 */
    check_draws((struct pl_sampling){1, 0, 0.59, 3}, two);
}

static void seed_and_position(void)
{
    const struct pl_sampling one = {1, 0, 1, 1}, two = {1, 0, 1, 2};
    struct pl_sampler a, b;
    float logits[VOCABULARY] = {0};
    int same_seed = 0, same_position = 0;
    CHECK(pl_sampler_init(&context, &a, &one, VOCABULARY, NULL) == PL_OK);
    CHECK(pl_sampler_init(&context, &b, &two, VOCABULARY, NULL) == PL_OK);
    for (int64_t i = 0; i < DRAWS; i++) {
        int32_t id = pl_sampler_draw(&a, logits, i);
        CHECK(id == pl_sampler_draw(&a, logits, i));
        same_seed += id == pl_sampler_draw(&a, logits, i + 1);
        same_position += id == pl_sampler_draw(&b, logits, i);
    }
    CHECK_NEAR((double)same_seed / DRAWS, 1.0 / VOCABULARY, 0.02);
    CHECK_NEAR((double)same_position / DRAWS, 1.0 / VOCABULARY, 0.02);
    pl_sampler_release(&a);
    pl_sampler_release(&b);
}

/* Neither the largest logit nor the shares of the others are those of what may not be drawn. */
static void some_may_not_be_drawn(void)
{
    const bool four[VOCABULARY] = {[0] = true, [2] = true, [3] = true, [4] = true};
    const bool rare[VOCABULARY] = {[4] = true}; /* beside which all others have all the weight */
    const double all[VOCABULARY] = {[0] = 0.1, [2] = 0.05, [3] = 0.25};
    const double two[VOCABULARY] = {[0] = 0.1, [3] = 0.25};
    const double largest[VOCABULARY] = {[3] = 1}, only[VOCABULARY] = {[4] = 1};
    drawable = four;
    check_draws((struct pl_sampling){1, 0, 1, 3}, all);
    check_draws((struct pl_sampling){1, 6, 1, 3}, all);
    check_draws((struct pl_sampling){1, 2, 1, 3}, two);
    check_draws((struct pl_sampling){1, 0, 0.8, 3}, two);
    check_draws((struct pl_sampling){0, 0, 1, 3}, largest);
    drawable = rare;
    check_draws((struct pl_sampling){1, 0, 1, 3}, only);
    drawable = NULL;
}

int main(void)
{
    RUN(shares_of_all);
    RUN(the_largest);
    RUN(the_first_few);
    RUN(some_may_not_be_drawn);
    RUN(seed_and_position);
    FINISH();
}
