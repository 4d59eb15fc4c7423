/* Low-rank adaptation of a language model (Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang, Chen: LoRA:
 * Low-Rank Adaptation of Large Language Models, ICLR 2022, arXiv 2106.09685).
 * SPDX-License-Identifier: MIT
 *
 * A map W [out, in] gets A [rank, in] and B [out, rank] beside it: y = W x + alpha / rank B A x.  A
 * starts uniform in +-1 / sqrt(in), B at zero.  They are parameters of the model, called as W with
 * `lora_a` and `lora_b` for `weight`, and its document has
 *
 *     lora:
 *       rank: 8
 *       alpha: 8
 *       targets: "q,k,v"
 *
 * A target names the maps PREFIX.NAME_proj.weight of all layers. */
#ifndef PL_MODELS_LORA_H
#define PL_MODELS_LORA_H

#include "models/lm.h"
#include "stream/bundle.h"
#include "stream/writer.h"

/* Declares the adapters of the targets, which have no values yet unless the model has.  PL_USAGE
 * for a target that the model does not have, and for a model that has adapters. */
enum pl_status pl_lora_attach(struct pl_context *context, struct pl_lm *lm,
                              const struct pl_lm_lora *lora) PL_MUST_CHECK;

/* Starts the adapters' values. */
enum pl_status pl_lora_start(struct pl_context *context, struct pl_lm *lm,
                             uint64_t seed) PL_MUST_CHECK;

/* Freezes all parameters but adapters, learned mixes, and those whose names end in a word of
 * `also`, separated by commas (NULL: none).  PL_USAGE for a word that is the end of no name. */
enum pl_status pl_lora_freeze(struct pl_context *context, struct pl_lm *lm,
                              const char *also) PL_MUST_CHECK;

/* Reads `lora` of a model's document; rank 0 when there is none. */
enum pl_status pl_lora_read(struct pl_context *context, const struct pl_meta_node *model,
                            struct pl_lm_lora *lora) PL_MUST_CHECK;
void pl_lora_write(struct pl_context *context, const struct pl_lm_lora *lora, struct pl_meta *meta,
                   struct pl_meta_node *root);

/* Writes a model with its adapters merged into the weights, of their types, but for history and
 * end.  One weight is in memory at a time, beside what the bundle maps. */
enum pl_status pl_lora_merge(struct pl_context *context, const struct pl_bundle *bundle,
                             struct pl_writer *writer) PL_MUST_CHECK;

#endif
