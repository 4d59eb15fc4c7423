/* Failures and warnings on their way to whoever asked.
 * SPDX-License-Identifier: MIT
 *
 * Messages quote names and cells from hostile files.  Control bytes become '?' here, once, so that
 * a message is always one line and cannot command a terminal. */
#include "base/context.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void replace_controls(char *text)
{
    for (unsigned char *byte = (unsigned char *)text; *byte; byte++) {
        if (*byte < 0x20 || *byte == 0x7f) {
            *byte = '?';
        }
    }
}

/* Formats into a message; an overlong one ends in "...". */
static void format_message(char message[PL_MESSAGE_SIZE], const char *format, va_list arguments)
{
    int length = vsnprintf(message, PL_MESSAGE_SIZE, format, arguments);
    if (length < 0) {
        message[0] = '\0';
    } else if (length >= PL_MESSAGE_SIZE) {
        memcpy(message + PL_MESSAGE_SIZE - 4, "...", 4);
    }
    replace_controls(message);
}

/* Joins two parts into the context's message; the parts may have come from it. */
static void record(struct pl_context *context, const char *first, const char *second)
{
    char joined[2 * PL_MESSAGE_SIZE + 4];
    snprintf(joined, sizeof joined, "%s: %s", first, second);
    size_t length = strlen(joined);
    if (length >= PL_MESSAGE_SIZE) {
        length = PL_MESSAGE_SIZE - 1;
        memcpy(joined + length - 3, "...", 4);
    }
    memcpy(context->message, joined, length + 1);
}

enum pl_status pl_fail(struct pl_context *context, enum pl_status status, const char *format, ...)
{
    char message[PL_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    format_message(message, format, arguments);
    va_end(arguments);
    memcpy(context->message, message, strlen(message) + 1);
    context->status = status;
    context->upstream_size = 0;
    return status;
}

enum pl_status pl_fail_errno(struct pl_context *context, const char *format, ...)
{
    const char *reason = strerrordesc_np(errno); /* thread-safe, not translated */
    char message[PL_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    format_message(message, format, arguments);
    va_end(arguments);
    record(context, message, reason ? reason : "unknown system error");
    context->status = PL_SYSTEM;
    context->upstream_size = 0;
    return PL_SYSTEM;
}

enum pl_status pl_fail_at(struct pl_context *context, const char *format, ...)
{
    char place[PL_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    format_message(place, format, arguments);
    va_end(arguments);
    record(context, place, context->message);
    return context->status;
}

void pl_warn(struct pl_context *context, const char *format, ...)
{
    if (!context->warn) {
        return;
    }
    char message[PL_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    format_message(message, format, arguments);
    va_end(arguments);
    context->warn(context->user, message);
}
