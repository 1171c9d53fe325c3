/* A loss of the tests: (y - x)^4. */
#include "train/loss.h"

#define SQUARE(d)   ((d) * (d))
#define VALUE(y, x) SQUARE(SQUARE((y) - (x)))
#define SLOPE(y, x) (4 * ((y) - (x)) * SQUARE((y) - (x)))

CN_LOSS_ROWS(VALUE, SLOPE)

const cn_loss cn_loss_quartic = {
    .part = {.name = "quartic",
             .example = "quartic",
             .summary = "mean fourth power",
             .equation = "mean (y - x)^4"},
    .rows = {loss_rows_float, loss_rows_double},
};
