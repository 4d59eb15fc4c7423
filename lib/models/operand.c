/* Operands of the forecasting tools: see operand.h.
 * SPDX-License-Identifier: MIT */
#include "models/operand.h"

#include <string.h>

enum pl_status pl_operand_open(struct pl_context *context, struct pl_operand *operand,
                               const char *path, const struct pl_import *import)
{
    *operand = (struct pl_operand){.path = path};
    return pl_input_bundle(context, path, import, &operand->source, &operand->bundle);
}

void pl_operand_close(struct pl_operand *operand)
{
    pl_bundle_release(&operand->bundle);
    memset(operand, 0, sizeof *operand);
}

bool pl_operand_is_model(const struct pl_operand *operand)
{
    return strcmp(pl_bundle_kind(&operand->bundle), "model") == 0;
}

enum pl_status pl_operand_model(struct pl_context *context, const struct pl_operand *operand,
                                struct pl_forecaster *forecaster)
{
    return pl_forecaster_read(context, forecaster, &operand->bundle);
}

enum pl_status pl_operand_panel(struct pl_context *context, const struct pl_operand *operand,
                                const struct pl_panel_options *options, struct pl_panel *panel)
{
    if (pl_operand_is_model(operand))
        return pl_fail(context, PL_BAD_DATA, "%s: expected a series, found a model",
                       operand->bundle.source);
    return pl_panel_load(context, panel, &operand->bundle, options);
}

enum pl_status pl_operand_history(struct pl_context *context, const struct pl_operand *operand,
                                  struct pl_history *history)
{
    bool stream = operand->source.format == PL_FORMAT_STREAM;
    return pl_history_input(context, history, operand->path,
                            stream ? operand->bundle.sum : operand->source.sum,
                            stream ? pl_bundle_document(&operand->bundle, "history") : NULL);
}

enum pl_status pl_forecaster_save(struct pl_context *context, struct pl_forecaster *forecaster,
                                  struct pl_history *history, struct pl_writer *writer)
{
    enum pl_status status = pl_forecaster_write(context, forecaster, writer);
    if (!status && history)
        status = pl_history_write(context, history, writer);
    return status ? status : pl_writer_end(context, writer);
}
