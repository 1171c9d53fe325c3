/* Points in two dimensions, one a row, coloured by the rows' labels. */
#ifndef CN_REPORT_SCATTER_H
#define CN_REPORT_SCATTER_H

#include "report/chart.h"
#include "report/figure.h"

typedef struct cn_scatter {
    double *points; /* [count][2] */
    size_t count;
    const size_t *rows; /* [count]: which of the job's rows each one is; borrowed */
    double shares[2];   /* of the variance, that each axis shows; 0 where the axes are columns */
} cn_scatter;

/* The sample's codes; of those wider than 2 the first two principal components. The sample must outlive
 * it. Clear it after a failure too. */
cinch_status cn_scatter_codes(cn_scatter *all, const cn_sample *sample, cinch_error *error);
void cn_scatter_clear(cn_scatter *all);

/* What stands at an axis of codes `width` wide; `brief` where that is short. */
enum { CN_SCATTER_TITLE = 80 };
void cn_scatter_title(const cn_scatter *all, size_t width, size_t which, bool brief,
                      char text[CN_SCATTER_TITLE]);

/* Widens an axis to hold coordinate `which` of all points. */
void cn_scatter_span(const cn_scatter *all, size_t which, cn_axis *axis);
void cn_scatter_draw(const cn_scatter *all, const cn_figure_job *job, const cn_chart *chart, double radius);

/* The classes' colours and names: in a column as wide as `width` says (0 without classes), or across, in
 * lines of a width, what comes below beginning at the y returned; `height` is enough for that, known before
 * there is a page. */
enum { CN_LEGEND_WIDTH = 160 }; /* at most */
double cn_legend_width(cn_canvas *canvas, const cn_figure_job *job);
void cn_legend_draw(cn_canvas *canvas, const cn_figure_job *job, double x, double y);
double cn_legend_height(const cn_figure_job *job, double width);
double cn_legend_across(cn_canvas *canvas, const cn_figure_job *job, double x, double y, double width);

#endif
