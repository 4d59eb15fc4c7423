/* Assignments of random and of planted scores, timed; the scores can be written for a peer.
 * usage: assignment SIZE [FILE]
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "base/rng.h"
#include "linalg/assignment.h"

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(int argc, char **argv)
{
    struct pl_context context = {0};
    int64_t n = argc > 1 ? atoll(argv[1]) : 1024;
    double *scores = pl_new(&context, (size_t)(n * n), sizeof *scores);
    int64_t *columns = pl_new(&context, (size_t)n, sizeof *columns);
    FILE *file = argc > 2 ? fopen(argv[2], "w") : NULL;
    struct pl_rng rng = pl_rng_init(1, "scores");
    if (!scores || !columns)
        return 5;
    for (int64_t i = 0; i < n * n; i++)
        scores[i] = pl_rng_normal(&rng, (uint64_t)i);
    for (int planted = 0; planted < 2; planted++) {
        double value, start;
        for (int64_t i = 0; planted && i < n; i++) /* a bonus that most rows follow */
            scores[i * n + (i * 7919 + 13) % n] += 5;
        if (file)
            fwrite(scores, sizeof *scores, (size_t)(n * n), file);
        start = seconds();
        if (pl_assign(&context, PL_ASSIGN_MOST, scores, n, columns, &value, NULL, NULL))
            return 6;
        printf("%s %lld %.4f %.9f\n", planted ? "planted" : "random", (long long)n,
               seconds() - start, value);
    }
    free(scores);
    free(columns);
    return file && fclose(file) ? 5 : 0;
}
