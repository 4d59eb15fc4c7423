/* lin-generate: let a language model go on with a text.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/crc32.h"
#include "base/version.h"
#include "cli/tool.h"
#include "models/lm_decode.h"
#include "models/lm_state.h"
#include "models/lm_stream.h"
#include "models/lm_text.h"
#include "models/operand.h"
#include "models/sampler.h"

struct command {
    int64_t count; /* tokens to generate */
    double temperature;
    int64_t top_k;
    double top_p;
    const char *prompt, *prompt_file; /* NULL: none */
    const char *state;                /* where the text is gone on with; NULL: nowhere */
    bool echo, stop;
};

static const struct pl_option options[] = {
    PL_INT(struct command, count, "count", 'n', "200", 0, 1e15, "TOKENS",
           "tokens to generate; 0: only take in the prompt", "1000"),
    PL_TEXT(struct command, prompt, "prompt", 0, NULL, "TEXT", "what the text begins with",
            "Once upon a time"),
    PL_TEXT(struct command, prompt_file, "prompt-file", 0, NULL, "FILE",
            "the same from a file; - is standard input", "prompt.txt"),
    PL_REAL(struct command, temperature, "temperature", 0, "1", 0, 1000, "T",
            "divide the logits by T: below 1 what is probable becomes more so; 0: always the most "
            "probable token",
            "0.8"),
    PL_INT(struct command, top_k, "top-k", 0, "0", 0, 1e9, "K",
           "draw from the K most probable tokens; 0: from all", "40"),
    PL_REAL(struct command, top_p, "top-p", 0, "1", 1e-9, 1, "SHARE",
            "draw from the most probable tokens that have together this share of the probability",
            "0.95"),
    PL_TEXT(struct command, state, "state", 0, NULL, "FILE",
            "go on where FILE stopped, if it exists, and leave there where this run stops",
            "story.plumb"),
    PL_FLAG(struct command, echo, "echo", 0, "no", "write the prompt in front of what follows it"),
    PL_FLAG(struct command, stop, "stop", 0, "yes", "do not stop at the token that ends a text"),
    PL_OPTIONS_END,
};

/* Text on its way out.  It is pushed out as soon as some time went by since it last was: a slow
 * model's tokens appear one by one, a fast one's cost no write each. */
struct outlet {
    struct pl_output output;
    bool open;
    struct pl_buffer text;
    int64_t pushed;      /* when, in nanoseconds */
    bool terminal, tail; /* tail: does not end in a newline */
};

enum { PUSH_NANOSECONDS = 20000000, PUSH_BYTES = 1 << 16, PROMPT_BYTES = 1 << 30 };

/* What one run works on. */
struct work {
    struct pl_operand model, old; /* old: the state that was gone on with */
    struct pl_lm lm;
    struct pl_lm_text text;
    struct pl_lm_decoder decoder;
    struct pl_sampler sampler;
    struct outlet out;
    uint32_t prompt_sum; /* of the prompt's file */
    int32_t pending;     /* the last token of the text, not taken in yet; -1: the text is empty */
};

/* ---- Output ------------------------------------------------------------------------------- */

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static enum pl_status push(struct pl_context *context, struct outlet *out)
{
    if (out->text.size == 0)
        return PL_OK;
    for (size_t i = 0; out->terminal && i < out->text.size; i++) {
        unsigned char c = (unsigned char)out->text.data[i];
        if ((c < ' ' && c != '\n' && c != '\t') || c == 127) /* a terminal would obey */
            out->text.data[i] = '?';
    }
    out->tail = out->text.data[out->text.size - 1] != '\n';
    enum pl_status status = pl_output_write(context, &out->output, out->text.data, out->text.size);
    out->text.size = 0;
    return status;
}

static enum pl_status emit(struct pl_context *context, struct work *work, int32_t id)
{
    struct outlet *out = &work->out;
    if (pl_lm_text_decode(context, &work->text, id, &out->text))
        return context->status;
    int64_t time = now();
    if (time - out->pushed < PUSH_NANOSECONDS && out->text.size < PUSH_BYTES)
        return PL_OK;
    out->pushed = time;
    return push(context, out);
}

/* After a failure, which is what there is to be said: the text up to there, unless it goes into a
 * file that appears whole or not at all. */
static void push_rest(struct outlet *out)
{
    struct pl_context unused = {.status = PL_OK};
    if (!out->output.temporary)
        (void)push(&unused, out);
}

static enum pl_status close_outlet(struct pl_context *context, struct outlet *out)
{
    enum pl_status status = push(context, out);
    if (!status && out->terminal && out->tail) /* the shell's prompt stands on a line of its own */
        status = pl_output_write(context, &out->output, "\n", 1);
    if (status)
        return status;
    out->open = false;
    return pl_output_commit(context, &out->output);
}

/* ---- Prompt ------------------------------------------------------------------------------- */

/* The prompt as tokens, behind the last one of the text so far. */
static enum pl_status encode_prompt(struct pl_context *context, const struct command *command,
                                    struct work *work, struct pl_ids *ids)
{
    const bool first = work->pending < 0;
    const uint32_t last = (uint32_t)work->pending;
    const char *prompt = command->prompt, *place = command->prompt_file;
    char *loaded = NULL;
    size_t size = prompt ? strlen(prompt) : 0;
    enum pl_status status = first ? PL_OK : pl_ids_add(context, ids, &last, 1);
    if (!status && place)
        status = pl_file_load(context, place, PROMPT_BYTES, &loaded, &size);
    if (!status && place)
        work->prompt_sum = pl_crc32(0, loaded, size);
    if (!status && size > 0) {
        status = pl_lm_text_encode(context, &work->text, place ? loaded : prompt, size, first, ids);
        if (status)
            pl_fail_at(context, "%s", place ? place : "--prompt");
    }
    if (!status && ids->count == 0)
        status = pl_lm_text_begin(context, &work->text, ids);
    free(loaded);
    return status;
}

/* Behind the last learned position there is no going on: better said now than there.  A prompt that
 * is too long by itself is found out when it is taken in. */
static enum pl_status check_length(struct pl_context *context, const struct command *command,
                                   const struct work *work, size_t fresh)
{
    const struct pl_variable *positions = work->lm.positions;
    const int64_t text = work->decoder.state.position + (int64_t)fresh - 1;
    const int64_t left = positions ? positions->dims[0] - text : 0;
    if (!positions || left < 0 || command->count <= left)
        return PL_OK;
    return pl_fail(context, PL_USAGE,
                   "--count %lld: of the model's %lld positions the text leaves %lld",
                   (long long)command->count, (long long)positions->dims[0], (long long)left);
}

/* Takes in all of the text but its last token, and shows what is new of it if asked. */
static enum pl_status take_prompt(struct pl_context *context, const struct command *command,
                                  struct work *work)
{
    const bool first = work->pending < 0, given = command->prompt || command->prompt_file;
    struct pl_ids ids = {0};
    enum pl_status status = encode_prompt(context, command, work, &ids);
    if (!status)
        status = check_length(context, command, work, ids.count);
    work->text.decoder.begun = !first || (given && !command->echo);
    for (size_t i = !first; i < ids.count && given && command->echo && !status; i++)
        status = emit(context, work, (int32_t)ids.items[i]);
    if (!status)
        status = pl_lm_decoder_take(context, &work->decoder, (const int32_t *)ids.items,
                                    (int64_t)ids.count - 1);
    if (!status)
        work->pending = (int32_t)ids.items[ids.count - 1];
    pl_ids_release(&ids);
    return status;
}

/* ---- State -------------------------------------------------------------------------------- */

static enum pl_status load_state(struct pl_context *context, const char *path, struct work *work)
{
    if (!path || access(path, F_OK) != 0)
        return PL_OK;
    if (pl_operand_open(context, &work->old, path, NULL))
        return context->status;
    return pl_lm_state_read(context, &work->lm, work->model.bundle.sum, &work->old.bundle,
                            &work->decoder.state, &work->pending);
}

static enum pl_status write_history(struct pl_run *run, const struct command *command,
                                    const struct work *work, struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    struct pl_history history = {0};
    enum pl_status status = pl_history_start(context, &history, run->tool->name, PL_VERSION,
                                             run->argc, run->argv, run->common.seed);
    if (!status)
        status = pl_operand_history(context, &work->model, &history);
    /* Without the history of the state before: a text that is gone on with daily would be nothing
     * but history. */
    if (!status && work->old.path)
        status = pl_history_input(context, &history, work->old.path, work->old.bundle.sum, NULL);
    if (!status && command->prompt_file)
        status = pl_history_input(context, &history, command->prompt_file, work->prompt_sum, NULL);
    if (!status) {
        pl_history_output(context, &history, "--state", command->state);
        status = pl_history_write(context, &history, writer);
    }
    pl_history_release(&history);
    return status;
}

static enum pl_status save_state(struct pl_run *run, const struct command *command,
                                 const struct work *work)
{
    struct pl_context *context = &run->context;
    struct pl_writer *writer = pl_writer_open(context, command->state);
    if (!writer)
        return context->status;
    enum pl_status status = pl_lm_state_write(context, &work->lm, work->model.bundle.sum,
                                              &work->decoder.state, work->pending, writer);
    if (!status && run->common.history)
        status = write_history(run, command, work, writer);
    if (!status)
        status = pl_writer_end(context, writer);
    if (!status)
        return pl_writer_commit(context, writer);
    pl_writer_abort(context, writer, run->tool->name);
    return status;
}

/* ---- The run ------------------------------------------------------------------------------ */

static enum pl_status check(struct pl_run *run, const struct command *command)
{
    const bool from_stdin = command->prompt_file && strcmp(command->prompt_file, "-") == 0;
    const char *state = command->state, *output = run->common.output, *wrong = NULL;
    if (command->prompt && command->prompt_file)
        wrong = "--prompt and --prompt-file: one of them";
    else if (command->temperature <= 0 && command->top_k > 0)
        wrong = "--top-k has an effect only with a --temperature above 0";
    else if (command->temperature <= 0 && command->top_p < 1)
        wrong = "--top-p has an effect only with a --temperature above 0";
    else if (from_stdin && strcmp(pl_run_operand(run, 0), "-") == 0)
        wrong = "MODEL and --prompt-file cannot both be standard input";
    else if (state && strcmp(state, "-") == 0)
        wrong = "--state -: a state is read and written, name a file";
    else if (state && !pl_output_replaces(state))
        wrong = "--state: must be a file, which the next state replaces";
    else if (state && output && pl_file_same(state, output))
        wrong = "--state and --output: one file cannot be both";
    return wrong ? pl_fail(&run->context, PL_USAGE, "%s", wrong) : PL_OK;
}

static enum pl_status open_all(struct pl_run *run, const struct command *command, struct work *work)
{
    struct pl_context *context = &run->context;
    const struct pl_sampling sampling = {command->temperature, command->top_k, command->top_p,
                                         (uint64_t)run->common.seed};
    if (pl_operand_open(context, &work->model, pl_run_operand(run, 0), NULL) ||
        pl_lm_read(context, &work->lm, &work->model.bundle) ||
        pl_lm_text_init(context, &work->text, &work->lm) ||
        pl_sampler_init(context, &work->sampler, &sampling, work->text.tokens, work->text.known))
        return context->status;
    pl_lm_decoder_init(&work->decoder, &work->lm);
    /* that the state cannot be written is better known now than when the text is made */
    if (load_state(context, command->state, work) || pl_writer_try(context, command->state) ||
        pl_output_open(context, &work->out.output, run->common.output))
        return context->status;
    work->out.open = true;
    work->out.terminal = pl_run_to_terminal(run);
    return PL_OK;
}

static enum pl_status generate(struct pl_context *context, const struct command *command,
                               struct work *work)
{
    struct pl_lm_decoder *decoder = &work->decoder;
    enum pl_status status = take_prompt(context, command, work);
    for (int64_t i = 0; i < command->count && !status && !pl_run_stopped(); i++) {
        status = pl_lm_decoder_take(context, decoder, &work->pending, 1);
        if (status)
            break;
        work->pending = pl_sampler_draw(&work->sampler, decoder->logits, decoder->state.position);
        if (command->stop && work->pending == work->text.end)
            break;
        status = emit(context, work, work->pending);
    }
    if (!status)
        return close_outlet(context, &work->out);
    push_rest(&work->out);
    return status;
}

static enum pl_status run_command(struct pl_run *run, void *arguments)
{
    const struct command *command = arguments;
    struct work work = {.pending = -1};
    enum pl_status status = check(run, command);
    if (!status)
        status = open_all(run, command, &work);
    if (!status && command->state) /* whoever interrupts can go on later */
        pl_run_hold_signals(true);
    if (!status)
        status = generate(&run->context, command, &work);
    if (!status && command->state)
        status = save_state(run, command, &work);
    if (work.out.open)
        pl_output_abort(&work.out.output);
    pl_buffer_release(&work.out.text);
    pl_sampler_release(&work.sampler);
    pl_lm_decoder_release(&work.decoder);
    pl_lm_text_release(&work.text);
    pl_lm_release(&work.lm);
    pl_operand_close(&work.old);
    pl_operand_close(&work.model);
    return status;
}

static const struct pl_example examples[] = {
    {"lin-train -q -m gla -s dim=32 --seq 64 --batch 8 --steps 60 data/shakespeare.txt | "
     "lin-generate -n 200 --prompt 'ROMEO:'",
     "train a small model and let it go on with a text"},
    {NULL, NULL}};

static const char *const unused[] = {"memory", "explain", NULL};

int main(int argc, char **argv)
{
    static const struct pl_tool tool = {
        .name = "lin-generate",
        .summary = "let a language model go on with a text",
        .operands = "[MODEL]",
        .most = 1,
        .options = options,
        .unused = unused,
        .command_size = sizeof(struct command),
        .examples = examples,
        .see_also = "lin-train(1), lin-eval(1), tensor-stream(5), plumbline-language(7)",
        .run = run_command,
        .describe = pl_blas_describe,
    };
    return pl_tool_main(&tool, argc, argv);
}
