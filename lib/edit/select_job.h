/* The parts of a selection at work.
 * SPDX-License-Identifier: MIT
 *
 * Inner header: select.c walks a segment and asks select_documents.c and select_tensors.c what
 * becomes of its records. */
#ifndef PL_EDIT_SELECT_JOB_H
#define PL_EDIT_SELECT_JOB_H

#include "base/table.h"
#include "edit/plan.h"
#include "stream/store.h"

/* A document that waits for the columns to be known. */
struct pl_held {
    char *name;
    struct pl_meta meta;
};

/* The work on one segment. */
struct pl_select_job {
    struct pl_context *context;
    struct pl_select *select;
    struct pl_writer *writer;
    struct pl_selected *selected;
    struct pl_reader *input, *reader; /* the reader is the input, or its spooled segment */
    struct pl_directory ahead;        /* of the segment, where it was looked up */
    bool has_ahead;
    struct pl_scene scene;
    bool decided; /* the columns, where they count */
    struct pl_held *held;
    size_t held_count;
    struct pl_plan *plans[PL_OPEN_MAX]; /* of the open chunked tensors */
    size_t plan_count;
    struct pl_name_list there;          /* names seen, for messages */
    struct pl_explanation *explanation; /* instead of a writer: nothing is written */
};

struct pl_explanation {
    struct pl_table table;
    uint64_t bytes;  /* of all tensors, raw, as far as they are known */
    uint64_t memory; /* the most that one of them takes */
};

/* select.c: turns what is left of a pipe's segment into a file, from the current record on or the
 * next, and reads its headers. */
enum pl_status pl_select_spool(struct pl_select_job *job, bool current, bool *found) PL_MUST_CHECK;

/* select_documents.c */
enum pl_status pl_select_document(struct pl_select_job *job, const char *name) PL_MUST_CHECK;
void pl_select_release_held(struct pl_select_job *job);

/* The first record that is no document has come and the columns are not known: finds them.
 * *again: the reader went to a place before the record. */
enum pl_status pl_select_find_columns(struct pl_select_job *job, const struct pl_record *record,
                                      bool *again) PL_MUST_CHECK;

/* select_explain.c: a row for a tensor that is kept. */
enum pl_status pl_select_explain_tensor(struct pl_select_job *job, const struct pl_header *header,
                                        struct pl_plan *plan) PL_MUST_CHECK;

/* select_tensors.c: a tensor's record, and the chunks and the close of an open one. */
enum pl_status pl_select_tensor(struct pl_select_job *job,
                                const struct pl_header *header) PL_MUST_CHECK;
enum pl_status pl_select_part(struct pl_select_job *job,
                              const struct pl_header *header) PL_MUST_CHECK;

/* PL_BAD_DATA when no record but those of tensor `name` may be written now, since a solid tensor
 * is half done. */
enum pl_status pl_select_check_free(struct pl_select_job *job, const char *name) PL_MUST_CHECK;

#endif
