/* Figures as text, for the terminal.
 * SPDX-License-Identifier: MIT */
#ifndef PL_PLOT_TERMINAL_H
#define PL_PLOT_TERMINAL_H

#include "base/buffer.h"
#include "plot/figure.h"

struct pl_terminal {
    int columns, rows; /* characters to fill */
    bool unicode;      /* Braille patterns, 2 x 4 dots a character; else ASCII */
    bool colour;       /* ANSI escapes */
};

/* Appends the picture as lines of text. */
enum pl_status pl_figure_terminal(struct pl_context *context, const struct pl_figure *figure,
                                  const struct pl_terminal *terminal,
                                  struct pl_buffer *out) PL_MUST_CHECK;

#endif
