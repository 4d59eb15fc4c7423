/* Counter-based random numbers: Philox4x32-10.
 * SPDX-License-Identifier: MIT
 *
 * A usual generator walks from state to state, so the millionth number needs the 999999 before it
 * and threads must share or split the walk.  A counter-based one is a keyed scrambling of the
 * counter itself, as a block cipher in counter mode: number n is scramble(key, n), and every
 * number can be had at once, by any thread.
 *
 * Philox's round multiplies two of the four 32-bit words by constants to 64 bits, swaps the
 * halves and mixes in the key and the other two words; ten rounds pass every known statistical
 * test.  The key advances each round by the fractions of the golden ratio and of sqrt(3).
 *
 * Here the seed is the key; the counter's lower half is the element and its upper half a hash of
 * the stream's name.  Each element owns one block of 128 bits: the first 64 are its bits, a
 * normal deviate uses all.
 *
 * Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011). */
#include "base/rng.h"

#include <math.h>

enum { ROUNDS = 10 };

struct block {
    uint32_t words[4];
};

static struct block scramble(struct block counter, uint32_t key0, uint32_t key1)
{
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t first = (uint64_t)0xd2511f53 * counter.words[0];
        uint64_t second = (uint64_t)0xcd9e8d57 * counter.words[2];
        counter =
            (struct block){{(uint32_t)(second >> 32) ^ counter.words[1] ^ key0, (uint32_t)second,
                            (uint32_t)(first >> 32) ^ counter.words[3] ^ key1, (uint32_t)first}};
        key0 += 0x9e3779b9;
        key1 += 0xbb67ae85;
    }
    return counter;
}

static struct block block_of(const struct pl_rng *rng, uint64_t element)
{
    struct block counter = {
        {(uint32_t)element, (uint32_t)(element >> 32), rng->salt[0], rng->salt[1]}};
    return scramble(counter, rng->key[0], rng->key[1]);
}

static uint64_t pair(const struct block *block, int half)
{
    return block->words[2 * half] | (uint64_t)block->words[2 * half + 1] << 32;
}

/* The upper 53 bits as a fraction in [0, 1). */
static double fraction(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

struct pl_rng pl_rng_init(uint64_t seed, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */
    for (const char *at = name; *at; at++) {
        hash = (hash ^ (unsigned char)*at) * 0x100000001b3;
    }
    return (struct pl_rng){.key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
                           .salt = {(uint32_t)hash, (uint32_t)(hash >> 32)}};
}

uint64_t pl_rng_bits(const struct pl_rng *rng, uint64_t element)
{
    struct block block = block_of(rng, element);
    return pair(&block, 0);
}

double pl_rng_uniform(const struct pl_rng *rng, uint64_t element)
{
    return fraction(pl_rng_bits(rng, element));
}

double pl_rng_normal(const struct pl_rng *rng, uint64_t element)
{
    /* Box and Muller: a radius with exponential square, and an angle.  1 - u is never 0. */
    struct block block = block_of(rng, element);
    double radius = sqrt(-2 * log(1 - fraction(pair(&block, 0))));
    return radius * cos(2 * 3.14159265358979323846 * fraction(pair(&block, 1)));
}

uint64_t pl_rng_below(const struct pl_rng *rng, uint64_t element, uint64_t limit)
{
    if (limit == 0) {
        return 0;
    }
    /* bits * limit / 2^64 is fair once the first 2^64 mod limit values of the product's lower
     * half are refused (Lemire 2019); a refusal scrambles the block again. */
    struct block block = block_of(rng, element);
    uint64_t refused = -limit % limit;
    for (;;) {
        unsigned __int128 product = (unsigned __int128)pair(&block, 0) * limit;
        if ((uint64_t)product >= refused) {
            return (uint64_t)(product >> 64);
        }
        block = scramble(block, rng->key[0], rng->key[1]);
    }
}

void pl_rng_shuffle(const struct pl_rng *rng, int64_t *order, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (int64_t i = count - 1; i > 0; i--) {
        int64_t other = (int64_t)pl_rng_below(rng, (uint64_t)i, (uint64_t)i + 1);
        int64_t held = order[i];
        order[i] = order[other];
        order[other] = held;
    }
}
