/* Tensors cut into vectors, and put together again.
 * SPDX-License-Identifier: MIT */
#include "quantize/cut.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

bool pl_cut_takes(const struct pl_cut *cut, const char *kind, const char *name, int rank)
{
    if (strcmp(kind, "series") == 0)
        return strcmp(name, "values") == 0;
    if (strcmp(name, "labels") == 0 || ends_with(name, ".names") || ends_with(name, ".levels"))
        return false;
    return rank >= (cut->width == 0 && cut->height > 1 ? 1 : 2);
}

static double full_scale(const struct pl_cut *cut, const char *kind, enum pl_dtype dtype)
{
    bool picture = cut->width > 0 || strcmp(kind, "images") == 0;
    if (dtype == PL_U8 && picture)
        return 255;
    if (dtype == PL_U16 && picture)
        return 65535;
    return dtype == PL_I16 && strcmp(kind, "audio") == 0 ? 32768 : 1;
}

static int64_t pieces(int64_t size, int64_t piece)
{
    return size > 0 ? (size - 1) / piece + 1 : 0;
}

/* Pictures are [height, width], [height, width, channels] or [count, height, width, channels];
 * frames have all axes behind the first as channels.  False when that is too large. */
static bool lay_out(const struct pl_cut *cut, struct pl_sheet *sheet)
{
    const int64_t *dims = sheet->dims;
    int first = sheet->rank == 4;
    sheet->pictures = sheet->width = sheet->channels = 1;
    if (cut->width > 0) {
        sheet->pictures = first ? dims[0] : 1;
        sheet->height = dims[first];
        sheet->width = dims[first + 1];
        sheet->channels = sheet->rank > 2 ? dims[first + 2] : 1;
    } else {
        sheet->height = dims[0];
        if (!pl_shape_count(sheet->rank - 1, dims + 1, &sheet->channels))
            return false;
    }
    sheet->down = pieces(sheet->height, sheet->patch_height);
    sheet->across = pieces(sheet->width, sheet->patch_width);
    return pl_mul_int64(sheet->patch_height * sheet->patch_width, sheet->channels, &sheet->size) &&
           pl_mul_int64(sheet->down, sheet->across, &sheet->vectors) &&
           pl_mul_int64(sheet->vectors, sheet->pictures, &sheet->vectors);
}

enum pl_status pl_cut_plan(struct pl_context *context, const struct pl_cut *cut, const char *kind,
                           const char *name, enum pl_dtype dtype, int rank, const int64_t *dims,
                           struct pl_sheet *sheet)
{
    bool patches = cut->width > 0;
    *sheet = (struct pl_sheet){.name = name, .dtype = dtype, .rank = rank, .patches = patches};
    memcpy(sheet->dims, dims, (size_t)rank * sizeof *dims);
    sheet->scale = full_scale(cut, kind, dtype);
    sheet->patch_height = cut->height;
    sheet->patch_width = patches ? cut->width : 1;
    if (dtype == PL_BOOL)
        return pl_fail(context, PL_BAD_DATA, "tensor '%s': bool, which cannot be quantized", name);
    if (patches && (rank < 2 || rank > 4))
        return pl_fail(context, PL_BAD_DATA,
                       "tensor '%s' of rank %d is no picture: patches are cut from [height, width, "
                       "channels] or [count, height, width, channels]",
                       name, rank);
    if (rank < 1 || !lay_out(cut, sheet))
        return pl_fail(context, PL_BAD_DATA, "tensor '%s' has no rows, or is too large", name);
    if (sheet->vectors > 0 && sheet->size == 0)
        return pl_fail(context, PL_BAD_DATA, "tensor '%s': its vectors have no numbers", name);
    return PL_OK;
}

void pl_cut_write(struct pl_context *context, const struct pl_cut *cut, struct pl_meta *meta,
                  struct pl_meta_node *parent)
{
    if (cut->width == 0) {
        pl_meta_add_int(context, meta, parent, "frame", cut->height);
        return;
    }
    struct pl_meta_node *patch = pl_meta_add_list(context, meta, parent, "patch");
    pl_meta_add_int(context, meta, patch, NULL, cut->height);
    pl_meta_add_int(context, meta, patch, NULL, cut->width);
}

enum pl_status pl_cut_read(struct pl_context *context, const struct pl_meta_node *root,
                           struct pl_cut *cut)
{
    *cut = (struct pl_cut){0};
    bool patches = pl_meta_find(root, "patch") != NULL;
    enum pl_status status = PL_OK;
    if (!patches)
        status = pl_meta_int(context, root, "frame", &cut->height);
    else if (!(status = pl_meta_int(context, root, "patch.0", &cut->height)))
        status = pl_meta_int(context, root, "patch.1", &cut->width);
    if (status)
        return status;
    bool good = cut->height >= 1 && cut->height <= (patches ? PL_PATCH_MOST : PL_FRAME_MOST) &&
                (!patches || (cut->width >= 1 && cut->width <= PL_PATCH_MOST));
    return good ? PL_OK : pl_fail(context, PL_BAD_DATA, "neither a patch nor a frame");
}

/* ---- Cutting ------------------------------------------------------------------------------ */

enum pl_status pl_cutter_open(struct pl_context *context, struct pl_cutter *cutter,
                              const struct pl_sheet *sheet, struct pl_reader *reader,
                              const struct pl_directory_entry *entry)
{
    *cutter = (struct pl_cutter){.sheet = sheet, .across = sheet->across};
    if (sheet->vectors == 0)
        return PL_OK;
    size_t row = (size_t)(sheet->width * sheet->channels);
    cutter->strip = pl_new(context, (size_t)sheet->patch_height, row * sizeof(pl_real));
    return cutter->strip ? pl_elements_start(context, &cutter->elements, reader, entry)
                         : context->status;
}

void pl_cutter_close(struct pl_cutter *cutter)
{
    free(cutter->strip);
    cutter->strip = NULL;
}

static enum pl_status not_finite(struct pl_context *context, const struct pl_cutter *cutter,
                                 int64_t element, pl_real value)
{
    const struct pl_sheet *sheet = cutter->sheet;
    return pl_fail(
        context, PL_BAD_DATA,
        "tensor '%s': row %lld, number %lld is %s: quantize finite numbers only", sheet->name,
        (long long)(cutter->done / sheet->across * sheet->patch_height +
                    element / (sheet->width * sheet->channels)),
        (long long)(element % (sheet->width * sheet->channels)), isnan(value) ? "NaN" : "infinite");
}

/* Takes `count` elements of the tensor as numbers. */
static enum pl_status take(struct pl_context *context, struct pl_cutter *cutter, int64_t count,
                           pl_real *out)
{
    const struct pl_sheet *sheet = cutter->sheet;
    pl_real scale = (pl_real)sheet->scale;
    for (int64_t done = 0; done < count;) {
        const void *data = NULL;
        enum pl_status status = PL_OK;
        if (cutter->ahead_count == 0) {
            status = pl_elements_next(context, &cutter->elements, &data, &cutter->ahead_count);
            cutter->ahead = data;
        }
        if (status == PL_OK && cutter->ahead_count == 0)
            status = pl_fail(context, PL_BAD_DATA, "tensor '%s' ends early", sheet->name);
        int64_t some = cutter->ahead_count < count - done ? cutter->ahead_count : count - done;
        if (status == PL_OK)
            status =
                pl_convert(context, cutter->ahead, sheet->dtype, out + done, PL_REAL_DTYPE, some);
        if (status)
            return status;
        for (int64_t i = done; i < done + some; i++) {
            out[i] /= scale;
            if (!isfinite(out[i]))
                return not_finite(context, cutter, i, out[i]);
        }
        cutter->ahead += (size_t)some * pl_dtype_size(sheet->dtype);
        cutter->ahead_count -= some;
        done += some;
    }
    return PL_OK;
}

/* The next rows of the picture; what is missing of the last ones repeats the last there is. */
static enum pl_status next_strip(struct pl_context *context, struct pl_cutter *cutter)
{
    const struct pl_sheet *sheet = cutter->sheet;
    int64_t row = sheet->width * sheet->channels;
    int64_t left = sheet->height - cutter->down * sheet->patch_height;
    int64_t rows = left < sheet->patch_height ? left : sheet->patch_height;
    enum pl_status status = take(context, cutter, rows * row, cutter->strip);
    for (int64_t y = rows; y < sheet->patch_height && status == PL_OK; y++)
        memcpy(cutter->strip + y * row, cutter->strip + (rows - 1) * row,
               (size_t)row * sizeof(pl_real));
    cutter->down = (cutter->down + 1) % sheet->down;
    cutter->across = 0;
    return status;
}

static void cut_vector(const struct pl_cutter *cutter, pl_real *out)
{
    const struct pl_sheet *sheet = cutter->sheet;
    int64_t channels = sheet->channels, first = cutter->across * sheet->patch_width;
    int64_t left = sheet->width - first;
    int64_t columns = left < sheet->patch_width ? left : sheet->patch_width;
    for (int64_t y = 0; y < sheet->patch_height; y++) {
        const pl_real *row = cutter->strip + (y * sheet->width + first) * channels;
        memcpy(out, row, (size_t)(columns * channels) * sizeof *out);
        for (int64_t x = columns; x < sheet->patch_width; x++)
            memcpy(out + x * channels, row + (columns - 1) * channels,
                   (size_t)channels * sizeof *out);
        out += sheet->patch_width * channels;
    }
}

enum pl_status pl_cutter_next(struct pl_context *context, struct pl_cutter *cutter, int64_t most,
                              pl_real *vectors, int64_t *count)
{
    const struct pl_sheet *sheet = cutter->sheet;
    for (*count = 0; *count < most && cutter->done < sheet->vectors; ++*count) {
        if (cutter->across == sheet->across && next_strip(context, cutter))
            return context->status;
        cut_vector(cutter, vectors + *count * sheet->size);
        cutter->across++;
        cutter->done++;
    }
    return PL_OK;
}

/* ---- Joining ------------------------------------------------------------------------------ */

enum pl_status pl_joiner_open(struct pl_context *context, struct pl_joiner *joiner,
                              const struct pl_sheet *sheet, pl_joined_fn *give, void *user)
{
    *joiner = (struct pl_joiner){.sheet = sheet, .give = give, .user = user};
    if (sheet->vectors == 0)
        return PL_OK;
    size_t rows = (size_t)sheet->patch_height, row = (size_t)(sheet->width * sheet->channels);
    joiner->strip = pl_new(context, rows, row * sizeof(pl_real));
    joiner->converted = pl_new(context, rows, row * pl_dtype_size(sheet->dtype));
    if (joiner->strip && joiner->converted)
        return PL_OK;
    pl_joiner_close(joiner);
    return context->status;
}

void pl_joiner_close(struct pl_joiner *joiner)
{
    free(joiner->strip);
    free(joiner->converted);
    *joiner = (struct pl_joiner){0};
}

/* The least and the largest value of an integer type; false for floats.  Of 64 bits the largest
 * double in it. */
static bool integer_range(enum pl_dtype dtype, double *low, double *high)
{
    int bits = 8 * (int)pl_dtype_size(dtype);
    bool is_signed = dtype >= PL_I8 && dtype <= PL_I64;
    double power = ldexp(1, bits - is_signed);
    *low = is_signed ? -power : 0;
    *high = bits == 64 ? nextafter(power, 0) : power - 1;
    return !pl_dtype_is_float(dtype);
}

/* Gives the first `count` numbers of the strip in the tensor's own type. */
static enum pl_status give_strip(struct pl_context *context, const struct pl_joiner *joiner,
                                 int64_t count)
{
    enum { PIECE = 512 };
    const struct pl_sheet *sheet = joiner->sheet;
    double low, high, piece[PIECE];
    bool integers = integer_range(sheet->dtype, &low, &high);
    size_t size = pl_dtype_size(sheet->dtype);
    enum pl_status status = PL_OK;
    for (int64_t done = 0; done < count && status == PL_OK; done += PIECE) {
        int64_t some = count - done < PIECE ? count - done : PIECE;
        for (int64_t i = 0; i < some; i++) {
            double value = (double)joiner->strip[done + i] * sheet->scale;
            piece[i] = integers ? fmin(fmax(nearbyint(value), low), high) : value;
        }
        status = pl_convert(context, piece, PL_F64, joiner->converted + (size_t)done * size,
                            sheet->dtype, some);
    }
    return status ? status : joiner->give(context, joiner->user, joiner->converted, count);
}

static void join_vector(const struct pl_joiner *joiner, const pl_real *vector)
{
    const struct pl_sheet *sheet = joiner->sheet;
    int64_t channels = sheet->channels, first = joiner->across * sheet->patch_width;
    int64_t left = sheet->width - first;
    int64_t columns = left < sheet->patch_width ? left : sheet->patch_width;
    for (int64_t y = 0; y < sheet->patch_height; y++)
        memcpy(joiner->strip + (y * sheet->width + first) * channels,
               vector + y * sheet->patch_width * channels,
               (size_t)(columns * channels) * sizeof *vector);
}

enum pl_status pl_joiner_put(struct pl_context *context, struct pl_joiner *joiner,
                             const pl_real *vectors, int64_t count)
{
    const struct pl_sheet *sheet = joiner->sheet;
    for (int64_t i = 0; i < count; i++) {
        join_vector(joiner, vectors + i * sheet->size);
        if (++joiner->across < sheet->across)
            continue;
        int64_t left = sheet->height - joiner->down * sheet->patch_height;
        int64_t rows = left < sheet->patch_height ? left : sheet->patch_height;
        joiner->across = 0;
        joiner->down = (joiner->down + 1) % sheet->down;
        if (give_strip(context, joiner, rows * sheet->width * sheet->channels))
            return context->status;
    }
    return PL_OK;
}
