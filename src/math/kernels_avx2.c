/* The kernels for x86-64 with AVX2 and FMA: a tile is 6 rows of 16 columns, 12 of the 16 registers. */
#include "math/kernels.h"

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

#define real float
typedef __m256 vector;
#define VECTOR_REALS            8
#define VECTOR_FUSED(a, b, c)   _mm256_fmadd_ps(_mm256_set1_ps(a), b, c)
#define LANES_FUSED(a, b, c)    _mm256_fmadd_ps(a, b, c)
#define LANES_WHERE(mask, a, b) _mm256_blendv_ps(b, a, (__m256)(mask))

/* Of a vector of its reals: for kernels_pools.h. */
#define EVEN_PLACES  0, 2, 4, 6, 8, 10, 12, 14
#define ODD_PLACES   1, 3, 5, 7, 9, 11, 13, 15
#define LOWER_PLACES 0, 8, 1, 9, 2, 10, 3, 11
#define UPPER_PLACES 4, 12, 5, 13, 6, 14, 7, 15

/* Tiles of 12 sums at most, of two registers a panel. */
enum { TILE_ROWS = 6, MOST_PANELS = 4, BEST_PANELS = 1 };
#define PRODUCT_MOST     0, 6, 3, 0, 1
#define PRODUCT_GOOD     0, 6, 3, 0, 1
#define OUTER_MOST       0, 6, 0, 0, 0
#define PRODUCT_TILES(X) TILES_TO_6(X, 1) TILES_TO_3(X, 2) X(1, 4)
#define OUTER_TILES(X)   TILES_TO_6(X, 1)

#include "math/kernels_vector.h"
#include "math/kernels_body.h"
#include "math/kernels_planes.h"
#include "math/kernels_pools.h"
#include "math/kernels_bundles.h"

const cn_kernels cn_kernels_avx2 = {CN_KERNELS_BODY("avx2"), CN_KERNELS_PLANES, CN_KERNELS_POOLS,
                                    CN_KERNELS_BUNDLES};
#else
const cn_kernels cn_kernels_avx2 = {0};
#endif
