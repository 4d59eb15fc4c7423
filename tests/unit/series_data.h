/* Small series for the tests of lib/series and of forecasters.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TESTS_SERIES_DATA_H
#define PL_TESTS_SERIES_DATA_H

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "check.h"
#include "series/panel.h"

/* A bundle of kind `series` over the test's own arrays. */
struct data {
    struct pl_bundle_tensor tensors[8];
    struct pl_bundle bundle;
    char warnings[2000];
    struct pl_context context;
};

static inline void note_warning(void *user, const char *message)
{
    struct data *data = user;
    size_t used = strlen(data->warnings);
    snprintf(data->warnings + used, sizeof data->warnings - used, "%s\n", message);
}

static inline void add_tensor(struct data *data, const char *name, enum pl_dtype dtype, int rank,
                              int64_t rows, int64_t columns, void *values)
{
    int64_t dims[2] = {rows, columns};
    data->tensors[data->bundle.tensor_count++] = (struct pl_bundle_tensor){
        (char *)(uintptr_t)name, pl_tensor_view(dtype, rank, dims, values)};
}

/* names: "a\0b" with the last NUL implied; time and id may be NULL. */
static inline void make_data(struct data *data, int64_t rows, int64_t columns, double *values,
                             int64_t *time, const char *names, size_t names_size)
{
    *data = (struct data){.bundle = {.source = (char *)(uintptr_t) "data"}};
    data->bundle.tensors = data->tensors;
    data->context = (struct pl_context){.warn = note_warning, .user = data};
    add_tensor(data, "values", PL_F64, 2, rows, columns, values);
    if (names)
        add_tensor(data, "series.names", PL_U8, 1, (int64_t)names_size, 0,
                   (void *)(uintptr_t)names);
    if (time)
        add_tensor(data, "time", PL_I64, 1, rows, 0, time);
}

#define NAMES(text) (text), sizeof(text)

static int64_t stamp(const char *text)
{
    int64_t nanoseconds = 0;
    bool zone;
    CHECK(pl_time_parse(text, strlen(text), &nanoseconds, &zone));
    return nanoseconds;
}

#define HOUR INT64_C(3600000000000)

static inline void hourly(int64_t *time, int64_t rows, const char *start)
{
    for (int64_t i = 0; i < rows; i++)
        time[i] = stamp(start) + i * HOUR;
}

#endif
