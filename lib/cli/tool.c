/* The life of a tool, from start-up to the exit code.
 * SPDX-License-Identifier: MIT */
#include "cli/tool.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <png.h>
#include <yaml.h>
#include <zlib.h>

#include "base/file.h"
#include "base/version.h"
#include "cli/settings.h"
#include "cli/signals.h"

/* One line on standard error in one write, so that the lines of a pipe's tools do not mingle.
 * What came from outside (names, cells) may hold control bytes: they become '?'. */
static void print_line(struct pl_run *run, const char *kind, const char *text)
{
    char line[PL_MESSAGE_SIZE + 128];
    const char *erase = run->progress_drawn ? "\r\033[K" : "";
    size_t start = strlen(erase);
    int size = snprintf(line, sizeof line - 1, "%s%s: %s%s", erase, run->tool->name, kind, text);
    size_t used = size < 0 ? 0 : (size_t)size;

    if (used > sizeof line - 2)
        used = sizeof line - 2;
    for (size_t i = start; i < used; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 127)
            line[i] = '?';
    line[used++] = '\n';
    run->progress_drawn = false;
    while (write(STDERR_FILENO, line, used) < 0 && errno == EINTR)
        ;
}

static void print_warning(void *user, const char *message)
{
    struct pl_run *run = user;

    if (!run->common.quiet)
        print_line(run, "warning: ", message);
}

void pl_run_note(struct pl_run *run, const char *format, ...)
{
    char text[PL_MESSAGE_SIZE];
    va_list arguments;

    if (run->common.quiet)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_line(run, "", text);
}

void pl_run_note_lines(struct pl_run *run, const char *text)
{
    while (*text) {
        size_t size = strcspn(text, "\n");
        pl_run_note(run, "%.*s", (int)size, text);
        text += size + (text[size] == '\n');
    }
}

void pl_run_progress(struct pl_run *run)
{
    char line[PL_PROGRESS_SIZE], stamp[32];
    time_t now;
    struct tm fields;

    if (!pl_progress_line(&run->progress, run->stderr_terminal, line))
        return;
    if (run->stderr_terminal) {
        if (tcgetpgrp(STDERR_FILENO) != getpgrp())
            return;
        fprintf(stderr, "\r%s\033[K", line);
        run->progress_drawn = true;
        return;
    }
    now = time(NULL);
    localtime_r(&now, &fields);
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S ", &fields);
    print_line(run, stamp, line);
}

/* Where the option of that name was set: see struct pl_entry. */
static int source_of(const struct pl_run *run, const char *option)
{
    for (size_t i = 0; i < run->settings->count; i++)
        if (strcmp(run->settings->entries[i].option->name, option) == 0)
            return run->settings->entries[i].source;
    return 0;
}

bool pl_run_given(const struct pl_run *run, const char *option)
{
    return source_of(run, option) > 0;
}

bool pl_run_typed(const struct pl_run *run, const char *option)
{
    return run->settings->source > 0 && source_of(run, option) == run->settings->source;
}

const char *pl_run_operand(const struct pl_run *run, int index)
{
    return index < run->operand_count ? run->operands[index] : "-";
}

bool pl_run_to_terminal(const struct pl_run *run)
{
    const char *output = run->common.output;

    return run->stdout_terminal && (output == NULL || strcmp(output, "-") == 0);
}

enum pl_status pl_run_binary_output(struct pl_run *run)
{
    if (pl_run_to_terminal(run))
        return pl_fail(&run->context, PL_USAGE, PL_BINARY_REFUSED);
    return PL_OK;
}

enum pl_status pl_run_text_output(struct pl_run *run, const char *text, size_t size)
{
    struct pl_context *context = &run->context;
    struct pl_output output;
    enum pl_status status = pl_output_open(context, &output, run->common.output);

    if (status != PL_OK)
        return status;
    status = pl_output_write(context, &output, text, size);
    if (status == PL_OK)
        return pl_output_commit(context, &output);
    pl_output_abort(&output);
    return status;
}

static enum pl_status print_version(struct pl_run *run, bool verbose)
{
    char text[256];
    enum pl_status status;

    printf("%s (plumbline) " PL_VERSION "\n", run->tool->name);
    if (!verbose)
        return PL_OK;
    printf("zlib %s\nlibyaml %s\nlibpng %s\n", zlibVersion(), yaml_get_version_string(),
           png_get_libpng_ver(NULL));
    if (run->tool->describe == NULL)
        return PL_OK;
    status = run->tool->describe(&run->context, text, sizeof text);
    if (status == PL_OK)
        printf("%s\n", text);
    return status;
}

static enum pl_status print_options(const struct pl_settings *settings)
{
    /* in the order of the option's choices */
    static void (*const forms[])(const struct pl_settings *, FILE *) = {
        pl_help_mdoc, pl_help_bash, pl_help_keys, pl_help_table, pl_help_made};

    forms[settings->shared.print_options](settings, stdout);
    return PL_OK;
}

static enum pl_status take_options(struct pl_run *run, struct pl_settings *settings)
{
    enum pl_status status = pl_settings_apply(&run->context, settings);

    run->common = settings->shared.common;
    run->progress.quiet = run->common.quiet;
    run->context.threads = (int)run->common.threads;
    if (status == PL_OK && run->tool->prepare != NULL)
        status = run->tool->prepare(&run->context, settings->command);
    return status == PL_OK ? pl_settings_refuse(&run->context, settings) : status;
}

/* Without operands and with a person at the other end, waiting for input would look like a hang. */
static enum pl_status take_operands(struct pl_run *run, const struct pl_settings *settings)
{
    bool alone = pl_settings_alone(settings);

    run->operands = settings->operands;
    run->operand_count = settings->operand_count;
    if (run->stdin_terminal && run->tool->most != 0 && run->operand_count == 0 && !alone) {
        pl_help_usage(settings, stderr);
        return PL_USAGE;
    }
    return pl_settings_operands(&run->context, settings);
}

static enum pl_status serve(struct pl_run *run, struct pl_settings *settings, int argc, char **argv)
{
    struct pl_context *context = &run->context;
    enum pl_status status = pl_settings_init(context, settings, run->tool, settings->command);

    if (status == PL_OK)
        status = pl_settings_scan(context, settings, argc, argv);
    if (status != PL_OK)
        return status;
    if (settings->shared.help) {
        pl_help_print(settings, stdout);
        return PL_OK;
    }
    if (settings->shared.version)
        return print_version(run, settings->shared.common.verbose);
    if (settings->shared.print_options >= 0)
        return print_options(settings);
    status = take_options(run, settings);
    if (status != PL_OK)
        return status;
    if (settings->shared.print_config)
        return pl_config_print(context, settings, stdout);
    status = take_operands(run, settings);
    if (status == PL_OK)
        status = pl_settings_arguments(context, settings, run->tool->name, &run->argc, &run->argv);
    if (status == PL_OK && settings->shared.lock != NULL)
        status = pl_lock_take(context, settings->shared.lock);
    if (status != PL_OK)
        return status;
    return run->tool->run(run, settings->command);
}

/* Standard output is checked last: what does not arrive is not done. */
static enum pl_status finish_output(struct pl_context *context, enum pl_status status)
{
    bool failed;

    errno = 0;
    failed = fflush(stdout) != 0 || ferror(stdout) != 0;
    failed = failed || close(STDOUT_FILENO) != 0; /* network file systems report here */
    if (!failed || status != PL_OK)
        return status;
    if (errno == 0) /* an earlier flush failed and took the reason with it */
        return pl_fail(context, PL_SYSTEM, "cannot write standard output");
    return pl_fail_errno(context, "cannot write standard output");
}

/* Freed memory stays with the process for the next block of its size: a run is short, and to get
 * the pages anew, zeroed, would cost more than most of what is done with them. */
static void keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the largest that is allowed */
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

int pl_tool_main(const struct pl_tool *tool, int argc, char **argv)
{
    struct pl_settings settings = {.tool = tool};
    struct pl_run run = {.tool = tool, .settings = &settings};
    enum pl_status status;

    keep_memory();
    pl_descriptors_open();
    pl_signals_catch();
    run.stdin_terminal = isatty(STDIN_FILENO);
    run.stdout_terminal = isatty(STDOUT_FILENO);
    run.stderr_terminal = isatty(STDERR_FILENO);
    run.context.warn = print_warning;
    run.context.user = &run;
    settings.command = pl_new(&run.context, 1, tool->command_size);
    if (settings.command == NULL) {
        print_line(&run, "", run.context.message);
        return PL_SYSTEM;
    }
    status = serve(&run, &settings, argc, argv);
    if (tool->release != NULL)
        tool->release(settings.command);
    pl_settings_release(&settings);
    free(settings.command);
    status = finish_output(&run.context, status);
    if (status != PL_OK && run.context.status == status && run.context.message[0] != '\0')
        print_line(&run, "", run.context.message);
    else if (run.progress_drawn)
        fprintf(stderr, "\r\033[K");
    pl_signals_finish();
    return status;
}
