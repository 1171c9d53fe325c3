/* latent: codes in two dimensions, coloured by label; of wider codes the first two principal
 * components. */
#include <math.h>
#include <stdio.h>

#include "report/scatter.h"

enum { HEIGHT = 560 };

static cn_axis make_axis(const cn_scatter *all, size_t which, const char *title)
{
    cn_axis axis = {.low = INFINITY, .high = -INFINITY, .title = title};
    cn_scatter_span(all, which, &axis);
    cn_axis_widen(&axis, 0.04);
    return axis;
}

static void draw_plot(const cn_figure_job *job, const cn_scatter *all, size_t width, cn_canvas *canvas,
                      double y)
{
    char across[CN_SCATTER_TITLE], up[CN_SCATTER_TITLE];
    cn_scatter_title(all, width, 0, false, across);
    cn_scatter_title(all, width, 1, false, up);
    double legend = cn_legend_width(canvas, job), right = legend > 0 ? legend + 14 : 0;
    cn_chart chart = {.canvas = canvas,
                      .x = 80,
                      .y = y,
                      .width = CN_PAGE_WIDTH - 80 - CN_MARGIN - right,
                      .height = HEIGHT - y - 52,
                      .across = make_axis(all, 0, across),
                      .up = make_axis(all, 1, up)};
    cn_chart_draw(&chart);
    cn_scatter_draw(all, job, &chart, 2.2);
    if (right > 0)
        cn_legend_draw(canvas, job, chart.x + chart.width + 14, y + 2);
}

static cinch_status draw(const cn_figure_job *job, cn_canvas *canvas, cinch_error *error)
{
    cn_sample sample;
    cn_scatter all = {0};
    cinch_status status = cn_job_sample(job, cn_job_value(job->spec, "points")->count, &sample, error);
    if (!status)
        status = cn_scatter_codes(&all, &sample, error);
    if (!status && !(status = cn_canvas_open(canvas, CN_PAGE_WIDTH, HEIGHT, error))) {
        char line[400];
        snprintf(line, sizeof line, "%zu row%s of %.240s, codes of %zu value%s", sample.count,
                 sample.count == 1 ? "" : "s", cn_job_source(job), sample.width,
                 sample.width == 1 ? "" : "s");
        draw_plot(job, &all, sample.width, canvas, cn_canvas_title(canvas, "Codes", line));
    }
    cn_scatter_clear(&all);
    cn_sample_clear(&sample);
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
