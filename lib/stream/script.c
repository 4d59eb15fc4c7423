/* A history as a sh script.
 * SPDX-License-Identifier: MIT
 *
 * Steps form a graph: an input may carry the number of the earlier step that made it.  From the
 * last step backwards all steps that matter are found, and how often each one's output is used.
 * One that is used once, on standard input, goes by pipe into the step that uses it; every other
 * one is written to a file in a temporary folder, which stands in the place of the name that the
 * file had when the history was recorded.  A step that writes no standard output but a file of its
 * own, which an option names, gets one in that folder for it; if the file held something before,
 * which is the step's input and gone, the script asks for that.
 *
 * Histories come from files, and files from anywhere: whatever a history holds becomes quoted words
 * of a command or printable comments, and the commands' own names must look like the toolkit's. */
#include "stream/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct input {
    const char *name, *sum;
    int64_t from; /* the step that made it, from 1; 0: it came from outside */
};

struct step {
    const char *tool, *version;
    const struct pl_meta_node *args;
    struct input *inputs;
    size_t input_count;
    const char *option, *output; /* that names the file it writes, and its name; "": none */
    bool needed;
    int64_t uses; /* of its output by needed steps */
    bool piped;   /* the one use is by pipe */
};

struct script {
    struct pl_context *context;
    struct pl_arena arena;
    struct step *steps; /* step number n is steps[n - 1] */
    int64_t count;
    struct pl_buffer *out;
    enum pl_status status; /* of the first failed write */
};

static void put(struct script *script, const char *text)
{
    if (script->status == PL_OK)
        script->status = pl_buffer_text(script->context, script->out, text);
}

static void put_number(struct script *script, const char *before, int64_t number,
                       const char *behind)
{
    if (script->status == PL_OK)
        script->status = pl_buffer_printf(script->context, script->out, "%s%lld%s", before,
                                          (long long)number, behind);
}

/* One word of a command: bare where sh has no other use for its letters, else in single quotes. */
static void put_word(struct script *script, const char *word)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_-./,:+@%";
    if (*word && word[strspn(word, safe)] == '\0') {
        put(script, word);
        return;
    }
    put(script, "'");
    for (const char *at = word; *at; at++) {
        char one[2] = {*at, '\0'};
        put(script, *at == '\'' ? "'\\''" : one);
    }
    put(script, "'");
}

/* Text in a comment, which must not leave its line. */
static void put_comment(struct script *script, const char *text)
{
    for (; *text; text++) {
        char one[2] = {*text, '\0'};
        put(script, (unsigned char)*text < 0x20 || *text == 0x7f ? "?" : one);
    }
}

static bool is_tool_name(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    return *text >= 'a' && *text <= 'z' && strchr(text, '-') && !text[strspn(text, letters)];
}

static enum pl_status read_input(struct pl_context *context, const struct pl_meta_node *node,
                                 int64_t step, struct input *input)
{
    *input = (struct input){.name = "", .sum = "?"};
    enum pl_status status = pl_meta_text(context, node, "name", &input->name);
    if (status == PL_OK)
        status = pl_meta_text(context, node, "sum", &input->sum);
    if (status == PL_OK)
        status = pl_meta_int(context, node, "from", &input->from);
    if (status == PL_OK && (input->from < 0 || input->from >= step))
        status = pl_fail(context, PL_BAD_DATA, "from: not an earlier step: %lld",
                         (long long)input->from);
    return status;
}

static enum pl_status read_step(struct script *script, const struct pl_meta_node *node,
                                int64_t number, struct step *step)
{
    struct pl_context *context = script->context;
    *step = (struct step){.tool = "", .version = "?", .option = "", .output = ""};
    step->args = pl_meta_find(node, "args");
    enum pl_status status = pl_meta_text(context, node, "tool", &step->tool);
    if (status == PL_OK)
        status = pl_meta_text(context, node, "output.option", &step->option);
    if (status == PL_OK)
        status = pl_meta_text(context, node, "output.name", &step->output);
    if (status == PL_OK)
        status = pl_meta_text(context, node, "version", &step->version);
    if (status == PL_OK && !is_tool_name(step->tool))
        status = pl_fail(context, PL_BAD_DATA, "tool: not the name of one: '%s'", step->tool);
    if (step->args && step->args->kind != PL_META_LIST)
        step->args = NULL;
    const struct pl_meta_node *inputs = pl_meta_find(node, "inputs");
    if (status || !inputs)
        return status;
    step->inputs = pl_arena_new(context, &script->arena, inputs->count, sizeof *step->inputs);
    if (!step->inputs)
        return context->status;
    for (const struct pl_meta_node *input = inputs->child; input && status == PL_OK;
         input = input->next)
        status = read_input(context, input, number, &step->inputs[step->input_count++]);
    return status;
}

static enum pl_status read_steps(struct script *script, const struct pl_meta_node *history)
{
    struct pl_context *context = script->context;
    if (!history || history->kind != PL_META_LIST || history->count == 0)
        return pl_fail(context, PL_BAD_DATA, "no history was recorded");
    script->steps = pl_arena_new(context, &script->arena, history->count, sizeof *script->steps);
    if (!script->steps)
        return context->status;
    for (const struct pl_meta_node *node = history->child; node; node = node->next) {
        int64_t number = script->count + 1;
        if (read_step(script, node, number, &script->steps[script->count++]))
            return pl_fail_at(context, "history: step %lld", (long long)number);
    }
    return PL_OK;
}

static bool is_standard_input(const struct input *input)
{
    return strcmp(input->name, "-") == 0;
}

/* Inputs that came by standard input; more than one when segments were concatenated. */
static int64_t count_standard(const struct step *step)
{
    int64_t count = 0;
    for (size_t i = 0; i < step->input_count; i++)
        count += is_standard_input(&step->inputs[i]);
    return count;
}

static void find_needed(struct script *script)
{
    script->steps[script->count - 1].needed = true;
    for (int64_t number = script->count; number >= 1; number--) {
        const struct step *step = &script->steps[number - 1];
        bool one = step->needed && count_standard(step) == 1;
        for (size_t i = 0; step->needed && i < step->input_count; i++) {
            if (step->inputs[i].from == 0)
                continue;
            struct step *maker = &script->steps[step->inputs[i].from - 1];
            maker->needed = true;
            maker->uses++;
            maker->piped =
                maker->uses == 1 && one && is_standard_input(&step->inputs[i]) && !*maker->option;
        }
    }
}

static void put_file(struct script *script, int64_t number)
{
    put_number(script, "\"$folder\"/", number, ".plumb");
}

/* An input may be named with more behind a colon: FILE:SCALE. */
static void put_argument(struct script *script, const struct step *step, const char *text)
{
    put(script, " ");
    for (size_t i = 0; i < step->input_count; i++) {
        const struct input *input = &step->inputs[i];
        const size_t size = strlen(input->name);
        if (input->from > 0 && !is_standard_input(input) && strncmp(input->name, text, size) == 0 &&
            (text[size] == '\0' || text[size] == ':')) {
            put_file(script, input->from);
            if (text[size])
                put_word(script, text + size);
            return;
        }
    }
    put_word(script, text);
}

static void put_sum(struct script *script, const struct input *input)
{
    put_word(script, strspn(input->sum, "x0123456789abcdef") == 9 ? input->sum : "unknown");
}

/* A line that puts into the step's file what it held before. */
static void put_before(struct script *script, const struct step *step, int64_t number)
{
    for (size_t i = 0; *step->option && i < step->input_count; i++) {
        const struct input *input = &step->inputs[i];
        if (strcmp(input->name, step->output) != 0)
            continue;
        put(script, "cp ");
        if (input->from > 0) {
            put_file(script, input->from);
        } else {
            put_number(script, "\"${before", number,
                       ":?set it to a file with what was gone on with, sum ");
            put_sum(script, input);
            put(script, "}\"");
        }
        put(script, " ");
        put_file(script, number);
        put(script, "\n");
        return;
    }
}

/* Where the output of a step goes that is not piped. */
static void put_output(struct script *script, const struct step *step, int64_t number)
{
    const bool last = number == script->count;
    if (*step->option) {
        put(script, " > /dev/null\n");
        if (!last)
            return;
        put(script, "cat ");
        put_file(script, number);
    } else if (!last) {
        put(script, " > ");
        put_file(script, number);
    }
    put(script, "\n");
}

/* `TOOL ARGS`, and where its standard input comes from unless that is a pipe. */
static void put_command(struct script *script, const struct step *step, int64_t number)
{
    put_word(script, step->tool);
    if (*step->option) {
        put(script, " ");
        put_word(script, step->option);
        put(script, " ");
        put_file(script, number);
    }
    const struct pl_meta_node *arg = step->args ? step->args->child : NULL;
    for (; arg; arg = arg->next)
        if (arg->kind == PL_META_SCALAR)
            put_argument(script, step, arg->text);
    for (size_t i = 0; i < step->input_count; i++) {
        const struct input *input = &step->inputs[i];
        if (!is_standard_input(input) || input->from > 0)
            continue;
        put_number(script, " < \"${input", number, "");
        put(script, ":?set it to the file that was standard input, sum ");
        put_sum(script, input);
        put(script, "}\"");
    }
}

/* The made inputs that a step reads from standard input, concatenated. */
static void put_cat(struct script *script, const struct step *step)
{
    put(script, "cat");
    for (size_t i = 0; i < step->input_count; i++) {
        if (is_standard_input(&step->inputs[i]) && step->inputs[i].from > 0) {
            put(script, " ");
            put_file(script, step->inputs[i].from);
        }
    }
    put(script, " | ");
}

/* The step that pipes into this one: its number, 0 when there is none, -1 when files do. */
static int64_t find_source(const struct script *script, const struct step *step)
{
    int64_t source = 0;
    for (size_t i = 0; i < step->input_count; i++) {
        const struct input *input = &step->inputs[i];
        if (is_standard_input(input) && input->from > 0)
            source = script->steps[input->from - 1].piped ? input->from : -1;
    }
    return source;
}

/* One line: the step, and before it all that is piped into it. */
static enum pl_status put_pipeline(struct script *script, int64_t number)
{
    int64_t *chain = pl_new(script->context, (size_t)script->count, sizeof *chain);
    if (!chain)
        return script->context->status;
    int64_t length = 0, source = number;
    put_before(script, &script->steps[number - 1], number);
    while (source > 0) {
        chain[length++] = source;
        source = find_source(script, &script->steps[source - 1]);
    }
    if (source < 0)
        put_cat(script, &script->steps[chain[length - 1] - 1]);
    while (length > 0) {
        int64_t at = chain[--length];
        put_command(script, &script->steps[at - 1], at);
        put(script, length > 0 ? " |\n    " : "");
    }
    put_output(script, &script->steps[number - 1], number);
    free(chain);
    return script->status;
}

static void put_head(struct script *script, bool files)
{
    put(script, "#!/bin/sh\n# Makes the stream again on standard output.\n");
    for (int64_t i = 0; i < script->count; i++) {
        const struct step *step = &script->steps[i];
        if (!step->needed)
            continue;
        put_number(script, "# ", i + 1, ": ");
        put_comment(script, step->tool);
        put(script, " ");
        put_comment(script, step->version);
        for (size_t k = 0; k < step->input_count; k++) {
            put(script, k == 0 ? " read " : ", ");
            put_comment(script, is_standard_input(&step->inputs[k]) ? "standard input"
                                                                    : step->inputs[k].name);
            put(script, " (");
            put_comment(script, step->inputs[k].sum);
            put(script, ")");
        }
        put(script, "\n");
    }
    put(script, "set -e\n");
    if (files)
        put(script, "folder=$(mktemp -d)\n"
                    "trap 'rm -rf \"$folder\"' EXIT\n"
                    "trap 'exit 1' HUP INT TERM\n");
}

enum pl_status pl_history_script(struct pl_context *context, const struct pl_meta_node *history,
                                 struct pl_buffer *out)
{
    struct script script = {.context = context, .out = out};
    enum pl_status status = read_steps(&script, history);
    if (status == PL_OK) {
        find_needed(&script);
        bool files = *script.steps[script.count - 1].option;
        for (int64_t i = 0; i < script.count - 1; i++)
            files |= script.steps[i].needed && !script.steps[i].piped;
        put_head(&script, files);
        status = script.status;
    }
    for (int64_t i = 1; i <= script.count && status == PL_OK; i++) {
        const struct step *step = &script.steps[i - 1];
        if (step->needed && !step->piped)
            status = put_pipeline(&script, i);
    }
    pl_arena_release(&script.arena);
    return status;
}
