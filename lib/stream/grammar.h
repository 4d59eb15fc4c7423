/* The grammar of a header's mapping.
 * SPDX-License-Identifier: MIT
 *
 * A header is YAML so that people and other programs can read it, but it is not read as YAML: a
 * general parser is a large thing to stand at the door of hostile files.  The grammar is the least
 * that does the job: one flat mapping of keys to integers, `~`, lists of these, plain words and
 * quoted strings.  One pass over the text, no allocation, no recursion. */
#ifndef PL_STREAM_GRAMMAR_H
#define PL_STREAM_GRAMMAR_H

#include "stream/header.h"

#define PL_KEY_MAX 32 /* bytes of a key */

enum pl_value_type { PL_VALUE_INTEGER, PL_VALUE_UNKNOWN, PL_VALUE_LIST, PL_VALUE_WORD };

struct pl_value {
    enum pl_value_type type;
    int64_t integer;
    int64_t items[PL_MAX_RANK]; /* of a list; -1: ~ */
    int count;
    char text[PL_HEADER_MAX]; /* of a word, plain or quoted: NUL-terminated; else empty */
    size_t size;
};

/* A header being parsed, up to the end of its mapping and padding. */
struct pl_cursor {
    struct pl_context *context;
    const char *text, *at, *end;
};

/* The failure "header byte N: expected WHAT" at the cursor. */
enum pl_status pl_expected(struct pl_cursor *cursor, const char *what);

/* Steps over the token if it stands at the cursor. */
bool pl_cursor_take(struct pl_cursor *cursor, const char *token);

/* Parses `key: `; key is NUL-terminated. */
enum pl_status pl_key_parse(struct pl_cursor *cursor, char key[PL_KEY_MAX + 1]) PL_MUST_CHECK;
enum pl_status pl_value_parse(struct pl_cursor *cursor, struct pl_value *value) PL_MUST_CHECK;

/* Whether the text can stand without quotes. */
bool pl_is_plain_word(const char *text);

/* UTF-8 without control characters (C0, DEL and C1). */
bool pl_is_printable(const char *text, size_t size);

#endif
