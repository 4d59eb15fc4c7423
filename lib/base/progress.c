/* Progress of a long job.
 * SPDX-License-Identifier: MIT */
#include "base/progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/number.h"

double pl_seconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void pl_progress_start(struct pl_progress *progress, const char *what, const char *unit,
                       uint64_t total)
{
    bool quiet = progress->quiet;
    *progress = (struct pl_progress){.what = what, .unit = unit, .total = total, .quiet = quiet};
    progress->started = pl_seconds();
    progress->shown = progress->started;
}

void pl_progress_add(struct pl_progress *progress, uint64_t done)
{
    progress->done += done;
}

static void format_count(char out[PL_NUMBER_SIZE], double count, const char *unit)
{
    if (strcmp(unit, "B") == 0) {
        pl_format_bytes(out, (uint64_t)fmin(count, 0x1p63));
    } else {
        snprintf(out, PL_NUMBER_SIZE,
                 count < 10 && count != floor(count) ? "%.1f %.12s" : "%.0f %.12s", count, unit);
    }
}

/* "reading: 1.2 GiB of 4.0 GiB (30 %), 250.0 MiB/s, 0:12 left, loss 0.31" */
static void describe(const struct pl_progress *progress, double elapsed,
                     char line[PL_PROGRESS_SIZE])
{
    char done[PL_NUMBER_SIZE], total[PL_NUMBER_SIZE + 16] = "", left[24] = "";
    char rate_text[PL_NUMBER_SIZE];
    double rate = (double)progress->done / elapsed;
    format_count(done, (double)progress->done, progress->unit);
    format_count(rate_text, rate, progress->unit);
    if (progress->total > 0 && progress->done <= progress->total) {
        char count[PL_NUMBER_SIZE];
        format_count(count, (double)progress->total, progress->unit);
        snprintf(total, sizeof total, " of %s (%.0f %%)", count,
                 100 * (double)progress->done / (double)progress->total);
        double seconds = (double)(progress->total - progress->done) / rate;
        if (seconds < 360000) {
            int whole = (int)seconds;
            snprintf(left, sizeof left, whole < 3600 ? ", %d:%02d left" : ", %d h %02d min left",
                     whole < 3600 ? whole / 60 : whole / 3600,
                     whole < 3600 ? whole % 60 : whole / 60 % 60);
        }
    }
    snprintf(line, PL_PROGRESS_SIZE, "%.24s: %s%s, %s/s%s%s%.40s", progress->what, done, total,
             rate_text, left, *progress->note ? ", " : "", progress->note);
}

bool pl_progress_line(struct pl_progress *progress, bool terminal, char line[PL_PROGRESS_SIZE])
{
    if (progress->quiet || progress->started == 0) {
        return false;
    }
    double time = pl_seconds(), elapsed = time - progress->started;
    if (terminal ? elapsed < 2 || time - progress->shown < 0.2 : time - progress->shown < 60) {
        return false;
    }
    progress->shown = time;
    describe(progress, elapsed, line);
    return true;
}
