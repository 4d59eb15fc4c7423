/* tok-decode: tokens to text.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/tool.h"
#include "text/corpus.h"

struct command {
    bool specials;
};

static const struct pl_option options[] = {
    PL_FLAG(struct command, specials, "specials", 0, "no",
            "write special tokens too, by their names"),
    PL_OPTIONS_END,
};

static const char *const unused[] = {"seed", "memory", "threads", "explain", "history", NULL};

enum { BLOCK = 1 << 16 /* tokens that are decoded at once */ };

/* Whether a single operand is a tokenizer: a folder, or no file of tensors. */
static enum pl_status is_tokenizer(struct pl_context *context, const char *path, bool *found)
{
    struct stat entry;
    *found = strcmp(path, "-") != 0 && stat(path, &entry) == 0 && S_ISDIR(entry.st_mode);
    if (*found || strcmp(path, "-") == 0 || !S_ISREG(entry.st_mode))
        return PL_OK;
    struct pl_foreign *foreign = pl_foreign_open_text(context, path);
    if (!foreign)
        return context->status;
    *found = pl_foreign_format(foreign) == PL_FORMAT_TEXT;
    pl_foreign_close(foreign);
    return PL_OK;
}

/* What one run works on. */
struct work {
    struct pl_context *context;
    struct pl_tokenizer *given; /* NULL: none */
    const char *path;           /* of the tokens */
    struct pl_corpus corpus;
    struct pl_decoder decoder; /* without a tokenizer: tokens are bytes */
    struct pl_output output;
    struct pl_buffer text;
    int32_t ids[BLOCK];
};

static enum pl_status open_work(struct pl_run *run, struct work *work)
{
    struct pl_context *context = work->context;
    bool first = run->operand_count == 2;
    enum pl_status status = PL_OK;
    if (run->operand_count == 1)
        status = is_tokenizer(context, pl_run_operand(run, 0), &first);
    if (status != PL_OK)
        return status;
    work->path = pl_run_operand(run, first);
    if (first && strcmp(pl_run_operand(run, 0), "-") == 0 && strcmp(work->path, "-") == 0)
        return pl_fail(context, PL_USAGE,
                       "standard input is the tokenizer: the tokens must have a name");
    if (first) {
        work->given = pl_tokenizer_load(context, pl_run_operand(run, 0));
        if (!work->given)
            return context->status;
    }
    status = pl_corpus_open(context, &work->corpus, work->path, NULL);
    if (status != PL_OK)
        return status;
    if (work->corpus.text)
        return pl_fail(context, PL_BAD_DATA, "%s: expected tokens, found a text",
                       work->corpus.name);
    work->decoder.tokenizer = work->given ? work->given : work->corpus.tokenizer;
    if (!work->decoder.tokenizer && !work->corpus.bytes)
        return pl_fail(context, PL_USAGE,
                       "%s: holds no tokenizer, and none is given (tok-decode TOKENIZER FILE)",
                       work->corpus.name);
    return PL_OK;
}

static enum pl_status decode(struct work *work, int64_t at, int64_t count)
{
    struct pl_context *context = work->context;
    enum pl_status status = pl_corpus_read(context, &work->corpus, at, count, work->ids);
    for (int64_t i = 0; i < count && status == PL_OK; i++) {
        uint32_t id = (uint32_t)work->ids[i];
        status = work->decoder.tokenizer
                     ? pl_decoder_add(context, &work->decoder, id, &work->text)
                     : pl_buffer_append(context, &work->text, &(char){(char)id}, 1);
        if (status == PL_BAD_DATA)
            pl_fail_at(context, "%s: offset %lld", work->corpus.name, (long long)(at + i));
    }
    return status;
}

static enum pl_status write_text(struct work *work)
{
    size_t size = work->text.size;
    work->text.size = 0;
    return size ? pl_output_write(work->context, &work->output, work->text.data, size) : PL_OK;
}

/* One row, with a newline behind where there are several. */
static enum pl_status decode_row(struct work *work, int64_t row)
{
    const struct pl_corpus *corpus = &work->corpus;
    enum pl_status status = PL_OK;
    work->decoder.begun = false;
    for (int64_t at = 0; at < corpus->length && status == PL_OK; at += BLOCK) {
        int64_t count = corpus->length - at < BLOCK ? corpus->length - at : BLOCK;
        status = decode(work, row * corpus->length + at, count);
        if (status == PL_OK)
            status = write_text(work);
    }
    if (status == PL_OK && corpus->cut)
        status = pl_buffer_text(work->context, &work->text, "\n");
    return status == PL_OK ? write_text(work) : status;
}

static enum pl_status run(struct pl_run *run, void *filled)
{
    const struct command *command = filled;
    struct pl_context *context = &run->context;
    struct work *work = pl_new(context, 1, sizeof *work);
    if (!work)
        return context->status;
    work->context = context;
    work->decoder.specials = command->specials;
    enum pl_status status = open_work(run, work);
    if (status == PL_OK)
        status = pl_output_open(context, &work->output, run->common.output);
    if (status == PL_OK) {
        for (int64_t row = 0; row < work->corpus.rows && status == PL_OK; row++)
            status = decode_row(work, row);
        if (status == PL_OK)
            status = pl_output_commit(context, &work->output);
        pl_output_abort(&work->output);
    }
    pl_corpus_close(&work->corpus);
    pl_tokenizer_free(work->given);
    pl_buffer_release(&work->text);
    free(work);
    return status;
}

static const struct pl_example examples[] = {
    {"tok-train -q --vocab 512 data/README.md -o tokenizer.json", "a tokenizer"},
    {"tok-encode tokenizer.json data/README.md | tok-decode | head -n 3", "there and back"},
    {"tok-encode tokenizer.json data/README.md | ts-select -n tokens | tok-decode tokenizer.json | "
     "head -n 3",
     "tokens that come without their tokenizer"},
    {NULL, NULL},
};

static const struct pl_tool tool = {
    .name = "tok-decode",
    .summary = "turn tokens into text",
    .operands = "[TOKENIZER] [FILE]",
    .least = 0,
    .most = 2,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "tok-encode(1), tok-train(1), tensor-stream(5)",
    .run = run,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
