/* What lin-train does with series: fits a linear forecaster, or takes new rows into one.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TRAIN_FORECASTER_H
#define PL_TRAIN_FORECASTER_H

#include "cli/tool.h"
#include "formats/input.h"
#include "models/training_options.h"
#include "stream/writer.h"

struct pl_forecaster_options {
    struct pl_training_options training;
    const char *update; /* the model to update; NULL: a new one */
    bool rescale;
    double forget;
    struct pl_import import;
};

/* Rows for a struct s whose member m is a struct pl_forecaster_options. */
#define PL_FORECASTER_OPTIONS(s, m)                                                               \
    PL_TRAINING_OPTIONS(s, m.training),                                                           \
        PL_TEXT(s, m.update, "update", 0, NULL, "MODEL",                                          \
                "take the rows of DATA into MODEL, which they continue", "m.plumb"),              \
        PL_FLAG(s, m.rescale, "rescale", 0, "no", "with --update: standardise anew by all rows"), \
        PL_REAL(s, m.forget, "forget", 0, "1", 0, 1, "FACTOR",                                    \
                "with --update: weight of the past against the new rows", "0.9"),                 \
        PL_IMPORT_CSV_OPTIONS(s, m.import)

/* Writes the model, but for the commit; with --explain, says what it would be, and writer may be
 * NULL. */
enum pl_status pl_train_forecaster(struct pl_run *run, const struct pl_forecaster_options *options,
                                   struct pl_writer *writer) PL_MUST_CHECK;

#endif
