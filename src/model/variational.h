/* What a variational layer keeps of a row, for itself and for the penalty kl: parts of
 * cn_variational_part(units) reals each, one behind the other. */
#ifndef CN_MODEL_VARIATIONAL_H
#define CN_MODEL_VARIATIONAL_H

#include "model/layer.h"

typedef enum cn_variational_kept {
    CN_MEAN,
    CN_LOG_VARIANCE,
    CN_DRAW,               /* n of z = mean + exp(log variance / 2) n */
    CN_SLOPE,              /* the gradients to these two; forward leaves them 0, penalties add theirs */
    CN_LOG_VARIANCE_SLOPE, /* before backward adds the loss's */
    CN_NVARIATIONAL
} cn_variational_kept;

extern const cn_layer cn_layer_variational;

static inline size_t cn_variational_part(size_t units)
{
    return cn_round_up(units, CN_PANEL);
}

#endif
