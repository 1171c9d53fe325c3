/* Codes that are drawn: their divergence against the integral that it stands for, rows generated of them in
 * any pieces and on any number of threads, lines and grids of codes, models that have none. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "counted.h"
#include "data/data.h"
#include "model/codes.h"
#include "model/variational.h"
#include "train/penalty.h"

enum { ROWS = 40, FEATURES = 12, UNITS = 3 };

static cinch_data *make_rows(void)
{
    static float values[ROWS][FEATURES];
    for (size_t r = 0; r < ROWS; r++)
        for (size_t j = 0; j < FEATURES; j++)
            values[r][j] = (float)((r * 7 + j * j * 3) % 11) + 3;
    return cinch_data_view(CINCH_F32, (cinch_shape){2, {ROWS, FEATURES}}, values, NULL);
}

/* An untrained net with the rows' scaler. */
static cinch_model *make_model(const char *encoder)
{
    cinch_error error = {0};
    cn_scaler scaler = {0};
    cinch_data *rows = make_rows();
    cinch_recipe *recipe = cinch_recipe_new(&error);
    cinch_recipe_set(recipe, "encoder", encoder, &error);
    cinch_recipe_set(recipe, "decoder", "dense 9 tanh | dense 12", &error);
    cinch_model *model = cn_model_new(recipe, (cinch_shape){1, {FEATURES}}, SIZE_MAX, &error);
    if (!model || cn_model_init(model, "", &error) ||
        cn_scaler_fit(&scaler, CN_SCALE_STANDARD, rows, ROWS, false, &error) ||
        cn_model_set_scaler(model, &scaler, &error))
        fail_msg("%s: %s", encoder, error.message);
    cinch_recipe_free(recipe);
    cinch_data_free(rows);
    return model;
}

/* ---- The divergence ------------------------------------------------------------------------------------ */

/* The integral of q ln (q / p), q normal with this mean and variance, p standard normal: the trapezoidal rule
 * over 12 standard deviations each way, which for such functions is exact to rounding. */
static double integrate(double mean, double log_variance)
{
    enum { STEPS = 4000 };
    double deviation = exp(log_variance / 2), width = 24 * deviation / STEPS, sum = 0;
    for (int i = 0; i <= STEPS; i++) {
        double z = mean + deviation * (24.0 * i / STEPS - 12);
        double log_q = -0.5 * (z - mean) * (z - mean) / (deviation * deviation) - log(deviation);
        sum += exp(log_q) / sqrt(2 * acos(-1)) * (log_q + 0.5 * z * z) * width;
    }
    return sum;
}

/* The penalty of one row whose code is `mean` and `log_variance` in its second unit, and standard normal in
 * the others, in nats. */
static double divergence(const cinch_model *model, const cn_kernels *kernels, double mean,
                         double log_variance)
{
    size_t part = cn_variational_part(UNITS), real = kernels->real_size;
    float floats[CN_NVARIATIONAL * CN_PANEL] = {0};
    double doubles[CN_NVARIATIONAL * CN_PANEL] = {0};
    floats[CN_MEAN * part + 1] = (float)mean;
    floats[CN_LOG_VARIANCE * part + 1] = (float)log_variance;
    doubles[CN_MEAN * part + 1] = mean;
    doubles[CN_LOG_VARIANCE * part + 1] = log_variance;
    cn_spec spec;
    assert_int_equal(cn_spec_parse("kl 1", "penalty", (const cn_part *const *)cn_penalties, &spec, NULL),
                     CINCH_OK);
    cn_flow flows[3] = {0};
    flows[0].kept = real == sizeof(double) ? (void *)doubles : (void *)floats;
    flows[0].kept_stride = CN_NVARIATIONAL * part;
    cn_penalty_work work = {.spec = &spec, .model = model, .flows = flows, .rows = 1};
    cn_step step = {.kernels = kernels};
    double value = 0;
    cn_penalty_kl.rows(&work, &step, 1, 0, 1, &value);
    cn_spec_clear(&spec);
    return value * FEATURES;
}

static void test_divergence(void **state)
{
    (void)state;
    static const double cases[][2] = {{0, 0},       {1.5, 0},      {-0.7, -3}, {0.2, 1.2}, {3, -1},
                                      {-2.5, 0.25}, {0.01, -0.02}, {0, -6},    {5, 2}};
    cinch_model *model = make_model("variational 3");
    const cn_kernels *single = cn_kernels_choose(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double mean = cases[i][0], log_variance = cases[i][1], truth = integrate(mean, log_variance);
        double found = divergence(model, &cn_kernels_double, mean, log_variance);
        if (!(fabs(found - truth) <= 1e-12 * (1 + truth)))
            fail_msg("mean %g, log variance %g: %.17g, the integral %.17g", mean, log_variance, found, truth);
        found = divergence(model, single, mean, log_variance);
        if (!(fabs(found - truth) <= 1e-6 * (1 + truth)))
            fail_msg("in single precision, mean %g, log variance %g: %.9g, the integral %.9g", mean,
                     log_variance, found, truth);
    }
    cinch_model_free(model);
}

/* ---- Codes --------------------------------------------------------------------------------------------- */

/* Their first moments, and that no two units or rows go together. */
static void test_normal(void **state)
{
    (void)state;
    enum { MANY = 20000, WIDTH = 3 };
    static float codes[MANY][WIDTH];
    double sums[WIDTH] = {0}, squares[WIDTH] = {0}, fourth[WIDTH] = {0}, across = 0, down = 0;
    cinch_codes_draw(5, 0, MANY, WIDTH, codes[0]);
    for (size_t r = 0; r < MANY; r++) {
        for (size_t j = 0; j < WIDTH; j++) {
            double x = (double)codes[r][j];
            sums[j] += x / MANY;
            squares[j] += x * x / MANY;
            fourth[j] += x * x * x * x / MANY;
        }
        across += (double)codes[r][0] * (double)codes[r][1] / MANY;
        down += r ? (double)codes[r][0] * (double)codes[r - 1][0] / MANY : 0;
    }
    double wide = 5 / sqrt(MANY);
    for (size_t j = 0; j < WIDTH; j++) {
        assert_true(fabs(sums[j]) < wide);
        assert_true(fabs(squares[j] - 1) < wide * sqrt(2));
        assert_true(fabs(fourth[j] - 3) < wide * sqrt(96));
    }
    assert_true(fabs(across) < wide && fabs(down) < wide);
}

static void test_quantiles(void **state)
{
    (void)state;
    static const double known[][2] = {{0.5, 0},
                                      {0.975, 1.959963984540054},
                                      {0.25, -0.6744897501960817},
                                      {0.999, 3.090232306167813},
                                      {0.0001, -3.719016485455709},
                                      {1e-12, -7.034483825301132}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_true(fabs(cn_normal_quantile(known[i][0]) - known[i][1]) < 1e-12);
    for (int i = 0; i < 1000; i++) {
        double p = (i + 0.5) / 1000;
        assert_true(fabs(erfc(-cn_normal_quantile(p) / sqrt(2)) / 2 - p) < 1e-15);
    }
}

/* A map: the first value rises to the right, the second upwards; symmetric about its middle. */
static void test_grid(void **state)
{
    (void)state;
    float codes[9][2], one[2] = {7, 7};
    float outer = (float)0.9674215661017010;
    cinch_codes_grid(1, one);
    assert_true(one[0] == 0 && one[1] == 0);
    cinch_codes_grid(3, codes[0]);
    for (size_t i = 0; i < 9; i++) {
        float right = i % 3 == 0 ? -outer : i % 3 == 2 ? outer : 0, up = i < 3 ? outer : i < 6 ? 0 : -outer;
        assert_true(fabsf(codes[i][0] - right) < 1e-6f && fabsf(codes[i][1] - up) < 1e-6f);
    }
}

static void test_line(void **state)
{
    (void)state;
    const float from[2] = {0.1f, -7}, to[2] = {0.7f, 1e6f};
    float codes[5][2];
    cinch_codes_line(from, to, 5, 2, codes[0]);
    assert_memory_equal(codes[0], from, sizeof from);
    assert_memory_equal(codes[4], to, sizeof to);
    assert_true(fabsf(codes[1][0] - 0.25f) < 1e-6f && fabsf(codes[2][0] - 0.4f) < 1e-6f);
    assert_true(codes[2][1] == 499996.5f);
    cinch_codes_line(from, to, 1, 2, codes[0]);
    assert_memory_equal(codes[0], from, sizeof from);
}

/* ---- Rows ---------------------------------------------------------------------------------------------- */

static void generate(const cinch_model *model, size_t threads, uint64_t seed, size_t first, size_t nrow,
                     float *rows)
{
    cinch_error error = {0};
    cinch_runner *runner = cinch_runner_new(model, threads, &error);
    if (cinch_runner_generate(runner, seed, first, nrow, rows, &error))
        fail_msg("%s", error.message);
    cinch_runner_free(runner);
}

/* They are what the decoder makes of the codes drawn; in pieces, on 3 threads, alike; by another seed not. */
static void test_rows(void **state)
{
    (void)state;
    enum { MANY = 9000, CUT = 4099 };
    static float rows[MANY][FEATURES], again[MANY][FEATURES], codes[MANY][UNITS];
    cinch_model *model = make_model("dense 5 tanh | variational 3");
    generate(model, 1, 9, 0, MANY, rows[0]);
    generate(model, 3, 9, 0, MANY, again[0]);
    assert_memory_equal(rows, again, sizeof rows);
    memset(again, 0, sizeof again);
    generate(model, 1, 9, 0, CUT, again[0]);
    generate(model, 2, 9, CUT, MANY - CUT, again[CUT]);
    assert_memory_equal(rows, again, sizeof rows);
    generate(model, 1, 10, 0, MANY, again[0]);
    for (size_t r = 0; r < MANY; r++)
        assert_memory_not_equal(rows[r], again[r], sizeof rows[r]);

    cinch_codes_draw(9, 0, MANY, UNITS, codes[0]);
    cinch_data *data = cinch_data_view(CINCH_F32, (cinch_shape){2, {MANY, UNITS}}, codes, NULL);
    cinch_runner *runner = cinch_runner_new(model, 1, NULL);
    assert_int_equal(cinch_runner_decode(runner, data, 0, MANY, again[0], NULL), CINCH_OK);
    assert_memory_equal(rows, again, sizeof rows);
    assert_int_equal(cinch_runner_generate(runner, 9, 0, 0, NULL, NULL), CINCH_OK);
    cinch_runner_free(runner);
    cinch_data_free(data);
    cinch_model_free(model);
}

/* What only acts in training or gives the values another shape may stand behind the layer that draws. */
static void test_models(void **state)
{
    (void)state;
    static const struct {
        const char *encoder;
        bool generates;
    } cases[] = {{"variational 4", true},
                 {"dense 6 relu | variational 4 | dropout 0.1", true},
                 {"variational 4 | reshape 2x2x1 | noise gaussian 0.1", true},
                 {"variational 4 | dense 3", false},
                 {"dense 4", false},
                 {"variational 6 | dropout 0.5 | dense 4 tanh | dropout 0.1", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cinch_model *model = make_model(cases[i].encoder);
        cinch_runner *runner = cinch_runner_new(model, 1, NULL);
        cinch_error error = {0};
        float rows[2 * FEATURES];
        if (cinch_model_generates(model) != cases[i].generates)
            fail_msg("%s: %s", cases[i].encoder, cases[i].generates ? "does not generate" : "generates");
        assert_int_equal(cinch_runner_generate(runner, 1, 0, 2, rows, &error),
                         cases[i].generates ? CINCH_OK : CINCH_USAGE);
        assert_true(cases[i].generates || strstr(error.message, "does not end in a variational layer"));
        cinch_runner_free(runner);
        cinch_model_free(model);
    }
}

/* Each allocation fails in its turn: memory's status, nothing held. */
static void test_memory(void **state)
{
    (void)state;
    float rows[5 * FEATURES];
    cinch_model *model = make_model("variational 3");
    size_t place = 1, blocks = counted_memory.blocks;
    for (cinch_status status = CINCH_MEMORY; status; place++) {
        cinch_error error = {0};
        cinch_runner *runner = cinch_runner_new(model, 1, NULL);
        counted_memory.fail_at = counted_memory.calls + place;
        status = cinch_runner_generate(runner, 1, 0, 5, rows, &error);
        counted_memory.fail_at = 0;
        assert_true(!status || (status == CINCH_MEMORY && error.status == CINCH_MEMORY));
        cinch_runner_free(runner);
        assert_int_equal(counted_memory.blocks, blocks);
    }
    assert_true(place > 4);
    cinch_model_free(model);
}

static int set_up(void **state)
{
    (void)state;
    counted_begin(0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    size_t held = counted_memory.blocks;
    counted_end();
    return held != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_divergence), cmocka_unit_test(test_normal), cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_grid),       cmocka_unit_test(test_line),   cmocka_unit_test(test_rows),
        cmocka_unit_test(test_models),     cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
