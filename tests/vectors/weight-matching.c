/* Weight matching against its reference: assignments, dense and residual nets, heads, activations,
 * many models, repair, straight-through estimation.
 * SPDX-License-Identifier: MIT */
#include "vectors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "layer.h"
#include "linalg/assignment.h"
#include "weights/activations.h"
#include "weights/alignment.h"
#include "weights/gather.h"
#include "weights/merge.h"
#include "weights/permutation.h"
#include "weights/repair.h"
#include "weights/straight.h"

enum { NAME_SIZE = 200, MOST_MODELS = 64 };

/* ---- Models by prefix -------------------------------------------------------------------- */

/* The tensors PREFIX.NAME of the file in the order of the specification. */
static const struct pl_tensor *const *
model(struct vectors *vectors, const struct pl_permutation_spec *spec, const char *prefix)
{
    const struct pl_tensor **list = vectors_new(vectors, (int64_t)spec->tensor_count, sizeof *list);
    for (size_t t = 0; t < spec->tensor_count; t++)
        list[t] = vectors_tensor(vectors, "%s.%s", prefix, spec->tensors[t].name);
    return list;
}

/* Sizes of the groups, from a bundle whose tensors have the names of the specification. */
static bool lint(struct vectors *vectors, struct pl_permutation_spec *spec, const char *prefix)
{
    const struct pl_tensor *const *list = model(vectors, spec, prefix);
    struct pl_bundle bundle = {.source = (char *)prefix, .tensor_count = spec->tensor_count};
    bundle.tensors = vectors_new(vectors, (int64_t)spec->tensor_count, sizeof *bundle.tensors);
    for (size_t t = 0; t < spec->tensor_count; t++) {
        if (!list[t])
            return false;
        bundle.tensors[t] =
            (struct pl_bundle_tensor){(char *)(uintptr_t)spec->tensors[t].name, *list[t]};
    }
    const struct pl_bundle *models[] = {&bundle};
    return vectors_ok(vectors, pl_spec_lint(&vectors->context, spec, models, 1, false));
}

/* The specification of PREFIX.layerN, derived from the file's own names. */
static bool derive(struct vectors *vectors, struct pl_permutation_spec *spec, const char *prefix)
{
    const struct pl_bundle *file = &vectors->file->bundle;
    struct pl_bundle bundle = {.source = (char *)prefix};
    size_t size = strlen(prefix);
    bundle.tensors = vectors_new(vectors, (int64_t)file->tensor_count, sizeof *bundle.tensors);
    for (size_t i = 0; i < file->tensor_count; i++)
        if (strncmp(file->tensors[i].name, prefix, size) == 0 && file->tensors[i].name[size] == '.')
            bundle.tensors[bundle.tensor_count++] = (struct pl_bundle_tensor){
                file->tensors[i].name + size + 1, file->tensors[i].tensor};
    return vectors_ok(vectors, pl_spec_derive(&vectors->context, spec, &bundle, 0)) &&
           lint(vectors, spec, prefix);
}

/* Compares a permutation with an array. */
static void compare_permutation(struct vectors *vectors, const int64_t *p, int64_t n,
                                const char *format, ...) PL_PRINTF(4, 5);
static void compare_permutation(struct vectors *vectors, const int64_t *p, int64_t n,
                                const char *format, ...)
{
    char name[NAME_SIZE];
    double *values = vectors_new(vectors, n, sizeof *values);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    for (int64_t i = 0; i < n; i++)
        values[i] = (double)p[i];
    vectors_compare(vectors, values, n, 0.1, 0, "%s", name);
}

/* Compares a model in its new order with arrays PREFIX.NAME; with share < 1 its mean with A. */
static void compare_model(struct vectors *vectors, const struct pl_matching *matching,
                          const struct pl_permutations *permutations, double share,
                          const char *prefix)
{
    for (size_t t = 0; t < matching->spec->tensor_count; t++) {
        const struct pl_spec_tensor *place = &matching->spec->tensors[t];
        const int64_t count = pl_tensor_count(matching->b[t]);
        double *values = vectors_new(vectors, count, sizeof *values);
        if (!vectors_ok(vectors, pl_gather_tensor(&vectors->context, place, matching->b[t],
                                                  permutations->items, values)))
            return;
        for (int64_t i = 0; i < count; i++)
            values[i] = share * values[i] +
                        (1 - share) * pl_element(matching->a[t]->data, matching->a[t]->dtype, i);
        vectors_compare(vectors, values, count, 1e-14, 1e-10, "%s.%s", prefix, place->name);
    }
}

/* ---- Assignment -------------------------------------------------------------------------- */

static void check_assignment(struct vectors *vectors, const char *name, bool unique)
{
    const int64_t n = vectors_dim(vectors, name, 0);
    char prefix[NAME_SIZE];
    double value;
    snprintf(prefix, sizeof prefix, "%.*s", (int)(strlen(name) - strlen(".cost")), name);
    const double *cost = vectors_doubles(vectors, n * n, "%s", name);
    int64_t *columns = vectors_new(vectors, n, sizeof *columns);
    if (!cost || !vectors_ok(vectors, pl_assign(&vectors->context, PL_ASSIGN_MOST, cost, n, columns,
                                                &value, NULL, NULL)))
        return;
    vectors_compare(vectors, &value, 1, 1e-12, 1e-9, "%s.value", prefix);
    if (unique)
        compare_permutation(vectors, columns, n, "%s.col", prefix);
    else if (pl_bundle_tensor(&vectors->file->bundle, "illscaled.col"))
        vectors_tensor(vectors, "illscaled.col"); /* need not agree */
}

static void check_assignments(struct vectors *vectors)
{
    vectors_select(vectors, "lap.safetensors");
    const struct pl_bundle *bundle = vectors->file ? &vectors->file->bundle : NULL;
    for (size_t i = 0; bundle && i < bundle->tensor_count; i++) {
        const char *name = bundle->tensors[i].name, *dot = strrchr(name, '.');
        if (dot && strcmp(dot, ".cost") == 0)
            check_assignment(vectors, name, name[0] == 'c');
    }
}

/* ---- Dense nets -------------------------------------------------------------------------- */

/* The order of visits that the file gives, one row a sweep. */
struct order {
    const double *rows;
    int64_t count;
};

static void follow_order(void *user, int64_t sweep, int64_t *order, int64_t parts)
{
    const struct order *rows = user;
    int64_t row = sweep < rows->count ? sweep : rows->count - 1;
    for (int64_t i = 0; i < parts; i++)
        order[i] = (int64_t)rows->rows[row * parts + i];
}

/* Matches b to a in the order called seq or rnd. */
static void match_net(struct vectors *vectors, const struct pl_permutation_spec *spec,
                      const char *b, const char *kind, struct pl_permutations *permutations)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s.%s.order", b, kind);
    struct order order = {vectors_doubles(vectors, -1, "%s", name), vectors_dim(vectors, name, 0)};
    struct pl_match_sums sums;
    struct pl_matching matching = {.spec = spec,
                                   .a = model(vectors, spec, "a"),
                                   .b = model(vectors, spec, b),
                                   .most = 100,
                                   .order = follow_order,
                                   .user = &order};
    if (!order.rows)
        return;
    for (int after = 0; after < 2; after++) {
        if (!vectors_ok(vectors,
                        pl_match_measure(&vectors->context, &matching, permutations->items, &sums)))
            return;
        double distance = sqrt(sums.distance);
        vectors_compare(vectors, &distance, 1, 0, 1e-10, "%s.%s.l2_%s", b, kind,
                        after ? "after" : "before");
        if (!after &&
            !vectors_ok(vectors, pl_match_weights(&vectors->context, &matching, permutations)))
            return;
    }
    if (matching.sweeps != order.count)
        vectors_fail(vectors, "%s.%s: %lld sweeps, expected %lld", b, kind,
                     (long long)matching.sweeps, (long long)order.count);
    for (size_t g = 0; g < spec->group_count; g++)
        compare_permutation(vectors, permutations->items[g], spec->groups[g].size, "%s.%s.%s", b,
                            kind, spec->groups[g].name);
    if (strcmp(kind, "seq") != 0)
        return;
    snprintf(name, sizeof name, "%s.permuted", b);
    compare_model(vectors, &matching, permutations, 1, name);
    snprintf(name, sizeof name, "%s.lerp0.5", b);
    compare_model(vectors, &matching, permutations, 0.5, name);
}

/* R for the thresholds that the file has, "R_before_g0.3". */
static void check_alignment(struct vectors *vectors, const struct pl_matching *matching,
                            const struct pl_permutations *permutations, const char *prefix)
{
    const struct pl_bundle *bundle = &vectors->file->bundle;
    const size_t size = strlen(prefix);
    for (size_t i = 0; i < bundle->tensor_count; i++) {
        const char *name = bundle->tensors[i].name;
        struct pl_alignment alignment = {.count = 1};
        if (strncmp(name, prefix, size) != 0 ||
            sscanf(name + size, "%lf", &alignment.thresholds[0]) != 1)
            continue;
        if (!vectors_ok(vectors, pl_alignment_measure(&vectors->context, matching,
                                                      permutations->items, true, &alignment)))
            return;
        vectors_compare(vectors, alignment.r, 1, 1e-12, 1e-9, "%s", name);
        if (alignment.worst > 1e-12)
            vectors_fail(vectors, "singular values change by %g", alignment.worst);
    }
}

static void check_first_scores(struct vectors *vectors, const struct pl_matching *matching,
                               const struct pl_permutations *identity)
{
    const int64_t n = matching->spec->groups[0].size;
    double *scores = vectors_new(vectors, n * n, sizeof *scores);
    if (vectors_ok(vectors,
                   pl_match_scores(&vectors->context, matching, identity->items, 0, scores)))
        vectors_compare(vectors, scores, n * n, 1e-13, 1e-10, "b2.gram_P_0_first");
}

static void check_dense(struct vectors *vectors)
{
    static const char *const kinds[] = {"rnd", "seq"}, *const others[] = {"b1", "b2"};
    struct pl_permutation_spec spec = {0};
    struct pl_permutations permutations = {0};
    vectors_select(vectors, "mlp.safetensors");
    bool ok = vectors->file && derive(vectors, &spec, "a");
    for (int i = 0; i < 4 && ok; i++) {
        pl_permutations_release(&permutations);
        ok = vectors_ok(vectors, pl_permutations_init(&vectors->context, &permutations, &spec));
        struct pl_matching matching = {
            .spec = &spec, .a = model(vectors, &spec, "a"), .b = model(vectors, &spec, "b2")};
        if (ok && i == 3) {
            check_first_scores(vectors, &matching, &permutations);
            check_alignment(vectors, &matching, &permutations, "R_before_g");
        }
        if (ok)
            match_net(vectors, &spec, others[i / 2], kinds[i % 2], &permutations);
        if (ok && i == 3)
            check_alignment(vectors, &matching, &permutations, "R_after_g");
    }
    pl_permutations_release(&permutations);
    pl_spec_release(&spec);
}

/* ---- A residual net under the names of its reference ------------------------------------- */

#define ADD(axes, ...) \
    (ok = ok && vectors_ok(vectors, pl_spec_add(&vectors->context, spec, axes, __VA_ARGS__)))

static bool add_norm(struct vectors *vectors, struct pl_permutation_spec *spec, const char *group,
                     const char *prefix)
{
    bool ok = true;
    ADD(group, "%s/scale", prefix);
    ADD(group, "%s/bias", prefix);
    return ok;
}

static bool add_block(struct vectors *vectors, struct pl_permutation_spec *spec, const char *prefix,
                      int stage, bool *wider)
{
    char in[64], inner[NAME_SIZE], out[64], axes[2 * NAME_SIZE], name[NAME_SIZE];
    bool ok = true;
    snprintf(name, sizeof name, "a.%s/shortcut/layers_0/kernel", prefix);
    *wider = vectors_dim(vectors, name, 0) > 0;
    snprintf(in, sizeof in, "P_bg%d", stage);
    snprintf(out, sizeof out, "P_bg%d", stage + *wider);
    snprintf(inner, sizeof inner, "P_%s_inner", prefix);
    snprintf(axes, sizeof axes, "%s %s ~ ~", inner, in);
    ADD(axes, "%s/conv1/kernel", prefix);
    snprintf(name, sizeof name, "%s/norm1", prefix);
    ok = ok && add_norm(vectors, spec, inner, name);
    snprintf(axes, sizeof axes, "%s %s ~ ~", out, inner);
    ADD(axes, "%s/conv2/kernel", prefix);
    snprintf(name, sizeof name, "%s/norm2", prefix);
    ok = ok && add_norm(vectors, spec, out, name);
    if (!*wider)
        return ok;
    snprintf(axes, sizeof axes, "%s %s ~ ~", out, in);
    ADD(axes, "%s/shortcut/layers_0/kernel", prefix);
    snprintf(name, sizeof name, "%s/shortcut/layers_1", prefix);
    return ok && add_norm(vectors, spec, out, name);
}

static bool describe_resnet(struct vectors *vectors, struct pl_permutation_spec *spec)
{
    char prefix[64], name[NAME_SIZE];
    int stage = 0;
    bool ok = true, wider = false;
    ADD("P_bg0 ~ ~ ~", "conv1/kernel");
    ok = ok && add_norm(vectors, spec, "P_bg0", "norm1");
    for (int g = 0;; g++)
        for (int b = 0;; b++) {
            snprintf(prefix, sizeof prefix, "blockgroups_%d/blocks_%d", g, b);
            snprintf(name, sizeof name, "a.%s/conv1/kernel", prefix);
            if (vectors_dim(vectors, name, 0) == 0 && b > 0)
                break;
            if (vectors_dim(vectors, name, 0) == 0) {
                snprintf(name, sizeof name, "~ P_bg%d", stage);
                ADD(name, "dense/kernel");
                ADD("~", "dense/bias");
                return ok;
            }
            ok = ok && add_block(vectors, spec, prefix, stage, &wider);
            stage += wider;
        }
}

static void check_resnet(struct vectors *vectors)
{
    struct pl_permutation_spec spec = {0};
    struct pl_permutations permutations = {0};
    struct pl_match_sums before, after;
    vectors_select(vectors, "resnet.safetensors");
    bool ok = vectors->file && describe_resnet(vectors, &spec) && lint(vectors, &spec, "a") &&
              vectors_ok(vectors, pl_permutations_init(&vectors->context, &permutations, &spec));
    struct pl_matching matching = {.spec = &spec, .most = 100};
    if (ok) {
        matching.a = model(vectors, &spec, "a");
        matching.b = model(vectors, &spec, "b");
        ok = vectors_ok(vectors, pl_match_measure(&vectors->context, &matching, permutations.items,
                                                  &before)) &&
             vectors_ok(vectors, pl_match_weights(&vectors->context, &matching, &permutations)) &&
             vectors_ok(vectors,
                        pl_match_measure(&vectors->context, &matching, permutations.items, &after));
    }
    for (size_t g = 0; g < spec.group_count && ok; g++) {
        const struct pl_spec_group *group = &spec.groups[g];
        compare_permutation(vectors, permutations.items[g], group->size, "perm.%s", group->name);
        compare_permutation(vectors, permutations.items[g], group->size, "true_inverse.%s",
                            group->name);
    }
    if (ok) {
        const double distances[] = {sqrt(before.distance), sqrt(after.distance)};
        const double sweeps = (double)matching.sweeps;
        vectors_compare(vectors, &distances[0], 1, 0, 1e-10, "l2_before");
        vectors_compare(vectors, &distances[1], 1, 1e-12, 1e-10, "l2_after");
        vectors_compare(vectors, &sweeps, 1, 0, 0, "sweeps");
    }
    pl_permutations_release(&permutations);
    pl_spec_release(&spec);
}

/* ---- Attention heads --------------------------------------------------------------------- */

/* softmax(q k' / sqrt(width)) v, then o, of the permuted weights or of B's own. */
static void attend(struct vectors *vectors, const char *prefix, int64_t heads, const char *expected)
{
    char name[32];
    snprintf(name, sizeof name, "%s.q", prefix);
    const int64_t rows = vectors_dim(vectors, "x", 0), dim = vectors_dim(vectors, "x", 1);
    const int64_t inner = vectors_dim(vectors, name, 0), width = inner / heads;
    const double *x = vectors_doubles(vectors, rows * dim, "x"), *w[4];
    static const char letters[] = "qkvo";
    double *p[4], *out = vectors_new(vectors, rows * dim, sizeof *out);
    for (int i = 0; i < 4; i++) {
        w[i] = vectors_doubles(vectors, inner * dim, "%s.%c", prefix, letters[i]);
        p[i] = vectors_new(vectors, rows * inner, sizeof **p);
        if (!x || !w[i])
            return;
        if (i < 3)
            pl_dgemm(false, true, rows, inner, dim, 1, x, dim, w[i], dim, 0, p[i], inner);
    }
    for (int64_t h = 0; h < heads; h++)
        for (int64_t r = 0; r < rows; r++) {
            double total = 0, *weight = vectors_new(vectors, rows, sizeof *weight);
            for (int64_t s = 0; s < rows; s++) {
                double score =
                    pl_ddot(width, p[0] + r * inner + h * width, p[1] + s * inner + h * width);
                total += weight[s] = exp(score / sqrt((double)width));
            }
            for (int64_t s = 0; s < rows; s++)
                for (int64_t c = 0; c < width; c++)
                    p[3][r * inner + h * width + c] +=
                        weight[s] / total * p[2][s * inner + h * width + c];
        }
    pl_dgemm(false, true, rows, dim, inner, 1, p[3], inner, w[3], inner, 0, out, dim);
    vectors_compare(vectors, out, rows * dim, 1e-12, 1e-10, "%s", expected);
}

static bool describe_heads(struct vectors *vectors, struct pl_permutation_spec *spec, int64_t heads)
{
    static const char *const groups[PL_HEADS_GROUPS] = {"Q", "K", "V", "O"};
    bool ok = true;
    ADD("Q ~", "q");
    ADD("K ~", "k");
    ADD("V ~", "v");
    ADD("~ O", "o");
    return ok &&
           vectors_ok(vectors,
                      pl_spec_add_heads(&vectors->context, spec, groups, heads, heads, false)) &&
           lint(vectors, spec, "a");
}

/* The channels inside each head, and the heads, from the permutation of all rows. */
static void compare_heads(struct vectors *vectors, const struct pl_permutations *permutations,
                          int64_t heads, int64_t width)
{
    int64_t *order = vectors_new(vectors, heads, sizeof *order);
    for (int group = 0; group < 4; group += 2) {
        int64_t *inside = vectors_new(vectors, heads * width, sizeof *inside);
        for (int64_t i = 0; i < heads * width; i++)
            inside[i] = permutations->items[group][i] % width;
        for (int64_t h = 0; h < heads; h++)
            order[h] = permutations->items[group][h * width] / width;
        compare_permutation(vectors, inside, heads * width, group ? "vo_perm" : "qk_perm");
        compare_permutation(vectors, order, heads, "head_perm");
    }
}

static void check_heads(struct vectors *vectors)
{
    struct pl_permutation_spec spec = {0};
    struct pl_permutations permutations = {0};
    vectors_select(vectors, "heads.safetensors");
    const int64_t heads = vectors_dim(vectors, "head_perm", 0);
    const int64_t width = vectors_dim(vectors, "qk_perm", 1), n = heads * width;
    bool ok = vectors->file && describe_heads(vectors, &spec, heads) &&
              vectors_ok(vectors, pl_permutations_init(&vectors->context, &permutations, &spec));
    if (ok) {
        struct pl_matching matching = {.spec = &spec,
                                       .a = model(vectors, &spec, "a"),
                                       .b = model(vectors, &spec, "b"),
                                       .most = 100};
        double *scores[PL_HEADS_GROUPS] = {NULL},
               *pairs = vectors_new(vectors, heads * heads, sizeof *pairs), value;
        for (int64_t i = 0; i < 4; i++) {
            scores[i] = vectors_new(vectors, n * n, sizeof **scores);
            ok = ok && vectors_ok(vectors, pl_match_scores(&vectors->context, &matching,
                                                           permutations.items, i, scores[i]));
        }
        ok = ok && vectors_ok(vectors, pl_match_heads(&vectors->context, &spec, &spec.heads[0],
                                                      scores, permutations.items, &value, pairs));
        if (ok) {
            vectors_compare(vectors, pairs, heads * heads, 1e-13, 1e-10, "head_cost");
            compare_heads(vectors, &permutations, heads, width);
            compare_model(vectors, &matching, &permutations, 1, "out");
        }
    }
    if (ok) {
        attend(vectors, "b", heads, "attn_b");
        attend(vectors, "out", heads, "attn_out");
    }
    pl_permutations_release(&permutations);
    pl_spec_release(&spec);
}

/* ---- Activations ------------------------------------------------------------------------- */

static void check_statistic(struct vectors *vectors, const double *scores, int64_t n,
                            const char *matrix, const char *permutation)
{
    int64_t *columns = vectors_new(vectors, n, sizeof *columns);
    vectors_compare(vectors, scores, n * n, 1e-13, 1e-10, "%s", matrix);
    if (vectors_ok(vectors, pl_assign(&vectors->context, PL_ASSIGN_MOST, scores, n, columns, NULL,
                                      NULL, NULL)))
        compare_permutation(vectors, columns, n, "%s", permutation);
}

static void check_activations(struct vectors *vectors)
{
    vectors_select(vectors, "activation.safetensors");
    const int64_t rows = vectors_dim(vectors, "act_a", 0), n = vectors_dim(vectors, "act_a", 1);
    const double *a = vectors_doubles(vectors, rows * n, "act_a");
    const double *b = vectors_doubles(vectors, rows * n, "act_b");
    double *scores = vectors_new(vectors, n * n, sizeof *scores);
    double *means = vectors_new(vectors, 2 * n, sizeof *means);
    struct pl_activation_sums sums;
    if (!a || !b || !vectors_ok(vectors, pl_blas_open(&vectors->context)) ||
        !vectors_ok(vectors, pl_activation_init(&vectors->context, &sums, n)))
        return;
    for (int64_t first = 0; first < rows; first += 7) { /* in batches */
        int64_t count = rows - first < 7 ? rows - first : 7;
        pl_activation_add(&sums, a + first * n, b + first * n, count);
    }
    for (int64_t i = 0; i < n; i++) {
        means[i] = sums.a[i] / (double)rows;
        means[n + i] = sums.b[i] / (double)rows;
    }
    vectors_compare(vectors, means, n, 1e-14, 1e-10, "mean_a");
    vectors_compare(vectors, means + n, n, 1e-14, 1e-10, "mean_b");
    pl_activation_scores(&sums, PL_STATISTIC_INNER, scores);
    check_statistic(vectors, scores, n, "E_ab", "perm_from_E");
    pl_activation_scores(&sums, PL_STATISTIC_CORR, scores);
    check_statistic(vectors, scores, n, "pearson", "perm_from_pearson");
    check_statistic(vectors, sums.ab, n, "raw_inner", "perm_from_raw_inner");
    pl_activation_release(&sums);
}

/* ---- Many models ------------------------------------------------------------------------- */

static void compare_merged(struct vectors *vectors, const struct pl_merge *merge)
{
    double shares[MOST_MODELS], sum, sweeps = (double)merge->sweeps;
    char prefix[32];
    for (size_t m = 0; m < merge->count; m++) {
        struct pl_matching one = {
            .spec = merge->spec, .a = merge->models[m].tensors, .b = merge->models[m].tensors};
        shares[m] = 1 / (double)merge->count;
        snprintf(prefix, sizeof prefix, "out%zu", m);
        compare_model(vectors, &one, &merge->models[m].permutations, 1, prefix);
    }
    for (size_t t = 0; t < merge->spec->tensor_count; t++) {
        const int64_t count = pl_tensor_count(merge->models[0].tensors[t]);
        double *mean = vectors_new(vectors, count, sizeof *mean);
        if (vectors_ok(vectors, pl_merge_tensor(&vectors->context, merge, t, shares, mean)))
            vectors_compare(vectors, mean, count, 1e-14, 1e-10, "mean.%s",
                            merge->spec->tensors[t].name);
    }
    if (vectors_ok(vectors, pl_merge_distances(&vectors->context, merge, &sum)))
        vectors_compare(vectors, &sum, 1, 0, 1e-10, "sum_pairwise_sq_after");
    vectors_compare(vectors, &sweeps, 1, 0, 0, "sweeps");
}

static void check_many(struct vectors *vectors)
{
    struct pl_permutation_spec spec = {0};
    struct pl_merge_model models[MOST_MODELS] = {{0}};
    struct pl_merge merge = {.spec = &spec, .models = models, .most = 1000};
    char name[NAME_SIZE];
    double sum;
    vectors_select(vectors, "merge_many.safetensors");
    bool ok = vectors->file && derive(vectors, &spec, "in0");
    for (; ok && merge.count < MOST_MODELS; merge.count++) {
        snprintf(name, sizeof name, "in%zu.%s", merge.count, spec.tensors[0].name);
        if (vectors_dim(vectors, name, 0) == 0)
            break;
        snprintf(name, sizeof name, "in%zu", merge.count);
        models[merge.count].tensors = model(vectors, &spec, name);
        ok = vectors_ok(vectors, pl_permutations_init(&vectors->context,
                                                      &models[merge.count].permutations, &spec));
    }
    ok = ok && vectors_ok(vectors, pl_merge_distances(&vectors->context, &merge, &sum));
    if (ok)
        vectors_compare(vectors, &sum, 1, 0, 1e-10, "sum_pairwise_sq_before");
    if (ok && vectors_ok(vectors, pl_merge_many(&vectors->context, &merge)))
        compare_merged(vectors, &merge);
    for (size_t m = 0; m < merge.count; m++)
        pl_permutations_release(&models[m].permutations);
    pl_spec_release(&spec);
}

/* ---- Repair ------------------------------------------------------------------------------ */

static pl_real *reals(struct vectors *vectors, const char *name)
{
    const double *values = vectors_doubles(vectors, -1, "%s", name);
    const struct pl_tensor *tensor = vectors_tensor(vectors, "%s", name);
    pl_real *out = vectors_new(vectors, tensor ? pl_tensor_count(tensor) : 0, sizeof *out);
    for (int64_t i = 0; values && i < pl_tensor_count(tensor); i++)
        out[i] = (pl_real)values[i];
    return out;
}

/* x W' + b */
static pl_real *outputs(struct vectors *vectors, const pl_real *x, const pl_real *w,
                        const pl_real *b, int64_t rows, int64_t in, int64_t out)
{
    pl_real *y = vectors_new(vectors, rows * out, sizeof *y);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < out; c++) {
            double sum = (double)b[c];
            for (int64_t i = 0; i < in; i++)
                sum += (double)x[r * in + i] * (double)w[c * in + i];
            y[r * out + c] = (pl_real)sum;
        }
    return y;
}

static void check_repair(struct vectors *vectors)
{
    vectors_select(vectors, "repair.safetensors");
    const int64_t rows = vectors_dim(vectors, "x_a", 0), in = vectors_dim(vectors, "x_a", 1);
    const int64_t out = vectors_dim(vectors, "Wa", 0);
    const double *t = vectors_doubles(vectors, 1, "alpha"),
                 *eps = vectors_doubles(vectors, 1, "eps");
    pl_real *wa = reals(vectors, "Wa"), *wb = reals(vectors, "Wb");
    pl_real *ba = reals(vectors, "ba"), *bb = reals(vectors, "bb"), *xm = reals(vectors, "x_m");
    struct pl_channels channels[3] = {{0}};
    if (!t || !eps || vectors->failures)
        return;
    if (*eps != PL_REPAIR_EPS)
        vectors_fail(vectors, "eps is %g", *eps);
    const pl_real *y[3] = {outputs(vectors, reals(vectors, "x_a"), wa, ba, rows, in, out),
                           outputs(vectors, reals(vectors, "x_b"), wb, bb, rows, in, out)};
    for (int64_t i = 0; i < out * in; i++)
        wa[i] = (pl_real)((1 - *t) * (double)wa[i] + *t * (double)wb[i]);
    for (int64_t i = 0; i < out; i++)
        ba[i] = (pl_real)((1 - *t) * (double)ba[i] + *t * (double)bb[i]);
    y[2] = outputs(vectors, xm, wa, ba, rows, in, out);
    double *mean = vectors_new(vectors, 4 * out, sizeof *mean), *deviation = mean + out;
    double *of_merged = mean + 2 * out;
    bool ok = true;
    for (int i = 0; i < 3 && ok; i++) {
        ok = vectors_ok(vectors, pl_channels_init(&vectors->context, &channels[i], out));
        if (ok)
            pl_channels_add(&channels[i], y[i], rows);
    }
    if (ok) {
        const double near = sizeof(pl_real) == sizeof(double) ? 1e-10 : 1e-5;
        pl_repair_goal_add(&channels[0], 1 - *t, mean, deviation);
        pl_repair_goal_add(&channels[1], *t, mean, deviation);
        for (int64_t c = 0; c < out; c++) {
            of_merged[c] = channels[2].mean[c];
            of_merged[out + c] = sqrt(pl_channels_variance(&channels[2], c));
        }
        vectors_compare(vectors, mean, out, near, near, "goal_mean");
        vectors_compare(vectors, deviation, out, near, near, "goal_std");
        vectors_compare(vectors, of_merged, out, near, near, "merged_mean");
        vectors_compare(vectors, of_merged + out, out, near, near, "merged_std");
        pl_repair_layer(&channels[2], mean, deviation, wa, in, ba);
        vectors_compare_real(vectors, wa, out * in, VECTORS_OUTPUT, "W_fused");
        vectors_compare_real(vectors, ba, out, VECTORS_OUTPUT, "b_fused");
        vectors_compare_real(vectors, outputs(vectors, xm, wa, ba, rows, in, out), rows * out,
                             VECTORS_OUTPUT, "y_fused");
    }
    for (int i = 0; i < 3; i++)
        pl_channels_release(&channels[i]);
}

/* ---- Straight-through estimation --------------------------------------------------------- */

struct batch {
    struct vectors *vectors;
    const struct pl_permutation_spec *spec;
};

/* Mean cross-entropy of logits, and its gradient by them. */
static double class_loss(struct vectors *vectors, struct pl_variable *logits)
{
    const int64_t rows = pl_variable_rows(logits), classes = pl_variable_width(logits);
    const double *labels = vectors_doubles(vectors, rows, "y");
    double loss = 0;
    for (int64_t r = 0; labels && r < rows; r++) {
        double total = 0;
        for (int64_t c = 0; c < classes; c++)
            total += exp((double)logits->value[r * classes + c]);
        for (int64_t c = 0; c < classes; c++) {
            const bool right = c == (int64_t)labels[r];
            const double z = (double)logits->value[r * classes + c];
            loss += right ? (log(total) - z) / (double)rows : 0;
            logits->gradient[r * classes + c] = (pl_real)((exp(z) / total - right) / (double)rows);
        }
    }
    return loss;
}

/* layer0, ReLU, layer1, ... with weights that the specification names. */
static enum pl_status net_loss(struct pl_context *context, void *user,
                               const struct pl_tensor *merged, struct pl_tensor *gradients,
                               double *loss)
{
    const struct batch *batch = user;
    struct pl_tape tape = {.context = context, .recording = true};
    struct pl_variable *x = layer_variable(batch->vectors, "x");
    const size_t count = batch->spec->tensor_count;
    struct pl_variable *variables = vectors_new(batch->vectors, (int64_t)count, sizeof *variables);
    for (size_t t = 0; t < count; t++) {
        variables[t] = (struct pl_variable){.rank = merged[t].rank,
                                            .count = pl_tensor_count(&merged[t]),
                                            .value = merged[t].data,
                                            .gradient = gradients[t].data};
        memcpy(variables[t].dims, merged[t].dims, sizeof variables[t].dims);
    }
    for (int layer = 0;; layer++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "layer%d.weight", layer);
        const int64_t weight = pl_spec_find_tensor(batch->spec, name);
        if (weight < 0)
            break;
        snprintf(name, sizeof name, "layer%d.bias", layer);
        const int64_t bias = pl_spec_find_tensor(batch->spec, name);
        if (layer > 0)
            x = pl_op_activate(&tape, x, PL_RELU, 1);
        x = pl_op_linear(&tape, x, &variables[weight], &variables[bias]);
    }
    if (!x)
        return context->status;
    *loss = class_loss(batch->vectors, x);
    enum pl_status status = layer_backward(&tape);
    pl_tape_release(&tape);
    return status;
}

/* Step s of the file, whose gradients are those of the latent weights. */
static bool check_step(struct vectors *vectors, struct pl_straight *straight, int step)
{
    double loss;
    if (!vectors_ok(vectors, pl_straight_step(&vectors->context, straight, &loss)))
        return false;
    const double near = sizeof(pl_real) == sizeof(double) ? 1e-10 : 1e-5;
    vectors_compare(vectors, &loss, 1, 0, near, "t%d.loss", step);
    for (size_t g = 0; g < straight->spec->group_count; g++)
        compare_permutation(vectors, straight->now.items[g], straight->spec->groups[g].size,
                            "t%d.%s", step, straight->spec->groups[g].name);
    for (size_t t = 0; t < straight->spec->tensor_count; t++) {
        pl_real *gradient = straight->gradients[t].data;
        const int64_t count = pl_tensor_count(&straight->gradients[t]);
        for (int64_t i = 0; i < count; i++)
            gradient[i] /= 2;
        vectors_compare_real(vectors, gradient, count, VECTORS_GRADIENT, "t%d.grad.%s", step,
                             straight->spec->tensors[t].name);
    }
    return true;
}

static void check_straight(struct vectors *vectors)
{
    struct pl_permutation_spec spec = {0};
    char name[NAME_SIZE];
    vectors_select(vectors, "ste.safetensors");
    const double *rate = vectors_doubles(vectors, 1, "lr");
    const double *momentum = vectors_doubles(vectors, 1, "momentum");
    if (!rate || !momentum || !derive(vectors, &spec, "a"))
        return;
    struct batch batch = {vectors, &spec};
    struct pl_straight straight = {.spec = &spec,
                                   .a = model(vectors, &spec, "a"),
                                   .b = model(vectors, &spec, "b"),
                                   .rate = *rate,
                                   .momentum = *momentum,
                                   .most = 100,
                                   .loss = net_loss,
                                   .user = &batch};
    bool ok = vectors_ok(vectors, pl_straight_init(&vectors->context, &straight));
    for (int step = 0; ok; step++) {
        snprintf(name, sizeof name, "t%d.loss", step);
        if (vectors_dim(vectors, name, 0) == 0)
            break;
        ok = check_step(vectors, &straight, step);
    }
    for (size_t t = 0; t < spec.tensor_count && ok; t++)
        vectors_compare_real(vectors, straight.latent[t].data, pl_tensor_count(&straight.latent[t]),
                             VECTORS_TRAINED, "latent_final.%s", spec.tensors[t].name);
    pl_straight_release(&straight);
    pl_spec_release(&spec);
}

void check_weight_matching(struct vectors *vectors)
{
    check_assignments(vectors);
    check_dense(vectors);
    check_resnet(vectors);
    check_heads(vectors);
    check_activations(vectors);
    check_many(vectors);
    check_repair(vectors);
    check_straight(vectors);
}
