/* The families of models that are scored: see eval.h.
 * SPDX-License-Identifier: MIT */
#include "models/eval.h"

/* The last one takes what no other does. */
static const struct pl_eval_family *const families[] = {
    &pl_eval_lm,
    &pl_eval_image,
    &pl_eval_forecaster,
};
enum { FAMILIES = sizeof families / sizeof *families };

const struct pl_eval_family *pl_eval_family(const struct pl_bundle *model)
{
    int i = 0;
    while (i < FAMILIES - 1 && !families[i]->is(model))
        i++;
    return families[i];
}

enum pl_status pl_eval_refuse(struct pl_run *run, const struct pl_eval_family *family)
{
    for (int i = 0; i < FAMILIES; i++)
        for (const struct pl_option *option = families[i]->options;
             families[i] != family && option->name; option++)
            if (pl_run_typed(run, option->name) && !pl_option_find(family->options, option->name))
                return pl_fail(&run->context, PL_USAGE, "--%s is for %s, this is %s", option->name,
                               families[i]->what, family->what);
    return PL_OK;
}
