/* What a sequence model carries from one token to the next.
 * SPDX-License-Identifier: MIT */
#include "nn/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

enum { NAME_SIZE = 128 };

static struct pl_state_item *find(struct pl_state *state, const char *name)
{
    for (size_t i = 0; i < state->count; i++) {
        size_t at = (state->next + i) % state->count;
        if (strcmp(state->items[at].name, name) == 0) {
            state->next = at + 1;
            return &state->items[at];
        }
    }
    return NULL;
}

/* A new item without values. */
static struct pl_state_item *append(struct pl_context *context, struct pl_state *state,
                                    const char *name)
{
    if (state->count == state->room) {
        size_t room = state->room ? 2 * state->room : 16;
        struct pl_state_item *items = pl_resize(context, state->items, room, sizeof *items);
        if (!items)
            return NULL;
        state->items = items;
        state->room = room;
    }
    char *copy = pl_copy_text(context, name);
    if (!copy)
        return NULL;
    struct pl_state_item *item = &state->items[state->count++];
    *item = (struct pl_state_item){.name = copy};
    return item;
}

static bool same_dims(const struct pl_variable *variable, int rank, const int64_t *dims)
{
    return variable->rank == rank && memcmp(variable->dims, dims, (size_t)rank * sizeof *dims) == 0;
}

static enum pl_status refuse(struct pl_context *context, const char *name,
                             const struct pl_variable *variable, int rank, const int64_t *dims)
{
    struct pl_buffer have = {0}, want = {0};
    enum pl_status status = pl_shape_text(context, &have, variable->rank, variable->dims);
    if (!status)
        status = pl_shape_text(context, &want, rank, dims);
    if (!status)
        status = pl_fail(context, PL_BAD_DATA,
                         "state '%s' has shape %s where the model needs %s: it is another model's",
                         name, have.data, want.data);
    pl_buffer_release(&have);
    pl_buffer_release(&want);
    return status;
}

struct pl_variable *pl_state_get(struct pl_context *context, struct pl_state *state,
                                 const int64_t *dims, const char *format, ...)
{
    char name[NAME_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    int rank = 0;
    while (rank < PL_MAX_RANK && dims[rank] > 0)
        rank++;
    struct pl_state_item *item = find(state, name);
    if (item) {
        if (!same_dims(&item->variable, rank, dims)) {
            (void)refuse(context, name, &item->variable, rank, dims);
            return NULL;
        }
        return &item->variable;
    }
    item = append(context, state, name);
    if (!item)
        return NULL;
    struct pl_variable *variable = &item->variable;
    variable->rank = rank;
    memcpy(variable->dims, dims, (size_t)rank * sizeof *dims);
    if (!pl_shape_count(rank, dims, &variable->count)) {
        pl_fail(context, PL_SYSTEM, "out of memory: state '%s' is too large", name);
        return NULL;
    }
    variable->value = pl_new(context, (size_t)variable->count, sizeof *variable->value);
    return variable->value ? variable : NULL;
}

/* More memory for the rows of each sequence, which stay what they are. */
static enum pl_status widen(struct pl_context *context, struct pl_state *state,
                            struct pl_state_item *item, int64_t rows, int64_t width)
{
    int64_t room = item->room * 2 > rows ? item->room * 2 : rows, count;
    int64_t dims[] = {state->batch, room, width};
    if (!pl_shape_count(3, dims, &count))
        return pl_fail(context, PL_SYSTEM, "out of memory: state '%s' is too large", item->name);
    pl_real *value = pl_new(context, (size_t)count, sizeof *value);
    if (!value)
        return context->status;
    size_t used = (size_t)(item->variable.dims[1] * width) * sizeof *value;
    for (int64_t i = 0; used > 0 && i < state->batch; i++)
        memcpy(value + i * room * width, item->variable.value + i * item->room * width, used);
    free(item->variable.value);
    item->variable.value = value;
    item->room = room;
    return PL_OK;
}

struct pl_variable *pl_state_grow(struct pl_context *context, struct pl_state *state, int64_t rows,
                                  int64_t width, int64_t *room, const char *format, ...)
{
    char name[NAME_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    struct pl_state_item *item = find(state, name);
    if (!item) {
        item = append(context, state, name);
        if (!item)
            return NULL;
        item->variable.rank = 3;
        item->variable.dims[0] = state->batch;
        item->variable.dims[2] = width;
    }
    const int64_t expected[] = {state->batch, state->position, width};
    if (!same_dims(&item->variable, 3, expected)) {
        (void)refuse(context, name, &item->variable, 3, expected);
        return NULL;
    }
    if (rows > item->room && widen(context, state, item, rows, width))
        return NULL;
    item->variable.dims[1] = rows;
    item->variable.count = state->batch * rows * width;
    *room = item->room;
    return &item->variable;
}

void pl_state_release(struct pl_state *state)
{
    for (size_t i = 0; i < state->count; i++) {
        free((void *)(uintptr_t)state->items[i].name);
        free(state->items[i].variable.value);
    }
    free(state->items);
    *state = (struct pl_state){0};
}
