/* The sheet that a segment becomes as CSV.
 * SPDX-License-Identifier: MIT
 *
 * Inner header.  sheet.c gathers a segment's tensors and decides the columns; sheet_write.c prints
 * rows of them. */
#ifndef PL_FORMATS_SHEET_H
#define PL_FORMATS_SHEET_H

#include "formats/export.h"
#include "formats/sink.h"
#include "formats/time_pattern.h"

/* A tensor whose rows become rows of the sheet, or which holds the words of one. */
struct pl_sheet_tensor {
    char *name;
    enum pl_dtype dtype;
    int64_t width;             /* elements of a row */
    bool chunked, live;        /* live: its number of rows is not known yet */
    bool skipped;              /* not asked for: only its name is known */
    bool printed;              /* of it rows were printed just now */
    struct pl_tensor solid;    /* when not chunked */
    struct pl_buffer gathered; /* rows from chunks that are not printed yet */
    const char *rows;          /* those at hand */
    int64_t count;
    int rank;
};

struct pl_sheet_words {
    size_t *starts; /* of each word in the tensor's bytes */
    int64_t count, room;
    size_t parsed; /* bytes looked at */
};

enum pl_sheet_kind { PL_SHEET_NUMBER, PL_SHEET_TIME, PL_SHEET_TEXT };

struct pl_sheet_column {
    enum pl_sheet_kind kind;
    char *name;
    size_t tensor;   /* index of the tensor that holds it */
    int64_t element; /* number: its place in the tensor's rows */
    char pattern[PL_TIME_PATTERN_SIZE];
    size_t levels; /* text: index of the tensor of words */
    struct pl_sheet_words words;
};

struct pl_sheet {
    const struct pl_export *export;
    const char *source; /* name of the input, for messages */
    struct pl_sink *sink;
    char delimiter;
    struct pl_sheet_tensor *tensors;
    size_t tensor_count, tensor_room;
    struct pl_meta series; /* `meta: series` */
    bool is_series;        /* by its kind */
    bool begun;            /* the columns are decided */
    struct pl_sheet_column *columns;
    size_t column_count, column_room;
    int zone_minutes;
    int64_t printed;         /* rows so far */
    struct pl_buffer header; /* the line of names, printed once for all segments */
};

/* sheet_columns.c: decides the columns from the tensors that are known. */
enum pl_status pl_sheet_begin(struct pl_context *context, struct pl_sheet *sheet) PL_MUST_CHECK;

/* Index of a tensor; tensor_count: none. */
size_t pl_sheet_find(const struct pl_sheet *sheet, const char *name);

/* True for a name that the export asks for. */
bool pl_sheet_wants(const struct pl_sheet *sheet, const char *name);

/* sheet_write.c */
/* PL_BAD_DATA when an earlier segment had other columns. */
enum pl_status pl_sheet_write_header(struct pl_context *context,
                                     struct pl_sheet *sheet) PL_MUST_CHECK;
/* Prints the first `count` rows at hand. */
enum pl_status pl_sheet_write_rows(struct pl_context *context, struct pl_sheet *sheet,
                                   int64_t count) PL_MUST_CHECK;

#endif
