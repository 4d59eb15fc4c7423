/* CRC-32 with the zlib polynomial, by carry-less multiplication where the processor has it.
 * SPDX-License-Identifier: MIT
 *
 * A CRC is the remainder of the message, read as a polynomial over GF(2), divided by a fixed
 * polynomial P of degree 32.  A table gets through a byte or a few at a time.  But the remainder
 * does not change when a 128-bit piece A that stands d bits ahead of another piece B is taken
 * away and A * x^d mod P is added to B instead: the message is folded onto itself.  With x^d
 * mod P as a constant, a fold is two 64 x 64 carry-less multiplications, one for each half of A,
 * and an exclusive or.  Four or sixteen pieces are folded side by side, since a multiplication
 * takes several cycles but one can start in each; they are then folded into one piece, whose
 * remainder zlib takes, and zlib does the few bytes that are left.
 *
 * CRC-32 is a reflected CRC: the first bit is the highest power and the lowest bit of a register.
 * The product of two reflected 64-bit halves comes out one bit low in 128 bits, so the constants
 * are x^(d + 63) mod P for the first half and x^(d - 1) mod P for the second, reflected.
 *
 * Gopal et al.: Fast CRC computation for generic polynomials using PCLMULQDQ (Intel, 2009). */
#include "base/crc32.h"

#include <zlib.h>

#if defined(__x86_64__)

#include <immintrin.h>

enum { NARROW_LEAST = 64, WIDE_LEAST = 256 }; /* bytes in flight in four registers */

/* For d = 128, 512 and 2048 bits: the constants for a piece's second and first half. */
#define FOLD_128  (long long)0x9ba54c6f00000000, (long long)0x65673b4600000000
#define FOLD_512  (long long)0xcad38e8f00000000, (long long)0x653d982200000000
#define FOLD_2048 (long long)0x03f9f86300000000, (long long)0x7cc8e1e700000000

#define NARROW __attribute__((target("pclmul")))
#define WIDE   __attribute__((target("pclmul,avx512f,vpclmulqdq")))

/* The piece moved d bits ahead, plus next. */
NARROW static inline __m128i fold(__m128i piece, __m128i constants, __m128i next)
{
    __m128i first = _mm_clmulepi64_si128(piece, constants, 0x00);
    __m128i second = _mm_clmulepi64_si128(piece, constants, 0x11);
    return _mm_xor_si128(_mm_xor_si128(first, second), next);
}

/* Ends what either way began: folds the rest of the message onto four pieces, then the pieces
 * into one, and leaves that and the last few bytes to zlib. */
NARROW static uint32_t finish(__m128i pieces[4], const unsigned char *bytes, size_t size)
{
    __m128i constants = _mm_set_epi64x(FOLD_512);
    __m128i a = pieces[0], b = pieces[1], c = pieces[2], d = pieces[3];
    for (; size >= 64; bytes += 64, size -= 64) {
        const __m128i *next = (const __m128i *)bytes;
        a = fold(a, constants, _mm_loadu_si128(next));
        b = fold(b, constants, _mm_loadu_si128(next + 1));
        c = fold(c, constants, _mm_loadu_si128(next + 2));
        d = fold(d, constants, _mm_loadu_si128(next + 3));
    }
    constants = _mm_set_epi64x(FOLD_128);
    a = fold(fold(fold(a, constants, b), constants, c), constants, d);
    for (; size >= 16; bytes += 16, size -= 16) {
        a = fold(a, constants, _mm_loadu_si128((const __m128i *)bytes));
    }
    unsigned char last[16];
    _mm_storeu_si128((__m128i *)last, a);
    uLong crc = crc32_z(0xffffffff, last, sizeof last); /* zlib inverts: this starts from zero */
    return (uint32_t)(size ? crc32_z(crc, bytes, size) : crc);
}

/* size >= NARROW_LEAST */
NARROW static uint32_t crc_narrow(uint32_t crc, const unsigned char *bytes, size_t size)
{
    __m128i pieces[4];
    for (int i = 0; i < 4; i++) {
        pieces[i] = _mm_loadu_si128((const __m128i *)bytes + i);
    }
    pieces[0] = _mm_xor_si128(pieces[0], _mm_cvtsi32_si128((int)~crc));
    return finish(pieces, bytes + 64, size - 64);
}

WIDE static inline __m512i fold_wide(__m512i pieces, __m512i constants, __m512i next)
{
    __m512i first = _mm512_clmulepi64_epi128(pieces, constants, 0x00);
    __m512i second = _mm512_clmulepi64_epi128(pieces, constants, 0x11);
    return _mm512_ternarylogic_epi64(first, second, next, 0x96); /* exclusive or of the three */
}

/* size >= WIDE_LEAST */
WIDE static uint32_t crc_wide(uint32_t crc, const unsigned char *bytes, size_t size)
{
    __m512i constants = _mm512_broadcast_i32x4(_mm_set_epi64x(FOLD_2048));
    __m512i a = _mm512_loadu_si512(bytes), b = _mm512_loadu_si512(bytes + 64);
    __m512i c = _mm512_loadu_si512(bytes + 128), d = _mm512_loadu_si512(bytes + 192);
    a = _mm512_xor_si512(a, _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)~crc)));
    for (bytes += 256, size -= 256; size >= 256; bytes += 256, size -= 256) {
        a = fold_wide(a, constants, _mm512_loadu_si512(bytes));
        b = fold_wide(b, constants, _mm512_loadu_si512(bytes + 64));
        c = fold_wide(c, constants, _mm512_loadu_si512(bytes + 128));
        d = fold_wide(d, constants, _mm512_loadu_si512(bytes + 192));
    }
    constants = _mm512_broadcast_i32x4(_mm_set_epi64x(FOLD_512));
    a = fold_wide(fold_wide(fold_wide(a, constants, b), constants, c), constants, d);
    __m128i pieces[4];
    _mm512_storeu_si512(pieces, a);
    return finish(pieces, bytes, size);
}

uint32_t pl_crc32(uint32_t crc, const void *bytes, size_t size)
{
    if (size >= WIDE_LEAST && __builtin_cpu_supports("vpclmulqdq") &&
        __builtin_cpu_supports("avx512f")) {
        return crc_wide(crc, bytes, size);
    }
    if (size >= NARROW_LEAST && __builtin_cpu_supports("pclmul")) {
        return crc_narrow(crc, bytes, size);
    }
    return size ? (uint32_t)crc32_z(crc, bytes, size) : crc; /* zlib restarts on NULL */
}

#else

uint32_t pl_crc32(uint32_t crc, const void *bytes, size_t size)
{
    return size ? (uint32_t)crc32_z(crc, bytes, size) : crc; /* zlib restarts on NULL */
}

#endif
