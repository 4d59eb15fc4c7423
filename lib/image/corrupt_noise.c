/* Corruptions: noise.
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "image/corrupt_parts.h"

static int64_t values(const struct pl_canvas *canvas)
{
    return pl_canvas_area(canvas) * canvas->channels;
}

/* x + N(0, amount^2) */
void pl_gaussian_noise(struct pl_canvas *canvas)
{
    for (int64_t i = 0; i < values(canvas); i++)
        canvas->pixels[i] += (float)(canvas->amount * pl_rng_normal(&canvas->rng, (uint64_t)i));
}

/* x + x N(0, amount^2) */
void pl_speckle_noise(struct pl_canvas *canvas)
{
    for (int64_t i = 0; i < values(canvas); i++)
        canvas->pixels[i] *= (float)(1 + canvas->amount * pl_rng_normal(&canvas->rng, (uint64_t)i));
}

/* A share `amount` of the values becomes black or white, with equal chances. */
void pl_impulse_noise(struct pl_canvas *canvas)
{
    for (int64_t i = 0; i < values(canvas); i++) {
        double chance = pl_rng_uniform(&canvas->rng, (uint64_t)i);
        if (chance < canvas->amount)
            canvas->pixels[i] = chance < canvas->amount / 2 ? 0 : 1;
    }
}

#define POISSON_PARTS 64
#define POISSON_MOST  500.0 /* e^-mean is far from underflow */

/* A Poisson number of that mean: the first count whose probabilities add up to a uniform number;
 * one of a large mean is the sum of several. */
static double poisson(const struct pl_rng *rng, uint64_t element, double mean)
{
    double total = 0;
    for (uint64_t part = 0; mean > 0 && part < POISSON_PARTS; part++, mean -= POISSON_MOST) {
        const double here = mean < POISSON_MOST ? mean : POISSON_MOST;
        const double chance = pl_rng_uniform(rng, element * POISSON_PARTS + part);
        double probability = exp(-here), sum = probability, count = 0;
        while (sum <= chance && count < 3 * POISSON_MOST) {
            count++;
            probability *= here / count;
            sum += probability;
        }
        total += count;
    }
    return total;
}

/* Poisson(x amount) / amount; of more photons than are worth counting, the normal number that it
 * is close to. */
void pl_shot_noise(struct pl_canvas *canvas)
{
    const double photons = canvas->amount;
    for (int64_t i = 0; i < values(canvas); i++) {
        const double mean = (double)canvas->pixels[i] * photons;
        const double count =
            mean < POISSON_PARTS * POISSON_MOST
                ? poisson(&canvas->rng, (uint64_t)i, mean)
                : mean + sqrt(mean) * pl_rng_normal(&canvas->rng, (uint64_t)i * POISSON_PARTS);
        canvas->pixels[i] = (float)(count / photons);
    }
}
