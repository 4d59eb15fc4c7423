/* What the linear models that are made from a pretrained transformer share: its weights, a window
 * of softmax, and layers that stay as they are. SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_STUDENT_H
#define PL_MODELS_STUDENT_H

#include "models/lm_options.h"
#include "models/softmax.h"

/* The first member of a student's options. */
struct pl_student_options {
    struct pl_lm_options lm;
    struct pl_softmax_options softmax; /* its window is that of the layers that are kept */
    int64_t window;                    /* rows that softmax sees in the others */
    const char *kept;                  /* "0,4" or "none" */
};

/* Rows for a struct s with the first member m; the window's is the student's own. */
#define PL_STUDENT_OPTIONS(s, m) PL_LM_OPTIONS(s, m.lm), PL_SOFTMAX_OPTIONS(s, m.softmax)
#define PL_STUDENT_LAYERS_OPTIONS(s, m)                                                \
    PL_TEXT(s, m.kept, "softmax-layers", 0, "none", "LAYERS",                          \
            "layers, from 0, that stay softmax attention over all rows, separated by " \
            "commas",                                                                  \
            "0,4"),                                                                    \
        PL_INT(s, m.softmax.window, "softmax-window", 0, "0", 0, 1e9, "ROWS",          \
               "rows that a row sees in these layers; 0: all before it", "4096")

/* PL_USAGE that names the option: of the transformer's, or for what is no list of its layers. */
enum pl_status pl_student_check(struct pl_context *context,
                                const struct pl_student_options *options) PL_MUST_CHECK;

/* Of struct pl_mixer. */
int64_t pl_student_positions(const void *options);

struct pl_attention pl_student_shape(const struct pl_student_options *options);
bool pl_student_keeps(const struct pl_student_options *options, int64_t layer);

/* A layer of `size` bytes, zeroed, that begins with a struct pl_softmax_layer, which is declared;
 * NULL with a failure. */
void *pl_student_declare(struct pl_context *context, struct pl_parameters *parameters,
                         const struct pl_student_options *options, const char *prefix,
                         size_t size) PL_MUST_CHECK;

#endif
