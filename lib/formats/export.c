/* A tensor stream as a file of another format.
 * SPDX-License-Identifier: MIT */
#include "formats/export.h"

#include "formats/exporters.h"

static pl_exporter *const exporters[] = {
    [PL_EXPORT_CSV] = pl_csv_export, [PL_EXPORT_NPY] = pl_npy_export,
    [PL_EXPORT_NPZ] = pl_npz_export, [PL_EXPORT_SAFETENSORS] = pl_safetensors_export,
    [PL_EXPORT_PNG] = pl_png_export, [PL_EXPORT_PPM] = pl_pnm_export,
    [PL_EXPORT_WAV] = pl_wav_export,
};

enum pl_status pl_export_file(struct pl_context *context, struct pl_reader *reader,
                              const struct pl_export *export, const char *path)
{
    struct pl_sink sink;
    if (export->format == PL_EXPORT_HF) {
        return pl_hf_export(context, reader, export, path);
    }
    enum pl_status status = pl_sink_open(context, &sink, path);
    if (!status) {
        status = exporters[export->format](context, reader, export, &sink);
        status = pl_sink_close(context, &sink, status);
    }
    return status;
}
