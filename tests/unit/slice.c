/* Slices against a plain loop over all elements, for many shapes, cuts and piece sizes.
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "tensor/slice.h"

static unsigned random_state = 1;

static int below(int limit)
{
    random_state = random_state * 1103515245u + 12345u;
    return (int)((random_state >> 16) % (unsigned)limit);
}

static struct pl_span span_of(const char *text)
{
    struct pl_span span;
    CHECK(pl_span_parse(text, strlen(text), &span));
    return span;
}

/* Is this place kept by the axis? */
static int kept(const struct pl_axis *axis, int64_t place)
{
    for (int64_t k = 0; k < axis->count; k++)
        if ((axis->picks ? axis->picks[k] : axis->first + k * axis->step) == place)
            return 1;
    return 0;
}

/* Cuts a tensor of consecutive numbers and compares with asking each element's places. */
static void try_cut(enum pl_dtype dtype, int rank, const int64_t *dims, struct pl_slice *slice)
{
    int64_t count = 1, expected[4096], taken = 0, wanted = 0;
    for (int i = 0; i < rank; i++)
        count *= dims[i];
    for (int64_t e = 0; e < count; e++) {
        int64_t rest = e;
        int all = 1;
        for (int i = rank - 1; i >= 0; i--) {
            all = all && kept(&slice->axes[i], rest % dims[i]);
            rest /= dims[i];
        }
        if (all)
            expected[wanted++] = e;
    }
    size_t size = pl_dtype_size(dtype);
    char *from = calloc((size_t)count + 1, size), *to = calloc((size_t)count + 1, size);
    for (int64_t e = 0; e < count; e++)
        memcpy(from + (size_t)e * size, &e, size); /* little-endian */
    pl_slice_start(slice);
    for (int64_t e = 0; e < count;) {
        int64_t part = 1 + below(1 + (int)count / 2);
        part = part < count - e ? part : count - e;
        taken += pl_slice_take(slice, from + (size_t)e * size, part, to + (size_t)taken * size);
        e += part;
    }
    CHECK(taken == wanted);
    for (int64_t k = 0; k < wanted && k < taken; k++)
        CHECK(memcmp(to + (size_t)k * size, from + (size_t)expected[k] * size, size) == 0);
    int64_t result[PL_MAX_RANK], product = 1;
    int result_rank = pl_slice_shape(slice, result);
    for (int i = 0; i < result_rank; i++)
        product *= result[i];
    CHECK(product == wanted);
    free(from);
    free(to);
}

static void slices_agree_with_a_plain_loop(void)
{
    static const enum pl_dtype dtypes[] = {PL_U16, PL_I32, PL_F64};
    static const int64_t picks[] = {0, 2, 3};
    struct pl_context context = {0};
    for (int round = 0; round < 3000; round++) {
        int rank = below(5);
        int64_t dims[4];
        for (int i = 0; i < rank; i++)
            dims[i] = below(40) ? 1 + below(7) : 0;
        struct pl_slice slice;
        enum pl_dtype dtype = dtypes[below(3)];
        pl_slice_init(&slice, dtype, rank, dims);
        for (int i = 0; i < rank; i++) {
            struct pl_span span = {.has_start = below(2), .has_stop = below(2), .step = 1};
            span.start = below(20) - 10;
            span.stop = below(20) - 10;
            span.step = below(2) ? 1 : 1 + below(3);
            if (below(5) == 0 && dims[i] > 0) {
                span = (struct pl_span){.single = true, .has_start = true, .step = 1};
                span.start = below((int)dims[i]);
            }
            if (below(3))
                CHECK(pl_slice_cut(&context, &slice, i, &span) == PL_OK);
            else if (dims[i] > 3 && below(2))
                pl_slice_pick(&slice, i, picks, 3);
        }
        try_cut(dtype, rank, dims, &slice);
    }
}

static void spans_parse_as_in_numpy(void)
{
    struct pl_span span = span_of("-3:");
    CHECK(span.has_start && span.start == -3 && !span.has_stop && span.step == 1 && !span.single);
    span = span_of("::2");
    CHECK(!span.has_start && !span.has_stop && span.step == 2);
    span = span_of("7");
    CHECK(span.single && span.start == 7);
    static const char *const bad[] = {"",        "a",   "1:2:0", "1:2:-1",
                                      "1:2:3:4", "1.5", " 1",    "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!pl_span_parse(bad[i], strlen(bad[i]), &span));
    struct pl_span spans[PL_MAX_RANK];
    int count;
    CHECK(pl_spans_parse("0:10, :, 3", 10, spans, &count) && count == 3 && spans[2].single);
    CHECK(!pl_spans_parse("1,,2", 4, spans, &count));
    CHECK(!pl_spans_parse("1,1,1,1,1,1,1,1,1", 17, spans, &count));
}

static void what_is_outside_is_refused(void)
{
    struct pl_context context = {0};
    struct pl_slice slice;
    int64_t dims[2] = {-1, 4};
    pl_slice_init(&slice, PL_F32, 2, dims);
    struct pl_span last = span_of("-2:"), fifth = span_of("4"), first = span_of("0:3");
    CHECK(pl_slice_cut(&context, &slice, 0, &last) == PL_BAD_DATA);
    CHECK(pl_slice_cut(&context, &slice, 1, &fifth) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "index 4 is outside axis 1 of length 4");
    CHECK(pl_slice_cut(&context, &slice, 2, &first) == PL_BAD_DATA);
    /* Rows of an axis without end */
    CHECK(pl_slice_cut(&context, &slice, 0, &first) == PL_OK);
    pl_slice_start(&slice);
    float rows[16], out[16];
    for (int i = 0; i < 16; i++)
        rows[i] = (float)i;
    CHECK(pl_slice_take(&slice, rows, 16, out) == 12 && out[11] == 11);
    CHECK(pl_slice_take(&slice, rows, 16, out) == 0);
}

int main(void)
{
    RUN(slices_agree_with_a_plain_loop);
    RUN(spans_parse_as_in_numpy);
    RUN(what_is_outside_is_refused);
    FINISH();
}
