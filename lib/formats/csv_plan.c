/* The plan of a table: what each column is, decided from the first rows.
 * SPDX-License-Identifier: MIT
 *
 * A column holds text only if none of the cells looked at is a number.  So a number column with a
 * junk cell far below stays a number column, and the cell is an error that can be named. */
#include "formats/csv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "stream/pattern.h"

/* What making a plan needs beside the plan. */
struct maker {
    struct pl_csv_plan *plan;
    const struct pl_import *import;
    const char *name; /* of the input */
    struct pl_csv_sample sample;
    int64_t first; /* row of the sample with the first data */
    const char *text, *end;
};

static enum pl_status set_delimiter(struct pl_context *context, struct pl_csv_dialect *dialect,
                                    const char *given, const char *text, const char *end)
{
    if (!given || strcmp(given, "auto") == 0) {
        dialect->delimiter = pl_csv_guess_delimiter(dialect, text, end);
        return PL_OK;
    }
    dialect->delimiter = strcmp(given, "\\t") == 0 ? '\t' : given[0];
    bool single = given[0] && (given[1] == '\0' || dialect->delimiter == '\t');
    if (!single || isalnum((unsigned char)given[0]) || strchr("\"\r\n+-.", given[0]) ||
        given[0] == dialect->point) {
        return pl_fail(context, PL_USAGE, "'%s' cannot be a delimiter: one byte such as ; or \\t",
                       given);
    }
    return PL_OK;
}

static enum pl_status set_missing(struct pl_context *context, struct pl_csv_dialect *dialect,
                                  const char *word, struct pl_arena *arena)
{
    size_t count = 1;
    for (const char *at = word; *at; at++) {
        count += *at == ',';
    }
    dialect->missing = pl_arena_new(context, arena, count, sizeof *dialect->missing);
    if (!dialect->missing) {
        return context->status;
    }
    for (const char *comma = word; comma; word = comma + 1) {
        comma = strchr(word, ',');
        size_t size = comma ? (size_t)(comma - word) : strlen(word);
        if (size > 0) {
            struct pl_csv_word *item = &dialect->missing[dialect->missing_count++];
            *item = (struct pl_csv_word){.text = word, .size = size};
            item->is_number = pl_parse_double(word, size, &item->number);
            dialect->missing_numbers |= item->is_number;
        }
    }
    return PL_OK;
}

enum pl_status pl_csv_dialect_init(struct pl_context *context, struct pl_csv_dialect *dialect,
                                   const struct pl_import *import, const char *text,
                                   const char *end, struct pl_arena *arena)
{
    *dialect = (struct pl_csv_dialect){.point = import->decimal_comma ? ',' : '.'};
    dialect->comment = import->comment ? import->comment : "#";
    dialect->comment_size = strlen(dialect->comment);
    enum pl_status status =
        import->missing ? set_missing(context, dialect, import->missing, arena) : PL_OK;
    return status ? status : set_delimiter(context, dialect, import->delimiter, text, end);
}

/* ---- Names ------------------------------------------------------------------------------- */

/* Writes the name of a column into `out`: its header cell, or column_N. */
static enum pl_status name_column(struct pl_context *context, const struct maker *maker,
                                  int64_t column, struct pl_buffer *out, int64_t *replaced)
{
    const struct pl_csv_cell *cell = &maker->sample.cells[column];
    out->size = 0;
    if (maker->first > 0 && cell->size > 0) {
        return pl_csv_text(context, cell, out, replaced);
    }
    return pl_buffer_printf(context, out, "column_%lld", (long long)column + 1);
}

/* Puts _2, _3, ... behind a name that is taken until it is free, and takes it. */
static enum pl_status take_name(struct pl_context *context, struct pl_levels *taken,
                                struct pl_buffer *name, bool *changed)
{
    size_t size = name->size;
    enum pl_status status = PL_OK;
    *changed = false;
    for (int number = 2; !status; number++) {
        int32_t code, before = taken->count;
        status = pl_levels_code(context, taken, name->data, name->size, &code);
        if (status || code == before) {
            break;
        }
        *changed = true;
        name->size = size;
        status = pl_buffer_printf(context, name, "_%d", number);
    }
    return status;
}

static enum pl_status set_names(struct pl_context *context, struct maker *maker)
{
    struct pl_csv_plan *plan = maker->plan;
    struct pl_levels taken = {0};
    struct pl_buffer name = {0};
    int64_t replaced = 0, twice = -1;
    enum pl_status status = PL_OK;
    for (int64_t i = 0; i < plan->count && !status; i++) {
        bool changed = false;
        status = name_column(context, maker, i, &name, &replaced);
        if (!status) {
            status = take_name(context, &taken, &name, &changed);
        }
        twice = changed && twice < 0 ? i : twice;
        plan->columns[i].name =
            status ? NULL : pl_arena_text(context, &plan->arena, name.data, name.size);
        if (!status && !plan->columns[i].name) {
            status = context->status;
        }
    }
    if (!status && twice >= 0) {
        pl_warn(context, "%s: column names occur twice; column %lld is now '%s'", maker->name,
                (long long)twice + 1, plan->columns[twice].name);
    }
    if (!status) {
        pl_csv_note(context, maker->name, 0, replaced);
    }
    pl_levels_release(&taken);
    pl_buffer_release(&name);
    return status;
}

static enum pl_status set_header(struct pl_context *context, struct maker *maker)
{
    int given = maker->import->header;
    maker->first =
        given == PL_HEADER_YES ||
        (given == PL_HEADER_AUTO && pl_csv_guess_header(&maker->plan->dialect, &maker->sample));
    maker->plan->body = maker->first ? maker->sample.second : maker->text;
    return set_names(context, maker);
}

/* ---- Kinds ------------------------------------------------------------------------------- */

/* Numbers win over text: see the top of the file. */
static void see_cell(const struct pl_csv_dialect *dialect, struct pl_csv_column *column,
                     const struct pl_csv_cell *cell)
{
    double number;
    if (!pl_csv_is_missing(dialect, cell)) {
        bool is_number = pl_csv_number(dialect, cell, &number);
        column->kind = is_number || (column->decided && column->kind == PL_CSV_NUMBER)
                           ? PL_CSV_NUMBER
                           : PL_CSV_TEXT;
        column->decided = true;
    }
}

/* Columns without a cell in the sample are decided by the first one behind it. */
static void look_further(struct maker *maker)
{
    struct pl_csv_plan *plan = maker->plan;
    int64_t open = 0;
    for (int64_t i = 0; i < plan->count; i++) {
        open += !plan->columns[i].decided;
    }
    const char *at = plan->body, *end = maker->end;
    while (open > 0 && at < end) {
        struct pl_csv_cell cell;
        int64_t i = 0;
        do {
            if (!pl_csv_cell(&plan->dialect, &at, end, &cell)) {
                return; /* the parser will say so */
            }
            if (i < plan->count && !plan->columns[i].decided) {
                see_cell(&plan->dialect, &plan->columns[i], &cell);
                open -= plan->columns[i].decided;
            }
            i++;
        } while (pl_csv_more(&plan->dialect, &at, end));
        at = pl_csv_record(&plan->dialect, pl_csv_next_line(at, end), end, plan->count == 1);
    }
}

static void set_kinds(struct maker *maker)
{
    struct pl_csv_plan *plan = maker->plan;
    const struct pl_csv_sample *sample = &maker->sample;
    for (int64_t row = maker->first; row < sample->rows; row++) {
        for (int64_t i = 0; i < plan->count; i++) {
            see_cell(&plan->dialect, &plan->columns[i], &sample->cells[row * plan->count + i]);
        }
    }
    look_further(maker);
    for (int64_t i = plan->count - 1; i > 0; i--) { /* nameless and empty, at the end */
        if (plan->columns[i].decided || (maker->first && sample->cells[i].size > 0)) {
            break;
        }
        plan->columns[i].kind = PL_CSV_EMPTY;
    }
}

/* ---- Roles ------------------------------------------------------------------------------- */

static enum pl_status fail_unknown(struct pl_context *context, const struct maker *maker,
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
static enum pl_status find_column(struct pl_context *context, const struct maker *maker,
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
static const char *epoch_pattern(const struct maker *maker, int64_t column, bool years)
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
static bool all_fit(const struct maker *maker, int64_t column, const char *pattern)
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

static void set_pattern(char out[PL_TIME_PATTERN_SIZE], const char *pattern)
{
    snprintf(out, PL_TIME_PATTERN_SIZE, "%s", pattern);
}

/* Whether a column tells the time, and in which form.  Where the user has not `named` the column,
 * numbers are times only if the name says so, or if they are all YYYYMMDD in the first column. */
static bool tells_time(struct pl_context *context, const struct maker *maker, int64_t column,
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
    if (number && (named || (maker->first && named_as_time(what->name)))) {
        const char *epoch = epoch_pattern(maker, column, named);
        set_pattern(pattern, epoch ? epoch : "");
        return epoch && all_fit(maker, column, epoch);
    }
    return false;
}

static enum pl_status fail_time(struct pl_context *context, const struct maker *maker,
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
static void find_clock(struct maker *maker)
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

static enum pl_status find_time(struct pl_context *context, struct maker *maker)
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

static enum pl_status set_roles(struct pl_context *context, struct maker *maker)
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
static void find_zone(struct maker *maker)
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

static enum pl_status make(struct pl_context *context, struct maker *maker)
{
    struct pl_csv_plan *plan = maker->plan;
    enum pl_status status = pl_csv_dialect_init(context, &plan->dialect, maker->import, maker->text,
                                                maker->end, &plan->arena);
    if (!status) {
        status =
            pl_csv_sample_init(context, &maker->sample, &plan->dialect, maker->text, maker->end);
    }
    if (status) {
        return status;
    }
    if (maker->sample.rows == 0) {
        return pl_fail(context, PL_BAD_DATA, "%s: %s", maker->name,
                       maker->sample.columns ? "the first record has a quoted cell that does not "
                                               "close, or text behind its closing quote"
                                             : "no data rows");
    }
    plan->count = maker->sample.columns;
    plan->columns = pl_arena_new(context, &plan->arena, (size_t)plan->count, sizeof *plan->columns);
    if (!plan->columns) {
        return context->status;
    }
    status = set_header(context, maker);
    if (!status) {
        set_kinds(maker);
        status = set_roles(context, maker);
    }
    if (!status) {
        find_zone(maker);
        status = set_tensors(context, plan);
    }
    return status;
}

enum pl_status pl_csv_plan_init(struct pl_context *context, struct pl_csv_plan *plan,
                                const struct pl_import *import, const char *name, const char *text,
                                size_t size)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    bool marked = size >= 3 && memcmp(text, byte_order_mark, 3) == 0;
    *plan = (struct pl_csv_plan){0};
    struct maker maker = {.plan = plan, .import = import, .name = name};
    maker.text = text + (marked ? 3 : 0);
    maker.end = text + size;
    enum pl_status status = make(context, &maker);
    pl_csv_sample_release(&maker.sample);
    if (status) {
        pl_csv_plan_release(plan);
    }
    return status;
}

void pl_csv_plan_release(struct pl_csv_plan *plan)
{
    pl_arena_release(&plan->arena);
    *plan = (struct pl_csv_plan){0};
}
