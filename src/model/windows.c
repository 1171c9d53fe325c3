#include "model/windows.h"

#include <string.h>

/* ---- Sizes --------------------------------------------------------------------------------------------- */

/* A net of fewer weights goes by bundles, where its images are small; and channels that leave two thirds of
 * their panels empty go faster plane by plane. */
bool cn_windows_suit(const cn_convolution *c)
{
    enum { FEWEST_WEIGHTS = 1 << 13 };
    const size_t padded = cn_round_up(c->channels, CN_PANEL) * cn_round_up(c->small_channels, CN_PANEL);
    return cn_convolution_weights(c) > FEWEST_WEIGHTS &&
           c->kernel_height * c->kernel_width <= CN_MOST_CELLS &&
           3 * c->channels * c->small_channels > padded;
}

static size_t channels_of(const cn_convolution *c)
{
    return cn_round_up(c->channels, CN_PANEL);
}

static size_t small_channels_of(const cn_convolution *c)
{
    return cn_round_up(c->small_channels, CN_PANEL);
}

/* Positions of a row of the larger image, spread. */
static size_t large_pitch(const cn_convolution *c)
{
    return (c->small_width - 1) * c->stride + c->kernel_width;
}

static size_t large_rows(const cn_convolution *c)
{
    return (c->small_height - 1) * c->stride + c->kernel_height;
}

/* The smaller image's: the zeros behind a row are those before the next. */
static size_t small_reach(const cn_convolution *c)
{
    return cn_convolution_reach(c->kernel_width, c->stride);
}

static size_t small_pitch(const cn_convolution *c)
{
    return c->small_width + small_reach(c);
}

/* Its first position. */
static size_t small_start(const cn_convolution *c)
{
    return cn_convolution_reach(c->kernel_height, c->stride) * small_pitch(c) + small_reach(c);
}

size_t cn_windows_large(const cn_convolution *c)
{
    return large_rows(c) * large_pitch(c) * channels_of(c);
}

size_t cn_windows_small(const cn_convolution *c)
{
    const size_t rows = c->small_height + 2 * cn_convolution_reach(c->kernel_height, c->stride);
    return (rows * small_pitch(c) + small_reach(c)) * small_channels_of(c);
}

/* Columns of the result that are made at a time: of so many panels as stay near while all images go over them. */
static size_t columns_of(const cn_convolution *c, size_t in, size_t out)
{
    enum { NEAR = 1 << 17, MOST = 8 * CN_PANEL, FEWEST = 2 * CN_PANEL };
    const size_t near = NEAR / (c->kernel_height * c->kernel_width * in) / CN_PANEL * CN_PANEL;
    const size_t columns = near < FEWEST ? FEWEST : near < MOST ? near : MOST;
    return columns < out ? columns : out;
}

static size_t down_columns(const cn_convolution *c)
{
    return columns_of(c, channels_of(c), small_channels_of(c));
}

static size_t up_columns(const cn_convolution *c)
{
    return columns_of(c, small_channels_of(c), channels_of(c));
}

size_t cn_windows_scratch(const cn_convolution *c)
{
    const size_t down = c->small_height * c->small_width * down_columns(c),
                 up = c->height * c->width * up_columns(c);
    return down > up ? down : up;
}

/* ---- The weight ---------------------------------------------------------------------------------------- */

enum { OUT, IN, HEIGHT, WIDTH }; /* of its shape */

cn_matrix cn_windows_matrix(cinch_shape shape)
{
    return (cn_matrix){.in =
                           shape.sizes[HEIGHT] * shape.sizes[WIDTH] * cn_round_up(shape.sizes[IN], CN_PANEL),
                       .out = shape.sizes[OUT]};
}

static void *at(const cn_kernels *kernels, const void *reals, size_t place)
{
    return (char *)reals + place * kernels->real_size;
}

/* Where the file has value (o, k) of the matrix; false: nowhere, k is padding. */
static bool place_of(cinch_shape shape, size_t o, size_t k, size_t *place)
{
    const size_t channels = cn_round_up(shape.sizes[IN], CN_PANEL), channel = k % channels;
    const size_t cells = shape.sizes[HEIGHT] * shape.sizes[WIDTH];
    *place = (o * shape.sizes[IN] + channel) * cells + k / channels;
    return channel < shape.sizes[IN];
}

void cn_windows_pack(const cn_kernels *kernels, cinch_shape shape, const float *values, cn_matrix *matrix)
{
    for (size_t o = 0; o < matrix->out; o += CN_PANEL)
        for (size_t k = 0; k < matrix->in; k++) {
            float row[CN_PANEL] = {0};
            size_t place;
            for (size_t j = 0; j < CN_PANEL && o + j < matrix->out; j++)
                if (place_of(shape, o + j, k, &place))
                    row[j] = values[place];
            kernels->from_float(row, at(kernels, matrix->panels, o * matrix->in + k * CN_PANEL), CN_PANEL);
        }
    for (size_t panel = 0; matrix->transposed && panel * CN_PANEL < matrix->out; panel++)
        kernels->transpose_tile(matrix, panel, 0, matrix->in);
}

void cn_windows_unpack(const cn_kernels *kernels, cinch_shape shape, const cn_matrix *matrix, float *values)
{
    for (size_t o = 0; o < matrix->out; o += CN_PANEL)
        for (size_t k = 0; k < matrix->in; k++) {
            float row[CN_PANEL];
            size_t place;
            kernels->to_float(at(kernels, matrix->panels, o * matrix->in + k * CN_PANEL), row, CN_PANEL);
            for (size_t j = 0; j < CN_PANEL && o + j < matrix->out; j++)
                if (place_of(shape, o + j, k, &place))
                    values[place] = row[j];
        }
}

/* ---- Between planes and positions ---------------------------------------------------------------------- */

/* An image's planes, `plane` values each, `channels` of them. */
typedef struct planes {
    size_t channels, plane;
} planes;

/* Values [first, first + count) of up to 16 planes from `channel` on, to as many positions, `step` reals
 * apart. */
static void spread_run(const cn_kernels *kernels, const planes *of, size_t channel, size_t first,
                       size_t count, const void *from, size_t step, void *to)
{
    const size_t left = of->channels - channel, nplane = left < CN_BUNDLE ? left : CN_BUNDLE;
    const size_t begin = channel * of->plane + first;
    /* Whole vectors are read: of the last planes not beyond their end. */
    const bool inside =
        begin + (nplane - 1) * of->plane + cn_round_up(count, CN_BUNDLE) <= of->channels * of->plane;
    const size_t whole = inside ? count : count / CN_BUNDLE * CN_BUNDLE, rest = count - whole;
    double copies[CN_BUNDLE * CN_BUNDLE];
    kernels->bundle_split(nplane, whole, of->plane, at(kernels, from, begin), step, to);
    if (!rest)
        return;
    for (size_t p = 0; p < nplane; p++)
        memcpy(at(kernels, copies, p * CN_BUNDLE), at(kernels, from, begin + p * of->plane + whole),
               rest * kernels->real_size);
    kernels->bundle_split(nplane, rest, CN_BUNDLE, copies, step, at(kernels, to, whole * step));
}

/* And back: all values of up to 16 planes from `channel` on. */
static void join_planes(const cn_kernels *kernels, const planes *of, size_t channel, size_t step,
                        const void *from, void *to)
{
    const size_t left = of->channels - channel, nplane = left < CN_BUNDLE ? left : CN_BUNDLE;
    const size_t whole = of->plane / CN_BUNDLE * CN_BUNDLE, rest = of->plane - whole;
    double copies[CN_BUNDLE * CN_BUNDLE];
    void *begin = at(kernels, to, channel * of->plane);
    kernels->bundle_join(nplane, whole, step, from, of->plane, begin);
    if (!rest)
        return;
    kernels->bundle_join(nplane, rest, step, at(kernels, from, whole * step), CN_BUNDLE, copies);
    for (size_t p = 0; p < nplane; p++)
        memcpy(at(kernels, begin, p * of->plane + whole), at(kernels, copies, p * CN_BUNDLE),
               rest * kernels->real_size);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

void cn_windows_spread_large(const cn_convolution *c, const cn_kernels *kernels, const cn_images *images,
                             const void *planes_from, void *spread)
{
    const planes of = {c->channels, c->height * c->width};
    const size_t rows = least(c->height, large_rows(c) - least(c->top, large_rows(c)));
    const size_t columns = least(c->width, large_pitch(c) - least(c->left, large_pitch(c)));
    for (size_t i = 0; i < images->count; i++)
        for (size_t channel = 0; channel < c->channels; channel += CN_PANEL)
            for (size_t h = 0; h < rows; h++) {
                const size_t position = (c->top + h) * large_pitch(c) + c->left;
                spread_run(kernels, &of, channel, h * c->width, columns,
                           at(kernels, planes_from, i * images->planes), channels_of(c),
                           at(kernels, spread, i * images->spread + position * channels_of(c) + channel));
            }
}

void cn_windows_spread_small(const cn_convolution *c, const cn_kernels *kernels, const cn_images *images,
                             const void *planes_from, void *spread)
{
    const planes of = {c->small_channels, c->small_height * c->small_width};
    const size_t step = small_channels_of(c);
    for (size_t i = 0; i < images->count; i++)
        for (size_t channel = 0; channel < c->small_channels; channel += CN_PANEL)
            for (size_t h = 0; h < c->small_height; h++) {
                const size_t position = small_start(c) + h * small_pitch(c);
                spread_run(kernels, &of, channel, h * c->small_width, c->small_width,
                           at(kernels, planes_from, i * images->planes), step,
                           at(kernels, spread, i * images->spread + position * step + channel));
            }
}

/* ---- Passes -------------------------------------------------------------------------------------------- */

/* Columns [first, first + columns) of an image's result, from positions to planes. */
static void join_columns(const cn_kernels *kernels, const planes *of, size_t first, size_t columns,
                         const void *from, void *to)
{
    for (size_t j = 0; j < columns && first + j < of->channels; j += CN_PANEL)
        join_planes(kernels, of, first + j, columns, at(kernels, from, j), to);
}

static const void *bias_of(const cn_kernels *kernels, const void *bias, size_t channel)
{
    return bias ? at(kernels, bias, channel) : NULL;
}

void cn_windows_down(const cn_convolution *c, const cn_kernels *kernels, const cn_images *images,
                     const cn_matrix *weight, const void *bias, const void *large, void *scratch,
                     void *planes_to)
{
    const planes of = {c->small_channels, c->small_height * c->small_width};
    const size_t channels = channels_of(c), all = small_channels_of(c), row = c->kernel_width * channels;
    const size_t at_a_time = down_columns(c);
    cn_reach reach = {.count = c->kernel_height, .panel_size = weight->in * CN_PANEL};
    for (size_t a = 0; a < c->kernel_height; a++) {
        reach.x[a] = (ptrdiff_t)(a * large_pitch(c) * channels);
        reach.panel[a] = a * row * CN_PANEL;
    }
    for (size_t first = 0, columns; first < all; first += columns) {
        columns = least(at_a_time, all - first);
        for (size_t i = 0; i < images->count; i++) {
            for (size_t h = 0; h < c->small_height; h++)
                kernels->product(&(cn_product){
                    .rows = c->small_width,
                    .in = row,
                    .out = columns,
                    .x = at(kernels, large, i * images->spread + h * c->stride * large_pitch(c) * channels),
                    .x_stride = c->stride * channels,
                    .panels = at(kernels, weight->panels, first * weight->in),
                    .reach = &reach,
                    .bias = bias_of(kernels, bias, first),
                    .activation = CN_LINEAR,
                    .y = at(kernels, scratch, h * c->small_width * columns),
                    .y_stride = columns});
            join_columns(kernels, &of, first, columns, scratch, at(kernels, planes_to, i * images->planes));
        }
    }
}

/* The window's cells that fall on a remainder, each a stretch of the smaller image's channels. */
static cn_reach reach_of(const cn_convolution *c, const cn_remainder *r)
{
    cn_reach reach = {.count = r->kernel_rows * r->kernel_columns,
                      .panel_size = c->small_channels * CN_PANEL};
    for (size_t cell = 0; cell < reach.count; cell++) {
        const size_t a = cell / r->kernel_columns, b = cell % r->kernel_columns;
        const size_t place = (r->row + a * c->stride) * c->kernel_width + r->column + b * c->stride;
        reach.x[cell] = -(ptrdiff_t)((a * small_pitch(c) + b) * small_channels_of(c));
        reach.panel[cell] = place * channels_of(c) * c->small_channels;
    }
    return reach;
}

/* The columns' sums at the positions of a remainder of one image. */
static void up_remainder(const cn_convolution *c, const cn_kernels *kernels, const cn_remainder *r,
                         const cn_matrix *weight, const void *bias, const void *small, size_t first,
                         size_t columns, void *sums)
{
    const cn_reach reach = reach_of(c, r);
    for (size_t h = 0; h < r->nrow && r->ncolumn > 0; h++) {
        const size_t from = small_start(c) + (r->first_row + h) * small_pitch(c) + r->first_column;
        const size_t to = (r->image_row + h * c->stride) * c->width + r->image_column;
        kernels->product(&(cn_product){.rows = r->ncolumn,
                                       .in = c->small_channels,
                                       .out = columns,
                                       .x = at(kernels, small, from * small_channels_of(c)),
                                       .x_stride = small_channels_of(c),
                                       .panels = at(kernels, weight->transposed, first * c->small_channels),
                                       .reach = &reach,
                                       .bias = bias_of(kernels, bias, first),
                                       .activation = CN_LINEAR,
                                       .y = at(kernels, sums, to * columns),
                                       .y_stride = c->stride * columns});
    }
}

void cn_windows_up(const cn_convolution *c, const cn_kernels *kernels, const cn_images *images,
                   const cn_matrix *weight, const void *bias, const void *small, void *scratch,
                   void *planes_to)
{
    const planes of = {c->channels, c->height * c->width};
    const size_t all = channels_of(c), at_a_time = up_columns(c);
    for (size_t first = 0, columns; first < all; first += columns) {
        columns = least(at_a_time, all - first);
        for (size_t i = 0; i < images->count; i++) {
            if (!cn_convolution_meets_all(c))
                memset(scratch, 0, of.plane * columns * kernels->real_size);
            for (size_t plane = 0; plane < c->stride * c->stride; plane++) {
                const cn_remainder r = cn_convolution_remainder(c, plane / c->stride, plane % c->stride);
                up_remainder(c, kernels, &r, weight, bias, at(kernels, small, i * images->spread), first,
                             columns, scratch);
            }
            join_columns(kernels, &of, first, columns, scratch, at(kernels, planes_to, i * images->planes));
        }
    }
}

/* ---- The gradient -------------------------------------------------------------------------------------- */

/* Some panels of the matrix's rows [row, row + nrow), which one row of the window meets. */
static void sum_stretch(const cn_convolution *c, const cn_kernels *kernels, size_t rows, const void *large,
                        const void *small, size_t row_stride, const cn_tile *tile, bool accumulate,
                        void *reals, size_t tile_panel)
{
    const size_t channels = channels_of(c), small_channels = small_channels_of(c);
    const size_t stretch = c->kernel_width * channels;
    const cn_lines lines = {.count = c->small_height,
                            .positions = c->small_width,
                            .a_line = c->stride * large_pitch(c) * channels,
                            .a_position = c->stride * channels,
                            .b_line = small_pitch(c) * small_channels,
                            .b_position = small_channels};
    const size_t from = tile->row / stretch * large_pitch(c) * channels + tile->row % stretch;
    kernels->outer(&(cn_outer){.rows = rows,
                               .a = at(kernels, large, from),
                               .a_stride = row_stride,
                               .b = at(kernels, small, small_start(c) * small_channels),
                               .b_stride = row_stride,
                               .lines = &lines,
                               .panel = tile->panel,
                               .npanel = tile->npanel,
                               .nrow = tile->nrow,
                               .accumulate = accumulate,
                               .tile = reals,
                               .tile_panel = tile_panel});
}

void cn_windows_gradient(const cn_convolution *c, const cn_kernels *kernels, size_t rows, const void *large,
                         const void *small, size_t row_stride, const cn_tile *tile, bool accumulate,
                         void *reals)
{
    enum { NEAR_ROWS = 48 }; /* whose sums stay near beside some positions of both images */
    const size_t stretch = c->kernel_width * channels_of(c), in = c->kernel_height * stretch;
    const size_t panels = small_channels_of(c) / CN_PANEL;
    const bool whole = !tile->nrow;
    const size_t first = whole ? 0 : tile->panel, end = whole ? panels : first + tile->npanel;
    const size_t top = whole ? 0 : tile->row, bottom = whole ? in : top + tile->nrow;
    const size_t tile_panel = (bottom - top) * CN_PANEL;
    cn_tile part = {.npanel = 1};
    for (part.panel = first; part.panel < end; part.panel += part.npanel) {
        part.npanel = least(CN_TILE_PANELS, end - part.panel);
        for (part.row = top; part.row < bottom; part.row += part.nrow) {
            const size_t left = least(bottom - part.row, stretch - part.row % stretch);
            part.nrow = least(left, NEAR_ROWS);
            sum_stretch(c, kernels, rows, large, small, row_stride, &part, accumulate,
                        at(kernels, reals, (part.panel - first) * tile_panel + (part.row - top) * CN_PANEL),
                        tile_panel);
        }
    }
}
