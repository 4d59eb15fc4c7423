/* The loss between two networks.
 * SPDX-License-Identifier: MIT
 *
 * Parameters are flat: A and B, D = B - A, and the line A + t D.  The excess of the line over its
 * chord is e(t) = L(t) - (1 - t) L(A) - t L(B); the barrier is the largest excess.  Two networks
 * are linearly connected when there is none.  (Frankle, Dziugaite, Roy, Carbin: Linear Mode
 * Connectivity and the Lottery Ticket Hypothesis, ICML 2020; Singh and others: Landscaping Linear
 * Mode Connectivity, 2024, arXiv 2406.16300.) */
#ifndef PL_WEIGHTS_LANDSCAPE_H
#define PL_WEIGHTS_LANDSCAPE_H

#include "tensor/real.h"

/* What is evaluated: a loss of `count` parameters. */
struct pl_landscape {
    int64_t count;
    const pl_real *a, *b; /* [count] */
    /* Mean loss and share of right answers (NULL: not asked) at theta, and the gradient (NULL: not
     * asked) there. */
    enum pl_status (*loss)(struct pl_context *context, void *user, const pl_real *theta,
                           double *loss, double *right, pl_real *gradient);
    void *user;
    /* The gradient leaves some parameters out, so slope and curvature are told by the loss. */
    bool differences;
};

/* One point of the line. */
struct pl_line_point {
    double t, loss, right, excess;
};

struct pl_line {
    struct pl_line_point *points; /* [count], t from 0 to 1 in even steps; the caller's */
    int64_t count;                /* at least 2; the caller's */
    bool mean_chord;              /* the caller's: excesses are over (L(A) + L(B)) / 2 instead */
    double barrier, barrier_at;   /* largest excess and its t; 0 when none is above 0 */
    double middle;                /* excess at 1/2 */
    double error_barrier;         /* the same of 1 - right */
};

/* Fills line->points and what is found from them; a loss that is not finite makes the barrier
 * infinite. */
enum pl_status pl_landscape_scan(struct pl_context *context, const struct pl_landscape *landscape,
                                 struct pl_line *line) PL_MUST_CHECK;

/* Narrows the highest point down between its neighbours by golden section: sets barrier and
 * barrier_at. */
enum pl_status pl_landscape_refine(struct pl_context *context, const struct pl_landscape *landscape,
                                   struct pl_line *line) PL_MUST_CHECK;

/* Slope g'D and curvature D'HD at A + t D, for a direction D [count], from gradients at eps D on
 * both sides; product: NULL, or [count], the Hessian times D. */
enum pl_status pl_landscape_curvature(struct pl_context *context,
                                      const struct pl_landscape *landscape, double t,
                                      const pl_real *direction, double eps, double *slope,
                                      double *curvature, pl_real *product) PL_MUST_CHECK;

/* The same by differences of the loss itself, which is `here` at A + t D: two evaluations and no
 * gradient, but what float rounds off counts 1 / eps^2 times, and of a net with kinks it is the
 * curvature of a step of eps.  slope: NULL: not asked. */
enum pl_status pl_landscape_bend(struct pl_context *context, const struct pl_landscape *landscape,
                                 double t, const pl_real *direction, double here, double eps,
                                 double *slope, double *curvature) PL_MUST_CHECK;

/* The excess at t to second order, as seen from A, from B, and (t = 1/2) from the middle. */
struct pl_prediction {
    double loss[3], slope[3], curvature[3]; /* at A, the middle, B */
    double from_a, from_b, from_middle;     /* excess at 1/2 */
};
/* eps: as above, as a share of D. */
enum pl_status pl_landscape_predict(struct pl_context *context,
                                    const struct pl_landscape *landscape, double eps,
                                    struct pl_prediction *prediction) PL_MUST_CHECK;

/* Parameters first..first+count-1 alone on their way from A to B, all others as in A (default_b:
 * as in B): the curve at points.  Its chord is its own. */
enum pl_status pl_landscape_layer(struct pl_context *context, const struct pl_landscape *landscape,
                                  int64_t first, int64_t count, bool default_b,
                                  struct pl_line *line) PL_MUST_CHECK;

/* Where A and B lie as seen from a common start: distances, and the angle between the ways there in
 * radians, NaN when one of them has no length. */
struct pl_fork {
    double a, b, apart, angle;
};
struct pl_fork pl_landscape_fork(const pl_real *start, const pl_real *a, const pl_real *b,
                                 int64_t count);

/* The excess of cross-entropy on one example, in three exact parts, from logits at A, B and t: with
 * f of the line, c = (1 - t) f_A + t f_B and S = log sum exp,
 *   curve = S(f) - S(c),  spread = (1 - t) S(f_A) + t S(f_B) - S(c) >= 0,  label = (f - c)[label],
 * and the excess is curve - spread - label. */
struct pl_excess_terms {
    double curve, spread, label;
};
struct pl_excess_terms pl_landscape_terms(const pl_real *f_a, const pl_real *f_b, const pl_real *f,
                                          int64_t classes, int64_t label, double t);

#endif
