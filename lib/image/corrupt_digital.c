/* Corruptions: light, geometry, and what storage does.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "image/corrupt_parts.h"

/* ---- light */

/* The largest channel, the value of HSV, moves by the amount; hue and saturation stay. */
void pl_brightness(struct pl_canvas *canvas)
{
    const int64_t channels = canvas->channels;
    for (int64_t i = 0; i < pl_canvas_area(canvas); i++) {
        float *pixel = &canvas->pixels[i * channels], value = 0;
        for (int64_t c = 0; c < channels; c++)
            value = fmaxf(value, pixel[c]);
        const float wanted = fminf(fmaxf(value + (float)canvas->amount, 0), 1);
        for (int64_t c = 0; c < channels; c++)
            pixel[c] = value > 0 ? pixel[c] * (wanted / value) : wanted;
    }
}

/* (x - mean) amount + mean, with the mean of the channel in this picture. */
void pl_contrast(struct pl_canvas *canvas)
{
    const int64_t channels = canvas->channels, area = pl_canvas_area(canvas);
    for (int64_t c = 0; c < channels; c++) {
        double sum = 0;
        for (int64_t i = 0; i < area; i++)
            sum += (double)canvas->pixels[i * channels + c];
        const double mean = sum / (double)area;
        for (int64_t i = 0; i < area; i++) {
            float *pixel = &canvas->pixels[i * channels + c];
            *pixel = (float)(((double)*pixel - mean) * canvas->amount + mean);
        }
    }
}

/* Distances of the channels from the largest, which are the saturation of HSV, times the amount,
 * but at most so that the least channel is 0.  Grey stays grey. */
void pl_saturate(struct pl_canvas *canvas)
{
    for (int64_t i = 0; canvas->channels == 3 && i < pl_canvas_area(canvas); i++) {
        float *pixel = &canvas->pixels[i * 3];
        const float value = fmaxf(pixel[0], fmaxf(pixel[1], pixel[2]));
        const float range = value - fminf(pixel[0], fminf(pixel[1], pixel[2]));
        const float factor = range > 0 ? fminf((float)canvas->amount, value / range) : 0;
        for (int c = 0; c < 3; c++)
            pixel[c] = value - factor * (value - pixel[c]);
    }
}

/* ---- geometry */

/* Each pixel is taken from elsewhere: displacements of chance, smoothed over a few pixels, the
 * largest of which is the amount. */
void pl_elastic_transform(struct pl_canvas *canvas)
{
    const int64_t height = canvas->height, width = canvas->width, channels = canvas->channels;
    const int64_t area = height * width;
    const double smooth = fmax(1, 0.08 * (double)(height < width ? height : width));
    double most = 0;
    for (int axis = 0; axis < 2; axis++)
        for (int64_t i = 0; i < area; i++)
            canvas->planes[axis][i] =
                (float)pl_rng_normal(&canvas->rng, (uint64_t)(axis * area + i));
    for (int axis = 0; axis < 2; axis++)
        pl_blur(height, width, 1, smooth, canvas->planes[axis], canvas->spare);
    for (int64_t i = 0; i < area; i++)
        most = fmax(most, (double)hypotf(canvas->planes[0][i], canvas->planes[1][i]));
    const double scale = most > 0 ? canvas->amount / most : 0;
    memcpy(canvas->spare, canvas->pixels, (size_t)(area * channels) * sizeof *canvas->spare);
    for (int64_t i = 0; i < area; i++)
        for (int64_t c = 0; c < channels; c++)
            canvas->pixels[i * channels + c] = pl_canvas_sample(
                canvas, canvas->spare, (double)(i / width) + scale * (double)canvas->planes[0][i],
                (double)(i % width) + scale * (double)canvas->planes[1][i], c);
}

/* The mean of channel c over a box whose edges may lie inside pixels. */
static float box_mean(const struct pl_canvas *canvas, const float *pixels, double top, double left,
                      double tall, double wide, int64_t c)
{
    double sum = 0;
    for (int64_t i = (int64_t)top; i < canvas->height && (double)i < top + tall; i++)
        for (int64_t j = (int64_t)left; j < canvas->width && (double)j < left + wide; j++) {
            const double down = fmin((double)i + 1, top + tall) - fmax((double)i, top);
            const double aside = fmin((double)j + 1, left + wide) - fmax((double)j, left);
            if (down > 0 && aside > 0)
                sum +=
                    down * aside * (double)pixels[(i * canvas->width + j) * canvas->channels + c];
        }
    return (float)(sum / (tall * wide));
}

/* Made smaller by the amount, as means over boxes, and larger again without smoothing. */
void pl_pixelate(struct pl_canvas *canvas)
{
    const int64_t height = canvas->height, width = canvas->width, channels = canvas->channels;
    const int64_t rows = (int64_t)fmax(1, floor((double)height * canvas->amount));
    const int64_t columns = (int64_t)fmax(1, floor((double)width * canvas->amount));
    const double tall = (double)height / (double)rows, wide = (double)width / (double)columns;
    memcpy(canvas->spare, canvas->pixels,
           (size_t)(height * width * channels) * sizeof *canvas->spare);
    for (int64_t i = 0; i < height; i++)
        for (int64_t j = 0; j < width; j++)
            for (int64_t c = 0; c < channels; c++)
                canvas->pixels[(i * width + j) * channels + c] =
                    box_mean(canvas, canvas->spare, (double)(i * rows / height) * tall,
                             (double)(j * columns / width) * wide, tall, wide, c);
}

/* ---- JPEG: all that it does to a picture is to round the cosine transforms of 8 x 8 pixels, of
 * luminance and of colour at half the size.  Tables and their scaling by quality are those of ITU-T
 * T.81, annex K, and of the Independent JPEG Group's library. */

enum { SIDE = 8, SQUARE = SIDE * SIDE };

static const int luminance[SQUARE] = {16,  11,  10,  16,  24, 40, 51,  61,  12,  12,  14,  19,  26,
                                      58,  60,  55,  14,  13, 16, 24,  40,  57,  69,  56,  14,  17,
                                      22,  29,  51,  87,  80, 62, 18,  22,  37,  56,  68,  109, 103,
                                      77,  24,  35,  55,  64, 81, 104, 113, 92,  49,  64,  78,  87,
                                      103, 121, 120, 101, 72, 92, 95,  98,  112, 100, 103, 99};
static const int colour[SQUARE] = {17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
                                   24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
                                   99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
                                   99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99};

static void scale_table(const int table[SQUARE], double quality, double steps[SQUARE])
{
    const double scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
    for (int i = 0; i < SQUARE; i++)
        steps[i] = fmin(fmax(floor((table[i] * scale + 50) / 100), 1), 255);
}

/* cosines[u][x]: the orthogonal cosine transform of eight values. */
static void fill_cosines(double cosines[SIDE][SIDE])
{
    for (int u = 0; u < SIDE; u++)
        for (int x = 0; x < SIDE; x++)
            cosines[u][x] = sqrt((u ? 2.0 : 1.0) / SIDE) *
                            cos((2 * x + 1) * u * 3.14159265358979323846 / (2 * SIDE));
}

/* out = C in C', or C' in C with back. */
static void transform(double cosines[SIDE][SIDE], bool back, const double in[SQUARE],
                      double out[SQUARE])
{
    double half[SQUARE] = {0};
    memset(out, 0, SQUARE * sizeof *out);
    for (int i = 0; i < SIDE; i++)
        for (int k = 0; k < SIDE; k++)
            for (int j = 0; j < SIDE; j++)
                half[i * SIDE + j] += (back ? cosines[k][i] : cosines[i][k]) * in[k * SIDE + j];
    for (int i = 0; i < SIDE; i++)
        for (int k = 0; k < SIDE; k++)
            for (int j = 0; j < SIDE; j++)
                out[i * SIDE + j] += half[i * SIDE + k] * (back ? cosines[k][j] : cosines[j][k]);
}

/* A plane of values around 0, through the coding and back; blocks at the edge are filled up with
 * the last row and column. */
static void code_plane(int64_t height, int64_t width, const double steps[SQUARE], float *plane)
{
    double cosines[SIDE][SIDE], block[SQUARE], waves[SQUARE];
    fill_cosines(cosines);
    for (int64_t top = 0; top < height; top += SIDE)
        for (int64_t left = 0; left < width; left += SIDE) {
            for (int i = 0; i < SQUARE; i++)
                block[i] = (double)plane[pl_nearest(top + i / SIDE, height) * width +
                                         pl_nearest(left + i % SIDE, width)];
            transform(cosines, false, block, waves);
            for (int i = 0; i < SQUARE; i++)
                waves[i] = rint(waves[i] / steps[i]) * steps[i];
            transform(cosines, true, waves, block);
            for (int i = 0; i < SQUARE; i++)
                if (top + i / SIDE < height && left + i % SIDE < width)
                    plane[(top + i / SIDE) * width + left + i % SIDE] = (float)block[i];
        }
}

/* Y, Cb or Cr of a pixel, in levels of a byte, around 0. */
static float component(const float *pixel, int which)
{
    static const float weights[3][3] = {
        {0.299F, 0.587F, 0.114F}, {-0.168736F, -0.331264F, 0.5F}, {0.5F, -0.418688F, -0.081312F}};
    const float *w = weights[which];
    float sum = w[0] * pixel[0] + w[1] * pixel[1] + w[2] * pixel[2];
    return rintf(sum * 255) - (which == 0 ? 128 : 0);
}

/* Colour at half the size: the mean of four pixels, coded, and back to each of them. */
static void code_colour(struct pl_canvas *canvas, int which, const double steps[SQUARE],
                        float *plane)
{
    const int64_t height = canvas->height, width = canvas->width;
    const int64_t rows = (height + 1) / 2, columns = (width + 1) / 2;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            float sum = 0;
            for (int k = 0; k < 4; k++)
                sum += component(&canvas->pixels[(pl_nearest(2 * i + k / 2, height) * width +
                                                  pl_nearest(2 * j + k % 2, width)) *
                                                 3],
                                 which);
            plane[i * columns + j] = sum / 4;
        }
    code_plane(rows, columns, steps, plane);
}

static void code_grey(struct pl_canvas *canvas, const double steps[SQUARE])
{
    for (int64_t i = 0; i < pl_canvas_area(canvas); i++)
        canvas->pixels[i] = canvas->pixels[i] * 255 - 128;
    code_plane(canvas->height, canvas->width, steps, canvas->pixels);
    for (int64_t i = 0; i < pl_canvas_area(canvas); i++)
        canvas->pixels[i] = (canvas->pixels[i] + 128) / 255;
}

void pl_jpeg_compression(struct pl_canvas *canvas)
{
    const int64_t area = pl_canvas_area(canvas), width = canvas->width, columns = (width + 1) / 2;
    float *blue = canvas->planes[0], *red = canvas->planes[1], *light = canvas->spare;
    double steps[SQUARE];
    scale_table(luminance, canvas->amount, steps);
    if (canvas->channels == 1) {
        code_grey(canvas, steps);
        return;
    }
    for (int64_t i = 0; i < area; i++)
        light[i] = component(&canvas->pixels[i * 3], 0);
    code_plane(canvas->height, width, steps, light);
    scale_table(colour, canvas->amount, steps);
    code_colour(canvas, 1, steps, blue);
    code_colour(canvas, 2, steps, red);
    for (int64_t i = 0; i < area; i++) {
        const int64_t quarter = i / width / 2 * columns + i % width / 2;
        const float y = light[i] + 128, b = blue[quarter], r = red[quarter];
        canvas->pixels[i * 3] = (y + 1.402F * r) / 255;
        canvas->pixels[i * 3 + 1] = (y - 0.344136F * b - 0.714136F * r) / 255;
        canvas->pixels[i * 3 + 2] = (y + 1.772F * b) / 255;
    }
}
