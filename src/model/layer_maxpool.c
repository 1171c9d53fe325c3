/* The largest value of each N x N window, the windows side by side; at the edges cut as TensorFlow's
 * `same`. */
#include "model/image.h"

static const cn_option options[] = {
    CN_CELLS_OPTION("the window's height and width"),
    {0},
};

/* Each cell's place of its largest. */
static size_t kept(const cn_node *node)
{
    return cn_shape_size(node->output);
}

static void forward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first, size_t count)
{
    cn_pooling pooling = cn_image_pooling(node->input, cn_image_cells(node));
    for (size_t r = first; r < first + count; r++)
        step->kernels->pool_max(&pooling, cn_row(step, flow->x, flow->x_stride, r),
                                cn_row(step, flow->y, flow->y_stride, r),
                                cn_row(step, flow->kept, flow->kept_stride, r));
}

static void backward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first,
                     size_t count)
{
    cn_pooling pooling = cn_image_pooling(node->input, cn_image_cells(node));
    for (size_t r = first; flow->dx && r < first + count; r++)
        step->kernels->pool_max_backward(&pooling, cn_row(step, flow->dy, flow->y_stride, r),
                                         cn_row(step, flow->kept, flow->kept_stride, r),
                                         cn_row(step, flow->dx, flow->x_stride, r));
}

static void bundle_forward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t nbundle)
{
    cn_pooling pooling = cn_image_pooling(node->input, cn_image_cells(node));
    (void)nbundle;
    step->kernels->bundle_max(&pooling, flow->x, flow->y, flow->kept);
}

static void bundle_backward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t nbundle)
{
    cn_pooling pooling = cn_image_pooling(node->input, cn_image_cells(node));
    (void)nbundle;
    if (flow->dx)
        step->kernels->bundle_max_backward(&pooling, flow->dy, flow->kept, flow->dx);
}

static const cn_bundled bundled = {
    .one = true, .kept = kept, .forward = bundle_forward, .backward = bundle_backward};

static void lower(const cn_node *node, const cn_parameter *parameters, cn_program *program)
{
    (void)parameters;
    cn_program_add(program, (cn_primitive){.kind = CN_MAXPOOL,
                                           .input = node->input,
                                           .output = node->output,
                                           .pooling = cn_image_pooling(node->input, cn_image_cells(node))});
}

const cn_layer cn_layer_maxpool = {
    .part = {.name = "maxpool",
             .example = "maxpool 2",
             .summary = "the largest value of each window",
             .equation = "y = max of x over N x N cells; ties: the first",
             .options = options},
    .shape = cn_image_shape_pool,
    .mirror = cn_image_mirror_pool,
    .kept = kept,
    .forward = forward,
    .backward = backward,
    .pools = cn_image_cells,
    .bundled = &bundled,
    .lower = lower,
};
