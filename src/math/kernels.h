/* The kernels: plain arrays in, plain arrays out, one table of them per instruction set and precision, chosen
 * once.
 *
 * An activation buffer is row-major, [rows][stride] reals, stride >= its width rounded up to CN_PANEL; what
 * lies between width and stride is zero in every buffer of gradients and unspecified in the others. Arrays
 * begin at CN_ALIGNMENT bytes. `void *` stands for reals of the table's precision.
 *
 * Each result is one fixed sum whatever the tile or the thread it is computed by: over k in order for
 * products, over the fixed tree of blocks of CN_BLOCK_ROWS rows for sums over a batch. So a table gives the
 * same bits however rows and tiles are shared out; different tables agree within rounding.
 */
#ifndef CN_MATH_KERNELS_H
#define CN_MATH_KERNELS_H

#include "base/error.h"
#include "math/activations.h"
#include "math/bundles.h"
#include "math/planes.h"

enum {
    CN_PANEL = 16,      /* columns of a packed panel */
    CN_BLOCK_ROWS = 32, /* rows of a batch summed in order; blocks are added in a binary tree */
    CN_TILE_PANELS = 8, /* panels whose tiles are summed at once, at most */
    CN_TILE_ROWS = 96   /* matrix rows (inputs) of one gradient tile: a multiple of 6, 12 and CN_PANEL */
};

/* A weight matrix w(in, out), packed twice. panels: [ceil(out/16)][in][16], element (k, j) at panel j/16, row
 * k, column j%16. transposed: [ceil(in/16)][out][16], element (k, j) at panel k/16, row j, column k%16; NULL
 * where nobody goes that way through it. Padding columns are zero in both. */
typedef struct cn_matrix {
    size_t in, out;
    void *panels, *transposed;
} cn_matrix;

static inline size_t cn_round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* Reals in an activation buffer's row: the width rounded up to panels, an odd number of them, so that rows of
 * a power of two wide do not all fall into the same cache set. */
static inline size_t cn_stride(size_t width)
{
    return (cn_round_up(width, CN_PANEL) / CN_PANEL | 1) * CN_PANEL;
}

/* Stretches that one sum goes over, one after the other: each has `in` values of x and as many rows of a
 * panel, which begin at its places. */
typedef struct cn_reach {
    size_t count;
    ptrdiff_t x[CN_MOST_CELLS];
    size_t panel[CN_MOST_CELLS];
    size_t panel_size; /* reals from one panel to the next */
} cn_reach;

/* y[r][j] = f(sum over k of x[r][k] * panels(k, j), + bias[j]), r < rows, j < out rounded up to CN_PANEL. */
typedef struct cn_product {
    size_t rows, in, out;
    const void *x;
    size_t x_stride;
    const void *panels;    /* [ceil(out/16)][in][16] */
    const cn_reach *reach; /* NULL: one stretch, from the beginning */
    const void *bias;      /* [out rounded up to 16], zero beyond out; NULL for none */
    cn_activation activation;
    void *z; /* the sums before f, same stride as y; NULL where they are not wanted */
    void *y;
    size_t y_stride;
} cn_product;

/* Where a row is an image: its positions, in lines, each with values of a and of b of its own. */
typedef struct cn_lines {
    size_t count, positions;
    size_t a_line, a_position, b_line, b_position; /* reals from one to the next */
} cn_lines;

/* One tile of a sum of outer products over a batch, or several panels' tiles of the same rows, one behind the
 * other: k in [row, row + nrow), j in the 16 columns of each of npanel panels from `panel` on,
 * tile[j/16 - panel][k - row][j%16] (+)= sum over r < rows of a[r][k] * b[r][j], of images also over their
 * positions. b's padding is zero. Of images a block is fewer rows, a power of two, where these have many
 * positions; the tree is the same. */
typedef struct cn_outer {
    size_t rows;
    const void *a;
    size_t a_stride;
    const void *b;
    size_t b_stride;
    const cn_lines *lines;           /* NULL: a row is one position */
    size_t panel, npanel, row, nrow; /* npanel up to CN_TILE_PANELS, nrow to CN_TILE_ROWS */
    bool accumulate;                 /* add to what the tile holds: a parameter's second use */
    void *tile;                      /* [npanel][nrow][16] */
    size_t tile_panel;               /* reals from one panel's to the next; 0: one behind the other */
} cn_outer;

typedef struct cn_kernels {
    const char *name; /* "plain", "avx2", "avx512", "neon", "double" */
    size_t real_size; /* 4 or 8 bytes */

    void (*product)(const cn_product *product);
    void (*outer)(const cn_outer *outer);

    /* sums[j] (+)= sum over r < rows of b[r][first + j], j < count; the same tree of blocks. */
    void (*column_sums)(size_t rows, const void *b, size_t stride, size_t first, size_t count,
                        bool accumulate, void *sums);

    /* y = f(z) and dz = dy * f'(z), over [rows][width] of one stride, dz may be dy. z may be NULL where
     * cn_activation_needs_input says that y is enough. */
    void (*activate)(cn_activation activation, size_t rows, size_t width, size_t stride, const void *z,
                     void *y);
    void (*activate_backward)(cn_activation activation, size_t rows, size_t width, size_t stride,
                              const void *z, const void *y, const void *dy, void *dz);

    /* Between PyTorch's row-major (out, in) floats and a packed matrix; pack fills both packings and zeroes
     * the padding; unpack reads panels. */
    void (*pack)(const float *weight, cn_matrix *matrix);
    void (*unpack)(const cn_matrix *matrix, float *weight);
    /* Copies the tile (panel, row, nrow) of panels to transposed. row is a multiple of CN_PANEL. */
    void (*transpose_tile)(cn_matrix *matrix, size_t panel, size_t row, size_t nrow);

    /* Images: math/planes.h says what each does. */
    void (*correlate)(const cn_correlation *correlation);
    void (*correlation_sums)(const cn_correlation_sums *sums);
    void (*place)(const cn_placement *placement);
    void (*plane_sums)(size_t planes, size_t size, const void *x, void *sums);
    void (*pool_max)(const cn_pooling *pooling, const void *x, void *y, void *which);
    void (*pool_max_backward)(const cn_pooling *pooling, const void *dy, const void *which, void *dx);
    void (*pool_sum)(const cn_pooling *pooling, bool mean, const void *x, void *y);
    void (*pool_repeat)(const cn_pooling *pooling, bool mean, const void *x, void *y);

    /* Rows side by side: math/bundles.h says what each does. */
    void (*bundle_sums)(const cn_bundle_sums *sums);
    void (*bundle_products)(const cn_bundle_products *products);
    void (*bundle_totals)(size_t planes, size_t plane, const void *x, void *sums);
    void (*bundle_split)(size_t count, size_t nvalue, size_t stride, const void *rows, size_t step,
                         void *bundles);
    void (*bundle_join)(size_t count, size_t nvalue, size_t step, const void *bundles, size_t stride,
                        void *rows);
    void (*bundle_max)(const cn_pooling *pooling, const void *x, void *y, void *which);
    void (*bundle_max_backward)(const cn_pooling *pooling, const void *dy, const void *which, void *dx);
    void (*bundle_sum)(const cn_pooling *pooling, bool mean, const void *x, void *y);
    void (*bundle_repeat)(const cn_pooling *pooling, bool mean, const void *x, void *y);
    void (*bundle_add)(size_t count, const void *bundles, double *sums);
    void (*bundle_fold)(size_t count, const void *bundles, void *reals);

    /* Reals from and to floats. */
    void (*from_float)(const float *source, void *reals, size_t count);
    void (*to_float)(const void *reals, float *target, size_t count);
} cn_kernels;

/* The fastest table of float kernels that this processor runs. CINCH_CPU=plain|avx2|avx512|neon in the
 * environment asks for one; CINCH_USAGE where the name is unknown or the processor lacks it. Looks only
 * once. */
const cn_kernels *cn_kernels_choose(cinch_error *error);

/* A table by name, NULL where there is none or the processor lacks it: for tests and the bench. */
const cn_kernels *cn_kernels_find(const char *name);

extern const cn_kernels cn_kernels_plain;  /* the plain source in float: runs anywhere */
extern const cn_kernels cn_kernels_double; /* the same source in double: gradient checks */

#endif
