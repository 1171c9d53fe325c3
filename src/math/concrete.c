#include "math/concrete.h"

#include <string.h>

#include "math/elementwise.h"
#include "math/kernels.h"
#include "math/tree.h"

enum { BLOCKS = 16, DRAWS = 4 * BLOCKS };

size_t cn_concrete_stride(size_t in)
{
    return cn_round_up(in, CN_PANEL);
}

/* Of a product of 64 bits; apart from its low half, the compiler finds the vector instructions for both. */
CN_INLINE uint32_t high_half(uint32_t a, uint32_t b)
{
    return (uint32_t)((uint64_t)a * b >> 32);
}

/* cn_philox on BLOCKS counters at once, each in a lane of its own. */
CN_INLINE void draw_strip(const cn_random *random, uint32_t block, uint32_t words[DRAWS])
{
    uint32_t c0[BLOCKS], c1[BLOCKS], c2[BLOCKS], c3[BLOCKS];
    uint32_t k0 = random->key[0], k1 = random->key[1];
    for (size_t lane = 0; lane < BLOCKS; lane++) {
        c0[lane] = block + (uint32_t)lane;
        c1[lane] = random->epoch;
        c2[lane] = (uint32_t)random->row;
        c3[lane] = (uint32_t)(random->row >> 32);
    }
    for (int round = 0; round < 10; round++) {
        CN_INDEPENDENT
        for (size_t lane = 0; lane < BLOCKS; lane++) {
            const uint32_t a = c0[lane], b = c2[lane];
            c0[lane] = high_half(b, UINT32_C(0xcd9e8d57)) ^ c1[lane] ^ k0;
            c1[lane] = b * UINT32_C(0xcd9e8d57);
            c2[lane] = high_half(a, UINT32_C(0xd2511f53)) ^ c3[lane] ^ k1;
            c3[lane] = a * UINT32_C(0xd2511f53);
        }
        k0 += UINT32_C(0x9e3779b9);
        k1 += UINT32_C(0xbb67ae85);
    }
    memcpy(words, c0, sizeof c0);
    memcpy(words + BLOCKS, c1, sizeof c1);
    memcpy(words + 2 * BLOCKS, c2, sizeof c2);
    memcpy(words + 3 * BLOCKS, c3, sizeof c3);
}

#define real        float
#define NAMED(name) name##_float
#include "math/concrete_body.h"
#undef real
#undef NAMED

#define real        double
#define NAMED(name) name##_double
#include "math/concrete_body.h"
#undef real
#undef NAMED

cn_concrete_row *const cn_concrete_rows[2] = {row_float, row_double};
cn_concrete_gradient *const cn_concrete_gradients[2] = {gradient_float, gradient_double};
cn_concrete_choice *const cn_concrete_choices[2] = {choice_float, choice_double};
