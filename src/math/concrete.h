/* Choices that can be learned: the concrete distribution (Maddison, Mnih, Teh: The Concrete Distribution,
 * 2017; Jang, Gu, Poole: Categorical Reparameterization with Gumbel-Softmax, 2017). Each of `units`
 * choices among `in` columns has a row of logits; in training it is a mixture of all columns, which falls
 * upon one of them as the temperature falls.
 *
 *     m[i][j] = softmax over j of (logits[i][j] + g[i][j]) / T,    g = -log(-log u)
 *     y[i]    = sum over j of m[i][j] x[j]
 *
 * Draws: choice i has ceil(in/64) strips of 64; the strip's 16 blocks of the row's stream follow those of
 * the strip before, and draw t of it is word t/16 of block t%16. u lies in the middle of one of 2^23 equal
 * steps of (0, 1), the same number in both precisions. The loops keep one order and use no fused
 * multiply-add, so that every processor gives the same bits.
 *
 * Functions come in pairs, for float and for double; `void *` stands for reals of that precision.
 */
#ifndef CN_MATH_CONCRETE_H
#define CN_MATH_CONCRETE_H

#include <stdbool.h>

#include "base/random.h"

typedef struct cn_concrete {
    size_t in, units;
    const void *logits; /* [units][in] */
    double temperature;
} cn_concrete;

/* Reals from one choice's mixture to the next: `in` rounded up to panels. */
size_t cn_concrete_stride(size_t in);

/* One row: mixtures[units][stride] and y[units] of x[in]. */
typedef void cn_concrete_row(const cn_concrete *concrete, const cn_random *random, const void *x,
                             void *mixtures, void *y);
extern cn_concrete_row *const cn_concrete_rows[2];

/* A batch as it went forward, and dy, the loss's gradient to y. */
typedef struct cn_concrete_batch {
    size_t rows;
    const void *x, *y, *dy, *mixtures;
    size_t x_stride, y_stride, mixtures_stride; /* from row to row; dy has y's */
} cn_concrete_batch;

/* The gradient of logits [first, first + count), counted through all of them:
 *     gradient (+)= sum over rows of dy[i] / T m[i][j] (x[j] - y[i])
 * over the fixed tree of blocks of rows (math/tree.h); 0 beyond units * in. */
typedef void cn_concrete_gradient(const cn_concrete *concrete, const cn_concrete_batch *batch, size_t first,
                                  size_t count, bool accumulate, void *gradient);
extern cn_concrete_gradient *const cn_concrete_gradients[2];

/* The column of the largest of logits[in], the first of equals: what a choice is once it is learned. */
typedef size_t cn_concrete_choice(size_t in, const void *logits);
extern cn_concrete_choice *const cn_concrete_choices[2];

#endif
