/* cinch plot: one figure of a model, its history or its rows. */
#include <string.h>

#include "cli/cli.h"

static void report(const cn_arguments *arguments, const char *path)
{
    cn_json json = {0};
    if (!cn_flag_given(arguments, "json") || strcmp(path, "-") == 0)
        return;
    cn_json_open(&json, NULL, '{');
    cn_json_text(&json, "figure", arguments->words[0]);
    cn_json_text(&json, "output", path);
    cn_json_close(&json, '}');
    putchar('\n');
}

static cinch_status plot(const cn_arguments *arguments, const cinch_model *model, const char *path,
                         cinch_error *error)
{
    cinch_figure_input input = {.model = model};
    cinch_data *data = NULL;
    cinch_status status = cn_threads_wanted(arguments, &input.threads, error);
    if (status == CINCH_OK && arguments->nword > 2) {
        data = cn_data_open(arguments, arguments->words[2], model, error);
        status = data ? CINCH_OK : error->status;
    }
    input.data = data;
    if (status == CINCH_OK)
        status = cinch_figure_draw(arguments->words[0], &input, path, error);
    if (status == CINCH_OK)
        report(arguments, path);
    cinch_data_free(data);
    return status;
}

static int run(const cn_arguments *arguments, cinch_error *error)
{
    const char *path = cn_flag_value(arguments, "output");
    if (!path)
        return (int)cn_cli_fail(error, CINCH_USAGE,
                                "plot: where to? name a file with -o, its ending .png, .svg or .pdf");
    cinch_model *model = cn_model_open(arguments->words[1], error);
    cinch_status status = model ? plot(arguments, model, path, error) : error->status;
    cinch_model_free(model);
    return (int)status;
}

static const cn_flag flags[] = {
    {"output", 'o', "FILE",
     "where to: its ending, .png, .svg or .pdf, says what; - for png on standard output"},
    CN_DATA_FLAGS,
    {NULL, 0, NULL, NULL},
};

const cn_command cn_command_plot = {
    .name = "plot",
    .usage = "FIGURE MODEL [DATA] -o FILE",
    .summary = "draws a figure: compare, grid, walk, latent, loss, filters, ...",
    .examples = "cinch plot loss run -o loss.png\n"
                "cinch plot \"compare rows=input,code\" run digits.idx.gz -o digits.svg\n"
                "cinch plot latent run table.csv --label species -o codes.pdf\n",
    .description =
        "FIGURE is a name or, in quotes, a name with its options; `cinch help figures` lists them.\n"
        "MODEL is a model file or a run folder. DATA are rows, where the figure draws rows.",
    .flags = flags,
    .least_words = 2,
    .most_words = 3,
    .run = run,
};
