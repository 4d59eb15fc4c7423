/* Training language models: the objective, the data, and what lin-train does with both.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TRAIN_LANGUAGE_H
#define PL_TRAIN_LANGUAGE_H

#include "models/lm.h"
#include "train/job.h"

struct pl_language_options {
    int64_t length;        /* tokens of a window; 0: the default, or those of a row */
    const char *tokenizer; /* a file; NULL: bytes, or the stream's own */
    int64_t valid_windows; /* most windows, or rows, to validate on; 0: the default */
    /* Of a model that is given, operand 0, only adapters or maps are trained. */
    const char *lora; /* targets of low-rank adapters, or NULL */
    int64_t rank;
    double alpha;     /* 0: the rank */
    const char *also; /* endings of further parameters that are trained, or NULL */
    bool transfer;    /* attention transfer */
};

/* Rows for a struct s whose member m is a struct pl_language_options. */
/* clang-format off */
#define PL_LANGUAGE_OPTIONS(s, m)                                                                  \
    PL_INT(s, m.length, "seq", 0, NULL, 0, 1 << 30, "TOKENS",                                      \
           "language models: tokens of a window; when not given 256, or a whole row",              \
           "128"),                                                                                 \
    PL_TEXT(s, m.tokenizer, "tokenizer", 0, NULL, "FILE",                                          \
            "language models: tokenizer.json for a text, whose bytes are the tokens when not "     \
            "given",                                                                               \
            "tokenizer.json"),                                                                     \
    PL_INT(s, m.valid_windows, "valid-windows", 0, NULL, 1, 1e12, "N",                            \
           "most windows or rows to validate on, from the first on; 256 when not given", "128"),       \
    PL_TEXT(s, m.lora, "lora", 0, NULL, "MAPS",                                                        \
            "language models: train low-rank adapters of these maps of MODEL alone, of q, k, v, o, "   \
            "gate, up, down and the like, separated by commas",                                        \
            "q,k,v"),                                                                                  \
    PL_INT(s, m.rank, "rank", 0, NULL, 1, 65536, "N", "rank of the adapters; 8 when not given", "16"),  \
    PL_REAL(s, m.alpha, "alpha", 0, NULL, 0, 1e6, "X",                                                 \
            "adapters count by alpha / rank; the rank when not given", "16"),                          \
    PL_TEXT(s, m.also, "also", 0, NULL, "NAMES",                                                       \
            "with --lora: parameters that are trained too, by the last words of their names",          \
            "q_map,k_map"),                                                                            \
    PL_FLAG(s, m.transfer, "attention-transfer", 0, NULL,                                              \
            "train the maps of MODEL, of type lolcats, to imitate the attention of the model that "    \
            "it was made from")
/* clang-format on */

/* Whether the options ask to train a part of a given model: MODEL and DATA are operands then. */
bool pl_language_adapts(const struct pl_language_options *language);

/* Trains a model of the type (NULL: the type of the checkpoint) on operand 0 and writes it, but for
 * the commit; settings: KEY=VALUE for the options of the type.  With --explain, says what that
 * would be; writer may be NULL then. */
enum pl_status pl_train_language(struct pl_run *run, void *command,
                                 struct pl_train_options *options,
                                 const struct pl_language_options *language,
                                 const struct pl_model_type *type, const struct pl_list *settings,
                                 struct pl_writer *writer) PL_MUST_CHECK;

#endif
