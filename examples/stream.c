/* Encode a stream row by row: one row's buffer, seen by cinch_data_view, is filled anew for each line of
 * standard input; nothing is allocated between two rows. Uses the public header alone.
 *
 *     cc examples/stream.c $(pkg-config --cflags --libs cinch) -lm
 *     printf '0.5,0.25,0.75,0.25\n' | ./a.out -      (without an argument it makes a stream of its own)
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cinch.h"

enum { ROWS = 512, FEATURES = 4, CODE = 2 };

/* Two numbers, their sum and their difference. */
static void make_row(size_t r, float row[FEATURES])
{
    float a = 0.5f + 0.4f * sinf((float)r), b = 0.25f + 0.2f * cosf(1.7f * (float)r);
    row[0] = a, row[1] = b, row[2] = a + b, row[3] = a - b;
}

static cinch_model *train(cinch_error *error)
{
    static float rows[ROWS][FEATURES];
    for (size_t r = 0; r < ROWS; r++)
        make_row(r, rows[r]);
    cinch_recipe *recipe = cinch_recipe_new(error);
    cinch_data *data = cinch_data_view(CINCH_F32, (cinch_shape){2, {ROWS, FEATURES}}, rows, error);
    cinch_trainer *trainer = NULL;
    if (recipe && data && !cinch_recipe_set(recipe, "encoder", "dense 2", error))
        trainer = cinch_trainer_new(recipe, data, error);
    cinch_model *model = NULL;
    if (trainer && !cinch_trainer_run(trainer, NULL, NULL, error))
        model = cinch_trainer_model(trainer, error);
    cinch_trainer_free(trainer);
    cinch_data_free(data);
    cinch_recipe_free(recipe);
    return model;
}

/* A line of FEATURES numbers with commas between them; false where it is none. */
static bool read_row(const char *line, float row[FEATURES])
{
    for (size_t f = 0; f < FEATURES; f++) {
        char *end;
        row[f] = strtof(line, &end);
        if (end == line || *end != (f + 1 < FEATURES ? ',' : '\n'))
            return false;
        line = end + 1;
    }
    return true;
}

/* Each line's code, until the stream ends, which is then closed; the number of rows. */
static size_t encode(FILE *stream, const cinch_model *model, cinch_error *error)
{
    float row[FEATURES], code[CODE];
    char line[256];
    size_t rows = 0;
    cinch_data *data = cinch_data_view(CINCH_F32, (cinch_shape){2, {1, FEATURES}}, row, error);
    cinch_runner *runner = cinch_runner_new(model, 1, error);
    while (data && runner && !error->status && fgets(line, sizeof line, stream)) {
        if (!read_row(line, row))
            fprintf(stderr, "no row of %d numbers: %s", FEATURES, line);
        else if (!cinch_runner_encode(runner, data, 0, 1, code, error)) {
            printf("%.4f,%.4f\n", (double)code[0], (double)code[1]);
            rows++;
        }
    }
    cinch_runner_free(runner);
    cinch_data_free(data);
    fclose(stream);
    return rows;
}

static FILE *own_stream(void)
{
    FILE *stream = tmpfile();
    float row[FEATURES];
    for (size_t r = 0; stream && r < 8; r++) {
        make_row(r, row);
        fprintf(stream, "%g,%g,%g,%g\n", (double)row[0], (double)row[1], (double)row[2], (double)row[3]);
    }
    if (stream)
        rewind(stream);
    return stream;
}

int main(int argc, char **argv)
{
    cinch_error error = {0};
    bool own = argc < 2 || argv[1][0] != '-';
    cinch_model *model = train(&error);
    FILE *stream = own ? own_stream() : stdin;
    size_t rows = model && stream ? encode(stream, model, &error) : 0;
    cinch_model_free(model);
    if (error.status)
        fprintf(stderr, "%s\n", error.message);
    return error.status ? (int)error.status : own && rows != 8;
}
