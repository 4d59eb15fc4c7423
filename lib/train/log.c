/* The log of a training: see log.h.
 * SPDX-License-Identifier: MIT */
#include "train/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"

static const char head[] = "step,units,loss,valid_loss,rate,norm,seconds\n";

/* Bytes of text up to the first row of a step behind the given one; a row that was cut short by a
 * crash ends there too. */
static size_t kept(const char *text, size_t size, int64_t step)
{
    const char *row = text, *end = text + size, *line_end;
    for (; (line_end = memchr(row, '\n', (size_t)(end - row))); row = line_end + 1)
        if (row > text && strtoll(row, NULL, 10) > step)
            break;
    return (size_t)(row - text);
}

/* How much of the file stays: its rows up to `step`, none of step 0.  A file of anything else is
 * somebody's, and left alone. */
static enum pl_status keep(struct pl_context *context, const struct pl_train_log *log, int64_t step,
                           size_t *size)
{
    char *text = NULL;
    if (pl_file_load(context, log->path, (size_t)1 << 32, &text, size))
        return context->status;
    const size_t shared = *size < sizeof head - 1 ? *size : sizeof head - 1;
    const bool ours = memcmp(text, head, shared) == 0;
    *size = step > 0 && shared == sizeof head - 1 ? kept(text, *size, step) : 0;
    free(text);
    return ours
               ? PL_OK
               : pl_fail(context, PL_BAD_DATA, "is not the log of a training and is left as it is");
}

static enum pl_status begin(struct pl_context *context, const struct pl_train_log *log,
                            int64_t step)
{
    struct stat status;
    size_t size = 0;
    if (fstat(log->fd, &status) != 0)
        return pl_fail_errno(context, "cannot go on with it");
    if (S_ISREG(status.st_mode)) { /* a pipe or device has no rows to go on behind */
        if (keep(context, log, step, &size))
            return context->status;
        if (ftruncate(log->fd, (off_t)size) != 0 || lseek(log->fd, 0, SEEK_END) < 0)
            return pl_fail_errno(context, "cannot go on with it");
    }
    return size ? PL_OK : pl_write_full(context, log->fd, head, sizeof head - 1);
}

enum pl_status pl_train_log_open(struct pl_context *context, struct pl_train_log *log,
                                 const char *path, int64_t step)
{
    *log = (struct pl_train_log){.fd = -1, .path = path};
    if (!path)
        return PL_OK;
    log->fd = pl_open(path, O_WRONLY | O_CREAT, 0666);
    if (log->fd < 0)
        return pl_fail_errno(context, "cannot open '%s'", path);
    return begin(context, log, step) ? pl_fail_at(context, "%s", path) : PL_OK;
}

enum pl_status pl_train_log_add(struct pl_context *context, const struct pl_train_log *log,
                                const struct pl_train_row *row)
{
    char line[256], validation[32] = "";
    if (log->fd < 0)
        return PL_OK;
    if (!isnan(row->validation))
        snprintf(validation, sizeof validation, "%.6g", row->validation);
    int size =
        snprintf(line, sizeof line, "%" PRId64 ",%" PRId64 ",%.6g,%s,%.6g,%.6g,%.3f\n", row->step,
                 row->units, row->loss, validation, row->rate, row->norm, row->seconds);
    if (pl_write_full(context, log->fd, line, (size_t)size))
        return pl_fail_at(context, "%s", log->path);
    return PL_OK;
}

void pl_train_log_close(struct pl_train_log *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}
