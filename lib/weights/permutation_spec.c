/* Which axes of which tensors may be reordered together: made, read and written.
 * SPDX-License-Identifier: MIT */
#include "weights/permutation_spec.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "models/model_stream.h"

enum { LEAST_ROOM = 32, AXES_SIZE = 1024 };

void pl_spec_release(struct pl_permutation_spec *spec)
{
    pl_arena_release(&spec->arena);
    memset(spec, 0, sizeof *spec);
}

/* Room for one more item: a list that is full is copied into one of twice its size. */
static enum pl_status grow(struct pl_context *context, struct pl_arena *arena, void **list,
                           size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return PL_OK;
    size_t more = *room ? 2 * *room : LEAST_ROOM;
    void *larger = pl_arena_new(context, arena, more, size);
    if (!larger)
        return context->status;
    if (count)
        memcpy(larger, *list, count * size);
    *list = larger;
    *room = more;
    return PL_OK;
}

int64_t pl_spec_find_group(const struct pl_permutation_spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->group_count; i++)
        if (strcmp(spec->groups[i].name, name) == 0)
            return (int64_t)i;
    return -1;
}

int64_t pl_spec_find_tensor(const struct pl_permutation_spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->tensor_count; i++)
        if (strcmp(spec->tensors[i].name, name) == 0)
            return (int64_t)i;
    return -1;
}

static enum pl_status add_group(struct pl_context *context, struct pl_permutation_spec *spec,
                                const char *name, size_t size, int64_t *group)
{
    char *copy = pl_arena_text(context, &spec->arena, name, size);
    if (!copy)
        return context->status;
    *group = pl_spec_find_group(spec, copy);
    if (*group >= 0)
        return PL_OK;
    void *groups = spec->groups;
    if (grow(context, &spec->arena, &groups, spec->group_count, &spec->group_room,
             sizeof *spec->groups))
        return context->status;
    spec->groups = groups;
    *group = (int64_t)spec->group_count;
    spec->groups[spec->group_count++] = (struct pl_spec_group){.name = copy, .heads = -1};
    return PL_OK;
}

/* "~", "P_0" or "P_0*16" */
static enum pl_status read_axis(struct pl_context *context, struct pl_permutation_spec *spec,
                                const char *text, size_t size, struct pl_spec_axis *axis)
{
    const char *star = memchr(text, '*', size);
    size_t name = star ? (size_t)(star - text) : size;
    *axis = (struct pl_spec_axis){-1, 1};
    if (size == 1 && *text == '~')
        return PL_OK;
    if (name == 0 ||
        (star && (!pl_parse_int64(star + 1, size - name - 1, &axis->width) || axis->width < 1)))
        return pl_fail(context, PL_BAD_DATA, "'%.*s' is no axis: expected ~, GROUP or GROUP*WIDTH",
                       (int)size, text);
    return add_group(context, spec, text, name, &axis->group);
}

static enum pl_status add_tensor(struct pl_context *context, struct pl_permutation_spec *spec,
                                 const char *name, const char *axes)
{
    /* They follow, but do not choose. */
    struct pl_spec_tensor tensor = {.buffer = pl_model_is_statistic(name)};
    if (pl_spec_find_tensor(spec, name) >= 0)
        return pl_fail(context, PL_BAD_DATA, "tensor '%s' is there twice", name);
    tensor.name = pl_arena_text(context, &spec->arena, name, strlen(name));
    if (!tensor.name)
        return context->status;
    for (const char *at = axes; *at; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        if (tensor.rank == PL_MAX_RANK)
            return pl_fail(context, PL_BAD_DATA, "tensor '%s' has more than %d axes", name,
                           PL_MAX_RANK);
        if (read_axis(context, spec, at, size, &tensor.axes[tensor.rank++]))
            return pl_fail_at(context, "tensor '%s'", name);
        at += size;
    }
    void *tensors = spec->tensors;
    if (grow(context, &spec->arena, &tensors, spec->tensor_count, &spec->tensor_room,
             sizeof *spec->tensors))
        return context->status;
    spec->tensors = tensors;
    spec->tensors[spec->tensor_count++] = tensor;
    return PL_OK;
}

enum pl_status pl_spec_add(struct pl_context *context, struct pl_permutation_spec *spec,
                           const char *axes, const char *format, ...)
{
    char name[PL_NAME_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    return add_tensor(context, spec, name, axes);
}

enum pl_status pl_spec_add_heads(struct pl_context *context, struct pl_permutation_spec *spec,
                                 const char *const groups[PL_HEADS_GROUPS], int64_t heads,
                                 int64_t kv_heads, bool rotary)
{
    struct pl_spec_heads added = {.heads = heads, .kv_heads = kv_heads, .rotary = rotary};
    for (int i = 0; i < PL_HEADS_GROUPS; i++) {
        const int64_t found = groups[i] ? pl_spec_find_group(spec, groups[i]) : -1;
        added.groups[i] = found;
        if (!groups[i])
            continue;
        if (found < 0)
            return pl_fail(context, PL_BAD_DATA, "heads: no tensor has the group '%s'", groups[i]);
        if (spec->groups[found].heads >= 0)
            return pl_fail(context, PL_BAD_DATA, "heads: the group '%s' is there twice", groups[i]);
        spec->groups[found].heads = (int64_t)spec->heads_count;
    }
    if (heads < 1 || kv_heads < 1 || heads % kv_heads)
        return pl_fail(context, PL_BAD_DATA,
                       "heads of '%s': %lld heads cannot share %lld heads of keys and values",
                       groups[0], (long long)heads, (long long)kv_heads);
    void *list = spec->heads;
    if (grow(context, &spec->arena, &list, spec->heads_count, &spec->heads_room,
             sizeof *spec->heads))
        return context->status;
    spec->heads = list;
    spec->heads[spec->heads_count++] = added;
    return PL_OK;
}

/* ---- YAML -------------------------------------------------------------------------------- */

static const char *const heads_keys[PL_HEADS_GROUPS] = {"q", "k", "v", "o", "head", "value"};

static enum pl_status misplaced(struct pl_context *context, const struct pl_meta_node *node,
                                const char *expected)
{
    if (node->line)
        return pl_fail(context, PL_BAD_DATA, "line %d: %s%sexpected %s", node->line,
                       node->key ? node->key : "", node->key ? ": " : "", expected);
    return pl_fail(context, PL_BAD_DATA, "%s%sexpected %s", node->key ? node->key : "",
                   node->key ? ": " : "", expected);
}

static enum pl_status read_tensor(struct pl_context *context, struct pl_permutation_spec *spec,
                                  const struct pl_meta_node *node)
{
    char axes[AXES_SIZE];
    size_t size = 0;
    if (node->kind != PL_META_LIST)
        return misplaced(context, node, "a list with an entry for each axis");
    for (const struct pl_meta_node *axis = node->child; axis; axis = axis->next) {
        const char *text = axis->kind == PL_META_NULL ? "~" : axis->text;
        if (axis->kind != PL_META_NULL && axis->kind != PL_META_SCALAR)
            return misplaced(context, node, "~, GROUP or GROUP*WIDTH for each axis");
        if (strchr(text, ' ') || !*text || size + strlen(text) + 2 > sizeof axes)
            return misplaced(context, node, "names without blanks");
        size += (size_t)snprintf(axes + size, sizeof axes - size, "%s ", text);
    }
    axes[size] = '\0';
    return add_tensor(context, spec, node->key, axes);
}

static enum pl_status read_heads(struct pl_context *context, struct pl_permutation_spec *spec,
                                 const struct pl_meta_node *node)
{
    const char *groups[PL_HEADS_GROUPS] = {NULL};
    int64_t heads = 0, kv_heads = 0;
    bool rotary = false;
    if (node->kind != PL_META_MAP)
        return misplaced(context, node, "a map with q, k, v, o, n_head");
    for (int i = 0; i < PL_HEADS_GROUPS; i++) {
        if (pl_meta_text(context, node, heads_keys[i], &groups[i]))
            return pl_fail_at(context, "heads");
        if (!groups[i] && i < PL_HEADS_NEEDED)
            return pl_fail(context, PL_BAD_DATA, "heads: '%s' is missing", heads_keys[i]);
    }
    if (pl_meta_int(context, node, "n_head", &heads) ||
        pl_meta_int(context, node, "n_kv_head", &kv_heads) ||
        pl_meta_bool(context, node, "rotary", &rotary))
        return pl_fail_at(context, "heads");
    return pl_spec_add_heads(context, spec, groups, heads, kv_heads ? kv_heads : heads, rotary);
}

static enum pl_status read_buffer(struct pl_context *context, struct pl_permutation_spec *spec,
                                  const struct pl_meta_node *node)
{
    int64_t at = node->kind == PL_META_SCALAR ? pl_spec_find_tensor(spec, node->text) : -1;
    if (at < 0)
        return pl_fail(context, PL_BAD_DATA, "buffers: no tensor is named '%s'",
                       node->kind == PL_META_SCALAR ? node->text : "");
    spec->tensors[at].buffer = true;
    return PL_OK;
}

static enum pl_status read_section(struct pl_context *context, struct pl_permutation_spec *spec,
                                   const struct pl_meta_node *section,
                                   enum pl_status (*read)(struct pl_context *,
                                                          struct pl_permutation_spec *,
                                                          const struct pl_meta_node *))
{
    enum pl_status status = PL_OK;
    for (const struct pl_meta_node *node = section ? section->child : NULL; node && !status;
         node = node->next)
        status = read(context, spec, node);
    return status;
}

enum pl_status pl_spec_read(struct pl_context *context, struct pl_permutation_spec *spec,
                            const struct pl_meta_node *document)
{
    const struct pl_meta_node *tensors = pl_meta_find(document, "tensors");
    const struct pl_meta_node *heads = pl_meta_find(document, "heads");
    const struct pl_meta_node *buffers = pl_meta_find(document, "buffers");
    if (!tensors || tensors->kind != PL_META_MAP)
        return pl_fail(context, PL_BAD_DATA, "expected a map 'tensors'");
    if ((heads && heads->kind != PL_META_LIST) || (buffers && buffers->kind != PL_META_LIST))
        return pl_fail(context, PL_BAD_DATA, "'heads' and 'buffers' are lists");
    for (const struct pl_meta_node *node = document->child; node; node = node->next)
        if (node != tensors && node != heads && node != buffers)
            return pl_fail(context, PL_BAD_DATA,
                           "unknown key '%s': there is tensors, heads, buffers", node->key);
    enum pl_status status = read_section(context, spec, tensors, read_tensor);
    if (!status)
        status = read_section(context, spec, buffers, read_buffer);
    return status ? status : read_section(context, spec, heads, read_heads);
}

static void write_axes(struct pl_context *context, const struct pl_permutation_spec *spec,
                       const struct pl_spec_tensor *tensor, struct pl_meta *meta,
                       struct pl_meta_node *list)
{
    char text[PL_NAME_MAX + PL_NUMBER_SIZE];
    for (int k = 0; k < tensor->rank; k++) {
        const struct pl_spec_axis *axis = &tensor->axes[k];
        if (axis->group < 0) {
            pl_meta_add_null(context, meta, list, NULL);
            continue;
        }
        const char *name = spec->groups[axis->group].name;
        if (axis->width == 1)
            snprintf(text, sizeof text, "%s", name);
        else
            snprintf(text, sizeof text, "%s*%lld", name, (long long)axis->width);
        pl_meta_add_text(context, meta, list, NULL, text);
    }
}

static void write_heads(struct pl_context *context, const struct pl_permutation_spec *spec,
                        struct pl_meta *meta, struct pl_meta_node *list)
{
    for (size_t i = 0; i < spec->heads_count; i++) {
        const struct pl_spec_heads *heads = &spec->heads[i];
        struct pl_meta_node *map = pl_meta_add_map(context, meta, list, NULL);
        for (int g = 0; g < PL_HEADS_GROUPS; g++)
            if (heads->groups[g] >= 0)
                pl_meta_add_text(context, meta, map, heads_keys[g],
                                 spec->groups[heads->groups[g]].name);
        pl_meta_add_int(context, meta, map, "n_head", heads->heads);
        pl_meta_add_int(context, meta, map, "n_kv_head", heads->kv_heads);
        pl_meta_add_bool(context, meta, map, "rotary", heads->rotary);
    }
}

enum pl_status pl_spec_write(struct pl_context *context, const struct pl_permutation_spec *spec,
                             struct pl_meta *meta)
{
    struct pl_meta_node *root = pl_meta_add_map(context, meta, NULL, NULL);
    struct pl_meta_node *tensors = pl_meta_add_map(context, meta, root, "tensors"), *list = NULL;
    for (size_t i = 0; i < spec->tensor_count; i++)
        write_axes(context, spec, &spec->tensors[i], meta,
                   pl_meta_add_list(context, meta, tensors, spec->tensors[i].name));
    for (size_t i = 0; i < spec->tensor_count; i++) {
        if (!spec->tensors[i].buffer || pl_model_is_statistic(spec->tensors[i].name))
            continue;
        if (!list)
            list = pl_meta_add_list(context, meta, root, "buffers");
        pl_meta_add_text(context, meta, list, NULL, spec->tensors[i].name);
    }
    if (spec->heads_count)
        write_heads(context, spec, meta, pl_meta_add_list(context, meta, root, "heads"));
    return pl_meta_ok(meta, context) ? PL_OK : context->status;
}
