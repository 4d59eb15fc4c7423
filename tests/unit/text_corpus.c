/* Corpora: texts as bytes, streams of tokens in every shape, what is refused.
 * SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "check.h"
#include "text/corpus.h"

static struct pl_context context;
static char path[] = "/tmp/corpus-XXXXXX";

static void write_text(const void *bytes, size_t size)
{
    FILE *file = fopen(path, "w");
    CHECK(file && fwrite(bytes, 1, size, file) == size);
    fclose(file);
}

/* Writes a segment with the kind, the tensor and its vocabulary (0: unsaid). */
static void write_stream(const char *kind, const char *name, enum pl_dtype dtype, int rank,
                         const int64_t *dims, void *data, const int32_t *targets,
                         int64_t vocabulary)
{
    struct pl_writer *writer = pl_writer_open(&context, path);
    struct pl_tensor tensor = pl_tensor_view(dtype, rank, dims, data);
    CHECK(writer);
    if (kind) {
        CHECK(pl_writer_kind(&context, writer, kind) == PL_OK);
    }
    if (vocabulary) {
        struct pl_meta meta = {0};
        struct pl_meta_node *root = pl_meta_add_map(&context, &meta, NULL, NULL);
        pl_meta_add_int(&context, &meta, root, "vocabulary", vocabulary);
        CHECK(pl_writer_meta(&context, writer, "tokens", root) == PL_OK);
        pl_meta_release(&meta);
    }
    CHECK(pl_writer_tensor(&context, writer, name, &tensor, PL_CODEC_RAW) == PL_OK);
    if (targets) {
        tensor = pl_tensor_view(PL_I32, rank, dims, (void *)(uintptr_t)targets);
        CHECK(pl_writer_tensor(&context, writer, "targets", &tensor, PL_CODEC_RAW) == PL_OK);
    }
    CHECK(pl_writer_end(&context, writer) == PL_OK);
    CHECK(pl_writer_commit(&context, writer) == PL_OK);
}

static void check_ids(const struct pl_corpus *corpus, int64_t at, int64_t count,
                      const int32_t *expected)
{
    int32_t ids[64] = {0};
    CHECK(pl_corpus_read(&context, corpus, at, count, ids) == PL_OK);
    CHECK(memcmp(ids, expected, (size_t)count * sizeof *ids) == 0);
}

static void text_is_bytes(void)
{
    struct pl_corpus corpus;
    write_text("a\xff\0z", 4);
    CHECK(pl_corpus_open(&context, &corpus, path, NULL) == PL_OK);
    CHECK(corpus.count == 4 && corpus.rows == 1 && corpus.length == 4 && corpus.vocabulary == 256);
    CHECK(corpus.bytes && !corpus.cut && !corpus.task);
    check_ids(&corpus, 0, 4, (int32_t[]){'a', 255, 0, 'z'});
    check_ids(&corpus, 3, 1, (int32_t[]){'z'});
    CHECK(pl_corpus_text_size(&corpus, NULL, 4) == 4);
    pl_corpus_close(&corpus);
    write_text("{\"metadata\": 1}", 15); /* what would be an index of safetensors elsewhere */
    CHECK(pl_corpus_open(&context, &corpus, path, NULL) == PL_OK);
    CHECK(corpus.count == 15);
    pl_corpus_close(&corpus);
    write_text("a,b\n1,2\n", 8);
    CHECK(pl_corpus_open(&context, &corpus, path, NULL) == PL_OK);
    CHECK(corpus.count == 8);
    pl_corpus_close(&corpus);
}

static void tokens_of_all_types(void)
{
    uint8_t bytes[6] = {0, 1, 2, 3, 4, 255};
    uint16_t words[6] = {0, 1, 2, 3, 4, 65535};
    uint32_t longs[6] = {0, 1, 2, 3, 4, 70000};
    struct pl_corpus corpus;
    write_stream(NULL, "any", PL_U8, 2, (int64_t[]){2, 3}, bytes, NULL, 0);
    CHECK(pl_corpus_open(&context, &corpus, path, NULL) == PL_OK);
    CHECK(corpus.rows == 2 && corpus.length == 3 && corpus.cut && corpus.vocabulary == 256);
    check_ids(&corpus, 2, 4, (int32_t[]){2, 3, 4, 255});
    pl_corpus_close(&corpus);
    write_stream("tokens", "tokens", PL_U16, 1, (int64_t[]){6}, words, NULL, 65536);
    CHECK(pl_corpus_open(&context, &corpus, path, NULL) == PL_OK);
    CHECK(corpus.rows == 1 && corpus.length == 6 && !corpus.cut && corpus.vocabulary == 65536);
    check_ids(&corpus, 0, 6, (int32_t[]){0, 1, 2, 3, 4, 65535});
    pl_corpus_close(&corpus);
    write_stream("tensors", "x", PL_U32, 1, (int64_t[]){6}, longs, NULL, 0);
    CHECK(pl_corpus_open(&context, &corpus, path, NULL) == PL_OK);
    CHECK(corpus.vocabulary == 70001);
    check_ids(&corpus, 4, 2, (int32_t[]){4, 70000});
    pl_corpus_close(&corpus);
}

static void targets(void)
{
    uint8_t bytes[6] = {0, 1, 2, 3, 4, 5};
    int32_t marks[6] = {-1, 2, -1, -1, 0, 5}, got[6];
    struct pl_corpus corpus;
    write_stream("task", "tokens", PL_U8, 2, (int64_t[]){2, 3}, bytes, marks, 6);
    CHECK(pl_corpus_open(&context, &corpus, path, NULL) == PL_OK);
    CHECK(corpus.task);
    CHECK(pl_corpus_targets(&context, &corpus, 0, 6, got) == PL_OK);
    CHECK(memcmp(got, marks, sizeof got) == 0);
    corpus.vocabulary = 5;
    CHECK(pl_corpus_targets(&context, &corpus, 3, 3, got) == PL_BAD_DATA);
    char expected[200];
    snprintf(expected, sizeof expected,
             "%s: row 1, offset 2: target 5 is not in the vocabulary of 5", path);
    CHECK_TEXT(context.message, expected);
    CHECK(pl_corpus_read(&context, &corpus, 3, 3, got) == PL_BAD_DATA);
    snprintf(expected, sizeof expected,
             "%s: row 1, offset 2: token 5 is not in the vocabulary of 5", path);
    CHECK_TEXT(context.message, expected);
    pl_corpus_close(&corpus);
}

#define JSON(extra)                                                                               \
    "{" extra "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},\"model\":{" \
    "\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}}"

static void text_through_a_tokenizer(void)
{
    static const char json[] = JSON(""), other[] = JSON(" ");
    struct pl_corpus corpus;
    struct pl_tokenizer *tokenizer = pl_tokenizer_parse(&context, "t", json, sizeof json - 1);
    CHECK(tokenizer);
    write_text("aabba", 5);
    CHECK(pl_corpus_open(&context, &corpus, path, tokenizer) == PL_OK);
    CHECK(corpus.count == 4 && corpus.vocabulary == 3 && !corpus.bytes && !corpus.cut);
    check_ids(&corpus, 0, 4, (int32_t[]){0, 2, 1, 0});
    CHECK(pl_corpus_text_size(&corpus, (int32_t[]){0, 2, 1}, 3) == 4);
    CHECK(pl_corpus_text_size(&corpus, (int32_t[]){0, 3}, 2) == -1);
    CHECK(pl_corpus_expect(&context, &corpus, 3, json, sizeof json - 1) == PL_OK);
    CHECK(pl_corpus_expect(&context, &corpus, 3, other, sizeof other - 1) == PL_BAD_DATA);
    CHECK(pl_corpus_expect(&context, &corpus, 3, NULL, 0) == PL_BAD_DATA);
    pl_corpus_close(&corpus);
    write_text("abc", 3);
    CHECK(pl_corpus_open(&context, &corpus, path, tokenizer) == PL_BAD_DATA);
    CHECK(strstr(context.message, ": byte 2: the tokenizer has no piece for 'c'"));
    pl_tokenizer_free(tokenizer);
}

/* A stream of tokens with the tokenizer that made them. */
static void tokens_with_a_tokenizer(void)
{
    static const char json[] = JSON("");
    const int64_t size = sizeof json - 1, count = 3;
    uint8_t ids[3] = {2, 0, 1};
    struct pl_tensor text = pl_tensor_view(PL_U8, 1, &size, (void *)(uintptr_t)json);
    struct pl_tensor tokens = pl_tensor_view(PL_U8, 1, &count, ids);
    struct pl_corpus corpus;
    struct pl_writer *writer = pl_writer_open(&context, path);
    CHECK(pl_writer_tensor(&context, writer, "tokenizer.json", &text, PL_CODEC_ZLIB) == PL_OK);
    CHECK(pl_writer_tensor(&context, writer, "tokens", &tokens, PL_CODEC_RAW) == PL_OK);
    CHECK(pl_writer_end(&context, writer) == PL_OK);
    CHECK(pl_writer_commit(&context, writer) == PL_OK);
    CHECK(pl_corpus_open(&context, &corpus, path, NULL) == PL_OK);
    CHECK(corpus.vocabulary == 3 && corpus.count == 3 && corpus.tokenizer);
    CHECK(pl_corpus_text_size(&corpus, (int32_t[]){2, 0, 1}, 3) == 4);
    CHECK(pl_corpus_expect(&context, &corpus, 3, json, (size_t)size) == PL_OK);
    pl_corpus_close(&corpus);
}

static void refused(const char *message)
{
    struct pl_corpus corpus;
    char expected[300];
    CHECK(pl_corpus_open(&context, &corpus, path, NULL) == PL_BAD_DATA);
    snprintf(expected, sizeof expected, "%s: %s", path, message);
    CHECK_TEXT(context.message, expected);
}

static void refusals(void)
{
    float numbers[6] = {0};
    uint8_t bytes[8] = {0};
    write_stream("model", "tokens", PL_U8, 1, (int64_t[]){6}, bytes, NULL, 0);
    refused("expected a text or tokens, found model (tok-encode makes tokens)");
    write_stream(NULL, "tokens", PL_F32, 1, (int64_t[]){6}, numbers, NULL, 0);
    refused("'tokens' is f32 [6]; tokens are u8, u16 or u32 of rank 1 or 2");
    write_stream(NULL, "tokens", PL_U8, 3, (int64_t[]){2, 2, 2}, bytes, NULL, 0);
    refused("'tokens' is u8 [2, 2, 2]; tokens are u8, u16 or u32 of rank 1 or 2");
    write_stream(NULL, "x", PL_F32, 1, (int64_t[]){6}, numbers, NULL, 0);
    refused("holds no tensor 'tokens', and 0 others may be it: u8, u16 or u32 of rank 1 or 2 "
            "(ts-select -n picks one)");
    write_stream("tokens", "tokens", PL_U8, 1, (int64_t[]){6}, bytes, NULL, -3);
    refused("a vocabulary of -3");
    write_stream("tokens", "tokens", PL_U8, 1, (int64_t[]){0}, bytes, NULL, 0);
    struct pl_corpus corpus;
    CHECK(pl_corpus_open(&context, &corpus, path, NULL) == PL_OK);
    CHECK(corpus.count == 0);
    pl_corpus_close(&corpus);
    CHECK(pl_corpus_open(&context, &corpus, "/nowhere", NULL) == PL_SYSTEM);
}

int main(void)
{
    int fd = mkstemp(path);
    close(fd);
    RUN(text_is_bytes);
    RUN(tokens_of_all_types);
    RUN(targets);
    RUN(text_through_a_tokenizer);
    RUN(tokens_with_a_tokenizer);
    RUN(refusals);
    unlink(path);
    FINISH();
}
