/* Where an axis gets its ticks, and what they say.
 * SPDX-License-Identifier: MIT */
#ifndef PL_PLOT_AXIS_H
#define PL_PLOT_AXIS_H

#include <stdbool.h>

#define PL_TICKS_MAX 32

struct pl_tick {
    double at;
    char label[24]; /* "2.5", "06:00", "4 Mar", "Mar", "2014" */
    char under[24]; /* second line, where the larger unit changes: "4 Mar", "2014"; else empty */
};

/* Round numbers within [low, high], at most `most` of them (2 to PL_TICKS_MAX); returns how many.
 * Zero when low < high does not hold or a bound is not finite. */
int pl_ticks_number(double low, double high, int most, struct pl_tick ticks[PL_TICKS_MAX]);

/* Whole numbers within [0, cells): the rows or columns of a matrix. */
int pl_ticks_cells(double cells, int most, struct pl_tick ticks[PL_TICKS_MAX]);

/* The round ones of seconds since 1970 UTC: full hours, days, Mondays, months, years. */
int pl_ticks_time(double low, double high, int most, struct pl_tick ticks[PL_TICKS_MAX]);

#endif
