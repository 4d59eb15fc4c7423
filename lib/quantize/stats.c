/* What codes make of a codebook, and what they lose.
 * SPDX-License-Identifier: MIT */
#include "quantize/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum pl_status pl_vq_stats_init(struct pl_context *context, struct pl_vq_stats *stats,
                                const struct pl_vq *vq)
{
    size_t levels = (size_t)vq->options.levels;
    *stats = (struct pl_vq_stats){.low = INFINITY, .high = -INFINITY};
    stats->counts = pl_new(context, levels * (size_t)vq->options.codes, sizeof *stats->counts);
    stats->squares = pl_new(context, levels, sizeof *stats->squares);
    return stats->counts && stats->squares ? PL_OK : context->status;
}

void pl_vq_stats_release(struct pl_vq_stats *stats)
{
    free(stats->counts);
    free(stats->squares);
}

double pl_vq_stats_mse(const struct pl_vq_stats *stats, int64_t levels)
{
    return stats->numbers ? stats->squares[levels - 1] / (double)stats->numbers : (double)NAN;
}

double pl_vq_stats_psnr(const struct pl_vq_stats *stats, int64_t levels)
{
    double peak = stats->full_scale ? 1 : stats->high - stats->low;
    return 10 * log10(peak * peak / pl_vq_stats_mse(stats, levels));
}

/* Decoded elements on their way past the original. */
struct comparison {
    struct pl_vq_stats *stats;
    const struct pl_sheet *sheet;
    struct pl_elements original;
    const char *ahead;
    int64_t ahead_count;
    double square;
};

static enum pl_status compare(struct pl_context *context, void *user, const void *elements,
                              int64_t count)
{
    struct comparison *c = user;
    enum pl_dtype dtype = c->sheet->dtype;
    for (int64_t i = 0; i < count; i++) {
        if (c->ahead_count == 0) {
            const void *data = NULL;
            if (pl_elements_next(context, &c->original, &data, &c->ahead_count))
                return context->status;
            c->ahead = data;
        }
        double value = pl_element(c->ahead, dtype, 0) / c->sheet->scale;
        double error = pl_element(elements, dtype, i) / c->sheet->scale - value;
        c->square += error * error;
        c->stats->low = fmin(c->stats->low, value);
        c->stats->high = fmax(c->stats->high, value);
        c->ahead += pl_dtype_size(dtype);
        c->ahead_count--;
    }
    return PL_OK;
}

/* The tensor of the original that a sheet was made of. */
static enum pl_status find_original(struct pl_context *context, struct pl_vector_source *original,
                                    const struct pl_sheet *sheet, bool only,
                                    const struct pl_directory_entry **found)
{
    struct pl_directory *directory = &original->store.directory;
    *found = pl_directory_find(context, directory, sheet->name);
    for (size_t i = 0; i < directory->count && !*found && only; i++)
        if (directory->entries[i].rank == sheet->rank)
            *found = &directory->entries[i]; /* the same under another name */
    const char *name = pl_reader_name(original->store.input);
    if (!*found)
        return pl_fail(context, PL_BAD_DATA, "%s: no tensor '%s', of which there are codes", name,
                       sheet->name);
    if ((*found)->dtype != sheet->dtype || (*found)->rank != sheet->rank ||
        memcmp((*found)->dims, sheet->dims, (size_t)sheet->rank * sizeof *sheet->dims) != 0)
        return pl_fail(context, PL_BAD_DATA,
                       "%s: tensor '%s' has another type or shape than what was encoded", name,
                       (*found)->name);
    return PL_OK;
}

static void count_codes(struct pl_vq_stats *stats, const struct pl_codes *codes,
                        const int32_t *found, int64_t rows)
{
    for (int64_t i = 0; i < rows * codes->levels; i++)
        stats->counts[i % codes->levels * codes->codes + found[i]]++;
    stats->vectors += rows;
}

/* One pass over the codes of a sheet: counts them, or, with a joiner, decodes the first levels. */
static enum pl_status pass(struct pl_context *context, struct pl_vq_stats *stats,
                           struct pl_vq_book *book, struct pl_vector_source *source,
                           const struct pl_codes *codes, size_t sheet, int64_t levels,
                           struct pl_joiner *joiner)
{
    struct pl_coder *coder = &book->coder;
    struct pl_code_reader in;
    int64_t count = 1;
    enum pl_status status = pl_code_reader_open(context, &in, codes, sheet, source->store.reader,
                                                &source->store.directory);
    while (status == PL_OK && count > 0) {
        status = pl_code_reader_next(context, &in, coder->most, coder->codes, &count);
        if (status)
            return pl_fail_at(context, "%s", pl_reader_name(source->store.input));
        if (!joiner) {
            count_codes(stats, codes, coder->codes, count * codes->places);
        } else if (count > 0) {
            status = pl_coder_decode(context, coder, coder->codes, count, levels, coder->vectors);
            if (status == PL_OK)
                status = pl_joiner_put(context, joiner, coder->vectors, count);
        }
    }
    return status;
}

static enum pl_status compare_sheet(struct pl_context *context, struct pl_vq_stats *stats,
                                    struct pl_vq_book *book, struct pl_vector_source *source,
                                    struct pl_vector_source *original, const struct pl_codes *codes,
                                    size_t index)
{
    const struct pl_sheet *sheet = &codes->sheets[index];
    const struct pl_directory_entry *entry;
    int64_t numbers = 0;
    enum pl_status status = find_original(context, original, sheet, codes->count == 1, &entry);
    for (int64_t level = 1; level <= codes->levels && status == PL_OK; level++) {
        struct comparison comparison = {.stats = stats, .sheet = sheet};
        struct pl_joiner joiner;
        if (pl_elements_start(context, &comparison.original, original->store.reader, entry) ||
            pl_joiner_open(context, &joiner, sheet, compare, &comparison))
            return context->status;
        status = pass(context, stats, book, source, codes, index, level, &joiner);
        pl_joiner_close(&joiner);
        stats->squares[level - 1] += comparison.square;
    }
    if (status == PL_OK && !pl_shape_count(sheet->rank, sheet->dims, &numbers))
        numbers = 0; /* cannot be: it was read */
    stats->numbers += numbers;
    stats->full_scale =
        sheet->scale > 1 || strcmp(codes->kind, "images") == 0 || strcmp(codes->kind, "audio") == 0;
    return status;
}

enum pl_status pl_vq_stats_add(struct pl_context *context, struct pl_vq_stats *stats,
                               struct pl_vq_book *book, struct pl_vector_source *source,
                               struct pl_vector_source *original)
{
    struct pl_codes codes;
    if (source->store.directory.count == 0)
        return PL_OK;
    if (pl_vq_codes_of(context, book, source, &codes))
        return context->status;
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < codes.count && status == PL_OK; i++) {
        status = pass(context, stats, book, source, &codes, i, 0, NULL);
        if (status == PL_OK && original)
            status = compare_sheet(context, stats, book, source, original, &codes, i);
    }
    pl_codes_release(&codes);
    return status;
}
