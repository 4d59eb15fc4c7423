/* Parts of tensors: ranges along axes, taken from elements as they stream by.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TENSOR_SLICE_H
#define PL_TENSOR_SLICE_H

#include "tensor/tensor.h"

/* What was asked along one axis: `start:stop:step` with any part left out, or one index. */
struct pl_span {
    bool has_start, has_stop;
    bool single; /* one index: the axis goes away */
    int64_t start, stop, step;
};

/* Parses the whole of text; false when it is no span. Steps are positive. */
bool pl_span_parse(const char *text, size_t size, struct pl_span *span);

/* True when the span counts from the end, so that the axis' length must be known. */
bool pl_span_from_end(const struct pl_span *span);

/* "0:10,:,3" into at most PL_MAX_RANK spans. */
bool pl_spans_parse(const char *text, size_t size, struct pl_span *spans, int *count);

/* The part of an axis that is kept: `count` places from `first`, `step` apart, or those listed. */
struct pl_axis {
    int64_t first, step, count; /* count = INT64_MAX: to the end of an axis of unknown length */
    const int64_t *picks;       /* [count] ascending places; NULL: the range above. Not owned */
    bool dropped;               /* of one place: not an axis of the result */
};

/* Elements of a tensor come in row-major order, in pieces of any size; those wanted are copied.
 * Memory: none beyond this struct. */
struct pl_slice {
    int rank;
    int64_t dims[PL_MAX_RANK]; /* of the source; dims[0] = -1: not known yet */
    struct pl_axis axes[PL_MAX_RANK];
    size_t item_size;
    /* The walk.  `line` is the last axis that is not wholly kept; the axes behind it form blocks
     * that are copied whole. */
    int line;
    int64_t block;              /* elements of a block */
    int64_t line_size;          /* elements of a line: dims[line] blocks */
    int64_t position;           /* next element within the line */
    int64_t place[PL_MAX_RANK]; /* of the line on the axes before it */
    bool wanted;                /* all those places are kept */
};

/* All of a tensor. */
void pl_slice_init(struct pl_slice *slice, enum pl_dtype dtype, int rank, const int64_t *dims);

/* Cuts an axis as numpy does: a range is clamped to the axis, an index outside it is PL_BAD_DATA,
 * and so are more spans than axes and a span from the end of an axis of unknown length. */
enum pl_status pl_slice_cut(struct pl_context *context, struct pl_slice *slice, int axis,
                            const struct pl_span *span) PL_MUST_CHECK;
/* Keeps the listed places (ascending, not owned) of an axis. */
void pl_slice_pick(struct pl_slice *slice, int axis, const int64_t *picks, int64_t count);

/* True when nothing is cut away. */
bool pl_slice_is_whole(const struct pl_slice *slice);

/* Shape of the result; dims[0] = -1 when it cannot be known before the last element came. */
int pl_slice_shape(const struct pl_slice *slice, int64_t dims[PL_MAX_RANK]);

/* After the cuts, before the first piece. */
void pl_slice_start(struct pl_slice *slice);

/* Takes the next `count` elements of the source; copies the wanted ones to `out` (room for count
 * of them) and returns their number. */
int64_t pl_slice_take(struct pl_slice *slice, const void *elements, int64_t count, void *out);

#endif
