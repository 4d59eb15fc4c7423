/* A table of text for people: columns as wide as their widest cell.
 * SPDX-License-Identifier: MIT
 *
 *     struct pl_table table = {.align = "lr"};
 *     pl_table_cell(context, &table, "NAME");
 *     pl_table_cell(context, &table, "%d", rows);
 *     ...
 *     status = pl_table_write(context, &table, &out);
 *     pl_table_release(&table);
 *
 * Cells come row by row.  Two blanks stand between columns and none at the end of a line.  Control
 * bytes become '?', so that a name from a hostile file cannot drive the terminal. */
#ifndef PL_BASE_TABLE_H
#define PL_BASE_TABLE_H

#include "base/buffer.h"

#define PL_TABLE_COLUMNS 16

struct pl_table {
    const char *align;      /* one letter a column: 'l' left, 'r' right; at most 16 */
    struct pl_buffer cells; /* each ended by a NUL */
    size_t count;           /* of cells */
    size_t widths[PL_TABLE_COLUMNS];
    enum pl_status status;
};

/* Replaces what a terminal would obey by '?': C0 controls, DEL, and C1 (U+0080 to U+009F). */
void pl_text_defuse(char *text);

/* A failure (memory) stays in the table and is returned by pl_table_write. */
void pl_table_cell(struct pl_context *context, struct pl_table *table, const char *format, ...)
    PL_PRINTF(3, 4);
/* Appends the lines; an unfinished last row ends where its cells end.  PL_OK or PL_SYSTEM. */
enum pl_status pl_table_write(struct pl_context *context, const struct pl_table *table,
                              struct pl_buffer *out) PL_MUST_CHECK;
void pl_table_release(struct pl_table *table);

#endif
