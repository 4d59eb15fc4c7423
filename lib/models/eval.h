/* Scoring a trained model on data: what lin-eval does, for each family of models.
 * SPDX-License-Identifier: MIT
 *
 * A family is one file, eval_NAME.c, which knows what its models are scored by and has a table of
 * the options that are its own; eval.c lists the families.  Its options are rows of lin-eval's
 * table: given to a model of another family they are refused.  In a configuration file, which may
 * serve several models and holds all of them when --print-config wrote it, they are passed over. */
#ifndef PL_MODELS_EVAL_H
#define PL_MODELS_EVAL_H

#include "cli/tool.h"
#include "models/eval_options.h"
#include "stream/bundle.h"

struct pl_eval_family {
    const char *what; /* "a language model" */
    bool (*is)(const struct pl_bundle *model);
    const struct pl_option *options; /* of its own, in a struct pl_eval_options */
    /* Scores the model on the data at a path ("-": standard input) and reports. */
    enum pl_status (*run)(struct pl_context *context, const struct pl_bundle *model,
                          const char *data, const struct pl_eval_options *options,
                          struct pl_meta *report);
    /* The report for people; NULL: as YAML. */
    enum pl_status (*table)(struct pl_context *context, const struct pl_meta_node *report,
                            struct pl_buffer *out);
};

extern const struct pl_eval_family pl_eval_forecaster, pl_eval_image, pl_eval_lm;

/* The family that a model is of.  What is no model of any is taken for a forecaster, which says
 * what is wrong with it. */
const struct pl_eval_family *pl_eval_family(const struct pl_bundle *model);

/* PL_USAGE that names the first option of the command line which is another family's. */
enum pl_status pl_eval_refuse(struct pl_run *run,
                              const struct pl_eval_family *family) PL_MUST_CHECK;

#endif
