/* latent: codes in two dimensions, coloured by label; of wider codes the first two principal
 * components. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "report/chart.h"
#include "report/figure.h"

enum { HEIGHT = 560, LEGEND = 160, MOST_CLASSES = 24, ROUNDS = 300, NO_CLASS = -1 };

typedef struct scatter {
    cn_sample sample;
    double *points;   /* [count][2] */
    double shares[2]; /* of the variance, that each axis shows; 0 where the axes are the code's own */
} scatter;

/* ---- Principal components -------------------------------------------------------------------------- */

/* Takes off what of v lies along `axis` (NULL: nothing), then makes it of length 1; false where
 * nothing is left. */
static bool make_unit(double *v, const double *axis, size_t width)
{
    double along = 0, square = 0;
    for (size_t j = 0; axis && j < width; j++)
        along += v[j] * axis[j];
    for (size_t j = 0; j < width; j++) {
        v[j] -= axis ? along * axis[j] : 0;
        square += v[j] * v[j];
    }
    for (size_t j = 0; j < width && square > 0; j++)
        v[j] /= sqrt(square);
    return square > 0;
}

/* next = sum over rows of (row - mean) ((row - mean) . v): the scatter matrix times v, without the
 * matrix. */
static void multiply(const cn_sample *sample, const double *mean, const double *v, double *next)
{
    memset(next, 0, sample->width * sizeof *next);
    for (size_t i = 0; i < sample->count; i++) {
        const float *code = sample->codes + i * sample->width;
        double along = 0;
        for (size_t j = 0; j < sample->width; j++)
            along += ((double)code[j] - mean[j]) * v[j];
        for (size_t j = 0; j < sample->width; j++)
            next[j] += ((double)code[j] - mean[j]) * along;
    }
}

/* Power iteration from a fixed start, kept apart from the axis before it. Its largest part points up. */
static void find_axis(const cn_sample *sample, const double *mean, const double *before, double *axis,
                      double *next)
{
    for (size_t j = 0; j < sample->width; j++)
        axis[j] = 1 + 0.5 * sin((double)(j + 1) * 12.9898);
    bool left = make_unit(axis, before, sample->width);
    for (size_t round = 0; round < ROUNDS && left; round++) {
        multiply(sample, mean, axis, next);
        if (!make_unit(next, before, sample->width))
            break;
        double moved = 0;
        for (size_t j = 0; j < sample->width; j++) {
            moved = fmax(moved, fabs(next[j] - axis[j]));
            axis[j] = next[j];
        }
        if (moved < 1e-7)
            break;
    }
    size_t largest = 0;
    for (size_t j = 0; j < sample->width; j++)
        largest = fabs(axis[j]) > fabs(axis[largest]) ? j : largest;
    for (size_t j = 0, down = axis[largest] < 0; j < sample->width && down; j++)
        axis[j] = -axis[j];
}

/* Coordinates along both axes, and the share of all variance in each. */
static void project(scatter *all, const double *mean, const double *axes)
{
    const cn_sample *sample = &all->sample;
    double total = 0;
    for (size_t i = 0; i < sample->count; i++)
        for (size_t j = 0; j < sample->width; j++) {
            double value = (double)sample->codes[i * sample->width + j] - mean[j];
            total += value * value;
            all->points[2 * i] += value * axes[j];
            all->points[2 * i + 1] += value * axes[sample->width + j];
        }
    for (size_t i = 0; i < 2 * sample->count && total > 0; i++)
        all->shares[i % 2] += all->points[i] * all->points[i] / total;
}

static cinch_status find_components(scatter *all, cinch_error *error)
{
    const cn_sample *sample = &all->sample;
    size_t width = sample->width;
    double *room = cn_new(4 * width, sizeof *room, error); /* mean, two axes, the next one */
    if (!room)
        return CINCH_MEMORY;
    double *mean = room, *axes = room + width, *next = room + 3 * width;
    for (size_t i = 0; i < sample->count * width; i++)
        mean[i % width] += (double)sample->codes[i] / (double)sample->count;
    find_axis(sample, mean, NULL, axes, next);
    find_axis(sample, mean, axes, axes + width, next);
    project(all, mean, axes);
    cn_free(room);
    return CINCH_OK;
}

/* A code of one or two values is its own picture; one value lies on a line. */
static void take_codes(scatter *all)
{
    const cn_sample *sample = &all->sample;
    for (size_t i = 0; i < sample->count; i++)
        for (size_t j = 0; j < sample->width; j++)
            all->points[2 * i + j] = (double)sample->codes[i * sample->width + j];
}

static cinch_status find_points(const cn_figure_job *job, scatter *all, cinch_error *error)
{
    cinch_status status = cn_job_sample(job, cn_job_value(job->spec, "points")->count, &all->sample, error);
    if (status)
        return status;
    all->points = cn_new(2 * all->sample.count, sizeof *all->points, error);
    if (!all->points)
        return CINCH_MEMORY;
    if (all->sample.width > 2)
        return find_components(all, error);
    take_codes(all);
    return CINCH_OK;
}

/* ---- Drawing --------------------------------------------------------------------------------------- */

static int32_t class_of(const cn_figure_job *job, size_t row)
{
    return job->data->array.labels ? job->data->array.labels[row] : NO_CLASS;
}

/* Few classes have each a colour of the eight; more are places on the scale. */
static void draw_point(const cn_chart *chart, const cn_figure_job *job, double x, double y, int32_t class)
{
    size_t nclass = job->data->array.nclass;
    double px = cn_chart_x(chart, x), py = cn_chart_y(chart, y);
    const cn_painter *painter = chart->canvas->painter;
    if (nclass > MOST_CLASSES && class != NO_CLASS)
        painter->circle(chart->canvas->page, px, py, 2.2,
                        cn_colour_fade(cn_colour_scale((double)class / (double)(nclass - 1)), 0.8));
    else if (nclass > 0 && class == NO_CLASS)
        painter->circle(chart->canvas->page, px, py, 2.2, cn_colour_fade(CN_FRAME, 0.8));
    else
        cn_canvas_mark(chart->canvas, px, py, 2.2, nclass > 0 ? (size_t) class : 0, 0.75);
}

static cn_axis make_axis(const scatter *all, size_t which, const char *title)
{
    cn_axis axis = {.low = INFINITY, .high = -INFINITY, .title = title};
    for (size_t i = 0; i < all->sample.count; i++) {
        axis.low = fmin(axis.low, all->points[2 * i + which]);
        axis.high = fmax(axis.high, all->points[2 * i + which]);
    }
    cn_axis_widen(&axis, 0.04);
    return axis;
}

/* As wide as the longest name, within bounds; 0 without classes. */
static double legend_width(cn_canvas *canvas, const cn_array *array)
{
    double width = array->nclass > MOST_CLASSES ? 90 : 0;
    for (size_t i = 0; i < array->nclass && i < MOST_CLASSES; i++)
        width = fmax(width, cn_canvas_text_width(canvas, CN_TEXT_LABEL, array->classes[i]) + 18);
    return array->nclass > 0 ? fmin(width, LEGEND) : 0;
}

static void draw_legend(cn_canvas *canvas, const cn_figure_job *job, double x, double y)
{
    const cn_array *array = &job->data->array;
    if (array->nclass > MOST_CLASSES) {
        cn_canvas_text(canvas, CN_TEXT_SMALL, CN_LEFT, x, y + 8, LEGEND, "by label, from");
        cn_canvas_text(canvas, CN_TEXT_LABEL, CN_LEFT, x + 14, y + 26, LEGEND - 14, array->classes[0]);
        cn_canvas_text(canvas, CN_TEXT_LABEL, CN_LEFT, x + 14, y + 134, LEGEND - 14,
                       array->classes[array->nclass - 1]);
        for (size_t i = 0; i < 60; i++)
            cn_canvas_rectangle(canvas, x, y + 16 + 2.0 * (double)i, 9, 2.2, cn_colour_scale((double)i / 59));
        return;
    }
    for (size_t i = 0; i < array->nclass; i++, y += 18) {
        cn_canvas_mark(canvas, x + 5, y + 4, 4, i, 1);
        cn_canvas_text(canvas, CN_TEXT_LABEL, CN_LEFT, x + 16, y + 8, LEGEND - 16, array->classes[i]);
    }
}

static void axis_title(const scatter *all, size_t which, char text[80])
{
    static const char *const names[] = {"first", "second"};
    if (all->sample.width > 2)
        snprintf(text, 80, "%s principal component (%.0f %% of the variance)", names[which],
                 100 * all->shares[which]);
    else if (which < all->sample.width)
        snprintf(text, 80, "%s value of the code", names[which]);
    else
        text[0] = '\0';
}

static void draw_plot(const cn_figure_job *job, const scatter *all, cn_canvas *canvas, double y)
{
    char across[80], up[80];
    axis_title(all, 0, across);
    axis_title(all, 1, up);
    double legend = legend_width(canvas, &job->data->array), right = legend > 0 ? legend + 14 : 0;
    cn_chart chart = {.canvas = canvas,
                      .x = 80,
                      .y = y,
                      .width = CN_PAGE_WIDTH - 80 - CN_MARGIN - right,
                      .height = HEIGHT - y - 52,
                      .across = make_axis(all, 0, across),
                      .up = make_axis(all, 1, up)};
    cn_chart_draw(&chart);
    for (size_t i = 0; i < all->sample.count; i++)
        draw_point(&chart, job, all->points[2 * i], all->points[2 * i + 1],
                   class_of(job, all->sample.rows[i]));
    if (right > 0)
        draw_legend(canvas, job, chart.x + chart.width + 14, y + 2);
}

static cinch_status draw(const cn_figure_job *job, cn_canvas *canvas, cinch_error *error)
{
    scatter all = {0};
    cinch_status status = find_points(job, &all, error);
    if (!status && !(status = cn_canvas_open(canvas, CN_PAGE_WIDTH, HEIGHT, error))) {
        char line[400];
        snprintf(line, sizeof line, "%zu row%s of %.240s, codes of %zu value%s", all.sample.count,
                 all.sample.count == 1 ? "" : "s", cn_job_source(job), all.sample.width,
                 all.sample.width == 1 ? "" : "s");
        draw_plot(job, &all, canvas, cn_canvas_title(canvas, "Codes", line));
    }
    cn_free(all.points);
    cn_sample_clear(&all.sample);
    return status;
}

static const cn_option options[] = {
    {.name = "points",
     .type = CN_COUNT,
     .minimum = 1,
     .maximum = 100000,
     .standard = "3000",
     .summary = "rows at most, evenly from all"},
    CN_FIGURE_AS,
    {.name = NULL},
};

const cn_figure cn_figure_latent = {
    .part = {.name = "latent",
             .summary = "codes in two dimensions, coloured by label",
             .equation = "of codes wider than 2: the first two principal components",
             .example = "latent points=3000",
             .options = options},
    .rows = true,
    .labels = true,
    .draw = draw,
};
