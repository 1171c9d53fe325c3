/* The trainer as a program that links the library meets it: refused restores, runs that go on, results
 * that belong together, and a host that has its own jansson values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "cinch.h"

enum { ROWS = 120, FEATURES = 5 };

static char folder[] = "/tmp/cinch-trainer-XXXXXX", checkpoint[64], run_folder[64], rows_path[64];

static cinch_recipe *new_recipe(const char *const settings[][2], size_t count)
{
    cinch_error error = {0};
    cinch_recipe *recipe = cinch_recipe_new(&error);
    assert_non_null(recipe);
    cinch_recipe_set(recipe, "encoder", "dense 3 tanh", &error);
    cinch_recipe_set(recipe, "batch", "16", &error);
    for (size_t i = 0; i < count; i++)
        if (cinch_recipe_set(recipe, settings[i][0], settings[i][1], &error))
            fail_msg("%s", error.message);
    return recipe;
}

static void fill(unsigned char *rows, size_t count)
{
    for (size_t i = 0; i < count * FEATURES; i++)
        rows[i] = (unsigned char)(i * i % 251);
}

static cinch_data *new_rows(size_t count)
{
    unsigned char rows[ROWS * FEATURES];
    fill(rows, count);
    cinch_data *data = cinch_data_new(CINCH_U8, (cinch_shape){2, {count, FEATURES}}, rows, NULL);
    assert_non_null(data);
    return data;
}

static cinch_trainer *new_trainer(const char *epochs, const cinch_data *data)
{
    cinch_recipe *recipe = new_recipe((const char *const[][2]){{"epochs", epochs}}, 1);
    cinch_trainer *trainer = cinch_trainer_new(recipe, data, NULL);
    assert_non_null(trainer);
    cinch_recipe_free(recipe);
    return trainer;
}

static void test_refused_restores(void **state)
{
    (void)state;
    cinch_error error = {0};
    cinch_data *data = new_rows(ROWS), *fewer = new_rows(ROWS - 20);
    cinch_trainer *trainer = new_trainer("5", data);
    assert_int_equal(cinch_trainer_run(trainer, NULL, NULL, NULL), CINCH_OK);
    assert_int_equal(cinch_trainer_save(trainer, checkpoint, NULL), CINCH_OK);
    cinch_trainer_free(trainer);

    trainer = new_trainer("2", data);
    assert_int_equal(cinch_trainer_restore(trainer, checkpoint, &error), CINCH_USAGE);
    assert_non_null(strstr(error.message, "5 epochs"));
    assert_int_equal(cinch_trainer_nepoch(trainer), 0);
    cinch_trainer_free(trainer);

    error = (cinch_error){0};
    trainer = new_trainer("8", fewer);
    assert_int_equal(cinch_trainer_restore(trainer, checkpoint, &error), CINCH_BAD_INPUT);
    assert_non_null(strstr(error.message, "rows"));
    assert_int_equal(cinch_trainer_nepoch(trainer), 0);
    cinch_trainer_free(trainer);
    cinch_data_free(data);
    cinch_data_free(fewer);
}

/* Stopped again and again, by the callback alone, it comes to the weights of the run that nobody stopped. */
static bool stop_each_epoch(const cinch_progress *progress, void *user)
{
    (void)user;
    return !progress->ended;
}

static void test_going_on(void **state)
{
    (void)state;
    cinch_data *data = new_rows(ROWS);
    cinch_trainer *whole = new_trainer("4", data), *parts = new_trainer("4", data);
    assert_int_equal(cinch_trainer_run(whole, NULL, NULL, NULL), CINCH_OK);
    size_t stops = 0;
    while (cinch_trainer_run(parts, stop_each_epoch, NULL, NULL) == CINCH_STOPPED)
        stops++;
    assert_int_equal(stops, 3);
    assert_int_equal(cinch_trainer_nepoch(parts), 4);
    for (size_t e = 0; e < 4; e++)
        assert_true(cinch_trainer_epoch(whole, e).train_loss == cinch_trainer_epoch(parts, e).train_loss);
    cinch_trainer_free(whole);
    cinch_trainer_free(parts);
    cinch_data_free(data);
}

/* With keep = last the result's validation loss is the last epoch's, whichever was best. */
static void test_results(void **state)
{
    (void)state;
    cinch_error error = {0};
    cinch_result result;
    cinch_data *data = new_rows(ROWS);
    assert_int_equal(cinch_data_save(data, rows_path, false, &error), CINCH_OK);
    cinch_recipe *recipe = new_recipe((const char *const[][2]){{"train", rows_path},
                                                               {"validation", "0.2"},
                                                               {"keep", "last"},
                                                               {"epochs", "12"},
                                                               {"optimizer", "sgd lr=0.5 momentum=0.9"}},
                                      5);
    if (cinch_run(recipe, run_folder, NULL, &result, &error))
        fail_msg("%s", error.message);
    char path[96], line[256], last[256] = "";
    snprintf(path, sizeof path, "%s/history.csv", run_folder);
    FILE *history = fopen(path, "r");
    assert_non_null(history);
    while (fgets(line, sizeof line, history))
        strcpy(last, line);
    fclose(history);
    double loss, reconstruction, validation;
    assert_int_equal(sscanf(last, "11,%lf,%lf,%lf", &loss, &reconstruction, &validation), 3);
    assert_int_equal(result.best_epoch, 11);
    assert_true(result.validation_loss == validation && result.train_loss == loss);
    assert_int_equal(cinch_run(NULL, run_folder, NULL, &result, NULL), CINCH_USAGE);
    cinch_recipe_free(recipe);
    cinch_data_free(data);
}

/* A status returned is the status recorded. */
static void test_statuses(void **state)
{
    (void)state;
    cinch_error error = {0};
    cinch_data *data = new_rows(ROWS);
    cinch_trainer *trainer = new_trainer("1", data);
    assert_int_equal(cinch_trainer_run(trainer, NULL, NULL, NULL), CINCH_OK);
    cinch_model *model = cinch_trainer_model(trainer, NULL);
    cinch_runner *runner = cinch_runner_new(model, 0, NULL);
    float codes[ROWS * 3];
    assert_int_equal(cinch_runner_encode(runner, data, 100, 40, codes, &error), CINCH_USAGE);
    assert_int_equal(error.status, CINCH_USAGE);
    cinch_runner_free(runner);
    cinch_model_free(model);
    cinch_trainer_free(trainer);
    cinch_data_free(data);
}

/* jansson has one allocator for a process: a host's values outlive our parsing. */
static void test_host_with_jansson(void **state)
{
    (void)state;
    cinch_data *data = new_rows(ROWS);
    cinch_trainer *trainer = new_trainer("1", data);
    assert_int_equal(cinch_trainer_run(trainer, NULL, NULL, NULL), CINCH_OK);
    cinch_model *model = cinch_trainer_model(trainer, NULL);
    assert_int_equal(cinch_model_save(model, checkpoint, NULL), CINCH_OK);
    cinch_model_free(model);
    json_t *mine = json_pack("{s:[i,i]}", "numbers", 1, 2);
    model = cinch_model_load(checkpoint, NULL);
    assert_non_null(model);
    json_t *more = json_pack("{s:i}", "later", 3);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(mine, "numbers"), 1)), 2);
    json_decref(mine);
    cinch_model_free(model);
    json_decref(more);
    cinch_trainer_free(trainer);
    cinch_data_free(data);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return 1;
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint.safetensors", folder);
    snprintf(run_folder, sizeof run_folder, "%s/run", folder);
    snprintf(rows_path, sizeof rows_path, "%s/rows.npy", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[80];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_restores),  cmocka_unit_test(test_going_on),
        cmocka_unit_test(test_results),           cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_host_with_jansson),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
