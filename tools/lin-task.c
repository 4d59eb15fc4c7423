/* lin-task: synthetic tasks and trajectories as streams.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "base/version.h"
#include "cli/tool.h"
#include "series/attractor.h"
#include "stream/history.h"
#include "tensor/names.h"
#include "text/task.h"

struct command {
    int64_t len, pairs, vocab, gap, rows, skip;
    bool has_len, has_pairs, has_vocab, has_gap, has_rows, has_skip;
    const char *group, *parameters;
    double step;
    bool has_step;
};

static const struct pl_option options[] = {
    PL_INT_GIVEN(struct command, len, has_len, "len", 0, 1, 1 << 24, "N",
                 "mqar: tokens of a row (32); group: factors of a word (16); copy: symbols to "
                 "repeat (16)",
                 "64"),
    PL_INT_GIVEN(struct command, rows, has_rows, "rows", 0, 0, 1 << 30, "N",
                 "rows of tokens (1000), or of the trajectory (10000)", "25600"),
    PL_INT_GIVEN(struct command, pairs, has_pairs, "pairs", 0, 1, 1 << 22, "N",
                 "mqar: pairs of key and value (4)", "8"),
    PL_INT_GIVEN(struct command, vocab, has_vocab, "vocab", 0, 1, 1 << 24, "N",
                 "mqar (32), copy (16): number of different tokens", "64"),
    PL_INT_GIVEN(struct command, gap, has_gap, "gap", 0, 0, 1 << 24, "N",
                 "copy: blanks between the symbols and their repetition (0)", "100"),
    PL_TEXT(struct command, group, "group", 0, NULL, "NAME",
            "group: S3 and so on, all permutations; A5, the even ones; Z12, residues (S3)", "A5"),
    PL_REAL_GIVEN(struct command, step, has_step, "step", 0, 1e-9, 1e9, "TIME",
                  "lorenz (0.01), roessler (0.08): time from row to row", "0.02"),
    PL_INT_GIVEN(struct command, skip, has_skip, "skip", 0, 0, 1 << 30, "N",
                 "lorenz, roessler: steps before the first row (2000)", "0"),
    PL_TEXT(struct command, parameters, "parameters", 0, NULL, "A,B,C",
            "lorenz: sigma, rho and beta (10,28,2.6666666666666665); roessler: a, b and c "
            "(0.2,0.2,5.7)",
            "10,28,2.5"),
    PL_OPTIONS_END,
};

static const char *const unused[] = {"memory", "explain", NULL};

/* What can be made. */
struct kind {
    const char *name, *options; /* those of its own, between blanks */
    int task;                   /* enum pl_task_kind */
    int64_t len, vocab;         /* defaults */
    pl_flow *flow;              /* of a trajectory; NULL: a task */
    double step, parameters[3];
};

static const struct kind kinds[] = {
    {"mqar", " len rows pairs vocab ", PL_TASK_MQAR, 32, 32, NULL, 0, {0}},
    {"group", " len rows group ", PL_TASK_GROUP, 16, 0, NULL, 0, {0}},
    {"copy", " len rows vocab gap ", PL_TASK_COPY, 16, 16, NULL, 0, {0}},
    {"lorenz", " rows step skip parameters ", 0, 0, 0, pl_lorenz, 0.01, {10, 28, 8.0 / 3}},
    {"roessler", " rows step skip parameters ", 0, 0, 0, pl_roessler, 0.08, {0.2, 0.2, 5.7}},
};

/* Finds the kind; options that it does not have are refused. */
static enum pl_status find_kind(struct pl_context *context, const struct command *command,
                                const char *name, const struct kind **kind)
{
    const struct {
        const char *name; /* between blanks */
        bool given;
    } given[] = {
        {" len ", command->has_len},
        {" rows ", command->has_rows},
        {" pairs ", command->has_pairs},
        {" vocab ", command->has_vocab},
        {" gap ", command->has_gap},
        {" group ", command->group != NULL},
        {" step ", command->has_step},
        {" skip ", command->has_skip},
        {" parameters ", command->parameters != NULL},
    };
    *kind = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0)
            *kind = &kinds[i];
    if (!*kind)
        return pl_fail(context, PL_USAGE,
                       "unknown task '%s': there is mqar, group, copy, lorenz, roessler", name);
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if (given[i].given && !strstr((*kind)->options, given[i].name))
            return pl_fail(context, PL_USAGE, "--%.*s is not for %s",
                           (int)strlen(given[i].name) - 2, given[i].name + 1, name);
    return PL_OK;
}

/* What is to be made: a task, or with kind->flow a trajectory. */
struct plan {
    const struct kind *kind;
    struct pl_task task;
    struct pl_attractor attractor;
    int64_t rows, skip;
};

static enum pl_status read_parameters(struct pl_context *context, const char *text,
                                      double parameters[3])
{
    const char *at = text;
    for (int i = 0; i < 3; i++) {
        size_t size = strcspn(at, ",");
        if (!pl_parse_double(at, size, &parameters[i]) || !isfinite(parameters[i]) ||
            (at[size] == ',') != (i < 2))
            return pl_fail(context, PL_USAGE, "--parameters '%s': not three numbers", text);
        at += size + 1;
    }
    return PL_OK;
}

static enum pl_status prepare(struct pl_context *context, const struct command *command,
                              uint64_t seed, struct plan *plan)
{
    const struct kind *kind = plan->kind;
    plan->rows = command->has_rows ? command->rows : kind->flow ? 10000 : 1000;
    plan->skip = command->has_skip ? command->skip : 2000;
    if (kind->flow) {
        plan->attractor.flow = kind->flow;
        plan->attractor.step = command->has_step ? command->step : kind->step;
        memcpy(plan->attractor.parameters, kind->parameters, sizeof kind->parameters);
        pl_attractor_start(&plan->attractor, seed);
        return command->parameters
                   ? read_parameters(context, command->parameters, plan->attractor.parameters)
                   : PL_OK;
    }
    plan->task = (struct pl_task){
        .kind = (enum pl_task_kind)kind->task,
        .seed = seed,
        .length = command->has_len ? command->len : kind->len,
        .vocabulary = command->has_vocab ? command->vocab : kind->vocab,
        .pairs = command->has_pairs ? command->pairs : 4,
        .gap = command->gap,
        .group = command->group ? command->group : "S3",
    };
    return pl_task_init(context, &plan->task);
}

/* The records in front of the values. */
static enum pl_status begin_series(struct pl_context *context, struct pl_writer *writer,
                                   int64_t rows)
{
    static const char *const columns[] = {"x", "y", "z"};
    const struct pl_names names = {columns, 3};
    struct pl_tensor packed = {0};
    enum pl_status status = pl_writer_kind(context, writer, "series");
    if (status == PL_OK)
        status = pl_names_pack(context, &names, &packed);
    if (status == PL_OK)
        status = pl_writer_tensor(context, writer, "series.names", &packed, PL_CODEC_RAW);
    pl_tensor_release(&packed);
    if (status == PL_OK)
        status = pl_writer_begin(context, writer, "values", PL_F64, 2,
                                 (int64_t[]){rows, PL_ATTRACTOR_DIMS});
    return status;
}

static enum pl_status write_trajectory(struct pl_context *context, struct plan *plan,
                                       struct pl_writer *writer)
{
    struct pl_attractor *attractor = &plan->attractor;
    enum pl_status status = begin_series(context, writer, plan->rows);
    for (int64_t i = 0; i < plan->skip + plan->rows && status == PL_OK; i++) {
        if (i >= plan->skip)
            status = pl_writer_bytes(context, writer, attractor->state, sizeof attractor->state);
        if (!pl_attractor_next(attractor) && status == PL_OK)
            status = pl_fail(context, PL_NUMERIC,
                             "the trajectory left all bounds at step %lld (a smaller --step?)",
                             (long long)i + 1);
    }
    return status == PL_OK ? pl_writer_finish(context, writer) : status;
}

static enum pl_status end_stream(struct pl_run *run, struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    struct pl_history history = {0};
    enum pl_status status = PL_OK;
    if (run->common.history) {
        status = pl_history_start(context, &history, run->tool->name, PL_VERSION, run->argc,
                                  run->argv, run->common.seed);
        if (status == PL_OK)
            status = pl_history_write(context, &history, writer);
        pl_history_release(&history);
    }
    return status == PL_OK ? pl_writer_end(context, writer) : status;
}

static enum pl_status write_stream(struct pl_run *run, struct plan *plan)
{
    struct pl_context *context = &run->context;
    struct pl_writer *writer = pl_writer_open(context, run->common.output);
    if (!writer)
        return context->status;
    enum pl_status status = plan->kind->flow
                                ? write_trajectory(context, plan, writer)
                                : pl_task_write(context, &plan->task, plan->rows, writer);
    if (status == PL_OK)
        status = end_stream(run, writer);
    if (status == PL_OK)
        return pl_writer_commit(context, writer);
    pl_writer_abort(context, writer, run->tool->name);
    return status;
}

static enum pl_status run(struct pl_run *run, void *filled)
{
    const struct command *command = filled;
    struct plan plan = {.kind = NULL};
    enum pl_status status = find_kind(&run->context, command, pl_run_operand(run, 0), &plan.kind);
    if (status == PL_OK)
        status = pl_run_binary_output(run);
    if (status == PL_OK)
        status = prepare(&run->context, command, (uint64_t)run->common.seed, &plan);
    if (status == PL_OK)
        status = write_stream(run, &plan);
    pl_task_release(&plan.task);
    return status;
}

static const struct pl_example examples[] = {
    {"lin-task mqar --len 64 --pairs 8 --vocab 64 --rows 100 | ts-info", "a recall task"},
    {"lin-task group --group A5 --len 32 > a5.plumb", "words over a group and their products"},
    {"lin-task lorenz --rows 5000 | ts-plot -f term", "a trajectory"},
    {NULL, NULL},
};

static const struct pl_tool tool = {
    .name = "lin-task",
    .summary = "make synthetic tasks and trajectories",
    .operands = "mqar | group | copy | lorenz | roessler",
    .least = 1,
    .most = 1,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "lin-eval(1), lin-train(1), tensor-stream(5)",
    .run = run,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
