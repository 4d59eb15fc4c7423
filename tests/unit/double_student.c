/* What models made from a transformer mix by: gradients, and decoding beside the whole pass.
 * SPDX-License-Identifier: MIT */
#include "gradient.h"

#include "models/lm_decode.h"
#include "nn/hybrid.h"
#include "nn/slots.h"

/* ---- Gradients --------------------------------------------------------------------------- */

static struct pl_variable *build_slots(struct gradient *gradient, const void *user)
{
    const struct pl_slots *slots = user;
    static const int64_t starts[] = {0, 7, 7, 19};
    const struct pl_rows rows = {3, starts};
    struct pl_tape *tape = &gradient->tape;
    struct pl_variable *g = pl_op_log_sigmoid(tape, LEAF("g"), 2, -INFINITY);
    return gradient_sum(gradient,
                        pl_op_slots(tape, slots, &rows, LEAF("q"), LEAF("k"), LEAF("s"), g, NULL));
}

static void gradients_of_slots(void)
{
    static const struct pl_slots shapes[] = {{1, 1, 3, 2}, {4, 2, 5, 4}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct pl_slots *slots = &shapes[i];
        struct gradient gradient = {0};
        gradient_leaf(&gradient, "q", 2, 19, (int)(slots->heads * slots->head_dim));
        gradient_leaf(&gradient, "k", 2, 19, (int)(slots->kv_heads * slots->head_dim));
        gradient_leaf(&gradient, "s", 2, 19, (int)(slots->kv_heads * slots->slots));
        gradient_leaf(&gradient, "g", 2, 19, (int)(slots->kv_heads * slots->slots));
        gradient_check(&gradient, build_slots, slots);
        gradient_release(&gradient);
    }
}

static struct pl_variable *build_hybrid(struct gradient *gradient, const void *user)
{
    const struct pl_hybrid *hybrid = user;
    static const int64_t starts[] = {0, 5, 5, 23};
    const struct pl_rows rows = {3, starts};
    struct pl_tape *tape = &gradient->tape;
    const int64_t width = hybrid->features;
    struct pl_variable *qf = width ? pl_op_softmax(tape, LEAF("qf"), width) : NULL;
    struct pl_variable *kf = width ? pl_op_softmax(tape, LEAF("kf"), width) : NULL;
    return gradient_sum(gradient, pl_op_hybrid(tape, hybrid, &rows, LEAF("q"), LEAF("k"), LEAF("v"),
                                               qf, kf, width ? LEAF("factor") : NULL, NULL));
}

static void gradients_of_hybrids(void)
{
    static const struct pl_hybrid shapes[] = {
        {1, 1, 3, 2, 4, PL_HYBRID_SLIDING, 3, false},  {4, 2, 4, 3, 5, PL_HYBRID_SLIDING, 4, false},
        {4, 2, 4, 3, 5, PL_HYBRID_TERRACED, 4, false}, {2, 1, 4, 4, 3, PL_HYBRID_TERRACED, 4, true},
        {2, 2, 3, 3, 4, PL_HYBRID_LINEAR, 4, false},   {2, 2, 3, 3, 0, PL_HYBRID_SLIDING, 2, false},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct pl_hybrid *h = &shapes[i];
        struct gradient gradient = {0};
        gradient_leaf(&gradient, "q", 2, 23, (int)(h->heads * h->head_dim));
        gradient_leaf(&gradient, "k", 2, 23, (int)(h->kv_heads * h->head_dim));
        gradient_leaf(&gradient, "v", 2, 23, (int)(h->kv_heads * h->value_dim));
        if (h->features) {
            gradient_leaf(&gradient, "qf", 2, 23, (int)(h->heads * h->features));
            gradient_leaf(&gradient, "kf", 2, 23, (int)(h->heads * h->features));
            gradient_leaf(&gradient, "factor", 1, (int)h->heads);
        }
        gradient_check(&gradient, build_hybrid, h);
        gradient_release(&gradient);
    }
}

static struct pl_variable *build_hedgehog(struct gradient *gradient, const void *user)
{
    (void)user;
    return gradient_sum(gradient, pl_op_hedgehog(&gradient->tape, LEAF("x"), LEAF("w")));
}

static void gradients_of_features(void)
{
    static const int shapes[][4] = {{1, 1, 2, 2}, {4, 2, 5, 3}}; /* heads, kv_heads, dim, width */
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int *shape = shapes[i];
        struct gradient gradient = {0};
        gradient_leaf(&gradient, "x", 2, 37, shape[1] * shape[2]);
        gradient_leaf(&gradient, "w", 3, shape[0], shape[2], shape[3]);
        gradient_check(&gradient, build_hedgehog, NULL);
        gradient_release(&gradient);
    }
}

enum { SOFTMAX, BLEND, SQUARE, ADAPTED, SMALL };

static pl_real squares[33 * 10]; /* what SQUARE compares with */

static struct pl_variable *build_small(struct gradient *gradient, const void *user)
{
    const int which = *(const int *)user;
    struct pl_tape *tape = &gradient->tape;
    if (which == SOFTMAX)
        return gradient_sum(gradient, pl_op_softmax(tape, LEAF("a"), 5));
    if (which == BLEND)
        return gradient_sum(gradient, pl_op_blend(tape, LEAF("a"), LEAF("b"), 1.7, LEAF("m")));
    if (which == SQUARE)
        return gradient_sum(gradient, pl_op_mean_square(tape, LEAF("a"), squares));
    struct pl_adapter *adapter = pl_tape_new(tape, 1, sizeof *adapter);
    *adapter = (struct pl_adapter){LEAF("low"), LEAF("high"), 0.6};
    struct pl_variable *w = LEAF("w");
    w->adapter = adapter;
    return gradient_sum(gradient, pl_op_linear(tape, LEAF("a"), w, NULL));
}

static void gradients_of_small_operations(void)
{
    for (int which = 0; which < SMALL; which++) {
        struct gradient gradient = {0};
        gradient_leaf(&gradient, "a", 2, 33, 10);
        if (which == BLEND)
            gradient_leaf(&gradient, "b", 2, 33, 10);
        if (which == BLEND)
            gradient_leaf(&gradient, "m", 1, 1);
        if (which == ADAPTED) {
            gradient_leaf(&gradient, "w", 2, 7, 10);
            gradient_leaf(&gradient, "low", 2, 2, 10);
            gradient_leaf(&gradient, "high", 2, 7, 2);
        }
        gradient_check(&gradient, build_small, &which);
        gradient_release(&gradient);
    }
}

/* ---- Invariants -------------------------------------------------------------------------- */

enum { LENGTH = 61, VOCABULARY = 17 };

static struct pl_context context;

static void open_model(struct pl_lm *lm, const char *type, const char *extra)
{
    const char *const settings[] = {"dim=16", "heads=4",  "kv-heads=2", "layers=2",
                                    "mlp=12", "window=7", extra};
    CHECK(pl_blas_open(&context) == PL_OK);
    CHECK(pl_lm_init(&context, lm, pl_model_find(type), settings, extra ? 7 : 6, VOCABULARY) ==
          PL_OK);
    CHECK(pl_parameters_start(&context, &lm->parameters, 3, 0.4) == PL_OK);
}

static void fill(int32_t *ids)
{
    for (int i = 0; i < LENGTH; i++)
        ids[i] = (i * i + 3 * i) % VOCABULARY;
}

/* Every token taken in one by one, or in pieces, gives what the whole pass gives; and what is
 * carried does not grow. */
static void decoding_is_the_whole_pass(void)
{
    static const struct {
        const char *type, *extra;
        bool grows;
    } cases[] = {
        {"transformer", NULL, false}, /* it has a window */
        {"liger", NULL, false},
        {"liger", "gate=gsa", false},
        {"liger", "gate=hgrn2", false},
        {"liger", "mix=0", false},
        {"liger", "softmax-layers=1", true},
        {"lolcats", NULL, false},
        {"lolcats", "form=sw", false},
        {"lolcats", "form=linear", false},
        {"lolcats", "far=no", false},
        {"lolcats", "softmax-layers=0", true},
    };
    static const int pieces[] = {1, 4, 13, LENGTH};
    int32_t ids[LENGTH];
    fill(ids);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct pl_lm lm;
        struct pl_tape tape = {.context = &context};
        struct pl_pass pass = {.tape = &tape, .lm = &lm};
        open_model(&lm, cases[c].type, cases[c].extra);
        CHECK(pl_rows_even(&tape, 1, LENGTH, &pass.rows) == PL_OK);
        struct pl_variable *hidden = pl_lm_forward(&pass, ids);
        const struct pl_variable *logits = pl_lm_logits(&pass, hidden);
        CHECK(logits != NULL);
        for (int p = 0; logits && p < 4; p++) {
            struct pl_lm_decoder decoder;
            int64_t size = 0;
            pl_lm_decoder_init(&decoder, &lm);
            for (int at = 0; at < LENGTH; at += pieces[p]) {
                const int count = LENGTH - at < pieces[p] ? LENGTH - at : pieces[p];
                CHECK(pl_lm_decoder_take(&context, &decoder, ids + at, count) == PL_OK);
                for (int v = 0; decoder.logits && v < VOCABULARY; v++)
                    CHECK_NEAR(decoder.logits[v], logits->value[(at + count - 1) * VOCABULARY + v],
                               1e-9);
                int64_t now = 0;
                for (size_t i = 0; i < decoder.state.count; i++)
                    now += decoder.state.items[i].variable.count;
                CHECK(at == 0 || cases[c].grows || now == size);
                size = now;
            }
            pl_lm_decoder_release(&decoder);
        }
        pl_tape_release(&tape);
        pl_lm_release(&lm);
    }
}

static void later_tokens_change_nothing(void)
{
    static const char *const types[] = {"liger", "lolcats"};
    for (int t = 0; t < 2; t++) {
        struct pl_lm lm;
        int32_t ids[LENGTH];
        pl_real before[LENGTH * 16];
        open_model(&lm, types[t], NULL);
        fill(ids);
        for (int run = 0; run < 2; run++) {
            struct pl_tape tape = {.context = &context};
            struct pl_pass pass = {.tape = &tape, .lm = &lm};
            CHECK(pl_rows_even(&tape, 1, LENGTH, &pass.rows) == PL_OK);
            const struct pl_variable *hidden = pl_lm_forward(&pass, ids);
            CHECK(hidden != NULL);
            if (run == 0 && hidden)
                memcpy(before, hidden->value, sizeof before);
            else if (hidden)
                CHECK(memcmp(before, hidden->value, 40 * 16 * sizeof(pl_real)) == 0 &&
                      memcmp(before, hidden->value, sizeof before) != 0);
            ids[40] = (ids[40] + 1) % VOCABULARY;
            pl_tape_release(&tape);
        }
        pl_lm_release(&lm);
    }
}

int main(void)
{
    RUN(gradients_of_slots);
    RUN(gradients_of_hybrids);
    RUN(gradients_of_features);
    RUN(gradients_of_small_operations);
    RUN(decoding_is_the_whole_pass);
    RUN(later_tokens_change_nothing);
    FINISH();
}
