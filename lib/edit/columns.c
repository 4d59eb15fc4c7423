/* The columns of a series that are kept.
 * SPDX-License-Identifier: MIT */
#include "edit/columns.h"

#include <string.h>

static bool ends_in_levels(const char *name)
{
    size_t size = strlen(name);
    return size > 7 && strcmp(name + size - 7, ".levels") == 0;
}

/* The past that a forecast brings along, with rows of its own. */
static bool is_history(const char *name)
{
    return strncmp(name, "history.", 8) == 0;
}

bool pl_columns_has_rows(const char *name)
{
    return strcmp(name, "series.names") != 0 && !ends_in_levels(name) && !is_history(name);
}

/* The tensors that make a series; their names are the schema's. */
static bool is_part(const char *name)
{
    static const char *const parts[] = {"values", "time", "id", "id.levels", "series.names"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcmp(name, parts[i]) == 0)
            return true;
    return false;
}

enum pl_status pl_renames_apply(struct pl_context *context, const struct pl_renames *renames,
                                const char *name, char out[PL_NAME_MAX + 1])
{
    bool matched = false;
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < renames->count && status == PL_OK && !matched; i++)
        status = pl_rename_apply(context, &renames->items[i], name, out, &matched);
    if (status == PL_OK && !matched)
        memcpy(out, name, strlen(name) + 1);
    return status;
}

enum pl_status pl_columns_rename(struct pl_context *context, const struct pl_renames *renames,
                                 const char *name, char out[PL_NAME_MAX + 1])
{
    char column[PL_NAME_MAX + 1], renamed[PL_NAME_MAX + 1];
    size_t size = strlen(name);
    if (is_part(name)) {
        memcpy(out, name, size + 1);
        return PL_OK;
    }
    if (!ends_in_levels(name))
        return pl_renames_apply(context, renames, name, out);
    memcpy(column, name, size - 7);
    column[size - 7] = '\0';
    enum pl_status status = pl_renames_apply(context, renames, column, renamed);
    if (status != PL_OK)
        return status;
    size = strlen(renamed);
    if (size + 7 > PL_NAME_MAX)
        return pl_fail(context, PL_BAD_DATA, "the new name of '%s' is longer than %d bytes", name,
                       PL_NAME_MAX);
    memcpy(out, renamed, size);
    memcpy(out + size, ".levels", 8);
    return PL_OK;
}

/* Do the including patterns name columns? */
static bool name_columns(struct pl_patterns *patterns, const struct pl_names *names)
{
    for (size_t i = 0; i < patterns->count; i++)
        for (int64_t j = 0; j < names->count && !patterns->items[i].exclude; j++)
            if (pl_glob_match(patterns->items[i].glob, names->items[j]))
                return true;
    return patterns->including == 0;
}

enum pl_status pl_columns_decide(struct pl_context *context, struct pl_columns *columns,
                                 struct pl_patterns *patterns, const void *names, size_t size)
{
    *columns = (struct pl_columns){0};
    int64_t bytes = (int64_t)size;
    struct pl_tensor tensor = pl_tensor_view(PL_U8, 1, &bytes, (void *)(uintptr_t)names);
    enum pl_status status = PL_OK;
    if (size > 0)
        status =
            pl_names_unpack(context, &columns->arena, &tensor, "series.names", &columns->names);
    if (status != PL_OK)
        return status;
    columns->bare = !name_columns(patterns, &columns->names);
    columns->picks = pl_arena_new(context, &columns->arena, (size_t)columns->names.count,
                                  sizeof *columns->picks);
    if (!columns->picks)
        return PL_SYSTEM;
    for (int64_t i = 0; i < columns->names.count; i++)
        if (columns->bare || pl_patterns_keep(patterns, columns->names.items[i]))
            columns->picks[columns->count++] = i;
    if (columns->count == 0 && columns->names.count > 0 && !pl_patterns_drop(patterns, "values"))
        return pl_fail(context, PL_BAD_DATA,
                       "no column of the series is left; --drop values drops them all");
    return PL_OK;
}

void pl_columns_release(struct pl_columns *columns)
{
    pl_arena_release(&columns->arena);
    *columns = (struct pl_columns){0};
}

bool pl_columns_keep(const struct pl_columns *columns, struct pl_patterns *patterns,
                     const char *name)
{
    char column[PL_NAME_MAX + 1]; /* levels go with theirs */
    size_t size = strlen(name) - (ends_in_levels(name) ? 7 : 0);
    memcpy(column, name, size);
    column[size] = '\0';
    bool keep = pl_patterns_keep(patterns, name); /* marks the pattern as used */
    keep = pl_patterns_keep(patterns, column) || keep;
    if (columns->bare)
        return keep;
    if (pl_patterns_drop(patterns, name) || pl_patterns_drop(patterns, column))
        return false;
    /* The columns of a history would not be those of the rest any more. */
    return is_part(name) || (keep && !is_history(name));
}

/* Renaming must not make two columns one. */
static enum pl_status check_distinct(struct pl_context *context, const struct pl_tensor *tensor)
{
    struct pl_arena arena = {0};
    struct pl_names names = {0};
    struct pl_name_index index;
    enum pl_status status = PL_OK;
    if (tensor->dims[0] > 0)
        status = pl_names_unpack(context, &arena, tensor, "series.names", &names);
    if (status == PL_OK)
        status = pl_name_index_make(context, &arena, &names, &index);
    for (int64_t i = 1; i < names.count && status == PL_OK; i++) {
        const char *name = names.items[index.order[i]];
        if (strcmp(name, names.items[index.order[i - 1]]) == 0)
            status = pl_fail(context, PL_BAD_DATA, "two columns would be named '%s'", name);
    }
    pl_arena_release(&arena);
    return status;
}

enum pl_status pl_columns_names(struct pl_context *context, const struct pl_columns *columns,
                                const struct pl_renames *renames, struct pl_tensor *tensor)
{
    struct pl_buffer names = {0};
    enum pl_status status = PL_OK;
    *tensor = (struct pl_tensor){0};
    for (int64_t i = 0; i < columns->count && status == PL_OK; i++) {
        const char *name = columns->names.items[columns->picks[i]];
        char renamed[PL_NAME_MAX + 1];
        if (i > 0)
            status = pl_buffer_append(context, &names, "", 1);
        /* A column's name may be longer than a tensor's; then no rule can match it. */
        bool fits = strlen(name) <= PL_NAME_MAX;
        if (status == PL_OK && fits)
            status = pl_renames_apply(context, renames, name, renamed);
        if (status == PL_OK)
            status = pl_buffer_text(context, &names, fits ? renamed : name);
    }
    int64_t size = (int64_t)names.size;
    if (status == PL_OK)
        status = pl_tensor_init(context, tensor, PL_U8, 1, &size);
    if (status == PL_OK && size > 0)
        memcpy(tensor->data, names.data, names.size);
    if (status == PL_OK && renames->count > 0)
        status = check_distinct(context, tensor);
    pl_buffer_release(&names);
    return status;
}
