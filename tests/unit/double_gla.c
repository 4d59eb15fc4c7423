/* Gated linear attention: gradients, and what must not change the result.
 * SPDX-License-Identifier: MIT */
#include "gradient.h"

#include "nn/gla.h"

/* ---- gradients */

struct shape {
    struct pl_gla gla;
    int sequences;
    int64_t starts[5];
    double steepest; /* decays are log-uniform down to this */
};

static struct pl_variable *build(struct gradient *gradient, const void *user)
{
    const struct shape *shape = user;
    struct pl_rows rows = {shape->sequences, shape->starts};
    struct pl_tape *tape = &gradient->tape;
    struct pl_variable *final;
    struct pl_variable *o = pl_op_gla(tape, &shape->gla, &rows, LEAF("q"), LEAF("k"), LEAF("v"),
                                      LEAF("g"), LEAF("entry"), &final);
    return o ? pl_op_add(tape, gradient_sum(gradient, o), gradient_sum(gradient, final), 1) : NULL;
}

static void make_leaves(struct gradient *gradient, const struct shape *shape)
{
    const struct pl_gla *gla = &shape->gla;
    int rows = (int)shape->starts[shape->sequences];
    int heads = (int)gla->heads, kv_heads = (int)gla->kv_heads, dk = (int)gla->key_dim,
        dv = (int)gla->value_dim;
    gradient_leaf(gradient, "q", 2, rows, heads * dk);
    gradient_leaf(gradient, "k", 2, rows, kv_heads * dk);
    gradient_leaf(gradient, "v", 2, rows, kv_heads * dv);
    struct pl_variable *g = gradient_leaf(gradient, "g", 2, rows, kv_heads * dk);
    gradient_leaf(gradient, "entry", 4, shape->sequences, heads, dk, dv);
    for (int64_t i = 0; i < g->count; i++)
        g->value[i] = shape->steepest * exp(-2 * fabs(g->value[i])) - 1e-3;
}

static void gradients(const struct shape *shape)
{
    struct gradient gradient = {0};
    make_leaves(&gradient, shape);
    gradient_check(&gradient, build, shape);
    gradient_release(&gradient);
}

static void gradients_mild(void)
{
    gradients(&(struct shape){{2, 2, 5, 7, 16}, 1, {0, 37}, -0.3});
}

static void gradients_strong(void)
{
    gradients(&(struct shape){{1, 1, 4, 3, 8}, 1, {0, 21}, -60});
}

static void gradients_groups(void)
{
    gradients(&(struct shape){{4, 2, 3, 2, 6}, 2, {0, 9, 16}, -2});
}

static void gradients_ragged(void)
{
    gradients(&(struct shape){{2, 1, 3, 4, 5}, 4, {0, 0, 11, 11, 16}, -1});
}

/* ---- values, beside the recurrence as it is written */

enum { T = 50, HEADS = 2, DK = 6, DV = 5, STATE = HEADS * DK * DV };

static double q[T * HEADS * DK], k[T * HEADS * DK], v[T * HEADS * DV], g[T * HEADS * DK];
static double entry[STATE];

static void fill(double *out, int count, const char *name)
{
    struct pl_rng rng = pl_rng_init(7, name);
    for (int i = 0; i < count; i++)
        out[i] = pl_rng_normal(&rng, (uint64_t)i);
}

static void make_inputs(double steepest)
{
    fill(q, T * HEADS * DK, "q");
    fill(k, T * HEADS * DK, "k");
    fill(v, T * HEADS * DV, "v");
    fill(g, T * HEADS * DK, "g");
    fill(entry, STATE, "entry");
    for (int i = 0; i < T * HEADS * DK; i++)
        g[i] = steepest * g[i] * g[i];
}

static void recurrence(double *o, double *state)
{
    for (int t = 0; t < T; t++)
        for (int h = 0; h < HEADS; h++)
            for (int e = 0; e < DV; e++) {
                double sum = 0;
                for (int d = 0; d < DK; d++) {
                    int at = (t * HEADS + h) * DK + d;
                    double *s = &state[(h * DK + d) * DV + e];
                    *s = exp(g[at]) * *s + k[at] * v[(t * HEADS + h) * DV + e];
                    sum += q[at] * *s;
                }
                o[(t * HEADS + h) * DV + e] = sum / sqrt(DK);
            }
}

static struct pl_context context;

static struct pl_variable part(double *values, int width, int first, int rows)
{
    return (struct pl_variable){
        .rank = 2, .dims = {rows, width}, .count = rows * width, .value = values + first * width};
}

/* Rows first..first+rows-1 of the inputs; state is carried on unless NULL: then from entry. */
static void run(int chunk, int first, int rows, double *state, double *o, double *final_state)
{
    struct pl_tape tape = {.context = &context};
    struct pl_gla gla = {HEADS, HEADS, DK, DV, chunk};
    struct pl_variable vq = part(q, HEADS * DK, first, rows), vk = part(k, HEADS * DK, first, rows);
    struct pl_variable vv = part(v, HEADS * DV, first, rows), vg = part(g, HEADS * DK, first, rows);
    struct pl_variable before = part(state ? state : entry, STATE, 0, 1), *final = NULL;
    struct pl_rows even = {1, (const int64_t[]){0, rows}};
    struct pl_variable *out =
        state ? pl_op_gla_carry(&tape, &gla, &even, &vq, &vk, &vv, &vg, &before)
              : pl_op_gla(&tape, &gla, &even, &vq, &vk, &vv, &vg, &before, &final);
    CHECK(out != NULL);
    if (out)
        memcpy(o + first * HEADS * DV, out->value, (size_t)(rows * HEADS * DV) * sizeof *o);
    if (final && final_state)
        memcpy(final_state, final->value, sizeof entry);
    pl_tape_release(&tape);
}

static double worst(const double *a, const double *b, int count)
{
    double largest = 0, difference = 0;
    for (int i = 0; i < count; i++) {
        largest = fmax(largest, fabs(b[i]));
        difference = fmax(difference, fabs(a[i] - b[i]));
    }
    return difference / largest;
}

static void any_chunk_is_the_recurrence(void)
{
    static const int chunks[] = {1, 3, 7, 16, 32, 33, T, 1000};
    static const double steepest[] = {0, -0.01, -1, -30, -1000};
    static double expected[T * HEADS * DV], o[T * HEADS * DV];
    double state[STATE], final[STATE];
    for (int s = 0; s < 5; s++) {
        make_inputs(steepest[s]);
        memcpy(state, entry, sizeof state);
        recurrence(expected, state);
        for (int c = 0; c < 8; c++) {
            run(chunks[c], 0, T, NULL, o, final);
            CHECK_NEAR(worst(o, expected, T * HEADS * DV), 0, 1e-12);
            CHECK_NEAR(worst(final, state, STATE), 0, 1e-12);
        }
    }
}

static void parts_carry_the_state(void)
{
    static const int cuts[] = {1, 2, 8, 9, 31, 49};
    static double expected[T * HEADS * DV], o[T * HEADS * DV];
    double state[STATE], final[STATE];
    make_inputs(-0.5);
    run(16, 0, T, NULL, expected, final);
    for (int i = 0; i < 6; i++) {
        memcpy(state, entry, sizeof state);
        run(16, 0, cuts[i], state, o, NULL);
        run(16, cuts[i], T - cuts[i], state, o, NULL);
        CHECK_NEAR(worst(o, expected, T * HEADS * DV), 0, 1e-13);
        CHECK_NEAR(worst(state, final, STATE), 0, 1e-13);
    }
    memcpy(state, entry, sizeof state);
    for (int t = 0; t < T; t++)
        run(16, t, 1, state, o, NULL);
    CHECK_NEAR(worst(o, expected, T * HEADS * DV), 0, 1e-13);
}

static void later_rows_change_nothing(void)
{
    static double before[T * HEADS * DV], after[T * HEADS * DV];
    for (int t = 0; t < T; t += 7) {
        make_inputs(-0.5);
        run(16, 0, T, NULL, before, NULL);
        for (int i = 0; i < HEADS * DK; i++) {
            q[t * HEADS * DK + i] += 1;
            k[t * HEADS * DK + i] -= 2;
            g[t * HEADS * DK + i] -= 50;
        }
        for (int i = 0; i < HEADS * DV; i++)
            v[t * HEADS * DV + i] *= 3;
        run(16, 0, T, NULL, after, NULL);
        CHECK(memcmp(before, after, (size_t)(t * HEADS * DV) * sizeof *before) == 0);
        CHECK(memcmp(before + t * HEADS * DV, after + t * HEADS * DV,
                     (HEADS * DV) * sizeof *before) != 0);
    }
}

/* Without decay: the sum of (q_t . k_i) v_i; with the strongest, the row's own term alone. */
static void limits_of_decay(void)
{
    static double o[T * HEADS * DV];
    for (int forgets = 0; forgets < 2; forgets++) {
        make_inputs(0);
        memset(entry, 0, sizeof entry);
        for (int i = 0; forgets && i < T * HEADS * DK; i++)
            g[i] = i % 2 ? -INFINITY : -1e30;
        run(16, 0, T, NULL, o, NULL);
        for (int t = 0; t < T; t++)
            for (int h = 0; h < HEADS; h++)
                for (int e = 0; e < DV; e++) {
                    double sum = 0;
                    for (int i = forgets ? t : 0; i <= t; i++) {
                        double dot = 0;
                        for (int d = 0; d < DK; d++)
                            dot += q[(t * HEADS + h) * DK + d] * k[(i * HEADS + h) * DK + d];
                        sum += dot * v[(i * HEADS + h) * DV + e];
                    }
                    CHECK_NEAR(o[(t * HEADS + h) * DV + e], sum / sqrt(DK), 1e-12);
                }
    }
}

/* Two sequences in either order. */
static void order_of_sequences(void)
{
    struct pl_tape tape = {.context = &context};
    struct pl_gla gla = {HEADS, HEADS, DK, DV, 16};
    const int cut = 20;
    static double there[T * HEADS * DV], swapped[4][T * HEADS * DK];
    double *inputs[4] = {q, k, v, g};
    struct pl_variable variables[4];
    make_inputs(-0.5);
    for (int i = 0; i < 4; i++)
        variables[i] = part(inputs[i], HEADS * (i == 2 ? DV : DK), 0, T);
    struct pl_rows rows = {2, (const int64_t[]){0, cut, T}};
    struct pl_variable *o = pl_op_gla(&tape, &gla, &rows, &variables[0], &variables[1],
                                      &variables[2], &variables[3], NULL, NULL);
    CHECK(o != NULL);
    if (o)
        memcpy(there, o->value, sizeof there);
    for (int i = 0; i < 4; i++) {
        int width = HEADS * (i == 2 ? DV : DK);
        memcpy(swapped[i], inputs[i] + cut * width, (size_t)((T - cut) * width) * sizeof(double));
        memcpy(swapped[i] + (T - cut) * width, inputs[i], (size_t)(cut * width) * sizeof(double));
        variables[i].value = swapped[i];
    }
    rows.starts = (const int64_t[]){0, T - cut, T};
    o = pl_op_gla(&tape, &gla, &rows, &variables[0], &variables[1], &variables[2], &variables[3],
                  NULL, NULL);
    CHECK(o && memcmp(o->value, there + cut * HEADS * DV,
                      (size_t)((T - cut) * HEADS * DV) * sizeof(double)) == 0);
    CHECK(o && memcmp(o->value + (T - cut) * HEADS * DV, there,
                      (size_t)(cut * HEADS * DV) * sizeof(double)) == 0);
    pl_tape_release(&tape);
}

static void growth_is_refused(void)
{
    struct pl_tape tape = {.context = &context};
    struct pl_gla gla = {HEADS, HEADS, DK, DV, 16};
    make_inputs(-0.5);
    g[T * HEADS * DK - 1] = 1e-6;
    struct pl_variable vq = part(q, HEADS * DK, 0, T), vk = part(k, HEADS * DK, 0, T);
    struct pl_variable vv = part(v, HEADS * DV, 0, T), vg = part(g, HEADS * DK, 0, T);
    struct pl_rows rows = {1, (const int64_t[]){0, T}};
    CHECK(pl_op_gla(&tape, &gla, &rows, &vq, &vk, &vv, &vg, NULL, NULL) == NULL);
    CHECK_TEXT(context.message,
               "linear attention was given a log decay above 0: decay must be <= 0");
    CHECK(context.status == PL_BAD_DATA);
    pl_tape_release(&tape);
}

int main(void)
{
    RUN(gradients_mild);
    RUN(gradients_strong);
    RUN(gradients_groups);
    RUN(gradients_ragged);
    RUN(any_chunk_is_the_recurrence);
    RUN(parts_carry_the_state);
    RUN(later_rows_change_nothing);
    RUN(limits_of_decay);
    RUN(order_of_sequences);
    RUN(growth_is_refused);
    FINISH();
}
