/* What holds for everything that is registered, whatever it is: its example parses and prints back, a
 * wrong option is refused by name, help shows it; every layer at inference is its lowered self and
 * survives its file; every optimizer goes on from a checkpoint to the same bits. */
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
#include "model/decoder.h"
#include "model/initializer.h"
#include "report/figure.h"
#include "train/trainer.h"

enum { ROWS = 203, FEATURES = 24 };

struct table {
    const char *kind, *topic;
    const void *parts;
};

static const struct table tables[] = {
    {"layer", "layers", cn_layers},
    {"decoder", "decoders", cn_decoders},
    {"initializer", "initializers", cn_initializers},
    {"loss", "losses", cn_losses},
    {"penalty", "penalties", cn_penalties},
    {"optimizer", "optimizers", cn_optimizers},
    {"figure", "figures", cn_figures},
};
enum { NTABLE = sizeof tables / sizeof *tables };

static const cn_part *const *parts_of(const struct table *table)
{
    return table->parts;
}

/* ---- The notation -------------------------------------------------------------------------------------- */

static void test_examples(void **state)
{
    (void)state;
    for (size_t t = 0; t < NTABLE; t++)
        for (const cn_part *const *part = parts_of(&tables[t]); *part; part++) {
            cn_spec spec;
            cinch_error error = {0};
            assert_non_null((*part)->example);
            assert_non_null((*part)->summary);
            if (cn_spec_parse((*part)->example, tables[t].kind, parts_of(&tables[t]), &spec, &error))
                fail_msg("%s: %s", (*part)->example, error.message);
            assert_ptr_equal(spec.part, *part);
            cn_text text = {0}, again = {0};
            cn_spec_print(&spec, &text);
            cn_spec_clear(&spec);
            assert_int_equal(cn_spec_parse(text.chars, tables[t].kind, parts_of(&tables[t]), &spec, &error),
                             0);
            cn_spec_print(&spec, &again);
            assert_string_equal(text.chars, again.chars);
            cn_spec_clear(&spec);
            cn_text_clear(&text);
            cn_text_clear(&again);
        }
}

static void test_wrong_options(void **state)
{
    (void)state;
    for (size_t t = 0; t < NTABLE; t++)
        for (const cn_part *const *part = parts_of(&tables[t]); *part; part++) {
            cn_spec spec;
            cinch_error error = {0};
            char wrong[256];
            snprintf(wrong, sizeof wrong, "%s zzz=1", (*part)->example);
            assert_int_equal(cn_spec_parse(wrong, tables[t].kind, parts_of(&tables[t]), &spec, &error),
                             CINCH_USAGE);
            assert_non_null(strstr(error.message, "zzz"));
            assert_non_null(strstr(error.message, (*part)->name));
        }
}

static void test_help(void **state)
{
    (void)state;
    for (size_t t = 0; t < NTABLE; t++) {
        cinch_error error = {0};
        char *help = cinch_help_text(tables[t].topic, &error);
        assert_non_null(help);
        for (const cn_part *const *part = parts_of(&tables[t]); *part; part++) {
            assert_non_null(strstr(help, (*part)->name));
            assert_non_null(strstr(help, (*part)->summary));
            for (const cn_option *option = (*part)->options; option && option->name; option++)
                assert_non_null(strstr(help, option->summary));
        }
        cinch_text_free(help);
    }
}

/* ---- Nets ---------------------------------------------------------------------------------------------- */

static void set(cinch_recipe *recipe, const char *key, const char *value)
{
    cinch_error error = {0};
    if (cinch_recipe_set(recipe, key, value, &error))
        fail_msg("%s = %s: %s", key, value, error.message);
}

static cinch_data *new_rows(void)
{
    static float rows[ROWS][FEATURES];
    for (size_t r = 0; r < ROWS; r++) {
        cn_random random = cn_random_at(1, CN_DRAW_DATA, 0, 0, r);
        for (size_t f = 0; f < FEATURES; f++)
            rows[r][f] = (float)cn_random_uniform(&random, (uint32_t)f);
    }
    cinch_data *data = cinch_data_new(CINCH_F32, (cinch_shape){4, {ROWS, 4, 3, 2}}, rows, NULL);
    assert_non_null(data);
    return data;
}

/* Whether the spec's layer can only be the first. */
static bool goes_first(const char *spec)
{
    for (const cn_layer *const *layer = cn_layers; *layer; layer++)
        if ((*layer)->first && !strncmp((*layer)->part.name, spec, strlen((*layer)->part.name)))
            return true;
    return false;
}

static cinch_recipe *new_recipe(const char *layer, const char *optimizer, const char *epochs)
{
    cinch_recipe *recipe = cinch_recipe_new(NULL);
    assert_non_null(recipe);
    char encoder[256];
    snprintf(encoder, sizeof encoder, "%s%s | dense 3", goes_first(layer) ? "" : "conv 2 2x2 tanh | ", layer);
    set(recipe, "encoder", encoder);
    set(recipe, "decoder", "dense 6 silu | dense 24 sigmoid");
    set(recipe, "optimizer", optimizer);
    set(recipe, "epochs", epochs);
    set(recipe, "batch", "37");
    set(recipe, "scale", "none");
    set(recipe, "threads", "2");
    return recipe;
}

/* Takes the recipe over. */
static cinch_trainer *trainer_of(cinch_recipe *recipe, const char *what, const cinch_data *data)
{
    cinch_error error = {0};
    cinch_trainer *trainer = cinch_trainer_new(recipe, data, &error);
    if (!trainer)
        fail_msg("%s: %s", what, error.message);
    cinch_recipe_free(recipe);
    return trainer;
}

static cinch_trainer *new_trainer(const char *layer, const char *optimizer, const char *epochs,
                                  const cinch_data *data)
{
    return trainer_of(new_recipe(layer, optimizer, epochs), layer, data);
}

static cinch_model *trained(const char *layer, const char *optimizer, const cinch_data *data)
{
    cinch_trainer *trainer = new_trainer(layer, optimizer, "3", data);
    assert_int_equal(cinch_trainer_run(trainer, NULL, NULL, NULL), CINCH_OK);
    cinch_model *model = cinch_trainer_model(trainer, NULL);
    assert_non_null(model);
    cinch_trainer_free(trainer);
    return model;
}

static void reconstruct(const cinch_model *model, const cinch_data *data, float rows[ROWS][FEATURES])
{
    cinch_runner *runner = cinch_runner_new(model, 2, NULL);
    assert_non_null(runner);
    assert_int_equal(cinch_runner_reconstruct(runner, data, 0, ROWS, rows[0], NULL), CINCH_OK);
    cinch_runner_free(runner);
}

/* The lowered program's rows against the layers' own forward passes: by their losses, which score takes
 * from the layers. */
static void check_lowered(const char *layer, const cinch_model *model, const cinch_data *data,
                          float rows[ROWS][FEATURES])
{
    for (size_t i = 0; i < model->nnode; i++)
        if (model->nodes[i].layer->drawn)
            return; /* the layers draw, the program takes the mean */
    double scores[ROWS];
    float clean[ROWS][FEATURES];
    cinch_runner *runner = cinch_runner_new(model, 1, NULL);
    assert_non_null(runner);
    assert_int_equal(cinch_runner_score(runner, data, 0, ROWS, false, scores, NULL), CINCH_OK);
    cinch_data_get(data, 0, ROWS, clean[0]);
    for (size_t r = 0; r < ROWS; r++) {
        double sum = 0;
        for (size_t f = 0; f < FEATURES; f++)
            sum += pow((double)rows[r][f] - (double)clean[r][f], 2);
        if (fabs(sum / FEATURES - scores[r]) > 1e-5 * scores[r] + 1e-9)
            fail_msg("%s: row %zu: lowered %g, layers %g", layer, r, sum / FEATURES, scores[r]);
    }
    cinch_runner_free(runner);
}

static char *temporary(void)
{
    static char path[] = "/tmp/cinch-test-XXXXXX";
    strcpy(path + sizeof path - 7, "XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return path;
}

/* The model lowered is itself, and it survives its file. Takes it over. */
static void check_model(const char *name, cinch_model *model, const cinch_data *data)
{
    float before[ROWS][FEATURES], after[ROWS][FEATURES];
    reconstruct(model, data, before);
    check_lowered(name, model, data, before);
    char *path = temporary();
    cinch_error error = {0};
    assert_int_equal(cinch_model_save(model, path, &error), CINCH_OK);
    cinch_model_free(model);
    model = cinch_model_load(path, &error);
    if (!model)
        fail_msg("%s: %s", name, error.message);
    reconstruct(model, data, after);
    assert_memory_equal(before, after, sizeof before);
    cinch_model_free(model);
    unlink(path);
}

static void test_layers(void **state)
{
    (void)state;
    cinch_data *data = new_rows();
    for (const cn_layer *const *layer = cn_layers; *layer; layer++)
        check_model((*layer)->part.name, trained((*layer)->part.example, "adam", data), data);
    cinch_data_free(data);
}

static void test_decoders(void **state)
{
    (void)state;
    cinch_data *data = new_rows();
    for (const cn_decoder *const *decoder = cn_decoders; *decoder; decoder++) {
        const char *name = (*decoder)->part.name;
        cinch_recipe *recipe = new_recipe("dropout 0.1", "adam", "3");
        set(recipe, "encoder", "dense 6 tanh | dropout 0.1 | dense 3");
        set(recipe, "decoder", (*decoder)->part.example);
        cinch_trainer *trainer = trainer_of(recipe, name, data);
        assert_int_equal(cinch_trainer_run(trainer, NULL, NULL, NULL), CINCH_OK);
        cinch_model *model = cinch_trainer_model(trainer, NULL);
        assert_non_null(model);
        cinch_trainer_free(trainer);
        check_model(name, model, data);
    }
    cinch_data_free(data);
}

/* Every penalty raises the loss above the reconstruction's, given twice by twice as much; the validation's
 * loss, of rows like the others, is like the others'. */
static void test_penalties(void **state)
{
    (void)state;
    cinch_data *data = new_rows();
    for (const cn_penalty *const *penalty = cn_penalties; *penalty; penalty++) {
        double more[2];
        for (size_t twice = 0; twice < 2; twice++) {
            char spec[256], both[520];
            snprintf(spec, sizeof spec, "%s", (*penalty)->part.example);
            snprintf(both, sizeof both, "%s | %s", spec, spec);
            cinch_recipe *recipe = new_recipe("dense 4", "sgd lr=1e-9", "1");
            bool drawn = *penalty == &cn_penalty_kl;
            set(recipe, "encoder", drawn ? "dense 5 tanh | variational 3" : "dense 5 tanh | dense 3 sigmoid");
            set(recipe, "validation", "0.4");
            set(recipe, "penalty", twice ? both : spec);
            cinch_trainer *trainer = trainer_of(recipe, spec, data);
            assert_int_equal(cinch_trainer_run(trainer, NULL, NULL, NULL), CINCH_OK);
            cinch_epoch epoch = cinch_trainer_epoch(trainer, 0);
            more[twice] = epoch.train_loss - epoch.train_reconstruction;
            assert_true(more[twice] > 0);
            assert_true(fabs(epoch.validation_loss - epoch.train_loss) < 0.2 * epoch.train_loss);
            cinch_trainer_free(trainer);
        }
        if (fabs(more[1] - 2 * more[0]) > 1e-5 * more[1])
            fail_msg("%s: once %g, twice %g", (*penalty)->part.name, more[0], more[1]);
    }
    cinch_data_free(data);
}

/* ---- Checkpoints --------------------------------------------------------------------------------------- */

static bool stop_after_first(const cinch_progress *progress, void *user)
{
    (void)user;
    return !progress->ended;
}

static void same_parameters(const char *what, const cinch_model *a, const cinch_model *b)
{
    for (size_t p = 0; p < cinch_model_nparameter(a); p++) {
        cinch_parameter left = cinch_model_parameter(a, p), right = cinch_model_parameter(b, p);
        size_t count = cn_shape_size(left.shape);
        if (memcmp(left.values, right.values, count * sizeof(float)))
            fail_msg("%s: %s differs after a checkpoint", what, left.name);
    }
}

static void test_optimizers(void **state)
{
    (void)state;
    cinch_data *data = new_rows();
    for (const cn_optimizer *const *optimizer = cn_optimizers; *optimizer; optimizer++) {
        const char *spec = (*optimizer)->part.example;
        cinch_error error = {0};
        cinch_model *whole = trained("dense 4 tanh", spec, data);
        cinch_trainer *trainer = new_trainer("dense 4 tanh", spec, "3", data);
        assert_int_equal(cinch_trainer_run(trainer, stop_after_first, NULL, NULL), CINCH_STOPPED);
        char *path = temporary();
        assert_int_equal(cinch_trainer_save(trainer, path, &error), CINCH_OK);
        cinch_trainer_free(trainer);
        trainer = new_trainer("dense 4 tanh", spec, "3", data);
        if (cinch_trainer_restore(trainer, path, &error))
            fail_msg("%s: %s", spec, error.message);
        assert_int_equal(cinch_trainer_nepoch(trainer), 1);
        assert_int_equal(cinch_trainer_run(trainer, NULL, NULL, NULL), CINCH_OK);
        cinch_model *parts = cinch_trainer_model(trainer, NULL);
        same_parameters(spec, whole, parts);
        assert_true(cinch_trainer_epoch(trainer, 2).train_loss < cinch_trainer_epoch(trainer, 0).train_loss);
        cinch_model_free(parts);
        cinch_model_free(whole);
        cinch_trainer_free(trainer);
        unlink(path);
    }
    cinch_data_free(data);
}

/* ---- Initializers -------------------------------------------------------------------------------------- */

/* The drawn weights have the deviation that the width says: width for normal, width/sqrt(3) for uniform. */
static void test_initializers(void **state)
{
    (void)state;
    for (const cn_initializer *const *initializer = cn_initializers; *initializer; initializer++) {
        cinch_recipe *recipe = cinch_recipe_new(NULL);
        cn_spec spec;
        set(recipe, "encoder", "dense 300");
        set(recipe, "init", (*initializer)->part.example);
        cinch_model *model = cn_model_new(recipe, cn_shape_flat(200), SIZE_MAX, NULL);
        assert_int_equal(cn_model_init(model, "", NULL), CINCH_OK);
        assert_int_equal(cn_spec_parse((*initializer)->part.example, "initializer",
                                       (const cn_part *const *)cn_initializers, &spec, NULL),
                         CINCH_OK);
        double width = (*initializer)->width(&spec, 200, 300), sum = 0, squares = 0, largest = 0;
        const cn_parameter *weight = &model->parameters[0];
        for (size_t i = 0; i < weight->count; i++) {
            double w = weight->values[i];
            sum += w;
            squares += w * w;
            largest = fmax(largest, fabs(w));
        }
        double n = (double)weight->count, deviation = sqrt(squares / n);
        double wanted = (*initializer)->normal ? width : width / sqrt(3);
        assert_true(fabs(deviation / wanted - 1) < 0.02);
        assert_true(fabs(sum / n) < 4 * wanted / sqrt(n));
        assert_true((*initializer)->normal ? largest > 3.5 * width : largest <= width * 1.000001);
        cn_spec_clear(&spec);
        cinch_model_free(model);
        cinch_recipe_free(recipe);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),   cmocka_unit_test(test_wrong_options),
        cmocka_unit_test(test_help),       cmocka_unit_test(test_layers),
        cmocka_unit_test(test_decoders),   cmocka_unit_test(test_penalties),
        cmocka_unit_test(test_optimizers), cmocka_unit_test(test_initializers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
