#include "train/loss.h"

#define VALUE(y, x) (((y) - (x)) * ((y) - (x)))
#define SLOPE(y, x) (2 * ((y) - (x)))

CN_LOSS_ROWS(VALUE, SLOPE)
CN_LOSS_EACH(VALUE, SLOPE)

const cn_loss cn_loss_mse = {
    .part = {.name = "mse", .example = "mse", .summary = "mean squared error", .equation = "mean (y - x)^2"},
    .rows = {loss_rows_float, loss_rows_double},
    .each = {loss_each_float, loss_each_double},
};
