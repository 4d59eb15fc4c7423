/* Counts who asks for memory, by taking the place of malloc and its like in this program; not
 * under sanitizers and valgrind, which do the same (counted() is false then).
 * SPDX-License-Identifier: MIT */
#ifndef PL_TESTS_COUNTED_H
#define PL_TESTS_COUNTED_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/simd.h" /* PL_SANITIZED */

static atomic_long counted_asked;

#if defined(__GLIBC__) && !defined(PL_SANITIZED)
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    counted_asked++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    counted_asked++;
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    counted_asked++;
    return __libc_realloc(block, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    counted_asked++;
    *block = __libc_memalign(alignment, size);
    return *block ? 0 : ENOMEM;
}
enum { COUNTED_BUILT = 1 };
#else
enum { COUNTED_BUILT = 0 };
#endif

static inline bool counted(void)
{
    const char *checker = getenv("CHECKER");
    return COUNTED_BUILT && !(checker && strcmp(checker, "valgrind") == 0);
}

#endif
