/* cinch train: a recipe, changed by flags, becomes a run folder; or a run is gone on with. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* ---- Signals: the first asks the training to stop, the second ends the process ------------------------- */

static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
    if (stop_signal) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    stop_signal = number;
}

static void watch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* Whoever read our progress may go; the training goes on. */
    signal(SIGPIPE, SIG_IGN);
}

/* ---- The recipe ---------------------------------------------------------------------------------------- */

/* Sets a key by its flag; what is neither key nor flag is held against both. */
static cinch_status set_key(const cn_arguments *arguments, cinch_recipe *recipe, const cn_setting *setting,
                            cinch_error *error)
{
    const char *known = cinch_recipe_get(recipe, setting->key);
    if (!known && cn_flag_unknown(arguments->command, setting->key, false, error) != CINCH_OK)
        return error->status;
    if (known && !setting->value)
        return cn_cli_fail(error, CINCH_USAGE, "--%s needs a value", setting->key);
    return cinch_recipe_set(recipe, setting->key, setting->value ? setting->value : "", error);
}

static cinch_recipe *make_recipe(const cn_arguments *arguments, cinch_error *error)
{
    cinch_recipe *recipe =
        arguments->nword ? cinch_recipe_load(arguments->words[0], error) : cinch_recipe_new(error);
    cinch_status status = recipe ? CINCH_OK : error->status;
    for (size_t i = 0; i < arguments->nsetting && status == CINCH_OK; i++)
        status = set_key(arguments, recipe, &arguments->settings[i], error);
    const char *threads = cn_flag_value(arguments, "threads");
    if (status == CINCH_OK && threads)
        status = cinch_recipe_set(recipe, "threads", threads, error);
    if (status == CINCH_OK)
        return recipe;
    cinch_recipe_free(recipe);
    return NULL;
}

/* The recipe of the run to go on with is its own: of the keys only another end is taken. */
static cinch_status check_resume(const cn_arguments *arguments, const char **epochs, cinch_error *error)
{
    if (arguments->nword || cn_flag_given(arguments, "output"))
        return cn_cli_fail(error, CINCH_USAGE,
                           "--resume goes on in the run's own folder with its own recipe: "
                           "usage: cinch train --resume DIR [--epochs N]");
    for (size_t i = 0; i < arguments->nsetting; i++) {
        const cn_setting *setting = &arguments->settings[i];
        if (strcmp(setting->key, "epochs") != 0)
            return cn_cli_fail(error, CINCH_USAGE,
                               "--%s does not go with --resume: the run's recipe stays as it "
                               "is, but for --epochs",
                               setting->key);
        if (!setting->value)
            return cn_cli_fail(error, CINCH_USAGE, "--epochs needs a value");
        *epochs = setting->value;
    }
    return CINCH_OK;
}

/* What `log_every` of the run's own recipe says; a recipe that cannot be read is cinch_run's to refuse. */
static size_t log_every(const cinch_recipe *recipe, const char *resumed)
{
    size_t room = resumed ? strlen(resumed) + sizeof "/recipe.ini" : 1;
    char *path = malloc(room);
    cinch_recipe *own = NULL;
    if (path && resumed) {
        snprintf(path, room, "%s/recipe.ini", resumed);
        own = access(path, R_OK) == 0 ? cinch_recipe_load(path, NULL) : NULL;
    }
    const cinch_recipe *asked = recipe ? recipe : own;
    const char *text = asked ? cinch_recipe_get(asked, "log_every") : NULL;
    size_t every = text ? (size_t)strtoul(text, NULL, 10) : 1;
    cinch_recipe_free(own);
    free(path);
    return every;
}

/* ---- The end ------------------------------------------------------------------------------------------- */

static void print_json(const char *folder, const cinch_result *result)
{
    cn_json json = {0};
    cn_json_open(&json, NULL, '{');
    cn_json_text(&json, "folder", folder);
    cn_json_count(&json, "rows", result->rows);
    cn_json_count(&json, "epochs", result->epochs);
    cn_json_count(&json, "best_epoch", result->best_epoch);
    cn_json_number(&json, "train_loss", result->train_loss);
    cn_json_number(&json, "train_reconstruction", result->train_reconstruction);
    cn_json_number(&json, "validation_loss", result->validation_loss);
    cn_json_number(&json, "test_loss", result->test_loss);
    cn_json_number(&json, "test_reconstruction", result->test_reconstruction);
    cn_json_number(&json, "seconds", result->seconds);
    cn_json_count(&json, "peak_bytes", result->peak_bytes);
    cn_json_close(&json, '}');
    putchar('\n');
}

static void print_result(const char *folder, const cinch_result *result)
{
    fprintf(stderr, "%zu epochs of %zu rows in %.1f s: train loss %.6g", result->epochs, result->rows,
            result->seconds, result->train_loss);
    if (result->validation_loss == result->validation_loss)
        fprintf(stderr, ", validation loss %.6g (epoch %zu)", result->validation_loss, result->best_epoch);
    if (result->test_loss == result->test_loss)
        fprintf(stderr, ", test loss %.6g", result->test_loss);
    fprintf(stderr, "\nmodel: %s/model.safetensors\n", folder);
}

static int report(const cn_arguments *arguments, cinch_status status, const char *folder,
                  const cinch_result *result, cinch_error *error)
{
    bool quiet = cn_flag_given(arguments, "quiet");
    if (status == CINCH_STOPPED && stop_signal) {
        if (!quiet)
            fprintf(stderr, "stopped; `cinch train --resume %s` goes on\n", folder);
        *error = (cinch_error){0};
        return 128 + stop_signal;
    }
    if (status == CINCH_OK && cn_flag_given(arguments, "json"))
        print_json(folder, result);
    else if (status == CINCH_OK && !quiet)
        print_result(folder, result);
    return (int)status;
}

static int run(const cn_arguments *arguments, cinch_error *error)
{
    const char *resume = cn_flag_value(arguments, "resume"), *output = cn_flag_value(arguments, "output");
    const char *folder = resume ? resume : output ? output : "run";
    if (!resume && !arguments->nword && !arguments->nsetting)
        return (int)cn_cli_fail(error, CINCH_USAGE,
                                "nothing to train: give a recipe, or --train DATA and --encoder "
                                "(see `cinch help train`)");
    cinch_run_options options = {.resume = resume != NULL, .threads = cn_flag_value(arguments, "threads")};
    cinch_recipe *recipe = NULL;
    cinch_status status = CINCH_OK;
    if (resume)
        status = check_resume(arguments, &options.epochs, error);
    else if (!(recipe = make_recipe(arguments, error)))
        status = error->status;

    int code = (int)status;
    if (status == CINCH_OK) {
        cn_progress progress;
        cn_progress_init(&progress, cn_flag_given(arguments, "quiet"), log_every(recipe, resume),
                         &stop_signal);
        options.callback = cn_progress_show;
        options.note = cn_progress_note;
        options.user = &progress;
        cinch_result result = {0};
        watch_signals();
        status = cinch_run(recipe, folder, &options, &result, error);
        cn_progress_finish(&progress);
        code = report(arguments, status, folder, &result, error);
    }
    cinch_recipe_free(recipe);
    return code;
}

static const cn_flag flags[] = {
    {"output", 'o', "DIR", "the run folder (run)"},
    {"resume", 0, "DIR", "go on with the run in DIR, to another end with --epochs N"},
    {NULL, 0, NULL, NULL},
};

const cn_command cn_command_train = {
    .name = "train",
    .usage = "[RECIPE] [--KEY VALUE]... [-o DIR] | --resume DIR [--epochs N]",
    .summary = "learns a model from rows, as a recipe says",
    .examples = "cinch train --train flowers.csv --encoder \"dense 2 tanh\" -o run\n"
                "cinch train recipes/mnist-dense.ini --epochs 10 -o digits\n"
                "cinch train --resume digits --epochs 20\n",
    .description =
        "Trains as RECIPE and the flags say and leaves model.safetensors, checkpoint.safetensors, "
        "history.csv,\n"
        "recipe.ini and result.json in DIR. Ctrl-C stops with a checkpoint, from which --resume "
        "goes on to the\n"
        "same bits.\n"
        "With --pretrain greedy each encoder layer with weights is trained first, by itself and its\n"
        "mirror (mse), on the codes that the layers before it give by then, noise and dropout off;\n"
        "layers without weights go with the one after them. The decoder's layer starts from the\n"
        "mirror. Each stage leaves history-encoder.I.csv.",
    .flags = flags,
    .most_words = 1,
    .takes_keys = true,
    .run = run,
};
