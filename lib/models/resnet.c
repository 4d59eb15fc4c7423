/* A residual net (He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016).
 * SPDX-License-Identifier: MIT
 *
 *   x -> stem -> groups of blocks -> mean of each channel -> dense -> logits
 *   block: act(norm(conv(... act(norm(conv(x))))) + x)
 *
 * with a batch norm behind each convolution.  A basic block has two convolutions of 3 x 3, a
 * bottleneck 1 x 1 to a quarter of the width, 3 x 3, and 1 x 1 back.  The first block of each group
 * but the first halves height and width, in its first convolution of 3 x 3; where x has another
 * shape than the sum, it goes through a convolution of 1 x 1 and a norm of its own.
 *
 * Parameters are named as in torchvision: conv1, bn1 (stem), layerG.B.convN, layerG.B.bnN,
 * layerG.B.downsample.0 (convolution) and .1 (norm), G and N from 1, B from 0; fc. */
#include "models/image_kinds.h"

#include <stdio.h>

#include "models/image_options.h"

enum block { BLOCK_BASIC, BLOCK_BOTTLENECK };

struct options {
    struct pl_image_options image;
    int64_t channels;
    const char *blocks, *widths;
    int block;
    int64_t stem_kernel, stem_stride;
    bool stem_pool;
};

const struct pl_option pl_resnet_options[] = {
    PL_IMAGE_OPTIONS(struct options, image, "1.4142135623730951"),
    PL_INT(struct options, channels, "channels", 0, "0", 0, 4096, "N",
           "channels of a picture; 0: as the data or the weights say", "3"),
    PL_TEXT(struct options, blocks, "blocks", 0, "1", "N,...",
            "number of blocks in each group, or in all: 3 is ResNet-20", "3,4,6,3"),
    PL_TEXT(struct options, widths, "widths", 0, "16,32,64", "N,...",
            "channels behind the blocks of each group", "64,128,256,512"),
    PL_CHOICE(struct options, block, "block", 0, "basic", "basic|bottleneck", "BLOCK",
              "what a block is made of"),
    PL_INT(struct options, stem_kernel, "stem-kernel", 0, "3", 1, 64, "N",
           "side of the filters of the first convolution", "7"),
    PL_INT(struct options, stem_stride, "stem-stride", 0, "1", 1, 64, "N",
           "stride of the first convolution", "2"),
    PL_FLAG(struct options, stem_pool, "stem-pool", 0, "no",
            "max pool of 3 x 3 with stride 2 behind the first convolution"),
    PL_OPTIONS_END,
};

/* A convolution and the norm behind it. */
struct unit {
    struct pl_variable *weight; /* NULL: there is none */
    struct pl_batch_norm norm;
    int64_t stride, pad;
};

enum { UNITS_MOST = 3 };

struct block_layers {
    int group, index, units;
    struct unit unit[UNITS_MOST], past; /* past: what x goes through */
};

struct layers {
    struct unit stem;
    struct block_layers *blocks;
    int64_t count;
    struct pl_variable *weight, *bias;
};

/* ---- parameters */

static enum pl_status add_unit(struct pl_context *context, struct pl_image_net *net,
                               struct unit *unit, const int64_t *dims, int64_t stride,
                               const char *convolution, const char *norm)
{
    unit->stride = stride;
    unit->pad = dims[2] / 2;
    if (pl_image_layer(context, net, dims, &unit->weight, NULL, convolution))
        return context->status;
    return pl_image_norm(context, net, dims[0], &unit->norm, norm);
}

/* Unit number `index` of a block, of `inputs` channels. */
static enum pl_status add_block_unit(struct pl_context *context, struct pl_image_net *net,
                                     struct block_layers *block, int index, int64_t inputs,
                                     int64_t outputs, int64_t kernel, int64_t stride)
{
    char convolution[64], norm[64];
    snprintf(convolution, sizeof convolution, "layer%d.%d.conv%d", block->group, block->index,
             index + 1);
    snprintf(norm, sizeof norm, "layer%d.%d.bn%d", block->group, block->index, index + 1);
    return add_unit(context, net, &block->unit[index], PL_DIMS(outputs, inputs, kernel, kernel),
                    stride, convolution, norm);
}

static enum pl_status add_past(struct pl_context *context, struct pl_image_net *net,
                               struct block_layers *block, int64_t inputs, int64_t outputs,
                               int64_t stride)
{
    char convolution[64], norm[64];
    snprintf(convolution, sizeof convolution, "layer%d.%d.downsample.0", block->group,
             block->index);
    snprintf(norm, sizeof norm, "layer%d.%d.downsample.1", block->group, block->index);
    return add_unit(context, net, &block->past, PL_DIMS(outputs, inputs, 1, 1), stride, convolution,
                    norm);
}

static enum pl_status add_block(struct pl_context *context, struct pl_image_net *net,
                                struct block_layers *block, int64_t inputs, int64_t outputs)
{
    const struct options *options = net->options;
    const int64_t stride = block->group > 1 && block->index == 0 ? 2 : 1, inner = outputs / 4;
    enum pl_status status;
    if (options->block == BLOCK_BASIC) {
        block->units = 2;
        status = add_block_unit(context, net, block, 0, inputs, outputs, 3, stride);
        if (!status)
            status = add_block_unit(context, net, block, 1, outputs, outputs, 3, 1);
    } else {
        block->units = 3;
        status = add_block_unit(context, net, block, 0, inputs, inner, 1, 1);
        if (!status)
            status = add_block_unit(context, net, block, 1, inner, inner, 3, stride);
        if (!status)
            status = add_block_unit(context, net, block, 2, inner, outputs, 1, 1);
    }
    if (!status && (stride != 1 || inputs != outputs))
        status = add_past(context, net, block, inputs, outputs, stride);
    return status;
}

/* inputs: channels behind the stem */
static enum pl_status add_groups(struct pl_context *context, struct pl_image_net *net,
                                 int64_t inputs, int groups, const int64_t *counts,
                                 const int64_t *widths)
{
    struct layers *layers = net->layers;
    int64_t total = 0;
    for (int g = 0; g < groups; g++)
        total += counts[g];
    layers->blocks =
        pl_arena_new(context, &net->parameters.arena, (size_t)total, sizeof *layers->blocks);
    if (!layers->blocks)
        return context->status;
    for (int g = 0; g < groups; g++)
        for (int b = 0; b < counts[g]; b++) {
            struct block_layers *block = &layers->blocks[layers->count++];
            *block = (struct block_layers){.group = g + 1, .index = b};
            if (add_block(context, net, block, inputs, widths[g]))
                return context->status;
            inputs = widths[g];
        }
    return PL_OK;
}

static enum pl_status check_widths(struct pl_context *context, const struct options *options,
                                   int groups, const int64_t *counts, const int64_t *widths)
{
    if (groups == 0)
        return pl_fail(context, PL_USAGE,
                       "--set widths=none: a resnet has one group of blocks at "
                       "least");
    for (int g = 0; g < groups; g++) {
        if (options->block == BLOCK_BOTTLENECK && widths[g] % 4)
            return pl_fail(context, PL_USAGE,
                           "--set widths=%s: widths of bottlenecks are "
                           "multiples of 4",
                           options->widths);
        if (counts[g] > 1000)
            return pl_fail(context, PL_USAGE, "--set blocks=%s: at most 1000 blocks in a group",
                           options->blocks);
    }
    return PL_OK;
}

static enum pl_status declare(struct pl_context *context, struct pl_image_net *net,
                              const struct pl_pictures *pictures)
{
    struct options *options = net->options;
    struct layers *layers = pl_arena_new(context, &net->parameters.arena, 1, sizeof *layers);
    int64_t widths[PL_IMAGE_LAYERS], counts[PL_IMAGE_LAYERS];
    int groups, given;
    net->layers = layers;
    if (!layers || pl_image_numbers(context, "widths", options->widths, 1, 0, widths, &groups) ||
        pl_image_numbers(context, "blocks", options->blocks, 1, groups, counts, &given) ||
        check_widths(context, options, groups, counts, widths))
        return context->status;
    if (options->channels == 0 && pictures)
        options->channels = pictures->channels;
    if (options->channels == 0)
        return pl_fail(context, PL_USAGE, "--set channels: those of pictures are not known");
    const int64_t kernel = options->stem_kernel, last = widths[groups - 1];
    const int64_t first = options->block == BLOCK_BASIC ? widths[0] : widths[0] / 4;
    if (add_unit(context, net, &layers->stem, PL_DIMS(first, options->channels, kernel, kernel),
                 options->stem_stride, "conv1", "bn1") ||
        add_groups(context, net, first, groups, counts, widths))
        return context->status;
    return pl_image_layer(context, net, PL_DIMS(options->image.classes, last), &layers->weight,
                          &layers->bias, "fc");
}

/* ---- forward */

static enum pl_status fits(struct pl_context *context, const struct pl_image_net *net,
                           const struct pl_pictures *pictures)
{
    const struct options *options = net->options;
    const int64_t pad = options->stem_kernel / 2;
    if (pictures->channels != options->channels)
        return pl_fail(context, PL_BAD_DATA, "pictures of %lld channels; the model takes %lld",
                       (long long)pictures->channels, (long long)options->channels);
    if (pl_window_count(pictures->height, options->stem_kernel, options->stem_stride, pad) == 0 ||
        pl_window_count(pictures->width, options->stem_kernel, options->stem_stride, pad) == 0)
        return pl_fail(context, PL_BAD_DATA, "pictures of %lld x %lld pixels are too small",
                       (long long)pictures->height, (long long)pictures->width);
    return PL_OK;
}

static struct pl_variable *run_unit(struct pl_image_pass *pass, const struct unit *unit,
                                    struct pl_variable *x)
{
    x = pl_op_conv2d(pass->tape, x, unit->weight, NULL, unit->stride, unit->pad);
    return pl_op_batch_norm(pass->tape, x, &unit->norm, pass->momentum);
}

static struct pl_variable *run_block(struct pl_image_pass *pass, const struct block_layers *block,
                                     struct pl_variable *x)
{
    struct pl_variable *past = block->past.weight ? run_unit(pass, &block->past, x) : x;
    for (int i = 0; i < block->units; i++) {
        x = run_unit(pass, &block->unit[i], x);
        if (i < block->units - 1)
            x = pl_image_activate(pass, x, "layer%d.%d.conv%d", block->group, block->index, i + 1);
    }
    x = pl_op_add(pass->tape, x, past, 1);
    return pl_image_activate(pass, x, "layer%d.%d", block->group, block->index);
}

static struct pl_variable *forward(struct pl_image_pass *pass, struct pl_variable *x)
{
    const struct options *options = pass->net->options;
    const struct layers *layers = pass->net->layers;
    x = pl_image_activate(pass, run_unit(pass, &layers->stem, x), "%s", "conv1");
    if (options->stem_pool)
        x = pl_op_max_pool(pass->tape, x, 3, 2, 1);
    for (int64_t i = 0; i < layers->count; i++)
        x = run_block(pass, &layers->blocks[i], x);
    return pl_op_linear(pass->tape, pl_op_global_pool(pass->tape, x), layers->weight, layers->bias);
}

/* ---- from weights */

static const struct pl_tensor *find(const struct pl_image_weights *weights, int group, int block,
                                    int convolution)
{
    char name[64];
    snprintf(name, sizeof name, "layer%d.%d.conv%d.weight", group, block, convolution);
    const struct pl_tensor *tensor = pl_bundle_tensor(weights->bundle, name);
    return tensor && tensor->rank > 0 ? tensor : NULL;
}

static int count_blocks(const struct pl_image_weights *weights, int group)
{
    int count = 0;
    while (find(weights, group, count, 1))
        count++;
    return count;
}

/* The widths of groups, or how many blocks they have. */
static enum pl_status guess_groups(struct pl_context *context, struct pl_image_weights *weights,
                                   bool widths, int convolutions)
{
    struct pl_buffer text = {0};
    enum pl_status status = PL_OK;
    const struct pl_tensor *last;
    for (int g = 1; g <= PL_IMAGE_LAYERS && !status && (last = find(weights, g, 0, convolutions));
         g++)
        status = pl_buffer_printf(context, &text, "%s%lld", g > 1 ? "," : "",
                                  widths ? (long long)last->dims[0]
                                         : (long long)count_blocks(weights, g));
    if (!status)
        status = pl_image_guess(context, weights, "%s=%s", widths ? "widths" : "blocks",
                                text.size ? text.data : "");
    pl_buffer_release(&text);
    return status;
}

static enum pl_status guess(struct pl_context *context, struct pl_image_weights *weights)
{
    const struct pl_tensor *stem = pl_bundle_tensor(weights->bundle, "conv1.weight");
    const struct pl_tensor *fc = pl_bundle_tensor(weights->bundle, "fc.weight");
    const int convolutions = find(weights, 1, 0, 3) ? 3 : 2;
    if (!stem || !fc || stem->rank != 4 || fc->rank != 2 || !find(weights, 1, 0, convolutions))
        return pl_fail(context, PL_BAD_DATA, "no matrix '%s': not the weights of a resnet",
                       !stem || stem->rank != 4 ? "conv1.weight"
                       : !fc || fc->rank != 2   ? "fc.weight"
                                                : "layer1.0.conv2.weight");
    if (pl_image_guess(context, weights, "channels=%lld", (long long)stem->dims[1]) ||
        pl_image_guess(context, weights, "stem-kernel=%lld", (long long)stem->dims[2]) ||
        pl_image_guess(context, weights, "classes=%lld", (long long)fc->dims[0]) ||
        pl_image_guess(context, weights, "block=%s", convolutions == 3 ? "bottleneck" : "basic") ||
        guess_groups(context, weights, true, convolutions))
        return context->status;
    return guess_groups(context, weights, false, convolutions);
}

const struct pl_image_kind pl_image_resnet = {
    sizeof(struct options), declare, fits, forward, guess, NULL, NULL, NULL};
