/* Keys gathered in slots that forget.
 * SPDX-License-Identifier: MIT
 *
 * Row by row: a row costs 4 head_dim slots operations a head, forward, and three times that
 * backward.  Backward goes over the rows twice.  Forward in time for the queries, dq_t = A_t dp_t,
 * with A made anew; then back in time with R_t = q_t' dp_t + R_{t+1} diag(exp g_{t+1}),
 *
 *     dk_t = R_t s_t      ds_t = R_t' k_t      dg_t = sum over u >= t of (p_u dp_u - s_u ds_u) */
#include "nn/slots.h"

#include "autograd/kernels.h"

struct job {
    struct pl_slots slots;
    struct pl_rows rows;
    struct pl_variable *q, *k, *s, *g, *p, *state;
    pl_real *scratch; /* for each slot of parallel work: a matrix, and a row of slots */
};

/* One head of one sequence. */
struct head {
    int64_t first, rows, q_stride, k_stride, s_stride, p_stride;
    int64_t q, k, s, p; /* offsets of its first row */
};

static struct head head_at(const struct job *job, int64_t sequence, int64_t index)
{
    const struct pl_slots *slots = &job->slots;
    const int64_t kv_head = index * slots->kv_heads / slots->heads;
    struct head head = {.first = job->rows.starts[sequence],
                        .q_stride = slots->heads * slots->head_dim,
                        .k_stride = slots->kv_heads * slots->head_dim,
                        .s_stride = slots->kv_heads * slots->slots,
                        .p_stride = slots->heads * slots->slots};
    head.rows = job->rows.starts[sequence + 1] - head.first;
    head.q = head.first * head.q_stride + index * slots->head_dim;
    head.k = head.first * head.k_stride + kv_head * slots->head_dim;
    head.s = head.first * head.s_stride + kv_head * slots->slots;
    head.p = head.first * head.p_stride + index * slots->slots;
    return head;
}

/* A <- A diag(exp g) + k' s */
PL_CLONES static void gather(int64_t dim, int64_t slots, const pl_real *restrict k,
                             const pl_real *restrict s, const pl_real *restrict g,
                             pl_real *restrict a)
{
    for (int64_t m = 0; m < slots; m++) {
        const pl_real keep = pl_real_exp(g[m]), add = s[m];
        for (int64_t c = 0; c < dim; c++)
            a[m * dim + c] = keep * a[m * dim + c] + add * k[c];
    }
}

/* y_m = x . (row m of A) */
PL_CLONES static void read(int64_t dim, int64_t slots, const pl_real *restrict x,
                           const pl_real *restrict a, pl_real *restrict y)
{
    for (int64_t m = 0; m < slots; m++)
        y[m] = (pl_real)pl_real_dot(dim, x, a + m * dim);
}

/* x += sum over m of y_m (row m of A) */
PL_CLONES static void read_back(int64_t dim, int64_t slots, const pl_real *restrict y,
                                const pl_real *restrict a, pl_real *restrict x)
{
    for (int64_t m = 0; m < slots; m++)
        for (int64_t c = 0; c < dim; c++)
            x[c] += y[m] * a[m * dim + c];
}

static pl_real *matrix_of(const struct job *job, const struct pl_context *context)
{
    const int64_t size = job->slots.slots * (job->slots.head_dim + 2);
    pl_real *matrix = job->scratch + context->slot * size;
    memset(matrix, 0, (size_t)size * sizeof *matrix);
    return matrix;
}

/* The state has [head_dim, slots], the matrix here the slots outside. */
static void turn_state(const struct job *job, int64_t item, pl_real *matrix, bool store)
{
    const int64_t dim = job->slots.head_dim, slots = job->slots.slots;
    pl_real *state = job->state->value + item * dim * slots;
    for (int64_t c = 0; c < dim; c++)
        for (int64_t m = 0; m < slots; m++) {
            if (store)
                state[c * slots + m] = matrix[m * dim + c];
            else
                matrix[m * dim + c] = state[c * slots + m];
        }
}

static enum pl_status head_forward(struct pl_context *context, void *argument, int64_t item)
{
    const struct job *job = argument;
    const int64_t dim = job->slots.head_dim, slots = job->slots.slots;
    const struct head head = head_at(job, item / job->slots.heads, item % job->slots.heads);
    pl_real *matrix = matrix_of(job, context);
    if (job->state)
        turn_state(job, item, matrix, false);
    for (int64_t t = 0; t < head.rows; t++) {
        gather(dim, slots, job->k->value + head.k + t * head.k_stride,
               job->s->value + head.s + t * head.s_stride,
               job->g->value + head.s + t * head.s_stride, matrix);
        read(dim, slots, job->q->value + head.q + t * head.q_stride, matrix,
             job->p->value + head.p + t * head.p_stride);
    }
    if (job->state)
        turn_state(job, item, matrix, true);
    return PL_OK;
}

static void queries_backward(const struct job *job, const struct head *head, pl_real *matrix)
{
    const int64_t dim = job->slots.head_dim, slots = job->slots.slots;
    for (int64_t t = 0; t < head->rows; t++) {
        gather(dim, slots, job->k->value + head->k + t * head->k_stride,
               job->s->value + head->s + t * head->s_stride,
               job->g->value + head->s + t * head->s_stride, matrix);
        read_back(dim, slots, job->p->gradient + head->p + t * head->p_stride, matrix,
                  job->q->gradient + head->q + t * head->q_stride);
    }
}

static void keys_backward(const struct job *job, const struct head *head, pl_real *matrix)
{
    const int64_t dim = job->slots.head_dim, slots = job->slots.slots;
    pl_real *ds = matrix + dim * slots, *sum = ds + slots;
    for (int64_t t = head->rows - 1; t >= 0; t--) {
        const int64_t k = head->k + t * head->k_stride, s = head->s + t * head->s_stride;
        const int64_t p = head->p + t * head->p_stride;
        const pl_real *dp = job->p->gradient + p;
        if (t + 1 < head->rows) {
            const pl_real *g = job->g->value + s + head->s_stride;
            for (int64_t m = 0; m < slots; m++) {
                const pl_real keep = pl_real_exp(g[m]);
                for (int64_t c = 0; c < dim; c++)
                    matrix[m * dim + c] *= keep;
            }
        }
        for (int64_t m = 0; m < slots; m++)
            for (int64_t c = 0; c < dim; c++)
                matrix[m * dim + c] += dp[m] * job->q->value[head->q + t * head->q_stride + c];
        read(dim, slots, job->k->value + k, matrix, ds);
        for (int64_t m = 0; m < slots; m++)
            sum[m] += job->p->value[p + m] * dp[m] - job->s->value[s + m] * ds[m];
        if (job->k->gradient)
            read_back(dim, slots, job->s->value + s, matrix, job->k->gradient + k);
        for (int64_t m = 0; job->s->gradient && m < slots; m++)
            job->s->gradient[s + m] += ds[m];
        for (int64_t m = 0; job->g->gradient && m < slots; m++) {
            /* the first row has nothing to forget */
            job->g->gradient[s + m] += t > 0 ? sum[m] : 0;
        }
    }
}

/* All heads that share a head of keys, one behind the other. */
static enum pl_status head_backward(struct pl_context *context, void *argument, int64_t item)
{
    const struct job *job = argument;
    const int64_t kv_heads = job->slots.kv_heads, group = job->slots.heads / kv_heads;
    for (int64_t i = 0; i < group; i++) {
        const struct head head = head_at(job, item / kv_heads, item % kv_heads * group + i);
        if (job->q->gradient)
            queries_backward(job, &head, matrix_of(job, context));
        keys_backward(job, &head, matrix_of(job, context));
    }
    return PL_OK;
}

static enum pl_status take_scratch(struct pl_tape *tape, struct job *job)
{
    const int64_t size = job->slots.slots * (job->slots.head_dim + 2);
    job->scratch =
        pl_tape_take(tape, pl_parallel_threads(tape->context) * size, sizeof *job->scratch);
    return job->scratch ? PL_OK : tape->context->status;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct job *job = saved;
    if (take_scratch(tape, job))
        return tape->context->status;
    return pl_parallel(tape->context, job->rows.count * job->slots.kv_heads, head_backward, job);
}

struct pl_variable *pl_op_slots(struct pl_tape *tape, const struct pl_slots *slots,
                                const struct pl_rows *rows, struct pl_variable *q,
                                struct pl_variable *k, struct pl_variable *s, struct pl_variable *g,
                                struct pl_variable *state)
{
    if (!q || !k || !s || !g)
        return NULL;
    struct job job = {
        .slots = *slots, .rows = *rows, .q = q, .k = k, .s = s, .g = g, .state = state};
    const bool wanted = !state && (q->gradient || k->gradient || s->gradient || g->gradient);
    job.p = pl_tape_matrix(tape, wanted, rows->starts[rows->count], slots->heads * slots->slots);
    if (!job.p || take_scratch(tape, &job) ||
        pl_parallel(tape->context, rows->count * slots->heads, head_forward, &job))
        return NULL;
    if (job.p->gradient && pl_tape_note(tape, backward, &job, sizeof job))
        return NULL;
    return job.p;
}
