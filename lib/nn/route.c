/* Routing tokens to memories.
 * SPDX-License-Identifier: MIT
 *
 * Tokens come in the order of sequences and time, so that one pass which appends each token to the
 * lists of its memories leaves every list sorted the same way: a counting sort that is stable by
 * construction.  The place of a token in each list is kept, so that combining is a gather as well:
 * each token sums the rows of its own memories, in the order of its choice, and no two threads
 * write to one row. */
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

struct routing {
    struct pl_variable *logits;
    struct pl_route route;
};

/* d logit_j = w_j (d w_j - sum_i w_i d w_i), of the chosen */
static enum pl_status route_back(struct pl_tape *tape, void *saved)
{
    const struct routing *routing = saved;
    const struct pl_route *route = &routing->route;
    (void)tape;
    for (int64_t t = 0; t < route->tokens; t++) {
        const pl_real *w = route->weights->value + t * route->top;
        const pl_real *dw = route->weights->gradient + t * route->top;
        pl_real *d_logits = routing->logits->gradient + t * route->memories, sum = 0;
        for (int64_t j = 0; j < route->top; j++)
            sum += w[j] * dw[j];
        for (int64_t j = 0; j < route->top; j++)
            d_logits[route->chosen[t * route->top + j]] += w[j] * (dw[j] - sum);
    }
    return PL_OK;
}

/* Memory for a route of these tokens; the lists are as long as they can get.  *starts: those of
 * the memories' rows, [memories, sequences + 1], zeroed. */
static enum pl_status make_room(struct pl_tape *tape, struct pl_route *route, int64_t sequences,
                                bool gradient, int64_t **starts)
{
    int64_t pairs = route->tokens * route->top;
    route->chosen = pl_tape_take(tape, pairs, sizeof *route->chosen);
    route->place = pl_tape_take(tape, pairs, sizeof *route->place);
    route->members = pl_tape_take(tape, route->memories, sizeof *route->members);
    route->rows = pl_tape_take(tape, route->memories, sizeof *route->rows);
    route->weights = pl_tape_matrix(tape, gradient, route->tokens, route->top);
    int64_t *lists = pl_tape_take(tape, route->memories * route->tokens, sizeof *lists);
    *starts = pl_tape_new(tape, route->memories * (sequences + 1), sizeof **starts);
    if (!route->chosen || !route->place || !route->members || !route->rows || !route->weights ||
        !lists || !*starts)
        return tape->context->status;
    for (int64_t m = 0; m < route->memories; m++) {
        route->members[m] = lists + m * route->tokens;
        route->rows[m] = (struct pl_rows){sequences, *starts + m * (sequences + 1)};
    }
    return PL_OK;
}

/* Appends the tokens of each sequence to the lists of the memories that they chose.  starts:
 * [memories, sequences + 1], zeroed. */
static void sort(struct pl_route *route, const struct pl_rows *rows, int64_t *starts)
{
    int64_t width = rows->count + 1;
    for (int64_t s = 0; s < rows->count; s++) {
        for (int64_t m = 0; m < route->memories; m++)
            starts[m * width + s + 1] = starts[m * width + s];
        for (int64_t t = rows->starts[s]; t < rows->starts[s + 1]; t++)
            for (int64_t j = 0; j < route->top; j++) {
                int32_t m = route->chosen[t * route->top + j];
                int64_t place = starts[m * width + s + 1]++;
                route->place[t * route->top + j] = place;
                route->members[m][place] = t;
            }
    }
}

enum pl_status pl_op_route(struct pl_tape *tape, struct pl_variable *logits,
                           const struct pl_rows *rows, int64_t top, struct pl_route *route)
{
    if (!logits)
        return tape->context->status;
    int64_t *starts;
    *route = (struct pl_route){
        .tokens = pl_variable_rows(logits), .memories = pl_variable_width(logits), .top = top};
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
    struct routing routing = {logits, *route};
    return route->weights->gradient ? pl_tape_note(tape, route_back, &routing, sizeof routing)
                                    : PL_OK;
}

/* ---- rows of the tokens of one memory */

struct gather {
    struct pl_variable *x, *out;
    const int64_t *index;
    int64_t count, width, block;
};

static enum pl_status gather_block(struct pl_context *context, void *job, int64_t item)
{
    const struct gather *gather = job;
    struct pl_span span = pl_block_span(item, gather->block, gather->count);
    (void)context;
    for (int64_t i = span.begin; i < span.end; i++)
        memcpy(gather->out->value + i * gather->width,
               gather->x->value + gather->index[i] * gather->width,
               (size_t)gather->width * sizeof(pl_real));
    return PL_OK;
}

PL_CLONES static void add_scaled(int64_t count, pl_real scale, const pl_real *restrict from,
                                 pl_real *restrict to)
{
    for (int64_t c = 0; c < count; c++)
        to[c] += scale * from[c];
}

static enum pl_status scatter_block(struct pl_context *context, void *job, int64_t item)
{
    const struct gather *gather = job;
    struct pl_span span = pl_block_span(item, gather->block, gather->count);
    (void)context;
    for (int64_t i = span.begin; i < span.end; i++)
        add_scaled(gather->width, 1, gather->out->gradient + i * gather->width,
                   gather->x->gradient + gather->index[i] * gather->width);
    return PL_OK;
}

static enum pl_status gather_back(struct pl_tape *tape, void *saved)
{
    struct gather *gather = saved;
    return pl_parallel(tape->context, pl_block_count(gather->count, gather->block), scatter_block,
                       gather);
}

struct pl_variable *pl_op_gather(struct pl_tape *tape, struct pl_variable *x, const int64_t *index,
                                 int64_t count)
{
    if (!x)
        return NULL;
    int64_t width = pl_variable_width(x);
    struct gather gather = {x,     pl_tape_matrix(tape, x->gradient, count, width),
                            index, count,
                            width, pl_block_rows(width)};
    if (!gather.out ||
        pl_parallel(tape->context, pl_block_count(count, gather.block), gather_block, &gather) ||
        (gather.out->gradient && pl_tape_note(tape, gather_back, &gather, sizeof gather)))
        return NULL;
    return gather.out;
}

/* ---- and back to the tokens */

struct combine {
    struct pl_route route;
    struct pl_variable **outputs, *base, *out;
    int64_t width, block;
};

/* Where what memory j of the token gives stands in its output. */
static int64_t row_of(const struct combine *combine, int64_t pair)
{
    return combine->route.place[pair] * combine->width;
}

static enum pl_status combine_block(struct pl_context *context, void *job, int64_t item)
{
    const struct combine *combine = job;
    const struct pl_route *route = &combine->route;
    struct pl_span span = pl_block_span(item, combine->block, route->tokens);
    size_t size = (size_t)combine->width * sizeof(pl_real);
    (void)context;
    for (int64_t t = span.begin; t < span.end; t++) {
        pl_real *out = combine->out->value + t * combine->width;
        if (combine->base)
            memcpy(out, combine->base->value + t * combine->width, size);
        else
            memset(out, 0, size);
        for (int64_t i = t * route->top; i < (t + 1) * route->top; i++)
            add_scaled(combine->width, route->weights->value[i],
                       combine->outputs[route->chosen[i]]->value + row_of(combine, i), out);
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
            add_scaled(width, 1, d_out, combine->base->gradient + t * width);
        for (int64_t i = t * route->top; i < (t + 1) * route->top; i++) {
            struct pl_variable *output = combine->outputs[route->chosen[i]];
            int64_t row = row_of(combine, i);
            if (output->gradient)
                add_scaled(width, route->weights->value[i], d_out, output->gradient + row);
            if (route->weights->gradient)
                route->weights->gradient[i] += dot(width, d_out, output->value + row);
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
                                  struct pl_variable *const *outputs, struct pl_variable *base)
{
    bool gradient = route->weights->gradient || (base && base->gradient);
    for (int64_t m = 0; m < route->memories; m++) {
        if (!outputs[m])
            return NULL;
        gradient = gradient || outputs[m]->gradient;
    }
    int64_t width = pl_variable_width(outputs[0]);
    struct combine combine = {.route = *route, .base = base, .width = width};
    combine.block = pl_block_rows(width);
    combine.out = pl_tape_matrix(tape, gradient, route->tokens, width);
    combine.outputs = pl_tape_take(tape, route->memories, sizeof *combine.outputs);
    if (!combine.out || !combine.outputs)
        return NULL;
    memcpy(combine.outputs, outputs, (size_t)route->memories * sizeof *combine.outputs);
    if (pl_parallel(tape->context, pl_block_count(route->tokens, combine.block), combine_block,
                    &combine) ||
        (combine.out->gradient && pl_tape_note(tape, combine_back, &combine, sizeof combine)))
        return NULL;
    return combine.out;
}
