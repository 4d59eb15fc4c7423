/* The columns of a sheet: which tensor each comes from, its name and its place.
 * SPDX-License-Identifier: MIT
 *
 * A series that was read from a sheet says in `meta: series` where its columns of times, ids and
 * words stood and how times were written; numbers fill the places between.  Without that, times
 * come first, then ids, numbers, words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "formats/sheet.h"
#include "stream/pattern.h"

enum {
    LAST = INT32_MAX,      /* a place behind all others */
    COLUMNS_MOST = 1 << 24 /* of one tensor: a shape costs nothing to claim */
};

size_t pl_sheet_find(const struct pl_sheet *sheet, const char *name)
{
    size_t i = 0;
    while (i < sheet->tensor_count && strcmp(sheet->tensors[i].name, name) != 0) {
        i++;
    }
    return i;
}

/* A new column at the end; NULL when memory is short. */
static struct pl_sheet_column *add_column(struct pl_context *context, struct pl_sheet *sheet,
                                          enum pl_sheet_kind kind, size_t tensor, const char *name)
{
    if (sheet->column_count == sheet->column_room) {
        size_t room = sheet->column_room ? sheet->column_room * 2 : 16;
        struct pl_sheet_column *columns = pl_resize(context, sheet->columns, room, sizeof *columns);
        if (!columns) {
            return NULL;
        }
        sheet->columns = columns;
        sheet->column_room = room;
    }
    struct pl_sheet_column *column = &sheet->columns[sheet->column_count];
    *column = (struct pl_sheet_column){.kind = kind, .tensor = tensor};
    column->name = pl_copy_text(context, name);
    if (!column->name) {
        return NULL;
    }
    sheet->column_count++;
    return column;
}

static enum pl_status check_width(struct pl_context *context, const struct pl_sheet *sheet,
                                  const struct pl_sheet_tensor *tensor)
{
    return tensor->width <= COLUMNS_MOST
               ? PL_OK
               : pl_fail(context, PL_BAD_DATA,
                         "%s: tensor '%s' has %lld columns, which is too many", sheet->source,
                         tensor->name, (long long)tensor->width);
}

/* A column that stood at a known place among the others. */
struct placed {
    int64_t place; /* from 1 */
    struct pl_sheet_column column;
};

static int by_place(const void *a, const void *b)
{
    int64_t left = ((const struct placed *)a)->place, right = ((const struct placed *)b)->place;
    return (left > right) - (left < right);
}

/* ---- A series ---------------------------------------------------------------------------- */

/* What a document says of a special column; what it leaves out keeps its value. */
static enum pl_status read_place(struct pl_context *context, const struct pl_meta_node *node,
                                 const char **name, int64_t *place, const char **pattern)
{
    enum pl_status status = PL_OK;
    if (node) {
        status = pl_meta_text(context, node, "name", name);
        if (!status) {
            status = pl_meta_int(context, node, "column", place);
        }
        if (!status && pattern) {
            status = pl_meta_text(context, node, "format", pattern);
        }
    }
    return status;
}

/* Pulls the column added last out of the sheet, to be put in its place later. */
static void lift(struct pl_sheet *sheet, int64_t place, struct placed *placed, size_t *count)
{
    placed[*count] = (struct placed){place, sheet->columns[--sheet->column_count]};
    ++*count;
}

static enum pl_status set_zone(struct pl_context *context, struct pl_sheet *sheet)
{
    const char *zone = NULL;
    enum pl_status status = pl_meta_text(context, sheet->series.root, "time_zone", &zone);
    int hours, minutes;
    char sign;
    if (!status && zone && sscanf(zone, "%c%2d:%2d", &sign, &hours, &minutes) == 3) {
        sheet->zone_minutes = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
    }
    return status;
}

/* True when every stamp at hand is at midnight. */
static bool dates_alone(const struct pl_sheet_tensor *time)
{
    const int64_t day = INT64_C(86400) * 1000000000;
    for (int64_t i = 0; i < time->count; i++) {
        int64_t stamp;
        memcpy(&stamp, time->rows + (size_t)i * sizeof stamp, sizeof stamp);
        if (stamp % day != 0) {
            return false;
        }
    }
    return !time->live;
}

/* Adds the time, or its date or time of day, whose document stands under `key`. */
static enum pl_status add_time(struct pl_context *context, struct pl_sheet *sheet, size_t tensor,
                               const char *key, struct placed *placed, size_t *count)
{
    const struct pl_meta_node *root = sheet->series.root;
    const struct pl_meta_node *node = root ? pl_meta_find(root, key) : NULL;
    bool date = dates_alone(&sheet->tensors[tensor]);
    const char *name = key, *pattern = date ? "%Y-%m-%d" : "%Y-%m-%d %H:%M:%S";
    int64_t place = 0;
    enum pl_status status = read_place(context, node, &name, &place, &pattern);
    struct pl_sheet_column *column =
        status ? NULL : add_column(context, sheet, PL_SHEET_TIME, tensor, name);
    if (!column) {
        return context->status;
    }
    snprintf(column->pattern, sizeof column->pattern, "%s", pattern);
    lift(sheet, place, placed, count);
    return PL_OK;
}

static bool is_codes(const struct pl_sheet *sheet, const struct pl_sheet_tensor *tensor,
                     size_t *levels)
{
    char name[PL_NAME_MAX + 8];
    snprintf(name, sizeof name, "%s.levels", tensor->name);
    *levels = pl_sheet_find(sheet, name);
    return tensor->dtype == PL_I32 && tensor->rank == 1 && *levels < sheet->tensor_count &&
           sheet->tensors[*levels].dtype == PL_U8 && sheet->tensors[*levels].rank == 1;
}

/* The document of a text column, found by its tensor. */
static const struct pl_meta_node *text_document(const struct pl_sheet *sheet, const char *tensor)
{
    const struct pl_meta_node *root = sheet->series.root;
    if (!root || strcmp(tensor, "id") == 0) {
        return root ? pl_meta_find(root, "id") : NULL;
    }
    const struct pl_meta_node *list = pl_meta_find(root, "text");
    for (const struct pl_meta_node *item = list ? list->child : NULL; item; item = item->next) {
        const struct pl_meta_node *node = pl_meta_find(item, "tensor");
        if (node && node->text && strcmp(node->text, tensor) == 0) {
            return item;
        }
    }
    return NULL;
}

static enum pl_status add_words(struct pl_context *context, struct pl_sheet *sheet, size_t tensor,
                                size_t levels, struct placed *placed, size_t *count)
{
    const char *name = sheet->tensors[tensor].name;
    int64_t place = strcmp(name, "id") == 0 ? 0 : LAST;
    const struct pl_meta_node *node = text_document(sheet, name);
    enum pl_status status = read_place(context, node, &name, &place, NULL);
    struct pl_sheet_column *column =
        status ? NULL : add_column(context, sheet, PL_SHEET_TEXT, tensor, name);
    if (!column) {
        return context->status;
    }
    column->levels = levels;
    lift(sheet, place, placed, count);
    return PL_OK;
}

/* The columns of `values`, by series.names or numbered. */
static enum pl_status add_values(struct pl_context *context, struct pl_sheet *sheet, size_t values)
{
    const struct pl_sheet_tensor *tensor = &sheet->tensors[values];
    size_t names = pl_sheet_find(sheet, "series.names");
    bool named = names < sheet->tensor_count && sheet->tensors[names].dtype == PL_U8;
    const char *at = named ? sheet->tensors[names].rows : NULL;
    const char *end = named ? at + sheet->tensors[names].count : NULL;
    if (check_width(context, sheet, tensor)) {
        return context->status;
    }
    for (int64_t i = 0; i < tensor->width; i++) {
        char name[PL_NAME_MAX + 1];
        size_t size = at && at < end ? strnlen(at, (size_t)(end - at)) : 0;
        char *own = size ? pl_copy_bytes(context, at, size) : NULL;
        snprintf(name, sizeof name, "column_%lld", (long long)i + 1);
        struct pl_sheet_column *column =
            size && !own ? NULL
                         : add_column(context, sheet, PL_SHEET_NUMBER, values, own ? own : name);
        free(own);
        if (!column) {
            return context->status;
        }
        column->element = i;
        at = at && at < end ? at + size + 1 : at;
    }
    return PL_OK;
}

/* Puts the special columns in their places among those of numbers. */
static enum pl_status arrange(struct pl_context *context, struct pl_sheet *sheet,
                              struct placed *placed, size_t count)
{
    size_t total = sheet->column_count + count, next = 0, number = 0;
    struct pl_sheet_column *columns = pl_new(context, total + 1, sizeof *columns);
    if (!columns) {
        for (size_t i = 0; i < count; i++) {
            free(placed[i].column.name);
        }
        return context->status;
    }
    qsort(placed, count, sizeof *placed, by_place);
    for (size_t i = 0; i < total; i++) {
        bool special =
            next < count && (placed[next].place <= (int64_t)i + 1 || number == sheet->column_count);
        columns[i] = special ? placed[next++].column : sheet->columns[number++];
    }
    free(sheet->columns);
    sheet->columns = columns;
    sheet->column_count = sheet->column_room = total;
    return PL_OK;
}

static enum pl_status gather_series(struct pl_context *context, struct pl_sheet *sheet,
                                    size_t values, struct placed *placed, size_t *count)
{
    size_t time = pl_sheet_find(sheet, "time"), levels;
    enum pl_status status = PL_OK;
    if (time < sheet->tensor_count && sheet->tensors[time].dtype == PL_I64 &&
        sheet->tensors[time].rank == 1) {
        status = add_time(context, sheet, time, "time", placed, count);
        if (!status && sheet->series.root && pl_meta_find(sheet->series.root, "clock")) {
            status = add_time(context, sheet, time, "clock", placed, count);
        }
    }
    for (size_t i = 0; i < sheet->tensor_count && !status; i++) {
        if (is_codes(sheet, &sheet->tensors[i], &levels)) {
            status = add_words(context, sheet, i, levels, placed, count);
        }
    }
    return status ? status : add_values(context, sheet, values);
}

static enum pl_status begin_series(struct pl_context *context, struct pl_sheet *sheet,
                                   size_t values)
{
    size_t count = 0;
    struct placed *placed = pl_new(context, sheet->tensor_count + 2, sizeof *placed);
    enum pl_status status = placed ? PL_OK : context->status;
    if (!status && sheet->series.root) {
        status = set_zone(context, sheet);
    }
    if (!status) {
        status = gather_series(context, sheet, values, placed, &count);
    }
    if (!status) {
        status = arrange(context, sheet, placed, count);
    } else {
        for (size_t i = 0; i < count; i++) {
            free(placed[i].column.name);
        }
    }
    free(placed);
    return status;
}

/* ---- Tensors ----------------------------------------------------------------------------- */

static enum pl_status add_tensor(struct pl_context *context, struct pl_sheet *sheet, size_t index)
{
    const struct pl_sheet_tensor *tensor = &sheet->tensors[index];
    if (check_width(context, sheet, tensor)) {
        return context->status;
    }
    for (int64_t i = 0; i < tensor->width; i++) {
        char name[PL_NAME_MAX + 32];
        if (tensor->rank == 2) {
            snprintf(name, sizeof name, "%s.%lld", tensor->name, (long long)i);
        } else {
            snprintf(name, sizeof name, "%s", tensor->name);
        }
        struct pl_sheet_column *column = add_column(context, sheet, PL_SHEET_NUMBER, index, name);
        if (!column) {
            return context->status;
        }
        column->element = i;
    }
    return PL_OK;
}

bool pl_sheet_wants(const struct pl_sheet *sheet, const char *name)
{
    const struct pl_list *names = &sheet->export->names;
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], name) == 0) {
            return true;
        }
    }
    return names->count == 0;
}

static enum pl_status begin_tensors(struct pl_context *context, struct pl_sheet *sheet)
{
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < sheet->tensor_count && !status; i++) {
        const struct pl_sheet_tensor *tensor = &sheet->tensors[i];
        if (!pl_sheet_wants(sheet, tensor->name)) {
            continue;
        }
        if (tensor->rank > 2) {
            return pl_fail(context, PL_BAD_DATA,
                           "%s: tensor '%s' has rank %d: CSV has rows and columns (-n picks other "
                           "tensors)",
                           sheet->source, tensor->name, tensor->rank);
        }
        status = add_tensor(context, sheet, i);
    }
    return status;
}

/* ---- Names that were asked for ----------------------------------------------------------- */

static enum pl_status fail_unknown(struct pl_context *context, const struct pl_sheet *sheet,
                                   const char *name)
{
    struct pl_name_list list = {0};
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < sheet->tensor_count && !status; i++) {
        status = pl_name_list_add(context, &list, sheet->tensors[i].name);
    }
    if (!status) {
        status =
            pl_fail(context, PL_BAD_DATA, "%s: no tensor%s '%s'; there are %s", sheet->source,
                    sheet->is_series ? " or column" : "", name, pl_name_list_text(context, &list));
    }
    pl_name_list_release(&list);
    return status;
}

static bool has_column(const struct pl_sheet *sheet, const char *name)
{
    for (size_t i = 0; i < sheet->column_count; i++) {
        if (strcmp(sheet->columns[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void drop_columns(struct pl_sheet *sheet)
{
    for (size_t i = 0; i < sheet->column_count; i++) {
        free(sheet->columns[i].name);
        free(sheet->columns[i].words.starts);
    }
    sheet->column_count = 0;
}

/* Keeps the columns that were asked for, and those that tell time and series. */
static void keep_columns(struct pl_sheet *sheet)
{
    size_t kept = 0;
    for (size_t i = 0; i < sheet->column_count; i++) {
        struct pl_sheet_column *column = &sheet->columns[i];
        bool key =
            column->kind == PL_SHEET_TIME || strcmp(sheet->tensors[column->tensor].name, "id") == 0;
        if (key || pl_sheet_wants(sheet, column->name)) {
            sheet->columns[kept++] = *column;
        } else {
            free(column->name);
        }
    }
    sheet->column_count = kept;
}

enum pl_status pl_sheet_begin(struct pl_context *context, struct pl_sheet *sheet)
{
    size_t values = pl_sheet_find(sheet, "values");
    bool series = sheet->is_series && values < sheet->tensor_count;
    enum pl_status status = PL_OK;
    const struct pl_list *names = &sheet->export->names;
    sheet->begun = true;
    if (series && sheet->tensors[values].rank > 2) {
        return pl_fail(context, PL_BAD_DATA, "%s: 'values' has rank %d, not rows and columns",
                       sheet->source, sheet->tensors[values].rank);
    }
    if (series) {
        status = begin_series(context, sheet, values);
        for (size_t i = 0; i < names->count && series && !status; i++) {
            series = has_column(sheet, names->items[i]);
        }
        if (status || series) {
            keep_columns(sheet);
            return status;
        }
        drop_columns(sheet);
    }
    for (size_t i = 0; i < names->count; i++) {
        if (pl_sheet_find(sheet, names->items[i]) == sheet->tensor_count) {
            return fail_unknown(context, sheet, names->items[i]);
        }
    }
    return begin_tensors(context, sheet);
}
