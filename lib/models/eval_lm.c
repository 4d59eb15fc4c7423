/* Scoring a language model on a text, tokens or a task: see eval.h and lm_score.h.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "models/eval.h"
#include "models/lm_score.h"
#include "models/lm_stream.h"
#include "models/lm_text.h"

static const struct pl_option options[] = {
    PL_EVAL_LM_OPTIONS(struct pl_eval_options, lm),
    PL_OPTIONS_END,
};

/* What one run works on. */
struct work {
    struct pl_lm lm;
    struct pl_lm_text text; /* its tokenizer makes tokens of texts */
    struct pl_corpus corpus;
    struct pl_lm_score score;
};

static enum pl_status score(struct pl_context *context, const struct pl_bundle *model,
                            const char *data, const struct pl_eval_lm_options *given,
                            struct work *work)
{
    const struct pl_lm_score_options asked = {given->sequence, given->carry,
                                              given->per_position != NULL};
    const struct pl_lm *lm = &work->lm;
    if (pl_lm_read(context, &work->lm, model) || pl_lm_text_init(context, &work->text, lm) ||
        pl_corpus_open(context, &work->corpus, data, work->text.tokenizer) ||
        pl_corpus_expect(context, &work->corpus, pl_lm_options(lm)->vocabulary, lm->tokenizer,
                         lm->tokenizer_size))
        return context->status;
    return pl_lm_score(context, lm, &work->corpus, &asked, &work->score);
}

static double share(int64_t part, int64_t whole)
{
    return (double)part / (double)whole;
}

/* The share of the tokens that each memory got, layer by layer. */
static void report_routes(struct pl_context *context, const struct pl_lm_score *score,
                          struct pl_meta *report, struct pl_meta_node *root)
{
    struct pl_meta_node *layers = pl_meta_add_list(context, report, root, "routed");
    for (int64_t i = 0; i < score->layers; i++) {
        struct pl_meta_node *layer = pl_meta_add_list(context, report, layers, NULL);
        for (int64_t m = 0; m < score->memories; m++)
            pl_meta_add_real(context, report, layer, NULL,
                             share(score->routed[i * score->memories + m], score->routable));
    }
}

static enum pl_status fill_report(struct pl_context *context, const struct work *work, bool carry,
                                  struct pl_meta *report)
{
    const struct pl_lm_score *score = &work->score;
    const struct pl_lm_sums *total = &score->total;
    const double nats = total->nats / (double)total->scored;
    struct pl_meta_node *root = pl_meta_add_map(context, report, NULL, NULL);
    pl_meta_add_text(context, report, root, "model", work->lm.type->name);
    pl_meta_add_int(context, report, root, "rows", score->rows);
    pl_meta_add_int(context, report, root, "sequence", score->length);
    pl_meta_add_text(context, report, root, "state", carry ? "carried" : "fresh in each row");
    pl_meta_add_int(context, report, root, "tokens", total->scored);
    pl_meta_add_real(context, report, root, "nats_per_token", nats);
    pl_meta_add_real(context, report, root, "perplexity", exp(nats));
    if (score->bytes > 0)
        pl_meta_add_real(context, report, root, "bits_per_byte",
                         total->nats / log(2) / (double)score->bytes);
    pl_meta_add_real(context, report, root, "accuracy", share(total->right, total->scored));
    if (work->corpus.task)
        pl_meta_add_real(context, report, root, "exact", share(total->exact, score->rows));
    if (score->routed)
        report_routes(context, score, report, root);
    return pl_meta_ok(report, context) ? PL_OK : context->status;
}

/* The sums of each position as a table with a column `step`, which ts-plot draws the others over.
 */
static enum pl_status write_positions(struct pl_context *context, const char *path,
                                      const struct pl_lm_score *score)
{
    struct pl_buffer text = {0};
    struct pl_output output;
    enum pl_status status = pl_buffer_text(context, &text, "step,scored,nats,accuracy,exact\n");
    for (int64_t i = 0; i < score->length && !status; i++) {
        const struct pl_lm_sums *sums = &score->positions[i];
        if (sums->scored > 0)
            status = pl_buffer_printf(
                context, &text, "%lld,%lld,%.9g,%.9g,%.9g\n", (long long)i + 1,
                (long long)sums->scored, sums->nats / (double)sums->scored,
                share(sums->right, sums->scored), share(sums->exact, sums->scored));
    }
    if (!status)
        status = pl_output_open(context, &output, path);
    if (!status) {
        status = pl_output_write(context, &output, text.data, text.size);
        status = status ? status : pl_output_commit(context, &output);
        pl_output_abort(&output);
    }
    pl_buffer_release(&text);
    return status;
}

static enum pl_status run(struct pl_context *context, const struct pl_bundle *model,
                          const char *data, const struct pl_eval_options *given,
                          struct pl_meta *report)
{
    const struct pl_eval_lm_options *own = &given->lm;
    struct work work = {0};
    if (own->per_position && strcmp(own->per_position, "-") == 0)
        return pl_fail(context, PL_USAGE,
                       "--per-position -: standard output is for the report; name a file");
    enum pl_status status = score(context, model, data, own, &work);
    if (!status && own->per_position)
        status = write_positions(context, own->per_position, &work.score);
    if (!status)
        status = fill_report(context, &work, own->carry, report);
    pl_lm_score_release(&work.score);
    pl_corpus_close(&work.corpus);
    pl_lm_text_release(&work.text);
    pl_lm_release(&work.lm);
    return status;
}

const struct pl_eval_family pl_eval_lm = {
    .what = "a language model",
    .is = pl_lm_is,
    .options = options,
    .run = run,
};
