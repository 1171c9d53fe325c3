/* The largest value of each N x N window, the windows side by side; at the edges cut as TensorFlow's
 * `same`. */
#include "model/image.h"

enum { SIZE };

static const cn_option options[] = {
    [SIZE] = CN_CELLS_OPTION("the window's height and width"),
    {0},
};

static size_t size_of(const cn_node *node)
{
    return node->spec.values[SIZE].count;
}

static cinch_status shape(cn_node *node, cinch_error *error)
{
    cinch_status status = cn_image_check(node, error);
    if (!status)
        node->output = cn_image_pooled(node->input, size_of(node));
    return status;
}

/* Each cell repeated over its window: where it was the largest is not kept. */
static cinch_status mirror(const cn_node *node, cn_activation activation, cn_text *spec, cinch_error *error)
{
    (void)activation;
    return cn_image_mirror_pool(node, size_of(node), spec, error);
}

/* Each cell's place of its largest. */
static size_t kept(const cn_node *node)
{
    return cn_shape_size(node->output);
}

static void forward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first, size_t count)
{
    cn_pooling pooling = cn_image_pooling(node->input, size_of(node));
    for (size_t r = first; r < first + count; r++)
        step->kernels->pool_max(&pooling, cn_row(step, flow->x, flow->x_stride, r),
                                cn_row(step, flow->y, flow->y_stride, r),
                                cn_row(step, flow->kept, flow->kept_stride, r));
}

static void backward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first,
                     size_t count)
{
    cn_pooling pooling = cn_image_pooling(node->input, size_of(node));
    for (size_t r = first; flow->dx && r < first + count; r++)
        step->kernels->pool_max_backward(&pooling, cn_row(step, flow->dy, flow->y_stride, r),
                                         cn_row(step, flow->kept, flow->kept_stride, r),
                                         cn_row(step, flow->dx, flow->x_stride, r));
}

static void lower(const cn_node *node, const cn_parameter *parameters, cn_program *program)
{
    (void)parameters;
    cn_program_add(program, (cn_primitive){.kind = CN_MAXPOOL,
                                           .input = node->input,
                                           .output = node->output,
                                           .pooling = cn_image_pooling(node->input, size_of(node))});
}

const cn_layer cn_layer_maxpool = {
    .part = {.name = "maxpool",
             .example = "maxpool 2",
             .summary = "the largest value of each window",
             .equation = "y = max of x over N x N cells; ties: the first",
             .options = options},
    .shape = shape,
    .mirror = mirror,
    .kept = kept,
    .forward = forward,
    .backward = backward,
    .pools = size_of,
    .lower = lower,
};
