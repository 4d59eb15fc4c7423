/* A document (YAML or JSON) as a tree.
 * SPDX-License-Identifier: MIT
 *
 * Metadata records, configuration files, safetensors headers and reports are all trees of maps,
 * lists and scalars.  One type holds them; YAML is read and written through libyaml, JSON by
 * json.h.  Nodes live in the document's arena. */
#ifndef PL_BASE_META_H
#define PL_BASE_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/context.h"
#include "base/memory.h"

enum pl_meta_kind { PL_META_NULL, PL_META_SCALAR, PL_META_LIST, PL_META_MAP };

struct pl_meta_node {
    enum pl_meta_kind kind;
    bool quoted;      /* scalar: text even if it looks like a number */
    const char *key;  /* in a map: the node's key, else NULL */
    const char *text; /* scalar: its text, NUL-terminated */
    size_t text_size;
    size_t count; /* list, map: number of children */
    struct pl_meta_node *child, *last, *next;
    int line, column; /* 1-based place in the source (in a map: of the key); 0 if made by hand */
};

struct pl_meta {
    struct pl_arena arena;
    struct pl_meta_node *root; /* NULL for an empty document */
    const char *name;          /* of the document, for messages */
    bool failed;               /* a node could not be made: see pl_meta_ok */
};

#define PL_META_DEPTH 64 /* most maps and lists inside each other */

/* Parses one YAML document (UTF-8).  Anchors, aliases, tags other than !!str and duplicate keys
 * are PL_BAD_DATA with "NAME:LINE:COLUMN: ...".  Whatever comes out, meta needs releasing. */
enum pl_status pl_meta_parse(struct pl_context *context, struct pl_meta *meta, const char *name,
                             const char *text, size_t size) PL_MUST_CHECK;
void pl_meta_release(struct pl_meta *meta);

/* Appends block-style YAML (one document, no "---"). */
enum pl_status pl_meta_write(struct pl_context *context, const struct pl_meta_node *node,
                             struct pl_buffer *out) PL_MUST_CHECK;

/* Reading.  A path is keys joined by dots, a list element is its number: "inputs.0.name";
 * "" is the node itself.  pl_meta_find returns NULL when there is none.  The typed readers leave
 * *out alone and return PL_OK when the path is absent or null; a value of another type is
 * PL_BAD_DATA that names the path, and the line if there is one: "line 3: lr: not a number: 'abc'".
 * Text is any scalar. */
const struct pl_meta_node *pl_meta_find(const struct pl_meta_node *node, const char *path);
enum pl_status pl_meta_int(struct pl_context *context, const struct pl_meta_node *node,
                           const char *path, int64_t *out) PL_MUST_CHECK;
enum pl_status pl_meta_real(struct pl_context *context, const struct pl_meta_node *node,
                            const char *path, double *out) PL_MUST_CHECK;
enum pl_status pl_meta_bool(struct pl_context *context, const struct pl_meta_node *node,
                            const char *path, bool *out) PL_MUST_CHECK;
enum pl_status pl_meta_text(struct pl_context *context, const struct pl_meta_node *node,
                            const char *path, const char **out) PL_MUST_CHECK;
/* True when the node is a scalar that reads as a number, .inf and .nan among them. */
bool pl_meta_number(const struct pl_meta_node *node, double *out);

/* Building.  Each makes a node at the end of parent (key NULL in a list); parent NULL makes the
 * root.  NULL when memory is short: check once at the end with pl_meta_ok, since a NULL parent
 * after the root exists makes nothing.  Bytes that are not UTF-8 become U+FFFD. */
struct pl_meta_node *pl_meta_add_map(struct pl_context *context, struct pl_meta *meta,
                                     struct pl_meta_node *parent, const char *key);
struct pl_meta_node *pl_meta_add_list(struct pl_context *context, struct pl_meta *meta,
                                      struct pl_meta_node *parent, const char *key);
void pl_meta_add_text(struct pl_context *context, struct pl_meta *meta, struct pl_meta_node *parent,
                      const char *key, const char *text);
void pl_meta_add_int(struct pl_context *context, struct pl_meta *meta, struct pl_meta_node *parent,
                     const char *key, int64_t value);
void pl_meta_add_real(struct pl_context *context, struct pl_meta *meta, struct pl_meta_node *parent,
                      const char *key, double value);
void pl_meta_add_bool(struct pl_context *context, struct pl_meta *meta, struct pl_meta_node *parent,
                      const char *key, bool value);
/* A scalar as it is written: unquoted it may be a number.  Returns the node. */
struct pl_meta_node *pl_meta_add_scalar(struct pl_context *context, struct pl_meta *meta,
                                        struct pl_meta_node *parent, const char *key,
                                        const char *text, size_t size, bool quoted);
void pl_meta_add_null(struct pl_context *context, struct pl_meta *meta, struct pl_meta_node *parent,
                      const char *key);
/* A deep copy of a node of any document; key NULL keeps the node's own. */
void pl_meta_add_copy(struct pl_context *context, struct pl_meta *meta, struct pl_meta_node *parent,
                      const char *key, const struct pl_meta_node *node);
bool pl_meta_ok(const struct pl_meta *meta, const struct pl_context *context);

/* For parsers: the child of a map whose key an earlier child has already, NULL when there is
 * none.  Takes n log n steps for any keys. */
enum pl_status pl_meta_repeated(struct pl_context *context, const struct pl_meta_node *map,
                                const struct pl_meta_node **repeated) PL_MUST_CHECK;

#endif
