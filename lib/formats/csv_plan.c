/* The plan of a table: what each column is, decided from the first rows.
 * SPDX-License-Identifier: MIT
 *
 * A column holds text only if none of the cells looked at is a number.  So a number column with a
 * junk cell far below stays a number column, and the cell is an error that can be named. */
#include "formats/csv_maker.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

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
    for (const char *end = word + strlen(word); word <= end; word += strcspn(word, ",") + 1) {
        size_t size = strcspn(word, ",");
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
    dialect->comment_size = strcmp(dialect->comment, "none") ? strlen(dialect->comment) : 0;
    enum pl_status status =
        import->missing ? set_missing(context, dialect, import->missing, arena) : PL_OK;
    return status ? status : set_delimiter(context, dialect, import->delimiter, text, end);
}

/* ---- Names ------------------------------------------------------------------------------- */

/* Writes the name of a column into `out`: its header cell, or column_N. */
static enum pl_status name_column(struct pl_context *context, const struct pl_csv_maker *maker,
                                  int64_t column, struct pl_buffer *out, int64_t *replaced)
{
    const struct pl_csv_cell *cell = &maker->sample.cells[column];
    out->size = 0;
    if (maker->first > 0 && cell->size > 0) {
        return pl_csv_text(context, cell, out, replaced);
    }
    return pl_buffer_printf(context, out, "column_%lld", (long long)column + 1);
}

/* Names that are taken, and for each the number to try next behind it. */
struct taken {
    struct pl_levels names;
    int32_t *next; /* [columns] */
};

/* Puts _2, _3, ... behind a name that is taken until it is free, and takes it. */
static enum pl_status take_name(struct pl_context *context, struct taken *taken,
                                struct pl_buffer *name, bool *changed)
{
    size_t size = name->size;
    int32_t base, code, before = taken->names.count;
    enum pl_status status = pl_levels_code(context, &taken->names, name->data, name->size, &base);
    *changed = !status && base < before;
    for (code = base; !status && code < before;) {
        name->size = size;
        status = pl_buffer_printf(context, name, "_%d", 2 + taken->next[base]++);
        if (!status) {
            status = pl_levels_code(context, &taken->names, name->data, name->size, &code);
        }
    }
    return status;
}

static enum pl_status set_names(struct pl_context *context, struct pl_csv_maker *maker)
{
    struct pl_csv_plan *plan = maker->plan;
    struct taken taken = {.next = pl_new(context, (size_t)plan->count, sizeof(int32_t))};
    struct pl_buffer name = {0};
    int64_t twice = -1;
    enum pl_status status = taken.next ? PL_OK : context->status;
    for (int64_t i = 0; i < plan->count && !status; i++) {
        bool changed = false;
        status = name_column(context, maker, i, &name, &plan->replaced);
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
    pl_levels_release(&taken.names);
    free(taken.next);
    pl_buffer_release(&name);
    return status;
}

static enum pl_status set_header(struct pl_context *context, struct pl_csv_maker *maker)
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
static void look_further(struct pl_csv_maker *maker)
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

static void set_kinds(struct pl_csv_maker *maker)
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

static enum pl_status make(struct pl_context *context, struct pl_csv_maker *maker)
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
        status = pl_csv_set_roles(context, maker);
    }
    return status;
}

/* Spreadsheets may name the delimiter on a line of its own in front, as in "sep=;".  The length of
 * such a line, 0 where there is none. */
static size_t delimiter_line(const char *text, const char *end, char delimiter[2])
{
    static const char key[] = "sep=";
    const char *at = text + sizeof key - 1;
    if (end - text < (ptrdiff_t)sizeof key + 1 || memcmp(text, key, sizeof key - 1) != 0 ||
        !memchr(PL_CSV_DELIMITERS, *at, sizeof PL_CSV_DELIMITERS - 1)) {
        return 0;
    }
    delimiter[0] = *at++;
    at += *at == '\r' && at + 1 < end;
    return *at == '\n' ? (size_t)(at + 1 - text) : 0;
}

enum pl_status pl_csv_plan_init(struct pl_context *context, struct pl_csv_plan *plan,
                                const struct pl_import *import, const char *name, const char *text,
                                size_t size)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    bool marked = size >= 3 && memcmp(text, byte_order_mark, 3) == 0;
    *plan = (struct pl_csv_plan){0};
    struct pl_import found = *import;
    struct pl_csv_maker maker = {.plan = plan, .import = &found, .name = name};
    maker.text = text + (marked ? 3 : 0);
    maker.end = text + size;
    char delimiter[2] = "";
    size_t skipped = delimiter_line(maker.text, maker.end, delimiter);
    if (skipped > 0 && (!import->delimiter || strcmp(import->delimiter, "auto") == 0)) {
        found.delimiter = delimiter;
    }
    maker.text += skipped;
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
