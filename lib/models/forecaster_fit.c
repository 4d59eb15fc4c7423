/* The fit in closed form of one map: statistics, ridge, solution.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "models/forecaster_train.h"

/* Without validation rows: strong enough for a problem with few windows, harmless otherwise. */
#define RIDGE_UNCHOSEN 0.1

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

enum pl_status pl_train_fit_map(struct pl_context *context, void *job, int64_t m)
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

enum pl_status pl_train_refit_map(struct pl_context *context, void *job, int64_t m)
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

enum pl_status pl_train_make_stats(struct pl_context *context, struct pl_forecaster *f)
{
    if (f->stats_kind == PL_STATS_NONE)
        return PL_OK;
    f->stats_count = f->stats_kind == PL_STATS_CHANNEL ? pl_forecaster_tracks(f) : f->map_count;
    f->stats = pl_new(context, (size_t)f->stats_count, sizeof *f->stats);
    return f->stats ? PL_OK : context->status;
}
