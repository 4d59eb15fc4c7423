/* Delimited text: from bytes to records and cells.
 * SPDX-License-Identifier: MIT
 *
 * RFC 4180 and what people do beside it.  A quote opens a quoted cell only at a cell's start
 * (blanks before it are let be); in it, two quotes stand for one and line ends are text.  A quote
 * elsewhere is a byte like any other.  So whether a line end ends a record can only be told from
 * the record's start: pl_csv_cut walks from quote to quote, and at memchr's speed between them. */
#include "formats/csv.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "base/text.h"

static inline bool is_blank(const struct pl_csv_dialect *dialect, char byte)
{
    return byte == ' ' || (byte == '\t' && dialect->delimiter != '\t');
}

static inline const char *skip_blanks(const struct pl_csv_dialect *dialect, const char *at,
                                      const char *end)
{
    while (at < end && is_blank(dialect, *at)) {
        at++;
    }
    return at;
}

/* LF, CR LF, CR at the very end, or the end itself. */
static inline bool at_line_end(const char *at, const char *end)
{
    return at == end || *at == '\n' || (*at == '\r' && (at + 1 == end || at[1] == '\n'));
}

const char *pl_csv_next_line(const char *at, const char *end)
{
    const char *line_end = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    return line_end ? line_end + 1 : end;
}

static bool is_comment(const struct pl_csv_dialect *dialect, const char *at, const char *end)
{
    return dialect->comment_size > 0 && (size_t)(end - at) >= dialect->comment_size &&
           memcmp(at, dialect->comment, dialect->comment_size) == 0;
}

const char *pl_csv_record(const struct pl_csv_dialect *dialect, const char *at, const char *end,
                          bool blank_is_record)
{
    while (at < end) {
        bool blank = !blank_is_record && at_line_end(skip_blanks(dialect, at, end), end);
        if (!blank && !is_comment(dialect, at, end)) {
            break;
        }
        at = pl_csv_next_line(at, end);
    }
    return at;
}

/* The closing quote of a cell whose text starts at `at`; NULL when there is none. */
static const char *closing_quote(const char *at, const char *end, bool *doubled)
{
    while (at < end && (at = memchr(at, '"', (size_t)(end - at))) != NULL) {
        if (at + 1 == end || at[1] != '"') {
            return at;
        }
        *doubled = true;
        at += 2;
    }
    return NULL;
}

static bool quoted_cell(const struct pl_csv_dialect *dialect, const char **at, const char *end,
                        struct pl_csv_cell *cell)
{
    cell->text = *at + 1;
    cell->quoted = true;
    const char *close = closing_quote(cell->text, end, &cell->doubled);
    if (!close) {
        return false;
    }
    cell->size = (size_t)(close - cell->text);
    *at = skip_blanks(dialect, close + 1, end);
    return at_line_end(*at, end) || **at == dialect->delimiter || dialect->delimiter == ' ';
}

bool pl_csv_cell(const struct pl_csv_dialect *dialect, const char **at, const char *end,
                 struct pl_csv_cell *cell)
{
    const char *start = skip_blanks(dialect, *at, end), *stop = start;
    *cell = (struct pl_csv_cell){0};
    if (start < end && *start == '"') {
        *at = start;
        return quoted_cell(dialect, at, end, cell);
    }
    while (stop < end && *stop != dialect->delimiter && *stop != '\n' &&
           (dialect->delimiter != ' ' || *stop != '\t')) {
        stop++;
    }
    *at = stop;
    if (stop > start && stop[-1] == '\r' && at_line_end(stop - 1, end)) {
        *at = --stop;
    }
    while (stop > start && is_blank(dialect, stop[-1])) {
        stop--;
    }
    cell->text = start;
    cell->size = (size_t)(stop - start);
    return true;
}

bool pl_csv_more(const struct pl_csv_dialect *dialect, const char **at, const char *end)
{
    if (dialect->delimiter == ' ') {
        *at = skip_blanks(dialect, *at, end);
        return !at_line_end(*at, end);
    }
    if (*at < end && **at == dialect->delimiter) {
        (*at)++;
        return true;
    }
    return false;
}

/* True when the quote opens a cell: nothing but blanks between it and a cell's or line's start. */
static bool opens_cell(const struct pl_csv_dialect *dialect, const char *from, const char *quote)
{
    const char *start = quote;
    while (start > from && is_blank(dialect, start[-1])) {
        start--;
    }
    return start == from || start[-1] == '\n' || start[-1] == dialect->delimiter ||
           (dialect->delimiter == ' ' && start < quote);
}

const char *pl_csv_cut(const struct pl_csv_dialect *dialect, const char *at, const char *target,
                       const char *end)
{
    const char *line = at;     /* start of the line that holds `at` */
    const char *stop = target; /* the line's end where we would cut */
    stop = stop > at ? stop - 1 : at;
    bool found = false;
    for (;;) {
        if (!found || stop < at) {
            stop = stop < at ? at : stop;
            const char *line_end = stop < end ? memchr(stop, '\n', (size_t)(end - stop)) : NULL;
            found = line_end != NULL;
            stop = found ? line_end : end;
        }
        const char *quote = at < stop ? memchr(at, '"', (size_t)(stop - at)) : NULL;
        if (!quote) {
            return found ? stop + 1 : NULL;
        }
        const char *before = memrchr(at, '\n', (size_t)(quote - at));
        line = before ? before + 1 : line;
        if (is_comment(dialect, line, end)) {
            at = line = pl_csv_next_line(quote, end);
        } else if (opens_cell(dialect, line, quote)) {
            bool doubled = false;
            const char *close = closing_quote(quote + 1, end, &doubled);
            if (!close) {
                return NULL;
            }
            at = close + 1;
        } else {
            at = quote + 1;
        }
    }
}

const char *pl_csv_complete(const struct pl_csv_dialect *dialect, const char *at, const char *end)
{
    if (!memchr(at, '"', (size_t)(end - at))) {
        const char *last = memrchr(at, '\n', (size_t)(end - at));
        return last ? last + 1 : at;
    }
    for (const char *next; at < end && (next = pl_csv_cut(dialect, at, at + 1, end));) {
        at = next;
    }
    return at;
}

const char *pl_csv_trim(const struct pl_csv_dialect *dialect, const char *at, const char *end,
                        int64_t *dropped)
{
    const char *last = end; /* behind the last byte that is not part of an empty record */
    while (last > at && (last[-1] == '\n' || last[-1] == '\r' || last[-1] == ' ' ||
                         last[-1] == '\t' || last[-1] == dialect->delimiter)) {
        last--;
    }
    last = last > at ? pl_csv_next_line(last, end) : at;
    *dropped = 0;
    for (const char *line = last, *next; line < end; line = next) {
        next = pl_csv_next_line(line, end);
        *dropped += memchr(line, dialect->delimiter, (size_t)(next - line)) != NULL;
    }
    return last;
}

static bool same_word(const struct pl_csv_cell *cell, const char *word)
{
    return strncasecmp(cell->text, word, cell->size) == 0 && word[cell->size] == '\0';
}

bool pl_csv_is_missing(const struct pl_csv_dialect *dialect, const struct pl_csv_cell *cell)
{
    static const char *const words[] = {"na", "nan", "n/a", "#n/a", "<na>", "null"};
    enum { LONGEST = 4 };
    if (cell->size == 0) {
        return true;
    }
    for (size_t i = 0; cell->size <= LONGEST && i < sizeof words / sizeof *words; i++) {
        if (same_word(cell, words[i])) {
            return true;
        }
    }
    double number;
    for (size_t i = 0; i < dialect->missing_count; i++) {
        const struct pl_csv_word *word = &dialect->missing[i];
        if ((word->size == cell->size && memcmp(word->text, cell->text, cell->size) == 0) ||
            (word->is_number && pl_csv_number(dialect, cell, &number) && number == word->number)) {
            return true;
        }
    }
    return false;
}

bool pl_csv_number(const struct pl_csv_dialect *dialect, const struct pl_csv_cell *cell,
                   double *out)
{
    if (pl_scan_double(cell->text, cell->size, dialect->point, out) == cell->size) {
        return cell->size > 0;
    }
    char last = cell->size ? (char)(cell->text[cell->size - 1] | 0x20) : '\0';
    return (last == 'f' || last == 'y') && pl_parse_double(cell->text, cell->size, out);
}

static enum pl_status append_valid(struct pl_context *context, const char *text, size_t size,
                                   struct pl_buffer *out, int64_t *replaced)
{
    static const char replacement[] = "\xef\xbf\xbd";
    enum pl_status status = PL_OK;
    while (size > 0 && !status) {
        size_t valid = pl_utf8_valid(text, size);
        const char *nul = memchr(text, '\0', valid);
        valid = nul ? (size_t)(nul - text) : valid;
        status = pl_buffer_append(context, out, text, valid);
        if (!status && valid < size) {
            status = pl_buffer_text(context, out, replacement);
            ++*replaced;
            valid++;
        }
        text += valid;
        size -= valid;
    }
    return status;
}

enum pl_status pl_csv_text(struct pl_context *context, const struct pl_csv_cell *cell,
                           struct pl_buffer *out, int64_t *replaced)
{
    const char *at = cell->text, *end = at + cell->size;
    enum pl_status status = pl_buffer_reserve(context, out, cell->size);
    while (at < end && !status) {
        const char *quote = cell->doubled ? memchr(at, '"', (size_t)(end - at)) : NULL;
        const char *stop = quote ? quote + 1 : end;
        status = append_valid(context, at, (size_t)(stop - at), out, replaced);
        at = quote ? quote + 2 : end;
    }
    return status;
}

const char *pl_csv_show(const struct pl_csv_cell *cell, char out[PL_CSV_SHOWN_SIZE])
{
    bool cut = cell->size >= PL_CSV_SHOWN_SIZE;
    int size = cut ? PL_CSV_SHOWN_SIZE - (int)sizeof "..." : (int)cell->size;
    snprintf(out, PL_CSV_SHOWN_SIZE, "%.*s%s", size, cell->text, cut ? "..." : "");
    return out;
}
