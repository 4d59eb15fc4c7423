/* The life of a tool, seen from outside: each case runs pl_tool_main in a child process.
 * SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/tool.h"
#include "check.h"

struct command {
    int what;
};

enum { NOTHING, TALK, FAIL, ANSWER, BINARY, STOP, HELD, PRINT_MUCH, LEAVE_FILE };

static const struct pl_option options[] = {
    PL_CHOICE(struct command, what, "what", 'w', "nothing",
              "nothing|talk|fail|answer|binary|stop|held|print-much|leave-file", "WHAT",
              "what to do"),
    PL_OPTIONS_END,
};

static char folder[] = "/tmp/cli_tool.XXXXXX";

static enum pl_status stop(struct pl_run *run, bool held)
{
    if (held)
        pl_run_hold_signals(true);
    raise(SIGTERM);
    if (!pl_run_stopped()) /* not reached unless held back */
        return pl_fail(&run->context, PL_NUMERIC, "the signal was lost");
    pl_run_note(run, "checkpoint written");
    return PL_OK;
}

/* Stops with an output half written, which must not stay. */
static enum pl_status leave_file(struct pl_run *run)
{
    struct pl_output output;
    enum pl_status status = pl_output_open(&run->context, &output, run->common.output);

    if (status != PL_OK)
        return status;
    status = pl_write_full(&run->context, output.fd, "half", 4);
    raise(SIGINT);
    return status;
}

static enum pl_status run_try(struct pl_run *run, void *fields)
{
    struct command *command = fields;

    switch (command->what) {
    case TALK:
        pl_run_note(run, "a note\n\033[1mbold");
        pl_warn(&run->context, "a warning");
        return PL_OK;
    case FAIL:
        pl_fail(&run->context, PL_BAD_DATA, "not a number: '%s'", "a\tb");
        return pl_fail_at(&run->context, "x.csv:17");
    case ANSWER:
        (void)!pl_fail(&run->context, PL_BAD_DATA, "recovered from");
        return PL_NO;
    case BINARY:
        return pl_run_binary_output(run);
    case STOP:
        return stop(run, false);
    case HELD:
        return stop(run, true);
    case PRINT_MUCH:
        for (int i = 0; i < 20000; i++)
            printf("line %d\n", i);
        return PL_OK;
    case LEAVE_FILE:
        return leave_file(run);
    default:
        return PL_OK;
    }
}

static const struct pl_tool tool = {
    .name = "pl-try",
    .summary = "try the tool",
    .operands = "[FILE]",
    .most = 1,
    .options = options,
    .command_size = sizeof(struct command),
    .run = run_try,
};

/* Runs the tool with its output to stdout_path and returns its exit status, 128+N after a signal;
 * what it said on standard error is left in `said`. */
static char said[4096];

static int run_tool(const char *stdout_path, const char *const *arguments)
{
    char *argv[16] = {(char *)(uintptr_t) "pl-try"};
    int argc = 1, ends[2], status;
    size_t used = 0;
    ssize_t got;
    pid_t child;

    for (; *arguments != NULL; arguments++)
        argv[argc++] = (char *)(uintptr_t)*arguments;
    fflush(stdout);
    if (pipe(ends) != 0 || (child = fork()) < 0)
        return -1;
    if (child == 0) {
        int out = open(stdout_path, O_WRONLY);
        dup2(out, STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        signal(SIGINT, SIG_DFL); /* what runs in the background is born deaf to it */
        _exit(pl_tool_main(&tool, argc, argv));
    }
    close(ends[1]);
    while ((got = read(ends[0], said + used, sizeof said - 1 - used)) > 0)
        used += (size_t)got;
    said[used] = '\0';
    close(ends[0]);
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

#define TOOL(stdout_path, ...) run_tool(stdout_path, (const char *const[]){__VA_ARGS__, NULL})

static void notes_and_warnings(void)
{
    CHECK(TOOL("/dev/null", "-w", "talk") == 0);
    CHECK_TEXT(said, "pl-try: a note??[1mbold\npl-try: warning: a warning\n");
    CHECK(TOOL("/dev/null", "-w", "talk", "-q") == 0);
    CHECK_TEXT(said, "");
}

static void failures(void)
{
    CHECK(TOOL("/dev/null", "-w", "fail", "-q") == 3);
    CHECK_TEXT(said, "pl-try: x.csv:17: not a number: 'a?b'\n");
    CHECK(TOOL("/dev/null", "-w", "answer") == 1); /* an older message is not this answer's */
    CHECK_TEXT(said, "");
    CHECK(TOOL("/dev/full", "-w", "fail") == 3); /* the first failure counts */
    CHECK_TEXT(said, "pl-try: x.csv:17: not a number: 'a?b'\n");
}

static void full_output(void)
{
    CHECK(TOOL("/dev/full", "-w", "print-much") == 5);
    CHECK_TEXT(said, "pl-try: cannot write standard output: No space left on device\n");
}

static void signals(void)
{
    CHECK(TOOL("/dev/null", "-w", "stop") == 128 + SIGTERM);
    CHECK_TEXT(said, "");
    CHECK(TOOL("/dev/null", "-w", "held") == 128 + SIGTERM);
    CHECK_TEXT(said, "pl-try: checkpoint written\n");
}

static void unfinished_files(void)
{
    char path[64];

    snprintf(path, sizeof path, "%s/out", folder);
    CHECK(TOOL("/dev/null", "-w", "leave-file", "-o", path) == 128 + SIGINT);
    CHECK(rmdir(folder) == 0); /* works only when it is empty */
}

int main(void)
{
    if (mkdtemp(folder) == NULL)
        return 1;
    RUN(notes_and_warnings);
    RUN(failures);
    RUN(full_output);
    RUN(signals);
    RUN(unfinished_files);
    FINISH();
}
