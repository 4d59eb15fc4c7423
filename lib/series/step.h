/* The distance between the rows of a series: a fixed time, or whole calendar months.
 * SPDX-License-Identifier: MIT */
#ifndef PL_SERIES_STEP_H
#define PL_SERIES_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exactly one of the two is positive; both are 0 when rows have no stamps. */
struct pl_step {
    int64_t nanoseconds;
    int64_t months; /* 3: quarters, 12: years; so that leap years and short months come out right */
    bool month_end; /* with months: every stamp is the last day of its month */
};

bool pl_step_known(const struct pl_step *step);

/* The step that most neighbours among the ascending stamps have; false (and *step zeroed) when
 * there are fewer than two stamps or no distance holds for more than half of the pairs. */
bool pl_step_find(const int64_t *stamps, int64_t count, struct pl_step *step);

/* The stamp `count` steps (which may be negative) from `start`. Saturates at the ends of int64. */
int64_t pl_step_from(const struct pl_step *step, int64_t start, int64_t count);

/* Steps from `start` to `stamp`; false when it is not a whole number of them. */
bool pl_step_between(const struct pl_step *step, int64_t start, int64_t stamp, int64_t *count);

/* Whether stamp b comes one step behind a. */
bool pl_step_follows(const struct pl_step *step, int64_t a, int64_t b);

/* Stamps outside of these cannot be reckoned with (1678 to 2261). */
#define PL_STAMP_FIRST (INT64_C(-9214560000) * 1000000000)
#define PL_STAMP_LAST  (INT64_C(9183110400) * 1000000000)

/* Steps since 1970 (a fraction where stamps are off the grid): the phase of seasonal terms. */
double pl_step_phase(const struct pl_step *step, int64_t stamp);

/* The usual season in steps: hours 24, half hours 48, days 7, weeks 52, months 12, quarters 4; 0
 * where the calendar suggests none (years, seconds, rows without stamps). */
int64_t pl_step_season(const struct pl_step *step);

#define PL_STEP_TEXT_SIZE 48

/* "1 hour", "15 minutes", "3 months", "1 row". */
void pl_step_text(char out[PL_STEP_TEXT_SIZE], const struct pl_step *step);

/* A length of time for messages: "2 hours", "-1 day". */
void pl_duration_text(char out[PL_STEP_TEXT_SIZE], int64_t nanoseconds);

#endif
