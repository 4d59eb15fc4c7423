/* Unicode normalisation form C, of text as it comes.
 * SPDX-License-Identifier: MIT
 *
 * A text is cut in front of every character that nothing before it can combine with: most of them.
 * What lies between is decomposed, its marks are ordered by their classes, and what composes is
 * composed (Unicode Standard Annex 15).  Bytes that are not UTF-8 pass unchanged. */
#ifndef PL_TEXT_NFC_H
#define PL_TEXT_NFC_H

#include <stdbool.h>

#include "base/buffer.h"

/* Appends the normal form of text[0..size) up to where what follows might change it, all of it if
 * nothing follows (`closed`); *used is how far that is.  More than PL_NFC_MARKS characters that
 * combine are taken in groups of so many. */
#define PL_NFC_MARKS 256
enum pl_status pl_nfc_add(struct pl_context *context, const char *text, size_t size, bool closed,
                          size_t *used, struct pl_buffer *out) PL_MUST_CHECK;

#endif
