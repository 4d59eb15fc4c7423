/* A survey as text for people.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/table.h"
#include "inspect/view.h"

/* Integers in full, floats to the digits that a reader takes in. */
static void bound_text(char out[32], const void *element, enum pl_dtype dtype)
{
    if (pl_dtype_is_float(dtype))
        snprintf(out, 32, "%.6g", pl_element(element, dtype, 0));
    else
        pl_element_text(out, element, dtype, 0);
}

static void summary_cells(struct pl_context *context, struct pl_table *table,
                          const struct pl_summary *summary)
{
    char low[32], high[32];
    const int64_t counts[] = {summary->nans, summary->infinities, summary->zeros};
    if (pl_summary_finite(summary) > 0) {
        bound_text(low, summary->low, summary->dtype);
        bound_text(high, summary->high, summary->dtype);
        pl_table_cell(context, table, "%s", low);
        pl_table_cell(context, table, "%s", high);
        pl_table_cell(context, table, "%.6g", pl_summary_mean(summary));
        pl_table_cell(context, table, "%.6g", pl_summary_deviation(summary));
    } else {
        for (int i = 0; i < 4; i++)
            pl_table_cell(context, table, "-");
    }
    for (int i = 0; i < 3; i++)
        pl_table_cell(context, table, "%lld", (long long)counts[i]);
}

static void size_cells(struct pl_context *context, struct pl_table *table,
                       const struct pl_directory_entry *entry)
{
    char bytes[PL_NUMBER_SIZE], stored[PL_NUMBER_SIZE];
    const char *codec = entry->mixed ? "mixed" : pl_codec_name(entry->codec);
    if (entry->chunked)
        pl_table_cell(context, table, "%s, %lld chunk%s", codec, (long long)entry->chunks,
                      entry->chunks == 1 ? "" : "s");
    else
        pl_table_cell(context, table, "%s", codec);
    pl_format_bytes(bytes, pl_directory_bytes(entry));
    pl_format_bytes(stored, entry->stored);
    pl_table_cell(context, table, "%s", bytes);
    pl_table_cell(context, table, "%s", stored);
}

/* The rows of one tensor: itself, and with --stats its channels. */
static enum pl_status tensor_rows(struct pl_context *context, struct pl_view *view,
                                  struct pl_table *table, size_t index)
{
    const struct pl_directory_entry *entry = &view->survey.directory.entries[index];
    const struct pl_survey_tensor *tensor = &view->survey.tensors[index];
    struct pl_buffer shape = {0};
    enum pl_status status = pl_shape_text(context, &shape, entry->rank, entry->dims);
    if (status != PL_OK)
        return status;
    pl_table_cell(context, table, "%s", entry->name);
    pl_table_cell(context, table, "%s", pl_dtype_name(entry->dtype));
    pl_table_cell(context, table, "%s", shape.data);
    pl_buffer_release(&shape);
    bool channels = entry == view->values;
    if (!view->survey.statistics)
        size_cells(context, table, entry);
    else if (tensor->ready == 1 && !channels)
        summary_cells(context, table, &tensor->summaries[0]);
    else
        for (int i = 0; i < 7; i++)
            pl_table_cell(context, table, "%s", "");
    for (int64_t i = 0; view->survey.statistics && channels && i < tensor->ready; i++) {
        if (!pl_view_shows_channel(view, i))
            continue;
        pl_table_cell(context, table, "  %s", pl_view_channel(view, i));
        pl_table_cell(context, table, "%s", "");
        pl_table_cell(context, table, "%s", "");
        summary_cells(context, table, &tensor->summaries[i]);
    }
    return PL_OK;
}

/* "m.plumb: series, 3 tensors of 1.1 MiB; documents: stream, series" */
static enum pl_status print_head(struct pl_context *context, struct pl_view *view,
                                 struct pl_buffer *out)
{
    const struct pl_survey *survey = &view->survey;
    size_t count = survey->directory.count;
    char stored[PL_NUMBER_SIZE], kind[64];
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += survey->directory.entries[i].stored;
    pl_format_bytes(stored, total);
    snprintf(kind, sizeof kind, "%s", pl_view_kind(view));
    pl_text_defuse(kind);
    enum pl_status status;
    if (view->segment == 1)
        status = pl_buffer_text(context, out, view->source);
    else
        status = pl_buffer_printf(context, out, "\n%s, segment %llu", view->source,
                                  (unsigned long long)view->segment);
    if (status == PL_OK)
        status = pl_buffer_printf(context, out, ": %s, %zu tensor%s of %s", kind, count,
                                  count == 1 ? "" : "s", stored);
    for (size_t i = 0; i < survey->document_count && status == PL_OK; i++)
        status = pl_buffer_printf(context, out, "%s%s",
                                  i > 0 ? ", " : "; documents: ", survey->documents[i].name);
    return status == PL_OK ? pl_buffer_text(context, out, "\n") : status;
}

/* "1461 rows, 4 channels, from 2012-01-01 to 2015-12-31, step 1 day" */
static enum pl_status print_series(struct pl_context *context, struct pl_view *view,
                                   struct pl_buffer *out)
{
    const struct pl_directory_entry *values = view->values;
    struct pl_period period = pl_view_period(view);
    enum pl_status status =
        pl_buffer_printf(context, out, "%lld row%s, %lld channel%s", (long long)values->dims[0],
                         values->dims[0] == 1 ? "" : "s", (long long)values->dims[1],
                         values->dims[1] == 1 ? "" : "s");
    if (status == PL_OK && view->ids.count > 0)
        status = pl_buffer_printf(context, out, ", %lld series", (long long)view->ids.count);
    if (status == PL_OK && *period.start)
        status = pl_buffer_printf(context, out, ", from %s to %s", period.start, period.end);
    if (status == PL_OK && *period.step)
        status = pl_buffer_printf(context, out, ", step %s", period.step);
    return status == PL_OK ? pl_buffer_text(context, out, "\n") : status;
}

enum pl_status pl_view_text(struct pl_context *context, struct pl_view *view, struct pl_buffer *out)
{
    static const char *const sizes[] = {"TENSOR", "DTYPE", "SHAPE", "CODEC", "SIZE", "STORED"};
    static const char *const stats[] = {"TENSOR", "DTYPE", "SHAPE", "MIN", "MAX",
                                        "MEAN",   "SD",    "NAN",   "INF", "ZERO"};
    bool with_stats = view->survey.statistics;
    struct pl_table table = {.align = with_stats ? "lllrrrrrrr" : "llllrr"};
    enum pl_status status = print_head(context, view, out);
    if (status == PL_OK && view->values)
        status = print_series(context, view, out);
    for (size_t i = 0; i < strlen(table.align); i++)
        pl_table_cell(context, &table, "%s", with_stats ? stats[i] : sizes[i]);
    for (size_t i = 0; i < view->survey.directory.count && status == PL_OK; i++)
        if (pl_view_shows(view, &view->survey.directory.entries[i]))
            status = tensor_rows(context, view, &table, i);
    if (status == PL_OK && view->survey.directory.count > 0)
        status = pl_table_write(context, &table, out);
    pl_table_release(&table);
    return status;
}
