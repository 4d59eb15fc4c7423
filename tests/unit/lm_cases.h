/* Language models at work: decoding, scoring.  For both precisions: lm.c and double_lm.c.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TESTS_LM_CASES_H
#define PL_TESTS_LM_CASES_H

#include "check.h"

#include <unistd.h>

#include "base/rng.h"
#include "base/simd.h"
#include "counted.h"
#include "models/lm_decode.h"
#include "models/lm_score.h"
#include "models/lm_state.h"
#include "stream/writer.h"
#include "tensor/blas.h"

enum { VOCABULARY = 19, LENGTH = 37 };

static struct pl_context context;
static char path[] = "/tmp/lm-XXXXXX";

/* A model of each kind of mixing; chunks are shorter than the texts and do not divide them. */
static const char *const models[][8] = {
    {"gla", "conv=4", "expand-k=1"},
    {"gla", "kv-heads=1", "clamp-min=-0.3"},
    {"deltanet", "gate=yes", "out-gate=yes"},
    {"deltanet", "neg-eigval=yes"},
    {"deltaproduct", "nh=2", "head-dim=8"},
    {"mom", "memories=3", "topk=2"},
    {"transformer"},
    {"transformer", "window=9", "kv-heads=1"},
};
enum { MODELS = sizeof models / sizeof *models };

static void stop_on(enum pl_status status)
{
    if (status) {
        printf("# %s\n", context.message);
        abort();
    }
}

static void open_model(struct pl_lm *lm, const char *const *model)
{
    const char *settings[16] = {"dim=16", "heads=2", "layers=2", "mlp=24", "chunk=8"};
    size_t count = 5;
    while (model[count - 4])
        settings[count] = model[count - 4], count++;
    stop_on(pl_lm_init(&context, lm, pl_model_find(model[0]), settings, count, VOCABULARY));
    stop_on(pl_parameters_start(&context, &lm->parameters, 3, 0.3));
}

static const int32_t *text(int64_t count)
{
    static int32_t ids[4096];
    struct pl_rng rng = pl_rng_init(9, "text");
    for (int64_t i = 0; i < count; i++)
        ids[i] = (int32_t)pl_rng_below(&rng, (uint64_t)i, VOCABULARY);
    return ids;
}

/* Logits of all positions by one pass, [count, VOCABULARY]; the caller's to free. */
static pl_real *whole_pass(const struct pl_lm *lm, const int32_t *ids, int64_t count)
{
    struct pl_tape tape = {.context = &context};
    struct pl_pass pass = {.tape = &tape, .lm = lm};
    stop_on(pl_rows_even(&tape, 1, count, &pass.rows));
    const struct pl_variable *logits = pl_lm_logits(&pass, pl_lm_forward(&pass, ids));
    stop_on(logits ? PL_OK : context.status);
    pl_real *copy = malloc((size_t)logits->count * sizeof *copy);
    memcpy(copy, logits->value, (size_t)logits->count * sizeof *copy);
    pl_tape_release(&tape);
    return copy;
}

static double difference(const pl_real *a, const pl_real *b)
{
    double worst = 0, size = 0;
    for (int i = 0; i < VOCABULARY; i++) {
        size = fmax(size, fabs((double)b[i]));
        if (!(fabs((double)(a[i] - b[i])) <= worst)) /* NaN stays */
            worst = fabs((double)(a[i] - b[i]));
    }
    return worst / size;
}

/* ---- Decoding */

/* The first `cut` tokens at once, the others one by one. */
static void check_cut(const struct pl_lm *lm, const pl_real *whole, int64_t cut)
{
    struct pl_lm_decoder decoder;
    pl_lm_decoder_init(&decoder, lm);
    stop_on(pl_lm_decoder_take(&context, &decoder, text(LENGTH), cut));
    CHECK((decoder.logits != NULL) == (cut > 0));
    for (int64_t t = cut;; t++) {
        if (t > 0)
            CHECK(difference(decoder.logits, whole + (t - 1) * VOCABULARY) <= TOLERANCE);
        CHECK(decoder.state.position == t);
        if (t == LENGTH)
            break;
        stop_on(pl_lm_decoder_take(&context, &decoder, text(LENGTH) + t, 1));
    }
    pl_lm_decoder_release(&decoder);
}

static void decoding_is_the_whole_pass(void)
{
    for (int i = 0; i < MODELS; i++) {
        struct pl_lm lm;
        open_model(&lm, models[i]);
        pl_real *whole = whole_pass(&lm, text(LENGTH), LENGTH);
        for (int64_t cut = 0; cut <= LENGTH; cut++)
            check_cut(&lm, whole, cut);
        free(whole);
        pl_lm_release(&lm);
    }
}

/* A prompt longer than what goes through at once. */
static void long_prompt(void)
{
    enum { LONG = 1100 };
    for (int i = 0; i < MODELS; i++) {
        struct pl_lm lm;
        struct pl_lm_decoder decoder;
        open_model(&lm, models[i]);
        pl_real *whole = whole_pass(&lm, text(LONG), LONG);
        pl_lm_decoder_init(&decoder, &lm);
        stop_on(pl_lm_decoder_take(&context, &decoder, text(LONG), LONG));
        CHECK(difference(decoder.logits, whole + (LONG - 1) * VOCABULARY) <= TOLERANCE);
        pl_lm_decoder_release(&decoder);
        free(whole);
        pl_lm_release(&lm);
    }
}

/* A state that was written and read goes on with the same bits. */
static void check_state(const struct pl_lm *lm, int64_t position)
{
    struct pl_lm_decoder first, second;
    struct pl_bundle bundle = {0};
    int32_t pending = -1;
    bool found = false;
    pl_lm_decoder_init(&first, lm);
    pl_lm_decoder_init(&second, lm);
    stop_on(pl_lm_decoder_take(&context, &first, text(LENGTH), position));
    struct pl_writer *writer = pl_writer_open(&context, path);
    stop_on(pl_lm_state_write(&context, lm, 5, &first.state, text(LENGTH)[position], writer));
    stop_on(pl_writer_end(&context, writer));
    stop_on(pl_writer_commit(&context, writer));
    struct pl_reader *reader = pl_reader_open(&context, path, 0);
    stop_on(pl_bundle_read(&context, &bundle, reader, &found));
    stop_on(pl_lm_state_read(&context, lm, 5, &bundle, &second.state, &pending));
    CHECK(pending == text(LENGTH)[position] && second.state.position == position);
    for (int64_t t = position; t < LENGTH; t++) {
        stop_on(pl_lm_decoder_take(&context, &first, text(LENGTH) + t, 1));
        stop_on(pl_lm_decoder_take(&context, &second, text(LENGTH) + t, 1));
        CHECK(memcmp(first.logits, second.logits, VOCABULARY * sizeof *first.logits) == 0);
    }
    pl_bundle_release(&bundle);
    pl_reader_close(reader);
    pl_lm_decoder_release(&first);
    pl_lm_decoder_release(&second);
}

static void states(void)
{
    for (int i = 0; i < MODELS; i++) {
        struct pl_lm lm;
        open_model(&lm, models[i]);
        for (int64_t position = 0; position < LENGTH; position += 9)
            check_state(&lm, position);
        pl_lm_release(&lm);
    }
}

/* After the first steps of a linear model none asks for memory, and its state stays as it is. */
static void no_memory_asked(void)
{
    for (int i = 0; strcmp(models[i][0], "transformer") != 0; i++) {
        struct pl_lm lm;
        struct pl_lm_decoder decoder;
        open_model(&lm, models[i]);
        pl_lm_decoder_init(&decoder, &lm);
        for (int64_t t = 0; t < 3; t++)
            stop_on(pl_lm_decoder_take(&context, &decoder, text(LENGTH) + t, 1));
        long before = counted_asked;
        size_t items = decoder.state.count;
        CHECK(before > 0 || !counted());
        for (int64_t t = 3; t < LENGTH; t++)
            stop_on(pl_lm_decoder_take(&context, &decoder, text(LENGTH) + t, 1));
        CHECK(counted_asked == before && decoder.state.count == items);
        pl_lm_decoder_release(&decoder);
        pl_lm_release(&lm);
    }
}

/* ---- Scoring */

/* A stream of tokens of that shape (rows 0: rank 1), with targets or without, as a corpus. */
static void open_corpus(struct pl_corpus *corpus, const int32_t *ids, int64_t rows, int64_t length,
                        const int32_t *targets)
{
    uint16_t words[4096];
    const int64_t count = (rows ? rows : 1) * length;
    const int64_t dims[] = {rows, length};
    const int rank = rows ? 2 : 1;
    struct pl_writer *writer = pl_writer_open(&context, path);
    for (int64_t i = 0; i < count; i++)
        words[i] = (uint16_t)ids[i];
    struct pl_tensor tensor = pl_tensor_view(PL_U16, rank, dims + !rows, words);
    stop_on(pl_writer_tensor(&context, writer, "tokens", &tensor, PL_CODEC_RAW));
    tensor = pl_tensor_view(PL_I32, rank, dims + !rows, (void *)(uintptr_t)targets);
    if (targets)
        stop_on(pl_writer_tensor(&context, writer, "targets", &tensor, PL_CODEC_RAW));
    stop_on(pl_writer_end(&context, writer));
    stop_on(pl_writer_commit(&context, writer));
    stop_on(pl_corpus_open(&context, corpus, path, NULL));
    stop_on(pl_corpus_expect(&context, corpus, VOCABULARY, NULL, 0));
}

/* Adds what is to come out for the predictions of one row, made from ids[0..count). */
static void expect_row(struct pl_lm_score *expected, const struct pl_lm *lm, const int32_t *ids,
                       const int32_t *targets, int64_t count)
{
    pl_real *logits = whole_pass(lm, ids, count);
    bool good = true;
    int64_t scored = 0;
    for (int64_t t = 0; t < count; t++) {
        const pl_real *z = logits + t * VOCABULARY;
        double sum = 0;
        int best = 0;
        for (int v = 0; v < VOCABULARY; v++) {
            sum += exp((double)z[v]);
            best = z[v] > z[best] ? v : best;
        }
        if (targets[t] < 0)
            continue;
        scored++;
        good = good && best == targets[t];
        expected->total.right += best == targets[t];
        expected->total.nats += log(sum) - (double)z[targets[t]];
    }
    expected->total.scored += scored;
    expected->total.exact += scored && good;
    expected->rows += scored > 0;
    free(logits);
}

/* The sums of all positions are the total. */
static void check_positions(const struct pl_lm_score *score)
{
    struct pl_lm_sums sum = {0};
    for (int64_t i = 0; i < score->length; i++) {
        const struct pl_lm_sums *at = &score->positions[i];
        sum.scored += at->scored;
        sum.right += at->right;
        sum.nats += at->nats;
        CHECK(at->exact <= at->right && at->right <= at->scored);
    }
    CHECK(sum.scored == score->total.scored && sum.right == score->total.right);
    CHECK_NEAR(sum.nats, score->total.nats, 1e-12);
}

static void check_score(const struct pl_lm *lm, const struct pl_corpus *corpus, int64_t sequence,
                        bool carry, const struct pl_lm_score *expected)
{
    struct pl_lm_score score = {0}, again = {0};
    struct pl_lm_score_options options = {sequence, carry, true};
    context.threads = 1;
    stop_on(pl_lm_score(&context, lm, corpus, &options, &score));
    CHECK(score.total.scored == expected->total.scored && score.rows == expected->rows);
    CHECK(score.total.right == expected->total.right && score.total.exact == expected->total.exact);
    CHECK_NEAR(score.total.nats, expected->total.nats, TOLERANCE);
    CHECK(score.bytes == -1);
    check_positions(&score);
    context.threads = 3; /* the same bits */
    options.positions = false;
    stop_on(pl_lm_score(&context, lm, corpus, &options, &again));
    CHECK(memcmp(&again.total, &score.total, sizeof again.total) == 0 && !again.positions);
    context.threads = 0;
    pl_lm_score_release(&score);
    pl_lm_score_release(&again);
}

/* A text in rows of 11 predictions, the last one shorter; in one; in one longer than a pass. */
static void texts(void)
{
    enum { LONG = 2100 };
    for (int i = 0; i < MODELS; i++) {
        struct pl_lm lm;
        struct pl_corpus corpus;
        struct pl_lm_score rows = {0}, whole = {0}, further = {0};
        const int32_t *ids = text(LONG);
        open_model(&lm, models[i]);
        for (int64_t at = 0; at < LENGTH - 1; at += 11)
            expect_row(&rows, &lm, ids + at, ids + at + 1,
                       LENGTH - 1 - at < 11 ? LENGTH - 1 - at : 11);
        open_corpus(&corpus, ids, 0, LENGTH, NULL);
        check_score(&lm, &corpus, 11, false, &rows);
        lm.sequence = 11;
        check_score(&lm, &corpus, 0, false, &rows);
        expect_row(&whole, &lm, ids, ids + 1, LENGTH - 1);
        check_score(&lm, &corpus, 0, true, &whole);
        check_score(&lm, &corpus, 1000, false, &whole);
        pl_corpus_close(&corpus);
        open_corpus(&corpus, ids, 0, LONG, NULL);
        expect_row(&further, &lm, ids, ids + 1, LONG - 1);
        check_score(&lm, &corpus, 0, true, &further);
        pl_corpus_close(&corpus);
        pl_lm_release(&lm);
    }
}

/* Rows of 10 tokens as they are, and in pieces of 4, 4 and 2, of 9 (and 1, which predicts nothing).
 */
static void rows_of_tokens(void)
{
    struct pl_lm lm;
    struct pl_corpus corpus;
    struct pl_lm_score whole = {0}, fours = {0}, nine = {0};
    const int32_t *ids = text(70);
    open_model(&lm, models[0]);
    for (int row = 0; row < 7; row++, ids += 10) {
        expect_row(&whole, &lm, ids, ids + 1, 9);
        expect_row(&fours, &lm, ids, ids + 1, 3);
        expect_row(&fours, &lm, ids + 4, ids + 5, 3);
        expect_row(&fours, &lm, ids + 8, ids + 9, 1);
        expect_row(&nine, &lm, ids, ids + 1, 8);
    }
    open_corpus(&corpus, text(70), 7, 10, NULL);
    check_score(&lm, &corpus, 0, false, &whole);
    check_score(&lm, &corpus, 12, false, &whole);
    check_score(&lm, &corpus, 4, false, &fours);
    check_score(&lm, &corpus, 9, false, &nine);
    pl_corpus_close(&corpus);
    pl_lm_release(&lm);
}

/* Targets of the model's own and others: rows right to the end, up to some place, and unscored. */
static void tasks(void)
{
    enum { ROWS = 5, WIDTH = 8 };
    struct pl_lm lm;
    struct pl_corpus corpus;
    struct pl_lm_score expected = {0}, score = {0};
    int32_t targets[ROWS * WIDTH];
    const int32_t *ids = text(ROWS * WIDTH);
    open_model(&lm, models[2]);
    for (int row = 0; row < ROWS; row++) {
        pl_real *logits = whole_pass(&lm, ids + row * WIDTH, WIDTH);
        for (int t = 0; t < WIDTH; t++) {
            int best = 0;
            for (int v = 0; v < VOCABULARY; v++)
                best = logits[t * VOCABULARY + v] > logits[t * VOCABULARY + best] ? v : best;
            targets[row * WIDTH + t] = row == 4 || t % 2 == 0 ? -1
                                       : row == 3 && t == 5   ? (best + 1) % VOCABULARY
                                                              : best;
        }
        free(logits);
        expect_row(&expected, &lm, ids + row * WIDTH, targets + row * WIDTH, WIDTH);
    }
    open_corpus(&corpus, ids, ROWS, WIDTH, targets);
    check_score(&lm, &corpus, 0, false, &expected);
    CHECK(expected.rows == 4 && expected.total.exact == 3 && expected.total.right == 15);
    const struct pl_lm_score_options options = {.positions = true};
    stop_on(pl_lm_score(&context, &lm, &corpus, &options, &score));
    CHECK(score.positions[0].scored == 0 && score.positions[3].exact == 4);
    CHECK(score.positions[5].exact == 3 && score.positions[5].right == 3);
    CHECK(score.positions[7].exact == 3 && score.positions[7].right == 4);
    pl_lm_score_release(&score);
    pl_corpus_close(&corpus);
    pl_lm_release(&lm);
}

static void refuse_score(const struct pl_lm *lm, const struct pl_corpus *corpus, int64_t sequence,
                         bool carry, enum pl_status status, const char *message)
{
    const struct pl_lm_score_options options = {sequence, carry, false};
    struct pl_lm_score score;
    char full[256];
    snprintf(full, sizeof full, message, path);
    CHECK(pl_lm_score(&context, lm, corpus, &options, &score) == status);
    CHECK_TEXT(context.message, full);
    pl_lm_score_release(&score);
}

static void nothing_to_score(void)
{
    struct pl_lm lm;
    struct pl_corpus corpus;
    const int32_t none[4] = {-1, -1, -1, -1};
    open_model(&lm, models[0]);
    open_corpus(&corpus, text(4), 0, 1, NULL);
    refuse_score(&lm, &corpus, 0, false, PL_BAD_DATA, "%s: nothing to predict: 1 row of 1 token");
    refuse_score(&lm, &corpus, 7, true, PL_USAGE,
                 "--carry: with --seq, the state is fresh in each row");
    pl_corpus_close(&corpus);
    open_corpus(&corpus, text(4), 4, 1, NULL);
    refuse_score(&lm, &corpus, 0, false, PL_BAD_DATA, "%s: nothing to predict: 4 rows of 1 token");
    pl_corpus_close(&corpus);
    open_corpus(&corpus, text(4), 2, 2, NULL);
    refuse_score(&lm, &corpus, 0, true, PL_USAGE,
                 "--carry: %s has rows that do not continue each other");
    refuse_score(&lm, &corpus, 1, false, PL_USAGE,
                 "--seq 1: nothing to predict in pieces of 1 token");
    pl_corpus_close(&corpus);
    open_corpus(&corpus, text(4), 2, 2, none);
    refuse_score(&lm, &corpus, 0, false, PL_BAD_DATA, "%s: no token has a target");
    refuse_score(&lm, &corpus, 2, false, PL_USAGE,
                 "--seq: %s is a task: its rows are scored whole");
    pl_corpus_close(&corpus);
    lm.head->value[7] = (pl_real)NAN;
    open_corpus(&corpus, text(4), 2, 2, NULL);
    refuse_score(&lm, &corpus, 0, false, PL_NUMERIC, "the loss of the model is not finite");
    pl_corpus_close(&corpus);
    pl_lm_release(&lm);
}

int main(void)
{
    close(mkstemp(path));
    stop_on(pl_blas_open(&context));
    RUN(decoding_is_the_whole_pass);
    RUN(long_prompt);
    RUN(states);
    RUN(no_memory_asked);
    RUN(texts);
    RUN(rows_of_tokens);
    RUN(tasks);
    RUN(nothing_to_score);
    unlink(path);
    FINISH();
}

#endif
