/* Provenance: collecting the steps that made a stream.  Their way back to a script is in script.c.
 * SPDX-License-Identifier: MIT */
#include "stream/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum pl_status pl_history_start(struct pl_context *context, struct pl_history *history,
                                const char *tool, const char *version, int argc, char **argv,
                                int64_t seed)
{
    *history = (struct pl_history){0};
    struct pl_meta *meta = &history->meta;
    struct pl_meta_node *root = pl_meta_add_map(context, meta, NULL, NULL);
    history->steps = pl_meta_add_list(context, meta, root, "steps");
    struct pl_meta_node *step = pl_meta_add_map(context, meta, root, "step");
    pl_meta_add_text(context, meta, step, "tool", tool);
    pl_meta_add_text(context, meta, step, "version", version);
    struct pl_meta_node *args = pl_meta_add_list(context, meta, step, "args");
    for (int i = 1; i < argc; i++)
        pl_meta_add_text(context, meta, args, NULL, argv[i]);
    pl_meta_add_int(context, meta, step, "seed", seed);
    history->inputs = pl_meta_add_list(context, meta, step, "inputs");
    history->step = step;
    return pl_meta_ok(meta, context) ? PL_OK : context->status;
}

static bool are_equal(const struct pl_meta_node *a, const struct pl_meta_node *b)
{
    if (a->kind != b->kind || a->count != b->count)
        return false;
    if ((a->key == NULL) != (b->key == NULL) || (a->key && strcmp(a->key, b->key) != 0))
        return false;
    if (a->kind == PL_META_SCALAR)
        return a->text_size == b->text_size && memcmp(a->text, b->text, a->text_size) == 0;
    const struct pl_meta_node *x = a->child, *y = b->child;
    while (x && are_equal(x, y)) {
        x = x->next;
        y = y->next;
    }
    return !x;
}

/* Copies an entry's inputs; numbers[i] is what entry i + 1 of its list is called in ours. */
static void copy_inputs(struct pl_context *context, struct pl_meta *meta,
                        struct pl_meta_node *parent, const struct pl_meta_node *inputs,
                        const int64_t *numbers, int64_t known)
{
    struct pl_meta_node *list = pl_meta_add_list(context, meta, parent, "inputs");
    for (const struct pl_meta_node *input = inputs->child; list && input; input = input->next) {
        struct pl_meta_node *copy = pl_meta_add_map(context, meta, list, NULL);
        for (const struct pl_meta_node *field = input->child; copy && field; field = field->next) {
            struct pl_context unused = {0};
            int64_t from = 0;
            bool number = field->key && strcmp(field->key, "from") == 0;
            if (!number)
                pl_meta_add_copy(context, meta, copy, NULL, field);
            else if (pl_meta_int(&unused, field, "", &from) == PL_OK && from > 0 && from <= known)
                pl_meta_add_int(context, meta, copy, "from", numbers[from - 1]);
        }
    }
}

/* Adds an entry of an input's history unless the same one is there; returns its number. */
static int64_t add_step(struct pl_context *context, struct pl_history *history,
                        const struct pl_meta_node *entry, const int64_t *numbers, int64_t known)
{
    struct pl_meta_node *steps = history->steps, *before = steps->last;
    struct pl_meta_node *added = pl_meta_add_map(context, &history->meta, steps, NULL);
    for (const struct pl_meta_node *field = entry->child; added && field; field = field->next) {
        bool inputs = field->kind == PL_META_LIST && field->key && !strcmp(field->key, "inputs");
        if (inputs)
            copy_inputs(context, &history->meta, added, field, numbers, known);
        else
            pl_meta_add_copy(context, &history->meta, added, NULL, field);
    }
    int64_t number = 1;
    const struct pl_meta_node *same = steps->child;
    for (; added && same != added && !are_equal(same, added); same = same->next)
        number++;
    if (added && same != added) { /* take it off the list again */
        steps->last = before;
        before->next = NULL;
        steps->count--;
    }
    return number;
}

/* Adds all entries of an input's history; *last is the number of the one that made the input. */
static enum pl_status add_steps(struct pl_context *context, struct pl_history *history,
                                const struct pl_meta_node *before, int64_t *last)
{
    int64_t *numbers = pl_new(context, before->count, sizeof *numbers);
    if (!numbers)
        return context->status;
    int64_t known = 0;
    for (const struct pl_meta_node *entry = before->child; entry; entry = entry->next) {
        numbers[known] = add_step(context, history, entry, numbers, known);
        known++;
    }
    *last = known > 0 ? numbers[known - 1] : 0;
    free(numbers);
    return pl_meta_ok(&history->meta, context) ? PL_OK : context->status;
}

static bool is_history(const struct pl_meta_node *node)
{
    if (node->kind != PL_META_LIST)
        return false;
    for (const struct pl_meta_node *entry = node->child; entry; entry = entry->next)
        if (entry->kind != PL_META_MAP)
            return false;
    return true;
}

enum pl_status pl_history_input(struct pl_context *context, struct pl_history *history,
                                const char *name, uint32_t sum, const struct pl_meta_node *before)
{
    struct pl_meta *meta = &history->meta;
    int64_t from = 0;
    if (before && !is_history(before))
        pl_warn(context, "%s: its history is not a list of steps and is left out", name);
    else if (before) {
        enum pl_status status = add_steps(context, history, before, &from);
        if (status)
            return status;
    }
    char digits[10];
    snprintf(digits, sizeof digits, "x%08x", sum);
    struct pl_meta_node *input = pl_meta_add_map(context, meta, history->inputs, NULL);
    pl_meta_add_text(context, meta, input, "name", name);
    pl_meta_add_text(context, meta, input, "sum", digits);
    if (from > 0)
        pl_meta_add_int(context, meta, input, "from", from);
    return pl_meta_ok(meta, context) ? PL_OK : context->status;
}

void pl_history_output(struct pl_context *context, struct pl_history *history, const char *option,
                       const char *name)
{
    struct pl_meta *meta = &history->meta;
    struct pl_meta_node *output = pl_meta_add_map(context, meta, history->step, "output");
    pl_meta_add_text(context, meta, output, "option", option);
    pl_meta_add_text(context, meta, output, "name", name);
}

enum pl_status pl_history_write(struct pl_context *context, struct pl_history *history,
                                struct pl_writer *writer)
{
    if (!history->whole)
        pl_meta_add_copy(context, &history->meta, history->steps, NULL, history->step);
    history->whole = true;
    if (!pl_meta_ok(&history->meta, context))
        return context->status;
    return pl_writer_meta(context, writer, "history", history->steps);
}

void pl_history_release(struct pl_history *history)
{
    pl_meta_release(&history->meta);
    *history = (struct pl_history){0};
}
