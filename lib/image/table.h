/* A table of pictures: a row each, a column a pixel and a last one with the class.
 * SPDX-License-Identifier: MIT */
#ifndef PL_IMAGE_TABLE_H
#define PL_IMAGE_TABLE_H

#include "stream/bundle.h"
#include "stream/writer.h"

/* Writes the rows of a series as square grey pictures, row by row of pixels, and their labels: a
 * segment of kind `images` but for history and end.  white: the value that becomes 255; values
 * between are rounded.  PL_BAD_DATA names the first cell that is out of range, or a column of
 * words. */
enum pl_status pl_pictures_of_table(struct pl_context *context, const struct pl_bundle *table,
                                    double white, struct pl_writer *writer) PL_MUST_CHECK;

#endif
