/* What language models read: see corpus.h.
 * SPDX-License-Identifier: MIT */
#include "text/corpus.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "text/corpus_parts.h"

/* ---- Temporary files of elements ---------------------------------------------------------- */

enum pl_status pl_corpus_spool_open(struct pl_context *context, struct pl_corpus_spool *spool)
{
    spool->size = 0;
    return pl_file_temporary(context, &spool->fd);
}

enum pl_status pl_corpus_spool_add(struct pl_context *context, struct pl_corpus_spool *spool,
                                   const void *bytes, size_t size)
{
    spool->size += size;
    enum pl_status status = pl_write_full(context, spool->fd, bytes, size);
    return status ? pl_fail_at(context, "temporary file") : PL_OK;
}

enum pl_status pl_corpus_spool_map(struct pl_context *context, struct pl_corpus_spool *spool,
                                   enum pl_status status, struct pl_corpus_column *column)
{
    column->data = ""; /* of no elements */
    if (!status && spool->size > 0) {
        void *mapped = mmap(NULL, spool->size, PROT_READ, MAP_SHARED, spool->fd, 0);
        if (mapped == MAP_FAILED) {
            status = pl_fail_errno(context, "cannot map a temporary file");
        } else {
            column->data = column->mapped = mapped;
            column->mapped_size = spool->size;
        }
    }
    if (spool->fd >= 0) {
        close(spool->fd);
        spool->fd = -1;
    }
    return status;
}

void pl_corpus_column_release(struct pl_corpus_column *column)
{
    if (column->mapped) {
        munmap(column->mapped, column->mapped_size);
    }
}

/* ---- Opening ------------------------------------------------------------------------------ */

static enum pl_status open_parts(struct pl_context *context, struct pl_corpus *corpus,
                                 struct pl_foreign *foreign)
{
    struct pl_corpus_parts *parts = corpus->parts;
    parts->source.format = pl_foreign_format(foreign);
    corpus->name = pl_copy_text(context, pl_foreign_bytes(foreign)->name);
    if (!corpus->name) {
        pl_foreign_close(foreign);
        return context->status;
    }
    if (parts->source.format == PL_FORMAT_TEXT) {
        parts->foreign = foreign;
        return pl_corpus_open_text(context, corpus);
    }
    parts->store.input = pl_foreign_reader(context, foreign, parts->path, &parts->source);
    pl_foreign_close(foreign);
    return parts->store.input ? pl_corpus_open_stream(context, corpus) : context->status;
}

enum pl_status pl_corpus_open(struct pl_context *context, struct pl_corpus *corpus,
                              const char *path, const struct pl_tokenizer *tokenizer)
{
    *corpus = (struct pl_corpus){.tokenizer = tokenizer};
    corpus->parts = pl_new(context, 1, sizeof *corpus->parts);
    if (!corpus->parts) {
        return context->status;
    }
    corpus->parts->path = path;
    struct pl_foreign *foreign = pl_foreign_open_text(context, path);
    enum pl_status status = foreign ? open_parts(context, corpus, foreign) : context->status;
    if (status) {
        pl_corpus_close(corpus);
    }
    return status;
}

void pl_corpus_close(struct pl_corpus *corpus)
{
    struct pl_corpus_parts *parts = corpus->parts;
    if (parts) {
        pl_corpus_column_release(&parts->tokens);
        pl_corpus_column_release(&parts->targets);
        pl_tokenizer_free(parts->own);
        pl_meta_release(&parts->history);
        pl_store_release(&parts->store);
        pl_reader_close(parts->store.input);
        pl_foreign_close(parts->foreign);
        free(parts);
    }
    free(corpus->name);
    *corpus = (struct pl_corpus){0};
}

/* ---- Reading ------------------------------------------------------------------------------ */

static uint32_t element(const struct pl_corpus_column *column, int64_t at)
{
    switch (column->dtype) {
    case PL_U8:
        return ((const uint8_t *)column->data)[at];
    case PL_U16:
        return ((const uint16_t *)column->data)[at];
    default: /* u32, and targets, whose bits they share */
        return ((const uint32_t *)column->data)[at];
    }
}

uint32_t pl_corpus_largest(const struct pl_corpus *corpus)
{
    uint32_t largest = 0;
    for (int64_t i = 0; i < corpus->count; i++) {
        uint32_t id = element(&corpus->parts->tokens, i);
        largest = id > largest ? id : largest;
    }
    return largest;
}

static enum pl_status too_large(struct pl_context *context, const struct pl_corpus *corpus,
                                int64_t at, const char *what, int64_t id)
{
    if (corpus->cut) {
        return pl_fail(context, PL_BAD_DATA,
                       "%s: row %" PRId64 ", offset %" PRId64 ": %s %" PRId64
                       " is not in the vocabulary of %" PRId64,
                       corpus->name, at / corpus->length, at % corpus->length, what, id,
                       corpus->vocabulary);
    }
    return pl_fail(context, PL_BAD_DATA,
                   "%s: offset %" PRId64 ": %s %" PRId64 " is not in the vocabulary of %" PRId64,
                   corpus->name, at, what, id, corpus->vocabulary);
}

/* Copies and returns the largest as unsigned. */
static uint32_t copy_ids(const struct pl_corpus_column *column, int64_t at, int64_t count,
                         int32_t *ids)
{
    uint32_t largest = 0;
    if (column->dtype == PL_U8) {
        const uint8_t *from = (const uint8_t *)column->data + at;
        for (int64_t i = 0; i < count; i++) {
            ids[i] = from[i];
            largest = from[i] > largest ? from[i] : largest;
        }
    } else if (column->dtype == PL_U16) {
        const uint16_t *from = (const uint16_t *)column->data + at;
        for (int64_t i = 0; i < count; i++) {
            ids[i] = from[i];
            largest = from[i] > largest ? from[i] : largest;
        }
    } else {
        const uint32_t *from = (const uint32_t *)column->data + at;
        for (int64_t i = 0; i < count; i++) {
            ids[i] = (int32_t)from[i];
            largest = from[i] > largest ? from[i] : largest;
        }
    }
    return largest;
}

enum pl_status pl_corpus_read(struct pl_context *context, const struct pl_corpus *corpus,
                              int64_t at, int64_t count, int32_t *ids)
{
    const struct pl_corpus_column *tokens = &corpus->parts->tokens;
    if (count <= 0 || copy_ids(tokens, at, count, ids) < corpus->vocabulary) {
        return PL_OK;
    }
    while (element(tokens, at) < corpus->vocabulary) {
        at++;
    }
    return too_large(context, corpus, at, "token", element(tokens, at));
}

enum pl_status pl_corpus_targets(struct pl_context *context, const struct pl_corpus *corpus,
                                 int64_t at, int64_t count, int32_t *targets)
{
    const int32_t *from = (const int32_t *)corpus->parts->targets.data + at;
    for (int64_t i = 0; i < count; i++) {
        if (from[i] < -1 || from[i] >= corpus->vocabulary) {
            return too_large(context, corpus, at + i, "target", from[i]);
        }
        targets[i] = from[i];
    }
    return PL_OK;
}

uint32_t pl_corpus_sum(const struct pl_corpus *corpus)
{
    return corpus->parts->source.sum;
}

enum pl_status pl_corpus_history(struct pl_context *context, const struct pl_corpus *corpus,
                                 struct pl_history *history)
{
    const struct pl_corpus_parts *parts = corpus->parts;
    return pl_history_input(context, history, parts->path, parts->source.sum, parts->history.root);
}

enum pl_status pl_corpus_expect(struct pl_context *context, struct pl_corpus *corpus,
                                int64_t vocabulary, const void *json, size_t size)
{
    size_t own_size = 0;
    const char *own = corpus->tokenizer ? pl_tokenizer_json(corpus->tokenizer, &own_size) : NULL;
    bool differs = own && json && (own_size != size || memcmp(own, json, size) != 0);
    if (differs || (own && !json) || (corpus->bytes && json)) {
        return pl_fail(context, PL_BAD_DATA,
                       "%s: its tokens are %s, those of the model %s (encode the text anew: "
                       "tok-encode)",
                       corpus->name, corpus->bytes ? "bytes" : "of a tokenizer",
                       !json           ? "are not"
                       : corpus->bytes ? "of a tokenizer"
                                       : "of another");
    }
    corpus->vocabulary = vocabulary;
    return PL_OK;
}

int64_t pl_corpus_text_size(const struct pl_corpus *corpus, const int32_t *ids, int64_t count)
{
    int64_t size = 0;
    if (!corpus->tokenizer) {
        return corpus->bytes ? count : -1;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t bytes = pl_tokenizer_text_size(corpus->tokenizer, (uint32_t)ids[i]);
        if (bytes < 0) {
            return -1;
        }
        size += bytes;
    }
    return size;
}
