/* The importers, one a format, and how a format is recognised.
 * SPDX-License-Identifier: MIT
 *
 * Inner header.  An importer writes what the bytes hold: everything but the end record.  Faults of
 * the input carry its name; failures of the writer carry the writer's. */
#ifndef PL_FORMATS_IMPORTERS_H
#define PL_FORMATS_IMPORTERS_H

#include "formats/bytes.h"
#include "formats/input.h"

typedef enum pl_status pl_importer(struct pl_context *context, const struct pl_import *import,
                                   struct pl_bytes *bytes, struct pl_writer *writer);

pl_importer pl_csv_import, pl_npy_import, pl_npz_import, pl_safetensors_import, pl_idx_import,
    pl_raw_import, pl_cifar_import, pl_png_import, pl_pnm_import, pl_wav_import, pl_llama2c_import,
    pl_hf_import, pl_pytorch_import;

/* `tokenizer.json` of a model, if the import has one; PL_BAD_DATA when it has more tokens than the
 * model.  name: of the checkpoint. */
enum pl_status pl_import_tokenizer(struct pl_context *context, const struct pl_import *import,
                                   const char *name, int64_t vocabulary,
                                   struct pl_writer *writer) PL_MUST_CHECK;

/* Whether the first bytes are those of a llama2.c checkpoint. */
bool pl_llama2c_sniff(const uint8_t *bytes, size_t size);

/* Pictures and, unless NULL, their labels, as a segment of kind `images`. */
enum pl_status pl_idx_pair(struct pl_context *context, struct pl_bytes *images,
                           struct pl_bytes *labels, struct pl_writer *writer) PL_MUST_CHECK;

/* Whether the bytes begin with the whole header of a PGM or PPM picture, width and height in one
 * line: numbers below the word P2 or P5 are a column of a table.  May follow: more bytes might make
 * them so. */
bool pl_pnm_sniff(const void *bytes, size_t size);
bool pl_pnm_may_follow(const void *bytes, size_t size);

/* True while more bytes might change what pl_format_sniff says. */
bool pl_sniff_wants_more(const void *bytes, size_t size);

#endif
