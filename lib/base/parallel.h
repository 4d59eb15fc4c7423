/* Blocks of work over threads.
 * SPDX-License-Identifier: MIT */
#ifndef PL_BASE_PARALLEL_H
#define PL_BASE_PARALLEL_H

#include <stdint.h>

#include "base/context.h"

/* One block of the work; item counts from 0.  The context is the block's own. */
typedef enum pl_status pl_block_fn(struct pl_context *context, void *job, int64_t item);

/* Runs block(job, 0..count-1) on up to context->threads threads and returns the failure of the
 * lowest-numbered block that failed.  The blocks must not depend on the number of threads; sums
 * over them are joined by the caller in item order, so that a result is the same for any -j. */
enum pl_status pl_parallel(struct pl_context *context, int64_t count, pl_block_fn *block,
                           void *job) PL_MUST_CHECK;

/* The same on `threads` of them at most, for work that is not worth waking all. */
enum pl_status pl_parallel_limit(struct pl_context *context, int threads, int64_t count,
                                 pl_block_fn *block, void *job) PL_MUST_CHECK;

/* Most threads that pl_parallel would use.  A block's context->slot is below it and below the
 * number of blocks, and no two blocks run at the same time with the same slot: working memory is
 * taken once per slot, before.  What a block computes must not depend on its slot. */
int pl_parallel_threads(const struct pl_context *context);

#endif
