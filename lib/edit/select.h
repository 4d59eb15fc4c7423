/* Choosing, cutting, converting and ordering the tensors of a stream.
 * SPDX-License-Identifier: MIT */
#ifndef PL_EDIT_SELECT_H
#define PL_EDIT_SELECT_H

#include "edit/columns.h"
#include "edit/transform.h"
#include "stream/reader.h"
#include "stream/writer.h"

/* NAME[ranges] */
struct pl_cut {
    const char *text; /* as given, for messages */
    char *glob;
    struct pl_span spans[PL_MAX_RANK];
    int span_count;
    bool used; /* in this segment */
};

/* DTYPE[:GLOB] */
struct pl_cast {
    const char *text;
    enum pl_dtype dtype;
    const char *glob; /* NULL: tensors of floats */
    bool used;
};

enum pl_order { PL_ORDER_STREAM, PL_ORDER_NAME, PL_ORDER_SIZE, PL_ORDER_LIST };

/* What is to be done, filled by the functions below. */
struct pl_select {
    struct pl_patterns patterns;
    struct pl_renames renames; /* the first that matches wins, as with cuts and casts */
    struct pl_cut *cuts;
    size_t cut_count;
    struct pl_cast *casts;
    size_t cast_count;
    bool has_rows;
    struct pl_span rows; /* of every tensor with rows */
    bool recode;
    enum pl_codec codec;
    enum pl_order order;
    struct pl_patterns order_list;
    struct pl_arena arena;
};

/* Each adds one option's value; PL_USAGE when the text is none.  Texts are not copied. */
enum pl_status pl_select_rename(struct pl_context *context, struct pl_select *select,
                                const char *text) PL_MUST_CHECK;
enum pl_status pl_select_cut(struct pl_context *context, struct pl_select *select,
                             const char *text) PL_MUST_CHECK;
enum pl_status pl_select_cast(struct pl_context *context, struct pl_select *select,
                              const char *text) PL_MUST_CHECK;
enum pl_status pl_select_rows(struct pl_context *context, struct pl_select *select,
                              const char *text) PL_MUST_CHECK;
enum pl_status pl_select_order(struct pl_context *context, struct pl_select *select,
                               const char *text) PL_MUST_CHECK;
void pl_select_release(struct pl_select *select);

/* What a segment leaves for the history. */
struct pl_selected {
    struct pl_meta history; /* empty: it had none */
    uint32_t sum;
};

/* Copies the reader's next segment to the writer as far as it is selected, all but history and end
 * record.  *found = false at the end of the input.  PL_BAD_DATA when an option names what is not
 * there; the message lists what is.
 *
 * One pass in bounded memory.  What must be known before it comes is looked up in a mapped file; a
 * pipe's segment is spooled to a temporary file when the order changes, when rows are counted from
 * the end, and when columns are selected whose names come behind other records. */
enum pl_status pl_select_segment(struct pl_context *context, struct pl_select *select,
                                 struct pl_reader *reader, struct pl_writer *writer,
                                 struct pl_selected *selected, bool *found) PL_MUST_CHECK;

/* Appends what that would write, and what it would take, without doing it. */
enum pl_status pl_select_explain(struct pl_context *context, struct pl_select *select,
                                 struct pl_reader *reader, struct pl_buffer *out,
                                 bool *found) PL_MUST_CHECK;

#endif
