/* Finite groups by their multiplication tables.
 * SPDX-License-Identifier: MIT
 *
 * Words over a group are the sharpest test of whether a recurrence can track a state: the running
 * product of x_1 ... x_t needs every factor in its place, and for groups such as A_5 and S_5 no
 * shallow circuit can shortcut it (Barrington 1989).  All that a task needs is the table.
 *
 * Permutations come in lexicographic order, so that an element's number is its rank in the
 * factorial number system; with that, a product is found without a search.  For A_n the odd ones
 * are left out and the ranks renumbered. */
#include "text/group.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"

enum { POINTS_MOST = 7 }; /* of S_n; A_8 has 20160 elements */

/* The next permutation in lexicographic order; false behind the last. */
static bool next_permutation(uint8_t *points, int64_t count)
{
    int64_t rise = count - 2, other = count - 1;
    while (rise >= 0 && points[rise] > points[rise + 1]) {
        rise--;
    }
    if (rise < 0) {
        return false;
    }
    while (points[other] < points[rise]) {
        other--;
    }
    uint8_t held = points[rise];
    points[rise] = points[other];
    points[other] = held;
    for (int64_t low = rise + 1, high = count - 1; low < high; low++, high--) {
        held = points[low];
        points[low] = points[high];
        points[high] = held;
    }
    return true;
}

/* The number of a permutation in lexicographic order; *odd tells its parity. */
static int64_t rank_of(const uint8_t *points, int64_t count, bool *odd)
{
    int64_t rank = 0, inversions = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t smaller = 0;
        for (int64_t j = i + 1; j < count; j++) {
            smaller += points[j] < points[i];
        }
        rank = rank * (count - i) + smaller;
        inversions += smaller;
    }
    *odd = inversions % 2 != 0;
    return rank;
}

/* Fills elements, and numbers[rank] with the number of each permutation that is in the group. */
static void list_permutations(struct pl_group *group, bool even, int16_t *numbers)
{
    uint8_t points[POINTS_MOST];
    int64_t number = 0, rank = 0;
    bool odd;
    for (int64_t i = 0; i < group->points; i++) {
        points[i] = (uint8_t)i;
    }
    do {
        rank = rank_of(points, group->points, &odd);
        if (even && odd) {
            numbers[rank] = -1;
            continue;
        }
        memcpy(group->elements + number * group->points, points, (size_t)group->points);
        numbers[rank] = (int16_t)number++;
    } while (next_permutation(points, group->points));
}

static void fill_table(struct pl_group *group, const int16_t *numbers)
{
    int64_t n = group->points;
    for (int64_t a = 0; a < group->count; a++) {
        for (int64_t b = 0; b < group->count; b++) {
            uint8_t product[POINTS_MOST];
            bool odd;
            for (int64_t p = 0; p < n; p++) {
                product[p] = group->elements[a * n + group->elements[b * n + p]];
            }
            group->table[a * group->count + b] = (uint16_t)numbers[rank_of(product, n, &odd)];
        }
    }
}

static enum pl_status make_permutations(struct pl_context *context, struct pl_group *group,
                                        bool even)
{
    size_t all = (size_t)group->count * (even && group->points > 1 ? 2 : 1);
    int16_t *numbers = pl_new(context, all, sizeof *numbers);
    group->elements = pl_new(context, (size_t)(group->count * group->points), 1);
    if (!numbers || !group->elements) {
        free(numbers);
        return context->status;
    }
    list_permutations(group, even, numbers);
    fill_table(group, numbers);
    free(numbers);
    return PL_OK;
}

static void make_residues(struct pl_group *group)
{
    for (int64_t a = 0; a < group->count; a++) {
        for (int64_t b = 0; b < group->count; b++) {
            group->table[a * group->count + b] = (uint16_t)((a + b) % group->count);
        }
    }
}

/* The number of elements, which stays right as long as it fits. */
static uint64_t order_of(char kind, uint64_t n)
{
    uint64_t order = 1;
    for (uint64_t i = kind == 'A' ? 3 : 2; kind != 'Z' && i <= n && i <= 20; i++) {
        order *= i;
    }
    return kind == 'Z' ? n : order;
}

static enum pl_status read_name(struct pl_context *context, const char *name, char *kind,
                                uint64_t *n)
{
    *kind = *name;
    if ((*kind != 'S' && *kind != 'A' && *kind != 'Z') ||
        !pl_parse_uint64(name + 1, strlen(name + 1), n) || *n == 0) {
        return pl_fail(context, PL_USAGE,
                       "unknown group '%s': Sn, An and Zm are known, such as S3, A5, Z12", name);
    }
    if (*kind != 'Z' && *n > 20) {
        return pl_fail(context, PL_USAGE, "%s has more than 10^18 elements; limit is %d", name,
                       PL_GROUP_MOST);
    }
    uint64_t order = order_of(*kind, *n);
    if (order > PL_GROUP_MOST) {
        return pl_fail(context, PL_USAGE, "%s has %llu elements; limit is %d", name,
                       (unsigned long long)order, PL_GROUP_MOST);
    }
    return PL_OK;
}

enum pl_status pl_group_init(struct pl_context *context, struct pl_group *group, const char *name)
{
    char kind;
    uint64_t n;
    *group = (struct pl_group){0};
    enum pl_status status = read_name(context, name, &kind, &n);
    if (status) {
        return status;
    }
    group->count = (int64_t)order_of(kind, n);
    group->points = kind == 'Z' ? 0 : (int64_t)n;
    group->table = pl_new(context, (size_t)(group->count * group->count), sizeof *group->table);
    if (!group->table) {
        return context->status;
    }
    if (kind == 'Z') {
        make_residues(group);
        return PL_OK;
    }
    status = make_permutations(context, group, kind == 'A');
    if (status) {
        pl_group_release(group);
    }
    return status;
}

void pl_group_release(struct pl_group *group)
{
    free(group->elements);
    free(group->table);
    *group = (struct pl_group){0};
}
