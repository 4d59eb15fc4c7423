/* Tensor names as users give them: patterns that keep or drop, and rules that rename.
 * SPDX-License-Identifier: MIT */
#ifndef PL_STREAM_PATTERN_H
#define PL_STREAM_PATTERN_H

#include "base/buffer.h"
#include "base/text.h"
#include "stream/header.h"

struct pl_pattern {
    const char *glob;
    bool exclude;
    bool used; /* has matched a name since pl_patterns_reset */
};

/* A name is kept when it matches an including pattern, or there is none, and no excluding one. */
struct pl_patterns {
    struct pl_pattern *items;
    size_t count;
    size_t including;
};

/* Adds a pattern; a leading '!' makes it an excluding one, as `exclude` does.  The text is not
 * copied.  PL_USAGE when it is empty. */
enum pl_status pl_patterns_add(struct pl_context *context, struct pl_patterns *patterns,
                               const char *text, bool exclude) PL_MUST_CHECK;
void pl_patterns_release(struct pl_patterns *patterns);

bool pl_patterns_keep(struct pl_patterns *patterns, const char *name);
bool pl_patterns_drop(const struct pl_patterns *patterns, const char *name);

/* Forgets what was used; pl_patterns_unused is the first including pattern without a match, or
 * NULL. */
void pl_patterns_reset(struct pl_patterns *patterns);
const char *pl_patterns_unused(const struct pl_patterns *patterns);

/* "'a', 'b', 'c' and 12 more": what there is, for the message that something is not. */
struct pl_name_list {
    struct pl_buffer text;
    size_t count;
};
enum pl_status pl_name_list_add(struct pl_context *context, struct pl_name_list *list,
                                const char *name) PL_MUST_CHECK;
/* Finishes the text; valid until release or the next addition. */
const char *pl_name_list_text(struct pl_context *context, struct pl_name_list *list);
void pl_name_list_release(struct pl_name_list *list);

/* PATTERN=REPLACEMENT: each * of the pattern matches as little as it can, and the n-th * of the
 * replacement stands for what the n-th * of the pattern matched.  A backslash takes away the
 * meaning of the character behind it, '=' included. */
struct pl_rename {
    char *parts[PL_NAME_MAX + 1]; /* the pattern between its stars */
    int part_count;
    char *replacement; /* stars are 1 bytes (\001): names have no control bytes */
};

/* PL_USAGE when the text is no rule. */
enum pl_status pl_rename_parse(struct pl_context *context, struct pl_rename *rename,
                               const char *text) PL_MUST_CHECK;
void pl_rename_release(struct pl_rename *rename);

/* The new name of `name`; *matched = false (and out untouched) where the pattern does not match.
 * PL_BAD_DATA when the new name would be empty or longer than 255 bytes. */
enum pl_status pl_rename_apply(struct pl_context *context, const struct pl_rename *rename,
                               const char *name, char out[PL_NAME_MAX + 1],
                               bool *matched) PL_MUST_CHECK;

#endif
