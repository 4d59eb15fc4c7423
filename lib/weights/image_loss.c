/* A classifier of pictures as a loss of its parameters.
 * SPDX-License-Identifier: MIT */
#include "weights/image_loss.h"

#include <string.h>

#include "autograd/ops.h"
#include "models/image_score.h"
#include "tensor/real.h"

enum { BATCH = 250 }; /* pictures that go through the net together */

int64_t pl_image_flat_count(const struct pl_image_net *net)
{
    return net->parameters.elements;
}

void pl_image_flatten(const struct pl_image_net *net, pl_real *flat)
{
    for (size_t i = 0; i < net->parameters.count; i++) {
        const struct pl_variable *variable = &net->parameters.items[i]->variable;
        memcpy(flat, variable->value, (size_t)variable->count * sizeof *flat);
        flat += variable->count;
    }
}

void pl_image_unflatten(const pl_real *flat, struct pl_image_net *net)
{
    for (size_t i = 0; i < net->parameters.count; i++) {
        struct pl_variable *variable = &net->parameters.items[i]->variable;
        memcpy(variable->value, flat, (size_t)variable->count * sizeof *flat);
        flat += variable->count;
    }
}

static void take_gradient(const struct pl_image_net *net, pl_real *flat)
{
    for (size_t i = 0; i < net->parameters.count; i++) {
        const struct pl_variable *variable = &net->parameters.items[i]->variable;
        if (variable->gradient)
            memcpy(flat, variable->gradient, (size_t)variable->count * sizeof *flat);
        else
            memset(flat, 0, (size_t)variable->count * sizeof *flat);
        flat += variable->count;
    }
}

/* One batch; its share in the mean goes back with the gradient. */
static enum pl_status add_batch(struct pl_image_pass *pass, const struct pl_image_loss *image,
                                int64_t first, int64_t count, double *nats, int64_t *right)
{
    struct pl_head_score score = {0};
    struct pl_variable *logits = pl_image_logits(pass, image->pictures, first, count);
    struct pl_variable *mean =
        logits ? pl_op_class_loss(pass->tape, logits, image->pictures->labels + first, &score)
               : NULL;
    if (!mean)
        return pass->tape->context->status;
    *nats += score.nats;
    *right += score.right;
    if (!pass->tape->recording)
        return PL_OK;
    return pl_tape_backward(pass->tape, mean, (pl_real)((double)count / (double)image->count));
}

enum pl_status pl_image_loss_here(struct pl_context *context, const struct pl_image_loss *image,
                                  bool gradient, double *loss, double *right)
{
    struct pl_tape tape = {.context = context, .recording = gradient};
    struct pl_image_pass pass = {.tape = &tape, .net = image->net};
    double nats = 0;
    int64_t hits = 0;
    enum pl_status status = PL_OK;
    for (int64_t done = 0; done < image->count && !status; done += BATCH) {
        const int64_t left = image->count - done;
        status =
            add_batch(&pass, image, image->first + done, left < BATCH ? left : BATCH, &nats, &hits);
        pl_tape_reset(&tape);
    }
    pl_tape_release(&tape);
    *loss = nats / (double)image->count;
    if (right)
        *right = (double)hits / (double)image->count;
    return status;
}

enum pl_status pl_image_settle(struct pl_context *context, const struct pl_image_loss *image,
                               const pl_real *theta)
{
    pl_image_unflatten(theta, image->net);
    if (!image->reset || !pl_image_has_statistics(image->net))
        return PL_OK;
    return pl_image_reset_norms(context, image->net, image->pictures, image->count);
}

enum pl_status pl_image_loss(struct pl_context *context, void *user, const pl_real *theta,
                             double *loss, double *right, pl_real *gradient)
{
    const struct pl_image_loss *image = user;
    enum pl_status status = pl_image_settle(context, image, theta);
    if (gradient && !status) {
        status = pl_parameters_gradients(context, &image->net->parameters);
        if (!status)
            pl_parameters_clear(&image->net->parameters);
    }
    if (!status)
        status = pl_image_loss_here(context, image, gradient != NULL, loss, right);
    if (gradient && !status)
        take_gradient(image->net, gradient);
    return status;
}

bool pl_image_has_statistics(const struct pl_image_net *net)
{
    for (size_t i = 0; i < net->parameters.count; i++)
        if (net->parameters.items[i]->frozen)
            return true;
    return false;
}

/* In a training pass a norm moves its averages by `momentum` towards the batch: with the batch's
 * share of all that came so far, they are the averages over all. */
enum pl_status pl_image_reset_norms(struct pl_context *context, struct pl_image_net *net,
                                    const struct pl_pictures *pictures, int64_t count)
{
    struct pl_tape tape = {.context = context};
    struct pl_image_pass pass = {.tape = &tape, .net = net};
    enum pl_status status = PL_OK;
    for (int64_t done = 0; done < count && !status; done += BATCH) {
        const int64_t left = count - done, batch = left < BATCH ? left : BATCH;
        pass.momentum = (double)batch / (double)(done + batch);
        if (!pl_image_logits(&pass, pictures, done, batch))
            status = context->status;
        pl_tape_reset(&tape);
    }
    pl_tape_release(&tape);
    return status;
}
