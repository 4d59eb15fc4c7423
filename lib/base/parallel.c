/* Blocks of work over threads.
 * SPDX-License-Identifier: MIT
 *
 * Blocks are handed out one by one in item order.  Once block i failed, blocks after i are
 * skipped, but all before it still run: which failure is reported does not depend on timing. */
#include "base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/team.h"

enum { THREADS_MOST = 256 };

/* What the threads of one call share. */
struct blocks {
    struct pl_context *caller;
    pl_block_fn *block;
    void *job;
    int64_t count;
    _Atomic int64_t next;   /* the first block that nobody has taken */
    _Atomic int64_t failed; /* the lowest block that failed so far */
    enum pl_status failure; /* its status */
    pthread_mutex_t lock;   /* of failure and of the caller's context */
};

int pl_parallel_threads(const struct pl_context *context)
{
    int threads = context->threads > 0 ? context->threads : pl_team_cores();
    return threads < THREADS_MOST ? threads : THREADS_MOST;
}

/* The warn hook of a block's context: one warning at a time reaches the caller's hook. */
static void warn_caller(void *user, const char *message)
{
    struct blocks *blocks = user;
    pthread_mutex_lock(&blocks->lock);
    blocks->caller->warn(blocks->caller->user, message);
    pthread_mutex_unlock(&blocks->lock);
}

static void note_failure(struct blocks *blocks, const struct pl_context *own, int64_t item)
{
    struct pl_context *caller = blocks->caller;
    pthread_mutex_lock(&blocks->lock);
    if (item < atomic_load(&blocks->failed)) {
        atomic_store(&blocks->failed, item);
        blocks->failure = own->status;
        caller->status = own->status;
        memcpy(caller->message, own->message, sizeof own->message);
        memcpy(caller->upstream, own->upstream, own->upstream_size);
        caller->upstream_size = own->upstream_size;
    }
    pthread_mutex_unlock(&blocks->lock);
}

/* Takes blocks until there are none.  A context is over a kilobyte long: only what a block may
 * look at is set.  threads = 1: a block that calls pl_parallel runs it in its own thread. */
static void work(void *data, int slot)
{
    struct blocks *blocks = data;
    struct pl_context own;
    own.warn = blocks->caller->warn ? warn_caller : NULL;
    own.user = blocks;
    own.threads = 1;
    for (int64_t item; (item = atomic_fetch_add(&blocks->next, 1)) < blocks->count;) {
        if (item > atomic_load(&blocks->failed)) {
            continue;
        }
        own.status = PL_OK;
        own.message[0] = '\0';
        own.upstream_size = 0;
        own.slot = slot;
        if (blocks->block(&own, blocks->job, item)) {
            note_failure(blocks, &own, item);
        }
    }
}

/* All blocks in the calling thread and its own context. */
static enum pl_status work_alone(struct pl_context *context, int64_t count, pl_block_fn *block,
                                 void *job)
{
    enum pl_status status = PL_OK;
    int slot = context->slot; /* of the caller, which may be a block itself */
    context->slot = 0;
    for (int64_t item = 0; item < count && !status; item++) {
        status = block(context, job, item);
    }
    context->slot = slot;
    return status;
}

enum pl_status pl_parallel_limit(struct pl_context *context, int threads, int64_t count,
                                 pl_block_fn *block, void *job)
{
    int most = pl_parallel_threads(context);
    threads = threads < most ? threads : most;
    if (threads > count) {
        threads = (int)count;
    }
    if (threads <= 1) {
        return work_alone(context, count, block, job);
    }
    struct blocks blocks = {.caller = context,
                            .block = block,
                            .job = job,
                            .count = count,
                            .failed = count,
                            .lock = PTHREAD_MUTEX_INITIALIZER};
    pl_team_run(threads, work, &blocks);
    return blocks.failure;
}

enum pl_status pl_parallel(struct pl_context *context, int64_t count, pl_block_fn *block, void *job)
{
    return pl_parallel_limit(context, pl_parallel_threads(context), count, block, job);
}
