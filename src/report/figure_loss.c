/* loss: the losses of each epoch, out of the model's history. */
#include <stdio.h>

#include "report/figure.h"
#include "report/history.h"

enum { HEIGHT = 430 };

/* A line's sample and its text, above the plot; returns where the next begins. */
static double draw_key(cn_canvas *canvas, double x, double y, size_t curve, const char *text)
{
    cn_canvas_segment(canvas, x, y - 4, x + 22, y - 4, 1.75, curve == CN_CURVE_VALIDATION,
                      cn_colour_class(curve));
    return x + 28 + cn_canvas_text(canvas, CN_TEXT_LABEL, CN_LEFT, x + 28, y, 280, text) + 22;
}

static void draw_keys(cn_canvas *canvas, const cn_history *all, size_t best)
{
    char text[128];
    size_t last = all->count - 1;
    snprintf(text, sizeof text, "train, %.4g in the last epoch", all->losses[CN_CURVE_TRAIN][last]);
    double x = draw_key(canvas, 80, 66, CN_CURVE_TRAIN, text);
    if (best == all->count)
        return;
    snprintf(text, sizeof text, "validation, best %.4g in epoch %.0f", all->losses[CN_CURVE_VALIDATION][best],
             all->epochs[best]);
    draw_key(canvas, x, 66, CN_CURVE_VALIDATION, text);
}

static void draw_plot(cn_canvas *canvas, const cn_history *all)
{
    size_t best = cn_history_best(all);
    cn_chart chart = {.canvas = canvas,
                      .x = 80,
                      .y = 80,
                      .width = CN_PAGE_WIDTH - 80 - CN_MARGIN,
                      .height = HEIGHT - 80 - 52,
                      .across = {.low = all->epochs[0],
                                 .high = all->epochs[all->count - 1],
                                 .whole = true,
                                 .title = "epoch"},
                      .up = cn_history_axis(all)};
    cn_axis_widen(&chart.across, 0.02);
    cn_chart_draw(&chart);
    cn_chart_curve(&chart, all->epochs, all->losses[CN_CURVE_TRAIN], all->count, CN_CURVE_TRAIN, false);
    cn_chart_curve(&chart, all->epochs, all->losses[CN_CURVE_VALIDATION], all->count, CN_CURVE_VALIDATION,
                   true);
    if (best < all->count)
        canvas->painter->ring(canvas->page, cn_chart_x(&chart, all->epochs[best]),
                              cn_chart_y(&chart, all->losses[CN_CURVE_VALIDATION][best]), 6, 1.5, CN_INK);
    draw_keys(canvas, all, best);
}

static cinch_status draw(const cn_figure_job *job, cn_canvas *canvas, cinch_error *error)
{
    cn_history all = {0};
    cinch_status status = cn_history_read(job->model, &all, error);
    if (!status && !(status = cn_canvas_open(canvas, CN_PAGE_WIDTH, HEIGHT, error))) {
        char line[64];
        snprintf(line, sizeof line, "%zu epoch%s", all.count, all.count == 1 ? "" : "s");
        cn_canvas_title(canvas, "Loss", line);
        draw_plot(canvas, &all);
    }
    cn_history_clear(&all);
    return status;
}

static const cn_option options[] = {CN_FIGURE_AS, {.name = NULL}};

const cn_figure cn_figure_loss = {
    .part = {.name = "loss",
             .summary = "the loss of each epoch, of training and validation",
             .example = "loss",
             .options = options},
    .draw = draw,
};
