/* A stream shown as text: see view.h.
 * SPDX-License-Identifier: MIT */
#include "formats/view.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "formats/export.h"
#include "formats/table.h"

enum { TABLE_ROWS = 60 };

struct pl_viewer {
    struct pl_context context; /* the thread's own */
    struct pl_reader *reader;
    const char *path;
    bool table;
    int fd; /* the writing end */
    pthread_t thread;
};

static enum pl_status show_table(struct pl_context *context, struct pl_viewer *viewer)
{
    struct pl_bundle bundle = {0};
    struct pl_buffer text = {0};
    struct pl_output output;
    bool found;
    enum pl_status status = pl_bundle_read(context, &bundle, viewer->reader, &found);
    if (status == PL_OK && found)
        status = pl_table_series(context, &bundle, TABLE_ROWS, &text);
    if (status == PL_OK && found)
        status = pl_output_open(context, &output, viewer->path);
    if (status == PL_OK && found) {
        status = pl_output_write(context, &output, text.data, text.size);
        if (status == PL_OK)
            status = pl_output_commit(context, &output);
        else
            pl_output_abort(&output);
    }
    pl_buffer_release(&text);
    pl_bundle_release(&bundle);
    return status;
}

static sigset_t pipe_signal_set(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
}

static void *run(void *data)
{
    static const struct pl_export csv = {
        .format = PL_EXPORT_CSV, .delimiter = ",", .precision = -1, .header = true};
    struct pl_viewer *viewer = data;
    struct pl_context *context = &viewer->context;
    enum pl_status status = viewer->table
                                ? show_table(context, viewer)
                                : pl_export_file(context, viewer->reader, &csv, viewer->path);
    (void)status; /* it stays in the context */
    /* A writer that goes on after a failure here must learn of it, not block on a full pipe. */
    pl_reader_close(viewer->reader);
    return NULL;
}

static enum pl_status start(struct pl_context *context, struct pl_view *view,
                            struct pl_viewer *viewer)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return pl_fail_errno(context, "cannot make a pipe");
    viewer->fd = ends[1];
    viewer->reader = pl_reader_open_fd(context, ends[0], "the result", NULL, 0, 0);
    view->writer = viewer->reader ? pl_writer_open_fd(context, ends[1], "the result") : NULL;
    if (view->writer && pthread_create(&viewer->thread, NULL, run, viewer) != 0) {
        pl_fail(context, PL_SYSTEM, "cannot start a thread");
        pl_writer_abort(context, view->writer, NULL);
        view->writer = NULL;
    }
    if (view->writer)
        return PL_OK;
    if (viewer->reader)
        pl_reader_close(viewer->reader);
    else
        close(ends[0]);
    close(ends[1]);
    return context->status;
}

enum pl_status pl_view_open(struct pl_context *context, struct pl_view *view, const char *path,
                            bool table)
{
    *view = (struct pl_view){0};
    struct pl_viewer *viewer = pl_new(context, 1, sizeof *viewer);
    if (!viewer)
        return context->status;
    viewer->context = (struct pl_context){.threads = 1};
    viewer->path = path;
    viewer->table = table;
    enum pl_status status = start(context, view, viewer);
    if (status != PL_OK) {
        free(viewer);
        return status;
    }
    /* The inner pipe breaks when the text fails: that is a failure to report, not to die of.  The
     * pipe behind standard output still kills as every pipe does: its writer is the thread. */
    sigset_t pipe_signal = pipe_signal_set();
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &view->signals);
    view->viewer = viewer;
    return PL_OK;
}

enum pl_status pl_view_close(struct pl_context *context, struct pl_view *view,
                             enum pl_status status)
{
    struct pl_viewer *viewer = view->viewer;
    if (!viewer)
        return status;
    if (status == PL_OK)
        status = pl_writer_commit(context, view->writer);
    else
        pl_writer_abort(context, view->writer, NULL);
    close(viewer->fd);
    pthread_join(viewer->thread, NULL);
    /* After a failed write here the text's own failure tells why the pipe broke. */
    bool text_failed = viewer->context.status != PL_OK;
    if (text_failed && (status == PL_OK || status == PL_SYSTEM))
        status = pl_fail(context, viewer->context.status, "%s", viewer->context.message);
    sigset_t pipe_signal = pipe_signal_set();
    while (sigtimedwait(&pipe_signal, NULL, &(struct timespec){0}) > 0)
        ; /* one that is pending would strike as soon as it is let through */
    pthread_sigmask(SIG_SETMASK, &view->signals, NULL);
    free(viewer);
    *view = (struct pl_view){0};
    return status;
}
