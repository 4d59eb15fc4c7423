/* Values of options: text to typed, checked fields.
 * SPDX-License-Identifier: MIT */
#include "cli/option.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"

static void *field_of(const struct pl_option *option, void *command)
{
    return (char *)command + option->offset;
}

/* A bound beyond this is no bound: it is not shown. */
#define NO_BOUND 9e18

static void format_bound(char out[PL_NUMBER_SIZE], double bound)
{
    if (bound == floor(bound) && fabs(bound) < 1e15)
        snprintf(out, PL_NUMBER_SIZE, "%.0f", bound);
    else
        pl_format_double(out, bound);
}

void pl_option_range(const struct pl_option *option, char out[PL_RANGE_SIZE])
{
    char low[PL_NUMBER_SIZE], high[PL_NUMBER_SIZE];

    format_bound(low, option->low);
    format_bound(high, option->high);
    if (option->low > -NO_BOUND && option->high < NO_BOUND)
        snprintf(out, PL_RANGE_SIZE, "between %s and %s", low, high);
    else if (option->low > -NO_BOUND)
        snprintf(out, PL_RANGE_SIZE, "at least %s", low);
    else if (option->high < NO_BOUND)
        snprintf(out, PL_RANGE_SIZE, "at most %s", high);
    else
        out[0] = '\0';
}

static enum pl_status fail_range(struct pl_context *context, const struct pl_option *option,
                                 const char *subject, const char *text, bool too_large)
{
    char range[PL_RANGE_SIZE];

    pl_option_range(option, range);
    if (too_large && option->high >= NO_BOUND)
        return pl_fail(context, PL_USAGE, "%s %s: too large", subject, text);
    return pl_fail(context, PL_USAGE, "%s %s: must be %s", subject, text, range);
}

static enum pl_status fail_type(struct pl_context *context, const char *subject, const char *text,
                                const char *what)
{
    return pl_fail(context, PL_USAGE, "%s '%s': %s", subject, text, what);
}

static enum pl_status set_flag(struct pl_context *context, bool *field, const char *subject,
                               const char *text)
{
    bool yes = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;

    if (!yes && strcmp(text, "no") != 0 && strcmp(text, "false") != 0)
        return fail_type(context, subject, text, "must be yes or no");
    *field = yes;
    return PL_OK;
}

static enum pl_status set_int(struct pl_context *context, const struct pl_option *option,
                              int64_t *field, const char *subject, const char *text)
{
    size_t plus = text[0] == '+', sign = plus || text[0] == '-';
    size_t digits = strspn(text + sign, "0123456789");
    int64_t value;

    if (digits == 0 || text[sign + digits] != '\0')
        return fail_type(context, subject, text, "not an integer");
    if (!pl_parse_int64(text + plus, strlen(text + plus), &value))
        return fail_range(context, option, subject, text, text[0] != '-');
    if ((double)value < option->low || (double)value > option->high)
        return fail_range(context, option, subject, text, (double)value > option->high);
    *field = value;
    return PL_OK;
}

static enum pl_status set_real(struct pl_context *context, const struct pl_option *option,
                               double *field, const char *subject, const char *text)
{
    double value;

    if (!pl_parse_double(text, strlen(text), &value))
        return fail_type(context, subject, text, "not a number");
    if (!isfinite(value))
        return fail_type(context, subject, text, "not a finite number");
    if (value < option->low || value > option->high)
        return fail_range(context, option, subject, text, value > option->high);
    *field = value;
    return PL_OK;
}

static enum pl_status set_bytes(struct pl_context *context, uint64_t *field, const char *subject,
                                const char *text)
{
    uint64_t value;

    if (!pl_parse_bytes(text, strlen(text), &value) || value > INT64_MAX)
        return fail_type(context, subject, text, "not a size, such as 64M or 1.5G");
    *field = value;
    return PL_OK;
}

static enum pl_status set_text(struct pl_context *context, const char **field, const char *subject,
                               const char *text)
{
    if (text[0] == '\0')
        return fail_type(context, subject, text, "must not be empty");
    *field = text;
    return PL_OK;
}

void pl_option_words(const struct pl_option *option, const char *between, char out[PL_WORDS_SIZE])
{
    size_t used = 0;

    out[0] = '\0';
    for (const char *word = option->choices; used < PL_WORDS_SIZE; word++) {
        size_t size = strcspn(word, "|");
        used += (size_t)snprintf(out + used, PL_WORDS_SIZE - used, "%s%.*s",
                                 word == option->choices ? "" : between, (int)size, word);
        word += size;
        if (*word == '\0')
            break;
    }
}

static enum pl_status set_choice(struct pl_context *context, const struct pl_option *option,
                                 int *field, const char *subject, const char *text)
{
    const char *word = option->choices;
    char words[PL_WORDS_SIZE];

    for (int index = 0;; index++) {
        size_t size = strcspn(word, "|");
        if (strlen(text) == size && memcmp(word, text, size) == 0) {
            *field = index;
            return PL_OK;
        }
        if (word[size] == '\0')
            break;
        word += size + 1;
    }
    pl_option_words(option, ", ", words);
    return pl_fail(context, PL_USAGE, "%s '%s': must be one of %s", subject, text, words);
}

static enum pl_status grow_list(struct pl_context *context, struct pl_list *list,
                                const char *subject, const char *text)
{
    const char **items;

    if (text[0] == '\0')
        return fail_type(context, subject, text, "must not be empty");
    items = pl_resize(context, list->items, list->count + 1, sizeof *items);
    if (items == NULL)
        return context->status;
    items[list->count] = text;
    list->items = items;
    list->count++;
    return PL_OK;
}

static enum pl_status set_field(struct pl_context *context, const struct pl_option *option,
                                void *field, const char *subject, const char *text)
{
    switch (option->type) {
    case PL_OPTION_FLAG:
        return set_flag(context, field, subject, text);
    case PL_OPTION_INT:
        return set_int(context, option, field, subject, text);
    case PL_OPTION_REAL:
        return set_real(context, option, field, subject, text);
    case PL_OPTION_BYTES:
        return set_bytes(context, field, subject, text);
    case PL_OPTION_TEXT:
        return set_text(context, field, subject, text);
    case PL_OPTION_CHOICE:
        return set_choice(context, option, field, subject, text);
    case PL_OPTION_LIST:
        return grow_list(context, field, subject, text);
    case PL_OPTION_END:
        break;
    }
    return pl_fail(context, PL_USAGE, "%s: not an option", subject);
}

enum pl_status pl_option_set_as(struct pl_context *context, const struct pl_option *option,
                                void *command, const char *subject, const char *text)
{
    enum pl_status status = set_field(context, option, field_of(option, command), subject, text);

    if (status == PL_OK && option->given_offset != SIZE_MAX)
        *(bool *)((char *)command + option->given_offset) = true;
    return status;
}

enum pl_status pl_option_set(struct pl_context *context, const struct pl_option *option,
                             void *command, const char *text)
{
    char subject[80];

    snprintf(subject, sizeof subject, "--%s", option->name);
    return pl_option_set_as(context, option, command, subject, text);
}

const struct pl_option *pl_option_find(const struct pl_option *table, const char *name)
{
    size_t size = strcspn(name, "=");

    for (; table->type != PL_OPTION_END; table++)
        if (strlen(table->name) == size && memcmp(table->name, name, size) == 0)
            return table;
    return NULL;
}

static size_t field_size(enum pl_option_type type)
{
    switch (type) {
    case PL_OPTION_FLAG:
        return sizeof(bool);
    case PL_OPTION_INT:
        return sizeof(int64_t);
    case PL_OPTION_REAL:
        return sizeof(double);
    case PL_OPTION_BYTES:
        return sizeof(uint64_t);
    case PL_OPTION_TEXT:
        return sizeof(const char *);
    case PL_OPTION_CHOICE:
        return sizeof(int);
    case PL_OPTION_LIST:
        return sizeof(struct pl_list);
    case PL_OPTION_END:
        break;
    }
    return 0;
}

enum pl_status pl_option_defaults(struct pl_context *context, const struct pl_option *table,
                                  void *command)
{
    for (const struct pl_option *option = table; option->type != PL_OPTION_END; option++) {
        enum pl_status status;
        memset(field_of(option, command), option->type == PL_OPTION_CHOICE ? 0xff : 0,
               field_size(option->type));
        if (option->initial != NULL &&
            (status = pl_option_set(context, option, command, option->initial)) != PL_OK)
            return status;
        if (option->given_offset != SIZE_MAX)
            *(bool *)((char *)command + option->given_offset) = false;
    }
    return PL_OK;
}

void pl_option_write(struct pl_context *context, const struct pl_option *option,
                     const void *command, struct pl_meta *meta, struct pl_meta_node *parent)
{
    const void *field = (const char *)command + option->offset;
    const struct pl_list *list = field;
    struct pl_meta_node *node;
    const char *word;

    switch (option->type) {
    case PL_OPTION_FLAG:
        pl_meta_add_bool(context, meta, parent, option->name, *(const bool *)field);
        break;
    case PL_OPTION_INT:
    case PL_OPTION_BYTES:
        pl_meta_add_int(context, meta, parent, option->name, *(const int64_t *)field);
        break;
    case PL_OPTION_REAL:
        pl_meta_add_real(context, meta, parent, option->name, *(const double *)field);
        break;
    case PL_OPTION_TEXT:
        pl_meta_add_text(context, meta, parent, option->name, *(const char *const *)field);
        break;
    case PL_OPTION_CHOICE:
        word = option->choices;
        for (int index = *(const int *)field; index > 0; index--)
            word += strcspn(word, "|") + 1;
        word = pl_arena_text(context, &meta->arena, word, strcspn(word, "|"));
        if (word != NULL)
            pl_meta_add_text(context, meta, parent, option->name, word);
        break;
    case PL_OPTION_LIST:
        node = pl_meta_add_list(context, meta, parent, option->name);
        for (size_t i = 0; node != NULL && i < list->count; i++)
            pl_meta_add_text(context, meta, node, NULL, list->items[i]);
        break;
    case PL_OPTION_END:
        break;
    }
}

void pl_option_release(const struct pl_option *table, void *command)
{
    for (; table->type != PL_OPTION_END; table++) {
        if (table->type != PL_OPTION_LIST)
            continue;
        struct pl_list *list = field_of(table, command);
        free(list->items);
        *list = (struct pl_list){NULL, 0};
    }
}
