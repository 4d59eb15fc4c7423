/* Recipes: see recipe.h.
 * SPDX-License-Identifier: MIT */
#include "train/recipe.h"

#include <string.h>

/* The row of the tool's table that an item of a recipe is about. */
static const struct pl_option *row_of(const struct pl_run *run, const char *item)
{
    return pl_option_find(run->tool->options, item);
}

enum pl_status pl_recipe_apply(struct pl_run *run, void *command, const char *const *recipe)
{
    for (; *recipe; recipe++) {
        const struct pl_option *option = row_of(run, *recipe);
        const char *value = strchr(*recipe, '=') + 1;
        if (*value && !pl_run_given(run, option->name) &&
            pl_option_set(&run->context, option, command, value))
            return run->context.status;
    }
    return PL_OK;
}

static bool is_set(const struct pl_option *option, const void *command)
{
    const char *field = (const char *)command + option->offset;
    switch (option->type) {
    case PL_OPTION_TEXT:
        return *(const char *const *)field != NULL;
    case PL_OPTION_CHOICE:
        return *(const int *)field >= 0;
    default:
        return true;
    }
}

void pl_recipe_write(struct pl_run *run, const void *command, const char *const *recipe,
                     struct pl_meta *meta, struct pl_meta_node *parent)
{
    struct pl_meta_node *map = pl_meta_add_map(&run->context, meta, parent, "options");
    for (; *recipe; recipe++) {
        const struct pl_option *option = row_of(run, *recipe);
        if (is_set(option, command))
            pl_option_write(&run->context, option, command, meta, map);
    }
}

/* Compares a value that was given with what is recorded, both as they are written. */
static enum pl_status compare(struct pl_run *run, const void *command,
                              const struct pl_option *option, const struct pl_meta_node *recorded,
                              struct pl_buffer *list)
{
    struct pl_meta meta = {0};
    struct pl_meta_node *map = pl_meta_add_map(&run->context, &meta, NULL, NULL);
    pl_option_write(&run->context, option, command, &meta, map);
    enum pl_status status = pl_meta_ok(&meta, &run->context) ? PL_OK : run->context.status;
    const char *was = recorded ? recorded->text : "not given";
    if (!status && (!recorded || strcmp(map->child->text, was) != 0))
        status = pl_buffer_printf(&run->context, list, "%s--%s %s was %s", list->size ? ", " : "",
                                  option->name, map->child->text, was);
    pl_meta_release(&meta);
    return status;
}

enum pl_status pl_recipe_resume(struct pl_run *run, void *command, const char *const *recipe,
                                const struct pl_meta_node *options)
{
    struct pl_buffer list = {0};
    enum pl_status status = PL_OK;
    for (; *recipe && !status; recipe++) {
        const struct pl_option *option = row_of(run, *recipe);
        const struct pl_meta_node *recorded = pl_meta_find(options, option->name);
        if (recorded && recorded->kind != PL_META_SCALAR)
            status = pl_fail(&run->context, PL_BAD_DATA,
                             "meta model: training.options.%s: not a "
                             "value",
                             option->name);
        else if (pl_run_given(run, option->name))
            status = compare(run, command, option, recorded, &list);
        else if (recorded && pl_option_set(&run->context, option, command, recorded->text))
            status = run->context.status = PL_BAD_DATA; /* of whoever wrote the checkpoint */
    }
    if (!status && list.size)
        status = pl_fail(&run->context, PL_USAGE,
                         "the checkpoint is of a run with other options: %s", list.data);
    pl_buffer_release(&list);
    return status;
}
