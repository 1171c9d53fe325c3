/* Are the columns that `concrete` chose good ones? Against as many of the highest variance and as many at
 * random: each set is given a decoder of its own, trained the same way, and the test rows' mean loss is
 * printed. Uses the public header alone.
 *
 *     cc examples/choices.c $(pkg-config --cflags --libs cinch) -lm
 *     ./a.out run/model.safetensors train.idx.gz test.idx.gz [EPOCHS]
 *
 * Without arguments: on a table that it makes, 4 columns and 16 that follow from them with noise.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cinch.h"

typedef struct comparison {
    const cinch_model *model; /* whose first layer chose */
    const cinch_data *train, *test;
    const char *epochs;
    size_t count, features;
} comparison;

static size_t count_values(cinch_shape shape)
{
    size_t count = 1;
    for (size_t i = 0; i < shape.rank; i++)
        count *= shape.sizes[i];
    return count;
}

/* ---- Starting weights: the choices made, the decoder as the recipe draws it ---------------------------- */

/* A logit so far above the others that a mixture at any temperature is its column, and no gradient is
 * left. */
static const float certain = 1e4f;

/* A plain safetensors file: the header's length in 8 bytes, a JSON header, the values. */
static bool write_start(const char *path, const cinch_model *start, const size_t *columns,
                        const comparison *all)
{
    static char header[65536];
    size_t length = 0, offset = 0;
    FILE *file = fopen(path, "wb");
    if (!file)
        return false;
    for (size_t p = 0; p < cinch_model_nparameter(start); p++) {
        cinch_parameter one = cinch_model_parameter(start, p);
        size_t nbytes = count_values(one.shape) * sizeof(float);
        length += (size_t)snprintf(header + length, sizeof header - length,
                                   "%c\"%s\":{\"dtype\":\"F32\",\"shape\":[", p ? ',' : '{', one.name);
        for (size_t i = 0; i < one.shape.rank; i++)
            length += (size_t)snprintf(header + length, sizeof header - length, i ? ",%zu" : "%zu",
                                       one.shape.sizes[i]);
        length += (size_t)snprintf(header + length, sizeof header - length, "],\"data_offsets\":[%zu,%zu]}",
                                   offset, offset + nbytes);
        offset += nbytes;
    }
    length += (size_t)snprintf(header + length, sizeof header - length, "}");
    for (size_t i = 0; i < 8; i++)
        fputc((int)(length >> 8 * i & 255), file);
    fwrite(header, 1, length, file);
    for (size_t p = 0; p < cinch_model_nparameter(start); p++) {
        cinch_parameter one = cinch_model_parameter(start, p);
        bool logits = strcmp(one.name, "encoder.0.logits") == 0;
        for (size_t i = 0; i < count_values(one.shape); i++) {
            float value =
                logits ? columns[i / all->features] == i % all->features ? certain : 0 : one.values[i];
            fwrite(&value, sizeof value, 1, file);
        }
    }
    bool good = !ferror(file);
    return fclose(file) == 0 && good;
}

/* ---- One set of columns -------------------------------------------------------------------------------- */

/* The model's own recipe with another number of epochs, started from `start` where it is given. */
static cinch_recipe *recipe_of(const comparison *all, const char *start, cinch_error *error)
{
    static const char *const keys[] = {"input", "encoder", "decoder", "loss",  "penalty", "optimizer",
                                       "batch", "shuffle", "seed",    "limit", "scale",   "init"};
    cinch_recipe *recipe = cinch_recipe_new(error);
    for (size_t i = 0; recipe && i < sizeof keys / sizeof *keys; i++)
        cinch_recipe_set(recipe, keys[i], cinch_recipe_get(cinch_model_recipe(all->model), keys[i]), error);
    if (recipe)
        cinch_recipe_set(recipe, "epochs", all->epochs, error);
    if (recipe && start)
        cinch_recipe_set(recipe, "init_from", start, error);
    return recipe;
}

/* Trained from there; with no `start` the weights that the recipe draws. */
static cinch_model *train(const comparison *all, const char *start, cinch_error *error)
{
    cinch_recipe *recipe = recipe_of(all, start, error);
    cinch_trainer *trainer = recipe ? cinch_trainer_new(recipe, all->train, error) : NULL;
    cinch_model *model = NULL;
    if (trainer && (!start || !cinch_trainer_run(trainer, NULL, NULL, error)))
        model = cinch_trainer_model(trainer, error);
    cinch_trainer_free(trainer);
    cinch_recipe_free(recipe);
    return model;
}

static double mean_score(const cinch_model *model, const cinch_data *rows, cinch_error *error)
{
    size_t count = cinch_data_rows(rows);
    double *scores = calloc(count, sizeof *scores), sum = NAN;
    cinch_runner *runner = scores ? cinch_runner_new(model, 0, error) : NULL;
    if (runner && !cinch_runner_score(runner, rows, 0, count, false, scores, error)) {
        sum = 0;
        for (size_t r = 0; r < count; r++)
            sum += scores[r] / (double)count;
    }
    cinch_runner_free(runner);
    free(scores);
    return sum;
}

static bool judge(const comparison *all, const char *name, const size_t *columns, cinch_error *error)
{
    char path[] = "/tmp/cinch-choices-XXXXXX";
    int file = mkstemp(path);
    cinch_model *drawn = train(all, NULL, error), *model = NULL;
    if (file >= 0 && drawn && write_start(path, drawn, columns, all))
        model = train(all, path, error);
    bool kept = model != NULL;
    for (size_t i = 0; kept && i < all->count; i++)
        kept = cinch_model_chosen(model, i) == columns[i];
    if (kept)
        printf("%-8s %.6f\n", name, mean_score(model, all->test, error));
    if (file >= 0) {
        close(file);
        unlink(path);
    }
    cinch_model_free(model);
    cinch_model_free(drawn);
    return kept && !error->status;
}

/* ---- The sets ------------------------------------------------------------------------------------------ */

static void find_variances(const cinch_data *data, double *variances)
{
    size_t rows = cinch_data_rows(data), features = cinch_data_features(data);
    float *row = calloc(features, sizeof *row);
    double *sums = calloc(features, sizeof *sums);
    for (size_t r = 0; row && sums && r < rows; r++) {
        cinch_data_get(data, r, 1, row);
        for (size_t f = 0; f < features; f++) {
            sums[f] += (double)row[f];
            variances[f] += (double)row[f] * (double)row[f];
        }
    }
    for (size_t f = 0; sums && f < features; f++)
        variances[f] = variances[f] / (double)rows - sums[f] * sums[f] / (double)rows / (double)rows;
    free(row);
    free(sums);
}

static void take_largest(double *values, size_t features, size_t *columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t largest = 0;
        for (size_t f = 1; f < features; f++)
            if (values[f] > values[largest])
                largest = f;
        columns[i] = largest;
        values[largest] = -INFINITY;
    }
}

static bool compare(const comparison *all, cinch_error *error)
{
    size_t *columns = calloc(all->count, sizeof *columns);
    double *values = calloc(all->features, sizeof *values);
    bool good = columns && values;
    for (size_t i = 0; good && i < all->count; i++)
        columns[i] = cinch_model_chosen(all->model, i);
    good = good && judge(all, "chosen", columns, error);
    if (good) {
        find_variances(all->train, values);
        take_largest(values, all->features, columns, all->count);
        good = judge(all, "variance", columns, error);
    }
    if (good) {
        srand(1);
        for (size_t f = 0; f < all->features; f++)
            values[f] = rand();
        take_largest(values, all->features, columns, all->count);
        good = judge(all, "random", columns, error);
    }
    free(columns);
    free(values);
    return good;
}

/* ---- A table ------------------------------------------------------------------------------------------- */

enum { ROWS = 1000, COLUMNS = 20, CAUSES = 4 };

/* Near enough to normal: the sum of twelve even ones. */
static double noise(void)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += rand() / (RAND_MAX + 1.0);
    return sum;
}

static cinch_data *make_table(cinch_error *error)
{
    static float rows[ROWS][COLUMNS];
    srand(2);
    for (size_t r = 0; r < ROWS; r++) {
        double causes[CAUSES];
        for (size_t c = 0; c < CAUSES; c++)
            causes[c] = noise();
        for (size_t f = 0; f < COLUMNS; f++) {
            double mixed = 0.8 * causes[f % CAUSES] + 0.6 * ((double)(f % 3) - 1) * causes[(f + 1) % CAUSES];
            rows[r][f] = (float)(f % 5 == 2 ? causes[f / 5] : mixed + 0.6 * noise());
        }
    }
    return cinch_data_new(CINCH_F32, (cinch_shape){2, {ROWS, COLUMNS}}, rows, error);
}

static cinch_model *choose_of_table(const cinch_data *table, cinch_error *error)
{
    cinch_recipe *recipe = cinch_recipe_new(error);
    if (recipe) {
        cinch_recipe_set(recipe, "encoder", "concrete 4", error);
        cinch_recipe_set(recipe, "optimizer", "adam lr=0.01", error);
        cinch_recipe_set(recipe, "epochs", "60", error);
    }
    cinch_trainer *trainer = recipe ? cinch_trainer_new(recipe, table, error) : NULL;
    cinch_model *model = NULL;
    if (trainer && !cinch_trainer_run(trainer, NULL, NULL, error))
        model = cinch_trainer_model(trainer, error);
    for (size_t i = 0; model && i < cinch_model_nchosen(model); i++)
        printf("column %zu\n", cinch_model_chosen(model, i));
    cinch_trainer_free(trainer);
    cinch_recipe_free(recipe);
    return model;
}

int main(int count, char **words)
{
    cinch_error error = {0};
    bool given = count > 3;
    cinch_data *train_rows = given ? cinch_data_load(words[2], NULL, &error) : make_table(&error);
    cinch_data *test_rows = given ? cinch_data_load(words[3], NULL, &error) : NULL;
    cinch_model *model = NULL;
    if (train_rows)
        model = given ? cinch_model_load(words[1], &error) : choose_of_table(train_rows, &error);
    bool good = false;
    if (model && cinch_model_nchosen(model) && (test_rows || !given)) {
        comparison all = {.model = model,
                          .train = train_rows,
                          .test = given ? test_rows : train_rows,
                          .epochs = count > 4 ? words[4] : "20",
                          .count = cinch_model_nchosen(model),
                          .features = cinch_data_features(train_rows)};
        good = compare(&all, &error);
    }
    if (!good)
        fprintf(stderr, "%s\n", error.status ? error.message : "the model chooses no columns");
    cinch_model_free(model);
    cinch_data_free(train_rows);
    cinch_data_free(test_rows);
    return good ? 0 : 1;
}
