#include "train/optimizer.h"

enum { RATE, RHO, EPSILON };

static const cn_option options[] = {
    [RATE] = CN_LEARNING_RATE("0.001"),
    [RHO] = {.name = "rho",
             .type = CN_NUMBER,
             .standard = "0.9",
             .minimum = 0,
             .maximum = 1,
             .open_maximum = true,
             .summary = "decay of the mean squared gradient"},
    [EPSILON] = {.name = "eps",
                 .type = CN_NUMBER,
                 .standard = "1e-7",
                 .minimum = 0,
                 .maximum = 1,
                 .open_minimum = true,
                 .summary = "keeps the divisor from 0"},
    {0},
};

/* What a step uses beside them: 1 - rho, in double until here. */
enum { REST = EPSILON + 1 };

static void constants(const cn_spec *spec, double step, double constants[CN_MAX_CONSTANTS])
{
    (void)step;
    for (size_t i = RATE; i <= EPSILON; i++)
        constants[i] = spec->values[i].number;
    constants[REST] = 1 - constants[RHO];
}

#define RMSPROP(c, p, g, v, none)                                                                            \
    v = c[RHO] * v + c[REST] * (g * g);                                                                      \
    p -= c[RATE] * g / (CN_SQRT(v) + c[EPSILON])
CN_UPDATE(RMSPROP)

const cn_optimizer cn_optimizer_rmsprop = {
    .part = {.name = "rmsprop",
             .example = "rmsprop lr=0.001",
             .summary = "gradient over its running size (Tieleman, Hinton 2012)",
             .equation = "v = rho v + (1-rho) g^2; p = p - lr g / (sqrt(v) + eps)",
             .options = options},
    .slots = {"square"},
    .constants = constants,
    .update = {update_float, update_double},
};
