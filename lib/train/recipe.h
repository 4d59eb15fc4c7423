/* Recipes: how a kind of model is trained unless the user says otherwise.
 * SPDX-License-Identifier: MIT
 *
 * A recipe is a list of "OPTION=VALUE", ended by NULL, for options of the tool whose table gives no
 * default; it names every option that decides what comes out of a training, so it is also what a
 * checkpoint records and what a resumed run is held to. */
#ifndef PL_TRAIN_RECIPE_H
#define PL_TRAIN_RECIPE_H

#include "cli/tool.h"

/* Sets the options of the recipe that were not given.  command: the struct of the tool's table. */
enum pl_status pl_recipe_apply(struct pl_run *run, void *command,
                               const char *const *recipe) PL_MUST_CHECK;

/* Adds the values that are set as a map `options`: check with pl_meta_ok. */
void pl_recipe_write(struct pl_run *run, const void *command, const char *const *recipe,
                     struct pl_meta *meta, struct pl_meta_node *parent);

/* The way back: takes the values of such a map.  PL_USAGE lists every option that was given
 * another value: "--lr 0.004 was 0.003, --batch 8 was 16". */
enum pl_status pl_recipe_resume(struct pl_run *run, void *command, const char *const *recipe,
                                const struct pl_meta_node *options) PL_MUST_CHECK;

#endif
