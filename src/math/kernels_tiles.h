/* What the two tiles in registers are told, in every table. */
#ifndef CN_MATH_KERNELS_TILES_H
#define CN_MATH_KERNELS_TILES_H

#include "math/kernels.h"

/* The rows of one block of a sum: `images` times `lines` times `rows`; where rows are no images, one of
 * one. */
typedef struct outer_rows {
    size_t images, lines, rows;
    size_t a_image, a_line, a_row, b_image, b_line, b_row;
} outer_rows;

#endif
