#include "model/convolving.h"

#include <string.h>

size_t cn_convolving_declare(const cn_convolving *layer, cn_declaration *declarations)
{
    const cn_convolution *c = &layer->convolution;
    size_t size = c->kernel_height * c->kernel_width;
    size_t large = c->channels * size, small = c->small_channels * size;
    declarations[CN_CONVOLVING_WEIGHT] = (cn_declaration){
        .suffix = "weight",
        .shape = {.rank = 4, .sizes = {c->small_channels, c->channels, c->kernel_height, c->kernel_width}},
        .fan_in = layer->up ? small : large,
        .fan_out = layer->up ? large : small,
        .weight = true,
        .work = c->small_height * c->small_width};
    declarations[CN_CONVOLVING_BIAS] = (cn_declaration){
        .suffix = "bias", .shape = cn_shape_flat(layer->up ? c->channels : c->small_channels)};
    return 2;
}

/* ---- What a row keeps ---------------------------------------------------------------------------------- */

/* The images spread, then the sums of each output channel's slopes, then z where f' needs it. */
struct places {
    size_t small, sums, z, end;
};

static size_t output_channels(const cn_convolving *layer)
{
    return layer->up ? layer->convolution.channels : layer->convolution.small_channels;
}

static size_t output_size(const cn_convolving *layer)
{
    const cn_convolution *c = &layer->convolution;
    return layer->up ? c->channels * c->height * c->width
                     : c->small_channels * c->small_height * c->small_width;
}

static struct places places_of(const cn_convolving *layer)
{
    struct places places = {.small = cn_convolution_large(&layer->convolution)};
    places.sums = places.small + cn_convolution_small(&layer->convolution);
    places.z = places.sums + cn_round_up(output_channels(layer), CN_PANEL);
    places.end =
        places.z +
        (cn_activation_needs_input(layer->activation) ? cn_round_up(output_size(layer), CN_PANEL) : 0);
    return places;
}

size_t cn_convolving_kept(const cn_convolving *layer)
{
    return places_of(layer).end;
}

/* ---- Passes -------------------------------------------------------------------------------------------- */

void cn_convolving_forward(const cn_convolving *layer, const cn_flow *flow, const cn_step *step, size_t first,
                           size_t count)
{
    const cn_convolution *c = &layer->convolution;
    const cn_kernels *kernels = step->kernels;
    const void *weight = flow->parameters[CN_CONVOLVING_WEIGHT]->reals,
               *bias = flow->parameters[CN_CONVOLVING_BIAS]->reals;
    const struct places places = places_of(layer);
    for (size_t r = first; r < first + count; r++) {
        const void *x = cn_row(step, flow->x, flow->x_stride, r);
        void *y = cn_row(step, flow->y, flow->y_stride, r);
        void *large = cn_row(step, flow->kept, flow->kept_stride, r);
        void *small = cn_row(step, large, places.small, 1);
        void *z = places.end > places.z ? cn_row(step, large, places.z, 1) : y;
        if (layer->up) {
            cn_convolution_spread_small(c, kernels, x, small);
            cn_convolution_up(c, kernels, weight, bias, small, step->scratch, z);
        } else {
            cn_convolution_spread_large(c, kernels, x, large);
            cn_convolution_down(c, kernels, weight, bias, large, step->scratch, z);
        }
        if (!flow->logits)
            cn_activate_all(kernels, layer->activation, output_size(layer), z, y);
        else if (z != y)
            memcpy(y, z, output_size(layer) * kernels->real_size);
    }
}

void cn_convolving_backward(const cn_convolving *layer, const cn_flow *flow, const cn_step *step,
                            size_t first, size_t count)
{
    const cn_convolution *c = &layer->convolution;
    const cn_kernels *kernels = step->kernels;
    const void *weight = flow->parameters[CN_CONVOLVING_WEIGHT]->reals;
    const struct places places = places_of(layer);
    size_t channels = output_channels(layer), size = output_size(layer);
    for (size_t r = first; r < first + count; r++) {
        void *dz = cn_row(step, flow->dy, flow->y_stride, r);
        void *dx = flow->dx ? cn_row(step, flow->dx, flow->x_stride, r) : NULL;
        void *large = cn_row(step, flow->kept, flow->kept_stride, r);
        void *small = cn_row(step, large, places.small, 1);
        const void *y = cn_row(step, flow->y, flow->y_stride, r);
        const void *z = places.end > places.z ? cn_row(step, large, places.z, 1) : y;
        if (!flow->logits)
            cn_activate_all_backward(kernels, layer->activation, size, z, y, dz);
        kernels->plane_sums(channels, size / channels, dz, cn_row(step, large, places.sums, 1));
        if (layer->up) {
            cn_convolution_spread_large(c, kernels, dz, large);
            if (dx)
                cn_convolution_down(c, kernels, weight, NULL, large, step->scratch, dx);
        } else {
            cn_convolution_spread_small(c, kernels, dz, small);
            if (dx)
                cn_convolution_up(c, kernels, weight, NULL, small, step->scratch, dx);
        }
    }
}

void cn_convolving_gradient(const cn_convolving *layer, const cn_flow *flow, const cn_step *step, size_t rows,
                            size_t local, const cn_tile *tile, bool accumulate, void *reals)
{
    const cn_convolution *c = &layer->convolution;
    const struct places places = places_of(layer);
    if (local == CN_CONVOLVING_BIAS) {
        step->kernels->column_sums(rows, cn_row(step, flow->kept, places.sums, 1), flow->kept_stride,
                                   tile->first, tile->count, accumulate, reals);
        return;
    }
    size_t all = c->small_channels * c->channels * c->kernel_height * c->kernel_width;
    size_t count = all - tile->first < tile->count ? all - tile->first : tile->count;
    if (!accumulate)
        memset(cn_row(step, reals, count, 1), 0, (tile->count - count) * step->kernels->real_size);
    cn_convolution_gradient(c, step->kernels, rows, flow->kept, cn_row(step, flow->kept, places.small, 1),
                            flow->kept_stride, tile->first, count, accumulate, reals);
}

void cn_convolving_lower(const cn_convolving *layer, const cn_node *node, const cn_parameter *parameters,
                         cn_program *program)
{
    cn_program_add(program, (cn_primitive){.kind = layer->up ? CN_CONV_TRANSPOSE : CN_CONV,
                                           .input = node->input,
                                           .output = node->output,
                                           .parameter = &parameters[node->parameters[CN_CONVOLVING_WEIGHT]],
                                           .convolution = layer->convolution});
    cn_program_add(program, (cn_primitive){.kind = CN_ADD,
                                           .input = node->output,
                                           .output = node->output,
                                           .parameter = &parameters[node->parameters[CN_CONVOLVING_BIAS]]});
    cn_program_add(program, (cn_primitive){.kind = CN_ACTIVATE,
                                           .input = node->output,
                                           .output = node->output,
                                           .activation = layer->activation});
}
