/* Blocks over threads: every block once, the first failure, warnings; progress lines.
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/parallel.h"
#include "base/progress.h"
#include "check.h"

enum { ITEMS = 1000 };

struct job {
    int runs[ITEMS];
    int64_t fail_from;
};

static enum pl_status run_block(struct pl_context *context, void *data, int64_t item)
{
    struct job *job = data;
    job->runs[item]++;
    if (item % 100 == 0) {
        pl_warn(context, "block %d", (int)item);
    }
    if (item >= job->fail_from) {
        return pl_fail(context, PL_NUMERIC, "diverged in block %d", (int)item);
    }
    return PL_OK;
}

static void count_warning(void *user, const char *message)
{
    int *count = user;
    *count += strncmp(message, "block ", 6) == 0; /* calls come one at a time */
}

static void every_block_once(void)
{
    for (int threads = 0; threads < 6; threads++) {
        int warnings = 0, wrong = 0;
        struct pl_context context = {.threads = threads, .warn = count_warning, .user = &warnings};
        struct job job = {.fail_from = ITEMS};
        CHECK(!pl_parallel(&context, ITEMS, run_block, &job));
        for (int i = 0; i < ITEMS; i++) {
            wrong += job.runs[i] != 1;
        }
        CHECK(wrong == 0 && warnings == ITEMS / 100 && context.status == PL_OK);
        CHECK(!pl_parallel(&context, 0, run_block, &job));
    }
}

static void first_failure(void)
{
    for (int threads = 1; threads < 6; threads++) {
        for (int round = 0; round < 50; round++) {
            struct pl_context context = {.threads = threads};
            struct job job = {.fail_from = round * 19};
            CHECK(pl_parallel(&context, ITEMS, run_block, &job) == PL_NUMERIC);
            char expected[64];
            snprintf(expected, sizeof expected, "diverged in block %d", round * 19);
            CHECK_TEXT(context.message, expected);
            CHECK(context.status == PL_NUMERIC);
        }
    }
}

static enum pl_status run_inner(struct pl_context *context, void *data, int64_t item)
{
    (void)item;
    struct job inner = {.fail_from = ITEMS};
    enum pl_status status = pl_parallel(context, 200, run_block, &inner);
    for (int i = 0; i < 200; i++) {
        if (inner.runs[i] != 1) {
            status = pl_fail(context, PL_BAD_DATA, "block %d ran %d times", i, inner.runs[i]);
        }
    }
    (void)data;
    return status;
}

static void nested(void)
{
    int warnings = 0;
    struct pl_context context = {.threads = 4, .warn = count_warning, .user = &warnings};
    CHECK(!pl_parallel(&context, 20, run_inner, NULL));
    CHECK(warnings == 40);
}

struct slots {
    int busy[8];
    int wrong;
};

/* A slot is nobody else's while its block runs, nor in what the block runs inside. */
static enum pl_status take_slot(struct pl_context *context, void *data, int64_t item)
{
    struct slots *slots = data;
    struct slots inside = {0};
    int before, slot = context->slot;
    if (slot < 0 || slot >= 4) {
        return pl_fail(context, PL_NUMERIC, "slot %d in block %d", slot, (int)item);
    }
    before = __atomic_fetch_add(&slots->busy[slot], 1, __ATOMIC_SEQ_CST);
    enum pl_status status = PL_OK;
    if (slots->busy[4] == 0) { /* the outer level */
        inside.busy[4] = 1;
        status = pl_parallel(context, 3, take_slot, &inside);
    }
    __atomic_fetch_sub(&slots->busy[slot], 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&slots->wrong, before != 0 || context->slot != slot || inside.wrong,
                       __ATOMIC_SEQ_CST);
    return status;
}

static void own_slots(void)
{
    struct pl_context context = {.threads = 4};
    struct slots slots = {0};
    CHECK(pl_parallel(&context, ITEMS, take_slot, &slots) == PL_OK);
    CHECK(slots.wrong == 0);
}

static enum pl_status check_slot(struct pl_context *context, void *data, int64_t item)
{
    const int *limit = data;
    if (context->slot < *limit)
        return PL_OK;
    return pl_fail(context, PL_NUMERIC, "slot %d in block %d", context->slot, (int)item);
}

static void limited(void)
{
    struct pl_context context = {.threads = 3};
    for (int limit = 1; limit < 6; limit++) {
        int slots = limit < 3 ? limit : 3;
        CHECK(pl_parallel_limit(&context, limit, ITEMS, check_slot, &slots) == PL_OK);
        CHECK(context.threads == 3);
    }
}

/* The threads of a program may all call: one is served by the others, the rest work alone. */
static void *call_often(void *unused)
{
    struct pl_context context = {.threads = 3};
    intptr_t wrong = 0;
    (void)unused;
    for (int round = 0; round < 200; round++) {
        struct slots slots = {0};
        wrong += pl_parallel(&context, 40, take_slot, &slots) != PL_OK || slots.wrong;
    }
    return (void *)wrong;
}

static void callers_side_by_side(void)
{
    pthread_t threads[4];
    void *wrong = NULL;
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, call_often, NULL) == 0);
    }
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_join(threads[i], &wrong) == 0 && !wrong);
    }
}

/* A child has none of its parent's threads and does its work all the same. */
static void after_a_fork(void)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        _exit(call_often(NULL) != NULL);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void thread_counts(void)
{
    struct pl_context context = {.threads = 3};
    CHECK(pl_parallel_threads(&context) == 3);
    context.threads = 0;
    CHECK(pl_parallel_threads(&context) >= 1);
    context.threads = 1000000;
    CHECK(pl_parallel_threads(&context) == 256);
}

static void progress(void)
{
    struct pl_progress progress = {0};
    char line[PL_PROGRESS_SIZE];
    CHECK(!pl_progress_line(&progress, true, line));
    pl_progress_start(&progress, "reading", "B", 4096);
    pl_progress_add(&progress, 1000);
    pl_progress_add(&progress, 24);
    CHECK(!pl_progress_line(&progress, true, line));
    progress.started -= 4; /* as if four seconds had passed */
    progress.shown -= 4;
    strcpy(progress.note, "loss 0.5");
    CHECK(!pl_progress_line(&progress, false, line));
    CHECK(pl_progress_line(&progress, true, line));
    CHECK_TEXT(line, "reading: 1.0 KiB of 4.0 KiB (25 %), 255 B/s, 0:12 left, loss 0.5");
    CHECK(!pl_progress_line(&progress, true, line));
    progress.shown -= 61;
    progress.quiet = true;
    CHECK(!pl_progress_line(&progress, false, line));
    progress.quiet = false;
    CHECK(pl_progress_line(&progress, false, line));
    pl_progress_start(&progress, "epoch 3", "windows", 0);
    pl_progress_add(&progress, 1000);
    progress.started -= 100;
    progress.shown -= 100;
    CHECK(pl_progress_line(&progress, false, line));
    CHECK(strncmp(line, "epoch 3: 1000 windows, ", 23) == 0);
    CHECK(strstr(line, "left") == NULL);
}

int main(void)
{
    RUN(every_block_once);
    RUN(first_failure);
    RUN(nested);
    RUN(own_slots);
    RUN(limited);
    RUN(callers_side_by_side);
    RUN(after_a_fork);
    RUN(thread_counts);
    RUN(progress);
    FINISH();
}
