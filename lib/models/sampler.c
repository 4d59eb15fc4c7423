/* Drawing a token from logits: see sampler.h.
 * SPDX-License-Identifier: MIT */
#include "models/sampler.h"

#include <stdlib.h>

#include "autograd/kernels.h"

/* Below this temperature logits a rounding apart have no chance beside each other. */
#define COLD 1e-6

enum pl_status pl_sampler_init(struct pl_context *context, struct pl_sampler *sampler,
                               const struct pl_sampling *sampling, int64_t vocabulary,
                               const bool *drawable)
{
    *sampler =
        (struct pl_sampler){.sampling = *sampling, .vocabulary = vocabulary, .drawable = drawable};
    sampler->rng = pl_rng_init(sampling->seed, "generate");
    sampler->weights = pl_new(context, (size_t)vocabulary, sizeof *sampler->weights);
    sampler->order = pl_new(context, (size_t)vocabulary, sizeof *sampler->order);
    return sampler->weights && sampler->order ? PL_OK : context->status;
}

void pl_sampler_release(struct pl_sampler *sampler)
{
    free(sampler->weights);
    free(sampler->order);
    *sampler = (struct pl_sampler){0};
}

static bool is_drawable(const struct pl_sampler *sampler, int64_t id)
{
    return !sampler->drawable || sampler->drawable[id];
}

static int32_t largest(const struct pl_sampler *sampler, const pl_real *logits)
{
    int64_t best = -1;
    for (int64_t i = 0; i < sampler->vocabulary; i++)
        if (is_drawable(sampler, i) && (best < 0 || logits[i] > logits[best]))
            best = i;
    return (int32_t)best;
}

/* Weights e^((z - largest) / temperature); gives their sum. */
PL_CLONES static double weigh(int64_t count, const pl_real *restrict logits, pl_real top,
                              pl_real scale, pl_real *restrict weights)
{
    for (int64_t i = 0; i < count; i++)
        weights[i] = pl_real_exp((logits[i] - top) * scale);
    return pl_real_sum(count, weights);
}

/* The same without those that may not be drawn, which may have been the larger ones. */
static double weigh_drawable(struct pl_sampler *sampler, const pl_real *logits)
{
    const int64_t vocabulary = sampler->vocabulary;
    const pl_real top = logits[largest(sampler, logits)];
    double sum = weigh(vocabulary, logits, top, (pl_real)(1 / sampler->sampling.temperature),
                       sampler->weights);
    if (!sampler->drawable)
        return sum;
    for (int64_t i = 0; i < vocabulary; i++)
        sampler->weights[i] = is_drawable(sampler, i) ? sampler->weights[i] : 0;
    return pl_real_sum(vocabulary, sampler->weights);
}

/* ---- The heap: its top is the most probable id in it */

static bool before(const struct pl_sampler *sampler, int32_t a, int32_t b)
{
    const pl_real *weights = sampler->weights;
    return weights[a] > weights[b] || (weights[a] == weights[b] && a < b);
}

static void sift(struct pl_sampler *sampler, int64_t at, int64_t count)
{
    int32_t *heap = sampler->order, id = heap[at];
    for (int64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && before(sampler, heap[child + 1], heap[child]))
            child++;
        if (!before(sampler, heap[child], id))
            break;
        heap[at] = heap[child];
    }
    heap[at] = id;
}

/* Takes out ids until there are `most`, or their weights sum up to `enough`: how many.  The i-th of
 * them stands at order[vocabulary - 1 - i]. */
static int64_t take_out(struct pl_sampler *sampler, int64_t most, double enough, double *sum)
{
    int64_t left = sampler->vocabulary, taken = 0;
    for (int64_t i = 0; i < left; i++)
        sampler->order[i] = (int32_t)i;
    for (int64_t i = left / 2; i-- > 0;)
        sift(sampler, i, left);
    for (*sum = 0; taken < most && *sum < enough; taken++) {
        int32_t id = sampler->order[0];
        sampler->order[0] = sampler->order[--left];
        sift(sampler, 0, left);
        sampler->order[left] = id;
        *sum += (double)sampler->weights[id];
    }
    return taken;
}

/* How many of those taken out have together the share top_p of *sum, which becomes theirs. */
static int64_t nucleus(const struct pl_sampler *sampler, int64_t taken, double *sum)
{
    double enough = sampler->sampling.top_p * *sum;
    int64_t kept = 0;
    for (*sum = 0; kept < taken && *sum < enough; kept++)
        *sum += (double)sampler->weights[sampler->order[sampler->vocabulary - 1 - kept]];
    return kept;
}

int32_t pl_sampler_draw(struct pl_sampler *sampler, const pl_real *logits, int64_t position)
{
    const struct pl_sampling *sampling = &sampler->sampling;
    const int64_t vocabulary = sampler->vocabulary;
    if (sampling->temperature < COLD)
        return largest(sampler, logits);
    double sum = weigh_drawable(sampler, logits);
    int64_t count = vocabulary;
    const bool few = sampling->top_k > 0 && sampling->top_k < vocabulary;
    const bool ordered = few || sampling->top_p < 1;
    if (few) {
        count = take_out(sampler, sampling->top_k, (double)INFINITY, &sum);
        count = nucleus(sampler, count, &sum);
    } else if (ordered) {
        count = take_out(sampler, vocabulary, sampling->top_p * sum, &sum);
    }
    double left = pl_rng_uniform(&sampler->rng, (uint64_t)position) * sum;
    int64_t last = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t id = ordered ? sampler->order[vocabulary - 1 - i] : i;
        if (!(sampler->weights[id] > 0)) /* too improbable for a float: never drawn */
            continue;
        last = id;
        left -= (double)sampler->weights[id];
        if (left < 0)
            break;
    }
    return (int32_t)last;
}
