/* The learning rate over the steps of a run.
 * SPDX-License-Identifier: MIT */
#include "train/schedule.h"

#include <math.h>

int64_t pl_schedule_warmup(double share_or_steps, int64_t steps)
{
    double warmup = share_or_steps < 1 ? share_or_steps * (double)steps : share_or_steps;
    return warmup < (double)steps ? (int64_t)llround(warmup) : steps;
}

double pl_schedule_rate(const struct pl_schedule *schedule, int64_t step)
{
    if (step < schedule->warmup)
        return schedule->peak * (double)(step + 1) / (double)schedule->warmup;
    double share = 1, x = 1;
    if (schedule->steps > schedule->warmup && step < schedule->steps)
        x = (double)(step - schedule->warmup) / (double)(schedule->steps - schedule->warmup);
    if (schedule->kind == PL_SCHEDULE_LINEAR)
        share = 1 - x;
    if (schedule->kind == PL_SCHEDULE_COSINE)
        share = (1 + cos(acos(-1) * x)) / 2;
    return schedule->peak * (schedule->least + (1 - schedule->least) * share);
}
