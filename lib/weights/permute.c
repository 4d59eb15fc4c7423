/* What wm-permute does: models in, their common order found, models or their mean out.
 * SPDX-License-Identifier: MIT */
#include "weights/permute.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/version.h"
#include "models/image_stream.h"
#include "weights/gather.h"
#include "weights/merge.h"
#include "weights/permutation.h"
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

static enum pl_status lint(struct pl_context *context, struct pl_permute *permute)
{
    const struct pl_bundle **models = pl_new(context, permute->count, sizeof *models);
    if (!models)
        return context->status;
    for (size_t m = 0; m < permute->count; m++)
        models[m] = &permute->weights[m].bundle;
    enum pl_status status =
        pl_spec_lint(context, &permute->spec, models, permute->count, permute->options->unlisted);
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

/* ---- Searching --------------------------------------------------------------------------- */

static enum pl_status read_permutations(struct pl_context *context, struct pl_permute *permute,
                                        const char *path, struct pl_permutations *permutations)
{
    struct pl_weights file = {0};
    enum pl_status status = pl_weights_open(context, &file, path);
    if (!status)
        status = pl_permutations_read(context, &file.bundle, &permute->spec, permutations);
    pl_weights_close(&file);
    return status;
}

static enum pl_status apply(struct pl_context *context, struct pl_permute *permute)
{
    struct pl_permutations *to = &permute->permutations[0], read = {0};
    enum pl_status status = pl_permutations_init(context, &read, &permute->spec);
    if (!status)
        status = read_permutations(context, permute, permute->options->apply, &read);
    for (size_t g = 0; g < permute->spec.group_count && !status; g++) {
        if (permute->options->inverse)
            pl_permutation_invert(read.items[g], permute->spec.groups[g].size, to->items[g]);
        else
            memcpy(to->items[g], read.items[g],
                   (size_t)permute->spec.groups[g].size * sizeof **read.items);
    }
    pl_permutations_release(&read);
    return status;
}

static struct pl_align_options search_options(const struct pl_permute *permute)
{
    const struct pl_permute_options *options = permute->options;
    return (struct pl_align_options){.sweeps = options->sweeps,
                                     .restarts = options->restarts,
                                     .seed = permute->seed,
                                     .buffers = options->buffers,
                                     .analyse = options->analyse,
                                     .step = permute->step,
                                     .user = permute->user};
}

static struct pl_matching pair(const struct pl_permute *permute, size_t model)
{
    return (struct pl_matching){.spec = &permute->spec,
                                .a = permute->tensors[0],
                                .b = permute->tensors[model],
                                .buffers = permute->options->buffers};
}

static void tell(const struct pl_permute *permute, size_t model)
{
    if (permute->model)
        permute->model(permute->user, permute->weights[model].bundle.source,
                       &permute->reports[model]);
}

/* Pictures and nets, for the methods that look at data. */
struct looking {
    struct pl_bundle bundle;
    struct pl_pictures pictures;
    int64_t count; /* of pictures that are looked at */
};

static enum pl_status open_pictures(struct pl_context *context, const struct pl_permute *permute,
                                    const char *path, bool labels, struct looking *looking)
{
    struct pl_source source;
    enum pl_status status = pl_input_bundle(context, path, NULL, &source, &looking->bundle);
    if (!status)
        status = pl_pictures_read(context, &looking->pictures, &looking->bundle);
    if (!status && (looking->pictures.count == 0 || (labels && !looking->pictures.labels)))
        status = pl_fail(context, PL_BAD_DATA, "%s: there are no %s", looking->bundle.source,
                         looking->pictures.count ? "labels" : "pictures");
    const int64_t most = permute->options->samples;
    looking->count = most < looking->pictures.count ? most : looking->pictures.count;
    return status;
}

static void close_pictures(struct looking *looking)
{
    pl_pictures_release(&looking->pictures);
    pl_bundle_release(&looking->bundle);
}

/* The model as it came, able to see these pictures. */
static enum pl_status read_net(struct pl_context *context, const struct pl_permute *permute,
                               size_t model, const struct looking *looking,
                               struct pl_image_net *net)
{
    const struct pl_bundle *bundle = &permute->weights[model].bundle;
    if (!pl_image_is(bundle))
        return pl_fail(context, PL_BAD_DATA,
                       "%s: expected a classifier of pictures (mlp, cnn, resnet), found %s; "
                       "weights become one by ts-import --model",
                       bundle->source, pl_bundle_kind(bundle));
    if (pl_image_read(context, net, bundle))
        return context->status;
    return pl_image_fits(context, net, &looking->pictures);
}

/* Matches one model to the first by what they do on the pictures. */
static enum pl_status match_by_data(struct pl_context *context, struct pl_permute *permute,
                                    size_t model, const struct looking *looking)
{
    const struct pl_permute_options *options = permute->options;
    const struct pl_matching matching = pair(permute, model);
    const struct pl_straight_options straight = {options->steps, options->batch, options->sweeps,
                                                 options->rate, permute->seed};
    struct pl_image_net a = {0}, b = {0};
    double loss;
    enum pl_status status = read_net(context, permute, 0, looking, &a);
    if (!status)
        status = read_net(context, permute, model, looking, &b);
    if (!status && options->method == PL_PERMUTE_ACTIVATIONS)
        status = pl_match_activations(
            context, &permute->spec, &a, &b, &looking->pictures, looking->count,
            (enum pl_activation_statistic)options->statistic, &permute->permutations[model]);
    else if (!status)
        status = pl_match_straight(context, &matching, &b, &looking->pictures, &straight,
                                   &permute->permutations[model], &loss);
    pl_image_release(&a);
    pl_image_release(&b);
    return status;
}

static enum pl_status look_at_data(struct pl_context *context, struct pl_permute *permute)
{
    const struct pl_align_options options = search_options(permute);
    struct looking looking = {.count = 0};
    enum pl_status status =
        open_pictures(context, permute, permute->options->data,
                      permute->options->method == PL_PERMUTE_STRAIGHT, &looking);
    for (size_t m = 1; m < permute->count && !status; m++) {
        const struct pl_matching matching = pair(permute, m);
        status = match_by_data(context, permute, m, &looking);
        if (!status)
            status = pl_align_measure(context, &matching, &options, &permute->permutations[m],
                                      &permute->reports[m]);
        if (!status)
            tell(permute, m);
    }
    close_pictures(&looking);
    return status;
}

static enum pl_status match_to_first(struct pl_context *context, struct pl_permute *permute)
{
    const struct pl_align_options options = search_options(permute);
    enum pl_status status = PL_OK;
    if (permute->options->init)
        status =
            read_permutations(context, permute, permute->options->init, &permute->permutations[1]);
    for (size_t m = 1; m < permute->count && !status; m++) {
        const struct pl_matching matching = pair(permute, m);
        status = pl_align_weights(context, &matching, &options, &permute->permutations[m],
                                  &permute->reports[m]);
        if (!status)
            tell(permute, m);
    }
    return status;
}

/* Each to the mean of the others; the first is left in its place by taking its order back from
 * all. */
static enum pl_status match_to_mean(struct pl_context *context, struct pl_permute *permute)
{
    const struct pl_align_options options = search_options(permute);
    struct pl_merge merge = {.spec = &permute->spec,
                             .count = permute->count,
                             .buffers = options.buffers,
                             .most = options.sweeps};
    merge.models = pl_arena_new(context, &permute->arena, merge.count, sizeof *merge.models);
    if (!merge.models)
        return context->status;
    for (size_t m = 0; m < merge.count; m++)
        merge.models[m] = (struct pl_merge_model){permute->tensors[m], permute->permutations[m]};
    enum pl_status status = pl_merge_many(context, &merge);
    for (size_t m = merge.count; m-- > 0 && !status;) {
        for (size_t g = 0; g < permute->spec.group_count; g++) {
            const int64_t size = permute->spec.groups[g].size;
            int64_t *p = permute->permutations[m].items[g],
                    *back = pl_new(context, (size_t)size, 16);
            if (!back)
                return context->status;
            pl_permutation_invert(permute->permutations[0].items[g], size, back);
            pl_permutation_compose(p, back, size, back + size);
            memcpy(p, back + size, (size_t)size * sizeof *p);
            free(back);
        }
        const struct pl_matching matching = pair(permute, m);
        permute->reports[m].sweeps = merge.sweeps;
        if (m > 0)
            status = pl_align_measure(context, &matching, &options, &permute->permutations[m],
                                      &permute->reports[m]);
        if (m > 0 && !status)
            tell(permute, m);
    }
    return status;
}

enum pl_status pl_permute_search(struct pl_context *context, struct pl_permute *permute)
{
    if (permute->options->apply)
        return apply(context, permute);
    if (permute->options->data)
        return look_at_data(context, permute);
    return permute->options->mean ? match_to_mean(context, permute)
                                  : match_to_first(context, permute);
}

/* ---- Writing ----------------------------------------------------------------------------- */

/* The model being written. */
struct target {
    struct pl_permute *permute;
    size_t model;
    bool merged;
};

/* The models' mean, by their shares, of one tensor. */
static enum pl_status merge_tensor(struct pl_context *context, struct pl_permute *permute,
                                   size_t tensor, void *out)
{
    struct pl_merge merge = {.spec = &permute->spec, .count = permute->count};
    merge.models = pl_new(context, merge.count, sizeof *merge.models);
    for (size_t m = 0; merge.models && m < merge.count; m++)
        merge.models[m] = (struct pl_merge_model){permute->tensors[m], permute->permutations[m]};
    enum pl_status status = merge.models
                                ? pl_merge_tensor(context, &merge, tensor, permute->shares, out)
                                : context->status;
    free(merge.models);
    return status;
}

/* The tensor of the model being written, in its order. */
static enum pl_status make_tensor(struct pl_context *context, const struct target *target,
                                  size_t tensor, struct pl_tensor *to)
{
    struct pl_permute *permute = target->permute;
    const struct pl_spec_tensor *place = &permute->spec.tensors[tensor];
    const struct pl_tensor *from = permute->tensors[target->model][tensor];
    const struct pl_parameter *mended =
        target->merged ? pl_parameter_find(&permute->mended.parameters, place->name) : NULL;
    if (mended)
        return pl_convert(context, mended->variable.value, PL_REAL_DTYPE, to->data, to->dtype,
                          mended->variable.count);
    if (target->merged)
        return merge_tensor(context, permute, tensor, to->data);
    return pl_gather_tensor(context, place, from, permute->permutations[target->model].items,
                            to->data);
}

static enum pl_status write_tensor(struct pl_context *context, const struct target *target,
                                   size_t tensor, struct pl_writer *writer)
{
    const struct pl_tensor *from = target->permute->tensors[target->model][tensor];
    struct pl_tensor to = {0};
    enum pl_status status = pl_tensor_init(context, &to, from->dtype, from->rank, from->dims);
    if (!status)
        status = make_tensor(context, target, tensor, &to);
    if (!status)
        status = pl_writer_tensor(context, writer, target->permute->spec.tensors[tensor].name, &to,
                                  PL_CODEC_RAW);
    pl_tensor_release(&to);
    return status;
}

/* A net with the values of model `model`, in its order, or of the merged one. */
static enum pl_status fill_net(struct pl_context *context, struct pl_permute *permute, size_t model,
                               bool merged, const struct looking *looking, struct pl_image_net *net)
{
    const struct target target = {permute, model, merged};
    enum pl_status status = read_net(context, permute, model, looking, net);
    for (size_t t = 0; t < permute->spec.tensor_count && !status; t++) {
        const struct pl_tensor *from = permute->tensors[model][t];
        struct pl_variable *variable =
            &pl_parameter_find(&net->parameters, permute->spec.tensors[t].name)->variable;
        struct pl_tensor to = {0};
        status = pl_tensor_init(context, &to, from->dtype, from->rank, from->dims);
        if (!status)
            status = make_tensor(context, &target, t, &to);
        if (!status)
            status = pl_convert(context, to.data, to.dtype, variable->value, PL_REAL_DTYPE,
                                variable->count);
        pl_tensor_release(&to);
    }
    return status;
}

/* Leaves the merged and mended model in permute->mended. */
static enum pl_status repair(struct pl_context *context, struct pl_permute *permute)
{
    const size_t count = permute->count;
    struct looking looking = {.count = 0};
    struct pl_image_net merged = {0};
    struct pl_image_net *nets = pl_arena_new(context, &permute->arena, count, sizeof *nets);
    struct pl_image_net **list = pl_arena_new(context, &permute->arena, count, sizeof *list);
    enum pl_status status = nets && list ? pl_blas_open(context) : context->status;
    if (!status)
        status = open_pictures(context, permute, permute->options->repair, false, &looking);
    for (size_t m = 0; m < count && !status; m++) {
        list[m] = &nets[m];
        status = fill_net(context, permute, m, false, &looking, &nets[m]);
    }
    if (!status)
        status = fill_net(context, permute, 0, true, &looking, &merged);
    if (!status)
        status = pl_repair_net(context, list, count, permute->shares, &looking.pictures,
                               looking.count, &merged);
    for (size_t m = 0; nets && m < count; m++)
        pl_image_release(&nets[m]);
    close_pictures(&looking);
    permute->mended = merged;
    return status;
}

/* Optimiser state would belong to units that are elsewhere now. */
static enum pl_status edit(struct pl_context *context, void *user, const char *name,
                           const struct pl_tensor *tensor, struct pl_writer *writer, bool *edited)
{
    const struct target *target = user;
    const int64_t at = pl_spec_find_tensor(&target->permute->spec, name);
    (void)tensor;
    *edited = at >= 0 || strncmp(name, "optim.", 6) == 0;
    return at >= 0 && writer ? write_tensor(context, target, (size_t)at, writer) : PL_OK;
}

/* The models that went into a result: all, or the first and one other. */
static enum pl_status write_history(struct pl_context *context, const struct pl_permute *permute,
                                    size_t model, bool merged, const struct pl_run *run,
                                    struct pl_writer *writer)
{
    struct pl_history history = {0};
    if (!run)
        return PL_OK;
    enum pl_status status = pl_history_start(context, &history, run->tool->name, PL_VERSION,
                                             run->argc, run->argv, run->common.seed);
    for (size_t m = 0; m < permute->count && !status; m++)
        if (merged || m == 0 || m == model)
            status = pl_weights_history(context, &permute->weights[m], &history);
    if (!status)
        status = pl_history_write(context, &history, writer);
    pl_history_release(&history);
    return status;
}

static enum pl_status write_model(struct pl_context *context, struct target *target,
                                  const struct pl_run *run, struct pl_writer *writer)
{
    struct pl_permute *permute = target->permute;
    enum pl_status status =
        pl_weights_write(context, &permute->weights[target->model], writer, edit, target);
    if (!status)
        status = write_history(context, permute, target->model, target->merged, run, writer);
    return status ? status : pl_writer_end(context, writer);
}

enum pl_status pl_permute_write(struct pl_context *context, struct pl_permute *permute,
                                const struct pl_run *run, struct pl_writer *writer)
{
    const struct pl_permute_options *options = permute->options;
    const bool merged = options->mean || options->interpolates;
    struct target target = {permute, 0, merged};
    enum pl_status status = PL_OK;
    if (options->repair)
        status = repair(context, permute);
    if (status)
        return status;
    if (merged || options->apply)
        return write_model(context, &target, run, writer);
    for (target.model = 1; target.model < permute->count && !status; target.model++)
        status = write_model(context, &target, run, writer);
    return status;
}

enum pl_status pl_permute_write_permutations(struct pl_context *context,
                                             const struct pl_permute *permute,
                                             const struct pl_run *run, struct pl_writer *writer)
{
    enum pl_status status = PL_OK;
    for (size_t m = permute->count > 1; m < permute->count && !status; m++) {
        status = pl_permutations_write(context, &permute->spec, &permute->permutations[m],
                                       permute->weights[0].bundle.sum,
                                       permute->weights[m].bundle.sum, writer);
        if (!status)
            status = write_history(context, permute, m, permute->options->mean, run, writer);
        if (!status)
            status = pl_writer_end(context, writer);
    }
    return status;
}

enum pl_status pl_permute_report(struct pl_context *context, const struct pl_permute *permute,
                                 struct pl_meta *meta)
{
    struct pl_meta_node *root = pl_meta_add_map(context, meta, NULL, NULL);
    struct pl_meta_node *models = pl_meta_add_map(context, meta, root, "models");
    for (size_t m = 1; m < permute->count; m++)
        pl_align_write(context, &permute->reports[m], &permute->spec, &permute->permutations[m],
                       meta, models, permute->weights[m].path);
    return pl_meta_ok(meta, context) ? PL_OK : context->status;
}
