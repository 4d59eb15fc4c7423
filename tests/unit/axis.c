/* Ticks of axes: where they stand and what they say.
 * SPDX-License-Identifier: MIT */
#include "plot/axis.h"

#include "base/text.h"
#include "check.h"

static struct pl_tick ticks[PL_TICKS_MAX];

/* The labels one after the other: "0 0.5 1.0", second lines in brackets. */
static const char *labels(int count)
{
    static char out[1024];
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < count; i++) {
        used +=
            (size_t)snprintf(out + used, sizeof out - used, "%s%s", i ? " " : "", ticks[i].label);
        if (ticks[i].under[0])
            used += (size_t)snprintf(out + used, sizeof out - used, "[%s]", ticks[i].under);
    }
    return out;
}

static double seconds(const char *text)
{
    int64_t nanoseconds = 0;
    CHECK(pl_time_parse(text, strlen(text), &nanoseconds, NULL));
    return (double)nanoseconds / 1e9;
}

static const char *times(const char *low, const char *high, int most)
{
    return labels(pl_ticks_time(seconds(low), seconds(high), most, ticks));
}

static void test_round_numbers(void)
{
    CHECK_TEXT(labels(pl_ticks_number(0, 1, 6, ticks)), "0 0.2 0.4 0.6 0.8 1.0");
    CHECK_TEXT(labels(pl_ticks_number(-3.2, 7.9, 5, ticks)), "0 5");
    CHECK_TEXT(labels(pl_ticks_number(-12, 17, 8, ticks)), "-10 -5 0 5 10 15");
    CHECK_TEXT(labels(pl_ticks_number(1000, 1040, 5, ticks)), "1000 1010 1020 1030 1040");
    CHECK_NEAR(ticks[3].at, 1030, 1e-12);
}

static void test_cells_are_whole(void)
{
    CHECK_TEXT(labels(pl_ticks_cells(1, 9, ticks)), "0");
    CHECK_TEXT(labels(pl_ticks_cells(3, 9, ticks)), "0 1 2");
    CHECK_TEXT(labels(pl_ticks_cells(12, 6, ticks)), "0 2 4 6 8 10");
}

static void test_large_and_small_numbers(void)
{
    CHECK_TEXT(labels(pl_ticks_number(0, 1.6e6, 4, ticks)), "0 0.5M 1.0M 1.5M");
    CHECK_TEXT(labels(pl_ticks_number(0, 25000, 6, ticks)), "0 5k 10k 15k 20k 25k");
    CHECK_TEXT(labels(pl_ticks_number(0, 3e-6, 4, ticks)), "0 1e-06 2e-06 3e-06");
    CHECK(pl_ticks_number(-1e300, 1e300, 5, ticks) > 1);
}

static void test_no_range_no_ticks(void)
{
    CHECK(pl_ticks_number(1, 1, 5, ticks) == 0);
    CHECK(pl_ticks_number(2, 1, 5, ticks) == 0);
    CHECK(pl_ticks_number(NAN, 1, 5, ticks) == 0);
    CHECK(pl_ticks_number(0, INFINITY, 5, ticks) == 0);
    CHECK(pl_ticks_time(NAN, NAN, 5, ticks) == 0);
    CHECK(pl_ticks_time(-1e300, 1e300, 5, ticks) == 0);
}

static void test_hours(void)
{
    CHECK_TEXT(times("2024-02-28 18:00", "2024-02-29 12:30", 5),
               "18:00[28 Feb 2024] 00:00[29 Feb] 06:00 12:00");
    CHECK_TEXT(times("2024-03-01 10:00:00", "2024-03-01 10:02:10", 6),
               "10:00:00[1 Mar 2024] 10:00:30 10:01:00 10:01:30 10:02:00");
}

static void test_days_and_weeks(void)
{
    CHECK_TEXT(times("2023-12-30", "2024-01-02", 5), "30 Dec[2023] 31 Dec 1 Jan[2024] 2 Jan");
    CHECK_TEXT(times("2018-06-18 19:00", "2018-06-30 18:00", 6),
               "21 Jun[2018] 24 Jun 27 Jun 30 Jun");
    /* weeks begin on Mondays */
    CHECK_TEXT(times("2014-12-02", "2014-12-31", 6), "8 Dec[2014] 15 Dec 22 Dec 29 Dec");
}

static void test_months_and_years(void)
{
    CHECK_TEXT(times("2013-11-15", "2014-03-20", 6), "Dec[2013] Jan[2014] Feb Mar");
    CHECK_TEXT(times("1950-01-01", "1960-12-01", 7), "1950 1952 1954 1956 1958 1960");
    CHECK_TEXT(times("1700-01-01", "2020-01-01", 5), "1700 1800 1900 2000");
    CHECK_TEXT(times("1899-12-31", "1901-01-02", 6), "Jan[1900] Apr Jul Oct Jan[1901]");
}

static void test_never_more_than_asked(void)
{
    for (double span = 1; span < 3e11; span *= 1.37) {
        for (int most = 2; most <= PL_TICKS_MAX; most += 5) {
            int count = pl_ticks_time(-span / 3, span, most, ticks);
            CHECK(count <= most);
            for (int i = 0; i < count; i++)
                CHECK(ticks[i].at >= -span / 3 && ticks[i].at <= span);
            CHECK(pl_ticks_number(-span / 3, span, most, ticks) <= most);
        }
    }
}

int main(void)
{
    RUN(test_round_numbers);
    RUN(test_cells_are_whole);
    RUN(test_large_and_small_numbers);
    RUN(test_no_range_no_ticks);
    RUN(test_hours);
    RUN(test_days_and_weeks);
    RUN(test_months_and_years);
    RUN(test_never_more_than_asked);
    FINISH();
}
