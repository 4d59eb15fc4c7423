/* A classifier of pictures of convolutions, then dense layers.
 * SPDX-License-Identifier: MIT
 *
 *   x -> [convolution, batch norm if asked, activation, max pool if asked] ...
 *     -> all pixels, channel after channel, or the mean of each channel -> [dense, activation] ...
 *     -> dense -> logits
 *
 * Parameters: convN.weight [out, in, k, k], convN.bias (without a norm), normN.* (with one),
 * fcN.weight [out, in], fcN.bias, N from 0. */
#include "models/image_kinds.h"

#include <stdio.h>
#include <string.h>

#include "models/image_options.h"

enum norm { NORM_NONE, NORM_BATCH };
enum head { HEAD_FLATTEN, HEAD_MEAN };

struct options {
    struct pl_image_options image;
    int64_t channels, features;
    const char *widths, *kernel, *stride, *pad, *pool, *dense;
    int norm, head;
};

const struct pl_option pl_cnn_options[] = {
    PL_IMAGE_OPTIONS(struct options, image, "1.4142135623730951"),
    PL_INT(struct options, channels, "channels", 0, "0", 0, 4096, "N",
           "channels of a picture; 0: as the data or the weights say", "3"),
    PL_INT(struct options, features, "features", 0, "0", 0, 1 << 30, "N",
           "numbers that go into the first dense layer; 0: as the data or the weights say", "512"),
    PL_TEXT(struct options, widths, "widths", 0, "16,32,64", "N,...", "filters of each convolution",
            "8,16,32"),
    PL_TEXT(struct options, kernel, "kernel", 0, "3", "N,...",
            "side of the filters, of each convolution or of all", "5,5,3"),
    PL_TEXT(struct options, stride, "stride", 0, "1", "N,...",
            "pixels from one window to the next, of each convolution or of all", "2,2,2"),
    PL_TEXT(struct options, pad, "pad", 0, "same", "N,...",
            "pixels of zeros around the pictures, for each convolution or all; same: half the "
            "filter's side",
            "2,2,1"),
    PL_TEXT(struct options, pool, "pool", 0, "2", "N,...",
            "side of the windows of the max pool behind each convolution, or all; 1: none", "1"),
    PL_CHOICE(struct options, norm, "norm", 0, "none", "none|batch", "NORM",
              "what comes behind each convolution, before the activation"),
    PL_CHOICE(struct options, head, "head", 0, "flatten", "flatten|mean", "HEAD",
              "what goes into the dense layers: all pixels, or the mean of each channel"),
    PL_TEXT(struct options, dense, "dense", 0, "64", "N,...",
            "widths of the dense layers before the last, or none", "128,64"),
    PL_OPTIONS_END,
};

struct convolution {
    struct pl_variable *weight, *bias; /* bias NULL: the norm has one */
    struct pl_batch_norm norm;         /* weight NULL: there is none */
    int64_t filters, kernel, stride, pad, pool;
};

struct layers {
    int convolutions, hidden;
    struct convolution convolution[PL_IMAGE_LAYERS];
    struct pl_variable *weights[PL_IMAGE_LAYERS + 1], *biases[PL_IMAGE_LAYERS + 1];
};

/* ---- configuration */

static enum pl_status read_geometry(struct pl_context *context, const struct options *options,
                                    struct layers *layers)
{
    int64_t numbers[4][PL_IMAGE_LAYERS], widths[PL_IMAGE_LAYERS];
    int *count = &layers->convolutions, given;
    const bool same = strcmp(options->pad, "same") == 0;
    if (pl_image_numbers(context, "widths", options->widths, 1, 0, widths, count))
        return context->status;
    if (*count == 0)
        return pl_fail(context, PL_USAGE, "--set widths=none: a cnn has one convolution at least");
    if (pl_image_numbers(context, "kernel", options->kernel, 1, *count, numbers[0], &given) ||
        pl_image_numbers(context, "stride", options->stride, 1, *count, numbers[1], &given) ||
        pl_image_numbers(context, "pool", options->pool, 1, *count, numbers[3], &given) ||
        (!same && pl_image_numbers(context, "pad", options->pad, 0, *count, numbers[2], &given)))
        return context->status;
    for (int i = 0; i < *count; i++)
        layers->convolution[i] = (struct convolution){
            .filters = widths[i],
            .kernel = numbers[0][i],
            .stride = numbers[1][i],
            .pad = same ? numbers[0][i] / 2 : numbers[2][i],
            .pool = numbers[3][i],
        };
    return PL_OK;
}

/* Numbers that pictures of this size become before the dense layers; 0 when a window does not fit,
 * in the convolution *at. */
static int64_t count_features(const struct options *options, const struct layers *layers,
                              int64_t height, int64_t width, int *at)
{
    for (*at = 0; *at < layers->convolutions; ++*at) {
        const struct convolution *layer = &layers->convolution[*at];
        height = pl_window_count(height, layer->kernel, layer->stride, layer->pad) / layer->pool;
        width = pl_window_count(width, layer->kernel, layer->stride, layer->pad) / layer->pool;
        if (height == 0 || width == 0)
            return 0;
    }
    int64_t filters = layers->convolution[layers->convolutions - 1].filters;
    return options->head == HEAD_MEAN ? filters : filters * height * width;
}

static enum pl_status take_size(struct pl_context *context, struct options *options,
                                const struct layers *layers, const struct pl_pictures *pictures)
{
    int at;
    if (options->channels == 0 && pictures)
        options->channels = pictures->channels;
    if (options->features == 0 && pictures)
        options->features = count_features(options, layers, pictures->height, pictures->width, &at);
    if (options->features == 0 && pictures)
        return pl_fail(context, PL_USAGE,
                       "the pictures are too small: nothing is left of %lld x %lld pixels behind "
                       "conv%d (a smaller kernel, stride or pool, or fewer widths)",
                       (long long)pictures->height, (long long)pictures->width, at);
    if (options->channels == 0 || options->features == 0)
        return pl_fail(context, PL_USAGE, "--set %s: the size of pictures is not known",
                       options->channels ? "features" : "channels");
    return PL_OK;
}

/* ---- parameters */

static enum pl_status declare_convolutions(struct pl_context *context, struct pl_image_net *net)
{
    const struct options *options = net->options;
    struct layers *layers = net->layers;
    int64_t channels = options->channels;
    for (int i = 0; i < layers->convolutions; i++) {
        struct convolution *layer = &layers->convolution[i];
        const int64_t *dims = PL_DIMS(layer->filters, channels, layer->kernel, layer->kernel);
        char name[32];
        snprintf(name, sizeof name, "conv%d", i);
        if (pl_image_layer(context, net, dims, &layer->weight,
                           options->norm == NORM_NONE ? &layer->bias : NULL, name))
            return context->status;
        snprintf(name, sizeof name, "norm%d", i);
        if (options->norm == NORM_BATCH &&
            pl_image_norm(context, net, layer->filters, &layer->norm, name))
            return context->status;
        channels = layer->filters;
    }
    return PL_OK;
}

static enum pl_status declare_dense(struct pl_context *context, struct pl_image_net *net)
{
    const struct options *options = net->options;
    struct layers *layers = net->layers;
    int64_t widths[PL_IMAGE_LAYERS + 1];
    if (pl_image_numbers(context, "dense", options->dense, 1, 0, widths, &layers->hidden))
        return context->status;
    widths[layers->hidden] = options->image.classes;
    for (int i = 0; i <= layers->hidden; i++) {
        char name[32];
        snprintf(name, sizeof name, "fc%d", i);
        const int64_t *dims = PL_DIMS(widths[i], i ? widths[i - 1] : options->features);
        if (pl_image_layer(context, net, dims, &layers->weights[i], &layers->biases[i], name))
            return context->status;
    }
    return PL_OK;
}

static enum pl_status declare(struct pl_context *context, struct pl_image_net *net,
                              const struct pl_pictures *pictures)
{
    struct layers *layers = pl_arena_new(context, &net->parameters.arena, 1, sizeof *layers);
    net->layers = layers;
    if (!layers || read_geometry(context, net->options, layers) ||
        take_size(context, net->options, layers, pictures) || declare_convolutions(context, net))
        return context->status;
    return declare_dense(context, net);
}

/* ---- forward */

static enum pl_status fits(struct pl_context *context, const struct pl_image_net *net,
                           const struct pl_pictures *pictures)
{
    const struct options *options = net->options;
    int at;
    if (pictures->channels != options->channels)
        return pl_fail(context, PL_BAD_DATA, "pictures of %lld channels; the model takes %lld",
                       (long long)pictures->channels, (long long)options->channels);
    int64_t features = count_features(options, net->layers, pictures->height, pictures->width, &at);
    if (features != options->features)
        return pl_fail(context, PL_BAD_DATA,
                       "pictures of %lld x %lld pixels become %lld numbers before the dense "
                       "layers; the model takes %lld (another size, or the model's stride, pad or "
                       "pool is not what it was trained with)",
                       (long long)pictures->height, (long long)pictures->width, (long long)features,
                       (long long)options->features);
    return PL_OK;
}

static struct pl_variable *convolve(struct pl_image_pass *pass, struct pl_variable *x, int index)
{
    const struct layers *layers = pass->net->layers;
    const struct convolution *layer = &layers->convolution[index];
    struct pl_tape *tape = pass->tape;
    x = pl_op_conv2d(tape, x, layer->weight, layer->bias, layer->stride, layer->pad);
    if (layer->norm.weight)
        x = pl_op_batch_norm(tape, x, &layer->norm, pass->momentum);
    x = pl_image_activate(pass, x, "conv%d", index);
    return layer->pool > 1 ? pl_op_max_pool(tape, x, layer->pool, layer->pool, 0) : x;
}

static struct pl_variable *forward(struct pl_image_pass *pass, struct pl_variable *x)
{
    const struct options *options = pass->net->options;
    const struct layers *layers = pass->net->layers;
    for (int i = 0; i < layers->convolutions; i++)
        x = convolve(pass, x, i);
    x = options->head == HEAD_MEAN ? pl_op_global_pool(pass->tape, x)
                                   : pl_op_flatten(pass->tape, x);
    for (int i = 0; i <= layers->hidden; i++) {
        x = pl_op_linear(pass->tape, x, layers->weights[i], layers->biases[i]);
        if (i < layers->hidden)
            x = pl_image_activate(pass, x, "fc%d", i);
    }
    return x;
}

/* ---- from weights */

static enum pl_status guess(struct pl_context *context, struct pl_image_weights *weights)
{
    int convolutions = pl_image_weight_count(weights, "conv");
    int dense = pl_image_weight_count(weights, "fc");
    if (convolutions == 0 || dense == 0)
        return pl_fail(context, PL_BAD_DATA, "no tensor '%s': not the weights of a cnn",
                       convolutions ? "fc0.weight" : "conv0.weight");
    bool norm = pl_image_weight_count(weights, "norm") > 0;
    if (pl_image_guess_list(context, weights, "channels", "conv", 1, 0, 1) ||
        pl_image_guess_list(context, weights, "widths", "conv", 0, 0, convolutions) ||
        pl_image_guess_list(context, weights, "kernel", "conv", 2, 0, convolutions) ||
        pl_image_guess_list(context, weights, "features", "fc", 1, 0, 1) ||
        pl_image_guess_list(context, weights, "dense", "fc", 0, 0, dense - 1) ||
        pl_image_guess_list(context, weights, "classes", "fc", 0, dense - 1, dense))
        return context->status;
    return pl_image_guess(context, weights, "norm=%s", norm ? "batch" : "none") ||
                   pl_image_guess(context, weights, "pool=1")
               ? context->status
               : PL_OK;
}

const struct pl_image_kind pl_image_cnn = {
    sizeof(struct options), declare, fits, forward, guess, "fc", "conv", "norm"};
