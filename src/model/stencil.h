/* A convolution as the places of its one image that see the other (math/bundles.h): worked out once, place by
 * place, so that edges, strides and the gradient's way round need no code of their own. */
#ifndef CN_MODEL_STENCIL_H
#define CN_MODEL_STENCIL_H

#include "model/convolution.h"

typedef struct cn_stencil {
    cn_view *views;
    size_t nview;
} cn_stencil;

/* Rows [first, first + count) of the smaller image, seeing the larger one; `up`: of the larger image, seeing
 * the smaller one. Place 0 is the first of these rows. The window has at most CN_MOST_CELLS cells. */
cinch_status cn_stencil_new(cn_stencil *stencil, const cn_convolution *convolution, bool up, size_t first,
                            size_t count, cinch_error *error);
void cn_stencil_clear(cn_stencil *stencil);

#endif
