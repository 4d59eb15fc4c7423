/* Rows of a table.
 * SPDX-License-Identifier: MIT
 *
 * Backward, rows of the gradient are added to the rows of the table that they came from, and many
 * may go to one.  To do that on several threads without atomic additions, whose order would
 * change from run to run, a block takes a strip of columns and walks all rows in order. */
#include "autograd/ops.h"

#include "autograd/kernels.h"

enum { STRIP = 64 }; /* columns: whole cache lines, enough of them to be worth the jump */

struct embed {
    struct pl_variable *table, *out;
    const int32_t *ids;
    int64_t rows, width, block;
};

static enum pl_status copy_rows(struct pl_context *context, void *job, int64_t item)
{
    const struct embed *embed = job;
    struct pl_span span = pl_block_span(item, embed->block, embed->rows);
    (void)context;
    for (int64_t row = span.begin; row < span.end; row++)
        memcpy(embed->out->value + row * embed->width,
               embed->table->value + embed->ids[row] * embed->width,
               (size_t)embed->width * sizeof(pl_real));
    return PL_OK;
}

PL_CLONES static void add_rows(const struct embed *embed, int64_t begin, int64_t end)
{
    for (int64_t row = 0; row < embed->rows; row++) {
        pl_real *restrict to = embed->table->gradient + embed->ids[row] * embed->width;
        const pl_real *restrict from = embed->out->gradient + row * embed->width;
        for (int64_t c = begin; c < end; c++)
            to[c] += from[c];
    }
}

static enum pl_status add_strip(struct pl_context *context, void *job, int64_t item)
{
    const struct embed *embed = job;
    struct pl_span span = pl_block_span(item, STRIP, embed->width);
    (void)context;
    add_rows(embed, span.begin, span.end);
    return PL_OK;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct embed *embed = saved;
    return pl_parallel(tape->context, pl_block_count(embed->width, STRIP), add_strip, embed);
}

struct pl_variable *pl_op_embed(struct pl_tape *tape, const int32_t *ids, int64_t rows,
                                struct pl_variable *table)
{
    if (!table)
        return NULL;
    int64_t width = pl_variable_width(table);
    struct embed embed = {table, pl_tape_matrix(tape, table->gradient, rows, width),
                          ids,   rows,
                          width, pl_block_rows(width)};
    if (!embed.out ||
        pl_parallel(tape->context, pl_block_count(rows, embed.block), copy_rows, &embed))
        return NULL;
    if (embed.out->gradient) {
        int32_t *kept = pl_tape_take(tape, rows, sizeof *kept); /* the caller's may be gone */
        if (!kept)
            return NULL;
        embed.ids = memcpy(kept, ids, (size_t)rows * sizeof *kept);
        if (pl_tape_note(tape, backward, &embed, sizeof embed))
            return NULL;
    }
    return embed.out;
}
