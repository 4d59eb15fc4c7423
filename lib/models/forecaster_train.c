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
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "models/forecaster_train.h"

/* Without validation rows: strong enough for a problem with few windows, harmless otherwise. */
#define RIDGE_UNCHOSEN 0.1

/* ---- Preparation ------------------------------------------------------------------------- */

static enum pl_status copy_names(struct pl_context *context, struct pl_arena *arena,
                                 const char *const *from, int64_t count, const char ***to)
{
    const char **names = pl_arena_new(context, arena, (size_t)count, sizeof *names);
    if (!names)
        return context->status;
    for (int64_t i = 0; i < count; i++) {
        names[i] = pl_arena_text(context, arena, from[i], strlen(from[i]));
        if (!names[i])
            return context->status;
    }
    *to = names;
    return PL_OK;
}

static enum pl_status copy_description(struct pl_context *context, struct pl_forecaster *f,
                                       const struct pl_panel *panel)
{
    f->target_count = panel->target_count;
    f->past_count = panel->past_count;
    f->future_count = panel->future_count;
    f->series_count = panel->series_count;
    f->long_format = panel->long_format;
    f->stamped = panel->stamped;
    f->dates_only = panel->dates_only;
    f->step = panel->step;
    const char **names = pl_new(context, (size_t)panel->series_count, sizeof *names);
    if (!names)
        return context->status;
    for (int64_t s = 0; s < panel->series_count; s++)
        names[s] = panel->series[s].name;
    enum pl_status status = copy_names(context, &f->arena, names, panel->series_count, &f->series);
    free(names);
    return status
               ? status
               : copy_names(context, &f->arena, panel->columns, panel->column_count, &f->columns);
}

static int compare_rows(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Rows of the middle series: half of them are at least this long. */
static enum pl_status median_rows(struct pl_context *context, const struct pl_panel *panel,
                                  int64_t *rows)
{
    int64_t *all = pl_new(context, (size_t)panel->series_count, sizeof *all);
    if (!all)
        return context->status;
    for (int64_t s = 0; s < panel->series_count; s++)
        all[s] = panel->series[s].rows;
    qsort(all, (size_t)panel->series_count, sizeof *all, compare_rows);
    *rows = all[panel->series_count / 2];
    free(all);
    return PL_OK;
}

/* Lookback and horizon, where not given: 336 and 96, or what short series allow. */
static enum pl_status choose_sizes(struct pl_context *context, struct pl_forecaster *f,
                                   const struct pl_panel *panel, const struct pl_training *training)
{
    int64_t rows = 0;
    if (median_rows(context, panel, &rows))
        return context->status;
    f->lookback = training->lookback;
    f->horizon = training->horizon;
    if (f->lookback == 0) {
        f->lookback = rows < 3 * PL_DEFAULT_LOOKBACK ? rows / 3 : PL_DEFAULT_LOOKBACK;
        f->lookback += f->lookback == 0;
    }
    if (f->horizon == 0) {
        f->horizon = rows < 10 * PL_DEFAULT_HORIZON ? rows / 10 : PL_DEFAULT_HORIZON;
        f->horizon += f->horizon == 0;
    }
    return PL_OK;
}

static enum pl_status describe(struct pl_context *context, struct pl_forecaster *f,
                               const struct pl_panel *panel, const struct pl_training *training)
{
    if (training->solver == PL_SOLVER_ADAM && !training->type)
        return pl_fail(context, PL_USAGE, "--solver adam needs a model: -m nlinear, for example");
    f->type = training->type;
    f->individual = training->individual && panel->track_count > 1;
    f->solver = training->solver;
    f->moving_average = training->recipe.moving_average;
    f->scale = training->scale;
    f->missing = training->missing;
    f->split =
        training->split_given ? training->split : (struct pl_split){PL_SPLIT_RATIOS, 0.7, 0.1, 0.2};
    f->split_given = training->split_given;
    f->season = training->season > 0 ? training->season : pl_panel_season(panel);
    f->map_count = f->individual ? panel->track_count : 1;
    f->stats_kind = f->solver == PL_SOLVER_ADAM ? PL_STATS_NONE : training->stats;
    if (copy_description(context, f, panel) || choose_sizes(context, f, panel, training) ||
        pl_calendar_copy(context, &training->calendar, &f->calendar))
        return context->status;
    return pl_calendar_check(context, &f->calendar, panel);
}

/* ---- Parts ------------------------------------------------------------------------------- */

/* 0.7, 0.1, 0.2 where all three parts have a window; else validation and test parts of at least a
 * horizon; else no test part; else none of both. */
static struct pl_borders report_borders(const struct pl_forecaster *f, int64_t rows)
{
    int64_t train = (int64_t)((double)rows * 0.7), test = (int64_t)((double)rows * 0.2);
    int64_t validation = rows - train - test, window = f->lookback + f->horizon;
    validation = validation < f->horizon ? f->horizon : validation;
    test = test < f->horizon ? f->horizon : test;
    train = rows - validation - test;
    if (train < window) {
        test = 0;
        validation = f->horizon;
        train = rows - validation;
    }
    if (train < window)
        return (struct pl_borders){{0, rows}, {rows, rows}, {rows, rows}};
    int64_t back = train > f->lookback ? f->lookback : train;
    return (struct pl_borders){{0, train},
                               {train - back, train + validation},
                               {test > 0 ? train + validation - back : rows, rows}};
}

static enum pl_status find_parts(struct pl_context *context, struct trainer *t)
{
    const struct pl_panel *panel = t->panel;
    size_t count = (size_t)panel->series_count;
    t->train = pl_new(context, count, sizeof *t->train);
    t->validation = pl_new(context, count, sizeof *t->validation);
    t->test = pl_new(context, count, sizeof *t->test);
    if (!t->train || !t->validation || !t->test)
        return context->status;
    for (int64_t s = 0; s < panel->series_count; s++) {
        struct pl_borders borders;
        if (!t->f->split_given)
            borders = report_borders(t->f, panel->series[s].rows);
        else if (pl_split_borders(context, &t->f->split, panel->series[s].rows, t->f->lookback,
                                  &borders))
            return pl_fail_at(context, "%s", panel->source);
        t->train[s] = borders.train;
        t->validation[s] = borders.validation;
        t->test[s] = borders.test;
    }
    return PL_OK;
}

/* The longest run of rows that training could use. */
static int64_t longest_run(const struct trainer *t, int64_t *series)
{
    int64_t longest = -1;
    for (int64_t i = 0; i < t->panel->track_count; i++) {
        const struct pl_track *track = &t->panel->tracks[i];
        for (int64_t p = 0; p < track->piece_count; p++) {
            struct pl_range run = pl_range_meet(track->pieces[p], t->train[track->series]);
            if (run.end - run.begin > longest) {
                longest = run.end - run.begin;
                *series = track->series;
            }
        }
    }
    return longest > 0 ? longest : 0;
}

static enum pl_status too_short(struct pl_context *context, const struct trainer *t)
{
    int64_t series = 0, rows = longest_run(t, &series), all = t->panel->series[series].rows;
    const char *name = t->panel->series[series].name;
    bool named = t->panel->long_format, part = t->train[series].end < all;
    bool cut = rows < t->train[series].end - t->train[series].begin;
    const char *what = cut    ? "the longest run without a gap in "
                       : part ? "the training part of "
                              : "";
    return pl_fail(context, PL_BAD_DATA,
                   "%s: %s%s%s%s has %" PRId64 " row%s; --lookback %" PRId64 " --horizon %" PRId64
                   " needs at least %" PRId64 " (one window); lower --lookback",
                   t->panel->source, what, named ? "series '" : "the series", named ? name : "",
                   named ? "'" : "", rows, rows == 1 ? "" : "s", t->f->lookback, t->f->horizon,
                   t->f->lookback + t->f->horizon);
}

/* Windows of every track inside ranges: all together, the fewest, the tracks that have none. */
struct census {
    int64_t all, fewest, without, first_without;
};

static struct census count_windows(const struct trainer *t, const struct pl_range *ranges)
{
    struct census census = {.fewest = INT64_MAX};
    for (int64_t i = 0; i < t->panel->track_count; i++) {
        const struct pl_track *track = &t->panel->tracks[i];
        int64_t windows =
            pl_track_windows(track, ranges[track->series], pl_forecaster_window(t->f));
        census.all += windows;
        if (windows == 0 && census.without++ == 0)
            census.first_without = i;
        census.fewest = windows < census.fewest ? windows : census.fewest;
    }
    return census;
}

/* Refuses when there is nothing to fit. */
static enum pl_status check_windows(struct pl_context *context, const struct trainer *t)
{
    char name[PL_PLACE_SIZE];
    struct census census = count_windows(t, t->train);
    if (census.all == 0)
        return too_short(context, t);
    pl_panel_track_name(t->panel, census.first_without, name);
    if (census.without > 0 && t->f->individual)
        return pl_fail(context, PL_BAD_DATA,
                       "%s: %s has no run of %" PRId64 " rows for a map of its own",
                       t->panel->source, name, pl_forecaster_window(t->f));
    return PL_OK;
}

/* Warns of tracks without a window and of too few windows in the rows of the final fit. */
static void warn_of_windows(struct pl_context *context, const struct trainer *t)
{
    char name[PL_PLACE_SIZE];
    struct census census = count_windows(t, t->train);
    int64_t windows = t->f->individual ? census.fewest : census.all;
    int64_t lags = t->f->lookback * (1 + t->f->past_count);
    pl_panel_track_name(t->panel, census.first_without, name);
    if (census.without > 0)
        pl_warn(context, "%s: %s%s no run of %" PRId64 " rows and %s left out of the fit",
                t->panel->source, name, census.without > 1 ? " and others have" : " has",
                pl_forecaster_window(t->f), census.without > 1 ? "are" : "is");
    if (windows < lags)
        pl_warn(context,
                "%s: %" PRId64 " window%s for %" PRId64
                " lags: the fit is under-determined and leans on ridge",
                t->panel->source, windows, windows == 1 ? "" : "s", lags);
    if (t->training->horizon == 0 && t->f->horizon < PL_DEFAULT_HORIZON)
        pl_warn(context,
                "%s: the horizon is %" PRId64 ", a tenth of the rows; --horizon sets another",
                t->panel->source, t->f->horizon);
}

/* ---- Closed form ------------------------------------------------------------------------- */

struct gathering_channels {
    const struct trainer *trainer;
    const struct pl_range *ranges;
};

static enum pl_status gather_channel(struct pl_context *context, void *job, int64_t track)
{
    const struct gathering_channels *g = job;
    const struct trainer *t = g->trainer;
    struct pl_gram *gram = &t->f->stats[track];
    if (pl_forecaster_gram_init(context, t->f, gram))
        return context->status;
    return pl_forecaster_gather_tracks(context, t->f, t->panel, &t->match, g->ranges, track,
                                       track + 1, gram);
}

/* The statistics of map m over ranges, and, where they are to travel by channel, of its tracks in
 * f->stats. */
static enum pl_status gather_map(struct pl_context *context, struct trainer *t,
                                 const struct pl_range *ranges, int64_t m, bool keep,
                                 struct pl_gram *gram)
{
    struct pl_forecaster *f = t->f;
    if (pl_forecaster_gram_init(context, f, gram))
        return context->status;
    int64_t first = f->individual ? m : 0;
    int64_t last = f->individual ? m + 1 : t->panel->track_count;
    if (!keep || f->stats_kind != PL_STATS_CHANNEL || f->individual)
        return pl_forecaster_gather_tracks(context, f, t->panel, &t->match, ranges, first, last,
                                           gram);
    struct gathering_channels g = {t, ranges};
    if (pl_parallel(context, last, gather_channel, &g))
        return context->status;
    for (int64_t track = first; track < last; track++)
        if (pl_gram_merge(context, gram, &f->stats[track], 1))
            return context->status;
    return PL_OK;
}

/* Ends the life of a map's statistics: they move into f->stats or are released. */
static void settle_gram(struct pl_forecaster *f, int64_t m, bool keep, struct pl_gram *gram)
{
    bool moved = keep && f->stats_kind != PL_STATS_NONE &&
                 (f->stats_kind == PL_STATS_TOTAL || f->individual);
    if (moved)
        f->stats[m] = *gram;
    else
        pl_gram_release(gram);
    *gram = (struct pl_gram){0};
}

static enum pl_status fit_candidate(struct pl_context *context, const struct trainer *t,
                                    struct candidate *candidate, int64_t m,
                                    const struct pl_gram *gram, const struct pl_gram *validation)
{
    enum pl_linear_kind kind = (enum pl_linear_kind)candidate->type->variant;
    double errors[PL_RIDGES];
    int best;
    if (t->training->ridge < 0 && validation->count > 0) {
        if (pl_linear_path(context, gram, kind, pl_ridges, PL_RIDGES, validation, errors, &best,
                           &candidate->maps[m]))
            return context->status;
        candidate->ridges[m] = pl_ridges[best];
        candidate->squares[m] = errors[best] * validation->count;
        return PL_OK;
    }
    candidate->ridges[m] = t->training->ridge < 0 ? RIDGE_UNCHOSEN : t->training->ridge;
    if (pl_linear_solve(context, gram, kind, candidate->ridges[m], &candidate->maps[m], NULL))
        return context->status;
    if (validation->count == 0 || t->candidate_count == 1)
        return PL_OK;
    double *mse = pl_new(context, (size_t)t->f->horizon, sizeof *mse);
    if (!mse)
        return context->status;
    if (pl_linear_score(context, validation, &candidate->maps[m], mse) == PL_OK)
        for (int64_t h = 0; h < t->f->horizon; h++)
            candidate->squares[m] += mse[h] * validation->count / (double)t->f->horizon;
    else
        candidate->squares[m] = NAN;
    free(mse);
    return isnan(candidate->squares[m]) ? context->status : PL_OK;
}

static enum pl_status fit_map(struct pl_context *context, void *job, int64_t m)
{
    struct trainer *t = job;
    bool keep = t->f->split_given;
    struct pl_gram gram = {0}, validation = {0};
    enum pl_status status = gather_map(context, t, t->train, m, keep, &gram);
    if (!status)
        status = gather_map(context, t, t->validation, m, false, &validation);
    for (int i = 0; i < t->candidate_count && !status; i++)
        status = fit_candidate(context, t, &t->candidates[i], m, &gram, &validation);
    settle_gram(t->f, m, keep, &gram);
    pl_gram_release(&validation);
    return status;
}

static enum pl_status refit_map(struct pl_context *context, void *job, int64_t m)
{
    struct trainer *t = job;
    struct pl_gram gram = {0};
    enum pl_status status = gather_map(context, t, t->train, m, true, &gram);
    if (!status)
        status = pl_linear_solve(context, &gram, (enum pl_linear_kind)t->f->type->variant,
                                 t->f->ridges[m], &t->f->maps[m], NULL);
    settle_gram(t->f, m, true, &gram);
    return status;
}

static enum pl_status make_stats(struct pl_context *context, struct pl_forecaster *f)
{
    if (f->stats_kind == PL_STATS_NONE)
        return PL_OK;
    f->stats_count = f->stats_kind == PL_STATS_CHANNEL ? pl_forecaster_tracks(f) : f->map_count;
    f->stats = pl_new(context, (size_t)f->stats_count, sizeof *f->stats);
    return f->stats ? PL_OK : context->status;
}

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
    return pl_parallel(context, f->map_count, refit_map, t);
}

static enum pl_status fit_first(struct pl_context *context, struct trainer *t)
{
    if (t->f->solver == PL_SOLVER_ADAM)
        return pl_forecaster_adam(context, t);
    return pl_parallel(context, t->f->map_count, fit_map, t);
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
    if (describe(context, f, t->panel, t->training) || find_parts(context, t) ||
        pl_scaler_fit(context, &f->scaler, t->panel, t->train, (enum pl_scale)f->scale) ||
        pl_forecaster_match(context, f, t->panel, &t->match) || list_candidates(context, t) ||
        make_stats(context, f))
        return context->status;
    bool final = f->split_given || f->solver == PL_SOLVER_ADAM;
    int64_t validation_windows = pl_forecaster_windows(f, t->panel, t->validation);
    if (check_windows(context, t) || fit_first(context, t))
        return context->status;
    t->validation_mse = INFINITY;
    for (int i = 0; i < t->candidate_count && validation_windows > 0; i++)
        t->validation_mse = fmin(t->validation_mse, sum(t->candidates[i].squares, f->map_count) /
                                                        (double)validation_windows);
    choose_candidate(t, validation_windows);
    if (score_all(context, t) || (!final && refit(context, t)))
        return context->status;
    warn_of_windows(context, t);
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

/* ---- Explaining -------------------------------------------------------------------------- */

/* Operations and memory of the closed form: K dot products of a column for the first row of its
 * Gram matrix, a recurrence for the rest, one factorisation and H solutions for each ridge. */
static enum pl_status explain(struct pl_context *context, const struct trainer *t,
                              struct pl_buffer *out)
{
    const struct pl_forecaster *f = t->f;
    double lags = (double)(f->lookback * (1 + f->past_count)), horizon = (double)f->horizon;
    double future = (double)pl_forecaster_regressors(f), window = lags + horizon;
    double tracks = (double)t->panel->track_count, rows = (double)t->panel->rows;
    double maps = (double)f->map_count, ridges = t->training->ridge < 0 ? PL_RIDGES : 1;
    double gather = 2 * rows * (double)f->target_count * window * (1 + (double)f->past_count) +
                    6 * tracks * window * lags * (1 + (double)f->past_count) +
                    2 * rows * (double)f->target_count * window * future;
    double solve =
        maps * ridges * (lags * lags * lags / 3 + 2 * lags * lags * horizon * (1 + future));
    double gram = 8 * (lags * lags + lags * horizon * (1 + future)),
           held = gram * (maps > 1 ? maps : 16);
    double values = 8 * rows * (double)t->panel->column_count;
    return pl_buffer_printf(
        context, out,
        "model: %s\nlookback: %" PRId64 "\nhorizon: %" PRId64 "\nseries: %" PRId64
        "\ncolumns: {targets: %" PRId64 ", past: %" PRId64 ", future: %" PRId64
        ", calendar: %" PRId64 "}\nrows: %" PRId64 "\nwindows: {training: %" PRId64
        ", validation: %" PRId64 ", test: %" PRId64 "}\nmaps: %" PRId64
        "\nflops: {statistics: %.3g, solve: %.3g}\n"
        "bytes: {values: %.0f, statistics: %.0f, weights: %.0f}\n",
        f->type ? f->type->name : "auto", f->lookback, f->horizon, f->series_count, f->target_count,
        f->past_count, f->future_count, pl_calendar_count(&f->calendar), t->panel->rows,
        pl_forecaster_windows(f, t->panel, t->train),
        pl_forecaster_windows(f, t->panel, t->validation),
        pl_forecaster_windows(f, t->panel, t->test), f->map_count, gather, solve, values, held,
        8 * maps * horizon * (lags + future + 1));
}

enum pl_status pl_forecaster_explain(struct pl_context *context, const struct pl_panel *panel,
                                     const struct pl_training *training, struct pl_buffer *out)
{
    struct pl_forecaster f = {0};
    struct trainer t = {.f = &f, .panel = panel, .training = training};
    enum pl_status status = describe(context, &f, panel, training);
    if (!status)
        status = find_parts(context, &t);
    if (!status)
        status = explain(context, &t, out);
    free(t.train);
    free(t.validation);
    free(t.test);
    pl_forecaster_release(&f);
    return status;
}
