/* Training, validation and test parts of a series.
 * SPDX-License-Identifier: MIT */
#include "series/split.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

/* ETT: 12, 4 and 4 months of 30 days. */
#define ETT_DAY_TRAIN 360
#define ETT_DAY_REST  120

static bool parse_ratios(const char *text, double ratios[3])
{
    for (int i = 0; i < 3; i++) {
        size_t size = strcspn(text, ",");
        if (!pl_parse_double(text, size, &ratios[i]) || !(ratios[i] >= 0 && ratios[i] <= 1))
            return false;
        if ((i < 2) != (text[size] == ','))
            return false;
        text += size + 1;
    }
    return fabs(ratios[0] + ratios[1] + ratios[2] - 1) < 1e-9 && ratios[0] > 0;
}

enum pl_status pl_split_parse(struct pl_context *context, const char *text, struct pl_split *split)
{
    double ratios[3];
    *split = (struct pl_split){0};
    if (strcmp(text, "none") == 0)
        return PL_OK;
    if (strcmp(text, "ett-hour") == 0) {
        split->kind = PL_SPLIT_ETT_HOUR;
        return PL_OK;
    }
    if (strcmp(text, "ett-minute") == 0) {
        split->kind = PL_SPLIT_ETT_MINUTE;
        return PL_OK;
    }
    if (!parse_ratios(text, ratios))
        return pl_fail(context, PL_USAGE,
                       "--split '%s': not ett-hour, ett-minute, none, or three shares that sum to "
                       "1 (0.7,0.1,0.2)",
                       text);
    *split = (struct pl_split){PL_SPLIT_RATIOS, ratios[0], ratios[1], ratios[2]};
    return PL_OK;
}

void pl_split_text(char out[PL_SPLIT_TEXT_SIZE], const struct pl_split *split)
{
    char a[PL_NUMBER_SIZE], b[PL_NUMBER_SIZE], c[PL_NUMBER_SIZE];
    switch (split->kind) {
    case PL_SPLIT_NONE:
        strcpy(out, "none");
        break;
    case PL_SPLIT_ETT_HOUR:
        strcpy(out, "ett-hour");
        break;
    case PL_SPLIT_ETT_MINUTE:
        strcpy(out, "ett-minute");
        break;
    case PL_SPLIT_RATIOS:
        pl_format_double(a, split->train);
        pl_format_double(b, split->validation);
        pl_format_double(c, split->test);
        snprintf(out, PL_SPLIT_TEXT_SIZE, "%.25s,%.25s,%.25s", a, b, c);
        break;
    }
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Three parts that end at these rows. */
static struct pl_borders borders_of(int64_t train, int64_t validation, int64_t test,
                                    int64_t lookback)
{
    return (struct pl_borders){{0, train},
                               {most(train - lookback, 0), validation},
                               {most(validation - lookback, 0), test}};
}

enum pl_status pl_split_borders(struct pl_context *context, const struct pl_split *split,
                                int64_t rows, int64_t lookback, struct pl_borders *borders)
{
    if (split->kind == PL_SPLIT_NONE) {
        *borders = (struct pl_borders){{0, rows}, {rows, rows}, {rows, rows}};
        return PL_OK;
    }
    if (split->kind == PL_SPLIT_RATIOS) {
        int64_t train = (int64_t)((double)rows * split->train);
        int64_t test = (int64_t)((double)rows * split->test);
        *borders = borders_of(train, rows - test, rows, lookback);
        return PL_OK;
    }
    int64_t day = split->kind == PL_SPLIT_ETT_HOUR ? 24 : 96;
    int64_t train = ETT_DAY_TRAIN * day, rest = ETT_DAY_REST * day;
    if (rows < train + 2 * rest)
        return pl_fail(
            context, PL_BAD_DATA, "--split %s takes %" PRId64 " rows, but there are %" PRId64,
            split->kind == PL_SPLIT_ETT_HOUR ? "ett-hour" : "ett-minute", train + 2 * rest, rows);
    *borders = borders_of(train, train + rest, train + 2 * rest, lookback);
    return PL_OK;
}

struct pl_range pl_range_meet(struct pl_range a, struct pl_range b)
{
    return (struct pl_range){most(a.begin, b.begin), least(a.end, b.end)};
}

int64_t pl_range_windows(struct pl_range range, int64_t length)
{
    return most(range.end - range.begin - length + 1, 0);
}

int64_t pl_track_windows(const struct pl_track *track, struct pl_range range, int64_t length)
{
    int64_t windows = 0;
    for (int64_t i = 0; i < track->piece_count; i++)
        windows += pl_range_windows(pl_range_meet(track->pieces[i], range), length);
    return windows;
}
