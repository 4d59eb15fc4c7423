/* YAML to and from trees, through libyaml's events.
 * SPDX-License-Identifier: MIT
 *
 * Only the part of YAML that means the same to everybody is read: maps with scalar keys, lists
 * and scalars.  Anchors would let a small document grow without bound, and tags ask for types
 * that are not ours; both are refused by name.  Scalars keep their text: whether 010 is a number
 * is decided by who reads the value.  When writing, text that any YAML reader could take for
 * something else (010, yes, ~, 2024-01-01) is quoted, so that it stays text. */
#include "base/meta.h"

#include <limits.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/number.h"
#include "base/text.h"

/* ---- Reading ---- */

struct tree_builder {
    struct pl_context *context;
    struct pl_meta *meta;
    struct pl_meta_node *open[PL_META_DEPTH]; /* the maps and lists we are in, outermost first */
    int depth;
    char *key; /* of the value that comes next in a map; NULL when a key comes next */
    yaml_mark_t key_place;
    int documents;
    bool done;
};

static enum pl_status fail_place(struct tree_builder *builder, yaml_mark_t place, const char *what)
{
    return pl_fail(builder->context, PL_BAD_DATA, "%s:%zu:%zu: %s", builder->meta->name,
                   place.line + 1, place.column + 1, what);
}

/* The line and column of a byte. */
static yaml_mark_t place_of(const char *text, size_t offset)
{
    yaml_mark_t place = {.index = offset};
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            place.line++;
            place.column = 0;
        } else if ((text[i] & 0xc0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

static bool is_null(const char *text)
{
    return *text == '\0' || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0;
}

static bool awaits_key(const struct tree_builder *builder)
{
    return builder->depth > 0 && builder->open[builder->depth - 1]->kind == PL_META_MAP &&
           !builder->key;
}

/* Gives a new node its place, and uses up the key. */
static enum pl_status placed(struct tree_builder *builder, struct pl_meta_node *node,
                             yaml_mark_t place)
{
    if (!node) {
        return builder->context->status;
    }
    if (builder->key) {
        place = builder->key_place;
        builder->key = NULL;
    }
    node->line = place.line < INT_MAX ? (int)place.line + 1 : INT_MAX;
    node->column = place.column < INT_MAX ? (int)place.column + 1 : INT_MAX;
    return PL_OK;
}

static struct pl_meta_node *parent_of_next(const struct tree_builder *builder)
{
    return builder->depth > 0 ? builder->open[builder->depth - 1] : NULL;
}

static enum pl_status read_scalar(struct tree_builder *builder, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t size = event->data.scalar.length;
    const char *tag = (const char *)event->data.scalar.tag;
    bool is_text = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (tag) {
        if (strcmp(tag, YAML_STR_TAG) != 0 && strcmp(tag, "!") != 0) {
            return fail_place(builder, event->start_mark, "only the tag !!str is supported");
        }
        is_text = true;
    }
    if (awaits_key(builder)) {
        if (strlen(text) != size) {
            return fail_place(builder, event->start_mark, "a key holds a NUL byte");
        }
        builder->key = pl_arena_text(builder->context, &builder->meta->arena, text, size);
        builder->key_place = event->start_mark;
        return builder->key ? PL_OK : builder->context->status;
    }
    struct pl_meta_node *node =
        pl_meta_add_scalar(builder->context, builder->meta, parent_of_next(builder), builder->key,
                           text, size, is_text);
    if (node && !is_text && is_null(text)) {
        node->kind = PL_META_NULL;
    }
    return placed(builder, node, event->start_mark);
}

static enum pl_status open_collection(struct tree_builder *builder, const yaml_event_t *event,
                                      bool map, const void *tag)
{
    if (tag) {
        return fail_place(builder, event->start_mark, "only the tag !!str is supported");
    }
    if (awaits_key(builder)) {
        return fail_place(builder, event->start_mark, "a key must be a scalar");
    }
    if (builder->depth == PL_META_DEPTH) {
        return fail_place(builder, event->start_mark, "nested more than 64 deep");
    }
    struct pl_meta_node *(*add)(struct pl_context *, struct pl_meta *, struct pl_meta_node *,
                                const char *) = map ? pl_meta_add_map : pl_meta_add_list;
    struct pl_meta_node *node =
        add(builder->context, builder->meta, parent_of_next(builder), builder->key);
    builder->open[builder->depth++] = node;
    return placed(builder, node, event->start_mark);
}

static enum pl_status close_collection(struct tree_builder *builder)
{
    const struct pl_meta_node *node = builder->open[--builder->depth], *repeated = NULL;
    enum pl_status status = PL_OK;
    if (node->kind == PL_META_MAP) {
        status = pl_meta_repeated(builder->context, node, &repeated);
    }
    if (!status && repeated) {
        status = pl_fail(builder->context, PL_BAD_DATA, "%s:%d:%d: key '%s' occurs twice",
                         builder->meta->name, repeated->line, repeated->column, repeated->key);
    }
    return status;
}

static enum pl_status read_event(struct tree_builder *builder, const yaml_event_t *event)
{
    static const char anchors[] = "anchors and aliases are not supported";
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return builder->documents++
                   ? fail_place(builder, event->start_mark, "more than one document")
                   : PL_OK;
    case YAML_ALIAS_EVENT:
        return fail_place(builder, event->start_mark, anchors);
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor ? fail_place(builder, event->start_mark, anchors)
                                         : read_scalar(builder, event);
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor
                   ? fail_place(builder, event->start_mark, anchors)
                   : open_collection(builder, event, false, event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor
                   ? fail_place(builder, event->start_mark, anchors)
                   : open_collection(builder, event, true, event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_collection(builder);
    default:
        builder->done = event->type == YAML_STREAM_END_EVENT;
        return PL_OK;
    }
}

static enum pl_status fail_parser(struct tree_builder *builder, const yaml_parser_t *parser,
                                  const char *text, size_t size)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        return pl_fail(builder->context, PL_SYSTEM, "out of memory: reading %s",
                       builder->meta->name);
    }
    yaml_mark_t place = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR) {
        place = place_of(text, parser->problem_offset < size ? parser->problem_offset : size);
    }
    return fail_place(builder, place, parser->problem ? parser->problem : "not YAML");
}

static enum pl_status read_events(struct tree_builder *builder, const char *text, size_t size)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        return pl_fail(builder->context, PL_SYSTEM, "out of memory: starting the YAML parser");
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    enum pl_status status = PL_OK;
    while (!status && !builder->done) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            status = fail_parser(builder, &parser, text, size);
            break;
        }
        status = read_event(builder, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return status;
}

enum pl_status pl_meta_parse(struct pl_context *context, struct pl_meta *meta, const char *name,
                             const char *text, size_t size)
{
    *meta = (struct pl_meta){0};
    meta->name = pl_arena_text(context, &meta->arena, name, strlen(name));
    if (!meta->name) {
        return context->status;
    }
    struct tree_builder builder = {.context = context, .meta = meta};
    size_t valid = pl_utf8_valid(text, size);
    if (valid < size) {
        return fail_place(&builder, place_of(text, valid), "not UTF-8");
    }
    return read_events(&builder, text, size);
}

/* ---- Writing ---- */

struct sink {
    struct pl_context *context;
    struct pl_buffer *out;
    enum pl_status status;
    yaml_emitter_t emitter;
};

static int append_output(void *data, unsigned char *bytes, size_t size)
{
    struct sink *sink = data;
    sink->status = pl_buffer_append(sink->context, sink->out, bytes, size);
    return sink->status == PL_OK;
}

/* Hands an event over; made says whether libyaml could make it. */
static enum pl_status emit(struct sink *sink, yaml_event_t *event, int made)
{
    if (made && yaml_emitter_emit(&sink->emitter, event)) {
        return PL_OK;
    }
    if (!sink->status) {
        bool memory = !made || sink->emitter.error == YAML_MEMORY_ERROR;
        sink->status = memory ? pl_fail(sink->context, PL_SYSTEM, "out of memory: writing YAML")
                              : pl_fail(sink->context, PL_BAD_DATA, "cannot write YAML: %s",
                                        sink->emitter.problem);
    }
    return sink->status;
}

/* True when every YAML reader takes the bare text for text: it starts with a letter, '_' or '/',
 * and is none of the words for numbers, truth and nothing. */
static bool reads_as_text(const char *text, size_t size)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no",  "on",
                                        "off",  "y",    "n",     "nan", "inf", "infinity"};
    unsigned char first = (unsigned char)*text;
    bool letter = (first | 0x20) >= 'a' && (first | 0x20) <= 'z';
    if (size == 0 || !(letter || first == '_' || first == '/' || first >= 0x80)) {
        return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            return false;
        }
    }
    return true;
}

static enum pl_status write_scalar(struct sink *sink, const char *text, size_t size, bool is_text)
{
    if (pl_utf8_valid(text, size) < size || size > INT_MAX) {
        sink->status = pl_fail(sink->context, PL_BAD_DATA, "cannot write YAML: not UTF-8");
        return sink->status;
    }
    bool bare = !is_text || reads_as_text(text, size);
    yaml_event_t event;
    int made = yaml_scalar_event_initialize(
        &event, NULL, NULL, (const yaml_char_t *)text, (int)size, 1, 1,
        bare ? YAML_PLAIN_SCALAR_STYLE : YAML_SINGLE_QUOTED_SCALAR_STYLE);
    return emit(sink, &event, made);
}

static enum pl_status write_node(struct sink *sink, const struct pl_meta_node *node, int depth)
{
    if (node->kind == PL_META_NULL) {
        return write_scalar(sink, "~", 1, false);
    }
    if (node->kind == PL_META_SCALAR) {
        return write_scalar(sink, node->text, node->text_size, node->quoted);
    }
    if (depth == PL_META_DEPTH) {
        sink->status = pl_fail(sink->context, PL_BAD_DATA, "nested more than 64 deep");
        return sink->status;
    }
    yaml_event_t event;
    bool map = node->kind == PL_META_MAP;
    int made =
        map ? yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE)
            : yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                                   YAML_BLOCK_SEQUENCE_STYLE);
    enum pl_status status = emit(sink, &event, made);
    for (const struct pl_meta_node *child = node->child; child && !status; child = child->next) {
        if (map) {
            status = write_scalar(sink, child->key, strlen(child->key), true);
        }
        if (!status) {
            status = write_node(sink, child, depth + 1);
        }
    }
    if (!status) {
        made = map ? yaml_mapping_end_event_initialize(&event)
                   : yaml_sequence_end_event_initialize(&event);
        status = emit(sink, &event, made);
    }
    return status;
}

static enum pl_status write_document(struct sink *sink, const struct pl_meta_node *node)
{
    yaml_event_t event;
    enum pl_status status =
        emit(sink, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    if (!status) {
        status =
            emit(sink, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
    }
    if (!status) {
        status = write_node(sink, node, 0);
    }
    if (!status) {
        status = emit(sink, &event, yaml_document_end_event_initialize(&event, 1));
    }
    if (!status) {
        status = emit(sink, &event, yaml_stream_end_event_initialize(&event));
    }
    return status;
}

enum pl_status pl_meta_write(struct pl_context *context, const struct pl_meta_node *node,
                             struct pl_buffer *out)
{
    struct sink sink = {.context = context, .out = out};
    if (!yaml_emitter_initialize(&sink.emitter)) {
        return pl_fail(context, PL_SYSTEM, "out of memory: writing YAML");
    }
    yaml_emitter_set_output(&sink.emitter, append_output, &sink);
    yaml_emitter_set_unicode(&sink.emitter, 1);
    yaml_emitter_set_width(&sink.emitter, -1);
    enum pl_status status = write_document(&sink, node);
    yaml_emitter_delete(&sink.emitter);
    return status;
}
