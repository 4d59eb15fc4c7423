/* Vectors of whole language models, the same for every family: logits, loss, gradients, decoding
 * from a stored state, and steps of AdamW.
 * SPDX-License-Identifier: MIT */
#include "lm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/blas.h"
#include "train/optimiser.h"

/* The recipe of the stored training steps. */
enum { TRAIN_STEPS = 4, MOST_SETTINGS = 32, SETTING_SIZE = 64 };
static const double train_rate = 0.0025, train_decay = 0.1, train_clip = 1;

struct job {
    struct vectors *vectors;
    const struct pl_model_type *type;
    char settings[MOST_SETTINGS][SETTING_SIZE];
    size_t setting_count;
    int64_t vocabulary, batch, length;
    struct pl_lm lm;
    struct pl_tape tape;
};

/* What the files call the options that all models have. */
static const char *const common[][2] = {
    {"vocab", "vocabulary"}, {"hidden_size", "dim"}, {"num_heads", "heads"},   {"layers", "layers"},
    {"intermediate", "mlp"}, {"tie", "tie"},         {"norm_eps", "norm-eps"},
};

static void add_setting(struct job *job, const char *key, const char *value)
{
    if (strcmp(key, "tie") == 0)
        value = strcmp(value, "0") == 0 ? "no" : "yes";
    if (job->setting_count < MOST_SETTINGS)
        snprintf(job->settings[job->setting_count++], SETTING_SIZE, "%s=%s", key, value);
}

bool vectors_load(struct vectors *vectors, struct pl_parameters *parameters, const char *prefix)
{
    bool good = true;
    for (size_t i = 0; i < parameters->count; i++) {
        struct pl_parameter *parameter = parameters->items[i];
        struct pl_variable *variable = &parameter->variable;
        const double *values =
            vectors_doubles(vectors, variable->count, "%s%s", prefix, parameter->name);
        for (int64_t j = 0; values && j < variable->count; j++)
            variable->value[j] = (pl_real)values[j];
        good = good && values;
    }
    return good;
}

void vectors_compare_gradients(struct vectors *vectors, const struct pl_parameters *parameters,
                               const char *prefix)
{
    for (size_t i = 0; i < parameters->count; i++) {
        const struct pl_variable *variable = &parameters->items[i]->variable;
        vectors_compare_real(vectors, variable->gradient, variable->count, VECTORS_GRADIENT, "%s%s",
                             prefix, parameters->items[i]->name);
    }
}

/* The model with the stored weights, working on chunks of so many rows. */
static bool make_model(struct job *job, int64_t chunk)
{
    struct vectors *vectors = job->vectors;
    const char *settings[MOST_SETTINGS];
    char chunk_setting[SETTING_SIZE];
    size_t count = 0;
    for (; count < job->setting_count; count++)
        settings[count] = job->settings[count];
    snprintf(chunk_setting, sizeof chunk_setting, "chunk=%lld", (long long)chunk);
    settings[count++] = chunk_setting;
    if (!vectors_ok(vectors, pl_lm_init(&vectors->context, &job->lm, job->type, settings, count,
                                        job->vocabulary)) ||
        !vectors_ok(vectors, pl_parameters_values(&vectors->context, &job->lm.parameters)) ||
        !vectors_ok(vectors, pl_parameters_gradients(&vectors->context, &job->lm.parameters)))
        return false;
    return vectors_load(vectors, &job->lm.parameters, "w.");
}

static int32_t *ids_of(struct job *job, const char *name, int64_t count)
{
    const double *stored = vectors_doubles(job->vectors, count, "%s", name);
    int32_t *ids = vectors_new(job->vectors, count, sizeof *ids);
    for (int64_t i = 0; stored && i < count; i++)
        ids[i] = (int32_t)stored[i];
    return stored ? ids : NULL;
}

/* Position t predicts the id at t + 1; the last one of a sequence nothing. */
static int32_t *targets_of(struct job *job, const int32_t *ids)
{
    int32_t *targets = vectors_new(job->vectors, job->batch * job->length, sizeof *targets);
    for (int64_t i = 0; i < job->batch * job->length; i++)
        targets[i] = (i + 1) % job->length ? ids[i + 1] : -1;
    return targets;
}

/* Loss of a batch with its gradients; *cross is the cross-entropy alone. */
static struct pl_variable *pass_loss(struct job *job, struct pl_pass *pass, const int32_t *ids,
                                     double *cross)
{
    struct pl_head_score score = {0};
    *pass = (struct pl_pass){.tape = &job->tape, .lm = &job->lm};
    if (pl_rows_even(&job->tape, job->batch, job->length, &pass->rows))
        return NULL;
    struct pl_variable *loss = pl_op_head_loss(&job->tape, pl_lm_forward(pass, ids), job->lm.head,
                                               targets_of(job, ids), &score);
    if (loss && pass->auxiliary)
        loss = pl_op_add(&job->tape, loss, pass->auxiliary, 1);
    *cross = score.scored > 0 ? score.nats / (double)score.scored : 0;
    return loss;
}

/* ---- Logits, loss, gradients ------------------------------------------------------------- */

static void check_logits(struct job *job, const int32_t *ids)
{
    struct pl_pass pass = {.tape = &job->tape, .lm = &job->lm};
    if (!vectors_ok(job->vectors, pl_rows_even(&job->tape, job->batch, job->length, &pass.rows)))
        return;
    struct pl_variable *logits = pl_lm_logits(&pass, pl_lm_forward(&pass, ids));
    if (logits)
        vectors_compare_real(job->vectors, logits->value, logits->count, VECTORS_OUTPUT, "logits");
    else
        vectors_ok(job->vectors, job->vectors->context.status);
    pl_tape_reset(&job->tape);
}

/* The file has it as it is before the weight that it is given in the loss. */
static void check_auxiliary(struct vectors *vectors, pl_real auxiliary)
{
    const char *weight = vectors_option(vectors, "aux_scale");
    pl_real value = weight ? (pl_real)((double)auxiliary / strtod(weight, NULL)) : auxiliary;
    vectors_compare_real(vectors, &value, 1, VECTORS_OUTPUT, "aux");
}

static void check_gradients(struct job *job, const int32_t *ids)
{
    struct vectors *vectors = job->vectors;
    struct pl_pass pass;
    double cross;
    job->tape.recording = true;
    struct pl_variable *loss = pass_loss(job, &pass, ids, &cross);
    if (loss && vectors_ok(vectors, pl_tape_backward(&job->tape, loss, 1))) {
        pl_real entropy = (pl_real)cross;
        vectors_compare_real(vectors, &entropy, 1, VECTORS_OUTPUT, "ce");
        vectors_compare_real(vectors, loss->value, 1, VECTORS_OUTPUT, "loss");
        if (pass.auxiliary)
            check_auxiliary(vectors, pass.auxiliary->value[0]);
        vectors_compare_gradients(vectors, &job->lm.parameters, "grad.");
    } else {
        vectors_ok(vectors, vectors->context.status);
    }
    job->tape.recording = false;
    pl_tape_reset(&job->tape);
}

/* ---- Decoding ---------------------------------------------------------------------------- */

/* Columns from..from+count-1 of ids [batch, length], behind each other. */
static int32_t *columns(struct job *job, const int32_t *ids, int64_t from, int64_t count)
{
    int32_t *out = vectors_new(job->vectors, job->batch * count, sizeof *out);
    for (int64_t b = 0; b < job->batch; b++)
        memcpy(out + b * count, ids + b * job->length + from, (size_t)count * sizeof *out);
    return out;
}

/* Takes in count columns and puts their logits in their places. */
static bool advance(struct job *job, struct pl_state *state, const int32_t *ids, int64_t from,
                    int64_t count, pl_real *all)
{
    struct pl_pass pass = {.tape = &job->tape, .lm = &job->lm, .state = state};
    const int64_t width = job->vocabulary;
    if (!vectors_ok(job->vectors, pl_rows_even(&job->tape, job->batch, count, &pass.rows)))
        return false;
    struct pl_variable *logits =
        pl_lm_logits(&pass, pl_lm_forward(&pass, columns(job, ids, from, count)));
    if (!logits)
        return vectors_ok(job->vectors, job->vectors->context.status);
    for (int64_t b = 0; b < job->batch; b++)
        memcpy(all + (b * job->length + from) * width, logits->value + b * count * width,
               (size_t)(count * width) * sizeof *all);
    pl_tape_reset(&job->tape);
    return true;
}

/* Items are named `layer.L.S`, the arrays `state.L.S`; an array that is not there is not stored. */
static void compare_state(struct job *job, const struct pl_state *state)
{
    for (size_t i = 0; i < state->count; i++) {
        const struct pl_state_item *item = &state->items[i];
        char name[80];
        snprintf(name, sizeof name, "state.%s", item->name + strlen("layer."));
        if (vectors_dim(job->vectors, name, 0) > 0)
            vectors_compare_real(job->vectors, item->variable.value, item->variable.count,
                                 VECTORS_OUTPUT, "%s", name);
    }
}

/* The first tokens at once, then one by one: the logits must be those of one pass. */
static void check_decoding(struct job *job, const int32_t *ids, int64_t first)
{
    struct pl_state state = {.batch = job->batch};
    pl_real *logits =
        vectors_new(job->vectors, job->batch * job->length * job->vocabulary, sizeof *logits);
    bool good = first == 0 || advance(job, &state, ids, 0, first, logits);
    if (good && first > 0)
        compare_state(job, &state);
    for (int64_t t = first; t < job->length && good; t++)
        good = advance(job, &state, ids, t, 1, logits);
    if (good)
        vectors_compare_real(job->vectors, logits, job->batch * job->length * job->vocabulary,
                             VECTORS_OUTPUT, "logits");
    pl_state_release(&state);
}

/* ---- Training ---------------------------------------------------------------------------- */

static bool train_step(struct job *job, struct pl_optimiser *optimiser, const int32_t *ids,
                       double rate, pl_real *loss_value, pl_real *norm_value)
{
    struct vectors *vectors = job->vectors;
    struct pl_pass pass;
    double cross, norm;
    pl_parameters_clear(&job->lm.parameters);
    struct pl_variable *loss = pass_loss(job, &pass, ids, &cross);
    if (!loss)
        return vectors_ok(vectors, vectors->context.status);
    *loss_value = loss->value[0];
    if (!vectors_ok(vectors, pl_tape_backward(&job->tape, loss, 1)) ||
        !vectors_ok(vectors, pl_optimiser_norm(&vectors->context, optimiser, &norm)) ||
        !vectors_ok(vectors, pl_optimiser_step(&vectors->context, optimiser, rate,
                                               pl_clip_scale(norm, train_clip))))
        return false;
    *norm_value = (pl_real)norm;
    pl_tape_reset(&job->tape);
    return true;
}

static void check_training(struct job *job)
{
    const struct pl_optimiser_options options = {PL_ADAMW, train_decay, 0.9, 0.95, 1e-8, 0};
    struct vectors *vectors = job->vectors;
    struct pl_optimiser optimiser = {0};
    const int64_t size = job->batch * job->length;
    const int32_t *ids = ids_of(job, "train.ids", TRAIN_STEPS * size);
    pl_real losses[TRAIN_STEPS], norms[TRAIN_STEPS];
    bool good = ids && vectors_ok(vectors, pl_optimiser_init(&vectors->context, &optimiser,
                                                             &job->lm.parameters, &options));
    job->tape.recording = true;
    for (int i = 0; i < TRAIN_STEPS && good; i++)
        good = train_step(job, &optimiser, ids + i * size, train_rate * (i + 1), &losses[i],
                          &norms[i]);
    job->tape.recording = false;
    pl_tape_reset(&job->tape);
    if (good) {
        vectors_compare_real(vectors, losses, TRAIN_STEPS, VECTORS_TRAINED, "train.loss");
        vectors_compare_real(vectors, norms, TRAIN_STEPS, VECTORS_TRAINED, "train.gradnorm");
    }
    for (size_t i = 0; i < job->lm.parameters.count && good; i++) {
        const struct pl_parameter *parameter = job->lm.parameters.items[i];
        char name[200];
        snprintf(name, sizeof name, "train.final.%s", parameter->name);
        if (vectors_dim(vectors, name, 0) > 0)
            vectors_compare_real(vectors, parameter->variable.value, parameter->variable.count,
                                 VECTORS_TRAINED, "%s", name);
    }
    pl_optimiser_release(&optimiser);
}

/* ---- All of it --------------------------------------------------------------------------- */

static void check_chunk(struct job *job, const int32_t *ids, int64_t chunk)
{
    const char *first = vectors_option(job->vectors, "T0");
    if (make_model(job, chunk)) {
        check_logits(job, ids);
        check_gradients(job, ids);
        check_decoding(job, ids, first ? strtoll(first, NULL, 10) : 0);
        check_training(job);
    }
    pl_lm_release(&job->lm);
}

void check_lm(struct vectors *vectors, const char *type, const char *const (*settings)[2],
              size_t count)
{
    struct job job = {.vectors = vectors, .type = pl_model_find(type)};
    job.tape.context = &vectors->context;
    vectors_select(vectors, "lm.safetensors");
    if (!vectors_ok(vectors, pl_blas_open(&vectors->context)))
        return;
    for (size_t i = 0; i < sizeof common / sizeof *common; i++) {
        const char *value = vectors_option(vectors, common[i][0]);
        if (value)
            add_setting(&job, common[i][1], value);
    }
    for (size_t i = 0; i < count; i++)
        add_setting(&job, settings[i][0], settings[i][1]);
    job.vocabulary = vectors_dim(vectors, "logits", 2);
    job.batch = vectors_dim(vectors, "ids", 0);
    job.length = vectors_dim(vectors, "ids", 1);
    const int32_t *ids = ids_of(&job, "ids", job.batch * job.length);
    const int64_t chunks[] = {1, 16, 64, job.length};
    for (size_t i = 0; ids && i < sizeof chunks / sizeof *chunks; i++)
        check_chunk(&job, ids, chunks[i]);
    pl_tape_release(&job.tape);
}
