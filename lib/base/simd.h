/* Plain loops compiled for the vector units that the processor at hand has.
 * SPDX-License-Identifier: MIT
 *
 * A function marked PL_CLONES is compiled for AVX-512, AVX2 and the baseline, and the loader picks
 * one.  pl_double8 is eight doubles that the compiler maps on whatever registers there are; with
 * -ffp-contract=off every variant computes the same bits. */
#ifndef PL_BASE_SIMD_H
#define PL_BASE_SIMD_H

/* Sanitizers are not ready yet when the loader picks a variant. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PL_SANITIZED 1
#endif
#endif

/* clang 14 fails on target_clones, or names what it makes of it in its own way. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__) && \
    !defined(PL_SANITIZED)
#define PL_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define PL_CLONES
#endif

typedef double pl_double8 __attribute__((vector_size(64), aligned(8), may_alias));

#endif
