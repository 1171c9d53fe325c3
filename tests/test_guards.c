/* No kernel touches what is not its arrays': each of every table over odd sizes, its arrays ending at, then
 * beginning behind, pages that may not be touched, and at odd places where math/kernels.h and its kin let
 * them lie anywhere. Wherever they lie the bits are the same; that these are right test_math and test_planes
 * say, here they are only held against the double table's. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "math/kernels.h"
#include "tests/guarded.h"
#include "tests/strides.h"

/* How the arrays of a run lie: at the page behind them or, `before`, at the one before them, and so many
 * reals apart from it, the n-th array n times as many. Those that have to be aligned always lie at the
 * page. */
static const struct layout {
    bool before;
    size_t apart;
} layouts[] = {{false, 0}, {true, 0}, {true, 1}, {false, 3}, {true, 5}};
enum { NLAYOUT = sizeof layouts / sizeof *layouts };

enum { MOST_ARRAYS = 8 };

/* A kernel's run: the arrays it was given, and what came out. */
typedef struct run {
    const cn_kernels *k;
    struct layout layout;
    size_t narray;
    guarded arrays[MOST_ARRAYS];
    size_t nresult, room;
    double *results;
} run;

static void *new_array(run *r, size_t nbytes, size_t apart)
{
    assert_true(r->narray < MOST_ARRAYS);
    r->arrays[r->narray] = guarded_placed(nbytes, r->layout.before, apart);
    return r->arrays[r->narray++].start;
}

static void fill_with(const cn_kernels *k, void *array, size_t count, size_t seed)
{
    for (size_t i = 0; i < count; i++)
        set(k, array, i, noise(seed * 1000 + i));
}

/* At any real. */
static void *new_reals(run *r, size_t count)
{
    void *array = new_array(r, count * r->k->real_size, (r->narray + 1) * r->layout.apart * r->k->real_size);
    fill_with(r->k, array, count, r->narray);
    return array;
}

static float *new_floats(run *r, size_t count)
{
    float *array = new_array(r, count * sizeof(float), (r->narray + 1) * r->layout.apart * sizeof(float));
    fill_with(&cn_kernels_plain, array, count, r->narray);
    return array;
}

/* At CN_ALIGNMENT; of whole panels, so that the end lies there as well. */
static void *new_panels(run *r, size_t count)
{
    assert_true(count % CN_PANEL == 0);
    void *array = new_array(r, count * r->k->real_size, 0);
    fill_with(r->k, array, count, r->narray);
    return array;
}

/* An activation buffer, without what the last row's stride has beyond the panels. */
static void *new_rows(run *r, size_t rows, size_t width)
{
    return new_panels(r, (rows - 1) * cn_stride(width) + cn_round_up(width, CN_PANEL));
}

static void *place(const run *r, const void *array, size_t i)
{
    return (char *)(uintptr_t)array + i * r->k->real_size;
}

static void keep(run *r, double value)
{
    if (r->nresult == r->room) {
        r->room = 2 * r->room + 1000;
        r->results = realloc(r->results, r->room * sizeof *r->results);
        assert_non_null(r->results);
    }
    r->results[r->nresult++] = value;
}

/* `rows` times `width` of what came out. */
static void keep_rows(run *r, const void *array, size_t rows, size_t width, size_t stride)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < width; j++)
            keep(r, at(r->k, array, i * stride + j));
}

static void keep_reals(run *r, const void *array, size_t count)
{
    keep_rows(r, array, 1, count, count);
}

/* ---- Dense --------------------------------------------------------------------------------------------- */

static void zero_padding(const run *r, void *array, size_t rows, size_t width, size_t stride)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = width; j < cn_round_up(width, CN_PANEL); j++)
            set(r->k, array, i * stride + j, 0);
}

/* Also of rows so long that they are taken in parts. */
static void run_product(run *r, size_t rows, size_t in, size_t out)
{
    in += in == 35 ? 1600 : 0;
    cn_product product = {.rows = rows,
                          .in = in,
                          .out = out,
                          .x = new_rows(r, rows, in),
                          .x_stride = cn_stride(in),
                          .panels = new_panels(r, cn_round_up(out, CN_PANEL) * in),
                          .bias = rows % 2 ? new_panels(r, cn_round_up(out, CN_PANEL)) : NULL,
                          .activation = (cn_activation)((rows + in + out) % CN_NACTIVATION),
                          .z = in % 2 ? new_rows(r, rows, out) : NULL,
                          .y = new_rows(r, rows, out),
                          .y_stride = cn_stride(out)};
    r->k->product(&product);
    keep_rows(r, product.y, rows, out, product.y_stride);
    if (product.z)
        keep_rows(r, product.z, rows, out, product.y_stride);
}

static void run_outer(run *r, size_t rows, size_t in, size_t out)
{
    void *b = new_rows(r, rows, out);
    zero_padding(r, b, rows, out, cn_stride(out));
    const size_t npanel = out > CN_PANEL ? 2 : 1;
    cn_outer outer = {.rows = rows,
                      .a = new_rows(r, rows, in),
                      .a_stride = cn_stride(in),
                      .b = b,
                      .b_stride = cn_stride(out),
                      .panel = (out - 1) / CN_PANEL + 1 - npanel,
                      .npanel = npanel,
                      .row = in / 3,
                      .nrow = in - in / 3,
                      .accumulate = rows % 2};
    outer.tile = new_panels(r, npanel * outer.nrow * CN_PANEL);
    r->k->outer(&outer);
    keep_reals(r, outer.tile, npanel * outer.nrow * CN_PANEL);
}

static void run_column_sums(run *r, size_t rows, size_t width, size_t more)
{
    size_t first = width / 3, count = width - first + more, stride = width + more + 1;
    const void *b = new_reals(r, (rows - 1) * stride + first + count);
    void *sums = new_reals(r, count);
    r->k->column_sums(rows, b, stride, first, count, rows % 2, sums);
    keep_reals(r, sums, count);
}

/* Also over planes, so at any real; the last row ends with its width. */
static void run_activate(run *r, size_t rows, size_t width, size_t more)
{
    size_t stride = width + more % 4, count = (rows - 1) * stride + width;
    void *z = new_reals(r, count), *y = more % 2 ? z : new_reals(r, count);
    for (cn_activation a = 0; a < CN_NACTIVATION; a++) {
        r->k->activate(a, rows, width, stride, z, y);
        keep_reals(r, y, count);
    }
}

static void run_activate_backward(run *r, size_t rows, size_t width, size_t more)
{
    size_t stride = width + more % 4, count = (rows - 1) * stride + width;
    const void *z = new_reals(r, count), *y = new_reals(r, count);
    void *dy = new_reals(r, count), *dz = more % 2 ? dy : new_reals(r, count);
    for (cn_activation a = 0; a < CN_NACTIVATION; a++) {
        r->k->activate_backward(a, rows, width, stride, cn_activation_needs_input(a) ? z : NULL, y, dy, dz);
        keep_reals(r, dz, count);
    }
}

static cn_matrix new_matrix(run *r, size_t in, size_t out, bool transposed)
{
    return (cn_matrix){.in = in,
                       .out = out,
                       .panels = new_panels(r, cn_round_up(out, CN_PANEL) * in),
                       .transposed = transposed ? new_panels(r, cn_round_up(in, CN_PANEL) * out) : NULL};
}

static void keep_matrix(run *r, const cn_matrix *matrix)
{
    keep_reals(r, matrix->panels, cn_round_up(matrix->out, CN_PANEL) * matrix->in);
    if (matrix->transposed)
        keep_reals(r, matrix->transposed, cn_round_up(matrix->in, CN_PANEL) * matrix->out);
}

static void run_pack(run *r, size_t in, size_t out, size_t more)
{
    cn_matrix matrix = new_matrix(r, in, out, more % 2);
    r->k->pack(new_floats(r, in * out), &matrix);
    keep_matrix(r, &matrix);
}

static void run_unpack(run *r, size_t in, size_t out, size_t more)
{
    (void)more;
    cn_matrix matrix = new_matrix(r, in, out, false);
    float *weight = new_floats(r, in * out);
    r->k->unpack(&matrix, weight);
    for (size_t i = 0; i < in * out; i++)
        keep(r, (double)weight[i]);
}

static void run_transpose_tile(run *r, size_t in, size_t out, size_t more)
{
    cn_matrix matrix = new_matrix(r, in, out, true);
    size_t row = more % 2 ? 0 : (in - 1) / CN_PANEL * CN_PANEL;
    r->k->transpose_tile(&matrix, (out - 1) / CN_PANEL, row, in - row);
    keep_matrix(r, &matrix);
}

static void run_from_float(run *r, size_t a, size_t b, size_t c)
{
    size_t count = a * b + c;
    void *reals = new_reals(r, count);
    r->k->from_float(new_floats(r, count), reals, count);
    keep_reals(r, reals, count);
}

static void run_to_float(run *r, size_t a, size_t b, size_t c)
{
    size_t count = a * b + c;
    float *floats = new_floats(r, count);
    r->k->to_float(new_reals(r, count), floats, count);
    for (size_t i = 0; i < count; i++)
        keep(r, (double)floats[i]);
}

/* ---- Planes -------------------------------------------------------------------------------------------- */

/* Windows that go forwards or back, over one phase or four, from the first real of x to the last; of one
 * image or of three. */
static void run_correlate(run *r, size_t out, size_t in, size_t count)
{
    size_t phases = 1 + in % 2, all = phases * phases, rows = 1 + out % 5, columns = 1 + count % 6;
    size_t room = cn_round_up(count, CN_PANEL), row = columns + 1, reach = (rows - 1) * row + columns - 1,
           plane = room + reach + 1, images = count % 2 ? 1 : 3, x_image = in * all * plane + 2;
    bool backwards = (out + count) % 2;
    const void *x = new_reals(r, (images - 1) * x_image + (in * all - 1) * plane + reach + room);
    cn_correlation c = {.images = images,
                        .out = out,
                        .in = in,
                        .count = count,
                        .phases = phases,
                        .rows = rows,
                        .columns = columns,
                        .x = place(r, x, backwards ? reach : 0),
                        .x_image = x_image,
                        .x_plane = all * plane,
                        .x_phase = plane,
                        .x_row = backwards ? -(ptrdiff_t)row : (ptrdiff_t)row,
                        .x_column = backwards ? -1 : 1,
                        .weight = new_reals(r, out * in * all * rows * columns),
                        .weight_out = in * all * rows * columns,
                        .weight_in = all * rows * columns,
                        .weight_phase = phases * columns,
                        .weight_row = all * columns,
                        .weight_column = phases,
                        .accumulate = (in + count) % 3 == 0,
                        .y_image = out * (room + 3) + 1,
                        .y_plane = room + 3};
    c.y = new_reals(r, (images - 1) * c.y_image + (out - 1) * c.y_plane + room);
    r->k->correlate(&c);
    for (size_t image = 0; image < images; image++) {
        const void *y = place(r, c.y, image * c.y_image);
        keep_rows(r, y, out, count, c.y_plane);
        for (size_t o = 0; o + 1 < out; o++) /* what lies between planes is left alone */
            keep_reals(r, place(r, y, o * c.y_plane + room), c.y_plane - room);
    }
}

static void run_correlation_sums(run *r, size_t rows, size_t count, size_t nterm)
{
    enum { MOST_TERMS = 64, SPREAD = 21 };
    size_t offsets[MOST_TERMS] = {SPREAD}, room = cn_round_up(count, CN_PANEL);
    assert_true(nterm <= MOST_TERMS);
    for (size_t t = 1; t < nterm; t++)
        offsets[t] = t * 5 % SPREAD;
    cn_correlation_sums s = {.rows = rows,
                             .count = count,
                             .x_row = SPREAD + room + 1,
                             .z_row = room + 2,
                             .nterm = nterm,
                             .offsets = offsets,
                             .accumulate = rows % 2,
                             .sums = new_reals(r, nterm)};
    void *z = new_reals(r, (rows - 1) * s.z_row + room);
    zero_padding(r, z, rows, count, s.z_row);
    s.x = new_reals(r, (rows - 1) * s.x_row + SPREAD + room);
    s.z = z;
    r->k->correlation_sums(&s);
    keep_reals(r, s.sums, nterm);
}

static void run_place(run *r, size_t rows, size_t columns, size_t more)
{
    cn_placement p = {.images = 1 + rows % 2,
                      .planes = 1 + columns % 3,
                      .rows = rows,
                      .columns = columns,
                      .from_column = more % 7 ? 1 : 2,
                      .to_column = more > 16 ? 3 : 1};
    p.from_row = columns * p.from_column + more % 4;
    p.from_plane = rows * p.from_row + more % 3;
    p.from_image = p.planes * p.from_plane + 1;
    p.to_row = columns * p.to_column + more % 5;
    p.to_plane = rows * p.to_row + more % 2;
    p.to_image = p.planes * p.to_plane + 2;
    p.add = more % 2 ? new_reals(r, p.planes) : NULL;
    p.from = new_reals(r, (p.images - 1) * p.from_image + (p.planes - 1) * p.from_plane +
                              (rows - 1) * p.from_row + (columns - 1) * p.from_column + 1);
    size_t count = (p.images - 1) * p.to_image + (p.planes - 1) * p.to_plane + (rows - 1) * p.to_row +
                   (columns - 1) * p.to_column + 1;
    p.to = new_reals(r, count);
    r->k->place(&p);
    keep_reals(r, p.to, count);
}

static void run_plane_sums(run *r, size_t planes, size_t height, size_t width)
{
    void *sums = new_reals(r, planes);
    r->k->plane_sums(planes, height * width, new_reals(r, planes * height * width), sums);
    keep_reals(r, sums, planes);
}

/* Windows of 2 x 2 that are all whole, or of 1 to 5 that may hang over; rows of the large plane apart or
 * not. */
static cn_pooling pooling_of(size_t height, size_t width, size_t more)
{
    cn_pooling p = {.planes = 1 + (height + more) % 3, .size = 2, .height = 2 * height, .width = 2 * width};
    if (more % 2) {
        p.size = 1 + more % 5;
        p.top = more % p.size;
        p.left = (more + width) % p.size;
        p.height = height;
        p.width = width;
    }
    p.small_height = (p.height + p.top + p.size - 1) / p.size;
    p.small_width = (p.width + p.left + p.size - 1) / p.size;
    p.large_row = p.width + more % 4;
    p.large_plane = p.large_row * p.height + more / 2 % 3;
    return p;
}

static size_t large_of(const cn_pooling *p)
{
    return (p->planes - 1) * p->large_plane + (p->height - 1) * p->large_row + p->width;
}

static size_t small_of(const cn_pooling *p)
{
    return p->planes * p->small_height * p->small_width;
}

static void run_pool_max(run *r, size_t height, size_t width, size_t more)
{
    cn_pooling p = pooling_of(height, width, more);
    const void *x = new_reals(r, large_of(&p));
    void *y = new_reals(r, small_of(&p)), *which = (height + width) % 3 ? new_reals(r, small_of(&p)) : NULL;
    p.bias = height % 2 ? new_reals(r, p.planes) : NULL;
    r->k->pool_max(&p, x, y, which);
    keep_reals(r, y, small_of(&p));
    if (which)
        keep_reals(r, which, small_of(&p));
}

/* A place of a small cell's largest, any of those that its window has within the large plane. */
static double place_of(const cn_pooling *p, size_t cell, size_t any)
{
    size_t i = cell / p->small_width % p->small_height, j = cell % p->small_width, row, column;
    do {
        any = (any + 1) % (p->size * p->size);
        row = i * p->size + any / p->size;
        column = j * p->size + any % p->size;
    } while (row < p->top || row >= p->top + p->height || column < p->left || column >= p->left + p->width);
    return (double)any;
}

static void run_pool_max_backward(run *r, size_t height, size_t width, size_t more)
{
    cn_pooling p = pooling_of(height, width, more);
    void *which = new_reals(r, small_of(&p));
    for (size_t cell = 0; cell < small_of(&p); cell++)
        set(r->k, which, cell, place_of(&p, cell, cell * 7));
    const void *dy = new_reals(r, small_of(&p));
    void *dx = new_reals(r, large_of(&p));
    r->k->pool_max_backward(&p, dy, which, dx);
    keep_reals(r, dx, large_of(&p));
}

static void run_pool_sum(run *r, size_t height, size_t width, size_t more)
{
    cn_pooling p = pooling_of(height, width, more);
    const void *x = new_reals(r, large_of(&p));
    void *y = new_reals(r, small_of(&p));
    r->k->pool_sum(&p, height % 2, x, y);
    keep_reals(r, y, small_of(&p));
}

static void run_pool_repeat(run *r, size_t height, size_t width, size_t more)
{
    cn_pooling p = pooling_of(height, width, more);
    const void *x = new_reals(r, small_of(&p));
    void *y = new_reals(r, large_of(&p));
    r->k->pool_repeat(&p, height % 2, x, y);
    keep_reals(r, y, large_of(&p));
}

/* ---- Bundles ------------------------------------------------------------------------------------------- */

static void *new_bundles(run *r, size_t count)
{
    return new_panels(r, count * CN_BUNDLE);
}

static void keep_bundles(run *r, const void *bundles, size_t count)
{
    keep_reals(r, bundles, count * CN_BUNDLE);
}

/* Two views that share a plane's places: the first sees some cells, the second one of them, both the
 * furthest, FURTHEST places on; in x each place lies one or two further on. */
enum { FURTHEST = 5, MOST_CELLS = 20 };

typedef struct viewing {
    size_t offsets[MOST_CELLS], taps[MOST_CELLS], reach;
    cn_run runs[3];
    cn_view views[2];
} viewing;

static void view_places(viewing *v, size_t places, size_t ncell)
{
    size_t half = places / 2, step = 1 + places % 2;
    for (size_t c = 0; c < ncell; c++) {
        v->offsets[c] = c ? c % FURTHEST : FURTHEST;
        v->taps[c] = ncell - 1 - c;
    }
    v->reach = (places - 1) * step + FURTHEST + 1;
    v->runs[0] = (cn_run){.count = half / 2, .x = 0, .x_step = step, .y = 0, .y_step = 1};
    v->runs[1] = (cn_run){half - half / 2, half / 2 * step, step, half / 2, 1};
    v->runs[2] = (cn_run){places - half, half * step, step, half, 1};
    v->views[0] = (cn_view){ncell, v->offsets, v->taps, 2, v->runs};
    v->views[1] = (cn_view){1, v->offsets, v->taps, 1, v->runs + 2};
}

static void run_bundle_sums(run *r, size_t out, size_t in, size_t places)
{
    viewing v;
    size_t ncell = places > 16 ? MOST_CELLS : 1 + places % 4;
    view_places(&v, places, ncell);
    cn_bundle_sums s = {.views = v.views,
                        .nview = 2,
                        .out = out,
                        .in = in,
                        .x_plane = v.reach + 1,
                        .weight = new_reals(r, out * in * ncell),
                        .weight_out = in * ncell,
                        .weight_in = ncell,
                        .bias = out % 2 ? new_reals(r, out) : NULL,
                        .y_plane = places + 1};
    s.x = new_bundles(r, (in - 1) * s.x_plane + v.reach);
    s.y = new_bundles(r, (out - 1) * s.y_plane + places);
    r->k->bundle_sums(&s);
    keep_bundles(r, s.y, (out - 1) * s.y_plane + places);
}

static void run_bundle_products(run *r, size_t out, size_t in, size_t places)
{
    viewing v;
    size_t ncell = 1 + places % 4;
    in = 1 + in % 8;
    view_places(&v, places, ncell);
    cn_bundle_products p = {.views = v.views,
                            .nview = 2,
                            .out = out,
                            .in = in,
                            .z_plane = places + 1,
                            .x_plane = v.reach + 1,
                            .sum_out = in * ncell,
                            .sum_in = ncell};
    p.z = new_bundles(r, (out - 1) * p.z_plane + places);
    p.x = new_bundles(r, (in - 1) * p.x_plane + v.reach);
    p.sums = new_bundles(r, out * in * ncell);
    r->k->bundle_products(&p);
    keep_bundles(r, p.sums, out * in * ncell);
}

static void run_bundle_totals(run *r, size_t planes, size_t height, size_t width)
{
    void *sums = new_bundles(r, planes);
    r->k->bundle_totals(planes, height * width, new_bundles(r, planes * height * width), sums);
    keep_bundles(r, sums, planes);
}

static void run_bundle_split(run *r, size_t rows, size_t width, size_t more)
{
    size_t count = 1 + rows % CN_BUNDLE, step = CN_BUNDLE * (1 + more % 3);
    void *bundles = new_panels(r, (width - 1) * step + CN_BUNDLE);
    r->k->bundle_split(count, width, cn_stride(width), new_rows(r, count, width), step, bundles);
    keep_reals(r, bundles, (width - 1) * step + CN_BUNDLE);
}

static void run_bundle_join(run *r, size_t rows, size_t width, size_t more)
{
    size_t count = 1 + rows % CN_BUNDLE, step = CN_BUNDLE * (1 + more % 3);
    void *joined = new_rows(r, count, width);
    r->k->bundle_join(count, width, step, new_panels(r, (width - 1) * step + CN_BUNDLE), cn_stride(width),
                      joined);
    keep_rows(r, joined, count, width, cn_stride(width));
}

static void run_bundle_add(run *r, size_t a, size_t b, size_t c)
{
    size_t count = a * b + c;
    double *sums = new_array(r, CN_BUNDLE * sizeof *sums, 0);
    for (size_t i = 0; i < CN_BUNDLE; i++)
        sums[i] = noise(i);
    r->k->bundle_add(count, new_bundles(r, count), sums);
    for (size_t i = 0; i < CN_BUNDLE; i++)
        keep(r, sums[i]);
}

static void run_bundle_fold(run *r, size_t a, size_t b, size_t c)
{
    size_t count = a * b + c;
    void *reals = new_reals(r, count);
    r->k->bundle_fold(count, new_bundles(r, count), reals);
    keep_reals(r, reals, count);
}

static void run_bundle_max(run *r, size_t height, size_t width, size_t more)
{
    cn_pooling p = pooling_of(height, width, more);
    const void *x = new_bundles(r, large_of(&p));
    void *y = new_bundles(r, small_of(&p));
    void *which = (height + width) % 3 ? new_bundles(r, small_of(&p)) : NULL;
    r->k->bundle_max(&p, x, y, which);
    keep_bundles(r, y, small_of(&p));
    if (which)
        keep_bundles(r, which, small_of(&p));
}

static void run_bundle_max_backward(run *r, size_t height, size_t width, size_t more)
{
    cn_pooling p = pooling_of(height, width, more);
    void *which = new_bundles(r, small_of(&p));
    for (size_t i = 0; i < small_of(&p) * CN_BUNDLE; i++)
        set(r->k, which, i, place_of(&p, i / CN_BUNDLE, i * 7));
    const void *dy = new_bundles(r, small_of(&p));
    void *dx = new_bundles(r, large_of(&p));
    r->k->bundle_max_backward(&p, dy, which, dx);
    keep_bundles(r, dx, large_of(&p));
}

static void run_bundle_sum(run *r, size_t height, size_t width, size_t more)
{
    cn_pooling p = pooling_of(height, width, more);
    const void *x = new_bundles(r, large_of(&p));
    void *y = new_bundles(r, small_of(&p));
    r->k->bundle_sum(&p, height % 2, x, y);
    keep_bundles(r, y, small_of(&p));
}

static void run_bundle_repeat(run *r, size_t height, size_t width, size_t more)
{
    cn_pooling p = pooling_of(height, width, more);
    const void *x = new_bundles(r, small_of(&p));
    void *y = new_bundles(r, large_of(&p));
    r->k->bundle_repeat(&p, height % 2, x, y);
    keep_bundles(r, y, large_of(&p));
}

/* ---- All of them --------------------------------------------------------------------------------------- */

typedef struct guard_case {
    const char *name;
    size_t member; /* of cn_kernels */
    void (*run)(run *r, size_t a, size_t b, size_t c);
} guard_case;

#define CASE(kernel)                                                                                         \
    {                                                                                                        \
#kernel, offsetof(cn_kernels, kernel), run_##kernel                                                  \
    }
static guard_case cases[] = {
    CASE(product),
    CASE(outer),
    CASE(column_sums),
    CASE(activate),
    CASE(activate_backward),
    CASE(pack),
    CASE(unpack),
    CASE(transpose_tile),
    CASE(correlate),
    CASE(correlation_sums),
    CASE(place),
    CASE(plane_sums),
    CASE(pool_max),
    CASE(pool_max_backward),
    CASE(pool_sum),
    CASE(pool_repeat),
    CASE(bundle_sums),
    CASE(bundle_products),
    CASE(bundle_totals),
    CASE(bundle_split),
    CASE(bundle_join),
    CASE(bundle_max),
    CASE(bundle_max_backward),
    CASE(bundle_sum),
    CASE(bundle_repeat),
    CASE(bundle_add),
    CASE(bundle_fold),
    CASE(from_float),
    CASE(to_float),
};
enum { NCASE = sizeof cases / sizeof *cases };

static const size_t sizes[] = {1, 2, 7, 13, 16, 17, 35};
enum { NSIZE = sizeof sizes / sizeof *sizes, NTRIPLE = NSIZE * NSIZE * NSIZE };

/* What was being run when a test ended too early. */
static struct {
    const char *table;
    size_t sizes[3], layout;
} running;

static run run_one(const cn_kernels *k, const guard_case *of, size_t triple, size_t layout)
{
    run r = {.k = k, .layout = layouts[layout]};
    const size_t a = sizes[triple / NSIZE / NSIZE], b = sizes[triple / NSIZE % NSIZE],
                 c = sizes[triple % NSIZE];
    running.table = k->name;
    running.sizes[0] = a;
    running.sizes[1] = b;
    running.sizes[2] = c;
    running.layout = layout;
    of->run(&r, a, b, c);
    for (size_t i = 0; i < r.narray; i++)
        guarded_free(&r.arrays[i]);
    assert_true(r.nresult > 0);
    return r;
}

static void check_table(const cn_kernels *k, const guard_case *of, size_t triple, const run *truth)
{
    run first = run_one(k, of, triple, 0);
    assert_int_equal(first.nresult, truth->nresult);
    for (size_t i = 0; i < first.nresult; i++) {
        double got = first.results[i], want = truth->results[i], most = k->real_size == 4 ? 1e-4 : 0;
        if (!(fabs(got - want) <= most * (1 + fabs(want))))
            fail_msg("result %zu is %.9g, not %.9g", i, got, want);
    }
    for (size_t layout = 1; layout < NLAYOUT; layout++) {
        run other = run_one(k, of, triple, layout);
        assert_memory_equal(other.results, first.results, first.nresult * sizeof *first.results);
        free(other.results);
    }
    free(first.results);
}

/* All sizes; under a slow checker every CINCH_SHAPE_STRIDE-th. */
static void test_case(void **state)
{
    const guard_case *of = *state;
    for (size_t triple = 0; triple < NTRIPLE; triple += stride_of("CINCH_SHAPE_STRIDE")) {
        run truth = run_one(&cn_kernels_double, of, triple, 0);
        FOR_TABLES(k)
        check_table(k, of, triple, &truth);
        free(truth.results);
    }
    running.table = NULL;
}

static int say_where(void **state)
{
    if (running.table) {
        const struct layout *l = &layouts[running.layout];
        print_error("%s of %s: sizes %zu, %zu, %zu, arrays %zu reals %s\n", ((guard_case *)*state)->name,
                    running.table, running.sizes[0], running.sizes[1], running.sizes[2], l->apart,
                    l->before ? "behind a page" : "before a page");
    }
    running.table = NULL;
    return 0;
}

static void test_every_kernel_is_here(void **state)
{
    (void)state;
    for (size_t member = offsetof(cn_kernels, product); member < sizeof(cn_kernels);
         member += sizeof(void (*)(void))) {
        size_t i = 0;
        while (i < NCASE && cases[i].member != member)
            i++;
        if (i == NCASE)
            fail_msg("kernel %zu of cn_kernels is without a case",
                     (member - offsetof(cn_kernels, product)) / sizeof(void (*)(void)));
    }
}

int main(void)
{
    struct CMUnitTest tests[NCASE + 1] = {cmocka_unit_test(test_every_kernel_is_here)};
    for (size_t i = 0; i < NCASE; i++)
        tests[i + 1] = (struct CMUnitTest){cases[i].name, test_case, NULL, say_where, &cases[i]};
    return cmocka_run_group_tests_name("guards", tests, NULL, NULL);
}
