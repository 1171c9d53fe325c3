/* cinch encode: rows to their codes. */
#include "cli/cli.h"

static cinch_shape result_shape(const cinch_model *model, const cinch_data *data)
{
    (void)data;
    return cinch_model_code(model);
}

static int run(const cn_arguments *arguments, cinch_error *error)
{
    static const cn_rows_job job = {.step = cinch_runner_encode, .codes = false, .shape = result_shape};
    return cn_rows_run(arguments, &job, error);
}

static const cn_flag flags[] = {
    {"output", 'o', "OUT", "where to: npy or csv by its ending, - for npy on standard output"},
    CN_DATA_FLAGS,
    {NULL, 0, NULL, NULL},
};

const cn_command cn_command_encode = {
    .name = "encode",
    .usage = "MODEL DATA [-o OUT]",
    .summary = "rows to codes",
    .examples = "cinch encode run flowers.csv -o codes.npy\n"
                "zcat flowers.csv.gz | cinch encode run - | head -n 3\n",
    .description =
        "Writes the code of each row of DATA, as float32. DATA is read as the model's recipe says.\n"
        "MODEL is a model file or a run folder. Without -o: csv on standard output.",
    .flags = flags,
    .least_words = 2,
    .most_words = 2,
    .run = run,
};
