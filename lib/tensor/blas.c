/* The one door to BLAS and LAPACK.
 * SPDX-License-Identifier: MIT
 *
 * OpenBLAS is opened with dlopen rather than linked, for two reasons.  A tool that does no algebra
 * then starts without the milliseconds that loading takes.  And the environment variables that
 * OpenBLAS reads can still be set: it reads them in its constructor, before any main(), when it is
 * linked in the ordinary way.
 *
 *   OPENBLAS_CORETYPE     which kernels to use.  A release knows the processors of its time by
 *                         family and model; on a newer one it falls back to SSE3 kernels even
 *                         though the processor has AVX2 or AVX-512.  What matters is what the
 *                         processor can do, so that is what is asked here.  On other machines
 *                         than x86-64 the library's own choice stands.
 *   OPENBLAS_NUM_THREADS  1: threads are ours, over blocks of a size that does not depend on
 *                         their number, so that results do not either.
 *   OPENBLAS_L2_SIZE      some virtual machines report no second-level cache, from which newer
 *                         releases size their blocks.
 *
 * Values that the user has set stand, except the number of threads.  The table below is written
 * once, under pthread_once, and only read afterwards. */
#include "tensor/blas.h"

#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 }; /* cblas.h's constants */

typedef void dgemm_fn(int order, int transpose_a, int transpose_b, int m, int n, int k,
                      double alpha, const double *a, int lda, const double *b, int ldb, double beta,
                      double *c, int ldc);
typedef void sgemm_fn(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                      const float *a, int lda, const float *b, int ldb, float beta, float *c,
                      int ldc);
typedef double ddot_fn(int n, const double *x, int incx, const double *y, int incy);

static struct {
    pthread_once_t once;
    void *handle;
    dgemm_fn *dgemm;
    sgemm_fn *sgemm;
    ddot_fn *ddot;
    bool chosen; /* the core type was set here */
    bool right;  /* the trial products were */
    char error[256];
} blas = {.once = PTHREAD_ONCE_INIT};

/* The kernels for what this processor can do; NULL: leave the choice to the library. */
static const char *core_type(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return "Haswell";
#endif
    return NULL;
}

static void prepare_environment(void)
{
    const char *core = core_type();

    if (core && !getenv("OPENBLAS_CORETYPE")) {
        setenv("OPENBLAS_CORETYPE", core, 1);
        blas.chosen = true;
    }
    if (sysconf(_SC_LEVEL2_CACHE_SIZE) <= 0)
        setenv("OPENBLAS_L2_SIZE", "512", 0);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
}

/* Sizes that are no multiple of any kernel's tile, so that edges are tried too. */
enum { TRIAL_M = 37, TRIAL_N = 29, TRIAL_K = 71 };

static double trial_a(int i, int k)
{
    return (i * 7 + k * 3) % 11 - 5;
}

static double trial_b(int k, int j)
{
    return (k * 5 + j * 2) % 13 - 6;
}

/* Products of small whole numbers, which are exact in either precision. */
static bool trial_products(void)
{
    static const int m = TRIAL_M, n = TRIAL_N, depth = TRIAL_K;
    double a[TRIAL_M * TRIAL_K], b[TRIAL_K * TRIAL_N], c[TRIAL_M * TRIAL_N];
    float fa[TRIAL_M * TRIAL_K], fb[TRIAL_K * TRIAL_N], fc[TRIAL_M * TRIAL_N];

    for (int i = 0; i < m * depth; i++)
        fa[i] = (float)(a[i] = trial_a(i / depth, i % depth));
    for (int i = 0; i < depth * n; i++)
        fb[i] = (float)(b[i] = trial_b(i / n, i % n));
    pl_dgemm(false, false, m, n, depth, 1, a, depth, b, n, 0, c, n);
    pl_sgemm(false, false, m, n, depth, 1, fa, depth, fb, n, 0, fc, n);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int k = 0; k < depth; k++)
                sum += trial_a(i, k) * trial_b(k, j);
            if (c[i * n + j] != sum || (double)fc[i * n + j] != sum)
                return false;
        }
    double dot = 0;
    for (int k = 0; k < depth; k++)
        dot += a[k] * a[k];
    return pl_ddot(depth, a, a) == dot;
}

static void open_once(void)
{
    prepare_environment();
    blas.handle = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!blas.handle)
        blas.handle = dlopen("libopenblas.so", RTLD_NOW | RTLD_LOCAL);
    if (!blas.handle) {
        snprintf(blas.error, sizeof blas.error, "%s", dlerror());
        return;
    }
    *(void **)&blas.dgemm = dlsym(blas.handle, "cblas_dgemm");
    *(void **)&blas.sgemm = dlsym(blas.handle, "cblas_sgemm");
    *(void **)&blas.ddot = dlsym(blas.handle, "cblas_ddot");
    if (!blas.dgemm || !blas.sgemm || !blas.ddot)
        snprintf(blas.error, sizeof blas.error, "it has no cblas_dgemm, cblas_sgemm or cblas_ddot");
    else
        blas.right = trial_products();
}

enum pl_status pl_blas_open(struct pl_context *context)
{
    pthread_once(&blas.once, open_once);
    if (blas.error[0])
        return pl_fail(context, PL_SYSTEM,
                       "cannot load OpenBLAS: %s (on Debian: apt install libopenblas0-pthread)",
                       blas.error);
    if (!blas.right) {
        const char *core = getenv("OPENBLAS_CORETYPE");
        return pl_fail(context, PL_NUMERIC,
                       "OpenBLAS computes wrong products with core type '%s'; set "
                       "OPENBLAS_CORETYPE to one that this processor has, such as Haswell",
                       core ? core : "found by itself");
    }
    return PL_OK;
}

void pl_dgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, double alpha,
              const double *a, int64_t lda, const double *b, int64_t ldb, double beta, double *c,
              int64_t ldc)
{
    blas.dgemm(ROW_MAJOR, transpose_a ? TRANSPOSED : PLAIN, transpose_b ? TRANSPOSED : PLAIN,
               (int)m, (int)n, (int)k, alpha, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}

void pl_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
              const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
              int64_t ldc)
{
    blas.sgemm(ROW_MAJOR, transpose_a ? TRANSPOSED : PLAIN, transpose_b ? TRANSPOSED : PLAIN,
               (int)m, (int)n, (int)k, alpha, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}

double pl_ddot(int64_t n, const double *a, const double *b)
{
    return blas.ddot((int)n, a, 1, b, 1);
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

enum { SPEED_SIZE = 384, SPEED_RUNS = 5 };

/* The best of a few single-precision products, in 10^9 operations a second. */
static enum pl_status measure(struct pl_context *context, double *gflops)
{
    const int64_t n = SPEED_SIZE;
    float *a = pl_new(context, 3 * SPEED_SIZE * SPEED_SIZE, sizeof *a);
    double best = INFINITY;

    if (!a)
        return context->status;
    float *b = a + n * n, *c = b + n * n;
    for (int64_t i = 0; i < n * n; i++)
        a[i] = b[i] = (float)(i % 7);
    for (int run = 0; run < SPEED_RUNS; run++) {
        double start = seconds();
        pl_sgemm(false, false, n, n, n, 1, a, n, b, n, 0, c, n);
        best = fmin(best, seconds() - start);
    }
    free(a);
    *gflops = 2e-9 * (double)(n * n * n) / best;
    return PL_OK;
}

/* The second word of "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...". */
static void version(char *out, size_t size)
{
    char *(*config)(void);

    *(void **)&config = dlsym(blas.handle, "openblas_get_config");
    out[0] = '\0';
    if (!config || sscanf(config(), "OpenBLAS %15[0-9.]", out) != 1)
        snprintf(out, size, "of unknown version");
}

enum pl_status pl_blas_describe(struct pl_context *context, char *out, int size)
{
    char number[32];
    char *(*core)(void);
    double gflops = 0;
    enum pl_status status = pl_blas_open(context);

    if (status == PL_OK)
        status = measure(context, &gflops);
    if (status != PL_OK)
        return status;
    version(number, sizeof number);
    *(void **)&core = dlsym(blas.handle, "openblas_get_corename");
    snprintf(out, (size_t)size, "OpenBLAS %s, %s (%s), %.0f GFLOP/s", number,
             core ? core() : "unknown core",
             blas.chosen                   ? "chosen by plumbline"
             : getenv("OPENBLAS_CORETYPE") ? "chosen by OPENBLAS_CORETYPE"
                                           : "its own choice",
             gflops);
    return PL_OK;
}

void *pl_blas_symbol(const char *name)
{
    return blas.handle ? dlsym(blas.handle, name) : NULL;
}
