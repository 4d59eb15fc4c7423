/* A permutation specification beside the models it is for: everything that does not fit, at once.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "models/model_stream.h"
#include "weights/permutation_spec.h"

/* What is being checked, and what was found so far. */
struct lint {
    struct pl_context *context;
    struct pl_permutation_spec *spec;
    const struct pl_bundle *const *models;
    size_t count;
    struct pl_buffer list; /* of all misses */
    const char **first;    /* [groups] the tensor that set the group's size */
    enum pl_status status;
};

static void miss(struct lint *lint, const char *format, ...) PL_PRINTF(2, 3);
static void miss(struct lint *lint, const char *format, ...)
{
    char text[PL_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!lint->status)
        lint->status =
            pl_buffer_printf(lint->context, &lint->list, "%s%s", lint->list.size ? "; " : "", text);
}

static void check_group(struct lint *lint, const struct pl_spec_tensor *tensor, int axis,
                        int64_t length)
{
    const struct pl_spec_axis *place = &tensor->axes[axis];
    struct pl_spec_group *group = &lint->spec->groups[place->group];
    for (int k = 0; k < axis; k++) {
        const int64_t other = tensor->axes[k].group;
        if (other == place->group)
            miss(lint, "'%s' has group '%s' on axes %d and %d", tensor->name, group->name, k, axis);
        else if (other >= 0 && group->heads >= 0 && lint->spec->groups[other].heads == group->heads)
            miss(lint, "'%s' has groups '%s' and '%s' of the same heads on axes %d and %d",
                 tensor->name, lint->spec->groups[other].name, group->name, k, axis);
    }
    if (length % place->width) {
        miss(lint, "'%s': axis %d of %lld is no multiple of %lld places", tensor->name, axis,
             (long long)length, (long long)place->width);
        return;
    }
    int64_t size = length / place->width;
    const char **first = &lint->first[place->group];
    if (!*first) {
        *first = tensor->name;
        group->size = size;
    } else if (group->size != size) {
        miss(lint, "group '%s' has %lld units in '%s' and %lld in '%s'", group->name,
             (long long)group->size, *first, (long long)size, tensor->name);
    }
}

static bool same_shape(const struct pl_tensor *a, const struct pl_tensor *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

static void check_shapes(struct lint *lint, const char *name, const struct pl_tensor *tensor)
{
    for (size_t m = 1; m < lint->count; m++) {
        const struct pl_tensor *other = pl_bundle_tensor(lint->models[m], name);
        struct pl_buffer a = {0}, b = {0};
        if (!other) {
            miss(lint, "'%s' is not in %s", name, lint->models[m]->source);
        } else if (!same_shape(tensor, other)) {
            if (!pl_shape_text(lint->context, &a, tensor->rank, tensor->dims) &&
                !pl_shape_text(lint->context, &b, other->rank, other->dims))
                miss(lint, "'%s' is %s in %s and %s in %s", name, a.data, lint->models[0]->source,
                     b.data, lint->models[m]->source);
        } else if (!pl_dtype_is_float(other->dtype)) {
            miss(lint, "'%s' of %s holds no float numbers", name, lint->models[m]->source);
        }
        pl_buffer_release(&a);
        pl_buffer_release(&b);
    }
}

static void check_tensor(struct lint *lint, const struct pl_spec_tensor *place)
{
    const struct pl_tensor *tensor = pl_bundle_tensor(lint->models[0], place->name);
    if (!tensor) {
        miss(lint, "'%s' is not in %s", place->name, lint->models[0]->source);
        return;
    }
    if (pl_model_role(place->name) != PL_ROLE_WEIGHT)
        miss(lint, "'%s' is no weight of the model", place->name);
    if (!pl_dtype_is_float(tensor->dtype))
        miss(lint, "'%s' holds no float numbers", place->name);
    if (tensor->rank != place->rank)
        miss(lint, "'%s' has %d axes, the specification %d", place->name, tensor->rank,
             place->rank);
    for (int k = 0; k < place->rank && tensor->rank == place->rank; k++)
        if (place->axes[k].group >= 0)
            check_group(lint, place, k, tensor->dims[k]);
    check_shapes(lint, place->name, tensor);
}

/* The width of a head in one of its groups. */
static int64_t head_width(struct lint *lint, const struct pl_spec_heads *heads,
                          enum pl_heads_group which)
{
    const bool queries = which == PL_HEADS_Q || which == PL_HEADS_O;
    const struct pl_spec_group *group = &lint->spec->groups[heads->groups[which]];
    const int64_t count = queries ? heads->heads : heads->kv_heads;
    if (group->size % count)
        miss(lint, "group '%s' of %lld units has no %lld heads", group->name,
             (long long)group->size, (long long)count);
    return group->size / count;
}

static void check_widths(struct lint *lint, const struct pl_spec_heads *heads,
                         enum pl_heads_group a, enum pl_heads_group b)
{
    const int64_t of_a = head_width(lint, heads, a), of_b = head_width(lint, heads, b);
    if (of_a != of_b)
        miss(lint, "heads of '%s' and '%s' differ in width: %lld and %lld",
             lint->spec->groups[heads->groups[a]].name, lint->spec->groups[heads->groups[b]].name,
             (long long)of_a, (long long)of_b);
}

/* One of the groups that need not be there. */
static void check_size(struct lint *lint, const struct pl_spec_heads *heads,
                       enum pl_heads_group which, int64_t size, const char *each)
{
    if (heads->groups[which] < 0)
        return;
    const struct pl_spec_group *group = &lint->spec->groups[heads->groups[which]];
    if (group->size != size)
        miss(lint, "group '%s' has %lld units, expected one for each of %lld %s", group->name,
             (long long)group->size, (long long)size, each);
}

static void check_heads(struct lint *lint, const struct pl_spec_heads *heads)
{
    const int64_t values = lint->spec->groups[heads->groups[PL_HEADS_V]].size / heads->kv_heads;
    check_widths(lint, heads, PL_HEADS_Q, PL_HEADS_K);
    check_widths(lint, heads, PL_HEADS_V, PL_HEADS_O);
    check_size(lint, heads, PL_HEADS_HEAD, heads->kv_heads, "heads of keys and values");
    check_size(lint, heads, PL_HEADS_VALUE, values, "channels of a head's values");
}

/* A norm that is left behind breaks the function silently. */
static void check_coverage(struct lint *lint, const struct pl_bundle *model)
{
    struct pl_buffer names = {0};
    for (size_t i = 0; i < model->tensor_count && !lint->status; i++) {
        const struct pl_bundle_tensor *tensor = &model->tensors[i];
        if (pl_dtype_is_float(tensor->tensor.dtype) &&
            pl_model_role(tensor->name) == PL_ROLE_WEIGHT &&
            pl_spec_find_tensor(lint->spec, tensor->name) < 0)
            lint->status = pl_buffer_printf(lint->context, &names, "%s'%s'", names.size ? ", " : "",
                                            tensor->name);
    }
    if (names.size)
        miss(lint, "not in the specification: %s of %s", names.data, model->source);
    pl_buffer_release(&names);
}

enum pl_status pl_spec_lint(struct pl_context *context, struct pl_permutation_spec *spec,
                            const struct pl_bundle *const *models, size_t count, bool unlisted)
{
    struct lint lint = {.context = context, .spec = spec, .models = models, .count = count};
    lint.first = pl_arena_new(context, &spec->arena, spec->group_count, sizeof *lint.first);
    if (!lint.first)
        return context->status;
    for (size_t i = 0; i < spec->tensor_count; i++)
        check_tensor(&lint, &spec->tensors[i]);
    if (!lint.list.size)
        for (size_t i = 0; i < spec->heads_count; i++)
            check_heads(&lint, &spec->heads[i]);
    for (size_t m = 0; m < count && !unlisted; m++)
        check_coverage(&lint, models[m]);
    if (!lint.status && lint.list.size)
        lint.status = pl_fail(context, PL_BAD_DATA, "%s", lint.list.data);
    pl_buffer_release(&lint.list);
    return lint.status;
}
