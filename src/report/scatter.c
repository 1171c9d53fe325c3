#include "report/scatter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { MOST_CLASSES = 24, ROUNDS = 300, NO_CLASS = -1, LEGEND = CN_LEGEND_WIDTH };

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
static void project(cn_scatter *all, const cn_sample *sample, const double *mean, const double *axes)
{
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

static cinch_status find_components(cn_scatter *all, const cn_sample *sample, cinch_error *error)
{
    size_t width = sample->width;
    double *room = cn_new(4 * width, sizeof *room, error); /* mean, two axes, the next one */
    if (!room)
        return CINCH_MEMORY;
    double *mean = room, *axes = room + width, *next = room + 3 * width;
    for (size_t i = 0; i < sample->count * width; i++)
        mean[i % width] += (double)sample->codes[i] / (double)sample->count;
    find_axis(sample, mean, NULL, axes, next);
    find_axis(sample, mean, axes, axes + width, next);
    project(all, sample, mean, axes);
    cn_free(room);
    return CINCH_OK;
}

/* A code of one or two values is its own picture; one value lies on a line. */
static void take_codes(cn_scatter *all, const cn_sample *sample)
{
    for (size_t i = 0; i < sample->count; i++)
        for (size_t j = 0; j < sample->width; j++)
            all->points[2 * i + j] = (double)sample->codes[i * sample->width + j];
}

cinch_status cn_scatter_codes(cn_scatter *all, const cn_sample *sample, cinch_error *error)
{
    *all = (cn_scatter){.count = sample->count, .rows = sample->rows};
    all->points = cn_new(2 * sample->count, sizeof *all->points, error);
    if (!all->points)
        return CINCH_MEMORY;
    if (sample->width > 2)
        return find_components(all, sample, error);
    take_codes(all, sample);
    return CINCH_OK;
}

void cn_scatter_clear(cn_scatter *all)
{
    cn_free(all->points);
    *all = (cn_scatter){0};
}

void cn_scatter_title(const cn_scatter *all, size_t width, size_t which, bool brief,
                      char text[CN_SCATTER_TITLE])
{
    static const char *const names[] = {"first", "second"};
    if (width > 2)
        snprintf(text, CN_SCATTER_TITLE, "%s principal component (%.0f %%%s)", names[which],
                 100 * all->shares[which], brief ? "" : " of the variance");
    else if (which < width)
        snprintf(text, CN_SCATTER_TITLE, "%s value of the code", names[which]);
    else
        text[0] = '\0';
}

/* ---- Drawing --------------------------------------------------------------------------------------- */

static int32_t class_of(const cn_figure_job *job, size_t row)
{
    return job->data->array.labels ? job->data->array.labels[row] : NO_CLASS;
}

/* Few classes have each a colour of the eight; more are places on the scale. */
static void draw_point(const cn_chart *chart, const cn_figure_job *job, double x, double y, double radius,
                       int32_t class)
{
    size_t nclass = job->data->array.nclass;
    double px = cn_chart_x(chart, x), py = cn_chart_y(chart, y);
    const cn_painter *painter = chart->canvas->painter;
    if (nclass > MOST_CLASSES && class != NO_CLASS)
        painter->circle(chart->canvas->page, px, py, radius,
                        cn_colour_fade(cn_colour_scale((double)class / (double)(nclass - 1)), 0.8));
    else if (nclass > 0 && class == NO_CLASS)
        painter->circle(chart->canvas->page, px, py, radius, cn_colour_fade(CN_FRAME, 0.8));
    else
        cn_canvas_mark(chart->canvas, px, py, radius, nclass > 0 ? (size_t) class : 0, 0.75);
}

void cn_scatter_span(const cn_scatter *all, size_t which, cn_axis *axis)
{
    for (size_t i = 0; i < all->count; i++) {
        axis->low = fmin(axis->low, all->points[2 * i + which]);
        axis->high = fmax(axis->high, all->points[2 * i + which]);
    }
}

void cn_scatter_draw(const cn_scatter *all, const cn_figure_job *job, const cn_chart *chart, double radius)
{
    for (size_t i = 0; i < all->count; i++)
        draw_point(chart, job, all->points[2 * i], all->points[2 * i + 1], radius,
                   class_of(job, all->rows[i]));
}

/* ---- Legends --------------------------------------------------------------------------------------- */

/* As wide as the longest name, within bounds; 0 without classes. */
double cn_legend_width(cn_canvas *canvas, const cn_figure_job *job)
{
    const cn_array *array = &job->data->array;
    double width = array->nclass > MOST_CLASSES ? 90 : 0;
    for (size_t i = 0; i < array->nclass && i < MOST_CLASSES; i++)
        width = fmax(width, cn_canvas_text_width(canvas, CN_TEXT_LABEL, array->classes[i]) + 18);
    return array->nclass > 0 ? fmin(width, LEGEND) : 0;
}

void cn_legend_draw(cn_canvas *canvas, const cn_figure_job *job, double x, double y)
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

enum { LONGEST_NAME = 120, LEGEND_LINE = 17, AROUND_NAME = 30 };

/* No letter is wider than 10 points; names are cut. */
double cn_legend_height(const cn_figure_job *job, double width)
{
    const cn_array *array = &job->data->array;
    double at = 0, lines = array->nclass > 0;
    for (size_t i = 0; i < array->nclass && array->nclass <= MOST_CLASSES; i++) {
        double name = fmin(10 * (double)strlen(array->classes[i]), LONGEST_NAME) + AROUND_NAME;
        lines += at > 0 && at + name > width;
        at = at > 0 && at + name > width ? name : at + name;
    }
    return lines * LEGEND_LINE;
}

/* The classes in lines, each name as wide as it is. */
static double flow_legend(cn_canvas *canvas, const cn_array *array, double x, double y, double width)
{
    double at = x;
    for (size_t i = 0; i < array->nclass; i++) {
        double name = fmin(cn_canvas_text_width(canvas, CN_TEXT_LABEL, array->classes[i]), LONGEST_NAME);
        if (at > x && at + 16 + name > x + width) {
            at = x;
            y += LEGEND_LINE;
        }
        cn_canvas_mark(canvas, at + 5, y + 4, 4, i, 1);
        cn_canvas_text(canvas, CN_TEXT_LABEL, CN_LEFT, at + 14, y + 8, LONGEST_NAME, array->classes[i]);
        at += name + AROUND_NAME;
    }
    return y + LEGEND_LINE;
}

double cn_legend_across(cn_canvas *canvas, const cn_figure_job *job, double x, double y, double width)
{
    const cn_array *array = &job->data->array;
    if (array->nclass == 0)
        return y;
    if (array->nclass <= MOST_CLASSES)
        return flow_legend(canvas, array, x, y, width);
    x += cn_canvas_text(canvas, CN_TEXT_LABEL, CN_LEFT, x, y + 8, LEGEND, array->classes[0]) + 8;
    for (size_t i = 0; i < 60; i++)
        cn_canvas_rectangle(canvas, x + 2.0 * (double)i, y, 2.2, 9, cn_colour_scale((double)i / 59));
    cn_canvas_text(canvas, CN_TEXT_LABEL, CN_LEFT, x + 128, y + 8, LEGEND, array->classes[array->nclass - 1]);
    return y + LEGEND_LINE;
}
