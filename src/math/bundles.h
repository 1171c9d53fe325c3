/* Bundles: rows of a batch side by side. Value f of CN_BUNDLE rows lies together, [values][CN_BUNDLE] reals,
 * so that what is done to a value is done to all rows in a few instructions, however small or odd the shape:
 * no row or image is cut into vectors, none has a rest.
 *
 * Values lie in planes, `plane` values each: an image's channels are planes of height x width values, a
 * table's columns planes of as many values as there are bundles in hand. */
#ifndef CN_MATH_BUNDLES_H
#define CN_MATH_BUNDLES_H

#include <stdbool.h>
#include <stddef.h>

#include "math/planes.h"

enum { CN_BUNDLE = 16, CN_MOST_CELLS = 64 };

/* Places of one plane that see another alike, as a convolution's window does. For n < count of each run,
 * place y + n y_step of the one sees places x + n x_step + offsets[c] of the other, each through
 * a tap of its own, taps[c], c < ncell <= CN_MOST_CELLS. */
typedef struct cn_run {
    size_t count, x, x_step, y, y_step;
} cn_run;

typedef struct cn_view {
    size_t ncell;
    const size_t *offsets, *taps;
    size_t nrun;
    const cn_run *runs;
} cn_view;

/* y[o][p] = sum over i < in, cells of p:
 *     weight[o weight_out + i weight_in + tap] x[i][place], added in this order, + bias[o]; o < out.
 * bias NULL: 0. */
typedef struct cn_bundle_sums {
    const cn_view *views;
    size_t nview, out, in;
    const void *x;
    size_t x_plane;
    const void *weight;
    size_t weight_out, weight_in;
    const void *bias;
    void *y;
    size_t y_plane;
} cn_bundle_sums;

/* The sums of products that are its weights' gradients, one for each row of a bundle:
 *     sums[o sum_out + i sum_in + tap] += sum over places p that have that tap: z[o][p] x[i][place] */
typedef struct cn_bundle_products {
    const cn_view *views;
    size_t nview, out, in;
    const void *z;
    size_t z_plane;
    const void *x;
    size_t x_plane;
    void *sums;
    size_t sum_out, sum_in;
} cn_bundle_products;

/* In the table of kernels; a cn_pooling counts in values here, and its bias is not looked at:
 *     bundle_sums, bundle_products    as above
 *     bundle_totals       sums[c] += sum over plane c's `plane` values
 *     bundle_add          sums[r] += sum over `count` bundles of their value of row r, in double
 *     bundle_split        rows[r][stride] to value f of a bundle, `step` reals apart, r < count <= CN_BUNDLE;
 *                         the other rows' are 0
 *     bundle_join         and back, the first `count` rows, whose room up to a whole panel is written
 *     bundle_max, bundle_max_backward, bundle_sum, bundle_repeat
 *                         what pool_max and its kin do (math/planes.h)
 *     bundle_fold         reals[i] = the sum of value i over the bundle's rows, in a tree of halves */

#endif
