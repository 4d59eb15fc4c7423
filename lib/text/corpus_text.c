/* A text as a corpus: its bytes, or what a tokenizer makes of them.
 * SPDX-License-Identifier: MIT */
#include "text/corpus_parts.h"

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
    if (status) {
        return status;
    }
    parts->tokens = (struct pl_corpus_column){.dtype = PL_U8, .data = text};
    corpus->count = corpus->length = (int64_t)size;
    corpus->rows = 1;
    corpus->vocabulary = 256;
    corpus->bytes = true;
    return PL_OK;
}
