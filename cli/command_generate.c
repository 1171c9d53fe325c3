/* cinch generate: rows that nobody gave, of drawn codes, along a line between two rows, over a grid of
 * codes. */
#include <stdlib.h>

#include "cli/cli.h"

enum { MOST_SIDE = 1000, MOST_ROWS = 1000000000 };
#define MOST_SEED (UINT64_C(1) << 53)

/* What is asked for; `line` and `grid` say which, neither: drawn codes. */
struct wish {
    bool line, grid;
    uint64_t rows, seed, from, to, side;
};

/* ---- The flags ----------------------------------------------------------------------------------------- */

static cinch_status refuse_with(const cn_arguments *arguments, const char *flag, const char *with,
                                const char *why, cinch_error *error)
{
    if (!cn_flag_given(arguments, flag))
        return CINCH_OK;
    return cn_cli_fail(error, CINCH_USAGE, "--%s does not go with %s: %s", flag, with, why);
}

static cinch_status check_line(const cn_arguments *arguments, cinch_error *error)
{
    bool whole = arguments->nword > 1 && cn_flag_given(arguments, "from") && cn_flag_given(arguments, "to");
    if (!whole)
        return cn_cli_fail(
            error, CINCH_USAGE,
            "a line goes from one row of DATA to another: cinch generate MODEL DATA --from ROW "
            "--to ROW");
    return refuse_with(arguments, "seed", "--from", "nothing is drawn", error);
}

static cinch_status check_grid(const cn_arguments *arguments, cinch_error *error)
{
    cinch_status status = refuse_with(arguments, "seed", "--grid", "nothing is drawn", error);
    return status ? status : refuse_with(arguments, "rows", "--grid", "a grid of N has N x N rows", error);
}

static cinch_status read_wish(const cn_arguments *arguments, struct wish *wish, cinch_error *error)
{
    cinch_status status = CINCH_OK;
    *wish = (struct wish){.rows = 10, .seed = 1};
    wish->line = arguments->nword > 1 || cn_flag_given(arguments, "from") || cn_flag_given(arguments, "to");
    wish->grid = cn_flag_given(arguments, "grid");
    if (wish->line)
        status = refuse_with(arguments, "grid", arguments->nword > 1 ? "DATA" : "--from",
                             "either a grid of codes or a line between rows", error);
    if (!status && wish->line)
        status = check_line(arguments, error);
    if (!status && wish->grid)
        status = check_grid(arguments, error);
    if (!status)
        status = cn_flag_count(arguments, "rows", wish->line ? 2 : 1, MOST_ROWS, &wish->rows, error);
    if (!status)
        status = cn_flag_count(arguments, "seed", 0, MOST_SEED, &wish->seed, error);
    if (!status)
        status = cn_flag_count(arguments, "from", 0, SIZE_MAX, &wish->from, error);
    if (!status)
        status = cn_flag_count(arguments, "to", 0, SIZE_MAX, &wish->to, error);
    if (!status)
        status = cn_flag_count(arguments, "grid", 1, MOST_SIDE, &wish->side, error);
    if (wish->grid)
        wish->rows = wish->side * wish->side;
    return status;
}

/* ---- The model and the rows ---------------------------------------------------------------------------- */

static cinch_status check_model(const cn_arguments *arguments, const struct wish *wish,
                                const cinch_model *model, cinch_error *error)
{
    size_t width = cn_shape_values(cinch_model_code(model));
    if (!wish->line && !cinch_model_generates(model))
        return cn_cli_fail(error, CINCH_USAGE,
                           "%s: its code has no distribution to draw from: its encoder does not end in a "
                           "variational layer; DATA --from ROW --to ROW goes from row to row of any model",
                           arguments->words[0]);
    if (wish->grid && width != 2)
        return cn_cli_fail(error, CINCH_USAGE,
                           "--grid: takes codes of 2 values, this model's have %zu; without --grid rows are "
                           "drawn",
                           width);
    return CINCH_OK;
}

static cinch_status check_row(const cn_arguments *arguments, const cinch_data *data, const char *flag,
                              uint64_t row, cinch_error *error)
{
    size_t rows = cinch_data_rows(data);
    if (row < rows)
        return CINCH_OK;
    return cn_cli_fail(error, CINCH_USAGE, "--%s: there is no row %s: %s has %zu, counted from 0", flag,
                       cn_flag_value(arguments, flag), cinch_data_source(data), rows);
}

/* ---- Making them --------------------------------------------------------------------------------------- */

static cinch_status decode(cinch_runner *runner, const float *codes, size_t nrow, size_t width, float *rows,
                           cinch_error *error)
{
    cinch_shape shape = {.rank = 2, .sizes = {nrow, width}};
    cinch_data *data = cinch_data_view(CINCH_F32, shape, codes, error);
    cinch_status status = data ? cinch_runner_decode(runner, data, 0, nrow, rows, error) : CINCH_MEMORY;
    cinch_data_free(data);
    return status;
}

/* Codes for all rows, between two more in their place: the ends of a line. */
static cinch_status make_along(const struct wish *wish, cinch_runner *runner, const cinch_data *data,
                               size_t width, float *rows, cinch_error *error)
{
    size_t nrow = (size_t)wish->rows;
    float *codes = calloc(nrow + 2, width * sizeof *codes);
    if (!codes)
        return cn_cli_fail(error, CINCH_MEMORY, "out of memory for %zu codes of %zu values", nrow, width);
    float *from = codes + nrow * width, *to = from + width;
    cinch_status status = CINCH_OK;
    if (wish->grid)
        cinch_codes_grid((size_t)wish->side, codes);
    if (wish->line)
        status = cinch_runner_encode(runner, data, (size_t)wish->from, 1, from, error);
    if (wish->line && !status)
        status = cinch_runner_encode(runner, data, (size_t)wish->to, 1, to, error);
    if (wish->line && !status)
        cinch_codes_line(from, to, nrow, width, codes);
    if (!status)
        status = decode(runner, codes, nrow, width, rows, error);
    free(codes);
    return status;
}

static cinch_status generate(const cn_arguments *arguments, const struct wish *wish, const cinch_model *model,
                             const cinch_data *data, cinch_error *error)
{
    cinch_shape one = cn_result_row(model, data);
    size_t nrow = (size_t)wish->rows, features = cn_shape_values(cinch_model_input(model));
    cinch_runner *runner = cn_runner_open(arguments, model, nrow, error);
    if (!runner)
        return error->status;
    cinch_status status = CINCH_OK;
    float *rows = calloc(nrow, features * sizeof *rows);
    if (!rows)
        status = cn_cli_fail(error, CINCH_MEMORY, "out of memory for %zu rows of %zu values", nrow, features);
    else if (wish->line || wish->grid)
        status = make_along(wish, runner, data, cn_shape_values(cinch_model_code(model)), rows, error);
    else
        status = cinch_runner_generate(runner, wish->seed, 0, nrow, rows, error);
    if (!status)
        status = cn_result_report(arguments, nrow, one, rows, error);
    free(rows);
    cinch_runner_free(runner);
    return status;
}

static cinch_status open_and_generate(const cn_arguments *arguments, const struct wish *wish,
                                      const cinch_model *model, cinch_error *error)
{
    if (!wish->line)
        return generate(arguments, wish, model, NULL, error);
    cinch_data *data = cn_data_open(arguments, arguments->words[1], model, error);
    cinch_status status = data ? CINCH_OK : error->status;
    if (!status)
        status = check_row(arguments, data, "from", wish->from, error);
    if (!status)
        status = check_row(arguments, data, "to", wish->to, error);
    if (!status)
        status = generate(arguments, wish, model, data, error);
    cinch_data_free(data);
    return status;
}

static int run(const cn_arguments *arguments, cinch_error *error)
{
    struct wish wish;
    cinch_status status = read_wish(arguments, &wish, error);
    cinch_model *model = status ? NULL : cn_model_open(arguments->words[0], error);
    if (!status)
        status = model ? check_model(arguments, &wish, model, error) : error->status;
    if (!status)
        status = open_and_generate(arguments, &wish, model, error);
    cinch_model_free(model);
    return (int)status;
}

static const cn_flag flags[] = {
    {"rows", 'n', "N", "so many rows (10); along a line, its ends among them"},
    {"seed", 0, "S", "of the codes that are drawn (1): the same rows on any number of threads"},
    {"from", 0, "ROW", "row of DATA that a line begins at, counted from 0"},
    {"to", 0, "ROW", "row of DATA that it ends at"},
    {"grid", 0, "N", "N x N codes of two values at the normal distribution's quantiles"},
    {"output", 'o', "OUT", "where to: npy or csv by its ending, - for npy on standard output"},
    CN_DATA_FLAGS,
    {NULL, 0, NULL, NULL},
};

const cn_command cn_command_generate = {
    .name = "generate",
    .usage = "MODEL [DATA] [-n N] [-o OUT]",
    .summary = "new rows, out of codes that are drawn, or between two rows",
    .examples = "cinch generate digits -n 100 --seed 7 -o new.npy\n"
                "cinch generate digits --grid 20 -o sheet.npy\n"
                "cinch generate digits t10k-images-idx3-ubyte.gz --from 3 --to 8 -n 12\n",
    .description = "Writes the rows that the decoder makes of codes drawn from standard normal numbers, as "
                   "float32 in the\n"
                   "units and the shape of the model's rows. The encoder must end in a variational layer.\n\n"
                   "--grid lays codes of two values out as a map, line by line from the top: the first value "
                   "rises to the\n"
                   "right, the second upwards (`cinch plot walk` draws it).\n\n"
                   "--from and --to, with DATA and any model: from the code of one row to that of another in "
                   "even steps.\n\n"
                   "MODEL is a model file or a run folder. Without -o: csv on standard output.",
    .flags = flags,
    .least_words = 1,
    .most_words = 2,
    .run = run,
};
