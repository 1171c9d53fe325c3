/* What is done to images: their planes, one a channel, each height rows of width values.
 *
 * The kernels work on spread planes. A spread plane has room around its rows, so that a window that is moved
 * over it needs no test at the edges, and the whole plane can be read as one long row: what a window that
 * hangs over a row's end gives is computed too and left out when the values are placed elsewhere. Model code
 * says how the planes are spread (model/convolution.h).
 */
#ifndef CN_MATH_PLANES_H
#define CN_MATH_PLANES_H

#include <stdbool.h>
#include <stddef.h>

/* Over `count` positions p of each of `out` planes of each of `images`, which lie x_image and y_image apart:
 *     y[o][p] (+)= sum over c < in, q < phases, r < phases, i < rows, j < columns of
 *                  weight[o weight_out + c weight_in + q weight_phase + r + i weight_row + j weight_column]
 *                  x[c x_plane + (q phases + r) x_phase + i x_row + j x_column + p]
 * added in this order, of large windows 64 cells of each c at a time. y is written, and x read, up to count
 * rounded up to CN_PANEL. */
typedef struct cn_correlation {
    size_t images, out, in, count, phases, rows, columns;
    const void *x;
    size_t x_image, x_plane, x_phase;
    ptrdiff_t x_row, x_column;
    const void *weight;
    size_t weight_out, weight_in, weight_phase, weight_row, weight_column;
    bool accumulate;
    void *y;
    size_t y_image, y_plane;
} cn_correlation;

/* For each of `nterm` offsets: sums[t] (+)= sum over r < rows, p < count of z[r z_row + p] x[r x_row +
 * offsets[t] + p], rows by the tree of math/tree.h. z is 0 from count on to count rounded up to CN_PANEL,
 * where x is finite. */
typedef struct cn_correlation_sums {
    size_t rows, count;
    const void *x, *z;
    size_t x_row, z_row;
    size_t nterm;
    const size_t *offsets;
    bool accumulate;
    void *sums;
} cn_correlation_sums;

/* Of plane c of each of `images`: to[i to_row + j to_column] = from[i from_row + j from_column] + add[c],
 * i < rows, j < columns; add NULL: 0. */
typedef struct cn_placement {
    size_t images, planes, rows, columns;
    const void *from;
    size_t from_image, from_plane, from_row, from_column;
    void *to;
    size_t to_image, to_plane, to_row, to_column;
    const void *add;
} cn_placement;

/* Windows of size x size that part a large plane, each one cell of a small plane. They begin `top` rows above
 * and `left` columns before the large plane; what lies outside of it counts for nothing. */
typedef struct cn_pooling {
    size_t planes, size, top, left;
    size_t height, width;             /* of a large plane */
    size_t small_height, small_width; /* of a small one */
    size_t large_row, large_plane;    /* where a large plane's next row begins, and the next plane */
    const void *bias;                 /* of pool_max: a real a plane, added to its largest; NULL: 0 */
} cn_pooling;

/* In the table of kernels:
 *     correlate, correlation_sums, place      as above
 *     plane_sums          sums[c] = sum over plane c's `size` values
 *     pool_max            y = each window's largest, which (NULL: not wanted) = its place; of equals the
 *                         first
 *     pool_max_backward   dx = dy where the largest was, else 0 within height and width
 *     pool_sum            y = each window's sum, or the mean of what lies inside
 *     pool_repeat         y = each small cell all over its window; `mean`: divided by the cells inside */

#endif
