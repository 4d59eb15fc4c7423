/* A survey as JSON for programs.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "inspect/view.h"

static void summary_keys(struct pl_context *context, struct pl_meta *meta,
                         struct pl_meta_node *node, const struct pl_summary *summary)
{
    char low[32] = "null", high[32] = "null";
    bool finite = pl_summary_finite(summary) > 0;
    if (finite) {
        pl_element_text(low, summary->low, summary->dtype, 0);
        pl_element_text(high, summary->high, summary->dtype, 0);
    }
    pl_meta_add_int(context, meta, node, "count", summary->count);
    pl_meta_add_scalar(context, meta, node, "min", low, strlen(low), false);
    pl_meta_add_scalar(context, meta, node, "max", high, strlen(high), false);
    pl_meta_add_real(context, meta, node, "mean", pl_summary_mean(summary));
    pl_meta_add_real(context, meta, node, "sd", pl_summary_deviation(summary));
    pl_meta_add_int(context, meta, node, "nan", summary->nans);
    pl_meta_add_int(context, meta, node, "inf", summary->infinities);
    pl_meta_add_int(context, meta, node, "zero", summary->zeros);
}

static void tensor_keys(struct pl_context *context, struct pl_view *view, struct pl_meta *meta,
                        struct pl_meta_node *list, size_t index)
{
    const struct pl_directory_entry *entry = &view->survey.directory.entries[index];
    const struct pl_survey_tensor *tensor = &view->survey.tensors[index];
    struct pl_meta_node *node = pl_meta_add_map(context, meta, list, NULL);
    pl_meta_add_text(context, meta, node, "name", entry->name);
    pl_meta_add_text(context, meta, node, "dtype", pl_dtype_name(entry->dtype));
    struct pl_meta_node *shape = pl_meta_add_list(context, meta, node, "shape");
    for (int i = 0; i < entry->rank; i++)
        pl_meta_add_int(context, meta, shape, NULL, entry->dims[i]);
    pl_meta_add_text(context, meta, node, "codec",
                     entry->mixed ? "mixed" : pl_codec_name(entry->codec));
    if (entry->chunked)
        pl_meta_add_int(context, meta, node, "chunks", entry->chunks);
    pl_meta_add_int(context, meta, node, "bytes", (int64_t)pl_directory_bytes(entry));
    pl_meta_add_int(context, meta, node, "stored", (int64_t)entry->stored);
    if (tensor->ready == 0)
        return;
    if (entry != view->values) {
        struct pl_meta_node *stats = pl_meta_add_map(context, meta, node, "stats");
        summary_keys(context, meta, stats, &tensor->summaries[0]);
        return;
    }
    struct pl_meta_node *channels = pl_meta_add_list(context, meta, node, "channels");
    for (int64_t i = 0; i < tensor->ready; i++) {
        if (!pl_view_shows_channel(view, i))
            continue;
        struct pl_meta_node *channel = pl_meta_add_map(context, meta, channels, NULL);
        pl_meta_add_text(context, meta, channel, "name", pl_view_channel(view, i));
        summary_keys(context, meta, channel, &tensor->summaries[i]);
    }
}

static void series_keys(struct pl_context *context, struct pl_view *view, struct pl_meta *meta,
                        struct pl_meta_node *root)
{
    const struct pl_directory_entry *values = view->values;
    if (!values)
        return;
    struct pl_meta_node *node = pl_meta_add_map(context, meta, root, "series");
    struct pl_period period = pl_view_period(view);
    pl_meta_add_int(context, meta, node, "rows", values->dims[0]);
    struct pl_meta_node *names = pl_meta_add_list(context, meta, node, "channels");
    for (int64_t i = 0; i < view->channels.count; i++)
        pl_meta_add_text(context, meta, names, NULL, view->channels.items[i]);
    if (view->ids.count > 0)
        pl_meta_add_int(context, meta, node, "ids", view->ids.count);
    if (*period.start) {
        pl_meta_add_text(context, meta, node, "start", period.start);
        pl_meta_add_text(context, meta, node, "end", period.end);
    }
    if (*period.step)
        pl_meta_add_text(context, meta, node, "step", period.step);
}

enum pl_status pl_view_json(struct pl_context *context, struct pl_view *view, struct pl_buffer *out)
{
    const struct pl_survey *survey = &view->survey;
    struct pl_meta meta = {0};
    char sum[16];
    snprintf(sum, sizeof sum, "x%08x", (unsigned)survey->directory.sum);
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    pl_meta_add_text(context, &meta, root, "source", view->source);
    pl_meta_add_int(context, &meta, root, "segment", (int64_t)view->segment);
    pl_meta_add_text(context, &meta, root, "kind", pl_view_kind(view));
    pl_meta_add_int(context, &meta, root, "records", (int64_t)survey->directory.records);
    pl_meta_add_int(context, &meta, root, "size", (int64_t)survey->directory.size);
    pl_meta_add_text(context, &meta, root, "sum", sum);
    series_keys(context, view, &meta, root);
    struct pl_meta_node *tensors = pl_meta_add_list(context, &meta, root, "tensors");
    for (size_t i = 0; i < survey->directory.count; i++)
        if (pl_view_shows(view, &survey->directory.entries[i]))
            tensor_keys(context, view, &meta, tensors, i);
    struct pl_meta_node *documents = pl_meta_add_map(context, &meta, root, "meta");
    for (size_t i = 0; i < survey->document_count; i++)
        pl_meta_add_copy(context, &meta, documents, survey->documents[i].name,
                         survey->documents[i].meta.root);
    enum pl_status status = pl_meta_ok(&meta, context) ? PL_OK : PL_SYSTEM;
    if (status == PL_OK)
        status = pl_json_write(context, root, out);
    if (status == PL_OK)
        status = pl_buffer_text(context, out, "\n");
    pl_meta_release(&meta);
    return status;
}
