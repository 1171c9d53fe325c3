#include <math.h>

#include "model/initializer.h"

static double width(const cn_spec *spec, double fan_in, double fan_out)
{
    (void)spec;
    (void)fan_out;
    return sqrt(2 / fan_in);
}

const cn_initializer cn_initializer_he_normal = {
    .part = {.name = "he_normal",
             .example = "he_normal",
             .summary = "normal, scaled by the inputs (He et al. 2015)",
             .equation = "w ~ N(0, s), s = sqrt(2 / in)"},
    .normal = true,
    .width = width,
};
