/* Robust weight signatures: projection and codes.
 * SPDX-License-Identifier: MIT */
#include "weights/signature.h"

#include <math.h>

/* Sums are Neumaier's: r must stay orthogonal to a whatever the size of the tensor. */
static void add(double value, double *sum, double *lost)
{
    const double next = *sum + value;
    *lost += fabs(*sum) >= fabs(value) ? (*sum - next) + value : (value - next) + *sum;
    *sum = next;
}

void pl_projection_add(struct pl_projection *projection, const double *start, const double *clean,
                       const double *robust, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const double t = robust[i] - start[i], a = clean[i] - start[i];
        add(t * a, &projection->ta, &projection->ta_lost);
        add(a * a, &projection->aa, &projection->aa_lost);
    }
}

bool pl_projection_exists(const struct pl_projection *projection)
{
    return projection->aa > 0;
}

void pl_projection_apply(const struct pl_projection *projection, const double *start,
                         const double *clean, const double *robust, int64_t count, double *r)
{
    const double ta = projection->ta + projection->ta_lost;
    const double aa = projection->aa + projection->aa_lost, share = aa > 0 ? ta / aa : 0;
    for (int64_t i = 0; i < count; i++)
        r[i] = robust[i] - start[i] - share * (clean[i] - start[i]);
}

/* ---- Quantisation ------------------------------------------------------------------------ */

/* Where a value stands on the even scale. */
static double scaled(enum pl_quantise kind, double value)
{
    switch (kind) {
    case PL_QUANTISE_TANH:
        return tanh(value);
    case PL_QUANTISE_LOG:
        return log2(fabs(value));
    case PL_QUANTISE_LINEAR:
        break;
    }
    return value;
}

struct pl_quantiser pl_quantiser_open(enum pl_quantise kind, int64_t levels)
{
    return (struct pl_quantiser){kind, levels, INFINITY, -INFINITY};
}

void pl_quantiser_widen(struct pl_quantiser *quantiser, const double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (quantiser->kind == PL_QUANTISE_LOG && values[i] == 0)
            continue;
        quantiser->least = fmin(quantiser->least, scaled(quantiser->kind, values[i]));
        quantiser->most = fmax(quantiser->most, scaled(quantiser->kind, values[i]));
    }
}

void pl_quantiser_close(struct pl_quantiser *quantiser, bool narrow)
{
    if (!(quantiser->least <= quantiser->most)) /* of no values */
        quantiser->least = quantiser->most = 0;
    if (narrow) {
        quantiser->least = (double)(float)quantiser->least;
        quantiser->most = (double)(float)quantiser->most;
    }
}

/* Steps of the even scale. */
static int64_t steps(const struct pl_quantiser *quantiser)
{
    return quantiser->kind == PL_QUANTISE_LOG ? quantiser->levels / 2 : quantiser->levels;
}

int pl_quantiser_bits(const struct pl_quantiser *quantiser)
{
    int64_t codes =
        quantiser->kind == PL_QUANTISE_LOG ? 2 * steps(quantiser) + 1 : quantiser->levels;
    int bits = 0;
    if (quantiser->kind != PL_QUANTISE_LOG && quantiser->least == quantiser->most)
        return 0;
    while ((int64_t)1 << bits < codes)
        bits++;
    return bits;
}

/* Round half to even, as the default mode of the processor does. */
static int64_t nearest_step(const struct pl_quantiser *quantiser, double value)
{
    const double range = quantiser->most - quantiser->least;
    const double last = (double)(steps(quantiser) - 1);
    if (!(range > 0))
        return 0;
    double step = nearbyint((value - quantiser->least) / range * last);
    return (int64_t)fmax(0, fmin(last, step));
}

/* Logarithms: 0 for zero, then 1 + step for positive values, further ones for negative. */
int64_t pl_quantiser_code(const struct pl_quantiser *quantiser, double value)
{
    if (quantiser->kind == PL_QUANTISE_LOG && value == 0)
        return 0;
    int64_t step = nearest_step(quantiser, scaled(quantiser->kind, value));
    if (quantiser->kind != PL_QUANTISE_LOG)
        return step;
    return 1 + step + (value < 0 ? steps(quantiser) : 0);
}

double pl_quantiser_value(const struct pl_quantiser *quantiser, int64_t code)
{
    const bool logarithm = quantiser->kind == PL_QUANTISE_LOG;
    const int64_t count = steps(quantiser);
    if (logarithm && code == 0)
        return 0;
    const int64_t step = logarithm ? (code - 1) % count : code;
    const double last = (double)(count - 1);
    double value = quantiser->least;
    if (count > 1)
        value = (double)step / last * (quantiser->most - quantiser->least) + quantiser->least;
    if (quantiser->kind == PL_QUANTISE_TANH)
        return atanh(value);
    if (logarithm)
        return code - 1 >= count ? -exp2(value) : exp2(value);
    return value;
}

/* ---- Bits -------------------------------------------------------------------------------- */

uint64_t pl_bits_size(int64_t count, int bits)
{
    return ((uint64_t)count * (uint64_t)bits + 7) / 8;
}

void pl_bits_put(uint8_t *bytes, int64_t index, int bits, int64_t code)
{
    uint64_t at = (uint64_t)index * (uint64_t)bits;
    for (int i = 0; i < bits; i++, at++)
        bytes[at / 8] |= (uint8_t)((code >> i & 1) << at % 8);
}

int64_t pl_bits_get(const uint8_t *bytes, int64_t index, int bits)
{
    uint64_t at = (uint64_t)index * (uint64_t)bits;
    int64_t code = 0;
    for (int i = 0; i < bits; i++, at++)
        code |= (int64_t)(bytes[at / 8] >> at % 8 & 1) << i;
    return code;
}
