/* Permutations, specifications, alignment, signatures and their codes.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "base/rng.h"
#include "linalg/svd.h"
#include "tensor/blas.h"
#include "weights/alignment.h"
#include "weights/gather.h"
#include "weights/layers.h"
#include "weights/permutation.h"
#include "weights/signature.h"

static struct pl_context context;

enum { N = 37 };

static void permutations(void)
{
    int64_t p[N], q[N], inverse[N], both[N], back[N];
    bool seen[N];
    struct pl_rng rng = pl_rng_init(3, "p");
    pl_permutation_identity(p, N);
    CHECK(pl_permutation_is_identity(p, N));
    pl_rng_shuffle(&rng, p, N);
    CHECK(!pl_permutation_is_identity(p, N) && pl_permutation_is_valid(p, N, seen));
    for (int i = 0; i < N; i++)
        q[i] = (i * 10 + 3) % N;
    pl_permutation_invert(p, N, inverse);
    pl_permutation_compose(p, inverse, N, both);
    CHECK(pl_permutation_is_identity(both, N));
    pl_permutation_compose(p, q, N, both); /* first p, then q, back by the inverse of q */
    pl_permutation_invert(q, N, inverse);
    pl_permutation_compose(both, inverse, N, back);
    CHECK(memcmp(back, p, sizeof p) == 0);
    p[5] = p[6];
    CHECK(!pl_permutation_is_valid(p, N, seen));
}

/* Units of two places on one axis, of one on another. */
static void gathering(void)
{
    struct pl_permutation_spec spec = {0};
    float from[2 * 6 * 3], to[2 * 6 * 3], back[2 * 6 * 3];
    const int64_t dims[] = {2, 6, 3};
    int64_t a[] = {1, 0}, b[] = {2, 0, 1}, inverse_b[3], *forward[] = {a, b},
            *backward[] = {a, inverse_b};
    CHECK(pl_spec_add(&context, &spec, "A B*2 ~", "w") == PL_OK);
    for (int i = 0; i < 36; i++)
        from[i] = (float)i;
    struct pl_tensor tensor = pl_tensor_view(PL_F32, 3, dims, from);
    CHECK(pl_gather_tensor(&context, &spec.tensors[0], &tensor, forward, to) == PL_OK);
    for (int64_t i = 0; i < 2; i++)
        for (int64_t j = 0; j < 6; j++)
            for (int64_t k = 0; k < 3; k++)
                CHECK(to[(i * 6 + j) * 3 + k] == from[(a[i] * 6 + b[j / 2] * 2 + j % 2) * 3 + k]);
    tensor.data = to;
    pl_permutation_invert(b, 3, inverse_b);
    CHECK(pl_gather_tensor(&context, &spec.tensors[0], &tensor, backward, back) == PL_OK);
    CHECK(memcmp(back, from, sizeof from) == 0);
    pl_spec_release(&spec);
}

static void specifications(void)
{
    struct pl_permutation_spec spec = {0};
    CHECK(pl_spec_add(&context, &spec, "P ~", "a") == PL_OK);
    CHECK(pl_spec_add(&context, &spec, "P ~", "a") == PL_BAD_DATA);
    CHECK_TEXT(context.message, "tensor 'a' is there twice");
    CHECK(pl_spec_add(&context, &spec, "P*0", "b") == PL_BAD_DATA);
    CHECK_TEXT(context.message, "tensor 'b': 'P*0' is no axis: expected ~, GROUP or GROUP*WIDTH");
    CHECK(pl_spec_add_heads(&context, &spec,
                            (const char *const[PL_HEADS_GROUPS]){"P", "P", "P", "P"}, 2, 1,
                            false) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "heads: the group 'P' is there twice");
    pl_spec_release(&spec);
}

/* ||U S V' - A|| and R(A, A). */
static void singular_values(void)
{
    enum { ROWS = 7, COLUMNS = 5 };
    double a[ROWS * COLUMNS], copy[ROWS * COLUMNS], u[ROWS * COLUMNS], s[COLUMNS],
        vt[COLUMNS * COLUMNS];
    for (int i = 0; i < ROWS * COLUMNS; i++)
        a[i] = copy[i] = sin(3.7 * i);
    CHECK(pl_svd(&context, copy, ROWS, COLUMNS, u, s, vt) == PL_OK);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) {
            double sum = 0;
            for (int k = 0; k < COLUMNS; k++)
                sum += u[i * COLUMNS + k] * s[k] * vt[k * COLUMNS + j];
            CHECK_NEAR(sum, a[i * COLUMNS + j], 1e-13);
        }
    struct pl_permutation_spec spec = {0};
    CHECK(pl_spec_add(&context, &spec, "~ ~", "w") == PL_OK);
    const struct pl_tensor tensor = pl_tensor_view(PL_F64, 2, (const int64_t[]){ROWS, COLUMNS}, a);
    const struct pl_tensor *list[] = {&tensor};
    struct pl_matching pair = {.spec = &spec, .a = list, .b = list};
    struct pl_alignment alignment = {.thresholds = {0, 0.3}, .count = 2};
    CHECK(pl_alignment_measure(&context, &pair, NULL, true, &alignment) == PL_OK);
    CHECK_NEAR(alignment.r[0], 1, 1e-12);
    CHECK_NEAR(alignment.r[1], 1, 1e-12);
    CHECK(alignment.worst <= 1e-14);
    copy[3] = NAN;
    CHECK(pl_svd(&context, copy, ROWS, COLUMNS, NULL, s, NULL) == PL_NUMERIC);
    pl_spec_release(&spec);
}

static double values[N];

/* r in two blocks; false when there is nothing to project on. */
static bool project(const double *start, const double *clean, const double *robust, double *r)
{
    enum { FIRST = N / 3 };
    struct pl_projection projection = {0};
    pl_projection_add(&projection, start, clean, robust, FIRST);
    pl_projection_add(&projection, start + FIRST, clean + FIRST, robust + FIRST, N - FIRST);
    pl_projection_apply(&projection, start, clean, robust, N, r);
    return pl_projection_exists(&projection);
}

static struct pl_quantiser make_quantiser(enum pl_quantise kind, int64_t levels, const double *of,
                                          int64_t count, bool narrow)
{
    struct pl_quantiser quantiser = pl_quantiser_open(kind, levels);
    pl_quantiser_widen(&quantiser, of, count / 2);
    pl_quantiser_widen(&quantiser, of + count / 2, count - count / 2);
    pl_quantiser_close(&quantiser, narrow);
    return quantiser;
}

/* r is orthogonal to the clean change, and a multiple of that added to the robust model is lost. */
static void projection(void)
{
    double start[N], clean[N], robust[N], r[N], dot = 0;
    for (int i = 0; i < N; i++) {
        start[i] = sin(i);
        clean[i] = start[i] + cos(3 * i);
        robust[i] = start[i] + sin(5 * i + 1);
    }
    CHECK(project(start, clean, robust, values));
    for (int i = 0; i < N; i++) {
        dot += values[i] * (clean[i] - start[i]);
        robust[i] += 2.5 * (clean[i] - start[i]);
    }
    CHECK_NEAR(dot, 0, 1e-13);
    CHECK(project(start, clean, robust, r));
    for (int i = 0; i < N; i++)
        CHECK_NEAR(r[i], values[i], 1e-13);
    CHECK(project(start, clean, clean, r));
    for (int i = 0; i < N; i++)
        CHECK_NEAR(r[i], 0, 1e-15);
    CHECK(!project(start, start, robust, r));
    CHECK(r[4] == robust[4] - start[4]);
}

static void quantisation(void)
{
    for (int64_t levels = 2; levels <= 65536; levels = levels * 3 / 2 + 1)
        for (int kind = PL_QUANTISE_LINEAR; kind <= PL_QUANTISE_LOG; kind++) {
            struct pl_quantiser quantiser =
                make_quantiser((enum pl_quantise)kind, levels, values, N, false);
            int bits = pl_quantiser_bits(&quantiser);
            uint8_t packed[N * 4] = {0};
            double least = INFINITY, most = -INFINITY, range = 0;
            for (int i = 0; i < N; i++) {
                int64_t code = pl_quantiser_code(&quantiser, values[i]);
                CHECK(code >= 0 && code < (int64_t)1 << bits);
                pl_bits_put(packed, i, bits, code);
                least = fmin(least, values[i]), most = fmax(most, values[i]);
            }
            range = most - least;
            for (int i = 0; i < N; i++) {
                double value = pl_quantiser_value(&quantiser, pl_bits_get(packed, i, bits));
                if (kind == PL_QUANTISE_LINEAR) {
                    CHECK(fabs(value - values[i]) <= range / (2.0 * (double)(levels - 1)) + 1e-12);
                    if (values[i] == least || values[i] == most)
                        CHECK_NEAR(value, values[i], 1e-15);
                } else {
                    CHECK((value < 0) == (values[i] < 0) || kind == PL_QUANTISE_TANH);
                }
            }
            CHECK(pl_bits_size(N, bits) == (uint64_t)(N * bits + 7) / 8);
        }
    const double same[] = {0.25, 0.25}, zeros[] = {0, 0.5, -0.5};
    struct pl_quantiser one = make_quantiser(PL_QUANTISE_LINEAR, 16, same, 2, true);
    CHECK(pl_quantiser_bits(&one) == 0 && pl_quantiser_value(&one, 0) == 0.25);
    struct pl_quantiser log2s = make_quantiser(PL_QUANTISE_LOG, 16, zeros, 3, true);
    for (int i = 0; i < 3; i++)
        CHECK(pl_quantiser_value(&log2s, pl_quantiser_code(&log2s, zeros[i])) == zeros[i]);
}

static void layers(void)
{
    static const char *const names[] = {"conv0.weight",
                                        "conv0.bias",
                                        "norm0.weight",
                                        "fc0.weight",
                                        "layer1.0.conv1.weight",
                                        "layer1.0.bn2.bias",
                                        "layer1.0.downsample.0.weight"};
    static const int ranks[] = {4, 1, 1, 2, 4, 1, 4};
    static const int64_t expected[] = {0, 0, 0, 2, 1, 1, 1};
    struct pl_directory_entry tensors[7] = {{0}};
    struct pl_arena arena = {0};
    struct pl_layer_list list;
    const char *before, *after;
    for (int i = 0; i < 7; i++) {
        tensors[i].name = names[i];
        tensors[i].rank = ranks[i];
        tensors[i].dtype = PL_F32;
    }
    CHECK(pl_layers_number(&context, &arena, tensors, 7, &list) == PL_OK);
    CHECK(list.count == 3 && list.convolutions == 2);
    for (int i = 0; i < 7; i++)
        CHECK(list.layer[i] == expected[i]);
    CHECK(pl_layers_in_order(tensors, 7, &before, &after));
    tensors[0].name = "features.10.weight", tensors[1].name = "features.2.weight";
    CHECK(!pl_layers_in_order(tensors, 7, &before, &after));
    CHECK_TEXT(before, "features.10.weight");
    CHECK(pl_layers_compare("a2.b", "a10.b") < 0 && pl_layers_compare("a10.b", "a10.a") > 0);
    pl_arena_release(&arena);
}

int main(void)
{
    RUN(permutations);
    RUN(gathering);
    RUN(specifications);
    if (pl_blas_open(&context) == PL_OK)
        RUN(singular_values);
    else
        SKIP("singular_values", "no OpenBLAS");
    RUN(projection);
    RUN(quantisation);
    RUN(layers);
    FINISH();
}
