/* Upsampling and the convolution behind it, folded into one transposed convolution: where each cell of x is
 * repeated N times, the window's cells that fall on the same one of x are added first. A k x k window over a
 * repeated image becomes a (k + N - 1) x (k + N - 1) one of stride N, with fewer products by up to N^2.
 *
 * weight is the convolution's, (out, in, k, k); folded is (in, out, k + N - 1, k + N - 1):
 *     folded[i][o][b][d] = sum over a, c of weight[o][i][a][c], 0 <= b - (k - 1) + a < N, and so c by d
 */
#ifndef CN_MODEL_FOLDING_H
#define CN_MODEL_FOLDING_H

#include "model/convolution.h"

/* The transposed convolution that stands for `convolution` (stride 1) over an image repeated so. */
cn_convolution cn_folding(const cn_convolution *convolution, size_t repeat);

void cn_folding_weight(const cn_convolution *convolution, size_t repeat, const cn_kernels *kernels,
                       const void *weight, void *folded);

/* weight's gradient (+)= out of folded's: the sums the other way. */
void cn_folding_gradient(const cn_convolution *convolution, size_t repeat, const cn_kernels *kernels,
                         const void *folded, bool accumulate, void *gradient);
/* The same over bundles (math/bundles.h), added to what is in gradient. */
void cn_folding_bundles(const cn_convolution *convolution, size_t repeat, const cn_kernels *kernels,
                        const void *folded, void *gradient);

#endif
