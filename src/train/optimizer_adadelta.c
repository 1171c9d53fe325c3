#include "train/optimizer.h"

enum { RATE, RHO, EPSILON };

static const cn_option options[] = {
    [RATE] = CN_LEARNING_RATE("1"),
    [RHO] = {.name = "rho",
             .type = CN_NUMBER,
             .standard = "0.95",
             .minimum = 0,
             .maximum = 1,
             .open_maximum = true,
             .summary = "decay of the two mean squares"},
    [EPSILON] = {.name = "eps",
                 .type = CN_NUMBER,
                 .standard = "1e-6",
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

#define ADADELTA(c, p, g, G, D)                                                                              \
    G = c[RHO] * G + c[REST] * (g * g);                                                                      \
    const real u = g * CN_SQRT((D + c[EPSILON]) / (G + c[EPSILON]));                                         \
    D = c[RHO] * D + c[REST] * (u * u);                                                                      \
    p -= c[RATE] * u
CN_UPDATE(ADADELTA)

const cn_optimizer cn_optimizer_adadelta = {
    .part = {.name = "adadelta",
             .example = "adadelta rho=0.95",
             .summary = "steps in the size of earlier steps (Zeiler 2012)",
             .equation = "G = rho G + (1-rho) g^2; u = g sqrt(D + eps) / sqrt(G + eps); p = p - lr u; D = "
                         "rho D + (1-rho) u^2",
             .options = options},
    .slots = {"square", "delta"},
    .constants = constants,
    .update = {update_float, update_double},
};
