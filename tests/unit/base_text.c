/* UTF-8, globs, the calendar and time stamps.
 * SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "check.h"

static size_t valid(const char *text)
{
    return pl_utf8_valid(text, strlen(text));
}

static void utf8(void)
{
    CHECK(valid("") == 0);
    CHECK(valid("plain ASCII, long enough for eight at a time") == 44);
    CHECK(valid("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80") == 15);
    CHECK(valid("abcdefgh\x80") == 8);
    CHECK(valid("\xc0\xaf") == 0);         /* overlong */
    CHECK(valid("\xe0\x9f\xbf") == 0);     /* overlong */
    CHECK(valid("\xf0\x8f\xbf\xbf") == 0); /* overlong */
    CHECK(valid("\xed\xa0\x80") == 0);     /* a surrogate */
    CHECK(valid("\xed\x9f\xbf") == 3);
    CHECK(valid("\xf4\x90\x80\x80") == 0); /* beyond U+10FFFF */
    CHECK(valid("\xf4\x8f\xbf\xbf") == 4);
    CHECK(valid("x\xe2\x82") == 1); /* cut off */
    CHECK(valid("\xf5\x80\x80\x80") == 0);
    CHECK(pl_utf8_valid("a\0b", 3) == 3);
}

static void globs(void)
{
    CHECK(pl_glob_match("*", ""));
    CHECK(pl_glob_match("*", "a/b.c"));
    CHECK(pl_glob_match("layers.*.weight", "layers.12.weight"));
    CHECK(!pl_glob_match("layers.*.weight", "layers.12.bias"));
    CHECK(pl_glob_match("a?c", "a\xc3\xbc"
                               "c"));
    CHECK(!pl_glob_match("a?c", "ac"));
    CHECK(pl_glob_match("[a-c]x", "bx"));
    CHECK(!pl_glob_match("[!a-c]x", "bx"));
    CHECK(pl_glob_match("[^a-c]x", "dx"));
    CHECK(pl_glob_match("[]x]", "]"));
    CHECK(pl_glob_match("[a-]", "-"));
    CHECK(pl_glob_match("[\\]]", "]"));
    CHECK(pl_glob_match("[\xc3\xa0-\xc3\xbf]", "\xc3\xbc"));
    CHECK(pl_glob_match("[ab", "[ab"));
    CHECK(pl_glob_match("\\*", "*"));
    CHECK(!pl_glob_match("\\*", "x"));
    CHECK(pl_glob_match("\\", "\\"));
    CHECK(!pl_glob_match("", "x"));
    CHECK(pl_glob_match("", ""));
    CHECK(pl_glob_match("*a*b", "xaxxab"));
    CHECK(!pl_glob_match("*a*b", "xaxxabc"));
    CHECK(pl_glob_match("\xff?", "\xff\xfe"));
    /* a pattern that is exponential where every star is tried again */
    char name[201];
    memset(name, 'a', 200);
    name[200] = '\0';
    CHECK(!pl_glob_match("a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
}

static bool parses(const char *text, int64_t *out)
{
    return pl_time_parse(text, strlen(text), out, NULL);
}

static void check_time(const char *text, int64_t seconds, int64_t nanoseconds)
{
    int64_t out = -1;
    bool parsed = parses(text, &out);
    if (!parsed || out != seconds * 1000000000 + nanoseconds) {
        printf("# %s: %d %lld\n", text, parsed, (long long)out);
    }
    CHECK(parsed && out == seconds * 1000000000 + nanoseconds);
}

static void times(void)
{
    check_time("1970-01-01", 0, 0);
    check_time("1970-01", 0, 0);
    check_time("2024-03-01", 1709251200, 0);
    check_time("20240301", 1709251200, 0);
    check_time("2024/3/1 4:05", 1709265900, 0);
    check_time("2024-03-01 12:30", 1709296200, 0);
    check_time("2024-03-01T12:30:15.25Z", 1709296215, 250000000);
    check_time("2024-03-01T12:30:15,123456789987", 1709296215, 123456789);
    check_time("2024-03-01 12:30:15+02:00", 1709289015, 0);
    check_time("2024-03-01 12:30:15-0230", 1709305215, 0);
    check_time("2024-03-01 12:30+02", 1709289000, 0);
    check_time("2024-02-29 24:00", 1709251200, 0);
    check_time("2000-02-29", 951782400, 0);
    check_time("1900-03-01", -2203891200, 0);
    check_time("1969-12-31 23:59:59.999999999", -1, 999999999);
    check_time("1677-09-22", -9223286400, 0);
    check_time("2262-04-11 23:47:16.854775807", 9223372036, 854775807);
}

static void not_times(void)
{
    static const char *const texts[] = {"",
                                        "2024",
                                        "2024-",
                                        "2024-3-1",
                                        "2024-00-01",
                                        "2024-13-01",
                                        "2024-01-00",
                                        "2024-04-31",
                                        "2023-02-29",
                                        "1900-02-29",
                                        "2024-03-01 ",
                                        "2024-03-01T",
                                        "2024-03-01 12",
                                        "2024-03-01 12:3",
                                        "2024-03-01 25:00",
                                        "2024-03-01 24:01",
                                        "2024-03-01 12:60",
                                        "2024-03-01 12:30:60",
                                        "2024-03-01 12:30:15.",
                                        "2024-03-01 12:30:15+",
                                        "2024-03-01Z",
                                        "2024-03-01 12:30:15+2",
                                        "2024-03-01 12:30:15+24:00",
                                        "2024-03-01 12:30:15+02:60",
                                        "2024-03-01 12:30:15 UTC",
                                        "2024-03-01x",
                                        "24-03-01",
                                        "-2024-03-01",
                                        "2024/3",
                                        "202403",
                                        "0001-01-01",
                                        "0000-01-01",
                                        "9999-12-31",
                                        "2262-04-12",
                                        "1677-09-21",
                                        "2024-03 12:30",
                                        "2024-03-01 12:30:15.25Zjunk",
                                        "\xd9\xa2\xd9\xa0",
                                        "2024-0\0-01"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t out = 17;
        bool parsed = parses(texts[i], &out);
        if (parsed) {
            printf("# '%s' parsed\n", texts[i]);
        }
        CHECK(!parsed && out == 17);
    }
}

static void zones(void)
{
    int64_t out;
    bool zone = true;
    CHECK(pl_time_parse("2024-03-01 12:30", 16, &out, &zone) && !zone);
    CHECK(pl_time_parse("2024-03-01T12:30Z", 17, &out, &zone) && zone);
    CHECK(pl_time_parse("2024-03-01", 10, &out, &zone) && !zone);
    CHECK(pl_time_parse("2024-03-01T12:30-00:00", 22, &out, &zone) && zone);
}

static void check_format(int64_t nanoseconds, bool date_only, const char *expected)
{
    char text[PL_TIME_SIZE];
    size_t length = pl_time_format(text, nanoseconds, date_only);
    CHECK_TEXT(text, expected);
    CHECK(length == strlen(expected));
}

static void formats(void)
{
    check_format(0, false, "1970-01-01 00:00:00");
    check_format(0, true, "1970-01-01");
    check_format(1709296215250000000, false, "2024-03-01 12:30:15.25");
    check_format(-1, false, "1969-12-31 23:59:59.999999999");
    check_format(INT64_MIN, false, "1677-09-21 00:12:43.145224192");
    check_format(INT64_MAX, false, "2262-04-11 23:47:16.854775807");
}

/* Every day of the range against a count by hand, and there and back again. */
static void calendar(void)
{
    int year = 1677, month = 9, day = 22, weekday = 2, yearday = 264;
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int wrong = 0;
    for (int64_t at = -106751; at <= 106751; at++) {
        int64_t time = at * 86400000000000 + 3723000000007;
        struct pl_calendar got = pl_calendar_from(time);
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        wrong += got.year != year || got.month != month || got.day != day ||
                 got.weekday != weekday || got.yearday != yearday || got.hour != 1 ||
                 got.minute != 2 || got.second != 3 || got.nanosecond != 7 ||
                 pl_calendar_to(&got) != time;
        weekday = (weekday + 1) % 7;
        yearday++;
        if (++day > days[month - 1] + (month == 2 && leap)) {
            day = 1;
            if (++month > 12) {
                month = 1;
                yearday = 0;
                year++;
            }
        }
    }
    CHECK(wrong == 0);
    CHECK(year == 2262 && month == 4 && day == 12);
    struct pl_calendar first = pl_calendar_from(INT64_MIN), last = pl_calendar_from(INT64_MAX);
    CHECK(pl_calendar_to(&first) == INT64_MIN && pl_calendar_to(&last) == INT64_MAX);
    last.year = 1000000000000;
    first.year = 1;
    CHECK(pl_calendar_to(&first) == INT64_MIN && pl_calendar_to(&last) == INT64_MAX);
}

static void check_months(const char *from, int64_t months, const char *expected)
{
    char text[PL_TIME_SIZE];
    int64_t start;
    CHECK(parses(from, &start));
    pl_time_format(text, pl_time_add_months(start, months), false);
    CHECK_TEXT(text, expected);
}

static void months(void)
{
    check_months("2024-01-31 10:00", 1, "2024-02-29 10:00:00");
    check_months("2023-01-31", 1, "2023-02-28 00:00:00");
    check_months("2024-03-15", -3, "2023-12-15 00:00:00");
    check_months("2024-02-29", 12, "2025-02-28 00:00:00");
    check_months("2024-02-29", -48, "2020-02-29 00:00:00");
    check_months("1970-01-01", 0, "1970-01-01 00:00:00");
    CHECK(pl_time_add_months(0, INT64_MAX) == INT64_MAX);
    CHECK(pl_time_add_months(0, INT64_MIN) == INT64_MIN);
}

int main(void)
{
    RUN(utf8);
    RUN(globs);
    RUN(times);
    RUN(not_times);
    RUN(zones);
    RUN(formats);
    RUN(calendar);
    RUN(months);
    FINISH();
}
