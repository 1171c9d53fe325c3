/* loss: the losses of each epoch, out of the model's history. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "report/chart.h"
#include "report/figure.h"

enum { TRAIN, VALIDATION, NCURVE, HEIGHT = 430, MOST_COLUMNS = 16, RATIO_FOR_LOG = 8 };

/* The history's columns that are drawn; a column it lacks is NaN. */
typedef struct history {
    double *epochs, *losses[NCURVE];
    size_t count;
} history;

/* ---- Reading --------------------------------------------------------------------------------------- */

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; (text = strchr(text, '\n')); text++)
        count++;
    return count;
}

/* The place of a column in the first line; MOST_COLUMNS where it has none. */
static size_t find_column(const char *line, const char *name)
{
    for (size_t column = 0; column < MOST_COLUMNS; column++) {
        size_t length = strcspn(line, ",\r\n");
        if (length == strlen(name) && strncmp(line, name, length) == 0)
            return column;
        if (line[length] != ',')
            break;
        line += length + 1;
    }
    return MOST_COLUMNS;
}

static double read_cell(const char *line, size_t column)
{
    char cell[64];
    double value;
    for (; column > 0; column--) {
        line += strcspn(line, ",\r\n");
        if (*line++ != ',')
            return NAN;
    }
    size_t length = strcspn(line, ",\r\n");
    if (length >= sizeof cell)
        return NAN;
    memcpy(cell, line, length);
    cell[length] = '\0';
    return cn_text_number(cell, &value) ? value : NAN;
}

static void clear_history(history *all)
{
    cn_free(all->epochs);
    for (size_t i = 0; i < NCURVE; i++)
        cn_free(all->losses[i]);
}

static cinch_status read_history(const char *text, history *all, cinch_error *error)
{
    static const char *const names[NCURVE] = {"train_loss", "validation_loss"};
    size_t room = text ? count_lines(text) + 1 : 0, columns[NCURVE];
    const char *line = room ? strchr(text, '\n') : NULL;
    if (!line || !line[1])
        return cn_fail(error, CINCH_BAD_INPUT, "loss: the model has no history");
    all->epochs = cn_new(room, sizeof *all->epochs, error);
    for (size_t i = 0; i < NCURVE; i++) {
        columns[i] = find_column(text, names[i]);
        all->losses[i] = cn_new(room, sizeof **all->losses, error);
    }
    if (!all->epochs || !all->losses[TRAIN] || !all->losses[VALIDATION])
        return CINCH_MEMORY;
    for (line++; *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : "") {
        all->epochs[all->count] = read_cell(line, 0);
        for (size_t i = 0; i < NCURVE; i++)
            all->losses[i][all->count] = read_cell(line, columns[i]);
        all->count += isfinite(all->epochs[all->count]) ? 1 : 0;
    }
    return CINCH_OK;
}

/* ---- Drawing --------------------------------------------------------------------------------------- */

static cn_axis loss_axis(const history *all)
{
    cn_axis axis = {.low = INFINITY, .high = -INFINITY, .title = "loss"};
    for (size_t i = 0; i < NCURVE; i++)
        for (size_t e = 0; e < all->count; e++)
            if (isfinite(all->losses[i][e])) {
                axis.low = fmin(axis.low, all->losses[i][e]);
                axis.high = fmax(axis.high, all->losses[i][e]);
            }
    if (axis.low > axis.high)
        axis.low = axis.high = 0;
    axis.logarithmic = axis.low > 0 && axis.high / axis.low > RATIO_FOR_LOG;
    if (axis.logarithmic)
        axis.title = "loss, logarithmic";
    cn_axis_widen(&axis, 0.05);
    return axis;
}

static size_t best_epoch(const history *all)
{
    size_t best = all->count;
    for (size_t e = 0; e < all->count; e++)
        if (isfinite(all->losses[VALIDATION][e]) &&
            (best == all->count || all->losses[VALIDATION][e] < all->losses[VALIDATION][best]))
            best = e;
    return best;
}

/* A line's sample and its text, above the plot; returns where the next begins. */
static double draw_key(cn_canvas *canvas, double x, double y, size_t curve, const char *text)
{
    cn_canvas_segment(canvas, x, y - 4, x + 22, y - 4, 1.75, curve == VALIDATION, cn_colour_class(curve));
    return x + 28 + cn_canvas_text(canvas, CN_TEXT_LABEL, CN_LEFT, x + 28, y, 280, text) + 22;
}

static void draw_keys(cn_canvas *canvas, const history *all, size_t best)
{
    char text[128];
    size_t last = all->count - 1;
    snprintf(text, sizeof text, "train, %.4g in the last epoch", all->losses[TRAIN][last]);
    double x = draw_key(canvas, 80, 66, TRAIN, text);
    if (best == all->count)
        return;
    snprintf(text, sizeof text, "validation, best %.4g in epoch %.0f", all->losses[VALIDATION][best],
             all->epochs[best]);
    draw_key(canvas, x, 66, VALIDATION, text);
}

static void draw_plot(cn_canvas *canvas, const history *all)
{
    size_t best = best_epoch(all);
    cn_chart chart = {.canvas = canvas,
                      .x = 80,
                      .y = 80,
                      .width = CN_PAGE_WIDTH - 80 - CN_MARGIN,
                      .height = HEIGHT - 80 - 52,
                      .across = {.low = all->epochs[0],
                                 .high = all->epochs[all->count - 1],
                                 .whole = true,
                                 .title = "epoch"},
                      .up = loss_axis(all)};
    cn_axis_widen(&chart.across, 0.02);
    cn_chart_draw(&chart);
    cn_chart_curve(&chart, all->epochs, all->losses[TRAIN], all->count, TRAIN, false);
    cn_chart_curve(&chart, all->epochs, all->losses[VALIDATION], all->count, VALIDATION, true);
    if (best < all->count)
        canvas->painter->ring(canvas->page, cn_chart_x(&chart, all->epochs[best]),
                              cn_chart_y(&chart, all->losses[VALIDATION][best]), 6, 1.5, CN_INK);
    draw_keys(canvas, all, best);
}

static cinch_status draw(const cn_figure_job *job, cn_canvas *canvas, cinch_error *error)
{
    history all = {0};
    cinch_status status = read_history(job->model->history, &all, error);
    if (!status && all.count == 0)
        status = cn_fail(error, CINCH_BAD_INPUT, "loss: the model has no history");
    if (!status && !(status = cn_canvas_open(canvas, CN_PAGE_WIDTH, HEIGHT, error))) {
        char line[64];
        snprintf(line, sizeof line, "%zu epoch%s", all.count, all.count == 1 ? "" : "s");
        cn_canvas_title(canvas, "Loss", line);
        draw_plot(canvas, &all);
    }
    clear_history(&all);
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
