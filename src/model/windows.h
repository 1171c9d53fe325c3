/* A convolution between many channels (model/convolution.h says what it is), as products.
 *
 * An image's channels lie side by side here, position after position, each padded to CN_PANEL. So what one
 * row of the window meets is one stretch of memory, and the next position's begins a few reals further:
 * products and outer products (math/kernels.h) take their rows right out of the image. The weight is a matrix
 * of `in` = height x width of the window x the larger image's channels, padded, and `out` = the smaller
 * one's:
 *
 *     down       a row of the smaller image is the product of a row of positions, a stretch for each row of
 *                the window
 *     up         of a stretch for each cell of the window, with the matrix's transpose: for each remainder of
 *                the stride by itself
 *     gradient   a sum of outer products over all positions of all images
 *
 * Larger images are spread with the zeros that the window meets around them, smaller ones with as many as it
 * reaches beyond them. See Chellapilla, Puri, Simard: High performance convolutional neural networks for
 * document processing, 2006, for convolutions as products. */
#ifndef CN_MODEL_WINDOWS_H
#define CN_MODEL_WINDOWS_H

#include "model/layer.h"

/* Whether it is better done so: many weights, channels that fill most of their panels, and a window of no
 * more than CN_MOST_CELLS. */
bool cn_windows_suit(const cn_convolution *convolution);

/* A weight (out, in, height, width) as a matrix without its arrays; from the file's order into its panels
 * and, where there is one, its transpose; and back. */
cn_matrix cn_windows_matrix(cinch_shape shape);
void cn_windows_pack(const cn_kernels *kernels, cinch_shape shape, const float *values, cn_matrix *matrix);
void cn_windows_unpack(const cn_kernels *kernels, cinch_shape shape, const cn_matrix *matrix, float *values);

/* Reals of an image when spread, and of scratch. */
size_t cn_windows_large(const cn_convolution *convolution);
size_t cn_windows_small(const cn_convolution *convolution);
size_t cn_windows_scratch(const cn_convolution *convolution);

/* The images' planes to their spread rows, whose room must be 0 and stays so. */
void cn_windows_spread_large(const cn_convolution *convolution, const cn_kernels *kernels,
                             const cn_images *images, const void *planes, void *spread);
void cn_windows_spread_small(const cn_convolution *convolution, const cn_kernels *kernels,
                             const cn_images *images, const void *planes, void *spread);

/* From the one's spread rows to the other's planes. bias: a real for each of its channels, padded to CN_PANEL
 * with 0, or NULL. */
void cn_windows_down(const cn_convolution *convolution, const cn_kernels *kernels, const cn_images *images,
                     const cn_matrix *weight, const void *bias, const void *large, void *scratch,
                     void *planes);
void cn_windows_up(const cn_convolution *convolution, const cn_kernels *kernels, const cn_images *images,
                   const cn_matrix *weight, const void *bias, const void *small, void *scratch, void *planes);

/* reals (+)= the gradient of a tile of the matrix over so many rows, each with both images spread, one of the
 * two holding slopes; of the whole matrix, in its packing, where the tile has no rows of its own. */
void cn_windows_gradient(const cn_convolution *convolution, const cn_kernels *kernels, size_t rows,
                         const void *large, const void *small, size_t row_stride, const cn_tile *tile,
                         bool accumulate, void *reals);

#endif
