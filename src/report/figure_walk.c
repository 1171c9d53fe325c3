/* walk: what the decoder makes of codes between those of the rows. A code of two values is a map, laid out
 * as one sheet of N x N images: a drawn one at the normal distribution's quantiles (Kingma, Welling 2014),
 * another in even steps over the range of the rows' codes. Of other codes there are lines from one row to
 * the next. */
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "report/tile.h"

enum { SAMPLE = 10000, LARGEST_STEP = 64 };

static size_t side_of(const cn_figure_job *job)
{
    return cn_job_value(job->spec, "side")->count;
}

static bool is_map(const cinch_model *model)
{
    return cn_shape_size(model->code) == 2;
}

static bool rowless(const cn_spec *spec, const cinch_model *model)
{
    (void)spec;
    return is_map(model) && cinch_model_generates(model);
}

/* ---- A map --------------------------------------------------------------------------------------------- */

/* Codes of two values in even steps, ordered as cinch_codes_grid's. */
static void even_grid(const double low[2], const double high[2], size_t side, float *codes)
{
    double last = side > 1 ? (double)(side - 1) : 1;
    for (size_t i = 0; i < side * side; i++) {
        double right = (double)(i % side) / last, up = (double)(side - 1 - i / side) / last;
        codes[2 * i] = (float)(low[0] + (high[0] - low[0]) * right);
        codes[2 * i + 1] = (float)(low[1] + (high[1] - low[1]) * up);
    }
}

/* Fills codes[side * side][2] and a line that says where they lie. */
static cinch_status make_map(const cn_figure_job *job, float *codes, char *line, size_t room,
                             cinch_error *error)
{
    size_t side = side_of(job);
    if (cinch_model_generates(job->model)) {
        cinch_codes_grid(side, codes);
        snprintf(line, room, "codes at normal quantiles, the first value to the right, the second up");
        return CINCH_OK;
    }
    cn_sample sample;
    cinch_status status = cn_job_sample(job, SAMPLE, &sample, error);
    if (status)
        return status;
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (size_t i = 0; i < 2 * sample.count; i++) {
        low[i % 2] = fmin(low[i % 2], (double)sample.codes[i]);
        high[i % 2] = fmax(high[i % 2], (double)sample.codes[i]);
    }
    cn_sample_clear(&sample);
    even_grid(low, high, side, codes);
    snprintf(line, room, "codes from %.3g to %.3g to the right, from %.3g to %.3g up", low[0], high[0],
             low[1], high[1]);
    return CINCH_OK;
}

/* Images touch, in whole points so that no seam shows; bars keep a distance. */
static cinch_status draw_sheet(const cn_figure_job *job, cn_canvas *canvas, const cn_look *look,
                               const float *rows, const char *line, cinch_error *error)
{
    size_t side = side_of(job), features = cn_shape_size(job->model->input);
    double step = floor(fmin((CN_PAGE_WIDTH - 2 * CN_MARGIN) / (double)side, LARGEST_STEP));
    double tile = look->image ? step : 0.94 * step;
    double height = round(cn_look_height(look, tile)), down = height + step - tile;
    double width = fmax(2 * CN_MARGIN + step * (double)side, 480);
    cinch_status status =
        cn_canvas_open(canvas, width, CN_TITLE_HEIGHT + down * (double)side + CN_MARGIN, error);
    if (status)
        return status;
    double y = cn_canvas_title(canvas, "Decoded over the plane of codes", line);
    for (size_t i = 0; i < side * side; i++)
        cn_tile_draw(canvas, look, rows + i * features, CN_MARGIN + step * (double)(i % side),
                     y + down * (double)(i / side), tile, height);
    return CINCH_OK;
}

static cinch_status draw_map(const cn_figure_job *job, cn_canvas *canvas, cinch_error *error)
{
    size_t nrow = side_of(job) * side_of(job);
    char line[160];
    cn_look look = cn_look_rows(job->model, job->data);
    float *codes = cn_new(nrow * 2, sizeof *codes, error), *rows = NULL;
    cinch_status status = codes ? make_map(job, codes, line, sizeof line, error) : CINCH_MEMORY;
    if (!status && !(rows = cn_decode_codes(job->model, codes, nrow, error)))
        status = CINCH_MEMORY;
    if (rows) {
        cn_look_prepare(&look, job->model, rows, nrow);
        status = draw_sheet(job, canvas, &look, rows, line, error);
    }
    cn_free(rows);
    cn_free(codes);
    return status;
}

/* ---- Lines --------------------------------------------------------------------------------------------- */

/* Line i goes from row 2 i to row 2 i + 1; of a single row, to itself. */
struct lines {
    size_t count, steps, nrow, features;
    float *ends, *codes, *rows; /* [nrow] rows as they are; their codes; [count][steps] decoded */
};

static cinch_status make_lines(const cn_figure_job *job, struct lines *lines, cinch_error *error)
{
    size_t width = cn_shape_size(job->model->code), between = lines->count * lines->steps, nvalue;
    if (!cn_multiply(between, width, &nvalue))
        nvalue = SIZE_MAX;
    lines->ends = cn_job_rows(job, lines->nrow, error);
    lines->codes = lines->ends ? cn_job_codes(job, job->model, lines->nrow, error) : NULL;
    float *codes = lines->codes ? cn_new(nvalue, sizeof *codes, error) : NULL;
    for (size_t i = 0; codes && i < lines->count; i++) {
        size_t to = 2 * i + 1 < lines->nrow ? 2 * i + 1 : 2 * i;
        cinch_codes_line(lines->codes + 2 * i * width, lines->codes + to * width, lines->steps, width,
                         codes + i * lines->steps * width);
    }
    if (codes)
        lines->rows = cn_decode_codes(job->model, codes, between, error);
    cn_free(codes);
    return lines->rows ? CINCH_OK : CINCH_MEMORY;
}

static void draw_line(const struct lines *lines, size_t i, cn_canvas *canvas, const cn_look *look,
                      double step, double y)
{
    double tile = 0.94 * step, gap = 0.2 * step, height = cn_look_height(look, tile), x = CN_MARGIN;
    size_t to = 2 * i + 1 < lines->nrow ? 2 * i + 1 : 2 * i;
    cn_tile_draw(canvas, look, lines->ends + 2 * i * lines->features, x, y, tile, height);
    x += step + gap;
    for (size_t s = 0; s < lines->steps; s++, x += step)
        cn_tile_draw(canvas, look, lines->rows + (i * lines->steps + s) * lines->features, x, y, tile,
                     height);
    cn_tile_draw(canvas, look, lines->ends + to * lines->features, x + gap, y, tile, height);
}

static cinch_status draw_page(const cn_figure_job *job, cn_canvas *canvas, const struct lines *lines,
                              const cn_look *look, cinch_error *error)
{
    double step = fmin((CN_PAGE_WIDTH - 2 * CN_MARGIN) / ((double)lines->steps + 2.4), LARGEST_STEP);
    double down = cn_look_height(look, 0.94 * step) + 0.06 * step + 4;
    double width = fmax(2 * CN_MARGIN + step * ((double)lines->steps + 2.4), 480);
    cinch_status status =
        cn_canvas_open(canvas, width, CN_TITLE_HEIGHT + down * (double)lines->count + CN_MARGIN, error);
    if (status)
        return status;
    char line[320];
    snprintf(line, sizeof line, "%.240s: two rows, and what lies between their codes in %zu steps",
             cn_job_source(job), lines->steps);
    double y = cn_canvas_title(canvas, "From row to row", line);
    for (size_t i = 0; i < lines->count; i++)
        draw_line(lines, i, canvas, look, step, y + down * (double)i);
    return CINCH_OK;
}

static cinch_status draw_lines(const cn_figure_job *job, cn_canvas *canvas, cinch_error *error)
{
    size_t rows = cinch_data_rows(job->data), wanted = cn_job_value(job->spec, "lines")->count;
    struct lines lines = {.steps = side_of(job),
                          .nrow = 2 * wanted < rows ? 2 * wanted : rows,
                          .features = cn_shape_size(job->model->input)};
    lines.count = (lines.nrow + 1) / 2;
    cn_look look = cn_look_rows(job->model, job->data);
    cinch_status status = make_lines(job, &lines, error);
    if (!status) {
        cn_look_prepare(&look, job->model, lines.ends, lines.nrow);
        cn_look_scale(&look, job->model, lines.rows, lines.count * lines.steps);
        status = draw_page(job, canvas, &lines, &look, error);
    }
    cn_free(lines.rows);
    cn_free(lines.codes);
    cn_free(lines.ends);
    return status;
}

static cinch_status draw(const cn_figure_job *job, cn_canvas *canvas, cinch_error *error)
{
    return is_map(job->model) ? draw_map(job, canvas, error) : draw_lines(job, canvas, error);
}

static const cn_option options[] = {
    {.name = "side",
     .type = CN_COUNT,
     .value_argument = true,
     .minimum = 1,
     .maximum = 50,
     .standard = "15",
     .summary = "so many steps across, and in a map as many up"},
    {.name = "lines",
     .type = CN_COUNT,
     .minimum = 1,
     .maximum = 50,
     .standard = "8",
     .summary = "lines from one row to the next, where the code has not two values"},
    CN_FIGURE_AS,
    {.name = NULL},
};

const cn_figure cn_figure_walk = {
    .part = {.name = "walk",
             .summary = "what the decoder makes of codes between those of the rows",
             .equation = "of a code of two values a map, else lines from row to row",
             .example = "walk 15 lines=8",
             .options = options},
    .rows = true,
    .rowless = rowless,
    .draw = draw,
};
