/* Python pickles, read without running anything.
 * SPDX-License-Identifier: MIT
 *
 * The machine has a stack of values, marks on it, and a memo of values to be used again.  Every
 * operation takes at least one byte and makes at most one value, so memory is bounded by the size
 * of the pickle.  The operations are those of protocols 2 to 5 that PyTorch writes. */
#include "formats/pickle.h"

#include <stdlib.h>
#include <string.h>

struct machine {
    struct pl_context *context;
    struct pl_arena *arena;
    const char *name;
    const uint8_t *at, *end;
    struct pl_pickle_value **stack;
    size_t depth, room;
    size_t *marks;
    size_t mark_count, mark_room;
    struct pl_pickle_value **memo;
    size_t memo_count; /* room of the memo; most of it may be NULL */
    size_t memo_next;  /* the next number that MEMOIZE gives */
    bool stopped;
};

static enum pl_status fail(const struct machine *m, const char *what)
{
    return pl_fail(m->context, PL_BAD_DATA, "%s: damaged pickle: %s", m->name, what);
}

/* ---- Bytes ------------------------------------------------------------------------------- */

static enum pl_status take(struct machine *m, uint64_t size, const uint8_t **bytes)
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
static enum pl_status take_number(struct machine *m, int size, uint64_t *number)
{
    const uint8_t *bytes;
    enum pl_status status = take(m, (uint64_t)size, &bytes);
    *number = 0;
    for (int i = size - 1; i >= 0 && bytes; i--) {
        *number = *number << 8 | bytes[i];
    }
    return status;
}

/* Up to the end of a line, which is taken too. */
static enum pl_status take_line(struct machine *m, const uint8_t **line, size_t *size)
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

static struct pl_pickle_value *new_value(struct machine *m, enum pl_pickle_kind kind)
{
    struct pl_pickle_value *value = pl_arena_new(m->context, m->arena, 1, sizeof *value);
    if (value) {
        value->kind = kind;
    }
    return value;
}

/* NULL is a failure that went before. */
static enum pl_status push(struct machine *m, struct pl_pickle_value *value)
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

static size_t bottom(const struct machine *m)
{
    return m->mark_count > 0 ? m->marks[m->mark_count - 1] : 0;
}

static enum pl_status pop(struct machine *m, struct pl_pickle_value **value)
{
    *value = NULL;
    if (m->depth <= bottom(m)) {
        return fail(m, "it takes more from its stack than there is");
    }
    *value = m->stack[--m->depth];
    return PL_OK;
}

static enum pl_status push_mark(struct machine *m)
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
static enum pl_status pop_mark(struct machine *m, struct pl_pickle_value ***items, size_t *count)
{
    *items = NULL;
    *count = 0;
    if (m->mark_count == 0) {
        return fail(m, "a mark is missing");
    }
    size_t mark = m->marks[--m->mark_count];
    *items = m->stack + mark;
    *count = m->depth - mark;
    m->depth = mark;
    return PL_OK;
}

/* ---- Values ------------------------------------------------------------------------------ */

static enum pl_status append(struct machine *m, struct pl_pickle_value *container,
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

static enum pl_status append_all(struct machine *m, struct pl_pickle_value *container,
                                 struct pl_pickle_value *const *items, size_t count)
{
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < count && !status; i++) {
        status = append(m, container, items[i]);
    }
    return status;
}

static enum pl_status push_tuple(struct machine *m, struct pl_pickle_value *const *items,
                                 size_t count)
{
    struct pl_pickle_value *tuple = new_value(m, PL_PICKLE_TUPLE);
    if (!tuple || append_all(m, tuple, items, count)) {
        return m->context->status;
    }
    return push(m, tuple);
}

static enum pl_status push_last(struct machine *m, size_t count)
{
    struct pl_pickle_value *items[3];
    enum pl_status status = PL_OK;
    for (size_t i = count; i > 0 && !status; i--) {
        status = pop(m, &items[i - 1]);
    }
    return status ? status : push_tuple(m, items, count);
}

static enum pl_status push_integer(struct machine *m, enum pl_pickle_kind kind, int64_t integer)
{
    struct pl_pickle_value *value = new_value(m, kind);
    if (value) {
        value->integer = integer;
    }
    return push(m, value);
}

static struct pl_pickle_value *new_text(struct machine *m, enum pl_pickle_kind kind,
                                        const void *text, size_t size)
{
    struct pl_pickle_value *value = new_value(m, kind);
    if (value) {
        value->text = pl_arena_text(m->context, m->arena, text, size);
        value->size = size;
    }
    return value && value->text ? value : NULL;
}

static enum pl_status push_text(struct machine *m, int length_size)
{
    uint64_t size;
    const uint8_t *text;
    enum pl_status status = take_number(m, length_size, &size);
    if (!status) {
        status = take(m, size, &text);
    }
    return status ? status : push(m, new_text(m, PL_PICKLE_TEXT, text, (size_t)size));
}

/* A signed number of any length, least byte first. */
static enum pl_status push_long(struct machine *m, int length_size)
{
    uint64_t size, number;
    const uint8_t *bytes;
    enum pl_status status = take_number(m, length_size, &size);
    if (!status) {
        status = take(m, size, &bytes);
    }
    if (status) {
        return status;
    }
    if (size > 8) {
        return push(m, new_text(m, PL_PICKLE_LARGE, bytes, (size_t)size));
    }
    number = size > 0 && bytes[size - 1] & 0x80 ? UINT64_MAX : 0;
    for (uint64_t i = size; i > 0; i--) {
        number = number << 8 | bytes[i - 1];
    }
    return push_integer(m, PL_PICKLE_INT, (int64_t)number);
}

static enum pl_status push_real(struct machine *m)
{
    const uint8_t *bytes;
    uint64_t bits = 0;
    enum pl_status status = take(m, 8, &bytes);
    if (status) {
        return status;
    }
    for (int i = 0; i < 8; i++) { /* the most significant byte first */
        bits = bits << 8 | bytes[i];
    }
    struct pl_pickle_value *value = new_value(m, PL_PICKLE_REAL);
    if (value) {
        memcpy(&value->real, &bits, sizeof bits);
    }
    return push(m, value);
}

/* ---- Names and calls --------------------------------------------------------------------- */

enum call { REFUSED, DICTIONARY, TENSOR, PARAMETER, SIZES, OTHER, CLASS };

/* What may be named, and what a call of it makes. */
static const struct {
    const char *name;
    enum call call;
    enum pl_dtype dtype;
} known[] = {
    {"collections OrderedDict", DICTIONARY, 0},
    {"torch._utils _rebuild_tensor_v2", TENSOR, 0},
    {"torch._utils _rebuild_tensor", TENSOR, 0},
    {"torch._utils _rebuild_parameter", PARAMETER, 0},
    {"torch Size", SIZES, 0},
    {"torch device", OTHER, 0},
    {"torch FloatStorage", CLASS, PL_F32},
    {"torch DoubleStorage", CLASS, PL_F64},
    {"torch HalfStorage", CLASS, PL_F16},
    {"torch BFloat16Storage", CLASS, PL_BF16},
    {"torch LongStorage", CLASS, PL_I64},
    {"torch IntStorage", CLASS, PL_I32},
    {"torch ShortStorage", CLASS, PL_I16},
    {"torch CharStorage", CLASS, PL_I8},
    {"torch ByteStorage", CLASS, PL_U8},
    {"torch BoolStorage", CLASS, PL_BOOL},
};

/* The place in the table, or -1. */
static int find_known(const struct pl_pickle_value *value)
{
    for (int i = 0; value->kind == PL_PICKLE_NAME && i < (int)(sizeof known / sizeof *known); i++) {
        if (strcmp(known[i].name, value->text) == 0) {
            return i;
        }
    }
    return -1;
}

bool pl_pickle_dtype(const struct pl_pickle_value *class, enum pl_dtype *dtype)
{
    int i = find_known(class);
    if (i < 0 || known[i].call != CLASS) {
        return false;
    }
    *dtype = known[i].dtype;
    return true;
}

static enum pl_status refuse(const struct machine *m, const char *module, size_t module_size,
                             const char *name, size_t size)
{
    return pl_fail(m->context, PL_BAD_DATA,
                   "%s: a pickle that calls %.*s.%.*s, which could run code: refused; save the "
                   "tensors alone (their state_dict), or as safetensors",
                   m->name, (int)(module_size < 128 ? module_size : 128), module,
                   (int)(size < 128 ? size : 128), name);
}

/* dtypes are names without a call: torch.float32. */
static bool is_type_word(const char *module, size_t module_size, const char *name, size_t size)
{
    static const char *const words[] = {"float32", "float64", "float16", "bfloat16", "int64",
                                        "int32",   "int16",   "int8",    "uint8",    "bool"};
    for (size_t i = 0;
         module_size == 5 && memcmp(module, "torch", 5) == 0 && i < sizeof words / sizeof *words;
         i++) {
        if (size == strlen(words[i]) && memcmp(name, words[i], size) == 0) {
            return true;
        }
    }
    return false;
}

static enum pl_status push_name(struct machine *m, const char *module, size_t module_size,
                                const char *name, size_t size)
{
    char whole[64];
    if (is_type_word(module, module_size, name, size)) {
        return push(m, new_value(m, PL_PICKLE_OTHER));
    }
    if (module_size + size + 2 > sizeof whole) {
        return refuse(m, module, module_size, name, size);
    }
    memcpy(whole, module, module_size);
    whole[module_size] = ' ';
    memcpy(whole + module_size + 1, name, size);
    struct pl_pickle_value *value = new_text(m, PL_PICKLE_NAME, whole, module_size + 1 + size);
    if (value && find_known(value) < 0) {
        return refuse(m, module, module_size, name, size);
    }
    return push(m, value);
}

static enum pl_status push_global(struct machine *m)
{
    const uint8_t *module, *name;
    size_t module_size, size;
    enum pl_status status = take_line(m, &module, &module_size);
    if (!status) {
        status = take_line(m, &name, &size);
    }
    return status ? status
                  : push_name(m, (const char *)module, module_size, (const char *)name, size);
}

static enum pl_status push_stack_global(struct machine *m)
{
    struct pl_pickle_value *module, *name;
    enum pl_status status = pop(m, &name);
    if (!status) {
        status = pop(m, &module);
    }
    if (!status && (module->kind != PL_PICKLE_TEXT || name->kind != PL_PICKLE_TEXT)) {
        status = fail(m, "a name that is no text");
    }
    return status ? status : push_name(m, module->text, module->size, name->text, name->size);
}

static bool read_sizes(const struct pl_pickle_value *tuple, int64_t *out)
{
    if (tuple->kind != PL_PICKLE_TUPLE || tuple->count > PL_MAX_RANK) {
        return false;
    }
    for (size_t i = 0; i < tuple->count; i++) {
        if (tuple->items[i]->kind != PL_PICKLE_INT || tuple->items[i]->integer < 0) {
            return false;
        }
        out[i] = tuple->items[i]->integer;
    }
    return true;
}

/* (storage, first element, sizes, strides, ...) */
static enum pl_status push_tensor(struct machine *m, const struct pl_pickle_value *arguments)
{
    struct pl_pickle_value *tensor = new_value(m, PL_PICKLE_TENSOR);
    if (!tensor) {
        return m->context->status;
    }
    if (arguments->count < 4 || arguments->items[1]->kind != PL_PICKLE_INT ||
        arguments->items[1]->integer < 0 || !read_sizes(arguments->items[2], tensor->dims) ||
        !read_sizes(arguments->items[3], tensor->strides) ||
        arguments->items[2]->count != arguments->items[3]->count) {
        return fail(m, "a tensor that is not described as one");
    }
    tensor->of = arguments->items[0];
    if (tensor->of->kind == PL_PICKLE_TUPLE &&
        pl_pickle_storage(m->context, m->arena, m->name, tensor->of, &tensor->of)) {
        return m->context->status;
    }
    if (tensor->of->kind != PL_PICKLE_STORAGE) {
        return fail(m, "a tensor without a storage");
    }
    tensor->integer = arguments->items[1]->integer;
    tensor->rank = (int)arguments->items[2]->count;
    tensor->dtype = tensor->of->dtype;
    return push(m, tensor);
}

/* A dictionary of nothing, or of a list of pairs. */
static enum pl_status push_dictionary(struct machine *m, const struct pl_pickle_value *arguments)
{
    struct pl_pickle_value *dict = new_value(m, PL_PICKLE_DICT);
    if (!dict) {
        return m->context->status;
    }
    /* PyTorch's first archives give the pairs one by one, or one empty list */
    const struct pl_pickle_value *pairs = arguments;
    if (arguments->count == 1 && arguments->items[0]->kind == PL_PICKLE_LIST) {
        pairs = arguments->items[0];
    }
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < pairs->count && !status; i++) {
        const struct pl_pickle_value *pair = pairs->items[i];
        bool sequence = pair->kind == PL_PICKLE_TUPLE || pair->kind == PL_PICKLE_LIST;
        status = sequence && pair->count == 2 ? append_all(m, dict, pair->items, 2)
                                              : fail(m, "a dictionary of what are no pairs");
    }
    return status ? status : push(m, dict);
}

static enum pl_status reduce(struct machine *m)
{
    struct pl_pickle_value *arguments, *callee;
    enum pl_status status = pop(m, &arguments);
    if (!status) {
        status = pop(m, &callee);
    }
    if (status) {
        return status;
    }
    const int i = find_known(callee);
    if (i < 0 || arguments->kind != PL_PICKLE_TUPLE) {
        return fail(m, "a call of what is no function");
    }
    switch (known[i].call) {
    case DICTIONARY:
        return push_dictionary(m, arguments);
    case TENSOR:
        return push_tensor(m, arguments);
    case PARAMETER:
        if (arguments->count == 0 || arguments->items[0]->kind != PL_PICKLE_TENSOR) {
            return fail(m, "a parameter that is no tensor");
        }
        return push(m, arguments->items[0]);
    case SIZES:
        return arguments->count == 1 ? push(m, arguments->items[0]) : fail(m, "sizes of nothing");
    case OTHER:
        return push(m, new_value(m, PL_PICKLE_OTHER));
    default:
        return fail(m, "a call of what is no function");
    }
}

enum pl_status pl_pickle_storage(struct pl_context *context, struct pl_arena *arena,
                                 const char *name, const struct pl_pickle_value *tuple,
                                 struct pl_pickle_value **storage)
{
    enum pl_dtype dtype;
    if (tuple->kind != PL_PICKLE_TUPLE || tuple->count < 5 ||
        tuple->items[0]->kind != PL_PICKLE_TEXT || strcmp(tuple->items[0]->text, "storage") != 0 ||
        tuple->items[2]->kind != PL_PICKLE_TEXT || tuple->items[4]->kind != PL_PICKLE_INT ||
        tuple->items[4]->integer < 0 || !pl_pickle_dtype(tuple->items[1], &dtype)) {
        return pl_fail(context, PL_BAD_DATA,
                       "%s: damaged pickle: a storage that is not "
                       "described as one",
                       name);
    }
    if (tuple->count > 5 && tuple->items[5]->kind != PL_PICKLE_NONE) {
        return pl_fail(context, PL_BAD_DATA, "%s: views of storages are not supported", name);
    }
    struct pl_pickle_value *value = pl_arena_new(context, arena, 1, sizeof *value);
    if (!value) {
        return context->status;
    }
    *value = (struct pl_pickle_value){.kind = PL_PICKLE_STORAGE,
                                      .text = tuple->items[2]->text,
                                      .size = tuple->items[2]->size,
                                      .integer = tuple->items[4]->integer,
                                      .dtype = dtype};
    *storage = value;
    return PL_OK;
}

static enum pl_status push_storage(struct machine *m)
{
    struct pl_pickle_value *tuple, *storage;
    enum pl_status status = pop(m, &tuple);
    if (!status) {
        status = pl_pickle_storage(m->context, m->arena, m->name, tuple, &storage);
    }
    return status ? status : push(m, storage);
}

/* An object's attributes: of what is known here they hold no tensors. */
static enum pl_status build(struct machine *m)
{
    struct pl_pickle_value *state, *object;
    enum pl_status status = pop(m, &state);
    if (!status) {
        status = pop(m, &object);
    }
    if (!status && object->kind != PL_PICKLE_DICT) {
        status = fail(m, "attributes of what is no dictionary");
    }
    return status ? status : push(m, object);
}

/* ---- Containers -------------------------------------------------------------------------- */

/* Adds items to the container on top of the stack. */
static enum pl_status add_items(struct machine *m, enum pl_pickle_kind kind,
                                struct pl_pickle_value *const *items, size_t count)
{
    if (m->depth <= bottom(m) || m->stack[m->depth - 1]->kind != kind) {
        return fail(m, kind == PL_PICKLE_DICT ? "entries of what is no dictionary"
                                              : "items of what is no list");
    }
    if (kind == PL_PICKLE_DICT && count % 2 != 0) {
        return fail(m, "a key without a value");
    }
    return append_all(m, m->stack[m->depth - 1], items, count);
}

static enum pl_status add_marked(struct machine *m, enum pl_pickle_kind kind)
{
    struct pl_pickle_value **items;
    size_t count;
    enum pl_status status = pop_mark(m, &items, &count);
    return status ? status : add_items(m, kind, items, count);
}

static enum pl_status add_last(struct machine *m, enum pl_pickle_kind kind, int count)
{
    struct pl_pickle_value *items[2];
    enum pl_status status = PL_OK;
    for (int i = count - 1; i >= 0 && !status; i--) {
        status = pop(m, &items[i]);
    }
    return status ? status : add_items(m, kind, items, (size_t)count);
}

/* A container of all that stands behind the last mark. */
static enum pl_status push_marked(struct machine *m, enum pl_pickle_kind kind)
{
    struct pl_pickle_value **items;
    size_t count;
    enum pl_status status = pop_mark(m, &items, &count);
    struct pl_pickle_value *container = status ? NULL : new_value(m, kind);
    if (!container || append_all(m, container, items, count)) {
        return m->context->status;
    }
    if (kind == PL_PICKLE_DICT && count % 2 != 0) {
        return fail(m, "a key without a value");
    }
    return push(m, container);
}

/* ---- Memo -------------------------------------------------------------------------------- */

static enum pl_status memo_put(struct machine *m, uint64_t index, uint64_t most)
{
    if (m->depth <= bottom(m)) {
        return fail(m, "it takes more from its stack than there is");
    }
    if (index > most) {
        return fail(m, "a memo beyond its size");
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

static enum pl_status memo_get(struct machine *m, int size)
{
    uint64_t index;
    enum pl_status status = take_number(m, size, &index);
    if (!status && (index >= m->memo_count || !m->memo[index])) {
        status = fail(m, "a memo that nothing was put into");
    }
    return status ? status : push(m, m->memo[index]);
}

/* ---- Operations -------------------------------------------------------------------------- */

static enum pl_status skip_number(struct machine *m, int size)
{
    uint64_t number;
    return take_number(m, size, &number);
}

static enum pl_status push_number(struct machine *m, int size)
{
    uint64_t number;
    enum pl_status status = take_number(m, size, &number);
    if (status) {
        return status;
    }
    return push_integer(m, PL_PICKLE_INT, size == 4 ? (int32_t)(uint32_t)number : (int64_t)number);
}

static enum pl_status put_number(struct machine *m, int size, uint64_t most)
{
    uint64_t index;
    enum pl_status status = take_number(m, size, &index);
    return status ? status : memo_put(m, index, most);
}

static enum pl_status run_operation(struct machine *m, uint8_t operation, uint64_t most)
{
    switch (operation) {
    case 0x80: /* PROTO */
        return skip_number(m, 1);
    case 0x95: /* FRAME */
        return skip_number(m, 8);
    case '(':
        return push_mark(m);
    case 'N':
        return push(m, new_value(m, PL_PICKLE_NONE));
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
        return push(m, new_value(m, PL_PICKLE_LIST));
    case 'l':
        return push_marked(m, PL_PICKLE_LIST);
    case 'a':
        return add_last(m, PL_PICKLE_LIST, 1);
    case 'e':
        return add_marked(m, PL_PICKLE_LIST);
    case '}':
        return push(m, new_value(m, PL_PICKLE_DICT));
    case 'd':
        return push_marked(m, PL_PICKLE_DICT);
    case 's':
        return add_last(m, PL_PICKLE_DICT, 2);
    case 'u':
        return add_marked(m, PL_PICKLE_DICT);
    case 'q': /* BINPUT, LONG_BINPUT, MEMOIZE */
        return put_number(m, 1, most);
    case 'r':
        return put_number(m, 4, most);
    case 0x94:
        return memo_put(m, m->memo_next++, most);
    case 'h': /* BINGET, LONG_BINGET */
        return memo_get(m, 1);
    case 'j':
        return memo_get(m, 4);
    case 'c':
        return push_global(m);
    case 0x93: /* STACK_GLOBAL */
        return push_stack_global(m);
    case 'Q': /* BINPERSID */
        return push_storage(m);
    case 'R':
        return reduce(m);
    case 'b':
        return build(m);
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
    struct machine m = {
        .context = context, .arena = arena, .name = name, .at = bytes, .end = bytes + size};
    enum pl_status status = PL_OK;
    while (!status && !m.stopped) {
        const uint8_t *operation;
        status = take(&m, 1, &operation);
        if (!status) {
            status = run_operation(&m, *operation, size);
        }
    }
    if (!status) {
        status = m.depth == 1 && m.mark_count == 0 ? pop(&m, value)
                                                   : fail(&m, "it ends with more than one value");
    }
    *used = (size_t)(m.at - bytes);
    free(m.stack);
    free(m.marks);
    free(m.memo);
    return status;
}
