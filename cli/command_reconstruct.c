/* cinch reconstruct: rows through the whole model. */
#include "cli/cli.h"

static cinch_status reconstruct_noisy(cinch_runner *runner, const cinch_data *data, size_t first, size_t nrow,
                                      float *rows, cinch_error *error)
{
    return cinch_runner_reconstruct_noisy(runner, data, first, nrow, NULL, rows, error);
}

static int run(const cn_arguments *arguments, cinch_error *error)
{
    static const cn_rows_job clean = {.step = cinch_runner_reconstruct, .shape = cn_result_row},
                             noisy = {.step = reconstruct_noisy, .shape = cn_result_row};
    return cn_rows_run(arguments, cn_flag_given(arguments, "noise") ? &noisy : &clean, error);
}

static const cn_flag flags[] = {
    {"output", 'o', "OUT", "where to: npy or csv by its ending, - for npy on standard output"},
    {"noise", 0, NULL, "corrupt the rows by the model's own noise and dropout layers first"},
    CN_DATA_FLAGS,
    {NULL, 0, NULL, NULL},
};

const cn_command cn_command_reconstruct = {
    .name = "reconstruct",
    .usage = "MODEL DATA [--noise] [-o OUT]",
    .summary = "rows through the whole model and back",
    .examples = "cinch reconstruct digits t10k-images-idx3-ubyte.gz -o images.npy\n"
                "cinch reconstruct run flowers.csv | head -n 3\n",
    .description = "Writes what the model makes of each row of DATA, as float32 in the units and the shape "
                   "of the data.\n"
                   "MODEL is a model file or a run folder. Without -o: csv on standard output.",
    .flags = flags,
    .least_words = 2,
    .most_words = 2,
    .run = run,
};
