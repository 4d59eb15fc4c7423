/* Trajectories of chaotic systems, by the classical fourth-order Runge-Kutta method.
 * SPDX-License-Identifier: MIT
 *
 * Two starts however close part exponentially (by e^0.9 a unit of time for Lorenz), so a model is
 * judged by whether it stays on the attractor and visits it as the true system does, not by its
 * error after a thousand steps.  For the same reason these numbers are reproducible on one machine
 * and build only: one rounding, and it is another trajectory of the same attractor. */
#include "series/attractor.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"

enum { DIMS = PL_ATTRACTOR_DIMS };

void pl_lorenz(const double parameters[3], const double state[DIMS], double change[DIMS])
{
    change[0] = parameters[0] * (state[1] - state[0]);
    change[1] = state[0] * (parameters[1] - state[2]) - state[1];
    change[2] = state[0] * state[1] - parameters[2] * state[2];
}

void pl_roessler(const double parameters[3], const double state[DIMS], double change[DIMS])
{
    change[0] = -state[1] - state[2];
    change[1] = state[0] + parameters[0] * state[1];
    change[2] = parameters[1] + state[2] * (state[0] - parameters[2]);
}

void pl_attractor_start(struct pl_attractor *attractor, uint64_t seed)
{
    struct pl_rng rng = pl_rng_init(seed, "attractor");
    for (int i = 0; i < DIMS; i++) {
        attractor->state[i] = 1 + 0.1 * pl_rng_normal(&rng, (uint64_t)i);
    }
}

/* The change at state + step * slope. */
static void slope_at(const struct pl_attractor *attractor, const double *slope, double step,
                     double change[DIMS])
{
    double state[DIMS];
    for (int i = 0; i < DIMS; i++) {
        state[i] = attractor->state[i] + step * slope[i];
    }
    attractor->flow(attractor->parameters, state, change);
}

bool pl_attractor_next(struct pl_attractor *attractor)
{
    static const double none[DIMS];
    double slopes[4][DIMS], step = attractor->step;
    bool finite = true;
    slope_at(attractor, none, 0, slopes[0]);
    slope_at(attractor, slopes[0], step / 2, slopes[1]);
    slope_at(attractor, slopes[1], step / 2, slopes[2]);
    slope_at(attractor, slopes[2], step, slopes[3]);
    for (int i = 0; i < DIMS; i++) {
        attractor->state[i] +=
            step / 6 * (slopes[0][i] + 2 * slopes[1][i] + 2 * slopes[2][i] + slopes[3][i]);
        finite = finite && isfinite(attractor->state[i]);
    }
    return finite;
}
