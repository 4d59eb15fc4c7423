/* The plan of a training: what the model is of, its sizes, the parts of the rows, whether they
 * suffice; and the plan in words, for --explain.
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "models/forecaster_train.h"

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

enum pl_status pl_train_describe(struct pl_context *context, struct pl_forecaster *f,
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

enum pl_status pl_train_parts(struct pl_context *context, struct trainer *t)
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
enum pl_status pl_train_check_windows(struct pl_context *context, const struct trainer *t)
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
void pl_train_warn_windows(struct pl_context *context, const struct trainer *t)
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
    enum pl_status status = pl_train_describe(context, &f, panel, training);
    if (!status)
        status = pl_train_parts(context, &t);
    if (!status)
        status = explain(context, &t, out);
    free(t.train);
    free(t.validation);
    free(t.test);
    pl_forecaster_release(&f);
    return status;
}
