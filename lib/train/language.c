/* Training language models: see language.h.
 * SPDX-License-Identifier: MIT */
#include "train/language.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "autograd/ops.h"
#include "models/lm_stream.h"
#include "tensor/blas.h"
#include "text/batches.h"

/* How language models are trained unless told otherwise: the recipe of Yang and others (GLA, ICML
 * 2024) with a rate for models of a few million parameters. */
static const char *const recipe[] = {
    "steps=1000", "batch=32",        "lr=0.003", "schedule=cosine", "warmup=0.05",
    "min-lr=0.1", "optimiser=adamw", "wd=0.01",  "clip=1",          PL_TRAIN_RECIPE,
    "seq=",       "valid-share=",    NULL};

/* A loss far above that of a model that knows nothing, ln(vocabulary), has diverged. */
#define DIVERGED 20

/* Windows that are validated together, and most of all. */
enum { VALID_BATCH = 16, VALID_WINDOWS = 256 };

struct work {
    struct pl_job job;
    const struct pl_language_options *options;
    struct pl_lm lm;
    struct pl_tokenizer *tokenizer; /* of texts; NULL: their bytes are the tokens */
    struct pl_corpus corpus, valid_corpus;
    struct pl_batches batches, valid;
};

/* ---- The objective ------------------------------------------------------------------------- */

/* The loss of `count` windows that fill has written to ids and targets. */
static struct pl_variable *score(struct work *work, struct pl_tape *tape, int64_t count,
                                 const int32_t *ids, const int32_t *targets,
                                 struct pl_head_score *head)
{
    struct pl_pass pass = {.tape = tape, .lm = &work->lm};
    if (pl_rows_even(tape, count, work->batches.length, &pass.rows))
        return NULL;
    struct pl_variable *hidden = pl_lm_forward(&pass, ids);
    struct pl_variable *loss = pl_op_head_loss(tape, hidden, work->lm.head, targets, head);
    return pass.auxiliary ? pl_op_add(tape, loss, pass.auxiliary, 1) : loss;
}

static int32_t *take_tokens(const struct work *work, struct pl_tape *tape, int64_t count)
{
    return pl_tape_take(tape, 2 * count * work->batches.length, sizeof(int32_t));
}

static struct pl_variable *loss(void *self, struct pl_tape *tape, int64_t index)
{
    struct work *work = self;
    const int64_t count = work->batches.batch;
    int32_t *ids = take_tokens(work, tape, count);
    int32_t *targets = ids ? ids + count * work->batches.length : NULL;
    if (!ids || pl_batches_read(tape->context, &work->batches, index, ids, targets))
        return NULL;
    return score(work, tape, count, ids, targets, NULL);
}

static enum pl_status validate(void *self, struct pl_tape *tape, double *mean)
{
    struct work *work = self;
    const int64_t all = pl_batches_windows(&work->valid), asked = work->options->valid_windows;
    const int64_t most = asked ? asked : VALID_WINDOWS, windows = most < all ? most : all;
    double nats = 0, scored = 0;
    for (int64_t first = 0; first < windows; first += VALID_BATCH) {
        const int64_t count = windows - first < VALID_BATCH ? windows - first : VALID_BATCH;
        struct pl_head_score head = {0};
        pl_tape_reset(tape);
        int32_t *ids = take_tokens(work, tape, count);
        int32_t *targets = ids ? ids + count * work->batches.length : NULL;
        if (!ids ||
            pl_batches_windows_read(tape->context, &work->valid, first, count, ids, targets) ||
            !score(work, tape, count, ids, targets, &head))
            return tape->context->status;
        nats += head.nats;
        scored += (double)head.scored;
    }
    *mean = scored > 0 ? nats / scored : NAN;
    return PL_OK;
}

/* ---- Data and model ------------------------------------------------------------------------ */

/* The one that was given, or that of the checkpoint. */
static enum pl_status open_tokenizer(struct work *work)
{
    struct pl_context *context = &work->job.run->context;
    const struct pl_lm *lm = &work->lm;
    if (work->options->tokenizer)
        work->tokenizer = pl_tokenizer_load(context, work->options->tokenizer);
    else if (lm->tokenizer)
        work->tokenizer = pl_tokenizer_parse(context, work->job.resumed.source, lm->tokenizer,
                                             lm->tokenizer_size);
    else
        return PL_OK;
    return work->tokenizer ? PL_OK : context->status;
}

static enum pl_status open_data(struct work *work)
{
    const struct pl_run *run = work->job.run;
    struct pl_context *context = &work->job.run->context;
    const struct pl_language_options *options = work->options;
    if (options->valid && options->valid_share > 0)
        return pl_fail(context, PL_USAGE, "--valid and --valid-share exclude each other");
    if (open_tokenizer(work) ||
        pl_corpus_open(context, &work->corpus, pl_run_operand(run, 0), work->tokenizer))
        return context->status;
    work->batches = (struct pl_batches){.corpus = &work->corpus,
                                        .length = options->length,
                                        .batch = work->job.options->batch,
                                        .seed = (uint64_t)run->common.seed,
                                        .share = 1 - options->valid_share};
    work->valid = work->batches;
    work->valid.share = -options->valid_share;
    if (pl_batches_init(context, &work->batches))
        return context->status;
    if (options->valid) {
        if (pl_corpus_open(context, &work->valid_corpus, options->valid, work->tokenizer))
            return context->status;
        work->valid.corpus = &work->valid_corpus;
        work->valid.share = 1;
    } else if (options->valid_share <= 0) {
        return PL_OK;
    }
    work->valid.length = work->batches.length;
    return pl_batches_init(context, &work->valid);
}

/* A setting that was given must be that of the model of the checkpoint. */
static enum pl_status compare_settings(struct work *work, const struct pl_list *settings)
{
    struct pl_context *context = &work->job.run->context;
    const struct pl_model_type *type = work->lm.type;
    struct pl_lm given = {0};
    struct pl_meta meta = {0};
    enum pl_status status = pl_lm_init(context, &given, type, settings->items, settings->count,
                                       pl_lm_options(&work->lm)->vocabulary);
    for (size_t i = 0; i < settings->count && !status; i++) {
        const struct pl_option *option = pl_option_find(type->options, settings->items[i]);
        struct pl_meta_node *pair = pl_meta_add_map(context, &meta, NULL, NULL);
        pl_option_write(context, option, given.options, &meta, pair);
        pl_option_write(context, option, work->lm.options, &meta, pair);
        if (!pl_meta_ok(&meta, context))
            status = context->status;
        else if (strcmp(pair->child->text, pair->last->text) != 0)
            status = pl_fail(context, PL_USAGE,
                             "the checkpoint is of a run with other options: --set %s=%s was %s",
                             option->name, pair->child->text, pair->last->text);
        pl_meta_release(&meta);
    }
    pl_lm_release(&given);
    return status;
}

/* The model of the checkpoint, which must be what was asked for. */
static enum pl_status read_model(struct work *work, const struct pl_model_type *type,
                                 const struct pl_list *settings)
{
    struct pl_context *context = &work->job.run->context;
    const struct pl_bundle *bundle = &work->job.resumed;
    if (pl_lm_read(context, &work->lm, bundle))
        return context->status;
    if (type && type != work->lm.type)
        return pl_fail(context, PL_USAGE, "%s: the checkpoint is of a %s, not of a %s",
                       bundle->source, work->lm.type->name, type->name);
    if (compare_settings(work, settings))
        return pl_fail_at(context, "%s", bundle->source);
    return PL_OK;
}

/* Both corpora must be of the model's tokens. */
static enum pl_status expect(struct work *work, struct pl_corpus *corpus)
{
    const struct pl_lm *lm = &work->lm;
    return pl_corpus_expect(&work->job.run->context, corpus, pl_lm_options(lm)->vocabulary,
                            lm->tokenizer, lm->tokenizer_size);
}

static enum pl_status make_model(struct work *work, const struct pl_model_type *type,
                                 const struct pl_list *settings)
{
    struct pl_run *run = work->job.run;
    struct pl_context *context = &run->context;
    struct pl_lm *lm = &work->lm;
    if (pl_lm_init(context, lm, type, settings->items, settings->count, work->corpus.vocabulary))
        return context->status;
    lm->sequence = work->batches.length;
    if (work->corpus.tokenizer) {
        const char *json = pl_tokenizer_json(work->corpus.tokenizer, &lm->tokenizer_size);
        lm->tokenizer = pl_copy_bytes(context, json, lm->tokenizer_size);
        if (!lm->tokenizer)
            return context->status;
    }
    return pl_parameters_start(context, &lm->parameters, (uint64_t)run->common.seed,
                               pl_lm_options(lm)->init);
}

static enum pl_status write_model(void *self, struct pl_context *context,
                                  const struct pl_meta_node *training, struct pl_writer *writer)
{
    return pl_lm_write(context, &((struct work *)self)->lm, training, writer);
}

static enum pl_status add_inputs(void *self, struct pl_context *context, struct pl_history *history)
{
    const struct work *work = self;
    if (pl_corpus_history(context, &work->corpus, history))
        return context->status;
    return work->options->valid ? pl_corpus_history(context, &work->valid_corpus, history) : PL_OK;
}

/* ---- A run --------------------------------------------------------------------------------- */

/* Weights that every token is multiplied by. */
static double products(const struct pl_lm *lm)
{
    double sum = 0;
    for (size_t i = 0; i < lm->parameters.count; i++) {
        const struct pl_variable *variable = &lm->parameters.items[i]->variable;
        if (variable->rank == 2 && (variable != lm->embeddings || lm->head == lm->embeddings))
            sum += (double)variable->count;
    }
    return sum;
}

static enum pl_status explain(struct work *work)
{
    struct pl_run *run = work->job.run;
    struct pl_context *context = &run->context;
    const struct pl_train_options *train = work->job.options;
    const double tokens = (double)(train->batch * train->accumulate) * (double)work->batches.length;
    const double bytes = (double)sizeof(pl_real) * (double)work->lm.parameters.elements;
    struct pl_buffer text = {0};
    enum pl_status status = pl_buffer_printf(
        context, &text,
        "model: %s\nparameters: %" PRId64 "\nvocabulary: %" PRId64 "\ndata_tokens: %" PRId64
        "\nsteps: %" PRId64 "\ntokens_per_step: %.0f\npasses_over_data: %.4g\n"
        "gflop_per_step: %.4g\nmodel_bytes: %.0f\ntraining_state_bytes: %.0f\n",
        work->lm.type->name, work->lm.parameters.elements, work->corpus.vocabulary,
        work->corpus.count, train->steps, tokens,
        tokens * (double)train->steps / (double)work->corpus.count,
        6e-9 * products(&work->lm) * tokens, bytes, 4 * bytes);
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
    const bool resumed = work->job.options->resume != NULL;
    if (pl_job_open(&work->job, recipe) || (resumed && read_model(work, type, settings)) ||
        open_data(work) || pl_blas_open(context) ||
        (!resumed && make_model(work, type, settings)) || expect(work, &work->corpus) ||
        (work->options->valid && expect(work, &work->valid_corpus)))
        return context->status;
    work->job.objective.units = work->batches.batch * work->batches.length;
    work->job.objective.most_loss = DIVERGED * log((double)work->corpus.vocabulary + 1);
    work->job.objective.parameters = &work->lm.parameters;
    work->job.objective.validate = work->valid.length && work->valid.share ? validate : NULL;
    work->job.data = work->corpus.count;
    if (run->common.explain)
        return explain(work);
    pl_run_note(run, "%s: %" PRId64 " parameters; %s: %" PRId64 " tokens, vocabulary %" PRId64,
                work->lm.type->name, work->lm.parameters.elements, work->corpus.name,
                work->corpus.count, work->corpus.vocabulary);
    return pl_job_run(&work->job, writer);
}

enum pl_status pl_train_language(struct pl_run *run, void *command,
                                 struct pl_train_options *options,
                                 const struct pl_language_options *language,
                                 const struct pl_model_type *type, const struct pl_list *settings,
                                 struct pl_writer *writer)
{
    struct work work = {.options = language};
    work.job = (struct pl_job){.run = run,
                               .command = command,
                               .options = options,
                               .objective = {.self = &work, .loss = loss},
                               .unit = "tokens",
                               .write = write_model,
                               .inputs = add_inputs};
    enum pl_status status = train(&work, type, settings, writer);
    pl_job_close(&work.job);
    pl_batches_release(&work.batches);
    pl_batches_release(&work.valid);
    pl_corpus_close(&work.corpus);
    pl_corpus_close(&work.valid_corpus);
    pl_tokenizer_free(work.tokenizer);
    pl_lm_release(&work.lm);
    return status;
}
