/* What differs between two segments.
 * SPDX-License-Identifier: MIT */
#include "inspect/diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static bool is_ignored(const struct pl_diff *diff, const char *name)
{
    return strncmp(name, "rws.undo.", 9) == 0 || pl_patterns_drop(&diff->ignore, name);
}

static struct pl_diff_row *add_row(struct pl_context *context, struct pl_diff *diff)
{
    if (diff->count == diff->capacity) {
        size_t capacity = diff->capacity ? 2 * diff->capacity : 16;
        struct pl_diff_row *rows = pl_resize(context, diff->rows, capacity, sizeof *rows);
        if (!rows)
            return NULL;
        diff->rows = rows;
        diff->capacity = capacity;
    }
    struct pl_diff_row *row = &diff->rows[diff->count++];
    *row = (struct pl_diff_row){0};
    return row;
}

/* Two runs of the same length, each cut into pieces of its own. */
static enum pl_status compare_values(struct pl_context *context, struct pl_difference *difference,
                                     struct pl_elements *a, struct pl_elements *b)
{
    enum pl_dtype dtype = a->entry->dtype;
    size_t size = pl_dtype_size(dtype);
    const void *left = NULL, *right = NULL;
    int64_t left_count = 0, right_count = 0;
    for (;;) {
        enum pl_status status = PL_OK;
        if (left_count == 0)
            status = pl_elements_next(context, a, &left, &left_count);
        if (status == PL_OK && right_count == 0)
            status = pl_elements_next(context, b, &right, &right_count);
        int64_t part = left_count < right_count ? left_count : right_count;
        if (status != PL_OK || part == 0)
            return status;
        pl_compare(difference, left, right, dtype, part);
        left = (const char *)left + (size_t)part * size;
        right = (const char *)right + (size_t)part * size;
        left_count -= part;
        right_count -= part;
    }
}

static enum pl_status compare_tensor(struct pl_context *context, struct pl_diff_row *row,
                                     struct pl_store *a, struct pl_store *b)
{
    const struct pl_directory_entry *left = row->a, *right = row->b;
    struct pl_elements left_elements, right_elements;
    if (left->dtype != right->dtype || left->rank != right->rank ||
        memcmp(left->dims, right->dims, (size_t)left->rank * sizeof *left->dims) != 0) {
        row->state = left->dtype != right->dtype ? PL_DIFF_DTYPE : PL_DIFF_SHAPE;
        return PL_OK;
    }
    enum pl_status status = pl_elements_start(context, &left_elements, a->reader, left);
    if (status == PL_OK)
        status = pl_elements_start(context, &right_elements, b->reader, right);
    if (status == PL_OK)
        status = compare_values(context, &row->difference, &left_elements, &right_elements);
    row->state = row->difference.outside   ? PL_DIFF_VALUES
                 : row->difference.unequal ? PL_DIFF_CLOSE
                                           : PL_DIFF_EQUAL;
    return status;
}

enum pl_status pl_diff_segments(struct pl_context *context, struct pl_diff *diff,
                                struct pl_store *a, struct pl_store *b)
{
    enum pl_status status = PL_OK;
    diff->count = 0;
    diff->differs = false;
    for (size_t i = 0; i < a->directory.count && status == PL_OK; i++) {
        const struct pl_directory_entry *entry = &a->directory.entries[i];
        if (is_ignored(diff, entry->name))
            continue;
        struct pl_diff_row *row = add_row(context, diff);
        if (!row)
            return PL_SYSTEM;
        row->state = PL_DIFF_ONLY_A;
        row->a = entry;
        row->b = pl_directory_find(context, &b->directory, entry->name);
        row->difference = (struct pl_difference){.rtol = diff->rtol, .atol = diff->atol};
        if (row->b)
            status = compare_tensor(context, row, a, b);
    }
    for (size_t i = 0; i < b->directory.count && status == PL_OK; i++) {
        const struct pl_directory_entry *entry = &b->directory.entries[i];
        if (is_ignored(diff, entry->name) || pl_directory_find(context, &a->directory, entry->name))
            continue;
        struct pl_diff_row *row = add_row(context, diff);
        if (!row)
            return PL_SYSTEM;
        row->state = PL_DIFF_ONLY_B;
        row->b = entry;
    }
    for (size_t i = 0; i < diff->count; i++)
        diff->differs |= diff->rows[i].state > PL_DIFF_CLOSE;
    return status;
}

void pl_diff_release(struct pl_diff *diff)
{
    pl_patterns_release(&diff->ignore);
    free(diff->rows);
    diff->rows = NULL;
    diff->count = diff->capacity = 0;
}
