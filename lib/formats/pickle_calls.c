/* What a pickle may name and call: see pickle.h.
 * SPDX-License-Identifier: MIT */
#include "formats/pickle_machine.h"

#include <string.h>

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

static enum pl_status refuse(const struct pl_pickle_machine *m, const char *module,
                             size_t module_size, const char *name, size_t size)
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

static enum pl_status push_name(struct pl_pickle_machine *m, const char *module, size_t module_size,
                                const char *name, size_t size)
{
    char whole[64];
    if (is_type_word(module, module_size, name, size)) {
        return pl_pickle_push(m, pl_pickle_new(m, PL_PICKLE_OTHER));
    }
    if (module_size + size + 2 > sizeof whole) {
        return refuse(m, module, module_size, name, size);
    }
    memcpy(whole, module, module_size);
    whole[module_size] = ' ';
    memcpy(whole + module_size + 1, name, size);
    struct pl_pickle_value *value =
        pl_pickle_new_text(m, PL_PICKLE_NAME, whole, module_size + 1 + size);
    if (value && find_known(value) < 0) {
        return refuse(m, module, module_size, name, size);
    }
    return pl_pickle_push(m, value);
}

enum pl_status pl_pickle_push_global(struct pl_pickle_machine *m)
{
    const uint8_t *module, *name;
    size_t module_size, size;
    enum pl_status status = pl_pickle_take_line(m, &module, &module_size);
    if (!status) {
        status = pl_pickle_take_line(m, &name, &size);
    }
    return status ? status
                  : push_name(m, (const char *)module, module_size, (const char *)name, size);
}

enum pl_status pl_pickle_push_stack_global(struct pl_pickle_machine *m)
{
    struct pl_pickle_value *module, *name;
    enum pl_status status = pl_pickle_pop(m, &name);
    if (!status) {
        status = pl_pickle_pop(m, &module);
    }
    if (!status && (module->kind != PL_PICKLE_TEXT || name->kind != PL_PICKLE_TEXT)) {
        status = pl_pickle_fail(m, "a name that is no text");
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
static enum pl_status push_tensor(struct pl_pickle_machine *m,
                                  const struct pl_pickle_value *arguments)
{
    struct pl_pickle_value *tensor = pl_pickle_new(m, PL_PICKLE_TENSOR);
    if (!tensor) {
        return m->context->status;
    }
    if (arguments->count < 4 || arguments->items[1]->kind != PL_PICKLE_INT ||
        arguments->items[1]->integer < 0 || !read_sizes(arguments->items[2], tensor->dims) ||
        !read_sizes(arguments->items[3], tensor->strides) ||
        arguments->items[2]->count != arguments->items[3]->count) {
        return pl_pickle_fail(m, "a tensor that is not described as one");
    }
    tensor->of = arguments->items[0];
    if (tensor->of->kind == PL_PICKLE_TUPLE &&
        pl_pickle_storage(m->context, m->arena, m->name, tensor->of, &tensor->of)) {
        return m->context->status;
    }
    if (tensor->of->kind != PL_PICKLE_STORAGE) {
        return pl_pickle_fail(m, "a tensor without a storage");
    }
    tensor->integer = arguments->items[1]->integer;
    tensor->rank = (int)arguments->items[2]->count;
    tensor->dtype = tensor->of->dtype;
    return pl_pickle_push(m, tensor);
}

/* Asks to copy items.  An honest pickle spends more than a byte on each; one with few items, from
 * the memo, could have them copied again by every call. */
static enum pl_status may_copy(struct pl_pickle_machine *m, size_t count)
{
    m->copied += count;
    return m->copied <= (size_t)(m->at - m->start)
               ? PL_OK
               : pl_pickle_fail(m, "its calls copy the same items over and over");
}

/* A dictionary of nothing, or of a list of pairs. */
static enum pl_status push_dictionary(struct pl_pickle_machine *m,
                                      const struct pl_pickle_value *arguments)
{
    struct pl_pickle_value *dict = pl_pickle_new(m, PL_PICKLE_DICT);
    if (!dict) {
        return m->context->status;
    }
    /* PyTorch's first archives give the pairs one by one, or one empty list */
    const struct pl_pickle_value *pairs = arguments;
    if (arguments->count == 1 && arguments->items[0]->kind == PL_PICKLE_LIST) {
        pairs = arguments->items[0];
    }
    enum pl_status status = may_copy(m, pairs->count);
    for (size_t i = 0; i < pairs->count && !status; i++) {
        const struct pl_pickle_value *pair = pairs->items[i];
        bool sequence = pair->kind == PL_PICKLE_TUPLE || pair->kind == PL_PICKLE_LIST;
        status = sequence && pair->count == 2
                     ? pl_pickle_append(m, dict, pair->items, 2)
                     : pl_pickle_fail(m, "a dictionary of what are no pairs");
    }
    return status ? status : pl_pickle_push(m, dict);
}

enum pl_status pl_pickle_reduce(struct pl_pickle_machine *m)
{
    struct pl_pickle_value *arguments, *callee;
    enum pl_status status = pl_pickle_pop(m, &arguments);
    if (!status) {
        status = pl_pickle_pop(m, &callee);
    }
    if (status) {
        return status;
    }
    const int i = find_known(callee);
    if (i < 0 || arguments->kind != PL_PICKLE_TUPLE) {
        return pl_pickle_fail(m, "a call of what is no function");
    }
    switch (known[i].call) {
    case DICTIONARY:
        return push_dictionary(m, arguments);
    case TENSOR:
        return push_tensor(m, arguments);
    case PARAMETER:
        if (arguments->count == 0 || arguments->items[0]->kind != PL_PICKLE_TENSOR) {
            return pl_pickle_fail(m, "a parameter that is no tensor");
        }
        return pl_pickle_push(m, arguments->items[0]);
    case SIZES:
        return arguments->count == 1 ? pl_pickle_push(m, arguments->items[0])
                                     : pl_pickle_fail(m, "sizes of nothing");
    case OTHER:
        return pl_pickle_push(m, pl_pickle_new(m, PL_PICKLE_OTHER));
    default:
        return pl_pickle_fail(m, "a call of what is no function");
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

enum pl_status pl_pickle_push_storage(struct pl_pickle_machine *m)
{
    struct pl_pickle_value *tuple, *storage;
    enum pl_status status = pl_pickle_pop(m, &tuple);
    if (!status) {
        status = pl_pickle_storage(m->context, m->arena, m->name, tuple, &storage);
    }
    return status ? status : pl_pickle_push(m, storage);
}

/* An object's attributes: of what is known here they hold no tensors. */
enum pl_status pl_pickle_build(struct pl_pickle_machine *m)
{
    struct pl_pickle_value *state, *object;
    enum pl_status status = pl_pickle_pop(m, &state);
    if (!status) {
        status = pl_pickle_pop(m, &object);
    }
    if (!status && object->kind != PL_PICKLE_DICT) {
        status = pl_pickle_fail(m, "attributes of what is no dictionary");
    }
    return status ? status : pl_pickle_push(m, object);
}
