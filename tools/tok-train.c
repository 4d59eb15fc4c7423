/* tok-train: a vocabulary for language models, learned from text.
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "cli/tool.h"
#include "formats/bytes.h"
#include "formats/input.h"
#include "text/bpe_train.h"

struct command {
    int64_t vocab;
    bool has_vocab, alphabet;
};

static const struct pl_option options[] = {
    PL_INT_GIVEN(struct command, vocab, has_vocab, "vocab", 0, 1, 1 << 22, "N",
                 "most pieces, single bytes among them (4096; with --alphabet the bytes alone)",
                 "512"),
    PL_FLAG(struct command, alphabet, "alphabet", 0, "no",
            "start from the bytes that occur in the text, not from all 256"),
    PL_OPTIONS_END,
};

static const char *const unused[] = {"seed", "memory", "threads", "explain", "history", NULL};

static enum pl_status count_file(struct pl_context *context, const char *path,
                                 struct pl_bpe_corpus *corpus)
{
    const uint8_t *text;
    size_t size;
    struct pl_foreign *foreign = pl_foreign_open_text(context, path);
    if (!foreign)
        return context->status;
    struct pl_bytes *bytes = pl_foreign_bytes(foreign);
    enum pl_status status =
        pl_foreign_format(foreign) == PL_FORMAT_TEXT
            ? pl_bytes_rest(context, bytes, &text, &size)
            : pl_bytes_fail(context, bytes, PL_BAD_DATA, "expected a text, found tensors");
    if (status == PL_OK)
        status = pl_bpe_count(context, corpus, (const char *)text, size);
    pl_foreign_close(foreign);
    return status;
}

static enum pl_status count_files(struct pl_run *run, struct pl_bpe_corpus *corpus)
{
    int count = run->operand_count > 0 ? run->operand_count : 1;
    enum pl_status status = PL_OK;
    for (int i = 0; i < count && status == PL_OK; i++)
        status = count_file(&run->context, pl_run_operand(run, i), corpus);
    return status;
}

static void report(struct pl_run *run, const struct pl_bpe_corpus *corpus,
                   const struct pl_tokenizer_draft *draft, int64_t most, int64_t tokens)
{
    pl_run_note(run,
                "%" PRIu32 " pieces, %zu merges, from %" PRId64 " bytes, %" PRIu32
                " different words; %.2f bytes a token",
                draft->pieces.count, draft->merge_count, corpus->bytes, corpus->words.count,
                (double)corpus->bytes / (double)tokens);
    if (draft->pieces.count < most)
        pl_run_note(run, "fewer than %" PRId64 " pieces: no other pair comes twice in the text",
                    most);
}

static enum pl_status run(struct pl_run *run, void *filled)
{
    const struct command *command = filled;
    struct pl_context *context = &run->context;
    struct pl_bpe_corpus corpus = {0};
    struct pl_tokenizer_draft draft = {0};
    struct pl_buffer json = {0};
    int64_t tokens = 0, most = command->vocab;
    if (!command->has_vocab)
        most = command->alphabet ? PL_BPE_BYTES : 4096;
    enum pl_status status = count_files(run, &corpus);
    if (status == PL_OK)
        status = pl_bpe_learn(context, &corpus, most, command->alphabet, &draft, &tokens);
    if (status == PL_OK)
        status = pl_tokenizer_write(context, &draft, &json);
    if (status == PL_OK)
        report(run, &corpus, &draft, most, tokens);
    if (status == PL_OK)
        status = pl_run_text_output(run, json.data, json.size);
    pl_bpe_corpus_release(&corpus);
    pl_tokenizer_draft_release(&draft);
    pl_buffer_release(&json);
    return status;
}

static const struct pl_example examples[] = {
    {"tok-train --vocab 512 data/README.md -o tokenizer.json", "pairs that are frequent, joined"},
    {"tok-train --alphabet data/README.md | tok-encode - data/README.md | ts-info",
     "the bytes of a text that occur in it, numbered"},
    {NULL, NULL},
};

static const struct pl_tool tool = {
    .name = "tok-train",
    .summary = "learn a tokenizer from text",
    .operands = "[FILE ...]",
    .least = 0,
    .most = -1,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "tok-decode(1), tok-encode(1), lin-train(1)",
    .run = run,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
