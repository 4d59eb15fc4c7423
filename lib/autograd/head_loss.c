/* The head of a language model and its loss in one.
 * SPDX-License-Identifier: MIT
 *
 * With logits z = x W', p = softmax(z) and n scored rows, the loss is -1/n sum ln p(target), and
 *
 *     dz = (p - onehot(target)) / n        dx = dz W        dW = dz' x
 *
 * The logits of all rows would be the largest array of a training step: rows times vocabulary.  But
 * dz needs nothing from behind the loss but one number to scale it by.  So rows are worked on in
 * blocks whose logits stay in cache, and while a block is there its share of dx and dW is computed
 * at once, for a loss gradient of 1; the way back only scales them.
 *
 * Rows without a target take no part: the others are gathered first, so that a batch in which few
 * tokens are to be predicted costs little. */
#include "autograd/ops.h"

#include "autograd/softmax.h"

struct head {
    struct pl_variable *x, *w, *loss;
    const int32_t *targets;
    int64_t scored, depth, vocabulary;
    int64_t *rows;   /* [scored]: of x */
    int64_t block;   /* rows that logits holds */
    pl_real *inputs; /* [block, depth]: rows of x */
    pl_real *logits; /* [block, vocabulary], which become dz */
    pl_real *dx;     /* [scored, depth], or NULL: not wanted */
    pl_real *dw;     /* [vocabulary, depth], or NULL */
    double *nats;    /* [scored] */
    uint8_t *right;  /* [scored] */
    int64_t first;   /* scored row that the current block begins with */
    int64_t count;   /* scored rows of it */
    int64_t piece;   /* rows, or elements, that one call of a parallel pass works on */
};

enum { BLOCK_LOGITS = 1 << 21, BLOCK_LEAST = 128, BLOCK_MOST = 1024 };

PL_CLONES static void score_rows(const struct head *head, int64_t begin, int64_t end, bool back)
{
    const int64_t vocabulary = head->vocabulary;
    for (int64_t row = begin; row < end; row++) {
        const int64_t item = head->first + row, target = head->targets[head->rows[item]];
        pl_real *restrict z = head->logits + row * vocabulary;
        double sum = pl_softmax_row(vocabulary, z, target, &head->nats[item], &head->right[item]);
        if (!back)
            continue;
        pl_real factor = (pl_real)(1 / (sum * (double)head->scored));
        for (int64_t v = 0; v < vocabulary; v++)
            z[v] *= factor;
        z[target] -= (pl_real)(1 / (double)head->scored);
    }
}

static enum pl_status score_piece(struct pl_context *context, void *job, int64_t item)
{
    const struct head *head = job;
    struct pl_span span = pl_block_span(item, head->piece, head->count);
    (void)context;
    score_rows(head, span.begin, span.end, head->dx || head->dw);
    return PL_OK;
}

/* The block of scored rows that starts at head->first. */
static enum pl_status run_block(struct pl_context *context, struct head *head)
{
    const int64_t depth = head->depth, vocabulary = head->vocabulary;
    int64_t left = head->scored - head->first;
    head->count = left < head->block ? left : head->block;
    for (int64_t i = 0; i < head->count; i++)
        memcpy(head->inputs + i * depth, head->x->value + head->rows[head->first + i] * depth,
               (size_t)depth * sizeof(pl_real));
    if (pl_gemm_blocks(context, false, true, head->count, vocabulary, depth, 1, head->inputs, depth,
                       head->w->value, depth, 0, head->logits, vocabulary) ||
        pl_parallel(context, pl_block_count(head->count, head->piece), score_piece, head))
        return context->status;
    if (head->dx &&
        pl_gemm_blocks(context, false, false, head->count, depth, vocabulary, 1, head->logits,
                       vocabulary, head->w->value, depth, 0, head->dx + head->first * depth, depth))
        return context->status;
    if (head->dw)
        return pl_gemm_blocks(context, true, false, vocabulary, depth, head->count, 1, head->logits,
                              vocabulary, head->inputs, depth, head->first > 0, head->dw, depth);
    return PL_OK;
}

/* Takes memory, and lists the scored rows. */
static enum pl_status prepare(struct pl_tape *tape, struct head *head)
{
    int64_t rows = pl_variable_rows(head->x);
    head->rows = pl_tape_take(tape, rows, sizeof *head->rows);
    if (!head->rows)
        return tape->context->status;
    for (int64_t row = 0; row < rows; row++)
        if (head->targets[row] >= 0)
            head->rows[head->scored++] = row;
    int64_t block = BLOCK_LOGITS / head->vocabulary;
    block = block > BLOCK_MOST ? BLOCK_MOST : block < BLOCK_LEAST ? BLOCK_LEAST : block;
    head->block = block < head->scored ? block : head->scored;
    head->piece = pl_block_rows(head->vocabulary);
    head->inputs = pl_tape_take(tape, head->block * head->depth, sizeof *head->inputs);
    head->logits = pl_tape_take(tape, head->block * head->vocabulary, sizeof *head->logits);
    head->nats = pl_tape_take(tape, head->scored, sizeof *head->nats);
    head->right = pl_tape_take(tape, head->scored, sizeof *head->right);
    if (!head->inputs || !head->logits || !head->nats || !head->right)
        return tape->context->status;
    if (!head->loss->gradient)
        return PL_OK;
    if (head->x->gradient)
        head->dx = pl_tape_take(tape, head->scored * head->depth, sizeof *head->dx);
    if (head->w->gradient)
        head->dw = pl_tape_take(tape, head->vocabulary * head->depth, sizeof *head->dw);
    bool short_of = (head->x->gradient && !head->dx) || (head->w->gradient && !head->dw);
    return short_of ? tape->context->status : PL_OK;
}

static void sum_up(const struct head *head, struct pl_head_score *score)
{
    score->scored = head->scored;
    score->right = 0;
    score->nats = 0;
    if (score->row_right)
        memset(score->row_right, 1, (size_t)pl_variable_rows(head->x));
    if (score->row_nats)
        memset(score->row_nats, 0, (size_t)pl_variable_rows(head->x) * sizeof *score->row_nats);
    for (int64_t i = 0; i < head->scored; i++) {
        score->nats += head->nats[i];
        score->right += head->right[i];
        if (score->row_right)
            score->row_right[head->rows[i]] = head->right[i];
        if (score->row_nats)
            score->row_nats[head->rows[i]] = head->nats[i];
    }
}

static enum pl_status add_inputs(struct pl_context *context, void *job, int64_t item)
{
    const struct head *head = job;
    struct pl_span span = pl_block_span(item, head->piece, head->scored);
    (void)context;
    for (int64_t i = span.begin; i < span.end; i++)
        pl_real_add_scaled(head->depth, head->loss->gradient[0], head->dx + i * head->depth,
                           head->x->gradient + head->rows[i] * head->depth);
    return PL_OK;
}

static enum pl_status add_weights(struct pl_context *context, void *job, int64_t item)
{
    const struct head *head = job;
    struct pl_span span = pl_block_span(item, PL_BLOCK_ELEMENTS, head->w->count);
    (void)context;
    pl_real_add_scaled(span.end - span.begin, head->loss->gradient[0], head->dw + span.begin,
                       head->w->gradient + span.begin);
    return PL_OK;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct head *head = saved;
    head->piece = pl_block_rows(head->depth);
    if (head->dx &&
        pl_parallel(tape->context, pl_block_count(head->scored, head->piece), add_inputs, head))
        return tape->context->status;
    if (head->dw)
        return pl_parallel(tape->context, pl_block_count(head->w->count, PL_BLOCK_ELEMENTS),
                           add_weights, head);
    return PL_OK;
}

struct pl_variable *pl_op_head_loss(struct pl_tape *tape, struct pl_variable *x,
                                    struct pl_variable *w, const int32_t *targets,
                                    struct pl_head_score *score)
{
    if (!x || !w)
        return NULL;
    struct head head = {.x = x, .w = w, .targets = targets};
    head.depth = pl_variable_width(x);
    head.vocabulary = pl_variable_rows(w);
    head.loss = pl_tape_matrix(tape, x->gradient || w->gradient, 1, 1);
    if (!head.loss || prepare(tape, &head))
        return NULL;
    for (; head.first < head.scored; head.first += head.block)
        if (run_block(tape->context, &head))
            return NULL;
    struct pl_head_score own = {0};
    score = score ? score : &own;
    sum_up(&head, score);
    head.loss->value[0] = head.scored ? (pl_real)(score->nats / (double)head.scored) : 0;
    if (head.loss->gradient && head.scored && pl_tape_note(tape, backward, &head, sizeof head))
        return NULL;
    return head.loss;
}
