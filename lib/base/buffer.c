/* A growing run of bytes.
 * SPDX-License-Identifier: MIT */
#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { CAPACITY_LEAST = 64 };

enum pl_status pl_buffer_reserve(struct pl_context *context, struct pl_buffer *buffer, size_t more)
{
    size_t need;
    if (!pl_add_size(buffer->size, more, &need) || !pl_add_size(need, 1, &need)) {
        return pl_fail(context, PL_SYSTEM, "out of memory: %zu bytes more", more);
    }
    if (need <= buffer->capacity) {
        return PL_OK;
    }
    size_t capacity = buffer->capacity + buffer->capacity / 2; /* blocks are < SIZE_MAX / 2 */
    capacity = capacity > CAPACITY_LEAST ? capacity : CAPACITY_LEAST;
    capacity = capacity > need ? capacity : need;
    char *data = pl_resize(context, buffer->data, capacity, 1);
    if (!data) {
        return context->status;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    data[buffer->size] = '\0';
    return PL_OK;
}

enum pl_status pl_buffer_append(struct pl_context *context, struct pl_buffer *buffer,
                                const void *bytes, size_t size)
{
    enum pl_status status = pl_buffer_reserve(context, buffer, size);
    if (status) {
        return status;
    }
    if (size) {
        memcpy(buffer->data + buffer->size, bytes, size);
        buffer->size += size;
    }
    buffer->data[buffer->size] = '\0';
    return PL_OK;
}

enum pl_status pl_buffer_text(struct pl_context *context, struct pl_buffer *buffer,
                              const char *text)
{
    return pl_buffer_append(context, buffer, text, strlen(text));
}

enum pl_status pl_buffer_printf(struct pl_context *context, struct pl_buffer *buffer,
                                const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    enum pl_status status = length < 0 ? pl_fail_errno(context, "cannot format text")
                                       : pl_buffer_reserve(context, buffer, (size_t)length);
    if (!status) {
        vsnprintf(buffer->data + buffer->size, (size_t)length + 1, format, again);
        buffer->size += (size_t)length;
    }
    va_end(again);
    return status;
}

void pl_buffer_release(struct pl_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct pl_buffer){0};
}
