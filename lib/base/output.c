/* Files that appear whole or not at all, temporary files, and locks.
 * SPDX-License-Identifier: MIT */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

enum {
    LINKS_MOST = 40,      /* symbolic links followed before it must be a loop */
    TEMPORARIES_MOST = 16 /* outputs open at a time */
};

static const char *temporary_folder(void)
{
    static const char *const names[] = {"PLUMBLINE_TMPDIR", "TMPDIR"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *folder = getenv(names[i]);
        if (folder && *folder) {
            return folder;
        }
    }
    return "/tmp";
}

/* 64 random bits: a name made of them is not taken. */
static uint64_t random_bits(void)
{
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits) {
        bits = (uint64_t)getpid() << 32 ^ (uint64_t)(uintptr_t)&bits;
    }
    return bits;
}

enum pl_status pl_file_temporary(struct pl_context *context, int *fd)
{
    const char *folder = temporary_folder();
    *fd = pl_open(folder, O_TMPFILE | O_RDWR, 0600);
    if (*fd < 0) { /* a file system without O_TMPFILE, or a real failure */
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/plumbline-%016llx", folder,
                 (unsigned long long)random_bits());
        *fd = pl_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
        if (*fd >= 0) {
            unlink(path);
        }
    }
    if (*fd < 0) {
        return pl_fail_errno(context, "cannot make a temporary file in '%s' (set PLUMBLINE_TMPDIR)",
                             folder);
    }
    return PL_OK;
}

enum pl_status pl_file_temporary_write(struct pl_context *context, int fd, const void *bytes,
                                       size_t size)
{
    enum pl_status status = pl_write_full(context, fd, bytes, size);
    return status ? pl_fail_at(context, "temporary file (set PLUMBLINE_TMPDIR)") : PL_OK;
}

/* The temporaries that a signal handler must remove: the library's only global state, since a
 * handler has no context. */
static _Atomic(char *) temporaries[TEMPORARIES_MOST];

static bool remember(char *path)
{
    for (int i = 0; i < TEMPORARIES_MOST; i++) {
        char *empty = NULL;
        if (atomic_compare_exchange_strong(&temporaries[i], &empty, path)) {
            return true;
        }
    }
    return false;
}

static void forget(char *path)
{
    for (int i = 0; i < TEMPORARIES_MOST; i++) {
        char *same = path;
        if (atomic_compare_exchange_strong(&temporaries[i], &same, NULL)) {
            return;
        }
    }
}

void pl_output_cleanup(void)
{
    for (int i = 0; i < TEMPORARIES_MOST; i++) {
        char *path = atomic_load(&temporaries[i]);
        if (path) {
            unlink(path);
        }
    }
}

static bool is_standard_output(const char *path)
{
    static const char *const names[] = {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"};
    for (size_t i = 0; path && i < sizeof names / sizeof *names; i++) {
        if (strcmp(path, names[i]) == 0) {
            return true;
        }
    }
    return !path;
}

/* Length of the folder part of a path, with its last slash. */
static int folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (int)(slash - path + 1) : 0;
}

/* Follows symbolic links, also one that points to a file still to be made. */
static enum pl_status follow_links(struct pl_context *context, char path[PATH_MAX])
{
    char target[PATH_MAX], joined[2 * PATH_MAX];
    for (int links = 0; links < LINKS_MOST; links++) {
        ssize_t length = readlink(path, target, sizeof target - 1);
        if (length < 0) {
            return PL_OK; /* not a link, or absent */
        }
        target[length] = '\0';
        int folder = target[0] == '/' ? 0 : folder_length(path);
        int joint = snprintf(joined, sizeof joined, "%.*s%s", folder, path, target);
        if (joint < 0 || joint >= PATH_MAX) {
            errno = ENAMETOOLONG;
            return pl_fail_errno(context, "cannot write '%s'", path);
        }
        memcpy(path, joined, (size_t)joint + 1);
    }
    errno = ELOOP;
    return pl_fail_errno(context, "cannot write '%s'", path);
}

/* A file that takes the place of another gets its permissions, and its owner if we may. */
static enum pl_status copy_permissions(struct pl_context *context, struct pl_output *output,
                                       const struct stat *old)
{
    if (old->st_uid != geteuid() || old->st_gid != getegid()) {
        int ignored = fchown(output->fd, old->st_uid, old->st_gid);
        (void)ignored; /* only root may give files away; ours is then ours */
    }
    if (fchmod(output->fd, old->st_mode & 0777) != 0) {
        return pl_fail_errno(context, "cannot set the permissions of '%s'", output->path);
    }
    return PL_OK;
}

/* Opens a temporary beside output->path; old is the file it will replace, NULL when none. */
static enum pl_status open_temporary(struct pl_context *context, struct pl_output *output,
                                     const struct stat *old)
{
    const char *path = output->path;
    int folder = folder_length(path);
    char name[PATH_MAX + 64];
    snprintf(name, sizeof name, "%.*s.%.200s.%016llx.tmp", folder, path, path + folder,
             (unsigned long long)random_bits());
    output->temporary = pl_copy_text(context, name);
    if (!output->temporary) {
        return context->status;
    }
    /* Listed before it exists: a signal in between unlinks a name that nobody else has. */
    if (!remember(output->temporary)) {
        free(output->temporary);
        output->temporary = NULL;
        return pl_fail(context, PL_SYSTEM, "cannot write '%s': %d outputs are open already", path,
                       TEMPORARIES_MOST);
    }
    output->fd = pl_open(output->temporary, O_WRONLY | O_CREAT | O_EXCL, old ? 0600 : 0666);
    if (output->fd < 0) {
        return pl_fail_errno(context, "cannot write '%s'", path);
    }
    return old ? copy_permissions(context, output, old) : PL_OK;
}

static enum pl_status open_path(struct pl_context *context, struct pl_output *output,
                                const char *path)
{
    char followed[PATH_MAX];
    struct stat entry;
    bool exists = stat(path, &entry) == 0;
    bool regular = exists && S_ISREG(entry.st_mode);
    if (strlen(path) >= sizeof followed) {
        errno = ENAMETOOLONG;
        return pl_fail_errno(context, "cannot write '%.100s...'", path);
    }
    memcpy(followed, path, strlen(path) + 1);
    if (!exists || regular) {
        enum pl_status status = follow_links(context, followed);
        if (status) {
            return status;
        }
    }
    output->path = pl_copy_text(context, followed);
    if (!output->path) {
        return context->status;
    }
    if (exists && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0) {
        return pl_fail_errno(context, "cannot write '%s'", path);
    }
    if (!exists || regular) {
        return open_temporary(context, output, regular ? &entry : NULL);
    }
    output->fd = pl_open(path, O_WRONLY, 0);
    return output->fd < 0 ? pl_fail_errno(context, "cannot write '%s'", path) : PL_OK;
}

enum pl_status pl_output_open(struct pl_context *context, struct pl_output *output,
                              const char *path)
{
    *output = (struct pl_output){.fd = STDOUT_FILENO};
    if (is_standard_output(path)) {
        return PL_OK;
    }
    output->fd = -1;
    enum pl_status status = open_path(context, output, path);
    if (status) {
        pl_output_abort(output);
    }
    return status;
}

bool pl_output_replaces(const char *path)
{
    struct stat entry;
    return !is_standard_output(path) && (stat(path, &entry) != 0 || S_ISREG(entry.st_mode));
}

/* Makes a rename in the path's folder last.  Folders that cannot be opened or synced are let be:
 * the file is there, and was synced itself. */
static void sync_folder(const char *path)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", folder_length(path), path);
    int fd = pl_open(*folder ? folder : ".", O_RDONLY | O_DIRECTORY, 0);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

enum pl_status pl_output_write(struct pl_context *context, const struct pl_output *output,
                               const void *bytes, size_t size)
{
    if (pl_write_full(context, output->fd, bytes, size) == PL_OK) {
        return PL_OK;
    }
    return output->path ? pl_fail_errno(context, "cannot write '%s'", output->path)
                        : pl_fail_errno(context, "cannot write standard output");
}

static enum pl_status finish(struct pl_context *context, struct pl_output *output)
{
    int fd = output->fd;
    if (output->temporary && fsync(fd) != 0 && errno != EINVAL) {
        return pl_fail_errno(context, "cannot write '%s'", output->path);
    }
    output->fd = -1;
    if (close(fd) != 0 && errno != EINTR) {
        return pl_fail_errno(context, "cannot write '%s'", output->path);
    }
    if (output->temporary && rename(output->temporary, output->path) != 0) {
        return pl_fail_errno(context, "cannot write '%s'", output->path);
    }
    return PL_OK;
}

enum pl_status pl_output_commit(struct pl_context *context, struct pl_output *output)
{
    if (!output->path) {
        return PL_OK; /* standard output is the tool's to check */
    }
    enum pl_status status = finish(context, output);
    if (!status && output->temporary) {
        forget(output->temporary);
        sync_folder(output->path);
        free(output->temporary);
        output->temporary = NULL;
    }
    pl_output_abort(output);
    return status;
}

void pl_output_abort(struct pl_output *output)
{
    if (output->path && output->fd >= 0) {
        close(output->fd);
    }
    if (output->temporary) {
        unlink(output->temporary);
        forget(output->temporary);
        free(output->temporary);
    }
    free(output->path);
    *output = (struct pl_output){.fd = -1};
}

enum pl_status pl_lock_take(struct pl_context *context, const char *path)
{
    int fd = pl_open(path, O_RDWR | O_CREAT, 0666);
    if (fd < 0) {
        return pl_fail_errno(context, "cannot open lock '%s'", path);
    }
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) {
            continue;
        }
        if (errno == EWOULDBLOCK) {
            close(fd);
            return pl_fail(context, PL_LOCKED, "lock '%s' is held by another process", path);
        }
        pl_fail_errno(context, "cannot lock '%s'", path);
        close(fd);
        return PL_SYSTEM;
    }
    return PL_OK; /* fd stays open: it is the lock, and goes with the process */
}
