/* Training, validation and test parts of a series.
 * SPDX-License-Identifier: MIT
 *
 * The protocol of Zeng et al. (AAAI 2023): parts follow each other in time; the windows of the
 * validation and test parts reach back `lookback` rows into the part before, their targets never
 * do.  A part of r rows, the reach-back included, has r - lookback - horizon + 1 windows. */
#ifndef PL_SERIES_SPLIT_H
#define PL_SERIES_SPLIT_H

#include "base/context.h"
#include "series/panel.h"

enum pl_split_kind { PL_SPLIT_NONE, PL_SPLIT_RATIOS, PL_SPLIT_ETT_HOUR, PL_SPLIT_ETT_MINUTE };

struct pl_split {
    enum pl_split_kind kind;
    double train, validation, test; /* RATIOS: shares that sum to 1 */
};

/* "ett-hour", "ett-minute", "none", "0.7,0.1,0.2"; PL_USAGE otherwise. */
enum pl_status pl_split_parse(struct pl_context *context, const char *text,
                              struct pl_split *split) PL_MUST_CHECK;

#define PL_SPLIT_TEXT_SIZE 80

/* The text that parses back to it. */
void pl_split_text(char out[PL_SPLIT_TEXT_SIZE], const struct pl_split *split);

/* Rows of the three parts, reach-back included; `rows` is the end of the last part (ETT files
 * have more rows than are used). NONE: all rows train, the others are empty. */
struct pl_borders {
    struct pl_range train, validation, test;
};

/* PL_BAD_DATA when an ETT split is asked of fewer rows than it has. */
enum pl_status pl_split_borders(struct pl_context *context, const struct pl_split *split,
                                int64_t rows, int64_t lookback,
                                struct pl_borders *borders) PL_MUST_CHECK;

/* Windows of length lookback + horizon inside the range and inside the track's pieces. */
int64_t pl_range_windows(struct pl_range range, int64_t length);
int64_t pl_track_windows(const struct pl_track *track, struct pl_range range, int64_t length);

/* The part of a piece inside the range (empty: begin >= end). */
struct pl_range pl_range_meet(struct pl_range a, struct pl_range b);

#endif
