/* The loss that keeps all memories of a router in use.
 * SPDX-License-Identifier: MIT
 *
 * With F_m the number of choices of memory m by N tokens, divided by N, and P the softmax of the
 * logits: loss = M sum_m F_m mean_t P_tm, and back, F held constant,
 *
 *     d logit_tm = M / N P_tm (F_m - sum_n F_n P_tn).
 *
 * The choices are counted as the routes have them, so that what is balanced is what happened.  P
 * costs M exponentials a token; blocks of tokens keep their sums of it, which are joined in their
 * order, and make it again on the way back. */
#include "nn/route.h"

#include "autograd/kernels.h"

struct balance {
    const struct pl_route *routes; /* [layers] */
    struct pl_variable *out;
    int64_t layers, groups; /* groups: as many, or 1, all layers together */
    int64_t tokens, memories, top;
    int64_t block, blocks; /* tokens of a block, blocks of a layer */
    double scale;          /* of the loss of a group */
    double *share;         /* [groups, memories]: F */
    double *sums;          /* [layers blocks, memories]: of P over a block; forward only */
    double *p;             /* [slots, memories] */
};

static int64_t group_of(const struct balance *balance, int64_t layer)
{
    return balance->groups > 1 ? layer : 0;
}

/* Tokens of a group. */
static double group_tokens(const struct balance *balance)
{
    return fmax((double)(balance->layers / balance->groups * balance->tokens), 1);
}

/* softmax in double */
static void soften(const pl_real *logits, int64_t count, double *p)
{
    double largest = (double)logits[0], sum = 0;
    for (int64_t m = 1; m < count; m++)
        largest = fmax(largest, (double)logits[m]);
    for (int64_t m = 0; m < count; m++)
        sum += p[m] = exp((double)logits[m] - largest);
    for (int64_t m = 0; m < count; m++)
        p[m] /= sum;
}

static void count_choices(const struct balance *balance)
{
    for (int64_t l = 0; l < balance->layers; l++) {
        double *share = balance->share + group_of(balance, l) * balance->memories;
        for (int64_t i = 0; i < balance->tokens * balance->top; i++)
            share[balance->routes[l].chosen[i]]++;
    }
    for (int64_t i = 0; i < balance->groups * balance->memories; i++)
        balance->share[i] /= group_tokens(balance);
}

static enum pl_status sum_block(struct pl_context *context, void *job, int64_t item)
{
    const struct balance *balance = job;
    const struct pl_variable *logits = balance->routes[item / balance->blocks].logits;
    struct pl_span span = pl_block_span(item % balance->blocks, balance->block, balance->tokens);
    int64_t memories = balance->memories;
    double *sums = balance->sums + item * memories, *p = balance->p + context->slot * memories;
    for (int64_t t = span.begin; t < span.end; t++) {
        soften(logits->value + t * memories, memories, p);
        for (int64_t m = 0; m < memories; m++)
            sums[m] += p[m];
    }
    return PL_OK;
}

static enum pl_status back_block(struct pl_context *context, void *job, int64_t item)
{
    const struct balance *balance = job;
    int64_t memories = balance->memories, layer = item / balance->blocks;
    const struct pl_variable *logits = balance->routes[layer].logits;
    struct pl_span span = pl_block_span(item % balance->blocks, balance->block, balance->tokens);
    const double *share = balance->share + group_of(balance, layer) * memories;
    double *p = balance->p + context->slot * memories;
    double factor = (double)balance->out->gradient[0] * balance->scale * (double)memories /
                    group_tokens(balance);
    for (int64_t t = span.begin; logits->gradient && t < span.end; t++) {
        pl_real *d_logits = logits->gradient + t * memories;
        double sum = 0;
        soften(logits->value + t * memories, memories, p);
        for (int64_t m = 0; m < memories; m++)
            sum += share[m] * p[m];
        for (int64_t m = 0; m < memories; m++)
            d_logits[m] += (pl_real)(factor * p[m] * (share[m] - sum));
    }
    return PL_OK;
}

static enum pl_status run(struct pl_tape *tape, struct balance *balance, pl_block_fn *block)
{
    balance->p = pl_tape_take(tape, pl_parallel_threads(tape->context) * balance->memories,
                              sizeof *balance->p);
    if (!balance->p)
        return tape->context->status;
    return pl_parallel(tape->context, balance->layers * balance->blocks, block, balance);
}

static enum pl_status balance_back(struct pl_tape *tape, void *saved)
{
    return run(tape, saved, back_block);
}

/* The loss of all groups, from the sums of the blocks. */
static double add_up(const struct balance *balance)
{
    int64_t memories = balance->memories;
    double total = 0;
    for (int64_t i = 0; i < balance->layers * balance->blocks; i++) {
        int64_t group = group_of(balance, i / balance->blocks);
        for (int64_t m = 0; m < memories; m++)
            total += balance->share[group * memories + m] * balance->sums[i * memories + m];
    }
    return balance->scale * (double)memories * total / group_tokens(balance);
}

struct pl_variable *pl_op_balance(struct pl_tape *tape, const struct pl_route *routes,
                                  int64_t layers, bool by_layer, double scale)
{
    bool gradient = false;
    for (int64_t l = 0; l < layers; l++)
        gradient = gradient || routes[l].logits->gradient;
    struct balance balance = {.routes = routes,
                              .layers = layers,
                              .groups = by_layer ? layers : 1,
                              .tokens = routes[0].tokens,
                              .memories = routes[0].memories,
                              .top = routes[0].top};
    balance.scale = scale / (double)balance.groups;
    balance.block = pl_block_rows(balance.memories);
    balance.blocks = pl_block_count(balance.tokens, balance.block);
    balance.share = pl_tape_new(tape, balance.groups * balance.memories, sizeof *balance.share);
    balance.sums =
        pl_tape_new(tape, layers * balance.blocks * balance.memories, sizeof *balance.sums);
    balance.out = pl_tape_matrix(tape, gradient, 1, 1);
    if (!balance.share || !balance.sums || !balance.out)
        return NULL;
    count_choices(&balance);
    if (run(tape, &balance, sum_block))
        return NULL;
    balance.out->value[0] = (pl_real)add_up(&balance);
    if (balance.out->gradient && pl_tape_note(tape, balance_back, &balance, sizeof balance))
        return NULL;
    return balance.out;
}
