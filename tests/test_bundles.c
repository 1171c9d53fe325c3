/* Rows side by side: the kernels over bundles in every table, against naive sums in double, within what they
 * may touch; the places that a stencil finds, against its convolution's definition; and whole nets, whose
 * gradients are those of the same net row by row. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "math/kernels.h"
#include "model/image.h"
#include "model/stencil.h"
#include "tests/guarded.h"
#include "tests/passes.h"
#include "tests/strides.h"

/* ---- Views --------------------------------------------------------------------------------------------- */

/* Two views of some places: the first y go by the one, the others, which lie the other way round, by the
 * other. One run of each goes along, one steps. */
enum { MOST_RUNS = 2, NVIEW = 2 };

typedef struct viewing {
    cn_view views[NVIEW];
    cn_run runs[NVIEW][MOST_RUNS];
    size_t offsets[NVIEW][CN_MOST_CELLS], taps[NVIEW][CN_MOST_CELLS];
    size_t x_plane, y_plane, tap_count;
} viewing;

static void view_cells(viewing *v, size_t view, size_t ncell)
{
    for (size_t c = 0; c < ncell; c++) {
        v->offsets[view][c] = (c * 5 + view) % (ncell + 2);
        v->taps[view][c] = (c * 3 + view) % v->tap_count; /* some taps twice, some not at all */
    }
    v->views[view] = (cn_view){.ncell = ncell,
                               .offsets = v->offsets[view],
                               .taps = v->taps[view],
                               .nrun = MOST_RUNS,
                               .runs = v->runs[view]};
}

/* `places` of y in all, the last view without cells where `blind`. */
static void viewing_new(viewing *v, size_t places, size_t ncell, bool blind)
{
    size_t half = places / 2, rest = places - half, reach = ncell + 2;
    *v = (viewing){.tap_count = ncell + 1};
    view_cells(v, 0, ncell);
    view_cells(v, 1, blind ? 0 : ncell / 2 + 1);
    /* y 0, 2, ... and 1, 3, ... of the first half; of the second from its end, and the last by itself. */
    v->runs[0][0] = (cn_run){.count = (half + 1) / 2, .x = 3, .x_step = 2, .y = 0, .y_step = 2};
    v->runs[0][1] = (cn_run){.count = half / 2, .x = 0, .x_step = 1, .y = 1, .y_step = 2};
    v->runs[1][0] = (cn_run){.count = rest - 1, .x = 1, .x_step = 3, .y = half, .y_step = 1};
    v->runs[1][1] = (cn_run){.count = 1, .x = 2, .y = places - 1};
    v->y_plane = places;
    for (size_t view = 0; view < NVIEW; view++)
        for (size_t r = 0; r < MOST_RUNS; r++) {
            const cn_run *run = &v->runs[view][r];
            size_t end = run->x + (run->count ? run->count - 1 : 0) * run->x_step + reach;
            v->x_plane = end > v->x_plane ? end : v->x_plane;
        }
}

/* Every place of y with each that it sees, in the order of the definition. */
typedef void seen_by(void *user, size_t y, size_t x, size_t tap);

static void for_each_sight(const cn_view *views, size_t nview, seen_by *act, void *user)
{
    for (const cn_view *view = views; view < views + nview; view++)
        for (size_t r = 0; r < view->nrun; r++)
            for (size_t n = 0; n < view->runs[r].count; n++)
                for (size_t c = 0; c < view->ncell; c++) {
                    const cn_run *run = &view->runs[r];
                    act(user, run->y + n * run->y_step, run->x + n * run->x_step + view->offsets[c],
                        view->taps[c]);
                }
}

/* ---- Sums ---------------------------------------------------------------------------------------------- */

typedef struct summing {
    const cn_kernels *kernels;
    const cn_bundle_sums *sums;
    double *wanted, *sizes; /* [out][y_plane][CN_BUNDLE] */
} summing;

static void add_sight(void *user, size_t y, size_t x, size_t tap)
{
    const summing *t = user;
    const cn_bundle_sums *s = t->sums;
    for (size_t o = 0; o < s->out; o++)
        for (size_t i = 0; i < s->in; i++) {
            double weight = at(t->kernels, s->weight, o * s->weight_out + i * s->weight_in + tap);
            for (size_t r = 0; r < CN_BUNDLE; r++) {
                double product = weight * at(t->kernels, s->x, (i * s->x_plane + x) * CN_BUNDLE + r);
                t->wanted[(o * s->y_plane + y) * CN_BUNDLE + r] += product;
                t->sizes[(o * s->y_plane + y) * CN_BUNDLE + r] += fabs(product);
            }
        }
}

static void check_sums(const cn_kernels *k, size_t out, size_t in, size_t places, size_t ncell, bool bias,
                       bool blind)
{
    viewing v;
    viewing_new(&v, places, ncell, blind);
    size_t nweight = (out * in - 1) * (v.tap_count + 1) + v.tap_count, ny = out * places * CN_BUNDLE;
    guarded x = filled(k, in * v.x_plane * CN_BUNDLE, 3), weight = filled(k, nweight, 5),
            start = filled(k, out, 7), y = filled(k, ny, 9);
    cn_bundle_sums s = {.views = v.views,
                        .nview = NVIEW,
                        .out = out,
                        .in = in,
                        .x = x.start,
                        .x_plane = v.x_plane,
                        .weight = weight.start,
                        .weight_out = in * (v.tap_count + 1),
                        .weight_in = v.tap_count + 1,
                        .bias = bias ? start.start : NULL,
                        .y = y.start,
                        .y_plane = places};
    summing t = {k, &s, calloc(ny, sizeof(double)), calloc(ny, sizeof(double))};
    assert_true(t.wanted && t.sizes);
    for (size_t i = 0; bias && i < ny; i++) {
        t.wanted[i] = at(k, start.start, i / CN_BUNDLE / places);
        t.sizes[i] = fabs(t.wanted[i]);
    }
    for_each_sight(v.views, NVIEW, add_sight, &t);
    k->bundle_sums(&s);
    for (size_t i = 0; i < ny; i++)
        if (!near(k, at(k, y.start, i), t.wanted[i], t.sizes[i], in * ncell))
            fail_msg("%s: bundle_sums %zu to %zu, %zu places, %zu cells: real %zu is %a, not %a", k->name, in,
                     out, places, ncell, i, at(k, y.start, i), t.wanted[i]);
    free(t.wanted);
    free(t.sizes);
    guarded *all[] = {&x, &weight, &start, &y};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i]);
}

/* From one shape to the next; under a slow checker CINCH_SHAPE_STRIDE times as far. */
static size_t shape_step(void)
{
    return stride_of("CINCH_SHAPE_STRIDE");
}

static void test_sums(void **state)
{
    (void)state;
    FOR_TABLES(k)
    {
        for (size_t out = 1; out <= 17; out++)
            for (size_t places = 2; places <= 40; places += shape_step()) {
                size_t number = out * 5 + places;
                check_sums(k, out, 1 + number % 4, places, 1 + number % 11, number % 2, number % 7 == 0);
            }
        /* More weights than one go holds, of few and of many cells. */
        check_sums(k, 9, 4200, 3, 1, true, false);
        check_sums(k, 5, 530, 5, 9, false, false);
        check_sums(k, 1, 70, 7, CN_MOST_CELLS, true, true);
        check_sums(k, 11, 9, 4, CN_MOST_CELLS, false, false);
    }
}

/* ---- Products ------------------------------------------------------------------------------------------ */

typedef struct multiplying {
    const cn_kernels *kernels;
    const cn_bundle_products *products;
    double *wanted, *sizes; /* as sums */
} multiplying;

static void add_product(void *user, size_t y, size_t x, size_t tap)
{
    const multiplying *t = user;
    const cn_bundle_products *p = t->products;
    for (size_t o = 0; o < p->out; o++)
        for (size_t i = 0; i < p->in; i++)
            for (size_t r = 0; r < CN_BUNDLE; r++) {
                double product = at(t->kernels, p->z, (o * p->z_plane + y) * CN_BUNDLE + r) *
                                 at(t->kernels, p->x, (i * p->x_plane + x) * CN_BUNDLE + r);
                size_t place = (o * p->sum_out + i * p->sum_in + tap) * CN_BUNDLE + r;
                t->wanted[place] += product;
                t->sizes[place] += fabs(product);
            }
}

/* A view's taps are each one cell's: its sums stay in registers. */
static void take_taps_once(viewing *v)
{
    for (size_t view = 0; view < NVIEW; view++)
        for (size_t c = 0; c < v->views[view].ncell; c++)
            v->taps[view][c] = view ? v->tap_count - 1 - c : c;
}

/* `turned`: the sums as a table's weight has them, (in, out). */
static void check_products(const cn_kernels *k, size_t out, size_t in, size_t places, size_t ncell,
                           bool blind, bool turned)
{
    viewing v;
    viewing_new(&v, places, ncell, blind);
    take_taps_once(&v);
    size_t taps = v.tap_count, nsum = out * in * taps * CN_BUNDLE;
    guarded z = filled(k, out * places * CN_BUNDLE, 3), x = filled(k, in * v.x_plane * CN_BUNDLE, 5),
            sums = filled(k, nsum, 7);
    cn_bundle_products p = {.views = v.views,
                            .nview = NVIEW,
                            .out = out,
                            .in = in,
                            .z = z.start,
                            .z_plane = places,
                            .x = x.start,
                            .x_plane = v.x_plane,
                            .sums = sums.start,
                            .sum_out = turned ? taps : in * taps,
                            .sum_in = turned ? out * taps : taps};
    multiplying t = {k, &p, calloc(nsum, sizeof(double)), calloc(nsum, sizeof(double))};
    assert_true(t.wanted && t.sizes);
    for (size_t i = 0; i < nsum; i++) {
        t.wanted[i] = at(k, sums.start, i);
        t.sizes[i] = fabs(t.wanted[i]);
    }
    for_each_sight(v.views, NVIEW, add_product, &t);
    k->bundle_products(&p);
    for (size_t i = 0; i < nsum; i++)
        if (!near(k, at(k, sums.start, i), t.wanted[i], t.sizes[i], places))
            fail_msg("%s: bundle_products %zu by %zu, %zu places, %zu cells: real %zu is %a, not %a", k->name,
                     out, in, places, ncell, i, at(k, sums.start, i), t.wanted[i]);
    free(t.wanted);
    free(t.sizes);
    guarded_free(&z);
    guarded_free(&x);
    guarded_free(&sums);
}

static void test_products(void **state)
{
    (void)state;
    FOR_TABLES(k)
    {
        for (size_t out = 1; out <= 17; out++)
            for (size_t places = 2; places <= 40; places += shape_step()) {
                size_t number = out * 7 + places;
                check_products(k, out, 1 + number % 5, places, 1 + number % 13, number % 6 == 0, number % 2);
            }
        check_products(k, 3, 2, 9, CN_MOST_CELLS, false, false);
        check_products(k, 16, 37, 4, 1, true, true);
    }
}

/* ---- Sums of bundles ----------------------------------------------------------------------------------- */

static void check_totals(const cn_kernels *k, size_t planes, size_t plane)
{
    guarded x = filled(k, planes * plane * CN_BUNDLE, 1), sums = filled(k, planes * CN_BUNDLE, 2);
    k->bundle_totals(planes, plane, x.start, sums.start);
    for (size_t c = 0; c < planes; c++)
        for (size_t r = 0; r < CN_BUNDLE; r++) {
            double want = noise(2 + c * CN_BUNDLE + r), size = fabs(want);
            for (size_t i = 0; i < plane; i++) {
                double value = at(k, x.start, (c * plane + i) * CN_BUNDLE + r);
                want += value;
                size += fabs(value);
            }
            assert_true(near(k, at(k, sums.start, c * CN_BUNDLE + r), want, size, plane));
        }
    guarded_free(&x);
    guarded_free(&sums);
}

static void check_add(const cn_kernels *k, size_t count)
{
    guarded bundles = filled(k, count * CN_BUNDLE, 3);
    double sums[CN_BUNDLE];
    for (size_t r = 0; r < CN_BUNDLE; r++)
        sums[r] = noise(50 + r);
    k->bundle_add(count, bundles.start, sums);
    for (size_t r = 0; r < CN_BUNDLE; r++) {
        double want = noise(50 + r);
        for (size_t i = 0; i < count; i++)
            want += at(k, bundles.start, i * CN_BUNDLE + r);
        assert_true(fabs(sums[r] - want) <= 1e-14 * (double)(count + 1)); /* in double in every table */
    }
    guarded_free(&bundles);
}

/* In a tree of halves, whose bits are the same in all tables of one precision. */
static void check_fold(const cn_kernels *k, size_t count)
{
    guarded bundles = filled(k, count * CN_BUNDLE, 4), reals = guarded_new(count * k->real_size);
    k->bundle_fold(count, bundles.start, reals.start);
    for (size_t i = 0; i < count; i++) {
        double values[CN_BUNDLE];
        for (size_t r = 0; r < CN_BUNDLE; r++)
            values[r] = at(k, bundles.start, i * CN_BUNDLE + r);
        for (size_t half = CN_BUNDLE / 2; half > 0; half /= 2)
            for (size_t j = 0; j < half; j++) {
                double sum = values[j] + values[j + half];
                values[j] = k->real_size == 4 ? (double)(float)sum : sum;
            }
        assert_true(at(k, reals.start, i) == values[0]);
    }
    guarded_free(&bundles);
    guarded_free(&reals);
}

static void test_totals(void **state)
{
    (void)state;
    FOR_TABLES(k)
    {
        for (size_t planes = 1; planes <= 17; planes += 4)
            for (size_t plane = 1; plane <= 40; plane++)
                check_totals(k, planes, plane);
        for (size_t count = 0; count <= 40; count++) {
            check_add(k, count);
            check_fold(k, count);
        }
    }
}

/* ---- Rows into bundles --------------------------------------------------------------------------------- */

/* Of a block of two bundles the second: what lies between its values stays. And back. */
static void check_split(const cn_kernels *k, size_t count, size_t nvalue, size_t more)
{
    enum { STEP = 2 * CN_BUNDLE };
    size_t room = cn_round_up(nvalue, CN_PANEL), stride = room + more * CN_PANEL,
           nreal = count ? (count - 1) * stride + room : 0;
    guarded rows = filled(k, nreal, 5), bundles = filled(k, nvalue * STEP, 6);
    k->bundle_split(count, nvalue, stride, rows.start, STEP, from(k, &bundles, CN_BUNDLE));
    for (size_t f = 0; f < nvalue; f++)
        for (size_t r = 0; r < STEP; r++) {
            double got = at(k, bundles.start, f * STEP + r),
                   want = r < CN_BUNDLE           ? noise(6 + f * STEP + r)
                          : r - CN_BUNDLE < count ? at(k, rows.start, (r - CN_BUNDLE) * stride + f)
                                                  : 0;
            if (got != want)
                fail_msg("%s: bundle_split %zu rows of %zu: value %zu, real %zu is %g, not %g", k->name,
                         count, nvalue, f, r, got, want);
        }
    guarded joined = filled(k, nreal, 7);
    k->bundle_join(count, nvalue, STEP, from(k, &bundles, CN_BUNDLE), stride, joined.start);
    for (size_t i = 0; i < nreal; i++)
        if (i % stride < nvalue)
            assert_true(at(k, joined.start, i) == at(k, rows.start, i));
        else if (i % stride >= room)
            assert_true(at(k, joined.start, i) == noise(7 + i));
    guarded_free(&joined);
    guarded_free(&rows);
    guarded_free(&bundles);
}

static void test_split(void **state)
{
    (void)state;
    FOR_TABLES(k)
    for (size_t count = 0; count <= CN_BUNDLE; count++)
        for (size_t nvalue = 1; nvalue <= 50; nvalue++)
            check_split(k, count, nvalue, (count + nvalue) % 3);
}

/* ---- Pools --------------------------------------------------------------------------------------------- */

/* Row r of bundles, by itself. */
static guarded row_of(const cn_kernels *k, const guarded *bundles, size_t r)
{
    size_t count = bundles->nbytes / k->real_size / CN_BUNDLE;
    guarded row = guarded_new(count * k->real_size);
    for (size_t i = 0; i < count; i++)
        set(k, row.start, i, at(k, bundles->start, i * CN_BUNDLE + r));
    return row;
}

static void check_row(const cn_kernels *k, const char *what, const cn_pooling *p, const guarded *bundles,
                      size_t r, const guarded *row)
{
    for (size_t i = 0; i < row->nbytes / k->real_size; i++)
        if (at(k, bundles->start, i * CN_BUNDLE + r) != at(k, row->start, i))
            fail_msg("%s: %s %zu of %zux%zu from %zu, %zu: value %zu of row %zu is %g, not %g", k->name, what,
                     p->size, p->height, p->width, p->top, p->left, i, r,
                     at(k, bundles->start, i * CN_BUNDLE + r), at(k, row->start, i));
}

/* The same bits as row by row; test_planes has what these are. Of few values, so that windows hold their
 * largest more than once. */
static void check_pool(const cn_kernels *k, const cn_pooling *p, bool mean)
{
    size_t nlarge = (p->planes - 1) * p->large_plane + (p->height - 1) * p->large_row + p->width,
           nsmall = p->planes * p->small_height * p->small_width;
    guarded x = filled(k, nlarge * CN_BUNDLE, 1), y = filled(k, nsmall * CN_BUNDLE, 2),
            which = filled(k, nsmall * CN_BUNDLE, 3), plain = filled(k, nsmall * CN_BUNDLE, 4),
            dx = filled(k, nlarge * CN_BUNDLE, 5), sum = filled(k, nsmall * CN_BUNDLE, 6),
            back = filled(k, nlarge * CN_BUNDLE, 7);
    for (size_t i = 0; i < nlarge * CN_BUNDLE; i++)
        set(k, x.start, i, floor(noise(i + nlarge) * 3));
    guarded *after[] = {&y, &which, &dx, &sum, &back};
    guarded rows[CN_BUNDLE][5];
    for (size_t r = 0; r < CN_BUNDLE; r++) {
        guarded row = row_of(k, &x, r);
        for (size_t i = 0; i < 5; i++)
            rows[r][i] = row_of(k, after[i], r);
        k->pool_max(p, row.start, rows[r][0].start, rows[r][1].start);
        k->pool_max_backward(p, rows[r][0].start, rows[r][1].start, rows[r][2].start);
        k->pool_sum(p, mean, row.start, rows[r][3].start);
        k->pool_repeat(p, mean, rows[r][3].start, rows[r][4].start);
        guarded_free(&row);
    }
    k->bundle_max(p, x.start, y.start, which.start);
    k->bundle_max(p, x.start, plain.start, NULL);
    assert_memory_equal(y.start, plain.start, y.nbytes);
    k->bundle_max_backward(p, y.start, which.start, dx.start);
    k->bundle_sum(p, mean, x.start, sum.start);
    k->bundle_repeat(p, mean, sum.start, back.start);
    static const char *const names[] = {"bundle_max", "its places", "bundle_max_backward", "bundle_sum",
                                        "bundle_repeat"};
    for (size_t r = 0; r < CN_BUNDLE; r++)
        for (size_t i = 0; i < 5; i++) {
            check_row(k, names[i], p, after[i], r, &rows[r][i]);
            guarded_free(&rows[r][i]);
        }
    guarded *all[] = {&x, &y, &which, &plain, &dx, &sum, &back};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i]);
}

static void test_pools(void **state)
{
    (void)state;
    FOR_TABLES(k)
    for (size_t size = 1; size <= 5; size++)
        for (size_t height = 1; height <= 7; height++)
            for (size_t width = 1; width <= 13; width += 2 * shape_step())
                for (size_t top = 0; top < size; top += 2) {
                    size_t left = (top + width) % size;
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
                    check_pool(k, &p, height % 2);
                    cn_pooling whole =
                        cn_image_pooling((cinch_shape){3, {height * size, width * size, p.planes}}, size);
                    if (size == 2) /* all windows whole */
                        check_pool(k, &whole, width % 2);
                }
}

/* ---- Stencils ------------------------------------------------------------------------------------------ */

/* By the definition of a convolution: for each place of the image that is asked for the taps, [places][other
 * places], through which it sees the other one; SIZE_MAX: through none. */
static size_t *taps_of(const cn_convolution *c, bool up)
{
    size_t nsmall = c->small_height * c->small_width, nlarge = c->height * c->width;
    size_t *taps = malloc(nsmall * nlarge * sizeof *taps);
    assert_non_null(taps);
    memset(taps, 0xff, nsmall * nlarge * sizeof *taps);
    for (size_t small = 0; small < nsmall; small++)
        for (size_t a = 0; a < c->kernel_height; a++)
            for (size_t b = 0; b < c->kernel_width; b++) {
                size_t row = small / c->small_width * c->stride + a,
                       column = small % c->small_width * c->stride + b;
                if (row < c->top || row >= c->top + c->height || column < c->left ||
                    column >= c->left + c->width)
                    continue;
                size_t large = (row - c->top) * c->width + column - c->left;
                taps[up ? large * nsmall + small : small * nlarge + large] = a * c->kernel_width + b;
            }
    return taps;
}

/* Cells by their places in the window; down, those of one remainder of the stride after the other. */
static bool in_order(const cn_convolution *c, bool up, size_t before, size_t tap)
{
    size_t s = up ? 1 : c->stride, k = c->kernel_width;
    const size_t keys[2][4] = {
        {before / k % s, before % k % s, before / k / s, before % k / s},
        {tap / k % s, tap % k % s, tap / k / s, tap % k / s},
    };
    for (size_t i = 0; i < 4; i++)
        if (keys[0][i] != keys[1][i])
            return keys[0][i] < keys[1][i];
    return false;
}

/* Each of the places is in one run, and sees what it should. */
static void check_stencil(const cn_convolution *c, bool up, size_t first, size_t count)
{
    cn_stencil stencil;
    size_t width = up ? c->width : c->small_width, *taps = taps_of(c, up),
           others = up ? c->small_height * c->small_width : c->height * c->width;
    bool *met = calloc(count * width, sizeof *met);
    assert_non_null(met);
    assert_int_equal(cn_stencil_new(&stencil, c, up, first, count, NULL), CINCH_OK);
    for (size_t v = 0; v < stencil.nview; v++)
        for (size_t r = 0; r < stencil.views[v].nrun; r++) {
            const cn_view *view = &stencil.views[v];
            const cn_run *run = &view->runs[r];
            assert_true(run->count > 0 && view->ncell <= CN_MOST_CELLS);
            for (size_t n = 0; n < run->count; n++) {
                size_t y = run->y + n * run->y_step, x = run->x + n * run->x_step, seen = 0;
                assert_true(y < count * width && !met[y]);
                met[y] = true;
                const size_t *wanted = taps + (first * width + y) * others;
                for (size_t i = 0; i < others; i++)
                    seen += wanted[i] != SIZE_MAX;
                assert_int_equal(view->ncell, seen);
                for (size_t cell = 0; cell < view->ncell; cell++) {
                    size_t place = x + view->offsets[cell];
                    assert_true(place < others && wanted[place] == view->taps[cell]);
                    assert_true(!cell || in_order(c, up, view->taps[cell - 1], view->taps[cell]));
                }
            }
        }
    for (size_t y = 0; y < count * width; y++)
        assert_true(met[y]);
    cn_stencil_clear(&stencil);
    assert_true(!stencil.views && !stencil.nview);
    free(met);
    free(taps);
}

/* Both ways, all rows, the first, the last, and some between. */
static void check_convolution(const cn_convolution *c)
{
    for (int up = 0; up < 2; up++) {
        size_t rows = up ? c->height : c->small_height;
        check_stencil(c, up, 0, rows);
        check_stencil(c, up, 0, 1);
        check_stencil(c, up, rows - 1, 1);
        check_stencil(c, up, rows / 3, rows - rows / 3 - rows / 4);
    }
}

static void test_stencils(void **state)
{
    (void)state;
    for (size_t kernel = 1; kernel <= 5; kernel++)
        for (size_t stride = 1; stride <= 3; stride++)
            for (size_t height = 1; height <= 9; height += 2)
                for (size_t width = 1; width <= 8; width++) {
                    cn_convolution c = {.channels = 1,
                                        .height = height,
                                        .width = width,
                                        .small_channels = 1,
                                        .kernel_height = kernel,
                                        .kernel_width = 1 + (kernel + width) % 8,
                                        .stride = stride};
                    c.small_height = cn_same_extent(height, stride);
                    c.small_width = cn_same_extent(width, stride);
                    c.top = cn_same_before(height, c.kernel_height, stride);
                    c.left = cn_same_before(width, c.kernel_width, stride);
                    check_convolution(&c);
                    if (height < c.kernel_height || width < c.kernel_width)
                        continue;
                    c.top = c.left = 0;
                    c.small_height = (height - c.kernel_height) / stride + 1;
                    c.small_width = (width - c.kernel_width) / stride + 1;
                    check_convolution(&c);
                }
}

/* ---- Nets ---------------------------------------------------------------------------------------------- */

/* Tables, NTABLE of them, then images. */
static const net nets[] = {
    {.encoder = "dense 7 tanh | dense 2 sigmoid", .decoder = "dense 5 leaky | dense 11", .row = {1, {11}}},
    {.encoder = "dense 9 gelu | dense 3 elu", .decoder = "dense 16 sigmoid", .loss = "bce", .row = {1, {16}}},
    {.encoder = "dense 2 sigmoid", .decoder = "tied", .row = {1, {4}}},
    {.encoder = "dense 13 gelu | dense 16 silu | dense 1 tanh",
     .decoder = "tied elu gelu sigmoid",
     .loss = "bce",
     .row = {1, {15}}},
    /* A convolution with the pool behind it: in bands of rows, windows cut, more channels than go at a
     * time. */
    {.encoder = "conv 5 3x3 relu | maxpool 2 | conv 3 3x3 sigmoid",
     .decoder = "upsample 2 | conv 1 3x3",
     .row = {3, {8, 6, 1}}},
    {.encoder = "conv 17 3x3 relu | maxpool 2 | conv 1 5x4 tanh stride=3",
     .decoder = "deconv 2 5x5 relu stride=3 | upsample 2 | conv 1 3x3",
     .row = {3, {30, 30, 1}}},
    {.encoder = "conv 9 2x3 tanh | maxpool 3",
     .decoder = "upsample 3 | conv 2 3x3 pad=valid | conv 3 3x2 tanh | dense 30",
     .row = {3, {5, 3, 2}}},
    {.encoder = "conv 10 3x3 leaky stride=2 | maxpool 4",
     .decoder = "dense 25",
     .loss = "mae",
     .row = {3, {5, 5, 1}}},
    /* An upsampling folded into the convolution behind it. */
    {.encoder = "conv 8 3x3 gelu stride=2",
     .decoder = "upsample 2 | conv 6 3x3 elu | conv 3 1x1 sigmoid",
     .loss = "bce",
     .row = {3, {6, 4, 3}}},
    {.encoder = "conv 12 3x2 tanh stride=3 | conv 8 1x1",
     .decoder = "upsample 3 | conv 5 4x5 silu | conv 1 3x3",
     .loss = "huber",
     .row = {3, {9, 6, 1}}},
    /* Transposed, with strides and without. */
    {.encoder = "conv 4 2x3 gelu stride=2 | conv 3 2x2 elu",
     .decoder = "deconv 5 3x3 silu stride=2 | conv 2 3x3",
     .row = {3, {6, 8, 2}}},
    {.encoder = "conv 3 3x3 softplus stride=3",
     .decoder = "deconv 6 2x2 gelu stride=3 | deconv 9 3x3 relu stride=1 | deconv 2 1x1 stride=1",
     .row = {3, {6, 9, 2}}},
    /* Pools and upsamplings that stand alone, before the first parameter and behind it. */
    {.encoder = "maxpool 2 | conv 6 3x3 gelu | maxpool 2 | avgpool 2",
     .decoder = "upsample 3 | upsample 2 | conv 1 2x2 | dense 24",
     .row = {3, {6, 4, 1}}},
    {.encoder = "avgpool 3 | dense 6 tanh",
     .decoder = "dense 12 tanh | reshape 2x3x2 | avgpool 2 | upsample 3 | maxpool 2 | dense 35 sigmoid",
     .loss = "bce",
     .row = {3, {7, 5, 1}}},
    {.encoder = "reshape 4x3x2 | upsample 2 | conv 3 8x8 tanh | maxpool 2 | maxpool 3",
     .decoder = "reshape 2x1x3 | conv 2 2x1 | dense 24",
     .row = {1, {24}}},
};
enum { NNET = sizeof nets / sizeof *nets, NTABLE = 4 };

static const cn_kernels *tables[2]; /* double, and what is chosen */

/* The same net row by row: a penalty of next to no weight is of the codes, and bundles have none. */
static net by_rows(net of)
{
    of.penalty = "activity_l1 1e-30";
    return of;
}

/* Batches that end in a part of a bundle, in a part of a block, in neither; of blocks of several bundles. */
static const size_t batches[] = {32, 33, 50, 100, 521, 1025};
enum { NBATCH = sizeof batches / sizeof *batches };

/* In float a rounding may choose another of two cells that are almost alike. */
static void check_gradients(const net *of, const cn_kernels *k, size_t rows)
{
    const double tolerance = k->real_size == 4 ? 5e-4 : passed_tolerance(k);
    const net plain = by_rows(*of);
    passed bundles = passed_new(of, k, rows, 3), wanted = passed_new(&plain, k, rows, 1);
    if (!bundles.bundles || wanted.bundles)
        fail_msg("%s || %s: not by bundles", of->encoder, of->decoder);
    passed_check_near(of, k, &wanted, &bundles, tolerance);
    passed_free(&bundles);
    passed_free(&wanted);
}

/* So many of them; under a slow checker two. */
static size_t batches_tried(void)
{
    return stride_of("CINCH_ROWS_STRIDE") > 1 ? 2 : NBATCH;
}

static void test_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < NNET; i++)
        for (size_t t = 0; t < 2; t++)
            for (size_t b = 0; b < batches_tried(); b++)
                check_gradients(&nets[i], tables[t], batches[b]);
}

/* The last batch of an epoch is smaller than the plan's. */
static void test_few(void **state)
{
    (void)state;
    for (size_t i = 0; i < NNET; i++)
        for (size_t t = 0; t < 2; t++)
            for (size_t few = 1; few <= 53; few += 13) {
                net of = nets[i];
                of.few = few;
                check_gradients(&of, tables[t], i < NTABLE ? 521 : 53);
            }
}

/* The same bits, however many threads there are. */
static void test_threads(void **state)
{
    static const size_t nthreads[] = {2, 3, 8};
    (void)state;
    for (size_t i = 0; i < NNET; i++)
        for (size_t b = 0; b < batches_tried(); b++) {
            passed one = passed_new(&nets[i], tables[1], batches[b], 1);
            for (size_t n = 0; n < sizeof nthreads / sizeof *nthreads; n++) {
                passed more = passed_new(&nets[i], tables[1], batches[b], nthreads[n]);
                passed_check_same(&nets[i], tables[1], &one, &more);
                passed_free(&more);
            }
            passed_free(&one);
        }
}

/* Kept rows are the gathered ones. */
static void test_keep(void **state)
{
    (void)state;
    for (size_t i = 0; i < NNET; i++)
        for (size_t t = 0; t < 2; t++)
            for (size_t b = 0; b < batches_tried(); b++) {
                net kept = nets[i];
                kept.keep = true;
                passed once = passed_new(&nets[i], tables[t], batches[b], 2),
                       again = passed_new(&kept, tables[t], batches[b], 2);
                passed_check_same(&kept, tables[t], &once, &again);
                passed_free(&once);
                passed_free(&again);
            }
}

/* What does not fit goes row by row, as before. */
static void test_others(void **state)
{
    (void)state;
    static const net others[] = {
        {.encoder = "dense 7 tanh", .decoder = "dense 17", .row = {1, {17}}}, /* wide */
        {.encoder = "dropout 0.2 | dense 3", .decoder = "dense 5", .row = {1, {5}}},
        {.encoder = "dense 3 sigmoid",
         .decoder = "dense 5",
         .penalty = "kl_sparsity 0.1 0.1",
         .row = {1, {5}}},
        {.encoder = "dense 3", .decoder = "dense 5", .penalty = "contractive 0.1", .row = {1, {5}}},
        {.encoder = "conv 2 9x8",
         .decoder = "conv 1 3x3",
         .row = {3, {10, 10, 1}}}, /* more cells than a view */
        {.encoder = "conv 2 3x3 | dense 33", .decoder = "dense 20", .row = {3, {5, 4, 1}}}, /* more weights */
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        passed done = passed_new(&others[i], tables[1], 100, 2);
        if (done.bundles)
            fail_msg("%s || %s: by bundles", others[i].encoder, others[i].decoder);
        passed_free(&done);
    }
    passed done = passed_new(&nets[0], tables[1], 31, 2);
    assert_false(done.bundles);
    passed_free(&done);
}

/* ---- Whole trainings ----------------------------------------------------------------------------------- */

/* The parameters after some epochs, one behind the other; the caller's. */
static float *trained(const net *of, const char *batch, const char *shuffle, const char *threads, size_t rows,
                      size_t *count)
{
    cinch_error error = {0};
    cinch_recipe *recipe = cinch_recipe_new(NULL);
    cinch_data *data = rows_new(of->row, rows);
    assert_non_null(recipe);
    recipe_put(recipe, "encoder", of->encoder);
    recipe_put(recipe, "decoder", of->decoder);
    recipe_put(recipe, "loss", of->loss ? of->loss : "mse");
    recipe_put(recipe, "scale", "none");
    recipe_put(recipe, "epochs", "3");
    recipe_put(recipe, "batch", batch);
    recipe_put(recipe, "shuffle", shuffle);
    recipe_put(recipe, "threads", threads);
    cinch_trainer *trainer = cinch_trainer_new(recipe, data, &error);
    if (!trainer || cinch_trainer_run(trainer, NULL, NULL, &error))
        fail_msg("%s || %s: %s", of->encoder, of->decoder, error.message);
    cinch_model *model = cinch_trainer_model(trainer, NULL);
    assert_non_null(model);
    *count = 0;
    for (size_t p = 0; p < model->nparameter; p++)
        *count += model->parameters[p].count;
    float *values = malloc(*count * sizeof *values), *to = values;
    assert_non_null(values);
    for (size_t p = 0; p < model->nparameter; to += model->parameters[p++].count)
        memcpy(to, model->parameters[p].values, model->parameters[p].count * sizeof *values);
    cinch_model_free(model);
    cinch_trainer_free(trainer);
    cinch_recipe_free(recipe);
    cinch_data_free(data);
    return values;
}

/* Threads at once, shuffled batches with a rest and full ones that are kept: the same bits. */
static void test_trainings(void **state)
{
    (void)state;
    for (size_t i = 0; i < NNET; i++)
        for (int full = 0; full < 2; full++) {
            const char *batch = full ? "70" : "40", *shuffle = full ? "false" : "true";
            size_t count, counted;
            float *one = trained(&nets[i], batch, shuffle, "1", 70, &count),
                  *three = trained(&nets[i], batch, shuffle, "3", 70, &counted);
            assert_int_equal(count, counted);
            assert_memory_equal(one, three, count * sizeof *one);
            free(one);
            free(three);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),      cmocka_unit_test(test_products), cmocka_unit_test(test_totals),
        cmocka_unit_test(test_split),     cmocka_unit_test(test_pools),    cmocka_unit_test(test_stencils),
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_few),      cmocka_unit_test(test_threads),
        cmocka_unit_test(test_keep),      cmocka_unit_test(test_others),   cmocka_unit_test(test_trainings),
    };
    tables[0] = &cn_kernels_double;
    if (!(tables[1] = cn_kernels_choose(NULL)))
        return 1;
    return cmocka_run_group_tests_name("bundles", tests, NULL, NULL);
}
