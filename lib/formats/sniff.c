/* What a file is, by its first bytes.
 * SPDX-License-Identifier: MIT */
#include "formats/importers.h"

#include <string.h>

enum { WINDOW = 1024, TAR_MAGIC = 257, SAFETENSORS_HEADER_MOST = 100000000 };

/* Formats with a magic number; a refusal says what the file is and what to do. */
static const struct magic {
    const char *bytes;
    size_t size;
    enum pl_format format;
    const char *refusal;
} magics[] = {
    {"--- !plumbline", 14, PL_FORMAT_STREAM, NULL},
    {"\x93NUMPY", 6, PL_FORMAT_NPY, NULL},
    {"PK\x03\x04", 4, PL_FORMAT_NPZ, NULL},
    {"PK\x05\x06", 4, PL_FORMAT_NPZ, NULL},
    {"24ka", 4, PL_FORMAT_AUTO, "a llama2.c checkpoint of a later version; version 0 is read"},
    {"GGUF", 4, PL_FORMAT_AUTO, "a GGUF model, which is not supported"},
    {"\x89HDF\r\n", 6, PL_FORMAT_AUTO, "an HDF5 file, which is not supported: export it to NPY"},
    {"PAR1", 4, PL_FORMAT_AUTO, "a Parquet file, which is not supported: export it to CSV"},
    {"ARROW1", 6, PL_FORMAT_AUTO, "an Arrow file, which is not supported: export it to CSV"},
    {"SQLite format 3", 16, PL_FORMAT_AUTO, "an SQLite database: export a table to CSV"},
    {"\xfd"
     "7zXZ",
     5, PL_FORMAT_AUTO, "compressed by xz: pipe it through xz -dc"},
    {"BZh", 3, PL_FORMAT_AUTO, "compressed by bzip2: pipe it through bzip2 -dc"},
    {"\x28\xb5\x2f\xfd", 4, PL_FORMAT_AUTO, "compressed by zstd: pipe it through zstd -dc"},
    {"\x1f\x8b", 2, PL_FORMAT_AUTO, "compressed by gzip twice: pipe it through gzip -dc"},
    {"\xff\xfe", 2, PL_FORMAT_AUTO, "UTF-16 text: pipe it through iconv -f utf-16 -t utf-8"},
    {"\xfe\xff", 2, PL_FORMAT_AUTO, "UTF-16 text: pipe it through iconv -f utf-16 -t utf-8"},
    {"\x89PNG\r\n\x1a\n", 8, PL_FORMAT_PNG, NULL},
    {"\xff\xd8\xff", 3, PL_FORMAT_AUTO, "a JPEG picture, which is not supported: make it a PNG"},
    {"RF64", 4, PL_FORMAT_AUTO, "a sound of more than 4 GiB (RF64), which is not supported"},
    {"RIFX", 4, PL_FORMAT_AUTO, "a big-endian RIFF file, which is not supported"},
    {"%PDF", 4, PL_FORMAT_AUTO, "a PDF document"},
    {"\x7f"
     "ELF",
     4, PL_FORMAT_AUTO, "a program or library"},
};

static uint64_t little_endian(const uint8_t *bytes, int size)
{
    uint64_t value = 0;
    for (int i = size - 1; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static bool is_safetensors(const uint8_t *bytes, size_t size)
{
    return size > 8 && bytes[8] == '{' &&
           little_endian(bytes, 8) - 2 <= SAFETENSORS_HEADER_MOST - 2;
}

static bool is_idx(const uint8_t *bytes, size_t size)
{
    return size >= 4 && bytes[0] == 0 && bytes[1] == 0 &&
           memchr("\x08\x09\x0b\x0c\x0d\x0e", bytes[2], 6) && bytes[3] >= 1 &&
           bytes[3] <= PL_MAX_RANK;
}

/* Protocol 2 and later begin with 0x80 and the protocol. */
static bool is_pickle(const uint8_t *bytes, size_t size)
{
    return size >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5;
}

static bool is_tar(const uint8_t *bytes, size_t size)
{
    return size >= TAR_MAGIC + 5 && memcmp(bytes + TAR_MAGIC, "ustar", 5) == 0;
}

/* RIFF, four bytes of size, and what it is. */
static enum pl_format sniff_riff(const uint8_t *bytes, const char **refusal)
{
    if (memcmp(bytes + 8, "WAVE", 4) == 0) {
        return PL_FORMAT_WAV;
    }
    *refusal = "a RIFF file that is no sound, which is not supported";
    return PL_FORMAT_AUTO;
}

/* A zip archive is NPZ unless its first member says that it is PyTorch's. */
static enum pl_format sniff_zip(const uint8_t *bytes, size_t size)
{
    enum { NAME_SIZE = 26, NAME = 30 };
    if (size < NAME) {
        return PL_FORMAT_NPZ;
    }
    size_t name_size = (size_t)little_endian(bytes + NAME_SIZE, 2);
    name_size = name_size < size - NAME ? name_size : size - NAME;
    return name_size >= 4 && memmem(bytes + NAME, name_size, ".pkl", 4) ? PL_FORMAT_PYTORCH
                                                                        : PL_FORMAT_NPZ;
}

/* Text has no control bytes but blanks and line ends. */
static bool is_text(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == 0x7f || (bytes[i] < 0x20 && !memchr("\t\n\r\f\v", bytes[i], 5))) {
            return false;
        }
    }
    return size > 0;
}

static enum pl_format sniff_json(const uint8_t *bytes, size_t size, const char **refusal)
{
    if (memmem(bytes, size, "\"weight_map\"", 12) || memmem(bytes, size, "\"metadata\"", 10)) {
        return PL_FORMAT_SAFETENSORS;
    }
    *refusal = "a JSON document that is no index of safetensors";
    return PL_FORMAT_AUTO;
}

enum pl_format pl_format_sniff(const void *data, size_t size, const char **refusal)
{
    const uint8_t *bytes = data;
    size = size < WINDOW ? size : WINDOW;
    *refusal = NULL;
    if (is_safetensors(bytes, size)) {
        return PL_FORMAT_SAFETENSORS;
    }
    if (size > 0 && size < PL_MAGIC_SIZE && memcmp(bytes, PL_MAGIC, size) == 0) {
        return PL_FORMAT_STREAM; /* cut short */
    }
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        const struct magic *magic = &magics[i];
        bool chance = magic->refusal && is_text(bytes, size); /* a column may be called PAR1 */
        if (size >= magic->size && !chance && memcmp(bytes, magic->bytes, magic->size) == 0) {
            *refusal = magic->refusal;
            return magic->format == PL_FORMAT_NPZ ? sniff_zip(bytes, size) : magic->format;
        }
    }
    if (pl_llama2c_sniff(bytes, size)) {
        return PL_FORMAT_LLAMA2C;
    }
    if (is_idx(bytes, size)) {
        return PL_FORMAT_IDX;
    }
    if (size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && !is_text(bytes, size)) {
        return sniff_riff(bytes, refusal);
    }
    if (pl_pnm_sniff(bytes, size)) {
        return PL_FORMAT_PNM;
    }
    if (is_pickle(bytes, size) || is_tar(bytes, size)) {
        return PL_FORMAT_PYTORCH;
    }
    if (size > 0 && bytes[0] == '{') {
        return sniff_json(bytes, size, refusal);
    }
    return is_text(bytes, size) ? PL_FORMAT_CSV : PL_FORMAT_AUTO;
}

bool pl_sniff_wants_more(const void *data, size_t size)
{
    enum { LENGTH_LOW = 4, LENGTH = 8 }; /* a safetensors header is shorter than 2^32 bytes */
    const uint8_t *bytes = data;
    if (size >= WINDOW) {
        return false;
    }
    if (size <= LENGTH_LOW || bytes[0] == '{') {
        return true;
    }
    bool short_length = size <= LENGTH;
    for (size_t i = LENGTH_LOW; i < size && i < LENGTH; i++) {
        short_length = short_length && bytes[i] == 0;
    }
    if (short_length || !is_text(bytes, size)) { /* binary files need no quick answer */
        return true;
    }
    if (pl_pnm_may_follow(bytes, size)) {
        return true;
    }
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        if (size < magics[i].size && memcmp(bytes, magics[i].bytes, size) == 0) {
            return true;
        }
    }
    return false;
}
