/* cinch score: each row's loss, how badly the model reconstructs it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static void print_json(const double *scores, size_t rows, double mean)
{
    cn_json json = {0};
    cn_json_open(&json, NULL, '{');
    cn_json_count(&json, "rows", rows);
    cn_json_number(&json, "mean", mean);
    cn_json_open(&json, "scores", '[');
    for (size_t i = 0; i < rows; i++)
        cn_json_number(&json, NULL, scores[i]);
    cn_json_close(&json, ']');
    cn_json_close(&json, '}');
    putchar('\n');
}

static cinch_status report(const cn_arguments *arguments, const double *scores, size_t rows,
                           cinch_error *error)
{
    double mean = rows ? 0 : NAN;
    for (size_t i = 0; i < rows; i++)
        mean += scores[i] / (double)rows;
    cinch_status status = CINCH_OK;
    const char *path = cn_flag_value(arguments, "output");
    bool json = cn_flag_given(arguments, "json") && !(path && strcmp(path, "-") == 0);
    if (!json || path)
        status =
            cn_result_save(arguments, CINCH_F64, (cinch_shape){.rank = 1, .sizes = {rows}}, scores, error);
    if (status == CINCH_OK && json)
        print_json(scores, rows, mean);
    if (status == CINCH_OK && !json && !cn_flag_given(arguments, "quiet"))
        fprintf(stderr, "mean %.9g over %zu rows\n", mean, rows);
    return status;
}

static cinch_status score(const cn_arguments *arguments, const cinch_model *model, const cinch_data *data,
                          cinch_error *error)
{
    size_t rows = cinch_data_rows(data);
    bool noise = cn_flag_given(arguments, "noise");
    cinch_runner *runner = cn_runner_open(arguments, model, rows, error);
    if (!runner)
        return error->status;
    cinch_status status = CINCH_OK;
    double *scores = calloc(rows ? rows : 1, sizeof *scores);
    if (!scores)
        status = cn_cli_fail(error, CINCH_MEMORY, "out of memory for %zu scores", rows);
    for (size_t first = 0; first < rows && status == CINCH_OK; first += CN_PIECE_ROWS) {
        size_t count = rows - first < CN_PIECE_ROWS ? rows - first : CN_PIECE_ROWS;
        status = cinch_runner_score(runner, data, first, count, noise, scores + first, error);
    }
    if (status == CINCH_OK)
        status = report(arguments, scores, rows, error);
    free(scores);
    cinch_runner_free(runner);
    return status;
}

static int run(const cn_arguments *arguments, cinch_error *error)
{
    cinch_model *model = cn_model_open(arguments->words[0], error);
    cinch_data *data = model ? cn_data_open(arguments, arguments->words[1], model, error) : NULL;
    cinch_status status = data ? score(arguments, model, data, error) : error->status;
    cinch_data_free(data);
    cinch_model_free(model);
    return (int)status;
}

static const cn_flag flags[] = {
    {"output", 'o', "OUT", "where to: npy or csv by its ending, - for npy on standard output"},
    {"noise", 0, NULL, "corrupt the rows by the model's own noise and dropout layers"},
    CN_DATA_FLAGS,
    {NULL, 0, NULL, NULL},
};

const cn_command cn_command_score = {
    .name = "score",
    .usage = "MODEL DATA [--noise] [-o OUT]",
    .summary = "each row's loss, and their mean",
    .examples = "cinch score run flowers.csv | sort -g | tail -n 3\n"
                "cinch score run new.csv -o scores.npy\n",
    .description = "Writes each row's loss without penalties, one a line, on standard output or to OUT, and "
                   "the mean on\n"
                   "standard error. A row that the model reconstructs badly is an unusual one. Of a "
                   "variational model with\n"
                   "loss bce it is the negative evidence lower bound in nats, of one code that is drawn.\n"
                   "MODEL is a model file or a run folder.",
    .flags = flags,
    .least_words = 2,
    .most_words = 2,
    .run = run,
};
