/* The threads behind parallel.h.
 * SPDX-License-Identifier: MIT */
#ifndef PL_BASE_TEAM_H
#define PL_BASE_TEAM_H

/* Cores that this process may run on. */
int pl_team_cores(void);

/* Runs work(job, 0) on the calling thread and work(job, slot) on up to threads - 1 others, each
 * with a slot of its own below threads; returns when all that began have returned.  How many others
 * join in, none perhaps, is not told: work must be taken from a common heap. */
void pl_team_run(int threads, void (*work)(void *job, int slot), void *job);

#endif
