/* What wm-permute does: models in their new order out, or one merged model.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/version.h"
#include "models/model_stream.h"
#include "weights/gather.h"
#include "weights/merge.h"
#include "weights/permutation_stream.h"
#include "weights/permute.h"
#include "weights/permute_pictures.h"

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
                               bool merged, const struct pl_permute_pictures *pictures,
                               struct pl_image_net *net)
{
    const struct target target = {permute, model, merged};
    enum pl_status status = pl_permute_read_net(context, permute, model, pictures, net);
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
    struct pl_permute_pictures pictures = {.count = 0};
    struct pl_image_net merged = {0};
    struct pl_image_net *nets = pl_arena_new(context, &permute->arena, count, sizeof *nets);
    struct pl_image_net **list = pl_arena_new(context, &permute->arena, count, sizeof *list);
    enum pl_status status = nets && list ? pl_blas_open(context) : context->status;
    if (!status)
        status =
            pl_permute_open_pictures(context, permute, permute->options->repair, false, &pictures);
    for (size_t m = 0; m < count && !status; m++) {
        list[m] = &nets[m];
        status = fill_net(context, permute, m, false, &pictures, &nets[m]);
    }
    if (!status)
        status = fill_net(context, permute, 0, true, &pictures, &merged);
    if (!status)
        status = pl_repair_net(context, list, count, permute->shares, &pictures.all, pictures.count,
                               &merged);
    for (size_t m = 0; nets && m < count; m++)
        pl_image_release(&nets[m]);
    pl_permute_close_pictures(&pictures);
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
    *edited = at >= 0 || pl_model_role(name) == PL_ROLE_OPTIMISER;
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
