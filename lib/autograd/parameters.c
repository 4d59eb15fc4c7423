/* The named parameters of a model.
 * SPDX-License-Identifier: MIT */
#include "autograd/parameters.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/rng.h"

static enum pl_status append(struct pl_context *context, struct pl_parameters *parameters,
                             struct pl_parameter *parameter)
{
    if (parameters->count == parameters->room) {
        size_t room = parameters->room ? 2 * parameters->room : 32;
        struct pl_parameter **items =
            pl_resize(context, parameters->items, room, sizeof(struct pl_parameter *));
        if (!items)
            return context->status;
        parameters->items = items;
        parameters->room = room;
    }
    parameters->items[parameters->count++] = parameter;
    parameters->elements += parameter->variable.count;
    return PL_OK;
}

static struct pl_variable *add(struct pl_context *context, struct pl_parameters *parameters,
                               const struct pl_parameter *like, const int64_t *dims,
                               const char *format, va_list arguments)
{
    struct pl_parameter *parameter =
        pl_arena_new(context, &parameters->arena, 1, sizeof *parameter);
    if (!parameter)
        return NULL;
    char name[256];
    vsnprintf(name, sizeof name, format, arguments);
    if (pl_parameter_find(parameters, name)) {
        pl_fail(context, PL_BAD_DATA, "parameter '%s' is declared twice", name);
        return NULL;
    }
    *parameter = (struct pl_parameter){
        .init = like->init, .half_life = like->half_life, .frozen = like->frozen};
    struct pl_variable *variable = &parameter->variable;
    while (variable->rank < PL_MAX_RANK && dims[variable->rank] > 0) {
        variable->dims[variable->rank] = dims[variable->rank];
        variable->rank++;
    }
    if (!pl_shape_count(variable->rank, variable->dims, &variable->count)) {
        pl_fail(context, PL_BAD_DATA, "parameter '%s' is too large", name);
        return NULL;
    }
    parameter->name = pl_arena_text(context, &parameters->arena, name, strlen(name));
    if (!parameter->name || append(context, parameters, parameter))
        return NULL;
    return variable;
}

struct pl_variable *pl_parameter_add(struct pl_context *context, struct pl_parameters *parameters,
                                     enum pl_init init, const int64_t *dims, const char *format,
                                     ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct pl_variable *variable =
        add(context, parameters, &(struct pl_parameter){.init = init}, dims, format, arguments);
    va_end(arguments);
    return variable;
}

struct pl_variable *pl_parameter_add_like(struct pl_context *context,
                                          struct pl_parameters *parameters,
                                          const struct pl_parameter *like, const int64_t *dims,
                                          const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct pl_variable *variable = add(context, parameters, like, dims, format, arguments);
    va_end(arguments);
    return variable;
}

static double start_value(const struct pl_parameter *parameter, const struct pl_rng *rng, int64_t i,
                          double deviation)
{
    const struct pl_variable *variable = &parameter->variable;
    switch (parameter->init) {
    case PL_INIT_NORMAL:
        return deviation * pl_rng_normal(rng, (uint64_t)i);
    case PL_INIT_INPUTS:
        return deviation / sqrt((double)(variable->count / variable->dims[0])) *
               pl_rng_normal(rng, (uint64_t)i);
    case PL_INIT_ZERO:
        return 0;
    case PL_INIT_ONE:
        return 1;
    case PL_INIT_DECAY:
        return log(16 * fmax(pl_rng_uniform(rng, (uint64_t)i), 0x1p-24));
    case PL_INIT_STEP: {
        double step = exp(log(0.001) + pl_rng_uniform(rng, (uint64_t)i) * log(0.1 / 0.001));
        return step + log(-expm1(-step)); /* the inverse of softplus */
    }
    case PL_INIT_HALF_LIVES: {
        double life = pow(parameter->half_life, 1 - (double)i / (double)variable->count);
        return log(expm1(log(2) / life)); /* softplus of it is ln 2 / life */
    }
    case PL_INIT_EYE: {
        int64_t columns = variable->dims[variable->rank - 1],
                rows = variable->dims[variable->rank - 2];
        return i / columns % rows == i % columns;
    }
    case PL_INIT_TENTH:
        return log(0.1 / 0.9);
    case PL_INIT_FAN_IN:
        return (2 * pl_rng_uniform(rng, (uint64_t)i) - 1) /
               sqrt((double)variable->dims[variable->rank - 1]);
    }
    return 0;
}

static enum pl_status take_value(struct pl_context *context, struct pl_parameters *parameters,
                                 struct pl_variable *variable)
{
    if (!variable->value)
        variable->value = pl_arena_new(context, &parameters->arena, (size_t)variable->count,
                                       sizeof *variable->value);
    return variable->value ? PL_OK : context->status;
}

enum pl_status pl_parameters_values(struct pl_context *context, struct pl_parameters *parameters)
{
    for (size_t i = 0; i < parameters->count; i++)
        if (take_value(context, parameters, &parameters->items[i]->variable))
            return context->status;
    return PL_OK;
}

enum pl_status pl_parameter_start(struct pl_context *context, struct pl_parameters *parameters,
                                  struct pl_parameter *parameter, uint64_t seed, double deviation)
{
    const struct pl_rng rng = pl_rng_init(seed, parameter->name);
    if (take_value(context, parameters, &parameter->variable))
        return context->status;
    for (int64_t i = 0; i < parameter->variable.count; i++)
        parameter->variable.value[i] = (pl_real)start_value(parameter, &rng, i, deviation);
    return PL_OK;
}

enum pl_status pl_parameters_start(struct pl_context *context, struct pl_parameters *parameters,
                                   uint64_t seed, double deviation)
{
    for (size_t i = 0; i < parameters->count; i++)
        if (pl_parameter_start(context, parameters, parameters->items[i], seed, deviation))
            return context->status;
    return PL_OK;
}

enum pl_status pl_parameters_gradients(struct pl_context *context, struct pl_parameters *parameters)
{
    for (size_t i = 0; i < parameters->count; i++) {
        struct pl_variable *variable = &parameters->items[i]->variable;
        if (parameters->items[i]->frozen || variable->gradient)
            continue;
        variable->gradient = pl_arena_new(context, &parameters->arena, (size_t)variable->count,
                                          sizeof *variable->gradient);
        if (!variable->gradient)
            return context->status;
    }
    return PL_OK;
}

void pl_parameters_clear(struct pl_parameters *parameters)
{
    for (size_t i = 0; i < parameters->count; i++) {
        struct pl_variable *variable = &parameters->items[i]->variable;
        if (variable->gradient)
            memset(variable->gradient, 0, (size_t)variable->count * sizeof *variable->gradient);
    }
}

struct pl_parameter *pl_parameter_find(const struct pl_parameters *parameters, const char *name)
{
    for (size_t i = 0; i < parameters->count; i++)
        if (strcmp(parameters->items[i]->name, name) == 0)
            return parameters->items[i];
    return NULL;
}

void pl_parameters_release(struct pl_parameters *parameters)
{
    pl_arena_release(&parameters->arena);
    free(parameters->items);
    *parameters = (struct pl_parameters){0};
}
