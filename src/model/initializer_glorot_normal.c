#include <math.h>

#include "model/initializer.h"

enum { GAIN };

static const cn_option options[] = {
    [GAIN] = {.name = "gain",
              .type = CN_NUMBER,
              .standard = "1",
              .maximum = 1e6,
              .open_minimum = true,
              .summary = "factor of the deviation"},
    {0},
};

static double width(const cn_spec *spec, double fan_in, double fan_out)
{
    return spec->values[GAIN].number * sqrt(2 / (fan_in + fan_out));
}

const cn_initializer cn_initializer_glorot_normal = {
    .part = {.name = "glorot_normal",
             .example = "glorot_normal gain=0.7",
             .summary = "normal, scaled by both sides (Glorot, Bengio 2010)",
             .equation = "w ~ N(0, s), s = gain sqrt(2 / (in + out))",
             .options = options},
    .normal = true,
    .width = width,
};
