/* Panels: roles, stamps, gaps, long format, and what is refused.
 * SPDX-License-Identifier: MIT */
#include "series/panel.h"

#include "series_data.h"

static void roles(void)
{
    double values[] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct data data;
    struct pl_panel panel;
    const char *const past[] = {"a"}, *const future[] = {"c"}, *const targets[] = {"d", "b"};
    make_data(&data, 2, 4, values, NULL, NAMES("a\0b\0c\0d"));

    struct pl_panel_options options = {0};
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK(panel.target_count == 4 && panel.track_count == 4 && panel.rows == 2 && !panel.stamped);
    CHECK(pl_panel_column(&panel, 0, 2)[1] == 7);
    pl_panel_release(&panel);

    options.past = (struct pl_names){past, 1};
    options.future = (struct pl_names){future, 1};
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK(panel.target_count == 2 && panel.past_count == 1 && panel.future_count == 1);
    CHECK_TEXT(panel.columns[1], "d");
    CHECK_TEXT(panel.columns[2], "a");
    CHECK_TEXT(panel.columns[3], "c");
    pl_panel_release(&panel);

    options.target_only = true;
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK(panel.target_count == 1);
    CHECK_TEXT(panel.columns[0], "d");
    pl_panel_release(&panel);

    options.targets = (struct pl_names){targets, 2};
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK(panel.target_count == 2 && pl_panel_column(&panel, 0, 0)[0] == 4);
    pl_panel_release(&panel);

    options.future = (struct pl_names){targets, 1};
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_BAD_DATA);
    CHECK_TEXT(data.context.message, "data: column 'd' has two roles");

    make_data(&data, 2, 4, values, NULL, NAMES("a\0b\0a\0d"));
    options = (struct pl_panel_options){0};
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_BAD_DATA);
    CHECK_TEXT(data.context.message, "data: two columns have the name 'a'");
}

static void unknown_column(void)
{
    double values[] = {1, 2};
    int32_t codes[] = {0};
    struct data data;
    struct pl_panel panel;
    const char *const targets[] = {"OT"}, *const text[] = {"wind"};
    struct pl_panel_options options = {.targets = {targets, 1}};
    make_data(&data, 1, 2, values, NULL, NAMES("load\0temp"));
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_BAD_DATA);
    CHECK_TEXT(data.context.message, "data: no column 'OT'; there are: load, temp");

    add_tensor(&data, "wind", PL_I32, 1, 1, 0, codes);
    add_tensor(&data, "wind.levels", PL_U8, 1, 3, 0, (void *)(uintptr_t) "NW");
    options.targets = (struct pl_names){text, 1};
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_BAD_DATA);
    CHECK_TEXT(data.context.message, "data: column 'wind' is text, not numbers");
    options.targets.count = 0;
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK_TEXT(data.warnings, "data: column 'wind' is text and is left out\n");
    pl_panel_release(&panel);
}

static void missing_cells(void)
{
    double values[] = {NAN, 1, 2, NAN, 4, 5, NAN, NAN, 8, 9};
    int64_t time[10];
    struct data data;
    struct pl_panel panel;
    struct pl_panel_options options = {0};
    hourly(time, 10, "2024-02-28 20:00");
    make_data(&data, 10, 1, values, time, NAMES("load"));
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_BAD_DATA);
    CHECK_TEXT(data.context.message,
               "data: 4 missing values, the first in row 1 (2024-02-28 20:00:00), column 'load'; "
               "give --missing gap, linear or seasonal");

    options.missing = PL_MISSING_GAP;
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK(panel.missing == 4 && panel.tracks[0].piece_count == 3);
    CHECK(panel.tracks[0].pieces[0].begin == 1 && panel.tracks[0].pieces[0].end == 3);
    CHECK(panel.tracks[0].pieces[2].begin == 8 && panel.tracks[0].pieces[2].end == 10);
    pl_panel_release(&panel);

    options.missing = PL_MISSING_LINEAR;
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    const double linear[] = {1, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    for (int i = 0; i < 10; i++)
        CHECK_NEAR(pl_panel_track(&panel, 0)[i], linear[i], 1e-15);
    CHECK(panel.tracks[0].piece_count == 1);
    pl_panel_release(&panel);

    options.missing = PL_MISSING_SEASONAL;
    options.season = 4;
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    const double seasonal[] = {4, 1, 2, 1.5, 4, 5, 2, 1.5, 8, 9};
    /* row 3 has neither 7 nor -1: a line from 2 to 4 */
    for (int i = 0; i < 10; i++)
        if (i != 3 && i != 7)
            CHECK_NEAR(pl_panel_track(&panel, 0)[i], seasonal[i], 1e-15);
    CHECK_NEAR(pl_panel_track(&panel, 0)[3], 3, 1e-15);
    pl_panel_release(&panel);

    values[5] = INFINITY;
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_BAD_DATA);
    CHECK_TEXT(data.context.message,
               "data: row 6 (2024-02-29 01:00:00), column 'load': infinite value");
}

static void uneven_stamps(void)
{
    double values[] = {1, 2, 3, 4, 5, 6};
    int64_t time[6];
    struct data data;
    struct pl_panel panel;
    struct pl_panel_options options = {0};
    hourly(time, 6, "2024-01-01");
    for (int i = 4; i < 6; i++)
        time[i] += 2 * HOUR;
    make_data(&data, 6, 1, values, time, NAMES("load"));
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_BAD_DATA);
    CHECK_TEXT(data.context.message,
               "data: row 5 (2024-01-01 06:00:00): 3 hours after the row before, where the step is "
               "1 hour; give --missing gap to split there, linear or seasonal to fill, or "
               "--time none to go by rows");

    options.rows_are_clock = true;
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK_TEXT(data.warnings, "data: row 5 (2024-01-01 06:00:00): the time stamps are uneven from "
                              "here on; rows are the clock\n");
    CHECK(panel.tracks[0].piece_count == 1);
    pl_panel_release(&panel);

    options = (struct pl_panel_options){.missing = PL_MISSING_GAP};
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK(panel.tracks[0].piece_count == 2 && panel.tracks[0].pieces[1].begin == 4);
    CHECK(pl_panel_stamp(&panel, 0, 6) == stamp("2024-01-01 08:00"));
    pl_panel_release(&panel);

    options.missing = PL_MISSING_LINEAR;
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK(panel.series[0].rows == 8 && panel.absent == 2);
    CHECK_NEAR(pl_panel_track(&panel, 0)[4], 4 + 1. / 3, 1e-15);
    pl_panel_release(&panel);

    time[4] = time[3];
    time[5] = time[3] + HOUR;
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_BAD_DATA);
    CHECK_TEXT(data.context.message, "data: row 5 (2024-01-01 03:00:00): the time stamp of the row "
                                     "before again; --missing gap splits there, --id COLUMN tells "
                                     "several series of a table apart");
    options.missing = PL_MISSING_ERROR;
    time[4] = time[2];
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_BAD_DATA);
    CHECK_TEXT(data.context.message,
               "data: row 5 (2024-01-01 02:00:00): the time stamp goes back; "
               "--missing gap splits there, --id COLUMN tells several series of "
               "a table apart");
}

static void long_format(void)
{
    double values[] = {1, 2, 3, 10, 20, 30, 40};
    int64_t time[7];
    int32_t id[] = {1, 1, 1, 0, 0, 0, 0};
    struct data data;
    struct pl_panel panel;
    struct pl_panel_options options = {0};
    hourly(time, 3, "2024-01-01");
    hourly(time + 3, 4, "2023-06-01");
    make_data(&data, 7, 1, values, time, NAMES("sales"));
    add_tensor(&data, "id", PL_I32, 1, 7, 0, id);
    add_tensor(&data, "id.levels", PL_U8, 1, 12, 0, (void *)(uintptr_t) "north\0south");
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK(panel.series_count == 2 && panel.track_count == 2 && panel.long_format);
    CHECK_TEXT(panel.series[0].name, "north");
    CHECK(pl_panel_track(&panel, 0)[3] == 40 && panel.series[0].rows == 4);
    CHECK(pl_panel_track(&panel, 1)[2] == 3 && panel.series[1].rows == 3);
    CHECK(pl_panel_stamp(&panel, 0, 4) == stamp("2023-06-01 04:00"));
    pl_panel_release(&panel);

    time[5] += HOUR;
    time[6] += HOUR;
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_BAD_DATA);
    CHECK_TEXT(data.context.message,
               "data: series 'north', row 3 (2023-06-01 03:00:00): 2 hours after the row before, "
               "where the step is 1 hour; give --missing gap to split there, linear or seasonal to "
               "fill, or --time none to go by rows");
    id[6] = -1;
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_BAD_DATA);
    CHECK_TEXT(data.context.message, "data: row 7 has no series id");
}

static void long_format_by_time(void)
{
    double values[] = {1, 10, 2, 20, 3, 30};
    int64_t time[6];
    int32_t id[] = {0, 1, 0, 1, 0, 1};
    struct data data;
    struct pl_panel panel;
    struct pl_panel_options options = {0};
    for (int i = 0; i < 6; i++)
        time[i] = stamp("2024-01-01") + i / 2 * HOUR;
    make_data(&data, 6, 1, values, time, NAMES("sales"));
    add_tensor(&data, "id", PL_I32, 1, 6, 0, id);
    add_tensor(&data, "id.levels", PL_U8, 1, 12, 0, (void *)(uintptr_t) "north\0south");
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    for (int i = 0; i < 3; i++)
        CHECK(pl_panel_track(&panel, 0)[i] == i + 1 && pl_panel_track(&panel, 1)[i] == 10 * i + 10);
    CHECK(pl_panel_stamp(&panel, 1, 3) == stamp("2024-01-01 03:00"));
    pl_panel_release(&panel);
}

static void future_rows(void)
{
    double values[] = {1, 5, 2, 6, NAN, 7, NAN, 8};
    struct data data;
    struct pl_panel panel;
    const char *const future[] = {"plan"};
    struct pl_panel_options options = {.future = {future, 1}};
    make_data(&data, 4, 2, values, NULL, NAMES("load\0plan"));
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK(panel.series[0].rows == 2 && panel.series[0].future_rows == 2);
    CHECK(pl_panel_column(&panel, 0, 1)[3] == 8);
    pl_panel_release(&panel);
}

static void join(void)
{
    double values[] = {3, 4, 5}, before[] = {NAN, 1, 2};
    int64_t time[3], ends[1] = {stamp("2024-01-01 01:00")}, skip[1] = {1};
    struct data data;
    struct pl_panel more, joined;
    struct pl_panel_options options = {0};
    hourly(time, 3, "2024-01-01 01:00");
    make_data(&data, 3, 1, values, time, NAMES("load"));
    CHECK(pl_panel_load(&data.context, &more, &data.bundle, &options) == PL_OK);
    CHECK(pl_panel_join(&data.context, &joined, &more, before, 3, ends, skip) == PL_OK);
    CHECK(joined.series[0].rows == 5 && pl_panel_track(&joined, 0)[3] == 4);
    CHECK(joined.tracks[0].piece_count == 1 && joined.tracks[0].pieces[0].begin == 1);
    CHECK(pl_panel_stamp(&joined, 0, 4) == stamp("2024-01-01 03:00"));
    pl_panel_release(&joined);
    ends[0] -= HOUR; /* an hour is absent now: a piece of its own */
    CHECK(pl_panel_join(&data.context, &joined, &more, before, 3, ends, skip) == PL_OK);
    CHECK(joined.tracks[0].piece_count == 2 && joined.tracks[0].pieces[1].begin == 3);
    pl_panel_release(&joined);
    pl_panel_release(&more);
}

static void seasons(void)
{
    double values[400];
    struct data data;
    struct pl_panel panel;
    struct pl_panel_options options = {0};
    for (int i = 0; i < 400; i++)
        values[i] = 0.1 * i + sin(i * 2 * 3.14159265358979 / 11) + 0.3 * ((i * 7919) % 13) / 13.;
    make_data(&data, 400, 1, values, NULL, NAMES("x"));
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK(pl_panel_season(&panel) == 11);
    pl_panel_release(&panel);
    for (int i = 0; i < 400; i++)
        values[i] = 5;
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK(pl_panel_season(&panel) == 0);
    pl_panel_release(&panel);
}

static void bare_tensors(void)
{
    float values[] = {1, 2, 3};
    struct data data;
    struct pl_panel panel;
    struct pl_panel_options options = {0};
    make_data(&data, 0, 0, NULL, NULL, NULL, 0);
    data.bundle.tensor_count = 0;
    add_tensor(&data, "v", PL_F32, 1, 3, 0, values);
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_OK);
    CHECK(panel.rows == 3 && panel.target_count == 1);
    CHECK_TEXT(panel.columns[0], "column_1");
    pl_panel_release(&panel);
    data.bundle.tensors[0].tensor.dims[0] = 0;
    CHECK(pl_panel_load(&data.context, &panel, &data.bundle, &options) == PL_BAD_DATA);
    CHECK_TEXT(data.context.message, "data: the series has no rows");
}

int main(void)
{
    RUN(roles);
    RUN(unknown_column);
    RUN(missing_cells);
    RUN(uneven_stamps);
    RUN(long_format);
    RUN(long_format_by_time);
    RUN(future_rows);
    RUN(join);
    RUN(seasons);
    RUN(bare_tensors);
    FINISH();
}
