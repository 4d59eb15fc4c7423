/* lmc-scan: the loss on the straight line between two networks.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/table.h"
#include "base/version.h"
#include "cli/tool.h"
#include "stream/history.h"
#include "tensor/blas.h"
#include "weights/scan.h"

struct command {
    struct pl_scan_options scan;
    const char *base; /* the model that both were trained from; NULL: not known */
    int norms, chord;
    bool json;
};

static const struct pl_option options[] = {
    PL_INT(struct command, scan.points, "points", 0, "25", 2, 100000, "N",
           "points of the line, both ends among them", "3"),
    PL_INT(struct command, scan.most, "max-samples", 0, "0", 0, 1e12, "N",
           "take the first pictures alone; 0: all", "2000"),
    PL_CHOICE(
        struct command, norms, "norms", 0, "reset", "interpolate|reset", "HOW",
        "running statistics of batch norms: on the line, too, or counted anew at each point on "
        "the pictures that are taken"),
    PL_CHOICE(struct command, chord, "chord", 0, "line", "line|mean", "CHORD",
              "what the excess is over: the line between the losses at the ends, or their mean"),
    PL_FLAG(struct command, scan.refine, "refine", 0, "no",
            "narrow the highest point down between its neighbours"),
    PL_REAL(struct command, scan.tolerance, "tol", 0, "0.02", 0, 1e300, "NATS",
            "a lower barrier counts as none", "0.01"),
    PL_FLAG(struct command, scan.predict, "predict", 0, "yes",
            "leave out what slope and curvature at the ends and half-way say of the barrier"),
    PL_REAL(struct command, scan.eps, "eps", 0, "0.01", 1e-6, 1, "SHARE",
            "of the way between the models, for differences that give the curvature", "0.02"),
    PL_FLAG(struct command, scan.align, "align", 0, "yes",
            "leave out how far singular vectors of the weights agree"),
    PL_FLAG(struct command, scan.layers, "layers", 0, "no",
            "scan each layer by itself, too, all others as in A and as in B"),
    PL_FLAG(struct command, scan.terms, "terms", 0, "no",
            "part the excess half-way into its exact terms"),
    PL_TEXT(struct command, base, "base", 0, NULL, "FORK",
            "the model that both were trained from: where they lie as seen from it", "fork.plumb"),
    PL_FLAG(struct command, json, "json", 0, "no", "print the report as one JSON object"),
    PL_OPTIONS_END,
};

static void say_step(void *user)
{
    struct pl_run *run = user;
    pl_progress_add(&run->progress, 1);
    pl_run_progress(run);
}

/* The curve for people. */
static enum pl_status print_table(struct pl_run *run, const struct pl_scan *scan)
{
    struct pl_context *context = &run->context;
    const struct pl_line *line = &scan->line;
    struct pl_table table = {.align = "rrrr"};
    struct pl_buffer text = {0};
    pl_table_cell(context, &table, "T");
    pl_table_cell(context, &table, "LOSS");
    pl_table_cell(context, &table, "ACCURACY");
    pl_table_cell(context, &table, "EXCESS");
    for (int64_t i = 0; i < line->count; i++) {
        pl_table_cell(context, &table, "%.4f", line->points[i].t);
        pl_table_cell(context, &table, "%.4f", line->points[i].loss);
        pl_table_cell(context, &table, "%.4f", line->points[i].right);
        pl_table_cell(context, &table, "%.4f", line->points[i].excess);
    }
    enum pl_status status = pl_table_write(context, &table, &text);
    if (!status)
        status = pl_buffer_printf(
            context, &text, "barrier %.4f at t %.4f: %s\n", line->barrier, line->barrier_at,
            line->barrier < scan->options->tolerance ? "connected" : "not connected");
    if (!status)
        status = pl_run_text_output(run, text.data, text.size);
    pl_table_release(&table);
    pl_buffer_release(&text);
    return status;
}

static enum pl_status print_json(struct pl_run *run, const struct pl_scan *scan)
{
    struct pl_meta meta = {.name = "report"};
    struct pl_buffer text = {0};
    enum pl_status status = pl_scan_report(&run->context, scan, &meta);
    if (!status)
        status = pl_json_write(&run->context, meta.root, &text);
    if (!status)
        status = pl_buffer_text(&run->context, &text, "\n");
    if (!status)
        status = pl_run_text_output(run, text.data, text.size);
    pl_meta_release(&meta);
    pl_buffer_release(&text);
    return status;
}

static enum pl_status write_history(struct pl_run *run, const struct pl_scan *scan,
                                    struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    struct pl_history history = {0};
    enum pl_status status = pl_history_start(context, &history, run->tool->name, PL_VERSION,
                                             run->argc, run->argv, run->common.seed);
    for (int i = 0; i < PL_SCAN_INPUTS && !status; i++) {
        const bool stream = scan->sources[i].format == PL_FORMAT_STREAM;
        if (!scan->paths[i])
            continue;
        status = pl_history_input(context, &history, scan->paths[i],
                                  stream ? scan->bundles[i].sum : scan->sources[i].sum,
                                  pl_bundle_document(&scan->bundles[i], "history"));
    }
    if (!status)
        status = pl_history_write(context, &history, writer);
    pl_history_release(&history);
    return status;
}

static enum pl_status scan_line(struct pl_run *run, struct pl_scan *scan)
{
    int inputs = 0;
    for (int i = 0; i < PL_SCAN_INPUTS; i++)
        inputs += scan->paths[i] && strcmp(scan->paths[i], "-") == 0;
    if (inputs > 1)
        return pl_fail(&run->context, PL_USAGE, "only one of the inputs can be '-'");
    pl_progress_start(&run->progress, "scanning", "evaluations", 0);
    enum pl_status status = pl_scan_open(&run->context, scan);
    return status ? status : pl_scan_run(&run->context, scan);
}

static enum pl_status write_stream(struct pl_run *run, struct pl_scan *scan)
{
    struct pl_context *context = &run->context;
    struct pl_writer *writer = pl_writer_open(context, run->common.output);
    if (!writer)
        return context->status;
    enum pl_status status = scan_line(run, scan);
    if (!status)
        status = pl_scan_write(context, scan, writer);
    if (!status && run->common.history)
        status = write_history(run, scan, writer);
    if (!status)
        status = pl_writer_end(context, writer);
    if (!status)
        return pl_writer_commit(context, writer);
    pl_writer_abort(context, writer, run->tool->name);
    return status;
}

static enum pl_status run_command(struct pl_run *run, void *arguments)
{
    struct command *command = arguments;
    struct pl_scan scan = {
        .options = &command->scan,
        .paths = {run->operands[0], run->operands[1], run->operands[2], command->base},
        .step = say_step,
        .user = run};
    command->scan.reset = command->norms == 1;
    command->scan.mean_chord = command->chord == 1;
    const bool text = command->json || pl_run_to_terminal(run);
    enum pl_status status = text ? scan_line(run, &scan) : write_stream(run, &scan);
    if (!status && text)
        status = command->json ? print_json(run, &scan) : print_table(run, &scan);
    if (!status && !text)
        pl_run_note(run, "barrier %.4f at t %.4f, distance %.4f", scan.line.barrier,
                    scan.line.barrier_at, sqrt(scan.sums.distance));
    pl_scan_release(&scan);
    return status;
}

static const struct pl_example examples[] = {
    {"ts-import --images data/digits-images.gz --labels data/digits-labels.gz > digits.plumb",
     "pictures"},
    {"for i in 1 2; do lin-train -q -m mlp --epochs 1 --seed $i digits.plumb > $i.plumb; done",
     "two nets"},
    {"lmc-scan --points 5 1.plumb 2.plumb digits.plumb | ts-plot -f term", "the line between them"},
    {"wm-permute -q 1.plumb 2.plumb | lmc-scan --json --points 5 1.plumb - digits.plumb",
     "the same after reordering, as JSON"},
    {NULL, NULL},
};

static const char *const unused[] = {"memory", "explain", NULL};

int main(int argc, char **argv)
{
    static const struct pl_tool tool = {
        .name = "lmc-scan",
        .summary = "the loss on the straight line between two networks",
        .operands = "A B DATA",
        .least = 3,
        .most = 3,
        .options = options,
        .unused = unused,
        .command_size = sizeof(struct command),
        .examples = examples,
        .see_also = "wm-permute(1), lin-eval(1), ts-plot(1)",
        .run = run_command,
        .describe = pl_blas_describe,
    };
    return pl_tool_main(&tool, argc, argv);
}
