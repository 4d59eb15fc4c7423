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

#endif
