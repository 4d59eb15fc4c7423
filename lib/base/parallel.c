/* Blocks of work over threads (OpenMP).
 * SPDX-License-Identifier: MIT
 *
 * Blocks are handed out one by one in item order.  Once block i failed, blocks after i are
 * skipped, but all before it still run: which failure is reported does not depend on timing. */
#include "base/parallel.h"

#include <omp.h>
#include <string.h>

enum { THREADS_MOST = 256 };

int pl_parallel_threads(const struct pl_context *context)
{
    int threads = context->threads > 0 ? context->threads : omp_get_num_procs();
    return threads < THREADS_MOST ? threads : THREADS_MOST;
}

/* The warn hook of a block's context: one warning at a time reaches the caller's hook. */
static void warn_caller(void *user, const char *message)
{
    struct pl_context *caller = user;
#pragma omp critical(pl_parallel_warn)
    caller->warn(caller->user, message);
}

enum pl_status pl_parallel(struct pl_context *context, int64_t count, pl_block_fn *block, void *job)
{
    int threads = pl_parallel_threads(context);
    if (threads > count) {
        threads = (int)count;
    }
    if (threads <= 1) {
        enum pl_status status = PL_OK;
        int slot = context->slot; /* of the caller, which may be a block itself */
        context->slot = 0;
        for (int64_t item = 0; item < count && !status; item++) {
            status = block(context, job, item);
        }
        context->slot = slot;
        return status;
    }
    int64_t failed = count; /* the lowest block that failed so far */
    enum pl_status failure = PL_OK;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (int64_t item = 0; item < count; item++) {
        int64_t stop;
#pragma omp atomic read
        stop = failed;
        if (item > stop) {
            continue;
        }
        /* threads = 1: a block that calls pl_parallel runs it in its own thread */
        struct pl_context own;
        own.status = PL_OK;
        own.message[0] = '\0';
        own.upstream_size = 0;
        own.warn = context->warn ? warn_caller : NULL;
        own.user = context;
        own.threads = 1;
        own.slot = omp_get_thread_num();
        enum pl_status status = block(&own, job, item);
        if (status) {
#pragma omp critical(pl_parallel_fail)
            if (item < failed) {
#pragma omp atomic write
                failed = item;
                failure = status;
                context->status = own.status;
                memcpy(context->message, own.message, sizeof own.message);
                memcpy(context->upstream, own.upstream, own.upstream_size);
                context->upstream_size = own.upstream_size;
            }
        }
    }
    return failure;
}
