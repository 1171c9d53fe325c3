#include <math.h>

#include "train/optimizer.h"

enum { RATE, BETA1, BETA2, EPSILON };

static const cn_option options[] = {
    [RATE] = {.name = "lr", .type = CN_NUMBER, .standard = "0.001", .minimum = 0, .maximum = 1e6,
            .open_minimum = true, .summary = "learning rate"},
    [BETA1] = {.name = "beta1", .type = CN_NUMBER, .standard = "0.9", .minimum = 0, .maximum = 1,
            .open_maximum = true, .summary = "decay of the mean gradient"},
    [BETA2] = {.name = "beta2", .type = CN_NUMBER, .standard = "0.999", .minimum = 0, .maximum = 1,
            .open_maximum = true, .summary = "decay of the mean squared gradient"},
    [EPSILON] = {.name = "eps", .type = CN_NUMBER, .standard = "1e-8", .minimum = 0, .maximum = 1,
            .open_minimum = true, .summary = "keeps the divisor from 0"},
    {0},
};

/* What a step uses: the corrections of the means, which start at 0, in double. */
enum { STEP_RATE, STEP_BETA1, STEP_BETA2, STEP_EPSILON, STEP_ROOT };

static void constants(const cn_spec *spec, double step, double constants[CN_MAX_CONSTANTS])
{
    double beta1 = spec->values[BETA1].number, beta2 = spec->values[BETA2].number;
    constants[STEP_RATE] = spec->values[RATE].number / (1 - pow(beta1, step));
    constants[STEP_BETA1] = beta1;
    constants[STEP_BETA2] = beta2;
    constants[STEP_EPSILON] = spec->values[EPSILON].number;
    constants[STEP_ROOT] = 1 / sqrt(1 - pow(beta2, step));
}

#define ADAM(real)                                                                                           \
    CN_CLONES static void update_##real(const double *constants, void *parameter, const void *gradient,      \
                                        void *const *slots, size_t count)                                    \
    {                                                                                                        \
        const real lr = (real)constants[STEP_RATE], eps = (real)constants[STEP_EPSILON];                     \
        const real beta1 = (real)constants[STEP_BETA1], rest1 = (real)(1 - constants[STEP_BETA1]);           \
        const real beta2 = (real)constants[STEP_BETA2], rest2 = (real)(1 - constants[STEP_BETA2]);           \
        const real root = (real)constants[STEP_ROOT];                                                        \
        real *restrict p = parameter, *restrict m = slots[0], *restrict v = slots[1];                        \
        const real *restrict g = gradient;                                                                   \
        for (size_t i = 0; i < count; i++) {                                                                 \
            m[i] = beta1 * m[i] + rest1 * g[i];                                                              \
            v[i] = beta2 * v[i] + rest2 * (g[i] * g[i]);                                                     \
            p[i] -= lr * m[i] / (root * CN_SQRT(v[i]) + eps);                                                \
        }                                                                                                    \
    }
ADAM(float)
ADAM(double)

const cn_optimizer cn_optimizer_adam = {
    .part = {.name = "adam", .example = "adam lr=0.002", .summary = "adaptive moments (Kingma, Ba 2015)",
             .equation = "m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; p = p - lr m/(1-b1^t) / (sqrt(v/(1-b2^t)) + eps)", .options = options},
    .slots = {"mean", "square"},
    .constants = constants,
    .update = {update_float, update_double},
};
