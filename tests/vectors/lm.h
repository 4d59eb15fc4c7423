/* Vectors of whole language models.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TESTS_VECTORS_LM_H
#define PL_TESTS_VECTORS_LM_H

#include "models/lm.h"
#include "vectors.h"

/* Checks lm.safetensors against the model of that name in the registry, at several chunk sizes.
 * settings: options of the model beside those that all models have, {key, value}. */
void check_lm(struct vectors *vectors, const char *type, const char *const (*settings)[2],
              size_t count);

/* Parameters from the arrays PREFIX + name, all of which must be there; and their gradients
 * compared with such arrays. */
bool vectors_load(struct vectors *vectors, struct pl_parameters *parameters, const char *prefix);
void vectors_compare_gradients(struct vectors *vectors, const struct pl_parameters *parameters,
                               const char *prefix);

#endif
