#include "train/loss.h"

#define VALUE(y, x) CN_ABS((y) - (x))
#define SLOPE(y, x) ((y) > (x) ? 1 : (y) < (x) ? -1 : 0)

CN_LOSS_ROWS(VALUE, SLOPE)
CN_LOSS_EACH(VALUE, SLOPE)

const cn_loss cn_loss_mae = {
    .part = {.name = "mae", .example = "mae", .summary = "mean absolute error", .equation = "mean |y - x|"},
    .rows = {loss_rows_float, loss_rows_double},
    .each = {loss_each_float, loss_each_double},
};
