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
enum { TILE_ROWS = 12 };
/* Of a vector of its reals: for kernels_pools.h. */
#define EVEN_PLACES    0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_PLACES     1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define LOWER_PLACES   0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define UPPER_PLACES   8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define TILE_COUNTS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)

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
