/* Routing tokens to memories.
 * SPDX-License-Identifier: MIT
 *
 * A counting sort by (memory, sequence): tokens are counted, the counts are summed to where each
 * sequence starts, and then each token takes the next row of its memories' sequences.  Tokens come
 * in time order and stay in it.  The place of a token in each of its memories is kept, so that
 * both ways over, out to the memories and back, a token reads and writes rows of its own: no two
 * threads write to one row, and sums run in the order of the choice. */
#include "nn/route.h"

#include "autograd/kernels.h"

/* ---- the choice */

/* The memories of the `top` largest logits, largest first; false when one is not finite. */
static bool choose(const pl_real *logits, int64_t memories, int64_t top, int32_t *chosen)
{
    int64_t count = 0;
    for (int64_t m = 0; m < memories; m++) {
        if (!isfinite(logits[m]))
            return false;
        int64_t at = count;
        while (at > 0 && logits[m] > logits[chosen[at - 1]])
            at--;
        if (at == top)
            continue;
        count += count < top;
        memmove(chosen + at + 1, chosen + at, (size_t)(count - 1 - at) * sizeof *chosen);
        chosen[at] = (int32_t)m;
    }
    return true;
}

/* softmax over the chosen logits; the first is the largest */
static void weigh(const pl_real *logits, const int32_t *chosen, int64_t top, pl_real *weights)
{
    pl_real sum = 0;
    for (int64_t j = 0; j < top; j++)
        sum += weights[j] = pl_real_exp(logits[chosen[j]] - logits[chosen[0]]);
    for (int64_t j = 0; j < top; j++)
        weights[j] /= sum;
}

/* d logit_j = w_j (d w_j - sum_i w_i d w_i), of the chosen */
static enum pl_status route_back(struct pl_tape *tape, void *saved)
{
    const struct pl_route *route = saved;
    (void)tape;
    for (int64_t t = 0; t < route->tokens; t++) {
        const pl_real *w = route->weights->value + t * route->top;
        const pl_real *dw = route->weights->gradient + t * route->top;
        pl_real *d_logits = route->logits->gradient + t * route->memories, sum = 0;
        for (int64_t j = 0; j < route->top; j++)
            sum += w[j] * dw[j];
        for (int64_t j = 0; j < route->top; j++)
            d_logits[route->chosen[t * route->top + j]] += w[j] * (dw[j] - sum);
    }
    return PL_OK;
}

/* Memory for a route of these tokens.  *starts: of its rows, zeroed. */
static enum pl_status make_room(struct pl_tape *tape, struct pl_route *route, int64_t sequences,
                                bool gradient, int64_t **starts)
{
    int64_t pairs = route->tokens * route->top, count = route->memories * sequences;
    route->chosen = pl_tape_take(tape, pairs, sizeof *route->chosen);
    route->place = pl_tape_take(tape, pairs, sizeof *route->place);
    route->weights = pl_tape_matrix(tape, gradient, route->tokens, route->top);
    *starts = pl_tape_new(tape, count + 2, sizeof **starts);
    if (!route->chosen || !route->place || !route->weights || !*starts)
        return tape->context->status;
    route->rows = (struct pl_rows){count, *starts};
    return PL_OK;
}

/* Gives every token its rows.  starts[i + 2] counts sequence i, then starts[i + 1] is where it
 * starts, and, counted up by each of its tokens, where it ends: where sequence i + 1 starts. */
static void sort(struct pl_route *route, const struct pl_rows *rows, int64_t *starts)
{
    for (int64_t s = 0; s < rows->count; s++)
        for (int64_t i = rows->starts[s] * route->top; i < rows->starts[s + 1] * route->top; i++)
            starts[route->chosen[i] * rows->count + s + 2]++;
    for (int64_t i = 0; i < route->rows.count; i++)
        starts[i + 1] += starts[i];
    for (int64_t s = 0; s < rows->count; s++)
        for (int64_t i = rows->starts[s] * route->top; i < rows->starts[s + 1] * route->top; i++)
            route->place[i] = starts[route->chosen[i] * rows->count + s + 1]++;
}

enum pl_status pl_op_route(struct pl_tape *tape, struct pl_variable *logits,
                           const struct pl_rows *rows, int64_t top, struct pl_route *route)
{
    if (!logits)
        return tape->context->status;
    int64_t *starts;
    *route = (struct pl_route){.logits = logits,
                               .tokens = pl_variable_rows(logits),
                               .memories = pl_variable_width(logits),
                               .top = top};
    if (make_room(tape, route, rows->count, logits->gradient, &starts))
        return tape->context->status;
    for (int64_t t = 0; t < route->tokens; t++) {
        const pl_real *row = logits->value + t * route->memories;
        int32_t *chosen = route->chosen + t * top;
        if (!choose(row, route->memories, top, chosen))
            return pl_fail(tape->context, PL_NUMERIC,
                           "router: the logits of token %lld are not finite", (long long)t);
        weigh(row, chosen, top, route->weights->value + t * top);
    }
    sort(route, rows, starts);
    return route->weights->gradient ? pl_tape_note(tape, route_back, route, sizeof *route) : PL_OK;
}

/* ---- out to the memories, and back */

struct gather {
    struct pl_route route;
    struct pl_variable *x, *out;
    int64_t width, block;
};

static enum pl_status gather_block(struct pl_context *context, void *job, int64_t item)
{
    const struct gather *gather = job;
    const struct pl_route *route = &gather->route;
    struct pl_span span = pl_block_span(item, gather->block, route->tokens);
    int64_t width = gather->width;
    (void)context;
    for (int64_t t = span.begin; t < span.end; t++)
        for (int64_t i = t * route->top; i < (t + 1) * route->top; i++)
            memcpy(gather->out->value + route->place[i] * width, gather->x->value + t * width,
                   (size_t)width * sizeof(pl_real));
    return PL_OK;
}

static enum pl_status return_block(struct pl_context *context, void *job, int64_t item)
{
    const struct gather *gather = job;
    const struct pl_route *route = &gather->route;
    struct pl_span span = pl_block_span(item, gather->block, route->tokens);
    int64_t width = gather->width;
    (void)context;
    for (int64_t t = span.begin; t < span.end; t++)
        for (int64_t i = t * route->top; i < (t + 1) * route->top; i++)
            pl_real_add_scaled(width, 1, gather->out->gradient + route->place[i] * width,
                               gather->x->gradient + t * width);
    return PL_OK;
}

static enum pl_status gather_back(struct pl_tape *tape, void *saved)
{
    struct gather *gather = saved;
    return pl_parallel(tape->context, pl_block_count(gather->route.tokens, gather->block),
                       return_block, gather);
}

struct pl_variable *pl_op_gather(struct pl_tape *tape, const struct pl_route *route,
                                 struct pl_variable *x)
{
    if (!x)
        return NULL;
    struct gather gather = {.route = *route, .x = x, .width = pl_variable_width(x)};
    gather.block = pl_block_rows(gather.width);
    gather.out = pl_tape_matrix(tape, x->gradient, route->tokens * route->top, gather.width);
    if (!gather.out ||
        pl_parallel(tape->context, pl_block_count(route->tokens, gather.block), gather_block,
                    &gather) ||
        (gather.out->gradient && pl_tape_note(tape, gather_back, &gather, sizeof gather)))
        return NULL;
    return gather.out;
}

struct combine {
    struct pl_route route;
    struct pl_variable *o, *base, *out;
    int64_t width, block;
};

static enum pl_status combine_block(struct pl_context *context, void *job, int64_t item)
{
    const struct combine *combine = job;
    const struct pl_route *route = &combine->route;
    struct pl_span span = pl_block_span(item, combine->block, route->tokens);
    int64_t width = combine->width;
    size_t size = (size_t)width * sizeof(pl_real);
    (void)context;
    for (int64_t t = span.begin; t < span.end; t++) {
        pl_real *out = combine->out->value + t * width;
        if (combine->base)
            memcpy(out, combine->base->value + t * width, size);
        else
            memset(out, 0, size);
        for (int64_t i = t * route->top; i < (t + 1) * route->top; i++)
            pl_real_add_scaled(width, route->weights->value[i],
                               combine->o->value + route->place[i] * width, out);
    }
    return PL_OK;
}

PL_CLONES static pl_real dot(int64_t count, const pl_real *a, const pl_real *b)
{
    return (pl_real)pl_real_dot(count, a, b);
}

static enum pl_status spread_block(struct pl_context *context, void *job, int64_t item)
{
    const struct combine *combine = job;
    const struct pl_route *route = &combine->route;
    struct pl_span span = pl_block_span(item, combine->block, route->tokens);
    int64_t width = combine->width;
    (void)context;
    for (int64_t t = span.begin; t < span.end; t++) {
        const pl_real *d_out = combine->out->gradient + t * width;
        if (combine->base && combine->base->gradient)
            pl_real_add_scaled(width, 1, d_out, combine->base->gradient + t * width);
        for (int64_t i = t * route->top; i < (t + 1) * route->top; i++) {
            int64_t row = route->place[i] * width;
            if (combine->o->gradient)
                pl_real_add_scaled(width, route->weights->value[i], d_out,
                                   combine->o->gradient + row);
            if (route->weights->gradient)
                route->weights->gradient[i] += dot(width, d_out, combine->o->value + row);
        }
    }
    return PL_OK;
}

static enum pl_status combine_back(struct pl_tape *tape, void *saved)
{
    struct combine *combine = saved;
    return pl_parallel(tape->context, pl_block_count(combine->route.tokens, combine->block),
                       spread_block, combine);
}

struct pl_variable *pl_op_combine(struct pl_tape *tape, const struct pl_route *route,
                                  struct pl_variable *o, struct pl_variable *base)
{
    if (!o)
        return NULL;
    bool gradient = route->weights->gradient || o->gradient || (base && base->gradient);
    struct combine combine = {.route = *route, .o = o, .base = base, .width = pl_variable_width(o)};
    combine.block = pl_block_rows(combine.width);
    combine.out = pl_tape_matrix(tape, gradient, route->tokens, combine.width);
    if (!combine.out ||
        pl_parallel(tape->context, pl_block_count(route->tokens, combine.block), combine_block,
                    &combine) ||
        (combine.out->gradient && pl_tape_note(tape, combine_back, &combine, sizeof combine)))
        return NULL;
    return combine.out;
}
