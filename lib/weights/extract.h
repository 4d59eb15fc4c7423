/* Making a signature of three models.
 * SPDX-License-Identifier: MIT */
#ifndef PL_WEIGHTS_EXTRACT_H
#define PL_WEIGHTS_EXTRACT_H

#include "stream/pattern.h"
#include "weights/signature_stream.h"

struct pl_extract_options {
    const char *name; /* of the signature */
    bool has_keep;
    int64_t keep; /* layers from the first on; has_keep false: the first seven convolutions */
    struct pl_patterns *select; /* tensors instead; count 0: by layers */
    int64_t levels;             /* 0: not quantised */
    enum pl_quantise kind;
    bool by_name; /* layers in the order of their names, not of the file */
};

/* The models in lock step: their common start, the clean one, the robust one. */
struct pl_extract {
    const struct pl_extract_options *options;
    struct pl_element_source pre, clean, robust;
    struct pl_signature signature;
    uint64_t bytes, full; /* of what is written, and of the whole robust model */
    /* Kept by the functions, in the signature's arena */
    struct pl_projection *projections; /* [tensors] */
    double *values;                    /* a block of each model */
    float *packed;                     /* a block as it is written; holds codes, too */
};

/* Selects the tensors and projects and quantises them once, for their ranges; PL_BAD_DATA lists all
 * tensors that the three do not share. */
enum pl_status pl_extract_prepare(struct pl_context *context,
                                  struct pl_extract *extract) PL_MUST_CHECK;
/* Writes everything but history and end. */
enum pl_status pl_extract_write(struct pl_context *context, struct pl_extract *extract,
                                struct pl_writer *writer) PL_MUST_CHECK;
void pl_extract_release(struct pl_extract *extract);

#endif
