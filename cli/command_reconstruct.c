/* cinch reconstruct: rows through the whole model. */
#include <string.h>

#include "cli/cli.h"

/* The data's own shape, which the model may have flattened. */
static cinch_shape result_shape(const cinch_model *model, const cinch_data *data)
{
    cinch_shape shape = cinch_data_shape(data);
    cinch_shape input = cinch_model_input(model);
    if (shape.rank < 2 || cinch_data_features(data) != cn_shape_values(input))
        return input;
    memmove(shape.sizes, shape.sizes + 1, (shape.rank - 1) * sizeof *shape.sizes);
    shape.rank--;
    return cn_shape_values(shape) == cn_shape_values(input) ? shape : input;
}

static cinch_status reconstruct_noisy(cinch_runner *runner, const cinch_data *data, size_t first, size_t nrow,
                                      float *rows, cinch_error *error)
{
    return cinch_runner_reconstruct_noisy(runner, data, first, nrow, NULL, rows, error);
}

static int run(const cn_arguments *arguments, cinch_error *error)
{
    static const cn_rows_job clean = {.step = cinch_runner_reconstruct, .shape = result_shape},
                             noisy = {.step = reconstruct_noisy, .shape = result_shape};
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
