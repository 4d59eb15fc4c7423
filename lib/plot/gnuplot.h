/* Figures as PNG or SVG, drawn by gnuplot.
 * SPDX-License-Identifier: MIT */
#ifndef PL_PLOT_GNUPLOT_H
#define PL_PLOT_GNUPLOT_H

#include "base/file.h"
#include "plot/figure.h"

/* Pixels; 0 x 0: a size that suits the number of charts. */
struct pl_plot_size {
    int width, height;
};

/* Runs gnuplot and passes its picture on.  PL_SYSTEM with the package to install when there is
 * no gnuplot, and with its own words when it fails. */
enum pl_status pl_figure_gnuplot(struct pl_context *context, const struct pl_figure *figure,
                                 bool svg, struct pl_plot_size size,
                                 const struct pl_output *output) PL_MUST_CHECK;

#endif
