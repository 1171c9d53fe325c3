#include "model/convolving.h"

#include "model/folding.h"

/* Made, and used, at a time: so many planes of an image, or of as many images as keep them so near. */
enum { PLANES = 8, NEAR = 1 << 13 };

/* ---- Sizes --------------------------------------------------------------------------------------------- */

cn_convolving cn_convolving_plain(const cn_convolution *convolution, bool up, cn_activation activation)
{
    return (cn_convolving){.convolution = *convolution,
                           .up = up,
                           .activation = activation,
                           .repeat = 1,
                           .pool = 1,
                           .unfolded = *convolution,
                           .windows = cn_windows_suit(convolution)};
}

/* A larger stride would leave out some of an image's repeated cells; and with few channels folding saves less
 * than it costs to part the image into its remainders. Maxima come out without their z, and activations that
 * do not always grow would have others. */
bool cn_convolving_fuses(const cn_convolving *layer, size_t repeat, size_t pool)
{
    enum { WORTH_FOLDING = 8 };
    if (layer->up || layer->windows || (repeat > 1 && pool > 1))
        return repeat == 1 && pool == 1;
    return (repeat == 1 || (layer->unfolded.stride == 1 && layer->unfolded.channels >= WORTH_FOLDING)) &&
           (pool == 1 || !cn_activation_needs_input(layer->activation));
}

cn_convolving cn_convolving_fused(const cn_convolving *layer, size_t repeat, size_t pool)
{
    cn_convolving fused = *layer;
    fused.pool = pool;
    if (repeat > 1) {
        fused.repeat = repeat;
        fused.convolution = cn_folding(&layer->unfolded, repeat);
        fused.up = true;
    }
    return fused;
}

size_t cn_convolving_input_channels(const cn_convolving *layer)
{
    return layer->up ? layer->convolution.small_channels : layer->convolution.channels;
}

size_t cn_convolving_output_channels(const cn_convolving *layer)
{
    return layer->up ? layer->convolution.channels : layer->convolution.small_channels;
}

size_t cn_convolving_input_plane(const cn_convolving *layer)
{
    const cn_convolution *c = &layer->convolution;
    return layer->up ? c->small_height * c->small_width : c->height * c->width;
}

cn_pooling cn_convolving_pooling(const cn_convolving *layer, size_t planes)
{
    const cn_convolution *c = &layer->convolution;
    cinch_shape shape = {
        .rank = 3,
        .sizes = {layer->up ? c->height : c->small_height, layer->up ? c->width : c->small_width, planes}};
    return cn_image_pooling(shape, layer->pool);
}

/* A plane as it comes out of the layer. */
size_t cn_convolving_output_plane(const cn_convolving *layer)
{
    cn_pooling pooling = cn_convolving_pooling(layer, 1);
    return pooling.small_height * pooling.small_width;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

bool cn_convolving_keeps_z(const cn_convolving *layer)
{
    return cn_activation_needs_input(layer->activation);
}

/* Reals of the one image or of the other, spread. */
static size_t spread_of(const cn_convolving *layer, bool small)
{
    const cn_convolution *c = &layer->convolution;
    if (layer->windows)
        return small ? cn_windows_small(c) : cn_windows_large(c);
    return small ? cn_convolution_small(c) : cn_convolution_large(c);
}

size_t cn_convolving_spread(const cn_convolving *layer)
{
    return spread_of(layer, layer->up);
}

static size_t slopes_spread(const cn_convolving *layer)
{
    return spread_of(layer, !layer->up);
}

/* Reals kept of what comes out of an image: the place of each largest, or z where f' needs it; else 0. */
static size_t kept_output(const cn_convolving *layer)
{
    return cn_convolving_keeps_z(layer) || layer->pool > 1
               ? cn_convolving_output_channels(layer) * cn_convolving_output_plane(layer)
               : 0;
}

size_t cn_convolving_folded(const cn_convolving *layer)
{
    return layer->repeat > 1 ? cn_round_up(cn_convolution_weights(&layer->convolution), CN_PANEL) : 0;
}

/* Planes at a time: those of a pass that has so many channels. */
static size_t planes_of(size_t channels)
{
    return least(PLANES, channels);
}

/* Images at a time, whose planes at a time are all kept near. */
static size_t images_of(const cn_convolving *layer)
{
    size_t most = planes_of(cn_convolving_output_channels(layer)),
           back = planes_of(cn_convolving_input_channels(layer));
    most = NEAR / cn_convolution_scratch(&layer->convolution, most > back ? most : back);
    return most > 1 ? least(most, CN_IMAGES) : 1;
}

/* A folded weight or its gradient, and what a correlation needs. */
size_t cn_convolving_scratch(const cn_convolving *layer)
{
    size_t out = planes_of(cn_convolving_output_channels(layer)),
           in = planes_of(cn_convolving_input_channels(layer));
    if (layer->windows)
        return cn_windows_scratch(&layer->convolution);
    return cn_convolving_folded(layer) +
           cn_convolution_scratch(&layer->convolution, images_of(layer) * (out > in ? out : in));
}

size_t cn_convolving_declare(const cn_convolving *layer, cn_declaration *declarations)
{
    const cn_convolution *c = &layer->convolution;
    size_t size = c->kernel_height * c->kernel_width;
    size_t large = c->channels * size, small = c->small_channels * size;
    declarations[CN_CONVOLVING_WEIGHT] = (cn_declaration){
        .suffix = "weight",
        .shape = {.rank = 4, .sizes = {c->small_channels, c->channels, c->kernel_height, c->kernel_width}},
        .packing = layer->windows ? CN_PACK_WINDOWS : CN_PACK_VECTOR,
        .fan_in = layer->up ? small : large,
        .fan_out = layer->up ? large : small,
        .weight = true,
        .work = c->small_height * c->small_width};
    declarations[CN_CONVOLVING_BIAS] = (cn_declaration){
        .suffix = "bias", .shape = cn_shape_flat(layer->up ? c->channels : c->small_channels)};
    return 2;
}

/* ---- Some images --------------------------------------------------------------------------------------- */

static void *at(const cn_kernels *kernels, const void *reals, size_t place)
{
    return (char *)reals + place * kernels->real_size;
}

static void spread(const cn_convolution *c, const cn_kernels *kernels, const cn_images *images, bool small,
                   size_t first, size_t count, const void *planes, void *to)
{
    if (small)
        cn_convolution_spread_small(c, kernels, images, first, count, planes, to);
    else
        cn_convolution_spread_large(c, kernels, images, first, count, planes, to);
}

static void convolve(const cn_convolution *c, const cn_kernels *kernels, const cn_images *images, bool up,
                     const void *weight, const void *bias, const void *from, size_t first, size_t count,
                     void *scratch, void *planes)
{
    if (up)
        cn_convolution_up(c, kernels, images, weight, bias, from, first, count, scratch, planes);
    else
        cn_convolution_down(c, kernels, images, weight, bias, from, first, count, scratch, planes);
}

const void *cn_convolving_weight(const cn_convolving *layer, const cn_kernels *kernels, const void *weight,
                                 void *room)
{
    if (layer->repeat == 1)
        return weight;
    cn_folding_weight(&layer->unfolded, layer->repeat, kernels, weight, room);
    return room;
}

/* So many values of each image, from z, which may be `out` itself. */
static void activate(const cn_convolving *layer, const cn_kernels *kernels, const cn_images *images,
                     size_t width, const void *z, void *out)
{
    if (layer->activation == CN_LINEAR)
        return;
    if (z == out)
        kernels->activate(layer->activation, images->count, width, images->planes, out, out);
    for (size_t i = 0; z != out && i < images->count; i++)
        cn_activate_all(kernels, layer->activation, width, at(kernels, z, i * images->which),
                        at(kernels, out, i * images->planes));
}

/* The images' planes first, first + 1, ... of the output, from their spread rows. */
static void run_planes(const cn_convolving *layer, const cn_kernels *kernels, const cn_images *images,
                       const void *weight, const void *bias, const void *spread, size_t first, size_t count,
                       void *scratch, void *kept, void *y)
{
    const cn_convolution *c = &layer->convolution;
    const size_t plane = cn_convolving_output_plane(layer);
    const cn_pooling pooling = cn_convolving_pooling(layer, PLANES);
    void *out = at(kernels, y, first * plane), *keep = kept ? at(kernels, kept, first * plane) : NULL;
    if (layer->pool > 1) {
        cn_convolution_down_pooled(c, kernels, images, weight, bias, &pooling, spread, first, count, scratch,
                                   out, keep);
        if (layer->activation != CN_LINEAR)
            kernels->activate(layer->activation, images->count, count * plane, images->planes, out, out);
        return;
    }
    cn_images to_z = *images;
    if (keep && cn_convolving_keeps_z(layer))
        to_z.planes = images->which;
    void *z = keep && cn_convolving_keeps_z(layer) ? keep : out;
    convolve(c, kernels, &to_z, layer->up, weight, bias, spread, first, count, scratch, z);
    activate(layer, kernels, images, count * plane, z, out);
}

/* All planes of the images, as products. */
static void run_windows(const cn_convolving *layer, const cn_kernels *kernels, const cn_images *in,
                        const cn_images *out, const cn_matrix *weight, const void *bias, const void *x,
                        void *room, void *scratch, void *kept, void *y)
{
    const cn_convolution *c = &layer->convolution;
    const size_t width = cn_convolving_output_channels(layer) * cn_convolving_output_plane(layer);
    cn_images to_z = *out;
    void *z = kept && cn_convolving_keeps_z(layer) ? kept : y;
    if (z != y)
        to_z.planes = out->which;
    (layer->up ? cn_windows_spread_small : cn_windows_spread_large)(c, kernels, in, x, room);
    (layer->up ? cn_windows_up : cn_windows_down)(c, kernels, &to_z, weight, bias, room, scratch, z);
    activate(layer, kernels, out, width, z, y);
}

void cn_convolving_run(const cn_convolving *layer, const cn_kernels *kernels, const void *weight,
                       const void *bias, const cn_rows *rows, void *scratch)
{
    const size_t channels = cn_convolving_output_channels(layer), at_a_time = images_of(layer);
    void *sums = at(kernels, scratch, cn_convolving_folded(layer));
    for (size_t r = 0, n; r < rows->count; r += n) {
        n = least(at_a_time, rows->count - r);
        void *room = at(kernels, rows->room, r * rows->room_stride);
        void *kept = rows->kept ? at(kernels, rows->kept, r * rows->room_stride) : NULL;
        const cn_images in = {.count = n, .spread = rows->room_stride, .planes = rows->x_stride},
                        out = {.count = n,
                               .spread = rows->room_stride,
                               .planes = rows->y_stride,
                               .which = rows->room_stride};
        if (layer->windows) {
            run_windows(layer, kernels, &in, &out, weight, bias, at(kernels, rows->x, r * rows->x_stride),
                        room, scratch, kept, at(kernels, rows->y, r * rows->y_stride));
            continue;
        }
        spread(&layer->convolution, kernels, &in, layer->up, 0, cn_convolving_input_channels(layer),
               at(kernels, rows->x, r * rows->x_stride), room);
        for (size_t first = 0; first < channels; first += PLANES)
            run_planes(layer, kernels, &out, weight, bias, room, first, least(PLANES, channels - first), sums,
                       kept, at(kernels, rows->y, r * rows->y_stride));
    }
}

/* ---- A layer's passes ---------------------------------------------------------------------------------- */

/* What a row keeps: itself spread, its slopes spread, the sums of each channel's slopes, kept_output. */
struct places {
    size_t slopes, sums, output, end;
};

static struct places places_of(const cn_convolving *layer)
{
    struct places places = {.slopes = cn_round_up(cn_convolving_spread(layer), CN_PANEL)};
    places.sums = places.slopes + cn_round_up(slopes_spread(layer), CN_PANEL);
    places.output = places.sums + cn_round_up(cn_convolving_output_channels(layer), CN_PANEL);
    places.end = places.output + cn_round_up(kept_output(layer), CN_PANEL);
    return places;
}

size_t cn_convolving_kept(const cn_convolving *layer)
{
    return places_of(layer).end;
}

/* The layer in this place: a loss on the logits has the activation in itself. */
static cn_convolving in_flow(const cn_convolving *layer, const cn_flow *flow)
{
    cn_convolving placed = *layer;
    if (flow->logits)
        placed.activation = CN_LINEAR;
    return placed;
}

static const void *weight_of(const cn_convolving *layer, const cn_flow *flow, const cn_step *step)
{
    const cn_packed *packed = flow->parameters[CN_CONVOLVING_WEIGHT];
    if (layer->windows)
        return &packed->matrix;
    return cn_convolving_weight(layer, step->kernels, packed->reals, step->scratch);
}

void cn_convolving_forward(const cn_convolving *layer, const cn_flow *flow, const cn_step *step, size_t first,
                           size_t count)
{
    const cn_convolving placed = in_flow(layer, flow);
    const struct places places = places_of(&placed);
    const void *weight = weight_of(&placed, flow, step);
    void *kept = cn_row(step, flow->kept, flow->kept_stride, first);
    const cn_rows rows = {.count = count,
                          .x = cn_row(step, flow->x, flow->x_stride, first),
                          .x_stride = flow->x_stride,
                          .room = kept,
                          .room_stride = flow->kept_stride,
                          .kept = at(step->kernels, kept, places.output),
                          .y = cn_row(step, flow->y, flow->y_stride, first),
                          .y_stride = flow->y_stride};
    cn_convolving_run(&placed, step->kernels, weight, flow->parameters[CN_CONVOLVING_BIAS]->reals, &rows,
                      step->scratch);
}

/* dz = dy f'(z), left in dy, of some planes of the images; the sums of each. */
static void slopes_of(const cn_convolving *layer, const cn_kernels *kernels, const cn_images *images,
                      size_t width, size_t planes, const void *keep, const void *y, void *dy, void *sums)
{
    if (layer->activation != CN_LINEAR && !cn_convolving_keeps_z(layer))
        kernels->activate_backward(layer->activation, images->count, width, images->planes, y, y, dy, dy);
    for (size_t i = 0; i < images->count; i++) {
        void *slopes = at(kernels, dy, i * images->planes);
        if (cn_convolving_keeps_z(layer))
            cn_activate_all_backward(kernels, layer->activation, width, at(kernels, keep, i * images->which),
                                     at(kernels, y, i * images->planes), slopes);
        kernels->plane_sums(planes, width / planes, slopes, at(kernels, sums, i * images->which));
    }
}

/* dz as above, and where only the largest came out, dz where they were: all spread. */
static void spread_slopes(const cn_convolving *layer, const cn_kernels *kernels, const cn_images *images,
                          const void *kept_output, const void *y, void *dy, void *sums, void *room)
{
    const size_t channels = cn_convolving_output_channels(layer), plane = cn_convolving_output_plane(layer);
    const cn_pooling pooling = cn_convolving_pooling(layer, PLANES);
    for (size_t first = 0; first < channels; first += PLANES) {
        const size_t count = least(PLANES, channels - first);
        const void *keep = at(kernels, kept_output, first * plane);
        void *slopes = at(kernels, dy, first * plane);
        slopes_of(layer, kernels, images, count * plane, count, keep, at(kernels, y, first * plane), slopes,
                  at(kernels, sums, first));
        if (layer->pool > 1)
            cn_convolution_spread_small_pooled(&layer->convolution, kernels, images, &pooling, first, count,
                                               slopes, keep, room);
        else
            spread(&layer->convolution, kernels, images, !layer->up, first, count, slopes, room);
    }
}

/* The same of all planes, as products; and what goes back to x, where dx is not NULL. */
static void back_windows(const cn_convolving *layer, const cn_kernels *kernels, const cn_images *images,
                         const cn_matrix *weight, const void *kept_output, const void *y, void *dy,
                         void *sums, void *slopes, void *scratch, size_t x_stride, void *dx)
{
    const cn_convolution *c = &layer->convolution;
    const size_t channels = cn_convolving_output_channels(layer);
    cn_images back = *images;
    back.planes = x_stride;
    slopes_of(layer, kernels, images, channels * cn_convolving_output_plane(layer), channels, kept_output, y,
              dy, sums);
    (layer->up ? cn_windows_spread_large : cn_windows_spread_small)(c, kernels, images, dy, slopes);
    if (dx)
        (layer->up ? cn_windows_down : cn_windows_up)(c, kernels, &back, weight, NULL, slopes, scratch, dx);
}

void cn_convolving_backward(const cn_convolving *layer, const cn_flow *flow, const cn_step *step,
                            size_t first, size_t count)
{
    const cn_convolving placed = in_flow(layer, flow);
    const cn_kernels *kernels = step->kernels;
    const struct places places = places_of(&placed);
    const size_t channels = cn_convolving_input_channels(&placed), plane = cn_convolving_input_plane(&placed),
                 at_a_time = images_of(&placed);
    void *sums = at(kernels, step->scratch, cn_convolving_folded(&placed));
    const void *weight = flow->dx ? weight_of(&placed, flow, step) : NULL;
    for (size_t r = first, n; r < first + count; r += n) {
        n = least(at_a_time, first + count - r);
        void *kept = cn_row(step, flow->kept, flow->kept_stride, r);
        void *slopes = at(kernels, kept, places.slopes);
        cn_images images = {
            .count = n, .spread = flow->kept_stride, .planes = flow->y_stride, .which = flow->kept_stride};
        if (placed.windows) {
            void *dx = flow->dx ? cn_row(step, flow->dx, flow->x_stride, r) : NULL;
            back_windows(&placed, kernels, &images, weight, at(kernels, kept, places.output),
                         cn_row(step, flow->y, flow->y_stride, r), cn_row(step, flow->dy, flow->y_stride, r),
                         at(kernels, kept, places.sums), slopes, step->scratch, flow->x_stride, dx);
            continue;
        }
        spread_slopes(&placed, kernels, &images, at(kernels, kept, places.output),
                      cn_row(step, flow->y, flow->y_stride, r), cn_row(step, flow->dy, flow->y_stride, r),
                      at(kernels, kept, places.sums), slopes);
        images.planes = flow->x_stride;
        for (size_t c = 0; flow->dx && c < channels; c += PLANES)
            convolve(&placed.convolution, kernels, &images, !placed.up, weight, NULL, slopes, c,
                     least(PLANES, channels - c), sums,
                     at(kernels, cn_row(step, flow->dx, flow->x_stride, r), c * plane));
    }
}

void cn_convolving_gradient(const cn_convolving *layer, const cn_flow *flow, const cn_step *step, size_t rows,
                            size_t local, const cn_tile *tile, bool accumulate, void *reals)
{
    const cn_convolving placed = in_flow(layer, flow);
    const cn_kernels *kernels = step->kernels;
    const struct places places = places_of(&placed);
    if (local == CN_CONVOLVING_BIAS) {
        kernels->column_sums(rows, at(kernels, flow->kept, places.sums), flow->kept_stride, tile->first,
                             tile->count, accumulate, reals);
        return;
    }
    const void *slopes = at(kernels, flow->kept, places.slopes);
    const void *large = placed.up ? slopes : flow->kept, *small = placed.up ? flow->kept : slopes;
    size_t count = cn_convolution_weights(&placed.convolution);
    if (placed.windows) {
        cn_windows_gradient(&placed.convolution, kernels, rows, large, small, flow->kept_stride, tile,
                            accumulate, reals);
    } else if (placed.repeat == 1) {
        cn_convolution_gradient(&placed.convolution, kernels, rows, large, small, flow->kept_stride,
                                tile->first, least(tile->count, count - tile->first), accumulate, reals);
    } else {
        cn_convolution_gradient(&placed.convolution, kernels, rows, large, small, flow->kept_stride, 0, count,
                                false, step->scratch);
        cn_folding_gradient(&placed.unfolded, placed.repeat, kernels, step->scratch, accumulate, reals);
    }
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
