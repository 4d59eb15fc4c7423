/* What wm-permute does: models in, checked against each other; what was found, told.
 * SPDX-License-Identifier: MIT */
#include "weights/permute.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "models/model_stream.h"
#include "weights/permutation_stream.h"

enum { SPEC_MOST = 16 << 20 };

/* ---- Opening ----------------------------------------------------------------------------- */

static enum pl_status check_options(struct pl_context *context, const struct pl_permute *permute)
{
    const struct pl_permute_options *options = permute->options;
    size_t inputs = 0;
    if (options->apply && (options->mean || options->interpolates || options->init))
        return pl_fail(context, PL_USAGE,
                       "--apply does not go with --mean, --interpolate or --init");
    if (options->apply && permute->count != 1)
        return pl_fail(context, PL_USAGE, "--apply takes one model");
    if (options->inverse && !options->apply)
        return pl_fail(context, PL_USAGE, "--inverse needs --apply");
    if (options->shares && !options->mean)
        return pl_fail(context, PL_USAGE, "--shares needs --mean");
    if (options->mean && options->interpolates)
        return pl_fail(context, PL_USAGE, "only one of --mean and --interpolate");
    if ((options->method == PL_PERMUTE_WEIGHTS) != !options->data)
        return pl_fail(context, PL_USAGE,
                       options->data ? "--data needs --method activations or ste"
                                     : "this method needs --data, pictures to look at");
    if (options->method != PL_PERMUTE_WEIGHTS && (options->mean || options->apply))
        return pl_fail(context, PL_USAGE, "--mean and --apply go with --method weights");
    if (options->repair && !options->mean && !options->interpolates)
        return pl_fail(context, PL_USAGE, "--repair mends a merged model: --mean or --interpolate");
    if (options->init && (options->method != PL_PERMUTE_WEIGHTS || options->mean))
        return pl_fail(context, PL_USAGE, "--init goes with --method weights and without --mean");
    if (permute->count > 2 && (options->interpolates || options->init))
        return pl_fail(context, PL_USAGE, "--%s takes two models",
                       options->init ? "init" : "interpolate");
    for (size_t m = 0; m < permute->count; m++)
        inputs += strcmp(permute->weights[m].path, "-") == 0;
    if (inputs > 1)
        return pl_fail(context, PL_USAGE, "only one of the models can be '-'");
    for (size_t m = 1; m < permute->count; m++)
        if (strcmp(permute->weights[m].path, permute->weights[0].path) == 0)
            pl_warn(context, "'%s' is given twice", permute->weights[m].path);
    return PL_OK;
}

/* Weights of the models in a merged one. */
static enum pl_status read_shares(struct pl_context *context, struct pl_permute *permute)
{
    const struct pl_permute_options *options = permute->options;
    const char *at = options->shares;
    for (size_t m = 0; m < permute->count; m++)
        permute->shares[m] = 1 / (double)permute->count;
    if (options->interpolates) {
        permute->shares[0] = 1 - options->interpolate;
        permute->shares[1] = options->interpolate;
    }
    for (size_t m = 0; at && m < permute->count; m++) {
        size_t size = strcspn(at, ",");
        if (!pl_parse_double(at, size, &permute->shares[m]) ||
            (at[size] == ',') != (m + 1 < permute->count))
            return pl_fail(context, PL_USAGE,
                           "--shares '%s': not one number for each of %zu models", options->shares,
                           permute->count);
        at += size + 1;
    }
    return PL_OK;
}

static enum pl_status take_lists(struct pl_context *context, struct pl_permute *permute,
                                 const char *const *paths)
{
    const size_t count = permute->count;
    struct pl_arena *arena = &permute->arena;
    permute->weights = pl_arena_new(context, arena, count, sizeof *permute->weights);
    permute->tensors = pl_arena_new(context, arena, count, sizeof *permute->tensors);
    permute->permutations = pl_arena_new(context, arena, count, sizeof *permute->permutations);
    permute->reports = pl_arena_new(context, arena, count, sizeof *permute->reports);
    permute->shares = pl_arena_new(context, arena, count, sizeof *permute->shares);
    if (!permute->weights || !permute->tensors || !permute->permutations || !permute->reports ||
        !permute->shares) {
        permute->count = 0;
        return context->status;
    }
    for (size_t m = 0; m < count; m++)
        permute->weights[m].path = paths[m] ? paths[m] : "-";
    return PL_OK;
}

static enum pl_status read_spec_file(struct pl_context *context, struct pl_permute *permute)
{
    const char *path = permute->options->spec;
    struct pl_meta meta = {0};
    char *text = NULL;
    size_t size;
    enum pl_status status = pl_file_load(context, path, SPEC_MOST, &text, &size);
    if (!status)
        status = pl_meta_parse(context, &meta, path, text, size);
    if (!status && !meta.root)
        status = pl_fail(context, PL_BAD_DATA, "%s: it is empty", path);
    if (!status && (status = pl_spec_read(context, &permute->spec, meta.root)))
        pl_fail_at(context, "%s", path);
    pl_meta_release(&meta);
    free(text);
    return status;
}

/* From the file, from the permutations to apply, or from the model itself. */
static enum pl_status read_spec(struct pl_context *context, struct pl_permute *permute)
{
    const struct pl_permute_options *options = permute->options;
    if (options->spec)
        return read_spec_file(context, permute);
    if (!options->apply)
        return pl_spec_derive(context, &permute->spec, &permute->weights[0].bundle, options->heads);
    struct pl_weights file = {0};
    enum pl_status status = pl_weights_open(context, &file, options->apply);
    if (!status)
        status = pl_permutations_spec(context, &file.bundle, &permute->spec);
    pl_weights_close(&file);
    return status;
}

/* What a signature replaced would stand in the old order, and be put back into the new one. */
static enum pl_status refuse_patched(struct pl_context *context, const struct pl_bundle *model)
{
    for (size_t i = 0; i < model->tensor_count; i++)
        if (pl_model_role(model->tensors[i].name) == PL_ROLE_UNDO)
            return pl_fail(context, PL_BAD_DATA,
                           "%s: '%s': a signature that can be taken off again does not follow "
                           "another order; take it off first (rws-patch --remove all), or put it "
                           "in with --no-undo",
                           model->source, model->tensors[i].name);
    return PL_OK;
}

/* The models beside the specification and beside each other. */
static enum pl_status lint(struct pl_context *context, struct pl_permute *permute)
{
    const struct pl_bundle **models = pl_new(context, permute->count, sizeof *models);
    if (!models)
        return context->status;
    for (size_t m = 0; m < permute->count; m++)
        models[m] = &permute->weights[m].bundle;
    enum pl_status status = PL_OK;
    for (size_t m = 1; m < permute->count && !status; m++)
        status = pl_model_compare(context, models[0], models[m]);
    if (!status)
        status = pl_spec_lint(context, &permute->spec, models, permute->count,
                              permute->options->unlisted);
    free(models);
    return status;
}

enum pl_status pl_permute_open(struct pl_context *context, struct pl_permute *permute,
                               const char *const *paths, size_t count)
{
    /* What is not named is standard input: the second model, or the one to apply to. */
    permute->count = count;
    if (count < 2 && !permute->options->apply)
        permute->count = 2;
    if (count == 0)
        permute->count = 1;
    if (count == 0 && !permute->options->apply)
        return pl_fail(context, PL_USAGE, "expected two models at least");
    enum pl_status status = take_lists(context, permute, paths);
    if (!status)
        status = check_options(context, permute);
    if (!status)
        status = read_shares(context, permute);
    for (size_t m = 0; m < permute->count && !status; m++)
        status = pl_weights_open(context, &permute->weights[m], permute->weights[m].path);
    for (size_t m = 0; m < permute->count && !status; m++)
        status = refuse_patched(context, &permute->weights[m].bundle);
    if (!status)
        status = read_spec(context, permute);
    if (!status)
        status = lint(context, permute);
    for (size_t m = 0; m < permute->count && !status; m++) {
        status = pl_match_tensors(context, &permute->arena, &permute->spec,
                                  &permute->weights[m].bundle, &permute->tensors[m]);
        if (!status)
            status = pl_permutations_init(context, &permute->permutations[m], &permute->spec);
    }
    return status;
}

void pl_permute_release(struct pl_permute *permute)
{
    for (size_t m = 0; m < permute->count && permute->weights; m++) {
        pl_weights_close(&permute->weights[m]);
        pl_permutations_release(&permute->permutations[m]);
    }
    pl_image_release(&permute->mended);
    pl_spec_release(&permute->spec);
    pl_arena_release(&permute->arena);
}

/* ---- Report ------------------------------------------------------------------------------ */

enum pl_status pl_permute_report(struct pl_context *context, const struct pl_permute *permute,
                                 struct pl_meta *meta)
{
    struct pl_meta_node *root = pl_meta_add_map(context, meta, NULL, NULL);
    struct pl_meta_node *models = pl_meta_add_map(context, meta, root, "models");
    if (permute->options->mean)
        pl_meta_add_real(context, meta, root, "pair_distances", permute->pair_distances);
    for (size_t m = 1; m < permute->count; m++)
        pl_align_write(context, &permute->reports[m], &permute->spec, &permute->permutations[m],
                       meta, models, permute->weights[m].path);
    return pl_meta_ok(meta, context) ? PL_OK : context->status;
}
