/* Finding the step of stamps and walking along it.
 * SPDX-License-Identifier: MIT
 *
 * Two kinds of step exist in practice.  Most series are sampled by a clock: neighbours are a fixed
 * number of nanoseconds apart.  Monthly, quarterly and yearly ones follow the calendar: 31, 28,
 * 31, 30 days.  The distance that most neighbours share decides, so that a few absent or doubled
 * rows do not hide it; and when that distance is 28 days or more the calendar is asked first,
 * since 31 days is the commonest distance of monthly stamps. */
#include "series/step.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/text.h"

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* int64 nanoseconds reach from 1677 to 2262. */
#define MONTHS_FIRST ((1678 - 1970) * 12)
#define MONTHS_LAST  ((2262 - 1970) * 12)

bool pl_step_known(const struct pl_step *step)
{
    return step->nanoseconds > 0 || step->months > 0;
}

static int64_t month_number(const struct pl_calendar *calendar)
{
    return (calendar->year - 1970) * 12 + calendar->month - 1;
}

static bool is_month_end(int64_t stamp)
{
    return pl_calendar_from(stamp).month != pl_calendar_from(stamp + DAY).month;
}

static int64_t to_month_end(int64_t stamp)
{
    struct pl_calendar calendar = pl_calendar_from(stamp);
    calendar.day = 1;
    return pl_time_add_months(pl_calendar_to(&calendar), 1) - DAY;
}

/* Whole calendar months from a to b; 0 when the distance is none. */
static int64_t months_apart(int64_t a, int64_t b)
{
    struct pl_calendar from = pl_calendar_from(a), to = pl_calendar_from(b);
    int64_t months = month_number(&to) - month_number(&from);
    int64_t expected = pl_time_add_months(a, months);
    if (expected == b || (is_month_end(a) && to_month_end(expected) == b))
        return months;
    return 0;
}

static int64_t nanoseconds_apart(int64_t a, int64_t b)
{
    int64_t distance;
    return __builtin_sub_overflow(b, a, &distance) || distance < 0 ? 0 : distance;
}

/* The distance that more than half of the neighbours have, or 0: the candidate that survives
 * pairing off unequal ones (Boyer, Moore 1981), then counted. */
static int64_t majority(const int64_t *stamps, int64_t count,
                        int64_t (*apart)(int64_t a, int64_t b))
{
    int64_t candidate = 0, votes = 0, found = 0;
    for (int64_t i = 1; i < count; i++) {
        int64_t distance = apart(stamps[i - 1], stamps[i]);
        if (votes == 0)
            candidate = distance;
        votes += distance == candidate ? 1 : -1;
    }
    for (int64_t i = 1; i < count; i++)
        found += apart(stamps[i - 1], stamps[i]) == candidate;
    return 2 * found > count - 1 ? candidate : 0;
}

bool pl_step_find(const int64_t *stamps, int64_t count, struct pl_step *step)
{
    *step = (struct pl_step){0};
    if (count < 2)
        return false;
    int64_t nanoseconds = majority(stamps, count, nanoseconds_apart);
    if (nanoseconds == 0 || nanoseconds >= 28 * DAY)
        step->months = majority(stamps, count, months_apart);
    if (step->months > 0) {
        int64_t ends = 0;
        for (int64_t i = 0; i < count; i++)
            ends += is_month_end(stamps[i]);
        step->month_end = 2 * ends > count;
    } else {
        step->months = 0;
        step->nanoseconds = nanoseconds;
    }
    return pl_step_known(step);
}

int64_t pl_step_from(const struct pl_step *step, int64_t start, int64_t count)
{
    int64_t distance, stamp;
    if (step->months == 0) {
        if (__builtin_mul_overflow(step->nanoseconds, count, &distance) ||
            __builtin_add_overflow(start, distance, &stamp))
            return count < 0 ? INT64_MIN : INT64_MAX;
        return stamp;
    }
    struct pl_calendar calendar = pl_calendar_from(start);
    if (__builtin_mul_overflow(step->months, count, &distance) ||
        __builtin_add_overflow(month_number(&calendar), distance, &stamp) || stamp < MONTHS_FIRST ||
        stamp >= MONTHS_LAST)
        return count < 0 ? INT64_MIN : INT64_MAX;
    stamp = pl_time_add_months(start, distance);
    return step->month_end ? to_month_end(stamp) : stamp;
}

bool pl_step_between(const struct pl_step *step, int64_t start, int64_t stamp, int64_t *count)
{
    if (step->months == 0) {
        int64_t distance;
        if (step->nanoseconds == 0 || __builtin_sub_overflow(stamp, start, &distance))
            return false;
        *count = distance / step->nanoseconds;
        return distance % step->nanoseconds == 0;
    }
    struct pl_calendar from = pl_calendar_from(start), to = pl_calendar_from(stamp);
    int64_t months = month_number(&to) - month_number(&from);
    *count = months / step->months;
    return months % step->months == 0 && pl_step_from(step, start, *count) == stamp;
}

bool pl_step_follows(const struct pl_step *step, int64_t a, int64_t b)
{
    if (step->months == 0)
        return nanoseconds_apart(a, b) == step->nanoseconds;
    /* Backwards too: 28 February is a month before 30 March, but not the reverse. */
    return pl_step_from(step, a, 1) == b || pl_step_from(step, b, -1) == a;
}

double pl_step_phase(const struct pl_step *step, int64_t stamp)
{
    if (step->months > 0) {
        struct pl_calendar calendar = pl_calendar_from(stamp);
        return (double)month_number(&calendar) / (double)step->months;
    }
    if (step->nanoseconds == 0)
        return 0;
    int64_t whole = stamp / step->nanoseconds, rest = stamp % step->nanoseconds;
    return (double)whole + (double)rest / (double)step->nanoseconds;
}

int64_t pl_step_season(const struct pl_step *step)
{
    if (step->months > 0)
        return step->months < 12 && 12 % step->months == 0 ? 12 / step->months : 0;
    if (step->nanoseconds >= MINUTE && step->nanoseconds < DAY && DAY % step->nanoseconds == 0)
        return DAY / step->nanoseconds;
    if (step->nanoseconds == DAY)
        return 7;
    return step->nanoseconds == 7 * DAY ? 52 : 0;
}

void pl_duration_text(char out[PL_STEP_TEXT_SIZE], int64_t nanoseconds)
{
    static const struct {
        int64_t length;
        const char *name;
    } units[] = {{DAY, "day"},       {HOUR, "hour"},           {MINUTE, "minute"},
                 {SECOND, "second"}, {1000000, "millisecond"}, {1000, "microsecond"},
                 {1, "nanosecond"}};
    size_t unit = 0;
    while (nanoseconds % units[unit].length != 0)
        unit++;
    int64_t count = nanoseconds / units[unit].length;
    snprintf(out, PL_STEP_TEXT_SIZE, "%" PRId64 " %s%s", count, units[unit].name,
             count == 1 || count == -1 ? "" : "s");
}

void pl_step_text(char out[PL_STEP_TEXT_SIZE], const struct pl_step *step)
{
    if (step->months > 0 && step->months % 12 == 0)
        snprintf(out, PL_STEP_TEXT_SIZE, "%" PRId64 " year%s", step->months / 12,
                 step->months == 12 ? "" : "s");
    else if (step->months > 0)
        snprintf(out, PL_STEP_TEXT_SIZE, "%" PRId64 " month%s", step->months,
                 step->months == 1 ? "" : "s");
    else if (step->nanoseconds > 0)
        pl_duration_text(out, step->nanoseconds);
    else
        snprintf(out, PL_STEP_TEXT_SIZE, "1 row");
}
