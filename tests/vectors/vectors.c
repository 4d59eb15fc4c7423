/* Taking and comparing arrays.
 * SPDX-License-Identifier: MIT */
#include "vectors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 200 };

void vectors_fail(struct vectors *vectors, const char *format, ...)
{
    va_list arguments;

    if (vectors->failures++ > 0)
        return;
    va_start(arguments, format);
    vsnprintf(vectors->why, sizeof vectors->why, format, arguments);
    va_end(arguments);
}

bool vectors_ok(struct vectors *vectors, enum pl_status status)
{
    if (status != PL_OK)
        vectors_fail(vectors, "%s", vectors->context.message);
    return status == PL_OK;
}

void *vectors_new(struct vectors *vectors, int64_t count, size_t size)
{
    void *memory = pl_arena_new(&vectors->context, &vectors->arena, (size_t)count, size);

    if (!memory) {
        fprintf(stderr, "check-vectors: %s\n", vectors->context.message);
        exit(PL_SYSTEM);
    }
    return memory;
}

void vectors_select(struct vectors *vectors, const char *file)
{
    for (size_t i = 0; i < vectors->file_count; i++)
        if (strcmp(vectors->files[i].name, file) == 0) {
            vectors->file = &vectors->files[i];
            return;
        }
    vectors_fail(vectors, "no file '%s'", file);
}

static const struct pl_tensor *take(struct vectors *vectors, const char *name)
{
    const struct vectors_file *file = vectors->file;

    for (size_t i = 0; file && i < file->bundle.tensor_count; i++)
        if (strcmp(file->bundle.tensors[i].name, name) == 0) {
            file->taken[i] = true;
            return &file->bundle.tensors[i].tensor;
        }
    vectors_fail(vectors, "no array '%s'", name);
    return NULL;
}

int64_t vectors_dim(const struct vectors *vectors, const char *name, int axis)
{
    const struct pl_tensor *tensor =
        vectors->file ? pl_bundle_tensor(&vectors->file->bundle, name) : NULL;

    return tensor && axis < tensor->rank ? tensor->dims[axis] : 0;
}

#define NAME_FROM(format)                            \
    char name[NAME_SIZE];                            \
    va_list arguments;                               \
    va_start(arguments, format);                     \
    vsnprintf(name, sizeof name, format, arguments); \
    va_end(arguments)

const struct pl_tensor *vectors_tensor(struct vectors *vectors, const char *format, ...)
{
    NAME_FROM(format);
    return take(vectors, name);
}

static const double *doubles(struct vectors *vectors, const char *name, int64_t count)
{
    const struct pl_tensor *tensor = take(vectors, name);

    if (!tensor)
        return NULL;
    int64_t size = pl_tensor_count(tensor);
    if (count >= 0 && size != count) {
        vectors_fail(vectors, "array '%s' has %lld elements, expected %lld", name, (long long)size,
                     (long long)count);
        return NULL;
    }
    double *values = vectors_new(vectors, size, sizeof *values);
    for (int64_t i = 0; i < size; i++)
        values[i] = pl_element(tensor->data, tensor->dtype, i);
    return values;
}

const double *vectors_doubles(struct vectors *vectors, int64_t count, const char *format, ...)
{
    NAME_FROM(format);
    return doubles(vectors, name, count);
}

const float *vectors_floats(struct vectors *vectors, int64_t count, const char *format, ...)
{
    NAME_FROM(format);
    const double *values = doubles(vectors, name, count);
    if (!values)
        return NULL;
    const struct pl_tensor *tensor = pl_bundle_tensor(&vectors->file->bundle, name);
    int64_t size = pl_tensor_count(tensor);
    float *out = vectors_new(vectors, size, sizeof *out);
    for (int64_t i = 0; i < size; i++)
        out[i] = (float)values[i];
    return out;
}

/* Prints the worst element, measured in tolerances. */
static void compare(struct vectors *vectors, const double *got, int64_t count, double absolute,
                    double relative, const char *name)
{
    const double *expected = doubles(vectors, name, count);
    double worst = 1;
    int64_t at = -1;

    if (!expected)
        return;
    for (int64_t i = 0; i < count; i++) {
        double allowed = absolute + relative * fabs(expected[i]);
        double distance = fabs(got[i] - expected[i]) / allowed;

        if (got[i] != expected[i] && !(distance <= worst)) {
            worst = distance;
            at = i;
        }
    }
    if (at >= 0)
        vectors_fail(vectors, "array '%s' element %lld: got %.17g, expected %.17g", name,
                     (long long)at, got[at], expected[at]);
}

void vectors_compare(struct vectors *vectors, const double *got, int64_t count, double absolute,
                     double relative, const char *format, ...)
{
    NAME_FROM(format);
    compare(vectors, got, count, absolute, relative, name);
}

void vectors_compare_floats(struct vectors *vectors, const float *got, int64_t count,
                            double absolute, double relative, const char *format, ...)
{
    NAME_FROM(format);
    double *values = vectors_new(vectors, count, sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] = (double)got[i];
    compare(vectors, values, count, absolute, relative, name);
}

static double real_tolerance(enum vectors_kind kind)
{
    static const double in_double[] = {1e-9, 1e-9, 1e-7}, in_float[] = {2e-4, 1e-3, 1e-3};
    return sizeof(pl_real) == sizeof(double) ? in_double[kind] : in_float[kind];
}

void vectors_compare_real(struct vectors *vectors, const pl_real *got, int64_t count,
                          enum vectors_kind kind, const char *format, ...)
{
    NAME_FROM(format);
    const double *expected = doubles(vectors, name, count);
    double largest = 0, worst = 0;
    int64_t at = -1;
    for (int64_t i = 0; expected && i < count; i++)
        largest = fmax(largest, fabs(expected[i]));
    for (int64_t i = 0; expected && i < count; i++) {
        double distance = fabs((double)got[i] - expected[i]);
        if (!(distance <= worst) && !isnan(worst)) {
            worst = distance;
            at = i;
        }
    }
    if (at >= 0 && !(worst <= real_tolerance(kind) * (largest > 0 ? largest : 1)))
        vectors_fail(vectors, "array '%s' element %lld: got %.17g, expected %.17g; error %.1e",
                     name, (long long)at, (double)got[at], expected[at], worst / largest);
}

const char *vectors_option(struct vectors *vectors, const char *key)
{
    const struct pl_meta_node *root =
        vectors->file ? pl_bundle_document(&vectors->file->bundle, "safetensors") : NULL;
    const char *text = NULL;
    if (root && pl_meta_text(&vectors->context, root, key, &text))
        return NULL;
    return text;
}
