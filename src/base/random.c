/* Counter: word 0 the block within the stream, word 1 the epoch, words 2 and 3 the row, low half first.
 * Key: 64 bits that splitmix64 makes of seed, purpose and place in turn, low half first. */
#include "base/random.h"

#include <math.h>

/* One step of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014): a
 * bijection of 64 bits. */
static uint64_t splitmix64(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

cn_random cn_random_at(uint64_t seed, cn_purpose purpose, size_t place, size_t epoch, uint64_t row)
{
    uint64_t key = splitmix64(splitmix64(splitmix64(seed) + (uint64_t)purpose) + place);
    return (cn_random){
        .key = {(uint32_t)key, (uint32_t)(key >> 32)},
        .epoch = (uint32_t)epoch,
        .row = row,
    };
}

/* Ten rounds, each two 32x32-bit products crossed over; the key is bumped between them by the golden ratio
 * and sqrt(3) - 1. */
void cn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p = (uint64_t)c0 * UINT32_C(0xd2511f53), q = (uint64_t)c2 * UINT32_C(0xcd9e8d57);
        c0 = (uint32_t)(q >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)q;
        c2 = (uint32_t)(p >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p;
        k0 += UINT32_C(0x9e3779b9);
        k1 += UINT32_C(0xbb67ae85);
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

void cn_random_block(const cn_random *random, uint32_t block, uint32_t words[4])
{
    uint32_t counter[4] = {block, random->epoch, (uint32_t)random->row, (uint32_t)(random->row >> 32)};
    cn_philox(counter, random->key, words);
}

uint32_t cn_random_word(const cn_random *random, uint32_t index)
{
    uint32_t words[4];
    cn_random_block(random, index / 4, words);
    return words[index % 4];
}

double cn_random_uniform(const cn_random *random, uint32_t index)
{
    return cn_random_word(random, index) * 0x1p-32;
}

/* n = sqrt(-2 ln u1) cos(2 pi u2), u1 in (0, 1] so that the logarithm is finite. */
double cn_random_normal(const cn_random *random, uint32_t index)
{
    const double two_pi = 6.283185307179586476925;
    uint32_t words[4];
    cn_random_block(random, index / 2, words);
    const uint32_t *pair = words + index % 2 * 2;
    double u1 = (pair[0] + 1.0) * 0x1p-32, u2 = pair[1] * 0x1p-32;
    return sqrt(-2 * log(u1)) * cos(two_pi * u2);
}

/* The high half of a 64-bit number times range; low halves under 2^64 mod range would make some results
 * come up once too often and are drawn again, from the stream's next words. */
uint64_t cn_random_below(const cn_random *random, uint64_t range)
{
    uint64_t excess = 0;
    for (uint32_t draw = 0;; draw++) {
        uint32_t words[4];
        cn_random_block(random, draw / 2, words);
        const uint32_t *pair = words + draw % 2 * 2;
        unsigned __int128 product = (unsigned __int128)(pair[0] | (uint64_t)pair[1] << 32) * range;
        uint64_t low = (uint64_t)product;
        if (draw == 0 && low < range)
            excess = -range % range;
        if (low >= excess)
            return (uint64_t)(product >> 64);
    }
}

/* Each place draws from its own row of the stream. */
void cn_random_shuffle(uint64_t seed, size_t epoch, size_t *order, size_t count)
{
    cn_random random = cn_random_at(seed, CN_DRAW_SHUFFLE, 0, epoch, 0);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    for (size_t i = count; i > 1; i--) {
        random.row = i - 1;
        size_t j = (size_t)cn_random_below(&random, i), kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
}
