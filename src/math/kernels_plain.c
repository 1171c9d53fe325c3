/* The plain kernels in float. */
#define real float
/* Of a vector of its reals: for kernels_pools.h. */
#define EVEN_PLACES  0, 2, 4, 6
#define ODD_PLACES   1, 3, 5, 7
#define LOWER_PLACES 0, 4, 1, 5
#define UPPER_PLACES 2, 6, 3, 7

#include "math/kernels_plain.h"
#include "math/kernels_body.h"
#include "math/kernels_planes.h"
#include "math/kernels_pools.h"
#include "math/kernels_bundles.h"

const cn_kernels cn_kernels_plain = {CN_KERNELS_BODY("plain"), CN_KERNELS_PLANES, CN_KERNELS_POOLS,
                                     CN_KERNELS_BUNDLES};
