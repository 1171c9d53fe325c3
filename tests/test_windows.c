/* Convolutions as products (model/windows.h), in every table: against one naive loop in double, within what
 * they may touch; and their weights' way into panels and back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/windows.h"
#include "tests/guarded.h"
#include "tests/strides.h"

/* ---- The naive loop ------------------------------------------------------------------------------------ */

/* Values in the file's orders: images as planes, the weight (out, in, height, width). */
typedef struct values {
    size_t nlarge, nsmall, nweight;
    double *large, *small, *weight;
} values;

static double *doubles(size_t count, size_t seed)
{
    double *reals = malloc(count * sizeof *reals);
    assert_non_null(reals);
    for (size_t i = 0; i < count; i++)
        reals[i] = noise(seed + i);
    return reals;
}

static values values_new(const cn_convolution *c)
{
    values v = {.nlarge = c->channels * c->height * c->width,
                .nsmall = c->small_channels * c->small_height * c->small_width,
                .nweight = cn_convolution_weights(c)};
    v.large = doubles(v.nlarge, 10);
    v.small = doubles(v.nsmall, 20);
    v.weight = doubles(v.nweight, 30);
    return v;
}

static void values_free(values *v)
{
    free(v->large);
    free(v->small);
    free(v->weight);
}

/* What the sums are of, and the same with every product's size in its stead. */
typedef struct sums {
    double *down, *up, *gradient;
} sums;

static sums sums_new(const values *v)
{
    sums s = {calloc(v->nsmall, sizeof(double)), calloc(v->nlarge, sizeof(double)),
              calloc(v->nweight, sizeof(double))};
    assert_true(s.down && s.up && s.gradient);
    return s;
}

static void sums_free(sums *s)
{
    free(s->down);
    free(s->up);
    free(s->gradient);
}

static void add(const values *v, size_t small, size_t large, size_t weight, sums *s, sums *sizes)
{
    const double x = v->large[large], z = v->small[small], w = v->weight[weight];
    s->down[small] += w * x;
    s->up[large] += w * z;
    s->gradient[weight] += z * x;
    sizes->down[small] += fabs(w * x);
    sizes->up[large] += fabs(w * z);
    sizes->gradient[weight] += fabs(z * x);
}

/* Of one window's place, all channels and cells. */
static void add_window(const cn_convolution *c, const values *v, size_t o, size_t h, size_t w, sums *s,
                       sums *sizes)
{
    for (size_t channel = 0; channel < c->channels; channel++)
        for (size_t a = 0; a < c->kernel_height; a++)
            for (size_t b = 0; b < c->kernel_width; b++) {
                const size_t row = h * c->stride + a - c->top, column = w * c->stride + b - c->left;
                if (row < c->height && column < c->width)
                    add(v, (o * c->small_height + h) * c->small_width + w,
                        (channel * c->height + row) * c->width + column,
                        ((o * c->channels + channel) * c->kernel_height + a) * c->kernel_width + b, s, sizes);
            }
}

static void add_all(const cn_convolution *c, const values *v, sums *s, sums *sizes)
{
    for (size_t o = 0; o < c->small_channels; o++)
        for (size_t h = 0; h < c->small_height; h++)
            for (size_t w = 0; w < c->small_width; w++)
                add_window(c, v, o, h, w, s, sizes);
}

/* ---- Windows ------------------------------------------------------------------------------------------- */

enum { ROWS = 5 }; /* images; row r's are r + 1 times the first's */

static guarded reals_of(const cn_kernels *k, const double *reals, size_t count, double times)
{
    guarded array = guarded_new(count * k->real_size);
    for (size_t i = 0; i < count; i++)
        set(k, array.start, i, times * reals[i]);
    return array;
}

/* The weight packed, both ways, in exactly the room that it says; padding 0. */
typedef struct packed {
    cn_matrix matrix;
    guarded panels, transposed;
} packed;

static cinch_shape shape_of(const cn_convolution *c)
{
    return (cinch_shape){.rank = 4,
                         .sizes = {c->small_channels, c->channels, c->kernel_height, c->kernel_width}};
}

static packed packed_new(const cn_kernels *k, const cn_convolution *c, const double *weight)
{
    const size_t count = cn_convolution_weights(c);
    packed p = {.matrix = cn_windows_matrix(shape_of(c))};
    p.panels = guarded_new(cn_round_up(p.matrix.out, CN_PANEL) * p.matrix.in * k->real_size);
    p.transposed = guarded_new(p.matrix.in * p.matrix.out * k->real_size);
    p.matrix.panels = p.panels.start;
    p.matrix.transposed = p.transposed.start;
    float *floats = malloc(count * sizeof *floats), *again = calloc(count, sizeof *again);
    assert_true(floats && again);
    for (size_t i = 0; i < count; i++)
        floats[i] = (float)weight[i];
    cn_windows_pack(k, shape_of(c), floats, &p.matrix);
    cn_windows_unpack(k, shape_of(c), &p.matrix, again);
    assert_memory_equal(floats, again, count * sizeof *floats);
    size_t there = 0;
    for (size_t i = 0; i < p.panels.nbytes / k->real_size; i++)
        there += at(k, p.panels.start, i) != 0;
    assert_int_equal(there, count);
    free(floats);
    free(again);
    return p;
}

static void packed_free(packed *p)
{
    guarded_free(&p->panels);
    guarded_free(&p->transposed);
}

static void check(const cn_kernels *k, const cn_convolution *c, const char *what, size_t i, double got,
                  double want, double size, size_t terms)
{
    if (!near(k, got, want, size, terms))
        fail_msg("%s: %zux%zux%zu to %zux%zux%zu, window %zux%zu, stride %zu: %s[%zu] is %a, not %a", k->name,
                 c->height, c->width, c->channels, c->small_height, c->small_width, c->small_channels,
                 c->kernel_height, c->kernel_width, c->stride, what, i, got, want);
}

typedef void spreading(const cn_convolution *, const cn_kernels *, const cn_images *, const void *, void *);
typedef void passing(const cn_convolution *, const cn_kernels *, const cn_images *, const cn_matrix *,
                     const void *, const void *, void *, void *);

/* Rows spread, each twice: other values first, of which nothing may be left. */
static guarded spread_rows(const cn_kernels *k, const cn_convolution *c, spreading *spread, size_t reals,
                           const double *image, size_t count, size_t *stride)
{
    *stride = cn_round_up(reals, CN_PANEL) + CN_PANEL;
    guarded rows = guarded_new(((ROWS - 1) * *stride + reals) * k->real_size);
    memset(rows.start, 0, rows.nbytes);
    for (int time = 0; time < 2; time++)
        for (size_t r = 0; r < ROWS; r++) {
            guarded planes = time ? reals_of(k, image, count, (double)(r + 1)) : filled(k, count, 100 + r);
            spread(c, k, &(cn_images){.count = 1}, planes.start, from(k, &rows, r * *stride));
            guarded_free(&planes);
        }
    return rows;
}

/* All rows at once, and what is between the rows of planes stays as it was. */
static void check_pass(const cn_kernels *k, const cn_convolution *c, const char *what, passing *pass,
                       const packed *weight, const guarded *bias, const guarded *rows, size_t stride,
                       size_t channels, size_t plane, const double *want, const double *size)
{
    enum { GAP = 3 };
    const size_t count = channels * plane, apart = count + GAP;
    guarded scratch = guarded_new(cn_windows_scratch(c) * k->real_size),
            planes = guarded_new(((ROWS - 1) * apart + count) * k->real_size);
    memset(scratch.start, 0xff, scratch.nbytes); /* NaN */
    memset(planes.start, 0x55, planes.nbytes);
    pass(c, k, &(cn_images){.count = ROWS, .spread = stride, .planes = apart}, &weight->matrix,
         bias ? bias->start : NULL, rows->start, scratch.start, planes.start);
    const size_t terms = c->channels * c->small_channels * c->kernel_height * c->kernel_width;
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < count; i++) {
            const double more = bias ? at(k, bias->start, i / plane) : 0, times = (double)(r + 1);
            check(k, c, what, i, at(k, planes.start, r * apart + i), times * want[i] + more,
                  times * size[i] + fabs(more), terms);
        }
    for (size_t r = 0; r + 1 < ROWS; r++)
        for (size_t i = 0; i < GAP * k->real_size; i++)
            assert_int_equal(((unsigned char *)from(k, &planes, r * apart + count))[i], 0x55);
    guarded_free(&scratch);
    guarded_free(&planes);
}

/* The gradient of the whole matrix, in the file's order. */
static void check_whole(const cn_kernels *k, const cn_convolution *c, const guarded *reals, double times,
                        const double *more, const sums *s, const sums *sizes)
{
    const size_t cells = c->kernel_height * c->kernel_width, padded = cn_round_up(c->channels, CN_PANEL);
    const size_t in = cells * padded;
    for (size_t i = 0; i < cn_convolution_weights(c); i++) {
        const size_t o = i / cells / c->channels, channel = i / cells % c->channels, cell = i % cells;
        const size_t row = cell * padded + channel,
                     place = (o / CN_PANEL * in + row) * CN_PANEL + o % CN_PANEL;
        check(k, c, "gradient", i, at(k, reals->start, place),
              times * s->gradient[i] + (more ? more[place] : 0),
              times * sizes->gradient[i] + (more ? fabs(more[place]) : 0),
              ROWS * c->small_height * c->small_width);
    }
}

/* Whole, added to what is there; and tile by tile, one or two panels at once, which gives the same bits. */
static void check_gradient(const cn_kernels *k, const cn_convolution *c, const guarded *large,
                           const guarded *small, size_t stride, const sums *s, const sums *sizes)
{
    const cn_matrix m = cn_windows_matrix(shape_of(c));
    const size_t panels = cn_round_up(m.out, CN_PANEL) / CN_PANEL, count = panels * m.in * CN_PANEL;
    const double times = ROWS * (ROWS + 1) * (2 * ROWS + 1) / 6;
    guarded whole = guarded_new(count * k->real_size), more = filled(k, count, 55);
    cn_tile tile = {.npanel = 1, .count = count};
    cn_windows_gradient(c, k, ROWS, large->start, small->start, stride, &tile, false, whole.start);
    check_whole(k, c, &whole, times, NULL, s, sizes);
    double *before = doubles(count, 55);
    cn_windows_gradient(c, k, ROWS, large->start, small->start, stride, &tile, true, more.start);
    check_whole(k, c, &more, times, before, s, sizes);
    free(before);
    for (tile.row = 0; tile.row < m.in; tile.row += tile.nrow)
        for (tile.panel = 0; tile.panel < panels; tile.panel += tile.npanel) {
            tile.nrow = m.in - tile.row < CN_TILE_ROWS ? m.in - tile.row : CN_TILE_ROWS;
            tile.npanel = panels - tile.panel < 2 ? 1 : 2;
            const size_t size = tile.nrow * CN_PANEL * k->real_size;
            guarded part = guarded_new(tile.npanel * size);
            cn_windows_gradient(c, k, ROWS, large->start, small->start, stride, &tile, false, part.start);
            for (size_t p = 0; p < tile.npanel; p++)
                assert_memory_equal((char *)part.start + p * size,
                                    from(k, &whole, ((tile.panel + p) * m.in + tile.row) * CN_PANEL), size);
            guarded_free(&part);
        }
    guarded_free(&whole);
    guarded_free(&more);
}

static void check_convolution(const cn_kernels *k, const cn_convolution *c)
{
    values v = values_new(c);
    sums s = sums_new(&v), sizes = sums_new(&v);
    add_all(c, &v, &s, &sizes);
    packed weight = packed_new(k, c, v.weight);
    size_t large_stride, small_stride;
    guarded large = spread_rows(k, c, cn_windows_spread_large, cn_windows_large(c), v.large, v.nlarge,
                                &large_stride),
            small = spread_rows(k, c, cn_windows_spread_small, cn_windows_small(c), v.small, v.nsmall,
                                &small_stride);
    guarded bias = filled(k, cn_round_up(c->small_channels, CN_PANEL), 70),
            large_bias = filled(k, cn_round_up(c->channels, CN_PANEL), 80);
    check_pass(k, c, "down", cn_windows_down, &weight, &bias, &large, large_stride, c->small_channels,
               c->small_height * c->small_width, s.down, sizes.down);
    check_pass(k, c, "up", cn_windows_up, &weight, cn_convolution_meets_all(c) ? &large_bias : NULL, &small,
               small_stride, c->channels, c->height * c->width, s.up, sizes.up);
    /* Both in rows of one stride. */
    const size_t nlarge = cn_windows_large(c), nsmall = cn_windows_small(c);
    const size_t stride = large_stride > small_stride ? large_stride : small_stride;
    guarded larges = guarded_new(((ROWS - 1) * stride + nlarge) * k->real_size),
            smalls = guarded_new(((ROWS - 1) * stride + nsmall) * k->real_size);
    for (size_t r = 0; r < ROWS; r++) {
        memcpy(from(k, &larges, r * stride), from(k, &large, r * large_stride), nlarge * k->real_size);
        memcpy(from(k, &smalls, r * stride), from(k, &small, r * small_stride), nsmall * k->real_size);
    }
    check_gradient(k, c, &larges, &smalls, stride, &s, &sizes);
    guarded_free(&larges);
    guarded_free(&smalls);
    guarded_free(&bias);
    guarded_free(&large_bias);
    guarded_free(&large);
    guarded_free(&small);
    packed_free(&weight);
    sums_free(&s);
    sums_free(&sizes);
    values_free(&v);
}

/* ---- Shapes -------------------------------------------------------------------------------------------- */

static cn_convolution same(size_t channels, size_t small_channels, size_t height, size_t width,
                           size_t kernel_height, size_t kernel_width, size_t stride)
{
    return (cn_convolution){.channels = channels,
                            .height = height,
                            .width = width,
                            .small_channels = small_channels,
                            .small_height = cn_same_extent(height, stride),
                            .small_width = cn_same_extent(width, stride),
                            .kernel_height = kernel_height,
                            .kernel_width = kernel_width,
                            .stride = stride,
                            .top = cn_same_before(height, kernel_height, stride),
                            .left = cn_same_before(width, kernel_width, stride)};
}

static cn_convolution valid(cn_convolution c)
{
    c.top = c.left = 0;
    c.small_height = (c.height - c.kernel_height) / c.stride + 1;
    c.small_width = (c.width - c.kernel_width) / c.stride + 1;
    return c;
}

static void test_convolutions(void **state)
{
    (void)state;
    static const size_t kernels[][2] = {{1, 1}, {3, 3}, {2, 5}, {7, 4}, {8, 8}};
    static const size_t images[][2] = {{1, 1}, {3, 2}, {5, 7}, {9, 17}, {4, 34}};
    static const size_t channels[][2] = {{1, 1}, {16, 16}, {7, 40}, {33, 5}};
    FOR_TABLES(k)
    for (size_t w = 0; w < 5; w++)
        for (size_t i = 0; i < 5; i += stride_of("CINCH_SHAPE_STRIDE") > 1 ? 2 : 1)
            for (size_t stride = 1; stride <= 3; stride++) {
                const size_t *n = channels[(w + i + stride) % 4];
                const cn_convolution c =
                    same(n[0], n[1], images[i][0], images[i][1], kernels[w][0], kernels[w][1], stride);
                check_convolution(k, &c);
                if (c.height >= c.kernel_height && c.width >= c.kernel_width) {
                    const cn_convolution inner = valid(c);
                    check_convolution(k, &inner);
                }
            }
}

/* So many positions that a block is one image, or a few. */
static void test_large_images(void **state)
{
    (void)state;
    const cn_convolution whole = same(3, 2, 50, 48, 3, 2, 1), some = same(2, 17, 30, 30, 2, 3, 1);
    FOR_TABLES(k)
    {
        check_convolution(k, &whole);
        check_convolution(k, &some);
    }
}

/* Many weights, between channels that fill their panels, and windows that are not too large. */
static void test_suit(void **state)
{
    (void)state;
    const cn_convolution wide = same(32, 32, 8, 8, 3, 3, 1), few = same(16, 32, 8, 8, 3, 3, 1),
                         thin = same(3, 64, 8, 8, 7, 7, 1), far = same(32, 32, 30, 30, 9, 9, 1);
    assert_true(cn_windows_suit(&wide));
    assert_false(cn_windows_suit(&few));
    assert_false(cn_windows_suit(&thin));
    assert_false(cn_windows_suit(&far));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_large_images),
        cmocka_unit_test(test_suit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
