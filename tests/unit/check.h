/* A unit test is a program: CHECK lines inside TEST functions, RUN in main, TAP on stdout.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TESTS_CHECK_H
#define PL_TESTS_CHECK_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_tests, check_failures, check_failed_here;

#define CHECK(condition)                                             \
    do {                                                             \
        if (!(condition)) {                                          \
            printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition); \
            check_failed_here++;                                     \
        }                                                            \
    } while (0)

#define CHECK_TEXT(got, expected)                                                             \
    do {                                                                                      \
        const char *got_ = (got), *expected_ = (expected);                                    \
        if (strcmp(got_, expected_) != 0) {                                                   \
            printf("# %s:%d: got      '%s'\n# %*s expected '%s'\n", __FILE__, __LINE__, got_, \
                   (int)strlen(__FILE__) + 5, "", expected_);                                 \
            check_failed_here++;                                                              \
        }                                                                                     \
    } while (0)

/* |got - expected| <= tolerance * max(1, |expected|) */
#define CHECK_NEAR(got, expected, tolerance)                                                     \
    do {                                                                                         \
        double got_ = (got), expected_ = (expected);                                             \
        if (!(fabs(got_ - expected_) <= (tolerance)*fmax(1.0, fabs(expected_)))) {               \
            printf("# %s:%d: got %.17g, expected %.17g\n", __FILE__, __LINE__, got_, expected_); \
            check_failed_here++;                                                                 \
        }                                                                                        \
    } while (0)

#define RUN(test)                                                                                \
    do {                                                                                         \
        check_failed_here = 0;                                                                   \
        test();                                                                                  \
        printf("%s %d - %s\n", check_failed_here ? "not ok" : "ok", ++check_tests, #test);       \
        fflush(stdout); /* what is left here, a child that a later test forks would print too */ \
        check_failures += check_failed_here > 0;                                                 \
    } while (0)

/* Valgrind computes long double in 64 bits, and what rests on 80 is off by a rounding there. */
#define RUN_IN_80_BITS(test)                               \
    do {                                                   \
        const char *checker_ = getenv("CHECKER");          \
        if (checker_ && strcmp(checker_, "valgrind") == 0) \
            SKIP(#test, "valgrind has no long double");    \
        else                                               \
            RUN(test);                                     \
    } while (0)

#define SKIP(what, why) printf("ok %d - %s # skip %s\n", ++check_tests, what, why)

#define FINISH()                        \
    do {                                \
        printf("1..%d\n", check_tests); \
        return check_failures > 0;      \
    } while (0)

/* Ends here, visibly, where there is no OpenBLAS; include tensor/blas.h. */
#define NEED_BLAS(what)                      \
    do {                                     \
        struct pl_context blas_ = {0};       \
        if (pl_blas_open(&blas_) != PL_OK) { \
            printf("# %s\n", blas_.message); \
            SKIP(what, "no OpenBLAS");       \
            FINISH();                        \
        }                                    \
    } while (0)

#endif
