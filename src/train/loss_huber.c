/* Huber 1964, with delta 1. */
#include "train/loss.h"

#define VALUE(y, x) (CN_ABS((y) - (x)) <= 1 ? ((y) - (x)) * ((y) - (x)) / 2 : (2 * CN_ABS((y) - (x)) - 1) / 2)
#define SLOPE(y, x) ((y) - (x) > 1 ? 1 : (y) - (x) < -1 ? -1 : (y) - (x))

CN_LOSS_ROWS(VALUE, SLOPE)
CN_LOSS_EACH(VALUE, SLOPE)

const cn_loss cn_loss_huber = {
    .part = {.name = "huber",
             .example = "huber",
             .summary = "squared near 0, absolute beyond 1 (Huber 1964)",
             .equation = "mean d^2 / 2 where |d| <= 1, else |d| - 1/2; d = y - x"},
    .rows = {loss_rows_float, loss_rows_double},
    .each = {loss_each_float, loss_each_double},
};
