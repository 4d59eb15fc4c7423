/* A plan in the making.
 * SPDX-License-Identifier: MIT
 *
 * Inner header.  csv_plan.c finds names and kinds of the columns, csv_roles.c their roles. */
#ifndef PL_FORMATS_CSV_MAKER_H
#define PL_FORMATS_CSV_MAKER_H

#include "formats/csv.h"

/* What making a plan needs beside the plan. */
struct pl_csv_maker {
    struct pl_csv_plan *plan;
    const struct pl_import *import;
    const char *name; /* of the input */
    struct pl_csv_sample sample;
    int64_t first; /* row of the sample with the first data */
    const char *text, *end;
};

/* Decides which columns are id, time, time of day and values, and which tensors they become. */
enum pl_status pl_csv_set_roles(struct pl_context *context,
                                struct pl_csv_maker *maker) PL_MUST_CHECK;

#endif
