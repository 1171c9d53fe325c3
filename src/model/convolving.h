/* What conv and deconv share: a convolution taken down or up, with bias and activation, and what the planner
 * does in one with it: the upsampling before it, the pooling of maxima behind it. For a few images at a time
 * and some planes of each, so that what is made is still near when the next step takes it. */
#ifndef CN_MODEL_CONVOLVING_H
#define CN_MODEL_CONVOLVING_H

#include "model/convolution.h"
#include "model/image.h"
#include "model/windows.h"

enum { CN_IMAGES = 8 }; /* at a time, at most */

typedef struct cn_convolving {
    cn_convolution convolution; /* as it runs: folded where the image is to be repeated */
    bool up;                    /* the row is the smaller image, the output the larger one */
    cn_activation activation;   /* linear where the loss works on what is before it */
    size_t repeat;           /* every cell of the row stands for so many in both directions; 1: for itself */
    size_t pool;             /* windows of so many cells, of which only the largest comes out; 1: all do */
    cn_convolution unfolded; /* the layer's own; where repeat is 1 the same */
    bool windows;            /* goes as products (model/windows.h), and with no neighbour in one */
} cn_convolving;

/* A convolution as it is. */
cn_convolving cn_convolving_plain(const cn_convolution *convolution, bool up, cn_activation activation);

/* Whether it can well do an upsampling before it, or a pooling of maxima behind it (1: none), in its own
 * work; and that. */
bool cn_convolving_fuses(const cn_convolving *layer, size_t repeat, size_t pool);
cn_convolving cn_convolving_fused(const cn_convolving *layer, size_t repeat, size_t pool);

/* The channels and the values of one, of what it takes and of what comes out; the pooling, of so many
 * planes. */
size_t cn_convolving_input_channels(const cn_convolving *layer);
size_t cn_convolving_output_channels(const cn_convolving *layer);
size_t cn_convolving_input_plane(const cn_convolving *layer);
size_t cn_convolving_output_plane(const cn_convolving *layer);
cn_pooling cn_convolving_pooling(const cn_convolving *layer, size_t planes);
bool cn_convolving_keeps_z(const cn_convolving *layer);

/* Reals of the spread row, and of scratch. */
size_t cn_convolving_spread(const cn_convolving *layer);
size_t cn_convolving_scratch(const cn_convolving *layer);

/* The weight as it runs: itself, or folded into `room`, of cn_convolving_folded(layer) reals. */
size_t cn_convolving_folded(const cn_convolving *layer);
const void *cn_convolving_weight(const cn_convolving *layer, const cn_kernels *kernels, const void *weight,
                                 void *room);

/* Rows x to rows y, each in buffers of so many reals a row. room takes x spread and must be 0 the first time,
 * kept, of the same stride, what backward needs of the output, the place of each largest or z; NULL where
 * nothing goes back. */
typedef struct cn_rows {
    size_t count;
    const void *x;
    size_t x_stride;
    void *room;
    size_t room_stride;
    void *kept, *y;
    size_t y_stride;
} cn_rows;

/* weight as above; of one that goes as products, its cn_matrix. */
void cn_convolving_run(const cn_convolving *layer, const cn_kernels *kernels, const void *weight,
                       const void *bias, const cn_rows *rows, void *scratch);

/* ---- A layer's functions ------------------------------------------------------------------------------- */

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

/* Over bundles: model/convolving_bundles.c. */
bool cn_convolving_fits(const cn_convolving *layer);
cinch_status cn_convolving_plan(const cn_convolving *layer, bool backward, void **plan, cinch_error *error);
void cn_convolving_plan_free(void *plan);
size_t cn_convolving_bundle_kept(const cn_convolving *layer);
size_t cn_convolving_bundle_scratch(const cn_convolving *layer, bool backward);
void cn_convolving_bundle_forward(const cn_convolving *layer, const cn_flow *flow, const cn_step *step);
void cn_convolving_bundle_backward(const cn_convolving *layer, const cn_flow *flow, const cn_step *step);
void cn_convolving_bundle_gradient(const cn_convolving *layer, const cn_flow *flow, const cn_step *step,
                                   size_t local, void *sums);

/* The options that both layers have, of the same name and place. */
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

/* Their functions, out of `cn_convolving layer_of(const cn_node *)`; and these functions' places in the
 * table. */
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
        return cn_convolving_scratch(&layer);                                                                \
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
    }                                                                                                        \
    static bool bundles_fit(const cn_node *node)                                                             \
    {                                                                                                        \
        const cn_convolving layer = layer_of(node);                                                          \
        return cn_convolving_fits(&layer);                                                                   \
    }                                                                                                        \
    static cinch_status bundle_plan(const cn_node *node, bool backward, void **plan, cinch_error *error)     \
    {                                                                                                        \
        const cn_convolving layer = layer_of(node);                                                          \
        return cn_convolving_plan(&layer, backward, plan, error);                                            \
    }                                                                                                        \
    static size_t bundle_kept(const cn_node *node)                                                           \
    {                                                                                                        \
        const cn_convolving layer = layer_of(node);                                                          \
        return cn_convolving_bundle_kept(&layer);                                                            \
    }                                                                                                        \
    static size_t bundle_scratch(const cn_node *node, bool backward)                                         \
    {                                                                                                        \
        const cn_convolving layer = layer_of(node);                                                          \
        return cn_convolving_bundle_scratch(&layer, backward);                                               \
    }                                                                                                        \
    static void bundle_forward(const cn_node *node, const cn_flow *flow, const cn_step *step,                \
                               size_t nbundle)                                                               \
    {                                                                                                        \
        const cn_convolving layer = layer_of(node);                                                          \
        (void)nbundle;                                                                                       \
        cn_convolving_bundle_forward(&layer, flow, step);                                                    \
    }                                                                                                        \
    static void bundle_backward(const cn_node *node, const cn_flow *flow, const cn_step *step,               \
                                size_t nbundle)                                                              \
    {                                                                                                        \
        const cn_convolving layer = layer_of(node);                                                          \
        (void)nbundle;                                                                                       \
        cn_convolving_bundle_backward(&layer, flow, step);                                                   \
    }                                                                                                        \
    static void bundle_gradient(const cn_node *node, const cn_flow *flow, const cn_step *step,               \
                                size_t nbundle, size_t local, void *sums)                                    \
    {                                                                                                        \
        const cn_convolving layer = layer_of(node);                                                          \
        (void)nbundle;                                                                                       \
        cn_convolving_bundle_gradient(&layer, flow, step, local, sums);                                      \
    }                                                                                                        \
    static const cn_bundled bundled = {.one = true,                                                          \
                                       .fits = bundles_fit,                                                  \
                                       .plan = bundle_plan,                                                  \
                                       .free = cn_convolving_plan_free,                                      \
                                       .kept = bundle_kept,                                                  \
                                       .scratch = bundle_scratch,                                            \
                                       .forward = bundle_forward,                                            \
                                       .backward = bundle_backward,                                          \
                                       .gradient = bundle_gradient};

#define CN_CONVOLVING_TABLE                                                                                  \
    .declare = declare, .kept = kept, .scratch = scratch, .forward = forward, .backward = backward,          \
    .gradient = gradient, .by_rows = true, .bundled = &bundled, .lower = lower

#endif
