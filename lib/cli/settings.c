/* From argv to filled structs.
 * SPDX-License-Identifier: MIT */
#include "cli/settings.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* Options that may also stand in a configuration file. */
static const struct pl_option common_options[] = {
    PL_TEXT(struct pl_shared, common.output, "output", 'o', NULL, "FILE",
            "write to FILE, which appears whole or not at all, instead of standard output", NULL),
    PL_INT(struct pl_shared, common.threads, "threads", 'j', NULL, 1, 1024, "N",
           "use at most N threads instead of $PLUMBLINE_THREADS or one per core; results do not "
           "depend on it",
           NULL),
    PL_INT(struct pl_shared, common.seed, "seed", 0, "0", 0, 0x1p63, "N",
           "seed of the random numbers", NULL),
    PL_BYTES(struct pl_shared, common.memory, "memory", 0, NULL, "bound the memory used", "2G"),
    PL_TEXT(struct pl_shared, lock, "lock", 0, NULL, "FILE",
            "hold a lock on FILE while running; exit with 7 at once when another process holds it",
            NULL),
    PL_FLAG(struct pl_shared, common.history, "history", 0, "yes",
            "do not record this run in the history of the result"),
    PL_FLAG(struct pl_shared, common.quiet, "quiet", 'q', NULL,
            "no progress, notes or warnings on standard error"),
    PL_OPTIONS_END,
};

/* Options that only make sense on the command line. */
static const struct pl_option control_options[] = {
    PL_LIST(struct pl_shared, config, "config", 'c', "FILE",
            "read options from a YAML file, after $PLUMBLINE_CONFIG and before the command line",
            NULL),
    PL_TEXT(struct pl_shared, set, "set", 's', NULL, "KEY=VALUE",
            "set the option with the long name KEY; may be repeated", NULL),
    PL_FLAG(struct pl_shared, print_config, "print-config", 0, NULL,
            "print all options as a configuration file and exit"),
    PL_FLAG(struct pl_shared, common.explain, "explain", 0, NULL,
            "read headers only, print shapes, sizes, work and memory to expect, and exit"),
    PL_FLAG(struct pl_shared, common.verbose, "verbose", 'v', NULL,
            "say more; with --version, name the libraries too"),
    PL_FLAG(struct pl_shared, help, "help", 'h', NULL, "print help and exit"),
    PL_FLAG(struct pl_shared, version, "version", 'V', NULL, "print the version and exit"),
    PL_CHOICE(struct pl_shared, print_options, "print-options", 0, NULL,
              "mdoc|bash|keys|table|made", "FORM",
              "print the option table: for the man page, bash, configuration or tests"),
    PL_OPTIONS_END,
};

static size_t table_size(const struct pl_option *table)
{
    size_t count = 0;

    while (table[count].type != PL_OPTION_END)
        count++;
    return count;
}

static bool is_listed(const char *const *names, const char *name)
{
    for (; names != NULL && *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* A tool's own option takes the place of a shared one with the same name. */
static void list_entries(struct pl_settings *settings, const struct pl_option *table, void *fields)
{
    bool own = table == settings->tool->options;

    for (; table->type != PL_OPTION_END; table++) {
        if (!own && pl_option_find(settings->tool->options, table->name) != NULL)
            continue;
        settings->entries[settings->count++] = (struct pl_entry){
            .option = table,
            .fields = fields,
            .key = own || pl_option_find(common_options, table->name) != NULL,
            .shared = !own,
            .unused = !own && is_listed(settings->tool->unused, table->name),
            .hidden = !own && strcmp(table->name, "print-options") == 0,
        };
    }
}

enum pl_status pl_settings_init(struct pl_context *context, struct pl_settings *settings,
                                const struct pl_tool *tool, void *command)
{
    enum pl_status status;
    size_t most =
        table_size(tool->options) + table_size(common_options) + table_size(control_options);

    *settings = (struct pl_settings){.tool = tool, .command = command};
    settings->entries = pl_arena_new(context, &settings->arena, most, sizeof *settings->entries);
    if (settings->entries == NULL)
        return context->status;
    list_entries(settings, tool->options, command);
    list_entries(settings, common_options, &settings->shared);
    list_entries(settings, control_options, &settings->shared);
    if ((status = pl_option_defaults(context, common_options, &settings->shared)) != PL_OK ||
        (status = pl_option_defaults(context, control_options, &settings->shared)) != PL_OK)
        return status;
    return pl_option_defaults(context, tool->options, command);
}

void pl_settings_release(struct pl_settings *settings)
{
    pl_option_release(control_options, &settings->shared);
    pl_option_release(settings->tool->options, settings->command);
    if (settings->tool->settings != NULL)
        pl_option_release(settings->tool->settings, settings->command);
    pl_arena_release(&settings->arena);
}

enum pl_status pl_settings_set(struct pl_context *context, struct pl_settings *settings,
                               struct pl_entry *entry, const char *subject, const char *text)
{
    if (entry->option->type == PL_OPTION_LIST && entry->source != settings->source)
        ((struct pl_list *)((char *)entry->fields + entry->option->offset))->count = 0;
    entry->source = settings->source;
    return pl_option_set_as(context, entry->option, entry->fields, subject, text);
}

/* getopt_long returns FIRST_LONG + 2 * entry for --NAME and one more for --no-NAME. */
#define FIRST_LONG 256

struct getopt_tables {
    struct option *longs;
    char *letters;
};

static enum pl_status make_getopt_tables(struct pl_context *context, struct pl_settings *settings,
                                         struct getopt_tables *tables)
{
    size_t used = 0;
    char *letter;

    tables->longs =
        pl_arena_new(context, &settings->arena, 2 * settings->count + 1, sizeof *tables->longs);
    tables->letters = pl_arena_new(context, &settings->arena, 2 * settings->count + 2, 1);
    if (tables->longs == NULL || tables->letters == NULL)
        return context->status;
    letter = tables->letters;
    *letter++ = ':';
    for (size_t i = 0; i < settings->count; i++) {
        const struct pl_option *option = settings->entries[i].option;
        int code = FIRST_LONG + 2 * (int)i;
        bool flag = option->type == PL_OPTION_FLAG;
        tables->longs[used++] =
            (struct option){option->name, flag ? no_argument : required_argument, NULL, code};
        if (option->letter != 0)
            *letter++ = option->letter;
        if (option->letter != 0 && !flag)
            *letter++ = ':';
        if (flag && option->initial != NULL && strcmp(option->initial, "yes") == 0) {
            char *negated = pl_arena_new(context, &settings->arena, strlen(option->name) + 4, 1);
            if (negated == NULL)
                return context->status;
            memcpy(negated, "no-", 3);
            memcpy(negated + 3, option->name, strlen(option->name));
            tables->longs[used++] = (struct option){negated, no_argument, NULL, code + 1};
        }
    }
    return PL_OK;
}

/* Says what getopt_long did not like; argument is the one it was reading. */
static enum pl_status fail_option(struct pl_context *context, const struct pl_settings *settings,
                                  const struct option *longs, int code, int bad,
                                  const char *argument)
{
    const char *name = settings->tool->name;
    size_t size = strcspn(argument, "=");
    int alike = 0;

    if (bad >= FIRST_LONG && code == ':')
        return pl_fail(context, PL_USAGE, "option '%.*s' needs a value", (int)size, argument);
    if (bad >= FIRST_LONG)
        return pl_fail(context, PL_USAGE, "option '%.*s' takes no value", (int)size, argument);
    if (bad != 0 && code == ':')
        return pl_fail(context, PL_USAGE, "option '-%c' needs a value", bad);
    if (bad != 0)
        return pl_fail(context, PL_USAGE, "unknown option '-%c' (see %s --help)", bad, name);
    for (; size > 2 && longs->name != NULL; longs++)
        alike += strncmp(longs->name, argument + 2, size - 2) == 0;
    return pl_fail(context, PL_USAGE, "%s option '%.*s' (see %s --help)",
                   alike > 1 ? "ambiguous" : "unknown", (int)size, argument, name);
}

static struct pl_entry *entry_of_letter(const struct pl_settings *settings, int letter)
{
    for (size_t i = 0; i < settings->count; i++)
        if (settings->entries[i].option->letter == letter)
            return &settings->entries[i];
    return NULL;
}

static enum pl_status take_argument(struct pl_context *context, struct pl_settings *settings,
                                    int code, const char *text)
{
    struct pl_entry *entry = code >= FIRST_LONG ? &settings->entries[(code - FIRST_LONG) / 2]
                                                : entry_of_letter(settings, code);
    const struct pl_option *option = entry->option;
    bool negated = code >= FIRST_LONG && (code - FIRST_LONG) % 2 == 1;

    if (option->type == PL_OPTION_FLAG)
        text = negated ? "no" : "yes";
    if (!entry->key && !entry->unused && option->offset != offsetof(struct pl_shared, set))
        return pl_option_set(context, option, entry->fields, text);
    settings->arguments[settings->argument_count++] = (struct pl_argument){entry, text};
    return PL_OK;
}

enum pl_status pl_settings_scan(struct pl_context *context, struct pl_settings *settings, int argc,
                                char **argv)
{
    struct getopt_tables tables;
    enum pl_status status = make_getopt_tables(context, settings, &tables);
    size_t most = (size_t)argc + 1;
    char **copy;
    int code;

    if (status != PL_OK)
        return status;
    for (int i = 1; i < argc; i++) /* -qv and the like: every letter may be an option */
        most += strlen(argv[i]);
    copy = pl_arena_new(context, &settings->arena, (size_t)argc + 1, sizeof *copy);
    settings->arguments =
        pl_arena_new(context, &settings->arena, most, sizeof *settings->arguments);
    if (copy == NULL || settings->arguments == NULL)
        return context->status;
    memcpy(copy, argv, (size_t)argc * sizeof *copy); /* getopt_long sorts it, operands last */
    optind = 0;
    opterr = 0;
    while ((code = getopt_long(argc, copy, tables.letters, tables.longs, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fail_option(context, settings, tables.longs, code, optopt, copy[optind - 1]);
        if ((status = take_argument(context, settings, code, optarg)) != PL_OK)
            return status;
    }
    settings->operands = (const char **)copy + optind;
    settings->operand_count = argc - optind;
    return PL_OK;
}

/* --set KEY=VALUE */
static enum pl_status set_by_key(struct pl_context *context, struct pl_settings *settings,
                                 const char *text)
{
    size_t size = strcspn(text, "=");
    struct pl_entry *entry;
    char subject[80];

    if (text[size] != '=' || size == 0)
        return pl_fail(context, PL_USAGE, "--set '%s': must be KEY=VALUE", text);
    entry = pl_settings_key(settings, text, size);
    if (entry == NULL && pl_settings_is_extra(settings, text, size))
        return pl_settings_extra(context, settings, text);
    if (entry == NULL) {
        pl_settings_unknown(context, settings, text, size);
        return pl_fail_at(context, "--set '%s'", text);
    }
    if (entry->unused)
        return pl_fail(context, PL_USAGE, "--set '%s': %.*s has no effect here", text, (int)size,
                       text);
    snprintf(subject, sizeof subject, "--set %s", entry->option->name);
    return pl_settings_set(context, settings, entry, subject, text + size + 1);
}

static enum pl_status apply_environment(struct pl_context *context, struct pl_settings *settings)
{
    const char *threads = getenv("PLUMBLINE_THREADS"), *path = getenv("PLUMBLINE_CONFIG");
    struct pl_entry *entry = pl_settings_key(settings, "threads", strlen("threads"));
    enum pl_status status;

    if (threads != NULL && threads[0] != '\0' && entry != NULL && entry->shared && !entry->unused) {
        status =
            pl_option_set_as(context, entry->option, entry->fields, "$PLUMBLINE_THREADS", threads);
        if (status != PL_OK)
            return status;
    }
    if (path == NULL || path[0] == '\0')
        return PL_OK;
    status = pl_config_load(context, settings, path);
    return status == PL_OK ? PL_OK : pl_fail_at(context, "$PLUMBLINE_CONFIG");
}

enum pl_status pl_settings_apply(struct pl_context *context, struct pl_settings *settings)
{
    enum pl_status status = apply_environment(context, settings);

    for (size_t i = 0; status == PL_OK && i < settings->shared.config.count; i++)
        status = pl_config_load(context, settings, settings->shared.config.items[i]);
    settings->source++;
    for (size_t i = 0; status == PL_OK && i < settings->argument_count; i++) {
        struct pl_argument *argument = &settings->arguments[i];
        const struct pl_option *option = argument->entry->option;
        bool negated = option->type == PL_OPTION_FLAG && strcmp(argument->text, "no") == 0;
        char subject[80];
        if (argument->entry->unused)
            return pl_fail(context, PL_USAGE, "--%s%s has no effect here", negated ? "no-" : "",
                           option->name);
        snprintf(subject, sizeof subject, "--%s", option->name);
        status = pl_settings_set(context, settings, argument->entry, subject, argument->text);
        if (status == PL_OK && settings->shared.set != NULL) {
            status = set_by_key(context, settings, settings->shared.set);
            settings->shared.set = NULL;
        }
    }
    return status;
}

enum pl_status pl_settings_refuse(struct pl_context *context, const struct pl_settings *settings)
{
    enum pl_status status = PL_OK;

    for (size_t i = 0; settings->tool->refuse != NULL && status == PL_OK && i < settings->count;
         i++)
        if (settings->entries[i].source > 0 && !settings->entries[i].shared)
            status = settings->tool->refuse(context, settings->command,
                                            settings->entries[i].option->name);
    return status;
}

bool pl_settings_alone(const struct pl_settings *settings)
{
    for (size_t i = 0; i < settings->count; i++) {
        const struct pl_entry *entry = &settings->entries[i];
        if (is_listed(settings->tool->alone, entry->option->name) &&
            *(const bool *)((const char *)entry->fields + entry->option->offset))
            return true;
    }
    return false;
}

enum pl_status pl_settings_operands(struct pl_context *context, const struct pl_settings *settings)
{
    const struct pl_tool *tool = settings->tool;

    if (settings->operand_count < tool->least && !pl_settings_alone(settings))
        return pl_fail(context, PL_USAGE, "too few operands: %s needs %s (see %s --help)",
                       tool->name, tool->operands, tool->name);
    if (tool->most >= 0 && settings->operand_count > tool->most)
        return pl_fail(context, PL_USAGE, "too many operands, from '%s' on (see %s --help)",
                       settings->operands[tool->most], tool->name);
    return PL_OK;
}
