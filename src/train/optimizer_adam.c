#include <math.h>

#include "train/optimizer.h"

enum { RATE, BETA1, BETA2, EPSILON };

static const cn_option options[] = {
    [RATE] = CN_LEARNING_RATE("0.001"),
    [BETA1] = {.name = "beta1",
               .type = CN_NUMBER,
               .standard = "0.9",
               .minimum = 0,
               .maximum = 1,
               .open_maximum = true,
               .summary = "decay of the mean gradient"},
    [BETA2] = {.name = "beta2",
               .type = CN_NUMBER,
               .standard = "0.999",
               .minimum = 0,
               .maximum = 1,
               .open_maximum = true,
               .summary = "decay of the mean squared gradient"},
    [EPSILON] = {.name = "eps",
                 .type = CN_NUMBER,
                 .standard = "1e-8",
                 .minimum = 0,
                 .maximum = 1,
                 .open_minimum = true,
                 .summary = "keeps the divisor from 0"},
    {0},
};

/* What a step uses beside them, in double until here: 1 - beta, and the corrections of the means, which
 * start at 0, the one in RATE, the other in ROOT. */
enum { REST1 = EPSILON + 1, REST2, ROOT };

static void constants(const cn_spec *spec, double step, double constants[CN_MAX_CONSTANTS])
{
    double beta1 = spec->values[BETA1].number, beta2 = spec->values[BETA2].number;
    constants[RATE] = spec->values[RATE].number / (1 - pow(beta1, step));
    constants[BETA1] = beta1;
    constants[BETA2] = beta2;
    constants[EPSILON] = spec->values[EPSILON].number;
    constants[REST1] = 1 - beta1;
    constants[REST2] = 1 - beta2;
    constants[ROOT] = 1 / sqrt(1 - pow(beta2, step));
}

#define ADAM(c, p, g, m, v)                                                                                  \
    m = c[BETA1] * m + c[REST1] * g;                                                                         \
    v = c[BETA2] * v + c[REST2] * (g * g);                                                                   \
    p -= c[RATE] * m / (c[ROOT] * CN_SQRT(v) + c[EPSILON])
CN_UPDATE(ADAM)

const cn_optimizer cn_optimizer_adam = {
    .part =
        {.name = "adam",
         .example = "adam lr=0.002",
         .summary = "adaptive moments (Kingma, Ba 2015)",
         .equation =
             "m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; p = p - lr m/(1-b1^t) / (sqrt(v/(1-b2^t)) + eps)",
         .options = options},
    .slots = {"mean", "square"},
    .constants = constants,
    .update = {update_float, update_double},
};
