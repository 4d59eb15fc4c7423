/* Corruptions: weather, and what sticks to the lens.
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "image/corrupt_parts.h"

/* Moves every pixel towards a shade of its plane: by plane[i] weight of the way. */
static void cover(struct pl_canvas *canvas, const float *plane, double weight, const float *shade)
{
    for (int64_t i = 0; i < pl_canvas_area(canvas); i++)
        for (int64_t c = 0; c < canvas->channels; c++) {
            float *pixel = &canvas->pixels[i * canvas->channels + c];
            *pixel += (float)weight * plane[i] * (shade[c] - *pixel);
        }
}

/* The value that a share of a plane of numbers from 0 to 1 lies above. */
static float threshold(const struct pl_canvas *canvas, const float *plane, double share)
{
    enum { BINS = 256 };
    int64_t counts[BINS] = {0}, above = 0;
    int bin = BINS;
    for (int64_t i = 0; i < pl_canvas_area(canvas); i++)
        counts[(int)(plane[i] * (BINS - 1))]++;
    while (bin > 0 && (double)above < share * (double)pl_canvas_area(canvas))
        above += counts[--bin];
    return (float)bin / (BINS - 1);
}

/* Falling flakes: dots of chance drawn out downwards, over a picture that loses colour. */
void pl_snow(struct pl_canvas *canvas)
{
    static const float white[] = {1, 1, 1};
    float *flakes = canvas->planes[0], *fallen = canvas->planes[1];
    const int64_t height = canvas->height, width = canvas->width;
    for (int64_t i = 0; i < height * width; i++) {
        flakes[i] = pl_rng_uniform(&canvas->rng, (uint64_t)i) < canvas->amount / 3 ? 1 : 0;
        fallen[i] = 0.2F; /* the air is full of it */
    }
    for (int64_t i = 0; i < height; i++)
        for (int64_t j = 0; j < width; j++)
            for (int64_t k = 0; k < 3; k++) {
                float *at =
                    &fallen[pl_nearest(i + k, height) * width + pl_nearest(j + k / 2, width)];
                *at = fmaxf(*at, flakes[i * width + j] * (1 - 0.25F * (float)k));
            }
    cover(canvas, fallen, fmin(1, 0.5 + canvas->amount), white);
}

/* Needles of ice: the lines on which clouds are at half of their range. */
void pl_frost(struct pl_canvas *canvas)
{
    static const float ice[] = {0.85F, 0.93F, 1};
    float *clouds = canvas->planes[0];
    pl_canvas_clouds(canvas, 1.2);
    for (int64_t i = 0; i < pl_canvas_area(canvas); i++)
        clouds[i] = 0.35F + 0.65F * powf(1 - fabsf(2 * clouds[i] - 1), 3);
    cover(canvas, clouds, canvas->amount, ice);
}

/* Clouds are added, and all is darkened so that white stays white. */
void pl_fog(struct pl_canvas *canvas)
{
    const float density = (float)canvas->amount;
    const int64_t area = pl_canvas_area(canvas), channels = canvas->channels;
    float white = 0;
    pl_canvas_clouds(canvas, (double)canvas->height / 8);
    for (int64_t i = 0; i < area * channels; i++)
        white = fmaxf(white, canvas->pixels[i]);
    for (int64_t i = 0; i < area * channels && white > 0; i++) {
        float *pixel = &canvas->pixels[i];
        *pixel = (*pixel + density * canvas->planes[0][i / channels]) * white / (white + density);
    }
}

/* Drops of mud: where clouds are highest. */
void pl_spatter(struct pl_canvas *canvas)
{
    static const float mud[] = {0.25F, 0.16F, 0.08F};
    float *clouds = canvas->planes[0];
    pl_canvas_clouds(canvas, 1);
    const float least = threshold(canvas, clouds, canvas->amount);
    for (int64_t i = 0; i < pl_canvas_area(canvas); i++) {
        float drop = (clouds[i] - least) * 12;
        clouds[i] = drop > 0 ? drop < 1 ? drop : 1 : 0;
    }
    cover(canvas, clouds, 0.9, mud);
}
