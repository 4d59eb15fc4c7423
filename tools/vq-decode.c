/* vq-decode: codes as the vectors that they stand for.
 * SPDX-License-Identifier: MIT */
#include "quantize/transcode.h"
#include "tensor/blas.h"

struct command {
    char unused; /* no options of its own */
};

static const struct pl_option options[] = {PL_OPTIONS_END};

static enum pl_status run(struct pl_run *run, void *fields)
{
    (void)fields;
    return pl_vq_transcode(run, false, pl_vq_decode_segment, NULL);
}

static const struct pl_example examples[] = {
    {"vq-train --codes 256 --patch 4x4 data/parrot.png > p.cb && vq-encode p.cb data/parrot.png | "
     "vq-decode p.cb - | ts-export -f png > back.png",
     "A picture by way of its codes"},
    {NULL, NULL},
};

static const char *const unused[] = {"explain", "memory", "seed", NULL};

static const struct pl_tool tool = {
    .name = "vq-decode",
    .summary = "write codes as the vectors that they stand for",
    .operands = "CODEBOOK [CODES]",
    .least = 1,
    .most = 2,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "vq-encode(1), vq-train(1), vq-stats(1)",
    .run = run,
    .describe = pl_blas_describe,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
