/* Trajectories of chaotic systems.
 * SPDX-License-Identifier: MIT */
#ifndef PL_SERIES_ATTRACTOR_H
#define PL_SERIES_ATTRACTOR_H

#include <stdbool.h>
#include <stdint.h>

enum { PL_ATTRACTOR_DIMS = 3 };

/* dx/dt of the state. */
typedef void pl_flow(const double parameters[3], const double state[PL_ATTRACTOR_DIMS],
                     double change[PL_ATTRACTOR_DIMS]);

struct pl_attractor {
    pl_flow *flow;
    double parameters[3];
    double step; /* of time */
    double state[PL_ATTRACTOR_DIMS];
};

/* Lorenz (1963): sigma (y - x), x (rho - z) - y, x y - beta z. */
void pl_lorenz(const double parameters[3], const double state[PL_ATTRACTOR_DIMS],
               double change[PL_ATTRACTOR_DIMS]);
/* Roessler (1976): -y - z, x + a y, b + z (x - c). */
void pl_roessler(const double parameters[3], const double state[PL_ATTRACTOR_DIMS],
                 double change[PL_ATTRACTOR_DIMS]);

/* A start near the attractor, from the seed. */
void pl_attractor_start(struct pl_attractor *attractor, uint64_t seed);

/* One step of the classical Runge-Kutta method; false when the state is finite no more. */
bool pl_attractor_next(struct pl_attractor *attractor);

#endif
