/* The two tiles in plain C, for `real` float or double: the reference that the others are held to, and what
 * runs where no vector kernel does. */
#include "math/functions.h"
#include "math/kernels.h"

#include "math/kernels_tiles.h"

enum { TILE_ROWS = 4, COLUMNS = CN_PANEL, MOST_PANELS = 1, BEST_PANELS = 1 };

/* Vector code along the columns. Let loose, gcc 12 unrolls them and goes along the rows instead, and then
 * reads one row beyond the last. */
#if defined(__GNUC__) && !defined(__clang__)
#define COLUMN_BY_COLUMN _Pragma("GCC unroll 1")
#else
#define COLUMN_BY_COLUMN
#endif

#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif

/* For kernels_planes.h: 16 bytes, which every processor with vectors at all has in one register. */
typedef real lanes __attribute__((vector_size(16)));
enum { LANES = 16 / sizeof(real) };
#define LANES_SCALED(a, b, c) ((a) * (b) + (c))
#define LANES_FUSED(a, b, c)  ((a) * (b) + (c))

/* out[r][j] = (out[r][j] +) sum over k of x[r][k] * panel[k][j], + bias[j]; r < rows, j < 16; k through `in`
 * values of each stretch of the reach. One panel at a time: panels is 1. */
CN_INLINE void product_tile(size_t rows, size_t panels, const cn_reach *reach, size_t in, const real *x,
                            size_t x_stride, const real *panel, size_t panel_size, bool more,
                            const real *bias, real *out, size_t out_stride)
{
    real sums[TILE_ROWS][COLUMNS] = {{0}};
    (void)panels;
    (void)panel_size;
    for (size_t r = 0; more && r < rows; r++)
        for (size_t j = 0; j < COLUMNS; j++)
            sums[r][j] = out[r * out_stride + j];
    for (size_t s = 0; s < reach->count; s++) {
        const real *from = x + reach->x[s], *weights = panel + reach->panel[s];
        for (size_t k = 0; k < in; k++)
            for (size_t r = 0; r < rows; r++) {
                COLUMN_BY_COLUMN
                for (size_t j = 0; j < COLUMNS; j++)
                    sums[r][j] += from[r * x_stride + k] * weights[k * COLUMNS + j];
            }
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < COLUMNS; j++)
            out[r * out_stride + j] = sums[r][j] + (bias ? bias[j] : 0);
}

/* sums[k][j] = sum over the block of a[k] * b[j]; k < nrow, j < 16; and what the goal says. One panel at a time:
 * panels is 1. */
CN_INLINE void outer_tile(size_t nrow, size_t panels, const outer_rows *block, const real *a, const real *b,
                          const outer_goal *goal, const real *out, real *to)
{
    real sums[TILE_ROWS * COLUMNS] = {0};
    (void)panels;
    for (size_t image = 0; image < block->images; image++)
        for (size_t line = 0; line < block->lines; line++) {
            const real *from = a + image * block->a_image + line * block->a_line;
            const real *slopes = b + image * block->b_image + line * block->b_line;
            for (size_t r = 0; r < block->rows; r++, from += block->a_row, slopes += block->b_row)
                for (size_t k = 0; k < nrow; k++) {
                    COLUMN_BY_COLUMN
                    for (size_t j = 0; j < COLUMNS; j++)
                        sums[k * COLUMNS + j] += from[k] * slopes[j];
                }
        }
    for (size_t merges = goal->merges; merges > 0; merges--) {
        out -= goal->apart;
        for (size_t i = 0; i < nrow * COLUMNS; i++)
            sums[i] += out[i];
    }
    for (size_t i = 0; i < nrow * COLUMNS; i++)
        to[i] = sums[i] + (goal->accumulate ? to[i] : 0);
}

#define PRODUCT_MOST     0, 4
#define PRODUCT_GOOD     0, 4
#define OUTER_MOST       0, 4
#define PRODUCT_TILES(X) TILES_TO_4(X, 1)
#define OUTER_TILES(X)   TILES_TO_4(X, 1)
