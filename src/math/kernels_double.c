/* The plain kernels in double: for gradient checks. */
#define real double
/* Of a vector of its reals: for kernels_pools.h. */
#define EVEN_PLACES  0, 2
#define ODD_PLACES   1, 3
#define LOWER_PLACES 0, 2
#define UPPER_PLACES 1, 3

#include "math/kernels_plain.h"
#include "math/kernels_body.h"
#include "math/kernels_planes.h"
#include "math/kernels_pools.h"
#include "math/kernels_bundles.h"

const cn_kernels cn_kernels_double = {CN_KERNELS_BODY("double"), CN_KERNELS_PLANES, CN_KERNELS_POOLS,
                                      CN_KERNELS_BUNDLES};
