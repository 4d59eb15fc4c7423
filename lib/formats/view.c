/* Results as a stream or as text: see view.h.
 * SPDX-License-Identifier: MIT */
#include "formats/view.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/tool.h"
#include "formats/export.h"
#include "formats/table.h"

enum { TABLE_ROWS = 60 };

struct pl_viewer {
    struct pl_context context; /* the thread's own */
    struct pl_reader *reader;
    const char *path;
    enum pl_view_form form;
    int fd; /* the writing end */
    pthread_t thread;
};

/* A stream that is no series tells so by its first record: then nothing more is read. */
static enum pl_status check_series(struct pl_context *context, struct pl_reader *reader,
                                   bool *found)
{
    const struct pl_record *record;
    struct pl_meta meta = {0};
    const char *kind = "";
    enum pl_status status = pl_reader_next(context, reader, &record);
    *found = status == PL_OK && record;
    if (!*found)
        return status;
    if (record->header.kind == PL_RECORD_META && strcmp(record->header.name, "stream") == 0)
        status = pl_reader_meta(context, reader, &meta);
    if (status == PL_OK)
        status = pl_meta_text(context, meta.root, "kind", &kind);
    if (status == PL_OK && !pl_kind_is_series(kind))
        status = pl_fail(context, PL_USAGE, PL_BINARY_REFUSED);
    pl_meta_release(&meta);
    return status;
}

static enum pl_status show_series(struct pl_context *context, struct pl_reader *reader,
                                  struct pl_output *output, bool *found)
{
    struct pl_bundle bundle = {0};
    struct pl_buffer text = {0};
    enum pl_status status = check_series(context, reader, found);
    if (status == PL_OK && *found)
        status = pl_bundle_read(context, &bundle, reader, found);
    if (status == PL_OK && *found && !pl_table_fits(&bundle))
        status = pl_fail(context, PL_USAGE, PL_BINARY_REFUSED);
    if (status == PL_OK && *found)
        status = pl_table_series(context, &bundle, TABLE_ROWS, &text);
    if (status == PL_OK && *found)
        status = pl_output_write(context, output, text.data, text.size);
    pl_buffer_release(&text);
    pl_bundle_release(&bundle);
    return status;
}

static enum pl_status show_table(struct pl_context *context, struct pl_viewer *viewer)
{
    struct pl_output output;
    bool found = true;
    enum pl_status status = pl_output_open(context, &output, viewer->path);
    if (status != PL_OK)
        return status;
    while (status == PL_OK && found)
        status = show_series(context, viewer->reader, &output, &found);
    if (status == PL_OK)
        return pl_output_commit(context, &output);
    pl_output_abort(&output);
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
    enum pl_status status = viewer->form == PL_VIEW_TABLE
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
                            enum pl_view_form form)
{
    *view = (struct pl_view){0};
    if (form == PL_VIEW_STREAM) {
        view->writer = pl_writer_open(context, path);
        return view->writer ? PL_OK : context->status;
    }
    struct pl_viewer *viewer = pl_new(context, 1, sizeof *viewer);
    if (!viewer)
        return context->status;
    viewer->context = (struct pl_context){.threads = 1};
    viewer->path = path;
    viewer->form = form;
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
                             enum pl_status status, const char *tool)
{
    struct pl_viewer *viewer = view->viewer;
    if (status == PL_OK)
        status = pl_writer_commit(context, view->writer);
    else
        pl_writer_abort(context, view->writer, viewer ? NULL : tool);
    if (!viewer)
        return status;
    close(viewer->fd);
    pthread_join(viewer->thread, NULL);
    /* After a failed write here the text's own failure tells why the pipe broke; but where that is
     * a stream without an end, the failure was here. */
    enum pl_status text = viewer->context.status;
    if (text != PL_OK && (status == PL_OK || (status == PL_SYSTEM && text != PL_INCOMPLETE)))
        status = pl_fail(context, text, "%s", viewer->context.message);
    sigset_t pipe_signal = pipe_signal_set();
    while (sigtimedwait(&pipe_signal, NULL, &(struct timespec){0}) > 0)
        ; /* one that is pending would strike as soon as it is let through */
    pthread_sigmask(SIG_SETMASK, &view->signals, NULL);
    free(viewer);
    *view = (struct pl_view){0};
    return status;
}
