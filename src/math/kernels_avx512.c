/* The kernels for x86-64 with AVX-512: a panel's 16 columns are one register. */
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
/* Of a vector of its reals: for kernels_pools.h. */
#define EVEN_PLACES  0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_PLACES   1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define LOWER_PLACES 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define UPPER_PLACES 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

/* Tiles of 24 sums at most. Measured: of the panels side by side four are fastest, ten loads for 24 products; one
 * loads as much as it multiplies. */
enum { TILE_ROWS = 24, MOST_PANELS = 8, BEST_PANELS = 4 };
#define PRODUCT_MOST 0, 12, 12, 9, 6, 0, 0, 0, 3
#define PRODUCT_GOOD 0, 12, 10, 8, 6, 0, 0, 0, 3
#define OUTER_MOST   0, 24, 10, 8, 6, 0, 0, 0, 0
#define PRODUCT_TILES(X)                                                                                     \
    TILES_TO_12(X, 1) TILES_TO_12(X, 2) TILES_TO_9(X, 3) TILES_TO_6(X, 4) TILES_TO_3(X, 8)
#define OUTER_TILES(X) TILES_TO_24(X, 1) TILES_TO_10(X, 2) TILES_TO_8(X, 3) TILES_TO_6(X, 4)

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
