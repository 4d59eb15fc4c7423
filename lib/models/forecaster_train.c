/* Training a forecaster.
 * SPDX-License-Identifier: MIT
 *
 * Two fits.  The first sees the training part alone; the validation part chooses its ridge (and
 * the model type, for "auto") and tells how large its errors are on rows it has not seen, which is
 * what intervals are made from; the test part, which nothing was chosen on, fills the report.
 * Under an explicit split that fit is the result, so that lin-eval can score the test part
 * honestly.  Otherwise the split only served the report, and a second fit with the same type and
 * ridge takes all rows: the newest are the most telling ones.
 *
 * Both are the same few steps: add up the statistics of the windows (no window is built), solve.
 * Adam, which has no statistics, stays with the first fit, since its validation rows stop it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "models/forecaster_train.h"

/* ---- Choosing ---------------------------------------------------------------------------- */

static enum pl_status list_candidates(struct pl_context *context, struct trainer *t)
{
    static const char *const automatic[] = {"nlinear", "mean", "linear"};
    t->candidate_count = t->training->type ? 1 : 3;
    t->map_count = t->f->map_count;
    for (int i = 0; i < t->candidate_count; i++) {
        struct candidate *candidate = &t->candidates[i];
        size_t maps = (size_t)t->f->map_count;
        candidate->type = t->training->type ? t->training->type : pl_model_find(automatic[i]);
        candidate->maps = pl_new(context, maps, sizeof *candidate->maps);
        candidate->ridges = pl_new(context, maps, sizeof *candidate->ridges);
        candidate->squares = pl_new(context, maps, sizeof *candidate->squares);
        if (!candidate->maps || !candidate->ridges || !candidate->squares)
            return context->status;
    }
    return PL_OK;
}

static double sum(const double *values, int64_t count)
{
    double total = 0;
    for (int64_t i = 0; i < count; i++)
        total += values[i];
    return total;
}

/* The candidate with the least validation error becomes the model. */
static void choose_candidate(struct trainer *t, int64_t validation_windows)
{
    struct pl_forecaster *f = t->f;
    int best = 0;
    for (int i = 1; i < t->candidate_count && validation_windows > 0; i++)
        if (sum(t->candidates[i].squares, f->map_count) <
            sum(t->candidates[best].squares, f->map_count))
            best = i;
    struct candidate *candidate = &t->candidates[best];
    f->type = candidate->type;
    f->maps = candidate->maps;
    f->ridges = candidate->ridges;
    candidate->maps = NULL;
    candidate->ridges = NULL;
    f->contenders[f->contender_count++] =
        (struct pl_contender){.type = f->type, .ridge = f->individual ? NAN : f->ridges[0]};
    if (f->solver == PL_SOLVER_ADAM)
        f->contenders[0].ridge = NAN;
    for (int i = 0; i < t->candidate_count && validation_windows > 0; i++) {
        double mse = sum(t->candidates[i].squares, f->map_count) / (double)validation_windows;
        if (i != best)
            f->contenders[f->contender_count++] =
                (struct pl_contender){.type = t->candidates[i].type,
                                      .ridge = f->individual ? NAN : t->candidates[i].ridges[0],
                                      .validation = {validation_windows, mse, NAN}};
    }
}

/* A baseline takes the place of the model: one map for all tracks. */
static enum pl_status crown_baseline(struct pl_context *context, struct pl_forecaster *f, int row)
{
    struct pl_contender winner = f->contenders[row];
    struct pl_linear map;
    if (pl_baseline_map(context, (enum pl_baseline)winner.type->variant, f->lookback, f->horizon,
                        f->past_count, pl_forecaster_regressors(f), f->season, &map))
        return context->status;
    for (int64_t m = 0; m < f->map_count; m++)
        pl_linear_release(&f->maps[m]);
    f->maps[0] = map;
    f->map_count = 1;
    f->individual = false;
    f->type = winner.type;
    f->ridges[0] = 0;
    pl_grams_release(f->stats, f->stats_count);
    f->stats = NULL;
    f->stats_count = 0;
    f->stats_kind = PL_STATS_NONE;
    memmove(f->contenders + 1, f->contenders, (size_t)row * sizeof winner);
    f->contenders[0] = winner;
    return PL_OK;
}

/* Scores what is in the report; the model's own errors on the validation part are kept. */
static enum pl_status score_all(struct pl_context *context, struct trainer *t)
{
    struct pl_forecaster *f = t->f;
    int best = 0;
    if (pl_forecaster_score_baselines(context, f, t->panel, &t->match, t->validation, t->test))
        return context->status;
    for (int i = 1; i < f->contender_count; i++) {
        double least = best ? f->contenders[best].validation.mse : t->validation_mse;
        if (!t->training->type && f->contenders[i].validation.windows > 0 &&
            f->contenders[i].validation.mse < least)
            best = i;
    }
    if (best > 0 && crown_baseline(context, f, best))
        return context->status;
    struct pl_predictor model = {.maps = f->maps};
    int64_t unseen = pl_forecaster_windows(f, t->panel, t->validation);
    if (pl_forecaster_score(context, f, t->panel, &t->match, t->validation, &model, unseen > 0,
                            &f->contenders[0].validation))
        return context->status;
    return pl_forecaster_score(context, f, t->panel, &t->match, t->test, &model, false,
                               &f->contenders[0].test);
}

/* ---- The final fit ----------------------------------------------------------------------- */

static enum pl_status refit(struct pl_context *context, struct trainer *t)
{
    struct pl_forecaster *f = t->f;
    struct pl_scaler old = f->scaler;
    f->scaler = (struct pl_scaler){0};
    for (int64_t s = 0; s < t->panel->series_count; s++)
        t->train[s] = (struct pl_range){0, t->panel->series[s].rows};
    enum pl_status status =
        pl_scaler_fit(context, &f->scaler, t->panel, t->train, (enum pl_scale)f->scale);
    int64_t columns = pl_forecaster_columns(f);
    for (int64_t track = 0; track < pl_forecaster_tracks(f) && !status; track++) {
        int64_t channel = track / f->target_count * columns + track % f->target_count;
        pl_forecaster_rescale_errors(f, track, old.scale[channel] / f->scaler.scale[channel]);
    }
    pl_scaler_release(&old);
    pl_match_release(&t->match);
    if (status || pl_forecaster_match(context, f, t->panel, &t->match))
        return context->status;
    if (f->type->family == PL_FAMILY_BASELINE)
        return PL_OK;
    for (int64_t m = 0; m < f->map_count; m++)
        pl_linear_release(&f->maps[m]);
    return pl_parallel(context, f->map_count, pl_train_refit_map, t);
}

static enum pl_status fit_first(struct pl_context *context, struct trainer *t)
{
    if (t->f->solver == PL_SOLVER_ADAM)
        return pl_train_adam(context, t);
    return pl_parallel(context, t->f->map_count, pl_train_fit_map, t);
}

static enum pl_status remember(struct pl_context *context, struct trainer *t)
{
    struct pl_forecaster *f = t->f;
    int64_t *ends = pl_new(context, (size_t)t->panel->series_count, sizeof *ends);
    if (!ends)
        return context->status;
    for (int64_t s = 0; s < t->panel->series_count; s++)
        ends[s] = t->train[s].end;
    f->training_windows = pl_forecaster_windows(f, t->panel, t->train);
    enum pl_status status = pl_forecaster_remember(context, f, t->panel, ends);
    free(ends);
    return status;
}

static enum pl_status train(struct pl_context *context, struct trainer *t)
{
    struct pl_forecaster *f = t->f;
    if (pl_train_describe(context, f, t->panel, t->training) || pl_train_parts(context, t) ||
        pl_scaler_fit(context, &f->scaler, t->panel, t->train, (enum pl_scale)f->scale) ||
        pl_forecaster_match(context, f, t->panel, &t->match) || list_candidates(context, t) ||
        pl_train_make_stats(context, f))
        return context->status;
    bool final = f->split_given || f->solver == PL_SOLVER_ADAM;
    int64_t validation_windows = pl_forecaster_windows(f, t->panel, t->validation);
    if (pl_train_check_windows(context, t) || fit_first(context, t))
        return context->status;
    t->validation_mse = INFINITY;
    for (int i = 0; i < t->candidate_count && validation_windows > 0; i++)
        t->validation_mse = fmin(t->validation_mse, sum(t->candidates[i].squares, f->map_count) /
                                                        (double)validation_windows);
    choose_candidate(t, validation_windows);
    if (score_all(context, t) || (!final && refit(context, t)))
        return context->status;
    pl_train_warn_windows(context, t);
    pl_scaler_warn(context, &f->scaler, t->panel);
    return remember(context, t);
}

enum pl_status pl_forecaster_train(struct pl_context *context, struct pl_forecaster *forecaster,
                                   const struct pl_panel *panel, const struct pl_training *training)
{
    struct trainer t = {.f = forecaster, .panel = panel, .training = training};
    *forecaster = (struct pl_forecaster){0};
    enum pl_status status = train(context, &t);
    for (int i = 0; i < t.candidate_count; i++) {
        for (int64_t m = 0; t.candidates[i].maps && m < t.map_count; m++)
            pl_linear_release(&t.candidates[i].maps[m]);
        free(t.candidates[i].maps);
        free(t.candidates[i].ridges);
        free(t.candidates[i].squares);
    }
    pl_match_release(&t.match);
    free(t.train);
    free(t.validation);
    free(t.test);
    if (status)
        pl_forecaster_release(forecaster);
    return status;
}
