/* A series as an aligned table, for people at a terminal.
 * SPDX-License-Identifier: MIT */
#ifndef PL_FORMATS_TABLE_H
#define PL_FORMATS_TABLE_H

#include "base/buffer.h"
#include "stream/bundle.h"

/* Whether a bundle is one that pl_table_series can show: f64 or f32 `values` of rank 2. */
bool pl_table_fits(const struct pl_bundle *bundle);

/* Appends a line of column names and a line a row: stamp, series, values to six digits, words.  Of
 * more than `most` rows the middle is left out, and a line says how many; of the columns the first
 * 40 are shown. */
enum pl_status pl_table_series(struct pl_context *context, const struct pl_bundle *bundle,
                               int64_t most, struct pl_buffer *out) PL_MUST_CHECK;

#endif
