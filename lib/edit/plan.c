/* What becomes of one tensor of a segment.
 * SPDX-License-Identifier: MIT */
#include "edit/plan.h"

#include <string.h>

bool pl_plan_counts_from_end(const struct pl_select *select)
{
    bool from_end = select->has_rows && pl_span_from_end(&select->rows);
    for (size_t i = 0; i < select->cut_count; i++) /* only the first axis may be unknown */
        from_end |= pl_span_from_end(&select->cuts[i].spans[0]);
    return from_end;
}

void pl_plan_reset(struct pl_select *select)
{
    pl_patterns_reset(&select->patterns);
    for (size_t i = 0; i < select->cut_count; i++)
        select->cuts[i].used = false;
    for (size_t i = 0; i < select->cast_count; i++)
        select->casts[i].used = false;
}

enum pl_status pl_plan_check_used(struct pl_context *context, const struct pl_select *select,
                                  const char *there)
{
    const char *glob = pl_patterns_unused(&select->patterns);
    if (glob)
        return pl_fail(context, PL_BAD_DATA, "nothing is named '%s'; there is %s", glob, there);
    for (size_t i = 0; i < select->cut_count; i++)
        if (!select->cuts[i].used)
            return pl_fail(context, PL_BAD_DATA, "--slice '%s' fits no tensor; there is %s",
                           select->cuts[i].text, there);
    for (size_t i = 0; i < select->cast_count; i++)
        if (!select->casts[i].used)
            return pl_fail(context, PL_BAD_DATA, "--cast '%s' fits no tensor%s; there is %s",
                           select->casts[i].text,
                           select->casts[i].glob ? "" : " of floats (name others by DTYPE:GLOB)",
                           there);
    return PL_OK;
}

/* The ranges of the tensor's axes: rows for all, slices for some, columns of a series. */
static enum pl_status cut(struct pl_context *context, struct pl_select *select,
                          const struct pl_scene *scene, const char *name, struct pl_slice *slice)
{
    enum pl_status status = PL_OK;
    bool rows = slice->rank > 0 && (!scene->is_series || pl_columns_has_rows(name));
    if (select->has_rows && rows)
        status = pl_slice_cut(context, slice, 0, &select->rows);
    for (size_t i = 0; i < select->cut_count && status == PL_OK; i++) {
        struct pl_cut *cut = &select->cuts[i];
        if (!pl_glob_match(cut->glob, name))
            continue;
        cut->used = true;
        if (scene->is_series && !(scene->by_columns && scene->columns.bare))
            return pl_fail(context, PL_BAD_DATA,
                           "a slice of one tensor would break the series; take rows by --rows and "
                           "columns by -n, or the bare tensor by -n %s",
                           name);
        for (int axis = 0; axis < cut->span_count && status == PL_OK; axis++)
            status = pl_slice_cut(context, slice, axis, &cut->spans[axis]);
        break;
    }
    if (status != PL_OK)
        return pl_fail_at(context, "'%s'", name);
    bool columns = scene->by_columns && !scene->columns.bare && strcmp(name, "values") == 0;
    if (!columns)
        return PL_OK;
    if (slice->rank != 2 || slice->dims[1] != scene->columns.names.count)
        return pl_fail(context, PL_BAD_DATA,
                       "'values' does not have the %lld columns that "
                       "'series.names' names",
                       (long long)scene->columns.names.count);
    pl_slice_pick(slice, 1, scene->columns.picks, scene->columns.count);
    return PL_OK;
}

/* The first cast that fits decides. */
static enum pl_dtype cast(struct pl_select *select, const char *name, enum pl_dtype dtype)
{
    for (size_t i = 0; i < select->cast_count; i++) {
        struct pl_cast *cast = &select->casts[i];
        if (cast->glob ? !pl_glob_match(cast->glob, name) : !pl_dtype_is_float(dtype))
            continue;
        cast->used = true;
        return cast->dtype;
    }
    return dtype;
}

enum pl_status pl_plan_tensor(struct pl_context *context, struct pl_select *select,
                              const struct pl_scene *scene, const struct pl_header *header,
                              int64_t rows, struct pl_plan *plan)
{
    struct pl_transform *transform = &plan->transform;
    const char *name = header->name;
    bool by_columns = scene->by_columns;
    enum pl_status status;
    *plan = (struct pl_plan){0};
    memcpy(plan->name, name, sizeof plan->name);
    plan->keep = by_columns ? pl_columns_keep(&scene->columns, &select->patterns, name)
                            : pl_patterns_keep(&select->patterns, name);
    if (!plan->keep)
        return PL_OK;
    bool series = by_columns && !scene->columns.bare;
    plan->names = series && strcmp(name, "series.names") == 0;
    status = series ? pl_columns_rename(context, &select->renames, name, transform->name)
                    : pl_renames_apply(context, &select->renames, name, transform->name);
    if (status != PL_OK)
        return status;
    int64_t dims[PL_MAX_RANK];
    memcpy(dims, header->dims, sizeof dims);
    if (header->rank > 0 && dims[0] < 0 && rows >= 0)
        dims[0] = rows;
    pl_slice_init(&transform->slice, header->dtype, header->rank, dims);
    transform->from = header->dtype;
    transform->to = cast(select, name, header->dtype);
    transform->chunked = header->chunked;
    transform->recode = select->recode;
    transform->codec = select->codec;
    status = cut(context, select, scene, name, &transform->slice);
    bool same_codec = !select->recode || (!header->chunked && header->codec == select->codec);
    plan->copy = pl_slice_is_whole(&transform->slice) && transform->from == transform->to &&
                 same_codec && (header->rank == 0 || dims[0] == header->dims[0]);
    return status;
}
