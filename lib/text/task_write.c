/* A task as a stream.
 * SPDX-License-Identifier: MIT
 *
 * Tokens and targets are two tensors, one behind the other, so the rows are made twice rather than
 * kept. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "text/task.h"

enum {
    BLOCK_TOKENS = 1 << 14, /* of the rows that one thread makes at once */
    BLOCKS = 16
};

struct pass {
    const struct pl_task *task;
    bool targets;
    enum pl_dtype dtype;
    int64_t rows, block_rows;
    int64_t first;             /* row of this batch */
    int32_t *tokens, *answers; /* of a batch */
    uint8_t *packed;           /* what is written of it */
};

static void pack(uint8_t *out, enum pl_dtype dtype, const int32_t *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (dtype == PL_U8) {
            out[i] = (uint8_t)from[i];
        } else if (dtype == PL_U16) {
            ((uint16_t *)(void *)out)[i] = (uint16_t)from[i];
        } else {
            ((int32_t *)(void *)out)[i] = from[i];
        }
    }
}

static enum pl_status make_block(struct pl_context *context, void *job, int64_t item)
{
    const struct pass *pass = job;
    int64_t first = pass->first + item * pass->block_rows, width = pass->task->width;
    int64_t count = pass->rows - first < pass->block_rows ? pass->rows - first : pass->block_rows;
    int64_t at = item * pass->block_rows * width;
    enum pl_status status =
        pl_task_rows(context, pass->task, first, count, pass->tokens + at, pass->answers + at);
    pack(pass->packed + (size_t)at * pl_dtype_size(pass->dtype), pass->dtype,
         (pass->targets ? pass->answers : pass->tokens) + at, count * width);
    return status;
}

static enum pl_status write_tensor(struct pl_context *context, struct pass *pass,
                                   struct pl_writer *writer)
{
    int64_t dims[] = {pass->rows, pass->task->width}, batch = pass->block_rows * BLOCKS;
    enum pl_status status = pl_writer_begin(context, writer, pass->targets ? "targets" : "tokens",
                                            pass->dtype, 2, dims);
    for (pass->first = 0; pass->first < pass->rows && !status; pass->first += batch) {
        int64_t count = pass->rows - pass->first < batch ? pass->rows - pass->first : batch;
        status = pl_parallel(context, (count + pass->block_rows - 1) / pass->block_rows, make_block,
                             pass);
        if (!status) {
            status = pl_writer_bytes(context, writer, pass->packed,
                                     (size_t)(count * dims[1]) * pl_dtype_size(pass->dtype));
        }
    }
    return status ? status : pl_writer_finish(context, writer);
}

static enum pl_status write_documents(struct pl_context *context, const struct pl_task *task,
                                      struct pl_writer *writer)
{
    static const char *const names[] = {"mqar", "group", "copy"};
    struct pl_meta meta = {0};
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    pl_meta_add_int(context, &meta, root, "vocabulary", task->vocabulary);
    if (task->begin >= 0) {
        pl_meta_add_int(context, &meta, root, "bos", task->begin);
    }
    pl_meta_add_text(context, &meta, root, "task", names[task->kind]);
    enum pl_status status =
        pl_meta_ok(&meta, context) ? pl_writer_kind(context, writer, "task") : context->status;
    if (!status) {
        status = pl_writer_meta(context, writer, "tokens", meta.root);
    }
    pl_meta_release(&meta);
    return status;
}

enum pl_status pl_task_write(struct pl_context *context, const struct pl_task *task, int64_t rows,
                             struct pl_writer *writer)
{
    struct pass pass = {.task = task, .rows = rows};
    pass.block_rows = task->width < BLOCK_TOKENS ? BLOCK_TOKENS / task->width : 1;
    size_t count = (size_t)(pass.block_rows * BLOCKS) * (size_t)task->width;
    pass.tokens = pl_new(context, count, sizeof *pass.tokens);
    pass.answers = pl_new(context, count, sizeof *pass.answers);
    pass.packed = pl_new(context, count, sizeof *pass.tokens);
    enum pl_status status = pass.tokens && pass.answers && pass.packed
                                ? write_documents(context, task, writer)
                                : context->status;
    for (int targets = 0; targets < 2 && !status; targets++) {
        pass.targets = targets;
        pass.dtype = targets                     ? PL_I32
                     : task->vocabulary <= 256   ? PL_U8
                     : task->vocabulary <= 65536 ? PL_U16
                                                 : PL_U32;
        status = write_tensor(context, &pass, writer);
    }
    free(pass.tokens);
    free(pass.answers);
    free(pass.packed);
    return status;
}
