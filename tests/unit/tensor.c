/* Shapes and tensors.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "tensor/tensor.h"

static void counts(void)
{
    int64_t count;
    uint64_t bytes;
    CHECK(pl_shape_count(0, NULL, &count) && count == 1);
    CHECK(pl_shape_count(3, (int64_t[]){2, 3, 4}, &count) && count == 24);
    CHECK(pl_shape_count(2, (int64_t[]){0, 5}, &count) && count == 0);
    CHECK(!pl_shape_count(2, (int64_t[]){-1, 5}, &count));
    CHECK(!pl_shape_count(2, (int64_t[]){1LL << 32, 1LL << 31}, &count));
    CHECK(!pl_shape_count(3, (int64_t[]){0, 1LL << 32, 1LL << 31}, &count));
    CHECK(pl_shape_count(2, (int64_t[]){1LL << 31, 1LL << 31}, &count) && count == 1LL << 62);
    CHECK(pl_shape_bytes(PL_F64, 2, (int64_t[]){3, 5}, &bytes) && bytes == 120);
    CHECK(pl_shape_bytes(PL_BOOL, 1, (int64_t[]){INT64_MAX}, &bytes) && bytes == INT64_MAX);
    CHECK(!pl_shape_bytes(PL_U16, 1, (int64_t[]){1LL << 62}, &bytes));
}

static void texts(void)
{
    struct pl_context context = {0};
    struct pl_buffer out = {0};
    CHECK(pl_shape_text(&context, &out, 3, (int64_t[]){-1, 3, 0}) == PL_OK);
    CHECK(pl_shape_text(&context, &out, 0, NULL) == PL_OK);
    CHECK_TEXT(out.data, "[~, 3, 0][]");
    pl_buffer_release(&out);
}

static void life(void)
{
    struct pl_context context = {0};
    struct pl_tensor tensor, other;
    CHECK(pl_tensor_init(&context, &tensor, PL_I32, 2, (int64_t[]){2, 3}) == PL_OK);
    CHECK(pl_tensor_count(&tensor) == 6 && pl_tensor_bytes(&tensor) == 24 && tensor.owned);
    int32_t *data = tensor.data;
    for (int i = 0; i < 6; i++) {
        CHECK(data[i] == 0);
        data[i] = 100 * i;
    }
    CHECK(pl_tensor_convert(&context, &tensor, PL_F16, &other) == PL_OK);
    CHECK(other.dtype == PL_F16 && other.rank == 2 && other.dims[1] == 3);
    CHECK(pl_element(other.data, PL_F16, 5) == 500);
    pl_tensor_release(&other);
    CHECK(!other.data && !other.owned);
    CHECK(pl_tensor_convert(&context, &tensor, PL_U8, &other) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "element 3: 300 does not fit u8");
    CHECK(!other.data);
    pl_tensor_release(&tensor);
    CHECK(pl_tensor_init(&context, &tensor, PL_F32, 2, (int64_t[]){0, 3}) == PL_OK);
    CHECK(tensor.data && pl_tensor_bytes(&tensor) == 0);
    pl_tensor_release(&tensor);
    CHECK(pl_tensor_init(&context, &tensor, PL_F32, 1, (int64_t[]){1LL << 62}) == PL_BAD_DATA);
    CHECK(pl_tensor_init(&context, &tensor, PL_F32, 1, (int64_t[]){(1LL << 61) - 1}) == PL_SYSTEM);
}

static void expectations(void)
{
    struct pl_context context = {0};
    struct pl_tensor tensor = pl_tensor_view(PL_F32, 2, (int64_t[]){2, 3}, NULL);
    CHECK(pl_tensor_expect(&context, &tensor, "w", PL_F32, 2, (int64_t[]){2, 3}) == PL_OK);
    CHECK(pl_tensor_expect(&context, &tensor, "w", PL_F32, 2, (int64_t[]){-1, 3}) == PL_OK);
    CHECK(pl_tensor_expect(&context, &tensor, "w", PL_F32, 2, (int64_t[]){-1, 4}) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "tensor 'w' is f32 [2, 3], expected f32 [~, 4]");
    CHECK(pl_tensor_expect(&context, &tensor, "w", PL_F64, 1, (int64_t[]){6}) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "tensor 'w' is f32 [2, 3], expected f64 [6]");
}

int main(void)
{
    RUN(counts);
    RUN(texts);
    RUN(life);
    RUN(expectations);
    FINISH();
}
