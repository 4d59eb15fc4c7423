/* Reordered language models compute what they computed: logits, not losses, are compared.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include <unistd.h>

#include "base/rng.h"
#include "linalg/assignment.h"
#include "models/lm_stream.h"
#include "models/lora.h"
#include "stream/writer.h"
#include "tensor/blas.h"
#include "weights/gather.h"
#include "weights/match.h"
#include "weights/weights.h"

enum { VOCABULARY = 23, LENGTH = 40, SETTINGS = 16 };

static struct pl_context context;
static char paths[2][32] = {"/tmp/permuted-XXXXXX", "/tmp/permuted-XXXXXX"};

static const struct {
    const char *type, *settings[6];
    struct pl_lm_lora lora;
} models[] = {
    /* Llama's shape: rotary, keys shared, gated */
    {.type = "transformer", .settings = {"kv-heads=2", "mlp=40"}},
    {.type = "transformer", .settings = {"qk-norm=yes", "bias=qkv"}},
    {.type = "transformer", .settings = {"positions=64"}},
    {.type = "transformer", .settings = {"positions=64", "qk-norm=yes"}},
    {.type = "gla", .settings = {"conv=4", "expand-k=1"}},
    {.type = "gla", .settings = {"kv-heads=2", "clamp-min=-0.3", "out-gate=no"}},
    {.type = "gla", .settings = {"gate-rank=3", "expand-v=2"}},
    {.type = "deltanet", .settings = {"gate=yes", "out-gate=yes"}},
    {.type = "deltanet", .settings = {"neg-eigval=yes", "expand-v=2", "qk-act=elu", "qk-norm=sum"}},
    {.type = "deltanet", .settings = {"beta=no", "conv=3"}},
    {.type = "deltaproduct", .settings = {"nh=2"}},
    {.type = "mom", .settings = {"memories=3", "topk=2"}},
    {.type = "liger", .settings = {"bias=attention", "gate=gsa", "learn-mix=yes"}},
    {.type = "liger", .settings = {"positions=64"}},
    {.type = "lolcats", .settings = {"bias=attention", "kv-heads=2"}},
    /* Adapters as narrow as usual, and with as many rows as the residual stream has channels. */
    {.type = "liger", .settings = {"gate=hgrn2"}, .lora = {4, 8, "q,v,o"}},
    {.type = "lolcats", .settings = {"window=4"}, .lora = {32, 8, "k,o"}},
};
enum { MODELS = sizeof models / sizeof *models };

static void stop_on(enum pl_status status)
{
    if (status) {
        fprintf(stderr, "# %s\n", context.message);
        abort();
    }
}

static void write_lm(const struct pl_lm *lm, const char *path)
{
    struct pl_writer *writer = pl_writer_open(&context, path);
    stop_on(pl_lm_write(&context, lm, NULL, writer));
    stop_on(pl_writer_end(&context, writer));
    stop_on(pl_writer_commit(&context, writer));
}

/* A model with nothing left at 0 or 1, so that a norm or a bias left behind shows. */
static void write_model(int model, uint64_t seed, const char *path)
{
    const char *settings[SETTINGS] = {"dim=32", "heads=4", "layers=2", "mlp=48", "chunk=8"};
    size_t count = 5;
    struct pl_lm lm;
    for (int i = 0; i < 6 && models[model].settings[i]; i++)
        settings[count++] = models[model].settings[i];
    stop_on(
        pl_lm_init(&context, &lm, pl_model_find(models[model].type), settings, count, VOCABULARY));
    if (models[model].lora.rank)
        stop_on(pl_lora_attach(&context, &lm, &models[model].lora));
    stop_on(pl_parameters_start(&context, &lm.parameters, seed, 0.3));
    for (size_t p = 0; p < lm.parameters.count; p++) {
        struct pl_parameter *parameter = lm.parameters.items[p];
        struct pl_rng rng = pl_rng_init(seed, parameter->name);
        for (int64_t i = 0; i < parameter->variable.count; i++)
            parameter->variable.value[i] += (pl_real)(0.2 * pl_rng_normal(&rng, (uint64_t)i));
    }
    write_lm(&lm, path);
    pl_lm_release(&lm);
}

/* [LENGTH, VOCABULARY], the caller's to free. */
static pl_real *logits_of(const struct pl_lm *lm)
{
    int32_t ids[LENGTH];
    struct pl_rng rng = pl_rng_init(9, "text");
    struct pl_tape tape = {.context = &context};
    struct pl_pass pass = {.tape = &tape, .lm = lm};
    for (int i = 0; i < LENGTH; i++)
        ids[i] = (int32_t)pl_rng_below(&rng, (uint64_t)i, VOCABULARY);
    stop_on(pl_rows_even(&tape, 1, LENGTH, &pass.rows));
    const struct pl_variable *logits = pl_lm_logits(&pass, pl_lm_forward(&pass, ids));
    stop_on(logits ? PL_OK : context.status);
    pl_real *copy = malloc(LENGTH * VOCABULARY * sizeof *copy);
    memcpy(copy, logits->value, LENGTH * VOCABULARY * sizeof *copy);
    pl_tape_release(&tape);
    return copy;
}

/* Puts the parameters in the order of the permutations, if the specification has them. */
static void reorder(struct pl_lm *lm, const struct pl_permutation_spec *spec,
                    const struct pl_tensor *const *tensors,
                    const struct pl_permutations *permutations)
{
    for (size_t t = 0; t < spec->tensor_count; t++) {
        struct pl_parameter *parameter = pl_parameter_find(&lm->parameters, spec->tensors[t].name);
        stop_on(pl_gather_tensor(&context, &spec->tensors[t], tensors[t], permutations->items,
                                 parameter->variable.value));
    }
}

static double difference(const pl_real *a, const pl_real *b)
{
    double worst = 0, size = 0;
    for (int i = 0; i < LENGTH * VOCABULARY; i++) {
        size = fmax(size, fabs((double)b[i]));
        if (!(fabs((double)(a[i] - b[i])) <= worst)) /* NaN stays */
            worst = fabs((double)(a[i] - b[i]));
    }
    return worst / size;
}

static bool moves(const int64_t *permutation, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (permutation[i] != i)
            return true;
    return false;
}

/* Scores of chance for a group. */
static double *chance(const struct pl_permutation_spec *spec, int64_t group, uint64_t seed)
{
    const int64_t n = spec->groups[group].size;
    struct pl_rng rng = pl_rng_init(seed, spec->groups[group].name);
    double *scores = malloc((size_t)(n * n) * sizeof *scores);
    for (int64_t i = 0; i < n * n; i++)
        scores[i] = pl_rng_normal(&rng, (uint64_t)i);
    return scores;
}

/* An order that scores of chance ask for; false when some group stays as it is. */
static bool shuffle(const struct pl_permutation_spec *spec, uint64_t seed,
                    struct pl_permutations *permutations)
{
    bool all = true;
    for (size_t h = 0; h < spec->heads_count; h++) {
        double *scores[PL_HEADS_GROUPS] = {NULL}, value;
        int64_t *found[PL_HEADS_GROUPS] = {NULL};
        for (int i = 0; i < PL_HEADS_GROUPS; i++) {
            const int64_t group = spec->heads[h].groups[i];
            scores[i] = group < 0 ? NULL : chance(spec, group, seed);
            found[i] = group < 0 ? NULL : permutations->items[group];
        }
        stop_on(pl_match_heads(&context, spec, &spec->heads[h], scores, found, &value, NULL));
        for (int i = 0; i < PL_HEADS_GROUPS; i++)
            free(scores[i]);
    }
    for (size_t g = 0; g < spec->group_count; g++) {
        const int64_t n = spec->groups[g].size;
        double *scores = chance(spec, (int64_t)g, seed), value;
        if (spec->groups[g].heads < 0)
            stop_on(pl_assign(&context, PL_ASSIGN_MOST, scores, n, permutations->items[g], &value,
                              NULL, NULL));
        free(scores);
        all = all && moves(permutations->items[g], n);
    }
    return all;
}

/* All heads have one order of the channels that a norm ties together. */
static void check_shared(const struct pl_permutation_spec *spec,
                         const struct pl_permutations *permutations)
{
    for (size_t h = 0; h < spec->heads_count; h++) {
        const struct pl_spec_heads *heads = &spec->heads[h];
        if (heads->groups[PL_HEADS_VALUE] < 0)
            continue;
        const int64_t *all = permutations->items[heads->groups[PL_HEADS_O]];
        const int64_t *one = permutations->items[heads->groups[PL_HEADS_VALUE]];
        const int64_t width = spec->groups[heads->groups[PL_HEADS_VALUE]].size;
        for (int64_t i = 0; i < heads->heads * width; i++)
            CHECK(all[i] % width == one[i % width]);
    }
}

struct pair {
    struct pl_weights file[2];
    const struct pl_tensor *const *tensors[2];
    struct pl_permutation_spec spec;
    struct pl_permutations permutations;
    struct pl_arena arena;
};

static void open_pair(struct pair *pair)
{
    const struct pl_bundle *bundles[2];
    *pair = (struct pair){.arena = {0}};
    for (int i = 0; i < 2; i++) {
        stop_on(pl_weights_open(&context, &pair->file[i], paths[i]));
        bundles[i] = &pair->file[i].bundle;
    }
    stop_on(pl_spec_derive(&context, &pair->spec, bundles[0], 0));
    stop_on(pl_spec_lint(&context, &pair->spec, bundles, 2, false));
    for (int i = 0; i < 2; i++)
        stop_on(
            pl_match_tensors(&context, &pair->arena, &pair->spec, bundles[i], &pair->tensors[i]));
    stop_on(pl_permutations_init(&context, &pair->permutations, &pair->spec));
}

/* Two models of a kind that chance made different. */
static void open_pair_of(int model, struct pair *pair)
{
    write_model(model, 1, paths[0]);
    write_model(model, 2, paths[1]);
    open_pair(pair);
}

static void close_pair(struct pair *pair)
{
    pl_permutations_release(&pair->permutations);
    pl_spec_release(&pair->spec);
    for (int i = 0; i < 2; i++)
        pl_weights_close(&pair->file[i]);
    pl_arena_release(&pair->arena);
}

/* B's net in an order of chance in which no group stays. */
static void read_shuffled(struct pair *pair, struct pl_lm *lm)
{
    uint64_t seed = 0;
    while (!shuffle(&pair->spec, seed, &pair->permutations) && seed < 1000)
        seed++;
    CHECK(seed < 1000);
    stop_on(pl_lm_read(&context, lm, &pair->file[1].bundle));
    reorder(lm, &pair->spec, pair->tensors[1], &pair->permutations);
}

/* Of the others the inside of the mixer stays as it is. */
static bool has_heads(const char *type)
{
    return strcmp(type, "transformer") == 0 || strcmp(type, "gla") == 0 ||
           strcmp(type, "deltanet") == 0;
}

static void function_is_preserved(void)
{
    for (int m = 0; m < MODELS; m++) {
        struct pair pair;
        struct pl_lm lm, other;
        open_pair_of(m, &pair);
        stop_on(pl_lm_read(&context, &lm, &pair.file[1].bundle));
        read_shuffled(&pair, &other);
        pl_real *before = logits_of(&lm), *after = logits_of(&other);
        const double off = difference(after, before);
        if (!(off <= 1e-5))
            printf("# %s %s: logits differ by %g\n", models[m].type, models[m].settings[0], off);
        CHECK(off <= 1e-5);
        const bool fixed = !has_heads(models[m].type);
        CHECK((pair.spec.heads_count == 0) == fixed);
        check_shared(&pair.spec, &pair.permutations);
        free(before);
        free(after);
        pl_lm_release(&lm);
        pl_lm_release(&other);
        close_pair(&pair);
    }
}

/* B beside its own copy in another order: nothing is left between them. */
static void copies_are_found(void)
{
    for (int m = 0; m < MODELS; m++) {
        struct pair pair;
        struct pl_lm lm;
        struct pl_match_sums sums;
        open_pair_of(m, &pair);
        read_shuffled(&pair, &lm);
        close_pair(&pair);
        write_lm(&lm, paths[0]);
        pl_lm_release(&lm);
        open_pair(&pair);
        struct pl_matching matching = {
            .spec = &pair.spec, .a = pair.tensors[0], .b = pair.tensors[1], .most = 100};
        stop_on(pl_match_measure(&context, &matching, NULL, &sums));
        CHECK(sums.distance > 1);
        stop_on(pl_match_weights(&context, &matching, &pair.permutations));
        stop_on(pl_match_measure(&context, &matching, pair.permutations.items, &sums));
        CHECK_NEAR(sums.inner, matching.inner, 1e-9);
        if (sums.distance > 0)
            printf("# %s %s: distance %g\n", models[m].type, models[m].settings[0], sums.distance);
        CHECK(sums.distance == 0);
        close_pair(&pair);
    }
}

int main(void)
{
    for (int i = 0; i < 2; i++)
        close(mkstemp(paths[i]));
    stop_on(pl_blas_open(&context));
    RUN(function_is_preserved);
    RUN(copies_are_found);
    for (int i = 0; i < 2; i++)
        unlink(paths[i]);
    FINISH();
}
