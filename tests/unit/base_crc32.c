/* The CRC against zlib's: every length, offset and split that the folding treats apart.
 * SPDX-License-Identifier: MIT */
#include <zlib.h>

#include "base/crc32.h"
#include "base/rng.h"
#include "check.h"

enum { SIZE = 1 << 16 };

static unsigned char bytes[SIZE];

static void fill(void)
{
    struct pl_rng rng = pl_rng_init(3, "crc");
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (unsigned char)pl_rng_bits(&rng, i);
    }
}

static void check_value(void)
{
    CHECK(pl_crc32(0, "123456789", 9) == 0xcbf43926);
    CHECK(pl_crc32(0x12345678, NULL, 0) == 0x12345678);
    CHECK(pl_crc32(0, "", 0) == 0);
}

static void lengths_and_offsets(void)
{
    int wrong = 0;
    for (size_t size = 0; size <= 1100; size++) {
        for (size_t offset = 0; offset < 17; offset++) {
            const unsigned char *from = bytes + offset * 331;
            uint32_t start = (uint32_t)(size * 2654435761u + offset);
            wrong += pl_crc32(start, from, size) != (size ? crc32_z(start, from, size) : start);
        }
    }
    CHECK(wrong == 0);
}

static void splits(void)
{
    struct pl_rng rng = pl_rng_init(4, "splits");
    uint32_t whole = (uint32_t)crc32_z(0, bytes, SIZE);
    int wrong = pl_crc32(0, bytes, SIZE) != whole;
    for (uint64_t round = 0; round < 2000; round++) {
        size_t first = pl_rng_below(&rng, 2 * round, SIZE + 1);
        size_t second = first + pl_rng_below(&rng, 2 * round + 1, SIZE - first + 1);
        uint32_t crc = pl_crc32(0, bytes, first);
        crc = pl_crc32(crc, bytes + first, second - first);
        crc = pl_crc32(crc, bytes + second, SIZE - second);
        wrong += crc != whole;
    }
    CHECK(wrong == 0);
}

int main(void)
{
    fill();
    RUN(check_value);
    RUN(lengths_and_offsets);
    RUN(splits);
    FINISH();
}
