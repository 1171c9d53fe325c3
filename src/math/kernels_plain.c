/* The plain kernels in float. */
#define real float
#include "math/kernels_plain.h"
#include "math/kernels_body.h"
#include "math/kernels_planes.h"

const cn_kernels cn_kernels_plain = {CN_KERNELS_BODY("plain"), CN_KERNELS_PLANES};
