/* A plot's frame: two axes with sensible ticks, and a legend. */
#ifndef CN_REPORT_CHART_H
#define CN_REPORT_CHART_H

#include "report/canvas.h"

typedef struct cn_axis {
    double low, high; /* what it spans, low < high */
    bool logarithmic; /* then low > 0 */
    bool whole;       /* ticks at whole numbers only */
    const char *title;
} cn_axis;

typedef struct cn_chart {
    cn_canvas *canvas;
    double x, y, width, height; /* the area inside the axes */
    cn_axis across, up;
} cn_chart;

/* Makes [low, high] an axis: wider by `share` at each end, and never empty. */
void cn_axis_widen(cn_axis *axis, double share);

/* Frame, grid, ticks and titles: 56 points to the left of the area and 42 below it are used. */
void cn_chart_draw(const cn_chart *chart);
double cn_chart_x(const cn_chart *chart, double value);
double cn_chart_y(const cn_chart *chart, double value);

/* A curve, broken where a value is no number; dots on its points where they are few. */
void cn_chart_curve(const cn_chart *chart, const double *x, const double *y, size_t count, size_t class,
                    bool dashed);

#endif
