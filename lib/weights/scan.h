/* What lmc-scan does: two classifiers of pictures, the line between them, and what explains it.
 * SPDX-License-Identifier: MIT */
#ifndef PL_WEIGHTS_SCAN_H
#define PL_WEIGHTS_SCAN_H

#include "formats/input.h"
#include "weights/alignment.h"
#include "weights/image_loss.h"
#include "weights/landscape.h"

struct pl_scan_options {
    int64_t points;
    int64_t most; /* pictures; 0: all */
    bool reset;   /* running statistics are counted anew at every point */
    bool mean_chord, refine;
    bool predict, align, layers, terms;
    double eps;       /* of differences, as a share of the way from A to B */
    double tolerance; /* a smaller barrier is none */
};

/* The base, from which both were trained, may be missing. */
enum { PL_SCAN_A, PL_SCAN_B, PL_SCAN_DATA, PL_SCAN_BASE, PL_SCAN_INPUTS };

struct pl_scan_layer {
    const char *name;
    int64_t first, count; /* parameters */
    double norm;          /* ||D_l|| */
    double curvature;     /* D_l' H D_l / 8 at A */
    double barrier[2];    /* all others as in A, as in B */
    double shallow, deep; /* it and all before it, behind it, together; others as in A */
};

struct pl_scan {
    const struct pl_scan_options *options;
    const char *paths[PL_SCAN_INPUTS]; /* NULL: there is none */
    /* NULL, or is told of every evaluation. */
    void (*step)(void *user);
    void *user;
    /* Kept by the functions */
    struct pl_arena arena;
    struct pl_bundle bundles[PL_SCAN_INPUTS];
    struct pl_source sources[PL_SCAN_INPUTS];
    struct pl_image_net work;
    struct pl_pictures pictures;
    struct pl_image_loss image;
    struct pl_landscape landscape;
    const pl_real *base; /* [landscape.count]; NULL: there is none */
    struct pl_line line;
    struct pl_prediction prediction;
    struct pl_alignment alignment;
    struct pl_match_sums sums;
    struct pl_fork fork;
    struct pl_scan_layer *layers;
    size_t layer_count;
    struct pl_excess_terms terms; /* means */
};

/* Reads the models and the data.  PL_BAD_DATA lists all that does not fit. */
enum pl_status pl_scan_open(struct pl_context *context, struct pl_scan *scan) PL_MUST_CHECK;
enum pl_status pl_scan_run(struct pl_context *context, struct pl_scan *scan) PL_MUST_CHECK;
/* Fills an empty document. */
enum pl_status pl_scan_report(struct pl_context *context, const struct pl_scan *scan,
                              struct pl_meta *meta) PL_MUST_CHECK;
/* A stream of kind `metrics` but for history and end: the report, and f64 [points] `step` (t),
 * `loss`, `accuracy`, `excess`. */
enum pl_status pl_scan_write(struct pl_context *context, const struct pl_scan *scan,
                             struct pl_writer *writer) PL_MUST_CHECK;
void pl_scan_release(struct pl_scan *scan);

#endif
