/* Pictures made worse: see corrupt.h.
 * SPDX-License-Identifier: MIT */
#include "image/corrupt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "base/parallel.h"
#include "image/corrupt_parts.h"

const struct pl_corruption pl_corruptions[] = {
    {"gaussian_noise", "deviation", {.04, .06, .08, .09, .10}, 0, 10, pl_gaussian_noise},
    {"shot_noise", "photons of a white pixel", {500, 250, 100, 75, 50}, .01, 1e6, pl_shot_noise},
    {"impulse_noise", "share of values", {.01, .02, .03, .05, .07}, 0, 1, pl_impulse_noise},
    {"speckle_noise", "deviation, by the value", {.06, .1, .12, .16, .2}, 0, 10, pl_speckle_noise},
    {"gaussian_blur", "deviation in pixels", {.4, .6, .7, .8, 1}, 0, 100, pl_gaussian_blur},
    {"defocus_blur", "radius in pixels", {.6, .8, 1, 1.3, 1.8}, 0, 100, pl_defocus_blur},
    {"glass_blur", "share of pixels", {.2, .35, .5, .7, 1}, 0, 1, pl_glass_blur},
    {"motion_blur", "pixels moved", {3, 4, 5, 6.5, 8}, 0, 1000, pl_motion_blur},
    {"zoom_blur", "zoom at the end", {1.06, 1.11, 1.16, 1.21, 1.26}, 1, 10, pl_zoom_blur},
    {"snow", "share of pixels", {.1, .2, .3, .4, .55}, 0, 1, pl_snow},
    {"frost", "weight of the frost", {.2, .3, .4, .5, .6}, 0, 1, pl_frost},
    {"fog", "density", {.2, .5, .75, 1, 1.5}, 0, 100, pl_fog},
    {"brightness", "added to the largest channel", {.05, .1, .15, .2, .3}, -1, 1, pl_brightness},
    {"contrast", "factor", {.75, .5, .4, .3, .15}, 0, 100, pl_contrast},
    {"saturate", "factor of the saturation", {.3, .1, 1.5, 2, 2.5}, 0, 100, pl_saturate},
    {"spatter", "share of pixels", {.1, .15, .2, .3, .4}, 0, 1, pl_spatter},
    {"elastic_transform",
     "pixels moved, at most",
     {.5, .8, 1.2, 1.6, 2},
     0,
     100,
     pl_elastic_transform},
    {"pixelate", "factor of the size", {.95, .9, .85, .75, .65}, .001, 1, pl_pixelate},
    {"jpeg_compression", "quality", {80, 65, 58, 50, 40}, 1, 100, pl_jpeg_compression},
    {NULL, NULL, {0}, 0, 0, NULL},
};

static enum pl_status unknown_kind(struct pl_context *context, const char *text, size_t size)
{
    return pl_fail(context, PL_USAGE, "'%.*s' is no corruption; there are %s", (int)size, text,
                   PL_CORRUPTIONS);
}

enum pl_status pl_corrupt_set(struct pl_context *context, double amount, struct pl_corrupt *corrupt)
{
    const struct pl_corruption *kind = corrupt->kind;
    corrupt->amount = amount;
    if (kind->least <= amount && amount <= kind->most)
        return PL_OK;
    return pl_fail(context, PL_USAGE, "%g: the amount of %s is the %s, between %g and %g", amount,
                   kind->name, kind->what, kind->least, kind->most);
}

static enum pl_status parse_amount(struct pl_context *context, const char *text,
                                   struct pl_corrupt *corrupt)
{
    const char *number = strchr(text, '=') + 1;
    double amount;
    if (!pl_parse_double(number, strlen(number), &amount))
        return pl_fail(context, PL_USAGE, "'%s': the amount is not a number", text);
    return pl_corrupt_set(context, amount, corrupt);
}

enum pl_status pl_corrupt_parse(struct pl_context *context, const char *text,
                                struct pl_corrupt *corrupt)
{
    const size_t size = strcspn(text, ":=");
    const struct pl_corruption *kind = pl_corruptions;
    int64_t severity = PL_SEVERITY_USUAL;
    while (kind->name && (strncmp(kind->name, text, size) != 0 || kind->name[size]))
        kind++;
    if (!kind->name)
        return unknown_kind(context, text, size);
    corrupt->kind = kind;
    if (text[size] == '=')
        return parse_amount(context, text, corrupt);
    if (text[size] && (!pl_parse_int64(text + size + 1, strlen(text + size + 1), &severity) ||
                       severity < 1 || severity > PL_SEVERITIES))
        return pl_fail(context, PL_USAGE, "'%s': the severity must be between 1 and %d", text,
                       PL_SEVERITIES);
    corrupt->amount = kind->amounts[severity - 1];
    return PL_OK;
}

/* ---- Shared by the kinds ------------------------------------------------------------------- */

float pl_canvas_sample(const struct pl_canvas *canvas, const float *pixels, double row,
                       double column, int64_t channel)
{
    const int64_t height = canvas->height, width = canvas->width, channels = canvas->channels;
    const double top = floor(row), left = floor(column);
    const float down = (float)(row - top), aside = (float)(column - left);
    const int64_t r0 = pl_nearest((int64_t)top, height), r1 = pl_nearest((int64_t)top + 1, height);
    const int64_t c0 = pl_nearest((int64_t)left, width), c1 = pl_nearest((int64_t)left + 1, width);
    const float upper = pixels[(r0 * width + c0) * channels + channel] * (1 - aside) +
                        pixels[(r0 * width + c1) * channels + channel] * aside;
    const float lower = pixels[(r1 * width + c0) * channels + channel] * (1 - aside) +
                        pixels[(r1 * width + c1) * channels + channel] * aside;
    return upper * (1 - down) + lower * down;
}

enum { REACH_MOST = 400 }; /* of a Gaussian, in pixels */

/* The pixel at a place that may be outside: the picture is continued by its mirror image. */
static int64_t mirrored(int64_t at, int64_t size)
{
    while (at < 0 || at >= size)
        at = at < 0 ? -1 - at : 2 * size - 1 - at;
    return at;
}

/* Along lines of `count` items at a distance of `step`, which repeat `lines` times. */
static void blur_lines(int64_t lines, int64_t line_step, int64_t count, int64_t step, int64_t block,
                       const double *weights, int64_t reach, const float *from, float *to)
{
    for (int64_t line = 0; line < lines; line++)
        for (int64_t i = 0; i < count; i++)
            for (int64_t c = 0; c < block; c++) {
                const int64_t base = line * line_step + c;
                double sum = weights[0] * (double)from[base + i * step];
                for (int64_t k = 1; k <= reach; k++)
                    sum += weights[k] * ((double)from[base + mirrored(i - k, count) * step] +
                                         (double)from[base + mirrored(i + k, count) * step]);
                to[base + i * step] = (float)sum;
            }
}

void pl_blur(int64_t height, int64_t width, int64_t channels, double deviation, float *pixels,
             float *spare)
{
    double weights[REACH_MOST + 1] = {1}, sum = 1;
    int64_t reach = (int64_t)(4 * deviation + 0.5);
    reach = reach < REACH_MOST ? reach : REACH_MOST;
    for (int64_t k = 1; k <= reach; k++) {
        weights[k] = exp(-(double)(k * k) / (2 * deviation * deviation));
        sum += 2 * weights[k];
    }
    for (int64_t k = 0; k <= reach; k++)
        weights[k] /= sum;
    blur_lines(height, width * channels, width, channels, channels, weights, reach, pixels, spare);
    blur_lines(1, 0, height, width * channels, width * channels, weights, reach, spare, pixels);
}

void pl_canvas_clouds(struct pl_canvas *canvas, double deviation)
{
    float *field = canvas->planes[0], low = INFINITY, high = -INFINITY;
    const int64_t area = pl_canvas_area(canvas);
    for (int64_t i = 0; i < area; i++)
        field[i] = (float)pl_rng_normal(&canvas->rng, (uint64_t)i);
    pl_blur(canvas->height, canvas->width, 1, deviation, field, canvas->planes[1]);
    for (int64_t i = 0; i < area; i++) {
        low = fminf(low, field[i]);
        high = fmaxf(high, field[i]);
    }
    for (int64_t i = 0; i < area; i++)
        field[i] = high > low ? (field[i] - low) / (high - low) : 0;
}

/* ---- Pictures ------------------------------------------------------------------------------ */

struct job {
    const struct pl_corrupt *corrupt;
    int64_t height, width, channels;
    uint64_t first;
    uint8_t *pixels;
    float *scratch; /* of each slot: two pictures and two planes */
    int64_t room;   /* floats of a slot */
};

/* Channels `step` apart from `from` on become the canvas's, or come back. */
static void load(const struct pl_canvas *canvas, const uint8_t *from, int64_t step)
{
    const int64_t channels = canvas->channels;
    for (int64_t i = 0; i < pl_canvas_area(canvas); i++)
        for (int64_t c = 0; c < channels; c++)
            canvas->pixels[i * channels + c] = (float)from[i * step + c] / 255;
}

static void store(const struct pl_canvas *canvas, uint8_t *to, int64_t step)
{
    const int64_t channels = canvas->channels;
    for (int64_t i = 0; i < pl_canvas_area(canvas); i++)
        for (int64_t c = 0; c < channels; c++) {
            float value = canvas->pixels[i * channels + c];
            value = value > 0 ? value < 1 ? value : 1 : 0;
            to[i * step + c] = (uint8_t)rintf(value * 255);
        }
}

static enum pl_status corrupt_one(struct pl_context *context, void *data, int64_t item)
{
    const struct job *job = data;
    const int64_t area = job->height * job->width, together = job->channels == 3 ? 3 : 1;
    const struct pl_corruption *kind = job->corrupt->kind;
    uint8_t *pixels = job->pixels + item * area * job->channels;
    float *scratch = job->scratch + context->slot * job->room;
    for (int64_t c = 0; c < job->channels; c += together) {
        char name[80];
        snprintf(name, sizeof name, "%s.%llu.%lld", kind->name,
                 (unsigned long long)job->first + (unsigned long long)item, (long long)c);
        struct pl_canvas canvas = {
            .height = job->height,
            .width = job->width,
            .channels = together,
            .amount = job->corrupt->amount,
            .rng = pl_rng_init(job->corrupt->seed, name),
            .pixels = scratch,
            .spare = scratch + area * together,
            .planes = {scratch + 2 * area * together, scratch + (2 * together + 1) * area}};
        load(&canvas, pixels + c, job->channels);
        kind->apply(&canvas);
        store(&canvas, pixels + c, job->channels);
    }
    return PL_OK;
}

enum pl_status pl_corrupt_pictures(struct pl_context *context, const struct pl_corrupt *corrupt,
                                   int64_t count, int64_t height, int64_t width, int64_t channels,
                                   uint64_t first, uint8_t *pixels)
{
    struct job job = {.corrupt = corrupt,
                      .height = height,
                      .width = width,
                      .channels = channels,
                      .first = first,
                      .pixels = pixels};
    if (height == 0 || width == 0 || channels == 0)
        return PL_OK;
    job.room = (channels == 3 ? 8 : 4) * height * width;
    const int64_t threads = pl_parallel_threads(context);
    const size_t slots = (size_t)(count < threads ? count : threads);
    job.scratch = pl_new(context, (size_t)job.room, slots * sizeof *job.scratch);
    enum pl_status status =
        job.scratch ? pl_parallel(context, count, corrupt_one, &job) : context->status;
    free(job.scratch);
    return status;
}
