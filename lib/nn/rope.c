/* Rotary positions (Su, Lu, Pan, Murtadha, Wen, Liu: RoFormer, 2021, arXiv 2104.09864).
 * SPDX-License-Identifier: MIT
 *
 * Channels i and i + head_dim / 2 of a head at position p are turned by the angle p f_i with
 * f_i = base^(-2i / head_dim), or what a scaling makes of it, so that the product of a query and a
 * key depends on the distance of their positions alone.  The gradient is turned back by the same
 * angle.
 *
 * Sines and cosines are taken once for each block of rows and carried from row to row by turning
 * them by f_i, in double, whose rounding over a block is far below that of a float; all heads of a
 * row share them. */
#include "nn/attention.h"

#include "base/parallel.h"
#include "base/simd.h"

enum { BLOCK_ROWS = 64 };

#define PI 3.14159265358979323846

struct job {
    struct pl_rope rope;
    struct pl_rows rows;
    struct pl_variable *x, *out;
    int64_t half, heads, first;
    const double *frequencies; /* [half]; NULL: they differ from sequence to sequence */
    double amplitude;
    bool backward;
    double *angles; /* for each slot: cosine and sine of the row and of one position, [4, half] */
    pl_real *turns; /* for each slot: cosine and sine of the row, [2, half] */
};

/* ---- frequencies */

/* How far a channel that turns so often in the original rows is from being kept, 1, to being
 * divided, 0, in llama3. */
static double kept_share(const struct pl_rope *rope, double frequency)
{
    double turns = (double)rope->original * frequency / (2 * PI);
    double share = (turns - rope->low) / (rope->high - rope->low);
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

/* The channel, of head_dim in all, that turns so often in the original rows. */
static double channel_of(const struct pl_rope *rope, double turns)
{
    return (double)rope->head_dim * log((double)rope->original / (2 * PI * turns)) /
           (2 * log(rope->base));
}

/* The share of a channel's frequency that YaRN divides. */
static double divided_share(const struct pl_rope *rope, int64_t i)
{
    double low = fmax(floor(channel_of(rope, rope->high)), 0);
    double high = fmin(ceil(channel_of(rope, rope->low)), (double)rope->head_dim - 1);
    double share = ((double)i - low) / (high > low ? high - low : 0.001);
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

/* The base for that many rows. */
static double base_of(const struct pl_rope *rope, int64_t rows)
{
    if (rope->scaling != PL_ROPE_DYNAMIC || rows <= rope->original)
        return rope->base;
    double stretch = rope->factor * (double)rows / (double)rope->original - (rope->factor - 1);
    return rope->base * pow(stretch, (double)rope->head_dim / (double)(rope->head_dim - 2));
}

static double frequency_of(const struct pl_rope *rope, int64_t rows, int64_t i)
{
    double frequency = pow(base_of(rope, rows), -2 * (double)i / (double)rope->head_dim), share;

    switch (rope->scaling) {
    case PL_ROPE_LINEAR:
        return frequency / rope->factor;
    case PL_ROPE_LLAMA3:
        share = kept_share(rope, frequency);
        return frequency * ((1 - share) / rope->factor + share);
    case PL_ROPE_YARN:
        share = divided_share(rope, i);
        return frequency * (share / rope->factor + 1 - share);
    default:
        return frequency;
    }
}

static double amplitude_of(const struct pl_rope *rope)
{
    if (rope->scaling != PL_ROPE_YARN)
        return 1;
    return rope->amplitude > 0 ? rope->amplitude : 0.1 * log(rope->factor) + 1;
}

/* ---- turning */

/* The row's cosines and sines, from those of the row before. */
PL_CLONES static void turn(int64_t half, double *restrict angles)
{
    double *restrict cosine = angles, *restrict sine = angles + half;
    const double *restrict by_cosine = angles + 2 * half, *restrict by_sine = angles + 3 * half;

    for (int64_t i = 0; i < half; i++) {
        double c = cosine[i] * by_cosine[i] - sine[i] * by_sine[i];
        sine[i] = sine[i] * by_cosine[i] + cosine[i] * by_sine[i];
        cosine[i] = c;
    }
}

/* count: rows that the base is for. */
static void start(const struct job *job, double *angles, int64_t position, int64_t count)
{
    int64_t half = job->half;

    for (int64_t i = 0; i < half; i++) {
        double frequency =
            job->frequencies ? job->frequencies[i] : frequency_of(&job->rope, count, i);
        double angle = (double)position * frequency;
        angles[i] = job->amplitude * cos(angle);
        angles[half + i] = job->amplitude * sin(angle);
        angles[2 * half + i] = cos(frequency);
        angles[3 * half + i] = sin(frequency);
    }
}

PL_CLONES static void turn_row(int64_t heads, int64_t half, const pl_real *restrict cosine,
                               const pl_real *restrict sine, const pl_real *restrict x,
                               pl_real *restrict out)
{
    for (int64_t head = 0; head < heads; head++, x += 2 * half, out += 2 * half)
        for (int64_t i = 0; i < half; i++) {
            out[i] = x[i] * cosine[i] - x[half + i] * sine[i];
            out[half + i] = x[half + i] * cosine[i] + x[i] * sine[i];
        }
}

PL_CLONES static void turn_row_back(int64_t heads, int64_t half, const pl_real *restrict cosine,
                                    const pl_real *restrict sine, const pl_real *restrict dout,
                                    pl_real *restrict dx)
{
    for (int64_t head = 0; head < heads; head++, dout += 2 * half, dx += 2 * half)
        for (int64_t i = 0; i < half; i++) {
            dx[i] += dout[i] * cosine[i] + dout[half + i] * sine[i];
            dx[half + i] += dout[half + i] * cosine[i] - dout[i] * sine[i];
        }
}

/* The row's cosines and sines, from those of the row before where these are of the same base. */
static void go_to(const struct job *job, double *angles, int64_t sequence, int64_t row, bool anew)
{
    const int64_t *starts = job->rows.starts;
    int64_t position = job->first + row - starts[sequence];
    bool by_row = job->rope.carried && !job->frequencies;

    if (anew || by_row || row == starts[sequence])
        start(job, angles, position,
              by_row ? position + 1 : job->first + starts[sequence + 1] - starts[sequence]);
    else
        turn(job->half, angles);
}

static enum pl_status run_block(struct pl_context *context, void *argument, int64_t item)
{
    const struct job *job = argument;
    const int64_t *starts = job->rows.starts;
    int64_t half = job->half, width = 2 * half * job->heads, first = item * BLOCK_ROWS;
    int64_t end =
        first + BLOCK_ROWS < starts[job->rows.count] ? first + BLOCK_ROWS : starts[job->rows.count];
    int64_t sequence = pl_rows_find(&job->rows, first);
    double *angles = job->angles + context->slot * 4 * half;
    pl_real *turns = job->turns + context->slot * 2 * half;

    for (int64_t row = first; row < end; row++) {
        while (row >= starts[sequence + 1])
            sequence++;
        go_to(job, angles, sequence, row, row == first);
        for (int64_t i = 0; i < 2 * half; i++)
            turns[i] = (pl_real)angles[i];
        if (job->backward)
            turn_row_back(job->heads, half, turns, turns + half, job->out->gradient + row * width,
                          job->x->gradient + row * width);
        else
            turn_row(job->heads, half, turns, turns + half, job->x->value + row * width,
                     job->out->value + row * width);
    }
    return PL_OK;
}

static enum pl_status run(struct pl_tape *tape, struct job *job)
{
    int64_t blocks = (job->rows.starts[job->rows.count] + BLOCK_ROWS - 1) / BLOCK_ROWS;
    int64_t slots = pl_parallel_threads(tape->context);

    job->angles = pl_tape_take(tape, slots * 4 * job->half, sizeof *job->angles);
    job->turns = pl_tape_take(tape, slots * 2 * job->half, sizeof *job->turns);
    if (!job->angles || !job->turns)
        return tape->context->status;
    return pl_parallel(tape->context, blocks, run_block, job);
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct job *job = saved;

    job->backward = true;
    return run(tape, job);
}

/* Those of all rows, unless they depend on the sequence. */
static enum pl_status take_frequencies(struct pl_tape *tape, struct job *job)
{
    if (job->rope.scaling == PL_ROPE_DYNAMIC)
        return PL_OK;
    double *frequencies = pl_tape_take(tape, job->half, sizeof *frequencies);
    for (int64_t i = 0; frequencies && i < job->half; i++)
        frequencies[i] = frequency_of(&job->rope, 0, i);
    job->frequencies = frequencies;
    return frequencies ? PL_OK : tape->context->status;
}

struct pl_variable *pl_op_rope(struct pl_tape *tape, const struct pl_rope *rope,
                               const struct pl_rows *rows, struct pl_variable *x, int64_t first)
{
    if (!x)
        return NULL;
    int64_t count = rows->starts[rows->count], width = pl_variable_width(x);
    struct job job = {.rope = *rope,
                      .rows = *rows,
                      .x = x,
                      .half = rope->head_dim / 2,
                      .heads = width / rope->head_dim,
                      .first = first,
                      .amplitude = amplitude_of(rope)};

    job.out = pl_tape_matrix(tape, x->gradient, count, width);
    if (!job.out || take_frequencies(tape, &job) || run(tape, &job))
        return NULL;
    if (x->gradient && pl_tape_note(tape, backward, &job, sizeof job))
        return NULL;
    return job.out;
}
