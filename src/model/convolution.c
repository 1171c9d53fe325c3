#include "model/convolution.h"

#include <string.h>

/* ---- Extents ------------------------------------------------------------------------------------------- */

size_t cn_same_extent(size_t extent, size_t stride)
{
    return (extent + stride - 1) / stride;
}

size_t cn_same_before(size_t extent, size_t kernel, size_t stride)
{
    size_t covered = (cn_same_extent(extent, stride) - 1) * stride + kernel;
    return covered > extent ? (covered - extent) / 2 : 0;
}

size_t cn_convolution_reach(size_t kernel, size_t stride)
{
    return cn_same_extent(kernel, stride) - 1;
}

static size_t pitch(const cn_convolution *c)
{
    return c->small_width + cn_convolution_reach(c->kernel_width, c->stride);
}

static size_t large_rows(const cn_convolution *c)
{
    return c->small_height + cn_convolution_reach(c->kernel_height, c->stride);
}

/* One plane of the larger image: one remainder of rows and columns. */
static size_t large_plane(const cn_convolution *c)
{
    return large_rows(c) * pitch(c);
}

/* The window's room on both sides, and zeros to the end of a vector behind the last position. */
static size_t small_plane(const cn_convolution *c)
{
    size_t rows = c->small_height + 2 * cn_convolution_reach(c->kernel_height, c->stride);
    return cn_round_up(rows * pitch(c), CN_PANEL) + CN_PANEL;
}

/* Where the smaller image begins in its spread plane. */
static size_t small_start(const cn_convolution *c)
{
    return cn_convolution_reach(c->kernel_height, c->stride) * pitch(c) +
           cn_convolution_reach(c->kernel_width, c->stride);
}

/* Positions from the smaller image's first value to its last. */
static size_t small_positions(const cn_convolution *c)
{
    return (c->small_height - 1) * pitch(c) + c->small_width;
}

static size_t square(size_t n)
{
    return n * n;
}

/* Behind the last plane a vector may be read that begins within it, one window's reach further. */
static size_t slack(const cn_convolution *c)
{
    return cn_round_up(cn_convolution_reach(c->kernel_width, c->stride), CN_PANEL) + CN_PANEL;
}

size_t cn_convolution_weights(const cn_convolution *c)
{
    return c->small_channels * c->channels * c->kernel_height * c->kernel_width;
}

size_t cn_convolution_large(const cn_convolution *c)
{
    return cn_round_up(c->channels * square(c->stride) * large_plane(c), CN_PANEL) + slack(c);
}

size_t cn_convolution_small(const cn_convolution *c)
{
    return c->small_channels * small_plane(c) + slack(c);
}

/* A correlation's planes as they come out of it. */
static size_t down_plane(const cn_convolution *c)
{
    return cn_round_up(small_positions(c), CN_PANEL);
}

static size_t up_plane(const cn_convolution *c)
{
    return cn_round_up(large_plane(c), CN_PANEL);
}

size_t cn_convolution_scratch(const cn_convolution *c, size_t channels)
{
    return channels * (down_plane(c) > up_plane(c) ? down_plane(c) : up_plane(c));
}

/* ---- The planes of a remainder ------------------------------------------------------------------------- */

static size_t cells(size_t kernel, size_t from, size_t stride)
{
    return kernel > from ? (kernel - from + stride - 1) / stride : 0;
}

/* Along one axis: rows from, from + stride, ... of the padded image, `rows` of them, `before` the zeros. */
static void clip(size_t from, size_t stride, size_t before, size_t extent, size_t rows, size_t *first,
                 size_t *image, size_t *count)
{
    *first = before > from ? (before - from + stride - 1) / stride : 0;
    *image = from + *first * stride - before;
    *count = *image < extent ? (extent - *image + stride - 1) / stride : 0;
    size_t room = rows > *first ? rows - *first : 0;
    *count = *count < room ? *count : room;
}

cn_remainder cn_convolution_remainder(const cn_convolution *c, size_t row, size_t column)
{
    cn_remainder r = {.row = row,
                      .column = column,
                      .kernel_rows = cells(c->kernel_height, row, c->stride),
                      .kernel_columns = cells(c->kernel_width, column, c->stride)};
    clip(row, c->stride, c->top, c->height, large_rows(c), &r.first_row, &r.image_row, &r.nrow);
    clip(column, c->stride, c->left, c->width, pitch(c), &r.first_column, &r.image_column, &r.ncolumn);
    return r;
}

static const void *at(const cn_kernels *kernels, const void *reals, size_t place)
{
    return (const char *)reals + place * kernels->real_size;
}

static void *at_in(const cn_kernels *kernels, void *reals, size_t place)
{
    return (char *)reals + place * kernels->real_size;
}

static const void *bias_of(const cn_kernels *kernels, const void *bias, size_t channel)
{
    return bias ? at(kernels, bias, channel) : NULL;
}

/* ---- Spreading ----------------------------------------------------------------------------------------- */

void cn_convolution_spread_large(const cn_convolution *c, const cn_kernels *kernels, const cn_images *images,
                                 size_t first, size_t count, const void *planes, void *spread)
{
    for (size_t row = 0; row < c->stride; row++)
        for (size_t column = 0; column < c->stride; column++) {
            cn_remainder r = cn_convolution_remainder(c, row, column);
            size_t plane = row * c->stride + column;
            kernels->place(
                &(cn_placement){.images = images->count,
                                .planes = count,
                                .rows = r.nrow,
                                .columns = r.ncolumn,
                                .from = at(kernels, planes, r.image_row * c->width + r.image_column),
                                .from_image = images->planes,
                                .from_plane = c->height * c->width,
                                .from_row = c->stride * c->width,
                                .from_column = c->stride,
                                .to = at_in(kernels, spread,
                                            (first * square(c->stride) + plane) * large_plane(c) +
                                                r.first_row * pitch(c) + r.first_column),
                                .to_image = images->spread,
                                .to_plane = square(c->stride) * large_plane(c),
                                .to_row = pitch(c),
                                .to_column = 1});
        }
}

void cn_convolution_spread_small(const cn_convolution *c, const cn_kernels *kernels, const cn_images *images,
                                 size_t first, size_t count, const void *planes, void *spread)
{
    kernels->place(&(cn_placement){.images = images->count,
                                   .planes = count,
                                   .rows = c->small_height,
                                   .columns = c->small_width,
                                   .from = planes,
                                   .from_image = images->planes,
                                   .from_plane = c->small_height * c->small_width,
                                   .from_row = c->small_width,
                                   .from_column = 1,
                                   .to = at_in(kernels, spread, first * small_plane(c) + small_start(c)),
                                   .to_image = images->spread,
                                   .to_plane = small_plane(c),
                                   .to_row = pitch(c),
                                   .to_column = 1});
}

/* ---- Passes -------------------------------------------------------------------------------------------- */

static size_t kernel_size(const cn_convolution *c)
{
    return c->kernel_height * c->kernel_width;
}

/* Whether all remainders meet as many of the window's cells: then they go in one correlation. */
static bool even(const cn_convolution *c)
{
    return c->kernel_height % c->stride == 0 && c->kernel_width % c->stride == 0;
}

/* Channels first, first + 1, ... of the smaller images, pitched, into scratch. */
static void correlate_down(const cn_convolution *c, const cn_kernels *kernels, const cn_images *images,
                           const void *weight, const void *large, size_t first, size_t count, void *scratch)
{
    cn_correlation correlation = {.images = images->count,
                                  .out = count,
                                  .in = c->channels,
                                  .count = small_positions(c),
                                  .phases = c->stride,
                                  .rows = c->kernel_height / c->stride,
                                  .columns = c->kernel_width / c->stride,
                                  .x = large,
                                  .x_image = images->spread,
                                  .x_plane = square(c->stride) * large_plane(c),
                                  .x_phase = large_plane(c),
                                  .x_row = (ptrdiff_t)pitch(c),
                                  .x_column = 1,
                                  .weight = at(kernels, weight, first * c->channels * kernel_size(c)),
                                  .weight_out = c->channels * kernel_size(c),
                                  .weight_in = kernel_size(c),
                                  .weight_phase = c->kernel_width,
                                  .weight_row = c->stride * c->kernel_width,
                                  .weight_column = c->stride,
                                  .y = scratch,
                                  .y_image = count * down_plane(c),
                                  .y_plane = down_plane(c)};
    if (even(c)) {
        kernels->correlate(&correlation);
        return;
    }
    const void *weights = correlation.weight;
    correlation.phases = 1;
    for (size_t plane = 0; plane < square(c->stride); plane++) {
        size_t row = plane / c->stride, column = plane % c->stride;
        correlation.rows = cells(c->kernel_height, row, c->stride);
        correlation.columns = cells(c->kernel_width, column, c->stride);
        correlation.accumulate = plane > 0;
        if (plane > 0 && (!correlation.rows || !correlation.columns))
            continue;
        correlation.x = at(kernels, large, plane * large_plane(c));
        correlation.weight = at(kernels, weights, row * c->kernel_width + column);
        kernels->correlate(&correlation);
    }
}

void cn_convolution_down(const cn_convolution *c, const cn_kernels *kernels, const cn_images *images,
                         const void *weight, const void *bias, const void *large, size_t first, size_t count,
                         void *scratch, void *planes)
{
    correlate_down(c, kernels, images, weight, large, first, count, scratch);
    kernels->place(&(cn_placement){.images = images->count,
                                   .planes = count,
                                   .rows = c->small_height,
                                   .columns = c->small_width,
                                   .from = scratch,
                                   .from_image = count * down_plane(c),
                                   .from_plane = down_plane(c),
                                   .from_row = pitch(c),
                                   .from_column = 1,
                                   .to = planes,
                                   .to_image = images->planes,
                                   .to_plane = c->small_height * c->small_width,
                                   .to_row = c->small_width,
                                   .to_column = 1,
                                   .add = bias_of(kernels, bias, first)});
}

void cn_convolution_down_pooled(const cn_convolution *c, const cn_kernels *kernels, const cn_images *images,
                                const void *weight, const void *bias, const cn_pooling *pooling,
                                const void *large, size_t first, size_t count, void *scratch, void *planes,
                                void *which)
{
    cn_pooling pitched = *pooling;
    pitched.planes = count;
    pitched.large_row = pitch(c);
    pitched.large_plane = down_plane(c);
    pitched.bias = bias_of(kernels, bias, first);
    correlate_down(c, kernels, images, weight, large, first, count, scratch);
    for (size_t image = 0; image < images->count; image++)
        kernels->pool_max(&pitched, at(kernels, scratch, image * count * down_plane(c)),
                          at_in(kernels, planes, image * images->planes),
                          which ? at_in(kernels, which, image * images->which) : NULL);
}

void cn_convolution_spread_small_pooled(const cn_convolution *c, const cn_kernels *kernels,
                                        const cn_images *images, const cn_pooling *pooling, size_t first,
                                        size_t count, const void *planes, const void *which, void *spread)
{
    cn_pooling pitched = *pooling;
    pitched.planes = count;
    pitched.large_row = pitch(c);
    pitched.large_plane = small_plane(c);
    for (size_t image = 0; image < images->count; image++)
        kernels->pool_max_backward(
            &pitched, at(kernels, planes, image * images->planes), at(kernels, which, image * images->which),
            at_in(kernels, spread, image * images->spread + first * small_plane(c) + small_start(c)));
}

bool cn_convolution_meets_all(const cn_convolution *c)
{
    return large_rows(c) * c->stride >= c->top + c->height && pitch(c) * c->stride >= c->left + c->width;
}

void cn_convolution_up(const cn_convolution *c, const cn_kernels *kernels, const cn_images *images,
                       const void *weight, const void *bias, const void *small, size_t first, size_t count,
                       void *scratch, void *planes)
{
    for (size_t image = 0; !cn_convolution_meets_all(c) && image < images->count; image++)
        memset(at_in(kernels, planes, image * images->planes), 0,
               count * c->height * c->width * kernels->real_size);
    for (size_t row = 0; row < c->stride; row++)
        for (size_t column = 0; column < c->stride; column++) {
            cn_remainder r = cn_convolution_remainder(c, row, column);
            kernels->correlate(&(cn_correlation){
                .images = images->count,
                .out = count,
                .in = c->small_channels,
                .count = large_plane(c),
                .phases = 1,
                .rows = r.kernel_rows,
                .columns = r.kernel_columns,
                .x = at(kernels, small, small_start(c)),
                .x_image = images->spread,
                .x_plane = small_plane(c),
                .x_row = -(ptrdiff_t)pitch(c),
                .x_column = -1,
                .weight = at(kernels, weight, first * kernel_size(c) + row * c->kernel_width + column),
                .weight_out = kernel_size(c),
                .weight_in = c->channels * kernel_size(c),
                .weight_row = c->stride * c->kernel_width,
                .weight_column = c->stride,
                .y = scratch,
                .y_image = count * up_plane(c),
                .y_plane = up_plane(c)});
            kernels->place(
                &(cn_placement){.images = images->count,
                                .planes = count,
                                .rows = r.nrow,
                                .columns = r.ncolumn,
                                .from = at(kernels, scratch, r.first_row * pitch(c) + r.first_column),
                                .from_image = count * up_plane(c),
                                .from_plane = up_plane(c),
                                .from_row = pitch(c),
                                .from_column = 1,
                                .to = at_in(kernels, planes, r.image_row * c->width + r.image_column),
                                .to_image = images->planes,
                                .to_plane = c->height * c->width,
                                .to_row = c->stride * c->width,
                                .to_column = c->stride,
                                .add = bias_of(kernels, bias, first)});
        }
}

/* A weight's place: its two channels and its cell in the window, counted on one by one. */
typedef struct weight_place {
    size_t small_channel, channel, row, column;
} weight_place;

static weight_place place_of(const cn_convolution *c, size_t weight)
{
    size_t kernel = kernel_size(c), channels = weight / kernel;
    return (weight_place){.small_channel = channels / c->channels,
                          .channel = channels % c->channels,
                          .row = weight % kernel / c->kernel_width,
                          .column = weight % c->kernel_width};
}

static void next_place(const cn_convolution *c, weight_place *place)
{
    if (++place->column < c->kernel_width)
        return;
    place->column = 0;
    if (++place->row < c->kernel_height)
        return;
    place->row = 0;
    if (++place->channel < c->channels)
        return;
    place->channel = 0;
    place->small_channel++;
}

/* Where it meets the larger image, spread: the offset to a position. */
static size_t large_offset(const cn_convolution *c, const weight_place *place)
{
    if (c->stride == 1)
        return place->channel * large_plane(c) + place->row * pitch(c) + place->column;
    size_t plane = place->row % c->stride * c->stride + place->column % c->stride;
    return (place->channel * square(c->stride) + plane) * large_plane(c) + place->row / c->stride * pitch(c) +
           place->column / c->stride;
}

void cn_convolution_gradient(const cn_convolution *c, const cn_kernels *kernels, size_t rows,
                             const void *large, const void *small, size_t row_stride, size_t first,
                             size_t count, bool accumulate, void *reals)
{
    enum { AT_A_TIME = 12 };
    weight_place place = place_of(c, first);
    size_t terms;
    for (size_t done = 0; done < count; done += terms) {
        size_t offsets[AT_A_TIME], channel = place.small_channel;
        for (terms = 0; terms < AT_A_TIME && done + terms < count && place.small_channel == channel;
             terms++) {
            offsets[terms] = large_offset(c, &place);
            next_place(c, &place);
        }
        kernels->correlation_sums(
            &(cn_correlation_sums){.rows = rows,
                                   .count = small_positions(c),
                                   .x = large,
                                   .z = at(kernels, small, channel * small_plane(c) + small_start(c)),
                                   .x_row = row_stride,
                                   .z_row = row_stride,
                                   .nterm = terms,
                                   .offsets = offsets,
                                   .accumulate = accumulate,
                                   .sums = at_in(kernels, reals, done)});
    }
}
