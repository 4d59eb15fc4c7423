/* The named parameters of a model.
 * SPDX-License-Identifier: MIT */
#ifndef PL_AUTOGRAD_PARAMETERS_H
#define PL_AUTOGRAD_PARAMETERS_H

#include "autograd/tape.h"

/* How a parameter starts. */
enum pl_init {
    PL_INIT_NORMAL,     /* N(0, deviation^2) */
    PL_INIT_INPUTS,     /* N(0, deviation^2 / n) for outputs, dims[0], of n inputs each */
    PL_INIT_ZERO,       /* 0 */
    PL_INIT_ONE,        /* 1 */
    PL_INIT_DECAY,      /* A_log of a decay gate: ln of uniform (0, 16) */
    PL_INIT_STEP,       /* dt_bias of a decay gate: softplus(it) is log-uniform in [0.001, 0.1] */
    PL_INIT_HALF_LIVES, /* dt_bias of a decay gate whose A is 1: head i of n forgets half in
                           half_life^(1 - i / n) tokens */
    PL_INIT_EYE,        /* identities, of the last two axes, cut to their sizes */
    PL_INIT_TENTH,      /* ln(0.1 / 0.9): a sigmoid of 0.1 */
    PL_INIT_FAN_IN      /* uniform in +-1 / sqrt(last axis) */
};

struct pl_parameter {
    const char *name; /* its record's name in a model stream: "layers.0.attn.q_proj.weight" */
    enum pl_init init;
    double half_life; /* of PL_INIT_HALF_LIVES */
    bool frozen;      /* has no gradient and is not trained */
    struct pl_variable variable;
};

struct pl_parameters {
    struct pl_arena arena;
    struct pl_parameter **items; /* in the order they were declared */
    size_t count, room;
    int64_t elements; /* of all together */
};

#define PL_DIMS(...) ((const int64_t[]){__VA_ARGS__, 0})

/* Declares one; the returned variable stays where it is and has no values yet.  dims end at the
 * first 0 ("256, 64, 0").  NULL with a failure, PL_BAD_DATA for a name declared twice. */
struct pl_variable *pl_parameter_add(struct pl_context *context, struct pl_parameters *parameters,
                                     enum pl_init init, const int64_t *dims, const char *format,
                                     ...) PL_PRINTF(5, 6) PL_MUST_CHECK;

/* The same for one that starts otherwise than its kind alone says, or is frozen: of `like`, init,
 * half_life and frozen count. */
struct pl_variable *pl_parameter_add_like(struct pl_context *context,
                                          struct pl_parameters *parameters,
                                          const struct pl_parameter *like, const int64_t *dims,
                                          const char *format, ...) PL_PRINTF(5, 6) PL_MUST_CHECK;

/* Gives all that have none their values, zeroed: memory is taken here, once it is known that the
 * shapes are those of a file, or wanted. */
enum pl_status pl_parameters_values(struct pl_context *context,
                                    struct pl_parameters *parameters) PL_MUST_CHECK;

/* The same, then fills all from random streams keyed by (seed, name).  deviation: of
 * PL_INIT_NORMAL. */
enum pl_status pl_parameters_start(struct pl_context *context, struct pl_parameters *parameters,
                                   uint64_t seed, double deviation) PL_MUST_CHECK;

/* The same for one of them. */
enum pl_status pl_parameter_start(struct pl_context *context, struct pl_parameters *parameters,
                                  struct pl_parameter *parameter, uint64_t seed,
                                  double deviation) PL_MUST_CHECK;

/* Gives every parameter that is not frozen its gradient, zeroed; _clear zeroes them again. */
enum pl_status pl_parameters_gradients(struct pl_context *context,
                                       struct pl_parameters *parameters) PL_MUST_CHECK;
void pl_parameters_clear(struct pl_parameters *parameters);

/* NULL when there is none. */
struct pl_parameter *pl_parameter_find(const struct pl_parameters *parameters, const char *name);

void pl_parameters_release(struct pl_parameters *parameters);

#endif
