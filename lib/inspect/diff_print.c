/* Differences as a table for people and as JSON for programs.
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "base/number.h"
#include "base/table.h"
#include "inspect/diff.h"

/* Are values compared in this row? */
static bool has_values(const struct pl_diff_row *row)
{
    return row->state <= PL_DIFF_VALUES;
}

/* The places along the axes of the element at a flat position. */
static void find_place(const struct pl_directory_entry *entry, int64_t position, int64_t *place)
{
    for (int i = entry->rank - 1; i >= 0; i--) {
        place[i] = position % entry->dims[i];
        position /= entry->dims[i];
    }
}

/* "dtype f32, f64", "shape [2], [3]": what the row says in words. */
static enum pl_status state_text(struct pl_context *context, const struct pl_diff_row *row,
                                 struct pl_buffer *out)
{
    static const char *const words[] = {"equal", "close", "differs", "only in A", "only in B"};
    if (row->state < PL_DIFF_DTYPE)
        return pl_buffer_text(context, out, words[row->state]);
    if (row->state == PL_DIFF_DTYPE)
        return pl_buffer_printf(context, out, "dtype %s, %s", pl_dtype_name(row->a->dtype),
                                pl_dtype_name(row->b->dtype));
    enum pl_status status = pl_buffer_text(context, out, "shape ");
    if (status == PL_OK)
        status = pl_shape_text(context, out, row->a->rank, row->a->dims);
    if (status == PL_OK)
        status = pl_buffer_text(context, out, ", ");
    return status == PL_OK ? pl_shape_text(context, out, row->b->rank, row->b->dims) : status;
}

/* A largest difference and its place: two cells. */
static enum pl_status value_cells(struct pl_context *context, struct pl_table *table,
                                  const struct pl_diff_row *row, const char *value, int64_t at)
{
    struct pl_buffer text = {0};
    int64_t place[PL_MAX_RANK];
    enum pl_status status = PL_OK;
    bool some = row->difference.unequal > row->difference.nans;
    if (some) {
        find_place(row->a, at, place);
        status = pl_shape_text(context, &text, row->a->rank, place);
    }
    pl_table_cell(context, table, "%s", some ? value : "0");
    pl_table_cell(context, table, "%s", some && status == PL_OK ? text.data : "");
    pl_buffer_release(&text);
    return status;
}

static enum pl_status row_cells(struct pl_context *context, struct pl_table *table,
                                const struct pl_diff_row *row)
{
    const struct pl_difference *difference = &row->difference;
    struct pl_buffer state = {0};
    char text[PL_NUMBER_SIZE];
    enum pl_status status = state_text(context, row, &state);
    pl_table_cell(context, table, "%s", row->a ? row->a->name : row->b->name);
    pl_table_cell(context, table, "%s", status == PL_OK ? state.data : "");
    pl_buffer_release(&state);
    if (!has_values(row)) {
        for (int i = 0; i < 8; i++)
            pl_table_cell(context, table, "%s", "");
        return status;
    }
    pl_table_cell(context, table, "%" PRId64 " of %" PRId64, difference->unequal,
                  difference->count);
    pl_table_cell(context, table, "%" PRId64, difference->nans);
    snprintf(text, sizeof text, "%.6g", difference->absolute);
    if (!pl_dtype_is_float(row->a->dtype))
        snprintf(text, sizeof text, "%" PRIu64, difference->ulp);
    if (status == PL_OK)
        status = value_cells(context, table, row, text, difference->absolute_at);
    snprintf(text, sizeof text, "%.6g", difference->relative);
    if (status == PL_OK)
        status = value_cells(context, table, row, text, difference->relative_at);
    snprintf(text, sizeof text, "%" PRIu64, difference->ulp);
    if (status == PL_OK)
        status = value_cells(context, table, row, text, difference->ulp_at);
    return status;
}

enum pl_status pl_diff_text(struct pl_context *context, const struct pl_diff *diff, bool all,
                            struct pl_buffer *out)
{
    static const char *const heads[] = {"TENSOR", "A AND B",  "UNEQUAL", "NAN", "ABSOLUTE",
                                        "AT",     "RELATIVE", "AT",      "ULP", "AT"};
    struct pl_table table = {.align = "llrrrlrlrl"};
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        pl_table_cell(context, &table, "%s", heads[i]);
    bool any = false;
    for (size_t i = 0; i < diff->count && status == PL_OK; i++) {
        if (!all && diff->rows[i].state <= PL_DIFF_CLOSE)
            continue;
        any = true;
        status = row_cells(context, &table, &diff->rows[i]);
    }
    if (status == PL_OK && any)
        status = pl_table_write(context, &table, out);
    pl_table_release(&table);
    return status;
}

static void add_place(struct pl_context *context, struct pl_meta *meta, struct pl_meta_node *node,
                      const char *key, const struct pl_directory_entry *entry, int64_t position)
{
    int64_t place[PL_MAX_RANK];
    find_place(entry, position, place);
    struct pl_meta_node *list = pl_meta_add_list(context, meta, node, key);
    for (int i = 0; i < entry->rank; i++)
        pl_meta_add_int(context, meta, list, NULL, place[i]);
}

static void add_values(struct pl_context *context, struct pl_meta *meta, struct pl_meta_node *node,
                       const struct pl_diff_row *row)
{
    const struct pl_difference *difference = &row->difference;
    char text[PL_NUMBER_SIZE];
    pl_meta_add_int(context, meta, node, "count", difference->count);
    pl_meta_add_int(context, meta, node, "unequal", difference->unequal);
    pl_meta_add_int(context, meta, node, "outside", difference->outside);
    pl_meta_add_int(context, meta, node, "nan", difference->nans);
    if (difference->nans > 0)
        add_place(context, meta, node, "nan_at", row->a, difference->nan_at);
    if (difference->unequal == difference->nans)
        return;
    int length = snprintf(text, sizeof text, "%" PRIu64, difference->ulp);
    if (pl_dtype_is_float(row->a->dtype))
        pl_meta_add_real(context, meta, node, "absolute", difference->absolute);
    else
        pl_meta_add_scalar(context, meta, node, "absolute", text, (size_t)length, false);
    add_place(context, meta, node, "absolute_at", row->a, difference->absolute_at);
    pl_meta_add_real(context, meta, node, "relative", difference->relative);
    add_place(context, meta, node, "relative_at", row->a, difference->relative_at);
    pl_meta_add_scalar(context, meta, node, "ulp", text, (size_t)length, false);
    add_place(context, meta, node, "ulp_at", row->a, difference->ulp_at);
}

static void add_entry(struct pl_context *context, struct pl_meta *meta, struct pl_meta_node *parent,
                      const char *key, const struct pl_directory_entry *entry)
{
    if (!entry)
        return;
    struct pl_meta_node *node = pl_meta_add_map(context, meta, parent, key);
    pl_meta_add_text(context, meta, node, "dtype", pl_dtype_name(entry->dtype));
    struct pl_meta_node *shape = pl_meta_add_list(context, meta, node, "shape");
    for (int i = 0; i < entry->rank; i++)
        pl_meta_add_int(context, meta, shape, NULL, entry->dims[i]);
}

enum pl_status pl_diff_json(struct pl_context *context, const struct pl_diff *diff, bool all,
                            uint64_t segment, struct pl_buffer *out)
{
    static const char *const words[] = {"equal",  "close", "differs", "only_a",
                                        "only_b", "dtype", "shape"};
    struct pl_meta meta = {0};
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    pl_meta_add_int(context, &meta, root, "segment", (int64_t)segment);
    pl_meta_add_bool(context, &meta, root, "equal", !diff->differs);
    pl_meta_add_int(context, &meta, root, "compared", (int64_t)diff->count);
    struct pl_meta_node *list = pl_meta_add_list(context, &meta, root, "tensors");
    for (size_t i = 0; i < diff->count; i++) {
        const struct pl_diff_row *row = &diff->rows[i];
        if (!all && row->state <= PL_DIFF_CLOSE)
            continue;
        struct pl_meta_node *node = pl_meta_add_map(context, &meta, list, NULL);
        pl_meta_add_text(context, &meta, node, "name", row->a ? row->a->name : row->b->name);
        pl_meta_add_text(context, &meta, node, "state", words[row->state]);
        add_entry(context, &meta, node, "a", row->a);
        add_entry(context, &meta, node, "b", row->b);
        if (has_values(row))
            add_values(context, &meta, node, row);
    }
    enum pl_status status = pl_meta_ok(&meta, context) ? PL_OK : PL_SYSTEM;
    if (status == PL_OK)
        status = pl_json_write(context, root, out);
    if (status == PL_OK)
        status = pl_buffer_text(context, out, "\n");
    pl_meta_release(&meta);
    return status;
}
