/* What becomes of one tensor of a segment.
 * SPDX-License-Identifier: MIT
 *
 * Inner header of the selection. */
#ifndef PL_EDIT_PLAN_H
#define PL_EDIT_PLAN_H

#include "edit/select.h"

/* What a segment is, as far as plans depend on it. */
struct pl_scene {
    bool is_series;
    bool by_columns; /* is_series, and patterns or renames may mean columns: `columns` counts */
    struct pl_columns columns;
};

struct pl_plan {
    bool keep;
    bool copy;                     /* as stored, under the new name */
    bool names;                    /* it is `series.names`, which is written anew */
    char name[PL_NAME_MAX + 1];    /* in the source */
    struct pl_transform transform; /* with the new name; unless copy or names */
};

/* Plans the tensor that a header announces; `rows` is its length where the header does not tell it
 * and something is counted from its end, else -1.  Marks the options that apply as used. */
enum pl_status pl_plan_tensor(struct pl_context *context, struct pl_select *select,
                              const struct pl_scene *scene, const struct pl_header *header,
                              int64_t rows, struct pl_plan *plan) PL_MUST_CHECK;

/* Is anything counted from the end of an axis? */
bool pl_plan_counts_from_end(const struct pl_select *select);

/* Forgets what was used, for a new segment; checks that everything was, at its end. `there` lists
 * what could have been named. */
void pl_plan_reset(struct pl_select *select);
enum pl_status pl_plan_check_used(struct pl_context *context, const struct pl_select *select,
                                  const char *there) PL_MUST_CHECK;

#endif
