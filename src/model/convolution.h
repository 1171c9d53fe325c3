/* A convolution and its gradient, between a larger image and a smaller one: what conv, deconv and their
 * primitives share. (As everywhere in the field it is a correlation: the kernel is not turned round.)
 *
 *     down   small[o][h][w] = sum over c, a, b of
 *                weight[o][c][a][b] large[c][h stride + a - top][w stride + b - left],
 *            what lies outside of the image being 0
 *     up     the gradient of that: large[c] from small[o]; a transposed convolution
 *
 * weight is (out, in, height, width) in the file as in memory, out counting the smaller image's channels.
 *
 * The larger image is spread into stride x stride planes a channel, one for each remainder of row and column,
 * so that all that a step of the window meets lies side by side; the smaller one into planes with room for
 * the window all around. Both have the same pitch: a row of the smaller image and the window's reach. So one
 * position p serves both, and each pass is one long correlation (math/planes.h). See Dumoulin, Visin: A guide
 * to convolution arithmetic for deep learning, 2016.
 */
#ifndef CN_MODEL_CONVOLUTION_H
#define CN_MODEL_CONVOLUTION_H

#include "math/kernels.h"

typedef struct cn_convolution {
    size_t channels, height, width;                   /* of the larger image */
    size_t small_channels, small_height, small_width; /* of the smaller */
    size_t kernel_height, kernel_width, stride;
    size_t top, left; /* rows and columns of zeros before the larger image */
} cn_convolution;

/* Images that are taken in one go: so many reals apart are their spread planes, their planes, and the places
 * of their largest values. */
typedef struct cn_images {
    size_t count, spread, planes, which;
} cn_images;

/* TensorFlow's `same`: the smaller extent is ceil(extent / stride), and so much is before the image. */
size_t cn_same_extent(size_t extent, size_t stride);
size_t cn_same_before(size_t extent, size_t kernel, size_t stride);

/* Every stride-th row and column of the padded larger image, from row `row` and column `column` on: one of
 * the planes that it is parted into. */
typedef struct cn_remainder {
    size_t row, column;
    size_t kernel_rows, kernel_columns; /* the window's cells that fall on them */
    size_t first_row, first_column;     /* of these rows, the first that lies in the image */
    size_t image_row, image_column;     /* and where that is */
    size_t nrow, ncolumn;               /* so many lie in it */
} cn_remainder;

cn_remainder cn_convolution_remainder(const cn_convolution *convolution, size_t row, size_t column);

/* A window's steps within one of those planes: how far it reaches beyond its first cell. */
size_t cn_convolution_reach(size_t kernel, size_t stride);

/* Whether windows meet all of the larger image: not padded they stop before its last rows and columns. */
bool cn_convolution_meets_all(const cn_convolution *convolution);

/* Reals of the weight. */
size_t cn_convolution_weights(const cn_convolution *convolution);

/* Reals of an image when spread, and of the scratch that `down` and `up` need for so many channels at a time,
 * counted over all images. */
size_t cn_convolution_large(const cn_convolution *convolution);
size_t cn_convolution_small(const cn_convolution *convolution);
size_t cn_convolution_scratch(const cn_convolution *convolution, size_t channels);

/* Channels [first, first + count) of each image, plane after plane, to its spread planes, whose room must be
 * 0 and stays so. `planes` holds those channels alone, `spread` the whole image. */
void cn_convolution_spread_large(const cn_convolution *convolution, const cn_kernels *kernels,
                                 const cn_images *images, size_t first, size_t count, const void *planes,
                                 void *spread);
void cn_convolution_spread_small(const cn_convolution *convolution, const cn_kernels *kernels,
                                 const cn_images *images, size_t first, size_t count, const void *planes,
                                 void *spread);

/* From the one's spread planes to channels [first, first + count) of the other, written to `planes`, the
 * first of them. bias: a real for each channel of that image, or NULL; what no window meets of a larger image
 * is 0. */
void cn_convolution_down(const cn_convolution *convolution, const cn_kernels *kernels,
                         const cn_images *images, const void *weight, const void *bias, const void *large,
                         size_t first, size_t count, void *scratch, void *planes);
void cn_convolution_up(const cn_convolution *convolution, const cn_kernels *kernels, const cn_images *images,
                       const void *weight, const void *bias, const void *small, size_t first, size_t count,
                       void *scratch, void *planes);

/* `down` with only the largest of each of pooling's windows of the smaller image, and where in its window
 * that was (which may be NULL); and slopes of these, spread where they belong. */
void cn_convolution_down_pooled(const cn_convolution *convolution, const cn_kernels *kernels,
                                const cn_images *images, const void *weight, const void *bias,
                                const cn_pooling *pooling, const void *large, size_t first, size_t count,
                                void *scratch, void *planes, void *which);
void cn_convolution_spread_small_pooled(const cn_convolution *convolution, const cn_kernels *kernels,
                                        const cn_images *images, const cn_pooling *pooling, size_t first,
                                        size_t count, const void *planes, const void *which, void *spread);

/* reals[0..count) (+)= the gradient of weights [first, first + count): over so many rows, each with both
 * images spread, one of the two holding slopes. */
void cn_convolution_gradient(const cn_convolution *convolution, const cn_kernels *kernels, size_t rows,
                             const void *large, const void *small, size_t row_stride, size_t first,
                             size_t count, bool accumulate, void *reals);

#endif
