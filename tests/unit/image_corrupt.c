/* Corruptions: what each does to simple pictures, and that chance depends on nothing but the seed
 * and the number of a picture.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdbool.h>

#include "image/corrupt.h"

enum { SIDE = 24, COUNT = 6, SIZE = SIDE * SIDE * 3, ALL = COUNT * SIZE };

static struct pl_context context = {.threads = 1};

/* Something with edges, colours and shades. */
static void draw(uint8_t *pixels, int channels)
{
    for (int n = 0; n < COUNT; n++)
        for (int i = 0; i < SIDE; i++)
            for (int j = 0; j < SIDE; j++)
                for (int c = 0; c < channels; c++)
                    *pixels++ = (uint8_t)((i / 5 + j / 7 + n) % 2 ? 40 + 5 * i + 30 * c
                                                                  : 200 - 3 * j - 40 * c);
}

static void corrupt(const char *kind, double amount, int channels, int count, uint64_t first,
                    uint8_t *pixels)
{
    struct pl_corrupt corrupt = {.seed = 3};
    CHECK(pl_corrupt_parse(&context, kind, &corrupt) == PL_OK);
    corrupt.amount = amount >= -1 ? amount : corrupt.amount;
    CHECK(pl_corrupt_pictures(&context, &corrupt, count, SIDE, SIDE, channels, first, pixels) ==
          PL_OK);
}

static double change(const uint8_t *a, const uint8_t *b, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum / count;
}

/* Each severity changes more than the one before, but for saturate, which goes down, then up, and
 * pixelate, whose boxes may fall on the edges of the picture. */
static void severities(void)
{
    for (const struct pl_corruption *kind = pl_corruptions; kind->name; kind++) {
        static uint8_t plain[ALL], worse[ALL];
        double before = 0;
        draw(plain, 3);
        for (int s = 1; s <= PL_SEVERITIES; s++) {
            char text[40];
            snprintf(text, sizeof text, "%s:%d", kind->name, s);
            draw(worse, 3);
            corrupt(text, -2, 3, COUNT, 0, worse);
            double now = change(plain, worse, ALL);
            if (!(now > before))
                printf("# %s: %g after %g\n", text, now, before);
            CHECK(now > before);
            bool any = !strcmp(kind->name, "saturate") || !strcmp(kind->name, "pixelate");
            before = any ? 0 : now;
        }
    }
}

/* Pictures together or one by one, on one thread or three. */
static void numbers(void)
{
    for (const struct pl_corruption *kind = pl_corruptions; kind->name; kind++)
        for (int channels = 1; channels <= 4; channels++) {
            static uint8_t together[COUNT * SIDE * SIDE * 4], apart[COUNT * SIDE * SIDE * 4];
            const int size = SIDE * SIDE * channels;
            draw(together, channels);
            draw(apart, channels);
            context.threads = 3;
            corrupt(kind->name, -2, channels, COUNT, 10, together);
            context.threads = 1;
            for (int n = COUNT - 1; n >= 0; n--)
                corrupt(kind->name, -2, channels, 1, (uint64_t)n + 10, apart + n * size);
            CHECK(memcmp(together, apart, (size_t)(COUNT * size)) == 0);
            if (strcmp(kind->name, "gaussian_noise") == 0)
                CHECK(memcmp(apart, apart + 2 * size, (size_t)size) != 0); /* drawn alike */
        }
}

/* What has no edge has none after. */
static void even_pictures(void)
{
    static const char *const kinds[] = {"gaussian_blur:5", "defocus_blur:5",      "glass_blur:5",
                                        "motion_blur:5",   "zoom_blur:5",         "contrast:5",
                                        "pixelate:5",      "elastic_transform:5", "saturate:1"};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        static uint8_t pixels[SIZE], plain[SIZE];
        memset(pixels, 90, sizeof pixels);
        memset(plain, 90, sizeof plain);
        corrupt(kinds[k], -2, 3, 1, 0, pixels);
        CHECK(memcmp(pixels, plain, sizeof plain) == 0);
    }
}

/* Mean and deviation of what a kind makes of an even grey, over all pictures. */
static void measure(const char *kind, double amount, uint8_t grey, double *mean, double *deviation)
{
    enum { PICTURES = 40, VALUES = PICTURES * SIDE * SIDE };
    static uint8_t pixels[VALUES];
    double sum = 0, squares = 0;
    memset(pixels, grey, sizeof pixels);
    corrupt(kind, amount, 1, PICTURES, 0, pixels);
    for (int i = 0; i < VALUES; i++) {
        sum += pixels[i] / 255.0;
        squares += pixels[i] / 255.0 * (pixels[i] / 255.0);
    }
    *mean = sum / VALUES;
    *deviation = sqrt(squares / VALUES - *mean * *mean);
}

static void noises(void)
{
    double mean, deviation;
    measure("gaussian_noise", 0.1, 102, &mean, &deviation);
    CHECK(fabs(mean - 0.4) < 0.002 && fabs(deviation - 0.1) < 0.002);
    measure("speckle_noise", 0.1, 102, &mean, &deviation);
    CHECK(fabs(mean - 0.4) < 0.001 && fabs(deviation - 0.04) < 0.001);
    measure("shot_noise", 50, 102, &mean, &deviation); /* 20 photons */
    CHECK(fabs(mean - 0.4) < 0.002 && fabs(deviation - sqrt(20) / 50) < 0.002);
    measure("shot_noise", 5000, 102, &mean, &deviation);
    CHECK(fabs(mean - 0.4) < 0.001 && fabs(deviation - sqrt(2000) / 5000) < 0.0005);
    measure("shot_noise", 1e6, 102, &mean, &deviation);
    CHECK(fabs(mean - 0.4) < 0.001 && deviation < 0.002);
    measure("impulse_noise", 0.2, 102, &mean, &deviation);
    CHECK(fabs(mean - (0.8 * 0.4 + 0.1)) < 0.005);
    measure("gaussian_noise", 0, 102, &mean, &deviation);
    CHECK_NEAR(mean, 0.4, 1e-12);
}

/* Two pixels of a picture, before and after. */
static void light(void)
{
    uint8_t red[] = {100, 50, 0, 20, 20, 20};
    struct pl_corrupt bright = {&pl_corruptions[12], 0.2, 0};
    CHECK_TEXT(bright.kind->name, "brightness");
    CHECK(pl_corrupt_pictures(&context, &bright, 1, 1, 2, 3, 0, red) == PL_OK);
    CHECK(red[0] == 151 && red[1] == 76 && red[2] == 0 && red[3] == 71 && red[5] == 71);
    uint8_t two[] = {50, 150};
    struct pl_corrupt flat = {&pl_corruptions[13], 0.5, 0};
    CHECK(pl_corrupt_pictures(&context, &flat, 1, 1, 2, 1, 0, two) == PL_OK);
    CHECK(two[0] == 75 && two[1] == 125);
    uint8_t colour[] = {200, 100, 150, 80, 80, 80};
    struct pl_corrupt grey = {&pl_corruptions[14], 0, 0};
    CHECK(pl_corrupt_pictures(&context, &grey, 1, 1, 2, 3, 0, colour) == PL_OK);
    CHECK(colour[0] == 200 && colour[1] == 200 && colour[2] == 200 && colour[3] == 80);
}

static void refuse(const char *text, const char *message)
{
    struct pl_corrupt corrupt;
    CHECK(pl_corrupt_parse(&context, text, &corrupt) == PL_USAGE);
    CHECK(strncmp(context.message, message, strlen(message)) == 0);
}

static void names(void)
{
    struct pl_corrupt corrupt;
    CHECK(pl_corrupt_parse(&context, "fog", &corrupt) == PL_OK && corrupt.amount == 0.75);
    CHECK(pl_corrupt_parse(&context, "fog:5", &corrupt) == PL_OK && corrupt.amount == 1.5);
    CHECK(pl_corrupt_parse(&context, "fog=0.1", &corrupt) == PL_OK && corrupt.amount == 0.1);
    refuse("fog=x", "'fog=x': the amount is not a number");
    refuse("fog=-1", "-1: the amount of fog is the density, between 0 and 100");
    refuse("rain", "'rain' is no corruption; there are gaussian_noise|shot_noise|");
    refuse("fo:2", "'fo' is no corruption");
    refuse("", "'' is no corruption");
    refuse("fog:6", "'fog:6': the severity must be between 1 and 5");
    refuse("fog:", "'fog:': the severity must be between 1 and 5");
    char list[1024] = "";
    for (const struct pl_corruption *kind = pl_corruptions; kind->name; kind++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", *list ? "|" : "",
                 kind->name);
    CHECK_TEXT(list, PL_CORRUPTIONS);
}

int main(void)
{
    RUN(names);
    RUN(severities);
    RUN(numbers);
    RUN(even_pictures);
    RUN(noises);
    RUN(light);
    FINISH();
}
