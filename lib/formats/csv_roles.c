/* Roles of a table's columns: id, time, values, text.
 * SPDX-License-Identifier: MIT
 *
 * Times are found by themselves where most cells of a column have the form of one.  Numbers are
 * taken for times only with good reason: eight digits YYYYMMDD all the way down the first column,
 * years there under the name "year", or a name that says so over numbers of the size that counts
 * since 1970 have. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "formats/csv_maker.h"
#include "stream/pattern.h"

static enum pl_status fail_unknown(struct pl_context *context, const struct pl_csv_maker *maker,
                                   const char *option, const char *name)
{
    struct pl_name_list list = {0};
    enum pl_status status = PL_OK;
    for (int64_t i = 0; i < maker->plan->count && !status; i++) {
        status = pl_name_list_add(context, &list, maker->plan->columns[i].name);
    }
    if (!status) {
        status = pl_fail(context, PL_BAD_DATA, "%s: --%s: no column '%s'; there are %s",
                         maker->name, option, name, pl_name_list_text(context, &list));
    }
    pl_name_list_release(&list);
    return status;
}

/* The column named so, or else of that number, counted from 1. */
static enum pl_status find_column(struct pl_context *context, const struct pl_csv_maker *maker,
                                  const char *option, const char *name, int64_t *column)
{
    const struct pl_csv_plan *plan = maker->plan;
    for (int64_t i = 0; i < plan->count; i++) {
        if (strcmp(plan->columns[i].name, name) == 0) {
            *column = i;
            return PL_OK;
        }
    }
    if (pl_parse_int64(name, strlen(name), column) && *column >= 1 && *column <= plan->count) {
        --*column;
        return PL_OK;
    }
    return fail_unknown(context, maker, option, name);
}

/* What the numbers of a column may count, judged by the first: seconds of 1973 to 5138, and so on;
 * years only where the user says that these are times. */
static const char *epoch_pattern(const struct pl_csv_maker *maker, int64_t column, bool years)
{
    static const struct {
        const char *pattern;
        double least, below;
    } units[] = {{"epoch s", 1e8, 1e11},
                 {"epoch ms", 1e11, 1e14},
                 {"epoch us", 1e14, 1e17},
                 {"epoch ns", 1e17, 1e19}};
    const struct pl_csv_sample *sample = &maker->sample;
    int given = maker->import->time_unit; /* 1: the first of them */
    double number = 0;
    for (int64_t row = maker->first; row < sample->rows; row++) {
        const struct pl_csv_cell *cell = &sample->cells[row * sample->columns + column];
        if (pl_csv_number(&maker->plan->dialect, cell, &number)) {
            break;
        }
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        bool fits = number >= units[i].least && number < units[i].below;
        if (given ? given - 1 == (int)i : fits) {
            return units[i].pattern;
        }
    }
    return years && number >= 1678 && number < 2262 ? "%Y" : years ? "epoch s" : NULL;
}

/* A column of numbers is taken for times by itself only where its name says so. */
static bool named_as_time(const char *name)
{
    static const char *const whole[] = {"ts", "ds", "t", "date", "time", "datetime", "epoch"};
    static const char *const parts[] = {"timestamp", "unix", "_time", "time_", "epoch_"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        if (strcasecmp(name, whole[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strcasestr(name, parts[i])) {
            return true;
        }
    }
    return false;
}

/* True when the cells of the sample that are there all fit the pattern, and there is one. */
static bool all_fit(const struct pl_csv_maker *maker, int64_t column, const char *pattern)
{
    const struct pl_csv_sample *sample = &maker->sample;
    bool any = false;
    for (int64_t row = maker->first; row < sample->rows; row++) {
        const struct pl_csv_cell *cell = &sample->cells[row * sample->columns + column];
        int64_t time;
        int zone;
        if (pl_csv_is_missing(&maker->plan->dialect, cell)) {
            continue;
        }
        if (!pl_time_pattern_parse(pattern, cell->text, cell->size, &time, &zone)) {
            return false;
        }
        any = true;
    }
    return any;
}

/* Whether a first column named "year" counts years, no row the same as the one before: where they
 * repeat, they are one of several columns that make a date, or several series. */
static bool counts_years(const struct pl_csv_maker *maker, int64_t column)
{
    const struct pl_csv_sample *sample = &maker->sample;
    double before = 0, number = 0;
    if (!maker->first || column || strcasecmp(maker->plan->columns[column].name, "year") != 0 ||
        !all_fit(maker, column, "%Y")) {
        return false;
    }
    for (int64_t row = maker->first; row < sample->rows; row++, before = number) {
        const struct pl_csv_cell *cell = &sample->cells[row * sample->columns + column];
        if (!pl_csv_number(&maker->plan->dialect, cell, &number) || number == before) {
            return false;
        }
    }
    return true;
}

static void set_pattern(char out[PL_TIME_PATTERN_SIZE], const char *pattern)
{
    snprintf(out, PL_TIME_PATTERN_SIZE, "%s", pattern);
}

/* Whether a column tells the time, and in which form.  Where the user has not `named` the column,
 * numbers are times only if the name says so, or if they are all YYYYMMDD or years in the first
 * column. */
static bool tells_time(struct pl_context *context, const struct pl_csv_maker *maker, int64_t column,
                       bool named, char pattern[PL_TIME_PATTERN_SIZE])
{
    const struct pl_csv_plan *plan = maker->plan;
    const struct pl_csv_column *what = &plan->columns[column];
    bool number = what->kind == PL_CSV_NUMBER, ambiguous;
    if (maker->import->time_format) {
        set_pattern(pattern, maker->import->time_format);
        return all_fit(maker, column, pattern);
    }
    if ((!number || named || column == 0) &&
        pl_csv_guess_time(&plan->dialect, &maker->sample, column, maker->first, pattern,
                          &ambiguous) &&
        pl_time_pattern_has_date(pattern)) {
        if (ambiguous) {
            pl_warn(context,
                    "%s: column %lld (%s): day and month cannot be told apart; read as %s (say "
                    "--time-format for another)",
                    maker->name, (long long)column + 1, what->name, pattern);
        }
        return true;
    }
    if (number && !named && counts_years(maker, column)) {
        set_pattern(pattern, "%Y");
        return true;
    }
    if (number && (named || (maker->first && named_as_time(what->name)))) {
        const char *epoch = epoch_pattern(maker, column, named);
        set_pattern(pattern, epoch ? epoch : "");
        return epoch && all_fit(maker, column, epoch);
    }
    return false;
}

static enum pl_status fail_time(struct pl_context *context, const struct pl_csv_maker *maker,
                                int64_t column)
{
    const struct pl_csv_sample *sample = &maker->sample;
    char shown[PL_CSV_SHOWN_SIZE] = "";
    for (int64_t row = maker->first; row < sample->rows && !*shown; row++) {
        pl_csv_show(&sample->cells[row * sample->columns + column], shown);
    }
    return pl_fail(context, PL_BAD_DATA,
                   "%s: column %lld (%s): its cells, such as '%s', are not times of one known "
                   "form; say --time-format",
                   maker->name, (long long)column + 1, maker->plan->columns[column].name, shown);
}

/* The time of day in a column of its own, right behind the dates. */
static void find_clock(struct pl_csv_maker *maker)
{
    struct pl_csv_plan *plan = maker->plan;
    int64_t next = plan->time + 1;
    bool ambiguous;
    if (plan->time < 0 || pl_time_pattern_has_clock(plan->time_pattern) || next == plan->count ||
        plan->columns[next].kind != PL_CSV_TEXT) {
        return;
    }
    if (pl_csv_guess_time(&plan->dialect, &maker->sample, next, maker->first, plan->clock_pattern,
                          &ambiguous) &&
        !pl_time_pattern_has_date(plan->clock_pattern)) {
        plan->clock = next;
        plan->columns[next].kind = PL_CSV_CLOCK;
    }
}

static enum pl_status find_time(struct pl_context *context, struct pl_csv_maker *maker)
{
    struct pl_csv_plan *plan = maker->plan;
    const char *given = maker->import->time_column;
    plan->time = plan->clock = -1;
    if (maker->import->time_format && !pl_time_pattern_valid(maker->import->time_format)) {
        return pl_fail(context, PL_USAGE, "--time-format '%s': not a form of dates such as %s",
                       maker->import->time_format, "%Y-%m-%d %H:%M:%S");
    }
    if (given && strcmp(given, "none") == 0) {
        return PL_OK;
    }
    if (given) {
        enum pl_status status = find_column(context, maker, "time", given, &plan->time);
        if (!status && !tells_time(context, maker, plan->time, true, plan->time_pattern)) {
            status = fail_time(context, maker, plan->time);
        }
        if (status) {
            return status;
        }
    }
    for (int64_t i = 0; i < plan->count && plan->time < 0; i++) {
        bool taken = i == plan->id || plan->columns[i].kind == PL_CSV_EMPTY;
        if (!taken && tells_time(context, maker, i, false, plan->time_pattern)) {
            plan->time = i;
        }
    }
    if (plan->time >= 0) {
        plan->columns[plan->time].kind = PL_CSV_TIME;
        find_clock(maker);
    }
    return PL_OK;
}

static enum pl_status set_roles(struct pl_context *context, struct pl_csv_maker *maker)
{
    struct pl_csv_plan *plan = maker->plan;
    enum pl_status status = PL_OK;
    int64_t value = -1;
    plan->id = -1;
    if (maker->import->id_column) {
        status = find_column(context, maker, "id", maker->import->id_column, &plan->id);
    }
    if (!status && maker->import->value_column) {
        status = find_column(context, maker, "value", maker->import->value_column, &value);
    }
    if (!status) {
        status = find_time(context, maker);
    }
    if (status) {
        return status;
    }
    if (value >= 0 && (value == plan->id || value == plan->time)) {
        return pl_fail(context, PL_USAGE, "--value names the same column as --id or --time");
    }
    for (int64_t i = 0; i < plan->count; i++) {
        enum pl_csv_kind *kind = &plan->columns[i].kind;
        if (i == plan->id) {
            *kind = PL_CSV_ID;
        } else if (i == value) {
            *kind = PL_CSV_NUMBER;
        } else if (value >= 0 && (*kind == PL_CSV_NUMBER || *kind == PL_CSV_TEXT)) {
            *kind = PL_CSV_SKIP;
        }
    }
    return plan->id >= 0 && plan->id == plan->time
               ? pl_fail(context, PL_USAGE, "--id and --time name the same column")
               : PL_OK;
}

/* ---- Tensors ----------------------------------------------------------------------------- */

/* The name of a text column's tensor: the column's own unless a stream could not have it, or it
 * means something else in a series. */
static const char *tensor_name(struct pl_context *context, struct pl_csv_plan *plan, int64_t column)
{
    static const char *const reserved[] = {"values", "time", "id", "series.names"};
    static const char suffix[] = ".levels";
    const char *name = plan->columns[column].name;
    size_t size = strlen(name);
    bool fits = size + sizeof suffix - 1 <= PL_NAME_MAX;
    for (const char *at = name; *at; at++) {
        fits = fits && (unsigned char)*at >= 0x20 && *at != 0x7f;
    }
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        fits = fits && strcmp(name, reserved[i]) != 0;
    }
    if (size >= sizeof suffix - 1 && strcmp(name + size - (sizeof suffix - 1), suffix) == 0) {
        fits = false;
    }
    if (fits) {
        return name;
    }
    char other[32];
    int length = snprintf(other, sizeof other, "text column %lld", (long long)column + 1);
    return pl_arena_text(context, &plan->arena, other, (size_t)length);
}

static enum pl_status set_tensors(struct pl_context *context, struct pl_csv_plan *plan)
{
    for (int64_t i = 0; i < plan->count; i++) {
        enum pl_csv_kind kind = plan->columns[i].kind;
        plan->value_count += kind == PL_CSV_NUMBER;
        plan->text_count += kind == PL_CSV_TEXT || kind == PL_CSV_ID;
    }
    plan->texts =
        pl_arena_new(context, &plan->arena, (size_t)plan->text_count + 1, sizeof *plan->texts);
    if (!plan->texts) {
        return context->status;
    }
    int64_t text = 0;
    for (int64_t i = 0; i < plan->count; i++) {
        enum pl_csv_kind kind = plan->columns[i].kind;
        if (kind == PL_CSV_TEXT || kind == PL_CSV_ID) {
            const char *name = kind == PL_CSV_ID ? "id" : tensor_name(context, plan, i);
            if (!name) {
                return context->status;
            }
            plan->texts[text++] = (struct pl_csv_text_column){.column = i, .tensor = name};
        }
    }
    return PL_OK;
}

/* Notes the offset from UTC of the first stamp: it stands for all when they are written again. */
static void find_zone(struct pl_csv_maker *maker)
{
    struct pl_csv_plan *plan = maker->plan;
    const struct pl_csv_sample *sample = &maker->sample;
    if (plan->time < 0 || maker->first >= sample->rows) {
        return;
    }
    const struct pl_csv_cell *cell = &sample->cells[maker->first * sample->columns + plan->time];
    int64_t time;
    pl_time_pattern_parse(plan->time_pattern, cell->text, cell->size, &time, &plan->zone_minutes);
    plan->zoned = plan->time_pattern[0] == 'e' || strstr(plan->time_pattern, "z") ||
                  strchr(plan->time_pattern, 'Z');
}

enum pl_status pl_csv_set_roles(struct pl_context *context, struct pl_csv_maker *maker)
{
    enum pl_status status = set_roles(context, maker);
    if (!status) {
        find_zone(maker);
        status = set_tensors(context, maker->plan);
    }
    return status;
}
