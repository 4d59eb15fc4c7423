/* Quantisation in double precision: gradients of the surrogate loss, in which what is under a stop
 * gradient is a constant, against differences; what passes the gradient; the mean square.
 * SPDX-License-Identifier: MIT */
#include "gradient.h"

#include "nn/quantize.h"
#include "quantize/layers.h"

enum { ROWS = 23, CODES = 11, WIDTH = 6 };

static struct pl_variable variables[2]; /* z and the codebook, or z and q */

/* Values and gradients of a case; seeds differ by name. */
static struct pl_variable *leaf(int index, const char *name, int64_t rows)
{
    struct pl_variable *variable = &variables[index];
    struct pl_rng rng = pl_rng_init(1, name);
    *variable = (struct pl_variable){.rank = 2, .dims = {rows, WIDTH}, .count = rows * WIDTH};
    variable->value = calloc((size_t)variable->count, sizeof(pl_real));
    variable->gradient = calloc((size_t)variable->count, sizeof(pl_real));
    for (int64_t i = 0; i < variable->count; i++)
        variable->value[i] = pl_rng_normal(&rng, (uint64_t)i);
    return variable;
}

static void drop(void)
{
    for (int i = 0; i < 2; i++) {
        free(variables[i].value);
        free(variables[i].gradient);
    }
}

/* weight * mean((q - z)^2) as a function of one of the two alone: slope by element i of `of`. */
static double slope(const int32_t *codes, double weight, struct pl_variable *of, int64_t i)
{
    const double step = 1e-5;
    double ends[2], before = of->value[i];
    for (int end = 0; end < 2; end++) {
        of->value[i] = before + (end ? step : -step);
        ends[end] = 0;
        for (int64_t k = 0; k < ROWS * WIDTH; k++) {
            double q = variables[1].value[codes[k / WIDTH] * WIDTH + k % WIDTH];
            ends[end] += weight * pow(q - variables[0].value[k], 2) / (ROWS * WIDTH);
        }
    }
    of->value[i] = before;
    return (ends[1] - ends[0]) / (2 * step);
}

static void check_form(bool legacy, int threads)
{
    struct pl_context context = {.threads = threads};
    struct pl_tape tape = {.context = &context, .recording = true};
    const struct pl_quantize options = {.beta = 0.25, .legacy = legacy};
    struct pl_variable *z = leaf(0, "z", ROWS), *codebook = leaf(1, "codebook", CODES);
    struct pl_nearest nearest;
    struct pl_quantized quantized;
    double z_weight = legacy ? 1 : 0.25, code_weight = legacy ? 0.25 : 1;
    CHECK(pl_nearest_init(&context, &nearest, CODES, WIDTH) == PL_OK);
    CHECK(pl_op_quantize(&tape, &options, &nearest, z, codebook, &quantized) == PL_OK);
    CHECK(pl_tape_backward(&tape, quantized.loss, 1) == PL_OK);
    for (int64_t i = 0; i < z->count; i++)
        CHECK_NEAR(z->gradient[i], slope(quantized.codes, z_weight, z, i), 1e-8);
    for (int64_t i = 0; i < codebook->count; i++)
        CHECK_NEAR(codebook->gradient[i], slope(quantized.codes, code_weight, codebook, i), 1e-8);
    for (int64_t row = 0; row < ROWS; row++)
        CHECK(memcmp(quantized.vectors->value + row * WIDTH,
                     codebook->value + quantized.codes[row] * WIDTH, WIDTH * sizeof(double)) == 0);
    pl_nearest_release(&nearest);
    pl_tape_release(&tape);
    drop();
}

static void losses(void)
{
    check_form(false, 1);
    check_form(true, 1);
    check_form(false, 3);
}

/* z + sg(q - z): whatever arrives goes to z as it is. */
static void straight_through(void)
{
    struct pl_context context = {.threads = 1};
    struct pl_tape tape = {.context = &context, .recording = true};
    pl_real zero[2] = {0};
    struct pl_variable nothing = {.count = 1, .value = &zero[0], .gradient = &zero[1]};
    struct pl_variable *z = leaf(0, "z", ROWS), *q = leaf(1, "q", ROWS);
    struct pl_variable *out = pl_op_straight_through(&tape, z, q);
    for (int64_t i = 0; out && i < out->count; i++) {
        CHECK(out->value[i] == q->value[i]);
        out->gradient[i] = (double)i;
    }
    CHECK(out && pl_tape_backward(&tape, &nothing, 1) == PL_OK);
    for (int64_t i = 0; i < z->count; i++)
        CHECK(z->gradient[i] == (double)i && q->gradient[i] == 0);
    pl_tape_release(&tape);
    drop();
}

/* A rotation keeps lengths: the gradient is as long as what arrived, times |q| / |z|; a gradient
 * along q comes out along z.  Opposite and zero vectors pass it straight. */
static void rotation(void)
{
    struct pl_context context = {.threads = 1};
    struct pl_tape tape = {.context = &context, .recording = true};
    pl_real zero[2] = {0};
    struct pl_variable nothing = {.count = 1, .value = &zero[0], .gradient = &zero[1]};
    struct pl_variable *z = leaf(0, "z", ROWS), *q = leaf(1, "q", ROWS);
    for (int64_t i = 0; i < WIDTH; i++) {
        z->value[i] = 0;
        q->value[WIDTH + i] = -3 * z->value[WIDTH + i];
    }
    struct pl_variable *out = pl_op_rotate(&tape, z, q);
    for (int64_t i = 0; out && i < out->count; i++)
        out->gradient[i] = q->value[i];
    CHECK(out && pl_tape_backward(&tape, &nothing, 1) == PL_OK);
    for (int64_t i = 0; i < 2 * WIDTH; i++)
        CHECK(z->gradient[i] == q->value[i]);
    for (int64_t row = 2; row < ROWS; row++) {
        double square_z = 0, square_q = 0;
        for (int64_t i = row * WIDTH; i < (row + 1) * WIDTH; i++) {
            square_z += z->value[i] * z->value[i];
            square_q += q->value[i] * q->value[i];
        }
        for (int64_t i = row * WIDTH; i < (row + 1) * WIDTH; i++)
            CHECK_NEAR(z->gradient[i], z->value[i] * square_q / square_z, 1e-9);
    }
    pl_tape_release(&tape);
    drop();
}

static const pl_real targets[ROWS * WIDTH] = {1, -2, 3};

static struct pl_variable *error(struct gradient *gradient, const void *user)
{
    (void)user;
    return pl_op_mean_square(&gradient->tape, LEAF("x"), targets);
}

static void mean_square(void)
{
    struct gradient gradient = {0};
    gradient_leaf(&gradient, "x", 2, ROWS, WIDTH);
    gradient_check(&gradient, error, NULL);
    gradient_release(&gradient);
}

/* ---- the layers before and behind */

static struct pl_variable *there_and_back(struct gradient *gradient, const void *user)
{
    const struct pl_vq_layers *layers = user;
    struct pl_variable *z = pl_vq_layers_encode(&gradient->tape, layers, LEAF("x"));
    struct pl_variable *y = pl_vq_layers_decode(&gradient->tape, layers, z);
    CHECK(z && pl_variable_rows(z) == LEAF("x")->dims[0] * layers->down * layers->across &&
          pl_variable_width(z) == layers->dim);
    CHECK(y && y->rank == 2 && y->dims[1] == layers->size);
    return gradient_sum(gradient, y);
}

static void check_layers(const char *encoder, int height, int width, int channels)
{
    static const char *const names[] = {"0", "1", "2", "3", "4",  "5",
                                        "6", "7", "8", "9", "10", "11"};
    struct gradient gradient = {0};
    struct pl_context context = {0};
    struct pl_parameters parameters = {0};
    struct pl_vq_layers layers;
    int size = height * width * channels;
    CHECK(!pl_vq_layers_plan(&context, &layers, encoder, height, width, size, 3) &&
          !pl_vq_layers_declare(&context, &layers, &parameters) &&
          !pl_parameters_values(&context, &parameters));
    pl_vq_layers_start(&layers, 1);
    gradient_leaf(&gradient, "x", 2, 2, size);
    int side = 2 * layers.count + 2;
    CHECK(parameters.count == (size_t)(2 * side));
    for (int i = 0; i < 2 * side; i++) {
        struct pl_variable **place = i < side ? &layers.encoder[i] : &layers.decoder[i - side];
        const struct pl_variable *from = *place;
        *place = gradient_leaf(&gradient, names[i], 1, (int)from->count);
        (*place)->rank = from->rank;
        memcpy((*place)->dims, from->dims, sizeof from->dims);
        memcpy((*place)->value, from->value, (size_t)from->count * sizeof *from->value);
    }
    gradient.sample = 12;
    gradient_check(&gradient, there_and_back, &layers);
    gradient_release(&gradient);
    pl_parameters_release(&parameters);
}

static void layers(void)
{
    check_layers("mlp:7", 2, 2, 3);
    check_layers("mlp:7,5", 5, 1, 1);
    check_layers("conv:5", 4, 6, 2);
    check_layers("conv:4,5", 8, 4, 3);
    check_layers("conv:4,5", 8, 1, 2); /* frames */
}

/* Work and numbers, counted by hand: 4 x 4 pixels of 3, halved to 2 x 2 of 5, z of 2 numbers. */
static void layers_cost(void)
{
    struct pl_context context = {0};
    struct pl_vq_layers layers;
    double work, numbers;
    CHECK(pl_vq_layers_plan(&context, &layers, "conv:5", 4, 4, 48, 2) == PL_OK);
    pl_vq_layers_cost(&layers, &work, &numbers);
    CHECK(work == 2 * 9 * (4 * 5 * 3 + 4 * 2 * 5 + 4 * 5 * 2 + 16 * 3 * 5));
    CHECK(numbers == 2 * 4 * 5 + 4 * 2 + 2 * 4 * 5 + 16 * 5 + 16 * 3);
    CHECK(pl_vq_layers_plan(&context, &layers, "none", 4, 4, 48, 0) == PL_OK && layers.dim == 48);
    pl_vq_layers_cost(&layers, &work, &numbers);
    CHECK(work == 0 && numbers == 0);
}

int main(void)
{
    struct pl_context context = {0};
    if (pl_blas_open(&context) != PL_OK)
        return 1;
    RUN(losses);
    RUN(straight_through);
    RUN(rotation);
    RUN(mean_square);
    RUN(layers);
    RUN(layers_cost);
    FINISH();
}
