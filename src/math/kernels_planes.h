/* The kernels over planes (math/planes.h): what is the same in every table. The includer has included
 * kernels_body.h, and kernels_plain.h or kernels_vector.h, which say `lanes`, a vector of LANES reals,
 * LANES_SCALED(a, b, c) = a*b + c with the real a in every lane, and LANES_FUSED(a, b, c) of three
 * vectors. */
#include "math/planes.h"

typedef real loose_lanes __attribute__((vector_size(LANES * sizeof(real)), aligned(sizeof(real)), may_alias));

CN_INLINE lanes load_lanes(const real *from)
{
    return *(const loose_lanes *)from;
}

CN_INLINE void store_lanes(real *to, lanes values)
{
    *(loose_lanes *)to = values;
}

/* ---- Correlations -------------------------------------------------------------------------------------- */

enum { MOST_CELLS = 64, MOST_WEIGHTS = 4096 };

/* Some cells of the window over some planes of x: where each lies from a position on, and the weights that
 * some planes of y have for them, in the order in which they are wanted: [in][count][planes]. */
typedef struct window {
    size_t count, in;
    ptrdiff_t x[MOST_CELLS];
    size_t weight[MOST_CELLS]; /* where each cell's lies from a plane's first on */
    real weights[MOST_WEIGHTS];
} window;

/* Of a window's cells, counted through phases, rows and columns, those from `first` on. */
static void list_cells(const cn_correlation *c, size_t first, window *w)
{
    const size_t all = c->phases * c->phases * c->rows * c->columns;
    size_t column = first % c->columns, row = first / c->columns % c->rows,
           phase = first / c->columns / c->rows;
    for (w->count = 0; w->count < MOST_CELLS && first + w->count < all; w->count++) {
        w->x[w->count] =
            (ptrdiff_t)(phase * c->x_phase) + (ptrdiff_t)row * c->x_row + (ptrdiff_t)column * c->x_column;
        w->weight[w->count] = phase / c->phases * c->weight_phase + phase % c->phases + row * c->weight_row +
                              column * c->weight_column;
        if (++column == c->columns) {
            column = 0;
            if (++row == c->rows) {
                row = 0;
                phase++;
            }
        }
    }
}

static void pack_weights(const cn_correlation *c, size_t plane, size_t planes, size_t in, window *w)
{
    const real *from = (const real *)c->weight + plane * c->weight_out + in * c->weight_in;
    real *to = w->weights;
    for (size_t i = 0; i < w->in; i++, from += c->weight_in)
        for (size_t t = 0; t < w->count; t++)
            for (size_t o = 0; o < planes; o++)
                *to++ = from[w->weight[t] + o * c->weight_out];
}

/* The sums of `planes` by `vectors` stay in registers: each vector of x serves all planes, each weight all
 * vectors. Of `ntile` such tiles one after the other. */
CN_INLINE void correlate_tile(size_t planes, size_t vectors, const window *w, const real *x, size_t x_plane,
                              bool accumulate, real *y, size_t y_plane, size_t ntile)
{
    const size_t count = w->count, planes_in = w->in;
    for (; ntile > 0; ntile--, x += vectors * LANES, y += vectors * LANES) {
        lanes sums[8][8];
        UNROLLED
        for (size_t o = 0; o < planes; o++) {
            UNROLLED
            for (size_t v = 0; v < vectors; v++)
                sums[o][v] = accumulate ? load_lanes(y + o * y_plane + v * LANES) : (lanes){0};
        }
        const real *weight = w->weights, *from = x;
        for (size_t in = 0; in < planes_in; in++, from += x_plane)
            for (size_t t = 0; t < count; t++, weight += planes) {
                const real *cell = from + w->x[t];
                UNROLLED
                for (size_t o = 0; o < planes; o++) {
                    UNROLLED
                    for (size_t v = 0; v < vectors; v++)
                        sums[o][v] = LANES_SCALED(weight[o], load_lanes(cell + v * LANES), sums[o][v]);
                }
            }
        UNROLLED
        for (size_t o = 0; o < planes; o++) {
            UNROLLED
            for (size_t v = 0; v < vectors; v++)
                store_lanes(y + o * y_plane + v * LANES, sums[o][v]);
        }
    }
}

/* As many sums as the registers hold; of each number of planes the largest tile first. */
#ifdef MANY_REGISTERS
#define CORRELATE_TILES(X)                                                                                   \
    X(8, 3)                                                                                                  \
    X(8, 2)                                                                                                  \
    X(8, 1) X(4, 6) X(4, 3) X(4, 2) X(4, 1) X(2, 8) X(2, 4) X(2, 2) X(2, 1) X(1, 8) X(1, 4) X(1, 2) X(1, 1)
#else
#define CORRELATE_TILES(X)                                                                                   \
    X(4, 3) X(4, 2) X(4, 1) X(2, 6) X(2, 4) X(2, 2) X(2, 1) X(1, 8) X(1, 4) X(1, 2) X(1, 1)
#endif

#define CORRELATE_TILE(planes, vectors)                                                                      \
    static void correlate_##planes##x##vectors(const window *w, const real *x, size_t x_plane,               \
                                               bool accumulate, real *y, size_t y_plane, size_t ntile)       \
    {                                                                                                        \
        correlate_tile(planes, vectors, w, x, x_plane, accumulate, y, y_plane, ntile);                       \
    }
CORRELATE_TILES(CORRELATE_TILE)

#define CORRELATE_TILE_ROW(planes, vectors) {planes, vectors, correlate_##planes##x##vectors},
static const struct correlate_tiles {
    size_t planes, vectors;
    void (*run)(const window *w, const real *x, size_t x_plane, bool accumulate, real *y, size_t y_plane,
                size_t ntile);
} correlate_tiles[] = {CORRELATE_TILES(CORRELATE_TILE_ROW)};

/* All positions of some planes of one image, with the tiles of so many planes. */
static void correlate_image(const cn_correlation *c, const struct correlate_tiles *tile, const window *w,
                            const real *x, bool accumulate, real *y)
{
    for (size_t left = (c->count + LANES - 1) / LANES; left > 0; tile++) {
        const size_t ntile = left / tile->vectors, reals = ntile * tile->vectors * LANES;
        if (ntile > 0)
            tile->run(w, x, c->x_plane, accumulate, y, c->y_plane, ntile);
        x += reals;
        y += reals;
        left -= ntile * tile->vectors;
    }
}

static void correlate_planes(const cn_correlation *c, const struct correlate_tiles *tile, size_t plane,
                             bool accumulate, window *w)
{
    const size_t most = MOST_WEIGHTS / tile->planes / (w->count ? w->count : 1);
    for (size_t in = 0; in == 0 || in < c->in; in += most) {
        const real *x = (const real *)c->x + in * c->x_plane;
        real *y = (real *)c->y + plane * c->y_plane;
        w->in = smaller(c->in - in, most);
        pack_weights(c, plane, tile->planes, in, w);
        for (size_t image = 0; image < c->images; image++, x += c->x_image, y += c->y_image)
            correlate_image(c, tile, w, x, accumulate || in > 0, y);
    }
}

static void correlate(const cn_correlation *c)
{
    const size_t cells = c->phases * c->phases * c->rows * c->columns;
    window w;
    for (size_t first = 0; first == 0 || first < cells; first += MOST_CELLS) {
        if (cells > 0)
            list_cells(c, first, &w);
        else
            w.count = 0;
        const struct correlate_tiles *tile = correlate_tiles;
        for (size_t plane = 0; plane < c->out; plane += tile->planes) {
            while (tile->planes > c->out - plane)
                tile++;
            correlate_planes(c, tile, plane, c->accumulate || first > 0, &w);
        }
    }
}

/* A vector's values, halves added to halves. */
CN_INLINE real lanes_sum(lanes values)
{
    real sums[LANES];
    store_lanes(sums, values);
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            sums[i] += sums[i + half];
    return sums[0];
}

#define TERM_COUNTS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
enum { TERMS = 12 }; /* at a time, each in a register */

/* A block of rows, its positions in LANES sums of each term. */
CN_INLINE void correlation_block(size_t nterm, const cn_correlation_sums *s, const size_t *offsets,
                                 size_t first, size_t rows, real *block)
{
    const size_t positions = s->count;
    lanes sums[TERMS];
    const real *terms[TERMS];
    UNROLLED
    for (size_t t = 0; t < nterm; t++)
        sums[t] = (lanes){0};
    for (size_t r = first; r < first + rows; r++) {
        const real *z = (const real *)s->z + r * s->z_row;
        UNROLLED
        for (size_t t = 0; t < nterm; t++)
            terms[t] = (const real *)s->x + r * s->x_row + offsets[t];
        for (size_t p = 0; p < positions; p += LANES) {
            const lanes slope = load_lanes(z + p);
            UNROLLED
            for (size_t t = 0; t < nterm; t++)
                sums[t] = LANES_FUSED(slope, load_lanes(terms[t] + p), sums[t]);
        }
    }
    UNROLLED
    for (size_t t = 0; t < nterm; t++)
        block[t] = lanes_sum(sums[t]);
}

#define CORRELATION_BLOCK(count)                                                                             \
    static void correlation_block_##count(const cn_correlation_sums *s, const size_t *offsets, size_t first, \
                                          size_t rows, real *block)                                          \
    {                                                                                                        \
        correlation_block(count, s, offsets, first, rows, block);                                            \
    }
TERM_COUNTS(CORRELATION_BLOCK)

#define CORRELATION_BLOCK_NAME(count) correlation_block_##count,
static void (*const correlation_blocks[])(const cn_correlation_sums *s, const size_t *offsets, size_t first,
                                          size_t rows,
                                          real *block) = {NULL, TERM_COUNTS(CORRELATION_BLOCK_NAME)};

static void correlation_sums(const cn_correlation_sums *s)
{
    for (size_t t = 0; t < s->nterm; t += TERMS) {
        const size_t count = smaller(s->nterm - t, TERMS);
        real levels[(CN_TREE_LEVELS + 1) * TERMS];
        size_t depth = 0;
        for (size_t r = 0; r == 0 || r < s->rows; r += CN_BLOCK_ROWS) {
            correlation_blocks[count](s, s->offsets + t, r, smaller(s->rows - r, CN_BLOCK_ROWS),
                                      levels + depth * TERMS);
            depth = merge(levels, TERMS, count, depth + 1, cn_tree_merges(r / CN_BLOCK_ROWS));
        }
        merge(levels, TERMS, count, depth, depth - 1);
        put(count, s->accumulate, levels, (real *)s->sums + t);
    }
}

/* ---- Sums of planes
 * ------------------------------------------------------------------------------------- */

/* sums[c] = sum over a plane's `size` values: value i to sum i%16, these in a tree of halves. */
static void plane_sums(size_t planes, size_t size, const void *x, void *sums)
{
    for (size_t c = 0; c < planes; c++) {
        const real *plane = (const real *)x + c * size;
        real columns[COLUMNS] = {0};
        size_t i = 0;
        for (; i + COLUMNS <= size; i += COLUMNS)
            add(COLUMNS, columns, plane + i);
        add(size - i, columns, plane + i);
        for (size_t half = COLUMNS / 2; half > 0; half /= 2)
            add(half, columns, columns + half);
        ((real *)sums)[c] = columns[0];
    }
}

#define CN_KERNELS_PLANES                                                                                    \
    .correlate = correlate, .correlation_sums = correlation_sums, .plane_sums = plane_sums
