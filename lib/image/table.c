/* A table of pictures: see table.h.
 * SPDX-License-Identifier: MIT */
#include "image/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/pictures.h"

struct table {
    const double *values; /* [rows, pixels + 1] */
    int64_t rows, pixels, side;
    double white;
    uint8_t *images; /* [rows, pixels] */
    int32_t *labels; /* [rows] */
};

/* Columns of words are beside the values: a class among them would leave its place to a pixel. */
static enum pl_status refuse_words(struct pl_context *context, const struct pl_bundle *bundle)
{
    for (size_t i = 0; i < bundle->tensor_count; i++) {
        const char *name = bundle->tensors[i].name;
        const size_t size = strlen(name);
        if (size > 7 && strcmp(name + size - 7, ".levels") == 0)
            return pl_fail(context, PL_BAD_DATA,
                           "column '%.*s' holds words: pixels and classes must be numbers",
                           (int)(size - 7), name);
    }
    return PL_OK;
}

static enum pl_status describe(struct pl_context *context, const struct pl_bundle *bundle,
                               struct table *table)
{
    const struct pl_tensor *values = pl_bundle_tensor(bundle, "values");
    if (refuse_words(context, bundle))
        return context->status;
    if (!values || values->dtype != PL_F64 || values->rank != 2 || values->dims[1] < 2)
        return pl_fail(context, PL_BAD_DATA,
                       "expected a table with columns of pixels and a last one of classes");
    table->values = values->data;
    table->rows = values->dims[0];
    table->pixels = values->dims[1] - 1;
    table->side = (int64_t)(sqrt((double)table->pixels) + 0.5);
    if (table->side * table->side != table->pixels)
        return pl_fail(context, PL_BAD_DATA,
                       "%lld columns beside the last one: the pixels of no square picture",
                       (long long)table->pixels);
    return PL_OK;
}

static enum pl_status refuse(struct pl_context *context, int64_t row, int64_t column, double value,
                             const char *what)
{
    return pl_fail(context, PL_BAD_DATA, "row %lld, column %lld: %g is %s", (long long)row + 1,
                   (long long)column + 1, value, what);
}

static enum pl_status take_row(struct pl_context *context, struct table *table, int64_t row)
{
    const double *values = table->values + row * (table->pixels + 1);
    for (int64_t i = 0; i < table->pixels; i++) {
        if (!(values[i] >= 0 && values[i] <= table->white))
            return refuse(context, row, i, values[i], "no pixel between 0 and --white");
        table->images[row * table->pixels + i] = (uint8_t)rint(values[i] / table->white * 255);
    }
    const double label = values[table->pixels];
    if (!(label >= 0 && label < PL_CLASSES_MOST && label == floor(label)))
        return refuse(context, row, table->pixels, label, "no number of a class");
    table->labels[row] = (int32_t)label;
    return PL_OK;
}

static enum pl_status write_table(struct pl_context *context, const struct table *table,
                                  struct pl_writer *writer)
{
    const int64_t dims[] = {table->rows, table->side, table->side, 1};
    const struct pl_tensor images = pl_tensor_view(PL_U8, 4, dims, table->images);
    const struct pl_tensor labels = pl_tensor_view(PL_I32, 1, dims, table->labels);
    if (pl_writer_kind(context, writer, "images") ||
        pl_writer_tensor(context, writer, "images", &images, PL_CODEC_RAW))
        return context->status;
    return pl_writer_tensor(context, writer, "labels", &labels, PL_CODEC_RAW);
}

enum pl_status pl_pictures_of_table(struct pl_context *context, const struct pl_bundle *bundle,
                                    double white, struct pl_writer *writer)
{
    struct table table = {.white = white};
    if (describe(context, bundle, &table))
        return pl_fail_at(context, "%s", bundle->source);
    table.images = pl_new(context, (size_t)(table.rows * table.pixels), 1);
    table.labels = pl_new(context, (size_t)table.rows, sizeof *table.labels);
    enum pl_status status = table.images && table.labels ? PL_OK : context->status;
    for (int64_t row = 0; row < table.rows && !status; row++)
        status = take_row(context, &table, row);
    if (status)
        pl_fail_at(context, "%s", bundle->source);
    else
        status = write_table(context, &table, writer);
    free(table.images);
    free(table.labels);
    return status;
}
