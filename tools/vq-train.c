/* vq-train: a codebook for the vectors of a stream.
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "base/number.h"
#include "base/version.h"
#include "cli/tool.h"
#include "quantize/source.h"
#include "quantize/vq_train.h"
#include "tensor/blas.h"
#include "train/job.h"

struct command {
    struct pl_vq_options vq;
    const char *patch;             /* "4x4"; NULL: frames */
    int64_t frame;                 /* rows of a vector */
    struct pl_train_options train; /* of these, those of checkpoints */
};

static const struct pl_option options[] = {
    PL_VQ_OPTIONS(struct command, vq),
    PL_TEXT(struct command, patch, "patch", 0, NULL, "HEIGHTxWIDTH",
            "vectors are patches of pictures, of so many pixels", "4x4"),
    PL_INT(struct command, frame, "frame", 0, "1", 1, PL_FRAME_MOST, "N",
           "vectors are N rows together: samples of sound, or the rows of a table", "64"),
    PL_CHECKPOINT_OPTIONS(struct command, train),
    PL_OPTIONS_END,
};

/* What decides what comes out; a checkpoint records it. */
static const char *const recipe[] = {
    "method=",    "codes=",    "levels=", "dim=",   "encoder=", "init=", "both=",
    "normalise=", "gradient=", "beta=",   "lr=",    "warmup=",  "clip=", "decay=",
    "steps=",     "batch=",    "patch=",  "frame=", NULL};

/* All vectors of all inputs. */
struct work {
    bool counting; /* --explain: vectors are counted, not read */
    struct pl_cut cut;
    struct pl_vq vq;
    float *vectors; /* [count, size] */
    int64_t count, size;
    struct pl_job job;
    struct pl_vq_training training;
};

static enum pl_status take_side(struct pl_context *context, const char *text, size_t size,
                                int64_t *side)
{
    return pl_parse_int64(text, size, side) && *side >= 1 && *side <= PL_PATCH_MOST
               ? PL_OK
               : pl_fail(context, PL_USAGE,
                         "--patch: '%.*s' is no number of pixels from 1 to %d; 4x4 is a patch",
                         (int)size, text, PL_PATCH_MOST);
}

static enum pl_status find_cut(struct pl_context *context, const struct command *command,
                               struct pl_cut *cut)
{
    *cut = (struct pl_cut){.height = command->frame};
    if (!command->patch)
        return PL_OK;
    if (command->frame > 1)
        return pl_fail(context, PL_USAGE, "--patch and --frame: vectors are one or the other");
    size_t height = strcspn(command->patch, "x");
    const char *width = command->patch + height + (command->patch[height] != '\0');
    if (take_side(context, command->patch, height, &cut->height))
        return context->status;
    return take_side(context, width, strlen(width), &cut->width);
}

/* Adds the vectors of one tensor. */
static enum pl_status add_sheet(struct pl_context *context, struct work *work,
                                struct pl_vector_source *source, size_t index)
{
    const struct pl_sheet *sheet = &source->sheets[index];
    struct pl_cutter cutter;
    size_t row = (size_t)work->size * sizeof(float);
    float *vectors = pl_resize(context, work->vectors, (size_t)(work->count + sheet->vectors), row);
    if (!vectors)
        return context->status;
    work->vectors = vectors;
    enum pl_status status =
        pl_cutter_open(context, &cutter, sheet, source->store.reader, source->entries[index]);
    int64_t count = 0;
    if (status == PL_OK)
        status = pl_cutter_next(context, &cutter, sheet->vectors,
                                vectors + work->count * work->size, &count);
    pl_cutter_close(&cutter);
    work->count += count;
    return status ? pl_fail_at(context, "%s", pl_reader_name(source->store.input)) : PL_OK;
}

/* Adds the vectors of a segment; the first tells their size. */
static enum pl_status add_segment(struct pl_run *run, struct work *work,
                                  struct pl_vector_source *source, const char *path)
{
    struct pl_context *context = &run->context;
    enum pl_status status = pl_vector_source_cut(context, source, &work->cut);
    for (size_t i = 0; i < source->count && work->size == 0; i++)
        work->size = source->sheets[i].size;
    if (status == PL_OK && work->size > 0)
        status = pl_vector_source_expect(context, source, work->size);
    for (size_t i = 0; i < source->count && status == PL_OK; i++)
        if (work->counting)
            work->count += source->sheets[i].vectors;
        else if (source->sheets[i].vectors > 0)
            status = add_sheet(context, work, source, i);
    return status ? status
                  : pl_history_input(context, &work->job.history, path,
                                     pl_vector_source_sum(source), source->history.root);
}

static enum pl_status add_operand(struct pl_run *run, struct work *work, const char *path)
{
    struct pl_context *context = &run->context;
    struct pl_vector_source source;
    bool found = true;
    enum pl_status status = pl_vector_source_open(context, &source, path, NULL);
    while (status == PL_OK && found) {
        status = pl_vector_source_next(context, &source, &found);
        if (status == PL_OK && found)
            status = add_segment(run, work, &source, path);
    }
    if (source.store.input)
        pl_vector_source_close(&source);
    return status;
}

/* Reads the vectors, and declares what is trained on them. */
static enum pl_status prepare(struct pl_run *run, const struct command *command, struct work *work)
{
    struct pl_context *context = &run->context;
    struct pl_vq_options vq = command->vq;
    int count = run->operand_count > 0 ? run->operand_count : 1;
    enum pl_status status = pl_history_start(context, &work->job.history, run->tool->name,
                                             PL_VERSION, run->argc, run->argv, run->common.seed);
    if (status == PL_OK)
        status = find_cut(context, command, &work->cut);
    for (int i = 0; i < count && status == PL_OK; i++)
        status = add_operand(run, work, pl_run_operand(run, i));
    if (status == PL_OK && work->count == 0)
        status = pl_fail(context, PL_BAD_DATA, "there are no vectors to train on");
    vq.seed = (uint64_t)run->common.seed;
    return status ? status : pl_vq_init(context, &work->vq, &vq, &work->cut, work->size);
}

static enum pl_status print_plan(struct pl_run *run, const struct pl_vq *vq, int64_t count)
{
    struct pl_buffer text = {0};
    struct pl_vq_cost cost;
    pl_vq_cost(vq, count, &cost);
    enum pl_status status = pl_buffer_printf(
        &run->context, &text,
        "vectors: %" PRId64 "\nnumbers_per_vector: %" PRId64 "\ncodes: %" PRId64
        "\nlevels: %" PRId64 "\nnumbers_per_code: %" PRId64 "\ncodes_per_vector: %" PRId64
        "\nparameters: %" PRId64 "\nsteps: %" PRId64
        "\npasses_over_data: %.4g\noperations: %.4g\nmodel_bytes: %" PRId64
        "\ntraining_bytes: %.0f\n",
        count, vq->size, vq->options.codes, vq->options.levels, vq->options.dim,
        pl_vq_places(vq) * vq->options.levels, vq->parameters.elements, cost.steps, cost.passes,
        cost.work, vq->parameters.elements * (int64_t)sizeof(pl_real), cost.bytes);
    if (status == PL_OK)
        status = pl_run_text_output(run, text.data, text.size);
    pl_buffer_release(&text);
    return status;
}

/* ---- A run --------------------------------------------------------------------------------- */

static struct pl_variable *loss(void *self, struct pl_tape *tape, int64_t step)
{
    return pl_vq_training_loss(&((struct work *)self)->training, tape, step);
}

static int64_t next_step(void *self, int64_t step)
{
    return pl_vq_training_next(&((struct work *)self)->training, step);
}

static enum pl_status write_codebook(void *self, struct pl_context *context,
                                     const struct pl_meta_node *document, struct pl_writer *writer)
{
    return pl_vq_training_write(context, &((struct work *)self)->training, document, writer);
}

static enum pl_status finish(void *self, struct pl_context *context)
{
    struct work *work = self;
    struct pl_vq_result result;
    if (pl_vq_training_finish(context, &work->training, &result))
        return context->status;
    pl_run_note(work->job.run,
                "%" PRId64 " vectors of %" PRId64
                " numbers: usage %.1f %%, perplexity %.1f, mse %.6g",
                work->count, work->size, 100 * result.usage, result.perplexity, result.mse);
    return PL_OK;
}

static enum pl_status train(struct work *work, struct pl_writer *writer)
{
    struct pl_job *job = &work->job;
    struct pl_context *context = &job->run->context;
    job->data = work->count;
    job->data_sum =
        pl_crc32(0, work->vectors, (size_t)(work->count * work->size) * sizeof *work->vectors);
    if (pl_vq_training_open(context, &work->training, &work->vq, work->vectors, work->count,
                            job->resumed))
        return context->status;
    pl_vq_training_plan(&work->training, &job->objective, &job->loop.options);
    return pl_job_run(job, writer);
}

/* writer NULL: only tells what it would take. */
static enum pl_status run_work(struct pl_run *run, struct command *command,
                               struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    struct work work = {.counting = !writer};
    work.job = (struct pl_job){.run = run,
                               .command = command,
                               .options = &command->train,
                               .objective = {.self = &work, .loss = loss, .next = next_step},
                               .unit = "vectors",
                               .write = write_codebook,
                               .finish = finish};
    enum pl_status status = pl_job_open(&work.job, recipe);
    if (status == PL_OK) {
        status = prepare(run, command, &work);
        if (status == PL_USAGE && work.job.resumed) /* of whoever wrote the checkpoint */
            status = context->status = PL_BAD_DATA;
    }
    if (status == PL_OK)
        status = writer ? train(&work, writer) : print_plan(run, &work.vq, work.count);
    pl_job_close(&work.job);
    pl_vq_training_close(&work.training);
    pl_vq_release(&work.vq);
    free(work.vectors);
    return status;
}

static enum pl_status run_command(struct pl_run *run, void *arguments)
{
    struct pl_context *context = &run->context;
    if (run->common.explain)
        return run_work(run, arguments, NULL);
    if (pl_run_binary_output(run))
        return context->status;
    struct pl_writer *writer = pl_writer_open(context, run->common.output);
    if (!writer)
        return context->status;
    if (run_work(run, arguments, writer)) {
        pl_writer_abort(context, writer, run->tool->name);
        return context->status;
    }
    return pl_writer_commit(context, writer);
}

/* ---- Options that go together -------------------------------------------------------------- */

static enum pl_status open_checkpoint(struct pl_context *context, void *arguments)
{
    struct pl_train_options *train = &((struct command *)arguments)->train;
    const struct pl_bundle *bundle = &train->start.bundle;
    const char *type = "";
    if (!train->resume)
        return PL_OK;
    if (pl_input_bundle(context, train->resume, NULL, &train->start.source, &train->start.bundle))
        return context->status;
    if (pl_meta_text(context, pl_bundle_document(bundle, "model"), "type", &type))
        return pl_fail_at(context, "%s: meta model", bundle->source);
    return strcmp(type, "vq") == 0
               ? PL_OK
               : pl_fail(context, PL_BAD_DATA, "%s: not a checkpoint of codes", bundle->source);
}

static void release(void *arguments)
{
    pl_bundle_release(&((struct command *)arguments)->train.start.bundle);
}

static bool among(const char *name, const char *const *names)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* Options that would change nothing.  A run that goes on is held to its own options. */
static enum pl_status refuse(struct pl_context *context, const void *arguments, const char *option)
{
    static const char *const of_batches[] = {"init", "beta", "lr", "warmup", "clip", "batch", NULL};
    static const char *const of_gradients[] = {"lr", "warmup", "clip", NULL};
    const struct command *command = arguments;
    const int method = command->vq.method;
    const char *reason = NULL;
    if (method == PL_VQ_KMEANS && among(option, of_batches))
        reason = "kmeans";
    if (method == PL_VQ_EMA && strcmp(command->vq.encoder, "none") == 0 &&
        among(option, of_gradients))
        reason = "ema without --encoder";
    if (method != PL_VQ_EMA && strcmp(option, "decay") == 0)
        reason = "other methods than ema";
    return !reason || command->train.resume
               ? PL_OK
               : pl_fail(context, PL_USAGE, "--%s is not for %s", option, reason);
}

static const struct pl_example examples[] = {
    {"vq-train --codes 256 --patch 4x4 data/parrot.png > patches.cb", "Patches of a picture"},
    {NULL, NULL}};

static const char *const unused[] = {"memory", NULL};

int main(int argc, char **argv)
{
    static const struct pl_tool tool = {
        .name = "vq-train",
        .summary = "train a codebook for the vectors of a stream",
        .operands = "[DATA ...]",
        .most = -1,
        .options = options,
        .unused = unused,
        .prepare = open_checkpoint,
        .release = release,
        .refuse = refuse,
        .command_size = sizeof(struct command),
        .examples = examples,
        .see_also = "vq-encode(1), vq-decode(1), vq-stats(1), ts-import(1)",
        .run = run_command,
        .describe = pl_blas_describe,
    };
    return pl_tool_main(&tool, argc, argv);
}
