/* Configuration files: YAML maps of option names.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/meta.h"
#include "base/number.h"
#include "base/text.h"
#include "cli/settings.h"

#define CONFIG_MAX (1 << 20)

static enum pl_status fail_node(struct pl_context *context, const char *path,
                                const struct pl_meta_node *node)
{
    return pl_fail_at(context, "%s:%d:%d", path, node->line, node->column);
}

static enum pl_status set_scalar(struct pl_context *context, struct pl_settings *settings,
                                 struct pl_entry *entry, const struct pl_meta_node *node)
{
    const char *text;

    if (node->kind != PL_META_SCALAR)
        return pl_fail(context, PL_USAGE, "%s: must be a single value", entry->option->name);
    if (strlen(node->text) != node->text_size)
        return pl_fail(context, PL_USAGE, "%s: holds a NUL byte", entry->option->name);
    text = pl_arena_text(context, &settings->arena, node->text, node->text_size);
    if (text == NULL)
        return context->status;
    return pl_settings_set(context, settings, entry, entry->option->name, text);
}

/* The setting of a model: kept as KEY=VALUE. */
static enum pl_status set_extra(struct pl_context *context, struct pl_settings *settings,
                                const struct pl_meta_node *node)
{
    size_t key = strlen(node->key);
    char *text;

    if (node->kind != PL_META_SCALAR || strlen(node->text) != node->text_size)
        return pl_fail(context, PL_USAGE, "%s: must be a single value", node->key);
    text = pl_arena_new(context, &settings->arena, key + node->text_size + 2, 1);
    if (text == NULL)
        return context->status;
    memcpy(text, node->key, key);
    text[key] = '=';
    memcpy(text + key + 1, node->text, node->text_size);
    return pl_settings_extra(context, settings, text);
}

static enum pl_status set_key(struct pl_context *context, struct pl_settings *settings,
                              const char *path, const struct pl_meta_node *node, bool section)
{
    struct pl_entry *entry = pl_settings_key(settings, node->key, strlen(node->key));
    const struct pl_meta_node *item = node;
    enum pl_status status = PL_OK;

    if (entry == NULL) {
        status = pl_settings_is_extra(settings, node->key, strlen(node->key))
                     ? set_extra(context, settings, node)
                     : pl_settings_unknown(context, settings, node->key, strlen(node->key));
        return status == PL_OK ? PL_OK : fail_node(context, path, node);
    }
    if (entry->unused && !section) /* meant for the other tools that read this file */
        return PL_OK;
    if (entry->unused) {
        pl_fail(context, PL_USAGE, "%s has no effect here", node->key);
        return fail_node(context, path, node);
    }
    if (node->kind != PL_META_LIST || entry->option->type != PL_OPTION_LIST) {
        status = set_scalar(context, settings, entry, node);
    } else {
        for (item = node->child; status == PL_OK && item != NULL; item = item->next) {
            status = set_scalar(context, settings, entry, item);
            if (status != PL_OK)
                break;
        }
    }
    return status == PL_OK ? PL_OK : fail_node(context, path, item);
}

static enum pl_status set_keys(struct pl_context *context, struct pl_settings *settings,
                               const char *path, const struct pl_meta_node *map, bool section)
{
    enum pl_status status = PL_OK;

    settings->source++;
    for (const struct pl_meta_node *node = map->child; status == PL_OK && node != NULL;
         node = node->next)
        if (node->kind != PL_META_MAP || section)
            status = set_key(context, settings, path, node, section);
    return status;
}

/* Sections have the names of tools; a map under an option's name is a mistake. */
static enum pl_status check_sections(struct pl_context *context, struct pl_settings *settings,
                                     const char *path, const struct pl_meta_node *map)
{
    for (const struct pl_meta_node *node = map->child; node != NULL; node = node->next) {
        if (node->kind != PL_META_MAP)
            continue;
        if (pl_settings_key(settings, node->key, strlen(node->key)) != NULL)
            pl_fail(context, PL_USAGE, "%s: must be a single value", node->key);
        else if (strchr(node->key, '-') == NULL)
            pl_settings_unknown(context, settings, node->key, strlen(node->key));
        else
            continue;
        return fail_node(context, path, node);
    }
    return PL_OK;
}

enum pl_status pl_config_load(struct pl_context *context, struct pl_settings *settings,
                              const char *path)
{
    struct pl_meta meta = {.root = NULL};
    const struct pl_meta_node *section;
    char *bytes = NULL;
    size_t size;
    enum pl_status status = pl_file_load(context, path, CONFIG_MAX, &bytes, &size);

    if (status == PL_OK)
        status = pl_meta_parse(context, &meta, path, bytes, size);
    if (status != PL_OK || meta.root == NULL || meta.root->kind == PL_META_NULL)
        goto done;
    if (meta.root->kind != PL_META_MAP) {
        pl_fail(context, PL_USAGE, "a configuration must be a map of option names");
        status = fail_node(context, path, meta.root);
        goto done;
    }
    status = check_sections(context, settings, path, meta.root);
    if (status == PL_OK)
        status = set_keys(context, settings, path, meta.root, false);
    for (section = meta.root->child; section != NULL; section = section->next)
        if (strcmp(section->key, settings->tool->name) == 0)
            break;
    if (status == PL_OK && section != NULL && section->kind == PL_META_MAP)
        status = set_keys(context, settings, path, section, true);
done:
    if (status == PL_BAD_DATA) /* a wrong configuration is wrong usage, not wrong data */
        status = context->status = PL_USAGE;
    pl_meta_release(&meta);
    free(bytes);
    return status;
}

static bool has_effect(const struct pl_settings *settings, const struct pl_entry *entry)
{
    const struct pl_tool *tool = settings->tool;
    struct pl_context quiet = {.status = PL_OK};

    return entry->shared || tool->refuse == NULL ||
           tool->refuse(&quiet, settings->command, entry->option->name) == PL_OK;
}

static void print_extras(struct pl_context *context, const struct pl_settings *settings,
                         struct pl_meta *meta)
{
    const struct pl_list *list = pl_settings_extras(settings);

    for (size_t i = 0; i < list->count; i++) {
        const char *value = strchr(list->items[i], '=') + 1;
        char *key = pl_arena_text(context, &meta->arena, list->items[i],
                                  (size_t)(value - 1 - list->items[i]));
        if (key != NULL)
            pl_meta_add_scalar(context, meta, meta->root, key, value, strlen(value), false);
    }
}

/* The document would hold something else in place of bytes that are not UTF-8. */
static enum pl_status check_text(struct pl_context *context, const char *name, const char *text)
{
    const size_t size = strlen(text);
    if (pl_utf8_valid(text, size) == size)
        return PL_OK;
    return pl_fail(context, PL_USAGE, "--%s: not UTF-8, which a configuration file cannot hold",
                   name);
}

static enum pl_status check_texts(struct pl_context *context, const struct pl_option *option,
                                  const void *fields)
{
    const void *field = (const char *)fields + option->offset;
    const struct pl_list *list = field;
    enum pl_status status = PL_OK;

    if (option->type == PL_OPTION_TEXT && *(const char *const *)field != NULL)
        return check_text(context, option->name, *(const char *const *)field);
    for (size_t i = 0; option->type == PL_OPTION_LIST && status == PL_OK && i < list->count; i++)
        status = check_text(context, option->name, list->items[i]);
    return status;
}

enum pl_status pl_config_print(struct pl_context *context, const struct pl_settings *settings,
                               FILE *out)
{
    struct pl_meta meta = {.root = NULL};
    struct pl_buffer text = {NULL, 0, 0};
    enum pl_status status;

    meta.root = pl_meta_add_map(context, &meta, NULL, NULL);
    for (size_t i = 0; meta.root != NULL && i < settings->count; i++) {
        const struct pl_entry *entry = &settings->entries[i];
        bool has_value = entry->source > 0 || entry->option->initial != NULL ||
                         entry->option->type == PL_OPTION_FLAG;
        if (!entry->key || entry->unused || !has_value || !has_effect(settings, entry))
            continue;
        status = check_texts(context, entry->option, entry->fields);
        if (status != PL_OK)
            goto done;
        pl_option_write(context, entry->option, entry->fields, &meta, meta.root);
    }
    if (settings->tool->settings != NULL) {
        status = check_texts(context, settings->tool->settings, settings->command);
        if (status != PL_OK)
            goto done;
    }
    if (meta.root != NULL && settings->tool->settings != NULL)
        print_extras(context, settings, &meta);
    if (pl_meta_ok(&meta, context))
        status = pl_meta_write(context, meta.root, &text);
    else
        status = context->status;
    if (status == PL_OK)
        fwrite(text.data, 1, text.size, out);
done:
    pl_buffer_release(&text);
    pl_meta_release(&meta);
    return status;
}
