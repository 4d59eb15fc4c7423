/* Scoring a classifier on labelled pictures: see eval.h and image_score.h.
 * SPDX-License-Identifier: MIT */
#include "models/eval.h"
#include "models/image_score.h"
#include "models/image_stream.h"
#include "tensor/blas.h"

static const struct pl_option options[] = {PL_OPTIONS_END};

static enum pl_status report_score(struct pl_context *context, const struct pl_image_net *net,
                                   const struct pl_image_score *score, struct pl_meta *report)
{
    struct pl_meta_node *root = pl_meta_add_map(context, report, NULL, NULL);
    const double count = (double)score->count;
    pl_meta_add_text(context, report, root, "model", net->type->name);
    pl_meta_add_int(context, report, root, "count", score->count);
    pl_meta_add_real(context, report, root, "accuracy", (double)score->right / count);
    pl_meta_add_real(context, report, root, "loss", score->nats / count);
    pl_meta_add_real(context, report, root, "ece", pl_image_calibration(score));
    return pl_meta_ok(report, context) ? PL_OK : context->status;
}

static enum pl_status run(struct pl_context *context, const struct pl_bundle *model,
                          const char *data, const struct pl_eval_options *given,
                          struct pl_meta *report)
{
    struct pl_image_net net = {0};
    struct pl_bundle bundle = {0};
    struct pl_pictures pictures = {0};
    struct pl_image_score score;
    (void)given;
    enum pl_status status = pl_image_read(context, &net, model);
    if (!status)
        status = pl_input_bundle(context, data, NULL, NULL, &bundle);
    if (!status)
        status = pl_pictures_read(context, &pictures, &bundle);
    if (!status)
        status = pl_blas_open(context);
    if (!status)
        status = pl_image_evaluate(context, &net, &pictures, &score);
    if (!status)
        status = report_score(context, &net, &score, report);
    pl_pictures_release(&pictures);
    pl_bundle_release(&bundle);
    pl_image_release(&net);
    return status;
}

const struct pl_eval_family pl_eval_image = {
    .what = "a classifier of pictures",
    .is = pl_image_is,
    .options = options,
    .run = run,
};
