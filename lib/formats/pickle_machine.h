/* The machine that reads pickles: what the files pickle*.c share.
 * SPDX-License-Identifier: MIT
 *
 * It has a stack of values, marks on it, and a memo of values to be used again.  Memory is bounded
 * by the size of the pickle: every operation takes at least one byte and makes at most two values,
 * what calls copy out of values that are there already is counted, and the memo has no larger
 * numbers than there were bytes.  Where a value goes in, NULL is a failure that went before. */
#ifndef PL_FORMATS_PICKLE_MACHINE_H
#define PL_FORMATS_PICKLE_MACHINE_H

#include "formats/pickle.h"

struct pl_pickle_machine {
    struct pl_context *context;
    struct pl_arena *arena;
    const char *name;
    const uint8_t *start, *at, *end;
    struct pl_pickle_value **stack;
    size_t depth, room;
    size_t *marks;
    size_t mark_count, mark_room;
    struct pl_pickle_value **memo;
    size_t memo_count; /* room of the memo; most of it may be NULL */
    size_t memo_next;  /* the next number that MEMOIZE gives */
    size_t copied;     /* items that calls have copied so far */
    bool stopped;
};

/* PL_BAD_DATA "NAME: damaged pickle: WHAT". */
enum pl_status pl_pickle_fail(const struct pl_pickle_machine *m, const char *what);

/* ---- Bytes: PL_INCOMPLETE when there are fewer */

enum pl_status pl_pickle_take(struct pl_pickle_machine *m, uint64_t size,
                              const uint8_t **bytes) PL_MUST_CHECK;
/* A number of up to 8 bytes, little-endian. */
enum pl_status pl_pickle_take_number(struct pl_pickle_machine *m, int size,
                                     uint64_t *number) PL_MUST_CHECK;
/* Up to the end of a line, which is taken too. */
enum pl_status pl_pickle_take_line(struct pl_pickle_machine *m, const uint8_t **line,
                                   size_t *size) PL_MUST_CHECK;

/* ---- Values, which live in the arena */

struct pl_pickle_value *pl_pickle_new(struct pl_pickle_machine *m, enum pl_pickle_kind kind);
/* With a copy of the text. */
struct pl_pickle_value *pl_pickle_new_text(struct pl_pickle_machine *m, enum pl_pickle_kind kind,
                                           const void *text, size_t size);
enum pl_status pl_pickle_append(struct pl_pickle_machine *m, struct pl_pickle_value *container,
                                struct pl_pickle_value *const *items, size_t count) PL_MUST_CHECK;

/* ---- Stack and memo */

enum pl_status pl_pickle_push(struct pl_pickle_machine *m,
                              struct pl_pickle_value *value) PL_MUST_CHECK;
enum pl_status pl_pickle_pop(struct pl_pickle_machine *m,
                             struct pl_pickle_value **value) PL_MUST_CHECK;
enum pl_status pl_pickle_push_mark(struct pl_pickle_machine *m) PL_MUST_CHECK;
/* Takes what was put on the stack since the last mark: items[0..*count), valid until a push. */
enum pl_status pl_pickle_pop_mark(struct pl_pickle_machine *m, struct pl_pickle_value ***items,
                                  size_t *count) PL_MUST_CHECK;
/* Values below this depth stand behind a mark. */
size_t pl_pickle_bottom(const struct pl_pickle_machine *m);
/* The value on top of the stack as number `index` of the memo. */
enum pl_status pl_pickle_memo_put(struct pl_pickle_machine *m, uint64_t index) PL_MUST_CHECK;
/* Pushes the one whose number of so many bytes comes next. */
enum pl_status pl_pickle_memo_get(struct pl_pickle_machine *m, int size) PL_MUST_CHECK;

/* ---- pickle_calls.c: operations that name or call something */

enum pl_status pl_pickle_push_global(struct pl_pickle_machine *m) PL_MUST_CHECK;
enum pl_status pl_pickle_push_stack_global(struct pl_pickle_machine *m) PL_MUST_CHECK;
enum pl_status pl_pickle_push_storage(struct pl_pickle_machine *m) PL_MUST_CHECK;
enum pl_status pl_pickle_reduce(struct pl_pickle_machine *m) PL_MUST_CHECK;
/* An object's attributes: of what is known here they hold no tensors. */
enum pl_status pl_pickle_build(struct pl_pickle_machine *m) PL_MUST_CHECK;

#endif
