/* Streams of vectors to streams of codes, and back.
 * SPDX-License-Identifier: MIT */
#include "quantize/transcode.h"

#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "stream/history.h"

enum pl_status pl_vq_book_open(struct pl_context *context, struct pl_vq_book *book,
                               const char *path, bool search)
{
    *book = (struct pl_vq_book){0};
    enum pl_status status = pl_input_bundle(context, path, NULL, &book->source, &book->bundle);
    if (status == PL_OK)
        status = pl_vq_read(context, &book->vq, &book->bundle);
    if (status == PL_OK)
        status = pl_coder_init(context, &book->coder, &book->vq, search);
    return status;
}

void pl_vq_book_close(struct pl_vq_book *book)
{
    pl_coder_release(&book->coder);
    pl_vq_release(&book->vq);
    pl_bundle_release(&book->bundle);
}

/* ---- Encoding ----------------------------------------------------------------------------- */

static bool is_sheet(const void *user, const char *tensor)
{
    const struct pl_vector_source *source = user;
    for (size_t i = 0; i < source->count; i++)
        if (strcmp(source->sheets[i].name, tensor) == 0)
            return true;
    return false;
}

/* `codes`, or codes.TENSOR when there are several. */
static enum pl_status name_records(struct pl_context *context, struct pl_codes *codes)
{
    codes->records = pl_arena_new(context, &codes->arena, codes->count, sizeof *codes->records);
    for (size_t i = 0; i < codes->count && codes->records; i++) {
        char name[PL_NAME_MAX + 8];
        snprintf(name, sizeof name, "codes.%s", codes->sheets[i].name);
        size_t size = codes->count == 1 ? strlen("codes") : strlen(name);
        if (size > PL_NAME_MAX)
            return pl_fail(context, PL_BAD_DATA, "tensor '%s': its name is too long for its codes",
                           codes->sheets[i].name);
        codes->records[i] = pl_arena_text(context, &codes->arena, name, size);
        if (!codes->records[i])
            return context->status;
    }
    return codes->records ? PL_OK : context->status;
}

static enum pl_status encode_sheet(struct pl_context *context, struct pl_vq_book *book,
                                   struct pl_vector_source *source, size_t index,
                                   struct pl_code_writer *out)
{
    struct pl_coder *coder = &book->coder;
    struct pl_cutter cutter;
    int64_t count = 1;
    enum pl_status status = pl_cutter_open(context, &cutter, &source->sheets[index],
                                           source->store.reader, source->entries[index]);
    while (status == PL_OK && count > 0) {
        status = pl_cutter_next(context, &cutter, coder->most, coder->vectors, &count);
        if (status)
            status = pl_fail_at(context, "%s", pl_reader_name(source->store.input));
        if (status == PL_OK && count > 0)
            status = pl_coder_encode(context, coder, coder->vectors, count, coder->codes);
        if (status == PL_OK && count > 0)
            status =
                pl_code_writer_put(context, out, coder->codes, count * pl_vq_places(coder->vq));
    }
    pl_cutter_close(&cutter);
    return status ? status : pl_code_writer_close(context, out);
}

static enum pl_status encode_sheets(struct pl_context *context, struct pl_vq_book *book,
                                    struct pl_vector_source *source, const struct pl_codes *codes,
                                    enum pl_codec codec, struct pl_writer *writer)
{
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < codes->count && status == PL_OK; i++) {
        struct pl_code_writer out;
        status = pl_code_writer_open(context, &out, codes, i, codec, writer);
        if (status == PL_OK)
            status = encode_sheet(context, book, source, i, &out);
        pl_code_writer_release(&out);
    }
    return status;
}

enum pl_status pl_vq_encode_segment(struct pl_context *context, struct pl_vq_book *book,
                                    struct pl_vector_source *source, const void *user,
                                    struct pl_writer *writer)
{
    const struct pl_encode_options *options = user;
    const struct pl_vq *vq = &book->vq;
    if (source->store.directory.count == 0)
        return PL_OK;
    if (strcmp(source->kind, "codes") == 0 || strcmp(source->kind, "codebook") == 0)
        return pl_fail(context, PL_BAD_DATA, "%s: %s, not data to encode (vq-decode reads codes)",
                       pl_reader_name(source->store.input), source->kind);
    if (pl_vector_source_cut(context, source, &vq->cut) ||
        pl_vector_source_expect(context, source, vq->size))
        return context->status;
    struct pl_codes codes = {.codebook = book->bundle.sum,
                             .codes = vq->options.codes,
                             .levels = vq->options.levels,
                             .places = pl_vq_places(vq),
                             .bits = options->pack ? pl_code_bits(vq->options.codes) : 0,
                             .cut = vq->cut,
                             .kind = source->kind,
                             .sheets = source->sheets,
                             .count = source->count};
    enum pl_status status = name_records(context, &codes);
    if (status == PL_OK)
        status = pl_codes_write(context, &codes, writer);
    if (status == PL_OK)
        status = pl_vector_source_copy(context, source, is_sheet, source, writer);
    if (status == PL_OK)
        status =
            encode_sheets(context, book, source, &codes, (enum pl_codec)options->codec, writer);
    pl_codes_release(&codes);
    return status;
}

/* ---- Decoding ----------------------------------------------------------------------------- */

enum pl_status pl_vq_codes_of(struct pl_context *context, const struct pl_vq_book *book,
                              const struct pl_vector_source *source, struct pl_codes *codes)
{
    const char *name = pl_reader_name(source->store.input);
    *codes = (struct pl_codes){0};
    if (!source->codes.root)
        return pl_fail(context, PL_BAD_DATA, "%s: no codes, but %s (vq-encode makes codes)", name,
                       source->kind);
    if (pl_codes_read(context, codes, source->codes.root, name))
        return context->status;
    if (pl_codes_expect(context, codes, &book->vq, book->bundle.sum, name) == PL_OK)
        return PL_OK;
    pl_codes_release(codes);
    return context->status;
}

static bool is_record(const void *user, const char *tensor)
{
    const struct pl_codes *codes = user;
    for (size_t i = 0; i < codes->count; i++)
        if (strcmp(codes->records[i], tensor) == 0)
            return true;
    return false;
}

struct written {
    struct pl_writer *writer;
    size_t size; /* of an element */
};

static enum pl_status write_elements(struct pl_context *context, void *user, const void *elements,
                                     int64_t count)
{
    const struct written *written = user;
    return pl_writer_bytes(context, written->writer, elements, (size_t)count * written->size);
}

static enum pl_status decode_sheet(struct pl_context *context, struct pl_vq_book *book,
                                   struct pl_vector_source *source, const struct pl_codes *codes,
                                   size_t index, struct pl_writer *writer)
{
    struct pl_coder *coder = &book->coder;
    const struct pl_sheet *sheet = &codes->sheets[index];
    struct written written = {writer, pl_dtype_size(sheet->dtype)};
    struct pl_code_reader in;
    struct pl_joiner joiner;
    int64_t count = 1;
    if (pl_code_reader_open(context, &in, codes, index, source->store.reader,
                            &source->store.directory) ||
        pl_writer_begin(context, writer, sheet->name, sheet->dtype, sheet->rank, sheet->dims) ||
        pl_joiner_open(context, &joiner, sheet, write_elements, &written))
        return context->status;
    enum pl_status status = PL_OK;
    while (status == PL_OK && count > 0) {
        status = pl_code_reader_next(context, &in, coder->most, coder->codes, &count);
        if (status)
            status = pl_fail_at(context, "%s", pl_reader_name(source->store.input));
        if (status == PL_OK && count > 0)
            status =
                pl_coder_decode(context, coder, coder->codes, count, codes->levels, coder->vectors);
        if (status == PL_OK && count > 0)
            status = pl_joiner_put(context, &joiner, coder->vectors, count);
    }
    pl_joiner_close(&joiner);
    return status ? status : pl_writer_finish(context, writer);
}

enum pl_status pl_vq_decode_segment(struct pl_context *context, struct pl_vq_book *book,
                                    struct pl_vector_source *source, const void *options,
                                    struct pl_writer *writer)
{
    struct pl_codes codes;
    (void)options;
    if (source->store.directory.count == 0)
        return PL_OK;
    if (pl_vq_codes_of(context, book, source, &codes))
        return context->status;
    enum pl_status status = PL_OK;
    if (strcmp(codes.kind, "tensors") != 0)
        status = pl_writer_kind(context, writer, codes.kind);
    if (status == PL_OK)
        status = pl_vector_source_copy(context, source, is_record, &codes, writer);
    for (size_t i = 0; i < codes.count && status == PL_OK; i++)
        status = decode_sheet(context, book, source, &codes, i, writer);
    pl_codes_release(&codes);
    return status;
}

/* ---- Tools -------------------------------------------------------------------------------- */

static enum pl_status end_segment(struct pl_run *run, const struct pl_vq_book *book,
                                  const struct pl_vector_source *source, struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    struct pl_history history = {0};
    enum pl_status status = PL_OK;
    if (run->common.history) {
        status = pl_history_start(context, &history, run->tool->name, PL_VERSION, run->argc,
                                  run->argv, run->common.seed);
        if (status == PL_OK)
            status = pl_history_input(context, &history, run->operands[0], book->source.sum,
                                      pl_bundle_document(&book->bundle, "history"));
        if (status == PL_OK)
            status = pl_history_input(context, &history, pl_run_operand(run, 1),
                                      pl_vector_source_sum(source), source->history.root);
        if (status == PL_OK)
            status = pl_history_write(context, &history, writer);
        pl_history_release(&history);
    }
    return status ? status : pl_writer_end(context, writer);
}

static enum pl_status transcode(struct pl_run *run, bool search, pl_vq_segment_fn *segment,
                                const void *options, struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    struct pl_vq_book book = {0};
    struct pl_vector_source source = {0};
    bool found = true;
    enum pl_status status = pl_vq_book_open(context, &book, run->operands[0], search);
    if (status == PL_OK)
        status = pl_vector_source_open(context, &source, pl_run_operand(run, 1), NULL);
    while (status == PL_OK && found) {
        status = pl_vector_source_next(context, &source, &found);
        if (status == PL_OK && found)
            status = segment(context, &book, &source, options, writer);
        if (status == PL_OK && found)
            status = end_segment(run, &book, &source, writer);
    }
    if (source.store.input)
        pl_vector_source_close(&source);
    pl_vq_book_close(&book);
    return status;
}

enum pl_status pl_vq_transcode(struct pl_run *run, bool search, pl_vq_segment_fn *segment,
                               const void *options)
{
    struct pl_context *context = &run->context;
    if (strcmp(run->operands[0], "-") == 0 && strcmp(pl_run_operand(run, 1), "-") == 0)
        return pl_fail(context, PL_USAGE, "CODEBOOK and DATA cannot both be standard input");
    if (pl_run_binary_output(run))
        return context->status;
    struct pl_writer *writer = pl_writer_open(context, run->common.output);
    if (!writer)
        return context->status;
    enum pl_status status = transcode(run, search, segment, options, writer);
    if (status == PL_OK)
        return pl_writer_commit(context, writer);
    pl_writer_abort(context, writer, run->tool->name);
    return status;
}
