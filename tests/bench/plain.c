/* Decodes with a transformer in two ways, on the same random weights: by plain loops in C, a
 * matrix-vector product after the other over weights in memory and a cache of keys and values, as
 * small inference programs do; and by this library.
 * usage: plain DIM HEADS KV_HEADS LAYERS MLP VOCABULARY TOKENS THREADS
 * Prints seconds of a token, plain and ours, the least of REPEATS texts decoded in turn, and the
 * largest difference of a logit, relative to the largest logit.
 * SPDX-License-Identifier: MIT
 *
 * The plain loops are let reorder sums and use the processor's vector units, else a dot product is
 * a chain of additions; their rows, and the heads, are cut into one piece a thread, as a parallel
 * loop of OpenMP would cut them. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fast-math")
#endif
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/parallel.h"
#include "base/rng.h"
#include "base/simd.h"
#include "models/lm_decode.h"

enum { OPERANDS = 8, REPEATS = 5 };

struct shape {
    int64_t dim, heads, kv_heads, layers, mlp, vocabulary, tokens;
    int64_t head, kv_width; /* width of a head; of all keys */
};

struct layer {
    const float *norm, *q, *k, *v, *o, *mlp_norm, *gate, *up, *down;
};

struct plain {
    struct pl_context context;
    struct shape shape;
    struct layer *layers;
    const float *embeddings, *norm, *head;
    float *h, *x, *q, *o, *gate, *up, *logits; /* rows */
    float *scores;                             /* [heads, tokens] */
    float *keys, *values;                      /* [layers, tokens, kv_width] */
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- Plain loops -------------------------------------------------------------------------- */

struct product {
    const float *w, *x;
    float *y;
    int64_t rows, width;
    int pieces;
};

PL_CLONES static void multiply_rows(const struct product *job, int64_t begin, int64_t end)
{
    for (int64_t row = begin; row < end; row++) {
        const float *w = job->w + row * job->width;
        float sum = 0;
        for (int64_t i = 0; i < job->width; i++)
            sum += w[i] * job->x[i];
        job->y[row] = sum;
    }
}

static enum pl_status multiply_piece(struct pl_context *context, void *argument, int64_t item)
{
    const struct product *job = argument;
    (void)context;
    multiply_rows(job, item * job->rows / job->pieces, (item + 1) * job->rows / job->pieces);
    return PL_OK;
}

/* y = W x */
static void multiply(struct plain *plain, float *y, const float *w, const float *x, int64_t rows,
                     int64_t width)
{
    struct product job = {w, x, y, rows, width, pl_parallel_threads(&plain->context)};
    if (pl_parallel(&plain->context, job.pieces, multiply_piece, &job))
        exit(PL_SYSTEM);
}

PL_CLONES static void normalise(float *y, const float *x, const float *weight, int64_t width)
{
    float sum = 0;
    for (int64_t i = 0; i < width; i++)
        sum += x[i] * x[i];
    const float factor = 1 / sqrtf(sum / (float)width + 1e-5F);
    for (int64_t i = 0; i < width; i++)
        y[i] = weight[i] * (factor * x[i]);
}

/* Turns channel i of each head with channel i + half. */
static void turn(float *x, int64_t heads, int64_t width, int64_t position)
{
    const int64_t half = width / 2;
    for (int64_t i = 0; i < half; i++) {
        const float angle = (float)position * powf(10000, -(float)i / (float)half);
        const float cosine = cosf(angle), sine = sinf(angle);
        for (float *a = x + i; a < x + heads * width; a += width) {
            const float b = a[half];
            a[half] = b * cosine + *a * sine;
            *a = *a * cosine - b * sine;
        }
    }
}

struct attention {
    const struct plain *plain;
    const float *keys, *values;
    int64_t count; /* rows that are seen */
};

PL_CLONES static void attend(const struct attention *job, int64_t head)
{
    const struct shape *shape = &job->plain->shape;
    const int64_t width = shape->head, from = head * shape->kv_heads / shape->heads * width;
    const float *q = job->plain->q + head * width, scale = 1 / sqrtf((float)width);
    float *scores = job->plain->scores + head * shape->tokens, *out = job->plain->o + head * width;
    float top = -INFINITY, sum = 0;
    for (int64_t t = 0; t < job->count; t++) {
        const float *k = job->keys + t * shape->kv_width + from;
        float score = 0;
        for (int64_t i = 0; i < width; i++)
            score += q[i] * k[i];
        scores[t] = score * scale;
        top = scores[t] > top ? scores[t] : top;
    }
    for (int64_t t = 0; t < job->count; t++) {
        scores[t] = expf(scores[t] - top);
        sum += scores[t];
    }
    memset(out, 0, (size_t)width * sizeof *out);
    for (int64_t t = 0; t < job->count; t++) {
        const float *v = job->values + t * shape->kv_width + from, weight = scores[t] / sum;
        for (int64_t i = 0; i < width; i++)
            out[i] += weight * v[i];
    }
}

static enum pl_status attend_head(struct pl_context *context, void *argument, int64_t item)
{
    (void)context;
    attend(argument, item);
    return PL_OK;
}

PL_CLONES static void gate(float *restrict gate, const float *restrict up, int64_t width)
{
    for (int64_t i = 0; i < width; i++)
        gate[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

static void add(float *h, const float *x, int64_t width)
{
    for (int64_t i = 0; i < width; i++)
        h[i] += x[i];
}

static void step_layer(struct plain *plain, int64_t index, int64_t position)
{
    const struct shape *shape = &plain->shape;
    const struct layer *layer = &plain->layers[index];
    float *keys = plain->keys + index * shape->tokens * shape->kv_width;
    float *values = plain->values + index * shape->tokens * shape->kv_width;
    float *k = keys + position * shape->kv_width, *v = values + position * shape->kv_width;
    struct attention attention = {plain, keys, values, position + 1};
    const int64_t dim = shape->dim, width = shape->heads * shape->head;
    normalise(plain->x, plain->h, layer->norm, dim);
    multiply(plain, plain->q, layer->q, plain->x, width, dim);
    multiply(plain, k, layer->k, plain->x, shape->kv_width, dim);
    multiply(plain, v, layer->v, plain->x, shape->kv_width, dim);
    turn(plain->q, shape->heads, shape->head, position);
    turn(k, shape->kv_heads, shape->head, position);
    if (pl_parallel(&plain->context, shape->heads, attend_head, &attention))
        exit(PL_SYSTEM);
    multiply(plain, plain->x, layer->o, plain->o, dim, width);
    add(plain->h, plain->x, dim);
    normalise(plain->x, plain->h, layer->mlp_norm, dim);
    multiply(plain, plain->gate, layer->gate, plain->x, shape->mlp, dim);
    multiply(plain, plain->up, layer->up, plain->x, shape->mlp, dim);
    gate(plain->gate, plain->up, shape->mlp);
    multiply(plain, plain->x, layer->down, plain->gate, dim, shape->mlp);
    add(plain->h, plain->x, dim);
}

static void step(struct plain *plain, int32_t id, int64_t position)
{
    const struct shape *shape = &plain->shape;
    memcpy(plain->h, plain->embeddings + id * shape->dim, (size_t)shape->dim * sizeof *plain->h);
    for (int64_t i = 0; i < shape->layers; i++)
        step_layer(plain, i, position);
    normalise(plain->x, plain->h, plain->norm, shape->dim);
    multiply(plain, plain->logits, plain->head, plain->x, shape->vocabulary, shape->dim);
}

/* ---- Preparation -------------------------------------------------------------------------- */

static const float *weight(const struct pl_lm *lm, const char *format, int64_t index)
{
    char name[96];
    snprintf(name, sizeof name, format, (long long)index);
    return pl_parameter_find(&lm->parameters, name)->variable.value;
}

static float *room(int64_t count)
{
    float *values = calloc((size_t)count, sizeof *values);
    if (!values)
        exit(PL_SYSTEM);
    return values;
}

static void prepare(struct plain *plain, const struct pl_lm *lm)
{
    const struct shape *shape = &plain->shape;
    const int64_t widest =
        shape->heads * shape->head > shape->dim ? shape->heads * shape->head : shape->dim;
    plain->layers = calloc((size_t)shape->layers, sizeof *plain->layers);
    for (int64_t i = 0; i < shape->layers; i++)
        plain->layers[i] = (struct layer){
            weight(lm, "layers.%lld.attn_norm.weight", i),
            weight(lm, "layers.%lld.attn.q_proj.weight", i),
            weight(lm, "layers.%lld.attn.k_proj.weight", i),
            weight(lm, "layers.%lld.attn.v_proj.weight", i),
            weight(lm, "layers.%lld.attn.o_proj.weight", i),
            weight(lm, "layers.%lld.mlp_norm.weight", i),
            weight(lm, "layers.%lld.mlp.gate_proj.weight", i),
            weight(lm, "layers.%lld.mlp.up_proj.weight", i),
            weight(lm, "layers.%lld.mlp.down_proj.weight", i),
        };
    plain->embeddings = lm->embeddings->value;
    plain->norm = lm->norm.weight->value;
    plain->head = lm->head->value;
    plain->h = room(shape->dim);
    plain->x = room(widest);
    plain->q = room(widest);
    plain->o = room(widest);
    plain->gate = room(shape->mlp);
    plain->up = room(shape->mlp);
    plain->logits = room(shape->vocabulary);
    plain->scores = room(shape->heads * shape->tokens);
    plain->keys = room(shape->layers * shape->tokens * shape->kv_width);
    plain->values = room(shape->layers * shape->tokens * shape->kv_width);
}

static enum pl_status make_model(struct pl_context *context, const struct shape *shape,
                                 struct pl_lm *lm)
{
    char texts[6][32];
    const char *settings[7] = {[6] = "norm-eps=1e-5"};
    const int64_t values[] = {shape->dim,    shape->heads, shape->kv_heads,
                              shape->layers, shape->mlp,   shape->vocabulary};
    static const char *const keys[] = {"dim", "heads", "kv-heads", "layers", "mlp", "vocabulary"};
    for (int i = 0; i < 6; i++) {
        snprintf(texts[i], sizeof texts[i], "%s=%lld", keys[i], (long long)values[i]);
        settings[i] = texts[i];
    }
    enum pl_status status =
        pl_lm_init(context, lm, pl_model_find("transformer"), settings, 7, shape->vocabulary);
    return status ? status : pl_parameters_start(context, &lm->parameters, 1, 0.05);
}

/* ---- Measuring ---------------------------------------------------------------------------- */

static int32_t token(const struct shape *shape, int64_t position)
{
    return (int32_t)((position * 7919 + 1) % shape->vocabulary);
}

static double run_plain(struct plain *plain)
{
    const double started = now();
    for (int64_t i = 0; i < plain->shape.tokens; i++)
        step(plain, token(&plain->shape, i), i);
    return now() - started;
}

static enum pl_status run_ours(struct pl_context *context, struct pl_lm_decoder *decoder,
                               const struct shape *shape, double *seconds)
{
    const double started = now();
    for (int64_t i = 0; i < shape->tokens; i++) {
        const int32_t id = token(shape, i);
        if (pl_lm_decoder_take(context, decoder, &id, 1))
            return context->status;
    }
    *seconds = now() - started;
    return PL_OK;
}

static double difference(const struct plain *plain, const pl_real *logits)
{
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < plain->shape.vocabulary; i++) {
        worst = fmax(worst, fabs((double)plain->logits[i] - (double)logits[i]));
        largest = fmax(largest, fabs((double)logits[i]));
    }
    return worst / largest;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
    struct plain plain = {0};
    struct shape *shape = &plain.shape;
    struct pl_context *context = &plain.context;
    struct pl_lm lm = {0};
    double theirs[REPEATS], ours[REPEATS], apart = 0;
    if (argc != 1 + OPERANDS) {
        fprintf(stderr, "usage: plain DIM HEADS KV_HEADS LAYERS MLP VOCABULARY TOKENS THREADS\n");
        return PL_USAGE;
    }
    *shape = (struct shape){atoll(argv[1]),
                            atoll(argv[2]),
                            atoll(argv[3]),
                            atoll(argv[4]),
                            atoll(argv[5]),
                            atoll(argv[6]),
                            atoll(argv[7]),
                            0,
                            0};
    shape->head = shape->dim / shape->heads;
    shape->kv_width = shape->kv_heads * shape->head;
    context->threads = atoi(argv[8]);
    enum pl_status status = make_model(context, shape, &lm);
    if (!status)
        prepare(&plain, &lm);
    for (int i = 0; i < REPEATS && !status; i++) {
        struct pl_lm_decoder decoder;
        pl_lm_decoder_init(&decoder, &lm);
        theirs[i] = run_plain(&plain);
        status = run_ours(context, &decoder, shape, &ours[i]);
        if (!status)
            apart = fmax(apart, difference(&plain, decoder.logits));
        pl_lm_decoder_release(&decoder);
    }
    if (status) {
        fprintf(stderr, "plain: %s\n", context->message);
        return (int)status;
    }
    qsort(theirs, REPEATS, sizeof *theirs, by_size);
    qsort(ours, REPEATS, sizeof *ours, by_size);
    printf("%.9f %.9f %.1e\n", theirs[0] / (double)shape->tokens, ours[0] / (double)shape->tokens,
           apart);
    return 0;
}
