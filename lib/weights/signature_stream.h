/* Signatures as streams of kind `signature`.
 * SPDX-License-Identifier: MIT
 *
 *     meta: signature   name; pre, clean: end sums of the models it was made from; base: CRC-32 of
 *                       the clean model's tensors that it changes; layers; levels (0: not
 *                       quantised), quantiser; tensors: for each its name, shape, and, if
 *                       quantised, bits, least and most
 *     delta.NAME        u8, the codes packed with lowest bits first; f32 in the tensor's shape if
 *                       not quantised */
#ifndef PL_WEIGHTS_SIGNATURE_STREAM_H
#define PL_WEIGHTS_SIGNATURE_STREAM_H

#include "weights/element_source.h"
#include "weights/signature.h"

#define PL_QUANTISERS "linear|tanh|log" /* the words of enum pl_quantise */

struct pl_signature_tensor {
    const char *name;
    int rank;
    int64_t dims[PL_MAX_RANK], count;
    struct pl_quantiser quantiser; /* levels 0: not quantised */
    int bits;
};

struct pl_signature {
    struct pl_arena arena;
    const char *name;
    uint32_t pre, clean, base;
    int64_t layers, levels;
    enum pl_quantise kind;
    struct pl_signature_tensor *tensors;
    size_t count;
};

/* Adds what the document says to a map, and takes it from one. */
void pl_signature_write(struct pl_context *context, const struct pl_signature *signature,
                        struct pl_meta *meta, struct pl_meta_node *map);
enum pl_status pl_signature_read(struct pl_context *context, const struct pl_meta_node *map,
                                 struct pl_signature *signature) PL_MUST_CHECK;
void pl_signature_release(struct pl_signature *signature);

/* NULL when it does not change that tensor. */
const struct pl_signature_tensor *pl_signature_find(const struct pl_signature *signature,
                                                    const char *name);

/* values[i] += scale * delta[first + i].  delta: the elements of its delta record. */
void pl_signature_add(const struct pl_signature_tensor *tensor, const void *delta, double scale,
                      int64_t first, int64_t count, double *values);

/* Bytes of the delta record. */
uint64_t pl_signature_bytes(const struct pl_signature_tensor *tensor);

#endif
