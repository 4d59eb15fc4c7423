/* LoLCATs against its reference: the three forms of attention on layers of a real transformer, with
 * the loss of attention transfer and its gradients.  SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "models/softmax.h"
#include "nn/hybrid.h"
#include "student.h"
#include "vectors.h"

enum { SETTING_SIZE = 48 };

static struct pl_variable *map_of(const struct pl_lm *lm, int64_t index, const char *name)
{
    char whole[64];
    snprintf(whole, sizeof whole, "layers.%lld.attn.%s", (long long)index, name);
    struct pl_parameter *parameter = pl_parameter_find(&lm->parameters, whole);
    return parameter ? &parameter->variable : NULL;
}

/* The maps of the file in place of identities. */
static void take_maps(struct vectors *vectors, const struct pl_lm *lm, int64_t index)
{
    static const char *const names[][2] = {{"q_map", "fmap_q"}, {"k_map", "fmap_k"}};
    for (size_t i = 0; i < 2; i++) {
        struct pl_variable *map = map_of(lm, index, names[i][0]);
        layer_copy(vectors, map->value, map->count, "layer%lld.%s", (long long)index, names[i][1]);
    }
    struct pl_variable *factor = map_of(lm, index, "window_factor");
    if (factor)
        layer_copy(vectors, factor->value, factor->count, "layer%lld.window_factors",
                   (long long)index);
}

/* What a row attends to: the operation on values of which each row is another unit vector. */
static void check_rows(struct vectors *vectors, const struct pl_lm *lm, int64_t index,
                       const char *form, struct student_layer *layer,
                       const struct pl_softmax_heads *heads, struct pl_hybrid hybrid)
{
    struct pl_tape *tape = &layer->tape;
    const int64_t rows = layer->x->dims[1];
    struct pl_variable *units = pl_tape_matrix(tape, false, rows, hybrid.kv_heads * rows);
    memset(units->value, 0, (size_t)units->count * sizeof *units->value);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t head = 0; head < hybrid.kv_heads; head++)
            units->value[(i * hybrid.kv_heads + head) * rows + i] = 1;
    hybrid.value_dim = rows;
    const struct pl_variable *weights =
        pl_op_hybrid(tape, &hybrid, &layer->pass.rows, heads->q, heads->k, units,
                     pl_op_hedgehog(tape, heads->q, map_of(lm, index, "q_map")),
                     pl_op_hedgehog(tape, heads->k, map_of(lm, index, "k_map")),
                     map_of(lm, index, "window_factor"), NULL);
    if (!weights) {
        vectors_ok(vectors, vectors->context.status);
        return;
    }
    pl_real *turned = vectors_new(vectors, weights->count, sizeof *turned);
    student_turn(hybrid.heads, rows, rows, weights->value, turned);
    student_compare(vectors, turned, weights->count, "layer%lld.%s.a_pred", (long long)index, form);
}

static void check_maps(struct vectors *vectors, const struct pl_lm *lm, int64_t index,
                       const char *form)
{
    static const char *const names[][2] = {
        {"q_map", "fmap_q"}, {"k_map", "fmap_k"}, {"window_factor", "window_factors"}};
    for (size_t i = 0; i < 3; i++) {
        const struct pl_variable *map = map_of(lm, index, names[i][0]);
        if (map)
            student_compare_gradient(vectors, map->gradient, map->count, "layer%lld.%s.grad_%s",
                                     (long long)index, form, names[i][1]);
    }
}

static void check_transfer(struct vectors *vectors, struct pl_lm *lm, int64_t index,
                           const char *form, struct student_layer *layer)
{
    struct pl_tape *tape = &layer->tape;
    struct pl_variable *x = pl_tape_view(tape, layer->x, layer->x->dims[1], layer->x->dims[2]);
    struct pl_variable *square = NULL;
    pl_parameters_clear(&lm->parameters);
    if (!lm->type->mixer->imitate(&layer->pass, lm->layers[index].mix, index, x, &square) ||
        !vectors_ok(vectors, pl_tape_backward(tape, square, 1000))) {
        vectors_ok(vectors, vectors->context.status);
        return;
    }
    const pl_real loss = 1000 * square->value[0];
    const double *expected =
        vectors_doubles(vectors, 1, "layer%lld.%s.loss_mse1000", (long long)index, form);
    if (expected)
        vectors_compare(vectors, &(double){(double)loss}, 1, 1e-6, 1e-4,
                        "layer%lld.%s.loss_mse1000", (long long)index, form);
    check_maps(vectors, lm, index, form);
}

/* Heads of the imitation and of the teacher. */
static void check_heads(struct vectors *vectors, const struct pl_lm *lm, int64_t index,
                        const char *form, struct student_layer *layer,
                        const struct pl_softmax_heads *heads, const struct pl_hybrid *hybrid,
                        const struct pl_softmax_options *softmax)
{
    struct pl_tape *tape = &layer->tape;
    const int64_t rows = layer->x->dims[1];
    const struct pl_variable *o =
        pl_op_hybrid(tape, hybrid, &layer->pass.rows, heads->q, heads->k, heads->v,
                     pl_op_hedgehog(tape, heads->q, map_of(lm, index, "q_map")),
                     pl_op_hedgehog(tape, heads->k, map_of(lm, index, "k_map")),
                     map_of(lm, index, "window_factor"), NULL);
    const struct pl_variable *full = pl_softmax_attend(&layer->pass, softmax, 0, index, *heads);
    if (!o || !full) {
        vectors_ok(vectors, vectors->context.status);
        return;
    }
    pl_real *turned = vectors_new(vectors, o->count, sizeof *turned);
    student_turn(hybrid->heads, rows, hybrid->head_dim, o->value, turned);
    student_compare(vectors, turned, o->count, "layer%lld.%s.y_pred", (long long)index, form);
    student_turn(hybrid->heads, rows, hybrid->head_dim, full->value, turned);
    student_compare(vectors, turned, full->count, "layer%lld.y_true", (long long)index);
}

static void check_layer_form(struct vectors *vectors, struct pl_lm *lm, int64_t index,
                             const char *form, struct pl_hybrid hybrid)
{
    struct student_layer layer;
    take_maps(vectors, lm, index);
    struct pl_variable *y = student_forward(vectors, &layer, lm, index);
    if (!y)
        return;
    student_compare(vectors, y->value, y->count, "layer%lld.%s.out", (long long)index, form);
    const struct pl_parameter *keys =
        pl_parameter_find(&lm->parameters, "layers.0.attn.k_proj.weight");
    hybrid.heads = pl_lm_options(lm)->heads;
    hybrid.head_dim = hybrid.value_dim = pl_lm_options(lm)->dim / hybrid.heads;
    hybrid.kv_heads = keys->variable.dims[0] / hybrid.head_dim;
    hybrid.features = 2 * map_of(lm, index, "q_map")->dims[2];
    const struct pl_softmax_options softmax = {.kv_heads = hybrid.kv_heads, .rope_base = 10000};
    struct pl_variable *x = pl_tape_view(&layer.tape, layer.x, layer.x->dims[1], layer.x->dims[2]);
    struct pl_softmax_heads heads =
        pl_softmax_project(&layer.pass, &softmax, lm->layers[index].mix, x);
    heads = pl_softmax_turn(&layer.pass, &softmax, heads);
    check_heads(vectors, lm, index, form, &layer, &heads, &hybrid, &softmax);
    check_rows(vectors, lm, index, form, &layer, &heads, hybrid);
    pl_tape_release(&layer.tape);
    if (student_forward(vectors, &layer, lm, index))
        check_transfer(vectors, lm, index, form, &layer);
    pl_tape_release(&layer.tape);
}

void check_lolcats(struct vectors *vectors)
{
    static const char *const forms[] = {"form=tk", "form=sw", "form=linear"};
    const double *window = vectors_doubles(vectors, 1, "window");
    char setting[SETTING_SIZE];
    vectors_doubles(vectors, -1, "ids"); /* what x was made from */
    if (!window)
        return;
    snprintf(setting, sizeof setting, "window=%.0f", *window);
    for (int i = 0; i < 3; i++) {
        const struct pl_hybrid hybrid = {.form = i, .window = (int64_t)*window, .align_end = true};
        struct pl_lm lm;
        if (!student_open(vectors, &lm, "lolcats",
                          (const char *const[]){forms[i], setting, "align-end=yes", NULL}))
            return;
        for (int64_t index = 0; index < pl_lm_options(&lm)->layers; index++)
            if (student_has(vectors, index))
                check_layer_form(vectors, &lm, index, forms[i] + strlen("form="), hybrid);
        pl_lm_release(&lm);
    }
}
