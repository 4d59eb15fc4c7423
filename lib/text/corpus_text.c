/* A text as a corpus: its bytes, or what a tokenizer makes of them.
 * SPDX-License-Identifier: MIT */
#include "text/corpus_parts.h"

enum { PIECE = 1 << 20 /* bytes of text that are encoded at once */ };

static enum pl_status open_bytes(struct pl_corpus *corpus, const uint8_t *text, size_t size)
{
    corpus->parts->tokens = (struct pl_corpus_column){.dtype = PL_U8, .data = text};
    corpus->count = (int64_t)size;
    corpus->vocabulary = 256;
    corpus->bytes = true;
    return PL_OK;
}

/* Moves the ids into the spool. */
static enum pl_status spool_ids(struct pl_context *context, struct pl_corpus_spool *spool,
                                struct pl_ids *ids)
{
    size_t size = ids->count * sizeof *ids->items;
    ids->count = 0;
    return size ? pl_corpus_spool_add(context, spool, ids->items, size) : PL_OK;
}

static enum pl_status encode_to(struct pl_context *context, const struct pl_corpus *corpus,
                                const uint8_t *text, size_t size, struct pl_corpus_spool *spool)
{
    struct pl_ids ids = {0};
    struct pl_encoder *encoder = pl_encoder_new(context, corpus->tokenizer, false);
    enum pl_status status = encoder ? PL_OK : context->status;
    for (size_t at = 0; at < size && !status; at += PIECE) {
        size_t piece = size - at < PIECE ? size - at : PIECE;
        status = pl_encoder_add(context, encoder, (const char *)text + at, piece, &ids);
        pl_bytes_give_back(pl_foreign_bytes(corpus->parts->foreign), text + at, piece);
        if (!status)
            status = spool_ids(context, spool, &ids);
    }
    if (!status)
        status = pl_encoder_end(context, encoder, &ids);
    if (status)
        pl_fail_at(context, "%s", corpus->name);
    else
        status = spool_ids(context, spool, &ids);
    pl_encoder_free(encoder);
    pl_ids_release(&ids);
    return status;
}

static enum pl_status open_encoded(struct pl_context *context, struct pl_corpus *corpus,
                                   const uint8_t *text, size_t size)
{
    struct pl_corpus_spool spool = {.fd = -1};
    struct pl_corpus_column *tokens = &corpus->parts->tokens;
    enum pl_status status = pl_corpus_spool_open(context, &spool);
    if (!status)
        status = encode_to(context, corpus, text, size, &spool);
    tokens->dtype = PL_U32;
    corpus->count = (int64_t)(spool.size / sizeof(uint32_t));
    corpus->vocabulary = pl_tokenizer_vocabulary(corpus->tokenizer);
    return pl_corpus_spool_map(context, &spool, status, tokens);
}

enum pl_status pl_corpus_open_text(struct pl_context *context, struct pl_corpus *corpus)
{
    struct pl_corpus_parts *parts = corpus->parts;
    struct pl_bytes *bytes = pl_foreign_bytes(parts->foreign);
    const uint8_t *text;
    size_t size;
    enum pl_status status = pl_bytes_rest(context, bytes, &text, &size);
    if (!status) {
        pl_bytes_skip(bytes, size);
        status = pl_bytes_sum(context, bytes, &parts->source.sum);
    }
    if (!status)
        status = corpus->tokenizer ? open_encoded(context, corpus, text, size)
                                   : open_bytes(corpus, text, size);
    corpus->length = corpus->count;
    corpus->rows = 1;
    corpus->text = true;
    return status;
}
