/* The grammar of headers: what is refused, and why; the canonical form.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "base/crc32.h"
#include "stream/header.h"

/* A header with the given mapping and the right CRC. */
static size_t make(char out[PL_HEADER_MAX + PL_BLOCK], const char *mapping)
{
    size_t size = (strlen(mapping) + PL_MAGIC_SIZE + 11 + 63) / 64 * 64;
    memset(out, ' ', size);
    memcpy(out, PL_MAGIC, PL_MAGIC_SIZE);
    memcpy(out + PL_MAGIC_SIZE, mapping, strlen(mapping));
    out[size - 10] = '#';
    pl_hex_write(out + size - 9, pl_crc32(0, out, size - 10));
    out[size - 1] = '\n';
    return size;
}

static struct pl_header accept(const char *mapping)
{
    struct pl_context context = {0};
    struct pl_header header;
    char text[PL_HEADER_MAX + PL_BLOCK];
    size_t size = make(text, mapping);
    CHECK(pl_header_parse(&context, text, size, &header) == PL_OK);
    CHECK_TEXT(context.message, "");
    return header;
}

static void refuse(const char *mapping, const char *message)
{
    struct pl_context context = {0};
    struct pl_header header;
    char text[PL_HEADER_MAX + PL_BLOCK];
    size_t size = make(text, mapping);
    CHECK(pl_header_parse(&context, text, size, &header) == PL_BAD_DATA);
    CHECK_TEXT(context.message, message);
}

static void kinds(void)
{
    struct pl_header h =
        accept("{tensor: a.b/c-d_9, dtype: bf16, shape: [0, 9223372036854775807], bytes: 0}");
    CHECK(h.kind == PL_RECORD_TENSOR && h.dtype == PL_BF16 && h.rank == 2 && !h.chunked);
    CHECK(h.dims[1] == INT64_MAX && h.payload && h.bytes == 0 && h.codec == PL_CODEC_RAW);
    CHECK_TEXT(h.name, "a.b/c-d_9");
    h = accept("{tensor: w, codec: shuffle-zlib, bytes: 7, shape: [], dtype: bool}");
    CHECK(h.rank == 0 && h.codec == PL_CODEC_SHUFFLE_ZLIB && h.dtype == PL_BOOL);
    h = accept("{tensor: w, dtype: u64, shape: [~, 2, 3, 4, 5, 6, 7, 8]}");
    CHECK(h.chunked && h.dims[0] == -1 && h.rank == 8 && !h.payload);
    h = accept("{chunk: w, seq: 3, rows: 4, codec: zlib, bytes: 5}");
    CHECK(h.kind == PL_RECORD_CHUNK && h.seq == 3 && h.rows == 4 && h.bytes == 5);
    h = accept("{close: w, chunks: 3, rows: 4}");
    CHECK(h.kind == PL_RECORD_CLOSE && h.chunks == 3 && h.rows == 4 && !h.payload);
    h = accept("{meta: model, bytes: 1048576}");
    CHECK(h.kind == PL_RECORD_META && h.bytes == 1 << 20);
    h = accept("{error: lin-train, status: 6, bytes: 12}");
    CHECK(h.kind == PL_RECORD_ERROR && h.status == 6);
    h = accept("{end: 5, size: 832, sum: x6f823d90}");
    CHECK(h.kind == PL_RECORD_END && h.end_records == 5 && h.end_sum == 0x6f823d90);
    h = accept("{x_note: whatever, other: [1, ~], third: \"\"}");
    CHECK(h.kind == PL_RECORD_PRIVATE && !h.payload);
    h = accept("{x_note: ~, bytes: 5}");
    CHECK(h.kind == PL_RECORD_PRIVATE && h.payload && h.bytes == 5);
    h = accept("{meta: m, x_keys: \"of others\", bytes: 5}");
    CHECK(h.kind == PL_RECORD_META && h.bytes == 5);
}

static void names(void)
{
    struct pl_header h = accept("{meta: \"no\", bytes: 0}");
    CHECK_TEXT(h.name, "no");
    h = accept("{meta: \"a \\\"b\\\" \\\\ c: [1], {2}\", bytes: 0}");
    CHECK_TEXT(h.name, "a \"b\" \\ c: [1], {2}");
    h = accept("{meta: \"\xc3\xa9t\xc3\xa9\", bytes: 0}");
    CHECK_TEXT(h.name, "\xc3\xa9t\xc3\xa9");
    h = accept("{meta: _x, bytes: 0}");
    h = accept("{meta: nullify, bytes: 0}");
    static const char *const reserved[] = {"true", "FALSE", "Yes", "no", "on", "oFF", "null", "y"};
    for (int i = 0; i < 8; i++) {
        char mapping[64];
        snprintf(mapping, sizeof mapping, "{meta: %s, bytes: 0}", reserved[i]);
        refuse(mapping, "header byte 23: expected quotes around a word that YAML takes for another "
                        "value");
    }
    refuse("{meta: \"\", bytes: 0}", "key 'meta' must be a name of 1 to 255 bytes");
    refuse("{meta: 7, bytes: 0}", "key 'meta' must be a name of 1 to 255 bytes");
    refuse("{meta: ~, bytes: 0}", "key 'meta' must be a name of 1 to 255 bytes");
    refuse("{meta: a b, bytes: 0}", "header byte 24: expected ', ' or '}'");
    refuse("{meta: \"a, bytes: 0}", "header byte 54: expected '\"' at the end of the string");
    refuse("{meta: \"a\\n\", bytes: 0}", "header byte 26: expected '\"' or '\\' after a backslash");
    refuse("{meta: \"\xff\", bytes: 0}", "header is not printable UTF-8");
    refuse("{meta: \"a\tb\", bytes: 0}", "header is not printable UTF-8");
    refuse("{meta: \"\xc2\x85\", bytes: 0}", "header is not printable UTF-8");
    refuse("{meta: \"\x7f\", bytes: 0}", "header is not printable UTF-8");
    char text[PL_HEADER_MAX], name[300];
    memset(name, 'n', sizeof name);
    snprintf(text, sizeof text, "{meta: %.255s, bytes: 0}", name);
    accept(text);
    snprintf(text, sizeof text, "{meta: %.256s, bytes: 0}", name);
    refuse(text, "key 'meta' must be a name of 1 to 255 bytes");
}

static void unknown_things_are_named(void)
{
    refuse("{tensor: w, dtype: f32, shape: [1], order: C, bytes: 4}",
           "unknown key 'order' (written by a newer version?)");
    refuse("{index: w}", "unknown kind of record 'index' (written by a newer version?)");
    refuse("{bytes: 3}", "unknown kind of record 'bytes' (written by a newer version?)");
    refuse("{tensor: w, dtype: f8e4m3, shape: [1], bytes: 4}",
           "unknown dtype 'f8e4m3' (written by a newer version?)");
    refuse("{tensor: w, dtype: f32, shape: [1], codec: zstd, bytes: 4}",
           "unknown codec 'zstd' (written by a newer version?)");
    refuse("{chunk: w, seq: 0, rows: 0, bytes: 0, dtype: f32}",
           "unknown key 'dtype' (written by a newer version?)");
    refuse("{meta: m, codec: raw, bytes: 0}", "unknown key 'codec' (written by a newer version?)");
}

static void numbers(void)
{
    refuse("{meta: m, bytes: 00}", "header byte 33: expected a number without leading zeros");
    refuse("{meta: m, bytes: 9223372036854775808}", "header byte 33: expected a number below 2^63");
    refuse("{meta: m, bytes: -1}", "header byte 33: expected a value");
    refuse("{meta: m, bytes: 1.5}", "header byte 34: expected ', ' or '}'");
    refuse("{meta: m, bytes: 0x10}", "header byte 34: expected ', ' or '}'");
    refuse("{meta: m, bytes: \"1\"}", "key 'bytes' must be a number");
    refuse("{meta: m, bytes: ~}", "key 'bytes' must be a number");
    refuse("{meta: m, bytes: 1048577}", "a document of 1048577 bytes (at most 1 MiB is allowed)");
    refuse("{error: t, status: 256, bytes: 0}", "key 'status' must be at most 255");
    refuse("{end: 0, size: 0, sum: x0000000}", "key 'sum' must be x and 8 hex digits");
    refuse("{end: 0, size: 0, sum: xABCDEF00}", "key 'sum' must be x and 8 hex digits");
    refuse("{end: 0, size: 0, sum: 12345678}", "key 'sum' must be x and 8 hex digits");
}

static void shapes(void)
{
    refuse("{tensor: w, dtype: f32, shape: 3, bytes: 12}", "key 'shape' must be a list");
    refuse("{tensor: w, dtype: f32, shape: [1, 1, 1, 1, 1, 1, 1, 1, 1], bytes: 4}",
           "header byte 72: expected ']': a list has at most 8 items");
    refuse("{tensor: w, dtype: f32, shape: [~], bytes: 4}",
           "only the first dimension of a chunked tensor may be ~");
    refuse("{tensor: w, dtype: f32, shape: [2, ~]}",
           "only the first dimension of a chunked tensor may be ~");
    refuse("{tensor: w, dtype: f32, shape: []}", "a tensor of rank 0 cannot be chunked");
    refuse("{tensor: w, dtype: f32, shape: [1,2]}", "header byte 49: expected ', ' or ']'");
    refuse("{tensor: w, dtype: f32, shape: [1, ]}", "header byte 51: expected a value");
    refuse("{tensor: w, dtype: f32, shape: [[1]]}", "header byte 48: expected a value");
}

static void mappings(void)
{
    refuse("", "header byte 16: expected '{'");
    refuse("{}", "header byte 17: expected a key");
    refuse("{meta: m, bytes: 0", "header byte 34: expected ', ' or '}'");
    refuse("{meta: m, bytes: 0} {", "header has text behind its mapping");
    refuse("{meta: m, bytes: 0, bytes: 0}", "key 'bytes' stands twice");
    refuse("{meta: m, x_a: 0, bytes: 0, x_a: 1}", "key 'x_a' stands twice");
    refuse("{meta: m}", "key 'bytes' is missing");
    refuse("{tensor: w, shape: [1], bytes: 4}", "key 'dtype' is missing");
    refuse("{chunk: w, seq: 0, rows: 1}", "key 'bytes' is missing");
    refuse("{Meta: m, bytes: 0}", "header byte 17: expected a key");
    refuse("{meta:m, bytes: 0}", "header byte 21: expected ': ' after a key");
    refuse("{meta: m,bytes: 0}", "header byte 24: expected ', ' or '}'");
    refuse("{abcdefghijklmnopqrstuvwxyz_0123456: m}", "header byte 49: expected ': ' after a key");
    accept("{x_abcdefghijklmnopqrstuvwxyz_012: m}");
}

static void frames(void)
{
    struct pl_context context = {0};
    struct pl_header header;
    char text[PL_HEADER_MAX + PL_BLOCK];
    size_t size = make(text, "{meta: m, bytes: 0}");
    CHECK(size == 64);
    text[20]++;
    CHECK(pl_header_parse(&context, text, size, &header) == PL_BAD_DATA);
    CHECK(strncmp(context.message, "header CRC does not match (stored ", 34) == 0);
    text[20]--;
    text[size - 2] = 'G';
    CHECK(pl_header_parse(&context, text, size, &header) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "header does not end in ' #', 8 hex digits, newline");
    make(text, "{meta: m, bytes: 0}");
    text[14] = '2';
    CHECK(pl_header_parse(&context, text, size, &header) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "version 2 of the stream format (only version 1 is known here)");
    text[0] = '+';
    CHECK(pl_header_parse(&context, text, size, &header) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "not a record of a tensor stream");
    /* The largest header, and one that would be larger: private keys make them long. */
    char mapping[PL_HEADER_MAX + 64] = "{x_a: \"";
    memset(mapping + 7, 'v', 4060);
    memcpy(mapping + 7 + 4060, "\"}", 3);
    CHECK(make(text, mapping) == PL_HEADER_MAX);
    CHECK(pl_header_parse(&context, text, PL_HEADER_MAX, &header) == PL_OK);
    memcpy(mapping + 7 + 4061, "\"}", 3);
    mapping[7 + 4060] = 'v';
    size = make(text, mapping);
    CHECK(size == PL_HEADER_MAX + PL_BLOCK);
    CHECK(pl_header_parse(&context, text, size, &header) == PL_BAD_DATA);
}

static void check_canonical(struct pl_header header, const char *expected)
{
    struct pl_context context = {0};
    char text[PL_HEADER_MAX];
    size_t size;
    header.crc = 0;
    CHECK(pl_header_write(&context, &header, text, &size) == PL_OK);
    CHECK_TEXT(context.message, "");
    CHECK(size % 64 == 0 && text[size - 1] == '\n');
    struct pl_header again;
    CHECK(pl_header_parse(&context, text, size, &again) == PL_OK);
    CHECK(again.crc == header.crc || header.crc == 0);
    while (size > 0 && text[size - 1] != '}')
        size--;
    text[size] = '\0';
    CHECK_TEXT(text + PL_MAGIC_SIZE, expected);
}

static void canonical_form(void)
{
    check_canonical(accept("{tensor: \"w\", bytes: 24, codec: raw, shape: [2, 3], dtype: f32}"),
                    "{tensor: w, dtype: f32, shape: [2, 3], codec: raw, bytes: 24}");
    check_canonical(accept("{chunk: w, bytes: 4, rows: 1, seq: 0}"),
                    "{chunk: w, seq: 0, rows: 1, codec: raw, bytes: 4}");
    check_canonical(accept("{tensor: w, shape: [~], dtype: u8, x_k: v}"),
                    "{tensor: w, dtype: u8, shape: [~]}");
    check_canonical(accept("{close: \"7 a\", rows: 1, chunks: 2}"),
                    "{close: \"7 a\", chunks: 2, rows: 1}");
    check_canonical(accept("{end: 1, sum: x0000000f, size: 64}"),
                    "{end: 1, size: 64, sum: x0000000f}");
    static const char *const quoted[] = {"true", "No", "y",   "9lives", "a b", "-x",
                                         "",     "a:", "a\"", "\\",     "~",   "\xc3\xa9"};
    for (int i = 0; i < 12; i++) {
        struct pl_context context = {0};
        struct pl_header header = {.kind = PL_RECORD_META, .payload = true}, again;
        char text[PL_HEADER_MAX];
        size_t size;
        snprintf(header.name, sizeof header.name, "%s", quoted[i]);
        enum pl_status status = pl_header_write(&context, &header, text, &size);
        if (!*quoted[i]) {
            CHECK(status == PL_BAD_DATA);
            continue;
        }
        CHECK(status == PL_OK && text[23] == '"');
        CHECK(pl_header_parse(&context, text, size, &again) == PL_OK);
        CHECK_TEXT(again.name, quoted[i]);
    }
}

static void renaming_keeps_all_keys(void)
{
    struct pl_context context = {0};
    struct pl_header header;
    char text[PL_HEADER_MAX + PL_BLOCK], renamed[PL_HEADER_MAX];
    size_t size = make(text, "{tensor: w, bytes: 4, dtype: f32, x_k: \"a b\", shape: [1]}");
    size_t renamed_size;
    CHECK(pl_header_rename(&context, text, size, "no", renamed, &renamed_size) == PL_OK);
    CHECK(pl_header_parse(&context, renamed, renamed_size, &header) == PL_OK);
    CHECK_TEXT(header.name, "no");
    const char *expected = "--- !plumbline1 {tensor: \"no\", bytes: 4, dtype: f32, x_k: \"a b\", "
                           "shape: [1]}";
    CHECK(memcmp(renamed, expected, strlen(expected)) == 0);
    CHECK(pl_header_rename(&context, text, size, "", renamed, &renamed_size) == PL_BAD_DATA);
    CHECK(pl_header_rename(&context, text, size, "a\nb", renamed, &renamed_size) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "name 'a?b' is not printable UTF-8");
}

int main(void)
{
    RUN(kinds);
    RUN(names);
    RUN(unknown_things_are_named);
    RUN(numbers);
    RUN(shapes);
    RUN(mappings);
    RUN(frames);
    RUN(canonical_form);
    RUN(renaming_keeps_all_keys);
    FINISH();
}
