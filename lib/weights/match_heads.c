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
    double score;
};

struct job {
    const struct pl_spec_heads *heads;
    const double *q, *k, *v, *o; /* scores of the groups */
    int64_t share;               /* query heads of a set */
    int64_t qk_width, vo_width;  /* channels of a head */
    int64_t sizes[4];            /* of the groups */
    struct inside *pairs;        /* [sets of A, sets of B] */
};

/* Adds the square block of scores for heads a and b of a group. */
static void add_block(const double *scores, int64_t size, int64_t a, int64_t b, int64_t width,
                      double *sum)
{
    const double *from = scores + a * width * size + b * width;
    for (int64_t i = 0; i < width; i++)
        for (int64_t j = 0; j < width; j++)
            sum[i * width + j] += from[i * size + j];
}

static double block_value(const double *scores, int64_t size, int64_t a, int64_t b, int64_t width,
                          const int64_t *channels)
{
    const double *from = scores + a * width * size + b * width;
    double sum = 0;
    for (int64_t i = 0; i < width; i++)
        sum += from[i * size + channels[i]];
    return sum;
}

/* The order of channels that two groups share, given that of query heads (NULL: left out). */
static enum pl_status order_channels(struct pl_context *context, const struct job *job, int64_t a,
                                     int64_t b, const int64_t *queries, bool values, double *sum,
                                     int64_t *channels)
{
    const int64_t width = values ? job->vo_width : job->qk_width;
    const double *shared = values ? job->v : job->k, *each = values ? job->o : job->q;
    memset(sum, 0, (size_t)(width * width) * sizeof *sum);
    add_block(shared, job->sizes[values ? 2 : 1], a, b, width, sum);
    for (int64_t r = 0; queries && r < job->share; r++)
        add_block(each, job->sizes[values ? 3 : 0], a * job->share + r, b * job->share + queries[r],
                  width, sum);
    return pl_assign(context, PL_ASSIGN_MOST, sum, width, channels, NULL, NULL, NULL);
}

/* The order of query heads, given that of channels. */
static enum pl_status order_queries(struct pl_context *context, const struct job *job, int64_t a,
                                    int64_t b, struct inside *inside, double *sum)
{
    for (int64_t r = 0; r < job->share; r++)
        for (int64_t s = 0; s < job->share; s++)
            sum[r * job->share + s] = block_value(job->q, job->sizes[0], a * job->share + r,
                                                  b * job->share + s, job->qk_width, inside->qk) +
                                      block_value(job->o, job->sizes[3], a * job->share + r,
                                                  b * job->share + s, job->vo_width, inside->vo);
    return pl_assign(context, PL_ASSIGN_MOST, sum, job->share, inside->queries, NULL, NULL, NULL);
}

static double inside_score(const struct job *job, int64_t a, int64_t b, const struct inside *inside)
{
    double sum = block_value(job->k, job->sizes[1], a, b, job->qk_width, inside->qk) +
                 block_value(job->v, job->sizes[2], a, b, job->vo_width, inside->vo);
    for (int64_t r = 0; r < job->share; r++)
        sum += block_value(job->q, job->sizes[0], a * job->share + r,
                           b * job->share + inside->queries[r], job->qk_width, inside->qk) +
               block_value(job->o, job->sizes[3], a * job->share + r,
                           b * job->share + inside->queries[r], job->vo_width, inside->vo);
    return sum;
}

/* One round: query heads, then channels. */
static enum pl_status improve(struct pl_context *context, const struct job *job, int64_t a,
                              int64_t b, struct inside *inside, double *sum)
{
    enum pl_status status = job->share > 1 ? order_queries(context, job, a, b, inside, sum) : PL_OK;
    if (!status && !job->heads->rotary)
        status = order_channels(context, job, a, b, inside->queries, false, sum, inside->qk);
    if (!status)
        status = order_channels(context, job, a, b, inside->queries, true, sum, inside->vo);
    return status;
}

static enum pl_status solve_inside(struct pl_context *context, const struct job *job, int64_t a,
                                   int64_t b, struct inside *inside, double *sum)
{
    pl_permutation_identity(inside->queries, job->share);
    pl_permutation_identity(inside->qk, job->qk_width);
    enum pl_status status = PL_OK;
    if (!job->heads->rotary)
        status = order_channels(context, job, a, b, NULL, false, sum, inside->qk);
    if (!status)
        status = order_channels(context, job, a, b, NULL, true, sum, inside->vo);
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

static void place_sets(const struct job *job, const int64_t *sets, int64_t *const permutations[4])
{
    for (int64_t a = 0; a < job->heads->kv_heads; a++) {
        const int64_t b = sets[a];
        const struct inside *inside = &job->pairs[a * job->heads->kv_heads + b];
        place_head(permutations[1], a, b, job->qk_width, inside->qk);
        place_head(permutations[2], a, b, job->vo_width, inside->vo);
        for (int64_t r = 0; r < job->share; r++) {
            int64_t from = a * job->share + r, to = b * job->share + inside->queries[r];
            place_head(permutations[0], from, to, job->qk_width, inside->qk);
            place_head(permutations[3], from, to, job->vo_width, inside->vo);
        }
    }
}

enum pl_status pl_match_heads(struct pl_context *context, const struct pl_permutation_spec *spec,
                              const struct pl_spec_heads *heads, double *const scores[4],
                              int64_t *const permutations[4], double *value, double *pairs)
{
    const int64_t sets = heads->kv_heads, groups[] = {heads->q, heads->k, heads->v, heads->o};
    struct pl_arena arena = {0};
    struct job job = {
        .heads = heads, .q = scores[0], .k = scores[1], .v = scores[2], .o = scores[3]};
    job.share = heads->heads / sets;
    for (int i = 0; i < 4; i++)
        job.sizes[i] = spec->groups[groups[i]].size;
    job.qk_width = job.sizes[1] / sets;
    job.vo_width = job.sizes[2] / sets;
    enum pl_status status = take_pairs(context, &arena, &job);
    double *best = pl_arena_new(context, &arena, (size_t)(sets * sets), sizeof *best);
    int64_t *order = pl_arena_new(context, &arena, (size_t)sets, sizeof *order);
    if (!status && (!best || !order))
        status = context->status;
    if (!status)
        status = pl_parallel(context, sets * sets, solve_pair, &job);
    for (int64_t i = 0; i < sets * sets && !status; i++)
        best[i] = job.pairs[i].score;
    if (!status)
        status = pl_assign(context, PL_ASSIGN_MOST, best, sets, order, value, NULL, NULL);
    if (!status)
        place_sets(&job, order, permutations);
    if (!status && pairs)
        memcpy(pairs, best, (size_t)(sets * sets) * sizeof *pairs);
    pl_arena_release(&arena);
    return status;
}
