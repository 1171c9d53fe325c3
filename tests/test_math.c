/* The kernels of every table against naive sums in double, the functions against the C library in double;
 * extents held by pages that may not be touched; the same bits however rows and tiles are shared out. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "math/elementwise.h"
#include "math/kernels.h"
#include "math/tree.h"
#include "tests/guarded.h"

static const size_t sizes[] = {1, 2, 5, 6, 7, 15, 16, 17, 31, 33, 100, 784};
enum { NSIZE = sizeof sizes / sizeof sizes[0] };

/* [rows][stride], noise within width and `rest` beyond it. */
static guarded buffer_new(const cn_kernels *k, size_t rows, size_t width, size_t seed, double rest)
{
    size_t stride = cn_stride(width);
    guarded buffer = guarded_new(rows * stride * k->real_size);
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < stride; j++)
            set(k, buffer.start, r * stride + j, j < width ? noise(seed + r * width + j) : rest);
    return buffer;
}

/* ---- The truth ----------------------------------------------------------------------------------------- */

static double truth(cn_activation activation, double z)
{
    switch (activation) {
    case CN_LINEAR:
        return z;
    case CN_RELU:
        return isnan(z) ? z : fmax(z, 0);
    case CN_LEAKY:
        return z > 0 ? z : 0.01 * z;
    case CN_SIGMOID:
        return z < 0 ? exp(z) / (1 + exp(z)) : 1 / (1 + exp(-z));
    case CN_TANH:
        return tanh(z);
    case CN_ELU:
        return z > 0 ? z : expm1(z);
    case CN_SELU:
        return 1.0507009873554805 * (z > 0 ? z : 1.6732632423543772 * expm1(z));
    case CN_GELU:
        return z == -INFINITY ? 0 : 0.5 * z * erfc(-z / sqrt(2));
    case CN_SILU:
        return z == -INFINITY ? 0 : z < 0 ? z * exp(z) / (1 + exp(z)) : z / (1 + exp(-z));
    case CN_SOFTPLUS:
        return isnan(z) ? z : fmax(z, 0) + log1p(exp(-fabs(z)));
    case CN_NACTIVATION:
        break;
    }
    fail_msg("an activation without a truth: %d", (int)activation);
    return NAN;
}

/* How many units of the last place of the truth a float is off. */
static double float_ulps(float got, double want)
{
    if (isnan(want))
        return isnan(got) ? 0 : INFINITY;
    if (fabs(want) > 0x1.fffffep127)
        return fabsf(got) >= 0x1.fffffep127f && !signbit(got) == !signbit(want) ? 0 : INFINITY;
    int exponent;
    frexp(want, &exponent);
    double unit = ldexp(1, exponent < -125 ? -149 : exponent - 24);
    return isfinite(got) ? fabs((double)got - want) / unit : INFINITY;
}

/* ---- Functions ----------------------------------------------------------------------------------------- */

static float exp_float(float x)
{
    return CN_EXP(x);
}
static float expm1_float(float x)
{
    return CN_EXPM1(x);
}
static float log1p_float(float x)
{
    return CN_LOG1P(x);
}
static float tanh_float(float x)
{
    return CN_TANH(x);
}
static float sigmoid_float(float x)
{
    return CN_SIGMOID(x);
}
static float share_float(float x)
{
    return CN_NORMAL_SHARE(x);
}
static float density_float(float x)
{
    return CN_NORMAL_DENSITY(x);
}

static double sigmoid_truth(double x)
{
    return truth(CN_SIGMOID, x);
}
static double share_truth(double x)
{
    return 0.5 * erfc(-x / sqrt(2));
}
static double density_truth(double x)
{
    return exp(-0.5 * x * x) / sqrt(2 * acos(-1));
}

static void test_functions_follow_the_library(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        float (*ours)(float x);
        double (*library)(double x);
        double ulps;
    } functions[] = {
        {"exp", exp_float, exp, 2},
        {"expm1", expm1_float, expm1, 4},
        {"log1p", log1p_float, log1p, 4},
        {"tanh", tanh_float, tanh, 4},
        {"sigmoid", sigmoid_float, sigmoid_truth, 4},
        {"share", share_float, share_truth, 4},
        {"density", density_float, density_truth, 4},
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += 14983) {
            float x = cn_bits_float((uint32_t)bits);
            double ulps = float_ulps(functions[i].ours(x), functions[i].library((double)x));
            if (!(ulps <= functions[i].ulps))
                fail_msg("%s(%a) = %a is %g ulp off", functions[i].name, (double)x,
                         (double)functions[i].ours(x), ulps);
        }
}

/* Over the floats that it is for: positive, neither subnormal nor infinite. */
static void test_log_follows_the_library(void **state)
{
    (void)state;
    for (uint32_t bits = 0x00800000; bits < 0x7f800000; bits += 1499) {
        float x = cn_bits_float(bits);
        double ulps = float_ulps(CN_LOG(x), log((double)x));
        if (!(ulps <= 2))
            fail_msg("log(%a) = %a is %g ulp off", (double)x, (double)CN_LOG(x), ulps);
    }
    assert_true(CN_LOG(1.0f) == 0);
}

static void test_functions_end_well(void **state)
{
    (void)state;
    assert_true(CN_EXP(0.0f) == 1 && CN_EXP(-INFINITY) == 0);
    assert_true(isinf(CN_EXP((float)INFINITY)) && CN_EXP(-200.0f) == 0 && isinf(CN_EXP(200.0f)));
    assert_true(CN_EXPM1(0.0f) == 0 && CN_EXPM1(-100.0f) == -1);
    assert_true(CN_LOG1P(0.0f) == 0 && isinf(CN_LOG1P(-1.0f)) && isnan(CN_LOG1P(-2.0f)));
    assert_true(CN_TANH(100.0f) == 1 && CN_TANH(-100.0f) == -1 && CN_TANH(0.0f) == 0);
    assert_true(CN_SIGMOID(0.0f) == 0.5f && CN_SIGMOID(200.0f) == 1 && CN_SIGMOID(-200.0f) == 0);
    assert_true(isnan(CN_MAX((float)NAN, 0.0f)) && CN_MAX(1.0, 2.0) == 2 && CN_MAX(2.0f, 1.0f) == 2);
}

/* ---- Activations --------------------------------------------------------------------------------------- */

/* The expressions themselves in double, f'' too. */
#define real double
#define EXPRESSIONS(constant, name, needs_input, equation, f, df, ddf)                                       \
    static double f_##name(double z)                                                                         \
    {                                                                                                        \
        return (double)(f);                                                                                  \
    }                                                                                                        \
    static double df_##name(double z, double y)                                                              \
    {                                                                                                        \
        (void)z, (void)y;                                                                                    \
        return (double)(df);                                                                                 \
    }                                                                                                        \
    static double ddf_##name(double z, double y)                                                             \
    {                                                                                                        \
        (void)z, (void)y;                                                                                    \
        return (double)(ddf);                                                                                \
    }
CN_ACTIVATIONS(EXPRESSIONS)
#undef real

static const struct {
    double (*f)(double z), (*df)(double z, double y), (*ddf)(double z, double y);
} expressions[] = {
#define ROW(constant, name, ...) {f_##name, df_##name, ddf_##name},
    CN_ACTIVATIONS(ROW)};

static double slope_truth(cn_activation activation, double z)
{
    double h = 1e-5;
    return (truth(activation, z + h) - truth(activation, z - h)) / (2 * h);
}

static void test_expressions_are_derivatives(void **state)
{
    (void)state;
    for (cn_activation a = 0; a < CN_NACTIVATION; a++)
        for (double z = -9.97; z < 10; z += 0.1) {
            double h = 1e-5, y = expressions[a].f(z);
            double up = expressions[a].df(z + h, expressions[a].f(z + h));
            double down = expressions[a].df(z - h, expressions[a].f(z - h));
            assert_true(fabs(y - truth(a, z)) <= 1e-14 * (1 + fabs(z)));
            assert_true(fabs(expressions[a].df(z, y) - slope_truth(a, z)) < 1e-9);
            assert_true(fabs(expressions[a].ddf(z, y) - (up - down) / (2 * h)) < 1e-9);
        }
}

enum { POINTS = 4001 };

/* From -20 to 20, then what is at the ends of the floats. */
static double point(size_t i)
{
    static const double ends[] = {0,    -0.0,  INFINITY, -INFINITY, NAN,   88,     -88, 104, -104,
                                  1e30, -1e30, 1e-30,    -1e-30,    1e-42, -1e-42, 15,  -15};
    size_t n = sizeof ends / sizeof ends[0];
    return i < POINTS - n ? (double)(float)(-20 + 40.0 * (double)i / (POINTS - 1 - (double)n))
                          : ends[i - (POINTS - n)];
}

static void check_value(const cn_kernels *k, cn_activation a, double z, double y)
{
    double want = truth(a, z);
    double most = a == CN_GELU || a == CN_SILU ? 5 : 4;
    bool good = (isnan(want) && isnan(y)) || y == want || fabs(y - want) <= 1e-15 * (10 + z * z) * fabs(want);
    if (k->real_size == 4)
        good = float_ulps((float)y, want) <= most || fabs(y - want) < 0x1p-140;
    if (!good)
        fail_msg("%s %s(%a) = %a, not %a", k->name, cn_activation_names[a], z, y, want);
}

/* y tells f' to within its own rounding, and that is relative to 1 (or selu's 1.76). */
static void check_slope(const cn_kernels *k, cn_activation a, double z, double slope)
{
    if (isnan(z)) {
        if (a != CN_LINEAR && a != CN_RELU && a != CN_LEAKY && !isnan(slope))
            fail_msg("%s %s'(NaN) = %a", k->name, cn_activation_names[a], slope);
        return;
    }
    if (fabs(z) < 2e-5)
        return;
    double want = fabs(z) > 50 ? expressions[a].df(z, truth(a, z)) : slope_truth(a, z);
    if (!(fabs(slope - want) <= 8 * epsilon(k) + 2e-9))
        fail_msg("%s %s'(%a) = %a, not %a", k->name, cn_activation_names[a], z, slope, want);
}

static void test_activations(void **state)
{
    (void)state;
    FOR_TABLES(k)
    {
        guarded z = buffer_new(k, 1, POINTS, 0, 0), y = buffer_new(k, 1, POINTS, 0, 7);
        guarded dz = buffer_new(k, 1, POINTS, 0, 0);
        for (size_t i = 0; i < POINTS; i++)
            set(k, z.start, i, point(i));
        for (cn_activation a = 0; a < CN_NACTIVATION; a++) {
            k->activate(a, 1, POINTS, cn_stride(POINTS), z.start, y.start);
            for (size_t i = 0; i < POINTS; i++)
                set(k, dz.start, i, 1);
            k->activate_backward(a, 1, POINTS, cn_stride(POINTS),
                                 cn_activation_needs_input(a) ? z.start : NULL, y.start, dz.start, dz.start);
            for (size_t i = 0; i < POINTS; i++) {
                check_value(k, a, at(k, z.start, i), at(k, y.start, i));
                check_slope(k, a, at(k, z.start, i), at(k, dz.start, i));
            }
            for (size_t i = POINTS; i < cn_stride(POINTS); i++)
                assert_true(at(k, y.start, i) == 7 && at(k, dz.start, i) == 0);
        }
        guarded_free(&z);
        guarded_free(&y);
        guarded_free(&dz);
    }
}

static void test_a_slope_meets_its_gradient(void **state)
{
    (void)state;
    enum { ROWS = 3, WIDTH = 37 };
    FOR_TABLES(k)
    for (cn_activation a = 0; a < CN_NACTIVATION; a++) {
        size_t stride = cn_stride(WIDTH);
        guarded z = buffer_new(k, ROWS, WIDTH, 1, NAN), y = buffer_new(k, ROWS, WIDTH, 2, NAN);
        guarded dy = buffer_new(k, ROWS, WIDTH, 3, 0), dz = buffer_new(k, ROWS, WIDTH, 4, 0);
        k->activate(a, ROWS, WIDTH, stride, z.start, y.start);
        k->activate_backward(a, ROWS, WIDTH, stride, z.start, y.start, dy.start, dz.start);
        for (size_t i = 0; i < ROWS * stride; i++) {
            double want = i % stride < WIDTH ? at(k, dy.start, i) * slope_truth(a, at(k, z.start, i)) : 0;
            assert_true(fabs(at(k, dz.start, i) - want) <= 8 * epsilon(k) + 1e-9);
        }
        guarded_free(&z);
        guarded_free(&y);
        guarded_free(&dy);
        guarded_free(&dz);
    }
}

static void test_activation_words(void **state)
{
    (void)state;
    static const char *const words[] = {"linear", "relu", "leaky", "sigmoid", "tanh",
                                        "elu",    "selu", "gelu",  "silu",    "softplus"};
    assert_int_equal(CN_NACTIVATION, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_string_equal(cn_activation_names[i], words[i]);
        assert_string_equal(cn_activation_helps[i].name, words[i]);
        assert_non_null(cn_activation_helps[i].equation);
    }
    assert_null(cn_activation_names[10]);
    assert_null(cn_activation_helps[10].name);
    assert_true(cn_activation_needs_input(CN_GELU) && cn_activation_needs_input(CN_SILU));
    assert_false(cn_activation_needs_input(CN_SOFTPLUS) || cn_activation_needs_input(CN_RELU));
}

/* ---- Products ------------------------------------------------------------------------------------------ */

typedef struct problem {
    size_t rows, in, out;
    guarded weight, panels, transposed, bias, x, y, z;
    cn_matrix matrix;
} problem;

static problem problem_new(const cn_kernels *k, size_t rows, size_t in, size_t out)
{
    problem p = {.rows = rows, .in = in, .out = out};
    p.weight = guarded_new(in * out * sizeof(float));
    for (size_t i = 0; i < in * out; i++)
        ((float *)p.weight.start)[i] = (float)noise(i + 77);
    p.panels = guarded_new(cn_round_up(out, CN_PANEL) * in * k->real_size);
    p.transposed = guarded_new(cn_round_up(in, CN_PANEL) * out * k->real_size);
    p.matrix = (cn_matrix){.in = in, .out = out, .panels = p.panels.start, .transposed = p.transposed.start};
    k->pack(p.weight.start, &p.matrix);
    p.bias = guarded_new(cn_round_up(out, CN_PANEL) * k->real_size);
    for (size_t j = 0; j < cn_round_up(out, CN_PANEL); j++)
        set(k, p.bias.start, j, j < out ? noise(j + 5) : 0);
    p.x = buffer_new(k, rows, in, 3, NAN);
    p.y = buffer_new(k, rows, out, 9, 7);
    p.z = buffer_new(k, rows, out, 9, 7);
    return p;
}

static void problem_free(problem *p)
{
    guarded *arrays[] = {&p->weight, &p->panels, &p->transposed, &p->bias, &p->x, &p->y, &p->z};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        guarded_free(arrays[i]);
}

static cn_product product_of(const problem *p, cn_activation activation)
{
    return (cn_product){.rows = p->rows,
                        .in = p->in,
                        .out = p->out,
                        .x = p->x.start,
                        .x_stride = cn_stride(p->in),
                        .panels = p->matrix.panels,
                        .bias = p->bias.start,
                        .activation = activation,
                        .z = p->z.start,
                        .y = p->y.start,
                        .y_stride = cn_stride(p->out)};
}

static void check_product(const cn_kernels *k, const problem *p, cn_activation activation)
{
    const float *weight = p->weight.start;
    size_t stride = cn_stride(p->out);
    for (size_t r = 0; r < p->rows; r++)
        for (size_t j = 0; j < stride; j++) {
            double sum = j < p->out ? at(k, p->bias.start, j) : 0, size = fabs(sum);
            for (size_t i = 0; j < p->out && i < p->in; i++) {
                double term = at(k, p->x.start, r * cn_stride(p->in) + i) * (double)weight[j * p->in + i];
                sum += term;
                size += fabs(term);
            }
            double z = at(k, p->z.start, r * stride + j), y = at(k, p->y.start, r * stride + j);
            if (j >= cn_round_up(p->out, CN_PANEL))
                assert_true(z == 7 && y == 7);
            else if (!(fabs(z - sum) <= ((double)p->in + 2) * epsilon(k) * size))
                fail_msg("%s: %zux%zu, row %zu of %zu, column %zu: %.9g, not %.9g", k->name, p->in, p->out, r,
                         p->rows, j, z, sum);
            else
                check_value(k, activation, z, y);
        }
}

static void test_product_follows_the_sum(void **state)
{
    (void)state;
    size_t turn = 0;
    FOR_TABLES(k)
    for (size_t a = 0; a < NSIZE; a++)
        for (size_t b = 0; b < NSIZE; b++)
            for (size_t c = 0; c < NSIZE; c++) {
                if (sizes[a] * sizes[b] * sizes[c] > 60000)
                    continue;
                problem p = problem_new(k, sizes[a], sizes[b], sizes[c]);
                cn_activation activation = (cn_activation)(turn++ % CN_NACTIVATION);
                cn_product product = product_of(&p, activation);
                k->product(&product);
                check_product(k, &p, activation);
                problem_free(&p);
            }
}

/* One row leaves out its zeros, runs of them and single ones; with another it does not. */
static void test_product_of_one_row_is_the_same(void **state)
{
    (void)state;
    static const size_t widths[] = {1, 15, 16, 40, 784, 768 * 2 + 5}, outs[] = {1, 33, 16 * 15};
    FOR_TABLES(k)
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (size_t o = 0; o < sizeof outs / sizeof *outs; o++) {
            problem p = problem_new(k, 2, widths[w], outs[o]);
            for (size_t i = 0; i < widths[w]; i++)
                if (i % 40 < 21 || i % 3 == 0)
                    set(k, p.x.start, i, i % 2 ? 0.0 : -0.0);
            cn_product both = product_of(&p, CN_SIGMOID), one = both;
            k->product(&both);
            guarded y = buffer_new(k, 1, outs[o], 9, 7), z = buffer_new(k, 1, outs[o], 9, 7);
            one.rows = 1;
            one.y = y.start;
            one.z = z.start;
            k->product(&one);
            assert_memory_equal(y.start, p.y.start, outs[o] * k->real_size);
            assert_memory_equal(z.start, p.z.start, outs[o] * k->real_size);
            one.z = NULL;
            k->product(&one);
            assert_memory_equal(y.start, p.y.start, outs[o] * k->real_size);
            guarded_free(&y);
            guarded_free(&z);
            problem_free(&p);
        }
}

static void test_product_in_parts_is_the_same(void **state)
{
    (void)state;
    enum { ROWS = 211, IN = 37, OUT = 50 };
    static const size_t parts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 32, 100};
    FOR_TABLES(k)
    {
        problem p = problem_new(k, ROWS, IN, OUT);
        cn_product whole = product_of(&p, CN_TANH);
        k->product(&whole);
        guarded y = buffer_new(k, ROWS, OUT, 9, 7);
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            for (size_t first = 0; first < ROWS; first += parts[i]) {
                cn_product part = whole;
                part.rows = ROWS - first < parts[i] ? ROWS - first : parts[i];
                part.x = (const char *)whole.x + first * whole.x_stride * k->real_size;
                part.y = (char *)y.start + first * whole.y_stride * k->real_size;
                part.z = i % 2 ? NULL : (char *)whole.z + first * whole.y_stride * k->real_size;
                k->product(&part);
            }
            assert_memory_equal(y.start, p.y.start, y.nbytes);
        }
        /* The activation by itself gives the bits of the fused one. */
        k->activate(CN_TANH, ROWS, OUT, whole.y_stride, p.z.start, y.start);
        for (size_t r = 0; r < ROWS; r++)
            assert_memory_equal((char *)y.start + r * whole.y_stride * k->real_size,
                                (char *)p.y.start + r * whole.y_stride * k->real_size, OUT * k->real_size);
        guarded_free(&y);
        problem_free(&p);
    }
}

static void test_nan_comes_through(void **state)
{
    (void)state;
    FOR_TABLES(k)
    for (cn_activation a = 0; a < CN_NACTIVATION; a++) {
        problem p = problem_new(k, 7, 20, 20);
        set(k, p.panels.start, 3 * CN_PANEL + 2, NAN); /* element (3, 2) */
        cn_product product = product_of(&p, a);
        product.z = NULL;
        k->product(&product);
        for (size_t r = 0; r < 7; r++)
            for (size_t j = 0; j < 20; j++)
                assert_true(isnan(at(k, p.y.start, r * cn_stride(20) + j)) == (j == 2));
        problem_free(&p);
    }
}

/* ---- Sums over a batch --------------------------------------------------------------------------------- */

/* The definition: blocks of 32 rows in order; of n blocks, the largest power of two below n and the rest. */
static double tree(const cn_kernels *k,
                   double (*block)(const cn_kernels *k, const void *user, size_t first, size_t count),
                   const void *user, size_t first, size_t count)
{
    if (count <= 32)
        return block(k, user, first, count);
    size_t left = 32;
    while (left * 2 < count)
        left *= 2;
    double sum = tree(k, block, user, first, left) + tree(k, block, user, first + left, count - left);
    return k->real_size == 4 ? (double)(float)sum : sum;
}

static double values_block(const cn_kernels *k, const void *user, size_t first, size_t count)
{
    (void)k;
    double sum = 0;
    for (size_t i = first; i < first + count; i++)
        sum += ((const double *)user)[i];
    return sum;
}

static void test_tree_sum(void **state)
{
    (void)state;
    enum { MOST = 32 * 41 };
    static double values[MOST];
    for (size_t i = 0; i < MOST; i++)
        values[i] = noise(i) * pow(10, noise(i + 1) * 8);
    for (size_t count = 1; count <= MOST; count++)
        assert_true(cn_tree_sum(values, count) == tree(&cn_kernels_double, values_block, values, 0, count));
    assert_true(cn_tree_sum(values, 0) == 0);
}

typedef struct outer_element {
    const void *a, *b;
    size_t a_stride, b_stride, k, j;
} outer_element;

/* One element of a block as each table adds it: the vector tables round once a product and sum. */
static double outer_block(const cn_kernels *kernels, const void *user, size_t first, size_t count)
{
    const outer_element *e = user;
    bool fused = strcmp(kernels->name, "plain") != 0;
    double sum = 0;
    for (size_t r = first; r < first + count; r++) {
        double a = at(kernels, e->a, r * e->a_stride + e->k), b = at(kernels, e->b, r * e->b_stride + e->j);
        if (kernels->real_size == 8)
            sum += a * b;
        else if (fused)
            sum = (double)fmaf((float)a, (float)b, (float)sum);
        else
            sum = (double)((float)sum + (float)((float)a * (float)b));
    }
    return sum;
}

/* Two panels at once are one and the other, to the bit. */
static void check_two_panels(const cn_kernels *k, const cn_outer *of, size_t out)
{
    cn_outer outer = *of;
    const size_t size = of->nrow * CN_PANEL * k->real_size;
    for (outer.panel = 0; (outer.panel + 1) * CN_PANEL < out; outer.panel++) {
        guarded both = guarded_new(2 * size), one = guarded_new(size);
        outer.accumulate = false;
        outer.npanel = 2;
        outer.tile = both.start;
        k->outer(&outer);
        outer.npanel = 1;
        outer.tile = one.start;
        for (size_t p = 0; p < 2; p++) {
            cn_outer single = outer;
            single.panel += p;
            k->outer(&single);
            assert_memory_equal(one.start, (char *)both.start + p * size, size);
        }
        guarded_free(&both);
        guarded_free(&one);
    }
}

static void check_outer(const cn_kernels *k, size_t rows, size_t in, size_t out)
{
    guarded a = buffer_new(k, rows, in, 1, NAN), b = buffer_new(k, rows, out, 2, 0);
    size_t panel = (out - 1) / CN_PANEL;
    for (size_t row = 0; row < in; row += CN_TILE_ROWS) {
        size_t nrow = in - row < CN_TILE_ROWS ? in - row : CN_TILE_ROWS;
        guarded tile = guarded_new(nrow * CN_PANEL * k->real_size);
        cn_outer outer = {.rows = rows,
                          .a = a.start,
                          .a_stride = cn_stride(in),
                          .b = b.start,
                          .b_stride = cn_stride(out),
                          .panel = panel,
                          .npanel = 1,
                          .row = row,
                          .nrow = nrow,
                          .tile = tile.start};
        for (int uses = 1; uses <= 2; uses++) {
            outer.accumulate = uses == 2;
            k->outer(&outer);
            for (size_t i = 0; i < nrow * CN_PANEL; i++) {
                outer_element e = {a.start,
                                   b.start,
                                   cn_stride(in),
                                   cn_stride(out),
                                   row + i / CN_PANEL,
                                   panel * CN_PANEL + i % CN_PANEL};
                double want = uses * tree(k, outer_block, &e, 0, rows);
                if (at(k, tile.start, i) != want)
                    fail_msg("%s: rows %zu, %zux%zu, element (%zu, %zu): %a, not %a", k->name, rows, in, out,
                             e.k, e.j, at(k, tile.start, i), want);
            }
        }
        guarded_free(&tile);
        check_two_panels(k, &outer, out);
    }
    guarded_free(&a);
    guarded_free(&b);
}

static void test_outer_is_the_tree_of_blocks(void **state)
{
    (void)state;
    static const size_t rows[] = {1, 2, 31, 32, 33, 64, 65, 100, 200, 230, 32 * 13 + 5};
    static const size_t ins[] = {1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 16, 33, 100};
    static const size_t outs[] = {1, 16, 17, 50};
    FOR_TABLES(k)
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
        for (size_t i = 0; i < sizeof ins / sizeof ins[0]; i++)
            check_outer(k, rows[r], ins[i], outs[(r + i) % 4]);
}

static void test_outer_in_parts_is_the_same(void **state)
{
    (void)state;
    enum { ROWS = 75, IN = 96, OUT = 16 };
    static const size_t parts[] = {1, 5, 6, 7, 12, 16, 32, 48};
    FOR_TABLES(k)
    {
        guarded a = buffer_new(k, ROWS, IN, 1, NAN), b = buffer_new(k, ROWS, OUT, 2, 0);
        guarded whole = guarded_new(IN * CN_PANEL * k->real_size), tile = guarded_new(whole.nbytes);
        cn_outer outer = {.rows = ROWS,
                          .a = a.start,
                          .a_stride = cn_stride(IN),
                          .b = b.start,
                          .b_stride = cn_stride(OUT),
                          .npanel = 1,
                          .nrow = IN,
                          .tile = whole.start};
        k->outer(&outer);
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            for (outer.row = 0; outer.row < IN; outer.row += parts[i]) {
                outer.nrow = IN - outer.row < parts[i] ? IN - outer.row : parts[i];
                outer.tile = (char *)tile.start + outer.row * CN_PANEL * k->real_size;
                k->outer(&outer);
            }
            assert_memory_equal(tile.start, whole.start, whole.nbytes);
        }
        guarded_free(&a);
        guarded_free(&b);
        guarded_free(&whole);
        guarded_free(&tile);
    }
}

static double column_block(const cn_kernels *k, const void *user, size_t first, size_t count)
{
    const outer_element *e = user;
    double sum = 0;
    for (size_t r = first; r < first + count; r++) {
        sum += at(k, e->b, r * e->b_stride + e->j);
        sum = k->real_size == 4 ? (double)(float)sum : sum;
    }
    return sum;
}

static void test_column_sums(void **state)
{
    (void)state;
    static const size_t rows[] = {1, 32, 33, 100, 230};
    FOR_TABLES(k)
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
        for (size_t s = 0; s < NSIZE; s++) {
            size_t width = sizes[s], first = width / 3, count = width - first;
            guarded b = buffer_new(k, rows[r], width, 6, NAN), sums = guarded_new(count * k->real_size);
            for (int uses = 1; uses <= 2; uses++) {
                k->column_sums(rows[r], b.start, cn_stride(width), first, count, uses == 2, sums.start);
                for (size_t j = 0; j < count; j++) {
                    outer_element e = {.b = b.start, .b_stride = cn_stride(width), .j = first + j};
                    assert_true(at(k, sums.start, j) == uses * tree(k, column_block, &e, 0, rows[r]));
                }
            }
            guarded_free(&b);
            guarded_free(&sums);
        }
}

/* ---- Packing ------------------------------------------------------------------------------------------- */

static void check_transposed(const cn_kernels *k, const problem *p, double factor)
{
    for (size_t i = 0; i < cn_round_up(p->in, CN_PANEL); i++)
        for (size_t j = 0; j < p->out; j++) {
            double got = at(k, p->transposed.start, (i / CN_PANEL * p->out + j) * CN_PANEL + i % CN_PANEL);
            double want = i < p->in ? factor * (double)((float *)p->weight.start)[j * p->in + i] : 0;
            assert_true(got == want);
        }
}

static void test_packing(void **state)
{
    (void)state;
    FOR_TABLES(k)
    for (size_t a = 0; a < NSIZE; a++)
        for (size_t b = 0; b < NSIZE; b++) {
            problem p = problem_new(k, 1, sizes[a], sizes[b]);
            size_t in = p.in, nreal = cn_round_up(p.out, CN_PANEL) * in;
            for (size_t i = 0; i < nreal; i++) {
                size_t j = i / (in * CN_PANEL) * CN_PANEL + i % CN_PANEL, row = i / CN_PANEL % in;
                double want = j < p.out ? (double)((float *)p.weight.start)[j * in + row] : 0;
                assert_true(at(k, p.panels.start, i) == want);
            }
            check_transposed(k, &p, 1);
            guarded back = guarded_new(p.weight.nbytes);
            k->unpack(&p.matrix, back.start);
            assert_memory_equal(back.start, p.weight.start, p.weight.nbytes);
            guarded_free(&back);
            for (size_t i = 0; i < nreal; i++)
                set(k, p.panels.start, i, 2 * at(k, p.panels.start, i));
            for (size_t panel = 0; panel * CN_PANEL < p.out; panel++)
                for (size_t row = 0; row < in; row += CN_TILE_ROWS)
                    k->transpose_tile(&p.matrix, panel, row,
                                      in - row < CN_TILE_ROWS ? in - row : CN_TILE_ROWS);
            check_transposed(k, &p, 2);
            p.matrix.transposed = NULL;
            k->pack(p.weight.start, &p.matrix);
            problem_free(&p);
        }
}

static void test_floats_there_and_back(void **state)
{
    (void)state;
    float floats[37], back[37];
    for (size_t i = 0; i < 37; i++)
        floats[i] = (float)noise(i);
    FOR_TABLES(k)
    {
        guarded reals = guarded_new(37 * k->real_size);
        k->from_float(floats, reals.start, 37);
        for (size_t i = 0; i < 37; i++)
            assert_true(at(k, reals.start, i) == (double)floats[i]);
        k->to_float(reals.start, back, 37);
        assert_memory_equal(back, floats, sizeof floats);
        guarded_free(&reals);
    }
}

/* ---- Loops over elements ------------------------------------------------------------------------------- */

#define VALUE(y, x)                                                                                          \
    (CN_ABS((y) - (x)) < 1 ? (real)0.5 * ((y) - (x)) * ((y) - (x)) : CN_ABS((y) - (x)) - (real)0.5)
#define SLOPE(y, x) CN_SIGMOID(y) - (x)
CN_LOSS_ROWS(VALUE, SLOPE)
CN_LOSS_EACH(VALUE, SLOPE)

enum { RATE, MOMENTUM };
#define UPDATE(c, p, g, a, b)                                                                                \
    a = c[MOMENTUM] * a - c[RATE] * g;                                                                       \
    b += g * g;                                                                                              \
    p += a / (CN_SQRT(b) + 1)
CN_UPDATE(UPDATE)

static void test_loss_rows(void **state)
{
    (void)state;
    static cn_loss_rows *const loss_rows[] = {loss_rows_float, loss_rows_double};
    enum { ROWS = 3 };
    for (size_t precision = 0; precision < 2; precision++)
        for (size_t s = 0; s < NSIZE; s++) {
            const cn_kernels *k = precision ? &cn_kernels_double : &cn_kernels_plain;
            size_t width = sizes[s], stride = cn_stride(width);
            guarded y = buffer_new(k, ROWS, width, 1, NAN), slope = buffer_new(k, ROWS, width, 3, 7);
            guarded x = guarded_new(ROWS * width * k->real_size);
            for (size_t i = 0; i < ROWS * width; i++)
                set(k, x.start, i, 2 * noise(i + 8));
            double values[ROWS], again[ROWS];
            loss_rows[precision](ROWS, width, stride, y.start, x.start, width, 0.25, slope.start, values);
            loss_rows[precision](ROWS, width, stride, y.start, x.start, width, 0.25, NULL, again);
            assert_memory_equal(values, again, sizeof values);
            for (size_t r = 0; r < ROWS; r++) {
                double sum = 0;
                for (size_t j = 0; j < stride; j++) {
                    if (j >= width) {
                        assert_true(at(k, slope.start, r * stride + j) == 7);
                        continue;
                    }
                    double out = at(k, y.start, r * stride + j), in = at(k, x.start, r * width + j);
                    double d = fabs(out - in), want = 0.25 * (1 / (1 + exp(-out)) - in);
                    sum += d < 1 ? 0.5 * d * d : d - 0.5;
                    assert_true(fabs(at(k, slope.start, r * stride + j) - want) <= 4 * epsilon(k));
                }
                assert_true(fabs(values[r] - sum) <= 8 * epsilon(k) * (sum + 1e-3));
            }
            guarded_free(&y);
            guarded_free(&slope);
            guarded_free(&x);
        }
}

static void test_loss_each(void **state)
{
    (void)state;
    static cn_loss_each *const loss_each[] = {loss_each_float, loss_each_double};
    for (size_t precision = 0; precision < 2; precision++)
        for (size_t count = CN_STRIP; count <= 7 * CN_STRIP; count += CN_STRIP) {
            const cn_kernels *k = precision ? &cn_kernels_double : &cn_kernels_plain;
            guarded y = guarded_new(count * k->real_size), x = guarded_new(y.nbytes),
                    slope = guarded_new(y.nbytes), values = guarded_new(y.nbytes);
            for (size_t i = 0; i < count; i++) {
                set(k, y.start, i, noise(i));
                set(k, x.start, i, 2 * noise(i + 8));
            }
            loss_each[precision](count, y.start, x.start, 0.25, slope.start, values.start);
            for (size_t i = 0; i < count; i++) {
                double out = at(k, y.start, i), in = at(k, x.start, i), d = fabs(out - in);
                double want = 0.25 * (1 / (1 + exp(-out)) - in), value = d < 1 ? 0.5 * d * d : d - 0.5;
                assert_true(fabs(at(k, slope.start, i) - want) <= 4 * epsilon(k));
                assert_true(fabs(at(k, values.start, i) - value) <= 4 * epsilon(k));
            }
            guarded *all[] = {&y, &x, &slope, &values};
            for (size_t i = 0; i < sizeof all / sizeof *all; i++)
                guarded_free(all[i]);
        }
}

static void test_update(void **state)
{
    (void)state;
    static cn_update *const updates[] = {update_float, update_double};
    enum { COUNT = 48 };
    double constants[CN_UPDATE_CONSTANTS] = {[RATE] = 0.1, [MOMENTUM] = 0.9};
    for (size_t precision = 0; precision < 2; precision++) {
        const cn_kernels *k = precision ? &cn_kernels_double : &cn_kernels_plain;
        guarded arrays[4];
        for (size_t i = 0; i < 4; i++) {
            arrays[i] = guarded_new(COUNT * k->real_size);
            for (size_t j = 0; j < COUNT; j++)
                set(k, arrays[i].start, j, i < 2 ? noise(i * COUNT + j) : 0.5);
        }
        double p[COUNT], g[COUNT];
        for (size_t j = 0; j < COUNT; j++) {
            p[j] = at(k, arrays[0].start, j);
            g[j] = at(k, arrays[1].start, j);
        }
        updates[precision](constants, arrays[0].start, arrays[1].start,
                           (void *[]){arrays[2].start, arrays[3].start}, COUNT);
        for (size_t j = 0; j < COUNT; j++) {
            double v = 0.9 * 0.5 - 0.1 * g[j], b = 0.5 + g[j] * g[j];
            assert_true(fabs(at(k, arrays[2].start, j) - v) <= 2 * epsilon(k));
            assert_true(fabs(at(k, arrays[3].start, j) - b) <= 2 * epsilon(k));
            assert_true(fabs(at(k, arrays[0].start, j) - (p[j] + v / (sqrt(b) + 1))) <= 4 * epsilon(k));
        }
        for (size_t i = 0; i < 4; i++)
            guarded_free(&arrays[i]);
    }
}

/* ---- The choice ---------------------------------------------------------------------------------------- */

static void test_choice(void **state)
{
    (void)state;
    assert_null(cn_kernels_find("abacus"));
    assert_ptr_equal(cn_kernels_find("plain"), &cn_kernels_plain);
    assert_ptr_equal(cn_kernels_find("double"), &cn_kernels_double);
    static const char *const wrong[] = {"abacus", "double", "AVX2"};
    for (size_t i = 0; i < 3; i++) {
        cinch_error error = {0};
        setenv("CINCH_CPU", wrong[i], 1);
        assert_null(cn_kernels_choose(&error));
        assert_int_equal(error.status, CINCH_USAGE);
        assert_non_null(strstr(error.message, wrong[i]));
    }
    setenv("CINCH_CPU", "plain", 1);
    assert_ptr_equal(cn_kernels_choose(NULL), &cn_kernels_plain);
    setenv("CINCH_CPU", "abacus", 1);
    assert_ptr_equal(cn_kernels_choose(NULL), &cn_kernels_plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions_follow_the_library),
        cmocka_unit_test(test_log_follows_the_library),
        cmocka_unit_test(test_functions_end_well),
        cmocka_unit_test(test_expressions_are_derivatives),
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_a_slope_meets_its_gradient),
        cmocka_unit_test(test_activation_words),
        cmocka_unit_test(test_product_follows_the_sum),
        cmocka_unit_test(test_product_of_one_row_is_the_same),
        cmocka_unit_test(test_product_in_parts_is_the_same),
        cmocka_unit_test(test_nan_comes_through),
        cmocka_unit_test(test_tree_sum),
        cmocka_unit_test(test_outer_is_the_tree_of_blocks),
        cmocka_unit_test(test_outer_in_parts_is_the_same),
        cmocka_unit_test(test_column_sums),
        cmocka_unit_test(test_packing),
        cmocka_unit_test(test_floats_there_and_back),
        cmocka_unit_test(test_loss_rows),
        cmocka_unit_test(test_loss_each),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests_name("math", tests, NULL, NULL);
}
