/* Checkpoint folders in the layout of Hugging Face's transformers: config.json, safetensors,
 * tokenizer.json.
 * SPDX-License-Identifier: MIT */
#ifndef PL_FORMATS_HF_H
#define PL_FORMATS_HF_H

#include "formats/checkpoint.h"

/* Families are told apart by `model_type`. */
#define PL_HF_FAMILIES "llama, mistral, qwen2, qwen3, gpt2"

/* True for a folder with a config.json. */
bool pl_hf_is_folder(const char *path);

/* hf_config.c.  What config.json says; biases are left open, since most files do not tell.
 * PL_BAD_DATA names the key: unknown families, activations and kinds of attention, wrong types. */
enum pl_status pl_hf_config_read(struct pl_context *context, const struct pl_meta_node *config,
                                 struct pl_checkpoint *model) PL_MUST_CHECK;

/* The reverse: a config.json for the model, which keeps the keys of `config` (NULL: there is none)
 * that say nothing about its shape. */
enum pl_status pl_hf_config_write(struct pl_context *context, const struct pl_checkpoint *model,
                                  const struct pl_meta_node *config,
                                  struct pl_meta *out) PL_MUST_CHECK;

/* Where a parameter is in such a checkpoint. */
struct pl_hf_place {
    char name[96];
    bool columns;     /* the matrix is [in, out] */
    int64_t part, of; /* one of several side by side along its outputs: q, k, v of GPT-2 */
};
void pl_hf_place(const struct pl_checkpoint *model, const struct pl_checkpoint_tensor *tensor,
                 struct pl_hf_place *place);

/* Files of a folder that are documents, kept as they are; ended by NULL. */
extern const char *const pl_hf_documents[];

#endif
