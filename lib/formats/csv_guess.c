/* What a sample of cells looks like: the delimiter, whether there is a header, and times.
 * SPDX-License-Identifier: MIT */
#include "formats/csv.h"

#include <stdlib.h>
#include <string.h>

enum {
    SAMPLE_ROWS = 1000,
    SAMPLE_CELLS = 1 << 20, /* of a table with many columns fewer rows are looked at */
    SAMPLE_ROWS_LEAST = 3,
    DELIMITER_ROWS = 20
};

/* Reads one record's cells; *count counts them all, at most `room` are kept.  False at a fault. */
static bool read_record(const struct pl_csv_dialect *dialect, const char **at, const char *end,
                        struct pl_csv_cell *cells, int64_t room, int64_t *count)
{
    struct pl_csv_cell cell;
    *count = 0;
    do {
        if (!pl_csv_cell(dialect, at, end, &cell)) {
            return false;
        }
        if (*count < room) {
            cells[*count] = cell;
        }
        ++*count;
    } while (pl_csv_more(dialect, at, end));
    *at = pl_csv_next_line(*at, end);
    return true;
}

enum pl_status pl_csv_sample_init(struct pl_context *context, struct pl_csv_sample *sample,
                                  const struct pl_csv_dialect *dialect, const char *text,
                                  const char *end)
{
    const char *at = pl_csv_record(dialect, text, end, false), *first = at;
    int64_t columns = 0;
    *sample = (struct pl_csv_sample){.second = end};
    if (at == end || !read_record(dialect, &at, end, NULL, 0, &columns)) {
        return PL_OK;
    }
    int64_t rows = SAMPLE_CELLS / columns;
    rows = rows > SAMPLE_ROWS ? SAMPLE_ROWS : rows < SAMPLE_ROWS_LEAST ? SAMPLE_ROWS_LEAST : rows;
    int64_t lines = 0; /* no more rows than there are lines */
    for (at = first; at < end && lines < rows; lines++) {
        at = pl_csv_next_line(at, end);
    }
    size_t cells;
    if (!pl_mul_size((size_t)lines, (size_t)columns, &cells)) {
        return pl_fail(context, PL_SYSTEM, "out of memory");
    }
    sample->cells = pl_new(context, cells, sizeof *sample->cells);
    if (!sample->cells) {
        return context->status;
    }
    sample->columns = columns;
    for (at = first; at < end && sample->rows < lines; sample->rows++) {
        int64_t count;
        if (!read_record(dialect, &at, end, sample->cells + sample->rows * columns, columns,
                         &count) ||
            count != columns) {
            break;
        }
        at = pl_csv_record(dialect, at, end, columns == 1);
        sample->second = sample->rows == 0 ? at : sample->second;
    }
    return PL_OK;
}

void pl_csv_sample_release(struct pl_csv_sample *sample)
{
    free(sample->cells);
    *sample = (struct pl_csv_sample){0};
}

/* How well a delimiter explains the first records. */
struct fit {
    int64_t rows;     /* that have as many cells as the first, if those are several */
    int64_t sensible; /* cells in them that are missing, numbers, times or plain words */
    int64_t cells;
};

/* A cell that starts as numbers do but is none, such as 5;2, shows that the cut is wrong. */
static bool is_sensible(const struct pl_csv_dialect *dialect, const struct pl_csv_cell *cell)
{
    double number;
    char pattern[PL_TIME_PATTERN_SIZE];
    return pl_csv_is_missing(dialect, cell) || pl_csv_number(dialect, cell, &number) ||
           cell->quoted || !memchr("+-.,;|0123456789", cell->text[0], 16) ||
           pl_time_pattern_guess(cell->text, cell->size, true, pattern) ||
           pl_time_pattern_guess(cell->text, cell->size, false, pattern);
}

static struct fit try_delimiter(struct pl_csv_dialect dialect, char delimiter, const char *text,
                                const char *end)
{
    enum { ROOM = 64 };
    struct pl_csv_cell cells[ROOM];
    struct fit fit = {0};
    int64_t columns = 0;
    dialect.delimiter = delimiter;
    const char *at = text;
    for (int row = 0; row < DELIMITER_ROWS; row++) {
        int64_t count;
        at = pl_csv_record(&dialect, at, end, false);
        if (at == end || !read_record(&dialect, &at, end, cells, ROOM, &count)) {
            break;
        }
        columns = row == 0 ? count : columns;
        if (count != columns || columns == 1) {
            continue;
        }
        fit.rows++;
        for (int64_t i = 0; i < count && i < ROOM; i++) {
            fit.cells++;
            fit.sensible += is_sensible(&dialect, &cells[i]);
        }
    }
    return fit;
}

static bool is_better(const struct fit *a, const struct fit *b)
{
    if (a->rows != b->rows) {
        return a->rows > b->rows;
    }
    int64_t left = a->sensible * b->cells, right = b->sensible * a->cells;
    return left != right ? left > right : a->cells > b->cells;
}

char pl_csv_guess_delimiter(const struct pl_csv_dialect *dialect, const char *text, const char *end)
{
    static const char candidates[] = PL_CSV_DELIMITERS;
    struct fit best = {0};
    char delimiter = ',';
    for (const char *candidate = candidates; *candidate; candidate++) {
        if (*candidate == dialect->point) {
            continue;
        }
        struct fit fit = try_delimiter(*dialect, *candidate, text, end);
        if (fit.rows > 0 && is_better(&fit, &best)) {
            best = fit;
            delimiter = *candidate;
        }
    }
    if (best.rows == 0) { /* blanks may stand within a cell: only when all rows agree */
        struct fit fit = try_delimiter(*dialect, ' ', text, end);
        bool agree = fit.rows > 1 && fit.sensible == fit.cells;
        delimiter = agree ? ' ' : dialect->point == ',' ? ';' : ',';
    }
    return delimiter;
}

/* True for text that is neither missing, nor a number, nor a time. */
static bool is_word(const struct pl_csv_dialect *dialect, const struct pl_csv_cell *cell)
{
    double number;
    char pattern[PL_TIME_PATTERN_SIZE];
    return !pl_csv_is_missing(dialect, cell) && !pl_csv_number(dialect, cell, &number) &&
           !pl_time_pattern_guess(cell->text, cell->size, true, pattern) &&
           !pl_time_pattern_guess(cell->text, cell->size, false, pattern);
}

/* A word above numbers or times makes a header; so does a first record of words alone. */
bool pl_csv_guess_header(const struct pl_csv_dialect *dialect, const struct pl_csv_sample *sample)
{
    bool all_words = sample->rows > 0;
    for (int64_t column = 0; column < sample->columns && sample->rows > 0; column++) {
        const struct pl_csv_cell *cell = &sample->cells[column];
        if (!is_word(dialect, cell)) {
            all_words = all_words && cell->size == 0;
            continue;
        }
        for (int64_t row = 1; row < sample->rows; row++) {
            const struct pl_csv_cell *below = &sample->cells[row * sample->columns + column];
            if (!pl_csv_is_missing(dialect, below)) {
                if (!is_word(dialect, below)) {
                    return true;
                }
                break;
            }
        }
    }
    return all_words;
}

/* Joins the patterns of a column's cells, with that order of day and month.  Returns how many cells
 * do not fit; INT64_MAX when those are not fewer than the ones that do. */
static int64_t join_patterns(const struct pl_csv_dialect *dialect,
                             const struct pl_csv_sample *sample, int64_t column, int64_t first,
                             bool day_first, char pattern[PL_TIME_PATTERN_SIZE])
{
    int64_t good = 0, bad = 0;
    pattern[0] = '\0';
    for (int64_t row = first; row < sample->rows; row++) {
        const struct pl_csv_cell *cell = &sample->cells[row * sample->columns + column];
        char own[PL_TIME_PATTERN_SIZE];
        if (pl_csv_is_missing(dialect, cell)) {
            continue;
        }
        bool fits = pl_time_pattern_guess(cell->text, cell->size, day_first, own);
        if (fits && pattern[0] == '\0') {
            memcpy(pattern, own, sizeof own);
        } else if (fits) {
            fits = pl_time_pattern_join(pattern, own);
        }
        good += fits;
        bad += !fits;
        if (bad > good + SAMPLE_ROWS_LEAST) { /* text, in all likelihood */
            break;
        }
    }
    return bad < good ? bad : INT64_MAX;
}

/* Times in the order of rows, as a series has them; cells that do not fit are let be. */
static bool ascending(const struct pl_csv_dialect *dialect, const struct pl_csv_sample *sample,
                      int64_t column, int64_t first, const char *pattern)
{
    int64_t before = INT64_MIN, time;
    int zone;
    for (int64_t row = first; row < sample->rows; row++) {
        const struct pl_csv_cell *cell = &sample->cells[row * sample->columns + column];
        if (pl_csv_is_missing(dialect, cell) ||
            !pl_time_pattern_parse(pattern, cell->text, cell->size, &time, &zone)) {
            continue;
        }
        if (time < before) {
            return false;
        }
        before = time;
    }
    return true;
}

bool pl_csv_guess_time(const struct pl_csv_dialect *dialect, const struct pl_csv_sample *sample,
                       int64_t column, int64_t first, char pattern[PL_TIME_PATTERN_SIZE],
                       bool *ambiguous)
{
    char other[PL_TIME_PATTERN_SIZE];
    int64_t day_first = join_patterns(dialect, sample, column, first, true, pattern);
    int64_t month_first = join_patterns(dialect, sample, column, first, false, other);
    *ambiguous = false;
    bool day_better = day_first <= month_first;
    if (day_first == month_first && day_first < INT64_MAX && strcmp(pattern, other) != 0) {
        bool day_ascends = ascending(dialect, sample, column, first, pattern);
        bool month_ascends = ascending(dialect, sample, column, first, other);
        *ambiguous = day_ascends == month_ascends;
        day_better = day_ascends || !month_ascends;
    }
    if (!day_better) {
        memcpy(pattern, other, sizeof other);
    }
    return day_first < INT64_MAX || month_first < INT64_MAX;
}
