/* A stream of tokens as a corpus.
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "text/corpus_parts.h"

static bool is_token_dtype(enum pl_dtype dtype)
{
    return dtype == PL_U8 || dtype == PL_U16 || dtype == PL_U32;
}

/* The tensor of tokens: the one of that name, else the only one that may be it. */
static enum pl_status find_tokens(struct pl_context *context, struct pl_corpus *corpus,
                                  const struct pl_directory_entry **tokens)
{
    struct pl_directory *directory = &corpus->parts->store.directory;
    size_t candidates = 0;
    *tokens = pl_directory_find(context, directory, "tokens");
    if (*tokens) {
        return PL_OK;
    }
    for (size_t i = 0; i < directory->count; i++) {
        const struct pl_directory_entry *entry = &directory->entries[i];
        if (is_token_dtype(entry->dtype) && (entry->rank == 1 || entry->rank == 2) &&
            strcmp(entry->name, "tokenizer.json") != 0) {
            *tokens = entry;
            candidates++;
        }
    }
    return candidates == 1
               ? PL_OK
               : pl_fail(context, PL_BAD_DATA,
                         "%s: holds no tensor 'tokens', and %zu others may be it: u8, u16 or u32 "
                         "of rank 1 or 2 (ts-select -n picks one)",
                         corpus->name, candidates);
}

static enum pl_status check_shape(struct pl_context *context, struct pl_corpus *corpus,
                                  const struct pl_directory_entry *entry)
{
    struct pl_buffer shape = {0};
    enum pl_status status = pl_shape_text(context, &shape, entry->rank, entry->dims);
    if (!status && (!is_token_dtype(entry->dtype) || entry->rank < 1 || entry->rank > 2)) {
        status = pl_fail(context, PL_BAD_DATA,
                         "%s: '%s' is %s %s; tokens are u8, u16 or u32 of rank 1 or 2",
                         corpus->name, entry->name, pl_dtype_name(entry->dtype), shape.data);
    }
    pl_buffer_release(&shape);
    corpus->cut = entry->rank == 2;
    corpus->rows = corpus->cut ? entry->dims[0] : 1;
    corpus->length = entry->rank > 0 ? entry->dims[entry->rank - 1] : 1;
    corpus->count = corpus->rows * corpus->length;
    return status;
}

/* A raw solid tensor is a view of the mapped stream; chunks and compressed ones are laid out in a
 * temporary file. */
static enum pl_status open_column(struct pl_context *context, struct pl_corpus *corpus,
                                  const struct pl_directory_entry *entry,
                                  struct pl_corpus_column *column)
{
    struct pl_reader *reader = corpus->parts->store.reader;
    column->dtype = entry->dtype;
    if (!entry->chunked && entry->codec == PL_CODEC_RAW) {
        const struct pl_record *record;
        struct pl_tensor view = {0};
        enum pl_status status = pl_reader_seek(context, reader, entry->offset);
        if (!status) {
            status = pl_reader_next(context, reader, &record);
        }
        if (!status) {
            status = pl_reader_tensor(context, reader, &view);
        }
        column->data = view.data;
        return status;
    }
    struct pl_corpus_spool spool = {.fd = -1};
    struct pl_elements elements;
    const void *piece;
    int64_t count = 1;
    enum pl_status status = pl_corpus_spool_open(context, &spool);
    if (!status) {
        status = pl_elements_start(context, &elements, reader, entry);
    }
    while (!status && count > 0) {
        status = pl_elements_next(context, &elements, &piece, &count);
        if (!status && count > 0) {
            status = pl_corpus_spool_add(context, &spool, piece,
                                         (size_t)count * pl_dtype_size(entry->dtype));
        }
    }
    return pl_corpus_spool_map(context, &spool, status, column);
}

static enum pl_status open_targets(struct pl_context *context, struct pl_corpus *corpus,
                                   const struct pl_directory_entry *tokens)
{
    const struct pl_directory_entry *targets =
        pl_directory_find(context, &corpus->parts->store.directory, "targets");
    if (!targets) {
        return PL_OK;
    }
    if (targets->dtype != PL_I32 || targets->rank != tokens->rank ||
        memcmp(targets->dims, tokens->dims, (size_t)tokens->rank * sizeof *tokens->dims) != 0) {
        return pl_fail(context, PL_BAD_DATA, "%s: 'targets' must be i32 in the shape of '%s'",
                       corpus->name, tokens->name);
    }
    corpus->task = true;
    return open_column(context, corpus, targets, &corpus->parts->targets);
}

/* What the documents say; *kind was NULL. */
struct said {
    char kind[PL_NAME_MAX + 1];
    int64_t vocabulary; /* 0: nothing */
    bool bytes;
};

static enum pl_status read_document(struct pl_context *context, struct pl_corpus *corpus,
                                    const char *name, struct said *said)
{
    struct pl_meta meta = {0};
    const char *kind = NULL, *symbols = NULL;
    enum pl_status status = pl_reader_meta(context, corpus->parts->store.reader, &meta);
    if (!status && strcmp(name, "history") == 0) {
        pl_meta_release(&corpus->parts->history);
        corpus->parts->history = meta;
        return PL_OK;
    }
    if (!status && strcmp(name, "stream") == 0) {
        status = pl_meta_text(context, meta.root, "kind", &kind);
    }
    if (!status && kind) {
        strncpy(said->kind, kind, PL_NAME_MAX);
    }
    if (!status && strcmp(name, "tokens") == 0) {
        status = pl_meta_int(context, meta.root, "vocabulary", &said->vocabulary);
    }
    if (!status && strcmp(name, "tokens") == 0) {
        status = pl_meta_text(context, meta.root, "symbols", &symbols);
    }
    said->bytes |= symbols && strcmp(symbols, "bytes") == 0;
    pl_meta_release(&meta);
    return status ? pl_fail_at(context, "%s: document '%s'", corpus->name, name) : PL_OK;
}

static enum pl_status read_documents(struct pl_context *context, struct pl_corpus *corpus,
                                     struct said *said)
{
    struct pl_store *store = &corpus->parts->store;
    const struct pl_record *record = NULL;
    enum pl_status status = pl_reader_seek(context, store->reader, store->directory.begin);
    while (!status) {
        status = pl_reader_next(context, store->reader, &record);
        if (status || !record || record->header.kind == PL_RECORD_END) {
            break;
        }
        if (record->header.kind == PL_RECORD_META) {
            status = read_document(context, corpus, record->header.name, said);
        }
    }
    return status;
}

/* One segment, of a kind that may hold tokens. */
static enum pl_status open_segment(struct pl_context *context, struct pl_corpus *corpus,
                                   struct said *said)
{
    static const char *const kinds[] = {"", "tensors", "tokens", "task"};
    struct pl_store *store = &corpus->parts->store;
    bool found = false, fits = false;
    enum pl_status status = pl_store_next(context, store, &found);
    if (!status && !found) {
        return pl_fail(context, PL_BAD_DATA, "%s: holds nothing", corpus->name);
    }
    if (!status) {
        status = read_documents(context, corpus, said);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        fits |= strcmp(said->kind, kinds[i]) == 0;
    }
    if (!status && !fits) {
        status = pl_fail(context, PL_BAD_DATA,
                         "%s: expected a text or tokens, found %s (tok-encode makes tokens)",
                         corpus->name, said->kind);
    }
    return status;
}

/* Nothing may stand behind the segment. */
static enum pl_status expect_end(struct pl_context *context, struct pl_corpus *corpus)
{
    struct pl_store *store = &corpus->parts->store;
    const struct pl_record *record = NULL;
    enum pl_status status = PL_OK;
    if (store->reader == store->input) {
        status = pl_reader_seek(context, store->input, store->directory.end);
        if (!status) {
            status = pl_reader_next(context, store->input, &record);
        }
    }
    if (!status) {
        status = pl_reader_next(context, store->input, &record);
    }
    return !status && record
               ? pl_fail(context, PL_BAD_DATA,
                         "%s: holds more than one object (ts-select --segment picks one)",
                         corpus->name)
               : status;
}

static enum pl_status settle_vocabulary(struct pl_context *context, struct pl_corpus *corpus,
                                        const struct said *said)
{
    if (said->vocabulary < 0 || said->vocabulary > INT32_MAX) {
        return pl_fail(context, PL_BAD_DATA, "%s: a vocabulary of %" PRId64, corpus->name,
                       said->vocabulary);
    }
    corpus->bytes = said->bytes;
    corpus->vocabulary = said->vocabulary    ? said->vocabulary
                         : corpus->tokenizer ? pl_tokenizer_vocabulary(corpus->tokenizer)
                                             : (int64_t)pl_corpus_largest(corpus) + 1;
    return PL_OK;
}

/* The stream's own tokenizer, when it has one. */
static enum pl_status open_tokenizer(struct pl_context *context, struct pl_corpus *corpus)
{
    struct pl_corpus_parts *parts = corpus->parts;
    struct pl_corpus_column json = {0};
    const struct pl_directory_entry *entry =
        pl_directory_find(context, &parts->store.directory, "tokenizer.json");
    if (!entry)
        return PL_OK;
    if (entry->dtype != PL_U8 || entry->rank != 1)
        return pl_fail(context, PL_BAD_DATA, "%s: 'tokenizer.json' must be u8 of rank 1",
                       corpus->name);
    enum pl_status status = open_column(context, corpus, entry, &json);
    if (!status) {
        parts->own = pl_tokenizer_parse(context, corpus->name, json.data, (size_t)entry->dims[0]);
        status = parts->own ? PL_OK : context->status;
    }
    pl_corpus_column_release(&json);
    corpus->tokenizer = parts->own;
    return status;
}

enum pl_status pl_corpus_open_stream(struct pl_context *context, struct pl_corpus *corpus)
{
    struct pl_corpus_parts *parts = corpus->parts;
    const struct pl_directory_entry *tokens = NULL;
    struct said said = {0};
    enum pl_status status = open_segment(context, corpus, &said);
    corpus->tokenizer = NULL;
    if (!status) {
        status = open_tokenizer(context, corpus);
    }
    if (!status) {
        status = find_tokens(context, corpus, &tokens);
    }
    if (!status) {
        status = check_shape(context, corpus, tokens);
    }
    if (!status) {
        status = open_column(context, corpus, tokens, &parts->tokens);
    }
    if (!status) {
        status = open_targets(context, corpus, tokens);
    }
    if (!status) {
        status = expect_end(context, corpus);
    }
    if (!status && parts->source.format == PL_FORMAT_STREAM) {
        parts->source.sum = parts->store.directory.sum;
    }
    return status ? status : settle_vocabulary(context, corpus, &said);
}
