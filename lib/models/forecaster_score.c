/* Errors of a forecaster over all windows of a part, and what intervals are made from.
 * SPDX-License-Identifier: MIT
 *
 * One pass over the windows gives the mean squared and absolute error and, for the model itself,
 * the root mean square error sigma of each track and step, and the quantiles of the absolute
 * errors.  Neighbouring windows differ by one row, so their errors are nearly the same: a thousand
 * windows spread evenly know as much about the quantiles as all of them and are all that is kept.
 *
 * Quantiles belong to each track where it has at least a hundred windows of its own.  Where tracks
 * have fewer (many short series), or there are too many tracks and steps, one grid of errors
 * divided by their sigma serves all: the shape is pooled, the size stays each track's own.  (So
 * it is for a single track, where it makes no difference.)  A grid_count on entry that is not 0
 * asks for the form it stands for.
 *
 * Forecasts are made in single precision where values are standardised: errors are wanted to a few
 * digits, and this is most of the work of a fit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/simd.h"
#include "models/forecaster_parts.h"
#include "models/linear_single.h"

#define SAMPLE_MOST  1000               /* windows kept for a track's own grid */
#define SAMPLE_LEAST 100                /* fewer windows do not make a grid of their own */
#define POOL_SIZE    20000              /* windows kept for a shared grid, over all tracks */
#define GRIDS_MOST   (INT64_C(4) << 20) /* floats in grids of their own */
#define CHUNK_CELLS  (1 << 18)          /* forecasts held at a time */
#define CHUNK_ROUND  128

struct scoring {
    struct pl_forecaster *forecaster;
    const struct pl_panel *panel;
    const struct pl_match *match;
    const struct pl_range *ranges;
    const struct pl_predictor *predictor;
    struct pl_linear_single single; /* the shared map, where it will do */
    bool keep, shared;              /* make sigma and grids; one grid for all tracks */
    int64_t sample_most;            /* windows kept of a track */
    float *pool;                    /* shared: [horizon, tracks, sample_most] */
    int64_t *pooled;                /* shared: [tracks] windows in it */
    double *squares, *absolutes;    /* [tracks] sums over windows and steps */
    int64_t *windows;               /* [tracks] */
};

/* What one track's pass needs. */
struct pass {
    struct scoring *scoring;
    int64_t track, horizon, lookback, chunk;
    int64_t windows;                       /* in all pieces */
    int64_t seen;                          /* windows done */
    int64_t sampled;                       /* windows in sample */
    double *squares;                       /* [horizon] */
    double *absolutes;                     /* [horizon] */
    const struct pl_linear *map;           /* NULL: a baseline */
    const struct pl_linear_single *single; /* the same, or NULL where it would not do */
    double *out;                           /* [chunk, horizon] forecasts */
    float *single_out;                     /* [chunk, horizon] */
    int64_t sample_most;                   /* of this track */
    float *sample;                         /* [horizon, sample_most] absolute errors */
    float *scratch;                        /* [sample_most] */
};

static void baseline_forecast(const struct pass *pass, const struct pl_piece *piece, int64_t first,
                              int64_t count)
{
    const struct pl_predictor *predictor = pass->scoring->predictor;
    int64_t horizon = pass->horizon;
    for (int64_t w = 0; w < count; w++) {
        const double *origin = piece->target + first + w + pass->lookback;
        double *out = pass->out + w * horizon;
        if (predictor->baseline == PL_REPEAT) {
            for (int64_t h = 0; h < horizon; h++)
                out[h] = origin[-1];
            continue;
        }
        int64_t season = predictor->season, lead = horizon < season ? horizon : season;
        memcpy(out, origin - season, (size_t)lead * sizeof *out);
        for (int64_t h = season; h < horizon; h++)
            out[h] = out[h - season];
    }
}

static enum pl_status single_forecast(struct pl_context *context, const struct pass *pass,
                                      const struct pl_piece *piece, int64_t first, int64_t count)
{
    if (pl_linear_single_forecast(context, pass->single, piece, first, count, pass->single_out))
        return context->status;
    for (int64_t i = 0; i < count * pass->horizon; i++)
        pass->out[i] = (double)pass->single_out[i];
    return PL_OK;
}

PL_CLONES static void add_window(const double *restrict out, const double *restrict truth,
                                 int64_t horizon, double *restrict squares,
                                 double *restrict absolutes)
{
    for (int64_t h = 0; h < horizon; h++) {
        double error = out[h] - truth[h];
        squares[h] += error * error;
        absolutes[h] += fabs(error);
    }
}

static void add_errors(struct pass *pass, const struct pl_piece *piece, int64_t first,
                       int64_t count)
{
    int64_t horizon = pass->horizon, most = pass->sample_most;
    for (int64_t w = 0; w < count; w++, pass->seen++) {
        const double *truth = piece->target + first + w + pass->lookback;
        const double *out = pass->out + w * horizon;
        add_window(out, truth, horizon, pass->squares, pass->absolutes);
        /* Every k-th window, k = windows / sample_most, in integers. */
        bool take = pass->windows <= most ||
                    (pass->seen + 1) * most / pass->windows > pass->seen * most / pass->windows;
        if (!pass->sample || !take)
            continue;
        for (int64_t h = 0; h < horizon; h++)
            pass->sample[h * most + pass->sampled] = (float)fabs(out[h] - truth[h]);
        pass->sampled++;
    }
}

static enum pl_status run_piece(struct pl_context *context, struct pass *pass,
                                struct pl_range range)
{
    const struct scoring *scoring = pass->scoring;
    const struct pl_forecaster *forecaster = scoring->forecaster;
    int64_t windows = pl_range_windows(range, pass->lookback + pass->horizon);
    struct pl_stretch stretch;
    if (windows == 0)
        return PL_OK;
    if (pl_forecaster_stretch(context, forecaster, scoring->panel, scoring->match, pass->track,
                              range, &stretch))
        return context->status;
    enum pl_status status = PL_OK;
    for (int64_t first = 0; first < windows && !status; first += pass->chunk) {
        int64_t count = windows - first < pass->chunk ? windows - first : pass->chunk;
        if (!pass->map)
            baseline_forecast(pass, &stretch.piece, first, count);
        else if (!pass->single)
            status =
                pl_linear_forecast(context, pass->map, &stretch.piece, first, count, pass->out);
        else
            status = single_forecast(context, pass, &stretch.piece, first, count);
        if (!status)
            add_errors(pass, &stretch.piece, first, count);
    }
    pl_stretch_release(&stretch);
    return status;
}

/* Sigma of the track, and its grids or its share of the pool. */
static void keep_errors(struct pass *pass)
{
    const struct scoring *scoring = pass->scoring;
    struct pl_forecaster *forecaster = scoring->forecaster;
    int64_t horizon = pass->horizon, most = pass->sample_most, track = pass->track;
    forecaster->unseen[track] = (double)pass->windows;
    for (int64_t h = 0; h < horizon; h++) {
        double sigma = sqrt(pass->squares[h] / (double)pass->windows);
        float *sample = pass->sample + h * most;
        forecaster->sigma[track * horizon + h] = sigma;
        if (!scoring->shared) {
            pl_grid_of(sample, pass->sampled, pass->scratch,
                       forecaster->grids + (track * horizon + h) * PL_GRID);
            continue;
        }
        float *pool =
            scoring->pool + (h * scoring->panel->track_count + track) * scoring->sample_most;
        for (int64_t i = 0; i < pass->sampled; i++)
            pool[i] = sigma > 0 ? (float)((double)sample[i] / sigma) : 0;
    }
    if (scoring->shared)
        scoring->pooled[track] = pass->sampled;
}

static enum pl_status prepare_pass(struct pl_context *context, struct pass *pass)
{
    const struct scoring *scoring = pass->scoring;
    int64_t chunk = CHUNK_CELLS / pass->horizon / CHUNK_ROUND * CHUNK_ROUND;
    size_t horizon = (size_t)pass->horizon;
    pass->chunk = chunk < CHUNK_ROUND ? CHUNK_ROUND : chunk;
    if (pass->windows < pass->chunk)
        pass->chunk = pass->windows;
    size_t cells = (size_t)pass->chunk * horizon;
    pass->squares = pl_new(context, horizon, sizeof(double));
    pass->absolutes = pl_new(context, horizon, sizeof(double));
    pass->out = pl_new(context, cells, sizeof(double));
    pass->single_out = pl_new(context, pass->single ? cells : 0, sizeof(float));
    if (!pass->squares || !pass->absolutes || !pass->out || !pass->single_out)
        return context->status;
    if (!scoring->keep)
        return PL_OK;
    int64_t most = scoring->sample_most;
    pass->sample_most = pass->windows < most ? pass->windows : most;
    pass->sample = pl_new(context, horizon * (size_t)pass->sample_most, sizeof(float));
    pass->scratch = pl_new(context, (size_t)pass->sample_most, sizeof(float));
    return pass->sample && pass->scratch ? PL_OK : context->status;
}

static void release_pass(struct pass *pass)
{
    free(pass->squares);
    free(pass->absolutes);
    free(pass->out);
    free(pass->single_out);
    free(pass->sample);
    free(pass->scratch);
}

/* Single precision will do for a map of lags alone on standardised values. */
static bool single_will_do(const struct scoring *scoring)
{
    const struct pl_predictor *predictor = scoring->predictor;
    return predictor->maps && scoring->forecaster->scale == PL_SCALE_ZSCORE &&
           pl_forecaster_regressors(scoring->forecaster) == 0;
}

static enum pl_status score_track(struct pl_context *context, void *job, int64_t t)
{
    struct scoring *scoring = job;
    const struct pl_forecaster *forecaster = scoring->forecaster;
    const struct pl_track *track = &scoring->panel->tracks[t];
    struct pl_range range = scoring->ranges[track->series];
    struct pl_linear_single own = {0};
    struct pass pass = {.scoring = scoring,
                        .track = t,
                        .horizon = forecaster->horizon,
                        .lookback = forecaster->lookback};
    enum pl_status status = PL_OK;
    pass.windows = pl_track_windows(track, range, pl_forecaster_window(forecaster));
    if (pass.windows == 0)
        return PL_OK;
    if (scoring->predictor->maps)
        pass.map = pl_forecaster_map(forecaster, scoring->predictor->maps, scoring->match, t);
    if (single_will_do(scoring) && pass.map != &scoring->match->still) {
        pass.single = forecaster->individual ? &own : &scoring->single;
        if (forecaster->individual)
            status = pl_linear_single_make(context, pass.map, &own);
    }
    if (!status)
        status = prepare_pass(context, &pass);
    for (int64_t p = 0; p < track->piece_count && !status; p++)
        status = run_piece(context, &pass, pl_range_meet(track->pieces[p], range));
    if (!status) {
        scoring->windows[t] = pass.windows;
        for (int64_t h = 0; h < pass.horizon; h++) {
            scoring->squares[t] += pass.squares[h];
            scoring->absolutes[t] += pass.absolutes[h];
        }
        if (scoring->keep)
            keep_errors(&pass);
    }
    release_pass(&pass);
    pl_linear_single_release(&own);
    return status;
}

/* ---- Sigma and grids --------------------------------------------------------------------- */

/* Decides whose the grids are, and makes room for them. */
static enum pl_status prepare_keeping(struct pl_context *context, struct scoring *scoring)
{
    struct pl_forecaster *forecaster = scoring->forecaster;
    int64_t tracks = scoring->panel->track_count, horizon = forecaster->horizon, fewest = INT64_MAX;
    for (int64_t t = 0; t < tracks; t++) {
        const struct pl_track *track = &scoring->panel->tracks[t];
        int64_t windows = pl_track_windows(track, scoring->ranges[track->series],
                                           pl_forecaster_window(forecaster));
        fewest = windows < fewest ? windows : fewest;
    }
    scoring->shared = forecaster->grid_count == 1;
    if (forecaster->grid_count == 0)
        scoring->shared =
            tracks == 1 || fewest < SAMPLE_LEAST || tracks * horizon > GRIDS_MOST / PL_GRID;
    scoring->sample_most = SAMPLE_MOST;
    if (scoring->shared && (POOL_SIZE + tracks - 1) / tracks < SAMPLE_MOST)
        scoring->sample_most = (POOL_SIZE + tracks - 1) / tracks;
    forecaster->grid_count = scoring->shared ? 1 : tracks;
    forecaster->sigma = pl_new(context, (size_t)(tracks * horizon), sizeof(double));
    forecaster->unseen = pl_new(context, (size_t)tracks, sizeof(double));
    forecaster->grids =
        pl_new(context, (size_t)(forecaster->grid_count * horizon * PL_GRID), sizeof(float));
    if (!forecaster->sigma || !forecaster->unseen || !forecaster->grids)
        return context->status;
    if (!scoring->shared)
        return PL_OK;
    scoring->pool =
        pl_new(context, (size_t)(horizon * tracks * scoring->sample_most), sizeof(float));
    scoring->pooled = pl_new(context, (size_t)tracks, sizeof(int64_t));
    return scoring->pool && scoring->pooled ? PL_OK : context->status;
}

/* The shared grid of one step: the tracks' samples side by side, sorted. */
static enum pl_status pool_step(struct pl_context *context, void *job, int64_t h)
{
    const struct scoring *scoring = job;
    int64_t tracks = scoring->panel->track_count, most = scoring->sample_most, count = 0;
    float *pool = scoring->pool + h * tracks * most;
    float *scratch = pl_new(context, (size_t)(tracks * most), sizeof *scratch);
    if (!scratch)
        return context->status;
    for (int64_t t = 0; t < tracks; t++) {
        memmove(pool + count, pool + t * most, (size_t)scoring->pooled[t] * sizeof *pool);
        count += scoring->pooled[t];
    }
    if (count > 0)
        pl_grid_of(pool, count, scratch, scoring->forecaster->grids + h * PL_GRID);
    free(scratch);
    return PL_OK;
}

/* Grids are in single precision, which overflows long before the sums do. */
static enum pl_status check_kept(struct pl_context *context, const struct pl_panel *panel,
                                 const struct pl_forecaster *forecaster)
{
    int64_t count = forecaster->grid_count * forecaster->horizon * PL_GRID;
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(forecaster->grids[i]))
            return pl_fail(context, PL_NUMERIC,
                           "%s: errors too large to make intervals from; divide the values first",
                           panel->source);
    return PL_OK;
}

enum pl_status pl_forecaster_score(struct pl_context *context, struct pl_forecaster *forecaster,
                                   const struct pl_panel *panel, const struct pl_match *match,
                                   const struct pl_range *ranges,
                                   const struct pl_predictor *predictor, bool keep,
                                   struct pl_part_errors *errors)
{
    struct scoring scoring = {.forecaster = forecaster,
                              .panel = panel,
                              .match = match,
                              .ranges = ranges,
                              .predictor = predictor,
                              .keep = keep};
    size_t tracks = (size_t)panel->track_count;
    *errors = (struct pl_part_errors){0};
    scoring.squares = pl_new(context, tracks, sizeof(double));
    scoring.absolutes = pl_new(context, tracks, sizeof(double));
    scoring.windows = pl_new(context, tracks, sizeof(int64_t));
    enum pl_status status =
        scoring.squares && scoring.absolutes && scoring.windows ? PL_OK : context->status;
    if (!status && keep)
        status = prepare_keeping(context, &scoring);
    if (!status && single_will_do(&scoring) && !forecaster->individual)
        status = pl_linear_single_make(context, predictor->maps, &scoring.single);
    if (!status)
        status = pl_parallel(context, panel->track_count, score_track, &scoring);
    if (!status && scoring.shared)
        status = pl_parallel(context, forecaster->horizon, pool_step, &scoring);
    if (!status && keep)
        status = check_kept(context, panel, forecaster);
    for (int64_t t = 0; t < panel->track_count && !status; t++) {
        errors->windows += scoring.windows[t];
        errors->mse += scoring.squares[t];
        errors->mae += scoring.absolutes[t];
    }
    if (errors->windows > 0) {
        errors->mse /= (double)errors->windows * (double)forecaster->horizon;
        errors->mae /= (double)errors->windows * (double)forecaster->horizon;
    }
    free(scoring.squares);
    free(scoring.absolutes);
    free(scoring.windows);
    free(scoring.pool);
    free(scoring.pooled);
    pl_linear_single_release(&scoring.single);
    return status;
}

enum pl_status
pl_forecaster_score_baselines(struct pl_context *context, struct pl_forecaster *forecaster,
                              const struct pl_panel *panel, const struct pl_match *match,
                              const struct pl_range *validation, const struct pl_range *test)
{
    static const char *const names[] = {"repeat", "seasonal-naive"};
    for (int i = 0; i < 2; i++) {
        const struct pl_model_type *type = pl_model_find(names[i]);
        struct pl_predictor naive = {.baseline = (enum pl_baseline)type->variant,
                                     .season = forecaster->season};
        struct pl_contender row = {.type = type, .ridge = NAN};
        if (type->variant == PL_SEASONAL_NAIVE &&
            (forecaster->season < 2 || forecaster->season > forecaster->lookback))
            continue;
        if (pl_forecaster_score(context, forecaster, panel, match, validation, &naive, false,
                                &row.validation))
            return context->status;
        if (test &&
            pl_forecaster_score(context, forecaster, panel, match, test, &naive, false, &row.test))
            return context->status;
        forecaster->contenders[forecaster->contender_count++] = row;
    }
    return PL_OK;
}
