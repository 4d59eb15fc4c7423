/* A table of text for people.
 * SPDX-License-Identifier: MIT */
#include "base/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Places that UTF-8 text takes: its bytes without the continuation bytes. */
static size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void pl_text_defuse(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
        else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
            p[0] = p[1] = '?';
    }
}

void pl_table_cell(struct pl_context *context, struct pl_table *table, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    size_t size = (size_t)(length > 0 ? length : 0) + 1;
    if (table->status == PL_OK)
        table->status = pl_buffer_reserve(context, &table->cells, size);
    if (table->status != PL_OK)
        return;
    char *cell = table->cells.data + table->cells.size;
    va_start(arguments, format);
    vsnprintf(cell, size, format, arguments);
    va_end(arguments);
    table->cells.size += size;
    pl_text_defuse(cell);
    size_t column = table->count++ % strlen(table->align), width = text_width(cell);
    if (table->widths[column] < width)
        table->widths[column] = width;
}

enum pl_status pl_table_write(struct pl_context *context, const struct pl_table *table,
                              struct pl_buffer *out)
{
    enum pl_status status = table->status;
    size_t columns = strlen(table->align), blanks = 0;
    const char *cell = table->cells.data;
    for (size_t i = 0; i < table->count && status == PL_OK; i++, cell += strlen(cell) + 1) {
        size_t column = i % columns, rest = table->widths[column] - text_width(cell);
        bool right = table->align[column] == 'r';
        blanks += (column ? 2 : 0) + (right ? rest : 0);
        if (*cell) {
            status = pl_buffer_printf(context, out, "%*s%s", (int)blanks, "", cell);
            blanks = 0;
        }
        blanks += right ? 0 : rest;
        if (status == PL_OK && (column + 1 == columns || i + 1 == table->count)) {
            status = pl_buffer_text(context, out, "\n");
            blanks = 0;
        }
    }
    return status;
}

void pl_table_release(struct pl_table *table)
{
    const char *align = table->align;
    pl_buffer_release(&table->cells);
    *table = (struct pl_table){.align = align};
}
