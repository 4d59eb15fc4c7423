/* YAML and JSON documents: trees, errors with places, round trips.
 * SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "base/meta.h"
#include "check.h"

typedef enum pl_status parse_fn(struct pl_context *, struct pl_meta *, const char *, const char *,
                                size_t);

static void check_refused(parse_fn *parse, const char *text, size_t size, const char *message)
{
    struct pl_context context = {0};
    struct pl_meta meta;
    CHECK(parse(&context, &meta, "doc", text, size) == PL_BAD_DATA);
    CHECK_TEXT(context.message, message);
    pl_meta_release(&meta);
}

static void refused_yaml(const char *text, const char *message)
{
    check_refused(pl_meta_parse, text, strlen(text), message);
}

static void refused_json(const char *text, const char *message)
{
    check_refused(pl_json_parse, text, strlen(text), message);
}

/* Parses text and writes it again, as YAML or as JSON. */
static void check_written(parse_fn *parse, const char *text, bool json, const char *expected)
{
    struct pl_context context = {0};
    struct pl_meta meta;
    struct pl_buffer out = {0};
    enum pl_status status = parse(&context, &meta, "doc", text, strlen(text));
    if (!status) {
        status = (json ? pl_json_write : pl_meta_write)(&context, meta.root, &out);
    }
    CHECK_TEXT(context.message, "");
    CHECK_TEXT(status ? "failed" : out.data, expected);
    pl_buffer_release(&out);
    pl_meta_release(&meta);
}

static void yaml_reads(void)
{
    static const char text[] = "name: dlinear\nlr: 1e-3 # rate\nepochs: 20\nbias: false\nnone: ~\n"
                               "empty:\nquoted: '12'\nlist: [1, two, {three: 3}]\n"
                               "long: |\n  a\n  b\nnan: .nan\nlow: -.INF\ntagged: !!str 7\n";
    struct pl_context context = {0};
    struct pl_meta meta;
    int64_t epochs = 0, none = 5;
    double rate = 0, nan = 0, low = 0;
    bool bias = true;
    const char *name = NULL, *two = NULL, *lines = NULL;
    CHECK(!pl_meta_parse(&context, &meta, "doc", text, strlen(text)));
    CHECK(meta.root->kind == PL_META_MAP && meta.root->count == 12);
    CHECK(!pl_meta_text(&context, meta.root, "name", &name));
    CHECK_TEXT(name, "dlinear");
    CHECK(!pl_meta_real(&context, meta.root, "lr", &rate) && rate == 1e-3);
    CHECK(!pl_meta_int(&context, meta.root, "epochs", &epochs) && epochs == 20);
    CHECK(!pl_meta_bool(&context, meta.root, "bias", &bias) && !bias);
    CHECK(!pl_meta_int(&context, meta.root, "none", &none) && none == 5);
    CHECK(!pl_meta_int(&context, meta.root, "empty", &none) && none == 5);
    CHECK(!pl_meta_int(&context, meta.root, "absent.deep", &none) && none == 5);
    CHECK(!pl_meta_text(&context, meta.root, "list.1", &two));
    CHECK_TEXT(two, "two");
    CHECK(!pl_meta_int(&context, meta.root, "list.2.three", &none) && none == 3);
    CHECK(pl_meta_find(meta.root, "list.3") == NULL && pl_meta_find(meta.root, "list.x") == NULL);
    CHECK(pl_meta_find(meta.root, "name.x") == NULL && pl_meta_find(NULL, "name") == NULL);
    CHECK(!pl_meta_text(&context, meta.root, "long", &lines));
    CHECK_TEXT(lines, "a\nb\n");
    CHECK(!pl_meta_real(&context, meta.root, "nan", &nan) && isnan(nan));
    CHECK(!pl_meta_real(&context, meta.root, "low", &low) && low == (double)-INFINITY);
    const struct pl_meta_node *list = pl_meta_find(meta.root, "list");
    CHECK(list && list->line == 8 && list->column == 1 && list->child->column == 8);
    CHECK(!pl_meta_int(&context, list->child, "", &none) && none == 1);

    CHECK(pl_meta_int(&context, meta.root, "lr", &epochs) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "line 2: lr: not an integer: '1e-3'");
    CHECK(pl_meta_int(&context, meta.root, "quoted", &epochs) == PL_BAD_DATA);
    CHECK(pl_meta_real(&context, meta.root, "tagged", &rate) == PL_BAD_DATA);
    CHECK(pl_meta_real(&context, meta.root, "list", &rate) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "line 8: list: not a number but a list");
    CHECK(pl_meta_bool(&context, meta.root, "epochs", &bias) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "line 3: epochs: not true or false: '20'");
    CHECK(pl_meta_text(&context, meta.root, "list.2", &name) == PL_BAD_DATA);
    CHECK(epochs == 20 && rate == 1e-3);
    pl_meta_release(&meta);
}

static void yaml_empty(void)
{
    struct pl_context context = {0};
    struct pl_meta meta;
    CHECK(!pl_meta_parse(&context, &meta, "doc", "", 0) && !meta.root);
    pl_meta_release(&meta);
    CHECK(!pl_meta_parse(&context, &meta, "doc", "# nothing\n", 10) && !meta.root);
    pl_meta_release(&meta);
    check_written(pl_meta_parse, "{}", false, "{}\n");
    check_written(pl_meta_parse, "a: []", false, "a: []\n");
}

static void yaml_refuses(void)
{
    refused_yaml("a: 1\nb: 2\na: 3\n", "doc:3:1: key 'a' occurs twice");
    refused_yaml("a: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 6\ng: 7\nh: 8\ni: 9\n  \nd: 1\nj: 1\n",
                 "doc:11:1: key 'd' occurs twice");
    refused_yaml("a: &x 1\n", "doc:1:4: anchors and aliases are not supported");
    refused_yaml("a: [1]\nb: *x\n", "doc:2:4: anchors and aliases are not supported");
    refused_yaml("a: &x [1]\n", "doc:1:4: anchors and aliases are not supported");
    refused_yaml("a: !!python/object:os.system x\n", "doc:1:4: only the tag !!str is supported");
    refused_yaml("a: !mine {b: 1}\n", "doc:1:4: only the tag !!str is supported");
    refused_yaml("? [a]\n: 1\n", "doc:1:3: a key must be a scalar");
    refused_yaml("\"a\\0b\": 1\n", "doc:1:1: a key holds a NUL byte");
    refused_yaml("a: 1\n---\nb: 2\n", "doc:2:1: more than one document");
    refused_yaml("a: [1, 2\nb: 3\n", "doc:2:2: did not find expected ',' or ']'");
    refused_yaml("gr\xc3\xbc\xc3\x9f: \xff\n", "doc:1:7: not UTF-8");
    refused_yaml("a: \x01\n", "doc:1:4: control characters are not allowed");
    check_refused(pl_meta_parse, "a: b\0c", 6, "doc:1:5: control characters are not allowed");
    char deep[400] = "";
    memset(deep, '[', 65);
    refused_yaml(deep, "doc:1:65: nested more than 64 deep");
}

static void yaml_round_trips(void)
{
    static const char text[] = "name: a b\n"
                               "number: '12'\n"
                               "real: 0.1\n"
                               "truth: 'yes'\n"
                               "none: ~\n"
                               "date: '2024-01-01'\n"
                               "empty: ''\n"
                               "colon: 'a: b'\n"
                               "lines: \"tab\\there\"\n"
                               "list:\n"
                               "- 1\n"
                               "- x: 1\n"
                               "  z: 2\n"
                               "'1': one\n"
                               "gr\xc3\xbc\xc3\x9f: \xe2\x82\xac\n";
    check_written(pl_meta_parse, text, false, text);
}

static void add_everything(struct pl_context *context, struct pl_meta *meta)
{
    struct pl_meta_node *root = pl_meta_add_map(context, meta, NULL, NULL);
    pl_meta_add_text(context, meta, root, "text", "12");
    pl_meta_add_int(context, meta, root, "int", INT64_MIN);
    pl_meta_add_real(context, meta, root, "real", 0.1);
    pl_meta_add_real(context, meta, root, "low", -INFINITY);
    pl_meta_add_real(context, meta, root, "none", NAN);
    pl_meta_add_bool(context, meta, root, "bool", true);
    pl_meta_add_null(context, meta, root, "null");
    struct pl_meta_node *list = pl_meta_add_list(context, meta, root, "list");
    pl_meta_add_text(context, meta, list, NULL, "bad \xff\xfe utf8");
    pl_meta_add_copy(context, meta, root, "copy", list);
}

static void builds(void)
{
    struct pl_context context = {0};
    struct pl_meta meta = {0};
    struct pl_buffer out = {0};
    add_everything(&context, &meta);
    CHECK(pl_meta_ok(&meta, &context));
    CHECK(pl_meta_add_map(&context, &meta, NULL, NULL) == NULL);
    CHECK(!pl_meta_write(&context, meta.root, &out));
    CHECK_TEXT(out.data, "text: '12'\nint: -9223372036854775808\nreal: 0.1\nlow: -.inf\n"
                         "none: .nan\nbool: true\n'null': ~\n"
                         "list:\n- bad \xef\xbf\xbd\xef\xbf\xbd utf8\n"
                         "copy:\n- bad \xef\xbf\xbd\xef\xbf\xbd utf8\n");
    out.size = 0;
    CHECK(!pl_json_write(&context, meta.root, &out));
    CHECK_TEXT(out.data, "{\"text\": \"12\", \"int\": -9223372036854775808, \"real\": 0.1, "
                         "\"low\": null, \"none\": null, \"bool\": true, \"null\": null, "
                         "\"list\": [\"bad \xef\xbf\xbd\xef\xbf\xbd utf8\"], "
                         "\"copy\": [\"bad \xef\xbf\xbd\xef\xbf\xbd utf8\"]}");
    pl_buffer_release(&out);
    pl_meta_release(&meta);
    CHECK(!pl_meta_ok(&meta, &context));
}

/* Random text of awkward pieces must come back from YAML and from JSON as it was. */
static void texts_survive(void)
{
    static const char *const pieces[] = {"a",
                                         "Z",
                                         "0",
                                         "9",
                                         " ",
                                         "  ",
                                         "\n",
                                         "\t",
                                         "\r",
                                         "'",
                                         "\"",
                                         "\\",
                                         ":",
                                         ": ",
                                         " #",
                                         "#",
                                         "-",
                                         "- ",
                                         "?",
                                         ",",
                                         "[",
                                         "]",
                                         "{",
                                         "}",
                                         "&",
                                         "*",
                                         "!",
                                         "|",
                                         ">",
                                         "%",
                                         "@",
                                         "`",
                                         "~",
                                         "=",
                                         "<<",
                                         "null",
                                         "true",
                                         ".",
                                         "e",
                                         "\x01",
                                         "\x7f",
                                         "\xc2\x85",
                                         "\xe2\x80\xa8",
                                         "\xef\xbb\xbf",
                                         "\xc3\xbc",
                                         "\xf0\x9f\x98\x80",
                                         "---",
                                         "...",
                                         "\n\n",
                                         " \n"};
    unsigned state = 1;
    for (int round = 0; round < 4000; round++) {
        char text[64] = "";
        for (int i = 0; i < 1 + round % 9; i++) {
            state = state * 1103515245 + 12345;
            strcat(text, pieces[(state >> 16) % (sizeof pieces / sizeof *pieces)]);
        }
        for (int json = 0; json < 2; json++) {
            struct pl_context context = {0};
            struct pl_meta meta = {0}, again = {0};
            struct pl_buffer out = {0};
            const char *value = "", *key = "";
            struct pl_meta_node *root = pl_meta_add_map(&context, &meta, NULL, NULL);
            pl_meta_add_text(&context, &meta, root, text, text);
            int failed =
                (json ? pl_json_write : pl_meta_write)(&context, meta.root, &out) ||
                (json ? pl_json_parse : pl_meta_parse)(&context, &again, "doc", out.data, out.size);
            if (!failed && again.root && again.root->child) {
                key = again.root->child->key;
                failed = pl_meta_text(&context, again.root->child, "", &value) != PL_OK;
            }
            CHECK_TEXT(context.message, "");
            CHECK_TEXT(value, text);
            CHECK_TEXT(key, text);
            pl_buffer_release(&out);
            pl_meta_release(&meta);
            pl_meta_release(&again);
        }
    }
}

static void json_reads(void)
{
    check_written(pl_json_parse,
                  " { \"a\" : [ 1 , -0.5e+3, true,false , null, \"x\" ] , \"b\":{} }\n", true,
                  "{\"a\": [1, -0.5e+3, true, false, null, \"x\"], \"b\": {}}");
    check_written(pl_json_parse, "\"\\u00fc\\ud83d\\ude00\\n\\/\\\"\\u0001\"", true,
                  "\"\xc3\xbc\xf0\x9f\x98\x80\\n/\\\"\\u0001\"");
    check_written(pl_json_parse, "[\"12\", 12]", false, "- '12'\n- 12\n");
    check_written(pl_json_parse, "[\"a\\u0000b\"]", true, "[\"a\\u0000b\"]");
    check_written(pl_meta_parse, "[.5, +1, .inf, nan, True, 010, 0x10, x y, ~, '1']", true,
                  "[0.5, 1, null, null, true, 10, \"0x10\", \"x y\", null, \"1\"]");
    struct pl_context context = {0};
    struct pl_meta meta;
    CHECK(!pl_json_parse(&context, &meta, "doc", "{\n \"a\": 1,\n \"b\": [\n2]}", 22));
    CHECK(pl_meta_find(meta.root, "b")->line == 3 && pl_meta_find(meta.root, "b")->column == 2);
    CHECK(pl_meta_find(meta.root, "b.0")->line == 4 && pl_meta_find(meta.root, "b.0")->column == 1);
    pl_meta_release(&meta);
}

static void json_refuses(void)
{
    refused_json("", "doc: byte 0: expected a value");
    refused_json("[1,]", "doc: byte 3: expected a value");
    refused_json("[1 2]", "doc: byte 3: expected ',' or ']'");
    refused_json("{\"a\":1,}", "doc: byte 7: expected a quoted key");
    refused_json("{\"a\" 1}", "doc: byte 5: expected ':'");
    refused_json("{\"a\":1", "doc: byte 6: expected ',' or '}'");
    refused_json("{a:1}", "doc: byte 1: expected a quoted key");
    refused_json("01", "doc: byte 0: expected a value");
    refused_json("1.", "doc: byte 0: expected a value");
    refused_json(".5", "doc: byte 0: expected a value");
    refused_json("+1", "doc: byte 0: expected a value");
    refused_json("1e", "doc: byte 0: expected a value");
    refused_json("-", "doc: byte 0: expected a value");
    refused_json("NaN", "doc: byte 0: expected a value");
    refused_json("True", "doc: byte 0: expected a value");
    refused_json("1 1", "doc: byte 2: text behind the document");
    refused_json("\"abc", "doc: byte 1: a string without its closing quote");
    refused_json("\"a\\\"", "doc: byte 1: a string without its closing quote");
    refused_json("\"a\\", "doc: byte 1: a string without its closing quote");
    refused_json("\"a\tb\"", "doc: byte 2: a control character in a string");
    refused_json("\"\\x\"", "doc: byte 2: unknown escape in a string");
    refused_json("\"\\u12g4\"", "doc: byte 5: \\u needs four hexadecimal digits");
    refused_json("\"\\ud800\"", "doc: byte 7: half a surrogate pair");
    refused_json("\"\\udc00\\ud800\"", "doc: byte 7: half a surrogate pair");
    refused_json("\"\\ud800\\u0041\"", "doc: byte 13: half a surrogate pair");
    refused_json("{\"a\\u0000\":1}", "doc: byte 1: a key holds a NUL byte");
    refused_json("{\"a\": 1,\n \"b\": 2,\n \"a\": 3}", "doc: byte 19: key 'a' occurs twice");
    refused_json("\"\xff\"", "doc: byte 1: not UTF-8");
    refused_json("[1] \x0c", "doc: byte 4: text behind the document");
    char deep[400] = "";
    memset(deep, '[', 100);
    refused_json(deep, "doc: byte 64: nested more than 64 deep");
    check_refused(pl_json_parse, "[1]\0", 4, "doc: byte 3: text behind the document");
}

/* A map of many keys must not take the square of their number. */
static void many_keys(void)
{
    enum { KEYS = 200000 };
    struct pl_context context = {0};
    struct pl_buffer text = {0};
    struct pl_meta meta;
    bool failed = false;
    for (int i = 0; i < KEYS; i++) {
        failed |=
            pl_buffer_printf(&context, &text, "%s\"key %d\": %d", i ? ", " : "{", i, i) != PL_OK;
    }
    failed |= pl_buffer_text(&context, &text, "}") != PL_OK;
    CHECK(!failed && !pl_json_parse(&context, &meta, "doc", text.data, text.size));
    CHECK(meta.root->count == KEYS);
    pl_meta_release(&meta);
    text.size--;
    failed |= PL_OK != pl_buffer_text(&context, &text, ", \"key 77\": 1}");
    CHECK(!failed && pl_json_parse(&context, &meta, "doc", text.data, text.size) == PL_BAD_DATA);
    CHECK(strstr(context.message, "key 'key 77' occurs twice") != NULL);
    pl_meta_release(&meta);
    pl_buffer_release(&text);
}

int main(void)
{
    RUN(yaml_reads);
    RUN(yaml_empty);
    RUN(yaml_refuses);
    RUN(yaml_round_trips);
    RUN(builds);
    RUN(texts_survive);
    RUN(json_reads);
    RUN(json_refuses);
    RUN(many_keys);
    FINISH();
}
