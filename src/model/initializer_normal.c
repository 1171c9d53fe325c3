#include "model/initializer.h"

enum { DEVIATION };

static const cn_option options[] = {
    [DEVIATION] = {.name = "STD",
                   .type = CN_NUMBER,
                   .value_argument = true,
                   .maximum = 1e6,
                   .summary = "standard deviation"},
    {0},
};

static double width(const cn_spec *spec, double fan_in, double fan_out)
{
    (void)fan_in;
    (void)fan_out;
    return spec->values[DEVIATION].number;
}

const cn_initializer cn_initializer_normal = {
    .part = {.name = "normal",
             .example = "normal 0.01",
             .summary = "normal of a given deviation",
             .equation = "w ~ N(0, STD)",
             .options = options},
    .normal = true,
    .width = width,
};
