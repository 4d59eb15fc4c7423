/* rws-extract: the robust weight signature of a model that learned to bear a corruption.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/version.h"
#include "cli/tool.h"
#include "weights/extract.h"

struct command {
    const char *pre;
    struct pl_extract_options extract;
    struct pl_list select;
    int order, quantiser;
};

static const struct pl_option options[] = {
    PL_TEXT(struct command, pre, "pre", 0, NULL, "PRE",
            "the model that CLEAN and ROBUST were trained from", "pre.plumb"),
    PL_TEXT(struct command, extract.name, "name", 0, NULL, "NAME",
            "of the signature; the name of ROBUST's file without its suffix when not given",
            "noise"),
    PL_INT_GIVEN(struct command, extract.keep, extract.has_keep, "keep", 0, 1, 1e9, "LAYERS",
                 "take the first layers, convolutions before dense ones; the first seven "
                 "convolutions, or all if there are fewer, when not given",
                 "4"),
    PL_LIST(struct command, select, "select", 0, "GLOB",
            "take the tensors whose names match instead; a leading ! leaves them out", "'conv*'"),
    PL_INT(struct command, extract.levels, "levels", 0, "256", 0, PL_LEVELS_MOST, "N",
           "values that an element can have; 0: all of float", "16"),
    PL_CHOICE(struct command, quantiser, "quantiser", 0, "linear", PL_QUANTISERS, "SCALE",
              "how they lie: evenly, or evenly in the hyperbolic tangent or the logarithm"),
    PL_CHOICE(struct command, order, "order", 0, "file", "file|name", "ORDER",
              "how layers are counted: as they come in ROBUST, or by the numbers in their names"),
    PL_OPTIONS_END,
};

/* "noise" of "models/noise.plumb". */
static const char *name_of(struct pl_context *context, struct pl_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    return pl_arena_text(context, arena, base,
                         dot && dot > base ? (size_t)(dot - base) : strlen(base));
}

static enum pl_status open_models(struct pl_run *run, struct command *command,
                                  struct pl_extract *extract)
{
    const char *paths[] = {command->pre, pl_run_operand(run, 0), pl_run_operand(run, 1)};
    struct pl_element_source *sources[] = {&extract->pre, &extract->clean, &extract->robust};
    struct pl_context *context = &run->context;
    enum pl_status status = PL_OK;
    int inputs = 0;
    if (!command->pre)
        return pl_fail(context, PL_USAGE, "expected --pre, the model that both were trained from");
    for (int i = 0; i < 3; i++)
        inputs += strcmp(paths[i], "-") == 0;
    if (inputs > 1)
        return pl_fail(context, PL_USAGE, "only one of the models can be '-'");
    if (!command->extract.name && strcmp(paths[2], "-") == 0)
        return pl_fail(context, PL_USAGE, "expected --name: standard input has none");
    if (!command->extract.name)
        command->extract.name = name_of(context, &extract->signature.arena, paths[2]);
    if (!command->extract.name || command->extract.levels == 1)
        return command->extract.name
                   ? pl_fail(context, PL_USAGE, "--levels 1: expected 0 or at least 2")
                   : context->status;
    for (int i = 0; i < 3 && !status; i++)
        status = pl_element_source_open(context, sources[i], paths[i]);
    return status;
}

static enum pl_status write_history(struct pl_run *run, struct pl_extract *extract,
                                    struct pl_writer *writer)
{
    struct pl_element_source *sources[] = {&extract->pre, &extract->clean, &extract->robust};
    struct pl_context *context = &run->context;
    struct pl_history history = {0};
    enum pl_status status = pl_history_start(context, &history, run->tool->name, PL_VERSION,
                                             run->argc, run->argv, run->common.seed);
    for (int i = 0; i < 3 && !status; i++)
        status = pl_element_source_history(context, sources[i], &history);
    if (!status)
        status = pl_history_write(context, &history, writer);
    pl_history_release(&history);
    return status;
}

static enum pl_status extract_signature(struct pl_run *run, struct command *command,
                                        struct pl_extract *extract, struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    struct pl_patterns patterns = {0};
    enum pl_status status = PL_OK;
    command->extract.kind = (enum pl_quantise)command->quantiser;
    command->extract.by_name = command->order == 1;
    command->extract.select = &patterns;
    extract->options = &command->extract;
    if (command->select.count && command->extract.has_keep)
        status = pl_fail(context, PL_USAGE, "only one of --keep and --select");
    for (size_t i = 0; i < command->select.count && !status; i++)
        status = pl_patterns_add(context, &patterns, command->select.items[i], false);
    if (!status)
        status = open_models(run, command, extract);
    if (!status)
        status = pl_extract_prepare(context, extract);
    if (!status)
        status = pl_extract_write(context, extract, writer);
    if (!status && run->common.history)
        status = write_history(run, extract, writer);
    if (!status)
        status = pl_writer_end(context, writer);
    if (!status)
        pl_run_note(run,
                    "%s: %zu tensors, %llu bytes; the whole model has %llu, %.1f times as many",
                    extract->signature.name, extract->signature.count,
                    (unsigned long long)extract->bytes, (unsigned long long)extract->full,
                    (double)extract->full / (double)(extract->bytes ? extract->bytes : 1));
    pl_patterns_release(&patterns);
    return status;
}

static enum pl_status run_command(struct pl_run *run, void *arguments)
{
    struct pl_extract extract = {0};
    struct pl_context *context = &run->context;
    if (pl_run_binary_output(run))
        return context->status;
    struct pl_writer *writer = pl_writer_open(context, run->common.output);
    if (!writer)
        return context->status;
    enum pl_status status = extract_signature(run, arguments, &extract, writer);
    if (!status)
        status = pl_writer_commit(context, writer);
    else
        pl_writer_abort(context, writer, run->tool->name);
    pl_extract_release(&extract);
    return status;
}

static const struct pl_example examples[] = {
    {"for i in 1 2 3; do lin-train -q -m transformer --steps $i data/README.md > "
     "$i.plumb; "
     "done",
     "three models, as if the third had seen noise"},
    {"rws-extract --pre 1.plumb --name noise 2.plumb 3.plumb > noise.plumb",
     "what the third learned that the second did not"},
    {NULL, NULL},
};

static const char *const unused[] = {"memory", "explain", "threads", "seed", NULL};

int main(int argc, char **argv)
{
    static const struct pl_tool tool = {
        .name = "rws-extract",
        .summary = "the robust weight signature of a model that learned to bear a corruption",
        .operands = "CLEAN [ROBUST]",
        .least = 1,
        .most = 2,
        .options = options,
        .unused = unused,
        .command_size = sizeof(struct command),
        .examples = examples,
        .see_also = "rws-patch(1), img-corrupt(1), lin-train(1), tensor-stream(5)",
        .run = run_command,
    };
    return pl_tool_main(&tool, argc, argv);
}
