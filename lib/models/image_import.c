/* A classifier of pictures made of the weights of another program: see image_import.h.
 * SPDX-License-Identifier: MIT */
#include "models/image_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/model_stream.h"

enum { GUESSES = 16 }; /* more than any kind makes */

/* ---- Names ------------------------------------------------------------------------------- */

/* How many batches a norm has seen: other programs count, for averages that do not forget. */
static bool is_counter(const char *name)
{
    static const char end[] = ".num_batches_tracked";
    size_t size = strlen(name);
    return size >= sizeof end && strcmp(name + size - (sizeof end - 1), end) == 0;
}

/* The tensors of a bundle but for counters; they stay the bundle's. */
static enum pl_status leave_counters(struct pl_context *context, const struct pl_bundle *bundle,
                                     struct pl_arena *arena, struct pl_bundle *rest)
{
    *rest = (struct pl_bundle){.source = bundle->source};
    rest->tensors = pl_arena_new(context, arena, bundle->tensor_count, sizeof *rest->tensors);
    for (size_t i = 0; rest->tensors && i < bundle->tensor_count; i++)
        if (!is_counter(bundle->tensors[i].name))
            rest->tensors[rest->tensor_count++] = bundle->tensors[i];
    return rest->tensors ? PL_OK : context->status;
}

/* A layer as the file has it: NAME.weight. */
struct stem {
    const char *name; /* not ended */
    int size, rank;
};

static int compare_stems(const void *a, const void *b)
{
    char first[PL_NAME_MAX + 1], second[PL_NAME_MAX + 1];
    const struct stem *x = a, *y = b;
    snprintf(first, sizeof first, "%.*s", x->size, x->name);
    snprintf(second, sizeof second, "%.*s", y->size, y->name);
    return strverscmp(first, second);
}

/* Whether the tensor is NAME.something of the stem. */
static bool is_of(const struct stem *stem, const char *name)
{
    return strncmp(name, stem->name, (size_t)stem->size) == 0 && name[stem->size] == '.' &&
           !strchr(name + stem->size + 1, '.');
}

static size_t find_stems(const struct pl_bundle *bundle, struct stem *stems)
{
    static const char end[] = ".weight";
    size_t count = 0;
    for (size_t i = 0; i < bundle->tensor_count; i++) {
        const char *name = bundle->tensors[i].name;
        size_t size = strlen(name);
        if (size >= sizeof end && strcmp(name + size - (sizeof end - 1), end) == 0)
            stems[count++] =
                (struct stem){name, (int)(size - (sizeof end - 1)), bundle->tensors[i].tensor.rank};
    }
    qsort(stems, count, sizeof *stems, compare_stems);
    return count;
}

/* The type's word for a layer whose weights have that rank; NULL: it has none. */
static const char *word_of(const struct pl_image_kind *kind, int rank)
{
    return rank == 4 ? kind->convolution : rank == 2 ? kind->dense : rank == 1 ? kind->norm : NULL;
}

static enum pl_status rename_layer(struct pl_context *context, struct pl_bundle *bundle,
                                   struct pl_arena *arena, const struct stem *stem,
                                   const char *word, int number)
{
    const char *old = stem->name; /* the tensor that it points into is renamed, too */
    for (size_t i = 0; i < bundle->tensor_count; i++) {
        const char *name = bundle->tensors[i].name;
        if (!is_of(&(struct stem){old, stem->size, 0}, name))
            continue;
        char fresh[PL_NAME_MAX + 1];
        int size = snprintf(fresh, sizeof fresh, "%s%d%s", word, number, name + stem->size);
        bundle->tensors[i].name = pl_arena_text(context, arena, fresh, (size_t)size);
        if (!bundle->tensors[i].name)
            return context->status;
    }
    return PL_OK;
}

/* Gives the layers the type's names, by rank and order. */
static enum pl_status rename_layers(struct pl_context *context, const struct pl_image_kind *kind,
                                    struct pl_bundle *bundle, struct pl_arena *arena)
{
    struct stem *stems = pl_arena_new(context, arena, bundle->tensor_count, sizeof *stems);
    int numbers[PL_MAX_RANK + 1] = {0};
    if (!stems)
        return context->status;
    const size_t count = find_stems(bundle, stems);
    for (size_t i = 0; i < count; i++) {
        const char *word = word_of(kind, stems[i].rank);
        if (word && rename_layer(context, bundle, arena, &stems[i], word, numbers[stems[i].rank]++))
            return context->status;
    }
    return PL_OK;
}

/* Whether a tensor has a name of the type's: the first dense layer's. */
static bool is_named(const struct pl_image_kind *kind, const struct pl_bundle *bundle)
{
    char name[40];
    snprintf(name, sizeof name, "%s0.weight", kind->dense ? kind->dense : "");
    return !kind->dense || pl_bundle_tensor(bundle, name);
}

/* ---- The net ----------------------------------------------------------------------------- */

static enum pl_status init_from(struct pl_context *context, struct pl_image_net *net,
                                const struct pl_model_type *type, const char *const *settings,
                                size_t count, const struct pl_bundle *bundle,
                                struct pl_arena *arena)
{
    struct pl_image_weights weights = {.bundle = bundle, .arena = arena};
    weights.settings = pl_arena_new(context, arena, GUESSES + count, sizeof *weights.settings);
    if (!weights.settings)
        return context->status;
    if (type->image->guess(context, &weights))
        return pl_fail_at(context, "%s", bundle->source);
    for (size_t i = 0; i < count; i++)
        weights.settings[weights.count++] = settings[i];
    return pl_image_init(context, net, type, weights.settings, weights.count, NULL);
}

enum pl_status pl_image_import(struct pl_context *context, struct pl_image_net *net,
                               const struct pl_model_type *type, const char *const *settings,
                               size_t count, const struct pl_bundle *bundle)
{
    struct pl_arena arena = {0};
    struct pl_bundle rest;
    *net = (struct pl_image_net){0};
    enum pl_status status = leave_counters(context, bundle, &arena, &rest);
    if (!status && !is_named(type->image, &rest))
        status = rename_layers(context, type->image, &rest, &arena);
    if (!status)
        status = init_from(context, net, type, settings, count, &rest, &arena);
    if (!status && pl_parameters_read(context, &net->parameters, &rest, type->name))
        status = pl_fail_at(context, "%s", bundle->source);
    pl_arena_release(&arena);
    return status;
}
