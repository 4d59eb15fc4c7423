/* From a transformer to a linear model that takes over its weights.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_CONVERT_H
#define PL_MODELS_CONVERT_H

#include "models/lm.h"
#include "stream/history.h"
#include "stream/reader.h"

/* Makes the configuration of a model of `type` (liger, lolcats) from the document of a transformer
 * and the settings KEY=VALUE, which are of the type; its parameters are declared and have no values
 * yet.  A parameter that the transformer has too is the transformer's.  PL_BAD_DATA for another
 * model than a transformer. */
enum pl_status pl_convert_init(struct pl_context *context, struct pl_lm *lm,
                               const struct pl_meta_node *transformer,
                               const struct pl_model_type *type, const char *const *settings,
                               size_t setting_count) PL_MUST_CHECK;

/* A conversion record by record: weights are copied as they are stored, none is in memory as a
 * whole.  Zeroed but for the first three, then: */
struct pl_conversion {
    const struct pl_model_type *type;
    const char *const *settings;
    size_t setting_count;
    struct pl_lm lm;        /* what came out, without values */
    struct pl_lm teacher;   /* the transformer's declaration */
    bool *seen;             /* parameters of lm that have come */
    int64_t added;          /* numbers in parameters that the transformer does not have */
    struct pl_meta history; /* that of the input */
};

/* Reads the one segment of a model and writes another, but for history and end; the new parameters
 * come last, with the values they start with (seed).  PL_BAD_DATA lists what is missing. */
enum pl_status pl_convert_stream(struct pl_context *context, struct pl_conversion *conversion,
                                 struct pl_reader *reader, uint64_t seed,
                                 struct pl_writer *writer) PL_MUST_CHECK;
void pl_conversion_release(struct pl_conversion *conversion);

#endif
