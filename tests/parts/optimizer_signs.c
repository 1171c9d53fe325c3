/* An optimizer of the tests: steps of one size against the sign of a running gradient. */
#include "train/optimizer.h"

enum { RATE };

static const cn_option options[] = {
    [RATE] = {.name = "lr",
              .type = CN_NUMBER,
              .standard = "0.001",
              .minimum = 0,
              .maximum = 1,
              .open_minimum = true,
              .summary = "size of a step"},
    {0},
};

static void constants(const cn_spec *spec, double step, double constants[CN_MAX_CONSTANTS])
{
    (void)step;
    constants[RATE] = spec->values[RATE].number;
}

#define SIGNS(real)                                                                                          \
    static void update_##real(const double *constants, void *parameter, const void *gradient,                \
                              void *const *slots, size_t count)                                              \
    {                                                                                                        \
        const real lr = (real)constants[RATE], *g = gradient;                                                \
        real *p = parameter, *mean = slots[0];                                                               \
        for (size_t i = 0; i < count; i++) {                                                                 \
            mean[i] = (mean[i] + g[i]) / 2;                                                                  \
            p[i] -= mean[i] > 0 ? lr : mean[i] < 0 ? -lr : 0;                                                \
        }                                                                                                    \
    }
SIGNS(float)
SIGNS(double)

const cn_optimizer cn_optimizer_signs = {
    .part = {.name = "signs",
             .example = "signs lr=0.002",
             .summary = "steps of one size",
             .equation = "m = (m + g) / 2; p = p - lr sign(m)",
             .options = options},
    .slots = {"mean"},
    .constants = constants,
    .update = {update_float, update_double},
};
