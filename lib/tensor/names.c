/* Lists of names, and finding one among many.
 * SPDX-License-Identifier: MIT */
#include "tensor/names.h"

#include <stdlib.h>
#include <string.h>

enum pl_status pl_names_parse(struct pl_context *context, struct pl_arena *arena, const char *text,
                              struct pl_names *names)
{
    size_t count = 1;
    for (const char *c = text; *c; c++)
        count += *c == ',';
    const char **items = pl_arena_new(context, arena, count, sizeof *items);
    if (!items)
        return context->status;
    for (size_t i = 0; i < count; i++) {
        size_t size = strcspn(text, ",");
        if (size == 0)
            return pl_fail(context, PL_USAGE, "empty name in a list of columns");
        items[i] = pl_arena_text(context, arena, text, size);
        if (!items[i])
            return context->status;
        text += size + 1;
    }
    *names = (struct pl_names){items, (int64_t)count};
    return PL_OK;
}

enum pl_status pl_names_unpack(struct pl_context *context, struct pl_arena *arena,
                               const struct pl_tensor *tensor, const char *what,
                               struct pl_names *names)
{
    if (tensor->dtype != PL_U8 || tensor->rank != 1)
        return pl_fail(context, PL_BAD_DATA, "'%s' is not a u8 tensor of rank 1", what);
    size_t size = (size_t)tensor->dims[0];
    const char *bytes = tensor->data;
    size_t count = size > 0;
    for (size_t i = 0; i + 1 < size; i++)
        count += bytes[i] == '\0';
    const char **items = pl_arena_new(context, arena, count, sizeof *items);
    const char *text = pl_arena_text(context, arena, bytes, size);
    if (!items || !text)
        return context->status;
    for (size_t i = 0; i < count; i++) {
        items[i] = text;
        text += strlen(text) + 1;
    }
    *names = (struct pl_names){items, (int64_t)count};
    return PL_OK;
}

enum pl_status pl_names_pack(struct pl_context *context, const struct pl_names *names,
                             struct pl_tensor *tensor)
{
    int64_t size = 0;
    for (int64_t i = 0; i < names->count; i++)
        size += (int64_t)strlen(names->items[i]) + 1;
    if (pl_tensor_init(context, tensor, PL_U8, 1, &size))
        return context->status;
    char *out = tensor->data;
    for (int64_t i = 0; i < names->count; i++)
        out = stpcpy(out, names->items[i]) + 1;
    return PL_OK;
}

static int compare(const void *a, const void *b, void *user)
{
    const char *const *items = user;
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    int order = strcmp(items[i], items[j]);
    return order ? order : (i > j) - (i < j);
}

enum pl_status pl_name_index_make(struct pl_context *context, struct pl_arena *arena,
                                  const struct pl_names *names, struct pl_name_index *index)
{
    index->names = *names;
    index->order = pl_arena_new(context, arena, (size_t)names->count, sizeof *index->order);
    if (!index->order)
        return context->status;
    for (int64_t i = 0; i < names->count; i++)
        index->order[i] = i;
    qsort_r(index->order, (size_t)names->count, sizeof *index->order, compare,
            (void *)(uintptr_t)names->items);
    return PL_OK;
}

int64_t pl_name_find(const struct pl_name_index *index, const char *name)
{
    int64_t low = 0, high = index->names.count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (strcmp(index->names.items[index->order[middle]], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == index->names.count || strcmp(index->names.items[index->order[low]], name) != 0)
        return -1;
    return index->order[low];
}
