/* Element types and their conversion.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TENSOR_DTYPE_H
#define PL_TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"

enum pl_dtype {
    PL_F16,
    PL_BF16,
    PL_F32,
    PL_F64,
    PL_I8,
    PL_I16,
    PL_I32,
    PL_I64,
    PL_U8,
    PL_U16,
    PL_U32,
    PL_U64,
    PL_BOOL,
    PL_DTYPES
};

size_t pl_dtype_size(enum pl_dtype dtype);      /* bytes of one element */
const char *pl_dtype_name(enum pl_dtype dtype); /* "f32" */
bool pl_dtype_parse(const char *text, size_t size, enum pl_dtype *out);
bool pl_dtype_is_float(enum pl_dtype dtype);

float pl_f16_to_f32(uint16_t bits);
uint16_t pl_f32_to_f16(float value); /* round to nearest even; overflow becomes infinity */
float pl_bf16_to_f32(uint16_t bits);
uint16_t pl_f32_to_bf16(float value);
uint16_t pl_f64_to_f16(double value); /* rounded once, not through f32 */
uint16_t pl_f64_to_bf16(double value);

/* Converts count elements.  Between floats IEEE rounding; float to integer drops the fraction;
 * to bool is "not zero".  What the target cannot hold (300 as u8, NaN as i32) is PL_BAD_DATA
 * "element 17: 300 does not fit u8".  from and to must not overlap. */
enum pl_status pl_convert(struct pl_context *context, const void *from, enum pl_dtype from_dtype,
                          void *to, enum pl_dtype to_dtype, int64_t count) PL_MUST_CHECK;

/* One element as a double (u64 and i64 beyond 2^53 are rounded). */
double pl_element(const void *data, enum pl_dtype dtype, int64_t index);

/* Its text, exact for integers, shortest round trip for floats; returns the length. */
size_t pl_element_text(char out[32], const void *data, enum pl_dtype dtype, int64_t index);

#endif
