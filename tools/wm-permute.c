/* wm-permute: reorder the hidden units of networks so that their weights line up.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/version.h"
#include "cli/tool.h"
#include "tensor/blas.h"
#include "weights/permute.h"

struct command {
    struct pl_permute_options permute;
    const char *permutation_out, *report;
    bool print_spec;
};

static const struct pl_option options[] = {
    PL_TEXT(struct command, permute.spec, "spec", 0, NULL, "FILE.yaml",
            "which axes of which tensors are reordered together; by the names of the tensors when "
            "not given",
            "net.yaml"),
    PL_INT(struct command, permute.heads, "heads", 0, "0", 0, 65536, "N",
           "query heads of an attention layer; 0: as the model says", "12"),
    PL_FLAG(struct command, print_spec, "print-spec", 0, "no",
            "print the specification as YAML, checked against the models, and stop"),
    PL_INT(struct command, permute.sweeps, "sweeps", 0, "100", 0, 1e6, "N",
           "most sweeps over the groups of units", "20"),
    PL_INT(struct command, permute.restarts, "restarts", 0, "1", 1, 1e6, "N",
           "searches, all but the first in random orders of the groups, or with --mean of the "
           "models; the best counts",
           "5"),
    PL_FLAG(struct command, permute.buffers, "include-buffers", 0, "no",
            "running statistics of norms take part in the search, too"),
    PL_FLAG(struct command, permute.unlisted, "pass-unlisted", 0, "no",
            "tensors that the specification does not name stay as they are, instead of an error"),
    PL_TEXT(struct command, permute.init, "init", 0, NULL, "FILE", "begin with these permutations",
            "perm.plumb"),
    PL_TEXT(struct command, permute.apply, "apply", 0, NULL, "FILE",
            "apply these permutations to the one model given, and search none", "perm.plumb"),
    PL_FLAG(struct command, permute.inverse, "inverse", 0, "no", "with --apply: undo them instead"),
    PL_REAL_GIVEN(struct command, permute.interpolate, permute.interpolates, "interpolate", 0, -10,
                  10, "T", "write (1 - T) A + T B', merged, instead of B'", "0.5"),
    PL_FLAG(struct command, permute.mean, "mean", 0, "no",
            "write the mean of all models, each matched to the mean of the others"),
    PL_TEXT(struct command, permute.shares, "shares", 0, NULL, "X,Y,...",
            "with --mean: weights of the models in it; equal when not given", "0.5,0.3,0.2"),
    PL_CHOICE(
        struct command, permute.method, "method", 0, "weights", "weights|activations|ste", "METHOD",
        "what is compared: weights, or of classifiers of pictures the activations on data, or "
        "the loss half-way, by straight-through estimation"),
    PL_TEXT(struct command, permute.data, "data", 0, NULL, "FILE", "pictures for these methods",
            "train.plumb"),
    PL_CHOICE(struct command, permute.statistic, "statistic", 0, "corr", "inner|corr", "KIND",
              "activations: their mean product, or their correlation"),
    PL_INT(struct command, permute.samples, "samples", 0, "10000", 1, 1e12, "N",
           "most pictures that activations and --repair look at", "5000"),
    PL_INT(struct command, permute.steps, "steps", 0, "200", 1, 1e9, "N",
           "ste: steps, each with a batch and a search", "1000"),
    PL_INT(struct command, permute.batch, "batch", 0, "500", 1, 1e9, "N",
           "ste: pictures in a batch", "1000"),
    PL_REAL(struct command, permute.rate, "lr", 0, "0.01", 0, 1e6, "RATE", "ste: learning rate",
            "0.1"),
    PL_TEXT(struct command, permute.repair, "repair", 0, NULL, "FILE",
            "mend a merged classifier so that its layers vary on these pictures as those of its "
            "parts do; norms are counted anew",
            "train.plumb"),
    PL_FLAG(struct command, permute.analyse, "analyse", 0, "no",
            "report how far leading singular vectors agree, before and after"),
    PL_TEXT(struct command, permutation_out, "permutation-out", 0, NULL, "FILE",
            "write the permutations, too", "perm.plumb"),
    PL_TEXT(struct command, report, "report", 0, NULL, "FILE",
            "write what was found as one JSON object", "report.json"),
    PL_OPTIONS_END,
};

static void say_step(void *user, int64_t sweep, const char *group, double gain, double inner)
{
    struct pl_run *run = user;
    if (run->common.verbose)
        pl_run_note(run, "sweep %lld: %s: gain %.6g, J %.6f", (long long)sweep + 1, group, gain,
                    inner);
    pl_progress_add(&run->progress, 1);
    pl_run_progress(run);
}

static void say_model(void *user, const char *name, const struct pl_align_report *report)
{
    struct pl_run *run = user;
    pl_run_note(run, "%s: %lld sweeps, J %.4f -> %.4f, distance %.4f -> %.4f (%.1f %% less)", name,
                (long long)report->sweeps, report->before.inner, report->after.inner,
                sqrt(report->before.distance), sqrt(report->after.distance),
                100 * pl_align_reduction(report));
    for (int t = 0; t < report->alignment_after.count; t++)
        pl_run_note(run, "%s: singular vectors from %g of the largest value agree by %.4f -> %.4f",
                    name, report->alignment_after.thresholds[t], report->alignment_before.r[t],
                    report->alignment_after.r[t]);
}

/* A document as YAML to standard output or -o. */
static enum pl_status print_spec(struct pl_run *run, const struct pl_permute *permute)
{
    struct pl_meta meta = {.name = "specification"};
    struct pl_buffer text = {0};
    enum pl_status status = pl_spec_write(&run->context, &permute->spec, &meta);
    if (!status)
        status = pl_meta_write(&run->context, meta.root, &text);
    if (!status)
        status = pl_run_text_output(run, text.data, text.size);
    pl_meta_release(&meta);
    pl_buffer_release(&text);
    return status;
}

static enum pl_status write_report(struct pl_context *context, const struct pl_permute *permute,
                                   const char *path)
{
    struct pl_meta meta = {.name = "report"};
    struct pl_buffer text = {0};
    struct pl_output output = {0};
    enum pl_status status = pl_permute_report(context, permute, &meta);
    if (!status)
        status = pl_json_write(context, meta.root, &text);
    if (!status)
        status = pl_buffer_text(context, &text, "\n");
    if (!status)
        status = pl_output_open(context, &output, path);
    if (!status) {
        status = pl_output_write(context, &output, text.data, text.size);
        if (!status)
            status = pl_output_commit(context, &output);
        pl_output_abort(&output);
    }
    pl_buffer_release(&text);
    pl_meta_release(&meta);
    return status;
}

static enum pl_status write_permutations(struct pl_run *run, const struct pl_permute *permute,
                                         const char *path)
{
    struct pl_context *context = &run->context;
    struct pl_writer *writer = pl_writer_open(context, path);
    if (!writer)
        return context->status;
    enum pl_status status =
        pl_permute_write_permutations(context, permute, run->common.history ? run : NULL, writer);
    if (!status)
        return pl_writer_commit(context, writer);
    pl_writer_abort(context, writer, NULL);
    return status;
}

/* Everything but the opening and closing of the output. */
static enum pl_status permute_models(struct pl_run *run, const struct command *command,
                                     struct pl_permute *permute, struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    enum pl_status status =
        pl_permute_open(context, permute, run->operands, (size_t)run->operand_count);
    if (status || command->print_spec)
        return status ? status : print_spec(run, permute);
    pl_progress_start(&run->progress, "matching", "groups", 0);
    status = pl_permute_search(context, permute);
    if (!status)
        status = pl_permute_write(context, permute, run->common.history ? run : NULL, writer);
    if (!status && command->permutation_out)
        status = write_permutations(run, permute, command->permutation_out);
    if (!status && command->report)
        status = write_report(context, permute, command->report);
    return status;
}

static enum pl_status run_command(struct pl_run *run, void *arguments)
{
    const struct command *command = arguments;
    struct pl_context *context = &run->context;
    struct pl_permute permute = {.options = &command->permute,
                                 .seed = (uint64_t)run->common.seed,
                                 .step = say_step,
                                 .model = say_model,
                                 .user = run};
    struct pl_writer *writer = NULL;
    enum pl_status status = command->print_spec ? PL_OK : pl_run_binary_output(run);
    if (!status && !command->print_spec) {
        writer = pl_writer_open(context, run->common.output);
        status = writer ? PL_OK : context->status;
    }
    if (!status)
        status = permute_models(run, command, &permute, writer);
    if (!status && writer)
        status = pl_writer_commit(context, writer);
    else if (writer)
        pl_writer_abort(context, writer, run->tool->name);
    pl_permute_release(&permute);
    return status;
}

static const struct pl_example examples[] = {
    {"for i in 1 2; do lin-train -q -m transformer --steps 3 --seed $i data/README.md > $i.plumb; "
     "done",
     "two models"},
    {"wm-permute 1.plumb 2.plumb > new.plumb",
     "the second in the order of the first; it computes the same"},
    {"wm-permute --interpolate 0.5 1.plumb 2.plumb | lin-eval - data/README.md",
     "half-way between the two"},
    {NULL, NULL},
};

static const char *const unused[] = {"memory", "explain", NULL};

int main(int argc, char **argv)
{
    static const struct pl_tool tool = {
        .name = "wm-permute",
        .summary = "reorder the hidden units of networks so that their weights line up",
        .operands = "A B ...",
        .least = 0,
        .most = -1,
        .options = options,
        .unused = unused,
        .command_size = sizeof(struct command),
        .examples = examples,
        .see_also = "lmc-scan(1), rws-patch(1), lin-eval(1), tensor-stream(5)",
        .run = run_command,
        .describe = pl_blas_describe,
    };
    return pl_tool_main(&tool, argc, argv);
}
