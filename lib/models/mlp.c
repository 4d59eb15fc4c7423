/* A classifier of pictures of dense layers: x -> act(W x + b) -> ... -> logits.
 * SPDX-License-Identifier: MIT
 *
 * Pictures are flattened channel after channel.  Parameters: layerN.weight [out, in], layerN.bias,
 * N from 0; the last layer gives the logits. */
#include "models/image_kinds.h"

#include <stdio.h>

#include "models/image_options.h"

struct options {
    struct pl_image_options image;
    int64_t inputs;
    const char *widths;
};

const struct pl_option pl_mlp_options[] = {
    PL_IMAGE_OPTIONS(struct options, image, "1"),
    PL_INT(struct options, inputs, "inputs", 0, "0", 0, 1 << 30, "N",
           "height times width times channels of a picture; 0: as the data or the weights say",
           "784"),
    PL_TEXT(struct options, widths, "widths", 0, "256,256", "N,...",
            "widths of the layers before the last, or none", "512,512,512"),
    PL_OPTIONS_END,
};

struct layers {
    int hidden;
    struct pl_variable *weights[PL_IMAGE_LAYERS + 1], *biases[PL_IMAGE_LAYERS + 1];
};

static int64_t elements(const struct pl_pictures *pictures)
{
    return pictures->height * pictures->width * pictures->channels;
}

static enum pl_status declare(struct pl_context *context, struct pl_image_net *net,
                              const struct pl_pictures *pictures)
{
    struct options *options = net->options;
    int64_t widths[PL_IMAGE_LAYERS + 1];
    struct layers *layers = pl_arena_new(context, &net->parameters.arena, 1, sizeof *layers);
    net->layers = layers;
    if (!layers ||
        pl_image_numbers(context, "widths", options->widths, 1, 0, widths, &layers->hidden))
        return context->status;
    if (options->inputs == 0 && pictures)
        options->inputs = elements(pictures);
    if (options->inputs == 0)
        return pl_fail(context, PL_USAGE, "--set inputs: the size of pictures is not known");
    widths[layers->hidden] = options->image.classes;
    for (int i = 0; i <= layers->hidden; i++) {
        char name[32];
        snprintf(name, sizeof name, "layer%d", i);
        const int64_t *dims = PL_DIMS(widths[i], i ? widths[i - 1] : options->inputs);
        if (pl_image_layer(context, net, dims, &layers->weights[i], &layers->biases[i], name))
            return context->status;
    }
    return PL_OK;
}

static enum pl_status fits(struct pl_context *context, const struct pl_image_net *net,
                           const struct pl_pictures *pictures)
{
    const struct options *options = net->options;
    if (elements(pictures) == options->inputs)
        return PL_OK;
    return pl_fail(context, PL_BAD_DATA,
                   "pictures of %lld x %lld x %lld numbers; the model takes %lld",
                   (long long)pictures->height, (long long)pictures->width,
                   (long long)pictures->channels, (long long)options->inputs);
}

static struct pl_variable *forward(struct pl_image_pass *pass, struct pl_variable *x)
{
    const struct layers *layers = pass->net->layers;
    x = pl_op_flatten(pass->tape, x);
    for (int i = 0; i <= layers->hidden; i++) {
        x = pl_op_linear(pass->tape, x, layers->weights[i], layers->biases[i]);
        if (i < layers->hidden)
            x = pl_image_activate(pass, x, "layer%d", i);
    }
    return x;
}

/* The last layer's outputs are the classes, all others' are widths. */
static enum pl_status guess(struct pl_context *context, struct pl_image_weights *weights)
{
    int count = pl_image_weight_count(weights, "layer");
    if (count == 0)
        return pl_fail(context, PL_BAD_DATA,
                       "no tensor 'layer0.weight': not the weights of an mlp");
    if (pl_image_guess_list(context, weights, "widths", "layer", 0, 0, count - 1) ||
        pl_image_guess_list(context, weights, "inputs", "layer", 1, 0, 1))
        return context->status;
    return pl_image_guess_list(context, weights, "classes", "layer", 0, count - 1, count);
}

const struct pl_image_kind pl_image_mlp = {
    sizeof(struct options), declare, fits, forward, guess, "layer", NULL, NULL};
