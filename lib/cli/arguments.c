/* The arguments that made a result.
 * SPDX-License-Identifier: MIT
 *
 * What a run is remembered by, and run again with: options as they were typed, each in one way of
 * writing it (abbreviations in full, values as arguments of their own), without those that no
 * result depends on, then the operands. */
#include <stdlib.h>
#include <string.h>

#include "cli/settings.h"

static bool is_idle(const char *key, size_t size)
{
    static const char *const idle[] = {"threads",          "output", "quiet",  "verbose",
                                       "memory",           "lock",   "resume", "checkpoint",
                                       "checkpoint-every", "log",    "state",  NULL};
    for (const char *const *name = idle; *name; name++)
        if (strlen(*name) == size && memcmp(*name, key, size) == 0)
            return true;
    return false;
}

static bool changes_results(const struct pl_argument *argument)
{
    const char *name = argument->entry->option->name;
    if (strcmp(name, "set") == 0) /* KEY=VALUE */
        return !is_idle(argument->text, strcspn(argument->text, "="));
    return !is_idle(name, strlen(name));
}

/* "-L" or "--horizon" or "--no-mmap". */
static char *spell(struct pl_context *context, struct pl_settings *settings,
                   const struct pl_argument *argument)
{
    const struct pl_option *option = argument->entry->option;
    bool negated = option->type == PL_OPTION_FLAG && strcmp(argument->text, "no") == 0;
    size_t size = strlen(option->name) + sizeof "--no-";
    char *text = pl_arena_new(context, &settings->arena, size, 1);
    if (!text)
        return NULL;
    if (option->letter && !negated)
        snprintf(text, size, "-%c", option->letter);
    else
        snprintf(text, size, "--%s%s", negated ? "no-" : "", option->name);
    return text;
}

enum pl_status pl_settings_arguments(struct pl_context *context, struct pl_settings *settings,
                                     const char *tool, int *argc, char ***argv)
{
    size_t most = 2 * (settings->argument_count + settings->shared.config.count + 2) +
                  (size_t)settings->operand_count;
    char **list = pl_arena_new(context, &settings->arena, most + 1, sizeof *list);
    if (!list)
        return context->status;
    const char *environment = getenv("PLUMBLINE_CONFIG");
    int count = 0;
    list[count++] = (char *)(uintptr_t)tool;
    if (environment && *environment) {
        list[count++] = (char *)(uintptr_t) "-c";
        list[count++] = (char *)(uintptr_t)environment;
    }
    for (size_t i = 0; i < settings->shared.config.count; i++) {
        list[count++] = (char *)(uintptr_t) "-c";
        list[count++] = (char *)(uintptr_t)settings->shared.config.items[i];
    }
    for (size_t i = 0; i < settings->argument_count; i++) {
        const struct pl_argument *argument = &settings->arguments[i];
        if (!changes_results(argument))
            continue;
        list[count] = spell(context, settings, argument);
        if (!list[count++])
            return context->status;
        if (argument->entry->option->type != PL_OPTION_FLAG)
            list[count++] = (char *)(uintptr_t)argument->text;
    }
    bool dashed = false;
    for (int i = 0; i < settings->operand_count; i++)
        dashed |= settings->operands[i][0] == '-' && settings->operands[i][1] != '\0';
    if (dashed)
        list[count++] = (char *)(uintptr_t) "--";
    for (int i = 0; i < settings->operand_count; i++)
        list[count++] = (char *)(uintptr_t)settings->operands[i];
    *argc = count;
    *argv = list;
    return PL_OK;
}
