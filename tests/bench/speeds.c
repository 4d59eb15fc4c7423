/* The limits that this machine sets: how fast one core copies, sums and hands bytes on, and how
 * long a program that does nothing takes.  Prints NAME VALUE lines, in GB/s, for tests/bench/run.
 * SPDX-License-Identifier: MIT
 *
 * The buffers are larger than the caches, as streams are, and touched before, as pages of the page
 * cache are.  `read` and `map` are two ways of summing a file that is in the page cache; `page` is
 * the cost of a fresh page in microseconds: it is why memory is used again.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/crc32.h"

enum { SIZE = 256 << 20, BLOCK = 1 << 20, READ_BLOCK = 256 << 10, RUNS = 5, PAGE = 4096 };

static unsigned char *source, *target;
static FILE *file;             /* holds what source does, in the page cache */
static volatile uint32_t kept; /* so that no result is unused */

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void *fresh(size_t size)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (block == MAP_FAILED) {
        perror("speeds: mmap");
        exit(1);
    }
    return block;
}

static void copy(void)
{
    memcpy(target, source, SIZE);
}

static void zlib_crc(void)
{
    kept = (uint32_t)crc32(0, source, SIZE);
}

static void library_crc(void)
{
    kept = pl_crc32(0, source, SIZE);
}

/* As a reader that sums each block while it is in the cache. */
static void read_and_sum(void)
{
    uint32_t crc = 0;

    rewind(file);
    for (ssize_t got; (got = read(fileno(file), target, READ_BLOCK)) > 0;)
        crc = pl_crc32(crc, target, (size_t)got);
    kept = crc;
}

static void map_and_sum(void)
{
    unsigned char *map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fileno(file), 0);

    if (map == MAP_FAILED)
        exit(1);
    kept = pl_crc32(0, map, SIZE);
    munmap(map, SIZE);
}

static void through_pipe(void)
{
    int ends[2];

    if (pipe(ends) < 0)
        exit(1);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        for (size_t at = 0; at < SIZE;) {
            ssize_t sent = write(ends[1], source + at, BLOCK);
            if (sent <= 0)
                _exit(1);
            at += (size_t)sent;
        }
        _exit(0);
    }
    close(ends[1]);
    while (read(ends[0], target, BLOCK) > 0)
        ;
    close(ends[0]);
    waitpid(child, NULL, 0);
}

static void say(const char *name, void (*work)(void))
{
    double best = INFINITY;

    for (int i = 0; i < RUNS; i++) {
        double start = seconds();
        work();
        best = fmin(best, seconds() - start);
    }
    printf("%s %.2f\n", name, 1e-9 * SIZE / best);
}

static void say_page(void)
{
    enum { PAGES = 4096 };
    unsigned char *block = fresh((size_t)PAGES * PAGE);
    double start = seconds();

    madvise(block, (size_t)PAGES * PAGE, MADV_NOHUGEPAGE);
    for (int i = 0; i < PAGES; i++)
        block[(size_t)i * PAGE] = 1;
    printf("page %.2f\n", 1e6 * (seconds() - start) / PAGES);
}

int main(void)
{
    source = fresh(SIZE);
    target = fresh(SIZE);
    for (size_t i = 0; i < SIZE; i += 8) {
        uint64_t value = i * 0x9e3779b97f4a7c15;
        memcpy(source + i, &value, sizeof value);
    }
    memset(target, 1, SIZE);
    say("memcpy", copy);
    say("zlib", zlib_crc);
    say("crc", library_crc);
    file = tmpfile();
    if (!file || fwrite(source, 1, SIZE, file) != SIZE || fflush(file)) {
        perror("speeds: temporary file");
        return 1;
    }
    say("read", read_and_sum);
    say("map", map_and_sum);
    say("pipe", through_pipe);
    say_page();
    return 0;
}
