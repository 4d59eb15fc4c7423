/* What the streams of trained models have in common: the type, its configuration, parameters.
 * SPDX-License-Identifier: MIT
 *
 *     meta: model       type; configuration: the options of the type; parameters: their number
 *     NAME              f32, each parameter */
#ifndef PL_MODELS_MODEL_STREAM_H
#define PL_MODELS_MODEL_STREAM_H

#include "autograd/parameters.h"
#include "models/registry.h"
#include "stream/bundle.h"
#include "stream/writer.h"

/* What a tensor is to the model whose stream it is in, by its name. */
enum pl_tensor_role {
    PL_ROLE_WEIGHT,
    PL_ROLE_OPTIMISER, /* `optim.*`: state of a training that can be resumed */
    PL_ROLE_UNDO,      /* `rws.undo.*`: what a signature replaced */
    PL_ROLE_TOKENIZER  /* `tokenizer.json` */
};
enum pl_tensor_role pl_model_role(const char *name);

/* Whether a weight of that name is one that a norm counts in training: a running mean or variance,
 * or the number of batches. */
bool pl_model_is_statistic(const char *name);

/* The type that `meta: model` names if it is of that family, else NULL. */
const struct pl_model_type *pl_model_type_of(const struct pl_bundle *bundle,
                                             enum pl_model_family family);

/* The configuration of a document `model` as settings KEY=VALUE, in the arena. */
struct pl_model_settings {
    const struct pl_model_type *type;
    const char *const *items;
    size_t count;
};

/* root: of the document, NULL: there is none.  PL_BAD_DATA for a model of another family, or none.
 */
enum pl_status pl_model_settings(struct pl_context *context, struct pl_arena *arena,
                                 const struct pl_meta_node *root, enum pl_model_family family,
                                 struct pl_model_settings *settings) PL_MUST_CHECK;

/* PL_BAD_DATA, with the setting and both values, when the documents `model` say that two models of
 * the same tensors do not compute the same with the same weights.  What the shapes tell, and what
 * only training or speed depends on, is not compared; nor is a model without such a document. */
enum pl_status pl_model_compare(struct pl_context *context, const struct pl_bundle *a,
                                const struct pl_bundle *b) PL_MUST_CHECK;

/* Starts the document `model` and returns its root, for the caller to add to. */
struct pl_meta_node *pl_model_document(struct pl_context *context, struct pl_meta *meta,
                                       const struct pl_model_type *type, const void *options,
                                       const struct pl_parameters *parameters);

enum pl_status pl_parameters_write(struct pl_context *context,
                                   const struct pl_parameters *parameters,
                                   struct pl_writer *writer) PL_MUST_CHECK;

/* Takes the values from the weights of a bundle, of any float dtype; other tensors are left alone.
 * type: for messages.  PL_BAD_DATA lists all that are missing, unknown or of the wrong shape, and
 * names the first that is not finite. */
enum pl_status pl_parameters_read(struct pl_context *context, struct pl_parameters *parameters,
                                  const struct pl_bundle *bundle, const char *type) PL_MUST_CHECK;

#endif
