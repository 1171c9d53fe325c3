/* The mean of each N x N window, the windows side by side; at the edges of what lies in the image. */
#include "model/image.h"

static const cn_option options[] = {
    CN_CELLS_OPTION("the window's height and width"),
    {0},
};

static void forward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first, size_t count)
{
    cn_pooling pooling = cn_image_pooling(node->input, cn_image_cells(node));
    for (size_t r = first; r < first + count; r++)
        step->kernels->pool_sum(&pooling, true, cn_row(step, flow->x, flow->x_stride, r),
                                cn_row(step, flow->y, flow->y_stride, r));
}

static void backward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first,
                     size_t count)
{
    cn_pooling pooling = cn_image_pooling(node->input, cn_image_cells(node));
    for (size_t r = first; flow->dx && r < first + count; r++)
        step->kernels->pool_repeat(&pooling, true, cn_row(step, flow->dy, flow->y_stride, r),
                                   cn_row(step, flow->dx, flow->x_stride, r));
}

static void bundle_forward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t nbundle)
{
    cn_pooling pooling = cn_image_pooling(node->input, cn_image_cells(node));
    (void)nbundle;
    step->kernels->bundle_sum(&pooling, true, flow->x, flow->y);
}

static void bundle_backward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t nbundle)
{
    cn_pooling pooling = cn_image_pooling(node->input, cn_image_cells(node));
    (void)nbundle;
    if (flow->dx)
        step->kernels->bundle_repeat(&pooling, true, flow->dy, flow->dx);
}

static const cn_bundled bundled = {.one = true, .forward = bundle_forward, .backward = bundle_backward};

static void lower(const cn_node *node, const cn_parameter *parameters, cn_program *program)
{
    (void)parameters;
    cn_program_add(program, (cn_primitive){.kind = CN_AVGPOOL,
                                           .input = node->input,
                                           .output = node->output,
                                           .pooling = cn_image_pooling(node->input, cn_image_cells(node))});
}

const cn_layer cn_layer_avgpool = {
    .part = {.name = "avgpool",
             .example = "avgpool 2",
             .summary = "the mean of each window",
             .equation = "y = mean of x over N x N cells, padding left out",
             .options = options},
    .shape = cn_image_shape_pool,
    .mirror = cn_image_mirror_pool,
    .forward = forward,
    .backward = backward,
    .bundled = &bundled,
    .lower = lower,
};
