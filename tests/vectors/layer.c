/* Vectors of single operations and of single layers of token mixing.
 * SPDX-License-Identifier: MIT */
#include "layer.h"

#include <stdio.h>
#include <string.h>

#include "lm.h"
#include "tensor/blas.h"

enum { NAME_SIZE = 200, MOST_SETTINGS = 32, SETTING_SIZE = 64 };

#define NAME_FROM(format)                            \
    char name[NAME_SIZE];                            \
    va_list arguments;                               \
    va_start(arguments, format);                     \
    vsnprintf(name, sizeof name, format, arguments); \
    va_end(arguments)

/* ---- Variables --------------------------------------------------------------------------- */

void layer_copy(struct vectors *vectors, pl_real *to, int64_t count, const char *format, ...)
{
    NAME_FROM(format);
    const double *values = vectors_doubles(vectors, count, "%s", name);
    for (int64_t i = 0; values && i < count; i++)
        to[i] = (pl_real)values[i];
}

struct pl_variable *layer_variable(struct vectors *vectors, const char *format, ...)
{
    NAME_FROM(format);
    const struct pl_tensor *tensor = vectors_tensor(vectors, "%s", name);
    if (!tensor)
        return NULL;
    struct pl_variable *variable = vectors_new(vectors, 1, sizeof *variable);
    variable->rank = tensor->rank;
    memcpy(variable->dims, tensor->dims, sizeof variable->dims);
    variable->count = pl_tensor_count(tensor);
    variable->value = vectors_new(vectors, variable->count, sizeof *variable->value);
    variable->gradient = vectors_new(vectors, variable->count, sizeof *variable->gradient);
    layer_copy(vectors, variable->value, variable->count, "%s", name);
    return variable;
}

void layer_clear(struct pl_variable *variable)
{
    memset(variable->gradient, 0, (size_t)variable->count * sizeof *variable->gradient);
}

enum pl_status layer_backward(struct pl_tape *tape)
{
    pl_real zero[2] = {0};
    struct pl_variable nothing = {.count = 1, .value = &zero[0], .gradient = &zero[1]};
    return pl_tape_backward(tape, &nothing, 1);
}

/* ---- Layers ------------------------------------------------------------------------------ */

static const struct layer_name common[] = {
    {"hidden_size", "dim"}, {"num_heads", "heads"}, {"norm_eps", "norm-eps"}, {NULL, NULL}};

struct settings {
    char texts[MOST_SETTINGS][SETTING_SIZE];
    const char *items[MOST_SETTINGS];
    size_t count;
};

static void add_setting(struct settings *settings, const char *key, const char *value)
{
    if (settings->count == MOST_SETTINGS)
        return;
    char *text = settings->texts[settings->count];
    snprintf(text, SETTING_SIZE, "%s=%s", key, value);
    settings->items[settings->count++] = text;
}

/* What the file says of an option, as the model takes it; NULL when it says nothing. */
static const char *value_of(struct vectors *vectors, const struct pl_model_type *type,
                            const struct layer_name *name)
{
    const char *value = vectors_option(vectors, name->theirs);
    const struct pl_option *option = pl_option_find(type->options, name->ours);
    if (value && option && option->type == PL_OPTION_FLAG)
        return strcmp(value, "0") == 0 ? "no" : "yes";
    return value;
}

static void add_named(struct vectors *vectors, struct settings *settings,
                      const struct pl_model_type *type, const struct layer_name *names)
{
    for (; names->theirs; names++) {
        const char *value = value_of(vectors, type, names);
        if (value)
            add_setting(settings, names->ours, value);
    }
}

struct job {
    struct vectors *vectors;
    struct pl_lm lm;
    struct pl_parameters parameters;
    void *layer;
    struct pl_tape tape;
    struct pl_variable *x;
    int64_t batch, length;
};

static bool make_layer(struct job *job, const struct pl_model_type *type,
                       const struct settings *settings)
{
    struct pl_context *context = &job->vectors->context;
    if (!vectors_ok(job->vectors,
                    pl_lm_init(context, &job->lm, type, settings->items, settings->count, 1)))
        return false;
    job->layer = type->mixer->declare(context, &job->parameters, job->lm.options, 0, "w");
    if (!job->layer)
        return vectors_ok(job->vectors, context->status);
    return vectors_ok(job->vectors, pl_parameters_values(context, &job->parameters)) &&
           vectors_ok(job->vectors, pl_parameters_gradients(context, &job->parameters)) &&
           vectors_load(job->vectors, &job->parameters, "");
}

static void run_layer(struct job *job)
{
    struct vectors *vectors = job->vectors;
    struct pl_pass pass = {.tape = &job->tape, .lm = &job->lm};
    layer_clear(job->x);
    pass.routes = pl_tape_new(&job->tape, 1, sizeof *pass.routes);
    if (!pass.routes ||
        !vectors_ok(vectors, pl_rows_even(&job->tape, job->batch, job->length, &pass.rows)))
        return;
    struct pl_variable *y = job->lm.type->mixer->forward(&pass, job->layer, 0, job->x);
    if (!y) {
        vectors_ok(vectors, vectors->context.status);
        return;
    }
    vectors_compare_real(vectors, y->value, y->count, VECTORS_OUTPUT, "y");
    layer_copy(vectors, y->gradient, y->count, "dy");
    if (!vectors_ok(vectors, layer_backward(&job->tape)))
        return;
    vectors_compare_real(vectors, job->x->gradient, job->x->count, VECTORS_GRADIENT, "dx");
    for (size_t i = 0; i < job->parameters.count; i++) {
        const struct pl_parameter *parameter = job->parameters.items[i];
        vectors_compare_real(vectors, parameter->variable.gradient, parameter->variable.count,
                             VECTORS_GRADIENT, "grad.%s", parameter->name + strlen("w."));
    }
}

static void check_chunk(struct vectors *vectors, const struct pl_model_type *type,
                        const struct layer_name *names, int64_t chunk)
{
    struct settings settings = {.count = 0};
    struct job job = {.vectors = vectors,
                      .tape = {.context = &vectors->context, .recording = true},
                      .batch = vectors_dim(vectors, "x", 0),
                      .length = vectors_dim(vectors, "x", 1)};
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)chunk);
    add_setting(&settings, "chunk", text);
    add_named(vectors, &settings, type, common);
    add_named(vectors, &settings, type, names);
    /* operations take [rows, width] */
    job.x = layer_variable(vectors, "x");
    if (job.x) {
        job.x->rank = 2;
        job.x->dims[1] = job.x->dims[2];
        job.x->dims[0] = job.batch * job.length;
        if (make_layer(&job, type, &settings))
            run_layer(&job);
    }
    pl_tape_release(&job.tape);
    pl_parameters_release(&job.parameters);
    pl_lm_release(&job.lm);
}

void check_layer(struct vectors *vectors, const char *file, const char *type,
                 const struct layer_name *names)
{
    vectors_select(vectors, file);
    const int64_t chunks[] = {1, 16, 64, vectors_dim(vectors, "x", 1)};
    if (!vectors_ok(vectors, pl_blas_open(&vectors->context)))
        return;
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
        check_chunk(vectors, pl_model_find(type), names, chunks[i]);
}

void check_lm_named(struct vectors *vectors, const char *type, const struct layer_name *names)
{
    const char *settings[MOST_SETTINGS][2];
    size_t count = 0;
    vectors_select(vectors, "lm.safetensors");
    for (; names->theirs && count < MOST_SETTINGS; names++) {
        const char *value = value_of(vectors, pl_model_find(type), names);
        if (value) {
            settings[count][0] = names->ours;
            settings[count++][1] = value;
        }
    }
    check_lm(vectors, type, settings, count);
}
