/* Time patterns: guessed, joined, read and written.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "formats/time_pattern.h"

#define SECOND INT64_C(1000000000)

static const char *guess(const char *text, bool day_first)
{
    static char pattern[PL_TIME_PATTERN_SIZE];
    return pl_time_pattern_guess(text, strlen(text), day_first, pattern) ? pattern : "none";
}

static void guesses(void)
{
    CHECK_TEXT(guess("2024-03-01", true), "%Y-%m-%d");
    CHECK_TEXT(guess("2024-3-1", true), "%Y-%-m-%-d");
    CHECK_TEXT(guess("2024-03", true), "%Y-%m");
    CHECK_TEXT(guess("2024-03-01 12:30", true), "%Y-%m-%d %H:%M");
    CHECK_TEXT(guess("2024-03-01T12:30:15Z", true), "%Y-%m-%dT%H:%M:%SZ");
    CHECK_TEXT(guess("2024-03-01T12:30:15.250+02:00", true), "%Y-%m-%dT%H:%M:%3S%:z");
    CHECK_TEXT(guess("2024-03-01 12:30:15-0530", true), "%Y-%m-%d %H:%M:%S%z");
    CHECK_TEXT(guess("1990/1/1 0:00", true), "%Y/%-m/%-d %-H:%M");
    CHECK_TEXT(guess("10/03/2004", true), "%d/%m/%Y");
    CHECK_TEXT(guess("10/03/2004", false), "%m/%d/%Y");
    CHECK_TEXT(guess("31/03/2004", false), "none");
    CHECK_TEXT(guess("31.12.2023 23:59", false), "%d.%m.%Y %H:%M");
    CHECK_TEXT(guess("1/5/2024 1:00 PM", false), "%-m/%-d/%Y %-I:%M %p");
    CHECK_TEXT(guess("20240301", true), "%Y%m%d");
    CHECK_TEXT(guess("20240301T123015", true), "%Y%m%dT%H%M%S");
    CHECK_TEXT(guess("18.00.00", true), "%H.%M.%S");
    CHECK_TEXT(guess("9:30", true), "%-H:%M");
}

static void no_times(void)
{
    static const char *const texts[] = {
        "",      "2024",  "2024.05",     "18.00", "-1-2-3", "20241301", "2024-13-01", "2024-02-30",
        "24:00", "12:60", "2024-01-01x", "abc",   "1/2/24", "1e5",      "9999-01-01"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_TEXT(guess(texts[i], true), "none");
}

static bool joins(const char *a, const char *b, const char *joined)
{
    char pattern[PL_TIME_PATTERN_SIZE];
    strcpy(pattern, a);
    return pl_time_pattern_join(pattern, b) && strcmp(pattern, joined) == 0;
}

static void joining(void)
{
    char pattern[PL_TIME_PATTERN_SIZE] = "%Y-%m-%d";
    CHECK(joins("%Y/%m/%-d", "%Y/%-m/%d", "%Y/%-m/%-d"));
    CHECK(joins("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M"));
    CHECK(joins("%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y-%m-%d %H:%M"));
    CHECK(joins("%H:%M:%3S", "%H:%M:%S", "%H:%M:%S"));
    CHECK(!pl_time_pattern_join(pattern, "%Y/%m/%d"));
    CHECK(!pl_time_pattern_join(pattern, "%H:%M"));
    CHECK_TEXT(pattern, "%Y-%m-%d");
}

static int64_t parse(const char *pattern, const char *text)
{
    int64_t time;
    int zone;
    return pl_time_pattern_parse(pattern, text, strlen(text), &time, &zone) ? time : -1;
}

static void parsing(void)
{
    CHECK(parse("%Y-%m-%d", "1970-01-02") == 86400 * SECOND);
    CHECK(parse("%Y-%m-%d %H:%M:%S", "2024-01-31 03:00:00") == 1706670000 * SECOND);
    CHECK(parse("%Y-%m-%d %H:%M:%S", "2024-01-31") == 1706659200 * SECOND); /* midnight */
    CHECK(parse("%Y-%m-%d %H:%M:%S", "2024-1-31 3:0:0.5") == 1706670000 * SECOND + SECOND / 2);
    CHECK(parse("%Y-%m-%dT%H:%M:%S%:z", "2024-01-31T05:00:00+02:00") == 1706670000 * SECOND);
    CHECK(parse("%-m/%-d/%Y %-I:%M %p", "1/31/2024 12:30 AM") == 1706661000 * SECOND);
    CHECK(parse("%-m/%-d/%Y %-I:%M %p", "1/31/2024 12:30 pm") == 1706704200 * SECOND);
    CHECK(parse("%H.%M.%S", "18.00.01") == 64801 * SECOND);
    CHECK(parse("%Y", "1820") == -4733596800 * SECOND);
    CHECK(parse("%Y-%m-%d", "2023-02-29") == -1);
    CHECK(parse("%Y-%m-%d", "2024-02-29x") == -1);
    CHECK(parse("%Y-%m-%d %p", "2024-02-29 ") == -1);
    CHECK(parse("%Y-%m-%d%z", "2024-02-29+2") == -1);
}

static void epochs(void)
{
    CHECK(parse("epoch s", "1700000000") == 1700000000 * SECOND);
    CHECK(parse("epoch s", "1700000000.123456789") == 1700000000 * SECOND + 123456789);
    CHECK(parse("epoch s", "-1.5") == -3 * SECOND / 2);
    CHECK(parse("epoch s", "1.7e9") == 1700000000 * SECOND);
    CHECK(parse("epoch ms", "1700000000123") == 1700000000 * SECOND + 123000000);
    CHECK(parse("epoch us", "5") == 5000);
    CHECK(parse("epoch ns", "9223372036854775807") == INT64_MAX);
    CHECK(parse("epoch s", "9223372037") == -1); /* beyond the year 2262 */
    CHECK(parse("epoch s", "1x") == -1);
    CHECK(parse("epoch s", "") == -1);
}

static const char *written(const char *pattern, int64_t time, int zone)
{
    static char out[PL_TIME_WRITTEN_SIZE];
    size_t size = pl_time_pattern_write(pattern, time, zone, out);
    CHECK(size == strlen(out));
    return out;
}

static void writing(void)
{
    int64_t time = 1706670000 * SECOND + SECOND / 4;
    CHECK_TEXT(written("%Y-%m-%d %H:%M:%S", time, 0), "2024-01-31 03:00:00.25");
    CHECK_TEXT(written("%Y-%m-%d %H:%M:%3S", time, 0), "2024-01-31 03:00:00.250");
    CHECK_TEXT(written("%Y-%m-%dT%H:%M%:z", time, 120), "2024-01-31T05:00+02:00");
    CHECK_TEXT(written("%-d.%-m.%Y %-I %p%z", time, -210), "30.1.2024 11 PM-0330");
    CHECK_TEXT(written("epoch s", time, 0), "1706670000.25");
    CHECK_TEXT(written("epoch ms", -1500000, 0), "-1.5");
    CHECK_TEXT(written("epoch ns", INT64_MIN, 0), "-9223372036854775808");
    CHECK_TEXT(written("%Y", INT64_MIN, -1439), "1677"); /* saturates */
}

static void validity(void)
{
    CHECK(pl_time_pattern_valid("%Y-%m-%d"));
    CHECK(pl_time_pattern_valid("epoch us"));
    CHECK(!pl_time_pattern_valid("%H:%M"));
    CHECK(!pl_time_pattern_valid("%Y %q"));
    CHECK(!pl_time_pattern_valid("%Y %"));
    CHECK(!pl_time_pattern_valid("epoch h"));
    CHECK(!pl_time_pattern_valid("%Y 0123456789012345678901234567890123456789012345"));
}

int main(void)
{
    RUN(guesses);
    RUN(no_times);
    RUN(joining);
    RUN(parsing);
    RUN(epochs);
    RUN(writing);
    RUN(validity);
    FINISH();
}
