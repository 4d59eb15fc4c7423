/* Writing a tokenizer.json: see tokenizer_write.h.
 * SPDX-License-Identifier: MIT */
#include "text/tokenizer_write.h"

#include <inttypes.h>

#include "base/json.h"
#include "base/text.h"
#include "text/tokenizer_parts.h"

/* The name of a piece as it is written, without quotes. */
static enum pl_status add_name(struct pl_context *context, const struct pl_tokenizer_draft *draft,
                               uint32_t id, struct pl_buffer *name)
{
    size_t size;
    const char *bytes = pl_words_item(&draft->pieces, id, &size);
    if (!draft->byte_level)
        return pl_buffer_append(context, name, bytes, size);
    for (size_t i = 0; i < size; i++) {
        char symbol[4];
        size_t length = pl_utf8_put(symbol, pl_byte_symbol((unsigned char)bytes[i]));
        if (pl_buffer_append(context, name, symbol, length))
            return context->status;
    }
    return PL_OK;
}

/* The same quoted; right: PL_NO_ID, or a second name behind a space. */
static enum pl_status write_name(struct pl_context *context, const struct pl_tokenizer_draft *draft,
                                 uint32_t id, uint32_t right, struct pl_buffer *json)
{
    struct pl_buffer name = {0};
    enum pl_status status = add_name(context, draft, id, &name);
    if (!status && right != PL_NO_ID) {
        status = pl_buffer_text(context, &name, " ");
        if (!status)
            status = add_name(context, draft, right, &name);
    }
    if (!status)
        status = pl_json_string(context, name.data, name.size, json);
    pl_buffer_release(&name);
    return status;
}

static enum pl_status write_added(struct pl_context *context,
                                  const struct pl_tokenizer_draft *draft, struct pl_buffer *json)
{
    size_t special = draft->special.count, count = special + draft->whole.count;
    if (pl_buffer_text(context, json, "  \"added_tokens\": ["))
        return context->status;
    for (size_t i = 0; i < count; i++) {
        uint32_t id = i < special ? draft->special.items[i] : draft->whole.items[i - special];
        if (pl_buffer_printf(context, json,
                             "%s\n    {\"id\": %" PRIu32 ", \"content\": ", i ? "," : "", id) ||
            write_name(context, draft, id, PL_NO_ID, json) ||
            pl_buffer_printf(context, json,
                             ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
                             "\"normalized\": false, \"special\": %s}",
                             i < special ? "true" : "false"))
            return context->status;
    }
    return pl_buffer_text(context, json, count ? "\n  ],\n" : "],\n");
}

/* The stages of a byte-level tokenizer. */
static const char byte_level_stages[] =
    "  \"normalizer\": null,\n"
    "  \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
    "\"trim_offsets\": true, \"use_regex\": true},\n"
    "  \"post_processor\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, "
    "\"trim_offsets\": false, \"use_regex\": true},\n"
    "  \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, "
    "\"trim_offsets\": true, \"use_regex\": true},\n";

static const char replace[] =
    "{\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"" PL_BLANK "\"}";

/* The template that puts the token of the beginning in front of one text, and of two. */
static enum pl_status write_template(struct pl_context *context,
                                     const struct pl_tokenizer_draft *draft, struct pl_buffer *json)
{
    static const char item[] = "{\"Sequence\": {\"id\": \"%s\", \"type_id\": %d}}";
    struct pl_buffer name = {0};
    if (draft->begin == PL_NO_ID)
        return pl_buffer_text(context, json, "  \"post_processor\": null,\n");
    enum pl_status status = write_name(context, draft, draft->begin, PL_NO_ID, &name);
    if (!status)
        status =
            pl_buffer_printf(context, json,
                             "  \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": "
                             "[{\"SpecialToken\": {\"id\": %s, \"type_id\": 0}}, ",
                             name.data);
    if (!status)
        status = pl_buffer_printf(context, json, item, "A", 0);
    if (!status)
        status = pl_buffer_printf(
            context, json, "], \"pair\": [{\"SpecialToken\": {\"id\": %s, \"type_id\": 0}}, ",
            name.data);
    if (!status)
        status = pl_buffer_printf(context, json, item, "A", 0);
    if (!status)
        status = pl_buffer_printf(
            context, json, ", {\"SpecialToken\": {\"id\": %s, \"type_id\": 1}}, ", name.data);
    if (!status)
        status = pl_buffer_printf(context, json, item, "B", 1);
    if (!status)
        status = pl_buffer_printf(context, json,
                                  "], \"special_tokens\": {%s: {\"id\": %s, \"ids\": [%" PRIu32
                                  "], \"tokens\": [%s]}}},\n",
                                  name.data, name.data, draft->begin, name.data);
    pl_buffer_release(&name);
    return status;
}

static enum pl_status write_stages(struct pl_context *context,
                                   const struct pl_tokenizer_draft *draft, struct pl_buffer *json)
{
    if (draft->byte_level)
        return pl_buffer_text(context, json, byte_level_stages);
    if (pl_buffer_printf(context, json,
                         "  \"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [%s%s]},\n"
                         "  \"pre_tokenizer\": null,\n",
                         draft->prefix ? "{\"type\": \"Prepend\", \"prepend\": \"" PL_BLANK "\"}, "
                                       : "",
                         replace) ||
        write_template(context, draft, json))
        return context->status;
    return pl_buffer_printf(
        context, json,
        "  \"decoder\": {\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Replace\", "
        "\"pattern\": {\"String\": \"" PL_BLANK "\"}, \"content\": \" \"}, "
        "{\"type\": \"ByteFallback\"}, {\"type\": \"Fuse\"}%s]},\n",
        draft->prefix ? ", {\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}"
                      : "");
}

static enum pl_status write_model(struct pl_context *context,
                                  const struct pl_tokenizer_draft *draft, struct pl_buffer *json)
{
    if (pl_buffer_text(context, json,
                       "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n"
                       "    \"unk_token\": "))
        return context->status;
    if (draft->unknown != PL_NO_ID ? write_name(context, draft, draft->unknown, PL_NO_ID, json)
                                   : pl_buffer_text(context, json, "null"))
        return context->status;
    if (pl_buffer_printf(context, json,
                         ",\n    \"continuing_subword_prefix\": null,\n"
                         "    \"end_of_word_suffix\": null,\n    \"fuse_unk\": %s,\n"
                         "    \"byte_fallback\": %s,\n    \"vocab\": {",
                         draft->unknown != PL_NO_ID ? "true" : "false",
                         draft->byte_fallback ? "true" : "false"))
        return context->status;
    for (uint32_t id = 0; id < draft->pieces.count; id++)
        if (pl_buffer_text(context, json, id ? ",\n      " : "\n      ") ||
            write_name(context, draft, id, PL_NO_ID, json) ||
            pl_buffer_printf(context, json, ": %" PRIu32, id))
            return context->status;
    if (pl_buffer_text(context, json, "\n    },\n    \"merges\": ["))
        return context->status;
    for (size_t i = 0; i < draft->merge_count; i++)
        if (pl_buffer_text(context, json, i ? ",\n      " : "\n      ") ||
            write_name(context, draft, draft->merges[i].left, draft->merges[i].right, json))
            return context->status;
    return pl_buffer_text(context, json, draft->merge_count ? "\n    ]\n  }\n" : "]\n  }\n");
}

enum pl_status pl_tokenizer_write(struct pl_context *context,
                                  const struct pl_tokenizer_draft *draft, struct pl_buffer *json)
{
    if (pl_buffer_text(context, json,
                       "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n"
                       "  \"padding\": null,\n") ||
        write_added(context, draft, json) || write_stages(context, draft, json) ||
        write_model(context, draft, json))
        return context->status;
    return pl_buffer_text(context, json, "}\n");
}
