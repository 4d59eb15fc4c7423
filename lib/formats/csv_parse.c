/* Records to rows of numbers, times and codes, by a plan.
 * SPDX-License-Identifier: MIT
 *
 * The usual cell is a plain number up to a delimiter: it is scanned as a number at once, and if a
 * delimiter stands behind it, that was the cell.  Whatever else stands there (quotes, blanks,
 * missing words, junk) goes the slow way, cell first. */
#include "formats/csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"
#include "formats/time_element.h"

struct parser {
    const struct pl_csv_plan *plan;
    const struct pl_csv_dialect *dialect;
    const char *end;
    struct pl_csv_rows *rows;
    struct pl_time_reader time, clock;
    struct pl_buffer scratch; /* the cell's text, cleaned */
};

static enum pl_status fail_cell(struct pl_context *context, struct parser *parser, int64_t column,
                                const struct pl_csv_cell *cell, const char *what)
{
    char shown[PL_CSV_SHOWN_SIZE];
    parser->rows->fault = cell->text;
    pl_fail(context, PL_BAD_DATA, "%s", what);
    if (cell->size > 0) {
        pl_fail(context, PL_BAD_DATA, "%s: '%s'", what, pl_csv_show(cell, shown));
    }
    return pl_fail_at(context, "column %lld (%s)", (long long)column + 1,
                      parser->plan->columns[column].name);
}

static enum pl_status fail_number(struct pl_context *context, struct parser *parser, int64_t column,
                                  const struct pl_csv_cell *cell)
{
    char shown[PL_CSV_SHOWN_SIZE], what[2 * PL_CSV_SHOWN_SIZE + 64];
    pl_csv_show(cell, shown);
    snprintf(what, sizeof what, "not a number: '%s' (ts-import --missing '%s' reads it as missing)",
             shown, shown);
    parser->rows->fault = cell->text;
    pl_fail(context, PL_BAD_DATA, "%s", what);
    return pl_fail_at(context, "column %lld (%s)", (long long)column + 1,
                      parser->plan->columns[column].name);
}

static bool is_missing_number(const struct pl_csv_dialect *dialect, double value)
{
    for (size_t i = 0; i < dialect->missing_count; i++) {
        if (dialect->missing[i].is_number && dialect->missing[i].number == value) {
            return true;
        }
    }
    return false;
}

/* Any cell of a column of numbers; *at moves behind it. */
static enum pl_status slow_number(struct pl_context *context, struct parser *parser, int64_t column,
                                  const struct pl_csv_cell *cell, double *out)
{
    if (pl_csv_is_missing(parser->dialect, cell)) {
        *out = NAN;
        return PL_OK;
    }
    return pl_csv_number(parser->dialect, cell, out) ? PL_OK
                                                     : fail_number(context, parser, column, cell);
}

/* A plain number with a delimiter or line end behind it. */
static inline bool fast_number(const struct parser *parser, const char **at, double *out)
{
    const struct pl_csv_dialect *dialect = parser->dialect;
    const char *end = parser->end;
    size_t length = pl_scan_double(*at, (size_t)(end - *at), dialect->point, out);
    const char *stop = *at + length;
    if (length == 0 || (stop < end && *stop != dialect->delimiter && *stop != '\n')) {
        return false;
    }
    if (dialect->missing_numbers && is_missing_number(dialect, *out)) {
        *out = NAN;
    }
    *at = stop;
    return true;
}

static enum pl_status parse_text(struct pl_context *context, struct parser *parser, int64_t column,
                                 const struct pl_csv_cell *cell, int64_t text)
{
    struct pl_csv_rows *rows = parser->rows;
    bool id = parser->plan->columns[column].kind == PL_CSV_ID;
    int32_t *code = &rows->codes[rows->count * parser->plan->text_count + text];
    if (id ? cell->size == 0 : pl_csv_is_missing(parser->dialect, cell)) {
        *code = -1;
        return id ? fail_cell(context, parser, column, cell, "the id is missing") : PL_OK;
    }
    parser->scratch.size = 0;
    enum pl_status status = pl_csv_text(context, cell, &parser->scratch, &rows->replaced);
    return status ? status
                  : pl_levels_code(context, &rows->levels[text], parser->scratch.data,
                                   parser->scratch.size, code);
}

static enum pl_status parse_time(struct pl_context *context, struct parser *parser, int64_t column,
                                 const struct pl_csv_cell *cell)
{
    const struct pl_csv_plan *plan = parser->plan;
    bool clock = column == plan->clock, offset;
    const struct pl_time_reader *reader = clock ? &parser->clock : &parser->time;
    int64_t time, *out = &parser->rows->time[parser->rows->count];
    int zone;
    if (!pl_time_read(reader, cell->text, cell->size, &time, &zone) &&
        (clock || reader->scale || !pl_time_parse(cell->text, cell->size, &time, &offset))) {
        return pl_csv_is_missing(parser->dialect, cell)
                   ? fail_cell(context, parser, column, cell, "the time is missing")
                   : fail_cell(context, parser, column, cell, "not a time like those above");
    }
    if (!clock) {
        *out = time;
    } else if (__builtin_add_overflow(*out, time, out)) {
        return fail_cell(context, parser, column, cell, "the time is out of range");
    }
    return PL_OK;
}

/* Any cell that is not a plain number; *value and *text are the next places of their kinds. */
static enum pl_status parse_cell(struct pl_context *context, struct parser *parser, int64_t column,
                                 const char **at, double **value, int64_t *text)
{
    struct pl_csv_cell cell;
    const char *start = *at;
    if (!pl_csv_cell(parser->dialect, at, parser->end, &cell)) {
        cell = (struct pl_csv_cell){.text = start};
        return fail_cell(context, parser, column, &cell,
                         "a quoted cell does not close, or text stands behind its closing quote");
    }
    switch (parser->plan->columns[column].kind) {
    case PL_CSV_NUMBER:
        return slow_number(context, parser, column, &cell, (*value)++);
    case PL_CSV_TEXT:
    case PL_CSV_ID:
        return parse_text(context, parser, column, &cell, (*text)++);
    case PL_CSV_TIME:
    case PL_CSV_CLOCK:
        return parse_time(context, parser, column, &cell);
    case PL_CSV_EMPTY:
        return cell.size == 0 ? PL_OK
                              : fail_cell(context, parser, column, &cell,
                                          "a cell in a column without a name that was empty above");
    default:
        return PL_OK;
    }
}

/* A record with more or fewer cells than there are columns. */
static enum pl_status fail_ragged(struct pl_context *context, struct parser *parser,
                                  const char *record)
{
    int64_t count = 0;
    struct pl_csv_cell cell;
    const char *at = record;
    do {
        count++;
    } while (pl_csv_cell(parser->dialect, &at, parser->end, &cell) &&
             pl_csv_more(parser->dialect, &at, parser->end));
    parser->rows->fault = record;
    return pl_fail(context, PL_BAD_DATA, "%lld cell%s instead of %lld", (long long)count,
                   count == 1 ? "" : "s", (long long)parser->plan->count);
}

static enum pl_status parse_record(struct pl_context *context, struct parser *parser,
                                   const char **at)
{
    const struct pl_csv_plan *plan = parser->plan;
    const char *record = *at;
    double *value = parser->rows->values + parser->rows->count * plan->value_count;
    int64_t text = 0;
    for (int64_t i = 0; i < plan->count; i++) {
        if (i > 0 && !pl_csv_more(parser->dialect, at, parser->end)) {
            return fail_ragged(context, parser, record);
        }
        if (plan->columns[i].kind == PL_CSV_NUMBER && fast_number(parser, at, value)) {
            value++;
            continue;
        }
        enum pl_status status = parse_cell(context, parser, i, at, &value, &text);
        if (status) {
            return status;
        }
    }
    if (pl_csv_more(parser->dialect, at, parser->end)) {
        return fail_ragged(context, parser, record);
    }
    *at = pl_csv_next_line(*at, parser->end);
    parser->rows->count++;
    return PL_OK;
}

int64_t pl_csv_rows_most(const struct pl_csv_plan *plan, const char *at, const char *end)
{
    int64_t most = (end - at) / plan->count + 1, lines = pl_csv_lines(at, end);
    return lines < most ? lines : most;
}

enum pl_status pl_csv_parse(struct pl_context *context, const struct pl_csv_plan *plan,
                            const char *at, const char *end, struct pl_csv_rows *rows)
{
    struct parser parser = {.plan = plan, .dialect = &plan->dialect, .end = end, .rows = rows};
    pl_time_reader_init(&parser.time, plan->time_pattern);
    pl_time_reader_init(&parser.clock, plan->clock_pattern);
    bool blank_is_record = plan->count == 1;
    enum pl_status status = PL_OK;
    rows->levels = pl_new(context, (size_t)plan->text_count + 1, sizeof *rows->levels);
    if (!rows->levels) {
        return context->status;
    }
    while (!status && (at = pl_csv_record(&plan->dialect, at, end, blank_is_record)) < end) {
        status = parse_record(context, &parser, &at);
    }
    pl_buffer_release(&parser.scratch);
    return status;
}

void pl_csv_rows_release(const struct pl_csv_plan *plan, struct pl_csv_rows *rows)
{
    for (int64_t i = 0; rows->levels && i < plan->text_count; i++) {
        pl_levels_release(&rows->levels[i]);
    }
    free(rows->levels);
    *rows = (struct pl_csv_rows){0};
}
