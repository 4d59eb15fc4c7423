/* Descriptors and signals of a tool.
 * SPDX-License-Identifier: MIT
 *
 * A signal that ends the process first removes unfinished output files.  Signal handlers cannot be
 * handed a pointer, so what they share with the program are this file's few static variables. */
#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/tool.h"

static volatile sig_atomic_t holding, stopped_by;
static struct timespec interrupted; /* when SIGINT came first; its handler alone uses it */

/* No finger is faster: signals so near each other are one, which was sent to the process and to its
 * group. */
enum { PRESS_MILLISECONDS = 50 };

static void die_by(int number)
{
    pl_output_cleanup();
    signal(number, SIG_DFL);
    raise(number); /* arrives when the handler returns: the shell sees 128 + number */
}

/* Who presses Ctrl-C twice means it. */
static bool is_second_press(int number)
{
    struct timespec now;

    if (number != SIGINT)
        return false;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (stopped_by != SIGINT)
        interrupted = now;
    return (now.tv_sec - interrupted.tv_sec) * 1000 +
               (now.tv_nsec - interrupted.tv_nsec) / 1000000 >=
           PRESS_MILLISECONDS;
}

static void on_signal(int number)
{
    int saved = errno;
    bool again = is_second_press(number);

    if (holding && number != SIGPIPE && !again)
        stopped_by = number;
    else
        die_by(number);
    errno = saved;
}

void pl_signals_catch(void)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};
    struct sigaction action, before;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaction(numbers[i], NULL, &before);
        /* nohup and background jobs ignore on purpose; SIGPIPE ignored is a careless parent */
        if (before.sa_handler != SIG_IGN || numbers[i] == SIGPIPE)
            sigaction(numbers[i], &action, NULL);
    }
}

/* A closed descriptor 0-2 would be taken by the next file opened.  Standard input and output are
 * filled in the wrong direction, so that their use still fails with "Bad file descriptor". */
void pl_descriptors_open(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDWR};

    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", modes[fd]);
}

bool pl_run_stopped(void)
{
    return stopped_by != 0;
}

void pl_run_hold_signals(bool hold)
{
    holding = hold;
    if (!hold)
        pl_signals_finish();
}

void pl_signals_finish(void)
{
    if (stopped_by != 0)
        die_by(stopped_by);
}
