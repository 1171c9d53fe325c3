/* mask: the columns that a first layer `concrete` chose, as pixels over the rows' mean, or as a strip with
 * their names. */
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "report/tile.h"

enum { MOST_ROWS = 4096, LINE = 18, MOST_LINES = 20, STRIP_HEIGHT = 40, LEGEND = 26 };

static cinch_status check(const cn_spec *spec, const cinch_model *model, cinch_error *error)
{
    (void)spec;
    return cinch_model_nchosen(model)
               ? CINCH_OK
               : cn_fail(error, CINCH_USAGE,
                         "the model chooses no columns: its encoder does not begin with "
                         "concrete");
}

/* How many choices have fallen on each column, [values of a row]. The caller frees it. */
static size_t *count_choices(const cinch_model *model, cinch_error *error)
{
    size_t *counts = cn_new(cn_shape_size(model->input), sizeof *counts, error);
    for (size_t i = 0; counts && i < cinch_model_nchosen(model); i++)
        counts[cinch_model_chosen(model, i)]++;
    return counts;
}

static cn_colour colour_of(size_t count)
{
    return cn_colour_class(count > 1 ? 0 : 1);
}

/* ---- Images -------------------------------------------------------------------------------------------- */

/* The mean of the rows as they are to mean[values of a row]; left 0 where the job has none. */
static cinch_status add_mean(const cn_figure_job *job, float *mean, cinch_error *error)
{
    size_t features = cn_shape_size(job->model->input), nrow = job->data ? cinch_data_rows(job->data) : 0;
    if (!nrow || job->data->features != features)
        return CINCH_OK;
    float *row = cn_new(features, sizeof *row, error);
    nrow = nrow < MOST_ROWS ? nrow : MOST_ROWS;
    for (size_t r = 0; row && r < nrow; r++) {
        cinch_data_get(job->data, r, 1, row);
        for (size_t f = 0; f < features; f++)
            mean[f] += row[f] / (float)nrow;
    }
    cn_free(row);
    return row ? CINCH_OK : CINCH_MEMORY;
}

/* Paler than a picture, so that the marks stand out. */
static cn_colour shade(double share)
{
    return cn_colour_grey(1 - 0.6 * share);
}

static cn_colour *mask_pixels(const cn_figure_job *job, const cn_look *look, const size_t *counts,
                              cinch_error *error)
{
    size_t npixel = look->height * look->width, channels = look->channels;
    float *mean = cn_new(npixel * channels, sizeof *mean, error);
    cn_colour *pixels = mean && !add_mean(job, mean, error) ? cn_new(npixel, sizeof *pixels, error) : NULL;
    cn_look fitted = *look;
    if (pixels)
        cn_look_fit(&fitted, mean, npixel * channels);
    for (size_t i = 0; pixels && i < npixel; i++) {
        size_t count = 0;
        double value = 0;
        for (size_t c = i * channels; c < (i + 1) * channels; c++) {
            count += counts[c];
            value += (double)mean[c] / (double)channels;
        }
        pixels[i] = count ? colour_of(count) : shade((value - fitted.low) / (fitted.high - fitted.low));
    }
    cn_free(mean);
    return pixels;
}

static cinch_status draw_image(const cn_figure_job *job, const cn_look *look, const size_t *counts,
                               const char *line, cn_canvas *canvas, cinch_error *error)
{
    enum { WIDTH = 420 };
    double height = cn_look_height(look, WIDTH);
    cn_colour *pixels = mask_pixels(job, look, counts, error);
    cinch_status status =
        pixels ? cn_canvas_open(canvas, CN_PAGE_WIDTH, CN_TITLE_HEIGHT + height + LEGEND + CN_MARGIN, error)
               : CINCH_MEMORY;
    if (!status) {
        double y = cn_canvas_title(canvas, "The chosen values", line);
        double x = (CN_PAGE_WIDTH - WIDTH) / 2.0;
        cn_canvas_image(canvas, x, y, WIDTH, height, pixels, look->width, look->height);
        cn_canvas_frame(canvas, x, y, WIDTH, height, CN_FRAME);
        y += height + LEGEND;
        cn_canvas_rectangle(canvas, x, y - 10, 10, 10, colour_of(1));
        x += 16 + cn_canvas_text(canvas, CN_TEXT_SMALL, CN_LEFT, x + 16, y, 120, "chosen once");
        cn_canvas_rectangle(canvas, x + 20, y - 10, 10, 10, colour_of(2));
        cn_canvas_text(canvas, CN_TEXT_SMALL, CN_LEFT, x + 36, y, 160, "more than once");
    }
    cn_free(pixels);
    return status;
}

/* ---- Tables -------------------------------------------------------------------------------------------- */

static void column_label(const cinch_model *model, size_t column, size_t count, char text[200])
{
    const char *name = cinch_model_column(model, column);
    int length = name ? snprintf(text, 200, "%zu  %.160s", column, name) : snprintf(text, 200, "%zu", column);
    if (count > 1)
        snprintf(text + length, 200 - (size_t)length, "  (%zu times)", count);
}

/* Names in as many lines as there are, beyond MOST_LINES in the next of three columns of the page. */
static void list_columns(const cinch_model *model, const size_t *counts, cn_canvas *canvas, double y)
{
    enum { ACROSS = 3 };
    double step = (CN_PAGE_WIDTH - 2.0 * CN_MARGIN) / ACROSS;
    size_t place = 0;
    for (size_t j = 0; j < cn_shape_size(model->input) && place < (size_t)ACROSS * MOST_LINES; j++) {
        char text[200];
        if (!counts[j])
            continue;
        double x = CN_MARGIN + step * (double)(place / MOST_LINES),
               base = y + LINE * (double)(place % MOST_LINES);
        column_label(model, j, counts[j], text);
        cn_canvas_rectangle(canvas, x, base - 10, 10, 10, colour_of(counts[j]));
        cn_canvas_text(canvas, CN_TEXT_LABEL, CN_LEFT, x + 16, base, step - 24, text);
        place++;
    }
}

static cinch_status draw_strip(const cinch_model *model, const size_t *counts, size_t distinct,
                               const char *line, cn_canvas *canvas, cinch_error *error)
{
    size_t features = cn_shape_size(model->input), lines = distinct < MOST_LINES ? distinct : MOST_LINES;
    double width = CN_PAGE_WIDTH - 2.0 * CN_MARGIN, step = width / (double)features;
    cinch_status status =
        cn_canvas_open(canvas, CN_PAGE_WIDTH,
                       CN_TITLE_HEIGHT + STRIP_HEIGHT + 2 * LINE + LINE * (double)lines + CN_MARGIN, error);
    if (status)
        return status;
    double y = cn_canvas_title(canvas, "The chosen columns", line);
    cn_canvas_rectangle(canvas, CN_MARGIN, y, width, STRIP_HEIGHT, CN_GRID);
    for (size_t j = 0; j < features; j++)
        if (counts[j])
            cn_canvas_rectangle(canvas, CN_MARGIN + step * (double)j, y, fmax(step * 0.94, 1), STRIP_HEIGHT,
                                colour_of(counts[j]));
    cn_canvas_frame(canvas, CN_MARGIN, y, width, STRIP_HEIGHT, CN_FRAME);
    list_columns(model, counts, canvas, y + STRIP_HEIGHT + 2 * LINE);
    return CINCH_OK;
}

static cinch_status draw(const cn_figure_job *job, cn_canvas *canvas, cinch_error *error)
{
    const cinch_model *model = job->model;
    size_t features = cn_shape_size(model->input), distinct = 0;
    size_t *counts = count_choices(model, error);
    if (!counts)
        return CINCH_MEMORY;
    for (size_t j = 0; j < features; j++)
        distinct += counts[j] > 0;
    char line[200];
    snprintf(line, sizeof line, "%zu choices among %zu values of a row, %zu different ones",
             cinch_model_nchosen(model), features, distinct);
    cn_look look = cn_look_rows(model, job->data && job->data->features == features ? job->data : NULL);
    cinch_status status = look.image ? draw_image(job, &look, counts, line, canvas, error)
                                     : draw_strip(model, counts, distinct, line, canvas, error);
    cn_free(counts);
    return status;
}

static const cn_option options[] = {
    CN_FIGURE_AS,
    {.name = NULL},
};

const cn_figure cn_figure_mask = {
    .part = {.name = "mask",
             .summary = "the columns that `concrete` chose, over the row's shape",
             .example = "mask",
             .options = options},
    .check = check,
    .draw = draw,
};
