/* What the option table says of itself: help, the man page's OPTIONS, completion, keys.
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/settings.h"

#define FACTS_SIZE  (PL_WORDS_SIZE + 512)
#define HELP_INDENT 26
#define HELP_WIDTH  79

static bool is_shown(const struct pl_entry *entry)
{
    return !entry->unused && !entry->hidden;
}

/* A flag that is on unless told otherwise is shown by the form that turns it off. */
static const char *prefix_of(const struct pl_option *option)
{
    bool negated = option->type == PL_OPTION_FLAG && option->initial != NULL &&
                   strcmp(option->initial, "yes") == 0;

    return negated ? "no-" : "";
}

static void add_fact(char *facts, const char *before, const char *text)
{
    size_t used = strlen(facts);

    snprintf(facts + used, FACTS_SIZE - used, "%s%s%s", used > 0 ? "; " : "", before, text);
}

/* "an integer between 1 and 1024; default 336; for example 96"; empty when there is nothing to
 * say. */
static void describe(const struct pl_option *option, char facts[FACTS_SIZE])
{
    char words[PL_WORDS_SIZE], range[PL_RANGE_SIZE];

    facts[0] = '\0';
    if (option->type == PL_OPTION_INT || option->type == PL_OPTION_REAL) {
        pl_option_range(option, range);
        snprintf(words, sizeof words, "%s%s%s",
                 option->type == PL_OPTION_INT ? "an integer" : "a number",
                 range[0] == 'b'   ? " "
                 : range[0] == 'a' ? " of "
                                   : "",
                 range);
        add_fact(facts, words, "");
    } else if (option->type == PL_OPTION_BYTES) {
        add_fact(facts, "a size in bytes, or with K, M, G or T behind it", "");
    } else if (option->type == PL_OPTION_CHOICE) {
        pl_option_words(option, ", ", words);
        add_fact(facts, "one of ", words);
    } else if (option->type == PL_OPTION_LIST) {
        add_fact(facts, "may be repeated", "");
    }
    if (option->initial != NULL && option->type != PL_OPTION_FLAG)
        add_fact(facts, "default ", option->initial);
    if (option->example != NULL)
        add_fact(facts, "for example ", option->example);
}

/* Prints words from column on, broken before HELP_WIDTH; returns the new column. */
static int wrap(FILE *out, const char *text, int column)
{
    while (*text != '\0') {
        int size = (int)strcspn(text, " ");
        bool first = column == HELP_INDENT;
        if (!first && column + 1 + size > HELP_WIDTH) {
            fprintf(out, "\n%*s", HELP_INDENT, "");
            column = HELP_INDENT;
            first = true;
        }
        column += fprintf(out, "%s%.*s", first ? "" : " ", size, text);
        text += size;
        text += *text == ' ';
    }
    return column;
}

static void help_option(const struct pl_option *option, FILE *out)
{
    char facts[FACTS_SIZE], bracketed[FACTS_SIZE + 2];
    int column = 0;

    if (option->letter != 0)
        column += fprintf(out, "  -%c, ", option->letter);
    else
        column += fprintf(out, "      ");
    column += fprintf(out, "--%s%s", prefix_of(option), option->name);
    if (option->type != PL_OPTION_FLAG)
        column += fprintf(out, " %s", option->value);
    if (column + 2 > HELP_INDENT) {
        fprintf(out, "\n");
        column = 0;
    }
    fprintf(out, "%*s", HELP_INDENT - column, "");
    column = wrap(out, option->help, HELP_INDENT);
    describe(option, facts);
    if (facts[0] != '\0') {
        snprintf(bracketed, sizeof bracketed, "(%s)", facts);
        wrap(out, bracketed, column);
    }
    fprintf(out, "\n");
}

void pl_help_usage(const struct pl_settings *settings, FILE *out)
{
    const struct pl_tool *tool = settings->tool;

    fprintf(out, "usage: %s [options]%s%s\n", tool->name, tool->operands[0] != '\0' ? " " : "",
            tool->operands);
}

static void help_options(const struct pl_settings *settings, bool shared, FILE *out)
{
    for (size_t i = 0; i < settings->count; i++)
        if (settings->entries[i].shared == shared && is_shown(&settings->entries[i]))
            help_option(settings->entries[i].option, out);
}

void pl_help_print(const struct pl_settings *settings, FILE *out)
{
    const struct pl_tool *tool = settings->tool;

    fprintf(out, "%s - %s\n\n", tool->name, tool->summary);
    pl_help_usage(settings, out);
    if (settings->tool->options->type != PL_OPTION_END) {
        fprintf(out, "\noptions:\n");
        help_options(settings, false, out);
    }
    fprintf(out, "\noptions of all tools:\n");
    help_options(settings, true, out);
    if (tool->examples != NULL && tool->examples->command != NULL)
        fprintf(out, "\nexamples:\n");
    for (const struct pl_example *e = tool->examples; e != NULL && e->command != NULL; e++)
        fprintf(out, "  # %s\n  %s\n", e->what, e->command);
    if (tool->see_also != NULL)
        fprintf(out, "\nsee also: %s\n", tool->see_also);
}

/* Text as lines of mdoc, one a sentence: backslashes escaped, no control character in front. */
static void mdoc_sentence(const char *text, FILE *out)
{
    if (text[0] == '.' || text[0] == '\'')
        fprintf(out, "\\&");
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] == '\\')
            fprintf(out, "\\e");
        else if (text[i] == '-' && (text[i + 1] == '-' || (i > 0 && text[i - 1] == '-')))
            fprintf(out, "\\-");
        else if (i > 0 && text[i] == ' ' && strchr(".?!", text[i - 1]) &&
                 isupper((unsigned char)text[i + 1]))
            fputc('\n', out);
        else
            fputc(i == 0 ? toupper((unsigned char)text[i]) : text[i], out);
    }
    fprintf(out, ".\n");
}

static void mdoc_texts(const struct pl_option *option, FILE *out)
{
    char facts[FACTS_SIZE];

    mdoc_sentence(option->help, out);
    describe(option, facts);
    if (facts[0] != '\0')
        mdoc_sentence(facts, out);
}

static void mdoc_options(const struct pl_settings *settings, bool shared, FILE *out)
{
    fprintf(out, ".Bl -tag -width Ds\n");
    for (size_t i = 0; i < settings->count; i++) {
        const struct pl_option *option = settings->entries[i].option;
        if (settings->entries[i].shared != shared || !is_shown(&settings->entries[i]))
            continue;
        fprintf(out, ".It");
        if (option->letter != 0)
            fprintf(out, " Fl %c ,", option->letter);
        fprintf(out, " Fl -%s%s", prefix_of(option), option->name);
        if (option->type != PL_OPTION_FLAG)
            fprintf(out, " Ar %s", option->value);
        fprintf(out, "\n");
        mdoc_texts(option, out);
    }
    fprintf(out, ".El\n");
}

void pl_help_mdoc(const struct pl_settings *settings, FILE *out)
{
    if (settings->tool->options->type != PL_OPTION_END) {
        mdoc_options(settings, false, out);
        fprintf(out, ".Pp\nAs in all tools:\n");
    }
    mdoc_options(settings, true, out);
}

/* What the tool can make, as subsections: settings are shown by their keys. */
void pl_help_made(const struct pl_settings *settings, FILE *out)
{
    struct pl_made made;

    for (size_t i = 0; settings->tool->made != NULL && settings->tool->made(i, &made); i++) {
        fprintf(out, ".Ss %s\n", made.name);
        mdoc_sentence(made.summary, out);
        if (made.source != NULL)
            mdoc_sentence(made.source, out);
        fprintf(out, ".Bl -tag -width Ds\n");
        for (const struct pl_option *option = made.options; option->name != NULL; option++) {
            fprintf(out, ".It Cm %s", option->name);
            if (option->type != PL_OPTION_FLAG)
                fprintf(out, " Ar %s", option->value);
            fprintf(out, "\n");
            mdoc_texts(option, out);
        }
        fprintf(out, ".El\n");
    }
}

/* What may follow an option, separated by blanks: the words of a CHOICE; of --model, what the tool
 * can make.  False when that is not known. */
static bool completions(const struct pl_settings *settings, const struct pl_option *option,
                        char out[PL_WORDS_SIZE])
{
    struct pl_made made;
    size_t size = 0;

    if (option->type == PL_OPTION_CHOICE) {
        pl_option_words(option, " ", out);
        return true;
    }
    if (settings->tool->made == NULL || strcmp(option->name, "model") != 0)
        return false;
    out[0] = '\0';
    for (size_t i = 0; settings->tool->made(i, &made) && size < PL_WORDS_SIZE; i++)
        size +=
            (size_t)snprintf(out + size, PL_WORDS_SIZE - size, "%s%s", i > 0 ? " " : "", made.name);
    return true;
}

void pl_help_bash(const struct pl_settings *settings, FILE *out)
{
    char words[PL_WORDS_SIZE], function[128];
    const char *name = settings->tool->name;

    snprintf(function, sizeof function, "_%s", name);
    for (char *c = function; *c != '\0'; c++)
        *c = *c == '-' ? '_' : *c;
    fprintf(out, "# bash completion for %s(1), made by %s --print-options bash\n%s()\n{\n", name,
            name, function);
    fprintf(out, "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                 "    [ \"$word\" = = ] && word=\n"
                 "    [ \"$before\" = = ] && before=${COMP_WORDS[COMP_CWORD-2]}\n"
                 "    COMPREPLY=()\n    case $before in\n");
    for (size_t i = 0; i < settings->count; i++) {
        const struct pl_option *option = settings->entries[i].option;
        if (!is_shown(&settings->entries[i]) || !completions(settings, option, words))
            continue;
        fprintf(out, "    ");
        if (option->letter != 0)
            fprintf(out, "-%c|", option->letter);
        fprintf(out, "--%s) COMPREPLY=($(compgen -W '%s' -- \"$word\")); return ;;\n", option->name,
                words);
    }
    fprintf(out, "    esac\n    case $word in\n    -*) COMPREPLY=($(compgen -W '");
    for (size_t i = 0; i < settings->count; i++)
        if (is_shown(&settings->entries[i]))
            fprintf(out, "--%s%s ", prefix_of(settings->entries[i].option),
                    settings->entries[i].option->name);
    fprintf(out, "' -- \"$word\")) ;;\n    esac\n}\ncomplete -o default -F %s %s\n", function,
            name);
}

void pl_help_keys(const struct pl_settings *settings, FILE *out)
{
    for (size_t i = 0; i < settings->count; i++)
        if (settings->entries[i].key && !settings->entries[i].unused)
            fprintf(out, "%s\n", settings->entries[i].option->name);
}

/* One line an option: name, letter, type, whether it is a configuration key, default. */
void pl_help_table(const struct pl_settings *settings, FILE *out)
{
    static const char *const types[] = {
        [PL_OPTION_FLAG] = "flag",     [PL_OPTION_INT] = "int",   [PL_OPTION_REAL] = "real",
        [PL_OPTION_BYTES] = "size",    [PL_OPTION_TEXT] = "text", [PL_OPTION_LIST] = "list",
        [PL_OPTION_CHOICE] = "choice",
    };

    for (size_t i = 0; i < settings->count; i++) {
        const struct pl_entry *entry = &settings->entries[i];
        const struct pl_option *option = entry->option;
        if (is_shown(entry))
            fprintf(out, "%s\t%c\t%s\t%s\t%s\n", option->name,
                    option->letter != 0 ? option->letter : '-', types[option->type],
                    entry->key ? "key" : "control", option->initial != NULL ? option->initial : "");
    }
}
