/* ts-diff: what differs between two tensor streams.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/tool.h"
#include "formats/input.h"
#include "inspect/diff.h"

struct command {
    double rtol, atol;     /* tolerance: |a - b| <= atol + rtol |b| */
    struct pl_list ignore; /* globs of tensors to leave out */
    bool json;
};

static const struct pl_option options[] = {
    PL_REAL(struct command, rtol, "rtol", 0, "0", 0, 1e308, "X",
            "relative tolerance: a and b pass when |a - b| is at most ATOL + RTOL |b|", "1e-6"),
    PL_REAL(struct command, atol, "atol", 0, "0", 0, 1e308, "X", "absolute tolerance", "1e-9"),
    PL_LIST(struct command, ignore, "ignore", 0, "GLOB",
            "leave out tensors whose name matches GLOB", "'optim.*'"),
    PL_FLAG(struct command, json, "json", 0, NULL, "print one JSON object a segment, one a line"),
    PL_OPTIONS_END,
};

static const char *const unused[] = {"seed", "memory", "threads", "history", "explain", NULL};

/* Everything that comparing needs. */
struct job {
    struct pl_run *run;
    const struct command *command;
    struct pl_store a, b;
    struct pl_diff diff;
    struct pl_output output;
    struct pl_buffer out; /* text of one segment */
    bool differs;
};

static enum pl_status print(struct job *job, uint64_t segment)
{
    struct pl_context *context = &job->run->context;
    bool all = job->run->common.verbose;
    enum pl_status status = PL_OK;
    job->out.size = 0;
    if (job->command->json)
        status = pl_diff_json(context, &job->diff, all, segment, &job->out);
    else if (!job->run->common.quiet)
        status = pl_diff_text(context, &job->diff, all, &job->out);
    if (status != PL_OK)
        return status;
    return pl_output_write(context, &job->output, job->out.data, job->out.size);
}

/* One of the inputs has fewer segments. */
static enum pl_status print_odd_segment(struct job *job, uint64_t segment, bool in_a)
{
    struct pl_context *context = &job->run->context;
    enum pl_status status = PL_OK;
    job->differs = true;
    job->out.size = 0;
    if (job->command->json)
        status = pl_buffer_printf(context, &job->out,
                                  "{\"segment\": %llu, \"equal\": false, \"only\": \"%s\"}\n",
                                  (unsigned long long)segment, in_a ? "a" : "b");
    else if (!job->run->common.quiet)
        status = pl_buffer_printf(context, &job->out, "segment %llu: only in %s\n",
                                  (unsigned long long)segment, in_a ? "A" : "B");
    if (status != PL_OK)
        return status;
    return pl_output_write(context, &job->output, job->out.data, job->out.size);
}

static enum pl_status compare(struct job *job)
{
    struct pl_context *context = &job->run->context;
    for (uint64_t segment = 1;; segment++) {
        bool in_a, in_b;
        enum pl_status status = pl_store_next(context, &job->a, &in_a);
        if (status == PL_OK)
            status = pl_store_next(context, &job->b, &in_b);
        if (status != PL_OK || (!in_a && !in_b))
            return status;
        if (in_a && in_b) {
            status = pl_diff_segments(context, &job->diff, &job->a, &job->b);
            if (status == PL_OK)
                status = print(job, segment);
            job->differs |= job->diff.differs;
        } else {
            status = print_odd_segment(job, segment, in_a);
        }
        if (status != PL_OK)
            return status;
    }
}

static enum pl_status open_inputs(struct job *job)
{
    struct pl_run *run = job->run;
    struct pl_source source;
    if (strcmp(run->operands[0], "-") == 0 && strcmp(run->operands[1], "-") == 0)
        return pl_fail(&run->context, PL_USAGE, "only one of the two inputs can be '-'");
    job->a.input = pl_input_open(&run->context, run->operands[0], NULL, &source);
    if (job->a.input)
        job->b.input = pl_input_open(&run->context, run->operands[1], NULL, &source);
    if (!job->b.input)
        return run->context.status;
    return pl_output_open(&run->context, &job->output, run->common.output);
}

static enum pl_status run(struct pl_run *run, void *filled)
{
    const struct command *command = filled;
    struct pl_context *context = &run->context;
    struct job job = {.run = run, .command = command};
    job.diff.rtol = command->rtol;
    job.diff.atol = command->atol;
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < command->ignore.count && status == PL_OK; i++)
        status = pl_patterns_add(context, &job.diff.ignore, command->ignore.items[i], true);
    if (status == PL_OK)
        status = open_inputs(&job);
    if (status == PL_OK) {
        status = compare(&job);
        if (status == PL_OK)
            status = pl_output_commit(context, &job.output);
        pl_output_abort(&job.output);
    }
    pl_store_release(&job.a);
    pl_store_release(&job.b);
    pl_reader_close(job.a.input);
    pl_reader_close(job.b.input);
    pl_diff_release(&job.diff);
    pl_buffer_release(&job.out);
    return status == PL_OK && job.differs ? PL_NO : status;
}

static const struct pl_example examples[] = {
    {"ts-import data/co2.csv | ts-diff - data/co2.csv", "a file and what was made from it"},
    {"ts-select --cast f32 data/co2.csv | ts-diff -v --rtol 1e-6 --ignore time - data/co2.csv || "
     "test $? = 1",
     "how far rounding to f32 goes; the dtypes differ, so the answer is no"},
    {NULL, NULL},
};

static const struct pl_tool tool = {
    .name = "ts-diff",
    .summary = "compare two tensor streams",
    .operands = "A B",
    .least = 2,
    .most = 2,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "ts-check(1), ts-info(1), ts-select(1), tensor-stream(5)",
    .run = run,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
