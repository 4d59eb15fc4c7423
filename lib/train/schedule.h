/* The learning rate over the steps of a run.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TRAIN_SCHEDULE_H
#define PL_TRAIN_SCHEDULE_H

#include <stdint.h>

enum pl_schedule_kind { PL_SCHEDULE_CONSTANT, PL_SCHEDULE_LINEAR, PL_SCHEDULE_COSINE };
#define PL_SCHEDULES "constant|linear|cosine" /* in the order of the enum */

struct pl_schedule {
    enum pl_schedule_kind kind;
    double peak;
    double least;   /* share of the peak that linear and cosine go down to */
    int64_t warmup; /* steps in which the rate rises linearly to the peak */
    int64_t steps;
};

/* Steps of warm-up: a share of all steps below 1, a number of steps from 1 on. */
int64_t pl_schedule_warmup(double share_or_steps, int64_t steps);

/* The rate of a step, counted from 0: peak (step + 1) / warmup while warming up, then with x going
 * from 0 to 1 over the steps that are left, peak (least + (1 - least) f(x)) where f(x) is 1, 1 - x
 * or (1 + cos(pi x)) / 2. */
double pl_schedule_rate(const struct pl_schedule *schedule, int64_t step);

#endif
