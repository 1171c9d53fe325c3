#include "train/optimizer.h"

enum { RATE, MOMENTUM, NESTEROV };

static const cn_option options[] = {
    [RATE] = CN_LEARNING_RATE("0.01"),
    [MOMENTUM] = {.name = "momentum",
                  .type = CN_NUMBER,
                  .standard = "0",
                  .minimum = 0,
                  .maximum = 1,
                  .open_maximum = true,
                  .summary = "share of the last step that is kept"},
    [NESTEROV] = {.name = "nesterov",
                  .type = CN_FLAG,
                  .standard = "false",
                  .summary = "look ahead by one momentum step"},
    {0},
};

/* What a step uses: p moves by AHEAD v - NOW g. */
enum { AHEAD = NESTEROV, NOW };

static void constants(const cn_spec *spec, double step, double constants[CN_MAX_CONSTANTS])
{
    (void)step;
    bool nesterov = spec->values[NESTEROV].flag;
    constants[RATE] = spec->values[RATE].number;
    constants[MOMENTUM] = spec->values[MOMENTUM].number;
    constants[AHEAD] = nesterov ? constants[MOMENTUM] : 1;
    constants[NOW] = nesterov ? constants[RATE] : 0;
}

#define SGD(c, p, g, v, none)                                                                                \
    v = c[MOMENTUM] * v - c[RATE] * g;                                                                       \
    p += c[AHEAD] * v - c[NOW] * g
CN_UPDATE(SGD)

const cn_optimizer cn_optimizer_sgd = {
    .part = {.name = "sgd",
             .example = "sgd lr=0.1 momentum=0.9",
             .summary = "gradient descent, with momentum or Nesterov momentum",
             .equation = "v = momentum v - lr g; p = p + v, with nesterov p = p + momentum v - lr g",
             .options = options},
    .slots = {"velocity"},
    .constants = constants,
    .update = {update_float, update_double},
};
