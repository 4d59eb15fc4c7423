/* What the next token costs behind a text that gets longer.
 * usage: context MODEL THREADS TOKENS...
 * At each number of tokens, which rise: takes in the text up to there, many tokens at once, then
 * times STEPS tokens one by one, of which the least time is taken.  Prints a line: tokens, seconds
 * of a token, MB of the state and MB of resident memory.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "models/lm_decode.h"
#include "models/lm_stream.h"
#include "models/operand.h"

enum { STEPS = 64 };

struct job {
    struct pl_context context;
    struct pl_operand model;
    struct pl_lm lm;
    struct pl_lm_decoder decoder;
    int32_t *ids;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double state_size(const struct pl_state *state)
{
    double size = 0;
    for (size_t i = 0; i < state->count; i++)
        size += (double)state->items[i].variable.count * sizeof(pl_real);
    return size;
}

/* In MB. */
static double resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%*s %ld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return 1e-6 * (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static enum pl_status measure(struct job *job, int64_t tokens)
{
    struct pl_lm_decoder *decoder = &job->decoder;
    const int64_t ahead = tokens - STEPS - decoder->state.position;
    double least = 1e9;
    enum pl_status status = pl_lm_decoder_take(&job->context, decoder, job->ids, ahead);
    for (int i = 0; i < STEPS && !status; i++) {
        const double started = now();
        status = pl_lm_decoder_take(&job->context, decoder, job->ids + i, 1);
        const double seconds = now() - started;
        least = seconds < least ? seconds : least;
    }
    if (!status)
        printf("%lld %.9f %.3f %.1f\n", (long long)tokens, least,
               1e-6 * state_size(&decoder->state), resident());
    return status;
}

static enum pl_status open_model(struct job *job, const char *path, int64_t longest)
{
    struct pl_context *context = &job->context;
    if (pl_operand_open(context, &job->model, path, NULL) ||
        pl_lm_read(context, &job->lm, &job->model.bundle))
        return context->status;
    pl_lm_decoder_init(&job->decoder, &job->lm);
    job->ids = pl_new(context, (size_t)longest, sizeof *job->ids);
    for (int64_t i = 0; job->ids && i < longest; i++)
        job->ids[i] = (int32_t)((i * 7919 + 1) % pl_lm_options(&job->lm)->vocabulary);
    return job->ids ? PL_OK : context->status;
}

int main(int argc, char **argv)
{
    struct job job = {0};
    if (argc < 4) {
        fprintf(stderr, "usage: context MODEL THREADS TOKENS...\n");
        return PL_USAGE;
    }
    job.context.threads = atoi(argv[2]);
    enum pl_status status = open_model(&job, argv[1], atoll(argv[argc - 1]));
    for (int i = 3; i < argc && !status; i++)
        status = measure(&job, atoll(argv[i]));
    if (status)
        fprintf(stderr, "context: %s\n", job.context.message);
    free(job.ids);
    pl_lm_decoder_release(&job.decoder);
    pl_lm_release(&job.lm);
    pl_operand_close(&job.model);
    return (int)status;
}
