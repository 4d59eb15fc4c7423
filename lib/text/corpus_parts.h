/* Where the tokens of a corpus are.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TEXT_CORPUS_PARTS_H
#define PL_TEXT_CORPUS_PARTS_H

#include "formats/bytes.h"
#include "stream/store.h"
#include "text/corpus.h"

/* Elements in memory or mapped. */
struct pl_corpus_column {
    enum pl_dtype dtype;
    const void *data; /* NULL: there is none */
    void *mapped;     /* of a temporary file; NULL: a view of the input */
    size_t mapped_size;
};

struct pl_corpus_parts {
    const char *path;
    struct pl_foreign *foreign; /* a text */
    struct pl_store store;      /* a stream */
    struct pl_corpus_column tokens, targets;
    struct pl_tokenizer *own; /* the stream's tokenizer.json */
    struct pl_source source;
    struct pl_meta history;
};

void pl_corpus_column_release(struct pl_corpus_column *column);

/* An unlinked temporary file of elements as they come, mapped when they are all there. */
struct pl_corpus_spool {
    int fd; /* -1: none */
    size_t size;
};

enum pl_status pl_corpus_spool_open(struct pl_context *context,
                                    struct pl_corpus_spool *spool) PL_MUST_CHECK;
enum pl_status pl_corpus_spool_add(struct pl_context *context, struct pl_corpus_spool *spool,
                                   const void *bytes, size_t size) PL_MUST_CHECK;
/* Maps what was added, unless status is a failure, which is then returned; closes the file. */
enum pl_status pl_corpus_spool_map(struct pl_context *context, struct pl_corpus_spool *spool,
                                   enum pl_status status,
                                   struct pl_corpus_column *column) PL_MUST_CHECK;

/* Fills the corpus from its text, or from its stream. */
enum pl_status pl_corpus_open_text(struct pl_context *context,
                                   struct pl_corpus *corpus) PL_MUST_CHECK;
enum pl_status pl_corpus_open_stream(struct pl_context *context,
                                     struct pl_corpus *corpus) PL_MUST_CHECK;

/* The largest element; 0 when there are none. */
uint32_t pl_corpus_largest(const struct pl_corpus *corpus);

#endif
