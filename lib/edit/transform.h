/* One tensor on its way from a reader to a writer: cut, converted, compressed.
 * SPDX-License-Identifier: MIT
 *
 * Elements are pushed in as they are read.  Memory is bounded by the pieces they come in and, where
 * the result is compressed or chunked, by one batch of its rows, never by the tensor. */
#ifndef PL_EDIT_TRANSFORM_H
#define PL_EDIT_TRANSFORM_H

#include "stream/writer.h"
#include "tensor/slice.h"

struct pl_transform {
    /* Set by the caller before pl_transform_start: */
    char name[PL_NAME_MAX + 1]; /* in the output */
    struct pl_slice slice;      /* pl_slice_init, then any cuts */
    enum pl_dtype from, to;
    bool chunked; /* the source is */
    bool recode;  /* codec is asked for; else a chunk keeps its own */
    enum pl_codec codec;
    /* Kept by the functions: */
    enum { PL_TRANSFORM_WHOLE, PL_TRANSFORM_PIECES, PL_TRANSFORM_ROWS } mode;
    int rank;
    int64_t dims[PL_MAX_RANK]; /* of the result; dims[0] = -1: not known */
    int64_t row;               /* elements of a row of the result */
    int64_t batch;             /* rows that are gathered before they are written */
    int64_t written;           /* elements of the result so far */
    struct pl_buffer rows;     /* waiting to be written */
    void *cut, *converted;     /* one part each */
};

/* The memory that it will take, roughly; before pl_transform_start. */
uint64_t pl_transform_memory(const struct pl_transform *transform);

/* Opens the result: solid where its shape is known, chunked where it is not or where it is
 * compressed and large. */
enum pl_status pl_transform_start(struct pl_context *context, struct pl_transform *transform,
                                  struct pl_writer *writer) PL_MUST_CHECK;

/* True while nothing else may be written: a solid tensor is half done. */
bool pl_transform_is_solid(const struct pl_transform *transform);

/* The next elements of the source.  PL_BAD_DATA, naming the tensor and the element, when the new
 * dtype cannot hold one. */
enum pl_status pl_transform_push(struct pl_context *context, struct pl_transform *transform,
                                 struct pl_writer *writer, const void *elements,
                                 int64_t count) PL_MUST_CHECK;

/* A chunk of the source begins, stored with this codec; it ends: what waits is written. */
void pl_transform_chunk_begin(struct pl_transform *transform, enum pl_codec codec);
enum pl_status pl_transform_chunk_end(struct pl_context *context, struct pl_transform *transform,
                                      struct pl_writer *writer) PL_MUST_CHECK;

/* All elements have come. */
enum pl_status pl_transform_finish(struct pl_context *context, struct pl_transform *transform,
                                   struct pl_writer *writer) PL_MUST_CHECK;
void pl_transform_release(struct pl_transform *transform);

#endif
