/* JSON (RFC 8259) to and from the same trees as YAML.
 * SPDX-License-Identifier: MIT */
#ifndef PL_BASE_JSON_H
#define PL_BASE_JSON_H

#include "base/meta.h"

/* Strict: UTF-8, no trailing comma, no duplicate keys, depth at most 64; errors are PL_BAD_DATA
 * with "NAME: byte OFFSET: ...". Strings become quoted scalars, numbers keep their text. */
enum pl_status pl_json_parse(struct pl_context *context, struct pl_meta *meta, const char *name,
                             const char *text, size_t size) PL_MUST_CHECK;

/* Appends one line of JSON, no newline.  Unquoted scalars that are JSON numbers, true, false or
 * null stay bare; NaN and infinities become null (JSON has no word for them). */
enum pl_status pl_json_write(struct pl_context *context, const struct pl_meta_node *node,
                             struct pl_buffer *out) PL_MUST_CHECK;

/* Appends a quoted JSON string. */
enum pl_status pl_json_string(struct pl_context *context, const char *text, size_t size,
                              struct pl_buffer *out) PL_MUST_CHECK;

#endif
