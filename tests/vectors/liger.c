/* Liger against its reference: gates, recurrences and layers of a real transformer, and the whole
 * model before any training.  SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/softmax.h"
#include "nn/gla.h"
#include "student.h"
#include "vectors.h"

enum { MOST_SETTINGS = 8, SETTING_SIZE = 48 };

static const char *window_setting(struct vectors *vectors)
{
    const double *window = vectors_doubles(vectors, 1, "window");
    char *setting = vectors_new(vectors, SETTING_SIZE, 1);
    snprintf(setting, SETTING_SIZE, "window=%.0f", window ? *window : 1);
    return setting;
}

/* Numbers from before the way out, [rows, heads width] here. */
static void compare_heads(struct vectors *vectors, int64_t heads, int64_t rows, int64_t width,
                          const pl_real *got, const char *name)
{
    pl_real *turned = vectors_new(vectors, heads * rows * width, sizeof *turned);
    student_turn(heads, rows, width, got, turned);
    student_compare(vectors, turned, heads * rows * width, "%s", name);
}

/* The parts of the recurrence with gates of gla, and full softmax attention. */
static void check_parts(struct vectors *vectors, struct pl_lm *lm, int64_t index)
{
    const struct pl_softmax_options softmax = {
        .kv_heads =
            pl_parameter_find(&lm->parameters, "layers.0.attn.k_proj.weight")->variable.dims[0] /
            (pl_lm_options(lm)->dim / pl_lm_options(lm)->heads),
        .rope_base = 10000};
    struct pl_attention shape = pl_softmax_shape(pl_lm_options(lm), &softmax);
    const struct pl_gla gla = {shape.heads, shape.kv_heads, shape.head_dim, shape.head_dim, 64};
    struct student_layer layer;
    if (!student_forward(vectors, &layer, lm, index))
        return;
    struct pl_tape *tape = &layer.tape;
    const int64_t rows = layer.x->dims[1], group = shape.heads / shape.kv_heads;
    struct pl_variable *x = pl_tape_view(tape, layer.x, rows, layer.x->dims[2]), *final;
    struct pl_softmax_heads heads =
        pl_softmax_project(&layer.pass, &softmax, lm->layers[index].mix, x);
    struct pl_variable *g = pl_op_log_sigmoid(tape, heads.k, 16, -INFINITY);
    struct pl_variable *o =
        pl_op_gla(tape, &gla, &layer.pass.rows, pl_op_softmax(tape, heads.q, shape.head_dim),
                  pl_op_softmax(tape, heads.k, shape.head_dim), heads.v, g, NULL, &final);
    heads = pl_softmax_turn(&layer.pass, &softmax, heads);
    struct pl_variable *full = pl_softmax_attend(&layer.pass, &softmax, 0, index, heads);
    if (!o || !full) {
        vectors_ok(vectors, vectors->context.status);
        return;
    }
    char name[64];
    const int64_t width = shape.head_dim, wide = shape.heads * width;
    pl_real *gates = vectors_new(vectors, rows * wide, sizeof *gates);
    for (int64_t i = 0; i < rows * wide; i++) {
        const int64_t head = i % wide / width;
        gates[i] = g->value[i / wide * shape.kv_heads * width + head / group * width + i % width];
    }
    snprintf(name, sizeof name, "layer%lld.gla.log_gate", (long long)index);
    compare_heads(vectors, shape.heads, rows, width, gates, name);
    for (int64_t i = 0; i < o->count; i++) /* Liger has no scale */
        o->value[i] *= (pl_real)sqrt((double)width);
    snprintf(name, sizeof name, "layer%lld.gla.recurrent_y", (long long)index);
    compare_heads(vectors, shape.heads, rows, width, o->value, name);
    student_compare(vectors, final->value, final->count, "layer%lld.gla.final_state",
                    (long long)index);
    snprintf(name, sizeof name, "layer%lld.softmax_y", (long long)index);
    compare_heads(vectors, shape.heads, rows, width, full->value, name);
    pl_tape_release(tape);
}

static void check_gradient(struct vectors *vectors, const struct pl_lm *lm, int64_t index,
                           const char *map)
{
    char name[64];
    snprintf(name, sizeof name, "layers.%lld.attn.%s_proj.weight", (long long)index, map);
    const struct pl_parameter *parameter = pl_parameter_find(&lm->parameters, name);
    student_compare_gradient(vectors, parameter->variable.gradient, parameter->variable.count,
                             "layer%lld.gla.grad_%s_proj", (long long)index, map);
}

static void check_kind(struct vectors *vectors, struct pl_lm *lm, int64_t index, const char *gate)
{
    struct student_layer layer;
    pl_parameters_clear(&lm->parameters);
    struct pl_variable *y = student_forward(vectors, &layer, lm, index);
    if (!y)
        return;
    student_compare(vectors, y->value, y->count, "layer%lld.%s.out", (long long)index, gate);
    if (strcmp(gate, "gla") == 0) {
        for (int64_t i = 0; i < y->count; i++)
            y->gradient[i] = (pl_real)cos(0.37 * (double)i);
        vectors_ok(vectors, layer_backward(&layer.tape));
        student_compare_gradient(vectors, layer.x->gradient, layer.x->count, "layer%lld.gla.grad_x",
                                 (long long)index);
        check_gradient(vectors, lm, index, "q");
        check_gradient(vectors, lm, index, "k");
        check_gradient(vectors, lm, index, "v");
    }
    pl_tape_release(&layer.tape);
}

static void check_model(struct vectors *vectors, struct pl_lm *lm, const char *name)
{
    const int64_t rows = vectors_dim(vectors, "ids", 1);
    const double *numbers = vectors_doubles(vectors, rows, "ids");
    int32_t *ids = vectors_new(vectors, rows, sizeof *ids);
    int32_t *targets = vectors_new(vectors, rows, sizeof *targets);
    struct pl_tape tape = {.context = &vectors->context};
    struct pl_pass pass = {.tape = &tape, .lm = lm};
    for (int64_t i = 0; numbers && i < rows; i++)
        ids[i] = (int32_t)numbers[i];
    for (int64_t i = 0; i < rows; i++)
        targets[i] = i + 1 < rows ? ids[i + 1] : -1;
    if (!numbers || !vectors_ok(vectors, pl_rows_even(&tape, 1, rows, &pass.rows)))
        return;
    struct pl_variable *hidden = pl_lm_forward(&pass, ids);
    const struct pl_variable *logits = pl_lm_logits(&pass, hidden);
    const struct pl_variable *loss = pl_op_head_loss(&tape, hidden, lm->head, targets, NULL);
    if (logits && loss) {
        student_compare(vectors, logits->value, logits->count, "model.%s_logits", name);
        student_compare(vectors, loss->value, 1, "model.%s_loss", name);
    } else {
        vectors_ok(vectors, vectors->context.status);
    }
    pl_tape_release(&tape);
}

void check_liger(struct vectors *vectors)
{
    static const char *const gates[] = {"gate=gla", "gate=gsa", "gate=hgrn2"};
    const char *window = window_setting(vectors);
    struct pl_lm lm;
    if (student_open(vectors, &lm, "liger",
                     (const char *const[]){"mix=0", "window=1000000", NULL})) {
        check_model(vectors, &lm, "teacher");
        for (int64_t index = 0; index < pl_lm_options(&lm)->layers; index++)
            if (student_has(vectors, index))
                check_parts(vectors, &lm, index);
        pl_lm_release(&lm);
    }
    for (size_t i = 0; i < sizeof gates / sizeof *gates; i++) {
        /* slots are half the width of a head: nothing in the file says so */
        const char *const settings[] = {gates[i], window, i == 1 ? "slots=4" : NULL, NULL};
        if (!student_open(vectors, &lm, "liger", settings))
            return;
        for (int64_t index = 0; index < pl_lm_options(&lm)->layers; index++)
            if (student_has(vectors, index))
                check_kind(vectors, &lm, index, gates[i] + strlen("gate="));
        if (i == 0)
            check_model(vectors, &lm, "liger_gla");
        pl_lm_release(&lm);
    }
}
