/* cinch_run: a recipe in, a run folder out. The trainer writes no files; this does, at the moments that
 * the recipe's `checkpoint` asks for and at the end, the model last. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/file.h"
#include "base/memory.h"
#include "report/figure.h"
#include "train/pretrain.h"

/* What a run writes; the figures come with their own names, a pretrained layer's history with the layer's. */
static const char *const file_names[] = {"recipe.ini", "checkpoint.safetensors", "history.csv", "result.json",
                                         "model.safetensors"};

enum { CHECKPOINT_SECONDS = 30, NFILE = sizeof file_names / sizeof *file_names };
enum { HISTORY_ROOM = CN_STAGE_ROOM + sizeof "history-.csv" };

struct run {
    const cinch_run_options *options;
    const char *folder;
    cinch_recipe *recipe;
    cinch_data *train, *test; /* test may be NULL */
    cinch_trainer *trainer;   /* of the whole net */
    cn_stage *stages;         /* of its pretraining */
    size_t nstage, stage;     /* the one under way: nstage when the whole is trained */
    cinch_trainer *layer;     /* the stage's, NULL before and after */
    float *codes;             /* the values of its rows, */
    cinch_data *coded;        /* and these as data */
    char **names;             /* the files that the run writes, NULL-terminated, each owned */
    cn_pipeline figures;
    int lock;
    size_t every;           /* checkpoint every so many epochs; 0: auto */
    double next_checkpoint; /* clock time, for auto */
    bool stopped;           /* the callback asked for it */
    cinch_status failed;    /* what writing a checkpoint came to, with its message in error */
    cinch_error *error;
};

static void note(const struct run *run, const char *format, ...) CN_PRINTF(2, 3);

static void note(const struct run *run, const char *format, ...)
{
    if (!run->options->note)
        return;
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    run->options->note(line, run->options->user);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- Reading: all of it before anything is written ----------------------------------------------------- */

static cinch_status read_checkpoint_key(struct run *run, cinch_error *error)
{
    const char *text = cn_recipe_text(run->recipe, CN_CHECKPOINT);
    double every;
    if (!strcmp(text, "auto"))
        return CINCH_OK;
    if (!cn_text_number(text, &every) || every < 1 || every > 1e9 || every != floor(every))
        return cn_recipe_blame(
            run->recipe, CN_CHECKPOINT,
            cn_fail(error, CINCH_USAGE, "\"%s\" is neither auto nor a number of epochs", text), error);
    run->every = (size_t)every;
    return CINCH_OK;
}

static cinch_status read_recipe(struct run *run, const cinch_recipe *recipe, cinch_error *error)
{
    if (!run->options->resume && !recipe)
        return cn_fail(error, CINCH_USAGE, "no recipe: give one, or resume");
    if (!run->options->resume) {
        run->recipe = cn_recipe_copy(recipe, error);
    } else {
        char *path = cn_path_join(run->folder, "recipe.ini", error);
        run->recipe = path ? cinch_recipe_load(path, error) : NULL;
        cn_free(path);
    }
    if (!run->recipe)
        return CINCH_FAILED;
    cinch_status status = CINCH_OK;
    if (run->options->resume && run->options->epochs)
        status = cinch_recipe_set(run->recipe, "epochs", run->options->epochs, error);
    if (!status && run->options->resume && run->options->threads)
        status = cinch_recipe_set(run->recipe, "threads", run->options->threads, error);
    return status ? status : read_checkpoint_key(run, error);
}

/* A file that a key names; NULL in *data where the key is empty. */
static cinch_status read_data(const struct run *run, cn_key key, cinch_data **data, cinch_error *error)
{
    if (!*cn_recipe_text(run->recipe, key))
        return CINCH_OK;
    char *path = cn_recipe_path(run->recipe, key, error);
    if (!path)
        return CINCH_IO;
    *data = cinch_data_load(path, run->recipe, error);
    cn_free(path);
    if (*data && strcmp(cn_recipe_text(run->recipe, key), "donut") == 0)
        note(run, "%s = donut: %s", cn_recipe_keys[key].option.name, (*data)->source);
    return *data ? CINCH_OK : CINCH_BAD_INPUT;
}

static cinch_status check_test(const struct run *run, cinch_error *error)
{
    const cinch_trainer *trainer = run->trainer;
    if (!run->test)
        return CINCH_OK;
    size_t rows = cinch_data_rows(run->test);
    if (run->test->features != run->train->features)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: its rows have %zu values, those of %s %zu",
                       run->test->source, run->test->features, run->train->source, run->train->features);
    cinch_status status = cn_data_check(run->test, 0, rows, trainer->model->scaler.fill != NULL, error);
    return status ? status : cn_check_targets(&trainer->objective, trainer->model, run->test, 0, rows, error);
}

static void print_stage_history(const struct run *run, size_t stage, char name[HISTORY_ROOM])
{
    char layer[CN_STAGE_ROOM];
    cn_stage_print(&run->stages[stage], run->trainer->model, layer);
    snprintf(name, HISTORY_ROOM, "history-%s.csv", layer);
}

static cinch_status name_files(struct run *run, cinch_error *error)
{
    if (!(run->names = cn_new(NFILE + run->nstage + 1, sizeof *run->names, error)))
        return CINCH_MEMORY;
    for (size_t i = 0; i < NFILE + run->nstage; i++) {
        char stage_name[HISTORY_ROOM] = "";
        const char *name = i < NFILE ? file_names[i] : stage_name;
        if (i >= NFILE)
            print_stage_history(run, i - NFILE, stage_name);
        if (!(run->names[i] = cn_copy_text(name, error)))
            return CINCH_MEMORY;
    }
    return CINCH_OK;
}

/* A run must not write over what it reads. */
static cinch_status keep_input(const struct run *run, cn_key key, cinch_error *error)
{
    if (!*cn_recipe_text(run->recipe, key) || (key == CN_LABEL && !cn_recipe_label_is_file(run->recipe)))
        return CINCH_OK;
    char *input = cn_recipe_path(run->recipe, key, error);
    cinch_status status = input ? CINCH_OK : CINCH_IO;
    for (char **name = run->names; *name && !status; name++) {
        char *output = cn_path_join(run->folder, *name, error);
        if (!output)
            status = CINCH_MEMORY;
        else if (cn_file_is_same(input, output))
            status = cn_fail(error, CINCH_USAGE,
                             "%s: the run would write over its own input; choose another folder "
                             "with -o",
                             output);
        cn_free(output);
    }
    cn_free(input);
    return status;
}

static cinch_status keep_inputs(const struct run *run, cinch_error *error)
{
    static const cn_key keys[] = {CN_TRAIN, CN_TEST, CN_LABEL, CN_INIT_FROM};
    cinch_status status = CINCH_OK;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !status; i++)
        status = keep_input(run, keys[i], error);
    return status;
}

/* The stages that `pretrain` asks for. */
static cinch_status plan_stages(struct run *run, cinch_error *error)
{
    if (!cn_recipe_value(run->recipe, CN_PRETRAIN).word)
        return CINCH_OK;
    return cn_recipe_blame(run->recipe, CN_PRETRAIN,
                           cn_stages_new(run->trainer->model, run->recipe, &run->stages, &run->nstage, error),
                           error);
}

static cinch_status read_all(struct run *run, cinch_error *error)
{
    if (!*cn_recipe_text(run->recipe, CN_TRAIN))
        return cn_recipe_blame(run->recipe, CN_TRAIN,
                               cn_fail(error, CINCH_USAGE, "no training data: name a file with --train"),
                               error);
    if (cn_recipe_value(run->recipe, CN_PRETRAIN).word && *cn_recipe_text(run->recipe, CN_INIT_FROM))
        return cn_recipe_blame(
            run->recipe, CN_PRETRAIN,
            cn_fail(error, CINCH_USAGE,
                    "greedy: the first weights come from it or from init_from; give one of "
                    "the two"),
            error);
    cinch_status status = read_data(run, CN_TRAIN, &run->train, error);
    if (status || (status = read_data(run, CN_TEST, &run->test, error)))
        return status;
    run->trainer = cinch_trainer_new(run->recipe, run->train, error);
    status = run->trainer ? check_test(run, error) : CINCH_FAILED;
    if (status || (status = plan_stages(run, error)) || (status = name_files(run, error)) ||
        (status = keep_inputs(run, error)))
        return status;
    return cn_figures_parse(cn_recipe_text(run->recipe, CN_FIGURES), run->trainer->model, &run->figures,
                            error);
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

static cinch_status write_text(const struct run *run, const char *name, char *text, cinch_error *error)
{
    char *path = text ? cn_path_join(run->folder, name, error) : NULL;
    cinch_status status = path ? cn_file_write_text(path, text, error) : CINCH_MEMORY;
    cn_free(path);
    cn_free(text);
    return status;
}

/* The trainer under way: the stage's or the whole's. */
static cinch_trainer *under_way(const struct run *run)
{
    return run->stage < run->nstage ? run->layer : run->trainer;
}

static cinch_status write_checkpoint(struct run *run, cinch_error *error)
{
    char *path = cn_path_join(run->folder, "checkpoint.safetensors", error);
    char history[HISTORY_ROOM] = "history.csv";
    cinch_status status = CINCH_MEMORY;
    if (path && run->stage < run->nstage) {
        print_stage_history(run, run->stage, history);
        status = cn_stage_save(&run->stages[run->stage], run->trainer->model, run->layer, path, error);
    } else if (path) {
        status = cinch_trainer_save(run->trainer, path, error);
    }
    cn_free(path);
    run->next_checkpoint = now() + CHECKPOINT_SECONDS;
    return status ? status : write_text(run, history, cn_trainer_history(under_way(run), true, error), error);
}

static void add_number(cn_text *json, const char *key, double value)
{
    cn_text_add(json, "%s\n  \"%s\": ", json->length > 1 ? "," : "", key);
    if (isfinite(value))
        cn_text_add_number(json, value);
    else
        cn_text_add(json, "null");
}

static char *result_json(const cinch_result *result, cinch_error *error)
{
    cn_text json = {0};
    cn_text_add(&json, "{");
    add_number(&json, "rows", (double)result->rows);
    add_number(&json, "epochs", (double)result->epochs);
    add_number(&json, "best_epoch", (double)result->best_epoch);
    add_number(&json, "train_loss", result->train_loss);
    add_number(&json, "train_reconstruction", result->train_reconstruction);
    add_number(&json, "validation_loss", result->validation_loss);
    add_number(&json, "test_loss", result->test_loss);
    add_number(&json, "test_reconstruction", result->test_reconstruction);
    add_number(&json, "seconds", result->seconds);
    add_number(&json, "peak_bytes", (double)result->peak_bytes);
    cn_text_add(&json, "\n}\n");
    return cn_text_take(&json, error);
}

static cinch_status remove_checkpoint(const struct run *run, cinch_error *error)
{
    char *path = cn_path_join(run->folder, "checkpoint.safetensors", error);
    cinch_status status = path ? cn_file_remove(path, error) : CINCH_MEMORY;
    cn_free(path);
    return status;
}

/* An earlier run's histories of stages that this one does not have. */
static void remove_old_histories(const struct run *run)
{
    static const char head[] = "history-encoder.", tail[] = ".csv";
    char **names = NULL;
    size_t count = 0;
    if (cn_folder_list(run->folder, &names, &count, NULL))
        return;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);
        if (length < strlen(head) + strlen(tail) || strncmp(names[i], head, strlen(head)) ||
            strcmp(names[i] + length - strlen(tail), tail))
            continue;
        char *path = cn_path_join(run->folder, names[i], NULL);
        if (path)
            cn_file_remove(path, NULL);
        cn_free(path);
    }
    cn_free(names);
}

/* The folder is made and locked; the recipe and a first checkpoint are there, so that a run killed at any
 * moment can go on. */
static cinch_status open_folder(struct run *run, cinch_error *error)
{
    cinch_status status = cn_folder_make(run->folder, error);
    if (status || (run->lock < 0 && (status = cn_folder_lock(run->folder, &run->lock, error))))
        return status;
    cn_folder_sweep(run->folder, (const char *const *)run->names);
    /* An earlier run's checkpoint would not go with the new recipe; killed without one a run begins anew. */
    if (!run->options->resume && (status = remove_checkpoint(run, error)))
        return status;
    if ((status = write_text(run, "recipe.ini", cn_recipe_print(run->recipe, false, error), error)))
        return status;
    if (run->options->resume)
        return CINCH_OK;
    remove_old_histories(run);
    if (run->nstage &&
        (status = write_text(run, "history.csv", cn_trainer_history(run->trainer, true, error), error)))
        return status;
    return write_checkpoint(run, error);
}

/* ---- Training ------------------------------------------------------------------------------------------ */

static bool wants_checkpoint(const struct run *run)
{
    return run->every ? under_way(run)->epoch % run->every == 0 : now() >= run->next_checkpoint;
}

static bool watch(const cinch_progress *progress, void *user)
{
    struct run *run = user;
    if (progress->ended && wants_checkpoint(run) && (run->failed = write_checkpoint(run, run->error)))
        return false;
    char name[CN_STAGE_ROOM];
    cinch_progress named = *progress;
    if (run->stage < run->nstage) {
        cn_stage_print(&run->stages[run->stage], run->trainer->model, name);
        named.stage = name;
    }
    run->stopped = run->options->callback && !run->options->callback(&named, run->options->user);
    return !run->stopped;
}

/* The stage's rows and its trainer. */
static cinch_status begin_stage(struct run *run, cinch_error *error)
{
    const cn_stage *stage = &run->stages[run->stage];
    const cinch_model *whole = run->trainer->model;
    const cinch_data *rows = run->train;
    size_t count = run->trainer->rows + run->trainer->validation_rows;
    if (stage->first) {
        cinch_shape shape = whole->nodes[stage->first].input;
        memmove(shape.sizes + 1, shape.sizes, shape.rank * sizeof *shape.sizes);
        shape.sizes[0] = count;
        shape.rank++;
        run->codes =
            cn_stage_codes(stage, whole, run->train, count, cn_threads_count(run->trainer->threads), error);
        run->coded = run->codes ? cinch_data_view(CINCH_F32, shape, run->codes, error) : NULL;
        if (!(rows = run->coded))
            return CINCH_FAILED;
    }
    cinch_recipe *recipe = cn_stage_recipe(stage, whole, run->recipe, error);
    run->layer = recipe ? cinch_trainer_new(recipe, rows, error) : NULL;
    cinch_recipe_free(recipe);
    return run->layer ? CINCH_OK : CINCH_FAILED;
}

static void end_stage(struct run *run)
{
    cinch_trainer_free(run->layer);
    cinch_data_free(run->coded);
    cn_free(run->codes);
    run->layer = NULL;
    run->coded = NULL;
    run->codes = NULL;
}

static cinch_status restore_from(struct run *run, const char *path, cinch_error *error)
{
    cinch_status status = CINCH_OK;
    if (run->nstage)
        status = cn_stages_restore(run->stages, run->nstage, run->trainer->model, path, &run->stage, error);
    if (!status && run->stage < run->nstage)
        status = begin_stage(run, error);
    return status ? status : cinch_trainer_restore(under_way(run), path, error);
}

static cinch_status restore(struct run *run, cinch_error *error)
{
    char *path = cn_path_join(run->folder, "checkpoint.safetensors", error);
    cinch_status status = CINCH_MEMORY;
    if (path)
        status = cn_file_is_missing(path) ? CINCH_OK : restore_from(run, path, error);
    if (path && cn_file_is_missing(path))
        note(run, "no checkpoint yet: starting at the first epoch");
    cn_free(path);
    return status;
}

/* Carries the trainer under way to its end. */
static cinch_status train_one(struct run *run, cinch_error *error)
{
    cinch_status status = cinch_trainer_run(under_way(run), watch, run, error);
    if (run->failed)
        return run->failed;
    if (status == CINCH_STOPPED) {
        cinch_error mine = {0};
        cinch_status written = write_checkpoint(run, &mine);
        if (written)
            *error = mine; /* a training that cannot go on is worse than one that was stopped */
        return written ? written : status;
    }
    return status ? status : write_checkpoint(run, error);
}

static void say_stage(const struct run *run)
{
    const cinch_model *alone = run->layer->model;
    char name[CN_STAGE_ROOM], encoder[200] = "", decoder[200] = "";
    cn_stage_print(&run->stages[run->stage], run->trainer->model, name);
    snprintf(encoder, sizeof encoder, "%s", cn_recipe_text(alone->recipe, CN_ENCODER));
    snprintf(decoder, sizeof decoder, "%s", cn_recipe_text(alone->recipe, CN_DECODER));
    note(run, "pretrain %s: %s, decoder %s", name, encoder, decoder);
}

/* A stage to its end, its weights into the whole, and what comes next made ready: a run killed after this
 * does not come back to the stage. */
static cinch_status train_stage(struct run *run, cinch_error *error)
{
    say_stage(run);
    cinch_status status = train_one(run, error);
    if (status == CINCH_DIVERGED) {
        char name[CN_STAGE_ROOM];
        cn_stage_print(&run->stages[run->stage], run->trainer->model, name);
        cn_fail_prefix(error, "pretrain %s: ", name);
    }
    if (!status && run->stopped) /* in the stage's last epoch, whose checkpoint is written */
        status = cn_fail(error, CINCH_STOPPED, "stopped in the pretraining");
    if (status)
        return status;
    cinch_model *trained = cinch_trainer_model(run->layer, error);
    if (!trained)
        return CINCH_MEMORY;
    cn_stage_take(&run->stages[run->stage], trained, run->trainer->model);
    cinch_model_free(trained);
    end_stage(run);
    if (++run->stage < run->nstage)
        status = begin_stage(run, error);
    else
        cn_weights_load(run->trainer->weights, run->trainer->model);
    return status ? status : write_checkpoint(run, error);
}

static cinch_status train(struct run *run, cinch_error *error)
{
    bool pretrained = run->stage < run->nstage;
    cinch_status status = CINCH_OK;
    while (run->stage < run->nstage && !status)
        status = train_stage(run, error);
    if (!status && pretrained)
        note(run, "pretrained: now the whole");
    return status ? status : train_one(run, error);
}

/* ---- Results ------------------------------------------------------------------------------------------- */

static cinch_status test_model(const struct run *run, const cinch_model *model, cinch_result *result,
                               cinch_error *error)
{
    const cinch_trainer *trainer = run->trainer;
    size_t rows = run->test ? cinch_data_rows(run->test) : 0;
    result->test_loss = result->test_reconstruction = NAN;
    if (!rows)
        return CINCH_OK;
    cn_weights *weights = cn_weights_new(model, trainer->kernels, false, 0, error);
    cn_evaluator *evaluator = NULL;
    if (weights)
        evaluator = cn_evaluator_new(model, weights, &trainer->objective, trainer->threads, rows, error);
    if (evaluator) {
        cn_evaluation evaluation = cn_evaluate(evaluator, run->test, 0, rows, trainer->seed, false);
        result->test_loss = evaluation.loss;
        result->test_reconstruction = evaluation.reconstruction;
    }
    cn_evaluator_free(evaluator);
    cn_weights_free(weights);
    return evaluator ? CINCH_OK : CINCH_MEMORY;
}

/* So many rows' codes at a time as are worth the threads, of wide ones fewer. */
static size_t encoded_at_a_time(size_t rows, size_t width)
{
    enum { MOST_ROWS = 4096, MOST_VALUES = 1 << 22 };
    size_t most = MOST_VALUES / width < MOST_ROWS ? MOST_VALUES / width : MOST_ROWS;
    return most < 1 ? 1 : most < rows ? most : rows;
}

/* Says how many values of the code are 0 for every training row. */
static cinch_status warn_of_dead_codes(const struct run *run, const cinch_model *model, cinch_error *error)
{
    size_t width = cn_shape_size(model->code), rows = run->trainer->rows, dead = 0;
    size_t at_a_time = encoded_at_a_time(rows, width);
    cinch_runner *runner = cinch_runner_new(model, cn_threads_count(run->trainer->threads), error);
    float *codes = cn_new(at_a_time * width, sizeof *codes, error);
    bool *alive = cn_new(width, sizeof *alive, error);
    cinch_status status = runner && codes && alive ? CINCH_OK : CINCH_MEMORY;
    for (size_t first = 0; first < rows && !status; first += at_a_time) {
        size_t count = rows - first < at_a_time ? rows - first : at_a_time;
        status = cinch_runner_encode(runner, run->train, first, count, codes, error);
        for (size_t i = 0; i < count * width && !status; i++)
            alive[i % width] |= codes[i] != 0;
    }
    for (size_t j = 0; j < width && !status; j++)
        dead += !alive[j];
    if (dead)
        note(run, "warning: %zu of the code's %zu values %s 0 for every training row", dead, width,
             dead == 1 ? "is" : "are");
    cn_free(codes);
    cn_free(alive);
    cinch_runner_free(runner);
    return status;
}

/* Says how many of the choices of a first layer that chooses columns have fallen on one that another has
 * too. */
static cinch_status report_duplicates(const struct run *run, const cinch_model *model, cinch_error *error)
{
    size_t count = cinch_model_nchosen(model), distinct = 0;
    bool *chosen = cn_new(cn_shape_size(model->input), sizeof *chosen, error);
    if (!chosen)
        return CINCH_MEMORY;
    for (size_t i = 0; i < count; i++) {
        size_t column = cinch_model_chosen(model, i);
        distinct += !chosen[column];
        chosen[column] = true;
    }
    cn_free(chosen);
    if (distinct < count)
        note(run, "warning: the %zu choices have fallen on %zu columns: %zu on one that another has too",
             count, distinct, count - distinct);
    return CINCH_OK;
}

/* By the weights that it started from too, for figures of them. */
static cinch_status draw_figures(const struct run *run, const cinch_model *model, cinch_error *error)
{
    if (!run->figures.count)
        return CINCH_OK;
    char *start = cn_recipe_path(run->recipe, CN_INIT_FROM, error);
    if (!start)
        return CINCH_MEMORY;
    cn_figures_input input = {.model = model,
                              .init_from = start,
                              .train = run->train,
                              .test = run->test,
                              .threads = cn_threads_count(run->trainer->threads)};
    cinch_status status = cn_figures_draw(&run->figures, &input, run->folder, error);
    cn_free(start);
    return status;
}

static void sum_up(const struct run *run, cinch_result *result)
{
    const cinch_trainer *trainer = run->trainer;
    const cinch_epoch *last = &trainer->history[trainer->epoch - 1];
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    *result = (cinch_result){.rows = trainer->rows,
                             .epochs = trainer->epoch,
                             .best_epoch = trainer->keep_best ? trainer->best_epoch : trainer->epoch - 1,
                             .train_loss = last->train_loss,
                             .train_reconstruction = last->train_reconstruction,
                             .validation_loss = NAN,
                             .test_loss = NAN,
                             .test_reconstruction = NAN,
                             .peak_bytes = (size_t)usage.ru_maxrss * 1024};
    result->validation_loss = trainer->history[result->best_epoch].validation_loss;
    for (size_t e = 0; e < trainer->epoch; e++)
        result->seconds += trainer->history[e].seconds;
}

/* Whether the folder holds this model already. */
static bool is_written(const char *path, const cinch_model *model)
{
    cinch_model *old = cn_file_exists(path) ? cinch_model_load(path, NULL) : NULL;
    bool same = old && old->nparameter == model->nparameter && !strcmp(old->history, model->history) &&
                !strcmp(old->scaler_json, model->scaler_json);
    for (size_t p = 0; same && p < model->nparameter; p++)
        same = old->parameters[p].count == model->parameters[p].count &&
               !memcmp(old->parameters[p].values, model->parameters[p].values,
                       model->parameters[p].count * sizeof(float));
    cinch_model_free(old);
    return same;
}

/* The model is tested as it will be written, and written last. */
static cinch_status finish(struct run *run, cinch_result *result, cinch_error *error)
{
    sum_up(run, result);
    cinch_model *model = cinch_trainer_model(run->trainer, error);
    char *path = cn_path_join(run->folder, "model.safetensors", error);
    cinch_status status = model && path ? test_model(run, model, result, error) : CINCH_MEMORY;
    if (!status && !(status = warn_of_dead_codes(run, model, error)) &&
        !(status = report_duplicates(run, model, error)) &&
        !(status = write_text(run, "result.json", result_json(result, error), error)) &&
        !(status = draw_figures(run, model, error)))
        status = cinch_model_save(model, path, error);
    cn_free(path);
    cinch_model_free(model);
    return status;
}

/* A run that ended before and whose model is there is left as it is; *rests says so. */
static cinch_status look_at_end(struct run *run, cinch_result *result, bool *rests, cinch_error *error)
{
    *rests = false;
    if (!cn_trainer_finished(under_way(run)) || run->stage < run->nstage)
        return CINCH_OK;
    cinch_model *model = cinch_trainer_model(run->trainer, error);
    char *path = cn_path_join(run->folder, "model.safetensors", error);
    cinch_status status = model && path ? CINCH_OK : CINCH_MEMORY;
    if (!status && is_written(path, model)) {
        *rests = true;
        sum_up(run, result);
        status = test_model(run, model, result, error);
        note(run,
             run->trainer->epoch < run->trainer->epochs ? "already finished: %zu epochs, ended by patience"
                                                        : "already finished: %zu epochs",
             run->trainer->epoch);
    }
    cn_free(path);
    cinch_model_free(model);
    return status;
}

/* Everything after reading. */
static cinch_status go(struct run *run, cinch_result *result, cinch_error *error)
{
    bool rests;
    cinch_status status = run->options->resume ? restore(run, error) : CINCH_OK;
    if (!status && run->stage < run->nstage && !run->layer)
        status = begin_stage(run, error);
    if (!status)
        status = look_at_end(run, result, &rests, error);
    if (status || rests)
        return status;
    if (!(status = open_folder(run, error)) && !(status = train(run, error)))
        status = finish(run, result, error);
    return status;
}

static void say_scale(const struct run *run)
{
    if (cn_recipe_value(run->recipe, CN_SCALE_KEY).word == CN_SCALE_AUTO)
        note(run, "scale auto: %s (%s)", cn_scale_names[run->trainer->model->scaler.kind],
             cinch_type_name(cinch_data_type(run->train)));
    if (run->trainer->objective.kl_added)
        note(run, "penalty: kl 1, which a variational code gets where none is given");
}

cinch_status cinch_run(const cinch_recipe *recipe, const char *folder, const cinch_run_options *options,
                       cinch_result *result, cinch_error *error)
{
    static const cinch_run_options none;
    cinch_error own = {0};
    cinch_result ignored;
    if (!error)
        error = &own;
    struct run run = {.options = options ? options : &none,
                      .folder = folder,
                      .lock = -1,
                      .error = error,
                      .next_checkpoint = now() + CHECKPOINT_SECONDS};
    cinch_status status = CINCH_OK;
    if (cn_file_exists(folder))
        status = cn_folder_lock(folder, &run.lock, error);
    if (!status && !(status = read_recipe(&run, recipe, error)) && !(status = read_all(&run, error))) {
        say_scale(&run);
        status = go(&run, result ? result : &ignored, error);
    }
    /* A call that gave no object said why in error. */
    status = status && error->status ? error->status : status;
    cn_pipeline_clear(&run.figures);
    end_stage(&run);
    for (char **name = run.names; name && *name; name++)
        cn_free(*name);
    cn_free(run.names);
    cn_free(run.stages);
    cinch_trainer_free(run.trainer);
    cinch_data_free(run.train);
    cinch_data_free(run.test);
    cinch_recipe_free(run.recipe);
    cn_folder_unlock(run.lock);
    return status;
}
