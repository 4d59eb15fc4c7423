/* Reading a tokenizer.json: what its two files share.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TEXT_TOKENIZER_READING_H
#define PL_TEXT_TOKENIZER_READING_H

#include <string.h>

#include "base/meta.h"
#include "text/tokenizer_parts.h"

/* What one reading works on. */
struct pl_tokenizer_reading {
    struct pl_context *context;
    struct pl_tokenizer *tokenizer;
    const struct pl_meta_node *root, *model;
    int64_t most;    /* ids are below: memory follows from the size of the file */
    bool pattern;    /* a Split has come */
    bool strip_said; /* the decoder says whether to drop the blank in front */
};

static inline bool pl_json_null(const struct pl_meta_node *node)
{
    return !node || node->kind == PL_META_NULL;
}

/* The text at a path, "" when there is none. */
static inline const char *pl_json_text(const struct pl_meta_node *node, const char *path)
{
    const struct pl_meta_node *value = pl_meta_find(node, path);
    return value && value->kind == PL_META_SCALAR ? value->text : "";
}

static inline bool pl_json_true(const struct pl_meta_node *node, const char *path, bool otherwise)
{
    const struct pl_meta_node *value = pl_meta_find(node, path);
    if (pl_json_null(value) || value->kind != PL_META_SCALAR)
        return otherwise;
    return strcmp(value->text, "true") == 0;
}

/* tokenizer_model.c: PL_BAD_DATA for a model that is no BPE or has what is not known here; the
 * vocabulary, the merges and the added tokens. */
enum pl_status pl_tokenizer_check_model(struct pl_tokenizer_reading *reading) PL_MUST_CHECK;
enum pl_status pl_tokenizer_read_model(struct pl_tokenizer_reading *reading) PL_MUST_CHECK;

#endif
