/* Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As
 * Easy as 1, 2, 3, SC 2011). A draw is a pure function of (seed, purpose, epoch, row, index): no state, no
 * order, the same bits on any number of threads. */
#ifndef CN_BASE_RANDOM_H
#define CN_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* What a number is drawn for; a layer's place in the net goes with it, so that two layers of one kind draw
 * apart. */
typedef enum cn_purpose {
    CN_DRAW_INIT = 1,
    CN_DRAW_SHUFFLE,
    CN_DRAW_LAYER,
    CN_DRAW_DATA,
    CN_DRAW_CODE
} cn_purpose;

typedef struct cn_random {
    uint32_t key[2]; /* from seed, purpose and place */
    uint32_t epoch;
    uint64_t row;
} cn_random;

/* The stream of a row in an epoch. Counter: block, epoch, row's low and high half; key: 64 bits that
 * splitmix64 makes of seed, purpose and place in turn. */
cn_random cn_random_at(uint64_t seed, cn_purpose purpose, size_t place, size_t epoch, uint64_t row);

/* The generator itself: ten rounds on counter and key. */
void cn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]);

/* Four 32-bit words at a position of the stream; word i of the stream is word i%4 of block i/4. */
void cn_random_block(const cn_random *random, uint32_t block, uint32_t words[4]);
uint32_t cn_random_word(const cn_random *random, uint32_t index);

double cn_random_uniform(const cn_random *random, uint32_t index); /* [0, 1), 32 bits */
/* Box-Muller on words 2·index and 2·index+1, u1 in (0, 1]. */
double cn_random_normal(const cn_random *random, uint32_t index);

/* A whole number in [0, range), each as likely, from the stream's first words (Lemire: Fast random integer
 * generation in an interval, 2019). range is at least 1. */
uint64_t cn_random_below(const cn_random *random, uint64_t range);

/* order[0..count) becomes a permutation of 0..count-1: Fisher-Yates, place i drawn from row i. */
void cn_random_shuffle(uint64_t seed, size_t epoch, size_t *order, size_t count);

#endif
