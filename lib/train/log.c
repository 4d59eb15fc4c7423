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

static enum pl_status go_on(struct pl_context *context, struct pl_train_log *log, int64_t step)
{
    char *text = NULL;
    size_t size = 0;
    struct stat status;
    if (fstat(log->fd, &status) != 0)
        return pl_fail_errno(context, "cannot go on with '%s'", log->path);
    if (!S_ISREG(status.st_mode)) /* a pipe or device has no rows to go on behind */
        return pl_write_full(context, log->fd, head, sizeof head - 1);
    if (pl_file_load(context, log->path, (size_t)1 << 32, &text, &size))
        return context->status;
    size = size < sizeof head - 1 || memcmp(text, head, sizeof head - 1) != 0
               ? 0
               : kept(text, size, step);
    free(text);
    if (ftruncate(log->fd, (off_t)size) != 0 || lseek(log->fd, 0, SEEK_END) < 0)
        return pl_fail_errno(context, "cannot go on with '%s'", log->path);
    return size ? PL_OK : pl_write_full(context, log->fd, head, sizeof head - 1);
}

enum pl_status pl_train_log_open(struct pl_context *context, struct pl_train_log *log,
                                 const char *path, int64_t step)
{
    *log = (struct pl_train_log){.fd = -1, .path = path};
    if (!path)
        return PL_OK;
    log->fd = pl_open(path, O_WRONLY | O_CREAT | (step == 0 ? O_TRUNC : 0), 0666);
    if (log->fd < 0)
        return pl_fail_errno(context, "cannot open '%s'", path);
    enum pl_status status = step == 0 ? pl_write_full(context, log->fd, head, sizeof head - 1)
                                      : go_on(context, log, step);
    if (status)
        return pl_fail_at(context, "%s", path);
    return PL_OK;
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
