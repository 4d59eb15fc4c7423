/* The options of a selection, from text.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "edit/select.h"

/* Room for one more item of an array. */
static void *grow(struct pl_context *context, void *items, size_t count, size_t size)
{
    return pl_resize(context, items, count + 1, size);
}

enum pl_status pl_select_rename(struct pl_context *context, struct pl_select *select,
                                const char *text)
{
    struct pl_renames *renames = &select->renames;
    struct pl_rename *items = grow(context, renames->items, renames->count, sizeof *renames->items);
    if (!items)
        return PL_SYSTEM;
    renames->items = items;
    enum pl_status status = pl_rename_parse(context, &items[renames->count], text);
    renames->count += status == PL_OK;
    return status;
}

enum pl_status pl_select_cut(struct pl_context *context, struct pl_select *select, const char *text)
{
    size_t size = strlen(text);
    const char *open = strrchr(text, '[');
    struct pl_cut cut = {.text = text};
    if (!open || open == text || text[size - 1] != ']' ||
        !pl_spans_parse(open + 1, (size_t)(text + size - 1 - (open + 1)), cut.spans,
                        &cut.span_count))
        return pl_fail(context, PL_USAGE,
                       "--slice '%s': not NAME[RANGE,...] with ranges such as 3, 0:10, :, -5:, ::2",
                       text);
    struct pl_cut *cuts = grow(context, select->cuts, select->cut_count, sizeof *cuts);
    if (!cuts)
        return PL_SYSTEM;
    select->cuts = cuts;
    cut.glob = pl_arena_text(context, &select->arena, text, (size_t)(open - text));
    if (!cut.glob)
        return PL_SYSTEM;
    cuts[select->cut_count++] = cut;
    return PL_OK;
}

enum pl_status pl_select_cast(struct pl_context *context, struct pl_select *select,
                              const char *text)
{
    size_t size = strcspn(text, ":");
    struct pl_cast cast = {.text = text, .glob = text[size] ? text + size + 1 : NULL};
    if (!pl_dtype_parse(text, size, &cast.dtype) || (cast.glob && !*cast.glob))
        return pl_fail(context, PL_USAGE,
                       "--cast '%s': not DTYPE or DTYPE:GLOB; dtypes are f16 bf16 f32 f64 i8 i16 "
                       "i32 i64 u8 u16 u32 u64 bool",
                       text);
    struct pl_cast *casts = grow(context, select->casts, select->cast_count, sizeof *casts);
    if (!casts)
        return PL_SYSTEM;
    select->casts = casts;
    casts[select->cast_count++] = cast;
    return PL_OK;
}

enum pl_status pl_select_rows(struct pl_context *context, struct pl_select *select,
                              const char *text)
{
    if (select->has_rows)
        return pl_fail(context, PL_USAGE, "only one of --rows, --head and --tail");
    select->has_rows = true;
    if (!pl_span_parse(text, strlen(text), &select->rows) || select->rows.single)
        return pl_fail(context, PL_USAGE, "--rows '%s': not a range such as 0:10, -5: or ::2",
                       text);
    return PL_OK;
}

enum pl_status pl_select_order(struct pl_context *context, struct pl_select *select,
                               const char *text)
{
    enum pl_status status = PL_OK;
    if (strcmp(text, "name") == 0 || strcmp(text, "size") == 0) {
        select->order = *text == 'n' ? PL_ORDER_NAME : PL_ORDER_SIZE;
        return PL_OK;
    }
    select->order = PL_ORDER_LIST;
    while (status == PL_OK) {
        size_t size = strcspn(text, ",");
        const char *glob = pl_arena_text(context, &select->arena, text, size);
        if (!glob)
            return PL_SYSTEM;
        status = pl_patterns_add(context, &select->order_list, glob, false);
        if (!text[size])
            break;
        text += size + 1;
    }
    return status;
}

void pl_select_release(struct pl_select *select)
{
    for (size_t i = 0; i < select->renames.count; i++)
        pl_rename_release(&select->renames.items[i]);
    free(select->renames.items);
    free(select->cuts);
    free(select->casts);
    pl_patterns_release(&select->patterns);
    pl_patterns_release(&select->order_list);
    pl_arena_release(&select->arena);
    *select = (struct pl_select){0};
}
