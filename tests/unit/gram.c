/* The recurrence against sums over windows that are really built, and the algebra of statistics.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "base/rng.h"
#include "models/gram.h"

enum { L = 70, H = 41, ROWS = 700, PAST = 2, FUTURE = 3, COLUMNS = 1 + PAST + FUTURE };

static struct pl_context context;
static double data[COLUMNS][ROWS];
static const double *const past[PAST] = {data[1], data[2]};
static const double *const future[FUTURE] = {data[3], data[4], data[5]};

/* Standardised columns of different character: a season, a walk, noise, an outlier, a trend. */
static void make_data(void)
{
    struct pl_rng rng = pl_rng_init(1, "gram");

    for (int c = 0; c < COLUMNS; c++) {
        double walk = 0, sum = 0, square = 0;

        for (int t = 0; t < ROWS; t++) {
            double noise = pl_rng_normal(&rng, (uint64_t)(c * ROWS + t));

            walk += noise;
            data[c][t] = c == 0   ? sin(t / 3.8) + 0.3 * noise
                         : c == 1 ? walk
                         : c == 2 ? (t == 5 ? 1000 : noise)
                         : c == 3 ? cos(t / 3.8)
                                  : t + 9 * c * noise;
            sum += data[c][t];
            square += data[c][t] * data[c][t];
        }
        double mean = sum / ROWS, scale = sqrt(square / ROWS - mean * mean);
        for (int t = 0; t < ROWS; t++)
            data[c][t] = (data[c][t] - mean) / scale;
    }
}

static struct pl_piece piece_at(int64_t first, int64_t rows, const double *columns[COLUMNS])
{
    for (int c = 0; c < COLUMNS; c++)
        columns[c] = data[c] + first;
    return (struct pl_piece){rows, columns[0], columns + 1, columns + 1 + PAST};
}

static struct pl_gram new_gram(void)
{
    struct pl_gram gram;

    if (pl_gram_init(&context, &gram, L, H, PAST, FUTURE) != PL_OK)
        abort();
    return gram;
}

static struct pl_gram whole_gram(void)
{
    struct pl_gram gram = new_gram();
    struct pl_piece piece = {ROWS, data[0], past, future};

    CHECK(pl_gram_add(&context, &gram, &piece) == PL_OK);
    return gram;
}

/* The largest difference of any sum, relative to the largest of its kind. */
static double distance(struct pl_gram *a, struct pl_gram *b)
{
    struct pl_gram_part left[PL_GRAM_PARTS], right[PL_GRAM_PARTS];
    int count = pl_gram_parts(a, left);
    double worst = 0;

    CHECK(count == pl_gram_parts(b, right));
    for (int f = 0; f < count; f++) {
        const double *u = left[f].tensor.data, *v = right[f].tensor.data;
        double difference = 0, size = 1e-300;

        for (int64_t i = 0; i < pl_tensor_count(&left[f].tensor); i++) {
            difference = fmax(difference, fabs(u[i] - v[i]));
            size = fmax(size, fabs(v[i]));
        }
        worst = fmax(worst, difference / size);
    }
    return worst;
}

/* Entry by entry from windows, in extended precision. */
static long double window_sum(const double *a, int i, const double *b, int j, int first, int end)
{
    long double sum = 0;

    for (int t = first; t < end; t++)
        sum += (long double)(a ? a[t + i] : 1) * (long double)b[t + j];
    return sum;
}

static void by_windows(struct pl_gram *gram, int first, int end)
{
    const int p = L * (1 + PAST);

    gram->count = end - first;
    for (int r = 0; r < p; r++) {
        const double *a = data[r / L];

        gram->x[r] = (double)window_sum(NULL, 0, a, r % L, first, end);
        for (int s = 0; s < p; s++)
            gram->xx[r * p + s] = (double)window_sum(a, r % L, data[s / L], s % L, first, end);
        for (int h = 0; h < H; h++) {
            gram->xy[r * H + h] = (double)window_sum(a, r % L, data[0], L + h, first, end);
            for (int c = 0; c < FUTURE; c++)
                gram->xz[(c * p + r) * H + h] =
                    (double)window_sum(a, r % L, future[c], L + h, first, end);
        }
    }
    for (int h = 0; h < H; h++) {
        gram->y[h] = (double)window_sum(NULL, 0, data[0], L + h, first, end);
        gram->yy[h] = (double)window_sum(data[0], L + h, data[0], L + h, first, end);
        for (int c = 0; c < FUTURE; c++) {
            gram->z[c * H + h] = (double)window_sum(NULL, 0, future[c], L + h, first, end);
            gram->zy[c * H + h] = (double)window_sum(future[c], L + h, data[0], L + h, first, end);
            for (int d = 0; d < FUTURE; d++)
                gram->zz[(c * FUTURE + d) * H + h] =
                    (double)window_sum(future[c], L + h, future[d], L + h, first, end);
        }
    }
}

static void recurrence_equals_windows(void)
{
    struct pl_gram gram = whole_gram(), expected = new_gram();

    by_windows(&expected, 0, ROWS - L - H + 1);
    printf("# largest relative difference %.2g\n", distance(&gram, &expected));
    CHECK(distance(&gram, &expected) < 1e-12);
    pl_gram_release(&gram);
    pl_gram_release(&expected);
}

/* Every length of a strip's last part, and windows fewer than a chunk. */
static void odd_sizes(void)
{
    for (int64_t horizon = 1; horizon < 24; horizon++)
        for (int64_t windows = 1; windows < 12; windows += 5) {
            struct pl_gram gram;
            int64_t rows = L + horizon + windows - 1;
            struct pl_piece piece = {rows, data[0], NULL, NULL};

            CHECK(pl_gram_init(&context, &gram, L, horizon, 0, 0) == PL_OK);
            CHECK(pl_gram_add(&context, &gram, &piece) == PL_OK);
            for (int i = 0; i < L; i++)
                for (int h = 0; h < horizon; h++)
                    CHECK_NEAR(gram.xy[i * horizon + h],
                               (double)window_sum(data[0], i, data[0], L + h, 0, (int)windows),
                               1e-13);
            pl_gram_release(&gram);
        }
}

/* Two pieces of which the second starts so that no window is lost are the whole. */
static void pieces_add_up(void)
{
    const double *columns[COLUMNS];
    struct pl_gram whole = whole_gram(), pieces = new_gram(), half = new_gram();
    struct pl_piece first = piece_at(0, 400, columns);

    CHECK(pl_gram_add(&context, &pieces, &first) == PL_OK);
    struct pl_piece second = piece_at(400 - (L + H - 1), ROWS - 400 + L + H - 1, columns);
    CHECK(pl_gram_add(&context, &half, &second) == PL_OK);
    CHECK(pl_gram_merge(&context, &pieces, &half, 1) == PL_OK);
    CHECK(distance(&pieces, &whole) < 1e-13);
    CHECK(pieces.count == ROWS - L - H + 1);
    /* and what was added can be taken out */
    CHECK(pl_gram_merge(&context, &pieces, &half, -1) == PL_OK);
    pl_gram_release(&half);
    half = new_gram();
    by_windows(&half, 0, 400 - L - H + 1);
    CHECK(distance(&pieces, &half) < 1e-12);
    pl_gram_release(&whole);
    pl_gram_release(&pieces);
    pl_gram_release(&half);
}

static void short_piece_adds_nothing(void)
{
    struct pl_gram gram = new_gram(), zero = new_gram();
    struct pl_piece piece = {L + H - 1, data[0], past, future};

    CHECK(pl_gram_add(&context, &gram, &piece) == PL_OK);
    CHECK(distance(&gram, &zero) == 0);
    pl_gram_release(&gram);
    pl_gram_release(&zero);
}

static void threads_change_no_bit(void)
{
    struct pl_gram gram[2];

    for (int i = 0; i < 2; i++) {
        context.threads = 1 + 3 * i;
        gram[i] = whole_gram();
    }
    context.threads = 0;
    CHECK(distance(&gram[0], &gram[1]) == 0);
    pl_gram_release(&gram[0]);
    pl_gram_release(&gram[1]);
}

static void other_units(void)
{
    static const struct pl_units target = {2, -1}, more[PAST] = {{0.5, 3}, {-1, 0.25}},
                                 ahead[FUTURE] = {{1, 0}, {4, 1}, {0.1, -2}};
    struct pl_gram gram = whole_gram();

    pl_gram_rescale(&gram, target, more, ahead);
    for (int c = 0; c < COLUMNS; c++) {
        struct pl_units units = c == 0 ? target : c <= PAST ? more[c - 1] : ahead[c - 1 - PAST];
        for (int t = 0; t < ROWS; t++)
            data[c][t] = units.scale * data[c][t] + units.shift;
    }
    struct pl_gram expected = whole_gram();
    CHECK(distance(&gram, &expected) < 1e-12);
    make_data();
    pl_gram_release(&gram);
    pl_gram_release(&expected);
}

static void discount(void)
{
    struct pl_gram gram = whole_gram(), zero = new_gram();
    double before = gram.xx[5];

    pl_gram_discount(&gram, 0.25);
    CHECK(gram.xx[5] == before / 4);
    CHECK(gram.count == (ROWS - L - H + 1) / 4.0);
    CHECK(pl_gram_merge(&context, &zero, &gram, 1) == PL_OK);
    CHECK(distance(&gram, &zero) == 0);
    pl_gram_release(&gram);
    pl_gram_release(&zero);
}

static void refusals(void)
{
    struct pl_gram gram = new_gram(), other;

    CHECK(pl_gram_init(&context, &other, 0, 1, 0, 0) == PL_USAGE);
    CHECK(pl_gram_init(&context, &other, INT64_MAX, 1, 1, 0) == PL_USAGE);
    CHECK(pl_gram_init(&context, &other, 1L << 40, 1, 0, 0) != PL_OK);
    pl_gram_release(&other);
    CHECK(pl_gram_init(&context, &other, L + 1, H, PAST, FUTURE) == PL_OK);
    CHECK(pl_gram_merge(&context, &gram, &other, 1) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "statistics differ in lookback: 70 and 71");
    pl_gram_release(&gram);
    pl_gram_release(&other);
}

int main(void)
{
    make_data();
    RUN(recurrence_equals_windows);
    RUN(odd_sizes);
    RUN(pieces_add_up);
    RUN(short_piece_adds_nothing);
    RUN(threads_change_no_bit);
    RUN(other_units);
    RUN(discount);
    RUN(refusals);
    FINISH();
}
