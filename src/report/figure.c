/* Figures asked for, checked, given what they need, drawn and written. */
#include "report/figure.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { ROWS_AT_A_TIME = 4096, LONGEST_NAME = 100 };

static const cn_part *const *parts(void)
{
    return (const cn_part *const *)cn_figures;
}

static const cn_figure *figure_of(const cn_spec *spec)
{
    return (const cn_figure *)spec->part;
}

/* ---- Options --------------------------------------------------------------------------------------- */

const cn_value *cn_job_value(const cn_spec *spec, const char *name)
{
    size_t i = 0;
    while (strcmp(spec->part->options[i].name, name) != 0)
        i++;
    return &spec->values[i];
}

/* The file's name without its ending. */
static const char *name_of(const cn_spec *spec)
{
    const char *name = cn_job_value(spec, "as")->text;
    return *name ? name : spec->part->name;
}

static cinch_status check_name(const char *name, cinch_error *error)
{
    if (name[0] == '.' || strchr(name, '/') || strlen(name) > LONGEST_NAME)
        return cn_fail(error, CINCH_USAGE,
                       "as = %.120s: a file's name is wanted, without slashes, of at most %d bytes", name,
                       LONGEST_NAME);
    return CINCH_OK;
}

static cinch_status check_spec(const cn_spec *spec, const cinch_model *model, cinch_error *error)
{
    const cn_figure *figure = figure_of(spec);
    cinch_error local = {0};
    cinch_status status = check_name(name_of(spec), &local);
    if (!status && figure->check)
        status = figure->check(spec, model, &local);
    return status ? cn_fail(error, status, "%s: %s", spec->part->name, local.message) : CINCH_OK;
}

static cinch_status check_pipeline(const cn_pipeline *figures, const cinch_model *model, cinch_error *error)
{
    cinch_status status = CINCH_OK;
    for (size_t i = 0; i < figures->count && !status; i++) {
        status = check_spec(&figures->specs[i], model, error);
        for (size_t j = 0; j < i && !status; j++)
            if (!strcmp(name_of(&figures->specs[i]), name_of(&figures->specs[j])))
                status = cn_fail(error, CINCH_USAGE,
                                 "figures: two are named \"%s\"; give one another name with as=NAME",
                                 name_of(&figures->specs[i]));
    }
    if (!status && figures->count && !cn_painter_open(error))
        status = CINCH_FAILED;
    return status;
}

cinch_status cn_figures_parse(const char *text, const cinch_model *model, cn_pipeline *figures,
                              cinch_error *error)
{
    *figures = (cn_pipeline){0};
    cinch_status status = cn_pipeline_parse(text, "figure", parts(), CN_MAX_FIGURES, figures, error);
    if (!status && (status = check_pipeline(figures, model, error)))
        cn_pipeline_clear(figures);
    return status;
}

const char *cn_job_source(const cn_figure_job *job)
{
    const char *slash = strrchr(job->data->source, '/');
    return slash && slash[1] ? slash + 1 : job->data->source;
}

/* ---- Rows and codes -------------------------------------------------------------------------------- */

float *cn_job_rows(const cn_figure_job *job, size_t nrow, cinch_error *error)
{
    size_t nvalue;
    if (!cn_multiply(nrow, job->data->features, &nvalue))
        nvalue = SIZE_MAX;
    float *rows = cn_new(nvalue, sizeof *rows, error);
    if (rows)
        cinch_data_get(job->data, 0, nrow, rows);
    return rows;
}

typedef cinch_status run_rows(cinch_runner *runner, const cinch_data *data, size_t first, size_t nrow,
                              float *results, cinch_error *error);

static float *run_first(const cn_figure_job *job, const cinch_model *model, run_rows *run, size_t width,
                        size_t nrow, cinch_error *error)
{
    size_t nvalue;
    if (!cn_multiply(nrow, width, &nvalue))
        nvalue = SIZE_MAX;
    float *results = cn_new(nvalue, sizeof *results, error);
    cinch_runner *runner = results ? cinch_runner_new(model, 1, error) : NULL;
    if (!runner || run(runner, job->data, 0, nrow, results, error)) {
        cn_free(results);
        results = NULL;
    }
    cinch_runner_free(runner);
    return results;
}

float *cn_job_codes(const cn_figure_job *job, const cinch_model *model, size_t nrow, cinch_error *error)
{
    return run_first(job, model, cinch_runner_encode, cn_shape_size(model->code), nrow, error);
}

float *cn_job_reconstructions(const cn_figure_job *job, const cinch_model *model, size_t nrow,
                              cinch_error *error)
{
    return run_first(job, model, cinch_runner_reconstruct, job->data->features, nrow, error);
}

float *cn_decode_codes(const cinch_model *model, const float *codes, size_t nrow, cinch_error *error)
{
    size_t features = cn_shape_size(model->input), nvalue;
    cinch_shape shape = {.rank = 2, .sizes = {nrow, cn_shape_size(model->code)}};
    if (!cn_multiply(nrow, features, &nvalue))
        nvalue = SIZE_MAX;
    float *rows = cn_new(nvalue, sizeof *rows, error);
    cinch_data *data = rows ? cinch_data_view(CINCH_F32, shape, codes, error) : NULL;
    cinch_runner *runner = data ? cinch_runner_new(model, 1, error) : NULL;
    if (!runner || cinch_runner_decode(runner, data, 0, nrow, rows, error)) {
        cn_free(rows);
        rows = NULL;
    }
    cinch_runner_free(runner);
    cinch_data_free(data);
    return rows;
}

cinch_status cn_check_noisy(const cinch_model *model, cinch_error *error)
{
    if (!model->nodes[0].layer->mirror)
        return CINCH_OK;
    return cn_fail(error, CINCH_USAGE, "the model's encoder does not begin with noise");
}

cinch_status cn_job_noisy(const cn_figure_job *job, const cinch_model *model, size_t nrow, float **noisy,
                          float **reconstructions, cinch_error *error)
{
    size_t nvalue;
    if (!cn_multiply(nrow, job->data->features, &nvalue))
        nvalue = SIZE_MAX;
    *noisy = cn_new(nvalue, sizeof **noisy, error);
    *reconstructions = *noisy ? cn_new(nvalue, sizeof **reconstructions, error) : NULL;
    cinch_runner *runner = *reconstructions ? cinch_runner_new(model, 1, error) : NULL;
    cinch_status status =
        runner ? cinch_runner_reconstruct_noisy(runner, job->data, 0, nrow, *noisy, *reconstructions, error)
               : CINCH_MEMORY;
    cinch_runner_free(runner);
    if (status) {
        cn_free(*noisy);
        cn_free(*reconstructions);
        *noisy = *reconstructions = NULL;
    }
    return status;
}

void cn_sample_clear(cn_sample *sample)
{
    cn_free(sample->codes);
    cn_free(sample->rows);
    *sample = (cn_sample){0};
}

/* Row number i of the sample is row floor(i * rows / count) of the data: all of them are encoded piece
 * by piece. */
static cinch_status fill_sample(const cn_figure_job *job, cinch_runner *runner, float *piece,
                                cn_sample *sample, cinch_error *error)
{
    size_t rows = cinch_data_rows(job->data), taken = 0;
    cinch_status status = CINCH_OK;
    for (size_t i = 0; i < sample->count; i++)
        sample->rows[i] = (size_t)((double)i * (double)rows / (double)sample->count);
    for (size_t first = 0; first < rows && !status; first += ROWS_AT_A_TIME) {
        size_t count = rows - first < ROWS_AT_A_TIME ? rows - first : ROWS_AT_A_TIME;
        status = cinch_runner_encode(runner, job->data, first, count, piece, error);
        for (; !status && taken < sample->count && sample->rows[taken] < first + count; taken++)
            memcpy(sample->codes + taken * sample->width,
                   piece + (sample->rows[taken] - first) * sample->width, sample->width * sizeof *piece);
    }
    return status;
}

cinch_status cn_job_sample(const cn_figure_job *job, size_t most, cn_sample *sample, cinch_error *error)
{
    size_t rows = cinch_data_rows(job->data), pieces;
    *sample = (cn_sample){.count = rows < most ? rows : most, .width = cn_shape_size(job->model->code)};
    if (!cn_multiply(sample->width, rows < ROWS_AT_A_TIME ? rows : ROWS_AT_A_TIME, &pieces))
        pieces = SIZE_MAX;
    cinch_runner *runner = cinch_runner_new(job->model, job->threads, error);
    float *piece = runner ? cn_new(pieces, sizeof *piece, error) : NULL;
    sample->codes = piece ? cn_new(sample->count * sample->width, sizeof *sample->codes, error) : NULL;
    sample->rows = sample->codes ? cn_new(sample->count, sizeof *sample->rows, error) : NULL;
    cinch_status status = sample->rows ? fill_sample(job, runner, piece, sample, error) : CINCH_MEMORY;
    cn_free(piece);
    cinch_runner_free(runner);
    if (status)
        cn_sample_clear(sample);
    return status;
}

/* ---- Drawing one ----------------------------------------------------------------------------------- */

/* The net with its starting weights, as the recipe's seed draws them or the file init_from has them;
 * what is not drawn starts at 0. */
static cinch_model *starting_model(const cinch_model *model, const char *init_from, cinch_error *error)
{
    cinch_model *start = cn_model_copy(model, error);
    for (size_t i = 0; start && i < start->nparameter; i++)
        memset(start->parameters[i].values, 0, start->parameters[i].count * sizeof(float));
    if (start && cn_model_init(start, init_from, error)) {
        cinch_model_free(start);
        start = NULL;
    }
    return start;
}

static cinch_status check_rows(const cn_figure_job *job, cinch_error *error)
{
    const cn_figure *figure = figure_of(job->spec);
    const char *name = job->spec->part->name;
    bool wanted = figure->rows && !(figure->rowless && figure->rowless(job->spec, job->model));
    if (!figure->rows || (!job->data && !wanted))
        return CINCH_OK;
    if (!job->data)
        return cn_fail(error, CINCH_USAGE, "%s: draws rows: name their file after the model", name);
    size_t features = cn_shape_size(job->model->input);
    if (job->data->features != features)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: its rows have %zu values, the model takes %zu",
                       job->data->source, job->data->features, features);
    if (cinch_data_rows(job->data) == 0)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: has no rows to draw", job->data->source);
    return CINCH_OK;
}

static cinch_status draw_and_write(const cn_figure_job *job, cn_picture picture, const char *path,
                                   cinch_error *error)
{
    cn_canvas canvas;
    cn_canvas_init(&canvas, picture);
    cinch_status status = figure_of(job->spec)->draw(job, &canvas, error);
    if (!status && !(status = cn_canvas_close(&canvas, error)))
        status = cn_file_write(path, &canvas.bytes, 1, error);
    cn_canvas_clear(&canvas);
    return status;
}

/* `job` lacks nothing but the starting model, which is made where the figure wants it and it was not
 * given. */
static cinch_status draw_job(cn_figure_job *job, const char *init_from, cn_picture picture, const char *path,
                             cinch_error *error)
{
    const cn_figure *figure = figure_of(job->spec);
    cinch_model *start = NULL;
    cinch_status status = check_rows(job, error);
    if (!status && figure->before && figure->before(job->spec) && !job->before) {
        job->before = start = starting_model(job->model, init_from, error);
        status = start ? CINCH_OK : CINCH_FAILED;
    }
    if (!status)
        status = draw_and_write(job, picture, path, error);
    cinch_model_free(start);
    return status && error->status ? error->status : status;
}

/* ---- A recipe's ------------------------------------------------------------------------------------ */

static const cinch_data *rows_for(const cn_figure *figure, const cn_figures_input *input)
{
    bool better = figure->labels && input->test && !input->test->array.labels && input->train->array.labels;
    return input->test && !better ? input->test : input->train;
}

cinch_status cn_figures_draw(const cn_pipeline *figures, const cn_figures_input *input, const char *folder,
                             cinch_error *error)
{
    cinch_status status = CINCH_OK;
    for (size_t i = 0; i < figures->count && !status; i++) {
        const cn_spec *spec = &figures->specs[i];
        cn_figure_job job = {.spec = spec,
                             .model = input->model,
                             .data = rows_for(figure_of(spec), input),
                             .threads = input->threads};
        char file[LONGEST_NAME + sizeof ".png"];
        snprintf(file, sizeof file, "%s.png", name_of(spec));
        char *path = cn_path_join(folder, file, error);
        status = path ? draw_job(&job, input->init_from, CN_PNG, path, error) : CINCH_MEMORY;
        cn_free(path);
    }
    return status;
}

/* ---- One by itself --------------------------------------------------------------------------------- */

static cinch_status find_picture(const char *path, cn_picture *picture, cinch_error *error)
{
    static const char *const endings[] = {[CN_PNG] = ".png", [CN_SVG] = ".svg", [CN_PDF] = ".pdf"};
    size_t length = strlen(path);
    *picture = CN_PNG;
    if (strcmp(path, "-") == 0)
        return CINCH_OK;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (length > strlen(endings[i]) && strcmp(path + length - strlen(endings[i]), endings[i]) == 0) {
            *picture = (cn_picture)i;
            return CINCH_OK;
        }
    return cn_fail(error, CINCH_USAGE, "%s: a picture's name ends in .png, .svg or .pdf", path);
}

cinch_status cinch_figure_draw(const char *text, const cinch_figure_input *input, const char *path,
                               cinch_error *error)
{
    cinch_error own = {0};
    cn_picture picture;
    cn_spec spec;
    if (!error)
        error = &own;
    cinch_status status = find_picture(path, &picture, error);
    if (status || (status = cn_spec_parse(text, "figure", parts(), &spec, error)))
        return status;
    cn_figure_job job = {.spec = &spec,
                         .model = input->model,
                         .before = input->before,
                         .data = input->data,
                         .threads = input->threads};
    status = check_spec(&spec, input->model, error);
    if (!status)
        status = draw_job(&job, "", picture, path, error);
    cn_spec_clear(&spec);
    return status;
}
