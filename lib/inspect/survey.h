/* A look over a segment: its tensors and their statistics, its documents, what a series says of
 * itself.
 * SPDX-License-Identifier: MIT
 *
 * One pass over a reader.  Without statistics only headers and documents are read (and a series'
 * names and times); with them every element passes once, in constant memory. */
#ifndef PL_INSPECT_SURVEY_H
#define PL_INSPECT_SURVEY_H

#include "stream/bundle.h"
#include "stream/directory.h"
#include "stream/pattern.h"
#include "tensor/statistics.h"

#define PL_SURVEY_STAMPS 4096

/* The statistics of one entry of the directory. */
struct pl_survey_tensor {
    struct pl_summary *summaries;  /* one, or one a channel for the values of a series */
    int64_t count;                 /* of them wanted; 0: not asked for */
    int64_t ready;                 /* of them there: channels come with their first element */
    int64_t position;              /* elements so far */
    struct pl_statistics *running; /* while elements of a single summary come */
};

struct pl_survey {
    bool statistics; /* set by the caller */
    struct pl_directory directory;
    struct pl_survey_tensor *tensors; /* [directory.count] */
    size_t tensor_count, capacity;
    struct pl_bundle_document *documents;
    size_t document_count;
    bool is_series;                   /* of kind `series` */
    struct pl_buffer names, ids;      /* NUL-separated: of the channels, of `id` */
    int64_t stamps[PL_SURVEY_STAMPS]; /* the first of `time`, ascending, each once */
    int64_t stamp_count;
    bool stamps_end;                 /* time went back: the stamps are of the first id only */
    int64_t first_stamp, last_stamp; /* of all; meaningless without any */
};

/* Surveys the next segment; *found = false at the end of the input. */
enum pl_status pl_survey_read(struct pl_context *context, struct pl_survey *survey,
                              struct pl_reader *reader, bool *found) PL_MUST_CHECK;
void pl_survey_release(struct pl_survey *survey);

/* NULL when there is none. */
const struct pl_meta_node *pl_survey_document(const struct pl_survey *survey, const char *name);

#endif
