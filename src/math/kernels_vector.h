/* The two tiles in registers, for a processor with fused multiply-add. The includer says `vector`, of
 * VECTOR_REALS floats, VECTOR_FUSED(a, b, c) = a*b + c with the float a in every lane, LANES_FUSED(a, b, c)
 * the same of three vectors, and what math/kernels_tiles.h asks of its tiles, TILE_ROWS by MOST_PANELS at most.
 *
 * A tile's sums live in registers: each vector of a panel that is loaded is used once for every row, each x that
 * is broadcast once for every vector. The counts are constants in each copy (PRODUCT_TILES and OUTER_TILES make
 * them), so that all loops but the one over k vanish.
 */
#include "math/functions.h"
#include "math/kernels.h"

#include "math/kernels_tiles.h"

enum { COLUMNS = CN_PANEL, VECTORS = COLUMNS / VECTOR_REALS };

/* For kernels_planes.h. */
typedef vector lanes;
enum { LANES = VECTOR_REALS };
#define LANES_SCALED VECTOR_FUSED

#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 24")
#endif

CN_INLINE vector load(const float *reals)
{
    return *(const vector *)reals;
}

/* Of `panels` panels side by side, panel_size reals apart, for columns j < 16 of each:
 * out[r][16 p + j] = (out[r][16 p + j] +) sum over k of x[r][k] * panel p[k][j], + bias[16 p + j]; r < rows;
 * k through `in` values of each stretch of the reach. */
CN_INLINE void product_tile(size_t rows, size_t panels, const cn_reach *reach, size_t in, const float *x,
                            size_t x_stride, const float *panel, size_t panel_size, bool more,
                            const float *bias, float *out, size_t out_stride)
{
    vector sums[TILE_ROWS][MOST_PANELS * VECTORS];
    UNROLLED
    for (size_t r = 0; r < rows; r++) {
        UNROLLED
        for (size_t v = 0; v < panels * VECTORS; v++) {
            if (more)
                sums[r][v] = load(out + r * out_stride + v * VECTOR_REALS);
            else
                sums[r][v] = (vector){0};
        }
    }
    for (size_t s = 0, nstretch = reach->count; s < nstretch; s++) {
        const float *from = x + reach->x[s], *weights = panel + reach->panel[s];
        for (size_t k = 0; k < in; k++, weights += COLUMNS) {
            vector columns[MOST_PANELS * VECTORS];
            UNROLLED
            for (size_t v = 0; v < panels * VECTORS; v++)
                columns[v] = load(weights + v / VECTORS * panel_size + v % VECTORS * VECTOR_REALS);
            UNROLLED
            for (size_t r = 0; r < rows; r++) {
                UNROLLED
                for (size_t v = 0; v < panels * VECTORS; v++)
                    sums[r][v] = VECTOR_FUSED(from[r * x_stride + k], columns[v], sums[r][v]);
            }
        }
    }
    UNROLLED
    for (size_t r = 0; r < rows; r++) {
        UNROLLED
        for (size_t v = 0; v < panels * VECTORS; v++)
            *(vector *)(out + r * out_stride + v * VECTOR_REALS) =
                sums[r][v] + (bias ? load(bias + v * VECTOR_REALS) : (vector){0});
    }
}

CN_INLINE void outer_tile_fetch(size_t nrow, size_t panels, const float *more, size_t panel_size)
{
    for (size_t p = 0; p < panels; p++)
        for (size_t k = 0; k < nrow; k++)
            __builtin_prefetch(more + p * panel_size + k * COLUMNS);
}

CN_INLINE void outer_tile_add(size_t nrow, size_t panels, const float *more, size_t panel_size,
                              vector sums[TILE_ROWS][MOST_PANELS * VECTORS])
{
    UNROLLED
    for (size_t k = 0; k < nrow; k++) {
        UNROLLED
        for (size_t v = 0; v < panels * VECTORS; v++)
            sums[k][v] += load(more + v / VECTORS * panel_size + k * COLUMNS + v % VECTORS * VECTOR_REALS);
    }
}

/* For `panels` panels side by side in b: sums[k][j] = sum over the block of a[k] * b[16 p + j], k < nrow, j < 16;
 * and what the goal says. */
CN_INLINE void outer_tile(size_t nrow, size_t panels, const outer_rows *block, const float *a, const float *b,
                          const outer_goal *goal, const float *out, float *to)
{
    vector sums[TILE_ROWS][MOST_PANELS * VECTORS];
    UNROLLED
    for (size_t k = 0; k < nrow; k++) {
        UNROLLED
        for (size_t v = 0; v < panels * VECTORS; v++)
            sums[k][v] = (vector){0};
    }
    const size_t rows = block->rows, a_row = block->a_row, b_row = block->b_row;
    if (goal->merges > 0)
        outer_tile_fetch(nrow, panels, out - goal->apart, goal->out_panel);
    for (size_t image = 0; image < block->images; image++)
        for (size_t line = 0; line < block->lines; line++) {
            const float *from = a + image * block->a_image + line * block->a_line;
            const float *slopes = b + image * block->b_image + line * block->b_line;
            for (size_t r = 0; r < rows; r++, from += a_row, slopes += b_row) {
                UNROLLED
                for (size_t k = 0; k < nrow; k++) {
                    UNROLLED
                    for (size_t v = 0; v < panels * VECTORS; v++)
                        sums[k][v] = VECTOR_FUSED(from[k], load(slopes + v * VECTOR_REALS), sums[k][v]);
                }
            }
        }
    for (size_t merges = goal->merges; merges > 0; merges--) {
        out -= goal->apart;
        outer_tile_add(nrow, panels, out, goal->out_panel, sums);
    }
    if (goal->accumulate)
        outer_tile_add(nrow, panels, to, goal->to_panel, sums);
    UNROLLED
    for (size_t k = 0; k < nrow; k++) {
        UNROLLED
        for (size_t v = 0; v < panels * VECTORS; v++)
            *(vector *)(to + v / VECTORS * goal->to_panel + k * COLUMNS + v % VECTORS * VECTOR_REALS) =
                sums[k][v];
    }
}
