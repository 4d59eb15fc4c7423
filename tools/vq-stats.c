/* vq-stats: how a codebook is used by codes, and what they lose.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "quantize/stats.h"
#include "tensor/blas.h"

struct command {
    bool json, curve, dead;
};

static const struct pl_option options[] = {
    PL_FLAG(struct command, json, "json", 0, "no", "write one JSON object instead of YAML"),
    PL_FLAG(struct command, dead, "dead", 0, "no", "list the codes that nothing uses, by level"),
    PL_FLAG(struct command, curve, "curve", 0, "no",
            "write a stream for ts-plot instead: errors over bits, level by level"),
    PL_OPTIONS_END,
};

/* ---- Reports ------------------------------------------------------------------------------ */

/* mse and psnr where there was an original to compare with. */
static void add_errors(struct pl_context *context, const struct pl_vq_stats *stats, int64_t levels,
                       struct pl_meta *meta, struct pl_meta_node *map)
{
    if (stats->numbers == 0)
        return;
    pl_meta_add_real(context, meta, map, "mse", pl_vq_stats_mse(stats, levels));
    pl_meta_add_real(context, meta, map, "psnr", pl_vq_stats_psnr(stats, levels));
}

static void add_dead(struct pl_context *context, const int64_t *counts, int64_t codes,
                     struct pl_meta *meta, struct pl_meta_node *map)
{
    struct pl_meta_node *list = pl_meta_add_list(context, meta, map, "dead_codes");
    for (int64_t j = 0; j < codes; j++)
        if (counts[j] == 0)
            pl_meta_add_int(context, meta, list, NULL, j);
}

static void add_level(struct pl_context *context, const struct pl_vq *vq,
                      const struct pl_vq_stats *stats, int64_t level, bool dead,
                      struct pl_meta *meta, struct pl_meta_node *list)
{
    const int64_t *counts = stats->counts + level * vq->options.codes;
    struct pl_usage usage = pl_usage_of(counts, vq->options.codes);
    struct pl_meta_node *map = pl_meta_add_map(context, meta, list, NULL);
    pl_meta_add_int(context, meta, map, "level", level + 1);
    pl_meta_add_int(context, meta, map, "bits_per_vector",
                    (level + 1) * pl_code_bits(vq->options.codes));
    pl_meta_add_real(context, meta, map, "usage", usage.share);
    pl_meta_add_real(context, meta, map, "perplexity", usage.perplexity);
    add_errors(context, stats, level + 1, meta, map);
    if (dead)
        add_dead(context, counts, vq->options.codes, meta, map);
}

static enum pl_status make_report(struct pl_context *context, const struct command *command,
                                  const struct pl_vq *vq, const struct pl_vq_stats *stats,
                                  struct pl_meta *meta)
{
    int64_t levels = vq->options.levels, codes = vq->options.codes, used = 0;
    double share = 0, perplexity = 0, bits = 0;
    for (int64_t level = 0; level < levels; level++) {
        struct pl_usage usage = pl_usage_of(stats->counts + level * codes, codes);
        used += usage.used;
        share += usage.share / (double)levels;
        perplexity += usage.perplexity / (double)levels;
        bits += usage.bits;
    }
    struct pl_meta_node *root = pl_meta_add_map(context, meta, NULL, NULL);
    pl_meta_add_int(context, meta, root, "vectors", stats->vectors);
    pl_meta_add_int(context, meta, root, "codes", codes);
    pl_meta_add_int(context, meta, root, "levels", levels);
    pl_meta_add_int(context, meta, root, "used", used);
    pl_meta_add_int(context, meta, root, "dead", levels * codes - used);
    pl_meta_add_real(context, meta, root, "usage", share);
    pl_meta_add_real(context, meta, root, "perplexity", perplexity);
    pl_meta_add_int(context, meta, root, "bits_per_vector", levels * pl_code_bits(codes));
    pl_meta_add_real(context, meta, root, "entropy_bits", bits);
    add_errors(context, stats, levels, meta, root);
    if (command->dead && levels == 1)
        add_dead(context, stats->counts, codes, meta, root);
    if (levels > 1) {
        struct pl_meta_node *list = pl_meta_add_list(context, meta, root, "by_level");
        for (int64_t level = 0; level < levels; level++)
            add_level(context, vq, stats, level, command->dead, meta, list);
    }
    return pl_meta_ok(meta, context) ? PL_OK : context->status;
}

static enum pl_status write_report(struct pl_run *run, const struct command *command,
                                   const struct pl_vq *vq, const struct pl_vq_stats *stats)
{
    struct pl_context *context = &run->context;
    struct pl_meta meta = {0};
    struct pl_buffer text = {0};
    enum pl_status status = make_report(context, command, vq, stats, &meta);
    if (status == PL_OK)
        status = command->json ? pl_json_write(context, meta.root, &text)
                               : pl_meta_write(context, meta.root, &text);
    if (status == PL_OK && command->json)
        status = pl_buffer_text(context, &text, "\n");
    if (status == PL_OK)
        status = pl_run_text_output(run, text.data, text.size);
    pl_buffer_release(&text);
    pl_meta_release(&meta);
    return status;
}

/* ---- The curve ---------------------------------------------------------------------------- */

static enum pl_status write_curve(struct pl_run *run, const struct pl_vq *vq,
                                  const struct pl_vq_stats *stats)
{
    struct pl_context *context = &run->context;
    enum { MOST = 64 }; /* levels */
    double bits[MOST], mse[MOST], psnr[MOST];
    const int64_t levels = vq->options.levels;
    if (stats->numbers == 0)
        return pl_fail(context, PL_USAGE, "--curve needs the original as third operand");
    for (int64_t i = 0; i < levels; i++) {
        bits[i] = (double)((i + 1) * pl_code_bits(vq->options.codes));
        mse[i] = pl_vq_stats_mse(stats, i + 1);
        psnr[i] = pl_vq_stats_psnr(stats, i + 1);
    }
    struct pl_writer *writer = pl_writer_open(context, run->common.output);
    if (!writer)
        return context->status;
    const struct {
        const char *name;
        double *values;
    } curves[] = {{"bits", bits}, {"mse", mse}, {"psnr", psnr}};
    enum pl_status status = pl_writer_kind(context, writer, "metrics");
    for (size_t i = 0; i < sizeof curves / sizeof *curves && status == PL_OK; i++) {
        struct pl_tensor view = pl_tensor_view(PL_F64, 1, &levels, curves[i].values);
        status = pl_writer_tensor(context, writer, curves[i].name, &view, PL_CODEC_RAW);
    }
    if (status == PL_OK)
        status = pl_writer_end(context, writer);
    if (status == PL_OK)
        return pl_writer_commit(context, writer);
    pl_writer_abort(context, writer, run->tool->name);
    return status;
}

/* ---- Reading ------------------------------------------------------------------------------ */

/* All segments of the codes, each beside its own of the original. */
static enum pl_status add_all(struct pl_context *context, struct pl_vq_stats *stats,
                              struct pl_vq_book *book, struct pl_vector_source *codes,
                              struct pl_vector_source *original)
{
    enum pl_status status = PL_OK;
    for (bool found = true; found && status == PL_OK;) {
        bool beside = true;
        status = pl_vector_source_next(context, codes, &found);
        if (status == PL_OK && found && original)
            status = pl_vector_source_next(context, original, &beside);
        if (status == PL_OK && !beside)
            status = pl_fail(context, PL_BAD_DATA, "%s: has fewer segments than the codes",
                             pl_reader_name(original->store.input));
        if (status == PL_OK && found)
            status = pl_vq_stats_add(context, stats, book, codes, original);
    }
    return status;
}

static enum pl_status check_operands(struct pl_run *run)
{
    int inputs = 0;
    for (int i = 0; i < 3; i++)
        inputs += (i < 2 || i < run->operand_count) && strcmp(pl_run_operand(run, i), "-") == 0;
    return inputs < 2 ? PL_OK
                      : pl_fail(&run->context, PL_USAGE,
                                "only one of CODEBOOK, CODES and ORIGINAL can be standard input");
}

static enum pl_status run_command(struct pl_run *run, void *fields)
{
    const struct command *command = fields;
    struct pl_context *context = &run->context;
    struct pl_vq_book book = {0};
    struct pl_vector_source codes = {0}, original = {0};
    struct pl_vq_stats stats = {0};
    bool compared = run->operand_count > 2;
    enum pl_status status = check_operands(run);
    if (status == PL_OK && command->curve)
        status = pl_run_binary_output(run);
    if (status == PL_OK)
        status = pl_vq_book_open(context, &book, run->operands[0], false);
    if (status == PL_OK)
        status = pl_vector_source_open(context, &codes, pl_run_operand(run, 1), NULL);
    if (status == PL_OK && compared)
        status = pl_vector_source_open(context, &original, run->operands[2], NULL);
    if (status == PL_OK)
        status = pl_vq_stats_init(context, &stats, &book.vq);
    if (status == PL_OK)
        status = add_all(context, &stats, &book, &codes, compared ? &original : NULL);
    if (status == PL_OK)
        status = command->curve ? write_curve(run, &book.vq, &stats)
                                : write_report(run, command, &book.vq, &stats);
    pl_vq_stats_release(&stats);
    if (original.store.input)
        pl_vector_source_close(&original);
    if (codes.store.input)
        pl_vector_source_close(&codes);
    pl_vq_book_close(&book);
    return status;
}

static const struct pl_example examples[] = {
    {"vq-train --codes 256 --patch 4x4 data/parrot.png > p.cb && vq-encode p.cb data/parrot.png | "
     "vq-stats --json p.cb - data/parrot.png",
     "Usage, perplexity, mse and psnr of a picture"},
    {NULL, NULL},
};

static const char *const unused[] = {"explain", "memory", "seed", "no-history", NULL};

static const struct pl_tool tool = {
    .name = "vq-stats",
    .summary = "tell how a codebook is used by codes, and what they lose",
    .operands = "CODEBOOK [CODES [ORIGINAL]]",
    .least = 1,
    .most = 3,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "vq-encode(1), vq-train(1), ts-plot(1)",
    .run = run_command,
    .describe = pl_blas_describe,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
