/* cinch decode: codes back to rows. */
#include "cli/cli.h"

static cinch_shape result_shape(const cinch_model *model, const cinch_data *data)
{
    (void)data;
    return cinch_model_input(model);
}

static int run(const cn_arguments *arguments, cinch_error *error)
{
    static const cn_rows_job job = {.step = cinch_runner_decode, .codes = true, .shape = result_shape};
    return cn_rows_run(arguments, &job, error);
}

static const cn_flag flags[] = {
    {"output", 'o', "OUT", "where to: npy or csv by its ending, - for npy on standard output"},
    {NULL, 0, NULL, NULL},
};

const cn_command cn_command_decode = {
    .name = "decode",
    .usage = "MODEL CODES [-o OUT]",
    .summary = "codes back to rows",
    .examples = "cinch decode run codes.npy -o rows.csv\n",
    .description =
        "Writes the row that the decoder makes of each code, as float32 in the units of the training data.\n"
        "MODEL is a model file or a run folder. Without -o: csv on standard output.",
    .flags = flags,
    .least_words = 2,
    .most_words = 2,
    .run = run,
};
