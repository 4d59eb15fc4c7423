/* img-corrupt: pictures made worse, to see whether a model can bear it, or to teach it to.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/version.h"
#include "cli/tool.h"
#include "formats/input.h"
#include "image/corrupt.h"
#include "stream/history.h"

struct command {
    int type; /* index into pl_corruptions; -1: not given */
    int64_t severity;
    double amount;
    bool has_severity, has_amount;
};

static const struct pl_option options[] = {
    PL_CHOICE(struct command, type, "type", 0, NULL, PL_CORRUPTIONS, "TYPE",
              "what is done to the pictures"),
    PL_INT_GIVEN(struct command, severity, has_severity, "severity", 0, 1, PL_SEVERITIES, "N",
                 "how bad: 3 when neither this nor --amount is given", "5"),
    PL_REAL_GIVEN(struct command, amount, has_amount, "amount", 0, -1e9, 1e9, "X",
                  "how bad, in place of a severity: what it means depends on the type", "0.6"),
    PL_OPTIONS_END,
};

enum {
    BATCH = 256,           /* pictures that are in memory together, at most */
    BATCH_BYTES = 1 << 28, /* and bytes of them, when there is more than one */
};

/* Where the pictures of one segment go. */
struct job {
    struct pl_corrupt corrupt;
    struct pl_writer *writer;
    uint64_t done; /* pictures so far */
};

static int64_t batch_of(int64_t count, size_t size)
{
    const int64_t fit = (int64_t)(BATCH_BYTES / size), most = fit < BATCH ? fit : BATCH;
    return most < 1 ? 1 : most < count ? most : count;
}

/* A tensor of pictures [count, height, width, channels], or one picture without the count. */
static enum pl_status corrupt_tensor(struct pl_context *context, struct job *job, const char *name,
                                     const struct pl_tensor *tensor)
{
    const int64_t *dims = tensor->dims + tensor->rank - 3;
    const int64_t count = tensor->rank == 4 ? tensor->dims[0] : 1;
    if (pl_tensor_count(tensor) == 0)
        return pl_writer_tensor(context, job->writer, name, tensor, PL_CODEC_RAW);
    const size_t size = pl_tensor_bytes(tensor) / (size_t)count;
    const int64_t batch = batch_of(count, size);
    uint8_t *pixels = pl_new(context, (size_t)batch, size);
    enum pl_status status = pixels ? pl_writer_begin(context, job->writer, name, tensor->dtype,
                                                     tensor->rank, tensor->dims)
                                   : context->status;
    for (int64_t first = 0; first < count && !status; first += batch) {
        const int64_t left = count - first, part = left < batch ? left : batch;
        const size_t bytes = (size_t)part * size;
        memcpy(pixels, (const uint8_t *)tensor->data + (size_t)first * size, bytes);
        status = pl_corrupt_pictures(context, &job->corrupt, part, dims[0], dims[1], dims[2],
                                     job->done, pixels);
        job->done += (uint64_t)part;
        if (!status)
            status = pl_writer_bytes(context, job->writer, pixels, bytes);
    }
    free(pixels);
    return status ? status : pl_writer_finish(context, job->writer);
}

static bool is_pictures(const struct pl_bundle_tensor *item)
{
    const int rank = item->tensor.rank;
    return item->tensor.dtype == PL_U8 &&
           (rank == 3 || (rank == 4 && strcmp(item->name, "images") == 0));
}

static enum pl_status corrupt_tensors(struct pl_context *context, struct job *job,
                                      const struct pl_bundle *bundle)
{
    bool found = false;
    for (size_t i = 0; i < bundle->tensor_count; i++) {
        const struct pl_bundle_tensor *item = &bundle->tensors[i];
        const bool pictures = is_pictures(item);
        found |= pictures;
        if (pictures
                ? corrupt_tensor(context, job, item->name, &item->tensor)
                : pl_writer_tensor(context, job->writer, item->name, &item->tensor, PL_CODEC_RAW))
            return context->status;
    }
    if (found)
        return PL_OK;
    return pl_fail(context, PL_BAD_DATA,
                   "%s: expected pictures of bytes (kind images), found a stream of kind %s",
                   bundle->source, pl_bundle_kind(bundle));
}

static enum pl_status write_documents(struct pl_context *context, const struct pl_bundle *bundle,
                                      struct pl_writer *writer)
{
    for (size_t i = 0; i < bundle->document_count; i++) {
        const struct pl_bundle_document *document = &bundle->documents[i];
        if (strcmp(document->name, "history") != 0 &&
            pl_writer_meta(context, writer, document->name, document->meta.root))
            return context->status;
    }
    return PL_OK;
}

static enum pl_status write_history(struct pl_run *run, const char *path,
                                    const struct pl_bundle *bundle, const struct pl_source *source,
                                    struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    struct pl_history history = {0};
    const bool stream = source->format == PL_FORMAT_STREAM;
    if (!run->common.history)
        return PL_OK;
    enum pl_status status = pl_history_start(context, &history, run->tool->name, PL_VERSION,
                                             run->argc, run->argv, run->common.seed);
    if (!status)
        status = pl_history_input(context, &history, path, stream ? bundle->sum : source->sum,
                                  stream ? pl_bundle_document(bundle, "history") : NULL);
    if (!status)
        status = pl_history_write(context, &history, writer);
    pl_history_release(&history);
    return status;
}

/* All segments of an input. */
static enum pl_status corrupt_file(struct pl_run *run, struct job *job, const char *path)
{
    struct pl_context *context = &run->context;
    struct pl_source source;
    struct pl_reader *reader = pl_input_open(context, path, NULL, &source);
    bool found = reader != NULL;
    enum pl_status status = reader ? PL_OK : context->status;
    while (found && !status) {
        struct pl_bundle bundle = {0};
        status = pl_bundle_read(context, &bundle, reader, &found);
        if (found && !status)
            status = write_documents(context, &bundle, job->writer);
        if (found && !status)
            status = corrupt_tensors(context, job, &bundle);
        if (found && !status)
            status = write_history(run, path, &bundle, &source, job->writer);
        if (found && !status)
            status = pl_writer_end(context, job->writer);
        pl_bundle_release(&bundle);
    }
    pl_reader_close(reader);
    return status;
}

static enum pl_status prepare(struct pl_run *run, const struct command *command, struct job *job)
{
    struct pl_context *context = &run->context;
    if (command->type < 0)
        return pl_fail(context, PL_USAGE, "--type is needed");
    if (command->has_severity && command->has_amount)
        return pl_fail(context, PL_USAGE, "--severity and --amount both say how bad: give one");
    const int64_t severity = command->has_severity ? command->severity : PL_SEVERITY_USUAL;
    job->corrupt.kind = &pl_corruptions[command->type];
    job->corrupt.amount = job->corrupt.kind->amounts[severity - 1];
    if (command->has_amount && pl_corrupt_set(context, command->amount, &job->corrupt))
        return pl_fail_at(context, "--amount");
    job->corrupt.seed = (uint64_t)run->common.seed;
    return pl_run_binary_output(run);
}

static enum pl_status run_command(struct pl_run *run, void *arguments)
{
    struct pl_context *context = &run->context;
    struct job job = {0};
    if (prepare(run, arguments, &job))
        return context->status;
    job.writer = pl_writer_open(context, run->common.output);
    enum pl_status status = job.writer ? PL_OK : context->status;
    const int count = run->operand_count > 0 ? run->operand_count : 1;
    for (int i = 0; i < count && !status; i++)
        status = corrupt_file(run, &job, pl_run_operand(run, i));
    if (!status)
        return pl_writer_commit(context, job.writer);
    pl_writer_abort(context, job.writer, run->tool->name);
    return status;
}

static const struct pl_example examples[] = {
    {"ts-import --images data/digits-images.gz --labels data/digits-labels.gz | "
     "img-corrupt --type gaussian_noise --severity 5 > noisy.plumb",
     "Add noise to pictures of digits"},
    {NULL, NULL}};

static const char *const unused[] = {"explain", "memory", NULL};

static const struct pl_tool tool = {
    .name = "img-corrupt",
    .summary = "make pictures worse: noise, blur, weather, light, compression",
    .operands = "[FILE ...]",
    .least = 0,
    .most = -1,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "ts-import(1), lin-train(1), lin-eval(1)",
    .run = run_command,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
