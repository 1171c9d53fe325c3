/* Each cell N times in both directions (nearest neighbour). */
#include "model/image.h"

static const cn_option options[] = {
    CN_CELLS_OPTION("how many times larger the image becomes"),
    {0},
};

static cinch_status shape(cn_node *node, cinch_error *error)
{
    cinch_status status = cn_image_check(node, error);
    size_t size = cn_image_cells(node);
    if (!status)
        node->output = (cinch_shape){
            .rank = 3,
            .sizes = {node->input.sizes[0] * size, node->input.sizes[1] * size, node->input.sizes[2]}};
    return status;
}

static cinch_status mirror(const cn_node *node, cn_activation activation, cn_text *spec, cinch_error *error)
{
    (void)activation;
    (void)error;
    cn_text_add(spec, "avgpool %zu", cn_image_cells(node));
    return CINCH_OK;
}

static void forward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first, size_t count)
{
    cn_pooling pooling = cn_image_pooling(node->output, cn_image_cells(node));
    for (size_t r = first; r < first + count; r++)
        step->kernels->pool_repeat(&pooling, false, cn_row(step, flow->x, flow->x_stride, r),
                                   cn_row(step, flow->y, flow->y_stride, r));
}

static void backward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first,
                     size_t count)
{
    cn_pooling pooling = cn_image_pooling(node->output, cn_image_cells(node));
    for (size_t r = first; flow->dx && r < first + count; r++)
        step->kernels->pool_sum(&pooling, false, cn_row(step, flow->dy, flow->y_stride, r),
                                cn_row(step, flow->dx, flow->x_stride, r));
}

static void bundle_forward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t nbundle)
{
    cn_pooling pooling = cn_image_pooling(node->output, cn_image_cells(node));
    (void)nbundle;
    step->kernels->bundle_repeat(&pooling, false, flow->x, flow->y);
}

static void bundle_backward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t nbundle)
{
    cn_pooling pooling = cn_image_pooling(node->output, cn_image_cells(node));
    (void)nbundle;
    if (flow->dx)
        step->kernels->bundle_sum(&pooling, false, flow->dy, flow->dx);
}

static const cn_bundled bundled = {.one = true, .forward = bundle_forward, .backward = bundle_backward};

static void lower(const cn_node *node, const cn_parameter *parameters, cn_program *program)
{
    (void)parameters;
    cn_program_add(program, (cn_primitive){.kind = CN_RESIZE,
                                           .input = node->input,
                                           .output = node->output,
                                           .pooling = cn_image_pooling(node->output, cn_image_cells(node))});
}

const cn_layer cn_layer_upsample = {
    .part = {.name = "upsample",
             .example = "upsample 2",
             .summary = "each cell repeated N times in both directions (nearest)",
             .equation = "y[h, w] = x[floor(h / N), floor(w / N)]",
             .options = options},
    .shape = shape,
    .mirror = mirror,
    .forward = forward,
    .backward = backward,
    .repeats = cn_image_cells,
    .bundled = &bundled,
    .lower = lower,
};
