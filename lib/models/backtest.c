/* Rolling back-tests: see backtest.h.
 * SPDX-License-Identifier: MIT
 *
 * Tracks are scored in parallel, each with its own sums, which are joined in track order.  A track
 * walks through its origins in blocks of consecutive rows, so that forecasts are one GEMM a block;
 * folds that lie far apart are blocks of one.  The adaptive intervals need every row in turn:
 * there the walk begins a memory's length before the first origin and visits all rows, scoring
 * only the origins.
 *
 * Refitting at every fold costs little: the statistics of the rows up to one origin are those up
 * to the origin before plus the windows that end between the two, and a solve. */
#include "models/backtest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"

enum { BLOCK = 256 };

/* Origins first, first + step, ..., last of one series; none when first > last. */
struct origins {
    int64_t first, last, step;
};

struct job {
    const struct pl_forecaster *forecaster;
    const struct pl_panel *panel;
    const struct pl_backtest_options *options;
    struct pl_match match;
    struct origins *origins;       /* [series] */
    const struct pl_linear *maps;  /* [map_count] in use for the present fold */
    struct pl_linear baselines[2]; /* the other contenders */
    int baseline_count;
    int64_t season;
    int64_t folds;              /* that there are rows for */
    struct pl_metrics *metrics; /* [contenders][tracks] */
};

/* The walk of one track. */
struct walk {
    const struct job *job;
    int64_t track;
    struct origins origins;
    struct pl_unit unit;
    struct pl_stretch stretch;
    double *forecasts; /* [contenders][BLOCK, horizon] */
    double *half;      /* [levels, horizon] */
    double *deviation; /* [horizon]; NULL: no CRPS */
    struct pl_adaptive adaptive;
    bool is_adaptive;
    int64_t next; /* adaptive: the next origin to step to */
};

static int contender_count(const struct job *job)
{
    return 1 + job->baseline_count;
}

static const struct pl_linear *contender_map(const struct job *job, int64_t track, int contender)
{
    if (contender > 0)
        return &job->baselines[contender - 1];
    return pl_forecaster_map(job->forecaster, job->maps, &job->match, track);
}

static struct pl_metrics *track_metrics(const struct job *job, int contender, int64_t track)
{
    return &job->metrics[contender * job->panel->track_count + track];
}

/* One origin: the adaptive state sees the row before it and the forecast; an origin that is asked
 * for is scored. */
static void visit(struct walk *walk, int64_t origin, int64_t place)
{
    const struct job *job = walk->job;
    int64_t horizon = job->forecaster->horizon;
    const double *truth = walk->stretch.target + (origin - walk->stretch.first);
    const double *forecast = walk->forecasts + place * horizon;
    bool bands = job->options->bands.level_count > 0;
    if (walk->is_adaptive) {
        for (; walk->next < origin; walk->next++)
            pl_adaptive_step(&walk->adaptive,
                             walk->stretch.target[walk->next - 1 - walk->stretch.first], NULL,
                             NULL);
        pl_adaptive_step(&walk->adaptive, truth[-1], forecast, walk->half);
        walk->next = origin + 1;
    }
    if (origin < walk->origins.first || (origin - walk->origins.first) % walk->origins.step != 0)
        return;
    for (int contender = 0; contender < contender_count(job); contender++)
        pl_metrics_add(track_metrics(job, contender, walk->track), &walk->unit, truth,
                       forecast + contender * BLOCK * horizon,
                       contender == 0 && bands ? walk->half : NULL,
                       contender == 0 ? walk->deviation : NULL);
}

/* `count` consecutive origins, all with their whole windows inside a piece. */
static enum pl_status visit_block(struct pl_context *context, struct walk *walk, int64_t origin,
                                  int64_t count)
{
    const struct job *job = walk->job;
    int64_t lookback = job->forecaster->lookback, horizon = job->forecaster->horizon;
    int64_t first = origin - lookback - walk->stretch.first;
    for (int contender = 0; contender < contender_count(job); contender++) {
        enum pl_status status = pl_linear_forecast(
            context, contender_map(job, walk->track, contender), &walk->stretch.piece, first, count,
            walk->forecasts + contender * BLOCK * horizon);
        if (status != PL_OK)
            return status;
    }
    for (int64_t i = 0; i < count; i++)
        visit(walk, origin + i, i);
    return PL_OK;
}

static enum pl_status walk_piece(struct pl_context *context, struct walk *walk,
                                 struct pl_range piece, int64_t start)
{
    int64_t step = walk->is_adaptive ? 1 : walk->origins.step;
    int64_t low = piece.begin + walk->job->forecaster->lookback;
    int64_t high = piece.end - walk->job->forecaster->horizon;
    if (low < start)
        low = start;
    if (high > walk->origins.last)
        high = walk->origins.last;
    if (low > start && step > 1) /* up to the next origin that is asked for */
        low = start + (low - start + step - 1) / step * step;
    for (int64_t origin = low; origin <= high;) {
        int64_t count = step > 1 ? 1 : high - origin + 1 < BLOCK ? high - origin + 1 : BLOCK;
        enum pl_status status = visit_block(context, walk, origin, count);
        if (status != PL_OK)
            return status;
        origin += step > 1 ? step : count;
    }
    return PL_OK;
}

/* The unit of a track, MASE's denominator taken from the rows before the first origin. */
static void find_unit(struct walk *walk)
{
    const struct job *job = walk->job;
    const struct pl_track *track = &job->panel->tracks[walk->track];
    int64_t channel = track->series * job->panel->column_count + track->target;
    int64_t season = job->season > 0 ? job->season : 1;
    walk->unit.mean = job->match.scaler.mean[channel];
    walk->unit.scale = job->match.scaler.scale[channel];
    walk->unit.naive = pl_seasonal_difference(pl_panel_track(job->panel, walk->track),
                                              walk->origins.first, season);
}

static enum pl_status prepare_bands(struct pl_context *context, struct walk *walk)
{
    const struct job *job = walk->job;
    const struct pl_bands *bands = &job->options->bands;
    int64_t horizon = job->forecaster->horizon, model_track = job->match.track[walk->track];
    if (bands->level_count == 0)
        return PL_OK;
    walk->half = pl_new(context, (size_t)(bands->level_count * horizon), sizeof *walk->half);
    if (!walk->half)
        return context->status;
    walk->is_adaptive = bands->method == PL_ADAPTIVE;
    if (walk->is_adaptive)
        return pl_bands_adaptive(context, bands, job->forecaster, model_track, &walk->adaptive);
    pl_bands_fixed(bands, job->forecaster, model_track, walk->half);
    if (bands->method != PL_GAUSSIAN)
        return PL_OK;
    walk->deviation = pl_new(context, (size_t)horizon, sizeof *walk->deviation);
    if (!walk->deviation)
        return context->status;
    pl_bands_deviation(job->forecaster, model_track, walk->deviation);
    return PL_OK;
}

static enum pl_status walk_pieces(struct pl_context *context, struct walk *walk)
{
    const struct job *job = walk->job;
    const struct pl_track *track = &job->panel->tracks[walk->track];
    int64_t lookback = job->forecaster->lookback, horizon = job->forecaster->horizon;
    int64_t start = walk->origins.first;
    if (walk->is_adaptive) {
        start -= PL_ADAPTIVE_WINDOW + horizon;
        start = start < lookback ? lookback : start;
        walk->next = start;
    }
    struct pl_range range = {start - lookback, walk->origins.last + horizon};
    enum pl_status status = pl_forecaster_stretch(context, job->forecaster, job->panel, &job->match,
                                                  walk->track, range, &walk->stretch);
    for (int64_t i = 0; status == PL_OK && i < track->piece_count; i++)
        status = walk_piece(context, walk, track->pieces[i], start);
    pl_stretch_release(&walk->stretch);
    return status;
}

static enum pl_status score_track(struct pl_context *context, void *data, int64_t item)
{
    struct job *job = data;
    struct walk walk = {.job = job, .track = item};
    enum pl_status status;
    walk.origins = job->origins[job->panel->tracks[item].series];
    if (walk.origins.first > walk.origins.last)
        return PL_OK;
    walk.forecasts = pl_new(
        context, (size_t)(contender_count(job) * BLOCK * job->forecaster->horizon), sizeof(double));
    find_unit(&walk);
    status = walk.forecasts ? prepare_bands(context, &walk) : context->status;
    if (status == PL_OK)
        status = walk_pieces(context, &walk);
    pl_adaptive_release(&walk.adaptive);
    free(walk.forecasts);
    free(walk.half);
    free(walk.deviation);
    return status;
}

/* All origins of a series that the options ask for. */
static enum pl_status find_origins(struct pl_context *context, const struct job *job,
                                   int64_t series, struct origins *origins)
{
    const struct pl_forecaster *forecaster = job->forecaster;
    const struct pl_backtest_options *options = job->options;
    int64_t rows = job->panel->series[series].rows;
    struct pl_range range = {0, rows};
    origins->step = 1;
    if (options->folds > 0) {
        /* a fit needs a window before its origin, a forecast only a lookback */
        int64_t least = forecaster->lookback + (options->refit ? forecaster->horizon : 0), back;
        origins->step = options->step > 0 ? options->step : forecaster->horizon;
        origins->last = rows - forecaster->horizon;
        if (!pl_mul_int64(options->folds - 1, origins->step, &back))
            back = INT64_MAX;
        origins->first = origins->last - back;
        if (origins->first < least) { /* the earliest origin on the same grid */
            int64_t steps = (origins->last - least) / origins->step;
            origins->first = origins->last - (steps > 0 ? steps : 0) * origins->step;
        }
    } else {
        if (forecaster->split.kind != PL_SPLIT_NONE) {
            struct pl_borders borders;
            enum pl_status status =
                pl_split_borders(context, &forecaster->split, rows, forecaster->lookback, &borders);
            if (status != PL_OK)
                return status;
            range = borders.test;
        }
        origins->first = range.begin + forecaster->lookback;
        origins->last = range.end - forecaster->horizon;
    }
    if (origins->first < forecaster->lookback)
        origins->first = forecaster->lookback;
    return PL_OK;
}

/* Whether the model was fitted to rows from the first origin of a series on. */
static bool saw(const struct job *job, int64_t series)
{
    const struct pl_forecaster *forecaster = job->forecaster;
    int64_t track = job->match.track[series * job->panel->target_count];
    const struct origins *origins = &job->origins[series];
    if (track < 0 || job->options->refit || origins->first > origins->last)
        return false;
    int64_t theirs = track / forecaster->target_count;
    if (forecaster->stamped && job->panel->stamped &&
        pl_panel_stamp(job->panel, series, origins->first) > forecaster->end[theirs])
        return false; /* later rows than any the model was made from */
    return job->match.offset[series] + origins->first < forecaster->rows[theirs];
}

static enum pl_status add_baseline(struct pl_context *context, struct pl_backtest *backtest,
                                   struct job *job, enum pl_baseline baseline, const char *name)
{
    const struct pl_forecaster *forecaster = job->forecaster;
    const struct pl_linear *like = &forecaster->maps[0];
    enum pl_status status =
        pl_baseline_map(context, baseline, forecaster->lookback, forecaster->horizon, like->past,
                        like->future, job->season, &job->baselines[job->baseline_count]);
    if (status == PL_OK) {
        job->baseline_count++;
        backtest->names[backtest->contender_count++] = name;
    }
    return status;
}

static enum pl_status prepare(struct pl_context *context, struct pl_backtest *backtest,
                              struct job *job)
{
    const struct pl_panel *panel = job->panel;
    const struct pl_bands *bands = &job->options->bands;
    enum pl_status status = pl_bands_check(context, bands, job->forecaster);
    if (status == PL_OK)
        status = pl_forecaster_match(context, job->forecaster, panel, &job->match);
    job->origins = pl_new(context, (size_t)panel->series_count, sizeof *job->origins);
    if (status == PL_OK && !job->origins)
        status = context->status;
    for (int64_t s = 0; status == PL_OK && s < panel->series_count; s++) {
        status = find_origins(context, job, s, &job->origins[s]);
        const struct origins *origins = &job->origins[s];
        int64_t count = (origins->last - origins->first) / origins->step + 1;
        if (status == PL_OK && origins->last >= origins->first && count > backtest->folds)
            backtest->folds = count;
        backtest->seen = backtest->seen || (status == PL_OK && saw(job, s));
    }
    if (status == PL_OK)
        status = add_baseline(context, backtest, job, PL_REPEAT, "repeat");
    if (status == PL_OK && job->season > 0 && job->season <= job->forecaster->lookback)
        status = add_baseline(context, backtest, job, PL_SEASONAL_NAIVE, "seasonal-naive");
    if (status != PL_OK)
        return status;
    backtest->track_count = panel->track_count;
    size_t count = (size_t)(contender_count(job) * panel->track_count);
    job->metrics = backtest->tracks = pl_new(context, count, sizeof *job->metrics);
    if (!job->metrics)
        return context->status;
    for (size_t i = 0; status == PL_OK && i < count; i++)
        status = pl_metrics_init(context, &job->metrics[i], job->forecaster->horizon, bands->levels,
                                 bands->level_count);
    return status;
}

/* The origin of a series in the fold that has `later` behind it, and *rows, whose windows the fold
 * before had not; an empty range of both where the series is too short.  Folds are counted from
 * the end: a short series joins in the later ones. */
static void place_fold(const struct origins *all, int64_t later, int64_t overlap,
                       struct origins *origin, struct pl_range *rows)
{
    int64_t at = all->last - later * all->step;
    if (at >= all->first && at <= all->last) {
        *origin = (struct origins){at, at, 1};
        *rows = (struct pl_range){rows->end > overlap ? rows->end - overlap : 0, at};
    } else {
        *origin = (struct origins){1, 0, 1};
        *rows = (struct pl_range){0, 0};
    }
}

/* Folds one after the other, each with maps solved on the rows before its origins. */
static enum pl_status run_refitted(struct pl_context *context, struct job *job)
{
    const struct pl_forecaster *forecaster = job->forecaster;
    int64_t series_count = job->panel->series_count, folds = job->folds;
    int64_t maps = forecaster->map_count, overlap = forecaster->lookback + forecaster->horizon - 1;
    enum pl_status status = PL_OK;
    struct origins *all = job->origins;
    struct pl_gram *grams = pl_new(context, (size_t)maps, sizeof *grams);
    struct pl_linear *fitted = pl_new(context, (size_t)maps, sizeof *fitted);
    struct pl_range *ranges = pl_new(context, (size_t)series_count, sizeof *ranges);
    struct origins *fold_origins = pl_new(context, (size_t)series_count, sizeof *fold_origins);
    if (!grams || !fitted || !ranges || !fold_origins)
        status = PL_SYSTEM;
    for (int64_t m = 0; status == PL_OK && m < maps; m++) {
        const struct pl_linear *like = &forecaster->maps[0];
        status = pl_forecaster_gram_init(context, forecaster, &grams[m]);
        if (status == PL_OK)
            status = pl_linear_init(context, &fitted[m], like->lookback, like->horizon, like->past,
                                    like->future);
    }
    job->maps = fitted;
    job->origins = fold_origins;
    for (int64_t fold = 0; status == PL_OK && fold < folds; fold++) {
        for (int64_t s = 0; s < series_count; s++)
            place_fold(&all[s], folds - 1 - fold, overlap, &fold_origins[s], &ranges[s]);
        status = pl_forecaster_gather(context, forecaster, job->panel, &job->match, ranges, grams);
        if (status == PL_OK)
            status = pl_forecaster_solve(context, forecaster, grams, fitted);
        if (status == PL_OK)
            status = pl_parallel(context, job->panel->track_count, score_track, job);
        if (status != PL_OK)
            status =
                pl_fail_at(context, "fold %lld of %lld", (long long)fold + 1, (long long)folds);
    }
    for (int64_t m = 0; m < maps; m++) {
        if (grams)
            pl_gram_release(&grams[m]);
        if (fitted)
            pl_linear_release(&fitted[m]);
    }
    job->maps = NULL;
    job->origins = all;
    free(grams);
    free(fitted);
    free(ranges);
    free(fold_origins);
    return status;
}

static enum pl_status add_up(struct pl_context *context, struct pl_backtest *backtest,
                             const struct job *job)
{
    const struct pl_panel *panel = job->panel;
    const struct pl_bands *bands = &job->options->bands;
    for (int contender = 0; contender < contender_count(job); contender++) {
        struct pl_metrics *total = &backtest->totals[contender];
        enum pl_status status = pl_metrics_init(context, total, job->forecaster->horizon,
                                                bands->levels, bands->level_count);
        if (status != PL_OK)
            return status;
        for (int64_t track = 0; track < panel->track_count; track++)
            pl_metrics_merge(total, track_metrics(job, contender, track));
    }
    for (int64_t s = 0; s < panel->series_count; s++) {
        int64_t most = 0;
        for (int64_t i = 0; i < panel->target_count; i++) {
            int64_t windows = backtest->tracks[s * panel->target_count + i].windows;
            most = windows > most ? windows : most;
        }
        backtest->windows += most;
    }
    if (backtest->windows > 0)
        return PL_OK;
    int64_t longest = 0;
    for (int64_t s = 0; s < panel->series_count; s++)
        longest = panel->series[s].rows > longest ? panel->series[s].rows : longest;
    return pl_fail(context, PL_BAD_DATA,
                   "no window of lookback %lld and horizon %lld to score (the longest series has "
                   "%lld rows)",
                   (long long)job->forecaster->lookback, (long long)job->forecaster->horizon,
                   (long long)longest);
}

/* An error that overflows is none that could be compared: weights or values are out of all
 * proportion. */
static enum pl_status check_finite(struct pl_context *context, const struct pl_backtest *backtest,
                                   const struct job *job)
{
    for (int contender = 0; contender < contender_count(job); contender++)
        for (int64_t track = 0; track < job->panel->track_count; track++)
            for (int64_t h = 0; h < job->forecaster->horizon; h++) {
                const struct pl_step_sums *sums = &track_metrics(job, contender, track)->steps[h];
                char name[PL_PLACE_SIZE];
                if (isfinite(sums->squared) && isfinite(sums->raw_squared))
                    continue;
                pl_panel_track_name(job->panel, track, name);
                return pl_fail(context, PL_NUMERIC,
                               "%s: %s: the squared error %lld step%s ahead is not finite",
                               backtest->names[contender], name, (long long)h + 1,
                               h == 0 ? "" : "s");
            }
    return PL_OK;
}

enum pl_status pl_backtest_run(struct pl_context *context, struct pl_backtest *backtest,
                               const struct pl_forecaster *forecaster, const struct pl_panel *panel,
                               const struct pl_backtest_options *options)
{
    struct job job = {.forecaster = forecaster, .panel = panel, .options = options};
    memset(backtest, 0, sizeof *backtest);
    job.season = options->season      ? options->season
                 : forecaster->season ? forecaster->season
                                      : pl_panel_season(panel);
    backtest->season = job.season;
    backtest->names[backtest->contender_count++] = forecaster->type->name;
    enum pl_status status = prepare(context, backtest, &job);
    job.folds = backtest->folds;
    if (status == PL_OK)
        status = options->refit ? run_refitted(context, &job)
                                : pl_parallel(context, panel->track_count, score_track, &job);
    if (status == PL_OK)
        status = check_finite(context, backtest, &job);
    if (status == PL_OK)
        status = add_up(context, backtest, &job);
    for (int i = 0; i < job.baseline_count; i++)
        pl_linear_release(&job.baselines[i]);
    pl_match_release(&job.match);
    free(job.origins);
    return status;
}

void pl_backtest_release(struct pl_backtest *backtest)
{
    for (int i = 0; i < PL_BACKTEST_CONTENDERS; i++)
        pl_metrics_release(&backtest->totals[i]);
    for (int64_t i = 0; backtest->tracks && i < backtest->contender_count * backtest->track_count;
         i++)
        pl_metrics_release(&backtest->tracks[i]);
    free(backtest->tracks);
    memset(backtest, 0, sizeof *backtest);
}
