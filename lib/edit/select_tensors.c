/* The tensors of a selected segment: planned, then dropped, copied or transformed.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "edit/select_job.h"

static enum pl_status write_names(struct pl_select_job *job, const struct pl_plan *plan)
{
    struct pl_tensor tensor;
    enum pl_status status =
        pl_columns_names(job->context, &job->scene.columns, &job->select->renames, &tensor);
    if (status == PL_OK)
        status = pl_writer_tensor(job->context, job->writer, plan->transform.name, &tensor,
                                  job->select->recode ? job->select->codec : PL_CODEC_RAW);
    pl_tensor_release(&tensor);
    return status;
}

static enum pl_status push_elements(struct pl_select_job *job, struct pl_transform *transform)
{
    const void *elements;
    int64_t count = 1;
    enum pl_status status = PL_OK;
    while (status == PL_OK && count > 0) {
        status = pl_reader_elements(job->context, job->reader, &elements, &count);
        if (status == PL_OK && count > 0)
            status = pl_transform_push(job->context, transform, job->writer, elements, count);
    }
    return status;
}

/* A half written solid tensor allows no other record. */
enum pl_status pl_select_check_free(struct pl_select_job *job, const char *name)
{
    for (size_t i = 0; i < job->plan_count; i++) {
        const struct pl_plan *plan = job->plans[i];
        bool solid =
            plan->keep && !plan->copy && !plan->names && pl_transform_is_solid(&plan->transform);
        if (solid && strcmp(plan->name, name) != 0)
            return pl_fail(job->context, PL_BAD_DATA,
                           "'%s' cannot become one piece, since other records come between its "
                           "chunks; select it alone with -n",
                           plan->name);
    }
    return PL_OK;
}

/* Length of a tensor whose header does not tell it, where something is counted from its end. */
static int64_t rows_ahead(struct pl_select_job *job, const struct pl_header *header)
{
    const struct pl_directory_entry *entry = NULL;
    if (job->has_ahead && pl_plan_counts_from_end(job->select))
        entry = pl_directory_find(job->context, &job->ahead, header->name);
    return entry && entry->rank > 0 ? entry->dims[0] : -1;
}

/* The record as stored; its header is only touched when the name changes. */
static enum pl_status copy_record(struct pl_select_job *job, const struct pl_plan *plan)
{
    const char *name = plan->transform.name;
    bool same = strcmp(plan->name, name) == 0;
    return pl_writer_copy(job->context, job->writer, job->reader, same ? NULL : name);
}

static enum pl_status start_plan(struct pl_select_job *job, struct pl_plan *plan)
{
    enum pl_status status = pl_select_check_free(job, plan->name);
    if (status != PL_OK)
        return status;
    if (plan->names)
        return write_names(job, plan);
    if (plan->copy)
        return copy_record(job, plan);
    return pl_transform_start(job->context, &plan->transform, job->writer);
}

enum pl_status pl_select_tensor(struct pl_select_job *job, const struct pl_header *header)
{
    struct pl_plan *plan = pl_new(job->context, 1, sizeof *plan);
    if (!plan)
        return PL_SYSTEM;
    bool chunked = header->chunked;
    enum pl_status status = pl_name_list_add(job->context, &job->there, header->name);
    if (status == PL_OK)
        status = pl_plan_tensor(job->context, job->select, &job->scene, header,
                                rows_ahead(job, header), plan);
    if (status == PL_OK && plan->keep && job->explanation) {
        status = pl_select_explain_tensor(job, header, plan);
        plan->keep = false;
    }
    if (status == PL_OK && plan->keep)
        status = start_plan(job, plan);
    if (status == PL_OK && chunked) { /* the reader sees to it that no more than 64 are open */
        job->plans[job->plan_count++] = plan;
        return PL_OK;
    }
    if (status == PL_OK && plan->keep && !plan->copy && !plan->names) {
        status = push_elements(job, &plan->transform);
        if (status == PL_OK)
            status = pl_transform_finish(job->context, &plan->transform, job->writer);
    }
    pl_transform_release(&plan->transform);
    free(plan);
    return status;
}

/* A chunk, or with `closes` the close, of an open tensor. */
enum pl_status pl_select_part(struct pl_select_job *job, const struct pl_header *header)
{
    struct pl_context *context = job->context;
    bool closes = header->kind == PL_RECORD_CLOSE;
    size_t i = 0;
    while (i < job->plan_count && strcmp(job->plans[i]->name, header->name) != 0)
        i++;
    if (i == job->plan_count)
        return PL_OK;
    struct pl_plan *plan = job->plans[i];
    struct pl_transform *transform = &plan->transform;
    enum pl_status status = PL_OK;
    if (plan->keep && !plan->names)
        status = pl_select_check_free(job, header->name);
    if (status == PL_OK && plan->keep && plan->copy) {
        status = copy_record(job, plan);
    } else if (status == PL_OK && plan->keep && !plan->names) {
        pl_transform_chunk_begin(transform, header->codec);
        if (closes)
            status = pl_transform_finish(context, transform, job->writer);
        else
            status = push_elements(job, transform);
        if (status == PL_OK && !closes)
            status = pl_transform_chunk_end(context, transform, job->writer);
    }
    if (status == PL_OK && plan->keep &&
        pl_reader_may_wait(job->reader)) /* a live series is passed on */
        status = pl_writer_flush(context, job->writer);
    if (status == PL_OK && closes) {
        pl_transform_release(transform);
        free(plan);
        job->plans[i] = job->plans[--job->plan_count];
    }
    return status;
}
