/* Adding signatures to a model, and taking them off again.
 * SPDX-License-Identifier: MIT
 *
 * A patched model is the model with some tensors replaced, and
 *
 *     meta: rws                        signatures: in order, what each signature's document says,
 *                                      its scale, and whether it can be removed (undo)
 *     rws.undo.TENSOR                  the tensor as it was before any patch
 *     rws.undo.signature:NAME:TENSOR   the delta record of a signature
 *
 * Every result is computed from what is under rws.undo, never from a patched value: clean + sum of
 * scale times delta, in double, rounded once.  So the order in which signatures come and go does
 * not matter, and when the last is gone the clean tensors are back bit by bit. */
#ifndef PL_WEIGHTS_PATCH_H
#define PL_WEIGHTS_PATCH_H

#include "weights/signature_stream.h"

/* A signature that is in the model, or comes in. */
struct pl_patch {
    struct pl_signature signature;
    double scale;
    bool undo;                        /* it can be removed */
    bool fresh;                       /* comes in now, from the file */
    struct pl_element_source *source; /* of its delta records: the file, or the model itself */
};

struct pl_patching {
    bool undo;   /* what is replaced travels along */
    bool strict; /* a signature made beside another clean model is refused */
    /* Kept by the functions */
    struct pl_element_source model;
    struct pl_patch *patches;
    size_t count, room;
    struct pl_element_source *files; /* [room] of fresh ones */
    size_t file_count;
    struct pl_arena arena;
    int64_t replaced; /* tensors, after writing */
};

/* Opens the model and reads which signatures are in it; at most `more` will come. */
enum pl_status pl_patching_open(struct pl_context *context, struct pl_patching *patching,
                                const char *path, size_t more) PL_MUST_CHECK;
/* Adds a signature from a file.  PL_BAD_DATA when one of that name is there. */
enum pl_status pl_patching_add(struct pl_context *context, struct pl_patching *patching,
                               const char *path, double scale) PL_MUST_CHECK;
/* Removes one by its name; "all": every one.  PL_BAD_DATA when it is not there or cannot be. */
enum pl_status pl_patching_remove(struct pl_context *context, struct pl_patching *patching,
                                  const char *name) PL_MUST_CHECK;
/* Checks all against the model: PL_BAD_DATA lists everything that does not fit. */
enum pl_status pl_patching_check(struct pl_context *context,
                                 struct pl_patching *patching) PL_MUST_CHECK;
/* Writes everything but history and end, one tensor at a time. */
enum pl_status pl_patching_write(struct pl_context *context, struct pl_patching *patching,
                                 struct pl_writer *writer) PL_MUST_CHECK;
void pl_patching_release(struct pl_patching *patching);

#endif
