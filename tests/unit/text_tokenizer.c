/* Tokenizers: words, ids beside a slow reference, text that comes in pieces, files of all kinds,
 * what is refused.
 * SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "base/rng.h"
#include "check.h"
#include "text/bpe_train.h"
#include "text/nfc.h"
#include "text/splitter.h"
#include "text/tokenizer.h"
#include "text/tokenizer_write.h"
#include "text/words.h"

static struct pl_context context;
static uint64_t drawn; /* random numbers so far */

static size_t draw(size_t limit)
{
    struct pl_rng rng = pl_rng_init(7, "tokenizer");
    return (size_t)pl_rng_below(&rng, drawn++, limit);
}

/* ---- Words -------------------------------------------------------------------------------- */

/* Cuts the text and joins its words with bars. */
static const char *cut(enum pl_splitter splitter, const char *text)
{
    static char out[200];
    size_t size = strlen(text), used = 0;
    while (size > 0) {
        size_t word = pl_splitter_word(splitter, text, size, true);
        memcpy(out + used, text, word);
        used += word;
        out[used++] = '|';
        text += word;
        size -= word;
    }
    out[used] = '\0';
    return out;
}

static void words_of_gpt2(void)
{
    CHECK_TEXT(cut(PL_SPLIT_GPT2, "It's 12 dogs,  they'Ll"), "It|'s| 12| dogs|,| | they|'|Ll|");
    CHECK_TEXT(cut(PL_SPLIT_GPT2, "a \n\n b\t\tc  "), "a| \n\n| b|\t|\t|c|  |");
    CHECK_TEXT(cut(PL_SPLIT_GPT2, "\xe6\xbc\xa2"
                                  "b \xc2\xbd\xff!e\xcc\x81"),
               "\xe6\xbc\xa2"
               "b| \xc2\xbd|\xff!|e|\xcc\x81|");
    CHECK_TEXT(cut(PL_SPLIT_GPT2, "\xc2\xa0\xc2\xa0x"), "\xc2\xa0|\xc2\xa0|x|");
}

static void words_of_llama3(void)
{
    CHECK_TEXT(cut(PL_SPLIT_LLAMA3, "It'S 12345\r\n x"), "It|'S| |123|45|\r\n| x|");
    CHECK_TEXT(cut(PL_SPLIT_LLAMA3, "f(x)!!\n\n  \n  y"), "f|(x|)!!\n\n|  \n| | y|");
    CHECK_TEXT(cut(PL_SPLIT_LLAMA3, "'\xc5\xbf"
                                    "a\tb\nc"),
               "'\xc5\xbf|a|\tb|\n|c|");
    CHECK_TEXT(cut(PL_SPLIT_QWEN2, "12 3"), "1|2| |3|");
}

static void words_wait_for_their_end(void)
{
    CHECK(pl_splitter_word(PL_SPLIT_GPT2, "ab", 2, false) == 0);
    CHECK(pl_splitter_word(PL_SPLIT_GPT2, "ab ", 3, false) == 2);
    CHECK(pl_splitter_word(PL_SPLIT_GPT2, "'l", 2, false) == 0);
    CHECK(pl_splitter_word(PL_SPLIT_GPT2, "a\xe6\xbc", 3, false) == 0);
    CHECK(pl_splitter_word(PL_SPLIT_GPT2, "a\xe6\xbc", 3, true) == 1);
    CHECK(pl_splitter_word(PL_SPLIT_LLAMA3, "123", 3, false) == 3);
    char *text = malloc(PL_WORD_MOST + 9);
    memset(text, 'a', PL_WORD_MOST + 9);
    CHECK(pl_splitter_word(PL_SPLIT_GPT2, text, PL_WORD_MOST, false) == 0);
    CHECK(pl_splitter_word(PL_SPLIT_GPT2, text, PL_WORD_MOST + 9, false) == PL_WORD_MOST);
    free(text);
}

/* ---- Normal form C ------------------------------------------------------------------------ */

/* The normal form, in one piece and byte by byte. */
static void check_normal(const char *text, const char *expected)
{
    struct pl_buffer whole = {0}, pieces = {0}, raw = {0};
    size_t size = strlen(text), used;
    CHECK(pl_nfc_add(&context, text, size, true, &used, &whole) == PL_OK && used == size);
    CHECK_TEXT(whole.data, expected);
    for (size_t i = 0; i < size; i++) {
        CHECK(pl_buffer_append(&context, &raw, text + i, 1) == PL_OK);
        CHECK(pl_nfc_add(&context, raw.data, raw.size, i + 1 == size, &used, &pieces) == PL_OK);
        memmove(raw.data, raw.data + used, raw.size - used);
        raw.size -= used;
    }
    CHECK_TEXT(pieces.data, expected);
    pl_buffer_release(&whole);
    pl_buffer_release(&pieces);
    pl_buffer_release(&raw);
}

static void normal_form(void)
{
    check_normal("abc", "abc");
    check_normal("ae\xcc\x81x", "a\xc3\xa9x");             /* e, acute */
    check_normal("\xe2\x84\xab", "\xc3\x85");              /* the sign of angstrom */
    check_normal("o\xcc\x81\xcc\xa8", "\xc7\xab\xcc\x81"); /* marks by their classes */
    check_normal("a\xcd\x85\xcd\x85\xcc\x81", "\xc3\xa1\xcd\x85\xcd\x85");
    check_normal("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c"); /* han, by letters */
    check_normal("\xe0\xa5\x98", "\xe0\xa4\x95\xe0\xa4\xbc");             /* never composed */
    check_normal("e\xff\xcc\x81\xcc", "e\xff\xcc\x81\xcc"); /* what is not UTF-8 stays */
}

/* ---- Random tokenizers beside a slow reference -------------------------------------------- */

/* Pieces made by joining two of those before, in a file of either form. */
struct made {
    struct pl_tokenizer_draft draft;
    struct pl_merge merges[60];
    float scores[400]; /* of a .bin */
    struct pl_tokenizer *tokenizer;
};

static uint32_t add(struct made *made, const char *piece, size_t size)
{
    uint32_t id;
    CHECK(pl_words_add(&context, &made->draft.pieces, piece, size, &id) == PL_OK);
    return id;
}

/* 60 random merges of the pieces from `first` on, with scores of their own that fall, but not in
 * the order of the pieces. */
static void add_merges(struct made *made, uint32_t first)
{
    char piece[64];
    while (made->draft.merge_count < 60) {
        uint32_t count = made->draft.pieces.count;
        uint32_t left = first + (uint32_t)draw(count - first);
        uint32_t right = first + (uint32_t)draw(count - first);
        size_t head, tail;
        const char *before = pl_words_item(&made->draft.pieces, left, &head);
        const char *behind = pl_words_item(&made->draft.pieces, right, &tail);
        memcpy(piece, before, head);
        memcpy(piece + head, behind, tail);
        if (head + tail > 12 || (piece[head] == '\xe2' && piece[head + 1] == '\x96'))
            continue;
        uint32_t id = add(made, piece, head + tail);
        if (id == count) {
            made->scores[id] = -(float)draw(1 << 20);
            made->merges[made->draft.merge_count++] = (struct pl_merge){left, right, 0, id};
        }
    }
    made->draft.merges = made->merges;
}

static void release(struct made *made)
{
    pl_tokenizer_free(made->tokenizer);
    pl_words_release(&made->draft.pieces);
    pl_ids_release(&made->draft.special);
}

static void join_at(uint32_t *ids, size_t *count, size_t at, uint32_t result)
{
    ids[at] = result;
    memmove(ids + at + 1, ids + at + 2, (*count - at - 2) * sizeof *ids);
    --*count;
}

/* The merges one after the other, each from left to right through the word. */
static void reference_by_rank(const struct made *made, uint32_t *ids, size_t *count)
{
    for (size_t rank = 0; rank < made->draft.merge_count; rank++) {
        const struct pl_merge *merge = &made->merges[rank];
        for (size_t i = 0; i + 1 < *count; i++) {
            if (ids[i] == merge->left && ids[i + 1] == merge->right) {
                join_at(ids, count, i, merge->result);
                rank = (size_t)-1; /* a lower rank may have become possible */
                break;
            }
        }
    }
}

/* The adjacent pair whose joint is a piece of the highest score, leftmost first. */
static void reference_by_score(const struct made *made, uint32_t *ids, size_t *count)
{
    for (;;) {
        size_t best = *count;
        uint32_t result = PL_NO_WORD;
        for (size_t i = 0; i + 1 < *count; i++) {
            char piece[64];
            size_t head, tail;
            const char *left = pl_words_item(&made->draft.pieces, ids[i], &head);
            memcpy(piece, left, head);
            const char *right = pl_words_item(&made->draft.pieces, ids[i + 1], &tail);
            memcpy(piece + head, right, tail);
            uint32_t id = pl_words_find(&made->draft.pieces, piece, head + tail);
            if (id != PL_NO_WORD &&
                (result == PL_NO_WORD || made->scores[id] > made->scores[result])) {
                best = i;
                result = id;
            }
        }
        if (result == PL_NO_WORD)
            return;
        join_at(ids, count, best, result);
    }
}

/* Encodes at random cuts and in one piece; both must give the ids expected. */
static void check_encoding(const struct made *made, const char *text, size_t size,
                           const uint32_t *expected, size_t count)
{
    struct pl_ids whole = {0}, cuts = {0};
    struct pl_buffer back = {0};
    struct pl_decoder decoder = {.tokenizer = made->tokenizer};
    struct pl_encoder *encoder = pl_encoder_new(&context, made->tokenizer, false);
    CHECK(pl_tokenizer_encode(&context, made->tokenizer, text, size, &whole) == PL_OK);
    for (size_t at = 0, step; at < size; at += step) {
        step = 1 + draw(9);
        step = step < size - at ? step : size - at;
        CHECK(pl_encoder_add(&context, encoder, text + at, step, &cuts) == PL_OK);
    }
    CHECK(pl_encoder_end(&context, encoder, &cuts) == PL_OK);
    CHECK(whole.count == count && memcmp(whole.items, expected, count * sizeof *expected) == 0);
    CHECK(cuts.count == count && memcmp(cuts.items, expected, count * sizeof *expected) == 0);
    for (size_t i = 0; i < whole.count; i++)
        CHECK(pl_decoder_add(&context, &decoder, whole.items[i], &back) == PL_OK);
    CHECK(back.size == size && memcmp(back.data, text, size) == 0);
    pl_ids_release(&whole);
    pl_ids_release(&cuts);
    pl_buffer_release(&back);
    pl_encoder_free(encoder);
}

static void byte_level_ids(void)
{
    for (int trial = 0; trial < 40; trial++) {
        struct made made = {.draft = {.byte_level = true}};
        struct pl_buffer json = {0};
        for (int byte = 0; byte < 256; byte++)
            add(&made, &(char){(char)byte}, 1);
        char text[300];
        uint32_t ids[300];
        size_t size = 1 + draw(300), count = size;
        add_merges(&made, 'a'); /* letters and what is behind: mostly one word */
        CHECK(pl_tokenizer_write(&context, &made.draft, &json) == PL_OK);
        made.tokenizer = pl_tokenizer_parse(&context, "made", json.data, json.size);
        CHECK(made.tokenizer != NULL);
        for (size_t i = 0; i < size; i++)
            ids[i] = (unsigned char)(text[i] = (char)('a' + draw(4)));
        /* pieces of the merges in the text, so that they apply */
        for (size_t i = 0; i < 30 && size > 12; i++) {
            size_t length, at = draw(size - 12);
            const char *piece =
                pl_words_item(&made.draft.pieces, 256 + (uint32_t)draw(60), &length);
            for (size_t j = 0; j < length; j++)
                if (piece[j] >= 'a' && piece[j] <= 'z')
                    ids[at + j] = (unsigned char)(text[at + j] = piece[j]);
        }
        reference_by_rank(&made, ids, &count);
        check_encoding(&made, text, size, ids, count);
        pl_buffer_release(&json);
        release(&made);
    }
}

/* Writes the pieces as a tokenizer.bin: blanks are spaces. */
static void write_bin(const struct made *made, struct pl_buffer *bin)
{
    uint32_t most = 40;
    CHECK(pl_buffer_append(&context, bin, &most, 4) == PL_OK);
    for (uint32_t id = 0; id < made->draft.pieces.count; id++) {
        size_t size;
        const char *name = pl_words_item(&made->draft.pieces, id, &size);
        char text[64];
        uint32_t used = 0;
        for (size_t i = 0; i < size; i++) {
            bool blank = memcmp(name + i, "\xe2\x96\x81", 3) == 0;
            text[used++] = blank ? ' ' : name[i];
            i += blank ? 2 : 0;
        }
        CHECK(pl_buffer_append(&context, bin, &made->scores[id], 4) == PL_OK);
        CHECK(pl_buffer_append(&context, bin, &used, 4) == PL_OK);
        CHECK(pl_buffer_append(&context, bin, text, used) == PL_OK);
    }
}

static char path[] = "/tmp/tokenizer-XXXXXX";

static void write_file(const void *bytes, size_t size)
{
    FILE *file = fopen(path, "w");
    CHECK(file && fwrite(bytes, 1, size, file) == size);
    fclose(file);
}

static void sentencepiece_ids(void)
{
    static const char *const symbols[] = {"\xe2\x96\x81", "a", "b", "\xc3\xa9", "\n"};
    static const char *const written[] = {" ", "a", "b", "\xc3\xa9", "\n", "\xe6\xbc\xa2", "\xff"};
    for (int trial = 0; trial < 40; trial++) {
        struct made made = {0};
        struct pl_buffer bin = {0};
        add(&made, "<unk>", 5);
        add(&made, "\n<s>\n", 5);
        add(&made, "\n</s>\n", 6);
        for (unsigned byte = 0; byte < 256; byte++) {
            char name[8];
            snprintf(name, sizeof name, "<0x%02X>", byte);
            add(&made, name, 6);
        }
        for (size_t i = 0; i < 4; i++) /* not the newline */
            add(&made, symbols[i], strlen(symbols[i]));
        add_merges(&made, 259);
        write_bin(&made, &bin);
        write_file(bin.data, bin.size);
        made.tokenizer = pl_tokenizer_load(&context, path);
        CHECK(made.tokenizer && pl_tokenizer_vocabulary(made.tokenizer) == 323);
        struct pl_buffer text = {0};
        uint32_t ids[400] = {1, 259}; /* <s>, and the blank in front */
        size_t count = 1;
        for (size_t i = draw(200); i > 0; i--) {
            size_t symbol = draw(7);
            const char *bytes = written[symbol];
            CHECK(pl_buffer_text(&context, &text, bytes) == PL_OK);
            if (symbol < 4)
                ids[++count] = 259 + (uint32_t)symbol;
            else
                for (; *bytes; bytes++)
                    ids[++count] = 3 + (uint32_t)(unsigned char)*bytes;
        }
        if (text.size > 0) {
            reference_by_score(&made, ids + 1, &count);
            check_encoding(&made, text.data, text.size, ids, count + 1);
        }
        pl_buffer_release(&text);
        pl_buffer_release(&bin);
        release(&made);
    }
}

/* ---- Training ----------------------------------------------------------------------------- */

/* Learns from one word by counting all pairs anew for each merge. */
static void check_learning(const char *text, size_t size, int64_t most)
{
    struct pl_bpe_corpus corpus = {0};
    struct pl_tokenizer_draft draft = {0};
    uint32_t ids[400];
    size_t count = size;
    int64_t tokens;
    CHECK(pl_bpe_count(&context, &corpus, text, size) == PL_OK);
    CHECK(pl_bpe_learn(&context, &corpus, most, false, &draft, &tokens) == PL_OK);
    for (size_t i = 0; i < size; i++)
        ids[i] = (unsigned char)text[i];
    for (size_t merge = 0; merge < draft.merge_count; merge++) {
        size_t best = 0;
        const struct pl_merge *made = &draft.merges[merge];
        struct pl_merge first = {.left = 0};
        for (size_t i = 0; i + 1 < count; i++) {
            size_t times = 0;
            for (size_t j = 0; j + 1 < count; j++)
                times += ids[j] == ids[i] && ids[j + 1] == ids[i + 1];
            bool lower = ids[i] != first.left ? ids[i] < first.left : ids[i + 1] < first.right;
            if (times > best || (times == best && lower)) {
                best = times;
                first = (struct pl_merge){.left = ids[i], .right = ids[i + 1]};
            }
        }
        CHECK(best > 1 && made->left == first.left && made->right == first.right);
        for (size_t i = 0; i + 1 < count; i++)
            if (ids[i] == made->left && ids[i + 1] == made->right)
                join_at(ids, &count, i, made->result);
    }
    CHECK(tokens == (int64_t)count);
    pl_bpe_corpus_release(&corpus);
    pl_tokenizer_draft_release(&draft);
}

static void learned_merges(void)
{
    char text[400];
    for (int trial = 0; trial < 60; trial++) {
        size_t size = 1 + draw(sizeof text), letters = 1 + draw(5);
        for (size_t i = 0; i < size; i++)
            text[i] = (char)('a' + draw(letters));
        check_learning(text, size, 256 + (int64_t)draw(80));
    }
}

/* ---- Files -------------------------------------------------------------------------------- */

/* Encodes and writes the ids with blanks between. */
static const char *encode(const struct pl_tokenizer *tokenizer, const char *text)
{
    static char out[PL_MESSAGE_SIZE];
    struct pl_ids ids = {0};
    out[0] = '\0';
    if (!tokenizer || pl_tokenizer_encode(&context, tokenizer, text, strlen(text), &ids)) {
        snprintf(out, sizeof out, "%s", context.message);
        ids.count = 0;
    }
    for (size_t i = 0; i < ids.count; i++)
        snprintf(out + strlen(out), 12, "%s%u", i ? " " : "", ids.items[i]);
    pl_ids_release(&ids);
    return out;
}

#define MODEL(extra, vocabulary, merges) \
    "\"model\":{\"type\":\"BPE\"," extra "\"vocab\":{" vocabulary "},\"merges\":[" merges "]}}"
#define BYTES "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"

static struct pl_tokenizer *parse(const char *json)
{
    return pl_tokenizer_parse(&context, "t", json, strlen(json));
}

static void added_tokens(void)
{
    struct pl_tokenizer *tokenizer =
        parse("{\"added_tokens\":[{\"id\":4,\"content\":\"<e>\",\"special\":true},"
              "{\"id\":5,\"content\":\"<ex>\",\"lstrip\":true},"
              "{\"id\":6,\"content\":\"<<\",\"rstrip\":true}]," BYTES
              "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
              "{\"SpecialToken\":{\"id\":\"<e>\"}},{\"Sequence\":{\"id\":\"A\"}},"
              "{\"SpecialToken\":{\"id\":\"<e>\"}}]}," MODEL(
                  "", "\"a\":0,\"<\":1,\"\\u0120\":2,\"\\u0120a\":3", "[\"\\u0120\",\"a\"]"));
    CHECK(tokenizer != NULL);
    CHECK_TEXT(encode(tokenizer, "a a<e>a <ex> a<< <<a<"), "4 0 3 4 0 5 3 6 6 0 1 4");
    CHECK_TEXT(encode(tokenizer, "<<<e>"), "4 6 4 4");
    CHECK_TEXT(encode(tokenizer, "a<e"), "byte 2: the tokenizer has no piece for 'e'");
    CHECK_TEXT(encode(tokenizer, ""), "4 4");
    CHECK(pl_tokenizer_begin(tokenizer) == 4 && pl_tokenizer_end(tokenizer) == -1);
    CHECK(pl_tokenizer_find(tokenizer, "<ex>") == 5);
    CHECK(pl_tokenizer_find(tokenizer, "\xc4\xa0"
                                       "a") == 3);
    CHECK(pl_tokenizer_find(tokenizer, "z") == -1);
    CHECK(pl_tokenizer_text_size(tokenizer, 3) == 2);
    CHECK(pl_tokenizer_text_size(tokenizer, 4) == 0);
    CHECK(pl_tokenizer_text_size(tokenizer, 5) == 4);
    CHECK(pl_tokenizer_text_size(tokenizer, 7) == -1);
    struct pl_decoder decoder = {.tokenizer = tokenizer, .specials = true};
    struct pl_buffer text = {0};
    CHECK(pl_decoder_add(&context, &decoder, 4, &text) == PL_OK);
    CHECK(pl_decoder_add(&context, &decoder, 3, &text) == PL_OK);
    CHECK(pl_decoder_add(&context, &decoder, 7, &text) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "token 7 is not in the vocabulary of 7");
    CHECK_TEXT(text.data, "<e> a");
    pl_buffer_release(&text);
    pl_tokenizer_free(tokenizer);
}

static void metaspace(void)
{
    struct pl_tokenizer *tokenizer =
        parse("{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\","
              "\"prepend_scheme\":\"first\",\"split\":true}," MODEL(
                  "\"unk_token\":\"?\",\"fuse_unk\":true,",
                  "\"?\":0,\"a\":1,\"\xe2\x96\x81\":2,\"\xe2\x96\x81\xe2\x96\x81\":3,"
                  "\"\xe2\x96\x81"
                  "a\":4",
                  "\"\xe2\x96\x81 \xe2\x96\x81\",\"\xe2\x96\x81 a\""));
    CHECK_TEXT(encode(tokenizer, "a  a"), "4 2 4");
    CHECK_TEXT(encode(tokenizer, " a"), "4");
    CHECK_TEXT(encode(tokenizer, "axyz a"), "4 0 4");
    pl_tokenizer_free(tokenizer);
}

static void whole_words(void)
{
    struct pl_tokenizer *tokenizer = parse("{" BYTES MODEL(
        "\"ignore_merges\":true,", "\"a\":0,\"b\":1,\"ab\":2,\"aab\":3,\"aa\":4", "\"a a\""));
    CHECK_TEXT(encode(tokenizer, "aab"), "3");
    CHECK_TEXT(encode(tokenizer, "aabb"), "4 1 1");
    pl_tokenizer_free(tokenizer);
}

static void composed(void)
{
    struct pl_tokenizer *tokenizer = parse("{\"normalizer\":{\"type\":\"NFC\"}," BYTES MODEL(
        "", "\"e\":0,\"\u00c3\":1,\"\u00a9\":2", ""));
    CHECK_TEXT(encode(tokenizer, "ee\xcc\x81"), "0 1 2");
    pl_tokenizer_free(tokenizer);
}

static void no_piece(void)
{
    struct pl_tokenizer *tokenizer = parse("{" BYTES MODEL("", "\"a\":0", ""));
    CHECK_TEXT(encode(tokenizer, "aab"), "byte 2: the tokenizer has no piece for 'b'");
    CHECK_TEXT(encode(tokenizer, "a\n"), "byte 1: the tokenizer has no piece for the byte 0x0a");
    pl_tokenizer_free(tokenizer);
}

static void refused(const char *json, const char *message)
{
    struct pl_tokenizer *tokenizer = parse(json);
    CHECK(tokenizer == NULL);
    CHECK_TEXT(context.message, message);
    pl_tokenizer_free(tokenizer);
}

static void refusals(void)
{
    refused("[1", "t: byte 2: expected ',' or ']'");
    refused("[1]", "t: not a tokenizer.json: it has no model");
    refused("{\"model\":{\"type\":\"Unigram\"}}", "t: model 'Unigram' is not supported: BPE is");
    refused("{" MODEL("\"dropout\":0.1,", "", ""), "t: model.dropout is not supported");
    refused("{" MODEL("", "", ""), "t: its vocabulary is empty");
    refused("{\"normalizer\":{\"type\":\"NFKC\"}," MODEL("", "\"a\":0", ""),
            "t: normalizer 'NFKC' is not supported");
    refused("{\"pre_tokenizer\":{\"type\":\"Whitespace\"}," MODEL("", "\"a\":0", ""),
            "t: pre_tokenizer 'Whitespace' is not supported");
    refused("{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"x+\"},\"behavior\":"
            "\"Isolated\"}," MODEL("", "\"a\":0", ""),
            "t: pre_tokenizer: pattern 'x+' is not supported: those of GPT-2, Llama 3 and Qwen 2 "
            "are");
    refused("{\"decoder\":{\"type\":\"CTC\"}," MODEL("", "\"a\":0", ""),
            "t: decoder 'CTC' is not supported");
    refused("{" BYTES MODEL("", "\"a\":0,\"b\":1", "\"a b\""),
            "t: model.merges.0: no such piece: 'ab'");
    refused("{" BYTES MODEL("", "\"a\":0,\"b\":1", "\"a a b\""),
            "t: model.merges.0: it is not two pieces");
    refused("{" BYTES MODEL("", "\"a\":0,\"b\":0", ""), "t: pieces 'a' and 'b' share id 0");
    refused("{" BYTES MODEL("", "\"a\":-1", ""), "t: piece 'a': its id must be below 65540");
    refused("{" BYTES MODEL("\"unk_token\":\"u\",", "\"a\":0", ""),
            "t: model.unk_token is not in the vocabulary");
    refused("{\"added_tokens\":[{\"id\":0,\"content\":\"x\"}]," MODEL("", "\"a\":0", ""),
            "t: added token 'x' has the id of piece 'a'");
    refused("{\"added_tokens\":[{\"id\":1,\"content\":\"x\"},{\"id\":1,\"content\":\"y\"}]," MODEL(
                "", "\"a\":0", ""),
            "t: added tokens 'x' and 'y' share id 1");
    refused("{\"added_tokens\":[{\"id\":0,\"content\":\"a\"},{\"id\":0,\"content\":\"a\"}]," MODEL(
                "", "\"a\":0", ""),
            "t: added tokens 'a' and 'a' share id 0");
    refused(
        "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"use_regex\":false}," MODEL("", "\"a\":0", ""),
        "t: pre_tokenizer 'ByteLevel' is not supported");
    write_file("abc", 3);
    CHECK(pl_tokenizer_load(&context, path) == NULL);
    CHECK(strstr(context.message, ": not a tokenizer: neither tokenizer.json nor a whole"));
    write_file("\x0a\x04\x0a\x02hi\x12\x02\x18\x01", 10);
    CHECK(pl_tokenizer_load(&context, path) == NULL);
    CHECK(strstr(context.message,
                 ": a SentencePiece model of kind 1 (unigram), which is not supported: BPE is"));
}

int main(void)
{
    close(mkstemp(path));
    RUN(words_of_gpt2);
    RUN(words_of_llama3);
    RUN(words_wait_for_their_end);
    RUN(normal_form);
    RUN(byte_level_ids);
    RUN(sentencepiece_ids);
    RUN(learned_merges);
    RUN(added_tokens);
    RUN(metaspace);
    RUN(whole_words);
    RUN(composed);
    RUN(no_piece);
    RUN(refusals);
    unlink(path);
    FINISH();
}
