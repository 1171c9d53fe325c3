/* The plain kernels in double: for gradient checks. */
#define real double
#include "math/kernels_plain.h"
#include "math/kernels_body.h"
#include "math/kernels_planes.h"

const cn_kernels cn_kernels_double = {CN_KERNELS_BODY("double"), CN_KERNELS_PLANES};
