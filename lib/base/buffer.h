/* A growing run of bytes: text under construction, a record being read from a pipe.
 * SPDX-License-Identifier: MIT */
#ifndef PL_BASE_BUFFER_H
#define PL_BASE_BUFFER_H

#include <stddef.h>

#include "base/context.h"

struct pl_buffer {
    char *data; /* NUL-terminated after every append; NULL before the first */
    size_t size;
    size_t capacity;
};

/* All but release return PL_OK or PL_SYSTEM (memory). */
enum pl_status pl_buffer_reserve(struct pl_context *context, struct pl_buffer *buffer,
                                 size_t more) PL_MUST_CHECK;
enum pl_status pl_buffer_append(struct pl_context *context, struct pl_buffer *buffer,
                                const void *bytes, size_t size) PL_MUST_CHECK;
enum pl_status pl_buffer_text(struct pl_context *context, struct pl_buffer *buffer,
                              const char *text) PL_MUST_CHECK;
enum pl_status pl_buffer_printf(struct pl_context *context, struct pl_buffer *buffer,
                                const char *format, ...) PL_PRINTF(3, 4) PL_MUST_CHECK;
void pl_buffer_release(struct pl_buffer *buffer);

#endif
