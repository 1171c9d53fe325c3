/* A layer of the tests: y = g x, a factor for each feature. It proves that one file is all that a layer
 * takes. */
#include "model/layer.h"

static cinch_status shape(cn_node *node, cinch_error *error)
{
    (void)error;
    node->output = node->input;
    return CINCH_OK;
}

static size_t declare(const cn_node *node, cn_declaration *declarations)
{
    size_t features = cn_shape_size(node->input);
    declarations[0] = (cn_declaration){.suffix = "gain",
                                       .shape = cn_shape_flat(features),
                                       .fan_in = features,
                                       .fan_out = features,
                                       .weight = true};
    return 1;
}

#define GAIN(real)                                                                                           \
    static void multiply_##real(size_t width, const void *gain, const void *from, void *to)                  \
    {                                                                                                        \
        for (size_t j = 0; j < width; j++)                                                                   \
            ((real *)to)[j] = ((const real *)gain)[j] * ((const real *)from)[j];                             \
    }                                                                                                        \
    static void add_products_##real(size_t first, size_t count, const void *x, const void *dy, void *sums)   \
    {                                                                                                        \
        for (size_t j = 0; j < count; j++)                                                                   \
            ((real *)sums)[j] += ((const real *)x)[first + j] * ((const real *)dy)[first + j];               \
    }                                                                                                        \
    static void clear_##real(size_t count, void *sums)                                                       \
    {                                                                                                        \
        for (size_t j = 0; j < count; j++)                                                                   \
            ((real *)sums)[j] = 0;                                                                           \
    }
GAIN(float)
GAIN(double)

static void (*const multiply[])(size_t, const void *, const void *, void *) = {multiply_float,
                                                                               multiply_double};
static void (*const add_products[])(size_t, size_t, const void *, const void *,
                                    void *) = {add_products_float, add_products_double};
static void (*const clear[])(size_t, void *) = {clear_float, clear_double};

static void forward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first, size_t count)
{
    for (size_t r = first; r < first + count; r++)
        multiply[cn_precision(step)](cn_shape_size(node->input), flow->parameters[0]->reals,
                                     cn_row(step, flow->x, flow->x_stride, r),
                                     cn_row(step, flow->y, flow->y_stride, r));
}

static void backward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first,
                     size_t count)
{
    for (size_t r = first; flow->dx && r < first + count; r++)
        multiply[cn_precision(step)](cn_shape_size(node->input), flow->parameters[0]->reals,
                                     cn_row(step, flow->dy, flow->y_stride, r),
                                     cn_row(step, flow->dx, flow->x_stride, r));
}

static void gradient(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t rows, size_t local,
                     const cn_tile *tile, bool accumulate, void *reals)
{
    (void)local;
    size_t features = cn_shape_size(node->input), end = tile->first + tile->count;
    if (!accumulate)
        clear[cn_precision(step)](tile->count, reals);
    for (size_t r = 0; r < rows; r++)
        add_products[cn_precision(step)](tile->first, (end < features ? end : features) - tile->first,
                                         cn_row(step, flow->x, flow->x_stride, r),
                                         cn_row(step, flow->dy, flow->y_stride, r), reals);
}

static cinch_status mirror(const cn_node *node, cn_activation activation, cn_text *spec, cinch_error *error)
{
    (void)node;
    (void)activation;
    (void)error;
    cn_text_add(spec, "gain");
    return CINCH_OK;
}

static void lower(const cn_node *node, const cn_parameter *parameters, cn_program *program)
{
    cn_program_add(program, (cn_primitive){.kind = CN_SCALE,
                                           .input = node->input,
                                           .output = node->output,
                                           .factor = 1,
                                           .parameter = &parameters[node->parameters[0]]});
}

const cn_layer cn_layer_gain = {
    .part = {.name = "gain",
             .example = "gain",
             .summary = "a factor for each feature",
             .equation = "y = g x"},
    .shape = shape,
    .declare = declare,
    .mirror = mirror,
    .forward = forward,
    .backward = backward,
    .gradient = gradient,
    .lower = lower,
};
