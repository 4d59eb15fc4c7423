/* The options that all classifiers of pictures have: rows for the tables of the kinds.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_IMAGE_OPTIONS_H
#define PL_MODELS_IMAGE_OPTIONS_H

#include "cli/option.h"
#include "models/image_net.h"

#define PL_IMAGE_ACTIVATIONS "relu|tanh|silu"

/* Rows for a struct s whose first member m is a struct pl_image_options; gain: the default of init,
 * as text. */
#define PL_IMAGE_OPTIONS(s, m, gain)                                                               \
    PL_INT(s, m.classes, "classes", 0, "0", 0, PL_CLASSES_MOST, "N",                               \
           "number of classes; 0: as the data or the weights say", "10"),                          \
        PL_TEXT(s, m.mean, "mean", 0, "0", "X,...",                                                \
                "taken off pixels, which go from 0 to 1; one number, or one a channel", "0.1307"), \
        PL_TEXT(s, m.deviation, "std", 0, "1", "X,...",                                            \
                "what pixels are divided by then; one number, or one a channel", "0.3081"),        \
        PL_CHOICE(s, m.activation, "activation", 0, "relu", PL_IMAGE_ACTIVATIONS, "FUNCTION",      \
                  "what comes behind each layer but the last"),                                    \
        PL_REAL(s, m.init, "init", 0, gain, 0, 100, "X",                                           \
                "deviation of the weights at the start, times the root of a unit's inputs", "1")

#endif
