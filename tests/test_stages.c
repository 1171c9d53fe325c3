/* Greedy pretraining through the library: the run is, to the bit, its stages trained one by one on the
 * codes of the one before and the whole started from what they learned; and its progress says whose it is. */
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
#include "format/safetensors.h"

enum { ROWS = 203, FEATURES = 12, HIDDEN = 7, CODE = 3 };

static char folder[] = "/tmp/cinch-stages-XXXXXX";

static const char *path_of(const char *name)
{
    static char paths[4][200];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static cinch_recipe *new_recipe(const char *encoder, const char *decoder)
{
    static const char *const settings[][2] = {{"epochs", "3"},       {"batch", "16"},  {"seed", "5"},
                                              {"validation", "0.1"}, {"limit", "190"}, {"init", "normal 0.3"},
                                              {"threads", "2"}};
    cinch_error error = {0};
    cinch_recipe *recipe = cinch_recipe_new(&error);
    cinch_recipe_set(recipe, "encoder", encoder, &error);
    cinch_recipe_set(recipe, "decoder", decoder, &error);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        cinch_recipe_set(recipe, settings[i][0], settings[i][1], &error);
    if (error.status)
        fail_msg("%s", error.message);
    return recipe;
}

static cinch_data *make_rows(void)
{
    static float rows[ROWS][FEATURES];
    for (size_t r = 0; r < ROWS; r++)
        for (size_t f = 0; f < FEATURES; f++)
            rows[r][f] = (float)((r * (f + 3) * 7919 + f * f * 31) % 101) / 50 + (float)(r % 9);
    cinch_data *data = cinch_data_new(CINCH_F32, (cinch_shape){2, {ROWS, FEATURES}}, rows, NULL);
    assert_non_null(data);
    assert_int_equal(cinch_data_save(data, path_of("rows.npy"), false, NULL), CINCH_OK);
    return data;
}

static cinch_model *train(cinch_recipe *recipe, const cinch_data *data)
{
    cinch_error error = {0};
    cinch_trainer *trainer = cinch_trainer_new(recipe, data, &error);
    if (!trainer || cinch_trainer_run(trainer, NULL, NULL, &error))
        fail_msg("%s", error.message);
    cinch_model *model = cinch_trainer_model(trainer, &error);
    assert_non_null(model);
    cinch_trainer_free(trainer);
    cinch_recipe_free(recipe);
    return model;
}

static cn_tensor tensor_of(const cinch_model *model, const char *from, const char *to)
{
    for (size_t p = 0; p < cinch_model_nparameter(model); p++) {
        cinch_parameter parameter = cinch_model_parameter(model, p);
        if (!strcmp(parameter.name, from))
            return (cn_tensor){.name = (char *)to,
                               .type = CINCH_F32,
                               .shape = parameter.shape,
                               .values = (void *)parameter.values};
    }
    fail_msg("no %s", from);
    return (cn_tensor){0};
}

struct seen {
    size_t epochs[3]; /* of encoder.0, encoder.1, the whole */
    size_t turns;     /* how often the stage changed */
    size_t last;
};

static bool watch(const cinch_progress *progress, void *user)
{
    struct seen *seen = user;
    size_t place = !progress->stage ? 2 : !strcmp(progress->stage, "encoder.0") ? 0 : 1;
    if (place == 1)
        assert_string_equal(progress->stage, "encoder.1");
    assert_true(place >= seen->last);
    seen->last = place;
    seen->epochs[place] += progress->ended != NULL;
    return true;
}

static cinch_model *run(cinch_recipe *recipe, const char *name, const char *key, const char *value,
                        struct seen *seen)
{
    cinch_error error = {0};
    cinch_run_options options = {.callback = seen ? watch : NULL, .user = seen};
    cinch_recipe_set(recipe, "train", path_of("rows.npy"), &error);
    cinch_recipe_set(recipe, key, value, &error);
    if (cinch_run(recipe, path_of(name), &options, NULL, &error))
        fail_msg("%s", error.message);
    char file[64];
    snprintf(file, sizeof file, "%s/model.safetensors", name);
    cinch_model *model = cinch_model_load(path_of(file), &error);
    assert_non_null(model);
    cinch_recipe_free(recipe);
    return model;
}

static void test_by_hand(void **state)
{
    (void)state;
    cinch_error error = {0};
    struct seen seen = {0};
    cinch_data *data = make_rows();
    cinch_model *whole =
        run(new_recipe("dense 7 tanh | dense 3 silu", "mirror"), "greedy", "pretrain", "greedy", &seen);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(seen.epochs[i], 3);

    cinch_model *outer = train(new_recipe("dense 7 tanh", "mirror"), data);
    static float codes[ROWS][HIDDEN];
    cinch_runner *runner = cinch_runner_new(outer, 1, NULL);
    assert_int_equal(cinch_runner_encode(runner, data, 0, ROWS, codes[0], NULL), CINCH_OK);
    cinch_runner_free(runner);
    cinch_data *coded = cinch_data_new(CINCH_F32, (cinch_shape){2, {ROWS, HIDDEN}}, codes, NULL);
    cinch_recipe *recipe = new_recipe("dense 3 silu", "mirror tanh");
    cinch_recipe_set(recipe, "scale", "none", &error);
    cinch_model *inner = train(recipe, coded);

    const cn_tensor start[] = {tensor_of(outer, "encoder.0.weight", "encoder.0.weight"),
                               tensor_of(outer, "encoder.0.bias", "encoder.0.bias"),
                               tensor_of(inner, "encoder.0.weight", "encoder.1.weight"),
                               tensor_of(inner, "encoder.0.bias", "encoder.1.bias"),
                               tensor_of(inner, "decoder.0.weight", "decoder.0.weight"),
                               tensor_of(inner, "decoder.0.bias", "decoder.0.bias"),
                               tensor_of(outer, "decoder.0.weight", "decoder.1.weight"),
                               tensor_of(outer, "decoder.0.bias", "decoder.1.bias")};
    assert_int_equal(cn_safetensors_write(path_of("start.safetensors"), NULL, 0, start, 8, &error), CINCH_OK);
    cinch_model *hand = run(new_recipe("dense 7 tanh | dense 3 silu", "mirror"), "hand", "init_from",
                            path_of("start.safetensors"), NULL);

    assert_string_equal(cinch_model_history(whole), cinch_model_history(hand));
    assert_int_equal(cinch_model_nparameter(whole), 8);
    for (size_t p = 0; p < 8; p++) {
        cinch_parameter a = cinch_model_parameter(whole, p), b = cinch_model_parameter(hand, p);
        size_t count = a.shape.sizes[0] * (a.shape.rank > 1 ? a.shape.sizes[1] : 1);
        assert_string_equal(a.name, b.name);
        assert_memory_equal(a.values, b.values, count * sizeof(float));
    }
    cinch_model_free(whole);
    cinch_model_free(outer);
    cinch_model_free(inner);
    cinch_model_free(hand);
    cinch_data_free(coded);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_hand)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
