/* Steps: found, walked along, named.
 * SPDX-License-Identifier: MIT */
#include "series/step.h"

#include "series_data.h"

static struct pl_step find(const char *const *texts, int64_t count, bool *found)
{
    int64_t stamps[16];
    struct pl_step step;
    for (int64_t i = 0; i < count; i++)
        stamps[i] = stamp(texts[i]);
    *found = pl_step_find(stamps, count, &step);
    return step;
}

#define FIND(step, found, ...)                                                      \
    do {                                                                            \
        const char *const texts_[] = {__VA_ARGS__};                                 \
        (step) = find(texts_, (int64_t)(sizeof texts_ / sizeof *texts_), &(found)); \
    } while (0)

static void hours(void)
{
    struct pl_step step;
    bool found;
    FIND(step, found, "2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00",
         "2024-01-01 05:00");
    CHECK(found && step.nanoseconds == HOUR && step.months == 0);
    FIND(step, found, "2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 03:00");
    CHECK(!found && !pl_step_known(&step));
    FIND(step, found, "2024-01-01");
    CHECK(!found);
}

static void months_are_not_31_days(void)
{
    struct pl_step step;
    bool found;
    FIND(step, found, "2023-07-01", "2023-08-01", "2023-09-01");
    CHECK(found && step.months == 1 && !step.month_end);
    FIND(step, found, "2023-01-31", "2023-02-28", "2023-03-31", "2023-04-30");
    CHECK(found && step.months == 1 && step.month_end);
    CHECK(pl_step_from(&step, stamp("2024-01-31"), 1) == stamp("2024-02-29"));
    CHECK(pl_step_from(&step, stamp("2024-02-29"), 1) == stamp("2024-03-31"));
    FIND(step, found, "2022-01-01", "2022-04-01", "2022-07-01", "2022-10-01", "2023-01-01");
    CHECK(found && step.months == 3);
    FIND(step, found, "2019-06-30", "2020-06-30", "2021-06-30");
    CHECK(found && step.months == 12);
    FIND(step, found, "2024-01-01", "2024-01-29", "2024-02-26");
    CHECK(found && step.nanoseconds == 28 * 24 * HOUR);
}

static void from_and_between(void)
{
    struct pl_step month = {.months = 1}, hour = {.nanoseconds = HOUR};
    int64_t count;
    CHECK(pl_step_from(&month, stamp("2024-01-31"), 1) == stamp("2024-02-29"));
    CHECK(pl_step_from(&month, stamp("2024-01-31"), 13) == stamp("2025-02-28"));
    CHECK(pl_step_from(&month, stamp("2024-03-31"), -1) == stamp("2024-02-29"));
    CHECK(pl_step_between(&month, stamp("2023-12-01"), stamp("2024-03-01"), &count) && count == 3);
    CHECK(!pl_step_between(&month, stamp("2023-12-01"), stamp("2024-03-02"), &count));
    CHECK(pl_step_between(&hour, stamp("2024-02-28"), stamp("2024-03-01"), &count) && count == 48);
    CHECK(!pl_step_between(&hour, stamp("2024-02-28"), stamp("2024-02-28 00:30"), &count));
    CHECK(pl_step_follows(&month, stamp("2023-02-28"), stamp("2023-03-30")));
    CHECK(pl_step_from(&hour, INT64_MAX - 5, 1) == INT64_MAX);
    CHECK(pl_step_from(&month, stamp("2024-01-01"), 1000000) == INT64_MAX);
}

static void phases_and_seasons(void)
{
    struct pl_step step = {.nanoseconds = HOUR};
    CHECK_NEAR(pl_step_phase(&step, stamp("1970-01-02 06:30")), 30.5, 0);
    CHECK(pl_step_season(&step) == 24);
    step.nanoseconds = HOUR / 4;
    CHECK(pl_step_season(&step) == 96);
    step.nanoseconds = 24 * HOUR;
    CHECK(pl_step_season(&step) == 7);
    step.nanoseconds = 7 * 24 * HOUR;
    CHECK(pl_step_season(&step) == 52);
    step = (struct pl_step){.months = 1};
    CHECK(pl_step_season(&step) == 12);
    CHECK_NEAR(pl_step_phase(&step, stamp("1971-03-15")), 14, 0);
    step.months = 3;
    CHECK(pl_step_season(&step) == 4);
    step.months = 12;
    CHECK(pl_step_season(&step) == 0);
}

static void texts(void)
{
    char text[PL_STEP_TEXT_SIZE];
    struct pl_step step = {.nanoseconds = HOUR / 4};
    pl_step_text(text, &step);
    CHECK_TEXT(text, "15 minutes");
    step = (struct pl_step){.months = 1};
    pl_step_text(text, &step);
    CHECK_TEXT(text, "1 month");
    step.months = 24;
    pl_step_text(text, &step);
    CHECK_TEXT(text, "2 years");
    step = (struct pl_step){0};
    pl_step_text(text, &step);
    CHECK_TEXT(text, "1 row");
    pl_duration_text(text, -24 * HOUR);
    CHECK_TEXT(text, "-1 day");
}

int main(void)
{
    RUN(hours);
    RUN(months_are_not_31_days);
    RUN(from_and_between);
    RUN(phases_and_seasons);
    RUN(texts);
    FINISH();
}
