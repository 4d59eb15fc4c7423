/* Softmax and cross-entropy of one row of logits: a kernel of the losses.
 * SPDX-License-Identifier: MIT */
#ifndef PL_AUTOGRAD_SOFTMAX_H
#define PL_AUTOGRAD_SOFTMAX_H

#include "autograd/kernels.h"

/* Whether the target has the largest logit; of equal ones the first counts. */
PL_KERNEL bool pl_is_first_largest(const pl_real *z, int64_t target, pl_real largest)
{
    for (int64_t v = 0; v < target; v++)
        if (z[v] == largest)
            return false;
    return z[target] == largest;
}

PL_KERNEL pl_real pl_largest(int64_t count, const pl_real *z)
{
    pl_real lanes[PL_LANES], largest = z[0];
    int64_t v = 0;
    for (int i = 0; i < PL_LANES; i++)
        lanes[i] = z[0];
    for (; v + PL_LANES <= count; v += PL_LANES)
        for (int i = 0; i < PL_LANES; i++)
            lanes[i] = z[v + i] > lanes[i] ? z[v + i] : lanes[i];
    for (; v < count; v++)
        largest = z[v] > largest ? z[v] : largest;
    for (int i = 0; i < PL_LANES; i++)
        largest = lanes[i] > largest ? lanes[i] : largest;
    return largest;
}

/* Logits z of one row become e^(z - max); gives their sum, and the loss of the row. */
PL_KERNEL double pl_softmax_row(int64_t count, pl_real *restrict z, int64_t target, double *nats,
                                uint8_t *right)
{
    pl_real largest = pl_largest(count, z), at = z[target];
    *right = at == largest && pl_is_first_largest(z, target, largest);
    for (int64_t v = 0; v < count; v++)
        z[v] = pl_real_exp(z[v] - largest);
    double sum = pl_real_sum(count, z);
    *nats = log(sum) + ((double)largest - (double)at);
    return sum;
}

#endif
