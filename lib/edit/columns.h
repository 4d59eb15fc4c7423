/* The columns of a series that are kept, and what follows for its other records.
 * SPDX-License-Identifier: MIT
 *
 * A pattern that matches the name of a column keeps columns of `values` and columns of text; then
 * time and id travel along unless they are dropped, and the levels of a text column with it.  When
 * no pattern matches a column of `values`, the patterns mean tensors, and what is kept is no series
 * any more. */
#ifndef PL_EDIT_COLUMNS_H
#define PL_EDIT_COLUMNS_H

#include "base/meta.h"
#include "tensor/names.h"
#include "stream/pattern.h"

struct pl_columns {
    struct pl_names names; /* of the columns, before */
    int64_t *picks;        /* [count] the kept ones, ascending */
    int64_t count;
    bool bare; /* tensors are picked, not columns */
    struct pl_arena arena;
};

/* Rules that rename, the first match wins. */
struct pl_renames {
    struct pl_rename *items;
    size_t count;
};

/* The new name of a column or tensor (itself when no rule matches). */
enum pl_status pl_renames_apply(struct pl_context *context, const struct pl_renames *renames,
                                const char *name, char out[PL_NAME_MAX + 1]) PL_MUST_CHECK;

/* Decides, from the NUL-separated names. PL_BAD_DATA when no column is left. */
enum pl_status pl_columns_decide(struct pl_context *context, struct pl_columns *columns,
                                 struct pl_patterns *patterns, const void *names,
                                 size_t size) PL_MUST_CHECK;
void pl_columns_release(struct pl_columns *columns);

/* Is this tensor of the series kept?  Levels go with their column. */
bool pl_columns_keep(const struct pl_columns *columns, struct pl_patterns *patterns,
                     const char *name);

/* The new name of a tensor of a series: its own parts keep theirs, levels follow their column. */
enum pl_status pl_columns_rename(struct pl_context *context, const struct pl_renames *renames,
                                 const char *name, char out[PL_NAME_MAX + 1]) PL_MUST_CHECK;

/* The new `series.names`; the tensor owns its data. */
enum pl_status pl_columns_names(struct pl_context *context, const struct pl_columns *columns,
                                const struct pl_renames *renames,
                                struct pl_tensor *tensor) PL_MUST_CHECK;

/* The document `series` for what is left: places of columns counted anew, dropped ones left out. */
enum pl_status pl_columns_document(struct pl_context *context, const struct pl_columns *columns,
                                   struct pl_patterns *patterns, const struct pl_renames *renames,
                                   const struct pl_meta_node *document,
                                   struct pl_meta *out) PL_MUST_CHECK;

/* True for tensors whose first axis is the rows of the series. */
bool pl_columns_has_rows(const char *name);

#endif
