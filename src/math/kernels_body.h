/* The kernels around the two tiles: what is the same in every table. The includer defines `real`, then
 * includes kernels_plain.h or kernels_vector.h for product_tile, outer_tile, TILE_ROWS and TILE_COUNTS, then
 * this, and says CN_KERNELS_BODY(name) in its table. */
#include <string.h>

#include "base/memory.h"
#include "math/elementwise.h"
#include "math/kernels.h"
#include "math/tree.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- Activations --------------------------------------------------------------------------------------- */

/* Over [rows][16] of one stride; z may be y, dz may be dy. */
typedef void value_strip(size_t rows, size_t stride, const real *z, real *y);
typedef void slope_strip(size_t rows, size_t stride, const real *z, const real *y, const real *dy, real *dz);

#define STRIPS(constant, name, needs_input, equation, f, df, ddf)                                            \
    static void value_##name(size_t rows, size_t stride, const real *inputs, real *outputs)                  \
    {                                                                                                        \
        for (size_t r = 0; r < rows; r++, inputs += stride, outputs += stride) {                             \
            CN_INDEPENDENT                                                                                   \
            for (size_t j = 0; j < COLUMNS; j++) {                                                           \
                const real z = inputs[j];                                                                    \
                outputs[j] = (real)(f);                                                                      \
            }                                                                                                \
        }                                                                                                    \
    }                                                                                                        \
                                                                                                             \
    static void slope_##name(size_t rows, size_t stride, const real *inputs, const real *outputs,            \
                             const real *dy, real *dz)                                                       \
    {                                                                                                        \
        for (size_t r = 0; r < rows; r++, inputs += stride, outputs += stride, dy += stride, dz += stride) { \
            CN_INDEPENDENT                                                                                   \
            for (size_t j = 0; j < COLUMNS; j++) {                                                           \
                const real z = inputs[j], y = outputs[j];                                                    \
                (void)z, (void)y;                                                                            \
                dz[j] = dy[j] * (real)(df);                                                                  \
            }                                                                                                \
        }                                                                                                    \
    }
CN_ACTIVATIONS(STRIPS)

#define VALUE_STRIP(constant, name, ...) value_##name,
#define SLOPE_STRIP(constant, name, ...) slope_##name,
static value_strip *const value_strips[] = {CN_ACTIVATIONS(VALUE_STRIP)};
static slope_strip *const slope_strips[] = {CN_ACTIVATIONS(SLOPE_STRIP)};

/* Some rows at a time, so that a strip is worth its call, and stays in reach of the next. A narrow end goes
 * through the same code as everything else, in a copy of 16 columns. */
enum { STRIP_ROWS = 8 };

static void value_rows(value_strip *strip, size_t rows, size_t width, size_t stride, const real *z, real *y)
{
    const size_t whole = width / COLUMNS * COLUMNS, end = (width - whole) * sizeof(real);
    for (size_t j = 0; j < whole; j += COLUMNS)
        strip(rows, stride, z + j, y + j);
    for (size_t r = 0; end && r < rows; r++) {
        real copy[COLUMNS] = {0};
        memcpy(copy, z + r * stride + whole, end);
        strip(1, COLUMNS, copy, copy);
        memcpy(y + r * stride + whole, copy, end);
    }
}

static void slope_rows(slope_strip *strip, size_t rows, size_t width, size_t stride, const real *z,
                       const real *y, const real *dy, real *dz)
{
    const size_t whole = width / COLUMNS * COLUMNS, end = (width - whole) * sizeof(real);
    for (size_t j = 0; j < whole; j += COLUMNS)
        strip(rows, stride, z + j, y + j, dy + j, dz + j);
    for (size_t r = 0; end && r < rows; r++) {
        const size_t start = r * stride + whole;
        real copies[3][COLUMNS] = {{0}};
        memcpy(copies[0], z + start, end);
        memcpy(copies[1], y + start, end);
        memcpy(copies[2], dy + start, end);
        strip(1, COLUMNS, copies[0], copies[1], copies[2], copies[2]);
        memcpy(dz + start, copies[2], end);
    }
}

static void activate(cn_activation activation, size_t rows, size_t width, size_t stride, const void *z,
                     void *y)
{
    for (size_t r = 0; r < rows; r += STRIP_ROWS)
        value_rows(value_strips[activation], smaller(rows - r, STRIP_ROWS), width, stride,
                   (const real *)z + r * stride, (real *)y + r * stride);
}

static void activate_backward(cn_activation activation, size_t rows, size_t width, size_t stride,
                              const void *z, const void *y, const void *dy, void *dz)
{
    if (!z)
        z = y;
    for (size_t r = 0; r < rows; r += STRIP_ROWS)
        slope_rows(slope_strips[activation], smaller(rows - r, STRIP_ROWS), width, stride,
                   (const real *)z + r * stride, (const real *)y + r * stride, (const real *)dy + r * stride,
                   (real *)dz + r * stride);
}

/* ---- Products ------------------------------------------------------------------------------------------ */

#include "math/kernels_row.h"

static const unsigned char product_most[] = {PRODUCT_MOST}, product_good[] = {PRODUCT_GOOD},
                           outer_most[] = {OUTER_MOST};

/* The next of tiles as equal as can be, of `most` rows at most. */
static size_t equal_part(size_t left, size_t most)
{
    const size_t tiles = (left + most - 1) / most;
    return (left + tiles - 1) / tiles;
}

/* How many panels the next tile has: of few rows so many that the sums fill the registers, of more the best; and
 * such that not a single one is left for the last. */
static size_t panels_at_once(const unsigned char *most, size_t rows, size_t left)
{
    size_t panels = MOST_PANELS;
    while (panels > 1 && rows > most[panels])
        panels--;
    if (panels == 1)
        panels = BEST_PANELS;
    while (panels > 1 && (panels > left || !most[panels] || (panels > 2 && left - panels == 1)))
        panels--;
    return panels;
}

typedef void product_tile_of(const cn_reach *reach, size_t in, const real *x, size_t x_stride,
                             const real *panel, size_t panel_size, bool more, const real *bias, real *out,
                             size_t out_stride);

#define PRODUCT_TILE(rows, panels)                                                                           \
    static void product_tile_##rows##x##panels(const cn_reach *reach, size_t in, const real *x,              \
                                               size_t x_stride, const real *panel, size_t panel_size,        \
                                               bool more, const real *bias, real *out, size_t out_stride)    \
    {                                                                                                        \
        product_tile(rows, panels, reach, in, x, x_stride, panel, panel_size, more, bias, out, out_stride);  \
    }
PRODUCT_TILES(PRODUCT_TILE)

/* [panels][rows]; NULL: there is no such tile. */
#define PRODUCT_TILE_NAME(rows, panels) [panels][rows] = product_tile_##rows##x##panels,
static product_tile_of *const product_tiles[MOST_PANELS + 1][TILE_ROWS + 1] = {
    PRODUCT_TILES(PRODUCT_TILE_NAME)};

/* Rows in the order of memory, all panels over a block of them before the next: the panel stays near while
 * the rows go by, the rows' block while the panels do. Where rows are so long that a block of them would not,
 * a part of each is taken at a time, the sums so far in z. */
enum { PRODUCT_ROWS = 192, PRODUCT_IN = 768, MOST_IN = 2 * PRODUCT_IN };

/* What one go works on: rows, a part of their length. */
typedef struct product_part {
    const cn_product *p;
    size_t row, rows, first, in;
    bool last;
} product_part;

static const cn_reach one_stretch = {.count = 1};

/* So many panels from column j on, all rows: tiles as equal as can be. */
static void product_panels(const product_part *part, size_t j, size_t panels)
{
    const cn_product *p = part->p;
    const real *bias = p->bias && part->last ? (const real *)p->bias + j : NULL,
               *panel = (const real *)p->panels;
    const cn_reach *reach = p->reach ? p->reach : &one_stretch;
    const size_t panel_size = p->reach ? p->reach->panel_size : p->in * COLUMNS;
    real *sums = p->z ? p->z : p->y;
    panel += j / COLUMNS * panel_size + part->first * COLUMNS;
    const bool activated = part->last && (p->z || p->activation != CN_LINEAR);
    const size_t most = (part->rows > product_most[panels] ? product_good : product_most)[panels];
    for (size_t r = 0, n; r < part->rows; r += n) {
        n = equal_part(part->rows - r, most);
        const size_t row = part->row + r, at = row * p->y_stride + j;
        product_tiles[panels][n](reach, part->in, (const real *)p->x + row * p->x_stride + part->first,
                                 p->x_stride, panel, panel_size, part->first > 0, bias, sums + at,
                                 p->y_stride);
        for (size_t i = 0; activated && i < panels * COLUMNS; i += COLUMNS)
            value_strips[p->activation](n, p->y_stride, sums + at + i, (real *)p->y + at + i);
    }
}

static void product_rows(const product_part *part)
{
    const size_t all = (part->p->out + COLUMNS - 1) / COLUMNS;
    for (size_t panel = 0, panels; panel < all; panel += panels) {
        panels = panels_at_once(product_most, part->rows, all - panel);
        product_panels(part, panel * COLUMNS, panels);
    }
}

static void product(const cn_product *p)
{
    if (p->rows == 1 && !p->reach) {
        product_row(p);
        return;
    }
    const size_t in = p->in > MOST_IN && !p->reach ? PRODUCT_IN : p->in;
    for (size_t row = 0; row < p->rows; row += PRODUCT_ROWS)
        for (size_t first = 0; first == 0 || first < p->in; first += in) {
            product_part part = {.p = p,
                                 .row = row,
                                 .rows = smaller(p->rows - row, PRODUCT_ROWS),
                                 .first = first,
                                 .in = smaller(p->in - first, in),
                                 .last = p->in - first <= in};
            product_rows(&part);
        }
}

/* ---- Sums over a batch --------------------------------------------------------------------------------- */

typedef void outer_tile_of(const outer_rows *block, const real *a, const real *b, const outer_goal *goal,
                           const real *out, real *to);

#define OUTER_TILE(count, panels)                                                                            \
    static void outer_tile_##count##x##panels(const outer_rows *block, const real *a, const real *b,         \
                                              const outer_goal *goal, const real *out, real *to)             \
    {                                                                                                        \
        outer_tile(count, panels, block, a, b, goal, out, to);                                               \
    }
OUTER_TILES(OUTER_TILE)

/* [panels][count]; NULL: there is no such tile. */
#define OUTER_TILE_NAME(count, panels) [panels][count] = outer_tile_##count##x##panels,
static outer_tile_of *const outer_tiles[MOST_PANELS + 1][TILE_ROWS + 1] = {OUTER_TILES(OUTER_TILE_NAME)};

static void add(size_t count, real *sums, const real *more)
{
    CN_INDEPENDENT
    for (size_t i = 0; i < count; i++)
        sums[i] += more[i];
}

/* The stack of math/tree.h: [CN_TREE_LEVELS + 1][size] reals, `count` of each level in use. */
static size_t merge(real *levels, size_t size, size_t count, size_t depth, size_t merges)
{
    for (; merges > 0; merges--, depth--)
        add(count, levels + (depth - 2) * size, levels + (depth - 1) * size);
    return depth;
}

static void put(size_t count, bool accumulate, const real *sums, real *target)
{
    if (accumulate)
        add(count, target, sums);
    else
        memcpy(target, sums, count * sizeof(real));
}

/* Rows of a block: of images so many that their positions, which are added in order, do not get too many. */
static size_t block_rows(const cn_lines *lines)
{
    enum { MOST_POSITIONS = 2048 };
    size_t rows = CN_BLOCK_ROWS;
    while (lines && rows > 1 && rows * lines->count * lines->positions > MOST_POSITIONS)
        rows /= 2;
    return rows;
}

/* Some rows of a tile's panels, [panels][nrow][16]. */
typedef struct outer_part {
    const cn_outer *o;
    size_t first, nrow;
    bool far;                     /* a and b */
    size_t fetch_from, fetch_end; /* rows to ask for meanwhile */
} outer_part;

/* Rows that are far away are asked for while those before them are summed: the processor does not foresee a step
 * of many pages. Of a block the strip's share, rows [first, end). */
static void fetch_rows(const outer_part *part, size_t first, size_t end)
{
    enum { LINE = 64 / sizeof(real) };
    const cn_outer *o = part->o;
    for (size_t r = first; r < smaller(end, o->rows); r++) {
        const real *a = (const real *)o->a + o->row + part->first + r * o->a_stride;
        const real *b = (const real *)o->b + o->panel * COLUMNS + r * o->b_stride;
        for (size_t k = 0; k < part->nrow; k += LINE)
            __builtin_prefetch(a + k, 0, 2);
        for (size_t j = 0; j < o->npanel * COLUMNS; j += LINE)
            __builtin_prefetch(b + j, 0, 2);
    }
}

static bool far_away(const cn_outer *o)
{
    enum { NEAR = 1 << 15 };
    return !o->lines && o->rows * (o->a_stride + o->b_stride) > NEAR;
}

/* The part's strips over the same rows, which begin at a and b. */
static void outer_strips(const outer_part *part, const outer_rows *rows, const real *a, const real *b,
                         const outer_goal *goal, const real *out, real *to)
{
    const size_t npanel = part->o->npanel;
    size_t fetched = part->fetch_from;
    for (size_t p = 0, panels; p < npanel; p += panels) {
        panels = panels_at_once(outer_most, part->nrow, npanel - p);
        const size_t most = outer_most[panels], share = CN_BLOCK_ROWS * most / part->nrow + 1;
        for (size_t first = 0, n; first < part->nrow; first += n, fetched += share) {
            n = equal_part(part->nrow - first, most);
            if (fetched < part->fetch_end)
                fetch_rows(part, fetched, smaller(fetched + share, part->fetch_end));
            outer_tiles[panels][n](rows, a + first, b + p * COLUMNS, goal,
                                   out + p * goal->out_panel + first * COLUMNS,
                                   to + p * goal->to_panel + first * COLUMNS);
        }
    }
}

/* One block of rows that are one position each; behind it the next is fetched. */
static void outer_block(outer_part *part, size_t r, size_t count, const outer_goal *goal, const real *out,
                        real *to)
{
    const cn_outer *o = part->o;
    const outer_rows rows = {
        .images = 1, .lines = 1, .rows = count, .a_row = o->a_stride, .b_row = o->b_stride};
    part->fetch_from = r + count;
    part->fetch_end = part->far ? r + count + CN_BLOCK_ROWS : 0;
    outer_strips(part, &rows, (const real *)o->a + o->row + part->first + r * o->a_stride,
                 (const real *)o->b + o->panel * COLUMNS + r * o->b_stride, goal, out, to);
}

/* One block of images: a few of them, or some lines of one, at a time, so that these stay near while all strips go
 * over them; their sums so far are in `out`. */
static void outer_images(const outer_part *part, size_t r, size_t count, const outer_goal *goal, real *out,
                         real *to)
{
    enum { NEAR_POSITIONS = 64 };
    const cn_outer *o = part->o;
    const cn_lines *lines = o->lines;
    const size_t image = lines->count * lines->positions;
    const size_t images = image < NEAR_POSITIONS ? NEAR_POSITIONS / image : 1;
    const size_t most = image <= NEAR_POSITIONS ? lines->count : NEAR_POSITIONS / lines->positions;
    outer_rows rows = {.rows = lines->positions,
                       .a_image = o->a_stride,
                       .a_line = lines->a_line,
                       .a_row = lines->a_position,
                       .b_image = o->b_stride,
                       .b_line = lines->b_line,
                       .b_row = lines->b_position};
    outer_goal some = *goal;
    for (size_t i = 0; i < count; i += rows.images)
        for (size_t line = 0; line < lines->count; line += rows.lines) {
            rows.images = smaller(images, count - i);
            rows.lines = smaller(most > 0 ? most : 1, lines->count - line);
            const bool begun = i > 0 || line > 0;
            const bool last = i + rows.images == count && line + rows.lines == lines->count;
            some.merges = begun + (last ? goal->merges : 0);
            some.to_panel = last ? goal->to_panel : goal->out_panel;
            some.accumulate = last && goal->accumulate;
            outer_strips(
                part, &rows,
                (const real *)o->a + o->row + part->first + (r + i) * o->a_stride + line * lines->a_line,
                (const real *)o->b + o->panel * COLUMNS + (r + i) * o->b_stride + line * lines->b_line, &some,
                begun ? out + goal->apart : out, last ? to : out);
        }
}

/* Levels of the tree over so many blocks, and one for what is under way. */
static size_t levels_of(size_t blocks)
{
    size_t levels = 2;
    while (blocks >> (levels - 1))
        levels++;
    return levels;
}

enum { PART_REALS = CN_TILE_PANELS * CN_TILE_ROWS * COLUMNS };

/* Block after block of rows, in each the part's strips: so a block of a and of b is read from afar once. The
 * last one's sums are added to all that are left. */
static void outer(const cn_outer *o)
{
    const size_t rows = block_rows(o->lines), panel_size = o->nrow * COLUMNS;
    real levels[levels_of(o->rows / rows) * PART_REALS] __attribute__((aligned(CN_ALIGNMENT)));
    outer_part part = {.o = o, .nrow = o->nrow, .far = far_away(o)};
    outer_goal goal = {.apart = PART_REALS, .out_panel = panel_size, .to_panel = panel_size};
    size_t depth = 0;
    for (size_t r = 0; r == 0 || r < o->rows; r += rows) {
        const bool last = r + rows >= o->rows;
        real *out = levels + depth * PART_REALS, *to;
        goal.merges = last ? depth : cn_tree_merges(r / rows);
        to = last ? o->tile : out - goal.merges * PART_REALS;
        if (last) {
            goal.to_panel = o->tile_panel ? o->tile_panel : panel_size;
            goal.accumulate = o->accumulate;
        }
        if (o->lines)
            outer_images(&part, r, smaller(o->rows - r, rows), &goal, out, to);
        else
            outer_block(&part, r, smaller(o->rows - r, rows), &goal, out, to);
        depth += 1 - goal.merges;
    }
}

enum { SUM_COLUMNS = 64 };

static void sum_columns(size_t rows, const real *b, size_t stride, size_t count, bool accumulate, real *sums)
{
    real levels[(CN_TREE_LEVELS + 1) * SUM_COLUMNS];
    size_t depth = 0;
    for (size_t first = 0; first == 0 || first < rows; first += CN_BLOCK_ROWS) {
        real *level = levels + depth * SUM_COLUMNS;
        memset(level, 0, count * sizeof(real));
        for (size_t r = first; r < smaller(rows, first + CN_BLOCK_ROWS); r++)
            add(count, level, b + r * stride);
        depth = merge(levels, SUM_COLUMNS, count, depth + 1, cn_tree_merges(first / CN_BLOCK_ROWS));
    }
    merge(levels, SUM_COLUMNS, count, depth, depth - 1);
    put(count, accumulate, levels, sums);
}

static void column_sums(size_t rows, const void *b, size_t stride, size_t first, size_t count,
                        bool accumulate, void *sums)
{
    for (size_t j = 0; j < count; j += SUM_COLUMNS)
        sum_columns(rows, (const real *)b + first + j, stride, smaller(count - j, SUM_COLUMNS), accumulate,
                    (real *)sums + j);
}

/* ---- Packing ------------------------------------------------------------------------------------------- */

/* Where element (k, j) of a matrix of panels of `rows` rows lies. */
static size_t packed(size_t rows, size_t k, size_t j)
{
    return (j / COLUMNS * rows + k) * COLUMNS + j % COLUMNS;
}

static void pack(const float *weight, cn_matrix *matrix)
{
    const size_t in = matrix->in, out = matrix->out;
    real *panels = matrix->panels, *transposed = matrix->transposed;
    memset(panels, 0, cn_round_up(out, COLUMNS) * in * sizeof(real));
    if (transposed)
        memset(transposed, 0, cn_round_up(in, COLUMNS) * out * sizeof(real));
    for (size_t j = 0; j < out; j++)
        for (size_t k = 0; k < in; k++) {
            panels[packed(in, k, j)] = (real)weight[j * in + k];
            if (transposed)
                transposed[packed(out, j, k)] = (real)weight[j * in + k];
        }
}

static void unpack(const cn_matrix *matrix, float *weight)
{
    const real *panels = matrix->panels;
    for (size_t j = 0; j < matrix->out; j++)
        for (size_t k = 0; k < matrix->in; k++)
            weight[j * matrix->in + k] = (float)panels[packed(matrix->in, k, j)];
}

/* from[k][j] to to[j][k], 16 columns a row in both. */
CN_INLINE void transpose(size_t rows, size_t columns, const real *from, real *to)
{
    for (size_t j = 0; j < columns; j++)
        for (size_t k = 0; k < rows; k++)
            to[j * COLUMNS + k] = from[k * COLUMNS + j];
}

static void transpose_tile(cn_matrix *matrix, size_t panel, size_t row, size_t nrow)
{
    const size_t in = matrix->in, out = matrix->out, j = panel * COLUMNS;
    const size_t columns = smaller(out - j, COLUMNS);
    for (size_t k = row; k < row + nrow; k += COLUMNS) {
        const real *from = (const real *)matrix->panels + packed(in, k, j);
        real *to = (real *)matrix->transposed + packed(out, j, k);
        const size_t rows = smaller(row + nrow - k, COLUMNS);
        if (rows == COLUMNS && columns == COLUMNS)
            transpose(COLUMNS, COLUMNS, from, to);
        else
            transpose(rows, columns, from, to);
    }
}

static void from_float(const float *source, void *reals, size_t count)
{
    real *target = reals;
    for (size_t i = 0; i < count; i++)
        target[i] = (real)source[i];
}

static void to_float(const void *reals, float *target, size_t count)
{
    const real *source = reals;
    for (size_t i = 0; i < count; i++)
        target[i] = (float)source[i];
}

#define CN_KERNELS_BODY(title)                                                                               \
    .name = title, .real_size = sizeof(real), .product = product, .outer = outer,                            \
    .column_sums = column_sums, .activate = activate, .activate_backward = activate_backward, .pack = pack,  \
    .unpack = unpack, .transpose_tile = transpose_tile, .from_float = from_float, .to_float = to_float
