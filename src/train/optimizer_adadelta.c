#include "train/optimizer.h"

enum { RATE, RHO, EPSILON };

static const cn_option options[] = {
    [RATE] = {.name = "lr", .type = CN_NUMBER, .standard = "1", .minimum = 0, .maximum = 1e6,
            .open_minimum = true, .summary = "learning rate"},
    [RHO] = {.name = "rho", .type = CN_NUMBER, .standard = "0.95", .minimum = 0, .maximum = 1,
            .open_maximum = true, .summary = "decay of the two mean squares"},
    [EPSILON] = {.name = "eps", .type = CN_NUMBER, .standard = "1e-6", .minimum = 0, .maximum = 1,
            .open_minimum = true, .summary = "keeps the divisor from 0"},
    {0},
};

static void constants(const cn_spec *spec, double step, double constants[CN_MAX_CONSTANTS])
{
    (void)step;
    for (size_t i = RATE; i <= EPSILON; i++)
        constants[i] = spec->values[i].number;
}

#define ADADELTA(real)                                                                                       \
    CN_CLONES static void update_##real(const double *constants, void *parameter, const void *gradient,      \
                                        void *const *slots, size_t count)                                    \
    {                                                                                                        \
        const real lr = (real)constants[RATE], eps = (real)constants[EPSILON];                               \
        const real rho = (real)constants[RHO], rest = (real)(1 - constants[RHO]);                            \
        real *restrict p = parameter, *restrict gs = slots[0], *restrict ds = slots[1];                      \
        const real *restrict g = gradient;                                                                   \
        for (size_t i = 0; i < count; i++) {                                                                 \
            gs[i] = rho * gs[i] + rest * (g[i] * g[i]);                                                      \
            real u = g[i] * (CN_SQRT(ds[i] + eps) / CN_SQRT(gs[i] + eps));                                   \
            ds[i] = rho * ds[i] + rest * (u * u);                                                            \
            p[i] -= lr * u;                                                                                  \
        }                                                                                                    \
    }
ADADELTA(float)
ADADELTA(double)

const cn_optimizer cn_optimizer_adadelta = {
    .part = {.name = "adadelta", .example = "adadelta rho=0.95", .summary = "steps in the size of earlier steps (Zeiler 2012)",
             .equation = "G = rho G + (1-rho) g^2; u = g sqrt(D + eps) / sqrt(G + eps); p = p - lr u; D = rho D + (1-rho) u^2", .options = options},
    .slots = {"square", "delta"},
    .constants = constants,
    .update = {update_float, update_double},
};
