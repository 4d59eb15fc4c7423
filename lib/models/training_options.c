/* The options of training: see training_options.h.
 * SPDX-License-Identifier: MIT */
#include "models/training_options.h"

#include <inttypes.h>
#include <string.h>

#include "base/number.h"

static enum pl_status take_ridge(struct pl_context *context, const char *text, double *ridge)
{
    *ridge = -1;
    if (strcmp(text, "auto") == 0)
        return PL_OK;
    if (!pl_parse_double(text, strlen(text), ridge) || !(*ridge >= 0) || *ridge > 1e300)
        return pl_fail(context, PL_USAGE, "--ridge '%s': neither auto nor a number from 0 up",
                       text);
    return PL_OK;
}

static enum pl_status take_names(struct pl_context *context, const char *text,
                                 struct pl_arena *arena, struct pl_names *names)
{
    return text ? pl_names_parse(context, arena, text, names) : PL_OK;
}

static enum pl_status take_calendar(struct pl_context *context,
                                    const struct pl_training_options *options,
                                    struct pl_calendar_terms *terms)
{
    if (options->calendar && pl_calendar_parse_fields(context, terms, options->calendar))
        return context->status;
    if (options->seasons && pl_calendar_parse_seasons(context, terms, options->seasons))
        return context->status;
    if (options->holidays)
        return pl_calendar_read_holidays(context, terms, options->holidays);
    return PL_OK;
}

enum pl_status pl_training_from_options(struct pl_context *context,
                                        const struct pl_training_options *options, int64_t seed,
                                        struct pl_arena *arena, struct pl_training *training,
                                        struct pl_panel_options *panel)
{
    const struct pl_linear_options *linear = &options->linear;
    int missing = options->missing < 0 ? PL_MISSING_ERROR : options->missing;
    *training =
        (struct pl_training){.type = pl_model_find(options->model ? options->model : "nlinear"),
                             .lookback = linear->lookback,
                             .horizon = linear->horizon,
                             .individual = linear->individual,
                             .solver = linear->solver,
                             .recipe = linear->recipe,
                             .split_given = options->split != NULL,
                             .scale = options->scale,
                             .stats = options->stats,
                             .season = linear->season,
                             .missing = missing};
    training->recipe.seed = (uint64_t)seed;
    *panel = (struct pl_panel_options){.target_only = options->target_only,
                                       .missing = (enum pl_missing)missing,
                                       .season = linear->season,
                                       .rows_are_clock = options->split != NULL};
    if (linear->recipe.moving_average % 2 == 0)
        return pl_fail(context, PL_USAGE, "--moving-average %" PRId64 ": must be odd",
                       linear->recipe.moving_average);
    if (take_ridge(context, linear->ridge, &training->ridge) ||
        (options->split && pl_split_parse(context, options->split, &training->split)) ||
        take_names(context, options->target, arena, &panel->targets) ||
        take_names(context, options->past, arena, &panel->past) ||
        take_names(context, options->future, arena, &panel->future))
        return context->status;
    return take_calendar(context, options, &training->calendar);
}

enum pl_status pl_training_check_update(struct pl_context *context,
                                        const struct pl_training_options *options,
                                        const struct pl_forecaster *f)
{
    const struct pl_linear_options *linear = &options->linear;
    const struct {
        const char *name;
        bool differs;
    } settings[] = {
        {"--model", options->model && strcmp(options->model, f->type->name)},
        {"--lookback", linear->lookback && linear->lookback != f->lookback},
        {"--horizon", linear->horizon && linear->horizon != f->horizon},
        {"--individual", linear->individual && !f->individual},
        {"--solver", linear->solver != PL_SOLVER_OLS},
        {"--ridge", strcmp(linear->ridge, "auto") != 0},
        {"--naive-season", linear->season && linear->season != f->season},
        {"--scale", options->scale != PL_SCALE_ZSCORE && options->scale != f->scale},
        {"--stats", options->stats != PL_STATS_TOTAL && options->stats != f->stats_kind},
        {"--split", options->split},
        {"--target", options->target},
        {"--target-only", options->target_only},
        {"--past-columns", options->past},
        {"--future-columns", options->future},
        {"--calendar", options->calendar},
        {"--season", options->seasons},
        {"--holidays", options->holidays},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (settings[i].differs)
            return pl_fail(context, PL_USAGE, "%s: --update keeps the configuration of the model",
                           settings[i].name);
    return PL_OK;
}
