/* The declarative option table: one table per tool gives parsing, checks, help, the man page's
 * OPTIONS, completion and configuration keys.
 * SPDX-License-Identifier: MIT
 *
 * A tool declares `struct command` and a table of rows made by the macros below, each bound to a
 * field by offset.  Parsing fills the struct: first defaults, then configuration files, then the
 * command line, then operands.  Nothing after parsing touches argv. */
#ifndef PL_CLI_OPTION_H
#define PL_CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/meta.h"

enum pl_option_type {
    PL_OPTION_END = 0,
    PL_OPTION_FLAG, /* bool; where the default is "yes", "--no-NAME" is the form shown and helped */
    PL_OPTION_INT,  /* int64_t */
    PL_OPTION_REAL, /* double */
    PL_OPTION_BYTES,  /* uint64_t: 64M, 1.5G */
    PL_OPTION_TEXT,   /* const char *, NULL when not given and without default */
    PL_OPTION_CHOICE, /* int: index into choices; -1 when not given and without default */
    PL_OPTION_LIST    /* struct pl_list: the option may be repeated; each value is kept whole */
};

struct pl_list {
    const char **items;
    size_t count;
};

struct pl_option {
    enum pl_option_type type;
    const char *name;    /* long name without dashes; also the configuration key */
    char letter;         /* 0: none */
    size_t offset;       /* of the field in the command struct */
    size_t given_offset; /* of a bool set when the user gave a value; SIZE_MAX: none */
    const char *initial; /* default, as it would be typed; NULL: none */
    double low, high;    /* allowed range of INT and REAL, both included */
    const char *choices; /* CHOICE: the words, separated by '|' */
    const char *value;   /* what the help calls the value: "ROWS", "FILE" */
    const char *help;    /* one sentence, no capital, no full stop */
    const char *example; /* a sample value; may be NULL */
};

/* The field's type is checked at compile time: &((s *)0)->f must point to what the row stores. */
#define PL_FIELD(struct_type, field, field_type)                                              \
    (offsetof(struct_type, field) + 0 * sizeof(_Generic(((struct_type *)0)->field, field_type \
                                                        : (char)0)))

#define PL_FLAG(s, f, name, letter, initial, help)                                               \
    {                                                                                            \
        PL_OPTION_FLAG, name, letter, PL_FIELD(s, f, bool), SIZE_MAX, initial, 0, 0, NULL, NULL, \
            help, NULL                                                                           \
    }
#define PL_INT(s, f, name, letter, initial, low, high, value, help, example)                      \
    {                                                                                             \
        PL_OPTION_INT, name, letter, PL_FIELD(s, f, int64_t), SIZE_MAX, initial, low, high, NULL, \
            value, help, example                                                                  \
    }
/* Without default; `given` (a bool) tells whether it was set. */
#define PL_INT_GIVEN(s, f, given, name, letter, low, high, value, help, example)                   \
    {                                                                                              \
        PL_OPTION_INT, name, letter, PL_FIELD(s, f, int64_t), PL_FIELD(s, given, bool), NULL, low, \
            high, NULL, value, help, example                                                       \
    }
#define PL_REAL(s, f, name, letter, initial, low, high, value, help, example)                     \
    {                                                                                             \
        PL_OPTION_REAL, name, letter, PL_FIELD(s, f, double), SIZE_MAX, initial, low, high, NULL, \
            value, help, example                                                                  \
    }
#define PL_REAL_GIVEN(s, f, given, name, letter, low, high, value, help, example)                  \
    {                                                                                              \
        PL_OPTION_REAL, name, letter, PL_FIELD(s, f, double), PL_FIELD(s, given, bool), NULL, low, \
            high, NULL, value, help, example                                                       \
    }
#define PL_BYTES(s, f, name, letter, initial, help, example)                                    \
    {                                                                                           \
        PL_OPTION_BYTES, name, letter, PL_FIELD(s, f, uint64_t), SIZE_MAX, initial, 0, 0, NULL, \
            "SIZE", help, example                                                               \
    }
#define PL_TEXT(s, f, name, letter, initial, value, help, example)                                 \
    {                                                                                              \
        PL_OPTION_TEXT, name, letter, PL_FIELD(s, f, const char *), SIZE_MAX, initial, 0, 0, NULL, \
            value, help, example                                                                   \
    }
#define PL_CHOICE(s, f, name, letter, initial, choices, value, help)                           \
    {                                                                                          \
        PL_OPTION_CHOICE, name, letter, PL_FIELD(s, f, int), SIZE_MAX, initial, 0, 0, choices, \
            value, help, NULL                                                                  \
    }
#define PL_LIST(s, f, name, letter, value, help, example)                                         \
    {                                                                                             \
        PL_OPTION_LIST, name, letter, PL_FIELD(s, f, struct pl_list), SIZE_MAX, NULL, 0, 0, NULL, \
            value, help, example                                                                  \
    }
#define PL_OPTIONS_END                                                   \
    {                                                                    \
        PL_OPTION_END, NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL, NULL \
    }

/* Sets one option from text into the struct at command: texts are pointed to, not copied; a LIST
 * grows by one.  PL_USAGE with the reason: "--lookback '4x': not an integer", "--ridge -1: must be
 * at least 0".  Numbers are finite.  A flag takes yes, no, true or false. */
enum pl_status pl_option_set(struct pl_context *context, const struct pl_option *option,
                             void *command, const char *text) PL_MUST_CHECK;

/* The same where the option was named in another way: subject stands for "--lookback". */
enum pl_status pl_option_set_as(struct pl_context *context, const struct pl_option *option,
                                void *command, const char *subject, const char *text) PL_MUST_CHECK;

/* The row named so, or NULL; name may be followed by '=' or the end. */
const struct pl_option *pl_option_find(const struct pl_option *table, const char *name);

/* Fills every field with its default, or with zero (CHOICE: -1) when it has none. */
enum pl_status pl_option_defaults(struct pl_context *context, const struct pl_option *table,
                                  void *command) PL_MUST_CHECK;

/* Adds the option's value to a document: NAME: value.  For options that have a value. */
void pl_option_write(struct pl_context *context, const struct pl_option *option,
                     const void *command, struct pl_meta *meta, struct pl_meta_node *parent);

/* The words of a CHOICE joined by `between`. */
#define PL_WORDS_SIZE 1024
void pl_option_words(const struct pl_option *option, const char *between, char out[PL_WORDS_SIZE]);

/* "between 1 and 100", "at least 0"; empty for a range without bounds. */
#define PL_RANGE_SIZE 96
void pl_option_range(const struct pl_option *option, char out[PL_RANGE_SIZE]);

/* Frees what LIST options hold. */
void pl_option_release(const struct pl_option *table, void *command);

#endif
