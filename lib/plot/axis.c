/* Ticks on round numbers and on the calendar.
 * SPDX-License-Identifier: MIT
 *
 * A tick belongs where a reader would count: at multiples of 1, 2 or 5 times a power of ten, at
 * full hours, at midnight, on Mondays, on the first of a month.  The step is the smallest of
 * those that keeps the number of ticks within what the caller has room for.  Time labels name
 * only the unit that changes from tick to tick; the next larger unit stands under the first tick
 * and wherever it changes, so that an axis of a few days reads "00:00 06:00 12:00 ..." with the
 * dates below. */
#include "plot/axis.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define MINUTE 60
#define HOUR   3600
#define DAY    86400

static const char *const months[12] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* The smallest of 1, 2, 5 times a power of ten that is at least `least`. */
static double round_step(double least)
{
    double power = pow(10, floor(log10(least)));
    for (int i = 0; i < 3; i++) {
        static const double factors[3] = {1, 2, 5};
        if (factors[i] * power >= least * (1 - 1e-9))
            return factors[i] * power;
    }
    return 10 * power;
}

/* Large and small numbers get one suffix for the whole axis. */
static void number_label(char *out, size_t size, double value, double step, double largest)
{
    static const struct {
        double unit;
        const char *suffix;
    } units[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e4, "k"}};
    if (largest >= 1e15 || largest < 1e-4) {
        snprintf(out, size, "%.6g", value);
        return;
    }
    double unit = 1;
    const char *suffix = "";
    for (size_t i = 0; i < sizeof units / sizeof *units && unit == 1; i++) {
        if (largest >= units[i].unit) {
            unit = units[i].unit == 1e4 ? 1e3 : units[i].unit;
            suffix = units[i].suffix;
        }
    }
    int decimals = (int)fmax(0, -floor(log10(step / unit) + 1e-9));
    if (value == 0)
        suffix = "";
    snprintf(out, size, "%.*f%s", value == 0 ? 0 : decimals, value / unit, suffix);
}

/* Multiples of a step that is at least `least`. */
static int multiples(double low, double high, double least, int most,
                     struct pl_tick ticks[PL_TICKS_MAX])
{
    if (!(low < high) || !isfinite(high - low))
        return 0;
    if (most > PL_TICKS_MAX)
        most = PL_TICKS_MAX;
    double step = round_step(fmax(least, (high - low) / (most > 2 ? most : 2)));
    int count = 0;
    for (double k = ceil(low / step - 1e-9); count < most; k++) {
        double at = k * step;
        if (!(at <= high + 1e-9 * step))
            break;
        struct pl_tick *tick = &ticks[count++];
        memset(tick, 0, sizeof *tick);
        tick->at = at == 0 ? 0 : at;
        number_label(tick->label, sizeof tick->label, tick->at, step, fmax(fabs(low), fabs(high)));
    }
    return count;
}

int pl_ticks_number(double low, double high, int most, struct pl_tick ticks[PL_TICKS_MAX])
{
    return multiples(low, high, 0, most, ticks);
}

int pl_ticks_cells(double cells, int most, struct pl_tick ticks[PL_TICKS_MAX])
{
    return multiples(-0.5, cells - 0.5, 1, most, ticks);
}

/* A step of the calendar: so many seconds from an origin, or so many months. */
struct time_step {
    int64_t seconds, origin;
    int64_t months;
};

static const struct time_step time_steps[] = {{1, 0, 0},
                                              {2, 0, 0},
                                              {5, 0, 0},
                                              {10, 0, 0},
                                              {15, 0, 0},
                                              {30, 0, 0},
                                              {MINUTE, 0, 0},
                                              {2 * MINUTE, 0, 0},
                                              {5 * MINUTE, 0, 0},
                                              {10 * MINUTE, 0, 0},
                                              {15 * MINUTE, 0, 0},
                                              {30 * MINUTE, 0, 0},
                                              {HOUR, 0, 0},
                                              {2 * HOUR, 0, 0},
                                              {3 * HOUR, 0, 0},
                                              {6 * HOUR, 0, 0},
                                              {12 * HOUR, 0, 0},
                                              {DAY, 0, 0},
                                              {2 * DAY, 0, 0},
                                              {3 * DAY, 0, 0},
                                              {7 * DAY, 4 * DAY, 0},
                                              {14 * DAY, 4 * DAY, 0},
                                              {0, 0, 1},
                                              {0, 0, 2},
                                              {0, 0, 3},
                                              {0, 0, 6},
                                              {0, 0, 12}};

static struct time_step choose_time_step(double span, int most)
{
    for (size_t i = 0; i < sizeof time_steps / sizeof *time_steps; i++) {
        const struct time_step *step = &time_steps[i];
        double seconds =
            step->months ? (double)step->months * 30.4375 * DAY : (double)step->seconds;
        if (span / seconds <= most - 1)
            return *step;
    }
    double years = round_step(fmax(2, span / (365.25 * DAY) / (most - 1)));
    return (struct time_step){0, 0, 12 * (int64_t)years};
}

static int64_t floor_to(int64_t value, int64_t step)
{
    int64_t rest = value % step;
    return value - (rest < 0 ? rest + step : rest);
}

/* The tick at or before a time, in seconds. */
static int64_t tick_before(int64_t seconds, const struct time_step *step)
{
    if (step->months == 0)
        return floor_to(seconds - step->origin, step->seconds) + step->origin;
    struct pl_calendar date = pl_calendar_from(seconds * 1000000000);
    int64_t month = floor_to(date.year * 12 + date.month - 1, step->months);
    struct pl_calendar first = {0};
    first.year = floor_to(month, 12) / 12;
    first.month = (int)(month - first.year * 12) + 1;
    first.day = 1;
    return pl_calendar_to(&first) / 1000000000;
}

static int64_t tick_after(int64_t seconds, const struct time_step *step)
{
    if (step->months == 0)
        return seconds + step->seconds;
    return pl_time_add_months(seconds * 1000000000, step->months) / 1000000000;
}

/* Labels one tick; before is the date of the tick to the left, NULL for the first. */
static void time_label(struct pl_tick *tick, const struct pl_calendar *date,
                       const struct pl_calendar *before, const struct time_step *step)
{
    const char *month = months[date->month - 1];
    bool new_year = !before || before->year != date->year;
    if (step->months >= 12) {
        snprintf(tick->label, sizeof tick->label, "%lld", (long long)date->year);
    } else if (step->months || step->seconds >= DAY) {
        if (step->months)
            snprintf(tick->label, sizeof tick->label, "%s", month);
        else
            snprintf(tick->label, sizeof tick->label, "%d %s", date->day, month);
        if (new_year)
            snprintf(tick->under, sizeof tick->under, "%lld", (long long)date->year);
    } else {
        int used = snprintf(tick->label, sizeof tick->label, "%02d:%02d", date->hour, date->minute);
        if (step->seconds < MINUTE)
            snprintf(tick->label + used, sizeof tick->label - (size_t)used, ":%02d", date->second);
        if (new_year)
            snprintf(tick->under, sizeof tick->under, "%d %s %lld", date->day, month,
                     (long long)date->year);
        else if (before->yearday != date->yearday)
            snprintf(tick->under, sizeof tick->under, "%d %s", date->day, month);
    }
}

int pl_ticks_time(double low, double high, int most, struct pl_tick ticks[PL_TICKS_MAX])
{
    const double limit = 9e9; /* seconds: where nanoseconds in 64 bits end, with room to spare */
    if (!(low < high) || !(low > -limit) || !(high < limit))
        return 0;
    if (most > PL_TICKS_MAX)
        most = PL_TICKS_MAX;
    if (high - low < most) /* seconds and their fractions: plain numbers serve better */
        return pl_ticks_number(low, high, most, ticks);
    struct time_step step = choose_time_step(high - low, most > 2 ? most : 2);
    struct pl_calendar before = {0};
    int count = 0;
    for (int64_t at = tick_before((int64_t)floor(low), &step); (double)at <= high && count < most;
         at = tick_after(at, &step)) {
        if ((double)at < low)
            continue;
        struct pl_calendar date = pl_calendar_from(at * 1000000000);
        struct pl_tick *tick = &ticks[count];
        memset(tick, 0, sizeof *tick);
        tick->at = (double)at;
        time_label(tick, &date, count ? &before : NULL, &step);
        before = date;
        count++;
    }
    return count;
}
