/* Matching the heads of an attention layer.
 * SPDX-License-Identifier: MIT
 *
 * A head is its rows of q and k, whose channels meet in q'k, and its rows of v and columns of o.
 * Whole heads may change places; inside one, the channels of q and k may change places together,
 * and those of v and o together.  With rotary positions channel pairs turn at different speeds, and
 * q and k stay as they are.  Where several query heads share keys and values, what changes places
 * is the whole set, inside it the query heads, and the set has one order of channels for all.
 *
 * So there are two levels.  For each pair of sets of A and B the best inside is found, which gives
 * its score; then sets are assigned to sets.  Inside, with one query head a set, channels are two
 * assignments and the result is the best.  With several, the order of query heads and that of
 * channels depend on each other: they are improved in turn, channels of keys and values first. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "linalg/assignment.h"
#include "weights/match.h"
#include "weights/permutation.h"

enum { MOST_ROUNDS = 20 };

/* The inside of one pair of sets. */
struct inside {
    int64_t *queries; /* [share] which query head of B's set stands where */
    int64_t *qk, *vo; /* [qk_width], [vo_width] channels */
    double score;     /* without that of the head's own unit */
};

struct job {
    const struct pl_spec_heads *heads;
    const double *const *scores; /* of the groups */
    int64_t sizes[PL_HEADS_GROUPS];
    int64_t share;              /* query heads of a set */
    int64_t qk_width, vo_width; /* channels of a head */
    struct inside *pairs;       /* [sets of A, sets of B] */
    const int64_t *values; /* the order of channels of values that all heads have; NULL: free */
};

/* Adds the square block of scores for heads a and b of a group. */
static void add_block(const struct job *job, enum pl_heads_group group, int64_t a, int64_t b,
                      int64_t width, double *sum)
{
    const int64_t size = job->sizes[group];
    const double *from = job->scores[group] + a * width * size + b * width;
    for (int64_t i = 0; i < width; i++)
        for (int64_t j = 0; j < width; j++)
            sum[i * width + j] += from[i * size + j];
}

static double block_value(const struct job *job, enum pl_heads_group group, int64_t a, int64_t b,
                          int64_t width, const int64_t *channels)
{
    const int64_t size = job->sizes[group];
    const double *from = job->scores[group] + a * width * size + b * width;
    double sum = 0;
    for (int64_t i = 0; i < width; i++)
        sum += from[i * size + channels[i]];
    return sum;
}

/* Adds the scores of channels of values for sets a and b, given the order of query heads (NULL:
 * left out). */
static void add_values(const struct job *job, int64_t a, int64_t b, const int64_t *queries,
                       double *sum)
{
    add_block(job, PL_HEADS_V, a, b, job->vo_width, sum);
    for (int64_t r = 0; queries && r < job->share; r++)
        add_block(job, PL_HEADS_O, a * job->share + r, b * job->share + queries[r], job->vo_width,
                  sum);
}

static void add_keys(const struct job *job, int64_t a, int64_t b, const int64_t *queries,
                     double *sum)
{
    add_block(job, PL_HEADS_K, a, b, job->qk_width, sum);
    for (int64_t r = 0; queries && r < job->share; r++)
        add_block(job, PL_HEADS_Q, a * job->share + r, b * job->share + queries[r], job->qk_width,
                  sum);
}

/* The order of channels, given that of query heads (NULL: left out), where it is free. */
static enum pl_status order_channels(struct pl_context *context, const struct job *job, int64_t a,
                                     int64_t b, const int64_t *queries, double *sum,
                                     struct inside *inside)
{
    const int64_t qk = job->qk_width, vo = job->vo_width;
    enum pl_status status = PL_OK;
    if (!job->heads->rotary) {
        memset(sum, 0, (size_t)(qk * qk) * sizeof *sum);
        add_keys(job, a, b, queries, sum);
        status = pl_assign(context, PL_ASSIGN_MOST, sum, qk, inside->qk, NULL, NULL, NULL);
    }
    if (status || job->values)
        return status;
    memset(sum, 0, (size_t)(vo * vo) * sizeof *sum);
    add_values(job, a, b, queries, sum);
    return pl_assign(context, PL_ASSIGN_MOST, sum, vo, inside->vo, NULL, NULL, NULL);
}

/* What query head b of B is worth in the place of query head a. */
static double query_value(const struct job *job, int64_t a, int64_t b, const struct inside *inside)
{
    return block_value(job, PL_HEADS_Q, a, b, job->qk_width, inside->qk) +
           block_value(job, PL_HEADS_O, a, b, job->vo_width, inside->vo);
}

/* The order of query heads, given that of channels. */
static enum pl_status order_queries(struct pl_context *context, const struct job *job, int64_t a,
                                    int64_t b, struct inside *inside, double *sum)
{
    const int64_t share = job->share;
    for (int64_t r = 0; r < share; r++)
        for (int64_t s = 0; s < share; s++)
            sum[r * share + s] = query_value(job, a * share + r, b * share + s, inside);
    return pl_assign(context, PL_ASSIGN_MOST, sum, share, inside->queries, NULL, NULL, NULL);
}

static double inside_score(const struct job *job, int64_t a, int64_t b, const struct inside *inside)
{
    double sum = block_value(job, PL_HEADS_K, a, b, job->qk_width, inside->qk) +
                 block_value(job, PL_HEADS_V, a, b, job->vo_width, inside->vo);
    for (int64_t r = 0; r < job->share; r++)
        sum += query_value(job, a * job->share + r, b * job->share + inside->queries[r], inside);
    return sum;
}

/* One round: query heads, then channels. */
static enum pl_status improve(struct pl_context *context, const struct job *job, int64_t a,
                              int64_t b, struct inside *inside, double *sum)
{
    enum pl_status status = job->share > 1 ? order_queries(context, job, a, b, inside, sum) : PL_OK;
    return status ? status : order_channels(context, job, a, b, inside->queries, sum, inside);
}

static enum pl_status solve_inside(struct pl_context *context, const struct job *job, int64_t a,
                                   int64_t b, struct inside *inside, double *sum)
{
    pl_permutation_identity(inside->queries, job->share);
    pl_permutation_identity(inside->qk, job->qk_width);
    if (job->values)
        memcpy(inside->vo, job->values, (size_t)job->vo_width * sizeof *inside->vo);
    enum pl_status status = order_channels(context, job, a, b, NULL, sum, inside);
    inside->score = -INFINITY;
    for (int round = 0; round < (job->share > 1 ? MOST_ROUNDS : 1) && !status; round++) {
        status = improve(context, job, a, b, inside, sum);
        double score = inside_score(job, a, b, inside);
        bool done = score <= inside->score;
        inside->score = score;
        if (done)
            break;
    }
    return status;
}

static enum pl_status solve_pair(struct pl_context *context, void *arguments, int64_t item)
{
    const struct job *job = arguments;
    int64_t most = job->qk_width > job->vo_width ? job->qk_width : job->vo_width;
    most = most > job->share ? most : job->share;
    double *sum = pl_new(context, (size_t)(most * most), sizeof *sum);
    if (!sum)
        return context->status;
    enum pl_status status = solve_inside(context, job, item / job->heads->kv_heads,
                                         item % job->heads->kv_heads, &job->pairs[item], sum);
    free(sum);
    return status;
}

static enum pl_status take_pairs(struct pl_context *context, struct pl_arena *arena,
                                 struct job *job)
{
    const int64_t count = job->heads->kv_heads * job->heads->kv_heads;
    const int64_t each = job->share + job->qk_width + job->vo_width;
    job->pairs = pl_arena_new(context, arena, (size_t)count, sizeof *job->pairs);
    int64_t *memory = pl_arena_new(context, arena, (size_t)(count * each), sizeof *memory);
    if (!job->pairs || !memory)
        return context->status;
    for (int64_t i = 0; i < count; i++, memory += each) {
        job->pairs[i].queries = memory;
        job->pairs[i].qk = memory + job->share;
        job->pairs[i].vo = memory + job->share + job->qk_width;
    }
    return PL_OK;
}

/* Head a of a group takes head b with its channels. */
static void place_head(int64_t *permutation, int64_t a, int64_t b, int64_t width,
                       const int64_t *channels)
{
    for (int64_t i = 0; i < width; i++)
        permutation[a * width + i] = b * width + channels[i];
}

static void place_sets(const struct job *job, const int64_t *sets,
                       int64_t *const permutations[PL_HEADS_GROUPS])
{
    const int64_t count = job->heads->kv_heads, share = job->share;
    const int64_t qk = job->qk_width, vo = job->vo_width;
    for (int64_t a = 0; a < count; a++) {
        const int64_t b = sets[a];
        const struct inside *inside = &job->pairs[a * count + b];
        place_head(permutations[PL_HEADS_K], a, b, qk, inside->qk);
        place_head(permutations[PL_HEADS_V], a, b, vo, inside->vo);
        for (int64_t r = 0; r < share; r++) {
            const int64_t from = a * share + r, to = b * share + inside->queries[r];
            place_head(permutations[PL_HEADS_Q], from, to, qk, inside->qk);
            place_head(permutations[PL_HEADS_O], from, to, vo, inside->vo);
        }
    }
    if (job->heads->groups[PL_HEADS_HEAD] >= 0)
        memcpy(permutations[PL_HEADS_HEAD], sets, (size_t)count * sizeof *sets);
    if (job->values)
        memcpy(permutations[PL_HEADS_VALUE], job->values, (size_t)vo * sizeof *sets);
}

/* ---- Sets to sets ------------------------------------------------------------------------ */

/* The best inside of each pair, and which set goes where.  best: [sets, sets], the scores. */
static enum pl_status assign_sets(struct pl_context *context, struct job *job, double *best,
                                  int64_t *sets, double *value)
{
    const int64_t count = job->heads->kv_heads;
    const bool own = job->heads->groups[PL_HEADS_HEAD] >= 0;
    enum pl_status status = pl_parallel(context, count * count, solve_pair, job);
    for (int64_t i = 0; i < count * count && !status; i++)
        best[i] = job->pairs[i].score + (own ? job->scores[PL_HEADS_HEAD][i] : 0);
    if (!status)
        status = pl_assign(context, PL_ASSIGN_MOST, best, count, sets, value, NULL, NULL);
    for (int64_t i = 0; job->values && i < job->vo_width && !status; i++)
        *value += job->scores[PL_HEADS_VALUE][i * job->vo_width + job->values[i]];
    return status;
}

/* The order of channels of values that suits all heads best, given which goes where. */
static enum pl_status order_values(struct pl_context *context, const struct job *job,
                                   const int64_t *sets, double *sum, int64_t *values)
{
    const int64_t count = job->heads->kv_heads, width = job->vo_width;
    memcpy(sum, job->scores[PL_HEADS_VALUE], (size_t)(width * width) * sizeof *sum);
    for (int64_t a = 0; a < count; a++)
        add_values(job, a, sets[a], job->pairs[a * count + sets[a]].queries, sum);
    return pl_assign(context, PL_ASSIGN_MOST, sum, width, values, NULL, NULL, NULL);
}

/* From sets that were assigned with channels free in each; the best that is found is placed. */
static enum pl_status share_values(struct pl_context *context, struct pl_arena *arena,
                                   struct job *job, double *best, int64_t *sets,
                                   int64_t *const permutations[PL_HEADS_GROUPS], double *value)
{
    const int64_t width = job->vo_width;
    double *sum = pl_arena_new(context, arena, (size_t)(width * width), sizeof *sum), next;
    int64_t *values = pl_arena_new(context, arena, (size_t)width, sizeof *values);
    enum pl_status status = sum && values ? PL_OK : context->status;
    *value = -INFINITY;
    for (int round = 0; round < MOST_ROUNDS && !status; round++) {
        status = order_values(context, job, sets, sum, values);
        job->values = values;
        if (!status)
            status = assign_sets(context, job, best, sets, &next);
        if (status || !(next > *value))
            break;
        *value = next;
        place_sets(job, sets, permutations);
    }
    return status;
}

enum pl_status pl_match_heads(struct pl_context *context, const struct pl_permutation_spec *spec,
                              const struct pl_spec_heads *heads,
                              double *const scores[PL_HEADS_GROUPS],
                              int64_t *const permutations[PL_HEADS_GROUPS], double *value,
                              double *pairs)
{
    const int64_t sets = heads->kv_heads;
    struct pl_arena arena = {0};
    struct job job = {.heads = heads, .scores = (const double *const *)scores};
    for (int i = 0; i < PL_HEADS_GROUPS; i++)
        job.sizes[i] = heads->groups[i] < 0 ? 0 : spec->groups[heads->groups[i]].size;
    job.share = heads->heads / sets;
    job.qk_width = job.sizes[PL_HEADS_K] / sets;
    job.vo_width = job.sizes[PL_HEADS_V] / sets;
    enum pl_status status = take_pairs(context, &arena, &job);
    double *best = pl_arena_new(context, &arena, (size_t)(sets * sets), sizeof *best);
    int64_t *order = pl_arena_new(context, &arena, (size_t)sets, sizeof *order);
    if (!status && (!best || !order))
        status = context->status;
    if (!status)
        status = assign_sets(context, &job, best, order, value);
    if (!status && pairs)
        memcpy(pairs, best, (size_t)(sets * sets) * sizeof *pairs);
    if (!status && heads->groups[PL_HEADS_VALUE] >= 0)
        status = share_values(context, &arena, &job, best, order, permutations, value);
    else if (!status)
        place_sets(&job, order, permutations);
    pl_arena_release(&arena);
    return status;
}
