/* Corruptions: blur.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "image/corrupt_parts.h"

static const double pi = 3.14159265358979323846;

void pl_gaussian_blur(struct pl_canvas *canvas)
{
    if (canvas->amount > 0)
        pl_blur(canvas->height, canvas->width, canvas->channels, canvas->amount, canvas->pixels,
                canvas->spare);
}

static void keep(struct pl_canvas *canvas)
{
    memcpy(canvas->spare, canvas->pixels,
           (size_t)(pl_canvas_area(canvas) * canvas->channels) * sizeof *canvas->spare);
}

/* The mean over a disc; pixels at its edge count as far as they lie in it. */
void pl_defocus_blur(struct pl_canvas *canvas)
{
    const int64_t height = canvas->height, width = canvas->width, channels = canvas->channels;
    const double radius = canvas->amount;
    const int64_t reach = (int64_t)ceil(radius);
    double total = 0;
    keep(canvas);
    memset(canvas->pixels, 0, (size_t)(height * width * channels) * sizeof *canvas->pixels);
    for (int pass = 0; pass < 2; pass++) /* the weights are added up, then used */
        for (int64_t u = -reach; u <= reach; u++)
            for (int64_t v = -reach; v <= reach; v++) {
                double weight = radius + 0.5 - hypot((double)u, (double)v);
                weight = weight > 0 ? weight < 1 ? weight : 1 : 0;
                total += pass == 0 ? weight : 0;
                if (pass == 0 || weight <= 0)
                    continue;
                for (int64_t i = 0; i < height; i++)
                    for (int64_t j = 0; j < width; j++)
                        for (int64_t c = 0; c < channels; c++)
                            canvas->pixels[(i * width + j) * channels + c] +=
                                (float)(weight / total) *
                                canvas->spare[(pl_nearest(i + u, height) * width +
                                               pl_nearest(j + v, width)) *
                                                  channels +
                                              c];
            }
}

static void swap(const struct pl_canvas *canvas, int64_t here, int64_t there)
{
    for (int64_t c = 0; c < canvas->channels; c++) {
        const float value = canvas->pixels[here * canvas->channels + c];
        canvas->pixels[here * canvas->channels + c] = canvas->pixels[there * canvas->channels + c];
        canvas->pixels[there * canvas->channels + c] = value;
    }
}

/* A share of the pixels change places with a neighbour, and all is blurred a little. */
void pl_glass_blur(struct pl_canvas *canvas)
{
    const int64_t height = canvas->height, width = canvas->width;
    for (int64_t i = 0; i < height; i++)
        for (int64_t j = 0; j < width; j++) {
            const uint64_t draw = 2 * (uint64_t)(i * width + j);
            const int64_t way = (int64_t)pl_rng_below(&canvas->rng, draw, 9);
            const int64_t row = pl_nearest(i + way / 3 - 1, height);
            const int64_t column = pl_nearest(j + way % 3 - 1, width);
            if (pl_rng_uniform(&canvas->rng, draw + 1) < canvas->amount)
                swap(canvas, i * width + j, row * width + column);
        }
    pl_blur(height, width, canvas->channels, 0.5, canvas->pixels, canvas->spare);
}

/* Each pixel becomes the mean of `steps` samples that place() finds. */
static void average(struct pl_canvas *canvas, int steps,
                    void (*place)(const struct pl_canvas *canvas, double share, double *row,
                                  double *column))
{
    const int64_t height = canvas->height, width = canvas->width, channels = canvas->channels;
    keep(canvas);
    for (int64_t i = 0; i < height; i++)
        for (int64_t j = 0; j < width; j++)
            for (int64_t c = 0; c < channels; c++) {
                double sum = 0;
                for (int k = 0; k < steps; k++) {
                    double row = (double)i, column = (double)j;
                    place(canvas, steps > 1 ? k / (steps - 1.0) : 0, &row, &column);
                    sum += (double)pl_canvas_sample(canvas, canvas->spare, row, column, c);
                }
                canvas->pixels[(i * width + j) * channels + c] = (float)(sum / steps);
            }
}

/* Along a line in a direction of chance, at most 45 degrees from level. */
static void along_line(const struct pl_canvas *canvas, double share, double *row, double *column)
{
    const double angle = (pl_rng_uniform(&canvas->rng, 0) - 0.5) * pi / 2;
    *row += sin(angle) * (share - 0.5) * canvas->amount;
    *column += cos(angle) * (share - 0.5) * canvas->amount;
}

void pl_motion_blur(struct pl_canvas *canvas)
{
    average(canvas, 2 * (int)ceil(canvas->amount) + 1, along_line);
}

/* Towards the middle of the picture. */
static void towards_middle(const struct pl_canvas *canvas, double share, double *row,
                           double *column)
{
    const double zoom = 1 + share * (canvas->amount - 1);
    const double middle = (double)(canvas->height - 1) / 2,
                 centre = (double)(canvas->width - 1) / 2;
    *row = middle + (*row - middle) / zoom;
    *column = centre + (*column - centre) / zoom;
}

void pl_zoom_blur(struct pl_canvas *canvas)
{
    average(canvas, 12, towards_middle);
}
