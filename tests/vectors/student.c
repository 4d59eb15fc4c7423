/* Models made from a trained transformer.
 * SPDX-License-Identifier: MIT */
#include "student.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/input.h"
#include "models/convert.h"
#include "models/lm_stream.h"
#include "tensor/blas.h"

enum { NAME_SIZE = 200 };

#ifdef PL_DOUBLE
static const double tolerance = 1e-5;
#else
static const double tolerance = 1e-4;
#endif

/* ---- Opening ----------------------------------------------------------------------------- */

/* Beside the folder of vectors, else among the test data. */
static const char *find_model(const struct vectors *vectors, struct pl_context *context,
                              struct pl_buffer *path)
{
    static const char model[] = "data/models/stories260K/stories260K.bin";
    const char *data = getenv("PLUMBLINE_TEST_DATA");
    if (pl_buffer_printf(context, path, "%s/../../%s", vectors->folder, model))
        return NULL;
    if (access(path->data, R_OK) == 0)
        return path->data;
    path->size = 0;
    return pl_buffer_printf(context, path, "%s/%s", data ? data : "../shared", model) ? NULL
                                                                                      : path->data;
}

static bool take_weights(struct vectors *vectors, struct pl_lm *lm, const struct pl_bundle *bundle)
{
    struct pl_context *context = &vectors->context;
    if (!vectors_ok(vectors, pl_parameters_start(context, &lm->parameters, 0, 1)) ||
        !vectors_ok(vectors, pl_parameters_gradients(context, &lm->parameters)))
        return false;
    for (size_t i = 0; i < lm->parameters.count; i++) {
        struct pl_parameter *parameter = lm->parameters.items[i];
        const struct pl_tensor *tensor = pl_bundle_tensor(bundle, parameter->name);
        if (tensor && !vectors_ok(vectors, pl_convert(context, tensor->data, tensor->dtype,
                                                      parameter->variable.value, PL_REAL_DTYPE,
                                                      parameter->variable.count)))
            return false;
    }
    return true;
}

bool student_open(struct vectors *vectors, struct pl_lm *lm, const char *type,
                  const char *const *settings)
{
    struct pl_context *context = &vectors->context;
    struct pl_buffer path = {0};
    struct pl_bundle bundle = {0};
    struct pl_source source;
    size_t count = 0;
    while (settings[count])
        count++;
    const char *model = find_model(vectors, context, &path);
    bool ok = model && vectors_ok(vectors, pl_blas_open(context)) &&
              vectors_ok(vectors, pl_input_bundle(context, model, NULL, &source, &bundle)) &&
              vectors_ok(vectors, pl_convert_init(context, lm, pl_bundle_document(&bundle, "model"),
                                                  pl_model_find(type), settings, count)) &&
              take_weights(vectors, lm, &bundle);
    pl_bundle_release(&bundle);
    pl_buffer_release(&path);
    return ok;
}

bool student_has(const struct vectors *vectors, int64_t index)
{
    char name[64];
    snprintf(name, sizeof name, "layer%lld.x", (long long)index);
    return vectors_dim(vectors, name, 0) > 0;
}

struct pl_variable *student_forward(struct vectors *vectors, struct student_layer *layer,
                                    struct pl_lm *lm, int64_t index)
{
    char name[64];
    snprintf(name, sizeof name, "layer%lld.x", (long long)index);
    *layer = (struct student_layer){.tape = {.context = &vectors->context, .recording = true}};
    layer->pass = (struct pl_pass){.tape = &layer->tape, .lm = lm};
    layer->x = layer_variable(vectors, "%s", name);
    if (!layer->x ||
        !vectors_ok(vectors, pl_rows_even(&layer->tape, 1, vectors_dim(vectors, name, 1),
                                          &layer->pass.rows)))
        return NULL;
    struct pl_variable *x =
        pl_tape_view(&layer->tape, layer->x, layer->x->dims[1], layer->x->dims[2]);
    struct pl_variable *y = lm->type->mixer->forward(&layer->pass, lm->layers[index].mix, index, x);
    if (!y)
        vectors_ok(vectors, vectors->context.status);
    return y;
}

/* ---- Comparing --------------------------------------------------------------------------- */

static void compare(struct vectors *vectors, const pl_real *got, int64_t count, bool relative,
                    const char *name)
{
    const double *expected = vectors_doubles(vectors, count, "%s", name);
    double largest = 0, *values = vectors_new(vectors, count, sizeof *values);
    for (int64_t i = 0; expected && i < count; i++) {
        const double size = expected[i] < 0 ? -expected[i] : expected[i];
        largest = size > largest ? size : largest;
        values[i] = (double)got[i];
    }
    if (expected)
        vectors_compare(vectors, values, count, relative ? 10 * tolerance * largest : tolerance, 0,
                        "%s", name);
}

#define NAME_FROM(format)                            \
    char name[NAME_SIZE];                            \
    va_list arguments;                               \
    va_start(arguments, format);                     \
    vsnprintf(name, sizeof name, format, arguments); \
    va_end(arguments)

void student_compare(struct vectors *vectors, const pl_real *got, int64_t count, const char *format,
                     ...)
{
    NAME_FROM(format);
    compare(vectors, got, count, false, name);
}

void student_compare_gradient(struct vectors *vectors, const pl_real *got, int64_t count,
                              const char *format, ...)
{
    NAME_FROM(format);
    compare(vectors, got, count, true, name);
}

void student_turn(int64_t heads, int64_t rows, int64_t width, const pl_real *from, pl_real *to)
{
    for (int64_t head = 0; head < heads; head++)
        for (int64_t row = 0; row < rows; row++)
            for (int64_t c = 0; c < width; c++)
                to[(head * rows + row) * width + c] = from[(row * heads + head) * width + c];
}
