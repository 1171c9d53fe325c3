/* Noise: its numbers, what the layer makes of values, and models that show what they do against it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cinch.h"
#include "math/draws.h"

enum { ROWS = 9000, FEATURES = 70 }; /* pieces of 8192 rows, groups of 64 values, and a rest of each */

/* ---- Draws --------------------------------------------------------------------------------------------- */

static void test_words(void **state)
{
    (void)state;
    const uint32_t groups[] = {0, 1, 77, UINT32_MAX / 16};
    for (uint64_t row = 0; row < 3; row++)
        for (size_t g = 0; g < 4; g++) {
            cn_random random = cn_random_at(5, CN_DRAW_LAYER, row, 3, row << 33 | 9);
            uint32_t words[CN_DRAWN], block[4];
            cn_draw_words(&random, groups[g], words);
            for (uint32_t l = 0; l < 16; l++) {
                cn_random_block(&random, 16 * groups[g] + l, block);
                for (uint32_t w = 0; w < 4; w++)
                    assert_int_equal(words[16 * w + l], block[w]);
            }
        }
}

/* Half a million normal numbers: four moments, the shares within whole deviations, and no lean of the two
 * numbers of a pair on each other, nor of their squares. */
static void test_normals(void **state)
{
    (void)state;
    static const double shares[] = {0.682689, 0.954500, 0.997300};
    double moments[4] = {0}, within[3] = {0}, cross = 0, squares = 0, count = 0;
    for (uint64_t row = 0; row < 8192; row++) {
        cn_random random = cn_random_at(1, CN_DRAW_LAYER, 2, 0, row);
        float normals[CN_DRAWN];
        double wider[CN_DRAWN];
        cn_draw_normals_float(&random, 0, normals);
        cn_draw_normals_double(&random, 0, wider);
        for (size_t i = 0; i < CN_DRAWN; i++, count++) {
            double n = (double)normals[i];
            assert_true(isfinite(n) && fabs(n - wider[i]) < 1e-6);
            for (size_t m = 0; m < 4; m++)
                moments[m] += pow(n, (double)(m + 1));
            for (size_t s = 0; s < 3; s++)
                within[s] += fabs(n) < (double)(s + 1);
            if (i % 32 < 16) {
                cross += n * wider[i + 16];
                squares += (n * n - 1) * (wider[i + 16] * wider[i + 16] - 1);
            }
        }
    }
    /* five standard errors of each */
    assert_true(fabs(moments[0] / count) < 5 / sqrt(count));
    assert_true(fabs(moments[1] / count - 1) < 5 * sqrt(2 / count));
    assert_true(fabs(moments[2] / count) < 5 * sqrt(15 / count));
    assert_true(fabs(moments[3] / count - 3) < 5 * sqrt(96 / count));
    for (size_t s = 0; s < 3; s++)
        assert_true(fabs(within[s] / count - shares[s]) < 5 * sqrt(0.25 / count));
    assert_true(fabs(cross) < 5 * sqrt(count / 2));
    assert_true(fabs(squares) < 5 * 2 * sqrt(count / 2));
}

/* ---- Models -------------------------------------------------------------------------------------------- */

static float rows[ROWS * FEATURES];

static cinch_data *make_rows(void)
{
    for (size_t i = 0; i < ROWS * FEATURES; i++)
        rows[i] = 0.25F + 0.5F * (float)(i * i % 251) / 251;
    return cinch_data_view(CINCH_F32, (cinch_shape){2, {ROWS, FEATURES}}, rows, NULL);
}

static cinch_model *train(const cinch_data *data, const char *encoder, const char *loss)
{
    const char *const settings[][2] = {{"encoder", encoder}, {"decoder", "dense 70 sigmoid"},
                                       {"scale", "none"},    {"limit", "500"},
                                       {"epochs", "2"},      {"loss", loss},
                                       {"seed", "4"},        {"threads", "2"}};
    cinch_error error = {0};
    cinch_recipe *recipe = cinch_recipe_new(&error);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        cinch_recipe_set(recipe, settings[i][0], settings[i][1], &error);
    cinch_trainer *trainer = cinch_trainer_new(recipe, data, &error);
    if (!trainer || cinch_trainer_run(trainer, NULL, NULL, &error))
        fail_msg("%s: %s", encoder, error.message);
    cinch_model *model = cinch_trainer_model(trainer, &error);
    assert_non_null(model);
    cinch_trainer_free(trainer);
    cinch_recipe_free(recipe);
    return model;
}

static float noisy[ROWS * FEATURES], made[ROWS * FEATURES], again[ROWS * FEATURES];

static void run_noisy(const cinch_model *model, const cinch_data *data, size_t threads, float *corrupted,
                      float *results)
{
    cinch_error error = {0};
    cinch_runner *runner = cinch_runner_new(model, threads, &error);
    if (cinch_runner_reconstruct_noisy(runner, data, 0, ROWS, corrupted, results, &error))
        fail_msg("%s", error.message);
    cinch_runner_free(runner);
}

/* Shares of the corrupted values that are 0 and 1; mean and mean square of what was added to the others. */
typedef struct damage {
    double zeros, ones, mean, square;
} damage;

static damage measure(const float *corrupted)
{
    damage seen = {0};
    double count = ROWS * FEATURES;
    for (size_t i = 0; i < ROWS * FEATURES; i++) {
        bool zero = corrupted[i] == 0, one = corrupted[i] == 1;
        double added = zero || one ? 0 : (double)corrupted[i] - (double)rows[i];
        seen.zeros += zero / count;
        seen.ones += one / count;
        seen.mean += added / count;
        seen.square += added * added / count;
    }
    return seen;
}

static void assert_near(double value, double wanted, double slack)
{
    if (!(fabs(value - wanted) <= slack))
        fail_msg("%g is not within %g of %g", value, slack, wanted);
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *noise;
        damage wanted;
    } cases[] = {
        {"noise gaussian 0.5", {0, 0, 0, 0.25}},
        {"noise mask 0.3", {0.3, 0, 0, 0}},
        {"noise saltpepper 0.4", {0.2, 0.2, 0, 0}},
        {"noise mask 1", {1, 0, 0, 0}},
        {"noise saltpepper 1", {0.5, 0.5, 0, 0}},
        {"noise gaussian 0", {0, 0, 0, 0}},
        {"noise mask 0", {0, 0, 0, 0}},
    };
    cinch_data *data = make_rows();
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char encoder[64];
        snprintf(encoder, sizeof encoder, "%s | dense 3 tanh", cases[c].noise);
        cinch_model *model = train(data, encoder, "mse");
        run_noisy(model, data, 1, noisy, made);
        damage seen = measure(noisy);
        assert_near(seen.zeros, cases[c].wanted.zeros, 0.004);
        assert_near(seen.ones, cases[c].wanted.ones, 0.004);
        assert_near(seen.mean, cases[c].wanted.mean, 0.004);
        assert_near(seen.square, cases[c].wanted.square, 0.004);
        run_noisy(model, data, 3, NULL, again);
        assert_memory_equal(made, again, sizeof made);
        cinch_model_free(model);
    }
    cinch_data_free(data);
}

/* A clean row's loss under noise is that of its noisy reconstruction, for losses on logits too. */
static void test_scores(void **state)
{
    (void)state;
    static const char *const losses[] = {"mse", "bce"};
    static double scores[ROWS];
    cinch_data *data = make_rows();
    for (size_t l = 0; l < 2; l++) {
        cinch_model *model =
            train(data, "noise mask 0.5 | dense 8 relu | dropout 0.2 | dense 3 tanh", losses[l]);
        cinch_runner *runner = cinch_runner_new(model, 2, NULL);
        assert_int_equal(cinch_runner_score(runner, data, 0, ROWS, true, scores, NULL), CINCH_OK);
        run_noisy(model, data, 2, noisy, made);
        for (size_t r = 0; r < ROWS; r++) {
            double sum = 0;
            for (size_t i = r * FEATURES; i < (r + 1) * FEATURES; i++) {
                double x = (double)rows[i], y = (double)made[i];
                sum += l ? -x * log(y) - (1 - x) * log1p(-y) : (y - x) * (y - x);
            }
            assert_near(scores[r], sum / FEATURES, 1e-5);
        }
        cinch_runner_free(runner);
        cinch_model_free(model);
    }
    cinch_data_free(data);
}

/* Images of several channels lie otherwise inside the engine: rows and reconstructions come out as they went
 * in. */
static void test_images(void **state)
{
    (void)state;
    static double scores[ROWS];
    cinch_data *flat = make_rows();
    cinch_data *data = cinch_data_view(CINCH_F32, (cinch_shape){4, {ROWS, 7, 5, 2}}, rows, NULL);
    cinch_model *model = train(data, "noise mask 0.3 | conv 3 3x3 relu", "mse");
    cinch_runner *runner = cinch_runner_new(model, 2, NULL);
    assert_int_equal(cinch_runner_score(runner, data, 0, ROWS, true, scores, NULL), CINCH_OK);
    run_noisy(model, data, 2, noisy, made);
    for (size_t r = 0; r < ROWS; r++) {
        double sum = 0;
        for (size_t i = r * FEATURES; i < (r + 1) * FEATURES; i++) {
            sum += ((double)made[i] - (double)rows[i]) * ((double)made[i] - (double)rows[i]);
            assert_true(noisy[i] == 0 || noisy[i] == rows[i]);
        }
        assert_near(scores[r], sum / FEATURES, 1e-6);
    }
    cinch_runner_free(runner);
    cinch_model_free(model);
    cinch_data_free(data);
    cinch_data_free(flat);
}

/* Where no noise begins the encoder the rows are not corrupted; without any at all the reconstruction is the
 * usual one; noise is no part of the usual one. */
static void test_without(void **state)
{
    (void)state;
    static const char *const encoders[] = {"dense 8 tanh | noise gaussian 1 | dense 3 tanh", "dense 3 tanh"};
    cinch_data *data = make_rows();
    for (size_t e = 0; e < 2; e++) {
        cinch_model *model = train(data, encoders[e], "mse");
        cinch_runner *runner = cinch_runner_new(model, 2, NULL);
        run_noisy(model, data, 2, noisy, made);
        assert_memory_equal(noisy, rows, sizeof rows);
        assert_int_equal(cinch_runner_reconstruct(runner, data, 0, ROWS, again, NULL), CINCH_OK);
        double difference = 0;
        for (size_t i = 0; i < ROWS * FEATURES; i++) {
            double here = fabs((double)made[i] - (double)again[i]);
            difference = here > difference ? here : difference;
        }
        assert_true(e ? difference < 1e-6 : difference > 1e-3);
        cinch_runner_free(runner);
        cinch_model_free(model);
    }
    cinch_data_free(data);
}

/* Another epoch, another row, another layer: other numbers. */
static void test_keys(void **state)
{
    (void)state;
    cn_random random[3] = {cn_random_at(1, CN_DRAW_LAYER, 0, 0, 0), cn_random_at(1, CN_DRAW_LAYER, 0, 1, 0),
                           cn_random_at(1, CN_DRAW_LAYER, 0, 0, 1)};
    uint32_t words[3][CN_DRAWN];
    for (size_t i = 0; i < 3; i++)
        cn_draw_words(&random[i], 0, words[i]);
    for (size_t i = 0; i < CN_DRAWN; i++)
        assert_true(words[0][i] != words[1][i] && words[0][i] != words[2][i]);

    cinch_data *data = make_rows();
    for (size_t i = 0; i < ROWS * FEATURES; i++)
        rows[i] = 0.5F; /* equal rows, one view of them */
    cinch_model *model = train(data, "noise gaussian 0.5 | noise gaussian 0.5 | dense 3 tanh", "mse");
    run_noisy(model, data, 1, noisy, made);
    assert_memory_not_equal(noisy, noisy + FEATURES, FEATURES * sizeof *noisy);
    assert_near(measure(noisy).square, 0.5, 0.01); /* two layers draw apart: variances add up */
    cinch_model_free(model);
    cinch_data_free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),  cmocka_unit_test(test_normals), cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_scores), cmocka_unit_test(test_without), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
