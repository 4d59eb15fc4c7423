/* Aligning one model to another: the search with restarts, and what it gained.
 * SPDX-License-Identifier: MIT */
#ifndef PL_WEIGHTS_ALIGN_H
#define PL_WEIGHTS_ALIGN_H

#include "weights/alignment.h"

struct pl_align_options {
    int64_t sweeps;   /* most in a search */
    int64_t restarts; /* searches: the first in the order of the specification, others in random
                         orders; the largest J is kept */
    uint64_t seed;    /* of these orders */
    bool buffers;
    bool analyse; /* singular vectors, too */
    /* NULL, or as in struct pl_matching */
    void (*step)(void *user, int64_t sweep, const char *group, double gain, double inner);
    void *user;
};

struct pl_align_report {
    int64_t sweeps; /* of the search that was kept; 0: there was none */
    struct pl_match_sums before, after;
    struct pl_alignment alignment_before, alignment_after; /* count 0: not analysed */
};

/* Improves permutations, which may begin anywhere. */
enum pl_status pl_align_weights(struct pl_context *context, const struct pl_matching *pair,
                                const struct pl_align_options *options,
                                struct pl_permutations *permutations,
                                struct pl_align_report *report) PL_MUST_CHECK;

/* What permutations that came from elsewhere gain: fills all of report but sweeps. */
enum pl_status pl_align_measure(struct pl_context *context, const struct pl_matching *pair,
                                const struct pl_align_options *options,
                                const struct pl_permutations *permutations,
                                struct pl_align_report *report) PL_MUST_CHECK;

/* 1 - ||A - P B|| / ||A - B|| */
double pl_align_reduction(const struct pl_align_report *report);

/* Adds the report to a document, as a map. */
void pl_align_write(struct pl_context *context, const struct pl_align_report *report,
                    const struct pl_permutation_spec *spec,
                    const struct pl_permutations *permutations, struct pl_meta *meta,
                    struct pl_meta_node *parent, const char *key);

#endif
