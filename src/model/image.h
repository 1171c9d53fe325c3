/* Images of several channels: pixel after pixel (H, W, C) in data and results, plane after plane (C, H, W)
 * inside the engine; and the windows that pools part them into. */
#ifndef CN_MODEL_IMAGE_H
#define CN_MODEL_IMAGE_H

#include "model/layer.h"

/* Whether rows of this shape lie otherwise inside the engine than outside. */
bool cn_image_in_planes(cinch_shape shape);

/* One row from the one order to the other; the arrays do not overlap. */
void cn_image_split(const cn_kernels *kernels, cinch_shape shape, const void *pixels, void *planes);
void cn_image_join(const cn_kernels *kernels, cinch_shape shape, const void *planes, void *pixels);

/* Refuses a node whose input is no image, height x width x channels. */
cinch_status cn_image_check(const cn_node *node, cinch_error *error);

/* The option N, the first one, of the layers that go by N x N cells; and its value. */
#define CN_CELLS_OPTION(what)                                                                                \
    {                                                                                                        \
        .name = "N", .type = CN_COUNT, .value_argument = true, .minimum = 1, .maximum = 4096,                \
        .summary = what                                                                                      \
    }
size_t cn_image_cells(const cn_node *node);

/* Windows of size x size over images of this shape, at the edges cut as TensorFlow's `same` does. */
cn_pooling cn_image_pooling(cinch_shape large, size_t size);

/* The `shape` and the `mirror` of pools of such windows. Each cell repeated over its window undoes one, of
 * maxima too: where they were is not kept. Refused where windows are cut. */
cinch_status cn_image_shape_pool(cn_node *node, cinch_error *error);
cinch_status cn_image_mirror_pool(const cn_node *node, cn_activation activation, cn_text *spec,
                                  cinch_error *error);

#endif
