/* Operands of the forecasting tools: a model or a series, from a file or a pipe, in any format.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_OPERAND_H
#define PL_MODELS_OPERAND_H

#include "formats/input.h"
#include "models/forecaster.h"
#include "stream/history.h"

struct pl_operand {
    const char *path;
    struct pl_bundle bundle;
    struct pl_source source;
};

/* Reads the one segment of path; import (may be NULL) tells how to read what is not a stream. */
enum pl_status pl_operand_open(struct pl_context *context, struct pl_operand *operand,
                               const char *path, const struct pl_import *import) PL_MUST_CHECK;
void pl_operand_close(struct pl_operand *operand);

bool pl_operand_is_model(const struct pl_operand *operand);

/* The operand as a model or as a panel: PL_BAD_DATA that says what it is instead. */
enum pl_status pl_operand_model(struct pl_context *context, const struct pl_operand *operand,
                                struct pl_forecaster *forecaster) PL_MUST_CHECK;
enum pl_status pl_operand_panel(struct pl_context *context, const struct pl_operand *operand,
                                const struct pl_panel_options *options,
                                struct pl_panel *panel) PL_MUST_CHECK;

/* Adds the operand to the history of what is made from it. */
enum pl_status pl_operand_history(struct pl_context *context, const struct pl_operand *operand,
                                  struct pl_history *history) PL_MUST_CHECK;

/* All records of the model, its history (NULL: none) and the end; the writer stays the caller's to
 * commit. */
enum pl_status pl_forecaster_save(struct pl_context *context, struct pl_forecaster *forecaster,
                                  struct pl_history *history,
                                  struct pl_writer *writer) PL_MUST_CHECK;

#endif
