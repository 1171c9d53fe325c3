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

/* Where a block's sums go: added to those of `merges` earlier blocks, which lie `apart` reals before one another
 * and end that far before `out`; where `accumulate` to what is there; then to `to`. A panel's sums are
 * `out_panel` and `to_panel` reals from another's. */
typedef struct outer_goal {
    size_t merges, apart, out_panel, to_panel;
    bool accumulate;
} outer_goal;

/* A table lists its tiles, each rows by panels side by side, as X(rows, panels): PRODUCT_TILES and OUTER_TILES;
 * and in PRODUCT_MOST and OUTER_MOST the most rows for 0, 1, 2, ... panels, 0 where there are none. PRODUCT_GOOD is
 * how many more rows than that are cut into at most, BEST_PANELS the panels that they take. */
#define TILES_TO_3(X, panels)  X(1, panels) X(2, panels) X(3, panels)
#define TILES_TO_4(X, panels)  TILES_TO_3(X, panels) X(4, panels)
#define TILES_TO_6(X, panels)  TILES_TO_4(X, panels) X(5, panels) X(6, panels)
#define TILES_TO_8(X, panels)  TILES_TO_6(X, panels) X(7, panels) X(8, panels)
#define TILES_TO_9(X, panels)  TILES_TO_8(X, panels) X(9, panels)
#define TILES_TO_10(X, panels) TILES_TO_9(X, panels) X(10, panels)
#define TILES_TO_12(X, panels) TILES_TO_10(X, panels) X(11, panels) X(12, panels)
#define TILES_TO_24(X, panels)                                                                               \
    TILES_TO_12(X, panels)                                                                                   \
    X(13, panels)                                                                                            \
    X(14, panels)                                                                                            \
    X(15, panels)                                                                                            \
    X(16, panels) X(17, panels) X(18, panels) X(19, panels) X(20, panels) X(21, panels) X(22, panels)        \
        X(23, panels) X(24, panels)

#endif
