/* Vectors to codes and back, with a codebook that is trained.
 * SPDX-License-Identifier: MIT */
#include "quantize/coder.h"

#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"

enum { ROWS = 4096 }; /* of z that are coded at once, about */

int64_t pl_coder_most(const struct pl_vq *vq)
{
    int64_t places = pl_vq_places(vq);
    return places < ROWS ? ROWS / places : 1;
}

enum pl_status pl_coder_init(struct pl_context *context, struct pl_coder *coder,
                             const struct pl_vq *vq, bool search)
{
    int64_t levels = vq->options.levels, dim = vq->options.dim, most = pl_coder_most(vq);
    size_t rows = (size_t)(most * pl_vq_places(vq));
    *coder = (struct pl_coder){.vq = vq, .tape = {.context = context}, .most = most};
    coder->rest = pl_new(context, rows, (size_t)dim * sizeof(pl_real));
    coder->found = pl_new(context, rows, sizeof(int32_t));
    coder->vectors = pl_new(context, (size_t)most, (size_t)vq->size * sizeof *coder->vectors);
    coder->codes = pl_new(context, rows, (size_t)levels * sizeof *coder->codes);
    coder->levels = pl_new(context, (size_t)levels, sizeof *coder->levels);
    bool room = coder->rest && coder->found && coder->vectors && coder->codes && coder->levels;
    enum pl_status status = room ? pl_blas_open(context) : context->status;
    for (int64_t level = 0; level < levels && search && status == PL_OK; level++) {
        status = pl_nearest_init(context, &coder->levels[level], vq->options.codes, dim);
        if (status == PL_OK)
            pl_nearest_set(&coder->levels[level], pl_vq_level(vq, vq->codebook, level).value);
    }
    if (status)
        pl_coder_release(coder);
    return status;
}

void pl_coder_release(struct pl_coder *coder)
{
    for (int64_t level = 0; coder->levels && level < coder->vq->options.levels; level++)
        pl_nearest_release(&coder->levels[level]);
    free(coder->levels);
    free(coder->rest);
    free(coder->found);
    free(coder->vectors);
    free(coder->codes);
    pl_tape_release(&coder->tape);
    *coder = (struct pl_coder){0};
}

/* Takes the code vectors that were found from what is left. */
static void subtract(const struct pl_coder *coder, int64_t level, int64_t rows)
{
    int64_t dim = coder->vq->options.dim;
    const pl_real *codebook = coder->levels[level].codes;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t i = 0; i < dim; i++)
            coder->rest[row * dim + i] -= codebook[coder->found[row] * dim + i];
}

enum pl_status pl_coder_encode(struct pl_context *context, struct pl_coder *coder,
                               const pl_real *vectors, int64_t rows, int32_t *codes)
{
    const struct pl_vq *vq = coder->vq;
    int64_t levels = vq->options.levels;
    struct pl_variable x = {.rank = 2,
                            .dims = {rows, vq->size},
                            .count = rows * vq->size,
                            .value = (pl_real *)(uintptr_t)vectors};
    struct pl_variable *z = pl_vq_encode(&coder->tape, vq, &x);
    if (!z)
        return context->status;
    memcpy(coder->rest, z->value, (size_t)z->count * sizeof(pl_real));
    pl_tape_reset(&coder->tape);
    rows *= pl_vq_places(vq);
    for (int64_t level = 0; level < levels; level++) {
        if (pl_nearest_find(context, &coder->levels[level], coder->rest, rows, coder->found))
            return context->status;
        for (int64_t row = 0; row < rows; row++)
            codes[row * levels + level] = coder->found[row];
        if (level + 1 < levels)
            subtract(coder, level, rows);
    }
    return PL_OK;
}

/* The sum of the code vectors of a row. */
static void add_codes(const struct pl_vq *vq, const int32_t *codes, int64_t levels, pl_real *z)
{
    int64_t dim = vq->options.dim;
    for (int64_t level = 0; level < levels; level++) {
        const pl_real *code =
            vq->codebook->value + (level * vq->options.codes + codes[level]) * dim;
        for (int64_t i = 0; i < dim; i++)
            z[i] = level == 0 ? code[i] : z[i] + code[i];
    }
}

enum pl_status pl_coder_decode(struct pl_context *context, struct pl_coder *coder,
                               const int32_t *codes, int64_t rows, int64_t levels, pl_real *vectors)
{
    const struct pl_vq *vq = coder->vq;
    int64_t dim = vq->options.dim, places = rows * pl_vq_places(vq);
    for (int64_t place = 0; place < places; place++)
        add_codes(vq, codes + place * vq->options.levels, levels, coder->rest + place * dim);
    struct pl_variable z = {
        .rank = 2, .dims = {places, dim}, .count = places * dim, .value = coder->rest};
    struct pl_variable *out = pl_vq_decode(&coder->tape, vq, &z);
    if (!out)
        return context->status;
    memcpy(vectors, out->value, (size_t)(rows * vq->size) * sizeof(pl_real));
    pl_tape_reset(&coder->tape);
    return PL_OK;
}
