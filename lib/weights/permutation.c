/* Permutations of units.
 * SPDX-License-Identifier: MIT */
#include "weights/permutation.h"

void pl_permutation_identity(int64_t *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        p[i] = i;
}

bool pl_permutation_is_identity(const int64_t *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (p[i] != i)
            return false;
    return true;
}

bool pl_permutation_is_valid(const int64_t *p, int64_t n, bool *seen)
{
    for (int64_t i = 0; i < n; i++)
        seen[i] = false;
    for (int64_t i = 0; i < n; i++) {
        if (p[i] < 0 || p[i] >= n || seen[p[i]])
            return false;
        seen[p[i]] = true;
    }
    return true;
}

void pl_permutation_invert(const int64_t *p, int64_t n, int64_t *inverse)
{
    for (int64_t i = 0; i < n; i++)
        inverse[p[i]] = i;
}

void pl_permutation_compose(const int64_t *p, const int64_t *next, int64_t n, int64_t *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = p[next[i]];
}
