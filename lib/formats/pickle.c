/* Python pickles, read without running anything: the operations.
 * SPDX-License-Identifier: MIT
 *
 * They are those of protocols 2 to 5 that PyTorch writes. */
#include "formats/pickle_machine.h"

#include <stdlib.h>
#include <string.h>

/* ---- Values ------------------------------------------------------------------------------ */

static enum pl_status push_tuple(struct pl_pickle_machine *m, struct pl_pickle_value *const *items,
                                 size_t count)
{
    struct pl_pickle_value *tuple = pl_pickle_new(m, PL_PICKLE_TUPLE);
    if (!tuple || pl_pickle_append(m, tuple, items, count)) {
        return m->context->status;
    }
    return pl_pickle_push(m, tuple);
}

static enum pl_status push_last(struct pl_pickle_machine *m, size_t count)
{
    struct pl_pickle_value *items[3];
    enum pl_status status = PL_OK;
    for (size_t i = count; i > 0 && !status; i--) {
        status = pl_pickle_pop(m, &items[i - 1]);
    }
    return status ? status : push_tuple(m, items, count);
}

static enum pl_status push_integer(struct pl_pickle_machine *m, enum pl_pickle_kind kind,
                                   int64_t integer)
{
    struct pl_pickle_value *value = pl_pickle_new(m, kind);
    if (value) {
        value->integer = integer;
    }
    return pl_pickle_push(m, value);
}

static enum pl_status push_text(struct pl_pickle_machine *m, int length_size)
{
    uint64_t size;
    const uint8_t *text;
    enum pl_status status = pl_pickle_take_number(m, length_size, &size);
    if (!status) {
        status = pl_pickle_take(m, size, &text);
    }
    return status ? status
                  : pl_pickle_push(m, pl_pickle_new_text(m, PL_PICKLE_TEXT, text, (size_t)size));
}

/* A signed number of any length, least byte first. */
static enum pl_status push_long(struct pl_pickle_machine *m, int length_size)
{
    uint64_t size, number;
    const uint8_t *bytes;
    enum pl_status status = pl_pickle_take_number(m, length_size, &size);
    if (!status) {
        status = pl_pickle_take(m, size, &bytes);
    }
    if (status) {
        return status;
    }
    if (size > 8) {
        return pl_pickle_push(m, pl_pickle_new_text(m, PL_PICKLE_LARGE, bytes, (size_t)size));
    }
    number = size > 0 && bytes[size - 1] & 0x80 ? UINT64_MAX : 0;
    for (uint64_t i = size; i > 0; i--) {
        number = number << 8 | bytes[i - 1];
    }
    return push_integer(m, PL_PICKLE_INT, (int64_t)number);
}

static enum pl_status push_real(struct pl_pickle_machine *m)
{
    const uint8_t *bytes;
    uint64_t bits = 0;
    enum pl_status status = pl_pickle_take(m, 8, &bytes);
    if (status) {
        return status;
    }
    for (int i = 0; i < 8; i++) { /* the most significant byte first */
        bits = bits << 8 | bytes[i];
    }
    struct pl_pickle_value *value = pl_pickle_new(m, PL_PICKLE_REAL);
    if (value) {
        memcpy(&value->real, &bits, sizeof bits);
    }
    return pl_pickle_push(m, value);
}

/* ---- Containers -------------------------------------------------------------------------- */

/* Adds items to the container on top of the stack. */
static enum pl_status add_items(struct pl_pickle_machine *m, enum pl_pickle_kind kind,
                                struct pl_pickle_value *const *items, size_t count)
{
    if (m->depth <= pl_pickle_bottom(m) || m->stack[m->depth - 1]->kind != kind) {
        return pl_pickle_fail(m, kind == PL_PICKLE_DICT ? "entries of what is no dictionary"
                                                        : "items of what is no list");
    }
    if (kind == PL_PICKLE_DICT && count % 2 != 0) {
        return pl_pickle_fail(m, "a key without a value");
    }
    return pl_pickle_append(m, m->stack[m->depth - 1], items, count);
}

static enum pl_status add_marked(struct pl_pickle_machine *m, enum pl_pickle_kind kind)
{
    struct pl_pickle_value **items;
    size_t count;
    enum pl_status status = pl_pickle_pop_mark(m, &items, &count);
    return status ? status : add_items(m, kind, items, count);
}

static enum pl_status add_last(struct pl_pickle_machine *m, enum pl_pickle_kind kind, int count)
{
    struct pl_pickle_value *items[2];
    enum pl_status status = PL_OK;
    for (int i = count - 1; i >= 0 && !status; i--) {
        status = pl_pickle_pop(m, &items[i]);
    }
    return status ? status : add_items(m, kind, items, (size_t)count);
}

/* A container of all that stands behind the last mark. */
static enum pl_status push_marked(struct pl_pickle_machine *m, enum pl_pickle_kind kind)
{
    struct pl_pickle_value **items;
    size_t count;
    enum pl_status status = pl_pickle_pop_mark(m, &items, &count);
    struct pl_pickle_value *container = status ? NULL : pl_pickle_new(m, kind);
    if (!container || pl_pickle_append(m, container, items, count)) {
        return m->context->status;
    }
    if (kind == PL_PICKLE_DICT && count % 2 != 0) {
        return pl_pickle_fail(m, "a key without a value");
    }
    return pl_pickle_push(m, container);
}

/* ---- Operations -------------------------------------------------------------------------- */

static enum pl_status skip_number(struct pl_pickle_machine *m, int size)
{
    uint64_t number;
    return pl_pickle_take_number(m, size, &number);
}

static enum pl_status push_number(struct pl_pickle_machine *m, int size)
{
    uint64_t number;
    enum pl_status status = pl_pickle_take_number(m, size, &number);
    if (status) {
        return status;
    }
    return push_integer(m, PL_PICKLE_INT, size == 4 ? (int32_t)(uint32_t)number : (int64_t)number);
}

static enum pl_status put_number(struct pl_pickle_machine *m, int size)
{
    uint64_t index;
    enum pl_status status = pl_pickle_take_number(m, size, &index);
    return status ? status : pl_pickle_memo_put(m, index);
}

static enum pl_status run_operation(struct pl_pickle_machine *m, uint8_t operation)
{
    switch (operation) {
    case 0x80: /* PROTO */
        return skip_number(m, 1);
    case 0x95: /* FRAME */
        return skip_number(m, 8);
    case '(':
        return pl_pickle_push_mark(m);
    case 'N':
        return pl_pickle_push(m, pl_pickle_new(m, PL_PICKLE_NONE));
    case 0x88: /* NEWTRUE, NEWFALSE */
    case 0x89:
        return push_integer(m, PL_PICKLE_BOOL, operation == 0x88);
    case 'K': /* BININT1, BININT2, BININT */
        return push_number(m, 1);
    case 'M':
        return push_number(m, 2);
    case 'J':
        return push_number(m, 4);
    case 0x8a: /* LONG1, LONG4 */
        return push_long(m, 1);
    case 0x8b:
        return push_long(m, 4);
    case 'G':
        return push_real(m);
    case 'U': /* texts and bytes behind a length of 1, 4 or 8 bytes */
    case 'C':
    case 0x8c:
        return push_text(m, 1);
    case 'X':
    case 'T':
    case 'B':
        return push_text(m, 4);
    case 0x8d:
        return push_text(m, 8);
    case ')':
        return push_tuple(m, NULL, 0);
    case 0x85: /* TUPLE1 to TUPLE3 */
    case 0x86:
    case 0x87:
        return push_last(m, (size_t)(operation - 0x84));
    case 't':
        return push_marked(m, PL_PICKLE_TUPLE);
    case ']':
        return pl_pickle_push(m, pl_pickle_new(m, PL_PICKLE_LIST));
    case 'l':
        return push_marked(m, PL_PICKLE_LIST);
    case 'a':
        return add_last(m, PL_PICKLE_LIST, 1);
    case 'e':
        return add_marked(m, PL_PICKLE_LIST);
    case '}':
        return pl_pickle_push(m, pl_pickle_new(m, PL_PICKLE_DICT));
    case 'd':
        return push_marked(m, PL_PICKLE_DICT);
    case 's':
        return add_last(m, PL_PICKLE_DICT, 2);
    case 'u':
        return add_marked(m, PL_PICKLE_DICT);
    case 'q': /* BINPUT, LONG_BINPUT, MEMOIZE */
        return put_number(m, 1);
    case 'r':
        return put_number(m, 4);
    case 0x94:
        return pl_pickle_memo_put(m, m->memo_next++);
    case 'h': /* BINGET, LONG_BINGET */
        return pl_pickle_memo_get(m, 1);
    case 'j':
        return pl_pickle_memo_get(m, 4);
    case 'c':
        return pl_pickle_push_global(m);
    case 0x93: /* STACK_GLOBAL */
        return pl_pickle_push_stack_global(m);
    case 'Q': /* BINPERSID */
        return pl_pickle_push_storage(m);
    case 'R':
        return pl_pickle_reduce(m);
    case 'b':
        return pl_pickle_build(m);
    case '.':
        m->stopped = true;
        return PL_OK;
    default:
        return pl_fail(m->context, PL_BAD_DATA,
                       "%s: a pickle with the operation 0x%02x, which is not among the harmless "
                       "ones that are known: refused",
                       m->name, operation);
    }
}

enum pl_status pl_pickle_read(struct pl_context *context, struct pl_arena *arena, const char *name,
                              const uint8_t *bytes, size_t size, size_t *used,
                              struct pl_pickle_value **value)
{
    struct pl_pickle_machine m = {.context = context,
                                  .arena = arena,
                                  .name = name,
                                  .start = bytes,
                                  .at = bytes,
                                  .end = bytes + size};
    enum pl_status status = PL_OK;
    while (!status && !m.stopped) {
        const uint8_t *operation;
        status = pl_pickle_take(&m, 1, &operation);
        if (!status) {
            status = run_operation(&m, *operation);
        }
    }
    if (!status && m.depth == 0) {
        status = pl_pickle_fail(&m, "it ends without a value");
    }
    if (!status) {
        status = m.depth == 1 && m.mark_count == 0
                     ? pl_pickle_pop(&m, value)
                     : pl_pickle_fail(&m, "it ends with more on its stack than one value");
    }
    *used = (size_t)(m.at - bytes);
    free(m.stack);
    free(m.marks);
    free(m.memo);
    return status;
}
