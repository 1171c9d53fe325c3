/* What the commands that run a model share: opening it and its rows, and writing what comes out. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

/* "folder/name"; the caller frees it. */
static char *join(const char *folder, const char *name, cinch_error *error)
{
    size_t room = strlen(folder) + strlen(name) + 2;
    char *path = malloc(room);
    if (path)
        snprintf(path, room, "%s/%s", folder, name);
    else
        cn_cli_fail(error, CINCH_MEMORY, "out of memory");
    return path;
}

cinch_model *cn_model_open(const char *path, cinch_error *error)
{
    struct stat status;
    if (strcmp(path, "-") == 0 || stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return cinch_model_load(path, error);
    char *inside = join(path, "model.safetensors", error);
    char *checkpoint =
        inside && access(inside, F_OK) != 0 ? join(path, "checkpoint.safetensors", error) : NULL;
    if (checkpoint && access(checkpoint, F_OK) == 0)
        cn_cli_fail(error, CINCH_IO,
                    "%s: its training is not done: `cinch train --resume %s` goes on, or name %s", path, path,
                    checkpoint);
    cinch_model *model = inside ? cinch_model_load(inside, error) : NULL;
    free(checkpoint);
    free(inside);
    return model;
}

/* ---- Rows ---------------------------------------------------------------------------------------------- */

/* CN_DATA_FLAGS' names, which are keys of the recipe too. */
static const char *const data_flag_names[] = {"columns", "label", "array", "missing", NULL};

/* Where the library looks too: CINCH_DATA, $XDG_DATA_HOME/cinch, ~/.local/share/cinch. */
static char *data_folder(cinch_error *error)
{
    const char *named = getenv("CINCH_DATA"), *shared = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (named && named[0])
        return join(named, "", error);
    if (shared && shared[0] == '/')
        return join(shared, "cinch", error);
    return home && home[0] == '/' ? join(home, ".local/share/cinch", error) : NULL;
}

/* The data folder's file of this name; NULL where the name stands for itself. */
static char *in_data_folder(const char *path, cinch_error *error)
{
    bool word = strcmp(path, "-") == 0 || strcmp(path, "donut") == 0;
    if (path[0] == '/' || word || access(path, F_OK) == 0)
        return NULL;
    char *folder = data_folder(error);
    char *found = folder ? join(folder, path, error) : NULL;
    free(folder);
    if (found && access(found, F_OK) != 0) {
        free(found);
        found = NULL;
    }
    return found;
}

static bool any_data_flag(const cn_arguments *arguments)
{
    for (const char *const *name = data_flag_names; *name; name++)
        if (cn_flag_given(arguments, *name))
            return true;
    return false;
}

/* A recipe with the model's values of the data keys where no flag says otherwise. */
static cinch_recipe *data_recipe(const cn_arguments *arguments, const cinch_recipe *models,
                                 cinch_error *error)
{
    cinch_recipe *recipe = cinch_recipe_new(error);
    if (!recipe)
        return NULL;
    for (const char *const *name = data_flag_names; *name; name++) {
        const char *value = cn_flag_value(arguments, *name);
        if (!value && models)
            value = cinch_recipe_get(models, *name);
        if (value && cinch_recipe_set(recipe, *name, value, error) != CINCH_OK) {
            cinch_recipe_free(recipe);
            return NULL;
        }
    }
    return recipe;
}

cinch_data *cn_data_open(const cn_arguments *arguments, const char *path, const cinch_model *model,
                         cinch_error *error)
{
    const cinch_recipe *models = model ? cinch_model_recipe(model) : NULL;
    cinch_recipe *own = NULL;
    if (any_data_flag(arguments) && !(own = data_recipe(arguments, models, error)))
        return NULL;
    char *found = in_data_folder(path, error);
    cinch_data *data = NULL;
    if (error->status == CINCH_OK)
        data = cinch_data_load(found ? found : path, own ? own : models, error);
    if (data && strcmp(path, "donut") == 0 && !cn_flag_given(arguments, "quiet")) {
        fputs("donut: ", stderr);
        cn_print_escaped(stderr, cinch_data_source(data));
        putc('\n', stderr);
    }
    free(found);
    cinch_recipe_free(own);
    return data;
}

/* ---- Running ------------------------------------------------------------------------------------------- */

cinch_status cn_threads_wanted(const cn_arguments *arguments, size_t *threads, cinch_error *error)
{
    uint64_t count = 0;
    cinch_status status = cn_flag_count(arguments, "threads", 0, 1024, &count, error);
    *threads = (size_t)count;
    return status;
}

static size_t parameter_count(const cinch_model *model)
{
    size_t count = 0;
    for (size_t i = 0; i < cinch_model_nlayer(model); i++)
        count += cinch_model_layer(model, i).nparam;
    return count;
}

cinch_runner *cn_runner_open(const cn_arguments *arguments, const cinch_model *model, size_t rows,
                             cinch_error *error)
{
    size_t threads;
    if (cn_threads_wanted(arguments, &threads, error) != CINCH_OK)
        return NULL;
    /* Below some 20 million multiplications starting threads takes longer than they save. */
    const size_t worth = (size_t)20 << 20;
    if (threads == 0 && rows <= worth / (parameter_count(model) + 1))
        threads = 1;
    return cinch_runner_new(model, threads, error);
}

cinch_status cn_result_save(const cn_arguments *arguments, cinch_type type, cinch_shape shape,
                            const void *values, cinch_error *error)
{
    const char *path = cn_flag_value(arguments, "output");
    bool csv = !path || (strcmp(path, "-") == 0 && isatty(STDOUT_FILENO));
    cinch_data *data = cinch_data_view(type, shape, values, error);
    if (!data)
        return error->status;
    cinch_status status = cinch_data_save(data, path ? path : "-", csv, error);
    cinch_data_free(data);
    return status;
}

/* rows x one result's shape; where that has no rank left for the rows, a result is a flat row. */
static cinch_shape with_rows(size_t rows, cinch_shape one)
{
    cinch_shape shape = {.rank = one.rank + 1, .sizes = {rows}};
    if (one.rank == CINCH_MAX_RANK) {
        shape.rank = 2;
        shape.sizes[1] = cn_shape_values(one);
        return shape;
    }
    memcpy(shape.sizes + 1, one.sizes, one.rank * sizeof *one.sizes);
    return shape;
}

/* With --json the rows themselves, or where they are. */
static void print_json(const cn_arguments *arguments, cinch_shape shape, const float *values)
{
    const char *path = cn_flag_value(arguments, "output");
    size_t width = cn_shape_values(shape) / (shape.sizes[0] ? shape.sizes[0] : 1);
    cn_json json = {0};
    cn_json_open(&json, NULL, '{');
    cn_json_shape(&json, "shape", shape);
    if (path)
        cn_json_text(&json, "output", path);
    else
        cn_json_open(&json, "rows", '[');
    for (size_t i = 0; i < shape.sizes[0] && !path; i++) {
        cn_json_open(&json, NULL, '[');
        for (size_t j = 0; j < width; j++)
            cn_json_number(&json, NULL, (double)values[i * width + j]);
        cn_json_close(&json, ']');
    }
    if (!path)
        cn_json_close(&json, ']');
    cn_json_close(&json, '}');
    putchar('\n');
}

cinch_shape cn_result_row(const cinch_model *model, const cinch_data *data)
{
    cinch_shape input = cinch_model_input(model), shape = data ? cinch_data_shape(data) : input;
    if (!data || shape.rank < 2 || cinch_data_features(data) != cn_shape_values(input))
        return input;
    memmove(shape.sizes, shape.sizes + 1, (shape.rank - 1) * sizeof *shape.sizes);
    shape.rank--;
    return cn_shape_values(shape) == cn_shape_values(input) ? shape : input;
}

/* To a file its rows go in any case; standard output takes either them or the object. */
cinch_status cn_result_report(const cn_arguments *arguments, size_t rows, cinch_shape one,
                              const float *values, cinch_error *error)
{
    const char *path = cn_flag_value(arguments, "output");
    bool json = cn_flag_given(arguments, "json") && !(path && strcmp(path, "-") == 0);
    cinch_shape shape = with_rows(rows, one);
    cinch_status status = CINCH_OK;
    if (path || !json)
        status = cn_result_save(arguments, CINCH_F32, shape, values, error);
    if (status == CINCH_OK && json)
        print_json(arguments, shape, values);
    return status;
}

static cinch_status run_pieces(const cn_arguments *arguments, const cn_rows_job *job,
                               const cinch_model *model, const cinch_data *data, cinch_error *error)
{
    size_t rows = cinch_data_rows(data);
    cinch_shape one = job->shape(model, data);
    size_t width = cn_shape_values(one);
    size_t wanted = cn_shape_values(job->codes ? cinch_model_code(model) : cinch_model_input(model));
    if (cinch_data_features(data) != wanted)
        return cn_cli_fail(error, CINCH_BAD_INPUT, "%s: its rows have %zu values, the model's %s %zu",
                           arguments->words[1], cinch_data_features(data), job->codes ? "codes" : "rows",
                           wanted);
    cinch_runner *runner = cn_runner_open(arguments, model, rows, error);
    if (!runner)
        return error->status;
    cinch_status status = CINCH_OK;
    float *results = calloc(rows ? rows : 1, width * sizeof *results);
    if (!results)
        status = cn_cli_fail(error, CINCH_MEMORY, "out of memory for %zu rows of %zu values", rows, width);
    for (size_t first = 0; first < rows && status == CINCH_OK; first += CN_PIECE_ROWS) {
        size_t count = rows - first < CN_PIECE_ROWS ? rows - first : CN_PIECE_ROWS;
        status = job->step(runner, data, first, count, results + first * width, error);
    }
    if (status == CINCH_OK)
        status = cn_result_report(arguments, rows, one, results, error);
    free(results);
    cinch_runner_free(runner);
    return status;
}

int cn_rows_run(const cn_arguments *arguments, const cn_rows_job *job, cinch_error *error)
{
    cinch_status status = CINCH_OK;
    cinch_data *data = NULL;
    cinch_model *model = cn_model_open(arguments->words[0], error);
    if (model)
        data = cn_data_open(arguments, arguments->words[1], job->codes ? NULL : model, error);
    status = data ? run_pieces(arguments, job, model, data, error) : error->status;
    cinch_data_free(data);
    cinch_model_free(model);
    return (int)status;
}
