/* lin-convert: a transformer becomes a linear model; adapters are merged.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "cli/tool.h"
#include "formats/input.h"
#include "models/convert.h"
#include "models/lora.h"

enum { MOST_SETTINGS = 64, SETTING_SIZE = 96 };

struct command {
    int method; /* of `methods`; -1: none */
    bool merge;
    int64_t window; /* 0: that of the method */
    const char *gate, *mix, *form, *layers;
    int64_t slots, features;
    bool window_only;
    struct pl_list settings;
};

static const char *const methods[] = {"liger", "lolcats"};

static const struct pl_option options[] = {
    PL_CHOICE(struct command, method, "method", 0, NULL, "liger|lolcats", "METHOD",
              "how the transformer becomes linear"),
    PL_FLAG(struct command, merge, "merge-lora", 0, "no",
            "merge the low-rank adapters of a model into its weights, instead of --method"),
    PL_INT(struct command, window, "window", 0, NULL, 1, 1e9, "ROWS",
           "rows of the softmax window; 64 when not given", "128"),
    PL_TEXT(struct command, gate, "gate", 0, NULL, "KIND", "liger: gla, gsa or hgrn2", "gsa"),
    PL_TEXT(
        struct command, mix, "mix", 0, NULL, "SHARE",
        "liger: share of the recurrence, 0.5 when not given; learn: a number of each layer, from "
        "0.03 on",
        "learn"),
    PL_INT(struct command, slots, "slots", 0, NULL, 1, 65536, "N",
           "liger with gate gsa: slots of a head; its width when not given", "64"),
    PL_TEXT(
        struct command, form, "form", 0, NULL, "FORM",
        "lolcats: tk, the row's block and the one before, when not given; sw, the last rows; or "
        "linear, no window",
        "sw"),
    PL_INT(struct command, features, "feature-dim", 0, NULL, 1, 65536, "N",
           "lolcats: width of a feature map; that of a head when not given", "64"),
    PL_TEXT(struct command, layers, "softmax-layers", 0, NULL, "LAYERS",
            "layers, from 0, that stay softmax attention, separated by commas", "0,4"),
    PL_FLAG(struct command, window_only, "window-only", 0, NULL,
            "drop what is before the window: the baseline that a method has to beat"),
    PL_OPTIONS_END,
};

static const struct pl_option settings[] = {
    PL_LIST(struct command, settings, "settings", 0, "KEY=VALUE", "settings of the model", NULL),
    PL_OPTIONS_END,
};

/* ---- Settings of the model ----------------------------------------------------------------- */

struct texts {
    const char *items[MOST_SETTINGS];
    size_t count;
    char own[MOST_SETTINGS][SETTING_SIZE];
};

static enum pl_status add(struct pl_context *context, struct texts *texts, const char *key,
                          const char *value)
{
    if (texts->count == MOST_SETTINGS || strlen(key) + strlen(value) + 2 > SETTING_SIZE)
        return pl_fail(context, PL_USAGE, "--%s '%.64s...': too long", key, value);
    snprintf(texts->own[texts->count], SETTING_SIZE, "%s=%s", key, value);
    texts->items[texts->count] = texts->own[texts->count];
    texts->count++;
    return PL_OK;
}

static enum pl_status add_number(struct pl_context *context, struct texts *texts, const char *key,
                                 int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return value ? add(context, texts, key, text) : PL_OK;
}

static enum pl_status add_text(struct pl_context *context, struct texts *texts, const char *key,
                               const char *value)
{
    return value ? add(context, texts, key, value) : PL_OK;
}

static enum pl_status collect(struct pl_context *context, const struct command *command,
                              struct texts *texts)
{
    const bool liger = command->method == 0;
    const bool learn = command->mix && strcmp(command->mix, "learn") == 0;
    if (add_number(context, texts, "window", command->window) ||
        add_text(context, texts, "gate", command->gate) ||
        add_text(context, texts, "mix", learn ? "0.03" : command->mix) ||
        add_text(context, texts, "learn-mix", learn ? "yes" : NULL) ||
        add_number(context, texts, "slots", command->slots) ||
        add_text(context, texts, "form", command->form) ||
        add_number(context, texts, "feature-dim", command->features) ||
        add_text(context, texts, "softmax-layers", command->layers))
        return context->status;
    if (command->window_only && command->mix)
        return pl_fail(context, PL_USAGE, "--window-only leaves nothing for --mix");
    if (command->window_only && add(context, texts, liger ? "mix" : "far", liger ? "0" : "no"))
        return context->status;
    for (size_t i = 0; i < command->settings.count; i++) {
        if (texts->count == MOST_SETTINGS)
            return pl_fail(context, PL_USAGE, "more than %d settings", MOST_SETTINGS);
        texts->items[texts->count++] = command->settings.items[i];
    }
    return PL_OK;
}

/* ---- The run ------------------------------------------------------------------------------- */

/* What is to be done next, with which it will be about as good as such a model gets. */
static void advise(struct pl_run *run, const struct command *command,
                   const struct pl_conversion *conversion)
{
    const struct pl_lm *lm = &conversion->lm;
    const long long tokens = lm->sequence > 0 ? lm->sequence : 1024;
    pl_run_note(run, "%s: %lld parameters, %lld of them new", lm->type->name,
                (long long)lm->parameters.elements, (long long)conversion->added);
    if (command->window_only)
        return;
    if (command->method == 1)
        pl_run_note(run,
                    "next: lin-train --attention-transfer MODEL TEXT, which takes 300 steps of 4 x "
                    "%lld tokens, about 6 passes of a transformer over each; then lin-train --lora "
                    "q,k,v,o",
                    tokens);
    else
        pl_run_note(
            run,
            "next: lin-train --lora q,k,v --lr 5e-3 MODEL TEXT, which takes 600 steps of 4 x "
            "%lld tokens, about 6 passes of a transformer over each",
            tokens);
}

static enum pl_status write_history(struct pl_run *run, uint32_t sum,
                                    const struct pl_meta_node *before, struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    struct pl_history history = {0};
    if (!run->common.history)
        return PL_OK;
    enum pl_status status = pl_history_start(context, &history, run->tool->name, PL_VERSION,
                                             run->argc, run->argv, run->common.seed);
    if (!status)
        status = pl_history_input(context, &history, pl_run_operand(run, 0), sum, before);
    if (!status)
        status = pl_history_write(context, &history, writer);
    pl_history_release(&history);
    return status;
}

static enum pl_status convert(struct pl_run *run, const struct command *command,
                              struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    struct texts texts = {0};
    struct pl_source source;
    struct pl_conversion conversion = {.type = pl_model_find(methods[command->method]),
                                       .settings = texts.items};
    if (collect(context, command, &texts))
        return context->status;
    conversion.setting_count = texts.count;
    struct pl_reader *reader = pl_input_open(context, pl_run_operand(run, 0), NULL, &source);
    if (!reader)
        return context->status;
    enum pl_status status =
        pl_convert_stream(context, &conversion, reader, (uint64_t)run->common.seed, writer);
    const bool stream = source.format == PL_FORMAT_STREAM;
    if (!status)
        status = write_history(run, stream ? pl_reader_sum(reader) : source.sum,
                               stream ? conversion.history.root : NULL, writer);
    if (!status)
        advise(run, command, &conversion);
    pl_conversion_release(&conversion);
    pl_reader_close(reader);
    return status;
}

static enum pl_status merge(struct pl_run *run, struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    struct pl_source source;
    struct pl_bundle bundle = {0};
    if (pl_input_bundle(context, pl_run_operand(run, 0), NULL, &source, &bundle))
        return context->status;
    enum pl_status status = pl_lora_merge(context, &bundle, writer);
    if (!status)
        status = write_history(run, bundle.sum, pl_bundle_document(&bundle, "history"), writer);
    pl_bundle_release(&bundle);
    return status;
}

static enum pl_status refuse(struct pl_context *context, const void *arguments, const char *option)
{
    const struct command *command = arguments;
    if (strcmp(option, "method") == 0 || strcmp(option, "merge-lora") == 0 ||
        strcmp(option, "window-only") == 0 || command->method >= 0)
        return PL_OK;
    return pl_fail(context, PL_USAGE, "--%s has an effect only with --method", option);
}

static enum pl_status run(struct pl_run *run, void *fields)
{
    const struct command *command = fields;
    struct pl_context *context = &run->context;
    if (command->merge == (command->method >= 0))
        return pl_fail(context, PL_USAGE, "%s",
                       command->merge ? "--merge-lora and --method exclude each other"
                                      : "--method or --merge-lora is needed");
    if (pl_run_binary_output(run))
        return context->status;
    struct pl_writer *writer = pl_writer_open(context, run->common.output);
    if (!writer)
        return context->status;
    enum pl_status status = command->merge ? merge(run, writer) : convert(run, command, writer);
    if (!status)
        status = pl_writer_end(context, writer);
    if (!status)
        return pl_writer_commit(context, writer);
    pl_writer_abort(context, writer, run->tool->name);
    return status;
}

/* Keys that --set takes: options of the two models, one behind the other. */
static const char *setting_key(size_t index)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        for (const struct pl_option *option = pl_model_find(methods[i])->options; option->name;
             option++)
            if (index-- == 0)
                return option->name;
    return NULL;
}

static const char *const unused[] = {"explain", "memory", NULL};

static const struct pl_example examples[] = {
    {"lin-train -q -m transformer -s dim=16 -s heads=2 --seq 64 --steps 3 data/shakespeare.txt | "
     "lin-convert --method liger --window 16 > s.plumb",
     "a transformer, trained for a moment, becomes linear"},
    {NULL, NULL},
};

static const struct pl_tool tool = {
    .name = "lin-convert",
    .summary = "turn a transformer into a model with linear attention",
    .operands = "[MODEL]",
    .least = 0,
    .most = 1,
    .options = options,
    .unused = unused,
    .settings = settings,
    .setting_key = setting_key,
    .refuse = refuse,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "lin-train(1), lin-eval(1), ts-import(1), plumbline-models(7)",
    .run = run,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
