#include <math.h>

#include "model/initializer.h"

static double width(const cn_spec *spec, double fan_in, double fan_out)
{
    (void)spec;
    (void)fan_out;
    return sqrt(6 / fan_in);
}

const cn_initializer cn_initializer_he_uniform = {
    .part = {.name = "he_uniform",
             .example = "he_uniform",
             .summary = "uniform, scaled by the inputs (He et al. 2015)",
             .equation = "w ~ U(-a, a), a = sqrt(6 / in)"},
    .normal = false,
    .width = width,
};
