/* The exporters, one a format.
 * SPDX-License-Identifier: MIT
 *
 * Inner header. */
#ifndef PL_FORMATS_EXPORTERS_H
#define PL_FORMATS_EXPORTERS_H

#include "formats/export.h"
#include "formats/sink.h"

typedef enum pl_status pl_exporter(struct pl_context *context, struct pl_reader *reader,
                                   const struct pl_export *export, struct pl_sink *sink);

pl_exporter pl_csv_export, pl_npy_export, pl_npz_export, pl_safetensors_export, pl_png_export,
    pl_pnm_export, pl_wav_export;

/* A folder in the layout of Hugging Face: export_hf.c. */
enum pl_status pl_hf_export(struct pl_context *context, struct pl_reader *reader,
                            const struct pl_export *export, const char *path) PL_MUST_CHECK;

struct pl_collection; /* formats/collect.h */

/* The header of a file of safetensors with these tensors, in their order; of an item only its name,
 * type, shape and bytes count.  The first document, if there is one, becomes its metadata. */
enum pl_status pl_safetensors_header(struct pl_context *context,
                                     const struct pl_collection *collection,
                                     struct pl_buffer *out) PL_MUST_CHECK;

#endif
