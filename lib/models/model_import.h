/* Weights of other programs made models of the registry: ts-import --model.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_MODEL_IMPORT_H
#define PL_MODELS_MODEL_IMPORT_H

#include "stream/bundle.h"
#include "stream/writer.h"

/* Makes a model of that type of named tensors and writes it, all but history and end.  settings:
 * KEY=VALUE for what names and shapes cannot tell.  PL_USAGE for a type that takes no weights and
 * for settings that are none of its own, PL_BAD_DATA that lists all tensors that do not fit. */
enum pl_status pl_model_import(struct pl_context *context, const char *type,
                               const char *const *settings, size_t count,
                               const struct pl_bundle *weights,
                               struct pl_writer *writer) PL_MUST_CHECK;

/* The keys of all such settings one by one, then NULL: for pl_tool.setting_key. */
const char *pl_model_import_key(size_t index);

#endif
