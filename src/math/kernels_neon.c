/* The kernels for AArch64, which always has NEON: a tile is 6 rows of 16 columns, 24 of the 32 registers. */
#include "math/kernels.h"

#if defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>

#define CN_FUSES

#define real float
#define MANY_REGISTERS
typedef float vector __attribute__((vector_size(16), may_alias));
#define VECTOR_REALS            4
#define VECTOR_FUSED(a, b, c)   vfmaq_n_f32(c, b, a)
#define LANES_FUSED(a, b, c)    vfmaq_f32(c, a, b)
#define LANES_WHERE(mask, a, b) vbslq_f32((uint32x4_t)(mask), a, b)

/* Of a vector of its reals: for kernels_pools.h. */
#define EVEN_PLACES  0, 2, 4, 6
#define ODD_PLACES   1, 3, 5, 7
#define LOWER_PLACES 0, 4, 1, 5
#define UPPER_PLACES 2, 6, 3, 7

/* A tile's sums, a row of all panels and one x have a register each. */
enum { TILE_ROWS = 6, MOST_PANELS = 2, BEST_PANELS = 1 };
#define PRODUCT_MOST     0, 6, 2
#define PRODUCT_GOOD     0, 6, 2
#define OUTER_MOST       0, 6, 0
#define PRODUCT_TILES(X) TILES_TO_6(X, 1) X(1, 2) X(2, 2)
#define OUTER_TILES(X)   TILES_TO_6(X, 1)

#include "math/kernels_vector.h"
#include "math/kernels_body.h"
#include "math/kernels_planes.h"
#include "math/kernels_pools.h"
#include "math/kernels_bundles.h"

const cn_kernels cn_kernels_neon = {CN_KERNELS_BODY("neon"), CN_KERNELS_PLANES, CN_KERNELS_POOLS,
                                    CN_KERNELS_BUNDLES};
#else
const cn_kernels cn_kernels_neon = {0};
#endif
