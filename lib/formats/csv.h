/* Delimited text as a series: the parts of its reader.
 * SPDX-License-Identifier: MIT
 *
 * Inner header.  Reading goes in four steps, a file each: csv_scan.c cuts text into records and
 * cells; csv_plan.c looks at the first rows and decides what each column is; csv_parse.c turns a
 * stretch of text into numbers by that plan; csv_file.c (all blocks of a file, in parallel) and
 * csv_live.c (a pipe, as rows come) write the tensors. */
#ifndef PL_FORMATS_CSV_H
#define PL_FORMATS_CSV_H

#include "base/memory.h"
#include "formats/bytes.h"
#include "formats/input.h"
#include "formats/levels.h"
#include "formats/time_pattern.h"

/* A word that stands for a missing cell; a number matches by value. */
struct pl_csv_word {
    const char *text;
    size_t size;
    bool is_number;
    double number;
};

struct pl_csv_dialect {
    char delimiter; /* ' ': any run of blanks */
    char point;     /* of decimal fractions */
    const char *comment;
    size_t comment_size; /* 0: there are no comments */
    struct pl_csv_word *missing;
    size_t missing_count;
    bool missing_numbers; /* some of them are numbers */
};

struct pl_csv_cell {
    const char *text; /* without quotes and the blanks around */
    size_t size;
    bool quoted;
    bool doubled; /* holds doubled quotes still */
};

/* csv_scan.c */

/* The first byte of the record at or after `at`: past comments and, unless a blank line is a
 * record (in a table of one column), blank lines; end when there is none. */
const char *pl_csv_record(const struct pl_csv_dialect *dialect, const char *at, const char *end,
                          bool blank_is_record);

/* Reads the cell at *at and moves there behind it: to a delimiter, a line's end, or end.  False at
 * a quote that does not close or has text behind it; *at then points to the fault. */
bool pl_csv_cell(const struct pl_csv_dialect *dialect, const char **at, const char *end,
                 struct pl_csv_cell *cell);

/* Moves over a delimiter; false (and over nothing) at a line's end. */
bool pl_csv_more(const struct pl_csv_dialect *dialect, const char **at, const char *end);

/* Where the line that holds `at` ends, and the next begins. */
const char *pl_csv_next_line(const char *at, const char *end);

/* The first start of a record at or after target, given the start of one, `at`; NULL when no line
 * ends there. */
const char *pl_csv_cut(const struct pl_csv_dialect *dialect, const char *at, const char *target,
                       const char *end);

/* The end of the last complete record of text that starts with one; `at` when there is none. */
const char *pl_csv_complete(const struct pl_csv_dialect *dialect, const char *at, const char *end);

/* The end of the last record in which anything stands; *dropped counts the empty ones behind. */
const char *pl_csv_trim(const struct pl_csv_dialect *dialect, const char *at, const char *end,
                        int64_t *dropped);

bool pl_csv_is_missing(const struct pl_csv_dialect *dialect, const struct pl_csv_cell *cell);
bool pl_csv_number(const struct pl_csv_dialect *dialect, const struct pl_csv_cell *cell,
                   double *out);

/* Appends a cell's own text: doubled quotes made single; bytes that are not UTF-8, and NUL,
 * become U+FFFD, which *replaced counts. */
enum pl_status pl_csv_text(struct pl_context *context, const struct pl_csv_cell *cell,
                           struct pl_buffer *out, int64_t *replaced) PL_MUST_CHECK;

/* A cell for a message: cut short. */
#define PL_CSV_SHOWN_SIZE 48
const char *pl_csv_show(const struct pl_csv_cell *cell, char out[PL_CSV_SHOWN_SIZE]);

/* csv_plan.c */

enum pl_csv_kind {
    PL_CSV_NUMBER,
    PL_CSV_TEXT,
    PL_CSV_ID,    /* text that tells series apart */
    PL_CSV_TIME,  /* the time, or its date */
    PL_CSV_CLOCK, /* the time of day, where it has a column of its own */
    PL_CSV_EMPTY, /* without a name, at the end: nothing may stand there */
    PL_CSV_SKIP   /* not asked for */
};

struct pl_csv_column {
    const char *name;
    enum pl_csv_kind kind;
    bool decided; /* its kind: some cell was not missing */
};

/* A text column, or the id. */
struct pl_csv_text_column {
    int64_t column;
    const char *tensor; /* its name in the stream */
};

struct pl_csv_plan {
    struct pl_csv_dialect dialect;
    struct pl_csv_column *columns;
    int64_t count;
    int64_t value_count; /* columns of numbers */
    struct pl_csv_text_column *texts;
    int64_t text_count;
    int64_t time, clock, id; /* columns; -1: none */
    char time_pattern[PL_TIME_PATTERN_SIZE], clock_pattern[PL_TIME_PATTERN_SIZE];
    bool zoned; /* stamps have an offset from UTC */
    int zone_minutes;
    int64_t replaced; /* bytes in names that were not UTF-8 */
    const char *body; /* the first record of data, in the text that the plan was made from */
    struct pl_arena arena;
};

/* The dialect that the import asks for; text helps to guess what it leaves open. */
enum pl_status pl_csv_dialect_init(struct pl_context *context, struct pl_csv_dialect *dialect,
                                   const struct pl_import *import, const char *text,
                                   const char *end, struct pl_arena *arena) PL_MUST_CHECK;

/* Makes the plan for text, which is the whole of the input or its beginning.  Failures carry the
 * input's name. */
enum pl_status pl_csv_plan_init(struct pl_context *context, struct pl_csv_plan *plan,
                                const struct pl_import *import, const char *name, const char *text,
                                size_t size) PL_MUST_CHECK;
void pl_csv_plan_release(struct pl_csv_plan *plan);

/* csv_guess.c: what a sample of cells looks like; all in [rows][columns] order */

struct pl_csv_sample {
    struct pl_csv_cell *cells;
    int64_t rows, columns;
    const char *second; /* the start of the second record; end when there is none */
};

/* Reads up to 1000 records (fewer of many columns) from text; stops at a record that has not as
 * many cells as the first. */
enum pl_status pl_csv_sample_init(struct pl_context *context, struct pl_csv_sample *sample,
                                  const struct pl_csv_dialect *dialect, const char *text,
                                  const char *end) PL_MUST_CHECK;
void pl_csv_sample_release(struct pl_csv_sample *sample);

/* The delimiters that are looked for; a blank comes last, where none of them fits. */
#define PL_CSV_DELIMITERS ",;\t|"

char pl_csv_guess_delimiter(const struct pl_csv_dialect *dialect, const char *text,
                            const char *end);
bool pl_csv_guess_header(const struct pl_csv_dialect *dialect, const struct pl_csv_sample *sample);

/* The pattern of a column's cells from row `first` on; false unless most of those that are there
 * have one: the others are errors to be told.  *ambiguous: day and month might be the other way
 * round. */
bool pl_csv_guess_time(const struct pl_csv_dialect *dialect, const struct pl_csv_sample *sample,
                       int64_t column, int64_t first, char pattern[PL_TIME_PATTERN_SIZE],
                       bool *ambiguous);

/* csv_parse.c */

struct pl_csv_rows {
    int64_t count;
    double *values;           /* [most, value_count] */
    int64_t *time;            /* [most] */
    int32_t *codes;           /* [most, text_count], into levels */
    struct pl_levels *levels; /* [text_count] */
    int64_t replaced;         /* bytes that were not UTF-8 */
    const char *fault;        /* where parsing failed */
};

/* The most rows that text can hold. */
int64_t pl_csv_rows_most(const struct pl_csv_plan *plan, const char *at, const char *end);

/* Parses whole records into rows, whose three arrays the caller made for as many rows as there can
 * be; the rest is zero.  On PL_BAD_DATA rows->fault points into the text, and the message starts
 * with the column: the caller adds the line. */
enum pl_status pl_csv_parse(struct pl_context *context, const struct pl_csv_plan *plan,
                            const char *at, const char *end,
                            struct pl_csv_rows *rows) PL_MUST_CHECK;

/* Frees what parsing made, not the arrays. */
void pl_csv_rows_release(const struct pl_csv_plan *plan, struct pl_csv_rows *rows);

/* csv.c: what both ways of writing share */

/* `meta: stream`, `meta: series` and `series.names`. */
enum pl_status pl_csv_write_head(struct pl_context *context, const struct pl_csv_plan *plan,
                                 struct pl_writer *writer) PL_MUST_CHECK;

/* Warns, once, about what was left out (empty columns and records at the end) or replaced (bytes
 * that are not UTF-8, besides those in names). */
void pl_csv_note(struct pl_context *context, const struct pl_csv_plan *plan, const char *name,
                 int64_t dropped, int64_t replaced);

/* Lines that text begins. */
int64_t pl_csv_lines(const char *text, const char *end);

/* Adds "NAME:LINE" to a failure of parsing; text began on line `line`. */
enum pl_status pl_csv_place(struct pl_context *context, const char *name, const char *text,
                            int64_t line, const struct pl_csv_rows *rows);

/* The codes of a text column of rows, translated from the rows' own levels into `levels`, which
 * takes up new words in order. */
enum pl_status pl_csv_translate(struct pl_context *context, const struct pl_csv_plan *plan,
                                const struct pl_csv_rows *rows, int64_t text,
                                struct pl_levels *levels, int32_t *codes) PL_MUST_CHECK;

/* values as the stream carries them: f64, or f32 where the import asks for it. */
enum pl_status pl_csv_dtype(struct pl_context *context, const struct pl_import *import,
                            enum pl_dtype *dtype) PL_MUST_CHECK;

enum pl_status pl_csv_import_file(struct pl_context *context, const struct pl_import *import,
                                  struct pl_bytes *bytes, struct pl_writer *writer) PL_MUST_CHECK;
enum pl_status pl_csv_import_live(struct pl_context *context, const struct pl_import *import,
                                  struct pl_bytes *bytes, struct pl_writer *writer) PL_MUST_CHECK;

#endif
