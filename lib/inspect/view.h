/* A survey printed: as a table, as JSON.
 * SPDX-License-Identifier: MIT */
#ifndef PL_INSPECT_VIEW_H
#define PL_INSPECT_VIEW_H

#include "base/text.h"
#include "inspect/survey.h"
#include "tensor/names.h"
#include "series/step.h"
#include "stream/pattern.h"

/* One segment as it is shown. */
struct pl_view {
    struct pl_survey survey;
    struct pl_patterns patterns; /* set by the caller: of tensors and channels to show */
    const char *source;          /* set by the caller: the input's name */
    uint64_t segment;            /* set by the caller: from 1 */
    const struct pl_directory_entry *values; /* of a series, or NULL */
    struct pl_names channels, ids;           /* of a series */
    struct pl_arena arena;                   /* of these names */
};

/* After pl_survey_read: finds the names.  PL_BAD_DATA when a pattern matches nothing; the message
 * lists what there is. */
enum pl_status pl_view_start(struct pl_context *context, struct pl_view *view) PL_MUST_CHECK;
void pl_view_release(struct pl_view *view);

/* A line about the segment, one about its series, and a table of its tensors: with their sizes,
 * or with their statistics where the survey has taken them. */
enum pl_status pl_view_text(struct pl_context *context, struct pl_view *view,
                            struct pl_buffer *out) PL_MUST_CHECK;

/* One object on one line: everything, documents included. */
enum pl_status pl_view_json(struct pl_context *context, struct pl_view *view,
                            struct pl_buffer *out) PL_MUST_CHECK;

/* ---- what the two forms share */

/* Start, end and step of a series' time; empty texts where it has none. */
struct pl_period {
    char start[PL_TIME_SIZE], end[PL_TIME_SIZE], step[PL_STEP_TEXT_SIZE];
};
struct pl_period pl_view_period(const struct pl_view *view);

/* "tensors" when the stream does not say. */
const char *pl_view_kind(const struct pl_view *view);

/* Is this entry, or one of its channels, shown?  A channel is shown with `values` unless patterns
 * name channels. */
bool pl_view_shows(struct pl_view *view, const struct pl_directory_entry *entry);
bool pl_view_shows_channel(struct pl_view *view, int64_t channel);
const char *pl_view_channel(const struct pl_view *view, int64_t channel);

#endif
