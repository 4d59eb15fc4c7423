/* What training a codebook takes: operations and memory.
 * SPDX-License-Identifier: MIT
 *
 * A product and a sum count as two operations.  Only products of matrices are counted: the search,
 * the map over the basis and what goes back through it, and the layers three times, for their
 * values and for the gradients of both sides. */
#include "quantize/coder.h"
#include "quantize/vq.h"

/* Copies of a codebook that training holds, with gradients, moments, averages or the basis; and of
 * the layers around it, with gradients and moments. */
enum { CODE_COPIES = 5, LAYER_COPIES = 4 };

static double parameter_bytes(const struct pl_vq *vq)
{
    const struct pl_vq_options *options = &vq->options;
    double codes = (double)options->codes * (double)options->dim * (double)options->levels;
    double layers = (double)vq->parameters.elements - (vq->basis ? 2 : 1) * codes;
    return (CODE_COPIES * codes + LAYER_COPIES * layers) * (double)sizeof(pl_real);
}

void pl_vq_cost(const struct pl_vq *vq, int64_t count, struct pl_vq_cost *cost)
{
    const struct pl_vq_options *options = &vq->options;
    double size = (double)vq->size, real = (double)sizeof(pl_real);
    double codes = (double)options->codes, dim = (double)options->dim, rows = (double)count;
    double levels = (double)options->levels, places = (double)pl_vq_places(vq);
    double steps = (double)pl_vq_steps(options), batch = (double)options->batch, layers, numbers;
    double search = 2 * codes * (dim + 1) * levels * places; /* for one vector */
    bool kmeans = options->method == PL_VQ_KMEANS;
    pl_vq_layers_cost(&vq->layers, &layers, &numbers);
    *cost = (struct pl_vq_cost){
        .steps = pl_vq_steps(options) * (kmeans ? options->levels : 1),
        .passes = kmeans ? steps * levels : steps * batch / rows,
        .work = steps * (kmeans ? rows : batch) * search,
        .bytes = parameter_bytes(vq) + rows * size * real,
    };
    if (vq->basis) /* there, back to the map, and back to the basis */
        cost->work += steps * (options->both ? 3 : 2) * 2 * codes * dim * dim * levels;
    cost->work += 3 * steps * batch * layers + rows * (search + layers);
    if (kmeans) /* what is left over at a level */
        cost->bytes += rows * size * real;
    else /* values and gradients; what goes in, z, q and what is left over */
        cost->bytes += batch * (2 * numbers + 2 * size + 4 * places * dim * levels) * real;
    cost->bytes += (double)pl_coder_most(vq) * (numbers + 2 * size + 2 * places * dim) * real;
}
