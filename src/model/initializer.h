/* An initializer: the distribution that weights start from, initializer_NAME.c. */
#ifndef CN_MODEL_INITIALIZER_H
#define CN_MODEL_INITIALIZER_H

#include "base/spec.h"

typedef struct cn_initializer {
    cn_part part;
    bool normal; /* normal with deviation `width`, not truncated; else uniform in [-width, width) */
    double (*width)(const cn_spec *spec, double fan_in, double fan_out);
} cn_initializer;

extern const cn_initializer *const cn_initializers[];

#endif
