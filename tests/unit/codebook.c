/* Codebooks whose training is stopped after any step and goes on from what was written.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "formats/input.h"
#include "quantize/vq_train.h"
#include "tensor/blas.h"

enum { VECTORS = 400, SIZE = 4, STEPS = 6, CODES = 20 };

static char path[64]; /* of the checkpoint */

struct subject {
    struct pl_context context;
    pl_real vectors[VECTORS * SIZE];
    struct pl_vq vq;
    struct pl_vq_training training;
    struct pl_objective objective;
    struct pl_loop loop;
};

static struct pl_variable *loss(void *self, struct pl_tape *tape, int64_t step)
{
    return pl_vq_training_loss(&((struct subject *)self)->training, tape, step);
}

static void subject_open(struct subject *subject, int method, int64_t levels,
                         const struct pl_bundle *checkpoint)
{
    struct pl_context *context = &subject->context;
    struct pl_rng rng = pl_rng_init(1, "vectors");
    const struct pl_vq_options options = {.method = method,
                                          .codes = CODES,
                                          .levels = levels,
                                          .encoder = "none",
                                          .normalise = true,
                                          .beta = 0.25,
                                          .rate = 1e-2,
                                          .decay = 0.9,
                                          .steps = STEPS,
                                          .batch = 64};
    const struct pl_cut cut = {.height = 1};
    *subject = (struct subject){0};
    for (int64_t i = 0; i < VECTORS * SIZE; i++)
        subject->vectors[i] = (pl_real)pl_rng_normal(&rng, (uint64_t)i);
    CHECK(!pl_vq_init(context, &subject->vq, &options, &cut, SIZE));
    CHECK(!pl_vq_training_open(context, &subject->training, &subject->vq, subject->vectors, VECTORS,
                               checkpoint));
    subject->objective = (struct pl_objective){.self = subject, .loss = loss};
    subject->loop = (struct pl_loop){.context = context, .objective = &subject->objective};
    pl_vq_training_plan(&subject->training, &subject->objective, &subject->loop.options);
    CHECK(!pl_loop_start(&subject->loop));
    CHECK(!checkpoint || !pl_loop_read(&subject->loop, checkpoint));
}

static void subject_close(struct subject *subject)
{
    pl_loop_release(&subject->loop);
    pl_vq_training_close(&subject->training);
    pl_vq_release(&subject->vq);
}

static void run_to(struct subject *subject, int64_t last)
{
    int64_t steps = subject->loop.options.steps;
    subject->loop.options.steps = last < steps ? last : steps;
    CHECK(!pl_loop_run(&subject->loop));
    subject->loop.options.steps = steps;
}

static void save(struct subject *subject)
{
    struct pl_context *context = &subject->context;
    struct pl_meta meta = {0};
    struct pl_meta_node *document = pl_meta_add_map(context, &meta, NULL, NULL);
    struct pl_writer *writer = pl_writer_open(context, path);
    pl_loop_document(&subject->loop, &meta, document);
    CHECK(writer && pl_meta_ok(&meta, context));
    CHECK(!pl_vq_training_write(context, &subject->training, document, writer) &&
          !pl_loop_write(&subject->loop, writer) && !pl_writer_end(context, writer) &&
          !pl_writer_commit(context, writer));
    pl_meta_release(&meta);
}

static void finish(struct subject *subject)
{
    struct pl_vq_result result;
    run_to(subject, INT64_MAX);
    CHECK(!pl_vq_training_finish(&subject->context, &subject->training, &result));
    CHECK(result.mse > 0 && result.mse < 1 && result.usage > 0.2);
}

static bool same_codebook(const struct subject *a, const struct subject *b)
{
    return memcmp(a->vq.codebook->value, b->vq.codebook->value,
                  (size_t)a->vq.codebook->count * sizeof *a->vq.codebook->value) == 0;
}

/* Level by level, k-means has to find again what earlier levels left over. */
static void stopped_after_any_step(void)
{
    struct subject whole, part, rest;
    char folder[] = "/tmp/codebook.XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/checkpoint", folder);
    for (int method = PL_VQ_SIMVQ; method <= PL_VQ_KMEANS; method++) {
        subject_open(&whole, method, 2, NULL);
        finish(&whole);
        for (int64_t last = 0; last <= whole.loop.options.steps; last++) {
            struct pl_source source;
            struct pl_bundle bundle = {0};
            subject_open(&part, method, 2, NULL);
            run_to(&part, last);
            save(&part);
            subject_close(&part);
            CHECK(!pl_input_bundle(&part.context, path, NULL, &source, &bundle));
            subject_open(&rest, method, 2, &bundle);
            CHECK(rest.loop.step == last);
            finish(&rest);
            CHECK(same_codebook(&whole, &rest));
            subject_close(&rest);
            pl_bundle_release(&bundle);
        }
        subject_close(&whole);
    }
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    NEED_BLAS("training");
    RUN(stopped_after_any_step);
    FINISH();
}
