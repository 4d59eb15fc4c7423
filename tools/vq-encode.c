/* vq-encode: the vectors of a stream as the numbers of their nearest codes.
 * SPDX-License-Identifier: MIT */
#include "quantize/transcode.h"
#include "tensor/blas.h"

struct command {
    struct pl_encode_options encode;
};

static const struct pl_option options[] = {
    PL_FLAG(struct command, encode.pack, "pack", 0, "yes",
            "codes in whole bytes, in the smallest type that holds them, not packed bit by bit"),
    PL_CHOICE(struct command, encode.codec, "codec", 0, "raw", "raw|zlib|shuffle-zlib", "CODEC",
              "store the codes so"),
    PL_OPTIONS_END,
};

static enum pl_status run(struct pl_run *run, void *fields)
{
    const struct command *command = fields;
    return pl_vq_transcode(run, true, pl_vq_encode_segment, &command->encode);
}

static const struct pl_example examples[] = {
    {"vq-train --codes 256 --patch 4x4 data/parrot.png | vq-encode - data/parrot.png > codes.plumb",
     "A picture as codes of its patches"},
    {NULL, NULL},
};

static const char *const unused[] = {"explain", "memory", "seed", NULL};

static const struct pl_tool tool = {
    .name = "vq-encode",
    .summary = "write the vectors of a stream as the numbers of their nearest codes",
    .operands = "CODEBOOK [DATA]",
    .least = 1,
    .most = 2,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "vq-train(1), vq-decode(1), vq-stats(1)",
    .run = run,
    .describe = pl_blas_describe,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
