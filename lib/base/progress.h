/* Progress of a long job on a terminal, or a line now and then in a log.
 * SPDX-License-Identifier: MIT
 *
 * The library counts; a tool that wants to show the count sets `show`.  At most five times a
 * second, and never before two seconds have passed (every minute when not on a terminal). */
#ifndef PL_BASE_PROGRESS_H
#define PL_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct pl_progress {
    const char *what; /* "reading", "epoch 3" */
    const char *unit; /* "B" (shown with binary prefixes), "windows" */
    uint64_t total;   /* 0: unknown */
    uint64_t done;
    bool quiet;
    double started, shown; /* seconds; kept by the functions */
    char note[64];         /* free text behind the figures: the loss */
};

double pl_seconds(void); /* of a clock that only goes forward */

void pl_progress_start(struct pl_progress *progress, const char *what, const char *unit,
                       uint64_t total);
void pl_progress_add(struct pl_progress *progress, uint64_t done);

#define PL_PROGRESS_SIZE 224

/* True when a line is due; it is left in line (no newline).  The caller prints it. */
bool pl_progress_line(struct pl_progress *progress, bool terminal, char line[PL_PROGRESS_SIZE]);

#endif
