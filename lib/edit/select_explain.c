/* What a selection would do.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/number.h"
#include "edit/select_job.h"

/* Blocks of reader and writer, and what a program takes before it does anything. */
#define MEMORY_BASE (8 << 20)

/* "renamed, cut, converted": what is done to the elements. */
static enum pl_status how(struct pl_context *context, const struct pl_header *header,
                          const struct pl_plan *plan, struct pl_buffer *out)
{
    const struct pl_transform *transform = &plan->transform;
    bool renamed = strcmp(plan->name, transform->name) != 0;
    const char *const words[] = {
        renamed ? "renamed" : NULL,
        plan->names || !pl_slice_is_whole(&transform->slice) ? "cut" : NULL,
        transform->from != transform->to ? "converted" : NULL,
        transform->recode && (header->chunked || header->codec != transform->codec) ? "recoded"
                                                                                    : NULL,
    };
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < sizeof words / sizeof *words && status == PL_OK; i++)
        if (words[i])
            status = pl_buffer_printf(context, out, "%s%s", out->size ? ", " : "", words[i]);
    return status == PL_OK && out->size == 0 ? pl_buffer_text(context, out, "copied") : status;
}

enum pl_status pl_select_explain_tensor(struct pl_select_job *job, const struct pl_header *header,
                                        struct pl_plan *plan)
{
    struct pl_context *context = job->context;
    struct pl_explanation *explanation = job->explanation;
    struct pl_transform *transform = &plan->transform;
    struct pl_buffer shape = {0}, words = {0};
    struct pl_tensor names = {0};
    char size[PL_NUMBER_SIZE] = "unknown";
    int64_t dims[PL_MAX_RANK];
    uint64_t bytes, memory = MEMORY_BASE + (plan->copy ? 0 : pl_transform_memory(transform));
    int rank = pl_slice_shape(&transform->slice, dims);
    enum pl_status status = PL_OK;
    if (plan->names) {
        status = pl_columns_names(context, &job->scene.columns, &job->select->renames, &names);
        dims[0] = names.dims[0];
    }
    if (status == PL_OK)
        status = pl_shape_text(context, &shape, rank, dims);
    if (status == PL_OK)
        status = how(context, header, plan, &words);
    if (status == PL_OK) {
        if (pl_shape_bytes(transform->to, rank, dims, &bytes)) {
            pl_format_bytes(size, bytes);
            explanation->bytes += bytes;
        }
        pl_table_cell(context, &explanation->table, "%s", transform->name);
        pl_table_cell(context, &explanation->table, "%s", pl_dtype_name(transform->to));
        pl_table_cell(context, &explanation->table, "%s", shape.data);
        pl_table_cell(context, &explanation->table, "%s", size);
        pl_table_cell(context, &explanation->table, "%s", words.data);
        if (memory > explanation->memory)
            explanation->memory = memory;
    }
    pl_tensor_release(&names);
    pl_buffer_release(&shape);
    pl_buffer_release(&words);
    return status;
}
