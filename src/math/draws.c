#include "math/draws.h"

#include "math/elementwise.h"

enum { LANES = 16 }; /* streams' blocks side by side */

/* Ten rounds of Philox (base/random.c) in 16 lanes. */
CN_CLONES void cn_draw_words(const cn_random *random, uint32_t group, uint32_t words[CN_DRAWN])
{
    uint32_t *c0 = words, *c1 = words + LANES, *c2 = words + 2 * LANES, *c3 = words + 3 * LANES;
    uint32_t k0 = random->key[0], k1 = random->key[1];
    for (uint32_t l = 0; l < LANES; l++) {
        c0[l] = group * LANES + l;
        c1[l] = random->epoch;
        c2[l] = (uint32_t)random->row;
        c3[l] = (uint32_t)(random->row >> 32);
    }
    for (int round = 0; round < 10; round++) {
        CN_INDEPENDENT
        for (size_t l = 0; l < LANES; l++) {
            uint64_t p = (uint64_t)c0[l] * UINT32_C(0xd2511f53), q = (uint64_t)c2[l] * UINT32_C(0xcd9e8d57);
            c0[l] = (uint32_t)(q >> 32) ^ c1[l] ^ k0;
            c1[l] = (uint32_t)q;
            c2[l] = (uint32_t)(p >> 32) ^ c3[l] ^ k1;
            c3[l] = (uint32_t)p;
        }
        k0 += UINT32_C(0x9e3779b9);
        k1 += UINT32_C(0xbb67ae85);
    }
}

/* Box, Muller: A note on the generation of random normal deviates (1958): sqrt(-2 ln u) cos t and sin t. u in
 * (0, 1] of 24 bits. t is a quarter of a turn, by two bits, and a from -pi/4 to pi/4 within it, of 22 bits,
 * whose cosine and sine are Taylor's sums (off by 3e-8). A sign is that bit of the angle's word. */
#define NORMALS(real)                                                                                        \
    CN_CLONES void cn_draw_normals_##real(const cn_random *random, uint32_t group, real normals[CN_DRAWN])   \
    {                                                                                                        \
        const real step = (real)(1.57079632679489661923 * 0x1p-22);                                          \
        uint32_t words[CN_DRAWN];                                                                            \
        cn_draw_words(random, group, words);                                                                 \
        for (size_t pair = 0; pair < CN_DRAWN; pair += 2 * LANES) {                                          \
            CN_INDEPENDENT                                                                                   \
            for (size_t l = pair; l < pair + LANES; l++) {                                                   \
                const uint32_t turn = words[l + LANES];                                                      \
                const real u = ((real)(int32_t)(words[l] >> 8) + 1) * (real)0x1p-24;                         \
                const real size = CN_SQRT(-2 * CN_LOG1P(u - 1));                                             \
                const real a = ((real)(int32_t)(turn >> 8 & 0x3fffff) - (real)2097151.5) * step, s = a * a;  \
                const real cosine =                                                                          \
                    1 + s * ((real)-0.5 +                                                                    \
                             s * ((real)(1.0 / 24) + s * ((real)(-1.0 / 720) + s * (real)(1.0 / 40320))));   \
                const real sine =                                                                            \
                    a + a * s * ((real)(-1.0 / 6) + s * ((real)(1.0 / 120) + s * (real)(-1.0 / 5040)));      \
                const real across = turn >> 31 ? sine : cosine, up = turn >> 31 ? cosine : sine;             \
                normals[l] = turn >> 30 & 1 ? -size * across : size * across;                                \
                normals[l + LANES] = (turn >> 30 & 1) == turn >> 31 ? size * up : -size * up;                \
            }                                                                                                \
        }                                                                                                    \
    }
NORMALS(float)
NORMALS(double)
