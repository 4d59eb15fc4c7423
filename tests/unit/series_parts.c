/* Splits, scalers, calendar terms and quantile grids.
 * SPDX-License-Identifier: MIT */
#include "series/calendar.h"
#include "series/quantile.h"
#include "series/scaler.h"
#include "series/split.h"

#include "base/rng.h"
#include "series_data.h"

static void borders_of_the_protocol(void)
{
    struct pl_context context = {0};
    struct pl_split split;
    struct pl_borders borders;
    CHECK(pl_split_parse(&context, "ett-hour", &split) == PL_OK);
    CHECK(pl_split_borders(&context, &split, 17420, 336, &borders) == PL_OK);
    CHECK(borders.train.begin == 0 && borders.train.end == 8640);
    CHECK(borders.validation.begin == 8640 - 336 && borders.validation.end == 11520);
    CHECK(borders.test.begin == 11520 - 336 && borders.test.end == 14400);
    CHECK(pl_range_windows(borders.train, 336 + 96) == 8209);
    CHECK(pl_range_windows(borders.validation, 336 + 96) == 2785);
    CHECK(pl_range_windows(borders.test, 336 + 96) == 2785);
    CHECK(pl_split_parse(&context, "ett-minute", &split) == PL_OK);
    CHECK(pl_split_borders(&context, &split, 69680, 336, &borders) == PL_OK);
    CHECK(borders.train.end == 34560 && borders.test.end == 57600);
    CHECK(pl_split_borders(&context, &split, 500, 336, &borders) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "--split ett-minute takes 57600 rows, but there are 500");

    CHECK(pl_split_parse(&context, "0.7,0.1,0.2", &split) == PL_OK);
    CHECK(pl_split_borders(&context, &split, 966, 104, &borders) == PL_OK);
    CHECK(borders.train.end == 676 && borders.validation.end == 966 - 193);
    CHECK(borders.test.begin == 966 - 193 - 104 && borders.test.end == 966);
    CHECK(pl_range_windows(borders.test, 104 + 24) == 170);
    char text[PL_SPLIT_TEXT_SIZE];
    pl_split_text(text, &split);
    CHECK_TEXT(text, "0.7,0.1,0.2");
}

static void bad_splits(void)
{
    struct pl_context context = {0};
    struct pl_split split;
    const char *const bad[] = {"",          "0.7",       "0.7,0.1", "0.7,0.1,0.3", "0.7,0.1,0.2,0",
                               "0.7,0.1,x", "ett-hours", "-1,1,1",  "0,0.5,0.5",   "nan,0,1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(pl_split_parse(&context, bad[i], &split) == PL_USAGE);
    CHECK_TEXT(context.message, "--split 'nan,0,1': not ett-hour, ett-minute, none, or three "
                                "shares that sum to 1 (0.7,0.1,0.2)");
}

static void scaling(void)
{
    double values[] = {1, 7, 3, 7, NAN, 7, 100, 7};
    struct data data;
    struct pl_panel panel;
    struct pl_scaler scaler, first, second;
    struct pl_range train = {0, 3}, a = {0, 1}, b = {1, 4}, all = {0, 4};
    struct pl_panel_options options = {.missing = PL_MISSING_GAP};
    double out[2], back[2];
    make_data(&data, 4, 2, values, NULL, NAMES("x\0flat"));
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK(pl_scaler_fit(&data.context, &scaler, &panel, &train, PL_SCALE_ZSCORE) == PL_OK);
    CHECK(scaler.mean[0] == 2 && scaler.scale[0] == 1 && scaler.rows[0] == 2);
    CHECK(scaler.constant[1] && scaler.scale[1] == 1 && scaler.mean[1] == 7);
    pl_scaler_warn(&data.context, &scaler, &panel);
    CHECK_TEXT(data.warnings, "data: column 'flat' is constant in the training rows\n");
    pl_scaler_apply(&scaler, 0, values, out, 2);
    pl_scaler_undo(&scaler, 0, out, back, 2);
    CHECK(out[0] == -1 && out[1] == 5 && back[1] == 7);
    pl_scaler_release(&scaler);

    /* The union of two parts is the whole. */
    CHECK(pl_scaler_fit(&data.context, &first, &panel, &a, PL_SCALE_ZSCORE) == PL_OK);
    CHECK(pl_scaler_fit(&data.context, &second, &panel, &b, PL_SCALE_ZSCORE) == PL_OK);
    CHECK(pl_scaler_fit(&data.context, &scaler, &panel, &all, PL_SCALE_ZSCORE) == PL_OK);
    for (int64_t c = 0; c < 2; c++) {
        pl_scaler_add(&first, c, &second, c);
        CHECK_NEAR(first.mean[c], scaler.mean[c], 1e-14);
        CHECK_NEAR(first.scale[c], scaler.scale[c], 1e-14);
        CHECK(first.rows[c] == scaler.rows[c] && first.constant[c] == scaler.constant[c]);
    }
    pl_scaler_release(&first);
    pl_scaler_release(&second);
    pl_scaler_release(&scaler);
    pl_panel_release(&panel);
}

static void calendar_columns(void)
{
    double values[30], out[64 * 30];
    int64_t time[30];
    struct data data;
    struct pl_panel panel;
    struct pl_panel_options options = {0};
    struct pl_calendar_terms terms = {0};
    char name[PL_TERM_SIZE];
    for (int i = 0; i < 30; i++)
        values[i] = i;
    hourly(time, 30, "2024-03-01"); /* a Friday */
    make_data(&data, 30, 1, values, time, NAMES("x"));
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK(pl_calendar_parse_fields(&data.context, &terms, "hour,weekend") == PL_OK);
    CHECK(pl_calendar_parse_seasons(&data.context, &terms, "24:2,4:2") == PL_OK);
    CHECK(pl_calendar_count(&terms) == 23 + 1 + 4 + 3);
    CHECK_TEXT(pl_calendar_name(&terms, 2, name), "hour=3");
    CHECK_TEXT(pl_calendar_name(&terms, 23, name), "weekend");
    CHECK_TEXT(pl_calendar_name(&terms, 27, name), "sin(2/24)");
    CHECK_TEXT(pl_calendar_name(&terms, 30, name), "cos(2/4)");
    pl_calendar_fill(&terms, &panel, 0, 20, 30, 0, out, 30); /* rows 20 to 49: beyond the end */
    for (int i = 0; i < 30; i++) {
        int hour = (20 + i) % 24, day = (20 + i) / 24;
        for (int level = 1; level < 24; level++)
            CHECK(out[(level - 1) * 30 + i] == (hour == level));
        CHECK(out[23 * 30 + i] == (day >= 1));
        CHECK_NEAR(out[24 * 30 + i], cos(2 * M_PI * hour / 24), 1e-12);
        CHECK_NEAR(out[27 * 30 + i], sin(4 * M_PI * hour / 24), 1e-12);
        CHECK_NEAR(out[30 * 30 + i], hour % 2 ? -1 : 1, 1e-12);
    }
    pl_panel_release(&panel);
    pl_calendar_release(&terms);
}

static void calendar_errors(void)
{
    double values[] = {1, 2};
    struct data data;
    struct pl_panel panel;
    struct pl_panel_options options = {0};
    struct pl_calendar_terms terms = {0};
    make_data(&data, 2, 1, values, NULL, NAMES("x"));
    CHECK(pl_calendar_parse_fields(&data.context, &terms, "hour,day") == PL_USAGE);
    CHECK_TEXT(data.context.message, "--calendar 'day': not one of minute, hour, weekday, weekend, "
                                     "monthday, month, quarter, yearday");
    const char *const bad[] = {"1:1", "24:13", "24:0", "x:1", "24:1:1", "1e99", ":", "24:"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(pl_calendar_parse_seasons(&data.context, &terms, bad[i]) == PL_USAGE);
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK(pl_calendar_check(&data.context, &terms, &panel) == PL_BAD_DATA);
    CHECK_TEXT(data.context.message,
               "data: the calendar term 'hour' needs time stamps, and the data has none");
    pl_panel_release(&panel);
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void grids(void)
{
    enum { MOST = 3000 };
    static float values[MOST], sorted[MOST], scratch[MOST];
    float grid[PL_GRID];
    struct pl_rng rng = pl_rng_init(1, "grid");
    for (int64_t count = 1; count <= MOST; count = count * 3 + 1) {
        for (int64_t i = 0; i < count; i++)
            sorted[i] = values[i] = (float)fabs(pl_rng_normal(&rng, (uint64_t)(i + count * 7)));
        qsort(sorted, (size_t)count, sizeof *sorted, compare_floats);
        pl_grid_of(values, count, scratch, grid);
        for (int64_t q = 1; q <= PL_GRID; q++)
            CHECK(grid[q - 1] == sorted[(q * count + 99) / 100 - 1]);
    }
}

static void joined_grids(void)
{
    enum { A = 1000, B = 250 };
    static float values[A + B], scratch[A + B];
    float a[PL_GRID], b[PL_GRID], all[PL_GRID], joined[PL_GRID];
    struct pl_rng rng = pl_rng_init(2, "grid");
    for (int i = 0; i < A + B; i++)
        values[i] = (float)(fabs(pl_rng_normal(&rng, (uint64_t)i)) * (i < A ? 1 : 3));
    static float copy[A + B];
    memcpy(copy, values, sizeof copy);
    pl_grid_of(values, A, scratch, a);
    pl_grid_of(values + A, B, scratch, b);
    pl_grid_of(copy, A + B, scratch, all);
    pl_grid_join(a, A, b, B, joined);
    CHECK(joined[PL_GRID - 1] == all[PL_GRID - 1]);
    for (int q = 2; q < PL_GRID - 2; q++) /* within two percent in rank */
        CHECK(joined[q] >= all[q - 2] && joined[q] <= all[q + 2]);
    pl_grid_join(a, 0, b, B, joined);
    CHECK(memcmp(joined, b, sizeof b) == 0);
    CHECK(pl_grid_at(a, 1000000, 0.5) > a[48] && pl_grid_at(a, 1000000, 0.5) <= a[50]);
    CHECK(pl_grid_at(a, 10, 0.95) == a[PL_GRID - 1]);
}

int main(void)
{
    RUN(borders_of_the_protocol);
    RUN(bad_splits);
    RUN(scaling);
    RUN(calendar_columns);
    RUN(calendar_errors);
    RUN(grids);
    RUN(joined_grids);
    FINISH();
}
