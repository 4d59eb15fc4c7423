/* A look over a segment.
 * SPDX-License-Identifier: MIT */
#include "inspect/survey.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void reset(struct pl_survey *survey)
{
    for (size_t i = 0; i < survey->tensor_count; i++) {
        free(survey->tensors[i].summaries);
        free(survey->tensors[i].running);
    }
    for (size_t i = 0; i < survey->document_count; i++) {
        free(survey->documents[i].name);
        pl_meta_release(&survey->documents[i].meta);
    }
    pl_directory_reset(&survey->directory);
    survey->tensor_count = survey->document_count = 0;
    survey->is_series = false;
    survey->names.size = survey->ids.size = 0;
    survey->stamp_count = 0;
    survey->stamps_end = false;
}

void pl_survey_release(struct pl_survey *survey)
{
    reset(survey);
    free(survey->tensors);
    free(survey->documents);
    pl_buffer_release(&survey->names);
    pl_buffer_release(&survey->ids);
    pl_directory_release(&survey->directory);
}

const struct pl_meta_node *pl_survey_document(const struct pl_survey *survey, const char *name)
{
    for (size_t i = 0; i < survey->document_count; i++)
        if (strcmp(survey->documents[i].name, name) == 0)
            return survey->documents[i].meta.root;
    return NULL;
}

/* Text carried as bytes has no statistics worth reading, nor have the time stamps of a series. */
static bool is_plain(const struct pl_survey *survey, const struct pl_directory_entry *entry)
{
    const char *name = entry->name;
    size_t size = strlen(name);
    if (entry->dtype == PL_U8)
        return strcmp(name, "series.names") != 0 && strcmp(name, "tokenizer.json") != 0 &&
               (size < 7 || strcmp(name + size - 7, ".levels") != 0);
    return !survey->is_series || strcmp(name, "time") != 0;
}

/* Prepares the statistics of a tensor that was just announced. */
static enum pl_status start_tensor(struct pl_context *context, struct pl_survey *survey,
                                   const struct pl_directory_entry *entry)
{
    struct pl_directory *directory = &survey->directory;
    if (directory->capacity > survey->capacity) {
        struct pl_survey_tensor *tensors =
            pl_resize(context, survey->tensors, directory->capacity, sizeof *tensors);
        if (!tensors)
            return PL_SYSTEM;
        survey->tensors = tensors;
        survey->capacity = directory->capacity;
    }
    struct pl_survey_tensor *tensor = &survey->tensors[directory->current];
    *tensor = (struct pl_survey_tensor){0};
    survey->tensor_count = directory->current + 1;
    if (!survey->statistics || !is_plain(survey, entry))
        return PL_OK;
    bool channels = survey->is_series && entry->rank == 2 && strcmp(entry->name, "values") == 0;
    tensor->count = channels ? entry->dims[1] : 1;
    if (channels)
        return PL_OK;
    tensor->summaries = pl_new(context, 1, sizeof *tensor->summaries);
    tensor->running = pl_new(context, 1, sizeof *tensor->running);
    if (!tensor->summaries || !tensor->running)
        return PL_SYSTEM;
    pl_statistics_start(tensor->running, entry->dtype);
    return PL_OK;
}

/* Makes the summaries of the channels up to `count`: as many as elements came, not as a header
 * claims. */
static enum pl_status ready_channels(struct pl_context *context, struct pl_survey_tensor *tensor,
                                     enum pl_dtype dtype, int64_t count)
{
    if (count <= tensor->ready)
        return PL_OK;
    struct pl_summary *summaries =
        pl_resize(context, tensor->summaries, (size_t)count, sizeof *summaries);
    if (!summaries)
        return PL_SYSTEM;
    tensor->summaries = summaries;
    while (tensor->ready < count)
        summaries[tensor->ready++] = pl_summary_init(dtype);
    return PL_OK;
}

/* A piece of `values`: its elements go round the channels. */
static enum pl_status add_channels(struct pl_context *context, struct pl_survey_tensor *tensor,
                                   const struct pl_directory_entry *entry, const void *elements,
                                   int64_t count)
{
    const char *from = elements;
    size_t size = pl_dtype_size(entry->dtype);
    int64_t seen = tensor->position + count;
    enum pl_status status =
        ready_channels(context, tensor, entry->dtype, seen < tensor->count ? seen : tensor->count);
    for (int64_t i = 0; i < tensor->count && i < count && status == PL_OK; i++) {
        int64_t channel = (tensor->position + i) % tensor->count;
        status = pl_summary_add(context, &tensor->summaries[channel], from + (size_t)i * size,
                                (count - i - 1) / tensor->count + 1, tensor->count);
    }
    return status;
}

/* A piece of `time`.  In long format it may begin anew with every id. */
static void add_stamps(struct pl_survey *survey, const int64_t *stamps, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t stamp = stamps[i], newest = 0;
        bool first = survey->stamp_count == 0;
        if (first || stamp < survey->first_stamp)
            survey->first_stamp = stamp;
        if (first || stamp > survey->last_stamp)
            survey->last_stamp = stamp;
        if (!first)
            newest = survey->stamps[survey->stamp_count - 1];
        if (!first && stamp < newest)
            survey->stamps_end = true;
        if (first ||
            (stamp > newest && !survey->stamps_end && survey->stamp_count < PL_SURVEY_STAMPS))
            survey->stamps[survey->stamp_count++] = stamp;
    }
}

static enum pl_status add_elements(struct pl_context *context, struct pl_survey *survey,
                                   const void *elements, int64_t count)
{
    const struct pl_directory_entry *entry = &survey->directory.entries[survey->directory.current];
    struct pl_survey_tensor *tensor = &survey->tensors[survey->directory.current];
    enum pl_status status = PL_OK;
    if (tensor->running)
        status = pl_statistics_add(context, tensor->running, elements, count);
    else if (tensor->count > 0)
        status = add_channels(context, tensor, entry, elements, count);
    tensor->position += count;
    if (status != PL_OK || !survey->is_series)
        return status;
    if (entry->dtype == PL_I64 && strcmp(entry->name, "time") == 0)
        add_stamps(survey, elements, count);
    else if (entry->dtype == PL_U8 && strcmp(entry->name, "series.names") == 0)
        status = pl_buffer_append(context, &survey->names, elements, (size_t)count);
    else if (entry->dtype == PL_U8 && strcmp(entry->name, "id.levels") == 0)
        status = pl_buffer_append(context, &survey->ids, elements, (size_t)count);
    return status;
}

/* Reads the record's elements if anybody wants them. */
static enum pl_status read_elements(struct pl_context *context, struct pl_survey *survey,
                                    struct pl_reader *reader)
{
    static const char *const wanted[] = {"time", "series.names", "id.levels"};
    const char *name = survey->directory.entries[survey->directory.current].name;
    bool reads = survey->tensors[survey->directory.current].count > 0;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        reads = reads || (survey->is_series && strcmp(name, wanted[i]) == 0);
    enum pl_status status = PL_OK;
    while (reads && status == PL_OK) {
        const void *elements;
        int64_t count;
        status = pl_reader_elements(context, reader, &elements, &count);
        reads = status == PL_OK && count > 0;
        if (reads)
            status = add_elements(context, survey, elements, count);
    }
    return status;
}

static void finish_tensor(struct pl_survey_tensor *tensor)
{
    if (!tensor->running)
        return;
    pl_statistics_finish(tensor->running);
    tensor->summaries[0] = tensor->running->summary;
    tensor->ready = 1;
    free(tensor->running);
    tensor->running = NULL;
}

static enum pl_status add_document(struct pl_context *context, struct pl_survey *survey,
                                   struct pl_reader *reader, const char *name)
{
    struct pl_bundle_document *documents = pl_resize(
        context, survey->documents, survey->document_count + 1, sizeof *survey->documents);
    if (!documents)
        return PL_SYSTEM;
    survey->documents = documents;
    struct pl_bundle_document *document = &documents[survey->document_count];
    *document = (struct pl_bundle_document){.name = pl_copy_text(context, name)};
    if (!document->name)
        return PL_SYSTEM;
    survey->document_count++;
    enum pl_status status = pl_reader_meta(context, reader, &document->meta);
    if (status == PL_OK && strcmp(name, "stream") == 0) {
        const char *kind = "tensors";
        status = pl_meta_text(context, document->meta.root, "kind", &kind);
        survey->is_series = pl_kind_is_series(kind);
    }
    return status;
}

static enum pl_status add_record(struct pl_context *context, struct pl_survey *survey,
                                 struct pl_reader *reader, const struct pl_record *record)
{
    const struct pl_header *header = &record->header;
    struct pl_directory *directory = &survey->directory;
    enum pl_status status = pl_directory_add(context, directory, record);
    if (status != PL_OK)
        return status;
    if (header->kind == PL_RECORD_META)
        return add_document(context, survey, reader, header->name);
    if (directory->current == SIZE_MAX)
        return PL_OK;
    if (header->kind == PL_RECORD_TENSOR)
        status = start_tensor(context, survey, &directory->entries[directory->current]);
    if (status == PL_OK && header->payload)
        status = read_elements(context, survey, reader);
    if (header->kind == PL_RECORD_CLOSE || !directory->entries[directory->current].chunked)
        finish_tensor(&survey->tensors[directory->current]);
    return status;
}

enum pl_status pl_survey_read(struct pl_context *context, struct pl_survey *survey,
                              struct pl_reader *reader, bool *found)
{
    const struct pl_record *record;
    enum pl_status status;
    reset(survey);
    *found = false;
    while ((status = pl_reader_next(context, reader, &record)) == PL_OK && record) {
        *found = true;
        status = add_record(context, survey, reader, record);
        if (status != PL_OK || record->header.kind == PL_RECORD_END)
            break;
    }
    return status;
}
