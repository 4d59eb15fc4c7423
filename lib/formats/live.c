/* Inputs read as they come: see live.h.
 * SPDX-License-Identifier: MIT */
#include "formats/live.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"

struct pl_live_import {
    struct pl_foreign *foreign;
    struct pl_writer *writer;
    int fd;                    /* the writing end; closing it is the end of the stream */
    struct pl_context context; /* the thread's own */
    pthread_t thread;
    atomic_int holders; /* the thread and who opened it: the last to let go frees all this */
};

static void let_go(struct pl_live_import *import)
{
    if (atomic_fetch_sub(&import->holders, 1) > 1)
        return;
    pl_foreign_close(import->foreign);
    free(import);
}

static void *run(void *data)
{
    struct pl_live_import *import = data;
    struct pl_context *context = &import->context;
    sigset_t pipe_signal;
    /* A reader that has gone is an error to report here, not a reason to kill the process. */
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
    enum pl_status status = pl_foreign_import(context, import->foreign, import->writer, NULL);
    if (status == PL_OK)
        status = pl_writer_end(context, import->writer);
    if (status == PL_OK)
        status = pl_writer_commit(context, import->writer);
    else
        pl_writer_abort(context, import->writer, "import");
    close(import->fd);
    let_go(import);
    return NULL;
}

/* Starts the thread; takes over foreign. */
static enum pl_status start(struct pl_context *context, struct pl_live *live,
                            struct pl_foreign *foreign, const char *path)
{
    int ends[2] = {-1, -1};
    struct pl_live_import *import = pl_new(context, 1, sizeof *import);
    if (!import) {
        pl_foreign_close(foreign);
        return context->status;
    }
    import->foreign = foreign;
    atomic_init(&import->holders, 1);
    import->context =
        (struct pl_context){.threads = 1, .warn = context->warn, .user = context->user};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        let_go(import);
        return pl_fail_errno(context, "cannot make a pipe");
    }
    import->fd = ends[1];
    live->reader = pl_reader_open_fd(context, ends[0], path, NULL, 0, 0);
    import->writer = live->reader ? pl_writer_open_fd(context, ends[1], path) : NULL;
    if (!import->writer) {
        close(ends[1]);
        let_go(import);
        return context->status;
    }
    atomic_fetch_add(&import->holders, 1);
    if (pthread_create(&import->thread, NULL, run, import) != 0) {
        pl_writer_abort(context, import->writer, NULL);
        close(import->fd);
        let_go(import); /* for the thread that is not */
        let_go(import);
        return pl_fail(context, PL_SYSTEM, "cannot start a thread");
    }
    live->import = import;
    return PL_OK;
}

enum pl_status pl_live_open(struct pl_context *context, struct pl_live *live, const char *path,
                            const struct pl_import *import)
{
    *live = (struct pl_live){0};
    struct pl_foreign *foreign = pl_foreign_open(context, path, import);
    if (!foreign)
        return context->status;
    if (pl_foreign_format(foreign) != PL_FORMAT_STREAM)
        return start(context, live, foreign, path);
    live->reader = pl_foreign_stream(context, foreign, path);
    pl_foreign_close(foreign);
    return live->reader ? PL_OK : context->status;
}

enum pl_status pl_live_close(struct pl_context *context, struct pl_live *live,
                             enum pl_status status)
{
    struct pl_live_import *import = live->import;
    pl_reader_close(live->reader);
    *live = (struct pl_live){0};
    if (!import)
        return status;
    if (status != PL_OK && status != PL_INCOMPLETE) {
        /* The thread may wait for input that never comes: it is left to itself. */
        pthread_detach(import->thread);
        let_go(import);
        return status;
    }
    pthread_join(import->thread, NULL);
    if (import->context.status != PL_OK)
        status = pl_fail(context, import->context.status, "%s", import->context.message);
    let_go(import);
    return status;
}
