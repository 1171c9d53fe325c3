/* y = f(W * x + b), W (out, in, height, width): each output channel is a window of weights moved over the
 * image (LeCun and others 1998). `same` pads as TensorFlow does: ceil(extent / stride) comes out. */
#include "model/convolving.h"

enum { CHANNELS, KERNEL, ACTIVATION, STRIDE, PAD };
enum { SAME, VALID };
static const char *const pads[] = {"same", "valid", NULL};

static const cn_option options[] = {
    [CHANNELS] = CN_CHANNELS_OPTION,
    [KERNEL] = CN_WINDOW_OPTION,
    [ACTIVATION] = CN_ACTIVATION_OPTION,
    [STRIDE] = {.name = "stride",
                .type = CN_COUNT,
                .standard = "1",
                .minimum = 1,
                .maximum = 255,
                .summary = "cells from window to window"},
    [PAD] = {.name = "pad",
             .type = CN_WORD,
             .standard = "same",
             .words = pads,
             .summary = "zeros around the image: as many as keep its size, or none"},
    {0},
};

static cn_activation activation(const cn_node *node)
{
    return (cn_activation)node->spec.values[ACTIVATION].word;
}

static size_t small_extent(size_t extent, size_t kernel, size_t stride, size_t pad)
{
    return pad == SAME ? cn_same_extent(extent, stride) : (extent - kernel) / stride + 1;
}

static cn_convolving layer_of(const cn_node *node)
{
    const cn_value *values = node->spec.values;
    cn_convolution c = {.channels = node->input.sizes[2],
                        .height = node->input.sizes[0],
                        .width = node->input.sizes[1],
                        .small_channels = values[CHANNELS].count,
                        .kernel_height = values[KERNEL].size.height,
                        .kernel_width = values[KERNEL].size.width,
                        .stride = values[STRIDE].count};
    size_t pad = values[PAD].word;
    c.small_height = small_extent(c.height, c.kernel_height, c.stride, pad);
    c.small_width = small_extent(c.width, c.kernel_width, c.stride, pad);
    c.top = pad == SAME ? cn_same_before(c.height, c.kernel_height, c.stride) : 0;
    c.left = pad == SAME ? cn_same_before(c.width, c.kernel_width, c.stride) : 0;
    cn_convolving layer = cn_convolving_plain(&c, false, activation(node));
    if (node->repeat > 1 || node->pool > 1)
        return cn_convolving_fused(&layer, node->repeat > 1 ? node->repeat : 1,
                                   node->pool > 1 ? node->pool : 1);
    return layer;
}

static bool fuses(const cn_node *node, size_t repeat, size_t pool)
{
    cn_convolving layer = layer_of(node);
    return cn_convolving_fuses(&layer, repeat, pool);
}

static cinch_status shape(cn_node *node, cinch_error *error)
{
    const cn_value *values = node->spec.values;
    cinch_status status = cn_image_check(node, error);
    if (status)
        return status;
    size_t height = values[KERNEL].size.height, width = values[KERNEL].size.width;
    if (values[PAD].word == VALID && (height > node->input.sizes[0] || width > node->input.sizes[1]))
        return cn_fail(error, CINCH_USAGE, "without padding a window of %zux%zu does not fit into %zux%zu",
                       height, width, node->input.sizes[0], node->input.sizes[1]);
    cn_convolution c = layer_of(node).unfolded;
    node->output = (cinch_shape){.rank = 3, .sizes = {c.small_height, c.small_width, c.small_channels}};
    return CINCH_OK;
}

/* To the input's channels again; where it strides by its gradient's form. */
static cinch_status mirror(const cn_node *node, cn_activation act, cn_text *spec, cinch_error *error)
{
    const cn_value *values = node->spec.values;
    size_t stride = values[STRIDE].count;
    if (values[PAD].word == VALID)
        return cn_fail(error, CINCH_USAGE,
                       "with pad=valid it has no mirror: write the decoder as a pipeline");
    if (node->input.sizes[0] % stride || node->input.sizes[1] % stride)
        return cn_fail(
            error, CINCH_USAGE,
            "stride %zu does not divide %zux%zu: it has no mirror: write the decoder as a pipeline", stride,
            node->input.sizes[0], node->input.sizes[1]);
    cn_text_add(spec, "%s %zu %zux%zu %s", stride > 1 ? "deconv" : "conv", node->input.sizes[2],
                values[KERNEL].size.height, values[KERNEL].size.width, cn_activation_names[act]);
    if (stride > 1)
        cn_text_add(spec, " stride=%zu", stride);
    return CINCH_OK;
}

CN_CONVOLVING_PASSES(layer_of)

const cn_layer cn_layer_conv = {
    .part = {.name = "conv",
             .example = "conv 16 3x3 relu",
             .summary = "convolution over an image's height and width",
             .equation =
                 "y[o,h,w] = ACT(sum W[o,c,a,b] x[c, h stride + a - top, w stride + b - left] + b[o])",
             .options = options},
    .shape = shape,
    .activation = activation,
    .mirror = mirror,
    .fuses = fuses,
    CN_CONVOLVING_TABLE,
};
