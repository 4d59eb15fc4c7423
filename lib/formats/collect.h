/* The tensors of a segment, gathered so that all are known before the first is written.
 * SPDX-License-Identifier: MIT
 *
 * NPY, NPZ and safetensors want sizes before data.  Tensors of a mapped file stay where they are;
 * what comes in chunks, compressed or through a pipe is spooled to unlinked temporary files and
 * mapped from there, so that memory stays small either way. */
#ifndef PL_FORMATS_COLLECT_H
#define PL_FORMATS_COLLECT_H

#include "formats/export.h"
#include "formats/sink.h"

struct pl_collected {
    char *name;
    enum pl_dtype dtype;
    int rank;
    int64_t dims[PL_MAX_RANK];
    const void *data;
    uint64_t bytes;
    uint64_t offset; /* in its file, while that is written */
    int fd;          /* of a chunked tensor's own file; -1 */
    void *map;       /* of that file */
    bool open;       /* chunks are still to come */
    bool spooled;    /* in the common file */
};

enum { PL_COLLECT_DOCUMENTS = 5 };

struct pl_collection {
    struct pl_collected *items;
    size_t count, room;
    int fd;                    /* the common temporary file; -1: none yet */
    uint64_t size;             /* bytes in it */
    void *map;                 /* its mapping */
    const char *const *wanted; /* names of the documents to keep, ended by NULL; NULL: none */
    /* Each of those, the last one of its name; empty when there is none. */
    struct pl_meta documents[PL_COLLECT_DOCUMENTS];
};

/* Gathers the tensors that the export names, all when it names none, and up to PL_COLLECT_DOCUMENTS
 * documents, whose names end with NULL (NULL: none).  PL_BAD_DATA for a second segment, and for a
 * name that is not there. */
enum pl_status pl_collect(struct pl_context *context, struct pl_collection *collection,
                          struct pl_reader *reader, const struct pl_export *export,
                          const char *const *documents) PL_MUST_CHECK;

/* Writes a tensor's elements, a window of them at a time, whose pages go back to the system. */
enum pl_status pl_collected_write(struct pl_context *context, const struct pl_collected *item,
                                  struct pl_sink *sink) PL_MUST_CHECK;
/* Tells that a tensor's elements are not needed for now: their pages go back to the system. */
void pl_collected_give_back(const struct pl_collected *item);

/* NULL when there is none. */
struct pl_collected *pl_collection_find(const struct pl_collection *collection, const char *name);

/* PL_BAD_DATA that names what there is, unless it is one tensor: `format` holds no more. */
enum pl_status pl_collection_one(struct pl_context *context, const struct pl_collection *collection,
                                 const char *source, const char *format) PL_MUST_CHECK;
void pl_collection_release(struct pl_collection *collection);

#endif
