/* tok-encode: text to tokens.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/version.h"
#include "cli/tool.h"
#include "formats/bytes.h"
#include "formats/input.h"
#include "stream/history.h"
#include "text/tokenizer.h"

struct command {
    bool bare;
};

static const struct pl_option options[] = {
    PL_FLAG(struct command, bare, "bare", 0, "no",
            "leave out the tokens that the tokenizer puts around a text"),
    PL_OPTIONS_END,
};

static const char *const unused[] = {"seed", "memory", "threads", "explain", NULL};

enum { CHUNK = 1 << 18 /* tokens of a chunk; fewer in all are one tensor of known length */ };

/* What one run works on. */
struct work {
    struct pl_context *context;
    const struct command *command;
    const char *path; /* of the text */
    struct pl_tokenizer *tokenizer;
    struct pl_foreign *text;
    struct pl_encoder *encoder;
    struct pl_writer *writer;
    struct pl_ids ids;
    enum pl_dtype dtype;
    void *chunk; /* of the dtype */
    int64_t filled;
    bool chunked; /* a chunk is written */
};

static enum pl_status open_work(struct pl_run *run, struct work *work)
{
    struct pl_context *context = work->context;
    const char *tokenizer = pl_run_operand(run, 0);
    if (strcmp(tokenizer, "-") == 0 && strcmp(work->path, "-") == 0)
        return pl_fail(context, PL_USAGE,
                       "standard input is the tokenizer: the text must have a name");
    work->tokenizer = pl_tokenizer_load(context, tokenizer);
    work->text = work->tokenizer ? pl_foreign_open_text(context, work->path) : NULL;
    if (!work->text)
        return context->status;
    struct pl_bytes *bytes = pl_foreign_bytes(work->text);
    if (pl_foreign_format(work->text) != PL_FORMAT_TEXT)
        return pl_bytes_fail(context, bytes, PL_BAD_DATA, "expected a text, found tensors");
    bytes->eager = true;
    int64_t vocabulary = pl_tokenizer_vocabulary(work->tokenizer);
    work->dtype = vocabulary <= 256 ? PL_U8 : vocabulary <= 65536 ? PL_U16 : PL_U32;
    work->encoder = pl_encoder_new(context, work->tokenizer, work->command->bare);
    work->chunk = pl_new(context, CHUNK, pl_dtype_size(work->dtype));
    return work->encoder && work->chunk ? PL_OK : context->status;
}

/* The records in front of the tokens. */
static enum pl_status write_front(struct work *work)
{
    struct pl_context *context = work->context;
    struct pl_meta meta = {0};
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    int64_t begin = pl_tokenizer_begin(work->tokenizer), end = pl_tokenizer_end(work->tokenizer);
    pl_meta_add_int(context, &meta, root, "vocabulary", pl_tokenizer_vocabulary(work->tokenizer));
    if (begin >= 0)
        pl_meta_add_int(context, &meta, root, "bos", begin);
    if (end >= 0)
        pl_meta_add_int(context, &meta, root, "eos", end);
    enum pl_status status = pl_writer_kind(context, work->writer, "tokens");
    if (status == PL_OK)
        status = pl_meta_ok(&meta, context)
                     ? pl_writer_meta(context, work->writer, "tokens", meta.root)
                     : context->status;
    pl_meta_release(&meta);
    size_t size;
    const char *json = pl_tokenizer_json(work->tokenizer, &size);
    int64_t dim = (int64_t)size;
    struct pl_tensor bytes = pl_tensor_view(PL_U8, 1, &dim, (void *)(uintptr_t)json);
    if (status == PL_OK)
        status = pl_writer_tensor(context, work->writer, "tokenizer.json", &bytes, PL_CODEC_RAW);
    return status;
}

static enum pl_status write_chunk(struct work *work)
{
    if (!work->chunked && pl_writer_open_chunked(work->context, work->writer, "tokens", work->dtype,
                                                 1, (int64_t[]){-1}))
        return work->context->status;
    work->chunked = true;
    int64_t count = work->filled;
    work->filled = 0;
    return pl_writer_chunk(work->context, work->writer, "tokens", work->chunk, count, PL_CODEC_RAW);
}

/* Moves the ids into chunks. */
static enum pl_status write_ids(struct work *work)
{
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < work->ids.count && status == PL_OK; i++) {
        if (work->filled == CHUNK)
            status = write_chunk(work);
        uint32_t id = work->ids.items[i];
        if (work->dtype == PL_U8)
            ((uint8_t *)work->chunk)[work->filled++] = (uint8_t)id;
        else if (work->dtype == PL_U16)
            ((uint16_t *)work->chunk)[work->filled++] = (uint16_t)id;
        else
            ((uint32_t *)work->chunk)[work->filled++] = id;
    }
    work->ids.count = 0;
    return status;
}

static enum pl_status finish_tokens(struct work *work)
{
    if (work->chunked) {
        enum pl_status status = work->filled > 0 ? write_chunk(work) : PL_OK;
        return status == PL_OK ? pl_writer_close_chunked(work->context, work->writer, "tokens")
                               : status;
    }
    struct pl_tensor tokens = pl_tensor_view(work->dtype, 1, &work->filled, work->chunk);
    return pl_writer_tensor(work->context, work->writer, "tokens", &tokens, PL_CODEC_RAW);
}

static enum pl_status encode(struct work *work)
{
    struct pl_context *context = work->context;
    struct pl_bytes *bytes = pl_foreign_bytes(work->text);
    const uint8_t *data;
    size_t size;
    enum pl_status status;
    while ((status = pl_bytes_peek(context, bytes, 1, &data, &size)) == PL_OK && size > 0) {
        size = size < CHUNK ? size : CHUNK;
        status = pl_encoder_add(context, work->encoder, (const char *)data, size, &work->ids);
        if (status != PL_OK)
            break;
        pl_bytes_give_back(bytes, data, size);
        pl_bytes_skip(bytes, size);
        status = write_ids(work);
        if (status != PL_OK)
            return status;
    }
    if (status == PL_OK)
        status = pl_encoder_end(context, work->encoder, &work->ids);
    if (status != PL_OK)
        return pl_fail_at(context, "%s", bytes->name);
    status = write_ids(work);
    return status == PL_OK ? finish_tokens(work) : status;
}

static enum pl_status write_history(struct pl_run *run, const struct work *work)
{
    struct pl_context *context = work->context;
    struct pl_history history = {0};
    uint32_t sum;
    enum pl_status status = pl_bytes_sum(context, pl_foreign_bytes(work->text), &sum);
    if (status == PL_OK)
        status = pl_history_start(context, &history, run->tool->name, PL_VERSION, run->argc,
                                  run->argv, run->common.seed);
    if (status == PL_OK)
        status = pl_history_input(context, &history, pl_run_operand(run, 0),
                                  pl_tokenizer_sum(work->tokenizer), NULL);
    if (status == PL_OK)
        status = pl_history_input(context, &history, work->path, sum, NULL);
    if (status == PL_OK)
        status = pl_history_write(context, &history, work->writer);
    pl_history_release(&history);
    return status;
}

static enum pl_status write_stream(struct pl_run *run, struct work *work)
{
    struct pl_context *context = work->context;
    work->writer = pl_writer_open(context, run->common.output);
    if (!work->writer)
        return context->status;
    enum pl_status status = write_front(work);
    if (status == PL_OK)
        status = encode(work);
    if (status == PL_OK && run->common.history)
        status = write_history(run, work);
    if (status == PL_OK)
        status = pl_writer_end(context, work->writer);
    if (status == PL_OK)
        return pl_writer_commit(context, work->writer);
    pl_writer_abort(context, work->writer, run->tool->name);
    return status;
}

static enum pl_status run(struct pl_run *run, void *filled)
{
    struct work work = {
        .context = &run->context, .command = filled, .path = pl_run_operand(run, 1)};
    enum pl_status status = pl_run_binary_output(run);
    if (status == PL_OK)
        status = open_work(run, &work);
    if (status == PL_OK)
        status = write_stream(run, &work);
    pl_encoder_free(work.encoder);
    pl_foreign_close(work.text);
    pl_tokenizer_free(work.tokenizer);
    pl_ids_release(&work.ids);
    free(work.chunk);
    return status;
}

static const struct pl_example examples[] = {
    {"tok-train -q --vocab 512 data/README.md -o tokenizer.json", "a tokenizer"},
    {"tok-encode tokenizer.json data/README.md -o tokens.plumb", "tokens for lin-train"},
    {"tok-encode tokenizer.json data/README.md | tok-decode | cmp - data/README.md",
     "there and back"},
    {NULL, NULL},
};

static const struct pl_tool tool = {
    .name = "tok-encode",
    .summary = "turn text into tokens",
    .operands = "TOKENIZER [FILE]",
    .least = 1,
    .most = 2,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "tok-decode(1), tok-train(1), lin-train(1), tensor-stream(5)",
    .run = run,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
