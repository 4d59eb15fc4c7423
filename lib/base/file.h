/* Files that appear whole or not at all, complete reads and writes, and locks.
 * SPDX-License-Identifier: MIT */
#ifndef PL_BASE_FILE_H
#define PL_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"

/* Reads until size bytes came or the input ended (*got < size); retries short reads and EINTR. */
enum pl_status pl_read_full(struct pl_context *context, int fd, void *bytes, size_t size,
                            size_t *got) PL_MUST_CHECK;
/* What one read gives, as soon as there is something: *got is 0 only at the end of the input. */
enum pl_status pl_read_some(struct pl_context *context, int fd, void *bytes, size_t size,
                            size_t *got) PL_MUST_CHECK;
/* The same at an offset of a regular file, whose own offset stays. */
enum pl_status pl_read_at(struct pl_context *context, int fd, void *bytes, size_t size,
                          uint64_t offset, size_t *got) PL_MUST_CHECK;
enum pl_status pl_write_full(struct pl_context *context, int fd, const void *bytes,
                             size_t size) PL_MUST_CHECK;

/* open(2), close-on-exec, again after EINTR; no terminal becomes the controlling one.  -1 and
 * errno on failure. */
int pl_open(const char *path, int flags, unsigned mode);

/* An input: "-" or NULL is standard input.  A regular file is mapped, anything else is not; so is
 * none that cannot be mapped or is empty (files in /proc say that they are): read those. */
struct pl_file {
    int fd;
    char *name;         /* for messages: the path, or "standard input" */
    bool regular;       /* size and map are valid */
    uint64_t size;      /* of a regular file */
    const uint8_t *map; /* the whole regular file, read-only, from offset 0 */
    uint64_t start;     /* where reading starts: a regular file on stdin may be part read */
};

/* map = false leaves a regular file unmapped (to be read with read(2)). */
enum pl_status pl_file_open(struct pl_context *context, struct pl_file *file, const char *path,
                            bool map) PL_MUST_CHECK;
/* The same for a descriptor that is open already; pl_file_close closes it, here also on failure. */
enum pl_status pl_file_adopt(struct pl_context *context, struct pl_file *file, int fd,
                             const char *name, bool map) PL_MUST_CHECK;
void pl_file_close(struct pl_file *file);

/* The failure of a read that just set errno: "cannot read 'x': Input/output error". */
enum pl_status pl_file_unreadable(struct pl_context *context, const struct pl_file *file);

/* The whole of a small file (at most limit bytes), NUL behind; PL_BAD_DATA when it is longer. */
enum pl_status pl_file_load(struct pl_context *context, const char *path, size_t limit,
                            char **bytes, size_t *size) PL_MUST_CHECK;

/* Whether the names are equal, there or not, or both of one file. */
bool pl_file_same(const char *path, const char *other);

/* An unlinked temporary file in $PLUMBLINE_TMPDIR, $TMPDIR or /tmp, read-write. */
enum pl_status pl_file_temporary(struct pl_context *context, int *fd) PL_MUST_CHECK;

/* All of bytes at the position of such a file; the failure names it, and the variable. */
enum pl_status pl_file_temporary_write(struct pl_context *context, int fd, const void *bytes,
                                       size_t size) PL_MUST_CHECK;

/* An output: "-" or NULL is standard output.  A path that is absent or a regular file is written
 * to a temporary file beside it (O_EXCL) that commit syncs and renames over the path; a symbolic
 * link is followed first; FIFOs and devices are written directly.  The temporary's name is listed
 * where pl_output_cleanup, which is async-signal-safe, finds it. */
struct pl_output {
    int fd;
    char *path;      /* NULL for standard output */
    char *temporary; /* NULL when written directly */
};

enum pl_status pl_output_open(struct pl_context *context, struct pl_output *output,
                              const char *path) PL_MUST_CHECK;
/* Whether an output to path, a file or none yet, takes its place whole. */
bool pl_output_replaces(const char *path);
/* The failure names the output: "cannot write 'x': No space left on device". */
enum pl_status pl_output_write(struct pl_context *context, const struct pl_output *output,
                               const void *bytes, size_t size) PL_MUST_CHECK;
enum pl_status pl_output_commit(struct pl_context *context, struct pl_output *output) PL_MUST_CHECK;
void pl_output_abort(struct pl_output *output); /* harmless after commit */
void pl_output_cleanup(void);                   /* unlinks all open temporaries */

/* Takes an advisory lock for the life of the process (the file is made when absent and stays);
 * PL_LOCKED at once when another process holds it. */
enum pl_status pl_lock_take(struct pl_context *context, const char *path) PL_MUST_CHECK;

#endif
