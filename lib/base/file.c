/* Complete reads and writes, and inputs.
 * SPDX-License-Identifier: MIT */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

enum {
    TRANSFER_MOST = 1 << 30, /* bytes asked of one read or write */
    LOAD_STEP = 1 << 16      /* a loaded file's first buffer when its size is unknown */
};

/* True when a failed read or write is worth repeating: it was interrupted, or the descriptor is
 * set non-blocking (by whoever shares the pipe or terminal) and has become ready. */
static bool try_again(int fd, short events)
{
    if (errno == EINTR) {
        return true;
    }
    if (errno != EAGAIN) {
        return false;
    }
    struct pollfd ready = {.fd = fd, .events = events};
    return poll(&ready, 1, -1) > 0 || errno == EINTR;
}

enum pl_status pl_read_some(struct pl_context *context, int fd, void *bytes, size_t size,
                            size_t *got)
{
    for (;;) {
        ssize_t count = read(fd, bytes, size < TRANSFER_MOST ? size : TRANSFER_MOST);
        if (count >= 0) {
            *got = (size_t)count;
            return PL_OK;
        }
        if (!try_again(fd, POLLIN)) {
            return pl_fail_errno(context, "cannot read");
        }
    }
}

enum pl_status pl_read_at(struct pl_context *context, int fd, void *bytes, size_t size,
                          uint64_t offset, size_t *got)
{
    for (;;) {
        ssize_t count =
            pread(fd, bytes, size < TRANSFER_MOST ? size : TRANSFER_MOST, (off_t)offset);
        if (count >= 0) {
            *got = (size_t)count;
            return PL_OK;
        }
        if (!try_again(fd, POLLIN)) {
            return pl_fail_errno(context, "cannot read");
        }
    }
}

enum pl_status pl_read_full(struct pl_context *context, int fd, void *bytes, size_t size,
                            size_t *got)
{
    *got = 0;
    while (*got < size) {
        size_t count = 0;
        enum pl_status status =
            pl_read_some(context, fd, (char *)bytes + *got, size - *got, &count);
        if (status) {
            return status;
        }
        if (count == 0) {
            break;
        }
        *got += count;
    }
    return PL_OK;
}

enum pl_status pl_write_full(struct pl_context *context, int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t count = write(fd, at, size < TRANSFER_MOST ? size : TRANSFER_MOST);
        if (count >= 0) {
            at += count;
            size -= (size_t)count;
        } else if (!try_again(fd, POLLOUT)) {
            return pl_fail_errno(context, "cannot write");
        }
    }
    return PL_OK;
}

int pl_open(const char *path, int flags, unsigned mode)
{
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC | O_NOCTTY, mode);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

enum pl_status pl_file_unreadable(struct pl_context *context, const struct pl_file *file)
{
    if (file->fd == STDIN_FILENO) {
        return pl_fail_errno(context, "cannot read %s", file->name);
    }
    return pl_fail_errno(context, "cannot read '%s'", file->name);
}

/* Finds out what fd is, and maps a regular file when asked.  A file that cannot be mapped, or
 * claims to be empty (those in /proc do), is left to be read. */
static enum pl_status inspect(struct pl_context *context, struct pl_file *file, bool map)
{
    struct stat entry;
    bool failed = fstat(file->fd, &entry) != 0;
    if (!failed && S_ISDIR(entry.st_mode)) {
        errno = EISDIR;
        failed = true;
    }
    if (failed && file->fd == STDIN_FILENO) {
        return pl_file_unreadable(context, file);
    }
    if (failed) {
        return pl_fail_errno(context, "cannot open '%s'", file->name);
    }
    if (!S_ISREG(entry.st_mode) || entry.st_size <= 0) {
        return PL_OK;
    }
    off_t start = lseek(file->fd, 0, SEEK_CUR);
    if (start < 0) {
        return PL_OK;
    }
    if (map) {
        void *bytes = mmap(NULL, (size_t)entry.st_size, PROT_READ, MAP_PRIVATE, file->fd, 0);
        if (bytes == MAP_FAILED) {
            return PL_OK;
        }
        file->map = bytes;
    }
    file->regular = true;
    file->size = (uint64_t)entry.st_size;
    file->start = (uint64_t)(start < entry.st_size ? start : entry.st_size);
    return PL_OK;
}

enum pl_status pl_file_open(struct pl_context *context, struct pl_file *file, const char *path,
                            bool map)
{
    bool standard = !path || strcmp(path, "-") == 0;
    *file = (struct pl_file){.fd = -1};
    file->name = pl_copy_text(context, standard ? "standard input" : path);
    if (!file->name) {
        return context->status;
    }
    file->fd = standard ? STDIN_FILENO : pl_open(path, O_RDONLY, 0);
    enum pl_status status = file->fd < 0 ? pl_fail_errno(context, "cannot open '%s'", path)
                                         : inspect(context, file, map);
    if (status) {
        pl_file_close(file);
    }
    return status;
}

enum pl_status pl_file_adopt(struct pl_context *context, struct pl_file *file, int fd,
                             const char *name, bool map)
{
    *file = (struct pl_file){.fd = fd};
    file->name = pl_copy_text(context, name);
    enum pl_status status = file->name ? inspect(context, file, map) : context->status;
    if (status) {
        pl_file_close(file);
    }
    return status;
}

void pl_file_close(struct pl_file *file)
{
    if (file->map) {
        munmap((void *)(uintptr_t)file->map, file->size);
    }
    if (file->fd > STDERR_FILENO) {
        close(file->fd);
    }
    free(file->name);
    *file = (struct pl_file){.fd = -1};
}

/* Reads all of an open file into *bytes, whose size is known only at the end. */
static enum pl_status load(struct pl_context *context, const struct pl_file *file, size_t limit,
                           char **bytes, size_t *size)
{
    uint64_t expected = file->regular ? file->size - file->start : LOAD_STEP;
    if (file->regular && expected > limit) {
        return pl_fail(context, PL_BAD_DATA, "longer than %zu bytes", limit);
    }
    size_t capacity = (size_t)expected + 1; /* one more byte shows whether the file ends there */
    for (;;) {
        char *larger = pl_resize(context, *bytes, capacity, 1);
        if (!larger) {
            return context->status;
        }
        *bytes = larger;
        size_t got;
        enum pl_status status =
            pl_read_full(context, file->fd, larger + *size, capacity - *size, &got);
        if (status) {
            return status;
        }
        *size += got;
        if (*size > limit) {
            return pl_fail(context, PL_BAD_DATA, "longer than %zu bytes", limit);
        }
        if (*size < capacity) {
            larger[*size] = '\0';
            return PL_OK;
        }
        if (!pl_mul_size(capacity, 2, &capacity)) {
            return pl_fail(context, PL_SYSTEM, "out of memory: %zu bytes", *size);
        }
    }
}

enum pl_status pl_file_load(struct pl_context *context, const char *path, size_t limit,
                            char **bytes, size_t *size)
{
    *bytes = NULL;
    *size = 0;
    struct pl_file file;
    enum pl_status status = pl_file_open(context, &file, path, false);
    if (status) {
        return status;
    }
    status = load(context, &file, limit, bytes, size);
    if (status) {
        pl_fail_at(context, "%s", file.name);
        free(*bytes);
        *bytes = NULL;
        *size = 0;
    }
    pl_file_close(&file);
    return status;
}

bool pl_file_same(const char *path, const char *other)
{
    struct stat one, two;
    if (strcmp(path, other) == 0)
        return true;
    return stat(path, &one) == 0 && stat(other, &two) == 0 && one.st_dev == two.st_dev &&
           one.st_ino == two.st_ino;
}
