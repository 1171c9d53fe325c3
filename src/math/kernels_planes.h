/* The kernels over planes (math/planes.h): what is the same in every table. The includer has included
 * kernels_body.h, and kernels_plain.h or kernels_vector.h, which say `lanes`, a vector of LANES reals,
 * LANES_SCALED(a, b, c) = a*b + c with the real a in every lane, and LANES_FUSED(a, b, c) of three vectors;
 * and EVEN_PLACES, ODD_PLACES, LOWER_PLACES and UPPER_PLACES, the places in two vectors that shuffles
 * take. */
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

enum { MOST_CELLS = 64 }; /* of a window, in one go over x */

/* Some cells of the window over one plane of x: where each lies from a position on, and its weight. */
typedef struct cell_list {
    size_t count;
    ptrdiff_t x[MOST_CELLS];
    size_t weight[MOST_CELLS];
} cell_list;

/* Of a window's cells, counted through phases, rows and columns, those from `first` on. */
static void list_cells(const cn_correlation *c, size_t first, cell_list *cells)
{
    const size_t all = c->phases * c->phases * c->rows * c->columns;
    size_t column = first % c->columns, row = first / c->columns % c->rows,
           phase = first / c->columns / c->rows;
    for (cells->count = 0; cells->count < MOST_CELLS && first + cells->count < all; cells->count++) {
        cells->x[cells->count] =
            (ptrdiff_t)(phase * c->x_phase) + (ptrdiff_t)row * c->x_row + (ptrdiff_t)column * c->x_column;
        cells->weight[cells->count] = phase / c->phases * c->weight_phase + phase % c->phases +
                                      row * c->weight_row + column * c->weight_column;
        if (++column == c->columns) {
            column = 0;
            if (++row == c->rows) {
                row = 0;
                phase++;
            }
        }
    }
}

/* The sums of `planes` by `vectors` stay in registers: each vector of x serves all planes, each weight all
 * vectors. Of `ntile` such tiles from position p on. The struct is a copy, since a store of vectors might
 * else change it. */
CN_INLINE void correlate_tile(size_t planes, size_t vectors, const cn_correlation *of, const cell_list *cells,
                              size_t plane, size_t p, size_t ntile)
{
    const cn_correlation c = *of;
    const size_t count = cells->count;
    const real *x_first = (const real *)c.x + p;
    const real *const weights = (const real *)c.weight + plane * c.weight_out;
    real *y = (real *)c.y + plane * c.y_plane + p;
    for (; ntile > 0; ntile--, x_first += vectors * LANES, y += vectors * LANES) {
        lanes sums[4][8];
        UNROLLED
        for (size_t o = 0; o < planes; o++) {
            UNROLLED
            for (size_t v = 0; v < vectors; v++)
                sums[o][v] = c.accumulate ? load_lanes(y + o * c.y_plane + v * LANES) : (lanes){0};
        }
        const real *x_plane = x_first, *weight_plane = weights;
        for (size_t in = 0; in < c.in; in++, x_plane += c.x_plane, weight_plane += c.weight_in)
            for (size_t t = 0; t < count; t++) {
                const real *x = x_plane + cells->x[t], *weight = weight_plane + cells->weight[t];
                UNROLLED
                for (size_t o = 0; o < planes; o++) {
                    UNROLLED
                    for (size_t v = 0; v < vectors; v++)
                        sums[o][v] =
                            LANES_SCALED(weight[o * c.weight_out], load_lanes(x + v * LANES), sums[o][v]);
                }
            }
        UNROLLED
        for (size_t o = 0; o < planes; o++) {
            UNROLLED
            for (size_t v = 0; v < vectors; v++)
                store_lanes(y + o * c.y_plane + v * LANES, sums[o][v]);
        }
    }
}

#define CORRELATE_TILES(X)                                                                                   \
    X(4, 3) X(4, 2) X(4, 1) X(2, 6) X(2, 4) X(2, 2) X(2, 1) X(1, 8) X(1, 4) X(1, 2) X(1, 1)

#define CORRELATE_TILE(planes, vectors)                                                                      \
    static void correlate_##planes##x##vectors(const cn_correlation *c, const cell_list *cells,              \
                                               size_t plane, size_t p, size_t ntile)                         \
    {                                                                                                        \
        correlate_tile(planes, vectors, c, cells, plane, p, ntile);                                          \
    }
CORRELATE_TILES(CORRELATE_TILE)

#define CORRELATE_TILE_ROW(planes, vectors) {planes, vectors, correlate_##planes##x##vectors},
static const struct {
    size_t planes, vectors;
    void (*run)(const cn_correlation *c, const cell_list *cells, size_t plane, size_t p, size_t ntile);
} correlate_tiles[] = {CORRELATE_TILES(CORRELATE_TILE_ROW)}; /* the largest of each number of planes first */

/* All positions of `planes` planes from `plane` on, with the tiles of so many planes. */
static void correlate_planes(const cn_correlation *c, const cell_list *cells, size_t plane, size_t planes)
{
    size_t tile = 0, left = (c->count + LANES - 1) / LANES, p = 0;
    while (correlate_tiles[tile].planes != planes)
        tile++;
    for (; left > 0; tile++) {
        const size_t vectors = correlate_tiles[tile].vectors, ntile = left / vectors;
        if (ntile > 0)
            correlate_tiles[tile].run(c, cells, plane, p, ntile);
        p += ntile * vectors * LANES;
        left -= ntile * vectors;
    }
}

static void correlate(const cn_correlation *correlation)
{
    cn_correlation c = *correlation;
    const size_t cells = c.phases * c.phases * c.rows * c.columns;
    cell_list list;
    for (size_t first = 0; first == 0 || first < cells; first += MOST_CELLS, c.accumulate = true) {
        if (cells > 0)
            list_cells(&c, first, &list);
        else
            list.count = 0;
        for (size_t plane = 0, planes; plane < c.out; plane += planes) {
            planes = c.out - plane >= 4 ? 4 : c.out - plane >= 2 ? 2 : 1;
            correlate_planes(&c, &list, plane, planes);
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

/* ---- Planes and their values --------------------------------------------------------------------------- */

/* Rows that are `vectors` long, the last of them overlapping the one before where the row ends within it. */
CN_INLINE void place_vectors(size_t vectors, size_t columns, size_t rows, const real *from, size_t from_row,
                             real add, real *to, size_t to_row)
{
    const size_t end = columns - LANES;
    for (size_t i = 0; i < rows; i++, from += from_row, to += to_row) {
        UNROLLED
        for (size_t v = 0; v + 1 < vectors; v++)
            store_lanes(to + v * LANES, load_lanes(from + v * LANES) + add);
        store_lanes(to + end, load_lanes(from + end) + add);
    }
}

static void place_rows(const cn_placement *p, const real *from, real add, real *to)
{
    const size_t columns = p->columns, vectors = (columns + LANES - 1) / LANES;
    if (vectors == 2)
        place_vectors(2, columns, p->rows, from, p->from_row, add, to, p->to_row);
    else if (vectors == 4)
        place_vectors(4, columns, p->rows, from, p->from_row, add, to, p->to_row);
    else
        place_vectors(vectors, columns, p->rows, from, p->from_row, add, to, p->to_row);
}

static void place(const cn_placement *placement)
{
    const cn_placement p = *placement;
    const real add = p.add ? *(const real *)p.add : 0;
    const real *from = p.from;
    real *to = p.to;
    if (p.from_column == 1 && p.to_column == 1 && p.columns >= LANES) {
        place_rows(&p, from, add, to);
        return;
    }
    for (size_t i = 0; i < p.rows; i++, from += p.from_row, to += p.to_row)
        for (size_t j = 0; j < p.columns; j++)
            to[j * p.to_column] = from[j * p.from_column] + add;
}

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

/* ---- Pooling ------------------------------------------------------------------------------------------- */

/* A window's rows or columns inside the large plane: from..to of `extent`. */
CN_INLINE void window_of(size_t place, size_t size, size_t before, size_t extent, size_t *from, size_t *to)
{
    const size_t start = place * size;
    *from = start > before ? start - before : 0;
    *to = smaller(start + size - before, extent);
}

/* Whether every window is whole and 2 x 2, and a row of them a vector long: then it goes by vectors. */
static bool whole_pairs(const cn_pooling *p)
{
    return p->size == 2 && p->height == 2 * p->small_height && p->width == 2 * p->small_width &&
           p->small_width >= LANES;
}

/* Two vectors' even and odd places, and two such made one row again; where(mask, a, b) is a where mask is
 * set, else b. */
typedef __typeof__((lanes){0} > (lanes){0}) masks;

#define SHUFFLED(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

CN_INLINE lanes evens(lanes a, lanes b)
{
    return SHUFFLED(a, b, EVEN_PLACES);
}

CN_INLINE lanes odds(lanes a, lanes b)
{
    return SHUFFLED(a, b, ODD_PLACES);
}

CN_INLINE void store_pairs(real *to, lanes even, lanes odd)
{
    store_lanes(to, SHUFFLED(even, odd, LOWER_PLACES));
    store_lanes(to + LANES, SHUFFLED(even, odd, UPPER_PLACES));
}

CN_INLINE lanes where(masks mask, lanes a, lanes b)
{
#ifdef LANES_WHERE
    return LANES_WHERE((lanes)mask, a, b);
#else
    return (lanes)((mask & (masks)a) | (~mask & (masks)b));
#endif
}

/* Vectors over a row of `columns` >= LANES, the last overlapping the one before where the row ends within
 * it. */
#define OVER_ROW(columns, j)                                                                                 \
    for (size_t j = 0; j < (columns);                                                                        \
         j = j + LANES < (columns) && j + 2 * LANES > (columns) ? (columns)-LANES : j + LANES)

CN_INLINE void max_pairs(const real *upper, const real *lower, real bias, real *y, real *which)
{
    const lanes zero = {0}, one = zero + 1, two = zero + 2, three = zero + 3;
    const lanes upper0 = load_lanes(upper), upper1 = load_lanes(upper + LANES);
    const lanes lower0 = load_lanes(lower), lower1 = load_lanes(lower + LANES);
    const lanes a = evens(upper0, upper1), b = odds(upper0, upper1);
    const lanes c = evens(lower0, lower1), d = odds(lower0, lower1);
    const masks second = b > a, fourth = d > c;
    const lanes ab = where(second, b, a), cd = where(fourth, d, c);
    const masks below = cd > ab;
    store_lanes(y, where(below, cd, ab) + bias);
    if (which)
        store_lanes(which, where(below, where(fourth, three, two), where(second, one, zero)));
}

static void max_row(size_t columns, const real *upper, const real *lower, real bias, real *y, real *which)
{
    if (which)
        OVER_ROW(columns, j)
    max_pairs(upper + 2 * j, lower + 2 * j, bias, y + j, which + j);
    else OVER_ROW(columns, j) max_pairs(upper + 2 * j, lower + 2 * j, bias, y + j, NULL);
}

static void spread_row(size_t columns, const real *dy, const real *which, real *upper, real *lower)
{
    const lanes zero = {0};
    OVER_ROW(columns, j)
    {
        const lanes slope = load_lanes(dy + j), place = load_lanes(which + j);
        store_pairs(upper + 2 * j, where(place == zero, slope, zero), where(place == zero + 1, slope, zero));
        store_pairs(lower + 2 * j, where(place == zero + 2, slope, zero),
                    where(place == zero + 3, slope, zero));
    }
}

static void repeat_row(size_t columns, const real *x, real factor, real *upper, real *lower)
{
    OVER_ROW(columns, j)
    {
        const lanes value = load_lanes(x + j) * factor;
        store_pairs(upper + 2 * j, value, value);
        store_pairs(lower + 2 * j, value, value);
    }
}

static void sum_row(size_t columns, const real *upper, const real *lower, real factor, real *y)
{
    OVER_ROW(columns, j)
    {
        const lanes upper0 = load_lanes(upper + 2 * j), upper1 = load_lanes(upper + 2 * j + LANES);
        const lanes lower0 = load_lanes(lower + 2 * j), lower1 = load_lanes(lower + 2 * j + LANES);
        store_lanes(y + j, ((evens(upper0, upper1) + odds(upper0, upper1)) +
                            (evens(lower0, lower1) + odds(lower0, lower1))) *
                               factor);
    }
}

/* y = the largest of each window, which[] (NULL: not wanted) its place there, counted along the rows: the
 * first one of equals. */
static void pool_max(const cn_pooling *p, const void *x, void *y, void *which)
{
    const real *plane = x;
    real *best = y;
    const bool pairs = whole_pairs(p);
    for (size_t c = 0; c < p->planes; c++, plane += p->large_plane)
        for (size_t i = 0; i < p->small_height; i++, best += p->small_width) {
            const real bias = p->bias ? ((const real *)p->bias)[c] : 0;
            real *place = which ? (real *)which + (best - (real *)y) : NULL;
            if (pairs) {
                const real *upper = plane + 2 * i * p->large_row;
                max_row(p->small_width, upper, upper + p->large_row, bias, best, place);
                continue;
            }
            size_t top, bottom, left, right;
            window_of(i, p->size, p->top, p->height, &top, &bottom);
            for (size_t j = 0; j < p->small_width; j++) {
                window_of(j, p->size, p->left, p->width, &left, &right);
                size_t row = top, column = left;
                for (size_t h = top; h < bottom; h++)
                    for (size_t w = left; w < right; w++)
                        if (plane[h * p->large_row + w] > plane[row * p->large_row + column]) {
                            row = h;
                            column = w;
                        }
                best[j] = plane[row * p->large_row + column] + bias;
                if (place)
                    place[j] =
                        (real)((row + p->top - i * p->size) * p->size + column + p->left - j * p->size);
            }
        }
}

/* dx = dy where the largest was, else 0. */
static void pool_max_backward(const cn_pooling *p, const void *dy, const void *which, void *dx)
{
    const real *slope = dy, *place = which;
    real *plane = dx;
    const bool pairs = whole_pairs(p);
    for (size_t c = 0; c < p->planes; c++, plane += p->large_plane) {
        for (size_t h = 0; !pairs && h < p->height; h++)
            memset(plane + h * p->large_row, 0, p->width * sizeof(real));
        for (size_t i = 0; i < p->small_height; i++, slope += p->small_width, place += p->small_width) {
            if (pairs) {
                real *upper = plane + 2 * i * p->large_row;
                spread_row(p->small_width, slope, place, upper, upper + p->large_row);
                continue;
            }
            for (size_t j = 0; j < p->small_width; j++) {
                const size_t k = (size_t)place[j];
                plane[(i * p->size + k / p->size - p->top) * p->large_row + j * p->size + k % p->size -
                      p->left] = slope[j];
            }
        }
    }
}

/* y = the sum of each window, or the mean of what lies inside. */
static void pool_sum(const cn_pooling *p, bool mean, const void *x, void *y)
{
    const real *plane = x;
    real *sums = y;
    const bool pairs = whole_pairs(p);
    for (size_t c = 0; c < p->planes; c++, plane += p->large_plane)
        for (size_t i = 0; i < p->small_height; i++, sums += p->small_width) {
            if (pairs) {
                const real *upper = plane + 2 * i * p->large_row;
                sum_row(p->small_width, upper, upper + p->large_row, mean ? (real)0.25 : 1, sums);
                continue;
            }
            size_t top, bottom, left, right;
            window_of(i, p->size, p->top, p->height, &top, &bottom);
            for (size_t j = 0; j < p->small_width; j++) {
                window_of(j, p->size, p->left, p->width, &left, &right);
                real sum = 0;
                for (size_t h = top; h < bottom; h++)
                    for (size_t w = left; w < right; w++)
                        sum += plane[h * p->large_row + w];
                sums[j] = mean ? sum / (real)((bottom - top) * (right - left)) : sum;
            }
        }
}

/* y = each small cell all over its window; with `mean` divided by the number of cells inside. */
static void pool_repeat(const cn_pooling *p, bool mean, const void *x, void *y)
{
    const real *cells = x;
    real *plane = y;
    const bool pairs = whole_pairs(p);
    for (size_t c = 0; c < p->planes; c++, plane += p->large_plane)
        for (size_t i = 0; i < p->small_height; i++, cells += p->small_width) {
            if (pairs) {
                real *upper = plane + 2 * i * p->large_row;
                repeat_row(p->small_width, cells, mean ? (real)0.25 : 1, upper, upper + p->large_row);
                continue;
            }
            size_t top, bottom, left, right;
            window_of(i, p->size, p->top, p->height, &top, &bottom);
            for (size_t j = 0; j < p->small_width; j++) {
                window_of(j, p->size, p->left, p->width, &left, &right);
                const real value = mean ? cells[j] / (real)((bottom - top) * (right - left)) : cells[j];
                for (size_t h = top; h < bottom; h++)
                    for (size_t w = left; w < right; w++)
                        plane[h * p->large_row + w] = value;
            }
        }
}

#define CN_KERNELS_PLANES                                                                                    \
    .correlate = correlate, .correlation_sums = correlation_sums, .place = place, .plane_sums = plane_sums,  \
    .pool_max = pool_max, .pool_max_backward = pool_max_backward, .pool_sum = pool_sum,                      \
    .pool_repeat = pool_repeat
