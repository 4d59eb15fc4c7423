/* rws-patch: add robust weight signatures to a model, or take them off again.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "base/version.h"
#include "cli/tool.h"
#include "weights/patch.h"

struct command {
    struct pl_list remove;
    bool average, undo, strict;
};

static const struct pl_option options[] = {
    PL_LIST(struct command, remove, "remove", 0, "NAME",
            "take this signature out of the model; all: every one", "noise"),
    PL_FLAG(struct command, average, "average", 0, "no",
            "signatures without a scale of their own have 1 by their number, instead of 1"),
    PL_FLAG(struct command, undo, "undo", 0, "yes",
            "leave out what is needed to remove signatures: the model stays as small as it was"),
    PL_FLAG(struct command, strict, "strict", 0, "no",
            "refuse a signature that was made beside another clean model, instead of a warning"),
    PL_OPTIONS_END,
};

/* A signature as it was named: FILE or FILE:SCALE. */
struct operand {
    const char *path;
    double scale;
    bool scaled;
};

/* The scale is what follows the last colon, if it is a number and no file has the whole name. */
static enum pl_status read_operand(struct pl_context *context, struct pl_arena *arena,
                                   const char *text, struct operand *operand)
{
    const char *colon = strrchr(text, ':');
    *operand = (struct operand){text, 1, false};
    if (!colon || access(text, F_OK) == 0 ||
        !pl_parse_double(colon + 1, strlen(colon + 1), &operand->scale)) {
        operand->scale = 1;
        return PL_OK;
    }
    if (!isfinite(operand->scale))
        return pl_fail(context, PL_USAGE, "'%s': a scale is a finite number", text);
    operand->scaled = true;
    operand->path = pl_arena_text(context, arena, text, (size_t)(colon - text));
    return operand->path ? PL_OK : context->status;
}

static enum pl_status add_signatures(struct pl_run *run, const struct command *command,
                                     struct pl_patching *patching)
{
    struct pl_context *context = &run->context;
    const int count = run->operand_count - 1;
    enum pl_status status = PL_OK;
    for (int i = 0; i < count && !status; i++) {
        struct operand operand;
        status = read_operand(context, &patching->arena, run->operands[i + 1], &operand);
        if (!status && strcmp(operand.path, "-") == 0 && strcmp(run->operands[0], "-") == 0)
            status = pl_fail(context, PL_USAGE, "only one of the inputs can be '-'");
        if (!status && command->average && !operand.scaled)
            operand.scale = 1.0 / count;
        if (!status)
            status = pl_patching_add(context, patching, operand.path, operand.scale);
    }
    return status;
}

static enum pl_status write_history(struct pl_run *run, struct pl_patching *patching,
                                    struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    struct pl_history history = {0};
    enum pl_status status = pl_history_start(context, &history, run->tool->name, PL_VERSION,
                                             run->argc, run->argv, run->common.seed);
    if (!status)
        status = pl_element_source_history(context, &patching->model, &history);
    for (size_t i = 0; i < patching->file_count && !status; i++)
        status = pl_element_source_history(context, &patching->files[i], &history);
    if (!status)
        status = pl_history_write(context, &history, writer);
    pl_history_release(&history);
    return status;
}

static enum pl_status patch_model(struct pl_run *run, const struct command *command,
                                  struct pl_patching *patching, struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    const size_t more = run->operand_count > 1 ? (size_t)run->operand_count - 1 : 0;
    if (more == 0 && command->remove.count == 0)
        return pl_fail(context, PL_USAGE, "expected a signature, or --remove");
    enum pl_status status = pl_patching_open(context, patching, pl_run_operand(run, 0), more);
    for (size_t i = 0; i < command->remove.count && !status; i++)
        status = pl_patching_remove(context, patching, command->remove.items[i]);
    if (!status)
        status = add_signatures(run, command, patching);
    if (!status)
        status = pl_patching_check(context, patching);
    if (!status)
        status = pl_patching_write(context, patching, writer);
    if (!status && run->common.history)
        status = write_history(run, patching, writer);
    if (!status)
        status = pl_writer_end(context, writer);
    for (size_t i = 0; i < patching->count && !status; i++)
        pl_run_note(run, "%s: scale %g, %zu tensors", patching->patches[i].signature.name,
                    patching->patches[i].scale, patching->patches[i].signature.count);
    return status;
}

static enum pl_status run_command(struct pl_run *run, void *arguments)
{
    const struct command *command = arguments;
    struct pl_context *context = &run->context;
    struct pl_patching patching = {.undo = command->undo, .strict = command->strict};
    if (pl_run_binary_output(run))
        return context->status;
    struct pl_writer *writer = pl_writer_open(context, run->common.output);
    if (!writer)
        return context->status;
    enum pl_status status = patch_model(run, command, &patching, writer);
    if (!status)
        status = pl_writer_commit(context, writer);
    else
        pl_writer_abort(context, writer, run->tool->name);
    pl_patching_release(&patching);
    return status;
}

static const struct pl_example examples[] = {
    {"for i in 1 2 3; do lin-train -q -m transformer --steps $i data/README.md > "
     "$i.plumb; "
     "done",
     "three models"},
    {"rws-extract --pre 1.plumb --name noise 2.plumb 3.plumb > noise.plumb",
     "what the third learned that the second did not"},
    {"rws-patch 2.plumb noise.plumb:0.8 > patched.plumb",
     "four fifths of that added to the second"},
    {"rws-patch --remove noise patched.plumb | ts-diff - 2.plumb", "taken off: the same bits"},
    {NULL, NULL},
};

static const char *const unused[] = {"memory", "explain", "threads", "seed", NULL};

int main(int argc, char **argv)
{
    static const struct pl_tool tool = {
        .name = "rws-patch",
        .summary = "add robust weight signatures to a model, or take them off again",
        .operands = "[MODEL [SIGNATURE[:SCALE] ...]]",
        .most = -1,
        .options = options,
        .unused = unused,
        .command_size = sizeof(struct command),
        .examples = examples,
        .see_also = "rws-extract(1), wm-permute(1), ts-diff(1), tensor-stream(5)",
        .run = run_command,
    };
    return pl_tool_main(&tool, argc, argv);
}
