/* Reference arrays as variables of a tape.
 * SPDX-License-Identifier: MIT */
#include "real.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 200 };

#define NAME_FROM(format)                            \
    char name[NAME_SIZE];                            \
    va_list arguments;                               \
    va_start(arguments, format);                     \
    vsnprintf(name, sizeof name, format, arguments); \
    va_end(arguments)

struct pl_variable *real_variable(struct vectors *vectors, const char *format, ...)
{
    NAME_FROM(format);
    const struct pl_tensor *tensor = vectors_tensor(vectors, "%s", name);
    if (!tensor)
        return NULL;
    struct pl_variable *variable = vectors_new(vectors, 1, sizeof *variable);
    variable->rank = tensor->rank;
    memcpy(variable->dims, tensor->dims, sizeof variable->dims);
    variable->count = pl_tensor_count(tensor);
    variable->value = vectors_new(vectors, variable->count, sizeof *variable->value);
    variable->gradient = vectors_new(vectors, variable->count, sizeof *variable->gradient);
    real_copy(vectors, variable->value, variable->count, "%s", name);
    return variable;
}

void real_clear(struct pl_variable *variable)
{
    if (variable)
        memset(variable->gradient, 0, (size_t)variable->count * sizeof *variable->gradient);
}

void real_copy(struct vectors *vectors, pl_real *to, int64_t count, const char *format, ...)
{
    NAME_FROM(format);
    const double *values = vectors_doubles(vectors, count, "%s", name);
    for (int64_t i = 0; values && i < count; i++)
        to[i] = (pl_real)values[i];
}

static double tolerance(enum real_kind kind)
{
    if (sizeof(pl_real) == sizeof(double))
        return 1e-9;
    return kind == REAL_VALUES ? 2e-4 : 1e-3;
}

void real_compare(struct vectors *vectors, const pl_real *got, int64_t count, enum real_kind kind,
                  const char *format, ...)
{
    NAME_FROM(format);
    const double *expected = vectors_doubles(vectors, count, "%s", name);
    double largest = 0;
    for (int64_t i = 0; expected && i < count; i++)
        largest = fmax(largest, fabs(expected[i]));
    double *values = vectors_new(vectors, count, sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] = (double)got[i];
    vectors_compare(vectors, values, count, tolerance(kind) * largest, 0, "%s", name);
}

enum pl_status real_backward(struct pl_tape *tape)
{
    pl_real zero[2] = {0};
    struct pl_variable nothing = {.count = 1, .value = &zero[0], .gradient = &zero[1]};
    return pl_tape_backward(tape, &nothing, 1);
}
