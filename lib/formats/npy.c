/* NumPy's array files: one array behind a header that is a Python literal.
 * SPDX-License-Identifier: MIT
 *
 *     \x93NUMPY  major minor  length (u16; u32 from version 2)
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  blanks  LF
 *
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.  The literal is read by a
 * small strict parser; nothing is evaluated.  Python 2 wrote long integers as 3L. */
#include "formats/npy.h"

#include <string.h>

#include "formats/importers.h"

enum { HEADER_MOST = 1 << 20, SHORT_PREFIX = 10, LONG_PREFIX = 12, ALIGNMENT = 64 };

/* The literal as far as it is read. */
struct literal {
    const char *at, *end;
};

static void skip_blanks(struct literal *literal)
{
    while (literal->at < literal->end && strchr(" \t\r\n", *literal->at) && *literal->at) {
        literal->at++;
    }
}

/* Moves over a byte if it is next. */
static bool take(struct literal *literal, char byte)
{
    skip_blanks(literal);
    if (literal->at < literal->end && *literal->at == byte) {
        literal->at++;
        return true;
    }
    return false;
}

/* Moves over a word if it is next. */
static bool take_word(struct literal *literal, const char *word)
{
    size_t size = strlen(word);
    skip_blanks(literal);
    if ((size_t)(literal->end - literal->at) >= size && memcmp(literal->at, word, size) == 0) {
        literal->at += size;
        return true;
    }
    return false;
}

/* Reads 'text' or "text" without escapes. */
static bool take_string(struct literal *literal, char *out, size_t room)
{
    skip_blanks(literal);
    if (literal->at == literal->end || (*literal->at != '\'' && *literal->at != '"')) {
        return false;
    }
    char quote = *literal->at++;
    const char *close = memchr(literal->at, quote, (size_t)(literal->end - literal->at));
    size_t size = close ? (size_t)(close - literal->at) : room;
    if (size >= room) {
        return false;
    }
    memcpy(out, literal->at, size);
    out[size] = '\0';
    literal->at = close + 1;
    return true;
}

static bool take_shape(struct literal *literal, struct pl_array *array)
{
    if (!take(literal, '(')) {
        return false;
    }
    array->rank = 0;
    while (!take(literal, ')')) {
        int64_t value = 0;
        skip_blanks(literal);
        const char *first = literal->at;
        while (literal->at < literal->end && *literal->at >= '0' && *literal->at <= '9') {
            if (!pl_mul_int64(value, 10, &value) ||
                !pl_add_int64(value, *literal->at - '0', &value)) {
                return false;
            }
            literal->at++;
        }
        if (literal->at == first || array->rank == PL_MAX_RANK) {
            return false;
        }
        array->dims[array->rank++] = value;
        take(literal, 'L');
        if (!take(literal, ',') && (literal->at == literal->end || *literal->at != ')')) {
            return false;
        }
    }
    return true;
}

static enum pl_status refuse(struct pl_context *context, const struct pl_bytes *bytes,
                             const char *descr)
{
    const char *type = strpbrk(descr, "OcUSaVMmgGf");
    const char *what = "elements of a type that is not supported";
    if (type && *type == 'O') {
        what = "Python objects (pickle), which can run code when read: refused";
    } else if (type && strchr("cG", *type)) {
        what = "complex numbers, which are not supported";
    } else if (type && strchr("USa", *type)) {
        what = "text, which is not supported";
    } else if (type && strchr("Mm", *type)) {
        what = "dates or durations, which are not supported: convert them to int64";
    } else if (type && *type == 'V') {
        what = "structures or opaque bytes, which are not supported";
    }
    return pl_bytes_fail(context, bytes, PL_BAD_DATA, "holds %s (descr '%s')", what, descr);
}

/* '<f4': byte order, kind, size. */
static enum pl_status set_dtype(struct pl_context *context, const struct pl_bytes *bytes,
                                const char *descr, struct pl_array *array)
{
    static const struct {
        const char *descr;
        enum pl_dtype dtype;
    } types[] = {{"f2", PL_F16}, {"f4", PL_F32}, {"f8", PL_F64}, {"i1", PL_I8},
                 {"i2", PL_I16}, {"i4", PL_I32}, {"i8", PL_I64}, {"u1", PL_U8},
                 {"u2", PL_U16}, {"u4", PL_U32}, {"u8", PL_U64}, {"b1", PL_BOOL}};
    bool ordered = *descr && strchr("<>|=", *descr);
    array->swapped = *descr == '>';
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(descr + ordered, types[i].descr) == 0) {
            array->dtype = types[i].dtype;
            return PL_OK;
        }
    }
    return refuse(context, bytes, descr);
}

static enum pl_status parse_header(struct pl_context *context, const struct pl_bytes *bytes,
                                   struct literal literal, struct pl_array *array)
{
    enum { DESCR = 1, ORDER = 2, SHAPE = 4, ALL = 7 };
    char key[16], descr[32] = "";
    int seen = 0;
    bool good = take(&literal, '{');
    while (good && !take(&literal, '}')) {
        good = take_string(&literal, key, sizeof key) && take(&literal, ':');
        int which = 0;
        if (good && strcmp(key, "descr") == 0) {
            which = DESCR;
            if (take(&literal, '[')) {
                return pl_bytes_fail(context, bytes, PL_BAD_DATA,
                                     "holds structures (named fields), which are not supported");
            }
            good = take_string(&literal, descr, sizeof descr);
        } else if (good && strcmp(key, "fortran_order") == 0) {
            which = ORDER;
            array->fortran = take_word(&literal, "True");
            good = array->fortran || take_word(&literal, "False");
        } else if (good && strcmp(key, "shape") == 0) {
            which = SHAPE;
            good = take_shape(&literal, array);
        }
        good = good && which && !(seen & which);
        seen |= which;
        skip_blanks(&literal);
        good = good && (take(&literal, ',') || (literal.at < literal.end && *literal.at == '}'));
    }
    skip_blanks(&literal);
    if (!good || seen != ALL || literal.at != literal.end) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA, "damaged NPY header");
    }
    return set_dtype(context, bytes, descr, array);
}

enum pl_status pl_npy_take_header(struct pl_context *context, struct pl_bytes *bytes,
                                  struct pl_array *array)
{
    const uint8_t *data;
    size_t size;
    enum pl_status status = pl_bytes_peek(context, bytes, LONG_PREFIX, &data, &size);
    if (status) {
        return status;
    }
    if (size < SHORT_PREFIX || memcmp(data, "\x93NUMPY", 6) != 0) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA, "not an NPY file");
    }
    int major = data[6];
    size_t prefix = major == 1 ? SHORT_PREFIX : LONG_PREFIX;
    if (major < 1 || major > 3 || size < prefix) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA,
                             "NPY version %d.%d, of which nothing is known", major, data[7]);
    }
    size_t length = (size_t)data[8] | (size_t)data[9] << 8;
    if (major > 1) {
        length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    }
    if (length > HEADER_MOST) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA, "an NPY header of %zu bytes", length);
    }
    status = pl_bytes_take(context, bytes, prefix + length, &data);
    if (status) {
        return status;
    }
    const char *text = (const char *)data + prefix;
    return parse_header(context, bytes, (struct literal){text, text + length}, array);
}

enum pl_status pl_npy_import(struct pl_context *context, const struct pl_import *import,
                             struct pl_bytes *bytes, struct pl_writer *writer)
{
    struct pl_array array = {0};
    pl_array_name(bytes, import->name, array.name);
    enum pl_status status = pl_npy_take_header(context, bytes, &array);
    if (!status) {
        status = pl_array_copy(context, bytes, &array, writer);
    }
    return status ? status : pl_bytes_expect_end(context, bytes);
}

enum pl_status pl_npy_write_header(struct pl_context *context, const char *name,
                                   enum pl_dtype dtype, int rank, const int64_t *dims,
                                   struct pl_buffer *out)
{
    static const char *const descrs[] = {
        [PL_F16] = "<f2", [PL_F32] = "<f4", [PL_F64] = "<f8", [PL_I8] = "|i1",
        [PL_I16] = "<i2", [PL_I32] = "<i4", [PL_I64] = "<i8", [PL_U8] = "|u1",
        [PL_U16] = "<u2", [PL_U32] = "<u4", [PL_U64] = "<u8", [PL_BOOL] = "|b1"};
    size_t start = out->size;
    if (dtype == PL_BF16) {
        return pl_fail(context, PL_BAD_DATA,
                       "tensor '%s': NPY has no bf16 (ts-select --cast f32 converts)", name);
    }
    enum pl_status status = pl_buffer_append(context, out, "\x93NUMPY\x01\0\0\0", SHORT_PREFIX);
    if (!status) {
        status = pl_buffer_printf(
            context, out, "{'descr': '%s', 'fortran_order': False, 'shape': (", descrs[dtype]);
    }
    for (int i = 0; i < rank && !status; i++) {
        status = pl_buffer_printf(context, out, "%s%lld%s", i ? " " : "", (long long)dims[i],
                                  i + 1 < rank || rank == 1 ? "," : "");
    }
    if (!status) {
        status = pl_buffer_text(context, out, "), }");
    }
    size_t length = out->size - start + 1;
    int blanks = (int)((ALIGNMENT - length % ALIGNMENT) % ALIGNMENT);
    if (!status) {
        status = pl_buffer_printf(context, out, "%*s\n", blanks, "");
    }
    if (!status) {
        size_t header = out->size - start - SHORT_PREFIX;
        out->data[start + 8] = (char)(header & 0xff);
        out->data[start + 9] = (char)(header >> 8);
    }
    return status;
}
