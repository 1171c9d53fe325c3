/* debug: what a training came to, on one page: two columns of the rows, their codes, the same columns as
 * the model gives them back, and the loss of each epoch. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "report/history.h"
#include "report/scatter.h"

enum { PANEL = 350, SIDE = 256, LEFT = 70, HEAD = 22, FOOT = 48 }; /* of a panel; SIDE: inside the axes */

typedef struct page {
    cn_sample sample;
    cn_scatter input, codes, decoded;
    cn_history history;
    size_t columns[2];
} page;

/* ---- Points ---------------------------------------------------------------------------------------- */

/* A column that the rows lack is 0. */
static cinch_status take_inputs(const cn_figure_job *job, page *all, cinch_error *error)
{
    cn_scatter *input = &all->input;
    *input = (cn_scatter){.count = all->sample.count, .rows = all->sample.rows};
    input->points = cn_new(2 * input->count, sizeof *input->points, error);
    for (size_t i = 0; input->points && i < 2 * input->count; i++)
        if (all->columns[i % 2] < job->data->features)
            input->points[i] = cn_data_value(job->data, input->rows[i / 2], all->columns[i % 2]);
    return input->points ? CINCH_OK : CINCH_MEMORY;
}

/* The reconstructions are the sample's codes decoded. */
static cinch_status take_decoded(const cn_figure_job *job, page *all, cinch_error *error)
{
    cn_scatter *decoded = &all->decoded;
    size_t features = job->data->features;
    *decoded = (cn_scatter){.count = all->sample.count, .rows = all->sample.rows};
    decoded->points = cn_new(2 * decoded->count, sizeof *decoded->points, error);
    float *rows =
        decoded->points ? cn_decode_codes(job->model, all->sample.codes, decoded->count, error) : NULL;
    for (size_t i = 0; rows && i < 2 * decoded->count; i++)
        if (all->columns[i % 2] < features)
            decoded->points[i] = (double)rows[i / 2 * features + all->columns[i % 2]];
    cn_free(rows);
    return rows ? CINCH_OK : CINCH_MEMORY;
}

static cinch_status fill(const cn_figure_job *job, page *all, cinch_error *error)
{
    all->columns[0] = cn_job_value(job->spec, "x")->count;
    all->columns[1] = cn_job_value(job->spec, "y")->count;
    cinch_status status = cn_job_sample(job, cn_job_value(job->spec, "points")->count, &all->sample, error);
    if (!status && !(status = cn_history_read(job->model, &all->history, error)) &&
        !(status = take_inputs(job, all, error)) &&
        !(status = cn_scatter_codes(&all->codes, &all->sample, error)))
        status = take_decoded(job, all, error);
    return status;
}

/* ---- Panels ---------------------------------------------------------------------------------------- */

/* Panel 0 or 1 across, its top at y. */
static cn_chart open_panel(cn_canvas *canvas, size_t place, double y, const char *title)
{
    double x = CN_MARGIN + (double)place * (PANEL - 14);
    cn_canvas_text(canvas, CN_TEXT_HEADING, CN_LEFT, x + LEFT - CN_MARGIN, y + 11, SIDE, title);
    return (cn_chart){
        .canvas = canvas, .x = x + LEFT - CN_MARGIN, .y = y + HEAD, .width = SIDE, .height = SIDE};
}

/* Both panels of columns have the same axes, so that they can be laid over each other. */
static void draw_columns(const cn_figure_job *job, const page *all, cn_chart chart, const cn_scatter *points)
{
    char titles[2][CN_FEATURE_ROOM];
    cn_axis *axes[2] = {&chart.across, &chart.up};
    for (size_t i = 0; i < 2; i++) {
        *axes[i] = (cn_axis){.low = INFINITY, .high = -INFINITY, .title = titles[i]};
        cn_scatter_span(&all->input, i, axes[i]);
        cn_scatter_span(&all->decoded, i, axes[i]);
        cn_axis_widen(axes[i], 0.04);
        titles[i][0] = '\0';
        if (all->columns[i] < job->data->features)
            cn_data_feature(job->data, all->columns[i], titles[i]);
    }
    cn_chart_draw(&chart);
    cn_scatter_draw(points, job, &chart, 1.6);
}

static void draw_codes(const cn_figure_job *job, const page *all, cn_chart chart)
{
    char titles[2][CN_SCATTER_TITLE];
    cn_axis *axes[2] = {&chart.across, &chart.up};
    for (size_t i = 0; i < 2; i++) {
        cn_scatter_title(&all->codes, all->sample.width, i, true, titles[i]);
        *axes[i] = (cn_axis){.low = INFINITY, .high = -INFINITY, .title = titles[i]};
        cn_scatter_span(&all->codes, i, axes[i]);
        cn_axis_widen(axes[i], 0.04);
    }
    cn_chart_draw(&chart);
    cn_scatter_draw(&all->codes, job, &chart, 1.6);
}

static void draw_losses(const page *all, cn_chart chart)
{
    const cn_history *history = &all->history;
    chart.across = (cn_axis){.low = history->epochs[0],
                             .high = history->epochs[history->count - 1],
                             .whole = true,
                             .title = "epoch"};
    chart.up = cn_history_axis(history);
    cn_axis_widen(&chart.across, 0.02);
    cn_chart_draw(&chart);
    for (size_t i = 0; i < CN_NCURVE; i++)
        cn_chart_curve(&chart, history->epochs, history->losses[i], history->count, i,
                       i == CN_CURVE_VALIDATION);
}

static void draw_panels(const cn_figure_job *job, const page *all, cn_canvas *canvas, double y)
{
    char title[96];
    bool validated = cn_history_best(&all->history) < all->history.count;
    draw_columns(job, all, open_panel(canvas, 0, y, "Input"), &all->input);
    draw_codes(job, all, open_panel(canvas, 1, y, "Codes"));
    y += HEAD + SIDE + FOOT;
    draw_columns(job, all, open_panel(canvas, 0, y, "Decoded from the codes"), &all->decoded);
    snprintf(title, sizeof title, "Loss, %.4g in the last epoch%s",
             all->history.losses[CN_CURVE_TRAIN][all->history.count - 1],
             validated ? "; dashed: validation" : "");
    draw_losses(all, open_panel(canvas, 1, y, title));
}

static cinch_status draw_page(const cn_figure_job *job, const page *all, cn_canvas *canvas,
                              cinch_error *error)
{
    char line[400];
    size_t nclass = job->data->array.nclass;
    double width = CN_PAGE_WIDTH - LEFT - CN_MARGIN, legend = cn_legend_height(job, width);
    cinch_status status =
        cn_canvas_open(canvas, CN_PAGE_WIDTH, CN_TITLE_HEIGHT + legend + 2 * (HEAD + SIDE + FOOT), error);
    if (status)
        return status;
    snprintf(line, sizeof line, "%zu row%s of %.240s, codes of %zu value%s%s", all->sample.count,
             all->sample.count == 1 ? "" : "s", cn_job_source(job), all->sample.width,
             all->sample.width == 1 ? "" : "s", nclass ? "; coloured by label" : "");
    double y = cn_canvas_title(canvas, "What the training came to", line);
    y = cn_legend_across(canvas, job, LEFT, y - 2, width);
    draw_panels(job, all, canvas, y + 2);
    return CINCH_OK;
}

static cinch_status draw(const cn_figure_job *job, cn_canvas *canvas, cinch_error *error)
{
    page all = {0};
    cinch_status status = fill(job, &all, error);
    if (!status)
        status = draw_page(job, &all, canvas, error);
    cn_scatter_clear(&all.input);
    cn_scatter_clear(&all.codes);
    cn_scatter_clear(&all.decoded);
    cn_history_clear(&all.history);
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
    {.name = "x",
     .type = CN_COUNT,
     .minimum = 0,
     .maximum = 1e9,
     .standard = "0",
     .summary = "the column drawn across"},
    {.name = "y",
     .type = CN_COUNT,
     .minimum = 0,
     .maximum = 1e9,
     .standard = "1",
     .summary = "the column drawn upward"},
    CN_FIGURE_AS,
    {.name = NULL},
};

const cn_figure cn_figure_debug = {
    .part = {.name = "debug",
             .summary = "rows, codes, decoded rows and losses on one page",
             .equation = "two columns of the rows, coloured by label; of codes wider than 2 the first two "
                         "principal components",
             .example = "debug points=3000 x=0 y=1",
             .options = options},
    .rows = true,
    .labels = true,
    .draw = draw,
};
