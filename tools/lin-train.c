/* lin-train: train a model: a forecaster of series, a language model, a classifier of pictures.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "models/registry.h"
#include "tensor/blas.h"
#include "train/forecaster.h"
#include "train/language.h"
#include "train/picture.h"

struct command {
    const char *model; /* NULL: nlinear, or what a checkpoint holds */
    struct pl_train_options train;
    int64_t epochs;
    struct pl_language_options language;
    struct pl_picture_options picture;
    struct pl_forecaster_options forecaster;
    struct pl_list settings;
    bool list_models;
};

static const struct pl_option options[] = {
    PL_TEXT(struct command, model, "model", 'm', NULL, "MODEL",
            "the model, one of --list-models, nlinear when not given; auto: the best of the "
            "forecasters by validation error",
            "gla"),
    PL_FLAG(struct command, list_models, "list-models", 0, "no", "print the models and stop"),
    PL_TRAIN_OPTIONS(struct command, train),
    PL_EPOCHS_OPTION(struct command, epochs),
    PL_LANGUAGE_OPTIONS(struct command, language),
    PL_PICTURE_OPTIONS(struct command, picture),
    PL_FORECASTER_OPTIONS(struct command, forecaster),
    PL_OPTIONS_END,
};

static const struct pl_option settings[] = {
    PL_LIST(struct command, settings, "settings", 0, "KEY=VALUE", "settings of the model", NULL),
    PL_OPTIONS_END,
};

/* ---- Families of models: the options that mean something to each, beside its types' own ----- */

static const struct pl_option forecaster_options[] = {
    PL_EPOCHS_OPTION(struct command, epochs),
    PL_FORECASTER_OPTIONS(struct command, forecaster),
    PL_OPTIONS_END,
};

static const struct pl_option language_options[] = {
    PL_TRAIN_OPTIONS(struct command, train),
    PL_LANGUAGE_OPTIONS(struct command, language),
    PL_OPTIONS_END,
};

static const struct pl_option picture_options[] = {
    PL_TRAIN_OPTIONS(struct command, train),
    PL_EPOCHS_OPTION(struct command, epochs),
    PL_PICTURE_OPTIONS(struct command, picture),
    PL_OPTIONS_END,
};

static enum pl_status train_forecaster(struct pl_run *run, struct command *command,
                                       const struct pl_model_type *type, struct pl_writer *writer)
{
    static const char *const recipe[] = {"batch=32", "lr=0.005", "epochs=10", NULL};
    struct pl_training_options *training = &command->forecaster.training;
    (void)type; /* auto has none */
    if (command->settings.count)
        return pl_fail(&run->context, PL_USAGE, "--set %s: %s has no such option",
                       command->settings.items[0], command->model ? command->model : "nlinear");
    if (pl_recipe_apply(run, command, recipe))
        return run->context.status;
    training->model = command->model;
    training->linear.recipe.batch = command->train.batch;
    training->linear.recipe.rate = command->train.rate;
    training->linear.recipe.epochs = command->epochs;
    return pl_train_forecaster(run, &command->forecaster, writer);
}

static enum pl_status train_language(struct pl_run *run, struct command *command,
                                     const struct pl_model_type *type, struct pl_writer *writer)
{
    return pl_train_language(run, command, &command->train, &command->language, type,
                             &command->settings, writer);
}

static enum pl_status train_picture(struct pl_run *run, struct command *command,
                                    const struct pl_model_type *type, struct pl_writer *writer)
{
    return pl_train_picture(run, command, &command->train, &command->epochs, &command->picture,
                            type, &command->settings, writer);
}

static const struct trainer {
    enum pl_model_family family;
    const struct pl_option *options;
    enum pl_status (*train)(struct pl_run *run, struct command *command,
                            const struct pl_model_type *type, struct pl_writer *writer);
} trainers[] = {
    {PL_FAMILY_LINEAR, forecaster_options, train_forecaster},
    {PL_FAMILY_LANGUAGE, language_options, train_language},
    {PL_FAMILY_IMAGE, picture_options, train_picture},
};

/* ---- Which model ---------------------------------------------------------------------------- */

/* Whether models of the type are trained by steps, and their options are settings. */
static bool on_loop(const struct pl_model_type *type)
{
    return type->family != PL_FAMILY_LINEAR && type->family != PL_FAMILY_BASELINE;
}

static enum pl_status prepare(struct pl_context *context, void *arguments)
{
    struct command *command = arguments;
    struct pl_start *start = &command->train.start;
    const char *resume = command->train.resume, *path = resume ? resume : command->picture.from;
    if (resume && command->picture.from)
        return pl_fail(context, PL_USAGE, "--resume and --from exclude each other");
    return path ? pl_input_bundle(context, path, NULL, &start->source, &start->bundle) : PL_OK;
}

static void release(void *arguments)
{
    pl_bundle_release(&((struct command *)arguments)->train.start.bundle);
}

/* The type of the model that --resume or --from names. */
static enum pl_status type_of_start(struct pl_context *context, const struct command *command,
                                    const struct pl_model_type **type)
{
    const struct pl_bundle *bundle = &command->train.start.bundle;
    const struct pl_meta_node *model = pl_bundle_document(bundle, "model");
    const char *name = "";
    if (model && pl_meta_text(context, model, "type", &name))
        return pl_fail_at(context, "%s: meta model", bundle->source);
    *type = pl_model_find(name);
    return *type && on_loop(*type) ? PL_OK
                                   : pl_fail(context, PL_BAD_DATA, "%s: not a %s", bundle->source,
                                             command->train.resume ? "checkpoint of a training"
                                                                   : "classifier to start with");
}

/* *type NULL: auto. */
static enum pl_status find_type(struct pl_context *context, const struct command *command,
                                const struct pl_model_type **type, const struct trainer **trainer)
{
    const bool adapts = pl_language_adapts(&command->language);
    const char *name = command->model;
    enum pl_model_family family = adapts ? PL_FAMILY_LANGUAGE : PL_FAMILY_LINEAR;
    *type = NULL;
    if (adapts && name)
        return pl_fail(context, PL_USAGE, "--model %s: MODEL says what it is", name);
    if (!adapts && !name && command->train.start.bundle.source &&
        type_of_start(context, command, type))
        return context->status;
    if (!adapts && !name && !*type)
        name = "nlinear";
    if (name && strcmp(name, "auto") != 0) {
        *type = pl_model_find(name);
        if (!*type)
            return pl_fail(context, PL_USAGE,
                           "unknown model '%s': lin-train --list-models lists "
                           "them",
                           name);
    }
    if (*type)
        family = (*type)->family;
    for (size_t i = 0; i < sizeof trainers / sizeof *trainers; i++) {
        *trainer = &trainers[i];
        if (trainers[i].family == family)
            return PL_OK;
    }
    return pl_fail(context, PL_USAGE, "%s is a baseline: there is nothing to train", name);
}

static enum pl_status refuse(struct pl_context *context, const void *arguments, const char *option)
{
    const struct command *command = arguments;
    const struct pl_model_type *type;
    const struct trainer *trainer;
    if (strcmp(option, "model") == 0 || strcmp(option, "list-models") == 0 ||
        strcmp(option, "attention-transfer") == 0)
        return PL_OK;
    if (find_type(context, command, &type, &trainer))
        return context->status;
    if (pl_option_find(trainer->options, option) ||
        (type && pl_option_find(type->options, option)) || (!type && strcmp(option, "lr") == 0))
        return PL_OK;
    return pl_fail(context, PL_USAGE, "--%s is not for %s", option,
                   type             ? type->name
                   : command->model ? command->model
                                    : "what is trained by steps");
}

/* ---- The table of models -------------------------------------------------------------------- */

static enum pl_status list_model(struct pl_context *context, const struct pl_model_type *type,
                                 struct pl_buffer *text)
{
    const char *dashes = on_loop(type) ? "" : "--";
    if (pl_buffer_printf(context, text, "%s: %s\n   %s", type->name, type->summary,
                         *dashes ? "" : " --set"))
        return context->status;
    for (const struct pl_option *option = type->options; option->name; option++)
        if (pl_buffer_printf(context, text, " %s%s", dashes, option->name))
            return context->status;
    return pl_buffer_printf(context, text, type->source ? "\n    %s\n" : "\n", type->source);
}

static enum pl_status list_models(struct pl_run *run)
{
    struct pl_buffer text = {0};
    enum pl_status status = PL_OK;
    for (const struct pl_model_type *type = pl_models; type->name && !status; type++)
        status = list_model(&run->context, type, &text);
    if (!status)
        status = pl_run_text_output(run, text.data, text.size);
    pl_buffer_release(&text);
    return status;
}

static bool made(size_t index, struct pl_made *out)
{
    const struct pl_model_type *type = &pl_models[index]; /* asked one by one, up to the end */
    if (type->name)
        *out = (struct pl_made){type->name, type->summary, type->source, type->options};
    return type->name != NULL;
}

/* The index-th key that --set takes for a model: those of all types on the loop. */
static const char *setting_key(size_t index)
{
    for (const struct pl_model_type *type = pl_models; type->name; type++) {
        if (!on_loop(type))
            continue;
        for (const struct pl_option *option = type->options; option->name; option++)
            if (index-- == 0)
                return option->name;
    }
    return NULL;
}

/* ---- The run -------------------------------------------------------------------------------- */

static enum pl_status run_command(struct pl_run *run, void *arguments)
{
    struct command *command = arguments;
    struct pl_context *context = &run->context;
    const struct pl_model_type *type;
    const struct trainer *trainer;
    struct pl_writer *writer = NULL;
    if (command->list_models)
        return list_models(run);
    if (find_type(context, command, &type, &trainer))
        return context->status;
    if (run->common.explain)
        return trainer->train(run, command, type, NULL);
    if (pl_run_binary_output(run))
        return context->status;
    writer = pl_writer_open(context, run->common.output);
    if (!writer)
        return context->status;
    if (trainer->train(run, command, type, writer)) {
        pl_writer_abort(context, writer, run->tool->name);
        return context->status;
    }
    return pl_writer_commit(context, writer);
}

static const struct pl_example examples[] = {
    {"lin-train -m nlinear -L 168 -H 24 --missing linear data/beijing.csv > m.plumb",
     "Train on all rows"},
    {"lin-task mqar --rows 2000 | lin-train -m deltanet -s dim=32 -s heads=2 --steps 50 > q.plumb",
     "Train a language model on a recall task"},
    {NULL, NULL}};

static const char *const alone[] = {"list-models", NULL};
static const char *const unused[] = {"memory", NULL};

int main(int argc, char **argv)
{
    static const struct pl_tool tool = {
        .name = "lin-train",
        .summary = "train a forecaster of series, a language model or a classifier of pictures",
        .operands = "[[MODEL] DATA]",
        .most = 2,
        .options = options,
        .unused = unused,
        .alone = alone,
        .settings = settings,
        .setting_key = setting_key,
        .made = made,
        .prepare = prepare,
        .release = release,
        .refuse = refuse,
        .command_size = sizeof(struct command),
        .examples = examples,
        .see_also = "lin-forecast(1), lin-eval(1), lin-merge(1), "
                    "plumbline-models(7)",
        .run = run_command,
        .describe = pl_blas_describe,
    };
    return pl_tool_main(&tool, argc, argv);
}
