/* A classifier of pictures as a loss of its parameters, laid out one behind the other.
 * SPDX-License-Identifier: MIT */
#ifndef PL_WEIGHTS_IMAGE_LOSS_H
#define PL_WEIGHTS_IMAGE_LOSS_H

#include "models/image_net.h"

/* What is evaluated, and on what. */
struct pl_image_loss {
    struct pl_image_net *net; /* takes the parameters; its values change with every evaluation */
    const struct pl_pictures *pictures;
    int64_t first, count; /* pictures that count */
    bool reset; /* running statistics are counted anew, on the same pictures, for all parameters */
};

/* Parameters, running statistics included, in the order of the net's list: how many numbers that
 * is, and the way there and back. */
int64_t pl_image_flat_count(const struct pl_image_net *net);
void pl_image_flatten(const struct pl_image_net *net, pl_real *flat);
void pl_image_unflatten(const pl_real *flat, struct pl_image_net *net);

/* Whether there are running statistics: the parameters that training does not move by a gradient.
 */
bool pl_image_has_statistics(const struct pl_image_net *net);

/* Puts the parameters theta into the net, with its statistics as image->reset says. */
enum pl_status pl_image_settle(struct pl_context *context, const struct pl_image_loss *image,
                               const pl_real *theta) PL_MUST_CHECK;

/* Mean cross-entropy in nats, share of right answers (NULL: not asked) and the gradient (NULL: not
 * asked; that of running statistics is 0) at theta.  user: a struct pl_image_loss.  As struct
 * pl_landscape wants it; pl_blas_open first. */
enum pl_status pl_image_loss(struct pl_context *context, void *user, const pl_real *theta,
                             double *loss, double *right, pl_real *gradient) PL_MUST_CHECK;

/* The same with the parameters that the net has; the gradient stays in the net's, added up. */
enum pl_status pl_image_loss_here(struct pl_context *context, const struct pl_image_loss *image,
                                  bool gradient, double *loss, double *right) PL_MUST_CHECK;

/* Counts running means and variances of norms anew: their averages over batches of the pictures,
 * each as it comes out of the layers before with its own statistics. */
enum pl_status pl_image_reset_norms(struct pl_context *context, struct pl_image_net *net,
                                    const struct pl_pictures *pictures,
                                    int64_t count) PL_MUST_CHECK;

#endif
