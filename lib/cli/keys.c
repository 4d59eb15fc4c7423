/* What the keys of --set and of configuration files stand for.
 * SPDX-License-Identifier: MIT
 *
 * A key is the long name of an option.  A tool that makes models takes further keys, the settings
 * of its models; they are kept as KEY=VALUE, one item a key, for the model to judge. */
#include <string.h>

#include "cli/settings.h"

enum { KEY_MAX = 48 }; /* longer keys are never typing errors */

struct pl_entry *pl_settings_key(struct pl_settings *settings, const char *name, size_t size)
{
    for (size_t i = 0; i < settings->count; i++) {
        struct pl_entry *entry = &settings->entries[i];
        if (entry->key && strlen(entry->option->name) == size &&
            memcmp(entry->option->name, name, size) == 0)
            return entry;
    }
    return NULL;
}

/* Letters to insert, delete or replace to get from one to the other (Levenshtein). */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t row[KEY_MAX + 1];
    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t above = row[j], least = corner + (a[i - 1] != b[j - 1]);
            least = above + 1 < least ? above + 1 : least;
            row[j] = row[j - 1] + 1 < least ? row[j - 1] + 1 : least;
            corner = above;
        }
    }
    return row[b_size];
}

/* The nearest so far: at most two letters off, and less than half of them. */
struct nearest {
    const char *key, *name;
    size_t size, distance;
};

static void consider(struct nearest *nearest, const char *name)
{
    size_t size = strlen(name);
    if (size > KEY_MAX)
        return;
    size_t letters = distance(nearest->key, nearest->size, name, size);
    if (letters < nearest->distance && 2 * letters < size) {
        nearest->name = name;
        nearest->distance = letters;
    }
}

enum pl_status pl_settings_unknown(struct pl_context *context, const struct pl_settings *settings,
                                   const char *key, size_t size)
{
    struct nearest nearest = {.key = key, .size = size, .distance = 3};
    const struct pl_tool *tool = settings->tool;
    for (size_t i = 0; size <= KEY_MAX && i < settings->count; i++)
        if (settings->entries[i].key && !settings->entries[i].unused)
            consider(&nearest, settings->entries[i].option->name);
    for (size_t i = 0; size <= KEY_MAX && tool->settings && tool->setting_key(i); i++)
        consider(&nearest, tool->setting_key(i));
    if (nearest.name)
        return pl_fail(context, PL_USAGE, "unknown key '%.*s'; did you mean '%s'?", (int)size, key,
                       nearest.name);
    return pl_fail(context, PL_USAGE, "unknown key '%.*s'", (int)size, key);
}

bool pl_settings_is_extra(const struct pl_settings *settings, const char *key, size_t size)
{
    const struct pl_tool *tool = settings->tool;
    for (size_t i = 0; tool->settings && tool->setting_key(i); i++)
        if (strlen(tool->setting_key(i)) == size && memcmp(tool->setting_key(i), key, size) == 0)
            return true;
    return false;
}

const struct pl_list *pl_settings_extras(const struct pl_settings *settings)
{
    return (const struct pl_list *)((const char *)settings->command +
                                    settings->tool->settings->offset);
}

enum pl_status pl_settings_extra(struct pl_context *context, struct pl_settings *settings,
                                 const char *text)
{
    const struct pl_list *list = pl_settings_extras(settings);
    size_t size = strcspn(text, "=") + 1;
    for (size_t i = 0; i < list->count; i++)
        if (strncmp(list->items[i], text, size) == 0) {
            list->items[i] = text;
            return PL_OK;
        }
    return pl_option_set(context, settings->tool->settings, settings->command, text);
}
