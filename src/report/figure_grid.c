/* grid: the first N x N rows, or what the model makes of them after or before its training, or of codes
 * that are drawn. */
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "model/codes.h"
#include "report/tile.h"

enum { INPUT, RECONSTRUCTION, GENERATED, AFTER = 0, BEFORE };

static bool is_of(const cn_spec *spec, size_t what)
{
    return cn_job_value(spec, "of")->word == what;
}

static bool is_noisy(const cn_spec *spec)
{
    return cn_job_value(spec, "noise")->flag;
}

static cinch_status check(const cn_spec *spec, const cinch_model *model, cinch_error *error)
{
    if (is_of(spec, GENERATED) && is_noisy(spec))
        return cn_fail(error, CINCH_USAGE, "noise is of rows, none of which is in what is generated");
    if (is_of(spec, GENERATED))
        return cn_codes_check(model, error);
    return is_noisy(spec) ? cn_check_noisy(model, error) : CINCH_OK;
}

static bool wants_before(const cn_spec *spec)
{
    return !is_of(spec, INPUT) && cn_job_value(spec, "when")->word == BEFORE;
}

static bool rowless(const cn_spec *spec, const cinch_model *model)
{
    (void)model;
    return is_of(spec, GENERATED);
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
        cn_tile_draw(canvas, look, values + r * cn_shape_size(job->model->input),
                     CN_MARGIN + step * (double)(r % side), y + (height + step - tile) * (double)(r / side),
                     tile, height);
}

static cinch_status draw_page(const cn_figure_job *job, cn_canvas *canvas, const cn_look *look,
                              const float *values, size_t side, size_t nrow, cinch_error *error)
{
    static const char *const titles[][2] = {
        [INPUT] = {"Rows as they are", "Rows with noise"},
        [RECONSTRUCTION] = {"Reconstructions after training", "Reconstructions before training"},
        [GENERATED] = {"Rows generated after training", "Rows generated before training"}};
    bool second = is_of(job->spec, INPUT) ? is_noisy(job->spec) : wants_before(job->spec);
    double step = tile_step(side), height = cn_look_height(look, 0.94 * step) + 0.06 * step;
    size_t lines = (nrow + side - 1) / side;
    double width = fmax(2 * CN_MARGIN + step * (double)(nrow < side ? nrow : side), 360);
    cinch_status status =
        cn_canvas_open(canvas, width, CN_TITLE_HEIGHT + height * (double)lines + CN_MARGIN, error);
    if (status)
        return status;
    char line[320];
    if (is_of(job->spec, GENERATED))
        snprintf(line, sizeof line, "%zu row%s of codes drawn with seed %zu%s", nrow, nrow == 1 ? "" : "s",
                 cn_job_value(job->spec, "seed")->count, look->image ? "" : ", scaled");
    else
        snprintf(line, sizeof line, "the first %zu row%s of %.240s%s%s", nrow, nrow == 1 ? "" : "s",
                 cn_job_source(job), is_noisy(job->spec) ? ", with the model's noise" : "",
                 look->image ? "" : ", scaled");
    double y = cn_canvas_title(canvas, titles[cn_job_value(job->spec, "of")->word][second], line);
    draw_tiles(job, canvas, look, values, side, nrow, y);
    return CINCH_OK;
}

/* What the spec asks for of the job's first rows; NULL in *made: the rows as they are. */
static cinch_status make_rows(const cn_figure_job *job, size_t nrow, float **made, cinch_error *error)
{
    const cinch_model *model = wants_before(job->spec) ? job->before : job->model;
    bool input = is_of(job->spec, INPUT);
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
static cinch_status draw_rows(const cn_figure_job *job, cn_canvas *canvas, size_t side, cinch_error *error)
{
    size_t rows = cinch_data_rows(job->data), nrow = side * side < rows ? side * side : rows;
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

/* No rows are looked at, so that the picture is the same with them and without. */
static cinch_status draw_generated(const cn_figure_job *job, cn_canvas *canvas, size_t side,
                                   cinch_error *error)
{
    const cinch_model *model = wants_before(job->spec) ? job->before : job->model;
    cn_look look = cn_look_rows(model, NULL);
    size_t nvalue, nrow = side * side;
    if (!cn_multiply(nrow, cn_shape_size(model->input), &nvalue))
        nvalue = SIZE_MAX;
    float *rows = cn_new(nvalue, sizeof *rows, error);
    cinch_runner *runner = rows ? cinch_runner_new(model, job->threads, error) : NULL;
    cinch_status status =
        runner ? cinch_runner_generate(runner, cn_job_value(job->spec, "seed")->count, 0, nrow, rows, error)
               : CINCH_MEMORY;
    if (!status) {
        cn_look_prepare(&look, model, rows, nrow);
        status = draw_page(job, canvas, &look, rows, side, nrow, error);
    }
    cinch_runner_free(runner);
    cn_free(rows);
    return status;
}

static cinch_status draw(const cn_figure_job *job, cn_canvas *canvas, cinch_error *error)
{
    size_t side = cn_job_value(job->spec, "side")->count;
    return is_of(job->spec, GENERATED) ? draw_generated(job, canvas, side, error)
                                       : draw_rows(job, canvas, side, error);
}

static const char *const of_words[] = {"input", "reconstruction", "generated", NULL};
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
    {.name = "seed",
     .type = CN_COUNT,
     .maximum = 9007199254740991.0,
     .standard = "1",
     .summary = "of the codes that are drawn for what is generated"},
    CN_FIGURE_AS,
    {.name = NULL},
};

const cn_figure cn_figure_grid = {
    .part = {.name = "grid",
             .summary = "the first rows, or new ones, as a square of images",
             .example = "grid 10 of=reconstruction when=after",
             .options = options},
    .rows = true,
    .rowless = rowless,
    .before = wants_before,
    .check = check,
    .draw = draw,
};
