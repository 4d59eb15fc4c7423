/* The delta rule: chunks against the recurrence, gradients, and what the rule promises.
 * SPDX-License-Identifier: MIT */
#include "gradient.h"

#include "nn/delta.h"

/* Sequences of lengths that no chunk divides, one of them empty. */
static const int64_t starts[] = {0, 13, 13, 20, 23};
static const struct pl_rows rows = {4, starts};
enum { TOKENS = 23, SEQUENCES = 4 };

struct setting {
    struct pl_delta delta;
    bool gated, entry, final;
};

static const struct setting settings[] = {
    {{2, 2, 5, 4, 1, 4}, false, false, false}, {{2, 2, 5, 4, 1, 16}, true, true, true},
    {{1, 3, 4, 6, 3, 3}, true, true, true},    {{2, 4, 3, 2, 2, 7}, false, true, true},
    {{1, 1, 4, 33, 2, 64}, true, false, true},
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

/* Leaves for a setting, within the range that the rule is made for. */
static void make_leaves(struct gradient *gradient, const struct setting *setting)
{
    const struct pl_delta *d = &setting->delta;
    int keys = (int)(d->heads * d->key_dim), values = (int)(d->value_heads * d->value_dim);
    int heads = (int)d->value_heads, steps = (int)d->steps;
    gradient_leaf(gradient, "q", 2, TOKENS, keys);
    gradient_leaf(gradient, "k", 2, TOKENS, steps * keys);
    gradient_leaf(gradient, "v", 2, TOKENS, steps * values);
    struct pl_variable *beta = gradient_leaf(gradient, "beta", 2, TOKENS, steps * heads);
    for (int64_t i = 0; i < beta->count; i++)
        beta->value[i] = 2 * pl_real_sigmoid(beta->value[i]);
    for (int64_t i = 0; i < LEAF("k")->count; i++)
        LEAF("k")->value[i] *= 0.5;
    if (setting->gated) {
        struct pl_variable *g = gradient_leaf(gradient, "g", 2, TOKENS, heads);
        for (int64_t i = 0; i < g->count; i++)
            g->value[i] = -0.01 - fabs(g->value[i]) * (i % 7 == 0 ? 10 : 0.3);
    }
    if (setting->entry)
        gradient_leaf(gradient, "entry", 4, SEQUENCES, heads, (int)d->key_dim, (int)d->value_dim);
}

static struct pl_variable *apply(struct gradient *gradient, const struct setting *setting,
                                 struct pl_variable **final)
{
    return pl_op_delta(&gradient->tape, &setting->delta, &rows, LEAF("q"), LEAF("k"), LEAF("v"),
                       LEAF("beta"), setting->gated ? LEAF("g") : NULL,
                       setting->entry ? LEAF("entry") : NULL, final);
}

static struct pl_variable *build(struct gradient *gradient, const void *user)
{
    const struct setting *setting = user;
    struct pl_variable *final = NULL;
    struct pl_variable *o = apply(gradient, setting, setting->final ? &final : NULL);
    struct pl_variable *loss = gradient_sum(gradient, o);
    if (setting->final)
        loss = pl_op_add(&gradient->tape, loss, gradient_sum(gradient, final), 1);
    return loss;
}

static void gradients(void)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        struct gradient gradient = {0};
        make_leaves(&gradient, &settings[i]);
        gradient_check(&gradient, build, &settings[i]);
        gradient_release(&gradient);
    }
}

/* A tape that does not record, opened for a test. */
static void open_tape(struct gradient *gradient)
{
    CHECK(pl_blas_open(&gradient->context) == PL_OK);
    gradient->tape.context = &gradient->context;
    gradient->tape.recording = false;
}

static double difference(const pl_real *a, const pl_real *b, int64_t count)
{
    double worst = 0;
    for (int64_t i = 0; i < count; i++) {
        double difference_here = fabs((double)a[i] - (double)b[i]);
        if (!(difference_here <= worst)) /* NaN stays */
            worst = difference_here;
    }
    return worst;
}

/* ---- the recurrence, written down once more as plainly as it can be */

struct plain {
    const struct pl_delta *d;
    const pl_real *q, *k, *v, *beta, *g; /* of the token */
    pl_real *state, *o;                  /* of the value head; of the token */
};

static void plain_token(const struct plain *p, int64_t h)
{
    const struct pl_delta *d = p->d;
    int64_t kd = d->key_dim, vd = d->value_dim, kh = h * d->heads / d->value_heads;
    for (int64_t i = 0; p->g && i < kd * vd; i++)
        p->state[i] *= exp(p->g[h]);
    for (int64_t j = 0; j < d->steps; j++) {
        const pl_real *k = p->k + (j * d->heads + kh) * kd;
        const pl_real *v = p->v + (j * d->value_heads + h) * vd;
        for (int64_t c = 0; c < vd; c++) {
            double held = 0;
            for (int64_t i = 0; i < kd; i++)
                held += k[i] * p->state[i * vd + c];
            double write = p->beta[j * d->value_heads + h] * (v[c] - held);
            for (int64_t i = 0; i < kd; i++)
                p->state[i * vd + c] += k[i] * write;
        }
    }
    for (int64_t c = 0; c < vd; c++) {
        double sum = 0;
        for (int64_t i = 0; i < kd; i++)
            sum += p->q[kh * kd + i] * p->state[i * vd + c];
        p->o[h * vd + c] = sum / sqrt((double)kd);
    }
}

/* o and final of all sequences; final comes as the entry states. */
static void plain(struct gradient *gradient, const struct setting *setting, pl_real *o,
                  pl_real *final)
{
    const struct pl_delta *d = &setting->delta;
    int64_t size = d->key_dim * d->value_dim;
    for (int64_t s = 0; s < rows.count; s++)
        for (int64_t h = 0; h < d->value_heads; h++)
            for (int64_t t = starts[s]; t < starts[s + 1]; t++) {
                struct plain p = {
                    .d = d,
                    .q = LEAF("q")->value + t * d->heads * d->key_dim,
                    .k = LEAF("k")->value + t * d->steps * d->heads * d->key_dim,
                    .v = LEAF("v")->value + t * d->steps * d->value_heads * d->value_dim,
                    .beta = LEAF("beta")->value + t * d->steps * d->value_heads,
                    .g = setting->gated ? LEAF("g")->value + t * d->value_heads : NULL,
                    .state = final + (s * d->value_heads + h) * size,
                    .o = o + t * d->value_heads * d->value_dim};
                plain_token(&p, h);
            }
}

static void every_chunk_is_the_recurrence(void)
{
    static const int64_t chunks[] = {1, 2, 5, 16, 23, 64, 1000000};
    for (size_t i = 0; i < SETTINGS; i++) {
        struct gradient gradient = {0};
        struct setting setting = settings[i];
        const struct pl_delta *d = &setting.delta;
        make_leaves(&gradient, &setting);
        open_tape(&gradient);
        int64_t count = TOKENS * d->value_heads * d->value_dim;
        int64_t size = SEQUENCES * d->value_heads * d->key_dim * d->value_dim;
        double *o = calloc((size_t)(count + size), sizeof *o), *state = o + count;
        if (setting.entry)
            memcpy(state, gradient_variable(&gradient, "entry")->value,
                   (size_t)size * sizeof *state);
        plain(&gradient, &setting, o, state);
        for (size_t c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
            struct pl_variable *final = NULL;
            setting.delta.chunk = chunks[c];
            struct pl_variable *got = apply(&gradient, &setting, &final);
            CHECK(got && difference(got->value, o, count) < 1e-12);
            CHECK(got && difference(final->value, state, size) < 1e-12);
            pl_tape_reset(&gradient.tape);
        }
        free(o);
        gradient_release(&gradient);
    }
}

/* Prefix in one pass, then the rest from its state in passes of every length: as one pass. */
static void split_anywhere(void)
{
    enum { LENGTH = 19 };
    const int64_t whole[] = {0, LENGTH};
    const struct pl_delta d = {1, 2, 4, 3, 2, 4};
    struct gradient gradient = {0};
    open_tape(&gradient);
    struct pl_tape *tape = &gradient.tape;
    struct pl_variable *q = gradient_leaf(&gradient, "q", 2, LENGTH, 4);
    struct pl_variable *k = gradient_leaf(&gradient, "k", 2, LENGTH, 8);
    struct pl_variable *v = gradient_leaf(&gradient, "v", 2, LENGTH, 12);
    struct pl_variable *beta = gradient_leaf(&gradient, "beta", 2, LENGTH, 4);
    struct pl_variable *g = gradient_leaf(&gradient, "g", 2, LENGTH, 2);
    for (int64_t i = 0; i < beta->count; i++)
        beta->value[i] = pl_real_sigmoid(beta->value[i]);
    for (int64_t i = 0; i < g->count; i++)
        g->value[i] = -fabs(g->value[i]);
    k = pl_op_unit(tape, k, 4);
    struct pl_variable *end = NULL;
    struct pl_variable *o =
        pl_op_delta(tape, &d, &(struct pl_rows){1, whole}, q, k, v, beta, g, NULL, &end);
    CHECK(o != NULL);
    for (int64_t step = 1; o && step < LENGTH; step++) {
        struct pl_variable *state = NULL;
        for (int64_t t = 0; t < LENGTH; t += step) {
            int64_t n = LENGTH - t < step ? LENGTH - t : step;
            const int64_t part[] = {0, n};
            const struct pl_variable *whole_of[] = {q, k, v, beta, g};
            struct pl_variable parts[5];
            for (int i = 0; i < 5; i++) {
                int64_t width = pl_variable_width(whole_of[i]);
                parts[i] = (struct pl_variable){
                    2, {n, width}, n * width, whole_of[i]->value + t * width, NULL, NULL};
            }
            struct pl_variable *now =
                pl_op_delta(tape, &d, &(struct pl_rows){1, part}, &parts[0], &parts[1], &parts[2],
                            &parts[3], &parts[4], state, &state);
            CHECK(now && difference(now->value, o->value + t * 6, n * 6) < 1e-13);
        }
        CHECK(state && difference(state->value, end->value, end->count) < 1e-13);
    }
    gradient_release(&gradient);
}

/* ---- what the rule promises */

/* One sequence of `tokens` through one head of width dim; g zero if gated. */
struct small {
    int64_t tokens, dim, steps, chunk;
    bool gated;
    struct pl_variable *entry;
};

static struct pl_variable *run_small(struct gradient *gradient, const struct small *small,
                                     pl_real *q, pl_real *k, pl_real *v, pl_real *beta,
                                     struct pl_variable **final)
{
    int64_t n = small->tokens, wide = small->steps * small->dim;
    int64_t *ends = pl_tape_new(&gradient->tape, 2, sizeof *ends);
    pl_real *none = pl_tape_new(&gradient->tape, n, sizeof *none);
    struct pl_variable vq = {2, {n, small->dim}, n * small->dim, q, NULL, NULL};
    struct pl_variable vk = {2, {n, wide}, n * wide, k, NULL, NULL}, vv = vk;
    struct pl_variable vb = {2, {n, small->steps}, n * small->steps, beta, NULL, NULL};
    struct pl_variable vg = {2, {n, 1}, n, none, NULL, NULL};
    struct pl_delta d = {1, 1, small->dim, small->dim, small->steps, small->chunk};
    vv.value = v;
    ends[1] = n;
    struct pl_variable *o = pl_op_delta(&gradient->tape, &d, &(struct pl_rows){1, ends}, &vq, &vk,
                                        &vv, &vb, small->gated ? &vg : NULL, small->entry, final);
    CHECK(o != NULL);
    return o;
}

static void normal(const char *name, pl_real *values, int64_t count)
{
    struct pl_rng rng = pl_rng_init(3, name);
    for (int64_t i = 0; i < count; i++)
        values[i] = pl_rng_normal(&rng, (uint64_t)i);
}

/* With orthonormal keys and beta = 1, a key holds what was written last under it. */
static void rewriting(void)
{
    enum { D = 4, N = 12 };
    static const int key_of[N] = {0, 1, 2, 0, 3, 1, 1, 2, 0, 3, 2, 1};
    struct gradient gradient = {0};
    double q[N * D] = {0}, k[N * D] = {0}, v[N * D], beta[N], last[D][D] = {{0}};
    open_tape(&gradient);
    normal("v", v, N * D);
    for (int t = 0; t < N; t++) {
        k[t * D + key_of[t]] = 1;
        q[t * D + key_of[(t * 5) % (t + 1)]] = 1;
        beta[t] = 1;
    }
    for (int64_t chunk = 3; chunk <= 24; chunk += 7) {
        struct small small = {N, D, 1, chunk, false, NULL};
        struct pl_variable *o = run_small(&gradient, &small, q, k, v, beta, NULL);
        for (int t = 0; t < N; t++) {
            memcpy(last[key_of[t]], v + t * D, sizeof last[0]);
            for (int c = 0; c < D; c++) /* the scale of q is 1/2 */
                CHECK_NEAR(o->value[t * D + c], last[key_of[(t * 5) % (t + 1)]][c] / 2, 1e-14);
        }
    }
    gradient_release(&gradient);
}

/* beta = 0 leaves the state as it is; a gate of zeros is no gate, bit for bit; a chunk within a
 * chunk of one token and several steps undoes two equal reflections. */
static void nothing_changes(void)
{
    enum { D = 4, N = 9 };
    struct gradient gradient = {0};
    double q[N * D], k[2 * N * D], v[2 * N * D], beta[2 * N] = {0};
    open_tape(&gradient);
    struct pl_variable *entry = gradient_leaf(&gradient, "entry", 4, 1, 1, D, D);
    struct pl_variable *final, *other;
    normal("q", q, N * D);
    normal("k", k, 2 * N * D);
    normal("v", v, 2 * N * D);
    struct small small = {N, D, 1, 4, false, entry};
    run_small(&gradient, &small, q, k, v, beta, &final);
    CHECK(difference(final->value, entry->value, D * D) == 0);
    for (int i = 0; i < N; i++)
        beta[i] = 0.1 * i;
    struct pl_variable *plain_o = run_small(&gradient, &small, q, k, v, beta, &final);
    small.gated = true;
    struct pl_variable *gated_o = run_small(&gradient, &small, q, k, v, beta, &other);
    CHECK(difference(plain_o->value, gated_o->value, N * D) == 0);
    CHECK(difference(final->value, other->value, D * D) == 0);

    struct small twice = {N, D, 2, 4, false, entry};
    memset(v, 0, sizeof v);
    for (int t = 0; t < N; t++) {
        double norm = 0;
        for (int c = 0; c < D; c++)
            norm += k[2 * t * D + c] * k[2 * t * D + c];
        for (int c = 0; c < D; c++)
            k[2 * t * D + c] = k[(2 * t + 1) * D + c] = k[2 * t * D + c] / sqrt(norm);
        beta[2 * t] = beta[2 * t + 1] = 2;
    }
    run_small(&gradient, &twice, q, k, v, beta, &final);
    CHECK(difference(final->value, entry->value, D * D) < 1e-13);
    gradient_release(&gradient);
}

static double norm_of(const pl_real *x, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

/* beta = 2 with unit keys turns the state without changing its size; beta < 2 cannot grow it. */
static void reflections(void)
{
    enum { D = 8, N = 500 };
    struct gradient gradient = {0};
    open_tape(&gradient);
    struct pl_variable *entry = gradient_leaf(&gradient, "entry", 4, 1, 1, D, D);
    struct pl_variable *k = gradient_leaf(&gradient, "k", 2, N, 2 * D);
    struct pl_variable *q = gradient_leaf(&gradient, "q", 2, N, D);
    double *v = calloc(2 * N * D, sizeof *v), beta[2 * N];
    struct pl_variable *final;
    for (int t = 0; t < 2 * N; t++) {
        double norm = norm_of(k->value + t * D, D);
        for (int c = 0; c < D; c++)
            k->value[t * D + c] /= norm;
        beta[t] = 2;
    }
    struct small small = {N, D, 2, 32, false, entry};
    run_small(&gradient, &small, q->value, k->value, v, beta, &final);
    CHECK_NEAR(norm_of(final->value, D * D), norm_of(entry->value, D * D), 1e-11);
    CHECK(difference(final->value, entry->value, D * D) > 0.1);
    for (int t = 0; t < 2 * N; t++)
        beta[t] = 1.9;
    run_small(&gradient, &small, q->value, k->value, v, beta, &final);
    CHECK(norm_of(final->value, D * D) <= norm_of(entry->value, D * D));
    free(v);
    gradient_release(&gradient);
}

/* n steps a token are n tokens of one step, whose outputs but the last nobody reads. */
static void interleaved(void)
{
    enum { D = 4, N = 10, STEPS = 3 };
    struct gradient gradient = {0};
    double q[N * D], k[N * STEPS * D], v[N * STEPS * D], beta[N * STEPS];
    double spread[N * STEPS * D] = {0};
    open_tape(&gradient);
    normal("q", q, N * D);
    normal("k", k, N * STEPS * D);
    normal("v", v, N * STEPS * D);
    for (int i = 0; i < N * STEPS * D; i++)
        k[i] /= 3;
    for (int i = 0; i < N * STEPS; i++)
        beta[i] = 0.06 * i;
    for (int t = 0; t < N; t++)
        memcpy(spread + (t * STEPS + STEPS - 1) * D, q + t * D, D * sizeof *q);
    struct small steps = {N, D, STEPS, 4, false, NULL}, tokens = {N * STEPS, D, 1, 12, false, NULL};
    struct pl_variable *final, *other;
    struct pl_variable *o = run_small(&gradient, &steps, q, k, v, beta, &final);
    struct pl_variable *all = run_small(&gradient, &tokens, spread, k, v, beta, &other);
    CHECK(difference(final->value, other->value, D * D) < 1e-12);
    for (int t = 0; t < N; t++)
        CHECK(difference(o->value + t * D, all->value + (t * STEPS + STEPS - 1) * D, D) < 1e-12);
    gradient_release(&gradient);
}

/* What comes later changes nothing, bit for bit; a sequence's neighbours neither. */
static void causal(void)
{
    const struct setting *setting = &settings[2];
    struct gradient gradient = {0};
    make_leaves(&gradient, setting);
    open_tape(&gradient);
    int64_t width = setting->delta.value_heads * setting->delta.value_dim;
    struct pl_variable *before = apply(&gradient, setting, NULL);
    enum { AT = 8 };
    static const char *const names[] = {"q", "k", "v", "beta", "g"};
    for (int i = 0; i < 5; i++) {
        struct pl_variable *x = gradient_variable(&gradient, names[i]);
        x->value[AT * pl_variable_width(x)] *= 0.5;
    }
    struct pl_variable *after = apply(&gradient, setting, NULL);
    CHECK(difference(before->value, after->value, AT * width) == 0);
    CHECK(difference(before->value + AT * width, after->value + AT * width, width) > 0);
    int64_t end = starts[1] * width;
    CHECK(difference(before->value + end, after->value + end, before->count - end) == 0);
    gradient_release(&gradient);
}

/* Gates down to -infinity forget all, and nothing becomes NaN. */
static void strong_decay(void)
{
    const struct setting *setting = &settings[1];
    struct gradient gradient = {0};
    make_leaves(&gradient, setting);
    open_tape(&gradient);
    struct pl_variable *g = gradient_variable(&gradient, "g");
    for (int64_t i = 0; i < g->count; i++)
        g->value[i] = i % 3 == 0 ? -(pl_real)INFINITY : -1e-3;
    double o[TOKENS * 2 * 4] = {0}, state[SEQUENCES * 2 * 5 * 4] = {0};
    struct pl_variable *final = NULL;
    struct pl_variable *got = apply(&gradient, setting, &final);
    memcpy(state, gradient_variable(&gradient, "entry")->value, sizeof state);
    plain(&gradient, setting, o, state);
    CHECK(got && difference(got->value, o, got->count) < 1e-12);
    CHECK(got && difference(final->value, state, final->count) < 1e-12);
    gradient_release(&gradient);
}

static void bad_input(void)
{
    struct gradient gradient = {0};
    make_leaves(&gradient, &settings[2]);
    open_tape(&gradient);
    struct pl_variable *beta = gradient_variable(&gradient, "beta");
    struct pl_variable *g = gradient_variable(&gradient, "g");
    beta->value[2 * 9 + 1 * 3 + 2] = 2.5;
    CHECK(apply(&gradient, &settings[2], NULL) == NULL);
    CHECK_TEXT(gradient.context.message,
               "delta rule: token 2, step 1, head 2: beta 2.5 is not in [0, 2]");
    beta->value[2 * 9 + 1 * 3 + 2] = 2;
    g->value[4 * 3 + 1] = 0.25;
    CHECK(apply(&gradient, &settings[2], NULL) == NULL);
    CHECK_TEXT(gradient.context.message,
               "delta rule: token 4, head 1: log decay 0.25: decay must be <= 0");
    gradient_release(&gradient);
}

int main(void)
{
    RUN(gradients);
    RUN(every_chunk_is_the_recurrence);
    RUN(split_anywhere);
    RUN(rewriting);
    RUN(nothing_changes);
    RUN(reflections);
    RUN(interleaved);
    RUN(causal);
    RUN(strong_decay);
    RUN(bad_input);
    FINISH();
}
