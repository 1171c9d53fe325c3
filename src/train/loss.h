/* A loss: what a row's output costs against the row itself, loss_NAME.c. */
#ifndef CN_TRAIN_LOSS_H
#define CN_TRAIN_LOSS_H

#include "base/spec.h"
#include "math/elementwise.h"

typedef struct cn_loss {
    cn_part part;
    bool logits;           /* works on the input of a sigmoid output layer; other outputs are refused */
    bool nats;             /* its sum over the features is the negative logarithm of a probability */
    bool unit_targets;     /* rows outside [0, 1] are refused */
    cn_loss_rows *rows[2]; /* in float and in double */
    cn_loss_each *each[2];
} cn_loss;

extern const cn_loss *const cn_losses[];

#endif
