/* A document as a tree: finding, reading and building nodes.  YAML is in yaml.c, JSON in json.c.
 * SPDX-License-Identifier: MIT */
#include "base/meta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "base/text.h"

enum { SMALL_MAP = 8 /* up to here comparing all pairs of keys beats sorting them */ };

void pl_meta_release(struct pl_meta *meta)
{
    pl_arena_release(&meta->arena);
    *meta = (struct pl_meta){0};
}

bool pl_meta_ok(const struct pl_meta *meta, const struct pl_context *context)
{
    (void)context; /* holds the message of what failed */
    return meta->root && !meta->failed;
}

/* ---- Finding ---- */

static const struct pl_meta_node *child_named(const struct pl_meta_node *node, const char *name,
                                              size_t size)
{
    uint64_t index;
    if (node->kind == PL_META_LIST) {
        if (!pl_parse_uint64(name, size, &index)) {
            return NULL;
        }
        const struct pl_meta_node *child = node->child;
        while (child && index-- > 0) {
            child = child->next;
        }
        return child;
    }
    for (const struct pl_meta_node *child = node->child; child; child = child->next) {
        if (strncmp(child->key, name, size) == 0 && child->key[size] == '\0') {
            return child;
        }
    }
    return NULL;
}

const struct pl_meta_node *pl_meta_find(const struct pl_meta_node *node, const char *path)
{
    while (node && *path) {
        size_t size = strcspn(path, ".");
        node = child_named(node, path, size);
        if (path[size] == '\0') {
            break;
        }
        path += size + 1;
    }
    return node;
}

/* ---- Reading ---- */

static enum pl_status wrong_type(struct pl_context *context, const struct pl_meta_node *node,
                                 const char *path, const char *expected)
{
    static const char *const kinds[] = {"null", "a scalar", "a list", "a map"};
    path = *path ? path : node->key ? node->key : "value";
    if (node->kind == PL_META_SCALAR) {
        pl_fail(context, PL_BAD_DATA, "%s: not %s: '%s'", path, expected, node->text);
    } else {
        pl_fail(context, PL_BAD_DATA, "%s: not %s but %s", path, expected, kinds[node->kind]);
    }
    return node->line > 0 ? pl_fail_at(context, "line %d", node->line) : PL_BAD_DATA;
}

/* The node at path, NULL where the caller's value is to stay. */
static const struct pl_meta_node *find_value(const struct pl_meta_node *node, const char *path)
{
    const struct pl_meta_node *value = pl_meta_find(node, path);
    return value && value->kind != PL_META_NULL ? value : NULL;
}

static bool is_bare(const struct pl_meta_node *value)
{
    return value->kind == PL_META_SCALAR && !value->quoted;
}

enum pl_status pl_meta_int(struct pl_context *context, const struct pl_meta_node *node,
                           const char *path, int64_t *out)
{
    const struct pl_meta_node *value = find_value(node, path);
    if (value && !(is_bare(value) && pl_parse_int64(value->text, value->text_size, out))) {
        return wrong_type(context, value, path, "an integer");
    }
    return PL_OK;
}

/* YAML writes infinities and NaN with a point: -.inf, .nan */
static bool parse_pointed(const char *text, double *out)
{
    bool negative = *text == '-';
    text += negative || *text == '+';
    if (strcasecmp(text, ".inf") != 0 && (negative || strcasecmp(text, ".nan") != 0)) {
        return false;
    }
    bool parsed = pl_parse_double(text + 1, 3, out);
    *out = negative ? -*out : *out;
    return parsed;
}

bool pl_meta_number(const struct pl_meta_node *node, double *out)
{
    return is_bare(node) &&
           (pl_parse_double(node->text, node->text_size, out) || parse_pointed(node->text, out));
}

enum pl_status pl_meta_real(struct pl_context *context, const struct pl_meta_node *node,
                            const char *path, double *out)
{
    const struct pl_meta_node *value = find_value(node, path);
    if (value && !pl_meta_number(value, out)) {
        return wrong_type(context, value, path, "a number");
    }
    return PL_OK;
}

enum pl_status pl_meta_bool(struct pl_context *context, const struct pl_meta_node *node,
                            const char *path, bool *out)
{
    const struct pl_meta_node *value = find_value(node, path);
    if (!value) {
        return PL_OK;
    }
    bool yes = is_bare(value) && strcasecmp(value->text, "true") == 0;
    bool no = is_bare(value) && strcasecmp(value->text, "false") == 0;
    if (!yes && !no) {
        return wrong_type(context, value, path, "true or false");
    }
    *out = yes;
    return PL_OK;
}

enum pl_status pl_meta_text(struct pl_context *context, const struct pl_meta_node *node,
                            const char *path, const char **out)
{
    const struct pl_meta_node *value = find_value(node, path);
    if (!value) {
        return PL_OK;
    }
    if (value->kind != PL_META_SCALAR || strlen(value->text) != value->text_size) {
        return wrong_type(context, value, path, "text");
    }
    *out = value->text;
    return PL_OK;
}

/* ---- Building ---- */

/* A copy in the arena; what is not UTF-8 becomes U+FFFD, a byte each. */
static const char *copy_text(struct pl_context *context, struct pl_meta *meta, const char *text,
                             size_t size, size_t *copied)
{
    size_t valid = pl_utf8_valid(text, size);
    *copied = size;
    if (valid == size) {
        return pl_arena_text(context, &meta->arena, text, size);
    }
    char *copy = pl_arena_new(context, &meta->arena, size, 3); /* >= size + 1: one byte grows */
    char *at = copy;
    while (copy) {
        memcpy(at, text, valid);
        at += valid;
        text += valid;
        size -= valid;
        if (size == 0) {
            break;
        }
        memcpy(at, "\xef\xbf\xbd", 3);
        at += 3;
        text++;
        size--;
        valid = pl_utf8_valid(text, size);
    }
    *copied = (size_t)(at - copy);
    return copy;
}

static struct pl_meta_node *add_node(struct pl_context *context, struct pl_meta *meta,
                                     struct pl_meta_node *parent, const char *key,
                                     enum pl_meta_kind kind)
{
    if (!parent && (meta->root || meta->failed)) {
        return NULL;
    }
    size_t ignored;
    struct pl_meta_node *node = pl_arena_new(context, &meta->arena, 1, sizeof *node);
    if (node && key) {
        node->key = copy_text(context, meta, key, strlen(key), &ignored);
    }
    if (!node || (key && !node->key)) {
        meta->failed = true;
        return NULL;
    }
    node->kind = kind;
    if (!parent) {
        meta->root = node;
        return node;
    }
    if (parent->last) {
        parent->last->next = node;
    } else {
        parent->child = node;
    }
    parent->last = node;
    parent->count++;
    return node;
}

struct pl_meta_node *pl_meta_add_map(struct pl_context *context, struct pl_meta *meta,
                                     struct pl_meta_node *parent, const char *key)
{
    return add_node(context, meta, parent, key, PL_META_MAP);
}

struct pl_meta_node *pl_meta_add_list(struct pl_context *context, struct pl_meta *meta,
                                      struct pl_meta_node *parent, const char *key)
{
    return add_node(context, meta, parent, key, PL_META_LIST);
}

void pl_meta_add_null(struct pl_context *context, struct pl_meta *meta, struct pl_meta_node *parent,
                      const char *key)
{
    add_node(context, meta, parent, key, PL_META_NULL);
}

struct pl_meta_node *pl_meta_add_scalar(struct pl_context *context, struct pl_meta *meta,
                                        struct pl_meta_node *parent, const char *key,
                                        const char *text, size_t size, bool quoted)
{
    struct pl_meta_node *node = add_node(context, meta, parent, key, PL_META_SCALAR);
    if (!node) {
        return NULL;
    }
    node->quoted = quoted;
    node->text = copy_text(context, meta, text, size, &node->text_size);
    if (!node->text) {
        node->text = ""; /* the tree stays walkable */
        node->text_size = 0;
        meta->failed = true;
        return NULL;
    }
    return node;
}

void pl_meta_add_text(struct pl_context *context, struct pl_meta *meta, struct pl_meta_node *parent,
                      const char *key, const char *text)
{
    pl_meta_add_scalar(context, meta, parent, key, text, strlen(text), true);
}

void pl_meta_add_int(struct pl_context *context, struct pl_meta *meta, struct pl_meta_node *parent,
                     const char *key, int64_t value)
{
    char text[PL_NUMBER_SIZE];
    int size = snprintf(text, sizeof text, "%lld", (long long)value);
    pl_meta_add_scalar(context, meta, parent, key, text, (size_t)size, false);
}

void pl_meta_add_real(struct pl_context *context, struct pl_meta *meta, struct pl_meta_node *parent,
                      const char *key, double value)
{
    char text[PL_NUMBER_SIZE + 1] = "";
    size_t size = pl_format_double(text, value);
    char *word = text + (*text == '-');
    if (*word == 'n' || *word == 'i') { /* nan, inf: YAML wants a point in front */
        memmove(word + 1, word, 4);
        *word = '.';
        size++;
    }
    pl_meta_add_scalar(context, meta, parent, key, text, size, false);
}

void pl_meta_add_bool(struct pl_context *context, struct pl_meta *meta, struct pl_meta_node *parent,
                      const char *key, bool value)
{
    const char *text = value ? "true" : "false";
    pl_meta_add_scalar(context, meta, parent, key, text, strlen(text), false);
}

void pl_meta_add_copy(struct pl_context *context, struct pl_meta *meta, struct pl_meta_node *parent,
                      const char *key, const struct pl_meta_node *node)
{
    key = key ? key : node->key;
    if (node->kind == PL_META_SCALAR) {
        pl_meta_add_scalar(context, meta, parent, key, node->text, node->text_size, node->quoted);
        return;
    }
    struct pl_meta_node *copy = add_node(context, meta, parent, key, node->kind);
    for (const struct pl_meta_node *child = node->child; copy && child; child = child->next) {
        pl_meta_add_copy(context, meta, copy, NULL, child);
    }
}

/* ---- Repeated keys ---- */

static bool is_before(const struct pl_meta_node *a, const struct pl_meta_node *b)
{
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

static int compare_keys(const void *a, const void *b)
{
    const struct pl_meta_node *const *first = a, *const *second = b;
    return strcmp((*first)->key, (*second)->key);
}

enum pl_status pl_meta_repeated(struct pl_context *context, const struct pl_meta_node *map,
                                const struct pl_meta_node **repeated)
{
    *repeated = NULL;
    if (map->count <= SMALL_MAP) {
        for (const struct pl_meta_node *late = map->child; late; late = late->next) {
            for (const struct pl_meta_node *early = map->child; early != late;
                 early = early->next) {
                if (strcmp(early->key, late->key) == 0) {
                    *repeated = late;
                    return PL_OK;
                }
            }
        }
        return PL_OK;
    }
    const struct pl_meta_node **sorted = pl_new(context, map->count, sizeof *sorted);
    if (!sorted) {
        return context->status;
    }
    size_t count = 0;
    for (const struct pl_meta_node *child = map->child; child; child = child->next) {
        sorted[count++] = child;
    }
    qsort(sorted, count, sizeof *sorted, compare_keys);
    for (size_t i = 1; i < count && !*repeated; i++) {
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0) {
            *repeated = is_before(sorted[i - 1], sorted[i]) ? sorted[i] : sorted[i - 1];
        }
    }
    free(sorted);
    return PL_OK;
}
