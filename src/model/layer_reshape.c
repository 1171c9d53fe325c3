/* The same values as an image (or another shape): what a convolutional decoder begins with behind a dense
 * layer. Flat values count channel after channel, as the file's dense weights do. */
#include <string.h>

#include "model/layer.h"

enum { SHAPE };

static const cn_option options[] = {
    [SHAPE] = {.name = "HxWxC",
               .type = CN_TEXT,
               .value_argument = true,
               .summary = "height, width and channels: as many values as come in"},
    {0},
};

static cinch_status shape(cn_node *node, cinch_error *error)
{
    cinch_status status = cn_shape_parse(node->spec.values[SHAPE].text, &node->output, error);
    if (status)
        return status;
    size_t size;
    if (!cn_shape_count(node->output, &size) || size != cn_shape_size(node->input))
        return cn_fail(error, CINCH_USAGE, "%s is not the %zu values that come in",
                       node->spec.values[SHAPE].text, cn_shape_size(node->input));
    return CINCH_OK;
}

static cinch_status mirror(const cn_node *node, cn_activation activation, cn_text *spec, cinch_error *error)
{
    (void)activation;
    (void)error;
    cn_text_add(spec, "reshape ");
    cn_shape_print(node->input, spec);
    return CINCH_OK;
}

static void forward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first, size_t count)
{
    for (size_t r = first; r < first + count; r++)
        memcpy(cn_row(step, flow->y, flow->y_stride, r), cn_row(step, flow->x, flow->x_stride, r),
               cn_shape_size(node->input) * step->kernels->real_size);
}

static void backward(const cn_node *node, const cn_flow *flow, const cn_step *step, size_t first,
                     size_t count)
{
    for (size_t r = first; flow->dx && r < first + count; r++)
        memcpy(cn_row(step, flow->dx, flow->x_stride, r), cn_row(step, flow->dy, flow->y_stride, r),
               cn_shape_size(node->input) * step->kernels->real_size);
}

static void lower(const cn_node *node, const cn_parameter *parameters, cn_program *program)
{
    (void)parameters;
    cn_program_add(program, (cn_primitive){.kind = CN_RESHAPE, .input = node->input, .output = node->output});
}

const cn_layer cn_layer_reshape = {
    .part = {.name = "reshape",
             .example = "reshape 2x3x4",
             .summary = "the values as an image",
             .equation = "y[h, w, c] = x[(c H + h) W + w]",
             .options = options},
    .shape = shape,
    .mirror = mirror,
    .forward = forward,
    .backward = backward,
    .renames = true,
    .lower = lower,
};
