/* The report of a fit, for people.
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/number.h"
#include "models/forecaster.h"

static enum pl_status say_part(struct pl_context *context, const struct pl_part_errors *errors,
                               struct pl_buffer *out)
{
    char mse[24] = "-", mae[24] = "-";
    if (errors->windows > 0)
        snprintf(mse, sizeof mse, "%.4f", errors->mse);
    if (errors->windows > 0 && !isnan(errors->mae))
        snprintf(mae, sizeof mae, "%.4f", errors->mae);
    return pl_buffer_printf(context, out, "  %9s  %9s", mse, mae);
}

static enum pl_status say_head(struct pl_context *context, const struct pl_forecaster *f,
                               struct pl_buffer *out)
{
    int64_t rows = 0;
    char ridge[PL_NUMBER_SIZE + 16] = "", number[PL_NUMBER_SIZE];
    for (int64_t s = 0; s < f->series_count; s++)
        rows += f->rows[s];
    if (f->solver == PL_SOLVER_ADAM) {
        snprintf(ridge, sizeof ridge, ", adam");
    } else if (f->type->family == PL_FAMILY_LINEAR && !f->individual) {
        pl_format_double(number, f->ridges[0]);
        snprintf(ridge, sizeof ridge, ", ridge %s", number);
    }
    return pl_buffer_printf(context, out,
                            "%s%s, lookback %" PRId64 ", horizon %" PRId64 "%s: %" PRId64
                            " rows, %" PRId64 " window%s of %" PRId64 " %s\n",
                            f->type->name, f->individual ? " (one map each)" : "", f->lookback,
                            f->horizon, ridge, rows, f->training_windows,
                            f->training_windows == 1 ? "" : "s",
                            f->long_format ? f->series_count : f->target_count,
                            f->long_format         ? "series"
                            : f->target_count == 1 ? "column"
                                                   : "columns");
}

enum pl_status pl_forecaster_report(struct pl_context *context,
                                    const struct pl_forecaster *forecaster, struct pl_buffer *out)
{
    const struct pl_contender *model = &forecaster->contenders[0];
    if (say_head(context, forecaster, out))
        return context->status;
    if (forecaster->contender_count == 0 || model->validation.windows + model->test.windows == 0)
        return PL_OK;
    if (pl_buffer_printf(context, out, "%-15s  %20s  %20s\n%-15s  %9s  %9s  %9s  %9s\n", "",
                         "validation", "test", "standardised", "mse", "mae", "mse", "mae"))
        return context->status;
    for (int i = 0; i < forecaster->contender_count; i++) {
        const struct pl_contender *contender = &forecaster->contenders[i];
        if (pl_buffer_printf(context, out, "%-15s", contender->type->name) ||
            say_part(context, &contender->validation, out) ||
            say_part(context, &contender->test, out) || pl_buffer_text(context, out, "\n"))
            return context->status;
    }
    return PL_OK;
}
