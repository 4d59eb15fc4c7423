/* Python pickles, read without running anything.
 * SPDX-License-Identifier: MIT
 *
 * A pickle is a program for a small stack machine.  Most of its operations build numbers, texts
 * and containers; a few call functions by name, which is how reading one can run any code.  Here
 * the calls of a short list are known, those that PyTorch makes of tensors and ordered
 * dictionaries; each builds a value of struct pl_pickle_value and runs nothing.  Every other name
 * and operation is refused by name. */
#ifndef PL_FORMATS_PICKLE_H
#define PL_FORMATS_PICKLE_H

#include "base/context.h"
#include "base/memory.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

enum pl_pickle_kind {
    PL_PICKLE_NONE,
    PL_PICKLE_BOOL,    /* integer */
    PL_PICKLE_INT,     /* integer */
    PL_PICKLE_LARGE,   /* an integer beyond 64 bits: text, size are its bytes, least first */
    PL_PICKLE_REAL,    /* real */
    PL_PICKLE_TEXT,    /* text, size */
    PL_PICKLE_TUPLE,   /* items */
    PL_PICKLE_LIST,    /* items */
    PL_PICKLE_DICT,    /* items: keys and values by turns */
    PL_PICKLE_NAME,    /* text: "module name" */
    PL_PICKLE_STORAGE, /* text: its key; dtype, integer: its elements */
    PL_PICKLE_TENSOR, /* of: its storage; integer: the first element's place; rank, dims, strides */
    PL_PICKLE_OTHER   /* something harmless that holds no tensor: a device, a dtype */
};

struct pl_pickle_value {
    enum pl_pickle_kind kind;
    int64_t integer;
    double real;
    const char *text; /* NUL behind */
    size_t size;
    struct pl_pickle_value **items;
    size_t count, room;
    enum pl_dtype dtype;
    struct pl_pickle_value *of;
    int rank;
    int64_t dims[PL_MAX_RANK], strides[PL_MAX_RANK]; /* strides in elements */
};

/* Reads one pickle from the front of bytes; *used becomes its size.  Values live in the arena.
 * PL_BAD_DATA "NAME: ..." for what is refused or damaged, PL_INCOMPLETE when it ends too early. */
enum pl_status pl_pickle_read(struct pl_context *context, struct pl_arena *arena, const char *name,
                              const uint8_t *bytes, size_t size, size_t *used,
                              struct pl_pickle_value **value) PL_MUST_CHECK;

/* The storage that a tuple ("storage", class, key, location, elements) or, of archives in the first
 * format, a class by itself describes. */
enum pl_status pl_pickle_storage(struct pl_context *context, struct pl_arena *arena,
                                 const char *name, const struct pl_pickle_value *tuple,
                                 struct pl_pickle_value **storage) PL_MUST_CHECK;

/* The element type of a class such as "torch FloatStorage"; false when it is none. */
bool pl_pickle_dtype(const struct pl_pickle_value *class, enum pl_dtype *dtype);

#endif
