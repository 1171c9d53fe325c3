/* What conv and deconv share: a convolution taken down or up, with bias and activation, as a layer's passes. */
#ifndef CN_MODEL_CONVOLVING_H
#define CN_MODEL_CONVOLVING_H

#include "model/convolution.h"
#include "model/image.h"

typedef struct cn_convolving {
    cn_convolution convolution;
    bool up; /* the row is the smaller image, the output the larger one */
    cn_activation activation;
} cn_convolving;

/* The options that both have, of the same name and place. */
#define CN_CHANNELS_OPTION                                                                                   \
    {                                                                                                        \
        .name = "C", .type = CN_COUNT, .value_argument = true, .minimum = 1, .maximum = 1 << 16,             \
        .summary = "output channels"                                                                         \
    }
#define CN_WINDOW_OPTION                                                                                     \
    {                                                                                                        \
        .name = "HxW", .type = CN_SIZE, .value_argument = true, .minimum = 1, .maximum = 255,                \
        .summary = "the window's height and width"                                                           \
    }

/* A layer's functions, out of its `cn_convolving layer_of(const cn_node *)`; and their places in its table. */
#define CN_CONVOLVING_PASSES(layer_of)                                                                       \
    static size_t declare(const cn_node *node, cn_declaration *declarations)                                 \
    {                                                                                                        \
        const cn_convolving layer = layer_of(node);                                                          \
        return cn_convolving_declare(&layer, declarations);                                                  \
    }                                                                                                        \
    static size_t kept(const cn_node *node)                                                                  \
    {                                                                                                        \
        const cn_convolving layer = layer_of(node);                                                          \
        return cn_convolving_kept(&layer);                                                                   \
    }                                                                                                        \
    static size_t scratch(const cn_node *node)                                                               \
    {                                                                                                        \
        const cn_convolving layer = layer_of(node);                                                          \
        return cn_convolution_scratch(&layer.convolution);                                                   \
    }                                                                                                        \
    static void forward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first,         \
                        size_t count)                                                                        \
    {                                                                                                        \
        const cn_convolving layer = layer_of(node);                                                          \
        cn_convolving_forward(&layer, flow, step, first, count);                                             \
    }                                                                                                        \
    static void backward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first,        \
                         size_t count)                                                                       \
    {                                                                                                        \
        const cn_convolving layer = layer_of(node);                                                          \
        cn_convolving_backward(&layer, flow, step, first, count);                                            \
    }                                                                                                        \
    static void gradient(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t rows,         \
                         size_t local, const cn_tile *tile, bool accumulate, void *reals)                    \
    {                                                                                                        \
        const cn_convolving layer = layer_of(node);                                                          \
        cn_convolving_gradient(&layer, flow, step, rows, local, tile, accumulate, reals);                    \
    }                                                                                                        \
    static void lower(const cn_node *node, const cn_parameter *parameters, cn_program *program)              \
    {                                                                                                        \
        const cn_convolving layer = layer_of(node);                                                          \
        cn_convolving_lower(&layer, node, parameters, program);                                              \
    }

#define CN_CONVOLVING_TABLE                                                                                  \
    .declare = declare, .kept = kept, .scratch = scratch, .forward = forward, .backward = backward,          \
    .gradient = gradient, .by_rows = true, .lower = lower

enum { CN_CONVOLVING_WEIGHT, CN_CONVOLVING_BIAS };

size_t cn_convolving_declare(const cn_convolving *layer, cn_declaration *declarations);
size_t cn_convolving_kept(const cn_convolving *layer);
void cn_convolving_forward(const cn_convolving *layer, const cn_flow *flow, const cn_step *step, size_t first,
                           size_t count);
void cn_convolving_backward(const cn_convolving *layer, const cn_flow *flow, const cn_step *step,
                            size_t first, size_t count);
void cn_convolving_gradient(const cn_convolving *layer, const cn_flow *flow, const cn_step *step, size_t rows,
                            size_t local, const cn_tile *tile, bool accumulate, void *reals);
void cn_convolving_lower(const cn_convolving *layer, const cn_node *node, const cn_parameter *parameters,
                         cn_program *program);

#endif
