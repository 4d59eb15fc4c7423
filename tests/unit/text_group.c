/* Groups: axioms, canonical order, names that are refused.
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "text/group.h"

static struct pl_context context;

static void check_group(const char *name, int64_t count, int64_t involutions)
{
    struct pl_group group;
    int64_t found = 0;
    CHECK(pl_group_init(&context, &group, name) == PL_OK);
    CHECK(group.count == count);
    for (int64_t a = 0; a < count; a++) {
        int64_t inverses = 0;
        CHECK(pl_group_product(&group, a, 0) == a && pl_group_product(&group, 0, a) == a);
        for (int64_t b = 0; b < count; b++) {
            int64_t ab = pl_group_product(&group, a, b), c = (a * 7 + b * 3 + 1) % count;
            CHECK(ab >= 0 && ab < count);
            CHECK(pl_group_product(&group, ab, c) ==
                  pl_group_product(&group, a, pl_group_product(&group, b, c)));
            inverses += ab == 0;
        }
        CHECK(inverses == 1);
        found += a > 0 && pl_group_product(&group, a, a) == 0;
    }
    CHECK(found == involutions);
    pl_group_release(&group);
}

static void axioms(void)
{
    check_group("S1", 1, 0);
    check_group("S2", 2, 1);
    check_group("S3", 6, 3);
    check_group("S4", 24, 9);
    check_group("S5", 120, 25);
    check_group("A1", 1, 0);
    check_group("A2", 1, 0);
    check_group("A3", 3, 0);
    check_group("A4", 12, 3);
    check_group("A5", 60, 15);
    check_group("Z1", 1, 0);
    check_group("Z12", 12, 1);
    check_group("Z97", 97, 0);
}

/* Lexicographic, and the right factor acts first. */
static void canonical_order(void)
{
    static const uint16_t table[] = {0, 1, 2, 3, 4, 5, 1, 0, 4, 5, 2, 3, 2, 3, 0, 1, 5, 4,
                                     3, 2, 5, 4, 0, 1, 4, 5, 1, 0, 3, 2, 5, 4, 3, 2, 1, 0};
    static const uint8_t third[] = {0, 1, 4, 2, 3};
    struct pl_group group;
    CHECK(pl_group_init(&context, &group, "S3") == PL_OK);
    CHECK(memcmp(group.table, table, sizeof table) == 0);
    pl_group_release(&group);
    CHECK(pl_group_init(&context, &group, "A5") == PL_OK);
    CHECK(memcmp(group.elements + 10, third, 5) == 0);
    pl_group_release(&group);
}

static void refused(const char *name, const char *message)
{
    struct pl_group group;
    CHECK(pl_group_init(&context, &group, name) == PL_USAGE);
    CHECK_TEXT(context.message, message);
}

static void refusals(void)
{
    refused("S9", "S9 has 362880 elements; limit is 5040");
    refused("A8", "A8 has 20160 elements; limit is 5040");
    refused("Z5041", "Z5041 has 5041 elements; limit is 5040");
    refused("S21", "S21 has more than 10^18 elements; limit is 5040");
    refused("D4", "unknown group 'D4': Sn, An and Zm are known, such as S3, A5, Z12");
    refused("S0", "unknown group 'S0': Sn, An and Zm are known, such as S3, A5, Z12");
    refused("S", "unknown group 'S': Sn, An and Zm are known, such as S3, A5, Z12");
    refused("S3x", "unknown group 'S3x': Sn, An and Zm are known, such as S3, A5, Z12");
    refused("", "unknown group '': Sn, An and Zm are known, such as S3, A5, Z12");
}

int main(void)
{
    RUN(axioms);
    RUN(canonical_order);
    RUN(refusals);
    FINISH();
}
