/* The training loop: see loop.h.
 * SPDX-License-Identifier: MIT */
#include "train/loop.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/progress.h"

enum pl_status pl_loop_start(struct pl_loop *loop)
{
    loop->tape = (struct pl_tape){.context = loop->context, .recording = true};
    loop->log.fd = -1;
    loop->validation = loop->loss = NAN;
    return pl_optimiser_init(loop->context, &loop->optimiser, loop->objective->parameters,
                             &loop->options.optimiser);
}

void pl_loop_release(struct pl_loop *loop)
{
    pl_train_log_close(&loop->log);
    pl_optimiser_release(&loop->optimiser);
    pl_tape_release(&loop->tape);
}

/* ---- One step ------------------------------------------------------------------------------ */

static enum pl_status diverged(const struct pl_loop *loop, double loss)
{
    return pl_fail(loop->context, PL_NUMERIC, "diverged at step %" PRId64 ": the loss is %g%s",
                   loop->step + 1, isnan(loss) ? (double)NAN : loss, /* no "-nan" */
                   loop->saved ? "; the last checkpoint is from before"
                               : "; a lower --lr may help");
}

/* What micro-batch `index` weighs in its step. */
static enum pl_status weigh(struct pl_loop *loop, int64_t index, int64_t *weight)
{
    const struct pl_objective *objective = loop->objective;
    *weight = 1;
    pl_tape_reset(&loop->tape);
    if (loop->options.accumulate > 1 && objective->weight)
        *weight = objective->weight(objective->self, &loop->tape, index);
    return *weight < 0 ? loop->context->status : PL_OK;
}

/* The weights of a step's micro-batches together. */
static enum pl_status weigh_all(struct pl_loop *loop, int64_t first, int64_t *sum)
{
    int64_t weight;
    *sum = 0;
    for (int64_t part = 0; part < loop->options.accumulate; part++) {
        if (weigh(loop, first + part, &weight))
            return loop->context->status;
        *sum += weight;
    }
    return PL_OK;
}

/* Adds the gradients of the step's micro-batches up; the mean of their losses. */
static enum pl_status add_gradients(struct pl_loop *loop, double *loss)
{
    const struct pl_objective *objective = loop->objective;
    const int64_t parts = loop->options.accumulate, first = loop->step * parts;
    int64_t weight, sum;
    *loss = 0;
    pl_parameters_clear(objective->parameters);
    if (weigh_all(loop, first, &sum))
        return loop->context->status;
    for (int64_t part = 0; part < parts; part++) {
        if (weigh(loop, first + part, &weight))
            return loop->context->status;
        const double share = sum ? (double)weight / (double)sum : 0;
        pl_tape_reset(&loop->tape);
        struct pl_variable *variable = objective->loss(objective->self, &loop->tape, first + part);
        if (!variable)
            return loop->context->status;
        *loss += (double)variable->value[0] * share;
        if (!(*loss <= objective->most_loss)) /* nor NaN */
            return diverged(loop, *loss);
        if (variable->gradient && pl_tape_backward(&loop->tape, variable, (pl_real)share))
            return loop->context->status;
    }
    return PL_OK;
}

/* Goes on to the next step that is not idle. */
static void pass_over(struct pl_loop *loop)
{
    const struct pl_objective *objective = loop->objective;
    int64_t next = objective->next ? objective->next(objective->self, loop->step) : loop->step;
    if (next > loop->options.steps)
        next = loop->options.steps;
    loop->idle += next - loop->step;
    loop->step = next;
}

static enum pl_status make_step(struct pl_loop *loop)
{
    const struct pl_loop_options *options = &loop->options;
    loop->rate = pl_schedule_rate(&options->schedule, loop->step);
    if (add_gradients(loop, &loop->loss) ||
        pl_optimiser_norm(loop->context, &loop->optimiser, &loop->norm))
        return loop->context->status;
    if (isfinite(loop->norm)) {
        if (pl_optimiser_step(loop->context, &loop->optimiser, loop->rate,
                              pl_clip_scale(loop->norm, options->clip)))
            return loop->context->status;
    } else {
        loop->skipped++;
    }
    loop->step++;
    pass_over(loop);
    return PL_OK;
}

/* ---- What happens between steps ------------------------------------------------------------ */

static bool validates(const struct pl_loop *loop)
{
    const int64_t every = loop->options.validate_every;
    return loop->objective->validate &&
           (loop->step == loop->options.steps || (every && loop->step % every == 0));
}

static enum pl_status validate(struct pl_loop *loop)
{
    loop->tape.recording = false;
    pl_tape_reset(&loop->tape);
    enum pl_status status =
        loop->objective->validate(loop->objective->self, &loop->tape, &loop->validation);
    pl_tape_reset(&loop->tape);
    loop->tape.recording = true;
    return status;
}

static enum pl_status add_row(const struct pl_loop *loop, bool validated)
{
    const struct pl_train_row row = {
        .step = loop->step,
        .units = (loop->step - loop->idle) * loop->options.accumulate * loop->objective->units,
        .loss = loop->loss,
        .rate = loop->rate,
        .norm = loop->norm,
        .validation = validated ? loop->validation : NAN,
        .seconds = pl_seconds() - loop->started,
    };
    return pl_train_log_add(loop->context, &loop->log, &row);
}

static enum pl_status save(struct pl_loop *loop)
{
    if (loop->save(loop->user, loop, loop->options.checkpoint))
        return loop->context->status;
    loop->saved = true;
    loop->saved_at = pl_seconds();
    return PL_OK;
}

static enum pl_status after_step(struct pl_loop *loop)
{
    const struct pl_loop_options *options = &loop->options;
    const bool validated = validates(loop);
    if (validated && validate(loop))
        return loop->context->status;
    if (add_row(loop, validated))
        return loop->context->status;
    if (loop->watch)
        loop->watch(loop->user, loop);
    loop->stopped = loop->stop && loop->stop();
    if (options->checkpoint &&
        (loop->stopped || (options->checkpoint_every > 0 &&
                           pl_seconds() - loop->saved_at >= options->checkpoint_every)))
        return save(loop);
    return PL_OK;
}

enum pl_status pl_loop_run(struct pl_loop *loop)
{
    int64_t skipped_before = loop->skipped, in_a_row = 0;
    loop->started = loop->saved_at = pl_seconds();
    if (pl_train_log_open(loop->context, &loop->log, loop->options.log, loop->step))
        return loop->context->status;
    while (loop->step < loop->options.steps && !loop->stopped) {
        if (make_step(loop) || after_step(loop))
            return loop->context->status;
        in_a_row = loop->skipped > skipped_before ? in_a_row + 1 : 0;
        skipped_before = loop->skipped;
        if (in_a_row == PL_LOOP_SKIPS)
            return pl_fail(loop->context, PL_NUMERIC,
                           "diverged at step %" PRId64 ": the gradient was not finite %d times in "
                           "a row",
                           loop->step, PL_LOOP_SKIPS);
    }
    return PL_OK;
}

/* ---- Checkpoints --------------------------------------------------------------------------- */

#define NAME_SIZE 320

static enum pl_status write_array(struct pl_loop *loop, struct pl_writer *writer, const char *what,
                                  const struct pl_parameter *parameter, const pl_real *values)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "optim.%s.%s", what, parameter->name);
    const struct pl_variable *variable = &parameter->variable;
    const struct pl_tensor view =
        pl_tensor_view(PL_REAL_DTYPE, variable->rank, variable->dims, (void *)(uintptr_t)values);
    return pl_writer_tensor(loop->context, writer, name, &view, PL_CODEC_RAW);
}

enum pl_status pl_loop_write(struct pl_loop *loop, struct pl_writer *writer)
{
    const struct pl_optimiser *optimiser = &loop->optimiser;
    for (size_t i = 0; i < optimiser->parameters->count; i++) {
        const struct pl_parameter *parameter = optimiser->parameters->items[i];
        if (optimiser->mean[i] && write_array(loop, writer, "mean", parameter, optimiser->mean[i]))
            return loop->context->status;
        if (optimiser->square[i] &&
            write_array(loop, writer, "square", parameter, optimiser->square[i]))
            return loop->context->status;
    }
    return PL_OK;
}

void pl_loop_document(const struct pl_loop *loop, struct pl_meta *meta,
                      struct pl_meta_node *training)
{
    pl_meta_add_int(loop->context, meta, training, "step", loop->step);
    pl_meta_add_int(loop->context, meta, training, "skipped", loop->skipped);
    if (loop->idle)
        pl_meta_add_int(loop->context, meta, training, "idle", loop->idle);
}

static enum pl_status read_array(struct pl_loop *loop, const struct pl_bundle *bundle,
                                 const char *what, const struct pl_parameter *parameter,
                                 pl_real *values)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "optim.%s.%s", what, parameter->name);
    const struct pl_tensor *tensor = pl_bundle_tensor(bundle, name);
    const struct pl_variable *variable = &parameter->variable;
    if (!tensor)
        return pl_fail(loop->context, PL_BAD_DATA,
                       "%s: no tensor '%s': not a checkpoint of this "
                       "run",
                       bundle->source, name);
    if (tensor->dtype != PL_REAL_DTYPE || tensor->rank != variable->rank ||
        memcmp(tensor->dims, variable->dims, (size_t)tensor->rank * sizeof *tensor->dims) != 0)
        return pl_fail(loop->context, PL_BAD_DATA, "%s: '%s' has the wrong type or shape",
                       bundle->source, name);
    memcpy(values, tensor->data, (size_t)variable->count * sizeof *values);
    return PL_OK;
}

enum pl_status pl_loop_read(struct pl_loop *loop, const struct pl_bundle *bundle)
{
    struct pl_optimiser *optimiser = &loop->optimiser;
    const struct pl_meta_node *training =
        pl_meta_find(pl_bundle_document(bundle, "model"), "training");
    loop->step = -1;
    if (training && (pl_meta_int(loop->context, training, "step", &loop->step) ||
                     pl_meta_int(loop->context, training, "skipped", &loop->skipped) ||
                     pl_meta_int(loop->context, training, "idle", &loop->idle)))
        return pl_fail_at(loop->context, "%s: meta model", bundle->source);
    if (loop->step < 0 || loop->step > loop->options.steps || loop->skipped < 0 ||
        loop->skipped > loop->step || loop->idle < 0 || loop->idle > loop->step)
        return pl_fail(loop->context, PL_BAD_DATA, "%s: not a checkpoint", bundle->source);
    for (size_t i = 0; i < optimiser->parameters->count; i++) {
        const struct pl_parameter *parameter = optimiser->parameters->items[i];
        if (optimiser->mean[i] && read_array(loop, bundle, "mean", parameter, optimiser->mean[i]))
            return loop->context->status;
        if (optimiser->square[i] &&
            read_array(loop, bundle, "square", parameter, optimiser->square[i]))
            return loop->context->status;
    }
    optimiser->steps = loop->step - loop->skipped - loop->idle;
    return PL_OK;
}
