/* Binary cross-entropy from the logits z, y = sigmoid(z): no logarithm of a number that is rounded to 0. */
#include "train/loss.h"

#define VALUE(z, x) (CN_MAX(z, 0) - (z) * (x) + CN_LOG1P_UNIT(CN_EXP_NEGATIVE(-CN_ABS(z))))
#define SLOPE(z, x) (CN_SIGMOID(z) - (x))

CN_LOSS_ROWS(VALUE, SLOPE)
CN_LOSS_EACH(VALUE, SLOPE)

const cn_loss cn_loss_bce = {
    .part = {.name = "bce",
             .example = "bce",
             .summary = "binary cross-entropy, of a sigmoid output and rows in [0, 1]",
             .equation = "mean max(z, 0) - z x + ln(1 + e^-|z|), y = sigmoid(z)"},
    .logits = true,
    .nats = true,
    .unit_targets = true,
    .rows = {loss_rows_float, loss_rows_double},
    .each = {loss_each_float, loss_each_double},
};
