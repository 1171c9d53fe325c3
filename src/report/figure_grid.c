/* grid: the first N x N rows, or what the model makes of them after or before its training. */
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "report/tile.h"

enum { INPUT, RECONSTRUCTION, AFTER = 0, BEFORE };

static bool is_noisy(const cn_spec *spec)
{
    return cn_job_value(spec, "noise")->flag;
}

static cinch_status check(const cn_spec *spec, const cinch_model *model, cinch_error *error)
{
    return is_noisy(spec) ? cn_check_noisy(model, error) : CINCH_OK;
}

static bool wants_before(const cn_spec *spec)
{
    return cn_job_value(spec, "of")->word == RECONSTRUCTION && cn_job_value(spec, "when")->word == BEFORE;
}

/* Tiles as wide as the page takes, up to twice the pixels that they have in a 28 x 28 image. */
static double tile_step(size_t side)
{
    return fmin((CN_PAGE_WIDTH - 2 * CN_MARGIN) / (double)side, 64);
}

static void draw_tiles(const cn_figure_job *job, cn_canvas *canvas, const cn_look *look, const float *values,
                       size_t side, size_t nrow, double y)
{
    double step = tile_step(side), tile = step * 0.94, height = cn_look_height(look, tile);
    for (size_t r = 0; r < nrow; r++)
        cn_tile_draw(canvas, look, values + r * job->data->features, CN_MARGIN + step * (double)(r % side),
                     y + (height + step - tile) * (double)(r / side), tile, height);
}

static cinch_status draw_page(const cn_figure_job *job, cn_canvas *canvas, const cn_look *look,
                              const float *values, size_t side, size_t nrow, cinch_error *error)
{
    static const char *const titles[] = {"Rows as they are", "Reconstructions after training",
                                         "Reconstructions before training", "Rows with noise"};
    bool before = wants_before(job->spec), input = cn_job_value(job->spec, "of")->word == INPUT;
    double step = tile_step(side), height = cn_look_height(look, 0.94 * step) + 0.06 * step;
    size_t lines = (nrow + side - 1) / side;
    double width = fmax(2 * CN_MARGIN + step * (double)(nrow < side ? nrow : side), 360);
    cinch_status status =
        cn_canvas_open(canvas, width, CN_TITLE_HEIGHT + height * (double)lines + CN_MARGIN, error);
    if (status)
        return status;
    char line[320];
    snprintf(line, sizeof line, "the first %zu row%s of %.240s%s%s", nrow, nrow == 1 ? "" : "s",
             cn_job_source(job), is_noisy(job->spec) ? ", with the model's noise" : "",
             look->image ? "" : ", scaled");
    double y = cn_canvas_title(canvas, titles[input ? is_noisy(job->spec) ? 3 : 0 : before ? 2 : 1], line);
    draw_tiles(job, canvas, look, values, side, nrow, y);
    return CINCH_OK;
}

/* What the spec asks for of the job's first rows; NULL in *made: the rows as they are. */
static cinch_status make_rows(const cn_figure_job *job, size_t nrow, float **made, cinch_error *error)
{
    const cinch_model *model = wants_before(job->spec) ? job->before : job->model;
    bool input = cn_job_value(job->spec, "of")->word == INPUT;
    if (is_noisy(job->spec)) {
        float *noisy = NULL, *reconstructions = NULL;
        cinch_status status = cn_job_noisy(job, model, nrow, &noisy, &reconstructions, error);
        *made = input ? noisy : reconstructions;
        cn_free(input ? reconstructions : noisy);
        return status;
    }
    if (!input && !(*made = cn_job_reconstructions(job, model, nrow, error)))
        return CINCH_FAILED;
    return CINCH_OK;
}

/* The range is the inputs' in every case, so that grids of one run can be laid side by side. */
static cinch_status draw(const cn_figure_job *job, cn_canvas *canvas, cinch_error *error)
{
    size_t side = cn_job_value(job->spec, "side")->count, rows = cinch_data_rows(job->data);
    size_t nrow = side * side < rows ? side * side : rows;
    cn_look look = cn_look_rows(job->model, job->data);
    float *inputs = cn_job_rows(job, nrow, error), *made = NULL;
    cinch_status status = inputs ? CINCH_OK : CINCH_MEMORY;
    if (inputs)
        cn_look_prepare(&look, job->model, inputs, nrow);
    if (inputs)
        status = make_rows(job, nrow, &made, error);
    if (made)
        cn_look_scale(&look, job->model, made, nrow);
    if (!status)
        status = draw_page(job, canvas, &look, made ? made : inputs, side, nrow, error);
    cn_free(made);
    cn_free(inputs);
    return status;
}

static const char *const of_words[] = {"input", "reconstruction", NULL};
static const char *const when_words[] = {"after", "before", NULL};

static const cn_option options[] = {
    {.name = "side",
     .type = CN_COUNT,
     .value_argument = true,
     .minimum = 1,
     .maximum = 50,
     .standard = "10",
     .summary = "so many rows across, and as many down"},
    {.name = "of",
     .type = CN_WORD,
     .words = of_words,
     .standard = "reconstruction",
     .summary = "what is drawn"},
    {.name = "when",
     .type = CN_WORD,
     .words = when_words,
     .standard = "after",
     .summary = "by the weights after training, or by those that it started from"},
    {.name = "noise",
     .type = CN_FLAG,
     .standard = "false",
     .summary = "of the rows as the model's own noise corrupts them"},
    CN_FIGURE_AS,
    {.name = NULL},
};

const cn_figure cn_figure_grid = {
    .part = {.name = "grid",
             .summary = "the first rows as a square of images",
             .example = "grid 10 of=reconstruction when=after",
             .options = options},
    .rows = true,
    .before = wants_before,
    .check = check,
    .draw = draw,
};
