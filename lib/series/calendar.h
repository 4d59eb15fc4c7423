/* Regressors made from the clock: calendar fields, holidays and Fourier terms.
 * SPDX-License-Identifier: MIT
 *
 * All are known for any row, past or future.  A calendar field of k levels becomes k - 1 columns
 * of 0 and 1 (its first level is the absence of all the others, so that the intercept stays
 * identified).  A season P:n becomes sin and cos of 2 pi i t / P for i = 1..n, t in steps; at
 * i = P/2 the sine is zero everywhere and left out. */
#ifndef PL_SERIES_CALENDAR_H
#define PL_SERIES_CALENDAR_H

#include "base/context.h"
#include "base/memory.h"
#include "base/meta.h"
#include "series/panel.h"

enum pl_calendar_field {
    PL_CALENDAR_MINUTE,  /* of the hour, in steps of five */
    PL_CALENDAR_HOUR,    /* 0-23 */
    PL_CALENDAR_WEEKDAY, /* Monday first */
    PL_CALENDAR_WEEKEND, /* Saturday and Sunday */
    PL_CALENDAR_MONTHDAY,
    PL_CALENDAR_MONTH,
    PL_CALENDAR_QUARTER,
    PL_CALENDAR_YEARDAY, /* three Fourier pairs of 365.2425 days, since 366 levels learn nothing */
    PL_CALENDAR_HOLIDAY, /* a day listed in the holiday file */
    PL_CALENDAR_FIELDS
};

struct pl_season {
    double period; /* in steps, > 1 */
    int64_t pairs; /* 1 .. period / 2 */
};

#define PL_SEASON_MAX 16

struct pl_calendar_terms {
    bool fields[PL_CALENDAR_FIELDS];
    struct pl_season seasons[PL_SEASON_MAX];
    int64_t season_count;
    int64_t *holidays; /* [holiday_count] days since 1970, ascending */
    int64_t holiday_count;
};

/* "hour,weekday"; PL_USAGE lists the words. */
enum pl_status pl_calendar_parse_fields(struct pl_context *context, struct pl_calendar_terms *terms,
                                        const char *text) PL_MUST_CHECK;
/* "24:3,168:5"; a period alone is one pair. */
enum pl_status pl_calendar_parse_seasons(struct pl_context *context,
                                         struct pl_calendar_terms *terms,
                                         const char *text) PL_MUST_CHECK;
/* One date a line; '#' starts a comment, what follows the date is free text. */
enum pl_status pl_calendar_read_holidays(struct pl_context *context,
                                         struct pl_calendar_terms *terms,
                                         const char *path) PL_MUST_CHECK;
void pl_calendar_release(struct pl_calendar_terms *terms);
enum pl_status pl_calendar_copy(struct pl_context *context, const struct pl_calendar_terms *from,
                                struct pl_calendar_terms *to) PL_MUST_CHECK;
bool pl_calendar_equal(const struct pl_calendar_terms *a, const struct pl_calendar_terms *b);

/* Number of columns. */
int64_t pl_calendar_count(const struct pl_calendar_terms *terms);

#define PL_TERM_SIZE 80

/* Name of a column: "hour=3", "sin(2/24)"; the text lives in out. */
const char *pl_calendar_name(const struct pl_calendar_terms *terms, int64_t column,
                             char out[PL_TERM_SIZE]);

/* PL_BAD_DATA "--calendar needs time stamps, ..." when fields are asked of a panel without. */
enum pl_status pl_calendar_check(struct pl_context *context, const struct pl_calendar_terms *terms,
                                 const struct pl_panel *panel) PL_MUST_CHECK;

/* Fills out[column * stride + i] for rows first .. first + count - 1 of a series; rows may lie
 * before its start or behind its end.  Without stamps seasons count rows, `offset` rows ahead
 * (the rows a model has seen before this panel starts). */
void pl_calendar_fill(const struct pl_calendar_terms *terms, const struct pl_panel *panel,
                      int64_t series, int64_t first, int64_t count, int64_t offset, double *out,
                      int64_t stride);

/* To and from `calendar` of the model document. */
void pl_calendar_write(struct pl_context *context, const struct pl_calendar_terms *terms,
                       struct pl_meta *meta, struct pl_meta_node *parent);
enum pl_status pl_calendar_read(struct pl_context *context, struct pl_calendar_terms *terms,
                                const struct pl_meta_node *node) PL_MUST_CHECK;

#endif
