/* The kernels over bundles (math/bundles.h): what is the same in every table. The includer has included
 * kernels_pools.h. A bundle is PARTS vectors; each kernel goes through one part of all bundles, then the
 * next, so that a tile is made of whole vectors whatever their size. */
#include "math/bundles.h"

enum { PARTS = CN_BUNDLE / LANES };

CN_INLINE lanes load_part(const real *from)
{
    return *(const lanes *)from;
}

CN_INLINE void store_part(real *to, lanes values)
{
    *(lanes *)to = values;
}

/* ---- Sums ---------------------------------------------------------------------------------------------- */

/* Some planes' weights of one view's cells, of `in` planes of x, in the order in which they are wanted:
 * [in][ncell][planes]. */
static void pack_taps(const cn_bundle_sums *s, const cn_view *view, size_t plane, size_t planes, size_t first,
                      size_t in, real *to)
{
    const real *from = (const real *)s->weight + plane * s->weight_out + first * s->weight_in;
    for (size_t i = 0; i < in; i++, from += s->weight_in)
        for (size_t c = 0; c < view->ncell; c++)
            for (size_t o = 0; o < planes; o++)
                *to++ = from[view->taps[c] + o * s->weight_out];
}

/* One go: so many planes of x, all in reals. */
typedef struct going {
    size_t in, ncell, x_plane, y_plane;
    const size_t *offsets;
    bool more;                  /* on top of what is in y */
    const real *weights, *bias; /* bias: 0 until the last go */
} going;

/* `planes` by `places` sums stay in registers: each x that is loaded serves all planes, each weight all
 * places. Of ntile such tiles one after the other. */
CN_INLINE void sums_tile(size_t planes, size_t places, const going *go, const real *x, size_t x_step, real *y,
                         size_t y_step, size_t ntile)
{
    const size_t in_planes = go->in, ncell = go->ncell, x_plane = go->x_plane, y_plane = go->y_plane;
    const size_t *const offsets = go->offsets;
    const real *const bias = go->bias;
    for (; ntile > 0; ntile--, x += places * x_step, y += places * y_step) {
        lanes sums[8][14];
        UNROLLED
        for (size_t o = 0; o < planes; o++) {
            UNROLLED
            for (size_t p = 0; p < places; p++) {
                if (go->more)
                    sums[o][p] = load_part(y + o * y_plane + p * y_step);
                else
                    sums[o][p] = (lanes){0};
            }
        }
        const real *weight = go->weights, *from = x;
        for (size_t i = 0; i < in_planes; i++, from += x_plane)
            for (size_t c = 0; c < ncell; c++, weight += planes) {
                const real *cell = from + offsets[c];
                UNROLLED
                for (size_t o = 0; o < planes; o++) {
                    UNROLLED
                    for (size_t p = 0; p < places; p++)
                        sums[o][p] = LANES_SCALED(weight[o], load_part(cell + p * x_step), sums[o][p]);
                }
            }
        UNROLLED
        for (size_t o = 0; o < planes; o++) {
            UNROLLED
            for (size_t p = 0; p < places; p++)
                store_part(y + o * y_plane + p * y_step, sums[o][p] + bias[o]);
        }
    }
}

/* As many sums as the registers hold; of each number of planes the largest tile first, one place last. */
#ifdef MANY_REGISTERS
#define SUMS_TILES(X)                                                                                        \
    X(8, 3)                                                                                                  \
    X(8, 1)                                                                                                  \
    X(4, 6) X(4, 2) X(4, 1) X(2, 8) X(2, 3) X(2, 1) X(1, 14) X(1, 13) X(1, 12) X(1, 6) X(1, 3) X(1, 2) X(1, 1)
#else
#define SUMS_TILES(X)                                                                                        \
    X(4, 3) X(4, 1) X(2, 4) X(2, 1) X(1, 14) X(1, 13) X(1, 12) X(1, 6) X(1, 3) X(1, 2) X(1, 1)
#endif

#define SUMS_TILE(planes, places)                                                                            \
    static void sums_##planes##x##places(const going *go, const real *x, size_t x_step, real *y,             \
                                         size_t y_step, size_t ntile)                                        \
    {                                                                                                        \
        sums_tile(planes, places, go, x, x_step, y, y_step, ntile);                                          \
    }
SUMS_TILES(SUMS_TILE)

#define SUMS_TILE_ROW(planes, places) {planes, places, sums_##planes##x##places},
static const struct sums_tiles {
    size_t planes, places;
    void (*run)(const going *go, const real *x, size_t x_step, real *y, size_t y_step, size_t ntile);
} sums_tiles[] = {SUMS_TILES(SUMS_TILE_ROW)};

/* What is left behind the last whole tile goes by one that overlaps it: that costs what a smaller one would,
 * whose few sums have to wait for themselves. Not where sums go on top of what is there. */
static void sums_run(const struct sums_tiles *tile, const going *go, const cn_run *run, const real *x,
                     real *y)
{
    const size_t x_step = run->x_step * CN_BUNDLE, y_step = run->y_step * CN_BUNDLE;
    x += run->x * CN_BUNDLE;
    y += run->y * CN_BUNDLE;
    for (size_t left = run->count; left > 0; tile++) {
        const size_t ntile = left / tile->places, places = ntile * tile->places;
        if (ntile == 0)
            continue;
        tile->run(go, x, x_step, y, y_step, ntile);
        x += places * x_step;
        y += places * y_step;
        left -= places;
        if (left > 0 && !go->more) {
            const size_t back = tile->places - left;
            tile->run(go, x - back * x_step, x_step, y - back * y_step, y_step, 1);
            return;
        }
    }
}

/* All places of one view of some planes. */
static void sums_planes(const cn_bundle_sums *s, const cn_view *view, const struct sums_tiles *tile,
                        size_t plane)
{
    static const real none[8];
    real weights[MOST_WEIGHTS], bias[8] = {0};
    size_t offsets[CN_MOST_CELLS];
    const size_t most = MOST_WEIGHTS / tile->planes / (view->ncell ? view->ncell : 1);
    going go = {.ncell = view->ncell,
                .x_plane = s->x_plane * CN_BUNDLE,
                .y_plane = s->y_plane * CN_BUNDLE,
                .offsets = offsets,
                .weights = weights};
    for (size_t c = 0; c < view->ncell; c++)
        offsets[c] = view->offsets[c] * CN_BUNDLE;
    for (size_t o = 0; s->bias && o < tile->planes; o++)
        bias[o] = ((const real *)s->bias)[plane + o];
    for (size_t first = 0; first == 0 || first < s->in; first += most, go.more = true) {
        go.in = smaller(s->in - first, most);
        go.bias = s->in - first <= most ? bias : none;
        pack_taps(s, view, plane, tile->planes, first, go.in, weights);
        for (size_t part = 0; part < PARTS; part++)
            for (size_t r = 0; r < view->nrun; r++)
                sums_run(tile, &go, &view->runs[r],
                         (const real *)s->x + first * s->x_plane * CN_BUNDLE + part * LANES,
                         (real *)s->y + plane * s->y_plane * CN_BUNDLE + part * LANES);
    }
}

static void bundle_sums(const cn_bundle_sums *s)
{
    const struct sums_tiles *tile = sums_tiles;
    for (size_t plane = 0; plane < s->out; plane += tile->planes) {
        while (tile->planes > s->out - plane)
            tile++;
        for (size_t v = 0; v < s->nview; v++)
            sums_planes(s, &s->views[v], tile, plane);
    }
}

/* ---- Products ------------------------------------------------------------------------------------------ */

/* `planes` of z by `cells` of x: their sums stay in registers over all runs of a view. */
CN_INLINE void products_tile(size_t planes, size_t cells, const cn_view *view, const real *z, size_t z_plane,
                             const real *x, const size_t *offsets, real *const *sums, size_t sum_out)
{
    lanes totals[8][16];
    const real *from[16];
    UNROLLED
    for (size_t c = 0; c < cells; c++) {
        from[c] = x + offsets[c];
        UNROLLED
        for (size_t o = 0; o < planes; o++)
            totals[o][c] = load_part(sums[c] + o * sum_out);
    }
    for (size_t r = 0; r < view->nrun; r++) {
        const cn_run run = view->runs[r];
        const real *slope = z + run.y * CN_BUNDLE;
        size_t place = run.x * CN_BUNDLE;
        for (size_t n = run.count; n > 0;
             n--, place += run.x_step * CN_BUNDLE, slope += run.y_step * CN_BUNDLE) {
            lanes slopes[8];
            UNROLLED
            for (size_t o = 0; o < planes; o++)
                slopes[o] = load_part(slope + o * z_plane);
            UNROLLED
            for (size_t c = 0; c < cells; c++) {
                const lanes value = load_part(from[c] + place);
                UNROLLED
                for (size_t o = 0; o < planes; o++)
                    totals[o][c] = LANES_FUSED(slopes[o], value, totals[o][c]);
            }
        }
    }
    UNROLLED
    for (size_t c = 0; c < cells; c++) {
        UNROLLED
        for (size_t o = 0; o < planes; o++)
            store_part(sums[c] + o * sum_out, totals[o][c]);
    }
}

#ifdef MANY_REGISTERS
#define PRODUCTS_TILES(X)                                                                                    \
    X(4, 5) X(4, 4) X(4, 2) X(4, 1) X(2, 9) X(2, 4) X(2, 2) X(2, 1) X(1, 16) X(1, 9) X(1, 4) X(1, 2) X(1, 1)
#else
#define PRODUCTS_TILES(X) X(4, 2) X(4, 1) X(2, 4) X(2, 2) X(2, 1) X(1, 9) X(1, 4) X(1, 2) X(1, 1)
#endif

#define PRODUCTS_TILE(planes, cells)                                                                         \
    static void products_##planes##x##cells(const cn_view *view, const real *z, size_t z_plane,              \
                                            const real *x, const size_t *offsets, real *const *sums,         \
                                            size_t sum_out)                                                  \
    {                                                                                                        \
        products_tile(planes, cells, view, z, z_plane, x, offsets, sums, sum_out);                           \
    }
PRODUCTS_TILES(PRODUCTS_TILE)

#define PRODUCTS_TILE_ROW(planes, cells) {planes, cells, products_##planes##x##cells},
static const struct products_tiles {
    size_t planes, cells;
    void (*run)(const cn_view *view, const real *z, size_t z_plane, const real *x, const size_t *offsets,
                real *const *sums, size_t sum_out);
} products_tiles[] = {PRODUCTS_TILES(PRODUCTS_TILE_ROW)};

/* Some planes of z with all of x, the cells of one plane of x after those of another. */
static void products_planes(const cn_bundle_products *p, const cn_view *view,
                            const struct products_tiles *tile, size_t plane)
{
    const size_t all = p->in * view->ncell;
    const real *z = (const real *)p->z + plane * p->z_plane * CN_BUNDLE, *x = p->x;
    real *first = (real *)p->sums + plane * p->sum_out * CN_BUNDLE;
    size_t in = 0, cell = 0;
    for (size_t done = 0; done < all; done += tile->cells) {
        size_t offsets[16];
        real *sums[16];
        while (tile->cells > all - done)
            tile++;
        for (size_t c = 0; c < tile->cells; c++) {
            offsets[c] = (in * p->x_plane + view->offsets[cell]) * CN_BUNDLE;
            sums[c] = first + (in * p->sum_in + view->taps[cell]) * CN_BUNDLE;
            if (++cell == view->ncell) {
                cell = 0;
                in++;
            }
        }
        for (size_t part = 0; part < PARTS; part++) {
            real *parts[16];
            for (size_t c = 0; c < tile->cells; c++)
                parts[c] = sums[c] + part * LANES;
            tile->run(view, z + part * LANES, p->z_plane * CN_BUNDLE, x + part * LANES, offsets, parts,
                      p->sum_out * CN_BUNDLE);
        }
    }
}

static void bundle_products(const cn_bundle_products *p)
{
    const struct products_tiles *tile = products_tiles;
    for (size_t plane = 0; plane < p->out; plane += tile->planes) {
        while (tile->planes > p->out - plane)
            tile++;
        for (size_t v = 0; v < p->nview; v++)
            if (p->views[v].ncell)
                products_planes(p, &p->views[v], tile, plane);
    }
}

/* Four sums at a time, so that none waits for the one before it. */
static void bundle_totals(size_t planes, size_t plane, const void *x, void *sums)
{
    enum { FOUR = 4 };
    const real *from = x;
    for (size_t c = 0; c < planes; c++)
        for (size_t part = 0; part < PARTS; part++) {
            real *to = (real *)sums + c * CN_BUNDLE + part * LANES;
            const real *values = from + c * plane * CN_BUNDLE + part * LANES;
            lanes totals[FOUR] = {{0}};
            size_t i = 0;
            for (; i + FOUR <= plane; i += FOUR) {
                UNROLLED
                for (size_t k = 0; k < FOUR; k++)
                    totals[k] += load_part(values + (i + k) * CN_BUNDLE);
            }
            for (; i < plane; i++)
                totals[0] += load_part(values + i * CN_BUNDLE);
            store_part(to, load_part(to) + ((totals[0] + totals[1]) + (totals[2] + totals[3])));
        }
}

/* Two bundles at a time, so that no sum waits for the one before it. */
static void bundle_add(size_t count, const void *bundles, double *sums)
{
    enum { TWO = 2 * CN_BUNDLE };
    const real *from = bundles;
    double totals[TWO] = {0};
    for (size_t i = 0; i < count / 2; i++) {
        CN_INDEPENDENT
        for (size_t r = 0; r < TWO; r++)
            totals[r] += (double)from[i * TWO + r];
    }
    for (size_t r = 0; count % 2 && r < CN_BUNDLE; r++)
        totals[r] += (double)from[(count - 1) * CN_BUNDLE + r];
    for (size_t r = 0; r < CN_BUNDLE; r++)
        sums[r] += totals[r] + totals[CN_BUNDLE + r];
}

static void bundle_fold(size_t count, const void *bundles, void *reals)
{
    for (size_t i = 0; i < count; i++) {
        real values[CN_BUNDLE];
        memcpy(values, (const real *)bundles + i * CN_BUNDLE, sizeof values);
        for (size_t half = CN_BUNDLE / 2; half > 0; half /= 2)
            for (size_t j = 0; j < half; j++)
                values[j] += values[j + half];
        ((real *)reals)[i] = values[0];
    }
}

/* ---- Rows into bundles --------------------------------------------------------------------------------- */

/* LANES rows of LANES values turned: each round makes one row of two that lie half of them apart. */
CN_INLINE void turn(lanes rows[LANES])
{
    UNROLLED
    for (size_t round = 1; round < LANES; round *= 2) {
        lanes turned[LANES];
        UNROLLED
        for (size_t i = 0; i < LANES / 2; i++) {
            turned[2 * i] = SHUFFLED(rows[i], rows[i + LANES / 2], LOWER_PLACES);
            turned[2 * i + 1] = SHUFFLED(rows[i], rows[i + LANES / 2], UPPER_PLACES);
        }
        UNROLLED
        for (size_t i = 0; i < LANES; i++)
            rows[i] = turned[i];
    }
}

static void bundle_split(size_t count, size_t nvalue, size_t stride, const void *rows, size_t step,
                         void *bundles)
{
    const real *from = rows;
    real *to = bundles;
    for (size_t first = 0; first < CN_BUNDLE; first += LANES)
        for (size_t f = 0; f < nvalue; f += LANES) {
            const size_t values = smaller(nvalue - f, LANES);
            lanes block[LANES];
            for (size_t r = 0; r < LANES; r++)
                block[r] = first + r < count ? load_lanes(from + (first + r) * stride + f) : (lanes){0};
            turn(block);
            for (size_t i = 0; i < values; i++)
                store_part(to + (f + i) * step + first, block[i]);
        }
}

static void bundle_join(size_t count, size_t nvalue, size_t step, const void *bundles, size_t stride,
                        void *rows)
{
    const real *from = bundles;
    real *to = rows;
    for (size_t first = 0; first < count; first += LANES)
        for (size_t f = 0; f < nvalue; f += LANES) {
            const size_t nrow = smaller(count - first, LANES);
            lanes block[LANES];
            for (size_t i = 0; i < LANES; i++)
                block[i] = f + i < nvalue ? load_part(from + (f + i) * step + first) : (lanes){0};
            turn(block);
            for (size_t r = 0; r < nrow; r++)
                store_lanes(to + (first + r) * stride + f, block[r]);
        }
}

/* ---- Pooling ------------------------------------------------------------------------------------------- */

/* One window: its first cell in the large plane, its rows and columns that lie in it, and the place of the
 * first cell in a whole window. */
typedef struct pool_window {
    size_t cell, rows, columns, place;
} pool_window;

CN_INLINE pool_window pool_window_of(const cn_pooling *p, size_t i, size_t j)
{
    size_t top, bottom, left, right;
    window_of(i, p->size, p->top, p->height, &top, &bottom);
    window_of(j, p->size, p->left, p->width, &left, &right);
    return (pool_window){.cell = top * p->large_row + left,
                         .rows = bottom - top,
                         .columns = right - left,
                         .place = (top + p->top - i * p->size) * p->size + left + p->left - j * p->size};
}

/* Whether all windows are whole and 2 x 2: then their cells are written out. */
CN_INLINE bool all_pairs(const cn_pooling *p)
{
    return p->size == 2 && p->height == 2 * p->small_height && p->width == 2 * p->small_width;
}

/* Every small cell in order, and where its reals begin. */
#define OVER_WINDOWS(p, c, i, j)                                                                             \
    for (size_t c = 0; c < (p)->planes; c++)                                                                 \
        for (size_t i = 0; i < (p)->small_height; i++)                                                       \
            for (size_t j = 0; j < (p)->small_width; j++)
#define SMALL_CELL(p, c, i, j) ((((c) * (p)->small_height + (i)) * (p)->small_width + (j)) * CN_BUNDLE)

CN_INLINE void max_window(const real *first, size_t row, const pool_window *w, size_t size, real *y,
                          real *which)
{
    lanes best = load_part(first), place = (lanes){0} + (real)w->place;
    for (size_t h = 0; h < w->rows; h++)
        for (size_t k = 0; k < w->columns; k++) {
            const lanes value = load_part(first + h * row + k * CN_BUNDLE);
            const masks more = GREATER(value, best);
            const real here = (real)(w->place + h * size + k);
            best = where(more, value, best);
            place = where(more, (lanes){0} + here, place);
        }
    store_part(y, best);
    if (which)
        store_part(which, place);
}

CN_INLINE void max_pair(const real *first, size_t row, real *y, real *which)
{
    const lanes zero = {0}, a = load_part(first), b = load_part(first + CN_BUNDLE),
                c = load_part(first + row), d = load_part(first + row + CN_BUNDLE);
    const masks second = GREATER(b, a), fourth = GREATER(d, c);
    const lanes ab = where(second, b, a), cd = where(fourth, d, c);
    const masks below = GREATER(cd, ab);
    store_part(y, where(below, cd, ab));
    if (which)
        store_part(which, where(below, where(fourth, zero + 3, zero + 2), where(second, zero + 1, zero)));
}

static void bundle_max(const cn_pooling *p, const void *x, void *y, void *which)
{
    const bool pairs = all_pairs(p);
    const size_t row = p->large_row * CN_BUNDLE;
    OVER_WINDOWS(p, c, i, j)
    {
        const size_t small = SMALL_CELL(p, c, i, j);
        const pool_window w =
            pairs ? (pool_window){2 * (i * p->large_row + j), 2, 2, 0} : pool_window_of(p, i, j);
        const real *first = (const real *)x + (c * p->large_plane + w.cell) * CN_BUNDLE;
        for (size_t part = 0; part < CN_BUNDLE; part += LANES) {
            real *to = (real *)y + small + part, *place = which ? (real *)which + small + part : NULL;
            if (pairs)
                max_pair(first + part, row, to, place);
            else
                max_window(first + part, row, &w, p->size, to, place);
        }
    }
}

CN_INLINE void spread_window(lanes slope, lanes place, size_t row, const pool_window *w, size_t size,
                             real *first)
{
    const lanes zero = {0};
    for (size_t h = 0; h < w->rows; h++)
        for (size_t k = 0; k < w->columns; k++)
            store_part(first + h * row + k * CN_BUNDLE,
                       where(EQUAL(place, zero + (real)(w->place + h * size + k)), slope, zero));
}

CN_INLINE void spread_pair(lanes slope, lanes place, size_t row, real *first)
{
    const lanes zero = {0};
    store_part(first, where(EQUAL(place, zero), slope, zero));
    store_part(first + CN_BUNDLE, where(EQUAL(place, zero + 1), slope, zero));
    store_part(first + row, where(EQUAL(place, zero + 2), slope, zero));
    store_part(first + row + CN_BUNDLE, where(EQUAL(place, zero + 3), slope, zero));
}

static void bundle_max_backward(const cn_pooling *p, const void *dy, const void *which, void *dx)
{
    const bool pairs = all_pairs(p);
    const size_t row = p->large_row * CN_BUNDLE;
    OVER_WINDOWS(p, c, i, j)
    {
        const size_t small = SMALL_CELL(p, c, i, j);
        const pool_window w =
            pairs ? (pool_window){2 * (i * p->large_row + j), 2, 2, 0} : pool_window_of(p, i, j);
        real *first = (real *)dx + (c * p->large_plane + w.cell) * CN_BUNDLE;
        for (size_t part = 0; part < CN_BUNDLE; part += LANES) {
            const lanes slope = load_part((const real *)dy + small + part),
                        place = load_part((const real *)which + small + part);
            if (pairs)
                spread_pair(slope, place, row, first + part);
            else
                spread_window(slope, place, row, &w, p->size, first + part);
        }
    }
}

/* Of windows' cells: their sum or mean. */
static void bundle_sum(const cn_pooling *p, bool mean, const void *x, void *y)
{
    const size_t row = p->large_row * CN_BUNDLE;
    OVER_WINDOWS(p, c, i, j)
    {
        const pool_window w = pool_window_of(p, i, j);
        const real *first = (const real *)x + (c * p->large_plane + w.cell) * CN_BUNDLE;
        const lanes cells = (lanes){0} + (mean ? (real)(w.rows * w.columns) : 1);
        for (size_t part = 0; part < CN_BUNDLE; part += LANES) {
            lanes sum = {0};
            for (size_t h = 0; h < w.rows; h++)
                for (size_t k = 0; k < w.columns; k++)
                    sum += load_part(first + part + h * row + k * CN_BUNDLE);
            store_part((real *)y + SMALL_CELL(p, c, i, j) + part, sum / cells);
        }
    }
}

static void bundle_repeat(const cn_pooling *p, bool mean, const void *x, void *y)
{
    const size_t row = p->large_row * CN_BUNDLE;
    OVER_WINDOWS(p, c, i, j)
    {
        const pool_window w = pool_window_of(p, i, j);
        real *first = (real *)y + (c * p->large_plane + w.cell) * CN_BUNDLE;
        const lanes cells = (lanes){0} + (mean ? (real)(w.rows * w.columns) : 1);
        for (size_t part = 0; part < CN_BUNDLE; part += LANES) {
            const lanes value = load_part((const real *)x + SMALL_CELL(p, c, i, j) + part) / cells;
            for (size_t h = 0; h < w.rows; h++)
                for (size_t k = 0; k < w.columns; k++)
                    store_part(first + part + h * row + k * CN_BUNDLE, value);
        }
    }
}

#define CN_KERNELS_BUNDLES                                                                                   \
    .bundle_sums = bundle_sums, .bundle_products = bundle_products, .bundle_totals = bundle_totals,          \
    .bundle_split = bundle_split, .bundle_join = bundle_join, .bundle_max = bundle_max,                      \
    .bundle_max_backward = bundle_max_backward, .bundle_sum = bundle_sum, .bundle_repeat = bundle_repeat,    \
    .bundle_add = bundle_add, .bundle_fold = bundle_fold
