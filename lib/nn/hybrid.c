/* Softmax attention over a window joined with linear attention before it.
 * SPDX-License-Identifier: MIT
 *
 * A head goes over its rows in time.  Rows that leave the window are added to a state, S = sum
 * f(k)' v and z = sum f(k), so a row costs 2 window (head_dim + value_dim) + 4 features value_dim
 * operations wherever it stands.  With D_t = sum a_ti, dot_t = do_t o_t and da_ti = (do_t v_i -
 * dot_t) / D_t, backward goes over them twice: in time for what the windows and f(q) get,
 *
 *     df(q_t) = (S_t do_t - dot_t z_t) / D_t
 *
 * with S made anew, and back in time for f(k) and v of the rows before the windows, with
 * R = sum f(q_t)' do_t / D_t and r = sum f(q_t) dot_t / D_t over the rows t that see row i so,
 *
 *     df(k_i) = R v_i - r      dv_i = R' f(k_i)
 *
 * The gradient also runs through c_t, to the key that it is the score of. */
#include "nn/hybrid.h"

#include "nn/row_kernels.h"

struct job {
    struct pl_hybrid hybrid;
    struct pl_rows rows;
    struct pl_variable *q, *k, *v, *qf, *kf, *factor, *o;
    struct pl_hybrid_cache cache;
    pl_real *sums; /* [N, heads]: D; NULL when not recording */
    pl_real *scratch;
    int64_t slot_size, longest; /* longest: keys of a sequence */
    double *dfactors;           /* [sequences, heads] */
};

/* One head of one sequence; offsets and strides are in elements. */
struct head {
    int64_t rows, keys; /* keys: those kept before, and the rows */
    int64_t q, k, v, qf, kf, o;
    int64_t q_stride, k_stride, v_stride, f_stride, o_stride;
    int64_t sum;  /* of its first row in sums */
    pl_real gate; /* sigmoid(factor) */
};

int64_t pl_hybrid_first(const struct pl_hybrid *hybrid, int64_t position, int64_t length)
{
    const int64_t window = hybrid->window;
    const int64_t offset = hybrid->align_end ? length % window : 0;
    int64_t first;
    if (hybrid->form == PL_HYBRID_LINEAR)
        return position + 1;
    if (hybrid->form == PL_HYBRID_SLIDING)
        first = position - window + 1;
    else if (position < offset)
        first = 0;
    else
        first = (position - offset) / window * window + offset - window;
    return first > 0 ? first : 0;
}

static struct head head_at(const struct job *job, int64_t sequence, int64_t index)
{
    const struct pl_hybrid *hybrid = &job->hybrid;
    const int64_t kv_head = index * hybrid->kv_heads / hybrid->heads;
    const int64_t first = job->rows.starts[sequence],
                  first_key = first + sequence * job->cache.kept;
    struct head head = {.rows = job->rows.starts[sequence + 1] - first,
                        .q_stride = hybrid->heads * hybrid->head_dim,
                        .k_stride = hybrid->kv_heads * hybrid->head_dim,
                        .v_stride = hybrid->kv_heads * hybrid->value_dim,
                        .f_stride = hybrid->heads * hybrid->features,
                        .o_stride = hybrid->heads * hybrid->value_dim};
    head.keys = job->cache.kept + head.rows;
    head.q = first * head.q_stride + index * hybrid->head_dim;
    head.k = first_key * head.k_stride + kv_head * hybrid->head_dim;
    head.v = first_key * head.v_stride + kv_head * hybrid->value_dim;
    head.qf = first * head.f_stride + index * hybrid->features;
    head.kf = first_key * head.f_stride + index * hybrid->features;
    head.o = first * head.o_stride + index * hybrid->value_dim;
    head.sum = first * hybrid->heads + index;
    head.gate = job->factor ? pl_real_sigmoid(job->factor->value[index]) : 1;
    return head;
}

/* The first key, of those at hand, in the window of a row. */
static int64_t first_key(const struct job *job, const struct head *head, int64_t row)
{
    const int64_t position = job->cache.start + job->cache.kept + row;
    return pl_hybrid_first(&job->hybrid, position, job->cache.start + head->keys) -
           job->cache.start;
}

/* state += f' [v, 1], with a factor */
PL_CLONES static void add_outer(int64_t features, int64_t dim, pl_real factor,
                                const pl_real *restrict f, const pl_real *restrict v,
                                pl_real *restrict state)
{
    for (int64_t i = 0; i < features; i++, state += dim + 1) {
        const pl_real weight = factor * f[i];
        for (int64_t e = 0; e < dim; e++)
            state[e] += weight * v[e];
        state[dim] += weight;
    }
}

/* out += f state, of width dim; returns f z */
PL_CLONES static pl_real read_state(int64_t features, int64_t dim, const pl_real *restrict f,
                                    const pl_real *restrict state, pl_real *restrict out)
{
    pl_real sum = 0;
    for (int64_t i = 0; i < features; i++, state += dim + 1) {
        for (int64_t e = 0; e < dim; e++)
            out[e] += f[i] * state[e];
        sum += f[i] * state[dim];
    }
    return sum;
}

/* df_i += factor (state_i x - pull z_i) */
PL_CLONES static void read_state_back(int64_t features, int64_t dim, pl_real factor, pl_real pull,
                                      const pl_real *restrict x, const pl_real *restrict state,
                                      pl_real *restrict df)
{
    for (int64_t i = 0; i < features; i++, state += dim + 1)
        df[i] += factor * ((pl_real)pl_real_dot(dim, state, x) - pull * state[dim]);
}

/* Scores of keys begin to end - 1, as e^(s - c); the key with the largest one. */
PL_KERNEL int64_t score(const struct job *job, const struct head *head, int64_t row, int64_t begin,
                        int64_t end, pl_real *restrict scores)
{
    const int64_t dim = job->hybrid.head_dim, count = end - begin;
    const pl_real *q = job->q->value + head->q + row * head->q_stride;
    int64_t top = 0;
    pl_rows_dot(dim, count, (pl_real)(1 / sqrt((double)dim)), q,
                job->k->value + head->k + begin * head->k_stride, head->k_stride, scores);
    for (int64_t j = 1; j < count; j++)
        top = scores[j] > scores[top] ? j : top;
    const pl_real most = count > 0 ? scores[top] : 0;
    for (int64_t j = 0; j < count; j++)
        scores[j] = pl_real_exp(scores[j] - most);
    return begin + top;
}

/* ---- forward */

/* Adds the keys up to `end` to the state. */
static void absorb(const struct job *job, const struct head *head, int64_t *absorbed, int64_t end,
                   pl_real *state)
{
    for (; *absorbed < end && job->kf; ++*absorbed)
        add_outer(job->hybrid.features, job->hybrid.value_dim, 1,
                  job->kf->value + head->kf + *absorbed * head->f_stride,
                  job->v->value + head->v + *absorbed * head->v_stride, state);
}

PL_CLONES static void row_forward(const struct job *job, const struct head *head, int64_t row,
                                  int64_t begin, const pl_real *state, pl_real *scores)
{
    const struct pl_hybrid *hybrid = &job->hybrid;
    const int64_t end = job->cache.kept + row + 1, dim = hybrid->value_dim;
    pl_real *out = job->o->value + head->o + row * head->o_stride;
    pl_real sum = hybrid->form == PL_HYBRID_LINEAR ? (pl_real)1e-12 : 0;
    memset(out, 0, (size_t)dim * sizeof *out);
    score(job, head, row, begin, end, scores);
    for (int64_t j = 0; j < end - begin; j++) {
        scores[j] *= head->gate;
        sum += scores[j];
    }
    pl_rows_gather(dim, end - begin, 1, scores, job->v->value + head->v + begin * head->v_stride,
                   head->v_stride, out);
    if (job->qf)
        sum += read_state(hybrid->features, dim, job->qf->value + head->qf + row * head->f_stride,
                          state, out);
    for (int64_t e = 0; e < dim; e++)
        out[e] /= sum;
    if (job->sums)
        job->sums[head->sum + row * hybrid->heads] = sum;
}

static int64_t state_size(const struct job *job)
{
    return job->hybrid.features * (job->hybrid.value_dim + 1);
}

/* Keys of the largest window. */
static int64_t scores_size(const struct job *job)
{
    const int64_t most = 2 * job->hybrid.window;
    return most < job->longest ? most : job->longest;
}

static enum pl_status head_forward(struct pl_context *context, void *argument, int64_t item)
{
    const struct job *job = argument;
    const int64_t heads = job->hybrid.heads;
    const struct head head = head_at(job, item / heads, item % heads);
    const size_t size = (size_t)state_size(job) * sizeof(pl_real);
    pl_real *state = job->scratch + context->slot * job->slot_size;
    pl_real *scores = state + state_size(job);
    int64_t absorbed = 0;
    if (job->cache.state)
        memcpy(state, job->cache.state + item * state_size(job), size);
    else
        memset(state, 0, size);
    for (int64_t row = 0; row < head.rows; row++) {
        const int64_t begin = first_key(job, &head, row);
        absorb(job, &head, &absorbed, begin, state);
        row_forward(job, &head, row, begin, state, scores);
    }
    if (job->cache.state)
        memcpy(job->cache.state + item * state_size(job), state, size);
    return PL_OK;
}

/* ---- backward */

/* What the window and the query of a row get; returns the gradient of the gate.  weights: room
 * for as many as scores. */
PL_CLONES static double row_backward(const struct job *job, const struct head *head, int64_t row,
                                     int64_t begin, const pl_real *state, pl_real *scores,
                                     pl_real *weights)
{
    const struct pl_hybrid *hybrid = &job->hybrid;
    const int64_t count = row + 1 - begin, dim = hybrid->value_dim, key_dim = hybrid->head_dim;
    const int64_t o = head->o + row * head->o_stride, q = head->q + row * head->q_stride;
    const int64_t k = head->k + begin * head->k_stride, v = head->v + begin * head->v_stride;
    const pl_real *dout = job->o->gradient + o, scale = (pl_real)(1 / sqrt((double)key_dim));
    const pl_real factor = 1 / job->sums[head->sum + row * hybrid->heads];
    const pl_real dot = (pl_real)pl_real_dot(dim, dout, job->o->value + o);
    const int64_t top = score(job, head, row, begin, row + 1, scores);
    double dgate = 0, pulled = 0;
    if (job->v->gradient) {
        for (int64_t j = 0; j < count; j++)
            weights[j] = head->gate * scores[j] * factor;
        pl_rows_spread(dim, count, weights, dout, job->v->gradient + v, head->v_stride);
    }
    pl_rows_dot(dim, count, 1, dout, job->v->value + v, head->v_stride, weights);
    for (int64_t j = 0; j < count; j++) {
        const pl_real part = scores[j] * (factor * (weights[j] - dot));
        dgate += (double)part;
        scores[j] = head->gate * part;
        pulled += (double)scores[j];
    }
    if (count > 0)
        scores[top - begin] -= (pl_real)pulled;
    for (int64_t j = 0; j < count; j++)
        scores[j] *= scale;
    if (job->q->gradient)
        pl_rows_gather(key_dim, count, 1, scores, job->k->value + k, head->k_stride,
                       job->q->gradient + q);
    if (job->k->gradient)
        pl_rows_spread(key_dim, count, scores, job->q->value + q, job->k->gradient + k,
                       head->k_stride);
    if (job->qf && job->qf->gradient)
        read_state_back(hybrid->features, dim, factor, dot, dout, state,
                        job->qf->gradient + head->qf + row * head->f_stride);
    return dgate;
}

static double windows_backward(const struct job *job, const struct head *head, pl_real *state,
                               pl_real *scores)
{
    int64_t absorbed = 0;
    double dgate = 0;
    memset(state, 0, (size_t)state_size(job) * sizeof *state);
    for (int64_t row = 0; row < head->rows; row++) {
        const int64_t begin = first_key(job, head, row);
        absorb(job, head, &absorbed, begin, state);
        dgate += row_backward(job, head, row, begin, state, scores, scores + scores_size(job));
    }
    return dgate;
}

/* R += factor f' dout, and r, its last column, likewise with dot. */
PL_CLONES static void add_gradient(int64_t features, int64_t dim, pl_real factor, pl_real dot,
                                   const pl_real *restrict f, const pl_real *restrict dout,
                                   pl_real *restrict state)
{
    for (int64_t i = 0; i < features; i++, state += dim + 1) {
        const pl_real weight = factor * f[i];
        for (int64_t e = 0; e < dim; e++)
            state[e] += weight * dout[e];
        state[dim] += weight * dot;
    }
}

/* What the keys and values get from the rows in whose windows they no longer are. */
static void before_backward(const struct job *job, const struct head *head, pl_real *state)
{
    const struct pl_hybrid *hybrid = &job->hybrid;
    const int64_t features = hybrid->features, dim = hybrid->value_dim;
    memset(state, 0, (size_t)state_size(job) * sizeof *state);
    for (int64_t row = head->rows - 1; row >= 0; row--) {
        const int64_t o = head->o + row * head->o_stride;
        const pl_real *dout = job->o->gradient + o;
        const pl_real *f = job->qf->value + head->qf + row * head->f_stride;
        const pl_real factor = 1 / job->sums[head->sum + row * hybrid->heads];
        const pl_real dot = (pl_real)pl_real_dot(dim, dout, job->o->value + o);
        add_gradient(features, dim, factor, dot, f, dout, state);
        const int64_t end = first_key(job, head, row);
        for (int64_t j = row > 0 ? first_key(job, head, row - 1) : 0; j < end; j++) {
            const int64_t v = head->v + j * head->v_stride, kf = head->kf + j * head->f_stride;
            if (job->kf->gradient)
                read_state_back(features, dim, 1, 1, job->v->value + v, state,
                                job->kf->gradient + kf);
            if (job->v->gradient)
                read_state(features, dim, job->kf->value + kf, state, job->v->gradient + v);
        }
    }
}

/* All heads that share a head of keys and values, one behind the other. */
static enum pl_status head_backward(struct pl_context *context, void *argument, int64_t item)
{
    const struct job *job = argument;
    const int64_t kv_heads = job->hybrid.kv_heads, group = job->hybrid.heads / kv_heads;
    pl_real *state = job->scratch + context->slot * job->slot_size;
    for (int64_t i = 0; i < group; i++) {
        const int64_t sequence = item / kv_heads, index = item % kv_heads * group + i;
        const struct head head = head_at(job, sequence, index);
        double dgate = windows_backward(job, &head, state, state + state_size(job));
        job->dfactors[sequence * job->hybrid.heads + index] =
            dgate * (double)(head.gate * (1 - head.gate));
        if (job->qf)
            before_backward(job, &head, state);
    }
    return PL_OK;
}

static enum pl_status take_scratch(struct pl_tape *tape, struct job *job)
{
    job->slot_size = (state_size(job) + 2 * scores_size(job) + PL_LANES) / PL_LANES * PL_LANES;
    job->scratch = pl_tape_take(tape, pl_parallel_threads(tape->context) * job->slot_size,
                                sizeof *job->scratch);
    return job->scratch ? PL_OK : tape->context->status;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct job *job = saved;
    const int64_t heads = job->hybrid.heads, sequences = job->rows.count;
    job->dfactors = pl_tape_new(tape, sequences * heads, sizeof *job->dfactors);
    if (!job->dfactors || take_scratch(tape, job) ||
        pl_parallel(tape->context, sequences * job->hybrid.kv_heads, head_backward, job))
        return tape->context->status;
    for (int64_t i = 0; job->factor && job->factor->gradient && i < sequences; i++)
        for (int64_t head = 0; head < heads; head++)
            job->factor->gradient[head] += (pl_real)job->dfactors[i * heads + head];
    return PL_OK;
}

static bool wants(const struct pl_variable *variable)
{
    return variable && variable->gradient;
}

struct pl_variable *pl_op_hybrid(struct pl_tape *tape, const struct pl_hybrid *hybrid,
                                 const struct pl_rows *rows, struct pl_variable *q,
                                 struct pl_variable *k, struct pl_variable *v,
                                 struct pl_variable *qf, struct pl_variable *kf,
                                 struct pl_variable *factor, const struct pl_hybrid_cache *cache)
{
    if (!q || !k || !v || (qf && !kf))
        return NULL;
    struct job job = {.hybrid = *hybrid,
                      .rows = *rows,
                      .q = q,
                      .k = k,
                      .v = v,
                      .qf = qf,
                      .kf = kf,
                      .factor = qf ? factor : NULL};
    const bool wanted =
        !cache && (wants(q) || wants(k) || wants(v) || wants(qf) || wants(kf) || wants(job.factor));
    const int64_t count = rows->starts[rows->count];
    job.o = pl_tape_matrix(tape, wanted, count, hybrid->heads * hybrid->value_dim);
    if (!job.o)
        return NULL;
    if (job.o->gradient) {
        job.sums = pl_tape_take(tape, count * hybrid->heads, sizeof *job.sums);
        if (!job.sums)
            return NULL;
    }
    if (cache)
        job.cache = *cache;
    for (int64_t i = 0; i < rows->count; i++)
        if (rows->starts[i + 1] - rows->starts[i] > job.longest)
            job.longest = rows->starts[i + 1] - rows->starts[i];
    job.longest += job.cache.kept;
    if (take_scratch(tape, &job) ||
        pl_parallel(tape->context, rows->count * hybrid->heads, head_forward, &job))
        return NULL;
    if (job.o->gradient && pl_tape_note(tape, backward, &job, sizeof job))
        return NULL;
    return job.o;
}
