/* Classifiers of pictures: what the kinds share.
 * SPDX-License-Identifier: MIT */
#include "models/image_net.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/kernels.h"
#include "base/number.h"

enum { NAME_SIZE = 128 };

/* ---- Configuration ----------------------------------------------------------------------- */

const struct pl_image_options *pl_image_options(const struct pl_image_net *net)
{
    return net->options;
}

/* The next number of a list, which must end behind it or go on after a comma. */
static bool next_number(const char **text, double *number)
{
    size_t size = strcspn(*text, ",");
    if (!pl_parse_double(*text, size, number))
        return false;
    *text += size;
    if (**text == ',')
        return *++*text != '\0';
    return true;
}

enum pl_status pl_image_numbers(struct pl_context *context, const char *option, const char *text,
                                int64_t least, int wanted, int64_t numbers[PL_IMAGE_LAYERS],
                                int *count)
{
    const char *rest = strcmp(text, "none") == 0 ? "" : text;
    *count = 0;
    while (*rest && *count < PL_IMAGE_LAYERS) {
        double number;
        if (!next_number(&rest, &number) || number != floor(number) || fabs(number) > 1e9)
            return pl_fail(context, PL_USAGE, "--set %s=%s: not whole numbers with commas between",
                           option, text);
        if (number < (double)least)
            return pl_fail(context, PL_USAGE, "--set %s=%s: numbers must be at least %lld", option,
                           text, (long long)least);
        numbers[(*count)++] = (int64_t)number;
    }
    if (*rest)
        return pl_fail(context, PL_USAGE, "--set %s=%s: at most %d numbers", option, text,
                       PL_IMAGE_LAYERS);
    for (int i = 1; *count == 1 && i < wanted; i++)
        numbers[i] = numbers[0];
    if (wanted > 0 && *count != 1 && *count != wanted)
        return pl_fail(context, PL_USAGE, "--set %s=%s: %d numbers for %d layers", option, text,
                       *count, wanted);
    return PL_OK;
}

/* The number of a channel in a list such as mean; PL_USAGE when it holds none for it. */
static enum pl_status channel_number(struct pl_context *context, const char *option,
                                     const char *text, int64_t channel, int64_t channels,
                                     double *number)
{
    const char *rest = text;
    int64_t count = 0;
    double next = 0;
    while (*rest) {
        if (!next_number(&rest, &next) || !isfinite(next))
            return pl_fail(context, PL_USAGE, "--set %s=%s: not numbers with commas between",
                           option, text);
        if (count == 0 || count == channel)
            *number = next;
        count++;
    }
    if (count == 1 || count == channels)
        return PL_OK;
    return pl_fail(context, PL_USAGE, "--set %s=%s: %lld numbers for %lld channels", option, text,
                   (long long)count, (long long)channels);
}

/* mean and std of a channel. */
static enum pl_status channel_scale(struct pl_context *context, const struct pl_image_net *net,
                                    int64_t channel, int64_t channels, double *mean,
                                    double *deviation)
{
    const struct pl_image_options *options = pl_image_options(net);
    if (channel_number(context, "mean", options->mean, channel, channels, mean) ||
        channel_number(context, "std", options->deviation, channel, channels, deviation))
        return context->status;
    return *deviation > 0 ? PL_OK
                          : pl_fail(context, PL_USAGE, "--set std=%s: must be more than 0",
                                    options->deviation);
}

static enum pl_status set_options(struct pl_context *context, struct pl_image_net *net,
                                  const char *const *settings, size_t count)
{
    if (pl_option_defaults(context, net->type->options, net->options))
        return context->status;
    for (size_t i = 0; i < count; i++) {
        const char *text = pl_arena_text(context, &net->arena, settings[i], strlen(settings[i]));
        if (!text || pl_model_set(context, net->type, net->options, text))
            return context->status;
    }
    return PL_OK;
}

static enum pl_status check_classes(struct pl_context *context, struct pl_image_net *net,
                                    const struct pl_pictures *pictures)
{
    struct pl_image_options *options = net->options;
    if (pictures && options->classes == 0)
        options->classes = pictures->classes;
    if (options->classes < 1)
        return pl_fail(context, PL_USAGE, "--set classes: how many there are is not known");
    return PL_OK;
}

enum pl_status pl_image_init(struct pl_context *context, struct pl_image_net *net,
                             const struct pl_model_type *type, const char *const *settings,
                             size_t count, const struct pl_pictures *pictures)
{
    *net = (struct pl_image_net){.type = type};
    net->options = pl_new(context, 1, type->image->options_size);
    if (!net->options || set_options(context, net, settings, count) ||
        check_classes(context, net, pictures) || type->image->declare(context, net, pictures))
        return context->status;
    return pictures ? pl_image_fits(context, net, pictures) : PL_OK;
}

void pl_image_release(struct pl_image_net *net)
{
    if (net->options)
        pl_option_release(net->type->options, net->options);
    free(net->options);
    pl_parameters_release(&net->parameters);
    pl_arena_release(&net->arena);
    *net = (struct pl_image_net){0};
}

/* ---- Parameters -------------------------------------------------------------------------- */

enum pl_status pl_image_layer(struct pl_context *context, struct pl_image_net *net,
                              const int64_t *dims, struct pl_variable **weight,
                              struct pl_variable **bias, const char *name)
{
    *weight = pl_parameter_add(context, &net->parameters, PL_INIT_INPUTS, dims, "%s.weight", name);
    if (*weight && bias)
        *bias = pl_parameter_add(context, &net->parameters, PL_INIT_ZERO, PL_DIMS(dims[0]),
                                 "%s.bias", name);
    return *weight && (!bias || *bias) ? PL_OK : context->status;
}

/* A parameter that training moves by other means than its gradient. */
static struct pl_variable *add_buffer(struct pl_context *context, struct pl_image_net *net,
                                      enum pl_init init, int64_t channels, const char *name,
                                      const char *what)
{
    const struct pl_parameter buffer = {.init = init, .frozen = true};
    return pl_parameter_add_like(context, &net->parameters, &buffer, PL_DIMS(channels), "%s.%s",
                                 name, what);
}

enum pl_status pl_image_norm(struct pl_context *context, struct pl_image_net *net, int64_t channels,
                             struct pl_batch_norm *norm, const char *name)
{
    struct pl_parameters *parameters = &net->parameters;
    norm->eps = 1e-5;
    norm->weight =
        pl_parameter_add(context, parameters, PL_INIT_ONE, PL_DIMS(channels), "%s.weight", name);
    norm->bias =
        pl_parameter_add(context, parameters, PL_INIT_ZERO, PL_DIMS(channels), "%s.bias", name);
    norm->mean = add_buffer(context, net, PL_INIT_ZERO, channels, name, "running_mean");
    norm->variance = add_buffer(context, net, PL_INIT_ONE, channels, name, "running_var");
    return norm->weight && norm->bias && norm->mean && norm->variance ? PL_OK : context->status;
}

/* ---- What weights tell ------------------------------------------------------------------- */

static enum pl_status add_setting(struct pl_context *context, struct pl_image_weights *weights,
                                  const char *text, size_t size)
{
    const char *copy = pl_arena_text(context, weights->arena, text, size);
    if (!copy)
        return context->status;
    weights->settings[weights->count++] = copy;
    return PL_OK;
}

enum pl_status pl_image_guess(struct pl_context *context, struct pl_image_weights *weights,
                              const char *format, ...)
{
    char text[NAME_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return add_setting(context, weights, text, (size_t)size);
}

static const struct pl_tensor *find_weight(const struct pl_image_weights *weights,
                                           const char *prefix, int index)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s%d.weight", prefix, index);
    return pl_bundle_tensor(weights->bundle, name);
}

int pl_image_weight_count(const struct pl_image_weights *weights, const char *prefix)
{
    int count = 0;
    while (count < PL_IMAGE_LAYERS && find_weight(weights, prefix, count))
        count++;
    return count;
}

enum pl_status pl_image_guess_list(struct pl_context *context, struct pl_image_weights *weights,
                                   const char *key, const char *prefix, int axis, int first,
                                   int last)
{
    struct pl_buffer text = {0};
    enum pl_status status = pl_buffer_printf(context, &text, "%s=", key);
    for (int i = first; i < last && !status; i++) {
        const struct pl_tensor *tensor = find_weight(weights, prefix, i);
        status =
            pl_buffer_printf(context, &text, "%s%lld", i > first ? "," : "",
                             tensor && axis < tensor->rank ? (long long)tensor->dims[axis] : 0);
    }
    if (!status && first == last)
        status = pl_buffer_text(context, &text, "none");
    if (!status)
        status = add_setting(context, weights, text.data, text.size);
    pl_buffer_release(&text);
    return status;
}

/* ---- One pass ---------------------------------------------------------------------------- */

enum pl_status pl_image_fits(struct pl_context *context, const struct pl_image_net *net,
                             const struct pl_pictures *pictures)
{
    double mean, deviation;
    int64_t classes = pl_image_options(net)->classes;
    if (channel_scale(context, net, 0, pictures->channels, &mean, &deviation))
        return context->status;
    if (pictures->classes > classes)
        return pl_fail(context, PL_BAD_DATA, "%s: label %lld, but the model has %lld classes",
                       pictures->source, (long long)pictures->classes - 1, (long long)classes);
    if (net->type->image->fits(context, net, pictures))
        return pl_fail_at(context, "%s", pictures->source);
    return PL_OK;
}

struct input {
    const uint8_t *pixels;
    struct pl_variable *out;
    pl_real *levels; /* [channels, 256]: what a byte becomes */
    int64_t channels, block;
};

static enum pl_status input_block(struct pl_context *context, void *job, int64_t item)
{
    const struct input *input = job;
    struct pl_span span = pl_block_span(item, input->block, input->out->count);
    const int64_t channels = input->channels;
    (void)context;
    for (int64_t i = span.begin; i < span.end; i += channels)
        for (int64_t c = 0; c < channels; c++)
            input->out->value[i + c] = input->levels[c * 256 + input->pixels[i + c]];
    return PL_OK;
}

struct pl_variable *pl_image_input(struct pl_image_pass *pass, const struct pl_pictures *size,
                                   const uint8_t *pixels, int64_t count)
{
    struct pl_tape *tape = pass->tape;
    struct input input = {.pixels = pixels, .channels = size->channels};
    const int64_t dims[] = {count, size->height, size->width, size->channels};
    input.out = pl_tape_variable(tape, false, 4, dims);
    input.levels = pl_tape_take(tape, 256 * size->channels, sizeof *input.levels);
    if (!input.out || !input.levels)
        return NULL;
    for (int64_t c = 0; c < size->channels; c++) {
        double mean, deviation;
        if (channel_scale(tape->context, pass->net, c, size->channels, &mean, &deviation))
            return NULL;
        for (int level = 0; level < 256; level++)
            input.levels[c * 256 + level] = (pl_real)((level / 255.0 - mean) / deviation);
    }
    input.block = pl_block_rows(size->channels) * size->channels;
    if (pl_parallel(tape->context, pl_block_count(input.out->count, input.block), input_block,
                    &input))
        return NULL;
    return input.out;
}

struct pl_variable *pl_image_forward(struct pl_image_pass *pass, struct pl_variable *x)
{
    return x ? pass->net->type->image->forward(pass, x) : NULL;
}

struct pl_variable *pl_image_activate(struct pl_image_pass *pass, struct pl_variable *x,
                                      const char *format, ...)
{
    static const enum pl_activation activations[] = {PL_RELU, PL_TANH, PL_SILU};
    int activation = pl_image_options(pass->net)->activation;
    struct pl_variable *y = pl_op_activate(pass->tape, x, activations[activation], 1);
    if (y && pass->watch) {
        char name[NAME_SIZE];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(name, sizeof name, format, arguments);
        va_end(arguments);
        pass->watch(pass->user, name, x, y);
    }
    return y;
}
