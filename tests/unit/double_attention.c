/* Softmax attention and rotary positions: gradients, and beside what they are defined as.
 * SPDX-License-Identifier: MIT */
#include "gradient.h"

#include "nn/attention.h"

/* ---- gradients */

struct shape {
    struct pl_attention attention;
    int sequences;
    int64_t starts[5];
};

static struct pl_variable *build(struct gradient *gradient, const void *user)
{
    const struct shape *shape = user;
    struct pl_rows rows = {shape->sequences, shape->starts};
    return gradient_sum(gradient, pl_op_attention(&gradient->tape, &shape->attention, &rows,
                                                  LEAF("q"), LEAF("k"), LEAF("v"), NULL));
}

static void gradients(const struct shape *shape)
{
    struct gradient gradient = {0};
    const struct pl_attention *attention = &shape->attention;
    int rows = (int)shape->starts[shape->sequences], dim = (int)attention->head_dim;
    gradient_leaf(&gradient, "q", 2, rows, (int)attention->heads * dim);
    gradient_leaf(&gradient, "k", 2, rows, (int)attention->kv_heads * dim);
    gradient_leaf(&gradient, "v", 2, rows, (int)attention->kv_heads * dim);
    gradient_check(&gradient, build, shape);
    gradient_release(&gradient);
}

static void gradients_of_one_tile(void)
{
    gradients(&(struct shape){{2, 2, 4, 0}, 1, {0, 19}});
}

static void gradients_of_tiles(void)
{
    gradients(&(struct shape){{1, 1, 4, 0}, 1, {0, 150}});
}

static void gradients_of_groups(void)
{
    gradients(&(struct shape){{4, 2, 6, 0}, 3, {0, 5, 5, 75}});
}

static void gradients_of_windows(void)
{
    gradients(&(struct shape){{2, 1, 4, 5}, 2, {0, 33, 160}});
    gradients(&(struct shape){{1, 1, 4, 70}, 1, {0, 200}});
}

static struct pl_variable *build_rope(struct gradient *gradient, const void *user)
{
    static const int64_t starts[] = {0, 3, 3, 80};
    static const struct pl_rope rope = {.head_dim = 6, .base = 100};
    struct pl_rows rows = {3, starts};
    (void)user;
    return gradient_sum(gradient, pl_op_rope(&gradient->tape, &rope, &rows, LEAF("x"), 11));
}

static void gradients_of_rope(void)
{
    struct gradient gradient = {0};
    gradient_leaf(&gradient, "x", 2, 80, 12);
    gradient_check(&gradient, build_rope, NULL);
    gradient_release(&gradient);
}

/* ---- values */

enum { T = 203, HEADS = 4, KV_HEADS = 2, DIM = 6, WIDTH = HEADS * DIM, KV_WIDTH = KV_HEADS * DIM };

static struct pl_context context;
static double q[T * WIDTH], k[T * KV_WIDTH], v[T * KV_WIDTH], expected[T * WIDTH], o[T * WIDTH];

static void fill(double *out, int count, const char *name, double scale)
{
    struct pl_rng rng = pl_rng_init(5, name);
    for (int i = 0; i < count; i++)
        out[i] = scale * pl_rng_normal(&rng, (uint64_t)i);
}

static struct pl_variable rows_of(double *values, int width, int first, int rows)
{
    return (struct pl_variable){
        .rank = 2, .dims = {rows, width}, .count = rows * width, .value = values + first * width};
}

/* As it is defined: all scores of a row, softmax, mean of values. */
static void naive(int window)
{
    for (int t = 0; t < T; t++)
        for (int h = 0; h < HEADS; h++) {
            int first = window > 0 && t - window + 1 > 0 ? t - window + 1 : 0;
            int kv = h * KV_HEADS / HEADS;
            double weights[T], top = -INFINITY, sum = 0, *out = expected + t * WIDTH + h * DIM;
            for (int j = first; j <= t; j++) {
                weights[j] = 0;
                for (int d = 0; d < DIM; d++)
                    weights[j] += q[t * WIDTH + h * DIM + d] * k[j * KV_WIDTH + kv * DIM + d];
                weights[j] /= sqrt(DIM);
                top = fmax(top, weights[j]);
            }
            for (int j = first; j <= t; j++)
                sum += weights[j] = exp(weights[j] - top);
            for (int d = 0; d < DIM; d++) {
                out[d] = 0;
                for (int j = first; j <= t; j++)
                    out[d] += weights[j] / sum * v[j * KV_WIDTH + kv * DIM + d];
            }
        }
}

/* Rows first.. of one sequence into o; cache: NULL, or what is before them. */
static void run(int window, int first, int rows, struct pl_attention_cache *cache)
{
    struct pl_tape tape = {.context = &context};
    struct pl_attention attention = {HEADS, KV_HEADS, DIM, window};
    struct pl_rows one = {1, (const int64_t[]){0, rows}};
    struct pl_variable vq = rows_of(q, WIDTH, first, rows), vk = rows_of(k, KV_WIDTH, first, rows);
    struct pl_variable vv = rows_of(v, KV_WIDTH, first, rows);
    struct pl_variable *out = pl_op_attention(&tape, &attention, &one, &vq, &vk, &vv, cache);
    CHECK(out != NULL);
    if (out)
        memcpy(o + first * WIDTH, out->value, (size_t)(rows * WIDTH) * sizeof *o);
    pl_tape_release(&tape);
}

/* Keys in a cache have no gradient to add to. */
static void a_cache_is_not_for_training(void)
{
    struct pl_tape tape = {.context = &context, .recording = true};
    struct pl_attention attention = {HEADS, KV_HEADS, DIM, 0};
    struct pl_rows one = {1, (const int64_t[]){0, 2}};
    struct pl_variable vq = rows_of(q, WIDTH, 0, 2), vk = rows_of(k, KV_WIDTH, 0, 2);
    struct pl_variable vv = rows_of(v, KV_WIDTH, 0, 2);
    static double keys[2 * KV_WIDTH], values[2 * KV_WIDTH], gradient[2 * WIDTH];
    struct pl_attention_cache cache = {keys, values, 2, 0};
    CHECK(pl_op_attention(&tape, &attention, &one, &vq, &vk, &vv, &cache) != NULL);
    vq.gradient = gradient;
    CHECK(pl_op_attention(&tape, &attention, &one, &vq, &vk, &vv, &cache) == NULL);
    CHECK_TEXT(context.message, "attention that continues a sequence has no gradient");
    tape.recording = false;
    CHECK(pl_op_attention(&tape, &attention, &one, &vq, &vk, &vv, &cache) != NULL);
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

static void make_inputs(double scale)
{
    fill(q, T * WIDTH, "q", scale);
    fill(k, T * KV_WIDTH, "k", scale);
    fill(v, T * KV_WIDTH, "v", 1);
}

static const int windows[] = {0, 1, 2, 63, 64, 65, 130, 1000};

static void tiles_are_the_definition(void)
{
    /* scores of hundreds: e^score would overflow */
    for (double scale = 1; scale < 50; scale *= 40) {
        make_inputs(scale);
        for (int i = 0; i < 8; i++) {
            naive(windows[i]);
            run(windows[i], 0, T, NULL);
            CHECK_NEAR(worst(o, expected, T * WIDTH), 0, 1e-12);
        }
    }
}

/* The rows in parts of several sizes, each behind a cache of those before. */
static void parts_behind_a_cache(void)
{
    static const int parts[] = {1, 3, 4, 5, 64, 70};
    static double keys[(T + 9) * KV_WIDTH], values[(T + 9) * KV_WIDTH];
    make_inputs(1);
    for (int w = 0; w < 8; w++)
        for (int p = 0; p < 6; p++) {
            struct pl_attention_cache cache = {keys, values, T + 9, 0};
            naive(windows[w]);
            for (int first = 0; first < T; first += parts[p]) {
                int rows = first + parts[p] < T ? parts[p] : T - first;
                cache.past = first;
                run(windows[w], first, rows, &cache);
            }
            CHECK_NEAR(worst(o, expected, T * WIDTH), 0, 1e-12);
        }
}

static void later_rows_change_nothing(void)
{
    static double before[T * WIDTH];
    make_inputs(1);
    for (int t = 1; t < T; t += 29) { /* the first row has nothing else to see */
        run(0, 0, T, NULL);
        memcpy(before, o, sizeof before);
        for (int i = 0; i < KV_WIDTH; i++)
            k[t * KV_WIDTH + i] += 100;
        run(0, 0, T, NULL);
        CHECK(memcmp(before, o, (size_t)(t * WIDTH) * sizeof *o) == 0);
        CHECK(memcmp(before + t * WIDTH, o + t * WIDTH, WIDTH * sizeof *o) != 0);
    }
}

/* Angles are taken anew every few rows and carried in between: far along, too. */
static void rope_turns_by_the_position(void)
{
    enum { FIRST = 123456, BASE = 10000 };
    struct pl_tape tape = {.context = &context};
    struct pl_rows one = {1, (const int64_t[]){0, T}};
    make_inputs(1);
    struct pl_variable x = rows_of(q, WIDTH, 0, T);
    const struct pl_rope rope = {.head_dim = DIM, .base = BASE};
    const struct pl_variable *out = pl_op_rope(&tape, &rope, &one, &x, FIRST);
    CHECK(out != NULL);
    for (int t = 0; out && t < T; t++)
        for (int h = 0; h < HEADS; h++)
            for (int i = 0; i < DIM / 2; i++) {
                double angle = (FIRST + t) * pow(BASE, -2.0 * i / DIM);
                const double *in = q + t * WIDTH + h * DIM;
                const double *got = out->value + t * WIDTH + h * DIM;
                CHECK_NEAR(got[i], in[i] * cos(angle) - in[i + DIM / 2] * sin(angle), 1e-9);
                CHECK_NEAR(got[i + DIM / 2], in[i + DIM / 2] * cos(angle) + in[i] * sin(angle),
                           1e-9);
            }
    pl_tape_release(&tape);
}

/* A frequency by the words of the configuration files: llama3 speaks of wavelengths. */
static double llama3_frequency(double base, int i, int dim, double factor, double low, double high,
                               double rows)
{
    double frequency = pow(base, -2.0 * i / dim), wavelength = 6.283185307179586 / frequency;
    if (wavelength < rows / high)
        return frequency;
    if (wavelength > rows / low)
        return frequency / factor;
    double smooth = (rows / wavelength - low) / (high - low);
    return (1 - smooth) * frequency / factor + smooth * frequency;
}

static double yarn_frequency(double base, int i, int dim, double factor, double slow, double fast,
                             double rows)
{
    double low = floor(dim * log(rows / (fast * 6.283185307179586)) / (2 * log(base)));
    double high = ceil(dim * log(rows / (slow * 6.283185307179586)) / (2 * log(base)));
    low = low < 0 ? 0 : low;
    high = high > dim - 1 ? dim - 1 : high;
    double ramp = (i - low) / (high - low), frequency = pow(base, -2.0 * i / dim);
    ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
    return frequency / factor * ramp + frequency * (1 - ramp);
}

static void rope_stretches(void)
{
    enum { WIDE = 128, ROWS = 4, FIRST = 3000 };
    static const struct pl_rope ropes[] = {
        {WIDE, 10000, PL_ROPE_LINEAR, 4, 0, 0, 0, 0, false},
        {WIDE, 10000, PL_ROPE_DYNAMIC, 4, 1000, 0, 0, 0, false},
        {WIDE, 500000, PL_ROPE_LLAMA3, 8, 8192, 1, 4, 0, false},
        {WIDE, 10000, PL_ROPE_YARN, 16, 4096, 1, 32, 0, false},
        {WIDE, 10000, PL_ROPE_YARN, 16, 4096, 1, 32, 1.5, false},
    };
    struct pl_rows one = {1, (const int64_t[]){0, ROWS}};
    static double x[ROWS * WIDE];
    for (int i = 0; i < ROWS * WIDE; i++)
        x[i] = cos(i);
    for (size_t r = 0; r < sizeof ropes / sizeof *ropes; r++) {
        const struct pl_rope *rope = &ropes[r];
        struct pl_tape tape = {.context = &context};
        struct pl_variable in = rows_of(x, WIDE, 0, ROWS);
        const struct pl_variable *out = pl_op_rope(&tape, rope, &one, &in, FIRST);
        CHECK(out != NULL);
        double amplitude = r == 3 ? 0.1 * log(16) + 1 : r == 4 ? 1.5 : 1;
        double grown = 10000 * pow(4 * (FIRST + ROWS) / 1000.0 - 3, WIDE / (WIDE - 2.0));
        for (int i = 0; out && i < WIDE / 2; i++) {
            double frequency = pow(rope->base, -2.0 * i / WIDE) / 4;
            if (rope->scaling == PL_ROPE_DYNAMIC)
                frequency = pow(grown, -2.0 * i / WIDE);
            else if (rope->scaling == PL_ROPE_LLAMA3)
                frequency = llama3_frequency(500000, i, WIDE, 8, 1, 4, 8192);
            else if (rope->scaling == PL_ROPE_YARN)
                frequency = yarn_frequency(10000, i, WIDE, 16, 1, 32, 4096);
            double angle = (FIRST + 2) * frequency;
            const double *a = x + 2 * WIDE;
            CHECK_NEAR(out->value[2 * WIDE + i],
                       amplitude * (a[i] * cos(angle) - a[i + WIDE / 2] * sin(angle)), 1e-9);
        }
        pl_tape_release(&tape);
    }
}

/* rows of x [count, WIDE], turned as sequences with these starts, from that position on. */
static void stretch(bool carried, const double *x, struct pl_rows rows, int64_t first, double *out)
{
    enum { WIDE = 16 };
    const struct pl_rope rope = {WIDE, 10000, PL_ROPE_DYNAMIC, 4, 10, 0, 0, 0, carried};
    struct pl_tape tape = {.context = &context};
    struct pl_variable in = rows_of((double *)x, WIDE, 0, (int)rows.starts[rows.count]);
    const struct pl_variable *turned = pl_op_rope(&tape, &rope, &rows, &in, first);
    CHECK(turned != NULL);
    if (turned)
        memcpy(out, turned->value, (size_t)turned->count * sizeof *out);
    pl_tape_release(&tape);
}

/* A growing base knows nothing of the other sequences, nor, with a state, of the ends of pieces. */
static void rope_grows_by_the_sequence(void)
{
    enum { WIDE = 16, ROWS = 90 };
    static double x[ROWS * WIDE], all[ROWS * WIDE], part[ROWS * WIDE];
    static const int64_t starts[] = {0, 5, 5, 20, ROWS};
    for (int i = 0; i < ROWS * WIDE; i++)
        x[i] = cos(i);
    stretch(false, x, (struct pl_rows){4, starts}, 0, all);
    for (int i = 0; i < 4; i++) {
        const int64_t at = starts[i] * WIDE, count = starts[i + 1] - starts[i];
        stretch(false, x + at, (struct pl_rows){1, (const int64_t[]){0, count}}, 0, part);
        for (int64_t e = 0; e < count * WIDE; e++)
            CHECK_NEAR(part[e], all[at + e], 1e-12);
    }
    stretch(true, x, (struct pl_rows){1, (const int64_t[]){0, ROWS}}, 0, all);
    for (int64_t row = 0, count; row < ROWS; row += count) {
        count = row + 7 < ROWS ? 7 : ROWS - row;
        stretch(true, x + row * WIDE, (struct pl_rows){1, (const int64_t[]){0, count}}, row, part);
        CHECK(memcmp(part, all + row * WIDE, (size_t)(count * WIDE) * sizeof *part) == 0);
    }
}

int main(void)
{
    RUN(gradients_of_one_tile);
    RUN(gradients_of_tiles);
    RUN(gradients_of_groups);
    RUN(gradients_of_windows);
    RUN(gradients_of_rope);
    RUN(tiles_are_the_definition);
    RUN(parts_behind_a_cache);
    RUN(a_cache_is_not_for_training);
    RUN(later_rows_change_nothing);
    RUN(rope_turns_by_the_position);
    RUN(rope_stretches);
    RUN(rope_grows_by_the_sequence);
    FINISH();
}
