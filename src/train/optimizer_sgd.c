#include "train/optimizer.h"

enum { RATE, MOMENTUM, NESTEROV };

static const cn_option options[] = {
    [RATE] = {.name = "lr", .type = CN_NUMBER, .standard = "0.01", .minimum = 0, .maximum = 1e6,
            .open_minimum = true, .summary = "learning rate"},
    [MOMENTUM] = {.name = "momentum", .type = CN_NUMBER, .standard = "0", .minimum = 0, .maximum = 1,
            .open_maximum = true, .summary = "share of the last step that is kept"},
    [NESTEROV] = {.name = "nesterov", .type = CN_FLAG, .standard = "false",
            .summary = "look ahead by one momentum step"},
    {0},
};

static void constants(const cn_spec *spec, double step, double constants[CN_MAX_CONSTANTS])
{
    (void)step;
    constants[RATE] = spec->values[RATE].number;
    constants[MOMENTUM] = spec->values[MOMENTUM].number;
    constants[NESTEROV] = spec->values[NESTEROV].flag;
}

#define SGD(real)                                                                                            \
    CN_CLONES static void update_##real(const double *constants, void *parameter, const void *gradient,      \
                                        void *const *slots, size_t count)                                    \
    {                                                                                                        \
        const real lr = (real)constants[RATE], momentum = (real)constants[MOMENTUM];                         \
        const real ahead = constants[NESTEROV] > 0 ? momentum : 1;                                           \
        const real now = constants[NESTEROV] > 0 ? lr : 0;                                                   \
        real *restrict p = parameter, *restrict v = slots[0];                                                \
        const real *restrict g = gradient;                                                                   \
        for (size_t i = 0; i < count; i++) {                                                                 \
            v[i] = momentum * v[i] - lr * g[i];                                                              \
            p[i] += ahead * v[i] - now * g[i];                                                               \
        }                                                                                                    \
    }
SGD(float)
SGD(double)

const cn_optimizer cn_optimizer_sgd = {
    .part = {.name = "sgd", .example = "sgd lr=0.1 momentum=0.9", .summary = "gradient descent, with momentum or Nesterov momentum",
             .equation = "v = momentum v - lr g; p = p + v, with nesterov p = p + momentum v - lr g", .options = options},
    .slots = {"velocity"},
    .constants = constants,
    .update = {update_float, update_double},
};
