/* What a command costs: wall time, processor time and peak memory, from a few runs of it.
 * SPDX-License-Identifier: MIT
 *
 *   measure [-n RUNS] [-o FILE] COMMAND [ARGUMENT ...]
 *
 * appends one line to FILE (default: standard error): seconds of wall time, median and least, then
 * seconds of processor time (median) and the peak resident memory in KiB, anonymous and mapped
 * pages together.  Standard input, where it can seek, is put back before each run.  The exit
 * status is the command's, which ends the runs when it is not 0.
 *
 * The command is started from this small program rather than from a shell or an interpreter, so
 * that neither the time nor the memory of a fork of those is counted. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUNS_MOST = 1001 };

struct run {
    double wall, processor; /* seconds */
    long peak;              /* KiB */
};

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double of(struct timeval time)
{
    return (double)time.tv_sec + 1e-6 * (double)time.tv_usec;
}

/* The command's exit status, 128 + N after signal N. */
static int run_once(char **command, struct run *run)
{
    struct rusage usage;
    int status;
    double start = seconds();
    pid_t child = vfork(); /* shares our pages until it runs the command, so no copy is charged */

    if (child == 0) {
        execvp(command[0], command);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) < 0) {
        perror("measure");
        exit(1);
    }
    run->wall = seconds() - start;
    run->processor = of(usage.ru_utime) + of(usage.ru_stime);
    run->peak = usage.ru_maxrss;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(FILE *out, const struct run *runs, int count)
{
    double walls[RUNS_MOST], processors[RUNS_MOST];
    long peak = 0;

    for (int i = 0; i < count; i++) {
        walls[i] = runs[i].wall;
        processors[i] = runs[i].processor;
        peak = runs[i].peak > peak ? runs[i].peak : peak;
    }
    qsort(walls, (size_t)count, sizeof *walls, compare);
    qsort(processors, (size_t)count, sizeof *processors, compare);
    fprintf(out, "%.6f %.6f %.6f %ld\n", walls[count / 2], walls[0], processors[count / 2], peak);
}

int main(int argc, char **argv)
{
    static struct run runs[RUNS_MOST];
    FILE *out = stderr;
    int count = 1, done = 0, status = 0, option;

    while ((option = getopt(argc, argv, "+n:o:")) != -1) {
        if (option == 'n')
            count = atoi(optarg);
        else if (option != 'o' || !(out = fopen(optarg, "ae")))
            return 2;
    }
    if (optind == argc || count < 1 || count > RUNS_MOST) {
        fprintf(stderr, "usage: measure [-n RUNS] [-o FILE] COMMAND [ARGUMENT ...]\n");
        return 2;
    }
    off_t start = lseek(STDIN_FILENO, 0, SEEK_CUR);
    while (done < count && status == 0) {
        if (start >= 0)
            lseek(STDIN_FILENO, start, SEEK_SET);
        status = run_once(argv + optind, &runs[done++]);
    }
    report(out, runs, done);
    return status;
}
