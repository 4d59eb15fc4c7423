/* The loss that keeps all memories of a router in use.
 * SPDX-License-Identifier: MIT
 *
 * With F_m the number of choices of memory m by N tokens, divided by N, and P the softmax of the
 * logits: loss = M sum_m F_m mean_t P_tm, and back, F held constant,
 *
 *     d logit_tm = M / N P_tm (F_m - sum_n F_n P_tn). */
#include "nn/route.h"

#include "autograd/kernels.h"

struct balance {
    struct pl_variable **logits, *out;
    int64_t layers, memories, top;
    bool by_layer;
    double scale;  /* of the loss of a group: of all layers, or of one */
    double *share; /* [layers, memories]: F of the layer's group */
};

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

/* Adds 1 for each of the `top` largest; ties go to the lower place, as they do in routing. */
static void count_choice(const pl_real *logits, int64_t memories, int64_t top, double *share)
{
    for (int64_t m = 0; m < memories; m++) {
        int64_t before = 0;
        for (int64_t n = 0; n < memories; n++)
            before += logits[n] > logits[m] || (logits[n] == logits[m] && n < m);
        share[m] += before < top;
    }
}

/* Tokens of the layer's group. */
static double group_tokens(const struct balance *balance, int64_t layer)
{
    double count = 0;
    for (int64_t l = 0; l < balance->layers; l++)
        if (!balance->by_layer || l == layer)
            count += (double)pl_variable_rows(balance->logits[l]);
    return fmax(count, 1);
}

/* Fills share, with mean [layers, memories] as the sums of P. */
static void add_up(const struct balance *balance, double *mean, double *p)
{
    int64_t memories = balance->memories;
    for (int64_t l = 0; l < balance->layers; l++) {
        const struct pl_variable *logits = balance->logits[l];
        int64_t group = balance->by_layer ? l : 0;
        for (int64_t i = 0; i < logits->count; i += memories) {
            count_choice(logits->value + i, memories, balance->top,
                         balance->share + group * memories);
            soften(logits->value + i, memories, p);
            for (int64_t m = 0; m < memories; m++)
                mean[group * memories + m] += p[m];
        }
    }
}

static enum pl_status balance_back(struct pl_tape *tape, void *saved)
{
    const struct balance *balance = saved;
    int64_t memories = balance->memories;
    double *p = pl_tape_take(tape, memories, sizeof *p);
    if (!p)
        return tape->context->status;
    for (int64_t l = 0; l < balance->layers; l++) {
        struct pl_variable *logits = balance->logits[l];
        const double *share = balance->share + (balance->by_layer ? l : 0) * memories;
        double factor = (double)balance->out->gradient[0] * balance->scale * (double)memories /
                        group_tokens(balance, l);
        for (int64_t i = 0; logits->gradient && i < logits->count; i += memories) {
            double sum = 0;
            soften(logits->value + i, memories, p);
            for (int64_t m = 0; m < memories; m++)
                sum += share[m] * p[m];
            for (int64_t m = 0; m < memories; m++)
                logits->gradient[i + m] += (pl_real)(factor * p[m] * (share[m] - sum));
        }
    }
    return PL_OK;
}

struct pl_variable *pl_op_balance(struct pl_tape *tape, struct pl_variable *const *logits,
                                  int64_t layers, int64_t top, bool by_layer, double scale)
{
    bool gradient = false;
    for (int64_t l = 0; l < layers; l++) {
        if (!logits[l])
            return NULL;
        gradient = gradient || logits[l]->gradient;
    }
    int64_t memories = pl_variable_width(logits[0]), groups = by_layer ? layers : 1;
    struct balance balance = {.layers = layers,
                              .memories = memories,
                              .top = top,
                              .by_layer = by_layer,
                              .scale = scale / (double)groups};
    double *mean = pl_tape_new(tape, groups * memories, sizeof *mean), total = 0;
    double *p = pl_tape_take(tape, memories, sizeof *p);
    balance.share = pl_tape_new(tape, groups * memories, sizeof *balance.share);
    balance.logits = pl_tape_take(tape, layers, sizeof *balance.logits);
    balance.out = pl_tape_matrix(tape, gradient, 1, 1);
    if (!mean || !p || !balance.share || !balance.logits || !balance.out)
        return NULL;
    memcpy(balance.logits, logits, (size_t)layers * sizeof *balance.logits);
    add_up(&balance, mean, p);
    for (int64_t i = 0; i < groups * memories; i++) {
        double tokens = group_tokens(&balance, i / memories);
        balance.share[i] /= tokens;
        total += (double)memories * balance.share[i] * mean[i] / tokens;
    }
    balance.out->value[0] = (pl_real)(balance.scale * total);
    if (balance.out->gradient && pl_tape_note(tape, balance_back, &balance, sizeof balance))
        return NULL;
    return balance.out;
}
