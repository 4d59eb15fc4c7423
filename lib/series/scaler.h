/* Standardisation: per channel mean and population standard deviation of the training rows.
 * SPDX-License-Identifier: MIT */
#ifndef PL_SERIES_SCALER_H
#define PL_SERIES_SCALER_H

#include "base/context.h"
#include "series/panel.h"

enum pl_scale { PL_SCALE_ZSCORE, PL_SCALE_NONE };
#define PL_SCALE_CHOICES "zscore|none"

struct pl_scaler {
    int64_t count;  /* channels: series * columns + column */
    double *mean;   /* [count]; 0 for PL_SCALE_NONE */
    double *scale;  /* [count]; 1 for constant channels and PL_SCALE_NONE */
    int64_t *rows;  /* [count] known values behind them, for adding up scalers of shards */
    bool *constant; /* [count] */
};

/* Fits on `train[s]` of every series s, missing cells left out.  Constant channels get scale 1. */
enum pl_status pl_scaler_fit(struct pl_context *context, struct pl_scaler *scaler,
                             const struct pl_panel *panel, const struct pl_range *train,
                             enum pl_scale scale) PL_MUST_CHECK;
/* One channel alone, fitted to count values or taken from another scaler. */
void pl_scaler_fit_channel(struct pl_scaler *scaler, int64_t channel, const double *values,
                           int64_t count, enum pl_scale scale);
void pl_scaler_copy(struct pl_scaler *scaler, int64_t channel, const struct pl_scaler *from,
                    int64_t from_channel);

/* Warns of constant channels: names the first, counts the rest. */
void pl_scaler_warn(struct pl_context *context, const struct pl_scaler *scaler,
                    const struct pl_panel *panel);

/* Mean 0, scale 1. */
enum pl_status pl_scaler_init(struct pl_context *context, struct pl_scaler *scaler,
                              int64_t count) PL_MUST_CHECK;
void pl_scaler_release(struct pl_scaler *scaler);

/* out = (in - mean) / scale, and back.  in may be out. */
void pl_scaler_apply(const struct pl_scaler *scaler, int64_t channel, const double *in, double *out,
                     int64_t count);
void pl_scaler_undo(const struct pl_scaler *scaler, int64_t channel, const double *in, double *out,
                    int64_t count);

/* Takes the rows behind `more` into `scaler`'s channel: means and variances of the union (Chan,
 * Golub, LeVeque 1979). */
void pl_scaler_add(struct pl_scaler *scaler, int64_t channel, const struct pl_scaler *more,
                   int64_t more_channel);

#endif
