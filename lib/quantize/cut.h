/* Tensors cut into vectors, and put together again.
 * SPDX-License-Identifier: MIT
 *
 * A picture is cut into patches, anything else into frames of rows: a row is one step along the
 * first axis, so frames of one row are the rows themselves, and frames of sound are so many samples
 * of all channels.  Both are the same: a frame is a patch of a picture that is one pixel wide. What
 * does not fill the last patch is filled up with the last row or column that there is, and cut off
 * again on the way back. */
#ifndef PL_QUANTIZE_CUT_H
#define PL_QUANTIZE_CUT_H

#include "stream/store.h"
#include "tensor/real.h"

struct pl_cut {
    int64_t height, width; /* of a patch; width 0: frames of `height` rows */
};

enum { PL_PATCH_MOST = 4096, PL_FRAME_MOST = 1 << 24 };

/* As `patch: [height, width]` or `frame: height` in a document. */
void pl_cut_write(struct pl_context *context, const struct pl_cut *cut, struct pl_meta *meta,
                  struct pl_meta_node *parent);
enum pl_status pl_cut_read(struct pl_context *context, const struct pl_meta_node *root,
                           struct pl_cut *cut) PL_MUST_CHECK;

/* One tensor, and how it is cut. */
struct pl_sheet {
    const char *name;
    enum pl_dtype dtype;
    int rank;
    int64_t dims[PL_MAX_RANK];
    double scale;     /* stored values by this are what vectors hold: 255 for bytes of pictures */
    bool patches;     /* not frames */
    int64_t pictures; /* of height x width pixels of `channels` numbers */
    int64_t height, width, channels;
    int64_t patch_height, patch_width;
    int64_t down, across; /* vectors of a picture */
    int64_t vectors;      /* of all: pictures x down x across, in this order */
    int64_t size; /* numbers of a vector: rows, columns and channels of a patch in this order */
};

/* Whether a tensor of a stream of that kind holds vectors: `values` of a series, of pictures not
 * their labels and names, else what has a first axis and one more (frames: a first axis). */
bool pl_cut_takes(const struct pl_cut *cut, const char *kind, const char *name, int rank);

/* PL_BAD_DATA when the tensor cannot be cut so. name is not copied. */
enum pl_status pl_cut_plan(struct pl_context *context, const struct pl_cut *cut, const char *kind,
                           const char *name, enum pl_dtype dtype, int rank, const int64_t *dims,
                           struct pl_sheet *sheet) PL_MUST_CHECK;

/* Vectors of a tensor in order. */
struct pl_cutter {
    const struct pl_sheet *sheet;
    struct pl_elements elements;
    const char *ahead; /* elements that were read and not taken */
    int64_t ahead_count;
    pl_real *strip; /* [patch_height, width, channels], as far as it has come */
    int64_t down;   /* strip of its picture */
    int64_t across; /* vector of the strip */
    int64_t done;   /* vectors handed out */
};

/* The reader must be mapped and know the entry (stream/store.h). */
enum pl_status pl_cutter_open(struct pl_context *context, struct pl_cutter *cutter,
                              const struct pl_sheet *sheet, struct pl_reader *reader,
                              const struct pl_directory_entry *entry) PL_MUST_CHECK;
/* Up to `most` vectors [*count, size]; *count = 0 after the last.  A number that is not finite is
 * PL_BAD_DATA that says which. */
enum pl_status pl_cutter_next(struct pl_context *context, struct pl_cutter *cutter, int64_t most,
                              pl_real *vectors, int64_t *count) PL_MUST_CHECK;
void pl_cutter_close(struct pl_cutter *cutter);

/* The way back: vectors in order become elements of the tensor's own type, in order. */
typedef enum pl_status pl_joined_fn(struct pl_context *context, void *user, const void *elements,
                                    int64_t count);

struct pl_joiner {
    const struct pl_sheet *sheet;
    pl_joined_fn *give;
    void *user;
    pl_real *strip;
    char *converted;
    int64_t down, across;
};

enum pl_status pl_joiner_open(struct pl_context *context, struct pl_joiner *joiner,
                              const struct pl_sheet *sheet, pl_joined_fn *give,
                              void *user) PL_MUST_CHECK;
/* Gives what is complete.  Values beyond the range of an integer type become its end, others are
 * rounded. */
enum pl_status pl_joiner_put(struct pl_context *context, struct pl_joiner *joiner,
                             const pl_real *vectors, int64_t count) PL_MUST_CHECK;
void pl_joiner_close(struct pl_joiner *joiner);

#endif
