/* histogram: how the values of the codes are spread, or how each unit's mean is. */
#include <math.h>
#include <stdio.h>

#include "report/chart.h"
#include "report/figure.h"

enum { VALUES, MEANS, HEIGHT = 400, MOST_ROWS = 20000, MOST_BINS = 200 };

typedef struct spread {
    const float *values;
    size_t count;
    double low, high, mean, zeros; /* zeros: the share that is exactly 0 */
    size_t bins[MOST_BINS], nbin, fullest;
} spread;

static void count_values(spread *all, size_t nbin)
{
    all->low = INFINITY;
    all->high = -INFINITY;
    all->nbin = nbin;
    for (size_t i = 0; i < all->count; i++) {
        double value = (double)all->values[i];
        all->low = fmin(all->low, value);
        all->high = fmax(all->high, value);
        all->mean += value / (double)all->count;
        all->zeros += value == 0 ? 1 / (double)all->count : 0;
    }
    if (!(all->high > all->low)) {
        all->low -= 0.5;
        all->high += 0.5;
    }
    for (size_t i = 0; i < all->count; i++) {
        double part = ((double)all->values[i] - all->low) / (all->high - all->low);
        size_t bin = (size_t)(part * (double)nbin);
        size_t *count = &all->bins[bin < nbin ? bin : nbin - 1];
        all->fullest = ++*count > all->fullest ? *count : all->fullest;
    }
}

/* Each unit's mean takes the place of its first value. */
static void take_means(cn_sample *sample)
{
    for (size_t j = 0; j < sample->width; j++) {
        double sum = 0;
        for (size_t i = 0; i < sample->count; i++)
            sum += (double)sample->codes[i * sample->width + j];
        sample->codes[j] = (float)(sum / (double)sample->count);
    }
}

/* In percent, from 0 to a little above the fullest bin. */
static cn_axis share_axis(const spread *all, const char *title)
{
    return (cn_axis){
        .low = 0, .high = 1.05 * 100 * (double)all->fullest / (double)all->count, .title = title};
}

static void draw_bins(const cn_chart *chart, const spread *all)
{
    double step =
        chart->width * (all->high - all->low) / (chart->across.high - chart->across.low) / (double)all->nbin;
    double left = cn_chart_x(chart, all->low), bottom = chart->y + chart->height;
    for (size_t i = 0; i < all->nbin; i++) {
        double top = cn_chart_y(chart, 100 * (double)all->bins[i] / (double)all->count);
        cn_canvas_rectangle(chart->canvas, left + step * ((double)i + 0.05), top, 0.9 * step, bottom - top,
                            cn_colour_class(0));
    }
    double x = cn_chart_x(chart, all->mean);
    cn_canvas_segment(chart->canvas, x, chart->y, x, bottom, 1.5, true, cn_colour_class(1));
}

static void draw_key(cn_canvas *canvas, const spread *all, bool means)
{
    char text[160];
    int length = snprintf(text, sizeof text, "mean %.4g", all->mean);
    if (all->zeros > 0 && length > 0)
        snprintf(text + length, sizeof text - (size_t)length, "; %.1f %% of the %s are exactly 0",
                 100 * all->zeros, means ? "means" : "values");
    cn_canvas_segment(canvas, 80, 62, 102, 62, 1.5, true, cn_colour_class(1));
    cn_canvas_text(canvas, CN_TEXT_LABEL, CN_LEFT, 108, 66, 500, text);
}

static void draw_plot(cn_canvas *canvas, const spread *all, bool means)
{
    cn_chart chart = {.canvas = canvas,
                      .x = 80,
                      .y = 80,
                      .width = CN_PAGE_WIDTH - 80 - CN_MARGIN,
                      .height = HEIGHT - 80 - 52,
                      .across = {.low = all->low,
                                 .high = all->high,
                                 .title = means ? "mean of a unit of the code" : "value in a code"},
                      .up = share_axis(all, means ? "units (%)" : "values (%)")};
    cn_axis_widen(&chart.across, 0.02);
    cn_chart_draw(&chart);
    draw_bins(&chart, all);
    draw_key(canvas, all, means);
}

static cinch_status draw(const cn_figure_job *job, cn_canvas *canvas, cinch_error *error)
{
    cn_sample sample;
    bool means = cn_job_value(job->spec, "of")->word == MEANS;
    cinch_status status = cn_job_sample(job, MOST_ROWS, &sample, error);
    if (status)
        return status;
    if (means)
        take_means(&sample);
    spread all = {.values = sample.codes, .count = means ? sample.width : sample.count * sample.width};
    count_values(&all, cn_job_value(job->spec, "bins")->count);
    if (!(status = cn_canvas_open(canvas, CN_PAGE_WIDTH, HEIGHT, error))) {
        char line[400];
        snprintf(line, sizeof line, "%zu row%s of %.240s, codes of %zu value%s", sample.count,
                 sample.count == 1 ? "" : "s", cn_job_source(job), sample.width,
                 sample.width == 1 ? "" : "s");
        cn_canvas_title(canvas,
                        means ? "How active the code's units are" : "How the code's values are spread", line);
        draw_plot(canvas, &all, means);
    }
    cn_sample_clear(&sample);
    return status;
}

static const char *const of_words[] = {"values", "means", NULL};

static const cn_option options[] = {
    {.name = "of",
     .type = CN_WORD,
     .words = of_words,
     .standard = "values",
     .summary = "every value of every code, or the mean of each of the code's units"},
    {.name = "bins",
     .type = CN_COUNT,
     .minimum = 1,
     .maximum = MOST_BINS,
     .standard = "50",
     .summary = "bars"},
    CN_FIGURE_AS,
    {.name = NULL},
};

const cn_figure cn_figure_histogram = {
    .part = {.name = "histogram",
             .summary = "how the values of the codes are spread",
             .example = "histogram of=values bins=50",
             .options = options},
    .rows = true,
    .draw = draw,
};
