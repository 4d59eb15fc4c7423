/* Reading a tokenizer.json.
 * SPDX-License-Identifier: MIT
 *
 * The file is a pipeline: a normaliser changes the text, a pre-tokenizer cuts it into words, the
 * model makes pieces of a word, a post-processor puts tokens around, and a decoder goes back.  Each
 * stage has a type, or is a Sequence of such.  What is known here is what byte-level and
 * SentencePiece-like BPE are made of; anything else would change ids, and is refused by name. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "text/tokenizer_reading.h"

static enum pl_status unsupported(struct pl_tokenizer_reading *reading, const char *stage,
                                  const struct pl_meta_node *node)
{
    return pl_fail(reading->context, PL_BAD_DATA, "%s '%s' is not supported", stage,
                   pl_json_text(node, "type"));
}

/* A stage, or one of a Sequence. */
typedef enum pl_status stage_fn(struct pl_tokenizer_reading *reading,
                                const struct pl_meta_node *node, const char *type);

static enum pl_status read_stage(struct pl_tokenizer_reading *reading,
                                 const struct pl_meta_node *node, const char *members,
                                 stage_fn *read)
{
    enum pl_status status = PL_OK;
    if (pl_json_null(node))
        return PL_OK;
    const char *type = pl_json_text(node, "type");
    if (strcmp(type, "Sequence") != 0)
        return read(reading, node, type);
    const struct pl_meta_node *list = pl_meta_find(node, members);
    for (const struct pl_meta_node *child = list ? list->child : NULL; child && !status;
         child = child->next)
        status = read(reading, child, pl_json_text(child, "type"));
    return status;
}

/* ---- Before the model --------------------------------------------------------------------- */

static enum pl_status read_normaliser(struct pl_tokenizer_reading *reading,
                                      const struct pl_meta_node *node, const char *type)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    if (strcmp(type, "Prepend") == 0 && strcmp(pl_json_text(node, "prepend"), PL_BLANK) == 0)
        tokenizer->prefix = PL_PREFIX_EVERY;
    else if (strcmp(type, "Replace") == 0 &&
             strcmp(pl_json_text(node, "pattern.String"), " ") == 0 &&
             strcmp(pl_json_text(node, "content"), PL_BLANK) == 0)
        tokenizer->blanks = true;
    else if (strcmp(type, "NFC") == 0)
        tokenizer->composes = true;
    else
        return unsupported(reading, "normalizer", node);
    return PL_OK;
}

static enum pl_status read_split(struct pl_tokenizer_reading *reading,
                                 const struct pl_meta_node *node)
{
    const char *pattern = pl_json_text(node, "pattern.Regex"),
               *behavior = pl_json_text(node, "behavior");
    bool inverted = pl_json_true(node, "invert", false);
    if (strcmp(behavior, inverted ? "Removed" : "Isolated") != 0 || reading->pattern)
        return unsupported(reading, "pre_tokenizer", node);
    for (int i = 0; i < PL_SPLITTERS; i++) {
        if (strcmp(pattern, pl_splitter_pattern((enum pl_splitter)i)) == 0) {
            reading->tokenizer->splitter = (enum pl_splitter)i;
            reading->pattern = true;
            return PL_OK;
        }
    }
    return pl_fail(reading->context, PL_BAD_DATA,
                   "pre_tokenizer: pattern '%.200s' is not supported: those of GPT-2, Llama 3 and "
                   "Qwen 2 are",
                   pattern);
}

/* The blank in front that a Metaspace, as pre-tokenizer or decoder, stands for. */
static enum pl_prefix metaspace_prefix(const struct pl_meta_node *node)
{
    const char *scheme = pl_json_text(node, "prepend_scheme");
    if (strcmp(scheme, "first") == 0)
        return PL_PREFIX_FIRST;
    if (strcmp(scheme, "never") == 0 || !pl_json_true(node, "add_prefix_space", true))
        return PL_PREFIX_NONE;
    return PL_PREFIX_EVERY;
}

static enum pl_status read_pre_tokenizer(struct pl_tokenizer_reading *reading,
                                         const struct pl_meta_node *node, const char *type)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    if (strcmp(type, "Split") == 0)
        return read_split(reading, node);
    if (strcmp(type, "ByteLevel") == 0 && !tokenizer->byte_level &&
        pl_json_true(node, "use_regex", true) != reading->pattern) {
        tokenizer->byte_level = true;
        tokenizer->prefix =
            pl_json_true(node, "add_prefix_space", true) ? PL_PREFIX_EVERY : PL_PREFIX_NONE;
        tokenizer->prefix_once = true;
        return PL_OK;
    }
    if (strcmp(type, "Metaspace") == 0 &&
        strcmp(pl_json_text(node, "replacement"), PL_BLANK) == 0) {
        tokenizer->blanks = true;
        tokenizer->split_blanks = pl_json_true(node, "split", true);
        tokenizer->prefix = metaspace_prefix(node);
        tokenizer->prefix_once = true;
        return PL_OK;
    }
    return unsupported(reading, "pre_tokenizer", node);
}

static enum pl_status read_front(struct pl_tokenizer_reading *reading)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    const struct pl_meta_node *root = reading->root;
    if (read_stage(reading, pl_meta_find(root, "normalizer"), "normalizers", read_normaliser) ||
        read_stage(reading, pl_meta_find(root, "pre_tokenizer"), "pretokenizers",
                   read_pre_tokenizer))
        return reading->context->status;
    if (tokenizer->byte_level ? tokenizer->blanks
                              : reading->pattern || (tokenizer->prefix && !tokenizer->blanks))
        return pl_fail(reading->context, PL_BAD_DATA,
                       "its normalizer and pre_tokenizer do not go together: neither byte-level "
                       "BPE nor SentencePiece's");
    return PL_OK;
}

/* ---- Behind the model --------------------------------------------------------------------- */

/* The tokens of a template, before the text and behind it. */
static enum pl_status read_template(struct pl_tokenizer_reading *reading,
                                    const struct pl_meta_node *node)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    const struct pl_meta_node *single = pl_meta_find(node, "single");
    bool behind = false;
    for (const struct pl_meta_node *item = single ? single->child : NULL; item; item = item->next) {
        if (pl_meta_find(item, "Sequence")) {
            behind = true;
            continue;
        }
        const char *name = pl_json_text(item, "SpecialToken.id");
        int64_t id = pl_tokenizer_find(tokenizer, name);
        size_t *count = behind ? &tokenizer->behind_count : &tokenizer->front_count;
        if (id < 0 || *count == PL_AROUND_MOST)
            return pl_fail(reading->context, PL_BAD_DATA,
                           id < 0 ? "post_processor: no such piece: '%.100s'"
                                  : "post_processor: too many tokens around '%.100s'",
                           name);
        (behind ? tokenizer->behind : tokenizer->front)[(*count)++] = (uint32_t)id;
    }
    return PL_OK;
}

static enum pl_status read_post_processor(struct pl_tokenizer_reading *reading,
                                          const struct pl_meta_node *node, const char *type)
{
    if (strcmp(type, "TemplateProcessing") == 0)
        return read_template(reading, node);
    return strcmp(type, "ByteLevel") == 0 ? PL_OK : unsupported(reading, "post_processor", node);
}

static enum pl_status read_decoder(struct pl_tokenizer_reading *reading,
                                   const struct pl_meta_node *node, const char *type)
{
    static const char *const known[] = {"ByteLevel", "Replace", "ByteFallback",
                                        "Fuse",      "Strip",   "Metaspace"};
    bool found = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        found |= strcmp(type, known[i]) == 0;
    if (!found)
        return unsupported(reading, "decoder", node);
    reading->strip_said = true;
    if (strcmp(type, "Strip") == 0)
        reading->tokenizer->strips |= strcmp(pl_json_text(node, "start"), "0") != 0;
    if (strcmp(type, "Metaspace") == 0)
        reading->tokenizer->strips |= metaspace_prefix(node) != PL_PREFIX_NONE;
    return PL_OK;
}

static enum pl_status read_back(struct pl_tokenizer_reading *reading)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    const struct pl_meta_node *root = reading->root;
    if (read_stage(reading, pl_meta_find(root, "post_processor"), "processors",
                   read_post_processor) ||
        read_stage(reading, pl_meta_find(root, "decoder"), "decoders", read_decoder))
        return reading->context->status;
    if (!reading->strip_said)
        tokenizer->strips = tokenizer->blanks && tokenizer->prefix != PL_PREFIX_NONE;
    return PL_OK;
}

struct pl_tokenizer *pl_tokenizer_parse(struct pl_context *context, const char *name,
                                        const void *json, size_t size)
{
    struct pl_meta meta = {0};
    struct pl_tokenizer *tokenizer = pl_new(context, 1, sizeof *tokenizer);
    if (!tokenizer)
        return NULL;
    struct pl_tokenizer_reading reading = {.context = context, .tokenizer = tokenizer};
    enum pl_status status = pl_json_parse(context, &meta, name, json, size);
    if (!status) {
        reading.root = meta.root;
        reading.model = pl_meta_find(meta.root, "model");
        if (pl_tokenizer_check_model(&reading) || read_front(&reading) ||
            pl_tokenizer_read_model(&reading) || read_back(&reading))
            status = pl_fail_at(context, "%s", name);
    }
    pl_meta_release(&meta);
    tokenizer->json = status ? NULL : pl_copy_bytes(context, json, size);
    tokenizer->json_size = size;
    if (!tokenizer->json) {
        pl_tokenizer_free(tokenizer);
        return NULL;
    }
    return tokenizer;
}
