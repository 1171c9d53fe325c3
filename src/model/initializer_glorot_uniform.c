#include <math.h>

#include "model/initializer.h"

static double width(const cn_spec *spec, double fan_in, double fan_out)
{
    (void)spec;
    return sqrt(6 / (fan_in + fan_out));
}

const cn_initializer cn_initializer_glorot_uniform = {
    .part = {.name = "glorot_uniform",
             .example = "glorot_uniform",
             .summary = "uniform, scaled by both sides (Glorot, Bengio 2010)",
             .equation = "w ~ U(-a, a), a = sqrt(6 / (in + out))"},
    .normal = false,
    .width = width,
};
