/* The kernels over planes, in every table, against naive sums in double, within what they may touch; then the
 * convolutions that are made of them, both ways and their gradient, against one naive loop; and folding. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "math/kernels.h"
#include "model/folding.h"
#include "model/image.h"
#include "tests/guarded.h"
#include "tests/strides.h"

/* ---- Correlations -------------------------------------------------------------------------------------- */

/* A correlation whose x ends (or, taken backwards, begins) exactly where it may be read to. */
typedef struct correlating {
    cn_correlation c;
    guarded x, weight, y;
    size_t x_first;
} correlating;

static correlating correlating_new(const cn_kernels *k, size_t out, size_t in, size_t count, size_t phases,
                                   size_t rows, size_t columns, bool backwards)
{
    size_t room = cn_round_up(count, CN_PANEL), pitch = columns + 2, reach_row = rows ? rows - 1 : 0,
           reach_column = columns ? columns - 1 : 0, reach = reach_row * pitch + reach_column,
           plane = room + reach + 3;
    correlating t = {.x_first = backwards ? reach : 0};
    size_t all = phases * phases, reals = (in * all - 1) * plane + reach + room;
    t.x = backwards ? guarded_before(reals * k->real_size) : guarded_new(reals * k->real_size);
    fill(k, &t.x, 1000 + count);
    t.weight = filled(k, out * in * all * rows * columns, 77 + rows);
    t.y = guarded_new(((out - 1) * (room + 5) + room) * k->real_size);
    t.c = (cn_correlation){.images = 1,
                           .out = out,
                           .in = in,
                           .count = count,
                           .phases = phases,
                           .rows = rows,
                           .columns = columns,
                           .x = from(k, &t.x, t.x_first),
                           .x_plane = all * plane,
                           .x_phase = plane,
                           .x_row = backwards ? -(ptrdiff_t)pitch : (ptrdiff_t)pitch,
                           .x_column = backwards ? -1 : 1,
                           .weight = t.weight.start,
                           .weight_out = in * all * rows * columns,
                           .weight_in = all * rows * columns,
                           .weight_phase = phases * columns,
                           .weight_row = all * columns,
                           .weight_column = phases,
                           .y = t.y.start,
                           .y_plane = room + 5};
    return t;
}

static void correlating_free(correlating *t)
{
    guarded_free(&t->x);
    guarded_free(&t->weight);
    guarded_free(&t->y);
}

static void check_correlation(const cn_kernels *k, const correlating *t)
{
    const cn_correlation *c = &t->c;
    for (size_t o = 0; o < c->out; o++)
        for (size_t p = 0; p < c->count; p++) {
            double sum = c->accumulate ? noise(o * c->y_plane + p) : 0, size = fabs(sum);
            size_t all = c->phases * c->phases;
            for (size_t in = 0; in < c->in * all; in++)
                for (size_t i = 0; i < c->rows; i++)
                    for (size_t j = 0; j < c->columns; j++) {
                        size_t phase = in % all,
                               weight = o * c->weight_out + in / all * c->weight_in +
                                        phase / c->phases * c->weight_phase + phase % c->phases +
                                        i * c->weight_row + j * c->weight_column,
                               place = in / all * c->x_plane + phase * c->x_phase + p + t->x_first;
                        ptrdiff_t step = (ptrdiff_t)i * c->x_row + (ptrdiff_t)j * c->x_column;
                        double product = at(k, t->weight.start, weight) *
                                         at(k, t->x.start, (size_t)((ptrdiff_t)place + step));
                        sum += product;
                        size += fabs(product);
                    }
            double got = at(k, t->y.start, o * c->y_plane + p);
            if (!near(k, got, sum, size, c->in * all * c->rows * c->columns))
                fail_msg("%s: correlate %zu to %zu, %zux%zu, %zu positions: (%zu, %zu) is %a, not %a",
                         k->name, c->in, c->out, c->rows, c->columns, c->count, o, p, got, sum);
        }
}

/* Between the planes of y nothing is touched. */
static void check_gaps(const cn_kernels *k, const correlating *t, const unsigned char *before)
{
    size_t room = cn_round_up(t->c.count, CN_PANEL);
    for (size_t o = 0; o + 1 < t->c.out; o++)
        assert_memory_equal((char *)t->y.start + (o * t->c.y_plane + room) * k->real_size,
                            before + (o * t->c.y_plane + room) * k->real_size,
                            (t->c.y_plane - room) * k->real_size);
}

/* Some planes, then some positions at a time: the same bits. */
static void check_correlation_parts(const cn_kernels *k, const correlating *t)
{
    unsigned char *whole = malloc(t->y.nbytes);
    assert_non_null(whole);
    memcpy(whole, t->y.start, t->y.nbytes);
    for (size_t planes = 1; planes <= 3; planes += 2)
        for (size_t positions = CN_PANEL; positions <= 3 * CN_PANEL; positions += 2 * CN_PANEL) {
            guarded y = guarded_new(t->y.nbytes);
            fill(k, &y, 0);
            for (size_t o = 0; o < t->c.out; o += planes)
                for (size_t p = 0; p < t->c.count; p += positions) {
                    cn_correlation part = t->c;
                    part.out = t->c.out - o < planes ? t->c.out - o : planes;
                    part.count = t->c.count - p < positions ? t->c.count - p : positions;
                    part.x = (const char *)t->c.x + p * k->real_size;
                    part.weight = (const char *)t->c.weight + o * t->c.weight_out * k->real_size;
                    part.y = from(k, &y, o * t->c.y_plane + p);
                    k->correlate(&part);
                }
            for (size_t o = 0; o < t->c.out; o++)
                assert_memory_equal(from(k, &y, o * t->c.y_plane), whole + o * t->c.y_plane * k->real_size,
                                    t->c.count * k->real_size);
            guarded_free(&y);
        }
    free(whole);
}

static void test_correlate(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 3, 15, 16, 17, 33, 100, 129, 200};
    static const size_t windows[][2] = {{1, 1}, {3, 3}, {2, 5}, {1, 7}, {7, 1}};
    enum { NCOUNT = sizeof counts / sizeof *counts, NWINDOW = sizeof windows / sizeof *windows };
    FOR_TABLES(k)
    for (size_t n = 0; n < NCOUNT; n++)
        for (size_t w = 0; w < NWINDOW; w++)
            for (size_t out = 1; out <= 9; out += 1 + (n + w) % 2)
                for (int way = 0; way < 4; way++) {
                    size_t in = 1 + (n * 3 + w + out) % 5;
                    correlating t = correlating_new(k, out, in, counts[n], 1 + (n + out) % 3, windows[w][0],
                                                    windows[w][1], way & 1);
                    fill(k, &t.y, 0);
                    t.c.accumulate = way & 2;
                    unsigned char *before = malloc(t.y.nbytes);
                    assert_non_null(before);
                    memcpy(before, t.y.start, t.y.nbytes);
                    k->correlate(&t.c);
                    check_correlation(k, &t);
                    check_gaps(k, &t, before);
                    if (!t.c.accumulate || n % 3 == 0)
                        check_correlation_parts(k, &t);
                    free(before);
                    correlating_free(&t);
                }
}

/* A window without cells adds nothing: what a convolution's remainder without any asks for. */
static void test_correlate_nothing(void **state)
{
    (void)state;
    FOR_TABLES(k)
    {
        guarded y = filled(k, 32, 5);
        cn_correlation c = {
            .images = 1, .out = 1, .in = 2, .count = 20, .phases = 1, .y = y.start, .accumulate = true};
        k->correlate(&c);
        for (size_t p = 0; p < 20; p++)
            assert_true(at(k, y.start, p) == noise(5 + p));
        c.accumulate = false;
        k->correlate(&c);
        for (size_t p = 0; p < 20; p++)
            assert_true(at(k, y.start, p) == 0);
        guarded_free(&y);
    }
}

typedef struct summing {
    cn_correlation_sums s;
    guarded x, z, sums;
    size_t offsets[40];
} summing;

static void summing_new(const cn_kernels *k, summing *t, size_t rows, size_t count, size_t nterm)
{
    size_t room = cn_round_up(count, CN_PANEL), most = 0;
    for (size_t i = 0; i < nterm; i++) {
        t->offsets[i] = (i * 7) % 23;
        most = t->offsets[i] > most ? t->offsets[i] : most;
    }
    size_t x_row = most + room + 3, z_row = room + 2;
    t->x = filled(k, (rows - 1) * x_row + most + room, 3);
    t->z = filled(k, (rows - 1) * z_row + room, 4);
    for (size_t r = 0; r < rows; r++)
        for (size_t p = count; p < room; p++)
            set(k, t->z.start, r * z_row + p, 0);
    t->sums = filled(k, nterm, 9);
    t->s = (cn_correlation_sums){.rows = rows,
                                 .count = count,
                                 .x = t->x.start,
                                 .z = t->z.start,
                                 .x_row = x_row,
                                 .z_row = z_row,
                                 .nterm = nterm,
                                 .offsets = t->offsets,
                                 .sums = t->sums.start};
}

static void summing_free(summing *t)
{
    guarded_free(&t->x);
    guarded_free(&t->z);
    guarded_free(&t->sums);
}

static void check_sums(const cn_kernels *k, const summing *t)
{
    for (size_t i = 0; i < t->s.nterm; i++) {
        double sum = t->s.accumulate ? noise(9 + i) : 0, size = fabs(sum);
        for (size_t r = 0; r < t->s.rows; r++)
            for (size_t p = 0; p < t->s.count; p++) {
                double product = at(k, t->z.start, r * t->s.z_row + p) *
                                 at(k, t->x.start, r * t->s.x_row + t->offsets[i] + p);
                sum += product;
                size += fabs(product);
            }
        if (!near(k, at(k, t->sums.start, i), sum, size, t->s.rows * t->s.count))
            fail_msg("%s: correlation_sums %zu rows, %zu positions, term %zu of %zu: %a, not %a", k->name,
                     t->s.rows, t->s.count, i, t->s.nterm, at(k, t->sums.start, i), sum);
    }
}

/* Blocks of 32 rows, each summed in a call of its own and then in the tree of math/tree.h: the largest power
 * of two of blocks below all of them, and the rest. */
static double block_tree(const cn_kernels *k, const summing *t, size_t term, size_t first, size_t rows)
{
    if (rows <= CN_BLOCK_ROWS) {
        double sum = 0;
        cn_correlation_sums part = t->s;
        part.rows = rows;
        part.x = from(k, &t->x, first * part.x_row);
        part.z = from(k, &t->z, first * part.z_row);
        part.nterm = 1;
        part.offsets = &t->offsets[term];
        part.accumulate = false;
        part.sums = &sum;
        k->correlation_sums(&part);
        return at(k, &sum, 0);
    }
    size_t left = CN_BLOCK_ROWS;
    while (left * 2 < rows)
        left *= 2;
    double sum = block_tree(k, t, term, first, left) + block_tree(k, t, term, first + left, rows - left);
    return k->real_size == 4 ? (double)(float)sum : sum;
}

static void test_correlation_sums(void **state)
{
    (void)state;
    static const size_t rows[] = {1, 2, 31, 32, 33, 65, 100, 32 * 7 + 3};
    static const size_t counts[] = {1, 5, 16, 17, 47, 64};
    FOR_TABLES(k)
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            for (size_t nterm = 1; nterm <= 26; nterm += 1 + (r + c) % 4) {
                summing t;
                summing_new(k, &t, rows[r], counts[c], nterm);
                t.s.accumulate = (r + c + nterm) % 2;
                k->correlation_sums(&t.s);
                check_sums(k, &t);
                for (size_t i = 0; i < nterm && !t.s.accumulate; i++)
                    assert_true(at(k, t.sums.start, i) == block_tree(k, &t, i, 0, rows[r]));
                summing_free(&t);
            }
}

/* ---- Planes and their values --------------------------------------------------------------------------- */

static void check_place(const cn_kernels *k, size_t rows, size_t columns, size_t from_column,
                        size_t to_column, bool add)
{
    size_t from_row = columns * from_column + 3, to_row = columns * to_column + 2;
    size_t nfrom = (rows - 1) * from_row + (columns - 1) * from_column + 1,
           nto = (rows - 1) * to_row + (columns - 1) * to_column + 1;
    guarded source = filled(k, nfrom, 3), to = filled(k, nto, 50), more = filled(k, 1, 5);
    k->place(&(cn_placement){.images = 1,
                             .planes = 1,
                             .rows = rows,
                             .columns = columns,
                             .from = source.start,
                             .from_row = from_row,
                             .from_column = from_column,
                             .to = to.start,
                             .to_row = to_row,
                             .to_column = to_column,
                             .add = add ? more.start : NULL});
    for (size_t i = 0; i < nto; i++) {
        size_t row = i / to_row, column = i % to_row / to_column;
        double want = noise(50 + i);
        if (column < columns && i % to_row % to_column == 0) {
            want =
                at(k, source.start, row * from_row + column * from_column) + (add ? at(k, more.start, 0) : 0);
            want = k->real_size == 4 ? (double)(float)want : want;
        }
        if (at(k, to.start, i) != want)
            fail_msg("%s: place %zux%zu, columns %zu to %zu: value %zu is %a, not %a", k->name, rows, columns,
                     from_column, to_column, i, at(k, to.start, i), want);
    }
    guarded_free(&source);
    guarded_free(&to);
    guarded_free(&more);
}

static void test_place(void **state)
{
    (void)state;
    FOR_TABLES(k)
    for (size_t columns = 1; columns <= 70; columns += columns < 36 ? 1 : 11)
        for (size_t rows = 1; rows <= 4; rows++)
            for (int way = 0; way < 8; way++)
                check_place(k, rows, columns, way & 1 ? 1 + rows : 1, way & 2 ? 1 + rows : 1, way & 4);
}

static void test_plane_sums(void **state)
{
    (void)state;
    FOR_TABLES(k)
    for (size_t size = 1; size <= 150; size += size < 40 ? 1 : 23)
        for (size_t planes = 1; planes <= 5; planes += 2) {
            guarded x = filled(k, planes * size, 8), sums = guarded_new(planes * k->real_size);
            k->plane_sums(planes, size, x.start, sums.start);
            for (size_t c = 0; c < planes; c++) {
                double sum = 0, of_sizes = 0, alone = 0;
                for (size_t i = 0; i < size; i++) {
                    sum += at(k, x.start, c * size + i);
                    of_sizes += fabs(at(k, x.start, c * size + i));
                }
                assert_true(near(k, at(k, sums.start, c), sum, of_sizes, size));
                k->plane_sums(1, size, from(k, &x, c * size), &alone);
                assert_true(at(k, &alone, 0) == at(k, sums.start, c));
            }
            guarded_free(&x);
            guarded_free(&sums);
        }
}

/* ---- Pools --------------------------------------------------------------------------------------------- */

/* What a cell's window has of the large plane: the places of its cells, in order, and each one's number
 * within the whole window. */
typedef struct window {
    size_t count, cells[64], numbers[64];
} window;

static window window_of(const cn_pooling *p, size_t i, size_t j)
{
    window w = {0};
    for (size_t a = 0; a < p->size; a++)
        for (size_t b = 0; b < p->size; b++) {
            size_t h = i * p->size + a, c = j * p->size + b;
            if (h < p->top || h >= p->top + p->height || c < p->left || c >= p->left + p->width)
                continue;
            w.cells[w.count] = (h - p->top) * p->large_row + c - p->left;
            w.numbers[w.count++] = a * p->size + b;
        }
    assert_true(w.count > 0);
    return w;
}

/* Reals from the first of the large planes to the last. */
static size_t large_reals(const cn_pooling *p)
{
    return (p->planes - 1) * p->large_plane + (p->height - 1) * p->large_row + p->width;
}

/* Whether place i of the large planes is a cell of one. */
static bool is_cell(const cn_pooling *p, size_t i)
{
    size_t within = i % p->large_plane;
    return within / p->large_row < p->height && within % p->large_row < p->width;
}

/* Of few values, so that many windows hold their largest more than once. */
static guarded tied_values(const cn_kernels *k, size_t count)
{
    guarded x = guarded_new(count * k->real_size);
    for (size_t i = 0; i < count; i++)
        set(k, x.start, i, floor(noise(i + count) * 2));
    return x;
}

static size_t largest(const cn_kernels *k, const guarded *x, size_t plane, const window *w)
{
    size_t best = 0;
    for (size_t n = 1; n < w->count; n++)
        if (at(k, x->start, plane + w->cells[n]) > at(k, x->start, plane + w->cells[best]))
            best = n;
    return best;
}

static void check_pool_max(const cn_kernels *k, const cn_pooling *p, const guarded *x)
{
    size_t large = p->large_plane, small = p->small_height * p->small_width, reals = large_reals(p);
    guarded y = filled(k, p->planes * small, 1), which = filled(k, p->planes * small, 2),
            plain = filled(k, p->planes * small, 3), dx = filled(k, reals, 4),
            dy = filled(k, p->planes * small, 6);
    double *slopes = calloc(reals, sizeof *slopes);
    assert_non_null(slopes);
    k->pool_max(p, x->start, y.start, which.start);
    k->pool_max(p, x->start, plain.start, NULL);
    assert_memory_equal(y.start, plain.start, y.nbytes);
    k->pool_max_backward(p, dy.start, which.start, dx.start);
    for (size_t cell = 0; cell < p->planes * small; cell++) {
        window w = window_of(p, cell % small / p->small_width, cell % small % p->small_width);
        size_t plane = cell / small * large, best = largest(k, x, plane, &w);
        slopes[plane + w.cells[best]] = at(k, dy.start, cell);
        double want = at(k, x->start, plane + w.cells[best]) + (p->bias ? at(k, p->bias, cell / small) : 0);
        if (at(k, y.start, cell) != (k->real_size == 4 ? (double)(float)want : want) ||
            at(k, which.start, cell) != (double)w.numbers[best])
            fail_msg("%s: pool_max %zu of %zux%zu from %zu, %zu: cell %zu is %g at %g, not at %zu", k->name,
                     p->size, p->height, p->width, p->top, p->left, cell, at(k, y.start, cell),
                     at(k, which.start, cell), w.numbers[best]);
    }
    for (size_t i = 0; i < reals; i++) {
        double want = is_cell(p, i) ? slopes[i] : noise(4 + i);
        if (at(k, dx.start, i) != want)
            fail_msg("%s: pool_max_backward %zu of %zux%zu: %zu is %g, not %g", k->name, p->size, p->height,
                     p->width, i, at(k, dx.start, i), want);
    }
    free(slopes);
    guarded_free(&y);
    guarded_free(&which);
    guarded_free(&plain);
    guarded_free(&dx);
    guarded_free(&dy);
}

static void check_pool_sum(const cn_kernels *k, const cn_pooling *p, bool mean)
{
    size_t large = p->large_plane, small = p->small_height * p->small_width, reals = large_reals(p);
    guarded x = filled(k, reals, 31), y = filled(k, p->planes * small, 1), back = filled(k, reals, 2);
    k->pool_sum(p, mean, x.start, y.start);
    k->pool_repeat(p, mean, y.start, back.start);
    for (size_t cell = 0; cell < p->planes * small; cell++) {
        window w = window_of(p, cell % small / p->small_width, cell % small % p->small_width);
        size_t plane = cell / small * large;
        double sum = 0, size = 0, divisor = mean ? (double)w.count : 1;
        for (size_t n = 0; n < w.count; n++) {
            sum += at(k, x.start, plane + w.cells[n]);
            size += fabs(at(k, x.start, plane + w.cells[n]));
        }
        assert_true(near(k, at(k, y.start, cell), sum / divisor, size / divisor, w.count));
        for (size_t n = 0; n < w.count; n++) {
            double got = at(k, back.start, plane + w.cells[n]), want = at(k, y.start, cell) / divisor;
            assert_true(near(k, got, want, fabs(want), 0));
        }
    }
    for (size_t i = 0; i < reals; i++)
        assert_true(is_cell(p, i) || at(k, back.start, i) == noise(2 + i));
    guarded_free(&x);
    guarded_free(&y);
    guarded_free(&back);
}

static void test_pools(void **state)
{
    (void)state;
    FOR_TABLES(k)
    for (size_t size = 1; size <= 5; size++)
        for (size_t height = 1; height <= 13; height += 1 + size / 3)
            for (size_t width = 1; width <= 40; width += width < 9 ? 1 : 7)
                for (size_t top = 0; top < size; top++) {
                    size_t left = (top * 2 + width) % size;
                    cn_pooling p = {.planes = 1 + (height + width) % 3,
                                    .size = size,
                                    .top = top,
                                    .left = left,
                                    .height = height,
                                    .width = width,
                                    .small_height = (height + top + size - 1) / size,
                                    .small_width = (width + left + size - 1) / size,
                                    .large_row = width,
                                    .large_plane = height * width};
                    check_pool_sum(k, &p, false);
                    check_pool_sum(k, &p, true);
                    if ((top + height) % 2) { /* planes with room around their rows */
                        p.large_row += 3;
                        p.large_plane = p.large_row * height + 5;
                    }
                    guarded x = tied_values(k, large_reals(&p)), bias = filled(k, p.planes, 13);
                    check_pool_max(k, &p, &x);
                    p.bias = bias.start;
                    check_pool_max(k, &p, &x);
                    guarded_free(&x);
                    guarded_free(&bias);
                }
}

/* ---- Convolutions -------------------------------------------------------------------------------------- */

/* Both images, the weights, and the naive results, in double. */
typedef struct naive {
    cn_convolution c;
    size_t nlarge, nsmall, nweight;
    double *large, *small, *weight;
    double *down, *up, *gradient;                /* small, large, weight */
    double *down_size, *up_size, *gradient_size; /* sums of the terms' sizes */
} naive;

static double *values_new(size_t count, size_t seed)
{
    double *values = calloc(count, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count && seed; i++)
        values[i] = noise(seed + i);
    return values;
}

static void add_term(double *sum, double *size, size_t place, double term)
{
    sum[place] += term;
    size[place] += fabs(term);
}

/* The one sum that all three passes are: small[o][h][w] weight[o][c][a][b] large[c][h s + a - top][w s + b -
 * left] over all that is met, each time without one of the factors. */
static void naive_passes(naive *n)
{
    const cn_convolution *c = &n->c;
    size_t weight = 0;
    for (size_t o = 0; o < c->small_channels; o++)
        for (size_t in = 0; in < c->channels; in++)
            for (size_t a = 0; a < c->kernel_height; a++)
                for (size_t b = 0; b < c->kernel_width; b++, weight++)
                    for (size_t h = 0; h < c->small_height; h++)
                        for (size_t w = 0; w < c->small_width; w++) {
                            size_t row = h * c->stride + a, column = w * c->stride + b;
                            if (row < c->top || row - c->top >= c->height || column < c->left ||
                                column - c->left >= c->width)
                                continue;
                            size_t large = (in * c->height + row - c->top) * c->width + column - c->left,
                                   small = (o * c->small_height + h) * c->small_width + w;
                            add_term(n->down, n->down_size, small, n->weight[weight] * n->large[large]);
                            add_term(n->up, n->up_size, large, n->weight[weight] * n->small[small]);
                            add_term(n->gradient, n->gradient_size, weight,
                                     n->small[small] * n->large[large]);
                        }
}

static naive naive_new(cn_convolution c)
{
    naive n = {.c = c,
               .nlarge = c.channels * c.height * c.width,
               .nsmall = c.small_channels * c.small_height * c.small_width,
               .nweight = c.small_channels * c.channels * c.kernel_height * c.kernel_width};
    n.large = values_new(n.nlarge, 1 + c.height);
    n.small = values_new(n.nsmall, 500 + c.width);
    n.weight = values_new(n.nweight, 900 + c.stride);
    n.down = values_new(n.nsmall, 0);
    n.down_size = values_new(n.nsmall, 0);
    n.up = values_new(n.nlarge, 0);
    n.up_size = values_new(n.nlarge, 0);
    n.gradient = values_new(n.nweight, 0);
    n.gradient_size = values_new(n.nweight, 0);
    naive_passes(&n);
    return n;
}

static void naive_free(naive *n)
{
    double *all[] = {n->large, n->small,   n->weight,   n->down,         n->down_size,
                     n->up,    n->up_size, n->gradient, n->gradient_size};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static guarded reals_of(const cn_kernels *k, const double *values, size_t count)
{
    guarded reals = guarded_new(count * k->real_size);
    for (size_t i = 0; i < count; i++)
        set(k, reals.start, i, values[i]);
    return reals;
}

static void check_values(const cn_kernels *k, const cn_convolution *c, const char *what, const void *got,
                         size_t count, const double *want, const double *size, size_t terms)
{
    for (size_t i = 0; i < count; i++)
        if (!near(k, at(k, got, i), want[i], size[i], terms))
            fail_msg("%s: %s, %zu of %zux%zu to %zu of %zux%zu, window %zux%zu, stride %zu, zeros %zu, %zu: "
                     "value %zu is %.9g, not %.9g",
                     k->name, what, c->channels, c->height, c->width, c->small_channels, c->small_height,
                     c->small_width, c->kernel_height, c->kernel_width, c->stride, c->top, c->left, i,
                     at(k, got, i), want[i]);
}

typedef void spreading(const cn_convolution *, const cn_kernels *, const cn_images *, size_t, size_t,
                       const void *, void *);

static const cn_images one_image = {.count = 1};

/* An image spread into exactly the reals that it says, some channels at a time; other values first, so that
 * what was there is written over and the rest stays 0. */
static guarded spread_image(const cn_kernels *k, const cn_convolution *c, spreading *spread, size_t reals,
                            size_t channels, size_t plane, const double *values)
{
    guarded room = guarded_new(reals * k->real_size), image = reals_of(k, values, channels * plane);
    memset(room.start, 0, room.nbytes);
    size_t kept = 0;
    for (int time = 0; time < 2; time++) {
        guarded some = filled(k, channels * plane, 4321);
        for (size_t first = 0, count; first < channels; first += count) {
            count = channels - first < 3 ? channels - first : 3;
            guarded part = guarded_new(count * plane * k->real_size);
            memcpy(part.start, from(k, time ? &image : &some, first * plane), part.nbytes);
            spread(c, k, &one_image, first, count, part.start, room.start);
            guarded_free(&part);
        }
        size_t there = 0;
        for (size_t i = 0; i < reals; i++)
            there += at(k, room.start, i) != 0;
        assert_true(there <= channels * plane && (!time || there == kept));
        kept = there;
        guarded_free(&some);
    }
    guarded_free(&image);
    return room;
}

typedef void passing(const cn_convolution *, const cn_kernels *, const cn_images *, const void *,
                     const void *, const void *, size_t, size_t, void *, void *);

/* All channels in ranges of `at_a_time`, the bias (which may be NULL) added. */
static void check_pass(const cn_kernels *k, const cn_convolution *c, const char *what, passing *pass,
                       const guarded *weight, const guarded *bias, const guarded *image, size_t channels,
                       size_t plane, size_t at_a_time, const double *want, const double *size)
{
    size_t terms = c->channels * c->small_channels * c->kernel_height * c->kernel_width;
    unsigned char *before = malloc(image->nbytes);
    assert_non_null(before);
    memcpy(before, image->start, image->nbytes);
    for (size_t first = 0, count; first < channels; first += count) {
        count = channels - first < at_a_time ? channels - first : at_a_time;
        guarded scratch = guarded_new(cn_convolution_scratch(c, count) * k->real_size),
                planes = guarded_new(count * plane * k->real_size);
        memset(scratch.start, 0xff, scratch.nbytes); /* NaN */
        pass(c, k, &one_image, weight->start, bias ? bias->start : NULL, image->start, first, count,
             scratch.start, planes.start);
        double *wanted = calloc(count * plane, sizeof *wanted), *sizes = calloc(count * plane, sizeof *sizes);
        assert_true(wanted && sizes);
        for (size_t i = 0; i < count * plane; i++) {
            double more = bias ? at(k, bias->start, first + i / plane) : 0;
            wanted[i] = want[first * plane + i] + more;
            sizes[i] = size[first * plane + i] + fabs(more);
        }
        check_values(k, c, what, planes.start, count * plane, wanted, sizes, terms);
        free(wanted);
        free(sizes);
        guarded_free(&scratch);
        guarded_free(&planes);
    }
    assert_memory_equal(image->start, before, image->nbytes);
    free(before);
}

/* Over some rows, row r's images r + 1 times what they are; some weights at a time, across channels. */
static void check_gradient(const cn_kernels *k, const naive *n, const guarded *large, const guarded *small,
                           size_t rows)
{
    const cn_convolution *c = &n->c;
    size_t nlarge = large->nbytes / k->real_size, nsmall = small->nbytes / k->real_size,
           stride = (nlarge > nsmall ? nlarge : nsmall) + 3, part = n->nweight / 3 + 1;
    guarded larges = guarded_new(((rows - 1) * stride + nlarge) * k->real_size),
            smalls = guarded_new(((rows - 1) * stride + nsmall) * k->real_size);
    double weight = 0;
    for (size_t r = 0; r < rows; r++) {
        double times = (double)(r % 5 + 1);
        weight += times;
        memcpy(from(k, &larges, r * stride), large->start, large->nbytes);
        for (size_t i = 0; i < nsmall; i++)
            set(k, smalls.start, r * stride + i, times * at(k, small->start, i));
    }
    for (int more = 0; more < 2; more++)
        for (size_t first = 0, count; first < n->nweight; first += count) {
            count = n->nweight - first < part ? n->nweight - first : part;
            guarded reals = filled(k, count, 15 + first);
            double *want = calloc(count, sizeof *want), *size = calloc(count, sizeof *size);
            assert_true(want && size);
            for (size_t i = 0; i < count; i++) {
                want[i] = weight * n->gradient[first + i] + (more ? noise(15 + first + i) : 0);
                size[i] = weight * n->gradient_size[first + i] + (more ? 1 : 0);
            }
            cn_convolution_gradient(c, k, rows, larges.start, smalls.start, stride, first, count, more,
                                    reals.start);
            check_values(k, c, "gradient", reals.start, count, want, size,
                         rows * c->small_height * c->small_width);
            free(want);
            free(size);
            guarded_free(&reals);
        }
    guarded_free(&larges);
    guarded_free(&smalls);
}

/* Whether every cell of the larger image lies beneath some window's step. */
static bool meets_all(const cn_convolution *c)
{
    size_t step_height = c->kernel_height > c->stride ? c->kernel_height : c->stride,
           step_width = c->kernel_width > c->stride ? c->kernel_width : c->stride;
    return (c->small_height - 1) * c->stride + step_height >= c->top + c->height &&
           (c->small_width - 1) * c->stride + step_width >= c->left + c->width;
}

/* The largest of windows of the smaller image, and slopes back: as down, then the pool, then spread would. */
static void check_pooled(const cn_kernels *k, const cn_convolution *c, const guarded *large,
                         const guarded *weight, const guarded *bias, size_t size)
{
    size_t plane = c->small_height * c->small_width, channels = c->small_channels;
    cinch_shape shape = {.rank = 3, .sizes = {c->small_height, c->small_width, channels}};
    cn_pooling pooling = cn_image_pooling(shape, size);
    size_t cells = pooling.small_height * pooling.small_width;
    guarded down = guarded_new(channels * plane * k->real_size), back = guarded_new(down.nbytes),
            scratch = guarded_new(cn_convolution_scratch(c, channels) * k->real_size),
            wanted = guarded_new(channels * cells * k->real_size), places = guarded_new(wanted.nbytes),
            spread = guarded_new(cn_convolution_small(c) * k->real_size), again = guarded_new(spread.nbytes);
    cn_convolution_down(c, k, &one_image, weight->start, bias->start, large->start, 0, channels,
                        scratch.start, down.start);
    k->pool_max(&pooling, down.start, wanted.start, places.start);
    memset(spread.start, 0, spread.nbytes);
    memset(again.start, 0, again.nbytes);
    for (size_t first = 0, count; first < channels; first += count) {
        count = channels - first < 4 ? channels - first : 4;
        guarded got = guarded_new(count * cells * k->real_size), which = guarded_new(got.nbytes),
                some = guarded_new(cn_convolution_scratch(c, count) * k->real_size),
                slopes = filled(k, count * cells, 3 + first);
        cn_pooling part = pooling;
        part.planes = count;
        memset(some.start, 0xff, some.nbytes);
        cn_convolution_down_pooled(c, k, &one_image, weight->start, bias->start, &part, large->start, first,
                                   count, some.start, got.start, which.start);
        assert_memory_equal(got.start, from(k, &wanted, first * cells), got.nbytes);
        k->pool_max_backward(&part, slopes.start, which.start, from(k, &back, first * plane));
        cn_convolution_spread_small_pooled(c, k, &one_image, &part, first, count, slopes.start, which.start,
                                           spread.start);
        cn_convolution_spread_small(c, k, &one_image, first, count, from(k, &back, first * plane),
                                    again.start);
        guarded *all[] = {&got, &which, &some, &slopes};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            guarded_free(all[i]);
    }
    for (size_t i = 0; i < spread.nbytes / k->real_size; i++)
        assert_true(at(k, spread.start, i) == at(k, again.start, i));
    guarded *all[] = {&down, &back, &scratch, &wanted, &places, &spread, &again};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i]);
}

/* Several images at once give the bits that each gives alone. */
static void check_images(const cn_kernels *k, const cn_convolution *c, const guarded *weight)
{
    enum { COUNT = 3 };
    const size_t nlarge = c->channels * c->height * c->width,
                 nsmall = c->small_channels * c->small_height * c->small_width,
                 large = cn_convolution_large(c) + 5, small = cn_convolution_small(c) + 7,
                 planes = (nlarge > nsmall ? nlarge : nsmall) + 3,
                 most = c->channels > c->small_channels ? c->channels : c->small_channels;
    const cn_images larges = {.count = COUNT, .spread = large, .planes = planes},
                    smalls = {.count = COUNT, .spread = small, .planes = planes};
    guarded images = filled(k, COUNT * planes, 9), spread_large = guarded_new(COUNT * large * k->real_size),
            spread_small = guarded_new(COUNT * small * k->real_size), got = guarded_new(images.nbytes),
            want = guarded_new(images.nbytes),
            scratch = guarded_new(cn_convolution_scratch(c, COUNT * most) * k->real_size);
    memset(spread_large.start, 0, spread_large.nbytes);
    memset(spread_small.start, 0, spread_small.nbytes);
    cn_convolution_spread_large(c, k, &larges, 0, c->channels, images.start, spread_large.start);
    cn_convolution_spread_small(c, k, &smalls, 0, c->small_channels, images.start, spread_small.start);
    for (int up = 0; up < 2; up++) {
        passing *pass = up ? cn_convolution_up : cn_convolution_down;
        const guarded *spread = up ? &spread_small : &spread_large;
        size_t channels = up ? c->channels : c->small_channels, stride = up ? small : large;
        pass(c, k, up ? &smalls : &larges, weight->start, NULL, spread->start, 0, channels, scratch.start,
             got.start);
        for (size_t i = 0; i < COUNT; i++) {
            pass(c, k, &one_image, weight->start, NULL, from(k, spread, i * stride), 0, channels,
                 scratch.start, want.start);
            assert_memory_equal(from(k, &got, i * planes), want.start, (up ? nlarge : nsmall) * k->real_size);
        }
    }
    guarded *all[] = {&images, &spread_large, &spread_small, &got, &want, &scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i]);
}

static void check_convolution(const cn_kernels *k, const naive *n, size_t rows)
{
    const cn_convolution *c = &n->c;
    size_t large_plane = c->height * c->width, small_plane = c->small_height * c->small_width;
    guarded large = spread_image(k, c, cn_convolution_spread_large, cn_convolution_large(c), c->channels,
                                 large_plane, n->large),
            small = spread_image(k, c, cn_convolution_spread_small, cn_convolution_small(c),
                                 c->small_channels, small_plane, n->small),
            weight = reals_of(k, n->weight, n->nweight), bias = filled(k, c->small_channels, 61),
            large_bias = filled(k, c->channels, 62);
    for (size_t at_a_time = 1; at_a_time <= 9; at_a_time += 4) {
        check_pass(k, c, "down", cn_convolution_down, &weight, at_a_time > 1 ? &bias : NULL, &large,
                   c->small_channels, small_plane, at_a_time, n->down, n->down_size);
        check_pass(k, c, "up", cn_convolution_up, &weight, at_a_time > 1 && meets_all(c) ? &large_bias : NULL,
                   &small, c->channels, large_plane, at_a_time, n->up, n->up_size);
    }
    check_gradient(k, n, &large, &small, rows);
    check_images(k, c, &weight);
    for (size_t size = 1; size <= 4; size++)
        check_pooled(k, c, &large, &weight, &bias, size);
    guarded_free(&large);
    guarded_free(&small);
    guarded_free(&weight);
    guarded_free(&bias);
    guarded_free(&large_bias);
}

static const size_t images[][2] = {{1, 1}, {1, 6}, {2, 3}, {5, 1}, {5, 5}, {7, 4}, {8, 9}, {13, 11}};
enum { NIMAGE = sizeof images / sizeof *images };

/* TensorFlow's `same`, else `valid`; false where the window does not fit. */
static bool shape_of(cn_convolution *c, bool same)
{
    if (!same && (c->kernel_height > c->height || c->kernel_width > c->width))
        return false;
    c->small_height =
        same ? cn_same_extent(c->height, c->stride) : (c->height - c->kernel_height) / c->stride + 1;
    c->small_width =
        same ? cn_same_extent(c->width, c->stride) : (c->width - c->kernel_width) / c->stride + 1;
    c->top = same ? cn_same_before(c->height, c->kernel_height, c->stride) : 0;
    c->left = same ? cn_same_before(c->width, c->kernel_width, c->stride) : 0;
    return true;
}

/* Every shape; under a slow checker every CINCH_SHAPE_STRIDE-th. */
static size_t shape_stride(void)
{
    return stride_of("CINCH_SHAPE_STRIDE");
}

static void test_convolutions(void **state)
{
    (void)state;
    static const size_t channels[][2] = {{1, 1}, {2, 3}, {5, 1}, {1, 9}, {4, 2}, {3, 7}, {9, 4}, {6, 8}};
    size_t number = 0, done = 0, stride_of_shapes = shape_stride();
    for (size_t height = 1; height <= 7; height++)
        for (size_t width = 1; width <= 7; width++)
            for (size_t stride = 1; stride <= 4; stride++)
                for (int same = 0; same < 2; same++, number++) {
                    const size_t *image = images[number * 5 % NIMAGE], *of = channels[number * 3 / 2 % 8];
                    if (number % stride_of_shapes)
                        continue;
                    cn_convolution c = {.channels = of[0],
                                        .height = image[0],
                                        .width = image[1],
                                        .small_channels = of[1],
                                        .kernel_height = height,
                                        .kernel_width = width,
                                        .stride = stride};
                    while (!shape_of(&c, same)) {
                        image = images[NIMAGE - 1 - number % 2];
                        c.height = image[0];
                        c.width = image[1];
                    }
                    naive n = naive_new(c);
                    FOR_TABLES(k)
                    check_convolution(k, &n, number % 50 ? 1 + number % 3 : 70);
                    naive_free(&n);
                    done++;
                }
    assert_int_equal(done, (7 * 7 * 4 * 2 + stride_of_shapes - 1) / stride_of_shapes);
}

/* Windows wider than vectors, on images lower than they are; strides beyond both. */
static void test_long_windows(void **state)
{
    (void)state;
    static const cn_convolution shapes[] = {
        {.channels = 3, .height = 1, .width = 5, .small_channels = 2, .kernel_height = 1, .kernel_width = 40},
        {.channels = 2, .height = 3, .width = 2, .small_channels = 5, .kernel_height = 41, .kernel_width = 1},
        {.channels = 2,
         .height = 4,
         .width = 50,
         .small_channels = 3,
         .kernel_height = 1,
         .kernel_width = 33},
        {.channels = 1,
         .height = 2,
         .width = 2,
         .small_channels = 2,
         .kernel_height = 25,
         .kernel_width = 37},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (size_t stride = 1; stride <= 60; stride += stride < 4 ? 1 : 19)
            for (int same = 0; same < 2; same++) {
                cn_convolution c = shapes[i];
                c.stride = stride;
                if (!shape_of(&c, same))
                    continue;
                naive n = naive_new(c);
                FOR_TABLES(k)
                check_convolution(k, &n, 1);
                naive_free(&n);
            }
}

/* <down(x), y> = <x, up(y)>, in double and without the naive loop. */
static void test_up_is_downs_transpose(void **state)
{
    (void)state;
    const cn_kernels *k = &cn_kernels_double;
    for (size_t i = 0; i < NIMAGE; i++)
        for (size_t kernel = 1; kernel <= 5; kernel++)
            for (size_t stride = 1; stride <= 3; stride++) {
                cn_convolution c = {.channels = 3,
                                    .height = images[i][0],
                                    .width = images[i][1],
                                    .small_channels = 2,
                                    .kernel_height = kernel,
                                    .kernel_width = 6 - kernel,
                                    .stride = stride};
                assert_true(shape_of(&c, true));
                size_t nlarge = c.channels * c.height * c.width,
                       nsmall = c.small_channels * c.small_height * c.small_width;
                double *x = values_new(nlarge, 1), *y = values_new(nsmall, 2), *up = values_new(nlarge, 0),
                       *down = values_new(nsmall, 0),
                       *weight = values_new(6 * c.kernel_height * c.kernel_width, 3),
                       *large = values_new(cn_convolution_large(&c), 0),
                       *small = values_new(cn_convolution_small(&c), 0),
                       *scratch = values_new(cn_convolution_scratch(&c, 3), 0);
                cn_convolution_spread_large(&c, k, &one_image, 0, c.channels, x, large);
                cn_convolution_spread_small(&c, k, &one_image, 0, c.small_channels, y, small);
                cn_convolution_down(&c, k, &one_image, weight, NULL, large, 0, c.small_channels, scratch,
                                    down);
                cn_convolution_up(&c, k, &one_image, weight, NULL, small, 0, c.channels, scratch, up);
                double one = 0, other = 0, size = 0;
                for (size_t j = 0; j < nsmall; j++)
                    one += down[j] * y[j], size += fabs(down[j] * y[j]);
                for (size_t j = 0; j < nlarge; j++)
                    other += x[j] * up[j];
                assert_true(size > 0 && fabs(one - other) <= 1e-13 * size);
                double *all[] = {x, y, up, down, weight, large, small, scratch};
                for (size_t j = 0; j < sizeof all / sizeof *all; j++)
                    free(all[j]);
            }
}

/* ---- Folding ------------------------------------------------------------------------------------------- */

/* planes[channels][height][width] of cells repeated. */
static void repeat_cells(size_t channels, size_t height, size_t width, size_t repeat, const double *cells,
                         double *planes)
{
    size_t large_width = width * repeat;
    for (size_t i = 0; i < channels * height * repeat * large_width; i++) {
        size_t row = i / large_width / repeat, column = i % large_width / repeat;
        planes[i] = cells[row * width + column];
    }
}

static void check_folding(const cn_kernels *k, const naive *n, size_t repeat, const double *cells)
{
    const cn_convolution *c = &n->c, folded = cn_folding(c, repeat);
    assert_int_equal(folded.small_height * repeat, c->height);
    assert_int_equal(folded.height, c->small_height);
    size_t nfolded = folded.small_channels * folded.channels * folded.kernel_height * folded.kernel_width;
    guarded weight = reals_of(k, n->weight, n->nweight), thick = guarded_new(nfolded * k->real_size),
            gradient = filled(k, n->nweight, 21);
    cn_folding_weight(c, repeat, k, weight.start, thick.start);

    guarded small = spread_image(k, &folded, cn_convolution_spread_small, cn_convolution_small(&folded),
                                 folded.small_channels, folded.small_height * folded.small_width, cells);
    check_pass(k, &folded, "folded", cn_convolution_up, &thick, NULL, &small, folded.channels,
               folded.height * folded.width, 4, n->down, n->down_size);

    /* Slopes of what came out are those of the folded one's larger image. */
    guarded large = spread_image(k, &folded, cn_convolution_spread_large, cn_convolution_large(&folded),
                                 folded.channels, folded.height * folded.width, n->small);
    guarded thick_gradient = guarded_new(thick.nbytes);
    cn_convolution_gradient(&folded, k, 1, large.start, small.start, 0, 0, nfolded, false,
                            thick_gradient.start);
    for (int more = 0; more < 2; more++) {
        double *want = values_new(n->nweight, 0), *size = values_new(n->nweight, 0);
        for (size_t i = 0; i < n->nweight; i++) {
            want[i] = (more ? 2 : 1) * n->gradient[i];
            size[i] = (more ? 2 : 1) * n->gradient_size[i];
        }
        cn_folding_gradient(c, repeat, k, thick_gradient.start, more, gradient.start);
        check_values(k, &folded, "unfolded gradient", gradient.start, n->nweight, want, size,
                     repeat * repeat * c->height * c->width);
        free(want);
        free(size);
    }
    guarded *all[] = {&weight, &thick, &gradient, &small, &large, &thick_gradient};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i]);
}

static void test_folding(void **state)
{
    (void)state;
    size_t number = 0;
    for (size_t repeat = 1; repeat <= 5; repeat++)
        for (size_t height = 1; height <= 6; height++)
            for (size_t width = 1; width <= 6; width++)
                for (int same = 0; same < 2; same++, number++) {
                    const size_t *image = images[number * 3 % NIMAGE];
                    cn_convolution c = {.channels = 1 + number % 5,
                                        .height = image[0] * repeat,
                                        .width = image[1] * repeat,
                                        .small_channels = 1 + number * 2 % 7,
                                        .kernel_height = height,
                                        .kernel_width = width,
                                        .stride = 1};
                    if (!shape_of(&c, same))
                        continue;
                    naive n = naive_new(c);
                    double *cells = values_new(c.channels * image[0] * image[1], 71);
                    repeat_cells(c.channels, image[0], image[1], repeat, cells, n.large);
                    double *sums[] = {n.down, n.up, n.gradient, n.down_size, n.up_size, n.gradient_size};
                    size_t counts[] = {n.nsmall, n.nlarge, n.nweight, n.nsmall, n.nlarge, n.nweight};
                    for (size_t i = 0; i < 6; i++)
                        memset(sums[i], 0, counts[i] * sizeof(double));
                    naive_passes(&n);
                    FOR_TABLES(k)
                    check_folding(k, &n, repeat, cells);
                    free(cells);
                    naive_free(&n);
                }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_correlate),
        cmocka_unit_test(test_correlate_nothing),
        cmocka_unit_test(test_correlation_sums),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_plane_sums),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_long_windows),
        cmocka_unit_test(test_up_is_downs_transpose),
        cmocka_unit_test(test_folding),
    };
    return cmocka_run_group_tests_name("planes", tests, NULL, NULL);
}
