/* The options that all language models have: rows for the tables of the mixers.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_LM_OPTIONS_H
#define PL_MODELS_LM_OPTIONS_H

#include "cli/option.h"
#include "models/lm.h"

/* Rows for a struct s whose first member m is a struct pl_lm_options. */
#define PL_LM_OPTIONS(s, m)                                                                        \
    PL_INT(s, m.vocabulary, "vocabulary", 0, "0", 0, 16777216, "N",                                \
           "number of tokens; 0: as the data or the tokenizer says", "256"),                       \
        PL_INT(s, m.dim, "dim", 0, "128", 1, 65536, "N", "width of the model", "64"),              \
        PL_INT(s, m.heads, "heads", 0, "4", 1, 4096, "N", "heads of a layer", "2"),                \
        PL_INT(s, m.layers, "layers", 0, "2", 0, 1024, "N", "layers", "4"),                        \
        PL_INT(s, m.mlp, "mlp", 0, "0", 0, 1048576, "N",                                           \
               "inner width of SwiGLU; 0: 8/3 of the width, rounded up to a multiple of 256",      \
               "256"),                                                                             \
        PL_FLAG(s, m.tie, "tie", 0, "no", "use the embedding as the head"),                        \
        PL_INT(s, m.chunk, "chunk", 0, "64", 1, 65536, "N",                                        \
               "rows that the training kernels work on at once; changes speed, not results",       \
               "32"),                                                                              \
        PL_REAL(s, m.norm_eps, "norm-eps", 0, "1e-6", 0, 1, "X", "epsilon of the norms", "1e-5"),  \
        PL_REAL(s, m.init, "init", 0, "0.02", 0, 10, "X", "deviation of the weights at the start", \
                "0.006")

#endif
