/* Repair of a merged layer: its outputs get the spread that those of the models have.
 * SPDX-License-Identifier: MIT */
#include "weights/repair.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/real.h"

enum pl_status pl_channels_init(struct pl_context *context, struct pl_channels *channels,
                                int64_t count)
{
    *channels = (struct pl_channels){.count = count};
    channels->mean = pl_new(context, 2 * (size_t)count, sizeof *channels->mean);
    channels->squares = channels->mean ? channels->mean + count : NULL;
    return channels->mean ? PL_OK : context->status;
}

void pl_channels_release(struct pl_channels *channels)
{
    free(channels->mean);
    memset(channels, 0, sizeof *channels);
}

/* Row by row, as Welford does: deviations are from a mean that is right already. */
void pl_channels_add(struct pl_channels *channels, const pl_real *values, int64_t rows)
{
    for (int64_t r = 0; r < rows; r++) {
        const double seen = (double)++channels->rows;
        for (int64_t c = 0; c < channels->count; c++) {
            const double value = (double)values[r * channels->count + c];
            const double away = value - channels->mean[c];
            channels->mean[c] += away / seen;
            channels->squares[c] += away * (value - channels->mean[c]);
        }
    }
}

double pl_channels_variance(const struct pl_channels *channels, int64_t channel)
{
    return channels->rows > 1 ? channels->squares[channel] / (double)(channels->rows - 1) : 0;
}

void pl_repair_goal_add(const struct pl_channels *model, double share, double *mean,
                        double *deviation)
{
    for (int64_t c = 0; c < model->count; c++) {
        mean[c] += share * model->mean[c];
        deviation[c] += share * sqrt(pl_channels_variance(model, c));
    }
}

void pl_repair_layer(const struct pl_channels *merged, const double *mean, const double *deviation,
                     pl_real *weight, int64_t columns, pl_real *bias)
{
    for (int64_t c = 0; c < merged->count; c++) {
        const double gain = deviation[c] / sqrt(pl_channels_variance(merged, c) + PL_REPAIR_EPS);
        for (int64_t i = 0; i < columns; i++)
            weight[c * columns + i] = (pl_real)(gain * (double)weight[c * columns + i]);
        bias[c] = (pl_real)(mean[c] + gain * ((double)bias[c] - merged->mean[c]));
    }
}
