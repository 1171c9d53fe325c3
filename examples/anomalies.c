/* Train on rows in memory, watch the epochs, then score rows that the net has never seen: the one that
 * does not fit stands out. Uses the public header alone.
 *
 *     cc examples/anomalies.c $(pkg-config --cflags --libs cinch) -lm
 */
#include <math.h>
#include <stdio.h>

#include "cinch.h"

enum { ROWS = 2000, FEATURES = 4 };

/* Points near a curve in four dimensions: two numbers would be enough to describe them, one nearly so. */
static void fill(float rows[][FEATURES], size_t count)
{
    for (size_t r = 0; r < count; r++) {
        double t = 6.2831853 * (double)r / (double)count;
        double point[FEATURES] = {cos(t), sin(t), cos(t) * sin(t), cos(t) + sin(t)};
        for (size_t f = 0; f < FEATURES; f++)
            rows[r][f] = (float)point[f];
    }
}

static bool watch(const cinch_progress *progress, void *user)
{
    (void)user;
    if (progress->ended && (progress->epoch + 1) % 10 == 0)
        printf("epoch %zu: loss %.6f\n", progress->epoch + 1, progress->loss);
    return true; /* false would stop the training here */
}

static cinch_recipe *recipe(cinch_error *error)
{
    cinch_recipe *recipe = cinch_recipe_new(error);
    if (recipe) {
        cinch_recipe_set(recipe, "encoder", "dense 16 tanh | dense 2", error);
        cinch_recipe_set(recipe, "decoder", "mirror", error);
        cinch_recipe_set(recipe, "optimizer", "adam lr=0.005", error);
        cinch_recipe_set(recipe, "epochs", "30", error);
    }
    return recipe;
}

int main(void)
{
    static float rows[ROWS][FEATURES];
    float strange[2][FEATURES] = {{1, 0, 0, 1}, {1, 1, -1, -2}}; /* on the curve, and far from it */
    cinch_error error = {0};
    double scores[2] = {0, 0};

    fill(rows, ROWS);
    cinch_recipe *settings = recipe(&error);
    cinch_data *train = cinch_data_view(CINCH_F32, (cinch_shape){2, {ROWS, FEATURES}}, rows, &error);
    cinch_data *new_rows = cinch_data_view(CINCH_F32, (cinch_shape){2, {2, FEATURES}}, strange, &error);
    cinch_trainer *trainer = settings && train ? cinch_trainer_new(settings, train, &error) : NULL;
    cinch_model *model = NULL;
    if (trainer && !cinch_trainer_run(trainer, watch, NULL, &error))
        model = cinch_trainer_model(trainer, &error);
    cinch_runner *runner = model ? cinch_runner_new(model, 0, &error) : NULL;
    if (runner && new_rows && !cinch_runner_score(runner, new_rows, 0, 2, false, scores, &error))
        printf("score of a row like the others: %.6f, of a strange one: %.6f\n", scores[0], scores[1]);
    if (error.status)
        fprintf(stderr, "%s\n", error.message);

    cinch_runner_free(runner);
    cinch_model_free(model);
    cinch_trainer_free(trainer);
    cinch_data_free(new_rows);
    cinch_data_free(train);
    cinch_recipe_free(settings);
    return error.status ? (int)error.status : !(scores[1] > 10 * scores[0]);
}
