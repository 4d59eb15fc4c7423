/* A training as lin-train and vq-train run it: see job.h.
 * SPDX-License-Identifier: MIT */
#include "train/job.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/number.h"
#include "base/version.h"

/* ---- Options ------------------------------------------------------------------------------- */

/* "30s", "10m", "2h", or seconds. */
static enum pl_status parse_time(struct pl_context *context, const char *option, const char *text,
                                 double *seconds)
{
    size_t size = strlen(text);
    const char *units = "smh", *unit = size ? strchr(units, text[size - 1]) : NULL;
    static const double factors[] = {1, 60, 3600};
    if (!pl_parse_double(text, unit ? size - 1 : size, seconds) || !(*seconds >= 0) ||
        *seconds > 1e9)
        return pl_fail(context, PL_USAGE, "--%s '%s': not a time such as 30s, 10m or 2h", option,
                       text);
    *seconds *= unit ? factors[unit - units] : 1;
    return PL_OK;
}

/* A run that goes on saves where it came from, if that was a file and no pipe. */
static const char *checkpoint_of(const struct pl_train_options *options)
{
    if (options->checkpoint || !options->resume || !pl_output_replaces(options->resume))
        return options->checkpoint;
    return options->resume;
}

static enum pl_status make_options(struct pl_context *context,
                                   const struct pl_train_options *options,
                                   struct pl_loop_options *loop)
{
    if (options->valid && options->valid_share > 0)
        return pl_fail(context, PL_USAGE, "--valid and --valid-share exclude each other");
    if (options->checkpoint && !pl_output_replaces(options->checkpoint))
        return pl_fail(context, PL_USAGE,
                       "--checkpoint %s: must be a file, which each checkpoint replaces",
                       options->checkpoint);
    *loop = (struct pl_loop_options){
        .steps = options->steps,
        .accumulate = options->accumulate,
        .clip = options->clip,
        .schedule = {.kind = (enum pl_schedule_kind)options->schedule,
                     .peak = options->rate,
                     .least = options->least,
                     .warmup = pl_schedule_warmup(options->warmup, options->steps),
                     .steps = options->steps},
        .optimiser = {.kind = (enum pl_optimiser_kind)options->optimiser,
                      .decay = options->decay,
                      .beta1 = 0.9,
                      .beta2 = 0.95,
                      .eps = 1e-8,
                      .momentum = options->momentum},
        .validate_every = options->validate_every,
        .log = options->log,
        .checkpoint = checkpoint_of(options),
    };
    return parse_time(context, "checkpoint-every",
                      options->checkpoint_every ? options->checkpoint_every : "10m",
                      &loop->checkpoint_every);
}

static enum pl_status check_seed(struct pl_job *job, const struct pl_meta_node *training)
{
    struct pl_run *run = job->run;
    int64_t seed = run->common.seed;
    if (pl_meta_int(&run->context, training, "seed", &seed))
        return run->context.status;
    if (pl_run_given(run, "seed") && seed != run->common.seed)
        return pl_fail(&run->context, PL_USAGE,
                       "the checkpoint is of a run with other options: --seed %" PRId64
                       " was %" PRId64,
                       run->common.seed, seed);
    run->common.seed = seed;
    return PL_OK;
}

static enum pl_status take_checkpoint(struct pl_job *job)
{
    struct pl_context *context = &job->run->context;
    const struct pl_meta_node *training =
        pl_meta_find(pl_bundle_document(job->resumed, "model"), "training");
    const struct pl_meta_node *options = pl_meta_find(training, "options");
    if (!options || !pl_meta_find(training, "step"))
        return pl_fail(context, PL_BAD_DATA, "%s: not a checkpoint of a training",
                       job->resumed->source);
    if (pl_recipe_resume(job->run, job->command, job->recipe, options) || check_seed(job, training))
        return pl_fail_at(context, "%s", job->resumed->source);
    return PL_OK;
}

static bool is_read(const struct pl_job *job, const char *path)
{
    const char *const others[] = {job->options->valid, job->reads};
    for (int i = 0; i < job->run->operand_count; i++)
        if (pl_file_same(path, job->run->operands[i]))
            return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i] && pl_file_same(path, others[i]))
            return true;
    return false;
}

/* What is written is not what is read, and the log is by itself. */
static enum pl_status check_written(const struct pl_job *job)
{
    struct pl_context *context = &job->run->context;
    const struct pl_train_options *options = job->options;
    const char *log = options->log, *resume = options->resume, *output = job->run->common.output;
    const char *checkpoint = options->checkpoint;
    if (checkpoint && is_read(job, checkpoint))
        return pl_fail(context, PL_USAGE, "--checkpoint %s: the file is read too", checkpoint);
    if (!log)
        return PL_OK;
    if (is_read(job, log) || (resume && pl_file_same(log, resume)))
        return pl_fail(context, PL_USAGE, "--log %s: the file is read too", log);
    if ((checkpoint && pl_file_same(log, checkpoint)) || (output && pl_file_same(log, output)))
        return pl_fail(context, PL_USAGE, "--log %s: the file is written by another option too",
                       log);
    return PL_OK;
}

/* Standard input is the checkpoint or data, not both. */
static enum pl_status check_input(const struct pl_job *job)
{
    const struct pl_run *run = job->run;
    const char *resume = job->options->resume;
    if (!resume || strcmp(resume, "-") != 0)
        return PL_OK;
    for (int i = 0; i == 0 || i < run->operand_count; i++)
        if (strcmp(pl_run_operand(run, i), "-") == 0)
            return pl_fail(&job->run->context, PL_USAGE,
                           "--resume and DATA cannot both be standard input");
    return PL_OK;
}

/* Options that would change nothing. */
static enum pl_status check_effects(const struct pl_job *job)
{
    struct pl_run *run = job->run;
    const struct pl_train_options *options = job->options;
    const bool validates = options->valid || options->valid_share > 0;
    const struct {
        const char *name, *needs;
        bool missing;
    } rows[] = {
        {"momentum", "--optimiser sgd", options->optimiser != PL_SGD},
        {"min-lr", "a --schedule that falls", options->schedule == PL_SCHEDULE_CONSTANT},
        {"eval-every", "--valid or --valid-share", !validates},
        {"valid-windows", "--valid or --valid-share", !validates},
        {"checkpoint-every", "--checkpoint", !options->checkpoint && !options->resume},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].missing && pl_run_given(run, rows[i].name))
            return pl_fail(&run->context, PL_USAGE, "--%s changes nothing without %s", rows[i].name,
                           rows[i].needs);
    return PL_OK;
}

enum pl_status pl_job_open(struct pl_job *job, const char *const *recipe)
{
    struct pl_context *context = &job->run->context;
    job->loop.log.fd = -1;
    if (check_written(job) || check_input(job))
        return context->status;
    job->recipe = recipe;
    job->resumed = job->options->resume ? &job->options->start.bundle : NULL;
    if (job->resumed ? take_checkpoint(job) : pl_recipe_apply(job->run, job->command, recipe))
        return context->status;
    job->loop.context = context;
    return make_options(context, job->options, &job->loop.options) || check_effects(job)
               ? context->status
               : PL_OK;
}

void pl_job_close(struct pl_job *job)
{
    pl_history_release(&job->history);
    pl_loop_release(&job->loop);
}

/* ---- What families ask ---------------------------------------------------------------------- */

double pl_training_bytes(const struct pl_parameters *parameters)
{
    double elements = 0;
    for (size_t i = 0; i < parameters->count; i++) {
        const struct pl_parameter *parameter = parameters->items[i];
        elements += (parameter->frozen ? 1 : 4) * (double)parameter->variable.count;
    }
    return (double)sizeof(pl_real) * elements;
}

enum pl_status pl_job_parameters(const struct pl_job *job, struct pl_parameters *parameters,
                                 double deviation)
{
    const struct pl_common *common = &job->run->common;
    struct pl_context *context = &job->run->context;
    if (common->explain)
        return PL_OK;
    if (pl_memory_check(context, pl_training_bytes(parameters), "the training state"))
        return context->status;
    return pl_parameters_start(context, parameters, (uint64_t)common->seed, deviation);
}

double pl_diverged_loss(int64_t choices)
{
    return 20 * log((double)choices + 1); /* of one choice too it is above 0 */
}

/* ---- Writing ------------------------------------------------------------------------------- */

/* A resumed run is the same step of the history as the run that it goes on with. */
static enum pl_status write_history(struct pl_job *job, struct pl_writer *writer)
{
    struct pl_run *run = job->run;
    struct pl_context *context = &run->context;
    if (!run->common.history)
        return PL_OK;
    if (job->resumed) {
        const struct pl_meta_node *history = pl_bundle_document(job->resumed, "history");
        return history ? pl_writer_meta(context, writer, "history", history) : PL_OK;
    }
    if (!job->history.step && (pl_history_start(context, &job->history, run->tool->name, PL_VERSION,
                                                run->argc, run->argv, run->common.seed) ||
                               job->inputs(job->objective.self, context, &job->history)))
        return context->status;
    return pl_history_write(context, &job->history, writer);
}

static enum pl_status write_model(struct pl_job *job, struct pl_writer *writer, bool checkpoint)
{
    struct pl_context *context = &job->run->context;
    struct pl_meta meta = {0};
    struct pl_meta_node *training = pl_meta_add_map(context, &meta, NULL, NULL);
    char sum[16];
    pl_loop_document(&job->loop, &meta, training);
    pl_meta_add_int(context, &meta, training, "seed", job->run->common.seed);
    pl_meta_add_int(context, &meta, training, "data", job->data);
    snprintf(sum, sizeof sum, "x%08x", (unsigned)job->data_sum);
    pl_meta_add_text(context, &meta, training, "data_sum", sum);
    pl_recipe_write(job->run, job->command, job->recipe, &meta, training);
    enum pl_status status = pl_meta_ok(&meta, context) ? PL_OK : context->status;
    if (!status)
        status = job->write(job->objective.self, context, training, writer);
    if (!status && checkpoint)
        status = pl_loop_write(&job->loop, writer);
    if (!status)
        status = write_history(job, writer);
    pl_meta_release(&meta);
    return status ? status : pl_writer_end(context, writer);
}

static enum pl_status save(void *user, struct pl_loop *loop, const char *path)
{
    struct pl_job *job = user;
    struct pl_writer *writer = pl_writer_open(loop->context, path);
    if (!writer)
        return loop->context->status;
    if (write_model(job, writer, true)) {
        pl_writer_abort(loop->context, writer, job->run->tool->name);
        return loop->context->status;
    }
    return pl_writer_commit(loop->context, writer);
}

/* ---- Running ------------------------------------------------------------------------------- */

static void watch(void *user, const struct pl_loop *loop)
{
    struct pl_job *job = user;
    struct pl_run *run = job->run;
    if (loop->options.validate_every && loop->step % loop->options.validate_every == 0 &&
        loop->objective->validate && loop->step < loop->options.steps)
        pl_run_note(run, "step %" PRId64 ": loss %.4f, validation %.4f", loop->step, loop->loss,
                    loop->validation);
    snprintf(run->progress.note, sizeof run->progress.note, "step %" PRId64 ", loss %.4f",
             loop->step, loop->loss);
    pl_progress_add(&run->progress, (uint64_t)(loop->options.accumulate * loop->objective->units));
    pl_run_progress(run);
}

static void report(const struct pl_job *job, int64_t first, double seconds)
{
    const struct pl_loop *loop = &job->loop;
    char last[48] = "", validation[48] = "";
    const int64_t made = loop->step - loop->idle;
    const double units =
        (double)((made - first) * loop->options.accumulate) * (double)job->objective.units;
    if (!isnan(loop->loss)) /* of a run resumed at its end there is none, nor the other */
        snprintf(last, sizeof last, "loss %.4f", loop->loss);
    if (!isnan(loop->validation))
        snprintf(validation, sizeof validation, ", validation %.4f", loop->validation);
    if (loop->skipped)
        pl_warn(&job->run->context,
                "%" PRId64 " steps were skipped: their gradients were not finite", loop->skipped);
    pl_run_note(job->run, "%" PRId64 " steps: %s%s; %.4g %s in %.1f s, %.4g a second", made,
                *last ? last : "none was left", validation, units, job->unit, seconds,
                seconds > 0 ? units / seconds : 0);
}

static enum pl_status check_data(const struct pl_job *job)
{
    struct pl_context *context = &job->run->context;
    int64_t data = job->data;
    char sum[16];
    snprintf(sum, sizeof sum, "x%08x", (unsigned)job->data_sum);
    const char *recorded = sum;
    const struct pl_meta_node *model = pl_bundle_document(job->resumed, "model");
    if (pl_meta_int(context, model, "training.data", &data) ||
        pl_meta_text(context, model, "training.data_sum", &recorded))
        return pl_fail_at(context, "%s: meta model", job->resumed->source);
    if (data != job->data)
        return pl_fail(context, PL_BAD_DATA,
                       "%s: the checkpoint is of a run on %" PRId64 " %s; these are %" PRId64,
                       job->resumed->source, data, job->unit, job->data);
    if (strcmp(recorded, sum) != 0)
        return pl_fail(context, PL_BAD_DATA,
                       "%s: the checkpoint is of a run on other data: their sum was %s and is %s",
                       job->resumed->source, recorded, sum);
    return PL_OK;
}

static enum pl_status start(struct pl_job *job)
{
    struct pl_context *context = &job->run->context;
    struct pl_loop *loop = &job->loop;
    loop->objective = &job->objective;
    loop->stop = pl_run_stopped;
    loop->watch = watch;
    loop->save = save;
    loop->user = job;
    /* that it cannot be written is better known now than when the first is due */
    if (pl_writer_try(context, job->options->checkpoint) || pl_loop_start(loop))
        return context->status;
    return job->resumed && (check_data(job) || pl_loop_read(loop, job->resumed)) ? context->status
                                                                                 : PL_OK;
}

/* Steps until the last, or until it is stopped: then the tool ends here, by the signal.  What is
 * left to do after the last step may take long too, and is not lost either. */
static enum pl_status run_loop(struct pl_job *job)
{
    struct pl_run *run = job->run;
    struct pl_loop *loop = &job->loop;
    const char *checkpoint = loop->options.checkpoint;
    pl_run_hold_signals(checkpoint != NULL);
    if (pl_loop_run(loop))
        return run->context.status; /* which is said before the tool ends, by a signal or not */
    if (loop->stopped)
        pl_run_note(run, "stopped at step %" PRId64 "; go on with --resume %s", loop->step,
                    checkpoint);
    else if (checkpoint && job->finish && save(job, loop, checkpoint))
        return run->context.status;
    pl_run_hold_signals(false);
    return PL_OK;
}

enum pl_status pl_job_run(struct pl_job *job, struct pl_writer *writer)
{
    struct pl_run *run = job->run;
    if (start(job))
        return run->context.status;
    const int64_t first = job->loop.step - job->loop.idle,
                  units = job->loop.options.accumulate * job->objective.units;
    const double total = (double)(job->loop.options.steps - job->loop.step) * (double)units;
    pl_progress_start(&run->progress, "training", job->unit, (uint64_t)fmin(total, 1e18));
    const double started = pl_seconds();
    if (run_loop(job))
        return run->context.status;
    report(job, first, pl_seconds() - started);
    if (job->finish && job->finish(job->objective.self, &run->context))
        return run->context.status;
    return write_model(job, writer, false);
}
