/* Embed a trained model in a program: its file is an array of bytes, whether linked in or read, and no
 * other file is needed. Trains a small model, then prints its layers and what it makes of a row. Uses the
 * public header alone.
 *
 *     cc examples/embed.c $(pkg-config --cflags --libs cinch) -lm
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cinch.h"

static unsigned char bytes[1 << 20];

/* Three numbers of which the third is the mean of the others: two are enough. */
static void train(const char *path, cinch_error *error)
{
    static float rows[256][3];
    for (int r = 0; r < 256; r++) {
        rows[r][0] = (float)(r % 16);
        rows[r][1] = (float)(r / 16);
        rows[r][2] = (rows[r][0] + rows[r][1]) / 2;
    }
    cinch_recipe *recipe = cinch_recipe_new(error);
    cinch_data *data = cinch_data_view(CINCH_F32, (cinch_shape){2, {256, 3}}, rows, error);
    cinch_trainer *trainer = NULL;
    cinch_model *model = NULL;
    if (recipe && data && !cinch_recipe_set(recipe, "encoder", "dense 2", error) &&
        !cinch_recipe_set(recipe, "optimizer", "adam lr=0.01", error) &&
        !cinch_recipe_set(recipe, "epochs", "60", error))
        trainer = cinch_trainer_new(recipe, data, error);
    if (trainer && !cinch_trainer_run(trainer, NULL, NULL, error))
        model = cinch_trainer_model(trainer, error);
    if (model)
        cinch_model_save(model, path, error);
    cinch_model_free(model);
    cinch_trainer_free(trainer);
    cinch_data_free(data);
    cinch_recipe_free(recipe);
}

static size_t read_bytes(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t nbytes = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file)
        fclose(file);
    return nbytes;
}

static void print_layers(const cinch_model *model)
{
    for (size_t i = 0; i < cinch_model_nlayer(model); i++) {
        cinch_layer layer = cinch_model_layer(model, i);
        printf("%s.%zu  %-20s %zu parameters\n", layer.pipeline, layer.index, layer.spec, layer.nparam);
    }
}

/* How far the answer to a row is from it: little, where the model has learnt. */
static float reconstruct(const cinch_model *model, cinch_error *error)
{
    float row[3] = {3, 9, 6}, answer[3] = {0}, farthest = 0;
    cinch_data *data = cinch_data_view(CINCH_F32, (cinch_shape){2, {1, 3}}, row, error);
    cinch_runner *runner = data ? cinch_runner_new(model, 1, error) : NULL;
    if (runner && !cinch_runner_reconstruct(runner, data, 0, 1, answer, error))
        for (int i = 0; i < 3; i++) {
            printf("%g comes back as %.3f\n", (double)row[i], (double)answer[i]);
            farthest = fmaxf(farthest, fabsf(answer[i] - row[i]));
        }
    cinch_runner_free(runner);
    cinch_data_free(data);
    return farthest;
}

int main(void)
{
    char path[] = "/tmp/cinch-embed-XXXXXX";
    cinch_error error = {0};
    int file = mkstemp(path);
    if (file < 0)
        return CINCH_IO;
    train(path, &error);
    size_t nbytes = read_bytes(path);
    close(file);
    unlink(path);

    /* From here on as in a program that has the bytes and no file. */
    cinch_model *model = error.status ? NULL : cinch_model_parse(bytes, nbytes, &error);
    float farthest = 0;
    if (model) {
        print_layers(model);
        farthest = reconstruct(model, &error);
    }
    cinch_model_free(model);
    if (error.status)
        fprintf(stderr, "%s\n", error.message);
    return error.status ? (int)error.status : farthest > 0.1f;
}
