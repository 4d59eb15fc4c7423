/* The caller's context: where a failing function leaves its message, and where warnings go.
 * SPDX-License-Identifier: MIT
 *
 * The library never prints and never exits.  Every function that can fail takes a context first
 * and returns a pl_status (or NULL); the message, made of "place: what: likely fix", stays in the
 * context until the tool prints it, once.  A context belongs to one thread at a time; parallel
 * work gives each block its own (see parallel.h). */
#ifndef PL_BASE_CONTEXT_H
#define PL_BASE_CONTEXT_H

#include <stdarg.h>
#include <stddef.h>

/* What a function returns and, unchanged, what a tool exits with. */
enum pl_status {
    PL_OK = 0,
    PL_NO = 1,         /* a negative answer: the inputs differ, the file is bad */
    PL_USAGE = 2,      /* options or operands are wrong */
    PL_BAD_DATA = 3,   /* the input is not what it should be */
    PL_INCOMPLETE = 4, /* the input stops before its end record, or its writer failed */
    PL_SYSTEM = 5,     /* input/output, memory, anything the system refused */
    PL_NUMERIC = 6,    /* diverged, singular */
    PL_LOCKED = 7      /* another process holds the lock */
};

#define PL_MESSAGE_SIZE  1024
#define PL_UPSTREAM_SIZE 2048 /* holds any error record with a message of PL_MESSAGE_SIZE */

struct pl_context {
    enum pl_status status;         /* of the last failure; PL_OK before any */
    char message[PL_MESSAGE_SIZE]; /* of the last failure, without the tool's name */
    void (*warn)(void *user, const char *message); /* NULL: warnings are dropped */
    void *user;                                    /* handed to warn */
    /* The error record of a stream, if the last failure was that its writer told of one: whoever
     * stops because of it hands it on unchanged (stream/writer.h). */
    char upstream[PL_UPSTREAM_SIZE];
    size_t upstream_size; /* 0: the failure was our own */
    int threads;          /* most threads to use; 0: one per core */
    int slot; /* inside a block of parallel work: which thread runs it, see parallel.h */
};

#if defined(__GNUC__)
#define PL_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define PL_MUST_CHECK          __attribute__((warn_unused_result))
#else
#define PL_PRINTF(text, first)
#define PL_MUST_CHECK
#endif

/* Records a failure and returns its status, so that `return pl_fail(...)` reads as one step. */
enum pl_status pl_fail(struct pl_context *context, enum pl_status status, const char *format, ...)
    PL_PRINTF(3, 4);

/* As pl_fail with PL_SYSTEM, and ": " with the text of errno behind the message. */
enum pl_status pl_fail_errno(struct pl_context *context, const char *format, ...) PL_PRINTF(2, 3);

/* Puts "place: " in front of the recorded message; returns the recorded status.  Callers add what
 * they know on the way up: the parser says what, the reader adds the line, the opener the file. */
enum pl_status pl_fail_at(struct pl_context *context, const char *format, ...) PL_PRINTF(2, 3);

/* Sends one line (no newline) to the context's warn hook. */
void pl_warn(struct pl_context *context, const char *format, ...) PL_PRINTF(2, 3);

#endif
