/* The gradient of a `same` convolution of that stride, as a layer: out = in * stride. Its weight is the
 * convolution's, (in, out, height, width), as PyTorch's ConvTranspose2d has it (Zeiler and others 2010). */
#include "model/convolving.h"

enum { CHANNELS, KERNEL, ACTIVATION, STRIDE };

static const cn_option options[] = {
    [CHANNELS] = CN_CHANNELS_OPTION,
    [KERNEL] = CN_WINDOW_OPTION,
    [ACTIVATION] = CN_ACTIVATION_OPTION,
    [STRIDE] = {.name = "stride",
                .type = CN_COUNT,
                .standard = "2",
                .minimum = 1,
                .maximum = 255,
                .summary = "how many times larger the image becomes"},
    {0},
};

static cn_activation activation(const cn_node *node)
{
    return (cn_activation)node->spec.values[ACTIVATION].word;
}

static cn_convolving layer_of(const cn_node *node)
{
    const cn_value *values = node->spec.values;
    size_t stride = values[STRIDE].count;
    cn_convolution c = {.channels = values[CHANNELS].count,
                        .height = node->input.sizes[0] * stride,
                        .width = node->input.sizes[1] * stride,
                        .small_channels = node->input.sizes[2],
                        .small_height = node->input.sizes[0],
                        .small_width = node->input.sizes[1],
                        .kernel_height = values[KERNEL].size.height,
                        .kernel_width = values[KERNEL].size.width,
                        .stride = stride};
    c.top = cn_same_before(c.height, c.kernel_height, stride);
    c.left = cn_same_before(c.width, c.kernel_width, stride);
    return (cn_convolving){
        .convolution = c, .up = true, .activation = activation(node), .repeat = 1, .pool = 1, .unfolded = c};
}

static cinch_status shape(cn_node *node, cinch_error *error)
{
    cinch_status status = cn_image_check(node, error);
    if (status)
        return status;
    cn_convolution c = layer_of(node).unfolded;
    node->output = (cinch_shape){.rank = 3, .sizes = {c.height, c.width, c.channels}};
    return CINCH_OK;
}

static cinch_status mirror(const cn_node *node, cn_activation act, cn_text *spec, cinch_error *error)
{
    (void)error;
    const cn_value *values = node->spec.values;
    cn_text_add(spec, "conv %zu %zux%zu %s stride=%zu", node->input.sizes[2], values[KERNEL].size.height,
                values[KERNEL].size.width, cn_activation_names[act], values[STRIDE].count);
    return CINCH_OK;
}

CN_CONVOLVING_PASSES(layer_of)

const cn_layer cn_layer_deconv = {
    .part = {.name = "deconv",
             .example = "deconv 8 3x3 relu",
             .summary = "transposed convolution: an image stride times as large",
             .equation = "y = ACT(the gradient, to its input, of a conv from y's size to x's, + b)",
             .options = options},
    .shape = shape,
    .activation = activation,
    .mirror = mirror,
    CN_CONVOLVING_TABLE,
};
