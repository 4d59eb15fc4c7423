/* Classifiers of pictures: what the kinds share.
 * SPDX-License-Identifier: MIT
 *
 *   pixels -> (pixel / 255 - mean) / std -> layers -> logits of the classes
 *
 * A kind is one file in this folder (mlp.c, cnn.c, resnet.c): its options, its parameters, its
 * forward pass, and how it knows its configuration from the shapes of weights.  The registry lists
 * them. */
#ifndef PL_MODELS_IMAGE_NET_H
#define PL_MODELS_IMAGE_NET_H

#include "autograd/ops.h"
#include "autograd/parameters.h"
#include "cli/option.h"
#include "image/pictures.h"
#include "models/registry.h"
#include "nn/image.h"

/* What all are configured by; the kind's own options follow in its struct. */
struct pl_image_options {
    int64_t classes;
    const char *mean, *deviation; /* numbers, of each channel or of all */
    int activation;               /* index into PL_IMAGE_ACTIVATIONS */
    double init;
};

struct pl_image_net; /* below */

/* One pass over some pictures. */
struct pl_image_pass {
    struct pl_tape *tape;
    const struct pl_image_net *net;
    double momentum; /* of batch norms: 0 but in training, see pl_op_batch_norm */
    /* NULL, or is shown each layer that has an activation behind it: `before` it and after.  name
     * is that of the layer's weights without ".weight", or of a residual block. */
    void (*watch)(void *user, const char *name, struct pl_variable *before,
                  struct pl_variable *after);
    void *user;
};

/* The weights of a file, before they are a model. */
struct pl_image_weights {
    const struct pl_bundle *bundle;
    struct pl_arena *arena;
    const char **settings; /* KEY=VALUE that the shapes tell */
    size_t count;
};

/* A kind of classifier.  options begins with struct pl_image_options. */
struct pl_image_kind {
    size_t options_size;
    /* Checks the configuration, fills in what the pictures say (NULL: nobody knows of any yet) and
     * declares the parameters; sets net->layers. */
    enum pl_status (*declare)(struct pl_context *context, struct pl_image_net *net,
                              const struct pl_pictures *pictures);
    /* PL_BAD_DATA when pictures of this size cannot go into the net. */
    enum pl_status (*fits)(struct pl_context *context, const struct pl_image_net *net,
                           const struct pl_pictures *pictures);
    /* x [N, H, W, C], as pl_image_input gives it -> logits [N, classes]. */
    struct pl_variable *(*forward)(struct pl_image_pass *pass, struct pl_variable *x);
    /* Adds the settings that the names and shapes of weights tell. */
    enum pl_status (*guess)(struct pl_context *context, struct pl_image_weights *weights);
    /* Names of its layers before their numbers, for weights under other names; NULL: it has none
     * such, or names that cannot be told by order. */
    const char *dense, *convolution, *norm;
};

struct pl_image_net {
    const struct pl_model_type *type;
    void *options;         /* of type->image, begins with struct pl_image_options */
    struct pl_arena arena; /* of texts that the options point to */
    struct pl_parameters parameters;
    void *layers; /* the kind's own */
};

/* Takes KEY=VALUE settings for the options of the type; unset ones keep their defaults, or what the
 * pictures say (NULL: nothing).  PL_USAGE for an unknown key or a bad value.  The parameters are
 * declared and have no values yet. */
enum pl_status pl_image_init(struct pl_context *context, struct pl_image_net *net,
                             const struct pl_model_type *type, const char *const *settings,
                             size_t count, const struct pl_pictures *pictures) PL_MUST_CHECK;
void pl_image_release(struct pl_image_net *net);

const struct pl_image_options *pl_image_options(const struct pl_image_net *net);

/* PL_BAD_DATA when the pictures, or their labels, do not suit the net. */
enum pl_status pl_image_fits(struct pl_context *context, const struct pl_image_net *net,
                             const struct pl_pictures *pictures) PL_MUST_CHECK;

/* count pictures as the net wants them, [count, H, W, C]; pixels [count, H, W, C], of the size of
 * these pictures. */
struct pl_variable *pl_image_input(struct pl_image_pass *pass, const struct pl_pictures *size,
                                   const uint8_t *pixels, int64_t count);

/* Logits [N, classes] of x [N, H, W, C]. */
struct pl_variable *pl_image_forward(struct pl_image_pass *pass, struct pl_variable *x);

/* ---- for the kinds */

enum { PL_IMAGE_LAYERS = 64 }; /* most numbers of a list */

/* The numbers of a list option "8,16,32", each at least `least`; count: how many there are.  With
 * `wanted` > 0 there must be so many, or one, which then is repeated.  PL_USAGE names the option.
 */
enum pl_status pl_image_numbers(struct pl_context *context, const char *option, const char *text,
                                int64_t least, int wanted, int64_t numbers[PL_IMAGE_LAYERS],
                                int *count) PL_MUST_CHECK;

/* One more setting, made by the format. */
enum pl_status pl_image_guess(struct pl_context *context, struct pl_image_weights *weights,
                              const char *format, ...) PL_PRINTF(3, 4) PL_MUST_CHECK;
/* One dimension of the tensors PREFIX<first>.weight to PREFIX<last - 1>.weight as a list,
 * KEY=8,16,32; 0 where there is no such dimension. */
enum pl_status pl_image_guess_list(struct pl_context *context, struct pl_image_weights *weights,
                                   const char *key, const char *prefix, int axis, int first,
                                   int last) PL_MUST_CHECK;
/* How many such tensors there are, from PREFIX0.weight on. */
int pl_image_weight_count(const struct pl_image_weights *weights, const char *prefix);

/* A dense or convolutional layer: the parameters NAME.weight and NAME.bias (bias NULL: none). */
enum pl_status pl_image_layer(struct pl_context *context, struct pl_image_net *net,
                              const int64_t *dims, struct pl_variable **weight,
                              struct pl_variable **bias, const char *name) PL_MUST_CHECK;

/* The parameters NAME.weight, .bias, .running_mean and .running_var. */
enum pl_status pl_image_norm(struct pl_context *context, struct pl_image_net *net, int64_t channels,
                             struct pl_batch_norm *norm, const char *name) PL_MUST_CHECK;

/* The activation behind a layer, shown to the pass's watch under the layer's name. */
struct pl_variable *pl_image_activate(struct pl_image_pass *pass, struct pl_variable *x,
                                      const char *format, ...) PL_PRINTF(3, 4);

#endif
