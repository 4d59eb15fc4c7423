/* Provenance: the list of steps that made a stream.
 * SPDX-License-Identifier: MIT
 *
 * One entry a step: tool, version, args, seed, inputs.  Histories of the inputs come first, each
 * entry once.  An input that an earlier entry made carries `from`, that entry's number, counted
 * from 1.  No time, no host: equal runs give equal bytes.
 *
 *     - tool: lin-train
 *       version: "0.1.0"
 *       args: ["-m", "nlinear", "sales.csv"]
 *       seed: 0
 *       inputs: [{name: "sales.csv", sum: "x0badcafe"}]
 *     - tool: lin-forecast
 *       ...
 *       inputs: [{name: "-", sum: "x12345678", from: 1}, {name: "sales.csv", sum: "x0badcafe"}] */
#ifndef PL_STREAM_HISTORY_H
#define PL_STREAM_HISTORY_H

#include "base/meta.h"
#include "stream/writer.h"

struct pl_history {
    struct pl_meta meta;
    struct pl_meta_node *steps;         /* those before this run */
    struct pl_meta_node *step, *inputs; /* of this run */
    bool whole;                         /* this run is among the steps too */
};

/* Starts the entry of this run.  argv[0] is left out; the rest comes from struct pl_run, which has
 * dropped the options that cannot change a result. */
enum pl_status pl_history_start(struct pl_context *context, struct pl_history *history,
                                const char *tool, const char *version, int argc, char **argv,
                                int64_t seed) PL_MUST_CHECK;

/* Adds an input: a stream with its end sum and its own history (NULL: it had none), or another
 * file with the CRC-32 of its bytes. */
enum pl_status pl_history_input(struct pl_context *context, struct pl_history *history,
                                const char *name, uint32_t sum,
                                const struct pl_meta_node *before) PL_MUST_CHECK;

/* The stream is not written to standard output but to the file that the option names, where the
 * input of the same name stood before, if there is one: `output: {option: --state, name: FILE}`. */
void pl_history_output(struct pl_context *context, struct pl_history *history, const char *option,
                       const char *name);

/* Writes `meta: history`; call last before pl_writer_end.  It can be written again, to another
 * stream, but takes no more inputs. */
enum pl_status pl_history_write(struct pl_context *context, struct pl_history *history,
                                struct pl_writer *writer) PL_MUST_CHECK;

/* The pipeline as a sh script that writes to standard output, to be run in the folder where the
 * files are that it names.  What went from step to step by name is made again under a temporary
 * name, what went by pipe is piped, and standard input that came from nowhere is asked for.  So is
 * what a file held that a step wrote anew: the file itself is neither read nor written. */
enum pl_status pl_history_script(struct pl_context *context, const struct pl_meta_node *history,
                                 struct pl_buffer *out) PL_MUST_CHECK;
void pl_history_release(struct pl_history *history);

#endif
