/* The machine that reads pickles: see pickle_machine.h.
 * SPDX-License-Identifier: MIT */
#include "formats/pickle_machine.h"

#include <string.h>

enum pl_status pl_pickle_fail(const struct pl_pickle_machine *m, const char *what)
{
    return pl_fail(m->context, PL_BAD_DATA, "%s: damaged pickle: %s", m->name, what);
}

/* ---- Bytes ------------------------------------------------------------------------------- */

enum pl_status pl_pickle_take(struct pl_pickle_machine *m, uint64_t size, const uint8_t **bytes)
{
    *bytes = NULL;
    if (size > (uint64_t)(m->end - m->at)) {
        return pl_fail(m->context, PL_INCOMPLETE, "%s: the pickle ends early: truncated?", m->name);
    }
    *bytes = m->at;
    m->at += size;
    return PL_OK;
}

/* A number of up to 8 bytes, little-endian. */
enum pl_status pl_pickle_take_number(struct pl_pickle_machine *m, int size, uint64_t *number)
{
    const uint8_t *bytes;
    enum pl_status status = pl_pickle_take(m, (uint64_t)size, &bytes);
    *number = 0;
    for (int i = size - 1; i >= 0 && bytes; i--) {
        *number = *number << 8 | bytes[i];
    }
    return status;
}

/* Up to the end of a line, which is taken too. */
enum pl_status pl_pickle_take_line(struct pl_pickle_machine *m, const uint8_t **line, size_t *size)
{
    *line = NULL;
    *size = 0;
    const uint8_t *newline = memchr(m->at, '\n', (size_t)(m->end - m->at));
    if (!newline) {
        return pl_fail(m->context, PL_INCOMPLETE, "%s: the pickle ends early: truncated?", m->name);
    }
    *line = m->at;
    *size = (size_t)(newline - m->at);
    m->at = newline + 1;
    return PL_OK;
}

/* ---- Stack ------------------------------------------------------------------------------- */

struct pl_pickle_value *pl_pickle_new(struct pl_pickle_machine *m, enum pl_pickle_kind kind)
{
    struct pl_pickle_value *value = pl_arena_new(m->context, m->arena, 1, sizeof *value);
    if (value) {
        value->kind = kind;
    }
    return value;
}

/* NULL is a failure that went before. */
enum pl_status pl_pickle_push(struct pl_pickle_machine *m, struct pl_pickle_value *value)
{
    if (!value) {
        return m->context->status;
    }
    if (m->depth == m->room) {
        size_t room = m->room ? 2 * m->room : 64;
        struct pl_pickle_value **stack =
            pl_resize(m->context, m->stack, room, sizeof(struct pl_pickle_value *));
        if (!stack) {
            return m->context->status;
        }
        m->stack = stack;
        m->room = room;
    }
    m->stack[m->depth++] = value;
    return PL_OK;
}

size_t pl_pickle_bottom(const struct pl_pickle_machine *m)
{
    return m->mark_count > 0 ? m->marks[m->mark_count - 1] : 0;
}

enum pl_status pl_pickle_pop(struct pl_pickle_machine *m, struct pl_pickle_value **value)
{
    *value = NULL;
    if (m->depth <= pl_pickle_bottom(m)) {
        return pl_pickle_fail(m, "it takes more from its stack than there is");
    }
    *value = m->stack[--m->depth];
    return PL_OK;
}

enum pl_status pl_pickle_push_mark(struct pl_pickle_machine *m)
{
    if (m->mark_count == m->mark_room) {
        size_t room = m->mark_room ? 2 * m->mark_room : 32;
        size_t *marks = pl_resize(m->context, m->marks, room, sizeof *marks);
        if (!marks) {
            return m->context->status;
        }
        m->marks = marks;
        m->mark_room = room;
    }
    m->marks[m->mark_count++] = m->depth;
    return PL_OK;
}

/* Takes what was put on the stack since the last mark: items[0..*count), valid until a push. */
enum pl_status pl_pickle_pop_mark(struct pl_pickle_machine *m, struct pl_pickle_value ***items,
                                  size_t *count)
{
    *items = NULL;
    *count = 0;
    if (m->mark_count == 0) {
        return pl_pickle_fail(m, "a mark is missing");
    }
    size_t mark = m->marks[--m->mark_count];
    *items = m->stack ? m->stack + mark : NULL; /* nothing was ever on it */
    *count = m->depth - mark;
    m->depth = mark;
    return PL_OK;
}

/* ---- Values ------------------------------------------------------------------------------ */

static enum pl_status append(struct pl_pickle_machine *m, struct pl_pickle_value *container,
                             struct pl_pickle_value *item)
{
    if (container->count == container->room) {
        size_t room = container->room ? 2 * container->room : 8;
        struct pl_pickle_value **items =
            pl_arena_new(m->context, m->arena, room, sizeof(struct pl_pickle_value *));
        if (!items) {
            return m->context->status;
        }
        if (container->count > 0) {
            memcpy(items, container->items, container->count * sizeof(struct pl_pickle_value *));
        }
        container->items = items;
        container->room = room;
    }
    container->items[container->count++] = item;
    return PL_OK;
}

enum pl_status pl_pickle_append(struct pl_pickle_machine *m, struct pl_pickle_value *container,
                                struct pl_pickle_value *const *items, size_t count)
{
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < count && !status; i++) {
        status = append(m, container, items[i]);
    }
    return status;
}

struct pl_pickle_value *pl_pickle_new_text(struct pl_pickle_machine *m, enum pl_pickle_kind kind,
                                           const void *text, size_t size)
{
    struct pl_pickle_value *value = pl_pickle_new(m, kind);
    if (value) {
        value->text = pl_arena_text(m->context, m->arena, text, size);
        value->size = size;
    }
    return value && value->text ? value : NULL;
}

/* ---- Memo -------------------------------------------------------------------------------- */

enum pl_status pl_pickle_memo_put(struct pl_pickle_machine *m, uint64_t index)
{
    if (m->depth <= pl_pickle_bottom(m)) {
        return pl_pickle_fail(m, "it takes more from its stack than there is");
    }
    if (index > (uint64_t)(m->at - m->start)) { /* whoever writes pickles counts from 0 or 1 */
        return pl_pickle_fail(m, "a memo beyond its size");
    }
    if (index >= m->memo_count) {
        size_t count = 2 * (size_t)index + 16;
        struct pl_pickle_value **memo =
            pl_resize(m->context, m->memo, count, sizeof(struct pl_pickle_value *));
        if (!memo) {
            return m->context->status;
        }
        memset(memo + m->memo_count, 0, (count - m->memo_count) * sizeof(struct pl_pickle_value *));
        m->memo = memo;
        m->memo_count = count;
    }
    m->memo[index] = m->stack[m->depth - 1];
    return PL_OK;
}

enum pl_status pl_pickle_memo_get(struct pl_pickle_machine *m, int size)
{
    uint64_t index;
    enum pl_status status = pl_pickle_take_number(m, size, &index);
    if (!status && (index >= m->memo_count || !m->memo[index])) {
        status = pl_pickle_fail(m, "a memo that nothing was put into");
    }
    return status ? status : pl_pickle_push(m, m->memo[index]);
}
