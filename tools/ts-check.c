/* ts-check: verifies tensor streams, and saves what is good of damaged ones.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/number.h"
#include "cli/tool.h"
#include "formats/bytes.h"
#include "stream/recover.h"

struct command {
    bool recover; /* write the good records instead of a verdict */
    bool json;
    bool no_mmap;
};

static const struct pl_option options[] = {
    PL_FLAG(struct command, recover, "recover", 0, NULL,
            "write all good records of one input as a fresh stream, and tell on standard error "
            "what was lost"),
    PL_FLAG(struct command, json, "json", 0, NULL, "print one JSON object a file, one a line"),
    PL_FLAG(struct command, no_mmap, "no-mmap", 0, NULL,
            "read regular files instead of mapping them"),
    PL_OPTIONS_END,
};

static const char *const unused[] = {"seed", "memory", "history", "explain", "threads", NULL};

/* What was counted in one file. */
struct count {
    uint64_t segments, records, tensors, bytes;
};

/* Reads a record's payload in the way that finds all that can be wrong with it. */
static enum pl_status check_record(struct pl_context *context, struct pl_reader *reader,
                                   const struct pl_header *header)
{
    if (header->kind == PL_RECORD_META) {
        struct pl_meta meta = {0};
        enum pl_status status = pl_reader_meta(context, reader, &meta);
        pl_meta_release(&meta);
        return status;
    }
    bool packed = header->payload && header->codec != PL_CODEC_RAW;
    int64_t count = packed;
    while (count > 0) {
        const void *elements;
        enum pl_status status = pl_reader_elements(context, reader, &elements, &count);
        if (status)
            return status;
    }
    return PL_OK;
}

static enum pl_status check_stream(struct pl_context *context, struct pl_reader *reader,
                                   struct count *count, const struct pl_record **record)
{
    for (;;) {
        enum pl_status status = pl_reader_next(context, reader, record);
        if (status || !*record)
            return status;
        const struct pl_header *header = &(*record)->header;
        count->records++;
        count->tensors += header->kind == PL_RECORD_TENSOR;
        if (header->kind == PL_RECORD_END) {
            count->segments++;
            count->bytes += header->end_size + (*record)->header_size;
        }
        status = check_record(context, reader, header);
        if (status)
            return status;
    }
}

/* The verdict in words.  A failure's message names the file already, unless it came from upstream.
 */
static enum pl_status print_line(struct pl_context *context, const char *name,
                                 const struct count *count, enum pl_status verdict,
                                 struct pl_buffer *out)
{
    char size[PL_NUMBER_SIZE];
    if (verdict) {
        bool named = strncmp(context->message, name, strlen(name)) == 0;
        return pl_buffer_printf(context, out, "%s%s%s\n", named ? "" : name, named ? "" : ": ",
                                context->message);
    }
    pl_format_bytes(size, count->bytes);
    return pl_buffer_printf(context, out, "%s: ok, %llu segment%s, %llu tensor%s, %s\n", name,
                            (unsigned long long)count->segments, count->segments == 1 ? "" : "s",
                            (unsigned long long)count->tensors, count->tensors == 1 ? "" : "s",
                            size);
}

static enum pl_status print_json(struct pl_context *context, const char *name,
                                 const struct count *count, enum pl_status verdict,
                                 const struct pl_record *record, struct pl_buffer *out)
{
    struct pl_meta meta = {0};
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    pl_meta_add_text(context, &meta, root, "file", name);
    pl_meta_add_bool(context, &meta, root, "ok", verdict == PL_OK);
    pl_meta_add_int(context, &meta, root, "segments", (int64_t)count->segments);
    pl_meta_add_int(context, &meta, root, "records", (int64_t)count->records);
    pl_meta_add_int(context, &meta, root, "tensors", (int64_t)count->tensors);
    if (verdict) {
        pl_meta_add_int(context, &meta, root, "status", verdict);
        pl_meta_add_text(context, &meta, root, "error", context->message);
        pl_meta_add_int(context, &meta, root, "byte", record ? (int64_t)record->offset : 0);
    } else {
        pl_meta_add_int(context, &meta, root, "bytes", (int64_t)count->bytes);
    }
    enum pl_status status = pl_meta_ok(&meta, context) ? PL_OK : context->status;
    if (status == PL_OK)
        status = pl_json_write(context, meta.root, out);
    if (status == PL_OK)
        status = pl_buffer_text(context, out, "\n");
    pl_meta_release(&meta);
    return status;
}

/* *verdict is PL_NO for a bad file, PL_SYSTEM for one that cannot be read. */
static enum pl_status check_file(struct pl_run *run, const struct command *command,
                                 const char *path, struct pl_output *output,
                                 enum pl_status *verdict)
{
    struct pl_context *context = &run->context;
    int flags = PL_READER_VERIFY | (command->no_mmap ? PL_READER_NO_MMAP : 0);
    struct pl_reader *reader = pl_reader_open(context, path, flags);
    const struct pl_record *record = NULL;
    struct count count = {0};
    struct pl_buffer out = {0};
    *verdict = reader ? check_stream(context, reader, &count, &record) : context->status;
    enum pl_status status = PL_OK;
    if (*verdict == PL_SYSTEM) {
        fprintf(stderr, "%s: %s\n", run->tool->name, context->message);
    } else {
        const char *name = pl_reader_name(reader);
        status = command->json ? print_json(context, name, &count, *verdict,
                                            reader ? pl_reader_record(reader) : NULL, &out)
                               : print_line(context, name, &count, *verdict, &out);
        if (status == PL_OK)
            status = pl_output_write(context, output, out.data, out.size);
        *verdict = *verdict ? PL_NO : PL_OK;
    }
    pl_buffer_release(&out);
    pl_reader_close(reader);
    return status;
}

static enum pl_status check_files(struct pl_run *run, const struct command *command)
{
    struct pl_context *context = &run->context;
    struct pl_output output;
    enum pl_status status = pl_output_open(context, &output, run->common.output);
    enum pl_status worst = PL_OK;
    int count = run->operand_count > 0 ? run->operand_count : 1;
    for (int i = 0; i < count && status == PL_OK; i++) {
        enum pl_status verdict = PL_OK;
        status = check_file(run, command, pl_run_operand(run, i), &output, &verdict);
        worst = verdict > worst ? verdict : worst;
    }
    if (status == PL_OK)
        status = pl_output_commit(context, &output);
    pl_output_abort(&output);
    if (status == PL_OK)
        context->message[0] = '\0'; /* all has been said */
    return status ? status : worst;
}

static enum pl_status recover(struct pl_run *run)
{
    struct pl_context *context = &run->context;
    struct pl_recovery recovery;
    struct pl_bytes bytes;
    const uint8_t *data;
    size_t size;
    const char *path = pl_run_operand(run, 0);
    enum pl_status status = pl_run_binary_output(run);
    if (status == PL_OK)
        status = pl_bytes_open(context, &bytes, path);
    if (status)
        return status;
    struct pl_writer *writer = NULL;
    status = pl_bytes_rest(context, &bytes, &data, &size);
    if (status == PL_OK && !(writer = pl_writer_open(context, run->common.output)))
        status = context->status;
    if (status == PL_OK)
        status = pl_recover(context, bytes.name, data, size, writer, &recovery);
    if (status == PL_OK)
        status = pl_writer_commit(context, writer);
    else
        pl_writer_abort(context, writer, run->tool->name);
    if (status == PL_OK) {
        pl_run_note(run, "%s: %llu records kept, %llu left out, %llu bytes lost", bytes.name,
                    (unsigned long long)recovery.kept, (unsigned long long)recovery.lost,
                    (unsigned long long)recovery.lost_bytes);
        status = recovery.whole ? PL_OK : PL_NO;
    }
    pl_bytes_close(&bytes);
    return status;
}

static enum pl_status run(struct pl_run *run, void *filled)
{
    const struct command *command = filled;
    if (!command->recover)
        return check_files(run, command);
    if (command->json || command->no_mmap)
        return pl_fail(&run->context, PL_USAGE, "--%s has no effect with --recover",
                       command->json ? "json" : "no-mmap");
    if (run->operand_count > 1)
        return pl_fail(&run->context, PL_USAGE, "--recover takes one file at a time");
    return recover(run);
}

static const struct pl_example examples[] = {
    {"ts-import data/co2.csv | ts-check", "a stream that arrived whole"},
    {"ts-import data/co2.csv | head -c 2000 | ts-check --recover | ts-info",
     "what is left of a stream that was cut off"},
    {NULL, NULL},
};

static const struct pl_tool tool = {
    .name = "ts-check",
    .summary = "verify tensor streams, or save what is good of a damaged one",
    .operands = "[FILE ...]",
    .least = 0,
    .most = -1,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "ts-info(1), ts-diff(1), tensor-stream(5)",
    .run = run,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
