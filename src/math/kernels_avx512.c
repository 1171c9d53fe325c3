/* The kernels for x86-64 with AVX-512: a tile is 12 rows of 16 columns, a register each. */
#include "math/kernels.h"

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>

#define real float
typedef __m512 vector;
#define MANY_REGISTERS
#define VECTOR_REALS          16
#define VECTOR_FUSED(a, b, c) _mm512_fmadd_ps(_mm512_set1_ps(a), b, c)
#define LANES_FUSED(a, b, c)  _mm512_fmadd_ps(a, b, c)
/* Masks: for kernels_pools.h. */
#define LANES_MASKED                  __mmask16
#define LANES_FIRST(count)            ((__mmask16)_bzhi_u32(0xffff, (unsigned)(count)))
#define LANES_LOAD(mask, from)        _mm512_maskz_loadu_ps(mask, from)
#define LANES_STORE(to, mask, values) _mm512_mask_storeu_ps(to, mask, values)
#define LANES_GREATER(a, b)           _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ)
#define LANES_EQUAL(a, b)             _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ)
#define LANES_WHERE(mask, a, b)       _mm512_mask_blend_ps(mask, b, a)
/* What is not 0 of a vector of `count` reals that begins at `place`, packed, and its places; how much. Stores
 * whole vectors. For kernels_row.h. */
static inline size_t lanes_packed(const float *from, size_t count, int32_t place, float *values,
                                  int32_t *places)
{
    const __mmask16 some = count < 16 ? (__mmask16)_bzhi_u32(0xffff, (unsigned)count) : 0xffff;
    const __m512 all = _mm512_maskz_loadu_ps(some, from);
    const __mmask16 wanted = _mm512_cmp_ps_mask(all, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    const __m512i numbers = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    _mm512_storeu_ps(values, _mm512_maskz_compress_ps(wanted, all));
    _mm512_storeu_si512(
        places, _mm512_maskz_compress_epi32(wanted, _mm512_add_epi32(numbers, _mm512_set1_epi32(place))));
    return (size_t)__builtin_popcount(wanted);
}
#define LANES_PACKED lanes_packed
enum { OUTER_ROWS = 24 };
#define OUTER_TILES(X)                                                                                       \
    X(1, 1)                                                                                                  \
    X(2, 1)                                                                                                  \
    X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(7, 1) X(8, 1) X(9, 1) X(10, 1) X(11, 1) X(12, 1) X(13, 1) X(14, 1)     \
        X(15, 1) X(16, 1) X(17, 1) X(18, 1) X(19, 1) X(20, 1) X(21, 1) X(22, 1) X(23, 1) X(24, 1) X(1, 2)    \
            X(2, 2) X(3, 2) X(4, 2) X(5, 2) X(6, 2) X(7, 2) X(8, 2) X(9, 2) X(10, 2) X(11, 2) X(12, 2)
enum { TILE_ROWS = 12 };
/* Of a vector of its reals: for kernels_pools.h. */
#define EVEN_PLACES  0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_PLACES   1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define LOWER_PLACES 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define UPPER_PLACES 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

/* Rows and panels of a product's tile: 24 sums at most, and where rows are few as many as keep both of the
 * processor's multipliers busy. */
#define PRODUCT_TILES(X)                                                                                     \
    X(1, 1)                                                                                                  \
    X(2, 1)                                                                                                  \
    X(3, 1)                                                                                                  \
    X(4, 1)                                                                                                  \
    X(5, 1) X(6, 1) X(7, 1) X(8, 1) X(9, 1) X(10, 1) X(11, 1) X(12, 1) X(1, 2) X(2, 2) X(3, 2) X(4, 2)       \
        X(5, 2) X(6, 2) X(7, 2) X(8, 2) X(9, 2) X(10, 2) X(11, 2) X(12, 2) X(1, 4) X(2, 4) X(3, 4) X(4, 4)   \
            X(5, 4) X(6, 4) X(1, 8) X(2, 8) X(3, 8)

#include "math/kernels_vector.h"
#include "math/kernels_body.h"
#include "math/kernels_planes.h"
#include "math/kernels_pools.h"
#include "math/kernels_bundles.h"

const cn_kernels cn_kernels_avx512 = {CN_KERNELS_BODY("avx512"), CN_KERNELS_PLANES, CN_KERNELS_POOLS,
                                      CN_KERNELS_BUNDLES};
#else
const cn_kernels cn_kernels_avx512 = {0};
#endif
