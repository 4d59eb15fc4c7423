/* Training classifiers of pictures: see picture.h.
 * SPDX-License-Identifier: MIT
 *
 * The pictures that training sees are numbered: pass after pass over all of them, each in an order
 * of chance.  Micro-batch i is the numbers from i times the batch on, so its pictures, and how they
 * are changed, depend on i and the seed alone; a batch may reach into the next pass. */
#include "train/picture.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/ops.h"
#include "base/crc32.h"
#include "formats/input.h"
#include "image/augment.h"
#include "image/corrupt.h"
#include "models/image_score.h"
#include "models/image_stream.h"
#include "tensor/blas.h"

/* How classifiers are trained unless told otherwise.  What is empty has no default, or is set by
 * what the data say. */
static const char *const recipe[] = {
    "steps=",          "epochs=5", "batch=100",     "lr=0.001", "schedule=constant", "warmup=0",
    "optimiser=adamw", "wd=0",     "clip=0",        "min-lr=0", "valid-share=",      "corrupt=",
    "shift=0",         "flip=no",  PL_TRAIN_RECIPE, NULL};

#define BETA2    0.999
#define MOMENTUM 0.1 /* of the running averages of norms */

/* A file of pictures. */
struct data {
    const char *path; /* NULL: there is none */
    struct pl_source source;
    struct pl_bundle bundle;
    struct pl_pictures pictures;
};

struct work {
    struct pl_job job;
    const struct pl_picture_options *options;
    const int64_t *epochs;
    struct pl_corrupt corrupt; /* kind NULL: none */
    struct pl_image_net net;
    struct data data, valid;
    int64_t count;  /* pictures to train on; those behind them are validated on */
    int64_t *order; /* of the pictures in pass number `pass`; [count] */
    int64_t pass;
};

/* ---- The objective ------------------------------------------------------------------------- */

/* Puts the pictures in the order of the pass. */
static void shuffle(struct work *work, int64_t pass)
{
    char name[40];
    if (pass == work->pass)
        return;
    snprintf(name, sizeof name, "order.%" PRId64, pass);
    struct pl_rng rng = pl_rng_init((uint64_t)work->job.run->common.seed, name);
    pl_rng_shuffle(&rng, work->order, work->count);
    work->pass = pass;
}

static int64_t picture_size(const struct work *work)
{
    const struct pl_pictures *pictures = &work->data.pictures;
    return pictures->height * pictures->width * pictures->channels;
}

/* The pictures of a micro-batch, corrupted if asked, and their classes. */
static enum pl_status take_batch(struct pl_context *context, struct work *work, int64_t index,
                                 uint8_t *pixels, int32_t *labels)
{
    const struct pl_pictures *pictures = &work->data.pictures;
    const int64_t size = picture_size(work), batch = work->job.options->batch;
    for (int64_t i = 0; i < batch; i++) {
        int64_t number = index * batch + i;
        shuffle(work, number / work->count);
        int64_t picture = work->order[number % work->count];
        memcpy(pixels + i * size, pictures->pixels + picture * size, (size_t)size);
        labels[i] = pictures->labels[picture];
    }
    if (!work->corrupt.kind)
        return PL_OK;
    return pl_corrupt_pictures(context, &work->corrupt, batch, pictures->height, pictures->width,
                               pictures->channels, (uint64_t)(index * batch), pixels);
}

/* The same, moved and mirrored as they are seen this time. */
static void augment_batch(const struct work *work, int64_t index, const uint8_t *pixels,
                          uint8_t *seen)
{
    const struct pl_augment augment = {work->options->shift, work->options->flip};
    const int64_t size = picture_size(work), batch = work->job.options->batch;
    struct pl_rng rng = pl_rng_init((uint64_t)work->job.run->common.seed, "augment");
    for (int64_t i = 0; i < batch; i++)
        pl_augment_picture(&augment, &work->data.pictures, &rng, (uint64_t)(index * batch + i),
                           pixels + i * size, seen + i * size);
}

static struct pl_variable *loss(void *self, struct pl_tape *tape, int64_t index)
{
    struct work *work = self;
    const int64_t batch = work->job.options->batch, size = picture_size(work);
    struct pl_image_pass pass = {.tape = tape, .net = &work->net, .momentum = MOMENTUM};
    uint8_t *pixels = pl_tape_take(tape, batch * size, 1),
            *seen = pl_tape_take(tape, batch * size, 1);
    int32_t *labels = pl_tape_take(tape, batch, sizeof *labels);
    if (!pixels || !seen || !labels || take_batch(tape->context, work, index, pixels, labels))
        return NULL;
    augment_batch(work, index, pixels, seen);
    struct pl_variable *x = pl_image_input(&pass, &work->data.pictures, seen, batch);
    return pl_op_class_loss(tape, pl_image_forward(&pass, x), labels, NULL);
}

static enum pl_status validate(void *self, struct pl_tape *tape, double *mean)
{
    struct work *work = self;
    struct pl_pictures held_out = work->valid.path ? work->valid.pictures : work->data.pictures;
    struct pl_image_score score;
    if (!work->valid.path) {
        held_out.pixels += work->count * picture_size(work);
        held_out.labels += work->count;
        held_out.count -= work->count;
    }
    if (pl_image_evaluate(tape->context, &work->net, &held_out, &score))
        return tape->context->status;
    *mean = score.nats / (double)score.count;
    return PL_OK;
}

/* ---- Data and model ------------------------------------------------------------------------ */

static enum pl_status open_pictures(struct pl_context *context, struct data *data, const char *path)
{
    data->path = path;
    if (pl_input_bundle(context, path, NULL, &data->source, &data->bundle) ||
        pl_pictures_read(context, &data->pictures, &data->bundle))
        return context->status;
    return data->pictures.labels
               ? PL_OK
               : pl_fail(context, PL_BAD_DATA, "%s: there are no labels", data->pictures.source);
}

static void close_data(struct data *data)
{
    pl_pictures_release(&data->pictures);
    pl_bundle_release(&data->bundle);
}

static enum pl_status open_data(struct work *work)
{
    struct pl_run *run = work->job.run;
    struct pl_context *context = &run->context;
    const struct pl_train_options *options = work->job.options;
    if (open_pictures(context, &work->data, pl_run_operand(run, 0)))
        return context->status;
    return options->valid ? open_pictures(context, &work->valid, options->valid) : PL_OK;
}

static int64_t held_out(const struct work *work)
{
    return (int64_t)floor(work->job.options->valid_share * (double)work->data.pictures.count);
}

/* After the share of a checkpoint, if there is one, was taken. */
static enum pl_status hold_out(struct work *work)
{
    struct pl_context *context = &work->job.run->context;
    const struct pl_pictures *pictures = &work->data.pictures;
    const double share = work->job.options->valid_share;
    work->count = pictures->count - held_out(work);
    if (share > 0 && work->count == pictures->count)
        return pl_fail(context, PL_BAD_DATA,
                       "%s: --valid-share %g of %" PRId64 " pictures is none of them",
                       pictures->source, share, pictures->count);
    work->order = pl_new(context, (size_t)work->count, sizeof *work->order);
    work->pass = -1;
    return work->order ? PL_OK : context->status;
}

/* Of what is trained on, however it is stored. */
static uint32_t data_sum(const struct work *work)
{
    const struct pl_pictures *pictures = &work->data.pictures;
    const size_t count = (size_t)pictures->count;
    return pl_crc32(pl_crc32(0, pictures->pixels, count * (size_t)picture_size(work)),
                    pictures->labels, count * sizeof *pictures->labels);
}

/* Steps that make the passes asked for, unless they were given or are those of a checkpoint. */
static enum pl_status count_steps(struct work *work)
{
    struct pl_run *run = work->job.run;
    struct pl_train_options *options = work->job.options;
    if (pl_run_given(run, "steps") && pl_run_given(run, "epochs"))
        return pl_fail(&run->context, PL_USAGE, "--steps and --epochs exclude each other");
    if (options->resume || pl_run_given(run, "steps"))
        return PL_OK;
    if (pl_recipe_apply(run, work->job.command, recipe))
        return run->context.status;
    const double views =
        (double)*work->epochs * (double)(work->data.pictures.count - held_out(work));
    options->steps = (int64_t)ceil(views / (double)(options->batch * options->accumulate));
    return PL_OK;
}

/* After the options of a checkpoint, if there is one, were taken. */
static enum pl_status open_corruption(struct work *work)
{
    struct pl_run *run = work->job.run;
    work->corrupt.seed = (uint64_t)run->common.seed;
    if (work->options->corrupt &&
        pl_corrupt_parse(&run->context, work->options->corrupt, &work->corrupt))
        return pl_fail_at(&run->context, "--corrupt");
    return PL_OK;
}

/* The model of the checkpoint, which must be what was asked for. */
static enum pl_status read_checkpoint(struct work *work, const struct pl_model_type *type,
                                      const struct pl_list *settings)
{
    struct pl_context *context = &work->job.run->context;
    const struct pl_bundle *bundle = work->job.resumed;
    struct pl_image_net given = {0};
    if (pl_image_read(context, &work->net, bundle))
        return context->status;
    if (type != work->net.type)
        return pl_fail(context, PL_USAGE, "%s: the checkpoint is of a %s, not of a %s",
                       bundle->source, work->net.type->name, type->name);
    enum pl_status status = pl_image_init(context, &given, type, settings->items, settings->count,
                                          &work->data.pictures);
    if (!status)
        status = pl_model_match(context, type, settings, given.options, work->net.options);
    pl_image_release(&given);
    return status ? pl_fail_at(context, "%s", bundle->source) : PL_OK;
}

static enum pl_status read_start(struct work *work, const struct pl_model_type *type,
                                 const struct pl_list *settings)
{
    struct pl_context *context = &work->job.run->context;
    if (settings->count)
        return pl_fail(context, PL_USAGE, "--set %s: with --from the configuration is the model's",
                       settings->items[0]);
    if (pl_image_read(context, &work->net, &work->job.options->start.bundle))
        return context->status;
    if (type != work->net.type)
        return pl_fail(context, PL_USAGE, "--from %s: it is a %s, not a %s", work->options->from,
                       work->net.type->name, type->name);
    return PL_OK;
}

static enum pl_status make_model(struct work *work, const struct pl_model_type *type,
                                 const struct pl_list *settings)
{
    struct pl_context *context = &work->job.run->context;
    struct pl_image_net *net = &work->net;
    if (work->job.options->resume)
        return read_checkpoint(work, type, settings);
    if (work->options->from)
        return read_start(work, type, settings);
    if (pl_image_init(context, net, type, settings->items, settings->count, &work->data.pictures))
        return context->status;
    return pl_job_parameters(&work->job, &net->parameters, pl_image_options(net)->init);
}

static enum pl_status write_model(void *self, struct pl_context *context,
                                  const struct pl_meta_node *training, struct pl_writer *writer)
{
    return pl_image_write(context, &((struct work *)self)->net, training, writer);
}

/* path NULL: there is no such input. */
static enum pl_status add_input(struct pl_context *context, const char *path,
                                const struct pl_source *source, const struct pl_bundle *bundle,
                                struct pl_history *history)
{
    bool stream = source->format == PL_FORMAT_STREAM;
    if (!path)
        return PL_OK;
    return pl_history_input(context, history, path, source->sum,
                            stream ? pl_bundle_document(bundle, "history") : NULL);
}

static enum pl_status add_inputs(void *self, struct pl_context *context, struct pl_history *history)
{
    const struct work *work = self;
    const struct data *data = &work->data, *valid = &work->valid;
    const struct pl_start *start = &work->job.options->start;
    if (add_input(context, data->path, &data->source, &data->bundle, history) ||
        add_input(context, valid->path, &valid->source, &valid->bundle, history))
        return context->status;
    return add_input(context, work->options->from, &start->source, &start->bundle, history);
}

/* ---- A run --------------------------------------------------------------------------------- */

static enum pl_status explain(struct work *work)
{
    struct pl_run *run = work->job.run;
    struct pl_context *context = &run->context;
    const struct pl_train_options *train = work->job.options;
    const double bytes = (double)sizeof(pl_real) * (double)work->net.parameters.elements;
    const double views = (double)(train->batch * train->accumulate) * (double)train->steps;
    struct pl_buffer text = {0};
    enum pl_status status = pl_buffer_printf(
        context, &text,
        "model: %s\nparameters: %" PRId64 "\nclasses: %" PRId64 "\npictures: %" PRId64
        "\nsteps: %" PRId64 "\npasses_over_data: %.4g\nmodel_bytes: %.0f\n"
        "training_state_bytes: %.0f\n",
        work->net.type->name, work->net.parameters.elements, pl_image_options(&work->net)->classes,
        work->count, train->steps, views / (double)work->count, bytes,
        pl_training_bytes(&work->net.parameters));
    if (!status)
        status = pl_run_text_output(run, text.data, text.size);
    pl_buffer_release(&text);
    return status;
}

static enum pl_status train(struct work *work, const struct pl_model_type *type,
                            const struct pl_list *settings, struct pl_writer *writer)
{
    struct pl_run *run = work->job.run;
    struct pl_context *context = &run->context;
    if (open_data(work) || count_steps(work) || pl_job_open(&work->job, recipe) || hold_out(work) ||
        open_corruption(work) || pl_blas_open(context) || make_model(work, type, settings) ||
        pl_image_fits(context, &work->net, &work->data.pictures) ||
        (work->valid.path && pl_image_fits(context, &work->net, &work->valid.pictures)))
        return context->status;
    work->job.loop.options.optimiser.beta2 = BETA2;
    work->job.objective.units = work->job.options->batch;
    work->job.objective.most_loss = pl_diverged_loss(pl_image_options(&work->net)->classes);
    work->job.objective.parameters = &work->net.parameters;
    work->job.objective.validate =
        work->valid.path || work->count < work->data.pictures.count ? validate : NULL;
    work->job.data = work->data.pictures.count;
    work->job.data_sum = data_sum(work);
    if (run->common.explain)
        return explain(work);
    pl_run_note(run, "%s: %" PRId64 " parameters; %s: %" PRId64 " pictures of %" PRId64 " classes",
                type->name, work->net.parameters.elements, work->data.pictures.source, work->count,
                work->data.pictures.classes);
    return pl_job_run(&work->job, writer);
}

enum pl_status pl_train_picture(struct pl_run *run, void *command, struct pl_train_options *options,
                                const int64_t *epochs, const struct pl_picture_options *picture,
                                const struct pl_model_type *type, const struct pl_list *settings,
                                struct pl_writer *writer)
{
    struct work work = {.options = picture, .epochs = epochs};
    work.job = (struct pl_job){.run = run,
                               .reads = picture->from,
                               .command = command,
                               .options = options,
                               .objective = {.self = &work, .loss = loss},
                               .unit = "pictures",
                               .write = write_model,
                               .inputs = add_inputs};
    enum pl_status status = train(&work, type, settings, writer);
    pl_job_close(&work.job);
    free(work.order);
    close_data(&work.data);
    close_data(&work.valid);
    pl_image_release(&work.net);
    return status;
}
