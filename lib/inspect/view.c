/* What the forms of a printed survey share.
 * SPDX-License-Identifier: MIT */
#include "inspect/view.h"

#include <string.h>

struct pl_period pl_view_period(const struct pl_view *view)
{
    const int64_t day = INT64_C(86400000000000);
    const struct pl_survey *survey = &view->survey;
    struct pl_period period = {{0}, {0}, {0}};
    struct pl_step step;
    if (survey->stamp_count == 0)
        return period;
    bool dates = survey->last_stamp % day == 0;
    for (int64_t i = 0; i < survey->stamp_count && dates; i++)
        dates = survey->stamps[i] % day == 0;
    pl_time_format(period.start, survey->first_stamp, dates);
    pl_time_format(period.end, survey->last_stamp, dates);
    if (pl_step_find(survey->stamps, survey->stamp_count, &step))
        pl_step_text(period.step, &step);
    return period;
}

const char *pl_view_kind(const struct pl_view *view)
{
    const struct pl_meta_node *kind =
        pl_meta_find(pl_survey_document(&view->survey, "stream"), "kind");
    return kind && kind->kind == PL_META_SCALAR ? kind->text : "tensors";
}

const char *pl_view_channel(const struct pl_view *view, int64_t channel)
{
    return channel < view->channels.count ? view->channels.items[channel] : "(no name)";
}

bool pl_view_shows(struct pl_view *view, const struct pl_directory_entry *entry)
{
    bool keep = pl_patterns_keep(&view->patterns, entry->name);
    if (entry == view->values && view->patterns.including > 0)
        for (int64_t i = 0; i < view->channels.count; i++)
            keep |= pl_patterns_keep(&view->patterns, view->channels.items[i]);
    return keep;
}

bool pl_view_shows_channel(struct pl_view *view, int64_t channel)
{
    const char *name = pl_view_channel(view, channel);
    return pl_patterns_keep(&view->patterns, name) ||
           (pl_patterns_keep(&view->patterns, "values") &&
            !pl_patterns_drop(&view->patterns, name));
}

static enum pl_status unpack(struct pl_context *context, struct pl_view *view,
                             const struct pl_buffer *bytes, const char *what,
                             struct pl_names *names)
{
    int64_t size = (int64_t)bytes->size;
    struct pl_tensor tensor = pl_tensor_view(PL_U8, 1, &size, bytes->data);
    *names = (struct pl_names){NULL, 0};
    return size > 0 ? pl_names_unpack(context, &view->arena, &tensor, what, names) : PL_OK;
}

/* Every pattern must show something. */
static enum pl_status check_patterns(struct pl_context *context, struct pl_view *view)
{
    const struct pl_directory *directory = &view->survey.directory;
    struct pl_name_list list = {0};
    enum pl_status status = PL_OK;
    pl_patterns_reset(&view->patterns);
    for (size_t i = 0; i < directory->count && status == PL_OK; i++) {
        pl_view_shows(view, &directory->entries[i]);
        status = pl_name_list_add(context, &list, directory->entries[i].name);
    }
    for (int64_t i = 0; i < view->channels.count && status == PL_OK; i++)
        status = pl_name_list_add(context, &list, view->channels.items[i]);
    const char *unused = pl_patterns_unused(&view->patterns);
    if (status == PL_OK && unused)
        status = pl_fail(context, PL_BAD_DATA, "nothing is named '%s'; there is %s", unused,
                         pl_name_list_text(context, &list));
    pl_name_list_release(&list);
    return status;
}

enum pl_status pl_view_start(struct pl_context *context, struct pl_view *view)
{
    struct pl_survey *survey = &view->survey;
    const struct pl_directory_entry *values =
        survey->is_series ? pl_directory_find(context, &survey->directory, "values") : NULL;
    view->values = values && values->rank == 2 ? values : NULL;
    pl_arena_reset(&view->arena);
    enum pl_status status = unpack(context, view, &survey->names, "series.names", &view->channels);
    if (status == PL_OK)
        status = unpack(context, view, &survey->ids, "id.levels", &view->ids);
    return status == PL_OK ? check_patterns(context, view) : status;
}

void pl_view_release(struct pl_view *view)
{
    pl_survey_release(&view->survey);
    pl_patterns_release(&view->patterns);
    pl_arena_release(&view->arena);
}
