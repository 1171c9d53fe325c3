/* concrete: its draws and mixtures against the definition, its gradient in the loops of both precisions,
 * the columns that it finds, picks and remembers, and what it refuses. (The gradient of the objective:
 * test_gradients.c.) */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cinch.h"
#include "math/concrete.h"
#include "math/functions.h"

static char folder[] = "/tmp/cinch-concrete-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* ---- The loops ----------------------------------------------------------------------------------------- */

enum { MOST_IN = 200, UNITS = 3, ROWS = 70 };

struct batch {
    float logits[UNITS * MOST_IN], x[ROWS][MOST_IN], y[ROWS][UNITS], dy[ROWS][UNITS];
    double wide_logits[UNITS * MOST_IN], wide_x[ROWS][MOST_IN], wide_y[ROWS][UNITS], wide_dy[ROWS][UNITS];
    float mixtures[ROWS][UNITS * 208];
    double wide_mixtures[ROWS][UNITS * 208];
};

static double draw(size_t purpose, size_t index)
{
    cn_random random = cn_random_at(5, CN_DRAW_DATA, purpose, 0, 0);
    return cn_random_uniform(&random, (uint32_t)index);
}

static void fill(struct batch *b, size_t in)
{
    for (size_t i = 0; i < UNITS * in; i++)
        b->wide_logits[i] = b->logits[i] = (float)(2 * draw(0, i) - 1);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t j = 0; j < MOST_IN; j++) /* what lies beyond `in` must not matter */
            b->wide_x[r][j] = b->x[r][j] = j < in ? (float)draw(1, r * in + j) : NAN;
        for (size_t i = 0; i < UNITS; i++)
            b->wide_dy[r][i] = b->dy[r][i] = (float)(draw(2, r * UNITS + i) - 0.5);
    }
}

static cn_random stream_of(size_t row)
{
    return cn_random_at(3, CN_DRAW_LAYER, 0, 4, 1000 + row);
}

/* The draw's place as math/concrete.h says it, through the generator one block at a time. */
static double gumbel(const cn_random *random, size_t in, size_t unit, size_t j)
{
    uint32_t words[4];
    size_t strip = unit * ((in + 63) / 64) + j / 64, t = j % 64;
    cn_random_block(random, (uint32_t)(strip * 16 + t % 16), words);
    double u = ((words[t / 16] >> 9) + 0.5) * 0x1p-23;
    return -log(-log(u));
}

static void forward(struct batch *b, size_t in, double temperature)
{
    cn_concrete narrow = {in, UNITS, b->logits, temperature}, wide = {in, UNITS, b->wide_logits, temperature};
    for (size_t r = 0; r < ROWS; r++) {
        cn_random random = stream_of(r);
        cn_concrete_rows[0](&narrow, &random, b->x[r], b->mixtures[r], b->y[r]);
        cn_concrete_rows[1](&wide, &random, b->wide_x[r], b->wide_mixtures[r], b->wide_y[r]);
    }
}

static void check_forward(const struct batch *b, size_t in, double temperature)
{
    size_t stride = cn_concrete_stride(in);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < UNITS; i++) {
            cn_random random = stream_of(r);
            double a[MOST_IN], most = -INFINITY, sum = 0, y = 0;
            for (size_t j = 0; j < in; j++)
                most =
                    fmax(most, a[j] = (b->wide_logits[i * in + j] + gumbel(&random, in, i, j)) / temperature);
            for (size_t j = 0; j < in; j++)
                sum += exp(a[j] - most);
            for (size_t j = 0; j < in; j++) {
                double m = exp(a[j] - most) / sum;
                y += m * b->wide_x[r][j];
                assert_true(fabs(b->wide_mixtures[r][i * stride + j] - m) < 1e-12);
                assert_true(fabs((double)b->mixtures[r][i * stride + j] - m) < 1e-5 / fmin(temperature, 1));
            }
            assert_true(fabs(b->wide_y[r][i] - y) < 1e-12);
            assert_true(fabs((double)b->y[r][i] - y) < 1e-5 / fmin(temperature, 1));
        }
}

static void check_gradient(struct batch *b, size_t in, double temperature)
{
    size_t stride = cn_concrete_stride(in), count = (UNITS * in + 15) / 16 * 16;
    cn_concrete narrow = {in, UNITS, b->logits, temperature}, wide = {in, UNITS, b->wide_logits, temperature};
    cn_concrete_batch small = {ROWS, b->x, b->y, b->dy, b->mixtures, MOST_IN, UNITS, UNITS * 208};
    cn_concrete_batch large = {ROWS,    b->wide_x, b->wide_y,  b->wide_dy, b->wide_mixtures,
                               MOST_IN, UNITS,     UNITS * 208};
    float *pieces = cn_new(count, sizeof *pieces, NULL), *once = cn_new(count, sizeof *once, NULL);
    double *exact = cn_new(count, sizeof *exact, NULL);
    for (size_t i = 0; i < count; i++)
        pieces[i] = once[i] = 7;
    for (size_t first = 0; first < count; first += 64)
        cn_concrete_gradients[0](&narrow, &small, first, count - first < 64 ? count - first : 64, false,
                                 pieces + first);
    cn_concrete_gradients[0](&narrow, &small, 0, count, false, once);
    cn_concrete_gradients[1](&wide, &large, 0, count, false, exact);
    assert_memory_equal(pieces, once, count * sizeof *once); /* tiles do not matter */
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        size_t unit = i / in, j = i % in;
        for (size_t r = 0; unit < UNITS && r < ROWS; r++)
            sum += b->wide_dy[r][unit] / temperature * b->wide_mixtures[r][unit * stride + j] *
                   (b->wide_x[r][j] - b->wide_y[r][unit]);
        assert_true(fabs(exact[i] - sum) < 1e-11 / temperature);
        assert_true(fabs((double)once[i] - sum) < 1e-4 / (temperature * fmin(temperature, 1)));
    }
    cn_concrete_gradients[0](&narrow, &small, 0, count, true, once);
    for (size_t i = 0; i < count; i++)
        assert_true(once[i] == 2 * pieces[i]);
    cn_free(pieces);
    cn_free(once);
    cn_free(exact);
}

static void test_loops(void **state)
{
    (void)state;
    static struct batch b;
    static const size_t widths[] = {1, 7, 16, 63, 64, 65, 200};
    static const double temperatures[] = {10, 1, 0.1};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (size_t t = 0; t < sizeof temperatures / sizeof *temperatures; t++) {
            fill(&b, widths[w]);
            forward(&b, widths[w], temperatures[t]);
            check_forward(&b, widths[w], temperatures[t]);
            check_gradient(&b, widths[w], temperatures[t]);
        }
}

/* Gumbel's mean and variance over the draws: Euler's constant, pi^2 / 6. */
static void test_draws(void **state)
{
    (void)state;
    enum { N = 200000 };
    double sum = 0, squares = 0;
    for (size_t i = 0; i < N; i++) {
        cn_random random = stream_of(i / 512);
        double g = gumbel(&random, 512, 0, i % 512);
        sum += g;
        squares += g * g;
    }
    double mean = sum / N;
    assert_true(fabs(mean - 0.57721566) < 0.012);
    assert_true(fabs(squares / N - mean * mean - 1.64493407) < 0.03);
}

/* ---- What it learns ------------------------------------------------------------------------------------ */

enum { TABLE_ROWS = 1000, COLUMNS = 20, CAUSES = 4 };

static double normal(size_t row, size_t index)
{
    cn_random random = cn_random_at(17, CN_DRAW_DATA, 1, 0, row);
    return cn_random_normal(&random, (uint32_t)index);
}

/* Columns 2, 7, 12 and 17 are independent; each of the others is two of them, mixed, and noise. */
static bool is_informative(size_t column)
{
    return column % 5 == 2;
}

static void fill_table(float rows[TABLE_ROWS][COLUMNS])
{
    for (size_t r = 0; r < TABLE_ROWS; r++)
        for (size_t f = 0; f < COLUMNS; f++) {
            size_t a = f % CAUSES, b = (a + 1 + f / CAUSES % (CAUSES - 1)) % CAUSES;
            double sign = (double)(f % 3) - 1;
            rows[r][f] = (float)(is_informative(f) ? normal(r, f / 5)
                                                   : 0.8 * normal(r, a) + 0.6 * sign * normal(r, b) +
                                                         0.6 * normal(r, 8 + f));
        }
}

static cinch_data *make_table(void)
{
    static float rows[TABLE_ROWS][COLUMNS];
    fill_table(rows);
    cinch_data *data = cinch_data_new(CINCH_F32, (cinch_shape){2, {TABLE_ROWS, COLUMNS}}, rows, NULL);
    assert_non_null(data);
    return data;
}

static cinch_recipe *new_recipe(const char *encoder, const char *epochs, const char *seed,
                                const char *threads)
{
    cinch_error error = {0};
    cinch_recipe *recipe = cinch_recipe_new(&error);
    cinch_recipe_set(recipe, "encoder", encoder, &error);
    cinch_recipe_set(recipe, "decoder", "dense 20", &error);
    cinch_recipe_set(recipe, "optimizer", "adam lr=0.01", &error);
    cinch_recipe_set(recipe, "epochs", epochs, &error);
    cinch_recipe_set(recipe, "seed", seed, &error);
    cinch_recipe_set(recipe, "threads", threads, &error);
    if (error.status)
        fail_msg("%s", error.message);
    return recipe;
}

static cinch_model *train(const cinch_data *data, const char *encoder, const char *epochs, const char *seed,
                          const char *threads)
{
    cinch_error error = {0};
    cinch_recipe *recipe = new_recipe(encoder, epochs, seed, threads);
    cinch_trainer *trainer = cinch_trainer_new(recipe, data, &error);
    cinch_model *model = NULL;
    if (trainer && !cinch_trainer_run(trainer, NULL, NULL, &error))
        model = cinch_trainer_model(trainer, &error);
    if (!model)
        fail_msg("%s", error.message);
    cinch_trainer_free(trainer);
    cinch_recipe_free(recipe);
    return model;
}

static void test_informative_columns(void **state)
{
    (void)state;
    cinch_data *data = make_table();
    size_t right = 0;
    for (int seed = 1; seed <= 10; seed++) {
        char text[8];
        snprintf(text, sizeof text, "%d", seed);
        cinch_model *model = train(data, "concrete 4", "100", text, "2");
        bool found[COLUMNS] = {false};
        size_t distinct = 0;
        assert_int_equal(cinch_model_nchosen(model), 4);
        for (size_t i = 0; i < 4; i++)
            found[cinch_model_chosen(model, i)] = true;
        for (size_t j = 0; j < COLUMNS; j++)
            distinct += found[j] && is_informative(j);
        printf("seed %d: %zu of the 4 columns\n", seed, distinct);
        right += distinct == 4;
        cinch_model_free(model);
    }
    cinch_data_free(data);
    assert_true(right >= 9);
}

/* The code is the scaled columns themselves, to the bit. */
static void test_exact_columns(void **state)
{
    (void)state;
    cinch_data *data = make_table();
    cinch_model *model = train(data, "concrete 6", "3", "1", "1");
    static float codes[TABLE_ROWS][6], rows[TABLE_ROWS][COLUMNS];
    cinch_runner *runner = cinch_runner_new(model, 1, NULL);
    assert_int_equal(cinch_runner_encode(runner, data, 0, TABLE_ROWS, codes[0], NULL), CINCH_OK);
    cinch_data_get(data, 0, TABLE_ROWS, rows[0]);
    for (size_t i = 0; i < 6; i++) {
        size_t column = cinch_model_chosen(model, i);
        double mean = 0, square = 0;
        for (size_t r = 0; r < TABLE_ROWS; r++)
            mean += (double)rows[r][column] / TABLE_ROWS;
        for (size_t r = 0; r < TABLE_ROWS; r++)
            square += ((double)rows[r][column] - mean) * ((double)rows[r][column] - mean) / TABLE_ROWS;
        for (size_t r = 0; r < TABLE_ROWS; r++)
            assert_true(fabs((double)codes[r][i] - ((double)rows[r][column] - mean) / sqrt(square)) < 1e-5);
        for (size_t k = 0; k < i; k++) /* equal columns to the last bit, others not */
            assert_int_equal(cinch_model_chosen(model, k) == column, codes[1][k] == codes[1][i]);
    }
    cinch_runner_free(runner);
    cinch_model_free(model);
    cinch_data_free(data);
}

/* Images of two channels, which lie otherwise inside the engine: what is named is the value of the row. */
static void test_image_values(void **state)
{
    (void)state;
    enum { IMAGES = 40, VALUES = 4 * 3 * 2 };
    static unsigned char rows[IMAGES][VALUES];
    static float codes[IMAGES][7];
    for (size_t r = 0; r < IMAGES; r++)
        for (size_t f = 0; f < VALUES; f++)
            rows[r][f] = (unsigned char)(r * (f + 5) * 37 % 251);
    cinch_error error = {0};
    cinch_data *data = cinch_data_new(CINCH_U8, (cinch_shape){4, {IMAGES, 4, 3, 2}}, rows, &error);
    cinch_recipe *recipe = new_recipe("concrete 7", "1", "1", "1");
    cinch_recipe_set(recipe, "decoder", "dense 24", &error);
    cinch_trainer *trainer = cinch_trainer_new(recipe, data, &error);
    if (!trainer || cinch_trainer_run(trainer, NULL, NULL, &error))
        fail_msg("%s", error.message);
    cinch_model *model = cinch_trainer_model(trainer, &error);
    cinch_runner *runner = cinch_runner_new(model, 1, &error);
    assert_int_equal(cinch_runner_encode(runner, data, 0, IMAGES, codes[0], &error), CINCH_OK);
    for (size_t r = 0; r < IMAGES; r++)
        for (size_t i = 0; i < 7; i++)
            assert_true(codes[r][i] == (float)(rows[r][cinch_model_chosen(model, i)] * (1.0 / 255)));
    cinch_runner_free(runner);
    cinch_model_free(model);
    cinch_trainer_free(trainer);
    cinch_recipe_free(recipe);
    cinch_data_free(data);
}

static void test_threads(void **state)
{
    (void)state;
    cinch_data *data = make_table();
    cinch_model *one = train(data, "concrete 4 | dense 3 tanh", "4", "1", "1");
    cinch_model *three = train(data, "concrete 4 | dense 3 tanh", "4", "1", "3");
    for (size_t p = 0; p < cinch_model_nparameter(one); p++) {
        cinch_parameter a = cinch_model_parameter(one, p), b = cinch_model_parameter(three, p);
        size_t count = a.shape.sizes[0] * (a.shape.rank > 1 ? a.shape.sizes[1] : 1);
        assert_memory_equal(a.values, b.values, count * sizeof(float));
    }
    assert_string_equal(cinch_model_history(one), cinch_model_history(three));
    cinch_model_free(one);
    cinch_model_free(three);
    cinch_data_free(data);
}

/* ---- Runs ---------------------------------------------------------------------------------------------- */

static void write_csv(const char *path)
{
    static float rows[TABLE_ROWS][COLUMNS];
    fill_table(rows);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t f = 0; f < COLUMNS; f++)
        fprintf(file, "name %zu%c", f, f + 1 < COLUMNS ? ',' : '\n');
    for (size_t r = 0; r < 100; r++)
        for (size_t f = 0; f < COLUMNS; f++)
            fprintf(file, "%.6g%c", (double)rows[r][f], f + 1 < COLUMNS ? ',' : '\n');
    fclose(file);
}

struct notes {
    size_t duplicates;
    bool stop;
};

static void take_note(const char *line, void *user)
{
    ((struct notes *)user)->duplicates += strstr(line, "another has too") != NULL;
}

static bool watch(const cinch_progress *progress, void *user)
{
    return !((struct notes *)user)->stop || progress->epoch < 3;
}

static cinch_status run(const cinch_recipe *recipe, const char *epochs, struct notes *notes,
                        cinch_error *error)
{
    cinch_run_options options = {
        .resume = !recipe, .epochs = epochs, .callback = watch, .note = take_note, .user = notes};
    return cinch_run(recipe, path_of("run"), &options, NULL, error);
}

static void test_names_and_duplicates(void **state)
{
    (void)state;
    cinch_error error = {0};
    struct notes notes = {0};
    cinch_recipe *recipe = new_recipe("concrete 19", "2", "1", "1");
    write_csv(path_of("table.csv"));
    cinch_recipe_set(recipe, "train", path_of("table.csv"), &error);
    if (run(recipe, NULL, &notes, &error))
        fail_msg("%s", error.message);
    cinch_model *model = cinch_model_load(path_of("run/model.safetensors"), &error);
    assert_non_null(model);
    size_t distinct = 0;
    bool chosen[COLUMNS] = {false};
    for (size_t i = 0; i < cinch_model_nchosen(model); i++) {
        char name[32];
        size_t column = cinch_model_chosen(model, i);
        snprintf(name, sizeof name, "name %zu", column);
        assert_string_equal(cinch_model_column(model, column), name);
        distinct += !chosen[column];
        chosen[column] = true;
    }
    assert_true(distinct < 19);            /* of 19 among 20 after two epochs some are the same, */
    assert_int_equal(notes.duplicates, 1); /* and the run said so */
    for (size_t j = 0; j < COLUMNS; j++)
        assert_int_equal(cinch_model_column(model, j) != NULL, chosen[j]);
    cinch_model_free(model);
    cinch_recipe_free(recipe);
}

static void test_other_epochs(void **state)
{
    (void)state;
    cinch_error error = {0};
    struct notes notes = {.stop = true};
    cinch_recipe *recipe = new_recipe("concrete 3", "8", "1", "1");
    write_csv(path_of("table.csv"));
    cinch_recipe_set(recipe, "train", path_of("table.csv"), &error);
    assert_int_equal(run(recipe, NULL, &notes, &error), CINCH_STOPPED);
    notes.stop = false;
    error = (cinch_error){0};
    assert_int_equal(run(NULL, "9", &notes, &error), CINCH_USAGE);
    assert_non_null(strstr(error.message, "concrete"));
    error = (cinch_error){0};
    assert_int_equal(run(NULL, "8", &notes, &error), CINCH_OK);
    cinch_recipe_free(recipe);

    /* To the same bits. */
    cinch_model *resumed = cinch_model_load(path_of("run/model.safetensors"), &error);
    recipe = new_recipe("concrete 3", "8", "1", "1");
    cinch_recipe_set(recipe, "train", path_of("table.csv"), &error);
    assert_int_equal(run(recipe, NULL, &notes, &error), CINCH_OK);
    cinch_model *whole = cinch_model_load(path_of("run/model.safetensors"), &error);
    assert_string_equal(cinch_model_history(resumed), cinch_model_history(whole));
    assert_memory_equal(cinch_model_parameter(resumed, 0).values, cinch_model_parameter(whole, 0).values,
                        3 * COLUMNS * sizeof(float));
    cinch_model_free(resumed);
    cinch_model_free(whole);
    cinch_recipe_free(recipe);
}

static void test_places(void **state)
{
    (void)state;
    cinch_data *data = make_table();
    static const char *const refused[][2] = {{"dense 5 | concrete 3", "dense 20"},
                                             {"dropout 0.1 | concrete 3", "dense 20"},
                                             {"dense 5", "concrete 20"}};
    for (size_t i = 0; i < 3; i++) {
        cinch_error error = {0};
        cinch_recipe *recipe = new_recipe(refused[i][0], "1", "1", "1");
        cinch_recipe_set(recipe, "decoder", refused[i][1], &error);
        assert_null(cinch_trainer_new(recipe, data, &error));
        assert_int_equal(error.status, CINCH_USAGE);
        assert_non_null(strstr(error.message, "concrete"));
        cinch_recipe_free(recipe);
    }
    cinch_data_free(data);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loops),
        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_informative_columns),
        cmocka_unit_test(test_exact_columns),
        cmocka_unit_test(test_image_values),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_names_and_duplicates),
        cmocka_unit_test(test_other_epochs),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
