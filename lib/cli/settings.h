/* The options of one run: which there are, what set them, and where they are described.
 * SPDX-License-Identifier: MIT
 *
 * Inner header of the cli layer.  A tool's options and the options all tools share become one list
 * of entries.  It is filled by sources that come one after another, each overriding those before:
 * built-in defaults, $PLUMBLINE_CONFIG, every --config FILE, the command line (--set included).
 *
 * A configuration file is a YAML map of long option names.  A key whose value is a map is a
 * section: the one named as the tool overrides the rest of the file, those of other tools are left
 * alone, so that one file serves a whole pipeline. */
#ifndef PL_CLI_SETTINGS_H
#define PL_CLI_SETTINGS_H

#include <stdio.h>

#include "base/memory.h"
#include "cli/tool.h"

/* The fields behind the options that all tools share. */
struct pl_shared {
    struct pl_common common;
    const char *lock;
    struct pl_list config;
    const char *set; /* the latest KEY=VALUE, taken up at once */
    bool help, version, print_config;
    int print_options; /* -1, or an index into its choices */
};

struct pl_entry {
    const struct pl_option *option;
    void *fields; /* the struct that the option's offset counts from */
    bool key;     /* may stand in a configuration file */
    bool shared;  /* not the tool's own */
    bool unused;  /* known, but refused by this tool */
    bool hidden;  /* not in help, man page and completion */
    int source;   /* the number of the source that set it last; 0: none */
};

/* One option as it stood on the command line. */
struct pl_argument {
    struct pl_entry *entry;
    const char *text;
};

struct pl_settings {
    const struct pl_tool *tool;
    void *command;
    struct pl_shared shared;
    struct pl_entry *entries;
    size_t count;
    struct pl_argument *arguments;
    size_t argument_count;
    const char **operands; /* NULL-terminated */
    int operand_count;
    int source;            /* the one being read */
    struct pl_arena arena; /* of texts from configuration files, and of the arrays above */
};

/* Lists the entries and fills command and shared with defaults. */
enum pl_status pl_settings_init(struct pl_context *context, struct pl_settings *settings,
                                const struct pl_tool *tool, void *command) PL_MUST_CHECK;
void pl_settings_release(struct pl_settings *settings);

/* Splits the arguments into options and operands; of the values only those of --help, --version
 * and the like are set, so that these work whatever else is wrong. */
enum pl_status pl_settings_scan(struct pl_context *context, struct pl_settings *settings, int argc,
                                char **argv) PL_MUST_CHECK;

/* Reads configuration and environment, then sets what the scan found. */
enum pl_status pl_settings_apply(struct pl_context *context,
                                 struct pl_settings *settings) PL_MUST_CHECK;

/* Fails if an option was set that has no effect beside the others. */
enum pl_status pl_settings_refuse(struct pl_context *context,
                                  const struct pl_settings *settings) PL_MUST_CHECK;

/* Checks the number of operands. */
enum pl_status pl_settings_operands(struct pl_context *context,
                                    const struct pl_settings *settings) PL_MUST_CHECK;

/* True when the tool was asked for something that needs no input, such as --list-models. */
bool pl_settings_alone(const struct pl_settings *settings);

/* arguments.c: the arguments without those that no result depends on, argv[0] first. */
enum pl_status pl_settings_arguments(struct pl_context *context, struct pl_settings *settings,
                                     const char *tool, int *argc, char ***argv) PL_MUST_CHECK;

/* config.c */
enum pl_status pl_config_load(struct pl_context *context, struct pl_settings *settings,
                              const char *path) PL_MUST_CHECK;
enum pl_status pl_config_print(struct pl_context *context, const struct pl_settings *settings,
                               FILE *out) PL_MUST_CHECK;

/* Sets one value; a LIST that an earlier source filled starts anew. */
enum pl_status pl_settings_set(struct pl_context *context, struct pl_settings *settings,
                               struct pl_entry *entry, const char *subject,
                               const char *text) PL_MUST_CHECK;

/* keys.c: the entry of a key of size bytes, or NULL; the failure that it is no key at all, with the
 * one that it resembles. */
struct pl_entry *pl_settings_key(struct pl_settings *settings, const char *name, size_t size);
enum pl_status pl_settings_unknown(struct pl_context *context, const struct pl_settings *settings,
                                   const char *key, size_t size);

/* Whether a key is a setting of models; all that were set; sets one by KEY=VALUE, which must live
 * as long as the settings. */
bool pl_settings_is_extra(const struct pl_settings *settings, const char *key, size_t size);
const struct pl_list *pl_settings_extras(const struct pl_settings *settings);
enum pl_status pl_settings_extra(struct pl_context *context, struct pl_settings *settings,
                                 const char *text) PL_MUST_CHECK;

/* help.c: all derived from the entries */
void pl_help_usage(const struct pl_settings *settings, FILE *out);
void pl_help_print(const struct pl_settings *settings, FILE *out);
void pl_help_mdoc(const struct pl_settings *settings, FILE *out);
void pl_help_bash(const struct pl_settings *settings, FILE *out);
void pl_help_keys(const struct pl_settings *settings, FILE *out);
void pl_help_table(const struct pl_settings *settings, FILE *out);
void pl_help_made(const struct pl_settings *settings, FILE *out);

#endif
