#include "model/initializer.h"

enum { WIDTH };

static const cn_option options[] = {
    [WIDTH] = {.name = "A",
               .type = CN_NUMBER,
               .value_argument = true,
               .maximum = 1e6,
               .summary = "largest magnitude"},
    {0},
};

static double width(const cn_spec *spec, double fan_in, double fan_out)
{
    (void)fan_in;
    (void)fan_out;
    return spec->values[WIDTH].number;
}

const cn_initializer cn_initializer_uniform = {
    .part = {.name = "uniform",
             .example = "uniform 0.05",
             .summary = "uniform of a given width",
             .equation = "w ~ U(-A, A)",
             .options = options},
    .normal = false,
    .width = width,
};
