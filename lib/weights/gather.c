/* Tensors with their units in another order.
 * SPDX-License-Identifier: MIT */
#include "weights/gather.h"

#include <string.h>

/* The place from which place j of an axis comes. */
static int64_t source(const struct pl_spec_axis *axis, const int64_t *permutation, int64_t j)
{
    return permutation ? permutation[j / axis->width] * axis->width + j % axis->width : j;
}

static const int64_t *permutation_of(const struct pl_spec_axis *axis, int64_t *const *permutations,
                                     int64_t open)
{
    return permutations && axis->group >= 0 && axis->group != open ? permutations[axis->group]
                                                                   : NULL;
}

enum pl_status pl_gather_offsets(struct pl_context *context, struct pl_arena *arena,
                                 const struct pl_spec_tensor *place, const int64_t *dims, int first,
                                 int last, int64_t *const *permutations, int64_t open,
                                 int64_t **offsets, int64_t *count)
{
    int64_t total = 1, stride = 1, done = 1;
    for (int k = first; k < last; k++)
        total *= dims[k];
    for (int k = last; k < place->rank; k++)
        stride *= dims[k];
    int64_t *out = pl_arena_new(context, arena, (size_t)total, sizeof *out);
    if (!out)
        return context->status;
    /* From the last axis to the first: what is there already is repeated for each place. */
    for (int k = last - 1; k >= first && total > 0; k--) {
        const int64_t *p = permutation_of(&place->axes[k], permutations, open);
        for (int64_t j = dims[k] - 1; j >= 0; j--)
            for (int64_t i = 0; i < done; i++)
                out[j * done + i] = out[i] + source(&place->axes[k], p, j) * stride;
        done *= dims[k];
        stride *= dims[k];
    }
    *offsets = out;
    *count = total;
    return PL_OK;
}

#define COPY(type)                                               \
    do {                                                         \
        const type *elements = (const type *)(const void *)from; \
        type *out = (type *)to;                                  \
        for (int64_t i = 0; i < count; i++)                      \
            out[i] = elements[offsets[i]];                       \
    } while (0)

/* Single elements from the places offsets[0..count) of a row. */
static void copy_elements(const char *from, const int64_t *offsets, int64_t count, size_t size,
                          void *to)
{
    switch (size) {
    case 1:
        COPY(uint8_t);
        break;
    case 2:
        COPY(uint16_t);
        break;
    case 4:
        COPY(uint32_t);
        break;
    default:
        COPY(uint64_t);
        break;
    }
}

enum pl_status pl_gather_tensor(struct pl_context *context, const struct pl_spec_tensor *place,
                                const struct pl_tensor *from, int64_t *const *permutations,
                                void *to)
{
    struct pl_arena arena = {0};
    const size_t size = pl_dtype_size(from->dtype);
    int64_t *outer, *inner, outer_count, inner_count, block = 1;
    int last = place->rank; /* axes from here on are not reordered: blocks of elements */
    while (last > 0 && place->axes[last - 1].group < 0)
        block *= from->dims[--last];
    int middle = last > 0 ? last - 1 : 0;
    enum pl_status status = pl_gather_offsets(context, &arena, place, from->dims, 0, middle,
                                              permutations, -1, &outer, &outer_count);
    if (!status)
        status = pl_gather_offsets(context, &arena, place, from->dims, middle, last, permutations,
                                   -1, &inner, &inner_count);
    char *out = to;
    for (int64_t o = 0; !status && o < outer_count; o++) {
        const char *row = (const char *)from->data + (size_t)outer[o] * size;
        if (block == 1)
            copy_elements(row, inner, inner_count, size, out);
        for (int64_t i = 0; block > 1 && i < inner_count; i++)
            memcpy(out + (size_t)(i * block) * size, row + (size_t)inner[i] * size,
                   (size_t)block * size);
        out += (size_t)(inner_count * block) * size;
    }
    pl_arena_release(&arena);
    return status;
}
