/* Training language models: see language.h.
 * SPDX-License-Identifier: MIT */
#include "train/language.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "formats/input.h"
#include "models/lm_stream.h"
#include "models/lora.h"
#include "tensor/blas.h"
#include "train/language_parts.h"

/* How language models are trained unless told otherwise: the recipe of Yang and others (GLA, ICML
 * 2024) with a rate for models of a few million parameters. */
static const char *const recipe[] = {
    "steps=1000", "batch=32",        "lr=0.003", "schedule=cosine", "warmup=0.05",
    "min-lr=0.1", "optimiser=adamw", "wd=0.01",  "clip=1",          PL_TRAIN_RECIPE,
    "seq=",       "valid-share=",    NULL};

/* Adapters: the recipe of Hu and others, with a rate for small models; its rows are those of
 * converted transformers. */
static const char *const lora_recipe[] = {
    "steps=300",       "batch=4", "lr=0.001", "schedule=cosine", "warmup=0", "min-lr=0",
    "optimiser=adamw", "wd=0.01", "clip=1",   PL_TRAIN_RECIPE,   "seq=",     "valid-share=",
    "lora=",           "rank=8",  "alpha=",   "also=",           NULL};

/* Attention transfer.  Its authors' rate, 0.01, is too low for a few hundred steps. */
static const char *const transfer_recipe[] = {
    "steps=300",           "batch=4", "lr=0.03", "schedule=cosine", "warmup=0", "min-lr=0",
    "optimiser=adamw",     "wd=0",    "clip=0",  PL_TRAIN_RECIPE,   "seq=",     "valid-share=",
    "attention-transfer=", NULL};

/* Of AdamW where few parameters are trained for a short time. */
#define ADAPT_BETA2 0.999

bool pl_language_adapts(const struct pl_language_options *language)
{
    return language->lora || language->transfer;
}

/* ---- Data and model ------------------------------------------------------------------------ */

/* The one that was given, or that of the checkpoint. */
static enum pl_status open_tokenizer(struct pl_language_work *work)
{
    struct pl_context *context = &work->job.run->context;
    const struct pl_lm *lm = &work->lm;
    if (work->options->tokenizer)
        work->tokenizer = pl_tokenizer_load(context, work->options->tokenizer);
    else if (lm->tokenizer)
        work->tokenizer = pl_tokenizer_parse(
            context, work->given.source ? work->given.source : work->job.resumed->source,
            lm->tokenizer, lm->tokenizer_size);
    else
        return PL_OK;
    return work->tokenizer ? PL_OK : context->status;
}

/* DATA comes behind MODEL where there is one. */
static const char *data_operand(const struct pl_language_work *work)
{
    const struct pl_run *run = work->job.run;
    return pl_run_operand(run, pl_language_adapts(work->options) ? run->operand_count - 1 : 0);
}

static enum pl_status open_data(struct pl_language_work *work)
{
    const struct pl_run *run = work->job.run;
    struct pl_context *context = &work->job.run->context;
    const struct pl_train_options *options = work->job.options;
    if (open_tokenizer(work) ||
        pl_corpus_open(context, &work->corpus, data_operand(work), work->tokenizer))
        return context->status;
    if (work->options->tokenizer && !work->corpus.text)
        return pl_fail(context, PL_USAGE, "--tokenizer %s: %s holds tokens, not a text",
                       work->options->tokenizer, work->corpus.name);
    work->batches = (struct pl_batches){.corpus = &work->corpus,
                                        .length = work->options->length,
                                        .batch = options->batch,
                                        .seed = (uint64_t)run->common.seed,
                                        .held = options->valid_share};
    work->valid = work->batches;
    work->valid.held_out = true;
    if (pl_batches_init(context, &work->batches))
        return context->status;
    if (options->valid) {
        if (pl_corpus_open(context, &work->valid_corpus, options->valid, work->tokenizer))
            return context->status;
        work->valid.corpus = &work->valid_corpus;
        work->valid.held = 1;
    } else if (options->valid_share <= 0) {
        return PL_OK;
    }
    work->valid.length = work->batches.length;
    return pl_batches_init(context, &work->valid);
}

/* A task says what is scored; one that says nothing teaches nothing. */
static enum pl_status expect_targets(struct pl_language_work *work)
{
    struct pl_context *context = &work->job.run->context;
    const struct pl_corpus *corpus = &work->corpus;
    const int64_t row = corpus->length, rows = corpus->task ? corpus->rows : 0;
    int32_t *targets = rows ? pl_new(context, (size_t)row, sizeof *targets) : NULL;
    bool found = !corpus->task;
    if (rows && !targets)
        return context->status;
    for (int64_t i = 0; i < rows && !found && !context->status; i++) {
        if (pl_corpus_targets(context, corpus, i * row, row, targets))
            break;
        for (int64_t t = 0; t < row && !found; t++)
            found = targets[t] >= 0;
    }
    free(targets);
    return found || context->status
               ? context->status
               : pl_fail(context, PL_BAD_DATA, "%s: no token has a target", corpus->name);
}

/* ---- Parts of a model ---------------------------------------------------------------------- */

static enum pl_status freeze(struct pl_language_work *work)
{
    struct pl_context *context = &work->job.run->context;
    struct pl_lm *lm = &work->lm;
    const struct pl_mixer *mixer = lm->type->mixer;
    size_t trained = 0;
    if (work->options->lora)
        return pl_lora_freeze(context, lm, work->options->also);
    for (size_t i = 0; work->options->transfer && i < lm->parameters.count; i++) {
        struct pl_parameter *parameter = lm->parameters.items[i];
        parameter->frozen = !mixer->imitates || !mixer->imitates(parameter->name);
        trained += !parameter->frozen;
    }
    return !work->options->transfer || trained
               ? PL_OK
               : pl_fail(context, PL_USAGE,
                         "--attention-transfer: a %s has no maps to imitate with (lin-convert "
                         "--method lolcats makes a model that has)",
                         lm->type->name);
}

/* The window of a converted model; 0 for others. */
static int64_t window_of(const struct pl_lm *lm)
{
    const struct pl_option *option = pl_option_find(lm->type->options, "window");
    const bool converted = pl_option_find(lm->type->options, "softmax-layers") != NULL;
    return converted && option && option->type == PL_OPTION_INT
               ? *(const int64_t *)((const char *)lm->options + option->offset)
               : 0;
}

/* Whether all maps of an imitation are what they start as. */
static bool has_bare_maps(const struct pl_lm *lm)
{
    size_t maps = 0;
    for (size_t i = 0; lm->type->mixer->imitates && i < lm->parameters.count; i++) {
        const struct pl_parameter *parameter = lm->parameters.items[i];
        const struct pl_variable *map = &parameter->variable;
        if (parameter->init != PL_INIT_EYE)
            continue;
        maps++;
        for (int64_t j = 0; j < map->count; j++)
            if (map->value[j] != (j / map->dims[2] % map->dims[1] == j % map->dims[2]))
                return false;
    }
    return maps > 0;
}

static void warn_of_model(const struct pl_language_work *work)
{
    struct pl_context *context = &work->job.run->context;
    const int64_t window = window_of(&work->lm);
    if (window > 0 && work->batches.length <= window)
        pl_warn(context,
                "no sequence is longer than the window of %" PRId64
                ": what is before it stays untrained",
                window);
    if (work->options->lora && has_bare_maps(&work->lm))
        pl_warn(context, "the model's maps are at identity: lin-train --attention-transfer first");
}

/* The model of operand 0, with what is to be trained. */
static enum pl_status take_model(struct pl_language_work *work)
{
    struct pl_run *run = work->job.run;
    struct pl_context *context = &run->context;
    const struct pl_language_options *options = work->options;
    struct pl_lm *lm = &work->lm;
    const struct pl_lm_lora lora = {
        options->rank, options->alpha > 0 ? options->alpha : (double)options->rank, options->lora};
    if (pl_input_bundle(context, run->operands[0], NULL, &work->source, &work->given) ||
        pl_lm_read(context, lm, &work->given))
        return context->status;
    if (options->lora && (pl_lora_attach(context, lm, &lora) ||
                          pl_lora_start(context, lm, (uint64_t)run->common.seed)))
        return context->status;
    return PL_OK;
}

static int64_t trained_elements(const struct pl_lm *lm)
{
    int64_t sum = 0;
    for (size_t i = 0; i < lm->parameters.count; i++)
        sum += lm->parameters.items[i]->frozen ? 0 : lm->parameters.items[i]->variable.count;
    return sum;
}

/* What attention transfer came to, layer by layer: later ones are the harder. */
static void report_layers(const struct pl_language_work *work)
{
    const struct pl_lm *lm = &work->lm;
    struct pl_buffer text = {0};
    for (int64_t i = 0; i < pl_lm_options(lm)->layers; i++)
        if (pl_buffer_printf(&work->job.run->context, &text, " %.3g", 1000 * work->squares[i]))
            break;
    if (text.size)
        pl_run_note(work->job.run, "1000 x mean square error of the last batch, by layer:%s",
                    text.data);
    pl_buffer_release(&text);
}

/* A setting that was given must be that of the model of the checkpoint. */
static enum pl_status compare_settings(struct pl_language_work *work,
                                       const struct pl_list *settings)
{
    struct pl_context *context = &work->job.run->context;
    const struct pl_model_type *type = work->lm.type;
    struct pl_lm given = {0};
    enum pl_status status = pl_lm_init(context, &given, type, settings->items, settings->count,
                                       pl_lm_options(&work->lm)->vocabulary);
    if (!status)
        status = pl_model_match(context, type, settings, given.options, work->lm.options);
    pl_lm_release(&given);
    return status;
}

/* The model of the checkpoint, which must be what was asked for. */
static enum pl_status read_model(struct pl_language_work *work, const struct pl_model_type *type,
                                 const struct pl_list *settings)
{
    struct pl_context *context = &work->job.run->context;
    const struct pl_bundle *bundle = work->job.resumed;
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
static enum pl_status expect(struct pl_language_work *work, struct pl_corpus *corpus)
{
    const struct pl_lm *lm = &work->lm;
    return pl_corpus_expect(&work->job.run->context, corpus, pl_lm_options(lm)->vocabulary,
                            lm->tokenizer, lm->tokenizer_size);
}

static enum pl_status make_model(struct pl_language_work *work, const struct pl_model_type *type,
                                 const struct pl_list *settings)
{
    struct pl_context *context = &work->job.run->context;
    struct pl_lm *lm = &work->lm;
    const double most = pl_option_find(type->options, "vocabulary")->high;
    if ((double)work->corpus.vocabulary > most)
        return pl_fail(context, PL_BAD_DATA,
                       "%s: a vocabulary of %" PRId64 "; models have at most %.0f",
                       work->corpus.name, work->corpus.vocabulary, most);
    if (pl_lm_init(context, lm, type, settings->items, settings->count, work->corpus.vocabulary))
        return context->status;
    lm->sequence = work->batches.length;
    if (work->corpus.tokenizer) {
        const char *json = pl_tokenizer_json(work->corpus.tokenizer, &lm->tokenizer_size);
        lm->tokenizer = pl_copy_bytes(context, json, lm->tokenizer_size);
        if (!lm->tokenizer)
            return context->status;
    }
    return pl_job_parameters(&work->job, &lm->parameters, pl_lm_options(lm)->init);
}

static enum pl_status write_model(void *self, struct pl_context *context,
                                  const struct pl_meta_node *training, struct pl_writer *writer)
{
    return pl_lm_write(context, &((struct pl_language_work *)self)->lm, training, writer);
}

static enum pl_status add_inputs(void *self, struct pl_context *context, struct pl_history *history)
{
    const struct pl_language_work *work = self;
    const bool stream = work->source.format == PL_FORMAT_STREAM;
    if (work->given.source &&
        pl_history_input(context, history, work->job.run->operands[0],
                         stream ? work->given.sum : work->source.sum,
                         stream ? pl_bundle_document(&work->given, "history") : NULL))
        return context->status;
    if (pl_corpus_history(context, &work->corpus, history))
        return context->status;
    return work->job.options->valid ? pl_corpus_history(context, &work->valid_corpus, history)
                                    : PL_OK;
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

static enum pl_status explain(struct pl_language_work *work)
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
        6e-9 * products(&work->lm) * tokens, bytes, pl_training_bytes(&work->lm.parameters));
    if (!status)
        status = pl_run_text_output(run, text.data, text.size);
    pl_buffer_release(&text);
    return status;
}

static const char *const *recipe_of(const struct pl_language_options *options)
{
    return options->transfer ? transfer_recipe : options->lora ? lora_recipe : recipe;
}

static enum pl_status check_operands(struct pl_language_work *work, const struct pl_list *settings)
{
    const struct pl_run *run = work->job.run;
    const struct pl_language_options *options = work->options;
    struct pl_context *context = &work->job.run->context;
    const int count = run->operand_count;
    static const char *const of_lora[] = {"rank", "alpha", "also"};
    for (size_t i = 0; !options->lora && i < sizeof of_lora / sizeof *of_lora; i++)
        if (pl_run_given(run, of_lora[i]))
            return pl_fail(context, PL_USAGE, "--%s changes nothing without --lora", of_lora[i]);
    if (!pl_language_adapts(options))
        return count <= 1 ? PL_OK
                          : pl_fail(context, PL_USAGE,
                                    "one operand, DATA: MODEL goes before it with --lora or "
                                    "--attention-transfer alone");
    if (options->lora && options->transfer)
        return pl_fail(context, PL_USAGE, "--lora and --attention-transfer exclude each other");
    if (settings->count)
        return pl_fail(context, PL_USAGE, "--set %s: the model is made already",
                       settings->items[0]);
    if (count < 2)
        return pl_fail(context, PL_USAGE,
                       "--%s needs MODEL and DATA, a text or tokens to learn from: %d steps of 4 "
                       "windows when no more is said",
                       options->lora ? "lora" : "attention-transfer", 300);
    return strcmp(run->operands[0], "-") == 0 && strcmp(run->operands[1], "-") == 0
               ? pl_fail(context, PL_USAGE, "MODEL and DATA cannot both be standard input")
               : PL_OK;
}

static enum pl_status train(struct pl_language_work *work, const struct pl_model_type *type,
                            const struct pl_list *settings, struct pl_writer *writer)
{
    struct pl_run *run = work->job.run;
    struct pl_context *context = &run->context;
    const bool resumed = work->job.options->resume != NULL;
    const bool adapts = pl_language_adapts(work->options), given = resumed || adapts;
    if (pl_job_open(&work->job, recipe_of(work->options)) ||
        (resumed && read_model(work, type, settings)) || (!resumed && adapts && take_model(work)) ||
        open_data(work) || pl_blas_open(context) || (!given && make_model(work, type, settings)) ||
        expect(work, &work->corpus) ||
        (work->job.options->valid && expect(work, &work->valid_corpus)) || expect_targets(work))
        return context->status;
    if (adapts) {
        work->job.loop.options.optimiser.beta2 = ADAPT_BETA2;
        warn_of_model(work);
    }
    work->squares = pl_arena_new(context, &work->lm.parameters.arena,
                                 (size_t)pl_lm_options(&work->lm)->layers, sizeof *work->squares);
    if (!work->squares || freeze(work))
        return context->status;
    work->job.objective.units = work->batches.batch * work->batches.length;
    work->job.objective.most_loss = pl_diverged_loss(work->corpus.vocabulary);
    work->job.objective.parameters = &work->lm.parameters;
    if (work->options->transfer)
        work->job.objective.most_loss = INFINITY;
    if (work->valid.held > 0)
        work->job.objective.validate = pl_language_validate;
    work->job.data = work->corpus.count;
    work->job.data_sum = pl_corpus_sum(&work->corpus);
    if (run->common.explain)
        return explain(work);
    pl_run_note(run, "%s: %" PRId64 " parameters; %s: %" PRId64 " tokens, vocabulary %" PRId64,
                work->lm.type->name, work->lm.parameters.elements, work->corpus.name,
                work->corpus.count, work->corpus.vocabulary);
    if (adapts)
        pl_run_note(run, "%" PRId64 " of them are trained (%.2g %%)", trained_elements(&work->lm),
                    100 * (double)trained_elements(&work->lm) /
                        (double)work->lm.parameters.elements);
    enum pl_status status = pl_job_run(&work->job, writer);
    if (!status && work->options->transfer)
        report_layers(work);
    return status;
}

enum pl_status pl_train_language(struct pl_run *run, void *command,
                                 struct pl_train_options *options,
                                 const struct pl_language_options *language,
                                 const struct pl_model_type *type, const struct pl_list *settings,
                                 struct pl_writer *writer)
{
    struct pl_language_work work = {.options = language};
    work.job = (struct pl_job){
        .run = run,
        .command = command,
        .options = options,
        .objective = {.self = &work, .loss = pl_language_loss, .weight = pl_language_weight},
        .reads = language->tokenizer,
        .unit = "tokens",
        .write = write_model,
        .inputs = add_inputs};
    enum pl_status status = check_operands(&work, settings);
    if (!status)
        status = train(&work, type, settings, writer);
    pl_job_close(&work.job);
    pl_batches_release(&work.batches);
    pl_batches_release(&work.valid);
    pl_corpus_close(&work.corpus);
    pl_corpus_close(&work.valid_corpus);
    pl_tokenizer_free(work.tokenizer);
    pl_lm_release(&work.lm);
    pl_bundle_release(&work.given);
    return status;
}
