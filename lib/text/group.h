/* Finite groups by their multiplication tables: permutations and residues.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TEXT_GROUP_H
#define PL_TEXT_GROUP_H

#include <stdint.h>

#include "base/context.h"

#define PL_GROUP_MOST 5040 /* elements: |S7| */

struct pl_group {
    int64_t count;     /* of elements; element 0 is the identity */
    int64_t points;    /* that a permutation moves; 0: residues */
    uint8_t *elements; /* [count, points]: element e takes point p to elements[e * points + p] */
    uint16_t *table;   /* [count, count]: table[a * count + b] = a b */
};

/* The group of a name: S_n, all permutations of n points ("S3"), and A_n, the even ones, both in
 * lexicographic order of (image of 0, image of 1, ...), where (a b)(p) = a(b(p)); Z_m, residues
 * under addition ("Z12").  PL_USAGE for an unknown one, or one that is too large: "S9 has 362880
 * elements; limit is 5040". */
enum pl_status pl_group_init(struct pl_context *context, struct pl_group *group,
                             const char *name) PL_MUST_CHECK;
void pl_group_release(struct pl_group *group);

/* a b */
static inline int64_t pl_group_product(const struct pl_group *group, int64_t a, int64_t b)
{
    return group->table[a * group->count + b];
}

#endif
