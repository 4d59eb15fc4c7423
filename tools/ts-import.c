/* ts-import: files of other formats as a tensor stream.
 * SPDX-License-Identifier: MIT */
#include "plumbline.h"

#include <stdlib.h>

#include "formats/hf.h"
#include "formats/view.h"
#include "image/table.h"
#include "models/model_import.h"
#include "text/tokenizer.h"

struct command {
    struct pl_import import;
    const char *images, *labels; /* a pair of IDX files, instead of operands; images: or a table */
    double white;                /* value of a table that is white; 0: not given */
    const char *tokenizer;       /* a file, of checkpoints that bring none */
    const char *model;           /* the type that the weights become */
    struct pl_list settings;     /* KEY=VALUE of the model's options */
};

static const struct pl_option options[] = {
    PL_IMPORT_OPTIONS(struct command, import),
    PL_TEXT(struct command, images, "images", 0, NULL, "FILE",
            "IDX, CSV: a file of pictures, instead of operands; the result is of kind images",
            "train-images-idx3-ubyte.gz"),
    PL_TEXT(struct command, labels, "labels", 0, NULL, "FILE",
            "IDX: the file of labels that belongs to --images", "train-labels-idx1-ubyte.gz"),
    PL_TEXT(struct command, tokenizer, "tokenizer", 0, NULL, "FILE",
            "language models: tokenizer.json, tokenizer.model or llama2.c's tokenizer.bin to go "
            "with the model",
            "tok512.bin"),
    PL_REAL(struct command, white, "white", 0, "0", 0, 1e300, "X",
            "CSV: the table of --images has a picture a row and classes in its last column, and X "
            "is white; 0: 255, and only with -f csv",
            "16"),
    PL_TEXT(
        struct command, model, "model", 0, NULL, "TYPE",
        "the weights in FILE become a model of this type; what their shapes do not tell is said "
        "by --set KEY=VALUE",
        "cnn"),
    PL_OPTIONS_END,
};

static const struct pl_option settings[] = {
    PL_LIST(struct command, settings, "set", 0, "KEY=VALUE", "an option of the model", "stride=2"),
    PL_OPTIONS_END,
};

/* The segment being written.  A table or a model is a segment of its own, and so are pictures or
 * sounds that follow each other; tensors of other files share one. */
struct segment {
    struct pl_history history;
    bool open, whole; /* whole: nothing else goes into it */
};

static enum pl_status end_segment(struct pl_run *run, struct segment *segment,
                                  struct pl_writer *writer)
{
    enum pl_status status = PL_OK;
    if (run->common.history) {
        status = pl_history_write(&run->context, &segment->history, writer);
    }
    pl_history_release(&segment->history);
    segment->open = false;
    return status ? status : pl_writer_end(&run->context, writer);
}

/* Opens a segment for the next file unless it can go into the one that is open. */
static enum pl_status prepare_segment(struct pl_run *run, struct segment *segment,
                                      struct pl_writer *writer, bool whole)
{
    enum pl_status status = PL_OK;
    if (segment->open && (segment->whole || whole)) {
        status = end_segment(run, segment, writer);
    }
    if (!status && !segment->open) {
        status = pl_history_start(&run->context, &segment->history, run->tool->name, PL_VERSION,
                                  run->argc, run->argv, run->common.seed);
        segment->open = !status;
        segment->whole = whole;
    }
    return status;
}

static enum pl_status import_file(struct pl_run *run, const struct command *command,
                                  struct pl_part *file, struct segment *segment,
                                  struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    enum pl_status status = pl_part_open(context, file, &command->import);
    if (status) {
        return status;
    }
    const enum pl_format format = pl_foreign_format(file->foreign);
    const bool whole = format == PL_FORMAT_CSV || format == PL_FORMAT_LLAMA2C ||
                       format == PL_FORMAT_HF || format == PL_FORMAT_CIFAR;
    if (command->tokenizer && format != PL_FORMAT_LLAMA2C && format != PL_FORMAT_HF) {
        status = pl_fail(context, PL_USAGE,
                         "--tokenizer: '%s' is no checkpoint of a language model", file->path);
    }
    if (!status) {
        status = prepare_segment(run, segment, writer, whole);
    }
    if (!status) {
        status = pl_foreign_import(context, file->foreign, writer, &file->source);
    }
    if (!status) {
        status = pl_history_input(context, &segment->history, file->path, file->source.sum, NULL);
    }
    pl_part_close(file);
    return status;
}

/* How many files from the first on are pictures, or how many are sounds; 0 when it is neither. */
static enum pl_status count_media(struct pl_run *run, const struct command *command,
                                  struct pl_part *files, size_t most, size_t *count)
{
    enum pl_medium medium = PL_MEDIUM_NONE;
    enum pl_status status = PL_OK;
    for (*count = 0; *count < most; ++*count) {
        status = pl_part_open(&run->context, &files[*count], &command->import);
        if (status) {
            break;
        }
        enum pl_medium next = pl_format_medium(pl_foreign_format(files[*count].foreign));
        medium = *count == 0 ? next : medium;
        if (medium == PL_MEDIUM_NONE || next != medium) {
            break;
        }
        pl_part_rest(&files[*count]);
    }
    return status;
}

static enum pl_status import_media(struct pl_run *run, const struct command *command,
                                   struct pl_part *files, size_t count, struct segment *segment,
                                   struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    enum pl_status status = prepare_segment(run, segment, writer, true);
    if (!status) {
        status = pl_import_media(context, files, count, &command->import, writer);
    }
    for (size_t i = 0; i < count; i++) {
        if (!status) {
            status = pl_history_input(context, &segment->history, files[i].path,
                                      files[i].source.sum, NULL);
        }
        pl_part_close(&files[i]);
    }
    return status;
}

/* Gives the tokenizer to the import; NULL takes it away. */
static void use_tokenizer(struct command *command, const struct pl_tokenizer *tokenizer)
{
    struct pl_import *import = &command->import;
    import->tokenizer = tokenizer ? pl_tokenizer_json(tokenizer, &import->tokenizer_size) : NULL;
    import->tokenizer_vocabulary = tokenizer ? pl_tokenizer_vocabulary(tokenizer) : 0;
}

/* The tokenizer of a checkpoint folder, read here so that it is known to fit.  One that is not
 * understood goes along as it is. */
static struct pl_tokenizer *folder_tokenizer(struct pl_context *context, struct command *command,
                                             const char *path)
{
    struct pl_context own = {0};
    if (command->tokenizer || !pl_hf_is_folder(path) || !pl_tokenizer_is_in(path)) {
        return NULL;
    }
    struct pl_tokenizer *tokenizer = pl_tokenizer_load(&own, path);
    if (tokenizer) {
        use_tokenizer(command, tokenizer);
    } else {
        pl_warn(context, "%s (the tokenizer goes along as it is)", own.message);
    }
    return tokenizer;
}

static enum pl_status import_files(struct pl_run *run, struct command *command,
                                   struct segment *segment, struct pl_writer *writer)
{
    size_t count = run->operand_count > 0 ? (size_t)run->operand_count : 1;
    enum pl_status status = PL_OK;
    struct pl_part *files = pl_new(&run->context, count, sizeof *files);
    if (!files) {
        return run->context.status;
    }
    for (size_t i = 0; i < count; i++) {
        files[i].path = pl_run_operand(run, (int)i);
    }
    for (size_t i = 0, media = 0; i < count && !status; i += media ? media : 1) {
        struct pl_tokenizer *tokenizer = folder_tokenizer(&run->context, command, files[i].path);
        status = count_media(run, command, files + i, count - i, &media);
        if (!status) {
            status = media ? import_media(run, command, files + i, media, segment, writer)
                           : import_file(run, command, &files[i], segment, writer);
        }
        if (tokenizer) {
            use_tokenizer(command, NULL);
            pl_tokenizer_free(tokenizer);
        }
    }
    for (size_t i = 0; i < count; i++) {
        pl_part_close(&files[i]);
    }
    free(files);
    return status;
}

static enum pl_status import_images(struct pl_run *run, const struct command *command,
                                    struct segment *segment, struct pl_writer *writer)
{
    struct pl_source images, labels;
    struct pl_context *context = &run->context;
    enum pl_status status = prepare_segment(run, segment, writer, true);
    if (!status) {
        status =
            pl_import_images(context, command->images, command->labels, writer, &images, &labels);
    }
    if (!status) {
        status = pl_history_input(context, &segment->history, command->images, images.sum, NULL);
    }
    if (!status && command->labels) {
        status = pl_history_input(context, &segment->history, command->labels, labels.sum, NULL);
    }
    return status;
}

static bool is_table(const struct command *command)
{
    return command->images && (command->import.format == PL_FORMAT_CSV || command->white > 0);
}

static enum pl_status import_table(struct pl_run *run, const struct command *command,
                                   struct segment *segment, struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    struct pl_source source;
    struct pl_bundle table = {0};
    enum pl_status status = prepare_segment(run, segment, writer, true);
    if (!status) {
        status = pl_input_bundle(context, command->images, &command->import, &source, &table);
    }
    if (!status) {
        status = pl_pictures_of_table(context, &table, command->white > 0 ? command->white : 255,
                                      writer);
    }
    if (!status) {
        status = pl_history_input(context, &segment->history, command->images, source.sum,
                                  pl_bundle_document(&table, "history"));
    }
    pl_bundle_release(&table);
    return status;
}

static enum pl_status import_model(struct pl_run *run, const struct command *command,
                                   struct segment *segment, struct pl_writer *writer)
{
    const char *path = pl_run_operand(run, 0);
    struct pl_context *context = &run->context;
    struct pl_source source;
    struct pl_bundle weights = {0};
    enum pl_status status = prepare_segment(run, segment, writer, true);
    if (!status) {
        status = pl_input_bundle(context, path, &command->import, &source, &weights);
    }
    if (!status) {
        status = pl_model_import(context, command->model, command->settings.items,
                                 command->settings.count, &weights, writer);
    }
    if (!status) {
        status = pl_history_input(context, &segment->history, path, source.sum,
                                  pl_bundle_document(&weights, "history"));
    }
    pl_bundle_release(&weights);
    return status;
}

static enum pl_status import_all(struct pl_run *run, struct command *command,
                                 struct pl_writer *writer)
{
    struct segment segment = {0};
    enum pl_status status = is_table(command) ? import_table(run, command, &segment, writer)
                            : command->images ? import_images(run, command, &segment, writer)
                            : command->model  ? import_model(run, command, &segment, writer)
                                              : import_files(run, command, &segment, writer);
    if (!status) {
        return end_segment(run, &segment, writer);
    }
    if (segment.open) {
        pl_history_release(&segment.history);
    }
    return status;
}

/* Whether --images, --labels and --white go together. */
static enum pl_status check_images(struct pl_run *run, const struct command *command)
{
    const enum pl_format format = command->import.format;
    if (command->labels && !command->images) {
        return pl_fail(&run->context, PL_USAGE, "--labels needs --images");
    }
    if (command->images &&
        (run->operand_count > 0 ||
         (format != PL_FORMAT_AUTO && format != PL_FORMAT_IDX && format != PL_FORMAT_CSV))) {
        return pl_fail(&run->context, PL_USAGE,
                       "--images goes with no operands and only -f idx or -f csv");
    }
    if (command->white > 0 && !command->images) {
        return pl_fail(&run->context, PL_USAGE,
                       "--white goes with a table as --images, which has "
                       "its labels in the last column");
    }
    if (is_table(command) && command->labels) {
        return pl_fail(&run->context, PL_USAGE,
                       "--labels goes with --images of the IDX format: a table has its labels in "
                       "the last column");
    }
    return PL_OK;
}

static enum pl_status check(struct pl_run *run, const struct command *command)
{
    if (check_images(run, command)) {
        return run->context.status;
    }
    if (command->model && (command->images || run->operand_count > 1)) {
        return pl_fail(&run->context, PL_USAGE, "--model goes with one FILE of weights");
    }
    if (!command->model && command->settings.count > 0) {
        return pl_fail(&run->context, PL_USAGE, "--set %s has an effect only with --model",
                       command->settings.items[0]);
    }
    if (command->tokenizer && (command->images || command->model)) {
        return pl_fail(&run->context, PL_USAGE,
                       "--tokenizer goes with a checkpoint of a language model, not with --%s",
                       command->images ? "images" : "model");
    }
    return PL_OK;
}

static enum pl_status run(struct pl_run *run, void *fields)
{
    struct command *command = fields;
    if (check(run, command)) {
        return run->context.status;
    }
    struct pl_tokenizer *tokenizer = NULL;
    if (command->tokenizer) {
        tokenizer = pl_tokenizer_load(&run->context, command->tokenizer);
        if (!tokenizer) {
            return run->context.status;
        }
        use_tokenizer(command, tokenizer);
    }
    struct pl_view view;
    enum pl_status status = pl_view_open(&run->context, &view, run->common.output,
                                         pl_run_to_terminal(run) ? PL_VIEW_TABLE : PL_VIEW_STREAM);
    if (!status) {
        status = import_all(run, command, view.writer);
        status = pl_view_close(&run->context, &view, status, run->tool->name);
    }
    pl_tokenizer_free(tokenizer);
    return status;
}

static const char *const unused[] = {"explain", "memory", "seed", NULL};

static const struct pl_example examples[] = {
    {"ts-import data/beijing.csv | ts-info", "Look at the tensors that a table becomes"},
    {NULL, NULL},
};

static const struct pl_tool tool = {
    .name = "ts-import",
    .summary = "turn tables, arrays, weights, pictures and sounds into a tensor stream",
    .operands = "[FILE ...]",
    .least = 0,
    .most = -1,
    .options = options,
    .unused = unused,
    .settings = settings,
    .setting_key = pl_model_import_key,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "ts-export(1), ts-info(1), ts-select(1), tensor-stream(5)",
    .run = run,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
