/* Makes the inputs of the benchmarks, the same bytes on every machine.
 * SPDX-License-Identifier: MIT
 *
 *   generate hourly > FILE        a wide CSV of ETTh1's size: 17,420 hours of 7 columns
 *   generate table MB > FILE      a wide CSV: time stamps, 7 columns of six digits, one of
 * seventeen generate panel N ROWS > FILE  a long CSV: N series, one after the other, of ROWS hours
 * each generate stream GB > FILE     a tensor stream of tensors of up to 1 GiB of 32-bit floats */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plumbline.h"

enum { MIB = 1 << 20, HOUR = 3600, START = 1420070400 }; /* 2015-01-01 */

static struct pl_context context;

static void must(enum pl_status status)
{
    if (status == PL_OK)
        return;
    fprintf(stderr, "generate: %s\n", context.message);
    exit((int)status);
}

static const char *stamp(int64_t row)
{
    static char text[32];
    time_t when = START + row * HOUR;
    struct tm fields;

    gmtime_r(&when, &fields);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &fields);
    return text;
}

/* A level, a daily wave and noise; the same for equal series and row. */
static double value(const struct pl_rng *rng, int64_t series, int64_t row)
{
    double noise = pl_rng_normal(rng, ((uint64_t)series << 32) + (uint64_t)row);
    double wave = sin(0.2617993877991494 * (double)(row % 24 + series % 24));

    return 10 + (double)(series % 90) + (1 + (double)(series % 5)) * wave + noise;
}

static void hourly(void)
{
    struct pl_rng rng = pl_rng_init(1, "hourly");

    puts("date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT");
    for (int64_t row = 0; row < 17420; row++) {
        fputs(stamp(row), stdout);
        for (int64_t column = 0; column < 7; column++)
            printf(",%.17g", (double)(float)value(&rng, column, row));
        putchar('\n');
    }
}

static void table(int64_t bytes)
{
    struct pl_rng rng = pl_rng_init(1, "table");
    int64_t written = printf("time,a,b,c,d,e,f,g,h\n");

    for (int64_t row = 0; written < bytes; row++) {
        written += printf("%s", stamp(row));
        for (int64_t column = 0; column < 7; column++)
            written += printf(",%.6g", value(&rng, column, row));
        written += printf(",%.17g\n", value(&rng, 7, row));
    }
}

static void panel(int64_t count, int64_t rows)
{
    struct pl_rng rng = pl_rng_init(1, "panel");
    char(*stamps)[20] = pl_new(&context, (size_t)rows, sizeof *stamps);

    if (!stamps)
        must(context.status);
    for (int64_t row = 0; row < rows; row++)
        memcpy(stamps[row], stamp(row), sizeof *stamps);
    puts("id,time,value");
    for (int64_t series = 0; series < count; series++)
        for (int64_t row = 0; row < rows; row++)
            printf("s%04lld,%s,%.6g\n", (long long)series, stamps[row], value(&rng, series, row));
    free(stamps);
}

/* Random mantissas, exponents near that of 1: what weights look like. */
static void fill(float *block, size_t count)
{
    static uint64_t state = 1;

    for (size_t i = 0; i < count; i++) {
        state = state * 6364136223846793005 + 1442695040888963407;
        block[i] = (float)((double)(state >> 40) / (1 << 24) - 0.5);
    }
}

static void stream(int64_t gigabytes)
{
    struct pl_writer *writer = pl_writer_open(&context, NULL);
    float *block = pl_new(&context, MIB / sizeof *block, sizeof *block);
    int64_t left = gigabytes * 1000; /* in MiB: a little more than the gigabytes asked for */

    if (!writer || !block)
        must(context.status);
    for (int number = 0; left > 0; number++) {
        static const int64_t sizes[] = {1024, 1, 64, 256, 16};
        int64_t size = sizes[number % 5] < left ? sizes[number % 5] : left;
        int64_t dims[2] = {size, MIB / (int64_t)sizeof *block};
        char name[32];

        snprintf(name, sizeof name, "layer.%d.weight", number);
        must(pl_writer_begin(&context, writer, name, PL_F32, 2, dims));
        for (int64_t i = 0; i < size; i++) {
            fill(block, MIB / sizeof *block);
            must(pl_writer_bytes(&context, writer, block, MIB));
        }
        must(pl_writer_finish(&context, writer));
        left -= size;
    }
    must(pl_writer_end(&context, writer));
    must(pl_writer_commit(&context, writer));
    free(block);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    int64_t a = argc > 2 ? atoll(argv[2]) : 0, b = argc > 3 ? atoll(argv[3]) : 0;

    if (!strcmp(what, "hourly"))
        hourly();
    else if (!strcmp(what, "table"))
        table(a * 1000000);
    else if (!strcmp(what, "panel"))
        panel(a, b);
    else if (!strcmp(what, "stream"))
        stream(a);
    else
        return 2;
    return fflush(stdout) || ferror(stdout) ? 5 : 0;
}
