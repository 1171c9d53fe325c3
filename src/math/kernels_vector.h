/* The two tiles in registers, for a processor with fused multiply-add. The includer says `vector`, of
 * VECTOR_REALS floats, VECTOR_FUSED(a, b, c) = a*b + c with the float a in every lane, LANES_FUSED(a, b, c)
 * the same of three vectors, TILE_ROWS and TILE_COUNTS.
 *
 * The sums of a tile live in TILE_ROWS * 16/VECTOR_REALS registers: each vector of the panel that is loaded
 * is used TILE_ROWS times, each x that is broadcast 16/VECTOR_REALS times. The count of rows is a constant in
 * each copy (TILE_COUNTS makes them), so that all loops but the one over k vanish.
 */
#include "math/functions.h"
#include "math/kernels.h"

enum { COLUMNS = CN_PANEL, VECTORS = COLUMNS / VECTOR_REALS };

/* For kernels_planes.h. */
typedef vector lanes;
enum { LANES = VECTOR_REALS };
#define LANES_SCALED VECTOR_FUSED

#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif

CN_INLINE vector load(const float *reals)
{
    return *(const vector *)reals;
}

/* out[r][j] = sum over k of x[r][k] * panel[k][j], + bias[j]; r < rows, j < 16. */
CN_INLINE void product_tile(size_t rows, size_t in, const float *x, size_t x_stride, const float *panel,
                            const float *bias, float *out, size_t out_stride)
{
    vector sums[TILE_ROWS][VECTORS] = {{{0}}};
    for (size_t k = 0; k < in; k++, panel += COLUMNS) {
        UNROLLED
        for (size_t r = 0; r < rows; r++) {
            UNROLLED
            for (size_t v = 0; v < VECTORS; v++)
                sums[r][v] = VECTOR_FUSED(x[r * x_stride + k], load(panel + v * VECTOR_REALS), sums[r][v]);
        }
    }
    UNROLLED
    for (size_t r = 0; r < rows; r++) {
        UNROLLED
        for (size_t v = 0; v < VECTORS; v++)
            *(vector *)(out + r * out_stride + v * VECTOR_REALS) =
                sums[r][v] + (bias ? load(bias + v * VECTOR_REALS) : (vector){0});
    }
}

/* sums[k][j] = sum over r of a[r][k] * b[r][j]; k < nrow, j < 16. */
CN_INLINE void outer_tile(size_t nrow, size_t rows, const float *a, size_t a_stride, const float *b,
                          size_t b_stride, float *out)
{
    vector sums[TILE_ROWS][VECTORS] = {{{0}}};
    for (size_t r = 0; r < rows; r++, a += a_stride, b += b_stride) {
        UNROLLED
        for (size_t k = 0; k < nrow; k++) {
            UNROLLED
            for (size_t v = 0; v < VECTORS; v++)
                sums[k][v] = VECTOR_FUSED(a[k], load(b + v * VECTOR_REALS), sums[k][v]);
        }
    }
    UNROLLED
    for (size_t k = 0; k < nrow; k++) {
        UNROLLED
        for (size_t v = 0; v < VECTORS; v++)
            *(vector *)(out + k * COLUMNS + v * VECTOR_REALS) = sums[k][v];
    }
}
