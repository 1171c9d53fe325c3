#include "report/chart.h"

#include <math.h>
#include <stdio.h>

enum { MOST_TICKS = 64, DOTTED = 31, PIECE = 512 };

/* ---- Axes ------------------------------------------------------------------------------------------ */

void cn_axis_widen(cn_axis *axis, double share)
{
    if (axis->logarithmic) {
        double factor = pow(axis->high / axis->low, share);
        factor = factor > 1 ? factor : 1.5;
        axis->low /= factor;
        axis->high *= factor;
        return;
    }
    double more = share * (axis->high - axis->low);
    if (!(axis->high - axis->low > 1e-9 * fabs(axis->high)))
        more = axis->high != 0 ? 0.1 * fabs(axis->high) : 1;
    axis->low -= more;
    axis->high += more;
}

static double place(const cn_axis *axis, double value)
{
    if (axis->logarithmic)
        return log(value / axis->low) / log(axis->high / axis->low);
    return (value - axis->low) / (axis->high - axis->low);
}

/* 1, 2 or 5 times a power of ten, whichever covers the span in nearest to `wanted` steps. */
static double tick_step(double span, double wanted)
{
    double raw = span / wanted, power = pow(10, floor(log10(raw))), part = raw / power;
    return power * (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10);
}

static size_t even_ticks(const cn_axis *axis, double wanted, double ticks[MOST_TICKS])
{
    double step = tick_step(axis->high - axis->low, wanted);
    if (axis->whole && step < 1)
        step = 1;
    size_t count = 0;
    for (double i = ceil(axis->low / step - 1e-9); i * step <= axis->high + 1e-9 * step && count < MOST_TICKS;
         i++)
        ticks[count++] = i * step + 0.0;
    return count;
}

/* Powers of ten, with 2 and 5 times them where there are few. */
static size_t log_ticks(const cn_axis *axis, double ticks[MOST_TICKS])
{
    static const double parts[] = {1, 2, 5};
    double decades = log10(axis->high / axis->low), jump = fmax(1, ceil(decades / 8));
    size_t nparts = decades < 3 ? 3 : 1, count = 0;
    for (double power = floor(log10(axis->low)); power <= log10(axis->high); power += jump)
        for (size_t i = 0; i < nparts && count < MOST_TICKS; i++) {
            double value = parts[i] * pow(10, power);
            if (value >= axis->low * (1 - 1e-9) && value <= axis->high * (1 + 1e-9))
                ticks[count++] = value;
        }
    return count;
}

/* As many decimals as tell neighbours apart; powers where that is long. */
static void print_tick(const cn_axis *axis, double step, double value, char text[32])
{
    double largest = fmax(fabs(axis->low), fabs(axis->high));
    int decimals = step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
    if (axis->logarithmic || largest >= 1e6 || decimals > 5)
        snprintf(text, 32, "%.6g", value);
    else
        snprintf(text, 32, "%.*f", decimals, value);
}

static size_t find_ticks(const cn_axis *axis, double length, double room, double ticks[MOST_TICKS])
{
    return axis->logarithmic ? log_ticks(axis, ticks) : even_ticks(axis, fmax(2, length / room), ticks);
}

/* ---- The frame ------------------------------------------------------------------------------------- */

double cn_chart_x(const cn_chart *chart, double value)
{
    return chart->x + chart->width * place(&chart->across, value);
}

double cn_chart_y(const cn_chart *chart, double value)
{
    return chart->y + chart->height * (1 - place(&chart->up, value));
}

static void draw_across(const cn_chart *chart)
{
    double ticks[MOST_TICKS], bottom = chart->y + chart->height;
    char text[32];
    size_t count = find_ticks(&chart->across, chart->width, 75, ticks);
    for (size_t i = 0; i < count; i++) {
        double x = cn_chart_x(chart, ticks[i]);
        cn_canvas_segment(chart->canvas, x, chart->y, x, bottom, 0.75, false, CN_GRID);
        cn_canvas_segment(chart->canvas, x, bottom, x, bottom + 4, 0.75, false, CN_FRAME);
        print_tick(&chart->across, count > 1 ? ticks[1] - ticks[0] : 1, ticks[i], text);
        cn_canvas_text(chart->canvas, CN_TEXT_SMALL, CN_CENTRE, x, bottom + 16, 70, text);
    }
    cn_canvas_text(chart->canvas, CN_TEXT_LABEL, CN_CENTRE, chart->x + chart->width / 2, bottom + 35,
                   chart->width, chart->across.title);
}

static void draw_up(const cn_chart *chart)
{
    double ticks[MOST_TICKS];
    char text[32];
    size_t count = find_ticks(&chart->up, chart->height, 48, ticks);
    for (size_t i = 0; i < count; i++) {
        double y = cn_chart_y(chart, ticks[i]);
        cn_canvas_segment(chart->canvas, chart->x, y, chart->x + chart->width, y, 0.75, false, CN_GRID);
        cn_canvas_segment(chart->canvas, chart->x - 4, y, chart->x, y, 0.75, false, CN_FRAME);
        print_tick(&chart->up, count > 1 ? ticks[1] - ticks[0] : 1, ticks[i], text);
        cn_canvas_text(chart->canvas, CN_TEXT_SMALL, CN_RIGHT, chart->x - 7, y + 3.7, 50, text);
    }
    cn_canvas_text_up(chart->canvas, CN_TEXT_LABEL, chart->x - 52, chart->y + chart->height / 2,
                      chart->height, chart->up.title);
}

void cn_chart_draw(const cn_chart *chart)
{
    draw_across(chart);
    draw_up(chart);
    cn_canvas_frame(chart->canvas, chart->x, chart->y, chart->width, chart->height, CN_FRAME);
}

/* ---- Curves ---------------------------------------------------------------------------------------- */

static void flush(const cn_chart *chart, const double *points, size_t npoint, size_t class, bool dashed)
{
    if (npoint > 1)
        cn_canvas_line(chart->canvas, points, npoint, 1.75, dashed, cn_colour_class(class));
}

/* In pieces of PIECE points, each beginning where the last ended. */
void cn_chart_curve(const cn_chart *chart, const double *x, const double *y, size_t count, size_t class,
                    bool dashed)
{
    double points[2 * PIECE];
    size_t npoint = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(y[i])) {
            flush(chart, points, npoint, class, dashed);
            npoint = 0;
            continue;
        }
        if (npoint == PIECE) {
            flush(chart, points, npoint, class, dashed);
            points[0] = points[2 * PIECE - 2];
            points[1] = points[2 * PIECE - 1];
            npoint = 1;
        }
        points[2 * npoint] = cn_chart_x(chart, x[i]);
        points[2 * npoint + 1] = cn_chart_y(chart, y[i]);
        if (count < DOTTED)
            cn_canvas_mark(chart->canvas, points[2 * npoint], points[2 * npoint + 1], 2.5, class, 1);
        npoint++;
    }
    flush(chart, points, npoint, class, dashed);
}
