/* Synthetic tasks: rows of tokens with targets.
 * SPDX-License-Identifier: MIT
 *
 * Each task isolates one thing that a recurrence must be able to do.
 *
 * Recall (mqar): D pairs of key and value, k1 v1 k2 v2 ..., are followed by noise in which each key
 * comes up once more; there the model must say its value.  A state of d_k x d_v can hold about d_k
 * pairs, and only if it can overwrite and tell keys apart.  The distance at which a key comes again
 * follows a power law, p(j) ~ (j + 1)^-0.99 over the gaps j (Arora et al., "Zoology", 2023).
 *
 * State tracking (group): x1 x2 ... are random elements, the answers their running products x1,
 * x1 x2, ...; a token that is no element stands in front of both and is scored too, as in
 * "DeltaProduct" (2025).
 *
 * Copying: n symbols, a gap of blanks, a mark, and from the mark on the symbols again.
 *
 * Drawing D of n gaps without replacement, each time with the chances of those left, is the same as
 * giving gap j an exponential waiting time of rate p(j) and taking the first D to arrive
 * (Efraimidis and Spirakis, 2006). */
#include "text/task.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"

enum { BLANK = 0, MARK = 1, FIRST_SYMBOL = 2 }; /* of copy */

#define POWER (-0.99)

static enum pl_status init_mqar(struct pl_context *context, struct pl_task *task)
{
    int64_t keys = task->vocabulary / 2 - 1, space = (task->length - 2 * task->pairs) / 2;
    if (task->vocabulary % 2 != 0 || keys < task->pairs) {
        return pl_fail(context, PL_USAGE,
                       "%" PRId64 " pairs need an even vocabulary of at least %" PRId64
                       ", not %" PRId64,
                       task->pairs, 2 * task->pairs + 2, task->vocabulary);
    }
    if (space < task->pairs) {
        return pl_fail(context, PL_USAGE,
                       "%" PRId64 " pairs need rows of at least %" PRId64 " tokens, not %" PRId64,
                       task->pairs, 4 * task->pairs, task->length);
    }
    task->shares = pl_new(context, (size_t)space, sizeof *task->shares);
    if (!task->shares) {
        return context->status;
    }
    for (int64_t j = 0; j < space; j++) {
        task->shares[j] = pow((double)(j + 1), -POWER);
    }
    task->width = task->length;
    return PL_OK;
}

enum pl_status pl_task_init(struct pl_context *context, struct pl_task *task)
{
    enum pl_status status = PL_OK;
    task->begin = -1;
    task->shares = NULL;
    task->table = (struct pl_group){0};
    switch (task->kind) {
    case PL_TASK_MQAR:
        return init_mqar(context, task);
    case PL_TASK_GROUP:
        status = pl_group_init(context, &task->table, task->group);
        task->begin = task->table.count;
        task->vocabulary = task->table.count + 1;
        task->width = task->length + 1;
        return status;
    case PL_TASK_COPY:
        if (task->vocabulary <= FIRST_SYMBOL) {
            return pl_fail(context, PL_USAGE,
                           "copying needs a vocabulary of at least %d (blank, mark, symbols), not "
                           "%" PRId64,
                           FIRST_SYMBOL + 1, task->vocabulary);
        }
        task->width = 2 * task->length + task->gap;
        return PL_OK;
    }
    return status;
}

void pl_task_release(struct pl_task *task)
{
    pl_group_release(&task->table);
    free(task->shares);
    task->shares = NULL;
}

/* The numbers of one row, drawn one after the other. */
struct draws {
    struct pl_rng rng;
    uint64_t element;
};

static int64_t draw(struct draws *draws, int64_t limit)
{
    return (int64_t)pl_rng_below(&draws->rng, draws->element++, (uint64_t)limit);
}

struct arrival {
    double time;
    int64_t gap;
};

static int compare_arrivals(const void *a, const void *b)
{
    const struct arrival *first = a, *second = b;
    if (first->time != second->time) {
        return first->time < second->time ? -1 : 1;
    }
    return (first->gap > second->gap) - (first->gap < second->gap);
}

/* Scratch of one call. */
struct scratch {
    struct arrival *arrivals; /* of all gaps */
    int64_t *keys;            /* a pack of cards: those dealt are in front */
};

static void mqar_row(const struct pl_task *task, struct draws *draws, struct scratch *scratch,
                     int32_t *tokens, int32_t *targets)
{
    int64_t half = task->vocabulary / 2, space = (task->length - 2 * task->pairs) / 2;
    for (int64_t t = 0; t < task->length; t++) {
        tokens[t] = (int32_t)draw(draws, task->vocabulary);
        targets[t] = -1;
    }
    for (int64_t i = 0; i < half - 1; i++) {
        scratch->keys[i] = i + 1;
    }
    for (int64_t j = 0; j < space; j++) {
        double wait = -log1p(-pl_rng_uniform(&draws->rng, draws->element++));
        scratch->arrivals[j] = (struct arrival){wait * task->shares[j], j};
    }
    qsort(scratch->arrivals, (size_t)space, sizeof *scratch->arrivals, compare_arrivals);
    for (int64_t i = 0; i < task->pairs; i++) {
        int64_t other = i + draw(draws, half - 1 - i), key = scratch->keys[other];
        int64_t query = 2 * (task->pairs + scratch->arrivals[i].gap);
        scratch->keys[other] = scratch->keys[i];
        tokens[2 * i] = (int32_t)key;
        tokens[2 * i + 1] = (int32_t)(half + draw(draws, half));
        tokens[query] = (int32_t)key;
        targets[query] = tokens[2 * i + 1];
    }
}

static void group_row(const struct pl_task *task, struct draws *draws, int32_t *tokens,
                      int32_t *targets)
{
    int64_t product = 0;
    tokens[0] = targets[0] = (int32_t)task->begin;
    for (int64_t t = 1; t < task->width; t++) {
        int64_t factor = draw(draws, task->table.count);
        product = pl_group_product(&task->table, product, factor);
        tokens[t] = (int32_t)factor;
        targets[t] = (int32_t)product;
    }
}

static void copy_row(const struct pl_task *task, struct draws *draws, int32_t *tokens,
                     int32_t *targets)
{
    int64_t mark = task->length + task->gap;
    for (int64_t t = 0; t < task->width; t++) {
        tokens[t] = t == mark ? MARK : BLANK;
        targets[t] = -1;
    }
    for (int64_t i = 0; i < task->length; i++) {
        tokens[i] = (int32_t)(FIRST_SYMBOL + draw(draws, task->vocabulary - FIRST_SYMBOL));
        targets[mark + i] = tokens[i];
    }
}

enum pl_status pl_task_rows(struct pl_context *context, const struct pl_task *task, int64_t first,
                            int64_t count, int32_t *tokens, int32_t *targets)
{
    static const char *const names[] = {"mqar", "group", "copy"};
    struct draws draws = {.rng = pl_rng_init(task->seed, names[task->kind])};
    struct scratch scratch = {0};
    if (task->kind == PL_TASK_MQAR) {
        scratch.arrivals = pl_new(context, (size_t)task->length, sizeof *scratch.arrivals);
        scratch.keys = pl_new(context, (size_t)task->vocabulary, sizeof *scratch.keys);
        if (!scratch.arrivals || !scratch.keys) {
            free(scratch.arrivals);
            free(scratch.keys);
            return context->status;
        }
    }
    for (int64_t i = 0; i < count; i++) {
        int32_t *row = tokens + i * task->width, *answers = targets + i * task->width;
        draws.element = (uint64_t)(first + i) << 32;
        if (task->kind == PL_TASK_MQAR) {
            mqar_row(task, &draws, &scratch, row, answers);
        } else if (task->kind == PL_TASK_GROUP) {
            group_row(task, &draws, row, answers);
        } else {
            copy_row(task, &draws, row, answers);
        }
    }
    free(scratch.arrivals);
    free(scratch.keys);
    return PL_OK;
}
