/* The training loop on a language model: memory, steps that are skipped, runs that diverge, and
 * checkpoints.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include <unistd.h>

#include "autograd/ops.h"
#include "base/rng.h"
#include "counted.h"
#include "models/lm.h"
#include "tensor/blas.h"
#include "train/loop.h"

enum { BATCH = 4, LENGTH = 24, ROWS = BATCH * LENGTH, VOCABULARY = 12 };

/* A model that learns to count, and when its loss or gradient is to be spoilt. */
struct subject {
    struct pl_context context;
    struct pl_lm lm;
    struct pl_objective objective;
    struct pl_loop loop;
    int32_t ids[ROWS], targets[ROWS];
    int64_t spoilt_from, spoilt_to; /* micro-batches whose gradient is no number */
    int64_t blown_up;               /* one whose loss is none */
    long asked;                     /* for memory, before the second step */
};

static enum pl_status spoil(struct pl_tape *tape, void *saved)
{
    (void)tape;
    (*(struct pl_variable **)saved)->gradient[0] = NAN;
    return PL_OK;
}

static struct pl_variable *loss(void *self, struct pl_tape *tape, int64_t index)
{
    struct subject *subject = self;
    struct pl_pass pass = {.tape = tape, .lm = &subject->lm};
    if (index == 1)
        subject->asked = counted_asked;
    if (index >= subject->spoilt_from && index < subject->spoilt_to &&
        pl_tape_note(tape, spoil, &subject->lm.norm, sizeof(struct pl_variable *)))
        return NULL;
    if (pl_rows_even(tape, BATCH, LENGTH, &pass.rows))
        return NULL;
    struct pl_variable *hidden = pl_lm_forward(&pass, subject->ids);
    struct pl_variable *out =
        pl_op_head_loss(tape, hidden, subject->lm.head, subject->targets, NULL);
    if (pass.auxiliary)
        out = pl_op_add(tape, out, pass.auxiliary, 1);
    if (out && index == subject->blown_up)
        out->value[0] = INFINITY;
    return out;
}

static void subject_open(struct subject *subject, const char *type, int threads, int64_t steps)
{
    static const char *const settings[] = {"dim=16", "heads=2", "layers=2", "mlp=24", "chunk=8"};
    struct pl_context *context = &subject->context;
    *subject = (struct subject){.blown_up = -1};
    context->threads = threads;
    for (int i = 0; i < ROWS; i++) {
        subject->ids[i] = i % VOCABULARY;
        subject->targets[i] = (i + 1) % VOCABULARY;
    }
    CHECK(!pl_lm_init(context, &subject->lm, pl_model_find(type), settings, 5, VOCABULARY) &&
          !pl_parameters_start(context, &subject->lm.parameters, 3, 0.05));
    subject->objective = (struct pl_objective){.self = subject,
                                               .parameters = &subject->lm.parameters,
                                               .units = ROWS,
                                               .most_loss = 100,
                                               .loss = loss};
    subject->loop =
        (struct pl_loop){.context = context,
                         .objective = &subject->objective,
                         .options = {.steps = steps,
                                     .accumulate = 1,
                                     .clip = 1,
                                     .schedule = {PL_SCHEDULE_COSINE, 0.02, 0.1, 2, steps},
                                     .optimiser = {PL_ADAMW, 0.01, 0.9, 0.95, 1e-8, 0}}};
    CHECK(!pl_loop_start(&subject->loop));
}

static void subject_close(struct subject *subject)
{
    pl_loop_release(&subject->loop);
    pl_lm_release(&subject->lm);
}

static bool same_weights(const struct subject *a, const struct subject *b)
{
    for (size_t i = 0; i < a->lm.parameters.count; i++) {
        const struct pl_variable *x = &a->lm.parameters.items[i]->variable;
        const struct pl_variable *y = &b->lm.parameters.items[i]->variable;
        if (memcmp(x->value, y->value, (size_t)x->count * sizeof *x->value) != 0)
            return false;
    }
    return true;
}

static void no_memory_after_the_first_step(void)
{
    for (const struct pl_model_type *type = pl_models; type->name; type++)
        for (int threads = 1; threads <= 2 && type->family == PL_FAMILY_LANGUAGE; threads++) {
            struct subject subject;
            subject_open(&subject, type->name, threads, 6);
            CHECK(!pl_loop_run(&subject.loop));
            CHECK(counted_asked == subject.asked);
            CHECK(subject.asked > 0 || !counted());
            if (check_failed_here)
                printf("# %s, %d threads\n", type->name, threads);
            subject_close(&subject);
        }
}

static void it_learns(void)
{
    struct subject one, two;
    subject_open(&one, "gla", 1, 60);
    subject_open(&two, "gla", 2, 60);
    CHECK(!pl_loop_run(&one.loop) && !pl_loop_run(&two.loop));
    CHECK(one.loop.loss < 0.2 && one.loop.loss == two.loop.loss);
    CHECK(one.loop.step == 60 && one.loop.skipped == 0 && !one.loop.stopped);
    CHECK(same_weights(&one, &two));
    subject_close(&one);
    subject_close(&two);
}

/* A step whose gradient is no number changes no weight. */
static void skipped_steps(void)
{
    struct subject all, none;
    subject_open(&all, "deltanet", 1, 5);
    subject_open(&none, "deltanet", 1, 0);
    all.spoilt_to = 5;
    CHECK(!pl_loop_run(&all.loop) && !pl_loop_run(&none.loop));
    CHECK(all.loop.skipped == 5 && same_weights(&all, &none));
    subject_close(&all);
    subject_close(&none);
    subject_open(&all, "deltanet", 1, 100);
    all.spoilt_from = 10;
    all.spoilt_to = 100;
    CHECK(pl_loop_run(&all.loop) == PL_NUMERIC);
    CHECK_TEXT(all.context.message,
               "diverged at step 26: the gradient was not finite 16 times in a row");
    subject_close(&all);
}

static void divergence(void)
{
    struct subject subject;
    subject_open(&subject, "gla", 1, 20);
    subject.blown_up = 7;
    CHECK(pl_loop_run(&subject.loop) == PL_NUMERIC && subject.loop.step == 7);
    CHECK_TEXT(subject.context.message,
               "diverged at step 8: the loss is inf; a lower --lr may help");
    subject_close(&subject);
    subject_open(&subject, "gla", 1, 20);
    subject.lm.embeddings->value[0] = NAN;
    CHECK(pl_loop_run(&subject.loop) == PL_NUMERIC && subject.loop.step == 0);
    subject_close(&subject);
}

int main(void)
{
    NEED_BLAS("training");
    RUN(no_memory_after_the_first_step);
    RUN(it_learns);
    RUN(skipped_steps);
    RUN(divergence);
    FINISH();
}
