/* An optimizer: how a gradient changes a parameter, optimizer_NAME.c. */
#ifndef CN_TRAIN_OPTIMIZER_H
#define CN_TRAIN_OPTIMIZER_H

#include "base/spec.h"
#include "math/elementwise.h"

enum { CN_MAX_SLOTS = 2, CN_MAX_CONSTANTS = CN_UPDATE_CONSTANTS };

/* The option lr that every optimizer has, with its default. */
#define CN_LEARNING_RATE(rate)                                                                               \
    {                                                                                                        \
        .name = "lr", .type = CN_NUMBER, .standard = (rate), .maximum = 1e6, .open_minimum = true,           \
        .summary = "learning rate"                                                                           \
    }

typedef struct cn_optimizer {
    cn_part part;
    const char
        *slots[CN_MAX_SLOTS]; /* names of the arrays that it keeps for each parameter, all starting at 0 */
    /* What an update needs beside the arrays: step counts the updates from 1. */
    void (*constants)(const cn_spec *spec, double step, double constants[CN_MAX_CONSTANTS]);
    cn_update *update[2]; /* in float and in double */
} cn_optimizer;

extern const cn_optimizer *const cn_optimizers[];

#endif
